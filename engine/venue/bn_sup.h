/* bn_sup.h - one session's life on the cold lane: dial, log on, hand over, watch, replace.
 * What:    a session is dialled when it is wanted and not up, and once more when the one that is up grows old (make before
 *          break). A finished one is put into a hand-over slot and announced by CTL_ADOPT; LINK messages read from the
 *          journal tell whether the hot lane took it and when it died.
 * Owner:   tg_bn_sup_open allocates the dialler and two hand-over slots, tg_bn_sup_close frees them.
 * Threads: the cold lane; a hand-over slot belongs to the hot lane from CTL_ADOPT until LINK up (or down) of its generation.
 * Limit:   TG_BN_PATH_BYTES of request path.
 * Errors:  an attempt that failed is told by the `failed` callback, with its reason; backoff and budget decide on the next. */
#ifndef TG_VENUE_BN_SUP_H
#define TG_VENUE_BN_SUP_H

#include "engine/conf/conf.h"
#include "engine/msg/msg.h"
#include "engine/venue/hot_session.h"
#include "net/backoff.h"
#include "net/dial.h"

#define TG_BN_PATH_BYTES 2048

typedef struct tg_bn_sup tg_bn_sup_t;

typedef struct tg_bn_sup_ops {
  /* Sends CTL_* to the stage of this session. 0 or -TG_EFULL (tried again). */
  int (*ctl)(void *user, const tg_msg_t *msg);
  /* First words on an open session (logon); returns bytes put into buf, 0 when there is nothing to say. */
  size_t (*hello)(void *user, tg_bn_sup_t *sup, char *buf, size_t cap, uint64_t now_ns);
  /* An answer before the hand-over: 1 go on to hand over, 0 wait for more, -TG_E* give up. */
  int (*answer)(void *user, tg_bn_sup_t *sup, const char *text, size_t len, uint64_t now_ns);
  /* An attempt, or the session, ended. */
  void (*failed)(void *user, tg_bn_sup_t *sup, int err, const char *reason);
} tg_bn_sup_ops_t;

struct tg_bn_sup {
  tg_session_t id;
  const tg_bn_sup_ops_t *ops;
  void *user;
  tg_dial_t *dial;
  tg_dial_cfg_t cfg;
  char path[TG_BN_PATH_BYTES];
  tg_backoff_t backoff;
  tg_retry_budget_t *budget;
  tg_handoff_t *handoff[TG_HOT_SLOTS];
  uint32_t slot_gen[TG_HOT_SLOTS]; /* generation waiting in the slot, 0 = ours to fill */
  uint8_t slot_next;
  bool wanted, dialling, detach_due, take_due, up, ever_up;
  uint32_t up_gen;
  uint32_t stale_gen; /* generations up to this one are to be replaced (listen key) */
  uint64_t up_since_ns, rotate_ns, now_ns;
  uint64_t hold_ns; /* no dialling before this: the venue asked for a pause */
  uint64_t dial_cnt, down_cnt;
};

/* 0 or -TG_ENOMEM. `rotate_ns` is the age at which a session is replaced. */
TG_MUST_USE int tg_bn_sup_open(tg_bn_sup_t *sup, tg_session_t id, tg_netcold_t *net, const tg_bn_sup_ops_t *ops, void *user,
                               tg_retry_budget_t *budget, uint64_t base_ns, uint64_t max_ns, uint64_t seed, uint64_t rotate_ns);
void tg_bn_sup_close(tg_bn_sup_t *sup);
/* Host, port and TLS; the path may change between attempts (listen key). Strings outlive the supervisor. */
void tg_bn_sup_target(tg_bn_sup_t *sup, const char *host, uint16_t port, tg_tls_t *tls, uint32_t timeout_ms);
/* 0, -TG_ESIZE. */
TG_MUST_USE int tg_bn_sup_path(tg_bn_sup_t *sup, const char *path, size_t len);
/* The session that is up, or under way, is of no use any more (its listen key ended): it is replaced as at rotation, with the
 * path of now. */
void tg_bn_sup_renew(tg_bn_sup_t *sup);
/* Housekeeping: dials, finishes hand-overs. */
void tg_bn_sup_turn(tg_bn_sup_t *sup, uint64_t now_ns);
/* A LINK message of this session from the journal. True when it came up with a new generation. */
bool tg_bn_sup_link(tg_bn_sup_t *sup, const tg_link_t *link, uint64_t now_ns);

#endif

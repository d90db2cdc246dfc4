/* bn_kill.h - the kill at the venue: list, cancel ours by id prefix, list again, until the venue shows none.
 * What:    a state machine without I/O: it says what to ask (ops) and is told what came back. The engine's cold lane, the
 *          watchdog program and the kill drill drive the same machine.
 *
 *            OFF ── start ──▶ LISTING ── ours found ──▶ CANCELLING ── all answered ──▶ PAUSING ──┐
 *                              ▲   │ none                                                        │
 *                              │   └──▶ EMPTY (verified) ── re-checked slowly ──▶ LISTING        │
 *                              └─────────────────────────────────────────────────────────────────┘
 *          Ours: the client id parses and carries the mode's letter. A stranger's order is counted, never touched.
 * Owner:   caller (about 150 KB); ops and their user outlive it.
 * Threads: one.
 * Limit:   TG_BN_KILL_ORDERS orders and TG_BN_KILL_ROUNDS rounds are remembered (for the evidence); orders beyond the cap wait
 * for the next round; TG_BN_KILL_IN_FLIGHT cancels unanswered. Errors:  a list or a cancel that fails is asked again after a
 * pause that doubles; nothing ends the loop but tg_bn_kill_off. */
#ifndef TG_VENUE_BN_KILL_H
#define TG_VENUE_BN_KILL_H

#include "codecs/symtab.h"
#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/msg/msg.h"

#define TG_BN_KILL_ORDERS 512
#define TG_BN_KILL_ROUNDS 128
#define TG_BN_KILL_IN_FLIGHT 16
#define TG_BN_KILL_SCOPES TG_INSTR_MAX
#define TG_BN_KILL_TEXT 24

typedef enum tg_bn_kill_phase {
  TG_BN_KILL_OFF,
  TG_BN_KILL_LISTING,
  TG_BN_KILL_CANCELLING,
  TG_BN_KILL_PAUSING,
  TG_BN_KILL_EMPTY
} tg_bn_kill_phase_t;

typedef enum tg_bn_kill_fate {
  TG_BN_KILL_FOUND,     /* listed, no cancel sent (yet) */
  TG_BN_KILL_SENT,      /* cancel without an answer */
  TG_BN_KILL_CANCELLED, /* confirmed */
  TG_BN_KILL_GONE,      /* the venue says there is no such order any more */
  TG_BN_KILL_FAILED     /* refused, lost or unreadable: the next list tells */
} tg_bn_kill_fate_t;
const char *tg_bn_kill_fate_name(tg_bn_kill_fate_t fate);

/* An order of ours that a list showed. */
typedef struct tg_bn_kill_order {
  uint64_t client_id;
  int64_t order_id;
  char symbol[TG_SYM_TEXT_MAX + 1];
  char side[8], price[TG_BN_KILL_TEXT], qty[TG_BN_KILL_TEXT], filled[TG_BN_KILL_TEXT]; /* the venue's own text */
  bool reduce_only;
  bool listed; /* in the round under way */
  uint8_t fate;
  uint32_t tries;
  uint64_t found_ns, sent_ns, done_ns;
  int32_t http_status, code; /* of the last cancel's answer */
} tg_bn_kill_order_t;

typedef struct tg_bn_kill_round {
  uint64_t asked_ns, answered_ns;
  int32_t err, http_status; /* of the list that failed, 0 none */
  uint32_t ours, spared, foreign;
} tg_bn_kill_round_t;

typedef struct tg_bn_kill_ops {
  /* Asks for the open orders of a symbol, NULL: of the whole account. 0: tg_bn_kill_listed will be called once; else not sent.
   */
  int (*list)(void *user, const char *symbol, uint64_t now_ns);
  /* Cancels by order id. 0: tg_bn_kill_cancelled(idx) will be called once; else not sent. */
  int (*cancel)(void *user, uint32_t idx, const tg_bn_kill_order_t *order, uint64_t now_ns);
  /* True: an order of ours that is meant to be there (placed under the latch to unwind). NULL: none is. */
  bool (*spare)(void *user, const tg_bn_kill_order_t *order);
} tg_bn_kill_ops_t;

typedef struct tg_bn_kill_cfg {
  tg_mode_t mode;           /* ours carry its letter */
  const char *const *scope; /* symbols to list one after another; NULL: the whole account at once */
  uint32_t scope_cnt;
  uint64_t pause_ns, pause_max_ns;     /* between rounds */
  uint64_t recheck_ns, recheck_max_ns; /* once verified empty */
} tg_bn_kill_cfg_t;

/* Whole account, 100 ms to 2 s between rounds, re-checks after 1 s, then doubling to 10 s. */
tg_bn_kill_cfg_t tg_bn_kill_cfg_default(tg_mode_t mode);

typedef struct tg_bn_kill {
  tg_bn_kill_cfg_t cfg;
  const tg_bn_kill_ops_t *ops;
  void *user;
  uint8_t phase;
  bool once;  /* one round, then OFF: the sweep of an EMERGENCY without a latch */
  bool asked; /* a list is under way */
  bool failed;
  uint32_t scope_at, in_flight;
  uint32_t listed; /* ours in the last complete round, those spared not counted */
  uint32_t progress;
  uint64_t due_ns, pause_ns, recheck_ns;
  uint64_t start_ns, first_cancel_ns, last_confirmed_ns;
  uint64_t empty_ns; /* when it was verified first; 0 not yet */
  uint64_t empty_last_ns;
  uint64_t empty_asked_ns; /* when the list was asked for that showed none last */
  uint64_t cancels_sent, cancels_confirmed, cancels_failed, lists_failed, foreign_seen;
  tg_bn_kill_order_t order[TG_BN_KILL_ORDERS];
  uint32_t order_cnt, overflow_cnt;
  tg_bn_kill_round_t round[TG_BN_KILL_ROUNDS];
  uint32_t round_cnt; /* ever begun; the last TG_BN_KILL_ROUNDS are kept: round[n % TG_BN_KILL_ROUNDS] */
} tg_bn_kill_t;

void tg_bn_kill_init(tg_bn_kill_t *kill, const tg_bn_kill_cfg_t *cfg, const tg_bn_kill_ops_t *ops, void *user);
/* Begins, forgetting what an earlier kill found; while one runs, `once` may become lasting and a wait is cut short. */
void tg_bn_kill_start(tg_bn_kill_t *kill, bool once, uint64_t now_ns);
/* Ends the loop; answers under way are still told and change nothing. */
void tg_bn_kill_off(tg_bn_kill_t *kill);
/* Asks what is due. Nothing is sent before hold_until_ns (a pause or ban of the venue). */
void tg_bn_kill_turn(tg_bn_kill_t *kill, uint64_t now_ns, uint64_t hold_until_ns);
/* The list's answer: err 0 and the body of HTTP status, or a transport error. */
void tg_bn_kill_listed(tg_bn_kill_t *kill, int err, int http_status, const char *body, size_t len, uint64_t now_ns);
/* A cancel's answer. */
void tg_bn_kill_cancelled(tg_bn_kill_t *kill, uint32_t idx, int err, int http_status, const char *body, size_t len,
                          uint64_t now_ns);
/* The venue showed none of ours when it was asked last. */
static inline bool tg_bn_kill_is_empty(const tg_bn_kill_t *kill) {
  return kill->empty_last_ns != 0 && kill->listed == 0;
}

#endif

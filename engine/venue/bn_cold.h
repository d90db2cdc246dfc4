/* bn_cold.h - Binance on the cold lane: start-up, REST, session supervision, the venue's dead-man timer.
 * What:    start-up in order (server time, exchangeInfo, fees, position mode, listen key, then the four sessions);
 *          afterwards clock samples, listen-key life, depth snapshots, account queries, the kill's cancel-by-prefix and, with
 *          venue.order_entry = rest, the orders themselves. It asks and decodes; what to do with account truth is
 * engine/cold's. Owner:   tg_bn_cold_open allocates, tg_bn_cold_close frees and wipes secrets. Threads: the cold lane. `symtab`
 * is complete before the first CTL_ADOPT leaves, and constant afterwards. Limit:   TG_BN_CALLS requests under way;
 * TG_BN_COLD_BATCH messages an answer. Errors:  start-up: tg_bn_cold_fatal tells the exit code and one line. Later errors are
 * logged and counted; 429 and 418 stop every request of this lane until their end, the kill's cancels excepted. */
#ifndef TG_VENUE_BN_COLD_H
#define TG_VENUE_BN_COLD_H

#include "codecs/bn_md.h"
#include "codecs/bn_rest.h"
#include "engine/conf/conf.h"
#include "engine/conf/secret.h"
#include "engine/venue/bn_kill.h"
#include "engine/venue/bn_sup.h"
#include "net/http.h"

#define TG_BN_CALLS 128
#define TG_BN_COLD_BATCH 16384
#define TG_BN_SESSIONS 4

/* What account queries bring; equal to TG_SYNC_WANT_* of engine/cold/sync.h (asserted in engine/run). */
#define TG_BN_WANT_POSITIONS 0x1u
#define TG_BN_WANT_ORDERS 0x2u
#define TG_BN_WANT_BALANCES 0x4u

typedef enum tg_bn_phase {
  TG_BN_TIME,
  TG_BN_INFO,
  TG_BN_FEES,
  TG_BN_MODE,
  TG_BN_KEY, /* start-up, one request at a time */
  TG_BN_RUNNING,
  TG_BN_FAILED
} tg_bn_phase_t;

typedef struct tg_bn_cold_ops {
  /* Messages for the core, in order and together. 0 or -TG_EFULL (counted as lost by the caller's rules). */
  int (*to_core)(void *user, const tg_msg_t *msg, uint32_t cnt);
  int (*to_feed)(void *user, const tg_msg_t *msg);
  int (*to_gateway)(void *user, const tg_msg_t *msg);
  /* Rows of one account query; dual_side 1, 0 or -1 not told. */
  void (*account_part)(void *user, uint32_t want_bit, const tg_msg_t *msg, uint32_t cnt, int dual_side);
  /* An account query ended without rows: err and HTTP status (0 none). */
  void (*account_failed)(void *user, int err, uint16_t http_status);
  /* A session came up with a new generation. */
  void (*session_up)(void *user, tg_session_t session);
} tg_bn_cold_ops_t;

typedef struct tg_bn_secrets {
  tg_secret_text_t api_key;       /* of the HMAC key: REST */
  tg_secret_text_t key_header;    /* the header line that carries it */
  tg_secret_text_t logon_api_key; /* of the Ed25519 key: session.logon */
  bool has_ed25519;
  tg_hmac_key_t hmac;
  tg_ed25519_key_t ed25519;
} tg_bn_secrets_t;

/* The API key of REST, and its header. 0 or -TG_ESIZE. */
TG_MUST_USE int tg_bn_secrets_key(tg_bn_secrets_t *secrets, const void *key, size_t len);
/* Reads the key files named in conf; `secrets` lies in an area of secret.h. 0, -TG_EPERM, -TG_ENOTFOUND, -TG_ESIZE, -TG_ESYNTAX
 * ...; err_text says what to do. */
TG_MUST_USE int tg_bn_secrets_load(tg_bn_secrets_t *secrets, const tg_conf_t *conf, char *err_text, size_t err_cap);
void tg_bn_secrets_wipe(tg_bn_secrets_t *secrets);

typedef struct tg_bn_cold tg_bn_cold_t;

typedef struct tg_bn_cold_stats {
  uint64_t requests, errors, refused_locally, snapshots, clock_samples, kill_cancels, lost_to_core;
  uint64_t trades;                  /* executions found by userTrades and given to the core (repeats among them) */
  uint64_t compares, compares_held; /* comparisons of executions; put off for the venue's weight budget */
  uint64_t lost_fills;              /* executions that no stream told and a comparison found */
  uint64_t foreign_trades;          /* of strangers, since the former run ended: not told, see bn_trades.c */
  uint64_t profile_reads, profile_changes;
  uint64_t silent_cnt; /* sessions given up because they did not say what they must */
  int64_t offset_ns, offset_error_ns;
  uint64_t pause_until_ns;
  tg_bn_phase_t phase;
  uint32_t session_up; /* bit (1 << tg_session_t) */
} tg_bn_cold_stats_t;

/* `secrets` and `conf` outlive it. NULL: *err and err_text tell. */
tg_bn_cold_t *tg_bn_cold_open(const tg_conf_t *conf, const tg_bn_secrets_t *secrets, tg_netcold_t *net,
                              const tg_bn_cold_ops_t *ops, void *user, int *err, char *err_text, size_t err_cap);
void tg_bn_cold_close(tg_bn_cold_t *cold);
/* The run's epoch, told to the core with CFG_DONE; before the first turn. */
void tg_bn_cold_epoch(tg_bn_cold_t *cold, uint64_t epoch);
/* Called once, between the instruments and CFG_DONE: what a restart tells the core goes there. Before the first turn. */
void tg_bn_cold_before_done(tg_bn_cold_t *cold, void (*before)(void *user), void *user);
/* What a former run booked of an instrument: executions are asked for from id `from_id` on (0: from venue time since_ms on);
 * last_id is the highest one booked, and the periodic comparison begins behind compare_id (0: with what is asked for now). */
typedef struct tg_bn_booked {
  uint64_t from_id, last_id, compare_id;
  int64_t since_ms;
} tg_bn_booked_t;
void tg_bn_cold_booked(tg_bn_cold_t *cold, uint16_t instr_idx, const tg_bn_booked_t *booked);
/* An order of a former run, by its number at the venue: userTrades names nothing else. */
void tg_bn_cold_know_order(tg_bn_cold_t *cold, int64_t order_id, uint64_t client_id);
/* Executions since the former run are being asked for: a first account snapshot should wait for them. */
bool tg_bn_cold_catching_up(const tg_bn_cold_t *cold);
const tg_symtab_t *tg_bn_cold_symtab(const tg_bn_cold_t *cold);
/* Hand-over slots of a session (TG_HOT_SLOTS pointers), for the hot stage's init. */
tg_handoff_t *const *tg_bn_cold_handoff(const tg_bn_cold_t *cold, tg_session_t session);
/* Housekeeping, beside each tg_io_turn. `hot_alive`: the hot lanes turned lately; the dead-man timer is re-armed only then. */
void tg_bn_cold_turn(tg_bn_cold_t *cold, uint64_t now_ns, bool hot_alive);
/* One message of the journal. */
void tg_bn_cold_on_msg(tg_bn_cold_t *cold, const tg_msg_t *msg, uint64_t now_ns);
/* The kill at the venue (bn_kill.h): begins now, in any phase, and lasts until tg_bn_cold_kill_off. `spare` as
 * tg_bn_kill_ops_t, may be NULL. An OUT_CANCEL_ALL while none lasts is one round of it. */
void tg_bn_cold_kill(tg_bn_cold_t *cold, bool (*spare)(void *user, const tg_bn_kill_order_t *order), void *user,
                     uint64_t now_ns);
void tg_bn_cold_kill_off(tg_bn_cold_t *cold);
const tg_bn_kill_t *tg_bn_cold_kill_state(const tg_bn_cold_t *cold);
/* Starts account queries (TG_BN_WANT_*). */
void tg_bn_cold_account(tg_bn_cold_t *cold, uint32_t want, uint64_t now_ns);
/* The last look before a run ends, once the core has nothing open: orders of ours that the venue still shows are cancelled
 * until it shows none; executions that no stream told are asked for at once. Over: both are answered (a ban may hold them for
 * long). */
void tg_bn_cold_last_look(tg_bn_cold_t *cold, uint64_t now_ns);
bool tg_bn_cold_last_look_over(const tg_bn_cold_t *cold);
/* Not wanted any more: no dialling; open sessions live on until their stage ends. Disarms the dead-man timer, except when
 * `orders_left`: then it shall run out and cancel what we could not. */
void tg_bn_cold_stop(tg_bn_cold_t *cold, uint64_t now_ns, bool orders_left);
/* Requests under way. */
uint32_t tg_bn_cold_pending(const tg_bn_cold_t *cold);
/* Exit code of a failed start, 0 while well; *text is one line. */
int tg_bn_cold_fatal(const tg_bn_cold_t *cold, const char **text);
void tg_bn_cold_stats(const tg_bn_cold_t *cold, tg_bn_cold_stats_t *out);

#endif

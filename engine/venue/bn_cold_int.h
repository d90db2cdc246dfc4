/* bn_cold_int.h - what the files of bn_cold share. Not for others. */
#ifndef TG_VENUE_BN_COLD_INT_H
#define TG_VENUE_BN_COLD_INT_H

#include "engine/base/log.h"
#include "engine/venue/bn_cold.h"
#include "engine/venue/bn_kill.h"
#include "engine/venue/bn_weight.h"

#define BN_TARGET_BYTES 4096
#define BN_CLOCK_PERIOD_NS (30 * (uint64_t)TG_NS_PER_S)
#define BN_START_TRIES 4
#define BN_START_PAUSE_NS (500 * (uint64_t)TG_NS_PER_MS)
#define BN_SNAPSHOT_LEVELS 1000

typedef struct bn_call bn_call_t;
/* What came back: answer->err == 0 and verdict of the table, or a transport error. */
typedef void (*bn_done_t)(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer);

struct bn_call {
  tg_bn_cold_t *cold;
  bn_done_t done;
  tg_bn_ep_t ep;
  tg_bn_inflight_row_t row; /* order calls */
  uint16_t instr_idx;
  uint32_t want_bit;   /* account queries */
  uint32_t request_no; /* snapshots; cancels of a kill: the order's index */
  bool used;
};

/* What an order of ours is called at the venue, newest first by slot. */
#define BN_ID_BITS 13
typedef struct bn_id {
  int64_t order_id;
  uint64_t client_id;
} bn_id_t;

/* Executions of one instrument that no session may have told. */
typedef struct bn_trades {
  uint64_t last_id; /* newest execution in the journal */
  uint64_t from_id; /* of the hole to be closed; 0: from since_ms on */
  uint64_t next_ns;
  int64_t since_ms; /* venue time of the former run's begin, or of the first user session; 0 not known */
  /* the periodic comparison */
  uint64_t compare_id; /* everything up to it is accounted for; 0: from since_ms on */
  uint64_t compare_next_ns;
  uint64_t unseen_since_ns; /* an answer named executions that nobody told us of; 0 none */
  uint64_t unseen_top;      /* the highest id of that answer */
  int64_t core_lots;        /* the position that the core told last (bn_doubt.c) */
  uint64_t doubt_next_ns, doubt_until_ns;
  uint8_t tries;
  uint8_t naming; /* questions for the names of orders under way */
  bool core_told;
  bool due, busy;
  bool again;       /* a session came up while a question was out: its answer may be older than the session */
  bool catching_up; /* the first look since the start is not over: a former run is gone on with */
  bool looked;      /* a comparison begun since the last look found nothing, or gave what it found to the core */
} bn_trades_t;

/* Executions told in full, by slot of (instrument, trade id): an overwritten one is told again, and the core knows it. */
#define BN_SEEN_BITS 14

/* When the public streams last said what (bn_silence.c). */
typedef struct bn_silence {
  uint64_t book_ns, trade_ns, mark_ns;
  uint32_t closed_gen[2]; /* PUBLIC, MARKET: generation that was given up */
} bn_silence_t;

struct tg_bn_cold {
  bn_silence_t silence;
  const tg_conf_t *conf;
  const tg_bn_secrets_t *secrets;
  const tg_bn_cold_ops_t *ops;
  void *user;
  tg_netcold_t *net;
  tg_tls_t *tls;
  tg_http_t *http;
  tg_http_t *http_urgent; /* a connection of its own: cancels of a kill never wait behind a slow snapshot */
  tg_retry_budget_t budget;
  tg_bn_sup_t sup[TG_BN_SESSIONS]; /* public, market, user, order */
  tg_symtab_t symtab;
  tg_bn_want_t want[TG_INSTR_MAX];
  size_t want_cnt;
  tg_msg_t *cfg_msg; /* CFG_* kept until the fees are known */
  uint32_t cfg_cnt;
  size_t fee_next;
  tg_msg_batch_t batch;
  tg_bn_md_t md;
  tg_bn_api_t logon; /* decodes logon answers */
  bn_call_t call[TG_BN_CALLS];
  tg_bn_kill_t kill;
  bool (*kill_spare)(void *user, const tg_bn_kill_order_t *order); /* may be NULL */
  void *kill_spare_user;
  bn_id_t id[1u << BN_ID_BITS];
  bn_trades_t trades[TG_INSTR_MAX];
  uint64_t look_ns; /* the last look before the end began (bn_last_look.c); 0 not yet */
  uint64_t seen[1u << BN_SEEN_BITS];
  bool user_was_up;
  void (*before_done)(void *user);
  void *before_done_user;
  uint64_t profile_next_ns;
  int dual_side; /* hedge mode at the venue: -1 not known, 0, 1 */
  uint32_t call_cnt;
  char listen_key[256];
  size_t listen_key_len;
  tg_bn_phase_t phase;
  bool phase_sent;
  uint32_t tries;
  uint64_t phase_next_ns;
  bool stopping;
  uint64_t epoch;
  uint64_t now_ns, clock_next_ns, key_next_ns, countdown_next_ns;
  tg_rate_t rate;
  bool rate_changed;
  bool orders_told; /* the newest answer named the order counts: else RATE leaves them out */
  tg_bn_weight_t weight;
  int fatal_exit;
  char fatal_text[512];
  tg_bn_cold_stats_t stats;
};

/* Venue time in ms for request timestamps. */
uint64_t bn_venue_ms(const tg_bn_cold_t *cold);
/* A free call, or NULL (counted, logged). */
bn_call_t *bn_call_new(tg_bn_cold_t *cold, tg_bn_ep_t ep, bn_done_t done);
/* Signs and queues the request begun in req for call; frees the call on failure. 0 or -TG_E*; -TG_ERATE during a pause that the
 * venue asked for. how: BN_URGENT goes over the connection of its own. */
#define BN_URGENT 0x1u
int bn_call_send(tg_bn_cold_t *cold, bn_call_t *call, tg_bn_req_t *req, unsigned how);
/* Messages for the core; a refusal is counted. */
void bn_to_core(tg_bn_cold_t *cold, const tg_msg_t *msg, uint32_t cnt);
/* Ends the start-up. */
void bn_fatal(tg_bn_cold_t *cold, int exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* One step of the start-up, when it is due. */
void bn_start_turn(tg_bn_cold_t *cold);
/* One sample of the venue's clock: tells core and gateway. */
void bn_clock_sample(tg_bn_cold_t *cold, const tg_http_answer_t *answer, int64_t server_ms);
/* Sets out to measure the venue's clock. */
void bn_clock_ask(tg_bn_cold_t *cold);
/* New listen key for the user session (start-up, expiry). False: not sent, key_next_ns says when to try again. */
bool bn_key_ask(tg_bn_cold_t *cold);
void bn_key_keep(tg_bn_cold_t *cold);
uint64_t bn_key_period_ns(const tg_bn_cold_t *cold);
void bn_countdown(tg_bn_cold_t *cold, int64_t countdown_ms);
/* OUT_SNAPSHOT, and with order_entry = rest OUT_PLACE, AMEND, CANCEL, QUERY. */
void bn_snapshot_ask(tg_bn_cold_t *cold, const tg_msg_t *msg);
void bn_order_ask(tg_bn_cold_t *cold, const tg_msg_t *msg);
/* bn_cold_kill.c: the machine's hands; OUT_CANCEL_ALL; what is due. */
void bn_kill_open(tg_bn_cold_t *cold);
void bn_kill_ask(tg_bn_cold_t *cold);
void bn_kill_turn(tg_bn_cold_t *cold);
/* bn_silence.c: a message of the journal; sessions that do not say what they must are closed. */
void bn_silence_note(tg_bn_cold_t *cold, const tg_msg_t *msg);
void bn_silence_turn(tg_bn_cold_t *cold);
/* bn_trades.c: a message of the journal; a new user session is up; what is due. */
void bn_trades_note(tg_bn_cold_t *cold, const tg_msg_t *msg);
void bn_trades_gap(tg_bn_cold_t *cold);
void bn_trades_turn(tg_bn_cold_t *cold);
/* bn_doubt.c: what the core told; positions of an account answer in cold->batch; the comparison's patience. */
void bn_doubt_note(tg_bn_cold_t *cold, const tg_msg_t *msg);
void bn_doubt_positions(tg_bn_cold_t *cold);
uint64_t bn_doubt_grace_ns(const tg_bn_cold_t *cold, const bn_trades_t *t, uint64_t grace_ns);
/* bn_profile.c: exchangeInfo and position mode again, when due. */
void bn_profile_turn(tg_bn_cold_t *cold);

#endif

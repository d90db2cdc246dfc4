/* fake_venue.h - a small seeded venue inside the test process: answers a core's requests late, twice, not at all or out of
 * order, fills resting orders when its price walk reaches them, and keeps its own books of every order and fill.
 * What:    events in a time-ordered queue; the core sees nothing but messages. Shares no code with the engine's accounting.
 * Owner:   fv_open/fv_close. Threads: one. */
#ifndef TG_TEST_FAKE_VENUE_H
#define TG_TEST_FAKE_VENUE_H

#include "engine/base/rng.h"
#include "engine/base/sha256.h"
#include "engine/core/core.h"
#include "engine/core/core_state.h"

#define FV_ORDERS 65536
#define FV_QUEUE 8192
#define FV_TRADES 65536
/* Long tests do less where every step costs twenty times as much. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FV_SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FV_SLOW 1
#endif
#endif
#ifndef FV_SLOW
#define FV_SLOW 0
#endif
#define FV_TICK_LOT_E8 INT64_C(10000) /* tick 0.1, lot 0.001 */

typedef struct fv_faults { /* chances in 1/1000 */
  unsigned reply_lost, request_lost, unknown, repeat, lite, fill_dropped, forget, cancel_by_venue;
  unsigned delay_us_max;
  unsigned reorder, duplicate; /* of stream events: comes up to reorder_us_max later than it should, comes twice */
  unsigned reorder_us_max;
  unsigned asked_us_max;   /* account snapshots: asked so long before they were taken, told so long after */
  bool ioc_part, ioc_none; /* an IOC order gets a third, nothing */
} fv_faults_t;

typedef struct fv_order {
  uint64_t client_id;
  int64_t order_id, px, qty, cum;
  uint64_t made_ns;
  uint8_t side, status, open;
  bool forgotten; /* queries say -2013 for a while */
  bool foreign;   /* a stranger's */
} fv_order_t;

typedef struct fv_event {
  uint64_t at_ns, seq, made_ns;
  bool is_request; /* a request reaches the venue; else a message reaches the core */
  uint8_t request; /* kind of the request line */
  tg_msg_t msg;
} fv_event_t;

typedef struct fv {
  tg_rng_t rng;
  fv_faults_t faults;
  tg_arena_t arena;
  tg_core_t *core;
  uint64_t now_ns, seq, stream_ns, next_timer_ns, next_mark_ns, next_depth_ns, next_sync_ns;
  uint64_t trade_id, update_id, snapshot_no;
  int64_t next_order_id;
  int64_t bid, ask, depth_bid, depth_ask; /* touch; touch of the last depth event */
  fv_order_t *order;
  uint32_t order_cnt;
  fv_event_t *queue;
  uint32_t queue_cnt;
  tg_msg_t *trade; /* every execution, in order; trade id = index + 1 */
  uint32_t epoch;  /* of fv_start; 7 unless told */
  bool no_digest;
  int64_t venue_clock_ns; /* the venue's clock less ours, in its events */
  uint64_t snap_ns;
  uint64_t next_trades_ns; /* periodic comparison (userTrades), UINT64_MAX never */
  /* the venue's own accounts */
  int64_t pos, cost_e8, realised_e8, commission_e8, bought, sold;
  uint64_t fill_cnt, place_cnt, amend_cnt, cancel_cnt, query_cnt, sync_cnt, cancel_all_cnt, ioc_cnt;
  int64_t stride;    /* ticks of the walk, 60 unless told */
  uint32_t want_gen; /* a depth snapshot was asked for */
  bool halt_sync;    /* no account snapshots but the ones asked for */
  tg_chain_t chain;
  uint64_t out_cnt;
  uint64_t kind_cnt[256], alarm_cnt[64], state_cnt[16];
  tg_msg_t out_mem[512];
  void (*after_step)(struct fv *fv, const tg_msg_t *in, const tg_msg_batch_t *out);
} fv_t;

void fv_conf(fv_t *fv, const char *key, int64_t value);
/* A core with one instrument, everything up, not yet configured (fv_conf may follow, then fv_start). poison: byte that fills
 * the memory before it is carved. */
void fv_open(fv_t *fv, uint64_t seed, const fv_faults_t *faults, uint8_t poison);
void fv_start(fv_t *fv);
/* Before fv_start: the core is told the venue's own position, as a store would remember it, and RESTORE_DONE. */
void fv_remember(fv_t *fv);
void fv_close(fv_t *fv);
/* The core is gone, with everything on its way to it; of what was on its way to the venue about half arrives. The venue lives
 * on. */
void fv_drop(fv_t *fv);
/* A new core for the same venue: as after fv_open. */
void fv_reopen(fv_t *fv, uint8_t poison);
/* userTrades: executions from that id on, as EX_FILL with TG_F_SNAPSHOT | flags, all in one answer. */
void fv_user_trades(fv_t *fv, uint64_t from_id, uint8_t flags);
/* One message to the core; its requests are queued. */
void fv_feed(fv_t *fv, const tg_msg_t *msg);
/* Lets `ns` of time pass: market moves, deliveries, timers. */
void fv_run(fv_t *fv, uint64_t ns);
void fv_cmd(fv_t *fv, tg_verb_t verb, tg_role_t role);
uint32_t fv_open_orders(const fv_t *fv);
/* At least what the venue could still fill is held by the core, per side. */
void fv_check(const fv_t *fv);

#endif

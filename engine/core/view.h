/* view.h - what the core shows to screen, control socket and metrics.
 * What:    plain structs of 64-bit words, published by tg_core_publish through seqlocks; readers copy.
 * Owner:   the caller of tg_core_publish owns tg_core_shared_t; the core's lane writes.
 * Threads: any number of readers.
 * Order:   seqlock.h.
 * Limit:   TG_VIEW_ORDERS orders; more are counted in main.open_cnt only.
 * Errors:  readers get -TG_EAGAIN while the writer keeps writing: keep the last copy. */
#ifndef TG_CORE_VIEW_H
#define TG_CORE_VIEW_H

#include <string.h>

#include "engine/base/seqlock.h"
#include "engine/core/lifecycle.h"
#include "engine/core/router.h"
#include "engine/msg/msg.h"
#include "risk/gate.h"

#define TG_VIEW_LEVELS 5u
#define TG_VIEW_ORDER_LOCKS 2u
#define TG_VIEW_ORDERS_PER_LOCK 56u
#define TG_VIEW_ORDERS (TG_VIEW_ORDER_LOCKS * TG_VIEW_ORDERS_PER_LOCK)

/* Counters since start, all instruments. */
typedef struct tg_core_stats {
  uint64_t msg_cnt, md_cnt, ex_cnt, out_cnt;
  uint64_t book_update_cnt; /* depth events applied and bookTickers taken */
  uint64_t book_gap_cnt;
  uint64_t placed_cnt, amended_cnt, cancelled_cnt, queried_cnt; /* requests that left */
  uint64_t fill_cnt, maker_fill_cnt, repeat_fill_cnt, foreign_fill_cnt;
  uint64_t ended_cnt[16];                         /* orders ended, by final state (order.def) */
  uint64_t refused_cnt, unknown_cnt, timeout_cnt; /* answers refused; outcomes unknown by answer; by timeout */
  uint64_t late_cnt, hole_cnt, reopen_cnt;        /* order events: recorded only; without a row; against our belief */
  uint64_t stray_answer_cnt;                      /* answers for orders not known (any more) */
  uint64_t decision_told_cnt;                     /* OUT_DECISION messages */
  uint64_t unplaced_cnt[16];                      /* evaluations of a level not wanted, by reason - TG_WHY_FIRST_UNPLACED */
  uint64_t evaluate_cnt;                          /* full answers of the strategy */
  uint64_t deferred_cnt;                          /* steps whose actions did not all fit */
  uint64_t out_full_cnt, table_full_cnt, bad_msg_cnt, unknown_key_cnt, unknown_enum_cnt;
  uint64_t alarm_cnt[64]; /* by tg_alarm_t */
  uint64_t snapshot_good_cnt, snapshot_bad_cnt, snapshot_inconclusive_cnt, adopt_cnt;
  uint64_t trip_cnt, trip_won_cnt, trip_lost_cnt;
  uint64_t cmd_done_cnt, cmd_refused_cnt;
  uint64_t lost_fill_cnt, late_trade_cnt; /* executions that no stream told; that came behind a later one of the instrument */
  uint64_t profile_change_cnt;            /* lines of a venue profile that differ from what is in force */
  tg_gate_stat_t gate;                    /* blocks by bit and reason */
  tg_route_stat_t route;                  /* decisions by (decision, reason) */
} tg_core_stats_t;

typedef struct tg_view_main {
  uint64_t now_ns, epoch;
  uint64_t state, state_reason, state_since_ns; /* tg_fsm_state_t, tg_fsm_reason_t of the last move, engine time */
  uint64_t mode, armed, submit, killed, stopping, sweeping, paused; /* mode is tg_mode_t; the rest 0 or 1 */
  uint64_t instr_cnt, open_cnt, in_flight_cnt, unknown_cnt;         /* orders */
  uint64_t msg_cnt, md_cnt, ex_cnt, out_cnt, book_update_cnt, book_gap_cnt;
  uint64_t placed_cnt, amended_cnt, cancelled_cnt, queried_cnt, fill_cnt, maker_fill_cnt, repeat_fill_cnt;
  uint64_t refused_cnt, unknown_outcome_cnt, timeout_cnt, late_cnt, hole_cnt;
  uint64_t alarm_sum_cnt, trip_cnt, trip_won_cnt, trip_lost_cnt;
  uint64_t gate_passed_cnt, gate_blocked_cnt;
  uint64_t gate_reason_cnt[TG_REASON_CNT];                               /* told reason, TG_REASON_* */
  uint64_t decision_cnt[TG_ROUTE_DECISION_CNT];                          /* by tg_route_decision_t */
  int64_t realised_e8, commission_e8, funding_e8, net_e8, unrealised_e8; /* all instruments of the quote asset */
  int64_t equity_e8, wallet_e8, drawdown_session_e8, drawdown_day_e8, gross_e8;
  int64_t toxicity_e8;
  uint64_t sync_age_ns, feed_age_ns; /* UINT64_MAX never */
  uint64_t link_up;                  /* bit 1 << tg_session_t */
  int64_t clock_offset_ns, clock_error_ns;
} tg_view_main_t;

typedef struct tg_view_instr {
  uint64_t known; /* CFG_SYMBOL seen */
  char symbol[24];
  uint64_t px_dec, px_unit, qty_dec, qty_unit; /* tg_scale_t */
  uint64_t book_state, book_reason, book_age_ns, update_id, depth_event_cnt, gap_cnt;
  uint64_t bid_level_cnt, ask_level_cnt;
  int64_t bid_px_ticks[TG_VIEW_LEVELS], bid_qty_lots[TG_VIEW_LEVELS];
  int64_t ask_px_ticks[TG_VIEW_LEVELS], ask_qty_lots[TG_VIEW_LEVELS];
  int64_t touch_bid_px_ticks, touch_bid_qty_lots, touch_ask_px_ticks, touch_ask_qty_lots;
  uint64_t touch_valid;
  int64_t mark_e8, volatility_bps_e8, toxicity_e8, imbalance_e8;
  int64_t position_lots, cost_e8, realised_e8, commission_e8, funding_e8, unrealised_e8;
  int64_t worst_long_lots, worst_short_lots;
  uint64_t position_known, open_cnt, fill_cnt, maker_cnt, trip_cnt;
  int64_t bought_lots, sold_lots;
} tg_view_instr_t;

typedef struct tg_view_order {
  uint64_t client_id;
  int64_t order_id, px_ticks, qty_lots, cum_lots;
  uint64_t changed_ns;
  uint64_t unknown_ns;             /* since when its outcome is unknown, 0 known */
  uint32_t ask_cnt, not_found_cnt; /* questions sent since then; answers "no such order" since its last sign of life */
  uint16_t instr_idx;
  uint8_t state, side, order_flags, level, reason, request; /* tg_ord_state_t, ..., tg_why_t, tg_request_t in flight */
} tg_view_order_t;

typedef struct tg_view_order_block {
  uint64_t cnt;
  tg_view_order_t order[TG_VIEW_ORDERS_PER_LOCK];
} tg_view_order_block_t;

/* Gates of the whole engine: machines, budgets, counters. Times are engine time, 0 none. */
typedef struct tg_view_guards {
  uint64_t now_ns, limits_version;
  uint64_t circuit_state, circuit_error_cnt; /* tg_circuit_t; errors in the window now */
  uint64_t circuit_probe_ns, circuit_probe_good_cnt, circuit_backoff,
      circuit_opened_cnt; /* OPEN: probes from; HALF_OPEN: good in a row */
  uint64_t reject_cnt, reject_storm, reject_until_ns, reject_storm_cnt,
      reject_post_only_cnt;                                                     /* refusals in a row; 1 in a storm */
  uint64_t repeat_latched, repeat_fill_cnt, repeat_entry_cnt, repeat_latch_cnt; /* in the window now */
  uint64_t loss_streak_cnt, loss_until_ns;
  uint64_t degrade_on, degrade_causes, degrade_changed_ns, degrade_cnt, manual; /* TG_DEGRADE_*; approval must be a person's */
  uint64_t decision, decision_day_no, decision_version;                         /* TG_DECISION_* as the gate reads it */
  uint64_t day_no, day_next_ns, day_entry_cnt;
  int64_t day_notional_e8;
  uint64_t drawdown_latched;
  int64_t rate_left[4]; /* by tg_intent_t */
  uint64_t rate_pause_until_ns;
  int64_t weight_used, weight_limit, orders_10s_used, orders_10s_limit, orders_min_used, orders_min_limit;
  uint64_t pass_cnt, block_cnt;
  uint64_t bit_cnt[TG_GATE_CNT], reason_cnt[TG_REASON_CNT]; /* every set bit; the told reason */
} tg_view_guards_t;

/* Gates of one instrument. Row i is TG_LIMIT_* i: tg_limit_name, tg_limit_unit; headroom = limit - use. */
#define TG_VIEW_USE_NONE INT64_MIN /* judged order by order: no running use */
typedef struct tg_view_gates {
  uint64_t known, flags, cut_pct; /* TG_GATE_INSTR_*; share left by the degrade policy */
  uint64_t pass_cnt, block_cnt;
  int64_t limit[TG_LIMIT_CNT], use[TG_LIMIT_CNT];
  uint64_t scope[TG_LIMIT_CNT]; /* tg_scope_t whose value won */
  uint64_t bit_cnt[TG_GATE_CNT], reason_cnt[TG_REASON_CNT];
} tg_view_gates_t;

#define TG_VIEW_WORDS(type) (sizeof(type) / 8)
TG_STATIC_ASSERT(sizeof(tg_view_main_t) % 8 == 0 && TG_VIEW_WORDS(tg_view_main_t) <= TG_SEQLOCK_WORDS_MAX, "one seqlock");
TG_STATIC_ASSERT(sizeof(tg_view_instr_t) % 8 == 0 && TG_VIEW_WORDS(tg_view_instr_t) <= TG_SEQLOCK_WORDS_MAX, "one seqlock");
TG_STATIC_ASSERT(sizeof(tg_view_guards_t) % 8 == 0 && TG_VIEW_WORDS(tg_view_guards_t) <= TG_SEQLOCK_WORDS_MAX, "one seqlock");
TG_STATIC_ASSERT(sizeof(tg_view_gates_t) % 8 == 0 && TG_VIEW_WORDS(tg_view_gates_t) <= TG_SEQLOCK_WORDS_MAX, "one seqlock");
TG_STATIC_ASSERT(sizeof(tg_view_order_t) == 72, "nine words");
TG_STATIC_ASSERT(TG_VIEW_WORDS(tg_view_order_block_t) <= TG_SEQLOCK_WORDS_MAX, "one seqlock");

/* All zero at the start. */
typedef struct tg_core_shared {
  tg_seqlock_t main;
  tg_seqlock_t instr[TG_INSTR_MAX];
  tg_seqlock_t orders[TG_VIEW_ORDER_LOCKS];
  tg_seqlock_t guards;
  tg_seqlock_t gates[TG_INSTR_MAX]; /* one instrument a publication, in turn */
} tg_core_shared_t;

/* Copies; 0 or -TG_EAGAIN. */
#define TG_VIEW_READER(name, type, lock_of) \
  TG_MUST_USE static inline int name(const tg_core_shared_t *shared, uint32_t idx, type *out) { \
    uint64_t word[TG_VIEW_WORDS(type)]; \
    (void)idx; \
    int err = tg_seqlock_read(&shared->lock_of, word, TG_VIEW_WORDS(type)); \
    if (err == 0) memcpy(out, word, sizeof word); \
    return err; \
  }
TG_VIEW_READER(tg_view_get_main, tg_view_main_t, main)
TG_VIEW_READER(tg_view_get_instr, tg_view_instr_t, instr[idx])
TG_VIEW_READER(tg_view_get_orders, tg_view_order_block_t, orders[idx])
TG_VIEW_READER(tg_view_get_guards, tg_view_guards_t, guards)
TG_VIEW_READER(tg_view_get_gates, tg_view_gates_t, gates[idx])
#undef TG_VIEW_READER

TG_MUST_USE static inline int tg_view_read_main(const tg_core_shared_t *shared, tg_view_main_t *out) {
  return tg_view_get_main(shared, 0, out);
}
TG_MUST_USE static inline int tg_view_read_guards(const tg_core_shared_t *shared, tg_view_guards_t *out) {
  return tg_view_get_guards(shared, 0, out);
}
/* -TG_EINVAL: no such instrument. */
TG_MUST_USE static inline int tg_view_read_gates(const tg_core_shared_t *shared, uint16_t instr_idx, tg_view_gates_t *out) {
  return instr_idx < TG_INSTR_MAX ? tg_view_get_gates(shared, instr_idx, out) : -TG_EINVAL;
}
/* -TG_EINVAL: no such instrument. */
TG_MUST_USE static inline int tg_view_read_instr(const tg_core_shared_t *shared, uint16_t instr_idx, tg_view_instr_t *out) {
  return instr_idx < TG_INSTR_MAX ? tg_view_get_instr(shared, instr_idx, out) : -TG_EINVAL;
}
/* Block 0..TG_VIEW_ORDER_LOCKS-1; blocks are written one after another, so two of them may tell different instants. */
TG_MUST_USE static inline int tg_view_read_orders(const tg_core_shared_t *shared, uint32_t block, tg_view_order_block_t *out) {
  return block < TG_VIEW_ORDER_LOCKS ? tg_view_get_orders(shared, block, out) : -TG_EINVAL;
}

#endif

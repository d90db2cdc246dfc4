/* strategy.h - the strategy ABI: market state in, desired orders out.
 * What:    a versioned struct of functions; a strategy is a pure function of its view, its settings and
 *          its own state memory. It never sends anything: the router, the gates and the order table of
 *          engine/core stand between a desired level and the venue. Also usable from a shared object,
 *          which exports one symbol, TG_STRATEGY_SYMBOL.
 * Owner:   the core gives state memory (state_bytes a strategy, carved once) and all views; the strategy
 *          keeps no pointer into a view after a call.
 * Threads: the core lane only.
 * Limit:   TG_STRATEGY_LEVELS_MAX levels, level ids 0..TG_STRATEGY_LEVELS_MAX-1; a level holds one order.
 * Errors:  none at run time: a level that cannot be placed carries its reason (reasons.def).
 * Rules:   the determinism contract: no clock but view->now_ns, no float, no randomness, no globals. */
#ifndef TG_STRATEGY_STRATEGY_H
#define TG_STRATEGY_STRATEGY_H

#include "engine/base/types.h"
#include "engine/conf/conf.h"
#include "engine/msg/enums.h"

#define TG_STRATEGY_ABI_VERSION 1u
#define TG_STRATEGY_SYMBOL "tg_strategy_entry"
#define TG_STRATEGY_LEVELS_MAX 32u
#define TG_STRATEGY_LEVEL_NONE 255u

typedef enum tg_why {
#define R(NAME, number, text) TG_WHY_##NAME = (number),
#include "engine/strategy/reasons.def"
#undef R
} tg_why_t;
#define TG_WHY_FIRST_UNPLACED 32u

/* "INVENTORY_FULL"; "?" outside the table. */
const char *tg_why_name(unsigned reason);
/* The sentence of reasons.def; "?" outside the table. */
const char *tg_why_text(unsigned reason);

/* What the lifecycle lets a strategy do (view->allow). */
#define TG_ALLOW_INCREASE 0x1u  /* new risk */
#define TG_ALLOW_REDUCE 0x2u    /* orders that reduce the position */
#define TG_ALLOW_THROTTLED 0x4u /* quote wider and smaller, working the position down (with or without TG_ALLOW_INCREASE) */
#define TG_ALLOW_STOPPING 0x8u  /* a clean end, a kill or EMERGENCY's cancel sweep: want nothing */

/* The instrument in integers. value_e8 of one tick times one lot is tick_lot_e8. */
typedef struct tg_strategy_instr {
  int64_t tick_lot_e8;                /* px_ticks * qty_lots * this = value in e8 of the quote asset */
  int64_t tick_e8;                    /* one tick as _e8 */
  int64_t max_inventory_lots;         /* grid.max_inventory in lots */
  int64_t min_px_ticks, max_px_ticks; /* 0 = none */
  int64_t min_qty_lots, max_qty_lots; /* 0 = none */
  int64_t min_notional_e8;
  bool trading;
} tg_strategy_instr_t;

/* One order that stands at a level. Levels without an order have qty_lots 0. */
typedef struct tg_strategy_order {
  int64_t px_ticks; /* where it rests, or will when the request in flight is confirmed */
  int64_t qty_lots, cum_lots;
  uint64_t changed_ns; /* last time we placed or amended it */
  uint8_t side;        /* tg_side_t */
  uint8_t order_flags; /* TG_ORDER_* */
  uint8_t in_flight;   /* a request is unanswered or its outcome unknown */
  uint8_t pad0[5];
} tg_strategy_order_t;

typedef struct tg_strategy_view {
  uint64_t now_ns;
  const tg_strategy_instr_t *instr;
  const tg_core_conf_t *conf;
  const tg_strategy_order_t *order; /* [TG_STRATEGY_LEVELS_MAX], by level id */
  int64_t bid_px_ticks, bid_qty_lots, ask_px_ticks, ask_qty_lots;
  int64_t fair_ticks_e8;     /* fair price (microprice) in ticks, e8; 0 = unknown */
  int64_t volatility_bps_e8; /* short-term volatility, bps per square root of a second, e8; 0 = unknown */
  int64_t imbalance_e8;      /* -1..1 */
  int64_t toxicity_e8;       /* score */
  int64_t position_lots;     /* signed */
  uint16_t instr_idx;
  uint8_t touch_valid; /* the touch may be traded on */
  uint8_t allow;       /* TG_ALLOW_* */
  uint8_t force;       /* 1: answer in full even when nothing moved */
  uint8_t pad0[3];
} tg_strategy_view_t;

/* One level as the strategy wants it. reason < TG_WHY_FIRST_UNPLACED: wanted; else not, and why. */
typedef struct tg_strategy_level {
  int64_t px_ticks, qty_lots; /* when not placed: as far as they were worked out, else 0 */
  uint8_t side, order_flags, tif, reason;
  uint16_t stop_bps; /* distance to the stop of this order (gate bit 24); 0: risk.stop_bps */
  uint8_t pad0[2];
} tg_strategy_level_t;

typedef struct tg_strategy_out {
  uint32_t level_cnt; /* levels 0..level_cnt-1 below are told; others are unwanted */
  uint32_t pad0;
  tg_strategy_level_t level[TG_STRATEGY_LEVELS_MAX];
} tg_strategy_out_t;

typedef struct tg_strategy_fill {
  uint64_t now_ns;
  int64_t px_ticks, qty_lots, position_lots; /* position after the fill */
  uint8_t side, level, maker;
  uint8_t pad0[5];
} tg_strategy_fill_t;

typedef struct tg_strategy {
  uint32_t abi_version; /* TG_STRATEGY_ABI_VERSION */
  uint32_t view_bytes;  /* sizeof(tg_strategy_view_t) of the strategy's build: checked at load */
  uint32_t out_bytes;   /* sizeof(tg_strategy_out_t) of the strategy's build */
  uint32_t state_bytes; /* state memory for one instrument, 64-byte aligned, zeroed before init */
  const char *name;
  /* Starts afresh: called before the first on_market and after a change of settings or filters. */
  void (*init)(void *state, uint16_t instr_idx);
  /* Fills *out. Returns 1 when the desired levels may differ from the last answer, 0 when they do not (out is then
   * not read; never 0 when view->force). */
  int (*on_market)(void *state, const tg_strategy_view_t *view, tg_strategy_out_t *out);
  /* A fill of one of our orders was booked. May be NULL. */
  void (*on_fill)(void *state, const tg_strategy_fill_t *fill);
  /* What is allowed changed (TG_ALLOW_*). May be NULL. */
  void (*on_state)(void *state, uint8_t allow, uint64_t now_ns);
} tg_strategy_t;

/* Checks a strategy's version, sizes and functions. 0, -TG_EVERSION, -TG_EINVAL. */
TG_MUST_USE int tg_strategy_check(const tg_strategy_t *strategy);

#endif

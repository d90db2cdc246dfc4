/* filters.h - an instrument's scales and the venue's filters, ready for branch-free checks.
 * What:    steps as exact divisibility tests, bounds, and what one tick, one lot and their product are worth.
 * Owner:   the core keeps one per instrument, written by CFG_SYMBOL and CFG_FILTER messages only.
 * Threads: one lane.
 * Limit:   px_dec <= 8, qty_dec <= 9, tick <= 2^40 e8, lot and value multipliers below 2^62.
 * Errors:  -TG_ERANGE: a scale outside the limits; `ready` lacks its bit, so every check fails closed. */
#ifndef TG_RISK_FILTERS_H
#define TG_RISK_FILTERS_H

#include "engine/base/types.h"
#include "engine/msg/msg.h"

/* Largest price and quantity the engine reasons about; beyond them an order has no sane meaning (BAD_TICK, BAD_QTY)
 * and 128-bit products of money cannot overflow. */
#define TG_PX_TICKS_MAX (INT64_C(1) << 48)
#define TG_QTY_LOTS_MAX (INT64_C(1) << 52)

/* Prices inside the gates count in 1/20000 tick, so that mid (half ticks) and basis points stay integer. */
#define TG_PX_FINE 20000

/* x is a multiple of `step` <=> rotr64(x * inverse, shift) <= quotient_max (Granlund & Montgomery 1994, section 9). */
typedef struct tg_step {
  uint64_t inverse;      /* of step's odd part, mod 2^64 */
  uint64_t quotient_max; /* UINT64_MAX / step */
  uint64_t step;
  uint32_t shift; /* trailing zero bits of step */
  uint32_t pad0;
} tg_step_t;

#define TG_FILTERS_SYMBOL 1u /* CFG_SYMBOL seen: scales are valid */
#define TG_FILTERS_BOUNDS 2u /* CFG_FILTER seen: bounds are valid */
#define TG_FILTERS_SECOND 4u /* CFG_FILTER second line seen */
#define TG_FILTERS_READY 3u  /* needed before any order */

typedef struct tg_filters {
  /* bounds; "none" is already spelt out: 1, or the MAX above */
  int64_t min_px_ticks, max_px_ticks;
  union {
    struct {
      int64_t min_qty_lots, max_qty_lots, market_min_qty_lots, market_max_qty_lots;
    };
    int64_t qty_bounds[4]; /* the same: 0-1 LIMIT, 2-3 MARKET */
  };
  int64_t min_notional_e8;            /* 0 none */
  int64_t mult_up_bps, mult_down_bps; /* PERCENT_PRICE against the mark; 0 none */
  /* worth: px_ticks * tick_e8 is a price in e8; px_ticks * qty_lots * value_mul / value_div is money in e8 */
  int64_t tick_e8;
  uint64_t value_mul, value_div;
  tg_u128 min_units;  /* px_fine * qty_lots: least that makes min_notional_e8 */
  uint64_t lot_mul;   /* one lot = lot_mul / 10^qty_dec of the base */
  uint32_t lot_div;   /* 10^qty_dec */
  uint32_t ready;     /* TG_FILTERS_* */
  int64_t max_orders; /* venue's cap per instrument; INT64_MAX none */
  int64_t maker_fee_e8, taker_fee_e8;
  tg_step_t px_step, qty_step; /* in ticks and lots: 1 unless the venue's step is coarser than our scale */
  uint8_t status, allowlisted, product, pad0[5];
} tg_filters_t;

/* Nothing known: ready 0, every bound closed. */
void tg_filters_init(tg_filters_t *filters);
/* Takes over scales, allowlist and status of a CFG_SYMBOL. 0, -TG_ERANGE (ready loses TG_FILTERS_SYMBOL). */
TG_MUST_USE int tg_filters_on_symbol(tg_filters_t *filters, const tg_cfg_symbol_t *symbol);
/* Takes over a CFG_FILTER; `flags` are the message's (TG_F_SECOND: the second line). 0, -TG_ERANGE (min above max). */
TG_MUST_USE int tg_filters_on_filter(tg_filters_t *filters, const tg_cfg_filter_t *filter, uint8_t flags);

/* Makes the divisibility test of step >= 1; step < 1 makes one that nothing but 0 passes. */
tg_step_t tg_step_make(int64_t step);
/* 1 when value is a multiple of the step, else 0; negative values are none. */
static inline uint64_t tg_step_fits(const tg_step_t *step, int64_t value) {
  uint64_t x = (uint64_t)value * step->inverse;
  x = (x >> (step->shift & 63u)) | (x << ((64u - step->shift) & 63u));
  return (uint64_t)(x <= step->quotient_max) & (uint64_t)(value >= 0);
}

/* Money of px * qty in e8, rounded away from zero; saturates at INT64_MAX. Arguments >= 0. */
int64_t tg_filters_notional_e8(const tg_filters_t *filters, int64_t px_ticks, int64_t qty_lots);
/* Money as px_fine * qty_lots units (px_fine = px_ticks * TG_PX_FINE): money_e8 * value_div * TG_PX_FINE / value_mul,
 * rounded up or down. money_e8 < 0 counts as 0; 0 while scales are unknown. */
tg_u128 tg_filters_units_of(const tg_filters_t *filters, int64_t money_e8, bool up);
/* floor(value_e8 of the base / lot): a base quantity (a limit, say) in lots; saturates at TG_QTY_LOTS_MAX; <= 0 gives 0. */
int64_t tg_filters_lots_of(const tg_filters_t *filters, int64_t base_e8);

#endif

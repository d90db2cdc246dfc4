#include "risk/filters.h"

#include <string.h>

#include "engine/base/err.h"

#define PX_DEC_MAX 8u
#define QTY_DEC_MAX 9u
#define TICK_E8_MAX (INT64_C(1) << 40)
#define MUL_MAX (INT64_C(1) << 62)
#define LOT_UNIT_MAX (INT64_C(1) << 34) /* times 10^8 stays in 64 bits */

static int64_t pow10_of(unsigned exponent) {
  int64_t value = 1;
  for (unsigned i = 0; i < exponent; i++) value *= 10;
  return value;
}

tg_step_t tg_step_make(int64_t step) {
  tg_step_t out = {1, 0, 0, 0, 0}; /* x * 1 <= 0: only 0 fits */
  if (step < 1) return out;
  uint64_t d = (uint64_t)step;
  out.step = d;
  out.shift = (uint32_t)__builtin_ctzll(d);
  uint64_t odd = d >> out.shift;
  uint64_t inverse = odd; /* right to 3 bits; each Newton step doubles them: 6, 12, 24, 48, 96 */
  for (int i = 0; i < 5; i++) inverse *= 2 - odd * inverse;
  out.inverse = inverse;
  out.quotient_max = UINT64_MAX / d;
  return out;
}

void tg_filters_init(tg_filters_t *filters) {
  memset(filters, 0, sizeof *filters);
  filters->min_px_ticks = TG_PX_TICKS_MAX;
  filters->min_qty_lots = TG_QTY_LOTS_MAX;
  filters->market_min_qty_lots = TG_QTY_LOTS_MAX;
  filters->max_orders = 0;
  filters->value_div = 1;
  filters->lot_div = 1;
  filters->px_step = tg_step_make(0);
  filters->qty_step = tg_step_make(0);
}

/* The venue writes 0 for "no bound"; ours are always spelt out. */
static int64_t low_bound(int64_t told) {
  return told < 1 ? 1 : told;
}
static int64_t high_bound(int64_t told, int64_t cap) {
  return told <= 0 || told > cap ? cap : told;
}

static void remake_units(tg_filters_t *filters) {
  filters->min_units = tg_filters_units_of(filters, filters->min_notional_e8, true);
}

static int on_first(tg_filters_t *filters, const tg_cfg_filter_t *filter) {
  filters->ready &= ~TG_FILTERS_BOUNDS;
  filters->min_px_ticks = low_bound(filter->u.first.min_px_ticks);
  filters->max_px_ticks = high_bound(filter->u.first.max_px_ticks, TG_PX_TICKS_MAX - 1);
  filters->min_qty_lots = low_bound(filter->u.first.min_qty_lots);
  filters->max_qty_lots = high_bound(filter->u.first.max_qty_lots, TG_QTY_LOTS_MAX - 1);
  filters->min_notional_e8 = filter->u.first.min_notional_e8 > 0 ? filter->u.first.min_notional_e8 : 0;
  filters->max_orders = high_bound(filter->u.first.max_orders, INT64_MAX);
  if (!(filters->ready & TG_FILTERS_SECOND)) {
    filters->market_min_qty_lots = filters->min_qty_lots;
    filters->market_max_qty_lots = filters->max_qty_lots;
  }
  if (filters->min_px_ticks > filters->max_px_ticks || filters->min_qty_lots > filters->max_qty_lots) return -TG_ERANGE;
  remake_units(filters);
  filters->ready |= TG_FILTERS_BOUNDS;
  return 0;
}

static int on_second(tg_filters_t *filters, const tg_cfg_filter_t *filter) {
  int64_t low = low_bound(filter->u.second.market_min_qty_lots);
  int64_t high = high_bound(filter->u.second.market_max_qty_lots, TG_QTY_LOTS_MAX - 1);
  if (low > high) return -TG_ERANGE;
  filters->market_min_qty_lots = low;
  filters->market_max_qty_lots = high;
  filters->mult_up_bps = filter->u.second.mult_up_bps > 0 ? filter->u.second.mult_up_bps : 0;
  filters->mult_down_bps = filter->u.second.mult_down_bps > 0 ? filter->u.second.mult_down_bps : 0;
  filters->maker_fee_e8 = filter->u.second.maker_fee_e8;
  filters->taker_fee_e8 = filter->u.second.taker_fee_e8;
  filters->ready |= TG_FILTERS_SECOND;
  return 0;
}

int tg_filters_on_symbol(tg_filters_t *filters, const tg_cfg_symbol_t *symbol) {
  filters->ready &= ~TG_FILTERS_SYMBOL;
  filters->status = symbol->status;
  filters->allowlisted = symbol->allowlisted;
  filters->product = symbol->product;
  if (symbol->px_dec > PX_DEC_MAX || symbol->qty_dec > QTY_DEC_MAX) return -TG_ERANGE;
  if (symbol->px_unit < 1 || symbol->qty_unit < 1 || symbol->qty_unit > LOT_UNIT_MAX) return -TG_ERANGE;
  tg_i128 tick_e8 = (tg_i128)symbol->px_unit * pow10_of(PX_DEC_MAX - symbol->px_dec);
  unsigned dec = (unsigned)symbol->px_dec + symbol->qty_dec;
  if (tick_e8 > TICK_E8_MAX) return -TG_ERANGE;
  tg_i128 value_mul = (tg_i128)symbol->px_unit * symbol->qty_unit * (dec < 8 ? pow10_of(8 - dec) : 1);
  if (value_mul > MUL_MAX) return -TG_ERANGE;
  filters->tick_e8 = (int64_t)tick_e8;
  filters->value_mul = (uint64_t)value_mul;
  filters->value_div = dec > 8 ? (uint64_t)pow10_of(dec - 8) : 1;
  filters->lot_mul = (uint64_t)symbol->qty_unit;
  filters->lot_div = (uint32_t)pow10_of(symbol->qty_dec);
  filters->px_step = tg_step_make(1);
  filters->qty_step = tg_step_make(1);
  remake_units(filters);
  filters->ready |= TG_FILTERS_SYMBOL;
  return 0;
}

int tg_filters_on_filter(tg_filters_t *filters, const tg_cfg_filter_t *filter, uint8_t flags) {
  return flags & TG_F_SECOND ? on_second(filters, filter) : on_first(filters, filter);
}

int64_t tg_filters_notional_e8(const tg_filters_t *filters, int64_t px_ticks, int64_t qty_lots) {
  tg_u128 units = (tg_u128)(uint64_t)px_ticks * (uint64_t)qty_lots;
  if (units >> 64) return INT64_MAX;
  tg_u128 value = (tg_u128)(uint64_t)units * filters->value_mul;
  if (filters->value_div > 1) value = (value + filters->value_div - 1) / filters->value_div;
  return value > (tg_u128)INT64_MAX ? INT64_MAX : (int64_t)value;
}

tg_u128 tg_filters_units_of(const tg_filters_t *filters, int64_t money_e8, bool up) {
  if (money_e8 <= 0 || filters->value_mul == 0) return 0;
  tg_u128 scaled = (tg_u128)(uint64_t)money_e8 * filters->value_div * TG_PX_FINE; /* < 2^63 * 2^30 * 2^15 */
  return (scaled + (up ? filters->value_mul - 1 : 0)) / filters->value_mul;
}

int64_t tg_filters_lots_of(const tg_filters_t *filters, int64_t base_e8) {
  if (base_e8 <= 0 || filters->lot_mul == 0) return 0;
  tg_u128 lots = (tg_u128)(uint64_t)base_e8 * filters->lot_div / (filters->lot_mul * (uint64_t)TG_E8);
  return lots > (tg_u128)TG_QTY_LOTS_MAX ? TG_QTY_LOTS_MAX : (int64_t)lots;
}

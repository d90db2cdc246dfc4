#include "engine/core/position.h"

static bool narrow(tg_i128 wide, int64_t *out) {
  if (wide > INT64_MAX || wide < -(tg_i128)INT64_MAX) return false;
  *out = (int64_t)wide;
  return true;
}

static int64_t abs64(int64_t v) {
  return v < 0 ? -v : v;
}

tg_i128 tg_div_half_away(tg_i128 num, tg_i128 den) {
  tg_i128 half = den / 2;
  return num >= 0 ? (num + half) / den : -((-num + half) / den);
}

static bool pow10_i64(unsigned n, int64_t *out) {
  if (n > 18) return false;
  int64_t v = 1;
  for (unsigned i = 0; i < n; i++) v *= 10;
  *out = v;
  return true;
}

int tg_money_make(tg_money_t *money, unsigned px_dec, int64_t px_unit, unsigned qty_dec, int64_t qty_unit) {
  int64_t tick_scale, pair_scale, lot_den;
  if (px_unit < 1 || qty_unit < 1 || px_dec > 8 || px_dec + qty_dec > 8) return -TG_ERANGE;
  if (!pow10_i64(8 - px_dec, &tick_scale) || !pow10_i64(8 - px_dec - qty_dec, &pair_scale) || !pow10_i64(qty_dec, &lot_den))
    return -TG_ERANGE;
  tg_money_t made = {.lot_num = qty_unit, .lot_den = lot_den};
  if (!narrow((tg_i128)px_unit * tick_scale, &made.tick_e8)) return -TG_ERANGE;
  if (!narrow((tg_i128)px_unit * qty_unit * pair_scale, &made.tick_lot_e8)) return -TG_ERANGE;
  *money = made;
  return 0;
}

int64_t tg_money_value_e8(const tg_money_t *money, int64_t qty_lots, int64_t px_e8) {
  /* lots * lot_num fits 2^90, times a price of 2^63 does not: divide the smaller factor's scale first only when needed */
  tg_i128 units = (tg_i128)qty_lots * money->lot_num;
  int64_t value;
  if (units > ((tg_i128)1 << 63) || px_e8 < 0) return INT64_MAX;
  if (!narrow(tg_div_half_away(units * px_e8, money->lot_den), &value)) return INT64_MAX;
  return value;
}

int tg_position_fill(tg_position_t *pos, const tg_money_t *money, tg_side_t side, int64_t px_ticks, int64_t qty_lots,
                     tg_position_move_t *move) {
  if (qty_lots <= 0) return -TG_EINVAL;
  int64_t sign = tg_side_sign(side);
  int64_t size = abs64(pos->qty_lots);
  bool reduces = pos->qty_lots != 0 && (pos->qty_lots > 0) != (sign > 0);
  int64_t close = reduces ? (qty_lots < size ? qty_lots : size) : 0;
  int64_t open = qty_lots - close;
  tg_i128 per_lot = (tg_i128)px_ticks * money->tick_lot_e8;
  int64_t value_close, value_open, released = 0, realised, realised_sum, cost, qty;
  if (per_lot > INT64_MAX || per_lot < -(tg_i128)INT64_MAX) return -TG_ERANGE;
  if (!narrow(per_lot * close, &value_close) || !narrow(per_lot * open, &value_open)) return -TG_ERANGE;
  if (close > 0) released = close == size ? pos->cost_e8 : (int64_t)tg_div_half_away((tg_i128)pos->cost_e8 * close, size);
  tg_i128 gain = close == 0 ? 0 : pos->qty_lots > 0 ? (tg_i128)value_close - released : (tg_i128)released - value_close;
  if (!narrow(gain, &realised) || !narrow((tg_i128)pos->realised_e8 + realised, &realised_sum)) return -TG_ERANGE;
  if (!narrow((tg_i128)pos->cost_e8 - released + value_open, &cost)) return -TG_ERANGE;
  if (!narrow((tg_i128)pos->qty_lots + (tg_i128)sign * qty_lots, &qty)) return -TG_ERANGE;
  pos->cost_e8 = cost;
  pos->qty_lots = qty;
  pos->realised_e8 = realised_sum;
  if (side == TG_BUY) {
    pos->bought_lots += qty_lots;
  } else {
    pos->sold_lots += qty_lots;
  }
  pos->fill_cnt++;
  *move = (tg_position_move_t){realised, close, open, released};
  return 0;
}

int tg_position_adopt(tg_position_t *pos, const tg_money_t *money, int64_t qty_lots, int64_t entry_e8) {
  if (qty_lots == INT64_MIN || entry_e8 < 0) return -TG_ERANGE;
  int64_t cost = tg_money_value_e8(money, abs64(qty_lots), entry_e8);
  if (cost == INT64_MAX) return -TG_ERANGE;
  pos->adopted_lots += qty_lots - pos->qty_lots;
  pos->qty_lots = qty_lots;
  pos->cost_e8 = cost;
  pos->adopt_cnt++;
  return 0;
}

int tg_position_mark(tg_position_t *pos, const tg_money_t *money, int64_t mark_e8) {
  int64_t value = tg_money_value_e8(money, abs64(pos->qty_lots), mark_e8);
  if (value == INT64_MAX) return -TG_ERANGE;
  pos->mark_e8 = mark_e8;
  pos->unrealised_e8 = pos->qty_lots > 0 ? value - pos->cost_e8 : pos->qty_lots < 0 ? pos->cost_e8 - value : 0;
  return 0;
}

/* position.h - signed position, exact cost, P&L.
 * What:    the money contract: quantity Q in lots (signed), cost C in e8 = sum of px*qty of the open side, exact.
 *          A fill that reduces by q of |Q|: released = C*q/|Q| rounded half away from zero to 1e-8 (128-bit),
 *          realised = long: px*q - released, short: released - px*q; C -= released. Through zero: close all, then
 *          open the rest at px. Net = realised - commission + funding.
 * Owner:   value type in the core's instrument table.
 * Threads: core lane; pure.
 * Limit:   |Q| * px * tick_lot_e8 < 2^63 (92 billion quote units).
 * Errors:  -TG_ERANGE; the position is unchanged then. */
#ifndef TG_CORE_POSITION_H
#define TG_CORE_POSITION_H

#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_position {
  int64_t qty_lots, cost_e8;
  int64_t realised_e8, commission_e8, funding_e8; /* running totals of the session */
  int64_t mark_e8;                                /* last mark price, 0 unknown */
  int64_t unrealised_e8;                          /* at the mark, 0 when unknown */
  int64_t bought_lots, sold_lots;                 /* by fills; adoption not included */
  int64_t adopted_lots;                           /* sum of what adoptions changed: qty = bought - sold + adopted */
  uint64_t fill_cnt, maker_cnt, adopt_cnt;
} tg_position_t;

/* Scales of an instrument that money needs. */
typedef struct tg_money {
  int64_t tick_lot_e8;      /* one tick times one lot */
  int64_t tick_e8;          /* one tick */
  int64_t lot_num, lot_den; /* one lot = lot_num / lot_den of the base unit */
} tg_money_t;

/* What one fill did. */
typedef struct tg_position_move {
  int64_t realised_e8;           /* of this fill */
  int64_t close_lots, open_lots; /* parts that closed and opened, both >= 0 */
  int64_t released_e8;           /* cost given back by the closing part */
} tg_position_move_t;

/* Scales from decimals and units (tg_scale_t). 0, -TG_ERANGE when a tick times a lot is finer than 1e-8. */
TG_MUST_USE int tg_money_make(tg_money_t *money, unsigned px_dec, int64_t px_unit, unsigned qty_dec, int64_t qty_unit);
/* num/den rounded half away from zero; den > 0. */
tg_i128 tg_div_half_away(tg_i128 num, tg_i128 den);
/* Books one fill. 0, -TG_EINVAL (qty <= 0), -TG_ERANGE. */
TG_MUST_USE int tg_position_fill(tg_position_t *pos, const tg_money_t *money, tg_side_t side, int64_t px_ticks,
                                 int64_t qty_lots, tg_position_move_t *move);
/* Takes the venue's quantity and entry price (e8); no P&L is invented. 0, -TG_ERANGE. */
TG_MUST_USE int tg_position_adopt(tg_position_t *pos, const tg_money_t *money, int64_t qty_lots, int64_t entry_e8);
/* Values the position at a mark price (e8). 0, -TG_ERANGE (then unrealised is kept). */
TG_MUST_USE int tg_position_mark(tg_position_t *pos, const tg_money_t *money, int64_t mark_e8);
/* Value of qty lots (>= 0) at an e8 price, rounded half away; saturates at INT64_MAX. */
int64_t tg_money_value_e8(const tg_money_t *money, int64_t qty_lots, int64_t px_e8);
/* realised - commission + funding. */
static inline int64_t tg_position_net(const tg_position_t *pos) {
  return pos->realised_e8 - pos->commission_e8 + pos->funding_e8;
}

#endif

/* Positions against a slow reference, the exact identities of the money contract, round trips. */
#include <criterion/criterion.h>

#include "engine/base/rng.h"
#include "engine/core/position.h"
#include "engine/core/trip.h"

typedef __int128 i128;

typedef struct slow { /* written apart: signed cost, one branch per case, remainders by hand */
  i128 qty, cost, realised;
} slow_t;

static i128 slow_round(i128 num, i128 den) {
  i128 q = num / den, rest = num - q * den;
  if (rest < 0) rest = -rest;
  if (2 * rest >= den) q += num < 0 ? -1 : 1;
  return q;
}

static i128 slow_fill(slow_t *s, int sign, i128 px_e8_per_lot, i128 qty) {
  i128 gain = 0;
  if (s->qty * sign < 0) {
    i128 size = s->qty < 0 ? -s->qty : s->qty;
    i128 part = qty < size ? qty : size;
    i128 released = slow_round(s->cost * part, size);
    gain = s->qty > 0 ? px_e8_per_lot * part - released : released - px_e8_per_lot * part;
    s->cost -= released;
    s->qty += sign * part;
    qty -= part;
  }
  s->cost += px_e8_per_lot * qty;
  s->qty += sign * qty;
  s->realised += gain;
  return gain;
}

Test(position, random_fills_agree_with_a_slow_reference_and_the_wallet_identity) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 11);
  for (unsigned run = 0; run < 200; run++) {
    tg_money_t money;
    unsigned px_dec = (unsigned)(tg_rng_next(&rng) % 5), qty_dec = (unsigned)(tg_rng_next(&rng) % 4);
    int64_t px_unit = 1 + (int64_t)(tg_rng_next(&rng) % 25);
    cr_assert_eq(tg_money_make(&money, px_dec, px_unit, qty_dec, 1), 0);
    tg_position_t pos = {0};
    slow_t slow = {0};
    i128 bought = 0, sold = 0;
    for (unsigned i = 0; i < 500; i++) {
      tg_side_t side = (tg_side_t)(tg_rng_next(&rng) & 1);
      int64_t px = 1 + (int64_t)(tg_rng_next(&rng) % 10000), qty = 1 + (int64_t)(tg_rng_next(&rng) % 100);
      tg_position_move_t move;
      cr_assert_eq(tg_position_fill(&pos, &money, side, px, qty, &move), 0);
      i128 gain = slow_fill(&slow, side == TG_BUY ? 1 : -1, (i128)px * money.tick_lot_e8, qty);
      i128 value = (i128)px * qty * money.tick_lot_e8;
      if (side == TG_BUY)
        bought += value;
      else
        sold += value;
      cr_assert(move.realised_e8 == gain && move.close_lots + move.open_lots == qty);
      cr_assert(pos.qty_lots == slow.qty && pos.cost_e8 == slow.cost && pos.realised_e8 == slow.realised);
      /* what came in minus what went out is what was realised, up to the cost of what is open: exact at every step */
      i128 open = pos.qty_lots > 0 ? (i128)pos.cost_e8 : -(i128)pos.cost_e8;
      cr_assert(pos.realised_e8 == sold - bought + open);
      cr_assert_eq(pos.qty_lots, pos.bought_lots - pos.sold_lots);
    }
  }
}

Test(position, rounding_is_half_away_from_zero) {
  cr_assert(tg_div_half_away(5, 2) == 3 && tg_div_half_away(-5, 2) == -3 && tg_div_half_away(4, 3) == 1);
  cr_assert(tg_div_half_away(-4, 3) == -1 && tg_div_half_away(1, 2) == 1 && tg_div_half_away(-1, 2) == -1);
  tg_money_t money;
  cr_assert_eq(tg_money_make(&money, 5, 1, 3, 1), 0); /* one tick times one lot is exactly 1e-8 */
  cr_assert_eq(money.tick_lot_e8, 1);
  tg_position_t pos = {0};
  tg_position_move_t move;
  cr_assert_eq(tg_position_fill(&pos, &money, TG_BUY, 3, 1, &move), 0);
  cr_assert_eq(tg_position_fill(&pos, &money, TG_BUY, 4, 1, &move), 0);
  cr_assert_eq(tg_position_fill(&pos, &money, TG_SELL, 10, 1, &move), 0);
  cr_assert_eq(move.released_e8, 4); /* 3.5 */
  cr_assert_eq(move.realised_e8, 6);
  cr_assert_eq(pos.cost_e8, 3);
}

Test(position, through_zero_closes_all_and_opens_the_rest) {
  tg_money_t money;
  cr_assert_eq(tg_money_make(&money, 1, 1, 3, 1), 0);
  tg_position_t pos = {0};
  tg_position_move_t move;
  cr_assert_eq(tg_position_fill(&pos, &money, TG_BUY, 600000, 10, &move), 0);
  cr_assert_eq(tg_position_fill(&pos, &money, TG_SELL, 600100, 25, &move), 0);
  cr_assert_eq(move.close_lots, 10);
  cr_assert_eq(move.open_lots, 15);
  cr_assert_eq(move.realised_e8, 100 * 10 * money.tick_lot_e8);
  cr_assert_eq(pos.qty_lots, -15);
  cr_assert_eq(pos.cost_e8, 600100 * 15 * money.tick_lot_e8);
  cr_assert_eq(tg_position_mark(&pos, &money, INT64_C(6002000000000)), 0); /* 60020.0 */
  cr_assert_eq(pos.unrealised_e8, -(600200 - 600100) * 15 * money.tick_lot_e8);
}

Test(position, out_of_range_changes_nothing) {
  tg_money_t money;
  cr_assert_eq(tg_money_make(&money, 0, 1, 0, 1), 0);
  cr_assert_eq(tg_money_make(&money, 5, 1, 4, 1), -TG_ERANGE);
  tg_position_t pos = {0}, before = pos;
  tg_position_move_t move;
  cr_assert_eq(tg_position_fill(&pos, &money, TG_BUY, INT64_MAX / 2, 5, &move), -TG_ERANGE);
  cr_assert_eq(tg_position_fill(&pos, &money, TG_BUY, 5, 0, &move), -TG_EINVAL);
  cr_assert_arr_eq(&pos, &before, sizeof pos);
}

/* ---- trips ---- */

typedef struct desk {
  tg_money_t money;
  tg_position_t pos;
  tg_trips_t trips;
  uint64_t now_ns, close_trip, open_trip;
  tg_position_move_t move;
} desk_t;

static void trade(desk_t *d, tg_side_t side, int64_t px, int64_t qty, int64_t commission, bool lite) {
  d->now_ns += 1000;
  cr_assert_eq(tg_position_fill(&d->pos, &d->money, side, px, qty, &d->move), 0);
  tg_trip_fill_t fill = {.now_ns = d->now_ns,
                         .value_e8 = px * qty * d->money.tick_lot_e8,
                         .qty_lots = qty,
                         .position_lots = d->pos.qty_lots,
                         .side = (uint8_t)side,
                         .maker = 1,
                         .lite = lite};
  tg_trips_fill(&d->trips, &fill, &d->move, &d->close_trip, &d->open_trip);
  if (!lite) tg_trips_commission(&d->trips, d->close_trip, d->open_trip, d->move.close_lots, qty, commission, false);
}

Test(trip, flat_to_flat_with_mae_and_mfe) {
  desk_t d = {0};
  tg_trip_t out;
  cr_assert_eq(tg_money_make(&d.money, 1, 1, 3, 1), 0);
  trade(&d, TG_BUY, 600000, 10, 7, false);
  trade(&d, TG_BUY, 600100, 10, 7, false);
  cr_assert_not(tg_trips_take(&d.trips, &out));
  tg_trips_mark(&d.trips, -500);
  tg_trips_mark(&d.trips, 900);
  trade(&d, TG_SELL, 600200, 20, 14, false);
  cr_assert(tg_trips_take(&d.trips, &out));
  cr_assert_eq(out.trip_no, 1u);
  cr_assert_eq(out.gross_e8, (600200 * 20 - 600000 * 10 - 600100 * 10) * d.money.tick_lot_e8);
  cr_assert_eq(out.gross_e8, out.exit_cost_e8 - out.entry_cost_e8);
  cr_assert_eq(out.commission_e8, 28);
  cr_assert_eq(out.peak_lots, 20);
  cr_assert_eq(out.mae_e8, -500);
  cr_assert_eq(out.mfe_e8, 900);
  cr_assert_eq(out.fill_cnt, 3u);
  cr_assert_eq(out.maker_cnt, 3u);
  cr_assert_eq(out.closed_ns - out.opened_ns, 2000u);
  cr_assert_eq(d.trips.won_cnt, 1u);
}

Test(trip, a_flip_closes_one_and_opens_the_next_and_shares_its_commission) {
  desk_t d = {0};
  tg_trip_t out;
  cr_assert_eq(tg_money_make(&d.money, 1, 1, 3, 1), 0);
  trade(&d, TG_SELL, 600000, 10, 10, false);
  trade(&d, TG_BUY, 600100, 30, 30, false);
  cr_assert(tg_trips_take(&d.trips, &out));
  cr_assert_eq(out.dir, -1);
  cr_assert_eq(out.gross_e8, -100 * 10 * d.money.tick_lot_e8);
  cr_assert_eq(out.commission_e8, 20);
  cr_assert_eq(d.trips.loss_streak, 1u);
  cr_assert_eq(d.trips.now.trip_no, 2u);
  cr_assert_eq(d.trips.now.dir, 1);
  cr_assert_eq(d.trips.now.commission_e8, 20);
  cr_assert_eq(d.trips.now.peak_lots, 20);
}

Test(trip, a_closed_trip_waits_for_its_commission) {
  desk_t d = {0};
  tg_trip_t out;
  cr_assert_eq(tg_money_make(&d.money, 1, 1, 3, 1), 0);
  trade(&d, TG_BUY, 600000, 10, 5, false);
  trade(&d, TG_SELL, 600010, 10, 0, true);
  cr_assert_not(tg_trips_take(&d.trips, &out));
  tg_trips_commission(&d.trips, d.close_trip, d.open_trip, 10, 10, 6, true);
  cr_assert(tg_trips_take(&d.trips, &out));
  cr_assert_eq(out.commission_e8, 11);
  cr_assert_eq(d.trips.early_cnt, 0u);
}

/* The last value on each side of every bound. Most of these were asked for by the mutation test (docs/testing.md): a comparison
 * turned by one had gone unnoticed. */
#include <criterion/criterion.h>

#include "engine/base/err.h"
#include "tests/unit/risk/fixture.h"

#define B(NAME) TG_GATE_BIT(NAME)

static uint64_t mask_of(world_t *w) {
  uint32_t subs;
  return world_mask(w, &subs);
}

/* ---- drawdown ---- */

Test(bounds, a_limit_of_zero_never_latches_and_the_other_one_does_exactly) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 0, 0);
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 1000, true));
  tg_drawdown_init(&d, 1000, 0);
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 1000, true), "no day limit: the distance 0 is not at it");
  tg_drawdown_init(&d, 0, 50);
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 1000, true));
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 1, 951, true));
  cr_assert(tg_drawdown_update(&d, NOW_NS + 2, 950, true), "the day's limit, reached exactly");
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 3, 900, true), "it went on once");
  cr_assert_eq(d.breach_cnt, 1u);
  tg_drawdown_limits(&d, 10, 10);
  cr_assert_eq(d.breach_cnt, 1u);
}

Test(bounds, nothing_latches_before_equity_is_known) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 1, 1);
  d.session_peak_e8 = d.day_peak_e8 = 100; /* as a restore may leave it */
  tg_drawdown_limits(&d, 1, 1);
  cr_assert_eq(d.latched, 0u);
  cr_assert_eq(d.breach_cnt, 0u);
}

Test(bounds, a_former_peak_of_nothing_says_nothing) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 10000, 10000);
  cr_assert(!tg_drawdown_restore(&d, NOW_NS / TG_NS_PER_DAY, 1400));
  cr_assert(!tg_drawdown_restore(&d, NOW_NS / TG_NS_PER_DAY, 0));
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 1000, true));
  cr_assert_eq(d.day_peak_e8, 1400);
}

/* ---- dup ---- */

/* Keys of one set, by trying prices. */
static uint64_t same_set(unsigned set, unsigned no) {
  for (int64_t px = 1;; px++) {
    uint64_t key = tg_dup_key(0, TG_BUY, px, 10);
    if (tg_dup_set_idx(key) == set && no-- == 0) return key;
  }
}

Test(bounds, a_fifth_of_a_set_pushes_out_the_oldest_only_while_it_lives) {
  tg_dup_t dup;
  for (int late = 0; late < 2; late++) {
    tg_dup_init(&dup, 1000);
    for (unsigned i = 0; i < TG_DUP_WAYS; i++) tg_dup_on_send(&dup, 100 + i, same_set(5, i), NOW_NS + (i == 2 ? 0 : 10 + i));
    uint64_t at = NOW_NS + 1000 - (late ? 0 : 1); /* the third, the oldest, leaves at NOW_NS + 1000 */
    tg_dup_on_send(&dup, 200, same_set(5, 4), at);
    cr_assert_eq(dup.evicted_live_cnt, late ? 0u : 1u);
    cr_assert_eq(dup.blind_until_ns, late ? 0u : NOW_NS + 1000, "blind no longer than the oldest would have stayed");
    for (unsigned i = 0; i < 5; i++) {
      bool hit = tg_dup_hit(&dup, 300, same_set(5, i), NOW_NS + 1000) >> 63;
      cr_assert_eq(hit, i != 2, "way %u", i);
    }
    cr_assert_eq(dup.set[6].key[0], 0, "the neighbour is untouched");
  }
}

Test(bounds, the_last_client_id_only_grows_within_a_prefix) {
  tg_dup_t dup;
  const uint64_t prefix = UINT64_C(7) << 32;
  tg_dup_init(&dup, 0);
  tg_dup_on_send(&dup, prefix | 5, same_set(1, 0), NOW_NS);
  tg_dup_on_send(&dup, prefix | 6, same_set(1, 1), NOW_NS);
  cr_assert_eq(dup.last_client_id, prefix | 6);
  tg_dup_on_send(&dup, prefix | 4, same_set(1, 2), NOW_NS);
  cr_assert_eq(dup.last_client_id, prefix | 6, "never back");
  cr_assert(tg_dup_hit(&dup, prefix | 6, same_set(2, 0), NOW_NS) >> 63);
  cr_assert(!(tg_dup_hit(&dup, prefix | 7, same_set(2, 0), NOW_NS) >> 63));
  cr_assert(tg_dup_hit(&dup, 0, same_set(2, 0), NOW_NS) >> 63, "0 is no id, whatever the prefix");
}

/* ---- exposure ---- */

Test(bounds, positions_up_to_the_range_are_known) {
  tg_exposure_t e;
  tg_exposure_init(&e);
  const int64_t most = TG_QTY_LOTS_MAX - 1;
  for (int sign = -1; sign <= 1; sign += 2) {
    tg_exposure_position(&e, 0, sign * most);
    cr_assert(e.instr[0].pos_known && e.instr[0].pos_lots == sign * most);
    tg_exposure_position(&e, 0, sign * TG_QTY_LOTS_MAX);
    cr_assert(!e.instr[0].pos_known);
    tg_exposure_position(&e, 0, sign * (most - 1));
    tg_reserve_t r = {.side = sign > 0 ? TG_BUY : TG_SELL};
    cr_assert_eq(tg_exposure_fill(&e, &r, 1), 0);
    cr_assert(e.instr[0].pos_known && e.instr[0].pos_lots == sign * most);
    cr_assert_eq(tg_exposure_fill(&e, &r, 1), -TG_ERANGE);
    cr_assert(!e.instr[0].pos_known);
  }
}

Test(bounds, an_instrument_past_the_last_is_refused_everywhere) {
  tg_exposure_t *e = malloc(sizeof *e);
  tg_exposure_init(e);
  tg_exposure_t before = *e;
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_exposure_position(e, TG_INSTR_MAX, 5);
  tg_exposure_unknown(e, TG_INSTR_MAX);
  tg_exposure_mark(e, TG_INSTR_MAX, &w.filters, MARK_E8);
  tg_reserve_t r = {0};
  cr_assert_eq(tg_exposure_reserve(e, &r, TG_INSTR_MAX, TG_BUY, 1), -TG_EINVAL);
  r.instr_idx = TG_INSTR_MAX;
  cr_assert_eq(tg_exposure_fill(e, &r, 1), -TG_EINVAL);
  cr_assert_eq(memcmp(e, &before, sizeof before), 0);
  free(e);
}

Test(bounds, no_margin_left_is_told_and_not_told_is_something_else) {
  tg_exposure_t e;
  tg_exposure_init(&e);
  tg_exposure_available(&e, 0, 10);
  cr_assert(e.margin_gross_max_q16 == 0);
  tg_exposure_available(&e, -1, 10);
  cr_assert(e.margin_gross_max_q16 == -1);
}

Test(bounds, a_worth_needs_scales_and_stays_below_its_cap) {
  tg_exposure_t e;
  tg_filters_t flt;
  tg_exposure_init(&e);
  tg_filters_init(&flt);
  flt.lot_mul = flt.lot_div = 0;
  tg_exposure_mark(&e, 0, &flt, MARK_E8); /* no division by nothing */
  cr_assert_eq(e.instr[0].lot_worth_q16, 0u);
  flt.lot_mul = flt.lot_div = 1;
  tg_exposure_mark(&e, 0, &flt, (INT64_C(1) << 46) - 1);
  cr_assert_eq(e.instr[0].lot_worth_q16, ((UINT64_C(1) << 46) - 1) << 16);
  tg_exposure_mark(&e, 0, &flt, INT64_C(1) << 46);
  cr_assert_eq(e.instr[0].lot_worth_q16, 0u, "at the cap there is no worth");
  tg_exposure_mark(&e, 0, &flt, 1);
  cr_assert_eq(e.instr[0].lot_worth_q16, UINT64_C(1) << 16);
  tg_exposure_mark(&e, 0, &flt, -1);
  cr_assert_eq(e.instr[0].lot_worth_q16, 0u);
}

Test(bounds, negative_remainders_are_refused_even_beside_other_orders) {
  tg_exposure_t e;
  tg_reserve_t a = {0}, b = {0};
  tg_exposure_init(&e);
  cr_assert_eq(tg_exposure_reserve(&e, &a, 0, TG_BUY, 10), 0);
  cr_assert_eq(tg_exposure_reserve(&e, &b, 0, TG_BUY, 10), 0);
  cr_assert_eq(tg_exposure_amend(&e, &a, -1), -TG_ERANGE);
  cr_assert_eq(tg_exposure_settle(&e, &a, -1), -TG_ERANGE);
  cr_assert_eq(e.instr[0].open_buy_lots, 20);
  cr_assert_eq(tg_exposure_settle(&e, &a, 0), 0, "nothing may remain");
  cr_assert_eq(tg_exposure_amend(&e, &b, 0), 0);
  cr_assert_eq(tg_exposure_fill(&e, &b, 4), 0);
  cr_assert_eq(b.amend_lots, 0, "an amend to nothing is still under way");
  cr_assert_eq(tg_exposure_amend(&e, &b, TG_QTY_LOTS_MAX), -TG_ERANGE);
}

Test(bounds, one_open_side_alone_is_something_at_risk) {
  for (int side = TG_BUY; side <= TG_SELL; side++) {
    tg_exposure_t e;
    tg_reserve_t r = {0};
    tg_exposure_init(&e);
    cr_assert_eq(tg_exposure_reserve(&e, &r, 0, (tg_side_t)side, 1), 0);
    cr_assert_eq(e.unvalued_cnt, 1u);
  }
}

/* ---- filters, limits ---- */

static tg_cfg_symbol_t symbol_of(unsigned px_dec, unsigned qty_dec, int64_t px_unit, int64_t qty_unit) {
  tg_cfg_symbol_t s = {.px_dec = (uint8_t)px_dec, .qty_dec = (uint8_t)qty_dec, .allowlisted = 1, .status = 1};
  s.px_unit = px_unit;
  s.qty_unit = qty_unit;
  return s;
}

static int on_symbol(unsigned px_dec, unsigned qty_dec, int64_t px_unit, int64_t qty_unit) {
  tg_filters_t flt;
  tg_filters_init(&flt);
  tg_cfg_symbol_t s = symbol_of(px_dec, qty_dec, px_unit, qty_unit);
  return tg_filters_on_symbol(&flt, &s);
}

Test(bounds, scales_up_to_the_limits_are_taken) {
  cr_assert_eq(on_symbol(8, 0, 1, 1), 0);
  cr_assert_eq(on_symbol(9, 0, 1, 1), -TG_ERANGE);
  cr_assert_eq(on_symbol(0, 9, 1, 1), 0);
  cr_assert_eq(on_symbol(0, 10, 1, 1), -TG_ERANGE);
  cr_assert_eq(on_symbol(8, 9, 1, INT64_C(1) << 34), 0);
  cr_assert_eq(on_symbol(8, 9, 1, (INT64_C(1) << 34) + 1), -TG_ERANGE);
  cr_assert_eq(on_symbol(8, 9, INT64_C(1) << 40, 1), 0, "a tick of 2^40 e8");
  cr_assert_eq(on_symbol(8, 9, (INT64_C(1) << 40) + 1, 1), -TG_ERANGE);
  cr_assert_eq(on_symbol(8, 0, INT64_C(1) << 40, INT64_C(1) << 22), 0, "2^62 the product");
  cr_assert_eq(on_symbol(8, 0, INT64_C(1) << 40, (INT64_C(1) << 22) + 1), -TG_ERANGE);
}

Test(bounds, equal_ends_are_a_range_and_none_is_spelt_out) {
  tg_filters_t flt;
  world_filters(&flt);
  cr_assert_eq(flt.mult_up_bps, 10500);
  cr_assert_eq(flt.mult_down_bps, 9500);
  tg_cfg_filter_t f = {0};
  f.u.first.min_px_ticks = f.u.first.max_px_ticks = 7;
  f.u.first.min_qty_lots = f.u.first.max_qty_lots = 3;
  cr_assert_eq(tg_filters_on_filter(&flt, &f, 0), 0);
  f.u.first.min_px_ticks = 8;
  cr_assert_eq(tg_filters_on_filter(&flt, &f, 0), -TG_ERANGE);
  f.u.first.min_px_ticks = 7;
  f.u.first.min_qty_lots = 4;
  cr_assert_eq(tg_filters_on_filter(&flt, &f, 0), -TG_ERANGE);
  tg_cfg_filter_t second = {0};
  second.u.second.mult_up_bps = -5;
  second.u.second.mult_down_bps = -5;
  cr_assert_eq(tg_filters_on_filter(&flt, &second, TG_F_SECOND), 0);
  cr_assert_eq(flt.mult_up_bps, 0);
  cr_assert_eq(flt.mult_down_bps, 0);
  cr_assert_eq(flt.market_max_qty_lots, TG_QTY_LOTS_MAX - 1);
  second.u.second.market_min_qty_lots = second.u.second.market_max_qty_lots = 9;
  cr_assert_eq(tg_filters_on_filter(&flt, &second, TG_F_SECOND), 0);
  second.u.second.market_min_qty_lots = 10;
  cr_assert_eq(tg_filters_on_filter(&flt, &second, TG_F_SECOND), -TG_ERANGE);
}

Test(bounds, a_share_of_equity_is_what_was_set_up_to_its_bound) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.conf.risk_max_gross_equity_pct = 20;
  tg_limits_make(&w.limits, &w.conf, &w.filters);
  cr_assert_eq(w.limits.gross_equity_q16, 20u * 65536 / 100);
  w.conf.risk_max_gross_equity_pct = INT64_C(1000000001);
  tg_limits_make(&w.limits, &w.conf, &w.filters);
  cr_assert_eq(w.limits.gross_equity_q16, UINT64_C(1000000000) * 65536 / 100);
}

/* ---- rate ---- */

Test(bounds, what_the_venue_leaves_out_stays_as_it_was) {
  tg_rate_cfg_t cfg = {.per_s = 100, .per_min = 1000, .venue_orders_10s = 50, .venue_orders_min = 60};
  tg_rate_state_t rate;
  tg_rate_init(&rate, &cfg, 0);
  tg_rate_t told = {.orders_10s_limit = 30, .orders_10s_used = 3, .orders_1m_limit = 40, .orders_1m_used = 4};
  tg_rate_on_venue(&rate, &told, 0);
  cr_assert_eq(rate.venue_ns, 1u, "time 0 is a time, not never");
  cr_assert(rate.venue_limit_10s == 30 && rate.venue_limit_min == 40);
  tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  told = (tg_rate_t){.orders_10s_limit = 20, .orders_10s_used = 9};
  tg_rate_on_venue(&rate, &told, 5);
  cr_assert(rate.venue_limit_10s == 20 && rate.venue_limit_min == 40 && rate.sent_since_venue == 0);
  tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  told = (tg_rate_t){.orders_1m_limit = 10, .orders_1m_used = 9};
  tg_rate_on_venue(&rate, &told, 6);
  cr_assert(rate.venue_limit_10s == 20 && rate.venue_limit_min == 10 && rate.sent_since_venue == 0);
  tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  told = (tg_rate_t){.weight_1m_limit = 100, .weight_1m_used = 50};
  tg_rate_on_venue(&rate, &told, 7);
  cr_assert(rate.venue_limit_10s == 20 && rate.sent_since_venue == 1 && rate.weight_used == 50);
  told = (tg_rate_t){.weight_1m_used = 99};
  tg_rate_on_venue(&rate, &told, 8);
  cr_assert(rate.weight_used == 50 && rate.weight_limit == 100, "a weight without its limit says nothing");
}

/* ---- the chain ---- */

Test(bounds, instants_of_pauses_and_of_what_lies_ahead) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.rate.pause_until_ns = NOW_NS;
  cr_assert_eq(mask_of(&w), 0, "the pause ends at its instant");
  w.instr.book_rx_ns = w.snap.session_rx_ns = NOW_NS + (uint64_t)TG_NS_PER_S;
  cr_assert_eq(mask_of(&w), 0, "a second ahead is still plausible");
  w.snap.session_rx_ns++;
  cr_assert_eq(mask_of(&w), B(MARKET_DATA));
  w.snap.session_rx_ns--;
  w.instr.book_rx_ns++;
  cr_assert_eq(mask_of(&w), B(MARKET_DATA));
}

Test(bounds, a_touch_at_the_ends_of_the_range) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.instr.bid_px_ticks = 1;
  w.instr.ask_px_ticks = 2;
  cr_assert_eq(mask_of(&w) & B(MARKET_DATA), 0);
  w.instr.bid_px_ticks = 0;
  cr_assert_eq(mask_of(&w) & B(MARKET_DATA), B(MARKET_DATA));
  w.instr.bid_px_ticks = TG_PX_TICKS_MAX - 1;
  w.instr.ask_px_ticks = TG_PX_TICKS_MAX;
  cr_assert_eq(mask_of(&w) & B(MARKET_DATA), 0);
  w.instr.ask_px_ticks++;
  cr_assert_eq(mask_of(&w) & B(MARKET_DATA), B(MARKET_DATA));
}

Test(bounds, collars_are_inclusive_to_the_last_fraction) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.instr.bid_px_ticks = 619999; /* mid 620000: 1% of it is whole ticks */
  w.instr.ask_px_ticks = 620001;
  w.instr.mark_e8 = INT64_C(61800000) * 100000; /* below: the mid alone decides the lower end */
  w.req.px_ticks = 613800;
  cr_assert_eq(mask_of(&w) & B(COLLAR), 0);
  w.req.px_ticks--;
  cr_assert_eq(mask_of(&w) & B(COLLAR), B(COLLAR));
  w.instr.mark_e8 = INT64_C(62200000) * 100000; /* above: the upper end */
  w.req.px_ticks = 626200;
  cr_assert_eq(mask_of(&w) & B(COLLAR), 0);
  w.req.px_ticks++;
  cr_assert_eq(mask_of(&w) & B(COLLAR), B(COLLAR));
}

Test(bounds, the_smallest_mark_is_one) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_cfg_symbol_t s = symbol_of(8, 0, 1, 1);
  cr_assert_eq(tg_filters_on_symbol(&w.filters, &s), 0);
  w.limits.collar_entry_bps = 10000;
  w.instr.bid_px_ticks = w.req.px_ticks = 1;
  w.instr.ask_px_ticks = 2;
  w.instr.mark_e8 = 1;
  cr_assert_eq(mask_of(&w) & B(COLLAR), 0);
  w.instr.mark_e8 = 0;
  cr_assert_eq(mask_of(&w) & B(COLLAR), B(COLLAR));
}

Test(bounds, steps_that_are_even) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.filters.px_step = tg_step_make(10);
  w.filters.qty_step = tg_step_make(2);
  cr_assert_eq(mask_of(&w), 0);
  for (int64_t off = 1; off < 10; off++) {
    w.req.px_ticks = 619990 - off;
    cr_assert_eq(mask_of(&w) & B(SHAPE), B(SHAPE), "%ld", (long)off);
  }
  w.req.px_ticks = 619990;
  w.req.qty_lots = w.req.rem_lots = 9;
  cr_assert_eq(mask_of(&w) & B(SHAPE), B(SHAPE));
  w.req.qty_lots = 10;
  w.req.rem_lots = 1; /* one lot still open is an order */
  cr_assert_eq(mask_of(&w), 0);
}

Test(bounds, drawdown_not_known_is_held_however_fresh) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.drawdown.known = 0;
  uint64_t mask = mask_of(&w);
  cr_assert_eq(mask & (B(DRAWDOWN) | B(GROSS) | B(NET)), B(DRAWDOWN) | B(GROSS) | B(NET));
}

Test(bounds, money_without_worth_or_equity_is_held) {
  const uint64_t money = B(GROSS) | B(NET);
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_exposure_mark(&w.exposure, 0, &w.filters, 0);
  cr_assert_eq(mask_of(&w) & money, money, "no mark, and nothing open yet");
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.exposure.unvalued_cnt = 1;
  cr_assert_eq(mask_of(&w) & money, money, "another instrument without one");
  static const int64_t broke[] = {0, -1, INT64_MIN / 2};
  for (unsigned i = 0; i < TG_ARRAY_CNT(broke); i++) {
    world_init(&w, TG_INTENT_INCREASE_RISK);
    w.drawdown.equity_e8 = broke[i];
    cr_assert_eq(mask_of(&w) & money, money);
  }
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.exposure.instr[0].lot_worth_q16 = 1; /* the least worth there is, and the least equity */
  w.drawdown.equity_e8 = 1;
  cr_assert_eq(mask_of(&w) & money, 0);
}

/* Market orders: the nearer of both collars, whole ticks inside; nothing without references. */
static int64_t market(world_t *w, tg_side_t side) {
  return tg_gate_market_px(&w->limits, &w->instr, &w->filters, side, TG_INTENT_INCREASE_RISK);
}

Test(bounds, market_prices_stay_inside_the_nearer_collar) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.instr.bid_px_ticks = 619999;
  w.instr.ask_px_ticks = 620001;
  w.instr.mark_e8 = INT64_C(62200000) * 100000;
  cr_assert_eq(market(&w, TG_BUY), 626200, "the mid's, exactly");
  cr_assert_eq(market(&w, TG_SELL), 615780, "the mark's, exactly");
  w.instr.mark_e8 = INT64_C(61800000) * 100000;
  cr_assert_eq(market(&w, TG_BUY), 624180);
  cr_assert_eq(market(&w, TG_SELL), 613800);
}

Test(bounds, market_prices_need_every_reference) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  const tg_gate_instr_t good = w.instr;
  const tg_filters_t filters = w.filters;
  w.instr.bid_px_ticks = 0;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.instr = good;
  w.instr.ask_px_ticks = w.instr.bid_px_ticks;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.instr = good;
  w.instr.ask_px_ticks = TG_PX_TICKS_MAX + 1;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.instr = good;
  w.instr.mark_e8 = 0;
  cr_assert_eq(market(&w, TG_SELL), 0);
  w.instr = good;
  w.filters.tick_e8 = 0;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.filters = filters;
  w.filters.px_step.step = 0;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.filters = filters;
  w.instr.bid_px_ticks = 1;
  w.instr.ask_px_ticks = 2;
  w.instr.mark_e8 = 1;
  w.filters.tick_e8 = 1;
  cr_assert_gt(market(&w, TG_SELL), 0, "small, and well");
}

Test(bounds, a_market_price_may_be_the_largest_there_is) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.limits.collar_entry_bps = 10000;
  w.filters.tick_e8 = 1;
  w.instr.bid_px_ticks = TG_PX_TICKS_MAX / 2 - 1; /* mid 2^47: twice that is the edge */
  w.instr.ask_px_ticks = TG_PX_TICKS_MAX / 2 + 1;
  w.instr.mark_e8 = TG_PX_TICKS_MAX;
  cr_assert_eq(market(&w, TG_BUY), TG_PX_TICKS_MAX);
  w.instr.ask_px_ticks += 2;
  cr_assert_eq(market(&w, TG_BUY), 0);
  w.instr.bid_px_ticks = TG_PX_TICKS_MAX - 1; /* so may be the touch */
  w.instr.ask_px_ticks = TG_PX_TICKS_MAX;
  w.limits.collar_entry_bps = 100;
  cr_assert_gt(market(&w, TG_SELL), TG_PX_TICKS_MAX / 100 * 98);
}

Test(bounds, counters_take_no_bit_that_is_none) {
  tg_gate_stat_t stat;
  memset(&stat, 0, sizeof stat);
  tg_gate_count(&stat, UINT64_C(1) << TG_GATE_CNT | 1, 0);
  cr_assert(stat.bit_cnt[0] == 1 && stat.reason_cnt[0] == 1 && stat.blocked_cnt == 1);
  for (unsigned i = 1; i < TG_GATE_CNT; i++) cr_assert_eq(stat.bit_cnt[i], 0u);
  cr_assert_eq(tg_gate_reason(TG_GATE_CNT, 0), TG_REASON_NONE);
  cr_assert_eq(tg_gate_reason(TG_GATE_ARMED, 9), TG_REASON_NONE);
}

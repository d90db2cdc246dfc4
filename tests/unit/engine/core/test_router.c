/* The router against spec/router.md: each row, every pair's order, a random input stream against the table written a second
 * time, and the order of work. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/core/router.h"

#define MARK_E8 INT64_C(6200000000000)

typedef struct desk {
  tg_filters_t filters;
  tg_route_in_t in;
} desk_t;

/* tick 0.1, step 0.001, 50 USDT at least, band 5%; a post-only buy of 0.010 at 61,999.0 under 62,000.0 / 62,000.1; the same
 * order rests. */
static void make(desk_t *d) {
  memset(d, 0, sizeof *d);
  tg_cfg_symbol_t symbol;
  tg_cfg_filter_t first, second;
  memset(&symbol, 0, sizeof symbol);
  memset(&first, 0, sizeof first);
  memset(&second, 0, sizeof second);
  symbol.px_dec = symbol.px_unit = symbol.qty_unit = 1;
  symbol.qty_dec = 3;
  first.u.first.min_px_ticks = 5568;
  first.u.first.max_px_ticks = 45297640;
  first.u.first.min_qty_lots = 1;
  first.u.first.max_qty_lots = 1000000;
  first.u.first.min_notional_e8 = 50 * TG_E8;
  second.u.second.mult_up_bps = 10500;
  second.u.second.mult_down_bps = 9500;
  second.u.second.market_min_qty_lots = 1;
  second.u.second.market_max_qty_lots = 120000;
  tg_filters_init(&d->filters);
  cr_assert_eq(tg_filters_on_symbol(&d->filters, &symbol), 0);
  cr_assert_eq(tg_filters_on_filter(&d->filters, &first, 0), 0);
  cr_assert_eq(tg_filters_on_filter(&d->filters, &second, TG_F_SECOND), 0);
  tg_route_order_t order = {619990, 10, TG_BUY, TG_TYPE_LIMIT, TG_TIF_GTX, TG_ORDER_POST_ONLY, 0, {0}};
  d->in.desired = d->in.existing = order;
  d->in.filters = &d->filters;
  d->in.bid_px_ticks = 620000;
  d->in.ask_px_ticks = 620001;
  d->in.mark_e8 = MARK_E8;
  d->in.rate_left = 10;
  d->in.amend_threshold_bps = 20;
  d->in.intent = TG_INTENT_INCREASE_RISK;
  d->in.has_desired = d->in.has_existing = 1;
  d->in.venue_caps = TG_VENUE_AMEND | TG_VENUE_AMEND_LIMIT_ONLY;
}

/* Rows, in the order of the spec, each with what makes it true. */
#define RULES(R) \
  R(1, BLOCK, DRAWDOWN_GATE_ACTIVE, d->in.drawdown_gate = 1) \
  R(2, NOOP, REQUEST_IN_FLIGHT, d->in.request_pending = 1) \
  R(3, CANCEL, EXPLICIT_CANCEL, d->in.has_desired = 0) \
  R(4, BLOCK, FILTER_TICK, d->filters.px_step = tg_step_make(11)) \
  R(4, BLOCK, FILTER_STEP, d->filters.qty_step = tg_step_make(5)) \
  R(4, BLOCK, FILTER_MIN_QTY, d->filters.min_qty_lots = 100) \
  R(4, BLOCK, FILTER_MAX_QTY, d->filters.max_qty_lots = 1) \
  R(4, BLOCK, FILTER_MIN_NOTIONAL, d->filters.min_units = (tg_u128)1 << 70) \
  R(4, BLOCK, FILTER_PRICE_BAND, d->in.mark_e8 = MARK_E8 / 2) \
  R(5, BLOCK, SPREAD_CROSSING, d->in.ask_px_ticks = 600000) \
  R(6, NOOP, NO_CHANGE, d->in.existing = d->in.desired; d->in.filled_lots = 0) \
  R(7, BLOCK, RATE_LIMIT, d->in.rate_left = 0) \
  R(8, CANCEL_REPLACE, NO_EXISTING_ORDER, d->in.has_existing = 0) \
  R(9, CANCEL_REPLACE, PARTIAL_FILL, d->in.filled_lots = 3) \
  R(9, CANCEL_REPLACE, NOT_AMENDABLE, d->in.venue_caps = 0) \
  R(10, AMEND, QTY_CHANGE_ONLY, d->in.existing.px_ticks = d->in.desired.px_ticks) \
  R(11, AMEND, SMALL_PRICE_DELTA, d->in.existing.px_ticks = d->in.desired.px_ticks + 100) \
  R(12, CANCEL_REPLACE, LARGE_PRICE_DELTA, d->in.existing.px_ticks = d->in.desired.px_ticks + 10000)

typedef struct rule {
  uint8_t row, decision, reason;
} rule_t;
#define R(row, decision, reason, change) {(row), TG_ROUTE_##decision, TG_ROUTE_WHY_##reason},
static const rule_t rules[] = {RULES(R)};
#undef R
#define RULE_CNT ((int)TG_ARRAY_CNT(rules))

static void provoke(desk_t *d, int idx) {
  int i = 0;
#define R(row, decision, reason, change) \
  if (idx == i++) { \
    change; \
  }
  RULES(R)
#undef R
}

/* The conditions, by hand; doubles and divisions allowed here. */
static bool crossing(const tg_route_in_t *in, const tg_route_order_t *o) {
  if (!(o->order_flags & TG_ORDER_POST_ONLY) || o->type == TG_TYPE_MARKET) return false;
  return o->side == TG_BUY ? in->ask_px_ticks > 0 && o->px_ticks >= in->ask_px_ticks
                           : in->bid_px_ticks > 0 && o->px_ticks <= in->bid_px_ticks;
}
static uint8_t filter_of(const tg_route_in_t *in, const tg_route_order_t *o) {
  const tg_filters_t *f = in->filters;
  bool market = o->type == TG_TYPE_MARKET, reduce_only = o->order_flags & TG_ORDER_REDUCE_ONLY;
  if (!market && (o->px_ticks < f->min_px_ticks || o->px_ticks > f->max_px_ticks || o->px_ticks % (int64_t)f->px_step.step)) {
    return TG_ROUTE_WHY_FILTER_TICK;
  }
  if (o->qty_lots < 0 || o->qty_lots % (int64_t)f->qty_step.step) return TG_ROUTE_WHY_FILTER_STEP;
  if (o->qty_lots < (market ? f->market_min_qty_lots : f->min_qty_lots)) return TG_ROUTE_WHY_FILTER_MIN_QTY;
  if (o->qty_lots > (market ? f->market_max_qty_lots : f->max_qty_lots)) return TG_ROUTE_WHY_FILTER_MAX_QTY;
  tg_i128 units = market ? (tg_i128)in->mark_e8 * 20000 / f->tick_e8 * o->qty_lots : (tg_i128)o->px_ticks * 20000 * o->qty_lots;
  if (!reduce_only && units < (tg_i128)f->min_units) return TG_ROUTE_WHY_FILTER_MIN_NOTIONAL;
  if (market) return TG_ROUTE_WHY_NONE;
  tg_i128 px = (tg_i128)o->px_ticks * f->tick_e8 * 10000;
  if (o->side == TG_BUY && f->mult_up_bps && (in->mark_e8 <= 0 || px > (tg_i128)in->mark_e8 * f->mult_up_bps))
    return TG_ROUTE_WHY_FILTER_PRICE_BAND;
  if (o->side == TG_SELL && f->mult_down_bps && (in->mark_e8 <= 0 || px < (tg_i128)in->mark_e8 * f->mult_down_bps))
    return TG_ROUTE_WHY_FILTER_PRICE_BAND;
  return TG_ROUTE_WHY_NONE;
}
static int64_t bps_half_up(int64_t desired, int64_t existing) {
  tg_i128 delta = desired > existing ? desired - existing : existing - desired;
  return (int64_t)((delta * 20000 + existing) / (2 * (tg_i128)existing));
}
static bool same_kind(const tg_route_order_t *a, const tg_route_order_t *b) {
  return a->side == b->side && a->type == b->type && a->tif == b->tif && a->order_flags == b->order_flags;
}

/* spec/router.md, top to bottom. */
static uint8_t slow_reason(const tg_route_in_t *in) {
  tg_route_order_t want = in->desired;
  const tg_route_order_t *old = &in->existing;
  if (in->drawdown_gate && in->intent == TG_INTENT_INCREASE_RISK) return TG_ROUTE_WHY_DRAWDOWN_GATE_ACTIVE;
  if (in->has_existing && in->request_pending) return TG_ROUTE_WHY_REQUEST_IN_FLIGHT;
  if (in->intent == TG_INTENT_CANCEL || !in->has_desired)
    return in->has_existing ? TG_ROUTE_WHY_EXPLICIT_CANCEL : TG_ROUTE_WHY_NO_CHANGE;
  uint8_t why = filter_of(in, &want);
  if (why) return why;
  if (crossing(in, &want)) {
    if (!in->reprice_to_touch) return TG_ROUTE_WHY_SPREAD_CROSSING;
    int64_t step = (int64_t)in->filters->px_step.step;
    if (want.side == TG_BUY) want.px_ticks = in->bid_px_ticks > 0 ? in->bid_px_ticks : in->ask_px_ticks - step;
    if (want.side == TG_SELL) want.px_ticks = in->ask_px_ticks > 0 ? in->ask_px_ticks : in->bid_px_ticks + step;
    if (crossing(in, &want) || filter_of(in, &want)) return TG_ROUTE_WHY_SPREAD_CROSSING;
  }
  if (in->has_existing && same_kind(old, &want) && old->px_ticks == want.px_ticks &&
      old->qty_lots - in->filled_lots == want.qty_lots) {
    return TG_ROUTE_WHY_NO_CHANGE;
  }
  uint8_t next;
  int64_t cost = 1;
  if (!in->has_existing) {
    next = TG_ROUTE_WHY_NO_EXISTING_ORDER;
  } else if (in->filled_lots > 0) {
    next = TG_ROUTE_WHY_PARTIAL_FILL;
    cost = 2;
  } else if (!same_kind(old, &want) || !(in->venue_caps & TG_VENUE_AMEND) || in->amend_refused ||
             ((in->venue_caps & TG_VENUE_AMEND_LIMIT_ONLY) && old->type != TG_TYPE_LIMIT)) {
    next = TG_ROUTE_WHY_NOT_AMENDABLE;
    cost = 2;
  } else if (old->px_ticks == want.px_ticks) {
    next = TG_ROUTE_WHY_QTY_CHANGE_ONLY;
  } else if (bps_half_up(want.px_ticks, old->px_ticks) <= in->amend_threshold_bps) {
    next = TG_ROUTE_WHY_SMALL_PRICE_DELTA;
  } else {
    next = TG_ROUTE_WHY_LARGE_PRICE_DELTA;
    cost = 2;
  }
  return in->intent != TG_INTENT_REDUCE_RISK && in->rate_left < cost ? TG_ROUTE_WHY_RATE_LIMIT : next;
}

static int numbers[32];
static struct criterion_test_params each_rule(void) {
  for (int i = 0; i < RULE_CNT; i++) numbers[i] = i;
  return cr_make_param_array(int, numbers, (size_t)RULE_CNT);
}

/* An input that no row before 10 matches: quantity 10 -> 12. */
static void make_change(desk_t *d) {
  make(d);
  d->in.desired.qty_lots = 12;
}

ParameterizedTestParameters(router, each_row) {
  return each_rule();
}
ParameterizedTest(int *idx, router, each_row) {
  desk_t d;
  tg_route_out_t out;
  make_change(&d);
  provoke(&d, *idx);
  tg_route(&d.in, &out);
  cr_assert_eq(out.row, rules[*idx].row);
  cr_assert_eq(out.decision, rules[*idx].decision, "got %s", tg_route_decision_name(out.decision));
  cr_assert_eq(out.reason, rules[*idx].reason, "got %s", tg_route_reason_name(out.reason));
  if (out.decision == TG_ROUTE_BLOCK || out.decision == TG_ROUTE_NOOP)
    cr_assert_eq(out.action_cnt, 0);
  else
    cr_assert_geq(out.action_cnt, 1);
}

/* Both conditions true: the earlier row answers. Pairs that undo each other are settled by the second table. */
ParameterizedTestParameters(router, first_match_of_each_pair) {
  return each_rule();
}
ParameterizedTest(int *idx, router, first_match_of_each_pair) {
  for (int other = *idx + 1; other < RULE_CNT; other++) {
    desk_t d;
    tg_route_out_t out;
    make_change(&d);
    provoke(&d, other);
    provoke(&d, *idx);
    tg_route(&d.in, &out);
    cr_assert_eq(out.reason, slow_reason(&d.in), "rows %d and %d: got %s", rules[*idx].row, rules[other].row,
                 tg_route_reason_name(out.reason));
    bool needs_order = rules[*idx].reason != TG_ROUTE_WHY_REQUEST_IN_FLIGHT &&
                       rules[*idx].reason != TG_ROUTE_WHY_EXPLICIT_CANCEL && rules[*idx].reason != TG_ROUTE_WHY_NO_CHANGE;
    if (rules[*idx].row < 9 && (needs_order || rules[other].reason != TG_ROUTE_WHY_NO_EXISTING_ORDER) &&
        !(rules[*idx].reason == TG_ROUTE_WHY_NO_CHANGE && rules[other].row >= 9)) {
      cr_assert_eq(out.reason, rules[*idx].reason, "rows %d and %d: got %s", rules[*idx].row, rules[other].row,
                   tg_route_reason_name(out.reason));
    }
  }
}

static uint64_t next_random(uint64_t *seed) {
  uint64_t x = (*seed += UINT64_C(0x9e3779b97f4a7c15));
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}
static int64_t below(uint64_t *seed, int64_t n) {
  return (int64_t)(next_random(seed) % (uint64_t)n);
}

static void scatter(desk_t *d, uint64_t *seed) {
  tg_route_in_t *in = &d->in;
  tg_route_order_t *orders[] = {&in->desired, &in->existing};
  for (int i = 0; i < 2; i++) {
    orders[i]->px_ticks = 619900 + below(seed, 200);
    if (below(seed, 8) == 0) orders[i]->px_ticks = 560000 + below(seed, 120000);
    orders[i]->qty_lots = below(seed, 14);
    if (below(seed, 30) == 0) orders[i]->qty_lots = 1000002;
    orders[i]->side = (uint8_t)below(seed, 2);
    orders[i]->type = below(seed, 8) ? TG_TYPE_LIMIT : TG_TYPE_MARKET;
    orders[i]->order_flags = (uint8_t)below(seed, 4);
  }
  if (below(seed, 3) == 0) in->existing = in->desired;
  if (below(seed, 3) == 0) in->existing.qty_lots = 1 + below(seed, 14);
  in->filled_lots = below(seed, 4) ? 0 : below(seed, in->existing.qty_lots + 1);
  in->bid_px_ticks = below(seed, 20) ? 619980 + below(seed, 40) : 0;
  in->ask_px_ticks = below(seed, 20) ? in->bid_px_ticks + 1 + below(seed, 20) : 0;
  if (below(seed, 20) == 0) in->mark_e8 = 0;
  if (below(seed, 10) == 0) in->mark_e8 = MARK_E8 / 100 * (90 + below(seed, 20));
  in->rate_left = below(seed, 4);
  in->amend_threshold_bps = below(seed, 40);
  in->reducible_lots = below(seed, 20);
  in->intent = (uint8_t)(1 + below(seed, 3));
  in->has_desired = below(seed, 10) != 0;
  in->has_existing = below(seed, 3) != 0;
  in->request_pending = below(seed, 10) == 0;
  in->amend_refused = below(seed, 10) == 0;
  in->drawdown_gate = below(seed, 10) == 0;
  in->reprice_to_touch = (uint8_t)below(seed, 2);
  in->venue_caps = (uint8_t)below(seed, 16);
  if (below(seed, 10) == 0) d->filters.px_step = tg_step_make(5);
  if (below(seed, 10) == 0) d->filters.qty_step = tg_step_make(2);
}

Test(router, random_inputs_against_the_second_table) {
  uint64_t seed = 3, seen[TG_ROUTE_WHY_CNT] = {0};
  for (int i = 0; i < 400000; i++) {
    desk_t d;
    tg_route_out_t out, again;
    make(&d);
    scatter(&d, &seed);
    desk_t before = d;
    tg_route(&d.in, &out);
    cr_assert_eq(memcmp(&before, &d, sizeof d), 0, "pure");
    memset(&again, 0xff, sizeof again);
    tg_route(&d.in, &again);
    cr_assert_eq(memcmp(&out, &again, sizeof out), 0, "written whole, and the same each time");
    uint8_t expected = slow_reason(&d.in);
    cr_assert_eq(out.reason, expected, "round %d: %s, expected %s", i, tg_route_reason_name(out.reason),
                 tg_route_reason_name(expected));
    seen[out.reason]++;
    cr_assert_leq(out.action_cnt, 2);
    for (int k = 0; k < out.action_cnt; k++) {
      const tg_route_action_t *a = &out.action[k];
      if (a->request == TG_REQUEST_CANCEL) continue;
      cr_assert_eq(filter_of(&d.in, &a->order), TG_ROUTE_WHY_NONE, "what leaves keeps the filters");
      cr_assert(!crossing(&d.in, &a->order), "and what is post-only does not cross");
    }
    if (out.action_cnt == 2) { /* cancel-replace of an order: no moment in which both could fill beyond the position */
      bool place_first = out.action[0].request == TG_REQUEST_PLACE;
      cr_assert_eq(place_first,
                   d.in.intent == TG_INTENT_REDUCE_RISK && out.action[0].order.qty_lots <= d.in.reducible_lots && place_first);
      cr_assert(place_first || (out.action[0].request == TG_REQUEST_CANCEL && out.action[1].request == TG_REQUEST_PLACE &&
                                out.action[0].when == TG_ROUTE_NOW && out.action[1].when == TG_ROUTE_AFTER_ANSWER));
      cr_assert(!place_first || (out.action[1].request == TG_REQUEST_CANCEL && out.action[1].when == TG_ROUTE_NOW));
    }
  }
  for (int why = 1; why < TG_ROUTE_WHY_CNT; why++) cr_assert_gt(seen[why], 0, "%s", tg_route_reason_name((unsigned)why));
}

Test(router, market_orders_use_market_lot_and_mark) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.has_existing = 0;
  d.in.desired.type = TG_TYPE_MARKET;
  d.in.desired.order_flags = 0;
  d.in.desired.px_ticks = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER);
  d.in.desired.qty_lots = 120001;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_MAX_QTY);
  d.in.desired.qty_lots = 1;
  d.in.mark_e8 = 4999999999999; /* 49.99999999999 for one lot */
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_MIN_NOTIONAL);
  d.in.mark_e8 = 5000000000000;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER);
  d.in.mark_e8 = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_MIN_NOTIONAL, "no mark, no value");
  d.in.desired.order_flags = TG_ORDER_REDUCE_ONLY;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER, "a reduction is exempt");
}

Test(router, price_band_is_one_sided_and_inclusive) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.has_existing = 0;
  d.in.desired.order_flags = 0;
  d.in.desired.px_ticks = 651000;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER);
  d.in.desired.px_ticks = 651001;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_PRICE_BAND);
  d.in.desired.side = TG_SELL;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER, "the upper bound is for buys");
  d.in.desired.px_ticks = 588999;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_PRICE_BAND);
  d.in.desired.px_ticks = 589000;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER);
  d.in.mark_e8 = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_PRICE_BAND);
  d.filters.mult_down_bps = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_EXISTING_ORDER, "no band told");
}

Test(router, post_only_moves_to_the_touch) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.has_existing = 0;
  d.in.reprice_to_touch = 1;
  d.in.desired.px_ticks = 620005;
  tg_route(&d.in, &out);
  cr_assert_eq(out.repriced, 1);
  cr_assert_eq(out.action[0].order.px_ticks, 620000, "a buy joins the bid");
  d.in.bid_px_ticks = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.action[0].order.px_ticks, 620000, "or goes a step behind the ask");
  d.in.bid_px_ticks = 620000;
  d.in.desired.side = TG_SELL;
  d.in.desired.px_ticks = 619000;
  tg_route(&d.in, &out);
  cr_assert_eq(out.action[0].order.px_ticks, 620001, "a sell joins the ask");
  d.in.desired.side = TG_BUY;
  d.in.desired.px_ticks = 620005;
  d.in.desired.qty_lots = 1;
  d.filters.min_units = (tg_u128)620001 * TG_PX_FINE; /* enough at 62,000.1, too little at 62,000.0 */
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_SPREAD_CROSSING, "a moved price must keep the filters");
  make(&d);
  d.in.reprice_to_touch = 1;
  d.in.desired.px_ticks = 620001;
  d.in.existing.px_ticks = 620000;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_CHANGE, "the moved price is already there");
}

Test(router, bps_are_rounded_half_up) {
  static const struct {
    int64_t existing, desired, threshold;
    bool small;
  } cases[] = {{10000, 10020, 20, true},    {10000, 10021, 20, false},  {20000, 20041, 20, false}, /* 20.5 -> 21 */
               {20000, 20040, 20, true},    {100000, 100204, 20, true},                            /* 20.4 -> 20 */
               {100000, 100205, 20, false}, {100000, 99795, 20, false}, {100000, 99796, 20, true},
               {100000, 100004, 0, true}, /* 0.4 */
               {100000, 100005, 0, false}};
  for (unsigned i = 0; i < TG_ARRAY_CNT(cases); i++) {
    desk_t d;
    tg_route_out_t out;
    make(&d);
    d.in.mark_e8 = 0;
    d.filters.mult_up_bps = d.filters.mult_down_bps = 0;
    d.filters.min_units = 0;
    d.in.bid_px_ticks = 200000;
    d.in.ask_px_ticks = 200001;
    d.in.existing.px_ticks = cases[i].existing;
    d.in.desired.px_ticks = cases[i].desired;
    d.in.amend_threshold_bps = cases[i].threshold;
    tg_route(&d.in, &out);
    cr_assert_eq(out.reason, cases[i].small ? TG_ROUTE_WHY_SMALL_PRICE_DELTA : TG_ROUTE_WHY_LARGE_PRICE_DELTA, "case %u", i);
    cr_assert_eq(bps_half_up(cases[i].desired, cases[i].existing) <= cases[i].threshold, cases[i].small);
  }
}

Test(router, reductions_may_be_placed_first) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.intent = TG_INTENT_REDUCE_RISK;
  d.in.existing.px_ticks = 610000;
  d.in.rate_left = 0; /* and the budget does not hold a reduction */
  d.in.reducible_lots = 10;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_LARGE_PRICE_DELTA);
  cr_assert_eq(out.action[0].request, TG_REQUEST_PLACE);
  cr_assert_eq(out.action[0].when, TG_ROUTE_NOW);
  cr_assert_eq(out.action[1].request, TG_REQUEST_CANCEL);
  d.in.reducible_lots = 9;
  tg_route(&d.in, &out);
  cr_assert_eq(out.action[0].request, TG_REQUEST_CANCEL);
  cr_assert_eq(out.action[1].when, TG_ROUTE_AFTER_ANSWER);
  d.in.intent = TG_INTENT_INCREASE_RISK;
  d.in.reducible_lots = 1000;
  d.in.rate_left = 2;
  tg_route(&d.in, &out);
  cr_assert_eq(out.action[0].request, TG_REQUEST_CANCEL, "only reductions");
  d.in.rate_left = 1;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_RATE_LIMIT, "a cancel and a place are two requests");
}

Test(router, another_side_is_never_no_change) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.existing.side = TG_SELL;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NOT_AMENDABLE);
  make(&d);
  d.in.existing.order_flags = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NOT_AMENDABLE);
}

Test(router, remaining_quantity_counts_for_no_change) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.existing.qty_lots = 14;
  d.in.filled_lots = 4;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_NO_CHANGE);
  d.in.existing.qty_lots = 10;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_PARTIAL_FILL);
}

Test(router, nothing_there_and_nothing_wanted) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.has_existing = d.in.has_desired = 0;
  tg_route(&d.in, &out);
  cr_assert_eq(out.decision, TG_ROUTE_NOOP);
  cr_assert_eq(out.action_cnt, 0);
  d.in.has_desired = 1;
  d.in.intent = TG_INTENT_CANCEL;
  tg_route(&d.in, &out);
  cr_assert_eq(out.decision, TG_ROUTE_NOOP);
}

Test(router, absurd_numbers_block) {
  static const int64_t absurd[] = {INT64_MIN, -1, 0, INT64_MAX, INT64_MAX - 1, TG_PX_TICKS_MAX, TG_QTY_LOTS_MAX};
  for (unsigned i = 0; i < TG_ARRAY_CNT(absurd); i++) {
    for (int field = 0; field < 2; field++) {
      desk_t d;
      tg_route_out_t out;
      make(&d);
      d.in.has_existing = (uint8_t)(i & 1);
      *(field ? &d.in.desired.qty_lots : &d.in.desired.px_ticks) = absurd[i];
      tg_route(&d.in, &out);
      cr_assert_eq(out.decision, TG_ROUTE_BLOCK);
      cr_assert_eq(out.action_cnt, 0);
    }
    desk_t d;
    tg_route_out_t out;
    make(&d);
    d.in.desired.type = TG_TYPE_MARKET;
    d.in.mark_e8 = absurd[i];
    tg_route(&d.in, &out); /* no trap */
    make(&d);
    d.in.existing.px_ticks = absurd[i];
    tg_route(&d.in, &out);
    cr_assert_eq(out.reason, TG_ROUTE_WHY_LARGE_PRICE_DELTA);
  }
}

Test(router, filters_not_told_block) {
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.filters.ready = TG_FILTERS_SYMBOL;
  tg_route(&d.in, &out);
  cr_assert_eq(out.reason, TG_ROUTE_WHY_FILTER_TICK);
}

Test(router, drill_drives_every_row_and_counts) {
  static tg_route_stat_t stat;
  memset(&stat, 0, sizeof stat);
  cr_assert_eq(tg_route_row_cnt, RULE_CNT);
  cr_assert_eq(tg_route_drill(&stat), (UINT32_C(1) << tg_route_row_cnt) - 1);
  for (int i = 0; i < RULE_CNT; i++) cr_assert_eq(stat.cnt[rules[i].decision][rules[i].reason], 1);
  cr_assert_eq(stat.amend_saved_cnt, 2);
  cr_assert_eq(tg_route_drill(NULL), (UINT32_C(1) << tg_route_row_cnt) - 1);
}

Test(router, telemetry) {
  static tg_route_stat_t stat;
  memset(&stat, 0, sizeof stat);
  desk_t d;
  tg_route_out_t out;
  make(&d);
  d.in.has_existing = 0;
  d.in.reprice_to_touch = 1;
  d.in.desired.px_ticks = 620001;
  tg_route(&d.in, &out);
  tg_route_count(&stat, &out);
  cr_assert_eq(stat.repriced_cnt, 1);
  make(&d);
  d.in.intent = TG_INTENT_REDUCE_RISK;
  d.in.reducible_lots = 100;
  d.in.existing.px_ticks = 600000;
  tg_route(&d.in, &out);
  tg_route_count(&stat, &out);
  cr_assert_eq(stat.place_first_cnt, 1);
  cr_assert_eq(stat.cnt[TG_ROUTE_CANCEL_REPLACE][TG_ROUTE_WHY_LARGE_PRICE_DELTA], 1);
  out.decision = TG_ROUTE_DECISION_CNT;
  tg_route_count(&stat, &out); /* outside the table: not counted, not written past it */
  cr_assert_str_eq(tg_route_decision_name(TG_ROUTE_AMEND), "AMEND");
  cr_assert_str_eq(tg_route_decision_name(99), "?");
  cr_assert_str_eq(tg_route_reason_name(99), "?");
}

/* Scales, steps and limits in gate units. */
#include <criterion/criterion.h>

#include "engine/base/err.h"
#include "tests/unit/risk/fixture.h"

Test(filters, step_test_equals_remainder) {
  static const int64_t steps[] = {
      1, 2, 3, 4, 5, 6, 7, 8, 10, 25, 64, 100, 125, 1000, 4096, 12345, 1000000007, INT64_C(1) << 40, INT64_MAX};
  uint64_t seed = 5;
  for (unsigned s = 0; s < TG_ARRAY_CNT(steps); s++) {
    tg_step_t step = tg_step_make(steps[s]);
    for (int i = 0; i < 4000; i++) {
      int64_t value = i < 2000 ? i : (int64_t)(next_random(&seed) >> random_below(&seed, 64));
      if (value < 0) value = -(value + 1);
      cr_assert_eq(tg_step_fits(&step, value), value % steps[s] == 0, "%lld %% %lld", (long long)value, (long long)steps[s]);
      if (value <= INT64_MAX / steps[s]) cr_assert_eq(tg_step_fits(&step, value * steps[s]), 1);
    }
    cr_assert_eq(tg_step_fits(&step, -steps[s]), 0, "negative values are none");
    cr_assert_eq(tg_step_fits(&step, INT64_MIN), 0);
  }
  tg_step_t none = tg_step_make(0);
  cr_assert_eq(tg_step_fits(&none, 1), 0);
  cr_assert_eq(tg_step_fits(&none, 0), 1);
}

Test(filters, worth_and_units) {
  tg_filters_t f;
  world_filters(&f);
  cr_assert_eq(f.tick_e8, 10000000);
  cr_assert_eq(tg_filters_notional_e8(&f, 620000, 10), 620 * TG_E8);
  cr_assert_eq(tg_filters_notional_e8(&f, INT64_MAX, INT64_MAX), INT64_MAX, "saturates");
  cr_assert_eq(tg_filters_lots_of(&f, TG_E8 / 10), 100);
  cr_assert_eq(tg_filters_lots_of(&f, 199999), 1, "rounded down");
  cr_assert_eq(tg_filters_lots_of(&f, -1), 0);
  cr_assert_eq(tg_filters_lots_of(&f, INT64_MAX), INT64_MAX / 100000);
  cr_assert(f.min_units == (tg_u128)50 * 10000 * TG_PX_FINE, "50 USDT are 500,000 tick-lots");
  cr_assert(tg_filters_units_of(&f, 1, false) == 2 && tg_filters_units_of(&f, 1, true) == 2);
  cr_assert(tg_filters_units_of(&f, -1, true) == 0);
}

Test(filters, fine_scales_have_a_divisor) {
  tg_filters_t f;
  tg_filters_init(&f);
  tg_cfg_symbol_t s;
  memset(&s, 0, sizeof s);
  s.px_dec = 7;
  s.qty_dec = 3;
  s.px_unit = 5;
  s.qty_unit = 1;
  cr_assert_eq(tg_filters_on_symbol(&f, &s), 0); /* tick 0.0000005, lot 0.001: a tick-lot is 5e-10 */
  cr_assert_eq(f.value_mul, 5);
  cr_assert_eq(f.value_div, 100);
  cr_assert_eq(tg_filters_notional_e8(&f, 1, 1), 1, "rounded away from zero");
  cr_assert_eq(tg_filters_notional_e8(&f, 100, 100), 500);
}

Test(filters, refuses_scales_beyond_its_limits) {
  static const struct {
    uint8_t px_dec, qty_dec;
    int64_t px_unit, qty_unit;
  } bad[] = {{9, 3, 1, 1},         {1, 10, 1, 1},        {1, 3, 0, 1},      {1, 3, 1, 0},
             {0, 0, INT64_MAX, 1}, {8, 0, 1, INT64_MAX}, {0, 3, 1 << 30, 1}};
  for (unsigned i = 0; i < TG_ARRAY_CNT(bad); i++) {
    tg_filters_t f;
    world_filters(&f);
    tg_cfg_symbol_t s;
    memset(&s, 0, sizeof s);
    s.px_dec = bad[i].px_dec;
    s.qty_dec = bad[i].qty_dec;
    s.px_unit = bad[i].px_unit;
    s.qty_unit = bad[i].qty_unit;
    cr_assert_eq(tg_filters_on_symbol(&f, &s), -TG_ERANGE, "case %u", i);
    cr_assert_eq(f.ready & TG_FILTERS_SYMBOL, 0);
  }
}

Test(filters, zero_bounds_mean_none_and_crossed_ones_are_refused) {
  tg_filters_t f;
  world_filters(&f);
  tg_cfg_filter_t first;
  memset(&first, 0, sizeof first);
  cr_assert_eq(tg_filters_on_filter(&f, &first, 0), 0);
  cr_assert_eq(f.min_px_ticks, 1);
  cr_assert_eq(f.max_px_ticks, TG_PX_TICKS_MAX - 1);
  cr_assert_eq(f.max_qty_lots, TG_QTY_LOTS_MAX - 1);
  cr_assert_eq(f.max_orders, INT64_MAX);
  first.u.first.min_qty_lots = 5;
  first.u.first.max_qty_lots = 4;
  cr_assert_eq(tg_filters_on_filter(&f, &first, 0), -TG_ERANGE);
  cr_assert_eq(f.ready & TG_FILTERS_BOUNDS, 0);
  tg_cfg_filter_t second;
  memset(&second, 0, sizeof second);
  second.u.second.market_min_qty_lots = 7;
  second.u.second.market_max_qty_lots = 6;
  cr_assert_eq(tg_filters_on_filter(&f, &second, TG_F_SECOND), -TG_ERANGE);
  tg_filters_init(&f);
  cr_assert_eq(f.ready, 0);
  cr_assert_gt(f.min_px_ticks, f.max_px_ticks, "nothing known: nothing fits");
}

Test(filters, market_lot_follows_the_lot_until_told) {
  tg_filters_t f;
  tg_filters_init(&f);
  tg_cfg_filter_t first;
  memset(&first, 0, sizeof first);
  first.u.first.min_qty_lots = 2;
  first.u.first.max_qty_lots = 9;
  cr_assert_eq(tg_filters_on_filter(&f, &first, 0), 0);
  cr_assert_eq(f.market_min_qty_lots, 2);
  cr_assert_eq(f.qty_bounds[3], 9);
}

/* Every limit of the table, set to 0, blocks what needs it and nothing else. */
Test(limits, zero_is_unset) {
  static const struct {
    size_t offset;
    enum tg_limit limit;
  } keys[] = {
#define KEY(field, NAME) {offsetof(tg_core_conf_t, risk_##field), TG_LIMIT_##NAME}
      KEY(max_order_qty, ORDER_QTY),
      KEY(max_order_notional, ORDER_NOTIONAL),
      KEY(collar_entry_bps, COLLAR_ENTRY),
      KEY(collar_exit_bps, COLLAR_EXIT),
      KEY(md_age_ms, MD_AGE),
      KEY(mark_age_ms, MARK_AGE),
      KEY(session_age_ms, SESSION_AGE),
      KEY(clock_bound_ms, CLOCK_BOUND),
      KEY(rate_per_s, RATE_S),
      KEY(rate_per_min, RATE_MIN),
      KEY(max_open_orders, OPEN_ORDERS),
      KEY(max_open_orders_instr, OPEN_ORDERS_INSTR),
      KEY(max_in_flight, IN_FLIGHT),
      KEY(max_position, POSITION),
      KEY(max_gross, GROSS),
      KEY(max_gross_equity_pct, GROSS_EQUITY),
      KEY(max_net, NET),
      KEY(max_net_equity_pct, NET_EQUITY),
      KEY(max_leverage, LEVERAGE),
      KEY(drawdown_session, DRAWDOWN_SESSION),
      KEY(drawdown_day, DRAWDOWN_DAY),
      KEY(max_concentration_pct, CONCENTRATION),
      KEY(max_positions, POSITIONS),
      KEY(stop_bps, STOP),
      KEY(max_trade_risk, TRADE_RISK),
      KEY(max_trade_risk_equity_bps, TRADE_RISK_EQUITY),
      KEY(day_entries, DAY_ENTRIES),
      KEY(day_qty, DAY_QTY),
      KEY(day_notional, DAY_NOTIONAL),
      KEY(repeat_fills, REPEAT_FILLS),
      KEY(repeat_entries, REPEAT_ENTRIES),
      KEY(repeat_window_ms, REPEAT_WINDOW),
      KEY(reject_max, REJECTS),
      KEY(loss_streak, LOSS_STREAK),
      KEY(loss_cooldown_ms, LOSS_COOLDOWN),
      KEY(circuit_errors, CIRCUIT_ERRORS),
      KEY(circuit_window_ms, CIRCUIT_WINDOW)
#undef KEY
  };
  cr_assert_eq(TG_ARRAY_CNT(keys), TG_LIMIT_CNT);
  /* an exit needs what bounds the order itself; nothing that counts entries, exposure or failures */
  const uint64_t exits_need =
      UINT64_C(1) << TG_LIMIT_ORDER_QTY | UINT64_C(1) << TG_LIMIT_ORDER_NOTIONAL | UINT64_C(1) << TG_LIMIT_COLLAR_EXIT |
      UINT64_C(1) << TG_LIMIT_MD_AGE | UINT64_C(1) << TG_LIMIT_MARK_AGE | UINT64_C(1) << TG_LIMIT_SESSION_AGE |
      UINT64_C(1) << TG_LIMIT_CLOCK_BOUND | UINT64_C(1) << TG_LIMIT_RATE_S | UINT64_C(1) << TG_LIMIT_RATE_MIN;
  for (unsigned i = 0; i < TG_ARRAY_CNT(keys); i++) {
    for (int value = -1; value <= 0; value++) {
      world_t w;
      uint32_t subs;
      world_init(&w, TG_INTENT_INCREASE_RISK);
      cr_assert_eq(w.limits.unset, 0);
      memcpy((char *)&w.conf + keys[i].offset, &(int64_t){value}, sizeof(int64_t));
      tg_limits_make(&w.limits, &w.conf, &w.filters);
      cr_assert_eq(w.limits.unset, UINT64_C(1) << keys[i].limit, "%s", tg_limit_name(keys[i].limit));
      uint64_t mask = world_mask(&w, &subs);
      cr_assert_eq(tg_gate_lowest(mask), TG_GATE_LIMITS);
      bool exit_needs = exits_need >> keys[i].limit & 1u;
      cr_assert_eq(w.limits.unset_for[TG_INTENT_REDUCE_RISK], exit_needs);
      cr_assert_eq(w.limits.unset_for[TG_INTENT_CANCEL], 0);
      world_init(&w, TG_INTENT_REDUCE_RISK);
      memcpy((char *)&w.conf + keys[i].offset, &(int64_t){value}, sizeof(int64_t));
      tg_limits_make(&w.limits, &w.conf, &w.filters);
      mask = world_mask(&w, &subs);
      cr_assert_eq(tg_gate_lowest(mask), exit_needs ? TG_GATE_LIMITS : TG_GATE_NONE, "%s", tg_limit_name(keys[i].limit));
    }
  }
  cr_assert_str_eq(tg_limit_name(TG_LIMIT_GROSS), "max_gross_e8");
  cr_assert_str_eq(tg_limit_name(TG_LIMIT_CNT), "?");
}

Test(limits, absurd_settings_stay_in_range) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  int64_t *at = (int64_t *)&w.conf;
  for (size_t i = 0; i < sizeof w.conf / sizeof *at; i++) at[i] = INT64_MAX;
  tg_limits_make(&w.limits, &w.conf, &w.filters);
  cr_assert_eq(w.limits.collar_entry_bps, 10000);
  cr_assert_gt(w.limits.md_age_ns, 0);
  cr_assert_eq(w.limits.max_order_qty_lots, INT64_MAX / 100000);
  for (size_t i = 0; i < sizeof w.conf / sizeof *at; i++) at[i] = INT64_MIN;
  tg_limits_make(&w.limits, &w.conf, &w.filters);
  cr_assert_eq(w.limits.unset, (UINT64_C(1) << TG_LIMIT_CNT) - 1);
}

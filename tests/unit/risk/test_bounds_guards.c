/* Bounds of the later gates and of what stands behind them; asked for by the mutation test (docs/testing.md). */
#include <criterion/criterion.h>

#include "risk/explain.h"
#include "tests/unit/risk/fixture.h"

#define B(NAME) TG_GATE_BIT(NAME)
#define SEC (uint64_t) TG_NS_PER_S

static uint64_t mask_of(world_t *w) {
  uint32_t subs;
  return world_mask(w, &subs);
}

Test(bounds, caps_reached_exactly_pass) {
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.limits.max_positions = 1;
  w.limits.day_qty_lots = 10;
  w.ticket.qty_lots = 10;
  w.advisory.reach_ticks = 10; /* the order lies ten ticks behind its touch */
  w.snap.loss_until_ns = NOW_NS;
  cr_assert_eq(mask_of(&w), 0);
  w.exposure.busy_cnt = 1; /* another instrument's */
  cr_assert_eq(mask_of(&w), B(CONCENTRATION));
  w.exposure.busy_cnt = 0;
  w.limits.day_qty_lots = 9;
  cr_assert_eq(mask_of(&w), B(DAY_CAP));
  w.limits.day_qty_lots = 10;
  w.ticket.qty_lots = 9;
  cr_assert_eq(mask_of(&w), B(PARENT));
  w.ticket.qty_lots = 10;
  w.advisory.reach_ticks = 9;
  cr_assert_eq(mask_of(&w), B(ADVISORY));
  w.advisory.reach_ticks = 10;
  w.snap.loss_until_ns = NOW_NS + 1;
  cr_assert_eq(mask_of(&w), B(LOSS_STREAK));
}

Test(bounds, a_parent_that_makes_no_sense_holds_everything) {
  for (int which = 0; which < 3; which++) {
    world_t w;
    world_init(&w, TG_INTENT_INCREASE_RISK);
    if (which == 0) w.ticket.held_lots = -1;
    if (which == 1) w.ticket.filled_lots = -1;
    if (which == 2) w.ticket.held_lots = w.ticket.filled_lots = -1;
    cr_assert_eq(mask_of(&w), B(PARENT), "%d", which);
  }
}

Test(bounds, the_degrade_policy_s_list_is_for_new_risk_only) {
  for (int intent = TG_INTENT_REDUCE_RISK; intent <= TG_INTENT_INCREASE_RISK; intent++) {
    world_t w;
    world_init(&w, (tg_intent_t)intent);
    w.snap.degraded = 1;
    cr_assert_eq(mask_of(&w), intent == TG_INTENT_INCREASE_RISK ? B(ALLOWED) : 0);
    w.instr.flags |= TG_GATE_INSTR_DEGRADE;
    cr_assert_eq(mask_of(&w), 0);
  }
}

/* ---- day ---- */

Test(bounds, a_trading_day_begins_at_its_instant) {
  tg_day_state_t day;
  tg_day_init(&day, 3600 * SEC, 3600 * SEC);
  cr_assert_eq(day.day_no, 0u);
  cr_assert_eq(day.next_ns, TG_NS_PER_DAY + 3600 * SEC);
  tg_day_init(&day, 3600 * SEC - 1, 3600 * SEC);
  cr_assert_eq(day.next_ns, 3600 * SEC);
  tg_day_init(&day, NOW_NS, 0);
  tg_day_roll_set(&day, NOW_NS, 3600 * SEC);
  cr_assert_eq(day.roll_ns, 3600 * SEC);
  cr_assert_eq(day.next_ns % TG_NS_PER_DAY, 3600 * SEC);
}

Test(bounds, a_former_line_of_nothing_is_a_line) {
  tg_day_state_t day;
  tg_day_init(&day, NOW_NS, 0);
  tg_day_t line = {.day_no = day.day_no};
  cr_assert(tg_day_restore(&day, 0, &line));
  line.entry_cnt = -1;
  cr_assert(!tg_day_restore(&day, 0, &line));
  line.entry_cnt = 0;
  line.notional_e8 = -1;
  cr_assert(!tg_day_restore(&day, 0, &line));
}

/* ---- rejects ---- */

static uint64_t key_in(unsigned set, unsigned no) {
  for (int64_t px = 1;; px++) {
    uint64_t key = tg_dup_key(0, TG_BUY, px, 10);
    if (tg_rejects_set_idx(key) == set && no-- == 0) return key;
  }
}

Test(bounds, a_refused_order_s_place_is_its_own) {
  tg_rejects_t r;
  tg_rejects_cfg_t cfg = {.max = 100, .same_ns = 1000, .cooldown_ns = 50};
  tg_rejects_init(&r, &cfg);
  for (unsigned i = 0; i < TG_DUP_WAYS; i++) tg_rejects_on_refused(&r, NOW_NS + i, key_in(3, i), false);
  tg_rejects_on_refused(&r, NOW_NS + 10, key_in(3, 1), false); /* again: nothing is pushed out */
  cr_assert(r.evicted_live_cnt == 0 && r.until_ns == 0);
  tg_rejects_on_refused(&r, NOW_NS + 1000, key_in(3, 4), false); /* the first has left at this instant */
  cr_assert(r.evicted_live_cnt == 0 && r.until_ns == 0);
  tg_rejects_on_refused(&r, NOW_NS + 1001, key_in(3, 5), false); /* and the third at NOW_NS + 1002 has not */
  cr_assert(r.evicted_live_cnt == 1 && r.until_ns == NOW_NS + 1002);
}

Test(bounds, a_person_is_told_what_there_was_to_clear) {
  tg_rejects_t r;
  tg_rejects_cfg_t cfg = {.max = 100, .same_ns = 1000, .cooldown_ns = 50};
  tg_rejects_init(&r, &cfg);
  cr_assert(!tg_rejects_clear(&r));
  r.row_cnt = 1;
  cr_assert(tg_rejects_clear(&r));
  r.until_ns = 1;
  cr_assert(tg_rejects_clear(&r));
  r.storm = 1;
  cr_assert(tg_rejects_clear(&r));
  cr_assert(r.row_cnt == 0 && r.until_ns == 0 && r.storm == 0);
}

/* ---- advisory ---- */

Test(bounds, volatility_and_mid_outside_their_ranges_are_unknown) {
  tg_advisory_in_t in = {.mid_half_ticks = INT64_C(1) << 49, .volatility_bps_e8 = INT64_C(1) << 41};
  cr_assert_gt(tg_advisory_sigma_q16(&in, 10), 0u, "a root of one");
  in.mid_half_ticks++;
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0u);
  in.mid_half_ticks = -1;
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0u);
  in.mid_half_ticks = 1 << 20;
  in.volatility_bps_e8++;
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0u);
  in.volatility_bps_e8 = -1;
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0u);
}

/* ---- limits ---- */

Test(bounds, units_of_limits_and_what_is_looser) {
  cr_assert_eq(tg_limit_unit(TG_LIMIT_ORDER_QTY), TG_LIMIT_UNIT_LOTS);
  cr_assert_eq(tg_limit_unit(TG_LIMIT_CIRCUIT_WINDOW), TG_LIMIT_UNIT_NS);
  cr_assert_eq(tg_limit_unit(TG_LIMIT_CNT), TG_LIMIT_UNIT_CNT);
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  int64_t *const nearer[] = {&w.limits.stop_bps, &w.limits.repeat_window_ns, &w.limits.loss_cooldown_ns,
                             &w.limits.circuit_window_ns};
  const tg_limits_t before = w.limits;
  for (unsigned i = 0; i < TG_ARRAY_CNT(nearer); i++) {
    w.limits = before;
    *nearer[i] -= 1;
    cr_assert(tg_limits_looser(&w.limits, &before), "%u: smaller is looser", i);
    *nearer[i] += 2;
    cr_assert(!tg_limits_looser(&w.limits, &before), "%u: larger is tighter", i);
    *nearer[i] = 0;
    cr_assert(!tg_limits_looser(&w.limits, &before), "%u: unset holds everything", i);
    cr_assert(tg_limits_looser(&before, &w.limits), "%u: setting what was unset opens", i);
  }
}

Test(bounds, a_cut_leaves_unset_what_is_unset) {
  static tg_scoped_t scoped;
  world_t w;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.conf.risk_max_gross = 0;
  tg_limits_make_scoped(&w.limits, &w.conf, &scoped, 0, &w.filters, 50);
  cr_assert_eq(w.limits.max_gross_e8, 0);
  cr_assert_eq(w.limits.unset, UINT64_C(1) << TG_LIMIT_GROSS);
}

/* ---- explain ---- */

Test(bounds, explanations_tell_the_instrument_s_own_numbers) {
  world_t w;
  int64_t value[TG_EXPLAIN_CNT];
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.exposure.instr[3].pos_lots = 33;
  w.day.instr[3].qty_lots = 44;
  w.exposure.gross_q16 = (tg_i128)5 << TG_WORTH_Q;
  w.exposure.net_q16[TG_BUY] = -((tg_i128)7 << TG_WORTH_Q);
  w.snap.loss_until_ns = NOW_NS + 1;
  w.snap.clock_offset_ns = -500;
  w.snap.clock_error_ns = 3;
  tg_explain_make(&w.snap, 3, TG_BUY, TG_INTENT_INCREASE_RISK, value);
  cr_assert_eq(value[TG_EXPLAIN_POSITION], 33);
  cr_assert_eq(value[TG_EXPLAIN_DAY_QTY], 44);
  cr_assert_eq(value[TG_EXPLAIN_GROSS], 5);
  cr_assert_eq(value[TG_EXPLAIN_NET], -7);
  cr_assert_eq(value[TG_EXPLAIN_BOOK_AGE], 1000);
  cr_assert_eq(value[TG_EXPLAIN_CLOCK_SKEW], 503);
  cr_assert(value[TG_EXPLAIN_STATES] >> TG_EXPLAIN_STATE_LOSS & 1);
  w.exposure.gross_q16 = (tg_i128)1 << 100;
  w.exposure.net_q16[TG_BUY] = -((tg_i128)1 << 100);
  w.snap.loss_until_ns = NOW_NS;
  w.snap.clock_offset_ns = 500;
  w.instr.book_rx_ns = 0;
  tg_explain_make(&w.snap, 3, TG_BUY, TG_INTENT_INCREASE_RISK, value);
  cr_assert_eq(value[TG_EXPLAIN_GROSS], INT64_MAX);
  cr_assert_eq(value[TG_EXPLAIN_NET], INT64_MIN);
  cr_assert_eq(value[TG_EXPLAIN_BOOK_AGE], -1);
  cr_assert_eq(value[TG_EXPLAIN_CLOCK_SKEW], 503);
  cr_assert(!(value[TG_EXPLAIN_STATES] >> TG_EXPLAIN_STATE_LOSS & 1));
  w.snap.clock_known = 0;
  tg_explain_make(&w.snap, 3, TG_BUY, TG_INTENT_INCREASE_RISK, value);
  cr_assert_eq(value[TG_EXPLAIN_CLOCK_SKEW], -1);
}

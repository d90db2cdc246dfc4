/* The machines behind the gates, each by itself: what opens, holds, clears, and what does not. */
#include <criterion/criterion.h>
#include <string.h>

#include "risk/degrade.h"
#include "risk/repeat.h"
#include "risk/streak.h"
#include "tests/unit/risk/fixture.h"

#define MS (uint64_t) TG_NS_PER_MS
#define SEC (uint64_t) TG_NS_PER_S

/* ---- window ---- */

Test(window, never_fewer_than_a_sliding_window_and_at_most_a_bucket_more) {
  for (uint64_t round = 1; round <= 20; round++) {
    uint64_t seed = round, now = NOW_NS + round * 12345;
    static uint64_t at[4000];
    unsigned cnt = 0;
    tg_window_t window = {0};
    tg_window_set(&window, 16000);
    for (unsigned step = 0; step < 4000; step++) {
      now += (uint64_t)random_below(&seed, random_below(&seed, 50) == 0 ? 40000 : 300);
      if (random_below(&seed, 2)) {
        at[cnt++] = now;
        tg_window_add(&window, now);
      } else {
        tg_window_advance(&window, now);
      }
      uint32_t inside = 0, wider = 0;
      for (unsigned i = cnt; i-- > 0 && now - at[i] < 17000;) {
        inside += now - at[i] < 16000;
        wider++;
      }
      cr_assert(window.sum >= inside && window.sum <= wider, "%u of %u to %u", window.sum, inside, wider);
    }
  }
}

Test(window, length_zero_counts_nothing_and_another_length_starts_anew) {
  tg_window_t window = {0};
  cr_assert_eq(tg_window_add(&window, NOW_NS), 0);
  tg_window_set(&window, 1000);
  cr_assert_eq(tg_window_add(&window, NOW_NS), 1);
  tg_window_set(&window, 1000);
  cr_assert_eq(tg_window_add(&window, NOW_NS), 2);
  tg_window_advance(&window, NOW_NS - 5000);
  cr_assert_eq(window.sum, 2, "time that goes back counts as now");
  tg_window_set(&window, 2000);
  cr_assert_eq(window.sum, 0);
}

/* ---- circuit ---- */

static tg_circuit_breaker_t breaker(void) {
  tg_circuit_breaker_t circuit;
  tg_circuit_cfg_t cfg = {3, 2, 10 * SEC, 5 * SEC};
  tg_circuit_init(&circuit, &cfg);
  return circuit;
}

Test(circuit, opens_at_the_number_of_errors_inside_the_window_only) {
  tg_circuit_breaker_t circuit = breaker();
  cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS));
  cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS + SEC));
  cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS + 12 * SEC), "the first two are too old by now");
  cr_assert_eq(circuit.state, TG_CIRCUIT_CLOSED);
  cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS + 13 * SEC));
  cr_assert(tg_circuit_on_error(&circuit, NOW_NS + 14 * SEC));
  cr_assert_eq(circuit.state, TG_CIRCUIT_OPEN);
  cr_assert_eq(circuit.opened_cnt, 1);
  cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS + 14 * SEC), "open already");
  cr_assert_not(tg_circuit_on_probe(&circuit, NOW_NS + 15 * SEC, true), "no probe yet: a good sync says nothing");
  cr_assert_eq(circuit.state, TG_CIRCUIT_OPEN);
}

static void half_open(tg_circuit_breaker_t *circuit, uint64_t now) {
  for (int i = 0; i < 3; i++) (void)tg_circuit_on_error(circuit, now);
  cr_assert_eq(circuit->state, TG_CIRCUIT_OPEN);
  cr_assert_not(tg_circuit_on_time(circuit, now + 5 * SEC - 1));
  cr_assert(tg_circuit_on_time(circuit, now + 5 * SEC));
  cr_assert_eq(circuit->state, TG_CIRCUIT_HALF_OPEN);
  cr_assert_not(tg_circuit_on_time(circuit, now + 100 * SEC), "time alone closes nothing");
}

Test(circuit, good_probes_in_a_row_close_it) {
  tg_circuit_breaker_t circuit = breaker();
  half_open(&circuit, NOW_NS);
  cr_assert_not(tg_circuit_on_probe(&circuit, NOW_NS + 6 * SEC, true));
  cr_assert(tg_circuit_on_probe(&circuit, NOW_NS + 7 * SEC, true));
  cr_assert_eq(circuit.state, TG_CIRCUIT_CLOSED);
  cr_assert_eq(circuit.window.sum, 0, "what opened it is answered for");
  cr_assert_eq(circuit.probe_good_cnt, 2);
}

Test(circuit, a_failed_probe_or_an_error_opens_it_again_and_the_pause_doubles_up_to_sixteen_times) {
  tg_circuit_breaker_t circuit = breaker();
  uint64_t now = NOW_NS, pause = 5 * SEC;
  half_open(&circuit, now);
  for (int round = 0; round < 7; round++) {
    now = circuit.probe_from_ns;
    if (round > 0) cr_assert(tg_circuit_on_time(&circuit, now));
    cr_assert_not(tg_circuit_on_probe(&circuit, now, true));
    bool probe = round % 2 == 0;
    cr_assert(probe ? tg_circuit_on_probe(&circuit, now, false) : tg_circuit_on_error(&circuit, now));
    cr_assert_eq(circuit.state, TG_CIRCUIT_OPEN);
    pause = pause * 2 > 80 * SEC ? 80 * SEC : pause * 2;
    cr_assert_eq(circuit.probe_from_ns - now, pause, "round %d", round);
  }
  cr_assert(tg_circuit_on_time(&circuit, circuit.probe_from_ns));
  cr_assert_eq(circuit.good_in_row, 0, "an earlier good one does not count");
  cr_assert_not(tg_circuit_on_probe(&circuit, circuit.probe_from_ns, true));
  cr_assert(tg_circuit_on_probe(&circuit, circuit.probe_from_ns, true));
  now = circuit.probe_from_ns + 100 * SEC;
  for (int i = 0; i < 3; i++) (void)tg_circuit_on_error(&circuit, now);
  cr_assert_eq(circuit.probe_from_ns - now, 5 * SEC, "closed once, the pause is the first one again");
}

Test(circuit, a_failed_sync_is_an_error_like_others_and_zero_never_opens) {
  tg_circuit_breaker_t circuit = breaker();
  cr_assert_not(tg_circuit_on_probe(&circuit, NOW_NS, false));
  cr_assert_not(tg_circuit_on_probe(&circuit, NOW_NS, false));
  cr_assert(tg_circuit_on_probe(&circuit, NOW_NS, false));
  cr_assert_eq(circuit.probe_bad_cnt, 0, "it was no probe");
  tg_circuit_cfg_t off = {0, 2, 10 * SEC, 5 * SEC};
  tg_circuit_init(&circuit, &off);
  for (int i = 0; i < 100; i++) cr_assert_not(tg_circuit_on_error(&circuit, NOW_NS));
}

/* ---- rejects ---- */

static tg_rejects_t refusals(int64_t max) {
  tg_rejects_t rejects;
  tg_rejects_cfg_t cfg = {max, 1000 * MS, 10 * SEC};
  tg_rejects_init(&rejects, &cfg);
  return rejects;
}

static bool held(const tg_rejects_t *rejects, uint64_t key, uint64_t now) {
  return tg_rejects_hit(rejects, key, now) >> 63;
}

Test(rejects, in_a_row_they_hold_then_one_may_try_and_a_taken_one_ends_it) {
  tg_rejects_t rejects = refusals(3);
  uint64_t now = NOW_NS, other = tg_dup_key(0, TG_BUY, 77, 7);
  for (int i = 0; i < 2; i++) cr_assert_not(tg_rejects_on_refused(&rejects, now, tg_dup_key(0, TG_BUY, 100 + i, 1), false));
  cr_assert_not(held(&rejects, other, now));
  cr_assert(tg_rejects_on_refused(&rejects, now, tg_dup_key(0, TG_BUY, 102, 1), false));
  cr_assert(held(&rejects, other, now));
  cr_assert(held(&rejects, other, now + 10 * SEC - 1));
  cr_assert_not(held(&rejects, other, now + 10 * SEC), "one may try");
  now += 10 * SEC;
  tg_rejects_on_send(&rejects, now);
  cr_assert(held(&rejects, other, now), "only one");
  cr_assert_not(tg_rejects_on_refused(&rejects, now + MS, other, false), "the storm goes on, told once");
  cr_assert(held(&rejects, tg_dup_key(0, TG_SELL, 5, 5), now + MS + 10 * SEC - 1));
  cr_assert_not(held(&rejects, tg_dup_key(0, TG_SELL, 5, 5), now + MS + 10 * SEC));
  now += MS + 10 * SEC;
  tg_rejects_on_send(&rejects, now);
  cr_assert(tg_rejects_on_taken(&rejects));
  cr_assert_not(held(&rejects, tg_dup_key(0, TG_SELL, 5, 5), now));
  cr_assert_eq(rejects.row_cnt, 0);
  cr_assert_not(tg_rejects_on_taken(&rejects));
  tg_rejects_on_send(&rejects, now);
  cr_assert_not(held(&rejects, tg_dup_key(0, TG_SELL, 5, 5), now), "no storm: sending holds nothing");
}

Test(rejects, one_that_is_never_answered_costs_a_cooldown_not_forever) {
  tg_rejects_t rejects = refusals(1);
  cr_assert(tg_rejects_on_refused(&rejects, NOW_NS, tg_dup_key(0, TG_BUY, 1, 1), false));
  tg_rejects_on_send(&rejects, NOW_NS + 10 * SEC);
  cr_assert(held(&rejects, tg_dup_key(0, TG_BUY, 2, 2), NOW_NS + 20 * SEC - 1));
  cr_assert_not(held(&rejects, tg_dup_key(0, TG_BUY, 2, 2), NOW_NS + 20 * SEC));
}

Test(rejects, the_same_refused_order_waits_others_do_not) {
  tg_rejects_t rejects = refusals(100);
  uint64_t key = tg_dup_key(3, TG_SELL, 1000, 9);
  (void)tg_rejects_on_refused(&rejects, NOW_NS, key, false);
  cr_assert(held(&rejects, key, NOW_NS));
  cr_assert(held(&rejects, key, NOW_NS + 1000 * MS - 1));
  cr_assert_not(held(&rejects, key, NOW_NS + 1000 * MS));
  const uint64_t others[] = {tg_dup_key(2, TG_SELL, 1000, 9), tg_dup_key(3, TG_BUY, 1000, 9), tg_dup_key(3, TG_SELL, 1001, 9),
                             tg_dup_key(3, TG_SELL, 1000, 8)};
  for (unsigned i = 0; i < TG_ARRAY_CNT(others); i++) cr_assert_not(held(&rejects, others[i], NOW_NS), "%u", i);
  (void)tg_rejects_on_taken(&rejects);
  cr_assert(held(&rejects, key, NOW_NS), "another order being taken says nothing of this one");
  tg_rejects_cfg_t off = {100, 0, 10 * SEC};
  tg_rejects_init(&rejects, &off);
  (void)tg_rejects_on_refused(&rejects, NOW_NS, key, false);
  cr_assert_not(held(&rejects, key, NOW_NS), "switched off");
}

Test(rejects, post_only_refusals_are_a_normal_outcome) {
  tg_rejects_t rejects = refusals(2);
  uint64_t key = tg_dup_key(0, TG_BUY, 1, 1);
  for (int i = 0; i < 50; i++) cr_assert_not(tg_rejects_on_refused(&rejects, NOW_NS, key, true));
  cr_assert_not(held(&rejects, key, NOW_NS));
  cr_assert_eq(rejects.post_only_cnt, 50);
  (void)tg_rejects_on_refused(&rejects, NOW_NS, key, false);
  (void)tg_rejects_on_refused(&rejects, NOW_NS, key, true);
  cr_assert_eq(rejects.row_cnt, 1, "nor do they clear");
  cr_assert(tg_rejects_on_refused(&rejects, NOW_NS, key, false));
}

Test(rejects, a_full_set_holds_everything_until_what_fell_out_would_have_left) {
  tg_rejects_t rejects = refusals(1000);
  uint64_t in_set[5];
  unsigned cnt = 0;
  for (int64_t px = 1; cnt < 5; px++) {
    uint64_t key = tg_dup_key(0, TG_BUY, px, 1);
    if (tg_rejects_set_idx(key) == 3) in_set[cnt++] = key;
  }
  for (unsigned i = 0; i < 4; i++) (void)tg_rejects_on_refused(&rejects, NOW_NS + i, in_set[i], false);
  cr_assert_not(held(&rejects, tg_dup_key(9, TG_SELL, 1, 1), NOW_NS + 10));
  (void)tg_rejects_on_refused(&rejects, NOW_NS + 10, in_set[4], false);
  cr_assert_eq(rejects.evicted_live_cnt, 1);
  cr_assert(held(&rejects, tg_dup_key(9, TG_SELL, 1, 1), NOW_NS + 1000 * MS - 1), "whatever it is");
  cr_assert_not(held(&rejects, tg_dup_key(9, TG_SELL, 1, 1), NOW_NS + 1000 * MS));
}

Test(rejects, a_person_clears_everything_and_zero_never_storms) {
  tg_rejects_t rejects = refusals(1);
  cr_assert_not(tg_rejects_clear(&rejects));
  uint64_t key = tg_dup_key(0, TG_BUY, 1, 1);
  (void)tg_rejects_on_refused(&rejects, NOW_NS, key, false);
  cr_assert(tg_rejects_clear(&rejects));
  cr_assert_not(held(&rejects, key, NOW_NS));
  rejects = refusals(0);
  for (int i = 0; i < 100; i++) cr_assert_not(tg_rejects_on_refused(&rejects, NOW_NS, tg_dup_key(0, TG_BUY, i + 1, 1), false));
}

/* ---- repeat ---- */

Test(repeat, more_than_the_number_in_the_window_latches_until_a_person_clears) {
  tg_repeat_t repeat = {0};
  tg_repeat_cfg_t cfg = {5, 2, 60 * SEC};
  tg_repeat_cfg_set(&repeat, &cfg);
  for (int i = 0; i < 5; i++) cr_assert_not(tg_repeat_on_fill(&repeat, NOW_NS, false));
  cr_assert(tg_repeat_on_fill(&repeat, NOW_NS, false), "over five");
  cr_assert_not(tg_repeat_on_fill(&repeat, NOW_NS, false), "told once");
  cr_assert_eq(repeat.latched, 1);
  tg_window_advance(&repeat.fills, NOW_NS + 1000 * SEC);
  cr_assert_eq(repeat.latched, 1, "time does not clear it");
  cr_assert(tg_repeat_clear(&repeat));
  cr_assert_not(tg_repeat_clear(&repeat));
  for (int i = 0; i < 2; i++) cr_assert_not(tg_repeat_on_fill(&repeat, NOW_NS, true));
  cr_assert(tg_repeat_on_fill(&repeat, NOW_NS, true), "over two entries");
  cr_assert_eq(repeat.latch_cnt, 2);
}

Test(repeat, slower_than_the_window_is_fine_and_zero_never_latches) {
  tg_repeat_t repeat = {0};
  tg_repeat_cfg_t cfg = {5, 2, 60 * SEC};
  tg_repeat_cfg_set(&repeat, &cfg);
  for (uint64_t i = 0; i < 200; i++) cr_assert_not(tg_repeat_on_fill(&repeat, NOW_NS + i * 32 * SEC, true));
  tg_repeat_t off = {0};
  tg_repeat_cfg_t none = {0, 0, 60 * SEC};
  tg_repeat_cfg_set(&off, &none);
  for (int i = 0; i < 100; i++) cr_assert_not(tg_repeat_on_fill(&off, NOW_NS, true));
}

/* ---- streak ---- */

Test(streak, losses_in_a_row_hold_for_the_cooldown_and_each_further_one_again) {
  tg_streak_t streak = {.limit = 3, .cooldown_ns = 60 * SEC};
  cr_assert_not(tg_streak_on_trip(&streak, NOW_NS, -1));
  cr_assert_not(tg_streak_on_trip(&streak, NOW_NS, -1));
  cr_assert_eq(streak.until_ns, 0);
  cr_assert(tg_streak_on_trip(&streak, NOW_NS, -1));
  cr_assert_eq(streak.until_ns, NOW_NS + 60 * SEC);
  cr_assert(tg_streak_on_trip(&streak, NOW_NS + 100 * SEC, -1), "the next one after the cooldown");
  cr_assert_eq(streak.until_ns, NOW_NS + 160 * SEC);
  cr_assert_not(tg_streak_on_trip(&streak, NOW_NS + 101 * SEC, 0), "a trip that does not lose ends it");
  cr_assert_eq(streak.cnt, 0);
  cr_assert_eq(streak.until_ns, 0);
  tg_streak_t off = {.limit = 0, .cooldown_ns = 60 * SEC};
  for (int i = 0; i < 100; i++) cr_assert_not(tg_streak_on_trip(&off, NOW_NS, -1));
}

Test(streak, a_former_run_s_row_goes_on) {
  tg_streak_t streak = {.limit = 3, .cooldown_ns = 60 * SEC};
  cr_assert_not(tg_streak_restore(&streak, NOW_NS, 2));
  cr_assert(tg_streak_on_trip(&streak, NOW_NS, -1));
  tg_streak_t at_limit = {.limit = 3, .cooldown_ns = 60 * SEC};
  cr_assert(tg_streak_restore(&at_limit, NOW_NS, 3));
  cr_assert_eq(at_limit.until_ns, NOW_NS + 60 * SEC);
  cr_assert_not(tg_streak_restore(&at_limit, NOW_NS, 2), "never shortened");
  cr_assert_eq(at_limit.cnt, 3);
}

/* ---- degrade ---- */

Test(degrade, a_cause_turns_it_on_and_it_ends_after_a_quiet_cooldown) {
  tg_degrade_t degrade = {.cooldown_ns = 60 * SEC};
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS));
  cr_assert(tg_degrade_eval(&degrade, TG_DEGRADE_CIRCUIT, NOW_NS));
  cr_assert_eq(degrade.on, 1);
  cr_assert_not(tg_degrade_eval(&degrade, TG_DEGRADE_CIRCUIT, NOW_NS + 300 * SEC));
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 300 * SEC), "gone just now");
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 360 * SEC - 1));
  cr_assert(tg_degrade_eval(&degrade, 0, NOW_NS + 360 * SEC));
  cr_assert_eq(degrade.on, 0);
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 361 * SEC));
}

Test(degrade, a_cause_that_comes_back_starts_the_quiet_time_anew) {
  tg_degrade_t degrade = {.cooldown_ns = 60 * SEC};
  (void)tg_degrade_eval(&degrade, TG_DEGRADE_CIRCUIT, NOW_NS);
  (void)tg_degrade_eval(&degrade, 0, NOW_NS + 10 * SEC);
  cr_assert_not(tg_degrade_eval(&degrade, TG_DEGRADE_CIRCUIT, NOW_NS + 50 * SEC));
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 51 * SEC));
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 80 * SEC));
  cr_assert(tg_degrade_eval(&degrade, 0, NOW_NS + 111 * SEC));
}

Test(degrade, the_operator_s_word_ends_only_by_the_operator) {
  tg_degrade_t degrade = {.cooldown_ns = 60 * SEC};
  cr_assert(tg_degrade_eval(&degrade, TG_DEGRADE_OPERATOR, NOW_NS));
  cr_assert_not(tg_degrade_eval(&degrade, TG_DEGRADE_OPERATOR, NOW_NS + 10000 * SEC));
  cr_assert(tg_degrade_eval(&degrade, 0, NOW_NS + 10000 * SEC), "a person said so: at once");
  (void)tg_degrade_eval(&degrade, TG_DEGRADE_OPERATOR | TG_DEGRADE_CIRCUIT, NOW_NS);
  cr_assert_not(tg_degrade_eval(&degrade, TG_DEGRADE_OPERATOR, NOW_NS + SEC));
  cr_assert_not(tg_degrade_eval(&degrade, 0, NOW_NS + 2 * SEC), "the circuit's cooldown still runs");
  cr_assert(tg_degrade_eval(&degrade, 0, NOW_NS + 61 * SEC));
}

/* ---- day ---- */

#define DAY TG_NS_PER_DAY

Test(fault_23, the_trading_day_rolls_forward_once) {
  uint64_t roll = 8 * 3600 * SEC, midnight = NOW_NS / DAY * DAY, start = midnight + roll;
  tg_day_state_t day;
  tg_day_init(&day, start - 1, roll);
  uint64_t yesterday = day.day_no;
  cr_assert_eq(yesterday, midnight / DAY - 1, "before the roll it is still yesterday");
  tg_day_on_entry(&day, 3);
  tg_day_on_fill(&day, 3, 10, 600);
  cr_assert_not(tg_day_on_time(&day, start - 1));
  cr_assert_eq(day.entry_cnt, 1);
  cr_assert(tg_day_on_time(&day, start));
  cr_assert_eq(day.day_no, yesterday + 1);
  cr_assert_eq(day.entry_cnt + day.notional_e8 + day.instr[3].qty_lots, 0);
  cr_assert_not(tg_day_on_time(&day, start), "once");
  cr_assert_not(tg_day_on_time(&day, start - 5 * SEC), "time that goes back rolls nothing");
  cr_assert_not(tg_day_on_time(&day, start + DAY - 1));
  cr_assert(tg_day_on_time(&day, start + 3 * DAY + 1), "days without a message are skipped");
  cr_assert_eq(day.day_no, yesterday + 4);
  cr_assert_eq(day.roll_cnt, 2);
}

Test(fault_23, a_leap_day_is_a_day) {
  const uint64_t feb_28_2028 = UINT64_C(1835308800) * SEC; /* 2028-02-28 00:00 UTC */
  tg_day_state_t day;
  tg_day_init(&day, feb_28_2028, 0);
  cr_assert_eq(day.day_no, 21242);
  for (uint64_t i = 1; i <= 3; i++) {
    cr_assert(tg_day_on_time(&day, feb_28_2028 + i * DAY), "28th to 29th, to the 1st, to the 2nd of March");
    cr_assert_eq(day.day_no, 21242 + i);
  }
}

Test(day, another_hour_of_the_roll_keeps_what_was_counted) {
  tg_day_state_t day;
  tg_day_init(&day, NOW_NS, 0);
  tg_day_on_entry(&day, 0);
  tg_day_roll_set(&day, NOW_NS, 3600 * SEC);
  cr_assert_eq(day.entry_cnt, 1);
  cr_assert_eq(day.day_no, tg_day_no(NOW_NS, 3600 * SEC));
  cr_assert_gt(day.next_ns, NOW_NS);
  cr_assert_leq(day.next_ns, NOW_NS + DAY);
}

Test(day, a_former_run_s_lines_are_added_when_they_are_of_today_and_sane) {
  tg_day_state_t day;
  tg_day_init(&day, NOW_NS, 0);
  tg_day_on_entry(&day, 2);
  tg_day_t line = {.day_no = day.day_no, .entry_cnt = 5, .qty_lots = 70, .notional_e8 = 900};
  cr_assert(tg_day_restore(&day, 2, &line));
  cr_assert_eq(day.instr[2].entry_cnt, 6);
  cr_assert_eq(day.entry_cnt, 6);
  cr_assert_eq(day.notional_e8, 900);
  cr_assert_eq(day.instr[2].qty_lots, 70);
  line.day_no--;
  cr_assert_not(tg_day_restore(&day, 2, &line));
  line.day_no += 2;
  cr_assert_not(tg_day_restore(&day, 2, &line));
  line.day_no--;
  line.qty_lots = -1;
  cr_assert_not(tg_day_restore(&day, 2, &line));
  line.qty_lots = 1;
  cr_assert_not(tg_day_restore(&day, TG_INSTR_MAX, &line));
  cr_assert_eq(day.entry_cnt, 6);
  line.notional_e8 = INT64_MAX;
  cr_assert(tg_day_restore(&day, 2, &line));
  tg_day_on_fill(&day, 2, 1, INT64_MAX);
  cr_assert_eq(day.notional_e8, INT64_MAX / 2, "it stays where it is: used up");
}

Test(day, the_day_s_peak_of_a_former_run_counts) {
  tg_drawdown_t dd;
  tg_drawdown_init(&dd, 500, 500);
  cr_assert_not(tg_drawdown_restore(&dd, NOW_NS / DAY, 1400));
  cr_assert_not(tg_drawdown_update(&dd, NOW_NS, 1000, true));
  cr_assert_eq(tg_drawdown_day_e8(&dd), 400);
  cr_assert_eq(tg_drawdown_session_e8(&dd), 0, "the session is new");
  cr_assert(tg_drawdown_restore(&dd, NOW_NS / DAY, 1500), "it breaches at once");
  tg_drawdown_init(&dd, 500, 500);
  (void)tg_drawdown_restore(&dd, NOW_NS / DAY - 1, 9000);
  cr_assert_not(tg_drawdown_update(&dd, NOW_NS, 1000, true), "yesterday's peak is no loss of today");
  cr_assert_not(tg_drawdown_restore(&dd, NOW_NS / DAY - 1, 9000));
}

/* ---- decision ---- */

Test(decision, only_a_valid_one_of_today_that_allows_passes_when_it_is_enforced) {
  tg_decision_t told = {.day_no = 20000, .verdict = 1, .valid = 1};
  cr_assert_eq(tg_decision_judge(&told, 20000, true), TG_DECISION_ALLOW);
  cr_assert_eq(tg_decision_judge(&told, 20001, true), TG_DECISION_MISSING);
  cr_assert_eq(tg_decision_judge(&told, 19999, true), TG_DECISION_MISSING);
  told.verdict = 2;
  cr_assert_eq(tg_decision_judge(&told, 20000, true), TG_DECISION_BLOCK);
  told.verdict = 3;
  cr_assert_eq(tg_decision_judge(&told, 20000, true), TG_DECISION_MISSING);
  told = (tg_decision_t){.day_no = 20000, .verdict = 1};
  cr_assert_eq(tg_decision_judge(&told, 20000, true), TG_DECISION_MISSING);
  cr_assert_eq(tg_decision_judge(&told, 20000, false), TG_DECISION_ALLOW);
}

/* ---- advisory ---- */

Test(advisory, the_table_is_the_normal_distribution_s) {
  /* from a table of the normal distribution: N^-1(0.975), N^-1(0.9), N^-1(0.75) */
  cr_assert_eq(tg_advisory_z_e8(5), 195996398);
  cr_assert_eq(tg_advisory_z_e8(20), 128155157);
  cr_assert_eq(tg_advisory_z_e8(50), 67448975);
  cr_assert_eq(tg_advisory_z_e8(100), 0);
  cr_assert_eq(tg_advisory_z_e8(0), INT64_MAX);
  for (unsigned p = 1; p <= 100; p++) cr_assert_lt(tg_advisory_z_e8(p), tg_advisory_z_e8(p - 1));
}

Test(advisory, sigma_is_volatility_times_the_root_of_the_horizon) {
  tg_advisory_in_t in = {.mid_half_ticks = 1240000, .volatility_bps_e8 = 5 * TG_E8}; /* 62,000.0 in ticks of 0.1 */
  cr_assert_eq(tg_advisory_sigma_q16(&in, 4 * SEC) >> 16, 620, "620,000 ticks * 5 bps * 2");
  cr_assert_eq(tg_advisory_sigma_q16(&in, 100 * SEC) >> 16, 3100);
  in.volatility_bps_e8 = 0;
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0);
  in = (tg_advisory_in_t){.mid_half_ticks = 0, .volatility_bps_e8 = TG_E8};
  cr_assert_eq(tg_advisory_sigma_q16(&in, SEC), 0);
  in = (tg_advisory_in_t){.mid_half_ticks = INT64_C(1) << 49, .volatility_bps_e8 = INT64_C(1) << 41};
  cr_assert_gt(tg_advisory_sigma_q16(&in, 3600 * SEC), 0, "the ends of the range stay inside 128 bits");
}

Test(advisory, reach_and_percentage_agree) {
  tg_advisory_cfg_t cfg = {.horizon_ns = 4 * SEC, .fill_prob_on = 1, .min_pct = 5};
  tg_advisory_in_t in = {.mid_half_ticks = 1240000, .volatility_bps_e8 = 5 * TG_E8};
  cr_assert_eq(tg_advisory_make(&cfg, &in).reach_ticks, 1215, "1.96 * 620");
  uint64_t sigma = tg_advisory_sigma_q16(&in, cfg.horizon_ns);
  for (unsigned pct = 1; pct <= 100; pct++) {
    cfg.min_pct = (uint8_t)pct;
    int64_t reach = tg_advisory_make(&cfg, &in).reach_ticks;
    cr_assert_geq(tg_advisory_fill_pct(reach, sigma), pct);
    cr_assert_lt(tg_advisory_fill_pct(reach + 1, sigma), pct);
  }
  cr_assert_eq(tg_advisory_fill_pct(0, sigma), 100);
  cr_assert_eq(tg_advisory_fill_pct(1, 0), 0);
}

Test(advisory, each_switch_by_itself_and_an_unknown_volatility_is_closed) {
  tg_advisory_in_t in = {.mid_half_ticks = 1240000, .volatility_bps_e8 = 0, .toxicity_e8 = 2 * TG_E8};
  tg_advisory_cfg_t cfg = {.horizon_ns = SEC, .toxic_max_e8 = 2 * TG_E8, .min_pct = 5};
  tg_advisory_t off = tg_advisory_make(&cfg, &in);
  cr_assert(off.reach_ticks == INT64_MAX && off.toxic == 0);
  cfg.toxic_on = 1;
  cr_assert_eq(tg_advisory_make(&cfg, &in).toxic, 1, "from this score on");
  in.toxicity_e8--;
  cr_assert_eq(tg_advisory_make(&cfg, &in).toxic, 0);
  cfg.fill_prob_on = 1;
  cr_assert_eq(tg_advisory_make(&cfg, &in).reach_ticks, -1);
}

/* Peaks, latch, acknowledgement, day roll. */
#include <criterion/criterion.h>

#include "tests/unit/risk/fixture.h"

#define DAY(n) ((uint64_t)(n)*TG_NS_PER_DAY)

Test(drawdown, latches_at_the_limit_and_not_before) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 500, 700);
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 10000, true));
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 1, 10600, true));
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 2, 10101, true));
  cr_assert_eq(d.latched, 0);
  cr_assert_eq(tg_drawdown_session_e8(&d), 499);
  cr_assert(tg_drawdown_update(&d, NOW_NS + 3, 10100, true));
  cr_assert_eq(d.latched, 1);
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 4, 11000, true), "once");
  cr_assert_eq(d.latched, 1, "recovery does not clear it");
}

Test(drawdown, stale_marks_move_nothing) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 500, 500);
  cr_assert(!tg_drawdown_update(&d, NOW_NS, 10000, false));
  cr_assert_eq(d.known, 0);
  tg_drawdown_update(&d, NOW_NS + 1, 10000, true);
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 2, 1, false));
  cr_assert_eq(d.equity_e8, 10000);
  cr_assert_eq(d.fresh_ns, NOW_NS + 1);
}

Test(drawdown, acknowledging_starts_anew) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 500, 500);
  cr_assert(!tg_drawdown_ack(&d));
  tg_drawdown_update(&d, NOW_NS, 10000, true);
  tg_drawdown_update(&d, NOW_NS + 1, 9000, true);
  cr_assert(tg_drawdown_ack(&d));
  cr_assert_eq(d.latched, 0);
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 2, 8501, true));
  cr_assert(tg_drawdown_update(&d, NOW_NS + 3, 8500, true), "the next loss counts from there");
  cr_assert_eq(d.breach_cnt, 2);
  cr_assert_eq(d.ack_cnt, 1);
}

Test(drawdown, transfers_are_no_profit_and_no_loss) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 500, 500);
  tg_drawdown_transfer(&d, -1000);
  tg_drawdown_update(&d, NOW_NS, 10000, true);
  tg_drawdown_update(&d, NOW_NS + 1, 9700, true);
  tg_drawdown_transfer(&d, -5000);
  cr_assert_eq(tg_drawdown_session_e8(&d), 300);
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 2, 4700, true));
  tg_drawdown_transfer(&d, 5000);
  cr_assert_eq(tg_drawdown_day_e8(&d), 300);
}

Test(drawdown, day_rolls_once_forward_only) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 100000, 500);
  uint64_t day = 20000;
  tg_drawdown_update(&d, DAY(day) + 5, 10000, true);
  tg_drawdown_update(&d, DAY(day + 1) - 1, 9600, true);
  cr_assert_eq(tg_drawdown_day_e8(&d), 400);
  tg_drawdown_update(&d, DAY(day + 1), 9550, true);
  cr_assert_eq(d.roll_cnt, 1);
  cr_assert_eq(tg_drawdown_day_e8(&d), 0, "the new day's peak is its first fresh equity");
  cr_assert_eq(tg_drawdown_session_e8(&d), 450, "the session goes on");
  tg_drawdown_update(&d, DAY(day + 1) - 1, 9540, true); /* a message of yesterday, late */
  cr_assert_eq(d.day_no, day + 1);
  cr_assert_eq(d.roll_cnt, 1);
  tg_drawdown_update(&d, DAY(day + 5), 9540, true);
  cr_assert_eq(d.roll_cnt, 2, "days without messages are one roll");
}

Test(drawdown, stale_marks_at_midnight_wait_for_fresh_ones) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 100000, 500);
  tg_drawdown_update(&d, DAY(9) + 5, 10000, true);
  tg_drawdown_update(&d, DAY(10), 9000, false);
  cr_assert_eq(d.day_no, 9);
  tg_drawdown_update(&d, DAY(10) + 1, 9800, true);
  cr_assert_eq(d.day_no, 10);
  cr_assert_eq(d.day_peak_e8, 9800);
}

/* 2028-02-28 23:59:59.999999999 .. 2028-03-01: the leap day is a day like any other. */
Test(drawdown, leap_day) {
  const uint64_t feb29 = UINT64_C(1835395200) * 1000000000; /* 2028-02-29T00:00:00Z */
  tg_drawdown_t d;
  tg_drawdown_init(&d, 100000, 500);
  tg_drawdown_update(&d, feb29 - 1, 10000, true);
  tg_drawdown_update(&d, feb29, 9900, true);
  cr_assert_eq(d.roll_cnt, 1);
  tg_drawdown_update(&d, feb29 + TG_NS_PER_DAY - 1, 9800, true);
  cr_assert_eq(d.roll_cnt, 1);
  cr_assert_eq(tg_drawdown_day_e8(&d), 100);
  tg_drawdown_update(&d, feb29 + TG_NS_PER_DAY, 9700, true); /* 1 March */
  cr_assert_eq(d.roll_cnt, 2);
}

Test(drawdown, latch_survives_midnight) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 0, 500);
  tg_drawdown_update(&d, DAY(9), 10000, true);
  cr_assert(tg_drawdown_update(&d, DAY(9) + 1, 9000, true));
  tg_drawdown_update(&d, DAY(10), 9000, true);
  cr_assert_eq(d.latched, 1, "only a person clears it");
}

Test(drawdown, limits_are_judged_at_once_and_zero_never_latches) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 0, 0);
  tg_drawdown_update(&d, NOW_NS, 10000, true);
  cr_assert(!tg_drawdown_update(&d, NOW_NS + 1, 1, true), "unset: bit 3 blocks instead");
  tg_drawdown_limits(&d, 9999, 0);
  cr_assert_eq(d.latched, 1);
}

Test(drawdown, absurd_equity_does_not_overflow) {
  tg_drawdown_t d;
  tg_drawdown_init(&d, 500, 500);
  tg_drawdown_update(&d, NOW_NS, INT64_MAX, true);
  cr_assert(tg_drawdown_update(&d, NOW_NS + 1, INT64_MIN, true));
  cr_assert_gt(tg_drawdown_session_e8(&d), 0);
  tg_drawdown_transfer(&d, INT64_MIN);
  tg_drawdown_transfer(&d, INT64_MAX);
  cr_assert_geq(tg_drawdown_session_e8(&d), 0);
}

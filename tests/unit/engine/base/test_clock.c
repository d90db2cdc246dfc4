#include <criterion/criterion.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/err.h"

static uint64_t read_ns(clockid_t id) {
  struct timespec ts;
  cr_assert_eq(clock_gettime(id, &ts), 0);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static tg_clock_t clock_made(void) {
  tg_clock_t clock;
  int err = tg_clock_init(&clock, 50);
  cr_assert(err == 0 || err == -TG_EUNSUPPORTED);
  cr_assert_eq(clock.tsc_ok, err == 0);
  return clock;
}

Test(clock, refuses_other_calibration_times) {
  tg_clock_t clock;
  cr_assert_eq(tg_clock_init(&clock, 4), -TG_EINVAL);
  cr_assert_eq(tg_clock_init(&clock, 1001), -TG_EINVAL);
}

static void never_goes_back(const tg_clock_t *clock) {
  uint64_t last = tg_clock_now_ns(clock);
  for (int i = 0; i < 2000000; i++) {
    uint64_t now = tg_clock_now_ns(clock);
    cr_assert_geq(now, last);
    last = now;
  }
}

Test(clock, never_goes_back) {
  tg_clock_t clock = clock_made();
  never_goes_back(&clock);
  clock.tsc_ok = false;
  never_goes_back(&clock);
}

/* Not a bound on speed: both clocks are read around the same instants, the tightest of many readings counts, and what is held
 * is the rate: 1 ms in a second is the promise, this span is shorter and the allowance with it. */
static void keeps_rate(const tg_clock_t *clock) {
  uint64_t ours[2] = {0}, raw[2] = {0};
  for (int end = 0; end < 2; end++) {
    uint64_t best_gap = UINT64_MAX;
    for (int i = 0; i < 2000; i++) {
      uint64_t before = tg_clock_now_ns(clock), now = read_ns(CLOCK_MONOTONIC_RAW), after = tg_clock_now_ns(clock);
      if (after - before < best_gap) best_gap = after - before, ours[end] = before + (after - before) / 2, raw[end] = now;
    }
    struct timespec pause = {.tv_nsec = 300000000};
    if (end == 0) (void)nanosleep(&pause, NULL);
  }
  int64_t span = (int64_t)(raw[1] - raw[0]);
  int64_t off = (int64_t)(ours[1] - ours[0]) - span;
  cr_assert_geq(span, 300000000);
  cr_assert_leq(off < 0 ? -off : off, span / 1000, "off by %lld ns in %lld", (long long)off, (long long)span);
}

Test(clock, within_a_millisecond_a_second_of_the_raw_clock) {
  tg_clock_t clock = clock_made();
  keeps_rate(&clock);
  clock.tsc_ok = false;
  keeps_rate(&clock);
}

Test(clock, anchored_to_the_wall) {
  tg_clock_t clock = clock_made();
  uint64_t wall = read_ns(CLOCK_REALTIME), ours = tg_clock_now_ns(&clock);
  uint64_t off = ours > wall ? ours - wall : wall - ours;
  cr_assert_lt(off, 1000000000u, "the wall clock may be slewed, not be elsewhere");
  clock.tsc_ok = false;
  uint64_t fallback = tg_clock_now_ns(&clock);
  off = fallback > ours ? fallback - ours : ours - fallback;
  cr_assert_lt(off, 1000000000u);
}

Test(clock, a_stamp_from_before_the_anchor_is_the_anchor) {
  tg_clock_t clock = {.anchor_tsc = 1000, .anchor_ns = 5000, .mult_q32 = UINT64_C(1) << 31, .tsc_ok = true};
  cr_assert_eq(tg_clock_tsc_ns(&clock, 999), 5000);
  cr_assert_eq(tg_clock_tsc_ns(&clock, 1000), 5000);
  cr_assert_eq(tg_clock_tsc_ns(&clock, 1010), 5005, "half a ns a tick");
  /* a year of ticks at 4 GHz does not overflow */
  cr_assert_eq(tg_clock_tsc_ns(&clock, 1000 + UINT64_C(126144000000000000)), 5000 + UINT64_C(63072000000000000));
}

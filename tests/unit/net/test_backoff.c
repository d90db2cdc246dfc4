/* Pauses, jitter, the shared budget. */
#include <criterion/criterion.h>

#include "net/backoff.h"

#define MS UINT64_C(1000000)

Test(backoff, doubles_up_to_its_maximum_with_half_of_it_random) {
  tg_backoff_t b;
  uint64_t now = 1000 * MS, want = 200 * MS;
  tg_backoff_init(&b, 200 * MS, 10000 * MS, 7);
  for (int i = 0; i < 60; i++) {
    cr_assert_eq(tg_backoff_try(&b, NULL, now), (uint32_t)i + 1, "generations count up");
    tg_backoff_failed(&b, now);
    uint64_t pause = b.next_ns - now;
    cr_assert(pause >= want / 2 && pause <= want, "attempt %d: %lu ms", i, (unsigned long)(pause / MS));
    cr_assert_eq(tg_backoff_try(&b, NULL, b.next_ns - 1), 0);
    now = b.next_ns;
    want = want * 2 > 10000 * MS ? 10000 * MS : want * 2;
  }
  tg_backoff_ok(&b);
  tg_backoff_failed(&b, now);
  cr_assert_leq(b.next_ns - now, 200 * MS, "a session that worked starts again from the base");
  tg_backoff_hold(&b, now + 60000 * MS);
  cr_assert_eq(tg_backoff_try(&b, NULL, now + 59999 * MS), 0, "Retry-After is kept");
  cr_assert_neq(tg_backoff_try(&b, NULL, now + 60000 * MS), 0);
}

Test(backoff, seeds_differ_and_repeat) {
  uint64_t first[3];
  for (int i = 0; i < 3; i++) {
    tg_backoff_t b;
    tg_backoff_init(&b, 200 * MS, 10000 * MS, i == 2 ? 0 : (uint64_t)i);
    tg_backoff_failed(&b, 0);
    first[i] = b.next_ns;
  }
  cr_assert_neq(first[0], first[1]);
  cr_assert_eq(first[0], first[2]);
}

Test(backoff, budget_over_all_sessions) {
  static tg_retry_budget_t budget;
  tg_backoff_t a, b;
  tg_retry_budget_init(&budget, 5, 300000 * MS);
  tg_backoff_init(&a, 1, 1, 1);
  tg_backoff_init(&b, 1, 1, 2);
  for (uint64_t i = 0; i < 5; i++) cr_assert_neq(tg_backoff_try(i & 1 ? &a : &b, &budget, i * 1000 * MS), 0);
  cr_assert_eq(tg_backoff_try(&a, &budget, 10000 * MS), 0);
  cr_assert_eq(tg_backoff_try(&b, &budget, 299999 * MS), 0);
  cr_assert_eq(budget.refused_cnt, 2);
  cr_assert_neq(tg_backoff_try(&b, &budget, 300000 * MS), 0, "the oldest attempt left the window");
  cr_assert_eq(tg_backoff_try(&b, &budget, 300000 * MS), 0);
  tg_retry_budget_init(&budget, 1u << 30, 1);
  cr_assert_eq(budget.max, TG_RETRY_WINDOW_MAX, "capped");
}

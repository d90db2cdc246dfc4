/* Rate windows and shares against a list of every send. */
#include <criterion/criterion.h>

#include "tests/unit/risk/fixture.h"

#define MS (uint64_t) TG_NS_PER_MS

static void rate_make(tg_rate_state_t *rate, int64_t per_s, int64_t per_min, int64_t cancel_pct, int64_t reduce_pct,
                      uint64_t now) {
  tg_rate_cfg_t cfg = {per_s, per_min, 300, 1200, cancel_pct, reduce_pct};
  tg_rate_init(rate, &cfg, now);
}

Test(rate, shares_are_kept_back) {
  tg_rate_state_t rate;
  rate_make(&rate, 20, 1000, 20, 10, NOW_NS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_INCREASE_RISK, NOW_NS), 14);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS), 16);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS), 20);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_NONE, NOW_NS), 0);
  for (int i = 0; i < 14; i++) tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_INCREASE_RISK, NOW_NS), 0);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS), 2);
  for (int i = 0; i < 2; i++) tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS), 0);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS), 4);
  for (int i = 0; i < 6; i++) tg_rate_on_send(&rate, TG_REQUEST_CANCEL);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS), 0);
  tg_rate_on_time(&rate, NOW_NS + 1099 * MS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS + 1099 * MS), 0, "a bucket longer than its name");
  tg_rate_on_time(&rate, NOW_NS + 1100 * MS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_INCREASE_RISK, NOW_NS + 1100 * MS), 14);
}

Test(rate, gate_reads_it) {
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  for (int i = 0; i < 17; i++) tg_rate_on_send(&w.rate, TG_REQUEST_PLACE); /* 25 - 30% = 17 */
  cr_assert_eq(world_mask(&w, &subs), TG_GATE_BIT(RATE));
  world_t r;
  world_init(&r, TG_INTENT_REDUCE_RISK);
  for (int i = 0; i < 17; i++) tg_rate_on_send(&r.rate, TG_REQUEST_PLACE);
  cr_assert_eq(world_mask(&r, &subs), 0, "until its share is gone");
  for (int i = 0; i < 3; i++) tg_rate_on_send(&r.rate, TG_REQUEST_PLACE);
  cr_assert_eq(world_mask(&r, &subs), TG_GATE_BIT(RATE));
}

Test(rate, zero_cap_lets_nothing_pass) {
  tg_rate_state_t rate;
  rate_make(&rate, 0, 1000, 20, 10, NOW_NS);
  for (int intent = 0; intent < 4; intent++) cr_assert_eq(tg_rate_left(&rate, (tg_intent_t)intent, NOW_NS), 0);
  rate_make(&rate, 10, 1000, 90, 90, NOW_NS); /* shares above 100% together */
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_INCREASE_RISK, NOW_NS), 0);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS), 1);
}

Test(rate, venue_budget_and_pause) {
  tg_rate_state_t rate;
  rate_make(&rate, 1000, 10000, 0, 10, NOW_NS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS), 300, "the setting, until the venue tells");
  tg_rate_t told;
  memset(&told, 0, sizeof told);
  told.orders_10s_used = 90;
  told.orders_10s_limit = 100;
  told.orders_1m_used = 95;
  told.orders_1m_limit = 1200;
  told.weight_1m_used = 40;
  told.weight_1m_limit = 2400;
  tg_rate_on_venue(&rate, &told, NOW_NS + 5 * MS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS + 5 * MS), 10);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_INCREASE_RISK, NOW_NS + 5 * MS), 0);
  cr_assert_eq(rate.weight_used, 40);
  for (int i = 0; i < 4; i++) tg_rate_on_send(&rate, TG_REQUEST_AMEND);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS + 5 * MS), 6, "what we sent since counts at once");
  tg_rate_on_send(&rate, TG_REQUEST_CANCEL);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS + 5 * MS), 6, "a cancel is no order to the venue");
  cr_assert_eq(rate.weight_used, 41);
  tg_rate_on_time(&rate, NOW_NS + 10005 * MS);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_REDUCE_RISK, NOW_NS + 10005 * MS), 96,
               "the word is older than its window: our own count");
  memset(&told, 0, sizeof told);
  told.pause_until_ns = NOW_NS + 20000 * MS;
  tg_rate_on_venue(&rate, &told, NOW_NS + 10010 * MS);
  cr_assert(tg_rate_paused(&rate, NOW_NS + 19999 * MS));
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS + 19999 * MS), 0, "nothing at all during a ban");
  cr_assert(!tg_rate_paused(&rate, NOW_NS + 20000 * MS));
  told.pause_until_ns = NOW_NS;
  tg_rate_on_venue(&rate, &told, NOW_NS + 10020 * MS);
  cr_assert(tg_rate_paused(&rate, NOW_NS + 19999 * MS), "a pause is never shortened");
  cr_assert_eq(rate.venue_limit_10s, 100, "a message without limits changes none");
}

Test(rate, random_sends_against_the_list) {
  static uint64_t sent_ns[60000];
  static bool order[60000];
  for (uint64_t round = 1; round <= 4; round++) {
    uint64_t seed = round, now = round == 1 ? 3 * MS : NOW_NS + (uint64_t)random_below(&seed, 1000000000);
    tg_rate_state_t rate;
    rate_make(&rate, 1000000, 1000000, 0, 0, now);
    size_t cnt = 0;
    for (int step = 0; step < 20000; step++) {
      int64_t kind = random_below(&seed, 100);
      now += kind == 0 ? (uint64_t)random_below(&seed, 90 * TG_NS_PER_S) : (uint64_t)random_below(&seed, 40 * TG_NS_PER_MS);
      tg_rate_on_time(&rate, now);
      if (random_below(&seed, 2)) {
        sent_ns[cnt] = now;
        order[cnt] = random_below(&seed, 2);
        tg_rate_on_send(&rate, order[cnt] ? TG_REQUEST_PLACE : TG_REQUEST_CANCEL);
        cnt++;
      }
      /* exact buckets: everything since the start of the oldest bucket that reaches into the window */
      int64_t in_1s = 0, in_min = 0, in_10s = 0, orders_min = 0, true_1s = 0, true_min = 0;
      for (size_t i = cnt; i-- > 0 && sent_ns[i] / 1000000000 + 61 > now / 1000000000;) {
        in_min++;
        orders_min += order[i];
        in_10s += order[i] && sent_ns[i] / 1000000000 + 11 > now / 1000000000;
        in_1s += sent_ns[i] / 100000000 + 11 > now / 100000000;
        true_1s += now - sent_ns[i] < 1000 * MS;
        true_min += now - sent_ns[i] < 60000 * MS;
      }
      cr_assert_eq(rate.sum_1s, in_1s);
      cr_assert_eq(rate.sum_min, in_min);
      cr_assert_eq(rate.sum_orders_10s, in_10s);
      cr_assert_eq(rate.sum_orders_min, orders_min);
      cr_assert(rate.sum_1s >= true_1s && rate.sum_min >= true_min, "never less than what a sliding window would hold");
    }
  }
}

Test(rate, time_that_goes_back_is_ignored) {
  tg_rate_state_t rate;
  rate_make(&rate, 10, 100, 0, 0, NOW_NS);
  tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  tg_rate_on_time(&rate, NOW_NS - 5000 * MS);
  tg_rate_advance(&rate, NOW_NS - 5000 * MS);
  cr_assert_eq(rate.sum_1s, 1);
  tg_rate_on_time(&rate, NOW_NS + UINT64_C(40000000) * 1000000000);
  cr_assert_eq(rate.sum_1s, 0);
  cr_assert_eq(rate.sum_min, 0);
}

Test(rate, settings) {
  tg_core_conf_t conf;
  world_conf(&conf);
  tg_rate_cfg_t cfg = tg_rate_cfg_make(&conf);
  cr_assert_eq(cfg.per_s, 25);
  cr_assert_eq(cfg.venue_orders_10s, 300);
  tg_rate_state_t rate;
  tg_rate_init(&rate, &cfg, NOW_NS);
  tg_rate_on_send(&rate, TG_REQUEST_PLACE);
  cfg.per_s = 5;
  tg_rate_cfg_set(&rate, &cfg);
  cr_assert_eq(tg_rate_left(&rate, TG_INTENT_CANCEL, NOW_NS), 4, "windows are kept");
}

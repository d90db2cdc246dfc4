/* Fault 22: thirty days of listen keys and session ages on a clock that the test moves. The venue ends a key after 60 min
 * without a keep-alive and a session after 24 h; here some keep-alives fail on top: lost, refused, under a pause. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cold_rig.h"

#define MINUTE (60 * (uint64_t)TG_NS_PER_S)
#define HOUR (60 * MINUTE)
enum { DAYS = 30, STEP_MIN = 10 };

typedef struct days {
  uint64_t kept_ns, up_ns[16];
  uint32_t gen[16];
  int kept_cnt, ups[16];
  int put_cnt, bad; /* keep-alives seen; of the next ones so many fail */
  uint64_t key_age_max_ns, session_age_max_ns, session_age_min_ns;
} days_t;

static int key_requests(cold_rig_t *rig) {
  return vp_seen(rig->venue, "PUT /fapi/v1/listenKey", NULL, 0) + vp_seen(rig->venue, "POST /fapi/v1/listenKey", NULL, 0);
}

static void look(cold_rig_t *rig, days_t *d) {
  tg_bn_cold_stats_t stats;
  tg_bn_cold_stats(rig->bn, &stats);
  uint64_t now_ns = cold_now(rig);
  cr_assert_eq(__builtin_popcount(stats.session_up), TG_BN_SESSIONS, "make before break: all four are up at every look");
  int put = vp_seen(rig->venue, "PUT /fapi/v1/listenKey", NULL, 0);
  int kept = key_requests(rig);
  if (now_ns - d->kept_ns > d->key_age_max_ns) d->key_age_max_ns = now_ns - d->kept_ns;
  bool failed = put != d->put_cnt && d->bad > 0 && kept - d->kept_cnt == put - d->put_cnt; /* and nothing else was asked */
  if (put != d->put_cnt && d->bad > 0) d->bad--;
  if (kept != d->kept_cnt && !failed) d->kept_ns = now_ns;
  d->put_cnt = put;
  d->kept_cnt = kept;
  for (int s = 0; s < 16; s++) {
    if (rig->ups[s] == 0) continue;
    uint64_t age_ns = now_ns - d->up_ns[s];
    if (rig->ups[s] == d->ups[s]) {
      if (age_ns > d->session_age_max_ns) d->session_age_max_ns = age_ns;
      continue;
    }
    if (d->ups[s] != 0 && age_ns < d->session_age_min_ns) d->session_age_min_ns = age_ns;
    d->ups[s] = rig->ups[s];
    d->up_ns[s] = now_ns;
  }
}

/* No session older than its time to be replaced. */
static bool none_due(cold_rig_t *rig, const days_t *d) {
  for (int s = 0; s < 16; s++) {
    if (rig->ups[s] != 0 && rig->ups[s] == d->ups[s] && cold_now(rig) - d->up_ns[s] > 23 * HOUR + MINUTE) return false;
  }
  return true;
}

/* What goes wrong on some days, at the keep-alive. */
static int trouble(cold_rig_t *rig, int day) {
  static const vp_rule_t lost = {.what = "PUT /fapi/v1/listenKey", .status = 0, .times = 1};
  static const vp_rule_t refused = {.what = "PUT /fapi/v1/listenKey", .status = 503, .body = "Unknown error", .times = 2};
  static const vp_rule_t paused = {.what = "PUT /fapi/v1/listenKey",
                                   .status = 429,
                                   .headers = "Retry-After: 900\r\n",
                                   .body = "{\"code\":-1003,\"msg\":\"x\"}",
                                   .times = 1};
  if (day % 3 != 0) return 0;
  vp_rule_t rule = day % 9 == 0 ? lost : day % 9 == 3 ? refused : paused;
  vp_answer_with(rig->venue, rule);
  return rule.times;
}

Test(fault_22, thirty_days_of_keys_and_sessions, .timeout = 240) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->conf.venue_countdown_ms = 0;
  rig->conf.sync_profile_period_ms = 0;
  rig->conf.sync_trades_period_ms = 0;
  cold_open(rig);
  cold_up(rig);
  days_t d = {.kept_ns = cold_now(rig), .session_age_min_ns = UINT64_MAX};
  look(rig, &d);
  uint64_t start_ns = cold_now(rig);
  for (int step = 1; step <= DAYS * 24 * 60 / STEP_MIN; step++) {
    if (step % (24 * 60 / STEP_MIN) == 1) d.bad = trouble(rig, step * STEP_MIN / (24 * 60));
    uint64_t clocks = 0;
    tg_bn_cold_stats_t stats;
    tg_bn_cold_stats(rig->bn, &stats);
    clocks = stats.clock_samples;
    rig->core_cnt = 0;
    rig->ctl_cnt = rig->ctl_done = 0;
    rig->shift_ns += STEP_MIN * MINUTE;
    cold_turns(rig, 3); /* what is due sets out */
    look(rig, &d);
    do { /* the answers, and the sessions that are due, come in real time: let them */
      COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
      cold_turns(rig, 2);
      tg_bn_cold_stats(rig->bn, &stats);
    } while (tg_bn_cold_pending(rig->bn) != 0);
    if (stats.pause_until_ns <= cold_now(rig)) COLD_UNTIL(rig, none_due(rig, &d));
    look(rig, &d);
    cr_assert(stats.clock_samples > clocks || stats.pause_until_ns > cold_now(rig) - STEP_MIN * MINUTE, "it works on, step %d",
              step);
  }
  printf("30 days: %d key requests, oldest key %llu min, %d/%d/%d/%d sessions, replaced at %.1f to %.1f h\n", d.kept_cnt,
         (unsigned long long)(d.key_age_max_ns / MINUTE), d.ups[TG_SESSION_PUBLIC], d.ups[TG_SESSION_MARKET],
         d.ups[TG_SESSION_USER], d.ups[TG_SESSION_ORDER], (double)d.session_age_min_ns / (double)HOUR,
         (double)d.session_age_max_ns / (double)HOUR);
  cr_assert_geq(cold_now(rig) - start_ns, DAYS * 24 * HOUR);
  cr_assert_lt(d.key_age_max_ns, 60 * MINUTE, "no key ever ran out: %llu min", (unsigned long long)(d.key_age_max_ns / MINUTE));
  cr_assert_geq(d.kept_cnt, DAYS * 24 * 60 / 31);
  static const tg_session_t id[] = {TG_SESSION_PUBLIC, TG_SESSION_MARKET, TG_SESSION_USER, TG_SESSION_ORDER};
  for (size_t i = 0; i < TG_ARRAY_CNT(id); i++) {
    cr_assert_geq(d.ups[id[i]], DAYS * 24 / 24, "session %u: %d", (unsigned)id[i], d.ups[id[i]]);
    cr_assert_leq(d.ups[id[i]], DAYS * 24 / 23 + 2);
  }
  cr_assert_lt(d.session_age_max_ns, 24 * HOUR, "no session met its 24 h");
  cr_assert_geq(d.session_age_min_ns, 22 * HOUR, "none was replaced without need");
  cold_free(rig);
}

/* A keep-alive that cannot be sent (the venue asked for a pause) is made up for when the pause ends, not a period later. */
Test(fault_22, a_pause_does_not_cost_the_key) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  cold_open(rig);
  cold_up(rig);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RATE, TG_INSTR_NONE, cold_now(rig));
  msg.u.rate.pause_until_ns = cold_now(rig) + 40 * MINUTE;
  cold_journal(rig, &msg);
  int kept = key_requests(rig);
  rig->shift_ns += 31 * MINUTE;
  cold_turns(rig, 50);
  cr_assert_eq(key_requests(rig), kept, "nothing is sent in a pause");
  rig->shift_ns += 10 * MINUTE;
  COLD_UNTIL(rig, key_requests(rig) == kept + 1);
  cold_free(rig);
}

/* Settings in seconds, for venues (and tests) with shorter lives. */
Test(fault_22, periods_are_settings) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->conf.venue_key_keep_s = 2;
  rig->conf.venue_rotate_s = 6;
  cold_open(rig);
  cold_up(rig);
  int kept = key_requests(rig);
  rig->shift_ns += 3 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, key_requests(rig) == kept + 1);
  cr_assert_eq(rig->ups[TG_SESSION_USER], 1);
  rig->shift_ns += 4 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, rig->ups[TG_SESSION_USER] == 2 && rig->ups[TG_SESSION_PUBLIC] == 2 && rig->ups[TG_SESSION_MARKET] == 2 &&
                      rig->ups[TG_SESSION_ORDER] == 2);
  cold_free(rig);
}

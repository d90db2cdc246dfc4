/* The core against a seeded fake venue: thousands of steps, every invariant after each of them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fake_venue.h"

static void check_all(fv_t *fv, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  (void)out;
  tg_core_check(fv->core);
  fv_check(fv);
}

static void finish(fv_t *fv) {
  fv_cmd(fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  for (unsigned i = 0; i < 600 && !tg_core_stopped(fv->core); i++) fv_run(fv, 100 * UINT64_C(1000000));
  for (uint32_t i = 0; i < fv->core->orders.cap && !tg_core_stopped(fv->core); i++) {
    const tg_order_t *o = &fv->core->orders.order[i];
    if (tg_order_is_open(o) || tg_order_owed(o) > 0)
      cr_log_error("left: state %s cum %ld told %ld absorbed %ld qty %ld request %u query %u", tg_ord_state_name(o->state),
                   o->cum_lots, o->told_lots, o->absorbed_lots, o->qty_lots, o->request, o->query_open);
  }
  cr_assert(tg_core_stopped(fv->core));
  fv_run(fv, 500 * UINT64_C(1000000));
}

static void agree(const fv_t *fv) {
  const tg_position_t *pos = &fv->core->instr[0].pos;
  cr_assert_eq(fv_open_orders(fv), 0u);
  cr_assert_eq(pos->qty_lots, fv->pos);
  cr_assert_eq(pos->cost_e8, fv->cost_e8);
  cr_assert_eq(pos->realised_e8, fv->realised_e8);
  cr_assert_eq(pos->commission_e8, fv->commission_e8);
  cr_assert_eq(pos->bought_lots, fv->bought);
  cr_assert_eq(pos->sold_lots, fv->sold);
}

static void print_run(const char *what, const fv_t *fv) {
  const tg_core_stats_t *stats = tg_core_stats(fv->core);
  cr_log_info(
      "%s: %lu messages, %lu placed, %lu amended, %lu cancelled, %lu queried, %lu fills, %lu late, %lu unknown, %lu timeouts",
      what, stats->msg_cnt, fv->place_cnt, fv->amend_cnt, fv->cancel_cnt, fv->query_cnt, fv->fill_cnt, stats->late_cnt,
      stats->unknown_cnt, stats->timeout_cnt);
  cr_log_info("  decisions told %lu, evaluations %lu, gate passed %lu blocked %lu, holes %lu, trips %lu",
              stats->decision_told_cnt, stats->evaluate_cnt, stats->gate.passed_cnt, stats->gate.blocked_cnt, stats->hole_cnt,
              stats->trip_cnt);
  for (unsigned i = 0; i < TG_REASON_CNT; i++)
    if (stats->gate.reason_cnt[i]) cr_log_info("  gate %s %lu", tg_gate_reason_name(i), stats->gate.reason_cnt[i]);
  for (unsigned i = 0; i < 64; i++)
    if (fv->alarm_cnt[i]) cr_log_info("  alarm %s %lu", tg_alarm_name(i), fv->alarm_cnt[i]);
}

Test(core_venue, a_calm_venue_trades_and_agrees) {
  static fv_t fv;
  fv_open(&fv, 1, NULL, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 30 * UINT64_C(1000000000));
  print_run("calm", &fv);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_gt(fv.place_cnt, 20u);
  cr_assert_gt(fv.amend_cnt, 20u);
  cr_assert_gt(fv.cancel_cnt, 0u);
  cr_assert_gt(fv.fill_cnt, 10u);
  finish(&fv);
  agree(&fv);
  cr_assert_eq(tg_core_stats(fv.core)->hole_cnt, 0u);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_PNL_DRIFT], 0u);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u);
  fv_close(&fv);
}

static void hostile(uint64_t seed) {
  static fv_t fv;
  static const fv_faults_t faults = {.reply_lost = 40,
                                     .request_lost = 20,
                                     .unknown = 30,
                                     .repeat = 50,
                                     .lite = 500,
                                     .forget = 50,
                                     .cancel_by_venue = 1,
                                     .delay_us_max = 20000};
  fv_open(&fv, seed, &faults, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 20 * UINT64_C(1000000000));
  finish(&fv);
  agree(&fv);
  cr_assert_eq(tg_core_stats(fv.core)->hole_cnt, 0u, "seed %lu", seed);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_PNL_DRIFT], 0u, "seed %lu", seed);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u, "seed %lu", seed);
  cr_assert_gt(fv.fill_cnt, 5u, "seed %lu", seed);
  if (seed == 100) print_run("hostile", &fv);
  fv_close(&fv);
}

Test(core_venue, lost_unknown_repeated_and_late_answers_lose_nothing) {
  for (uint64_t seed = 100; seed < 112; seed++) hostile(seed);
}

Test(core_venue, dropped_fills_are_found_adopted_and_paused) {
  static fv_t fv;
  static const fv_faults_t faults = {.fill_dropped = 300};
  fv_open(&fv, 5, &faults, 0);
  fv_start(&fv);
  fv_run(&fv, 60 * UINT64_C(1000000000));
  fv.faults.fill_dropped = 0;
  finish(&fv);
  fv_run(&fv, 10 * UINT64_C(1000000000));
  print_run("dropped", &fv);
  cr_assert_gt(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u);
  cr_assert_gt(fv.state_cnt[TG_FSM_PAUSED] + fv.state_cnt[TG_FSM_DEGRADED], 0u);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, fv.pos);
  fv_close(&fv);
}

static void some_link(fv_t *fv, bool up) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv->now_ns);
  msg.u.link.session = (uint8_t)(TG_SESSION_PUBLIC + tg_rng_next(&fv->rng) % 4);
  msg.u.link.up = up;
  msg.u.link.last_rx_ns = fv->now_ns;
  fv_feed(fv, &msg);
  msg.u.link.up = 1;
  msg.ts_ns = 0;
  if (tg_rng_next(&fv->rng) % 2) fv_feed(fv, &msg);
}

static void all_links(fv_t *fv) {
  for (uint8_t s = TG_SESSION_PUBLIC; s <= TG_SESSION_ORDER; s++) {
    tg_msg_t msg;
    tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv->now_ns);
    msg.u.link.session = s;
    msg.u.link.up = 1;
    msg.u.link.last_rx_ns = fv->now_ns;
    fv_feed(fv, &msg);
  }
}

/* Operators, links and rings at random moments, over a venue that loses and repeats. */
static void chaos(uint64_t seed) {
  static fv_t fv;
  static const fv_faults_t faults = {.reply_lost = 20,
                                     .request_lost = 10,
                                     .unknown = 20,
                                     .repeat = 50,
                                     .lite = 300,
                                     .forget = 30,
                                     .cancel_by_venue = 1,
                                     .delay_us_max = 8000};
  static const tg_verb_t verbs[] = {TG_VERB_PAUSE,       TG_VERB_RESUME, TG_VERB_KILL,  TG_VERB_KILL_OFF,
                                    TG_VERB_EMERGENCY,   TG_VERB_RESUME, TG_VERB_SYNC,  TG_VERB_ACK_DRAWDOWN,
                                    TG_VERB_RESYNC_BOOK, TG_VERB_ARM,    TG_VERB_RESUME};
  fv_open(&fv, seed, &faults, 0);
  fv_conf(&fv, "fsm.exit_gross", INT64_C(100000) * TG_E8);
  fv.after_step = check_all;
  fv_start(&fv);
  for (unsigned i = 0; i < 60; i++) {
    fv_run(&fv, tg_rng_next(&fv.rng) % 600 * UINT64_C(1000000));
    switch (tg_rng_next(&fv.rng) % 3) {
      case 0:
        fv_cmd(&fv, verbs[tg_rng_next(&fv.rng) % TG_ARRAY_CNT(verbs)], TG_ROLE_RISK);
        break;
      case 1:
        some_link(&fv, tg_rng_next(&fv.rng) % 2);
        break;
      default:
        break;
    }
  }
  all_links(&fv);
  finish(&fv);
  agree(&fv);
  cr_assert_eq(tg_core_stats(fv.core)->hole_cnt, 0u, "seed %lu", seed);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u, "seed %lu", seed);
  if (seed == 500) print_run("chaos", &fv);
  fv_close(&fv);
}

Test(core_venue, operators_links_and_losses_at_random_lose_nothing) {
  for (uint64_t seed = 500; seed < 512; seed++) chaos(seed);
}

static void digest_of(uint8_t poison, char hex[65], uint64_t *cnt) {
  static fv_t fv;
  static const fv_faults_t faults = {.reply_lost = 20, .unknown = 20, .repeat = 50, .lite = 300};
  fv_open(&fv, 42, &faults, poison);
  fv_start(&fv);
  fv_run(&fv, 10 * UINT64_C(1000000000));
  tg_sha256_hex(fv.chain.digest, hex);
  *cnt = fv.out_cnt;
  fv_close(&fv);
}

Test(core_venue, same_inputs_give_the_same_outputs) {
  char a[65], b[65];
  uint64_t cnt_a, cnt_b;
  digest_of(0x00, a, &cnt_a);
  digest_of(0xA5, b, &cnt_b);
  cr_assert_str_eq(a, b);
  cr_assert_eq(cnt_a, cnt_b);
  cr_assert_gt(cnt_a, 300u);
}

Test(core_venue, kill_cancels_everything_and_stays_down) {
  static fv_t fv;
  fv_open(&fv, 9, NULL, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 5 * UINT64_C(1000000000));
  cr_assert_gt(fv_open_orders(&fv), 0u);
  fv_cmd(&fv, TG_VERB_KILL, TG_ROLE_OPERATOR);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_EMERGENCY);
  cr_assert_gt(fv.cancel_all_cnt, 0u);
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, 3 * UINT64_C(1000000000));
  cr_assert_eq(fv_open_orders(&fv), 0u);
  cr_assert_eq(fv.place_cnt, placed);
  fv_cmd(&fv, TG_VERB_KILL_OFF, TG_ROLE_OPERATOR); /* loosening is not the operator's */
  cr_assert_eq(fv.core->snap.kill_latched, 1);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_CMD_REFUSED], 1u);
  fv_cmd(&fv, TG_VERB_KILL_OFF, TG_ROLE_RISK);
  cr_assert_eq(fv.core->snap.kill_latched, 0);
  fv_close(&fv);
}

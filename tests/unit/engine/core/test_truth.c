/* What the core does about mismatches of account truth, lost executions, a changed venue profile, a silent cold lane. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_venue.h"

#define SECOND UINT64_C(1000000000)

static fv_t fv;

static void check_all(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  (void)out;
  tg_core_check(v->core);
}

static uint64_t alarms(tg_alarm_t what) {
  return fv.alarm_cnt[what];
}

static const tg_position_t *pos(void) {
  return &fv.core->instr[0].pos;
}

static void trade_with(uint64_t seed, const char *key, int64_t value) {
  fv_open(&fv, seed, NULL, 0);
  if (key != NULL) fv_conf(&fv, key, value);
  fv.after_step = check_all;
  fv.stride = 4;
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
}

/* An order of ours that the core never sent. */
static fv_order_t *orphan(int64_t qty) {
  fv_order_t *o = &fv.order[fv.order_cnt++];
  *o = (fv_order_t){.client_id = (uint64_t)TG_MODE_SIM << 60 | UINT64_C(5) << 40 | UINT64_C(1) << 32 | 99,
                    .order_id = ++fv.next_order_id,
                    .px = 500000,
                    .qty = qty,
                    .made_ns = fv.now_ns,
                    .status = TG_STATUS_NEW,
                    .open = 1};
  return o;
}

/* ---- policies ---- */

Test(mismatch, an_orphan_of_ours_is_told_only_when_the_policy_says_page) {
  trade_with(60, "mismatch.orphan_order", 0);
  fv_order_t *o = orphan(20);
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_ORDER), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert(o->open);
  fv_close(&fv);
}

Test(mismatch, an_orphan_of_ours_is_taken_up_and_cancelled_through_the_gates) {
  trade_with(61, "mismatch.orphan_order", 2);
  fv_order_t *o = orphan(20);
  o->cum = 3; /* of which 3 were filled and booked as nobody's */
  o->status = TG_STATUS_PARTIALLY_FILLED;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id, .trade_id = 99999999, .px_ticks = 500000, .qty_lots = 3};
  fv_feed(&fv, &msg);
  fv.pos += 3;
  int64_t held = 0;
  for (unsigned i = 0; i < 400 && alarms(TG_ALARM_ORPHAN_CANCELLED) == 0; i++) {
    held = fv.core->exposure.instr[0].open_buy_lots;
    fv_run(&fv, SECOND / 100);
  }
  tg_order_t *ours = tg_order_find(&fv.core->orders, o->client_id);
  cr_assert_not_null(ours);
  cr_assert_eq(ours->cum_lots, 3);
  if (tg_order_is_open(ours)) cr_assert_geq(fv.core->exposure.instr[0].open_buy_lots, 17);
  (void)held;
  fv_run(&fv, SECOND);
  cr_assert_not(o->open);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_CANCELLED), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(mismatch, a_cancel_policy_never_reaches_a_stranger) {
  trade_with(62, "mismatch.orphan_order", 3);
  fv_order_t *o = orphan(20);
  o->foreign = true;
  fv_run(&fv, 6 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_FOREIGN_ORDER), 1u);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_CANCELLED), 0u);
  cr_assert(o->open);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

static void drift_under(int64_t policy) {
  trade_with(63, "mismatch.position_drift", policy);
  fv.pos += 4;
  for (unsigned i = 0; i < 100 && alarms(TG_ALARM_POSITION_DRIFT) == 0; i++) fv_run(&fv, SECOND / 10);
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 1u);
}

Test(mismatch, position_drift_page_tells_once_and_leans_on_nothing) {
  drift_under(0);
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 0u);
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 0u);
  cr_assert_eq(fv.core->fsm_in.override, TG_FSM_OVERRIDE_NONE);
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 1u);
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.place_cnt, placed, "an unknown position lets nothing out");
  fv.pos -= 4;
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 1u, "equal again");
  fv_close(&fv);
}

Test(mismatch, position_drift_pause_waits_for_the_operator) {
  drift_under(1);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 0u);
  fv_cmd(&fv, TG_VERB_ADOPT, TG_ROLE_RISK);
  fv_run(&fv, SECOND);
  cr_assert_eq(pos()->qty_lots, fv.pos);
  fv_close(&fv);
}

Test(mismatch, position_drift_adopt_goes_on) {
  drift_under(2);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 1u);
  fv_close(&fv);
}

/* ---- faults 13: executions that no stream told ---- */

static void user_trade(uint64_t id, int64_t lots, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = (uint8_t)(TG_F_SNAPSHOT | flags);
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = 5, .trade_id = id, .px_ticks = 600000, .qty_lots = lots, .commission_e8 = 70};
  fv_feed(&fv, &msg);
}

Test(fault_13, a_lost_execution_is_booked_once_and_told) {
  trade_with(64, NULL, 0);
  int64_t before = pos()->qty_lots, fee = pos()->commission_e8;
  fv.pos += 4;
  fv_run(&fv, SECOND / 10);
  user_trade(99999999, 4, TG_F_LOST);
  user_trade(99999999, 4, TG_F_LOST);
  cr_assert_eq(pos()->qty_lots, before + 4);
  cr_assert_eq(pos()->commission_e8, fee + 70);
  cr_assert_eq(alarms(TG_ALARM_LOST_FILL), 1u);
  fv_run(&fv, 10 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 0u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_13, catching_up_after_an_outage_is_no_alarm) {
  trade_with(65, NULL, 0);
  int64_t before = pos()->qty_lots;
  user_trade(99999999, 4, 0);
  cr_assert_eq(pos()->qty_lots, before + 4);
  cr_assert_eq(alarms(TG_ALARM_LOST_FILL), 0u);
  fv_close(&fv);
}

Test(fault_13, an_execution_that_was_adopted_already_pays_and_moves_nothing) {
  trade_with(66, "mismatch.position_drift", 2);
  int64_t before = pos()->qty_lots;
  fv.pos += 4;
  for (unsigned i = 0; i < 100 && tg_core_stats(fv.core)->adopt_cnt == 0; i++) fv_run(&fv, SECOND / 10);
  int64_t fee = pos()->commission_e8, now = pos()->qty_lots;
  cr_assert_neq(now, before);
  user_trade(99999998, 3, TG_F_LOST);
  user_trade(99999999, 1, TG_F_LOST);
  cr_assert_eq(pos()->qty_lots, now, "it is inside the adopted position");
  cr_assert_eq(pos()->commission_e8, fee + 140);
  user_trade(100000000, 2, TG_F_LOST);
  cr_assert_eq(pos()->qty_lots, now + 2, "this one is not");
  fv_close(&fv);
}

Test(fault_13, a_drift_asks_for_the_truth_at_once) {
  trade_with(67, NULL, 0);
  fv.halt_sync = true;
  fv.pos += 4;
  uint64_t asked = fv.kind_cnt[TG_OUT_SYNC];
  fv.next_sync_ns = fv.now_ns;
  fv_run(&fv, SECOND / 10);
  cr_assert_gt(fv.kind_cnt[TG_OUT_SYNC], asked);
  fv_close(&fv);
}

Test(fault_13, executions_that_do_not_add_up_are_told_and_asked_about) {
  trade_with(79, NULL, 0);
  uint32_t idx = fv.core->orders.open_head;
  while (fv.core->orders.order[idx].state != TG_ORD_LIVE) idx = fv.core->orders.order[idx].next;
  tg_order_t *o = &fv.core->orders.order[idx];
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots,
                                   .cum_qty_lots = 1, /* and no execution was told */
                                   .status = TG_STATUS_PARTIALLY_FILLED,
                                   .exec = TG_EXEC_TRADE,
                                   .side = o->side};
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->owed_cnt, 1u);
  uint64_t asked = fv.kind_cnt[TG_OUT_SYNC];
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_CUM_MISMATCH), 1u, "once");
  cr_assert_gt(fv.kind_cnt[TG_OUT_SYNC], asked);
  fv_close(&fv);
}

/* ---- faults 10: the venue forgets an order for a while ---- */

Test(fault_10, not_found_is_no_end_until_age_and_several_asks) {
  fv_faults_t faults = {.unknown = 1000, .forget = 1000, .delay_us_max = 2000};
  fv_open(&fv, 68, &faults, 0);
  fv.after_step = check_all;
  fv.stride = 0;
  fv_start(&fv);
  fv_run(&fv, SECOND / 2);
  cr_assert_gt(fv_open_orders(&fv), 0u);
  fv.faults.unknown = 0;
  fv_run(&fv, 6 * SECOND);
  cr_assert_eq(tg_core_stats(fv.core)->ended_cnt[TG_ORD_GONE], 0u);
  cr_assert_eq(fv.core->unknown_cnt, 0u, "found in the end");
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_10, a_refused_question_says_nothing_when_it_is_not_about_the_order) {
  fv_faults_t faults = {.request_lost = 1000, .delay_us_max = 2000};
  fv_open(&fv, 69, &faults, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_gt(fv.core->unknown_cnt, 0u);
  uint32_t unknown = fv.core->unknown_cnt;
  tg_order_t *o = &fv.core->orders.order[fv.core->orders.open_head];
  static const int16_t codes[] = {-1021, -1003, -2015, -1000, 0};
  for (unsigned n = 0; n < 40; n++) { /* wrong clock, banned, no permission, a broken connection: no evidence */
    fv.now_ns += SECOND;
    tg_msg_t msg;
    tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
    msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                       .venue_code = codes[n % 5],
                                       .http_status = n % 5 == 4 ? 0 : 400,
                                       .request = TG_REQUEST_QUERY,
                                       .outcome = n % 5 == 4 ? TG_OUTCOME_UNKNOWN : TG_OUTCOME_REFUSED};
    fv_feed(&fv, &msg);
  }
  cr_assert_eq(fv.core->unknown_cnt, unknown);
  cr_assert_eq(o->not_found_cnt, 0u);
  tg_view_order_t view[64];
  uint32_t cnt = tg_core_view_orders(fv.core, view, 64);
  cr_assert_gt(cnt, 0u);
  cr_assert(view[0].unknown_ns != 0 && fv.now_ns - view[0].unknown_ns > 40 * SECOND, "its age is shown");
  cr_assert_gt(view[0].ask_cnt, 0u);
  fv_close(&fv);
}

Test(fault_10, an_answer_asked_before_a_mutation_does_not_bring_old_terms) {
  trade_with(70, NULL, 0);
  tg_order_t *o = NULL;
  for (uint32_t i = fv.core->orders.open_head; i != TG_ORDER_NIL; i = fv.core->orders.order[i].next)
    if (fv.core->orders.order[i].state == TG_ORD_LIVE) o = &fv.core->orders.order[i];
  cr_assert_not_null(o);
  o->query_ns = fv.now_ns - SECOND;
  o->moved_ns = fv.now_ns;
  int64_t px = o->px_ticks;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                     .order_id = o->order_id,
                                     .px_ticks = px - 500,
                                     .qty_lots = o->qty_lots,
                                     .http_status = 200,
                                     .request = TG_REQUEST_QUERY,
                                     .outcome = TG_OUTCOME_CONFIRMED,
                                     .status = TG_STATUS_NEW};
  fv_feed(&fv, &msg);
  cr_assert_eq(o->px_ticks, px);
  fv_close(&fv);
}

/* ---- faults 28: the venue's profile, words we do not know ---- */

static void filter(int64_t min_qty, int64_t maker_fee) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_FILTER, 0, fv.now_ns);
  msg.u.cfg_filter = fv.core->instr[0].filter_line[0];
  msg.u.cfg_filter.u.first.min_qty_lots = min_qty;
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, fv.now_ns);
  msg.flags = TG_F_SECOND;
  msg.u.cfg_filter = fv.core->instr[0].filter_line[1];
  msg.u.cfg_filter.u.second.maker_fee_e8 = maker_fee;
  fv_feed(&fv, &msg);
}

static void symbol(int64_t px_unit, uint8_t status) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, fv.now_ns);
  msg.u.cfg_symbol = fv.core->instr[0].symbol;
  msg.u.cfg_symbol.px_unit = px_unit;
  msg.u.cfg_symbol.status = status;
  fv_feed(&fv, &msg);
}

Test(fault_28, the_same_profile_again_is_no_change_and_fees_are_no_profile) {
  trade_with(71, NULL, 0);
  filter(1, 20000);
  filter(1, 12345);
  symbol(1, 1);
  cr_assert_eq(alarms(TG_ALARM_PROFILE_CHANGED), 0u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_not(fv.core->instr[0].gate.flags & TG_GATE_INSTR_RESTRICTED);
  fv_close(&fv);
}

Test(fault_28, a_changed_filter_restricts_the_instrument_until_it_is_put_on_again) {
  trade_with(72, NULL, 0);
  filter(2, 20000);
  filter(3, 20000);
  cr_assert_eq(alarms(TG_ALARM_PROFILE_CHANGED), 1u, "told once");
  uint64_t placed = fv.place_cnt + fv.amend_cnt;
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.place_cnt + fv.amend_cnt, placed);
  cr_assert_eq(fv_open_orders(&fv), 0u, "what rested was taken away");
  placed = fv.place_cnt;
  cr_assert_eq(tg_core_instr_on(fv.core, &fv.core->instr[0]), 0);
  fv_run(&fv, SECOND);
  cr_assert_gt(fv.place_cnt, placed);
  filter(4, 20000);
  cr_assert_eq(alarms(TG_ALARM_PROFILE_CHANGED), 2u);
  fv_close(&fv);
}

Test(fault_28, a_changed_tick_needs_a_restart) {
  trade_with(73, NULL, 0);
  symbol(5, 1);
  cr_assert_eq(alarms(TG_ALARM_PROFILE_CHANGED), 1u);
  cr_assert_eq(tg_core_instr_on(fv.core, &fv.core->instr[0]), -TG_EPERM);
  uint64_t placed = fv.place_cnt + fv.amend_cnt;
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.place_cnt + fv.amend_cnt, placed);
  fv_close(&fv);
}

Test(fault_28, a_halt_comes_and_goes_by_itself) {
  trade_with(74, NULL, 0);
  symbol(1, 2);
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.place_cnt, placed);
  symbol(1, 1);
  fv_run(&fv, SECOND);
  cr_assert_gt(fv.place_cnt, placed);
  cr_assert_eq(alarms(TG_ALARM_PROFILE_CHANGED), 0u);
  fv_close(&fv);
}

Test(fault_28, an_unknown_word_is_kept_by_its_numbers_asked_for_and_pauses_the_instrument) {
  trade_with(75, NULL, 0);
  fv_order_t *theirs = NULL;
  for (uint32_t i = 0; i < fv.order_cnt && theirs == NULL; i++)
    if (fv.order[i].open && tg_order_find(&fv.core->orders, fv.order[i].client_id)->state == TG_ORD_LIVE) theirs = &fv.order[i];
  cr_assert_not_null(theirs);
  tg_order_t *o = tg_order_find(&fv.core->orders, theirs->client_id);
  uint64_t id = theirs->client_id, queries = fv.query_cnt;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.flags = TG_F_UNKNOWN_ENUM;
  msg.u.ex_order = (tg_ex_order_t){.client_id = id,
                                   .order_id = theirs->order_id,
                                   .px_ticks = theirs->px,
                                   .qty_lots = theirs->qty,
                                   .cum_qty_lots = 1,
                                   .status = TG_STATUS_OTHER,
                                   .exec = TG_EXEC_OTHER,
                                   .side = theirs->side};
  fv_feed(&fv, &msg);
  cr_assert_eq(o->told_lots, 1, "its number counts: one is owed");
  cr_assert(tg_order_is_open(o));
  cr_assert_eq(alarms(TG_ALARM_UNKNOWN_ENUM), 1u);
  cr_assert_eq(tg_core_stats(fv.core)->unknown_enum_cnt, 1u);
  cr_assert_gt(fv.query_cnt, queries, "asked for");
  cr_assert(fv.core->instr[0].gate.flags & TG_GATE_INSTR_RESTRICTED);
  fv_close(&fv);
}

Test(fault_28, an_execution_of_unknown_side_is_not_guessed) {
  trade_with(78, NULL, 0);
  int64_t before = pos()->qty_lots;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_UNKNOWN_ENUM | TG_F_FOREIGN;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = 5, .trade_id = 99999999, .px_ticks = 600000, .qty_lots = 4};
  fv_feed(&fv, &msg);
  cr_assert_eq(pos()->qty_lots, before);
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 0u);
  cr_assert_eq(alarms(TG_ALARM_UNKNOWN_ENUM), 1u);
  fv.pos -= 4; /* the venue knows */
  fv_run(&fv, 6 * SECOND);
  cr_assert_eq(pos()->qty_lots, before - 4);
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 1u);
  fv_close(&fv);
}

/* ---- faults 18, 19: disk and cold lane ---- */

static void health(tg_health_what_t what, uint8_t ok) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, fv.now_ns);
  msg.u.health = (tg_health_t){.what = (uint8_t)what, .ok = ok};
  fv_feed(&fv, &msg);
}

Test(fault_19, a_silent_cold_lane_holds_new_risk_within_its_bound) {
  trade_with(76, "sync.beat_bound_ms", 2000);
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE, "a tape without heartbeats: not armed");
  health(TG_HEALTH_COLD, 1);
  fv_run(&fv, SECOND + SECOND / 2);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  cr_assert_eq(fv.core->fsm_reason, TG_FSM_WHY_JOURNAL_BEHIND);
  cr_assert_eq(alarms(TG_ALARM_COLD_SILENT), 1u);
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_COLD_SILENT), 1u, "told once");
  health(TG_HEALTH_COLD, 1);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_18, a_full_disk_means_reduce_only) {
  trade_with(77, NULL, 0);
  health(TG_HEALTH_DISK, 0);
  health(TG_HEALTH_DISK, 0);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  cr_assert_eq(alarms(TG_ALARM_DISK_LOW), 1u);
  health(TG_HEALTH_DISK, 1);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

/* ---- flatten ---- */

static void flat_soon(unsigned tenths) {
  for (unsigned i = 0; i < tenths && alarms(TG_ALARM_FLAT) == 0; i++) fv_run(&fv, SECOND / 10);
}

static void hold(uint64_t seed, int64_t lots) {
  fv_open(&fv, seed, NULL, 0);
  fv.after_step = check_all;
  fv.stride = 4;
  fv.pos = lots;
  fv.bought = lots > 0 ? lots : 0;
  fv.sold = lots < 0 ? -lots : 0;
  fv.cost_e8 = llabs(lots) * 600000 * FV_TICK_LOT_E8;
  fv_remember(&fv);
  fv_start(&fv);
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_gt(fv_open_orders(&fv), 0u);
}

Test(flatten, cancels_ours_then_closes_with_reduce_only_orders_and_stays_halted) {
  hold(80, 200); /* max_order_notional 5000: three pieces */
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_RISK);
  flat_soon(50);
  cr_assert_eq(alarms(TG_ALARM_FLAT), 1u);
  cr_assert_eq(fv.pos, 0);
  cr_assert_eq(pos()->qty_lots, 0);
  cr_assert_eq(pos()->realised_e8, fv.realised_e8);
  cr_assert_eq(fv_open_orders(&fv), 0u);
  cr_assert_geq(fv.ioc_cnt, 3u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.place_cnt, placed, "halted until the operator resumes");
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  fv_run(&fv, 2 * SECOND);
  cr_assert_gt(fv.place_cnt, placed);
  fv_close(&fv);
}

Test(flatten, a_short_position_is_bought_back_in_emergency_too) {
  hold(81, -30);
  fv_cmd(&fv, TG_VERB_KILL, TG_ROLE_OPERATOR);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_EMERGENCY);
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_RISK);
  flat_soon(50);
  cr_assert_eq(alarms(TG_ALARM_FLAT), 1u);
  cr_assert_eq(fv.pos, 0);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_EMERGENCY);
  fv_close(&fv);
}

Test(flatten, what_a_try_leaves_is_tried_again_and_lost_answers_are_waited_for) {
  hold(82, 60);
  fv.faults.ioc_part = true; /* each IOC gets a third of what it wants */
  fv.faults.reply_lost = 300;
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_RISK);
  flat_soon(1200);
  cr_assert_eq(alarms(TG_ALARM_FLAT), 1u);
  cr_assert_eq(fv.pos, 0);
  cr_assert_gt(fv.ioc_cnt, 3u);
  fv_close(&fv);
}

Test(flatten, gives_up_and_says_so_when_nothing_takes_the_other_side) {
  hold(83, 60);
  fv.faults.ioc_none = true;
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_RISK);
  for (unsigned i = 0; i < 200 && alarms(TG_ALARM_CMD_REFUSED) == 0; i++) fv_run(&fv, SECOND / 10);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  cr_assert_eq(fv.ioc_cnt, 40u);
  cr_assert_eq(fv.core->flatten_cnt, 0u);
  cr_assert_eq(alarms(TG_ALARM_FLAT), 0u);
  fv_close(&fv);
}

Test(flatten, nothing_to_do_is_flat_at_once_and_an_unknown_instrument_is_refused) {
  trade_with(84, NULL, 0);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, 9, fv.now_ns);
  msg.u.cmd.verb = TG_VERB_FLATTEN;
  msg.u.cmd.role = TG_ROLE_RISK;
  fv_feed(&fv, &msg);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_OPERATOR);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 2u);
  fv_cmd(&fv, TG_VERB_FLATTEN, TG_ROLE_RISK);
  flat_soon(20);
  cr_assert_eq(alarms(TG_ALARM_FLAT), 1u);
  fv_close(&fv);
}

/* ---- faults 9: unknown outcomes ---- */

Test(fault_09, an_ended_order_waits_for_no_answer) {
  fv_faults_t faults = {.request_lost = 1000, .delay_us_max = 2000};
  fv_open(&fv, 90, &faults, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, SECOND / 2);
  tg_order_t *o = &fv.core->orders.order[fv.core->orders.open_head];
  for (unsigned i = 0; i < 400 && !o->query_open; i++) fv_run(&fv, SECOND / 100);
  cr_assert(o->state == TG_ORD_PLACE_UNKNOWN && o->query_open, "%s %u", tg_ord_state_name(o->state), o->query_open);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = 4711,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots,
                                   .status = TG_STATUS_CANCELED,
                                   .exec = TG_EXEC_CANCELED,
                                   .side = o->side};
  fv_feed(&fv, &msg);
  cr_assert_eq(o->state, TG_ORD_CANCELED);
  cr_assert_eq(o->query_open, 0, "a slot of gate 19 would be lost for ever");
  fv_close(&fv);
}

/* {accepted, not, late, fill before the acknowledgement} x {reply lost, 503, time-out}, seen from the core. */
Test(fault_09, whatever_became_of_a_place_it_is_sent_once_and_held_until_known) {
  unsigned cases = 0;
  for (unsigned venue = 0; venue < 4; venue++) {
    for (unsigned reply = 0; reply < 3; reply++, cases++) {
      fv_faults_t faults = {.delay_us_max = 2000};
      if (venue == 1) faults.request_lost = 1000;
      if (venue == 2) faults.delay_us_max = 900000;
      if (reply == 1) faults.unknown = 1000; /* 503 */
      if (reply != 1) faults.reply_lost = 1000;
      fv_open(&fv, 91 + cases, &faults, 0);
      fv_conf(&fv, "order.answer_timeout_ms", reply == 2 ? 50 : 2000);
      fv.no_digest = true;
      fv.after_step = check_all;
      fv.stride = venue == 3 ? 60 : 0;
      fv_start(&fv);
      fv_run(&fv, 2 * SECOND);
      cr_assert_gt(fv.place_cnt, 0u);
      fv_check(&fv);
      fv.faults = (fv_faults_t){.delay_us_max = 2000};
      fv_run(&fv, 12 * SECOND);
      fv_check(&fv);
      fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
      for (unsigned i = 0; i < 200 && !tg_core_stopped(fv.core); i++) fv_run(&fv, SECOND / 10);
      cr_assert(tg_core_stopped(fv.core));
      fv_run(&fv, SECOND);
      cr_assert_eq(fv_open_orders(&fv), 0u, "%u x %u", venue, reply);
      cr_assert_eq(fv.core->instr[0].pos.qty_lots, fv.pos, "%u x %u", venue, reply);
      cr_assert_eq(tg_core_stats(fv.core)->fill_cnt, fv.fill_cnt);
      cr_assert_eq(tg_core_stats(fv.core)->reopen_cnt, 0u, "no order was thought dead that lived");
      fv_close(&fv);
    }
  }
  cr_assert_eq(cases, 12u);
}

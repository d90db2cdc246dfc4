/* Restarts and account truth: what a former run left is compared with the venue, never taken for it. */
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

static void open_with(uint64_t seed, int64_t lots) {
  fv_open(&fv, seed, NULL, 0);
  fv.after_step = check_all;
  fv.stride = 4;
  fv.pos = lots;
  if (lots > 0) fv.bought = lots;
  if (lots < 0) fv.sold = -lots;
  fv.cost_e8 = llabs(lots) * 600000 * FV_TICK_LOT_E8;
}

static uint64_t alarms(tg_alarm_t what) {
  return fv.alarm_cnt[what];
}

static void restore(tg_msg_kind_t kind, uint16_t instr, const void *payload, size_t len, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, instr, fv.now_ns);
  msg.flags = flags;
  memcpy(&msg.u, payload, len);
  fv_feed(&fv, &msg);
}

static void restore_order(const tg_acc_order_t *line) {
  restore(TG_RESTORE_ORDER, 0, line, sizeof *line, 0);
}

static void restore_done(uint32_t positions, uint32_t orders) {
  tg_restore_done_t done = {.from_epoch = 6, .position_cnt = positions, .order_cnt = orders};
  restore(TG_RESTORE_DONE, TG_INSTR_NONE, &done, sizeof done, 0);
}

/* An order of epoch 6 that rests at the venue, far from the market. */
static fv_order_t *venue_order(uint32_t no, int side, int64_t px, int64_t qty) {
  fv_order_t *o = &fv.order[fv.order_cnt++];
  *o = (fv_order_t){.client_id = (uint64_t)TG_MODE_SIM << 60 | UINT64_C(6) << 40 | UINT64_C(1) << 32 | no,
                    .order_id = ++fv.next_order_id,
                    .px = px,
                    .qty = qty,
                    .made_ns = fv.now_ns,
                    .side = (uint8_t)side,
                    .status = TG_STATUS_NEW,
                    .open = 1};
  return o;
}

static tg_acc_order_t line_of(const fv_order_t *o) {
  return (tg_acc_order_t){.client_id = o->client_id,
                          .order_id = o->order_id,
                          .px_ticks = o->px,
                          .qty_lots = o->qty,
                          .cum_qty_lots = o->cum,
                          .side = o->side,
                          .status = o->status,
                          .type = TG_TYPE_LIMIT};
}

/* ---- positions ---- */

Test(fault_16, a_core_that_remembers_nothing_halts_at_a_position_until_the_operator_adopts) {
  open_with(28, 30);
  fv_start(&fv);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_INIT, "one snapshot is no judgement: executions may be under way");
  cr_assert_eq(alarms(TG_ALARM_RESTART_DIFFERS), 0u);
  fv_run(&fv, 6 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_DIFFERS), 1u, "told once");
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, 0, "nothing is taken over");
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 0u);
  cr_assert_eq(fv.place_cnt, 0u);
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_cmd(&fv, TG_VERB_ADOPT, TG_ROLE_RISK);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 1u);
  cr_assert_eq(fv.core->instr[0].pos.adopted_lots, 30);
  cr_assert_gt(fv.place_cnt, 0u);
  fv_close(&fv);
}

Test(fault_16, a_remembered_position_that_differs_halts_until_it_is_equal) {
  open_with(29, 30);
  fv_remember(&fv);
  fv.pos = 25; /* a person sold 5 while we were down */
  fv.sold += 5;
  fv_start(&fv);
  fv_run(&fv, 7 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_DIFFERS), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  cr_assert_eq(fv.place_cnt, 0u);
  tg_msg_t msg; /* his execution is told by userTrades after all */
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_SNAPSHOT | TG_F_FOREIGN | TG_F_ASK;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = 5, .trade_id = 4711, .px_ticks = 600000, .qty_lots = 5, .commission_e8 = 7};
  fv_feed(&fv, &msg);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_EQUAL), 1u);
  cr_assert_eq(alarms(TG_ALARM_LOST_FILL), 0u, "catching up is no loss");
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 0u);
  fv_close(&fv);
}

Test(fault_15, position_cost_and_running_totals_go_on_exactly) {
  open_with(30, -40);
  fv.realised_e8 = 123456789;
  fv.commission_e8 = 777;
  fv_remember(&fv);
  const tg_position_t *pos = &fv.core->instr[0].pos;
  cr_assert(pos->qty_lots == -40 && pos->cost_e8 == fv.cost_e8 && pos->realised_e8 == 123456789 && pos->commission_e8 == 777);
  cr_assert_eq(fv.core->exposure.instr[0].pos_known, 0u, "not before the venue agrees");
  fv.stride = 60;
  fv_start(&fv);
  fv_run(&fv, 30 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_EQUAL), 1u);
  cr_assert_gt(fv.fill_cnt, 0u);
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  fv_run(&fv, SECOND);
  cr_assert_eq(pos->qty_lots, fv.pos);
  cr_assert_eq(pos->cost_e8, fv.cost_e8);
  cr_assert_eq(pos->realised_e8, fv.realised_e8);
  cr_assert_eq(pos->commission_e8, fv.commission_e8);
  cr_assert_eq(alarms(TG_ALARM_PNL_DRIFT), 0u);
  fv_close(&fv);
}

Test(fault_15, a_trade_of_the_former_run_is_not_booked_again) {
  open_with(31, 10);
  tg_restore_trades_t trades = {.trade_id = {501, 502, 0, 503}};
  restore(TG_RESTORE_TRADES, 0, &trades, sizeof trades, 0);
  fv_remember(&fv);
  fv_start(&fv);
  fv_run(&fv, SECOND / 10);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_SNAPSHOT;
  for (uint64_t id = 501; id <= 503; id++) {
    msg.u.ex_fill = (tg_ex_fill_t){.client_id = 9, .trade_id = id, .px_ticks = 600000, .qty_lots = 3};
    fv_feed(&fv, &msg);
  }
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, 10);
  cr_assert_eq(tg_core_stats(fv.core)->repeat_fill_cnt, 3u);
  fv_close(&fv);
}

Test(fault_15, a_trade_whose_commission_never_came_is_completed) {
  open_with(32, 10);
  tg_restore_trades_t trades = {.trade_id = {501}};
  restore(TG_RESTORE_TRADES, 0, &trades, sizeof trades, TG_F_LITE);
  fv_remember(&fv);
  fv_start(&fv);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_SNAPSHOT;
  msg.u.ex_fill =
      (tg_ex_fill_t){.client_id = 9, .trade_id = 501, .px_ticks = 600000, .qty_lots = 3, .commission_e8 = 11, .realised_e8 = 5};
  fv_feed(&fv, &msg);
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, 10);
  cr_assert_eq(fv.core->instr[0].pos.commission_e8, 11);
  cr_assert_eq(alarms(TG_ALARM_PNL_DRIFT), 0u);
  fv_close(&fv);
}

/* ---- orders ---- */

Test(fault_15, orders_of_the_former_run_are_asked_for_held_in_full_and_cancelled) {
  open_with(33, 0);
  fv_order_t *rests = venue_order(11, TG_BUY, 500000, 20);
  fv_order_t *amended = venue_order(12, TG_SELL, 700000, 7);
  tg_acc_order_t a = line_of(rests), b = line_of(amended);
  tg_acc_order_t never = {.client_id = a.client_id + 100, .px_ticks = 500001, .qty_lots = 9, .side = TG_BUY};
  b.px_ticks = 700005; /* remembered with older terms */
  b.qty_lots = 8;
  restore_order(&a);
  restore_order(&b);
  restore_order(&never);
  restore_done(0, 3);
  cr_assert_eq(fv.core->exposure.instr[0].open_buy_lots, 29);
  cr_assert_eq(fv.core->exposure.instr[0].open_sell_lots, 8);
  cr_assert_eq(fv.core->unknown_cnt, 3u);
  tg_core_check(fv.core);
  fv_start(&fv);
  fv_run(&fv, SECOND);
  cr_assert_gt(fv.query_cnt, 0u);
  cr_assert_eq(alarms(TG_ALARM_RESTART_EQUAL), 1u);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_ORDER), 0u);
  fv_run(&fv, 12 * SECOND);
  cr_assert_not(rests->open, "it rests without a level: cancelled");
  cr_assert_not(amended->open);
  cr_assert_eq(tg_core_stats(fv.core)->ended_cnt[TG_ORD_GONE], 1u, "the one that never arrived, by proof");
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_15, an_order_that_filled_while_we_were_down_is_booked_by_its_executions_and_equal) {
  open_with(34, 0);
  fv_order_t *o = venue_order(21, TG_BUY, 600000, 20);
  tg_acc_order_t line = line_of(o);
  restore_order(&line);
  restore_done(0, 1);
  o->open = 0; /* filled meanwhile */
  o->cum = 20;
  o->status = TG_STATUS_FILLED;
  fv.pos = fv.bought = 20;
  fv.cost_e8 = 20 * 600000 * FV_TICK_LOT_E8;
  fv_start(&fv);
  fv_run(&fv, SECOND);
  cr_assert_eq(tg_order_find(&fv.core->orders, line.client_id)->state, TG_ORD_FILLED);
  cr_assert_eq(fv.core->owed_cnt, 1u);
  cr_assert_eq(alarms(TG_ALARM_RESTART_EQUAL) + alarms(TG_ALARM_RESTART_DIFFERS), 0u);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_SNAPSHOT | TG_F_MAKER;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = line.client_id, .trade_id = 900, .px_ticks = 600000, .qty_lots = 20};
  fv_feed(&fv, &msg);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_EQUAL), 1u);
  cr_assert_eq(alarms(TG_ALARM_RESTART_DIFFERS), 0u);
  cr_assert_eq(fv.core->owed_cnt, 0u);
  cr_assert_eq(fv.core->instr[0].pos.cost_e8, fv.cost_e8);
  fv_close(&fv);
}

Test(fault_15, ours_that_nobody_remembers_halts_adopt_takes_it_up_and_a_stranger_is_never_touched) {
  open_with(35, 0);
  fv_order_t *orphan = venue_order(31, TG_BUY, 500000, 20);
  restore_done(0, 0);
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_RESTART_DIFFERS), 1u);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_ORDER), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  cr_assert(orphan->open);
  cr_assert_eq(fv.cancel_cnt, 0u);
  fv_cmd(&fv, TG_VERB_ADOPT, TG_ROLE_RISK);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_CANCELLED), 1u);
  cr_assert_not(orphan->open);
  cr_assert_eq(fv.core->restart.halted, 0);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED, "the policy's pause is the operator's to lift");
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_15, lines_that_were_lost_on_the_way_halt) {
  open_with(36, 0);
  restore_done(1, 2);
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->restart.halted, 1);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_cmd(&fv, TG_VERB_ADOPT, TG_ROLE_RISK);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(fault_15, kill_works_before_anything_is_compared) {
  open_with(37, 0);
  fv.halt_sync = true;
  fv_order_t *o = venue_order(41, TG_BUY, 500000, 20);
  tg_acc_order_t line = line_of(o);
  restore_order(&line);
  restore_done(0, 1);
  fv_start(&fv);
  fv.next_sync_ns = UINT64_MAX;
  fv_run(&fv, SECOND / 100);
  fv_cmd(&fv, TG_VERB_KILL, TG_ROLE_OPERATOR);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_EMERGENCY);
  cr_assert_gt(fv.cancel_all_cnt, 0u);
  fv.next_sync_ns = UINT64_MAX;
  fv_run(&fv, 3 * SECOND);
  cr_assert_not(o->open);
  fv_close(&fv);
}

Test(fault_15, what_comes_too_late_or_makes_no_sense_is_refused) {
  open_with(38, 0);
  tg_out_position_t flat_with_cost = {.cost_e8 = 5}, sound = {.qty_lots = 5, .cost_e8 = 5};
  restore(TG_RESTORE_POS, 0, &flat_with_cost, sizeof flat_with_cost, 0);
  restore(TG_RESTORE_POS, 9, &sound, sizeof sound, 0);
  restore(TG_RESTORE_POS, 0, &sound, sizeof sound, 0);
  restore(TG_RESTORE_POS, 0, &sound, sizeof sound, 0);
  tg_acc_order_t bad = {.client_id = 3, .px_ticks = 5, .qty_lots = -1};
  restore_order(&bad);
  bad.client_id = 0;
  bad.qty_lots = 1;
  restore_order(&bad);
  cr_assert_eq(alarms(TG_ALARM_BAD_MESSAGE), 5u);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, 5);
  cr_assert_eq(fv.core->orders.open_cnt, 0u);
  fv_start(&fv);
  restore_done(0, 0);
  cr_assert_eq(alarms(TG_ALARM_BAD_MESSAGE), 6u);
  fv_close(&fv);
}

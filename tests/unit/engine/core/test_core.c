/* core_step by hand: one rule a test, with the fake venue only as the world around. */
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

static void open_and_trade(uint64_t seed, const fv_faults_t *faults, uint64_t ns) {
  fv_open(&fv, seed, faults, 0);
  fv.after_step = check_all;
  fv.stride = 4;
  fv_start(&fv);
  fv_run(&fv, ns);
}

static uint64_t alarms(tg_alarm_t what) {
  return fv.alarm_cnt[what];
}

static const tg_core_stats_t *stats(void) {
  return tg_core_stats(fv.core);
}

/* First resting order of ours. */
static tg_order_t *resting(void) {
  for (unsigned tries = 0; tries < 200; tries++) {
    for (uint32_t i = fv.core->orders.open_head; i != TG_ORDER_NIL; i = fv.core->orders.order[i].next) {
      tg_order_t *o = &fv.core->orders.order[i];
      if (o->state == TG_ORD_LIVE) return o;
    }
    fv_run(&fv, SECOND / 500);
  }
  cr_assert_fail("no resting order");
  return NULL;
}

/* ---- snapshots by hand ---- */

typedef struct snap {
  uint64_t asked_ns;
  int64_t venue_ms, position;
  uint8_t dual_side;
  bool skip_orders; /* tell no open order at all */
  const tg_acc_order_t *extra;
  uint32_t extra_cnt;
  uint8_t extra_flags;
  int64_t cum_of_first; /* > 0: the first order's cumulative quantity is told so */
  bool double_position, cut;
} snap_t;

static void acc_line(tg_msg_kind_t kind, uint16_t instr, const void *payload, size_t len, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, instr, fv.now_ns);
  msg.flags = flags;
  memcpy(&msg.u, payload, len);
  fv_feed(&fv, &msg);
}

static void snapshot(const snap_t *s) {
  static tg_acc_order_t line[256];
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < fv.order_cnt && !s->skip_orders; i++) {
    const fv_order_t *o = &fv.order[i];
    if (!o->open) continue;
    line[cnt] = (tg_acc_order_t){.client_id = o->client_id,
                                 .order_id = o->order_id,
                                 .px_ticks = o->px,
                                 .qty_lots = o->qty,
                                 .cum_qty_lots = o->cum,
                                 .side = o->side,
                                 .status = o->status,
                                 .type = TG_TYPE_LIMIT};
    if (cnt == 0 && s->cum_of_first > 0) line[cnt].cum_qty_lots = s->cum_of_first;
    cnt++;
  }
  uint32_t own = cnt;
  for (uint32_t i = 0; i < s->extra_cnt; i++) line[cnt++] = s->extra[i];
  tg_acc_begin_t head = {.snapshot_no = ++fv.snapshot_no,
                         .venue_ms = s->venue_ms != 0 ? s->venue_ms : (int64_t)(fv.now_ns / 1000000),
                         .asked_ns = s->asked_ns != 0 ? s->asked_ns : fv.now_ns,
                         .position_cnt = s->double_position ? 2 : 1,
                         .order_cnt = cnt,
                         .balance_cnt = 1,
                         .dual_side = s->dual_side};
  acc_line(TG_ACC_BEGIN, TG_INSTR_NONE, &head, sizeof head, 0);
  tg_ex_position_t pos = {
      .qty_lots = s->position, .entry_e8 = INT64_C(6000000000000), .position_side = TG_PSIDE_BOTH, .leverage = 20};
  acc_line(TG_ACC_POSITION, 0, &pos, sizeof pos, 0);
  if (s->double_position) acc_line(TG_ACC_POSITION, 0, &pos, sizeof pos, 0);
  for (uint32_t i = 0; i < cnt; i++) acc_line(TG_ACC_ORDER, 0, &line[i], sizeof line[i], i >= own ? s->extra_flags : 0);
  tg_ex_balance_t balance = {.wallet_e8 = INT64_C(100000) * TG_E8, .available_e8 = INT64_C(90000) * TG_E8, .asset = "USDT"};
  if (!s->cut) acc_line(TG_ACC_BALANCE, TG_INSTR_NONE, &balance, sizeof balance, 0);
  acc_line(TG_ACC_END, TG_INSTR_NONE, &head, sizeof head, 0);
}

/* A trading core that gets no snapshot but those of the test; the venue fills nothing any more. */
static void quiet(uint64_t seed) {
  open_and_trade(seed, NULL, 3 * SECOND);
  fv.halt_sync = true;
  fv.next_sync_ns = UINT64_MAX;
  for (uint32_t i = 0; i < fv.order_cnt; i++)
    fv.order[i].px += fv.order[i].open ? (fv.order[i].side == TG_BUY ? -100000 : 100000) : 0;
  fv_run(&fv, SECOND / 5);
  fv.next_sync_ns = UINT64_MAX;
}

Test(core, duplicate_regressed_negative_and_cut_snapshots_are_not_taken) {
  quiet(21);
  uint64_t good = stats()->snapshot_good_cnt;
  snapshot(&(snap_t){.position = fv.pos, .double_position = true});
  cr_assert_eq(alarms(TG_ALARM_DUPLICATE_KEY), 1u);
  snapshot(&(snap_t){.position = fv.pos, .venue_ms = 5});
  cr_assert_eq(alarms(TG_ALARM_TS_REGRESSION), 1u);
  tg_acc_order_t bad = {.client_id = 1, .order_id = 9999999, .qty_lots = -1};
  snapshot(&(snap_t){.position = fv.pos, .extra = &bad, .extra_cnt = 1});
  cr_assert_eq(alarms(TG_ALARM_NEGATIVE_QTY), 1u);
  snapshot(&(snap_t){.position = fv.pos, .cut = true});
  cr_assert_eq(stats()->snapshot_good_cnt, good);
  cr_assert_eq(stats()->snapshot_bad_cnt, 4u);
  snapshot(&(snap_t){.position = fv.pos});
  cr_assert_eq(stats()->snapshot_good_cnt, good + 1);
  fv_close(&fv);
}

Test(core, orphans_and_strangers_are_told_once_and_never_touched) {
  quiet(22);
  uint64_t cancels = fv.cancel_cnt;
  tg_acc_order_t two[2] = {{.client_id = UINT64_C(0x3000001234567890), .order_id = 777001, .px_ticks = 590000, .qty_lots = 5},
                           {.client_id = 42, .order_id = 777002, .px_ticks = 590000, .qty_lots = 5}};
  snapshot(&(snap_t){.position = fv.pos, .extra = two, .extra_cnt = 1});
  snapshot(&(snap_t){.position = fv.pos, .extra = two, .extra_cnt = 1});
  cr_assert_eq(alarms(TG_ALARM_ORPHAN_ORDER), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED, "its fills are not in our exposure");
  cancels = fv.cancel_cnt;
  snapshot(&(snap_t){.position = fv.pos, .extra = &two[1], .extra_cnt = 1, .extra_flags = TG_F_FOREIGN});
  snapshot(&(snap_t){.position = fv.pos, .extra = &two[1], .extra_cnt = 1, .extra_flags = TG_F_FOREIGN});
  cr_assert_eq(alarms(TG_ALARM_FOREIGN_ORDER), 1u);
  cr_assert_eq(fv.cancel_cnt, cancels);
  fv_close(&fv);
}

Test(core, an_order_missing_at_the_venue_is_asked_for_and_stays_until_answered) {
  quiet(23);
  fv_conf(&fv, "sync.grace_ms", 10);
  fv_run(&fv, SECOND / 2);
  tg_order_t *o = resting();
  uint64_t id = o->client_id, queries = fv.query_cnt;
  snapshot(&(snap_t){.position = fv.pos, .skip_orders = true});
  cr_assert_gt(alarms(TG_ALARM_MISSING_ORDER), 0u);
  o = tg_order_find(&fv.core->orders, id);
  cr_assert(o->state == TG_ORD_REST_UNKNOWN && o->query_open);
  cr_assert_gt(fv.query_cnt, queries);
  fv_run(&fv, SECOND / 10);
  o = tg_order_find(&fv.core->orders, id);
  cr_assert_neq(o->state, TG_ORD_REST_UNKNOWN); /* the venue knew it */
  cr_assert_eq(tg_core_stats(fv.core)->ended_cnt[TG_ORD_GONE], 0u);
  fv_close(&fv);
}

Test(core, a_snapshot_older_than_a_fill_is_no_drift) {
  quiet(24);
  int64_t pos = fv.core->instr[0].pos.qty_lots;
  uint64_t asked = fv.now_ns - 1000;
  fv.core->instr[0].last_fill_ns = fv.now_ns; /* as if an execution had come just now */
  snapshot(&(snap_t){.position = pos + 4, .asked_ns = asked});
  snapshot(&(snap_t){.position = pos + 4, .asked_ns = asked});
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 0u);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos);
  cr_assert_eq(stats()->snapshot_inconclusive_cnt, 2u);
  fv_close(&fv);
}

Test(core, a_lasting_position_drift_is_told_paused_and_adopted) {
  quiet(25);
  int64_t pos = fv.core->instr[0].pos.qty_lots;
  uint64_t syncs = fv.kind_cnt[TG_OUT_SYNC];
  snapshot(&(snap_t){.position = pos + 4});
  snapshot(&(snap_t){.position = pos + 4});
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 0u, "it may still be in flight");
  fv.next_sync_ns = UINT64_MAX;
  for (unsigned i = 0; i < 30; i++) {
    fv_run(&fv, SECOND / 10);
    fv.next_sync_ns = UINT64_MAX;
  }
  cr_assert_gt(fv.kind_cnt[TG_OUT_SYNC], syncs);
  pos = fv.core->instr[0].pos.qty_lots;
  snapshot(&(snap_t){.position = pos + 4});
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 1u);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos + 4);
  cr_assert_eq(fv.core->exposure.instr[0].pos_lots, pos + 4);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_close(&fv);
}

Test(core, hedge_mode_is_told_and_stops_new_risk) {
  quiet(26);
  snapshot(&(snap_t){.position = fv.pos, .dual_side = 1});
  cr_assert_eq(alarms(TG_ALARM_SIDE_MODE), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  fv_close(&fv);
}

Test(core, filled_quantity_that_stays_different_is_told_and_owed) {
  quiet(27);
  fv_run(&fv, SECOND);
  fv.next_sync_ns = UINT64_MAX;
  snapshot(&(snap_t){.position = fv.pos, .cum_of_first = 2});
  fv_run(&fv, SECOND / 100);
  cr_assert_eq(alarms(TG_ALARM_QTY_DRIFT), 0u);
  fv_conf(&fv, "order.answer_timeout_ms", 50);
  bool told = false;
  for (unsigned i = 0; i < 40 && !told; i++) { /* an order that is amended meanwhile starts afresh: so look again */
    fv.halt_sync = true;
    fv_run(&fv, SECOND / 10);
    fv.next_sync_ns = UINT64_MAX;
    snapshot(&(snap_t){.position = fv.pos, .cum_of_first = 2});
    told = alarms(TG_ALARM_QTY_DRIFT) > 0;
  }
  cr_assert(told);
  cr_assert_eq(fv.core->owed_cnt, 1u);
  fv_close(&fv);
}

Test(core, adopt_takes_the_next_snapshot_as_it_is) {
  quiet(29);
  int64_t pos = fv.core->instr[0].pos.qty_lots;
  fv_cmd(&fv, TG_VERB_ADOPT, TG_ROLE_RISK);
  snapshot(&(snap_t){.position = pos - 9});
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos - 9);
  cr_assert_eq(alarms(TG_ALARM_POSITION_DRIFT), 0u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

static void balance(tg_balance_reason_t reason, int64_t change_e8, const char *asset) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_BALANCE, 0, fv.now_ns);
  msg.u.ex_balance = (tg_ex_balance_t){.wallet_e8 = 1, .change_e8 = change_e8, .reason = (uint8_t)reason};
  memcpy(msg.u.ex_balance.asset, asset, strlen(asset));
  fv_feed(&fv, &msg);
}

Test(mismatch, a_refused_snapshot_pauses_where_the_policy_says_so) {
  static const char *const keys[] = {"mismatch.duplicate_key", "mismatch.ts_regression", "mismatch.negative_qty"};
  tg_acc_order_t bad = {.client_id = 1, .order_id = 9999999, .qty_lots = -1};
  for (unsigned i = 0; i < 6; i++) {
    quiet(90 + i);
    if (i >= 3) fv_conf(&fv, keys[i % 3], 1);
    snap_t s = {.position = fv.pos};
    if (i % 3 == 0) s.double_position = true;
    if (i % 3 == 1) s.venue_ms = 5;
    if (i % 3 == 2) {
      s.extra = &bad;
      s.extra_cnt = 1;
    }
    snapshot(&s);
    cr_assert_eq(alarms(TG_ALARM_DUPLICATE_KEY) + alarms(TG_ALARM_TS_REGRESSION) + alarms(TG_ALARM_NEGATIVE_QTY), 1u);
    fv_run(&fv, SECOND / 50);
    cr_assert_eq(fv.core->fsm.state, i >= 3 ? TG_FSM_PAUSED : TG_FSM_ACTIVE, "%s", keys[i % 3]);
    fv_close(&fv);
  }
}

Test(mismatch, a_missing_order_pauses_where_the_policy_says_so) {
  quiet(96);
  fv_conf(&fv, "sync.grace_ms", 10);
  fv_conf(&fv, "mismatch.missing_order", 1);
  fv_run(&fv, SECOND / 2);
  (void)resting();
  snapshot(&(snap_t){.position = fv.pos, .skip_orders = true});
  cr_assert_gt(alarms(TG_ALARM_MISSING_ORDER), 0u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_close(&fv);
}

Test(mismatch, hedge_mode_may_be_told_only_and_still_holds_resume) {
  quiet(97);
  fv_conf(&fv, "mismatch.side_mode", 0);
  snapshot(&(snap_t){.position = fv.pos, .dual_side = 1});
  cr_assert_eq(alarms(TG_ALARM_SIDE_MODE), 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  fv_close(&fv);
}

Test(mismatch, a_refused_order_that_the_venue_lists_is_reopened) {
  quiet(98);
  tg_order_t *o = resting();
  uint64_t id = o->client_id;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots,
                                   .status = TG_STATUS_REJECTED,
                                   .side = o->side};
  fv_feed(&fv, &msg);
  cr_assert_eq(o->state, TG_ORD_REJECTED);
  fv.now_ns += SECOND;
  snapshot(&(snap_t){.position = fv.pos});
  o = tg_order_find(&fv.core->orders, id);
  cr_assert_eq(o->state, TG_ORD_PLACE_UNKNOWN, "our reading was wrong");
  cr_assert_eq(stats()->reopen_cnt, 1u);
  fv_close(&fv);
}

Test(core, funding_is_profit_and_a_transfer_is_not) {
  open_and_trade(30, NULL, 3 * SECOND);
  tg_view_main_t before, after;
  fv_run(&fv, SECOND / 10);
  tg_core_view_main(fv.core, &before);
  balance(TG_BALANCE_FUNDING, -7 * TG_E8, "USDT");
  balance(TG_BALANCE_TRANSFER, 1000 * TG_E8, "USDT");
  balance(TG_BALANCE_FUNDING, -999 * TG_E8, "BNB");
  tg_core_view_main(fv.core, &after);
  cr_assert_eq(after.funding_e8, before.funding_e8 - 7 * TG_E8);
  cr_assert_eq(after.net_e8, before.net_e8 - 7 * TG_E8);
  cr_assert_eq(after.drawdown_session_e8, before.drawdown_session_e8, "a deposit moves equity and peak together");
  cr_assert_eq(after.equity_e8, before.equity_e8 + 1000 * TG_E8, "funding shows with the next valuation");
  fv_close(&fv);
}

/* ---- orders ---- */

Test(core, a_lost_place_is_unknown_then_asked_then_proved_absent_and_never_sent_again) {
  fv_faults_t faults = {.request_lost = 1000, .delay_us_max = 2000};
  fv_open(&fv, 31, &faults, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, SECOND);
  cr_assert_gt(fv.place_cnt, 0u);
  uint64_t placed = fv.place_cnt;
  int64_t held = fv.core->exposure.instr[0].open_buy_lots;
  cr_assert_gt(held, 0);
  fv_run(&fv, 2 * SECOND); /* past the answer's bound: questions are lost as well */
  cr_assert_gt(stats()->timeout_cnt, 0u);
  cr_assert_gt(fv.core->unknown_cnt, 0u);
  cr_assert_eq(fv.core->exposure.instr[0].open_buy_lots, held, "unknown keeps its exposure");
  cr_assert_eq(fv.place_cnt, placed, "nothing is sent again");
  fv.faults.request_lost = 0;
  fv_run(&fv, 2 * SECOND + SECOND / 2);
  cr_assert_gt(alarms(TG_ALARM_NOT_FOUND_YET), 0u);
  cr_assert_eq(stats()->ended_cnt[TG_ORD_GONE], 0u, "not found is no proof yet");
  fv_run(&fv, 8 * SECOND);
  cr_assert_eq(stats()->ended_cnt[TG_ORD_GONE], placed);
  cr_assert_gt(fv.place_cnt, placed, "then the level is quoted anew, under a new id");
  fv_close(&fv);
}

Test(core, a_refused_post_only_cools_down) {
  open_and_trade(32, NULL, 2 * SECOND);
  tg_order_t *o = resting();
  uint8_t level = o->level;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots,
                                   .status = TG_STATUS_EXPIRED,
                                   .exec = TG_EXEC_EXPIRED,
                                   .side = o->side};
  fv_feed(&fv, &msg);
  cr_assert_eq(tg_order_find(&fv.core->orders, msg.u.ex_order.client_id)->state, TG_ORD_EXPIRED);
  fv.faults.request_lost = 1000;
  uint32_t idx = fv.core->instr[0].level[level].order_idx;
  for (unsigned i = 0; i < 300 && idx == TG_ORDER_NIL; i++) { /* the duplicate window may hold it back a little */
    fv_run(&fv, SECOND / 1000);
    idx = fv.core->instr[0].level[level].order_idx;
  }
  cr_assert_neq(idx, TG_ORDER_NIL, "the level is quoted again");
  cr_assert_eq(fv.core->orders.order[idx].state, TG_ORD_SENT);
  uint64_t id = fv.core->orders.order[idx].client_id;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){
      .client_id = id, .venue_code = -5022, .http_status = 400, .request = TG_REQUEST_PLACE, .outcome = TG_OUTCOME_REFUSED};
  uint64_t placed = fv.place_cnt;
  fv_feed(&fv, &msg);
  cr_assert_eq(tg_order_find(&fv.core->orders, id)->state, TG_ORD_REJECTED);
  cr_assert_eq(fv.core->instr[0].level[level].order_idx, TG_ORDER_NIL);
  cr_assert_eq(fv.place_cnt, placed);
  cr_assert_gt(fv.core->instr[0].level[level].retry_ns, fv.now_ns);
  fv_close(&fv);
}

Test(core, a_fill_is_booked_once_and_a_wrong_profit_is_told) {
  open_and_trade(33, NULL, 2 * SECOND);
  tg_order_t *o = resting();
  int64_t pos = fv.core->instr[0].pos.qty_lots, sign = o->side == TG_BUY ? 1 : -1;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_MAKER;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id,
                                 .trade_id = 99999999,
                                 .px_ticks = o->px_ticks,
                                 .qty_lots = 1,
                                 .commission_e8 = 12,
                                 .realised_e8 = 123456789};
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos + sign);
  cr_assert_eq(alarms(TG_ALARM_PNL_DRIFT), 1u);
  uint64_t repeats = stats()->repeat_fill_cnt;
  fv_feed(&fv, &msg);
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos + sign);
  cr_assert_eq(stats()->repeat_fill_cnt, repeats + 2);
  fv_close(&fv);
}

Test(core, trade_lite_moves_the_position_and_the_full_event_pays) {
  open_and_trade(34, NULL, 2 * SECOND);
  tg_order_t *o = resting();
  int64_t pos = fv.core->instr[0].pos.qty_lots, fee = fv.core->instr[0].pos.commission_e8;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_MAKER | TG_F_LITE;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id, .trade_id = 99999999, .px_ticks = o->px_ticks, .qty_lots = 1};
  fv_feed(&fv, &msg);
  cr_assert_neq(fv.core->instr[0].pos.qty_lots, pos);
  pos = fv.core->instr[0].pos.qty_lots;
  int64_t realised = tg_trades_find(&fv.core->trades, 0, 99999999)->realised_e8;
  msg.flags = TG_F_MAKER;
  msg.u.ex_fill.commission_e8 = 480;
  msg.u.ex_fill.realised_e8 = realised;
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos);
  cr_assert_eq(fv.core->instr[0].pos.commission_e8, fee + 480);
  cr_assert_eq(alarms(TG_ALARM_PNL_DRIFT), 0u);
  fv_close(&fv);
}

Test(core, a_foreign_fill_moves_the_position_and_is_told) {
  open_and_trade(35, NULL, 2 * SECOND);
  int64_t pos = fv.core->instr[0].pos.qty_lots;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  msg.flags = TG_F_FOREIGN | TG_F_ASK;
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = 5, .trade_id = 99999999, .px_ticks = 600000, .qty_lots = 3};
  fv.after_step = NULL;
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->instr[0].pos.qty_lots, pos - 3);
  cr_assert_eq(fv.core->exposure.instr[0].pos_lots, pos - 3);
  cr_assert_eq(alarms(TG_ALARM_FOREIGN_ORDER), 1u);
  fv_close(&fv);
}

/* ---- operator, lifecycle, gates ---- */

Test(core, loosening_needs_the_risk_role) {
  open_and_trade(41, NULL, SECOND);
  static const tg_verb_t loosening[] = {TG_VERB_RESUME, TG_VERB_KILL_OFF, TG_VERB_ACK_DRAWDOWN, TG_VERB_ARM, TG_VERB_ADOPT};
  for (unsigned i = 0; i < TG_ARRAY_CNT(loosening); i++) {
    fv_cmd(&fv, loosening[i], TG_ROLE_OPERATOR);
    cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), i + 1);
  }
  fv_cmd(&fv, TG_VERB_PAUSE, TG_ROLE_VIEWER);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), TG_ARRAY_CNT(loosening) + 1);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_eq(alarms(TG_ALARM_CMD_DONE), 0u);
  fv_close(&fv);
}

Test(core, pause_pulls_the_quotes_and_resume_brings_them_back) {
  open_and_trade(42, NULL, 2 * SECOND);
  fv_cmd(&fv, TG_VERB_PAUSE, TG_ROLE_OPERATOR);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_PAUSED);
  fv_run(&fv, SECOND);
  for (uint32_t i = 0; i < fv.order_cnt; i++) { /* what is left reduces */
    if (fv.order[i].open) cr_assert_eq(fv.order[i].side, fv.pos > 0 ? TG_SELL : TG_BUY);
  }
  fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_gt(fv_open_orders(&fv), 4u);
  fv_close(&fv);
}

Test(core, one_book_is_resynchronised_on_demand) {
  open_and_trade(49, NULL, SECOND);
  uint64_t asked = fv.kind_cnt[TG_OUT_SNAPSHOT];
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, 0, fv.now_ns);
  msg.u.cmd.verb = TG_VERB_RESYNC_BOOK;
  msg.u.cmd.role = TG_ROLE_OPERATOR;
  fv_feed(&fv, &msg);
  cr_assert_eq(alarms(TG_ALARM_CMD_DONE), 1u);
  cr_assert_neq(fv.core->instr[0].gate.book_state, TG_BOOK_LIVE);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  fv_run(&fv, 3 * SECOND);
  cr_assert_gt(fv.kind_cnt[TG_OUT_SNAPSHOT], asked);
  cr_assert_eq(fv.core->instr[0].gate.book_state, TG_BOOK_LIVE);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  msg.instr_idx = 9;
  fv_feed(&fv, &msg);
  cr_assert_eq(alarms(TG_ALARM_CMD_REFUSED), 1u);
  fv_close(&fv);
}

Test(core, stop_ends_with_nothing_open) {
  open_and_trade(50, NULL, 2 * SECOND);
  cr_assert_gt(fv_open_orders(&fv), 0u);
  cr_assert_not(tg_core_stopped(fv.core));
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  cr_assert_not(tg_core_stopped(fv.core), "cancels are not answered yet");
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, SECOND);
  cr_assert(tg_core_stopped(fv.core));
  cr_assert_eq(fv_open_orders(&fv), 0u);
  cr_assert_eq(fv.place_cnt, placed);
  cr_assert_eq(fv.cancel_all_cnt, 0u, "a calm end needs no hammer");
  fv_close(&fv);
}

Test(core, disarmed_nothing_leaves) {
  open_and_trade(43, NULL, SECOND);
  fv_cmd(&fv, TG_VERB_DISARM, TG_ROLE_OPERATOR);
  uint64_t sent = fv.place_cnt + fv.amend_cnt + fv.cancel_cnt;
  fv.stride = 60;
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.place_cnt + fv.amend_cnt + fv.cancel_cnt, sent);
  cr_assert_gt(stats()->gate.reason_cnt[TG_REASON_NOT_ARMED], 0u);
  fv_close(&fv);
}

Test(core, monitor_mode_decides_and_sends_nothing) {
  fv_open(&fv, 44, NULL, 0);
  fv_conf(&fv, "engine.submit", 0);
  fv_start(&fv);
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.place_cnt, 0u);
  cr_assert_gt(stats()->gate.reason_cnt[TG_REASON_MODE_NO_SUBMIT], 0u);
  cr_assert_gt(fv.kind_cnt[TG_OUT_DECISION], 0u);
  cr_assert_lt(fv.kind_cnt[TG_OUT_DECISION], 100u, "a block is told when it changes, not each time");
  fv_close(&fv);
}

Test(core, a_lost_user_stream_degrades_and_asks_for_the_truth) {
  open_and_trade(45, NULL, 2 * SECOND);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv.now_ns);
  msg.u.link.session = TG_SESSION_USER;
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  uint64_t syncs = fv.kind_cnt[TG_OUT_SYNC];
  msg.u.link.up = 1;
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.kind_cnt[TG_OUT_SYNC], syncs + 1);
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  fv_close(&fv);
}

Test(core, a_drawdown_breach_is_an_emergency_until_acknowledged) {
  fv_open(&fv, 46, NULL, 0);
  fv_conf(&fv, "risk.drawdown_session", 10 * TG_E8);
  fv.pos = 100; /* 0.1 at 60,000 */
  fv.bought = 100;
  fv.cost_e8 = 100 * 600000 * FV_TICK_LOT_E8;
  fv_remember(&fv);
  fv_start(&fv);
  fv_run(&fv, SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_MARK, 0, fv.now_ns);
  msg.u.md_mark.mark_e8 = INT64_C(5980000000000); /* 59,800: about 20 lost */
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_EMERGENCY);
  cr_assert_eq(fv.core->fsm_reason, TG_FSM_WHY_DD_BREACH);
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, SECOND / 20);
  cr_assert_eq(fv.place_cnt, placed);
  fv_cmd(&fv, TG_VERB_ACK_DRAWDOWN, TG_ROLE_RISK);
  cr_assert_eq(alarms(TG_ALARM_CMD_DONE), 1u);
  fv_close(&fv);
}

Test(core, a_ring_over_its_mark_degrades) {
  open_and_trade(47, NULL, SECOND);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_PRESSURE, TG_INSTR_NONE, fv.now_ns);
  msg.u.pressure.ring = TG_RING_JOURNAL;
  msg.u.pressure.level = 1;
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  cr_assert_eq(fv.core->fsm_reason, TG_FSM_WHY_JOURNAL_BEHIND);
  fv_close(&fv);
}

Test(core, a_ban_holds_even_cancels) {
  open_and_trade(48, NULL, 2 * SECOND);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RATE, TG_INSTR_NONE, fv.now_ns);
  msg.u.rate.pause_until_ns = fv.now_ns + SECOND;
  fv_feed(&fv, &msg);
  uint64_t sent = fv.place_cnt + fv.amend_cnt + fv.cancel_cnt + fv.query_cnt;
  fv_cmd(&fv, TG_VERB_KILL, TG_ROLE_OPERATOR);
  fv_run(&fv, SECOND / 2);
  cr_assert_eq(fv.place_cnt + fv.amend_cnt + fv.cancel_cnt + fv.query_cnt, sent);
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(fv_open_orders(&fv), 0u);
  fv_close(&fv);
}

/* ---- bad input, room, views ---- */

Test(core, bad_input_is_counted_and_changes_nothing) {
  open_and_trade(51, NULL, SECOND);
  uint64_t bad = stats()->bad_msg_cnt;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_PLACE, 0, fv.now_ns);
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_MD_TOP, 17, fv.now_ns);
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_EX_FILL, TG_INSTR_NONE, fv.now_ns);
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_EX_FILL, 0, fv.now_ns);
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, fv.now_ns);
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv.now_ns);
  msg.u.link.session = 200;
  fv_feed(&fv, &msg);
  tg_msg_init(&msg, TG_PRESSURE, TG_INSTR_NONE, fv.now_ns);
  msg.u.pressure.ring = 99;
  fv_feed(&fv, &msg);
  cr_assert_eq(stats()->bad_msg_cnt, bad + 7);
  tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
  msg.u.ex_answer.client_id = 12345;
  fv_feed(&fv, &msg);
  cr_assert_eq(stats()->stray_answer_cnt, 1u);
  fv_close(&fv);
}

Test(core, a_batch_without_room_is_refused_before_anything_happens) {
  open_and_trade(52, NULL, SECOND);
  tg_msg_t mem[TG_CORE_OUT_MIN], msg;
  tg_msg_batch_t out = {mem, 1, TG_CORE_OUT_MIN};
  uint64_t cnt = stats()->msg_cnt;
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, fv.now_ns);
  cr_assert_eq(tg_core_step(fv.core, &msg, &out), -TG_EFULL);
  cr_assert_eq(stats()->msg_cnt, cnt);
  out.cnt = 0;
  cr_assert_eq(tg_core_step(fv.core, &msg, &out), 0);
  fv_close(&fv);
}

Test(core, a_small_batch_defers_work_and_loses_none) {
  fv_open(&fv, 53, NULL, 0);
  fv_conf(&fv, "grid.levels", 16);
  fv_conf(&fv, "risk.rate_per_s", 1000);
  fv_conf(&fv, "risk.rate_per_min", 100000);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_gt(stats()->deferred_cnt, 0u);
  cr_assert_eq(stats()->out_full_cnt, 0u);
  cr_assert_gt(fv_open_orders(&fv), 16u);
  fv_close(&fv);
}

Test(core, views_show_what_is) {
  open_and_trade(54, NULL, 3 * SECOND);
  static tg_core_shared_t shared;
  memset(&shared, 0, sizeof shared);
  tg_core_publish(fv.core, &shared);
  tg_view_main_t main = {0};
  tg_view_instr_t instr = {0};
  tg_view_order_block_t orders = {0};
  cr_assert_eq(tg_view_read_main(&shared, &main), 0);
  cr_assert_eq(tg_view_read_instr(&shared, 0, &instr), 0);
  cr_assert_eq(tg_view_read_orders(&shared, 0, &orders), 0);
  cr_assert_eq(tg_view_read_instr(&shared, TG_INSTR_MAX, &instr), -TG_EINVAL);
  cr_assert_eq(main.state, TG_FSM_ACTIVE);
  cr_assert_eq(main.epoch, 7u);
  cr_assert_eq(main.placed_cnt, fv.place_cnt);
  cr_assert_eq(main.fill_cnt, stats()->fill_cnt);
  cr_assert_eq(main.open_cnt, orders.cnt);
  cr_assert_str_eq(instr.symbol, "BTCUSDT");
  cr_assert_eq(instr.position_lots, fv.core->instr[0].pos.qty_lots);
  cr_assert_eq(instr.bid_px_ticks[0], fv.depth_bid);
  cr_assert_eq(instr.touch_valid, 1u);
  cr_assert_eq(orders.order[0].client_id >> 60, (uint64_t)TG_MODE_SIM);
  cr_assert_eq(orders.order[0].client_id >> 40 & 0xFFFFF, 7u);
  fv_close(&fv);
}

Test(core, layout_refuses_nonsense) {
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  tg_core_cfg_t cfg = tg_core_cfg_make(&conf, 1), bad = cfg;
  tg_arena_t count;
  tg_core_t *core;
  tg_arena_count(&count);
  bad.instr_cap = 0;
  cr_assert_eq(tg_core_layout(&count, &core, &bad), -TG_EINVAL);
  bad = cfg;
  bad.instr_cap = TG_INSTR_MAX + 1;
  cr_assert_eq(tg_core_layout(&count, &core, &bad), -TG_EINVAL);
  bad = cfg;
  bad.order_cap = 1;
  cr_assert_eq(tg_core_layout(&count, &core, &bad), -TG_EINVAL);
  static const tg_strategy_t none = {.abi_version = 99};
  bad = cfg;
  bad.strategy = &none;
  cr_assert_eq(tg_core_layout(&count, &core, &bad), -TG_EVERSION);
}

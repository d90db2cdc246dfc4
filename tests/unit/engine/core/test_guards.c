/* The machines behind the gates inside the core: what feeds them, what they hold, what they tell, and the operator's verbs. */
#include <criterion/criterion.h>
#include <string.h>

#include "fake_venue.h"

#define SECOND UINT64_C(1000000000)
#define G (fv.core->guards)
#define B(NAME) TG_GATE_BIT(NAME)

static fv_t fv;
static tg_msg_t last_day[2]; /* instrument 0, account */
static tg_out_alarm_t last_alarm;
static tg_out_limits_t limits_line[TG_GUARDS_LIMITS_LINES];
static uint32_t limits_cnt, gates_cnt, decided_cnt;
static tg_out_gates_t gates_line[TG_EXPLAIN_PARTS];
static tg_out_decision_t decided;

static void watch(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  tg_core_check(v->core);
  for (uint32_t i = 0; i < out->cnt; i++) {
    const tg_msg_t *msg = &out->msg[i];
    if (msg->kind == TG_OUT_DAY) last_day[msg->instr_idx == TG_INSTR_NONE] = *msg;
    if (msg->kind == TG_OUT_ALARM) last_alarm = msg->u.out_alarm;
    if (msg->kind == TG_OUT_LIMITS) limits_line[limits_cnt++ % TG_GUARDS_LIMITS_LINES] = msg->u.out_limits;
    if (msg->kind == TG_OUT_DECISION && i + TG_EXPLAIN_PARTS < out->cnt && out->msg[i + 1].kind == TG_OUT_GATES) {
      decided = msg->u.out_decision;
      decided_cnt++;
      for (unsigned p = 0; p < TG_EXPLAIN_PARTS; p++) {
        cr_assert_eq(out->msg[i + 1 + p].kind, TG_OUT_GATES);
        cr_assert_eq(out->msg[i + 1 + p].u.out_gates.part, p);
        gates_line[p] = out->msg[i + 1 + p].u.out_gates;
      }
    }
    gates_cnt += msg->kind == TG_OUT_GATES;
  }
}

static void open_core(uint64_t seed) {
  fv_open(&fv, seed, NULL, 0);
  fv.after_step = watch;
  fv.stride = 4;
}

static void start(uint64_t ns) {
  fv_start(&fv);
  fv_run(&fv, ns);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
}

static uint64_t bit_cnt(unsigned gate) {
  return tg_core_stats(fv.core)->gate.bit_cnt[gate];
}

/* What an order of new risk would meet now, but for its own price and size. */
static uint64_t probe(void) {
  tg_core_instr_t *instr = &fv.core->instr[0];
  tg_order_req_t req = {.client_id = UINT64_MAX,
                        .px_ticks = instr->gate.bid_px_ticks - 50,
                        .qty_lots = 2,
                        .rem_lots = 2,
                        .action = TG_REQUEST_PLACE,
                        .intent = TG_INTENT_INCREASE_RISK,
                        .side = TG_BUY,
                        .type = TG_TYPE_LIMIT};
  uint32_t subs;
  tg_ticket_t ticket = {.id = 1, .qty_lots = 1000, .expires_ns = UINT64_MAX / 2, .approved = 1, .side = TG_BUY};
  tg_gate_snap_t snap = fv.core->snap;
  snap.instr = &instr->gate;
  snap.filters = &instr->filters;
  snap.ticket = &ticket;
  return tg_gate_mask(&req, &instr->limits, &snap, &subs);
}

static void answer(const tg_order_t *o, tg_request_t request, tg_outcome_t outcome, int16_t code) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, o->instr_idx, fv.now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                     .order_id = o->order_id,
                                     .request = (uint8_t)request,
                                     .outcome = (uint8_t)outcome,
                                     .venue_code = code,
                                     .http_status = outcome == TG_OUTCOME_UNKNOWN ? 503 : 400};
  fv_feed(&fv, &msg);
}

static tg_order_t *any_open(void) {
  cr_assert_neq(fv.core->orders.open_head, TG_ORDER_NIL);
  return &fv.core->orders.order[fv.core->orders.open_head];
}

static void day_msg(uint16_t instr_idx, uint64_t day_no, int64_t entries, int64_t lots, int64_t notional, uint32_t streak) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_DAY, instr_idx, fv.now_ns);
  msg.u.day = (tg_day_t){
      .day_no = day_no, .entry_cnt = entries, .qty_lots = lots, .notional_e8 = notional, .peak_e8 = 0, .loss_streak = streak};
  fv_feed(&fv, &msg);
}

/* ---- circuit and degrade policy ---- */

Test(guards, venue_errors_open_the_circuit_probes_close_it_and_the_degrade_policy_follows) {
  open_core(1);
  fv_conf(&fv, "risk.circuit_errors", 3);
  fv_conf(&fv, "risk.circuit_open_ms", 1000);
  fv_conf(&fv, "degrade.cooldown_ms", 2000);
  start(3 * SECOND);
  tg_order_t *o = any_open();
  uint32_t version = fv.core->limits_version;
  for (int i = 0; i < 3; i++) answer(o, TG_REQUEST_QUERY, TG_OUTCOME_UNKNOWN, 0);
  cr_assert_eq(G.circuit.state, TG_CIRCUIT_OPEN);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_CIRCUIT], 1u);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  cr_assert_eq(fv.core->fsm_reason, TG_FSM_WHY_CIRCUIT_OPEN);
  cr_assert(probe() & B(CIRCUIT));
  cr_assert_eq(G.degrade.on, 1);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_DEGRADE], 1u);
  cr_assert_gt(fv.core->limits_version, version, "what it cuts is a new version");
  cr_assert_eq(fv.core->instr[0].limits.cut_pct, 50);
  cr_assert(probe() & B(ALLOWED), "not on the policy's list");
  cr_assert_eq(fv.core->degrade_manual, 1);
  uint64_t placed = fv.place_cnt, syncs = fv.kind_cnt[TG_OUT_SYNC];
  fv_run(&fv, SECOND + SECOND / 10);
  cr_assert_gt(fv.kind_cnt[TG_OUT_SYNC], syncs, "half-open asks for its probe");
  fv_run(&fv, SECOND);
  cr_assert_eq(G.circuit.state, TG_CIRCUIT_CLOSED);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_CIRCUIT], 3u, "open, half-open, closed");
  cr_assert_not(probe() & B(CIRCUIT));
  cr_assert_eq(G.degrade.on, 1, "for its cooldown");
  cr_assert_eq(fv.place_cnt, placed, "nothing new meanwhile");
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(G.degrade.on, 0, "by itself, to where it came from");
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_DEGRADE], 2u);
  cr_assert_eq(fv.core->instr[0].limits.cut_pct, 100);
  fv_run(&fv, 2 * SECOND);
  cr_assert_gt(fv.place_cnt, placed, "and trades again");
  fv_close(&fv);
}

Test(guards, a_failed_account_sync_opens_a_half_open_circuit_again) {
  open_core(2);
  fv_conf(&fv, "risk.circuit_errors", 1);
  fv_conf(&fv, "risk.circuit_open_ms", 1000);
  start(3 * SECOND);
  fv.halt_sync = true;
  answer(any_open(), TG_REQUEST_QUERY, TG_OUTCOME_UNKNOWN, 0);
  uint64_t first_ns = G.circuit.probe_from_ns;
  fv.next_sync_ns = UINT64_MAX;
  while (G.circuit.state == TG_CIRCUIT_OPEN) {
    fv_run(&fv, SECOND / 100);
    fv.next_sync_ns = UINT64_MAX;
  }
  cr_assert_geq(fv.now_ns, first_ns);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, fv.now_ns);
  msg.u.health = (tg_health_t){.what = TG_HEALTH_SYNC, .ok = 0, .value = 1};
  fv_feed(&fv, &msg);
  cr_assert_eq(G.circuit.state, TG_CIRCUIT_OPEN);
  cr_assert_eq(G.circuit.backoff, 1u);
  fv_close(&fv);
}

Test(guards, requests_that_time_out_are_venue_errors) {
  open_core(3);
  fv_conf(&fv, "risk.circuit_errors", 2);
  start(3 * SECOND);
  fv.faults.reply_lost = 1000;
  fv.faults.request_lost = 1000;
  for (int i = 0; i < 60 && G.circuit.state == TG_CIRCUIT_CLOSED; i++) fv_run(&fv, SECOND / 10);
  cr_assert_neq(G.circuit.state, TG_CIRCUIT_CLOSED);
  fv_close(&fv);
}

Test(guards, the_operator_s_degrade_ends_only_by_degrade_off) {
  open_core(4);
  fv_conf(&fv, "degrade.cooldown_ms", 100);
  start(3 * SECOND);
  fv_cmd(&fv, TG_VERB_DEGRADE, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_DONE);
  cr_assert_eq(G.degrade.on, 1);
  cr_assert(fv.core->allow & TG_ALLOW_THROTTLED);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE, "it is no lifecycle state: see docs/spec-notes.md");
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(G.degrade.on, 1);
  fv_cmd(&fv, TG_VERB_DEGRADE_OFF, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED, "loosening needs the risk role");
  cr_assert_eq(G.degrade.on, 1);
  fv_cmd(&fv, TG_VERB_DEGRADE_OFF, TG_ROLE_RISK);
  cr_assert_eq(G.degrade.on, 0);
  cr_assert_eq(fv.core->degrade_manual, 0);
  fv_cmd(&fv, TG_VERB_DEGRADE_OFF, TG_ROLE_RISK);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED, "it is not on");
  fv_close(&fv);
}

Test(guards, an_instrument_of_the_policy_s_list_may_still_take_approved_risk) {
  open_core(5);
  start(3 * SECOND);
  fv.core->instr[0].gate.flags |= TG_GATE_INSTR_DEGRADE; /* CFG_SYMBOL.allowlisted bit 1 */
  fv_cmd(&fv, TG_VERB_DEGRADE, TG_ROLE_OPERATOR);
  cr_assert_eq(probe() & (B(ALLOWED) | B(APPROVAL)), B(APPROVAL), "a person's approval is asked for");
  fv_close(&fv);
}

/* ---- rejects ---- */

Test(guards, refusals_in_a_row_hold_new_orders_one_may_try_and_reenable_clears) {
  open_core(6);
  fv_conf(&fv, "risk.reject_max", 3);
  fv_conf(&fv, "risk.reject_cooldown_ms", 500);
  start(3 * SECOND);
  fv.faults.reply_lost = 1000; /* requests stay in flight: the answers come from here */
  uint32_t fed = 0;
  for (int i = 0; i < 400 && fed < 3; i++) {
    fv_run(&fv, SECOND / 100);
    for (uint32_t idx = fv.core->orders.open_head; idx != TG_ORDER_NIL && fed < 3; idx = fv.core->orders.order[idx].next) {
      tg_order_t *o = &fv.core->orders.order[idx];
      if (o->request != TG_REQUEST_AMEND) continue;
      answer(o, TG_REQUEST_AMEND, TG_OUTCOME_REFUSED, -4014);
      fed++;
      break;
    }
  }
  cr_assert_eq(fed, 3u);
  cr_assert_eq(G.rejects.storm, 1u);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_REJECT_STORM], 1u);
  cr_assert(probe() & B(REJECTS));
  fv_cmd(&fv, TG_VERB_REENABLE, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED);
  fv_cmd(&fv, TG_VERB_REENABLE, TG_ROLE_RISK);
  cr_assert_not(probe() & B(REJECTS));
  fv_close(&fv);
}

Test(guards, post_only_refusals_and_lost_races_do_not_count) {
  open_core(7);
  fv_conf(&fv, "risk.reject_max", 1);
  start(3 * SECOND);
  fv.faults.reply_lost = 1000;
  uint32_t fed = 0;
  for (int i = 0; i < 400 && fed < 3; i++) {
    fv_run(&fv, SECOND / 100);
    for (uint32_t idx = fv.core->orders.open_head; idx != TG_ORDER_NIL && fed < 3; idx = fv.core->orders.order[idx].next) {
      tg_order_t *o = &fv.core->orders.order[idx];
      if (o->request != TG_REQUEST_AMEND) continue;
      answer(o, TG_REQUEST_AMEND, TG_OUTCOME_REFUSED, fed == 2 ? -2013 : -5022);
      fed++;
      break;
    }
  }
  cr_assert_eq(fed, 3u);
  cr_assert_eq(G.rejects.storm, 0u);
  cr_assert_eq(G.rejects.post_only_cnt, 2u);
  fv_close(&fv);
}

/* ---- repeat ---- */

Test(guards, too_many_fills_latch_until_a_person_reenables) {
  open_core(8);
  fv_conf(&fv, "risk.repeat_fills", 3);
  fv_conf(&fv, "risk.repeat_entries", 1000);
  fv.stride = 60;
  fv_start(&fv);
  for (int i = 0; i < 600 && !G.repeat.latched; i++) fv_run(&fv, SECOND / 10);
  cr_assert_eq(G.repeat.latched, 1);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_REPEAT_THROTTLE], 1u);
  cr_assert_gt(G.repeat.fills.sum, 3u);
  fv_run(&fv, 100 * SECOND);
  cr_assert_eq(G.repeat.latched, 1, "time does not clear it");
  cr_assert(probe() & B(REPEAT));
  fv_cmd(&fv, TG_VERB_REENABLE, TG_ROLE_RISK);
  cr_assert_not(probe() & B(REPEAT));
  fv_cmd(&fv, TG_VERB_REENABLE, TG_ROLE_RISK);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED, "nothing to clear");
  fv_close(&fv);
}

/* ---- day ---- */

Test(guards, day_use_is_told_at_most_once_a_second_and_goes_on_after_a_restart) {
  open_core(9);
  fv.stride = 60;
  start(20 * SECOND);
  cr_assert_gt(fv.kind_cnt[TG_OUT_DAY], 2u);
  cr_assert_leq(fv.kind_cnt[TG_OUT_DAY], 2u * 24u, "two lines a second at most");
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(last_day[0].u.out_day.entry_cnt, G.day.instr[0].entry_cnt);
  cr_assert_eq(last_day[1].u.out_day.peak_e8, fv.core->drawdown.day_peak_e8);
  cr_assert_eq(G.day.entry_cnt, G.day.instr[0].entry_cnt);
  cr_assert_eq(G.day.instr[0].qty_lots, fv.bought + fv.sold);
  cr_assert_gt(G.day.entry_cnt, 0);
  tg_day_t told = last_day[0].u.out_day;
  fv_close(&fv);

  open_core(10);
  day_msg(0, told.day_no, told.entry_cnt, told.qty_lots, told.notional_e8, 0);
  day_msg(TG_INSTR_NONE, told.day_no, 0, 0, 0, 7);
  fv_conf(&fv, "risk.day_entries", told.entry_cnt + 2);
  start(10 * SECOND);
  cr_assert_eq(G.day.entry_cnt, told.entry_cnt + 2, "two entries were left");
  cr_assert_eq(G.day.instr[0].qty_lots, told.qty_lots + fv.bought + fv.sold);
  cr_assert_geq(G.streak.cnt, 0u);
  cr_assert_gt(bit_cnt(TG_GATE_DAY_CAP), 0u);
  cr_assert(probe() & B(DAY_CAP));
  fv_close(&fv);
}

Test(guards, lines_of_another_day_are_not_today_s) {
  open_core(11);
  uint64_t today = tg_day_no(fv.now_ns, 0);
  day_msg(0, today - 1, 5, 5, 5, 0);
  start(3 * SECOND);
  cr_assert_lt(G.day.notional_e8, INT64_MAX / 2);
  int64_t entries = G.day.entry_cnt;
  day_msg(0, today, 100, 0, 0, 0);
  cr_assert_eq(G.day.entry_cnt, entries + 100, "also later than the start");
  day_msg(0, today + 1, 100, 0, 0, 0);
  cr_assert_eq(G.day.entry_cnt, entries + 100);
  fv_close(&fv);
}

Test(fault_23, the_core_s_day_rolls_once_and_says_so) {
  open_core(12);
  uint64_t in_ns = 30 * SECOND, of_day = (fv.now_ns + in_ns) % TG_NS_PER_DAY;
  fv_conf(&fv, "risk.day_roll_s", (int64_t)(of_day / SECOND));
  start(10 * SECOND);
  uint64_t day_no = G.day.day_no, edge = G.day.next_ns;
  cr_assert_leq(edge - fv.now_ns, in_ns);
  cr_assert_gt(G.day.entry_cnt, 0);
  while (fv.now_ns < edge + SECOND / 10) fv_run(&fv, SECOND / 20);
  cr_assert_eq(G.day.day_no, day_no + 1);
  cr_assert_eq(G.day.roll_cnt, 1u);
  cr_assert_eq(last_day[0].u.out_day.day_no, day_no + 1);
  cr_assert_eq(last_day[1].u.out_day.day_no, day_no + 1);
  fv_close(&fv);
}

/* ---- streak ---- */

Test(guards, losing_round_trips_hold_new_risk_for_the_cooldown) {
  open_core(13);
  fv_conf(&fv, "risk.loss_streak", 2);
  fv_conf(&fv, "risk.loss_cooldown_ms", 60000);
  start(2 * SECOND);
  tg_core_guards_on_trip(fv.core, 0, 5);
  fv.core->out = &(tg_msg_batch_t){.msg = fv.out_mem, .cnt = 0, .cap = 512};
  tg_core_guards_on_trip(fv.core, 0, -5);
  cr_assert_not(probe() & B(LOSS_STREAK));
  tg_core_guards_on_trip(fv.core, 0, -5);
  cr_assert(probe() & B(LOSS_STREAK));
  cr_assert_eq(fv.core->out->cnt, 1u);
  cr_assert_eq(fv.core->out->msg[0].u.out_alarm.what, TG_ALARM_LOSS_STREAK);
  tg_core_guards_on_trip(fv.core, 0, 0);
  cr_assert_not(probe() & B(LOSS_STREAK));
  fv.core->out = NULL;
  fv_close(&fv);
}

/* ---- decision ---- */

Test(guards, an_enforced_decision_must_be_today_s) {
  open_core(14);
  fv_conf(&fv, "risk.decision_enforced", 1);
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.place_cnt, 0u);
  cr_assert(probe() & B(DECISION));
  tg_msg_t msg;
  tg_msg_init(&msg, TG_DECISION, TG_INSTR_NONE, fv.now_ns);
  msg.u.decision = (tg_decision_t){.day_no = G.day.day_no, .verdict = 1, .valid = 1};
  fv_feed(&fv, &msg);
  cr_assert_not(probe() & B(DECISION));
  fv_run(&fv, SECOND);
  cr_assert_gt(fv.place_cnt, 0u);
  msg.u.decision.verdict = 2;
  msg.ts_ns = fv.now_ns;
  fv_feed(&fv, &msg);
  cr_assert(probe() & B(DECISION));
  fv_close(&fv);
}

/* ---- limits ---- */

static int64_t told_limit(unsigned limit) {
  for (unsigned i = 0; i < TG_GUARDS_LIMITS_LINES; i++) {
    if (limits_line[i].first <= limit && limit < (unsigned)limits_line[i].first + limits_line[i].cnt)
      return limits_line[i].value[limit - limits_line[i].first];
  }
  return -1;
}

Test(guards, limits_in_force_are_told_with_their_version) {
  open_core(15);
  limits_cnt = 0;
  start(SECOND);
  cr_assert_eq(limits_cnt, TG_GUARDS_LIMITS_LINES, "once for one instrument");
  cr_assert_eq(limits_line[0].version, fv.core->limits_version);
  for (unsigned i = 0; i < TG_LIMIT_CNT; i++) cr_assert_eq(told_limit(i), tg_limit_value(&fv.core->instr[0].limits, i));
  uint32_t version = fv.core->limits_version;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, fv.now_ns);
  fv_feed(&fv, &msg);
  cr_assert_eq(fv.core->limits_version, version + 1);
  fv_close(&fv);
}

Test(guards, the_limit_verb_takes_what_came_before_it_and_only_the_risk_role_loosens) {
  open_core(16);
  start(SECOND);
  int64_t before = fv.core->instr[0].limits.max_position_lots;
  uint32_t version = fv.core->limits_version;
  fv_conf(&fv, "risk.max_position", TG_E8 / 10);
  cr_assert_eq(fv.core->instr[0].limits.max_position_lots, before, "not before the verb");
  fv_cmd(&fv, TG_VERB_LIMIT, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_DONE);
  cr_assert_eq(fv.core->instr[0].limits.max_position_lots, 100);
  cr_assert_eq(fv.core->limits_version, version + 1);
  fv_conf(&fv, "risk.max_position", TG_E8);
  fv_cmd(&fv, TG_VERB_LIMIT, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED);
  cr_assert_eq(fv.core->instr[0].limits.max_position_lots, 100);
  cr_assert_eq(fv.core->conf.risk_max_position, TG_E8 / 10, "and the setting went back");
  fv_conf(&fv, "risk.max_position", TG_E8);
  fv_cmd(&fv, TG_VERB_LIMIT, TG_ROLE_RISK);
  cr_assert_eq(fv.core->instr[0].limits.max_position_lots, 1000);
  cr_assert_eq(told_limit(TG_LIMIT_POSITION), 1000);
  fv_close(&fv);
}

Test(guards, a_narrower_scope_reaches_the_gates_and_the_view) {
  open_core(17);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SET, 0, fv.now_ns);
  msg.u.cfg_set =
      (tg_cfg_set_t){.key_hash = tg_conf_key_hash("risk.max_position"), .scope = TG_SCOPE_INSTRUMENT, .value = TG_E8 / 1000};
  fv_feed(&fv, &msg);
  msg.u.cfg_set = (tg_cfg_set_t){.key_hash = tg_conf_key_hash("risk.rate_per_s"), .scope = TG_SCOPE_ACCOUNT, .value = 7};
  fv_feed(&fv, &msg);
  msg.u.cfg_set = (tg_cfg_set_t){.key_hash = tg_conf_key_hash("fsm.cooldown_ms"), .scope = TG_SCOPE_ACCOUNT, .value = 7};
  uint64_t unknown = tg_core_stats(fv.core)->unknown_key_cnt;
  fv_feed(&fv, &msg);
  cr_assert_eq(tg_core_stats(fv.core)->unknown_key_cnt, unknown + 1);
  start(3 * SECOND);
  cr_assert_eq(fv.core->rate.cfg.per_s, 7);
  tg_view_gates_t view;
  tg_core_view_gates(fv.core, 0, &view);
  cr_assert_eq(view.limit[TG_LIMIT_POSITION], 1);
  cr_assert_eq(view.scope[TG_LIMIT_POSITION], TG_SCOPE_INSTRUMENT);
  cr_assert_eq(view.scope[TG_LIMIT_RATE_S], TG_SCOPE_ACCOUNT);
  cr_assert_eq(view.scope[TG_LIMIT_GROSS], TG_SCOPE_ENGINE);
  cr_assert_gt(bit_cnt(TG_GATE_POSITION), 0u);
  fv_close(&fv);
}

/* ---- what is told ---- */

Test(guards, a_passing_decision_carries_its_inputs_and_a_blocked_one_when_its_reason_changed) {
  open_core(18);
  gates_cnt = decided_cnt = 0;
  start(3 * SECOND);
  cr_assert_gt(decided_cnt, 0u);
  cr_assert_eq(gates_cnt, decided_cnt * TG_EXPLAIN_PARTS, "never without their decision");
  cr_assert_eq(decided.gate_mask, 0u);
  cr_assert_eq(gates_line[0].client_id, decided.client_id);
  cr_assert_eq(gates_line[0].limits_version, fv.core->limits_version);
  cr_assert_gt(gates_line[TG_EXPLAIN_BID / 4].value[TG_EXPLAIN_BID % 4], 0);
  cr_assert_gt(gates_line[TG_EXPLAIN_TICKET_QTY / 4].value[TG_EXPLAIN_TICKET_QTY % 4], 0);
  int64_t states = gates_line[TG_EXPLAIN_STATES / 4].value[TG_EXPLAIN_STATES % 4];
  cr_assert_eq(states >> TG_EXPLAIN_STATE_BOOK & 15, TG_BOOK_LIVE);
  cr_assert_eq(states >> TG_EXPLAIN_STATE_APPROVED & 1, 1);
  uint32_t before = decided_cnt;
  fv_cmd(&fv, TG_VERB_DEGRADE, TG_ROLE_OPERATOR);
  cr_assert_gt(decided_cnt, before);
  cr_assert_eq(decided.gate, TG_GATE_ALLOWED);
  uint32_t told = decided_cnt;
  fv_run(&fv, SECOND);
  cr_assert_leq(decided_cnt, told + 8, "not again and again");
  cr_assert_eq(gates_cnt, decided_cnt * TG_EXPLAIN_PARTS);
  fv_close(&fv);
}

static void instr_cmd(tg_verb_t verb, tg_role_t role) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, 0, fv.now_ns);
  msg.u.cmd.verb = (uint8_t)verb;
  msg.u.cmd.role = (uint8_t)role;
  fv_feed(&fv, &msg);
}

Test(guards, an_instrument_is_restricted_by_the_operator_and_put_on_again_by_the_risk_role) {
  open_core(21);
  start(3 * SECOND);
  cr_assert_eq(probe() & B(ALLOWED), 0u);
  instr_cmd(TG_VERB_INSTR_OFF, TG_ROLE_OPERATOR);
  cr_assert(probe() & B(ALLOWED));
  instr_cmd(TG_VERB_INSTR_ON, TG_ROLE_OPERATOR);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_REFUSED);
  instr_cmd(TG_VERB_INSTR_ON, TG_ROLE_RISK);
  cr_assert_eq(last_alarm.what, TG_ALARM_CMD_DONE);
  cr_assert_eq(probe() & B(ALLOWED), 0u);
  fv_close(&fv);
}

Test(guards, the_inputs_are_those_before_the_commit) {
  open_core(19);
  gates_cnt = decided_cnt = 0;
  fv_start(&fv);
  for (int i = 0; i < 4000 && decided_cnt == 0; i++) fv_run(&fv, SECOND / 1000);
  cr_assert_gt(decided_cnt, 0u);
  cr_assert_lt(gates_line[TG_EXPLAIN_OPEN_ORDERS / 4].value[TG_EXPLAIN_OPEN_ORDERS % 4], (int64_t)fv.core->orders.open_cnt,
               "the order itself is not among them yet");
  fv_close(&fv);
}

Test(guards, the_view_shows_limit_use_and_counts) {
  open_core(20);
  fv.stride = 60;
  start(10 * SECOND);
  static tg_core_shared_t shared;
  tg_core_publish(fv.core, &shared);
  tg_view_gates_t gates;
  tg_view_guards_t guards;
  cr_assert_eq(tg_view_read_gates(&shared, 0, &gates), 0);
  cr_assert_eq(tg_view_read_guards(&shared, &guards), 0);
  cr_assert_eq(tg_view_read_gates(&shared, TG_INSTR_MAX, &gates), -TG_EINVAL);
  const tg_exposure_instr_t *one = &fv.core->exposure.instr[0];
  int64_t worst =
      tg_exposure_worst_long(one) > tg_exposure_worst_short(one) ? tg_exposure_worst_long(one) : tg_exposure_worst_short(one);
  cr_assert_eq(gates.use[TG_LIMIT_POSITION], worst);
  cr_assert_eq(gates.limit[TG_LIMIT_POSITION], 500);
  cr_assert_eq(gates.use[TG_LIMIT_OPEN_ORDERS], fv.core->orders.open_cnt);
  cr_assert_eq(gates.use[TG_LIMIT_ORDER_QTY], TG_VIEW_USE_NONE);
  cr_assert_eq(gates.use[TG_LIMIT_GROSS], tg_exposure_gross_e8(&fv.core->exposure));
  cr_assert_eq(gates.pass_cnt, tg_core_stats(fv.core)->gate.passed_cnt, "one instrument: all of it");
  cr_assert_eq(guards.pass_cnt, gates.pass_cnt);
  cr_assert_eq(guards.limits_version, fv.core->limits_version);
  cr_assert_eq(guards.day_entry_cnt, (uint64_t)G.day.entry_cnt);
  cr_assert_eq(guards.circuit_state, TG_CIRCUIT_CLOSED);
  fv_close(&fv);
}

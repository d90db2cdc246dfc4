/* Intents in the core: every order has one, held and filled are exact under every outcome, a person is waited for. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_venue.h"
#include "tests/note.h"

#define SECOND UINT64_C(1000000000)
#define INTENTS 8192
#define CLIENTS 65536

static fv_t fv;

/* What the outputs alone say. */
static struct {
  uint32_t parent[CLIENTS];  /* by the client id's counter: counter of the intent */
  int64_t executed[INTENTS]; /* sum of OUT_FILL of its children */
  tg_out_intent_t told[INTENTS];
  uint32_t child_cnt[INTENTS];
  uint32_t opened, moved;
  uint32_t state_cnt[TG_TICKET_CNT];
  bool exact;  /* no execution is absorbed by an adopted position in this run */
  bool beyond; /* orders come back after their quantity was given to others */
} seen;

static bool may(uint8_t from, uint8_t to) {
  switch (from) {
    case TG_TICKET_NONE:
      return to == TG_TICKET_NEW || to == TG_TICKET_APPROVED;
    case TG_TICKET_NEW:
      return to == TG_TICKET_APPROVED || to == TG_TICKET_REJECTED || to == TG_TICKET_EXPIRED;
    case TG_TICKET_APPROVED:
      return to == TG_TICKET_EXECUTING || to == TG_TICKET_EXPIRED;
    case TG_TICKET_EXECUTING:
      return to == TG_TICKET_EXECUTED || to == TG_TICKET_EXPIRED;
    default:
      return false;
  }
}

static void on_intent(const tg_out_intent_t *told) {
  uint32_t no = (uint32_t)told->intent_id;
  cr_assert(no > 0 && no < INTENTS);
  cr_assert_eq(told->intent_id >> 32, 7u, "the run's epoch");
  tg_out_intent_t *was = &seen.told[no];
  if (told->state != was->state) {
    cr_assert(may(was->state, told->state), "intent %u from %s to %s", no, tg_ticket_state_name(was->state),
              tg_ticket_state_name(told->state));
    seen.state_cnt[told->state]++;
    seen.opened += was->state == TG_TICKET_NONE;
  }
  cr_assert_geq(told->filled_lots, was->filled_lots);
  if (!(told->bits & TG_TICKET_BIT_REDUCE) && !seen.beyond) cr_assert_leq(told->filled_lots, told->qty_lots, "intent %u", no);
  *was = *told;
}

static void on_child(const tg_out_child_t *told) {
  uint32_t no = (uint32_t)told->intent_id, order = (uint32_t)told->client_id;
  cr_assert(no > 0 && no < INTENTS && order < CLIENTS);
  cr_assert_eq(seen.told[no].state, TG_TICKET_EXECUTING, "children of executing intents only");
  cr_assert_eq(seen.told[no].side, told->side);
  cr_assert_leq(told->held_lots + told->filled_lots, seen.told[no].qty_lots);
  seen.moved += seen.parent[order] != 0;
  seen.parent[order] = no;
  seen.child_cnt[no]++;
}

static void watch(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  tg_core_check(v->core); /* held of every intent is the sum of its children's reserves */
  uint64_t placed = 0;
  for (uint32_t i = 0; i < out->cnt; i++) {
    const tg_msg_t *msg = &out->msg[i];
    if (msg->kind == TG_OUT_INTENT) on_intent(&msg->u.out_intent);
    if (msg->kind == TG_OUT_CHILD) on_child(&msg->u.out_child);
    if (msg->kind == TG_OUT_PLACE) {
      placed = msg->u.out_place.client_id;
      cr_assert_neq(seen.parent[(uint32_t)placed], 0, "an order without an intent");
    }
    if (msg->kind == TG_OUT_FILL && !(msg->flags & TG_F_SECOND)) {
      uint32_t no = seen.parent[(uint32_t)msg->u.out_fill.client_id % CLIENTS];
      seen.executed[no] += msg->u.out_fill.qty_lots;
    }
  }
  for (uint32_t no = 1; no <= v->core->tickets.seq; no++) {
    if (seen.exact) cr_assert_eq(seen.told[no].filled_lots, seen.executed[no], "intent %u", no);
    if (!seen.exact) cr_assert_geq(seen.told[no].filled_lots, seen.executed[no], "intent %u", no);
  }
  for (unsigned s = 0; s < 4; s++) {
    const tg_ticket_t *t = &v->core->instr[0].ticket[s >> 1][s & 1u].t;
    cr_assert_geq(t->held_lots, 0);
    if (t->id != 0 && !seen.beyond) cr_assert_leq(t->held_lots + t->filled_lots, t->qty_lots);
  }
}

static void begin(uint64_t seed, const fv_faults_t *faults, int64_t qty_milli, int64_t life_s, bool exact) {
  memset(&seen, 0, sizeof seen);
  seen.exact = exact;
  fv_open(&fv, seed, faults, 0);
  fv.after_step = watch;
  fv_conf(&fv, "intent.qty", qty_milli * (TG_E8 / 1000));
  fv_conf(&fv, "intent.life_s", life_s);
}

static void finish(void) {
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  for (unsigned i = 0; i < 600 && !tg_core_stopped(fv.core); i++) fv_run(&fv, SECOND / 10);
  cr_assert(tg_core_stopped(fv.core));
  for (unsigned s = 0; s < 4; s++) cr_assert_eq(fv.core->instr[0].ticket[s >> 1][s & 1u].t.held_lots, 0);
  for (uint32_t i = 0; i < TG_TICKETS_PAST; i++) cr_assert_eq(fv.core->tickets.past[i].t.held_lots, 0);
  int64_t executed = 0;
  for (uint32_t no = 1; no < INTENTS; no++) executed += seen.executed[no];
  cr_assert_eq(executed, fv.bought + fv.sold, "every execution is of one intent");
}

Test(tickets, held_and_filled_are_exact_with_a_calm_venue) {
  begin(1, NULL, 12, 86400, true);
  fv_start(&fv);
  fv_run(&fv, 30 * SECOND);
  finish();
  cr_assert_gt(seen.opened, 4u);
  cr_assert_gt(seen.state_cnt[TG_TICKET_EXECUTED], 1u, "used up and followed by another");
  cr_assert_gt(fv.fill_cnt, 10u);
  bool child = false;
  for (uint32_t no = 1; no < INTENTS; no++) child = child || (uint32_t)seen.told[no].parent_id != 0;
  cr_assert(child, "the next one names the one before");
  fv_close(&fv);
}

Test(tickets, held_and_filled_are_exact_whatever_becomes_of_orders) {
  static const fv_faults_t faults = {.reply_lost = 60,
                                     .request_lost = 40,
                                     .unknown = 60,
                                     .repeat = 80,
                                     .lite = 500,
                                     .forget = 80,
                                     .cancel_by_venue = 3,
                                     .delay_us_max = 30000};
  uint64_t opened = 0, executed = 0, moved = 0, reopened = 0, steps = 0;
  for (uint64_t seed = 300; seed < 324; seed++) {
    begin(seed, &faults, 8 + (int64_t)(seed % 5) * 4, seed % 3 ? 86400 : 2, false);
    fv_start(&fv);
    fv_run(&fv, 12 * SECOND);
    finish();
    opened += seen.opened;
    executed += seen.state_cnt[TG_TICKET_EXECUTED];
    moved += seen.moved;
    reopened += tg_core_stats(fv.core)->reopen_cnt;
    steps += tg_core_stats(fv.core)->msg_cnt;
    cr_assert_eq(fv.core->tickets.lost_cnt, 0u);
    fv_close(&fv);
  }
  tg_note("%lu steps: %lu intents opened, %lu executed, %lu orders moved to another, %lu reopened", steps, opened, executed,
          moved, reopened);
  cr_assert_gt(opened, 100u);
  cr_assert_gt(executed, 20u);
}

Test(tickets, time_over_cancels_its_orders_and_opens_another) {
  begin(5, NULL, 50000, 1, true);
  fv.stride = 4;
  fv_start(&fv);
  fv_run(&fv, 10 * SECOND);
  cr_assert_gt(seen.state_cnt[TG_TICKET_EXPIRED], 4u);
  cr_assert_gt(seen.opened, 8u);
  finish();
  fv_close(&fv);
}

/* ---- a person's word ---- */

static int64_t refused_with;
static bool answered;

static void watch_answer(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  watch(v, in, out);
  for (uint32_t i = 0; i < out->cnt; i++) {
    const tg_out_alarm_t *alarm = &out->msg[i].u.out_alarm;
    if (out->msg[i].kind != TG_OUT_ALARM || (alarm->what != TG_ALARM_CMD_DONE && alarm->what != TG_ALARM_CMD_REFUSED)) continue;
    answered = true;
    refused_with = alarm->what == TG_ALARM_CMD_DONE ? 0 : alarm->venue;
  }
}

static int64_t decide(tg_verb_t verb, tg_role_t role, uint64_t id, uint64_t until_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, fv.now_ns);
  msg.u.cmd.verb = (uint8_t)verb;
  msg.u.cmd.role = (uint8_t)role;
  msg.u.cmd.arg[0] = (int64_t)id;
  msg.u.cmd.arg[1] = (int64_t)until_ns;
  answered = false;
  fv_feed(&fv, &msg);
  cr_assert(answered);
  return refused_with;
}

static const tg_ticket_t *ticket(tg_side_t side) {
  return &fv.core->instr[0].ticket[side][0].t;
}

static void begin_manual(uint64_t seed) {
  begin(seed, NULL, 50000, 86400, true);
  fv.after_step = watch_answer;
  fv_conf(&fv, "intent.approval", 1);
  fv_start(&fv);
  fv_run(&fv, 5 * SECOND);
  cr_assert_eq(fv.place_cnt, 0u, "nothing leaves that increases risk");
  cr_assert_eq(seen.opened, 2u, "one waits on each side, however often it is wanted");
  cr_assert_eq(ticket(TG_BUY)->state, TG_TICKET_NEW);
  cr_assert_eq(ticket(TG_SELL)->state, TG_TICKET_NEW);
  cr_assert_gt(tg_core_stats(fv.core)->gate.reason_cnt[TG_REASON_NOT_APPROVED], 0u);
}

Test(tickets, manual_approval_lets_one_side_trade) {
  begin_manual(8);
  uint64_t id = ticket(TG_BUY)->id;
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_OPERATOR, id, 0), TG_EPERM, "the risk role approves");
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id + 100, 0), TG_ENOTFOUND);
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id, fv.now_ns), TG_ESTALE);
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id, 0), 0);
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id, 0), TG_ECONFLICT, "once");
  fv_run(&fv, 5 * SECOND);
  cr_assert_gt(fv.place_cnt, 0u);
  cr_assert_gt(seen.child_cnt[(uint32_t)id], 0u);
  cr_assert_eq(ticket(TG_BUY)->state, TG_TICKET_EXECUTING);
  cr_assert_eq(ticket(TG_SELL)->state, TG_TICKET_NEW, "the other side still waits");
  for (uint32_t i = 0; i < fv.order_cnt; i++) {
    uint32_t no = seen.parent[(uint32_t)fv.order[i].client_id];
    cr_assert(no == (uint32_t)id || (seen.told[no].bits & TG_TICKET_BIT_REDUCE), "what was sold only reduced");
  }
  finish();
  fv_close(&fv);
}

Test(tickets, a_rejected_one_holds_its_side_until_its_time_is_over) {
  begin_manual(9);
  uint64_t id = ticket(TG_BUY)->id;
  cr_assert_eq(decide(TG_VERB_REJECT, TG_ROLE_OPERATOR, id, fv.now_ns + 3 * SECOND), 0);
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id, 0), TG_ECONFLICT, "a rejected one is not approved");
  fv_run(&fv, 2 * SECOND);
  cr_assert_eq(seen.opened, 2u);
  cr_assert_eq(ticket(TG_BUY)->id, id);
  fv_run(&fv, 3 * SECOND);
  cr_assert_neq(ticket(TG_BUY)->id, id);
  cr_assert_eq(ticket(TG_BUY)->state, TG_TICKET_NEW, "asked again");
  cr_assert_eq(ticket(TG_BUY)->parent_id, id);
  cr_assert_eq(fv.place_cnt, 0u);
  finish();
  fv_close(&fv);
}

Test(tickets, an_approval_that_expires_takes_its_orders_back) {
  begin_manual(10);
  fv.stride = 4;
  uint64_t id = ticket(TG_BUY)->id;
  cr_assert_eq(decide(TG_VERB_APPROVE, TG_ROLE_RISK, id, fv.now_ns + 3 * SECOND), 0);
  fv_run(&fv, 2 * SECOND);
  cr_assert_gt(fv_open_orders(&fv), 0u);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv_open_orders(&fv), 0u);
  cr_assert_eq(seen.told[(uint32_t)id].state, TG_TICKET_EXPIRED);
  cr_assert_eq(ticket(TG_BUY)->state, TG_TICKET_NEW);
  finish();
  fv_close(&fv);
}

Test(tickets, the_degrade_policy_asks_a_person_and_ends_by_itself) {
  begin(11, NULL, 50000, 86400, true);
  fv.after_step = watch_answer;
  fv_start(&fv);
  fv_run(&fv, 4 * SECOND);
  cr_assert_gt(fv.place_cnt, 0u);
  fv.core->degrade_manual = fv.core->snap.manual = 1; /* as guards.c does */
  uint64_t since_ns = fv.now_ns + SECOND / 20;        /* what was under way arrives */
  const tg_core_stats_t *stats = tg_core_stats(fv.core);
  for (unsigned i = 0; i < 40 && ticket(TG_BUY)->state != TG_TICKET_NEW && ticket(TG_SELL)->state != TG_TICKET_NEW; i++)
    fv_run(&fv, SECOND / 4);
  uint64_t waiting = ticket(TG_BUY)->state == TG_TICKET_NEW ? ticket(TG_BUY)->id : ticket(TG_SELL)->id;
  cr_assert_eq(seen.told[(uint32_t)waiting].state, TG_TICKET_NEW);
  cr_assert(seen.told[(uint32_t)waiting].bits & TG_TICKET_BIT_MANUAL);
  cr_assert_gt(stats->gate.reason_cnt[TG_REASON_NOT_APPROVED], 0u);
  for (uint32_t i = 0; i < fv.order_cnt; i++) {
    uint32_t no = seen.parent[(uint32_t)fv.order[i].client_id];
    if (fv.order[i].made_ns > since_ns) cr_assert(seen.told[no].bits & TG_TICKET_BIT_REDUCE);
  }
  fv.core->degrade_manual = fv.core->snap.manual = 0;
  uint64_t placed = fv.place_cnt;
  fv_run(&fv, 3 * SECOND);
  cr_assert_gt(fv.place_cnt, placed, "trades again without a person");
  finish();
  fv_close(&fv);
}

/* A refusal that was not one: the order is back after its intent has let it go, or is over itself. */
Test(tickets, a_refused_order_that_lives_is_held_again) {
  static const fv_faults_t faults = {.delay_us_max = 400000};
  begin(12, &faults, 12, 1, false);
  seen.beyond = true;
  fv_conf(&fv, "order.answer_timeout_ms", 5000);
  fv_start(&fv);
  unsigned lied = 0, former = 0;
  for (unsigned i = 0; i < 3000; i++) {
    fv_run(&fv, SECOND / 200);
    for (uint32_t idx = fv.core->orders.open_head; idx != TG_ORDER_NIL; idx = fv.core->orders.order[idx].next) {
      const tg_order_t *o = &fv.core->orders.order[idx];
      if (o->state != TG_ORD_SENT || o->client_id % 3 != 0) continue;
      tg_msg_t msg;
      tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
      msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                         .venue_code = -2010,
                                         .http_status = 400,
                                         .request = TG_REQUEST_PLACE,
                                         .outcome = TG_OUTCOME_REFUSED};
      fv_feed(&fv, &msg);
      lied++;
      break;
    }
    for (uint32_t p = 0; p < TG_TICKETS_PAST; p++) former += fv.core->tickets.past[p].t.held_lots > 0;
  }
  finish();
  tg_note("%u refusals that were none, %lu reopened, %u steps with a former intent that holds", lied,
          tg_core_stats(fv.core)->reopen_cnt, former);
  cr_assert_gt(tg_core_stats(fv.core)->reopen_cnt, 10u);
  cr_assert_gt(former, 0u);
  fv_close(&fv);
}

#include "engine/core/core_state.h"

#define CODE_NO_SUCH_ORDER_QUERY (-2013)
#define CODE_NO_SUCH_ORDER (-2011)

bool tg_core_room(const tg_core_t *core, uint32_t n) {
  return core->out->cap - core->out->cnt >= n;
}

static uint64_t gates(tg_core_t *core, tg_core_instr_t *instr, const tg_order_req_t *req, uint32_t *subs) {
  core->snap.instr = &instr->gate;
  core->snap.filters = &instr->filters;
  *subs = 0;
  tg_core_guards_before(core, instr);
  uint64_t mask = tg_gate_mask(req, &instr->limits, &core->snap, subs);
  tg_gate_count(&core->stats.gate, mask, *subs);
  tg_gate_count(&instr->gate_stat, mask, *subs);
  if (mask == 0 && req->action != TG_REQUEST_CANCEL) tg_core_guards_passed(core, req);
  if (mask & TG_GATE_BIT(FSM)) tg_fsm_note_blocked(&core->fsm, (tg_intent_t)req->intent);
  return mask;
}

static void send_line(tg_core_t *core, tg_msg_kind_t kind, const tg_order_t *o, int64_t px_ticks, int64_t qty_lots) {
  tg_out_order_t *line = &tg_core_emit(core, kind, o->instr_idx)->u.out_place;
  line->client_id = o->client_id;
  line->order_id = o->order_id;
  line->px_ticks = px_ticks;
  line->qty_lots = qty_lots;
  line->origin_ns = core->origin_ns;
  line->side = o->side;
  line->tif = o->tif;
  line->order_flags = o->order_flags;
  line->type = o->type;
  line->request_no = ++core->request_seq;
}

static uint64_t next_client_id(tg_core_t *core) {
  uint64_t mode = (uint64_t)(core->conf.engine_mode + 1) & 15u;
  return mode << 60 | (uint64_t)(core->epoch & 0xFFFFFu) << 40 | ((uint64_t)core->conf.engine_strategy_id & 0xFFu) << 32 |
         (core->order_seq + 1);
}

/* The order exists from here on; its exposure, rate and slots are taken in the same breath. */
static void commit_place(tg_core_t *core, const tg_core_place_t *place, tg_order_t *o) {
  const tg_route_order_t *want = &place->order;
  o->px_ticks = want->px_ticks;
  o->qty_lots = want->qty_lots;
  o->side = want->side;
  o->type = want->type;
  o->tif = want->tif;
  o->order_flags = want->order_flags;
  o->level = place->level;
  o->reason = place->why;
  o->origin_ns = core->origin_ns;
  int err = tg_exposure_reserve(&core->exposure, &o->reserve, o->instr_idx, (tg_side_t)o->side, o->qty_lots);
  TG_ASSERT(err == 0); /* the gates checked quantity, side and sums */
  tg_dup_on_send(&core->dup, o->client_id, tg_dup_key(o->instr_idx, o->side, o->px_ticks, o->qty_lots), core->now_ns);
  tg_rate_on_send(&core->rate, TG_REQUEST_PLACE);
  tg_ord_ev_t ev = {.now_ns = core->now_ns, .event = TG_OEV_SEND};
  tg_order_apply(o, &ev);
  core->snap.in_flight_cnt++;
  core->snap.open_cnt = core->orders.open_cnt;
  tg_gate_instr_t *gate = &place->instr->gate;
  gate->open_cnt++;
  if (o->side == TG_BUY) {
    if (o->px_ticks > gate->own_bid_px_ticks) gate->own_bid_px_ticks = o->px_ticks;
  } else if (o->px_ticks < gate->own_ask_px_ticks) {
    gate->own_ask_px_ticks = o->px_ticks;
  }
}

uint64_t tg_core_place(tg_core_t *core, const tg_core_place_t *place, uint32_t *subs) {
  tg_core_instr_t *instr = place->instr;
  const tg_route_order_t *want = &place->order;
  tg_order_req_t req = {.client_id = next_client_id(core),
                        .px_ticks = want->px_ticks,
                        .qty_lots = want->qty_lots,
                        .rem_lots = want->qty_lots,
                        .instr_idx = instr->idx,
                        .action = TG_REQUEST_PLACE,
                        .intent = place->intent,
                        .side = want->side,
                        .type = want->type,
                        .order_flags = want->order_flags,
                        .stop_bps = want->stop_bps};
  core->snap.ticket = tg_tickets_for_place(core, instr, want->side, place->intent, want->qty_lots, place->why);
  uint64_t mask = gates(core, instr, &req, subs);
  if (mask != 0) return mask;
  tg_order_t *o = tg_order_new(&core->orders, req.client_id, instr->idx, core->now_ns);
  if (o == NULL) {
    core->stats.table_full_cnt++;
    tg_core_tell_alarm(core, TG_ALARM_ORDER_TABLE_FULL, instr->idx, req.client_id, core->orders.cap, 0);
    return TG_GATE_BIT(OPEN_ORDERS);
  }
  core->order_seq++;
  commit_place(core, place, o);
  tg_core_guards_on_send(core, &req);
  if (place->level < TG_CORE_LEVELS) {
    instr->level[place->level].order_idx = tg_order_idx(&core->orders, o);
    tg_core_level_view(core, instr, place->level);
  }
  core->stats.placed_cnt++;
  core->actions_left--;
  tg_tickets_on_place(core, o, place->intent);
  send_line(core, TG_OUT_PLACE, o, o->px_ticks, o->qty_lots);
  tg_core_tell_order(core, o);
  return 0;
}

uint64_t tg_core_amend(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o, const tg_route_order_t *to, uint8_t intent,
                       uint32_t *subs) {
  tg_order_req_t req = {.client_id = o->client_id,
                        .px_ticks = to->px_ticks,
                        .qty_lots = to->qty_lots,
                        .rem_lots = to->qty_lots - o->cum_lots,
                        .held_lots = o->reserve.held_lots,
                        .instr_idx = instr->idx,
                        .action = TG_REQUEST_AMEND,
                        .intent = intent,
                        .side = o->side,
                        .type = o->type,
                        .order_flags = o->order_flags,
                        .stop_bps = to->stop_bps};
  core->snap.ticket = tg_tickets_for_amend(core, instr, o, intent, req.rem_lots);
  uint64_t mask = gates(core, instr, &req, subs);
  if (mask != 0) return mask;
  int err = tg_exposure_amend(&core->exposure, &o->reserve, req.rem_lots);
  TG_ASSERT(err == 0);
  tg_rate_on_send(&core->rate, TG_REQUEST_AMEND);
  tg_core_guards_on_send(core, &req);
  o->origin_ns = core->origin_ns;
  tg_ord_ev_t ev = {.now_ns = core->now_ns, .px_ticks = to->px_ticks, .qty_lots = to->qty_lots, .event = TG_OEV_SEND_AMEND};
  tg_order_apply(o, &ev);
  core->snap.in_flight_cnt++;
  tg_core_own_best(core, instr);
  if (o->level < TG_CORE_LEVELS) tg_core_level_view(core, instr, o->level);
  core->stats.amended_cnt++;
  core->actions_left--;
  tg_tickets_on_amend(core, o, intent);
  send_line(core, TG_OUT_AMEND, o, to->px_ticks, to->qty_lots);
  tg_core_tell_order(core, o);
  return 0;
}

uint64_t tg_core_cancel(tg_core_t *core, tg_order_t *o, uint32_t *subs) {
  tg_core_instr_t *instr = &core->instr[o->instr_idx];
  tg_order_req_t req = {.client_id = o->client_id,
                        .px_ticks = o->px_ticks,
                        .qty_lots = o->qty_lots,
                        .rem_lots = tg_order_leaves(o),
                        .held_lots = o->reserve.held_lots,
                        .instr_idx = o->instr_idx,
                        .action = TG_REQUEST_CANCEL,
                        .intent = TG_INTENT_CANCEL,
                        .side = o->side,
                        .type = o->type,
                        .order_flags = o->order_flags};
  *subs = 0;
  /* gates.md: CANCEL passes the rate gate even when our own caps are used up; only the venue's wish for silence (429, 418)
   * holds it */
  if (tg_rate_paused(&core->rate, core->now_ns)) return TG_GATE_BIT(RATE);
  core->snap.ticket = &core->tickets.none; /* no gate asks a cancel for its intent */
  uint64_t mask = gates(core, instr, &req, subs);
  if (mask != 0) return mask;
  tg_rate_on_send(&core->rate, TG_REQUEST_CANCEL);
  bool was_unknown = tg_order_is_unknown(o);
  tg_ord_ev_t ev = {.now_ns = core->now_ns, .event = TG_OEV_SEND_CANCEL};
  o->origin_ns = core->origin_ns;
  tg_ord_out_t out = tg_order_apply(o, &ev);
  TG_ASSERT(!out.hole);
  core->unknown_cnt -= was_unknown;
  core->snap.in_flight_cnt++;
  if (o->level < TG_CORE_LEVELS) tg_core_level_view(core, instr, o->level);
  core->stats.cancelled_cnt++;
  if (core->actions_left > 0) core->actions_left--;
  send_line(core, TG_OUT_CANCEL, o, o->px_ticks, o->qty_lots);
  tg_core_tell_order(core, o);
  return 0;
}

bool tg_core_query(tg_core_t *core, tg_order_t *o) {
  if (o->query_open || o->request != TG_REQUEST_NONE || !core->snap.mode_sends || !core->snap.submit) return false;
  if (tg_rate_left(&core->rate, TG_INTENT_CANCEL, core->now_ns) <= 0 || !tg_core_room(core, TG_CORE_ROOM)) return false;
  tg_rate_on_send(&core->rate, TG_REQUEST_QUERY);
  o->query_open = 1;
  o->query_want = 0;
  o->ask_cnt++;
  o->query_ns = core->now_ns;
  core->snap.in_flight_cnt++;
  core->stats.queried_cnt++;
  send_line(core, TG_OUT_QUERY, o, o->px_ticks, o->qty_lots);
  return true;
}

void tg_core_ask_sync(tg_core_t *core, uint8_t reason, bool urgent) {
  if (!urgent && core->sync_asked_ns != 0 && core->now_ns - core->sync_asked_ns < (uint64_t)TG_NS_PER_S) return;
  core->sync_asked_ns = core->now_ns;
  tg_out_ask_t *ask = &tg_core_emit(core, TG_OUT_SYNC, TG_INSTR_NONE)->u.out_sync;
  ask->request_no = ++core->ask_seq;
  ask->reason = reason;
}

void tg_core_ask_snapshot(tg_core_t *core, uint16_t instr_idx) {
  tg_out_ask_t *ask = &tg_core_emit(core, TG_OUT_SNAPSHOT, instr_idx)->u.out_snapshot;
  ask->request_no = ++core->ask_seq;
}

/* May this order be told to go now? Not while a request is unanswered; an unknown one again and again, at leisure. */
static bool cancel_now(const tg_core_t *core, const tg_order_t *o) {
  if (tg_core_order_passing(core, o)) return false;
  if (o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL) return true;
  if (!tg_order_is_unknown(o) || o->query_open) return false;
  /* the venue said that it does not know it: the question goes first, or cancels eat the budget that the proof needs */
  bool denied = o->venue_code == CODE_NO_SUCH_ORDER || o->venue_code == CODE_NO_SUCH_ORDER_QUERY;
  if (denied && o->query_ns < o->moved_ns) return false;
  return core->now_ns - o->moved_ns >= (uint64_t)core->conf.order_query_retry_ms * (uint64_t)TG_NS_PER_MS;
}

/* The cold path's hammer: at the start for every instrument, then each second where something of ours is still open. */
static void cancel_all_lines(tg_core_t *core) {
  bool first = core->cancel_all_ns == 0;
  if (!core->snap.kill_latched && core->fsm.state != TG_FSM_EMERGENCY) return; /* a calm end needs none */
  if (!first && core->now_ns - core->cancel_all_ns < (uint64_t)TG_NS_PER_S) return;
  core->cancel_all_ns = core->now_ns;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    bool due = first || instr->gate.open_cnt > 0 || instr->orphan_cnt > 0;
    if (!instr->known || !due || !tg_core_room(core, TG_CORE_ROOM_KEPT)) continue;
    tg_core_emit(core, TG_OUT_CANCEL_ALL, i)->u.out_cancel_all.request_no = ++core->request_seq;
  }
}

void tg_core_sweep(tg_core_t *core) {
  cancel_all_lines(core);
  if (core->orders.open_cnt == 0) {
    core->sweeping = core->snap.kill_latched || core->stopping;
    return;
  }
  uint32_t next;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = next) {
    tg_order_t *o = &core->orders.order[idx];
    next = o->next;
    if (!cancel_now(core, o)) continue;
    if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) {
      core->stats.deferred_cnt++;
      return;
    }
    uint32_t subs;
    if (tg_core_cancel(core, o, &subs) != 0) return; /* rate, ban or disarmed: the timer tries again */
  }
}

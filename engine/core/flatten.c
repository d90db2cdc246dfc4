#include "engine/core/core_state.h"

/* Working a position to zero: ours are cancelled first; when nothing of ours is open on the instrument, one reduce-only IOC
 * order at the collar's edge goes through router and gates; what it left is tried again after a pause. Each try is an ordinary
 * order: its outcome may be unknown, then nothing follows until it is known. */
#define RETRY_NS (UINT64_C(250) * 1000000)
#define TRY_MAX 40u
#define BOUND_NS (UINT64_C(120) * 1000000000) /* gates that hold for so long are the operator's business */

static void finish(tg_core_t *core, tg_core_instr_t *instr) {
  instr->flatten.since_ns = 0;
  core->flatten_cnt--;
}

static void flat(tg_core_t *core, tg_core_instr_t *instr) {
  int64_t ms = (int64_t)((core->now_ns - instr->flatten.since_ns) / (uint64_t)TG_NS_PER_MS);
  tg_core_tell_alarm(core, TG_ALARM_FLAT, instr->idx, instr->flatten.client_id, instr->flatten.try_cnt, ms);
  finish(core, instr);
}

static void give_up(tg_core_t *core, tg_core_instr_t *instr) {
  core->stats.cmd_refused_cnt++;
  tg_core_tell_alarm2(core, TG_ALARM_CMD_REFUSED, instr->idx, instr->flatten.client_id, TG_VERB_FLATTEN, TG_ETIMEOUT,
                      instr->flatten.try_cnt, instr->pos.qty_lots);
  finish(core, instr);
}

/* Everything of ours on the instrument goes first: what rests could fill and turn the position round. */
static void cancel_ours(tg_core_t *core, const tg_core_instr_t *instr) {
  uint32_t next;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = next) {
    tg_order_t *o = &core->orders.order[idx];
    next = o->next;
    bool rests = o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL;
    if (o->instr_idx != instr->idx || !rests || tg_core_order_passing(core, o)) continue;
    if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
    uint32_t subs;
    if (tg_core_cancel(core, o, &subs) != 0) return; /* the next timer tries again */
  }
}

static int64_t min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The largest order that limits and filters allow, of what is left to close. */
static int64_t size(const tg_core_instr_t *instr, int64_t left_lots, int64_t px_ticks) {
  int64_t lots = min64(left_lots, instr->filters.max_qty_lots);
  lots = min64(lots, instr->limits.max_order_qty_lots);
  tg_i128 each_e8 = (tg_i128)px_ticks * instr->money.tick_lot_e8;
  if (each_e8 > 0) lots = min64(lots, (int64_t)(instr->limits.max_order_notional_e8 / each_e8));
  int64_t step = instr->filters.qty_step.step > 0 ? (int64_t)instr->filters.qty_step.step : 1;
  return lots - lots % step;
}

static void route_in(const tg_core_t *core, const tg_core_instr_t *instr, const tg_route_order_t *want, tg_route_in_t *in) {
  *in = (tg_route_in_t){.desired = *want,
                        .filters = &instr->filters,
                        .bid_px_ticks = instr->gate.bid_px_ticks,
                        .ask_px_ticks = instr->gate.ask_px_ticks,
                        .mark_e8 = instr->gate.mark_e8,
                        .rate_left = tg_rate_left(&core->rate, TG_INTENT_REDUCE_RISK, core->now_ns),
                        .reducible_lots = tg_exposure_reducible(&core->exposure.instr[instr->idx], (tg_side_t)want->side),
                        .intent = TG_INTENT_REDUCE_RISK,
                        .has_desired = 1,
                        .venue_caps = (uint8_t)core->cfg.venue_caps};
}

static void tell(tg_core_t *core, const tg_core_instr_t *instr, const tg_route_out_t *route, const tg_route_order_t *want,
                 uint64_t mask, uint32_t subs) {
  tg_out_decision_t *line = &tg_core_emit(core, TG_OUT_DECISION, instr->idx)->u.out_decision;
  line->client_id = mask == 0 ? instr->flatten.client_id : 0;
  line->gate_mask = mask;
  line->px_ticks = want->px_ticks;
  line->qty_lots = want->qty_lots;
  line->side = want->side;
  line->decision = mask == 0 ? route->decision : TG_ROUTE_BLOCK;
  line->reason = route->reason;
  line->intent = TG_INTENT_REDUCE_RISK;
  line->gate = tg_gate_lowest(mask);
  line->sub_code = mask != 0 ? tg_gate_sub(mask, subs) : 0;
  line->level = TG_STRATEGY_LEVEL_NONE;
  line->state = core->fsm.state;
  line->request_no = core->request_seq;
}

static void work(tg_core_t *core, tg_core_instr_t *instr) {
  tg_core_flatten_instr_t *f = &instr->flatten;
  tg_side_t side = instr->pos.qty_lots > 0 ? TG_SELL : TG_BUY;
  tg_route_order_t want = {
      .side = (uint8_t)side, .type = TG_TYPE_LIMIT, .tif = TG_TIF_IOC, .order_flags = TG_ORDER_REDUCE_ONLY};
  want.px_ticks = tg_gate_market_px(&instr->limits, &instr->gate, &instr->filters, side, TG_INTENT_REDUCE_RISK);
  if (want.px_ticks <= 0) return; /* no reference: nothing to price it by */
  want.qty_lots = size(instr, tg_exposure_reducible(&core->exposure.instr[instr->idx], side), want.px_ticks);
  if (want.qty_lots <= 0) return;
  tg_route_in_t in;
  tg_route_out_t route;
  route_in(core, instr, &want, &in);
  tg_route(&in, &route);
  tg_route_count(&core->stats.route, &route);
  uint64_t mask = 0;
  uint32_t subs = 0;
  if (route.action_cnt > 0) {
    tg_core_place_t place = {instr, route.action[0].order, TG_STRATEGY_LEVEL_NONE, 0, TG_INTENT_REDUCE_RISK};
    mask = tg_core_place(core, &place, &subs);
    if (mask == 0) {
      f->client_id = core->orders.order[core->orders.open_tail].client_id;
      f->try_cnt++;
    }
  }
  tell(core, instr, &route, &want, mask, subs);
}

static void turn(tg_core_t *core, tg_core_instr_t *instr) {
  tg_core_flatten_instr_t *f = &instr->flatten;
  if (instr->gate.open_cnt > 0) {
    cancel_ours(core, instr);
    return;
  }
  bool known = core->exposure.instr[instr->idx].pos_known != 0;
  if (known && instr->pos.qty_lots == 0) {
    flat(core, instr);
    return;
  }
  if (f->try_cnt >= TRY_MAX || core->now_ns - f->since_ns > BOUND_NS) {
    give_up(core, instr);
    return;
  }
  if (!known || core->now_ns < f->next_ns || core->actions_left == 0) return;
  f->next_ns = core->now_ns + RETRY_NS;
  work(core, instr);
}

void tg_core_flatten_turn(tg_core_t *core) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    if (instr->flatten.since_ns == 0) continue;
    if (!tg_core_room(core, TG_CORE_ROOM * 2 + TG_CORE_ROOM_KEPT)) return;
    turn(core, instr);
  }
}

static void start(tg_core_t *core, tg_core_instr_t *instr) {
  if (!instr->known || instr->flatten.since_ns != 0) return;
  instr->flatten = (tg_core_flatten_instr_t){.since_ns = core->now_ns};
  core->flatten_cnt++;
}

int tg_core_flatten(tg_core_t *core, uint16_t instr_idx) {
  if (instr_idx != TG_INSTR_NONE && (instr_idx >= core->cfg.instr_cap || !core->instr[instr_idx].known)) return -TG_ENOTFOUND;
  if (instr_idx != TG_INSTR_NONE) {
    start(core, &core->instr[instr_idx]);
  } else {
    for (uint16_t i = 0; i < core->cfg.instr_cap; i++) start(core, &core->instr[i]);
  }
  core->flattened = 1; /* strategies want nothing any more, reductions neither: they would hold what flatten is to close */
  tg_core_pause(core);
  tg_core_flatten_turn(core);
  return 0;
}

void tg_core_flatten_end(tg_core_t *core) {
  core->flattened = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) core->instr[i].flatten.since_ns = 0;
  core->flatten_cnt = 0;
}

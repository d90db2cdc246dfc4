#include "engine/core/core_state.h"

#define BUDGET_PAUSE_NS (UINT64_C(20) * 1000000) /* a spent budget refills by time: no use asking at every tick */

/* One level under work. */
typedef struct work {
  tg_core_t *core;
  tg_core_instr_t *instr;
  tg_core_level_t *lv;
  tg_order_t *o;                   /* standing order, NULL none */
  const tg_strategy_level_t *want; /* NULL: unwanted */
  uint8_t level, why, intent;
} work_t;

static void tell(const work_t *w, uint8_t decision, uint8_t reason, uint64_t mask, uint32_t subs, bool always) {
  uint8_t gate = tg_gate_lowest(mask);
  uint8_t sub = tg_gate_sub(mask, subs);
  tg_core_told_t now = {mask, decision, reason, w->why, gate, sub};
  tg_core_told_t *told = &w->lv->told;
  if (!always && told->mask == now.mask && told->decision == decision && told->reason == reason && told->why == w->why) return;
  bool other_reason = mask == 0 || told->gate != gate || told->sub != sub;
  *told = now;
  w->core->stats.decision_told_cnt++;
  tg_msg_t *msg = tg_core_emit(w->core, TG_OUT_DECISION, w->instr->idx);
  tg_out_decision_t *line = &msg->u.out_decision;
  line->client_id = w->o != NULL ? w->o->client_id : 0;
  line->gate_mask = mask;
  line->px_ticks = w->want != NULL ? w->want->px_ticks : 0;
  line->qty_lots = w->want != NULL ? w->want->qty_lots : 0;
  line->side = w->want != NULL ? w->want->side : (uint8_t)(w->o != NULL ? w->o->side : 0);
  line->decision = decision;
  line->reason = reason;
  line->intent = w->intent;
  line->gate = gate;
  line->sub_code = mask != 0 ? sub : w->why;
  line->level = w->level;
  line->state = w->core->fsm.state;
  line->request_no = w->core->request_seq;
  if (other_reason) tg_core_guards_explain(w->core, w->instr, line);
}

static void route_in(const work_t *w, tg_route_in_t *in) {
  tg_core_t *core = w->core;
  const tg_core_instr_t *instr = w->instr;
  *in = (tg_route_in_t){.filters = &instr->filters,
                        .bid_px_ticks = instr->gate.bid_px_ticks,
                        .ask_px_ticks = instr->gate.ask_px_ticks,
                        .mark_e8 = instr->gate.mark_e8,
                        .amend_threshold_bps = core->conf.router_amend_threshold_bps,
                        .intent = w->intent,
                        .drawdown_gate = (uint8_t)(core->drawdown.latched || !core->drawdown.known),
                        .reprice_to_touch = core->conf.router_reprice_to_touch != 0,
                        .venue_caps = (uint8_t)core->cfg.venue_caps};
  in->rate_left = tg_rate_left(&core->rate, (tg_intent_t)w->intent, core->now_ns);
  if (w->want != NULL) {
    in->has_desired = 1;
    in->desired = (tg_route_order_t){w->want->px_ticks, w->want->qty_lots,    w->want->side,     TG_TYPE_LIMIT,
                                     w->want->tif,      w->want->order_flags, w->want->stop_bps, {0}};
    in->reducible_lots = tg_exposure_reducible(&core->exposure.instr[instr->idx], (tg_side_t)w->want->side);
  }
  const tg_order_t *o = w->o;
  if (o == NULL) return;
  in->has_existing = 1;
  in->existing = (tg_route_order_t){o->px_ticks, o->qty_lots, o->side, o->type, o->tif, o->order_flags, 0, {0}};
  in->filled_lots = o->cum_lots;
  in->request_pending = o->request != TG_REQUEST_NONE || o->query_open || o->query_want || tg_order_is_unknown(o);
  in->amend_refused = o->no_amend;
}

static uint8_t intent_of(const work_t *w) {
  if (w->want == NULL) return TG_INTENT_CANCEL;
  const tg_exposure_instr_t *held = &w->core->exposure.instr[w->instr->idx];
  int64_t own = w->o != NULL && w->o->side == w->want->side ? w->o->reserve.held_lots : 0;
  return (uint8_t)tg_exposure_intent(held, (tg_side_t)w->want->side, w->want->qty_lots, own,
                                     (w->want->order_flags & TG_ORDER_REDUCE_ONLY) != 0);
}

/* One action of the router; the gate mask that held it back, 0 when it left. */
static uint64_t act(const work_t *w, const tg_route_action_t *action, uint32_t *subs) {
  switch ((tg_request_t)action->request) {
    case TG_REQUEST_PLACE: {
      tg_core_place_t place = {w->instr, action->order, w->level, w->why, w->intent};
      if (w->o != NULL) w->o->level = TG_STRATEGY_LEVEL_NONE; /* the new order takes the level; the timer cancels the old */
      uint64_t mask = tg_core_place(w->core, &place, subs);
      if (mask != 0 && w->o != NULL) w->o->level = w->level;
      return mask;
    }
    case TG_REQUEST_AMEND: {
      uint64_t mask = tg_core_amend(w->core, w->instr, w->o, &action->order, w->intent, subs);
      uint32_t unused; /* an order that its intent no longer carries does not rest at an old price */
      if (mask & (TG_GATE_BIT(PARENT) | TG_GATE_BIT(APPROVAL))) (void)tg_core_cancel(w->core, w->o, &unused);
      return mask;
    }
    default:
      return tg_core_cancel(w->core, w->o, subs);
  }
}

static void perform(const work_t *w, const tg_route_out_t *route) {
  for (uint32_t i = 0; i < route->action_cnt; i++) {
    const tg_route_action_t *action = &route->action[i];
    if (action->when != TG_ROUTE_NOW) break; /* routed anew when the answer is there */
    uint32_t subs = 0;
    uint64_t mask = act(w, action, &subs);
    work_t told = *w;
    if (told.o == NULL && mask == 0) told.o = &w->core->orders.order[w->lv->order_idx];
    if (mask != 0) {
      if (mask & TG_GATE_BIT(RATE)) w->lv->retry_ns = w->core->now_ns + BUDGET_PAUSE_NS;
      tell(&told, TG_ROUTE_BLOCK, route->reason, mask, subs, false);
      return;
    }
    if (i == 0) tell(&told, route->decision, route->reason, 0, 0, true);
  }
}

static void unplaced(const work_t *w) {
  unsigned slot = w->why >= TG_WHY_FIRST_UNPLACED ? w->why - TG_WHY_FIRST_UNPLACED : 15u;
  w->core->stats.unplaced_cnt[slot & 15u]++;
  if (w->o == NULL) tell(w, TG_ROUTE_NONE, TG_ROUTE_WHY_NONE, 0, 0, false);
}

static void level(tg_core_t *core, tg_core_instr_t *instr, uint8_t no, const tg_strategy_level_t *want) {
  tg_core_level_t *lv = &instr->level[no];
  work_t w = {.core = core, .instr = instr, .lv = lv, .want = want, .level = no, .why = TG_WHY_OFF};
  if (lv->order_idx != TG_ORDER_NIL) w.o = &core->orders.order[lv->order_idx];
  if (want != NULL) {
    w.why = want->reason;
    if (want->reason >= TG_WHY_FIRST_UNPLACED) w.want = NULL;
  }
  if (w.want == NULL) {
    unplaced(&w);
    if (w.o == NULL) return;
  } else if (core->now_ns < lv->retry_ns) {
    return; /* refused lately: cools down */
  }
  w.intent = intent_of(&w);
  tg_route_in_t in;
  tg_route_out_t out;
  route_in(&w, &in);
  tg_route(&in, &out);
  tg_route_count(&core->stats.route, &out);
  if (out.decision == TG_ROUTE_NOOP || out.decision == TG_ROUTE_NONE) return;
  if (out.decision == TG_ROUTE_BLOCK) {
    if (out.reason == TG_ROUTE_WHY_RATE_LIMIT) lv->retry_ns = core->now_ns + BUDGET_PAUSE_NS;
    tell(&w, out.decision, out.reason, 0, 0, false);
    return;
  }
  perform(&w, &out);
}

static void view_of(const tg_core_t *core, const tg_core_instr_t *instr, bool force, tg_strategy_view_t *view) {
  const tg_top_t *top = tg_book_top(&instr->book);
  const tg_feature_view_t *feature = tg_feature_view(&instr->feature);
  *view = (tg_strategy_view_t){.now_ns = core->now_ns,
                               .instr = &instr->facts,
                               .conf = &core->conf,
                               .order = instr->order_view,
                               .bid_px_ticks = top->bid_px_ticks,
                               .bid_qty_lots = top->bid_qty_lots,
                               .ask_px_ticks = top->ask_px_ticks,
                               .ask_qty_lots = top->ask_qty_lots,
                               .fair_ticks_e8 = feature->top_ok ? feature->micro_ticks_e8 : 0,
                               .volatility_bps_e8 = feature->vol_ok ? feature->vol_fast_bps_e8 : 0,
                               .imbalance_e8 = feature->imbalance_top_e8,
                               .toxicity_e8 = feature->toxicity_e8,
                               .position_lots = instr->pos.qty_lots,
                               .instr_idx = instr->idx,
                               .touch_valid = top->valid,
                               .allow = core->allow,
                               .force = force};
}

void tg_core_quote(tg_core_t *core, tg_core_instr_t *instr, bool force) {
  if (!instr->known || !core->configured) return;
  tg_strategy_view_t view;
  view_of(core, instr, force || instr->force, &view);
  tg_strategy_out_t *desired = &core->scratch;
  if (core->cfg.strategy->on_market(instr->strategy_state, &view, desired) == 0) return;
  core->stats.evaluate_cnt++;
  instr->force = 0;
  uint32_t told = desired->level_cnt < TG_CORE_LEVELS ? desired->level_cnt : TG_CORE_LEVELS;
  uint32_t top = told > instr->level_top ? told : instr->level_top;
  for (uint32_t i = 0; i < top; i++) {
    if (core->actions_left == 0 || !tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) {
      core->stats.deferred_cnt++;
      instr->force = 1;
      core->more = 1;
      break;
    }
    level(core, instr, (uint8_t)i, i < told ? &desired->level[i] : NULL);
    if (i >= told && instr->level[i].order_idx == TG_ORDER_NIL && i + 1 == instr->level_top) instr->level_top = (uint8_t)i;
  }
  if (told > instr->level_top) instr->level_top = (uint8_t)told;
}

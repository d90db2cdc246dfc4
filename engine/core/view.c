#include "engine/core/core_state.h"

/* Sums over instruments of one quote asset. */
static void money(const tg_core_t *core, tg_view_main_t *out) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    out->realised_e8 += instr->pos.realised_e8;
    out->commission_e8 += instr->pos.commission_e8;
    out->funding_e8 += instr->pos.funding_e8;
    out->unrealised_e8 += instr->pos.unrealised_e8;
    out->net_e8 += tg_position_net(&instr->pos);
  }
  out->equity_e8 = core->drawdown.equity_e8;
  out->wallet_e8 = core->wallet_e8;
  out->drawdown_session_e8 = tg_drawdown_session_e8(&core->drawdown);
  out->drawdown_day_e8 = tg_drawdown_day_e8(&core->drawdown);
  out->gross_e8 = core->fsm_in.gross_e8;
}

static void counters(const tg_core_t *core, tg_view_main_t *out) {
  const tg_core_stats_t *stats = &core->stats;
  out->msg_cnt = stats->msg_cnt;
  out->md_cnt = stats->md_cnt;
  out->ex_cnt = stats->ex_cnt;
  out->out_cnt = stats->out_cnt;
  out->book_update_cnt = stats->book_update_cnt;
  out->book_gap_cnt = stats->book_gap_cnt;
  out->placed_cnt = stats->placed_cnt;
  out->amended_cnt = stats->amended_cnt;
  out->cancelled_cnt = stats->cancelled_cnt;
  out->queried_cnt = stats->queried_cnt;
  out->fill_cnt = stats->fill_cnt;
  out->maker_fill_cnt = stats->maker_fill_cnt;
  out->repeat_fill_cnt = stats->repeat_fill_cnt;
  out->refused_cnt = stats->refused_cnt;
  out->unknown_outcome_cnt = stats->unknown_cnt;
  out->timeout_cnt = stats->timeout_cnt;
  out->late_cnt = stats->late_cnt;
  out->hole_cnt = stats->hole_cnt;
  out->trip_cnt = stats->trip_cnt;
  out->trip_won_cnt = stats->trip_won_cnt;
  out->trip_lost_cnt = stats->trip_lost_cnt;
  for (unsigned i = 0; i < TG_ARRAY_CNT(stats->alarm_cnt); i++) {
    bool news = i == TG_ALARM_CMD_DONE || i == TG_ALARM_CMD_REFUSED || i == TG_ALARM_RESTART_EQUAL || i == TG_ALARM_FLAT ||
                i == TG_ALARM_KILL_EMPTY;
    if (!news) out->alarm_sum_cnt += stats->alarm_cnt[i];
  }
  out->gate_passed_cnt = stats->gate.passed_cnt;
  out->gate_blocked_cnt = stats->gate.blocked_cnt;
  for (unsigned i = 0; i < TG_REASON_CNT; i++) out->gate_reason_cnt[i] = stats->gate.reason_cnt[i];
  for (unsigned d = 0; d < TG_ROUTE_DECISION_CNT; d++) {
    for (unsigned r = 0; r < TG_ROUTE_WHY_CNT; r++) out->decision_cnt[d] += stats->route.cnt[d][r];
  }
}

void tg_core_view_main(const tg_core_t *core, tg_view_main_t *out) {
  *out = (tg_view_main_t){.now_ns = core->now_ns,
                          .epoch = core->epoch,
                          .state = core->fsm.state,
                          .state_reason = core->fsm_reason,
                          .state_since_ns = core->fsm.entered_ns,
                          .mode = (uint64_t)(core->conf.engine_mode + 1),
                          .armed = core->snap.armed,
                          .submit = core->snap.submit,
                          .killed = core->snap.kill_latched,
                          .stopping = core->stopping,
                          .sweeping = core->sweeping,
                          .paused = core->fsm_in.override == TG_FSM_OVERRIDE_PAUSE || core->restart.halted,
                          .instr_cnt = core->instr_cnt,
                          .open_cnt = core->orders.open_cnt,
                          .in_flight_cnt = core->snap.in_flight_cnt,
                          .unknown_cnt = core->unknown_cnt,
                          .toxicity_e8 = core->fsm_in.toxicity_e8,
                          .sync_age_ns = core->sync_ns == 0 ? UINT64_MAX : core->now_ns - core->sync_ns,
                          .feed_age_ns = core->fsm_in.feed_age_ns,
                          .clock_offset_ns = core->snap.clock_offset_ns,
                          .clock_error_ns = core->snap.clock_error_ns};
  for (unsigned i = 0; i < TG_SESSION_CNT; i++) out->link_up |= (uint64_t)(core->link_up[i] != 0) << i;
  counters(core, out);
  money(core, out);
}

static void side_levels(const tg_book_t *book, tg_side_t side, int64_t *px_ticks, int64_t *qty_lots) {
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  tg_book_levels_first(book, side, &cursor);
  for (unsigned i = 0; i < TG_VIEW_LEVELS && tg_book_levels_next(book, side, &cursor, &level); i++) {
    px_ticks[i] = level.px_ticks;
    qty_lots[i] = level.qty_lots;
  }
}

static void view_book(const tg_core_instr_t *instr, uint64_t now_ns, tg_view_instr_t *out) {
  const tg_book_t *book = &instr->book;
  const tg_top_t *top = tg_book_top(book);
  out->book_state = tg_book_state(book);
  out->book_reason = tg_book_change(book)->reason;
  out->book_age_ns = tg_book_age_ns(book, now_ns);
  out->update_id = tg_book_last_id(book);
  out->depth_event_cnt = tg_book_counters(book)->depth_event_cnt;
  out->gap_cnt = tg_book_counters(book)->gap_cnt;
  out->bid_level_cnt = tg_book_level_cnt(book, TG_BUY);
  out->ask_level_cnt = tg_book_level_cnt(book, TG_SELL);
  if (tg_book_complete(book)) {
    side_levels(book, TG_BUY, out->bid_px_ticks, out->bid_qty_lots);
    side_levels(book, TG_SELL, out->ask_px_ticks, out->ask_qty_lots);
  }
  out->touch_bid_px_ticks = top->bid_px_ticks;
  out->touch_bid_qty_lots = top->bid_qty_lots;
  out->touch_ask_px_ticks = top->ask_px_ticks;
  out->touch_ask_qty_lots = top->ask_qty_lots;
  out->touch_valid = top->valid;
}

void tg_core_view_instr(const tg_core_t *core, uint16_t instr_idx, tg_view_instr_t *out) {
  const tg_core_instr_t *instr = &core->instr[instr_idx];
  *out = (tg_view_instr_t){.known = instr->known,
                           .px_dec = instr->symbol.px_dec,
                           .px_unit = (uint64_t)instr->symbol.px_unit,
                           .qty_dec = instr->symbol.qty_dec,
                           .qty_unit = (uint64_t)instr->symbol.qty_unit,
                           .mark_e8 = instr->gate.mark_e8,
                           .position_lots = instr->pos.qty_lots,
                           .cost_e8 = instr->pos.cost_e8,
                           .realised_e8 = instr->pos.realised_e8,
                           .commission_e8 = instr->pos.commission_e8,
                           .funding_e8 = instr->pos.funding_e8,
                           .unrealised_e8 = instr->pos.unrealised_e8,
                           .open_cnt = instr->gate.open_cnt,
                           .fill_cnt = instr->pos.fill_cnt,
                           .maker_cnt = instr->pos.maker_cnt,
                           .trip_cnt = instr->trips.closed_cnt,
                           .bought_lots = instr->pos.bought_lots,
                           .sold_lots = instr->pos.sold_lots};
  memcpy(out->symbol, instr->symbol.symbol, sizeof instr->symbol.symbol);
  const tg_feature_view_t *feature = tg_feature_view(&instr->feature);
  out->volatility_bps_e8 = feature->vol_fast_bps_e8;
  out->toxicity_e8 = feature->toxicity_e8;
  out->imbalance_e8 = feature->imbalance_top_e8;
  const tg_exposure_instr_t *exposure = &core->exposure.instr[instr_idx];
  out->worst_long_lots = tg_exposure_worst_long(exposure);
  out->worst_short_lots = tg_exposure_worst_short(exposure);
  out->position_known = exposure->pos_known;
  if (instr->known) view_book(instr, core->now_ns, out);
}

uint32_t tg_core_view_orders(const tg_core_t *core, tg_view_order_t *out, uint32_t cap) {
  uint32_t cnt = 0;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL && cnt < cap; idx = core->orders.order[idx].next) {
    const tg_order_t *o = &core->orders.order[idx];
    out[cnt++] = (tg_view_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots,
                                   .cum_lots = o->cum_lots,
                                   .changed_ns = o->changed_ns,
                                   .unknown_ns = tg_order_is_unknown(o) ? o->unknown_ns : 0,
                                   .ask_cnt = tg_order_is_unknown(o) ? o->ask_cnt : 0,
                                   .not_found_cnt = o->not_found_cnt,
                                   .instr_idx = o->instr_idx,
                                   .state = o->state,
                                   .side = o->side,
                                   .order_flags = o->order_flags,
                                   .level = o->level,
                                   .reason = o->reason,
                                   .request = o->request};
  }
  return cnt;
}

static void publish(tg_seqlock_t *lock, const void *view, size_t bytes) {
  uint64_t word[TG_SEQLOCK_WORDS_MAX];
  memcpy(word, view, bytes);
  tg_seqlock_write(lock, word, bytes / 8);
}

void tg_core_publish(tg_core_t *core, tg_core_shared_t *shared) {
  tg_view_main_t main;
  tg_core_view_main(core, &main);
  publish(&shared->main, &main, sizeof main);
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_view_instr_t instr;
    if (!core->instr[i].known) continue;
    tg_core_view_instr(core, i, &instr);
    publish(&shared->instr[i], &instr, sizeof instr);
  }
  tg_core_publish_gates(core, shared);
  tg_view_order_t order[TG_VIEW_ORDERS];
  uint32_t cnt = tg_core_view_orders(core, order, TG_VIEW_ORDERS);
  for (uint32_t b = 0; b < TG_VIEW_ORDER_LOCKS; b++) {
    tg_view_order_block_t block = {0};
    uint32_t from = b * TG_VIEW_ORDERS_PER_LOCK;
    block.cnt = cnt > from ? cnt - from : 0;
    if (block.cnt > TG_VIEW_ORDERS_PER_LOCK) block.cnt = TG_VIEW_ORDERS_PER_LOCK;
    memcpy(block.order, &order[from], block.cnt * sizeof block.order[0]);
    publish(&shared->orders[b], &block, sizeof block);
  }
}

/* ---- invariants ---- */

static void check_instr(const tg_core_t *core, const tg_core_instr_t *instr) {
  int64_t held[2] = {0, 0};
  uint32_t open_cnt = 0;
  for (uint32_t i = 0; i < core->orders.cap; i++) {
    const tg_order_t *o = &core->orders.order[i];
    if (o->client_id == 0 || o->instr_idx != instr->idx) continue;
    TG_ASSERT(tg_order_check(o));
    open_cnt += tg_order_is_open(o);
    /* at least what may still execute is held */
    TG_ASSERT(o->reserve.held_lots >= tg_order_leaves(o));
    held[o->side] += o->reserve.held_lots;
  }
  const tg_exposure_instr_t *exposure = &core->exposure.instr[instr->idx];
  TG_ASSERT(open_cnt == instr->gate.open_cnt);
  TG_ASSERT(exposure->open_buy_lots == held[TG_BUY] && exposure->open_sell_lots == held[TG_SELL]);
  TG_ASSERT(!exposure->pos_known || exposure->pos_lots == instr->pos.qty_lots);
  TG_ASSERT(instr->pos.qty_lots == instr->pos.bought_lots - instr->pos.sold_lots + instr->pos.adopted_lots);
  TG_ASSERT(instr->pos.qty_lots != 0 || instr->pos.cost_e8 == 0);
  for (unsigned l = 0; l < TG_CORE_LEVELS; l++) {
    uint32_t idx = instr->level[l].order_idx;
    TG_ASSERT(idx == TG_ORDER_NIL || (tg_order_is_open(&core->orders.order[idx]) && core->orders.order[idx].level == l));
  }
}

void tg_core_check(const tg_core_t *core) {
  uint32_t in_flight = 0, unknown = 0, owed = 0;
  for (uint32_t i = 0; i < core->orders.cap; i++) {
    const tg_order_t *o = &core->orders.order[i];
    if (o->client_id == 0) continue;
    in_flight += (uint32_t)(o->request != TG_REQUEST_NONE) + o->query_open;
    unknown += tg_order_is_unknown(o);
    owed += tg_order_owed(o) != 0;
  }
  TG_ASSERT(in_flight == core->snap.in_flight_cnt && unknown == core->unknown_cnt && owed == core->owed_cnt);
  TG_ASSERT(core->snap.open_cnt == core->orders.open_cnt);
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (core->instr[i].known) check_instr(core, &core->instr[i]);
  }
  tg_tickets_check(core);
  tg_fsm_check(&core->fsm);
}

#include "engine/core/core_state.h"

#define CODE_NO_SUCH_ORDER_QUERY (-2013)
#define CODE_NO_SUCH_ORDER (-2011)
#define CODE_TOO_MANY_AMENDS (-5026)
#define BACK_OFF_MAX_NS (INT64_C(5) * TG_NS_PER_S)

/* ---- one order, one event ---- */

void tg_core_level_view(tg_core_t *core, tg_core_instr_t *instr, uint8_t level) {
  tg_strategy_order_t *view = &instr->order_view[level];
  uint32_t idx = instr->level[level].order_idx;
  if (idx == TG_ORDER_NIL) {
    *view = (tg_strategy_order_t){0};
    return;
  }
  const tg_order_t *o = &core->orders.order[idx];
  bool amend = o->want_qty_lots > 0;
  *view = (tg_strategy_order_t){.px_ticks = amend ? o->want_px_ticks : o->px_ticks,
                                .qty_lots = amend ? o->want_qty_lots : o->qty_lots,
                                .cum_lots = o->cum_lots,
                                .changed_ns = o->moved_ns,
                                .side = o->side,
                                .order_flags = o->order_flags,
                                .in_flight = o->request != TG_REQUEST_NONE || tg_order_is_unknown(o)};
}

void tg_core_own_best(tg_core_t *core, tg_core_instr_t *instr) {
  int64_t bid = 0, ask = INT64_MAX;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = core->orders.order[idx].next) {
    const tg_order_t *o = &core->orders.order[idx];
    if (o->instr_idx != instr->idx) continue;
    int64_t other = o->want_qty_lots > 0 ? o->want_px_ticks : o->px_ticks;
    if (o->side == TG_BUY) {
      bid = o->px_ticks > bid ? o->px_ticks : bid;
      bid = other > bid ? other : bid;
    } else {
      ask = o->px_ticks < ask ? o->px_ticks : ask;
      ask = other < ask ? other : ask;
    }
  }
  instr->gate.own_bid_px_ticks = bid;
  instr->gate.own_ask_px_ticks = ask;
}

static void exposure_after(tg_core_t *core, tg_order_t *o, const tg_ord_ev_t *ev, int64_t moves_lots) {
  int err = 0;
  if (moves_lots > 0) err = tg_exposure_fill(&core->exposure, &o->reserve, moves_lots);
  int64_t leaves = tg_order_leaves(o);
  if (tg_order_is_open(o) || leaves > 0) {
    if (o->reserve.active) {
      if (tg_exposure_settle(&core->exposure, &o->reserve, leaves) != 0) err = -TG_ERANGE;
    } else if (leaves > 0) {
      if (tg_exposure_reserve(&core->exposure, &o->reserve, o->instr_idx, (tg_side_t)o->side, leaves) != 0) err = -TG_ERANGE;
    }
  } else {
    tg_exposure_release(&core->exposure, &o->reserve);
  }
  if (err != 0 || (ev->fill_lots > 0 && o->want_qty_lots == 0 && o->cum_lots > o->qty_lots))
    tg_core_tell_alarm(core, TG_ALARM_CUM_MISMATCH, o->instr_idx, o->client_id, o->cum_lots, o->qty_lots);
}

static void ended(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o) {
  core->stats.ended_cnt[o->state & 15u]++;
  instr->gate.open_cnt--;
  core->snap.open_cnt = core->orders.open_cnt;
  if (o->level >= TG_CORE_LEVELS) return;
  tg_core_level_t *lv = &instr->level[o->level];
  if (lv->order_idx == tg_order_idx(&core->orders, o)) lv->order_idx = TG_ORDER_NIL;
  tg_core_level_view(core, instr, o->level);
  o->level = TG_STRATEGY_LEVEL_NONE;
}

static void count_action(tg_core_t *core, const tg_order_t *o, const tg_ord_out_t *out) {
  if (out->hole) {
    core->stats.hole_cnt++;
    tg_core_tell_alarm2(core, TG_ALARM_BAD_TRANSITION, o->instr_idx, o->client_id, out->from, out->event, 0, 0);
  } else if (out->action == TG_OACT_LATE) {
    core->stats.late_cnt++;
  } else if (out->action == TG_OACT_REOPEN) {
    core->stats.reopen_cnt++;
    tg_core_tell_alarm2(core, TG_ALARM_BAD_TRANSITION, o->instr_idx, o->client_id, out->from, out->event, 1, 0);
  }
}

static unsigned flight(const tg_order_t *o) {
  return (unsigned)(o->request != TG_REQUEST_NONE) + o->query_open;
}

/* What an event changed in the tables around the order. */
typedef struct before {
  int64_t order_id, owed;
  unsigned flight;
  bool open, unknown;
} before_t;

static void settle(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o, const before_t *was) {
  tg_order_settle(&core->orders, o, was->order_id);
  bool open = tg_order_is_open(o);
  if (!open) o->query_open = 0; /* its answer may never come, and nobody waits for it any more */
  core->snap.in_flight_cnt += flight(o) - was->flight;
  core->unknown_cnt += (uint32_t)tg_order_is_unknown(o) - (uint32_t)was->unknown;
  core->owed_cnt += (uint32_t)(tg_order_owed(o) != 0) - (uint32_t)(was->owed != 0);
  if (was->open && !open) {
    ended(core, instr, o);
  } else if (!was->open && open) { /* REOPEN */
    instr->gate.open_cnt++;
    core->snap.open_cnt = core->orders.open_cnt;
  }
}

tg_ord_out_t tg_core_order_event(tg_core_t *core, tg_order_t *o, const tg_ord_ev_t *ev) {
  tg_core_instr_t *instr = &core->instr[o->instr_idx];
  before_t was = {o->order_id, tg_order_owed(o), flight(o), tg_order_is_open(o), tg_order_is_unknown(o)};
  int64_t absorbed = ev->fill_lots < o->absorbed_lots ? ev->fill_lots : o->absorbed_lots;
  o->absorbed_lots -= absorbed;
  tg_ord_out_t out = tg_order_apply(o, ev);
  if (out.to == TG_ORD_LIVE || out.to == TG_ORD_PARTIAL) o->query_want = out.action == TG_OACT_QUERY ? 1 : 0;
  count_action(core, o, &out);
  exposure_after(core, o, ev, ev->fill_lots - absorbed);
  tg_tickets_follow(core, o);
  settle(core, instr, o, &was);
  if (out.action != TG_OACT_LATE || out.from != out.to) {
    tg_core_own_best(core, instr);
    if (o->level < TG_CORE_LEVELS) tg_core_level_view(core, instr, o->level);
    instr->force = 1;
    core->more = 1;
    tg_core_tell_order(core, o);
  }
  if (o->query_want) (void)tg_core_query(core, o);
  return out;
}

/* ---- fills ---- */

static void complete_lite(tg_core_t *core, tg_core_instr_t *instr, tg_trade_t *trade, const tg_msg_t *in) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  trade->lite = 0;
  instr->pos.commission_e8 += fill->commission_e8;
  bool restored = trade->quiet == TG_TRADE_RESTORED;
  if (!restored)
    tg_trips_commission(&instr->trips, trade->close_trip, trade->open_trip, trade->close_lots, trade->qty_lots,
                        fill->commission_e8, true);
  tg_msg_t *msg = tg_core_emit(core, TG_OUT_FILL, instr->idx);
  msg->u.out_fill = *fill;
  if (!restored) msg->u.out_fill.realised_e8 = trade->realised_e8;
  msg->flags = (uint8_t)(in->flags | TG_F_SECOND | (trade->side == TG_SELL ? TG_F_ASK : 0));
  if (fill->realised_e8 != trade->realised_e8 && !trade->quiet)
    tg_core_tell_alarm2(core, TG_ALARM_PNL_DRIFT, instr->idx, fill->client_id, trade->realised_e8, fill->realised_e8,
                        (int64_t)fill->trade_id, 0);
  tg_core_tell_position(core, instr);
  tg_core_tell_trips(core, instr);
}

static void book_trip(tg_core_instr_t *instr, tg_trade_t *trade, const tg_msg_t *in, const tg_position_move_t *move,
                      uint64_t now_ns) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  tg_trip_fill_t entry = {.now_ns = now_ns,
                          .value_e8 = fill->px_ticks * instr->money.tick_lot_e8 * fill->qty_lots,
                          .qty_lots = fill->qty_lots,
                          .position_lots = instr->pos.qty_lots,
                          .side = trade->side,
                          .maker = (in->flags & TG_F_MAKER) != 0,
                          .lite = trade->lite};
  uint64_t close_trip, open_trip;
  tg_trips_fill(&instr->trips, &entry, move, &close_trip, &open_trip);
  trade->close_trip = (uint32_t)close_trip;
  trade->open_trip = (uint32_t)open_trip;
  trade->close_lots = move->close_lots;
  if (!trade->lite)
    tg_trips_commission(&instr->trips, close_trip, open_trip, move->close_lots, fill->qty_lots, fill->commission_e8, false);
}

/* The position and the fill's own P&L in the venue's order; what a late one moved is known by its trades, too. *trip is what it
 * does to the round trip under way, which goes by the order of booking. False: the numbers left their range. */
static bool book_position(tg_core_t *core, tg_core_instr_t *instr, tg_trade_t *trade, int64_t moves, tg_position_move_t *trip) {
  tg_position_t plain = instr->pos;
  tg_sequence_fill_t fill = {.trade_id = trade->trade_id, .px_ticks = trade->px_ticks, .qty_lots = moves, .side = trade->side};
  tg_sequence_out_t out;
  if (tg_position_fill(&plain, &instr->money, (tg_side_t)trade->side, trade->px_ticks, moves, trip) != 0) return false;
  if (tg_sequence_book(&instr->seq, &instr->pos, &instr->money, &fill, &out) != 0) return false;
  trade->realised_e8 = out.move.realised_e8;
  trade->barrier = out.barrier;
  for (uint32_t n = 0; n < out.moved_cnt; n++) {
    const tg_sequence_fill_t *moved = tg_sequence_newest(&instr->seq, n);
    tg_trade_t *other = tg_trades_find(&core->trades, instr->idx, moved->trade_id);
    if (other != NULL) other->realised_e8 = moved->realised_e8;
  }
  return true;
}

/* The position moves, once per trade id. False: the numbers left their range. */
static bool book_fill(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, tg_side_t side, int64_t absorbed) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  tg_trade_t *trade = tg_trades_add(&core->trades, instr->idx, fill->trade_id);
  trade->client_id = fill->client_id;
  trade->px_ticks = fill->px_ticks;
  trade->qty_lots = fill->qty_lots;
  trade->side = (uint8_t)side;
  trade->lite = (in->flags & TG_F_LITE) != 0;
  trade->quiet = instr->trips.now.adopted != 0 || absorbed != 0; /* cost from a rounded entry price: P&L may differ */
  tg_position_move_t move = {0};
  int64_t moves = fill->qty_lots - absorbed;
  if (moves > 0 && !book_position(core, instr, trade, moves, &move)) {
    tg_exposure_unknown(&core->exposure, instr->idx);
    tg_core_tell_alarm(core, TG_ALARM_BAD_MESSAGE, instr->idx, fill->client_id, fill->px_ticks, fill->qty_lots);
    return false;
  }
  instr->pos.maker_cnt += (in->flags & TG_F_MAKER) != 0;
  instr->pos.commission_e8 += fill->commission_e8;
  if (moves == fill->qty_lots) book_trip(instr, trade, in, &move, core->now_ns);
  if (instr->pos.mark_e8 > 0) (void)!tg_position_mark(&instr->pos, &instr->money, instr->pos.mark_e8);
  tg_trips_mark(&instr->trips, instr->pos.unrealised_e8);
  if (!trade->lite && !trade->quiet && fill->realised_e8 != trade->realised_e8)
    tg_core_tell_alarm2(core, TG_ALARM_PNL_DRIFT, instr->idx, fill->client_id, trade->realised_e8, fill->realised_e8,
                        (int64_t)fill->trade_id, 0);
  return true;
}

static void tell_fill(tg_core_t *core, const tg_core_instr_t *instr, const tg_msg_t *in, tg_side_t side) {
  tg_msg_t *msg = tg_core_emit(core, TG_OUT_FILL, instr->idx);
  msg->u.out_fill = in->u.ex_fill;
  const tg_trade_t *trade = tg_trades_find(&core->trades, instr->idx, in->u.ex_fill.trade_id);
  msg->u.out_fill.realised_e8 = trade->realised_e8;
  msg->flags = (uint8_t)((in->flags & ~TG_F_ASK) | (side == TG_SELL ? TG_F_ASK : 0u));
  if (trade->barrier) msg->flags = (uint8_t)((msg->flags & ~TG_F_SNAPSHOT) | TG_F_LAST);
}

static void strategy_fill(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, tg_side_t side, uint8_t level) {
  if (core->cfg.strategy->on_fill == NULL) return;
  tg_strategy_fill_t told = {core->now_ns,
                             in->u.ex_fill.px_ticks,
                             in->u.ex_fill.qty_lots,
                             instr->pos.qty_lots,
                             (uint8_t)side,
                             level,
                             (in->flags & TG_F_MAKER) != 0,
                             {0}};
  core->cfg.strategy->on_fill(instr->strategy_state, &told);
}

/* Inside what the engine reasons about (risk/filters.h); beyond it every sum would be doubtful. */
static bool sane(int64_t px_ticks, int64_t qty_lots, int64_t cum_lots) {
  return px_ticks >= 0 && px_ticks < TG_PX_TICKS_MAX && qty_lots >= 0 && qty_lots < TG_QTY_LOTS_MAX && cum_lots >= 0 &&
         cum_lots < TG_QTY_LOTS_MAX;
}

/* Our order of that id on that instrument; an id of ours on another one is nobody's. */
static tg_order_t *order_of(tg_core_t *core, const tg_core_instr_t *instr, const tg_msg_t *in, uint64_t client_id) {
  tg_order_t *o = in->flags & TG_F_FOREIGN ? NULL : tg_order_find(&core->orders, client_id);
  return o != NULL && o->instr_idx == instr->idx ? o : NULL;
}

/* From userTrades: what an adoption took already pays commission, and moves nothing. Lots that do not move the position. */
static int64_t absorbed_of(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, tg_order_t *o, tg_side_t side) {
  int64_t qty = in->u.ex_fill.qty_lots;
  int64_t absorbed = o == NULL ? 0 : qty < o->absorbed_lots ? qty : o->absorbed_lots;
  if (!(in->flags & TG_F_SNAPSHOT) || absorbed == qty) return absorbed;
  int64_t credit = tg_core_credit(core, instr, side, qty - absorbed);
  if (o != NULL && credit > 0) tg_core_absorb(core, o, credit);
  return absorbed + credit;
}

/* An execution that no stream told although the session was sound. */
static void lost_fill(tg_core_t *core, const tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  if ((in->flags & (TG_F_SNAPSHOT | TG_F_LOST)) != (TG_F_SNAPSHOT | TG_F_LOST)) return;
  core->stats.lost_fill_cnt++;
  tg_core_tell_alarm2(core, TG_ALARM_LOST_FILL, instr->idx, fill->client_id, fill->qty_lots, (int64_t)fill->trade_id,
                      fill->px_ticks, 0);
}

/* The venue says something that we cannot read: the event is kept by its numbers, the instrument gets no new orders. */
static TG_COLD void unknown_word(tg_core_t *core, tg_core_instr_t *instr, uint64_t client_id, int64_t a, int64_t b,
                                 int64_t id) {
  (void)tg_core_restrict(core, instr);
  if (instr->enum_told) return;
  instr->enum_told = 1;
  tg_core_tell_alarm2(core, TG_ALARM_UNKNOWN_ENUM, instr->idx, client_id, a, b, id, 0);
}

/* An execution with a word that we do not know. False: it is its side, and no order of ours tells it. */
static TG_COLD bool readable(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, const tg_order_t *o) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  core->stats.unknown_enum_cnt++;
  unknown_word(core, instr, fill->client_id, fill->qty_lots, fill->px_ticks, (int64_t)fill->trade_id);
  if (o != NULL) return true;
  tg_exposure_unknown(&core->exposure, instr->idx);
  tg_core_ask_sync(core, TG_ALARM_POSITION_DRIFT, true);
  return false;
}

static void on_fill(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_ex_fill_t *fill = &in->u.ex_fill;
  if (fill->qty_lots <= 0 || fill->px_ticks <= 0 || !sane(fill->px_ticks, fill->qty_lots, 0)) {
    core->stats.bad_msg_cnt++;
    tg_core_tell_alarm(core, TG_ALARM_BAD_MESSAGE, instr->idx, fill->client_id, fill->px_ticks, fill->qty_lots);
    return;
  }
  tg_trade_t *seen = tg_trades_find(&core->trades, instr->idx, fill->trade_id);
  if (seen != NULL) {
    if (seen->lite && !(in->flags & TG_F_LITE)) {
      complete_lite(core, instr, seen, in);
    } else {
      core->trades.repeat_cnt++;
      core->stats.repeat_fill_cnt++;
    }
    return;
  }
  tg_order_t *o = order_of(core, instr, in, fill->client_id);
  if (TG_UNLIKELY(in->flags & TG_F_UNKNOWN_ENUM) && !readable(core, instr, in, o)) return;
  tg_side_t side = o != NULL ? (tg_side_t)o->side : in->flags & TG_F_ASK ? TG_SELL : TG_BUY;
  int64_t absorbed = absorbed_of(core, instr, in, o, side);
  uint8_t level = o != NULL ? o->level : TG_STRATEGY_LEVEL_NONE;
  core->stats.fill_cnt++;
  core->stats.maker_fill_cnt += (in->flags & TG_F_MAKER) != 0;
  instr->last_fill_ns = core->now_ns;
  int64_t before_lots = instr->pos.qty_lots;
  bool sound = book_fill(core, instr, in, side, absorbed);
  tg_core_guards_on_fill(core, instr, fill, before_lots, o != NULL || !(in->flags & TG_F_FOREIGN));
  tg_core_drift_fill(core, instr, tg_side_sign(side) * (fill->qty_lots - absorbed));
  tell_fill(core, instr, in, side);
  if (o != NULL) {
    tg_ord_ev_t ev = {.now_ns = core->now_ns, .fill_lots = fill->qty_lots, .event = TG_OEV_PART};
    tg_core_order_event(core, o, &ev);
  } else {
    core->stats.foreign_fill_cnt++;
    if (sound && core->exposure.instr[instr->idx].pos_known)
      tg_exposure_position(&core->exposure, instr->idx, instr->pos.qty_lots);
    tg_core_tell_alarm(core, in->flags & TG_F_FOREIGN ? TG_ALARM_FOREIGN_ORDER : TG_ALARM_ORPHAN_ORDER, instr->idx,
                       fill->client_id, 0, (int64_t)fill->trade_id);
  }
  lost_fill(core, instr, in);
  tg_core_tell_position(core, instr);
  tg_core_tell_trips(core, instr);
  strategy_fill(core, instr, in, side, level);
  instr->force = 1;
  core->more = 1;
}

/* ---- order events of the stream ---- */

static tg_ord_event_t event_of_status(uint8_t status, tg_ord_event_t resting) {
  switch ((tg_order_status_t)status) {
    case TG_STATUS_FILLED:
      return TG_OEV_FULL;
    case TG_STATUS_CANCELED:
      return TG_OEV_CANCELED;
    case TG_STATUS_EXPIRED:
    case TG_STATUS_EXPIRED_IN_MATCH:
      return TG_OEV_EXPIRED;
    case TG_STATUS_REJECTED:
      return TG_OEV_DENIED;
    default:
      return resting;
  }
}

static tg_ord_event_t event_of_stream(const tg_ex_order_t *told) {
  tg_ord_event_t resting = TG_OEV_NEW;
  if (told->exec == TG_EXEC_AMENDMENT) {
    resting = TG_OEV_AMENDED;
  } else if (told->exec == TG_EXEC_TRADE || told->exec == TG_EXEC_CALCULATED || told->status == TG_STATUS_PARTIALLY_FILLED) {
    resting = TG_OEV_PART;
  }
  return event_of_status(told->status, resting);
}

#define REGRESS_MAX_MS 60000 /* farther back is the venue's clock, not the order of events */

/* Terms of an amendment that happened before one already taken: overtaken on the way. By the venue's time, as far as it tells
 * milliseconds apart. */
static bool overtaken(tg_order_t *o, const tg_msg_t *in) {
  int64_t venue_ms = (int64_t)(in->ts_ns / (uint64_t)TG_NS_PER_MS) - in->u.ex_order.venue_lag_ms;
  bool older = venue_ms < o->venue_ms && o->venue_ms - venue_ms <= REGRESS_MAX_MS;
  if (!older) o->venue_ms = venue_ms;
  return older;
}

static void on_order(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_ex_order_t *told = &in->u.ex_order;
  if (!sane(told->px_ticks, told->qty_lots, told->cum_qty_lots)) {
    core->stats.bad_msg_cnt++;
    tg_core_tell_alarm(core, TG_ALARM_BAD_MESSAGE, instr->idx, told->client_id, told->px_ticks, told->qty_lots);
    return;
  }
  tg_order_t *o = order_of(core, instr, in, told->client_id);
  if (o == NULL) o = tg_order_find_venue(&core->orders, instr->idx, told->order_id);
  if (in->flags & TG_F_UNKNOWN_ENUM) core->stats.unknown_enum_cnt++;
  bool word = told->status == TG_STATUS_OTHER || told->exec == TG_EXEC_OTHER || (in->flags & TG_F_UNKNOWN_ENUM) != 0;
  if (word) unknown_word(core, instr, told->client_id, told->status, told->exec, told->order_id);
  if (o == NULL) {
    if (told->exec == TG_EXEC_NEW || told->status == TG_STATUS_NEW)
      tg_core_tell_alarm(core, in->flags & TG_F_FOREIGN ? TG_ALARM_FOREIGN_ORDER : TG_ALARM_ORPHAN_ORDER, instr->idx,
                         told->client_id, 0, told->order_id);
    return;
  }
  tg_ord_ev_t ev = {.now_ns = core->now_ns,
                    .order_id = told->order_id,
                    .px_ticks = told->px_ticks,
                    .qty_lots = told->qty_lots,
                    .cum_lots = told->cum_qty_lots,
                    .event = (uint8_t)event_of_stream(told)};
  if (told->status == TG_STATUS_OTHER) ev.event = TG_OEV_STRAY; /* its numbers count, its word does not */
  if (overtaken(o, in) && ev.event == TG_OEV_AMENDED) ev.event = TG_OEV_STRAY;
  tg_core_order_event(core, o, &ev);
  if (!word || !tg_order_is_open(o)) return;
  o->query_want = 1; /* ask for the truth */
  (void)tg_core_query(core, o);
}

/* ---- answers ---- */

static void back_off(tg_core_t *core, tg_core_instr_t *instr, const tg_order_t *o) {
  if (o->level >= TG_CORE_LEVELS) return;
  tg_core_level_t *lv = &instr->level[o->level];
  int64_t pause = (core->conf.grid_min_requote_ms < 100 ? 100 : core->conf.grid_min_requote_ms) * TG_NS_PER_MS;
  for (uint32_t i = 0; i < lv->refusals && pause < BACK_OFF_MAX_NS; i++) pause *= 2;
  lv->refusals++;
  lv->retry_ns = core->now_ns + (uint64_t)(pause < BACK_OFF_MAX_NS ? pause : BACK_OFF_MAX_NS);
}

static tg_ord_event_t refused_query(tg_core_t *core, tg_order_t *o, const tg_ex_answer_t *answer) {
  if (answer->venue_code != CODE_NO_SUCH_ORDER_QUERY && answer->venue_code != CODE_NO_SUCH_ORDER) return TG_OEV_STRAY;
  uint64_t age_ns = core->now_ns - o->sent_ns; /* not of a later cancel: asking again must not renew the doubt */
  bool old = age_ns >= (uint64_t)core->conf.order_absent_proof_ms * (uint64_t)TG_NS_PER_MS;
  bool asked = (int64_t)o->not_found_cnt + 1 >= core->conf.order_absent_proof_asks;
  if (!(o->told_off & TG_ORDER_TOLD_NOT_FOUND)) {
    o->told_off |= TG_ORDER_TOLD_NOT_FOUND;
    tg_core_tell_alarm(core, TG_ALARM_NOT_FOUND_YET, o->instr_idx, o->client_id, o->state, answer->venue_code);
  }
  return old && asked ? TG_OEV_ABSENT : TG_OEV_NOT_FOUND;
}

static tg_ord_event_t refused(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o, const tg_ex_answer_t *answer) {
  bool gone = answer->venue_code == CODE_NO_SUCH_ORDER || answer->venue_code == CODE_NO_SUCH_ORDER_QUERY;
  core->stats.refused_cnt += answer->request != TG_REQUEST_QUERY;
  switch ((tg_request_t)answer->request) {
    case TG_REQUEST_PLACE:
      back_off(core, instr, o);
      return TG_OEV_REFUSE;
    case TG_REQUEST_AMEND:
      back_off(core, instr, o);
      if (answer->venue_code == CODE_TOO_MANY_AMENDS) o->no_amend = 1;
      return gone ? TG_OEV_AMEND_GONE : TG_OEV_AMEND_REFUSE;
    case TG_REQUEST_CANCEL:
      return TG_OEV_CANCEL_REFUSE;
    case TG_REQUEST_QUERY:
      return refused_query(core, o, answer);
    default:
      return TG_OEV_STRAY;
  }
}

/* Asked before a mutation that went out since: its terms may be the older ones, its end is an end. */
static tg_ord_event_t found(const tg_order_t *o, const tg_ex_answer_t *answer) {
  if (answer->status == TG_STATUS_NONE || answer->status == TG_STATUS_OTHER) return TG_OEV_STRAY;
  return event_of_status(answer->status, o->moved_ns > o->query_ns ? TG_OEV_STRAY : TG_OEV_FOUND);
}

static tg_ord_event_t confirmed(tg_core_instr_t *instr, tg_order_t *o, const tg_ex_answer_t *answer) {
  if (o->level < TG_CORE_LEVELS && answer->request != TG_REQUEST_CANCEL) instr->level[o->level].refusals = 0;
  switch ((tg_request_t)answer->request) {
    case TG_REQUEST_PLACE:
      return event_of_status(answer->status, TG_OEV_ACK);
    case TG_REQUEST_AMEND:
      return event_of_status(answer->status, TG_OEV_AMEND_ACK);
    case TG_REQUEST_CANCEL:
      return event_of_status(answer->status, TG_OEV_CANCELED);
    case TG_REQUEST_QUERY:
      return found(o, answer);
    default:
      return TG_OEV_STRAY;
  }
}

static tg_ord_event_t event_of_answer(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o, const tg_ex_answer_t *answer) {
  switch ((tg_outcome_t)answer->outcome) {
    case TG_OUTCOME_CONFIRMED:
      return confirmed(instr, o, answer);
    case TG_OUTCOME_REFUSED:
      return refused(core, instr, o, answer);
    default:
      core->stats.unknown_cnt += answer->request != TG_REQUEST_QUERY;
      return answer->request == o->request && answer->request != TG_REQUEST_NONE ? TG_OEV_UNKNOWN : TG_OEV_STRAY;
  }
}

static void on_answer(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_ex_answer_t *answer = &in->u.ex_answer;
  core->snap.session_rx_ns =
      answer->http_status != 0 || answer->outcome != TG_OUTCOME_UNKNOWN ? core->now_ns : core->snap.session_rx_ns;
  tg_order_t *o = tg_order_find(&core->orders, answer->client_id);
  if (o == NULL || o->instr_idx != instr->idx) {
    core->stats.stray_answer_cnt++;
    return;
  }
  if (answer->request == TG_REQUEST_QUERY && o->query_open) {
    o->query_open = 0;
    core->snap.in_flight_cnt--;
  }
  if (answer->venue_code != 0) o->venue_code = answer->venue_code;
  tg_core_guards_on_answer(core, o, answer);
  tg_ord_ev_t ev = {.now_ns = core->now_ns, .order_id = answer->order_id};
  ev.event = (uint8_t)event_of_answer(core, instr, o, answer);
  bool terms = sane(answer->px_ticks, answer->qty_lots, answer->cum_qty_lots);
  if (answer->outcome == TG_OUTCOME_CONFIRMED && answer->status != TG_STATUS_NONE && terms) {
    ev.px_ticks = answer->px_ticks;
    ev.qty_lots = answer->qty_lots;
    ev.cum_lots = answer->cum_qty_lots;
  }
  tg_ord_out_t out = tg_core_order_event(core, o, &ev);
  if (out.to == TG_ORD_GONE && out.from != TG_ORD_GONE) {
    tg_core_tell_alarm(core, TG_ALARM_MISSING_ORDER, instr->idx, o->client_id, out.from, o->order_id);
    tg_core_ask_sync(core, TG_ALARM_MISSING_ORDER, true);
  }
  instr->force = 1; /* the request is out of the way: what is wanted may go on */
  core->more = 1;
}

/* ---- balances, positions, configuration ---- */

static bool is_margin_asset(const tg_core_t *core, const char asset[6]) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (core->instr[i].known) return memcmp(core->instr[i].symbol.margin_asset, asset, 6) == 0;
  }
  return false;
}

static void on_balance(tg_core_t *core, const tg_msg_t *in) {
  const tg_ex_balance_t *balance = &in->u.ex_balance;
  if (!is_margin_asset(core, balance->asset)) return;
  core->wallet_e8 = balance->wallet_e8;
  if (balance->reason == TG_BALANCE_FUNDING) {
    tg_core_instr_t *instr = in->instr_idx < core->cfg.instr_cap ? &core->instr[in->instr_idx] : &core->instr[0];
    instr->pos.funding_e8 += balance->change_e8;
    tg_trips_funding(&instr->trips, balance->change_e8);
    tg_core_tell_position(core, instr);
  } else if (balance->reason == TG_BALANCE_TRANSFER) {
    core->wallet_base_e8 += balance->change_e8;
    tg_drawdown_transfer(&core->drawdown, balance->change_e8);
  }
}

static void on_config(tg_core_t *core, const tg_msg_t *in) {
  const tg_ex_config_t *config = &in->u.ex_config;
  if (config->what == TG_CONFEV_MARGIN_CALL || config->what == TG_CONFEV_LEVERAGE) tg_core_ask_sync(core, config->what, true);
  if (config->what == TG_CONFEV_OTHER) core->stats.unknown_enum_cnt++;
}

void tg_core_on_ex(tg_core_t *core, const tg_msg_t *in) {
  core->stats.ex_cnt++;
  if (in->kind == TG_EX_BALANCE) {
    on_balance(core, in);
    return;
  }
  if (in->kind == TG_EX_CONFIG) {
    on_config(core, in);
    return;
  }
  tg_core_instr_t *instr = tg_core_instr_of(core, in);
  if (instr == NULL) return;
  switch ((tg_msg_kind_t)in->kind) {
    case TG_EX_FILL:
      on_fill(core, instr, in);
      break;
    case TG_EX_ORDER:
      on_order(core, instr, in);
      break;
    case TG_EX_ANSWER:
      on_answer(core, instr, in);
      break;
    default: /* EX_POSITION: the venue's own view in account events; the snapshot compares, fills move */
      break;
  }
}

#include "engine/core/core_state.h"

tg_msg_t *tg_core_emit(tg_core_t *core, tg_msg_kind_t kind, uint16_t instr_idx) {
  tg_msg_t *msg = tg_msg_next(core->out, kind, instr_idx, core->now_ns);
  if (TG_LIKELY(msg != NULL)) {
    core->stats.out_cnt++;
    return msg;
  }
  core->stats.out_full_cnt++;
  tg_msg_init(&core->spill, kind, instr_idx, core->now_ns);
  return &core->spill;
}

TG_COLD void tg_core_tell_alarm2(tg_core_t *core, tg_alarm_t what, uint16_t instr_idx, uint64_t client_id, int64_t ours,
                                 int64_t venue, int64_t detail0, int64_t detail1) {
  core->stats.alarm_cnt[(unsigned)what & 63u]++;
  tg_out_alarm_t *alarm = &tg_core_emit(core, TG_OUT_ALARM, instr_idx)->u.out_alarm;
  alarm->what = (uint8_t)what;
  alarm->client_id = client_id;
  alarm->ours = ours;
  alarm->venue = venue;
  alarm->detail[0] = detail0;
  alarm->detail[1] = detail1;
}

TG_COLD void tg_core_tell_alarm(tg_core_t *core, tg_alarm_t what, uint16_t instr_idx, uint64_t client_id, int64_t ours,
                                int64_t venue) {
  tg_core_tell_alarm2(core, what, instr_idx, client_id, ours, venue, 0, 0);
}

void tg_core_tell_order(tg_core_t *core, const tg_order_t *o) {
  tg_out_report_t *report = &tg_core_emit(core, TG_OUT_ORDER, o->instr_idx)->u.out_order;
  report->client_id = o->client_id;
  report->order_id = o->order_id;
  report->px_ticks = o->px_ticks;
  report->qty_lots = o->qty_lots;
  report->cum_qty_lots = o->cum_lots;
  report->side = o->side;
  report->state = o->state;
  report->order_flags = o->order_flags;
  report->tif = o->tif;
  report->venue_code = o->venue_code;
  report->reason = o->reason;
  report->cause = core->cause;
}

void tg_core_tell_position(tg_core_t *core, const tg_core_instr_t *instr) {
  tg_out_position_t *position = &tg_core_emit(core, TG_OUT_POSITION, instr->idx)->u.out_position;
  position->qty_lots = instr->pos.qty_lots;
  position->cost_e8 = instr->pos.cost_e8;
  position->realised_e8 = instr->pos.realised_e8;
  position->commission_e8 = instr->pos.commission_e8;
  position->funding_e8 = instr->pos.funding_e8;
  position->unrealised_e8 = instr->pos.unrealised_e8;
}

void tg_core_tell_trips(tg_core_t *core, tg_core_instr_t *instr) {
  tg_trip_t trip;
  while (instr->trips.wait_cnt > 0 && tg_core_room(core, 2) && tg_trips_take(&instr->trips, &trip)) {
    int64_t net = trip.gross_e8 - trip.commission_e8 + trip.funding_e8;
    core->stats.trip_cnt++;
    core->stats.trip_won_cnt += net > 0;
    core->stats.trip_lost_cnt += net < 0;
    tg_core_guards_on_trip(core, instr->idx, net);
    tg_out_trip_t *first = &tg_core_emit(core, TG_OUT_TRIP, instr->idx)->u.out_trip;
    first->u.first.trip_no = trip.trip_no;
    first->u.first.entry_cost_e8 = trip.entry_cost_e8;
    first->u.first.exit_cost_e8 = trip.exit_cost_e8;
    first->u.first.qty_lots = trip.dir * trip.peak_lots;
    first->u.first.gross_e8 = trip.gross_e8;
    first->u.first.net_e8 = net;
    tg_msg_t *msg = tg_core_emit(core, TG_OUT_TRIP, instr->idx);
    tg_out_trip_t *second = &msg->u.out_trip;
    msg->flags = TG_F_SECOND;
    second->u.second.commission_e8 = trip.commission_e8;
    second->u.second.funding_e8 = trip.funding_e8;
    second->u.second.mae_e8 = trip.mae_e8;
    second->u.second.mfe_e8 = trip.mfe_e8;
    second->u.second.duration_ns = trip.closed_ns - trip.opened_ns;
    second->u.second.fill_cnt = trip.fill_cnt;
    second->u.second.maker_cnt = trip.maker_cnt;
  }
}

void tg_core_tell_state(tg_core_t *core, const tg_out_state_t *record) {
  tg_core_emit(core, TG_OUT_STATE, TG_INSTR_NONE)->u.out_state = *record;
}

void tg_core_tell_book(tg_core_t *core, const tg_core_instr_t *instr) {
  const tg_book_change_t *change = tg_book_change(&instr->book);
  tg_out_book_t *book = &tg_core_emit(core, TG_OUT_BOOK, instr->idx)->u.out_book;
  book->from = change->from;
  book->to = change->to;
  book->reason = change->reason;
  book->update_id = tg_book_last_id(&instr->book);
  book->gap_cnt = tg_book_counters(&instr->book)->gap_cnt;
}

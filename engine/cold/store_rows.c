#include <string.h>

#include "engine/cold/store_internal.h"

static sqlite3_stmt *row(tg_store_t *store, tg_store_statement_t which) {
  sqlite3_stmt *st = store->st[which];
  sqlite3_reset(st);
  sqlite3_bind_int64(st, 1, (int64_t)store->epoch);
  return st;
}

static void put(sqlite3_stmt *st, int at, int64_t value) {
  sqlite3_bind_int64(st, at, value);
}

static void put_text(sqlite3_stmt *st, int at, const char *text, size_t cap) {
  sqlite3_bind_text(st, at, text, (int)strnlen(text, cap), SQLITE_TRANSIENT);
}

/* Runs a bound statement to its end. */
static int step(tg_store_t *store, sqlite3_stmt *st) {
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) rc = SQLITE_DONE;
  int reset = sqlite3_reset(st);
  store->stats.rows++;
  return tg_store_failed(store, rc == SQLITE_DONE ? reset : rc);
}

static int on_symbol(tg_store_t *store, const tg_msg_t *msg) {
  const tg_cfg_symbol_t *cfg = &msg->u.cfg_symbol;
  sqlite3_stmt *st = row(store, TG_ST_INSTRUMENT);
  put(st, 2, msg->instr_idx);
  put_text(st, 3, cfg->symbol, sizeof cfg->symbol);
  put_text(st, 4, cfg->margin_asset, sizeof cfg->margin_asset);
  put(st, 5, cfg->product);
  put(st, 6, cfg->px_dec);
  put(st, 7, cfg->px_unit);
  put(st, 8, cfg->qty_dec);
  put(st, 9, cfg->qty_unit);
  return step(store, st);
}

static int on_place(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_order_t *order = &msg->u.out_place;
  sqlite3_stmt *st = row(store, TG_ST_PLACE);
  put(st, 2, (int64_t)order->client_id);
  put(st, 3, msg->instr_idx);
  put(st, 4, order->side);
  put(st, 5, order->px_ticks);
  put(st, 6, order->qty_lots);
  put(st, 7, order->tif);
  put(st, 8, order->type);
  put(st, 9, order->order_flags);
  put(st, 10, (int64_t)msg->ts_ns);
  store->stats.orders++;
  return step(store, st);
}

static int on_amend(tg_store_t *store, const tg_msg_t *msg) {
  sqlite3_stmt *st = row(store, TG_ST_AMEND);
  put(st, 2, (int64_t)msg->u.out_amend.client_id);
  put(st, 3, msg->u.out_amend.qty_lots);
  put(st, 4, (int64_t)msg->ts_ns);
  return step(store, st);
}

static int on_order(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_report_t *report = &msg->u.out_order;
  sqlite3_stmt *st = row(store, TG_ST_ORDER);
  put(st, 2, (int64_t)report->client_id);
  put(st, 3, msg->instr_idx);
  put(st, 4, report->side);
  put(st, 5, report->px_ticks);
  put(st, 6, report->qty_lots);
  put(st, 7, report->tif);
  put(st, 8, report->order_flags);
  put(st, 9, (int64_t)msg->ts_ns);
  put(st, 10, report->order_id);
  put(st, 11, report->cum_qty_lots);
  put(st, 12, report->state);
  put(st, 13, report->venue_code);
  put(st, 14, report->reason);
  put(st, 15, report->cause);
  return step(store, st);
}

/* Side of a fill: its order's; a stranger's order tells it by flag. */
static int fill_side(tg_store_t *store, const tg_msg_t *msg, int64_t *side) {
  *side = msg->flags & TG_F_ASK ? TG_SELL : TG_BUY;
  if (msg->flags & TG_F_FOREIGN) return 0;
  sqlite3_stmt *st = row(store, TG_ST_SIDE);
  put(st, 2, (int64_t)msg->u.out_fill.client_id);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) {
    *side = sqlite3_column_int64(st, 0);
  } else {
    store->stats.side_unknown++;
  }
  sqlite3_reset(st);
  return tg_store_failed(store, rc);
}

/* The position's row is behind until the core tells it again. */
static int stale(tg_store_t *store, uint16_t instr_idx) {
  sqlite3_stmt *st = row(store, TG_ST_STALE);
  put(st, 2, instr_idx);
  return step(store, st);
}

static int on_fill(tg_store_t *store, const tg_msg_t *msg) {
  const tg_ex_fill_t *fill = &msg->u.out_fill;
  int64_t side;
  int rc = fill_side(store, msg, &side);
  if (rc < 0) return rc;
  sqlite3_stmt *st = row(store, TG_ST_FILL);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)fill->trade_id);
  put(st, 4, (int64_t)fill->client_id);
  put(st, 5, side);
  put(st, 6, fill->px_ticks);
  put(st, 7, fill->qty_lots);
  put(st, 8, fill->commission_e8);
  put(st, 9, fill->realised_e8);
  put(st, 10, msg->flags);
  put(st, 11, (int64_t)msg->ts_ns);
  int64_t before = sqlite3_total_changes64(store->db);
  rc = step(store, st);
  if (rc == 0 && sqlite3_total_changes64(store->db) == before) {
    store->stats.repeated_fills++;
    return 0;
  }
  store->stats.fills++;
  tg_store_follow(store, msg);
  return rc < 0 ? rc : stale(store, msg->instr_idx);
}

static int on_trip(tg_store_t *store, const tg_msg_t *msg) {
  if (msg->instr_idx >= TG_INSTR_MAX) return 0;
  sqlite3_stmt *st;
  if (msg->flags & TG_F_SECOND) {
    st = row(store, TG_ST_TRIP2);
    put(st, 2, msg->instr_idx);
    put(st, 3, msg->u.out_trip.u.second.commission_e8);
    put(st, 4, msg->u.out_trip.u.second.funding_e8);
    put(st, 5, msg->u.out_trip.u.second.mae_e8);
    put(st, 6, msg->u.out_trip.u.second.mfe_e8);
    put(st, 7, (int64_t)msg->u.out_trip.u.second.duration_ns);
    put(st, 8, msg->u.out_trip.u.second.fill_cnt);
    put(st, 9, msg->u.out_trip.u.second.maker_cnt);
    put(st, 10, (int64_t)store->trip_no[msg->instr_idx]);
    return step(store, st);
  }
  tg_store_follow(store, msg);
  st = row(store, TG_ST_TRIP);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)msg->u.out_trip.u.first.trip_no);
  put(st, 4, (int64_t)msg->ts_ns);
  put(st, 5, msg->u.out_trip.u.first.entry_cost_e8);
  put(st, 6, msg->u.out_trip.u.first.exit_cost_e8);
  put(st, 7, msg->u.out_trip.u.first.qty_lots);
  put(st, 8, msg->u.out_trip.u.first.gross_e8);
  put(st, 9, msg->u.out_trip.u.first.net_e8);
  return step(store, st);
}

static int on_state(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_state_t *state = &msg->u.out_state;
  sqlite3_stmt *st = row(store, TG_ST_TRANSITION);
  put(st, 2, (int64_t)msg->ts_ns);
  put(st, 3, state->from);
  put(st, 4, state->to);
  put(st, 5, state->reason);
  put_text(st, 6, store->names->fsm_state(state->from), 64);
  put_text(st, 7, store->names->fsm_state(state->to), 64);
  put_text(st, 8, store->names->fsm_reason(state->reason), 64);
  put(st, 9, state->inputs_bits);
  put(st, 10, (int64_t)state->entered_ns);
  put(st, 11, (int64_t)state->feed_age_ns);
  put(st, 12, (int64_t)state->sync_age_ns);
  put(st, 13, state->toxicity_e8);
  put(st, 14, state->gross_e8);
  return step(store, st);
}

/* The fill before this position moved it by less than its quantity: the rest was inside an adopted position. Taken only
 * when what moved is a part of the fill in its direction; anything else is a difference that must show. */
static int moved_less(tg_store_t *store, const tg_msg_t *msg) {
  const tg_store_moving_t *moving = &store->moving[msg->instr_idx];
  if (moving->trade_id == 0) return 0;
  int64_t sign = moving->signed_lots < 0 ? -1 : 1;
  int64_t moved = (msg->u.out_position.qty_lots - store->told_qty[msg->instr_idx]) * sign;
  if (moved < 0 || moved >= moving->signed_lots * sign) return 0;
  sqlite3_stmt *st = row(store, TG_ST_MOVED);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)moving->trade_id);
  put(st, 4, moved);
  return step(store, st);
}

static int on_position(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_position_t *position = &msg->u.out_position;
  if (msg->instr_idx >= TG_INSTR_MAX) return 0;
  sqlite3_stmt *st = row(store, TG_ST_POSITION);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)msg->ts_ns);
  put(st, 4, position->qty_lots);
  put(st, 5, position->cost_e8);
  put(st, 6, position->realised_e8);
  put(st, 7, position->commission_e8);
  put(st, 8, position->funding_e8);
  put(st, 9, position->unrealised_e8);
  int rc = step(store, st);
  bool moved = position->qty_lots != store->told_qty[msg->instr_idx] || position->cost_e8 != store->told_cost[msg->instr_idx];
  if (rc == 0) rc = moved_less(store, msg);
  tg_store_follow(store, msg);
  /* outputs follow their input in the journal: a position that moves at the end of an account snapshot is an adoption */
  if (rc < 0 || !moved || store->input_kind != TG_ACC_END) return rc;
  st = row(store, TG_ST_ADOPTION);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)msg->ts_ns);
  put(st, 4, position->qty_lots);
  put(st, 5, position->cost_e8);
  return step(store, st);
}

static int on_balance(tg_store_t *store, const tg_msg_t *msg) {
  const tg_ex_balance_t *balance = &msg->u.ex_balance;
  if (balance->reason != TG_BALANCE_FUNDING) return 0;
  sqlite3_stmt *st = row(store, TG_ST_FUNDING);
  put(st, 2,
      msg->instr_idx < TG_INSTR_MAX ? msg->instr_idx
                                    : 0); /* cross margin names no instrument: the first one's, as in the core */
  put(st, 3, (int64_t)msg->ts_ns);
  put(st, 4, balance->venue_ms);
  put_text(st, 5, balance->asset, sizeof balance->asset);
  put(st, 6, balance->change_e8);
  int rc = step(store, st);
  return rc < 0 ? rc : stale(store, msg->instr_idx < TG_INSTR_MAX ? msg->instr_idx : 0);
}

/* ---- a former run's state, told to the core: this run begins with it ---- */

static int on_restore_pos(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_position_t *position = &msg->u.restore_pos;
  if (msg->instr_idx >= TG_INSTR_MAX) return 0;
  sqlite3_stmt *st = row(store, TG_ST_OPENING);
  put(st, 2, msg->instr_idx);
  put(st, 3, (int64_t)msg->ts_ns);
  put(st, 4, position->qty_lots);
  put(st, 5, position->cost_e8);
  put(st, 6, position->realised_e8);
  put(st, 7, position->commission_e8);
  put(st, 8, position->funding_e8);
  int rc = step(store, st);
  return rc < 0 ? rc : on_position(store, msg); /* the same payload; its kind makes it no adoption */
}

static int on_restore_order(tg_store_t *store, const tg_msg_t *msg) {
  const tg_acc_order_t *order = &msg->u.restore_order;
  sqlite3_stmt *st = row(store, TG_ST_RESTORED);
  put(st, 2, (int64_t)order->client_id);
  put(st, 3, msg->instr_idx);
  put(st, 4, order->side);
  put(st, 5, order->px_ticks);
  put(st, 6, order->qty_lots);
  put(st, 7, order->type);
  put(st, 8, order->order_flags);
  put(st, 9, (int64_t)msg->ts_ns);
  put(st, 10, order->order_id);
  put(st, 11, order->cum_qty_lots);
  return step(store, st);
}

static int on_restore_done(tg_store_t *store, const tg_msg_t *msg) {
  sqlite3_stmt *st = row(store, TG_ST_RESTORE_DONE);
  put(st, 2, (int64_t)msg->u.restore_done.from_epoch);
  return step(store, st);
}

static int on_day(tg_store_t *store, const tg_msg_t *msg) {
  const tg_day_t *day = &msg->u.day;
  sqlite3_stmt *st = row(store, TG_ST_DAY);
  put(st, 2, msg->instr_idx < TG_INSTR_MAX ? msg->instr_idx : -1);
  put(st, 3, (int64_t)msg->ts_ns);
  put(st, 4, (int64_t)day->day_no);
  put(st, 5, day->entry_cnt);
  put(st, 6, day->qty_lots);
  put(st, 7, day->notional_e8);
  put(st, 8, day->peak_e8);
  put(st, 9, day->loss_streak);
  return step(store, st);
}

static int on_alarm(tg_store_t *store, const tg_msg_t *msg) {
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  sqlite3_stmt *st = row(store, TG_ST_ALARM);
  put(st, 2, (int64_t)msg->ts_ns);
  put(st, 3, alarm->what);
  put_text(st, 4, tg_alarm_name(alarm->what), 64);
  put(st, 5, msg->instr_idx);
  put(st, 6, (int64_t)alarm->client_id);
  put(st, 7, alarm->ours);
  put(st, 8, alarm->venue);
  return step(store, st);
}

bool tg_store_wants(const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_CFG_SYMBOL:
    case TG_RESTORE_POS:
    case TG_RESTORE_ORDER:
    case TG_RESTORE_DONE:
    case TG_DAY:
    case TG_OUT_DAY:
    case TG_OUT_PLACE:
    case TG_OUT_AMEND:
    case TG_OUT_ORDER:
    case TG_OUT_FILL:
    case TG_OUT_TRIP:
    case TG_OUT_STATE:
    case TG_OUT_POSITION:
    case TG_EX_BALANCE:
    case TG_OUT_ALARM:
      return true;
    default:
      return false;
  }
}

int tg_store_row(tg_store_t *store, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_CFG_SYMBOL:
      return on_symbol(store, msg);
    case TG_RESTORE_POS:
      return on_restore_pos(store, msg);
    case TG_RESTORE_ORDER:
      return on_restore_order(store, msg);
    case TG_RESTORE_DONE:
      return on_restore_done(store, msg);
    case TG_DAY: /* what the former run left counts until the core tells otherwise */
    case TG_OUT_DAY:
      return on_day(store, msg);
    case TG_OUT_PLACE:
      return on_place(store, msg);
    case TG_OUT_AMEND:
      return on_amend(store, msg);
    case TG_OUT_ORDER:
      return on_order(store, msg);
    case TG_OUT_FILL:
      return on_fill(store, msg);
    case TG_OUT_TRIP:
      return on_trip(store, msg);
    case TG_OUT_STATE:
      return on_state(store, msg);
    case TG_OUT_POSITION:
      return on_position(store, msg);
    case TG_EX_BALANCE:
      return on_balance(store, msg);
    case TG_OUT_ALARM:
      return on_alarm(store, msg);
    default:
      return 0;
  }
}

/* ---- decisions: counted in memory, written as totals ---- */

static bool same(const tg_store_decision_t *row_, const tg_out_decision_t *decision) {
  return row_->decision == decision->decision && row_->reason == decision->reason && row_->gate == decision->gate &&
         row_->sub_code == decision->sub_code && row_->intent == decision->intent && row_->state == decision->state;
}

void tg_store_count_decision(tg_store_t *store, const tg_out_decision_t *decision) {
  uint32_t hash = 2166136261u;
  const uint8_t key[6] = {decision->decision, decision->reason, decision->gate,
                          decision->sub_code, decision->intent, decision->state};
  for (size_t i = 0; i < sizeof key; i++) hash = (hash ^ key[i]) * 16777619u;
  tg_store_decision_t *at = NULL;
  for (uint32_t i = 0; i < TG_STORE_DECISIONS; i++) {
    at = &store->decision[(hash + i) % TG_STORE_DECISIONS];
    if (!at->used || same(at, decision)) break;
  }
  if (!at->used) {
    at->used = true;
    at->decision = decision->decision;
    at->reason = decision->reason;
    at->gate = decision->gate;
    at->sub_code = decision->sub_code;
    at->intent = decision->intent;
    at->state = decision->state;
  }
  at->cnt++;
  at->dirty = true;
  store->decisions_dirty = true;
}

int tg_store_flush_decisions(tg_store_t *store) {
  if (!store->decisions_dirty) return 0;
  for (uint32_t i = 0; i < TG_STORE_DECISIONS; i++) {
    tg_store_decision_t *at = &store->decision[i];
    if (!at->used || !at->dirty) continue;
    sqlite3_stmt *st = row(store, TG_ST_DECISION);
    put(st, 2, at->decision);
    put(st, 3, at->reason);
    put(st, 4, at->gate);
    put(st, 5, at->sub_code);
    put(st, 6, at->intent);
    put(st, 7, at->state);
    put_text(st, 8, store->names->decision(at->decision), 64);
    put_text(st, 9, store->names->decision_reason(at->reason), 64);
    put_text(st, 10, at->gate == 255 ? "" : tg_cold_gate_reason(at->gate, at->sub_code), 64);
    put(st, 11, (int64_t)at->cnt);
    int rc = step(store, st);
    if (rc < 0) return rc;
    at->dirty = false;
  }
  store->decisions_dirty = false;
  return 0;
}

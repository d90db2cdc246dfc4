#include "engine/cold/answer.h"

#include "risk/gate.h"

#include <stdio.h>
#include <string.h>

#include "codecs/client_id.h"
#include "engine/base/decimal.h"

json_t *tg_answer_u64(uint64_t value) {
  return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *tg_answer_e8(int64_t value_e8) {
  char buf[24];
  return json_stringn(buf, tg_dec_print_short(value_e8, 8, buf));
}

static json_t *scaled(int64_t units, uint8_t dec, int64_t unit) {
  char buf[24];
  tg_scale_t scale = {dec, unit};
  return json_stringn(buf, tg_dec_print_scaled(units, scale, buf));
}

static const tg_cfg_symbol_t *symbol_of(const tg_mirror_t *mirror, uint16_t instr_idx) {
  if (instr_idx >= TG_INSTR_MAX || !mirror->symbol[instr_idx].known) return NULL;
  const tg_cfg_symbol_t *cfg = &mirror->symbol[instr_idx].cfg;
  return cfg->px_dec <= 18 && cfg->qty_dec <= 18 ? cfg : NULL;
}

json_t *tg_answer_px(const tg_mirror_t *mirror, uint16_t instr_idx, int64_t px_ticks) {
  const tg_cfg_symbol_t *cfg = symbol_of(mirror, instr_idx);
  return cfg ? scaled(px_ticks, cfg->px_dec, cfg->px_unit) : scaled(px_ticks, 0, 1);
}

json_t *tg_answer_qty(const tg_mirror_t *mirror, uint16_t instr_idx, int64_t qty_lots) {
  const tg_cfg_symbol_t *cfg = symbol_of(mirror, instr_idx);
  return cfg ? scaled(qty_lots, cfg->qty_dec, cfg->qty_unit) : scaled(qty_lots, 0, 1);
}

json_t *tg_answer_symbol(const tg_mirror_t *mirror, uint16_t instr_idx) {
  const tg_cfg_symbol_t *cfg = symbol_of(mirror, instr_idx);
  if (cfg) return json_stringn_nocheck(cfg->symbol, strnlen(cfg->symbol, sizeof cfg->symbol));
  if (instr_idx == TG_INSTR_NONE) return json_string("");
  return json_sprintf("#%u", (unsigned)instr_idx);
}

json_t *tg_answer_client(uint64_t client_id) {
  char text[TG_CLIENT_ID_BYTES];
  if (tg_client_id_letter(tg_client_id_mode(client_id)) == '?') return json_sprintf("~%016llx", (unsigned long long)client_id);
  tg_client_id_print(client_id, text);
  return json_stringn(text, sizeof text);
}

json_t *tg_answer_age_ms(uint64_t now_ns, uint64_t then_ns) {
  if (then_ns == 0) return json_null();
  return tg_answer_u64(now_ns > then_ns ? (now_ns - then_ns) / (uint64_t)TG_NS_PER_MS : 0);
}

const char *tg_mode_word(uint8_t mode) {
  switch (mode) {
    case TG_MODE_REPLAY:
      return "replay";
    case TG_MODE_BACKTEST:
      return "backtest";
    case TG_MODE_SIM:
      return "sim";
    case TG_MODE_PAPER:
      return "paper";
    case TG_MODE_SHADOW:
      return "shadow";
    case TG_MODE_LIVE:
      return "live";
    default:
      return "none";
  }
}

json_t *tg_answer_error(int err, const char *text) {
  return json_pack("{s:b,s:s,s:s}", "ok", 0, "error", text, "code", tg_err_name(err));
}

json_t *tg_answer_begin(const tg_question_t *question) {
  return json_pack("{s:b,s:s,s:s}", "ok", 1, "verb", question->row->word, "mode", tg_mode_word(question->cfg->mode));
}

/* ---- status ---- */

static json_t *status_books(const tg_mirror_t *mirror, uint64_t now_ns) {
  json_t *list = json_array();
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
    if (!symbol->known) continue;
    json_array_append_new(
        list,
        json_pack("{s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "symbol", tg_answer_symbol(mirror, i), "state",
                  tg_book_state_name(symbol->book_state), "reason", tg_book_reason_name(symbol->book_reason), "bid",
                  tg_answer_px(mirror, i, symbol->top.bid_px_ticks), "ask", tg_answer_px(mirror, i, symbol->top.ask_px_ticks),
                  "age_ms", tg_answer_age_ms(now_ns, symbol->top_ns), "updates", tg_answer_u64(symbol->book_updates), "gaps",
                  tg_answer_u64(symbol->book_gap_cnt), "open_orders", tg_answer_u64(symbol->open_orders), "position",
                  tg_answer_qty(mirror, i, symbol->position.qty_lots)));
  }
  return list;
}

static json_t *status_sessions(const tg_mirror_t *mirror, uint64_t now_ns) {
  json_t *list = json_array();
  for (unsigned i = 1; i < TG_SESSION_CNT; i++) {
    const tg_mirror_link_t *link = &mirror->link[i];
    if (!link->known) continue;
    json_array_append_new(list, json_pack("{s:s,s:b,s:o,s:o,s:i}", "session", tg_session_name(i), "up", link->link.up != 0,
                                          "for_ms", tg_answer_age_ms(now_ns, link->since_ns), "downs",
                                          tg_answer_u64(link->downs), "generation", (int)link->link.gen));
  }
  return list;
}

static json_t *status_counts(const tg_mirror_t *mirror) {
  const tg_mirror_counts_t *counts = &mirror->counts;
  return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "messages_in", tg_answer_u64(counts->in), "messages_out",
                   tg_answer_u64(counts->out), "book_updates", tg_answer_u64(counts->book_updates), "book_gaps",
                   tg_answer_u64(counts->book_gaps), "orders_open", tg_answer_u64(mirror->order_open), "orders_placed",
                   tg_answer_u64(counts->orders_placed), "orders_amended", tg_answer_u64(counts->orders_amended),
                   "orders_cancelled", tg_answer_u64(counts->orders_cancelled), "fills", tg_answer_u64(counts->fills),
                   "maker_fills", tg_answer_u64(counts->maker_fills));
}

json_t *tg_answer_alarm_counts(const tg_mirror_t *mirror) {
  json_t *object = json_object();
  for (unsigned i = 1; i < TG_ALARM_CNT && i < 64; i++) {
    if (i == TG_ALARM_CMD_DONE || mirror->counts.alarm[i] == 0) continue;
    json_object_set_new(object, tg_alarm_name(i), tg_answer_u64(mirror->counts.alarm[i]));
  }
  return object;
}

/* Sums over all instruments, as the core told them last. */
static json_t *status_pnl(const tg_mirror_t *mirror) {
  int64_t realised = 0, commission = 0, funding = 0, unrealised = 0;
  for (unsigned i = 0; i < TG_INSTR_MAX; i++) {
    const tg_out_position_t *position = &mirror->symbol[i].position;
    realised += position->realised_e8;
    commission += position->commission_e8;
    funding += position->funding_e8;
    unrealised += position->unrealised_e8;
  }
  return json_pack("{s:o,s:o,s:o,s:o,s:o}", "realised", tg_answer_e8(realised), "commission", tg_answer_e8(commission),
                   "funding", tg_answer_e8(funding), "unrealised", tg_answer_e8(unrealised), "net",
                   tg_answer_e8(realised - commission + funding));
}

json_t *tg_answer_status(const tg_question_t *question) {
  const tg_control_cfg_t *cfg = question->cfg;
  const tg_mirror_t *mirror = cfg->mirror;
  json_t *answer = tg_answer_begin(question);
  json_t *more =
      json_pack("{s:o,s:s,s:o,s:s,s:s,s:o,s:b,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "epoch", tg_answer_u64(cfg->epoch), "engine",
                cfg->engine, "uptime_ms", tg_answer_age_ms(question->now_ns, cfg->started_ns), "state",
                cfg->names->fsm_state(mirror->state), "state_reason", cfg->names->fsm_reason(mirror->state_reason), "state_ms",
                tg_answer_age_ms(question->now_ns, mirror->state_since_ns), "armed", mirror->armed, "kill", mirror->kill,
                "counts", status_counts(mirror), "pnl", status_pnl(mirror), "books", status_books(mirror, question->now_ns),
                "sessions", status_sessions(mirror, question->now_ns), "alarms", tg_answer_alarm_counts(mirror), "sync_age_ms",
                tg_answer_age_ms(question->now_ns, mirror->sync_good_ns), "journal_ok",
                mirror->health[TG_HEALTH_JOURNAL].what == 0 || mirror->health[TG_HEALTH_JOURNAL].ok != 0);
  if (!answer || !more || json_object_update_new(answer, more) != 0) {
    json_decref(answer);
    return NULL;
  }
  if (cfg->status) cfg->status(cfg->user, answer);
  return answer;
}

json_t *tg_control_status_json(const tg_control_cfg_t *cfg, uint64_t now_ns) {
  tg_question_t question = {.cfg = cfg, .row = &tg_control_rows[0], .now_ns = now_ns};
  return tg_answer_status(&question);
}

/* ---- orders and positions ---- */

static json_t *order_json(const tg_question_t *question, const tg_mirror_order_t *order) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  const tg_out_report_t *report = &order->report;
  json_t *row = json_pack(
      "{s:o,s:o,s:I,s:s,s:o,s:o,s:o,s:s,s:b,s:b,s:s,s:i,s:o,s:o}", "symbol", tg_answer_symbol(mirror, order->instr_idx),
      "client_id", tg_answer_client(report->client_id), "order_id", (json_int_t)report->order_id, "side",
      report->side == TG_SELL ? "SELL" : "BUY", "price", tg_answer_px(mirror, order->instr_idx, report->px_ticks), "qty",
      tg_answer_qty(mirror, order->instr_idx, report->qty_lots), "filled",
      tg_answer_qty(mirror, order->instr_idx, report->cum_qty_lots), "state", question->cfg->names->order_state(report->state),
      "open", order->open, "reduce_only", (report->order_flags & TG_ORDER_REDUCE_ONLY) != 0, "tif", tg_tif_name(report->tif),
      "venue_code", (int)report->venue_code, "age_ms", tg_answer_age_ms(question->now_ns, order->first_ns), "changed_ms",
      tg_answer_age_ms(question->now_ns, order->last_ns));
  if (order->unknown_ns != 0) { /* how long already, and how often the venue was asked */
    json_object_set_new(row, "unknown_ms", tg_answer_age_ms(question->now_ns, order->unknown_ns));
    json_object_set_new(row, "asked", tg_answer_u64(order->ask_cnt));
  }
  return row;
}

json_t *tg_answer_orders(const tg_question_t *question) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  bool all = question->arg_cnt > 0;
  if (all && strcmp(question->arg[0], "all") != 0) return tg_answer_error(-TG_EINVAL, "orders takes nothing or the word all");
  json_t *list = json_array();
  for (uint32_t i = 0; i < TG_MIRROR_ORDERS; i++) {
    const tg_mirror_order_t *order = &mirror->order[i];
    if (!order->used || (!order->open && !all)) continue;
    json_t *row = order_json(question, order);
    if (row && question->cfg->order && order->open) question->cfg->order(question->cfg->user, row, order->report.client_id);
    json_array_append_new(list, row);
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "open", tg_answer_u64(mirror->order_open));
  json_object_set_new(answer, "orders", list);
  return answer;
}

/* cost / qty with the instrument's price decimals and two more; money only for showing. */
static json_t *average_json(const tg_mirror_symbol_t *symbol) {
  int64_t lots = symbol->position.qty_lots < 0 ? -symbol->position.qty_lots : symbol->position.qty_lots;
  int64_t qty_e8;
  tg_scale_t scale = {symbol->cfg.qty_dec, symbol->cfg.qty_unit};
  if (lots == 0 || !symbol->known || tg_scale_to_e8(lots, scale, &qty_e8) < 0 || qty_e8 == 0) return json_null();
  tg_i128 price_e8 = (tg_i128)symbol->position.cost_e8 * TG_E8 / qty_e8;
  return price_e8 > INT64_MAX || price_e8 < 0 ? json_null() : tg_answer_e8((int64_t)price_e8);
}

json_t *tg_answer_positions(const tg_question_t *question) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  json_t *list = json_array(), *balances = json_array();
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
    if (!symbol->known && !symbol->has_position) continue;
    const tg_out_position_t *position = &symbol->position;
    json_array_append_new(
        list, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "symbol", tg_answer_symbol(mirror, i), "qty",
                        tg_answer_qty(mirror, i, position->qty_lots), "entry", average_json(symbol), "mark",
                        tg_answer_e8(symbol->mark.mark_e8), "realised", tg_answer_e8(position->realised_e8), "commission",
                        tg_answer_e8(position->commission_e8), "funding", tg_answer_e8(position->funding_e8), "unrealised",
                        tg_answer_e8(position->unrealised_e8), "net",
                        tg_answer_e8(position->realised_e8 - position->commission_e8 + position->funding_e8)));
  }
  for (uint32_t i = 0; i < mirror->balance_cnt; i++) {
    const tg_ex_balance_t *balance = &mirror->balance[i];
    json_array_append_new(
        balances, json_pack("{s:o,s:o,s:o}", "asset",
                            json_stringn_nocheck(balance->asset, strnlen(balance->asset, sizeof balance->asset)), "wallet",
                            tg_answer_e8(balance->wallet_e8), "available", tg_answer_e8(balance->available_e8)));
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "positions", list);
  json_object_set_new(answer, "balances", balances);
  return answer;
}

/* ---- book ---- */

static json_t *side_json(const tg_mirror_t *mirror, uint16_t instr_idx, tg_side_t side) {
  enum { LEVELS = 10 };
  json_t *list = json_array();
  const tg_book_t *book = mirror->symbol[instr_idx].book;
  if (!book || !tg_book_complete(book)) return list;
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  tg_book_levels_first(book, side, &cursor);
  for (int i = 0; i < LEVELS && tg_book_levels_next(book, side, &cursor, &level); i++)
    json_array_append_new(list, json_pack("[o,o]", tg_answer_px(mirror, instr_idx, level.px_ticks),
                                          tg_answer_qty(mirror, instr_idx, level.qty_lots)));
  return list;
}

static json_t *book_json(const tg_question_t *question, uint16_t i) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
  const tg_md_top_t *top = &symbol->top;
  return json_pack("{s:o,s:s,s:s,s:[o,o],s:[o,o],s:o,s:o,s:o,s:o,s:i,s:i,s:o,s:o}", "symbol", tg_answer_symbol(mirror, i),
                   "state", tg_book_state_name(symbol->book_state), "reason", tg_book_reason_name(symbol->book_reason), "bid",
                   tg_answer_px(mirror, i, top->bid_px_ticks), tg_answer_qty(mirror, i, top->bid_qty_lots), "ask",
                   tg_answer_px(mirror, i, top->ask_px_ticks), tg_answer_qty(mirror, i, top->ask_qty_lots), "update_id",
                   tg_answer_u64(top->update_id), "age_ms", tg_answer_age_ms(question->now_ns, symbol->top_ns), "updates",
                   tg_answer_u64(symbol->book_updates), "gaps", tg_answer_u64(symbol->book_gap_cnt), "bid_levels",
                   symbol->book ? (int)tg_book_level_cnt(symbol->book, TG_BUY) : 0, "ask_levels",
                   symbol->book ? (int)tg_book_level_cnt(symbol->book, TG_SELL) : 0, "bids", side_json(mirror, i, TG_BUY),
                   "asks", side_json(mirror, i, TG_SELL));
}

json_t *tg_answer_book(const tg_question_t *question) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  uint16_t only = TG_INSTR_NONE;
  if (question->arg_cnt > 0) {
    only = tg_mirror_find(mirror, question->arg[0]);
    if (only == TG_INSTR_NONE) return tg_answer_error(-TG_ENOTFOUND, "no such instrument");
  }
  json_t *list = json_array();
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    if (mirror->symbol[i].known && (only == TG_INSTR_NONE || only == i)) json_array_append_new(list, book_json(question, i));
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "books", list);
  return answer;
}

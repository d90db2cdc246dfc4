/* Answers that become commands, or show what a command would do. */
#include <stdio.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/answer.h"

static void command(const tg_question_t *question, tg_verb_t verb, uint16_t instr_idx, size_t reason_at) {
  tg_msg_t *cmd = question->out_cmd;
  tg_msg_init(cmd, TG_CMD, instr_idx, question->now_ns);
  cmd->u.cmd.verb = (uint8_t)verb;
  cmd->u.cmd.role = question->role;
  cmd->u.cmd.uid = question->uid;
  size_t used = 0, cap = sizeof cmd->u.cmd.reason - 1;
  for (size_t i = reason_at; i < question->arg_cnt && used < cap; i++) {
    size_t len = strlen(question->arg[i]);
    if (used > 0) cmd->u.cmd.reason[used++] = ' ';
    if (len > cap - used) len = cap - used;
    memcpy(cmd->u.cmd.reason + used, question->arg[i], len);
    used += len;
  }
}

json_t *tg_answer_kill_drill(const tg_question_t *question) {
  command(question, TG_VERB_KILL, TG_INSTR_NONE, 0);
  question->out_cmd->u.cmd.arg[0] = TG_CTL_KILL_DRILL;
  return NULL;
}

/* ---- flatten ---- */

static int64_t setting(const tg_conf_t *conf, const char *name) {
  const tg_conf_row_t *row = conf ? tg_conf_find(name) : NULL;
  return row ? tg_conf_number(conf, row) : 0;
}

/* price * quantity, exact, cut to e8. */
static json_t *value_json(const tg_mirror_symbol_t *symbol, int64_t px_ticks, int64_t qty_lots) {
  tg_scale_t px = {symbol->cfg.px_dec, symbol->cfg.px_unit}, qty = {symbol->cfg.qty_dec, symbol->cfg.qty_unit};
  int64_t px_e8, qty_e8;
  if (px_ticks <= 0 || tg_scale_to_e8(px_ticks, px, &px_e8) < 0 || tg_scale_to_e8(qty_lots, qty, &qty_e8) < 0)
    return json_null();
  tg_i128 value = (tg_i128)px_e8 * qty_e8 / TG_E8;
  return value > INT64_MAX ? json_null() : tg_answer_e8((int64_t)value);
}

static json_t *orders_of(const tg_mirror_t *mirror, uint16_t instr_idx) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < TG_MIRROR_ORDERS; i++) {
    const tg_mirror_order_t *order = &mirror->order[i];
    if (!order->used || !order->open || order->instr_idx != instr_idx) continue;
    json_array_append_new(list, json_pack("{s:o,s:s,s:o,s:o}", "client_id", tg_answer_client(order->report.client_id), "side",
                                          order->report.side == TG_SELL ? "SELL" : "BUY", "price",
                                          tg_answer_px(mirror, instr_idx, order->report.px_ticks), "qty",
                                          tg_answer_qty(mirror, instr_idx, order->report.qty_lots)));
  }
  return list;
}

/* What would be done on one instrument: ours cancelled, then reduce-only orders down to the collar's edge. */
static json_t *preview_one(const tg_question_t *question, uint16_t i) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
  int64_t lots = symbol->position.qty_lots, abs_lots = lots < 0 ? -lots : lots;
  int64_t bps = setting(question->cfg->conf, "risk.collar_exit_bps");
  int64_t mid2 =
      symbol->top.bid_px_ticks > 0 && symbol->top.ask_px_ticks > 0 ? symbol->top.bid_px_ticks + symbol->top.ask_px_ticks : 0;
  tg_i128 edge = lots > 0 ? ((tg_i128)mid2 * (10000 - bps) + 19999) / 20000 : (tg_i128)mid2 * (10000 + bps) / 20000;
  int64_t touch = lots > 0 ? symbol->top.bid_px_ticks : symbol->top.ask_px_ticks;
  json_t *orders = orders_of(mirror, i);
  return json_pack("{s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "symbol", tg_answer_symbol(mirror, i), "position",
                   tg_answer_qty(mirror, i, lots), "side",
                   lots > 0   ? "SELL"
                   : lots < 0 ? "BUY"
                              : "none",
                   "qty", tg_answer_qty(mirror, i, abs_lots), "touch", touch > 0 ? tg_answer_px(mirror, i, touch) : json_null(),
                   "worst_price", mid2 > 0 && lots != 0 ? tg_answer_px(mirror, i, (int64_t)edge) : json_null(), "notional",
                   value_json(symbol, touch, abs_lots), "worst_notional", value_json(symbol, (int64_t)edge, abs_lots),
                   "orders_to_cancel", tg_answer_u64(json_array_size(orders)), "orders", orders);
}

json_t *tg_answer_flatten(const tg_question_t *question) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  const char *how = question->arg_cnt ? question->arg[0] : "";
  bool dry = strcmp(how, "dry-run") == 0;
  if (!dry && strcmp(how, "yes") != 0)
    return tg_answer_error(-TG_EINVAL, "flatten trades: say --dry-run to see what it would do, or --yes to do it");
  uint16_t only = question->arg_cnt > 1 ? tg_mirror_find(mirror, question->arg[1]) : TG_INSTR_NONE;
  if (dry && question->arg_cnt > 1 && only == TG_INSTR_NONE) return tg_answer_error(-TG_ENOTFOUND, "no such instrument");
  if (!dry) {
    command(question, TG_VERB_FLATTEN, only, only == TG_INSTR_NONE ? 1 : 2);
    return NULL;
  }
  json_t *list = json_array();
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    if (mirror->symbol[i].known && (only == TG_INSTR_NONE || only == i)) json_array_append_new(list, preview_one(question, i));
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "note", json_string("nothing was done; reduce-only orders may fill anywhere up to worst_price"));
  json_object_set_new(answer, "flatten", list);
  return answer;
}

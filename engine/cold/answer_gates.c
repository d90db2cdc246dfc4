/* Answers about gates: what blocked, how much room is left, and why one decision came out as it did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "engine/base/decimal.h"
#include "engine/cold/answer.h"
#include "risk/explain.h"
#include "risk/gate.h"
#include "risk/limits.h"

/* ---- gates ---- */

/* Every gate of the chain in its order; those whose machinery comes later say so. */
static json_t *gate_chain(const tg_mirror_counts_t *counts) {
  json_t *chain = json_array();
  for (unsigned i = 0; i < TG_GATE_CNT; i++) {
    const tg_gate_row_t *row = &tg_gate_rows[i];
    json_array_append_new(chain, json_pack("{s:i,s:s,s:s,s:s,s:o}", "bit", (int)row->bit, "gate", row->name, "status",
                                           row->built ? "live" : "not built: always passes", "blocks", row->blocks, "bits_set",
                                           tg_answer_u64(counts->gate_any[row->bit])));
  }
  return chain;
}

json_t *tg_answer_gates(const tg_question_t *question) {
  const tg_mirror_counts_t *counts = &question->cfg->mirror->counts;
  json_t *first = json_object(), *any = json_object(), *blocked = json_array();
  uint64_t sum = 0;
  for (unsigned bit = 0; bit < TG_MIRROR_GATES; bit++) {
    for (unsigned sub = 0; sub < TG_COLD_GATE_SUBS; sub++) {
      uint64_t cnt = counts->gate_first[bit][sub];
      if (cnt == 0) continue;
      sum += cnt;
      json_object_set_new(first, tg_cold_gate_reason(bit, sub), tg_answer_u64(cnt));
    }
    if (counts->gate_any[bit]) json_object_set_new(any, tg_cold_gate_reason(bit, 0), tg_answer_u64(counts->gate_any[bit]));
  }
  for (unsigned state = 0; state < TG_COLD_FSM_STATES; state++) {
    for (unsigned intent = 0; intent < 4; intent++) {
      if (counts->blocked[state][intent] == 0) continue;
      json_array_append_new(blocked, json_pack("{s:s,s:s,s:o}", "state", question->cfg->names->fsm_state(state), "intent",
                                               tg_intent_name(intent), "count", tg_answer_u64(counts->blocked[state][intent])));
    }
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "blocked", tg_answer_u64(sum));
  json_object_set_new(answer, "gate_blocks", first);
  json_object_set_new(answer, "gate_bits", any);
  json_object_set_new(answer, "by_state", blocked);
  json_object_set_new(answer, "chain", gate_chain(counts));
  if (question->cfg->gates) question->cfg->gates(question->cfg->user, answer, false, NULL);
  return answer;
}

json_t *tg_answer_limits(const tg_question_t *question) {
  if (!question->cfg->gates) return tg_answer_error(-TG_EUNSUPPORTED, "the limits are not available here");
  const char *symbol = question->arg_cnt ? question->arg[0] : NULL;
  if (symbol && tg_mirror_find(question->cfg->mirror, symbol) == TG_INSTR_NONE)
    return tg_answer_error(-TG_ENOTFOUND, "no such instrument");
  json_t *answer = tg_answer_begin(question);
  question->cfg->gates(question->cfg->user, answer, true, symbol);
  return answer;
}

/* ---- one decision explained ---- */

static json_t *explain_value(const tg_mirror_t *mirror, uint16_t instr_idx, unsigned unit, int64_t value) {
  switch ((tg_explain_unit_t)unit) {
    case TG_EXPLAIN_LOTS:
      return tg_answer_qty(mirror, instr_idx, value);
    case TG_EXPLAIN_TICKS:
      return tg_answer_px(mirror, instr_idx, value);
    case TG_EXPLAIN_E8:
      return tg_answer_e8(value);
    case TG_EXPLAIN_NS:
      return value < 0 ? json_string("never") : json_sprintf("%lld ms", (long long)(value / TG_NS_PER_MS));
    case TG_EXPLAIN_BITS:
      return json_sprintf("%llx", (unsigned long long)value);
    default:
      return json_integer((json_int_t)value);
  }
}

json_t *tg_answer_limit(const tg_mirror_t *mirror, uint16_t instr_idx, unsigned limit, int64_t value) {
  switch (tg_limit_unit(limit)) {
    case TG_LIMIT_UNIT_LOTS:
      return tg_answer_qty(mirror, instr_idx, value);
    case TG_LIMIT_UNIT_E8:
      return tg_answer_e8(value);
    case TG_LIMIT_UNIT_NS:
      return json_sprintf("%lld ms", (long long)(value / TG_NS_PER_MS));
    case TG_LIMIT_UNIT_BPS:
      return json_sprintf("%lld bps", (long long)value);
    case TG_LIMIT_UNIT_PCT:
      return json_sprintf("%lld %%", (long long)value);
    default:
      return json_integer((json_int_t)value);
  }
}

static json_t *inputs_json(const tg_mirror_t *mirror, const tg_mirror_explain_t *explain) {
  json_t *list = json_array();
  for (unsigned i = 0; i < TG_EXPLAIN_CNT; i++) {
    if (!(explain->parts >> (i / 4) & 1u)) continue;
    const tg_explain_row_t *row = &tg_explain_rows[i];
    json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "input", row->name, "value",
                                          explain_value(mirror, explain->decision.instr_idx, row->unit, explain->value[i]),
                                          "meaning", row->text));
  }
  return list;
}

static json_t *limits_json(const tg_mirror_t *mirror, const tg_mirror_explain_t *explain) {
  json_t *list = json_array();
  for (unsigned i = 0; i < TG_LIMIT_CNT; i++) {
    int64_t value;
    if (!tg_mirror_limit(mirror, explain->decision.instr_idx, explain->limits_version, i, &value)) continue;
    json_array_append_new(list, json_pack("{s:s,s:o}", "limit", tg_limit_name(i), "value",
                                          tg_answer_limit(mirror, explain->decision.instr_idx, i, value)));
  }
  return list;
}

static json_t *reasons_json(const tg_out_decision_t *decision) {
  json_t *list = json_array();
  for (unsigned i = 0; i < TG_GATE_CNT; i++) {
    const tg_gate_row_t *row = &tg_gate_rows[i];
    if (!(decision->gate_mask >> row->bit & 1u)) continue;
    bool told = row->bit == decision->gate;
    json_array_append_new(
        list, json_pack("{s:i,s:s,s:s,s:b,s:s}", "bit", (int)row->bit, "gate", row->name, "reason",
                        tg_cold_gate_reason(row->bit, told ? decision->sub_code : 0), "told", told, "blocks", row->blocks));
  }
  return list;
}

/* "tgs-3000...", its 16 hex digits, or "last". */
static bool parse_order(const char *text, uint64_t *out) {
  size_t len = strlen(text);
  *out = 0;
  if (strcmp(text, "last") == 0) return true;
  if (tg_client_id_parse(text, len, out)) return true;
  if (len == 0 || len > 16 || strspn(text, "0123456789abcdefABCDEF") != len) return false;
  *out = strtoull(text, NULL, 16);
  return *out != 0;
}

json_t *tg_answer_explain(const tg_question_t *question) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  uint64_t client_id;
  if (question->arg_cnt != 1 || !parse_order(question->arg[0], &client_id))
    return tg_answer_error(-TG_EINVAL, "gates explain ORDER: a client id, its hex number, or the word last");
  const tg_mirror_explain_t *explain = tg_mirror_explain(mirror, client_id);
  if (!explain) {
    char text[160];
    snprintf(text, sizeof text, "no decision about it among the last %d kept; the tape has all of them", TG_MIRROR_EXPLAINS);
    return tg_answer_error(-TG_ENOTFOUND, text);
  }
  const tg_msg_t *msg = &explain->decision;
  const tg_out_decision_t *decision = &msg->u.out_decision;
  const tg_cold_names_t *names = question->cfg->names;
  json_t *answer = tg_answer_begin(question);
  json_t *head = json_pack("{s:o,s:o,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:s,s:o,s:s,s:I}", "age_ms",
                           tg_answer_age_ms(question->now_ns, msg->ts_ns), "symbol", tg_answer_symbol(mirror, msg->instr_idx),
                           "client_id", decision->client_id ? tg_answer_client(decision->client_id) : json_string(""),
                           "decision", names->decision(decision->decision), "why", names->decision_reason(decision->reason),
                           "intent", tg_intent_name(decision->intent), "side", decision->side == TG_SELL ? "SELL" : "BUY",
                           "price", tg_answer_px(mirror, msg->instr_idx, decision->px_ticks), "qty",
                           tg_answer_qty(mirror, msg->instr_idx, decision->qty_lots), "reason",
                           decision->gate_mask ? tg_cold_gate_reason(decision->gate, decision->sub_code) : "passed",
                           "gate_mask", json_sprintf("%llx", (unsigned long long)decision->gate_mask), "state",
                           names->fsm_state(decision->state), "limits_version", (json_int_t)explain->limits_version);
  if (!answer || !head || json_object_update_new(answer, head) != 0) {
    json_decref(answer);
    return NULL;
  }
  json_object_set_new(answer, "bits", reasons_json(decision));
  json_object_set_new(answer, "inputs", inputs_json(mirror, explain));
  json_object_set_new(answer, "limits", limits_json(mirror, explain));
  return answer;
}

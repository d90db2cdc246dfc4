/* Answers about what happened, about the settings and about the door itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/answer.h"

/* How many, from the first argument; 20 without one. -1 when it is no number of 1 .. 10000. */
static int64_t how_many(const tg_question_t *question) {
  if (question->arg_cnt == 0) return 20;
  int64_t value;
  if (tg_dec_parse(question->arg[0], strlen(question->arg[0]), 0, &value) < 0 || value < 1 || value > 10000) return -1;
  return value;
}

static json_t *decision_json(const tg_question_t *question, const tg_msg_t *msg) {
  const tg_out_decision_t *decision = &msg->u.out_decision;
  const tg_mirror_t *mirror = question->cfg->mirror;
  return json_pack(
      "{s:o,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:i,s:s,s:o,s:s}", "age_ms", tg_answer_age_ms(question->now_ns, msg->ts_ns), "symbol",
      tg_answer_symbol(mirror, msg->instr_idx), "decision", question->cfg->names->decision(decision->decision), "reason",
      question->cfg->names->decision_reason(decision->reason), "intent", tg_intent_name(decision->intent), "side",
      decision->side == TG_SELL ? "SELL" : "BUY", "price", tg_answer_px(mirror, msg->instr_idx, decision->px_ticks), "qty",
      tg_answer_qty(mirror, msg->instr_idx, decision->qty_lots), "level", (int)decision->level, "gate",
      decision->gate_mask ? tg_cold_gate_reason(decision->gate, decision->sub_code) : "", "gate_mask",
      json_sprintf("%llx", (unsigned long long)decision->gate_mask), "state", question->cfg->names->fsm_state(decision->state));
}

/* The last N messages of a ring, newest first, each by `one`. */
static json_t *ring_answer(const tg_question_t *question, const tg_mirror_ring_t *ring, const char *key,
                           json_t *(*one)(const tg_question_t *, const tg_msg_t *)) {
  int64_t wanted = how_many(question);
  if (wanted < 0) return tg_answer_error(-TG_EINVAL, "how many: a number from 1 to 10000");
  json_t *list = json_array();
  const tg_msg_t *msg;
  for (int64_t i = 0; i < wanted && (msg = tg_mirror_ring_at(ring, (uint64_t)i)) != NULL; i++)
    json_array_append_new(list, one(question, msg));
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "count", tg_answer_u64(ring->next));
  json_object_set_new(answer, key, list);
  return answer;
}

json_t *tg_answer_decisions(const tg_question_t *question) {
  const tg_mirror_counts_t *counts = &question->cfg->mirror->counts;
  json_t *answer = ring_answer(question, &question->cfg->mirror->decisions, "decisions", decision_json);
  if (!json_is_true(json_object_get(answer, "ok"))) return answer;
  json_t *totals = json_array();
  for (unsigned d = 0; d < TG_MIRROR_DECISION_KINDS; d++) {
    for (unsigned r = 0; r < TG_MIRROR_REASONS; r++) {
      if (counts->decision[d][r] == 0) continue;
      json_array_append_new(
          totals, json_pack("{s:s,s:s,s:o}", "decision", question->cfg->names->decision(d), "reason",
                            question->cfg->names->decision_reason(r), "count", tg_answer_u64(counts->decision[d][r])));
    }
  }
  json_object_set_new(answer, "totals", totals);
  return answer;
}

static json_t *fill_json(const tg_question_t *question, const tg_msg_t *msg) {
  const tg_ex_fill_t *fill = &msg->u.out_fill;
  const tg_mirror_t *mirror = question->cfg->mirror;
  const tg_mirror_order_t *order = tg_mirror_order(mirror, fill->client_id);
  bool sold = order ? order->report.side == TG_SELL : (msg->flags & TG_F_ASK) != 0;
  return json_pack("{s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:b}", "age_ms", tg_answer_age_ms(question->now_ns, msg->ts_ns),
                   "symbol", tg_answer_symbol(mirror, msg->instr_idx), "client_id", tg_answer_client(fill->client_id), "side",
                   sold ? "SELL" : "BUY", "trade_id", tg_answer_u64(fill->trade_id), "price",
                   tg_answer_px(mirror, msg->instr_idx, fill->px_ticks), "qty",
                   tg_answer_qty(mirror, msg->instr_idx, fill->qty_lots), "commission", tg_answer_e8(fill->commission_e8),
                   "realised", tg_answer_e8(fill->realised_e8), "maker", (msg->flags & TG_F_MAKER) != 0);
}

json_t *tg_answer_fills(const tg_question_t *question) {
  return ring_answer(question, &question->cfg->mirror->fills, "fills", fill_json);
}

static json_t *trip_json(const tg_question_t *question, const tg_msg_t *msg) {
  const tg_out_trip_t *trip = &msg->u.out_trip;
  const tg_mirror_t *mirror = question->cfg->mirror;
  return json_pack(
      "{s:o,s:o,s:o,s:s,s:o,s:o,s:o}", "age_ms", tg_answer_age_ms(question->now_ns, msg->ts_ns), "symbol",
      tg_answer_symbol(mirror, msg->instr_idx), "trip", tg_answer_u64(trip->u.first.trip_no), "direction",
      trip->u.first.qty_lots < 0 ? "SHORT" : "LONG", "qty",
      tg_answer_qty(mirror, msg->instr_idx, trip->u.first.qty_lots < 0 ? -trip->u.first.qty_lots : trip->u.first.qty_lots),
      "gross", tg_answer_e8(trip->u.first.gross_e8), "net", tg_answer_e8(trip->u.first.net_e8));
}

json_t *tg_answer_trips(const tg_question_t *question) {
  return ring_answer(question, &question->cfg->mirror->trips, "trips", trip_json);
}

static json_t *transition_json(const tg_question_t *question, const tg_msg_t *msg) {
  const tg_out_state_t *state = &msg->u.out_state;
  const tg_cold_names_t *names = question->cfg->names;
  return json_pack("{s:o,s:o,s:s,s:s,s:s,s:i,s:o,s:o,s:o,s:o}", "ts_ns", tg_answer_u64(msg->ts_ns), "age_ms",
                   tg_answer_age_ms(question->now_ns, msg->ts_ns), "from", names->fsm_state(state->from), "to",
                   names->fsm_state(state->to), "reason", names->fsm_reason(state->reason), "inputs", (int)state->inputs_bits,
                   "feed_age_ns", tg_answer_u64(state->feed_age_ns), "sync_age_ns", tg_answer_u64(state->sync_age_ns),
                   "toxicity", tg_answer_e8(state->toxicity_e8), "gross", tg_answer_e8(state->gross_e8));
}

json_t *tg_answer_transitions(const tg_question_t *question) {
  return ring_answer(question, &question->cfg->mirror->transitions, "transitions", transition_json);
}

static json_t *alarm_json(const tg_question_t *question, const tg_msg_t *msg) {
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  return json_pack("{s:o,s:s,s:o,s:o,s:I,s:I}", "age_ms", tg_answer_age_ms(question->now_ns, msg->ts_ns), "alarm",
                   tg_alarm_name(alarm->what), "symbol", tg_answer_symbol(question->cfg->mirror, msg->instr_idx), "client_id",
                   alarm->client_id ? tg_answer_client(alarm->client_id) : json_string(""), "ours", (json_int_t)alarm->ours,
                   "venue", (json_int_t)alarm->venue);
}

json_t *tg_answer_alarms(const tg_question_t *question) {
  json_t *answer = ring_answer(question, &question->cfg->mirror->alarms, "alarms", alarm_json);
  if (json_is_true(json_object_get(answer, "ok")))
    json_object_set_new(answer, "totals", tg_answer_alarm_counts(question->cfg->mirror));
  return answer;
}

/* ---- settings ---- */

static json_t *setting_json(const tg_conf_t *conf, const tg_conf_row_t *row) {
  char value[TG_CONF_TEXT_BYTES];
  size_t len = tg_conf_value_text(conf, row, value, sizeof value);
  return json_stringn(value, len);
}

static json_t *explain_json(const tg_question_t *question, const tg_conf_row_t *row) {
  return json_pack("{s:s,s:o,s:s,s:s,s:s,s:s}", "key", row->name, "value", setting_json(question->cfg->conf, row), "default",
                   row->def, "unit", row->unit, "class", row->cls == TG_CONF_CORE ? "CORE" : "HOST", "meaning", row->text);
}

json_t *tg_answer_config(const tg_question_t *question) {
  const tg_conf_t *conf = question->cfg->conf;
  if (!conf) return tg_answer_error(-TG_EUNSUPPORTED, "the settings are not available here");
  json_t *answer = tg_answer_begin(question);
  if (question->arg_cnt > 0) {
    const tg_conf_row_t *row = tg_conf_find(question->arg[0]);
    if (!row) {
      json_decref(answer);
      return tg_answer_error(-TG_ENOTFOUND, "no such key; `config` lists them");
    }
    json_object_set_new(answer, "setting", explain_json(question, row));
    return answer;
  }
  json_t *settings = json_object();
  for (size_t i = 0; i < tg_conf_row_cnt; i++)
    json_object_set_new(settings, tg_conf_rows[i].name, setting_json(conf, &tg_conf_rows[i]));
  json_object_set_new(answer, "settings", settings);
  return answer;
}

/* ---- the door itself ---- */

json_t *tg_answer_version(const tg_question_t *question) {
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "engine", json_string(question->cfg->engine));
  json_object_set_new(answer, "epoch", tg_answer_u64(question->cfg->epoch));
  json_object_set_new(answer, "message_format", json_integer(TG_MSG_FORMAT_VERSION));
  return answer;
}

json_t *tg_answer_help(const tg_question_t *question) {
  json_t *list = json_array();
  for (size_t i = 0; i < tg_control_row_cnt; i++) {
    const tg_control_row_t *row = &tg_control_rows[i];
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "verb", row->word, "arguments", row->args, "role",
                                          tg_role_name(row->role), "help", row->help));
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "verbs", list);
  return answer;
}

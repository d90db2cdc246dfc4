/* answer.h - the documents behind the verbs of control.def.
 * What:    tg_answer_<handler>(question) builds one JSON object; jansson, cold only.
 * Owner:   the caller gets a new reference.
 * Threads: one.
 * Limit:   lists end at the mirror's caps.
 * Errors:  a bad argument gives {"ok":false,"error":...,"code":...}; NULL only without memory. */
#ifndef TG_COLD_ANSWER_H
#define TG_COLD_ANSWER_H

#include <jansson.h>

#include "engine/cold/control.h"

#define TG_ANSWER_ARGS 8

typedef struct tg_question {
  const tg_control_cfg_t *cfg;
  const tg_control_row_t *row;
  uint64_t now_ns;
  const char *arg[TG_ANSWER_ARGS];
  size_t arg_cnt;
  uint8_t role; /* of who asks */
  uint32_t uid;
  tg_msg_t *out_cmd; /* an answer that is a command: filled, and NULL returned */
} tg_question_t;

typedef json_t *(*tg_answer_fn)(const tg_question_t *question);

json_t *tg_answer_status(const tg_question_t *question);
json_t *tg_answer_orders(const tg_question_t *question);
json_t *tg_answer_positions(const tg_question_t *question);
json_t *tg_answer_book(const tg_question_t *question);
json_t *tg_answer_gates(const tg_question_t *question);
json_t *tg_answer_decisions(const tg_question_t *question);
json_t *tg_answer_fills(const tg_question_t *question);
json_t *tg_answer_trips(const tg_question_t *question);
json_t *tg_answer_transitions(const tg_question_t *question);
json_t *tg_answer_alarms(const tg_question_t *question);
json_t *tg_answer_config(const tg_question_t *question);
json_t *tg_answer_limits(const tg_question_t *question);
json_t *tg_answer_limits_set(const tg_question_t *question);
json_t *tg_answer_reload(const tg_question_t *question);
json_t *tg_answer_pending(const tg_question_t *question);
json_t *tg_answer_confirm(const tg_question_t *question);
json_t *tg_answer_explain(const tg_question_t *question);
json_t *tg_answer_flatten(const tg_question_t *question);
json_t *tg_answer_kill_drill(const tg_question_t *question);
json_t *tg_answer_version(const tg_question_t *question);
json_t *tg_answer_help(const tg_question_t *question);
json_t *tg_answer_intents_list(const tg_question_t *question);
json_t *tg_answer_intents_preview(const tg_question_t *question);
json_t *tg_answer_intents_show(const tg_question_t *question);
json_t *tg_answer_intents_approve(const tg_question_t *question);
json_t *tg_answer_intents_reject(const tg_question_t *question);
json_t *tg_answer_intents_reconcile(const tg_question_t *question);

/* {"ok":true,"verb":...,"mode":...}; the others add to it. */
json_t *tg_answer_begin(const tg_question_t *question);
/* {"ok":false,"error":text,"code":"E..."}. */
json_t *tg_answer_error(int err, const char *text);
/* Alarms by name. */
json_t *tg_answer_alarm_counts(const tg_mirror_t *mirror);
/* The lower-case mode word. */
const char *tg_mode_word(uint8_t mode);

/* Strings of numbers, exact. */
json_t *tg_answer_e8(int64_t value_e8);
json_t *tg_answer_px(const tg_mirror_t *mirror, uint16_t instr_idx, int64_t px_ticks);
json_t *tg_answer_qty(const tg_mirror_t *mirror, uint16_t instr_idx, int64_t qty_lots);
/* A TG_LIMIT_* in its own unit: quantity, money, ms, bps, %. */
json_t *tg_answer_limit(const tg_mirror_t *mirror, uint16_t instr_idx, unsigned limit, int64_t value);
/* Symbol, or "#3" for an instrument without a name, "" for none. */
json_t *tg_answer_symbol(const tg_mirror_t *mirror, uint16_t instr_idx);
json_t *tg_answer_client(uint64_t client_id);
/* A count or an age that may be "never" (null). */
json_t *tg_answer_age_ms(uint64_t now_ns, uint64_t then_ns);
json_t *tg_answer_u64(uint64_t value);

#endif

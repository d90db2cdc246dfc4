/* Answers about intents, and the two that a person decides with. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/answer.h"
#include "engine/cold/intents.h"
#include "engine/strategy/strategy.h"
#include "risk/gate.h"

enum { LIST_MAX = 1000, CHILDREN_MAX = 200, DIFFS_MAX = 200 };

static json_t *no_store(void) {
  return tg_answer_error(-TG_EUNSUPPORTED, "there is no store of intents in this run (store.enabled = false)");
}

static json_t *failed(int err) {
  char text[160];
  snprintf(text, sizeof text, "the store of intents: %s", tg_err_text(err));
  return tg_answer_error(err, text);
}

static json_t *id_json(uint64_t id) {
  return id == 0 ? json_string("") : json_sprintf("%016" PRIx64, id);
}

/* Hexadecimal, 1 to 16 digits. */
static bool parse_id(const char *text, uint64_t *out) {
  size_t len = strlen(text);
  if (len == 0 || len > 16 || strspn(text, "0123456789abcdefABCDEF") != len) return false;
  *out = strtoull(text, NULL, 16);
  return *out != 0;
}

static const char *kind_of(const tg_intent_row_t *row) {
  return row->bits & 2u ? "reduce" : row->bits & 1u ? "increase, manual" : "increase, auto";
}

static json_t *seconds_left(const tg_question_t *question, uint64_t expires_ns) {
  if (expires_ns <= question->now_ns) return json_integer(0);
  return tg_answer_u64((expires_ns - question->now_ns) / (uint64_t)TG_NS_PER_S);
}

static uint16_t instr_of(const tg_mirror_t *mirror, const tg_intent_row_t *row) {
  uint16_t instr_idx = tg_mirror_find(mirror, row->symbol);
  return instr_idx != TG_INSTR_NONE ? instr_idx : row->instr_idx;
}

static bool is_open(const tg_intent_row_t *row) {
  return row->state == TG_TICKET_NEW || row->state == TG_TICKET_APPROVED || row->state == TG_TICKET_EXECUTING;
}

static json_t *row_json(const tg_question_t *question, const tg_intent_row_t *row) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  uint16_t i = instr_of(mirror, row);
  return json_pack("{s:o,s:s,s:s,s:s,s:s,s:b,s:o,s:o,s:o,s:o,s:o,s:s}", "id", id_json(row->id), "state",
                   tg_ticket_state_name(row->state), "symbol", row->symbol, "side", row->side == TG_SELL ? "SELL" : "BUY",
                   "kind", kind_of(row), "stuck", row->stuck, "qty", tg_answer_qty(mirror, i, row->qty_lots), "filled",
                   tg_answer_qty(mirror, i, row->filled_lots), "age_ms", tg_answer_age_ms(question->now_ns, row->opened_ns),
                   "left_s", is_open(row) ? seconds_left(question, row->expires_ns) : json_string("-"), "uid",
                   row->uid >= 0 ? json_integer(row->uid) : json_string("-"), "word", row->word);
}

static json_t *stats_json(tg_intents_t *intents) {
  tg_intents_stats_t stats;
  tg_intents_stats(intents, &stats);
  return json_pack("{s:o,s:o,s:o,s:o,s:o,s:b}", "opened", tg_answer_u64(stats.opened_cnt), "changes",
                   tg_answer_u64(stats.change_cnt), "conflicts", tg_answer_u64(stats.conflict_cnt), "stuck_now",
                   tg_answer_u64(stats.stuck_now), "journal_lines", tg_answer_u64(stats.journal_seq), "broken",
                   stats.broken != 0);
}

json_t *tg_answer_intents_list(const tg_question_t *question) {
  tg_intents_t *intents = question->cfg->intents;
  if (!intents) return no_store();
  int64_t wanted = 20;
  if (question->arg_cnt > 0 &&
      (tg_dec_parse(question->arg[0], strlen(question->arg[0]), 0, &wanted) < 0 || wanted < 1 || wanted > LIST_MAX))
    return tg_answer_error(-TG_EINVAL, "how many: a number from 1 to 1000");
  tg_intent_row_t *row = calloc((size_t)wanted, sizeof *row);
  if (!row) return tg_answer_error(-TG_ENOMEM, "no memory");
  int64_t cnt = tg_intents_list(intents, TG_TICKET_NONE, row, (uint32_t)wanted);
  json_t *list = json_array();
  for (int64_t i = 0; i < cnt; i++) json_array_append_new(list, row_json(question, &row[i]));
  free(row);
  if (cnt < 0) {
    json_decref(list);
    return failed((int)cnt);
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "store", stats_json(intents));
  json_object_set_new(answer, "intents", list);
  return answer;
}

/* ---- show ---- */

static json_t *children_json(const tg_question_t *question, const tg_intent_row_t *row) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  uint16_t instr_idx = instr_of(mirror, row);
  json_t *list = json_array();
  tg_intent_child_t *child = calloc(CHILDREN_MAX, sizeof *child);
  int64_t cnt = child ? tg_intents_children(question->cfg->intents, row->id, child, CHILDREN_MAX) : 0;
  for (int64_t i = 0; i < cnt; i++)
    json_array_append_new(
        list,
        json_pack("{s:o,s:s,s:o,s:o,s:s,s:o,s:o}", "client_id", tg_answer_client(child[i].client_id), "state",
                  question->cfg->names->order_state(child[i].state), "qty", tg_answer_qty(mirror, instr_idx, child[i].qty_lots),
                  "filled", tg_answer_qty(mirror, instr_idx, child[i].cum_lots), "reason", tg_why_name(child[i].reason),
                  "age_ms", tg_answer_age_ms(question->now_ns, child[i].placed_ns), "changed_ms",
                  tg_answer_age_ms(question->now_ns, child[i].changed_ns)));
  free(child);
  return list;
}

json_t *tg_answer_intents_show(const tg_question_t *question) {
  tg_intents_t *intents = question->cfg->intents;
  uint64_t id;
  if (!intents) return no_store();
  if (question->arg_cnt != 1 || !parse_id(question->arg[0], &id))
    return tg_answer_error(-TG_EINVAL, "this verb takes the id of an intent, as `intents list` shows it");
  tg_intent_row_t row;
  int err = tg_intents_get(intents, id, &row);
  if (err == -TG_ENOTFOUND) return tg_answer_error(err, "no such intent");
  if (err) return failed(err);
  json_t *answer = tg_answer_begin(question), *more = row_json(question, &row);
  json_object_update(answer, more);
  json_decref(more);
  json_object_set_new(answer, "parent", id_json(row.parent_id));
  json_object_set_new(answer, "strategy", json_integer(row.strategy));
  json_object_set_new(answer, "reason", json_string(tg_why_name(row.reason)));
  json_object_set_new(answer, "limits_version", json_integer((json_int_t)row.limits_version));
  json_object_set_new(answer, "claimed_epoch", tg_answer_u64(row.claimed_epoch));
  json_object_set_new(answer, "changed_ms", tg_answer_age_ms(question->now_ns, row.changed_ns));
  json_object_set_new(answer, "orders", children_json(question, &row));
  return answer;
}

/* ---- preview: what waits for a person ---- */

static int64_t e8_of(const tg_mirror_symbol_t *symbol, int64_t lots) {
  tg_scale_t scale = {symbol->cfg.qty_dec, symbol->cfg.qty_unit};
  int64_t value;
  return symbol->known && tg_scale_to_e8(lots, scale, &value) == 0 ? value : 0;
}

static json_t *money(int64_t px_e8, int64_t qty_e8) {
  tg_i128 value = (tg_i128)px_e8 * qty_e8 / TG_E8;
  return value > INT64_MAX || value < 0 ? json_null() : tg_answer_e8((int64_t)value);
}

/* Price that the side would trade at now; the mark without a touch. */
static int64_t price_e8(const tg_mirror_symbol_t *symbol, uint8_t side) {
  int64_t ticks = side == TG_BUY ? symbol->top.ask_px_ticks : symbol->top.bid_px_ticks, value;
  tg_scale_t scale = {symbol->cfg.px_dec, symbol->cfg.px_unit};
  if (ticks > 0 && symbol->known && tg_scale_to_e8(ticks, scale, &value) == 0) return value;
  return symbol->mark.mark_e8;
}

static json_t *waiting_json(const tg_question_t *question, const tg_intent_row_t *row) {
  const tg_mirror_t *mirror = question->cfg->mirror;
  const tg_conf_t *conf = question->cfg->conf;
  uint16_t i = instr_of(mirror, row);
  if (i >= TG_INSTR_MAX) i = 0;
  const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
  int64_t rest_e8 = e8_of(symbol, row->qty_lots - row->filled_lots), position_e8 = e8_of(symbol, symbol->position.qty_lots);
  int64_t px = price_e8(symbol, row->side);
  int64_t room = conf ? conf->risk_max_position - (row->side == TG_BUY ? position_e8 : -position_e8) : 0;
  return json_pack("{s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:o}", "id", id_json(row->id), "symbol", row->symbol,
                   "side", row->side == TG_SELL ? "SELL" : "BUY", "qty", tg_answer_e8(rest_e8), "price", tg_answer_e8(px),
                   "notional", money(px, rest_e8), "position", tg_answer_e8(position_e8), "room_position",
                   tg_answer_e8(room > 0 ? room : 0), "max_order_qty", tg_answer_e8(conf ? conf->risk_max_order_qty : 0),
                   "max_order_notional", tg_answer_e8(conf ? conf->risk_max_order_notional : 0), "max_gross",
                   tg_answer_e8(conf ? conf->risk_max_gross : 0), "limits_version", (int)row->limits_version, "left_s",
                   seconds_left(question, row->expires_ns));
}

/* Other bits that hold it, too, as names. */
static json_t *other_gates(uint64_t mask) {
  char text[256] = "";
  size_t used = 0;
  for (unsigned bit = 0; bit < TG_GATE_CNT; bit++) {
    if (bit == TG_GATE_APPROVAL || !(mask >> bit & 1u)) continue;
    int n = snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", tg_gate_rows[bit].name);
    if (n < 0 || used + (size_t)n >= sizeof text) break;
    used += (size_t)n;
  }
  return json_string(text);
}

/* The newest decision of each level, where it was held for want of an approval. */
static json_t *waiting_orders(const tg_question_t *question) {
  enum { LEVELS = 64 };
  const tg_mirror_t *mirror = question->cfg->mirror;
  static bool seen[TG_INSTR_MAX][LEVELS];
  memset(seen, 0, sizeof seen);
  json_t *list = json_array();
  const tg_msg_t *msg;
  for (uint64_t n = 0; (msg = tg_mirror_ring_at(&mirror->decisions, n)) != NULL; n++) {
    const tg_out_decision_t *told = &msg->u.out_decision;
    uint16_t i = msg->instr_idx;
    if (i >= TG_INSTR_MAX || told->level >= LEVELS || seen[i][told->level]) continue;
    seen[i][told->level] = true;
    if (!(told->gate_mask & TG_GATE_BIT(APPROVAL))) continue;
    const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
    tg_scale_t scale = {symbol->cfg.px_dec, symbol->cfg.px_unit};
    int64_t px = 0;
    if (!symbol->known || tg_scale_to_e8(told->px_ticks, scale, &px) != 0) px = 0;
    json_array_append_new(
        list, json_pack("{s:o,s:s,s:i,s:o,s:o,s:o,s:o}", "symbol", tg_answer_symbol(mirror, i), "side",
                        told->side == TG_SELL ? "SELL" : "BUY", "level", (int)told->level, "price",
                        tg_answer_px(mirror, i, told->px_ticks), "qty", tg_answer_qty(mirror, i, told->qty_lots), "notional",
                        money(px, e8_of(symbol, told->qty_lots)), "also_held_by", other_gates(told->gate_mask)));
  }
  return list;
}

json_t *tg_answer_intents_preview(const tg_question_t *question) {
  enum { WAITING_MAX = 256 };
  tg_intents_t *intents = question->cfg->intents;
  if (!intents) return no_store();
  tg_intent_row_t *row = calloc(WAITING_MAX, sizeof *row);
  if (!row) return tg_answer_error(-TG_ENOMEM, "no memory");
  int64_t cnt = tg_intents_list(intents, TG_TICKET_NEW, row, WAITING_MAX);
  json_t *list = json_array();
  for (int64_t i = 0; i < cnt; i++) json_array_append_new(list, waiting_json(question, &row[i]));
  free(row);
  if (cnt < 0) {
    json_decref(list);
    return failed((int)cnt);
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "waiting", tg_answer_u64((uint64_t)cnt));
  json_object_set_new(answer, "intents", list);
  json_object_set_new(answer, "orders", waiting_orders(question));
  return answer;
}

/* ---- approve, reject ---- */

typedef struct decision {
  uint64_t id;
  int64_t seconds; /* 0 not told */
  char reason[TG_INTENTS_WORD_BYTES];
} decision_t;

/* ID REASON... [SECONDS]. NULL when fine. */
static json_t *read_decision(const tg_question_t *question, decision_t *out) {
  size_t cnt = question->arg_cnt;
  memset(out, 0, sizeof *out);
  if (cnt < 2 || !parse_id(question->arg[0], &out->id))
    return tg_answer_error(-TG_EINVAL, "this verb takes the id of an intent, a reason and, if wanted, seconds");
  const char *last = question->arg[cnt - 1];
  if (cnt > 2 && strspn(last, "0123456789") == strlen(last)) {
    if (tg_dec_parse(last, strlen(last), 0, &out->seconds) < 0 || out->seconds < 1 || out->seconds > 31536000)
      return tg_answer_error(-TG_EINVAL, "seconds: from 1 to 31536000");
    cnt--;
  }
  size_t used = 0;
  for (size_t i = 1; i < cnt; i++) {
    size_t len = strlen(question->arg[i]);
    if (used + len + 2 > sizeof out->reason) return tg_answer_error(-TG_ESIZE, "reason: at most 120 bytes");
    if (used) out->reason[used++] = ' ';
    memcpy(out->reason + used, question->arg[i], len);
    used += len;
  }
  json_t *text = json_string(out->reason); /* it goes into the journal: UTF-8 */
  if (!text) return tg_answer_error(-TG_ESYNTAX, "reason: not UTF-8");
  json_decref(text);
  return NULL;
}

static json_t *refused(tg_intents_t *intents, uint64_t id, int err, const char *verb) {
  tg_intent_row_t row;
  char text[200];
  if (err == -TG_ENOTFOUND) return tg_answer_error(err, "no such intent");
  if (tg_intents_get(intents, id, &row) != 0) return failed(err);
  if (err == -TG_ECONFLICT) {
    snprintf(text, sizeof text, "not %s: the intent is %s already%s%s", verb, tg_ticket_state_name(row.state),
             row.word[0] ? ", word: " : "", row.word);
  } else if (err == -TG_ESTALE) {
    snprintf(text, sizeof text, "not %s: the intent's time is over", verb);
  } else {
    return failed(err);
  }
  return tg_answer_error(err, text);
}

static void fill_command(const tg_question_t *question, const decision_t *decision, tg_verb_t verb, uint64_t until_ns) {
  tg_msg_t *cmd = question->out_cmd;
  tg_msg_init(cmd, TG_CMD, TG_INSTR_NONE, question->now_ns);
  cmd->u.cmd.verb = (uint8_t)verb;
  cmd->u.cmd.role = question->role;
  cmd->u.cmd.uid = question->uid;
  cmd->u.cmd.arg[0] = (int64_t)decision->id;
  cmd->u.cmd.arg[1] = (int64_t)until_ns;
  size_t len = strnlen(decision->reason, sizeof cmd->u.cmd.reason - 1);
  memcpy(cmd->u.cmd.reason, decision->reason, len);
}

static json_t *decide(const tg_question_t *question, tg_verb_t verb, const char *word_for) {
  tg_intents_t *intents = question->cfg->intents;
  decision_t decision;
  if (!intents) return no_store();
  json_t *wrong = read_decision(question, &decision);
  if (wrong) return wrong;
  uint64_t until_ns = decision.seconds ? question->now_ns + (uint64_t)(decision.seconds * TG_NS_PER_S) : 0;
  tg_intent_word_t word = {.uid = question->uid,
                           .reason = decision.reason,
                           .expires_ns = until_ns,
                           .epoch = question->cfg->epoch,
                           .now_ns = question->now_ns};
  if (decision.id >> 32 != question->cfg->epoch) {
    tg_intent_row_t row;
    int err = tg_intents_get(intents, decision.id, &row);
    return refused(intents, decision.id, err ? err : -TG_ECONFLICT, word_for);
  }
  int err = verb == TG_VERB_APPROVE ? tg_intents_approve(intents, decision.id, &word)
                                    : tg_intents_cas(intents, decision.id, TG_TICKET_NEW, TG_TICKET_REJECTED, &word);
  if (err) return refused(intents, decision.id, err, word_for);
  fill_command(question, &decision, verb, until_ns);
  return NULL; /* the store has it: now the core */
}

json_t *tg_answer_intents_approve(const tg_question_t *question) {
  return decide(question, TG_VERB_APPROVE, "approved");
}

json_t *tg_answer_intents_reject(const tg_question_t *question) {
  return decide(question, TG_VERB_REJECT, "rejected");
}

/* ---- reconcile ---- */

static void add_diff(void *user, const tg_intents_diff_t *diff) {
  json_t *list = user;
  if (json_array_size(list) >= DIFFS_MAX) return;
  json_array_append_new(list, json_pack("{s:s,s:o,s:o,s:s}", "what", diff->what, "line", tg_answer_u64(diff->line), "id",
                                        id_json(diff->id), "text", diff->text));
}

json_t *tg_answer_intents_reconcile(const tg_question_t *question) {
  if (!question->cfg->intents || !question->cfg->conf) return no_store();
  int err = tg_intents_flush(question->cfg->intents);
  tg_intents_recon_t recon;
  json_t *list = json_array();
  if (!err) err = tg_intents_reconcile(question->cfg->conf->engine_run_dir, add_diff, list, &recon);
  if (err) {
    json_decref(list);
    return failed(err);
  }
  char text[96];
  snprintf(text, sizeof text, "journal and store differ: %" PRIu64 " difference%s", recon.diffs, recon.diffs == 1 ? "" : "s");
  json_t *answer = recon.diffs ? tg_answer_error(-TG_ECORRUPT, text) : tg_answer_begin(question);
  json_object_set_new(answer, "journal", json_boolean(recon.has_journal));
  json_object_set_new(answer, "lines", tg_answer_u64(recon.lines));
  json_object_set_new(answer, "intents", tg_answer_u64(recon.intents));
  json_object_set_new(answer, "chain_ok", json_boolean(recon.chain_ok));
  json_object_set_new(answer, "last_hash", json_string(recon.last_hash));
  json_object_set_new(answer, "differences", list);
  return answer;
}

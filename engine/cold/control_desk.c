#include "engine/cold/control_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/base/log.h"

#define SENDING_NS (10 * (uint64_t)TG_NS_PER_S) /* a word that the core never answered no longer blocks the next */

tg_desk_t *tg_desk_new(const tg_conf_t *conf, const char *conf_path) {
  tg_desk_t *desk = aligned_alloc(TG_CACHE_LINE, (sizeof *desk + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
  if (!desk) return NULL;
  memset(desk, 0, sizeof *desk);
  if (conf) desk->conf = *conf;
  desk->conf_path = conf ? conf_path : NULL;
  desk->dual = conf && conf->control_dual_control;
  desk->dual_ns = conf ? (uint64_t)conf->control_dual_control_s * (uint64_t)TG_NS_PER_S : 0;
  desk->next_id = 1;
  desk->line = aligned_alloc(TG_CACHE_LINE, TG_DESK_LINES * sizeof *desk->line);
  desk->set_a = aligned_alloc(TG_CACHE_LINE, TG_DESK_LINES * sizeof *desk->set_a);
  desk->set_b = aligned_alloc(TG_CACHE_LINE, TG_DESK_LINES * sizeof *desk->set_b);
  if (desk->line && desk->set_a && desk->set_b) return desk;
  tg_desk_free(desk);
  return NULL;
}

void tg_desk_free(tg_desk_t *desk) {
  if (!desk) return;
  free(desk->line);
  free(desk->set_a);
  free(desk->set_b);
  free(desk);
}

/* ---- which way is looser ---- */

static const char *const up_is_looser[] = {
    "risk.max_order_qty", "risk.max_order_notional", "risk.collar_entry_bps", "risk.collar_exit_bps",
    "risk.md_age_ms",     "risk.mark_age_ms",        "risk.session_age_ms",   "risk.clock_bound_ms",
    "risk.rate_per_s",    "risk.rate_per_min",       "risk.max_open_orders",  "risk.max_open_orders_instr",
    "risk.max_in_flight", "risk.max_position",       "risk.max_gross",        "risk.max_gross_equity_pct",
    "risk.max_net",       "risk.max_net_equity_pct", "risk.max_leverage",     "risk.drawdown_session",
    "risk.drawdown_day",  "risk.window_until_s",     "risk.repeat_fills",     "risk.repeat_entries",
    "risk.reject_max",    "risk.loss_streak",        "risk.circuit_errors",   "risk.max_concentration_pct",
    "risk.max_positions", "risk.max_trade_risk",     "risk.day_entries",      "risk.max_trade_risk_equity_bps",
    "risk.day_qty",       "risk.day_notional",       "grid.level_notional",   "grid.max_inventory",
    "grid.levels",        "fsm.feed_stale_ms",       "fsm.account_stale_ms",  "fsm.exit_gross",
    "sync.beat_bound_ms"};
static const char *const down_is_looser[] = {
    "risk.duplicate_window_ms", "risk.rate_reserve_cancel_pct", "risk.rate_reserve_reduce_pct",
    "risk.window_from_s",       "risk.reject_same_ms",          "risk.reject_cooldown_ms",
    "fsm.cooldown_ms"};

static bool listed(const char *const *list, size_t cnt, const char *name) {
  for (size_t i = 0; i < cnt; i++) {
    if (strcmp(list[i], name) == 0) return true;
  }
  return false;
}

bool tg_desk_looser(const tg_conf_row_t *row, uint8_t scope, int64_t before, int64_t after) {
  if (before == after) return false;
  if (scope != TG_SCOPE_ENGINE) { /* 0 is no narrower limit there */
    if (after == 0) return true;
    if (before == 0) return false;
  }
  if (listed(up_is_looser, TG_ARRAY_CNT(up_is_looser), row->name)) return after > before;
  if (listed(down_is_looser, TG_ARRAY_CNT(down_is_looser), row->name)) return after < before;
  return true;
}

/* ---- settings compared ---- */

static const tg_conf_row_t *row_of(uint32_t hash) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    if (tg_conf_rows[i].hash == hash) return &tg_conf_rows[i];
  }
  return NULL;
}

static const tg_cfg_set_t *find_set(const tg_msg_t *set, uint32_t cnt, const tg_msg_t *wanted) {
  for (uint32_t i = 0; i < cnt; i++) {
    const tg_cfg_set_t *a = &set[i].u.cfg_set, *b = &wanted->u.cfg_set;
    if (a->key_hash == b->key_hash && a->scope == b->scope && set[i].instr_idx == wanted->instr_idx) return a;
  }
  return NULL;
}

static int add_change(tg_desk_word_t *word, const tg_msg_t *line, int64_t before, int64_t after) {
  const tg_conf_row_t *row = row_of(line->u.cfg_set.key_hash);
  if (!row || before == after) return 0;
  if (word->change_cnt == TG_DESK_CHANGES) return -TG_EFULL;
  word->change[word->change_cnt++] = (tg_desk_change_t){.key_hash = row->hash,
                                                        .scope = line->u.cfg_set.scope,
                                                        .looser = tg_desk_looser(row, line->u.cfg_set.scope, before, after),
                                                        .instr_idx = line->instr_idx,
                                                        .before = before,
                                                        .after = after};
  return 0;
}

/* Settings of class CORE in `to` that differ from `from`. 0, -TG_EFULL. */
static int compare(tg_desk_t *desk, const tg_conf_t *from, const tg_conf_t *to, tg_desk_word_t *word) {
  tg_msg_batch_t a = {desk->set_a, 0, TG_DESK_LINES}, b = {desk->set_b, 0, TG_DESK_LINES};
  int err = tg_conf_to_msgs(from, 0, &a);
  if (!err) err = tg_conf_to_msgs(to, 0, &b);
  for (uint32_t i = 0; !err && i < b.cnt; i++) {
    const tg_cfg_set_t *was = find_set(a.msg, a.cnt, &b.msg[i]);
    err = add_change(word, &b.msg[i], was ? was->value : 0, b.msg[i].u.cfg_set.value);
  }
  for (uint32_t i = 0; !err && i < a.cnt; i++) { /* narrower limits that are gone */
    if (!find_set(b.msg, b.cnt, &a.msg[i])) err = add_change(word, &a.msg[i], a.msg[i].u.cfg_set.value, 0);
  }
  return err;
}

static void put_number(tg_conf_t *conf, const tg_conf_row_t *row, int64_t value) {
  memcpy((uint8_t *)conf + row->offset, &value, sizeof value);
}

/* The value in force of a change's key and scope. */
static int64_t in_force(tg_desk_t *desk, const tg_desk_change_t *change) {
  tg_msg_batch_t a = {desk->set_a, 0, TG_DESK_LINES};
  if (tg_conf_to_msgs(&desk->conf, 0, &a) != 0) return change->after;
  tg_msg_t wanted;
  tg_msg_init(&wanted, TG_CFG_SET, change->instr_idx, 0);
  wanted.u.cfg_set.key_hash = change->key_hash;
  wanted.u.cfg_set.scope = change->scope;
  const tg_cfg_set_t *now = find_set(a.msg, a.cnt, &wanted);
  return now ? now->value : 0;
}

/* "limits.BTCUSDT.max_order_qty" or "risk.max_order_qty". */
static void change_name(const tg_desk_t *desk, const tg_desk_change_t *change, char *out, size_t cap) {
  const tg_conf_row_t *row = row_of(change->key_hash);
  char symbol[TG_SCOPED_SYMBOL_BYTES] = "?";
  if (change->scope == TG_SCOPE_INSTRUMENT) { /* instrument numbers are places in venue.symbols */
    const char *at = desk->conf.venue_symbols;
    for (uint16_t i = 0; *at; at += strspn(at, ", "), i++) {
      size_t len = strcspn(at, ", ");
      if (i == change->instr_idx && len < sizeof symbol) {
        memcpy(symbol, at, len);
        symbol[len] = '\0';
      }
      at += len;
    }
  }
  if (change->scope == TG_SCOPE_ENGINE)
    snprintf(out, cap, "%s", row->name);
  else
    snprintf(out, cap, "limits.%s.%s",
             change->scope == TG_SCOPE_ACCOUNT    ? "account"
             : change->scope == TG_SCOPE_STRATEGY ? "strategy"
                                                  : symbol,
             row->key);
}

static void value_text(tg_desk_t *desk, const tg_conf_row_t *row, int64_t value, char out[TG_CONF_TEXT_BYTES]) {
  int64_t kept = tg_conf_number(&desk->scratch, row);
  put_number(&desk->scratch, row, value);
  if (tg_conf_value_text(&desk->scratch, row, out, TG_CONF_TEXT_BYTES) == 0) out[0] = '\0';
  put_number(&desk->scratch, row, kept);
}

/* The change is in force: the desk's copy of the settings follows. */
static void take(tg_desk_t *desk, const tg_desk_change_t *change, int64_t value) {
  char name[128], text[TG_CONF_TEXT_BYTES], why[TG_CONF_ERR_BYTES];
  const tg_conf_row_t *row = row_of(change->key_hash);
  if (change->scope == TG_SCOPE_ENGINE) {
    put_number(&desk->conf, row, value);
    return;
  }
  change_name(desk, change, name, sizeof name);
  value_text(desk, row, value, text);
  if (tg_conf_set(&desk->conf, name, text, why, sizeof why) != 0) tg_log_error("%s = %s: %s", name, text, why);
}

static json_t *changes_json(tg_desk_t *desk, const tg_desk_word_t *word) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < word->change_cnt; i++) {
    const tg_desk_change_t *change = &word->change[i];
    char name[128], before[TG_CONF_TEXT_BYTES], after[TG_CONF_TEXT_BYTES];
    const tg_conf_row_t *row = row_of(change->key_hash);
    change_name(desk, change, name, sizeof name);
    value_text(desk, row, change->before, before);
    value_text(desk, row, change->after, after);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "key", name, "before", before, "after", after, "direction",
                                          change->looser ? "looser" : "tighter"));
  }
  return list;
}

/* ---- words ---- */

static uint64_t seconds_left(uint64_t until_ns, uint64_t now_ns) {
  return until_ns > now_ns ? (until_ns - now_ns) / (uint64_t)TG_NS_PER_S : 0;
}

/* "600", "10m", "2h": seconds, 0 when it is no duration. */
static uint64_t parse_expiry(const char *text) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 6) return 0;
  uint64_t unit = text[digits] == '\0' || strcmp(text + digits, "s") == 0 ? 1
                  : strcmp(text + digits, "m") == 0                       ? 60
                  : strcmp(text + digits, "h") == 0                       ? 3600
                                                                          : 0;
  uint64_t value = strtoull(text, NULL, 10) * unit;
  return value <= TG_DESK_EXPIRY_MAX_S ? value : 0;
}

/* A text that was cut may end inside a character. */
static void trim_utf8(char *text) {
  size_t len = strlen(text), back = 0;
  while (back < 3 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0u) == 0x80u) back++;
  if (back == len) return;
  unsigned char lead = (unsigned char)text[len - 1 - back];
  size_t want = lead >= 0xF0u ? 3 : lead >= 0xE0u ? 2 : lead >= 0xC0u ? 1 : 0;
  if (want > back) text[len - 1 - back] = '\0';
}

/* Reason and expiry from the arguments behind the first `skip`; what is missing stays empty or 0. */
static void parse_tail(const tg_question_t *question, size_t skip, tg_desk_word_t *word) {
  size_t cnt = question->arg_cnt, used = 0;
  if (cnt > skip) word->expiry_s = parse_expiry(question->arg[cnt - 1]);
  if (word->expiry_s) cnt--;
  for (size_t i = skip; i < cnt; i++) {
    int n = snprintf(word->reason + used, sizeof word->reason - used, "%s%s", used ? " " : "", question->arg[i]);
    if (n > 0) used += (size_t)n < sizeof word->reason - used ? (size_t)n : sizeof word->reason - used - 1;
  }
  trim_utf8(word->reason);
}

static void word_begin(const tg_question_t *question, tg_desk_word_t *word) {
  memset(word, 0, sizeof *word);
  word->asked_ns = question->now_ns;
  word->uid = question->uid;
  size_t used = (size_t)snprintf(word->text, sizeof word->text, "%s", question->row->word);
  for (size_t i = 0; i < question->arg_cnt && used < sizeof word->text; i++) {
    int n = snprintf(word->text + used, sizeof word->text - used, " %s", question->arg[i]);
    if (n > 0) used += (size_t)n;
  }
  trim_utf8(word->text);
  tg_msg_init(&word->cmd, TG_CMD, TG_INSTR_NONE, question->now_ns);
  word->cmd.u.cmd.verb = question->row->verb;
  word->cmd.u.cmd.role = question->role;
  word->cmd.u.cmd.uid = question->uid;
}

static void put_reason(tg_desk_word_t *word) {
  size_t len = strlen(word->reason);
  memset(word->cmd.u.cmd.reason, 0, sizeof word->cmd.u.cmd.reason);
  memcpy(word->cmd.u.cmd.reason, word->reason,
         len < sizeof word->cmd.u.cmd.reason - 1 ? len : sizeof word->cmd.u.cmd.reason - 1);
}

/* CFG_SET lines of the word's changes. */
static void lines_of(tg_desk_t *desk, const tg_desk_word_t *word, uint64_t now_ns) {
  desk->line_cnt = 0;
  for (uint32_t i = 0; i < word->change_cnt; i++) {
    tg_msg_t *line = &desk->line[desk->line_cnt++];
    tg_msg_init(line, TG_CFG_SET, word->change[i].instr_idx, now_ns);
    line->u.cfg_set.key_hash = word->change[i].key_hash;
    line->u.cfg_set.scope = word->change[i].scope;
    line->u.cfg_set.value = word->change[i].after;
  }
}

/* The word goes to the core: *cmd and the lines. */
static json_t *release(tg_desk_t *desk, const tg_desk_word_t *word, uint64_t now_ns, tg_msg_t *cmd) {
  if (desk->sending.id != 0 && now_ns < desk->sending_ns + SENDING_NS)
    return tg_answer_error(-TG_EBUSY, "another word is with the core this moment: try again");
  desk->sending = *word;
  if (desk->sending.id == 0) desk->sending.id = desk->next_id++;
  desk->sending_no = 0;
  desk->sending_ns = now_ns;
  desk->sending_end = NULL;
  *cmd = word->cmd;
  cmd->ts_ns = now_ns;
  lines_of(desk, word, now_ns);
  tg_log_warn("uid %u%s: %s", (unsigned)word->uid, word->second_uid ? " and a second person" : "", word->text);
  return NULL;
}

static json_t *hold(const tg_question_t *question, tg_desk_t *desk, const tg_desk_word_t *word) {
  tg_desk_word_t *slot = NULL;
  for (size_t i = 0; i < TG_DESK_PENDING && !slot; i++) {
    if (desk->pending[i].id == 0) slot = &desk->pending[i];
  }
  if (!slot) return tg_answer_error(-TG_EFULL, "too many words wait for a second person already");
  *slot = *word;
  slot->id = desk->next_id++;
  slot->until_ns = question->now_ns + desk->dual_ns;
  tg_log_warn("uid %u asks for: %s; it waits for a second person as number %llu", (unsigned)word->uid, word->text,
              (unsigned long long)slot->id);
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "pending", tg_answer_u64(slot->id));
  json_object_set_new(answer, "waits_for",
                      json_string("`confirm` by another uid with the role RISK; nothing is done until then"));
  json_object_set_new(answer, "lapses_in_s", tg_answer_u64(desk->dual_ns / (uint64_t)TG_NS_PER_S));
  return answer;
}

json_t *tg_desk_grant(const tg_question_t *question, tg_msg_t *cmd) {
  tg_desk_t *desk = question->cfg->desk;
  tg_desk_word_t word;
  word_begin(question, &word);
  parse_tail(question, 0, &word);
  if (word.reason[0] == '\0' || word.expiry_s == 0) {
    char text[160];
    snprintf(text, sizeof text, "this clears or loosens: it needs a reason and an expiry: %s REASON EXPIRY_S",
             question->row->word);
    return tg_answer_error(-TG_EINVAL, text);
  }
  put_reason(&word);
  word.cmd.u.cmd.arg[0] = (int64_t)word.expiry_s;
  if (!desk) {
    *cmd = word.cmd;
    return NULL;
  }
  return desk->dual ? hold(question, desk, &word) : release(desk, &word, question->now_ns, cmd);
}

/* ---- limits set, reload ---- */

static bool fixed_key(const tg_conf_row_t *row) {
  static const char *const fixed[] = {"engine.mode",       "engine.armed",    "engine.strategy_id", "book.level_cap",
                                      "book.event_buffer", "order.table_cap", "order.trade_id_cap"};
  return row && listed(fixed, TG_ARRAY_CNT(fixed), row->name);
}

/* What the word's changes ask for: role, expiry, second person. The document, NULL when it goes to the core. */
static json_t *judge(const tg_question_t *question, tg_desk_t *desk, tg_desk_word_t *word) {
  bool looser = false;
  for (uint32_t i = 0; i < word->change_cnt; i++) {
    if (fixed_key(row_of(word->change[i].key_hash))) {
      char text[160];
      snprintf(text, sizeof text, "%s does not change in a running engine", row_of(word->change[i].key_hash)->name);
      return tg_answer_error(-TG_EUNSUPPORTED, text);
    }
    looser |= word->change[i].looser;
  }
  word->cmd.u.cmd.verb = TG_VERB_LIMIT;
  put_reason(word);
  if (!looser) {
    word->expiry_s = 0; /* tightening lasts */
    return release(desk, word, question->now_ns, question->out_cmd);
  }
  if (question->role < TG_ROLE_RISK)
    return tg_answer_error(-TG_EPERM, "this loosens (or has no known direction): it needs the role RISK");
  if (word->reason[0] == '\0' || word->expiry_s == 0)
    return tg_answer_error(-TG_EINVAL, "this loosens (or has no known direction): it needs a reason and an expiry in seconds");
  return desk->dual ? hold(question, desk, word) : release(desk, word, question->now_ns, question->out_cmd);
}

json_t *tg_answer_limits_set(const tg_question_t *question) {
  tg_desk_t *desk = question->cfg->desk;
  char why[TG_CONF_ERR_BYTES];
  if (!desk || !question->cfg->conf) return tg_answer_error(-TG_EUNSUPPORTED, "the settings are not available here");
  if (question->arg_cnt < 3) return tg_answer_error(-TG_EINVAL, "limits set KEY VALUE REASON [EXPIRY_S]");
  const tg_conf_row_t *row = tg_conf_find(question->arg[0]);
  bool scoped = strncmp(question->arg[0], "limits.", 7) == 0;
  if (!row && !scoped) return tg_answer_error(-TG_ENOTFOUND, "no such key; `config` lists them, limits.SCOPE.KEY narrows one");
  if (row && row->cls != TG_CONF_CORE) return tg_answer_error(-TG_EUNSUPPORTED, "a HOST key: it needs a restart");
  desk->scratch = desk->conf;
  int err = tg_conf_set(&desk->scratch, question->arg[0], question->arg[1], why, sizeof why);
  if (!err) err = tg_conf_check(&desk->scratch, NULL, why, sizeof why);
  if (err) return tg_answer_error(err, why);
  static tg_desk_word_t word;
  word_begin(question, &word);
  parse_tail(question, 2, &word);
  if (word.reason[0] == '\0') return tg_answer_error(-TG_EINVAL, "say why: limits set KEY VALUE REASON [EXPIRY_S]");
  err = compare(desk, &desk->conf, &desk->scratch, &word);
  if (err) return tg_answer_error(err, "too many settings at once");
  if (word.change_cnt == 0) return tg_answer_error(-TG_EEXISTS, "that is its value already");
  return judge(question, desk, &word);
}

/* HOST keys that the file has otherwise than this process. */
static json_t *host_changes(const tg_conf_t *now, const tg_conf_t *file) {
  json_t *list = json_array();
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (row->cls != TG_CONF_HOST) continue;
    char a[TG_CONF_TEXT_BYTES], b[TG_CONF_TEXT_BYTES];
    size_t a_len = tg_conf_value_text(now, row, a, sizeof a), b_len = tg_conf_value_text(file, row, b, sizeof b);
    if (a_len != b_len || memcmp(a, b, a_len) != 0) json_array_append_new(list, json_string(row->name));
  }
  return list;
}

json_t *tg_answer_reload(const tg_question_t *question) {
  tg_desk_t *desk = question->cfg->desk;
  char why[TG_CONF_ERR_BYTES];
  if (!desk || !desk->conf_path || desk->conf_path[0] == '\0')
    return tg_answer_error(-TG_EUNSUPPORTED, "this engine does not know its settings file");
  int err = tg_conf_load(&desk->scratch, desk->conf_path, why, sizeof why);
  if (err) return tg_answer_error(err, why); /* nothing has changed: a damaged file harms nobody who runs */
  static tg_desk_word_t word;
  word_begin(question, &word);
  parse_tail(question, 0, &word);
  json_t *host = host_changes(&desk->conf, &desk->scratch);
  err = compare(desk, &desk->conf, &desk->scratch, &word);
  size_t host_cnt = json_array_size(host), used = 0;
  desk->needs_restart[0] = '\0';
  for (size_t i = 0; i < host_cnt && used < sizeof desk->needs_restart; i++) {
    int n = snprintf(desk->needs_restart + used, sizeof desk->needs_restart - used, "%s%s", i ? ", " : "",
                     json_string_value(json_array_get(host, i)));
    if (n > 0) used += (size_t)n;
  }
  for (size_t i = 0; i < host_cnt; i++)
    tg_log_warn("reload: %s differs in the file: it needs a restart", json_string_value(json_array_get(host, i)));
  if (!err && word.change_cnt > 0) {
    json_decref(host);
    return judge(question, desk, &word);
  }
  if (err) {
    json_decref(host);
    return tg_answer_error(err, "more than 64 settings differ: restart with them instead");
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "changed", json_array());
  json_object_set_new(answer, "needs_restart", host);
  return answer;
}

/* ---- pending, confirm ---- */

static json_t *word_json(tg_desk_t *desk, const tg_desk_word_t *word, uint64_t now_ns, const char *left) {
  return json_pack("{s:o,s:s,s:s,s:I,s:o,s:o,s:o}", "id", tg_answer_u64(word->id), "word", word->text, "reason", word->reason,
                   "uid", (json_int_t)word->uid, left, tg_answer_u64(seconds_left(word->until_ns, now_ns)), "expiry_s",
                   tg_answer_u64(word->expiry_s), "changes", changes_json(desk, word));
}

json_t *tg_answer_pending(const tg_question_t *question) {
  tg_desk_t *desk = question->cfg->desk;
  json_t *waiting = json_array(), *ends = json_array();
  if (desk) desk->scratch = desk->conf;
  for (size_t i = 0; desk && i < TG_DESK_PENDING; i++) {
    if (desk->pending[i].id)
      json_array_append_new(waiting, word_json(desk, &desk->pending[i], question->now_ns, "lapses_in_s"));
  }
  for (size_t i = 0; desk && i < TG_DESK_ENDS; i++) {
    if (desk->end[i].id) json_array_append_new(ends, word_json(desk, &desk->end[i], question->now_ns, "ends_in_s"));
  }
  json_t *answer = tg_answer_begin(question);
  json_object_set_new(answer, "dual_control", json_boolean(desk && desk->dual));
  json_object_set_new(answer, "waiting", waiting);
  json_object_set_new(answer, "in_force", ends);
  return answer;
}

json_t *tg_answer_confirm(const tg_question_t *question) {
  tg_desk_t *desk = question->cfg->desk;
  int64_t id = 0;
  if (question->arg_cnt != 1 || tg_dec_parse(question->arg[0], strlen(question->arg[0]), 0, &id) < 0 || id <= 0)
    return tg_answer_error(-TG_EINVAL, "confirm N: a number that `pending` shows");
  tg_desk_word_t *word = NULL;
  for (size_t i = 0; desk && i < TG_DESK_PENDING && !word; i++) {
    if (desk->pending[i].id == (uint64_t)id && question->now_ns < desk->pending[i].until_ns) word = &desk->pending[i];
  }
  if (!word) return tg_answer_error(-TG_ENOTFOUND, "no such word waits: it may have lapsed; `pending` lists them");
  if (word->uid == question->uid) return tg_answer_error(-TG_EPERM, "the second person must be another uid than the first");
  word->second_uid = question->uid;
  word->cmd.u.cmd.arg[1] = (int64_t)question->uid;
  word->cmd.u.cmd.role = TG_ROLE_RISK;
  json_t *answer = release(desk, word, question->now_ns, question->out_cmd);
  if (!answer) word->id = 0;
  return answer;
}

/* ---- the core's word, and the end ---- */

void tg_desk_sent(tg_desk_t *desk, uint64_t cmd_no, bool sent, uint64_t now_ns) {
  desk->line_cnt = 0;
  if (desk->sending.id == 0 || desk->sending_no != 0) return;
  desk->sending_no = cmd_no;
  desk->sending_ns = now_ns;
  if (!sent) desk->sending.id = 0;
}

/* A word in force that ends by itself; one of the same verb is renewed. */
static void begin_end(tg_desk_t *desk, const tg_desk_word_t *word, uint64_t now_ns) {
  tg_desk_word_t *slot = NULL;
  bool limit = word->cmd.u.cmd.verb == TG_VERB_LIMIT;
  for (size_t i = 0; i < TG_DESK_ENDS; i++) {
    tg_desk_word_t *end = &desk->end[i];
    if (!limit && end->id && end->cmd.u.cmd.verb == word->cmd.u.cmd.verb) {
      slot = end;
      break;
    }
    if (!end->id && !slot) slot = end;
  }
  if (!slot) {
    tg_log_error("too many words with an end: '%s' stays until a person undoes it", word->text);
    return;
  }
  *slot = *word;
  slot->until_ns = now_ns + word->expiry_s * (uint64_t)TG_NS_PER_S;
}

void tg_desk_heard(tg_desk_t *desk, uint64_t cmd_no, bool done, uint64_t now_ns) {
  if (desk->sending.id == 0 || desk->sending_no != cmd_no) return;
  tg_desk_word_t *word = &desk->sending;
  if (done) {
    desk->scratch = desk->conf;
    for (uint32_t i = 0; i < word->change_cnt; i++) take(desk, &word->change[i], word->change[i].after);
    if (word->expiry_s && !desk->sending_end) begin_end(desk, word, now_ns);
  }
  if (desk->sending_end && done) {
    if (word->disarm)
      desk->sending_end->disarm = true; /* halted; DISARM follows when nothing is open */
    else
      desk->sending_end->id = 0;
  }
  desk->sending_end = NULL;
  word->id = 0;
}

/* What undoes a word; false: nothing is left to undo. */
static bool undo(tg_desk_t *desk, const tg_desk_word_t *end, uint32_t orders_open, uint64_t now_ns, tg_desk_word_t *out) {
  bool limit = end->cmd.u.cmd.verb == TG_VERB_LIMIT;
  memset(out, 0, sizeof *out);
  out->uid = end->uid;
  snprintf(out->text, sizeof out->text, "end of: %.180s", end->text);
  snprintf(out->reason, sizeof out->reason, "expired");
  tg_msg_init(&out->cmd, TG_CMD, TG_INSTR_NONE, now_ns);
  out->cmd.u.cmd.role = TG_ROLE_RISK;
  out->cmd.u.cmd.uid = end->uid;
  out->cmd.u.cmd.verb = limit ? TG_VERB_LIMIT : end->disarm ? TG_VERB_DISARM : TG_VERB_PAUSE;
  put_reason(out);
  for (uint32_t i = 0; limit && i < end->change_cnt; i++) {
    const tg_desk_change_t *change = &end->change[i];
    if (!change->looser || in_force(desk, change) != change->after) continue; /* somebody changed it since: his word stands */
    out->change[out->change_cnt] = *change;
    out->change[out->change_cnt].before = change->after;
    out->change[out->change_cnt++].after = change->before;
  }
  if (limit) return out->change_cnt > 0;
  if (end->disarm) return orders_open == 0;
  out->disarm = end->cmd.u.cmd.verb == TG_VERB_ARM;
  return true;
}

bool tg_desk_due(tg_desk_t *desk, uint64_t now_ns, uint32_t orders_open, tg_msg_t *cmd) {
  for (size_t i = 0; i < TG_DESK_PENDING; i++) {
    tg_desk_word_t *word = &desk->pending[i];
    if (word->id == 0 || now_ns < word->until_ns) continue;
    tg_log_warn("number %llu lapsed without a second person: %s", (unsigned long long)word->id, word->text);
    word->id = 0;
  }
  if (desk->sending.id != 0 && now_ns < desk->sending_ns + SENDING_NS) return false;
  for (size_t i = 0; i < TG_DESK_ENDS; i++) {
    tg_desk_word_t *end = &desk->end[i];
    if (end->id == 0 || now_ns < end->until_ns) continue;
    static tg_desk_word_t word;
    if (!undo(desk, end, orders_open, now_ns, &word)) {
      if (!end->disarm) end->id = 0;
      continue;
    }
    json_t *busy = release(desk, &word, now_ns, cmd);
    json_decref(busy);
    if (busy) return false;
    desk->sending_end = end;
    return true;
  }
  return false;
}

/* The sections [limits.*] of the settings file: read, checked, printed, made into messages. */
#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"
#include "engine/conf/scoped_text.h"

#define PREFIX "limits."

typedef struct scoped_text_row {
  const char *key, *name;
  uint8_t on[TG_SCOPE_CNT];
} scoped_text_row_t;

static const scoped_text_row_t rows[TG_SCOPED_CNT] = {
#define SCOPED(key, LIMIT, account, strategy, instrument) {#key, "risk." #key, {0, (account), (strategy), (instrument)}},
#include "engine/conf/scoped.def"
#undef SCOPED
};

bool tg_conf_scoped_name(const char *name) {
  return strncmp(name, PREFIX, sizeof PREFIX - 1) == 0;
}

bool tg_conf_scoped_section(const char *section, size_t len) {
  size_t head = sizeof PREFIX - 1;
  if (len <= head || len - head >= TG_SCOPED_SYMBOL_BYTES || memcmp(section, PREFIX, head) != 0) return false;
  for (size_t i = head; i < len; i++) { /* what a symbol is made of: nothing that a file or JSON would have to quote */
    char c = section[i];
    bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!fits) return false;
  }
  return true;
}

/* Scope and slot of what stands between "limits." and the key. A new symbol takes a slot. */
static int slot_of(tg_conf_t *conf, const char *who, size_t len, uint8_t *scope) {
  if (len == 7 && memcmp(who, "account", 7) == 0) return *scope = TG_SCOPE_ACCOUNT, 0;
  if (len == 8 && memcmp(who, "strategy", 8) == 0) return *scope = TG_SCOPE_STRATEGY, 1;
  *scope = TG_SCOPE_INSTRUMENT;
  if (len == 0 || len >= TG_SCOPED_SYMBOL_BYTES) return -TG_ENOTFOUND;
  for (int i = 0; i < TG_INSTR_MAX; i++) {
    const char *symbol = conf->limits.instr[i].symbol;
    if (strlen(symbol) == len && memcmp(symbol, who, len) == 0) return 2 + i;
    if (symbol[0] != '\0') continue;
    memcpy(conf->limits.instr[i].symbol, who, len);
    return 2 + i;
  }
  return -TG_EFULL;
}

static int64_t *cell(tg_conf_t *conf, int slot, unsigned k) {
  if (slot == 0) return &conf->limits.account[k];
  return slot == 1 ? &conf->limits.strategy[k] : &conf->limits.instr[slot - 2].value[k];
}

static int refused(char *err_text, size_t err_cap, const char *name, const tg_conf_row_t *row, const char *value, int err) {
  (void)snprintf(err_text, err_cap, "%.80s = %.40s is %s, write %s from %lld to %lld%s%s", name, value,
                 err == -TG_ERANGE ? "out of range" : "no number", row->type == TG_CONF_DEC ? "a decimal" : "an integer",
                 (long long)row->min, (long long)row->max, *row->unit ? " " : "", row->unit);
  return err;
}

int tg_conf_scoped_set(tg_conf_t *conf, const char *name, const char *value, int *line_idx, char *err_text, size_t err_cap) {
  const char *who = name + sizeof PREFIX - 1, *key = strrchr(name, '.') + 1;
  size_t who_len = key > who ? (size_t)(key - who) - 1 : 0;
  if (!tg_conf_scoped_section(name, sizeof PREFIX - 1 + who_len)) {
    (void)snprintf(err_text, err_cap, "%.80s: no such scope, write [limits.account], [limits.strategy] or [limits.SYMBOL]",
                   name);
    return -TG_ENOTFOUND;
  }
  uint8_t scope = 0;
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) {
    if (strcmp(rows[k].key, key) != 0) continue;
    tg_conf_scoped_t before = conf->limits;
    int slot = slot_of(conf, who, who_len, &scope);
    if (slot < 0) {
      (void)snprintf(err_text, err_cap, "%.80s: no such scope, write [limits.account], [limits.strategy] or [limits.SYMBOL]",
                     name);
      return slot;
    }
    int64_t number = 0;
    const tg_conf_row_t *row = tg_conf_find(rows[k].name);
    int err = rows[k].on[scope] ? tg_conf_parse_value(row, value, strlen(value), &number) : -TG_ENOTFOUND;
    if (err) conf->limits = before;
    if (err == -TG_ENOTFOUND) {
      (void)snprintf(err_text, err_cap, "%.80s cannot be narrowed in this section, remove it (see docs/config.md)", name);
      return err;
    }
    if (err) return refused(err_text, err_cap, name, row, value, err);
    *cell(conf, slot, k) = number;
    if (line_idx) *line_idx = slot * (int)TG_SCOPED_CNT + (int)k;
    return 0;
  }
  (void)snprintf(err_text, err_cap, "unknown key %.80s, remove it (docs/config.md lists what can be narrowed)", name);
  return -TG_ENOTFOUND;
}

int tg_conf_symbol_idx(const char *list, const char *symbol) {
  size_t len = strlen(symbol);
  int idx = 0;
  for (const char *at = list; *at;) {
    size_t word = strcspn(at, ", \t");
    if (word == len && len > 0 && memcmp(at, symbol, len) == 0) return idx;
    idx += word > 0;
    at += word;
    if (*at) at++;
  }
  return -1;
}

int tg_conf_scoped_check(const tg_conf_t *conf, int *slot, char *err_text, size_t err_cap) {
  for (int i = 0; i < TG_INSTR_MAX && conf->limits.instr[i].symbol[0]; i++) {
    if (tg_conf_symbol_idx(conf->venue_symbols, conf->limits.instr[i].symbol) >= 0) continue;
    (void)snprintf(err_text, err_cap, "[limits.%s] names no instrument of venue.symbols, correct one of them",
                   conf->limits.instr[i].symbol);
    if (slot) *slot = 2 + i;
    return -TG_EINVAL;
  }
  return 0;
}

/* ---- printing ---- */

static void value_text(const tg_conf_row_t *row, int64_t value, char buf[TG_CONF_TEXT_BYTES]) {
  static tg_conf_t scratch; /* before lanes start: one thread */
  memcpy((char *)&scratch + row->offset, &value, sizeof value);
  (void)tg_conf_value_text(&scratch, row, buf, TG_CONF_TEXT_BYTES);
}

static void print_section(FILE *out, const char *who, const int64_t *value, bool json) {
  bool any = false;
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) {
    if (value[k] == 0) continue;
    char text[TG_CONF_TEXT_BYTES];
    value_text(tg_conf_find(rows[k].name), value[k], text);
    if (json) {
      if (!any) (void)fprintf(out, "\n  },\n  \"limits.%s\": {", who);
      (void)fprintf(out, "%s\n    \"%s\": %s", any ? "," : "", rows[k].key, text);
    } else {
      if (!any) (void)fprintf(out, "\n[limits.%s]\n", who);
      (void)fprintf(out, "%s = %s\n", rows[k].key, text);
    }
    any = true;
  }
}

void tg_conf_scoped_print(const tg_conf_t *conf, FILE *out, bool json) {
  print_section(out, "account", conf->limits.account, json);
  print_section(out, "strategy", conf->limits.strategy, json);
  for (int i = 0; i < TG_INSTR_MAX && conf->limits.instr[i].symbol[0]; i++)
    print_section(out, conf->limits.instr[i].symbol, conf->limits.instr[i].value, json);
}

void tg_conf_scoped_print_doc(FILE *out) {
  (void)fputs(
      "\n## [limits.account], [limits.strategy], [limits.SYMBOL]\n\n"
      "Limits beside the engine's own in `[risk]`: the smallest of all wins. A key left out, or 0, is no narrower limit; the\n"
      "engine's own stays mandatory (0 there is unset and blocks). `SYMBOL` is one of `venue.symbols`. One process trades one\n"
      "strategy on one account, so an account's or a strategy's limit caps what the whole engine does; an instrument's caps "
      "that\n"
      "instrument alone. Unit, range and meaning are those of the key in `[risk]`. Printed from `engine/conf/scoped.def`.\n\n"
      "| key | account | strategy | instrument |\n|---|---|---|---|\n",
      out);
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++)
    (void)fprintf(out, "| `%s` | %s | %s | %s |\n", rows[k].key, rows[k].on[TG_SCOPE_ACCOUNT] ? "yes" : "",
                  rows[k].on[TG_SCOPE_STRATEGY] ? "yes" : "", rows[k].on[TG_SCOPE_INSTRUMENT] ? "yes" : "");
}

/* ---- messages ---- */

static int section_msgs(const int64_t *value, uint8_t scope, uint16_t instr_idx, uint64_t ts_ns, tg_msg_batch_t *out) {
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) {
    if (value[k] == 0) continue;
    tg_msg_t *msg = tg_msg_next(out, TG_CFG_SET, instr_idx, ts_ns);
    if (!msg) return -TG_EFULL;
    msg->u.cfg_set.key_hash = tg_conf_find(rows[k].name)->hash;
    msg->u.cfg_set.scope = scope;
    msg->u.cfg_set.value = value[k];
  }
  return 0;
}

int tg_conf_scoped_to_msgs(const tg_conf_t *conf, uint64_t ts_ns, tg_msg_batch_t *out) {
  int err = section_msgs(conf->limits.account, TG_SCOPE_ACCOUNT, TG_INSTR_NONE, ts_ns, out);
  if (!err) err = section_msgs(conf->limits.strategy, TG_SCOPE_STRATEGY, TG_INSTR_NONE, ts_ns, out);
  for (int i = 0; i < TG_INSTR_MAX && conf->limits.instr[i].symbol[0] && !err; i++) {
    int idx = tg_conf_symbol_idx(conf->venue_symbols, conf->limits.instr[i].symbol);
    if (idx < 0 || idx >= TG_INSTR_MAX) continue; /* tg_conf_check refuses it */
    err = section_msgs(conf->limits.instr[i].value, TG_SCOPE_INSTRUMENT, (uint16_t)idx, ts_ns, out);
  }
  return err;
}

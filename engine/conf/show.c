#include <string.h>

#include "engine/base/decimal.h"
#include "engine/conf/conf.h"
#include "engine/conf/scoped_text.h"

static const char *const type_name[] = {"integer", "boolean", "decimal", "choice", "text"};

/* Word number `position` of "a|b|c", its length in *len. */
static const char *choice_word(const char *words, int64_t position, size_t *len) {
  while (position > 0) {
    const char *bar = strchr(words, '|');
    if (!bar) break;
    words = bar + 1;
    position--;
  }
  *len = strcspn(words, "|");
  return words;
}

size_t tg_conf_value_text(const tg_conf_t *conf, const tg_conf_row_t *row, char *buf, size_t cap) {
  if (cap == 0) return 0;
  char digits[TG_DEC_PRINT_BYTES];
  const char *from = digits;
  size_t len = 0;
  switch (row->type) {
    case TG_CONF_TEXT:
      from = tg_conf_text(conf, row);
      len = strlen(from);
      break;
    case TG_CONF_BOOL:
      from = tg_conf_number(conf, row) ? "true" : "false";
      len = strlen(from);
      break;
    case TG_CONF_CHOICE:
      from = choice_word(row->unit, tg_conf_number(conf, row), &len);
      break;
    default:
      len = tg_dec_print_short(tg_conf_number(conf, row), row->type == TG_CONF_DEC ? 8 : 0, digits);
  }
  if (len >= cap) len = 0;
  memcpy(buf, from, len);
  buf[len] = '\0';
  return len;
}

/* RFC 8259 string; the text is UTF-8 already. */
static void put_json_string(FILE *out, const char *text) {
  (void)fputc('"', out);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      (void)fprintf(out, "\\%c", c);
    } else if (c < 0x20 || c == 0x7f) {
      (void)fprintf(out, "\\u%04x", c);
    } else {
      (void)fputc(c, out);
    }
  }
  (void)fputc('"', out);
}

static void put_json_value(FILE *out, const tg_conf_row_t *row, const char *text) {
  if (row->type == TG_CONF_TEXT || row->type == TG_CONF_CHOICE) {
    put_json_string(out, text);
  } else {
    (void)fputs(text, out); /* digits, true, false: JSON already */
  }
}

/* The default in the canonical spelling ("2.0" is 2). */
static void default_text(const tg_conf_t *defaults, const tg_conf_row_t *row, char *buf, size_t cap) {
  (void)tg_conf_value_text(defaults, row, buf, cap);
}

static void put_range(FILE *out, const tg_conf_row_t *row) {
  switch (row->type) {
    case TG_CONF_TEXT:
      (void)fprintf(out, "up to %d bytes", TG_CONF_TEXT_BYTES - 1);
      break;
    case TG_CONF_BOOL:
      (void)fputs("true or false", out);
      break;
    case TG_CONF_CHOICE:
      for (const char *at = row->unit; *at; at++) {
        if (*at == '|') {
          (void)fputs(", ", out);
        } else {
          (void)fputc(*at, out);
        }
      }
      break;
    default:
      (void)fprintf(out, "%lld to %lld%s%s", (long long)row->min, (long long)row->max, *row->unit ? " " : "", row->unit);
  }
}

static void print_file(const tg_conf_t *conf, FILE *out) {
  const char *section = "";
  (void)fputs("# Tickgate settings. A key left out keeps its default; an unknown or repeated key is refused.\n", out);
  tg_conf_t defaults;
  tg_conf_defaults(&defaults);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    char value[TG_CONF_TEXT_BYTES], def[TG_CONF_TEXT_BYTES];
    (void)tg_conf_value_text(conf, row, value, sizeof value);
    default_text(&defaults, row, def, sizeof def);
    if (strcmp(section, row->section) != 0) (void)fprintf(out, "\n[%s]\n", row->section);
    section = row->section;
    (void)fprintf(out, "# %s\n# ", row->text);
    put_range(out, row);
    (void)fprintf(out, "; default %s\n%s =%s%s\n", *def ? def : "empty", row->key, *value ? " " : "", value);
  }
  tg_conf_scoped_print(conf, out, false);
}

static void print_json(const tg_conf_t *conf, FILE *out) {
  const char *section = "";
  (void)fputc('{', out);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    char value[TG_CONF_TEXT_BYTES];
    (void)tg_conf_value_text(conf, row, value, sizeof value);
    bool fresh = strcmp(section, row->section) != 0;
    if (fresh && *section) (void)fputs("\n  },", out);
    if (!fresh) (void)fputc(',', out);
    if (fresh) (void)fprintf(out, "\n  \"%s\": {", row->section);
    section = row->section;
    (void)fprintf(out, "\n    \"%s\": ", row->key);
    put_json_value(out, row, value);
  }
  tg_conf_scoped_print(conf, out, true);
  (void)fputs(*section ? "\n  }\n}\n" : "}\n", out);
}

int tg_conf_print(const tg_conf_t *conf, FILE *out, bool json) {
  if (json) {
    print_json(conf, out);
  } else {
    print_file(conf, out);
  }
  return ferror(out) ? -TG_EIO : 0;
}

int tg_conf_explain(const tg_conf_t *conf, const char *name, FILE *out, bool json) {
  const tg_conf_row_t *row = tg_conf_find(name);
  if (!row) return -TG_ENOTFOUND;
  char value[TG_CONF_TEXT_BYTES], def[TG_CONF_TEXT_BYTES];
  tg_conf_t defaults;
  tg_conf_defaults(&defaults);
  (void)tg_conf_value_text(conf, row, value, sizeof value);
  default_text(&defaults, row, def, sizeof def);
  const char *reach = row->cls == TG_CONF_CORE ? "core" : "host";
  if (json) {
    (void)fprintf(out, "{\"key\": \"%s\", \"type\": \"%s\", \"class\": \"%s\", ", row->name, type_name[row->type], reach);
    if (row->type == TG_CONF_INT || row->type == TG_CONF_DEC) {
      (void)fprintf(out, "\"min\": %lld, \"max\": %lld, ", (long long)row->min, (long long)row->max);
    }
    (void)fputs("\"unit\": ", out);
    put_json_string(out, row->unit);
    (void)fputs(", \"default\": ", out);
    put_json_value(out, row, def);
    (void)fputs(", \"value\": ", out);
    put_json_value(out, row, value);
    (void)fputs(", \"meaning\": ", out);
    put_json_string(out, row->text);
    (void)fputs("}\n", out);
  } else {
    (void)fprintf(out, "%s\n  meaning  %s\n  type     %s, ", row->name, row->text, type_name[row->type]);
    put_range(out, row);
    (void)fprintf(out, "\n  default  %s\n  value    %s\n  class    %s\n", *def ? def : "(empty)", *value ? value : "(empty)",
                  row->cls == TG_CONF_CORE ? "core: lies on the tape, a replay repeats it" : "host: this process only");
  }
  return ferror(out) ? -TG_EIO : 0;
}

/* A table cell: | would end it. */
static void put_cell(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '|') (void)fputc('\\', out);
    (void)fputc(*text, out);
  }
}

int tg_conf_print_doc(FILE *out) {
  const char *section = "";
  (void)fputs(
      "# Settings\n\n"
      "Printed from `engine/conf/config.def` by the program itself; a test holds this page against the table.\n\n"
      "One file in INI syntax, named by `--config FILE`; a key left out keeps its default. An unknown section, an unknown or\n"
      "repeated key, a value out of its range, a line over 1,000 bytes, a control character or a byte that is not UTF-8 is "
      "refused\n"
      "with `file:line: what, what to do` and exit code 3. `#` and `;` begin a comment at the start of a line, ` ;` behind a "
      "value.\n"
      "Class *core* travels as a message, so it lies on the tape and a replay repeats it; class *host* is read by this "
      "process\n"
      "only. Key files are named here, never their contents: mode 0600 and ours, or a systemd credential.\n\n"
      "`tickgate config show` prints the file in force, `config check FILE` only tells, `config explain SECTION.KEY` one "
      "key.\n",
      out);
  tg_conf_t defaults;
  tg_conf_defaults(&defaults);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    char def[TG_CONF_TEXT_BYTES];
    default_text(&defaults, row, def, sizeof def);
    if (strcmp(section, row->section) != 0) {
      (void)fprintf(out, "\n## [%s]\n\n| key | default | range | class | meaning |\n|---|---|---|---|---|\n", row->section);
    }
    section = row->section;
    (void)fprintf(out, "| `%s` | %s%s%s | ", row->key, *def ? "`" : "", *def ? def : "empty", *def ? "`" : "");
    put_range(out, row);
    (void)fprintf(out, " | %s | ", row->cls == TG_CONF_CORE ? "core" : "host");
    put_cell(out, row->text);
    (void)fputs(" |\n", out);
  }
  tg_conf_scoped_print_doc(out);
  return ferror(out) ? -TG_EIO : 0;
}

int tg_conf_to_msgs(const tg_conf_t *conf, uint64_t ts_ns, tg_msg_batch_t *out) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (row->cls != TG_CONF_CORE) continue;
    tg_msg_t *msg = tg_msg_next(out, TG_CFG_SET, TG_INSTR_NONE, ts_ns);
    if (!msg) return -TG_EFULL;
    msg->u.cfg_set.key_hash = row->hash;
    msg->u.cfg_set.value = tg_conf_number(conf, row);
  }
  return tg_conf_scoped_to_msgs(conf, ts_ns, out);
}

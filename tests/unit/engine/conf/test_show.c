#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"

static tg_conf_t conf;
static char why[TG_CONF_ERR_BYTES];

static char *captured;
static size_t captured_len;

static FILE *capture(void) {
  FILE *out = open_memstream(&captured, &captured_len);
  cr_assert_not_null(out);
  return out;
}

static void set(const char *name, const char *value) {
  cr_assert_eq(tg_conf_set(&conf, name, value, why, sizeof why), 0, "%s", why);
}

/* What show prints, load takes back, with every key away from its default. */
Test(show, printed_file_loads_to_the_same) {
  for (int round = 0; round < 2; round++) {
    tg_conf_defaults(&conf);
    for (size_t i = 0; round && i < tg_conf_row_cnt; i++) {
      const tg_conf_row_t *row = &tg_conf_rows[i];
      char value[64];
      if (row->type == TG_CONF_TEXT) {
        set(row->name, "a \"quoted\\text\" \xe2\x82\xac, key = value: [x] #y");
      }
      if (strcmp(row->name, "lane.ring_slots") == 0) set(row->name, "1024");
      if (strcmp(row->name, "lane.journal_slots") == 0) set(row->name, "4096");
      if (row->type == TG_CONF_DEC && row->max >= 5) {
        snprintf(value, sizeof value, "%lld.12345678", (long long)row->max / 2);
        set(row->name, value);
      }
    }
    FILE *out = capture();
    cr_assert_eq(tg_conf_print(&conf, out, false), 0);
    fclose(out);
    tg_conf_t back;
    cr_assert_eq(tg_conf_load_mem(&back, "show", captured, captured_len, why, sizeof why), 0, "%s\n%s", why, captured);
    cr_assert_eq(memcmp(&back, &conf, sizeof back), 0);
    free(captured);
  }
}

Test(show, values_are_spelled_as_in_a_file) {
  char text[TG_CONF_TEXT_BYTES];
  tg_conf_defaults(&conf);
  static const char *const want[][2] = {{"engine.mode", "sim"},       {"engine.armed", "false"},  {"lane.hot_cpu", "-1"},
                                        {"grid.spread_widen", "0.5"}, {"venue.ca_file", ""},      {"venue.symbols", "BTCUSDT"},
                                        {"grid.spacing_bps", "2"},    {"venue.order_entry", "ws"}};
  for (size_t i = 0; i < TG_ARRAY_CNT(want); i++) {
    cr_assert_eq(tg_conf_value_text(&conf, tg_conf_find(want[i][0]), text, sizeof text), strlen(want[i][1]), "%s", want[i][0]);
    cr_assert_str_eq(text, want[i][1]);
  }
  cr_assert_eq(tg_conf_value_text(&conf, tg_conf_find("engine.mode"), text, 3), 0);
  cr_assert_str_eq(text, "", "too small a room gives nothing, not a part");
  cr_assert_eq(tg_conf_value_text(&conf, tg_conf_find("engine.mode"), text, 4), 3);
  cr_assert_eq(tg_conf_value_text(&conf, tg_conf_find("engine.mode"), text, 0), 0);
}

/* ---- a small strict JSON reader, to hold what is printed against RFC 8259 ---- */
static const char *at;

static void blank(void) {
  while (*at == ' ' || *at == '\n') at++;
}

static bool string(void) {
  if (*at++ != '"') return false;
  for (; *at != '"'; at++) {
    if ((unsigned char)*at < 0x20) return false;
    if (*at == '\\') {
      at++;
      if (*at == 'u') {
        for (int i = 0; i < 4; i++) {
          if (!isxdigit((unsigned char)*++at)) return false;
        }
      } else if (!strchr("\"\\/bfnrt", *at)) {
        return false;
      }
    }
  }
  at++;
  return true;
}

static bool number(void) {
  if (*at == '-') at++;
  if (*at == '0' && isdigit((unsigned char)at[1])) return false;
  if (!isdigit((unsigned char)*at)) return false;
  while (isdigit((unsigned char)*at)) at++;
  if (*at != '.') return true;
  if (!isdigit((unsigned char)*++at)) return false;
  while (isdigit((unsigned char)*at)) at++;
  return true;
}

static int members;

static bool value(void) {
  blank();
  if (*at == '{') {
    at++;
    blank();
    if (*at == '}') return at++, true;
    for (;;) {
      blank();
      if (!string()) return false;
      blank();
      if (*at++ != ':' || !value()) return false;
      members++;
      blank();
      if (*at == '}') return at++, true;
      if (*at++ != ',') return false;
    }
  }
  if (*at == '"') return string();
  if (strncmp(at, "true", 4) == 0) return at += 4, true;
  if (strncmp(at, "false", 5) == 0) return at += 5, true;
  return number();
}

static bool json(const char *text) {
  at = text;
  members = 0;
  bool ok = value();
  blank();
  return ok && *at == '\0';
}

Test(show, json_is_json) {
  tg_conf_defaults(&conf);
  set("engine.run_dir", "C:\\dir \"x\" \xc3\xa9");
  FILE *out = capture();
  cr_assert_eq(tg_conf_print(&conf, out, true), 0);
  fclose(out);
  cr_assert(json(captured), "at: %.40s", at);
  int sections = 0;
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    sections += i == 0 || strcmp(tg_conf_rows[i].section, tg_conf_rows[i - 1].section) != 0;
  }
  cr_assert_eq((size_t)members, tg_conf_row_cnt + (size_t)sections);
  cr_assert_not_null(strstr(captured, "\"mode\": \"sim\""));
  cr_assert_not_null(strstr(captured, "\"armed\": false"));
  cr_assert_not_null(strstr(captured, "\"spread_widen\": 0.5"));
  cr_assert_not_null(strstr(captured, "\"hot_cpu\": -1"));
  cr_assert_not_null(strstr(captured, "\"run_dir\": \"C:\\\\dir \\\"x\\\" \xc3\xa9\""));
  free(captured);
}

/* The rows of one section stand together, or show would open it twice and JSON would repeat a key. */
Test(show, sections_are_not_split) {
  for (size_t i = 1; i < tg_conf_row_cnt; i++) {
    if (strcmp(tg_conf_rows[i].section, tg_conf_rows[i - 1].section) == 0) continue;
    for (size_t k = 0; k < i; k++) {
      cr_assert_str_neq(tg_conf_rows[k].section, tg_conf_rows[i].section, "move %s to its section", tg_conf_rows[i].name);
    }
  }
}

Test(show, explain_every_key) {
  tg_conf_defaults(&conf);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    for (int as_json = 0; as_json < 2; as_json++) {
      FILE *out = capture();
      cr_assert_eq(tg_conf_explain(&conf, tg_conf_rows[i].name, out, as_json), 0);
      fclose(out);
      cr_assert_not_null(strstr(captured, tg_conf_rows[i].name));
      if (as_json) cr_assert(json(captured), "%s", captured);
      free(captured);
    }
  }
  FILE *out = capture();
  cr_assert_eq(tg_conf_explain(&conf, "no.key", out, false), -TG_ENOTFOUND);
  fclose(out);
  cr_assert_eq(captured_len, 0);
  free(captured);
}

Test(show, explain_says_what_matters) {
  tg_conf_defaults(&conf);
  set("engine.timer_ms", "20");
  FILE *out = capture();
  cr_assert_eq(tg_conf_explain(&conf, "engine.timer_ms", out, false), 0);
  fclose(out);
  cr_assert_str_eq(captured,
                   "engine.timer_ms\n  meaning  period of TIMER messages\n  type     integer, 1 to 1000 ms\n  default  10\n"
                   "  value    20\n  class    host: this process only\n");
  free(captured);
  out = capture();
  cr_assert_eq(tg_conf_explain(&conf, "engine.timer_ms", out, true), 0);
  fclose(out);
  cr_assert_str_eq(captured,
                   "{\"key\": \"engine.timer_ms\", \"type\": \"integer\", \"class\": \"host\", \"min\": 1, \"max\": 1000, "
                   "\"unit\": \"ms\", \"default\": 10, \"value\": 20, \"meaning\": \"period of TIMER messages\"}\n");
  free(captured);
}

Test(show, a_broken_stream_is_told) {
  tg_conf_defaults(&conf);
  FILE *full = fopen("/dev/full", "w");
  cr_assert_not_null(full);
  setvbuf(full, NULL, _IONBF, 0);
  cr_assert_eq(tg_conf_print(&conf, full, false), -TG_EIO);
  cr_assert_eq(tg_conf_print(&conf, full, true), -TG_EIO);
  cr_assert_eq(tg_conf_print_doc(full), -TG_EIO);
  cr_assert_eq(tg_conf_explain(&conf, "engine.mode", full, false), -TG_EIO);
  fclose(full);
}

/* docs/config.md is what the program prints. When a row changed: TG_CONFIG_DOC_OUT=docs/config.md <this program>. */
Test(show, the_page_in_docs_is_up_to_date) {
  FILE *out = capture();
  cr_assert_eq(tg_conf_print_doc(out), 0);
  fclose(out);
  cr_assert_not_null(strstr(captured, "## [risk]"));
  const char *write_to = getenv("TG_CONFIG_DOC_OUT");
  if (write_to) {
    FILE *page = fopen(write_to, "w");
    cr_assert_not_null(page);
    cr_assert_eq(fwrite(captured, 1, captured_len, page), captured_len);
    cr_assert_eq(fclose(page), 0);
  }
  /* tests/unit/engine/conf/test_show.c -> the repo's root */
  char path[1024];
  snprintf(path, sizeof path, "%s", __FILE__);
  char *cut = strstr(path, "tests/unit/engine/conf/");
  cr_assert_not_null(cut);
  snprintf(cut, sizeof path - (size_t)(cut - path), "docs/config.md");
  FILE *page = fopen(path, "r");
  if (!page) cr_skip("no source tree at %s", path);
  char *have = malloc(captured_len + 2);
  cr_assert_not_null(have);
  size_t len = fread(have, 1, captured_len + 1, page);
  fclose(page);
  cr_assert(len == captured_len && memcmp(have, captured, len) == 0, "docs/config.md is older than config.def: print it again");
  free(have);
  free(captured);
}

#include "support.h"

static int cursor_err(const char *text, size_t len) {
  tg_json_t json;
  tg_json_init(&json, text, len);
  tg_json_skip(&json);
  return tg_json_end(&json);
}

Test(json, walks_objects_and_arrays) {
  const char *text = " {\"a\" : 1, \"b\":[true ,null,\"x\\n\"],\"c\":{}, \"d\":-12.50,\"e\":[]} ";
  tg_json_t json;
  tg_json_slice_t key, str;
  int64_t num = 0;
  bool flag = false;
  tg_json_init(&json, text, strlen(text));
  cr_assert(tg_json_obj_begin(&json));
  cr_assert(tg_json_obj_next(&json, &key) && tg_json_is(key, "a") && tg_json_i64(&json, &num) && num == 1);
  cr_assert(tg_json_obj_next(&json, &key) && tg_json_is(key, "b") && tg_json_arr_begin(&json));
  cr_assert(tg_json_arr_next(&json) && tg_json_bool(&json, &flag) && flag);
  cr_assert(tg_json_arr_next(&json) && tg_json_null(&json));
  cr_assert(tg_json_arr_next(&json) && tg_json_str(&json, &str) && str.len == 3);
  char out[8];
  cr_assert_eq(tg_json_unescape(str, out, sizeof out), 2);
  cr_assert_arr_eq(out, "x\n", 2);
  cr_assert(!tg_json_arr_next(&json));
  cr_assert(tg_json_obj_next(&json, &key) && tg_json_obj_begin(&json) && !tg_json_obj_next(&json, &key));
  cr_assert(tg_json_obj_next(&json, &key) && tg_json_dec(&json, 2, &num) && num == -1250);
  cr_assert(tg_json_obj_next(&json, &key) && tg_json_arr_begin(&json) && !tg_json_arr_next(&json));
  cr_assert(!tg_json_obj_next(&json, &key));
  cr_assert_eq(tg_json_end(&json), 0);
}

Test(json, is_strict_in_what_it_reads) {
  static const char *const bad[] = {"{\"a\":1 \"b\":2}", "{\"a\":1,}", "{,\"a\":1}", "{\"a\" 1}", "{a:1}",
                                    "{\"a\":1",          "{\"a\"",     "[",          "{\"a\":}"};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    tg_json_t json;
    tg_json_slice_t key;
    tg_json_init(&json, bad[i], strlen(bad[i]));
    if (bad[i][0] == '{' && tg_json_obj_begin(&json)) {
      while (tg_json_obj_next(&json, &key)) tg_json_skip(&json);
    } else {
      tg_json_skip(&json);
    }
    cr_assert_eq(tg_json_end(&json), -TG_ESYNTAX, "%s", bad[i]);
  }
}

Test(json, integers_fit_their_types) {
  static const struct {
    const char *text;
    int err_u64, err_i64;
  } rows[] = {{"0", 0, 0},
              {"18446744073709551615", 0, -TG_ERANGE},
              {"18446744073709551616", -TG_ERANGE, -TG_ERANGE},
              {"9223372036854775807", 0, 0},
              {"-9223372036854775808", -TG_ESYNTAX, 0},
              {"-9223372036854775809", -TG_ESYNTAX, -TG_ERANGE},
              {"01", -TG_ESYNTAX, -TG_ESYNTAX},
              {"1.0", -TG_ESYNTAX, -TG_ESYNTAX},
              {"1e3", -TG_ESYNTAX, -TG_ESYNTAX},
              {"\"1\"", -TG_ESYNTAX, -TG_ESYNTAX},
              {"", -TG_ESYNTAX, -TG_ESYNTAX}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    tg_json_t json;
    uint64_t u = 0;
    int64_t s = 0;
    tg_json_init(&json, rows[i].text, strlen(rows[i].text));
    bool ok = tg_json_u64(&json, &u);
    cr_assert_eq(ok ? 0 : json.err, rows[i].err_u64, "u64 %s: %d", rows[i].text, json.err);
    tg_json_init(&json, rows[i].text, strlen(rows[i].text));
    ok = tg_json_i64(&json, &s);
    cr_assert_eq(ok ? 0 : json.err, rows[i].err_i64, "i64 %s: %d", rows[i].text, json.err);
  }
}

Test(json, decimals_are_exact_or_refused) {
  const tg_scale_t quarter = {.dec = 2, .unit = 25};
  static const struct {
    const char *text;
    int err;
    int64_t value;
  } rows[] = {{"\"0.25\"", 0, 1},
              {"\"1.50000\"", 0, 6},
              {"1.75", 0, 7},
              {"\"-0.50\"", 0, -2},
              {"\"0.10\"", -TG_ERANGE, 0},
              {"\"0.255\"", -TG_ERANGE, 0},
              {"\"\"", -TG_ESYNTAX, 0},
              {"\"1.\"", -TG_ESYNTAX, 0},
              {"\"a\"", -TG_ESYNTAX, 0},
              {"\"99999999999999999999\"", -TG_ERANGE, 0}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    tg_json_t json;
    int64_t value = 77;
    tg_json_init(&json, rows[i].text, strlen(rows[i].text));
    bool ok = tg_json_scaled(&json, quarter, &value);
    cr_assert_eq(ok ? 0 : json.err, rows[i].err, "%s: %d", rows[i].text, json.err);
    cr_assert_eq(value, rows[i].err ? 77 : rows[i].value, "%s", rows[i].text);
  }
}

Test(json, unescapes) {
  static const struct {
    const char *raw, *text;
  } rows[] = {{"a\\u00e9b",
               "a\xc3\xa9"
               "b"},
              {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
              {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
              {"\\u20AC", "\xe2\x82\xac"}};
  char out[64];
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    int n = tg_json_unescape((tg_json_slice_t){rows[i].raw, strlen(rows[i].raw)}, out, sizeof out);
    cr_assert_eq(n, (int)strlen(rows[i].text), "%s", rows[i].raw);
    cr_assert_arr_eq(out, rows[i].text, (size_t)n);
  }
  cr_assert_eq(tg_json_unescape((tg_json_slice_t){"\\ud83d", 6}, out, sizeof out), -TG_ESYNTAX);
  cr_assert_eq(tg_json_unescape((tg_json_slice_t){"abc", 3}, out, 2), -TG_EFULL);
}

Test(json, depth_is_capped) {
  char text[2 * TG_JSON_VALIDATE_DEPTH_MAX + 8];
  size_t n = TG_JSON_VALIDATE_DEPTH_MAX;
  memset(text, '[', n);
  memset(text + n, ']', n);
  cr_assert_eq(tg_json_validate(text, 2 * n), 0);
  cr_assert_lt(cursor_err(text, 2 * n), 0);
  memset(text, '[', n + 1);
  memset(text + n + 1, ']', n + 1);
  cr_assert_eq(tg_json_validate(text, 2 * n + 2), -TG_EDEPTH);
  tg_json_t json;
  tg_json_init(&json, text, 2 * n);
  for (int i = 0; i < TG_JSON_DEPTH_MAX; i++) cr_assert(tg_json_arr_begin(&json) && tg_json_arr_next(&json));
  cr_assert(!tg_json_arr_begin(&json));
  cr_assert_eq(json.err, -TG_EDEPTH);
}

Test(json, every_prefix_stays_inside_its_page) {
  static const char *const texts[] = {
      "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"a\":[1,2.5,\"\\u00e9\\\\\"],\"b\":null,\"c\":true,\"d\":-1e5}}",
      "[[[\"0123456789abcdef0123456789abcdef\",1234567890123456789]],false,{\"k\":\"\\ud83d\\ude00\"}]"};
  guarded_t g = guarded_new(4096);
  for (size_t i = 0; i < TG_ARRAY_CNT(texts); i++) {
    size_t len = strlen(texts[i]);
    for (size_t n = 0; n <= len; n++) {
      const char *text = guarded_put(&g, texts[i], n);
      cr_assert_eq(tg_json_validate(text, n) == 0, n == len, "%.*s", (int)n, texts[i]);
      cr_assert_eq(cursor_err(text, n) == 0, n == len, "%.*s", (int)n, texts[i]);
    }
  }
  guarded_free(&g);
}

typedef struct suite {
  size_t yes, no, either;
  guarded_t page;
} suite_t;

static void suite_file(const char *path, void *user) {
  suite_t *s = user;
  const char *name = strrchr(path, '/') + 1;
  size_t len;
  char *text = read_all(path, &len);
  const char *copy = guarded_put(&s->page, text, len);
  int err = tg_json_validate(copy, len);
  if (strncmp(name, "y_", 2) == 0) {
    s->yes++;
    cr_expect_eq(err, 0, "%s must pass: %s", name, tg_err_name(err));
  } else if (strncmp(name, "n_", 2) == 0) {
    s->no++;
    cr_expect_neq(err, 0, "%s must fail", name);
  } else {
    s->either++;
  }
  (void)cursor_err(copy, len); /* any result, inside the page */
  free(text);
}

Test(json, JSONTestSuite) {
  NEED_DATA();
  suite_t s = {.page = guarded_new(1 << 20)};
  each_file("conformance/yyjson-JSONTestSuite/test_parsing", ".json", suite_file, &s);
  guarded_free(&s.page);
  if (s.yes + s.no == 0) cr_skip_test("no JSONTestSuite under TICKGATE_DATA/conformance");
  cr_log_info("JSONTestSuite: %zu y_, %zu n_, %zu i_", s.yes, s.no, s.either);
  cr_assert_gt(s.yes, 0);
  cr_assert_gt(s.no, 0);
}

#include "codecs/text.h"
#include "support.h"

Test(symtab, finds_what_was_added) {
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  char name[24];
  const tg_scale_t scale = {.dec = 1, .unit = 1};
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    int n = snprintf(name, sizeof name, "S%.*s%u", i % 15, "ABCDEFGHIJKLMNOP", i);
    cr_assert_eq(tg_symtab_add(&tab, name, (size_t)n, i, TG_PRODUCT_USDM, scale, scale), 0);
  }
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    int n = snprintf(name, sizeof name, "S%.*s%u", i % 15, "ABCDEFGHIJKLMNOP", i);
    const tg_sym_t *sym = tg_symtab_find(&tab, name, (size_t)n);
    cr_assert(sym && sym->instr_idx == i, "%s", name);
    cr_assert_eq(tg_symtab_instr(&tab, i), sym);
  }
  cr_assert_null(tg_symtab_find(&tab, "BTCUSDT", 7));
  cr_assert_null(tg_symtab_find(&tab, "", 0));
  cr_assert_null(tg_symtab_find(&tab, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26));
  cr_assert_eq(tg_symtab_add(&tab, "NEW", 3, 0, TG_PRODUCT_USDM, scale, scale), -TG_EEXISTS);
}

Test(symtab, refuses_nonsense_and_takes_new_scales) {
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  const tg_scale_t a = {.dec = 1, .unit = 1}, b = {.dec = 2, .unit = 5};
  cr_assert_eq(tg_symtab_add(&tab, "", 0, 0, TG_PRODUCT_USDM, a, a), -TG_EINVAL);
  cr_assert_eq(tg_symtab_add(&tab, "ABCDEFGHIJKLMNOPQRSTU", 21, 0, TG_PRODUCT_USDM, a, a), -TG_EINVAL);
  cr_assert_eq(tg_symtab_add(&tab, "X", 1, TG_INSTR_MAX, TG_PRODUCT_USDM, a, a), -TG_EINVAL);
  cr_assert_eq(tg_symtab_add(&tab, "X", 1, 0, TG_PRODUCT_USDM, (tg_scale_t){.dec = 1, .unit = 0}, a), -TG_EINVAL);
  cr_assert_eq(tg_symtab_add(&tab, "BTCUSDT", 7, 3, TG_PRODUCT_USDM, a, a), 0);
  cr_assert_eq(tg_symtab_add(&tab, "BTCUSDT", 7, 3, TG_PRODUCT_USDM, b, a), 0);
  cr_assert_eq(tg_symtab_find(&tab, "BTCUSDT", 7)->px.unit, 5);
  cr_assert_eq(tg_symtab_add(&tab, "BTCUSDT", 7, 4, TG_PRODUCT_USDM, b, a), -TG_EEXISTS);
  cr_assert_eq(tab.cnt, 1);
}

Test(symtab, names_end_at_a_guard_page) {
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  static const char *const names[] = {"A", "BTCUSDT", "1000SHIB", "BTCUSD_PERP", "1000000MOGUSDT_26", "BTCUSDT_26092512345"};
  guarded_t g = guarded_new(64);
  for (size_t i = 0; i < TG_ARRAY_CNT(names); i++) add_symbol(&tab, names[i], "1", "1");
  for (size_t i = 0; i < TG_ARRAY_CNT(names); i++) {
    size_t n = strlen(names[i]);
    const tg_sym_t *sym = tg_symtab_find(&tab, guarded_put(&g, names[i], n), n);
    cr_assert(sym && sym->instr_idx == i, "%s", names[i]);
  }
  guarded_free(&g);
}

Test(client_id, round_trip_and_foreign) {
  static const char letters[] = "?rbsphl"; /* by tg_mode_t */
  for (int mode = TG_MODE_REPLAY; mode < TG_MODE_CNT; mode++) {
    uint64_t id = tg_client_id_make((tg_mode_t)mode, 0xABCDE, 0x7F, 0x12345678), back = 0;
    char text[TG_CLIENT_ID_BYTES];
    tg_client_id_print(id, text);
    char want[32];
    snprintf(want, sizeof want, "tg%c-%xabcde7f12345678", letters[mode], mode);
    cr_assert_arr_eq(text, want, TG_CLIENT_ID_BYTES);
    cr_assert(tg_client_id_parse(text, sizeof text, &back));
    cr_assert_eq(back, id);
    cr_assert_eq((int)tg_client_id_mode(id), mode);
    cr_assert_eq(tg_client_id_epoch(id), 0xABCDE);
    cr_assert_eq(tg_client_id_strategy(id), 0x7F);
    cr_assert_eq(tg_client_id_counter(id), 0x12345678);
  }
  static const char *const foreign[] = {"android_MLA5BSDBdSD12WPlEyMh", "",
                                        "tgs-0123456789abcdef",         "tgs-3000000000000ABC",
                                        "tgs-300000000000000g",         "tgs-30000000000000000",
                                        "xgs-3000000000000000"};
  uint64_t last = 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(foreign); i++) {
    uint64_t hash = 0;
    cr_assert_not(tg_client_id_parse(foreign[i], strlen(foreign[i]), &hash), "%s", foreign[i]);
    cr_assert_eq(hash, tg_client_id_hash(foreign[i], strlen(foreign[i])));
    cr_assert_neq(hash, last);
    last = hash;
  }
}

Test(text, numbers) {
  static const uint64_t values[] = {0, 9, 10, 99, 100, 12345, 1785000000123, UINT64_MAX};
  for (size_t i = 0; i < TG_ARRAY_CNT(values); i++) {
    char buf[20], want[24];
    size_t n = tg_text_u64(values[i], buf);
    snprintf(want, sizeof want, "%llu", (unsigned long long)values[i]);
    cr_assert_eq(n, strlen(want));
    cr_assert_arr_eq(buf, want, n);
  }
  char small[3];
  tg_text_t text;
  tg_text_init(&text, small, sizeof small);
  tg_text_lit(&text, "ab");
  tg_text_lit(&text, "cd");
  cr_assert_eq(text.err, -TG_EFULL);
  cr_assert_eq(text.len, 2);
}

Test(outcome, the_table) {
  static const struct {
    tg_request_t request;
    tg_wire_t wire;
    uint16_t status;
    int32_t code;
    tg_outcome_t outcome;
    uint32_t hints; /* all of these must be set */
  } rows[] = {
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 200, 0, TG_OUTCOME_CONFIRMED, 0},
      {TG_REQUEST_PLACE, TG_WIRE_NOT_SENT, 0, 0, TG_OUTCOME_REFUSED, TG_HINT_RETRY},
      {TG_REQUEST_PLACE, TG_WIRE_LOST, 0, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -2019, TG_OUTCOME_REFUSED, 0},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -5022, TG_OUTCOME_REFUSED, 0},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -4116, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 503, -1008, TG_OUTCOME_REFUSED, TG_HINT_BACKOFF},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 503, -1007, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 503, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 503, -1001, TG_OUTCOME_REFUSED, TG_HINT_RETRY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 408, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 504, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 500, -1000, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 429, -1003, TG_OUTCOME_REFUSED, TG_HINT_BACKOFF},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 418, -1003, TG_OUTCOME_REFUSED, TG_HINT_BAN},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -1021, TG_OUTCOME_REFUSED, TG_HINT_CLOCK},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -5028, TG_OUTCOME_REFUSED, TG_HINT_CLOCK},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 401, -2015, TG_OUTCOME_REFUSED, TG_HINT_AUTH},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 401, 0, TG_OUTCOME_REFUSED, TG_HINT_AUTH},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 403, 0, TG_OUTCOME_REFUSED, TG_HINT_BACKOFF},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -4120, TG_OUTCOME_REFUSED, TG_HINT_CONFIG},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -9999, TG_OUTCOME_REFUSED, TG_HINT_CONFIG}, /* not listed: a 4xx is definitive */
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 500, -9999, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 200, -9999, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 200, -4164, TG_OUTCOME_REFUSED, 0}, /* an element of a batch */
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 302, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_PLACE, TG_WIRE_ANSWER, 400, -4192, TG_OUTCOME_REFUSED, TG_HINT_HALT},
      {TG_REQUEST_AMEND, TG_WIRE_ANSWER, 400, -5027, TG_OUTCOME_CONFIRMED, 0},
      {TG_REQUEST_AMEND, TG_WIRE_ANSWER, 400, -5043, TG_OUTCOME_REFUSED, TG_HINT_QUERY},
      {TG_REQUEST_AMEND, TG_WIRE_ANSWER, 400, -2013, TG_OUTCOME_REFUSED, TG_HINT_QUERY},
      {TG_REQUEST_CANCEL, TG_WIRE_ANSWER, 400, -2011, TG_OUTCOME_REFUSED, TG_HINT_QUERY},
      {TG_REQUEST_CANCEL, TG_WIRE_LOST, 0, 0, TG_OUTCOME_UNKNOWN, TG_HINT_QUERY},
      {TG_REQUEST_QUERY, TG_WIRE_ANSWER, 400, -2013, TG_OUTCOME_REFUSED, 0},
      {TG_REQUEST_NONE, TG_WIRE_ANSWER, 400, -1125, TG_OUTCOME_REFUSED, TG_HINT_STREAM},
      {TG_REQUEST_NONE, TG_WIRE_ANSWER, 400, -4059, TG_OUTCOME_CONFIRMED, 0},
  };
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    tg_verdict_t v = tg_outcome(rows[i].request, rows[i].wire, rows[i].status, rows[i].code);
    cr_expect_eq(v.outcome, rows[i].outcome, "row %zu (%d, %d): %d", i, rows[i].status, rows[i].code, v.outcome);
    cr_expect_eq(v.hints & rows[i].hints, rows[i].hints, "row %zu: hints %x", i, v.hints);
  }
}

Test(outcome, nothing_unsure_is_ever_refused) {
  /* whatever the request: a lost wire, 408 or a 5xx without a word is UNKNOWN */
  for (unsigned request = 0; request < TG_REQUEST_CNT; request++) {
    cr_expect_eq(tg_outcome((tg_request_t)request, TG_WIRE_LOST, 0, 0).outcome, TG_OUTCOME_UNKNOWN);
    cr_expect_eq(tg_outcome((tg_request_t)request, TG_WIRE_ANSWER, 408, 0).outcome, TG_OUTCOME_UNKNOWN);
    for (uint16_t status = 500; status < 600; status++) {
      cr_expect_eq(tg_outcome((tg_request_t)request, TG_WIRE_ANSWER, status, 0).outcome, TG_OUTCOME_UNKNOWN);
    }
  }
  cr_assert_eq(tg_bn_503_code("Unknown error, please check your request or try again later.", 60), -1007);
  cr_assert_eq(tg_bn_503_code("Service Unavailable.", 20), -1001);
  cr_assert_eq(tg_bn_503_code("<html>", 6), 0);
  cr_assert_eq(tg_bn_code_class(-2013), TG_BN_CLASS_ABSENT);
  cr_assert_str_eq(tg_bn_code_name(-5022), "GTX_ORDER_REJECT");
  cr_assert_str_eq(tg_bn_code_name(-1), "?");
}

#include "support.h"

#define NS (UINT64_C(1800000000000) * 1000000u)

/* Every JSON fixture of another project's Binance adapter parses: as JSON, and by the decoder of its folder. */
typedef struct fixtures {
  size_t json, md, user, rest;
} fixtures_t;

static bool has(const char *path, const char *part) {
  return strstr(path, part) != NULL;
}

static void rest_fixture(const char *path, const tg_symtab_t *tab, const char *text, size_t len, fixtures_t *s) {
  tg_msg_batch_t out = batch_new(256);
  tg_bn_acc_t acc = {.tab = tab};
  const char *name = strrchr(path, '/') + 1;
  const tg_bn_inflight_row_t row = {.client_id = 1, .request = TG_REQUEST_QUERY};
  int n = 1;
  if (strcmp(name, "balance.json") == 0) {
    n = tg_bn_rest_balances(&acc, text, len, NS, &out);
  } else if (strcmp(name, "position_risk.json") == 0) {
    n = tg_bn_rest_positions(&acc, text, len, NS, &out);
  } else if (strcmp(name, "order_response.json") == 0 || has(name, "new_order") || has(name, "cancel_order_")) {
    n = tg_bn_rest_answer(tab, &row, TG_WIRE_ANSWER, 200, text, len, NS, &out);
    cr_expect_neq(out.msg[0].u.ex_answer.status, TG_STATUS_NONE, "%s", path);
    cr_expect_gt(out.msg[0].u.ex_answer.order_id, 0, "%s", path);
  } else if (!has(name, "cancel_open") && (has(name, "open_orders") || has(name, "all_orders"))) {
    n = tg_bn_rest_open_orders(&acc, text, len, NS, &out);
  } else if (has(name, "depth")) {
    tg_bn_md_t md;
    tg_bn_md_init(&md, tab);
    tg_symtab_t any;
    tg_symtab_init(&any);
    add_symbol(&any, "ANY", "0.00000001", "0.00000001");
    md.tab = &any;
    n = tg_bn_md_snapshot(&md, text, len, NS, 0, 1, &out);
  } else if (has(name, "server_time")) {
    int64_t ms = 0;
    n = tg_bn_rest_time(text, len, &ms) == 0 && ms > 0 ? 1 : -1;
  } else if (has(name, "account_trades")) {
    n = tg_bn_rest_user_trades(tab, text, len, NS, NULL, NULL, &out, NULL);
  } else {
    free(out.msg);
    return; /* bodies that the engine does not read */
  }
  s->rest++;
  cr_expect_gt(n, 0, "%s: %d", path, n);
  free(out.msg);
}

static void fixture(const char *path, void *user) {
  fixtures_t *s = user;
  size_t len;
  char *text = read_all(path, &len);
  tg_symtab_t tab;
  tg_msg_batch_t out = batch_new(256);
  tg_symtab_init(&tab);
  add_all_symbols(&tab, text, len);
  cr_expect_eq(tg_json_validate(text, len), 0, "%s", path);
  s->json++;
  if (has(path, "/market_data_json/")) {
    tg_bn_md_t md;
    tg_bn_md_init(&md, &tab);
    int n = tg_bn_md_decode(&md, text, len, NS, &out);
    cr_expect(n > 0 || (n == 0 && md.cnt.unknown_event == 1), "%s: %d", path, n);
    s->md++;
  } else if (has(path, "/user_data_json/")) {
    tg_bn_user_t ctx;
    tg_bn_user_init(&ctx, &tab);
    cr_expect_gt(tg_bn_user_decode(&ctx, text, len, NS, &out), 0, "%s", path);
    s->user++;
  } else if (has(path, "/http_json/")) {
    rest_fixture(path, &tab, text, len, s);
  }
  free(out.msg);
  free(text);
}

Test(fixtures, nautilus_binance) {
  NEED_DATA();
  fixtures_t s = {0};
  if (each_file("crypto/nautilus/binance", ".json", fixture, &s) == 0)
    cr_skip_test("no fixtures under TICKGATE_DATA/crypto/nautilus/binance");
  cr_log_info("%zu files, %zu market data, %zu user data, %zu REST", s.json, s.md, s.user, s.rest);
}

static void exchange_info(const char *path, void *user) {
  if (!has(path, "exchangeInfo")) return;
  size_t len;
  char *text = read_all(path, &len);
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  add_all_symbols(&tab, text, len);
  tg_msg_batch_t out = batch_new(3 * TG_INSTR_MAX);
  tg_bn_want_t want[TG_INSTR_MAX];
  memset(want, 0, sizeof want);
  for (uint32_t i = 0; i < tab.cnt; i++) {
    memcpy(want[i].symbol, tab.sym[i].name, tab.sym[i].name_len);
    want[i].instr_idx = (uint16_t)i;
  }
  int n = tg_bn_rest_exchange_info(text, len, NS, TG_PRODUCT_USDM, want, tab.cnt, &out, NULL);
  cr_expect_eq(n, (int)(3 * tab.cnt), "%s: %d messages of %u symbols", path, n, tab.cnt);
  ++*(size_t *)user;
  free(out.msg);
  free(text);
}

Test(fixtures, exchange_info_files) {
  NEED_DATA();
  size_t files = 0;
  each_file("crypto/grinder", ".json", exchange_info, &files);
  if (files == 0) cr_skip_test("no exchangeInfo under TICKGATE_DATA/crypto");
}

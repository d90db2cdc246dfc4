#include "codecs/text.h"
#include "support.h"

#define MS INT64_C(1785000000600)
#define NS ((uint64_t)MS * 1000000u)

static tg_symtab_t tab;
static tg_bn_user_t user;
static tg_msg_batch_t out;

static void setup(void) {
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  add_symbol(&tab, "ETHUSDT", "0.01", "0.001");
  add_symbol(&tab, "BTCUSD_PERP", "0.1", "1");
  memcpy(tab.sym[0].margin_asset, "USDT", 4);
  memcpy(tab.sym[2].margin_asset, "BTC", 3);
  tg_bn_user_init(&user, &tab);
  out = batch_new(64);
}
static void teardown(void) {
  free(out.msg);
}
TestSuite(user, .init = setup, .fini = teardown);

static int decode(const char *text) {
  out.cnt = 0;
  return tg_bn_user_decode(&user, text, strlen(text), NS, &out);
}

static const char FILL[] =
    "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1785000000518,\"T\":1785000000512,\"o\":{\"s\":\"BTCUSDT\",\"c\":\"tgs-"
    "30000010100000042\",\"S\":\"BUY\",\"o\":"
    "\"LIMIT\",\"f\":\"GTX\",\"q\":\"0.010\",\"p\":\"61240.00\",\"ap\":\"61240.00\",\"sp\":\"0\",\"x\":\"TRADE\",\"X\":"
    "\"PARTIALLY_FILLED\",\"i\":"
    "90110000123,\"l\":\"0.004\",\"z\":\"0.004\",\"L\":\"61240.00\",\"n\":\"0.04899200\",\"N\":\"USDT\",\"T\":1785000000512,"
    "\"t\":5400112233,\"b\":"
    "\"367.44\",\"a\":\"0\",\"m\":true,\"R\":false,\"wt\":\"CONTRACT_PRICE\",\"ot\":\"LIMIT\",\"ps\":\"BOTH\",\"cp\":false,"
    "\"rp\":\"-1.5\",\"pP\":false,"
    "\"si\":0,\"ss\":0,\"V\":\"EXPIRE_MAKER\",\"pm\":\"NONE\",\"gtd\":0,\"er\":\"0\"}}";

static const char *const EXAMPLES[] = {
    FILL,
    "{\"e\":\"TRADE_LITE\",\"E\":1785000000516,\"T\":1785000000512,\"s\":\"BTCUSDT\",\"q\":\"0.010\",\"p\":\"61240.00\",\"m\":"
    "true,\"c\":"
    "\"eng-7f3a-000042\",\"S\":\"SELL\",\"L\":\"61240.00\",\"l\":\"0.004\",\"t\":5400112233,\"i\":90110000123}",
    "{\"e\":\"ACCOUNT_UPDATE\",\"E\":1785000000519,\"T\":1785000000512,\"a\":{\"m\":\"ORDER\",\"B\":[{\"a\":\"USDT\",\"wb\":"
    "\"10231.55120100\",\"cw\":"
    "\"10231.55120100\",\"bc\":\"0\"}],\"P\":[{\"s\":\"BTCUSDT\",\"pa\":\"0.004\",\"ep\":\"61240.00000\",\"bep\":\"61252."
    "24800\",\"cr\":\"15.20\",\"up\":"
    "\"0.00040000\",\"mt\":\"cross\",\"iw\":\"0\",\"ps\":\"BOTH\"}]}}",
    "{\"e\":\"MARGIN_CALL\",\"E\":1785000100000,\"cw\":\"31.68\",\"p\":[{\"s\":\"ETHUSDT\",\"ps\":\"LONG\",\"pa\":\"1.327\","
    "\"mt\":\"CROSSED\",\"iw\":\"0\","
    "\"mp\":\"1871.71\",\"up\":\"-11.66\",\"mm\":\"16.14\"}]}",
    "{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"E\":1785000101000,\"T\":1785000100990,\"ac\":{\"s\":\"BTCUSDT\",\"l\":20}}",
    "{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"E\":1785000102000,\"T\":1785000101990,\"ai\":{\"j\":true}}",
    "{\"e\":\"listenKeyExpired\",\"E\":1785003600000,\"listenKey\":\"kQ\"}",
    "{\"e\":\"listenKeyExpired\",\"E\":\"1785003600000\",\"listenKey\":\"kQ\"}",
    "{\"e\":\"ALGO_UPDATE\",\"T\":1785000103000,\"E\":1785000103004,\"o\":{\"caid\":\"alg-1\",\"aid\":2146760,\"at\":"
    "\"CONDITIONAL\",\"o\":"
    "\"STOP_MARKET\",\"s\":\"BTCUSDT\",\"S\":\"SELL\",\"ps\":\"BOTH\",\"f\":\"GTC\",\"q\":\"0.010\",\"X\":\"NEW\",\"ai\":\"\","
    "\"ap\":\"0.0\",\"aq\":\"0\","
    "\"act\":\"\",\"tp\":\"60000.0\",\"p\":\"0\",\"V\":\"EXPIRE_MAKER\",\"wt\":\"MARK_PRICE\",\"pm\":\"NONE\",\"cp\":false,"
    "\"pP\":false,\"R\":true,\"tt\":0,"
    "\"gtd\":0,\"rm\":\"\"}}",
    "{\"e\":\"CONDITIONAL_ORDER_TRIGGER_REJECT\",\"E\":1785000104000,\"T\":1785000104001,\"or\":{\"s\":\"ETHUSDT\",\"i\":"
    "155618472834,\"r\":\"reason "
    "text\"}}",
    "{\"stream\":\"kQ\",\"data\":{\"e\":\"GRID_UPDATE\",\"E\":1,\"T\":1,\"gu\":{}}}",
    "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1785000000518,\"T\":1785000000512,\"i\":\"SgsR\",\"o\":{\"s\":\"BTCUSD_PERP\",\"c\":"
    "\"cm-1\",\"S\":\"BUY\",\"o\":"
    "\"LIMIT\",\"f\":\"GTC\",\"q\":\"12\",\"p\":\"61230.1\",\"ap\":\"61230.1\",\"sp\":\"0\",\"x\":\"TRADE\",\"X\":\"FILLED\","
    "\"i\":771,\"l\":\"12\",\"z\":\"12\","
    "\"L\":\"61230.1\",\"ma\":\"BTC\",\"N\":\"BTC\",\"n\":\"0.00000392\",\"T\":1785000000512,\"t\":99,\"rp\":\"0\",\"b\":\"0\","
    "\"a\":\"0\",\"m\":false,\"R\":"
    "false,\"wt\":\"CONTRACT_PRICE\",\"ot\":\"LIMIT\",\"ps\":\"BOTH\",\"cp\":false,\"pP\":false,\"V\":\"EXPIRE_MAKER\",\"pm\":"
    "\"NONE\",\"er\":\"0\"}}"};

Test(user, golden_fill_then_order) {
  cr_assert_eq(decode(FILL), 2);
  const tg_msg_t want[2] = {{.kind = TG_EX_FILL,
                             .flags = TG_F_MAKER | TG_F_FOREIGN,
                             .ts_ns = NS,
                             .u.ex_fill = {.client_id = tg_client_id_hash("tgs-30000010100000042", 21),
                                           .trade_id = 5400112233,
                                           .px_ticks = 612400,
                                           .qty_lots = 4,
                                           .commission_e8 = 4899200,
                                           .realised_e8 = -150000000}},
                            {.kind = TG_EX_ORDER,
                             .flags = TG_F_MAKER | TG_F_FOREIGN,
                             .ts_ns = NS,
                             .u.ex_order = {.client_id = tg_client_id_hash("tgs-30000010100000042", 21),
                                            .order_id = 90110000123,
                                            .px_ticks = 612400,
                                            .qty_lots = 10,
                                            .cum_qty_lots = 4,
                                            .venue_lag_ms = 88,
                                            .status = TG_STATUS_PARTIALLY_FILLED,
                                            .exec = TG_EXEC_TRADE,
                                            .side = TG_BUY}}};
  cr_assert_arr_eq(out.msg, want, sizeof want);
}

Test(user, our_own_ids_come_back) {
  uint64_t id = tg_client_id_make(TG_MODE_SIM, 5, 1, 66);
  char text[sizeof FILL], *at;
  memcpy(text, FILL, sizeof FILL);
  at = strstr(text, "tgs-");
  tg_client_id_print(id, at);
  memmove(at + TG_CLIENT_ID_BYTES, at + TG_CLIENT_ID_BYTES + 1,
          strlen(at + TG_CLIENT_ID_BYTES + 1) + 1); /* FILL's id has one digit too many */
  cr_assert_eq(decode(text), 2);
  cr_assert_eq(out.msg[0].flags, TG_F_MAKER);
  cr_assert_eq(out.msg[0].u.ex_fill.client_id, id);
  cr_assert_eq(out.msg[1].u.ex_order.client_id, id);
  cr_assert_eq(user.cnt.foreign, 0);
}

Test(user, every_kind) {
  static const struct {
    int msgs;
    tg_msg_kind_t first;
  } want[TG_ARRAY_CNT(EXAMPLES)] = {{2, TG_EX_FILL},   {1, TG_EX_FILL},   {2, TG_EX_BALANCE}, {1, TG_EX_CONFIG},
                                    {1, TG_EX_CONFIG}, {1, TG_EX_CONFIG}, {1, TG_EX_CONFIG},  {1, TG_EX_CONFIG},
                                    {1, TG_EX_CONFIG}, {1, TG_EX_CONFIG}, {1, TG_EX_CONFIG},  {2, TG_EX_FILL}};
  for (size_t i = 0; i < TG_ARRAY_CNT(EXAMPLES); i++) {
    cr_assert_eq(decode(EXAMPLES[i]), want[i].msgs, "%s", EXAMPLES[i]);
    cr_assert_eq(out.msg[0].kind, want[i].first, "%s", EXAMPLES[i]);
  }
}

Test(user, trade_lite) {
  cr_assert_eq(decode(EXAMPLES[1]), 1);
  cr_assert_eq(out.msg[0].flags, TG_F_LITE | TG_F_MAKER | TG_F_FOREIGN | TG_F_ASK);
  cr_assert_eq(out.msg[0].u.ex_fill.qty_lots, 4);
  cr_assert_eq(out.msg[0].u.ex_fill.trade_id, 5400112233);
  cr_assert_eq(out.msg[0].u.ex_fill.commission_e8, 0);
}

Test(user, account_update) {
  cr_assert_eq(decode(EXAMPLES[2]), 2);
  const tg_ex_balance_t *b = &out.msg[0].u.ex_balance;
  cr_assert(b->wallet_e8 == 1023155120100 && b->cross_wallet_e8 == 1023155120100 && b->change_e8 == 0 &&
            b->venue_ms == 1785000000512);
  cr_assert(memcmp(b->asset, "USDT\0\0", 6) == 0 && b->reason == TG_BALANCE_ORDER);
  cr_assert_eq(out.msg[0].instr_idx, TG_INSTR_NONE);
  const tg_ex_position_t *p = &out.msg[1].u.ex_position;
  cr_assert(p->qty_lots == 4 && p->entry_e8 == 6124000000000 && p->unrealised_e8 == 40000 && p->position_side == TG_PSIDE_BOTH);
}

Test(user, configs) {
  cr_assert_eq(decode(EXAMPLES[3]), 1);
  cr_assert(out.msg[0].u.ex_config.what == TG_CONFEV_MARGIN_CALL && out.msg[0].u.ex_config.value[0] == 1327);
  cr_assert(out.msg[0].u.ex_config.value[1] == 187171000000 && out.msg[0].u.ex_config.value[2] == 1614000000 &&
            out.msg[0].instr_idx == 1);
  cr_assert_eq(decode(EXAMPLES[4]), 1);
  cr_assert(out.msg[0].u.ex_config.what == TG_CONFEV_LEVERAGE && out.msg[0].u.ex_config.value[0] == 20);
  cr_assert_eq(decode(EXAMPLES[5]), 1);
  cr_assert(out.msg[0].u.ex_config.what == TG_CONFEV_MULTI_ASSET && out.msg[0].u.ex_config.value[0] == 1);
  cr_assert_eq(decode(EXAMPLES[7]), 1);
  cr_assert(out.msg[0].u.ex_config.what == TG_CONFEV_LISTEN_KEY_EXPIRED && out.msg[0].u.ex_config.venue_ms == 1785003600000);
  cr_assert_eq(decode(EXAMPLES[8]), 1);
  cr_assert(out.msg[0].u.ex_config.what == TG_CONFEV_ALGO && out.msg[0].u.ex_config.value[0] == 2146760 &&
            out.msg[0].u.ex_config.value[1] == 1);
  cr_assert_eq(decode(EXAMPLES[10]), 1);
  cr_assert_eq(out.msg[0].u.ex_config.what, TG_CONFEV_OTHER);
  cr_assert_eq((uint64_t)out.msg[0].u.ex_config.value[0], tg_text_fnv("GRID_UPDATE", 11));
}

/* Replaces the first `from` in FILL. */
static char *changed(const char *from, const char *to) {
  static char text[2048];
  const char *at = strstr(FILL, from);
  cr_assert(at, "%s", from);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - FILL), FILL, to, at + strlen(from));
  return text;
}

Test(user, unknown_words_never_drop_an_event) {
  static const char *const rows[][2] = {{"\"X\":\"PARTIALLY_FILLED\"", "\"X\":\"NEW_ADL\""},
                                        {"\"x\":\"TRADE\"", "\"x\":\"SOMETHING\""},
                                        {"\"S\":\"BUY\"", "\"S\":\"BORROW\""}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    cr_assert_eq(decode(changed(rows[i][0], rows[i][1])), 2, "%s", rows[i][1]);
    cr_assert(out.msg[1].flags & TG_F_UNKNOWN_ENUM);
    cr_assert_eq(out.msg[0].u.ex_fill.qty_lots, 4, "a fill is a fill, whatever event carries it");
  }
  cr_assert_eq(user.cnt.unknown_enum, 3);
  cr_assert_eq(decode(changed("\"er\":\"0\"", "\"er\":\"9\",\"brandNew\":[{}]")), 2);
  cr_assert_eq(out.msg[1].u.ex_order.expire_reason, 9);
}

Test(user, commission_in_another_asset_is_told_beside_the_fill) {
  cr_assert_eq(decode(changed("\"N\":\"USDT\"", "\"N\":\"BNB\"")), 3);
  cr_assert_eq(out.msg[0].u.ex_fill.commission_e8, 0);
  cr_assert_eq(out.msg[1].kind, TG_EX_CONFIG);
  cr_assert_eq(out.msg[1].u.ex_config.value[0], 5400112233);
  cr_assert_eq(out.msg[1].u.ex_config.value[1], 4899200);
  cr_assert_arr_eq((const char *)&out.msg[1].u.ex_config.value[2], "BNB\0\0\0\0\0", 8);
  cr_assert_eq(user.cnt.other_fee_asset, 1);
}

Test(user, orders_of_symbols_we_do_not_follow_are_kept_by_their_numbers) {
  cr_assert_eq(decode(changed("\"s\":\"BTCUSDT\"", "\"s\":\"DOGEUSDT\"")), 1);
  cr_assert_eq(out.msg[0].kind, TG_EX_CONFIG);
  cr_assert_eq(out.msg[0].instr_idx, TG_INSTR_NONE);
  cr_assert_eq(out.msg[0].u.ex_config.value[1], 90110000123);
  cr_assert_eq(user.cnt.unknown_symbol, 1);
}

Test(user, errors_leave_the_batch_alone) {
  out.cnt = 3;
  const char *off_grid = changed("\"l\":\"0.004\"", "\"l\":\"0.0045\"");
  cr_assert_eq(tg_bn_user_decode(&user, off_grid, strlen(off_grid), NS, &out), -TG_ERANGE);
  cr_assert_eq(out.cnt, 3);
  const char *no_id = changed("\"i\":90110000123,", "");
  cr_assert_eq(tg_bn_user_decode(&user, no_id, strlen(no_id), NS, &out), -TG_ESYNTAX);
  out.cap = 4;
  cr_assert_eq(tg_bn_user_decode(&user, FILL, strlen(FILL), NS, &out), -TG_EFULL);
  cr_assert_eq(out.cnt, 3);
  cr_assert(user.cnt.err_scale == 1 && user.cnt.err_syntax == 1 && user.cnt.err_full == 1 && user.cnt.fills == 0);
}

Test(user, liquidation_prices_off_the_grid_hide_nothing) {
  /* a price we cannot hold in ticks: the execution by its numbers, the order with its exact quantities */
  cr_assert_eq(decode(changed("\"L\":\"61240.00\"", "\"L\":\"61240.05\"")), 2);
  cr_assert_eq(out.msg[0].kind, TG_EX_CONFIG);
  cr_assert_eq(out.msg[0].u.ex_config.value[0], 5400112233);
  cr_assert_eq(out.msg[0].u.ex_config.value[1], 6124005000000);
  cr_assert_eq(out.msg[0].u.ex_config.value[2], 4);
  cr_assert_eq((uint64_t)out.msg[0].u.ex_config.value[3], tg_text_fnv("FILL", 4));
  cr_assert(out.msg[1].kind == TG_EX_ORDER && out.msg[1].u.ex_order.cum_qty_lots == 4);
  cr_assert_eq(decode(changed("\"p\":\"61240.00\"", "\"p\":\"61240.05\"")), 2);
  cr_assert(out.msg[1].u.ex_order.px_ticks == 0 && (out.msg[1].flags & TG_F_UNKNOWN_ENUM) &&
            out.msg[1].u.ex_order.qty_lots == 10);
  cr_assert_eq(user.cnt.err_scale, 2);
}

Test(user, average_prices_are_cut_and_counted) {
  const char *text =
      "{\"e\":\"ACCOUNT_UPDATE\",\"E\":1,\"T\":1,\"a\":{\"m\":\"ADJUSTMENT\",\"B\":[],\"P\":[{\"s\":\"BTCUSDT\",\"pa\":\"-0."
      "004\",\"ep\":"
      "\"27120.95384615385\",\"up\":\"-1\",\"ps\":\"SHORT\"}]}}";
  cr_assert_eq(decode(text), 1);
  cr_assert(out.msg[0].u.ex_position.entry_e8 == 2712095384615 && out.msg[0].u.ex_position.qty_lots == -4);
  cr_assert_eq(user.cnt.cut, 1);
}

Test(user, every_prefix_is_an_error_inside_its_page) {
  guarded_t g = guarded_new(4096);
  for (size_t i = 0; i < TG_ARRAY_CNT(EXAMPLES); i++) {
    size_t len = strlen(EXAMPLES[i]);
    for (size_t n = 0; n < len; n++) {
      out.cnt = 0;
      cr_assert_lt(tg_bn_user_decode(&user, guarded_put(&g, EXAMPLES[i], n), n, NS, &out), 0, "%.*s", (int)n, EXAMPLES[i]);
      cr_assert_eq(out.cnt, 0);
    }
    cr_assert_gt(tg_bn_user_decode(&user, guarded_put(&g, EXAMPLES[i], len), len, NS, &out), 0);
  }
  guarded_free(&g);
}

/* --- recorded user streams: wallet change = realised P&L - commission, exactly --- */

enum { EVENT_MAX = 4096 };
typedef struct wallet {
  struct {
    int64_t ms, net_e8;
  } fill[EVENT_MAX];
  struct {
    int64_t ms, wallet_e8, change_e8;
    char asset[6];
    uint8_t reason;
  } row[EVENT_MAX];
  size_t fills, rows, checked, lines;
} wallet_t;

static void wallet_line(wallet_t *w, tg_bn_user_t *ctx, const char *text, size_t len) {
  tg_msg_batch_t b = batch_new(256);
  const char *at = strstr(text, "\"E\":"); /* received as it was sent: the lag stays small */
  int64_t event_ms = at ? atoll(at + 4) : 0;
  int n = tg_bn_user_decode(ctx, text, len, (uint64_t)event_ms * 1000000u, &b);
  cr_assert_gt(n, 0, "%d: %.200s", n, text);
  w->lines++;
  for (uint32_t i = 0; i < b.cnt; i++) {
    const tg_msg_t *msg = &b.msg[i];
    if (msg->kind == TG_EX_FILL && !(msg->flags & TG_F_LITE) && w->fills < EVENT_MAX) {
      w->fill[w->fills].net_e8 = msg->u.ex_fill.realised_e8 - msg->u.ex_fill.commission_e8;
      w->fill[w->fills++].ms = event_ms - b.msg[b.cnt - 1].u.ex_order.venue_lag_ms; /* the EX_ORDER behind it */
    } else if (msg->kind == TG_EX_BALANCE && w->rows < EVENT_MAX) {
      w->row[w->rows].ms = msg->u.ex_balance.venue_ms;
      w->row[w->rows].wallet_e8 = msg->u.ex_balance.wallet_e8;
      w->row[w->rows].change_e8 = msg->u.ex_balance.change_e8;
      w->row[w->rows].reason = msg->u.ex_balance.reason;
      memcpy(w->row[w->rows++].asset, msg->u.ex_balance.asset, 6);
    }
  }
  free(b.msg);
}

static void wallet_check(wallet_t *w, const char *path) {
  for (size_t i = 1; i < w->rows; i++) {
    if (w->row[i].reason != TG_BALANCE_ORDER || memcmp(w->row[i].asset, w->row[i - 1].asset, 6) != 0) continue;
    int64_t net = w->row[i].change_e8;
    bool any = false;
    for (size_t k = 0; k < w->fills; k++) {
      if (w->fill[k].ms != w->row[i].ms) continue;
      net += w->fill[k].net_e8;
      any = true;
    }
    if (!any) continue;
    cr_expect_eq(w->row[i].wallet_e8 - w->row[i - 1].wallet_e8, net, "%s: row %zu", path, i);
    w->checked++;
  }
}

static void wallet_file(const char *path, void *arg) {
  size_t *checked = arg, len;
  char *text = read_all(path, &len);
  tg_symtab_t symbols;
  tg_bn_user_t ctx;
  wallet_t *w = calloc(1, sizeof *w);
  cr_assert(w);
  tg_symtab_init(&symbols);
  add_all_symbols(&symbols, text, len);
  tg_bn_user_init(&ctx, &symbols);
  for (char *p = text, *end = text + len; p < end;) {
    char *nl = memchr(p, '\n', (size_t)(end - p));
    if (!nl) nl = end;
    if (nl > p) wallet_line(w, &ctx, p, (size_t)(nl - p));
    p = nl + 1;
  }
  wallet_check(w, path);
  cr_assert_eq(ctx.cnt.unknown_enum, 0);
  *checked += w->checked;
  free(w);
  free(text);
}

Test(user, recorded_wallets_move_by_realised_minus_commission) {
  NEED_DATA();
  size_t checked = 0;
  if (each_file("crypto/user-stream", ".jsonl", wallet_file, &checked) == 0)
    cr_skip_test("no user streams under TICKGATE_DATA/crypto/user-stream");
  cr_assert_gt(checked, 0);
  cr_log_info("%zu wallet changes agree", checked);
}

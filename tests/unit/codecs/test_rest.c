#include "support.h"

#define NOW UINT64_C(1785000000123)
#define NS (NOW * 1000000u)

static tg_symtab_t tab;
static tg_msg_batch_t out;
static char target[2048];
static tg_hmac_key_t key;
static const tg_bn_cred_t cred = {.hmac = &key, .recv_window_ms = 3000};

static void setup(void) {
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  static const char secret[] = "test-secret-not-real-0123456789abcdef";
  tg_hmac_key_init(&key, secret, sizeof secret - 1);
  out = batch_new(256);
}
static void teardown(void) {
  free(out.msg);
}
TestSuite(rest, .init = setup, .fini = teardown);

static const char *finish(tg_bn_req_t *req, uint64_t now_ms) {
  int n = tg_bn_req_end(req, &cred, now_ms);
  cr_assert_gt(n, 0, "%d", n);
  target[n] = 0;
  return target;
}

/* The page's own vectors (section 2.2), built parameter by parameter. */
Test(rest, golden_signed_requests) {
  tg_bn_req_t req;
  tg_bn_req_begin(&req, TG_BN_EP_ORDER_PLACE, TG_PRODUCT_USDM, target, sizeof target);
  tg_bn_req_str(&req, "symbol", "BTCUSDT");
  tg_bn_req_str(&req, "side", "SELL");
  tg_bn_req_str(&req, "type", "LIMIT");
  tg_bn_req_str(&req, "timeInForce", "GTX");
  tg_bn_req_str(&req, "quantity", "0.012");
  tg_bn_req_str(&req, "price", "61250.40");
  tg_bn_req_str(&req, "newClientOrderId", "eng-7f3a-000042");
  tg_bn_req_str(&req, "newOrderRespType", "ACK");
  cr_assert_str_eq(finish(&req, NOW),
                   "/fapi/v1/"
                   "order?symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTX&quantity=0.012&price=61250.40&newClientOrderId="
                   "eng-7f3a-000042&"
                   "newOrderRespType=ACK&recvWindow=3000&timestamp=1785000000123&signature="
                   "3f5bc0e8bc73354afbafa85d532c056c71177efeaf27f95e0d367cf0d80a3df5");
  const tg_bn_cred_t no_window = {.hmac = &key};
  tg_bn_req_begin(&req, TG_BN_EP_ORDER_AMEND, TG_PRODUCT_USDM, target, sizeof target);
  tg_bn_req_str(&req, "symbol", "BTCUSDT");
  tg_bn_req_str(&req, "side", "BUY");
  tg_bn_req_int(&req, "orderId", 90110000123);
  tg_bn_req_str(&req, "quantity", "0.010");
  tg_bn_req_str(&req, "price", "61240.00");
  int n = tg_bn_req_end(&req, &no_window, 1785000000456);
  cr_assert_gt(n, 0);
  cr_assert_eq(memcmp(target + n - 64, "65cc74b0e75736e2b24fb62037c8a33bc799f95748358ac19e2109e36d4dfd00", 64), 0);
}

Test(rest, orders_of_the_core) {
  tg_msg_t msg;
  tg_bn_req_t req;
  tg_msg_init(&msg, TG_OUT_PLACE, 0, NS);
  msg.u.out_place = (tg_out_order_t){.client_id = tg_client_id_make(TG_MODE_SIM, 5, 1, 66),
                                     .px_ticks = 612504,
                                     .qty_lots = 12,
                                     .side = TG_SELL,
                                     .tif = TG_TIF_GTC,
                                     .order_flags = TG_ORDER_POST_ONLY | TG_ORDER_REDUCE_ONLY,
                                     .type = TG_TYPE_LIMIT};
  static const struct {
    tg_msg_kind_t kind;
    int64_t order_id;
    const char *want;
  } rows[] = {{TG_OUT_PLACE, 0,
               "/fapi/v1/"
               "order?symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTX&quantity=0.012&price=61250.4&reduceOnly=true&"
               "newClientOrderId="
               "tgs-3000050100000042&newOrderRespType=ACK&selfTradePreventionMode=EXPIRE_MAKER&"},
              {TG_OUT_AMEND, 77, "/fapi/v1/order?symbol=BTCUSDT&side=SELL&orderId=77&quantity=0.012&price=61250.4&"},
              {TG_OUT_CANCEL, 0, "/fapi/v1/order?symbol=BTCUSDT&origClientOrderId=tgs-3000050100000042&"},
              {TG_OUT_CANCEL, 77, "/fapi/v1/order?symbol=BTCUSDT&orderId=77&"},
              {TG_OUT_QUERY, 77, "/fapi/v1/order?symbol=BTCUSDT&origClientOrderId=tgs-3000050100000042&"},
              {TG_OUT_CANCEL_ALL, 0, "/fapi/v1/allOpenOrders?symbol=BTCUSDT&"}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    msg.kind = (uint8_t)rows[i].kind;
    msg.u.out_place.order_id = rows[i].order_id;
    tg_bn_req_begin(&req, tg_bn_ep_of(rows[i].kind), TG_PRODUCT_USDM, target, sizeof target);
    cr_assert_eq(tg_bn_req_order(&req, &tab, &msg, TG_BN_STP_EXPIRE_MAKER), 0);
    finish(&req, NOW);
    cr_assert_eq(memcmp(target, rows[i].want, strlen(rows[i].want)), 0, "%s\n%s", target, rows[i].want);
    cr_assert_eq(memcmp(target + strlen(rows[i].want), "recvWindow=3000&timestamp=1785000000123&signature=", 50), 0, "%s",
                 target);
  }
  tg_bn_req_begin(&req, TG_BN_EP_ORDER_CANCEL, TG_PRODUCT_USDM, target, sizeof target);
  cr_assert_eq(tg_bn_req_order(&req, &tab, &msg, TG_BN_STP_NONE), -TG_EINVAL, "the endpoint must fit the message");
  msg.kind = TG_OUT_PLACE; /* flattening: takes what it may, only reduces */
  msg.u.out_place.tif = TG_TIF_IOC;
  msg.u.out_place.order_flags = TG_ORDER_REDUCE_ONLY;
  tg_bn_req_begin(&req, tg_bn_ep_of(TG_OUT_PLACE), TG_PRODUCT_USDM, target, sizeof target);
  cr_assert_eq(tg_bn_req_order(&req, &tab, &msg, TG_BN_STP_NONE), 0);
  finish(&req, NOW);
  cr_assert(strstr(target, "type=LIMIT&timeInForce=IOC&") && strstr(target, "&reduceOnly=true&"), "%s", target);
}

Test(rest, builder_errors_and_encoding) {
  tg_bn_req_t req;
  char tiny[24];
  tg_bn_req_begin(&req, TG_BN_EP_DEPTH, TG_PRODUCT_USDM, tiny, sizeof tiny);
  tg_bn_req_str(&req, "symbol", "BTCUSDT");
  cr_assert_eq(tg_bn_req_end(&req, NULL, NOW), -TG_EFULL);
  tg_bn_req_begin(&req, TG_BN_EP_ACCOUNT_CONFIG, TG_PRODUCT_COINM, target, sizeof target);
  cr_assert_eq(tg_bn_req_end(&req, &cred, NOW), -TG_EINVAL, "not offered for COIN-M");
  tg_bn_req_begin(&req, TG_BN_EP_BALANCE, TG_PRODUCT_USDM, target, sizeof target);
  cr_assert_eq(tg_bn_req_end(&req, NULL, NOW), -TG_EINVAL, "signed, but nobody signs");
  tg_bn_req_begin(&req, TG_BN_EP_TIME, TG_PRODUCT_COINM, target, sizeof target);
  cr_assert_str_eq(finish(&req, NOW), "/dapi/v1/time");
  tg_bn_req_begin(&req, TG_BN_EP_LISTEN_KEY_NEW, TG_PRODUCT_USDM, target, sizeof target);
  cr_assert_str_eq(finish(&req, NOW), "/fapi/v1/listenKey");
  tg_bn_req_begin(&req, TG_BN_EP_DEPTH, TG_PRODUCT_USDM, target, sizeof target);
  tg_bn_req_text(&req, "symbol", "\xEF\xBC\x91 +/=~", 8);
  tg_bn_req_bool(&req, "x", true);
  tg_bn_req_int(&req, "y", INT64_MIN);
  cr_assert_str_eq(finish(&req, NOW), "/fapi/v1/depth?symbol=%EF%BC%91%20%2B%2F%3D~&x=true&y=-9223372036854775808");
  cr_assert_str_eq(tg_bn_ep(TG_BN_EP_LISTEN_KEY_KEEP)->method, "PUT");
  cr_assert_null(tg_bn_ep(TG_BN_EP_CNT));
  cr_assert_eq(tg_bn_ep_weight(TG_BN_EP_DEPTH, true, 1000), 20);
  cr_assert_eq(tg_bn_ep_weight(TG_BN_EP_OPEN_ORDERS, false, 0), 40);
}

Test(rest, ed25519_signs_encoded) {
  uint8_t seed[32] = {1};
  tg_ed25519_key_t ed;
  cr_assert_eq(tg_ed25519_from_seed(&ed, seed), 0);
  const tg_bn_cred_t by_ed = {.ed25519 = &ed};
  tg_bn_req_t req;
  tg_bn_req_begin(&req, TG_BN_EP_BALANCE, TG_PRODUCT_USDM, target, sizeof target);
  int n = tg_bn_req_end(&req, &by_ed, NOW);
  cr_assert_gt(n, 0);
  target[n] = 0;
  cr_assert(strstr(target, "&signature=") && !strpbrk(strstr(target, "&signature=") + 11, "+/="));
}

static const char EXINFO[] =
    "{\"timezone\":\"UTC\",\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,"
    "\"limit\":2400},{"
    "\"rateLimitType\":\"ORDERS\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":1200},{\"rateLimitType\":\"ORDERS\","
    "\"interval\":\"SECOND\","
    "\"intervalNum\":10,\"limit\":300}],\"symbols\":[{\"symbol\":\"OTHER\",\"filters\":[]},{\"symbol\":\"BTCUSDT\",\"pair\":"
    "\"BTCUSDT\",\"contractType\":"
    "\"PERPETUAL\",\"status\":\"TRADING\",\"marginAsset\":\"USDT\",\"pricePrecision\":2,\"filters\":[{\"filterType\":\"PRICE_"
    "FILTER\",\"minPrice\":\"556.80\","
    "\"maxPrice\":\"4529764\",\"tickSize\":\"0.10\"},{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.001\",\"maxQty\":\"1000\","
    "\"stepSize\":\"0.001\"},{"
    "\"filterType\":\"MARKET_LOT_SIZE\",\"minQty\":\"0.001\",\"maxQty\":\"120\",\"stepSize\":\"0.001\"},{\"filterType\":\"MAX_"
    "NUM_ORDERS\",\"limit\":200},{"
    "\"filterType\":\"MIN_NOTIONAL\",\"notional\":\"50\"},{\"multiplierUp\":\"1.0500\",\"multiplierDown\":\"0.9500\","
    "\"multiplierDecimal\":\"4\","
    "\"filterType\":\"PERCENT_PRICE\"},{\"filterType\":\"POSITION_RISK_CONTROL\",\"positionControlSide\":\"NONE\"}],"
    "\"orderTypes\":[\"LIMIT\"]}]}";

Test(rest, golden_exchange_info) {
  tg_bn_want_t want[2] = {{.symbol = "BTCUSDT", .instr_idx = 3, .allowlisted = 1}, {.symbol = "NOPE", .instr_idx = 4}};
  tg_rate_t rate;
  cr_assert_eq(tg_bn_rest_exchange_info(EXINFO, sizeof EXINFO - 1, NS, TG_PRODUCT_USDM, want, 2, &out, &rate), 3);
  cr_assert(want[0].found && !want[1].found);
  const tg_cfg_symbol_t symbol = {.symbol = "BTCUSDT",
                                  .margin_asset = "USDT",
                                  .px_dec = 1,
                                  .qty_dec = 3,
                                  .allowlisted = 1,
                                  .product = TG_PRODUCT_USDM,
                                  .status = 1,
                                  .px_unit = 1,
                                  .qty_unit = 1};
  cr_assert_arr_eq(&out.msg[0].u.cfg_symbol, &symbol, sizeof symbol);
  const tg_cfg_filter_t first = {.u.first = {5568, 45297640, 1, 1000000, 5000000000, 200}};
  const tg_cfg_filter_t second = {.u.second = {10500, 9500, 1, 120000, 0, 0}};
  cr_assert_arr_eq(&out.msg[1].u.cfg_filter, &first, sizeof first);
  cr_assert_arr_eq(&out.msg[2].u.cfg_filter, &second, sizeof second);
  cr_assert(out.msg[2].flags == TG_F_SECOND && out.msg[2].instr_idx == 3);
  cr_assert(rate.weight_1m_limit == 2400 && rate.orders_1m_limit == 1200 && rate.orders_10s_limit == 300);
  cr_assert_eq(tg_symtab_add_msg(&tab, &out.msg[0]), -TG_EEXISTS, "BTCUSDT has another index here");
  tg_symtab_init(&tab);
  cr_assert_eq(tg_symtab_add_msg(&tab, &out.msg[0]), 0);
  cr_assert_str_eq(tg_symtab_instr(&tab, 3)->margin_asset, "USDT");
}

Test(rest, prefixes_stay_inside_their_page) {
  guarded_t g = guarded_new(8192);
  tg_bn_want_t want[1] = {{.symbol = "BTCUSDT"}};
  for (size_t n = 0; n < sizeof EXINFO - 1; n++) {
    out.cnt = 1;
    cr_assert_lt(tg_bn_rest_exchange_info(guarded_put(&g, EXINFO, n), n, NS, TG_PRODUCT_USDM, want, 1, &out, NULL), 0);
    cr_assert_eq(out.cnt, 1);
  }
  static const char rows[] =
      "[{\"symbol\":\"BTCUSDT\",\"positionAmt\":\"0.004\",\"entryPrice\":\"1\",\"positionSide\":\"BOTH\",\"updateTime\":5}]";
  tg_bn_acc_t acc = {.tab = &tab};
  for (size_t n = 0; n < sizeof rows - 1; n++) {
    cr_assert_lt(tg_bn_rest_positions(&acc, guarded_put(&g, rows, n), n, NS, &out), 0);
    cr_assert_eq(acc.head.position_cnt, 0);
  }
  guarded_free(&g);
}

Test(rest, account_rows) {
  tg_bn_acc_t acc = {.tab = &tab};
  static const char positions[] =
      "[{\"symbol\":\"BTCUSDT\",\"positionSide\":\"BOTH\",\"positionAmt\":\"-0.004\",\"entryPrice\":\"61240.123456789\","
      "\"breakEvenPrice\":\"61252.24800\","
      "\"markPrice\":\"61238.74210000\",\"unRealizedProfit\":\"0.00040000\",\"leverage\":\"20\",\"updateTime\":1785000000512},{"
      "\"symbol\":\"ADAUSDT\","
      "\"positionSide\":\"BOTH\",\"positionAmt\":\"0.0\",\"entryPrice\":\"0\"},{\"symbol\":\"DOGEUSDT\",\"positionSide\":"
      "\"LONG\",\"positionAmt\":\"5\","
      "\"entryPrice\":\"0.2\",\"updateTime\":1}]";
  cr_assert_eq(tg_bn_rest_positions(&acc, positions, sizeof positions - 1, NS, &out), 2);
  const tg_ex_position_t *p = &out.msg[0].u.acc_position;
  cr_assert(p->qty_lots == -4 && p->entry_e8 == 6124012345678 && p->mark_e8 == 6123874210000 && p->unrealised_e8 == 40000 &&
            p->leverage == 20);
  cr_assert(out.msg[1].instr_idx == TG_INSTR_NONE && acc.unknown_symbol_cnt == 1 && acc.cut_cnt == 1 &&
            acc.head.position_cnt == 2);
  static const char orders[] =
      "[{\"orderId\":90110000123,\"symbol\":\"BTCUSDT\",\"status\":\"PARTIALLY_FILLED\",\"clientOrderId\":\"tgs-"
      "3000050100000042\",\"price\":\"61250.40\","
      "\"avgPrice\":\"0\",\"origQty\":\"0.012\",\"executedQty\":\"0.004\",\"timeInForce\":\"GTX\",\"type\":\"LIMIT\","
      "\"reduceOnly\":true,\"side\":\"SELL\","
      "\"time\":1,\"updateTime\":1785000000023},{\"orderId\":5,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":"
      "\"hand\",\"price\":\"1.0\","
      "\"origQty\":\"1\",\"executedQty\":\"0\",\"timeInForce\":\"GTC\",\"type\":\"STOP_LOSS\",\"side\":\"BUY\",\"time\":7,"
      "\"updateTime\":0}]";
  out.cnt = 0;
  cr_assert_eq(tg_bn_rest_open_orders(&acc, orders, sizeof orders - 1, NS, &out), 2);
  const tg_acc_order_t *o = &out.msg[0].u.acc_order;
  cr_assert(o->client_id == tg_client_id_make(TG_MODE_SIM, 5, 1, 66) && o->order_id == 90110000123 && o->px_ticks == 612504 &&
            o->qty_lots == 12);
  cr_assert(o->cum_qty_lots == 4 && o->side == TG_SELL && o->status == TG_STATUS_PARTIALLY_FILLED && o->type == TG_TYPE_LIMIT);
  cr_assert(o->order_flags == (TG_ORDER_REDUCE_ONLY | TG_ORDER_POST_ONLY) && o->venue_lag_ms == 100 && out.msg[0].flags == 0);
  cr_assert(out.msg[1].flags == (TG_F_FOREIGN | TG_F_UNKNOWN_ENUM));
  static const char balances[] =
      "[{\"accountAlias\":\"SgsR\",\"asset\":\"USDT\",\"balance\":\"122.12345678\",\"crossWalletBalance\":\"122.1\","
      "\"availableBalance\":\"100\","
      "\"updateTime\":1617939110373},{\"asset\":\"BNB\",\"balance\":\"0.00000000\",\"availableBalance\":\"0.0\"}]";
  out.cnt = 0;
  cr_assert_eq(tg_bn_rest_balances(&acc, balances, sizeof balances - 1, NS, &out), 1);
  cr_assert(out.msg[0].u.acc_balance.wallet_e8 == 12212345678 && out.msg[0].u.acc_balance.available_e8 == 10000000000);
  cr_assert(acc.head.order_cnt == 2 && acc.head.balance_cnt == 1 && acc.head.venue_ms == 1785000000512);
  static const char broken[] = "[{\"asset\":\"USDT\",\"balance\":\"1\",\"availableBalance\":\"1\"},{\"balance\":\"2\"}]";
  out.cnt = 0;
  cr_assert_eq(tg_bn_rest_balances(&acc, broken, sizeof broken - 1, NS, &out), -TG_ESYNTAX);
  cr_assert(out.cnt == 0 && acc.head.balance_cnt == 1);
}

static uint64_t client_of(void *user, uint16_t instr_idx, int64_t order_id) {
  return instr_idx == 0 && order_id == 90110000123 ? *(uint64_t *)user : 0;
}

Test(rest, user_trades) {
  static const char rows[] =
      "[{\"symbol\":\"BTCUSDT\",\"id\":5400112233,\"orderId\":90110000123,\"side\":\"BUY\",\"positionSide\":\"BOTH\",\"price\":"
      "\"61240.00\",\"qty\":\"0.004\","
      "\"quoteQty\":\"244.96\",\"realizedPnl\":\"-0.5\",\"commission\":\"0.04899200\",\"commissionAsset\":\"USDT\",\"buyer\":"
      "true,\"maker\":true,\"time\":"
      "1785000000512},{\"symbol\":\"BTCUSDT\",\"id\":5400112234,\"orderId\":4,\"side\":\"SELL\",\"price\":\"61240.00\",\"qty\":"
      "\"0.004\",\"maker\":false}]";
  uint64_t id = 99, last = 0;
  cr_assert_eq(tg_bn_rest_user_trades(&tab, rows, sizeof rows - 1, NS, client_of, &id, &out, &last), 2);
  const tg_ex_fill_t want = {99, 5400112233, 612400, 4, 4899200, -50000000};
  cr_assert_arr_eq(&out.msg[0].u.ex_fill, &want, sizeof want);
  cr_assert(out.msg[0].flags == TG_F_MAKER && out.msg[1].flags == (TG_F_FOREIGN | TG_F_ASK) &&
            out.msg[1].u.ex_fill.client_id == 4);
  cr_assert_eq(last, 5400112234);
}

Test(rest, order_answers) {
  tg_bn_inflight_row_t row = {.client_id = 7, .request_no = 1, .instr_idx = 0, .request = TG_REQUEST_PLACE};
  static const char ok[] =
      "{\"orderId\":12,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"price\":\"61250.40\",\"origQty\":\"0.012\",\"executedQty\":"
      "\"0.000\"}";
  cr_assert_eq(tg_bn_rest_answer(&tab, &row, TG_WIRE_ANSWER, 200, ok, sizeof ok - 1, NS, &out), 1);
  const tg_ex_answer_t *a = &out.msg[0].u.ex_answer;
  cr_assert(a->outcome == TG_OUTCOME_CONFIRMED && a->order_id == 12 && a->px_ticks == 612504 && a->status == TG_STATUS_NEW &&
            a->client_id == 7);
  static const struct {
    tg_wire_t wire;
    uint16_t status;
    const char *body;
    int msgs;
    tg_outcome_t outcome;
    int16_t code;
  } rows[] = {
      {TG_WIRE_ANSWER, 400, "{\"code\":-5022,\"msg\":\"x\"}", 1, TG_OUTCOME_REFUSED, -5022},
      {TG_WIRE_ANSWER, 503, "Unknown error, please check your request or try again later.", 1, TG_OUTCOME_UNKNOWN, -1007},
      {TG_WIRE_ANSWER, 503, "Service Unavailable.", 1, TG_OUTCOME_REFUSED, -1001},
      {TG_WIRE_ANSWER, 503, "{\"code\":-1008,\"msg\":\"Request throttled by system-level protection\"}", 2, TG_OUTCOME_REFUSED,
       -1008},
      {TG_WIRE_ANSWER, 200, "{\"orderId\":12,\"sta", 1, TG_OUTCOME_UNKNOWN, 0},
      {TG_WIRE_ANSWER, 429, "{\"code\":-1015,\"msg\":\"Too many new orders\"}", 2, TG_OUTCOME_REFUSED, -1015},
      {TG_WIRE_LOST, 0, "", 1, TG_OUTCOME_UNKNOWN, 0},
      {TG_WIRE_NOT_SENT, 0, "", 1, TG_OUTCOME_REFUSED, 0}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    out.cnt = 0;
    int n = tg_bn_rest_answer(&tab, &row, rows[i].wire, rows[i].status, rows[i].body, strlen(rows[i].body), NS, &out);
    cr_assert_eq(n, rows[i].msgs, "row %zu", i);
    cr_assert_eq(a->outcome, rows[i].outcome, "row %zu: %d", i, a->outcome);
    cr_assert_eq(a->venue_code, rows[i].code, "row %zu", i);
  }
}

Test(rest, small_bodies) {
  int64_t ms = 0, maker = 0, taker = 0;
  bool dual = true;
  int32_t code = 0;
  tg_json_slice_t slice;
#define BODY(text) text, sizeof(text) - 1
  cr_assert(tg_bn_rest_time(BODY("{\"serverTime\":1785000000141}"), &ms) == 0 && ms == 1785000000141);
  cr_assert_eq(tg_bn_rest_time(BODY("{}"), &ms), -TG_ENOTFOUND);
  cr_assert(tg_bn_rest_listen_key(BODY("{\"listenKey\":\"abc\"}"), &slice) == 0 && tg_json_is(slice, "abc"));
  cr_assert_eq(tg_bn_rest_listen_key(BODY("{\"listenKey\":\"\"}"), &slice), -TG_ESYNTAX);
  cr_assert(tg_bn_rest_dual(BODY("{\"dualSidePosition\":false}"), &dual) == 0 && !dual);
  cr_assert(tg_bn_rest_dual(BODY("{\"dualSidePosition\":\"true\"}"), &dual) == 0 && dual);
  cr_assert_eq(tg_bn_rest_commission(
                   BODY("{\"symbol\":\"BTCUSDT\",\"makerCommissionRate\":\"0.0002\",\"takerCommissionRate\":\"0.0004\"}"),
                   &maker, &taker),
               0);
  cr_assert(maker == 20000 && taker == 40000);
  cr_assert(tg_bn_rest_error(BODY("{\"code\":-1121,\"msg\":\"Invalid symbol.\"}"), &code, &slice) == 1 && code == -1121 &&
            tg_json_is(slice, "Invalid symbol."));
  cr_assert_eq(tg_bn_rest_error(BODY("{\"code\":200,\"msg\":\"done\"}"), &code, &slice), 0);
  cr_assert_eq(tg_bn_rest_error(BODY("[{\"code\":-1}]"), &code, &slice), 0);
  cr_assert_eq(tg_bn_rest_error(BODY("<html>"), &code, &slice), -TG_ESYNTAX);
  tg_rate_t rate;
  memset(&rate, 0, sizeof rate);
  cr_assert(tg_bn_rest_header(BODY("x-mbx-used-weight-1m"), BODY("61"), NS, &rate) && rate.weight_1m_used == 61);
  cr_assert(tg_bn_rest_header(BODY("X-MBX-ORDER-COUNT-10S"), BODY("3"), NS, &rate) && rate.orders_10s_used == 3);
  cr_assert(tg_bn_rest_header(BODY("X-Mbx-Order-Count-1m"), BODY("9"), NS, &rate) && rate.orders_1m_used == 9);
  cr_assert(tg_bn_rest_header(BODY("Retry-After"), BODY("2"), NS, &rate) && rate.pause_until_ns == NS + 2000000000u);
  cr_assert_not(tg_bn_rest_header(BODY("Content-Length"), BODY("2"), NS, &rate));
  cr_assert_not(tg_bn_rest_header(BODY("Retry-After"), BODY("soon"), NS, &rate));
}

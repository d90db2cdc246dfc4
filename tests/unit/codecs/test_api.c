#include "support.h"

#define NOW UINT64_C(1785000000123)
#define NS (NOW * 1000000u)

static tg_symtab_t tab;
static tg_bn_api_t api;
static tg_msg_batch_t out;
static char text[TG_BN_API_TEXT_MAX + 1];
static uint64_t id;

static void setup(void) {
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  add_symbol(&tab, "BTCUSD_PERP", "0.1", "1");
  cr_assert_eq(tg_bn_api_init(&api, &tab, NULL, 0, NULL, false, 3000), 0);
  out = batch_new(TG_BN_INFLIGHT_CAP + 8);
  id = tg_client_id_make(TG_MODE_SIM, 5, 1, 66);
}
static void teardown(void) {
  free(out.msg);
}
TestSuite(api, .init = setup, .fini = teardown);

static tg_msg_t request(tg_msg_kind_t kind, uint32_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, 0, NS);
  msg.u.out_place = (tg_out_order_t){.client_id = id,
                                     .order_id = kind == TG_OUT_PLACE ? 0 : 90110000123,
                                     .px_ticks = 612504,
                                     .qty_lots = 12,
                                     .side = TG_SELL,
                                     .tif = TG_TIF_GTC,
                                     .order_flags = TG_ORDER_POST_ONLY,
                                     .type = TG_TYPE_LIMIT,
                                     .request_no = no};
  return msg;
}

static int encode(const tg_msg_t *msg) {
  int n = tg_bn_api_encode(&api, msg, NOW, text, TG_BN_API_TEXT_MAX);
  if (n > 0) {
    text[n] = 0;
    cr_assert_eq(tg_json_validate(text, (size_t)n), 0, "%s", text);
  }
  return n;
}

static int decode(const char *answer, tg_bn_api_info_t *info) {
  out.cnt = 0;
  return tg_bn_api_decode(&api, answer, strlen(answer), NS, &out, info);
}

Test(api, golden_place) {
  tg_msg_t msg = request(TG_OUT_PLACE, 42);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_str_eq(text,
                   "{\"id\":\"p42\",\"method\":\"order.place\",\"params\":{\"newClientOrderId\":\"tgs-3000050100000042\","
                   "\"newOrderRespType\":\"ACK\","
                   "\"price\":\"61250.4\",\"quantity\":\"0.012\",\"recvWindow\":3000,\"selfTradePreventionMode\":\"EXPIRE_"
                   "MAKER\",\"side\":\"SELL\","
                   "\"symbol\":\"BTCUSDT\",\"timeInForce\":\"GTX\",\"timestamp\":1785000000123,\"type\":\"LIMIT\"}}");
  cr_assert_eq(api.inflight.cnt, 1);
}

Test(api, golden_amend_cancel_status) {
  tg_msg_t msg = request(TG_OUT_AMEND, 43);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_str_eq(text,
                   "{\"id\":\"m43\",\"method\":\"order.modify\",\"params\":{\"orderId\":90110000123,\"price\":\"61250.4\","
                   "\"quantity\":\"0.012\","
                   "\"recvWindow\":3000,\"side\":\"SELL\",\"symbol\":\"BTCUSDT\",\"timestamp\":1785000000123}}");
  msg = request(TG_OUT_CANCEL, 44);
  msg.u.out_cancel.order_id = 0;
  cr_assert_gt(encode(&msg), 0);
  cr_assert_str_eq(text,
                   "{\"id\":\"c44\",\"method\":\"order.cancel\",\"params\":{\"origClientOrderId\":\"tgs-3000050100000042\","
                   "\"recvWindow\":3000,\"symbol\":"
                   "\"BTCUSDT\",\"timestamp\":1785000000123}}");
  api.recv_window_ms = 0;
  msg = request(TG_OUT_QUERY, 45);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_str_eq(text,
                   "{\"id\":\"s45\",\"method\":\"order.status\",\"params\":{\"origClientOrderId\":\"tgs-3000050100000042\","
                   "\"symbol\":\"BTCUSDT\","
                   "\"timestamp\":1785000000123}}");
  msg = request(TG_OUT_CANCEL, 46);
  msg.flags = TG_F_FOREIGN; /* somebody else's order: only the venue's id names it */
  cr_assert_gt(encode(&msg), 0);
  cr_assert(strstr(text, "\"orderId\":90110000123"));
}

Test(api, timestamps_across_seconds) {
  static const uint64_t times[] = {
      UINT64_C(1785000000123), UINT64_C(1785000000999), UINT64_C(1785000001000), UINT64_C(1785000000001),
      UINT64_C(999999999999),  UINT64_C(1000000000000), UINT64_C(9999999999999), 0,
      UINT64_C(1785000001000)};
  for (uint32_t i = 0; i < TG_ARRAY_CNT(times); i++) {
    tg_msg_t msg = request(TG_OUT_QUERY, i + 1);
    int n = tg_bn_api_encode(&api, &msg, times[i], text, TG_BN_API_TEXT_MAX);
    cr_assert_gt(n, 0);
    text[n] = 0;
    char want[64];
    snprintf(want, sizeof want, "\"timestamp\":%llu}}", (unsigned long long)times[i]);
    cr_assert(strstr(text, want), "%s: %s", want, text);
  }
}

Test(api, flattening_is_a_limit_ioc_that_only_reduces) {
  tg_msg_t msg = request(TG_OUT_PLACE, 1);
  msg.u.out_place.type = TG_TYPE_LIMIT;
  msg.u.out_place.tif = TG_TIF_IOC;
  msg.u.out_place.order_flags = TG_ORDER_REDUCE_ONLY;
  cr_assert_gt(encode(&msg), 0);
  cr_assert(strstr(text, "\"reduceOnly\":\"true\"") && strstr(text, "\"type\":\"LIMIT\"") && strstr(text, "\"price\":") &&
            strstr(text, "\"timeInForce\":\"IOC\""));
}

Test(api, market_reduce_only_and_bad_orders) {
  tg_msg_t msg = request(TG_OUT_PLACE, 1);
  msg.u.out_place.type = TG_TYPE_MARKET;
  msg.u.out_place.order_flags = TG_ORDER_REDUCE_ONLY;
  msg.u.out_place.side = TG_BUY;
  cr_assert_gt(encode(&msg), 0);
  cr_assert(strstr(text, "\"reduceOnly\":\"true\"") && strstr(text, "\"type\":\"MARKET\"") && !strstr(text, "price") &&
            !strstr(text, "timeInForce"));
  static const struct {
    uint8_t type, tif, flags;
    int64_t px, qty;
  } bad[] = {{TG_TYPE_MARKET, TG_TIF_NONE, TG_ORDER_POST_ONLY, 0, 1},
             {TG_TYPE_LIMIT, TG_TIF_NONE, 0, 1, 1},
             {TG_TYPE_LIMIT, TG_TIF_GTC, 0, 0, 1},
             {TG_TYPE_LIMIT, TG_TIF_GTC, 0, 1, 0},
             {TG_TYPE_LIMIT, TG_TIF_IOC, TG_ORDER_POST_ONLY, 1, 1},
             {TG_TYPE_STOP, TG_TIF_GTC, 0, 1, 1},
             {TG_TYPE_LIMIT, TG_TIF_OTHER, 0, 1, 1},
             {TG_TYPE_LIMIT, TG_TIF_GTC, TG_ORDER_CLOSE_POSITION, 1, 1}};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    msg = request(TG_OUT_PLACE, 100 + (uint32_t)i);
    msg.u.out_place.type = bad[i].type;
    msg.u.out_place.tif = bad[i].tif;
    msg.u.out_place.order_flags = bad[i].flags;
    msg.u.out_place.px_ticks = bad[i].px;
    msg.u.out_place.qty_lots = bad[i].qty;
    cr_assert_eq(encode(&msg), -TG_EINVAL, "row %zu", i);
  }
  msg = request(TG_OUT_SYNC, 9);
  cr_assert_eq(encode(&msg), -TG_EINVAL);
  msg = request(TG_OUT_PLACE, 9);
  msg.instr_idx = 63;
  cr_assert_eq(encode(&msg), -TG_ENOTFOUND);
  msg = request(TG_OUT_PLACE, 10);
  char small[64];
  cr_assert_eq(tg_bn_api_encode(&api, &msg, NOW, small, sizeof small), -TG_EFULL);
  cr_assert_eq(api.inflight.cnt, 1, "nothing was registered by the refused ones");
  msg = request(TG_OUT_PLACE, 1);
  cr_assert_eq(encode(&msg), -TG_EEXISTS);
}

Test(api, signs_the_sorted_params) {
  tg_hmac_key_t key;
  static const char api_key[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr";
  static const char secret[] = "test-secret-not-real-0123456789abcdef";
  tg_hmac_key_init(&key, secret, sizeof secret - 1);
  cr_assert_eq(tg_bn_api_init(&api, &tab, api_key, sizeof api_key - 1, &key, true, 3000), 0);
  static const tg_msg_kind_t kinds[] = {TG_OUT_PLACE, TG_OUT_AMEND, TG_OUT_CANCEL, TG_OUT_QUERY};
  for (uint32_t i = 0; i < TG_ARRAY_CNT(kinds); i++) {
    tg_msg_t msg = request(kinds[i], i + 1);
    cr_assert_gt(encode(&msg), 0);
    /* rebuild what must be signed from the JSON text: its members, which must come in order of their names */
    char payload[1024], last[64] = "", sig[65] = {0}, want[65] = {0};
    size_t len = 0;
    tg_json_t json;
    tg_json_slice_t name, raw;
    tg_json_init(&json, strstr(text, "\"params\":") + 9, strlen(text) - (size_t)(strstr(text, "\"params\":") + 9 - text) - 1);
    cr_assert(tg_json_obj_begin(&json));
    while (tg_json_obj_next(&json, &name)) {
      cr_assert(tg_json_raw(&json, &raw));
      tg_json_slice_t value = raw.p[0] == '"' ? tg_json_raw_text(raw) : raw;
      if (tg_json_is(name, "signature")) {
        memcpy(sig, value.p, 64);
        continue;
      }
      char now[64] = "";
      memcpy(now, name.p, name.len);
      cr_assert_lt(strcmp(last, now), 0, "%s before %s", last, now);
      memcpy(last, now, sizeof last);
      len += (size_t)sprintf(payload + len, "%s%.*s=%.*s", len ? "&" : "", (int)name.len, name.p, (int)value.len, value.p);
    }
    cr_assert_eq(json.err, 0);
    tg_hmac_hex(&key, payload, len, want);
    cr_assert_str_eq(sig, want, "%s", payload);
  }
  cr_assert_eq(tg_bn_api_init(&api, &tab, NULL, 0, &key, true, 0), -TG_EINVAL);
  cr_assert_eq(tg_bn_api_init(&api, &tab, text, TG_BN_API_KEY_MAX + 1, &key, true, 0), -TG_ESIZE);
}

static const char OK_ANSWER[] =
    "{\"id\":\"p42\",\"status\":200,\"result\":{\"orderId\":90110000123,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\","
    "\"clientOrderId\":\"tgs-3000050100000042\","
    "\"price\":\"61250.40\",\"origQty\":\"0.012\",\"executedQty\":\"0.000\",\"cumQty\":\"0.000\",\"timeInForce\":\"GTX\","
    "\"type\":\"LIMIT\",\"reduceOnly\":"
    "false,\"closePosition\":false,\"side\":\"SELL\",\"positionSide\":\"BOTH\",\"stopPrice\":\"0.00\",\"workingType\":"
    "\"CONTRACT_PRICE\",\"priceProtect\":"
    "false,\"origType\":\"LIMIT\",\"priceMatch\":\"NONE\",\"selfTradePreventionMode\":\"EXPIRE_MAKER\",\"goodTillDate\":0,"
    "\"updateTime\":1785000000207},"
    "\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":300,\"count\":3},{"
    "\"rateLimitType\":\"ORDERS\","
    "\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":1200,\"count\":9},{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":"
    "\"MINUTE\",\"intervalNum\":1,"
    "\"limit\":2400,\"count\":12}]}";

Test(api, golden_answer) {
  tg_msg_t msg = request(TG_OUT_PLACE, 42);
  tg_bn_api_info_t info;
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(decode(OK_ANSWER, &info), 2);
  const tg_msg_t want[2] = {{.kind = TG_EX_ANSWER,
                             .ts_ns = NS,
                             .u.ex_answer = {.client_id = id,
                                             .order_id = 90110000123,
                                             .px_ticks = 612504,
                                             .qty_lots = 12,
                                             .http_status = 200,
                                             .request = TG_REQUEST_PLACE,
                                             .outcome = TG_OUTCOME_CONFIRMED,
                                             .status = TG_STATUS_NEW}},
                            {.kind = TG_RATE,
                             .instr_idx = TG_INSTR_NONE,
                             .ts_ns = NS,
                             .u.rate = {.weight_1m_used = 12,
                                        .weight_1m_limit = 2400,
                                        .orders_10s_used = 3,
                                        .orders_10s_limit = 300,
                                        .orders_1m_used = 9,
                                        .orders_1m_limit = 1200}}};
  cr_assert_arr_eq(out.msg, want, sizeof want);
  cr_assert(info.matched && info.kind == 'p' && info.request_no == 42 && info.http_status == 200 && info.code == 0);
  cr_assert_eq(api.inflight.cnt, 0);
  /* the same answer again: no request waits, but the order carries our id */
  cr_assert_eq(decode(OK_ANSWER, &info), 2);
  cr_assert_not(info.matched);
  cr_assert_eq(out.msg[0].u.ex_answer.client_id, id);
}

Test(api, refusals_and_pauses) {
  tg_bn_api_info_t info;
  tg_msg_t msg = request(TG_OUT_CANCEL, 44);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(
      decode("{\"id\":\"c44\",\"status\":400,\"error\":{\"code\":-2011,\"msg\":\"Unknown order sent.\"},\"rateLimits\":[]}",
             &info),
      1);
  const tg_ex_answer_t *a = &out.msg[0].u.ex_answer;
  cr_assert(a->outcome == TG_OUTCOME_REFUSED && a->venue_code == -2011 && a->http_status == 400 &&
            a->request == TG_REQUEST_CANCEL);
  cr_assert(a->client_id == id && a->order_id == 90110000123 && a->status == TG_STATUS_NONE);
  cr_assert(info.hints & TG_HINT_QUERY);
  msg = request(TG_OUT_PLACE, 45);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(decode("{\"id\":\"p45\",\"status\":418,\"error\":{\"code\":-1003,\"msg\":\"Way too many requests; IP banned "
                      "until 1785000123456. Please "
                      "use the websocket.\"}}",
                      &info),
               2);
  cr_assert_eq(out.msg[1].kind, TG_RATE);
  cr_assert_eq(out.msg[1].u.rate.pause_until_ns, UINT64_C(1785000123456000000));
  msg = request(TG_OUT_PLACE, 46);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(decode("{\"id\":\"p46\",\"status\":503,\"error\":{\"code\":-1007,\"msg\":\"Timeout\"}}", &info), 1);
  cr_assert_eq(out.msg[0].u.ex_answer.outcome, TG_OUTCOME_UNKNOWN);
  cr_assert_eq(decode("{\"id\":\"p999\",\"status\":400,\"error\":{\"code\":-1102,\"msg\":\"x\"}}", &info), 0);
  cr_assert_eq(api.cnt.unmatched, 1);
}

Test(api, a_modify_that_cancelled_says_so) {
  tg_msg_t msg = request(TG_OUT_AMEND, 50);
  tg_bn_api_info_t info;
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(decode("{\"id\":\"m50\",\"status\":200,\"result\":{\"orderId\":90110000123,\"symbol\":\"BTCUSDT\",\"status\":"
                      "\"CANCELED\",\"price\":"
                      "\"61250.40\",\"origQty\":\"0.012\",\"executedQty\":\"0.004\"}}",
                      &info),
               1);
  cr_assert_eq(out.msg[0].u.ex_answer.status, TG_STATUS_CANCELED);
  cr_assert_eq(out.msg[0].u.ex_answer.cum_qty_lots, 4);
  msg = request(TG_OUT_AMEND, 51);
  cr_assert_gt(encode(&msg), 0);
  cr_assert_eq(decode("{\"id\":\"m51\",\"status\":200,\"result\":{\"orderId\":1,\"status\":\"NEW\",\"price\":\"61250.45\","
                      "\"origQty\":\"0.012\"}}",
                      &info),
               1);
  cr_assert_eq(out.msg[0].u.ex_answer.outcome, TG_OUTCOME_CONFIRMED);
  cr_assert_eq(out.msg[0].u.ex_answer.status, TG_STATUS_NONE, "a price off its grid is not told");
  cr_assert_eq(api.cnt.err_scale, 1);
}

Test(api, sessions) {
  uint8_t seed[32];
  for (uint8_t i = 0; i < sizeof seed; i++) seed[i] = i;
  tg_ed25519_key_t key;
  tg_bn_api_info_t info;
  cr_assert_eq(tg_ed25519_from_seed(&key, seed), 0);
  static const char api_key[] = "test-api-key-not-real";
  int n = tg_bn_api_encode_logon(api_key, sizeof api_key - 1, &key, 3000, NOW, 1, text, sizeof text);
  cr_assert_gt(n, 0);
  text[n] = 0;
  cr_assert_str_eq(text,
                   "{\"id\":\"l1\",\"method\":\"session.logon\",\"params\":{\"apiKey\":\"test-api-key-not-real\","
                   "\"recvWindow\":3000,\"timestamp\":"
                   "1785000000123,\"signature\":"
                   "\"9hMbdNJANdeymxL9aoUJmWVW4PnkA1LsHwX8DAXulPvFVsWLyyqA9bT2HUwd0KrlnORHF1yP75de5zD2hhoaAA==\"}}");
  for (size_t cap = 0; cap < (size_t)n; cap++) {
    cr_assert_eq(tg_bn_api_encode_logon(api_key, sizeof api_key - 1, &key, 3000, NOW, 1, text, cap), -TG_EFULL);
  }
  cr_assert_eq(tg_bn_api_encode_logon("a\"b", 3, &key, 0, NOW, 1, text, sizeof text), -TG_EINVAL);
  cr_assert_eq(decode("{\"id\":\"l1\",\"status\":200,\"result\":{\"apiKey\":\"test-api-key-not-real\",\"authorizedSince\":"
                      "1785000000140,\"connectedSince\":"
                      "1784999999001,\"returnRateLimits\":false,\"serverTime\":1785000000141}}",
                      &info),
               0);
  cr_assert(info.kind == 'l' && info.request_no == 1 && info.http_status == 200 && info.server_ms == 1785000000141);
  n = tg_bn_api_encode_stream("start", api_key, sizeof api_key - 1, 7, text, sizeof text);
  cr_assert_gt(n, 0);
  text[n] = 0;
  cr_assert_str_eq(text,
                   "{\"id\":\"u7\",\"method\":\"userDataStream.start\",\"params\":{\"apiKey\":\"test-api-key-not-real\"}}");
  cr_assert_eq(
      decode("{\"id\":\"u7\",\"status\":200,\"result\":{\"listenKey\":\"pqia91ma19a5s61cv6a81va65sdf19v8a65a1\"}}", &info), 0);
  cr_assert(tg_json_is(info.listen_key, "pqia91ma19a5s61cv6a81va65sdf19v8a65a1"));
  n = tg_bn_api_encode_session("status", 8, text, sizeof text);
  text[n] = 0;
  cr_assert_str_eq(text, "{\"id\":\"l8\",\"method\":\"session.status\"}");
}

Test(api, in_flight_is_bounded_and_ends_unknown) {
  for (uint32_t no = 1; no <= TG_BN_INFLIGHT_CAP + 2; no++) {
    tg_msg_t msg = request(TG_OUT_PLACE, no);
    cr_assert_gt(encode(&msg), 0);
  }
  cr_assert_eq(api.inflight.cnt, TG_BN_INFLIGHT_CAP);
  cr_assert_eq(api.inflight.forgotten_cnt, 2);
  out.cap = TG_BN_INFLIGHT_CAP - 1;
  cr_assert_eq(tg_bn_inflight_lost(&api.inflight, NS, &out), -TG_EFULL);
  out.cap = TG_BN_INFLIGHT_CAP;
  cr_assert_eq(tg_bn_inflight_lost(&api.inflight, NS, &out), TG_BN_INFLIGHT_CAP);
  for (uint32_t i = 0; i < out.cnt; i++) {
    cr_assert_eq(out.msg[i].u.ex_answer.outcome, TG_OUTCOME_UNKNOWN);
    cr_assert_eq(out.msg[i].u.ex_answer.http_status, 0);
  }
  cr_assert_eq(api.inflight.cnt, 0);
  out.cnt = 0;
  cr_assert_eq(tg_bn_inflight_lost(&api.inflight, NS, &out), 0);
}

Test(api, every_prefix_is_an_error_inside_its_page) {
  guarded_t g = guarded_new(4096);
  tg_bn_api_info_t info;
  tg_msg_t msg = request(TG_OUT_PLACE, 42);
  cr_assert_gt(encode(&msg), 0);
  for (size_t n = 0; n < sizeof OK_ANSWER - 1; n++) {
    cr_assert_eq(tg_bn_api_decode(&api, guarded_put(&g, OK_ANSWER, n), n, NS, &out, &info), -TG_ESYNTAX, "%zu", n);
    cr_assert_eq(out.cnt, 0);
  }
  cr_assert_eq(api.inflight.cnt, 1, "only a whole answer ends a request");
  out.cap = 1; /* room for the answer, not for the rates */
  cr_assert_eq(tg_bn_api_decode(&api, OK_ANSWER, sizeof OK_ANSWER - 1, NS, &out, &info), -TG_EFULL);
  cr_assert_eq(out.cnt, 0);
  cr_assert_eq(api.inflight.cnt, 1);
  guarded_free(&g);
}

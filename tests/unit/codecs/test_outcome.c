/* The whole outcome table, walked: each request x how the wire ended x HTTP status x every code of the list, against a slow
 * reading of the venue's page, and through the ways that answers come in: all must say what the table says. Fault rows 8 and 9.
 */
#include <stdio.h>

#include "codecs/bn_rest.h"
#include "support.h"

#define NS (UINT64_C(1785000000123) * 1000000u)

static const uint16_t STATUS[] = {200, 201, 301, 400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 599};

static const struct {
  int32_t code;
  tg_bn_class_t cls;
} CODE[] = {
    {0, TG_BN_CLASS_NONE},
    {-9998, TG_BN_CLASS_OTHER},
#define B(number, name, cls, text) {number, TG_BN_CLASS_##cls},
#include "codecs/bn_errors.def"
#undef B
};

/* Certainly not executed, certainly as wanted, or unknown: read from the venue's page, not from the table. */
static tg_outcome_t reference(tg_request_t request, uint16_t status, int32_t code, tg_bn_class_t cls) {
  (void)request;
  if (code == -1000 || code == -1006 || code == -1007) return TG_OUTCOME_UNKNOWN; /* "execution status unknown" */
  if (code == -4116) return TG_OUTCOME_UNKNOWN;                                   /* an earlier attempt is probably live */
  if (code == -5027 || code == -4046 || code == -4059 || code == -4171) return TG_OUTCOME_CONFIRMED; /* it is so already */
  if (code < 0 && cls != TG_BN_CLASS_OTHER) return TG_OUTCOME_REFUSED; /* every other listed code is a definite no */
  if (status == 408 || status >= 500) return TG_OUTCOME_UNKNOWN;
  if (status >= 400) return TG_OUTCOME_REFUSED;
  if (status >= 300) return TG_OUTCOME_UNKNOWN;
  return code < 0 ? TG_OUTCOME_UNKNOWN : TG_OUTCOME_CONFIRMED; /* success with a code nobody knows */
}

Test(fault_09, the_whole_table) {
  unsigned cnt = 0;
  for (unsigned r = 0; r < TG_REQUEST_CNT; r++) {
    tg_request_t request = (tg_request_t)r;
    for (size_t s = 0; s < TG_ARRAY_CNT(STATUS); s++) {
      for (size_t c = 0; c < TG_ARRAY_CNT(CODE); c++, cnt++) {
        tg_verdict_t v = tg_outcome(request, TG_WIRE_ANSWER, STATUS[s], CODE[c].code);
        cr_expect_eq(v.outcome, reference(request, STATUS[s], CODE[c].code, CODE[c].cls), "request %u HTTP %u code %d: %d", r,
                     (unsigned)STATUS[s], (int)CODE[c].code, (int)v.outcome);
        /* who does not know must ask; whoever must be silent has a time for it */
        cr_expect(v.outcome != TG_OUTCOME_UNKNOWN || (v.hints & TG_HINT_QUERY), "request %u HTTP %u code %d", r,
                  (unsigned)STATUS[s], (int)CODE[c].code);
        bool silent = (v.hints & (TG_HINT_BACKOFF | TG_HINT_BAN)) != 0;
        cr_expect_eq(silent || STATUS[s] == 403, tg_bn_pause_ms(STATUS[s], CODE[c].code) != 0, "request %u HTTP %u code %d", r,
                     (unsigned)STATUS[s], (int)CODE[c].code);
        tg_verdict_t lost = tg_outcome(request, TG_WIRE_LOST, STATUS[s], CODE[c].code);
        tg_verdict_t kept = tg_outcome(request, TG_WIRE_NOT_SENT, STATUS[s], CODE[c].code);
        cr_expect(lost.outcome == TG_OUTCOME_UNKNOWN && (lost.hints & TG_HINT_QUERY));
        cr_expect(kept.outcome == TG_OUTCOME_REFUSED && (kept.hints & TG_HINT_RETRY));
      }
    }
  }
  printf("outcome table: %u cells\n", cnt);
  cr_assert_geq(cnt, 10000);
}

/* An answer text of the ws-api, and the same told by REST. */
static void answer_texts(uint32_t no, char letter, uint16_t status, int32_t code, char *ws, size_t ws_cap, char *rest,
                         size_t rest_cap) {
  static const char order[] =
      "{\"orderId\":90110000123,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":\"tgs-3000050100000042\","
      "\"price\":\"61250.40\",\"origQty\":\"0.012\",\"executedQty\":\"0.000\"}";
  if (code == 0 && status < 300) {
    snprintf(ws, ws_cap, "{\"id\":\"%c%u\",\"status\":%u,\"result\":%s}", letter, no, (unsigned)status, order);
    snprintf(rest, rest_cap, "%s", order);
  } else if (code == 0) {
    snprintf(ws, ws_cap, "{\"id\":\"%c%u\",\"status\":%u,\"error\":{\"code\":0,\"msg\":\"x\"}}", letter, no, (unsigned)status);
    snprintf(rest, rest_cap, "{\"msg\":\"x\"}");
  } else {
    snprintf(ws, ws_cap, "{\"id\":\"%c%u\",\"status\":%u,\"error\":{\"code\":%d,\"msg\":\"x\"}}", letter, no, (unsigned)status,
             (int)code);
    snprintf(rest, rest_cap, "{\"code\":%d,\"msg\":\"x\"}", (int)code);
  }
}

Test(fault_09, every_way_uses_the_table) {
  static const struct {
    tg_request_t request;
    char letter;
  } way[] = {{TG_REQUEST_PLACE, 'p'}, {TG_REQUEST_AMEND, 'm'}, {TG_REQUEST_CANCEL, 'c'}, {TG_REQUEST_QUERY, 's'}};
  static tg_bn_api_t api;
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  cr_assert_eq(tg_bn_api_init(&api, &tab, NULL, 0, NULL, false, 3000), 0);
  tg_msg_batch_t out = batch_new(64);
  uint32_t no = 1;
  for (size_t w = 0; w < TG_ARRAY_CNT(way); w++) {
    for (size_t s = 0; s < TG_ARRAY_CNT(STATUS); s++) {
      for (size_t c = 0; c < TG_ARRAY_CNT(CODE); c++, no++) {
        tg_bn_inflight_row_t row = {.client_id = 7, .request_no = no, .request = (uint8_t)way[w].request};
        char ws[512], rest[512];
        answer_texts(no, way[w].letter, STATUS[s], CODE[c].code, ws, sizeof ws, rest, sizeof rest);
        tg_verdict_t want = tg_outcome(way[w].request, TG_WIRE_ANSWER, STATUS[s], CODE[c].code);
        bool pause = tg_bn_pause_ms(STATUS[s], CODE[c].code) != 0;
        cr_assert_eq(tg_bn_inflight_add(&api.inflight, &row), 0);
        out.cnt = 0;
        tg_bn_api_info_t info;
        cr_assert_geq(tg_bn_api_decode(&api, ws, strlen(ws), NS, &out, &info), 1, "%s", ws);
        cr_expect(out.msg[0].kind == TG_EX_ANSWER && out.msg[0].u.ex_answer.outcome == want.outcome && info.hints == want.hints,
                  "%s", ws);
        cr_expect_eq(out.cnt == 2 && out.msg[1].kind == TG_RATE && out.msg[1].u.rate.pause_until_ns > NS, pause, "%s", ws);
        out.cnt = 0;
        cr_assert_geq(tg_bn_rest_answer(&tab, &row, TG_WIRE_ANSWER, STATUS[s], rest, strlen(rest), NS, &out), 1, "%s", rest);
        cr_expect(out.msg[0].kind == TG_EX_ANSWER && out.msg[0].u.ex_answer.outcome == want.outcome, "HTTP %u %s",
                  (unsigned)STATUS[s], rest);
        cr_expect_eq(out.cnt == 2 && out.msg[1].kind == TG_RATE && out.msg[1].u.rate.pause_until_ns > NS, pause, "HTTP %u %s",
                     (unsigned)STATUS[s], rest);
      }
    }
    /* a session that dies */
    tg_bn_inflight_row_t row = {.client_id = 7, .request_no = no++, .request = (uint8_t)way[w].request};
    cr_assert_eq(tg_bn_inflight_add(&api.inflight, &row), 0);
    out.cnt = 0;
    cr_assert_eq(tg_bn_inflight_lost(&api.inflight, NS, &out), 1);
    cr_expect_eq(out.msg[0].u.ex_answer.outcome, tg_outcome(way[w].request, TG_WIRE_LOST, 0, 0).outcome);
  }
  free(out.msg);
}

Test(fault_09, words_of_a_503) {
  static const struct {
    const char *text;
    tg_outcome_t outcome;
  } rows[] = {{"Unknown error, please check your request or try again later.", TG_OUTCOME_UNKNOWN},
              {"Service Unavailable.", TG_OUTCOME_REFUSED},
              {"Internal error; unable to process your request. Please try again.", TG_OUTCOME_REFUSED},
              {"Request throttled by system-level protection.", TG_OUTCOME_REFUSED},
              {"<html>Bad gateway</html>", TG_OUTCOME_UNKNOWN}};
  static tg_bn_api_t api;
  tg_symtab_t tab;
  tg_symtab_init(&tab);
  add_symbol(&tab, "BTCUSDT", "0.10", "0.001");
  cr_assert_eq(tg_bn_api_init(&api, &tab, NULL, 0, NULL, false, 3000), 0);
  tg_msg_batch_t out = batch_new(8);
  for (uint32_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    tg_bn_inflight_row_t row = {.client_id = 7, .request_no = i + 1, .request = TG_REQUEST_PLACE};
    char text[256];
    out.cnt = 0;
    cr_assert_geq(tg_bn_rest_answer(&tab, &row, TG_WIRE_ANSWER, 503, rows[i].text, strlen(rows[i].text), NS, &out), 1);
    cr_expect_eq(out.msg[0].u.ex_answer.outcome, rows[i].outcome, "REST, plain: %s", rows[i].text);
    snprintf(text, sizeof text, "{\"msg\":\"%s\"}", rows[i].text);
    out.cnt = 0;
    cr_assert_geq(tg_bn_rest_answer(&tab, &row, TG_WIRE_ANSWER, 503, text, strlen(text), NS, &out), 1);
    cr_expect_eq(out.msg[0].u.ex_answer.outcome, rows[i].outcome, "REST: %s", text);
    snprintf(text, sizeof text, "{\"id\":\"p%u\",\"status\":503,\"error\":{\"code\":0,\"msg\":\"%s\"}}", (unsigned)i + 1,
             rows[i].text);
    cr_assert_eq(tg_bn_inflight_add(&api.inflight, &row), 0);
    out.cnt = 0;
    cr_assert_geq(tg_bn_api_decode(&api, text, strlen(text), NS, &out, NULL), 1);
    cr_expect_eq(out.msg[0].u.ex_answer.outcome, rows[i].outcome, "ws-api: %s", text);
  }
  free(out.msg);
}

Test(fault_08, a_pause_for_every_refusal_that_asks_for_one) {
  cr_expect_geq(tg_bn_pause_ms(418, -1003), 120000);
  cr_expect_eq(tg_bn_pause_ms(429, -1003), 5000);
  cr_expect_eq(tg_bn_pause_ms(429, -1015), 1000);
  cr_expect_eq(tg_bn_pause_ms(503, -1008), 1000);
  cr_expect_geq(tg_bn_pause_ms(403, 0), 5000);
  cr_expect_eq(tg_bn_pause_ms(200, 0), 0);
  cr_expect_eq(tg_bn_pause_ms(400, -2019), 0);
  cr_expect_eq(tg_bn_pause_ms(503, -1007), 0);
  /* never read as a reject of what stands: the request is refused, the order is asked for or left as it is */
  static const uint16_t status[] = {403, 418, 429};
  for (size_t i = 0; i < TG_ARRAY_CNT(status); i++) {
    tg_verdict_t cancel = tg_outcome(TG_REQUEST_CANCEL, TG_WIRE_ANSWER, status[i], 0);
    cr_expect_eq(cancel.outcome, TG_OUTCOME_REFUSED);
    cr_expect(cancel.hints & (TG_HINT_BACKOFF | TG_HINT_BAN));
    cr_expect_not(cancel.hints & TG_HINT_CONFIG);
  }
}

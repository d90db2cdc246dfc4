/* The venue's cold side against a small venue on loopback: start-up and how it fails, REST calls, pauses, the kill, keys. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "cold_rig.h"

static cold_rig_t *ready(void) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  cold_open(rig);
  cold_up(rig);
  return rig;
}

static tg_bn_cold_stats_t stats_of(const cold_rig_t *rig) {
  tg_bn_cold_stats_t stats;
  tg_bn_cold_stats(rig->bn, &stats);
  return stats;
}

static int seen(cold_rig_t *rig, const char *what) {
  return vp_seen(rig->venue, what, NULL, 0);
}

/* --- start --- */

Test(bn_cold, start_tells_the_core_everything_in_order) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->hot_deaf = true; /* no LINK yet */
  cold_open(rig);
  int cnt;
  COLD_UNTIL(rig, stats_of(rig).phase == TG_BN_RUNNING);
  uint8_t kinds[64];
  int kind_cnt = 0;
  for (int i = 0; i < rig->core_cnt; i++) {
    if (rig->core[i].kind != TG_CLOCK && rig->core[i].kind != TG_RATE) kinds[kind_cnt++] = rig->core[i].kind;
  }
  const uint8_t want[] = {TG_CFG_SYMBOL, TG_CFG_FILTER, TG_CFG_FILTER, TG_CFG_SYMBOL,
                          TG_CFG_FILTER, TG_CFG_FILTER, TG_CFG_DONE,   TG_HEALTH};
  cr_assert_eq(kind_cnt, (int)sizeof want);
  cr_assert_arr_eq(kinds, want, sizeof want);
  const tg_msg_t *msg = NULL;
  cr_assert_eq(cold_told(rig, TG_CFG_FILTER, &msg), 4);
  cr_assert(msg->flags & TG_F_SECOND);
  cr_assert_eq(msg->instr_idx, 1);
  cr_assert_eq(msg->u.cfg_filter.u.second.maker_fee_e8, 20000);
  cr_assert_eq(msg->u.cfg_filter.u.second.taker_fee_e8, 40000);
  cr_assert_eq(cold_told(rig, TG_CFG_DONE, &msg), 1);
  cr_assert_eq(msg->u.cfg_done.timer_no, 5, "the run's epoch");
  cr_assert_eq(cold_told(rig, TG_HEALTH, &msg), 1);
  cr_assert(msg->u.health.what == TG_HEALTH_START && msg->u.health.ok);
  cr_assert_eq(cold_told(rig, TG_CLOCK, &msg), 3);
  cr_assert_geq(cold_told(rig, TG_RATE, NULL), 1);
  cr_assert_not_null(tg_symtab_find(tg_bn_cold_symtab(rig->bn), "ETHUSDT", 7));
  /* then the sessions, each with its path */
  COLD_UNTIL(rig, cold_adopted(rig, TG_SESSION_PUBLIC, &cnt) && cold_adopted(rig, TG_SESSION_MARKET, &cnt) &&
                      cold_adopted(rig, TG_SESSION_USER, &cnt) && cold_adopted(rig, TG_SESSION_ORDER, &cnt));
  cr_assert_eq(
      seen(rig, "WS /public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@depth@100ms/ethusdt@bookTicker"), 1);
  cr_assert_eq(seen(rig, "WS /market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@forceOrder/ethusdt@aggTrade"),
               1);
  cr_assert_eq(seen(rig, "WS /private/ws/key1"), 1);
  cr_assert_eq(seen(rig, "WS /ws-fapi/v1"), 1);
  cr_assert_eq(seen(rig, "SAID {\"id\":\"l1\",\"method\":\"session.logon\""), 1);
  cr_assert_eq(stats_of(rig).session_up, 0, "not before the hot lane says so");
  rig->hot_deaf = false;
  cold_up(rig);
  static const tg_session_t id[] = {TG_SESSION_PUBLIC, TG_SESSION_MARKET, TG_SESSION_USER, TG_SESSION_ORDER};
  for (int i = 0; i < 4; i++) cr_assert_eq(rig->ups[id[i]], 1);
  const char *text;
  cr_assert_eq(tg_bn_cold_fatal(rig->bn, &text), 0);
  cr_assert_eq(stats_of(rig).lost_to_core, 0);
  cold_free(rig);
}

static void fails(cold_rig_t *rig, int want, const char *what) {
  const char *text;
  int code = cold_fatal(rig, &text);
  cr_assert_eq(code, want, "exit %d, not %d: %s", code, want, text);
  cr_assert_not_null(strstr(text, what), "\"%s\" is not in \"%s\"", what, text);
  cr_assert_null(strchr(text, '\n'), "one line");
  cr_assert_eq(stats_of(rig).phase, TG_BN_FAILED);
  cold_turns(rig, 50); /* what was under way comes to its end */
  int sessions = seen(rig, "WS ");
  rig->shift_ns += 60 * (uint64_t)TG_NS_PER_S;
  cold_turns(rig, 50);
  cr_assert_eq(seen(rig, "WS "), sessions, "no session is dialled any more");
  cold_free(rig);
}

static cold_rig_t *with(vp_rule_t rule) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  vp_answer_with(rig->venue, rule);
  cold_open(rig);
  return rig;
}

Test(bn_cold, start_fails_at_a_wrong_authority) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_OTHER_CA), 0);
  cold_open(rig);
  fails(rig, TG_EXIT_TLS, "venue.ca_file");
}

Test(bn_cold, start_fails_at_a_wrong_host_name) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_WRONG_HOST), 0);
  cold_open(rig);
  fails(rig, TG_EXIT_TLS, "localhost");
}

Test(bn_cold, start_fails_without_a_ca_file) {
  static const tg_bn_cold_ops_t none = {0};
  cold_rig_t *rig = cold_new(NULL, 1);
  snprintf(rig->conf.venue_ca_file, sizeof rig->conf.venue_ca_file, "/no/such/file.pem");
  char text[512];
  int err = 0;
  cr_assert_null(tg_bn_cold_open(&rig->conf, &rig->secrets, rig->net, &none, rig, &err, text, sizeof text));
  cr_assert_lt(err, 0);
  cr_assert_not_null(strstr(text, "/no/such/file.pem"), "%s", text);
  cold_free(rig);
}

Test(bn_cold, start_fails_at_a_bad_list_of_symbols) {
  static const char *const bad[] = {"", " , ", "ANAMETHATISMUCHTOOLONGFORASYMBOL"};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    static const tg_bn_cold_ops_t none = {0};
    cold_rig_t *rig = cold_new(NULL, 1);
    snprintf(rig->conf.venue_symbols, sizeof rig->conf.venue_symbols, "%s", bad[i]);
    char text[512];
    int err = 0;
    cr_assert_null(tg_bn_cold_open(&rig->conf, &rig->secrets, rig->net, &none, rig, &err, text, sizeof text));
    cr_assert_eq(err, -TG_EINVAL);
    cr_assert_not_null(strstr(text, "venue.symbols"), "%s", text);
    cold_free(rig);
  }
}

Test(bn_cold, start_fails_where_nobody_listens) {
  cold_rig_t *rig = cold_new(NULL, vp_closed_port());
  cold_open(rig);
  const char *text;
  cr_assert_eq(cold_fatal(rig, &text), TG_EXIT_VENUE);
  cr_assert_not_null(strstr(text, "/fapi/v1/time"), "%s", text);
  cold_free(rig);
}

Test(bn_cold, start_fails_at_refused_credentials) {
  cold_rig_t *rig = with((vp_rule_t){.what = "GET /fapi/v1/commissionRate",
                                     .status = 401,
                                     .body = "{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}"});
  const char *text;
  cr_assert_eq(cold_fatal(rig, &text), TG_EXIT_AUTH);
  cr_assert_eq(seen(rig, "GET /fapi/v1/commissionRate"), 1, "not tried again");
  fails(rig, TG_EXIT_AUTH, "-2015");
}

Test(bn_cold, start_fails_at_a_refused_logon) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  vp_logon_with(rig->venue, "{\"id\":\"l1\",\"status\":401,\"error\":{\"code\":-2015,\"msg\":\"no\"}}");
  cold_open(rig);
  fails(rig, TG_EXIT_AUTH, "session.logon");
}

Test(bn_cold, start_fails_at_an_unlisted_symbol) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  snprintf(rig->conf.venue_symbols, sizeof rig->conf.venue_symbols, "BTCUSDT,NOSUCHUSDT");
  cold_open(rig);
  fails(rig, TG_EXIT_CONFIG, "NOSUCHUSDT");
}

Test(bn_cold, start_fails_in_hedge_mode) {
  fails(with((vp_rule_t){.what = "GET /fapi/v1/positionSide/dual", .status = 200, .body = "{\"dualSidePosition\":true}"}),
        TG_EXIT_CONFIG, "hedge mode");
}

Test(bn_cold, start_fails_at_nonsense_after_four_tries) {
  static const char *const step[] = {"GET /fapi/v1/time", "GET /fapi/v1/exchangeInfo", "GET /fapi/v1/commissionRate",
                                     "GET /fapi/v1/positionSide/dual", "POST /fapi/v1/listenKey"};
  for (size_t i = 0; i < TG_ARRAY_CNT(step); i++) {
    cold_rig_t *rig = with((vp_rule_t){.what = step[i], .status = 200, .body = i & 1 ? "<html>" : "{\"x\":1}"});
    const char *text;
    cr_assert_eq(cold_fatal(rig, &text), TG_EXIT_VENUE, "%s", text);
    cr_assert_eq(seen(rig, step[i]), 4, "%s", step[i]);
    fails(rig, TG_EXIT_VENUE, strchr(step[i], '/'));
  }
}

Test(bn_cold, start_gets_over_a_few_failures) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/exchangeInfo", .status = 503, .body = "busy", .times = 2});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/listenKey", .status = 0, .times = 1});
  cold_open(rig);
  cold_up(rig);
  cr_assert_eq(seen(rig, "GET /fapi/v1/exchangeInfo"), 3);
  cold_free(rig);
}

/* The last step of the start-up asked in vain for ever when the venue had asked for a pause. */
Test(bn_cold, start_waits_for_the_end_of_a_pause) {
  static const char *const step[] = {"GET /fapi/v1/positionSide/dual", "POST /fapi/v1/listenKey"};
  for (size_t i = 0; i < TG_ARRAY_CNT(step); i++) {
    cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
    vp_answer_with(rig->venue, (vp_rule_t){.what = step[i],
                                           .status = 429,
                                           .headers = "Retry-After: 100\r\n",
                                           .body = "{\"code\":-1003,\"msg\":\"Too many requests\"}",
                                           .times = 1});
    cold_open(rig);
    COLD_UNTIL(rig, stats_of(rig).pause_until_ns > 0);
    rig->shift_ns += 2 * (uint64_t)TG_NS_PER_S; /* behind the pause between tries */
    cold_turns(rig, 20);
    cr_assert_eq(seen(rig, step[i]), 1, "not during the pause");
    rig->shift_ns += 100 * (uint64_t)TG_NS_PER_S;
    cold_turns(rig, 5);
    rig->shift_ns += 2 * (uint64_t)TG_NS_PER_S;
    cold_up(rig);
    cr_assert_eq(seen(rig, step[i]), 2);
    cold_free(rig);
  }
}

/* --- clock --- */

Test(bn_cold, clock_sample_is_the_middle_of_the_round_trip) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/time", .status = 200, .body = "{\"serverTime\":1785000000000}"});
  int before = cold_told(rig, TG_CLOCK, NULL);
  uint64_t from_ns = cold_now(rig);
  rig->shift_ns += 31 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, cold_told(rig, TG_CLOCK, NULL) > before);
  uint64_t to_ns = cold_now(rig);
  const tg_msg_t *msg = NULL;
  cold_told(rig, TG_CLOCK, &msg);
  int64_t server_ns = INT64_C(1785000000000) * TG_NS_PER_MS + TG_NS_PER_MS / 2;
  /* the middle lies between both ends of the wait, and the error is half the round trip and half a millisecond */
  cr_assert_leq(msg->u.clock.offset_ns, server_ns - (int64_t)from_ns);
  cr_assert_geq(msg->u.clock.offset_ns, server_ns - (int64_t)to_ns);
  cr_assert_geq(msg->u.clock.error_ns, TG_NS_PER_MS / 2);
  cr_assert_leq(msg->u.clock.error_ns, (int64_t)(to_ns - from_ns) / 2 + TG_NS_PER_MS / 2);
  const tg_msg_t *ctl = &rig->ctl[rig->ctl_cnt - 1];
  cr_assert_eq(ctl->kind, TG_CTL_CLOCK, "the gateway stamps its requests by it");
  cr_assert_eq(ctl->u.ctl_clock.offset_ns, msg->u.clock.offset_ns);
  cr_assert_eq(stats_of(rig).offset_ns, msg->u.clock.offset_ns);
  /* requests carry the venue's time from now on */
  tg_bn_cold_account(rig->bn, TG_BN_WANT_BALANCES, cold_now(rig));
  COLD_UNTIL(rig, rig->parts[TG_BN_WANT_BALANCES] == 1);
  char last[1024];
  vp_seen(rig->venue, "GET /fapi/v3/balance", last, sizeof last);
  const char *at = strstr(last, "timestamp=");
  cr_assert_not_null(at);
  int64_t stamp = atoll(at + 10);
  cr_assert(stamp >= 1785000000000 && stamp < 1785000000000 + 60000, "%s", last);
  cold_free(rig);
}

/* --- pauses --- */

static tg_msg_t out(tg_msg_kind_t kind, uint32_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, 0, 1);
  msg.u.out_place.client_id = tg_client_id_make(TG_MODE_SIM, 5, 1, no);
  msg.u.out_place.request_no = no;
  msg.u.out_place.px_ticks = 612504;
  msg.u.out_place.qty_lots = 12;
  msg.u.out_place.side = TG_BUY;
  msg.u.out_place.tif = TG_TIF_GTX;
  msg.u.out_place.type = TG_TYPE_LIMIT;
  return msg;
}

static void snapshot(cold_rig_t *rig, uint16_t instr_idx, uint32_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_SNAPSHOT, instr_idx, 1);
  msg.u.out_snapshot.request_no = no;
  cold_journal(rig, &msg);
}

static void kill_now(cold_rig_t *rig) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_CANCEL_ALL, 0, 1);
  cold_journal(rig, &msg);
}

static const char OPEN[] =
    "[{\"orderId\":11,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":\"tgs-3000050100000001\",\"price\":\"61240."
    "0\","
    "\"origQty\":\"0.010\",\"executedQty\":\"0\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\",\"updateTime\":1},"
    "{\"orderId\":12,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":\"web_stranger\",\"price\":\"61240.0\","
    "\"origQty\":\"0.010\",\"executedQty\":\"0\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\",\"updateTime\":1},"
    "{\"orderId\":13,\"symbol\":\"BTCUSDT\",\"status\":\"PARTIALLY_FILLED\",\"clientOrderId\":\"tgs-30000501000000ff\","
    "\"price\":"
    "\"61250.0\",\"origQty\":\"0.010\",\"executedQty\":\"0.001\",\"side\":\"SELL\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\","
    "\"updateTime\":1}]";

static void pause_by(int status) {
  cold_rig_t *rig = ready();
  rig->conf.venue_order_entry = 1;
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = OPEN});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "DELETE /fapi/v1/order", .status = 200, .body = "{\"orderId\":11}"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/depth",
                                         .status = status,
                                         .headers = "Retry-After: 60\r\n",
                                         .body = "{\"code\":-1003,\"msg\":\"Too many requests\"}",
                                         .times = 1});
  uint64_t asked_ns = cold_now(rig);
  snapshot(rig, 0, 1);
  COLD_UNTIL(rig, stats_of(rig).pause_until_ns > 0);
  cr_assert_geq(stats_of(rig).pause_until_ns, asked_ns + 60 * (uint64_t)TG_NS_PER_S);
  cold_turns(rig, 5);
  const tg_msg_t *rate = NULL;
  cold_told(rig, TG_RATE, &rate);
  cr_assert_eq(rate->u.rate.pause_until_ns, stats_of(rig).pause_until_ns, "the core hears of it");
  /* nothing of this leaves */
  int depth = seen(rig, "GET /fapi/v1/depth"), cancels = seen(rig, "DELETE ");
  rig->shift_ns += 31 * (uint64_t)TG_NS_PER_S; /* clock and dead-man timer are due, too */
  int posts = seen(rig, "POST "), times = seen(rig, "GET /fapi/v1/time");
  snapshot(rig, 0, 2);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_ORDERS | TG_BN_WANT_POSITIONS, cold_now(rig));
  cr_assert_eq(rig->failures, 1, "one round, one failure");
  cr_assert_eq(rig->fail_err, -TG_ERATE);
  tg_msg_t place = out(TG_OUT_PLACE, 21), cancel = out(TG_OUT_CANCEL, 22);
  cold_journal(rig, &place);
  cold_journal(rig, &cancel);
  cold_turns(rig, 50);
  cr_assert_eq(seen(rig, "GET /fapi/v1/depth"), depth);
  cr_assert_eq(seen(rig, "GET /fapi/v1/time"), times);
  cr_assert_eq(seen(rig, "POST "), posts);
  cr_assert_eq(seen(rig, "DELETE "), cancels, "not even a cancel");
  const tg_msg_t *answer = NULL;
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, &answer), 2);
  cr_assert_eq(answer->u.ex_answer.outcome, TG_OUTCOME_REFUSED, "never sent: certainly not executed");
  cr_assert_gt(stats_of(rig).refused_locally, 4u);
  /* nor the kill: it waits for the end of the pause */
  kill_now(rig);
  cold_turns(rig, 30);
  cr_assert_eq(seen(rig, "DELETE "), cancels, "not even the kill's");
  cr_assert_eq(seen(rig, "GET /fapi/v1/openOrders"), 0);
  /* and afterwards all goes on; a 418 lasts two minutes at least */
  rig->shift_ns += 130 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, stats_of(rig).kill_cancels == 2);
  snapshot(rig, 0, 3);
  COLD_UNTIL(rig, cold_told(rig, TG_MD_DEPTH, NULL) == 1);
  cold_free(rig);
}

Test(bn_cold, a_429_stops_everything) {
  pause_by(429);
}
Test(bn_cold, a_418_stops_everything) {
  pause_by(418);
}

Test(bn_cold, a_pause_told_by_the_order_session_holds_here_too) {
  cold_rig_t *rig = ready();
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RATE, TG_INSTR_NONE, 1);
  msg.u.rate.pause_until_ns = cold_now(rig) + 60 * (uint64_t)TG_NS_PER_S;
  cold_journal(rig, &msg);
  int depth = seen(rig, "GET /fapi/v1/depth");
  snapshot(rig, 0, 1);
  cold_turns(rig, 30);
  cr_assert_eq(seen(rig, "GET /fapi/v1/depth"), depth);
  cold_free(rig);
}

/* --- kill --- */

Test(bn_cold, the_kill_cancels_ours_and_no_strangers) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = OPEN});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "DELETE /fapi/v1/order", .status = 200, .body = "{\"orderId\":11}"});
  kill_now(rig);
  COLD_UNTIL(rig, stats_of(rig).kill_cancels == 2);
  cold_turns(rig, 20);
  cr_assert_eq(seen(rig, "GET /fapi/v1/openOrders?"), 1, "the whole account, once");
  cr_assert_eq(seen(rig, "DELETE /fapi/v1/order?symbol=BTCUSDT&orderId=11&"), 1);
  cr_assert_eq(seen(rig, "DELETE /fapi/v1/order?symbol=BTCUSDT&orderId=13&"), 1);
  cr_assert_eq(seen(rig, "DELETE "), 2);
  cold_free(rig);
}

Test(bn_cold, a_kill_that_fails_may_be_repeated) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = OPEN});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = "[{", .times = 1});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 500, .body = "", .times = 1});
  vp_answer_with(
      rig->venue,
      (vp_rule_t){.what = "DELETE /fapi/v1/order", .status = 400, .body = "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}"});
  for (int i = 1; i <= 3; i++) {
    kill_now(rig);
    COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/openOrders") == i && tg_bn_cold_pending(rig->bn) == 0);
  }
  COLD_UNTIL(rig, seen(rig, "DELETE ") == 2 && tg_bn_cold_pending(rig->bn) == 0);
  cr_assert_eq(stats_of(rig).kill_cancels, 0);
  cr_assert_geq(stats_of(rig).errors, 4u);
  cold_free(rig);
}

/* A lasting kill lists, cancels and lists again until the venue shows none; then it looks again now and then, until it is told
 * to end. */
Test(bn_cold, a_lasting_kill_repeats_until_the_venue_shows_none) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = "[]"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = OPEN, .times = 2});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "DELETE /fapi/v1/order", .status = 200, .body = "{\"orderId\":11}"});
  tg_bn_cold_kill(rig->bn, NULL, NULL, cold_now(rig));
  const tg_bn_kill_t *kill = tg_bn_cold_kill_state(rig->bn);
  COLD_UNTIL(rig, kill->empty_ns != 0);
  cr_assert_eq(seen(rig, "GET /fapi/v1/openOrders"), 3, "twice with ours, once without");
  cr_assert_eq(seen(rig, "DELETE "), 4);
  cr_assert_eq(kill->order_cnt, 2);
  cr_assert_eq(kill->cancels_confirmed, 4u);
  cr_assert_eq(kill->foreign_seen, 1u);
  cr_assert(kill->start_ns <= kill->first_cancel_ns && kill->first_cancel_ns <= kill->last_confirmed_ns &&
            kill->last_confirmed_ns <= kill->empty_ns);
  rig->shift_ns += 3 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/openOrders") >= 4);
  COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
  tg_bn_cold_kill_off(rig->bn);
  int lists = seen(rig, "GET /fapi/v1/openOrders");
  rig->shift_ns += 30 * (uint64_t)TG_NS_PER_S;
  cold_turns(rig, 30);
  cr_assert_eq(seen(rig, "GET /fapi/v1/openOrders"), lists);
  cold_free(rig);
}

/* --- orders over REST --- */

Test(bn_cold, orders_over_rest_are_answered) {
  cold_rig_t *rig = ready();
  rig->conf.venue_order_entry = 1;
  char id[TG_CLIENT_ID_BYTES + 1] = "";
  tg_client_id_print(tg_client_id_make(TG_MODE_SIM, 5, 1, 1), id);
  vp_answer_with(
      rig->venue,
      (vp_rule_t){.what = "POST /fapi/v1/order",
                  .status = 200,
                  .body = "{\"orderId\":77,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"price\":\"61250.4\",\"origQty\":"
                          "\"0.012\",\"executedQty\":\"0\"}"});
  vp_answer_with(
      rig->venue,
      (vp_rule_t){.what = "DELETE /fapi/v1/order", .status = 400, .body = "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "PUT /fapi/v1/order", .status = 200, .body = "no json"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/order?", .status = 503, .body = "Unknown error"});
  static const struct {
    tg_msg_kind_t kind;
    tg_outcome_t outcome;
  } row[] = {{TG_OUT_PLACE, TG_OUTCOME_CONFIRMED},
             {TG_OUT_CANCEL, TG_OUTCOME_REFUSED},
             {TG_OUT_AMEND, TG_OUTCOME_UNKNOWN},
             {TG_OUT_QUERY, TG_OUTCOME_UNKNOWN}};
  for (int i = 0; i < 4; i++) {
    tg_msg_t msg = out(row[i].kind, (uint32_t)i + 1);
    cold_journal(rig, &msg);
    COLD_UNTIL(rig, cold_told(rig, TG_EX_ANSWER, NULL) == i + 1);
    const tg_msg_t *answer = NULL;
    cold_told(rig, TG_EX_ANSWER, &answer);
    cr_assert_eq(answer->u.ex_answer.client_id, msg.u.out_place.client_id);
    cr_assert_eq(answer->u.ex_answer.outcome, row[i].outcome, "request %d", i);
    cr_assert_eq(answer->instr_idx, 0);
  }
  char last[1024];
  cr_assert_eq(vp_seen(rig->venue, "POST /fapi/v1/order?", last, sizeof last), 1);
  cr_assert(strstr(last, id) && strstr(last, "symbol=BTCUSDT") && strstr(last, "side=BUY") && strstr(last, "timeInForce=GTX") &&
                strstr(last, "61250.4") && strstr(last, "0.012") && strstr(last, "&signature="),
            "%s", last);
  cold_free(rig);
}

Test(bn_cold, a_lost_answer_over_rest_is_unknown_and_never_repeated) {
  cold_rig_t *rig = ready();
  rig->conf.venue_order_entry = 1;
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/order", .status = 0});
  tg_msg_t msg = out(TG_OUT_PLACE, 1);
  cold_journal(rig, &msg);
  COLD_UNTIL(rig, cold_told(rig, TG_EX_ANSWER, NULL) == 1);
  const tg_msg_t *answer = NULL;
  cold_told(rig, TG_EX_ANSWER, &answer);
  cr_assert_eq(answer->u.ex_answer.outcome, TG_OUTCOME_UNKNOWN);
  cold_turns(rig, 50);
  cr_assert_eq(seen(rig, "POST /fapi/v1/order?"), 1);
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, NULL), 1);
  cold_free(rig);
}

Test(bn_cold, no_answer_in_time_is_unknown) {
  cold_rig_t *rig = ready();
  rig->conf.venue_order_entry = 1;
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/order", .status = -1});
  tg_msg_t msg = out(TG_OUT_PLACE, 1);
  cold_journal(rig, &msg);
  COLD_UNTIL(rig, seen(rig, "POST /fapi/v1/order?") == 1);
  cold_turns(rig, 5);
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, NULL), 0);
  rig->shift_ns += (uint64_t)rig->conf.order_answer_timeout_ms * 3 * TG_NS_PER_MS;
  COLD_UNTIL(rig, cold_told(rig, TG_EX_ANSWER, NULL) == 1);
  const tg_msg_t *answer = NULL;
  cold_told(rig, TG_EX_ANSWER, &answer);
  cr_assert_eq(answer->u.ex_answer.outcome, TG_OUTCOME_UNKNOWN);
  cold_free(rig);
}

Test(bn_cold, an_order_that_cannot_be_written_or_queued_is_refused) {
  cold_rig_t *rig = ready();
  rig->conf.venue_order_entry = 1;
  tg_msg_t msg = out(TG_OUT_PLACE, 1);
  msg.instr_idx = 63;
  cold_journal(rig, &msg);
  const tg_msg_t *answer = NULL;
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, &answer), 1);
  cr_assert_eq(answer->u.ex_answer.outcome, TG_OUTCOME_REFUSED);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/order", .status = -1}); /* the line is held up */
  uint32_t pending = tg_bn_cold_pending(rig->bn);
  for (uint32_t no = 2; no < TG_BN_CALLS + 4; no++) {
    msg = out(TG_OUT_PLACE, no);
    cold_journal(rig, &msg);
  }
  cr_assert_eq(tg_bn_cold_pending(rig->bn), TG_BN_CALLS);
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, NULL), 1 + (int)(TG_BN_CALLS + 2 - (TG_BN_CALLS - pending)));
  cold_free(rig); /* open requests end without a word */
}

Test(bn_cold, with_orders_over_the_session_nothing_goes_over_rest) {
  cold_rig_t *rig = ready();
  tg_msg_t msg = out(TG_OUT_PLACE, 1);
  cold_journal(rig, &msg);
  cold_turns(rig, 20);
  cr_assert_eq(seen(rig, "POST /fapi/v1/order?"), 0);
  cr_assert_eq(cold_told(rig, TG_EX_ANSWER, NULL), 0);
  cold_free(rig);
}

/* --- snapshots, account --- */

Test(bn_cold, snapshots_carry_their_request_number) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "GET /fapi/v1/depth", .status = 200, .body = "{\"lastUpdateId\":", .times = 1});
  snapshot(rig, 1, 41);
  COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/depth?symbol=ETHUSDT&limit=1000") == 1 && tg_bn_cold_pending(rig->bn) == 0);
  cr_assert_eq(cold_told(rig, TG_MD_DEPTH, NULL), 0);
  snapshot(rig, 1, 42);
  COLD_UNTIL(rig, cold_told(rig, TG_MD_DEPTH, NULL) == 1);
  const tg_msg_t *msg = NULL;
  cold_told(rig, TG_MD_DEPTH, &msg);
  cr_assert(msg->flags & TG_F_SNAPSHOT);
  cr_assert_eq(msg->instr_idx, 1);
  cr_assert_eq(msg->u.md_depth.gen, 42);
  cr_assert_eq(msg->u.md_depth.last_id, 100);
  cr_assert_eq(msg[1].kind, TG_MD_LEVELS, "its levels follow at once");
  cr_assert_eq(stats_of(rig).snapshots, 1);
  cr_assert_eq(stats_of(rig).errors, 1);
  rig->core_err = -TG_EFULL; /* the core's lane is stalled: counted, not silent */
  snapshot(rig, 1, 43);
  COLD_UNTIL(rig, stats_of(rig).lost_to_core > 0);
  cold_free(rig);
}

Test(bn_cold, account_queries) {
  cold_rig_t *rig = ready();
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/openOrders", .status = 200, .body = OPEN});
  uint32_t all = TG_BN_WANT_POSITIONS | TG_BN_WANT_ORDERS | TG_BN_WANT_BALANCES;
  tg_bn_cold_account(rig->bn, all, cold_now(rig));
  COLD_UNTIL(rig, rig->parts[1] && rig->parts[2] && rig->parts[4]);
  cr_assert_eq(rig->part_rows[TG_BN_WANT_ORDERS], 3);
  cr_assert_eq(rig->failures, 0);
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "GET /fapi/v3/balance", .status = 401, .body = "{\"code\":-2015,\"msg\":\"x\"}"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v3/positionRisk", .status = 200, .body = "[{"});
  tg_bn_cold_account(rig->bn, TG_BN_WANT_BALANCES, cold_now(rig));
  COLD_UNTIL(rig, rig->failures == 1);
  cr_assert_eq(rig->fail_status, 401);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  COLD_UNTIL(rig, rig->failures == 2);
  cr_assert_eq(rig->fail_status, 200);
  cr_assert_lt(rig->fail_err, 0);
  cold_free(rig);
}

/* --- listen key --- */

static void key_expired(cold_rig_t *rig) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_CONFIG, TG_INSTR_NONE, 1);
  msg.u.ex_config.what = TG_CONFEV_LISTEN_KEY_EXPIRED;
  cold_journal(rig, &msg);
}

/* The venue leaves the socket of an expired key open and silent: without a new session nothing of ours would be heard again. */
Test(bn_cold, an_expired_listen_key_brings_a_new_user_session) {
  cold_rig_t *rig = ready();
  int cnt;
  uint32_t gen = cold_adopted(rig, TG_SESSION_USER, &cnt)->u.ctl_adopt.gen;
  cr_assert_eq(cnt, 1);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/listenKey", .status = 200, .body = "{\"listenKey\":\"key2\"}"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/listenKey", .status = 500, .body = "", .times = 1});
  key_expired(rig);
  COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
  rig->shift_ns += TG_NS_PER_S; /* asked again soon after the failure */
  COLD_UNTIL(rig, cold_adopted(rig, TG_SESSION_USER, &cnt)->u.ctl_adopt.gen > gen);
  cr_assert_eq(seen(rig, "WS /private/ws/key2"), 1);
  COLD_UNTIL(rig, rig->ups[TG_SESSION_USER] == 2);
  cold_turns(rig, 100);
  cr_assert_eq(seen(rig, "WS /private/ws/"), 2, "once is enough");
  cr_assert_eq(rig->ups[TG_SESSION_PUBLIC], 1, "the others stay");
  cold_free(rig);
}

Test(bn_cold, the_listen_key_is_kept_alive) {
  cold_rig_t *rig = ready();
  int made = seen(rig, "POST /fapi/v1/listenKey");
  rig->shift_ns += 31 * 60 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, seen(rig, "PUT /fapi/v1/listenKey") == 1 && tg_bn_cold_pending(rig->bn) == 0);
  cr_assert_eq(seen(rig, "POST /fapi/v1/listenKey"), made);
  /* the venue does not know it: a new one; the same text again leaves the session alone */
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "PUT /fapi/v1/listenKey", .status = 400, .body = "{\"code\":-1125,\"msg\":\"x\"}"});
  rig->shift_ns += 31 * 60 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, seen(rig, "POST /fapi/v1/listenKey") == made + 1 && tg_bn_cold_pending(rig->bn) == 0);
  cold_turns(rig, 50);
  cr_assert_eq(seen(rig, "WS /private/ws/"), 1);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "POST /fapi/v1/listenKey", .status = 200, .body = "{\"listenKey\":\"key3\"}"});
  rig->shift_ns += 31 * 60 * (uint64_t)TG_NS_PER_S;
  COLD_UNTIL(rig, seen(rig, "WS /private/ws/key3") == 1);
  cold_free(rig);
}

/* --- dead-man timer, stop --- */

Test(bn_cold, the_dead_man_timer_is_rearmed_only_while_the_hot_lane_turns) {
  cold_rig_t *rig = ready();
  COLD_UNTIL(rig, seen(rig, "POST /fapi/v1/countdownCancelAll") == 2 && tg_bn_cold_pending(rig->bn) == 0);
  cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll?symbol=BTCUSDT&countdownTime=60000&"), 1);
  cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll?symbol=ETHUSDT&countdownTime=60000&"), 1);
  cold_turns(rig, 20);
  cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll"), 2, "a third of the time first");
  rig->hot_alive = false;
  rig->shift_ns += 21 * (uint64_t)TG_NS_PER_S;
  cold_turns(rig, 20);
  cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll"), 2);
  rig->hot_alive = true;
  COLD_UNTIL(rig, seen(rig, "POST /fapi/v1/countdownCancelAll") == 4);
  cold_free(rig);
}

Test(bn_cold, stop_disarms_unless_orders_are_left) {
  for (int left = 0; left < 2; left++) {
    cold_rig_t *rig = ready();
    COLD_UNTIL(rig, seen(rig, "POST /fapi/v1/countdownCancelAll") == 2 && tg_bn_cold_pending(rig->bn) == 0);
    tg_bn_cold_stop(rig->bn, cold_now(rig), left == 1);
    tg_bn_cold_stop(rig->bn, cold_now(rig), left == 1); /* once */
    COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
    cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll?symbol=BTCUSDT&countdownTime=0&"), left ? 0 : 1);
    cr_assert_eq(seen(rig, "POST /fapi/v1/countdownCancelAll"), left ? 2 : 4);
    int sessions = seen(rig, "WS ");
    int cnt;
    cold_link(rig, TG_SESSION_PUBLIC, cold_adopted(rig, TG_SESSION_PUBLIC, &cnt)->u.ctl_adopt.gen, false, TG_ECLOSED);
    rig->shift_ns += 60 * (uint64_t)TG_NS_PER_S;
    cold_turns(rig, 50);
    cr_assert_eq(seen(rig, "WS "), sessions, "nothing is dialled any more");
    cold_free(rig);
  }
}

/* --- sessions in the whole --- */

Test(bn_cold, a_dead_session_is_dialled_again_and_told) {
  cold_rig_t *rig = ready();
  int cnt;
  uint32_t gen = cold_adopted(rig, TG_SESSION_ORDER, &cnt)->u.ctl_adopt.gen;
  cold_link(rig, TG_SESSION_ORDER, gen, false, TG_ETRUNCATED);
  cr_assert_eq(stats_of(rig).session_up & 1u << TG_SESSION_ORDER, 0);
  COLD_UNTIL(rig, rig->ups[TG_SESSION_ORDER] == 2);
  cr_assert_gt(cold_adopted(rig, TG_SESSION_ORDER, &cnt)->u.ctl_adopt.gen, gen);
  cr_assert_eq(seen(rig, "SAID "), 2, "logged on again");
  /* a logon refused later is no reason to end the engine */
  vp_logon_with(rig->venue, "{\"id\":\"l1\",\"status\":401,\"error\":{\"code\":-2015,\"msg\":\"no\"}}");
  cold_link(rig, TG_SESSION_ORDER, cold_adopted(rig, TG_SESSION_ORDER, &cnt)->u.ctl_adopt.gen, false, TG_ETRUNCATED);
  COLD_UNTIL(rig, seen(rig, "SAID ") >= 4);
  const char *text;
  cr_assert_eq(tg_bn_cold_fatal(rig->bn, &text), 0);
  vp_logon_with(rig->venue, "{\"id\":\"l1\",\"status\":200,\"result\":{}}");
  COLD_UNTIL(rig, rig->ups[TG_SESSION_ORDER] == 3);
  cold_free(rig);
}

Test(bn_cold, sessions_that_never_open_end_the_start) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->conf.venue_stream_port = vp_closed_port();
  cold_open(rig);
  fails(rig, TG_EXIT_VENUE, "does not open");
}

Test(bn_cold, without_an_ed25519_key_there_is_no_logon) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->secrets.has_ed25519 = false;
  cold_open(rig);
  cold_up(rig);
  cr_assert_eq(seen(rig, "SAID "), 0);
  cold_free(rig);
}

/* --- executions that no session told --- */

static const char TRADES[] =
    "[{\"symbol\":\"BTCUSDT\",\"id\":501,\"orderId\":77,\"side\":\"SELL\",\"price\":\"61250.4\",\"qty\":\"0.012\","
    "\"realizedPnl\":\"1.5\","
    "\"commission\":\"0.147\",\"commissionAsset\":\"USDT\",\"buyer\":false,\"maker\":true,\"time\":1785000000000},"
    "{\"symbol\":\"BTCUSDT\",\"id\":502,\"orderId\":78,\"side\":\"BUY\",\"price\":\"61250.3\",\"qty\":\"0.001\","
    "\"realizedPnl\":\"0\","
    "\"commission\":\"0.012\",\"commissionAsset\":\"USDT\",\"buyer\":true,\"maker\":false,\"time\":1785000000001}]";

static uint64_t ours(uint32_t no) {
  return tg_client_id_make(TG_MODE_SIM, 5, 1, no);
}

static void order_told(cold_rig_t *rig, int64_t order_id, uint32_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, 1);
  msg.u.ex_answer.order_id = order_id;
  msg.u.ex_answer.client_id = ours(no);
  cold_journal(rig, &msg);
}

static void fill_told(cold_rig_t *rig, uint64_t trade_id, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, 1);
  msg.flags = flags;
  msg.u.ex_fill.trade_id = trade_id;
  cold_journal(rig, &msg);
}

static void user_session_again(cold_rig_t *rig) {
  int cnt, ups = rig->ups[TG_SESSION_USER];
  cold_link(rig, TG_SESSION_USER, cold_adopted(rig, TG_SESSION_USER, &cnt)->u.ctl_adopt.gen, false, TG_ETRUNCATED);
  COLD_UNTIL(rig, rig->ups[TG_SESSION_USER] == ups + 1);
}

Test(bn_cold, executions_of_an_outage_are_asked_for) {
  cold_rig_t *rig = ready();
  cold_turns(rig, 20);
  cr_assert_eq(seen(rig, "GET /fapi/v1/userTrades"), 0, "the first session has missed nothing");
  order_told(rig, 77, 1);
  order_told(rig, 78, 2);
  fill_told(rig, 500, 0);
  fill_told(rig, 501, TG_F_LITE); /* its full event was lost */
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 200, .body = "[]"});
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "GET /fapi/v1/userTrades?symbol=BTCUSDT&fromId=501&", .status = 200, .body = TRADES});
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "GET /fapi/v1/userTrades?symbol=BTCUSDT", .status = 503, .body = "", .times = 1});
  user_session_again(rig);
  fill_told(rig, 503, 0); /* the new session is faster: the hole stays where it was */
  COLD_UNTIL(rig, cold_told(rig, TG_EX_FILL, NULL) == 2);
  const tg_msg_t *msg = NULL;
  cold_told(rig, TG_EX_FILL, &msg);
  cr_assert_eq(msg[-1].u.ex_fill.trade_id, 501);
  cr_assert_eq(msg[-1].u.ex_fill.client_id, ours(1));
  cr_assert_eq(msg[-1].u.ex_fill.qty_lots, 12);
  cr_assert_eq(msg[-1].u.ex_fill.commission_e8, 14700000);
  cr_assert_eq(msg[-1].u.ex_fill.realised_e8, 150000000);
  cr_assert_eq(msg[-1].flags, TG_F_SNAPSHOT | TG_F_ASK | TG_F_MAKER);
  cr_assert_eq(msg->u.ex_fill.client_id, ours(2));
  cr_assert_eq(msg->flags, TG_F_SNAPSHOT);
  COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/userTrades?symbol=ETHUSDT&startTime=") == 1 && tg_bn_cold_pending(rig->bn) == 0);
  rig->shift_ns += 10 * (uint64_t)TG_NS_PER_S;
  cold_turns(rig, 50);
  cr_assert_eq(seen(rig, "GET /fapi/v1/userTrades"), 3, "once it is closed nobody asks");
  cr_assert_eq(stats_of(rig).trades, 2);
  /* the next hole begins behind what is known by then */
  user_session_again(rig);
  COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/userTrades?symbol=BTCUSDT&fromId=504&") == 1);
  cold_free(rig);
}

Test(bn_cold, an_execution_of_an_unknown_order_waits_for_its_name) {
  for (int known = 0; known < 2; known++) {
    cold_rig_t *rig = ready();
    rig->conf.sync_trades_period_ms = 0;
    order_told(rig, 77, 1);
    fill_told(rig, 500, 0);
    vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 200, .body = "[]"});
    vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades?symbol=BTCUSDT", .status = 200, .body = TRADES});
    user_session_again(rig);
    COLD_UNTIL(rig, cold_told(rig, TG_EX_FILL, NULL) >= 1 && tg_bn_cold_pending(rig->bn) == 0);
    cr_assert_eq(cold_told(rig, TG_EX_FILL, NULL), 1, "the known one at once");
    if (known) order_told(rig, 78, 2); /* the core's query was answered */
    const tg_msg_t *msg = NULL;
    for (int i = 0; i < 8; i++) {
      rig->shift_ns += 10 * (uint64_t)TG_NS_PER_S;
      COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
      cold_turns(rig, 10);
      COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
    }
    cold_told(rig, TG_EX_FILL, &msg);
    cr_assert_eq(msg->u.ex_fill.trade_id, 502);
    if (known) {
      cr_assert_eq(msg->u.ex_fill.client_id, ours(2));
      cr_assert_eq(msg->flags, TG_F_SNAPSHOT);
    } else { /* a stranger's after all: it moves the position, and the core says so */
      cr_assert_eq(msg->flags, TG_F_SNAPSHOT | TG_F_FOREIGN);
    }
    cold_free(rig);
  }
}

Test(bn_cold, executions_that_cannot_be_asked_for_are_given_up) {
  cold_rig_t *rig = ready();
  rig->conf.sync_trades_period_ms = 0; /* no comparison beside it */
  fill_told(rig, 500, 0);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 500, .body = ""});
  user_session_again(rig);
  for (int i = 0; i < 12; i++) {
    rig->shift_ns += 10 * (uint64_t)TG_NS_PER_S;
    cold_turns(rig, 10);
    COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
  }
  cr_assert_eq(seen(rig, "GET /fapi/v1/userTrades?symbol=BTCUSDT"), 8);
  cr_assert_eq(seen(rig, "GET /fapi/v1/userTrades?symbol=ETHUSDT"), 8);
  cr_assert_eq(cold_told(rig, TG_EX_FILL, NULL), 0);
  cold_free(rig);
}

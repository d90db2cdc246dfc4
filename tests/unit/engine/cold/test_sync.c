#include <criterion/criterion.h>

#include "engine/base/sha256.h"
#include "engine/cold/sync.h"
#include "tests/unit/engine/cold/tmp.h"

static tg_acct_t one, two;
static char text_one[TG_ACCT_JSON_BYTES], text_two[TG_ACCT_JSON_BYTES];

static bool symbol_of(void *user, uint16_t instr, const char **symbol, tg_scale_t *px, tg_scale_t *qty) {
  (void)user;
  if (instr > 1) return false;
  *symbol = instr ? "ETHUSDT" : "BTCUSDT";
  *px = (tg_scale_t){2, 1};
  *qty = (tg_scale_t){3, 1};
  return true;
}
static const tg_acct_map_t map = {.symbol = symbol_of};

static tg_msg_t position(uint16_t instr, uint8_t side, int64_t lots, int64_t ts_ms) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_ACC_POSITION, instr, 1000000000);
  msg.u.acc_position.qty_lots = lots;
  msg.u.acc_position.position_side = side;
  msg.u.acc_position.entry_e8 = INT64_C(6012345000000);
  msg.u.acc_position.mark_e8 = INT64_C(6000000000000);
  msg.u.acc_position.unrealised_e8 = -123;
  msg.u.acc_position.leverage = 20;
  msg.u.acc_position.venue_ms = ts_ms;
  return msg;
}
static tg_msg_t order(uint16_t instr, int64_t id, int64_t px, int64_t lots, int32_t ts_ms) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_ACC_ORDER, instr, UINT64_C(1000000) * 1000);
  msg.u.acc_order.order_id = id;
  msg.u.acc_order.client_id = UINT64_C(3) << 60 | UINT64_C(7) << 40 | (uint64_t)id;
  msg.u.acc_order.px_ticks = px;
  msg.u.acc_order.qty_lots = lots;
  msg.u.acc_order.type = TG_TYPE_LIMIT;
  msg.u.acc_order.status = TG_STATUS_NEW;
  msg.u.acc_order.venue_lag_ms = 1000 - ts_ms;
  return msg;
}
static tg_msg_t balance(int64_t wallet, int64_t ts_ms) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_ACC_BALANCE, TG_INSTR_NONE, 1000000000);
  memcpy(msg.u.acc_balance.asset, "USDT", 4);
  msg.u.acc_balance.wallet_e8 = wallet;
  msg.u.acc_balance.available_e8 = wallet / 2;
  msg.u.acc_balance.venue_ms = ts_ms;
  return msg;
}
#define add(acct, row) \
  do { \
    tg_msg_t row_ = (row); \
    cr_assert_eq(tg_acct_add((acct), &map, &row_), 0); \
  } while (0)

Test(acct, golden_bytes) {
  tg_acct_reset(&one, "rest");
  add(&one, order(0, 12, 6000050, 10, 70));
  add(&one, order(0, 11, 999999, 10, 60)); /* 9999.99 is below 60000.5 as a number, above it as a text */
  add(&one, position(0, TG_PSIDE_BOTH, -1500, 90));
  add(&one, balance(INT64_C(1000050000000), 80));
  tg_msg_t foreign = order(1, 13, 100, 1000, 50);
  foreign.flags = TG_F_FOREIGN;
  foreign.u.acc_order.client_id = 0xABCDEF;
  foreign.u.acc_order.side = TG_SELL;
  foreign.u.acc_order.order_flags = TG_ORDER_REDUCE_ONLY;
  foreign.u.acc_order.cum_qty_lots = 250;
  add(&one, foreign);
  static const char want[] =
      "{\"positions\":[\n"
      "{\"symbol\":\"BTCUSDT\",\"side\":\"SHORT\",\"qty\":\"1.5\",\"entry_price\":\"60123.45\",\"mark_price\":\"60000\","
      "\"unrealised_pnl\":\"-0.00000123\",\"leverage\":20,\"ts\":90}\n],\n"
      "\"orders\":[\n"
      "{\"order_id\":11,\"client_order_id\":\"tgs-300007000000000b\",\"symbol\":\"BTCUSDT\",\"side\":\"BUY\",\"type\":"
      "\"LIMIT\","
      "\"price\":\"9999.99\",\"qty\":\"0.01\",\"filled_qty\":\"0\",\"reduce_only\":false,\"status\":\"NEW\",\"ts\":60},\n"
      "{\"order_id\":12,\"client_order_id\":\"tgs-300007000000000c\",\"symbol\":\"BTCUSDT\",\"side\":\"BUY\",\"type\":"
      "\"LIMIT\","
      "\"price\":\"60000.5\",\"qty\":\"0.01\",\"filled_qty\":\"0\",\"reduce_only\":false,\"status\":\"NEW\",\"ts\":70},\n"
      "{\"order_id\":13,\"client_order_id\":\"~0000000000abcdef\",\"symbol\":\"ETHUSDT\",\"side\":\"SELL\",\"type\":\"LIMIT\","
      "\"price\":\"1\",\"qty\":\"1\",\"filled_qty\":\"0.25\",\"reduce_only\":true,\"status\":\"NEW\",\"ts\":50}\n],\n"
      "\"balances\":[\n"
      "{\"asset\":\"USDT\",\"wallet\":\"10000.5\",\"available\":\"5000.25\",\"ts\":80}\n],\n"
      "\"ts\":90,\n\"source\":\"rest\"}\n";
  int64_t len = tg_acct_render(&one, text_one, sizeof text_one);
  cr_assert_eq(len, (int64_t)strlen(want));
  text_one[len] = '\0';
  cr_assert_str_eq(text_one, want);
}

Test(acct, empty_account) {
  tg_acct_reset(&one, "rest");
  int64_t len = tg_acct_render(&one, text_one, sizeof text_one);
  text_one[len] = '\0';
  cr_assert_str_eq(text_one, "{\"positions\":[],\n\"orders\":[],\n\"balances\":[],\n\"ts\":0,\n\"source\":\"rest\"}\n");
  char err[128];
  cr_assert_eq(tg_acct_load(&two, text_one, (size_t)len, err, sizeof err), 0, "%s", err);
}

Test(acct, render_and_load_are_identities_in_any_order) {
  uint64_t rng = 7;
  for (int round = 0; round < 60; round++) {
    tg_msg_t rows[120];
    size_t cnt = 0;
    for (uint16_t i = 0; i < 2; i++)
      rows[cnt++] = position(i, (uint8_t)(1 + tmp_random(&rng) % 3), (int64_t)(tmp_random(&rng) % 99) - 50,
                             (int64_t)(tmp_random(&rng) % 900));
    size_t orders = tmp_random(&rng) % 100;
    for (size_t i = 0; i < orders; i++) {
      rows[cnt] = order((uint16_t)(tmp_random(&rng) % 2), (int64_t)i, (int64_t)(1 + tmp_random(&rng) % 100000),
                        (int64_t)(1 + tmp_random(&rng) % 9), (int32_t)(tmp_random(&rng) % 900));
      rows[cnt].u.acc_order.side = (uint8_t)(tmp_random(&rng) % 2);
      rows[cnt++].u.acc_order.type = (uint8_t)(tmp_random(&rng) % TG_TYPE_CNT);
    }
    rows[cnt++] = balance((int64_t)(tmp_random(&rng) % 1000000000000), (int64_t)(tmp_random(&rng) % 900));
    tg_acct_reset(&one, "rest");
    tg_acct_reset(&two, "rest");
    for (size_t i = 0; i < cnt; i++) add(&one, rows[i]);
    for (size_t i = cnt; i > 0; i--) add(&two, rows[i - 1]);
    char a[65], b[65], err[128];
    cr_assert_eq(tg_acct_sha256(&one, a), 0);
    cr_assert_eq(tg_acct_sha256(&two, b), 0);
    cr_assert_str_eq(a, b);
    int64_t len = tg_acct_render(&one, text_one, sizeof text_one);
    cr_assert_eq(tg_acct_load(&two, text_one, (size_t)len, err, sizeof err), 0, "%s", err);
    int64_t len_two = tg_acct_render(&two, text_two, sizeof text_two);
    cr_assert_eq(len, len_two);
    cr_assert_eq(memcmp(text_one, text_two, (size_t)len), 0);
    tg_acct_sort(&one); /* and the structs, byte for byte */
    cr_assert_eq(memcmp(&one, &two, sizeof one), 0);
  }
}

Test(acct, load_refuses_what_is_not_one) {
  char err[128];
  static const char *const bad[] = {
      "",
      "[]",
      "{\"positions\":[],\"orders\":[],\"balances\":[],\"ts\":1,\"source\":\"rest\"}",
      "{\"positions\":[{}],\"orders\":[],\"balances\":[],\"ts\":0,\"source\":\"rest\"}",
      "{\"positions\":[],\"orders\":[],\"balances\":[{\"asset\":\"USDT\",\"wallet\":\"1e3\",\"available\":\"0\",\"ts\":0}],"
      "\"ts\":0,\"source\":\"x\"}",
      "{\"positions\":[],\"orders\":[],\"balances\":[{\"asset\":\"USDT\",\"wallet\":\"0.000000001\",\"available\":\"0\",\"ts\":"
      "0}],\"ts\":0,\"source\":\"x\"}",
      "{\"positions\":[],\"orders\":[],\"balances\":[],\"ts\":0,\"source\":\"a source name that is far too long\"}"};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    cr_assert_lt(tg_acct_load(&one, bad[i], strlen(bad[i]), err, sizeof err), 0, "accepted: %s", bad[i]);
    cr_assert_neq(err[0], '\0');
  }
  cr_assert_eq(tg_acct_render(&two, text_one, 10), -TG_ESIZE);
}

Test(acct, each_rule) {
  uint64_t count[TG_ACCT_RULE_CNT];
  tg_acct_reset(&one, "rest");
  add(&one, position(0, TG_PSIDE_LONG, 5, 100));
  add(&one, position(0, TG_PSIDE_SHORT, -5, 100)); /* hedge mode: both sides are two keys */
  add(&one, order(0, 1, 10, 1, 90));
  cr_assert_eq(tg_acct_check(&one, NULL, true, true, count), 0);
  cr_assert_eq(tg_acct_check(&one, NULL, true, false, count), 1u << TG_ACCT_SIDE_MODE);
  add(&one, position(0, TG_PSIDE_LONG, 6, 100));
  add(&one, order(1, 1, 10, 1, 90));
  cr_assert_eq(tg_acct_check(&one, NULL, false, false, count), 1u << TG_ACCT_DUPLICATE_KEY);
  cr_assert_eq(count[TG_ACCT_DUPLICATE_KEY], 2);
  tg_acct_reset(&one, "rest");
  add(&one, position(0, TG_PSIDE_LONG, -5, 100));
  add(&one, position(1, TG_PSIDE_SHORT, 5, 100));
  add(&one, order(0, 1, 10, -1, 90));
  cr_assert_eq(tg_acct_check(&one, NULL, false, false, count), 1u << TG_ACCT_NEGATIVE_QTY);
  cr_assert_eq(count[TG_ACCT_NEGATIVE_QTY], 3);
}

Test(acct, time_never_goes_back_but_orders_may_end) {
  uint64_t count[TG_ACCT_RULE_CNT];
  const uint32_t back = 1u << TG_ACCT_TS_REGRESSION;
  tg_acct_reset(&one, "rest");
  add(&one, position(0, TG_PSIDE_BOTH, 5, 100));
  add(&one, order(0, 1, 10, 1, 500));
  tg_acct_sort(&one);
  cr_assert_eq(one.ts_ms, 500);
  tg_acct_reset(&two, "rest"); /* the order ended: the newest component is older, the account is not */
  add(&two, position(0, TG_PSIDE_BOTH, 5, 100));
  tg_acct_sort(&two);
  cr_assert_eq(tg_acct_check(&two, &one, false, false, count), 0);
  tg_acct_reset(&two, "rest");
  add(&two, position(0, TG_PSIDE_BOTH, 5, 99));
  add(&two, order(0, 2, 10, 1, 900));
  cr_assert_eq(tg_acct_check(&two, &one, false, false, count), back);
  tg_acct_reset(&two, "rest");
  add(&two, position(0, TG_PSIDE_BOTH, 5, 100));
  add(&two, order(0, 1, 10, 1, 499));
  cr_assert_eq(tg_acct_check(&two, &one, false, false, count), back);
  tg_acct_reset(&two, "rest"); /* an empty account has no time: exempt */
  cr_assert_eq(tg_acct_check(&two, &one, false, false, count), 0);
}

static tg_sync_t sync_;
static tg_msg_t out_mem[TG_SYNC_MSG_MAX + 3];

static void sync_begin(void) {
  tg_sync_cfg_t cfg = {
      .period_ns = 5000, .timeout_ns = 1000, .alert_age_ns = 20000, .data_alert_age_ns = INT64_C(1) << 60, .map = map};
  cr_assert_eq(tg_sync_init(&sync_, &cfg), 0);
}

static int64_t round_of(uint64_t now_ns, const tg_msg_t *pos, size_t pos_cnt, int dual_side, tg_msg_batch_t *out) {
  tg_msg_t money = balance(500, 10);
  cr_assert_eq(tg_sync_turn(&sync_, now_ns), TG_SYNC_WANT_ALL);
  cr_assert_eq(tg_sync_turn(&sync_, now_ns), 0, "one round at a time");
  cr_assert_eq(tg_sync_part(&sync_, TG_SYNC_WANT_BALANCES, &money, 1, -1), 0);
  cr_assert_eq(tg_sync_part(&sync_, TG_SYNC_WANT_BALANCES, &money, 1, -1), -TG_EINVAL, "answered already");
  cr_assert_eq(tg_sync_part(&sync_, TG_SYNC_WANT_ORDERS, NULL, 0, -1), 0);
  cr_assert_eq(tg_sync_part(&sync_, TG_SYNC_WANT_POSITIONS, pos, pos_cnt, dual_side), 1);
  *out = (tg_msg_batch_t){out_mem, 0, TG_SYNC_MSG_MAX + 3};
  return tg_sync_finish(&sync_, now_ns + 100, out);
}

Test(sync, a_round_becomes_a_snapshot_for_the_core) {
  sync_begin();
  tg_msg_batch_t out;
  tg_msg_t pos = position(0, TG_PSIDE_BOTH, 5, 100);
  cr_assert_eq(round_of(10, &pos, 1, 0, &out), 0);
  cr_assert_eq(out.cnt, 5);
  cr_assert_eq(out.msg[0].kind, TG_ACC_BEGIN);
  cr_assert_eq(out.msg[0].u.acc_begin.snapshot_no, 1);
  cr_assert_eq(out.msg[0].u.acc_begin.position_cnt, 1);
  cr_assert_eq(out.msg[0].u.acc_begin.balance_cnt, 1);
  cr_assert_eq(out.msg[0].u.acc_begin.asked_ns, 10);
  cr_assert_eq(out.msg[0].u.acc_begin.venue_ms, 100);
  cr_assert_eq(out.msg[3].kind, TG_ACC_END);
  cr_assert_eq(out.msg[4].kind, TG_HEALTH);
  cr_assert_eq(out.msg[4].u.health.ok, 1);
  for (uint32_t i = 0; i < out.cnt; i++) cr_assert_eq(out.msg[i].ts_ns, 110);
  cr_assert_eq(tg_sync_turn(&sync_, 4000), 0);
  cr_assert_eq(tg_sync_turn(&sync_, 5010), TG_SYNC_WANT_ALL, "the period is over");
}

Test(sync, on_demand_timeouts_and_reasons) {
  sync_begin();
  tg_msg_batch_t out;
  cr_assert_eq(round_of(10, NULL, 0, 0, &out), 0);
  tg_sync_want(&sync_, TG_SYNC_WHY_RECONNECT);
  tg_sync_want(&sync_, TG_SYNC_WHY_OPERATOR);
  cr_assert_eq(tg_sync_turn(&sync_, 200), TG_SYNC_WANT_ALL);
  cr_assert_eq(tg_sync_turn(&sync_, 1199), 0);
  cr_assert_eq(tg_sync_turn(&sync_, 1200), 0, "timed out; the next one waits for the period");
  tg_msg_t msg;
  cr_assert(tg_sync_failed_msg(&sync_, 1200, &msg));
  cr_assert_eq(msg.u.health.what, TG_HEALTH_SYNC);
  cr_assert_eq(msg.u.health.ok, 0);
  cr_assert_eq(msg.u.health.reason, TG_ETIMEOUT);
  cr_assert_not(tg_sync_failed_msg(&sync_, 1200, &msg), "told once");
  cr_assert_eq(tg_sync_part(&sync_, TG_SYNC_WANT_ORDERS, NULL, 0, -1), -TG_EINVAL, "late answers belong to nothing");
  tg_sync_stats_t stats;
  tg_sync_stats(&sync_, 1200, &stats);
  cr_assert_eq(stats.fail[TG_SYNC_FAIL_TIMEOUT], 1);
  cr_assert_eq(stats.why[TG_SYNC_WHY_RECONNECT], 1);
  cr_assert_eq(stats.why[TG_SYNC_WHY_OPERATOR], 1);
  cr_assert_eq(stats.rounds, 2);
  for (unsigned fail = 0; fail < TG_SYNC_FAIL_CNT; fail++) {
    tg_sync_want(&sync_, TG_SYNC_WHY_CORE);
    cr_assert_eq(tg_sync_turn(&sync_, 20000 + fail), TG_SYNC_WANT_ALL);
    tg_sync_fail(&sync_, (tg_sync_fail_t)fail, 20000 + fail);
  }
  tg_sync_stats(&sync_, 30000, &stats);
  for (unsigned fail = 0; fail < TG_SYNC_FAIL_CNT; fail++) cr_assert_eq(stats.fail[fail], 1 + (fail == TG_SYNC_FAIL_TIMEOUT));
  cr_assert_eq(stats.alerts, TG_SYNC_ALERT_AGE);
  cr_assert_eq(stats.age_ns, 30000 - 110);
}

Test(sync, a_broken_snapshot_is_counted_and_kept_from_the_core) {
  sync_begin();
  tg_msg_batch_t out;
  tg_msg_t pos[2] = {position(0, TG_PSIDE_BOTH, 5, 100), position(0, TG_PSIDE_BOTH, 5, 100)};
  cr_assert_eq(round_of(10, pos, 2, 0, &out), 1 << TG_ACCT_DUPLICATE_KEY);
  cr_assert_eq(out.cnt, 1);
  cr_assert_eq(out.msg[0].kind, TG_HEALTH);
  cr_assert_eq(out.msg[0].u.health.ok, 0);
  cr_assert_eq(round_of(6000, pos, 1, 1, &out), 1 << TG_ACCT_SIDE_MODE, "told, and still a truth to compare with");
  cr_assert_eq(out.cnt, 5);
  cr_assert_eq(out.msg[0].u.acc_begin.dual_side, 1);
  pos[0].u.acc_position.venue_ms = 50;
  cr_assert_eq(round_of(12000, pos, 1, 0, &out), 1 << TG_ACCT_TS_REGRESSION);
  tg_sync_stats_t stats;
  tg_sync_stats(&sync_, 12000, &stats);
  cr_assert_eq(stats.rejected, 2);
  cr_assert_eq(stats.good, 1);
  cr_assert_eq(stats.rule[TG_ACCT_TS_REGRESSION], 1);
}

Test(sync, data_age_alerts_only_for_an_account_with_something_in_it) {
  tg_sync_cfg_t cfg = {.period_ns = 5000,
                       .timeout_ns = 1000,
                       .alert_age_ns = UINT64_MAX / 2,
                       .data_alert_age_ns = UINT64_C(300) * 1000000000,
                       .map = map};
  tg_msg_batch_t out;
  tg_sync_stats_t stats;
  tg_msg_t pos = position(0, TG_PSIDE_BOTH, 5, 100);
  for (size_t cnt = 0; cnt < 2; cnt++) {
    cr_assert_eq(tg_sync_init(&sync_, &cfg), 0);
    cr_assert_eq(round_of(UINT64_C(1000) * 1000000000, &pos, cnt, 0, &out), 0);
    tg_sync_stats(&sync_, UINT64_C(1001) * 1000000000, &stats);
    cr_assert_eq(stats.alerts, cnt ? TG_SYNC_ALERT_DATA : 0);
  }
}

Test(sync, rows_of_other_instruments_are_handed_on) {
  sync_begin();
  tg_msg_batch_t out;
  tg_msg_t pos = position(5, TG_PSIDE_BOTH, 5, 100);
  cr_assert_eq(round_of(10, &pos, 1, 0, &out), 0);
  cr_assert_eq(out.cnt, 5);
  tg_sync_stats_t stats;
  tg_sync_stats(&sync_, 10, &stats);
  cr_assert_eq(stats.unknown_rows, 1);
}

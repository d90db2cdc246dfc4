/* The cold side of account truth: executions asked for at a restart, compared in each period, orders named by their number, the
 * venue's profile read again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "codecs/client_id.h"
#include "cold_rig.h"

#define SECOND ((uint64_t)TG_NS_PER_S)

static cold_rig_t *opened(void) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  rig->conf.sync_profile_period_ms = 0;
  rig->conf.sync_trades_period_ms = 0;
  cold_open(rig);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 200, .body = "[]"});
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

static uint64_t ours(uint32_t no) {
  return tg_client_id_make(TG_MODE_SIM, 4, 1, no);
}

#define TRADE(id, order, side) \
  "{\"symbol\":\"BTCUSDT\",\"id\":" #id ",\"orderId\":" #order ",\"side\":\"" side \
  "\",\"price\":\"61250.4\",\"qty\":\"0.012\",\"realizedPnl\":\"0\",\"commission\":\"0.147\",\"commissionAsset\":\"USDT\"," \
  "\"maker\":true,\"time\":1785000000000}"
#define TRADES_AT(from) "GET /fapi/v1/userTrades?symbol=BTCUSDT&fromId=" #from "&"

/* What came to the core of trade ids: "501 502". */
static const char *fills(const cold_rig_t *rig, uint8_t flags) {
  static char text[256];
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < rig->core_cnt; i++) {
    const tg_msg_t *msg = &rig->core[i];
    if (msg->kind != TG_EX_FILL || (msg->flags & (TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN)) != flags) continue;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu", used ? " " : "",
                             (unsigned long long)msg->u.ex_fill.trade_id);
  }
  return text;
}

/* The core takes what it was told: it goes through the journal. */
static void journal_fills(cold_rig_t *rig) {
  for (int i = 0; i < rig->core_cnt; i++) {
    if (rig->core[i].kind == TG_EX_FILL) cold_journal(rig, &rig->core[i]);
  }
}

static void fill_told(cold_rig_t *rig, uint64_t trade_id, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, 1);
  msg.flags = flags;
  msg.u.ex_fill.trade_id = trade_id;
  cold_journal(rig, &msg);
}

static void settle(cold_rig_t *rig) {
  cold_turns(rig, 5);
  COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
  cold_turns(rig, 5);
}

/* --- a restart --- */

static int restored_at;

static void restore(void *user) {
  cold_rig_t *rig = user;
  restored_at = rig->core_cnt;
  tg_bn_booked_t booked = {.from_id = 480, .last_id = 500, .compare_id = 479, .since_ms = 1784000000000};
  tg_bn_cold_booked(rig->bn, 0, &booked);
  tg_bn_cold_know_order(rig->bn, 77, ours(1));
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RESTORE_TRADES, 0, 1);
  for (unsigned i = 0; i < 3; i++) msg.u.restore_trades.trade_id[i] = 480 + 10 * i;
  cold_journal(rig, &msg);
}

Test(bn_truth, a_restart_tells_between_the_instruments_and_cfg_done_and_catches_up_first) {
  cold_rig_t *rig = opened();
  tg_bn_cold_before_done(rig->bn, restore, rig);
  vp_answer_with(
      rig->venue,
      (vp_rule_t){.what = TRADES_AT(480), .status = 200, .body = "[" TRADE(480, 70, "BUY") "," TRADE(501, 77, "SELL") "]"});
  cr_assert_not(tg_bn_cold_catching_up(rig->bn));
  COLD_UNTIL(rig, stats_of(rig).phase == TG_BN_RUNNING);
  cr_assert_gt(restored_at, 0);
  for (int i = 0; i < rig->core_cnt; i++) {
    bool cfg = rig->core[i].kind == TG_CFG_SYMBOL || rig->core[i].kind == TG_CFG_FILTER;
    if (cfg) cr_assert_lt(i, restored_at);
    if (rig->core[i].kind == TG_CFG_DONE) cr_assert_geq(i, restored_at);
  }
  cr_assert(tg_bn_cold_catching_up(rig->bn), "the first account snapshot has to wait");
  COLD_UNTIL(rig, !tg_bn_cold_catching_up(rig->bn));
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT), "501", "what was booked is not told again");
  const tg_msg_t *msg;
  cold_told(rig, TG_EX_FILL, &msg);
  cr_assert_eq(msg->u.ex_fill.client_id, ours(1), "an order of the former run, by its number");
  /* a user session that comes up later than the question left asks once more; what was told is not told again */
  journal_fills(rig);
  cold_up(rig);
  int cnt, asked = seen(rig, "GET /fapi/v1/userTrades?symbol=BTCUSDT");
  cold_link(rig, TG_SESSION_USER, cold_adopted(rig, TG_SESSION_USER, &cnt)->u.ctl_adopt.gen, false, TG_ETRUNCATED);
  COLD_UNTIL(rig, seen(rig, "GET /fapi/v1/userTrades?symbol=BTCUSDT") > asked);
  settle(rig);
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT), "501");
  cold_free(rig);
}

Test(bn_truth, an_order_cut_off_by_the_crash_is_named_and_nothing_behind_it_is_told_before) {
  for (int mine = 0; mine < 2; mine++) {
    cold_rig_t *rig = opened();
    tg_bn_cold_before_done(rig->bn, restore, rig);
    static char order[2][512];
    char text[TG_CLIENT_ID_BYTES + 1] = {0};
    tg_client_id_print(ours(9), text);
    snprintf(order[mine], sizeof order[mine],
             "{\"orderId\":99,\"symbol\":\"BTCUSDT\",\"status\":\"FILLED\",\"clientOrderId\":\"%s\",\"price\":\"61250.4\","
             "\"origQty\":\"0.012\","
             "\"executedQty\":\"0.012\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTX\",\"reduceOnly\":false,"
             "\"updateTime\":1}",
             mine ? text : "web_somebody");
    vp_answer_with(
        rig->venue,
        (vp_rule_t){.what = TRADES_AT(480), .status = 200, .body = "[" TRADE(501, 99, "BUY") "," TRADE(502, 77, "SELL") "]"});
    vp_answer_with(rig->venue,
                   (vp_rule_t){.what = "GET /fapi/v1/order?symbol=BTCUSDT&orderId=99&", .status = 200, .body = order[mine]});
    COLD_UNTIL(rig, stats_of(rig).phase == TG_BN_RUNNING && !tg_bn_cold_catching_up(rig->bn));
    cr_assert_eq(seen(rig, "GET /fapi/v1/order?symbol=BTCUSDT&orderId=99&"), 1);
    if (mine) {
      cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT), "501 502");
      for (int i = 0; i < rig->core_cnt; i++) {
        if (rig->core[i].kind == TG_EX_FILL && rig->core[i].u.ex_fill.trade_id == 501)
          cr_assert_eq(rig->core[i].u.ex_fill.client_id, ours(9));
      }
    } else { /* while we were away: account truth tells it, and a person decides */
      cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT), "502");
      cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_FOREIGN), "");
      cr_assert_eq(stats_of(rig).foreign_trades, 1);
    }
    cold_free(rig);
  }
}

Test(bn_truth, a_restart_that_gets_no_answer_goes_on_without) {
  cold_rig_t *rig = opened();
  tg_bn_cold_before_done(rig->bn, restore, rig);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 500, .body = ""});
  COLD_UNTIL(rig, stats_of(rig).phase == TG_BN_RUNNING);
  for (int i = 0; i < 20 && tg_bn_cold_catching_up(rig->bn); i++) {
    rig->shift_ns += 10 * SECOND;
    settle(rig);
  }
  cr_assert_not(tg_bn_cold_catching_up(rig->bn));
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT), "");
  cold_free(rig);
}

/* --- the periodic comparison --- */

static cold_rig_t *comparing(const char *body) {
  cold_rig_t *rig = opened();
  cold_up(rig);
  settle(rig);
  fill_told(rig, 500, 0);
  rig->conf.sync_trades_period_ms = 30000;
  rig->conf.sync_trades_grace_ms = 5000;
  vp_answer_with(rig->venue,
                 (vp_rule_t){.what = "GET /fapi/v1/userTrades?symbol=BTCUSDT&startTime=", .status = 200, .body = body});
  return rig;
}

Test(fault_13, an_execution_that_no_stream_told_is_found_and_told_once) {
  cold_rig_t *rig = comparing("[" TRADE(500, 70, "BUY") "," TRADE(501, 77, "SELL") "]");
  rig->shift_ns += 31 * SECOND;
  settle(rig);
  cr_assert_eq(stats_of(rig).compares, 2, "each instrument");
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN), "", "it may be on its way");
  rig->shift_ns += 4 * SECOND;
  settle(rig);
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN), "");
  rig->shift_ns += 2 * SECOND;
  settle(rig);
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN), "501");
  cr_assert_eq(stats_of(rig).lost_fills, 1);
  journal_fills(rig);
  for (int i = 0; i < 5; i++) {
    rig->shift_ns += 31 * SECOND;
    settle(rig);
  }
  cr_assert_eq(stats_of(rig).lost_fills, 1);
  cr_assert_geq(seen(rig, TRADES_AT(502)), 4, "the next ones begin behind it");
  cold_free(rig);
}

Test(fault_13, an_execution_that_comes_within_the_grace_is_not_lost) {
  cold_rig_t *rig = comparing("[" TRADE(501, 77, "SELL") "]");
  rig->shift_ns += 31 * SECOND;
  settle(rig);
  fill_told(rig, 501, TG_F_MAKER);
  for (int i = 0; i < 4; i++) {
    rig->shift_ns += 31 * SECOND;
    settle(rig);
  }
  cr_assert_eq(stats_of(rig).lost_fills, 0);
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN), "");
  cold_free(rig);
}

Test(fault_13, a_commission_that_never_came_is_told_too) {
  cold_rig_t *rig = comparing("[" TRADE(501, 77, "SELL") "]");
  fill_told(rig, 501, TG_F_LITE);
  for (int i = 0; i < 3; i++) {
    rig->shift_ns += 31 * SECOND;
    settle(rig);
  }
  cr_assert_str_eq(fills(rig, TG_F_SNAPSHOT | TG_F_LOST | TG_F_FOREIGN), "501");
  cold_free(rig);
}

Test(fault_13, comparing_waits_for_weight_and_for_the_user_session) {
  cold_rig_t *rig = comparing("[]");
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/time",
                                         .status = 200,
                                         .headers = "X-MBX-USED-WEIGHT-1M: 2000\r\n",
                                         .body = "{\"serverTime\":1}"});
  rig->shift_ns += 31 * SECOND; /* the clock's sample brings the header, the comparison comes in the same turn or before */
  settle(rig);
  uint64_t done = stats_of(rig).compares;
  for (int i = 0; i < 20; i++) {
    rig->shift_ns += 3 * SECOND;
    settle(rig);
  }
  cr_assert_eq(stats_of(rig).compares, done);
  cr_assert_gt(stats_of(rig).compares_held, 0);
  cold_free(rig);
}

/* --- the venue's profile --- */

static const char CHANGED[] =
    "{\"symbols\":[{\"symbol\":\"BTCUSDT\",\"pair\":\"BTCUSDT\",\"contractType\":\"PERPETUAL\",\"status\":\"TRADING\","
    "\"marginAsset\":\"USDT\","
    "\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.10\",\"maxPrice\":\"4529764\",\"tickSize\":\"0.10\"},"
    "{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.002\",\"maxQty\":\"1000\",\"stepSize\":\"0.001\"},"
    "{\"filterType\":\"MARKET_LOT_SIZE\",\"minQty\":\"0.001\",\"maxQty\":\"120\",\"stepSize\":\"0.001\"},"
    "{\"filterType\":\"MAX_NUM_ORDERS\",\"limit\":200},{\"filterType\":\"MIN_NOTIONAL\",\"notional\":\"50\"},"
    "{\"multiplierUp\":\"1.0500\",\"multiplierDown\":\"0.9500\",\"multiplierDecimal\":\"4\",\"filterType\":\"PERCENT_PRICE\"}],"
    "\"orderTypes\":[\"LIMIT\"]}]}"; /* and the other one is not listed any more */

Test(fault_28, a_changed_profile_is_told_once_with_its_fees) {
  cold_rig_t *rig = opened();
  rig->conf.sync_profile_period_ms = 10000;
  cold_up(rig);
  settle(rig);
  int before = rig->core_cnt;
  rig->shift_ns += 11 * SECOND;
  settle(rig);
  cr_assert_eq(stats_of(rig).profile_reads, 1);
  cr_assert_eq(stats_of(rig).profile_changes, 0);
  for (int i = before; i < rig->core_cnt; i++)
    cr_assert(rig->core[i].kind != TG_CFG_SYMBOL && rig->core[i].kind != TG_CFG_FILTER);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/exchangeInfo", .status = 200, .body = CHANGED});
  for (int round = 0; round < 3; round++) { /* told once, not each time */
    if (round == 0) before = rig->core_cnt;
    rig->shift_ns += 11 * SECOND;
    settle(rig);
  }
  int lines[2] = {0};
  for (int i = before; i < rig->core_cnt; i++) {
    const tg_msg_t *msg = &rig->core[i];
    cr_assert_neq(msg->kind, TG_CFG_DONE);
    if (msg->kind != TG_CFG_SYMBOL && msg->kind != TG_CFG_FILTER) continue;
    lines[msg->instr_idx]++;
    if (msg->kind == TG_CFG_SYMBOL) cr_assert_eq(msg->u.cfg_symbol.status, msg->instr_idx == 0);
    if (msg->kind == TG_CFG_FILTER && msg->instr_idx == 0 && !(msg->flags & TG_F_SECOND))
      cr_assert_eq(msg->u.cfg_filter.u.first.min_qty_lots, 2);
    if (msg->flags & TG_F_SECOND) cr_assert_eq(msg->u.cfg_filter.u.second.maker_fee_e8, 20000);
  }
  cr_assert_eq(lines[0], 3);
  cr_assert_eq(lines[1], 3);
  cr_assert_eq(stats_of(rig).profile_changes, 2);
  cold_free(rig);
}

static int told_dual;

static void part_dual(void *user, uint32_t want_bit, const tg_msg_t *msg, uint32_t cnt, int dual_side) {
  (void)user, (void)want_bit, (void)msg, (void)cnt;
  told_dual = dual_side;
}

Test(fault_28, hedge_mode_at_run_time_comes_with_the_account_rows) {
  cold_rig_t *rig = opened();
  rig->conf.sync_profile_period_ms = 10000;
  rig->account_part = part_dual;
  cold_up(rig);
  settle(rig);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  settle(rig);
  cr_assert_eq(told_dual, 0);
  vp_answer_with(
      rig->venue,
      (vp_rule_t){.what = "GET /fapi/v1/positionSide/dual", .status = 200, .body = "{\"dualSidePosition\":true}", .times = 1});
  rig->shift_ns += 11 * SECOND;
  settle(rig);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  settle(rig);
  cr_assert_eq(told_dual, 1);
  rig->shift_ns += 11 * SECOND; /* and back */
  settle(rig);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  settle(rig);
  cr_assert_eq(told_dual, 0);
  cold_free(rig);
}

Test(fault_28, a_profile_that_cannot_be_read_changes_nothing) {
  cold_rig_t *rig = opened();
  rig->conf.sync_profile_period_ms = 10000;
  cold_up(rig);
  settle(rig);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/exchangeInfo", .status = 200, .body = "{\"symbols\":17}"});
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/positionSide/dual", .status = 502, .body = ""});
  uint64_t errors = stats_of(rig).errors;
  rig->shift_ns += 11 * SECOND;
  settle(rig);
  cr_assert_geq(stats_of(rig).errors, errors + 2);
  cr_assert_eq(stats_of(rig).profile_changes, 0);
  cold_free(rig);
}

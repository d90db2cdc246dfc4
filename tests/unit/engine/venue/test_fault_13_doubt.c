/* Fault 13: the venue's position is not the core's, or an order's executions do not add up: executions are compared at once,
 * and what is lost is told before the core would adopt a position without it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "cold_rig.h"

static const char TRADE[] =
    "[{\"symbol\":\"BTCUSDT\",\"id\":501,\"orderId\":77,\"side\":\"BUY\",\"positionSide\":\"BOTH\",\"price\":\"61240.00\","
    "\"qty\":\"0.004\","
    "\"quoteQty\":\"244.96\",\"realizedPnl\":\"0\",\"commission\":\"0.0489920\",\"commissionAsset\":\"USDT\",\"marginAsset\":"
    "\"USDT\","
    "\"buyer\":true,\"maker\":true,\"time\":1785000000141}]";
static const char POSITION[] =
    "[{\"symbol\":\"BTCUSDT\",\"positionSide\":\"BOTH\",\"positionAmt\":\"0.004\",\"entryPrice\":\"61240.0\","
    "\"breakEvenPrice\":\"61240.0\","
    "\"markPrice\":\"61240.0\",\"unRealizedProfit\":\"0\",\"liquidationPrice\":\"0\",\"isolatedMargin\":\"0\",\"notional\":"
    "\"244.96\","
    "\"marginAsset\":\"USDT\",\"isolatedWallet\":\"0\",\"initialMargin\":\"0\",\"maintMargin\":\"0\",\"positionInitialMargin\":"
    "\"0\","
    "\"openOrderInitialMargin\":\"0\",\"adl\":1,\"bidNotional\":\"0\",\"askNotional\":\"0\",\"updateTime\":1785000000141}]";

static cold_rig_t *traded(void) {
  cold_rig_t *rig = cold_new(vp_start(LEAF_GOOD), 0);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades", .status = 200, .body = "[]"});
  cold_open(rig);
  cold_up(rig);
  COLD_UNTIL(rig, tg_bn_cold_pending(rig->bn) == 0);
  tg_msg_t msg; /* the core: flat */
  tg_msg_init(&msg, TG_OUT_POSITION, 0, cold_now(rig));
  cold_journal(rig, &msg);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v1/userTrades?symbol=BTCUSDT", .status = 200, .body = TRADE});
  return rig;
}

static uint32_t lost(const cold_rig_t *rig) {
  uint32_t cnt = 0;
  for (int i = 0; i < rig->core_cnt; i++) cnt += rig->core[i].kind == TG_EX_FILL && (rig->core[i].flags & TG_F_LOST) != 0;
  return cnt;
}

static int asked(cold_rig_t *rig) {
  return vp_seen(rig->venue, "GET /fapi/v1/userTrades?symbol=BTCUSDT", NULL, 0);
}

Test(fault_13, a_position_that_differs_is_compared_at_once) {
  cold_rig_t *rig = traded();
  int before = asked(rig);
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  COLD_UNTIL(rig, rig->parts[TG_BN_WANT_POSITIONS] == 1);
  cold_turns(rig, 50);
  cr_assert_eq(asked(rig), before, "flat here and there: no doubt");
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v3/positionRisk", .status = 200, .body = POSITION});
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  COLD_UNTIL(rig, asked(rig) == before + 1 && tg_bn_cold_pending(rig->bn) == 0);
  cr_assert_eq(lost(rig), 0, "it may be under way");
  uint64_t doubted_ns = cold_now(rig);
  rig->shift_ns += 300 * (uint64_t)TG_NS_PER_MS; /* far below sync.trades_grace_ms and sync.trades_period_ms */
  COLD_UNTIL(rig, lost(rig) == 1);
  cr_assert_lt(cold_now(rig) - doubted_ns, (uint64_t)rig->conf.order_answer_timeout_ms * (uint64_t)TG_NS_PER_MS,
               "before the core would adopt");
  const tg_msg_t *msg = NULL;
  cr_assert_eq(cold_told(rig, TG_EX_FILL, &msg), 1);
  cr_assert(msg->u.ex_fill.trade_id == 501 && msg->u.ex_fill.qty_lots == 4 && (msg->flags & TG_F_SNAPSHOT));
  cold_free(rig);
}

Test(fault_13, executions_that_do_not_add_up_are_compared_at_once) {
  cold_rig_t *rig = traded();
  int before = asked(rig);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ALARM, 0, cold_now(rig));
  msg.u.out_alarm.what = TG_ALARM_CUM_MISMATCH;
  cold_journal(rig, &msg);
  COLD_UNTIL(rig, asked(rig) == before + 1 && tg_bn_cold_pending(rig->bn) == 0);
  rig->shift_ns += 300 * (uint64_t)TG_NS_PER_MS;
  COLD_UNTIL(rig, lost(rig) == 1);
  cold_free(rig);
}

Test(fault_13, what_the_stream_tells_in_time_is_not_lost) {
  cold_rig_t *rig = traded();
  int before = asked(rig);
  vp_answer_with(rig->venue, (vp_rule_t){.what = "GET /fapi/v3/positionRisk", .status = 200, .body = POSITION});
  tg_bn_cold_account(rig->bn, TG_BN_WANT_POSITIONS, cold_now(rig));
  COLD_UNTIL(rig, asked(rig) == before + 1 && tg_bn_cold_pending(rig->bn) == 0);
  tg_msg_t msg; /* it was under way */
  tg_msg_init(&msg, TG_EX_FILL, 0, cold_now(rig));
  msg.u.ex_fill.trade_id = 501;
  msg.u.ex_fill.qty_lots = 4;
  cold_journal(rig, &msg);
  rig->shift_ns += 300 * (uint64_t)TG_NS_PER_MS;
  COLD_UNTIL(rig, asked(rig) == before + 2 && tg_bn_cold_pending(rig->bn) == 0);
  cold_turns(rig, 20);
  cr_assert_eq(lost(rig), 0);
  cold_free(rig);
}

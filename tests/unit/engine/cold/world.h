/* world.h - a mirror with one instrument and a little life in it, for the tests of what reads it. */
#ifndef TG_TEST_COLD_WORLD_H
#define TG_TEST_COLD_WORLD_H

#include <criterion/criterion.h>

#include "engine/cold/mirror.h"

static inline bool world_open(unsigned state) {
  return state < 4;
}

static inline tg_cold_names_t world_names(void) {
  tg_cold_names_t names = tg_cold_names_plain;
  names.order_open = world_open;
  return names;
}

static inline void world_order(tg_mirror_t *mirror, uint64_t client_id, uint8_t state, uint64_t ts_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ORDER, 0, ts_ns);
  msg.u.out_order.client_id = client_id;
  msg.u.out_order.px_ticks = 600001;
  msg.u.out_order.qty_lots = 5;
  msg.u.out_order.state = state;
  tg_mirror_on_msg(mirror, &msg);
}

static inline void world_symbol(tg_mirror_t *mirror) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 1);
  memcpy(msg.u.cfg_symbol.symbol, "BTCUSDT", 7);
  memcpy(msg.u.cfg_symbol.margin_asset, "USDT", 4);
  msg.u.cfg_symbol.px_dec = 1;
  msg.u.cfg_symbol.qty_dec = 3;
  msg.u.cfg_symbol.px_unit = msg.u.cfg_symbol.qty_unit = 1;
  msg.u.cfg_symbol.product = TG_PRODUCT_USDM;
  tg_mirror_on_msg(mirror, &msg);
}

static inline void world_fill_it(tg_mirror_t *mirror) {
  tg_msg_t msg;
  world_symbol(mirror);
  tg_msg_init(&msg, TG_MD_TOP, 0, 100);
  msg.u.md_top = (tg_md_top_t){600000, 7, 600001, 8, 55, 0};
  tg_mirror_on_msg(mirror, &msg);
  for (uint64_t i = 1; i <= 3; i++) world_order(mirror, UINT64_C(3) << 60 | i, 1, 200 + i);
  world_order(mirror, UINT64_C(3) << 60 | 2, 5, 300);
  tg_msg_init(&msg, TG_OUT_FILL, 0, 310);
  msg.flags = TG_F_MAKER;
  msg.u.out_fill.client_id = UINT64_C(3) << 60 | 2;
  msg.u.out_fill.trade_id = 9;
  msg.u.out_fill.px_ticks = 600001;
  msg.u.out_fill.qty_lots = 5;
  msg.u.out_fill.commission_e8 = 1234;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_POSITION, 0, 310);
  msg.u.out_position.qty_lots = 5;
  msg.u.out_position.cost_e8 = INT64_C(5) * 600001 * 10000;
  msg.u.out_position.realised_e8 = -50;
  msg.u.out_position.commission_e8 = 1234;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_DECISION, 0, 320);
  msg.u.out_decision.gate_mask = 1ull << 22 | 1ull << 26;
  msg.u.out_decision.gate = 22;
  msg.u.out_decision.sub_code = 1;
  msg.u.out_decision.state = 3;
  msg.u.out_decision.intent = TG_INTENT_INCREASE_RISK;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_STATE, TG_INSTR_NONE, 330);
  msg.u.out_state.from = 2;
  msg.u.out_state.to = 3;
  msg.u.out_state.reason = 7;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, 340);
  msg.u.link.session = TG_SESSION_ORDER;
  msg.u.link.up = 1;
  tg_mirror_on_msg(mirror, &msg);
  tg_msg_init(&msg, TG_OUT_ALARM, 0, 350);
  msg.u.out_alarm.what = TG_ALARM_PNL_DRIFT;
  tg_mirror_on_msg(mirror, &msg);
}

#endif

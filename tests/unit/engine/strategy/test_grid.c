/* The grid: every level is placed or says why; never through the touch, never beyond the inventory. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/strategy/grid.h"

typedef struct rig {
  tg_core_conf_t conf;
  tg_strategy_instr_t instr;
  tg_strategy_order_t order[TG_STRATEGY_LEVELS_MAX];
  tg_strategy_view_t view;
  tg_strategy_out_t out;
  tg_grid_state_t state;
} rig_t;

static void rig_open(rig_t *r) {
  memset(r, 0, sizeof *r);
  tg_core_conf_defaults(&r->conf);
  r->instr = (tg_strategy_instr_t){.tick_lot_e8 = 10000,
                                   .tick_e8 = 10000000,
                                   .max_inventory_lots = 200,
                                   .min_px_ticks = 1000,
                                   .max_px_ticks = 90000000,
                                   .min_qty_lots = 1,
                                   .max_qty_lots = 100000,
                                   .min_notional_e8 = 100 * TG_E8,
                                   .trading = true};
  r->view = (tg_strategy_view_t){.now_ns = 1000000000,
                                 .instr = &r->instr,
                                 .conf = &r->conf,
                                 .order = r->order,
                                 .bid_px_ticks = 600000,
                                 .bid_qty_lots = 10,
                                 .ask_px_ticks = 600001,
                                 .ask_qty_lots = 10,
                                 .fair_ticks_e8 = 600000 * TG_E8 + TG_E8 / 2,
                                 .touch_valid = 1,
                                 .allow = TG_ALLOW_INCREASE | TG_ALLOW_REDUCE};
}

static int ask(rig_t *r) {
  return tg_grid_strategy()->on_market(&r->state, &r->view, &r->out);
}

static bool placed(const tg_strategy_level_t *level) {
  return level->reason < TG_WHY_FIRST_UNPLACED;
}

Test(grid, abi_is_checked) {
  tg_strategy_t copy = *tg_grid_strategy();
  cr_assert_eq(tg_strategy_check(&copy), 0);
  copy.abi_version++;
  cr_assert_eq(tg_strategy_check(&copy), -TG_EVERSION);
  copy = *tg_grid_strategy();
  copy.view_bytes--;
  cr_assert_eq(tg_strategy_check(&copy), -TG_EVERSION);
  copy = *tg_grid_strategy();
  copy.on_market = NULL;
  cr_assert_eq(tg_strategy_check(&copy), -TG_EINVAL);
  cr_assert_str_eq(tg_why_name(TG_WHY_INVENTORY_FULL), "INVENTORY_FULL");
  cr_assert_str_eq(tg_why_name(31), "?");
  cr_assert_str_eq(tg_why_text(200), "?");
}

Test(grid, a_calm_market_gets_all_levels_on_both_sides) {
  rig_t r;
  rig_open(&r);
  cr_assert_eq(ask(&r), 1);
  cr_assert_eq(r.out.level_cnt, 8u);
  for (uint32_t i = 0; i < 8; i++) {
    const tg_strategy_level_t *level = &r.out.level[i];
    cr_assert_eq(level->reason, TG_WHY_QUOTE);
    cr_assert_eq(level->side, i & 1 ? TG_SELL : TG_BUY);
    cr_assert_eq(level->qty_lots, 4); /* 250 / 60,000 */
    cr_assert_eq(level->order_flags, TG_ORDER_POST_ONLY);
    int64_t away = level->side == TG_BUY ? 600000 - level->px_ticks : level->px_ticks - 600000;
    int64_t wanted = 120 * (int64_t)(i / 2 + 1); /* 2 bps of 60,000.0 are 12.0, plus the half spread's share */
    cr_assert(away >= wanted - 2 && away <= wanted + 8, "level %u is %ld away", i, away);
  }
  cr_assert_eq(ask(&r), 0, "nothing moved");
  r.view.fair_ticks_e8 += 30 * TG_E8; /* half a basis point: inside the hysteresis */
  cr_assert_eq(ask(&r), 0);
  r.view.fair_ticks_e8 += 40 * TG_E8;
  cr_assert_eq(ask(&r), 1);
  cr_assert_eq(r.state.recentre_cnt, 2u);
}

Test(grid, volatility_spread_and_throttling_widen) {
  rig_t r;
  rig_open(&r);
  int64_t base = tg_grid_spacing_bps_e8(&r.view);
  r.view.volatility_bps_e8 = 3 * TG_E8;
  int64_t volatile_bps = tg_grid_spacing_bps_e8(&r.view);
  cr_assert_eq(volatile_bps - base, 3 * TG_E8);
  r.view.allow = TG_ALLOW_REDUCE | TG_ALLOW_THROTTLED;
  cr_assert_eq(tg_grid_spacing_bps_e8(&r.view), volatile_bps * 2);
  r.view.position_lots = 40;
  r.view.force = 1;
  cr_assert_eq(ask(&r), 1);
  for (uint32_t i = 0; i < r.out.level_cnt; i++) {
    if (!placed(&r.out.level[i])) continue;
    cr_assert_eq(r.out.level[i].side, TG_SELL);
    cr_assert_eq(r.out.level[i].reason, TG_WHY_REDUCE);
    cr_assert_eq(r.out.level[i].qty_lots, 2); /* half of 4 */
  }
}

Test(grid, without_new_risk_only_the_reducing_side_stays) {
  rig_t r;
  rig_open(&r);
  r.view.allow = TG_ALLOW_REDUCE;
  r.view.position_lots = -6;
  r.view.force = 1;
  ask(&r);
  int64_t sum = 0;
  for (uint32_t i = 0; i < r.out.level_cnt; i++) {
    const tg_strategy_level_t *level = &r.out.level[i];
    if (level->side == TG_SELL) cr_assert_eq(level->reason, TG_WHY_STATE);
    if (!placed(level)) continue;
    cr_assert_eq(level->order_flags, TG_ORDER_POST_ONLY | TG_ORDER_REDUCE_ONLY);
    sum += level->qty_lots;
  }
  cr_assert_eq(sum, 6);
  cr_assert_eq(r.out.level[4].reason, TG_WHY_NOTHING_TO_REDUCE);
  r.view.position_lots = 0;
  ask(&r);
  for (uint32_t i = 0; i < r.out.level_cnt; i++) cr_assert_eq(r.out.level[i].reason, TG_WHY_STATE);
}

Test(grid, inventory_leans_the_centre_and_ends_the_adding_side) {
  rig_t r;
  rig_open(&r);
  ask(&r);
  int64_t bid = r.out.level[0].px_ticks, offer = r.out.level[1].px_ticks;
  r.view.position_lots = 100; /* half of full */
  ask(&r);
  cr_assert_eq(bid - r.out.level[0].px_ticks, 60); /* half of 2 bps */
  cr_assert_leq(r.out.level[1].px_ticks, offer);
  r.view.position_lots = 195;
  ask(&r);
  cr_assert_eq(r.out.level[0].reason, TG_WHY_QUOTE);
  cr_assert_eq(r.out.level[2].reason, TG_WHY_INVENTORY_FULL);
  cr_assert_eq(r.out.level[1].reason, TG_WHY_QUOTE);
}

Test(grid, reasons_of_the_whole_grid) {
  rig_t r;
  rig_open(&r);
  static const struct {
    uint8_t allow, touch, trading, why;
  } rows[] = {{TG_ALLOW_STOPPING, 1, 1, TG_WHY_STOPPING}, {3, 0, 1, TG_WHY_NO_BOOK}, {3, 1, 0, TG_WHY_NOT_TRADING}};
  for (unsigned k = 0; k < 3; k++) {
    r.view.allow = rows[k].allow;
    r.view.touch_valid = rows[k].touch;
    r.instr.trading = rows[k].trading;
    r.view.force = 1;
    cr_assert_eq(ask(&r), 1);
    for (uint32_t i = 0; i < r.out.level_cnt; i++) cr_assert_eq(r.out.level[i].reason, rows[k].why);
  }
  rig_open(&r);
  r.instr.min_notional_e8 = 300 * TG_E8;
  ask(&r);
  cr_assert_eq(r.out.level[0].reason, TG_WHY_BELOW_MIN_NOTIONAL);
  r.conf.grid_level_notional = 10 * TG_E8;
  r.view.force = 1;
  ask(&r);
  cr_assert_eq(r.out.level[0].reason, TG_WHY_BELOW_MIN_QTY);
  rig_open(&r);
  r.instr.min_px_ticks = 599800;
  ask(&r);
  cr_assert_eq(r.out.level[6].reason, TG_WHY_OUTSIDE_BAND);
}

Test(grid, young_and_partly_filled_orders_are_left_alone) {
  rig_t r;
  rig_open(&r);
  ask(&r);
  int64_t px = r.out.level[0].px_ticks;
  r.order[0] = (tg_strategy_order_t){
      .px_ticks = px, .qty_lots = 4, .changed_ns = r.view.now_ns, .side = TG_BUY, .order_flags = TG_ORDER_POST_ONLY};
  r.view.now_ns += 50 * TG_NS_PER_MS;
  r.view.fair_ticks_e8 += 200 * TG_E8;
  r.view.bid_px_ticks += 200;
  r.view.ask_px_ticks += 200;
  ask(&r);
  cr_assert_eq(r.out.level[0].px_ticks, px, "too young to move");
  r.view.now_ns += 200 * TG_NS_PER_MS;
  ask(&r);
  cr_assert_leq(labs(r.out.level[0].px_ticks - px - 200), 1, "moved by %ld", r.out.level[0].px_ticks - px);
  r.order[0].px_ticks = r.out.level[0].px_ticks;
  r.order[0].cum_lots = 3;
  r.view.force = 1;
  ask(&r);
  cr_assert_eq(r.out.level[0].qty_lots, 1, "the rest of a partly filled order keeps its place");
}

static void check_levels(const rig_t *r) {
  const tg_strategy_view_t *v = &r->view;
  int64_t sum[2] = {0, 0};
  for (uint32_t i = 0; i < r->out.level_cnt; i++) {
    const tg_strategy_level_t *level = &r->out.level[i];
    cr_assert_neq(level->reason, TG_WHY_NONE);
    cr_assert_str_neq(tg_why_name(level->reason), "?");
    if (!placed(level)) continue;
    cr_assert(v->touch_valid && !(v->allow & TG_ALLOW_STOPPING) && v->instr->trading);
    cr_assert(level->side == TG_BUY ? level->px_ticks < v->ask_px_ticks : level->px_ticks > v->bid_px_ticks);
    cr_assert_geq(level->qty_lots, v->instr->min_qty_lots);
    if (!(level->order_flags & TG_ORDER_REDUCE_ONLY))
      cr_assert((__int128)level->px_ticks * level->qty_lots * v->instr->tick_lot_e8 >= v->instr->min_notional_e8);
    cr_assert_neq(level->order_flags & TG_ORDER_POST_ONLY, 0);
    int64_t rest =
        r->order[i].qty_lots > 0 && r->order[i].side == level->side ? r->order[i].qty_lots - r->order[i].cum_lots : 0;
    sum[level->side] += level->qty_lots > rest ? level->qty_lots : rest;
  }
  int64_t full = v->allow & TG_ALLOW_INCREASE ? v->instr->max_inventory_lots : 0;
  if (sum[TG_BUY] > 0) cr_assert_leq(v->position_lots + sum[TG_BUY], full);
  if (sum[TG_SELL] > 0) cr_assert_geq(v->position_lots - sum[TG_SELL], -full);
}

Test(grid, properties_hold_over_a_random_walk) {
  rig_t r;
  rig_open(&r);
  tg_rng_t rng;
  tg_rng_seed(&rng, 3);
  unsigned placed_cnt = 0, unplaced_cnt = 0;
  for (unsigned i = 0; i < 200000; i++) {
    int64_t bid = r.view.bid_px_ticks + (int64_t)(tg_rng_next(&rng) % 201) - 100;
    if (bid < 2000) bid = 2000;
    r.view.bid_px_ticks = bid;
    r.view.ask_px_ticks = bid + 1 + (int64_t)(tg_rng_next(&rng) % 50);
    r.view.fair_ticks_e8 = (bid + r.view.ask_px_ticks) * (TG_E8 / 2);
    r.view.now_ns += tg_rng_next(&rng) % 100000000;
    r.view.volatility_bps_e8 = (int64_t)(tg_rng_next(&rng) % 2000) * 1000000;
    r.view.touch_valid = tg_rng_next(&rng) % 50 != 0;
    uint64_t pick = tg_rng_next(&rng) % 20;
    r.view.allow = pick < 14    ? 3
                   : pick < 16  ? TG_ALLOW_REDUCE
                   : pick < 18  ? TG_ALLOW_REDUCE | TG_ALLOW_THROTTLED
                   : pick == 18 ? TG_ALLOW_STOPPING
                                : 0;
    r.view.position_lots = (int64_t)(tg_rng_next(&rng) % 501) - 250;
    r.view.force = tg_rng_next(&rng) % 3 == 0;
    r.conf.grid_levels = 1 + (int64_t)(tg_rng_next(&rng) % 16);
    if (ask(&r) == 0) {
      cr_assert_not(r.view.force);
      continue;
    }
    check_levels(&r);
    for (uint32_t l = 0; l < TG_STRATEGY_LEVELS_MAX;
         l++) { /* the desk: sometimes it rests as wanted, partly filled, or is gone */
      const tg_strategy_level_t *level = &r.out.level[l];
      bool want = l < r.out.level_cnt && placed(level) && tg_rng_next(&rng) % 4 != 0;
      placed_cnt += l < r.out.level_cnt && placed(level);
      unplaced_cnt += l < r.out.level_cnt && !placed(level);
      r.order[l] = (tg_strategy_order_t){0};
      if (want)
        r.order[l] = (tg_strategy_order_t){.px_ticks = level->px_ticks,
                                           .qty_lots = level->qty_lots,
                                           .cum_lots = (int64_t)(tg_rng_next(&rng) % (uint64_t)level->qty_lots),
                                           .changed_ns = r.view.now_ns,
                                           .side = level->side,
                                           .order_flags = level->order_flags};
    }
  }
  cr_log_info("%u levels placed, %u with a reason", placed_cnt, unplaced_cnt);
  cr_assert_gt(placed_cnt, 10000u);
  cr_assert_gt(unplaced_cnt, 10000u);
}

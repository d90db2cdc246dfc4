#include "engine/strategy/grid.h"

#include <string.h>

#define BPS_E8 (INT64_C(10000) * TG_E8)
#define REFRESH_NS (INT64_C(200) * TG_NS_PER_MS) /* a full answer at least this often: sizes, unplaced levels */

static int64_t min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t abs64(int64_t v) {
  return v < 0 ? -v : v;
}

static int64_t mul_div(int64_t a, int64_t b, int64_t c) {
  return (int64_t)((tg_i128)a * b / c);
}

/* Touch spread in bps e8, capped at 10,000 bps. */
static int64_t spread_bps_e8(const tg_strategy_view_t *view) {
  int64_t spread = view->ask_px_ticks - view->bid_px_ticks;
  if (spread <= 0 || view->bid_px_ticks <= 0) return 0;
  return min64(mul_div(spread, BPS_E8, view->bid_px_ticks), BPS_E8);
}

int64_t tg_grid_spacing_bps_e8(const tg_strategy_view_t *view) {
  const tg_core_conf_t *conf = view->conf;
  int64_t spacing = conf->grid_spacing_bps;
  if (conf->grid_vol_widen > 0) spacing += mul_div(min64(view->volatility_bps_e8, BPS_E8), conf->grid_vol_widen, TG_E8);
  if (conf->grid_spread_widen > 0) spacing += mul_div(spread_bps_e8(view), conf->grid_spread_widen, TG_E8);
  if (view->allow & TG_ALLOW_THROTTLED) spacing = mul_div(spacing, conf->grid_throttled_widen_pct, 100);
  int64_t tick = view->bid_px_ticks > 0 ? BPS_E8 / view->bid_px_ticks + 1 : 1; /* one tick in bps, rounded up */
  return min64(max64(spacing, tick), BPS_E8 / 32);
}

/* |a - b| beyond bps of b? without dividing */
static bool drifted(int64_t a, int64_t b, int64_t bps_e8) {
  return (tg_i128)abs64(a - b) * BPS_E8 > (tg_i128)b * bps_e8;
}

/* What a full answer works with. */
typedef struct plan {
  const tg_strategy_view_t *view;
  int64_t centre_ticks_e8; /* skewed */
  int64_t step_ticks_e8;   /* distance of one level */
  int64_t notional_e8;     /* of a level */
  int64_t used_lots[2];    /* by side: what wanted levels may add together */
  int64_t last_px[2];      /* by side: price of the level before */
} plan_t;

static int64_t centre_skewed(const tg_grid_state_t *state, const tg_strategy_view_t *view) {
  int64_t full = view->instr->max_inventory_lots;
  if (full <= 0 || view->position_lots == 0) return state->centre_ticks_e8;
  int64_t held = max64(-full, min64(full, view->position_lots));
  int64_t shift = mul_div(state->centre_ticks_e8, view->conf->grid_skew_bps, BPS_E8);
  return state->centre_ticks_e8 - mul_div(shift, held, full);
}

/* Price of level i of a side: away from the centre, never through the far touch. */
static int64_t level_px(const plan_t *plan, tg_side_t side, int64_t i) {
  const tg_strategy_view_t *view = plan->view;
  int64_t away = plan->step_ticks_e8 * (i + 1);
  if (side == TG_BUY) return min64((plan->centre_ticks_e8 - away) / TG_E8, view->ask_px_ticks - 1);
  return max64((plan->centre_ticks_e8 + away + TG_E8 - 1) / TG_E8, view->bid_px_ticks + 1);
}

static int64_t level_lots(const plan_t *plan, int64_t px_ticks) {
  tg_i128 per_lot = (tg_i128)px_ticks * plan->view->instr->tick_lot_e8;
  if (per_lot <= 0 || per_lot > INT64_MAX) return 0;
  int64_t lots = plan->notional_e8 / (int64_t)per_lot;
  int64_t cap = plan->view->instr->max_qty_lots;
  return cap > 0 ? min64(lots, cap) : lots;
}

/* A resting order that should stay as it is: too young to change, or different by too little. */
static void keep_calm(const plan_t *plan, const tg_strategy_order_t *order, tg_strategy_level_t *level) {
  const tg_strategy_view_t *view = plan->view;
  if (order->qty_lots == 0 || order->side != level->side || order->order_flags != level->order_flags) return;
  int64_t rest = order->qty_lots - order->cum_lots;
  bool crosses = level->side == TG_BUY ? order->px_ticks >= view->ask_px_ticks : order->px_ticks <= view->bid_px_ticks;
  bool young = view->now_ns - order->changed_ns < (uint64_t)view->conf->grid_min_requote_ms * (uint64_t)TG_NS_PER_MS;
  if (rest <= 0 || crosses) return;
  if (young) level->px_ticks = order->px_ticks;
  if (level->px_ticks != order->px_ticks) return;
  bool near = abs64(level->qty_lots - rest) * 10 <= rest;
  if (young || near || order->cum_lots > 0) level->qty_lots = rest;
}

/* Why a level with this price and size may not be placed; TG_WHY_NONE when it may. */
static uint8_t obstacle(const plan_t *plan, const tg_strategy_level_t *level) {
  const tg_strategy_view_t *view = plan->view;
  const tg_strategy_instr_t *instr = view->instr;
  if (level->px_ticks <= 0 || (instr->min_px_ticks > 0 && level->px_ticks < instr->min_px_ticks) ||
      (instr->max_px_ticks > 0 && level->px_ticks > instr->max_px_ticks))
    return TG_WHY_OUTSIDE_BAND;
  if (level->side == TG_BUY ? level->px_ticks >= view->ask_px_ticks : level->px_ticks <= view->bid_px_ticks)
    return TG_WHY_CROSSES;
  if (plan->last_px[level->side] == level->px_ticks) return TG_WHY_COLLAPSED;
  if (level->qty_lots <= 0 || level->qty_lots < instr->min_qty_lots) return TG_WHY_BELOW_MIN_QTY;
  bool reduces = (level->order_flags & TG_ORDER_REDUCE_ONLY) != 0; /* the venue's smallest value does not bind those */
  tg_i128 value_e8 = (tg_i128)level->px_ticks * level->qty_lots * instr->tick_lot_e8;
  if (!reduces && value_e8 < instr->min_notional_e8) return TG_WHY_BELOW_MIN_NOTIONAL;
  return TG_WHY_NONE;
}

/* Lots that wanted levels of a side may hold together. */
static int64_t side_room(const tg_strategy_view_t *view, tg_side_t side) {
  int64_t held = side == TG_BUY ? -view->position_lots : view->position_lots; /* what that side would take down */
  if (view->allow & TG_ALLOW_INCREASE) return view->instr->max_inventory_lots + held;
  return max64(held, 0);
}

static uint8_t room_reason(const tg_strategy_view_t *view, tg_side_t side) {
  if (view->allow & TG_ALLOW_INCREASE) return TG_WHY_INVENTORY_FULL;
  int64_t held = side == TG_BUY ? -view->position_lots : view->position_lots;
  return held > 0 && (view->allow & TG_ALLOW_REDUCE) ? TG_WHY_NOTHING_TO_REDUCE : TG_WHY_STATE;
}

static void plan_level(plan_t *plan, tg_side_t side, uint32_t i, const tg_strategy_order_t *order, tg_strategy_level_t *level) {
  const tg_strategy_view_t *view = plan->view;
  bool increase = (view->allow & TG_ALLOW_INCREASE) != 0;
  bool reduce = (view->allow & TG_ALLOW_REDUCE) != 0;
  level->side = (uint8_t)side;
  level->tif = TG_TIF_GTX;
  level->order_flags = increase ? TG_ORDER_POST_ONLY : TG_ORDER_POST_ONLY | TG_ORDER_REDUCE_ONLY;
  int64_t room = increase || reduce ? side_room(view, side) - plan->used_lots[side] : 0;
  if (room <= 0) {
    level->reason = room_reason(view, side);
    return;
  }
  level->px_ticks = level_px(plan, side, i);
  level->qty_lots = level_lots(plan, level->px_ticks);
  if (!increase) level->qty_lots = min64(level->qty_lots, room);
  keep_calm(plan, order, level);
  level->reason = obstacle(plan, level);
  if (level->reason != TG_WHY_NONE) return;
  int64_t rest = order->qty_lots > 0 && order->side == side ? order->qty_lots - order->cum_lots : 0;
  int64_t counts = max64(level->qty_lots, rest); /* until the change is confirmed the larger of the two can fill */
  if (counts > room) {
    level->reason = room_reason(view, side);
    return;
  }
  plan->used_lots[side] += counts;
  plan->last_px[side] = level->px_ticks;
  level->reason = increase ? TG_WHY_QUOTE : TG_WHY_REDUCE;
}

static int all_unplaced(const tg_strategy_view_t *view, uint32_t level_cnt, uint8_t reason, tg_strategy_out_t *out) {
  (void)view;
  for (uint32_t i = 0; i < level_cnt; i++) {
    out->level[i].side = (uint8_t)(i & 1 ? TG_SELL : TG_BUY);
    out->level[i].reason = reason;
  }
  return 1;
}

static bool moved(const tg_grid_state_t *state, const tg_strategy_view_t *view) {
  if (view->force || !state->started || view->allow != state->allow || view->touch_valid != state->touch_valid) return true;
  if (view->position_lots != state->position_lots) return true;
  if (view->touch_valid && drifted(view->fair_ticks_e8, state->centre_ticks_e8, view->conf->grid_recenter_bps)) return true;
  return view->now_ns - state->last_ns >= (uint64_t)REFRESH_NS;
}

static void follow(tg_grid_state_t *state, const tg_strategy_view_t *view) {
  if (state->centre_ticks_e8 == 0 || drifted(view->fair_ticks_e8, state->centre_ticks_e8, view->conf->grid_recenter_bps)) {
    state->centre_ticks_e8 = view->fair_ticks_e8;
    state->recentre_cnt++;
  }
  int64_t spacing = tg_grid_spacing_bps_e8(view);
  if (abs64(spacing - state->spacing_bps_e8) * 10 > state->spacing_bps_e8 || view->allow != state->allow)
    state->spacing_bps_e8 = spacing;
}

static int grid_on_market(void *memory, const tg_strategy_view_t *view, tg_strategy_out_t *out) {
  tg_grid_state_t *state = memory;
  if (TG_LIKELY(!moved(state, view))) return 0;
  bool usable = view->touch_valid && view->fair_ticks_e8 > 0;
  uint32_t level_cnt = 2 * (uint32_t)max64(0, min64(view->conf->grid_levels, TG_GRID_SIDE_LEVELS));
  memset(out->level, 0, sizeof out->level[0] * level_cnt);
  out->level_cnt = level_cnt;
  out->pad0 = 0;
  if (usable) follow(state, view);
  state->started = 1;
  state->allow = view->allow;
  state->touch_valid = view->touch_valid;
  state->position_lots = view->position_lots;
  state->last_ns = view->now_ns;
  state->full_cnt++;
  if (view->allow & TG_ALLOW_STOPPING) return all_unplaced(view, level_cnt, TG_WHY_STOPPING, out);
  if (!view->instr->trading) return all_unplaced(view, level_cnt, TG_WHY_NOT_TRADING, out);
  if (!usable) return all_unplaced(view, level_cnt, TG_WHY_NO_BOOK, out);
  plan_t plan = {.view = view, .centre_ticks_e8 = centre_skewed(state, view)};
  plan.step_ticks_e8 = mul_div(state->centre_ticks_e8, state->spacing_bps_e8, BPS_E8);
  plan.notional_e8 = view->allow & TG_ALLOW_THROTTLED ? view->conf->grid_level_notional / 2 : view->conf->grid_level_notional;
  for (uint32_t i = 0; i < level_cnt; i++) plan_level(&plan, i & 1 ? TG_SELL : TG_BUY, i / 2, &view->order[i], &out->level[i]);
  return 1;
}

static void grid_init(void *memory, uint16_t instr_idx) {
  (void)instr_idx;
  memset(memory, 0, sizeof(tg_grid_state_t));
}

static const tg_strategy_t grid = {
    .abi_version = TG_STRATEGY_ABI_VERSION,
    .view_bytes = sizeof(tg_strategy_view_t),
    .out_bytes = sizeof(tg_strategy_out_t),
    .state_bytes = sizeof(tg_grid_state_t),
    .name = "grid",
    .init = grid_init,
    .on_market = grid_on_market,
    .on_fill = NULL,
    .on_state = NULL,
};

const tg_strategy_t *tg_grid_strategy(void) {
  return &grid;
}

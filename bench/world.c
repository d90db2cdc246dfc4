#include "bench/world.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

void world_step(world_t *world, tg_msg_t *msg) {
  msg->ts_ns = world->now_ns;
  world->out = (tg_msg_batch_t){world->out_mem, 0, WORLD_OUT};
  int err = tg_core_step(world->core, msg, &world->out);
  TG_ASSERT(err == 0); /* the batch is empty and larger than what a step needs */
}

/* A step of the start: what leaves is confirmed at once. */
static void feed(world_t *world, tg_msg_t *msg) {
  world_step(world, msg);
  (void)world_confirm(world);
}

static int set(world_t *world, const char *key, int64_t value) {
  tg_msg_t msg;
  uint64_t unknown = tg_core_stats(world->core)->unknown_key_cnt;
  tg_msg_init(&msg, TG_CFG_SET, TG_INSTR_NONE, 0);
  msg.u.cfg_set.key_hash = tg_conf_key_hash(key);
  msg.u.cfg_set.value = value;
  feed(world, &msg);
  if (tg_core_stats(world->core)->unknown_key_cnt == unknown) return 0;
  fprintf(stderr, "bench: setting %s = %ld is refused\n", key, value);
  return -1;
}

static void filters(world_t *world) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 0);
  msg.u.cfg_symbol = gen_symbol();
  feed(world, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, 0);
  msg.u.cfg_filter.u.first.min_px_ticks = 1000;
  msg.u.cfg_filter.u.first.max_px_ticks = 50000000;
  msg.u.cfg_filter.u.first.min_qty_lots = 1;
  msg.u.cfg_filter.u.first.max_qty_lots = 1000000;
  msg.u.cfg_filter.u.first.min_notional_e8 = 50 * TG_E8;
  msg.u.cfg_filter.u.first.max_orders = 200;
  feed(world, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, 0);
  msg.flags = TG_F_SECOND;
  msg.u.cfg_filter.u.second.mult_up_bps = 10500;
  msg.u.cfg_filter.u.second.mult_down_bps = 9500;
  msg.u.cfg_filter.u.second.market_min_qty_lots = 1;
  msg.u.cfg_filter.u.second.market_max_qty_lots = 100000;
  msg.u.cfg_filter.u.second.maker_fee_e8 = 20000;
  msg.u.cfg_filter.u.second.taker_fee_e8 = 50000;
  feed(world, &msg);
}

/* Limits wide enough for a benchmark's rate and sizes: every gate is evaluated, none holds. */
static int settings(world_t *world, const world_set_t *sets, size_t set_cnt) {
  static const world_set_t base[] = {
      {"engine.mode", TG_MODE_SIM - 1},
      {"engine.armed", 1},
      {"fsm.cooldown_ms", 0},
      {"fsm.tox_low", 50 * TG_E8},
      {"fsm.tox_mid", 50 * TG_E8},
      {"fsm.tox_high", 60 * TG_E8},
      {"fsm.tox_extreme", 70 * TG_E8},
      {"fsm.feed_stale_ms", 600000},
      {"fsm.account_stale_ms", 3600000},
      {"risk.drawdown_session", INT64_C(50000) * TG_E8},
      {"risk.drawdown_day", INT64_C(50000) * TG_E8},
      {"risk.mark_age_ms", 600000},
      {"risk.md_age_ms", 600000},
      {"risk.session_age_ms", 6000000},
      {"risk.max_order_qty", 100 * TG_E8},
      {"risk.max_order_notional", INT64_C(10000000) * TG_E8},
      {"risk.max_position", 1000 * TG_E8},
      {"risk.max_gross", INT64_C(90000000) * TG_E8},
      {"risk.max_net", INT64_C(90000000) * TG_E8},
      {"risk.max_gross_equity_pct", 100000},
      {"risk.max_net_equity_pct", 100000},
      {"risk.max_leverage", 1000 * TG_E8},
      {"risk.max_in_flight", 1000},
      {"risk.rate_per_s", 100000},
      {"risk.rate_per_min", 1000000},
      {"risk.rate_reserve_cancel_pct", 0},
      {"risk.rate_reserve_reduce_pct", 0},
      {"risk.venue_orders_10s", 1000000},
      {"risk.venue_orders_min", 1000000},
      {"risk.max_trade_risk", INT64_C(1000000000) * TG_E8},
      {"risk.max_trade_risk_equity_bps", 10000},
      {"risk.day_entries", 1000000000},
      {"risk.day_qty", INT64_C(1000000000) * TG_E8},
      {"risk.day_notional", INT64_C(90000000000) * TG_E8},
      {"risk.repeat_fills", 1000000},
      {"risk.repeat_entries", 1000000},
      {"intent.qty", INT64_C(1000000000) * TG_E8},
  };
  for (size_t i = 0; i < TG_ARRAY_CNT(base); i++)
    if (set(world, base[i].key, base[i].value)) return -1;
  for (size_t i = 0; i < set_cnt; i++)
    if (set(world, sets[i].key, sets[i].value)) return -1;
  return 0;
}

static void link_up(world_t *world, tg_session_t session) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, 0);
  msg.u.link = (tg_link_t){.session = (uint8_t)session, .up = 1, .gen = 1, .last_rx_ns = world->now_ns};
  feed(world, &msg);
}

static void account(world_t *world) {
  tg_msg_t msg;
  int64_t ms = (int64_t)(world->now_ns / MS);
  tg_acc_begin_t head = {.snapshot_no = 1, .venue_ms = ms, .asked_ns = world->now_ns, .position_cnt = 1, .balance_cnt = 1};
  tg_msg_init(&msg, TG_ACC_BEGIN, TG_INSTR_NONE, 0);
  msg.u.acc_begin = head;
  feed(world, &msg);
  tg_msg_init(&msg, TG_ACC_POSITION, 0, 0);
  msg.u.acc_position = (tg_ex_position_t){.position_side = TG_PSIDE_BOTH, .leverage = 20, .venue_ms = ms};
  feed(world, &msg);
  tg_msg_init(&msg, TG_ACC_BALANCE, TG_INSTR_NONE, 0);
  msg.u.acc_balance = (tg_ex_balance_t){
      .wallet_e8 = INT64_C(80000000) * TG_E8, .available_e8 = INT64_C(80000000) * TG_E8, .venue_ms = ms, .asset = "USDT"};
  feed(world, &msg);
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, 0);
  msg.u.acc_end = head;
  feed(world, &msg);
}

static void depth(world_t *world, int64_t bid, bool snapshot) {
  tg_msg_t msg;
  uint64_t prev = world->update_id;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, 0);
  if (snapshot) {
    msg.flags = TG_F_SNAPSHOT;
    msg.u.md_depth = (tg_md_depth_t){.first_id = prev + 5, .last_id = prev + 5, .bid_cnt = 3, .ask_cnt = 3, .gen = 1};
  } else {
    world->update_id += 10;
    msg.u.md_depth = (tg_md_depth_t){
        .first_id = prev + 1, .last_id = world->update_id, .prev_id = prev, .bid_cnt = 3, .ask_cnt = 3, .gen = 1};
  }
  msg.u.md_depth.venue_ms = (int64_t)(world->now_ns / MS);
  feed(world, &msg);
  for (int side = 0; side < 2; side++) {
    tg_msg_init(&msg, TG_MD_LEVELS, 0, 0);
    msg.flags = (uint8_t)(side ? TG_F_ASK | TG_F_LAST : 0);
    for (int i = 0; i < 3; i++) msg.u.md_levels.level[i] = (tg_md_level_t){side ? bid + 1 + i : bid - i, 900};
    feed(world, &msg);
  }
}

void world_pass(world_t *world, uint64_t ns) {
  tg_msg_t msg;
  for (uint64_t end = world->now_ns + ns; world->now_ns < end;) {
    world->now_ns += 10 * MS;
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, 0);
    feed(world, &msg);
  }
}

void world_top(world_t *world, tg_msg_t *msg, int64_t bid, int64_t bid_lots, int64_t ask, int64_t ask_lots) {
  tg_msg_init(msg, TG_MD_TOP, 0, 0);
  msg->u.md_top = (tg_md_top_t){bid, bid_lots, ask, ask_lots, ++world->update_id, (int64_t)(world->now_ns / MS)};
}

void world_answer(world_t *world, const tg_msg_t *request, tg_msg_t *answer) {
  const tg_out_order_t *order = &request->u.out_place;
  tg_msg_init(answer, TG_EX_ANSWER, request->instr_idx, 0);
  tg_ex_answer_t *a = &answer->u.ex_answer;
  a->client_id = order->client_id;
  a->order_id = order->order_id ? order->order_id : ++world->next_order_id;
  a->px_ticks = order->px_ticks;
  a->qty_lots = order->qty_lots;
  a->http_status = 200;
  a->request = request->kind == TG_OUT_PLACE   ? TG_REQUEST_PLACE
               : request->kind == TG_OUT_AMEND ? TG_REQUEST_AMEND
                                               : TG_REQUEST_CANCEL;
  a->outcome = TG_OUTCOME_CONFIRMED;
  a->status = request->kind == TG_OUT_CANCEL ? TG_STATUS_CANCELED : TG_STATUS_NEW;
}

uint32_t world_confirm(world_t *world) {
  tg_msg_t todo[64];
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < world->out.cnt && cnt < 64; i++) {
    uint8_t kind = world->out.msg[i].kind;
    if (kind == TG_OUT_PLACE || kind == TG_OUT_AMEND || kind == TG_OUT_CANCEL)
      world_answer(world, &world->out.msg[i], &todo[cnt++]);
  }
  for (uint32_t i = 0; i < cnt; i++) world_step(world, &todo[i]);
  return cnt;
}

tg_core_cfg_t world_core_cfg(const tg_strategy_t *strategy) {
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  tg_core_cfg_t cfg = tg_core_cfg_make(&conf, 1);
  cfg.book_stale_ns = 0;
  cfg.strategy = strategy;
  return cfg;
}

int world_open(world_t *world, const tg_strategy_t *strategy) {
  tg_core_cfg_t cfg = world_core_cfg(strategy);
  tg_arena_t count;
  memset(world, 0, sizeof *world);
  world->now_ns = WORLD_START_NS;
  tg_arena_count(&count);
  if (tg_core_layout(&count, &world->core, &cfg) || tg_arena_map(&world->arena, count.used_bytes) ||
      tg_core_layout(&world->arena, &world->core, &cfg)) {
    fprintf(stderr, "bench: no memory for a core\n");
    return -1;
  }
  return 0;
}

int world_start(world_t *world, int64_t bid_ticks, const world_set_t *sets, size_t set_cnt) {
  tg_msg_t msg;
  world->update_id = 1000;
  world->next_order_id = 1;
  filters(world);
  if (settings(world, sets, set_cnt)) return -1;
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, 0);
  msg.u.cfg_done.timer_no = 7;
  feed(world, &msg);
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, 0);
  msg.u.health = (tg_health_t){.what = TG_HEALTH_START, .ok = 1};
  feed(world, &msg);
  for (unsigned s = TG_SESSION_PUBLIC; s <= TG_SESSION_REST; s++) link_up(world, (tg_session_t)s);
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, 0);
  msg.u.clock = (tg_clock_msg_t){.offset_ns = 1000, .error_ns = 200000};
  feed(world, &msg);
  tg_msg_init(&msg, TG_MD_MARK, 0, 0);
  msg.u.md_mark.mark_e8 = msg.u.md_mark.index_e8 = bid_ticks * INT64_C(10000000);
  feed(world, &msg);
  depth(world, bid_ticks, false);
  depth(world, bid_ticks, true);
  world->now_ns += MS;
  depth(world, bid_ticks, false);
  account(world);
  world_pass(world, 3000 * MS);
  tg_view_main_t view;
  tg_core_view_main(world->core, &view);
  if (view.state == TG_FSM_ACTIVE) return 0;
  fprintf(stderr, "bench: the core does not trade: state %s\n", tg_fsm_state_name((unsigned)view.state));
  return -1;
}

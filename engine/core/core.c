#include "engine/core/core.h"

#include "engine/core/core_state.h"
#include "engine/strategy/grid.h"

tg_core_cfg_t tg_core_cfg_make(const tg_core_conf_t *conf, uint32_t instr_cnt) {
  return (tg_core_cfg_t){.instr_cap = instr_cnt,
                         .order_cap = (uint32_t)conf->order_table_cap,
                         .trade_cap = (uint32_t)conf->order_trade_id_cap,
                         .book_level_cap = (uint32_t)conf->book_level_cap,
                         .book_event_cap = (uint32_t)conf->book_event_buffer,
                         .venue_caps = TG_VENUE_AMEND | TG_VENUE_AMEND_LIMIT_ONLY,
                         .book_stale_ns = (uint64_t)conf->fsm_feed_stale_ms * (uint64_t)TG_NS_PER_MS,
                         .strategy = NULL};
}

static tg_book_cfg_t book_cfg(const tg_core_cfg_t *cfg, uint16_t instr_idx) {
  return (tg_book_cfg_t){.instr_idx = instr_idx,
                         .product = TG_PRODUCT_USDM,
                         .level_cap = cfg->book_level_cap,
                         .event_buffer_cnt = cfg->book_event_cap,
                         .stale_ns = cfg->book_stale_ns,
                         .snapshot_retry_ns = UINT64_C(1000000000)};
}

static void instr_reset(tg_core_instr_t *instr, uint16_t idx) {
  instr->idx = idx;
  instr->force = 1;
  instr->gate.own_ask_px_ticks = INT64_MAX;
  for (uint32_t l = 0; l < TG_CORE_LEVELS; l++) {
    instr->level[l].order_idx = TG_ORDER_NIL;
    instr->level[l].told.gate = TG_GATE_NONE;
  }
  tg_filters_init(&instr->filters);
  tg_feature_cfg_t feature;
  tg_feature_cfg_default(&feature);
  int err = tg_feature_init(&instr->feature, &feature);
  TG_ASSERT(err == 0);
}

/* Everything but what the arena gave: those pointers stay. */
static void core_start(tg_core_t *core) {
  tg_core_conf_defaults(&core->conf);
  core->touched_idx = TG_INSTR_NONE;
  tg_fsm_cfg_t fsm = tg_fsm_cfg_make(&core->conf);
  tg_fsm_init(&core->fsm, &fsm, 0);
  tg_exposure_init(&core->exposure);
  tg_rate_cfg_t rate = tg_rate_cfg_make(&core->conf);
  tg_rate_init(&core->rate, &rate, 0);
  tg_dup_init(&core->dup, 0);
  tg_drawdown_init(&core->drawdown, core->conf.risk_drawdown_session, core->conf.risk_drawdown_day);
  core->snap.exposure = &core->exposure;
  core->snap.rate = &core->rate;
  core->snap.dup = &core->dup;
  core->snap.drawdown = &core->drawdown;
  core->snap.ticket = &core->tickets.none;
  tg_core_guards_init(core);
  core->snap.fsm_allow = tg_fsm_allow(core->fsm.state);
  core->allow = tg_core_allow(core);
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) instr_reset(&core->instr[i], i);
}

static int acc_layout(tg_arena_t *arena, tg_core_snapshot_t *acc) {
  acc->line = TG_ARENA_NEW(arena, tg_acc_order_t, TG_CORE_SNAP_ORDERS);
  acc->line_instr = TG_ARENA_NEW(arena, uint16_t, TG_CORE_SNAP_ORDERS);
  acc->line_flags = TG_ARENA_NEW(arena, uint8_t, TG_CORE_SNAP_ORDERS);
  acc->now.id = TG_ARENA_NEW(arena, int64_t, TG_CORE_SNAP_ORDERS * 4);
  acc->orphan_now.id = TG_ARENA_NEW(arena, int64_t, TG_CORE_SNAP_ORDERS * 4);
  acc->orphan_before.id = TG_ARENA_NEW(arena, int64_t, TG_CORE_SNAP_ORDERS * 4);
  return arena->err;
}

static int cfg_check(tg_core_cfg_t *cfg) {
  if (cfg->instr_cap < 1 || cfg->instr_cap > TG_INSTR_MAX || cfg->order_cap < 16 || cfg->order_cap > 65536) return -TG_EINVAL;
  if (cfg->trade_cap < 64 || cfg->trade_cap > (1u << 22)) return -TG_EINVAL;
  if (cfg->strategy == NULL) cfg->strategy = tg_grid_strategy();
  return tg_strategy_check(cfg->strategy);
}

int tg_core_layout(tg_arena_t *arena, tg_core_t **out, const tg_core_cfg_t *cfg) {
  tg_core_cfg_t made = *cfg;
  int err = cfg_check(&made);
  if (err != 0) return err;
  tg_core_t *core = TG_ARENA_NEW(arena, tg_core_t, 1);
  tg_core_instr_t *instr = TG_ARENA_NEW(arena, tg_core_instr_t, made.instr_cap);
  bool real = !tg_arena_counting(arena) && arena->err == 0;
  tg_order_table_t orders = {0};
  tg_trades_t trades = {0};
  tg_core_snapshot_t acc = {0};
  if ((err = tg_order_table_layout(arena, &orders, made.order_cap)) != 0) return err;
  if ((err = tg_trades_layout(arena, &trades, made.trade_cap)) != 0) return err;
  if ((err = acc_layout(arena, &acc)) != 0) return err;
  tg_book_t counted;
  for (uint16_t i = 0; i < made.instr_cap; i++) {
    tg_book_cfg_t book = book_cfg(&made, i);
    if ((err = tg_book_layout(arena, real ? &instr[i].book : &counted, &book)) != 0) return err;
    void *state = tg_arena_alloc(arena, (made.strategy->state_bytes + 63u) & ~63u, 64);
    if (real) instr[i].strategy_state = state;
  }
  if (arena->err != 0 || !real) return arena->err;
  core->cfg = made;
  core->instr = instr;
  core->orders = orders;
  core->trades = trades;
  core->acc = acc;
  core_start(core);
  *out = core;
  return 0;
}

tg_core_instr_t *tg_core_instr_of(tg_core_t *core, const tg_msg_t *in) {
  if (TG_LIKELY(in->instr_idx < core->cfg.instr_cap && core->instr[in->instr_idx].known)) return &core->instr[in->instr_idx];
  core->stats.bad_msg_cnt++;
  return NULL;
}

/* ---- lifecycle ---- */

uint8_t tg_core_allow(const tg_core_t *core) {
  if (core->stopping || core->snap.kill_latched || core->sweeping || core->flattened) return TG_ALLOW_STOPPING;
  unsigned state = core->fsm.state;
  unsigned allow = 0;
  if (tg_fsm_permits(state, TG_INTENT_INCREASE_RISK)) allow |= TG_ALLOW_INCREASE;
  if (tg_fsm_permits(state, TG_INTENT_REDUCE_RISK)) allow |= TG_ALLOW_REDUCE;
  if (state == TG_FSM_THROTTLED || core->guards.degrade.on) allow |= TG_ALLOW_THROTTLED;
  return (uint8_t)allow;
}

static bool session_missing(const tg_core_t *core, tg_session_t session) {
  if (core->link_told[session]) return !core->link_up[session];
  /* never told: where orders go to a venue, that means not connected yet */
  return core->conf.engine_mode + 1 == TG_MODE_SIM || core->conf.engine_mode + 1 == TG_MODE_LIVE;
}

static uint64_t feed_age(const tg_core_t *core) {
  if (session_missing(core, TG_SESSION_USER)) return UINT64_MAX; /* fills would go unseen */
  uint64_t worst = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    uint64_t age = instr->gate.book_rx_ns == 0 ? UINT64_MAX : core->now_ns - instr->gate.book_rx_ns;
    if (age > worst) worst = age;
  }
  return worst;
}

static void inputs(tg_core_t *core) {
  tg_fsm_in_t *in = &core->fsm_in;
  in->now_ns = core->now_ns;
  in->feed_age_ns = feed_age(core);
  in->sync_age_ns = core->sync_ns == 0 ? UINT64_MAX : core->now_ns - core->sync_ns;
  in->gross_e8 = tg_exposure_position_gross_e8(&core->exposure);
  in->drawdown = core->drawdown.latched != 0;
  in->killed = core->snap.kill_latched;
  uint8_t behind = core->journal_broken | core->cold_missing | core->disk_low;
  for (unsigned i = 0; i < TG_RING_CNT; i++) behind |= core->ring_level[i] > 0;
  in->journal_behind = behind;
}

static void allow_changed(tg_core_t *core) {
  uint8_t allow = tg_core_allow(core);
  if (allow == core->allow) return;
  core->allow = allow;
  core->quote_all = 1;
  if (core->cfg.strategy->on_state == NULL) return;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (core->instr[i].known) core->cfg.strategy->on_state(core->instr[i].strategy_state, allow, core->now_ns);
  }
}

void tg_core_lifecycle(tg_core_t *core) {
  core->fsm_dirty = 0;
  inputs(core);
  tg_fsm_moves_t moves;
  tg_fsm_in_t in = core->fsm_in;
  if (core->restart.halted && in.override == TG_FSM_OVERRIDE_NONE) in.override = TG_FSM_OVERRIDE_PAUSE;
  if (tg_fsm_step(&core->fsm, &in, &moves)) {
    for (uint32_t i = 0; i < moves.cnt; i++) {
      core->fsm_reason = moves.move[i].reason;
      tg_core_tell_state(core, &moves.record[i]);
      if (moves.move[i].to == TG_FSM_EMERGENCY) {
        core->sweeping = 1;
        core->cancel_all_ns = 0;
      }
    }
    core->snap.fsm_allow = tg_fsm_allow(core->fsm.state);
  }
  if (core->sweeping) tg_core_sweep(core);
  allow_changed(core);
}

/* ---- the step ---- */

static void dispatch(tg_core_t *core, const tg_msg_t *in) {
  switch ((tg_msg_kind_t)in->kind) {
    case TG_MD_TOP:
    case TG_MD_DEPTH:
    case TG_MD_LEVELS:
    case TG_MD_TRADE:
    case TG_MD_MARK:
    case TG_MD_LIQ:
    case TG_MD_KLINE:
      tg_core_on_md(core, in);
      break;
    case TG_EX_ORDER:
    case TG_EX_FILL:
    case TG_EX_ANSWER:
    case TG_EX_BALANCE:
    case TG_EX_POSITION:
    case TG_EX_CONFIG:
      tg_core_on_ex(core, in);
      break;
    case TG_ACC_BEGIN:
    case TG_ACC_POSITION:
    case TG_ACC_ORDER:
    case TG_ACC_BALANCE:
    case TG_ACC_END:
      tg_core_on_acc(core, in);
      break;
    case TG_LINK:
    case TG_CLOCK:
    case TG_RATE:
    case TG_PRESSURE:
    case TG_HEALTH:
      tg_core_on_world(core, in);
      break;
    case TG_TIMER:
      tg_core_on_timer(core, in);
      break;
    case TG_RESTORE_POS:
    case TG_RESTORE_ORDER:
    case TG_RESTORE_TRADES:
    case TG_RESTORE_DONE:
      tg_core_on_restore(core, in);
      break;
    case TG_DAY:
    case TG_DECISION:
      tg_core_guards_on_msg(core, in);
      break;
    case TG_CMD:
      tg_core_on_cmd(core, in);
      break;
    case TG_CFG_SYMBOL:
    case TG_CFG_FILTER:
    case TG_CFG_SET:
    case TG_CFG_DONE:
      tg_core_on_cfg(core, in);
      break;
    default: /* an output, or a kind of a later version */
      core->stats.bad_msg_cnt++;
      break;
  }
}

/* Strategies run last, on what the input left behind. */
static void quotes(tg_core_t *core) {
  bool all = core->quote_all != 0;
  bool some = all || core->more;
  uint16_t touched = core->touched_idx;
  core->quote_all = core->more = 0;
  core->touched_idx = TG_INSTR_NONE;
  if (TG_LIKELY(!some)) {
    if (touched != TG_INSTR_NONE) tg_core_quote(core, &core->instr[touched], false);
    return;
  }
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    if (!all && !instr->force && !instr->timer_due && touched != i) continue;
    instr->timer_due = 0;
    tg_core_quote(core, instr, all);
  }
}

int tg_core_step(tg_core_t *core, const tg_msg_t *in, tg_msg_batch_t *out) {
  if (TG_UNLIKELY(out->cap - out->cnt < TG_CORE_OUT_MIN)) return -TG_EFULL;
  core->out = out;
  core->origin_ns = in->ts_ns;
  if (TG_LIKELY(in->ts_ns > core->now_ns)) core->now_ns = in->ts_ns;
  core->snap.now_ns = core->now_ns;
  core->cause = in->kind;
  core->actions_left = TG_CORE_ACTIONS_MAX;
  core->stats.msg_cnt++;
  tg_rate_on_time(&core->rate, core->now_ns);
  if (tg_day_on_time(&core->guards.day, core->now_ns)) tg_core_guards_day_rolled(core);
  if (TG_UNLIKELY(core->stats.out_full_cnt != core->out_full_told)) {
    tg_core_tell_alarm(core, TG_ALARM_OUT_FULL, TG_INSTR_NONE, 0, (int64_t)(core->stats.out_full_cnt - core->out_full_told), 0);
    core->out_full_told = core->stats.out_full_cnt;
  }
  dispatch(core, in);
  if (core->fsm_dirty) tg_core_lifecycle(core);
  if (core->touched_idx != TG_INSTR_NONE || core->more || core->quote_all) quotes(core);
  if (TG_UNLIKELY(core->guards.limits_due_bits != 0)) tg_core_guards_tell(core);
  core->out = NULL;
  return 0;
}

bool tg_core_stopped(const tg_core_t *core) {
  return core->stopping && core->orders.open_cnt == 0 && core->owed_cnt == 0;
}

const tg_core_stats_t *tg_core_stats(const tg_core_t *core) {
  return &core->stats;
}

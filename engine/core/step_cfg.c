#include "engine/core/core_state.h"

/* The strategy's picture of the filters. 0 there means none. */
static void facts(const tg_core_t *core, tg_core_instr_t *instr) {
  const tg_filters_t *filters = &instr->filters;
  instr->facts = (tg_strategy_instr_t){.tick_lot_e8 = instr->money.tick_lot_e8,
                                       .tick_e8 = instr->money.tick_e8,
                                       .max_inventory_lots = tg_filters_lots_of(filters, core->conf.grid_max_inventory),
                                       .min_px_ticks = filters->min_px_ticks,
                                       .max_px_ticks = filters->max_px_ticks,
                                       .min_qty_lots = filters->min_qty_lots,
                                       .max_qty_lots = filters->max_qty_lots,
                                       .min_notional_e8 = filters->min_notional_e8,
                                       .trading = instr->known && (filters->ready & TG_FILTERS_READY) == TG_FILTERS_READY &&
                                                  !(instr->gate.flags & (TG_GATE_INSTR_HALTED | TG_GATE_INSTR_RESTRICTED))};
}

void tg_core_reconfigure(tg_core_t *core) {
  const tg_core_conf_t *conf = tg_core_guards_wide(core);
  tg_rate_cfg_t rate = tg_rate_cfg_make(conf);
  tg_fsm_cfg_t fsm = tg_fsm_cfg_make(conf);
  uint64_t window_ns = (uint64_t)conf->risk_duplicate_window_ms * (uint64_t)TG_NS_PER_MS;
  if (core->configured) {
    tg_rate_cfg_set(&core->rate, &rate);
    tg_dup_window_set(&core->dup, window_ns);
    tg_drawdown_limits(&core->drawdown, conf->risk_drawdown_session, conf->risk_drawdown_day);
  } else {
    tg_rate_init(&core->rate, &rate, core->now_ns);
    tg_dup_init(&core->dup, window_ns);
    tg_drawdown_init(&core->drawdown, conf->risk_drawdown_session, conf->risk_drawdown_day);
  }
  if (tg_fsm_cfg_set(&core->fsm, &fsm) != 0) {
    core->stats.bad_msg_cnt++;
    tg_core_tell_alarm(core, TG_ALARM_BAD_MESSAGE, TG_INSTR_NONE, 0, conf->fsm_tox_low, conf->fsm_tox_high);
  }
  core->snap.armed = conf->engine_armed != 0;
  core->snap.submit = conf->engine_submit != 0;
  core->snap.mode_sends = tg_gate_mode_sends((unsigned)(conf->engine_mode + 1));
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    facts(core, instr);
  }
  tg_core_guards_configure(core);
  core->fsm_dirty = 1;
  core->quote_all = 1;
}

static TG_COLD void bad(tg_core_t *core, const tg_msg_t *in, int64_t ours, int64_t venue) {
  core->stats.bad_msg_cnt++;
  tg_core_tell_alarm2(core, TG_ALARM_BAD_MESSAGE, in->instr_idx, 0, ours, venue, in->kind, 0);
}

static bool rescaled(const tg_cfg_symbol_t *a, const tg_cfg_symbol_t *b) {
  return a->px_dec != b->px_dec || a->px_unit != b->px_unit || a->qty_dec != b->qty_dec || a->qty_unit != b->qty_unit;
}

/* The venue's profile of an instrument changed during the run: nothing but cancels until INSTR_ON, told once. */
static TG_COLD void profile_changed(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, int64_t ours, int64_t venue) {
  core->stats.profile_change_cnt++;
  if (!tg_core_restrict(core, instr)) return;
  tg_core_tell_alarm2(core, TG_ALARM_PROFILE_CHANGED, instr->idx, 0, ours, venue, in->kind, (in->flags & TG_F_SECOND) != 0);
  core->cfg.strategy->init(instr->strategy_state, instr->idx); /* what it worked out stood on the old steps */
}

/* A line of filters that differs from the one in force; fees are no profile. */
static void filter_line(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  unsigned line = (in->flags & TG_F_SECOND) != 0;
  tg_cfg_filter_t now = in->u.cfg_filter;
  if (line == 1) now.u.second.maker_fee_e8 = now.u.second.taker_fee_e8 = 0;
  int64_t a[6], b[6];
  memcpy(a, &instr->filter_line[line], sizeof a);
  memcpy(b, &now, sizeof b);
  unsigned at = 0;
  while (at < 6 && a[at] == b[at]) at++;
  bool changed = core->configured && ((unsigned)instr->filter_seen >> line & 1u) != 0 && at < 6;
  instr->filter_seen |= (uint8_t)(1u << line);
  int64_t ours = changed ? a[at] : 0, venue = changed ? b[at] : 0;
  instr->filter_line[line] = now;
  if (changed && instr->known) profile_changed(core, instr, in, ours, venue);
}

static void on_symbol(tg_core_t *core, const tg_msg_t *in) {
  const tg_cfg_symbol_t *symbol = &in->u.cfg_symbol;
  if (in->instr_idx >= core->cfg.instr_cap) {
    bad(core, in, in->instr_idx, core->cfg.instr_cap);
    return;
  }
  tg_core_instr_t *instr = &core->instr[in->instr_idx];
  if (instr->known && rescaled(&instr->symbol, symbol)) { /* every number we hold is in the old ticks: nothing but cancels */
    instr->rescaled = 1;
    profile_changed(core, instr, in, instr->symbol.px_unit, symbol->px_unit);
    bad(core, in, instr->symbol.px_unit, symbol->px_unit);
    return;
  }
  tg_money_t money;
  if (tg_money_make(&money, symbol->px_dec, symbol->px_unit, symbol->qty_dec, symbol->qty_unit) != 0 ||
      tg_filters_on_symbol(&instr->filters, symbol) != 0) {
    bad(core, in, symbol->px_dec, symbol->qty_dec);
    return;
  }
  bool first = !instr->known;
  if (!first && core->configured &&
      (instr->symbol.product != symbol->product ||
       memcmp(instr->symbol.margin_asset, symbol->margin_asset, sizeof symbol->margin_asset) != 0))
    profile_changed(core, instr, in, instr->symbol.product, symbol->product);
  core->instr_cnt += first;
  instr->known = 1;
  instr->money = money;
  instr->symbol = *symbol;
  instr->book.cfg.product = symbol->product;
  instr->gate.flags =
      (uint8_t)((instr->gate.flags & TG_GATE_INSTR_RESTRICTED) | TG_GATE_INSTR_KNOWN |
                (symbol->allowlisted & 1u ? TG_GATE_INSTR_ALLOWLISTED : 0u) |
                (symbol->allowlisted & 2u ? TG_GATE_INSTR_DEGRADE : 0u) | (symbol->status == 1 ? 0u : TG_GATE_INSTR_HALTED));
  instr->gate.type_mask = 1u << TG_TYPE_LIMIT;
  core->fsm_in.book_cnt = core->instr_cnt;
  if (first) core->fsm_in.book_unsynced = 1;
  if (core->configured) tg_core_reconfigure(core);
}

static void on_filter(tg_core_t *core, const tg_msg_t *in) {
  if (in->instr_idx >= core->cfg.instr_cap) {
    bad(core, in, in->instr_idx, core->cfg.instr_cap);
    return;
  }
  tg_core_instr_t *instr = &core->instr[in->instr_idx];
  if (tg_filters_on_filter(&instr->filters, &in->u.cfg_filter, in->flags) != 0) {
    bad(core, in, 0, 0);
  } else {
    filter_line(core, instr, in);
  }
  if (core->configured) tg_core_reconfigure(core);
}

static void on_done(tg_core_t *core, const tg_msg_t *in) {
  bool first = !core->configured;
  if (first) core->epoch = (uint32_t)in->u.cfg_done.timer_no & 0xFFFFFu;
  uint32_t version = core->limits_version;
  tg_core_reconfigure(core);
  if (version == core->limits_version) tg_core_guards_version(core);
  core->configured = 1;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (core->instr[i].known) core->cfg.strategy->init(core->instr[i].strategy_state, i);
    core->instr[i].force = 1;
  }
  if (first) tg_core_ask_sync(core, 0, true);
}

void tg_core_on_cfg(tg_core_t *core, const tg_msg_t *in) {
  switch ((tg_msg_kind_t)in->kind) {
    case TG_CFG_SYMBOL:
      on_symbol(core, in);
      break;
    case TG_CFG_FILTER:
      on_filter(core, in);
      break;
    case TG_CFG_SET:
      if (in->u.cfg_set.scope != TG_SCOPE_ENGINE) {
        tg_core_guards_scope(core, in);
        break;
      }
      if (tg_core_conf_apply(&core->conf, in->u.cfg_set.key_hash, in->u.cfg_set.value) != 0) core->stats.unknown_key_cnt++;
      break;
    default:
      on_done(core, in);
      break;
  }
}

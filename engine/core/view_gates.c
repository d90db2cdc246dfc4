/* Limits, their use and what the gates said, for the operator. */
#include "engine/core/core_state.h"

void tg_core_view_guards(const tg_core_t *core, tg_view_guards_t *out) {
  const tg_guards_t *g = &core->guards;
  const tg_rate_state_t *rate = &core->rate;
  *out = (tg_view_guards_t){.now_ns = core->now_ns,
                            .limits_version = core->limits_version,
                            .circuit_state = core->snap.circuit,
                            .circuit_error_cnt = g->circuit.window.sum,
                            .circuit_probe_ns = g->circuit.probe_from_ns,
                            .circuit_probe_good_cnt = g->circuit.good_in_row,
                            .circuit_backoff = g->circuit.backoff,
                            .circuit_opened_cnt = g->circuit.opened_cnt,
                            .reject_cnt = g->rejects.row_cnt,
                            .reject_storm = g->rejects.storm,
                            .reject_until_ns = g->rejects.until_ns,
                            .reject_storm_cnt = g->rejects.storm_cnt,
                            .reject_post_only_cnt = g->rejects.post_only_cnt,
                            .repeat_latched = g->repeat.latched,
                            .repeat_fill_cnt = g->repeat.fills.sum,
                            .repeat_entry_cnt = g->repeat.entries.sum,
                            .repeat_latch_cnt = g->repeat.latch_cnt,
                            .loss_streak_cnt = g->streak.cnt,
                            .loss_until_ns = g->streak.until_ns,
                            .degrade_on = g->degrade.on,
                            .degrade_causes = g->degrade.causes,
                            .degrade_changed_ns = g->degrade.changed_ns,
                            .degrade_cnt = g->degrade.on_cnt,
                            .manual = core->snap.manual,
                            .decision = core->snap.decision,
                            .decision_day_no = g->decision.day_no,
                            .decision_version = g->decision.version,
                            .day_no = g->day.day_no,
                            .day_next_ns = g->day.next_ns,
                            .day_entry_cnt = (uint64_t)g->day.entry_cnt,
                            .day_notional_e8 = g->day.notional_e8,
                            .drawdown_latched = core->drawdown.latched,
                            .rate_pause_until_ns = rate->pause_until_ns,
                            .weight_used = rate->weight_used,
                            .weight_limit = rate->weight_limit,
                            .orders_10s_used = tg_rate_orders_10s(rate),
                            .orders_10s_limit = tg_rate_cap_10s(rate),
                            .orders_min_used = tg_rate_orders_min(rate),
                            .orders_min_limit = tg_rate_cap_min(rate),
                            .pass_cnt = core->stats.gate.passed_cnt,
                            .block_cnt = core->stats.gate.blocked_cnt};
  for (unsigned i = 0; i < 4; i++) out->rate_left[i] = rate->left[i];
  for (unsigned i = 0; i < TG_GATE_CNT; i++) out->bit_cnt[i] = core->stats.gate.bit_cnt[i];
  for (unsigned i = 0; i < TG_REASON_CNT; i++) out->reason_cnt[i] = core->stats.gate.reason_cnt[i];
}

static int64_t e8_of(tg_i128 worth_q16) {
  tg_i128 value = (worth_q16 + (((tg_i128)1 << TG_WORTH_Q) - 1)) >> TG_WORTH_Q;
  return value > INT64_MAX ? INT64_MAX : value < -INT64_MAX ? -INT64_MAX : (int64_t)value;
}

/* part of whole in units of 1/scale, rounded up; INT64_MAX when there is no whole. */
static int64_t share(int64_t part, int64_t whole, int64_t scale) {
  if (part <= 0) return 0;
  if (whole <= 0) return INT64_MAX;
  tg_i128 value = ((tg_i128)part * scale + whole - 1) / whole;
  return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t age(uint64_t now_ns, uint64_t at_ns) {
  return at_ns == 0 || now_ns < at_ns ? INT64_MAX : (int64_t)(now_ns - at_ns);
}

/* Money that is taken: gross, net, their shares, drawdown, day. */
static void money_use(const tg_core_t *core, uint16_t instr_idx, int64_t *use) {
  const tg_exposure_t *all = &core->exposure;
  const tg_exposure_instr_t *one = &all->instr[instr_idx];
  int64_t equity = core->drawdown.equity_e8, gross = e8_of(all->gross_q16);
  int64_t net = larger(0, larger(e8_of(all->net_long_q16), e8_of(all->net_short_q16)));
  const tg_limits_t *lim = &core->instr[instr_idx].limits;
  tg_i128 wide = ((tg_i128)(equity > 0 ? equity : 0) * (tg_i128)lim->gross_equity_q16) >> TG_WORTH_Q;
  int64_t cap = wide < lim->max_gross_e8 ? (int64_t)wide : lim->max_gross_e8;
  use[TG_LIMIT_GROSS] = gross;
  use[TG_LIMIT_GROSS_EQUITY] = share(gross, equity, 100);
  use[TG_LIMIT_NET] = net;
  use[TG_LIMIT_NET_EQUITY] = share(net, equity, 100);
  use[TG_LIMIT_LEVERAGE] = share(gross, equity, TG_E8);
  use[TG_LIMIT_CONCENTRATION] = share(e8_of(one->gross_q16), cap, 100);
  use[TG_LIMIT_DRAWDOWN_SESSION] = tg_drawdown_session_e8(&core->drawdown);
  use[TG_LIMIT_DRAWDOWN_DAY] = tg_drawdown_day_e8(&core->drawdown);
  use[TG_LIMIT_DAY_NOTIONAL] = core->guards.day.notional_e8;
}

static void count_use(const tg_core_t *core, uint16_t instr_idx, int64_t *use) {
  const tg_core_instr_t *instr = &core->instr[instr_idx];
  const tg_exposure_instr_t *one = &core->exposure.instr[instr_idx];
  const tg_guards_t *g = &core->guards;
  int64_t offset = core->snap.clock_offset_ns;
  use[TG_LIMIT_MD_AGE] = age(core->now_ns, instr->gate.book_rx_ns);
  use[TG_LIMIT_MARK_AGE] = age(core->now_ns, instr->gate.mark_rx_ns);
  use[TG_LIMIT_SESSION_AGE] = age(core->now_ns, core->snap.session_rx_ns);
  use[TG_LIMIT_CLOCK_BOUND] = core->snap.clock_known ? (offset < 0 ? -offset : offset) + core->snap.clock_error_ns : INT64_MAX;
  use[TG_LIMIT_RATE_S] = core->rate.sum_1s;
  use[TG_LIMIT_RATE_MIN] = core->rate.sum_min;
  use[TG_LIMIT_OPEN_ORDERS] = core->snap.open_cnt;
  use[TG_LIMIT_OPEN_ORDERS_INSTR] = instr->gate.open_cnt;
  use[TG_LIMIT_IN_FLIGHT] = core->snap.in_flight_cnt;
  use[TG_LIMIT_POSITION] = larger(tg_exposure_worst_long(one), tg_exposure_worst_short(one));
  use[TG_LIMIT_POSITIONS] = core->exposure.busy_cnt;
  use[TG_LIMIT_DAY_ENTRIES] = g->day.entry_cnt;
  use[TG_LIMIT_DAY_QTY] = g->day.instr[instr_idx].qty_lots;
  use[TG_LIMIT_REPEAT_FILLS] = g->repeat.fills.sum;
  use[TG_LIMIT_REPEAT_ENTRIES] = g->repeat.entries.sum;
  use[TG_LIMIT_REJECTS] = (int64_t)g->rejects.row_cnt;
  use[TG_LIMIT_LOSS_STREAK] = g->streak.cnt;
  use[TG_LIMIT_CIRCUIT_ERRORS] = g->circuit.window.sum;
}

void tg_core_view_gates(const tg_core_t *core, uint16_t instr_idx, tg_view_gates_t *out) {
  const tg_core_instr_t *instr = &core->instr[instr_idx];
  *out = (tg_view_gates_t){.known = instr->known,
                           .flags = instr->gate.flags,
                           .cut_pct = instr->limits.cut_pct,
                           .pass_cnt = instr->gate_stat.passed_cnt,
                           .block_cnt = instr->gate_stat.blocked_cnt};
  for (unsigned i = 0; i < TG_LIMIT_CNT; i++) {
    out->limit[i] = tg_limit_value(&instr->limits, i);
    out->scope[i] = instr->limits.scope_of[i];
    out->use[i] = TG_VIEW_USE_NONE;
  }
  money_use(core, instr_idx, out->use);
  count_use(core, instr_idx, out->use);
  for (unsigned i = 0; i < TG_GATE_CNT; i++) out->bit_cnt[i] = instr->gate_stat.bit_cnt[i];
  for (unsigned i = 0; i < TG_REASON_CNT; i++) out->reason_cnt[i] = instr->gate_stat.reason_cnt[i];
}

static void publish(tg_seqlock_t *lock, const void *view, size_t bytes) {
  uint64_t word[TG_SEQLOCK_WORDS_MAX];
  memcpy(word, view, bytes);
  tg_seqlock_write(lock, word, bytes / 8);
}

void tg_core_publish_gates(tg_core_t *core, tg_core_shared_t *shared) {
  tg_view_guards_t guards;
  tg_core_view_guards(core, &guards);
  publish(&shared->guards, &guards, sizeof guards);
  uint16_t idx = core->view_next < core->cfg.instr_cap ? core->view_next : 0; /* one a call: 64 of them would be felt */
  core->view_next = (uint16_t)(idx + 1);
  if (!core->instr[idx].known) return;
  tg_view_gates_t gates;
  tg_core_view_gates(core, idx, &gates);
  publish(&shared->gates[idx], &gates, sizeof gates);
}

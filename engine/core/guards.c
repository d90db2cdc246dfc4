#include "engine/core/guards.h"

#include "engine/core/core_state.h"

#define CODE_NO_SUCH_ORDER (-2011)
#define CODE_NO_SUCH_ORDER_QUERY (-2013)
#define CODE_POST_ONLY (-5022) /* a normal outcome: cool down, re-price, count */

static uint64_t ms(int64_t value_ms) {
  return value_ms < 0 ? 0 : (uint64_t)value_ms * (uint64_t)TG_NS_PER_MS;
}

void tg_core_guards_init(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  for (unsigned i = 0; i < TG_INSTR_MAX; i++) g->advisory[i].reach_ticks = INT64_MAX;
  tg_day_init(&g->day, 0, 0);
  core->snap.rejects = &g->rejects;
  core->snap.day = &g->day;
  core->snap.advisory = &g->advisory[0];
  (void)tg_core_guards_wide(core);
}

/* ---- what the snapshot carries of the machines ---- */

static void decision(tg_core_t *core) {
  const tg_guards_t *g = &core->guards;
  core->snap.decision = tg_decision_judge(&g->decision, g->day.day_no, core->conf.risk_decision_enforced != 0);
}

static void manual(tg_core_t *core) {
  core->degrade_manual = core->guards.degrade.on && core->conf.degrade_manual != 0;
  core->snap.manual = core->conf.intent_approval != 0 || core->degrade_manual;
}

static bool circuit_open(const tg_core_t *core) {
  return core->guards.circuit.state != TG_CIRCUIT_CLOSED || core->guards.circuit_told;
}

/* ---- limits ---- */

static void new_version(tg_core_t *core) {
  core->limits_version++;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (core->instr[i].known) core->guards.limits_due_bits |= UINT64_C(1) << i;
  }
}

/* Limits of all instruments anew; true when one changed. */
static bool limits(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  bool changed = false;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    tg_limits_t now;
    tg_limits_make_scoped(&now, &core->conf, &g->scoped, i, &instr->filters,
                          g->degrade.on ? core->conf.degrade_notional_pct : 100);
    changed |= memcmp(&now, &instr->limits, sizeof now) != 0;
    instr->limits = now;
  }
  if (changed) new_version(core);
  return changed;
}

const tg_core_conf_t *tg_core_guards_wide(tg_core_t *core) {
  uint8_t scope_of[TG_SCOPED_CNT];
  tg_scoped_narrow(&core->guards.scoped, &core->conf, TG_INSTR_NONE, &core->guards.wide, scope_of);
  return &core->guards.wide;
}

static void machines(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  const tg_core_conf_t *conf = &g->wide;
  tg_circuit_cfg_t circuit = {conf->risk_circuit_errors, conf->risk_circuit_probes, ms(conf->risk_circuit_window_ms),
                              ms(conf->risk_circuit_open_ms)};
  tg_circuit_cfg_set(&g->circuit, &circuit);
  tg_rejects_cfg_t rejects = {conf->risk_reject_max, ms(conf->risk_reject_same_ms), ms(conf->risk_reject_cooldown_ms)};
  tg_rejects_cfg_set(&g->rejects, &rejects);
  tg_repeat_cfg_t repeat = {conf->risk_repeat_fills, conf->risk_repeat_entries, ms(conf->risk_repeat_window_ms)};
  tg_repeat_cfg_set(&g->repeat, &repeat);
  g->streak.limit = conf->risk_loss_streak;
  g->streak.cooldown_ns = ms(conf->risk_loss_cooldown_ms);
  g->degrade.cooldown_ns = ms(conf->degrade_cooldown_ms);
  g->advisory_cfg = (tg_advisory_cfg_t){.horizon_ns = ms(conf->risk_fill_prob_horizon_ms),
                                        .toxic_max_e8 = conf->risk_toxic_max,
                                        .fill_prob_on = conf->risk_fill_prob_enforced != 0,
                                        .min_pct = (uint8_t)conf->risk_fill_prob_min_pct,
                                        .toxic_on = conf->risk_toxic_enforced != 0};
  for (unsigned i = 0; i < TG_INSTR_MAX; i++) g->advisory[i] = (tg_advisory_t){INT64_MAX, 0};
}

static void day_line(tg_core_t *core, uint16_t instr_idx, const tg_day_t *line) {
  tg_guards_t *g = &core->guards;
  if (instr_idx < TG_INSTR_MAX) {
    if (!tg_day_restore(&g->day, instr_idx, line)) return;
    g->day_due_bits |= UINT64_C(1) << instr_idx;
    g->day_due_account = 1;
    return;
  }
  if (tg_drawdown_restore(&core->drawdown, line->day_no, line->peak_e8)) core->fsm_dirty = 1;
  if (tg_streak_restore(&g->streak, core->now_ns, line->loss_streak)) /* a row of losses knows no day */
    tg_core_tell_alarm(core, TG_ALARM_LOSS_STREAK, TG_INSTR_NONE, 0, g->streak.cnt, g->streak.limit);
  core->snap.loss_until_ns = g->streak.until_ns;
}

/* DAY lines that came before the settings said when a day begins. */
static void day_waiting(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    if (g->day_wait_bits >> i & 1u) day_line(core, i, &g->day_wait[i]);
  }
  if (g->day_wait_account) day_line(core, TG_INSTR_NONE, &g->day_wait[TG_INSTR_MAX]);
  g->day_wait_bits = g->day_wait_account = 0;
}

void tg_core_guards_configure(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  uint64_t roll_ns = (uint64_t)core->conf.risk_day_roll_s * (uint64_t)TG_NS_PER_S;
  machines(core);
  if (core->configured) {
    tg_day_roll_set(&g->day, core->now_ns, roll_ns);
  } else {
    tg_day_init(&g->day, core->now_ns, roll_ns);
  }
  core->drawdown.roll_ns = roll_ns;
  if (!core->configured) day_waiting(core);
  (void)limits(core);
  decision(core);
  manual(core);
  g->conf_kept = core->conf;
  g->scoped_kept = g->scoped;
}

void tg_core_guards_version(tg_core_t *core) {
  new_version(core);
}

void tg_core_guards_scope(tg_core_t *core, const tg_msg_t *in) {
  const tg_cfg_set_t *set = &in->u.cfg_set;
  if (tg_scoped_apply(&core->guards.scoped, set->key_hash, set->scope, in->instr_idx, set->value) != 0)
    core->stats.unknown_key_cnt++;
}

/* ---- degrade policy, circuit ---- */

static void degrade(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  uint8_t causes = g->operator_word ? TG_DEGRADE_OPERATOR : 0u;
  if (core->conf.degrade_on_circuit && circuit_open(core)) causes |= TG_DEGRADE_CIRCUIT;
  uint8_t was_on = g->degrade.on;
  if (!tg_degrade_eval(&g->degrade, causes, core->now_ns)) return;
  tg_core_tell_alarm2(core, TG_ALARM_DEGRADE, TG_INSTR_NONE, 0, was_on, g->degrade.on, causes, 0);
  core->snap.degraded = g->degrade.on;
  manual(core);
  (void)limits(core);
  core->fsm_dirty = 1; /* what strategies may do is worked out with it */
  core->quote_all = 1;
}

static void circuit_moved(tg_core_t *core, uint8_t before) {
  tg_guards_t *g = &core->guards;
  core->snap.circuit = circuit_open(core) ? (g->circuit.state != TG_CIRCUIT_CLOSED ? g->circuit.state : TG_CIRCUIT_OPEN) : 0u;
  core->fsm_in.circuit_open = circuit_open(core);
  core->fsm_dirty = 1;
  if (before != g->circuit.state)
    tg_core_tell_alarm2(core, TG_ALARM_CIRCUIT, TG_INSTR_NONE, 0, before, g->circuit.state, g->circuit.window.sum,
                        (int64_t)g->circuit.backoff);
  if (g->circuit.state == TG_CIRCUIT_HALF_OPEN) tg_core_ask_sync(core, TG_ALARM_CIRCUIT, true); /* the probe */
  degrade(core);
}

void tg_core_guards_on_venue_error(tg_core_t *core) {
  uint8_t before = core->guards.circuit.state;
  if (tg_circuit_on_error(&core->guards.circuit, core->now_ns)) circuit_moved(core, before);
}

void tg_core_guards_on_sync(tg_core_t *core, bool good) {
  tg_guards_t *g = &core->guards;
  uint8_t before = g->circuit.state;
  bool changed = tg_circuit_on_probe(&g->circuit, core->now_ns, good);
  if (changed || g->circuit.state == TG_CIRCUIT_HALF_OPEN) circuit_moved(core, before);
}

void tg_core_guards_on_health(tg_core_t *core, bool open) {
  core->guards.circuit_told = open;
  circuit_moved(core, core->guards.circuit.state);
}

/* ---- orders and their answers ---- */

void tg_core_guards_before(tg_core_t *core, const tg_core_instr_t *instr) {
  tg_guards_t *g = &core->guards;
  tg_advisory_t *advisory = &g->advisory[instr->idx];
  core->snap.advisory = advisory;
  g->seen_ok = 0;
  if (TG_LIKELY(!g->advisory_cfg.fill_prob_on && !g->advisory_cfg.toxic_on)) return;
  const tg_feature_view_t *feature = tg_feature_view(&instr->feature);
  tg_advisory_in_t in = {.mid_half_ticks = feature->top_ok ? feature->mid_half_ticks : 0,
                         .volatility_bps_e8 = feature->vol_ok ? feature->vol_fast_bps_e8 : 0,
                         .toxicity_e8 = feature->toxicity_e8};
  *advisory = tg_advisory_make(&g->advisory_cfg, &in);
}

void tg_core_guards_passed(tg_core_t *core, const tg_order_req_t *req) {
  tg_guards_t *g = &core->guards;
  tg_explain_make(&core->snap, req->instr_idx, (tg_side_t)req->side, (tg_intent_t)req->intent, g->seen);
  g->seen_ok = 1;
}

void tg_core_guards_on_send(tg_core_t *core, const tg_order_req_t *req) {
  tg_guards_t *g = &core->guards;
  tg_rejects_on_send(&g->rejects, core->now_ns);
  if (req->action != TG_REQUEST_PLACE || req->intent != TG_INTENT_INCREASE_RISK) return;
  tg_day_on_entry(&g->day, req->instr_idx);
  g->day_due_bits |= UINT64_C(1) << req->instr_idx;
}

/* A refused place or amend. An amend of an order that is gone lost a race; that is no refusal of what was asked. */
static void refused(tg_core_t *core, const tg_order_t *o, const tg_ex_answer_t *answer) {
  tg_rejects_t *rejects = &core->guards.rejects;
  bool amend = answer->request == TG_REQUEST_AMEND;
  if (amend && (answer->venue_code == CODE_NO_SUCH_ORDER || answer->venue_code == CODE_NO_SUCH_ORDER_QUERY)) return;
  uint64_t key =
      tg_dup_key(o->instr_idx, o->side, amend ? o->want_px_ticks : o->px_ticks, amend ? o->want_qty_lots : o->qty_lots);
  if (tg_rejects_on_refused(rejects, core->now_ns, key, answer->venue_code == CODE_POST_ONLY))
    tg_core_tell_alarm(core, TG_ALARM_REJECT_STORM, o->instr_idx, o->client_id, (int64_t)rejects->row_cnt, answer->venue_code);
}

void tg_core_guards_on_answer(tg_core_t *core, const tg_order_t *o, const tg_ex_answer_t *answer) {
  bool unknown = answer->outcome != TG_OUTCOME_CONFIRMED && answer->outcome != TG_OUTCOME_REFUSED;
  if (unknown || answer->http_status >= 500) tg_core_guards_on_venue_error(core);
  bool order = answer->request == TG_REQUEST_PLACE || answer->request == TG_REQUEST_AMEND;
  if (unknown || !order || answer->request != o->request) return; /* a late or doubled answer says nothing new */
  if (answer->outcome == TG_OUTCOME_REFUSED || answer->status == TG_STATUS_REJECTED) {
    refused(core, o, answer);
  } else if (answer->status != TG_STATUS_EXPIRED && tg_rejects_on_taken(&core->guards.rejects)) {
    core->quote_all = 1; /* the storm is over */
  }
}

void tg_core_guards_on_fill(tg_core_t *core, const tg_core_instr_t *instr, const tg_ex_fill_t *fill, int64_t before_lots,
                            bool ours) {
  tg_guards_t *g = &core->guards;
  if (!ours) return;
  int64_t after = instr->pos.qty_lots;
  bool entry = after != 0 && (before_lots == 0 || (before_lots < 0) != (after < 0));
  tg_day_on_fill(&g->day, instr->idx, fill->qty_lots, tg_filters_notional_e8(&instr->filters, fill->px_ticks, fill->qty_lots));
  g->day_due_bits |= UINT64_C(1) << instr->idx;
  if (!tg_repeat_on_fill(&g->repeat, core->now_ns, entry)) return;
  core->snap.repeat_latched = 1;
  bool by_fills = (int64_t)g->repeat.fills.sum > g->repeat.cfg.fills;
  tg_core_tell_alarm2(core, TG_ALARM_REPEAT_THROTTLE, instr->idx, 0,
                      (int64_t)(by_fills ? g->repeat.fills.sum : g->repeat.entries.sum),
                      by_fills ? g->repeat.cfg.fills : g->repeat.cfg.entries, by_fills ? 1 : 2, 0);
}

void tg_core_guards_on_trip(tg_core_t *core, uint16_t instr_idx, int64_t net_e8) {
  tg_guards_t *g = &core->guards;
  bool holds = tg_streak_on_trip(&g->streak, core->now_ns, net_e8);
  core->snap.loss_until_ns = g->streak.until_ns;
  if (holds) tg_core_tell_alarm(core, TG_ALARM_LOSS_STREAK, instr_idx, 0, g->streak.cnt, g->streak.limit);
}

/* ---- messages, verbs ---- */

void tg_core_guards_on_msg(tg_core_t *core, const tg_msg_t *in) {
  tg_guards_t *g = &core->guards;
  if (in->kind == TG_DECISION) {
    g->decision = in->u.decision;
    decision(core);
    core->quote_all = 1;
    return;
  }
  bool account = in->instr_idx == TG_INSTR_NONE;
  if (!account && in->instr_idx >= core->cfg.instr_cap) {
    core->stats.bad_msg_cnt++;
    return;
  }
  if (core->configured) {
    day_line(core, in->instr_idx, &in->u.day);
  } else if (account) {
    g->day_wait[TG_INSTR_MAX] = in->u.day;
    g->day_wait_account = 1;
  } else {
    g->day_wait[in->instr_idx] = in->u.day;
    g->day_wait_bits |= UINT64_C(1) << in->instr_idx;
  }
}

static int reenable(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  bool repeat = tg_repeat_clear(&g->repeat), rejects = tg_rejects_clear(&g->rejects);
  core->snap.repeat_latched = 0;
  return repeat || rejects ? 0 : -TG_ENOTFOUND;
}

/* The CFG_SET lines before the verb take effect. Looser limits need the risk role: else everything goes back. */
static int limit(tg_core_t *core, uint8_t role) {
  tg_guards_t *g = &core->guards;
  bool looser = false;
  for (uint16_t i = 0; i < core->cfg.instr_cap && role < TG_ROLE_RISK; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    tg_limits_t now;
    tg_limits_make_scoped(&now, &core->conf, &g->scoped, i, &instr->filters, instr->limits.cut_pct);
    looser |= tg_limits_looser(&now, &instr->limits);
  }
  if (looser) {
    core->conf = g->conf_kept;
    g->scoped = g->scoped_kept;
    return -TG_EPERM;
  }
  uint32_t version = core->limits_version;
  tg_core_reconfigure(core);
  if (version == core->limits_version) new_version(core);
  return 0;
}

int tg_core_guards_cmd(tg_core_t *core, const tg_msg_t *in) {
  tg_guards_t *g = &core->guards;
  switch ((tg_verb_t)in->u.cmd.verb) {
    case TG_VERB_REENABLE:
      return reenable(core);
    case TG_VERB_DEGRADE:
      g->operator_word = 1;
      degrade(core);
      return 0;
    case TG_VERB_DEGRADE_OFF:
      if (!g->operator_word) return -TG_ENOTFOUND;
      g->operator_word = 0;
      degrade(core);
      return 0;
    case TG_VERB_LIMIT:
      return limit(core, in->u.cmd.role);
    default:
      return -TG_EUNSUPPORTED;
  }
}

/* ---- time ---- */

void tg_core_guards_day_rolled(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) g->day_due_bits |= UINT64_C(1) << i;
  g->day_due_account = 1;
  g->day_told_ns = 0;
  decision(core);
  core->quote_all = 1;
}

void tg_core_guards_timer(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  uint8_t before = g->circuit.state;
  if (tg_circuit_on_time(&g->circuit, core->now_ns)) circuit_moved(core, before);
  if (g->degrade.on) degrade(core);
  tg_core_guards_tell_day(core);
}

/* ---- what is told ---- */

static void tell_day(tg_core_t *core, uint16_t instr_idx) {
  tg_guards_t *g = &core->guards;
  tg_day_t *line = &tg_core_emit(core, TG_OUT_DAY, instr_idx)->u.out_day;
  line->day_no = g->day.day_no;
  if (instr_idx < TG_INSTR_MAX) {
    const tg_day_use_t *use = &g->day.instr[instr_idx];
    line->entry_cnt = use->entry_cnt;
    line->qty_lots = use->qty_lots;
    line->notional_e8 = use->notional_e8;
    return;
  }
  line->entry_cnt = g->day.entry_cnt;
  line->notional_e8 = g->day.notional_e8;
  line->peak_e8 = g->peak_told_e8;
  line->loss_streak = g->streak_told;
}

/* The account's line changes with the day's peak and the streak. */
static bool account_due(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  const tg_drawdown_t *dd = &core->drawdown;
  int64_t peak_e8 = dd->known && dd->day_no == g->day.day_no ? dd->day_peak_e8 : 0;
  bool due = g->day_due_account || peak_e8 != g->peak_told_e8 || g->streak.cnt != g->streak_told;
  g->peak_told_e8 = peak_e8;
  g->streak_told = g->streak.cnt;
  return due;
}

void tg_core_guards_tell_day(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  if (!core->configured) return;
  bool lately = g->day_told_ns != 0 && core->now_ns - g->day_told_ns < TG_GUARDS_DAY_TELL_NS;
  if (lately && !core->stopping) return; /* a clean end leaves nothing untold */
  for (uint16_t i = 0; i < core->cfg.instr_cap && g->day_due_bits != 0; i++) {
    if (!(g->day_due_bits >> i & 1u)) continue;
    if (!tg_core_room(core, TG_CORE_ROOM_KEPT)) return; /* the next timer goes on */
    if (core->instr[i].known) tell_day(core, i);
    g->day_due_bits &= ~(UINT64_C(1) << i);
    g->day_told_ns = core->now_ns;
  }
  if (!account_due(core)) return;
  tell_day(core, TG_INSTR_NONE);
  g->day_due_account = 0;
  g->day_told_ns = core->now_ns;
}

static void tell_limits(tg_core_t *core, uint16_t instr_idx) {
  const tg_limits_t *lim = &core->instr[instr_idx].limits;
  for (unsigned first = 0; first < TG_LIMIT_CNT; first += 5) {
    tg_out_limits_t *line = &tg_core_emit(core, TG_OUT_LIMITS, instr_idx)->u.out_limits;
    line->version = core->limits_version;
    line->first = (uint8_t)first;
    line->cnt = (uint8_t)(TG_LIMIT_CNT - first < 5 ? TG_LIMIT_CNT - first : 5);
    for (unsigned i = 0; i < line->cnt; i++) line->value[i] = tg_limit_value(lim, first + i);
  }
}

void tg_core_guards_tell(tg_core_t *core) {
  tg_guards_t *g = &core->guards;
  for (uint16_t i = 0; i < core->cfg.instr_cap && g->limits_due_bits != 0; i++) {
    if (!(g->limits_due_bits >> i & 1u)) continue;
    if (!core->configured || !tg_core_room(core, TG_GUARDS_LIMITS_LINES + TG_CORE_ROOM_KEPT)) return;
    tell_limits(core, i);
    g->limits_due_bits &= ~(UINT64_C(1) << i);
  }
}

void tg_core_guards_explain(tg_core_t *core, const tg_core_instr_t *instr, const tg_out_decision_t *line) {
  tg_guards_t *g = &core->guards;
  bool acted = line->decision != TG_ROUTE_BLOCK && line->decision != TG_ROUTE_NONE;
  if (line->gate_mask == 0 && (!acted || !g->seen_ok)) return; /* the router's word, or a cancel: no gate had a say */
  if (line->gate_mask != 0)
    tg_explain_make(&core->snap, instr->idx, (tg_side_t)(line->side & 1u), (tg_intent_t)line->intent, g->seen);
  g->seen_ok = 0;
  for (uint8_t part = 0; part < TG_EXPLAIN_PARTS; part++) {
    tg_out_gates_t *told = &tg_core_emit(core, TG_OUT_GATES, instr->idx)->u.out_gates;
    told->client_id = line->client_id;
    told->limits_version = core->limits_version;
    told->part = part;
    told->part_cnt = TG_EXPLAIN_PARTS;
    for (unsigned i = 0; i < 4; i++) told->value[i] = g->seen[part * 4u + i];
  }
}

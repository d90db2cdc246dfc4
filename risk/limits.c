#include "risk/limits.h"

#include <string.h>

static int64_t set_or_zero(int64_t value) {
  return value > 0 ? value : 0;
}

/* A share that no account has, but whose products stay small. */
static int64_t bounded(int64_t value_pct) {
  return value_pct > 1000000000 ? 1000000000 : value_pct;
}

static int64_t pct_of(int64_t value_pct) {
  return value_pct > 100 ? 100 : set_or_zero(value_pct);
}

/* 100% at most: the gates' products are made for it. */
static int64_t bps_of(int64_t value_bps) {
  return value_bps > 10000 ? 10000 : set_or_zero(value_bps);
}

/* ms -> ns; the settings' bounds (10^7 ms) keep it far from overflow, a hand-made one saturates. */
static int64_t ns_of_ms(int64_t value_ms) {
  int64_t most = INT64_MAX / TG_NS_PER_MS;
  if (value_ms > most) value_ms = most;
  return set_or_zero(value_ms) * TG_NS_PER_MS;
}

static uint64_t ns_of_s(int64_t value_s) {
  int64_t most = INT64_MAX / TG_NS_PER_S;
  if (value_s > most) value_s = most;
  return (uint64_t)(set_or_zero(value_s) * TG_NS_PER_S);
}

static void judge(tg_limits_t *limits) {
#define TG_LIMIT_UNSET(NAME, field, reduce, unit) limits->unset |= (uint64_t)(limits->field <= 0) << TG_LIMIT_##NAME;
  TG_LIMIT_TABLE(TG_LIMIT_UNSET)
#undef TG_LIMIT_UNSET
#define TG_LIMIT_REDUCE(NAME, field, reduce, unit) | (uint64_t)(reduce) << TG_LIMIT_##NAME
  const uint64_t reduce_needs = 0 TG_LIMIT_TABLE(TG_LIMIT_REDUCE);
#undef TG_LIMIT_REDUCE
  limits->unset_for[TG_INTENT_NONE] = 1;
  limits->unset_for[TG_INTENT_CANCEL] = 0;
  limits->unset_for[TG_INTENT_REDUCE_RISK] = (limits->unset & reduce_needs) != 0;
  limits->unset_for[TG_INTENT_INCREASE_RISK] = limits->unset != 0;
}

/* The settings as they are. */
static void take(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters) {
  limits->max_order_qty_lots = tg_filters_lots_of(filters, conf->risk_max_order_qty);
  limits->max_order_notional_e8 = set_or_zero(conf->risk_max_order_notional);
  limits->collar_entry_bps = bps_of(conf->risk_collar_entry_bps);
  limits->collar_exit_bps = bps_of(conf->risk_collar_exit_bps);
  limits->md_age_ns = ns_of_ms(conf->risk_md_age_ms);
  limits->mark_age_ns = ns_of_ms(conf->risk_mark_age_ms);
  limits->session_age_ns = ns_of_ms(conf->risk_session_age_ms);
  limits->clock_bound_ns = ns_of_ms(conf->risk_clock_bound_ms);
  limits->rate_per_s = set_or_zero(conf->risk_rate_per_s);
  limits->rate_per_min = set_or_zero(conf->risk_rate_per_min);
  limits->max_open_orders = set_or_zero(conf->risk_max_open_orders);
  limits->max_open_orders_instr = set_or_zero(conf->risk_max_open_orders_instr);
  limits->max_in_flight = set_or_zero(conf->risk_max_in_flight);
  limits->max_position_lots = tg_filters_lots_of(filters, conf->risk_max_position);
  limits->max_gross_e8 = set_or_zero(conf->risk_max_gross);
  limits->max_gross_equity_pct = set_or_zero(conf->risk_max_gross_equity_pct);
  limits->max_net_e8 = set_or_zero(conf->risk_max_net);
  limits->max_net_equity_pct = set_or_zero(conf->risk_max_net_equity_pct);
  limits->max_leverage_e8 = set_or_zero(conf->risk_max_leverage);
  limits->drawdown_session_e8 = set_or_zero(conf->risk_drawdown_session);
  limits->drawdown_day_e8 = set_or_zero(conf->risk_drawdown_day);
  limits->window_from_ns = ns_of_s(conf->risk_window_from_s);
  limits->window_until_ns = ns_of_s(conf->risk_window_until_s);
}

static void take_guards(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters) {
  limits->max_concentration_pct = pct_of(conf->risk_max_concentration_pct);
  limits->max_positions = set_or_zero(conf->risk_max_positions);
  limits->stop_bps = bps_of(conf->risk_stop_bps);
  limits->max_trade_risk_e8 = set_or_zero(conf->risk_max_trade_risk);
  limits->max_trade_risk_equity_bps = bps_of(conf->risk_max_trade_risk_equity_bps);
  limits->day_entries = set_or_zero(conf->risk_day_entries);
  limits->day_qty_lots = tg_filters_lots_of(filters, conf->risk_day_qty);
  limits->day_notional_e8 = set_or_zero(conf->risk_day_notional);
  limits->repeat_fills = set_or_zero(conf->risk_repeat_fills);
  limits->repeat_entries = set_or_zero(conf->risk_repeat_entries);
  limits->repeat_window_ns = ns_of_ms(conf->risk_repeat_window_ms);
  limits->reject_max = set_or_zero(conf->risk_reject_max);
  limits->loss_streak = set_or_zero(conf->risk_loss_streak);
  limits->loss_cooldown_ns = ns_of_ms(conf->risk_loss_cooldown_ms);
  limits->circuit_errors = set_or_zero(conf->risk_circuit_errors);
  limits->circuit_window_ns = ns_of_ms(conf->risk_circuit_window_ms);
}

/* The share that the degrade policy leaves, rounded down; what was set stays set. */
static int64_t cut_to(int64_t value, int64_t pct) {
  int64_t share = (int64_t)((tg_i128)value * pct / 100);
  return share == 0 && value > 0 ? 1 : share;
}

static void cut(tg_limits_t *limits, int64_t pct) {
  limits->cut_pct = (uint8_t)pct;
  limits->max_order_notional_e8 = cut_to(limits->max_order_notional_e8, pct);
  limits->max_gross_e8 = cut_to(limits->max_gross_e8, pct);
  limits->max_gross_equity_pct = cut_to(limits->max_gross_equity_pct, pct);
  limits->max_net_e8 = cut_to(limits->max_net_e8, pct);
  limits->max_net_equity_pct = cut_to(limits->max_net_equity_pct, pct);
}

/* What the chain compares with, from the limits as they are. */
static void derive(tg_limits_t *limits, const tg_filters_t *filters) {
  limits->max_order_units = tg_filters_units_of(filters, limits->max_order_notional_e8, false);
  limits->max_gross_q16 = (tg_u128)(uint64_t)limits->max_gross_e8 << 16;
  limits->max_net_q16 = (tg_u128)(uint64_t)limits->max_net_e8 << 16;
  limits->gross_equity_q16 = (uint64_t)bounded(limits->max_gross_equity_pct) * 65536 / 100;
  limits->net_equity_q16 = (uint64_t)bounded(limits->max_net_equity_pct) * 65536 / 100;
  limits->leverage_q16 = (uint64_t)((tg_u128)(uint64_t)limits->max_leverage_e8 * 65536 / (uint64_t)TG_E8);
  limits->max_one_q16 = limits->max_gross_q16 * (uint64_t)limits->max_concentration_pct / 100;
  limits->one_equity_q16 = limits->gross_equity_q16 * (uint64_t)limits->max_concentration_pct / 100;
  limits->trade_risk_q16 = ((tg_u128)(uint64_t)limits->max_trade_risk_e8 << 16) * 10000;
  limits->trade_equity_q16 = (uint64_t)limits->max_trade_risk_equity_bps << 16;
  limits->day_notional_q16 = (tg_u128)(uint64_t)limits->day_notional_e8 << 16;
  judge(limits);
}

void tg_limits_make(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters) {
  memset(limits, 0, sizeof *limits);
  take(limits, conf, filters);
  take_guards(limits, conf, filters);
  limits->cut_pct = 100;
  derive(limits, filters);
}

void tg_limits_make_scoped(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_scoped_t *scoped, uint16_t instr_idx,
                           const tg_filters_t *filters, int64_t cut_pct) {
  static const uint8_t limit_of[TG_SCOPED_CNT] = {
#define SCOPED(key, LIMIT, account, strategy, instrument) TG_LIMIT_##LIMIT,
#include "engine/conf/scoped.def"
#undef SCOPED
  };
  tg_core_conf_t narrow;
  uint8_t scope_of[TG_SCOPED_CNT];
  tg_scoped_narrow(scoped, conf, instr_idx, &narrow, scope_of);
  memset(limits, 0, sizeof *limits);
  take(limits, &narrow, filters);
  take_guards(limits, &narrow, filters);
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) limits->scope_of[limit_of[k]] = scope_of[k];
  cut(limits, cut_pct < 1 ? 1 : cut_pct > 100 ? 100 : cut_pct);
  derive(limits, filters);
}

int64_t tg_limit_value(const tg_limits_t *limits, unsigned limit) {
  switch (limit) {
#define TG_LIMIT_VALUE(NAME, field, reduce, unit) \
  case TG_LIMIT_##NAME: \
    return limits->field;
    TG_LIMIT_TABLE(TG_LIMIT_VALUE)
#undef TG_LIMIT_VALUE
    default:
      return 0;
  }
}

tg_limit_unit_t tg_limit_unit(unsigned limit) {
  static const uint8_t units[TG_LIMIT_CNT] = {
#define TG_LIMIT_ROW_UNIT(NAME, field, reduce, unit) TG_LIMIT_UNIT_##unit,
      TG_LIMIT_TABLE(TG_LIMIT_ROW_UNIT)
#undef TG_LIMIT_ROW_UNIT
  };
  return limit < TG_LIMIT_CNT ? (tg_limit_unit_t)units[limit] : TG_LIMIT_UNIT_CNT;
}

/* A stop further away makes the same order riskier, so a nearer default is the looser one; times that hold are looser when
 * shorter. */
static bool greater_is_tighter(unsigned limit) {
  return limit == TG_LIMIT_STOP || limit == TG_LIMIT_REPEAT_WINDOW || limit == TG_LIMIT_LOSS_COOLDOWN ||
         limit == TG_LIMIT_CIRCUIT_WINDOW;
}

bool tg_limits_looser(const tg_limits_t *now, const tg_limits_t *before) {
  for (unsigned i = 0; i < TG_LIMIT_CNT; i++) {
    int64_t is = tg_limit_value(now, i), was = tg_limit_value(before, i);
    bool tighter = greater_is_tighter(i) && is > 0 && was > 0;
    if (tighter ? is < was : is > was) return true;
  }
  return now->window_from_ns < before->window_from_ns || now->window_until_ns > before->window_until_ns;
}

const char *tg_limit_name(unsigned limit) {
  switch (limit) {
#define TG_LIMIT_NAME(NAME, field, reduce, unit) \
  case TG_LIMIT_##NAME: \
    return #field;
    TG_LIMIT_TABLE(TG_LIMIT_NAME)
#undef TG_LIMIT_NAME
    default:
      return "?";
  }
}

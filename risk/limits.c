#include "risk/limits.h"

#include <string.h>

static int64_t set_or_zero(int64_t value) {
  return value > 0 ? value : 0;
}

/* A share that no account has, but whose products stay small. */
static int64_t bounded(int64_t value_pct) {
  return value_pct > 1000000000 ? 1000000000 : value_pct;
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
#define TG_LIMIT_UNSET(NAME, field, reduce) limits->unset |= (uint32_t)(limits->field <= 0) << TG_LIMIT_##NAME;
  TG_LIMIT_TABLE(TG_LIMIT_UNSET)
#undef TG_LIMIT_UNSET
#define TG_LIMIT_REDUCE(NAME, field, reduce) | (uint32_t)(reduce) << TG_LIMIT_##NAME
  const uint32_t reduce_needs = 0 TG_LIMIT_TABLE(TG_LIMIT_REDUCE);
#undef TG_LIMIT_REDUCE
  limits->unset_for[TG_INTENT_NONE] = 1;
  limits->unset_for[TG_INTENT_CANCEL] = 0;
  limits->unset_for[TG_INTENT_REDUCE_RISK] = (limits->unset & reduce_needs) != 0;
  limits->unset_for[TG_INTENT_INCREASE_RISK] = limits->unset != 0;
}

void tg_limits_make(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters) {
  memset(limits, 0, sizeof *limits);
  limits->max_order_qty_lots = tg_filters_lots_of(filters, conf->risk_max_order_qty);
  limits->max_order_notional_e8 = set_or_zero(conf->risk_max_order_notional);
  limits->max_order_units = tg_filters_units_of(filters, limits->max_order_notional_e8, false);
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
  limits->max_gross_q16 = (tg_u128)(uint64_t)limits->max_gross_e8 << 16;
  limits->max_net_q16 = (tg_u128)(uint64_t)limits->max_net_e8 << 16;
  limits->gross_equity_q16 = (uint64_t)bounded(limits->max_gross_equity_pct) * 65536 / 100;
  limits->net_equity_q16 = (uint64_t)bounded(limits->max_net_equity_pct) * 65536 / 100;
  limits->leverage_q16 = (uint64_t)((tg_u128)(uint64_t)limits->max_leverage_e8 * 65536 / (uint64_t)TG_E8);
  limits->drawdown_session_e8 = set_or_zero(conf->risk_drawdown_session);
  limits->drawdown_day_e8 = set_or_zero(conf->risk_drawdown_day);
  limits->window_from_ns = ns_of_s(conf->risk_window_from_s);
  limits->window_until_ns = ns_of_s(conf->risk_window_until_s);
  judge(limits);
}

const char *tg_limit_name(unsigned limit) {
  switch (limit) {
#define TG_LIMIT_NAME(NAME, field, reduce) \
  case TG_LIMIT_##NAME: \
    return #field;
    TG_LIMIT_TABLE(TG_LIMIT_NAME)
#undef TG_LIMIT_NAME
    default:
      return "?";
  }
}

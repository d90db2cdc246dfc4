/* limits.h - one instrument's limits in the units that the gates compare with.
 * What:    made from the CORE settings and the instrument's scales, once per change, so that no gate divides.
 * Owner:   the core keeps one per instrument; rebuilt on CFG_SET, CFG_SYMBOL, CFG_FILTER, CFG_DONE.
 * Threads: one lane.
 * Limit:   0 is "unset" and blocks (bit 3); it never means unlimited.
 * Errors:  none: what cannot be made stays unset. */
#ifndef TG_RISK_LIMITS_H
#define TG_RISK_LIMITS_H

#include "engine/conf/conf.h"
#include "risk/filters.h"

/* Which limit is unset; L(NAME, field, needed by REDUCE_RISK too). */
#define TG_LIMIT_TABLE(L) \
  L(ORDER_QTY, max_order_qty_lots, 1) \
  L(ORDER_NOTIONAL, max_order_notional_e8, 1) \
  L(COLLAR_ENTRY, collar_entry_bps, 0) \
  L(COLLAR_EXIT, collar_exit_bps, 1) \
  L(MD_AGE, md_age_ns, 1) \
  L(MARK_AGE, mark_age_ns, 1) \
  L(SESSION_AGE, session_age_ns, 1) \
  L(CLOCK_BOUND, clock_bound_ns, 1) \
  L(RATE_S, rate_per_s, 1) \
  L(RATE_MIN, rate_per_min, 1) \
  L(OPEN_ORDERS, max_open_orders, 0) \
  L(OPEN_ORDERS_INSTR, max_open_orders_instr, 0) \
  L(IN_FLIGHT, max_in_flight, 0) \
  L(POSITION, max_position_lots, 0) \
  L(GROSS, max_gross_e8, 0) \
  L(GROSS_EQUITY, max_gross_equity_pct, 0) \
  L(NET, max_net_e8, 0) \
  L(NET_EQUITY, max_net_equity_pct, 0) \
  L(LEVERAGE, max_leverage_e8, 0) \
  L(DRAWDOWN_SESSION, drawdown_session_e8, 0) \
  L(DRAWDOWN_DAY, drawdown_day_e8, 0)

#define TG_LIMIT_BIT(NAME, field, reduce) TG_LIMIT_##NAME,
enum tg_limit { TG_LIMIT_TABLE(TG_LIMIT_BIT) TG_LIMIT_CNT };
#undef TG_LIMIT_BIT

typedef struct tg_limits {
  int64_t max_order_qty_lots; /* smaller of settings and venue filter is enforced by bits 6 and 10 */
  int64_t max_order_notional_e8;
  union {
    struct {
      int64_t collar_entry_bps, collar_exit_bps;
    };
    int64_t collar_bps[2]; /* the same: 0 entry, 1 exit */
  };
  int64_t md_age_ns, mark_age_ns, session_age_ns, clock_bound_ns;
  int64_t rate_per_s, rate_per_min; /* enforced through tg_rate_cfg_t; here for bit 3 only */
  int64_t max_open_orders, max_open_orders_instr, max_in_flight;
  int64_t max_position_lots;
  int64_t max_gross_e8, max_gross_equity_pct;
  int64_t max_net_e8, max_net_equity_pct;
  int64_t max_leverage_e8;
  int64_t drawdown_session_e8, drawdown_day_e8;
  tg_u128 max_gross_q16, max_net_q16;                      /* times 2^16, as exposure.h counts */
  uint64_t gross_equity_q16, net_equity_q16, leverage_q16; /* share of equity * 2^16, rounded down: cap_q16 = equity_e8 * it */
  tg_u128 max_order_units;                                 /* max_order_notional_e8 as px_fine * qty_lots (filters.h) */
  uint64_t window_from_ns, window_until_ns;                /* bit 5; both ends are plain instants, 0 = 1970 */
  uint32_t unset;                                          /* bit per TG_LIMIT_*: unset */
  uint8_t unset_for[4]; /* indexed by tg_intent_t: an action of that intent lacks a limit; NONE 1, CANCEL 0 */
} tg_limits_t;

/* Fills `limits` from the settings and the instrument's scales. Negative settings count as unset. */
void tg_limits_make(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters);
/* "max_gross_e8" for TG_LIMIT_GROSS; "?" outside. */
const char *tg_limit_name(unsigned limit);

#endif

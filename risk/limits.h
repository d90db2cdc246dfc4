/* limits.h - one instrument's limits in the units that the gates compare with.
 * What:    made from the CORE settings, the narrower scopes (engine/conf/scoped.h: the smallest wins) and the instrument's
 *          scales, once per change, so that no gate divides. While the degrade policy is on, order, gross and net limits
 *          are cut to its share.
 * Owner:   the core keeps one per instrument; rebuilt on CFG_SET, CFG_SYMBOL, CFG_FILTER, CFG_DONE, LIMIT, degrade on/off.
 * Threads: one lane.
 * Limit:   0 is "unset" and blocks (bit 3); it never means unlimited.
 * Errors:  none: what cannot be made stays unset. */
#ifndef TG_RISK_LIMITS_H
#define TG_RISK_LIMITS_H

#include "engine/conf/conf.h"
#include "risk/filters.h"

/* Which limit is unset; L(NAME, field, needed by REDUCE_RISK too, unit). Numbers lie on tapes (OUT_LIMITS): append only. */
#define TG_LIMIT_TABLE(L) \
  L(ORDER_QTY, max_order_qty_lots, 1, LOTS) \
  L(ORDER_NOTIONAL, max_order_notional_e8, 1, E8) \
  L(COLLAR_ENTRY, collar_entry_bps, 0, BPS) \
  L(COLLAR_EXIT, collar_exit_bps, 1, BPS) \
  L(MD_AGE, md_age_ns, 1, NS) \
  L(MARK_AGE, mark_age_ns, 1, NS) \
  L(SESSION_AGE, session_age_ns, 1, NS) \
  L(CLOCK_BOUND, clock_bound_ns, 1, NS) \
  L(RATE_S, rate_per_s, 1, CNT) \
  L(RATE_MIN, rate_per_min, 1, CNT) \
  L(OPEN_ORDERS, max_open_orders, 0, CNT) \
  L(OPEN_ORDERS_INSTR, max_open_orders_instr, 0, CNT) \
  L(IN_FLIGHT, max_in_flight, 0, CNT) \
  L(POSITION, max_position_lots, 0, LOTS) \
  L(GROSS, max_gross_e8, 0, E8) \
  L(GROSS_EQUITY, max_gross_equity_pct, 0, PCT) \
  L(NET, max_net_e8, 0, E8) \
  L(NET_EQUITY, max_net_equity_pct, 0, PCT) \
  L(LEVERAGE, max_leverage_e8, 0, E8) \
  L(DRAWDOWN_SESSION, drawdown_session_e8, 0, E8) \
  L(DRAWDOWN_DAY, drawdown_day_e8, 0, E8) \
  L(CONCENTRATION, max_concentration_pct, 0, PCT) \
  L(POSITIONS, max_positions, 0, CNT) \
  L(STOP, stop_bps, 0, BPS) \
  L(TRADE_RISK, max_trade_risk_e8, 0, E8) \
  L(TRADE_RISK_EQUITY, max_trade_risk_equity_bps, 0, BPS) \
  L(DAY_ENTRIES, day_entries, 0, CNT) \
  L(DAY_QTY, day_qty_lots, 0, LOTS) \
  L(DAY_NOTIONAL, day_notional_e8, 0, E8) \
  L(REPEAT_FILLS, repeat_fills, 0, CNT) \
  L(REPEAT_ENTRIES, repeat_entries, 0, CNT) \
  L(REPEAT_WINDOW, repeat_window_ns, 0, NS) \
  L(REJECTS, reject_max, 0, CNT) \
  L(LOSS_STREAK, loss_streak, 0, CNT) \
  L(LOSS_COOLDOWN, loss_cooldown_ns, 0, NS) \
  L(CIRCUIT_ERRORS, circuit_errors, 0, CNT) \
  L(CIRCUIT_WINDOW, circuit_window_ns, 0, NS)

#define TG_LIMIT_BIT(NAME, field, reduce, unit) TG_LIMIT_##NAME,
enum tg_limit { TG_LIMIT_TABLE(TG_LIMIT_BIT) TG_LIMIT_CNT };
#undef TG_LIMIT_BIT

/* Unit of a limit's value: lots of the instrument, _e8, bps, percent, nanoseconds, a count. */
typedef enum tg_limit_unit {
  TG_LIMIT_UNIT_LOTS,
  TG_LIMIT_UNIT_E8,
  TG_LIMIT_UNIT_BPS,
  TG_LIMIT_UNIT_PCT,
  TG_LIMIT_UNIT_NS,
  TG_LIMIT_UNIT_CNT
} tg_limit_unit_t;

typedef struct tg_limits {
  /* what one order is held against, first */
  union {
    struct {
      int64_t collar_entry_bps, collar_exit_bps;
    };
    int64_t collar_bps[2]; /* the same: 0 entry, 1 exit */
  };
  int64_t max_order_qty_lots; /* smaller of settings and venue filter is enforced by bits 6 and 10 */
  int64_t md_age_ns, mark_age_ns, session_age_ns, clock_bound_ns;
  int64_t max_open_orders, max_open_orders_instr, max_in_flight;
  int64_t max_position_lots, max_positions;
  int64_t stop_bps;
  int64_t day_entries, day_qty_lots;
  uint64_t window_from_ns, window_until_ns;                /* bit 5; both ends are plain instants, 0 = 1970 */
  tg_u128 max_order_units;                                 /* max_order_notional_e8 as px_fine * qty_lots (filters.h) */
  tg_u128 max_gross_q16, max_net_q16;                      /* times 2^16, as exposure.h counts */
  tg_u128 max_one_q16;                                     /* bit 23: one instrument's share of max_gross_q16 */
  tg_u128 trade_risk_q16;                                  /* bit 24: value_q16 * stop_bps that one order may reach */
  tg_u128 day_notional_q16;                                /* bit 25 */
  uint64_t gross_equity_q16, net_equity_q16, leverage_q16; /* share of equity * 2^16, rounded down: cap_q16 = equity_e8 * it */
  uint64_t one_equity_q16;                                 /* bit 23: of gross_equity_q16 */
  uint64_t trade_equity_q16;                               /* bit 24: bps of equity * 2^16 */
  uint8_t unset_for[4]; /* indexed by tg_intent_t: an action of that intent lacks a limit; NONE 1, CANCEL 0 */
  uint32_t pad0;
  /* for other modules and for the operator */
  int64_t max_order_notional_e8;
  int64_t rate_per_s, rate_per_min; /* enforced through tg_rate_cfg_t; here for bit 3 only */
  int64_t max_gross_e8, max_gross_equity_pct;
  int64_t max_net_e8, max_net_equity_pct;
  int64_t max_leverage_e8;
  int64_t drawdown_session_e8, drawdown_day_e8;
  int64_t max_concentration_pct;
  int64_t max_trade_risk_e8, max_trade_risk_equity_bps;
  int64_t day_notional_e8;
  int64_t repeat_fills, repeat_entries, repeat_window_ns;
  int64_t reject_max;
  int64_t loss_streak, loss_cooldown_ns;
  int64_t circuit_errors, circuit_window_ns;
  uint64_t unset;                 /* bit per TG_LIMIT_*: unset */
  uint8_t scope_of[TG_LIMIT_CNT]; /* tg_scope_t whose value won */
  uint8_t cut_pct;                /* share that the degrade policy leaves; 100 = off */
} tg_limits_t;

/* Fills `limits` from the settings and the instrument's scales. Negative settings count as unset. */
void tg_limits_make(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_filters_t *filters);
/* The same with the narrower scopes (the smallest wins) and, for order, gross and net limits, only cut_pct (1..100) of it. */
void tg_limits_make_scoped(tg_limits_t *limits, const tg_core_conf_t *conf, const tg_scoped_t *scoped, uint16_t instr_idx,
                           const tg_filters_t *filters, int64_t cut_pct);
/* Value of a limit as the table has it; 0 outside. */
int64_t tg_limit_value(const tg_limits_t *limits, unsigned limit);
tg_limit_unit_t tg_limit_unit(unsigned limit);
/* True when a limit of `now` is looser than in `before` (greater, or set where it was unset). */
bool tg_limits_looser(const tg_limits_t *now, const tg_limits_t *before);
/* "max_gross_e8" for TG_LIMIT_GROSS; "?" outside. */
const char *tg_limit_name(unsigned limit);

#endif

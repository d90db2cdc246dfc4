/* advisory.h - advisory filters (bit 32), each behind its own switch.
 * What:    fill probability: of a driftless walk with volatility s, P(the touch travels d within T) = 2 (1 - N(d / (s sqrt T)))
 *          (reflection principle; Karatzas, Shreve, Brownian Motion and Stochastic Calculus, 2.6). It is at least p exactly
 *          when d <= z(p) s sqrt T with z(p) = N^-1(1 - p/2), so the filter is one comparison against a reach worked out once
 *          for each volatility: reach_ticks = floor(z(p) * s_bps * sqrt(T) * mid / 10^4). d is how far the price lies behind
 *          the best price of its own side; at or before it: 0.
 *          toxicity: the market's score at or above the bound holds.
 * Owner:   the core keeps one per instrument.
 * Threads: one lane; pure, fixed point.
 * Limit:   probabilities in whole percent; mid below 2^49 half ticks; horizon up to an hour.
 * Errors:  none; volatility unknown while the filter is on: reach -1, everything is held (fail closed). */
#ifndef TG_RISK_ADVISORY_H
#define TG_RISK_ADVISORY_H

#include "engine/base/types.h"

typedef struct tg_advisory {
  int64_t reach_ticks; /* an order further behind its touch is too unlikely to fill; INT64_MAX: filter off */
  uint64_t toxic;      /* 1: flow too toxic */
} tg_advisory_t;

typedef struct tg_advisory_cfg {
  uint64_t horizon_ns;
  int64_t toxic_max_e8;
  uint8_t fill_prob_on, min_pct, toxic_on, pad0[5];
} tg_advisory_cfg_t;

typedef struct tg_advisory_in {
  int64_t mid_half_ticks;    /* bid + ask; 0 unknown */
  int64_t volatility_bps_e8; /* bps per square root of a second; 0 unknown */
  int64_t toxicity_e8;
} tg_advisory_in_t;

tg_advisory_t tg_advisory_make(const tg_advisory_cfg_t *cfg, const tg_advisory_in_t *in);
/* Standard deviation of the mid over the horizon, in ticks * 2^16, rounded down; 0 unknown. */
uint64_t tg_advisory_sigma_q16(const tg_advisory_in_t *in, uint64_t horizon_ns);
/* Greatest whole percentage p with P(fill) >= p for an order distance_ticks (>= 0) behind its touch; 0 when sigma is 0. */
unsigned tg_advisory_fill_pct(int64_t distance_ticks, uint64_t sigma_q16);
/* z(p) * 10^8 for p = 1..100 percent, rounded to nearest; INT64_MAX for 0. */
int64_t tg_advisory_z_e8(unsigned pct);

#endif

/* rate.h - how many requests may still leave: own caps and the venue's budget, with shares kept back.
 * What:    sliding windows by buckets (1 s of 100 ms, 10 s and 60 s of 1 s), counted a bucket longer than their name, so
 *          never too many; the venue's own counts (RATE message) plus what we sent since.
 *          Of every budget a share is kept for cancels and one for reductions:
 *          INCREASE_RISK may use 100 - cancel% - reduce%, REDUCE_RISK 100 - cancel%, CANCEL all. (Of the venue's order
 *          counts, which cancels do not touch, only the share for reductions is kept.)
 * Owner:   the core; one per account.
 * Threads: one lane.
 * Limit:   counts below 2^31.
 * Errors:  none; no limit told = the settings' defaults; a cap of 0 lets nothing pass. */
#ifndef TG_RISK_RATE_H
#define TG_RISK_RATE_H

#include "engine/conf/conf.h"
#include "engine/msg/msg.h"

#define TG_RATE_BUCKETS_FINE 11 /* 100 ms each: the running one and ten full ones */
#define TG_RATE_BUCKETS_10S 11  /* 1 s each */
#define TG_RATE_BUCKETS_MIN 61  /* 1 s each */

typedef struct tg_rate_cfg {
  int64_t per_s, per_min;                     /* own caps over all requests; 0 unset = nothing passes */
  int64_t venue_orders_10s, venue_orders_min; /* taken until the venue tells */
  int64_t reserve_cancel_pct, reserve_reduce_pct;
} tg_rate_cfg_t;

typedef struct tg_rate_state {
  /* read by the gate: what each intent may still send, kept up to date by the functions below */
  int64_t left[4];         /* indexed by tg_intent_t; NONE 0; may be negative */
  uint64_t pause_until_ns; /* venue said stop (429, 418): nothing at all before this */
  /* own windows */
  int64_t sum_1s, sum_min;                /* all requests */
  int64_t sum_orders_10s, sum_orders_min; /* those that the venue counts as orders: place, amend */
  uint64_t fine_no, sec_no;               /* numbers of the running buckets: ns / 100 ms, ns / 1 s */
  uint64_t fine_edge_ns;                  /* next instant at which a bucket ends */
  /* the venue's word */
  int64_t venue_used_10s, venue_limit_10s, venue_used_min, venue_limit_min;
  uint64_t venue_ns;                 /* when it was said; 0 never */
  int64_t sent_since_venue;          /* orders sent after it */
  int64_t weight_used, weight_limit; /* request weight, for the screen; cancels weigh 1 */
  tg_rate_cfg_t cfg;
  uint32_t fine[TG_RATE_BUCKETS_FINE];
  uint32_t sec[TG_RATE_BUCKETS_MIN];
  uint32_t sec_orders[TG_RATE_BUCKETS_MIN];
} tg_rate_state_t;

/* The rate part of the settings. */
tg_rate_cfg_t tg_rate_cfg_make(const tg_core_conf_t *conf);
/* Empty windows at now_ns. */
void tg_rate_init(tg_rate_state_t *rate, const tg_rate_cfg_t *cfg, uint64_t now_ns);
/* New settings, windows kept. */
void tg_rate_cfg_set(tg_rate_state_t *rate, const tg_rate_cfg_t *cfg);
/* Slow half of tg_rate_on_time: moves the windows. */
void tg_rate_advance(tg_rate_state_t *rate, uint64_t now_ns);
/* Time passes; call once a message before gates. Time that goes back is ignored. */
static inline void tg_rate_on_time(tg_rate_state_t *rate, uint64_t now_ns) {
  if (TG_UNLIKELY(now_ns >= rate->fine_edge_ns)) tg_rate_advance(rate, now_ns);
}
/* A request of that kind leaves now; call in the same commit as the reservation. QUERY and CANCEL weigh on our own caps
 * only (the venue counts place and amend as orders). */
void tg_rate_on_send(tg_rate_state_t *rate, tg_request_t request);
/* The venue's own counts. */
void tg_rate_on_venue(tg_rate_state_t *rate, const tg_rate_t *told, uint64_t now_ns);
/* Orders that count against the venue's caps now, and those caps (told, else the settings'). */
int64_t tg_rate_orders_10s(const tg_rate_state_t *rate);
int64_t tg_rate_orders_min(const tg_rate_state_t *rate);
int64_t tg_rate_cap_10s(const tg_rate_state_t *rate);
int64_t tg_rate_cap_min(const tg_rate_state_t *rate);
/* True while the venue wants silence: the core holds even cancels (faults.md, 8). */
static inline bool tg_rate_paused(const tg_rate_state_t *rate, uint64_t now_ns) {
  return now_ns < rate->pause_until_ns;
}
/* Requests this intent may still send now; 0 when paused or used up. Router input. */
static inline int64_t tg_rate_left(const tg_rate_state_t *rate, tg_intent_t intent, uint64_t now_ns) {
  int64_t left = rate->left[(unsigned)intent & 3u];
  return tg_rate_paused(rate, now_ns) || left < 0 ? 0 : left;
}

#endif

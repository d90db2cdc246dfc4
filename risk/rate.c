#include "risk/rate.h"

#include <string.h>

#define FINE_NS UINT64_C(100000000)
#define SEC_NS UINT64_C(1000000000)
#define VENUE_10S_NS (10 * SEC_NS)
#define VENUE_MIN_NS (60 * SEC_NS)

tg_rate_cfg_t tg_rate_cfg_make(const tg_core_conf_t *conf) {
  tg_rate_cfg_t cfg = {conf->risk_rate_per_s,
                       conf->risk_rate_per_min,
                       conf->risk_venue_orders_10s,
                       conf->risk_venue_orders_min,
                       conf->risk_rate_reserve_cancel_pct,
                       conf->risk_rate_reserve_reduce_pct};
  return cfg;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* What is left of a cap for an intent that must leave kept_pct of it alone; the share kept is rounded up. */
static int64_t left_of(int64_t cap, int64_t used, int64_t kept_pct) {
  int64_t kept = (cap * kept_pct + 99) / 100;
  return cap - kept - used;
}

/* Orders the venue still takes in a window: the larger of our own sliding count and its word plus what we sent since,
 * while that word is younger than the window. */
static int64_t venue_used(const tg_rate_state_t *rate, int64_t own, int64_t told, uint64_t window_ns, uint64_t now_ns) {
  /* signed: now_ns may be the start of the running bucket, a little before the word */
  if (rate->venue_ns == 0 || (int64_t)(now_ns - rate->venue_ns) >= (int64_t)window_ns) return own;
  return larger(own, told + rate->sent_since_venue);
}

static uint64_t now_of(const tg_rate_state_t *rate) {
  return rate->fine_no * FINE_NS;
}

int64_t tg_rate_orders_10s(const tg_rate_state_t *rate) {
  return venue_used(rate, rate->sum_orders_10s, rate->venue_used_10s, VENUE_10S_NS, now_of(rate));
}

int64_t tg_rate_orders_min(const tg_rate_state_t *rate) {
  return venue_used(rate, rate->sum_orders_min, rate->venue_used_min, VENUE_MIN_NS, now_of(rate));
}

int64_t tg_rate_cap_10s(const tg_rate_state_t *rate) {
  return rate->venue_limit_10s > 0 ? rate->venue_limit_10s : rate->cfg.venue_orders_10s;
}

int64_t tg_rate_cap_min(const tg_rate_state_t *rate) {
  return rate->venue_limit_min > 0 ? rate->venue_limit_min : rate->cfg.venue_orders_min;
}

/* Recomputes left[] from the sums: the gate then only reads. now_ns: the newest time heard. */
static void settle(tg_rate_state_t *rate, uint64_t now_ns) {
  const tg_rate_cfg_t *cfg = &rate->cfg;
  int64_t cap_10s = tg_rate_cap_10s(rate), cap_min = tg_rate_cap_min(rate);
  int64_t used_10s = venue_used(rate, rate->sum_orders_10s, rate->venue_used_10s, VENUE_10S_NS, now_ns);
  int64_t used_min = venue_used(rate, rate->sum_orders_min, rate->venue_used_min, VENUE_MIN_NS, now_ns);
  const int64_t kept[4] = {100, 0, cfg->reserve_cancel_pct, cfg->reserve_cancel_pct + cfg->reserve_reduce_pct};
  for (unsigned intent = 1; intent < 4; intent++) {
    int64_t pct = smaller(kept[intent], 100);
    int64_t left = smaller(left_of(cfg->per_s, rate->sum_1s, pct), left_of(cfg->per_min, rate->sum_min, pct));
    if (intent != TG_INTENT_CANCEL) { /* the venue does not count cancels as orders, so they need no share of that */
      int64_t orders_pct = intent == TG_INTENT_REDUCE_RISK ? 0 : smaller(cfg->reserve_reduce_pct, 100);
      left = smaller(left, left_of(cap_10s, used_10s, orders_pct));
      left = smaller(left, left_of(cap_min, used_min, orders_pct));
    }
    rate->left[intent] = left;
  }
  rate->left[TG_INTENT_NONE] = 0;
}

void tg_rate_init(tg_rate_state_t *rate, const tg_rate_cfg_t *cfg, uint64_t now_ns) {
  memset(rate, 0, sizeof *rate);
  rate->cfg = *cfg;
  rate->fine_no = now_ns / FINE_NS;
  rate->sec_no = now_ns / SEC_NS;
  rate->fine_edge_ns = (rate->fine_no + 1) * FINE_NS;
  settle(rate, now_ns);
}

void tg_rate_cfg_set(tg_rate_state_t *rate, const tg_rate_cfg_t *cfg) {
  rate->cfg = *cfg;
  settle(rate, now_of(rate));
}

/* Opens one more second bucket; what falls out of the windows leaves the sums. */
static void next_second(tg_rate_state_t *rate) {
  rate->sec_no++;
  unsigned slot = (unsigned)(rate->sec_no % TG_RATE_BUCKETS_MIN);
  rate->sum_min -= rate->sec[slot];
  rate->sum_orders_min -= rate->sec_orders[slot];
  rate->sec[slot] = 0;
  rate->sec_orders[slot] = 0;
  rate->sum_orders_10s -= rate->sec_orders[(rate->sec_no + TG_RATE_BUCKETS_MIN - TG_RATE_BUCKETS_10S) % TG_RATE_BUCKETS_MIN];
}

void tg_rate_advance(tg_rate_state_t *rate, uint64_t now_ns) {
  uint64_t fine_no = now_ns / FINE_NS, sec_no = now_ns / SEC_NS;
  if (fine_no <= rate->fine_no) return;
  if (fine_no - rate->fine_no >= TG_RATE_BUCKETS_FINE) {
    memset(rate->fine, 0, sizeof rate->fine);
    rate->sum_1s = 0;
    rate->fine_no = fine_no;
  }
  while (rate->fine_no < fine_no) {
    rate->fine_no++;
    unsigned slot = (unsigned)(rate->fine_no % TG_RATE_BUCKETS_FINE);
    rate->sum_1s -= rate->fine[slot];
    rate->fine[slot] = 0;
  }
  if (sec_no - rate->sec_no >= TG_RATE_BUCKETS_MIN) {
    memset(rate->sec, 0, sizeof rate->sec);
    memset(rate->sec_orders, 0, sizeof rate->sec_orders);
    rate->sum_min = rate->sum_orders_10s = rate->sum_orders_min = 0;
    rate->sec_no = sec_no;
  }
  while (rate->sec_no < sec_no) next_second(rate);
  rate->fine_edge_ns = (rate->fine_no + 1) * FINE_NS;
  settle(rate, now_ns);
}

void tg_rate_on_send(tg_rate_state_t *rate, tg_request_t request) {
  bool order = request == TG_REQUEST_PLACE || request == TG_REQUEST_AMEND;
  rate->fine[rate->fine_no % TG_RATE_BUCKETS_FINE]++;
  rate->sec[rate->sec_no % TG_RATE_BUCKETS_MIN]++;
  rate->sum_1s++;
  rate->sum_min++;
  if (order) {
    rate->sec_orders[rate->sec_no % TG_RATE_BUCKETS_MIN]++;
    rate->sum_orders_10s++;
    rate->sum_orders_min++;
    rate->sent_since_venue++;
  } else {
    rate->weight_used++;
  }
  settle(rate, now_of(rate));
}

void tg_rate_on_venue(tg_rate_state_t *rate, const tg_rate_t *told, uint64_t now_ns) {
  tg_rate_on_time(rate, now_ns);
  if (told->orders_10s_limit > 0 || told->orders_1m_limit > 0) {
    rate->venue_limit_10s = told->orders_10s_limit > 0 ? told->orders_10s_limit : rate->venue_limit_10s;
    rate->venue_limit_min = told->orders_1m_limit > 0 ? told->orders_1m_limit : rate->venue_limit_min;
    rate->venue_used_10s = told->orders_10s_used;
    rate->venue_used_min = told->orders_1m_used;
    rate->venue_ns = now_ns > 0 ? now_ns : 1;
    rate->sent_since_venue = 0;
  }
  if (told->weight_1m_limit > 0) {
    rate->weight_limit = told->weight_1m_limit;
    rate->weight_used = told->weight_1m_used;
  }
  if (told->pause_until_ns > rate->pause_until_ns) rate->pause_until_ns = told->pause_until_ns;
  settle(rate, now_ns);
}

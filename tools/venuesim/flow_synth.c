/* flow_synth.c - the synthetic order flow: other participants' orders, seeded, in the same queues as ours.
 * What:   a hidden fair price (mean-reverting random walk with trends) and a regime switch (quiet, normal, trend, burst)
 *         drive Poisson arrivals of limit orders, cancels and market orders; market orders excite more of their kind (a
 *         Hawkes kernel), and whoever rests on the wrong side of the fair price is swept.
 * Order:  every decision comes from one seeded generator and from the flow's own clock, not from the wall clock.
 * Limits: at most TICK_EVENTS events a wake-up (the flow's clock then falls behind instead of burning the core);
 *         ORDERS_MAX resting orders of others.
 * Errors: none. */
#include <math.h>
#include <stdlib.h>

#include "vs.h"

#define TICK_EVENTS 1500
#define ORDERS_MAX 24000
#define ORDERS_AIM 1800 /* resting orders that cancels steer towards */
#define LAG_MAX_S 0.5
#define WIDE_BPS 0.4 /* a wider spread draws market makers */

enum regime { QUIET, NORMAL, TREND, BURST, REGIME_CNT };

/* events/s, volatility in bps per root second, mean length in s, weight when the next regime is drawn */
static const struct {
  double rate, vol_bps, length_s, weight;
} regime_of[REGIME_CNT] = {{80, 0.8, 4.0, 0.22}, {190, 1.9, 6.0, 0.46}, {300, 2.0, 4.0, 0.24}, {2500, 8.0, 0.35, 0.08}};

struct vs_synth {
  vs_venue *v;
  vs_rng rng;
  enum regime regime;
  double t, regime_end; /* flow clock, seconds */
  double wait;          /* to the next event */
  double wall0;         /* wall seconds that belong to t = 0 */
  double anchor, x;     /* fair = anchor * (1 + x), x in units of 1 */
  double drift;         /* per second */
  double heat[2];       /* Hawkes excitation of market buys and sells */
  double tick;
  vs_timer timer;
};

static double fair(const struct vs_synth *s) {
  return s->anchor * (1.0 + s->x);
}

static double wall_s(void) {
  return (double)vs_mono_us() * 1e-6;
}

static void next_regime(struct vs_synth *s) {
  double u = vs_rng_unit(&s->rng);
  int k = 0;
  while (k < REGIME_CNT - 1 && u > regime_of[k].weight) {
    u -= regime_of[k++].weight;
  }
  s->regime = (enum regime)k;
  s->regime_end = s->t + vs_rng_exp(&s->rng, regime_of[k].length_s);
  s->drift = 0;
  if (k == TREND) { /* 1..3.5 bps a second, against the deviation more often than with it */
    double sign = vs_rng_unit(&s->rng) < 0.5 + s->x * 60.0 ? -1.0 : 1.0;
    s->drift = sign * (1.0 + 2.5 * vs_rng_unit(&s->rng)) * 1e-4;
  }
}

/* Moves the flow's clock by dt and the fair price with it. */
static void advance(struct vs_synth *s, double dt) {
  s->t += dt;
  double vol = regime_of[s->regime].vol_bps * 1e-4;
  s->x += s->drift * dt - s->x * dt / 120.0 + vol * sqrt(dt) * vs_rng_norm(&s->rng);
  if (fabs(s->x) > 0.03) { /* far from a 5 % price filter */
    s->x = copysign(0.03, s->x);
  }
  double cool = exp(-dt / 0.15);
  s->heat[0] *= cool;
  s->heat[1] *= cool;
  if (s->t >= s->regime_end) {
    next_regime(s);
  }
}

static int64_t draw_qty(vs_venue *v, double median) {
  double q = median * exp(1.1 * vs_rng_norm(&v->synth->rng));
  int64_t lots = (int64_t)(q * (double)VS_E8 / (double)v->sym->step);
  if (lots < 1) {
    lots = 1;
  }
  return (lots > 20000 ? 20000 : lots) * v->sym->step;
}

/* A limit order of somebody else, behind or at the touch: it never crosses. */
static void add_limit(vs_venue *v, int side) {
  struct vs_synth *s = v->synth;
  if (v->book.others_cnt >= ORDERS_MAX) {
    return;
  }
  double bps = vs_rng_unit(&s->rng) < 0.6 ? vs_rng_exp(&s->rng, 0.35) : vs_rng_exp(&s->rng, 6.0);
  double dist = fair(s) * bps * 1e-4 + s->tick * 0.5;
  double px = side == VS_BUY ? fair(s) - dist : fair(s) + dist;
  int32_t lvl = (int32_t)(side == VS_BUY ? floor(px / s->tick) : ceil(px / s->tick));
  int32_t touch = v->book.best[1 - side];
  if (touch != VS_NONE && (side == VS_BUY ? lvl >= touch : lvl <= touch)) {
    lvl = side == VS_BUY ? touch - 1 : touch + 1;
  }
  (void)vs_book_add(&v->book, side, lvl, draw_qty(v, bps < 1.0 ? 0.03 : 0.08), VS_NONE);
}

/* A market maker closes a wide spread: quotes near the fair price on the side whose touch is further from it. */
static bool tighten(vs_venue *v) {
  struct vs_synth *s = v->synth;
  int32_t bid = v->book.best[VS_BUY];
  int32_t ask = v->book.best[VS_SELL];
  double mid = fair(s) / s->tick;
  if (bid == VS_NONE || ask == VS_NONE || (ask - bid) < (int32_t)(mid * WIDE_BPS * 1e-4)) return false;
  int side = mid - bid > ask - mid ? VS_BUY : VS_SELL;
  double off = 0.5 + vs_rng_exp(&s->rng, mid * 0.15e-4);
  int32_t lvl = (int32_t)(side == VS_BUY ? floor(mid - off) : ceil(mid + off));
  if (side == VS_BUY ? lvl >= ask || lvl <= bid : lvl <= bid || lvl >= ask) return false;
  return vs_book_add(&v->book, side, lvl, draw_qty(v, 0.05), VS_NONE) >= 0;
}

static void cancel_one(vs_venue *v) {
  struct vs_synth *s = v->synth;
  if (v->book.others_cnt < 200) {
    return;
  }
  int32_t node = v->book.others[vs_rng_below(&s->rng, (uint32_t)v->book.others_cnt)];
  const vs_node *n = &v->book.node[node];
  double bps = fabs((double)n->lvl * s->tick / fair(s) - 1.0) * 1e4;
  double keep = bps < 1.0 ? 0.25 : bps < 25.0 ? 0.45 : 0.05; /* near and far orders go first */
  if (vs_rng_unit(&s->rng) > keep) {
    vs_book_drop(&v->book, node);
  }
}

static void market_order(vs_venue *v, int side) {
  struct vs_synth *s = v->synth;
  int32_t far_lvl = (int32_t)(fair(s) * (side == VS_BUY ? 1.002 : 0.998) / s->tick);
  (void)vs_take_other(v, side, far_lvl, draw_qty(v, 0.035));
  s->heat[side] += 0.35;
  if (s->heat[side] > 4.0) {
    s->heat[side] = 4.0;
  }
}

/* Takes what rests on the wrong side of the fair price. */
static bool sweep(vs_venue *v) {
  struct vs_synth *s = v->synth;
  int32_t at = (int32_t)(fair(s) / s->tick);
  int32_t ask = v->book.best[VS_SELL];
  int32_t bid = v->book.best[VS_BUY];
  if (ask != VS_NONE && ask < at) {
    (void)vs_take_other(v, VS_BUY, at, draw_qty(v, 0.25));
    return true;
  }
  if (bid != VS_NONE && bid > at + 1) {
    (void)vs_take_other(v, VS_SELL, at + 1, draw_qty(v, 0.25));
    return true;
  }
  return false;
}

static void one_event(vs_venue *v) {
  struct vs_synth *s = v->synth;
  double u = vs_rng_unit(&s->rng);
  double hot = s->heat[0] + s->heat[1];
  double market = 0.07 + 0.05 * hot;
  if (u < market) {
    double lean = hot > 0 ? s->heat[VS_BUY] / hot : 0.5;
    double push = s->drift > 0 ? 0.2 : s->drift < 0 ? -0.2 : 0.0;
    market_order(v, vs_rng_unit(&s->rng) < 0.25 + 0.5 * lean + push ? VS_BUY : VS_SELL);
  } else if (u < market + 0.25) {
    if (!sweep(v) && !tighten(v)) cancel_one(v);
  } else if (u <= 0.8 || !tighten(v)) {
    double fill = (double)v->book.others_cnt / ORDERS_AIM; /* steer the size of the book */
    if (vs_rng_unit(&s->rng) < 0.62 / (fill < 0.3 ? 0.3 : fill)) {
      double bids = v->book.level_cnt[VS_BUY] + 20.0; /* the thinner side is filled up first */
      double asks = v->book.level_cnt[VS_SELL] + 20.0;
      add_limit(v, vs_rng_unit(&s->rng) < asks / (bids + asks) ? VS_BUY : VS_SELL);
    } else {
      cancel_one(v);
    }
  }
  vs_txn_end(v);
}

/* Seconds to the next event; drawn once per event, whenever it is asked for, so that wake-ups change no decision. */
static void draw_wait(struct vs_synth *s) {
  s->wait = vs_rng_exp(&s->rng, 1.0 / regime_of[s->regime].rate);
}

static void run_flow(vs_timer *timer) {
  struct vs_synth *s = lws_container_of(timer, struct vs_synth, timer);
  vs_venue *v = s->v;
  double target = (wall_s() - s->wall0) * v->opt.speed;
  for (int k = 0; k < TICK_EVENTS && s->t + s->wait <= target; k++) {
    advance(s, s->wait);
    one_event(v);
    draw_wait(s);
  }
  vs_algo_check(v, false);
  if (target - s->t > LAG_MAX_S * v->opt.speed && s->t + s->wait <= target) { /* cannot keep up: let the flow's clock slip */
    s->wall0 += (target - s->t) / v->opt.speed;
    target = s->t;
  }
  int64_t us = (int64_t)((s->t + s->wait - target) / v->opt.speed * 1e6);
  vs_timer_set(timer, run_flow, us < 1000 ? 1000 : us);
}

static void seed_book(vs_venue *v) {
  for (int k = 0; k < ORDERS_AIM; k++) {
    add_limit(v, k & 1);
  }
  vs_feed_end(v);
}

void vs_synth_open(vs_venue *v) {
  struct vs_synth *s = vs_alloc(1, sizeof *s);
  v->synth = s;
  s->v = v;
  vs_rng_seed(&s->rng, v->opt.seed);
  s->anchor = (double)v->sym->start_px / (double)VS_E8;
  s->tick = (double)v->sym->tick / (double)VS_E8;
  s->regime = NORMAL;
  s->regime_end = 5.0;
  draw_wait(s);
  seed_book(v);
}

void vs_synth_start(vs_venue *v) {
  v->synth->wall0 = wall_s();
  vs_timer_set(&v->synth->timer, run_flow, 1000);
}

void vs_synth_free(vs_venue *v) {
  free(v->synth);
  v->synth = NULL;
}

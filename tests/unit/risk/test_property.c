/* Two properties of the whole chain.
 * Pairs: for every two gates that both block, the earlier one is the reason, whichever broke first, for every kind of action.
 * Streams: whatever is sent and whatever comes back, in whatever order, what could still happen at the venue never exceeds a
 * cap. What could happen is recomputed after every event by a book that shares nothing with the code under test. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/note.h"
#include "tests/unit/risk/fixture.h"

/* ---- pairs ---- */

/* How to trip one gate, and no other, of a world where everything is well. A gate that is built and not listed fails. */
#define TRIP(NAME) static void trip_##NAME(world_t *w)
TRIP(ARMED) {
  w->snap.armed = 0;
}
TRIP(MODE) {
  w->snap.submit = 0;
}
TRIP(KILL) {
  w->snap.kill_latched = 1;
}
TRIP(LIMITS) {
  memset(w->limits.unset_for, 1, sizeof w->limits.unset_for);
}
TRIP(ALLOWED) {
  w->instr.flags |= TG_GATE_INSTR_RESTRICTED;
}
TRIP(WINDOW) {
  w->instr.flags |= TG_GATE_INSTR_HALTED;
}
TRIP(SHAPE) {
  w->filters.max_qty_lots = 9;
}
TRIP(MARKET_DATA) {
  w->instr.book_state = TG_BOOK_STALE;
}
TRIP(CLOCK) {
  w->snap.clock_known = 0;
}
TRIP(COLLAR) {
  w->instr.mark_rx_ns = 0;
}
TRIP(ORDER_QTY) {
  w->limits.max_order_qty_lots = 9;
}
TRIP(ORDER_NOTIONAL) {
  w->limits.max_order_units = tg_filters_units_of(&w->filters, 619 * TG_E8, false);
}
TRIP(DUPLICATE) {
  w->dup.last_client_id = w->req.client_id;
}
TRIP(SELF_MATCH) {
  w->instr.own_ask_px_ticks = w->req.px_ticks;
}
TRIP(REDUCING) { /* a short of nine: the order of ten does not fit into it */
  w->req.order_flags |= TG_ORDER_REDUCE_ONLY;
  tg_exposure_position(&w->exposure, 0, -9);
}
TRIP(RATE) {
  w->rate.pause_until_ns = NOW_NS + 1;
}
TRIP(OPEN_ORDERS) {
  w->snap.in_flight_cnt = 32;
}
TRIP(POSITION) {
  w->limits.max_position_lots = 0; /* even the reduce-only order of the pair with REDUCING would pass it by one */
}
TRIP(GROSS) {
  w->limits.max_gross_q16 = 1;
}
TRIP(NET) {
  w->limits.leverage_q16 = 0;
}
TRIP(PARENT) {
  w->ticket.id = 0;
}
TRIP(REPEAT) {
  w->snap.repeat_latched = 1;
}
TRIP(REJECTS) {
  w->rejects.until_ns = NOW_NS + 1;
}
TRIP(CONCENTRATION) {
  w->limits.max_one_q16 = 0;
}
TRIP(TRADE_RISK) {
  w->limits.trade_risk_q16 = 0;
}
TRIP(DAY_CAP) {
  w->limits.day_qty_lots = 0;
}
TRIP(DRAWDOWN) {
  w->drawdown.latched = 1;
}
TRIP(LOSS_STREAK) {
  w->snap.loss_until_ns = NOW_NS + 1;
}
TRIP(CIRCUIT) {
  w->snap.circuit = TG_CIRCUIT_OPEN;
}
TRIP(FSM) {
  w->snap.fsm_allow = 0;
}
TRIP(DECISION) {
  w->snap.decision = TG_DECISION_BLOCK;
}
TRIP(APPROVAL) {
  w->ticket.approved = 0;
}
TRIP(ADVISORY) {
  w->advisory.toxic = 1;
}
#undef TRIP

typedef void (*trip_t)(world_t *w);
static const trip_t trips[TG_GATE_CNT] = {
#define ROW(NAME) [TG_GATE_##NAME] = trip_##NAME
    ROW(ARMED),      ROW(MODE),        ROW(KILL),     ROW(LIMITS),      ROW(ALLOWED),   ROW(WINDOW),
    ROW(SHAPE),      ROW(MARKET_DATA), ROW(CLOCK),    ROW(COLLAR),      ROW(ORDER_QTY), ROW(ORDER_NOTIONAL),
    ROW(DUPLICATE),  ROW(SELF_MATCH),  ROW(PARENT),   ROW(REDUCING),    ROW(RATE),      ROW(REPEAT),
    ROW(REJECTS),    ROW(OPEN_ORDERS), ROW(POSITION), ROW(GROSS),       ROW(NET),       ROW(CONCENTRATION),
    ROW(TRADE_RISK), ROW(DAY_CAP),     ROW(DRAWDOWN), ROW(LOSS_STREAK), ROW(CIRCUIT),   ROW(FSM),
    ROW(DECISION),   ROW(APPROVAL),    ROW(ADVISORY),
#undef ROW
};

/* What the columns of gates.def say a gate holds, spelt out here once more from spec/gates.md. */
static bool holds(unsigned gate, uint8_t action, tg_intent_t intent) {
  const tg_gate_row_t *row = &tg_gate_rows[gate];
  if (!row->built) return false;
  if (action == TG_REQUEST_CANCEL) return gate == TG_GATE_ARMED || gate == TG_GATE_MODE || gate == TG_GATE_FSM;
  if (action == TG_REQUEST_AMEND && strcmp(row->blocks, "PLACE") == 0) return false;
  if (intent != TG_INTENT_REDUCE_RISK) return true;
  /* the valid touch of the fixture lets a reduction pass on a book that is not live */
  return strcmp(row->reduce, "YES") != 0 && strcmp(row->blocks, "INCREASE") != 0 && gate != TG_GATE_MARKET_DATA;
}

static void pair_of(unsigned first, unsigned second, uint8_t action, tg_intent_t intent) {
  world_t w;
  uint32_t subs;
  world_init(&w, intent);
  w.req.action = action;
  trips[first](&w);
  if (second != first) trips[second](&w);
  uint64_t expected = (uint64_t)holds(first, action, intent) << first | (uint64_t)holds(second, action, intent) << second;
  uint64_t mask = world_mask(&w, &subs);
  cr_assert_eq(mask, expected, "gates %s then %s, action %u intent %u: mask %llx, not %llx", tg_gate_rows[first].name,
               tg_gate_rows[second].name, action, intent, (unsigned long long)mask, (unsigned long long)expected);
  if (mask == 0) return;
  unsigned low = first < second ? first : second, high = first < second ? second : first;
  unsigned reason = holds(low, action, intent) ? low : high;
  cr_assert_eq(tg_gate_lowest(mask), reason);
  uint8_t no = tg_gate_reason(tg_gate_lowest(mask), tg_gate_sub(mask, subs));
  cr_assert_lt(no, TG_REASON_CNT);
  cr_assert_eq(tg_gate_reason_rows[no].gate, reason);
}

Test(property, every_gate_has_a_way_to_trip_it) {
  for (unsigned gate = 0; gate < TG_GATE_CNT; gate++) {
    cr_assert_eq(trips[gate] != NULL, tg_gate_rows[gate].built, "gate %s is built and has no row in trips[], or the other way",
                 tg_gate_rows[gate].name);
  }
}

Test(property, of_every_pair_of_gates_the_earlier_is_the_reason) {
  static const uint8_t actions[][2] = {{TG_REQUEST_PLACE, TG_INTENT_INCREASE_RISK},
                                       {TG_REQUEST_PLACE, TG_INTENT_REDUCE_RISK},
                                       {TG_REQUEST_AMEND, TG_INTENT_INCREASE_RISK},
                                       {TG_REQUEST_AMEND, TG_INTENT_REDUCE_RISK},
                                       {TG_REQUEST_CANCEL, TG_INTENT_CANCEL}};
  unsigned pairs = 0, both = 0;
  for (unsigned a = 0; a < TG_GATE_CNT; a++) {
    for (unsigned b = a; b < TG_GATE_CNT; b++) {
      if (!trips[a] || !trips[b]) continue;
      pairs += a != b;
      for (unsigned i = 0; i < TG_ARRAY_CNT(actions); i++) {
        pair_of(a, b, actions[i][0], (tg_intent_t)actions[i][1]);
        pair_of(b, a, actions[i][0], (tg_intent_t)actions[i][1]);
        both += a != b && holds(a, actions[i][0], (tg_intent_t)actions[i][1]) &&
                holds(b, actions[i][0], (tg_intent_t)actions[i][1]);
      }
    }
  }
  tg_note("%u pairs of gates, %u of (pair, kind of action) block twice", pairs, both);
  cr_assert_eq(pairs, TG_GATE_CNT * (TG_GATE_CNT - 1u) / 2);
}

/* ---- streams ---- */

enum { INSTRS = 3, ORDERS = 96, STEPS = 700, STREAMS = 3000 };

/* One order as the reference knows it: only what was sent and what was told. */
typedef struct life {
  uint64_t client_id;
  int64_t px;
  int64_t qty;      /* terms confirmed, or of the place */
  int64_t want;     /* largest total of the amends without an answer; 0 none */
  int64_t told_cum; /* executions told to the engine */
  int64_t true_qty; /* the venue's terms */
  int64_t true_cum; /* the venue's executions, told or not */
  uint8_t instr, side;
  uint32_t ticket; /* its parent */
  bool there;      /* at the venue, resting */
  bool was_there;  /* the place arrived */
  bool over;       /* the end was told to the engine */
  bool place_open; /* the place has no answer yet */
  bool amend_open;
  int64_t amend_to;     /* what the amend in flight asks */
  bool amend_done;      /* it arrived and was applied */
  tg_reserve_t reserve; /* the code under test */
} life_t;

typedef struct stream {
  uint64_t first, seed; /* of the stream; where its generator stands */
  world_t w; /* limits, rate, dup, drawdown, exposure of the code under test; instr and snap are set for each check */
  tg_gate_instr_t instr[INSTRS];
  int64_t mark_px[INSTRS]; /* in ticks */
  life_t life[ORDERS];
  unsigned life_cnt;
  int64_t true_pos[INSTRS], told_pos[INSTRS];
  int64_t traded[INSTRS], entries; /* of the day, as told */
  uint32_t ticket_no;
  tg_ticket_t ticket[INSTRS][2];
  int64_t forgotten[INSTRS][2]; /* executed by children whose slots serve others now */
  uint64_t now_ns, next_id, step;
  uint64_t sent_ns[8192]; /* when places, amends and cancels left */
  unsigned sent_cnt;
  /* the reference's values after the last event */
  tg_i128 was[16];
  uint64_t passed_cnt, blocked_cnt, increase_cnt, reduce_cnt, amend_cnt, fill_cnt, late_cnt, restart_cnt;
  uint64_t seen; /* all bits that ever blocked */
} stream_t;

static int64_t below(stream_t *s, int64_t n) {
  return random_below(&s->seed, n);
}

/* Most that an order could still execute and was not told: terms confirmed or asked for, whichever is larger. */
static int64_t could_fill(const life_t *o) {
  int64_t qty = o->want > o->qty ? o->want : o->qty;
  return o->over ? 0 : qty - o->told_cum > 0 ? qty - o->told_cum : 0;
}

/* Numbers of one moment, by plain sums over every order ever sent. Money in e8 times 10^8 (no rounding: lots are exact). */
typedef struct picture {
  int64_t longest[INSTRS], shortest[INSTRS];
  tg_i128 gross, net_long, net_short;
  int64_t open, open_instr[INSTRS];
  int64_t could[INSTRS]; /* what both sides could still execute */
  int64_t busy;          /* instruments with a position, or with an order that could make one */
} picture_t;

static tg_i128 worth_of(const stream_t *s, int i) { /* e8 of one lot of 0.001 at a tick of 0.1 */
  return (tg_i128)s->mark_px[i] * 10000;
}

static picture_t picture(const stream_t *s) {
  picture_t p;
  memset(&p, 0, sizeof p);
  for (int i = 0; i < INSTRS; i++) {
    int64_t buys = 0, sells = 0;
    for (unsigned k = 0; k < s->life_cnt; k++) {
      const life_t *o = &s->life[k];
      if (o->instr != i || o->over) continue;
      if (o->side == TG_BUY) {
        buys += could_fill(o);
      } else {
        sells += could_fill(o);
      }
      p.open_instr[i]++;
      p.open++;
    }
    int64_t up = s->told_pos[i] + buys, down = sells - s->told_pos[i];
    p.could[i] = buys + sells;
    p.busy += s->told_pos[i] != 0 || buys + sells > 0;
    p.longest[i] = up > 0 ? up : 0;
    p.shortest[i] = down > 0 ? down : 0;
    int64_t worst = p.longest[i] > p.shortest[i] ? p.longest[i] : p.shortest[i];
    p.gross += worth_of(s, i) * worst;
    p.net_long += worth_of(s, i) * up;
    p.net_short += worth_of(s, i) * down;
  }
  return p;
}

/* What the venue really holds: nothing the engine was told may be less. */
static void check_truth(const stream_t *s, const picture_t *p) {
  for (int i = 0; i < INSTRS; i++) {
    int64_t up = s->true_pos[i], down = -s->true_pos[i];
    for (unsigned k = 0; k < s->life_cnt; k++) {
      const life_t *o = &s->life[k];
      if (o->instr != i) continue;
      int64_t rest = o->there ? o->true_qty - o->true_cum : 0;
      if (!o->was_there && o->place_open && !o->over) rest = o->qty; /* still on its way */
      if (o->there && o->amend_open && !o->amend_done && o->amend_to > o->true_qty) rest = o->amend_to - o->true_cum;
      if (o->side == TG_BUY) {
        up += rest;
      } else {
        down += rest;
      }
    }
    cr_assert_leq(up > 0 ? up : 0, p->longest[i], "seed %lu step %lu: the venue could carry us further than the book says",
                  s->first, s->step);
    cr_assert_leq(down > 0 ? down : 0, p->shortest[i], "seed %lu step %lu", s->first, s->step);
  }
}

/* The table under test says the same, to the lot: nothing is lost, nothing is kept too long. */
static void check_table(const stream_t *s, const picture_t *p) {
  const tg_exposure_t *e = &s->w.exposure;
  tg_i128 gross = 0;
  for (int i = 0; i < INSTRS; i++) {
    cr_assert_eq(e->instr[i].pos_lots, s->told_pos[i], "seed %lu step %lu", s->first, s->step);
    cr_assert_eq(tg_exposure_worst_long(&e->instr[i]), p->longest[i], "seed %lu step %lu: %ld, reference %ld", s->first,
                 s->step, (long)tg_exposure_worst_long(&e->instr[i]), (long)p->longest[i]);
    cr_assert_eq(tg_exposure_worst_short(&e->instr[i]), p->shortest[i], "seed %lu step %lu", s->first, s->step);
    gross += e->instr[i].gross_q16;
  }
  cr_assert(e->gross_q16 == gross);
  cr_assert(e->gross_q16 == p->gross << 16, "seed %lu step %lu", s->first, s->step);
  cr_assert(e->net_long_q16 == p->net_long << 16 && e->net_short_q16 == p->net_short << 16, "seed %lu step %lu", s->first,
            s->step);
}

enum { BY_ACTION, BY_REDUCTION, BY_WORLD };

/* A value above its cap is allowed only where the world put it there; nothing we do may raise it then. */
static void check_cap(const stream_t *s, unsigned slot, tg_i128 value, tg_i128 cap, int by, const char *what) {
  if (by == BY_WORLD || value <= cap || value <= s->was[slot]) return;
  cr_assert_fail("seed %lu step %lu: %s at %.0f, cap %.0f", s->first, s->step, what, (double)value, (double)cap);
}

/* No parent has more live, filled and possible children than it allows, whatever became of the amends and cancels. */
static void check_tickets(const stream_t *s) {
  for (int i = 0; i < INSTRS; i++) {
    for (int side = 0; side < 2; side++) {
      const tg_ticket_t *t = &s->ticket[i][side];
      int64_t used = s->forgotten[i][side];
      for (unsigned k = 0; k < s->life_cnt; k++) {
        if (s->life[k].ticket == t->id) used += s->life[k].told_cum + could_fill(&s->life[k]);
      }
      cr_assert_leq(used, t->qty_lots, "seed %lu step %lu: a parent of %ld has %ld", s->first, s->step, (long)t->qty_lots,
                    (long)used);
    }
  }
}

static void check(stream_t *s, int by) {
  picture_t p = picture(s);
  const tg_core_conf_t *conf = &s->w.conf;
  check_truth(s, &p);
  check_table(s, &p);
  int64_t lots = conf->risk_max_position / 100000;
  tg_i128 equity = s->w.drawdown.equity_e8;
  for (int i = 0; i < INSTRS; i++) {
    check_cap(s, (unsigned)i, p.longest[i] > p.shortest[i] ? p.longest[i] : p.shortest[i], lots, by, "position");
  }
  check_cap(s, 3, p.gross, conf->risk_max_gross, by, "gross");
  check_cap(s, 3, p.gross, equity * conf->risk_max_gross_equity_pct / 100, by, "gross share of equity");
  check_cap(s, 3, p.gross, equity * conf->risk_max_leverage / TG_E8, by, "leverage");
  /* a reduction is never held back by the net of all instruments: closing a hedge may uncover the other leg */
  int net_by = by == BY_REDUCTION ? BY_WORLD : by;
  check_cap(s, 4, p.net_long, conf->risk_max_net, net_by, "net long");
  check_cap(s, 5, p.net_short, conf->risk_max_net, net_by, "net short");
  int count_by = by == BY_REDUCTION ? BY_WORLD : by; /* bit 19 lets reductions pass */
  check_cap(s, 6, p.open, conf->risk_max_open_orders, count_by, "open orders");
  check_cap(s, 7, p.busy, conf->risk_max_positions, count_by, "positions");
  check_cap(s, 8, s->entries, conf->risk_day_entries, by, "entries of the day");
  tg_i128 most_one = conf->risk_max_gross * conf->risk_max_concentration_pct / 100;
  for (int i = 0; i < INSTRS; i++) {
    int64_t worst = p.longest[i] > p.shortest[i] ? p.longest[i] : p.shortest[i];
    check_cap(s, 9 + (unsigned)i, worth_of(s, i) * worst, most_one, by, "concentration");
    check_cap(s, 12 + (unsigned)i, s->traded[i] + p.could[i], conf->risk_day_qty / 100000, count_by, "quantity of the day");
    s->was[9 + i] = worth_of(s, i) * worst;
    s->was[12 + i] = s->traded[i] + p.could[i];
  }
  s->was[7] = p.busy;
  s->was[8] = s->entries;
  check_tickets(s);
  for (int i = 0; i < INSTRS; i++) s->was[i] = p.longest[i] > p.shortest[i] ? p.longest[i] : p.shortest[i];
  s->was[3] = p.gross;
  s->was[4] = p.net_long;
  s->was[5] = p.net_short;
  s->was[6] = p.open;
}

/* Requests of the last second and minute, the one just sent included. */
static void check_rate(stream_t *s) {
  int64_t second = 0, minute = 0;
  s->sent_ns[s->sent_cnt++ % TG_ARRAY_CNT(s->sent_ns)] = s->now_ns;
  unsigned cnt = s->sent_cnt < TG_ARRAY_CNT(s->sent_ns) ? s->sent_cnt : (unsigned)TG_ARRAY_CNT(s->sent_ns);
  for (unsigned i = 0; i < cnt; i++) {
    second += s->now_ns - s->sent_ns[i] < UINT64_C(1000000000);
    minute += s->now_ns - s->sent_ns[i] < UINT64_C(60000000000);
  }
  cr_assert_leq(second, s->w.conf.risk_rate_per_s);
  cr_assert_leq(minute, s->w.conf.risk_rate_per_min);
}

static void mark(stream_t *s, int i, int64_t px) {
  s->mark_px[i] = px;
  s->instr[i].bid_px_ticks = px;
  s->instr[i].ask_px_ticks = px + 1;
  s->instr[i].mark_e8 = px * INT64_C(10000000);
  tg_exposure_mark(&s->w.exposure, (uint16_t)i, &s->w.filters, s->instr[i].mark_e8);
}

static void fresh(stream_t *s) {
  tg_rate_on_time(&s->w.rate, s->now_ns);
  s->w.snap.now_ns = s->w.snap.session_rx_ns = s->now_ns;
  s->w.drawdown.fresh_ns = s->now_ns;
  for (int i = 0; i < INSTRS; i++) s->instr[i].book_rx_ns = s->instr[i].mark_rx_ns = s->now_ns;
}

static void counts(stream_t *s) {
  uint32_t all = 0, flying = 0;
  for (int i = 0; i < INSTRS; i++) s->instr[i].open_cnt = 0;
  for (unsigned k = 0; k < s->life_cnt; k++) {
    if (s->life[k].over) continue;
    all++;
    flying += s->life[k].place_open || s->life[k].amend_open;
    s->instr[s->life[k].instr].open_cnt++;
  }
  s->w.snap.open_cnt = all;
  s->w.snap.in_flight_cnt = flying;
}

/* Another parent for what comes; the former keeps its children. */
static void ticket_new(stream_t *s, int i, int side) {
  s->forgotten[i][side] = 0;
  s->ticket[i][side] = (tg_ticket_t){.id = ++s->ticket_no,
                                     .qty_lots = 20 + below(s, 600),
                                     .expires_ns = UINT64_MAX >> 2,
                                     .approved = 1,
                                     .side = (uint8_t)side};
}

/* As the core's table keeps it: what is reserved for the children, and what they executed. */
static void ticket_sum(stream_t *s, int i, int side) {
  tg_ticket_t *t = &s->ticket[i][side];
  t->held_lots = 0;
  t->filled_lots = s->forgotten[i][side];
  for (unsigned k = 0; k < s->life_cnt; k++) {
    const life_t *o = &s->life[k];
    if (o->ticket != t->id) continue;
    t->filled_lots += o->told_cum;
    if (o->reserve.active) t->held_lots += o->reserve.held_lots;
  }
}

static void stream_open(stream_t *s, uint64_t seed) {
  memset(s, 0, sizeof *s);
  world_init(&s->w, TG_INTENT_INCREASE_RISK);
  s->first = s->seed = seed;
  s->now_ns = NOW_NS;
  tg_core_conf_t *conf = &s->w.conf;
  conf->risk_max_order_qty = TG_E8 / 10 + below(s, 3) * TG_E8 / 10;
  conf->risk_max_order_notional = 1000000 * TG_E8;
  conf->risk_max_position = (100 + below(s, 400)) * 100000; /* lots of 0.001 */
  conf->risk_max_gross = (10000 + below(s, 60000)) * TG_E8;
  conf->risk_max_net = (5000 + below(s, 40000)) * TG_E8;
  conf->risk_max_gross_equity_pct = 20 + below(s, 900);
  conf->risk_max_net_equity_pct = 900;
  conf->risk_max_leverage = TG_E8 / 2 + below(s, 9) * TG_E8;
  conf->risk_max_open_orders = 3 + below(s, 20);
  conf->risk_max_open_orders_instr = 2 + below(s, 10);
  conf->risk_max_in_flight = 2 + below(s, 8);
  conf->risk_max_concentration_pct = 30 + below(s, 100);
  conf->risk_max_positions = 1 + below(s, 3);
  conf->risk_day_entries = 20 + below(s, 200);
  conf->risk_day_qty = (400 + below(s, 4000)) * 100000;
  conf->risk_day_notional = INT64_C(100000000) * TG_E8;
  conf->risk_max_trade_risk = 100000 * TG_E8;
  conf->risk_max_trade_risk_equity_bps = 10000;
  conf->risk_rate_per_s = 5 + below(s, 20);
  conf->risk_rate_per_min = 100 + below(s, 900);
  tg_limits_make(&s->w.limits, conf, &s->w.filters);
  tg_rate_cfg_t rate = tg_rate_cfg_make(conf);
  tg_rate_init(&s->w.rate, &rate, s->now_ns);
  tg_exposure_init(&s->w.exposure);
  tg_exposure_available(&s->w.exposure, INT64_C(10000000) * TG_E8, 20);
  s->next_id = (UINT64_C(1) << 60) | 1;
  for (int i = 0; i < INSTRS; i++) {
    s->instr[i] = s->w.instr;
    tg_exposure_position(&s->w.exposure, (uint16_t)i, 0);
    mark(s, i, 619000 + below(s, 2000));
    ticket_new(s, i, TG_BUY);
    ticket_new(s, i, TG_SELL);
  }
  fresh(s);
  check(s, BY_WORLD);
}

static uint64_t ask(stream_t *s, tg_order_req_t *req, tg_intent_t *intent) {
  const tg_exposure_instr_t *table = &s->w.exposure.instr[req->instr_idx];
  *intent = tg_exposure_intent(table, (tg_side_t)req->side, req->rem_lots, req->held_lots,
                               (req->order_flags & TG_ORDER_REDUCE_ONLY) != 0);
  req->intent = (uint8_t)*intent;
  counts(s);
  s->w.instr = s->instr[req->instr_idx];
  ticket_sum(s, req->instr_idx, req->side);
  s->w.ticket = s->ticket[req->instr_idx][req->side];
  uint32_t subs;
  uint64_t mask = tg_gate_mask(req, &s->w.limits, &s->w.snap, &subs);
  s->seen |= mask;
  if (mask) {
    s->blocked_cnt++;
  } else {
    s->passed_cnt++;
    if (*intent == TG_INTENT_INCREASE_RISK) {
      s->increase_cnt++;
    } else {
      s->reduce_cnt++;
    }
  }
  return mask;
}

static life_t *slot(stream_t *s) {
  if (s->life_cnt < ORDERS) return &s->life[s->life_cnt++];
  for (unsigned k = 0; k < ORDERS; k++) {
    life_t *o = &s->life[k];
    if (!o->over || o->there || o->true_cum != o->told_cum) continue;
    if (o->ticket == s->ticket[o->instr][o->side].id) s->forgotten[o->instr][o->side] += o->told_cum;
    return o;
  }
  return NULL;
}

static void do_place(stream_t *s) {
  int i = (int)below(s, INSTRS);
  tg_order_req_t req = s->w.req;
  req.instr_idx = (uint16_t)i;
  req.client_id = s->next_id;
  req.action = TG_REQUEST_PLACE;
  req.side = (uint8_t)below(s, 2);
  req.px_ticks = s->mark_px[i] + below(s, 2000) - 1000;
  req.qty_lots = req.rem_lots = 1 + below(s, 120);
  req.held_lots = 0;
  req.order_flags = below(s, 5) ? 0 : TG_ORDER_REDUCE_ONLY;
  tg_intent_t intent;
  uint64_t held = ask(s, &req, &intent);
  if (held & TG_GATE_BIT(PARENT) && below(s, 2)) ticket_new(s, i, req.side);
  life_t *o = held ? NULL : slot(s);
  if (!o) return;
  *o = (life_t){.client_id = s->next_id++,
                .px = req.px_ticks,
                .qty = req.qty_lots,
                .instr = (uint8_t)i,
                .side = req.side,
                .ticket = (uint32_t)s->ticket[i][req.side].id,
                .place_open = true};
  cr_assert_eq(tg_exposure_reserve(&s->w.exposure, &o->reserve, (uint16_t)i, (tg_side_t)o->side, o->qty), 0);
  tg_rate_on_send(&s->w.rate, TG_REQUEST_PLACE);
  if (intent == TG_INTENT_INCREASE_RISK) {
    tg_day_on_entry(&s->w.day, (uint16_t)i);
    s->entries++;
  }
  tg_dup_on_send(&s->w.dup, req.client_id, tg_dup_key(req.instr_idx, req.side, req.px_ticks, req.qty_lots), s->now_ns);
  check_rate(s);
  check(s, intent == TG_INTENT_REDUCE_RISK ? BY_REDUCTION : BY_ACTION);
}

static void do_amend(stream_t *s, life_t *o) {
  if (o->over || o->place_open || o->amend_open) return;
  if (o->ticket != s->ticket[o->instr][o->side].id) return; /* of a former parent: the core would replace it */
  tg_order_req_t req = s->w.req;
  req.instr_idx = o->instr;
  req.client_id = o->client_id;
  req.action = TG_REQUEST_AMEND;
  req.side = o->side;
  req.px_ticks = o->px;
  req.qty_lots = o->told_cum + 1 + below(s, 120);
  req.rem_lots = req.qty_lots - o->told_cum;
  req.held_lots = o->reserve.held_lots;
  tg_intent_t intent;
  if (ask(s, &req, &intent)) return;
  o->amend_open = true;
  o->amend_done = false;
  o->amend_to = req.qty_lots;
  o->want = req.qty_lots > o->want ? req.qty_lots : o->want;
  cr_assert_eq(tg_exposure_amend(&s->w.exposure, &o->reserve, req.rem_lots), 0);
  tg_rate_on_send(&s->w.rate, TG_REQUEST_AMEND);
  s->amend_cnt++;
  check_rate(s);
  check(s, intent == TG_INTENT_REDUCE_RISK ? BY_REDUCTION : BY_ACTION);
}

/* ---- what the venue does, and when the engine hears of it ---- */

static void arrive(life_t *o) {
  if (o->was_there || o->over) return;
  o->was_there = o->there = true;
  o->true_qty = o->qty;
}

static void venue_amend(life_t *o) {
  if (!o->there || !o->amend_open || o->amend_done) return;
  o->amend_done = true;
  o->true_qty = o->amend_to > o->true_cum ? o->amend_to : o->true_cum;
  if (o->true_cum == o->true_qty) o->there = false; /* the modify itself ends it */
}

static void venue_fill(stream_t *s, life_t *o) {
  if (!o->there || o->true_cum >= o->true_qty) return;
  int64_t rest = o->true_qty - o->true_cum, qty = below(s, 3) ? 1 + below(s, rest) : rest;
  o->true_cum += qty;
  s->true_pos[o->instr] += o->side == TG_BUY ? qty : -qty;
  if (o->true_cum == o->true_qty && (!o->amend_open || o->amend_done)) o->there = false;
}

/* Executions reach the engine, also after the order's end was told. */
static void tell_fill(stream_t *s, life_t *o) {
  int64_t owed = o->true_cum - o->told_cum;
  if (owed <= 0) return;
  int64_t qty = below(s, 2) ? 1 + below(s, owed) : owed;
  o->told_cum += qty;
  s->told_pos[o->instr] += o->side == TG_BUY ? qty : -qty;
  s->traded[o->instr] += qty;
  tg_day_on_fill(&s->w.day, o->instr, qty, (int64_t)(worth_of(s, o->instr) * qty));
  s->fill_cnt++;
  s->late_cnt += o->over;
  cr_assert_eq(tg_exposure_fill(&s->w.exposure, &o->reserve, qty), 0);
  check(s, BY_ACTION);
}

/* The end is told when nothing is owed any more, as the core does (what is owed keeps its exposure). */
static void tell_end(stream_t *s, life_t *o) {
  if (o->there || o->over || o->true_cum != o->told_cum || (o->place_open && !o->was_there)) return;
  o->over = true;
  o->place_open = o->amend_open = false;
  tg_exposure_release(&s->w.exposure, &o->reserve);
  check(s, BY_ACTION);
}

static void tell_ack(stream_t *s, life_t *o) {
  if (!o->place_open || !o->was_there || o->over) return;
  o->place_open = false;
  check(s, BY_ACTION);
}

static void tell_amended(stream_t *s, life_t *o) {
  if (!o->amend_open || !o->amend_done || o->over) return;
  o->amend_open = false;
  o->want = 0;
  o->qty = o->true_qty; /* the answer names the total */
  int64_t rest = o->qty - o->told_cum;
  cr_assert_eq(tg_exposure_settle(&s->w.exposure, &o->reserve, rest > 0 ? rest : 0), 0);
  check(s, BY_ACTION);
}

static void tell_amend_refused(stream_t *s, life_t *o) {
  if (!o->amend_open || o->amend_done || o->over) return;
  o->amend_open = false;
  o->want = 0;
  if (o->there && o->true_cum == o->true_qty) o->there = false;
  cr_assert_eq(tg_exposure_amend_refused(&s->w.exposure, &o->reserve), 0);
  check(s, BY_ACTION);
}

static void tell_refused(stream_t *s, life_t *o) {
  if (!o->place_open || o->was_there || o->over) return;
  o->over = true;
  o->place_open = false;
  tg_exposure_release(&s->w.exposure, &o->reserve);
  cr_assert_eq(tg_exposure_release(&s->w.exposure, &o->reserve), 0, "twice gives nothing back twice");
  check(s, BY_ACTION);
}

static void cancel(stream_t *s, life_t *o) {
  if (o->over || o->place_open) return;
  tg_order_req_t req = s->w.req;
  req.action = TG_REQUEST_CANCEL;
  req.intent = TG_INTENT_CANCEL;
  req.instr_idx = o->instr;
  uint32_t subs;
  counts(s);
  cr_assert_eq(tg_gate_mask(&req, &s->w.limits, &s->w.snap, &subs), 0, "a cancel is never held back");
  if (tg_rate_left(&s->w.rate, TG_INTENT_CANCEL, s->now_ns) <= 0) return; /* the core holds it until there is budget */
  tg_rate_on_send(&s->w.rate, TG_REQUEST_CANCEL);
  check_rate(s);
  if (below(s, 3)) o->there = false; /* else it lost the race */
}

/* A new process: table and counts are made again from what the store remembers; every order left is unknown. */
static void restart(stream_t *s) {
  tg_exposure_init(&s->w.exposure);
  tg_exposure_available(&s->w.exposure, INT64_C(10000000) * TG_E8, 20);
  for (int i = 0; i < INSTRS; i++) {
    mark(s, i, s->mark_px[i]);
    tg_exposure_position(&s->w.exposure, (uint16_t)i, s->told_pos[i]);
  }
  for (unsigned k = 0; k < s->life_cnt; k++) {
    life_t *o = &s->life[k];
    int64_t rest = o->qty - o->told_cum;
    memset(&o->reserve, 0, sizeof o->reserve);
    o->reserve.instr_idx = o->instr;
    o->reserve.side = o->side;
    if (o->over) continue;
    cr_assert_eq(tg_exposure_reserve(&s->w.exposure, &o->reserve, o->instr, (tg_side_t)o->side, rest > 0 ? rest : 1), 0);
    if (rest <= 0) cr_assert_eq(tg_exposure_settle(&s->w.exposure, &o->reserve, 0), 0);
    if (o->want)
      cr_assert_eq(tg_exposure_amend(&s->w.exposure, &o->reserve, o->want > o->told_cum ? o->want - o->told_cum : 0), 0);
  }
  s->next_id += UINT64_C(1) << 32; /* another epoch */
  s->restart_cnt++;
  check(s, BY_ACTION);
}

/* Account truth after a silent loss: told at once, what was owed is in it. */
static void snapshot(stream_t *s) {
  for (unsigned k = 0; k < s->life_cnt; k++) {
    life_t *o = &s->life[k];
    while (o->true_cum > o->told_cum) tell_fill(s, o);
  }
  for (int i = 0; i < INSTRS; i++) {
    cr_assert_eq(s->told_pos[i], s->true_pos[i]);
    tg_exposure_position(&s->w.exposure, (uint16_t)i, s->true_pos[i]);
  }
  check(s, BY_ACTION);
}

static void one_step(stream_t *s) {
  s->now_ns += (uint64_t)below(s, 200) * UINT64_C(1000000);
  fresh(s);
  life_t *o = s->life_cnt ? &s->life[below(s, s->life_cnt)] : NULL;
  for (int tries = 0; o && o->over && tries < 4; tries++) o = &s->life[below(s, s->life_cnt)]; /* mostly one that lives */
  int64_t what = below(s, 100);
  if (what < 30 || !o) {
    do_place(s);
  } else if (what < 38) {
    do_amend(s, o);
  } else if (what < 50) {
    arrive(o);
    check(s, BY_ACTION);
  } else if (what < 54) {
    venue_amend(o);
    check(s, BY_ACTION);
  } else if (what < 64) {
    venue_fill(s, o);
    check(s, BY_ACTION);
  } else if (what < 74) {
    tell_fill(s, o);
  } else if (what < 79) {
    tell_ack(s, o);
  } else if (what < 83) {
    tell_amended(s, o);
  } else if (what < 85) {
    tell_amend_refused(s, o);
  } else if (what < 87) {
    tell_refused(s, o);
  } else if (what < 92) {
    cancel(s, o);
    check(s, BY_ACTION);
  } else if (what < 97) {
    tell_end(s, o);
  } else if (what < 98) {
    mark(s, (int)below(s, INSTRS), 600000 + below(s, 40000));
    check(s, BY_WORLD);
  } else if (what < 99) {
    snapshot(s);
  } else if (below(s, 4) == 0) {
    restart(s);
  }
  s->step++;
}

/* TG_PROPERTY_SEED=N runs that stream alone; TG_PROPERTY_SHARE=N a part of N (the mutation tester does). */
static uint64_t number_of(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

static void run_stream(stream_t *s, uint64_t seed) {
  stream_open(s, seed);
  for (unsigned k = 0; k < STEPS; k++) one_step(s);
}

Test(property, no_prefix_of_any_stream_lets_the_worst_case_exceed_a_cap) {
  static stream_t s;
  uint64_t alone = number_of("TG_PROPERTY_SEED", 0), streams = STREAMS / number_of("TG_PROPERTY_SHARE", 1);
  uint64_t seen = 0, passed = 0, blocked = 0, increased = 0, reduced = 0, amended = 0, filled = 0, restarted = 0;
  for (uint64_t seed = alone ? alone : 1; seed <= (alone ? alone : streams); seed++) {
    run_stream(&s, seed);
    seen |= s.seen;
    passed += s.passed_cnt;
    blocked += s.blocked_cnt;
    increased += s.increase_cnt;
    reduced += s.reduce_cnt;
    amended += s.amend_cnt;
    filled += s.fill_cnt;
    restarted += s.restart_cnt;
  }
  tg_note(
      "%lu streams of %u steps from seed 1: %lu actions passed (%lu up, %lu down, %lu amends), %lu held back, %lu fills, %lu "
      "restarts",
      streams, STEPS, passed, increased, reduced, amended, blocked, filled, restarted);
  if (alone) return;
  const uint64_t wanted = TG_GATE_BIT(POSITION) | TG_GATE_BIT(GROSS) | TG_GATE_BIT(NET) | TG_GATE_BIT(OPEN_ORDERS) |
                          TG_GATE_BIT(RATE) | TG_GATE_BIT(REDUCING) | TG_GATE_BIT(ORDER_QTY) | TG_GATE_BIT(PARENT) |
                          TG_GATE_BIT(CONCENTRATION) | TG_GATE_BIT(DAY_CAP);
  cr_assert_eq(seen & wanted, wanted, "every cap was reached: %llx", (unsigned long long)seen);
  cr_assert(increased > 1000 && reduced > 500 && amended > 300 && filled > 1000);
}

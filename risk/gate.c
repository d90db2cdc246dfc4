#include "risk/gate.h"

#include <string.h>

/* How it is made branch-free and small: a condition is a 64-bit word whose sign bit says "violated". With both operands in
 * [0, 2^63), LESS(a, b) = a - b has it set iff a < b; words of one gate are ORed and the sign bits gathered at the end: two
 * or three instructions a condition. Raw values of a request may be anything: a negative or absurd one sets bit 6, and what
 * the later bits then say is without meaning, but defined (unsigned arithmetic).
 * A blocked order costs what a passing one costs, but for its sub-code, which is worked out afterwards. */
#define LESS(a, b) ((uint64_t)(a) - (uint64_t)(b))
#define AT_MOST(a, b) ((uint64_t)(a) - (uint64_t)(b)-1) /* a <= b */
#define SIGN(word) ((uint64_t)(word) >> 63)
#define AT(NAME, word) (SIGN(word) << TG_GATE_##NAME)
#define PUSH(mask, word) ((mask) = (mask) + (mask) + SIGN(word)) /* the next lower bit */
#define FUTURE_NS UINT64_C(1000000000)                           /* a receive time further ahead than this is implausible */
/* Keeps the compiler from computing every word first and spilling them all: 5% fewer instructions. */
#define SETTLE(mask) __asm__("" : "+r"(mask))
#define INLINE static inline __attribute__((always_inline))

/* LESS of 128 bits; both below 2^127. */
INLINE uint64_t less_wide(tg_u128 a, tg_u128 b) {
  return (uint64_t)((a - b) >> 64);
}
INLINE uint64_t pick(uint64_t mask, uint64_t yes, uint64_t no) {
  return no ^ ((yes ^ no) & mask);
}

/* Which rows hold back which kind of action, from the columns of gates.def. */
enum { COL_ALL, COL_PLACE_AMEND, COL_PLACE, COL_INCREASE, COL_BY_FSM };
enum { COL_NO, COL_YES, COL_TOUCH, COL_SHARE, COL_TABLE };
enum { KIND_PLACE, KIND_PLACE_REDUCE, KIND_AMEND, KIND_AMEND_REDUCE, KIND_CANCEL, KIND_CNT };
#define HOLDS_AMEND(BLOCKS) (COL_##BLOCKS != COL_PLACE)
#define HOLDS_REDUCE(BLOCKS, REDUCE) (COL_##REDUCE != COL_YES && COL_##BLOCKS != COL_INCREASE)
#define HOLDS_CANCEL(BLOCKS) (COL_##BLOCKS == COL_ALL || COL_##BLOCKS == COL_BY_FSM)
#define REASON(GATE_NAME, sub, NAME, text)
static const uint64_t rows_of[KIND_CNT] = {
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)(BUILT) << (bit)
    [KIND_PLACE] = 0
#include "risk/gates.def"
    ,
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)((BUILT) && HOLDS_REDUCE(BLOCKS, REDUCE)) << (bit)
    [KIND_PLACE_REDUCE] = 0
#include "risk/gates.def"
    ,
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)((BUILT) && HOLDS_AMEND(BLOCKS)) << (bit)
    [KIND_AMEND] = 0
#include "risk/gates.def"
    ,
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) \
  | (uint64_t)((BUILT) && HOLDS_AMEND(BLOCKS) && HOLDS_REDUCE(BLOCKS, REDUCE)) << (bit)
    [KIND_AMEND_REDUCE] = 0
#include "risk/gates.def"
    ,
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)((BUILT) && HOLDS_CANCEL(BLOCKS)) << (bit)
    [KIND_CANCEL] = 0
#include "risk/gates.def"
#undef GATE
};
#undef REASON
/* [action][intent] -> kind and effective intent; what does not fit together is the strictest: an order that increases risk. */
#define KIND(kind, intent) ((kind) | (intent) << 4)
#define OPENS(kind) KIND(kind, TG_INTENT_INCREASE_RISK), KIND(kind, TG_INTENT_INCREASE_RISK)
#define ANY_PLACE \
  { OPENS(KIND_PLACE), KIND(KIND_PLACE_REDUCE, TG_INTENT_REDUCE_RISK), KIND(KIND_PLACE, TG_INTENT_INCREASE_RISK) }
#define ANY_OTHER \
  { OPENS(KIND_PLACE), OPENS(KIND_PLACE) }
#define ANY_CANCEL KIND(KIND_CANCEL, TG_INTENT_CANCEL), KIND(KIND_CANCEL, TG_INTENT_CANCEL)
static const uint8_t kind_of[8][4] = {
    [TG_REQUEST_NONE] = ANY_OTHER,
    [TG_REQUEST_PLACE] = ANY_PLACE,
    [TG_REQUEST_AMEND] = {OPENS(KIND_AMEND), KIND(KIND_AMEND_REDUCE, TG_INTENT_REDUCE_RISK),
                          KIND(KIND_AMEND, TG_INTENT_INCREASE_RISK)},
    [TG_REQUEST_CANCEL] = {ANY_CANCEL, ANY_CANCEL},
    [TG_REQUEST_QUERY] = ANY_OTHER,
    [TG_REQUEST_CANCEL_ALL] = ANY_OTHER,
    [6] = ANY_OTHER,
    [7] = ANY_OTHER,
};

/* What several gates need, made once. Prices are in 1/20000 tick. */
typedef struct facts {
  uint64_t kind, intent;        /* KIND_*, effective tg_intent_t */
  uint64_t side;                /* 0 or 1 */
  uint64_t no_touch;            /* sign: the touch makes no sense */
  uint64_t bps2;                /* twice the collar of this intent */
  uint64_t low_fine, high_fine; /* collar around mid */
  uint64_t px_fine;
  uint64_t reduce_only; /* all ones or 0 */
} facts_t;

INLINE facts_t facts_of(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_instr_t *instr) {
  facts_t f;
  unsigned kind = kind_of[req->action & 7u][req->intent & 3u];
  f.kind = kind & 15u;
  f.intent = kind >> 4;
  f.side = req->side & 1u;
  uint64_t bid = (uint64_t)instr->bid_px_ticks, ask = (uint64_t)instr->ask_px_ticks;
  f.no_touch = LESS(bid, 1) | AT_MOST(ask, bid) | LESS(TG_PX_TICKS_MAX, ask);
  uint64_t mid2 = bid + ask, bps = (uint64_t)lim->collar_bps[f.kind & 1u], reach = mid2 * bps;
  f.bps2 = 2 * bps;
  f.low_fine = mid2 * (TG_PX_FINE / 2) - reach;
  f.high_fine = mid2 * (TG_PX_FINE / 2) + reach;
  f.px_fine = (uint64_t)req->px_ticks * TG_PX_FINE;
  f.reduce_only = 0 - (uint64_t)(req->order_flags >> 1 & 1u); /* TG_ORDER_REDUCE_ONLY */
  return f;
}

INLINE uint64_t window_word(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap) {
  const tg_gate_instr_t *instr = snap->instr;
  uint64_t typed = (uint64_t)instr->type_mask >> (req->type & 63u) & 1;
  return LESS(snap->now_ns, lim->window_from_ns) | AT_MOST(lim->window_until_ns, snap->now_ns) | (typed - 1) |
         (0 - (uint64_t)(instr->flags & TG_GATE_INSTR_HALTED));
}

INLINE uint64_t clock_word(const tg_limits_t *lim, const tg_gate_snap_t *snap) {
  uint64_t offset = (uint64_t)snap->clock_offset_ns, error = (uint64_t)snap->clock_error_ns, minus = 0 - SIGN(offset);
  uint64_t skew_ns = (offset ^ minus) - minus + error;
  return error | LESS(lim->clock_bound_ns, skew_ns) | ((uint64_t)snap->clock_known - 1);
}

/* Bit 6, a word a reason. */
typedef struct shape {
  uint64_t tick, lot, qty, notional;
} shape_t;

INLINE uint64_t off_step(const tg_step_t *step, uint64_t value) {
  uint64_t x = value * step->inverse;
  x = x >> (step->shift & 63u) | x << ((64u - step->shift) & 63u);
  return 0 - (uint64_t)(x > step->quotient_max);
}

INLINE shape_t shape_of(const tg_order_req_t *req, const tg_filters_t *flt, const facts_t *f, tg_u128 units) {
  shape_t s;
  uint64_t px = (uint64_t)req->px_ticks, qty = (uint64_t)req->qty_lots, rem = (uint64_t)req->rem_lots;
  const int64_t *bounds = &flt->qty_bounds[req->type & TG_TYPE_MARKET]; /* 2: of the types sent, MARKET's bit */
  s.tick = px | LESS(px, flt->min_px_ticks) | LESS(flt->max_px_ticks, px) | off_step(&flt->px_step, px) |
           LESS(flt->ready & TG_FILTERS_READY, TG_FILTERS_READY);
  s.lot = off_step(&flt->qty_step, qty);
  s.qty = qty | rem | (uint64_t)req->held_lots | LESS(qty, bounds[0]) | LESS(bounds[1], qty) | LESS(rem, 1) | LESS(qty, rem) |
          LESS(TG_QTY_LOTS_MAX, req->held_lots) | LESS(1, req->side);
  s.notional = less_wide(units, flt->min_units) & ~f->reduce_only; /* too large is bit 11's: its bound fits int64 */
  return s;
}

/* Bit 7. */
typedef struct fresh {
  uint64_t book, stale, silent;
} fresh_t;

/* Too old; a time of 0 (never) is, too. */
INLINE uint64_t aged(uint64_t now_ns, uint64_t rx_ns, int64_t limit_ns) {
  return LESS(rx_ns + (uint64_t)limit_ns, now_ns);
}

INLINE fresh_t fresh_of(const tg_limits_t *lim, const tg_gate_snap_t *snap, const facts_t *f) {
  fresh_t s;
  uint64_t book_ns = snap->instr->book_rx_ns, session_ns = snap->session_rx_ns, ahead_ns = snap->now_ns + FUTURE_NS;
  s.book = (0 - (uint64_t)(snap->instr->book_state ^ TG_BOOK_LIVE)) | f->no_touch;
  s.stale = aged(snap->now_ns, book_ns, lim->md_age_ns) | LESS(ahead_ns, book_ns);
  s.silent = aged(snap->now_ns, session_ns, lim->session_age_ns) | LESS(ahead_ns, session_ns);
  return s;
}

/* Bit 9. */
typedef struct collar {
  uint64_t far, blind;
} collar_t;

INLINE collar_t collar_of(const tg_limits_t *lim, const tg_gate_snap_t *snap, const facts_t *f) {
  collar_t s;
  uint64_t mark = (uint64_t)snap->instr->mark_e8;
  tg_u128 px = (tg_u128)f->px_fine * (uint64_t)snap->filters->tick_e8;
  s.far = LESS(f->px_fine, f->low_fine) | LESS(f->high_fine, f->px_fine);
  s.far |= less_wide(px, (tg_u128)mark * (TG_PX_FINE - f->bps2)) | less_wide((tg_u128)mark * (TG_PX_FINE + f->bps2), px);
  s.blind = mark | LESS(mark, 1) | aged(snap->now_ns, snap->instr->mark_rx_ns, lim->mark_age_ns) | f->no_touch;
  return s;
}

/* Bit 13. */
INLINE uint64_t self_word(const tg_gate_instr_t *instr, uint64_t px, uint64_t side) {
  uint64_t hits_ask = AT_MOST(instr->own_ask_px_ticks, px), hits_bid = AT_MOST(px, instr->own_bid_px_ticks);
  return pick(0 - side, hits_bid, hits_ask);
}

/* Bit 19. */
INLINE uint64_t open_word(const tg_limits_t *lim, const tg_gate_snap_t *snap) {
  uint64_t here = snap->instr->open_cnt;
  return AT_MOST(lim->max_open_orders_instr, here) | AT_MOST(snap->filters->max_orders, here) |
         AT_MOST(lim->max_open_orders, snap->open_cnt) | AT_MOST(lim->max_in_flight, snap->in_flight_cnt);
}

/* Bit 26. */
INLINE uint64_t drawdown_word(const tg_limits_t *lim, const tg_gate_snap_t *snap) {
  const tg_drawdown_t *dd = snap->drawdown;
  return (0 - dd->latched) | (dd->known - 1) | aged(snap->now_ns, dd->fresh_ns, lim->mark_age_ns);
}

/* Bits 14, 15, 20 to 25. */
typedef struct load {
  uint64_t parent, not_reducing, position, gross, net, leverage, margin, one, many, trade, day;
} load_t;

INLINE load_t load_of(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, const facts_t *f) {
  const tg_exposure_t *all = snap->exposure;
  const tg_exposure_instr_t *one = &all->instr[req->instr_idx & (TG_INSTR_MAX - 1)];
  load_t s;
  uint64_t minus = 0 - f->side, unknown = one->pos_known - 1;
  uint64_t pos = ((uint64_t)one->pos_lots ^ minus) - minus; /* towards the order's side */
  /* an amend that shrinks adds nothing before its answer */
  uint64_t adds = (uint64_t)req->rem_lots - (uint64_t)req->held_lots, grows = adds & (SIGN(adds) - 1);
  uint64_t there = pos + (uint64_t)one->open_lots[f->side], back = (uint64_t)one->open_lots[f->side ^ 1] - pos;
  /* reduce-only: what the others of its side leave of the position must hold all of it */
  s.not_reducing = (LESS(0, there + adds) | unknown) & f->reduce_only;
  there += grows;
  s.position = LESS(lim->max_position_lots, there) | unknown;
  uint64_t worst = (int64_t)there > (int64_t)back ? there : back; /* >= 0: their sum is what is open */

  uint64_t worth = one->lot_worth_q16, equity = (uint64_t)snap->drawdown->equity_e8;
  tg_u128 gross = (tg_u128)(all->gross_q16 - one->gross_q16) + (tg_u128)worth * worst;
  tg_u128 net = (tg_u128)all->net_q16[f->side] + (tg_u128)worth * grows;
  uint64_t blind = LESS(0, all->unvalued_cnt) | LESS(worth, 1) | unknown;
  uint64_t broke = equity | LESS(equity, 1) | (snap->drawdown->known - 1) | blind;
  s.gross = broke | less_wide(lim->max_gross_q16, gross) | less_wide((tg_u128)equity * lim->gross_equity_q16, gross);
  s.net = broke | less_wide(lim->max_net_q16, net) | less_wide((tg_u128)equity * lim->net_equity_q16, net);
  s.leverage = less_wide((tg_u128)equity * lim->leverage_q16, gross);
  s.margin = blind | less_wide((tg_u128)all->margin_gross_max_q16, gross);
  tg_u128 here = (tg_u128)worth * worst;
  s.one = broke | less_wide(lim->max_one_q16, here) | less_wide((tg_u128)equity * lim->one_equity_q16, here);
  s.many = LESS(lim->max_positions, (uint64_t)all->busy_cnt + (tg_exposure_busy(one) ^ 1u));
  uint64_t named = req->stop_bps, stop = pick(0 - (uint64_t)(named != 0), named, (uint64_t)lim->stop_bps);
  tg_u128 risk = (tg_u128)((tg_u128)worth * (uint64_t)req->qty_lots) * stop; /* absurd products are bit 6's, 11's and 21's */
  s.trade = broke | less_wide(lim->trade_risk_q16, risk) | less_wide((tg_u128)equity * lim->trade_equity_q16, risk);
  /* what may still be traded counts, so that a burst cannot share one rest of the day */
  const tg_day_state_t *day = snap->day;
  uint64_t lots = (uint64_t)day->instr[req->instr_idx & (TG_INSTR_MAX - 1)].qty_lots + (uint64_t)one->open_lots[0] +
                  (uint64_t)one->open_lots[1] + grows;
  tg_u128 value = ((tg_u128)(uint64_t)day->notional_e8 << TG_WORTH_Q) + (tg_u128)all->open_q16 + (tg_u128)worth * grows;
  uint64_t entry = 0 - (uint64_t)(f->kind == KIND_PLACE);
  s.day = blind | LESS(lim->day_qty_lots, lots) | less_wide(lim->day_notional_q16, value) |
          (AT_MOST(lim->day_entries, day->entry_cnt) & entry);
  /* bit 14: the quantity of an amend that shrinks is held until its answer */
  const tg_ticket_t *ticket = snap->ticket;
  uint64_t taken = (uint64_t)ticket->held_lots + (uint64_t)ticket->filled_lots + grows;
  s.parent = ((ticket->id - 1) & ~ticket->id) | LESS(ticket->qty_lots, taken) | (0 - (uint64_t)(ticket->side ^ req->side)) |
             (uint64_t)ticket->held_lots | (uint64_t)ticket->filled_lots;
  return s;
}

/* Bit 31. */
INLINE uint64_t approval_word(const tg_gate_snap_t *snap) {
  const tg_ticket_t *ticket = snap->ticket;
  uint64_t asked = (uint64_t)(snap->manual & ~ticket->manual & 1u);
  return (0 - asked) | ((uint64_t)(ticket->approved & 1u) - 1) | AT_MOST(ticket->expires_ns, snap->now_ns);
}

/* Bit 32. */
INLINE uint64_t unlikely_word(const tg_order_req_t *req, const tg_gate_snap_t *snap, const facts_t *f) {
  uint64_t bid = (uint64_t)snap->instr->bid_px_ticks, ask = (uint64_t)snap->instr->ask_px_ticks, px = (uint64_t)req->px_ticks;
  uint64_t reach = (uint64_t)snap->advisory->reach_ticks, behind = pick(0 - f->side, px - ask, bid - px);
  behind &= SIGN(behind) - 1;                                          /* at or before the touch: 0 */
  return LESS(reach, behind) | (f->no_touch & LESS(reach, INT64_MAX)); /* no touch: nothing is likely, when it is asked */
}

/* The reason within the lowest row: the lowest sub-code whose word is set. */
TG_COLD static uint32_t sub_of(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, uint64_t mask) {
  facts_t f = facts_of(req, lim, snap->instr);
  shape_t shape;
  fresh_t fresh;
  load_t load;
  switch (tg_gate_lowest(mask)) {
    case TG_GATE_SHAPE:
      shape = shape_of(req, snap->filters, &f, (tg_u128)f.px_fine * (uint64_t)req->qty_lots);
      return SIGN(shape.tick) ? 0 : SIGN(shape.lot) ? 1 : SIGN(shape.qty) ? 2 : 3;
    case TG_GATE_MARKET_DATA:
      fresh = fresh_of(lim, snap, &f);
      return SIGN(fresh.book) ? 0 : SIGN(fresh.stale) ? 1 : 2;
    case TG_GATE_COLLAR:
      return SIGN(collar_of(lim, snap, &f).blind) ? 1 : 0; /* far from nothing says nothing */
    case TG_GATE_NET:
      load = load_of(req, lim, snap, &f);
      return SIGN(load.net) ? 0 : SIGN(load.leverage) ? 1 : 2;
    case TG_GATE_CONCENTRATION:
      return SIGN(load_of(req, lim, snap, &f).one) ? 0 : 1;
    case TG_GATE_DECISION:
      return snap->decision == TG_DECISION_BLOCK ? 0 : 1;
    case TG_GATE_ADVISORY:
      return SIGN(unlikely_word(req, snap, &f)) ? 0 : 1;
    default:
      return 0;
  }
}

/* Bits 32 down to 14. */
INLINE uint64_t high_of(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, const facts_t *f,
                        uint64_t key) {
  load_t load = load_of(req, lim, snap, f);
  uint64_t mask = SIGN(unlikely_word(req, snap, f) | (0 - snap->advisory->toxic));
  PUSH(mask, approval_word(snap));
  PUSH(mask, 0 - (uint64_t)snap->decision);
  mask = mask + mask + (~((uint64_t)snap->fsm_allow >> f->intent) & 1);
  PUSH(mask, 0 - (uint64_t)snap->circuit);
  PUSH(mask, LESS(snap->now_ns, snap->loss_until_ns));
  PUSH(mask, drawdown_word(lim, snap));
  PUSH(mask, load.day);
  PUSH(mask, load.trade);
  PUSH(mask, load.one | load.many);
  SETTLE(mask);
  PUSH(mask, load.net | load.leverage | load.margin);
  PUSH(mask, load.gross);
  PUSH(mask, load.position);
  PUSH(mask, open_word(lim, snap));
  SETTLE(mask);
  PUSH(mask, tg_rejects_hit(snap->rejects, key, snap->now_ns));
  PUSH(mask, 0 - (uint64_t)snap->repeat_latched);
  PUSH(mask, (uint64_t)(snap->rate->left[f->intent] - 1) | LESS(snap->now_ns, snap->rate->pause_until_ns));
  PUSH(mask, load.not_reducing);
  PUSH(mask, load.parent);
  SETTLE(mask);
  return mask;
}

/* Bit 4: on the list; and on the degrade policy's list for new risk while that is on. */
INLINE uint64_t listed_word(const tg_gate_snap_t *snap, uint64_t intent) {
  uint64_t flags = snap->instr->flags;
  uint64_t listed = flags & (TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED | TG_GATE_INSTR_RESTRICTED);
  uint64_t opens = intent & intent >> 1; /* INCREASE_RISK is 3 */
  uint64_t held = (uint64_t)snap->degraded & ~(flags / TG_GATE_INSTR_DEGRADE) & opens & 1;
  return (0 - (listed ^ (TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED))) | (0 - held);
}

uint64_t tg_gate_mask(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, uint32_t *subs) {
  const tg_gate_instr_t *instr = snap->instr;
  facts_t f = facts_of(req, lim, instr);
  uint64_t key = tg_dup_key(req->instr_idx, req->side, req->px_ticks, req->qty_lots);
  uint64_t mask = high_of(req, lim, snap, &f, key);
  /* bits 13 down to 0 */
  PUSH(mask, self_word(instr, (uint64_t)req->px_ticks, f.side));
  PUSH(mask, tg_dup_hit(snap->dup, req->client_id, key, snap->now_ns));
  tg_u128 units = (tg_u128)f.px_fine * (uint64_t)req->qty_lots;
  PUSH(mask, less_wide(lim->max_order_units, units));
  PUSH(mask, LESS(lim->max_order_qty_lots, req->qty_lots));
  SETTLE(mask);
  collar_t collar = collar_of(lim, snap, &f);
  PUSH(mask, collar.far | collar.blind);
  SETTLE(mask);
  PUSH(mask, clock_word(lim, snap));
  fresh_t fresh = fresh_of(lim, snap, &f);
  /* a reduction unwinds on a book that is not LIVE as long as its touch makes sense */
  uint64_t unwind = (0 - (f.kind & 1)) & ~f.no_touch;
  PUSH(mask, (fresh.book | fresh.stale | fresh.silent) & ~unwind);
  SETTLE(mask);
  shape_t shape = shape_of(req, snap->filters, &f, units);
  PUSH(mask, shape.tick | shape.lot | shape.qty | shape.notional);
  SETTLE(mask);
  PUSH(mask, window_word(req, lim, snap));
  PUSH(mask, listed_word(snap, f.intent));
  mask = mask + mask + lim->unset_for[f.intent];
  PUSH(mask, 0 - (uint64_t)snap->kill_latched);
  mask = mask + mask + (~(uint64_t)(snap->mode_sends & snap->submit) & 1);
  mask = mask + mask + (~(uint64_t)snap->armed & 1);
  mask &= rows_of[f.kind];
  *subs = TG_UNLIKELY(mask != 0) ? sub_of(req, lim, snap, mask) : 0;
  return mask;
}

int64_t tg_gate_market_px(const tg_limits_t *lim, const tg_gate_instr_t *instr, const tg_filters_t *filters, tg_side_t side,
                          tg_intent_t intent) {
  int64_t bid = instr->bid_px_ticks, ask = instr->ask_px_ticks, step = (int64_t)filters->px_step.step;
  if (bid <= 0 || ask <= bid || ask > TG_PX_TICKS_MAX || instr->mark_e8 <= 0 || filters->tick_e8 <= 0 || step <= 0) return 0;
  tg_u128 bps = (tg_u128)lim->collar_bps[intent == TG_INTENT_REDUCE_RISK];
  tg_u128 mid2 = (tg_u128)(bid + ask), mark = (tg_u128)instr->mark_e8, per_tick = (tg_u128)filters->tick_e8 * 10000;
  tg_u128 px;
  if (side == TG_BUY) {
    tg_u128 by_mid = mid2 * (10000 + bps) / TG_PX_FINE, by_mark = mark * (10000 + bps) / per_tick;
    px = by_mid < by_mark ? by_mid : by_mark;
  } else {
    tg_u128 by_mid = (mid2 * (10000 - bps) + TG_PX_FINE - 1) / TG_PX_FINE;
    tg_u128 by_mark = (mark * (10000 - bps) + per_tick - 1) / per_tick;
    px = (by_mid > by_mark ? by_mid : by_mark) + (uint64_t)step - 1;
  }
  px -= px % (uint64_t)step;
  return px > (tg_u128)TG_PX_TICKS_MAX ? 0 : (int64_t)px;
}

uint8_t tg_gate_sub(uint64_t mask, uint32_t subs) {
  return mask == 0 ? 0 : (uint8_t)subs;
}

/* The table. */
const tg_gate_row_t tg_gate_rows[TG_GATE_CNT] = {
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) [bit] = {(bit), (BUILT), #NAME, #BLOCKS, #REDUCE, text},
#define REASON(GATE_NAME, sub, NAME, text)
#include "risk/gates.def"
#undef GATE
#undef REASON
};

const tg_gate_reason_row_t tg_gate_reason_rows[TG_REASON_CNT] = {
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text)
#define REASON(GATE_NAME, sub, NAME, text) {TG_GATE_##GATE_NAME, (sub), #NAME, text},
#include "risk/gates.def"
#undef GATE
#undef REASON
};

uint8_t tg_gate_reason(uint8_t gate, uint8_t sub) {
  for (unsigned i = 0; i < TG_REASON_CNT; i++) {
    if (tg_gate_reason_rows[i].gate == gate && tg_gate_reason_rows[i].sub == sub) return (uint8_t)i;
  }
  return TG_REASON_NONE;
}

const char *tg_gate_reason_text(uint8_t gate, uint8_t sub) {
  return gate == TG_GATE_NONE ? "PASSED" : tg_gate_reason_name(tg_gate_reason(gate, sub));
}

const char *tg_gate_reason_name(unsigned reason) {
  return reason < TG_REASON_CNT ? tg_gate_reason_rows[reason].name : "?";
}

void tg_gate_count(tg_gate_stat_t *stat, uint64_t mask, uint32_t subs) {
  if (mask == 0) {
    stat->passed_cnt++;
    return;
  }
  stat->blocked_cnt++;
  for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
    unsigned bit = (unsigned)__builtin_ctzll(rest);
    if (bit < TG_GATE_CNT) stat->bit_cnt[bit]++;
  }
  uint8_t reason = tg_gate_reason(tg_gate_lowest(mask), tg_gate_sub(mask, subs));
  if (reason < TG_REASON_CNT) stat->reason_cnt[reason]++;
}

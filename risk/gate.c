#include "risk/gate.h"

#include <string.h>

/* Everything below is arithmetic on 0 and 1: no branch, so that a blocked order costs what a passing one costs and no
 * predictor learns the usual case. Values that could overflow are bounded first; an order outside the bounds has its
 * bit from there, whatever the later products say. */

#define FUTURE_NS (INT64_C(1000000000)) /* a receive time further ahead than this is implausible */
#define BIT(NAME, cond) ((uint64_t)(cond) << TG_GATE_##NAME)
/* where the conditions of a row with several reasons lie in *subs */
#define SUB_SHAPE 0
#define SUB_MARKET_DATA 4
#define SUB_COLLAR 8
#define SUB_NET 12

/* Masks by the columns of gates.def. */
#define BLOCKS_ALL 1
#define BLOCKS_PLACE_AMEND 2
#define BLOCKS_PLACE 3
#define BLOCKS_INCREASE 4
#define BLOCKS_BY_FSM 5
#define REDUCE_NO 1
#define REDUCE_YES 0
#define REDUCE_TOUCH 1
#define REDUCE_SHARE 1
#define REDUCE_TABLE 1
#define REASON(GATE_NAME, sub, NAME, text)
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)(BLOCKS_##BLOCKS != BLOCKS_PLACE) << (bit)
static const uint64_t amend_rows = 0
#include "risk/gates.def"
    ;
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) \
  | (uint64_t)(REDUCE_##REDUCE && BLOCKS_##BLOCKS != BLOCKS_INCREASE) << (bit)
static const uint64_t reduce_rows = 0
#include "risk/gates.def"
    ;
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) \
  | (uint64_t)(BLOCKS_##BLOCKS == BLOCKS_ALL || BLOCKS_##BLOCKS == BLOCKS_BY_FSM) << (bit)
static const uint64_t cancel_rows = 0
#include "risk/gates.def"
    ;
#undef GATE
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) | (uint64_t)(BUILT) << (bit)
static const uint64_t built_rows = 0
#include "risk/gates.def"
    ;
#undef GATE
#undef REASON

/* What several gates need, made once. */
typedef struct facts {
  uint64_t buy, market, reduce, cancel; /* 0 or 1 */
  uint64_t intent;                      /* effective tg_intent_t */
  uint64_t px_ok, qty_ok, touch_ok;
  int64_t qty_lots, rem_lots;   /* bounded */
  uint64_t bps;                 /* collar of this intent */
  uint64_t mid_fine;            /* 1/20000 tick */
  uint64_t low_fine, high_fine; /* collar around mid */
  uint64_t px_fine;             /* limit price, or mid for MARKET */
  uint64_t value_fine;          /* limit price, or the collar's top for MARKET */
} facts_t;

static inline uint64_t pick(uint64_t cond, uint64_t yes, uint64_t no) {
  return no ^ ((yes ^ no) & (0 - cond));
}

static inline uint64_t within(int64_t value, int64_t low, int64_t high) {
  return (uint64_t)(value >= low) & (uint64_t)(value <= high);
}

/* Age of a receive time: too old, never, or implausibly ahead. */
static inline uint64_t too_old(uint64_t now_ns, uint64_t rx_ns, int64_t limit_ns) {
  int64_t age_ns = (int64_t)(now_ns - rx_ns);
  return (uint64_t)(age_ns > limit_ns) | (uint64_t)(age_ns < -FUTURE_NS) | (uint64_t)(rx_ns == 0);
}

static inline facts_t facts_of(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap) {
  const tg_gate_instr_t *instr = snap->instr;
  facts_t f;
  f.buy = req->side == TG_BUY;
  f.market = req->type == TG_TYPE_MARKET;
  f.cancel = req->action == TG_REQUEST_CANCEL;
  /* an intent that does not fit the action is the strictest one */
  f.reduce = (uint64_t)(req->intent == TG_INTENT_REDUCE_RISK) & (f.cancel ^ 1);
  f.intent = pick(f.cancel, TG_INTENT_CANCEL, TG_INTENT_INCREASE_RISK - f.reduce);
  f.px_ok = f.market | within(req->px_ticks, 1, TG_PX_TICKS_MAX - 1);
  f.qty_ok = within(req->qty_lots, 1, TG_QTY_LOTS_MAX - 1) & within(req->rem_lots, 1, TG_QTY_LOTS_MAX - 1) &
             within(req->held_lots, 0, TG_QTY_LOTS_MAX - 1);
  f.qty_lots = (int64_t)((uint64_t)req->qty_lots & (0 - f.qty_ok));
  f.rem_lots = (int64_t)((uint64_t)req->rem_lots & (0 - f.qty_ok));
  f.touch_ok = (uint64_t)(instr->bid_px_ticks > 0) & (uint64_t)(instr->ask_px_ticks > instr->bid_px_ticks) &
               (uint64_t)(instr->ask_px_ticks < TG_PX_TICKS_MAX);
  f.bps = pick(f.reduce, (uint64_t)lim->collar_exit_bps, (uint64_t)lim->collar_entry_bps);
  uint64_t mid2 = ((uint64_t)instr->bid_px_ticks + (uint64_t)instr->ask_px_ticks) & (0 - f.touch_ok);
  f.mid_fine = mid2 * (TG_PX_FINE / 2);
  f.low_fine = f.mid_fine - mid2 * f.bps;
  f.high_fine = f.mid_fine + mid2 * f.bps;
  uint64_t px_fine = ((uint64_t)req->px_ticks & (0 - f.px_ok)) * TG_PX_FINE;
  f.px_fine = pick(f.market, f.mid_fine, px_fine);
  f.value_fine = pick(f.market, f.high_fine, px_fine);
  return f;
}

/* Bits 0-5, 8, 29: switches. */
static inline uint64_t gate_switches(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap,
                                     const facts_t *f) {
  uint64_t flags = snap->instr->flags;
  uint64_t listed = (uint64_t)((flags & (TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED | TG_GATE_INSTR_RESTRICTED)) ==
                               (TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED)) &
                    (uint64_t)(req->instr_idx < TG_INSTR_MAX);
  uint64_t open = (uint64_t)(snap->now_ns >= lim->window_from_ns) & (uint64_t)(snap->now_ns < lim->window_until_ns) &
                  (uint64_t)((flags & TG_GATE_INSTR_HALTED) == 0) & ((uint64_t)snap->instr->type_mask >> (req->type & 15u)) &
                  (uint64_t)(req->type < 16);
  uint64_t sign = 0 - (uint64_t)(snap->clock_offset_ns < 0);
  uint64_t skew_ns = (((uint64_t)snap->clock_offset_ns ^ sign) - sign) + (uint64_t)snap->clock_error_ns;
  uint64_t skewed = (uint64_t)(snap->clock_known != 1) | (uint64_t)(snap->clock_error_ns < 0) |
                    (uint64_t)(skew_ns > (uint64_t)lim->clock_bound_ns);
  uint64_t allowed = ((uint64_t)snap->fsm_allow >> f->intent) & 1;
  return BIT(ARMED, snap->armed != 1) | BIT(MODE, (snap->mode_sends != 1) | (snap->submit != 1)) |
         BIT(KILL, snap->kill_latched != 0) | BIT(LIMITS, lim->unset_for[f->intent] != 0) | BIT(ALLOWED, listed ^ 1) |
         BIT(WINDOW, (open & 1) ^ 1) | BIT(CLOCK, skewed) | BIT(FSM, allowed ^ 1);
}

/* Bits 6, 10, 11: the order by itself. */
static inline uint64_t gate_shape(const tg_order_req_t *req, const tg_limits_t *lim, const tg_filters_t *flt, const facts_t *f,
                                  uint32_t *subs) {
  uint64_t ready = (uint64_t)((flt->ready & TG_FILTERS_READY) == TG_FILTERS_READY);
  uint64_t tick_ok = within(req->px_ticks, flt->min_px_ticks, flt->max_px_ticks) & tg_step_fits(&flt->px_step, req->px_ticks);
  int64_t min_qty = (int64_t)pick(f->market, (uint64_t)flt->market_min_qty_lots, (uint64_t)flt->min_qty_lots);
  int64_t max_qty = (int64_t)pick(f->market, (uint64_t)flt->market_max_qty_lots, (uint64_t)flt->max_qty_lots);
  uint64_t bad_tick = ((f->market | tick_ok) & f->px_ok & ready) ^ 1;
  uint64_t bad_lot = tg_step_fits(&flt->qty_step, req->qty_lots) ^ 1;
  uint64_t bad_qty = (f->qty_ok & within(req->qty_lots, min_qty, max_qty) & (uint64_t)(req->rem_lots <= req->qty_lots)) ^ 1;
  uint64_t reduce_only = (req->order_flags & TG_ORDER_REDUCE_ONLY) != 0;
  tg_u128 least = (tg_u128)f->px_fine * (uint64_t)f->qty_lots;
  tg_u128 most = (tg_u128)f->value_fine * (uint64_t)f->qty_lots;
  uint64_t overflow = most > flt->max_units;
  uint64_t bad_notional = ((uint64_t)(least < flt->min_units) & (reduce_only ^ 1)) | overflow;
  uint64_t sub = bad_tick | bad_lot << 1 | bad_qty << 2 | bad_notional << 3;
  *subs |= (uint32_t)(sub << SUB_SHAPE);
  return BIT(SHAPE, sub != 0) | BIT(ORDER_QTY, (uint64_t)(req->qty_lots > lim->max_order_qty_lots) | (f->qty_ok ^ 1)) |
         BIT(ORDER_NOTIONAL, (uint64_t)(most > lim->max_order_units) | overflow);
}

/* Bits 7, 9, 13: the market around it. */
static inline uint64_t gate_market(const tg_limits_t *lim, const tg_gate_snap_t *snap, const facts_t *f, uint32_t *subs) {
  const tg_gate_instr_t *instr = snap->instr;
  uint64_t not_live = (uint64_t)(instr->book_state != TG_BOOK_LIVE) | (f->touch_ok ^ 1);
  uint64_t stale = too_old(snap->now_ns, instr->book_rx_ns, lim->md_age_ns);
  uint64_t silent = too_old(snap->now_ns, snap->session_rx_ns, lim->session_age_ns);
  uint64_t md = not_live | stale << 1 | silent << 2;
  uint64_t no_mark = (uint64_t)(instr->mark_e8 <= 0) | too_old(snap->now_ns, instr->mark_rx_ns, lim->mark_age_ns);
  tg_u128 px = (tg_u128)f->px_fine * (uint64_t)snap->filters->tick_e8;
  tg_u128 low = (tg_u128)(uint64_t)instr->mark_e8 * (TG_PX_FINE - 2 * f->bps);
  tg_u128 high = (tg_u128)(uint64_t)instr->mark_e8 * (TG_PX_FINE + 2 * f->bps);
  uint64_t far_mid = (uint64_t)(f->px_fine < f->low_fine) | (uint64_t)(f->px_fine > f->high_fine);
  uint64_t far_mark = (uint64_t)(px < low) | (uint64_t)(px > high);
  uint64_t collar = (far_mid & f->touch_ok) | (far_mark & (no_mark ^ 1)) | ((f->touch_ok ^ 1) | no_mark) << 1;
  *subs |= (uint32_t)(md << SUB_MARKET_DATA | collar << SUB_COLLAR);
  int64_t ask = instr->own_ask_px_ticks < TG_PX_TICKS_MAX ? instr->own_ask_px_ticks : TG_PX_TICKS_MAX;
  uint64_t sell_fine = pick(f->market, f->low_fine, f->px_fine);
  uint64_t hits_ask = f->buy & (uint64_t)((uint64_t)ask * TG_PX_FINE <= f->value_fine);
  uint64_t hits_bid = (f->buy ^ 1) & (uint64_t)(instr->own_bid_px_ticks > 0) &
                      (uint64_t)((uint64_t)instr->own_bid_px_ticks * TG_PX_FINE >= sell_fine);
  /* a reduction unwinds on a book that is not LIVE as long as the touch makes sense */
  uint64_t md_bit = (uint64_t)(md != 0) & ((f->reduce & f->touch_ok) ^ 1);
  return BIT(MARKET_DATA, md_bit) | BIT(COLLAR, collar != 0) | BIT(SELF_MATCH, hits_ask | hits_bid);
}

/* Bits 12, 16, 19, 26: counts and latches. */
static inline uint64_t gate_counts(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap,
                                   const facts_t *f) {
  uint64_t key = tg_dup_key(req->instr_idx, req->side, req->px_ticks, req->qty_lots);
  uint64_t dup = tg_dup_hit(snap->dup, req->client_id, key, snap->now_ns);
  uint64_t rate = (uint64_t)(snap->rate->left[f->intent] <= 0) | (uint64_t)(snap->now_ns < snap->rate->pause_until_ns);
  uint64_t open = (uint64_t)(snap->instr->open_cnt >= lim->max_open_orders_instr) |
                  (uint64_t)(snap->instr->open_cnt >= snap->filters->max_orders) |
                  (uint64_t)(snap->open_cnt >= lim->max_open_orders) | (uint64_t)(snap->in_flight_cnt >= lim->max_in_flight);
  uint64_t drawdown = (snap->drawdown->latched | (snap->drawdown->known ^ 1)) & 1;
  drawdown |= too_old(snap->now_ns, snap->drawdown->fresh_ns, lim->mark_age_ns);
  return BIT(DUPLICATE, dup) | BIT(RATE, rate) | BIT(OPEN_ORDERS, open) | BIT(DRAWDOWN, drawdown);
}

/* worth_q16 >= 0 as e8, rounded up; *over when it does not fit 63 bits (then the value is not to be trusted). */
static inline uint64_t e8_of(tg_i128 worth_q16, uint64_t *over) {
  tg_u128 value = ((tg_u128)worth_q16 + ((1u << TG_WORTH_Q) - 1)) >> TG_WORTH_Q;
  *over = (uint64_t)(value >> 63) != 0;
  return (uint64_t)value;
}

/* Bits 15, 20-22: what it would make of us. */
static inline uint64_t gate_exposure(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap,
                                     const facts_t *f, uint32_t *subs) {
  const tg_exposure_t *all = snap->exposure;
  const tg_exposure_instr_t *one = &all->instr[req->instr_idx & (TG_INSTR_MAX - 1)];
  int64_t grow = f->rem_lots - (int64_t)((uint64_t)req->held_lots & (0 - f->qty_ok));
  int64_t less_held = grow;
  grow &= ~(grow >> 63); /* an amend that shrinks changes nothing before its answer */
  int64_t buy_lots = grow & (int64_t)(0 - f->buy), sell_lots = grow - buy_lots;
  int64_t worst_long = one->pos_lots + one->open_buy_lots + buy_lots;
  int64_t worst_short = one->open_sell_lots + sell_lots - one->pos_lots;
  int64_t worst = worst_long > worst_short ? worst_long : worst_short;
  worst &= ~(worst >> 63);
  uint64_t unknown = (one->pos_known & 1) ^ 1;
  uint64_t over_position = (uint64_t)(worst > lim->max_position_lots) | unknown;
  /* what stays of the position for this order after the others of its side */
  int64_t others =
      (int64_t)pick(f->buy, (uint64_t)(one->pos_lots + one->open_buy_lots), (uint64_t)(one->open_sell_lots - one->pos_lots));
  uint64_t reduce_only = (req->order_flags & TG_ORDER_REDUCE_ONLY) != 0;
  uint64_t not_reducing = reduce_only & ((uint64_t)(others + less_held > 0) | unknown);

  tg_i128 worth = (tg_i128)one->lot_worth_q16;
  tg_i128 gross_q16 = all->gross_q16 - one->gross_q16 + worth * worst;
  tg_i128 net_long = all->net_long_q16 + worth * buy_lots, net_short = worth * sell_lots - all->net_short_q16;
  tg_i128 net_q16 = net_long > net_short ? net_long : net_short;
  net_q16 = net_q16 > 0 ? net_q16 : 0;
  uint64_t over_gross, over_net;
  uint64_t gross = e8_of(gross_q16, &over_gross), net = e8_of(net_q16, &over_net);
  uint64_t broke = (uint64_t)(snap->drawdown->equity_e8 <= 0) | ((snap->drawdown->known & 1) ^ 1);
  uint64_t equity = (uint64_t)snap->drawdown->equity_e8 & (broke - 1);
  uint64_t blind = (uint64_t)(all->unvalued_cnt != 0) | (uint64_t)(one->lot_worth_q16 == 0) | unknown;
  uint64_t max_gross = over_gross | blind | broke | (uint64_t)(gross > (uint64_t)lim->max_gross_e8) |
                       (uint64_t)((tg_u128)gross * 100 > (tg_u128)equity * (uint64_t)lim->max_gross_equity_pct);
  uint64_t max_net = over_net | blind | broke | (uint64_t)(net > (uint64_t)lim->max_net_e8) |
                     (uint64_t)((tg_u128)net * 100 > (tg_u128)equity * (uint64_t)lim->max_net_equity_pct);
  uint64_t leverage = over_gross | blind | broke |
                      (uint64_t)((tg_u128)gross * (uint64_t)TG_E8 > (tg_u128)equity * (uint64_t)lim->max_leverage_e8);
  uint64_t margin = blind | (uint64_t)(gross_q16 > all->margin_gross_max_q16);
  uint64_t sub = max_net | leverage << 1 | margin << 2;
  *subs |= (uint32_t)(sub << SUB_NET);
  return BIT(REDUCING, not_reducing) | BIT(POSITION, over_position) | BIT(GROSS, max_gross) | BIT(NET, sub != 0);
}

uint64_t tg_gate_mask(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, uint32_t *subs) {
  facts_t f = facts_of(req, lim, snap);
  uint32_t sub_bits = 0;
  uint64_t mask = gate_switches(req, lim, snap, &f) | gate_shape(req, lim, snap->filters, &f, &sub_bits) |
                  gate_market(lim, snap, &f, &sub_bits) | gate_counts(req, lim, snap, &f) |
                  gate_exposure(req, lim, snap, &f, &sub_bits);
  uint64_t rows = built_rows;
  rows &= amend_rows | (0 - (uint64_t)(req->action != TG_REQUEST_AMEND));
  rows &= reduce_rows | (f.reduce - 1);
  rows &= cancel_rows | (f.cancel - 1);
  *subs = sub_bits;
  return mask & rows;
}

uint8_t tg_gate_sub(uint64_t mask, uint32_t subs) {
  switch (tg_gate_lowest(mask)) {
    case TG_GATE_SHAPE:
      return (uint8_t)__builtin_ctz((subs >> SUB_SHAPE & 15u) | 16u);
    case TG_GATE_MARKET_DATA:
      return (uint8_t)__builtin_ctz((subs >> SUB_MARKET_DATA & 7u) | 8u);
    case TG_GATE_COLLAR:
      return (uint8_t)__builtin_ctz((subs >> SUB_COLLAR & 3u) | 4u);
    case TG_GATE_NET:
      return (uint8_t)__builtin_ctz((subs >> SUB_NET & 7u) | 8u);
    default:
      return 0;
  }
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

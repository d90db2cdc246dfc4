#include "engine/core/router.h"

#include <string.h>

static void decide(tg_route_out_t *out, uint8_t row, tg_route_decision_t decision, tg_route_reason_t reason) {
  out->row = row;
  out->decision = (uint8_t)decision;
  out->reason = (uint8_t)reason;
}

static void act(tg_route_out_t *out, tg_request_t request, tg_route_when_t when, const tg_route_order_t *order) {
  tg_route_action_t *action = &out->action[out->action_cnt++];
  action->order = *order;
  action->request = (uint8_t)request;
  action->when = (uint8_t)when;
}

/* Row 4, without the notional and the band: steps and bounds. */
static tg_route_reason_t shape(const tg_filters_t *flt, const tg_route_order_t *want) {
  bool market = want->type == TG_TYPE_MARKET;
  bool ready = (flt->ready & TG_FILTERS_READY) == TG_FILTERS_READY;
  bool tick_ok =
      want->px_ticks >= flt->min_px_ticks && want->px_ticks <= flt->max_px_ticks && tg_step_fits(&flt->px_step, want->px_ticks);
  if (!ready || (!market && !tick_ok)) return TG_ROUTE_WHY_FILTER_TICK;
  if (!tg_step_fits(&flt->qty_step, want->qty_lots)) return TG_ROUTE_WHY_FILTER_STEP;
  if (want->qty_lots < (market ? flt->market_min_qty_lots : flt->min_qty_lots)) return TG_ROUTE_WHY_FILTER_MIN_QTY;
  if (want->qty_lots > (market ? flt->market_max_qty_lots : flt->max_qty_lots)) return TG_ROUTE_WHY_FILTER_MAX_QTY;
  return TG_ROUTE_WHY_NONE;
}

/* MARKET is worth its quantity at the mark: px_fine = mark / tick, so compare mark * fine * qty with min_units * tick. */
static bool worth_enough(const tg_filters_t *flt, const tg_route_order_t *want, int64_t mark_e8) {
  if (flt->min_units == 0 || (want->order_flags & TG_ORDER_REDUCE_ONLY)) return true;
  if (want->type != TG_TYPE_MARKET) {
    return (tg_u128)(uint64_t)want->px_ticks * TG_PX_FINE * (uint64_t)want->qty_lots >= flt->min_units;
  }
  if (mark_e8 <= 0 || mark_e8 > INT64_MAX / TG_PX_FINE) return false;
  tg_u128 each = (tg_u128)(uint64_t)mark_e8 * TG_PX_FINE / (uint64_t)flt->tick_e8;
  return each * (uint64_t)want->qty_lots >= flt->min_units;
}

/* PERCENT_PRICE: a buy not above mark * up, a sell not below mark * down. */
static bool in_band(const tg_filters_t *flt, const tg_route_order_t *want, int64_t mark_e8) {
  int64_t mult_bps = want->side == TG_BUY ? flt->mult_up_bps : flt->mult_down_bps;
  if (mult_bps == 0 || want->type == TG_TYPE_MARKET) return true;
  if (mark_e8 <= 0) return false;
  tg_u128 px = (tg_u128)((uint64_t)want->px_ticks * (uint64_t)10000) * (uint64_t)flt->tick_e8;
  tg_u128 bound = (tg_u128)(uint64_t)mark_e8 * (uint64_t)mult_bps;
  return want->side == TG_BUY ? px <= bound : px >= bound;
}

static tg_route_reason_t filter(const tg_route_in_t *in, const tg_route_order_t *want) {
  tg_route_reason_t why = shape(in->filters, want);
  if (why != TG_ROUTE_WHY_NONE) return why;
  if (!worth_enough(in->filters, want, in->mark_e8)) return TG_ROUTE_WHY_FILTER_MIN_NOTIONAL;
  return in_band(in->filters, want, in->mark_e8) ? TG_ROUTE_WHY_NONE : TG_ROUTE_WHY_FILTER_PRICE_BAND;
}

static bool crosses(const tg_route_in_t *in, const tg_route_order_t *want) {
  if (!(want->order_flags & TG_ORDER_POST_ONLY) || want->type == TG_TYPE_MARKET) return false;
  if (want->side == TG_BUY) return in->ask_px_ticks > 0 && want->px_ticks >= in->ask_px_ticks;
  return in->bid_px_ticks > 0 && want->px_ticks <= in->bid_px_ticks;
}

/* Row 5: joins the touch of its own side; without one, a step behind the other side. False when that is no price. */
static bool reprice(const tg_route_in_t *in, tg_route_order_t *want) {
  int64_t step = in->filters->px_step.step > 0 ? (int64_t)in->filters->px_step.step : 1;
  int64_t px = want->side == TG_BUY ? in->bid_px_ticks : in->ask_px_ticks;
  if (px <= 0) px = want->side == TG_BUY ? in->ask_px_ticks - step : in->bid_px_ticks + step;
  want->px_ticks = px;
  return !crosses(in, want) && filter(in, want) == TG_ROUTE_WHY_NONE;
}

static bool same_kind(const tg_route_order_t *a, const tg_route_order_t *b) {
  return a->side == b->side && a->type == b->type && a->tif == b->tif && a->order_flags == b->order_flags;
}

static bool amendable(const tg_route_in_t *in, const tg_route_order_t *want) {
  if (!same_kind(&in->existing, want) || in->amend_refused || !(in->venue_caps & TG_VENUE_AMEND)) return false;
  return !(in->venue_caps & TG_VENUE_AMEND_LIMIT_ONLY) || in->existing.type == TG_TYPE_LIMIT;
}

/* Rounded-half-up bps of |desired - existing| / existing at or under the threshold. floor((2 * 10^4 * d + e) / 2e) <= t
 * is 2 * 10^4 * d < e * (2t + 1): no division. */
static bool small_delta(int64_t existing_px, int64_t desired_px, int64_t threshold_bps) {
  if (existing_px <= 0 || threshold_bps < 0) return false;
  uint64_t delta =
      desired_px > existing_px ? (uint64_t)desired_px - (uint64_t)existing_px : (uint64_t)existing_px - (uint64_t)desired_px;
  return (tg_u128)delta * 20000 < (tg_u128)(uint64_t)existing_px * (2 * (uint64_t)threshold_bps + 1);
}

/* Rows 8 to 12: what would follow if the budget allows it. */
static void follow(const tg_route_in_t *in, const tg_route_order_t *want, tg_route_out_t *out) {
  if (!in->has_existing) {
    decide(out, 8, TG_ROUTE_CANCEL_REPLACE, TG_ROUTE_WHY_NO_EXISTING_ORDER);
  } else if (in->filled_lots > 0) {
    decide(out, 9, TG_ROUTE_CANCEL_REPLACE, TG_ROUTE_WHY_PARTIAL_FILL);
  } else if (!amendable(in, want)) {
    decide(out, 9, TG_ROUTE_CANCEL_REPLACE, TG_ROUTE_WHY_NOT_AMENDABLE);
  } else if (in->existing.px_ticks == want->px_ticks) {
    decide(out, 10, TG_ROUTE_AMEND, TG_ROUTE_WHY_QTY_CHANGE_ONLY);
  } else if (small_delta(in->existing.px_ticks, want->px_ticks, in->amend_threshold_bps)) {
    decide(out, 11, TG_ROUTE_AMEND, TG_ROUTE_WHY_SMALL_PRICE_DELTA);
  } else {
    decide(out, 12, TG_ROUTE_CANCEL_REPLACE, TG_ROUTE_WHY_LARGE_PRICE_DELTA);
  }
}

/* Order of work. Both resting at once could both fill: the place waits for the cancel's answer, unless it is a reduction
 * that together with what already rests stays within the position. */
static void plan(const tg_route_in_t *in, const tg_route_order_t *want, tg_route_out_t *out) {
  if (out->decision == TG_ROUTE_AMEND) {
    act(out, TG_REQUEST_AMEND, TG_ROUTE_NOW, want);
    return;
  }
  if (!in->has_existing) {
    act(out, TG_REQUEST_PLACE, TG_ROUTE_NOW, want);
    return;
  }
  bool place_first = in->intent == TG_INTENT_REDUCE_RISK && want->qty_lots <= in->reducible_lots;
  if (place_first) act(out, TG_REQUEST_PLACE, TG_ROUTE_NOW, want);
  act(out, TG_REQUEST_CANCEL, TG_ROUTE_NOW, &in->existing);
  if (!place_first) act(out, TG_REQUEST_PLACE, TG_ROUTE_AFTER_ANSWER, want);
}

static int64_t cost_of(const tg_route_in_t *in, const tg_route_out_t *out) {
  return out->decision == TG_ROUTE_CANCEL_REPLACE && in->has_existing ? 2 : 1;
}

void tg_route(const tg_route_in_t *in, tg_route_out_t *out) {
  memset(out, 0, sizeof *out);
  if (in->drawdown_gate && in->intent == TG_INTENT_INCREASE_RISK) {
    decide(out, 1, TG_ROUTE_BLOCK, TG_ROUTE_WHY_DRAWDOWN_GATE_ACTIVE);
    return;
  }
  if (in->has_existing && in->request_pending) {
    decide(out, 2, TG_ROUTE_NOOP, TG_ROUTE_WHY_REQUEST_IN_FLIGHT);
    return;
  }
  if (in->intent == TG_INTENT_CANCEL || !in->has_desired) {
    if (in->has_existing) {
      decide(out, 3, TG_ROUTE_CANCEL, TG_ROUTE_WHY_EXPLICIT_CANCEL);
      act(out, TG_REQUEST_CANCEL, TG_ROUTE_NOW, &in->existing);
    } else {
      decide(out, 6, TG_ROUTE_NOOP, TG_ROUTE_WHY_NO_CHANGE); /* nothing there, nothing wanted */
    }
    return;
  }
  tg_route_order_t want = in->desired;
  tg_route_reason_t why = filter(in, &want);
  if (why != TG_ROUTE_WHY_NONE) {
    decide(out, 4, TG_ROUTE_BLOCK, why);
    return;
  }
  if (crosses(in, &want)) {
    if (!in->reprice_to_touch || !reprice(in, &want)) {
      decide(out, 5, TG_ROUTE_BLOCK, TG_ROUTE_WHY_SPREAD_CROSSING);
      return;
    }
    out->repriced = 1;
  }
  if (in->has_existing && same_kind(&in->existing, &want) && in->existing.px_ticks == want.px_ticks &&
      in->existing.qty_lots - in->filled_lots == want.qty_lots) {
    decide(out, 6, TG_ROUTE_NOOP, TG_ROUTE_WHY_NO_CHANGE);
    return;
  }
  follow(in, &want, out);
  if (in->intent != TG_INTENT_REDUCE_RISK && in->rate_left < cost_of(in, out)) {
    decide(out, 7, TG_ROUTE_BLOCK, TG_ROUTE_WHY_RATE_LIMIT);
    return;
  }
  plan(in, &want, out);
}

void tg_route_count(tg_route_stat_t *stat, const tg_route_out_t *out) {
  if (out->decision >= TG_ROUTE_DECISION_CNT || out->reason >= TG_ROUTE_WHY_CNT) return;
  stat->cnt[out->decision][out->reason]++;
  stat->amend_saved_cnt += out->decision == TG_ROUTE_AMEND;
  stat->repriced_cnt += out->repriced;
  stat->place_first_cnt += out->action_cnt == 2 && out->action[0].request == TG_REQUEST_PLACE;
}

const char *tg_route_decision_name(unsigned decision) {
  switch (decision) {
#define DECISION(NAME, number, text) \
  case number: \
    return #NAME;
#include "engine/core/router.def"
    default:
      return "?";
  }
}

const char *tg_route_reason_name(unsigned reason) {
  switch (reason) {
#define ROUTE_REASON(NAME, number, text) \
  case number: \
    return #NAME;
#include "engine/core/router.def"
    default:
      return "?";
  }
}

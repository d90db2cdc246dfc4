/* The router's fire drill: one made-up input per row of router.def, in its order. */
#include <string.h>

#include "engine/core/router.h"

typedef struct expect {
  uint8_t row, decision, reason;
} expect_t;

static const expect_t expects[] = {
#define ROW(row, existing, condition, decision, reason) {(row), TG_ROUTE_##decision, TG_ROUTE_WHY_##reason},
#include "engine/core/router.def"
};
const uint32_t tg_route_row_cnt = (uint32_t)TG_ARRAY_CNT(expects);
TG_STATIC_ASSERT(TG_ARRAY_CNT(expects) <= 32, "the drill answers in 32 bits");

/* BTCUSDT as in the venue's page: tick 0.10, step 0.001, 50 USDT at least, band 5%, market lots up to 120. */
static void make_filters(tg_filters_t *flt) {
  tg_filters_init(flt);
  flt->tick_e8 = 10000000;
  flt->value_mul = 10000;
  flt->value_div = 1;
  flt->lot_mul = 1;
  flt->lot_div = 1000;
  flt->px_step = tg_step_make(1);
  flt->qty_step = tg_step_make(1);
  flt->min_px_ticks = 5568;
  flt->max_px_ticks = 45297640;
  flt->min_qty_lots = flt->market_min_qty_lots = 1;
  flt->max_qty_lots = 1000000;
  flt->market_max_qty_lots = 120000;
  flt->min_notional_e8 = 50 * TG_E8;
  flt->min_units = tg_filters_units_of(flt, flt->min_notional_e8, true);
  flt->mult_up_bps = 10500;
  flt->mult_down_bps = 9500;
  flt->ready = TG_FILTERS_SYMBOL | TG_FILTERS_BOUNDS | TG_FILTERS_SECOND;
}

/* A post-only buy of 0.010 at 61,999.0 under a touch of 62,000.0 / 62,000.1; the same order rests unless `fresh`. */
static void make_input(tg_route_in_t *in, const tg_filters_t *flt, bool fresh) {
  memset(in, 0, sizeof *in);
  in->desired.px_ticks = 619990;
  in->desired.qty_lots = 10;
  in->desired.side = TG_BUY;
  in->desired.type = TG_TYPE_LIMIT;
  in->desired.tif = TG_TIF_GTX;
  in->desired.order_flags = TG_ORDER_POST_ONLY;
  in->existing = in->desired;
  in->filters = flt;
  in->bid_px_ticks = 620000;
  in->ask_px_ticks = 620001;
  in->mark_e8 = INT64_C(6200000000000);
  in->rate_left = 100;
  in->amend_threshold_bps = 20;
  in->intent = TG_INTENT_INCREASE_RISK;
  in->has_desired = 1;
  in->has_existing = !fresh;
  in->venue_caps = TG_VENUE_AMEND | TG_VENUE_AMEND_LIMIT_ONLY;
}

/* Makes row `i` of the table the first that matches; the reason names the row. */
static void bend(tg_route_in_t *in, tg_filters_t *flt, uint8_t reason) {
  switch (reason) {
    case TG_ROUTE_WHY_DRAWDOWN_GATE_ACTIVE:
      in->drawdown_gate = 1;
      break;
    case TG_ROUTE_WHY_REQUEST_IN_FLIGHT:
      in->request_pending = 1;
      break;
    case TG_ROUTE_WHY_EXPLICIT_CANCEL:
      in->has_desired = 0;
      break;
    case TG_ROUTE_WHY_FILTER_TICK:
      flt->px_step = tg_step_make(100);
      break;
    case TG_ROUTE_WHY_FILTER_STEP:
      flt->qty_step = tg_step_make(3);
      break;
    case TG_ROUTE_WHY_FILTER_MIN_QTY:
      in->desired.qty_lots = 0;
      break;
    case TG_ROUTE_WHY_FILTER_MAX_QTY:
      in->desired.qty_lots = 1000001;
      break;
    case TG_ROUTE_WHY_FILTER_MIN_NOTIONAL:
      in->desired.px_ticks = 49999;
      in->mark_e8 = INT64_C(500000000000);
      break;
    case TG_ROUTE_WHY_FILTER_PRICE_BAND:
      in->mark_e8 = INT64_C(5900000000000); /* 61,999 is above 59,000 * 1.05 = 61,950 */
      break;
    case TG_ROUTE_WHY_SPREAD_CROSSING:
      in->desired.px_ticks = 620001;
      break;
    case TG_ROUTE_WHY_RATE_LIMIT:
      in->desired.qty_lots = 11;
      in->rate_left = 0;
      break;
    case TG_ROUTE_WHY_PARTIAL_FILL:
      in->filled_lots = 4;
      break;
    case TG_ROUTE_WHY_NOT_AMENDABLE:
      in->venue_caps = 0;
      in->desired.qty_lots = 11;
      break;
    case TG_ROUTE_WHY_QTY_CHANGE_ONLY:
      in->desired.qty_lots = 11;
      break;
    case TG_ROUTE_WHY_SMALL_PRICE_DELTA:
      in->desired.px_ticks = 619900;
      break;
    case TG_ROUTE_WHY_LARGE_PRICE_DELTA:
      in->desired.px_ticks = 610000;
      break;
    default:
      break; /* NO_CHANGE and NO_EXISTING_ORDER are the input as made */
  }
}

uint32_t tg_route_drill(tg_route_stat_t *stat) {
  uint32_t right = 0;
  for (uint32_t i = 0; i < tg_route_row_cnt; i++) {
    const expect_t *expect = &expects[i];
    tg_filters_t flt;
    tg_route_in_t in;
    tg_route_out_t out;
    make_filters(&flt);
    make_input(&in, &flt, expect->reason == TG_ROUTE_WHY_NO_EXISTING_ORDER);
    bend(&in, &flt, expect->reason);
    tg_route(&in, &out);
    if (stat != NULL) tg_route_count(stat, &out);
    bool same = out.row == expect->row && out.decision == expect->decision && out.reason == expect->reason;
    right |= (uint32_t)same << i;
  }
  return right;
}

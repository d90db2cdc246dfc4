/* router.h - smart order router: amend, cancel-replace, noop or block (spec/router.md).
 * What:    tg_route(inputs) -> {decision, reason, actions[0..2]}: a pure function between the strategy's desired orders
 *          and the gate chain. The gates still see every action it yields.
 * Owner:   no state; tg_route_stat_t is the caller's.
 * Threads: any.
 * Limit:   two actions.
 * Errors:  none; a missing input blocks with the reason of its row. */
#ifndef TG_CORE_ROUTER_H
#define TG_CORE_ROUTER_H

#include "engine/msg/msg.h"
#include "risk/filters.h"

typedef enum tg_route_decision {
#define DECISION(NAME, number, text) TG_ROUTE_##NAME = (number),
#include "engine/core/router.def"
  TG_ROUTE_DECISION_CNT
} tg_route_decision_t;

typedef enum tg_route_reason {
#define ROUTE_REASON(NAME, number, text) TG_ROUTE_WHY_##NAME = (number),
#include "engine/core/router.def"
  TG_ROUTE_WHY_CNT
} tg_route_reason_t;

/* Venue capability bits. */
#define TG_VENUE_AMEND 1u             /* orders can be amended at all */
#define TG_VENUE_AMEND_KEEPS_QUEUE 2u /* a smaller quantity keeps its place (Binance USDT-M: no) */
#define TG_VENUE_BATCH 4u
#define TG_VENUE_AMEND_LIMIT_ONLY 8u /* LIMIT orders only (Binance -5025) */

/* An order as the strategy wants it to rest. */
typedef struct tg_route_order {
  int64_t px_ticks;    /* MARKET: ignored */
  int64_t qty_lots;    /* desired: open quantity wanted; existing: total quantity */
  uint8_t side;        /* tg_side_t */
  uint8_t type;        /* tg_order_type_t */
  uint8_t tif;         /* tg_tif_t */
  uint8_t order_flags; /* TG_ORDER_* */
  uint16_t stop_bps;   /* distance to the stop as the strategy names it, 0 none (bit 24) */
  uint8_t pad0[2];
} tg_route_order_t;

typedef struct tg_route_in {
  tg_route_order_t desired;           /* valid when has_desired */
  tg_route_order_t existing;          /* valid when has_existing */
  int64_t filled_lots;                /* of the existing order */
  const tg_filters_t *filters;        /* of the instrument */
  int64_t bid_px_ticks, ask_px_ticks; /* touch; 0 = that side is missing */
  int64_t mark_e8;                    /* 0 = none */
  int64_t rate_left;                  /* requests this intent may still send: tg_rate_left */
  int64_t amend_threshold_bps;        /* router.amend_threshold_bps */
  int64_t reducible_lots;             /* tg_exposure_reducible(instr, desired.side): counts the existing order as still open */
  uint8_t intent;                     /* tg_intent_t of the desired order (CANCEL: take it away) */
  uint8_t has_desired, has_existing;
  uint8_t request_pending;  /* a request on the existing order is unanswered or unknown */
  uint8_t amend_refused;    /* this order may not be amended any more (venue's count of changes, -5026, -5027) */
  uint8_t drawdown_gate;    /* gate bit 26 would hold INCREASE_RISK */
  uint8_t reprice_to_touch; /* router.reprice_to_touch and the strategy allows it */
  uint8_t venue_caps;       /* TG_VENUE_* */
} tg_route_in_t;

/* When an action may leave. */
typedef enum tg_route_when {
  TG_ROUTE_NOW = 0,
  TG_ROUTE_AFTER_ANSWER = 1 /* only when the action before it is answered: then run the router again on what is true by
                               then (a fill may have outrun the cancel), never send this blindly */
} tg_route_when_t;

typedef struct tg_route_action {
  tg_route_order_t order; /* PLACE, AMEND: as it shall be (AMEND: qty_lots is the new total); CANCEL: the existing one */
  uint8_t request;        /* tg_request_t: PLACE, AMEND, CANCEL */
  uint8_t when;           /* tg_route_when_t */
  uint8_t pad0[6];
} tg_route_action_t;

typedef struct tg_route_out {
  uint8_t decision;   /* tg_route_decision_t */
  uint8_t reason;     /* tg_route_reason_t */
  uint8_t row;        /* row of spec/router.md */
  uint8_t action_cnt; /* 0..2 */
  uint8_t repriced;   /* 1: a post-only price was moved to the touch */
  uint8_t pad0[3];
  tg_route_action_t action[2];
} tg_route_out_t;

/* The table, first match wins. *out is written whole. */
void tg_route(const tg_route_in_t *in, tg_route_out_t *out);

/* Telemetry. */
typedef struct tg_route_stat {
  uint64_t cnt[TG_ROUTE_DECISION_CNT][TG_ROUTE_WHY_CNT]; /* filter violations are cnt[BLOCK][FILTER_*] */
  uint64_t amend_saved_cnt;                              /* amends instead of a cancel and a place */
  uint64_t repriced_cnt;                                 /* post-only prices moved to the touch */
  uint64_t place_first_cnt;                              /* reductions placed before the cancel */
} tg_route_stat_t;
void tg_route_count(tg_route_stat_t *stat, const tg_route_out_t *out);

/* Fire drill: drives every row of router.def with made-up inputs. Bit i of the result set = ROW i (from 0, in the order of
 * the file) gave its decision and reason; all right = (1 << tg_route_row_cnt) - 1. Counts into stat when not NULL. */
uint32_t tg_route_drill(tg_route_stat_t *stat);
extern const uint32_t tg_route_row_cnt;

/* "AMEND"; "?" outside. */
const char *tg_route_decision_name(unsigned decision);
/* "QTY_CHANGE_ONLY"; "?" outside. */
const char *tg_route_reason_name(unsigned reason);

#endif

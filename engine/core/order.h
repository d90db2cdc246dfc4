/* order.h - the order state machine and the table of orders.
 * What:    tg_order_apply is the one function that writes an order's state, by the table in order.def; the table is
 *          a fixed pool with look-up by client id and by (instrument, venue order id). Lately ended orders stay for
 *          late events, then their slots are used again, oldest first.
 * Owner:   memory from the core's arena.
 * Threads: core lane.
 * Limit:   cap orders; when all are open, or ended less than TG_ORDER_KEEP_NS ago, tg_order_new refuses (counted).
 * Errors:  NULL from tg_order_new; a pair without a row in order.def is reported in tg_order_out_t.hole. */
#ifndef TG_CORE_ORDER_H
#define TG_CORE_ORDER_H

#include "engine/base/arena.h"
#include "engine/base/types.h"
#include "engine/msg/msg.h"
#include "risk/exposure.h"

#define TG_ORDER_KEEP_NS (UINT64_C(10) * 1000000000) /* an ended order answers for late events at least so long */
#define TG_ORDER_NIL UINT32_MAX

typedef enum tg_ord_state {
#define S(NAME, number, open, text) TG_ORD_##NAME = (number),
#include "engine/core/order.def"
#undef S
  TG_ORD_STATE_CNT,
  TG_ORD_REST = 32, /* in tables only: LIVE or PARTIAL by quantity */
  TG_ORD_SAME = 33  /* in tables only: stays */
} tg_ord_state_t;

typedef enum tg_ord_event {
#define V(NAME, text) TG_OEV_##NAME,
#include "engine/core/order.def"
#undef V
  TG_OEV_CNT
} tg_ord_event_t;

typedef enum tg_ord_action {
  TG_OACT_NONE,   /* nothing but the state */
  TG_OACT_TAKE,   /* the event's price and quantity are the order's now */
  TG_OACT_FILL,   /* executed quantity moved */
  TG_OACT_LATE,   /* recorded and counted, never applied */
  TG_OACT_QUERY,  /* ask the venue now */
  TG_OACT_WAIT,   /* ask again after the pause */
  TG_OACT_END,    /* ended: release what is not owed */
  TG_OACT_REOPEN, /* it lives against our belief: alarm, exposure again, ask */
  TG_OACT_CNT
} tg_ord_action_t;

typedef struct tg_order {
  uint64_t client_id;                   /* 0 when FREE */
  int64_t order_id;                     /* the venue's, 0 not known yet */
  int64_t px_ticks, qty_lots;           /* terms as last confirmed (of the place until then) */
  int64_t want_px_ticks, want_qty_lots; /* terms of the amend in flight or unknown, else 0 */
  int64_t cum_lots;                     /* sum of executions, each trade id once */
  int64_t told_lots;                    /* largest cumulative quantity named by the venue, >= cum_lots */
  int64_t absorbed_lots;                /* owed executions that an adopted position already holds */
  uint64_t origin_ns;                   /* input that led to the last request */
  uint64_t sent_ns;                     /* place sent */
  uint64_t request_ns;                  /* mutation in flight sent; 0 none */
  uint64_t query_ns;                    /* last question sent; 0 never */
  uint64_t changed_ns;                  /* last change of state, terms or quantity */
  uint64_t moved_ns;                    /* last time we sent a mutation */
  uint64_t ended_ns;                    /* 0 open */
  uint64_t owed_ns;                     /* since when executions are owed; 0 none */
  uint64_t unknown_ns;                  /* since when its outcome is unknown; 0 known */
  int64_t venue_ms;                     /* venue's time of the newest stream event taken; 0 none */
  uint64_t snapshot_no;                 /* last account snapshot that listed it */
  int64_t drift_lots;                   /* cumulative quantity by which the last snapshot disagreed, -1 none */
  uint64_t drift_ns;                    /* since when */
  uint32_t prev, next;                  /* open list or ended list */
  uint32_t not_found_cnt;               /* "no such order" answers since the last sign of life */
  uint32_t ask_cnt;                     /* questions sent since unknown_ns */
  uint16_t instr_idx;
  int16_t venue_code; /* of the last refusal */
  uint8_t state;      /* tg_ord_state_t; written by tg_order_apply only */
  uint8_t side, order_flags, tif, type;
  uint8_t level, reason;                        /* strategy's level (255 none) and why it wanted the order */
  uint8_t request;                              /* tg_request_t of the mutation in flight, NONE */
  uint8_t query_open;                           /* a question is unanswered */
  uint8_t query_want;                           /* a question must be asked at the next chance */
  uint8_t told_off;                             /* alarms already raised for this order, TG_ORDER_TOLD_* */
  uint8_t listed_ended;                         /* in the ended list */
  uint8_t no_amend;                             /* the venue takes no more amends of it */
  tg_reserve_t reserve;                         /* its share of the exposure */
  uint64_t ticket_id;                           /* intent that it belongs to (tickets.h); 0 none */
  int64_t ticket_held_lots, ticket_filled_lots; /* what that intent counts of it */
} tg_order_t;

#define TG_ORDER_TOLD_CUM 0x01u
#define TG_ORDER_TOLD_NOT_FOUND 0x02u

typedef struct tg_ord_ev {
  uint64_t now_ns;
  int64_t order_id;           /* 0 not told */
  int64_t px_ticks, qty_lots; /* terms told; qty 0 = not told */
  int64_t cum_lots;           /* cumulative told; 0 not told */
  int64_t fill_lots;          /* a new execution (already found to be no repeat); 0 none */
  uint8_t event;              /* tg_ord_event_t; PART with fill_lots becomes FULL by quantity */
} tg_ord_ev_t;

typedef struct tg_ord_out {
  uint8_t from, to, event, action, hole; /* event after classification */
} tg_ord_out_t;

/* Applies one event: quantities first, then the row. `o` must not be FREE unless the event is SEND, TAKE_UP, TAKE_UP_SENT. */
tg_ord_out_t tg_order_apply(tg_order_t *o, const tg_ord_ev_t *ev);
/* Invariants of order.def for one order: true when they hold. */
bool tg_order_check(const tg_order_t *o);
/* Row of the table: next state and action, hole = 1 when there is none. */
tg_ord_out_t tg_order_row(uint8_t state, uint8_t event);
/* "LIVE"; "?" outside. */
const char *tg_ord_state_name(unsigned state);
const char *tg_ord_event_name(unsigned event);

/* Open at the venue or possibly so. */
static inline bool tg_order_is_open(const tg_order_t *o) {
  return o->state >= TG_ORD_SENT && o->state <= TG_ORD_REST_UNKNOWN;
}
/* Outcome unknown: a question is due. */
static inline bool tg_order_is_unknown(const tg_order_t *o) {
  return o->state >= TG_ORD_PLACE_UNKNOWN && o->state <= TG_ORD_REST_UNKNOWN;
}
/* Executed at the venue, not seen here, not absorbed by an adoption. */
static inline int64_t tg_order_owed(const tg_order_t *o) {
  int64_t owed = o->told_lots - o->cum_lots - o->absorbed_lots;
  return owed > 0 ? owed : 0;
}
/* Lots that may still move the position: the rest under the worse of two terms, or what is owed. */
static inline int64_t tg_order_leaves(const tg_order_t *o) {
  if (!tg_order_is_open(o)) return tg_order_owed(o);
  int64_t qty = o->want_qty_lots > o->qty_lots ? o->want_qty_lots : o->qty_lots;
  int64_t leaves = qty - o->cum_lots - o->absorbed_lots;
  return leaves > 0 ? leaves : 0;
}

typedef struct tg_order_table {
  tg_order_t *order;              /* [cap] */
  uint32_t *by_client, *by_venue; /* open addressing, TG_ORDER_NIL empty; [hash_cap] */
  uint32_t cap, hash_cap;
  uint32_t free_head;              /* never used or recycled */
  uint32_t open_head, open_tail;   /* in order of sending */
  uint32_t ended_head, ended_tail; /* in order of ending */
  uint32_t open_cnt, ended_cnt;
  uint64_t full_cnt, recycled_cnt;
} tg_order_table_t;

/* Carves a table of `cap` orders. 0 or the arena's error. */
TG_MUST_USE int tg_order_table_layout(tg_arena_t *arena, tg_order_table_t *table, uint32_t cap);
/* Empties the table (after layout on real memory). */
void tg_order_table_init(tg_order_table_t *table, uint32_t cap);
/* A zeroed order in state FREE, bound to client_id and in no list yet; NULL when the table is full (counted) or the id is
 * taken. */
tg_order_t *tg_order_new(tg_order_table_t *table, uint64_t client_id, uint16_t instr_idx, uint64_t now_ns);
/* By client id; NULL unknown. */
tg_order_t *tg_order_find(const tg_order_table_t *table, uint64_t client_id);
/* By the venue's number; NULL unknown. */
tg_order_t *tg_order_find_venue(const tg_order_table_t *table, uint16_t instr_idx, int64_t order_id);
/* After every tg_order_apply: moves the order between the lists by its state and keeps the venue index.
 * order_id_before is o->order_id before the event. */
void tg_order_settle(tg_order_table_t *table, tg_order_t *o, int64_t order_id_before);

static inline uint32_t tg_order_idx(const tg_order_table_t *table, const tg_order_t *o) {
  return (uint32_t)(o - table->order);
}

#endif

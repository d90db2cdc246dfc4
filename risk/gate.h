/* gate.h - the gate chain: may this order action leave?
 * What:    tg_gate_mask(request, limits, snapshot) -> all bits that hold it back, 0 = may leave. Pure and branch-free;
 *          rows and order in gates.def (spec/gates.md). All bits are live.
 * Owner:   the core keeps tg_gate_instr_t (one per instrument) and tg_gate_snap_t up to date as events arrive; a check
 *          sets now_ns, the instrument pointers and reads, copying nothing.
 * Threads: one lane.
 * Limit:   goal 60 ns for the whole chain.
 * Errors:  none; a missing or implausible input sets its bit (fail closed) for everything that is not a cancel.
 * Commit:  after a 0, in the same step: tg_exposure_reserve/amend, tg_rate_on_send, tg_dup_on_send, ticket, day
 *          entries, open and in-flight counts: a burst inside one message cannot pass together what one would exhaust. */
#ifndef TG_RISK_GATE_H
#define TG_RISK_GATE_H

#include "engine/msg/msg.h"
#include "risk/advisory.h"
#include "risk/circuit.h"
#include "risk/day.h"
#include "risk/decision.h"
#include "risk/drawdown.h"
#include "risk/dup.h"
#include "risk/exposure.h"
#include "risk/filters.h"
#include "risk/limits.h"
#include "risk/rate.h"
#include "risk/rejects.h"
#include "risk/ticket.h"

/* TG_GATE_<NAME> is the bit's number. */
typedef enum tg_gate {
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text) TG_GATE_##NAME = (bit),
#define REASON(GATE_NAME, sub, NAME, text)
#include "risk/gates.def"
#undef GATE
#undef REASON
  TG_GATE_CNT = 33,
  TG_GATE_NONE = 255
} tg_gate_t;
#define TG_GATE_BIT(NAME) (UINT64_C(1) << TG_GATE_##NAME)

/* All reasons, in chain order: TG_REASON_<NAME>; index of counters and metrics. */
typedef enum tg_gate_reason {
#define GATE(bit, NAME, BLOCKS, REDUCE, BUILT, text)
#define REASON(GATE_NAME, sub, NAME, text) TG_REASON_##NAME,
#include "risk/gates.def"
#undef GATE
#undef REASON
  TG_REASON_CNT,
  TG_REASON_NONE = 255
} tg_gate_reason_t;

/* One order action as the order that would result. */
typedef struct tg_order_req {
  uint64_t client_id;
  int64_t px_ticks;    /* limit price; MARKET: its value, tg_gate_market_px */
  int64_t qty_lots;    /* total quantity of the resulting order */
  int64_t rem_lots;    /* open quantity of the resulting order: qty - filled; a place: qty */
  int64_t held_lots;   /* amend: tg_reserve_t.held_lots of this order now; place: 0 */
  uint16_t instr_idx;  /* < TG_INSTR_MAX */
  uint8_t action;      /* tg_request_t: PLACE, AMEND or CANCEL */
  uint8_t intent;      /* tg_intent_t by tg_exposure_intent; CANCEL for a cancel */
  uint8_t side;        /* tg_side_t */
  uint8_t type;        /* tg_order_type_t */
  uint8_t order_flags; /* TG_ORDER_* */
  uint8_t pad0;
  uint16_t stop_bps; /* distance to the stop that the strategy names for it; 0 = limits' stop_bps */
  uint8_t pad1[6];
} tg_order_req_t;

/* tg_gate_instr_t.flags */
#define TG_GATE_INSTR_KNOWN 1u /* CFG_SYMBOL seen */
#define TG_GATE_INSTR_ALLOWLISTED 2u
#define TG_GATE_INSTR_RESTRICTED 4u /* changed filters, wrong mode, operator: nothing but cancels */
#define TG_GATE_INSTR_HALTED 8u     /* venue's status is not trading (bit 5) */
#define TG_GATE_INSTR_DEGRADE 16u   /* may take new risk while the degrade policy is on (bit 4) */

/* One instrument as the gates see it; one cache line, kept up to date by the core as events arrive. */
typedef struct tg_gate_instr {
  int64_t bid_px_ticks, ask_px_ticks; /* touch; 0 = that side is missing */
  uint64_t book_rx_ns;                /* receive time of the newest book data (depth or top); 0 never */
  int64_t mark_e8;                    /* 0 = none */
  uint64_t mark_rx_ns;
  int64_t own_bid_px_ticks; /* our highest resting or in-flight buy; 0 none */
  int64_t own_ask_px_ticks; /* our lowest resting or in-flight sell; INT64_MAX none */
  uint32_t open_cnt;        /* our orders open, in flight or unknown on this instrument */
  uint16_t type_mask;       /* 1 << tg_order_type_t: allowed in this phase */
  uint8_t book_state;       /* tg_book_state_t */
  uint8_t flags;            /* TG_GATE_INSTR_* */
} TG_ALIGNED(TG_CACHE_LINE) tg_gate_instr_t;
TG_STATIC_ASSERT(sizeof(tg_gate_instr_t) == TG_CACHE_LINE, "an instrument's gate view is one line");

/* The frozen snapshot. No pointer may be NULL. Booleans are 0 or 1. */
typedef struct tg_gate_snap {
  uint64_t now_ns;              /* time of the message being processed (never goes back) */
  const tg_gate_instr_t *instr; /* of the request's instrument */
  const tg_filters_t *filters;  /* same */
  const tg_exposure_t *exposure;
  const tg_rate_state_t *rate; /* tg_rate_on_time called for now_ns */
  const tg_dup_t *dup;
  const tg_drawdown_t *drawdown; /* also the equity of bits 21 and 22 */
  const tg_ticket_t *ticket;     /* intent that the order belongs to (bits 14, 31) */
  const tg_rejects_t *rejects;
  const tg_day_state_t *day;     /* tg_day_on_time called for now_ns */
  const tg_advisory_t *advisory; /* of the request's instrument */
  uint64_t loss_until_ns;        /* bit 27: no new risk before this (streak.h) */
  uint64_t session_rx_ns;        /* last inbound on the order session; 0 = down */
  int64_t clock_offset_ns, clock_error_ns;
  uint32_t open_cnt;      /* our orders open, in flight or unknown, all instruments */
  uint32_t in_flight_cnt; /* requests without an answer */
  uint8_t armed;          /* engine.armed (and, in live, the typed token) */
  uint8_t mode_sends;     /* tg_gate_mode_sends(mode) */
  uint8_t submit;         /* engine.submit */
  uint8_t kill_latched;
  uint8_t clock_known;    /* a CLOCK message was seen */
  uint8_t fsm_allow;      /* bit 1 << tg_intent_t set: the state permits it (tg_fsm_allow) */
  uint8_t repeat_latched; /* bit 17 (repeat.h) */
  uint8_t circuit;        /* bit 28: tg_circuit_t; half-open holds like open */
  uint8_t decision;       /* bit 30: TG_DECISION_* (decision.h) */
  uint8_t manual;         /* bit 31: approval must be a person's (settings, or degrade policy) */
  uint8_t degraded;       /* bit 4: the degrade policy is on (degrade.h) */
  uint8_t pad0[5];
} tg_gate_snap_t;

/* The chain. Returns the mask; *subs (never NULL) gets the sub-code within the lowest bit's row, for tg_gate_sub. */
uint64_t tg_gate_mask(const tg_order_req_t *req, const tg_limits_t *lim, const tg_gate_snap_t *snap, uint32_t *subs);

/* What a MARKET order of this side and intent is valued at: the edge of the collar towards which it would trade, on the
 * tick, inside both collars (mid and mark); 0 without a reference (then bit 6 blocks, too). */
int64_t tg_gate_market_px(const tg_limits_t *lim, const tg_gate_instr_t *instr, const tg_filters_t *filters, tg_side_t side,
                          tg_intent_t intent);

/* Lowest set bit: the reason's gate; TG_GATE_NONE for 0. */
static inline uint8_t tg_gate_lowest(uint64_t mask) {
  return mask ? (uint8_t)__builtin_ctzll(mask) : (uint8_t)TG_GATE_NONE;
}
/* Sub-code of the lowest set bit; 0 where the row has one reason. */
uint8_t tg_gate_sub(uint64_t mask, uint32_t subs);
/* Reason number of (gate, sub); TG_REASON_NONE outside the table. */
uint8_t tg_gate_reason(uint8_t gate, uint8_t sub);
/* "PRICE_COLLAR" for (gate, sub): lowest bit's reason text of reports and metrics; "PASSED" for TG_GATE_NONE, else "?". */
const char *tg_gate_reason_text(uint8_t gate, uint8_t sub);
/* "PRICE_COLLAR" for a TG_REASON_*; "?" outside. */
const char *tg_gate_reason_name(unsigned reason);
/* May a mode send orders to whatever takes them (venue, or simulated fills)? `mode` is tg_mode_t; note that the setting
 * engine.mode counts its words from 0, so mode = engine_mode + 1. REPLAY re-runs a tape whose settings say the mode of
 * that run; as a mode of its own it counts only. */
static inline uint8_t tg_gate_mode_sends(unsigned mode) {
  return (uint8_t)(mode == TG_MODE_BACKTEST || mode == TG_MODE_SIM || mode == TG_MODE_PAPER || mode == TG_MODE_LIVE);
}

/* Counters: every set bit, and the reason that was told. */
typedef struct tg_gate_stat {
  uint64_t passed_cnt, blocked_cnt;
  uint64_t bit_cnt[TG_GATE_CNT];
  uint64_t reason_cnt[TG_REASON_CNT];
} tg_gate_stat_t;
void tg_gate_count(tg_gate_stat_t *stat, uint64_t mask, uint32_t subs);

/* The table, for docs, control verb and metrics. */
typedef struct tg_gate_row {
  uint8_t bit;
  uint8_t built; /* 0: "not built: always passes" */
  const char *name, *blocks, *reduce, *text;
} tg_gate_row_t;
typedef struct tg_gate_reason_row {
  uint8_t gate, sub;
  const char *name, *text;
} tg_gate_reason_row_t;
extern const tg_gate_row_t tg_gate_rows[TG_GATE_CNT];
extern const tg_gate_reason_row_t tg_gate_reason_rows[TG_REASON_CNT];

#endif

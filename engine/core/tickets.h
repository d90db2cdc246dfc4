/* tickets.h - intents in the core: the parent that every order of ours belongs to.
 * What:    one open intent for each (instrument, side, increase or reduce); how much of it is held by open and unknown
 *          children and how much is filled, by difference from the orders' own reserves, so that no outcome is forgotten.
 *          A former intent is kept for its late children: a refused order that reopens, an execution after the end.
 *          The word intent is taken in this code by tg_intent_t, so the code says ticket (risk/ticket.h).
 * Owner:   tg_core_t and tg_core_instr_t hold the memory.
 * Threads: the core's lane. No clock but core->now_ns.
 * Limit:   TG_TICKETS_PAST former intents; beyond it the oldest without a child is forgotten, then the oldest (counted).
 * Errors:  none on the way of an order: what has no usable ticket is shown an all-zero one, and gates 14 and 31 hold it.
 *
 *   (wanted) ──▶ NEW ──approve──▶ APPROVED ──first child──▶ EXECUTING ──used up, nothing held──▶ EXECUTED
 *      auto and reductions: at once ──▶┘ │                      │
 *                 │ reject               │ time is over         │ time is over and nothing held
 *                 ▼                      ▼                      ▼
 *             REJECTED (holds its        EXPIRED               EXPIRED
 *             side until its time is over)
 *
 * Manual: with intent.approval = manual, or while the degrade policy asks for it (core->degrade_manual), an intent that may
 * increase risk is opened NEW; an automatic one that is open then takes no new risk (approved 0) and gives way to a NEW one
 * as soon as it holds nothing. Reductions never wait: theirs is as large as its first order needs, approved from the start, and
 * gives way to a new one while its orders still live. When the policy ends, NEW ones approve themselves. FAILED is the cold
 * side's word only: an intent whose run ended before it did. */
#ifndef TG_CORE_TICKETS_H
#define TG_CORE_TICKETS_H

#include "engine/core/order.h"
#include "risk/ticket.h"

#define TG_TICKETS_PAST 64u
#define TG_TICKET_BIT_MANUAL 1u /* tg_out_intent_t.bits */
#define TG_TICKET_BIT_REDUCE 2u

struct tg_core;
struct tg_core_instr;

typedef struct tg_core_ticket {
  tg_ticket_t t;
  uint16_t instr_idx;
  uint8_t why;    /* tg_why_t of the order that opened it */
  uint8_t reduce; /* 1: for reductions only */
  uint8_t pad0[4];
} tg_core_ticket_t;

/* In tg_core_t; all zero at the start. */
typedef struct tg_tickets {
  tg_ticket_t none;      /* stays zero: shown where nothing is usable */
  tg_ticket_t shown;     /* an intent as it would be with an amended order that does not belong to it yet */
  tg_core_ticket_t *use; /* of the action under way, NULL none */
  uint32_t seq;          /* counter of ids */
  uint32_t past_next;    /* place of past[] that is overwritten next */
  uint64_t open_cnt;     /* intents opened */
  uint64_t lost_cnt;     /* former intents forgotten with children still held */
  tg_core_ticket_t past[TG_TICKETS_PAST];
} tg_tickets_t;

/* The ticket that gates judge a place (or amend) of this side and tg_intent_t by; opens one when there is none usable.
 * Never NULL. To be followed by the gates and, when they pass, by tg_tickets_on_place or _on_amend in the same step. */
const tg_ticket_t *tg_tickets_for_place(struct tg_core *core, struct tg_core_instr *instr, uint8_t side, uint8_t intent,
                                        int64_t qty_lots, uint8_t why);
/* An order of another intent than it would need now (increase instead of reduce, a former run's, a closed one) moves to the
 * current one when it is amended. rem_lots: open quantity that would result. */
const tg_ticket_t *tg_tickets_for_amend(struct tg_core *core, struct tg_core_instr *instr, const tg_order_t *o, uint8_t intent,
                                        int64_t rem_lots);
/* After the order's exposure was taken (act.c): binds it, tells OUT_CHILD. */
void tg_tickets_on_place(struct tg_core *core, tg_order_t *o, uint8_t intent);
void tg_tickets_on_amend(struct tg_core *core, tg_order_t *o, uint8_t intent);
/* After anything that may have changed o->reserve, o->cum_lots or o->absorbed_lots: moves held and filled by difference. */
void tg_tickets_follow(struct tg_core *core, tg_order_t *o);
/* Ends what is over; orders whose intent's time is over are cancelled. */
void tg_tickets_on_timer(struct tg_core *core);
/* Operator's word. expires_ns 0: as it was opened. 0; -TG_ENOTFOUND no such open intent; -TG_ECONFLICT it is not NEW (any
 * more); -TG_ESTALE the time is over already. */
int tg_tickets_approve(struct tg_core *core, uint64_t id, uint64_t expires_ns);
int tg_tickets_reject(struct tg_core *core, uint64_t id, uint64_t until_ns);
/* Invariants against the order table. O(orders); tests and tg_core_check. */
void tg_tickets_check(const struct tg_core *core);

#endif

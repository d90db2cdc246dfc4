/* ticket.h - an intent as the gates see it: the parent that an order belongs to (spec: "child against parent", "approval").
 * What:    how much may be traded on one side of one instrument, how much of it is taken; whether a person has to approve it,
 *          and did. The word intent is taken in this code by tg_intent_t (CANCEL, REDUCE_RISK, INCREASE_RISK); operators say
 *          intent, the code says ticket.
 * Owner:   engine/core/tickets.c keeps two of them (one a side) for each instrument.
 * Threads: the core's lane.
 * Limit:   quantities below TG_QTY_LOTS_MAX.
 * Errors:  none; an all-zero ticket holds back everything that gates 14 and 31 judge (fail closed). */
#ifndef TG_RISK_TICKET_H
#define TG_RISK_TICKET_H

#include "engine/msg/msg.h"

typedef struct tg_ticket {
  uint64_t id, parent_id; /* epoch << 32 | counter; 0 none */
  int64_t qty_lots;       /* 0: nothing */
  int64_t held_lots;      /* open and unknown children, as reserved */
  int64_t filled_lots;
  uint64_t expires_ns; /* from then on no new child */
  uint32_t limits_version;
  uint8_t approved; /* 1: auto, or by a person */
  uint8_t manual;   /* 1: a person had to */
  uint8_t side;     /* tg_side_t */
  uint8_t state;    /* tg_ticket_state_t */
} tg_ticket_t;

#endif

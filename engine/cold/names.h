/* names.h - names of the core's states for the cold side.
 * What:    engine/cold and engine/core are peers and do not see each other: messages carry the core's states as numbers,
 *          and whoever sees both (engine/run, tools) fills this table with the core's own name functions.
 * Owner:   the caller; constant while in use.
 * Threads: any; the functions are pure.
 * Errors:  a name function given a number outside its table returns "?". */
#ifndef TG_COLD_NAMES_H
#define TG_COLD_NAMES_H

#include "engine/base/types.h"

typedef struct tg_cold_names {
  const char *(*fsm_state)(unsigned state); /* engine/core/lifecycle.def */
  const char *(*fsm_reason)(unsigned reason);
  unsigned fsm_state_cnt;                               /* states are 0 .. cnt - 1; <= TG_COLD_FSM_STATES */
  bool (*fsm_permits)(unsigned state, unsigned intent); /* permission row, tg_intent_t */
  const char *(*order_state)(unsigned state);           /* engine/core/order.def */
  bool (*order_open)(unsigned state);                   /* it may rest or fill at the venue (unknown counts as open) */
  const char *(*decision)(unsigned decision);           /* tg_route_decision_t */
  const char *(*decision_reason)(unsigned reason);
} tg_cold_names_t;

#define TG_COLD_FSM_STATES 16

/* Numbers as text ("0".."255"), seven lifecycle states, every order open: for tests and for a run without a core. */
extern const tg_cold_names_t tg_cold_names_plain;

/* Reason of a bit of risk/gates.def and its sub-code ("MAX_LEVERAGE"); the bit's first reason for a sub-code outside its
 * row, "?" for a bit outside the table. */
const char *tg_cold_gate_reason(unsigned bit, unsigned sub_code);
#define TG_COLD_GATE_SUBS 4

#endif

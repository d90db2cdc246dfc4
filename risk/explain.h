/* explain.h - inputs of one decision, as OUT_GATES lines carry them.
 * What:    explain.def as numbers and names; tg_explain_make fills the values from what the chain read.
 * Owner:   value type.
 * Threads: any; pure.
 * Limit:   TG_EXPLAIN_PARTS lines of four values.
 * Errors:  none. */
#ifndef TG_RISK_EXPLAIN_H
#define TG_RISK_EXPLAIN_H

#include "risk/gate.h"

#define TG_EXPLAIN_PARTS 6u

/* TG_EXPLAIN_<NAME> = part * 4 + slot. */
enum {
#define EXPLAIN(part, slot, NAME, UNIT, text) TG_EXPLAIN_##NAME = (part)*4 + (slot),
#include "risk/explain.def"
#undef EXPLAIN
  TG_EXPLAIN_CNT = TG_EXPLAIN_PARTS * 4
};

typedef enum tg_explain_unit {
  TG_EXPLAIN_LOTS,
  TG_EXPLAIN_TICKS,
  TG_EXPLAIN_E8,
  TG_EXPLAIN_NS,
  TG_EXPLAIN_COUNT,
  TG_EXPLAIN_BITS
} tg_explain_unit_t;

/* STATES, from bit 0: circuit (2 bits, tg_circuit_t), degrade policy on, repeat throttle latched, reject storm, loss streak
 * holds, decision (2 bits, TG_DECISION_*), approval must be a person's, intent approved, drawdown latched, toxic; from bit 16
 * book state (tg_book_state_t), from 20 tg_gate_snap_t.fsm_allow. */
#define TG_EXPLAIN_STATE_CIRCUIT 0
#define TG_EXPLAIN_STATE_DEGRADED 2
#define TG_EXPLAIN_STATE_REPEAT 3
#define TG_EXPLAIN_STATE_REJECTS 4
#define TG_EXPLAIN_STATE_LOSS 5
#define TG_EXPLAIN_STATE_DECISION 6
#define TG_EXPLAIN_STATE_MANUAL 8
#define TG_EXPLAIN_STATE_APPROVED 9
#define TG_EXPLAIN_STATE_DRAWDOWN 10
#define TG_EXPLAIN_STATE_TOXIC 11
#define TG_EXPLAIN_STATE_BOOK 16
#define TG_EXPLAIN_STATE_FSM_ALLOW 20

typedef struct tg_explain_row {
  const char *name; /* "POSITION" */
  const char *text;
  uint8_t unit; /* tg_explain_unit_t */
} tg_explain_row_t;
extern const tg_explain_row_t tg_explain_rows[TG_EXPLAIN_CNT];

/* value[i] belongs to tg_explain_rows[i]. */
void tg_explain_make(const tg_gate_snap_t *snap, uint16_t instr_idx, tg_side_t side, tg_intent_t intent,
                     int64_t value[TG_EXPLAIN_CNT]);

#endif

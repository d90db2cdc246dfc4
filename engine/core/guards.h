/* guards.h - what the gates of state machines read, fed by the core's steps: circuit, rejects, repeat, streak, degrade policy,
 * day caps, portfolio decision, advisory filters, scoped limits.
 * What:    the machines are pure and lie in risk/; here is who feeds them, what they tell (alarms, OUT_DAY, OUT_LIMITS,
 *          OUT_GATES), and the operator's verbs about them.
 * Owner:   tg_guards_t inside tg_core_t.
 * Threads: the core's lane.
 * Limit:   OUT_LIMITS and OUT_DAY wait for room; nothing is dropped.
 * Errors:  none escape a step. */
#ifndef TG_CORE_GUARDS_H
#define TG_CORE_GUARDS_H

#include "engine/core/order.h"
#include "risk/degrade.h"
#include "risk/explain.h"
#include "risk/repeat.h"
#include "risk/streak.h"

struct tg_core;
struct tg_core_instr;

#define TG_GUARDS_DAY_TELL_NS UINT64_C(1000000000) /* OUT_DAY of a line at most so often */
#define TG_GUARDS_LIMITS_LINES ((TG_LIMIT_CNT + 4u) / 5u)

typedef struct tg_guards {
  tg_circuit_breaker_t circuit;
  tg_rejects_t rejects;
  tg_repeat_t repeat;
  tg_streak_t streak;
  tg_degrade_t degrade;
  tg_day_state_t day;
  tg_decision_t decision;
  tg_advisory_t advisory[TG_INSTR_MAX];
  tg_advisory_cfg_t advisory_cfg;
  tg_scoped_t scoped;
  tg_core_conf_t wide;      /* settings with the smallest of engine, account and strategy */
  tg_core_conf_t conf_kept; /* as last put in force: a refused LIMIT goes back to them */
  tg_scoped_t scoped_kept;
  tg_day_t day_wait[TG_INSTR_MAX + 1]; /* DAY lines that came before CFG_DONE; the last is the account's */
  uint64_t day_wait_bits, day_due_bits;
  uint64_t day_told_ns;
  uint64_t limits_due_bits; /* instruments whose OUT_LIMITS wait */
  uint64_t probe_asked_ns;
  int64_t peak_told_e8;
  uint32_t streak_told;
  uint8_t day_wait_account, day_due_account;
  uint8_t circuit_told;  /* HEALTH CIRCUIT: the cold side says it is open */
  uint8_t operator_word; /* DEGRADE until DEGRADE_OFF */
  uint8_t seen_ok;       /* `seen` is of the decision under way */
  uint8_t pad0[3];
  int64_t seen[TG_EXPLAIN_CNT]; /* inputs as a passing action saw them */
} tg_guards_t;

/* Before anything else; sets the snapshot's pointers. */
void tg_core_guards_init(struct tg_core *core);
/* CFG_SET of a narrower scope. */
void tg_core_guards_scope(struct tg_core *core, const tg_msg_t *in);
/* The settings with the smallest of engine, account and strategy, worked out anew. */
const tg_core_conf_t *tg_core_guards_wide(struct tg_core *core);
/* Settings or filters changed, rates and drawdown are made anew: limits of all instruments, the machines' settings; a new
 * limits_version when a limit changed. */
void tg_core_guards_configure(struct tg_core *core);
/* A new limits_version, told, although no limit changed (CFG_DONE). */
void tg_core_guards_version(struct tg_core *core);
/* Each step: the trading day rolls. */
void tg_core_guards_day_rolled(struct tg_core *core);
/* TIMER: circuit, degrade policy, what waits to be told. */
void tg_core_guards_timer(struct tg_core *core);
void tg_core_guards_tell_day(struct tg_core *core);
/* At the end of a step with room: OUT_LIMITS that wait. */
void tg_core_guards_tell(struct tg_core *core);
/* Sets the snapshot's view of one instrument before its gates. */
void tg_core_guards_before(struct tg_core *core, const struct tg_core_instr *instr);
/* After the chain said 0 for a place or amend: keeps its inputs for tg_core_guards_explain. */
void tg_core_guards_passed(struct tg_core *core, const tg_order_req_t *req);
/* In the commit of a place or amend. */
void tg_core_guards_on_send(struct tg_core *core, const tg_order_req_t *req);
/* An answer, before the order takes it: refusals, what was taken, unknown outcomes and 5xx. */
void tg_core_guards_on_answer(struct tg_core *core, const tg_order_t *o, const tg_ex_answer_t *answer);
/* A request of ours that was not answered within its bound. */
void tg_core_guards_on_venue_error(struct tg_core *core);
/* An execution was booked; before_lots: position before it; ours: of an order of ours. */
void tg_core_guards_on_fill(struct tg_core *core, const struct tg_core_instr *instr, const tg_ex_fill_t *fill,
                            int64_t before_lots, bool ours);
void tg_core_guards_on_trip(struct tg_core *core, uint16_t instr_idx, int64_t net_e8);
/* An account sync ended: the breaker's probe. */
void tg_core_guards_on_sync(struct tg_core *core, bool good);
/* HEALTH CIRCUIT. */
void tg_core_guards_on_health(struct tg_core *core, bool open);
/* DAY, DECISION. */
void tg_core_guards_on_msg(struct tg_core *core, const tg_msg_t *in);
/* REENABLE, DEGRADE, DEGRADE_OFF, LIMIT; others -TG_EUNSUPPORTED. */
int tg_core_guards_cmd(struct tg_core *core, const tg_msg_t *in);
/* OUT_GATES behind an OUT_DECISION. */
void tg_core_guards_explain(struct tg_core *core, const struct tg_core_instr *instr, const tg_out_decision_t *line);

#endif

/* lifecycle.h - one lifecycle machine for the whole engine (spec/fsm.md).
 * What:    tg_fsm_eval is a pure function of (machine, inputs): which row of lifecycle.def fires now. tg_fsm_step is the
 *          one function that writes the state; it evaluates until nothing fires, so that READY -> ACTIVE -> DEGRADED
 *          in one message leaves no gap in which ACTIVE would let an order through.
 * Owner:   the core.
 * Threads: one lane.
 * Limit:   TG_FSM_CHAIN_MAX transitions a step.
 * Errors:  -TG_EINVAL, -TG_EPERM as said; broken invariants are asserts. */
#ifndef TG_CORE_LIFECYCLE_H
#define TG_CORE_LIFECYCLE_H

#include "engine/base/err.h"
#include "engine/conf/conf.h"
#include "engine/msg/msg.h"

typedef enum tg_fsm_state {
#define STATE(NAME, number, increase, reduce, cancel, text) TG_FSM_##NAME = (number),
#include "engine/core/lifecycle.def"
  TG_FSM_CNT
} tg_fsm_state_t;

typedef enum tg_fsm_reason {
#define FSM_REASON(NAME, number, text) TG_FSM_WHY_##NAME = (number),
#include "engine/core/lifecycle.def"
  TG_FSM_WHY_CNT
} tg_fsm_reason_t;

typedef enum tg_fsm_override {
  TG_FSM_OVERRIDE_NONE = 0,
  TG_FSM_OVERRIDE_PAUSE = 1,
  TG_FSM_OVERRIDE_EMERGENCY = 2
} tg_fsm_override_t;
typedef enum tg_fsm_pause_cause {
  TG_FSM_PAUSE_NONE = 0,
  TG_FSM_PAUSE_TOXICITY = 1,
  TG_FSM_PAUSE_OPERATOR = 2,
  TG_FSM_PAUSE_EMERGENCY = 3
} tg_fsm_pause_cause_t;

typedef struct tg_fsm_cfg {
  uint64_t cooldown_ns, feed_stale_ns, account_stale_ns;
  int64_t tox_low_e8, tox_mid_e8, tox_high_e8, tox_extreme_e8; /* low <= mid <= high <= extreme */
  int64_t exit_gross_e8;
} tg_fsm_cfg_t;

/* The frozen snapshot. Booleans 0 or 1. Ages are 0 for "now"; UINT64_MAX = never seen. */
typedef struct tg_fsm_in {
  uint64_t now_ns;
  uint64_t feed_age_ns;   /* of the worst subscribed feed, by receive time */
  uint64_t sync_age_ns;   /* since the last good account sync */
  int64_t toxicity_e8;    /* score, 1.0 = 10^8 */
  int64_t gross_e8;       /* gross position notional, tg_exposure_position_gross_e8 */
  uint32_t book_cnt;      /* subscribed books; 0: feeds are not ready */
  uint8_t health_ok;      /* start-up checks done (HEALTH START); looked at in INIT only */
  uint8_t account_synced; /* at least one good account sync; looked at in INIT only */
  uint8_t book_unsynced;  /* a subscribed book is not LIVE */
  uint8_t drawdown;       /* tg_drawdown_t.latched: at its limit and not acknowledged */
  uint8_t killed;         /* kill latch */
  uint8_t circuit_open;   /* HEALTH CIRCUIT: 1 open; half-open counts as open for new risk */
  uint8_t journal_behind; /* a ring over 80%, tape or store broken, cold lane's heartbeat missed */
  uint8_t override;       /* tg_fsm_override_t */
} tg_fsm_in_t;

typedef struct tg_fsm {
  uint8_t state;       /* tg_fsm_state_t; written by tg_fsm_enter of lifecycle.c only */
  uint8_t came_from;   /* DEGRADED: state to go back to */
  uint8_t pause_cause; /* tg_fsm_pause_cause_t: PAUSED, and DEGRADED that came from PAUSED */
  uint8_t pad0[5];
  uint64_t entered_ns;
  uint64_t bad_ns; /* DEGRADED: last instant at which a cause was seen */
  tg_fsm_cfg_t cfg;
  uint64_t transition_cnt[TG_FSM_CNT][TG_FSM_CNT]; /* [from][to]; by reason in why_cnt */
  uint64_t why_cnt[TG_FSM_WHY_CNT];
  uint64_t blocked_cnt[TG_FSM_CNT][4]; /* [state][tg_intent_t], tg_fsm_note_blocked */
  uint64_t in_state_ns[TG_FSM_CNT];    /* completed stays; add now - entered for the running one */
} tg_fsm_t;

/* What tg_fsm_eval found. changed false: to and reason are 0. */
typedef struct tg_fsm_move {
  bool changed;
  uint8_t from, to;    /* tg_fsm_state_t */
  uint8_t reason;      /* tg_fsm_reason_t */
  uint8_t row;         /* row number of spec/fsm.md, 0 forced */
  uint8_t pause_cause; /* when to is PAUSED */
} tg_fsm_move_t;

#define TG_FSM_CHAIN_MAX 4
/* The immutable records of one step, in order. */
typedef struct tg_fsm_moves {
  uint32_t cnt;
  tg_fsm_move_t move[TG_FSM_CHAIN_MAX];
  tg_out_state_t record[TG_FSM_CHAIN_MAX]; /* payloads of OUT_STATE messages */
} tg_fsm_moves_t;

/* The lifecycle part of the settings. */
tg_fsm_cfg_t tg_fsm_cfg_make(const tg_core_conf_t *conf);
/* 0, or -TG_EINVAL: the toxicity levels are not in order (the machine could flap). */
TG_MUST_USE int tg_fsm_cfg_check(const tg_fsm_cfg_t *cfg);
/* INIT at now_ns. */
void tg_fsm_init(tg_fsm_t *fsm, const tg_fsm_cfg_t *cfg, uint64_t now_ns);
/* New settings; a cfg that fails tg_fsm_cfg_check is refused and the old one kept. 0, -TG_EINVAL. */
TG_MUST_USE int tg_fsm_cfg_set(tg_fsm_t *fsm, const tg_fsm_cfg_t *cfg);

/* Pure: the first row that fires for (fsm, in). Reads state, entered_ns, came_from, pause_cause, bad_ns, cfg only. */
tg_fsm_move_t tg_fsm_eval(const tg_fsm_t *fsm, const tg_fsm_in_t *in);
/* Notes causes, evaluates and enters until nothing fires. Records into *moves (cnt 0: nothing changed). On every entry to
 * EMERGENCY (to == TG_FSM_EMERGENCY in a record) the core cancels all. Returns moves->cnt > 0. */
bool tg_fsm_step(tg_fsm_t *fsm, const tg_fsm_in_t *in, tg_fsm_moves_t *moves);
/* Operator forces `to`. 0 with one record; -TG_EPERM when lifecycle.def has no FORCE row (only towards less risk); nothing
 * changes on error. */
TG_MUST_USE int tg_fsm_force(tg_fsm_t *fsm, const tg_fsm_in_t *in, tg_fsm_state_t to, tg_fsm_moves_t *moves);

/* Permission row of a state as bits 1 << tg_intent_t (tg_gate_snap_t.fsm_allow); 0 outside the table. */
uint8_t tg_fsm_allow(unsigned state);
/* True when the state lets the intent through. */
static inline bool tg_fsm_permits(unsigned state, tg_intent_t intent) {
  return ((unsigned)tg_fsm_allow(state) >> ((unsigned)intent & 7u) & 1u) != 0;
}
/* Counts an action that the permission row stopped (metrics by (state, intent)). */
static inline void tg_fsm_note_blocked(tg_fsm_t *fsm, tg_intent_t intent) {
  fsm->blocked_cnt[fsm->state][(unsigned)intent & 3u]++;
}
/* Payload of OUT_STATE for a move that happens at `in`; entered_ns is when `from` was entered.
 * inputs_bits: 0 health_ok, 1 account_synced, 2 book_unsynced, 3 killed, 4 circuit_open, 5 journal_behind,
 * 6 an override is on, 7 drawdown. */
tg_out_state_t tg_fsm_record(const tg_fsm_move_t *move, uint64_t entered_ns, const tg_fsm_in_t *in);
/* Invariants of lifecycle.def; asserts. */
void tg_fsm_check(const tg_fsm_t *fsm);
/* "ACTIVE"; "?" outside. */
const char *tg_fsm_state_name(unsigned state);
/* "TOX_HIGH"; "?" outside. */
const char *tg_fsm_reason_name(unsigned reason);

#endif

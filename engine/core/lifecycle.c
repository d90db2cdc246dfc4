#include "engine/core/lifecycle.h"

#include <string.h>

#include "engine/base/assert.h"

tg_fsm_cfg_t tg_fsm_cfg_make(const tg_core_conf_t *conf) {
  tg_fsm_cfg_t cfg;
  memset(&cfg, 0, sizeof cfg);
  cfg.cooldown_ns = (uint64_t)conf->fsm_cooldown_ms * (uint64_t)TG_NS_PER_MS;
  cfg.feed_stale_ns = (uint64_t)conf->fsm_feed_stale_ms * (uint64_t)TG_NS_PER_MS;
  cfg.account_stale_ns = (uint64_t)conf->fsm_account_stale_ms * (uint64_t)TG_NS_PER_MS;
  cfg.tox_low_e8 = conf->fsm_tox_low;
  cfg.tox_mid_e8 = conf->fsm_tox_mid;
  cfg.tox_high_e8 = conf->fsm_tox_high;
  cfg.tox_extreme_e8 = conf->fsm_tox_extreme;
  cfg.exit_gross_e8 = conf->fsm_exit_gross;
  return cfg;
}

int tg_fsm_cfg_check(const tg_fsm_cfg_t *cfg) {
  bool ordered =
      cfg->tox_low_e8 <= cfg->tox_mid_e8 && cfg->tox_mid_e8 <= cfg->tox_high_e8 && cfg->tox_high_e8 <= cfg->tox_extreme_e8;
  return ordered && cfg->tox_low_e8 >= 0 && cfg->exit_gross_e8 >= 0 ? 0 : -TG_EINVAL;
}

void tg_fsm_init(tg_fsm_t *fsm, const tg_fsm_cfg_t *cfg, uint64_t now_ns) {
  memset(fsm, 0, sizeof *fsm);
  fsm->cfg = *cfg;
  fsm->state = TG_FSM_INIT;
  fsm->entered_ns = now_ns;
}

int tg_fsm_cfg_set(tg_fsm_t *fsm, const tg_fsm_cfg_t *cfg) {
  int err = tg_fsm_cfg_check(cfg);
  if (err) return err;
  fsm->cfg = *cfg;
  return 0;
}

/* Conditions of the table. */

static bool since(uint64_t now_ns, uint64_t from_ns, uint64_t span_ns) {
  return now_ns >= from_ns && now_ns - from_ns >= span_ns;
}
static bool cooled(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return since(in->now_ns, fsm->entered_ns, fsm->cfg.cooldown_ns);
}
static bool tg_fsm_is_killed(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->killed;
}
static bool tg_fsm_is_told_emergency(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->override == TG_FSM_OVERRIDE_EMERGENCY;
}
static bool tg_fsm_is_told_pause(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->override == TG_FSM_OVERRIDE_PAUSE;
}
static bool tg_fsm_is_drawn_down(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->drawdown;
}
static bool tg_fsm_is_tox_extreme(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->toxicity_e8 >= fsm->cfg.tox_extreme_e8;
}
static bool tg_fsm_is_tox_high(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->toxicity_e8 >= fsm->cfg.tox_high_e8;
}
static bool tg_fsm_is_tox_mid(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->toxicity_e8 >= fsm->cfg.tox_mid_e8;
}
/* Still extreme flow would throw PAUSED straight back into EMERGENCY, with another cancel-all each time. */
static bool tg_fsm_is_safe_again(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return !in->killed && in->override == TG_FSM_OVERRIDE_NONE && in->gross_e8 <= fsm->cfg.exit_gross_e8 && !in->drawdown &&
         !tg_fsm_is_tox_extreme(fsm, in);
}
static bool tg_fsm_is_verified(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->health_ok && in->account_synced;
}
static bool tg_fsm_is_feed_stale(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->feed_age_ns > fsm->cfg.feed_stale_ns;
}
static bool tg_fsm_is_book_unsynced(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->book_unsynced || in->book_cnt == 0;
}
static bool tg_fsm_is_feeds_ready(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return !tg_fsm_is_book_unsynced(fsm, in) && !tg_fsm_is_feed_stale(fsm, in);
}
static bool tg_fsm_is_account_stale(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->sync_age_ns > fsm->cfg.account_stale_ns;
}
static bool tg_fsm_is_circuit_open(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->circuit_open;
}
static bool tg_fsm_is_journal_behind(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  (void)fsm;
  return in->journal_behind;
}
static bool has_cause(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return tg_fsm_is_feed_stale(fsm, in) || tg_fsm_is_book_unsynced(fsm, in) || tg_fsm_is_account_stale(fsm, in) ||
         tg_fsm_is_circuit_open(fsm, in) || tg_fsm_is_journal_behind(fsm, in);
}
static bool tg_fsm_is_recovered(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return !has_cause(fsm, in) && since(in->now_ns, fsm->bad_ns, fsm->cfg.cooldown_ns);
}
static bool tg_fsm_is_tox_low(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->toxicity_e8 < fsm->cfg.tox_low_e8 && cooled(fsm, in);
}
static bool tg_fsm_is_calm(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->override == TG_FSM_OVERRIDE_NONE && tg_fsm_is_tox_low(fsm, in);
}
static bool tg_fsm_is_calmer(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  return in->override == TG_FSM_OVERRIDE_NONE && fsm->pause_cause == TG_FSM_PAUSE_TOXICITY &&
         in->toxicity_e8 >= fsm->cfg.tox_low_e8 && in->toxicity_e8 < fsm->cfg.tox_high_e8 && cooled(fsm, in);
}

/* The table. */

#define TG_FSM_BACK 255u
#define S(NAME) (1u << TG_FSM_##NAME)

/* Row 11: back where it came from, re-checked against rows 8 to 10. */
static void go_back(const tg_fsm_t *fsm, const tg_fsm_in_t *in, tg_fsm_move_t *move) {
  move->to = fsm->came_from;
  move->pause_cause = fsm->pause_cause;
  if (move->to == TG_FSM_PAUSED) return;
  if (tg_fsm_is_told_pause(fsm, in)) {
    move->to = TG_FSM_PAUSED;
    move->pause_cause = TG_FSM_PAUSE_OPERATOR;
  } else if (tg_fsm_is_tox_high(fsm, in)) {
    move->to = TG_FSM_PAUSED;
    move->pause_cause = TG_FSM_PAUSE_TOXICITY;
  } else if (move->to == TG_FSM_ACTIVE && tg_fsm_is_tox_mid(fsm, in)) {
    move->to = TG_FSM_THROTTLED;
  }
}

static uint8_t pause_cause_of(uint8_t reason) {
  switch (reason) {
    case TG_FSM_WHY_TOX_HIGH:
      return TG_FSM_PAUSE_TOXICITY;
    case TG_FSM_WHY_POSITION_REDUCED:
      return TG_FSM_PAUSE_EMERGENCY;
    default:
      return TG_FSM_PAUSE_OPERATOR;
  }
}

/* A row fired. */
static tg_fsm_move_t fire(const tg_fsm_t *fsm, const tg_fsm_in_t *in, uint8_t row, uint8_t to, uint8_t reason) {
  tg_fsm_move_t move;
  memset(&move, 0, sizeof move);
  move.changed = true;
  move.from = fsm->state;
  move.to = to;
  move.reason = reason;
  move.row = row;
  if (to == TG_FSM_BACK) {
    go_back(fsm, in, &move);
  } else if (to == TG_FSM_PAUSED) {
    move.pause_cause = pause_cause_of(reason);
  } else if (to == TG_FSM_DEGRADED && fsm->state == TG_FSM_PAUSED) {
    move.pause_cause = fsm->pause_cause; /* going back to PAUSED needs it */
  }
  return move;
}

tg_fsm_move_t tg_fsm_eval(const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  const uint32_t state = 1u << fsm->state;
#define T(row, from, condition, to, reason) \
  if (((from)&state) && tg_fsm_is_##condition(fsm, in)) return fire(fsm, in, (row), TG_FSM_##to, TG_FSM_WHY_##reason);
#include "engine/core/lifecycle.def"
  tg_fsm_move_t none;
  memset(&none, 0, sizeof none);
  none.from = fsm->state;
  return none;
}

tg_out_state_t tg_fsm_record(const tg_fsm_move_t *move, uint64_t entered_ns, const tg_fsm_in_t *in) {
  tg_out_state_t out;
  memset(&out, 0, sizeof out);
  out.from = move->from;
  out.to = move->to;
  out.reason = move->reason;
  out.inputs_bits = (uint8_t)((in->health_ok != 0) | (in->account_synced != 0) << 1 | (in->book_unsynced != 0) << 2 |
                              (in->killed != 0) << 3 | (in->circuit_open != 0) << 4 | (in->journal_behind != 0) << 5 |
                              (in->override != 0) << 6 | (in->drawdown != 0) << 7);
  out.entered_ns = entered_ns;
  out.feed_age_ns = in->feed_age_ns;
  out.sync_age_ns = in->sync_age_ns;
  out.toxicity_e8 = in->toxicity_e8;
  out.gross_e8 = in->gross_e8;
  return out;
}

/* The one function that writes the state. */
static void tg_fsm_enter(tg_fsm_t *fsm, const tg_fsm_in_t *in, const tg_fsm_move_t *move, tg_fsm_moves_t *moves) {
  TG_ASSERT(moves->cnt < TG_FSM_CHAIN_MAX);
  moves->move[moves->cnt] = *move;
  moves->record[moves->cnt] = tg_fsm_record(move, fsm->entered_ns, in);
  moves->cnt++;
  if (in->now_ns > fsm->entered_ns) fsm->in_state_ns[move->from] += in->now_ns - fsm->entered_ns;
  fsm->transition_cnt[move->from][move->to]++;
  fsm->why_cnt[move->reason]++;
  fsm->came_from = move->to == TG_FSM_DEGRADED ? move->from : 0;
  fsm->pause_cause = move->to == TG_FSM_PAUSED || move->to == TG_FSM_DEGRADED ? move->pause_cause : 0;
  fsm->bad_ns = move->to == TG_FSM_DEGRADED ? in->now_ns : 0;
  fsm->state = move->to;
  fsm->entered_ns = in->now_ns;
  tg_fsm_check(fsm);
}

bool tg_fsm_step(tg_fsm_t *fsm, const tg_fsm_in_t *in, tg_fsm_moves_t *moves) {
  moves->cnt = 0;
  if (fsm->state == TG_FSM_DEGRADED && has_cause(fsm, in)) fsm->bad_ns = in->now_ns;
  while (moves->cnt < TG_FSM_CHAIN_MAX) {
    tg_fsm_move_t move = tg_fsm_eval(fsm, in);
    if (!move.changed) break;
    tg_fsm_enter(fsm, in, &move, moves);
  }
  return moves->cnt > 0;
}

typedef struct force {
  uint8_t from, to;
} force_t;

static const force_t forces[] = {
#define FORCE(from, to) {TG_FSM_##from, TG_FSM_##to},
#include "engine/core/lifecycle.def"
};

int tg_fsm_force(tg_fsm_t *fsm, const tg_fsm_in_t *in, tg_fsm_state_t to, tg_fsm_moves_t *moves) {
  moves->cnt = 0;
  for (unsigned i = 0; i < TG_ARRAY_CNT(forces); i++) {
    if (forces[i].from != fsm->state || forces[i].to != to) continue;
    tg_fsm_move_t move;
    memset(&move, 0, sizeof move);
    move.changed = true;
    move.from = fsm->state;
    move.to = (uint8_t)to;
    move.reason = TG_FSM_WHY_OPERATOR_FORCED;
    move.pause_cause = to == TG_FSM_PAUSED ? TG_FSM_PAUSE_OPERATOR : TG_FSM_PAUSE_NONE;
    tg_fsm_enter(fsm, in, &move, moves);
    return 0;
  }
  return -TG_EPERM;
}

uint8_t tg_fsm_allow(unsigned state) {
  static const uint8_t allow[TG_FSM_CNT] = {
#define STATE(NAME, number, increase, reduce, cancel, text) \
  [number] = (increase) << TG_INTENT_INCREASE_RISK | (reduce) << TG_INTENT_REDUCE_RISK | (cancel) << TG_INTENT_CANCEL,
#include "engine/core/lifecycle.def"
  };
  return state < TG_FSM_CNT ? allow[state] : 0;
}

void tg_fsm_check(const tg_fsm_t *fsm) {
  TG_ASSERT(fsm->state > TG_FSM_NONE && fsm->state < TG_FSM_CNT);
  bool degraded = fsm->state == TG_FSM_DEGRADED;
  bool back_ok = fsm->came_from == TG_FSM_ACTIVE || fsm->came_from == TG_FSM_THROTTLED || fsm->came_from == TG_FSM_PAUSED;
  TG_ASSERT(degraded ? back_ok : fsm->came_from == 0);
  bool may_have_cause = fsm->state == TG_FSM_PAUSED || (degraded && fsm->came_from == TG_FSM_PAUSED);
  TG_ASSERT(may_have_cause ? fsm->pause_cause != TG_FSM_PAUSE_NONE : fsm->pause_cause == TG_FSM_PAUSE_NONE);
  TG_ASSERT(fsm->transition_cnt[TG_FSM_INIT][TG_FSM_ACTIVE] == 0 && fsm->transition_cnt[TG_FSM_EMERGENCY][TG_FSM_ACTIVE] == 0);
}

const char *tg_fsm_state_name(unsigned state) {
  switch (state) {
#define STATE(NAME, number, increase, reduce, cancel, text) \
  case number: \
    return #NAME;
#include "engine/core/lifecycle.def"
    default:
      return "?";
  }
}

const char *tg_fsm_reason_name(unsigned reason) {
  switch (reason) {
#define FSM_REASON(NAME, number, text) \
  case number: \
    return #NAME;
#include "engine/core/lifecycle.def"
    default:
      return "?";
  }
}

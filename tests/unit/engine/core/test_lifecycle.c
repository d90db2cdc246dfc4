/* The lifecycle machine against spec/fsm.md: each row alone, every pair's order, the whole input space against the table
 * written out a second time. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "engine/core/lifecycle.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define S_NS (uint64_t) TG_NS_PER_S
#define COOLDOWN (30 * S_NS)

static tg_fsm_cfg_t cfg_default(void) {
  tg_fsm_cfg_t cfg;
  memset(&cfg, 0, sizeof cfg);
  cfg.cooldown_ns = COOLDOWN;
  cfg.feed_stale_ns = 3 * S_NS;
  cfg.account_stale_ns = 120 * S_NS;
  cfg.tox_low_e8 = TG_E8;
  cfg.tox_mid_e8 = TG_E8 + TG_E8 / 2; /* apart from LOW, so that every band is seen */
  cfg.tox_high_e8 = 2 * TG_E8;
  cfg.tox_extreme_e8 = 3 * TG_E8;
  cfg.exit_gross_e8 = 100 * TG_E8;
  return cfg;
}

/* All well, in `state` since one cooldown minus a second. */
static void make(tg_fsm_t *fsm, tg_fsm_in_t *in, uint8_t state) {
  tg_fsm_cfg_t cfg = cfg_default();
  tg_fsm_init(fsm, &cfg, NOW_NS - COOLDOWN + S_NS);
  fsm->state = state;
  if (state == TG_FSM_PAUSED) fsm->pause_cause = TG_FSM_PAUSE_TOXICITY;
  if (state == TG_FSM_DEGRADED) {
    fsm->came_from = TG_FSM_ACTIVE;
    fsm->bad_ns = fsm->entered_ns;
  }
  memset(in, 0, sizeof *in);
  in->now_ns = NOW_NS;
  in->book_cnt = 1;
  in->health_ok = in->account_synced = 1;
  /* nothing that moves any state but INIT and READY */
  in->toxicity_e8 = state == TG_FSM_THROTTLED || state == TG_FSM_PAUSED ? TG_E8 + 1 : 0;
  if (state == TG_FSM_INIT) in->health_ok = in->account_synced = 0;
  if (state == TG_FSM_READY) in->book_unsynced = 1;
  if (state == TG_FSM_EMERGENCY) in->gross_e8 = cfg.exit_gross_e8 + 1;
}

typedef struct rule {
  uint8_t row, to, reason;
  uint32_t from;
} rule_t;

#define F(NAME) (1u << TG_FSM_##NAME)
#define F_TRADING (F(ACTIVE) | F(THROTTLED) | F(PAUSED))
#define F_RUNNING (F(READY) | F_TRADING | F(DEGRADED))
/* spec/fsm.md, Transitions, with the wildcard of TOX_EXTREME in its place; 0 = where it came from */
#define RULES(R) \
  R(1, F(INIT) | F_RUNNING, EMERGENCY, KILL_SWITCH) \
  R(2, F(INIT) | F_RUNNING, EMERGENCY, OPERATOR_EMERGENCY) \
  R(3, F_RUNNING, EMERGENCY, DD_BREACH) \
  R(3, F_RUNNING, EMERGENCY, TOX_EXTREME) \
  R(4, F(EMERGENCY), PAUSED, POSITION_REDUCED) \
  R(5, F(INIT), READY, HEALTH_OK) \
  R(6, F(READY), ACTIVE, FEEDS_READY) \
  R(7, F_TRADING, DEGRADED, FEED_STALE) \
  R(7, F_TRADING, DEGRADED, BOOK_UNSYNCED) \
  R(7, F_TRADING, DEGRADED, ACCOUNT_STALE) \
  R(7, F_TRADING, DEGRADED, CIRCUIT_OPEN) \
  R(7, F_TRADING, DEGRADED, JOURNAL_BEHIND) \
  R(8, F(ACTIVE) | F(THROTTLED), PAUSED, OPERATOR_PAUSE) \
  R(9, F(ACTIVE) | F(THROTTLED), PAUSED, TOX_HIGH) \
  R(10, F(ACTIVE), THROTTLED, TOX_MID) \
  R(11, F(DEGRADED), NONE, RECOVERED) \
  R(12, F(PAUSED), ACTIVE, TOX_LOW_COOLDOWN) \
  R(13, F(PAUSED), THROTTLED, TOX_MID_COOLDOWN) \
  R(14, F(THROTTLED), ACTIVE, TOX_LOW_COOLDOWN)
#define R(row, from, to, reason) {(row), TG_FSM_##to, TG_FSM_WHY_##reason, (from)},
static const rule_t rules[] = {RULES(R)};
#undef R
#define RULE_CNT ((int)TG_ARRAY_CNT(rules))

/* The conditions, once more by hand. */
static bool holds(const rule_t *rule, const tg_fsm_t *fsm, const tg_fsm_in_t *in) {
  const tg_fsm_cfg_t *c = &fsm->cfg;
  bool cause = in->feed_age_ns > c->feed_stale_ns || in->book_unsynced || !in->book_cnt ||
               in->sync_age_ns > c->account_stale_ns || in->circuit_open || in->journal_behind;
  bool cooled = in->now_ns - fsm->entered_ns >= c->cooldown_ns, free = in->override == TG_FSM_OVERRIDE_NONE;
  switch (rule->reason) {
    case TG_FSM_WHY_KILL_SWITCH:
      return in->killed;
    case TG_FSM_WHY_OPERATOR_EMERGENCY:
      return in->override == TG_FSM_OVERRIDE_EMERGENCY;
    case TG_FSM_WHY_DD_BREACH:
      return in->drawdown;
    case TG_FSM_WHY_TOX_EXTREME:
      return in->toxicity_e8 >= c->tox_extreme_e8;
    case TG_FSM_WHY_POSITION_REDUCED:
      return !in->killed && free && !in->drawdown && in->gross_e8 <= c->exit_gross_e8 && in->toxicity_e8 < c->tox_extreme_e8;
    case TG_FSM_WHY_HEALTH_OK:
      return in->health_ok && in->account_synced;
    case TG_FSM_WHY_FEEDS_READY:
      return !in->book_unsynced && in->book_cnt && in->feed_age_ns <= c->feed_stale_ns;
    case TG_FSM_WHY_FEED_STALE:
      return in->feed_age_ns > c->feed_stale_ns;
    case TG_FSM_WHY_BOOK_UNSYNCED:
      return in->book_unsynced || !in->book_cnt;
    case TG_FSM_WHY_ACCOUNT_STALE:
      return in->sync_age_ns > c->account_stale_ns;
    case TG_FSM_WHY_CIRCUIT_OPEN:
      return in->circuit_open;
    case TG_FSM_WHY_JOURNAL_BEHIND:
      return in->journal_behind;
    case TG_FSM_WHY_OPERATOR_PAUSE:
      return in->override == TG_FSM_OVERRIDE_PAUSE;
    case TG_FSM_WHY_TOX_HIGH:
      return in->toxicity_e8 >= c->tox_high_e8;
    case TG_FSM_WHY_TOX_MID:
      return in->toxicity_e8 >= c->tox_mid_e8;
    case TG_FSM_WHY_RECOVERED:
      return !cause && in->now_ns - fsm->bad_ns >= c->cooldown_ns;
    case TG_FSM_WHY_TOX_LOW_COOLDOWN:
      return in->toxicity_e8 < c->tox_low_e8 && cooled && (rule->from == F(THROTTLED) || free);
    case TG_FSM_WHY_TOX_MID_COOLDOWN:
      return free && cooled && fsm->pause_cause == TG_FSM_PAUSE_TOXICITY && in->toxicity_e8 >= c->tox_low_e8 &&
             in->toxicity_e8 < c->tox_high_e8;
    default:
      return false;
  }
}

/* Makes the condition of a rule true, changing as little as can be. */
static void provoke(const rule_t *rule, tg_fsm_t *fsm, tg_fsm_in_t *in) {
  switch (rule->reason) {
    case TG_FSM_WHY_KILL_SWITCH:
      in->killed = 1;
      break;
    case TG_FSM_WHY_OPERATOR_EMERGENCY:
      in->override = TG_FSM_OVERRIDE_EMERGENCY;
      break;
    case TG_FSM_WHY_DD_BREACH:
      in->drawdown = 1;
      break;
    case TG_FSM_WHY_TOX_EXTREME:
      in->toxicity_e8 = fsm->cfg.tox_extreme_e8;
      break;
    case TG_FSM_WHY_POSITION_REDUCED:
      in->gross_e8 = fsm->cfg.exit_gross_e8;
      break;
    case TG_FSM_WHY_HEALTH_OK:
      in->health_ok = in->account_synced = 1;
      break;
    case TG_FSM_WHY_FEEDS_READY:
      in->book_unsynced = 0;
      break;
    case TG_FSM_WHY_FEED_STALE:
      in->feed_age_ns = fsm->cfg.feed_stale_ns + 1;
      break;
    case TG_FSM_WHY_BOOK_UNSYNCED:
      in->book_unsynced = 1;
      break;
    case TG_FSM_WHY_ACCOUNT_STALE:
      in->sync_age_ns = fsm->cfg.account_stale_ns + 1;
      break;
    case TG_FSM_WHY_CIRCUIT_OPEN:
      in->circuit_open = 1;
      break;
    case TG_FSM_WHY_JOURNAL_BEHIND:
      in->journal_behind = 1;
      break;
    case TG_FSM_WHY_OPERATOR_PAUSE:
      in->override = TG_FSM_OVERRIDE_PAUSE;
      break;
    case TG_FSM_WHY_TOX_HIGH:
      in->toxicity_e8 = fsm->cfg.tox_high_e8;
      break;
    case TG_FSM_WHY_TOX_MID:
      in->toxicity_e8 = fsm->cfg.tox_mid_e8;
      break;
    case TG_FSM_WHY_RECOVERED:
      fsm->bad_ns = in->now_ns - fsm->cfg.cooldown_ns;
      break;
    case TG_FSM_WHY_TOX_LOW_COOLDOWN:
      in->toxicity_e8 = fsm->cfg.tox_low_e8 - 1; /* fall through */
    case TG_FSM_WHY_TOX_MID_COOLDOWN:
      fsm->entered_ns = in->now_ns - fsm->cfg.cooldown_ns;
      break;
    default:
      cr_assert_fail("no such reason");
  }
}

static int numbers[64];
static struct criterion_test_params each(int cnt) {
  for (int i = 0; i < cnt; i++) numbers[i] = i;
  return cr_make_param_array(int, numbers, (size_t)cnt);
}

Test(lifecycle, nothing_happens_when_all_is_well) {
  for (uint8_t state = TG_FSM_INIT; state < TG_FSM_CNT; state++) {
    tg_fsm_t fsm;
    tg_fsm_in_t in;
    make(&fsm, &in, state);
    tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
    cr_assert(!move.changed, "%s", tg_fsm_state_name(state));
    cr_assert_eq(move.to, 0);
    cr_assert_eq(move.reason, TG_FSM_WHY_NONE);
  }
}

ParameterizedTestParameters(lifecycle, each_row) {
  return each(RULE_CNT);
}
ParameterizedTest(int *idx, lifecycle, each_row) {
  const rule_t *rule = &rules[*idx];
  for (uint8_t state = TG_FSM_INIT; state < TG_FSM_CNT; state++) {
    tg_fsm_t fsm;
    tg_fsm_in_t in;
    make(&fsm, &in, state);
    provoke(rule, &fsm, &in);
    tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
    if (rule->from >> state & 1u) {
      cr_assert(move.changed && move.row == rule->row && move.reason == rule->reason && move.from == state,
                "row %d from %s: got %s", rule->row, tg_fsm_state_name(state), tg_fsm_reason_name(move.reason));
      cr_assert_eq(move.to, rule->to ? rule->to : TG_FSM_ACTIVE);
    } else {
      cr_assert(!move.changed || move.reason != rule->reason || move.row != rule->row, "row %d must not leave %s", rule->row,
                tg_fsm_state_name(state));
    }
  }
}

ParameterizedTestParameters(lifecycle, first_match_of_each_pair) {
  return each(RULE_CNT);
}
ParameterizedTest(int *idx, lifecycle, first_match_of_each_pair) {
  int pairs = 0;
  for (int other = *idx + 1; other < RULE_CNT; other++) {
    for (uint8_t state = TG_FSM_INIT; state < TG_FSM_CNT; state++) {
      if (!(rules[*idx].from & rules[other].from & 1u << state)) continue;
      tg_fsm_t fsm;
      tg_fsm_in_t in;
      make(&fsm, &in, state);
      provoke(&rules[other], &fsm, &in);
      provoke(&rules[*idx], &fsm, &in);
      if (!holds(&rules[*idx], &fsm, &in) || !holds(&rules[other], &fsm, &in)) continue; /* cannot be true together */
      tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
      int first = 0;
      while (!(rules[first].from >> state & 1u) || !holds(&rules[first], &fsm, &in)) first++;
      cr_assert_leq(first, *idx);
      cr_assert_eq(move.reason, rules[first].reason, "rows %d and %d from %s: got %s", rules[*idx].row, rules[other].row,
                   tg_fsm_state_name(state), tg_fsm_reason_name(move.reason));
      pairs++;
    }
  }
  cr_assert(pairs > 0 || *idx >= 4, "row %d met no other", rules[*idx].row);
}

/* Every combination of the inputs' values around their bounds, in every state, against the second table. */
Test(lifecycle, whole_input_space_against_the_second_table) {
  static const int64_t tox[] = {0, TG_E8 - 1, TG_E8, TG_E8 + TG_E8 / 2, 2 * TG_E8 - 1, 2 * TG_E8, 3 * TG_E8};
  static const uint8_t from[] = {TG_FSM_ACTIVE, TG_FSM_THROTTLED, TG_FSM_PAUSED};
  uint64_t fired[TG_FSM_WHY_CNT] = {0}, cnt = 0;
  for (uint8_t state = TG_FSM_INIT; state < TG_FSM_CNT; state++) {
    for (uint32_t bits = 0; bits < 1u << 13; bits++) {
      for (unsigned t = 0; t < TG_ARRAY_CNT(tox); t++) {
        for (uint8_t sub = 0; sub < 9; sub++) { /* override, and where from or why paused */
          tg_fsm_t fsm;
          tg_fsm_in_t in;
          make(&fsm, &in, state);
          in.toxicity_e8 = tox[t];
          in.killed = bits & 1;
          in.drawdown = bits >> 1 & 1;
          in.book_unsynced = bits >> 2 & 1;
          in.circuit_open = bits >> 3 & 1;
          in.journal_behind = bits >> 4 & 1;
          in.health_ok = bits >> 5 & 1;
          in.account_synced = bits >> 6 & 1;
          in.feed_age_ns = bits >> 7 & 1 ? 3 * S_NS + 1 : 3 * S_NS;
          in.sync_age_ns = bits >> 8 & 1 ? UINT64_MAX : 120 * S_NS;
          in.gross_e8 = bits >> 9 & 1 ? INT64_MAX : fsm.cfg.exit_gross_e8;
          fsm.entered_ns = bits >> 10 & 1 ? NOW_NS - COOLDOWN : NOW_NS - COOLDOWN + 1;
          in.book_cnt = bits >> 11 & 1;
          in.override = sub % 3;
          if (state == TG_FSM_PAUSED) fsm.pause_cause = (uint8_t)(1 + sub / 3);
          if (state == TG_FSM_DEGRADED) {
            fsm.came_from = from[sub / 3];
            fsm.pause_cause = fsm.came_from == TG_FSM_PAUSED ? TG_FSM_PAUSE_EMERGENCY : TG_FSM_PAUSE_NONE;
            fsm.bad_ns = bits >> 12 & 1 ? NOW_NS - COOLDOWN : NOW_NS - COOLDOWN + 1;
          } else if (bits >> 12 & 1) {
            continue;
          }
          tg_fsm_t before = fsm;
          tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
          cr_assert_eq(memcmp(&before, &fsm, sizeof fsm), 0, "pure");
          const rule_t *first = NULL;
          for (int i = 0; i < RULE_CNT && !first; i++) {
            if (rules[i].from >> state & 1u && holds(&rules[i], &fsm, &in)) first = &rules[i];
          }
          cr_assert_eq(move.changed, first != NULL);
          cnt++;
          if (!first) continue;
          fired[move.reason]++;
          cr_assert(move.row == first->row && move.reason == first->reason);
          uint8_t to = first->to;
          if (to == TG_FSM_NONE) { /* row 11: where it came from, re-checked against 8 to 10 */
            to = fsm.came_from;
            if (to != TG_FSM_PAUSED && (in.override == TG_FSM_OVERRIDE_PAUSE || in.toxicity_e8 >= fsm.cfg.tox_high_e8)) {
              to = TG_FSM_PAUSED;
            } else if (to == TG_FSM_ACTIVE && in.toxicity_e8 >= fsm.cfg.tox_mid_e8) {
              to = TG_FSM_THROTTLED;
            }
          }
          cr_assert_eq(move.to, to);
        }
      }
    }
  }
  for (int why = TG_FSM_WHY_NONE + 1; why < TG_FSM_WHY_OPERATOR_FORCED; why++)
    cr_assert_gt(fired[why], 0, "%s", tg_fsm_reason_name((unsigned)why));
  cr_assert_gt(cnt, 1000000);
}

/* spec/fsm.md, Permissions, written out. */
Test(lifecycle, permissions) {
  static const struct {
    uint8_t state;
    bool increase, reduce, cancel;
  } table[] = {{TG_FSM_NONE, 0, 0, 0},      {TG_FSM_INIT, 0, 0, 0},
               {TG_FSM_READY, 0, 0, 1},     {TG_FSM_ACTIVE, 1, 1, 1},
               {TG_FSM_THROTTLED, 0, 1, 1}, {TG_FSM_PAUSED, 0, 1, 1},
               {TG_FSM_DEGRADED, 0, 1, 1},  {TG_FSM_EMERGENCY, 0, 1, 1},
               {TG_FSM_CNT, 0, 0, 0},       {255, 0, 0, 0}};
  for (unsigned i = 0; i < TG_ARRAY_CNT(table); i++) {
    cr_assert_eq(tg_fsm_permits(table[i].state, TG_INTENT_INCREASE_RISK), table[i].increase);
    cr_assert_eq(tg_fsm_permits(table[i].state, TG_INTENT_REDUCE_RISK), table[i].reduce);
    cr_assert_eq(tg_fsm_permits(table[i].state, TG_INTENT_CANCEL), table[i].cancel);
    cr_assert(!tg_fsm_permits(table[i].state, TG_INTENT_NONE));
  }
}

Test(lifecycle, start_goes_through_every_state_in_one_message_if_all_is_there) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  tg_fsm_cfg_t cfg = cfg_default();
  make(&fsm, &in, TG_FSM_ACTIVE);
  tg_fsm_init(&fsm, &cfg, NOW_NS - 7);
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(moves.cnt, 2);
  cr_assert_eq(moves.record[0].from, TG_FSM_INIT);
  cr_assert_eq(moves.record[0].to, TG_FSM_READY);
  cr_assert_eq(moves.record[0].entered_ns, NOW_NS - 7);
  cr_assert_eq(moves.record[1].to, TG_FSM_ACTIVE);
  cr_assert_eq(moves.record[1].entered_ns, NOW_NS);
  cr_assert_eq(fsm.in_state_ns[TG_FSM_INIT], 7);
  cr_assert(!tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(moves.cnt, 0);
}

/* READY with feeds but a stale account: through ACTIVE to DEGRADED within one message, so nothing leaves in between. */
Test(lifecycle, ready_does_not_linger_in_active_with_a_cause) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  make(&fsm, &in, TG_FSM_READY);
  in.book_unsynced = 0;
  in.sync_age_ns = UINT64_MAX;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(moves.cnt, 2);
  cr_assert_eq(fsm.state, TG_FSM_DEGRADED);
  cr_assert_eq(fsm.came_from, TG_FSM_ACTIVE);
  cr_assert_eq(moves.record[1].reason, TG_FSM_WHY_ACCOUNT_STALE);
}

Test(lifecycle, degraded_returns_only_after_a_quiet_cooldown) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  make(&fsm, &in, TG_FSM_THROTTLED);
  in.circuit_open = 1;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_DEGRADED);
  in.circuit_open = 0;
  in.now_ns = NOW_NS + COOLDOWN - 1;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves));
  in.journal_behind = 1; /* another cause: the quiet time starts again */
  cr_assert(!tg_fsm_step(&fsm, &in, &moves));
  in.journal_behind = 0;
  in.now_ns = NOW_NS + 2 * COOLDOWN - 2;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves));
  in.now_ns++;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_THROTTLED);
  cr_assert_eq(moves.record[0].reason, TG_FSM_WHY_RECOVERED);
  cr_assert_eq(fsm.came_from, 0);
}

Test(lifecycle, pause_cause_survives_degraded) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  make(&fsm, &in, TG_FSM_ACTIVE);
  in.override = TG_FSM_OVERRIDE_PAUSE;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.pause_cause, TG_FSM_PAUSE_OPERATOR);
  in.circuit_open = 1;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_DEGRADED);
  in.circuit_open = 0;
  in.override = TG_FSM_OVERRIDE_NONE;
  in.toxicity_e8 = TG_E8; /* between LOW and MID */
  in.now_ns += COOLDOWN;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_PAUSED);
  cr_assert_eq(fsm.pause_cause, TG_FSM_PAUSE_OPERATOR);
  in.now_ns += COOLDOWN;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves), "row 13 is for pauses by toxicity");
  in.toxicity_e8 = 0;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_ACTIVE);
}

Test(lifecycle, emergency_never_times_out_and_leaves_to_paused_only) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  make(&fsm, &in, TG_FSM_ACTIVE);
  in.drawdown = 1;
  in.gross_e8 = 500 * TG_E8;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_EMERGENCY);
  in.now_ns += 1000000 * S_NS;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves));
  in.gross_e8 = 0;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves), "not before the drawdown is acknowledged");
  in.drawdown = 0;
  in.override = TG_FSM_OVERRIDE_PAUSE;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves), "an override holds it");
  in.override = TG_FSM_OVERRIDE_NONE;
  in.toxicity_e8 = 3 * TG_E8;
  cr_assert(!tg_fsm_step(&fsm, &in, &moves), "so does flow that is still extreme");
  in.toxicity_e8 = 0;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(moves.cnt, 1);
  cr_assert_eq(fsm.state, TG_FSM_PAUSED);
  cr_assert_eq(fsm.pause_cause, TG_FSM_PAUSE_EMERGENCY);
  in.now_ns += COOLDOWN;
  cr_assert(tg_fsm_step(&fsm, &in, &moves));
  cr_assert_eq(fsm.state, TG_FSM_ACTIVE);
}

Test(lifecycle, force_goes_towards_less_risk_only) {
  for (uint8_t from = TG_FSM_INIT; from < TG_FSM_CNT; from++) {
    for (uint8_t to = TG_FSM_NONE; to < TG_FSM_CNT; to++) {
      tg_fsm_t fsm;
      tg_fsm_in_t in;
      tg_fsm_moves_t moves;
      make(&fsm, &in, from);
      tg_fsm_t before = fsm;
      bool may = (from == TG_FSM_ACTIVE && (to == TG_FSM_THROTTLED || to == TG_FSM_PAUSED)) ||
                 (from == TG_FSM_THROTTLED && to == TG_FSM_PAUSED);
      int err = tg_fsm_force(&fsm, &in, (tg_fsm_state_t)to, &moves);
      cr_assert_eq(err, may ? 0 : -TG_EPERM);
      cr_assert_eq(moves.cnt, may);
      cr_assert_eq(fsm.state, may ? to : from);
      if (!may) cr_assert_eq(memcmp(&before, &fsm, sizeof fsm), 0);
      if (may) cr_assert_eq(moves.record[0].reason, TG_FSM_WHY_OPERATOR_FORCED);
      if (may && to == TG_FSM_PAUSED) cr_assert_eq(fsm.pause_cause, TG_FSM_PAUSE_OPERATOR);
    }
  }
}

Test(lifecycle, record_carries_the_inputs) {
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  make(&fsm, &in, TG_FSM_ACTIVE);
  in.killed = in.drawdown = 1;
  in.feed_age_ns = 11;
  in.sync_age_ns = 12;
  in.toxicity_e8 = 13;
  in.gross_e8 = 14;
  tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
  tg_out_state_t out = tg_fsm_record(&move, 15, &in);
  cr_assert_eq(out.from, TG_FSM_ACTIVE);
  cr_assert_eq(out.to, TG_FSM_EMERGENCY);
  cr_assert_eq(out.reason, TG_FSM_WHY_KILL_SWITCH);
  cr_assert_eq(out.inputs_bits, 1 | 2 | 8 | 128);
  cr_assert(out.feed_age_ns == 11 && out.sync_age_ns == 12 && out.toxicity_e8 == 13 && out.gross_e8 == 14 &&
            out.entered_ns == 15);
  cr_assert_eq(out.pad0, 0);
}

Test(lifecycle, counters_add_up_over_random_inputs) {
  uint64_t seed = 7;
  tg_fsm_t fsm;
  tg_fsm_in_t in;
  tg_fsm_moves_t moves;
  tg_fsm_cfg_t cfg = cfg_default();
  make(&fsm, &in, TG_FSM_ACTIVE);
  tg_fsm_init(&fsm, &cfg, NOW_NS);
  uint64_t moved = 0;
  for (int i = 0; i < 200000; i++) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t r = seed >> 20;
    in.now_ns += r % (8 * S_NS);
    in.toxicity_e8 = (int64_t)(r >> 3) % (r & 64 ? TG_E8 : 31 * TG_E8 / 10);
    in.killed = r % 101 == 0;
    in.drawdown = r % 103 == 0;
    in.book_unsynced = r % 37 == 0;
    in.circuit_open = r % 41 == 0;
    in.override = r % 53 == 0 ? TG_FSM_OVERRIDE_PAUSE : r % 307 == 0 ? TG_FSM_OVERRIDE_EMERGENCY : TG_FSM_OVERRIDE_NONE;
    uint8_t before = fsm.state;
    if (!tg_fsm_step(&fsm, &in, &moves)) continue;
    moved += moves.cnt;
    cr_assert_eq(moves.move[0].from, before);
    for (uint32_t k = 0; k < moves.cnt; k++) {
      cr_assert(k == 0 || moves.move[k].from == moves.move[k - 1].to);
      cr_assert(!(moves.move[k].from == TG_FSM_EMERGENCY && moves.move[k].to != TG_FSM_PAUSED));
      cr_assert(moves.move[k].to != TG_FSM_INIT && (moves.move[k].to != TG_FSM_READY || moves.move[k].from == TG_FSM_INIT));
    }
    cr_assert_eq(moves.move[moves.cnt - 1].to, fsm.state);
    cr_assert(!tg_fsm_eval(&fsm, &in).changed, "a step ends where nothing fires");
  }
  uint64_t by_pair = 0, by_reason = 0, in_states = 0;
  for (int a = 0; a < TG_FSM_CNT; a++) {
    in_states += fsm.in_state_ns[a];
    for (int b = 0; b < TG_FSM_CNT; b++) by_pair += fsm.transition_cnt[a][b];
  }
  for (int why = 0; why < TG_FSM_WHY_CNT; why++) by_reason += fsm.why_cnt[why];
  cr_assert(by_pair == moved && by_reason == moved && moved > 1000);
  cr_assert_eq(in_states + (in.now_ns - fsm.entered_ns), in.now_ns - NOW_NS);
  tg_fsm_note_blocked(&fsm, TG_INTENT_INCREASE_RISK);
  cr_assert_eq(fsm.blocked_cnt[fsm.state][TG_INTENT_INCREASE_RISK], 1);
}

Test(lifecycle, settings) {
  tg_core_conf_t conf;
  memset(&conf, 0, sizeof conf);
  conf.fsm_cooldown_ms = 30000;
  conf.fsm_tox_low = conf.fsm_tox_mid = TG_E8;
  conf.fsm_tox_high = 2 * TG_E8;
  conf.fsm_tox_extreme = 3 * TG_E8;
  conf.fsm_feed_stale_ms = 3000;
  conf.fsm_account_stale_ms = 120000;
  tg_fsm_cfg_t cfg = tg_fsm_cfg_make(&conf);
  cr_assert_eq(cfg.cooldown_ns, COOLDOWN);
  cr_assert_eq(tg_fsm_cfg_check(&cfg), 0);
  tg_fsm_t fsm;
  tg_fsm_init(&fsm, &cfg, NOW_NS);
  cfg.tox_low_e8 = TG_E8 + 1; /* above MID: THROTTLED and ACTIVE would take turns */
  cr_assert_eq(tg_fsm_cfg_set(&fsm, &cfg), -TG_EINVAL);
  cr_assert_eq(fsm.cfg.tox_low_e8, TG_E8);
  cfg.tox_low_e8 = 0;
  cr_assert_eq(tg_fsm_cfg_set(&fsm, &cfg), 0);
  cfg.exit_gross_e8 = -1;
  cr_assert_eq(tg_fsm_cfg_check(&cfg), -TG_EINVAL);
}

Test(lifecycle, names) {
  cr_assert_str_eq(tg_fsm_state_name(TG_FSM_EMERGENCY), "EMERGENCY");
  cr_assert_str_eq(tg_fsm_state_name(TG_FSM_CNT), "?");
  cr_assert_str_eq(tg_fsm_reason_name(TG_FSM_WHY_TOX_LOW_COOLDOWN), "TOX_LOW_COOLDOWN");
  cr_assert_str_eq(tg_fsm_reason_name(TG_FSM_WHY_CNT), "?");
}

/* drill_fsm.c - the lifecycle: each row of lifecycle.def fires from each of its states; nothing else ever moves it. */
#include <string.h>

#include "engine/core/lifecycle.h"
#include "tools/tickgate/drill.h"

#define S_NS ((uint64_t)TG_NS_PER_S)

static tg_fsm_cfg_t cfg(void) {
  return (tg_fsm_cfg_t){.cooldown_ns = 30 * S_NS,
                        .feed_stale_ns = 3 * S_NS,
                        .account_stale_ns = 120 * S_NS,
                        .tox_low_e8 = TG_E8,
                        .tox_mid_e8 = TG_E8 * 3 / 2,
                        .tox_high_e8 = 2 * TG_E8,
                        .tox_extreme_e8 = 3 * TG_E8,
                        .exit_gross_e8 = 0};
}

/* All is well. */
static tg_fsm_in_t well(uint64_t now_ns) {
  return (tg_fsm_in_t){.now_ns = now_ns, .book_cnt = 1, .health_ok = 1, .account_synced = 1};
}

/* Drives a machine into a state by the front door. */
static void reach(tg_fsm_t *fsm, unsigned state) {
  tg_fsm_cfg_t c = cfg();
  tg_fsm_moves_t moves;
  tg_fsm_init(fsm, &c, S_NS);
  tg_fsm_in_t in = well(2 * S_NS);
  if (state == TG_FSM_INIT) return;
  in.book_unsynced = 1;
  (void)tg_fsm_step(fsm, &in, &moves);
  if (state == TG_FSM_READY) return;
  in = well(3 * S_NS);
  (void)tg_fsm_step(fsm, &in, &moves);
  in.now_ns = 4 * S_NS;
  if (state == TG_FSM_THROTTLED) in.toxicity_e8 = TG_E8 * 3 / 2;
  if (state == TG_FSM_PAUSED) in.toxicity_e8 = 2 * TG_E8;
  if (state == TG_FSM_DEGRADED) in.circuit_open = 1;
  if (state == TG_FSM_EMERGENCY) in.killed = 1;
  if (state != TG_FSM_ACTIVE) (void)tg_fsm_step(fsm, &in, &moves);
}

/* The inputs that make a row of the table the first to fire. */
static tg_fsm_in_t inputs(const char *condition) {
  tg_fsm_in_t in = well(100 * S_NS);
  if (strcmp(condition, "killed") == 0) in.killed = 1;
  if (strcmp(condition, "told_emergency") == 0) in.override = TG_FSM_OVERRIDE_EMERGENCY;
  if (strcmp(condition, "drawn_down") == 0) in.drawdown = 1;
  if (strcmp(condition, "tox_extreme") == 0) in.toxicity_e8 = 3 * TG_E8;
  if (strcmp(condition, "feed_stale") == 0) in.feed_age_ns = 4 * S_NS;
  if (strcmp(condition, "book_unsynced") == 0) in.book_unsynced = 1;
  if (strcmp(condition, "account_stale") == 0) in.sync_age_ns = 121 * S_NS;
  if (strcmp(condition, "circuit_open") == 0) in.circuit_open = 1;
  if (strcmp(condition, "journal_behind") == 0) in.journal_behind = 1;
  if (strcmp(condition, "told_pause") == 0) in.override = TG_FSM_OVERRIDE_PAUSE;
  if (strcmp(condition, "tox_high") == 0) in.toxicity_e8 = 2 * TG_E8;
  if (strcmp(condition, "tox_mid") == 0) in.toxicity_e8 = TG_E8 * 3 / 2;
  if (strcmp(condition, "calmer") == 0) in.toxicity_e8 = TG_E8 * 3 / 2;
  return in;
}

typedef struct row {
  unsigned row, from, to;
  const char *condition, *to_text;
  unsigned reason;
} row_t;

#define S(state) (1u << TG_FSM_##state)
#define TG_FSM_BACK 0
static const row_t rows[] = {
#define T(number, from_set, condition, to, reason) {number, from_set, TG_FSM_##to, #condition, #to, TG_FSM_WHY_##reason},
#include "engine/core/lifecycle.def"
};
static const struct {
  unsigned from, to;
} forces[] = {
#define FORCE(from, to) {TG_FSM_##from, TG_FSM_##to},
#include "engine/core/lifecycle.def"
};

static void fire_rows(drill_t *drill) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    const row_t *row = &rows[i];
    for (unsigned from = TG_FSM_INIT; from < TG_FSM_CNT; from++) {
      if (!(row->from >> from & 1u)) continue;
      tg_fsm_t fsm;
      reach(&fsm, from);
      drill_check(drill, fsm.state == from, "%s is reached", tg_fsm_state_name(from));
      tg_fsm_in_t in = inputs(row->condition);
      tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
      unsigned to = row->to == TG_FSM_BACK ? TG_FSM_ACTIVE : row->to; /* it came from ACTIVE */
      if (drill->broken && i == 7) to = TG_FSM_ACTIVE;
      drill_check(drill, move.changed && move.row == row->row && move.to == to && move.reason == row->reason,
                  "row %u: %s, %s -> %s %s (the machine: row %u, %s %s)", row->row, tg_fsm_state_name(from), row->condition,
                  row->to_text, tg_fsm_reason_name(row->reason), (unsigned)move.row, tg_fsm_state_name(move.to),
                  tg_fsm_reason_name(move.reason));
    }
  }
}

static bool in_table(unsigned from, unsigned to) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    bool back = rows[i].to == TG_FSM_BACK && (to == TG_FSM_ACTIVE || to == TG_FSM_THROTTLED || to == TG_FSM_PAUSED);
    if ((rows[i].from >> from & 1u) && (rows[i].to == to || back)) return true;
  }
  return false;
}

/* Every combination of the inputs at every state: only moves of the table, and never the skips that the spec forbids. */
static void refuse_skips(drill_t *drill) {
  static const int64_t toxicity[] = {0, TG_E8, TG_E8 * 3 / 2, 2 * TG_E8, 3 * TG_E8};
  uint64_t tried = 0, outside = 0, skipped = 0;
  for (unsigned from = TG_FSM_INIT; from < TG_FSM_CNT; from++) {
    tg_fsm_t fsm;
    reach(&fsm, from);
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
      for (size_t t = 0; t < TG_ARRAY_CNT(toxicity); t++) {
        tg_fsm_in_t in = {.now_ns = (bits & 1u ? 100 : 5) * S_NS,
                          .feed_age_ns = bits & 2u ? 4 * S_NS : 0,
                          .sync_age_ns = bits & 4u ? 121 * S_NS : 0,
                          .toxicity_e8 = toxicity[t],
                          .gross_e8 = bits & 8u ? TG_E8 : 0,
                          .book_cnt = 1,
                          .health_ok = bits >> 4 & 1u,
                          .account_synced = bits >> 5 & 1u,
                          .book_unsynced = bits >> 6 & 1u,
                          .drawdown = bits >> 7 & 1u,
                          .killed = bits >> 8 & 1u,
                          .circuit_open = bits >> 9 & 1u,
                          .override = (uint8_t)(bits >> 10 & 1u)};
        tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
        tried++;
        if (!move.changed) continue;
        outside += !in_table(from, move.to);
        skipped += (from == TG_FSM_INIT && move.to != TG_FSM_READY && move.to != TG_FSM_EMERGENCY) ||
                   (from == TG_FSM_EMERGENCY && move.to != TG_FSM_PAUSED) || move.to == TG_FSM_INIT;
      }
    }
  }
  drill_fact(drill, "inputs_tried", (int64_t)tried);
  drill_check(drill, outside == 0, "%llu moves outside the table in %llu inputs", (unsigned long long)outside,
              (unsigned long long)tried);
  drill_check(drill, skipped == 0, "%llu forbidden skips", (unsigned long long)skipped);
}

static void refuse_forces(drill_t *drill) {
  for (unsigned from = TG_FSM_INIT; from < TG_FSM_CNT; from++) {
    for (unsigned to = TG_FSM_INIT; to < TG_FSM_CNT; to++) {
      bool allowed = false;
      for (size_t i = 0; i < TG_ARRAY_CNT(forces); i++) allowed |= forces[i].from == from && forces[i].to == to;
      tg_fsm_t fsm;
      tg_fsm_moves_t moves;
      reach(&fsm, from);
      tg_fsm_in_t in = well(5 * S_NS);
      int err = tg_fsm_force(&fsm, &in, (tg_fsm_state_t)to, &moves);
      drill_check(drill, (err == 0) == allowed && (err == 0 || fsm.state == from), "force %s -> %s %s", tg_fsm_state_name(from),
                  tg_fsm_state_name(to), allowed ? "allowed" : "refused");
    }
  }
}

/* The permission table of the spec, written apart from lifecycle.def. */
static void permissions(drill_t *drill) {
  for (unsigned state = TG_FSM_INIT; state < TG_FSM_CNT; state++) {
    bool increase = state == TG_FSM_ACTIVE, cancel = state != TG_FSM_INIT, reduce = cancel && state != TG_FSM_READY;
    drill_check(drill,
                tg_fsm_permits(state, TG_INTENT_INCREASE_RISK) == increase &&
                    tg_fsm_permits(state, TG_INTENT_REDUCE_RISK) == reduce && tg_fsm_permits(state, TG_INTENT_CANCEL) == cancel,
                "permissions of %s", tg_fsm_state_name(state));
  }
}

void drill_fsm(drill_t *drill) {
  fire_rows(drill);
  refuse_skips(drill);
  refuse_forces(drill);
  permissions(drill);
}

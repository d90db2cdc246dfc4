/* The two machines at their bounds; asked for by the mutation test (docs/testing.md). */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/core/lifecycle.h"
#include "engine/core/order.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define S_NS ((uint64_t)TG_NS_PER_S)

/* ---- lifecycle ---- */

static tg_fsm_cfg_t cfg_of(void) {
  tg_fsm_cfg_t cfg;
  memset(&cfg, 0, sizeof cfg);
  cfg.cooldown_ns = 30 * S_NS;
  cfg.feed_stale_ns = 3 * S_NS;
  cfg.account_stale_ns = 120 * S_NS;
  cfg.tox_low_e8 = TG_E8;
  cfg.tox_mid_e8 = TG_E8 + TG_E8 / 2;
  cfg.tox_high_e8 = 2 * TG_E8;
  cfg.tox_extreme_e8 = 3 * TG_E8;
  return cfg;
}

static tg_fsm_in_t all_well(void) {
  tg_fsm_in_t in;
  memset(&in, 0, sizeof in);
  in.now_ns = NOW_NS;
  in.book_cnt = 1;
  in.health_ok = in.account_synced = 1;
  return in;
}

Test(lifecycle, thresholds_may_be_equal) {
  tg_fsm_cfg_t cfg = cfg_of();
  cfg.tox_low_e8 = cfg.tox_mid_e8 = cfg.tox_high_e8 = cfg.tox_extreme_e8 = TG_E8;
  cr_assert_eq(tg_fsm_cfg_check(&cfg), 0);
  cfg.tox_low_e8 = cfg.tox_mid_e8 = cfg.tox_high_e8 = cfg.tox_extreme_e8 = 0;
  cr_assert_eq(tg_fsm_cfg_check(&cfg), 0);
  cfg.tox_high_e8 = -1;
  cr_assert_lt(tg_fsm_cfg_check(&cfg), 0);
}

Test(lifecycle, a_cooldown_of_zero_is_over_at_once) {
  tg_fsm_cfg_t cfg = cfg_of();
  cfg.cooldown_ns = 0;
  tg_fsm_t fsm;
  tg_fsm_in_t in = all_well();
  tg_fsm_init(&fsm, &cfg, NOW_NS);
  fsm.state = TG_FSM_PAUSED;
  fsm.pause_cause = TG_FSM_PAUSE_OPERATOR;
  tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
  cr_assert(move.changed && move.to == TG_FSM_ACTIVE);
  in.now_ns = NOW_NS - 1;
  move = tg_fsm_eval(&fsm, &in);
  cr_assert(!move.changed, "but not before it was entered");
}

Test(lifecycle, degraded_with_its_cause_waits_whatever_the_toxicity) {
  tg_fsm_cfg_t cfg = cfg_of();
  tg_fsm_t fsm;
  tg_fsm_in_t in = all_well();
  tg_fsm_init(&fsm, &cfg, NOW_NS - 60 * S_NS);
  fsm.state = TG_FSM_DEGRADED;
  fsm.came_from = TG_FSM_PAUSED;
  fsm.pause_cause = TG_FSM_PAUSE_TOXICITY;
  fsm.bad_ns = NOW_NS;
  in.toxicity_e8 = TG_E8 + 1; /* calm enough for row 13, were it PAUSED */
  in.circuit_open = 1;
  cr_assert(!tg_fsm_eval(&fsm, &in).changed);
  in.circuit_open = 0;
  cr_assert(!tg_fsm_eval(&fsm, &in).changed, "the quiet time is not over");
}

Test(lifecycle, a_pause_s_cause_ends_with_it) {
  tg_fsm_cfg_t cfg = cfg_of();
  tg_fsm_t fsm;
  tg_fsm_in_t in = all_well();
  tg_fsm_init(&fsm, &cfg, NOW_NS - 60 * S_NS);
  fsm.state = TG_FSM_PAUSED;
  fsm.pause_cause = TG_FSM_PAUSE_TOXICITY;
  tg_fsm_move_t move = tg_fsm_eval(&fsm, &in);
  cr_assert(move.to == TG_FSM_ACTIVE && move.pause_cause == TG_FSM_PAUSE_NONE);
  in.circuit_open = 1;
  move = tg_fsm_eval(&fsm, &in);
  cr_assert(move.to == TG_FSM_DEGRADED && move.pause_cause == TG_FSM_PAUSE_TOXICITY, "going back needs it");
}

Test(lifecycle, numbers_outside_the_tables_are_nothing) {
  cr_assert_eq(tg_fsm_allow(TG_FSM_CNT), 0);
  cr_assert_str_eq(tg_fsm_state_name(TG_FSM_CNT), "?");
  cr_assert_str_eq(tg_fsm_reason_name(255), "?");
  tg_fsm_cfg_t cfg = cfg_of();
  tg_fsm_t fsm;
  tg_fsm_in_t in = all_well();
  tg_fsm_moves_t moves;
  tg_fsm_init(&fsm, &cfg, NOW_NS);
  cr_assert_eq(tg_fsm_force(&fsm, &in, TG_FSM_EMERGENCY, &moves), -TG_EPERM, "the table is searched to its end");
}

/* ---- orders ---- */

static tg_order_t resting(void) {
  tg_order_t o = {.client_id = 1, .px_ticks = 1000, .qty_lots = 10, .level = 255, .drift_lots = -1};
  tg_ord_ev_t ev = {.now_ns = 1, .event = TG_OEV_SEND};
  tg_order_apply(&o, &ev);
  ev.event = TG_OEV_ACK;
  ev.order_id = 77;
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_LIVE);
  return o;
}

Test(order, the_venue_s_number_is_taken_once) {
  tg_order_t o = resting();
  cr_assert_eq(o.order_id, 77);
  tg_ord_ev_t ev = {.now_ns = 2, .event = TG_OEV_PART, .fill_lots = 1, .order_id = 78};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.order_id, 77);
  ev.order_id = 0;
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.order_id, 77);
}

Test(order, an_amend_s_answer_without_an_amend_changes_nothing) {
  tg_order_t o = resting();
  tg_ord_ev_t ev = {.now_ns = 2, .event = TG_OEV_AMEND_ACK, .px_ticks = 1001, .qty_lots = 9};
  tg_ord_out_t out = tg_order_apply(&o, &ev);
  cr_assert_eq(out.action, TG_OACT_LATE);
  cr_assert(o.px_ticks == 1000 && o.qty_lots == 10);
}

Test(order, only_a_part_becomes_a_whole_by_quantity) {
  tg_order_t o = resting();
  tg_ord_ev_t ev = {.now_ns = 2, .event = TG_OEV_CANCELED, .fill_lots = 1, .cum_lots = 1};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_CANCELED, "an execution that comes with the end is no part");
  o = resting();
  ev = (tg_ord_ev_t){.now_ns = 2, .event = TG_OEV_SEND_AMEND, .px_ticks = 1000, .qty_lots = 25};
  tg_order_apply(&o, &ev);
  ev = (tg_ord_ev_t){.now_ns = 3, .event = TG_OEV_PART, .fill_lots = 10};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_AMEND_SENT);
  ev = (tg_ord_ev_t){.now_ns = 4, .event = TG_OEV_AMEND_REFUSE};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_PARTIAL);
  ev = (tg_ord_ev_t){.now_ns = 5, .event = TG_OEV_PART};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_PARTIAL, "a word without an execution ends nothing");
}

Test(order, when_it_changed_is_when_something_was_applied) {
  tg_order_t o = resting();
  tg_ord_ev_t ev = {.now_ns = 50, .event = TG_OEV_STRAY};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.changed_ns, 1u, "late events change nothing");
  ev.event = TG_OEV_SEND; /* a hole */
  cr_assert_eq(tg_order_apply(&o, &ev).hole, 1);
  cr_assert_eq(o.changed_ns, 1u);
  ev.event = TG_OEV_PART;
  ev.fill_lots = 1;
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.changed_ns, 50u);
}

Test(order, every_state_and_event_has_its_name) {
  cr_assert_str_eq(tg_ord_state_name(TG_ORD_FREE), "FREE");
  cr_assert_str_eq(tg_ord_state_name(TG_ORD_GONE), "GONE");
  cr_assert_str_eq(tg_ord_state_name(TG_ORD_STATE_CNT), "?");
  cr_assert_str_eq(tg_ord_event_name(TG_OEV_SEND), "SEND");
  cr_assert_str_neq(tg_ord_event_name(TG_OEV_CNT - 1), "?");
  cr_assert_str_eq(tg_ord_event_name(TG_OEV_CNT), "?");
}

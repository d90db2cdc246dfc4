/* report_gates.c - limits, uses and counts as the core publishes them, for `gates`, `limits` and `orders`. */
#include <jansson.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/answer.h"
#include "engine/core/view.h"
#include "engine/run/engine_int.h"

static void limit_rows(json_t *list, const tg_mirror_t *mirror, uint16_t instr_idx, const tg_view_gates_t *view) {
  for (unsigned i = 0; i < TG_LIMIT_CNT; i++) {
    bool running = view->use[i] != TG_VIEW_USE_NONE;
    int64_t room = 0;
    bool fits = running && !__builtin_sub_overflow(view->limit[i], view->use[i], &room);
    json_array_append_new(
        list, json_pack("{s:o,s:s,s:o,s:o,s:o,s:s}", "symbol", tg_answer_symbol(mirror, instr_idx), "limit", tg_limit_name(i),
                        "value",
                        view->limit[i] ? tg_answer_limit(mirror, instr_idx, i, view->limit[i]) : json_string("unset: blocks"),
                        "use", running ? tg_answer_limit(mirror, instr_idx, i, view->use[i]) : json_string("per order"),
                        "headroom", fits ? tg_answer_limit(mirror, instr_idx, i, room) : json_string("per order"), "scope",
                        tg_scope_name((unsigned)view->scope[i])));
  }
}

static json_t *counts_json(const uint64_t *bit_cnt, const uint64_t *reason_cnt) {
  json_t *bits = json_object(), *reasons = json_object();
  for (unsigned i = 0; i < TG_GATE_CNT; i++) {
    if (bit_cnt[i]) json_object_set_new(bits, tg_gate_rows[i].name, tg_answer_u64(bit_cnt[i]));
  }
  for (unsigned i = 0; i < TG_REASON_CNT; i++) {
    if (reason_cnt[i]) json_object_set_new(reasons, tg_gate_reason_name(i), tg_answer_u64(reason_cnt[i]));
  }
  return json_pack("{s:o,s:o}", "bits", bits, "reasons", reasons);
}

static json_t *guards_json(const tg_view_guards_t *g) {
  uint64_t now_ns = g->now_ns;
  return json_pack(
      "{s:o,s:s,s:o,s:o,s:b,s:b,s:o,s:o,s:b,s:b,s:o,s:o,s:o,s:[I,I],s:[I,I],s:[I,I],s:o}", "limits_version",
      tg_answer_u64(g->limits_version), "circuit", tg_circuit_name((unsigned)g->circuit_state), "circuit_errors",
      tg_answer_u64(g->circuit_error_cnt), "rejects_in_a_row", tg_answer_u64(g->reject_cnt), "reject_storm",
      (int)g->reject_storm, "repeat_latched", (int)g->repeat_latched, "repeat_fills", tg_answer_u64(g->repeat_fill_cnt),
      "loss_streak", tg_answer_u64(g->loss_streak_cnt), "degrade", (int)g->degrade_on, "manual_approval", (int)g->manual,
      "day_entries", tg_answer_u64(g->day_entry_cnt), "day_notional", tg_answer_e8(g->day_notional_e8), "requests_left",
      json_integer((json_int_t)g->rate_left[TG_INTENT_INCREASE_RISK]), "weight", (json_int_t)g->weight_used,
      (json_int_t)g->weight_limit, "orders_10s", (json_int_t)g->orders_10s_used, (json_int_t)g->orders_10s_limit, "orders_1m",
      (json_int_t)g->orders_min_used, (json_int_t)g->orders_min_limit, "pause_ms",
      tg_answer_u64(g->rate_pause_until_ns > now_ns ? (g->rate_pause_until_ns - now_ns) / (uint64_t)TG_NS_PER_MS : 0));
}

void tg_run_gates(void *user, json_t *object, bool limits, const char *symbol) {
  const tg_engine_t *e = user;
  const tg_mirror_t *mirror = e->cold.mirror;
  uint16_t only = symbol ? tg_mirror_find(mirror, symbol) : TG_INSTR_NONE;
  json_t *rows = json_array(), *instruments = json_array();
  for (uint16_t i = 0; i < e->core.cfg.instr_cap; i++) {
    tg_view_gates_t view;
    if ((only != TG_INSTR_NONE && only != i) || tg_view_read_gates(e->core.shared, i, &view) != 0 || !view.known) continue;
    limit_rows(rows, mirror, i, &view);
    json_array_append_new(
        instruments,
        json_pack("{s:o,s:o,s:o,s:o,s:b,s:b,s:o}", "symbol", tg_answer_symbol(mirror, i), "passed",
                  tg_answer_u64(view.pass_cnt), "blocked", tg_answer_u64(view.block_cnt), "degrade_cut_pct",
                  tg_answer_u64(view.cut_pct), "restricted", (view.flags & TG_GATE_INSTR_RESTRICTED) != 0, "halted",
                  (view.flags & TG_GATE_INSTR_HALTED) != 0, "counts", counts_json(view.bit_cnt, view.reason_cnt)));
  }
  tg_view_guards_t guards;
  if (tg_view_read_guards(e->core.shared, &guards) == 0) {
    json_object_set_new(object, "passes", tg_answer_u64(guards.pass_cnt));
    json_object_set_new(object, "blocks", tg_answer_u64(guards.block_cnt));
    json_object_set_new(object, "guards", guards_json(&guards));
    json_object_set_new(object, "counts", counts_json(guards.bit_cnt, guards.reason_cnt));
  }
  if (limits)
    json_decref(instruments);
  else
    json_object_set_new(object, "instruments", instruments);
  json_object_set_new(object, "limits", rows);
}

void tg_run_order(void *user, json_t *object, uint64_t client_id) {
  const tg_engine_t *e = user;
  tg_view_main_t main_view;
  if (tg_view_read_main(e->core.shared, &main_view) != 0) return;
  for (uint32_t block = 0; block < TG_VIEW_ORDER_LOCKS; block++) {
    tg_view_order_block_t view;
    if (tg_view_read_orders(e->core.shared, block, &view) != 0) continue;
    for (uint64_t i = 0; i < view.cnt && i < TG_VIEW_ORDERS_PER_LOCK; i++) {
      const tg_view_order_t *order = &view.order[i];
      if (order->client_id != client_id) continue;
      json_object_set_new(object, "unknown", json_boolean(order->unknown_ns != 0));
      json_object_set_new(object, "unknown_ms",
                          order->unknown_ns ? tg_answer_age_ms(main_view.now_ns, order->unknown_ns) : json_integer(0));
      json_object_set_new(object, "asked", tg_answer_u64(order->ask_cnt));
      json_object_set_new(object, "not_found", tg_answer_u64(order->not_found_cnt));
      return;
    }
  }
}

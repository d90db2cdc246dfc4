/* report.c - what a run tells about itself: the report file, the metrics page, the status document. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/decimal.h"
#include "engine/core/core.h"
#include "engine/run/engine_int.h"

static void put_int(json_t *object, const char *key, uint64_t value) {
  int err = json_object_set_new(object, key, json_integer((json_int_t)value));
  TG_ASSERT(err == 0); /* out of memory on the cold side: nothing sensible is left to report */
}

static void put_text(json_t *object, const char *key, const char *text) {
  int err = json_object_set_new(object, key, json_string(text));
  TG_ASSERT(err == 0);
}

static void put_e8(json_t *object, const char *key, int64_t value_e8) {
  char text[32];
  size_t len = tg_dec_print_short(value_e8, 8, text);
  int err = json_object_set_new(object, key, json_stringn(text, len));
  TG_ASSERT(err == 0);
}

static void put_lots(json_t *object, const char *key, int64_t lots, tg_scale_t scale) {
  int64_t e8 = 0;
  if (tg_scale_to_e8(lots, scale, &e8) != 0)
    put_text(object, key, "out of range");
  else
    put_e8(object, key, e8);
}

static json_t *hist_json(const tg_hist_t *hist) {
  json_t *object = json_object();
  put_int(object, "count", hist->cnt);
  put_int(object, "p50", tg_hist_quantile(hist, 0.5));
  put_int(object, "p99", tg_hist_quantile(hist, 0.99));
  put_int(object, "p999", tg_hist_quantile(hist, 0.999));
  put_int(object, "max", hist->max);
  return object;
}

static tg_scale_t qty_scale(const tg_view_instr_t *instr) {
  return (tg_scale_t){(uint8_t)instr->qty_dec, (int64_t)instr->qty_unit};
}

static json_t *core_books(const tg_engine_t *e, uint16_t instr_idx) {
  tg_view_instr_t v;
  tg_core_view_instr(e->core.core, instr_idx, &v);
  json_t *object = json_object();
  put_text(object, "symbol", v.symbol);
  put_lots(object, "position", v.position_lots, qty_scale(&v));
  put_e8(object, "realised_pnl", v.realised_e8);
  put_e8(object, "commission", v.commission_e8);
  put_e8(object, "funding", v.funding_e8);
  put_e8(object, "net_pnl", v.realised_e8 - v.commission_e8 + v.funding_e8);
  put_e8(object, "unrealised_pnl", v.unrealised_e8);
  put_int(object, "open_orders", v.open_cnt);
  put_int(object, "fills", v.fill_cnt);
  return object;
}

static json_t *store_books(const tg_engine_t *e, uint16_t instr_idx) {
  json_t *object = json_object();
  if (!e->store_pos_ok[instr_idx]) {
    put_text(object, "error", e->conf.store_enabled ? "the store could not recompute it" : "store.enabled is false");
    return object;
  }
  tg_view_instr_t v;
  tg_core_view_instr(e->core.core, instr_idx, &v);
  const tg_store_pos_t *pos = &e->store_pos[instr_idx];
  put_lots(object, "position", pos->qty_lots, qty_scale(&v));
  put_e8(object, "realised_pnl", pos->realised_e8);
  put_e8(object, "commission", pos->commission_e8);
  put_e8(object, "funding", pos->funding_e8);
  put_e8(object, "net_pnl", pos->realised_e8 - pos->commission_e8 + pos->funding_e8);
  put_int(object, "fills", pos->fill_cnt);
  if (pos->inside_lots) put_lots(object, "inside_adopted", pos->inside_lots, qty_scale(&v));
  return object;
}

static void put_counts(json_t *report, const tg_core_stats_t *s) {
  put_int(report, "messages", s->msg_cnt);
  put_int(report, "book_updates", s->book_update_cnt);
  put_int(report, "book_gaps", s->book_gap_cnt);
  put_int(report, "orders_placed", s->placed_cnt);
  put_int(report, "orders_amended", s->amended_cnt);
  put_int(report, "orders_cancelled", s->cancelled_cnt);
  put_int(report, "orders_queried", s->queried_cnt);
  put_int(report, "fills", s->fill_cnt);
  put_int(report, "maker_fills", s->maker_fill_cnt);
  put_int(report, "refused", s->refused_cnt);
  put_int(report, "unknown_outcomes", s->unknown_cnt + s->timeout_cnt);
  put_int(report, "round_trips", s->trip_cnt);
  json_t *gates = json_object();
  for (unsigned r = 0; r < TG_REASON_CNT; r++) {
    if (s->gate.reason_cnt[r]) put_int(gates, tg_gate_reason_name(r), s->gate.reason_cnt[r]);
  }
  json_object_set_new(report, "gate_blocks", gates);
  json_t *decisions = json_object();
  for (unsigned d = 0; d < TG_ROUTE_DECISION_CNT; d++) {
    for (unsigned w = 0; w < TG_ROUTE_WHY_CNT; w++) {
      if (!s->route.cnt[d][w]) continue;
      char key[96];
      int n = snprintf(key, sizeof key, "%s/%s", tg_route_decision_name(d), tg_route_reason_name(w));
      if (n > 0) put_int(decisions, key, s->route.cnt[d][w]);
    }
  }
  json_object_set_new(report, "decisions", decisions);
  json_t *alarms = json_object();
  for (unsigned a = 1; a < TG_ALARM_CNT; a++) {
    if (s->alarm_cnt[a]) put_int(alarms, tg_alarm_name(a), s->alarm_cnt[a]);
  }
  json_object_set_new(report, "alarms", alarms);
}

static json_t *lanes_json(const tg_engine_t *e) {
  json_t *lanes = json_array();
  for (uint32_t i = 0; i < e->lane_cnt; i++) {
    tg_lane_t *lane = (tg_lane_t *)(uintptr_t)&e->lane[i]; /* atomic loads want a non-const object */
    json_t *object = json_object();
    put_text(object, "name", lane->name);
    json_object_set_new(object, "hot", json_boolean(lane->hot));
    put_int(object, "turns", atomic_load_explicit(&lane->turn_cnt, memory_order_relaxed));
    put_int(object, "busy_turns", atomic_load_explicit(&lane->busy_cnt, memory_order_relaxed));
    put_int(object, "turn_ns_max", atomic_load_explicit(&lane->turn_ns_max, memory_order_relaxed));
    put_int(object, "allocated_bytes", lane->allocated_end_bytes - lane->allocated_start_bytes);
    put_int(object, "io_enters", e->io[i].count.enters);
    put_int(object, "io_cq_overflows", e->io[i].count.cq_overflows);
    json_array_append_new(lanes, object);
  }
  return lanes;
}

/* The whole distribution, beside the tape: HdrHistogram's percentile text, in microseconds. 0, -TG_EIO, -TG_ESIZE. */
static int write_hgrm(const tg_engine_t *e, char *path, size_t cap) {
  int n = snprintf(path, cap, "%s/tick_to_order.hgrm", e->conf.engine_run_dir);
  if (n < 0 || (size_t)n >= cap) return -TG_ESIZE;
  FILE *out = fopen(path, "w");
  if (!out) return -TG_EIO;
  int err = tg_hist_print_hgrm(&e->gateway.bn.tick_to_order_ns, out, 1000.0);
  return fclose(out) == 0 ? err : -TG_EIO;
}

int tg_engine_report(tg_engine_t *engine) {
  tg_engine_t *e = engine;
  if (e->report_fd < 0) return 0;
  json_t *report = json_object();
  if (!report) return -TG_ENOMEM;
  put_text(report, "engine", TG_VERSION);
  put_text(report, "mode", tg_mode_name((unsigned)e->conf.engine_mode + 1));
  put_text(report, "topology", e->conf.engine_topology == 1 ? "split" : "fused");
  put_int(report, "epoch", e->epoch);
  put_int(report, "seconds", (e->ended_ns - e->started_ns) / (uint64_t)TG_NS_PER_S);
  put_counts(report, tg_core_stats(e->core.core));
  json_object_set_new(report, "core", core_books(e, 0));
  json_object_set_new(report, "store_books", store_books(e, 0));
  json_t *instruments = json_array();
  for (uint16_t i = 0; i < e->core.cfg.instr_cap; i++) {
    json_array_append_new(instruments, json_pack("{s:o,s:o}", "core", core_books(e, i), "store", store_books(e, i)));
  }
  json_object_set_new(report, "instruments", instruments);
  json_object_set_new(report, "tick_to_order_ns", hist_json(&e->gateway.bn.tick_to_order_ns));
  json_object_set_new(report, "kernel_to_user_ns", hist_json(&e->feed.bn.session[TG_FEED_PUBLIC].kernel_to_user_ns));
  json_object_set_new(report, "core_step_ns", hist_json(&e->core.step_ns));
  put_int(report, "inputs", e->core.input_cnt);
  put_int(report, "outputs", e->core.output_cnt);
  put_int(report, "feed_errors", e->feed.bn.error_cnt);
  put_int(report, "gateway_errors", e->gateway.bn.error_cnt);
  put_int(report, "gateway_overflows", e->gateway.bn.overflow_cnt);
  put_int(report, "feed_dropped_events", e->feed.bn.dropped_event_cnt);
  put_int(report, "journal_depth_max", e->rings.journal.depth_max);
  put_int(report, "core_halts", e->core.halt_cnt);
  json_object_set_new(report, "lanes", lanes_json(e));
  json_object_set_new(report, "restart", tg_cold_truth_json(&e->cold.truth));
  json_object_set_new(report, "fill_checks", tg_cold_truth_checks_json(&e->cold.bn_stats));
  put_text(report, "digest", e->digest);
  put_text(report, "tape", e->conf.tape_enabled ? e->tape_path : "off");
  put_int(report, "tape_bytes", e->tape_stats.bytes);
  put_text(report, "store", e->conf.store_enabled ? e->store_path : "off");
  put_text(report, "evidence", e->evidence_path);
  char hgrm[TG_TAPE_PATH_BYTES];
  int hgrm_err = write_hgrm(e, hgrm, sizeof hgrm);
  put_text(report, "tick_to_order_hgrm", hgrm_err ? tg_err_text(hgrm_err) : hgrm);
  int err = ftruncate(e->report_fd, 0) == 0 && json_dumpfd(report, e->report_fd, JSON_INDENT(1)) == 0 ? 0 : -TG_EIO;
  json_decref(report);
  return err;
}

/* --- metrics and status of the running engine; called on the cold lane --- */

void tg_run_collect(void *user, tg_metrics_out_t *out) {
  tg_engine_t *e = user;
  uint64_t now_ns = tg_clock_now_ns(&e->clock);
  char epoch[24];
  int n = snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)e->epoch);
  const char *info[] = {"engine", TG_VERSION, n > 0 ? "epoch" : NULL, epoch, NULL};
  tg_metrics_put(out, TG_METRIC_INFO, 1, info);
  tg_metrics_put(out, TG_METRIC_UPTIME, (int64_t)(now_ns - e->started_ns), NULL);
  tg_metrics_put_mirror(out, e->cold.mirror, now_ns);
  tg_cold_intents_collect(e->cold.intents, out);
  tg_sync_stats_t sync;
  tg_sync_stats(e->cold.sync, now_ns, &sync);
  if (sync.age_ns != UINT64_MAX) tg_metrics_put(out, TG_METRIC_SYNC_AGE, (int64_t)sync.age_ns, NULL);
  if (sync.data_age_ns != UINT64_MAX) tg_metrics_put(out, TG_METRIC_SYNC_DATA_AGE, (int64_t)sync.data_age_ns, NULL);
  for (unsigned i = 0; i < TG_SYNC_FAIL_CNT; i++) {
    const char *labels[] = {"reason", tg_sync_fail_name(i), NULL};
    tg_metrics_put(out, TG_METRIC_SYNC_ERRORS, (int64_t)sync.fail[i], labels);
  }
  for (unsigned i = 0; i < TG_ACCT_RULE_CNT; i++) {
    const char *labels[] = {"rule", tg_acct_rule_name((tg_acct_rule_t)i), NULL};
    tg_metrics_put(out, TG_METRIC_SYNC_RULES, (int64_t)sync.rule[i], labels);
  }
  const struct {
    const char *name;
    tg_spsc_t *ring;
  } ring[] = {{"feed", &e->rings.feed},
              {"gateway_in", &e->rings.gw_in},
              {"gateway_out", &e->rings.gw_out},
              {"cold_in", &e->rings.cold_in},
              {"journal", &e->rings.journal}};
  for (size_t i = 0; i < TG_ARRAY_CNT(ring); i++) {
    const char *labels[] = {"ring", ring[i].name, NULL};
    tg_metrics_put(out, TG_METRIC_RING_DEPTH, (int64_t)tg_spsc_depth(ring[i].ring), labels);
  }
  for (size_t i = 0; i < TG_ARRAY_CNT(ring); i++) {
    const char *labels[] = {"ring", ring[i].name, NULL};
    tg_metrics_put(out, TG_METRIC_RING_SLOTS, (int64_t)ring[i].ring->slot_cnt, labels);
  }
  if (e->cold.tape) {
    tg_tape_stats_t tape;
    tg_tape_stats(e->cold.tape, &tape);
    tg_metrics_put(out, TG_METRIC_TAPE_BYTES, (int64_t)tape.bytes, NULL);
    tg_metrics_put(out, TG_METRIC_TAPE_OK, tape.broken == 0, NULL);
  }
  if (e->cold.store) {
    tg_store_stats_t store;
    tg_store_stats(e->cold.store, &store);
    tg_metrics_put(out, TG_METRIC_STORE_OK, store.broken == 0, NULL);
    tg_metrics_put(out, TG_METRIC_STORE_ROWS, (int64_t)store.rows, NULL);
  }
  tg_cold_truth_metrics(&e->cold.truth, &e->cold.bn_stats, out);
  tg_metrics_put_hist(out, "tick_to_order", &e->gateway.bn.tick_to_order_ns);
  tg_metrics_put_hist(out, "core_step", &e->core.step_ns);
}

static void status_extra(void *user, json_t *object) {
  tg_engine_t *e = user;
  json_object_set_new(object, "tick_to_order_ns", hist_json(&e->gateway.bn.tick_to_order_ns));
  tg_sync_stats_t sync;
  tg_sync_stats(e->cold.sync, tg_clock_now_ns(&e->clock), &sync);
  json_t *account = json_object();
  put_int(account, "rounds", sync.rounds);
  put_int(account, "good", sync.good);
  if (sync.age_ns != UINT64_MAX) put_int(account, "age_ms", sync.age_ns / (uint64_t)TG_NS_PER_MS);
  json_object_set_new(object, "account_sync", account);
  tg_view_main_t core_view;
  if (tg_view_read_main(e->core.shared, &core_view) == 0) put_int(object, "orders_unknown", core_view.unknown_cnt);
  json_object_set_new(object, "last_kill", e->cold.kill.asked_ns ? tg_cold_kill_json(&e->cold) : json_null());
  json_object_set_new(object, "restart", tg_cold_truth_json(&e->cold.truth));
  json_object_set_new(object, "fill_checks", tg_cold_truth_checks_json(&e->cold.bn_stats));
  json_object_set_new(object, "intents", tg_cold_intents_json(e->cold.intents));
  put_int(object, "journal_depth", tg_spsc_depth(&e->rings.journal));
  put_int(object, "feed_errors", e->feed.bn.error_cnt);
  put_int(object, "gateway_errors", e->gateway.bn.error_cnt);
  put_text(object, "topology", e->conf.engine_topology == 1 ? "split" : "fused");
  put_text(object, "tape", e->tape_path);
  put_text(object, "store", e->store_path);
  put_text(object, "metrics", e->metrics_path);
  char sandbox[192];
  tg_sandbox_text(e->sandbox, sandbox, sizeof sandbox);
  put_text(object, "sandbox", sandbox);
}

static int run_command(void *user, const tg_msg_t *cmd) {
  tg_engine_t *e = user;
  return tg_stage_cold_command(&e->cold, cmd);
}

static int run_batch(void *user, const tg_msg_t *msg, uint32_t cnt) {
  tg_engine_t *e = user;
  return tg_stage_cold_to_core(&e->cold, msg, cnt);
}

static int run_drill(void *user, const tg_msg_t *cmd) {
  tg_engine_t *e = user;
  return tg_stage_cold_drill(&e->cold, cmd);
}

tg_control_cfg_t tg_run_control_cfg(tg_engine_t *engine) {
  tg_engine_t *e = engine;
  return (tg_control_cfg_t){.path = e->control_path,
                            .operator_uids = e->conf.control_operator_uids,
                            .risk_uids = e->conf.control_risk_uids,
                            .mirror = e->cold.mirror,
                            .names = &tg_run_names,
                            .conf = &e->conf,
                            .intents = e->cold.intents,
                            .mode = (uint8_t)(e->conf.engine_mode + 1),
                            .epoch = e->epoch,
                            .started_ns = e->started_ns,
                            .engine = TG_VERSION,
                            .user = e,
                            .command = run_command,
                            .drill = run_drill,
                            .batch = run_batch,
                            .conf_path = e->config_path,
                            .gates = tg_run_gates,
                            .order = tg_run_order,
                            .status = status_extra};
}

json_t *tg_run_status_json(void *user) {
  tg_engine_t *e = user;
  tg_control_cfg_t cfg = tg_run_control_cfg(e);
  return tg_control_status_json(&cfg, tg_clock_now_ns(&e->clock));
}

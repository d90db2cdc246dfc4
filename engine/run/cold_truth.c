#include "engine/run/cold_truth.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"

enum {
  PREFIX = sizeof "RESTART_" - 1,
  PIECE = 256,
  LOOK_BACK = 64,
  CLOCKS_MS = 60000 /* our clock then and the venue's may have differed */
};

static int exit_of(int err) {
  return err == -TG_ENOMEM                            ? TG_EXIT_MEMORY
         : err == -TG_ENOSPACE || err == -TG_EPERM    ? TG_EXIT_SPACE
         : err == -TG_ECORRUPT || err == -TG_EVERSION ? TG_EXIT_DATA
                                                      : TG_EXIT_SPACE;
}

static uint32_t position_cnt(const tg_recover_t *r) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < r->instr_cnt; i++) cnt += r->instr[i].has_position;
  return cnt;
}

static uint32_t trade_cnt(const tg_recover_t *r) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < r->instr_cnt; i++) cnt += r->instr[i].trade_cnt;
  return cnt;
}

static void say(const tg_recover_t *r) {
  if (r->from_epoch == 0) return;
  tg_log_info(
      "restart: goes on from run %llu, which %s: %u position(s), %u open order(s), %u trade id(s); %llu message(s) that "
      "the store had lost came from its tape",
      (unsigned long long)r->from_epoch, r->clean ? "ended by itself" : "did not end by itself", position_cnt(r), r->order_cnt,
      trade_cnt(r), (unsigned long long)r->written_back);
  if (r->note[0]) tg_log_warn("restart: tape: %s", r->note);
  if (r->orders_left)
    tg_log_warn("restart: %u open order(s) beyond the %u that are remembered", r->orders_left, TG_RECOVER_ORDERS);
  for (uint32_t i = 0; i < r->instr_cnt; i++) {
    const tg_recover_instr_t *at = &r->instr[i];
    if (at->from_fills) tg_log_info("restart: %s: the last step was cut: its position is summed from the fills", at->symbol);
    if (at->differs)
      tg_log_error(
          "restart: %s: the core's last word (%lld lots) and the sum of the stored fills (%lld lots) disagree; the "
          "core's is taken, the venue decides",
          at->symbol, (long long)at->position.qty_lots, (long long)at->summed.qty_lots);
  }
}

int tg_cold_truth_open(tg_cold_truth_t *truth, tg_store_t *store, const tg_cold_names_t *names, const char *tape_dir,
                       char *err_text, size_t err_cap) {
  *truth = (tg_cold_truth_t){.recover = tg_recover_new()};
  truth->msg = aligned_alloc(TG_CACHE_LINE, TG_RECOVER_MSGS * sizeof(tg_msg_t));
  if (!truth->recover || !truth->msg) {
    (void)!snprintf(err_text, err_cap, "restart: no memory");
    return TG_EXIT_MEMORY;
  }
  tg_store_t *own = NULL;
  int err = 0;
  if (!store) {
    err = tg_store_open(&own, TG_STORE_MEMORY, err_text, err_cap);
    if (err) return exit_of(err);
    tg_store_set_names(own, names);
  }
  err = tg_recover_run(truth->recover, store ? store : own, tape_dir, err_text, err_cap);
  if (tg_store_close(own) != 0) tg_log_warn("restart: the store in memory could not be closed");
  if (err) return exit_of(err);
  say(truth->recover);
  return 0;
}

static bool find(void *user, const char *symbol, uint16_t *instr_idx, tg_scale_t *px, tg_scale_t *qty) {
  const tg_sym_t *sym = tg_symtab_find(user, symbol, strlen(symbol));
  if (!sym) return false;
  *instr_idx = sym->instr_idx;
  *px = sym->px;
  *qty = sym->qty;
  return true;
}

/* Which executions the venue is asked for. */
static void tell_venue(const tg_recover_t *r, tg_bn_cold_t *bn) {
  const tg_symtab_t *symtab = tg_bn_cold_symtab(bn);
  for (uint32_t i = 0; i < r->instr_cnt; i++) {
    const tg_recover_instr_t *at = &r->instr[i];
    const tg_sym_t *sym = tg_symtab_find(symtab, at->symbol, strlen(at->symbol));
    if (!sym) continue;
    /* not behind the newest one booked: the former run may have ended while an older one was still to come */
    uint64_t from_id = at->trade_from;
    for (uint32_t t = 0; t < at->trade_cnt && t < LOOK_BACK; t++) {
      if (at->trade_id[t] < from_id) from_id = at->trade_id[t];
    }
    tg_bn_booked_t booked = {.from_id = from_id,
                             .last_id = at->trade_last,
                             .compare_id = from_id ? from_id - 1 : 0,
                             .since_ms = (int64_t)(r->started_ns / (uint64_t)TG_NS_PER_MS) - CLOCKS_MS};
    tg_bn_cold_booked(bn, sym->instr_idx, &booked);
  }
  for (uint32_t i = 0; i < r->id_cnt; i++) tg_bn_cold_know_order(bn, r->id[i].order_id, r->id[i].client_id);
}

void tg_cold_truth_tell(tg_cold_truth_t *truth, tg_bn_cold_t *bn, int (*to_core)(void *user, const tg_msg_t *msg, uint32_t cnt),
                        void *user, uint64_t now_ns) {
  const tg_recover_t *r = truth->recover;
  tg_msg_batch_t out = {truth->msg, 0, TG_RECOVER_MSGS};
  const tg_symtab_t *symtab = tg_bn_cold_symtab(bn);
  int err = tg_recover_msgs(r, find, (void *)(uintptr_t)symtab, now_ns, &out, &truth->left);
  TG_ASSERT(err == 0); /* TG_RECOVER_MSGS is the most there can be */
  if (truth->left)
    tg_log_error(
        "restart: %u position(s) or order(s) of the former run belong to no instrument of this one (venue.symbols, or a "
        "new tick or step): they stay in the store and are not watched",
        truth->left);
  for (uint32_t at = 0; at < out.cnt; at += PIECE) {
    uint32_t cnt = out.cnt - at < PIECE ? out.cnt - at : PIECE;
    if (to_core(user, &out.msg[at], cnt) != 0) tg_log_error("restart: the core's lane does not take what the former run left");
  }
  truth->msg_cnt = out.cnt;
  if (r->from_epoch != 0) tell_venue(r, bn);
}

json_t *tg_cold_truth_json(const tg_cold_truth_t *truth) {
  const tg_recover_t *r = truth->recover;
  if (!r) return json_object();
  const tg_out_alarm_t *verdict = truth->verdict.kind ? &truth->verdict.u.out_alarm : NULL;
  json_t *object =
      json_pack("{s:I,s:b,s:I,s:I,s:I,s:I,s:I,s:s}", "from_epoch", (json_int_t)r->from_epoch, "clean", r->clean, "positions",
                (json_int_t)position_cnt(r), "orders", (json_int_t)r->order_cnt, "trades", (json_int_t)trade_cnt(r),
                "written_back", (json_int_t)r->written_back, "left", (json_int_t)truth->left, "note", r->note);
  json_object_set_new(object, "verdict", json_string(verdict ? tg_alarm_name(verdict->what) + PREFIX : "none"));
  if (!verdict) return object;
  json_object_set_new(object, "ours", json_integer(verdict->ours));
  json_object_set_new(object, "venue", json_integer(verdict->venue));
  return object;
}

bool tg_cold_truth_on_alarm(tg_cold_truth_t *truth, const tg_msg_t *msg) {
  uint8_t what = msg->u.out_alarm.what;
  if (what != TG_ALARM_RESTART_EQUAL && what != TG_ALARM_RESTART_DIFFERS) return false;
  truth->verdict = *msg;
  return true;
}

void tg_cold_truth_metrics(const tg_cold_truth_t *truth, const tg_bn_cold_stats_t *bn, tg_metrics_out_t *out) {
  const tg_recover_t *r = truth->recover;
  const struct {
    tg_metric_t metric;
    const char *label, *value;
    uint64_t number;
  } row[] = {{TG_METRIC_RESTORED, "what", "position", r ? position_cnt(r) : 0},
             {TG_METRIC_RESTORED, "what", "order", r ? r->order_cnt : 0},
             {TG_METRIC_RESTORED, "what", "trade", r ? trade_cnt(r) : 0},
             {TG_METRIC_RESTORED, "what", "written_back", r ? r->written_back : 0},
             {TG_METRIC_RESTORED, "what", "left", truth->left},
             {TG_METRIC_COMPARES, "result", "done", bn->compares},
             {TG_METRIC_COMPARES, "result", "held", bn->compares_held},
             {TG_METRIC_LOST_FILLS, NULL, NULL, bn->lost_fills},
             {TG_METRIC_CAUGHT_UP, NULL, NULL, bn->trades},
             {TG_METRIC_PROFILE, "result", "read", bn->profile_reads},
             {TG_METRIC_PROFILE, "result", "changed", bn->profile_changes}};
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    const char *labels[] = {row[i].label, row[i].value, NULL};
    tg_metrics_put(out, row[i].metric, (int64_t)row[i].number, row[i].label ? labels : NULL);
  }
}

json_t *tg_cold_truth_checks_json(const tg_bn_cold_stats_t *bn) {
  return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "compares", (json_int_t)bn->compares, "compares_held",
                   (json_int_t)bn->compares_held, "lost_fills", (json_int_t)bn->lost_fills, "asked_for", (json_int_t)bn->trades,
                   "profile_reads", (json_int_t)bn->profile_reads, "profile_changes", (json_int_t)bn->profile_changes,
                   "foreign_trades", (json_int_t)bn->foreign_trades);
}

void tg_cold_truth_close(tg_cold_truth_t *truth) {
  tg_recover_free(truth->recover);
  free(truth->msg);
  *truth = (tg_cold_truth_t){0};
}

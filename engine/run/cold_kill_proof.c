/* cold_kill_proof.c - the evidence bundle of a kill: kill.json (times, counts), orders.json (each order of ours, then and now),
 * venue.json (every list and every cancel over REST, with its answer). */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine/cold/answer.h"
#include "engine/run/stage_cold.h"

/* Milliseconds with three decimals after the kill was asked for; null when it did not happen. */
static json_t *after_ms(const tg_cold_kill_t *k, uint64_t then_ns) {
  if (then_ns == 0) return json_null();
  uint64_t us = then_ns > k->asked_ns ? (then_ns - k->asked_ns) / 1000u : 0;
  return json_sprintf("%llu.%03llu", (unsigned long long)(us / 1000u), (unsigned long long)(us % 1000u));
}

static json_t *when(uint64_t ns) {
  return ns == 0 ? json_null() : tg_answer_u64(ns);
}

json_t *tg_cold_kill_json(const tg_stage_cold_t *s) {
  const tg_cold_kill_t *k = &s->kill;
  const tg_bn_kill_t *venue = s->bn ? tg_bn_cold_kill_state(s->bn) : NULL;
  json_t *times = json_pack("{s:o,s:o,s:o,s:o,s:o}", "asked_ns", when(k->asked_ns), "latched_ns", when(k->latched_ns),
                            "first_cancel_ns", when(k->first_cancel_ns), "last_cancel_confirmed_ns", when(k->last_confirmed_ns),
                            "verified_empty_ns", when(k->empty_ns));
  json_t *after =
      json_pack("{s:o,s:o,s:o,s:o}", "latched", after_ms(k, k->latched_ns), "first_cancel", after_ms(k, k->first_cancel_ns),
                "last_cancel_confirmed", after_ms(k, k->last_confirmed_ns), "verified_empty", after_ms(k, k->empty_ns));
  json_t *counts = json_pack("{s:o,s:o,s:o,s:o}", "open_when_latched", tg_answer_u64(k->order_cnt + k->order_more),
                             "cancels_by_core", tg_answer_u64(k->core_cancels), "confirmed_to_core",
                             tg_answer_u64(k->core_confirmed), "kills", tg_answer_u64(k->kills));
  if (venue && counts) {
    json_object_set_new(counts, "venue_lists", tg_answer_u64(venue->round_cnt));
    json_object_set_new(counts, "venue_lists_failed", tg_answer_u64(venue->lists_failed));
    json_object_set_new(counts, "venue_cancels", tg_answer_u64(venue->cancels_sent));
    json_object_set_new(counts, "venue_cancels_confirmed", tg_answer_u64(venue->cancels_confirmed));
    json_object_set_new(counts, "foreign_untouched", tg_answer_u64(venue->foreign_seen));
  }
  return json_pack("{s:s,s:s,s:s,s:I,s:s,s:o,s:b,s:o,s:o,s:o,s:s}", "verb", "kill", "mode", tg_mode_word(s->evidence.mode),
                   "way", tg_kill_way_text(k->way), "uid", (json_int_t)k->uid, "reason", k->reason, "epoch",
                   tg_answer_u64(s->epoch), "verified_empty", k->empty_ns != 0, "times", times, "after_ms", after, "counts",
                   counts, "evidence", k->proof_dir);
}

static json_t *orders_json(const tg_stage_cold_t *s) {
  const tg_cold_kill_t *k = &s->kill;
  json_t *list = json_array();
  for (uint32_t i = 0; i < k->order_cnt; i++) {
    const tg_cold_kill_order_t *then = &k->order[i];
    const tg_mirror_order_t *now = tg_mirror_order(s->mirror, then->client_id);
    json_array_append_new(
        list,
        json_pack("{s:o,s:o,s:I,s:s,s:o,s:o,s:o,s:s,s:s,s:o}", "symbol", tg_answer_symbol(s->mirror, then->instr_idx),
                  "client_id", tg_answer_client(then->client_id), "order_id", (json_int_t)then->order_id, "side",
                  then->side == TG_SELL ? "SELL" : "BUY", "price", tg_answer_px(s->mirror, then->instr_idx, then->px_ticks),
                  "qty", tg_answer_qty(s->mirror, then->instr_idx, then->qty_lots), "filled_then",
                  tg_answer_qty(s->mirror, then->instr_idx, then->cum_lots), "state_then", s->names->order_state(then->state),
                  "state_now", now ? s->names->order_state(now->report.state) : "forgotten", "filled_now",
                  now ? tg_answer_qty(s->mirror, then->instr_idx, now->report.cum_qty_lots) : json_null()));
  }
  return list;
}

static json_t *venue_json(const tg_stage_cold_t *s) {
  const tg_bn_kill_t *venue = s->bn ? tg_bn_cold_kill_state(s->bn) : NULL;
  json_t *rounds = json_array(), *cancels = json_array();
  uint32_t cnt = venue ? venue->round_cnt : 0;
  for (uint32_t i = cnt > TG_BN_KILL_ROUNDS ? cnt - TG_BN_KILL_ROUNDS : 0; i < cnt; i++) {
    const tg_bn_kill_round_t *round = &venue->round[i % TG_BN_KILL_ROUNDS];
    json_array_append_new(rounds, json_pack("{s:o,s:o,s:s,s:i,s:i,s:i,s:i}", "asked_ns", when(round->asked_ns), "answered_ns",
                                            when(round->answered_ns), "error", round->err ? tg_err_name(round->err) : "",
                                            "http_status", (int)round->http_status, "ours", (int)round->ours, "spared",
                                            (int)round->spared, "foreign", (int)round->foreign));
  }
  for (uint32_t i = 0; venue && i < venue->order_cnt; i++) {
    const tg_bn_kill_order_t *order = &venue->order[i];
    json_array_append_new(
        cancels, json_pack("{s:s,s:o,s:I,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:o,s:o,s:o}", "symbol", order->symbol, "client_id",
                           tg_answer_client(order->client_id), "order_id", (json_int_t)order->order_id, "side", order->side,
                           "price", order->price, "qty", order->qty, "filled", order->filled, "fate",
                           tg_bn_kill_fate_name((tg_bn_kill_fate_t)order->fate), "http_status", (int)order->http_status, "code",
                           (int)order->code, "tries", (int)order->tries, "found_ns", when(order->found_ns), "sent_ns",
                           when(order->sent_ns), "done_ns", when(order->done_ns)));
  }
  return json_pack("{s:o,s:o}", "lists", rounds, "cancels", cancels);
}

int tg_cold_kill_proof(tg_stage_cold_t *s, uint64_t now_ns) {
  static const char *const names[] = {"kill.json", "orders.json", "venue.json"};
  tg_cold_kill_t *k = &s->kill;
  const char *kind = k->way == TG_KILL_BY_DRILL ? "drill" : "kill";
  uint64_t number = s->evidence_cnt++;
  int n = snprintf(k->proof_dir, sizeof k->proof_dir, "%s/%s-%06llu-%06llu", s->evidence.dir, kind,
                   (unsigned long long)s->evidence.epoch, (unsigned long long)number);
  if (n < 0 || (size_t)n >= sizeof k->proof_dir) return -TG_ESIZE;
  json_t *documents[] = {tg_cold_kill_json(s), orders_json(s), venue_json(s)};
  return tg_evidence_documents(&s->evidence, kind, number, now_ns, names, documents, TG_ARRAY_CNT(documents));
}

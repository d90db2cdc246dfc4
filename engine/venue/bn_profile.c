/* bn_profile.c - the venue's profile again, each sync.profile_period_ms: filters, tick, step and status of the instruments
 * (exchangeInfo), and the position mode. A change goes to the core as CFG_SYMBOL and CFG_FILTER; what follows from it is the
 * core's (the instrument is restricted). Hedge mode reaches it with the next account snapshot. The symbol table of the running
 * sessions stays: numbers on the wire are read with the scale that every number here has. */
#include <string.h>

#include "engine/venue/bn_cold_int.h"

enum { LINES = 3 }; /* CFG_SYMBOL, CFG_FILTER, its second line */

/* The line of `msg`'s kind and place among those in force; NULL: none. */
static tg_msg_t *line_in_force(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  for (uint32_t i = 0; i < cold->cfg_cnt; i++) {
    tg_msg_t *at = &cold->cfg_msg[i];
    if (at->kind == msg->kind && at->instr_idx == msg->instr_idx && (at->flags & TG_F_SECOND) == (msg->flags & TG_F_SECOND))
      return at;
  }
  return NULL;
}

/* Takes a line; true when it differs from what was in force. */
static bool line_take(tg_bn_cold_t *cold, tg_msg_t *msg) {
  tg_msg_t *was = line_in_force(cold, msg);
  if (!was) return false;
  if (msg->kind == TG_CFG_FILTER && (msg->flags & TG_F_SECOND)) { /* exchangeInfo does not tell fees */
    msg->u.cfg_filter.u.second.maker_fee_e8 = was->u.cfg_filter.u.second.maker_fee_e8;
    msg->u.cfg_filter.u.second.taker_fee_e8 = was->u.cfg_filter.u.second.taker_fee_e8;
  }
  bool differs = memcmp(&was->u, &msg->u, sizeof was->u) != 0;
  *was = *msg;
  return differs;
}

/* A symbol that the venue does not list any more does not trade. */
static bool gone_take(tg_bn_cold_t *cold, uint16_t instr_idx) {
  for (uint32_t i = 0; i < cold->cfg_cnt; i++) {
    tg_msg_t *at = &cold->cfg_msg[i];
    if (at->kind != TG_CFG_SYMBOL || at->instr_idx != instr_idx || at->u.cfg_symbol.status == 0) continue;
    at->u.cfg_symbol.status = 0;
    return true;
  }
  return false;
}

static void instr_tell(tg_bn_cold_t *cold, uint16_t instr_idx) {
  tg_msg_t line[LINES];
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < cold->cfg_cnt && cnt < LINES; i++) {
    if (cold->cfg_msg[i].instr_idx != instr_idx) continue;
    line[cnt] = cold->cfg_msg[i];
    line[cnt++].ts_ns = cold->now_ns;
  }
  cold->stats.profile_changes++;
  tg_log_warn("the venue's profile of %s changed: told to the core", cold->want[instr_idx].symbol);
  bn_to_core(cold, line, cnt);
}

static void mode_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  (void)call;
  bool dual = false;
  if (answer->err || answer->status != 200 || tg_bn_rest_dual((const char *)answer->body, answer->body_len, &dual) < 0) {
    cold->stats.errors++;
    tg_log_warn("positionSide/dual: %s (HTTP %d)", answer->err ? tg_err_text(answer->err) : "cannot be read", answer->status);
    return;
  }
  if (dual && cold->dual_side != 1) tg_log_error("the account went to hedge mode: no trading until it is back");
  cold->dual_side = dual;
}

static void info_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  (void)call;
  tg_bn_want_t want[TG_INSTR_MAX];
  bool changed[TG_INSTR_MAX] = {false};
  memcpy(want, cold->want, sizeof want);
  for (size_t i = 0; i < cold->want_cnt; i++) want[i].found = 0;
  cold->batch.cnt = 0;
  int cnt = -TG_EPROTO;
  if (!answer->err && answer->status == 200)
    cnt = tg_bn_rest_exchange_info((const char *)answer->body, answer->body_len, cold->now_ns, TG_PRODUCT_USDM, want,
                                   cold->want_cnt, &cold->batch, NULL);
  if (cnt < 0) {
    cold->stats.errors++;
    tg_log_warn("exchangeInfo: %s (HTTP %d)", tg_err_text(answer->err ? answer->err : cnt), answer->status);
    return;
  }
  cold->stats.profile_reads++;
  for (uint32_t i = 0; i < cold->batch.cnt; i++) {
    tg_msg_t *msg = &cold->batch.msg[i];
    if (msg->instr_idx < TG_INSTR_MAX && line_take(cold, msg)) changed[msg->instr_idx] = true;
  }
  for (size_t i = 0; i < cold->want_cnt; i++) {
    uint16_t instr_idx = want[i].instr_idx;
    if (!want[i].found && gone_take(cold, instr_idx)) changed[instr_idx] = true;
    if (changed[instr_idx]) instr_tell(cold, instr_idx);
  }
}

static void ask(tg_bn_cold_t *cold, tg_bn_ep_t ep, bn_done_t done) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, ep, done);
  if (!call) return;
  tg_bn_req_begin(&req, ep, TG_PRODUCT_USDM, target, sizeof target);
  if (bn_call_send(cold, call, &req, 0) != 0) cold->stats.errors++; /* asked again in its period */
}

void bn_profile_turn(tg_bn_cold_t *cold) {
  int64_t period_ms = cold->conf->sync_profile_period_ms;
  if (period_ms == 0 || cold->now_ns < cold->profile_next_ns) return;
  cold->profile_next_ns = cold->now_ns + (uint64_t)period_ms * (uint64_t)TG_NS_PER_MS;
  if (cold->now_ns < cold->rate.pause_until_ns) return; /* a ban: the next time */
  ask(cold, TG_BN_EP_EXCHANGE_INFO, info_done);
  ask(cold, TG_BN_EP_DUAL_GET, mode_done);
}

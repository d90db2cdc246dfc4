/* bn_calls.c - the running engine's REST calls: clock, listen key, dead-man timer, snapshots, account, orders. */
#include <stdlib.h>
#include <string.h>

#include "engine/venue/bn_cold_int.h"

static bool answer_ok(tg_bn_cold_t *cold, const bn_call_t *call, const tg_http_answer_t *answer) {
  if (!answer->err && answer->status == 200) return true;
  cold->stats.errors++;
  tg_log_warn("%s: %s (HTTP %d)", tg_bn_ep(call->ep)->name, answer->err ? tg_err_text(answer->err) : "refused", answer->status);
  return false;
}

static void call_begin(tg_bn_req_t *req, const bn_call_t *call, char *target) {
  tg_bn_req_begin(req, call->ep, TG_PRODUCT_USDM, target, BN_TARGET_BYTES);
}

static void call_symbol(const tg_bn_cold_t *cold, tg_bn_req_t *req, uint16_t instr_idx) {
  const tg_sym_t *sym = tg_symtab_instr(&cold->symtab, instr_idx);
  if (sym) tg_bn_req_text(req, "symbol", sym->name, sym->name_len);
}

/* --- clock --- */

void bn_clock_sample(tg_bn_cold_t *cold, const tg_http_answer_t *answer, int64_t server_ms) {
  int64_t half_ns = (int64_t)(answer->done_ns - answer->sent_ns) / 2;
  int64_t middle_ns = (int64_t)answer->sent_ns + half_ns;
  /* serverTime is cut to whole milliseconds: its middle is half a millisecond later, and that is its error too */
  cold->stats.offset_ns = server_ms * TG_NS_PER_MS + TG_NS_PER_MS / 2 - middle_ns;
  cold->stats.offset_error_ns = half_ns + TG_NS_PER_MS / 2;
  cold->stats.clock_samples++;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, cold->now_ns);
  msg.u.clock.offset_ns = cold->stats.offset_ns;
  msg.u.clock.error_ns = cold->stats.offset_error_ns;
  bn_to_core(cold, &msg, 1);
  tg_msg_init(&msg, TG_CTL_CLOCK, TG_INSTR_NONE, cold->now_ns);
  msg.u.ctl_clock.offset_ns = cold->stats.offset_ns;
  msg.u.ctl_clock.error_ns = cold->stats.offset_error_ns;
  msg.u.ctl_clock.pause_until_ns = cold->rate.pause_until_ns;
  if (cold->ops->to_gateway(cold->user, &msg) != 0) cold->clock_next_ns = cold->now_ns; /* measured again at once */
}

static void clock_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  int64_t server_ms = 0;
  if (!answer_ok(cold, call, answer)) return;
  if (tg_bn_rest_time((const char *)answer->body, answer->body_len, &server_ms) < 0) {
    cold->stats.errors++;
    return;
  }
  bn_clock_sample(cold, answer, server_ms);
}

/* Asks without parameters. False: not sent. */
static bool ask_plain(tg_bn_cold_t *cold, tg_bn_ep_t ep, bn_done_t done) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, ep, done);
  if (!call) return false;
  call_begin(&req, call, target);
  if (bn_call_send(cold, call, &req, 0) == 0) return true;
  cold->stats.errors++;
  return false;
}

void bn_clock_ask(tg_bn_cold_t *cold) {
  (void)ask_plain(cold, TG_BN_EP_TIME, clock_done); /* not sent: the next sample comes with its period */
}

/* --- listen key, dead-man timer --- */

static void keep_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (answer_ok(cold, call, answer)) return;
  (void)bn_key_ask(cold); /* unknown or expired: make sure of one; when not sent, key_next_ns brings us back */
}

uint64_t bn_key_period_ns(const tg_bn_cold_t *cold) {
  return (uint64_t)cold->conf->venue_key_keep_s * (uint64_t)TG_NS_PER_S;
}

void bn_key_keep(tg_bn_cold_t *cold) {
  if (!ask_plain(cold, TG_BN_EP_LISTEN_KEY_KEEP, keep_done))
    cold->key_next_ns = cold->now_ns + BN_START_PAUSE_NS; /* a pause, or no room: not a whole period later */
}

static void countdown_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!answer_ok(cold, call, answer)) cold->countdown_next_ns = cold->now_ns + (uint64_t)TG_NS_PER_S;
}

void bn_countdown(tg_bn_cold_t *cold, int64_t countdown_ms) {
  for (size_t i = 0; i < cold->want_cnt; i++) {
    char target[BN_TARGET_BYTES];
    tg_bn_req_t req;
    bn_call_t *call = bn_call_new(cold, TG_BN_EP_COUNTDOWN, countdown_done);
    if (!call) return;
    call_begin(&req, call, target);
    call_symbol(cold, &req, cold->want[i].instr_idx);
    tg_bn_req_int(&req, "countdownTime", countdown_ms);
    if (bn_call_send(cold, call, &req, 0) != 0) cold->stats.errors++;
  }
}

/* --- depth snapshots --- */

static void snapshot_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!answer_ok(cold, call, answer)) return; /* the core asks again after book.snapshot_retry_ms */
  cold->batch.cnt = 0;
  int cnt = tg_bn_md_snapshot(&cold->md, (const char *)answer->body, answer->body_len, cold->now_ns, call->instr_idx,
                              call->request_no, &cold->batch);
  if (cnt <= 0) {
    cold->stats.errors++;
    tg_log_warn("depth snapshot cannot be read: %s", tg_err_text(cnt));
    return;
  }
  cold->stats.snapshots++;
  bn_to_core(cold, cold->batch.msg, cold->batch.cnt);
}

void bn_snapshot_ask(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_DEPTH, snapshot_done);
  if (!call) return;
  call->instr_idx = msg->instr_idx;
  call->request_no = msg->u.out_snapshot.request_no;
  call_begin(&req, call, target);
  call_symbol(cold, &req, msg->instr_idx);
  tg_bn_req_int(&req, "limit", BN_SNAPSHOT_LEVELS);
  if (bn_call_send(cold, call, &req, 0) != 0) cold->stats.errors++;
}

/* --- account truth --- */

static void account_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (answer->err || answer->status != 200) {
    cold->stats.errors++;
    cold->ops->account_failed(cold->user, answer->err ? answer->err : -TG_EPROTO, (uint16_t)answer->status);
    return;
  }
  tg_bn_acc_t acc;
  memset(&acc, 0, sizeof acc);
  acc.tab = &cold->symtab;
  cold->batch.cnt = 0;
  const char *body = (const char *)answer->body;
  int cnt = -TG_EINTERNAL;
  if (call->want_bit == TG_BN_WANT_POSITIONS)
    cnt = tg_bn_rest_positions(&acc, body, answer->body_len, cold->now_ns, &cold->batch);
  if (cnt >= 0 && call->want_bit == TG_BN_WANT_POSITIONS) bn_doubt_positions(cold);
  if (call->want_bit == TG_BN_WANT_ORDERS)
    cnt = tg_bn_rest_open_orders(&acc, body, answer->body_len, cold->now_ns, &cold->batch);
  if (call->want_bit == TG_BN_WANT_BALANCES)
    cnt = tg_bn_rest_balances(&acc, body, answer->body_len, cold->now_ns, &cold->batch);
  if (cnt < 0) {
    cold->stats.errors++;
    cold->ops->account_failed(cold->user, cnt, 200);
    return;
  }
  for (uint32_t i = 0; i < cold->batch.cnt && call->want_bit == TG_BN_WANT_POSITIONS; i++) {
    uint8_t side = cold->batch.msg[i].u.acc_position.position_side;
    if (side == TG_PSIDE_LONG || side == TG_PSIDE_SHORT) cold->dual_side = 1; /* a row of hedge mode tells the mode */
  }
  cold->ops->account_part(cold->user, call->want_bit, cold->batch.msg, cold->batch.cnt, cold->dual_side);
}

void tg_bn_cold_account(tg_bn_cold_t *cold, uint32_t want, uint64_t now_ns) {
  static const struct {
    uint32_t bit;
    tg_bn_ep_t ep;
  } query[] = {{TG_BN_WANT_POSITIONS, TG_BN_EP_POSITION_RISK},
               {TG_BN_WANT_ORDERS, TG_BN_EP_OPEN_ORDERS},
               {TG_BN_WANT_BALANCES, TG_BN_EP_BALANCE}};
  cold->now_ns = now_ns;
  for (size_t i = 0; i < TG_ARRAY_CNT(query); i++) {
    if (!(want & query[i].bit)) continue;
    char target[BN_TARGET_BYTES];
    tg_bn_req_t req;
    bn_call_t *call = bn_call_new(cold, query[i].ep, account_done);
    if (!call) {
      cold->ops->account_failed(cold->user, -TG_EFULL, 0);
      return;
    }
    call->want_bit = query[i].bit;
    call_begin(&req, call, target);
    int err = bn_call_send(cold, call, &req, 0);
    if (err) {
      cold->ops->account_failed(cold->user, err, err == -TG_ERATE ? 429 : 0);
      return;
    }
  }
}

/* --- orders over REST, the second way --- */

static void order_answer(tg_bn_cold_t *cold, const tg_bn_inflight_row_t *row, tg_wire_t wire, uint16_t status, const char *body,
                         size_t len) {
  cold->batch.cnt = 0;
  int cnt = tg_bn_rest_answer(&cold->symtab, row, wire, status, body, len, cold->now_ns, &cold->batch);
  if (cnt < 0) { /* an answer that cannot be read proves nothing */
    cold->batch.cnt = 0;
    cnt = tg_bn_rest_answer(&cold->symtab, row, TG_WIRE_LOST, 0, "", 0, cold->now_ns, &cold->batch);
  }
  for (uint32_t i = 0; i < cold->batch.cnt; i++) { /* the pause as call_rates has it, Retry-After heard */
    tg_msg_t *msg = &cold->batch.msg[i];
    if (msg->kind == TG_RATE && cold->rate.pause_until_ns > cold->now_ns)
      msg->u.rate.pause_until_ns = cold->rate.pause_until_ns;
  }
  if (cnt > 0) bn_to_core(cold, cold->batch.msg, cold->batch.cnt);
}

static void order_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  tg_wire_t wire = TG_WIRE_ANSWER;
  if (answer->err) wire = answer->sent ? TG_WIRE_LOST : TG_WIRE_NOT_SENT;
  order_answer(cold, &call->row, wire, answer->err ? 0 : (uint16_t)answer->status,
               answer->err ? "" : (const char *)answer->body, answer->err ? 0 : answer->body_len);
}

void bn_order_ask(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  tg_bn_ep_t ep = tg_bn_ep_of((tg_msg_kind_t)msg->kind);
  if (ep == TG_BN_EP_CNT) return;
  tg_bn_inflight_row_t row = {.client_id = msg->u.out_place.client_id,
                              .order_id = msg->u.out_place.order_id,
                              .request_no = msg->u.out_place.request_no,
                              .instr_idx = msg->instr_idx,
                              .request = (uint8_t)tg_bn_ep(ep)->request};
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, ep, order_done);
  if (!call) {
    order_answer(cold, &row, TG_WIRE_NOT_SENT, 0, "", 0);
    return;
  }
  call->row = row;
  call_begin(&req, call, target);
  int err = tg_bn_req_order(&req, &cold->symtab, msg, TG_BN_STP_EXPIRE_MAKER);
  if (err == 0) err = bn_call_send(cold, call, &req, msg->kind == TG_OUT_CANCEL ? BN_URGENT : 0);
  if (err) order_answer(cold, &row, TG_WIRE_NOT_SENT, 0, "", 0);
}

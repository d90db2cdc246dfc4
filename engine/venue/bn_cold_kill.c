/* bn_cold_kill.c - the hands of bn_kill.h on the cold lane: REST over the urgent connection. */
#include "engine/venue/bn_cold_int.h"

static void list_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  (void)call;
  uint64_t failed = cold->kill.lists_failed;
  tg_bn_kill_listed(&cold->kill, answer->err, answer->status, answer->err ? "" : (const char *)answer->body,
                    answer->err ? 0 : answer->body_len, cold->now_ns);
  if (cold->kill.lists_failed != failed) {
    cold->stats.errors++;
    tg_log_warn("kill: openOrders: %s (HTTP %d)", answer->err ? tg_err_text(answer->err) : "no list of orders", answer->status);
  }
  if (cold->kill.phase == TG_BN_KILL_CANCELLING)
    tg_log_info("kill: %u open order(s) of ours at the venue: cancelled over REST", (unsigned)cold->kill.listed);
}

static int ask_list(void *user, const char *symbol, uint64_t now_ns) {
  tg_bn_cold_t *cold = user;
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  (void)now_ns;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_OPEN_ORDERS, list_done);
  if (!call) return -TG_EFULL;
  tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
  if (symbol) tg_bn_req_str(&req, "symbol", symbol);
  return bn_call_send(cold, call, &req, BN_URGENT);
}

static void cancel_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bool good = !answer->err && answer->status == 200;
  if (good)
    cold->stats.kill_cancels++;
  else
    cold->stats.errors++;
  tg_bn_kill_cancelled(&cold->kill, call->request_no, answer->err, answer->status,
                       answer->err ? "" : (const char *)answer->body, answer->err ? 0 : answer->body_len, cold->now_ns);
}

static int send_cancel(void *user, uint32_t idx, const tg_bn_kill_order_t *order, uint64_t now_ns) {
  tg_bn_cold_t *cold = user;
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  (void)now_ns;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_ORDER_CANCEL, cancel_done);
  if (!call) return -TG_EFULL;
  call->request_no = idx;
  tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
  tg_bn_req_str(&req, "symbol", order->symbol);
  tg_bn_req_int(&req, "orderId", order->order_id);
  return bn_call_send(cold, call, &req, BN_URGENT);
}

static bool spare(void *user, const tg_bn_kill_order_t *order) {
  const tg_bn_cold_t *cold = user;
  return cold->kill_spare != NULL && cold->kill_spare(cold->kill_spare_user, order);
}

void bn_kill_open(tg_bn_cold_t *cold) {
  static const tg_bn_kill_ops_t ops = {ask_list, send_cancel, spare};
  tg_bn_kill_cfg_t cfg = tg_bn_kill_cfg_default((tg_mode_t)(cold->conf->engine_mode + 1));
  tg_bn_kill_init(&cold->kill, &cfg, &ops, cold);
}

void bn_kill_ask(tg_bn_cold_t *cold) {
  bool lasting = cold->kill.phase != TG_BN_KILL_OFF && !cold->kill.once;
  if (!lasting) tg_bn_kill_start(&cold->kill, true, cold->now_ns);
}

void bn_kill_turn(tg_bn_cold_t *cold) {
  if (cold->stopping && cold->kill.phase == TG_BN_KILL_EMPTY) return; /* the end of the run waits for no re-check */
  tg_bn_kill_turn(&cold->kill, cold->now_ns, cold->rate.pause_until_ns);
}

void tg_bn_cold_kill(tg_bn_cold_t *cold, bool (*spare_fn)(void *user, const tg_bn_kill_order_t *order), void *user,
                     uint64_t now_ns) {
  cold->now_ns = now_ns;
  cold->kill_spare = spare_fn;
  cold->kill_spare_user = user;
  tg_bn_kill_start(&cold->kill, false, now_ns);
}

void tg_bn_cold_kill_off(tg_bn_cold_t *cold) {
  cold->kill_spare = NULL;
  tg_bn_kill_off(&cold->kill);
}

const tg_bn_kill_t *tg_bn_cold_kill_state(const tg_bn_cold_t *cold) {
  return &cold->kill;
}

/* bn_trades.c - executions that no session told: after each new user session the trades behind the last one seen are asked for
 * (userTrades; venue page section 13: private socket first, then REST from the last id, dedupe on trade id) and given to the
 * core as EX_FILL, which knows repeats by their trade id. */
#include <string.h>

#include "engine/venue/bn_cold_int.h"

enum { TRADES_LIMIT = 1000, TRIES = 8 };
#define RETRY_NS (250 * (uint64_t)TG_NS_PER_MS)

/* --- order ids of ours, which userTrades names orders by --- */

static bn_id_t *id_slot(tg_bn_cold_t *cold, int64_t order_id) {
  uint64_t hash = (uint64_t)order_id * UINT64_C(0x9E3779B97F4A7C15);
  return &cold->id[hash >> (64 - BN_ID_BITS)];
}

/* The newest order of a slot wins: a collision among the last thousands makes a trade foreign, which is told. */
static void id_note(tg_bn_cold_t *cold, const tg_msg_t *msg, int64_t order_id, uint64_t client_id) {
  if (order_id <= 0 || client_id == 0 || (msg->flags & TG_F_FOREIGN)) return;
  *id_slot(cold, order_id) = (bn_id_t){.order_id = order_id, .client_id = client_id};
}

void bn_trades_note(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_EX_ORDER:
      id_note(cold, msg, msg->u.ex_order.order_id, msg->u.ex_order.client_id);
      break;
    case TG_EX_ANSWER:
      id_note(cold, msg, msg->u.ex_answer.order_id, msg->u.ex_answer.client_id);
      break;
    case TG_ACC_ORDER:
      id_note(cold, msg, msg->u.acc_order.order_id, msg->u.acc_order.client_id);
      break;
    case TG_EX_FILL: /* a TRADE_LITE without its full event is still owed a commission */
      if (msg->instr_idx < TG_INSTR_MAX && !(msg->flags & TG_F_LITE) &&
          msg->u.ex_fill.trade_id > cold->trades[msg->instr_idx].last_id)
        cold->trades[msg->instr_idx].last_id = msg->u.ex_fill.trade_id;
      break;
    default:
      break;
  }
}

/* --- asking --- */

void bn_trades_gap(tg_bn_cold_t *cold) {
  if (cold->user_since_ms == 0) { /* the first user session: what was before lies in the first account snapshot */
    cold->user_since_ms = (int64_t)bn_venue_ms(cold);
    return;
  }
  for (size_t i = 0; i < cold->want_cnt; i++) {
    bn_trades_t *t = &cold->trades[cold->want[i].instr_idx];
    if (!t->due) t->from_id = t->last_id ? t->last_id + 1 : 0; /* a hole under way reaches farther back already */
    t->due = true;
    t->tries = 0;
    t->next_ns = cold->now_ns;
  }
}

static void trades_again(tg_bn_cold_t *cold, bn_trades_t *t, uint16_t instr_idx) {
  t->next_ns = cold->now_ns + RETRY_NS * (1u << (t->tries < 5 ? t->tries : 5));
  if (++t->tries < TRIES) return;
  t->due = false;
  cold->stats.errors++;
  tg_log_error("executions of instrument %u during the outage could not be asked for: account truth will show a difference",
               (unsigned)instr_idx);
}

typedef struct names {
  tg_bn_cold_t *cold;
  uint32_t unknown;
} names_t;

static uint64_t client_of(void *user, uint16_t instr_idx, int64_t order_id) {
  names_t *names = user;
  (void)instr_idx;
  const bn_id_t *id = id_slot(names->cold, order_id);
  if (id->order_id == order_id) return id->client_id;
  names->unknown++;
  return 0;
}

static void trades_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bn_trades_t *t = &cold->trades[call->instr_idx];
  t->busy = false;
  names_t names = {cold, 0};
  uint64_t last_id = 0;
  int cnt = -TG_EPROTO;
  cold->batch.cnt = 0;
  if (!answer->err && answer->status == 200)
    cnt = tg_bn_rest_user_trades(&cold->symtab, (const char *)answer->body, answer->body_len, cold->now_ns, client_of, &names,
                                 &cold->batch, &last_id);
  if (cnt < 0) {
    cold->stats.errors++;
    tg_log_warn("userTrades: %s (HTTP %d)", tg_err_text(answer->err ? answer->err : cnt), answer->status);
    trades_again(cold, t, call->instr_idx);
    return;
  }
  /* an order whose acknowledgement was lost has no number here until the core's query is answered: wait for it */
  bool wait = names.unknown > 0 && t->tries + 1 < TRIES / 2;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < cold->batch.cnt; i++) {
    if (wait && (cold->batch.msg[i].flags & TG_F_FOREIGN)) continue;
    cold->batch.msg[kept++] = cold->batch.msg[i];
  }
  if (kept > 0 && cold->ops->to_core(cold->user, cold->batch.msg, kept) != 0) {
    cold->stats.lost_to_core += kept;
    wait = true; /* told again */
  }
  cold->stats.trades += kept;
  if (wait) {
    trades_again(cold, t, call->instr_idx);
  } else if (cnt >= TRADES_LIMIT) {
    t->from_id = last_id + 1;
    t->next_ns = cold->now_ns;
  } else {
    t->due = false;
  }
}

static void trades_ask(tg_bn_cold_t *cold, bn_trades_t *t, uint16_t instr_idx) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_USER_TRADES, trades_done);
  if (!call) {
    t->next_ns = cold->now_ns + RETRY_NS;
    return;
  }
  call->instr_idx = instr_idx;
  tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
  const tg_sym_t *sym = tg_symtab_instr(&cold->symtab, instr_idx);
  if (sym) tg_bn_req_text(&req, "symbol", sym->name, sym->name_len);
  if (t->from_id)
    tg_bn_req_int(&req, "fromId", (int64_t)t->from_id);
  else
    tg_bn_req_int(&req, "startTime", cold->user_since_ms);
  tg_bn_req_int(&req, "limit", TRADES_LIMIT);
  t->busy = bn_call_send(cold, call, &req, 0) == 0;
  if (!t->busy) t->next_ns = cold->now_ns + RETRY_NS; /* a pause of the venue: no try is counted */
}

void bn_trades_turn(tg_bn_cold_t *cold) {
  for (size_t i = 0; i < cold->want_cnt; i++) {
    bn_trades_t *t = &cold->trades[cold->want[i].instr_idx];
    if (t->due && !t->busy && cold->now_ns >= t->next_ns) trades_ask(cold, t, cold->want[i].instr_idx);
  }
}

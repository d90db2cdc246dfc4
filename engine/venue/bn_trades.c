/* bn_trades.c - executions that no session told (userTrades; venue page section 13: private socket first, then REST from the
 * last id, dedupe on trade id).
 *
 * Catch-up, at a start over a former run and after each new user session: what is behind the last one seen is given to the core
 * as EX_FILL with TG_F_SNAPSHOT. What a stranger did on the account between two runs is not told: the first account snapshot
 * shows the difference, and a person decides.
 *
 * Comparison, each sync.trades_period_ms while the user session is up: an execution that an answer names and nobody told us is
 * looked at again after sync.trades_grace_ms; still unseen it is lost: EX_FILL with TG_F_SNAPSHOT | TG_F_LOST. */
#include <stdio.h>
#include <string.h>

#include "engine/venue/bn_cold_int.h"

enum { TRADES_LIMIT = 1000, TRIES = 8, NAMES = 16, WEIGHT = 5, WEIGHT_PCT_MAX = 80 };
#define RETRY_NS (250 * (uint64_t)TG_NS_PER_MS)
#define HELD_NS ((uint64_t)TG_NS_PER_S)

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

void tg_bn_cold_know_order(tg_bn_cold_t *cold, int64_t order_id, uint64_t client_id) {
  bn_id_t *slot = id_slot(cold, order_id);
  if (order_id > 0 && client_id != 0 && slot->order_id == 0) *slot = (bn_id_t){order_id, client_id};
}

/* --- executions told in full --- */

static uint64_t seen_key(uint16_t instr_idx, uint64_t trade_id) {
  return trade_id ^ ((uint64_t)(instr_idx + 1u) << 54);
}

static uint64_t *seen_slot(tg_bn_cold_t *cold, uint64_t key) {
  return &cold->seen[key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - BN_SEEN_BITS)];
}

static bool seen(tg_bn_cold_t *cold, uint16_t instr_idx, uint64_t trade_id) {
  uint64_t key = seen_key(instr_idx, trade_id);
  return *seen_slot(cold, key) == key;
}

static void seen_note(tg_bn_cold_t *cold, uint16_t instr_idx, uint64_t trade_id) {
  uint64_t key = seen_key(instr_idx, trade_id);
  *seen_slot(cold, key) = key;
}

static void fill_note(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  if (msg->instr_idx >= TG_INSTR_MAX || (msg->flags & TG_F_LITE)) return; /* LITE: a commission is still owed */
  bn_trades_t *t = &cold->trades[msg->instr_idx];
  if (msg->u.ex_fill.trade_id > t->last_id) t->last_id = msg->u.ex_fill.trade_id;
  seen_note(cold, msg->instr_idx, msg->u.ex_fill.trade_id);
}

void bn_trades_note(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_EX_ORDER:
      id_note(cold, msg, msg->u.ex_order.order_id, msg->u.ex_order.client_id);
      break;
    case TG_EX_ANSWER:
      id_note(cold, msg, msg->u.ex_answer.order_id, msg->u.ex_answer.client_id);
      break;
    case TG_RESTORE_ORDER:
    case TG_ACC_ORDER:
      id_note(cold, msg, msg->u.acc_order.order_id, msg->u.acc_order.client_id);
      break;
    case TG_RESTORE_TRADES:
      for (unsigned i = 0; i < TG_RESTORE_TRADES_MAX && msg->instr_idx < TG_INSTR_MAX && !(msg->flags & TG_F_LITE); i++)
        seen_note(cold, msg->instr_idx, msg->u.restore_trades.trade_id[i]);
      break;
    case TG_EX_FILL:
      fill_note(cold, msg);
      break;
    default:
      break;
  }
}

/* --- what is to be asked for --- */

void tg_bn_cold_booked(tg_bn_cold_t *cold, uint16_t instr_idx, const tg_bn_booked_t *booked) {
  if (instr_idx >= TG_INSTR_MAX) return;
  bn_trades_t *t = &cold->trades[instr_idx];
  t->last_id = booked->last_id;
  t->from_id = booked->from_id;
  t->since_ms = booked->since_ms;
  t->compare_id = booked->compare_id;
  t->due = t->catching_up = true;
  t->tries = 0;
  t->next_ns = 0;
}

bool tg_bn_cold_catching_up(const tg_bn_cold_t *cold) {
  for (size_t i = 0; i < cold->want_cnt; i++) {
    if (cold->trades[cold->want[i].instr_idx].catching_up) return true;
  }
  return false;
}

void bn_trades_gap(tg_bn_cold_t *cold) {
  bool first = !cold->user_was_up;
  int64_t now_ms = (int64_t)bn_venue_ms(cold);
  cold->user_was_up = true;
  for (size_t i = 0; i < cold->want_cnt; i++) {
    bn_trades_t *t = &cold->trades[cold->want[i].instr_idx];
    t->compare_next_ns = cold->now_ns + (uint64_t)cold->conf->sync_trades_period_ms * (uint64_t)TG_NS_PER_MS;
    if (t->since_ms == 0) t->since_ms = now_ms;
    /* the first session of a first run: what was before lies in the first account snapshot */
    if (first && t->last_id == 0 && t->since_ms == now_ms) continue;
    if (!t->due) t->from_id = t->last_id ? t->last_id + 1 : 0; /* a hole under way reaches farther back already */
    t->again = t->busy;
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

/* --- answers --- */

typedef struct names {
  tg_bn_cold_t *cold;
  uint32_t unknown;
} names_t;

static uint64_t client_of(void *user, uint16_t instr_idx, int64_t order_id) {
  names_t *names = user;
  (void)instr_idx;
  const bn_id_t *id = id_slot(names->cold, order_id);
  if (id->order_id == order_id) return id->client_id; /* 0: known to be a stranger's */
  names->unknown++;
  return 0;
}

/* An execution whose order nobody has named yet; its client_id is the order's number then. */
static bool nameless(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  int64_t order_id = (int64_t)msg->u.ex_fill.client_id;
  return (msg->flags & TG_F_FOREIGN) && id_slot(cold, order_id)->order_id != order_id;
}

static void name_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bn_trades_t *t = &cold->trades[call->instr_idx];
  char body[4096];
  t->naming--;
  int n = answer->err || answer->status != 200
              ? -1
              : snprintf(body, sizeof body, "[%.*s]", (int)answer->body_len, (const char *)answer->body);
  tg_bn_acc_t acc;
  memset(&acc, 0, sizeof acc);
  acc.tab = &cold->symtab;
  cold->batch.cnt = 0;
  if (n <= 0 || (size_t)n >= sizeof body || tg_bn_rest_open_orders(&acc, body, (size_t)n, cold->now_ns, &cold->batch) < 0 ||
      cold->batch.cnt != 1)
    return; /* it stays nameless: looked at again later */
  const tg_msg_t *msg = &cold->batch.msg[0];
  uint64_t client_id = msg->flags & TG_F_FOREIGN ? 0 : msg->u.acc_order.client_id;
  *id_slot(cold, msg->u.acc_order.order_id) = (bn_id_t){msg->u.acc_order.order_id, client_id};
  if (t->naming == 0 && t->due) t->next_ns = cold->now_ns;
}

/* Orders that this run never heard of: one that a crash cut off between sending and writing down, or a stranger's. */
static void names_ask(tg_bn_cold_t *cold, bn_trades_t *t, uint16_t instr_idx) {
  int64_t asked = 0;
  for (uint32_t i = 0; i < cold->batch.cnt && t->naming < NAMES; i++) {
    char target[BN_TARGET_BYTES];
    tg_bn_req_t req;
    int64_t order_id = (int64_t)cold->batch.msg[i].u.ex_fill.client_id;
    if (!nameless(cold, &cold->batch.msg[i]) || order_id == asked) continue;
    bn_call_t *call = bn_call_new(cold, TG_BN_EP_ORDER_QUERY, name_done);
    if (!call) return;
    asked = order_id;
    call->instr_idx = instr_idx;
    tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
    const tg_sym_t *sym = tg_symtab_instr(&cold->symtab, instr_idx);
    if (sym) tg_bn_req_text(&req, "symbol", sym->name, sym->name_len);
    tg_bn_req_int(&req, "orderId", order_id);
    if (bn_call_send(cold, call, &req, 0) == 0) t->naming++;
  }
}

/* Rows of an answer in cold->batch; their number, or the error (told). */
static int trades_read(tg_bn_cold_t *cold, const tg_http_answer_t *answer, names_t *names, uint64_t *last_id) {
  int cnt = -TG_EPROTO;
  *names = (names_t){cold, 0};
  *last_id = 0;
  cold->batch.cnt = 0;
  if (!answer->err && answer->status == 200)
    cnt = tg_bn_rest_user_trades(&cold->symtab, (const char *)answer->body, answer->body_len, cold->now_ns, client_of, names,
                                 &cold->batch, last_id);
  if (cnt >= 0) return cnt;
  cold->stats.errors++;
  tg_log_warn("userTrades: %s (HTTP %d)", tg_err_text(answer->err ? answer->err : cnt), answer->status);
  return cnt;
}

static bool trades_tell(tg_bn_cold_t *cold, uint32_t kept) {
  if (kept == 0) return true;
  cold->stats.trades += kept;
  if (cold->ops->to_core(cold->user, cold->batch.msg, kept) == 0) return true;
  cold->stats.lost_to_core += kept;
  return false;
}

/* A stranger's execution between two runs. */
static void strange(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  if (seen(cold, msg->instr_idx, msg->u.ex_fill.trade_id)) return;
  seen_note(cold, msg->instr_idx, msg->u.ex_fill.trade_id);
  cold->stats.foreign_trades++;
  tg_log_warn("while we were away a stranger traded on the account: trade %llu, %s %lld lots: not ours, account truth decides",
              (unsigned long long)msg->u.ex_fill.trade_id, msg->flags & TG_F_ASK ? "sold" : "bought",
              (long long)msg->u.ex_fill.qty_lots);
}

static void catch_up_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bn_trades_t *t = &cold->trades[call->instr_idx];
  names_t names;
  uint64_t last_id;
  t->busy = false;
  int cnt = trades_read(cold, answer, &names, &last_id);
  if (cnt < 0) {
    trades_again(cold, t, call->instr_idx);
    if (!t->due) t->catching_up = false; /* given up: account truth will show a difference */
    return;
  }
  /* an order whose acknowledgement was lost has no number here until somebody named it: wait for it, and tell nothing behind
   * it, so that what a crash cuts off lies behind everything that was booked */
  bool wait = names.unknown > 0 && t->tries + 1 < TRIES / 2;
  if (wait) names_ask(cold, t, call->instr_idx);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < cold->batch.cnt && !(wait && nameless(cold, &cold->batch.msg[i])); i++) {
    tg_msg_t *msg = &cold->batch.msg[i];
    if (t->catching_up && (msg->flags & TG_F_FOREIGN)) strange(cold, msg);
    if (seen(cold, msg->instr_idx, msg->u.ex_fill.trade_id)) continue;
    cold->batch.msg[kept] = *msg;
    cold->batch.msg[kept++].flags |= TG_F_SNAPSHOT;
  }
  if (!trades_tell(cold, kept)) wait = true; /* told again */
  if (!wait && cnt < TRADES_LIMIT) t->catching_up = false;
  if (wait) {
    trades_again(cold, t, call->instr_idx);
  } else if (cnt >= TRADES_LIMIT) {
    t->from_id = last_id + 1;
    t->next_ns = cold->now_ns;
  } else {
    t->due = t->again;
    t->next_ns = cold->now_ns;
    if (last_id) t->from_id = last_id + 1;
  }
}

/* Executions of the answer that nobody told us, up to `top`, moved to the front of cold->batch; their number. */
static uint32_t unseen(tg_bn_cold_t *cold, uint64_t top) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < cold->batch.cnt; i++) {
    const tg_msg_t *msg = &cold->batch.msg[i];
    if (msg->u.ex_fill.trade_id > top || seen(cold, msg->instr_idx, msg->u.ex_fill.trade_id)) continue;
    cold->batch.msg[kept] = *msg;
    cold->batch.msg[kept++].flags |= TG_F_SNAPSHOT | TG_F_LOST;
  }
  return kept;
}

static void compare_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bn_trades_t *t = &cold->trades[call->instr_idx];
  uint64_t grace_ns = (uint64_t)cold->conf->sync_trades_grace_ms * (uint64_t)TG_NS_PER_MS;
  uint64_t period_ns = (uint64_t)cold->conf->sync_trades_period_ms * (uint64_t)TG_NS_PER_MS;
  names_t names;
  uint64_t last_id;
  t->busy = false;
  t->compare_next_ns = cold->now_ns + period_ns;
  int cnt = trades_read(cold, answer, &names, &last_id);
  if (cnt < 0 || t->due) return; /* a session came between: its own catch-up tells */
  cold->stats.compares++;
  uint64_t top = t->unseen_since_ns ? t->unseen_top : last_id;
  uint32_t kept = unseen(cold, top);
  if (kept > 0 && t->unseen_since_ns == 0) { /* young ones may be on their way */
    names_ask(cold, t, call->instr_idx);
    t->unseen_since_ns = cold->now_ns;
    t->unseen_top = last_id;
    t->compare_next_ns = cold->now_ns + bn_doubt_grace_ns(cold, t, grace_ns);
    return;
  }
  if (kept > 0) {
    tg_log_error("%u execution(s) of instrument %u were told by no stream: lost fills, given to the core", (unsigned)kept,
                 (unsigned)call->instr_idx);
    if (!trades_tell(cold, kept)) return; /* looked at again */
    cold->stats.lost_fills += kept;
  }
  t->unseen_since_ns = 0;
  if (top > t->compare_id) t->compare_id = top;
  if (cnt >= TRADES_LIMIT || last_id > top)
    t->compare_next_ns = cold->now_ns; /* there is more */
  else
    t->looked = answer->sent_ns >= cold->look_ns;
}

/* --- asking --- */

static void trades_ask(tg_bn_cold_t *cold, bn_trades_t *t, uint16_t instr_idx, uint64_t from_id, bn_done_t done) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_USER_TRADES, done);
  uint64_t *next_ns = done == compare_done ? &t->compare_next_ns : &t->next_ns;
  *next_ns = cold->now_ns + RETRY_NS; /* should it not leave: no try is counted */
  if (!call) return;
  call->instr_idx = instr_idx;
  tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
  const tg_sym_t *sym = tg_symtab_instr(&cold->symtab, instr_idx);
  if (sym) tg_bn_req_text(&req, "symbol", sym->name, sym->name_len);
  if (from_id)
    tg_bn_req_int(&req, "fromId", (int64_t)from_id);
  else
    tg_bn_req_int(&req, "startTime", t->since_ms);
  tg_bn_req_int(&req, "limit", TRADES_LIMIT);
  t->busy = bn_call_send(cold, call, &req, cold->look_ns ? BN_URGENT : 0) == 0;
}

/* Comparing is worth nothing when it takes the weight that orders and truth need. */
static bool weight_left(const tg_bn_cold_t *cold) {
  const tg_rate_t *rate = &cold->rate;
  return rate->weight_1m_limit == 0 ||
         (uint64_t)(rate->weight_1m_used + WEIGHT) * 100 <= (uint64_t)rate->weight_1m_limit * WEIGHT_PCT_MAX;
}

static void compare_turn(tg_bn_cold_t *cold, bn_trades_t *t, uint16_t instr_idx) {
  bool up = false;
  for (int i = 0; i < TG_BN_SESSIONS; i++) up = up || (cold->sup[i].id == TG_SESSION_USER && cold->sup[i].up);
  if (!up || cold->conf->sync_trades_period_ms == 0 || cold->now_ns < t->compare_next_ns) return;
  if (!weight_left(cold) && cold->look_ns == 0) { /* the end of a run is worth its weight */
    cold->stats.compares_held++;
    t->compare_next_ns = cold->now_ns + HELD_NS;
    return;
  }
  trades_ask(cold, t, instr_idx, t->compare_id ? t->compare_id + 1 : 0, compare_done);
}

void bn_trades_turn(tg_bn_cold_t *cold) {
  for (size_t i = 0; i < cold->want_cnt; i++) {
    uint16_t instr_idx = cold->want[i].instr_idx;
    bn_trades_t *t = &cold->trades[instr_idx];
    if (t->busy) continue;
    if (t->due && cold->now_ns >= t->next_ns) {
      t->again = false;
      trades_ask(cold, t, instr_idx, t->from_id, catch_up_done);
    }
    if (!t->due && !t->busy) compare_turn(cold, t, instr_idx);
  }
}

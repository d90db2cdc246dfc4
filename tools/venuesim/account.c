/* account.c - the account under test: position, wallet, margin, income, and the closing report.
 * What:   one-way position Q with cost C; the arithmetic is the contract with the engine (docs/venuesim.md, "Money").
 * Errors: none of the arithmetic can fail; vs_report_write returns -1 with one line printed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"

static int64_t absolute(int64_t x) {
  return x < 0 ? -x : x;
}

void vs_acct_income(vs_venue *v, int type, int64_t amount, int64_t trade_id) {
  vs_income *in = &v->income[v->income_cnt % VS_INCOME_CNT];
  in->id = 7700000000 + v->income_cnt;
  in->type = type;
  in->amount = amount;
  in->trade_id = trade_id;
  in->time = vs_now_ms();
  v->income_cnt++;
}

/* Reduces the position by q at px; returns the realised profit. */
static int64_t reduce(vs_account *a, int64_t px, int64_t q) {
  int64_t size = absolute(a->pos_qty);
  int64_t released = vs_round_div((vs_i128)a->pos_cost * q, size);
  int64_t fees = vs_round_div((vs_i128)a->pos_fees * q, size);
  int64_t value = vs_mul(px, q);
  int64_t rp = a->pos_qty > 0 ? value - released : released - value;
  a->pos_cost -= released;
  a->pos_fees -= fees;
  a->pos_qty += a->pos_qty > 0 ? -q : q;
  return rp;
}

void vs_acct_fill(vs_venue *v, int side, int64_t px, int64_t qty, bool maker, int64_t *rp, int64_t *commission) {
  vs_account *a = &v->acct;
  int64_t signed_qty = side == VS_BUY ? qty : -qty;
  int64_t fee_rate = maker ? VS_RATE_MAKER : VS_RATE_TAKER;
  *commission = vs_round_div((vs_i128)px * qty * fee_rate, (vs_i128)VS_E8 * VS_E8); /* rounded once */
  int64_t closing = 0;
  if (a->pos_qty != 0 && (a->pos_qty > 0) != (signed_qty > 0)) {
    closing = qty < absolute(a->pos_qty) ? qty : absolute(a->pos_qty);
  }
  int64_t opening = qty - closing;
  *rp = closing > 0 ? reduce(a, px, closing) : 0;
  if (opening > 0) {
    a->pos_qty += side == VS_BUY ? opening : -opening;
    a->pos_cost += vs_mul(px, opening);
    a->pos_fees += vs_round_div((vs_i128)*commission * opening, qty);
  }
  a->realised += *rp;
  a->commission += *commission;
  a->wallet += *rp - *commission;
  a->pos_t = a->wallet_t = vs_now_ms();
  a->fills++;
}

void vs_acct_fund(vs_venue *v) {
  vs_account *a = &v->acct;
  if (a->pos_qty == 0) {
    return;
  }
  vs_i128 exact = (vs_i128)a->pos_qty * v->feed.mark; /* 1e-16 */
  vs_i128 unit = (vs_i128)VS_E8 * VS_E8;
  /* exact * rate is 1e-24 and fits 127 bits for |Q*mark| < 1e15 USDT */
  int64_t amount = vs_round_div(-exact * v->feed.rate, unit);
  a->funding += amount;
  a->wallet += amount;
  a->wallet_t = vs_now_ms();
  vs_acct_income(v, VS_INC_FUNDING, amount, 0);
  vs_user_account(v, true);
  vs_user_flush(v);
}

int64_t vs_acct_entry(const vs_venue *v) {
  const vs_account *a = &v->acct;
  return a->pos_qty == 0 ? 0 : vs_round_div((vs_i128)a->pos_cost * VS_E8, absolute(a->pos_qty));
}

int64_t vs_acct_breakeven(const vs_venue *v) {
  const vs_account *a = &v->acct;
  if (a->pos_qty == 0) {
    return 0;
  }
  int64_t cost = a->pos_qty > 0 ? a->pos_cost + a->pos_fees : a->pos_cost - a->pos_fees;
  return vs_round_div((vs_i128)cost * VS_E8, absolute(a->pos_qty));
}

int64_t vs_acct_upnl(const vs_venue *v) {
  const vs_account *a = &v->acct;
  int64_t value = vs_mul(v->feed.mark, absolute(a->pos_qty));
  return a->pos_qty >= 0 ? value - a->pos_cost : a->pos_cost - value;
}

int64_t vs_acct_open_notional(const vs_venue *v, int side) {
  int64_t sum = 0;
  for (int k = 0; k < v->open_cnt; k++) {
    const vs_order *o = &v->order[v->open[k]];
    if (o->side == side && !o->reduce_only) {
      sum += vs_mul(o->px, o->qty - o->exec);
    }
  }
  return sum;
}

int64_t vs_acct_max_notional(int leverage) {
  static const struct {
    int leverage;
    int64_t cap;
  } bracket[] = {{125, 300000},   {100, 800000},  {75, 3000000},  {50, 12000000}, {25, 70000000},  {20, 100000000},
                 {10, 230000000}, {5, 480000000}, {4, 600000000}, {3, 800000000}, {2, 1200000000}, {1, 1800000000}};
  int64_t cap = bracket[0].cap;
  for (size_t k = 0; k < sizeof bracket / sizeof bracket[0]; k++) {
    if (leverage <= bracket[k].leverage) {
      cap = bracket[k].cap;
    }
  }
  return cap * VS_E8;
}

int64_t vs_acct_margin(const vs_venue *v, int side, int64_t notional) {
  const vs_account *a = &v->acct;
  int64_t pos = a->pos_qty >= 0 ? vs_mul(v->feed.mark, a->pos_qty) : -vs_mul(v->feed.mark, -a->pos_qty);
  int64_t bid = pos + vs_acct_open_notional(v, VS_BUY) + (side == VS_BUY ? notional : 0);
  int64_t ask = -pos + vs_acct_open_notional(v, VS_SELL) + (side == VS_SELL ? notional : 0);
  int64_t worst = absolute(bid) > absolute(ask) ? absolute(bid) : absolute(ask);
  return vs_round_div(worst, a->leverage);
}

void vs_acct_reject(vs_venue *v, int code) {
  vs_account *a = &v->acct;
  for (int k = 0; k < a->rejected_cnt; k++) {
    if (a->rejected[k].code == code) {
      a->rejected[k].cnt++;
      return;
    }
  }
  if (a->rejected_cnt < (int)(sizeof a->rejected / sizeof a->rejected[0])) {
    a->rejected[a->rejected_cnt].code = code;
    a->rejected[a->rejected_cnt].cnt = 1;
    a->rejected_cnt++;
  }
}

/* Keys in byte order, no spaces: two runs with the same outcome give the same bytes. */
static void report_json(vs_venue *v, vs_buf *b) {
  const vs_account *a = &v->acct;
  vs_buf_f(b, "{\"auth_failures\":%lld,", (long long)v->auth_failures);
  vs_fault_json_bans(v, b);
  vs_fault_json_treated(v, b);
  vs_buf_f(b, "\"clients_dropped\":%lld,\"commission\":\"%s\",\"entry_price\":\"%s\",", (long long)v->clients_dropped,
           vs_d(a->commission, 8), vs_d(vs_acct_entry(v), 8));
  vs_fault_json_events(v, b);
  vs_buf_f(b, "\"fills\":%lld,", (long long)a->fills);
  vs_buf_f(b,
           "\"frames_sent\":%lld,\"funding\":\"%s\",\"listen_keys_kept\":%lld,\"max_client_backlog_bytes\":%zu,\"net_pnl\":\"%"
           "s\",\"open_order_ids\":[",
           (long long)v->frames_sent, vs_d(a->funding, 8), (long long)v->listen_key_kept, v->backlog_max,
           vs_d(a->realised - a->commission + a->funding, 8));
  for (int k = 0; k < v->open_cnt; k++) {
    vs_buf_s(b, k > 0 ? "," : "");
    vs_buf_json(b, v->order[v->open[k]].cid);
  }
  vs_buf_f(
      b, "],\"open_orders\":%d,\"orders_amended\":%lld,\"orders_cancelled\":%lld,\"orders_placed\":%lld,\"orders_rejected\":{",
      v->open_cnt, (long long)a->amended, (long long)a->cancelled, (long long)a->placed);
  for (int k = 0; k < a->rejected_cnt; k++) {
    vs_buf_f(b, "%s\"%d\":%lld", k > 0 ? "," : "", a->rejected[k].code, (long long)a->rejected[k].cnt);
  }
  vs_buf_f(b, "},\"position\":\"%s\",\"realised_pnl\":\"%s\",\"requests\":%lld,\"requests_by_class\":",
           vs_d(a->pos_qty, v->sym->qty_dec), vs_d(a->realised, 8), (long long)v->requests);
  vs_class_counts_json(v, b);
  vs_buf_f(b, ",\"symbol\":\"%s\",\"transferred\":\"%s\",\"wallet_balance\":\"%s\",\"ws_sessions\":%lld}\n", v->sym->name,
           vs_d(v->transferred, 8), vs_d(a->wallet, 8), (long long)v->ws_sessions);
}

int vs_report_write(vs_venue *v, const char *path) {
  vs_buf b;
  vs_buf_init(&b, VS_REPLY_BYTES);
  report_json(v, &b);
  char tmp[4096];
  int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
  FILE *f = n > 0 && (size_t)n < sizeof tmp ? fopen(tmp, "we") : NULL;
  bool ok = f != NULL && !b.over && fwrite(b.p, 1, b.len, f) == b.len;
  if (f != NULL && fclose(f) != 0) {
    ok = false;
  }
  ok = ok && rename(tmp, path) == 0;
  if (!ok) {
    (void)fprintf(stderr, "venuesim: cannot write the report %s: %s; give --report a writable path\n", path, strerror(errno));
  }
  vs_buf_free(&b);
  return ok ? 0 : -1;
}

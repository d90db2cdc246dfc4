/* Account snapshots: rows from messages, order, rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "engine/cold/sync.h"

static const char *const rule_name[TG_ACCT_RULE_CNT] = {"duplicate_key", "ts_regression", "negative_qty", "side_mode"};

const char *tg_acct_rule_name(tg_acct_rule_t rule) {
  return (unsigned)rule < TG_ACCT_RULE_CNT ? rule_name[rule] : "?";
}

void tg_acct_reset(tg_acct_t *acct, const char *source) {
  memset(acct, 0, sizeof *acct);
  snprintf(acct->source, sizeof acct->source, "%s", source);
}

static int add_position(tg_acct_t *acct, const char *symbol, tg_scale_t qty, const tg_ex_position_t *from) {
  if (from->position_side == TG_PSIDE_BOTH && from->qty_lots == 0) return 0; /* flat: some endpoints list every symbol */
  if (acct->position_cnt == TG_ACCT_POSITIONS) return -TG_EFULL;
  tg_acct_position_t *to = &acct->position[acct->position_cnt];
  memset(to, 0, sizeof *to);
  int64_t lots = from->qty_lots;
  to->side = from->position_side;
  if (to->side == TG_PSIDE_BOTH) to->side = lots > 0 ? TG_PSIDE_LONG : TG_PSIDE_SHORT;
  if (to->side == TG_PSIDE_SHORT) lots = -lots; /* a SHORT row is signed; told as a size it must not be negative */
  int rc = tg_scale_to_e8(lots, qty, &to->qty_e8);
  if (rc < 0) return rc;
  snprintf(to->symbol, sizeof to->symbol, "%s", symbol);
  to->entry_e8 = from->entry_e8;
  to->mark_e8 = from->mark_e8;
  to->unrealised_e8 = from->unrealised_e8;
  to->leverage = from->leverage;
  to->ts_ms = from->venue_ms;
  acct->position_cnt++;
  return 0;
}

static void client_text(const tg_msg_t *msg, char out[TG_ACCT_CLIENT_BYTES]) {
  uint64_t id = msg->u.acc_order.client_id;
  if (msg->flags & TG_F_FOREIGN) {
    snprintf(out, TG_ACCT_CLIENT_BYTES, "~%016llx", (unsigned long long)id);
    return;
  }
  tg_client_id_print(id, out);
  out[TG_CLIENT_ID_BYTES] = '\0';
}

static int add_order(tg_acct_t *acct, const char *symbol, tg_scale_t px, tg_scale_t qty, const tg_msg_t *msg) {
  const tg_acc_order_t *from = &msg->u.acc_order;
  if (acct->order_cnt == TG_ACCT_ORDERS) return -TG_EFULL;
  tg_acct_order_t *to = &acct->order[acct->order_cnt];
  memset(to, 0, sizeof *to);
  int rc = tg_scale_to_e8(from->px_ticks, px, &to->price_e8);
  if (rc == 0) rc = tg_scale_to_e8(from->qty_lots, qty, &to->qty_e8);
  if (rc == 0) rc = tg_scale_to_e8(from->cum_qty_lots, qty, &to->filled_e8);
  if (rc < 0) return rc;
  snprintf(to->symbol, sizeof to->symbol, "%s", symbol);
  client_text(msg, to->client_id);
  to->order_id = from->order_id;
  to->side = from->side;
  to->type = from->type;
  to->status = from->status;
  to->reduce_only = (from->order_flags & TG_ORDER_REDUCE_ONLY) != 0;
  to->ts_ms = (int64_t)(msg->ts_ns / (uint64_t)TG_NS_PER_MS) - from->venue_lag_ms;
  acct->order_cnt++;
  return 0;
}

static int add_balance(tg_acct_t *acct, const tg_ex_balance_t *from) {
  if (acct->balance_cnt == TG_ACCT_BALANCES) return -TG_EFULL;
  tg_acct_balance_t *to = &acct->balance[acct->balance_cnt++];
  memset(to, 0, sizeof *to);
  memcpy(to->asset, from->asset, sizeof from->asset);
  to->wallet_e8 = from->wallet_e8;
  to->available_e8 = from->available_e8;
  to->ts_ms = from->venue_ms;
  return 0;
}

int tg_acct_add(tg_acct_t *acct, const tg_acct_map_t *map, const tg_msg_t *msg) {
  if (msg->kind == TG_ACC_BALANCE) return add_balance(acct, &msg->u.acc_balance);
  if (msg->kind != TG_ACC_POSITION && msg->kind != TG_ACC_ORDER) return -TG_EINVAL;
  const char *symbol;
  tg_scale_t px, qty;
  if (!map->symbol(map->user, msg->instr_idx, &symbol, &px, &qty)) return -TG_ENOTFOUND;
  if (msg->kind == TG_ACC_ORDER) return add_order(acct, symbol, px, qty, msg);
  return add_position(acct, symbol, qty, &msg->u.acc_position);
}

/* ---- canonical order ---- */

static int by_number(int64_t a, int64_t b) {
  return (a > b) - (a < b);
}

static int by_position(const void *a, const void *b) {
  const tg_acct_position_t *x = a, *y = b;
  int by = strcmp(x->symbol, y->symbol);
  if (by == 0) by = strcmp(tg_position_side_name(x->side), tg_position_side_name(y->side));
  if (by == 0) by = by_number(x->qty_e8, y->qty_e8); /* keys may repeat in a broken snapshot: still one order */
  if (by == 0) by = by_number(x->entry_e8, y->entry_e8);
  if (by == 0) by = by_number(x->mark_e8, y->mark_e8);
  if (by == 0) by = by_number(x->unrealised_e8, y->unrealised_e8);
  if (by == 0) by = by_number(x->leverage, y->leverage);
  return by ? by : by_number(x->ts_ms, y->ts_ms);
}

static int by_order(const void *a, const void *b) {
  const tg_acct_order_t *x = a, *y = b;
  int by = strcmp(x->symbol, y->symbol);
  if (by == 0) by = by_number(x->side, y->side); /* BUY before SELL, which is also the alphabet's order */
  if (by == 0) by = strcmp(tg_order_type_name(x->type), tg_order_type_name(y->type));
  if (by == 0) by = by_number(x->price_e8, y->price_e8);
  if (by == 0) by = by_number(x->qty_e8, y->qty_e8);
  if (by == 0) by = by_number(x->order_id, y->order_id);
  if (by == 0) by = strcmp(x->client_id, y->client_id);
  if (by == 0) by = by_number(x->filled_e8, y->filled_e8);
  if (by == 0) by = by_number(x->status, y->status);
  if (by == 0) by = by_number(x->reduce_only, y->reduce_only);
  return by ? by : by_number(x->ts_ms, y->ts_ms);
}

static int by_balance(const void *a, const void *b) {
  const tg_acct_balance_t *x = a, *y = b;
  int by = strcmp(x->asset, y->asset);
  if (by == 0) by = by_number(x->wallet_e8, y->wallet_e8);
  if (by == 0) by = by_number(x->available_e8, y->available_e8);
  return by ? by : by_number(x->ts_ms, y->ts_ms);
}

void tg_acct_sort(tg_acct_t *acct) {
  qsort(acct->position, acct->position_cnt, sizeof acct->position[0], by_position);
  qsort(acct->order, acct->order_cnt, sizeof acct->order[0], by_order);
  qsort(acct->balance, acct->balance_cnt, sizeof acct->balance[0], by_balance);
  acct->ts_ms = 0;
  for (uint32_t i = 0; i < acct->position_cnt; i++) {
    if (acct->position[i].ts_ms > acct->ts_ms) acct->ts_ms = acct->position[i].ts_ms;
  }
  for (uint32_t i = 0; i < acct->order_cnt; i++) {
    if (acct->order[i].ts_ms > acct->ts_ms) acct->ts_ms = acct->order[i].ts_ms;
  }
  for (uint32_t i = 0; i < acct->balance_cnt; i++) {
    if (acct->balance[i].ts_ms > acct->ts_ms) acct->ts_ms = acct->balance[i].ts_ms;
  }
}

/* ---- rules ---- */

static uint64_t repeated_positions(const tg_acct_t *acct) {
  uint64_t cnt = 0;
  for (uint32_t i = 0; i < acct->position_cnt; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (acct->position[i].side != acct->position[j].side || strcmp(acct->position[i].symbol, acct->position[j].symbol) != 0)
        continue;
      cnt++;
      break;
    }
  }
  return cnt;
}

static int by_id(const void *a, const void *b) {
  return by_number(*(const int64_t *)a, *(const int64_t *)b);
}

static uint64_t repeated_orders(const tg_acct_t *acct) {
  int64_t id[TG_ACCT_ORDERS];
  uint64_t cnt = 0;
  for (uint32_t i = 0; i < acct->order_cnt; i++) id[i] = acct->order[i].order_id;
  qsort(id, acct->order_cnt, sizeof id[0], by_id);
  for (uint32_t i = 1; i < acct->order_cnt; i++) cnt += id[i] == id[i - 1];
  return cnt;
}

static uint64_t negatives(const tg_acct_t *acct) {
  uint64_t cnt = 0;
  for (uint32_t i = 0; i < acct->position_cnt; i++) cnt += acct->position[i].qty_e8 < 0;
  for (uint32_t i = 0; i < acct->order_cnt; i++) cnt += acct->order[i].qty_e8 < 0 || acct->order[i].filled_e8 < 0;
  return cnt;
}

int64_t tg_acct_lasting_ms(const tg_acct_t *acct) {
  int64_t ts_ms = 0;
  for (uint32_t i = 0; i < acct->position_cnt; i++) {
    if (acct->position[i].ts_ms > ts_ms) ts_ms = acct->position[i].ts_ms;
  }
  for (uint32_t i = 0; i < acct->balance_cnt; i++) {
    if (acct->balance[i].ts_ms > ts_ms) ts_ms = acct->balance[i].ts_ms;
  }
  return ts_ms;
}

/* An order of both snapshots whose time went back. */
static bool order_went_back(const tg_acct_t *acct, const tg_acct_t *last) {
  for (uint32_t i = 0; i < acct->order_cnt; i++) {
    for (uint32_t j = 0; j < last->order_cnt; j++) {
      if (acct->order[i].order_id == last->order[j].order_id && acct->order[i].ts_ms < last->order[j].ts_ms) return true;
    }
  }
  return false;
}

uint32_t tg_acct_check(const tg_acct_t *acct, const tg_acct_t *last, bool dual_side, bool want_dual_side,
                       uint64_t count[TG_ACCT_RULE_CNT]) {
  int64_t lasting_ms = tg_acct_lasting_ms(acct);
  bool older = last && lasting_ms != 0 && lasting_ms < tg_acct_lasting_ms(last);
  count[TG_ACCT_DUPLICATE_KEY] = repeated_positions(acct) + repeated_orders(acct);
  count[TG_ACCT_TS_REGRESSION] = older || (last && order_went_back(acct, last));
  count[TG_ACCT_NEGATIVE_QTY] = negatives(acct);
  count[TG_ACCT_SIDE_MODE] = dual_side != want_dual_side;
  uint32_t bits = 0;
  for (unsigned rule = 0; rule < TG_ACCT_RULE_CNT; rule++) bits |= (uint32_t)(count[rule] > 0) << rule;
  return bits;
}

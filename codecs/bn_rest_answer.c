#include <string.h>

#include "codecs/bn_rest.h"
#include "codecs/client_id.h"
#include "codecs/fields.h"
#include "codecs/text.h"
#include "codecs/words.h"

/* --- small bodies --- */

int tg_bn_rest_error(const char *json, size_t len, int32_t *code, tg_json_slice_t *text) {
  tg_json_t cur;
  tg_json_slice_t raw;
  tg_fields_t f;
  int64_t value = 0;
  int err = 0;
  tg_json_init(&cur, json, len);
  if (!tg_json_raw(&cur, &raw) || tg_json_end(&cur)) return -TG_ESYNTAX;
  if (raw.p[0] != '{') return 0;
  if (tg_fields_of(&f, raw)) return -TG_ESYNTAX;
  if (!tg_field_has(&f, TG_FIELD_CODE)) return 0;
  tg_field_int(&f, TG_FIELD_CODE, &value, &err); /* an ack's code may be text: "200" */
  if (err || value < INT16_MIN || value > INT16_MAX) return -TG_ESYNTAX;
  if (value >= 0) return 0;
  *code = (int32_t)value;
  if (text) *text = tg_field_text(&f, TG_FIELD_MSG);
  return 1;
}

tg_verdict_t tg_bn_rest_verdict(tg_request_t request, tg_wire_t wire, uint16_t http_status, const char *body, size_t len,
                                int32_t *code) {
  int32_t value = 0;
  if (wire == TG_WIRE_ANSWER) {
    int found = tg_bn_rest_error(body, len, &value, NULL);
    if (found != 1) value = http_status == 503 ? tg_bn_503_code(body, len) : 0;
    /* success needs a body that is whole */
    if (found < 0 && http_status >= 200 && http_status < 300) wire = TG_WIRE_LOST;
  }
  if (code) *code = value;
  return tg_outcome(request, wire, http_status, value);
}

/* Walks the members of the one object that is the body. */
typedef bool (*tg_member_fn_t)(void *user, tg_json_slice_t key, tg_json_t *json);

static int walk_object(const char *text, size_t len, tg_member_fn_t fn, void *user) {
  tg_json_t json;
  tg_json_slice_t key;
  tg_json_init(&json, text, len);
  if (!tg_json_obj_begin(&json)) return json.err;
  while (tg_json_obj_next(&json, &key)) {
    if (!fn(user, key, &json)) return json.err ? json.err : -TG_ESYNTAX;
  }
  return tg_json_end(&json);
}

typedef struct tg_one {
  const char *name;
  tg_json_slice_t raw; /* len 0: not seen */
} tg_one_t;

static bool take_one(void *user, tg_json_slice_t key, tg_json_t *json) {
  tg_one_t *one = user;
  return tg_json_is(key, one->name) ? tg_json_raw(json, &one->raw) : tg_json_skip(json);
}

/* The raw value of one member. */
static int member(const char *json, size_t len, const char *name, tg_json_slice_t *out) {
  tg_one_t one = {name, {NULL, 0}};
  int err = walk_object(json, len, take_one, &one);
  if (err) return err;
  if (one.raw.len == 0) return -TG_ENOTFOUND;
  *out = one.raw;
  return 0;
}

int tg_bn_rest_time(const char *json, size_t len, int64_t *out_ms) {
  tg_json_slice_t raw;
  int err = member(json, len, "serverTime", &raw);
  return err ? err : tg_json_raw_i64(raw, out_ms);
}

int tg_bn_rest_listen_key(const char *json, size_t len, tg_json_slice_t *out) {
  tg_json_slice_t raw;
  int err = member(json, len, "listenKey", &raw);
  if (err) return err;
  tg_json_slice_t text = tg_json_raw_text(raw);
  if (text.len == 0) return -TG_ESYNTAX;
  *out = text;
  return 0;
}

int tg_bn_rest_dual(const char *json, size_t len, bool *out) {
  tg_json_slice_t raw;
  int err = member(json, len, "dualSidePosition", &raw);
  if (err) return err;
  tg_json_slice_t text = raw.p[0] == '"' ? tg_json_raw_text(raw) : raw;
  bool yes = tg_json_is(text, "true");
  if (!yes && !tg_json_is(text, "false")) return -TG_ESYNTAX;
  *out = yes;
  return 0;
}

int tg_bn_rest_commission(const char *json, size_t len, int64_t *maker_e8, int64_t *taker_e8) {
  tg_json_slice_t maker, taker;
  int64_t m = 0, t = 0;
  int err = member(json, len, "makerCommissionRate", &maker);
  if (!err) err = member(json, len, "takerCommissionRate", &taker);
  if (!err) err = tg_json_raw_dec(maker, 8, &m);
  if (!err) err = tg_json_raw_dec(taker, 8, &t);
  if (err) return err;
  *maker_e8 = m;
  *taker_e8 = t;
  return 0;
}

/* Header names compare without case. */
static bool header_is(const char *name, size_t len, const char *lower) {
  if (strlen(lower) != len) return false;
  for (size_t i = 0; i < len; i++) {
    char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool tg_bn_rest_header(const char *name, size_t name_len, const char *value, size_t value_len, uint64_t recv_ns,
                       tg_rate_t *rate) {
  uint64_t number = 0;
  if (tg_json_raw_u64((tg_json_slice_t){value, value_len}, &number) || number > UINT32_MAX) return false;
  if (header_is(name, name_len, "x-mbx-used-weight-1m")) {
    rate->weight_1m_used = (uint32_t)number;
  } else if (header_is(name, name_len, "x-mbx-order-count-10s")) {
    rate->orders_10s_used = (uint32_t)number;
  } else if (header_is(name, name_len, "x-mbx-order-count-1m")) {
    rate->orders_1m_used = (uint32_t)number;
  } else if (header_is(name, name_len, "retry-after")) {
    rate->pause_until_ns = recv_ns + number * (uint64_t)TG_NS_PER_S;
  } else {
    return false;
  }
  return true;
}

/* --- account snapshot --- */

/* Members of a row that the decoders read; which ones a row has depends on the endpoint. */
typedef enum tg_row_field {
#define N(slot, text) ROW_##slot,
#include "codecs/bn_rows.def"
#undef N
  ROW_CNT
} tg_row_field_t;

typedef struct tg_row {
  tg_json_slice_t raw[ROW_CNT]; /* len 0: not there */
} tg_row_t;

static int read_row(tg_json_t *json, tg_row_t *row) {
  static const struct {
    const char *text;
    size_t len;
  } NAMES[] = {
#define N(slot, text) {text, sizeof(text) - 1},
#include "codecs/bn_rows.def"
#undef N
  };
  tg_json_slice_t key;
  memset(row, 0, sizeof *row);
  if (!tg_json_obj_begin(json)) return json->err;
  while (tg_json_obj_next(json, &key)) {
    tg_json_slice_t raw;
    if (!tg_json_raw(json, &raw)) return json->err;
    for (size_t i = 0; i < ROW_CNT; i++) {
      if (NAMES[i].len == key.len && memcmp(NAMES[i].text, key.p, key.len) == 0) row->raw[i] = raw;
    }
  }
  return json->err;
}

static tg_json_slice_t row_text(const tg_row_t *row, tg_row_field_t field) {
  return row->raw[field].len ? tg_json_raw_text(row->raw[field]) : (tg_json_slice_t){"", 0};
}

static bool row_true(const tg_row_t *row, tg_row_field_t field) {
  tg_json_slice_t raw = row->raw[field];
  if (raw.len == 0) return false;
  return raw.p[0] == 't' || (raw.len > 1 && raw.p[0] == '"' && raw.p[1] == 't');
}

/* An absent value is 0. */
static void row_dec(const tg_row_t *row, tg_row_field_t field, int64_t *out, int *err) {
  if (!*err && row_text(row, field).len) *err = tg_json_raw_dec(row->raw[field], 8, out);
}
static void row_scaled(const tg_row_t *row, tg_row_field_t field, tg_scale_t scale, int64_t *out, int *err) {
  if (*err) return;
  *err = row->raw[field].len ? tg_json_raw_scaled(row->raw[field], scale, out) : -TG_ESYNTAX;
}
static void row_int(const tg_row_t *row, tg_row_field_t field, int64_t *out, int *err) {
  if (!*err && row->raw[field].len) *err = tg_json_raw_i64(row->raw[field], out);
}
/* Average prices and amounts in quotient form are cut to 8 decimals, counted. */
static void row_average(tg_bn_acc_t *acc, const tg_row_t *row, tg_row_field_t field, int64_t *out, int *err) {
  int64_t value = 0;
  int now = 0;
  row_dec(row, field, &value, &now);
  if (now == -TG_ERANGE) {
    tg_json_slice_t text = row_text(row, field);
    size_t point = 0;
    while (point < text.len && text.p[point] != '.') point++;
    if (text.len > point + 9) {
      now = tg_dec_parse_slow(text.p, point + 9, 8, &value);
      acc->cut_cnt++;
    }
  }
  if (*err) return;
  *err = now;
  if (!now) *out = value;
}

typedef int (*tg_row_fn_t)(tg_bn_acc_t *acc, const tg_row_t *row, uint64_t ts_ns, tg_msg_batch_t *out);

/* An array of rows, or one row alone. Restores batch and head on error. */
static int rows(tg_bn_acc_t *acc, const char *text, size_t len, uint64_t ts_ns, tg_msg_batch_t *out, tg_row_fn_t fn) {
  uint32_t from = out->cnt;
  tg_bn_acc_t before = *acc;
  tg_json_t json;
  tg_row_t row;
  int err = 0;
  tg_json_init(&json, text, len);
  if (tg_json_peek(&json) == '{') {
    err = read_row(&json, &row);
    if (!err) err = fn(acc, &row, ts_ns, out);
  } else if (tg_json_arr_begin(&json)) {
    while (!err && tg_json_arr_next(&json)) {
      err = read_row(&json, &row);
      if (!err) err = fn(acc, &row, ts_ns, out);
    }
  }
  if (!err) err = json.err ? json.err : tg_json_end(&json);
  if (!err) return (int)(out->cnt - from);
  out->cnt = from;
  *acc = before;
  return err;
}

static const tg_sym_t *row_symbol(tg_bn_acc_t *acc, const tg_row_t *row) {
  tg_json_slice_t name = row_text(row, ROW_SYMBOL);
  const tg_sym_t *sym = tg_symtab_find(acc->tab, name.p, name.len);
  return sym;
}

static void newest(tg_bn_acc_t *acc, int64_t ms) {
  if (ms > acc->head.venue_ms) acc->head.venue_ms = ms;
}

/* True when the decimal is zero or absent. */
static bool is_zero(tg_json_slice_t text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.p[i] >= '1' && text.p[i] <= '9') return false;
  }
  return true;
}

static int position_row(tg_bn_acc_t *acc, const tg_row_t *row, uint64_t ts_ns, tg_msg_batch_t *out) {
  const tg_sym_t *sym = row_symbol(acc, row);
  int err = 0;
  if (row_text(row, ROW_SYMBOL).len == 0) return -TG_ESYNTAX;
  if (!sym && is_zero(row_text(row, ROW_POSITION_AMT))) return 0; /* v2 lists every symbol of the venue */
  tg_msg_t *msg = tg_msg_next(out, TG_ACC_POSITION, sym ? sym->instr_idx : TG_INSTR_NONE, ts_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_position_t *position = &msg->u.acc_position;
  int64_t leverage = 0;
  if (sym) {
    row_scaled(row, ROW_POSITION_AMT, sym->qty, &position->qty_lots, &err);
  } else {
    acc->unknown_symbol_cnt++;
  }
  row_average(acc, row, ROW_ENTRY_PRICE, &position->entry_e8, &err);
  row_average(acc, row, ROW_MARK_PRICE, &position->mark_e8, &err);
  row_average(acc, row, ROW_UNREALIZED, &position->unrealised_e8, &err);
  row_int(row, ROW_UPDATE_TIME, &position->venue_ms, &err);
  row_int(row, ROW_LEVERAGE, &leverage, &err);
  position->leverage = leverage > 0 && leverage <= UINT8_MAX ? (uint8_t)leverage : 0;
  position->position_side = (uint8_t)tg_word_pside(row_text(row, ROW_POSITION_SIDE));
  if (position->position_side == TG_PSIDE_NONE || !sym) msg->flags |= TG_F_UNKNOWN_ENUM;
  newest(acc, position->venue_ms);
  acc->head.position_cnt++;
  return err;
}

int tg_bn_rest_positions(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out) {
  return rows(acc, json, len, ts_ns, out, position_row);
}

static int32_t lag_ms(uint64_t ts_ns, int64_t venue_ms) {
  int64_t lag = (int64_t)(ts_ns / (uint64_t)TG_NS_PER_MS) - venue_ms;
  return lag > INT32_MAX ? INT32_MAX : lag < INT32_MIN ? INT32_MIN : (int32_t)lag;
}

static int order_row(tg_bn_acc_t *acc, const tg_row_t *row, uint64_t ts_ns, tg_msg_batch_t *out) {
  const tg_sym_t *sym = row_symbol(acc, row);
  int err = 0;
  if (row_text(row, ROW_SYMBOL).len == 0) return -TG_ESYNTAX;
  tg_msg_t *msg = tg_msg_next(out, TG_ACC_ORDER, sym ? sym->instr_idx : TG_INSTR_NONE, ts_ns);
  if (!msg) return -TG_EFULL;
  tg_acc_order_t *order = &msg->u.acc_order;
  tg_json_slice_t client_id = row_text(row, ROW_CLIENT_ID);
  if (!tg_client_id_parse(client_id.p, client_id.len, &order->client_id)) msg->flags |= TG_F_FOREIGN;
  int64_t update_ms = 0, time_ms = 0;
  row_int(row, ROW_ORDER_ID, &order->order_id, &err);
  row_int(row, ROW_TIME, &time_ms, &err);
  row_int(row, ROW_UPDATE_TIME, &update_ms, &err);
  if (update_ms == 0) update_ms = time_ms;
  if (sym) {
    row_scaled(row, ROW_PRICE, sym->px, &order->px_ticks, &err);
    row_scaled(row, ROW_ORIG_QTY, sym->qty, &order->qty_lots, &err);
    row_scaled(row, ROW_EXECUTED_QTY, sym->qty, &order->cum_qty_lots, &err);
  } else {
    acc->unknown_symbol_cnt++;
    msg->flags |= TG_F_UNKNOWN_ENUM;
  }
  if (!err && order->order_id == 0) err = -TG_ESYNTAX;
  order->venue_lag_ms = lag_ms(ts_ns, update_ms);
  if (!tg_word_side(row_text(row, ROW_SIDE), &order->side)) msg->flags |= TG_F_UNKNOWN_ENUM;
  order->status = (uint8_t)tg_word_status(row_text(row, ROW_STATUS));
  order->type = (uint8_t)tg_word_type(row_text(row, ROW_TYPE));
  if (order->status == TG_STATUS_OTHER || order->type == TG_TYPE_OTHER) msg->flags |= TG_F_UNKNOWN_ENUM;
  if (row_true(row, ROW_REDUCE_ONLY)) order->order_flags |= TG_ORDER_REDUCE_ONLY;
  if (row_true(row, ROW_CLOSE_POSITION)) order->order_flags |= TG_ORDER_CLOSE_POSITION;
  if (tg_json_is(row_text(row, ROW_TIME_IN_FORCE), "GTX")) order->order_flags |= TG_ORDER_POST_ONLY;
  newest(acc, update_ms);
  acc->head.order_cnt++;
  return err;
}

int tg_bn_rest_open_orders(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out) {
  return rows(acc, json, len, ts_ns, out, order_row);
}

static int balance_row(tg_bn_acc_t *acc, const tg_row_t *row, uint64_t ts_ns, tg_msg_batch_t *out) {
  int err = 0;
  tg_json_slice_t asset = row_text(row, ROW_ASSET);
  if (asset.len == 0) return -TG_ESYNTAX;
  if (is_zero(row_text(row, ROW_BALANCE)) && is_zero(row_text(row, ROW_AVAILABLE))) return 0;
  tg_msg_t *msg = tg_msg_next(out, TG_ACC_BALANCE, TG_INSTR_NONE, ts_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_balance_t *balance = &msg->u.acc_balance;
  row_dec(row, ROW_BALANCE, &balance->wallet_e8, &err);
  row_dec(row, ROW_CROSS_WALLET, &balance->cross_wallet_e8, &err);
  row_average(acc, row, ROW_AVAILABLE, &balance->available_e8, &err);
  row_int(row, ROW_UPDATE_TIME, &balance->venue_ms, &err);
  memcpy(balance->asset, asset.p, asset.len < sizeof balance->asset ? asset.len : sizeof balance->asset);
  if (asset.len > sizeof balance->asset) msg->flags |= TG_F_UNKNOWN_ENUM;
  newest(acc, balance->venue_ms);
  acc->head.balance_cnt++;
  return err;
}

int tg_bn_rest_balances(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out) {
  return rows(acc, json, len, ts_ns, out, balance_row);
}

/* --- trades of ours --- */

int tg_bn_rest_user_trades(const tg_symtab_t *tab, const char *json, size_t len, uint64_t ts_ns, tg_bn_client_of_t client_of,
                           void *user, tg_msg_batch_t *out, uint64_t *last_id) {
  uint32_t from = out->cnt;
  uint64_t highest = 0;
  tg_json_t cur;
  tg_row_t row;
  int err = 0;
  tg_json_init(&cur, json, len);
  if (!tg_json_arr_begin(&cur)) return cur.err;
  while (!err && tg_json_arr_next(&cur)) {
    err = read_row(&cur, &row);
    if (err) break;
    tg_json_slice_t name = row_text(&row, ROW_SYMBOL);
    const tg_sym_t *sym = tg_symtab_find(tab, name.p, name.len);
    if (!sym) continue; /* another instrument's trades: nobody asked for them */
    tg_msg_t *msg = tg_msg_next(out, TG_EX_FILL, sym->instr_idx, ts_ns);
    if (!msg) {
      err = -TG_EFULL;
      break;
    }
    tg_ex_fill_t *fill = &msg->u.ex_fill;
    int64_t order_id = 0, trade_id = 0;
    uint8_t side = TG_BUY;
    row_int(&row, ROW_ORDER_ID, &order_id, &err);
    row_int(&row, ROW_ID, &trade_id, &err);
    row_scaled(&row, ROW_PRICE, sym->px, &fill->px_ticks, &err);
    row_scaled(&row, ROW_QTY, sym->qty, &fill->qty_lots, &err);
    row_dec(&row, ROW_COMMISSION, &fill->commission_e8, &err);
    row_dec(&row, ROW_REALIZED_PNL, &fill->realised_e8, &err);
    if (!err && (order_id <= 0 || trade_id <= 0)) err = -TG_ESYNTAX;
    if (!tg_word_side(row_text(&row, ROW_SIDE), &side)) msg->flags |= TG_F_UNKNOWN_ENUM;
    fill->trade_id = (uint64_t)trade_id;
    fill->client_id = client_of ? client_of(user, sym->instr_idx, order_id) : 0;
    if (fill->client_id == 0) {
      fill->client_id = (uint64_t)order_id;
      msg->flags |= TG_F_FOREIGN;
    }
    if (side == TG_SELL) msg->flags |= TG_F_ASK;
    if (row_true(&row, ROW_MAKER)) msg->flags |= TG_F_MAKER;
    if (fill->trade_id > highest) highest = fill->trade_id;
  }
  if (!err) err = tg_json_end(&cur);
  if (err) {
    out->cnt = from;
    return err;
  }
  if (last_id && highest) *last_id = highest;
  return (int)(out->cnt - from);
}

/* --- answers to order requests --- */

static int answer_order(const tg_symtab_t *tab, const char *body, size_t len, tg_msg_t *msg) {
  tg_json_t json;
  tg_bn_order_fields_t order;
  tg_json_init(&json, body, len);
  if (!tg_bn_order_object(&json, &order) || tg_json_end(&json)) return json.err;
  tg_ex_answer_t *answer = &msg->u.ex_answer;
  if (order.order_id != 0) answer->order_id = order.order_id;
  if (order.status.len == 0) return 0;
  const tg_sym_t *sym = tg_symtab_instr(tab, msg->instr_idx);
  int err = sym ? 0 : -TG_ENOTFOUND;
  int64_t px = 0, qty = 0, cum = 0;
  if (!err && order.price.len) err = tg_dec_parse_scaled(order.price.p, order.price.len, sym->px, &px);
  if (!err && order.orig_qty.len) err = tg_dec_parse_scaled(order.orig_qty.p, order.orig_qty.len, sym->qty, &qty);
  if (!err && order.executed_qty.len) err = tg_dec_parse_scaled(order.executed_qty.p, order.executed_qty.len, sym->qty, &cum);
  if (err) {
    msg->flags |= TG_F_UNKNOWN_ENUM;
    return 0;
  }
  answer->px_ticks = px;
  answer->qty_lots = qty;
  answer->cum_qty_lots = cum;
  answer->status = (uint8_t)tg_word_status(order.status);
  if (answer->status == TG_STATUS_OTHER) msg->flags |= TG_F_UNKNOWN_ENUM;
  return 0;
}

int tg_bn_rest_answer(const tg_symtab_t *tab, const tg_bn_inflight_row_t *row, tg_wire_t wire, uint16_t http_status,
                      const char *body, size_t len, uint64_t recv_ns, tg_msg_batch_t *out) {
  uint32_t from = out->cnt;
  int32_t code = 0;
  tg_verdict_t verdict = tg_bn_rest_verdict((tg_request_t)row->request, wire, http_status, body, len, &code);
  tg_msg_t *msg = tg_msg_next(out, TG_EX_ANSWER, row->instr_idx, recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_answer_t *answer = &msg->u.ex_answer;
  msg->flags = row->flags;
  answer->client_id = row->client_id;
  answer->order_id = row->order_id;
  answer->request = row->request;
  answer->venue_code = (int16_t)code;
  answer->http_status = wire == TG_WIRE_ANSWER ? http_status : 0;
  answer->outcome = (uint8_t)verdict.outcome;
  if (verdict.outcome == TG_OUTCOME_CONFIRMED && code == 0 && row->request != TG_REQUEST_CANCEL_ALL) {
    (void)answer_order(tab, body, len, msg); /* the status line confirms; a body we cannot read leaves status 0 */
  }
  tg_json_slice_t text = {"", 0};
  if (code != 0 && tg_bn_rest_error(body, len, &code, &text) < 0) text.len = 0;
  uint64_t pause_ns = wire == TG_WIRE_ANSWER ? tg_bn_pause_until_ns(http_status, code, text, recv_ns) : 0;
  if (pause_ns != 0) {
    msg = tg_msg_next(out, TG_RATE, TG_INSTR_NONE, recv_ns);
    if (!msg) {
      out->cnt = from;
      return -TG_EFULL;
    }
    msg->u.rate.pause_until_ns = pause_ns;
  }
  return (int)(out->cnt - from);
}

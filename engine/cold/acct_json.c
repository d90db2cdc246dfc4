/* The canonical JSON of an account snapshot, written by hand so that every byte is ours, read by jansson. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/sha256.h"
#include "engine/cold/sync.h"

/* ---- writing ---- */

typedef struct writer {
  char *buf;
  size_t len, cap;
  bool full;
} writer_t;

static void put(writer_t *out, const char *text, size_t len) {
  if (len > out->cap - out->len) {
    out->full = true;
    return;
  }
  memcpy(out->buf + out->len, text, len);
  out->len += len;
}

static void put_text(writer_t *out, const char *text) {
  put(out, text, strlen(text));
}

/* A JSON string: quote, backslash and control characters escaped, the rest as it is. */
static void put_string(writer_t *out, const char *text) {
  put_text(out, "\"");
  for (; *text; text++) {
    char escape[8];
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      put(out, "\\", 1);
      put(out, text, 1);
    } else if (c < 0x20) {
      snprintf(escape, sizeof escape, "\\u%04x", c);
      put_text(out, escape);
    } else {
      put(out, text, 1);
    }
  }
  put_text(out, "\"");
}

static void put_key(writer_t *out, bool first, const char *key) {
  put_text(out, first ? "{" : ",");
  put_string(out, key);
  put_text(out, ":");
}

static void field_text(writer_t *out, bool first, const char *key, const char *value) {
  put_key(out, first, key);
  put_string(out, value);
}

static void field_e8(writer_t *out, const char *key, int64_t value_e8) {
  char buf[24];
  put_key(out, false, key);
  put_text(out, "\"");
  put(out, buf, tg_dec_print_short(value_e8, 8, buf));
  put_text(out, "\"");
}

static void field_int(writer_t *out, bool first, const char *key, int64_t value) {
  char buf[24];
  put_key(out, first, key);
  put(out, buf, tg_dec_print_short(value, 0, buf));
}

static void put_position(writer_t *out, const tg_acct_position_t *position) {
  field_text(out, true, "symbol", position->symbol);
  field_text(out, false, "side", tg_position_side_name(position->side));
  field_e8(out, "qty", position->qty_e8);
  field_e8(out, "entry_price", position->entry_e8);
  field_e8(out, "mark_price", position->mark_e8);
  field_e8(out, "unrealised_pnl", position->unrealised_e8);
  field_int(out, false, "leverage", position->leverage);
  field_int(out, false, "ts", position->ts_ms);
  put_text(out, "}");
}

static void put_order(writer_t *out, const tg_acct_order_t *order) {
  field_int(out, true, "order_id", order->order_id);
  field_text(out, false, "client_order_id", order->client_id);
  field_text(out, false, "symbol", order->symbol);
  field_text(out, false, "side", order->side == TG_SELL ? "SELL" : "BUY");
  field_text(out, false, "type", tg_order_type_name(order->type));
  field_e8(out, "price", order->price_e8);
  field_e8(out, "qty", order->qty_e8);
  field_e8(out, "filled_qty", order->filled_e8);
  put_key(out, false, "reduce_only");
  put_text(out, order->reduce_only ? "true" : "false");
  field_text(out, false, "status", tg_order_status_name(order->status));
  field_int(out, false, "ts", order->ts_ms);
  put_text(out, "}");
}

static void put_balance(writer_t *out, const tg_acct_balance_t *balance) {
  field_text(out, true, "asset", balance->asset);
  field_e8(out, "wallet", balance->wallet_e8);
  field_e8(out, "available", balance->available_e8);
  field_int(out, false, "ts", balance->ts_ms);
  put_text(out, "}");
}

static void put_all(writer_t *out, const tg_acct_t *acct) {
  put_key(out, true, "positions");
  for (uint32_t i = 0; i < acct->position_cnt; i++) {
    put_text(out, i ? ",\n" : "[\n");
    put_position(out, &acct->position[i]);
  }
  put_text(out, acct->position_cnt ? "\n]" : "[]");
  put_text(out, ",\n\"orders\":");
  for (uint32_t i = 0; i < acct->order_cnt; i++) {
    put_text(out, i ? ",\n" : "[\n");
    put_order(out, &acct->order[i]);
  }
  put_text(out, acct->order_cnt ? "\n]" : "[]");
  put_text(out, ",\n\"balances\":");
  for (uint32_t i = 0; i < acct->balance_cnt; i++) {
    put_text(out, i ? ",\n" : "[\n");
    put_balance(out, &acct->balance[i]);
  }
  put_text(out, acct->balance_cnt ? "\n]" : "[]");
  put_text(out, ",\n\"ts\":");
  char buf[24];
  put(out, buf, tg_dec_print_short(acct->ts_ms, 0, buf));
  put_text(out, ",\n\"source\":");
  put_string(out, acct->source);
  put_text(out, "}\n");
}

int64_t tg_acct_render(const tg_acct_t *acct, char *buf, size_t cap) {
  tg_acct_t *sorted = malloc(sizeof *sorted);
  if (!sorted) return -TG_ENOMEM;
  *sorted = *acct;
  tg_acct_sort(sorted);
  writer_t out = {buf, 0, cap, false};
  put_all(&out, sorted);
  free(sorted);
  return out.full ? -TG_ESIZE : (int64_t)out.len;
}

int tg_acct_sha256(const tg_acct_t *acct, char out[65]) {
  char *buf = malloc(TG_ACCT_JSON_BYTES);
  if (!buf) return -TG_ENOMEM;
  int64_t len = tg_acct_render(acct, buf, TG_ACCT_JSON_BYTES);
  if (len >= 0) {
    uint8_t digest[TG_SHA256_BYTES];
    tg_sha256(buf, (size_t)len, digest);
    tg_sha256_hex(digest, out);
  }
  free(buf);
  return len < 0 ? (int)len : 0;
}

/* ---- reading ---- */

typedef struct reader {
  int err;         /* first error */
  const char *key; /* where */
} reader_t;

static void fail(reader_t *in, int err, const char *key) {
  if (in->err) return;
  in->err = err;
  in->key = key;
}

static const char *text_of(reader_t *in, const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text) fail(in, -TG_ESYNTAX, key);
  return text ? text : "";
}

static void take_text(reader_t *in, const json_t *object, const char *key, char *out, size_t cap) {
  const char *text = text_of(in, object, key);
  if (strlen(text) >= cap) {
    fail(in, -TG_ERANGE, key);
    return;
  }
  memcpy(out, text, strlen(text) + 1);
}

static int64_t take_e8(reader_t *in, const json_t *object, const char *key) {
  const char *text = text_of(in, object, key);
  int64_t value = 0;
  int rc = tg_dec_parse(text, strlen(text), 8, &value);
  if (rc < 0) fail(in, rc, key);
  return value;
}

static int64_t take_int(reader_t *in, const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) fail(in, -TG_ESYNTAX, key);
  return json_integer_value(value);
}

/* Number of a word in one of the enumerations. */
static uint8_t take_word(reader_t *in, const json_t *object, const char *key, const char *(*name)(unsigned), unsigned cnt) {
  const char *text = text_of(in, object, key);
  for (unsigned i = 0; i < cnt; i++) {
    if (strcmp(name(i), text) == 0) return (uint8_t)i;
  }
  fail(in, -TG_ESYNTAX, key);
  return 0;
}

static const char *side_name(unsigned side) {
  return side == TG_SELL ? "SELL" : "BUY";
}

static void take_position(reader_t *in, const json_t *object, tg_acct_position_t *to) {
  take_text(in, object, "symbol", to->symbol, sizeof to->symbol);
  to->side = take_word(in, object, "side", tg_position_side_name, TG_PSIDE_CNT);
  to->qty_e8 = take_e8(in, object, "qty");
  to->entry_e8 = take_e8(in, object, "entry_price");
  to->mark_e8 = take_e8(in, object, "mark_price");
  to->unrealised_e8 = take_e8(in, object, "unrealised_pnl");
  to->leverage = take_int(in, object, "leverage");
  to->ts_ms = take_int(in, object, "ts");
}

static void take_order(reader_t *in, const json_t *object, tg_acct_order_t *to) {
  to->order_id = take_int(in, object, "order_id");
  take_text(in, object, "client_order_id", to->client_id, sizeof to->client_id);
  take_text(in, object, "symbol", to->symbol, sizeof to->symbol);
  to->side = take_word(in, object, "side", side_name, 2);
  to->type = take_word(in, object, "type", tg_order_type_name, TG_TYPE_CNT);
  to->price_e8 = take_e8(in, object, "price");
  to->qty_e8 = take_e8(in, object, "qty");
  to->filled_e8 = take_e8(in, object, "filled_qty");
  const json_t *reduce_only = json_object_get(object, "reduce_only");
  if (!json_is_boolean(reduce_only)) fail(in, -TG_ESYNTAX, "reduce_only");
  to->reduce_only = json_is_true(reduce_only);
  to->status = take_word(in, object, "status", tg_order_status_name, TG_STATUS_CNT);
  to->ts_ms = take_int(in, object, "ts");
}

static void take_balance(reader_t *in, const json_t *object, tg_acct_balance_t *to) {
  take_text(in, object, "asset", to->asset, sizeof to->asset);
  to->wallet_e8 = take_e8(in, object, "wallet");
  to->available_e8 = take_e8(in, object, "available");
  to->ts_ms = take_int(in, object, "ts");
}

static uint32_t count_of(reader_t *in, const json_t *root, const char *key, uint32_t cap) {
  const json_t *list = json_object_get(root, key);
  if (!json_is_array(list)) fail(in, -TG_ESYNTAX, key);
  size_t cnt = json_array_size(list);
  if (cnt > cap) {
    fail(in, -TG_EFULL, key);
    return 0;
  }
  return (uint32_t)cnt;
}

int tg_acct_load(tg_acct_t *acct, const char *json, size_t len, char *err_text, size_t err_cap) {
  if (err_cap) err_text[0] = '\0';
  json_error_t where;
  json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &where);
  if (!root) {
    snprintf(err_text, err_cap, "line %d: %s", where.line, where.text);
    return -TG_ESYNTAX;
  }
  reader_t in = {0, NULL};
  tg_acct_reset(acct, "");
  take_text(&in, root, "source", acct->source, sizeof acct->source);
  acct->position_cnt = count_of(&in, root, "positions", TG_ACCT_POSITIONS);
  acct->order_cnt = count_of(&in, root, "orders", TG_ACCT_ORDERS);
  acct->balance_cnt = count_of(&in, root, "balances", TG_ACCT_BALANCES);
  for (uint32_t i = 0; i < acct->position_cnt; i++)
    take_position(&in, json_array_get(json_object_get(root, "positions"), i), &acct->position[i]);
  for (uint32_t i = 0; i < acct->order_cnt; i++)
    take_order(&in, json_array_get(json_object_get(root, "orders"), i), &acct->order[i]);
  for (uint32_t i = 0; i < acct->balance_cnt; i++)
    take_balance(&in, json_array_get(json_object_get(root, "balances"), i), &acct->balance[i]);
  int64_t ts_ms = take_int(&in, root, "ts");
  tg_acct_sort(acct);
  if (ts_ms != acct->ts_ms) fail(&in, -TG_ESYNTAX, "ts");
  json_decref(root);
  if (in.err) snprintf(err_text, err_cap, "field %s: %s", in.key, tg_err_text(in.err));
  return in.err;
}

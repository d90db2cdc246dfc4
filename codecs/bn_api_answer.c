#include <string.h>

#include "codecs/bn_api.h"
#include "codecs/client_id.h"
#include "codecs/fields.h"
#include "codecs/words.h"

bool tg_bn_order_object(tg_json_t *json, tg_bn_order_fields_t *out) {
  static const struct {
    const char *name;
    size_t len, at;
  } TEXTS[] = {
#define T(name, field) {name, sizeof(name) - 1, offsetof(tg_bn_order_fields_t, field)}
      T("symbol", symbol),    T("clientOrderId", client_id),  T("price", price),
      T("origQty", orig_qty), T("executedQty", executed_qty), T("status", status),
#undef T
  };
  memset(out, 0, sizeof *out);
  tg_json_slice_t key, raw;
  if (!tg_json_obj_begin(json)) return false;
  while (tg_json_obj_next(json, &key)) {
    if (!tg_json_raw(json, &raw)) return false;
    if (tg_json_is(key, "orderId")) {
      int err = tg_json_raw_i64(raw, &out->order_id);
      if (err) return tg_json_fail(json, err);
      continue;
    }
    for (size_t i = 0; i < TG_ARRAY_CNT(TEXTS); i++) {
      if (key.len != TEXTS[i].len || memcmp(key.p, TEXTS[i].name, key.len) != 0) continue;
      tg_json_slice_t text = tg_json_raw_text(raw);
      memcpy((char *)out + TEXTS[i].at, &text, sizeof text);
      break;
    }
  }
  return json->err == 0;
}

/* The first number of 12 to 14 digits behind "until": a time in ms. */
static uint64_t until_ms(tg_json_slice_t text) {
  for (size_t i = 0; i + 5 <= text.len; i++) {
    if (memcmp(text.p + i, "until", 5) != 0) continue;
    uint64_t ms = 0;
    unsigned digits = 0;
    for (size_t k = i + 5; k < text.len; k++) {
      char c = text.p[k];
      if (c >= '0' && c <= '9' && digits < 15) {
        ms = ms * 10 + (uint64_t)(c - '0');
        digits++;
      } else if (digits > 0) {
        break;
      }
    }
    return digits >= 12 && digits <= 14 ? ms : 0;
  }
  return 0;
}

uint64_t tg_bn_pause_until_ns(uint16_t http_status, int32_t code, tg_json_slice_t text, uint64_t recv_ns) {
  uint64_t pause_ms = tg_bn_pause_ms(http_status, code);
  if (pause_ms == 0) return 0;
  uint64_t ms = until_ms(text);
  return ms != 0 ? ms * (uint64_t)TG_NS_PER_MS : recv_ns + pause_ms * (uint64_t)TG_NS_PER_MS;
}

/* One row of rateLimits[]. */
static bool rate_row(tg_json_t *json, tg_rate_t *rate) {
  tg_json_slice_t key, type = {"", 0}, interval = {"", 0}, raw;
  int64_t num = 0, limit = 0, count = -1;
  if (!tg_json_obj_begin(json)) return false;
  while (tg_json_obj_next(json, &key)) {
    if (!tg_json_raw(json, &raw)) return false;
    if (tg_json_is(key, "rateLimitType")) {
      type = tg_json_raw_text(raw);
    } else if (tg_json_is(key, "interval")) {
      interval = tg_json_raw_text(raw);
    } else {
      int64_t *to = tg_json_is(key, "intervalNum") ? &num
                    : tg_json_is(key, "limit")     ? &limit
                    : tg_json_is(key, "count")     ? &count
                                                   : NULL;
      int err = to ? tg_json_raw_i64(raw, to) : 0;
      if (err) return tg_json_fail(json, err);
    }
  }
  if (json->err || limit < 0 || limit > UINT32_MAX || count > UINT32_MAX) return false;
  bool weight = tg_json_is(type, "REQUEST_WEIGHT"), orders = tg_json_is(type, "ORDERS");
  bool minute = tg_json_is(interval, "MINUTE") && num == 1, ten_s = tg_json_is(interval, "SECOND") && num == 10;
  uint32_t *used_at = NULL, *limit_at = NULL;
  if (weight && minute) {
    used_at = &rate->weight_1m_used;
    limit_at = &rate->weight_1m_limit;
  } else if (orders && minute) {
    used_at = &rate->orders_1m_used;
    limit_at = &rate->orders_1m_limit;
  } else if (orders && ten_s) {
    used_at = &rate->orders_10s_used;
    limit_at = &rate->orders_10s_limit;
  }
  if (!used_at) return false;
  *limit_at = (uint32_t)limit;
  if (count >= 0) *used_at = (uint32_t)count;
  return true;
}

bool tg_bn_rate_limits(tg_json_t *json, tg_rate_t *rate) {
  bool any = false;
  if (!tg_json_arr_begin(json)) return false;
  while (tg_json_arr_next(json)) any |= rate_row(json, rate);
  return any && json->err == 0;
}

/* "p42" -> letter and number; false for ids that are not ours. */
static bool parse_id(tg_json_slice_t raw, char *kind, uint32_t *request_no) {
  tg_json_slice_t text = tg_json_raw_text(raw);
  if (text.len < 2 || text.len > 11) return false;
  uint64_t no = 0;
  for (size_t i = 1; i < text.len; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return false;
    no = no * 10 + (uint64_t)(text.p[i] - '0');
  }
  if (no > UINT32_MAX) return false;
  *kind = text.p[0];
  *request_no = (uint32_t)no;
  return true;
}

/* What a result says of the order; values that do not fit their scale leave status 0. */
static void order_result(tg_bn_api_t *ctx, const tg_sym_t *sym, const tg_bn_order_fields_t *order, tg_msg_t *msg) {
  tg_ex_answer_t *answer = &msg->u.ex_answer;
  if (order->order_id != 0) answer->order_id = order->order_id;
  if (order->status.len == 0) return;
  int err = sym ? 0 : -TG_ENOTFOUND;
  int64_t px = 0, qty = 0, cum = 0;
  if (!err && order->price.len) err = tg_dec_parse_scaled(order->price.p, order->price.len, sym->px, &px);
  if (!err && order->orig_qty.len) err = tg_dec_parse_scaled(order->orig_qty.p, order->orig_qty.len, sym->qty, &qty);
  if (!err && order->executed_qty.len)
    err = tg_dec_parse_scaled(order->executed_qty.p, order->executed_qty.len, sym->qty, &cum);
  if (err) {
    msg->flags |= TG_F_UNKNOWN_ENUM;
    ctx->cnt.err_scale++;
    return;
  }
  answer->px_ticks = px;
  answer->qty_lots = qty;
  answer->cum_qty_lots = cum;
  answer->status = (uint8_t)tg_word_status(order->status);
  if (answer->status == TG_STATUS_OTHER) msg->flags |= TG_F_UNKNOWN_ENUM;
}

/* The parts of an answer's envelope. */
typedef struct tg_answer_parts {
  tg_fields_t f;
  tg_bn_order_fields_t order;
  tg_json_slice_t text; /* of the error */
  bool has_order;
} tg_answer_parts_t;

static int read_error(const tg_fields_t *f, tg_bn_api_info_t *info, tg_answer_parts_t *parts) {
  tg_fields_t error;
  int64_t code = 0;
  int err = 0;
  if (tg_fields_of(&error, f->value[TG_FIELD_ERROR])) return -TG_ESYNTAX;
  tg_field_int(&error, TG_FIELD_CODE, &code, &err);
  if (err || code < INT16_MIN || code > INT16_MAX) return -TG_ESYNTAX;
  info->code = (int32_t)code;
  parts->text = tg_field_text(&error, TG_FIELD_MSG);
  return 0;
}

/* session.logon and userDataStream.* results. */
static void read_session_result(tg_json_slice_t raw, tg_bn_api_info_t *info) {
  tg_json_t json;
  tg_json_slice_t key, value;
  tg_json_init_slice(&json, raw);
  if (!tg_json_obj_begin(&json)) return;
  while (tg_json_obj_next(&json, &key)) {
    if (!tg_json_raw(&json, &value)) return;
    if (tg_json_is(key, "listenKey")) info->listen_key = tg_json_raw_text(value);
    if (tg_json_is(key, "serverTime") && tg_json_raw_i64(value, &info->server_ms)) info->server_ms = 0;
  }
}

static int read_parts(const char *text, size_t len, tg_bn_api_info_t *info, tg_answer_parts_t *parts) {
  tg_json_t json;
  tg_json_slice_t raw;
  tg_json_init(&json, text, len);
  if (!tg_json_raw(&json, &raw) || tg_json_end(&json)) return json.err;
  tg_fields_t *f = &parts->f;
  if (tg_fields_of(f, raw)) return -TG_ESYNTAX;
  int err = 0;
  int64_t status = 0;
  tg_field_int(f, TG_FIELD_STATUS, &status, &err);
  if (err || status < 0 || status > 999) return -TG_ESYNTAX;
  info->http_status = (uint16_t)status;
  if (tg_field_has(f, TG_FIELD_ID)) parse_id(f->value[TG_FIELD_ID], &info->kind, &info->request_no);
  if (tg_field_has(f, TG_FIELD_ERROR)) return read_error(f, info, parts);
  if (tg_field_has(f, TG_FIELD_RESULT) && f->value[TG_FIELD_RESULT].p[0] == '{') {
    if (info->kind == 'l' || info->kind == 'u') {
      read_session_result(f->value[TG_FIELD_RESULT], info);
      return 0;
    }
    tg_json_init_slice(&json, f->value[TG_FIELD_RESULT]);
    parts->has_order = tg_bn_order_object(&json, &parts->order);
    if (json.err) return json.err;
  }
  return 0;
}

static tg_request_t request_of(char kind) {
  switch (kind) {
    case 'p':
      return TG_REQUEST_PLACE;
    case 'm':
      return TG_REQUEST_AMEND;
    case 'c':
      return TG_REQUEST_CANCEL;
    case 's':
      return TG_REQUEST_QUERY;
    default:
      return TG_REQUEST_NONE;
  }
}

/* Which request this answers: from the table, else from the order itself when it carries an id of ours. */
static bool find_row(tg_bn_api_t *ctx, const tg_bn_api_info_t *info, const tg_answer_parts_t *parts,
                     tg_bn_inflight_row_t *row) {
  const tg_bn_inflight_row_t *slot = &ctx->inflight.row[info->request_no % TG_BN_INFLIGHT_CAP];
  if (slot->request != TG_REQUEST_NONE && slot->request_no == info->request_no && slot->request == request_of(info->kind)) {
    *row = *slot;
    return true;
  }
  memset(row, 0, sizeof *row);
  const tg_sym_t *sym = parts->has_order ? tg_symtab_find(ctx->tab, parts->order.symbol.p, parts->order.symbol.len) : NULL;
  if (!sym || !tg_client_id_parse(parts->order.client_id.p, parts->order.client_id.len, &row->client_id)) return false;
  row->instr_idx = sym->instr_idx;
  row->request = (uint8_t)request_of(info->kind);
  return row->request != TG_REQUEST_NONE;
}

static int give_answer(tg_bn_api_t *ctx, const tg_bn_api_info_t *info, const tg_answer_parts_t *parts, uint64_t recv_ns,
                       tg_msg_batch_t *out, tg_verdict_t verdict) {
  tg_bn_inflight_row_t row;
  if (!find_row(ctx, info, parts, &row)) {
    ctx->cnt.unmatched++;
    return 0;
  }
  tg_msg_t *msg = tg_msg_next(out, TG_EX_ANSWER, row.instr_idx, recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_answer_t *answer = &msg->u.ex_answer;
  msg->flags = row.flags;
  answer->client_id = row.client_id;
  answer->order_id = row.order_id;
  answer->request = row.request;
  answer->venue_code = (int16_t)info->code;
  answer->http_status = info->http_status;
  answer->outcome = (uint8_t)verdict.outcome;
  if (parts->has_order) order_result(ctx, tg_symtab_instr(ctx->tab, row.instr_idx), &parts->order, msg);
  ctx->cnt.answers++;
  ctx->cnt.refused += verdict.outcome == TG_OUTCOME_REFUSED;
  ctx->cnt.unknown += verdict.outcome == TG_OUTCOME_UNKNOWN;
  return 0;
}

static int give_rate(tg_bn_api_t *ctx, const tg_bn_api_info_t *info, const tg_answer_parts_t *parts, uint64_t recv_ns,
                     tg_msg_batch_t *out) {
  tg_rate_t rate;
  memset(&rate, 0, sizeof rate);
  bool told = false;
  if (tg_field_has(&parts->f, TG_FIELD_LIMITS) && parts->f.value[TG_FIELD_LIMITS].p[0] == '[') {
    tg_json_t json;
    tg_json_init_slice(&json, parts->f.value[TG_FIELD_LIMITS]);
    told = tg_bn_rate_limits(&json, &rate);
    if (json.err) return json.err;
  }
  rate.pause_until_ns = tg_bn_pause_until_ns(info->http_status, info->code, parts->text, recv_ns);
  if (!told && rate.pause_until_ns == 0) return 0;
  tg_msg_t *msg = tg_msg_next(out, TG_RATE, TG_INSTR_NONE, recv_ns);
  if (!msg) return -TG_EFULL;
  msg->u.rate = rate;
  ctx->cnt.rates++;
  return 0;
}

static int decode(tg_bn_api_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out,
                  tg_bn_api_info_t *info) {
  tg_answer_parts_t parts;
  parts.has_order = false;
  parts.text = (tg_json_slice_t){"", 0};
  int err = read_parts(json, len, info, &parts);
  if (err) return err;
  tg_request_t request = request_of(info->kind);
  if (info->code == 0 && info->http_status == 503) info->code = tg_bn_503_code(parts.text.p, parts.text.len);
  tg_verdict_t verdict = tg_outcome(request, TG_WIRE_ANSWER, info->http_status, info->code);
  info->hints = verdict.hints;
  if (request != TG_REQUEST_NONE) err = give_answer(ctx, info, &parts, recv_ns, out, verdict);
  if (!err) err = give_rate(ctx, info, &parts, recv_ns, out);
  if (err) return err;
  /* only a complete answer ends the request */
  tg_bn_inflight_row_t row;
  info->matched = request != TG_REQUEST_NONE && tg_bn_inflight_take(&ctx->inflight, info->request_no, &row);
  return 0;
}

int tg_bn_api_decode(tg_bn_api_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out,
                     tg_bn_api_info_t *info) {
  tg_bn_api_info_t own;
  if (!info) info = &own;
  memset(info, 0, sizeof *info);
  uint32_t from = out->cnt;
  int err = decode(ctx, json, len, recv_ns, out, info);
  if (!err) return (int)(out->cnt - from);
  out->cnt = from;
  if (err == -TG_EFULL) {
    ctx->cnt.err_full++;
  } else {
    ctx->cnt.err_syntax++;
  }
  return err;
}

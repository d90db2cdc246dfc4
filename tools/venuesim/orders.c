/* orders.c - the account's orders: table, client-id index, JSON, and reading an order out of request parameters.
 * Limits: VS_ORDER_CNT remembered; a new order takes the oldest closed slot. VS_OPEN_CNT open at once. */
#include <stdio.h>
#include <string.h>

#include "vs.h"

static uint32_t cid_bucket(const char *cid) {
  uint32_t h = 2166136261u;
  for (const char *c = cid; *c != '\0'; c++) {
    h = (h ^ (unsigned char)*c) * 16777619u;
  }
  return h & 0xffffu;
}

void vs_orders_init(vs_venue *v) {
  v->order = vs_alloc(VS_ORDER_CNT, sizeof(vs_order));
  v->fill = vs_alloc(VS_FILL_CNT, sizeof(vs_fill));
  v->income = vs_alloc(VS_INCOME_CNT, sizeof(vs_income));
  v->amend = vs_alloc(VS_AMEND_CNT, sizeof(vs_amend));
  v->algo = vs_alloc(VS_ALGO_CNT, sizeof(vs_algo));
  for (size_t k = 0; k < sizeof v->cid_hash / sizeof v->cid_hash[0]; k++) {
    v->cid_hash[k] = VS_NONE;
  }
  v->order_id = 90110000000 + (vs_now_ms() / 1000 % 1000000) * 1000; /* moves on between runs */
  v->algo_id = 2146000 + vs_now_ms() / 1000 % 100000;
}

bool vs_order_is_open(const vs_order *o) {
  return o->id != 0 && (o->status == VS_NEW || o->status == VS_PARTIAL);
}

static void forget(vs_venue *v, int32_t slot) {
  int32_t *at = &v->cid_hash[cid_bucket(v->order[slot].cid)];
  while (*at != VS_NONE && *at != slot) {
    at = &v->order[*at].hash_next;
  }
  if (*at == slot) {
    *at = v->order[slot].hash_next;
  }
}

int32_t vs_order_new(vs_venue *v, const vs_order_req *req) {
  while (vs_order_is_open(&v->order[v->order_seq])) { /* at most VS_OPEN_CNT steps */
    v->order_seq = (v->order_seq + 1) % VS_ORDER_CNT;
  }
  int32_t slot = v->order_seq;
  v->order_seq = (v->order_seq + 1) % VS_ORDER_CNT;
  v->order_cnt++;
  vs_order *o = &v->order[slot];
  if (o->id != 0) {
    forget(v, slot);
  }
  memset(o, 0, sizeof *o);
  v->order_id += 1 + (int64_t)vs_rng_below(&v->feed.rng, 7); /* other accounts' orders take ids too */
  o->id = v->order_id;
  o->side = (uint8_t)req->side;
  o->type = (uint8_t)req->type;
  o->tif = (uint8_t)req->tif;
  o->stp = (uint8_t)req->stp;
  o->price_match = (uint8_t)req->price_match;
  o->reduce_only = req->reduce_only;
  o->close_position = req->close_position;
  o->px = req->px;
  o->qty = req->qty;
  o->gtd = req->gtd;
  o->node = VS_NONE;
  o->open_pos = VS_NONE;
  o->t_create = o->t_update = vs_now_ms();
  o->hidden_until = v->hide_until;
  o->hidden_quiet = v->hide_quiet;
  if (req->cid[0] != '\0') {
    (void)snprintf(o->cid, sizeof o->cid, "%s", req->cid);
  } else {
    (void)snprintf(o->cid, sizeof o->cid, "auto%016llx%06x", (unsigned long long)o->id,
                   (unsigned)vs_rng_below(&v->feed.rng, 1u << 24));
  }
  uint32_t bucket = cid_bucket(o->cid);
  o->hash_next = v->cid_hash[bucket];
  v->cid_hash[bucket] = slot;
  return slot;
}

/* The newest order with that client id; an open one is preferred. */
int32_t vs_order_by_cid(const vs_venue *v, const char *cid, bool open_only) {
  int32_t found = VS_NONE;
  for (int32_t k = v->cid_hash[cid_bucket(cid)]; k != VS_NONE; k = v->order[k].hash_next) {
    const vs_order *o = &v->order[k];
    if (strcmp(o->cid, cid) != 0) {
      continue;
    }
    if (vs_order_is_open(o)) {
      return k;
    }
    if (!open_only && (found == VS_NONE || o->id > v->order[found].id)) {
      found = k;
    }
  }
  return found;
}

int vs_order_times(const vs_venue *v, const char *cid) {
  int cnt = 0;
  for (int32_t k = v->cid_hash[cid_bucket(cid)]; k != VS_NONE; k = v->order[k].hash_next) {
    cnt += strcmp(v->order[k].cid, cid) == 0;
  }
  return cnt;
}

int vs_order_nth(const vs_venue *v, int32_t slot) {
  const vs_order *o = &v->order[slot];
  int nth = 0;
  for (int32_t k = v->cid_hash[cid_bucket(o->cid)]; k != VS_NONE; k = v->order[k].hash_next) {
    nth += strcmp(v->order[k].cid, o->cid) == 0 && v->order[k].id <= o->id;
  }
  return nth;
}

bool vs_order_hidden(const vs_order *o) {
  return o->hidden_until != 0 && vs_mono_us() < o->hidden_until;
}

int32_t vs_order_by_id(const vs_venue *v, int64_t id) {
  for (int k = 0; k < v->open_cnt; k++) {
    if (v->order[v->open[k]].id == id) {
      return v->open[k];
    }
  }
  for (int32_t k = 0; k < VS_ORDER_CNT; k++) { /* newest first; an unused slot or a smaller id ends the search */
    int32_t slot = (v->order_seq - 1 - k + 2 * VS_ORDER_CNT) % VS_ORDER_CNT;
    if (v->order[slot].id == id) {
      return slot;
    }
    if (v->order[slot].id == 0 || (v->order[slot].id < id && !vs_order_is_open(&v->order[slot]))) {
      break;
    }
  }
  return VS_NONE;
}

void vs_order_open(vs_venue *v, int32_t slot) {
  v->order[slot].open_pos = v->open_cnt;
  v->open[v->open_cnt++] = slot;
}

void vs_order_close(vs_venue *v, int32_t slot, int status) {
  vs_order *o = &v->order[slot];
  o->status = (uint8_t)status;
  o->t_update = vs_now_ms();
  if (o->node != VS_NONE) {
    int32_t node = o->node;
    o->node = VS_NONE;
    vs_book_drop(&v->book, node);
  }
  if (o->open_pos != VS_NONE) {
    /* keep time order: queue priority in replay follows it */
    for (int k = o->open_pos; k + 1 < v->open_cnt; k++) {
      v->open[k] = v->open[k + 1];
      v->order[v->open[k]].open_pos = k;
    }
    v->open_cnt--;
    o->open_pos = VS_NONE;
  }
}

void vs_order_json(const vs_venue *v, const vs_order *o, enum vs_view view, vs_buf *b) {
  const vs_symbol *s = v->sym;
  bool fresh = view == VS_VIEW_ACK_NEW; /* an ACK tells that the order was taken, not what became of it */
  const char *exec = vs_d(fresh ? 0 : o->exec, s->qty_dec);
  vs_buf_f(b, "{\"orderId\":%lld,\"symbol\":\"%s\",", (long long)o->id, s->name);
  if (view == VS_VIEW_MODIFY) {
    vs_buf_f(b, "\"pair\":\"%s\",", s->name);
    if (o->has_modify_id) {
      vs_buf_f(b, "\"modifyId\":%lld,", (long long)o->modify_id);
    }
  }
  vs_buf_f(b, "\"status\":\"%s\",\"clientOrderId\":\"%s\",\"price\":\"%s\",\"origQty\":\"%s\",\"executedQty\":\"%s\",",
           vs_status_name[fresh ? VS_NEW : o->status], o->cid, vs_d(o->px, s->px_dec), vs_d(o->qty, s->qty_dec), exec);
  if (view == VS_VIEW_FULL) {
    int64_t avg = o->exec == 0 ? 0 : vs_round_div((vs_i128)o->quote * VS_E8, o->exec);
    vs_buf_f(b, "\"avgPrice\":\"%s\",\"cumQuote\":\"%s\",\"time\":%lld,", vs_d(avg, 5), vs_d(o->quote, 5),
             (long long)o->t_create);
  } else {
    vs_buf_f(b, "\"cumQty\":\"%s\",", exec);
  }
  vs_buf_f(
      b,
      "\"timeInForce\":\"%s\",\"type\":\"%s\",\"reduceOnly\":%s,\"closePosition\":%s,\"side\":\"%s\",\"positionSide\":\"BOTH\","
      "\"stopPrice\":\"0.00\",\"workingType\":\"CONTRACT_PRICE\",\"priceProtect\":false,\"origType\":\"%s\",\"priceMatch\":\"%"
      "s\","
      "\"selfTradePreventionMode\":\"%s\",\"goodTillDate\":%lld,\"updateTime\":%lld}",
      vs_tif_name[o->tif], vs_type_name[o->type], o->reduce_only ? "true" : "false", o->close_position ? "true" : "false",
      vs_side_name[o->side], vs_type_name[o->type], vs_price_match_name[o->price_match], vs_stp_name[o->stp], (long long)o->gtd,
      (long long)o->t_update);
}

/* A positive decimal parameter within the symbol's precision. Absent: 0 when not needed. */
int vs_read_dec(vs_req *r, const char *name, bool needed, int precision, int64_t *out) {
  const char *text = vs_param(r->in, name);
  *out = 0;
  if (text == NULL || *text == '\0') {
    return needed ? vs_param_need(r, name, &text) : 0;
  }
  int decimals = 0;
  int rc = vs_dec_parse(text, out, &decimals);
  if (rc == VS_DEC_SYNTAX || *text == '-') {
    return vs_refuse(&r->rej, 400, -1100,
                     "Illegal characters found in parameter '%s'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.", name);
  }
  if (rc == VS_DEC_PRECISION || (rc == 0 && decimals > precision)) {
    return vs_refuse(&r->rej, 400, -1111, "Precision is over the maximum defined for this asset.");
  }
  if (rc != 0) {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter '%s' is not valid.", name);
  }
  return 0;
}

static int read_enum(vs_req *r, const char *name, const char *const *names, int cnt, int dflt, int code, const char *msg,
                     int *out) {
  const char *text = vs_param(r->in, name);
  if (text == NULL) {
    *out = dflt;
    return 0;
  }
  *out = vs_name_idx(names, cnt, text);
  return *out < 0 ? vs_refuse(&r->rej, 400, code, "%s", msg) : 0;
}

static int read_cid(vs_req *r, char cid[VS_CID_BYTES]) {
  const char *text = vs_param(r->in, "newClientOrderId");
  if (text == NULL) {
    cid[0] = '\0';
    return 0;
  }
  size_t n = strlen(text);
  if (n == 0) {
    return vs_refuse(&r->rej, 400, -1105, "Parameter 'newClientOrderId' was empty.");
  }
  if (n > 36 || strspn(text, ".ABCDEFGHIJKLMNOPQRSTUVWXYZ:/abcdefghijklmnopqrstuvwxyz0123456789_-") != n) {
    return vs_refuse(&r->rej, 400, -4015, "Client order id is not valid.");
  }
  (void)snprintf(cid, VS_CID_BYTES, "%s", text);
  return 0;
}

static int read_type(vs_req *r, vs_order_req *req) {
  const char *type;
  if (vs_param_need(r, "type", &type) != 0) {
    return -1;
  }
  req->type = vs_name_idx(vs_type_name, 2, type);
  if (req->type >= 0) {
    return 0;
  }
  static const char *const conditional[] = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"};
  if (vs_name_idx(conditional, 5, type) >= 0) {
    return vs_refuse(&r->rej, 400, -4120,
                     "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.");
  }
  return vs_refuse(&r->rej, 400, -1116, "Invalid orderType.");
}

static int read_tif(vs_req *r, vs_order_req *req) {
  const char *tif = vs_param(r->in, "timeInForce");
  if (req->type == VS_MARKET) {
    req->tif = VS_GTC;
    return tif == NULL ? 0 : vs_refuse(&r->rej, 400, -1106, "Parameter 'timeInForce' sent when not required.");
  }
  if (vs_param_need(r, "timeInForce", &tif) != 0) {
    return -1;
  }
  req->tif = vs_name_idx(vs_tif_name, 5, tif);
  if (req->tif < 0) {
    return vs_refuse(&r->rej, 400, -1115, "Invalid timeInForce.");
  }
  if (req->tif != VS_GTD) {
    return 0;
  }
  const char *unused;
  int64_t gtd;
  if (vs_param_need(r, "goodTillDate", &unused) != 0 || vs_param_i64(r, "goodTillDate", 0, 0, INT64_MAX, &gtd) != 0) {
    return -1;
  }
  req->gtd = gtd / 1000 * 1000;
  if (gtd <= r->now + 600000 || gtd >= 253402300799000) {
    return vs_refuse(&r->rej, 400, -5040,
                     "The goodTillDate must be greater than the current time plus 600 seconds and "
                     "smaller than 253402300799000.");
  }
  return 0;
}

static int read_prices(vs_req *r, vs_order_req *req) {
  const vs_symbol *s = r->v->sym;
  if (read_enum(r, "priceMatch", vs_price_match_name, VS_PM_CNT, VS_PM_NONE, -5037, "Invalid price match.",
                &req->price_match) != 0) {
    return -1;
  }
  bool matched = req->price_match != VS_PM_NONE;
  if (matched && req->type == VS_MARKET) {
    return vs_refuse(&r->rej, 400, -5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT.");
  }
  if (vs_param(r->in, "price") != NULL && (matched || req->type == VS_MARKET)) {
    return vs_refuse(&r->rej, 400, -1106, "Parameter 'price' sent when not required.");
  }
  if (vs_read_dec(r, "price", req->type == VS_LIMIT && !matched, s->px_dec, &req->px) != 0) {
    return -1;
  }
  return vs_read_dec(r, "quantity", true, s->qty_dec, &req->qty);
}

int vs_order_req_read(vs_req *r, vs_order_req *req, bool *result_view) {
  static const char *const resp[] = {"ACK", "RESULT"};
  static const char *const pos_side[] = {"BOTH", "LONG", "SHORT"};
  const vs_symbol *sym;
  const char *side;
  int pos;
  int view;
  memset(req, 0, sizeof *req);
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_need(r, "side", &side) != 0) {
    return -1;
  }
  req->side = vs_name_idx(vs_side_name, 2, side);
  if (req->side < 0) {
    return vs_refuse(&r->rej, 400, -1117, "Invalid side.");
  }
  if (read_type(r, req) != 0) {
    return -1;
  }
  if (sym != r->v->sym) {
    return vs_refuse(&r->rej, 400, -4140, "Invalid symbol status for opening position.");
  }
  if (read_enum(r, "positionSide", pos_side, 3, 0, -4060, "Invalid position side.", &pos) != 0) {
    return -1;
  }
  if ((pos != 0) != r->v->hedge) {
    return vs_refuse(&r->rej, 400, -4061, "Order's position side does not match user's setting.");
  }
  if (read_tif(r, req) != 0 || read_prices(r, req) != 0 || read_cid(r, req->cid) != 0 ||
      vs_param_bool(r, "reduceOnly", false, &req->reduce_only) != 0 ||
      read_enum(r, "selfTradePreventionMode", vs_stp_name, 4, VS_STP_MAKER, -5039, "Invalid self trade prevention mode.",
                &req->stp) != 0 ||
      read_enum(r, "newOrderRespType", resp, 2, 0, -1136, "Invalid newOrderRespType.", &view) != 0) {
    return -1;
  }
  *result_view = view == 1;
  return 0;
}

/* Finds by orderId (wins) or origClientOrderId. */
int vs_order_find(vs_req *r, int not_found_code, bool open_only, int32_t *slot) {
  const vs_symbol *sym;
  int64_t id;
  const char *cid = vs_param(r->in, "origClientOrderId");
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_i64(r, "orderId", 0, 0, INT64_MAX, &id) != 0) {
    return -1;
  }
  if (id == 0 && (cid == NULL || *cid == '\0')) {
    return vs_refuse(&r->rej, 400, -1102, "Either 'origClientOrderId' or 'orderId' must be sent.");
  }
  *slot = VS_NONE;
  if (sym == r->v->sym) {
    *slot = id != 0 ? vs_order_by_id(r->v, id) : vs_order_by_cid(r->v, cid, open_only);
  }
  if (*slot == VS_NONE || vs_order_hidden(&r->v->order[*slot]) || (open_only && !vs_order_is_open(&r->v->order[*slot]))) {
    return vs_refuse(&r->rej, 400, not_found_code, "%s",
                     not_found_code == -2011 ? "Unknown order sent." : "Order does not exist.");
  }
  return 0;
}

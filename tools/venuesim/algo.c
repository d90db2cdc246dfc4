/* algo.c - conditional orders (STOP, STOP_MARKET, TAKE_PROFIT, TAKE_PROFIT_MARKET): accepted, held, triggered on mark or last
 * price, then placed like any order. TRAILING_STOP_MARKET is refused (-1020).
 * Limits: VS_ALGO_OPEN_CNT open; the last VS_ALGO_CNT are remembered.
 * Errors: -1102, -1111, -1116, -2021, -2011, -2013, -4045, -4116; a trigger whose order is refused ends REJECTED with the code.
 */
#include <stdio.h>
#include <string.h>

#include "vs.h"

static const char *const type_name[] = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"};
static const char *const status_name[] = {"NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"};
static const char *const working_name[] = {"CONTRACT_PRICE", "MARK_PRICE"};

static void algo_json(const vs_venue *v, const vs_algo *a, bool query, vs_buf *b) {
  const vs_symbol *s = v->sym;
  vs_buf_f(b,
           "{\"algoId\":%lld,\"clientAlgoId\":\"%s\",\"algoType\":\"CONDITIONAL\",\"orderType\":\"%s\",\"symbol\":\"%s\","
           "\"side\":\"%s\","
           "\"positionSide\":\"BOTH\",\"timeInForce\":\"%s\",\"quantity\":\"%s\",\"algoStatus\":\"%s\",",
           (long long)a->id, a->cid, type_name[a->type], s->name, vs_side_name[a->req.side], vs_tif_name[a->req.tif],
           vs_d(a->qty, s->qty_dec), status_name[a->status]);
  if (query) {
    char id[24] = "";
    if (a->order_id != 0) (void)snprintf(id, sizeof id, "%lld", (long long)a->order_id);
    vs_buf_f(b, "\"actualOrderId\":\"%s\",\"actualPrice\":\"%s\",\"actualType\":\"%s\",\"actualQty\":\"%s\",", id,
             vs_d(a->px, s->px_dec), a->order_id != 0 ? vs_type_name[a->req.type] : "",
             vs_d(a->order_id != 0 ? a->qty : 0, s->qty_dec));
  }
  vs_buf_f(b,
           "\"triggerPrice\":\"%s\",\"price\":\"%s\",\"icebergQuantity\":null,\"selfTradePreventionMode\":\"%s\","
           "\"workingType\":\"%s\","
           "\"priceMatch\":\"%s\",\"closePosition\":%s,\"priceProtect\":%s,\"reduceOnly\":%s,\"activatePrice\":\"\","
           "\"callbackRate\":\"\","
           "\"createTime\":%lld,\"updateTime\":%lld,\"triggerTime\":%lld,\"goodTillDate\":%lld}",
           vs_d(a->trigger, s->px_dec), vs_d(a->px, s->px_dec), vs_stp_name[a->req.stp], working_name[a->mark_price ? 1 : 0],
           vs_price_match_name[a->req.price_match], a->close_position ? "true" : "false", a->price_protect ? "true" : "false",
           a->req.reduce_only ? "true" : "false", (long long)a->t_create, (long long)a->t_update, (long long)a->t_trigger,
           (long long)a->gtd);
}

static vs_algo *newest(vs_venue *v, int64_t id, const char *cid, bool open_only) {
  int64_t oldest = v->algo_cnt > VS_ALGO_CNT ? v->algo_cnt - VS_ALGO_CNT : 0;
  for (int64_t k = v->algo_cnt - 1; k >= oldest; k--) {
    vs_algo *a = &v->algo[k % VS_ALGO_CNT];
    if ((id != 0 ? a->id == id : strcmp(a->cid, cid) == 0) && (!open_only || a->status == VS_ALGO_NEW)) {
      return a;
    }
  }
  return NULL;
}

static bool passed(const vs_algo *a, int64_t px) {
  bool stop = a->type == VS_ALGO_STOP || a->type == VS_ALGO_STOP_MARKET;
  bool up = stop == (a->req.side == VS_BUY); /* a buy stop and a sell take-profit wait for higher prices */
  return px != 0 && (up ? px >= a->trigger : px <= a->trigger);
}

static int read_kind(vs_req *r, vs_algo *a) {
  const char *text;
  if (vs_param_need(r, "algoType", &text) != 0) {
    return -1;
  }
  if (strcmp(text, "CONDITIONAL") != 0) {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter 'algoType' is not valid.");
  }
  if (vs_param_need(r, "type", &text) != 0) {
    return -1;
  }
  if (strcmp(text, "TRAILING_STOP_MARKET") == 0) {
    return vs_refuse(&r->rej, 400, -1020, "This operation is not supported (venuesim does not simulate TRAILING_STOP_MARKET).");
  }
  a->type = vs_name_idx(type_name, 4, text);
  if (a->type < 0) {
    return vs_refuse(&r->rej, 400, -1116, "Invalid orderType.");
  }
  a->req.type = a->type == VS_ALGO_STOP || a->type == VS_ALGO_TP ? VS_LIMIT : VS_MARKET;
  if (vs_param_need(r, "side", &text) != 0) {
    return -1;
  }
  a->req.side = vs_name_idx(vs_side_name, 2, text);
  return a->req.side < 0 ? vs_refuse(&r->rej, 400, -1117, "Invalid side.") : 0;
}

/* An optional enumeration parameter. */
static int choice(vs_req *r, const char *name, const char *const *names, int cnt, int dflt, int code, int *out) {
  const char *text = vs_param(r->in, name);
  *out = text != NULL ? vs_name_idx(names, cnt, text) : dflt;
  return *out < 0 ? vs_refuse(&r->rej, 400, code, "Data sent for parameter '%s' is not valid.", name) : 0;
}

static int read_terms(vs_req *r, vs_algo *a) {
  const vs_symbol *s = r->v->sym;
  int working;
  if (choice(r, "timeInForce", vs_tif_name, 5, VS_GTC, -1115, &a->req.tif) != 0 ||
      choice(r, "workingType", working_name, 2, 0, -4031, &working) != 0 ||
      choice(r, "priceMatch", vs_price_match_name, VS_PM_CNT, VS_PM_NONE, -5037, &a->req.price_match) != 0 ||
      choice(r, "selfTradePreventionMode", vs_stp_name, 4, VS_STP_MAKER, -5039, &a->req.stp) != 0 ||
      vs_param_bool(r, "reduceOnly", false, &a->req.reduce_only) != 0 ||
      vs_param_bool(r, "closePosition", false, &a->close_position) != 0 ||
      vs_param_bool(r, "priceProtect", false, &a->price_protect) != 0 ||
      vs_param_i64(r, "goodTillDate", 0, 0, INT64_MAX, &a->gtd) != 0 ||
      vs_read_dec(r, "triggerPrice", true, s->px_dec, &a->trigger) != 0 ||
      vs_read_dec(r, "price", a->req.type == VS_LIMIT && a->req.price_match == VS_PM_NONE, s->px_dec, &a->px) != 0 ||
      vs_read_dec(r, "quantity", !a->close_position, s->qty_dec, &a->qty) != 0) {
    return -1;
  }
  if (a->req.tif == VS_GTD && (a->gtd <= r->now + 600000 || a->gtd >= 253402300799000)) {
    return vs_refuse(
        &r->rej, 400, -5040,
        "The goodTillDate must be greater than the current time plus 600 seconds and smaller than 253402300799000.");
  }
  a->mark_price = working == 1;
  a->req.gtd = a->gtd;
  if (a->trigger <= 0 || a->trigger % s->tick != 0) {
    return vs_refuse(&r->rej, 400, -4014, "Price not increased by tick size.");
  }
  if (a->close_position && (a->qty != 0 || a->req.type == VS_LIMIT)) {
    return vs_refuse(&r->rej, 400, -4137, "Target strategy with closePosition takes no quantity and only a market type.");
  }
  if (a->close_position && a->req.reduce_only) {
    return vs_refuse(&r->rej, 400, -4138, "Reduce only can not be sent with closePosition.");
  }
  if (!a->close_position && (a->qty < s->qty_min || a->qty % s->step != 0)) {
    return vs_refuse(&r->rej, 400, a->qty < s->qty_min ? -4004 : -4023, "Quantity is not valid.");
  }
  return 0;
}

static int read_id(vs_req *r, vs_algo *a) {
  const char *cid = vs_param(r->in, "clientAlgoId");
  if (cid == NULL) {
    (void)snprintf(a->cid, sizeof a->cid, "algo%lld", (long long)(r->v->algo_id + 1));
    return 0;
  }
  size_t n = strlen(cid);
  if (n == 0 || n > 36 || strspn(cid, ".ABCDEFGHIJKLMNOPQRSTUVWXYZ:/abcdefghijklmnopqrstuvwxyz0123456789_-") != n) {
    return vs_refuse(&r->rej, 400, -4015, "Client algo id is not valid.");
  }
  if (newest(r->v, 0, cid, true) != NULL) {
    return vs_refuse(&r->rej, 400, -4116, "ClientAlgoId is duplicated.");
  }
  (void)snprintf(a->cid, sizeof a->cid, "%s", cid);
  return 0;
}

static int place(vs_req *r) {
  vs_venue *v = r->v;
  const vs_symbol *sym;
  vs_algo a;
  memset(&a, 0, sizeof a);
  if (vs_param_symbol(r, true, &sym) != 0 || read_kind(r, &a) != 0) {
    return -1;
  }
  if (sym != v->sym) {
    return vs_refuse(&r->rej, 400, -4140, "Invalid symbol status for opening position.");
  }
  if (read_terms(r, &a) != 0 || read_id(r, &a) != 0) {
    return -1;
  }
  vs_algo *slot = &v->algo[v->algo_cnt % VS_ALGO_CNT];
  if (v->algo_open >= VS_ALGO_OPEN_CNT || (slot->id != 0 && slot->status == VS_ALGO_NEW)) {
    return vs_refuse(&r->rej, 400, -4045, "Reach max stop order limit.");
  }
  if (passed(&a, a.mark_price ? v->feed.mark : v->feed.last_px)) {
    return vs_refuse(&r->rej, 400, -2021, "Order would immediately trigger.");
  }
  a.id = ++v->algo_id;
  a.t_create = a.t_update = r->now;
  a.req.px = a.px;
  a.req.qty = a.qty;
  a.req.close_position = a.close_position;
  *slot = a;
  v->algo_live[v->algo_open++] = (int32_t)(v->algo_cnt % VS_ALGO_CNT);
  v->algo_cnt++;
  vs_user_algo(v, slot);
  vs_user_flush(v);
  algo_json(v, slot, false, r->out);
  return 0;
}

int vs_algo_place(vs_req *r) {
  int rc = place(r);
  if (rc != 0) {
    vs_acct_reject(r->v, r->rej.code);
  }
  return rc;
}

/* Leaves the list of live ones. */
static void retire(vs_venue *v, vs_algo *a, int status) {
  int32_t idx = (int32_t)(a - v->algo);
  for (int k = 0; k < v->algo_open; k++) {
    if (v->algo_live[k] == idx) {
      v->algo_live[k] = v->algo_live[--v->algo_open];
      break;
    }
  }
  a->status = status;
  a->t_update = vs_now_ms();
}

static int find(vs_req *r, bool open_only, int code, vs_algo **out) {
  int64_t id;
  const char *cid = vs_param(r->in, "clientAlgoId");
  if (vs_param_i64(r, "algoId", 0, 0, INT64_MAX, &id) != 0) {
    return -1;
  }
  if (id == 0 && cid == NULL) {
    return vs_refuse(&r->rej, 400, -1102, "Either 'algoId' or 'clientAlgoId' must be sent.");
  }
  *out = newest(r->v, id, cid, open_only);
  if (*out == NULL) {
    return vs_refuse(&r->rej, 400, code, "%s", code == -2011 ? "Unknown order sent." : "Order does not exist.");
  }
  return 0;
}

int vs_algo_cancel(vs_req *r) {
  vs_algo *a;
  if (find(r, true, -2011, &a) != 0) {
    return -1;
  }
  retire(r->v, a, VS_ALGO_CANCELED);
  vs_user_algo(r->v, a);
  vs_user_flush(r->v);
  vs_buf_f(r->out, "{\"algoId\":%lld,\"clientAlgoId\":\"%s\",\"code\":\"200\",\"msg\":\"success\"}", (long long)a->id, a->cid);
  return 0;
}

int vs_algo_cancel_all(vs_req *r) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, true, &sym) != 0) {
    return -1;
  }
  while (sym == r->v->sym && r->v->algo_open > 0) {
    vs_algo *a = &r->v->algo[r->v->algo_live[r->v->algo_open - 1]];
    retire(r->v, a, VS_ALGO_CANCELED);
    vs_user_algo(r->v, a);
  }
  vs_user_flush(r->v);
  vs_buf_s(r->out, "{\"code\":200,\"msg\":\"The operation of cancel all open order is done.\"}");
  return 0;
}

int vs_algo_get(vs_req *r) {
  vs_algo *a;
  if (find(r, false, -2013, &a) != 0) {
    return -1;
  }
  algo_json(r->v, a, true, r->out);
  return 0;
}

static int list(vs_req *r, bool open_only) {
  const vs_venue *v = r->v;
  const vs_symbol *sym;
  if (vs_param_symbol(r, !open_only, &sym) != 0) {
    return -1;
  }
  int64_t oldest = v->algo_cnt > VS_ALGO_CNT ? v->algo_cnt - VS_ALGO_CNT : 0;
  bool first = true;
  vs_buf_c(r->out, '[');
  for (int64_t k = oldest; k < v->algo_cnt && (sym == NULL || sym == v->sym); k++) {
    const vs_algo *a = &v->algo[k % VS_ALGO_CNT];
    if (!open_only || a->status == VS_ALGO_NEW) {
      vs_buf_s(r->out, first ? "" : ",");
      algo_json(v, a, true, r->out);
      first = false;
    }
  }
  vs_buf_c(r->out, ']');
  return 0;
}

int vs_algo_open(vs_req *r) {
  return list(r, true);
}

int vs_algo_all(vs_req *r) {
  return list(r, false);
}

static void trigger(vs_venue *v, vs_algo *a) {
  vs_order_req req = a->req;
  vs_reject rej;
  int32_t slot;
  retire(v, a, VS_ALGO_TRIGGERING);
  a->t_trigger = a->t_update;
  vs_user_algo(v, a);
  if (a->close_position) {
    req.reduce_only = true;
    req.qty = vs_closable(v, req.side);
    a->qty = req.qty;
    if (req.qty == 0) { /* nothing to close */
      a->status = VS_ALGO_EXPIRED;
      vs_user_algo(v, a);
      vs_user_flush(v);
      return;
    }
  }
  if (vs_order_by_cid(v, a->cid, true) == VS_NONE) {
    memcpy(req.cid, a->cid, sizeof req.cid);
  }
  if (vs_place(v, &req, false, &rej, &slot) != 0) {
    a->status = VS_ALGO_REJECTED;
    a->reject_code = rej.code;
    vs_user_algo(v, a);
    vs_user_flush(v);
    return;
  }
  a->order_id = v->order[slot].id;
  a->status = VS_ALGO_TRIGGERED;
  vs_user_algo(v, a);
  a->status = VS_ALGO_FINISHED;
  vs_user_algo(v, a);
  vs_user_flush(v);
}

void vs_algo_check(vs_venue *v, bool mark) {
  int64_t px = mark ? v->feed.mark : v->feed.last_px;
  int64_t now = mark && v->algo_open > 0 ? vs_now_ms() : 0; /* good-till-date ends with the mark price's second */
  for (int k = v->algo_open - 1; k >= 0; k--) {
    vs_algo *a = &v->algo[v->algo_live[k]];
    if (a->req.tif == VS_GTD && now >= a->gtd) {
      retire(v, a, VS_ALGO_EXPIRED);
      vs_user_algo(v, a);
      vs_user_flush(v);
    } else if (a->mark_price == mark && passed(a, px)) {
      trigger(v, a);
      k = k < v->algo_open ? k : v->algo_open; /* the list may have shrunk */
    }
  }
}

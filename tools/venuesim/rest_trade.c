/* rest_trade.c - order entry and order queries; the same handlers serve REST and ws-api. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "vs.h"

static int place(vs_req *r, bool test_only) {
  vs_order_req req;
  bool result;
  int32_t slot;
  if (vs_order_req_read(r, &req, &result) != 0) {
    if (!test_only) {
      vs_acct_reject(r->v, r->rej.code);
    }
    return -1;
  }
  if (vs_place(r->v, &req, test_only, &r->rej, &slot) != 0) {
    return -1;
  }
  if (test_only) {
    vs_buf_s(r->out, "{}");
    return 0;
  }
  const vs_order *o = &r->v->order[slot];
  bool final_view = result && (o->type == VS_MARKET || o->tif == VS_IOC || o->tif == VS_FOK);
  vs_order_json(r->v, o, final_view ? VS_VIEW_ACK : VS_VIEW_ACK_NEW, r->out);
  return 0;
}

int vs_h_order_place(vs_req *r) {
  return place(r, false);
}

int vs_h_order_test(vs_req *r) {
  return place(r, true);
}

static int modify_values(vs_req *r, const vs_order *o, int64_t *px, int64_t *qty, int *pm) {
  const char *text = vs_param(r->in, "priceMatch");
  const char *side;
  *pm = text != NULL ? vs_name_idx(vs_price_match_name, VS_PM_CNT, text) : VS_PM_NONE;
  if (*pm < 0) {
    return vs_refuse(&r->rej, 400, -5037, "Invalid price match.");
  }
  if (vs_param_need(r, "side", &side) != 0) {
    return -1;
  }
  int s = vs_name_idx(vs_side_name, 2, side);
  if (s < 0) {
    return vs_refuse(&r->rej, 400, -1117, "Invalid side.");
  }
  if (s != o->side) {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter 'side' is not valid.");
  }
  if (vs_read_dec(r, "quantity", true, r->v->sym->qty_dec, qty) != 0) {
    return -1;
  }
  return vs_read_dec(r, "price", *pm == VS_PM_NONE, r->v->sym->px_dec, px);
}

int vs_h_order_modify(vs_req *r) {
  int32_t slot;
  int64_t px;
  int64_t qty;
  int64_t id;
  int pm;
  if (vs_order_find(r, -2013, true, &slot) != 0 || modify_values(r, &r->v->order[slot], &px, &qty, &pm) != 0 ||
      vs_param_i64(r, "modifyId", 0, INT64_MIN, INT64_MAX, &id) != 0) {
    vs_acct_reject(r->v, r->rej.code);
    return -1;
  }
  const int64_t *modify_id = vs_param(r->in, "modifyId") != NULL ? &id : NULL;
  if (vs_amend_order(r->v, slot, px, qty, pm, modify_id, &r->rej) != 0) {
    return -1;
  }
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_MODIFY, r->out);
  return 0;
}

int vs_h_order_cancel(vs_req *r) {
  int32_t slot;
  if (vs_order_find(r, -2011, true, &slot) != 0) {
    vs_acct_reject(r->v, r->rej.code);
    return -1;
  }
  vs_cancel(r->v, slot, VS_CANCELED, 0);
  vs_txn_end(r->v);
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_ACK, r->out);
  return 0;
}

int vs_h_order_get(vs_req *r) {
  int32_t slot;
  if (vs_order_find(r, -2013, false, &slot) != 0) {
    return -1;
  }
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_FULL, r->out);
  return 0;
}

int vs_h_open_order(vs_req *r) {
  int32_t slot;
  if (vs_order_find(r, -2013, true, &slot) != 0) {
    return -1;
  }
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_FULL, r->out);
  return 0;
}

/* ---- batches ---- */

static void sub_error(vs_buf *out, const vs_reject *rej) {
  vs_buf_f(out, "{\"code\":%d,\"msg\":", rej->code);
  vs_buf_json(out, rej->msg);
  vs_buf_c(out, '}');
}

static int batch(vs_req *r, vs_handler one) {
  const char *text;
  if (vs_param_need(r, "batchOrders", &text) != 0) {
    return -1;
  }
  json_error_t err;
  json_t *list = json_loads(text, 0, &err);
  size_t cnt = json_array_size(list);
  if (!json_is_array(list) || cnt == 0 || cnt > 5) {
    json_decref(list);
    return cnt > 5 ? vs_refuse(&r->rej, 400, -4082, "Invalid number of batch place orders: at most 5.")
                   : vs_refuse(&r->rej, 400, -1130, "Data sent for parameter 'batchOrders' is not valid.");
  }
  vs_buf_c(r->out, '[');
  for (size_t k = 0; k < cnt; k++) {
    vs_params p = {.cnt = 0};
    vs_buf one_out;
    vs_req sub = {.v = r->v, .in = &p, .out = &one_out, .ws_api = r->ws_api, .now = r->now};
    vs_buf_init(&one_out, 65536);
    json_t *row = json_array_get(list, k);
    int rc = json_is_object(row) ? vs_params_from_json(&p, row, &sub.rej)
                                 : vs_refuse(&sub.rej, 400, -1130, "Data sent for parameter 'batchOrders' is not valid.");
    rc = rc == 0 ? one(&sub) : rc;
    vs_buf_s(r->out, k > 0 ? "," : "");
    if (rc == 0) {
      vs_buf_put(r->out, one_out.p, one_out.len);
    } else {
      sub_error(r->out, &sub.rej);
    }
    vs_buf_free(&one_out);
    vs_params_free(&p);
  }
  vs_buf_c(r->out, ']');
  json_decref(list);
  return 0;
}

int vs_h_batch_place(vs_req *r) {
  return batch(r, vs_h_order_place);
}

int vs_h_batch_modify(vs_req *r) {
  return batch(r, vs_h_order_modify);
}

static void cancel_listed(vs_req *r, const json_t *key, bool first) {
  vs_reject rej;
  int32_t slot = VS_NONE;
  if (json_is_integer(key)) {
    slot = vs_order_by_id(r->v, json_integer_value(key));
  } else if (json_is_string(key)) {
    slot = vs_order_by_cid(r->v, json_string_value(key), true);
  }
  vs_buf_s(r->out, first ? "" : ",");
  if (slot == VS_NONE || vs_order_hidden(&r->v->order[slot]) || !vs_order_is_open(&r->v->order[slot])) {
    (void)vs_refuse(&rej, 400, -2011, "Unknown order sent.");
    vs_acct_reject(r->v, -2011);
    sub_error(r->out, &rej);
    return;
  }
  vs_cancel(r->v, slot, VS_CANCELED, 0);
  vs_txn_end(r->v);
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_ACK, r->out);
}

int vs_h_batch_cancel(vs_req *r) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, true, &sym) != 0) {
    return -1;
  }
  const char *text = vs_param(r->in, "orderIdList");
  text = text != NULL ? text : vs_param(r->in, "origClientOrderIdList");
  if (text == NULL) {
    return vs_refuse(&r->rej, 400, -1102, "Either 'orderIdList' or 'origClientOrderIdList' must be sent.");
  }
  json_error_t err;
  json_t *list = json_loads(text, 0, &err);
  size_t cnt = json_array_size(list);
  if (!json_is_array(list) || cnt == 0 || cnt > 10) {
    json_decref(list);
    return cnt > 10 ? vs_refuse(&r->rej, 400, -4032, "Exceed maximum cancel order size: at most 10.")
                    : vs_refuse(&r->rej, 400, -1130, "Data sent for the list is not valid.");
  }
  vs_buf_c(r->out, '[');
  for (size_t k = 0; k < cnt; k++) {
    cancel_listed(r, json_array_get(list, k), k == 0);
  }
  vs_buf_c(r->out, ']');
  json_decref(list);
  return 0;
}

int vs_h_cancel_all(vs_req *r) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, true, &sym) != 0) {
    return -1;
  }
  if (sym == r->v->sym && vs_cancel_all(r->v) > 0) {
    vs_txn_end(r->v);
  }
  vs_buf_s(r->out, "{\"code\":200,\"msg\":\"The operation of cancel all open order is done.\"}");
  return 0;
}

int vs_h_countdown(vs_req *r) {
  const vs_symbol *sym;
  const char *unused;
  int64_t ms;
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_need(r, "countdownTime", &unused) != 0 ||
      vs_param_i64(r, "countdownTime", 0, 0, 86400000LL * 30, &ms) != 0) {
    return -1;
  }
  if (sym == r->v->sym) {
    vs_countdown_arm(r->v, ms);
  }
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"countdownTime\":\"%lld\"}", sym->name, (long long)ms);
  return 0;
}

/* ---- lists ---- */

int vs_h_open_orders(vs_req *r) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, false, &sym) != 0) {
    return -1;
  }
  vs_buf_c(r->out, '[');
  bool first = true;
  for (int k = 0; k < r->v->open_cnt && (sym == NULL || sym == r->v->sym); k++) {
    if (vs_order_hidden(&r->v->order[r->v->open[k]])) {
      continue;
    }
    vs_buf_s(r->out, first ? "" : ",");
    first = false;
    vs_order_json(r->v, &r->v->order[r->v->open[k]], VS_VIEW_FULL, r->out);
  }
  vs_buf_c(r->out, ']');
  return 0;
}

typedef struct window {
  int64_t order_id, start, end, from_id, limit;
  bool traded;
} window;

static int read_window(vs_req *r, window *w) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_i64(r, "orderId", 0, 0, INT64_MAX, &w->order_id) != 0 ||
      vs_param_i64(r, "startTime", 0, 0, INT64_MAX, &w->start) != 0 ||
      vs_param_i64(r, "endTime", INT64_MAX, 0, INT64_MAX, &w->end) != 0 ||
      vs_param_i64(r, "fromId", -1, 0, INT64_MAX, &w->from_id) != 0 || vs_param_i64(r, "limit", 500, 1, 1000, &w->limit) != 0) {
    return -1;
  }
  if (w->start > 0 && w->end != INT64_MAX && w->end - w->start > 7 * 86400000LL) {
    return vs_refuse(&r->rej, 400, -1127, "More than 7 days between startTime and endTime.");
  }
  w->traded = sym == r->v->sym;
  return 0;
}

/* Oldest first; without a start the newest `limit` are given. */
int vs_h_all_orders(vs_req *r) {
  const vs_venue *v = r->v;
  window w;
  if (read_window(r, &w) != 0) {
    return -1;
  }
  int32_t used = v->order_cnt < VS_ORDER_CNT ? (int32_t)v->order_cnt : VS_ORDER_CNT;
  int32_t oldest = used < VS_ORDER_CNT ? 0 : v->order_seq;
  int64_t matched = 0;
  for (int pass = 0; pass < 2; pass++) {
    int64_t nth = 0;
    int64_t skip = w.order_id == 0 && w.start == 0 && matched > w.limit ? matched - w.limit : 0;
    int64_t sent = 0;
    if (pass == 1) {
      vs_buf_c(r->out, '[');
    }
    for (int32_t k = 0; w.traded && k < used; k++) {
      const vs_order *o = &v->order[(oldest + k) % VS_ORDER_CNT];
      if (o->id == 0 || vs_order_hidden(o) || o->id < w.order_id || o->t_create < w.start || o->t_create > w.end) {
        continue;
      }
      if (nth++ < skip || pass == 0 || sent == w.limit) {
        continue;
      }
      vs_buf_s(r->out, sent++ > 0 ? "," : "");
      vs_order_json(v, o, VS_VIEW_FULL, r->out);
    }
    matched = nth;
  }
  vs_buf_c(r->out, ']');
  return 0;
}

static void fill_row(const vs_venue *v, const vs_fill *f, vs_buf *out) {
  const vs_symbol *s = v->sym;
  vs_buf_f(
      out,
      "{\"symbol\":\"%s\",\"id\":%lld,\"orderId\":%lld,\"side\":\"%s\",\"positionSide\":\"BOTH\",\"price\":\"%s\",\"qty\":\"%"
      "s\","
      "\"quoteQty\":\"%s\",\"realizedPnl\":\"%s\",\"commission\":\"%s\",\"commissionAsset\":\"USDT\",\"marginAsset\":\"USDT\","
      "\"buyer\":%s,\"maker\":%s,\"time\":%lld}",
      s->name, (long long)f->id, (long long)f->order_id, vs_side_name[f->side], vs_d(f->px, s->px_dec),
      vs_d(f->qty, s->qty_dec), vs_dtrim(f->quote), f->rp != 0 ? vs_d(f->rp, 8) : "0", vs_d(f->commission, 8),
      f->side == VS_BUY ? "true" : "false", f->maker ? "true" : "false", (long long)f->time);
}

int vs_h_user_trades(vs_req *r) {
  const vs_venue *v = r->v;
  window w;
  if (read_window(r, &w) != 0) {
    return -1;
  }
  int64_t oldest = v->fill_cnt > VS_FILL_CNT ? v->fill_cnt - VS_FILL_CNT : 0;
  bool newest = w.from_id < 0 && w.start == 0;
  int64_t matched = 0;
  for (int64_t k = oldest; newest && k < v->fill_cnt; k++) {
    const vs_fill *f = &v->fill[k % VS_FILL_CNT];
    matched += (w.order_id == 0 || f->order_id == w.order_id) && f->time <= w.end;
  }
  int64_t skip = matched > w.limit ? matched - w.limit : 0;
  int64_t sent = 0;
  vs_buf_c(r->out, '[');
  for (int64_t k = oldest; w.traded && k < v->fill_cnt && sent < w.limit; k++) {
    const vs_fill *f = &v->fill[k % VS_FILL_CNT];
    if ((w.order_id != 0 && f->order_id != w.order_id) || f->id < w.from_id || f->time < w.start || f->time > w.end ||
        skip-- > 0) {
      continue;
    }
    vs_buf_s(r->out, sent++ > 0 ? "," : "");
    fill_row(v, f, r->out);
  }
  vs_buf_c(r->out, ']');
  return 0;
}

int vs_h_amendments(vs_req *r) {
  const vs_venue *v = r->v;
  const vs_symbol *s = v->sym;
  const char *cid = vs_param(r->in, "origClientOrderId");
  window w;
  if (read_window(r, &w) != 0) {
    return -1;
  }
  int64_t oldest = v->amend_cnt > VS_AMEND_CNT ? v->amend_cnt - VS_AMEND_CNT : 0;
  int64_t sent = 0;
  vs_buf_c(r->out, '[');
  for (int64_t k = v->amend_cnt - 1; w.traded && k >= oldest && sent < (w.limit < 100 ? w.limit : 100); k--) {
    const vs_amend *a = &v->amend[k % VS_AMEND_CNT];
    if ((w.order_id != 0 && a->order_id != w.order_id) || (w.order_id == 0 && cid != NULL && strcmp(cid, a->cid) != 0)) {
      continue;
    }
    vs_buf_f(
        r->out,
        "%s{\"amendmentId\":%lld,\"symbol\":\"%s\",\"pair\":\"%s\",\"orderId\":%lld,\"clientOrderId\":\"%s\",\"time\":%lld,"
        "\"amendment\":{\"price\":{\"before\":\"%s\",\"after\":\"%s\"},\"origQty\":{\"before\":\"%s\",\"after\":\"%s\"},"
        "\"count\":%d}}",
        sent++ > 0 ? "," : "", (long long)a->id, s->name, s->name, (long long)a->order_id, a->cid, (long long)a->time,
        vs_d(a->px_was, s->px_dec), vs_d(a->px_now, s->px_dec), vs_d(a->qty_was, s->qty_dec), vs_d(a->qty_now, s->qty_dec),
        a->nth + 1);
  }
  vs_buf_c(r->out, ']');
  return 0;
}

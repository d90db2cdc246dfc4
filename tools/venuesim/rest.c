/* rest.c - REST: route table, weights, security, signature over the bytes as transmitted, headers.
 * Errors: {"code","msg"} with 4xx; a catalogue path that is not simulated answers -1020, an unknown path 404 / -5000. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

/* Weights that depend on parameters. */
enum { W_DEPTH = -1, W_KLINES = -2, W_ALL_40 = -3, W_PREMIUM = -4, W_PRICE = -5, W_BOOK = -6, W_FORCE = -7 };

typedef struct route {
  const char *method;
  const char *path;
  int sec;
  int weight;
  int oc_10s, oc_1m; /* order counts */
  vs_handler fn;     /* NULL: in the catalogue, not simulated */
} route;

#define R(method, path, sec, weight, a, b, fn) \
  { method, "/fapi/" path, sec, weight, a, b, fn }

static int h_ping(vs_req *r) {
  vs_buf_s(r->out, "{}");
  return 0;
}

static int h_time(vs_req *r) {
  vs_buf_f(r->out, "{\"serverTime\":%lld}", (long long)r->now);
  return 0;
}

static int h_info(vs_req *r) {
  vs_exchange_info(r->v, r->out);
  return 0;
}

static int h_rate_limit(vs_req *r) {
  vs_rl_json(r->v, r->now, true, r->out);
  return 0;
}

static const route routes[] = {
    R("GET", "v1/ping", VS_SEC_NONE, 1, 0, 0, h_ping),
    R("GET", "v1/time", VS_SEC_NONE, 1, 0, 0, h_time),
    R("GET", "v1/exchangeInfo", VS_SEC_NONE, 1, 0, 0, h_info),
    R("GET", "v1/depth", VS_SEC_NONE, W_DEPTH, 0, 0, vs_h_depth),
    R("GET", "v1/rpiDepth", VS_SEC_NONE, 20, 0, 0, NULL),
    R("GET", "v1/trades", VS_SEC_NONE, 5, 0, 0, vs_h_trades),
    R("GET", "v1/historicalTrades", VS_SEC_KEY, 20, 0, 0, vs_h_trades),
    R("GET", "v1/aggTrades", VS_SEC_NONE, 20, 0, 0, vs_h_agg_trades),
    R("GET", "v1/klines", VS_SEC_NONE, W_KLINES, 0, 0, vs_h_klines),
    R("GET", "v1/continuousKlines", VS_SEC_NONE, W_KLINES, 0, 0, NULL),
    R("GET", "v1/indexPriceKlines", VS_SEC_NONE, W_KLINES, 0, 0, NULL),
    R("GET", "v1/markPriceKlines", VS_SEC_NONE, W_KLINES, 0, 0, NULL),
    R("GET", "v1/premiumIndexKlines", VS_SEC_NONE, W_KLINES, 0, 0, NULL),
    R("GET", "v1/premiumIndex", VS_SEC_NONE, W_PREMIUM, 0, 0, vs_h_premium_index),
    R("GET", "v1/fundingRate", VS_SEC_NONE, 0, 0, 0, vs_h_funding_rate),
    R("GET", "v1/fundingInfo", VS_SEC_NONE, 0, 0, 0, vs_h_funding_info),
    R("GET", "v1/ticker/24hr", VS_SEC_NONE, W_ALL_40, 0, 0, vs_h_ticker24),
    R("GET", "v1/ticker/price", VS_SEC_NONE, W_PRICE, 0, 0, vs_h_price),
    R("GET", "v2/ticker/price", VS_SEC_NONE, W_PRICE, 0, 0, vs_h_price),
    R("GET", "v1/ticker/bookTicker", VS_SEC_NONE, W_BOOK, 0, 0, vs_h_book_ticker),
    R("GET", "v1/openInterest", VS_SEC_NONE, 1, 0, 0, vs_h_open_interest),
    R("POST", "v1/order", VS_SEC_SIGNED, 0, 1, 1, vs_h_order_place),
    R("POST", "v1/order/test", VS_SEC_SIGNED, 0, 0, 0, vs_h_order_test),
    R("PUT", "v1/order", VS_SEC_SIGNED, 0, 1, 1, vs_h_order_modify),
    R("DELETE", "v1/order", VS_SEC_SIGNED, 1, 0, 0, vs_h_order_cancel),
    R("GET", "v1/order", VS_SEC_SIGNED, 1, 0, 0, vs_h_order_get),
    R("POST", "v1/batchOrders", VS_SEC_SIGNED, 5, 5, 1, vs_h_batch_place),
    R("PUT", "v1/batchOrders", VS_SEC_SIGNED, 5, 5, 1, vs_h_batch_modify),
    R("DELETE", "v1/batchOrders", VS_SEC_SIGNED, 1, 0, 0, vs_h_batch_cancel),
    R("DELETE", "v1/allOpenOrders", VS_SEC_SIGNED, 1, 0, 0, vs_h_cancel_all),
    R("POST", "v1/countdownCancelAll", VS_SEC_SIGNED, 10, 0, 0, vs_h_countdown),
    R("GET", "v1/openOrder", VS_SEC_SIGNED, 1, 0, 0, vs_h_open_order),
    R("GET", "v1/openOrders", VS_SEC_SIGNED, W_ALL_40, 0, 0, vs_h_open_orders),
    R("GET", "v1/allOrders", VS_SEC_SIGNED, 5, 0, 0, vs_h_all_orders),
    R("GET", "v1/orderAmendment", VS_SEC_SIGNED, 1, 0, 0, vs_h_amendments),
    R("GET", "v1/userTrades", VS_SEC_SIGNED, 5, 0, 0, vs_h_user_trades),
    R("GET", "v2/balance", VS_SEC_SIGNED, 5, 0, 0, vs_h_balance),
    R("GET", "v3/balance", VS_SEC_SIGNED, 5, 0, 0, vs_h_balance),
    R("GET", "v2/account", VS_SEC_SIGNED, 5, 0, 0, vs_h_account_v2),
    R("GET", "v3/account", VS_SEC_SIGNED, 5, 0, 0, vs_h_account),
    R("GET", "v2/positionRisk", VS_SEC_SIGNED, 5, 0, 0, vs_h_positions_v2),
    R("GET", "v3/positionRisk", VS_SEC_SIGNED, 5, 0, 0, vs_h_positions),
    R("GET", "v1/accountConfig", VS_SEC_SIGNED, 5, 0, 0, vs_h_account_config),
    R("GET", "v1/symbolConfig", VS_SEC_SIGNED, 5, 0, 0, vs_h_symbol_config),
    R("GET", "v1/leverageBracket", VS_SEC_SIGNED, 1, 0, 0, vs_h_brackets),
    R("GET", "v1/commissionRate", VS_SEC_SIGNED, 20, 0, 0, vs_h_commission_rate),
    R("GET", "v1/income", VS_SEC_SIGNED, 30, 0, 0, vs_h_income),
    R("GET", "v1/positionSide/dual", VS_SEC_SIGNED, 30, 0, 0, vs_h_dual_get),
    R("POST", "v1/positionSide/dual", VS_SEC_SIGNED, 1, 0, 0, vs_h_dual_set),
    R("GET", "v1/multiAssetsMargin", VS_SEC_SIGNED, 30, 0, 0, vs_h_multi_get),
    R("POST", "v1/multiAssetsMargin", VS_SEC_SIGNED, 1, 0, 0, vs_h_multi_set),
    R("POST", "v1/leverage", VS_SEC_SIGNED, 1, 0, 0, vs_h_leverage),
    R("POST", "v1/marginType", VS_SEC_SIGNED, 1, 0, 0, vs_h_margin_type),
    R("POST", "v1/positionMargin", VS_SEC_SIGNED, 1, 0, 0, NULL),
    R("GET", "v1/adlQuantile", VS_SEC_SIGNED, 5, 0, 0, vs_h_adl),
    R("GET", "v1/forceOrders", VS_SEC_SIGNED, W_FORCE, 0, 0, vs_h_empty_list),
    R("POST", "v1/listenKey", VS_SEC_KEY, 1, 0, 0, vs_listen_key_start),
    R("PUT", "v1/listenKey", VS_SEC_KEY, 1, 0, 0, vs_listen_key_ping),
    R("DELETE", "v1/listenKey", VS_SEC_KEY, 1, 0, 0, vs_listen_key_stop),
    R("POST", "v1/algoOrder", VS_SEC_SIGNED, 0, 1, 1, vs_algo_place),
    R("GET", "v1/algoOrder", VS_SEC_SIGNED, 1, 0, 0, vs_algo_get),
    R("DELETE", "v1/algoOrder", VS_SEC_SIGNED, 1, 0, 0, vs_algo_cancel),
    R("GET", "v1/openAlgoOrders", VS_SEC_SIGNED, W_ALL_40, 0, 0, vs_algo_open),
    R("GET", "v1/allAlgoOrders", VS_SEC_SIGNED, 5, 0, 0, vs_algo_all),
    R("DELETE", "v1/algoOpenOrders", VS_SEC_SIGNED, 1, 0, 0, vs_algo_cancel_all),
    R("GET", "v1/rateLimit/order", VS_SEC_SIGNED, 1, 0, 0, h_rate_limit),
};

static int64_t limit_param(const vs_params *p, int64_t dflt) {
  const char *text = vs_param(p, "limit");
  int64_t n;
  return text != NULL && vs_int_parse(text, &n) == 0 ? n : dflt;
}

int vs_depth_weight(const vs_params *p) {
  int64_t n = limit_param(p, 500);
  return n <= 50 ? 2 : n <= 100 ? 5 : n <= 500 ? 10 : 20;
}

static int weight_of(const route *rt, const vs_params *p) {
  const char *symbol = vs_param(p, "symbol");
  int64_t n = limit_param(p, 500);
  switch (rt->weight) {
    case W_DEPTH:
      return vs_depth_weight(p);
    case W_KLINES:
      return n < 100 ? 1 : n < 500 ? 2 : n <= 1000 ? 5 : 10;
    case W_ALL_40:
      return symbol != NULL ? 1 : 40;
    case W_PREMIUM:
      return symbol != NULL ? 1 : 10;
    case W_PRICE:
      return symbol != NULL ? 1 : 2;
    case W_BOOK:
      return symbol != NULL ? 2 : 5;
    case W_FORCE:
      return symbol != NULL ? 20 : 50;
    default:
      return rt->weight;
  }
}

/* Appends text without its signature parameter, everything else byte for byte. */
static void strip_signature(vs_buf *out, const char *text, size_t len) {
  const char *end = text + len;
  bool first = true;
  while (text < end) {
    const char *amp = memchr(text, '&', (size_t)(end - text));
    size_t n = (size_t)((amp != NULL ? amp : end) - text);
    if (n < 10 || strncmp(text, "signature=", 10) != 0) {
      if (!first) {
        vs_buf_c(out, '&');
      }
      vs_buf_put(out, text, n);
      first = false;
    }
    if (amp == NULL) {
      break;
    }
    text = amp + 1;
  }
}

static int check_signature(vs_req *r, int key, const char *query, const vs_buf *body) {
  const char *sig;
  if (vs_param_need(r, "signature", &sig) != 0) {
    return -1;
  }
  vs_buf text;
  vs_buf_init(&text, 2 * VS_BODY_BYTES + 32768);
  vs_buf_s(&text, "");
  if (query != NULL) {
    strip_signature(&text, query, strlen(query));
  }
  if (body->len > 0) {
    strip_signature(&text, body->p, body->len);
  }
  bool ok = !text.over && vs_sig_ok(&r->v->keyring[key], text.p, text.len, sig);
  vs_buf_free(&text);
  if (!ok) {
    r->v->auth_failures++;
    return vs_refuse(&r->rej, 400, -1022, "Signature for this request is not valid.");
  }
  return 0;
}

/* What a script and the report call it. */
static int class_of(const route *rt) {
  static const struct {
    vs_handler fn;
    int cls;
  } by_handler[] = {{vs_h_order_place, VS_CL_PLACE},
                    {vs_h_order_modify, VS_CL_MODIFY},
                    {vs_h_order_cancel, VS_CL_CANCEL},
                    {vs_h_order_get, VS_CL_STATUS},
                    {vs_h_open_order, VS_CL_STATUS},
                    {vs_h_batch_place, VS_CL_PLACE},
                    {vs_h_batch_modify, VS_CL_MODIFY},
                    {vs_h_batch_cancel, VS_CL_CANCEL},
                    {vs_h_cancel_all, VS_CL_CANCEL},
                    {vs_h_open_orders, VS_CL_LIST},
                    {vs_h_all_orders, VS_CL_LIST},
                    {vs_h_user_trades, VS_CL_TRADES},
                    {vs_h_countdown, VS_CL_COUNTDOWN},
                    {vs_listen_key_start, VS_CL_LISTENKEY},
                    {vs_listen_key_ping, VS_CL_LISTENKEY},
                    {vs_listen_key_stop, VS_CL_LISTENKEY},
                    {h_time, VS_CL_TIME},
                    {h_info, VS_CL_INFO},
                    {vs_h_depth, VS_CL_DEPTH}};
  for (size_t k = 0; k < sizeof by_handler / sizeof by_handler[0]; k++) {
    if (rt->fn == by_handler[k].fn) {
      return by_handler[k].cls;
    }
  }
  return rt->sec == VS_SEC_SIGNED ? VS_CL_ACCOUNT : VS_CL_MARKET;
}

static int serve(vs_req *r, const vs_sess *s, const route *rt, const char *query) {
  vs_venue *v = r->v;
  int key = -1;
  if (vs_rl_weight(v, weight_of(rt, r->in), r->now, &r->rej) != 0) {
    return -1;
  }
  if (rt->sec != VS_SEC_NONE && vs_auth_key(v, s->api_key, &key, &r->rej) != 0) {
    return -1;
  }
  if (rt->sec == VS_SEC_SIGNED && (vs_auth_time(r) != 0 || check_signature(r, key, query, &s->body) != 0)) {
    return -1;
  }
  if (rt->oc_10s > 0) {
    if (vs_rl_orders(v, rt->oc_10s, rt->oc_1m, r->now, &r->rej) != 0) {
      vs_acct_reject(v, r->rej.code);
      return -1;
    }
    r->order_counted = true;
  }
  if (rt->fn == NULL) {
    return vs_refuse(&r->rej, 400, -1020, "This operation is not supported (venuesim does not simulate %s).", rt->path);
  }
  return vs_fault_run(r, rt->fn, class_of(rt), rt->sec == VS_SEC_SIGNED);
}

static const route *find_route(const char *method, const char *path) {
  for (size_t k = 0; k < sizeof routes / sizeof routes[0]; k++) {
    if (strcmp(routes[k].path, path) == 0 && strcmp(routes[k].method, method) == 0) {
      return &routes[k];
    }
  }
  return NULL;
}

int vs_rest_answer(vs_venue *v, vs_req *r, int rc, vs_buf *hdr) {
  int status = 200;
  if (rc == 0 && v->reply.over) {
    rc = vs_refuse(&r->rej, 500, -1000, "An unknown error occurred while processing the request.");
  }
  if (rc != 0) {
    status = r->rej.http;
    vs_buf_clear(&v->reply);
    if (status == 403 && r->rej.code == 0) {
      vs_buf_s(&v->reply, "<html><body>403 Forbidden</body></html>");
    } else if (status == 503 && r->rej.code == 0) { /* the venue's 503 carries its word in the text only */
      vs_buf_s(&v->reply, "{\"msg\":");
      vs_buf_json(&v->reply, r->rej.msg);
      vs_buf_c(&v->reply, '}');
    } else {
      vs_buf_f(&v->reply, "{\"code\":%d,\"msg\":", r->rej.code);
      vs_buf_json(&v->reply, r->rej.msg);
      vs_buf_c(&v->reply, '}');
    }
  }
  vs_buf_f(hdr, "X-MBX-USED-WEIGHT-1M: %lld\r\n", (long long)v->rl.weight);
  if (r->order_counted) {
    vs_buf_f(hdr, "X-MBX-ORDER-COUNT-10S: %lld\r\nX-MBX-ORDER-COUNT-1M: %lld\r\n", (long long)v->rl.orders_10s,
             (long long)v->rl.orders_1m);
  }
  if (r->retry_s > 0) {
    vs_buf_f(hdr, "Retry-After: %d\r\n", r->retry_s);
  }
  return status;
}

/* The answer, or what a fault does with it. */
static int finish(vs_req *r, int rc, vs_params *params, vs_sess *s, vs_buf *hdr) {
  vs_venue *v = r->v;
  if (r->later != NULL) {
    bool awaited = r->reply == VS_REPLY_YES || r->reply == VS_REPLY_LATE;
    vs_job_run(v, r, params, awaited ? s : NULL, "", false);
    if (awaited) {
      return VS_HTTP_HOLD;
    }
  }
  if (r->reply == VS_REPLY_NONE || r->reply == VS_REPLY_CUT) {
    return r->reply == VS_REPLY_NONE ? VS_HTTP_HOLD : VS_HTTP_CUT;
  }
  int status = vs_rest_answer(v, r, rc, hdr);
  if (r->reply == VS_REPLY_LATE) {
    vs_job_reply(v, r, s, status, hdr);
    return VS_HTTP_HOLD;
  }
  return status;
}

int vs_rest(vs_venue *v, vs_sess *s, vs_buf *hdr) {
  vs_params params = {.cnt = 0};
  vs_req r = {.v = v, .in = &params, .out = &v->reply, .now = vs_now_ms()};
  vs_buf_clear(&v->reply);
  vs_buf_s(&v->reply, "");
  v->requests++;
  char *query = strchr(s->target, '?');
  if (query != NULL) {
    *query++ = '\0';
  }
  int rc = vs_params_parse(&params, query, s->body.p, s->body.len, &r.rej);
  const route *rt = find_route(s->method, s->target);
  int cls = rt != NULL ? class_of(rt) : VS_CL_OTHER;
  v->requests_by_class[cls]++;
  if (vs_fault_banned(v, cls, false, &r.rej, &r.retry_s)) {
    rc = -1;
  } else if (rc == 0 && rt == NULL) {
    rc = vs_rl_weight(v, 1, r.now, &r.rej);
    rc = rc == 0 ? vs_refuse(&r.rej, 404, -5000, "Path %.100s, Method %s is invalid", s->target, s->method) : rc;
  } else if (rc == 0) {
    rc = serve(&r, s, rt, query);
  }
  int status = finish(&r, rc, &params, s, hdr);
  vs_params_free(&params);
  return status;
}

#include <ctype.h>
#include <jansson.h>
#include <math.h>

#include "support.h"

/* A well-known client's own expectations: unified call -> URL and parameters. Ours must be the same set of names and values.
 * Not compared: what differs by run (timestamp, signature, ids made up by the client) and recvWindow.
 * Where the venue's current page differs, the page wins; such cases are named here:
 *   - algoOrder: the client sends newClientOrderId, the page says clientAlgoId (both are ids made up by the client);
 *   - DELETE batchOrders: the client spells origclientorderidlist, the page origClientOrderIdList: names compare without case;
 *   - papi.binance.com (portfolio margin) is another product: not built, counted as foreign. */

enum { PAIR_MAX = 64 };
typedef struct pairs {
  size_t cnt;
  char name[PAIR_MAX][64], value[PAIR_MAX][1024];
} pairs_t;

static int hex_value(int c) {
  return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

static void decode_percent(const char *p, size_t len, char *out) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (p[i] == '%' && i + 2 < len) {
      out[n++] = (char)(hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]));
      i += 2;
    } else {
      out[n++] = p[i];
    }
  }
  out[n] = 0;
}

static bool ephemeral(const char *name) {
  static const char *const names[] = {"timestamp", "signature", "recvWindow", "newClientOrderId"};
  for (size_t i = 0; i < TG_ARRAY_CNT(names); i++) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

/* "a=1&b=2"; JSON values keep their own & because pairs split at "&name=". */
static void parse_pairs(const char *text, pairs_t *out) {
  out->cnt = 0;
  while (*text) {
    size_t name_len = strcspn(text, "=");
    const char *value = text + name_len + (text[name_len] == '=');
    size_t value_len = strcspn(value, "&");
    cr_assert(name_len < 64 && value_len < 1024 && out->cnt < PAIR_MAX);
    snprintf(out->name[out->cnt], 64, "%.*s", (int)name_len, text);
    decode_percent(value, value_len, out->value[out->cnt]);
    if (name_len && !ephemeral(out->name[out->cnt])) out->cnt++;
    text = value + value_len + (value[value_len] == '&');
  }
}

static const char *get(const pairs_t *p, const char *name) {
  for (size_t i = 0; i < p->cnt; i++) {
    if (strcasecmp(p->name[i], name) == 0) return p->value[i];
  }
  return NULL;
}

/* Arrays of orders compare element by element, without the ids that the client made up. */
static bool same_value(const char *a, const char *b) {
  if (a[0] != '[') return strcmp(a, b) == 0;
  json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL), *row;
  size_t i;
  json_array_foreach(x, i, row) json_object_del(row, "newClientOrderId");
  json_array_foreach(y, i, row) json_object_del(row, "newClientOrderId");
  bool same = x && y && json_equal(x, y);
  json_decref(x);
  json_decref(y);
  return same;
}

static void same_set(const pairs_t *ours, const pairs_t *want, const char *description) {
  for (size_t i = 0; i < want->cnt; i++) {
    const char *mine = get(ours, want->name[i]);
    cr_expect(mine && same_value(want->value[i], mine), "%s: %s=%s, ours %s", description, want->name[i], want->value[i],
              mine ? mine : "-");
  }
  for (size_t i = 0; i < ours->cnt; i++) {
    cr_expect(get(want, ours->name[i]), "%s: %s=%s is only ours", description, ours->name[i], ours->value[i]);
  }
}

/* --- unified terms -> ours --- */

static const char *market_id(json_t *symbol, char *out) {
  const char *text = json_string_value(symbol);
  const char *slash = text ? strchr(text, '/') : NULL, *colon = text ? strchr(text, ':') : NULL;
  if (!slash || !colon) return NULL;
  size_t base = (size_t)(slash - text), quote = (size_t)(colon - slash - 1);
  bool inverse = quote == 3 && memcmp(slash + 1, "USD", 3) == 0;
  sprintf(out, "%.*s%.*s%s", (int)base, text, (int)quote, slash + 1, inverse ? "_PERP" : "");
  return out;
}

/* The number with as many decimals as the expectation shows: quantities are cut, prices rounded, as the client does. */
static const char *number(json_t *value, const char *want, bool cut, char *out) {
  if (!json_is_number(value)) return NULL;
  const char *point = want ? strchr(want, '.') : NULL;
  int dec = point ? (int)strlen(point + 1) : 0;
  double scale = pow(10, dec), v = json_number_value(value) * scale;
  v = cut ? floor(v + 1e-6) : round(v);
  sprintf(out, "%.*f", dec, v / scale);
  return out;
}

typedef struct call {
  tg_bn_req_t req;
  char target[8192];
  const pairs_t *want;
  tg_product_t product;
} call_t;

static const char *upper(json_t *value, char *out) {
  const char *text = json_string_value(value);
  if (!text) return NULL;
  size_t i = 0;
  for (; text[i] && i < 31; i++) out[i] = (char)toupper((unsigned char)text[i]);
  out[i] = 0;
  return out;
}

typedef struct order_text {
  char symbol[64], side[32], qty[64], px[64], trigger[64], type[64];
} order_text_t;

static void order_params(json_t *symbol, json_t *type, json_t *side, json_t *amount, json_t *price, json_t *extra,
                         const pairs_t *want, order_text_t *t, tg_bn_order_params_t *p) {
  memset(p, 0, sizeof *p);
  json_t *stop = json_object_get(extra, "triggerPrice");
  if (!stop) stop = json_object_get(extra, "stopLossPrice");
  json_t *profit = json_object_get(extra, "takeProfitPrice");
  bool limit = strcmp(json_string_value(type), "limit") == 0, sell = strcmp(json_string_value(side), "sell") == 0;
  bool hedged = json_is_true(json_object_get(extra, "hedged")), reduce = json_is_true(json_object_get(extra, "reduceOnly"));
  if (stop || profit) {
    snprintf(t->type, sizeof t->type, "%s%s", profit ? "TAKE_PROFIT" : "STOP", limit ? "" : "_MARKET");
  } else {
    snprintf(t->type, sizeof t->type, "%s", limit ? "LIMIT" : "MARKET");
  }
  p->symbol = market_id(symbol, t->symbol);
  p->side = upper(side, t->side);
  p->type = t->type;
  p->quantity = number(amount, get(want, "quantity"), true, t->qty);
  if (limit) p->price = number(price, get(want, "price"), false, t->px);
  p->trigger_price = number(stop ? stop : profit, get(want, "triggerPrice"), false, t->trigger);
  if (limit && !stop && !profit) p->time_in_force = json_is_true(json_object_get(extra, "postOnly")) ? "GTX" : "GTC";
  p->price_match = json_string_value(json_object_get(extra, "priceMatch"));
  p->position_side = json_string_value(json_object_get(extra, "positionSide"));
  if (hedged) p->position_side = sell == reduce ? "LONG" : "SHORT";
  if (reduce && !hedged) p->reduce_only = "true";
  p->resp_type = "RESULT";
}

static void create_order(call_t *c, json_t *in) {
  tg_bn_order_params_t params;
  order_text_t t;
  json_t *extra = json_array_get(in, 5);
  order_params(json_array_get(in, 0), json_array_get(in, 1), json_array_get(in, 2), json_array_get(in, 3),
               json_array_get(in, 4), extra, c->want, &t, &params);
  bool algo = params.trigger_price != NULL;
  if (algo) { /* the ordinary endpoint must refuse it: the venue answers -4120 */
    tg_bn_req_begin(&c->req, TG_BN_EP_ORDER_PLACE, c->product, c->target, sizeof c->target);
    tg_bn_req_order_params(&c->req, &params);
    cr_expect_eq(c->req.err, -TG_EUNSUPPORTED);
  }
  tg_bn_req_begin(&c->req, algo ? TG_BN_EP_ALGO_PLACE : TG_BN_EP_ORDER_PLACE, c->product, c->target, sizeof c->target);
  tg_bn_req_order_params(&c->req, &params);
}

static void create_orders(call_t *c, json_t *in) {
  char list[4096] = "[";
  json_t *orders = json_array_get(in, 0), *row, *want = json_loads(get(c->want, "batchOrders"), 0, NULL);
  size_t i, len = 1;
  json_array_foreach(orders, i, row) {
    tg_bn_order_params_t params;
    order_text_t t;
    json_t *expected = json_array_get(want, i);
    pairs_t one = {.cnt = 2};
    snprintf(one.name[0], 64, "quantity");
    snprintf(one.value[0], 1024, "%s", json_string_value(json_object_get(expected, "quantity")));
    snprintf(one.name[1], 64, "price");
    snprintf(one.value[1], 1024, "%s", json_string_value(json_object_get(expected, "price")));
    order_params(json_object_get(row, "symbol"), json_object_get(row, "type"), json_object_get(row, "side"),
                 json_object_get(row, "amount"), json_object_get(row, "price"), json_object_get(row, "params"), &one, &t,
                 &params);
    if (i) list[len++] = ',';
    int n = tg_bn_order_params_json(&params, list + len, sizeof list - len - 2);
    cr_assert_gt(n, 0);
    len += (size_t)n;
  }
  list[len++] = ']';
  json_decref(want);
  tg_bn_req_begin(&c->req, TG_BN_EP_BATCH_PLACE, c->product, c->target, sizeof c->target);
  tg_bn_req_text(&c->req, "batchOrders", list, len);
}

static void put_symbol(call_t *c, json_t *symbol) {
  char id[64];
  if (market_id(symbol, id)) tg_bn_req_str(&c->req, "symbol", id);
}

static void edit_order(call_t *c, json_t *in) {
  char qty[64], px[64], side[32];
  tg_bn_req_begin(&c->req, TG_BN_EP_ORDER_AMEND, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  tg_bn_req_str(&c->req, "side", upper(json_array_get(in, 3), side));
  tg_bn_req_int(&c->req, "orderId", atoll(json_string_value(json_array_get(in, 0))));
  tg_bn_req_str(&c->req, "quantity", number(json_array_get(in, 4), get(c->want, "quantity"), true, qty));
  tg_bn_req_str(&c->req, "price", number(json_array_get(in, 5), get(c->want, "price"), false, px));
}

static void cancel_order(call_t *c, json_t *in) {
  json_t *extra = json_array_get(in, 2);
  bool algo = json_is_true(json_object_get(extra, "trigger")) || json_is_true(json_object_get(extra, "stop"));
  const char *client = json_string_value(json_object_get(extra, "clientOrderId"));
  tg_bn_req_begin(&c->req, algo ? TG_BN_EP_ALGO_CANCEL : TG_BN_EP_ORDER_CANCEL, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  if (client) {
    tg_bn_req_str(&c->req, algo ? "clientAlgoId" : "origClientOrderId", client);
  } else {
    tg_bn_req_int(&c->req, algo ? "algoId" : "orderId", atoll(json_string_value(json_array_get(in, 0))));
  }
}

static void cancel_by_client(call_t *c, json_t *in) {
  json_t *extra = json_array_get(in, 2);
  bool algo = json_is_true(json_object_get(extra, "trigger"));
  tg_bn_req_begin(&c->req, algo ? TG_BN_EP_ALGO_CANCEL : TG_BN_EP_ORDER_CANCEL, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  tg_bn_req_str(&c->req, algo ? "clientAlgoId" : "origClientOrderId", json_string_value(json_array_get(in, 0)));
}

static void cancel_orders(call_t *c, json_t *in) {
  json_t *ids = json_object_get(json_array_get(in, 2), "clientOrderIds");
  bool by_client = json_array_size(ids) > 0;
  char *list = json_dumps(by_client ? ids : json_array_get(in, 0), JSON_COMPACT);
  tg_bn_req_begin(&c->req, TG_BN_EP_BATCH_CANCEL, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  tg_bn_req_str(&c->req, by_client ? "origClientOrderIdList" : "orderIdList", list);
  free(list);
}

static void cancel_all(call_t *c, json_t *in) {
  bool algo = json_is_true(json_object_get(json_array_get(in, 1), "trigger"));
  tg_bn_req_begin(&c->req, algo ? TG_BN_EP_ALGO_CANCEL_ALL : TG_BN_EP_CANCEL_ALL, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 0));
}

static void set_leverage(call_t *c, json_t *in) {
  tg_bn_req_begin(&c->req, TG_BN_EP_LEVERAGE, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  tg_bn_req_int(&c->req, "leverage", (int64_t)json_number_value(json_array_get(in, 0)));
}

static void set_margin_mode(call_t *c, json_t *in) {
  const char *mode = json_string_value(json_array_get(in, 0));
  tg_bn_req_begin(&c->req, TG_BN_EP_MARGIN_TYPE, c->product, c->target, sizeof c->target);
  put_symbol(c, json_array_get(in, 1));
  tg_bn_req_str(&c->req, "marginType", strncasecmp(mode, "cross", 5) == 0 ? "CROSSED" : "ISOLATED");
}

static void set_position_mode(call_t *c, json_t *in) {
  tg_bn_req_begin(&c->req, TG_BN_EP_DUAL_SET, c->product, c->target, sizeof c->target);
  tg_bn_req_bool(&c->req, "dualSidePosition", json_is_true(json_array_get(in, 0)));
}

static const struct {
  const char *method;
  void (*fn)(call_t *c, json_t *in);
} METHODS[] = {{"createOrder", create_order},
               {"createOrders", create_orders},
               {"editOrder", edit_order},
               {"cancelOrder", cancel_order},
               {"cancelOrderWithClientOrderId", cancel_by_client},
               {"cancelOrders", cancel_orders},
               {"cancelAllOrders", cancel_all},
               {"setLeverage", set_leverage},
               {"setMarginMode", set_margin_mode},
               {"setPositionMode", set_position_mode}};

static const char *verb_of(const char *method) {
  if (strncmp(method, "cancel", 6) == 0) return "DELETE";
  if (strncmp(method, "edit", 4) == 0) return "PUT";
  return strncmp(method, "fetch", 5) == 0 ? "GET" : "POST";
}

/* Methods without a mapping here: the endpoint must be in our catalogue and carry the parameters as they are. */
static bool by_catalogue(call_t *c, const char *method, const char *path) {
  int product = c->product == TG_PRODUCT_COINM;
  for (int ep = 0; ep < TG_BN_EP_CNT; ep++) {
    const tg_bn_ep_row_t *row = tg_bn_ep((tg_bn_ep_t)ep);
    if (!row->path[product] || strcmp(row->path[product], path) != 0 || strcmp(row->method, verb_of(method)) != 0) continue;
    tg_bn_req_begin(&c->req, (tg_bn_ep_t)ep, c->product, c->target, sizeof c->target);
    for (size_t i = 0; i < c->want->cnt; i++) tg_bn_req_str(&c->req, c->want->name[i], c->want->value[i]);
    return true;
  }
  return false;
}

typedef struct ccxt {
  size_t cases, foreign, uncatalogued;
} ccxt_t;

static void one_case(json_t *row, ccxt_t *s) {
  const char *url = json_string_value(json_object_get(row, "url")), *method = json_string_value(json_object_get(row, "method"));
  const char *body = json_string_value(json_object_get(row, "output")),
             *description = json_string_value(json_object_get(row, "description"));
  const char *host = strstr(url, "://") + 3, *at = strchr(host, '/');
  if (!at || (strncmp(at, "/fapi/", 6) != 0 && strncmp(at, "/dapi/", 6) != 0)) {
    s->foreign++;
    cr_log_info("not a futures endpoint of ours: %s (%s)", description, url);
    return;
  }
  char path[256];
  size_t path_len = strcspn(at, "?");
  snprintf(path, sizeof path, "%.*s", (int)path_len, at);
  static pairs_t want, ours;
  parse_pairs(at[path_len] == '?' ? at + path_len + 1 : body ? body : "", &want);
  static call_t c;
  c.want = &want;
  c.product = at[1] == 'd' ? TG_PRODUCT_COINM : TG_PRODUCT_USDM;
  size_t m = 0;
  while (m < TG_ARRAY_CNT(METHODS) && strcmp(METHODS[m].method, method) != 0) m++;
  if (m < TG_ARRAY_CNT(METHODS)) {
    METHODS[m].fn(&c, json_object_get(row, "input"));
  } else if (!by_catalogue(&c, method, path)) {
    s->uncatalogued++;
    cr_log_info("not in the catalogue: %s (%s)", description, path);
    return;
  }
  tg_hmac_key_t key;
  tg_hmac_key_init(&key, "k", 1);
  const tg_bn_cred_t cred = {.hmac = &key, .recv_window_ms = 10000};
  int n = tg_bn_req_end(&c.req, &cred, 1700000000000);
  cr_assert_gt(n, 0, "%s: %d", description, n);
  c.target[n] = 0;
  size_t our_path = strcspn(c.target, "?");
  cr_expect(our_path == strlen(path) && memcmp(c.target, path, our_path) == 0, "%s: %s, ours %.*s", description, path,
            (int)our_path, c.target);
  cr_expect_str_eq(tg_bn_ep(c.req.ep)->method, verb_of(method), "%s", description);
  parse_pairs(c.target[our_path] ? c.target + our_path + 1 : "", &ours);
  same_set(&ours, &want, description);
  s->cases++;
}

static void ccxt_file(const char *path, void *user) {
  ccxt_t *s = user;
  json_t *root = json_load_file(path, 0, NULL), *row;
  cr_assert(root, "%s", path);
  size_t i;
  json_array_foreach(json_object_get(root, "cases"), i, row) {
    const char *exchange = json_string_value(json_object_get(row, "exchange"));
    if (exchange && strncmp(exchange, "binance", 7) == 0 && json_object_get(row, "url")) one_case(row, s);
  }
  json_decref(root);
}

Test(ccxt, every_binance_futures_case) {
  NEED_DATA();
  ccxt_t s = {0};
  each_file("requests/ccxt", ".json", ccxt_file, &s);
  if (s.cases + s.foreign == 0) cr_skip_test("no cases under TICKGATE_DATA/requests/ccxt");
  cr_log_info("%zu cases agree as sets, %zu of other products, %zu not in the catalogue", s.cases, s.foreign, s.uncatalogued);
  cr_assert_gt(s.cases, 0);
}

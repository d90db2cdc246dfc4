#include "codecs/bn_rest.h"

#include "codecs/client_id.h"
#include "codecs/text.h"
#include "codecs/words.h"

static const tg_bn_ep_row_t ROWS[TG_BN_EP_CNT] = {
#define R(name, method, um, cm, sec, weight, orders, request) \
  [TG_BN_EP_##name] = {#name, #method, {um, cm}, TG_BN_SEC_##sec, weight, orders, TG_REQUEST_##request},
#include "codecs/bn_rest.def"
#undef R
};

const tg_bn_ep_row_t *tg_bn_ep(tg_bn_ep_t ep) {
  return (unsigned)ep < TG_BN_EP_CNT ? &ROWS[ep] : NULL;
}

static uint32_t klines_weight(uint32_t limit) {
  if (limit == 0) return 5; /* default 500 */
  return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1000 ? 5 : 10;
}

uint32_t tg_bn_ep_weight(tg_bn_ep_t ep, bool with_symbol, uint32_t limit) {
  if ((unsigned)ep >= TG_BN_EP_CNT) return 0;
  switch (ep) {
    case TG_BN_EP_DEPTH:
      if (limit == 0) return 10; /* default 500 */
      return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    case TG_BN_EP_KLINES:
      return klines_weight(limit);
    case TG_BN_EP_OPEN_ORDERS:
    case TG_BN_EP_ALGO_OPEN:
      return with_symbol ? 1 : 40;
    case TG_BN_EP_PREMIUM_INDEX:
      return with_symbol ? 1 : 10;
    case TG_BN_EP_BOOK_TICKER:
      return with_symbol ? 2 : 5;
    default:
      return ROWS[ep].weight;
  }
}

/* --- the request under construction --- */

static void put(tg_bn_req_t *req, const char *p, size_t len) {
  if (req->err) return;
  if (req->cap - req->len < len) {
    req->err = -TG_EFULL;
    return;
  }
  memcpy(req->buf + req->len, p, len);
  req->len += len;
}

static void put_encoded(tg_bn_req_t *req, const char *p, size_t len) {
  static const char DIGIT[] = "0123456789ABCDEF";
  for (size_t i = 0; i < len; i++) {
    char c = p[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                 c == '.' || c == '~';
    if (plain) {
      put(req, &c, 1);
    } else {
      char escaped[3] = {'%', DIGIT[(uint8_t)c >> 4], DIGIT[(uint8_t)c & 15]};
      put(req, escaped, sizeof escaped);
    }
  }
}

void tg_bn_req_begin(tg_bn_req_t *req, tg_bn_ep_t ep, tg_product_t product, char *buf, size_t cap) {
  *req = (tg_bn_req_t){.buf = buf, .cap = cap, .len = 0, .query_at = 0, .err = 0, .ep = ep};
  const tg_bn_ep_row_t *row = tg_bn_ep(ep);
  const char *path = NULL;
  if (row && product == TG_PRODUCT_USDM) path = row->path[0];
  if (row && product == TG_PRODUCT_COINM) path = row->path[1];
  if (!path) {
    req->err = -TG_EINVAL;
    return;
  }
  put(req, path, strlen(path));
}

static void put_name(tg_bn_req_t *req, const char *name) {
  put(req, req->query_at ? "&" : "?", 1);
  if (!req->query_at && !req->err) req->query_at = req->len;
  put(req, name, strlen(name));
  put(req, "=", 1);
}

void tg_bn_req_text(tg_bn_req_t *req, const char *name, const char *value, size_t len) {
  put_name(req, name);
  put_encoded(req, value, len);
}

void tg_bn_req_str(tg_bn_req_t *req, const char *name, const char *value) {
  tg_bn_req_text(req, name, value, strlen(value));
}

void tg_bn_req_int(tg_bn_req_t *req, const char *name, int64_t value) {
  char tmp[24];
  tg_text_t text;
  tg_text_init(&text, tmp, sizeof tmp);
  tg_text_add_i64(&text, value);
  put_name(req, name);
  put(req, tmp, text.len);
}

void tg_bn_req_scaled(tg_bn_req_t *req, const char *name, int64_t units, tg_scale_t scale) {
  char tmp[TG_DEC_PRINT_BYTES];
  size_t len = tg_dec_print_scaled(units, scale, tmp);
  if (len == 0 && !req->err) req->err = -TG_EINVAL;
  put_name(req, name);
  put(req, tmp, len);
}

void tg_bn_req_bool(tg_bn_req_t *req, const char *name, bool value) {
  tg_bn_req_str(req, name, value ? "true" : "false");
}

int tg_bn_req_end(tg_bn_req_t *req, const tg_bn_cred_t *cred, uint64_t now_ms) {
  const tg_bn_ep_row_t *row = tg_bn_ep(req->ep);
  if (req->err || !row || row->security != TG_BN_SEC_SIGNED) return req->err ? req->err : (int)req->len;
  if (!cred || (!cred->hmac && !cred->ed25519)) return -TG_EINVAL;
  if (cred->recv_window_ms) tg_bn_req_int(req, "recvWindow", cred->recv_window_ms);
  tg_bn_req_int(req, "timestamp", (int64_t)now_ms);
  if (req->err) return req->err;
  const char *query = req->buf + req->query_at;
  size_t query_len = req->len - req->query_at;
  if (cred->hmac) {
    char sig[TG_HMAC_HEX_BYTES];
    tg_hmac_hex(cred->hmac, query, query_len, sig);
    tg_bn_req_text(req, "signature", sig, sizeof sig);
  } else {
    char sig[TG_ED25519_BASE64_BYTES];
    int err = tg_ed25519_sign_base64(cred->ed25519, query, query_len, sig);
    if (err) return err;
    tg_bn_req_text(req, "signature", sig, sizeof sig);
  }
  return req->err ? req->err : (int)req->len;
}

/* --- orders of the core --- */

tg_bn_ep_t tg_bn_ep_of(tg_msg_kind_t kind) {
  switch (kind) {
    case TG_OUT_PLACE:
      return TG_BN_EP_ORDER_PLACE;
    case TG_OUT_AMEND:
      return TG_BN_EP_ORDER_AMEND;
    case TG_OUT_CANCEL:
      return TG_BN_EP_ORDER_CANCEL;
    case TG_OUT_QUERY:
      return TG_BN_EP_ORDER_QUERY;
    case TG_OUT_CANCEL_ALL:
      return TG_BN_EP_CANCEL_ALL;
    default:
      return TG_BN_EP_CNT;
  }
}

static const char *stp_text(tg_bn_stp_t stp) {
  switch (stp) {
    case TG_BN_STP_EXPIRE_TAKER:
      return "EXPIRE_TAKER";
    case TG_BN_STP_EXPIRE_MAKER:
      return "EXPIRE_MAKER";
    case TG_BN_STP_EXPIRE_BOTH:
      return "EXPIRE_BOTH";
    case TG_BN_STP_NONE:
      break;
  }
  return "NONE";
}

static int order_fail(tg_bn_req_t *req, int err) {
  if (!req->err) req->err = err;
  return err;
}

static void put_side(tg_bn_req_t *req, uint8_t side) {
  tg_bn_req_str(req, "side", side == TG_BUY ? "BUY" : "SELL");
}

static int place_params(tg_bn_req_t *req, const tg_sym_t *sym, const tg_out_order_t *order, tg_bn_stp_t stp) {
  bool post_only = order->order_flags & TG_ORDER_POST_ONLY;
  bool market = order->type == TG_TYPE_MARKET;
  const char *tif = tg_tif_text(post_only ? TG_TIF_GTX : order->tif);
  if (order->qty_lots <= 0 || (order->order_flags & TG_ORDER_CLOSE_POSITION)) return order_fail(req, -TG_EINVAL);
  if (market ? post_only : (order->type != TG_TYPE_LIMIT || order->px_ticks <= 0 || !tif)) return order_fail(req, -TG_EINVAL);
  if (post_only && order->tif != TG_TIF_GTX && order->tif != TG_TIF_GTC && order->tif != TG_TIF_NONE)
    return order_fail(req, -TG_EINVAL);
  char client_id[TG_CLIENT_ID_BYTES];
  tg_client_id_print(order->client_id, client_id);
  put_side(req, order->side);
  tg_bn_req_str(req, "type", market ? "MARKET" : "LIMIT");
  if (!market) tg_bn_req_str(req, "timeInForce", tif);
  tg_bn_req_scaled(req, "quantity", order->qty_lots, sym->qty);
  if (!market) tg_bn_req_scaled(req, "price", order->px_ticks, sym->px);
  if (order->order_flags & TG_ORDER_REDUCE_ONLY) tg_bn_req_str(req, "reduceOnly", "true");
  tg_bn_req_text(req, "newClientOrderId", client_id, sizeof client_id);
  tg_bn_req_str(req, "newOrderRespType", "ACK");
  tg_bn_req_str(req, "selfTradePreventionMode", stp_text(stp));
  return 0;
}

int tg_bn_req_order(tg_bn_req_t *req, const tg_symtab_t *tab, const tg_msg_t *msg, tg_bn_stp_t stp) {
  const tg_out_order_t *order = &msg->u.out_place;
  const tg_sym_t *sym = tg_symtab_instr(tab, msg->instr_idx);
  if (!sym) return order_fail(req, -TG_ENOTFOUND);
  if (tg_bn_ep_of((tg_msg_kind_t)msg->kind) != req->ep) return order_fail(req, -TG_EINVAL);
  tg_bn_req_text(req, "symbol", sym->name, sym->name_len);
  if (msg->kind == TG_OUT_CANCEL_ALL) return req->err;
  if (msg->kind == TG_OUT_PLACE) {
    int err = place_params(req, sym, order, stp);
    return err ? err : req->err;
  }
  bool foreign = msg->flags & TG_F_FOREIGN;
  if (order->order_id < 0 || (foreign && order->order_id == 0)) return order_fail(req, -TG_EINVAL);
  if (msg->kind == TG_OUT_AMEND) {
    if (order->qty_lots <= 0 || order->px_ticks <= 0) return order_fail(req, -TG_EINVAL);
    put_side(req, order->side);
  }
  if (order->order_id != 0 && (foreign || msg->kind != TG_OUT_QUERY)) {
    tg_bn_req_int(req, "orderId", order->order_id);
  } else {
    char client_id[TG_CLIENT_ID_BYTES];
    tg_client_id_print(order->client_id, client_id);
    tg_bn_req_text(req, "origClientOrderId", client_id, sizeof client_id);
  }
  if (msg->kind == TG_OUT_AMEND) {
    tg_bn_req_scaled(req, "quantity", order->qty_lots, sym->qty);
    tg_bn_req_scaled(req, "price", order->px_ticks, sym->px);
  }
  return req->err;
}

/* --- orders of anybody else --- */

typedef struct tg_param {
  const char *name, *value;
} tg_param_t;
enum { PARAM_MAX = 24 };

/* The given text parameters in the order of the venue's page; returns how many. */
static size_t text_params(const tg_bn_order_params_t *p, bool algo, tg_param_t out[PARAM_MAX]) {
  const tg_param_t all[] = {{"algoType", algo ? "CONDITIONAL" : NULL},
                            {"symbol", p->symbol},
                            {"side", p->side},
                            {"type", p->type},
                            {"positionSide", p->position_side},
                            {"timeInForce", p->time_in_force},
                            {"quantity", p->quantity},
                            {"price", p->price},
                            {"triggerPrice", p->trigger_price},
                            {"activatePrice", p->activate_price},
                            {"callbackRate", p->callback_rate},
                            {"workingType", p->working_type},
                            {"priceMatch", p->price_match},
                            {"closePosition", p->close_position},
                            {"priceProtect", p->price_protect},
                            {"reduceOnly", p->reduce_only},
                            {algo ? "clientAlgoId" : "newClientOrderId", p->client_id},
                            {"newOrderRespType", p->resp_type},
                            {"selfTradePreventionMode", p->stp}};
  _Static_assert(TG_ARRAY_CNT(all) <= PARAM_MAX, "room for all");
  size_t cnt = 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(all); i++) {
    if (all[i].value) out[cnt++] = all[i];
  }
  return cnt;
}

static bool conditional(const char *type) {
  return type && strcmp(type, "LIMIT") != 0 && strcmp(type, "MARKET") != 0;
}

void tg_bn_req_order_params(tg_bn_req_t *req, const tg_bn_order_params_t *params) {
  bool algo = req->ep == TG_BN_EP_ALGO_PLACE;
  bool place = req->ep == TG_BN_EP_ORDER_PLACE || req->ep == TG_BN_EP_ORDER_TEST;
  if (place && (conditional(params->type) || params->trigger_price)) {
    order_fail(req, -TG_EUNSUPPORTED);
    return;
  }
  tg_param_t list[PARAM_MAX];
  size_t cnt = text_params(params, algo, list);
  for (size_t i = 0; i < cnt; i++) tg_bn_req_str(req, list[i].name, list[i].value);
  if (params->order_id) tg_bn_req_int(req, "orderId", params->order_id);
  if (params->modify_id) tg_bn_req_int(req, "modifyId", params->modify_id);
  if (params->good_till_ms) tg_bn_req_int(req, "goodTillDate", params->good_till_ms);
}

static void json_int(tg_text_t *text, const char *name, int64_t value, bool *first) {
  if (value == 0) return;
  if (!*first) tg_text_lit(text, ",");
  *first = false;
  tg_text_lit(text, "\"");
  tg_text_str(text, name);
  tg_text_lit(text, "\":");
  tg_text_add_i64(text, value);
}

int tg_bn_order_params_json(const tg_bn_order_params_t *params, char *buf, size_t cap) {
  tg_param_t list[PARAM_MAX];
  size_t cnt = text_params(params, false, list);
  tg_text_t text;
  bool first = true;
  tg_text_init(&text, buf, cap);
  tg_text_lit(&text, "{");
  for (size_t i = 0; i < cnt; i++) {
    if (!first) tg_text_lit(&text, ",");
    first = false;
    tg_text_lit(&text, "\"");
    tg_text_str(&text, list[i].name);
    tg_text_lit(&text, "\":\"");
    for (const char *p = list[i].value; *p; p++) {
      if (*p == '"' || *p == '\\' || (uint8_t)*p < 0x20) return -TG_EINVAL; /* no such value is valid at the venue */
    }
    tg_text_str(&text, list[i].value);
    tg_text_lit(&text, "\"");
  }
  json_int(&text, "orderId", params->order_id, &first);
  json_int(&text, "modifyId", params->modify_id, &first);
  json_int(&text, "goodTillDate", params->good_till_ms, &first);
  tg_text_lit(&text, "}");
  return text.err ? text.err : (int)text.len;
}

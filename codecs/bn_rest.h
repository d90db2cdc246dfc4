/* bn_rest.h - Binance futures REST: request targets (path, query, signature) and answer bodies -> messages.
 * What:    the catalogue is bn_rest.def. Parameters go into the query string in the order they are appended, values
 * percent-encoded before signing; the signature comes last (venue page section 2.2). HMAC in hex or Ed25519 in base64. Owner:
 * the caller's buffers; nothing is allocated or kept. Threads: any; a builder belongs to one thread. Limit:   the caller's
 * buffer. Errors:  the builder keeps its first error (-TG_EFULL, -TG_EINVAL) until tg_bn_req_end returns it. Decoders: messages
 * appended (>= 0) or -TG_ESYNTAX, -TG_ERANGE, -TG_EFULL, -TG_ENOTFOUND with out->cnt unchanged. */
#ifndef TG_CODECS_BN_REST_H
#define TG_CODECS_BN_REST_H

#include "codecs/bn_api.h"
#include "codecs/json.h"
#include "codecs/outcome.h"
#include "codecs/sign.h"
#include "codecs/symtab.h"
#include "engine/msg/msg.h"

typedef enum tg_bn_ep {
#define R(name, method, um, cm, sec, weight, orders, request) TG_BN_EP_##name,
#include "codecs/bn_rest.def"
#undef R
  TG_BN_EP_CNT
} tg_bn_ep_t;

typedef enum tg_bn_sec { TG_BN_SEC_NONE, TG_BN_SEC_KEY, TG_BN_SEC_SIGNED } tg_bn_sec_t;

typedef struct tg_bn_ep_row {
  const char *name;
  const char *method;   /* "GET" ... */
  const char *path[2];  /* USDT-M, COIN-M (NULL: not offered) */
  tg_bn_sec_t security; /* not NONE: the X-MBX-APIKEY header is needed */
  uint16_t weight;      /* IP weight, smallest */
  uint16_t order_cnt;   /* counts against the order budgets */
  tg_request_t request; /* row of the outcome table */
} tg_bn_ep_row_t;

/* The row of an endpoint; NULL outside the table. */
const tg_bn_ep_row_t *tg_bn_ep(tg_bn_ep_t ep);
/* IP weight with parameters: depth by limit, openOrders and others without a symbol. limit 0 = default. */
uint32_t tg_bn_ep_weight(tg_bn_ep_t ep, bool with_symbol, uint32_t limit);

/* Who signs: exactly one of hmac and ed25519 for SIGNED endpoints. */
typedef struct tg_bn_cred {
  const tg_hmac_key_t *hmac;
  const tg_ed25519_key_t *ed25519;
  uint32_t recv_window_ms; /* 0: not sent */
} tg_bn_cred_t;

typedef struct tg_bn_req {
  char *buf; /* target so far: path?query */
  size_t cap, len;
  size_t query_at; /* first byte of the query, 0 while there is none */
  int err;
  tg_bn_ep_t ep;
} tg_bn_req_t;

/* product: TG_PRODUCT_USDM or TG_PRODUCT_COINM. */
void tg_bn_req_begin(tg_bn_req_t *req, tg_bn_ep_t ep, tg_product_t product, char *buf, size_t cap);
/* name is a literal of ours (not encoded); the value is percent-encoded (RFC 3986 unreserved stay). */
void tg_bn_req_text(tg_bn_req_t *req, const char *name, const char *value, size_t len);
void tg_bn_req_str(tg_bn_req_t *req, const char *name, const char *value);
void tg_bn_req_int(tg_bn_req_t *req, const char *name, int64_t value);
void tg_bn_req_scaled(tg_bn_req_t *req, const char *name, int64_t units, tg_scale_t scale);
void tg_bn_req_bool(tg_bn_req_t *req, const char *name, bool value);
/* Completes: recvWindow, timestamp and signature where the endpoint is SIGNED. Returns the target's length, or the first error;
 * -TG_EINVAL without a key. The target holds a signature: a secret, never to be logged. */
TG_MUST_USE int tg_bn_req_end(tg_bn_req_t *req, const tg_bn_cred_t *cred, uint64_t now_ms);

/* Appends the parameters of an OUT_PLACE, OUT_AMEND, OUT_CANCEL or OUT_QUERY message to a request begun for the fitting
 * endpoint. -TG_ENOTFOUND, -TG_EINVAL; also kept in req->err. */
TG_MUST_USE int tg_bn_req_order(tg_bn_req_t *req, const tg_symtab_t *tab, const tg_msg_t *msg, tg_bn_stp_t stp);
/* Endpoint of an OUT_* order message; TG_BN_EP_CNT for another kind. */
tg_bn_ep_t tg_bn_ep_of(tg_msg_kind_t kind);

/* Everything an order may say, for callers that are not the engine's core; NULL or 0 = not sent. Decimal values are text. */
typedef struct tg_bn_order_params {
  const char *symbol, *side, *type, *position_side, *time_in_force;
  const char *quantity, *price, *trigger_price, *activate_price, *callback_rate;
  const char *client_id; /* newClientOrderId, or clientAlgoId for ALGO_PLACE */
  const char *price_match, *stp, *working_type, *resp_type;
  const char *reduce_only, *close_position, *price_protect; /* "true" or "false" */
  int64_t good_till_ms, order_id, modify_id;
} tg_bn_order_params_t;
/* Appends the given ones under their names; ALGO_PLACE also gets algoType=CONDITIONAL. Conditional types on ORDER_PLACE are
 * refused here
 * (-TG_EUNSUPPORTED): the venue answers -4120 since 2025-12-09. */
void tg_bn_req_order_params(tg_bn_req_t *req, const tg_bn_order_params_t *params);
/* One element of batchOrders as JSON text into buf; bytes or -TG_EFULL. */
TG_MUST_USE int tg_bn_order_params_json(const tg_bn_order_params_t *params, char *buf, size_t cap);

/* --- answers --- */
/* {"code":n,"msg":".."}: 1 and the parts when it is one, 0 when it is something else, -TG_ESYNTAX. Acks with code 200 count as
 * 0. */
TG_MUST_USE int tg_bn_rest_error(const char *json, size_t len, int32_t *code, tg_json_slice_t *text);
/* Outcome of a whole answer: HTTP status and body. A 503 without a code is judged by its text. code may be NULL. */
tg_verdict_t tg_bn_rest_verdict(tg_request_t request, tg_wire_t wire, uint16_t http_status, const char *body, size_t len,
                                int32_t *code);
/* {"serverTime":ms} */
TG_MUST_USE int tg_bn_rest_time(const char *json, size_t len, int64_t *out_ms);
/* {"listenKey":".."}: slice into the body. */
TG_MUST_USE int tg_bn_rest_listen_key(const char *json, size_t len, tg_json_slice_t *out);
/* {"dualSidePosition":bool} */
TG_MUST_USE int tg_bn_rest_dual(const char *json, size_t len, bool *out);
/* commissionRate: rates _e8. */
TG_MUST_USE int tg_bn_rest_commission(const char *json, size_t len, int64_t *maker_e8, int64_t *taker_e8);
/* One X-MBX-* or Retry-After header into rate; true when it was one. recv_ns turns Retry-After into pause_until_ns. */
bool tg_bn_rest_header(const char *name, size_t name_len, const char *value, size_t value_len, uint64_t recv_ns,
                       tg_rate_t *rate);

/* Symbols wanted from exchangeInfo. */
typedef struct tg_bn_want {
  char symbol[TG_SYM_TEXT_MAX + 1]; /* upper case, zero terminated */
  uint16_t instr_idx;
  uint8_t allowlisted;
  uint8_t found; /* set by the decoder */
} tg_bn_want_t;
/* exchangeInfo -> for each wanted symbol CFG_SYMBOL, CFG_FILTER, CFG_FILTER|SECOND; *rate (may be NULL) gets the limits. Bounds
 * that do not lie on the grid are moved inwards (a price between them is on the grid anyway). Fees stay 0: commissionRate tells
 * them. */
TG_MUST_USE int tg_bn_rest_exchange_info(const char *json, size_t len, uint64_t ts_ns, tg_product_t product, tg_bn_want_t *want,
                                         size_t want_cnt, tg_msg_batch_t *out, tg_rate_t *rate);

/* Account snapshot parts; counts and the newest time are added to *head (u.acc_begin of the caller's ACC_BEGIN). Positions and
 * orders of symbols that the table does not know are given with instr_idx TG_INSTR_NONE and zero quantities in lots: *unknown
 * counts them. */
typedef struct tg_bn_acc {
  const tg_symtab_t *tab;
  tg_acc_begin_t head;
  uint32_t unknown_symbol_cnt, cut_cnt;
} tg_bn_acc_t;
/* positionRisk (v2, v3, dapi v1) -> ACC_POSITION for rows with a position or of known symbols. */
TG_MUST_USE int tg_bn_rest_positions(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out);
/* openOrders -> ACC_ORDER. */
TG_MUST_USE int tg_bn_rest_open_orders(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out);
/* balance (v2, v3, dapi v1) -> ACC_BALANCE; rows with nothing in them are left out. */
TG_MUST_USE int tg_bn_rest_balances(tg_bn_acc_t *acc, const char *json, size_t len, uint64_t ts_ns, tg_msg_batch_t *out);

/* Client id of an order id, for userTrades, which names only the latter; return 0 when unknown. */
typedef uint64_t (*tg_bn_client_of_t)(void *user, uint16_t instr_idx, int64_t order_id);
/* userTrades -> EX_FILL. Unknown orders carry TG_F_FOREIGN and client_id = order id. *last_id gets the highest trade id (may be
 * NULL). */
TG_MUST_USE int tg_bn_rest_user_trades(const tg_symtab_t *tab, const char *json, size_t len, uint64_t ts_ns,
                                       tg_bn_client_of_t client_of, void *user, tg_msg_batch_t *out, uint64_t *last_id);
/* Answer to an order request (place, amend, cancel, query, cancel all) -> one EX_ANSWER, + RATE when a pause is asked for.
 * `row` says what was asked. */
TG_MUST_USE int tg_bn_rest_answer(const tg_symtab_t *tab, const tg_bn_inflight_row_t *row, tg_wire_t wire, uint16_t http_status,
                                  const char *body, size_t len, uint64_t recv_ns, tg_msg_batch_t *out);

#endif

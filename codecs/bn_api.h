/* bn_api.h - Binance WebSocket API (order entry): OUT_* messages -> request text, answers -> EX_ANSWER (+ RATE).
 * What:    order.place, order.modify, order.cancel, order.status for hot lanes, unsigned (after session.logon) or with a
 * per-request HMAC (payload = params sorted by name); session.logon and userDataStream.* for the cold lane (bn_logon.c). Venue
 * page sections 4 and 7. Request ids are one kind letter and the request number, "p42": p place, m modify, c cancel, s status,
 * l logon, u user stream. Owner:   context, buffers and batch are the caller's. The context holds the API key and the HMAC key
 * state: secrets. Threads: one per context. Limit:   TG_BN_INFLIGHT_CAP requests without an answer; TG_BN_API_TEXT_MAX bytes a
 * request. Errors:  encoders: > 0 bytes, -TG_EFULL (buffer), -TG_ENOTFOUND (instrument), -TG_EINVAL (message kind, type, tif,
 * ids), -TG_EBUSY (in-flight table full); nothing is registered on error. */
#ifndef TG_CODECS_BN_API_H
#define TG_CODECS_BN_API_H

#include "codecs/json.h"
#include "codecs/outcome.h"
#include "codecs/sign.h"
#include "codecs/symtab.h"
#include "engine/msg/msg.h"

#define TG_BN_INFLIGHT_CAP 1024 /* power of two */
#define TG_BN_API_TEXT_MAX 1024
#define TG_BN_API_KEY_MAX 128

/* What a request number stands for. */
typedef struct tg_bn_inflight_row {
  uint64_t client_id;
  int64_t order_id;
  uint32_t request_no;
  uint16_t instr_idx;
  uint8_t request; /* tg_request_t, 0 = free slot */
  uint8_t flags;   /* TG_F_FOREIGN of the request */
} tg_bn_inflight_row_t;

typedef struct tg_bn_inflight {
  uint32_t cnt;
  uint32_t pad0;
  uint64_t forgotten_cnt; /* rows older than TG_BN_INFLIGHT_CAP requests, given up for a newer one */
  tg_bn_inflight_row_t row[TG_BN_INFLIGHT_CAP];
} tg_bn_inflight_t;

void tg_bn_inflight_init(tg_bn_inflight_t *tab);
/* Registers; slots are request_no modulo the cap. A slot still held by an older request is taken over and counted in
 * forgotten_cnt (its late answer then counts as unmatched; the core's own timeout has made it unknown long before).
 * 0, -TG_EEXISTS (the same number again). */
TG_MUST_USE int tg_bn_inflight_add(tg_bn_inflight_t *tab, const tg_bn_inflight_row_t *row);
/* Takes a request out; false when it is not there. */
bool tg_bn_inflight_take(tg_bn_inflight_t *tab, uint32_t request_no, tg_bn_inflight_row_t *out);
/* The session died: one EX_ANSWER UNKNOWN (http_status 0) for each request without an answer, which are then forgotten.
 * Messages appended, or -TG_EFULL with nothing changed. */
TG_MUST_USE int tg_bn_inflight_lost(tg_bn_inflight_t *tab, uint64_t now_ns, tg_msg_batch_t *out);

typedef enum tg_bn_stp {
  TG_BN_STP_NONE = 0,
  TG_BN_STP_EXPIRE_TAKER,
  TG_BN_STP_EXPIRE_MAKER,
  TG_BN_STP_EXPIRE_BOTH
} tg_bn_stp_t;

typedef struct tg_bn_api_cnt {
  uint64_t requests, answers, unmatched, rates, refused, unknown;
  uint64_t err_syntax, err_scale, err_full;
} tg_bn_api_cnt_t;

/* What requests are signed with: kept apart, so that it can live in memory of its own. */
typedef struct tg_bn_api_secret {
  uint16_t api_key_len;
  char api_key[TG_BN_API_KEY_MAX];
  tg_hmac_key_t hmac;
  tg_hmac_mid_t mid; /* after the constant "apiKey=...": it sorts first */
} tg_bn_api_secret_t;

typedef struct tg_bn_api {
  const tg_symtab_t *tab;
  const tg_bn_api_secret_t *secret; /* &own, or where tg_bn_api_keep put it */
  bool sign;                        /* add apiKey and signature to every request */
  uint8_t stp;                      /* tg_bn_stp_t, sent with every order; TG_BN_STP_EXPIRE_MAKER after init */
  uint32_t recv_window_ms;          /* 0: not sent */
  uint64_t second;                  /* timestamps are printed from the text of their second ... */
  char second_text[16];             /* ... which is this, 10 digits */
  tg_bn_inflight_t inflight;
  tg_bn_api_cnt_t cnt;
  tg_bn_api_secret_t own;
} tg_bn_api_t;

/* api_key may be NULL with sign false. 0, -TG_ESIZE (key too long), -TG_EINVAL (sign without key or hmac). */
TG_MUST_USE int tg_bn_api_init(tg_bn_api_t *ctx, const tg_symtab_t *tab, const char *api_key, size_t api_key_len,
                               const tg_hmac_key_t *hmac, bool sign, uint32_t recv_window_ms);
/* Moves what it signs with into `mem` (which outlives it and is wiped by its owner) and wipes the place where it was. */
void tg_bn_api_keep(tg_bn_api_t *ctx, tg_bn_api_secret_t *mem);
/* Writes the request of an OUT_PLACE, OUT_AMEND, OUT_CANCEL or OUT_QUERY message. now_ms: timestamp of the request by the
 * venue's clock. buf has `cap` bytes (TG_BN_API_TEXT_MAX always suffices). Returns bytes written. */
TG_MUST_USE int tg_bn_api_encode(tg_bn_api_t *ctx, const tg_msg_t *msg, uint64_t now_ms, char *buf, size_t cap);

/* What an answer was, beside its messages. */
typedef struct tg_bn_api_info {
  char kind;    /* letter of the id, 0 when there was none */
  bool matched; /* a request of the in-flight table */
  uint16_t http_status;
  int32_t code; /* venue code, 0 none */
  uint32_t request_no;
  uint32_t hints;             /* TG_HINT_* */
  tg_json_slice_t listen_key; /* userDataStream answers: into the text */
  int64_t server_ms;          /* session.logon answers: serverTime, 0 none */
} tg_bn_api_info_t;

/* Decodes one answer. Returns messages appended: EX_ANSWER when it belongs to an order request, RATE when it tells budgets or
 * asks for a pause; info (may be NULL) is always filled. < 0: -TG_ESYNTAX, -TG_EFULL ... with out->cnt unchanged. A result
 * whose price or quantity does not fit its scale still confirms the request: status 0, TG_F_UNKNOWN_ENUM and err_scale say so.
 */
TG_MUST_USE int tg_bn_api_decode(tg_bn_api_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out,
                                 tg_bn_api_info_t *info);

/* --- cold lane (bn_logon.c) --- */
/* session.logon, signed with Ed25519 over "apiKey=..&recvWindow=..&timestamp=..". Bytes or -TG_E*. */
TG_MUST_USE int tg_bn_api_encode_logon(const char *api_key, size_t api_key_len, const tg_ed25519_key_t *key,
                                       uint32_t recv_window_ms, uint64_t now_ms, uint32_t request_no, char *buf, size_t cap);
/* session.status / session.logout. */
TG_MUST_USE int tg_bn_api_encode_session(const char *verb, uint32_t request_no, char *buf, size_t cap);
/* userDataStream.<verb> with verb start, ping or stop. */
TG_MUST_USE int tg_bn_api_encode_stream(const char *verb, const char *api_key, size_t api_key_len, uint32_t request_no,
                                        char *buf, size_t cap);

/* Shared with bn_rest.c: an order object (ack, query) -> the fields of EX_ANSWER. */
typedef struct tg_bn_order_fields {
  tg_json_slice_t symbol, client_id, price, orig_qty, executed_qty, status;
  int64_t order_id;
} tg_bn_order_fields_t;
bool tg_bn_order_object(tg_json_t *json, tg_bn_order_fields_t *out);
/* The pause a refusal asks for: "until <ms>" in the text, else by status and code (418: 120 s, weight: 5 s, orders: 1 s), else
 * 0. Engine ns. */
uint64_t tg_bn_pause_until_ns(uint16_t http_status, int32_t code, tg_json_slice_t text, uint64_t recv_ns);
/* rateLimits[] -> tg_rate_t fields present; true when one was there. */
bool tg_bn_rate_limits(tg_json_t *json, tg_rate_t *rate);

#endif

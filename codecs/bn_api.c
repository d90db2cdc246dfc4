#include "codecs/bn_api.h"

#include "codecs/client_id.h"
#include "codecs/fields.h"
#include "codecs/text.h"
#include "codecs/words.h"

/* --- requests without an answer --- */

void tg_bn_inflight_init(tg_bn_inflight_t *tab) {
  memset(tab, 0, sizeof *tab);
}

int tg_bn_inflight_add(tg_bn_inflight_t *tab, const tg_bn_inflight_row_t *row) {
  tg_bn_inflight_row_t *slot = &tab->row[row->request_no % TG_BN_INFLIGHT_CAP];
  if (slot->request != TG_REQUEST_NONE) {
    if (slot->request_no == row->request_no) return -TG_EEXISTS;
    tab->forgotten_cnt++;
    tab->cnt--;
  }
  *slot = *row;
  tab->cnt++;
  return 0;
}

bool tg_bn_inflight_take(tg_bn_inflight_t *tab, uint32_t request_no, tg_bn_inflight_row_t *out) {
  tg_bn_inflight_row_t *slot = &tab->row[request_no % TG_BN_INFLIGHT_CAP];
  if (slot->request == TG_REQUEST_NONE || slot->request_no != request_no) return false;
  *out = *slot;
  slot->request = TG_REQUEST_NONE;
  tab->cnt--;
  return true;
}

static void answer_head(tg_msg_t *msg, const tg_bn_inflight_row_t *row) {
  msg->flags = row->flags;
  msg->u.ex_answer.client_id = row->client_id;
  msg->u.ex_answer.order_id = row->order_id;
  msg->u.ex_answer.request = row->request;
}

int tg_bn_inflight_lost(tg_bn_inflight_t *tab, uint64_t now_ns, tg_msg_batch_t *out) {
  if (out->cap - out->cnt < tab->cnt) return -TG_EFULL;
  int given = 0;
  for (size_t i = 0; i < TG_BN_INFLIGHT_CAP; i++) {
    tg_bn_inflight_row_t *row = &tab->row[i];
    if (row->request == TG_REQUEST_NONE) continue;
    tg_msg_t *msg = tg_msg_next(out, TG_EX_ANSWER, row->instr_idx, now_ns);
    if (!msg) return -TG_EFULL;
    answer_head(msg, row);
    msg->u.ex_answer.outcome = (uint8_t)tg_outcome((tg_request_t)row->request, TG_WIRE_LOST, 0, 0).outcome;
    row->request = TG_REQUEST_NONE;
    given++;
  }
  tab->cnt = 0;
  return given;
}

/* --- encoding --- */

/* memset that the compiler keeps. */
static void wipe(void *mem, size_t len) {
  memset(mem, 0, len);
  __asm__("" : : "r"(mem) : "memory"); /* the store has a reader as far as the compiler knows */
}

int tg_bn_api_init(tg_bn_api_t *ctx, const tg_symtab_t *tab, const char *api_key, size_t api_key_len, const tg_hmac_key_t *hmac,
                   bool sign, uint32_t recv_window_ms) {
  if (api_key_len > TG_BN_API_KEY_MAX) return -TG_ESIZE;
  if (sign && (!api_key || api_key_len == 0 || !hmac)) return -TG_EINVAL;
  memset(ctx, 0, sizeof *ctx);
  ctx->tab = tab;
  ctx->sign = sign;
  ctx->stp = TG_BN_STP_EXPIRE_MAKER;
  ctx->recv_window_ms = recv_window_ms;
  ctx->secret = &ctx->own;
  if (sign) {
    memcpy(ctx->own.api_key, api_key, api_key_len);
    ctx->own.api_key_len = (uint16_t)api_key_len;
    char prefix[TG_BN_API_KEY_MAX + 16];
    tg_text_t text;
    tg_text_init(&text, prefix, sizeof prefix);
    tg_text_lit(&text, "apiKey=");
    tg_text_add(&text, api_key, api_key_len);
    tg_text_lit(&text, "&");
    ctx->own.hmac = *hmac;
    tg_hmac_mid_init(hmac, &ctx->own.mid, prefix, text.len);
    wipe(prefix, sizeof prefix);
  }
  return 0;
}

void tg_bn_api_keep(tg_bn_api_t *ctx, tg_bn_api_secret_t *mem) {
  *mem = ctx->own;
  wipe(&ctx->own, sizeof ctx->own);
  ctx->secret = mem;
}

/* Writes params twice: as JSON members and as the text to sign. Both buffers are large enough for any request
 * (TG_BN_API_TEXT_MAX), so nothing is checked per piece. */
typedef struct tg_api_out {
  char *json, *pay; /* pay NULL: unsigned */
  char now[16];     /* the timestamp */
  uint32_t now_len;
} tg_api_out_t;

#define PUT(p, lit) (memcpy((p), lit, sizeof(lit) - 1), (p) + sizeof(lit) - 1)

/* The name part of a parameter in both forms; the value follows by one of the functions below. */
#define NAME(out, json_lit, pay_lit) \
  do { \
    (out)->json = PUT((out)->json, json_lit); \
    if ((out)->pay) (out)->pay = PUT((out)->pay, pay_lit); \
  } while (0)

/* Copies the value that was just written at `from` in the JSON text to the payload. */
static inline void mirror(tg_api_out_t *out, const char *from) {
  if (out->pay) {
    size_t n = (size_t)(out->json - from);
    memcpy(out->pay, from, n);
    out->pay += n;
  }
}

static inline void put_scaled(tg_api_out_t *out, int64_t units, tg_scale_t scale) {
  const char *from = out->json;
  out->json += tg_dec_print_scaled(units, scale, out->json);
  mirror(out, from);
}

static inline void put_u64(tg_api_out_t *out, uint64_t value) {
  const char *from = out->json;
  out->json += tg_text_u64(value, out->json);
  mirror(out, from);
}

static inline void put_text(tg_api_out_t *out, const char *text, size_t len) {
  const char *from = out->json;
  memcpy(out->json, text, len);
  out->json += len;
  mirror(out, from);
}

static inline void put_symbol(tg_api_out_t *out, const tg_sym_t *sym) {
  const char *from = out->json;
  memcpy(out->json, sym->name, sizeof sym->name); /* whole field; the next piece overwrites the padding */
  out->json += sym->name_len;
  mirror(out, from);
}

static inline void put_client_id(tg_api_out_t *out, uint64_t client_id) {
  const char *from = out->json;
  tg_client_id_print(client_id, out->json);
  out->json += TG_CLIENT_ID_BYTES;
  mirror(out, from);
}

static void put_recv_window(tg_api_out_t *out, const tg_bn_api_t *ctx) {
  if (ctx->recv_window_ms == 0) return;
  NAME(out, "\"recvWindow\":", "&recvWindow=");
  put_u64(out, ctx->recv_window_ms);
  *out->json++ = ',';
}

/* Cancels, amends and queries name the order by its venue id when that is known and, for queries of ours, by our own. */
static void put_order_key(tg_api_out_t *out, const tg_msg_t *msg) {
  const tg_out_order_t *order = &msg->u.out_cancel;
  bool by_venue_id = order->order_id != 0 && ((msg->flags & TG_F_FOREIGN) || msg->kind != TG_OUT_QUERY);
  if (by_venue_id) {
    NAME(out, "\"orderId\":", "&orderId=");
    put_u64(out, (uint64_t)order->order_id);
    *out->json++ = ',';
  } else {
    NAME(out, "\"origClientOrderId\":\"", "&origClientOrderId=");
    put_client_id(out, order->client_id);
    out->json = PUT(out->json, "\",");
  }
}

static void put_side(tg_api_out_t *out, uint8_t side) {
  if (side == TG_BUY) {
    NAME(out, "\"side\":\"BUY\",", "&side=BUY");
  } else {
    NAME(out, "\"side\":\"SELL\",", "&side=SELL");
  }
}

/* The text of a timestamp: only its last three digits change within a second. */
static void set_now(tg_bn_api_t *ctx, tg_api_out_t *out, uint64_t now_ms) {
  uint64_t second = now_ms / 1000;
  uint32_t ms = (uint32_t)(now_ms % 1000);
  if (TG_UNLIKELY(second != ctx->second)) {
    if (second < 1000000000u || second > 9999999999u) { /* not 13 digits: no clock of ours */
      out->now_len = (uint32_t)tg_text_u64(now_ms % 10000000000000u, out->now);
      return;
    }
    tg_text_u64(second, ctx->second_text);
    ctx->second = second;
  }
  memcpy(out->now, ctx->second_text, sizeof out->now);
  out->now[10] = (char)('0' + ms / 100);
  out->now[11] = (char)('0' + ms / 10 % 10);
  out->now[12] = (char)('0' + ms % 10);
  out->now_len = 13;
}

static inline void put_now(tg_api_out_t *out) {
  const char *from = out->json;
  memcpy(out->json, out->now, sizeof out->now); /* whole field; the next piece overwrites the rest */
  out->json += out->now_len;
  mirror(out, from);
}

static void put_symbol_time(tg_api_out_t *out, const tg_sym_t *sym) {
  NAME(out, "\"symbol\":\"", "&symbol=");
  put_symbol(out, sym);
  NAME(out, "\",\"timestamp\":", "&timestamp=");
  put_now(out);
}

static void put_stp(tg_api_out_t *out, uint8_t stp) {
  switch (stp) {
    case TG_BN_STP_EXPIRE_TAKER:
      NAME(out, "\"selfTradePreventionMode\":\"EXPIRE_TAKER\",", "&selfTradePreventionMode=EXPIRE_TAKER");
      break;
    case TG_BN_STP_EXPIRE_MAKER:
      NAME(out, "\"selfTradePreventionMode\":\"EXPIRE_MAKER\",", "&selfTradePreventionMode=EXPIRE_MAKER");
      break;
    case TG_BN_STP_EXPIRE_BOTH:
      NAME(out, "\"selfTradePreventionMode\":\"EXPIRE_BOTH\",", "&selfTradePreventionMode=EXPIRE_BOTH");
      break;
    default:
      NAME(out, "\"selfTradePreventionMode\":\"NONE\",", "&selfTradePreventionMode=NONE");
  }
}

/* The time in force that goes out, TG_TIF_NONE for a market order, -TG_EINVAL when the order contradicts itself. */
static int order_tif(const tg_out_order_t *order) {
  bool post_only = order->order_flags & TG_ORDER_POST_ONLY;
  if (order->qty_lots <= 0 || (order->order_flags & TG_ORDER_CLOSE_POSITION)) return -TG_EINVAL;
  if (order->type == TG_TYPE_MARKET) return post_only ? -TG_EINVAL : TG_TIF_NONE;
  if (order->type != TG_TYPE_LIMIT || order->px_ticks <= 0) return -TG_EINVAL;
  if (!post_only) return tg_tif_text(order->tif) ? order->tif : -TG_EINVAL;
  return order->tif == TG_TIF_GTX || order->tif == TG_TIF_GTC || order->tif == TG_TIF_NONE ? TG_TIF_GTX : -TG_EINVAL;
}

/* Names in alphabetical order: the JSON text and the signed text come from one pass. */
static void put_place(tg_api_out_t *out, const tg_bn_api_t *ctx, const tg_msg_t *msg, const tg_sym_t *sym, int tif) {
  const tg_out_order_t *order = &msg->u.out_place;
  NAME(out, "\"newClientOrderId\":\"", "&newClientOrderId=");
  put_client_id(out, order->client_id);
  NAME(out, "\",\"newOrderRespType\":\"ACK\",", "&newOrderRespType=ACK");
  if (tif != TG_TIF_NONE) {
    NAME(out, "\"price\":\"", "&price=");
    put_scaled(out, order->px_ticks, sym->px);
    out->json = PUT(out->json, "\",");
  }
  NAME(out, "\"quantity\":\"", "&quantity=");
  put_scaled(out, order->qty_lots, sym->qty);
  out->json = PUT(out->json, "\",");
  put_recv_window(out, ctx);
  if (order->order_flags & TG_ORDER_REDUCE_ONLY) NAME(out, "\"reduceOnly\":\"true\",", "&reduceOnly=true");
  put_stp(out, ctx->stp);
  put_side(out, order->side);
  NAME(out, "\"symbol\":\"", "&symbol=");
  put_symbol(out, sym);
  if (tif != TG_TIF_NONE) {
    NAME(out, "\",\"timeInForce\":\"", "&timeInForce=");
    put_text(out, tg_tif_text((unsigned)tif), 3); /* all are three letters */
  }
  NAME(out, "\",\"timestamp\":", "&timestamp=");
  put_now(out);
  if (tif != TG_TIF_NONE) {
    NAME(out, ",\"type\":\"LIMIT\"", "&type=LIMIT");
  } else {
    NAME(out, ",\"type\":\"MARKET\"", "&type=MARKET");
  }
}

static void put_amend(tg_api_out_t *out, const tg_bn_api_t *ctx, const tg_msg_t *msg, const tg_sym_t *sym) {
  const tg_out_order_t *order = &msg->u.out_amend;
  put_order_key(out, msg);
  NAME(out, "\"price\":\"", "&price=");
  put_scaled(out, order->px_ticks, sym->px);
  NAME(out, "\",\"quantity\":\"", "&quantity=");
  put_scaled(out, order->qty_lots, sym->qty);
  out->json = PUT(out->json, "\",");
  put_recv_window(out, ctx);
  put_side(out, order->side);
  put_symbol_time(out, sym);
}

static void put_key(tg_api_out_t *out, const tg_bn_api_t *ctx, const tg_msg_t *msg, const tg_sym_t *sym) {
  put_order_key(out, msg);
  put_recv_window(out, ctx);
  put_symbol_time(out, sym);
}

/* 0, or why this message cannot be a request; *request and *tif are set. */
static int check(const tg_msg_t *msg, tg_request_t *request, int *tif) {
  const tg_out_order_t *order = &msg->u.out_place;
  *tif = TG_TIF_NONE;
  switch (msg->kind) {
    case TG_OUT_PLACE:
      *request = TG_REQUEST_PLACE;
      *tif = order_tif(order);
      return *tif < 0 ? *tif : 0;
    case TG_OUT_AMEND:
      *request = TG_REQUEST_AMEND;
      if (order->qty_lots <= 0 || order->px_ticks <= 0) return -TG_EINVAL;
      break;
    case TG_OUT_CANCEL:
      *request = TG_REQUEST_CANCEL;
      break;
    case TG_OUT_QUERY:
      *request = TG_REQUEST_QUERY;
      break;
    default:
      return -TG_EINVAL;
  }
  if (order->order_id < 0 || ((msg->flags & TG_F_FOREIGN) && order->order_id == 0)) return -TG_EINVAL;
  return 0;
}

static char *put_head(char *p, tg_request_t request, uint32_t request_no) {
  p = PUT(p, "{\"id\":\"");
  *p++ = "?pmcs"[request];
  p += tg_text_u64(request_no, p);
  switch (request) {
    case TG_REQUEST_PLACE:
      return PUT(p, "\",\"method\":\"order.place\",\"params\":{");
    case TG_REQUEST_AMEND:
      return PUT(p, "\",\"method\":\"order.modify\",\"params\":{");
    case TG_REQUEST_CANCEL:
      return PUT(p, "\",\"method\":\"order.cancel\",\"params\":{");
    default:
      return PUT(p, "\",\"method\":\"order.status\",\"params\":{");
  }
}

/* Writes the whole request; buf has TG_BN_API_TEXT_MAX bytes. */
static size_t write_request(tg_bn_api_t *ctx, const tg_msg_t *msg, const tg_sym_t *sym, tg_request_t request, int tif,
                            uint64_t now_ms, char *buf) {
  char payload[TG_BN_API_TEXT_MAX];
  tg_api_out_t out = {.json = put_head(buf, request, msg->u.out_place.request_no), .pay = NULL};
  set_now(ctx, &out, now_ms);
  if (ctx->sign) {
    out.json = PUT(out.json, "\"apiKey\":\"");
    out.pay = PUT(payload, "apiKey=");
    put_text(&out, ctx->secret->api_key, ctx->secret->api_key_len);
    out.json = PUT(out.json, "\",");
  }
  if (request == TG_REQUEST_PLACE) {
    put_place(&out, ctx, msg, sym, tif);
  } else if (request == TG_REQUEST_AMEND) {
    put_amend(&out, ctx, msg, sym);
  } else {
    put_key(&out, ctx, msg, sym);
  }
  if (ctx->sign) {
    out.json = PUT(out.json, ",\"signature\":\"");
    tg_hmac_mid_hex(&ctx->secret->hmac, &ctx->secret->mid, payload, (size_t)(out.pay - payload), out.json);
    out.json += TG_HMAC_HEX_BYTES;
    *out.json++ = '"';
    wipe(payload,
         sizeof "apiKey=" - 1 + ctx->secret->api_key_len); /* else the key stays on the stack for a core dump to find */
  }
  out.json = PUT(out.json, "}}");
  return (size_t)(out.json - buf);
}

int tg_bn_api_encode(tg_bn_api_t *ctx, const tg_msg_t *msg, uint64_t now_ms, char *buf, size_t cap) {
  tg_request_t request = TG_REQUEST_NONE;
  int tif = TG_TIF_NONE;
  int err = check(msg, &request, &tif);
  if (TG_UNLIKELY(err)) return err;
  const tg_sym_t *sym = tg_symtab_instr(ctx->tab, msg->instr_idx);
  if (TG_UNLIKELY(!sym)) return -TG_ENOTFOUND;
  char own[TG_BN_API_TEXT_MAX];
  char *to = cap >= TG_BN_API_TEXT_MAX ? buf : own;
  size_t len = write_request(ctx, msg, sym, request, tif, now_ms, to);
  if (TG_UNLIKELY(to == own)) {
    if (len > cap) return -TG_EFULL;
    memcpy(buf, own, len);
  }
  const tg_out_order_t *order = &msg->u.out_place;
  const tg_bn_inflight_row_t row = {.client_id = order->client_id,
                                    .order_id = order->order_id,
                                    .request_no = order->request_no,
                                    .instr_idx = msg->instr_idx,
                                    .request = (uint8_t)request,
                                    .flags = msg->flags & TG_F_FOREIGN};
  err = tg_bn_inflight_add(&ctx->inflight, &row);
  if (TG_UNLIKELY(err)) return err;
  ctx->cnt.requests++;
  return (int)len;
}

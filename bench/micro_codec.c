/* Codecs: text -> messages, messages -> text, signatures. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gen.h"
#include "bench/micro.h"
#include "codecs/bn_api.h"
#include "codecs/bn_md.h"
#include "codecs/bn_user.h"
#include "net/ws.h"

enum { TOP_BATCH = 16, DEPTH_BATCH = 1, GENERIC_BATCH = 8, USER_BATCH = 1, ENCODE_BATCH = 16 };

static tg_symtab_t symtab;
static tg_bn_md_t md;
static tg_bn_user_t user;
static tg_bn_api_t api;
static tg_msg_t out_mem[256];
static tg_msg_batch_t out = {out_mem, 0, 256};
static gen_top_t *tops;
static gen_depth_t *depths;
static gen_order_t *orders;
static uint32_t at;

static int common(void) {
  at = 0;
  if (gen_symtab(&symtab)) return bench_wrong("codec", "symbol table");
  tg_bn_md_init(&md, &symtab);
  tg_bn_user_init(&user, &symtab);
  if (!tops) tops = calloc(GEN_CNT, sizeof *tops);
  if (!depths) depths = calloc(GEN_CNT, sizeof *depths);
  if (!orders) orders = calloc(GEN_CNT, sizeof *orders);
  return tops && depths && orders ? 0 : -1;
}

static int check_tops(const char *name, bool generic) {
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    out.cnt = 0;
    if (tg_bn_md_decode(&md, tops[i].text, tops[i].len, 7, &out) != 1) return bench_wrong(name, tops[i].text);
    if (out_mem[0].kind != TG_MD_TOP || out_mem[0].instr_idx != 0 || out_mem[0].ts_ns != 7 ||
        memcmp(&out_mem[0].u.md_top, &tops[i].want, sizeof tops[i].want) != 0)
      return bench_wrong(name, tops[i].text);
  }
  if (md.cnt.generic != (generic ? GEN_CNT : 0)) return bench_wrong(name, "not the path that is meant");
  return 0;
}

static int top_setup(void) {
  if (common()) return -1;
  gen_tops(tops, 11);
  return check_tops("md.top", false);
}

static int generic_setup(void) {
  if (common()) return -1;
  gen_tops_shuffled(tops, 12);
  return check_tops("md.top_generic", true);
}

static void decode_tops(uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    const gen_top_t *t = &tops[at++ & (GEN_CNT - 1)];
    out.cnt = 0;
    if (tg_bn_md_decode(&md, t->text, t->len, at, &out) != 1) abort();
    bench_keep(out_mem);
  }
}

static void top_op(void) {
  decode_tops(TOP_BATCH);
}

static void generic_op(void) {
  decode_tops(GENERIC_BATCH);
}

static int depth_setup(void) {
  if (common()) return -1;
  gen_book_t *book = malloc(2 * sizeof *book);
  if (!book) return -1;
  gen_depths(&book[0], depths, &book[1], 13);
  free(book);
  uint64_t levels = 0;
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    const gen_depth_t *d = &depths[i];
    levels += d->bid_cnt + d->ask_cnt;
    out.cnt = 0;
    if (tg_bn_md_decode(&md, d->text, d->len, 7, &out) < 1) return bench_wrong("md.depth", d->text);
    const tg_md_depth_t *head = &out_mem[0].u.md_depth;
    if (head->first_id != d->first_id || head->last_id != d->last_id || head->prev_id != d->prev_id ||
        head->bid_cnt != d->bid_cnt || head->ask_cnt != d->ask_cnt || head->venue_ms != d->venue_ms)
      return bench_wrong("md.depth", d->text);
    uint32_t line = 1;
    for (int side = 0; side < 2; side++) {
      const tg_md_level_t *want = side ? d->ask : d->bid;
      for (uint32_t k = 0, cnt = side ? d->ask_cnt : d->bid_cnt; k < cnt; k++) {
        const tg_msg_t *msg = &out_mem[line + k / TG_LEVELS_PER_MSG];
        if (memcmp(&msg->u.md_levels.level[k % TG_LEVELS_PER_MSG], &want[k], sizeof *want) != 0)
          return bench_wrong("md.depth", d->text);
      }
      line += ((side ? d->ask_cnt : d->bid_cnt) + 2) / TG_LEVELS_PER_MSG;
    }
  }
  if (levels / GEN_CNT < 17 || levels / GEN_CNT > 23) return bench_wrong("md.depth", "not 20 levels an event on average");
  return 0;
}

static void depth_op(void) {
  const gen_depth_t *d = &depths[at++ & (GEN_CNT - 1)];
  out.cnt = 0;
  if (tg_bn_md_decode(&md, d->text, d->len, at, &out) < 1) abort();
  bench_keep(out_mem);
}

static int user_setup(void) {
  if (common()) return -1;
  gen_orders(orders, 14);
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    const gen_order_t *o = &orders[i];
    out.cnt = 0;
    int cnt = tg_bn_user_decode(&user, o->text, o->len, 7, &out);
    if (cnt != (o->has_fill ? 2 : 1)) return bench_wrong("user.order", o->text);
    tg_ex_order_t got = out_mem[cnt - 1].u.ex_order;
    got.venue_lag_ms = 0;
    got.expire_reason = 0;
    if (out_mem[cnt - 1].kind != TG_EX_ORDER || memcmp(&got, &o->order, sizeof got) != 0)
      return bench_wrong("user.order", o->text);
    if (o->has_fill && memcmp(&out_mem[0].u.ex_fill, &o->fill, sizeof o->fill) != 0)
      return bench_wrong("user.order fill", o->text);
  }
  return 0;
}

static void user_op(void) {
  const gen_order_t *o = &orders[at++ & (GEN_CNT - 1)];
  out.cnt = 0;
  if (tg_bn_user_decode(&user, o->text, o->len, UINT64_C(1721347022504000000) + at, &out) < 1) abort();
  bench_keep(out_mem);
}

/* ---- encode ---- */

static tg_msg_t *requests;
static char text[TG_WS_HEAD_MAX + TG_BN_API_TEXT_MAX];
static uint32_t request_no;
static tg_ws_rng_t mask_rng;
static const char API_KEY[] = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
static const char SECRET[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

static void make_requests(bool amend) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 15);
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    tg_msg_init(&requests[i], amend ? TG_OUT_AMEND : TG_OUT_PLACE, 0, 0);
    requests[i].u.out_place = (tg_out_order_t){.client_id = UINT64_C(0x3000070100000000) | gen_below(&rng, 1u << 20),
                                               .order_id = amend ? 482255808281 + (int64_t)gen_below(&rng, 1u << 30) : 0,
                                               .px_ticks = 600000 + (int64_t)gen_below(&rng, 90000),
                                               .qty_lots = 2 + (int64_t)gen_below(&rng, 3000),
                                               .side = (uint8_t)gen_below(&rng, 2),
                                               .tif = TG_TIF_GTX,
                                               .order_flags = TG_ORDER_POST_ONLY,
                                               .type = TG_TYPE_LIMIT};
  }
}

/* The unsigned text, printed the slow way. */
static int expected(const tg_msg_t *msg, uint64_t ms, char *to, size_t cap) {
  const tg_out_order_t *o = &msg->u.out_place;
  const char *side = o->side == TG_BUY ? "BUY" : "SELL";
  if (msg->kind == TG_OUT_AMEND)
    return snprintf(to, cap,
                    "{\"id\":\"m%u\",\"method\":\"order.modify\",\"params\":{\"orderId\":%ld,\"price\":\"%ld.%ld\","
                    "\"quantity\":\"%ld.%03ld\","
                    "\"recvWindow\":3000,\"side\":\"%s\",\"symbol\":\"BTCUSDT\",\"timestamp\":%lu}}",
                    o->request_no, o->order_id, o->px_ticks / 10, o->px_ticks % 10, o->qty_lots / 1000, o->qty_lots % 1000,
                    side, ms);
  return snprintf(
      to, cap,
      "{\"id\":\"p%u\",\"method\":\"order.place\",\"params\":{\"newClientOrderId\":\"tgs-%016lx\",\"newOrderRespType\":\"ACK\","
      "\"price\":\"%ld.%ld\",\"quantity\":\"%ld.%03ld\",\"recvWindow\":3000,\"selfTradePreventionMode\":\"EXPIRE_MAKER\","
      "\"side\":\"%s\",\"symbol\":\"BTCUSDT\",\"timeInForce\":\"GTX\",\"timestamp\":%lu,\"type\":\"LIMIT\"}}",
      o->request_no, o->client_id, o->px_ticks / 10, o->px_ticks % 10, o->qty_lots / 1000, o->qty_lots % 1000, side, ms);
}

static int encode_setup(bool amend, bool sign) {
  tg_hmac_key_t key;
  const uint8_t seed[32] = {1, 2, 3};
  if (common()) return -1;
  if (!requests) requests = aligned_alloc(64, GEN_CNT * sizeof *requests);
  if (!requests) return -1;
  tg_ws_rng_seed(&mask_rng, seed);
  make_requests(amend);
  tg_hmac_key_init(&key, SECRET, sizeof SECRET - 1);
  request_no = 0;
  if (tg_bn_api_init(&api, &symtab, API_KEY, sizeof API_KEY - 1, &key, sign, 3000)) return bench_wrong("encode", "init");
  for (uint32_t i = 0; i < GEN_CNT && !sign; i++) {
    char want[TG_BN_API_TEXT_MAX];
    tg_bn_inflight_row_t row;
    requests[i].u.out_place.request_no = ++request_no;
    int len = tg_bn_api_encode(&api, &requests[i], 1721347022504u + i, text, TG_BN_API_TEXT_MAX);
    int want_len = expected(&requests[i], 1721347022504u + i, want, sizeof want);
    if (len != want_len || memcmp(text, want, (size_t)len) != 0) return bench_wrong("encode", want);
    if (!tg_bn_inflight_take(&api.inflight, request_no, &row)) return bench_wrong("encode", "not registered");
  }
  return 0;
}

static int place_setup(void) {
  return encode_setup(false, false);
}
static int amend_setup(void) {
  return encode_setup(true, false);
}

/* The signature again by BoringSSL, over the parameters as they stand in the text (they are sorted already). */
static int signed_setup(void) {
  if (encode_setup(true, true)) return -1;
  requests[0].u.out_place.request_no = ++request_no;
  int len = tg_bn_api_encode(&api, &requests[0], 1721347022504u, text, TG_BN_API_TEXT_MAX);
  char payload[1024], hex[65];
  const tg_out_order_t *o = &requests[0].u.out_place;
  int n = snprintf(
      payload, sizeof payload,
      "apiKey=%s&orderId=%ld&price=%ld.%ld&quantity=%ld.%03ld&recvWindow=3000&side=%s&symbol=BTCUSDT&timestamp=1721347022504",
      API_KEY, o->order_id, o->px_ticks / 10, o->px_ticks % 10, o->qty_lots / 1000, o->qty_lots % 1000,
      o->side == TG_BUY ? "BUY" : "SELL");
  uint8_t mac[32];
  unsigned mac_len = 0;
  if (len <= 0 || !HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (const uint8_t *)payload, (size_t)n, mac, &mac_len)) return -1;
  for (int i = 0; i < 32; i++) (void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
  return memmem(text, (size_t)len, hex, 64) ? 0 : bench_wrong("encode.amend_signed", payload);
}

static void encode_prep(void) {
  tg_bn_inflight_row_t row;
  for (uint32_t i = 0; i < ENCODE_BATCH; i++) {
    bool was = tg_bn_inflight_take(&api.inflight, request_no - i, &row);
    bench_keep(&was);
    requests[(at + i) & (GEN_CNT - 1)].u.out_place.request_no = request_no + 1 + i;
  }
  request_no += ENCODE_BATCH;
}

static void encode_op(void) {
  for (uint32_t i = 0; i < ENCODE_BATCH; i++) {
    int len = tg_bn_api_encode(&api, &requests[at & (GEN_CNT - 1)], 1721347022504u + at, text, TG_BN_API_TEXT_MAX);
    at++;
    if (len <= 0) abort();
    bench_keep(text);
  }
}

static void frame_op(void) {
  for (uint32_t i = 0; i < ENCODE_BATCH; i++) {
    uint8_t *payload = (uint8_t *)text + TG_WS_HEAD_MAX;
    int len = tg_bn_api_encode(&api, &requests[at & (GEN_CNT - 1)], 1721347022504u + at, (char *)payload, TG_BN_API_TEXT_MAX);
    at++;
    if (len <= 0) abort();
    uint32_t key = tg_ws_rng_next(&mask_rng);
    (void)tg_ws_put_head(payload, (size_t)len, TG_WS_TEXT, key);
    tg_ws_mask(payload, (size_t)len, key);
    bench_keep(text);
  }
}

/* ---- HMAC ---- */

enum { SIGN_BYTES = 200 };
static char (*sign_text)[SIGN_BYTES];
static tg_hmac_key_t hmac_key;
static tg_hmac_mid_t hmac_mid;
static char hex_out[TG_HMAC_HEX_BYTES];

static int hmac_setup(void) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 16);
  if (!sign_text) sign_text = malloc(GEN_CNT * sizeof *sign_text);
  if (!sign_text) return -1;
  at = 0;
  for (uint32_t i = 0; i < GEN_CNT; i++)
    for (uint32_t k = 0; k < SIGN_BYTES; k++)
      sign_text[i][k] = k < 71 ? (char)('a' + k % 26) : (char)('0' + gen_below(&rng, 10)); /* apiKey=<64> is constant */
  tg_hmac_key_init(&hmac_key, SECRET, sizeof SECRET - 1);
  tg_hmac_mid_init(&hmac_key, &hmac_mid, sign_text[0], 71);
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    uint8_t mac[32];
    unsigned mac_len = 0;
    char hex[65], mid[TG_HMAC_HEX_BYTES];
    if (!HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (const uint8_t *)sign_text[i], SIGN_BYTES, mac, &mac_len)) return -1;
    for (int k = 0; k < 32; k++) (void)snprintf(hex + 2 * k, 3, "%02x", mac[k]);
    tg_hmac_hex(&hmac_key, sign_text[i], SIGN_BYTES, hex_out);
    tg_hmac_mid_hex(&hmac_key, &hmac_mid, sign_text[i], SIGN_BYTES, mid);
    if (memcmp(hex, hex_out, 64) != 0 || memcmp(hex, mid, 64) != 0) return bench_wrong("hmac", "differs from BoringSSL's");
  }
  return 0;
}

static void hmac_op(void) {
  tg_hmac_hex(&hmac_key, sign_text[at++ & (GEN_CNT - 1)], SIGN_BYTES, hex_out);
  bench_keep(hex_out);
}

static void hmac_mid_op(void) {
  tg_hmac_mid_hex(&hmac_key, &hmac_mid, sign_text[at++ & (GEN_CNT - 1)], SIGN_BYTES, hex_out);
  bench_keep(hex_out);
}

static void hmac_boring_op(void) {
  uint8_t mac[32];
  unsigned len = 0;
  if (!HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (const uint8_t *)sign_text[at++ & (GEN_CNT - 1)], SIGN_BYTES, mac, &len))
    abort();
  bench_keep(mac);
}

const bench_case_t bench_codec_cases[] = {
    {"md.top", "bookTicker text (combined stream) -> MD_TOP", TOP_BATCH, 4096, top_setup, NULL, top_op, NULL},
    {"md.depth", "depthUpdate text, 10 + 10 levels on average -> messages", DEPTH_BATCH, 16384, depth_setup, NULL, depth_op,
     NULL},
    {"md.top_generic", "bookTicker, keys shuffled, two unknown ones (path by key)", GENERIC_BATCH, 4096, generic_setup, NULL,
     generic_op, NULL},
    {"user.order", "ORDER_TRADE_UPDATE text -> EX_FILL, EX_ORDER", USER_BATCH, 16384, user_setup, NULL, user_op, NULL},
    {"encode.place", "OUT_PLACE -> order.place text, unsigned", ENCODE_BATCH, 4096, place_setup, encode_prep, encode_op, NULL},
    {"encode.amend", "OUT_AMEND -> order.modify text, unsigned", ENCODE_BATCH, 4096, amend_setup, encode_prep, encode_op, NULL},
    {"encode.frame", "OUT_AMEND -> order.modify text, unsigned, framed and masked", ENCODE_BATCH, 4096, amend_setup,
     encode_prep, frame_op, NULL},
    {"encode.amend_signed", "OUT_AMEND -> order.modify text with HMAC signature (cached state after apiKey)", ENCODE_BATCH,
     2048, signed_setup, encode_prep, encode_op, NULL},
    {"hmac.200", "HMAC-SHA256 of 200 bytes, precomputed key, hex", 1, 16384, hmac_setup, NULL, hmac_op, NULL},
    {"hmac.200_mid", "the same with the state after the constant first block", 1, 16384, hmac_setup, NULL, hmac_mid_op, NULL},
    {"hmac.200_boringssl", "beside it: BoringSSL's one-shot HMAC of the same bytes, no hex", 1, 16384, hmac_setup, NULL,
     hmac_boring_op, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

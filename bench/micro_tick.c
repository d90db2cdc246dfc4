/* A tick on the wire to an order on the wire, in one thread, without a kernel. */
#include <stdlib.h>
#include <string.h>

#include "bench/micro.h"
#include "bench/peg.h"
#include "bench/tls_keys.h"
#include "bench/world.h"
#include "codecs/bn_api.h"
#include "codecs/bn_md.h"
#include "net/rec.h"
#include "net/ws.h"

enum { WIRE_MAX = 2048 };

static world_t *world;
static tg_symtab_t symtab;
static tg_bn_md_t md;
static tg_bn_api_t api;
static tg_rec_t ours, theirs;
static tg_ws_rx_t rx;
static tg_ws_rng_t mask_rng;
static tg_rng_t rng;
static uint8_t *rx_buf;
static tg_msg_t md_mem[16];
static uint8_t in[WIRE_MAX], sent[WIRE_MAX];
static int in_len, sent_len;
static uint8_t *sent_at;
static bool tls;
static int64_t bid_ticks, bid_lots;

/* A server's text frame with one bookTicker at `at`; returns its bytes. */
static size_t put_tick(uint8_t *at) {
  int64_t step = 1 + (int64_t)gen_below(&rng, 20);
  bid_ticks += bid_ticks > 640000 || (bid_ticks > 632000 && gen_below(&rng, 2)) ? -step : step;
  bid_lots = 1 + (int64_t)gen_below(&rng, 3000);
  int64_t ask = bid_ticks + 1 + (int64_t)gen_below(&rng, 3), ask_lots = 1 + (int64_t)gen_below(&rng, 3000);
  long ms = (long)(world->now_ns / 1000000);
  int n = snprintf(
      (char *)at + 4, WIRE_MAX - 64,
      "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":%lu,\"s\":\"BTCUSDT\",\"b\":\"%ld.%ld0\",\"B\":"
      "\"%ld.%03ld\",\"a\":\"%ld.%ld0\",\"A\":\"%ld.%03ld\",\"T\":%ld,\"E\":%ld}}",
      ++world->update_id, bid_ticks / 10, bid_ticks % 10, bid_lots / 1000, bid_lots % 1000, ask / 10, ask % 10, ask_lots / 1000,
      ask_lots % 1000, ms, ms);
  at[0] = 0x81;
  at[1] = 126;
  at[2] = (uint8_t)(n >> 8);
  at[3] = (uint8_t)n;
  return (size_t)n + 4;
}

static void tick_prep(void) {
  tg_bn_inflight_row_t row;
  for (uint32_t i = 0; i < world->out.cnt; i++)
    if (world->out.msg[i].kind == TG_OUT_AMEND)
      (void)tg_bn_inflight_take(&api.inflight, world->out.msg[i].u.out_amend.request_no, &row);
  (void)world_confirm(world);
  world->now_ns += 1000000;
  uint8_t *plain = in + (tls ? theirs.prefix_bytes : 0);
  size_t len = put_tick(plain);
  in_len = tls ? tg_rec_seal(&theirs, 23, in, len) : (int)len;
  if (in_len <= 0) abort();
}

static void send_request(const tg_msg_t *msg) {
  uint8_t *payload = sent + TG_REC_PREFIX_MAX + TG_WS_HEAD_MAX;
  int n = tg_bn_api_encode(&api, msg, world->now_ns / 1000000, (char *)payload, TG_BN_API_TEXT_MAX);
  if (n <= 0) abort();
  uint32_t key = tg_ws_rng_next(&mask_rng);
  size_t head = tg_ws_put_head(payload, (size_t)n, TG_WS_TEXT, key);
  tg_ws_mask(payload, (size_t)n, key);
  sent_at = payload - head;
  sent_len = (int)head + n;
  if (!tls) return;
  sent_at -= ours.prefix_bytes;
  sent_len = tg_rec_seal(&ours, 23, sent_at, (size_t)sent_len);
}

/* The path itself: [record,] frame, text, step, gates, request, mask [, record]. */
static void tick_op(void) {
  uint8_t *chunk = in;
  size_t len = (size_t)in_len;
  if (tls) {
    tg_rec_out_t opened;
    if (tg_rec_open(&ours, in, len, &opened) != in_len) abort();
    chunk = opened.data;
    len = opened.len;
  }
  tg_ws_msg_t msg;
  tg_msg_batch_t batch = {md_mem, 0, 16};
  tg_ws_rx_feed(&rx, chunk, len);
  if (tg_ws_rx_next(&rx, &msg) != 1) abort();
  if (tg_bn_md_decode(&md, (const char *)msg.data, msg.len, world->now_ns, &batch) != 1) abort();
  if (tg_ws_rx_next(&rx, &msg) != 0) abort();
  world->out.cnt = 0;
  if (tg_core_step(world->core, &md_mem[0], &world->out)) abort();
  for (uint32_t i = 0; i < world->out.cnt; i++) {
    uint8_t kind = world->out.msg[i].kind;
    if (kind == TG_OUT_AMEND || kind == TG_OUT_PLACE) send_request(&world->out.msg[i]);
  }
}

/* The order of this tick must be what left: opened, unmasked and compared as text. */
static int tick_check(const char *name) {
  uint8_t *frame = sent_at;
  size_t len = (size_t)sent_len;
  char want[64], key[4];
  if (tls) {
    tg_rec_out_t opened;
    if (tg_rec_open(&theirs, sent_at, len, &opened) != sent_len) return bench_wrong(name, "record");
    frame = opened.data;
    len = opened.len;
  }
  if (len < 9 || frame[0] != 0x81 || frame[1] != (0x80 | 126) || (size_t)(frame[2] << 8 | frame[3]) != len - 8)
    return bench_wrong(name, "frame");
  memcpy(key, frame + 4, 4);
  for (size_t i = 8; i < len; i++) frame[i] ^= (uint8_t)key[i & 3];
  int64_t px = bid_ticks - PEG_AWAY_TICKS, qty = peg_lots(bid_lots);
  int n =
      snprintf(want, sizeof want, "\"price\":\"%ld.%ld\",\"quantity\":\"%ld.%03ld\"", px / 10, px % 10, qty / 1000, qty % 1000);
  if (!memmem(frame + 8, len - 8, want, (size_t)n) || !memmem(frame + 8, len - 8, "order.modify", 12))
    return bench_wrong(name, "the order is not the one that is due");
  return 0;
}

static int tick_setup(const char *name, bool with_tls) {
  const uint8_t seed[32] = {7, 8, 9};
  tg_rec_keys_t a, b;
  tls = with_tls;
  bid_ticks = 636000;
  tg_rng_seed(&rng, 41);
  tg_ws_rng_seed(&mask_rng, seed);
  tls_keys_make(&a, &b);
  if (!world) world = aligned_alloc(64, (sizeof *world + 63) / 64 * 64);
  if (!rx_buf) rx_buf = malloc(65536 + TG_WS_RX_SLACK);
  peg_levels = 1;
  if (!world || !rx_buf || gen_symtab(&symtab) || tg_rec_init(&ours, &a) || tg_rec_init(&theirs, &b)) return -1;
  if (tg_ws_rx_init(&rx, rx_buf, 65536 + TG_WS_RX_SLACK, 65536)) return -1;
  tg_bn_md_init(&md, &symtab);
  if (tg_bn_api_init(&api, &symtab, NULL, 0, NULL, false, 3000)) return bench_wrong(name, "gateway codec");
  if (world_open(world, peg_strategy()) || world_start(world, bid_ticks, NULL, 0)) return -1;
  for (uint32_t i = 0; i < 2 * GEN_CNT; i++) {
    tick_prep();
    sent_len = 0;
    tick_op();
    if (i >= 8 && (sent_len <= 0 || tick_check(name))) return bench_wrong(name, "no order");
    if (i < 8 && tls && sent_len > 0) {
      tg_rec_out_t opened;
      if (tg_rec_open(&theirs, sent_at, (size_t)sent_len, &opened) <= 0) return bench_wrong(name, "record");
    }
  }
  return 0;
}

static int plain_setup(void) {
  return tick_setup("tick.plain", false);
}
static int tls_setup(void) {
  return tick_setup("tick.tls", true);
}

const bench_case_t bench_tick_cases[] = {
    {"tick.plain", "in process: WebSocket frame with a bookTicker -> masked frame with the order", 1, 16384, plain_setup,
     tick_prep, tick_op, NULL},
    {"tick.tls", "the same from TLS record to TLS record (open and seal in place)", 1, 16384, tls_setup, tick_prep, tick_op,
     NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

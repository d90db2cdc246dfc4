/* WebSocket frames and TLS records. */
#include <stdlib.h>
#include <string.h>

#include "bench/gen.h"
#include "bench/micro.h"
#include "bench/tls_keys.h"
#include "net/rec.h"
#include "net/ws.h"

enum { BYTES = 300, HEAD_BATCH = 64, RX_BATCH = 16, MASK_BATCH = 32, FRAME_MAX = 4 + BYTES };

static uint8_t (*frames)[FRAME_MAX];
static uint32_t at;
static tg_ws_rx_t rx;
static uint8_t *rx_buf;
static uint8_t data[BYTES + 64];
static tg_ws_rng_t rng;

/* A server's text frame of 300 bytes: 2 + 2 bytes of header. */
static int frames_make(void) {
  tg_rng_t seed;
  tg_rng_seed(&seed, 21);
  if (!frames) frames = malloc(GEN_CNT * sizeof *frames);
  if (!rx_buf) rx_buf = malloc(65536 + TG_WS_RX_SLACK);
  if (!frames || !rx_buf) return -1;
  at = 0;
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    uint8_t head[4] = {0x81, 126, BYTES >> 8, BYTES & 255};
    memcpy(frames[i], head, 4);
    for (uint32_t k = 0; k < BYTES; k++) frames[i][4 + k] = (uint8_t)(' ' + gen_below(&seed, 95));
  }
  return tg_ws_rx_init(&rx, rx_buf, 65536 + TG_WS_RX_SLACK, 65536);
}

static int head_setup(void) {
  if (frames_make()) return -1;
  for (uint32_t i = 0; i < GEN_CNT; i++) { /* lengths and opcodes of all kinds, so that branches are not learnt */
    uint32_t len = i % 3 == 0 ? 20 + i % 100 : BYTES;
    frames[i][0] = i % 7 == 0 ? 0x89 : 0x81;
    if (frames[i][0] == 0x89) len = i % 100;
    frames[i][1] = len < 126 ? (uint8_t)len : 126;
    tg_ws_frame_t f;
    if (tg_ws_head(frames[i], FRAME_MAX, 65536, &f) != (len < 126 ? 2 : 4) || f.len != len || !f.fin)
      return bench_wrong("ws.head", "header");
  }
  return 0;
}

static void head_op(void) {
  for (uint32_t i = 0; i < HEAD_BATCH; i++) {
    tg_ws_frame_t f;
    if (tg_ws_head(frames[at++ & (GEN_CNT - 1)], FRAME_MAX, 65536, &f) <= 0) abort();
    bench_keep(&f);
  }
}

static int rx_setup(void) {
  if (frames_make()) return -1;
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    tg_ws_msg_t msg;
    tg_ws_rx_feed(&rx, frames[i], FRAME_MAX);
    if (tg_ws_rx_next(&rx, &msg) != 1 || msg.len != BYTES || msg.op != TG_WS_TEXT || msg.data != frames[i] + 4)
      return bench_wrong("ws.rx", "message");
    if (tg_ws_rx_next(&rx, &msg) != 0) return bench_wrong("ws.rx", "more than one message");
  }
  return 0;
}

static void rx_op(void) {
  for (uint32_t i = 0; i < RX_BATCH; i++) {
    tg_ws_msg_t msg;
    tg_ws_rx_feed(&rx, frames[at++ & (GEN_CNT - 1)], FRAME_MAX);
    if (tg_ws_rx_next(&rx, &msg) != 1) abort();
    bench_keep(&msg);
    if (tg_ws_rx_next(&rx, &msg) != 0) abort();
  }
}

static int mask_setup(void) {
  const uint8_t seed[32] = {4, 5, 6};
  if (frames_make()) return -1;
  tg_ws_rng_seed(&rng, seed);
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    uint32_t key = tg_ws_rng_next(&rng);
    uint8_t want[BYTES], k[4];
    memcpy(k, &key, 4);
    for (uint32_t b = 0; b < BYTES; b++) want[b] = frames[i][4 + b] ^ k[b & 3];
    memcpy(data, frames[i] + 4, BYTES);
    tg_ws_mask(data, BYTES, key);
    if (memcmp(data, want, BYTES) != 0) return bench_wrong("ws.mask", "differs from byte by byte");
  }
  return 0;
}

static void mask_op(void) {
  for (uint32_t i = 0; i < MASK_BATCH; i++) {
    tg_ws_mask(data, BYTES, tg_ws_rng_next(&rng));
    bench_keep(data);
  }
}

static void mask_bytes_op(void) {
  for (uint32_t i = 0; i < MASK_BATCH; i++) {
    uint32_t key = tg_ws_rng_next(&rng);
    uint8_t k[4];
    memcpy(k, &key, 4);
    for (uint32_t b = 0; b < BYTES; b++) {
      data[b] ^= k[b & 3];
      __asm__ __volatile__("" : : : "memory"); /* stays bytewise */
    }
    bench_keep(data);
  }
}

/* ---- records ---- */

static tg_rec_t ours, theirs;
static uint8_t wire[1024];
static int wire_len;

static int rec_setup(void) {
  if (frames_make()) return -1;
  tg_rec_keys_t a, b;
  tls_keys_make(&a, &b);
  if (tg_rec_init(&ours, &a) || tg_rec_init(&theirs, &b)) return bench_wrong("rec", "keys");
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    tg_rec_out_t out;
    memcpy(wire + ours.prefix_bytes, frames[i], FRAME_MAX);
    int n = tg_rec_seal(&theirs, 23, wire, FRAME_MAX);
    if (n <= FRAME_MAX || memmem(wire, (size_t)n, frames[i] + 4, 8)) return bench_wrong("rec.seal", "not sealed");
    if (tg_rec_open(&ours, wire, (size_t)n, &out) != n || out.kind != TG_REC_DATA || out.len != FRAME_MAX ||
        memcmp(out.data, frames[i], FRAME_MAX) != 0)
      return bench_wrong("rec.open", "not what was sealed");
  }
  return 0;
}

static void rec_plain(void) {
  memcpy(wire + ours.prefix_bytes, frames[at++ & (GEN_CNT - 1)], FRAME_MAX);
}

static void rec_sealed(void) {
  rec_plain();
  wire_len = tg_rec_seal(&theirs, 23, wire, FRAME_MAX);
  if (wire_len <= 0) abort();
}

static void open_op(void) {
  tg_rec_out_t out;
  if (tg_rec_open(&ours, wire, (size_t)wire_len, &out) != wire_len) abort();
  bench_keep(&out);
}

static void seal_op(void) {
  if (tg_rec_seal(&ours, 23, wire, FRAME_MAX) <= 0) abort();
  bench_keep(wire);
}

const bench_case_t bench_net_cases[] = {
    {"ws.head", "WebSocket frame header decoded", HEAD_BATCH, 4096, head_setup, NULL, head_op, NULL},
    {"ws.rx_300", "WebSocket message of 300 bytes out of a chunk, UTF-8 checked", RX_BATCH, 4096, rx_setup, NULL, rx_op, NULL},
    {"ws.mask_300", "300 bytes masked in place, key included", MASK_BATCH, 4096, mask_setup, NULL, mask_op, NULL},
    {"ws.mask_300_bytewise", "beside it: the same byte by byte", MASK_BATCH, 1024, mask_setup, NULL, mask_bytes_op, NULL},
    {"rec.open_304", "TLS 1.3 record of 304 bytes opened in place, AES-128-GCM", 1, 16384, rec_setup, rec_sealed, open_op,
     NULL},
    {"rec.seal_304", "the same sealed in place", 1, 16384, rec_setup, rec_plain, seal_op, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

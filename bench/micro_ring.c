/* The ring between two lanes. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro.h"
#include "engine/base/spsc.h"

enum { SLOTS = 1024, PAIR_BATCH = 32, CHUNK = 512, HOP_SAMPLES = 8192, STREAM_SAMPLES = 2048 };

static tg_arena_t arena;
static tg_spsc_t *there, *back;

typedef struct slot_msg {
  uint32_t lap;
  uint32_t pad0;
  uint64_t no;
  uint8_t rest[48];
} slot_msg_t;

static int ring_setup(void) {
  if (!there) {
    tg_arena_t count;
    tg_spsc_t tmp;
    there = aligned_alloc(64, sizeof *there);
    back = aligned_alloc(64, sizeof *back);
    tg_arena_count(&count);
    if (!there || !back || tg_spsc_layout(&count, &tmp, SLOTS) || tg_spsc_layout(&count, &tmp, SLOTS) ||
        tg_arena_map(&arena, count.used_bytes) || tg_spsc_layout(&arena, there, SLOTS) || tg_spsc_layout(&arena, back, SLOTS))
      return bench_wrong("ring", "memory");
  }
  return 0;
}

static uint64_t pair_no;

static void pair_op(void) {
  slot_msg_t msg = {0};
  for (uint32_t i = 0; i < PAIR_BATCH; i++) {
    msg.no = pair_no + i;
    if (tg_spsc_put(there, &msg)) abort();
  }
  for (uint32_t i = 0; i < PAIR_BATCH; i++) {
    if (tg_spsc_get(there, &msg) || msg.no != pair_no++) abort();
  }
}

static void *echo(void *arg) {
  slot_msg_t msg;
  uint64_t left = *(const uint64_t *)arg;
  bench_pin(1);
  for (uint64_t want = 0; left > 0; left--) {
    while (tg_spsc_get(there, &msg) != 0) __builtin_ia32_pause();
    if (msg.no != want++) abort();
    while (tg_spsc_put(back, &msg) != 0) __builtin_ia32_pause();
  }
  return NULL;
}

/* One message at a time there and back; half of a round trip is a hop. */
static int hop_round(double *ns, uint32_t cnt) {
  pthread_t thread;
  uint64_t total = cnt + 1024u;
  slot_msg_t msg = {0};
  if (pthread_create(&thread, NULL, echo, &total)) return -1;
  for (uint64_t i = 0; i < total; i++) {
    msg.no = i;
    uint64_t start = bench_start();
    if (tg_spsc_put(there, &msg)) abort();
    while (tg_spsc_get(back, &msg) != 0) {
    }
    uint64_t ticks = bench_stop() - start;
    if (msg.no != i) abort();
    if (i >= 1024) ns[i - 1024] = bench_ns(ticks) / 2;
  }
  pthread_join(thread, NULL);
  return 0;
}

static void *source(void *arg) {
  slot_msg_t msg = {0};
  uint64_t total = *(const uint64_t *)arg;
  bench_pin(1);
  for (uint64_t i = 0; i < total; i++) {
    msg.no = i;
    while (tg_spsc_put(there, &msg) != 0) __builtin_ia32_pause();
  }
  return NULL;
}

/* A stream as fast as both can; samples of CHUNK messages at the consumer. */
static int stream_round(double *ns, uint32_t cnt) {
  pthread_t thread;
  uint64_t total = (uint64_t)cnt * CHUNK + SLOTS * 8u;
  slot_msg_t msg;
  uint64_t got = 0;
  if (pthread_create(&thread, NULL, source, &total)) return -1;
  for (; got < SLOTS * 8u; got++) {
    while (tg_spsc_get(there, &msg) != 0) {
    }
  }
  uint64_t start = bench_start();
  for (uint32_t i = 0; i < cnt; i++) {
    for (uint32_t k = 0; k < CHUNK; k++, got++) {
      while (tg_spsc_get(there, &msg) != 0) {
      }
      if (msg.no != got) abort();
    }
    uint64_t now = bench_stop();
    ns[i] = bench_ns(now - start) / CHUNK;
    start = now;
  }
  pthread_join(thread, NULL);
  return 0;
}

/* ---- beside it: one cache line between two cores, nothing else ---- */

static struct {
  TG_ALIGNED(TG_CACHE_LINE) _Atomic uint64_t word;
  uint8_t rest[TG_CACHE_LINE - 8];
} ping_line, pong_line;

static void *pong(void *arg) {
  uint64_t total = *(const uint64_t *)arg;
  bench_pin(1);
  for (uint64_t i = 1; i <= total; i++) {
    while (atomic_load_explicit(&ping_line.word, memory_order_acquire) != i) {
    }
    atomic_store_explicit(&pong_line.word, i, memory_order_release);
  }
  return NULL;
}

static int line_round(double *ns, uint32_t cnt) {
  pthread_t thread;
  uint64_t total = cnt + 1024u;
  atomic_store(&ping_line.word, 0);
  atomic_store(&pong_line.word, 0);
  if (pthread_create(&thread, NULL, pong, &total)) return -1;
  for (uint64_t i = 1; i <= total; i++) {
    uint64_t start = bench_start();
    atomic_store_explicit(&ping_line.word, i, memory_order_release);
    while (atomic_load_explicit(&pong_line.word, memory_order_acquire) != i) {
    }
    uint64_t ticks = bench_stop() - start;
    if (i > 1024) ns[i - 1025] = bench_ns(ticks) / 2;
  }
  pthread_join(thread, NULL);
  return 0;
}

const bench_case_t bench_ring_cases[] = {
    {"ring.pair", "put and get of one message in one thread, in bursts of 32 (for the instruction count; the time is no hop)",
     PAIR_BATCH, 4096, ring_setup, NULL, pair_op, NULL},
    {"ring.hop", "one message one way between two pinned threads (half a round trip)", 1, HOP_SAMPLES, ring_setup, NULL, NULL,
     hop_round},
    {"ring.line_raw", "beside it: a bare cache line one way between the two (half a round trip)", 1, HOP_SAMPLES, ring_setup,
     NULL, NULL, line_round},
    {"ring.stream", "a message of a stream between two pinned threads", CHUNK, STREAM_SAMPLES, ring_setup, NULL, NULL,
     stream_round},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

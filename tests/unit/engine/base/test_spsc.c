#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/rng.h"
#include "engine/base/spsc.h"

typedef struct record {
  uint32_t lap;
  uint32_t check;
  uint64_t number;
  uint8_t fill[48];
} record_t;
_Static_assert(sizeof(record_t) == 64, "a slot");

static tg_arena_t arena;
static tg_spsc_t *ring; /* aligned by the arena */

static void make_ring(uint64_t slot_cnt) {
  cr_assert_eq(tg_arena_map(&arena, sizeof(tg_spsc_t) + slot_cnt * 64 + 4096), 0);
  ring = TG_ARENA_NEW(&arena, tg_spsc_t, 1);
  cr_assert_eq(tg_spsc_layout(&arena, ring, slot_cnt), 0);
}

static record_t record_of(uint64_t number) {
  record_t rec = {.lap = 77, .number = number, .check = (uint32_t)(number * 2654435761u)};
  memset(rec.fill, (int)(number & 0xff), sizeof rec.fill);
  return rec;
}

static bool record_ok(const record_t *rec, uint64_t number) {
  record_t want = record_of(number);
  want.lap = 0;
  return memcmp(rec, &want, sizeof want) == 0;
}

Test(spsc, layout_counts_and_refuses) {
  tg_arena_t count;
  tg_spsc_t dummy = {.slot_cnt = 5};
  tg_arena_count(&count);
  cr_assert_eq(tg_spsc_layout(&count, &dummy, 1024), 0);
  cr_assert_eq(count.used_bytes, 1024u * 64);
  cr_assert_eq(dummy.slot_cnt, 5, "untouched while counting");
  const uint64_t bad[] = {0, 1, 3, 1000, (UINT64_C(1) << 24) + 1, UINT64_C(1) << 25, UINT64_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) cr_assert_eq(tg_spsc_layout(&count, &dummy, bad[i]), -TG_EINVAL);
  cr_assert_eq(tg_arena_map(&arena, 4096), 0);
  cr_assert_eq(tg_spsc_layout(&arena, &dummy, 1 << 20), -TG_ENOMEM);
  cr_assert_eq(dummy.slot_cnt, 5, "untouched on error");
  tg_arena_unmap(&arena);
}

Test(spsc, all_slots_are_usable_and_full_changes_nothing) {
  for (uint64_t slots = 2; slots <= 256; slots *= 2) {
    make_ring(slots);
    record_t out;
    cr_assert_eq(tg_spsc_get(ring, &out), -TG_EAGAIN);
    uint64_t put = 0, got = 0;
    for (int lap = 0; lap < 5; lap++) {
      for (uint64_t i = 0; i < slots; i++) {
        record_t rec = record_of(put++);
        cr_assert_eq(tg_spsc_put(ring, &rec), 0);
      }
      record_t extra = record_of(UINT64_MAX);
      cr_assert_eq(tg_spsc_put(ring, &extra), -TG_EFULL);
      cr_assert_eq(tg_spsc_room(ring), 0);
      cr_assert_eq(ring->full_cnt, (uint64_t)lap + 1);
      cr_assert_eq(ring->depth_max, slots);
      for (uint64_t i = 0; i < slots; i++) {
        cr_assert_eq(tg_spsc_get(ring, &out), 0);
        cr_assert(record_ok(&out, got++));
      }
      cr_assert_eq(tg_spsc_get(ring, &out), -TG_EAGAIN);
      cr_assert_eq(tg_spsc_depth(ring), 0);
      cr_assert_eq(tg_spsc_room(ring), slots);
    }
    tg_arena_unmap(&arena);
  }
}

/* A ring that stays shallow must not report that it was full (the cached head makes depth look larger than it is). */
Test(spsc, watermark_is_at_most_a_batch_too_low) {
  make_ring(1024);
  tg_rng_t rng;
  tg_rng_seed(&rng, 5);
  uint64_t put = 0, got = 0, deepest = 0;
  record_t rec, out;
  for (int i = 0; i < 20000; i++) {
    uint64_t burst = tg_rng_below(&rng, 100);
    for (uint64_t k = 0; k < burst; k++) {
      rec = record_of(put++);
      cr_assert_eq(tg_spsc_put(ring, &rec), 0);
      if (put - got > deepest) deepest = put - got;
    }
    while (got < put) {
      cr_assert_eq(tg_spsc_get(ring, &out), 0);
      cr_assert(record_ok(&out, got++));
    }
    cr_assert_eq(tg_spsc_get(ring, &out), -TG_EAGAIN);
  }
  cr_assert_leq(ring->depth_max, deepest);
  cr_assert_geq(ring->depth_max + TG_SPSC_BATCH, deepest);
  tg_arena_unmap(&arena);
}

/* The lap is 32 bits: start both ends shortly before it wraps. */
Test(spsc, lap_wraps_harmlessly) {
  make_ring(4);
  uint64_t start = (UINT64_C(1) << 34) - 20; /* 2^32 laps of four slots, less five */
  ring->tail_cnt = ring->head_cnt = ring->head_cached_cnt = start;
  atomic_store(&ring->head_shown_cnt, start);
  atomic_store(&ring->tail_shown_cnt, start);
  for (uint64_t i = 0; i < 4; i++) atomic_store(&ring->slot[i].lap, (uint32_t)((start - 4) >> 2) + 1);
  uint64_t put = 0, got = 0;
  record_t rec, out;
  for (int i = 0; i < 30; i++) {
    for (int k = 0; k < 3; k++) {
      rec = record_of(put++);
      cr_assert_eq(tg_spsc_put(ring, &rec), 0);
    }
    for (int k = 0; k < 3; k++) {
      cr_assert_eq(tg_spsc_get(ring, &out), 0);
      cr_assert(record_ok(&out, got++));
    }
    cr_assert_eq(tg_spsc_get(ring, &out), -TG_EAGAIN);
  }
  tg_arena_unmap(&arena);
}

enum { STRESS_CNT = 1200000 };
static uint64_t producer_full;

static void *produce(void *user) {
  (void)user;
  for (uint64_t n = 0; n < STRESS_CNT; n++) {
    record_t rec = record_of(n);
    while (tg_spsc_put(ring, &rec) != 0) {
      producer_full++;
      (void)sched_yield();
    }
    if ((n & 0xffff) == 0) (void)sched_yield();
  }
  return NULL;
}

static void stress(uint64_t slots) {
  make_ring(slots);
  producer_full = 0;
  pthread_t thread;
  cr_assert_eq(pthread_create(&thread, NULL, produce, NULL), 0);
  uint64_t wrong = 0;
  for (uint64_t n = 0; n < STRESS_CNT;) {
    record_t out;
    if (tg_spsc_get(ring, &out) != 0) {
      (void)tg_spsc_depth(ring);
      (void)sched_yield();
      continue;
    }
    wrong += !record_ok(&out, n);
    n++;
  }
  cr_assert_eq(pthread_join(thread, NULL), 0);
  record_t none;
  cr_assert_eq(tg_spsc_get(ring, &none), -TG_EAGAIN);
  cr_assert_eq(wrong, 0);
  cr_assert_eq(ring->tail_cnt, STRESS_CNT);
  cr_assert_eq(ring->head_cnt, STRESS_CNT);
  cr_assert_eq(ring->full_cnt, producer_full);
  tg_arena_unmap(&arena);
}

Test(spsc, two_threads_every_message_once_in_order) {
  stress(1024);
}

Test(spsc, two_threads_tiny_ring) {
  stress(2);
}

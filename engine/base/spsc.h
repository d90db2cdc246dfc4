/* spsc.h - bounded ring of 64-byte slots between exactly two lanes.
 * What:    copies whole cache lines; never blocks, never overwrites.
 * Owner:   the caller gives the memory (tg_spsc_layout) and outlives both lanes.
 * Threads: tg_spsc_put*, tg_spsc_room on the producer only; tg_spsc_get*, on the consumer only;
 *          tg_spsc_depth from anywhere (a gauge, may lag).
 * Order:   the first 4 bytes of a slot are the ring's: put writes the 60 data bytes, then
 *          release-stores the lap number there; get acquire-loads it. Data and flag share
 *          one line, so a hop moves one line (design/performance.md, point 2).
 *          head_cnt is released by the consumer once a batch and cached by the producer.
 * Limit:   slot_cnt messages, all usable; power of two, 2 .. 2^24.
 * Errors:  -TG_EFULL, -TG_EAGAIN; the ring is unchanged on both. */
#ifndef TG_BASE_SPSC_H
#define TG_BASE_SPSC_H

#include <stdatomic.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_SPSC_SLOT_BYTES 64
#define TG_SPSC_BATCH 32 /* the consumer publishes its head at least this often */

typedef struct tg_spsc_slot {
  _Atomic uint32_t lap; /* 0 never used; else 1 + (index / slot_cnt) mod 2^32 */
  uint8_t data[TG_SPSC_SLOT_BYTES - 4];
} TG_ALIGNED(TG_CACHE_LINE) tg_spsc_slot_t;

typedef struct tg_spsc {
  /* constant after layout */
  tg_spsc_slot_t *slot;
  uint64_t slot_cnt;
  uint32_t slot_shift;
  /* producer's line */
  TG_ALIGNED(TG_CACHE_LINE) uint64_t tail_cnt; /* messages put so far */
  uint64_t head_cached_cnt;
  uint64_t depth_max;              /* highest depth the producer has seen, at most TG_SPSC_BATCH too low; exact once full */
  uint64_t full_cnt;               /* refusals */
  _Atomic uint64_t tail_shown_cnt; /* for tg_spsc_depth only */
  /* consumer's line */
  TG_ALIGNED(TG_CACHE_LINE) uint64_t head_cnt;               /* messages got so far */
  TG_ALIGNED(TG_CACHE_LINE) _Atomic uint64_t head_shown_cnt; /* what the producer may reuse */
} tg_spsc_t;

/* Counts or carves a ring of slot_cnt slots (power of two) in `arena`; *ring is untouched while counting and on error.
 * 0, -TG_EINVAL (slot_cnt), -TG_ENOMEM, -TG_ESEALED. */
TG_MUST_USE int tg_spsc_layout(tg_arena_t *arena, tg_spsc_t *ring, uint64_t slot_cnt);

static inline uint32_t tg_spsc_lap(const tg_spsc_t *ring, uint64_t cnt) {
  /* wraps harmlessly: a slot can only hold this lap or the one before */
  return (uint32_t)(cnt >> ring->slot_shift) + 1u;
}

/* Free slots the producer can count on now. */
static inline uint64_t tg_spsc_room(tg_spsc_t *ring) {
  /* acquire: pairs with the consumer's release in tg_spsc_get_done; its reads of the slots are over */
  ring->head_cached_cnt = atomic_load_explicit(&ring->head_shown_cnt, memory_order_acquire);
  return ring->slot_cnt - (ring->tail_cnt - ring->head_cached_cnt);
}

/* Copies 64 bytes at `msg` (first 4 ignored) into the ring. 0 or -TG_EFULL. */
TG_MUST_USE static inline int tg_spsc_put(tg_spsc_t *ring, const void *msg) {
  if (TG_UNLIKELY(ring->tail_cnt - ring->head_cached_cnt >= ring->slot_cnt) && tg_spsc_room(ring) == 0) {
    ring->full_cnt++;
    ring->depth_max = ring->slot_cnt;
    return -TG_EFULL;
  }
  tg_spsc_slot_t *slot = &ring->slot[ring->tail_cnt & (ring->slot_cnt - 1)];
  memcpy(slot->data, (const uint8_t *)msg + 4, sizeof slot->data);
  /* release: the data bytes above are visible before the lap that announces them */
  atomic_store_explicit(&slot->lap, tg_spsc_lap(ring, ring->tail_cnt), memory_order_release);
  ring->tail_cnt++;
  /* The cached head only makes depth look larger. Refresh it when the watermark would grow by a batch: a ring that stays
   * shallow then pulls the consumer's line once in TG_SPSC_BATCH messages, not on each. */
  if (TG_UNLIKELY(ring->tail_cnt - ring->head_cached_cnt >= ring->depth_max + TG_SPSC_BATCH)) {
    uint64_t depth = ring->slot_cnt - tg_spsc_room(ring);
    if (depth > ring->depth_max) ring->depth_max = depth;
  }
  atomic_store_explicit(&ring->tail_shown_cnt, ring->tail_cnt, memory_order_relaxed); /* gauge only */
  return 0;
}

/* Publishes what the consumer has eaten; called by tg_spsc_get every TG_SPSC_BATCH messages and when empty. */
static inline void tg_spsc_get_done(tg_spsc_t *ring) {
  /* release: our reads of the slots end before the producer may overwrite them */
  atomic_store_explicit(&ring->head_shown_cnt, ring->head_cnt, memory_order_release);
}

/* Copies the oldest message to `msg` (64 bytes; its first 4 are set to 0). 0 or -TG_EAGAIN. */
TG_MUST_USE static inline int tg_spsc_get(tg_spsc_t *ring, void *msg) {
  tg_spsc_slot_t *slot = &ring->slot[ring->head_cnt & (ring->slot_cnt - 1)];
  /* acquire: pairs with the producer's release of the lap; the data is whole */
  if (atomic_load_explicit(&slot->lap, memory_order_acquire) != tg_spsc_lap(ring, ring->head_cnt)) {
    if (atomic_load_explicit(&ring->head_shown_cnt, memory_order_relaxed) != ring->head_cnt) tg_spsc_get_done(ring);
    return -TG_EAGAIN;
  }
  memset(msg, 0, 4);
  memcpy((uint8_t *)msg + 4, slot->data, sizeof slot->data);
  ring->head_cnt++;
  if ((ring->head_cnt & (TG_SPSC_BATCH - 1)) == 0) tg_spsc_get_done(ring);
  return 0;
}

/* Messages in the ring as last shown by both sides; a gauge. */
static inline uint64_t tg_spsc_depth(tg_spsc_t *ring) {
  uint64_t head = atomic_load_explicit(&ring->head_shown_cnt, memory_order_relaxed);
  uint64_t tail = atomic_load_explicit(&ring->tail_shown_cnt, memory_order_relaxed);
  return tail >= head ? tail - head : 0;
}

#endif

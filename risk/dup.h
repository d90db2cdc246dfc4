/* dup.h - has this order been sent already?
 * What:    client ids only ever grow (per run prefix), so reuse is a comparison; side, price and quantity of what was
 *          placed lately lie in a 4-way table, one cache line a set.
 * Owner:   the core; one per strategy.
 * Threads: one lane.
 * Limit:   512 placements inside the window; a set that overflows inside the window blinds the table until the evicted
 *          entry would have left the window: then every place counts as duplicate (fail closed) and is counted.
 * Errors:  none. */
#ifndef TG_RISK_DUP_H
#define TG_RISK_DUP_H

#include "engine/base/types.h"

#define TG_DUP_WAYS 4
#define TG_DUP_SETS 128

typedef int64_t tg_dup_lanes_t __attribute__((vector_size(8 * TG_DUP_WAYS))); /* compared four at a time */

typedef struct tg_dup_set {
  tg_dup_lanes_t key;      /* 0 empty */
  tg_dup_lanes_t until_ns; /* sent + window: from then on no duplicate */
} TG_ALIGNED(TG_CACHE_LINE) tg_dup_set_t;

typedef struct tg_dup {
  uint64_t last_client_id; /* highest sent of this prefix; 0 none */
  uint64_t window_ns;      /* 0 = client ids only */
  uint64_t blind_until_ns;
  uint64_t evicted_live_cnt;
  tg_dup_set_t set[TG_DUP_SETS];
} tg_dup_t;

void tg_dup_init(tg_dup_t *dup, uint64_t window_ns);
/* New window for what is sent from now on; entries keep theirs. */
void tg_dup_window_set(tg_dup_t *dup, uint64_t window_ns);

/* Multiplicative hash of what makes two orders the same; never 0. Two different orders with one key would only block. */
static inline uint64_t tg_dup_key(uint16_t instr_idx, uint32_t side, int64_t px_ticks, int64_t qty_lots) {
  uint64_t x = (uint64_t)px_ticks * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)qty_lots * UINT64_C(0xbf58476d1ce4e5b9);
  return (x + ((uint64_t)instr_idx << 1 | side) * UINT64_C(0x94d049bb133111eb)) | 1u;
}
/* The set of a key: its high bits. */
static inline unsigned tg_dup_set_idx(uint64_t key) {
  return (unsigned)(key >> 57) & (TG_DUP_SETS - 1);
}
/* Sign bit set when a key lies in a set and its time is not over; no branch. now_ns < 2^63. */
static inline uint64_t tg_dup_set_hit(const tg_dup_set_t *set, uint64_t key, uint64_t now_ns) {
  int64_t k = (int64_t)key, t = (int64_t)now_ns;
  tg_dup_lanes_t keys = {k, k, k, k}, now = {t, t, t, t};
  tg_dup_lanes_t hit = (set->key == keys) & (set->until_ns > now);
#ifdef __AVX__ /* the sign bits of four lanes at once; the type is a cast, nothing is computed in floats */
  typedef double lanes_t __attribute__((vector_size(8 * TG_DUP_WAYS)));
  return 0 - (uint64_t)__builtin_ia32_movmskpd256((lanes_t)hit);
#else
  return (uint64_t)(hit[0] | hit[1] | hit[2] | hit[3]);
#endif
}
/* Sign bit set when a place with this id and shape would repeat one; no branch. now_ns < 2^63. */
static inline uint64_t tg_dup_hit(const tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns) {
  /* ids of one run share the upper half: a reused or older one is not above the last; 0 is no id */
  uint64_t stale = ((client_id ^ dup->last_client_id) >> 32) - 1; /* sign: same prefix */
  stale &= (client_id & UINT32_MAX) - (dup->last_client_id & UINT32_MAX) - 1;
  uint64_t any = tg_dup_set_hit(&dup->set[tg_dup_set_idx(key)], key, now_ns);
  return stale | ((client_id - 1) & ~client_id) | any | (now_ns - dup->blind_until_ns);
}
/* A place leaves now; same commit as the reservation. */
void tg_dup_on_send(tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns);

#endif

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

typedef struct tg_dup_set {
  uint64_t key[TG_DUP_WAYS]; /* 0 empty */
  uint64_t sent_ns[TG_DUP_WAYS];
} TG_ALIGNED(TG_CACHE_LINE) tg_dup_set_t;

typedef struct tg_dup {
  uint64_t last_client_id; /* highest sent of this prefix; 0 none */
  uint64_t window_ns;      /* 0 = client ids only */
  uint64_t blind_until_ns;
  uint64_t evicted_live_cnt;
  tg_dup_set_t set[TG_DUP_SETS];
} tg_dup_t;

void tg_dup_init(tg_dup_t *dup, uint64_t window_ns);
/* New window; entries stay. */
void tg_dup_window_set(tg_dup_t *dup, uint64_t window_ns);

/* 64-bit mix of what makes two orders the same (splitmix64's finaliser); never 0. */
static inline uint64_t tg_dup_key(uint16_t instr_idx, uint32_t side, int64_t px_ticks, int64_t qty_lots) {
  uint64_t x = (uint64_t)px_ticks * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)qty_lots;
  x ^= x >> 30;
  x = (x + ((uint64_t)instr_idx << 1 | side)) * UINT64_C(0xbf58476d1ce4e5b9);
  x ^= x >> 27;
  x *= UINT64_C(0x94d049bb133111eb);
  return (x ^ (x >> 31)) | 1u;
}
/* 1 when a place with this id and shape would repeat one; no branch. */
static inline uint64_t tg_dup_hit(const tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns) {
  const tg_dup_set_t *set = &dup->set[(key >> 8) & (TG_DUP_SETS - 1)];
  uint64_t hit = (uint64_t)(client_id <= dup->last_client_id) & (uint64_t)(client_id >> 32 == dup->last_client_id >> 32);
  for (unsigned i = 0; i < TG_DUP_WAYS; i++) {
    /* signed age: an entry of this very instant or of a lane slightly ahead counts as inside the window */
    hit |= (uint64_t)(set->key[i] == key) & (uint64_t)((int64_t)(now_ns - set->sent_ns[i]) < (int64_t)dup->window_ns);
  }
  return hit | (uint64_t)(now_ns < dup->blind_until_ns) | (uint64_t)(client_id == 0);
}
/* A place leaves now; same commit as the reservation. */
void tg_dup_on_send(tg_dup_t *dup, uint64_t client_id, uint64_t key, uint64_t now_ns);

#endif

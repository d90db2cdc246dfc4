/* rng.h - seeded random numbers for tests, simulated flow and reconnect jitter; never for the core, never for keys.
 * What:    xoshiro256** 1.0 (Blackman, Vigna), state filled by splitmix64.
 * Owner:   caller.
 * Threads: one per state.
 * Errors:  none. */
#ifndef TG_BASE_RNG_H
#define TG_BASE_RNG_H

#include "engine/base/types.h"

typedef struct tg_rng {
  uint64_t s[4];
} tg_rng_t;

/* One step of splitmix64: a good scrambler of counters and seeds. */
static inline uint64_t tg_splitmix64(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Any seed, also 0. */
static inline void tg_rng_seed(tg_rng_t *rng, uint64_t seed) {
  for (unsigned i = 0; i < 4; i++) rng->s[i] = tg_splitmix64(&seed);
}

static inline uint64_t tg_rng_next(tg_rng_t *rng) {
  uint64_t *s = rng->s;
  uint64_t x = s[1] * 5;
  uint64_t out = (x << 7 | x >> 57) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = s[3] << 45 | s[3] >> 19;
  return out;
}

/* 0 .. bound-1 (0 when bound is 0); the bias is below bound / 2^64. */
static inline uint64_t tg_rng_below(tg_rng_t *rng, uint64_t bound) {
  return (uint64_t)(((tg_u128)tg_rng_next(rng) * bound) >> 64);
}

#endif

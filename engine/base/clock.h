/* clock.h - engine time from the TSC.
 * What:    ns since the UNIX epoch, anchored to CLOCK_REALTIME once, advanced by the TSC at a rate
 *          calibrated against CLOCK_MONOTONIC_RAW; never steps, never goes back with the wall clock.
 * Owner:   caller; read-only after tg_clock_init, except tg_clock_recalibrate on the cold lane (seqlock inside).
 * Threads: tg_clock_now_ns any; init and recalibrate the owner.
 * Limit:   invariant TSC; without it tg_clock_init says so (-TG_EUNSUPPORTED) and falls back to
 *          clock_gettime (vDSO) with `tsc_ok` false.
 * Errors:  -TG_EUNSUPPORTED (usable fallback), -TG_EIO. */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include "engine/base/types.h"

typedef struct tg_clock {
  uint64_t anchor_tsc;
  uint64_t anchor_ns;   /* engine time at anchor_tsc */
  uint64_t mult_q32;    /* ns per tick, 32.32 fixed point */
  bool tsc_ok;
} tg_clock_t;

/* Calibrates for about `calibrate_ms` (5..1000). 0, -TG_EUNSUPPORTED, -TG_EINVAL. */
TG_MUST_USE int tg_clock_init(tg_clock_t *clock, uint32_t calibrate_ms);

static inline uint64_t tg_tsc(void) {
  return __builtin_ia32_rdtsc();
}

/* Fallback used when the TSC is not invariant. */
uint64_t tg_clock_fallback_ns(const tg_clock_t *clock);

/* Engine time of a TSC value read on this machine after tg_clock_init. */
static inline uint64_t tg_clock_tsc_ns(const tg_clock_t *clock, uint64_t tsc) {
  return clock->anchor_ns + (uint64_t)(((tg_u128)(tsc - clock->anchor_tsc) * clock->mult_q32) >> 32);
}

static inline uint64_t tg_clock_now_ns(const tg_clock_t *clock) {
  if (TG_UNLIKELY(!clock->tsc_ok)) return tg_clock_fallback_ns(clock);
  return tg_clock_tsc_ns(clock, tg_tsc());
}

#endif

/* clock.h - engine time from the TSC.
 * What:    ns since the UNIX epoch, anchored to CLOCK_REALTIME once, advanced by the TSC at a rate
 *          calibrated against CLOCK_MONOTONIC_RAW; never steps, never goes back with the wall clock.
 * Owner:   caller; constant after tg_clock_init, so lanes share one or copy it.
 * Threads: tg_clock_now_ns any; init one, before the lanes start.
 * Limit:   invariant TSC; without it tg_clock_init says so (-TG_EUNSUPPORTED) and falls back to
 *          clock_gettime (vDSO) with `tsc_ok` false.
 * Errors:  -TG_EUNSUPPORTED (usable fallback), -TG_EIO, -TG_EINVAL. */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include "engine/base/types.h"

typedef struct tg_clock {
  uint64_t anchor_tsc;
  uint64_t anchor_ns;     /* engine time at anchor_tsc */
  uint64_t mult_q32;      /* ns per tick, 32.32 fixed point */
  uint64_t anchor_raw_ns; /* CLOCK_MONOTONIC_RAW at the anchor: what the fallback counts from */
  bool tsc_ok;
} tg_clock_t;

/* Calibrates for about `calibrate_ms` (5..1000; 50 gives about 1 us a second). 0; -TG_EUNSUPPORTED: no invariant TSC, or one
 * that disagrees with the kernel's clock, the clock works through clock_gettime; -TG_EIO: no clock at all; -TG_EINVAL. */
TG_MUST_USE int tg_clock_init(tg_clock_t *clock, uint32_t calibrate_ms);

/* True when the CPU promises a TSC of constant rate (CPUID 80000007h EDX bit 8). */
bool tg_clock_tsc_invariant(void);

/* The counter itself. It may be read up to some tens of ns early: the instruction does not wait for older loads. */
static inline uint64_t tg_tsc(void) {
  return __builtin_ia32_rdtsc();
}

/* Engine time through CLOCK_MONOTONIC_RAW: what tg_clock_now_ns gives when the TSC is not invariant. */
uint64_t tg_clock_fallback_ns(const tg_clock_t *clock);

/* Engine time of a TSC value read on this machine. Values from before the anchor give the anchor. */
static inline uint64_t tg_clock_tsc_ns(const tg_clock_t *clock, uint64_t tsc) {
  uint64_t ticks = tsc - clock->anchor_tsc;
  if (TG_UNLIKELY((int64_t)ticks < 0)) ticks = 0;
  return clock->anchor_ns + (uint64_t)(((tg_u128)ticks * clock->mult_q32) >> 32);
}

static inline uint64_t tg_clock_now_ns(const tg_clock_t *clock) {
  if (TG_UNLIKELY(!clock->tsc_ok)) return tg_clock_fallback_ns(clock);
  return tg_clock_tsc_ns(clock, tg_tsc());
}

#endif

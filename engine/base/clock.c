#include "engine/base/clock.h"

#include <cpuid.h>
#include <time.h>

#include "engine/base/err.h"

static bool read_ns(clockid_t id, uint64_t *out) {
  struct timespec ts;
  if (clock_gettime(id, &ts) != 0) return false;
  *out = (uint64_t)ts.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)ts.tv_nsec;
  return true;
}

/* One instant on two clocks, as near to each other as the best of 64 tries brings them. */
typedef struct pair {
  uint64_t tsc, ns, gap_tsc;
} pair_t;

static bool read_pair(clockid_t id, pair_t *best) {
  *best = (pair_t){.gap_tsc = UINT64_MAX};
  for (int i = 0; i < 64; i++) {
    uint64_t ns;
    uint64_t before = tg_tsc();
    if (!read_ns(id, &ns)) return false;
    uint64_t after = tg_tsc();
    if (after >= before && after - before < best->gap_tsc) {
      *best = (pair_t){.tsc = before + (after - before) / 2, .ns = ns, .gap_tsc = after - before};
    }
  }
  return best->gap_tsc != UINT64_MAX;
}

bool tg_clock_tsc_invariant(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(0x80000007u, &a, &b, &c, &d)) return false;
  return (d >> 8) & 1u;
}

uint64_t tg_clock_fallback_ns(const tg_clock_t *clock) {
  uint64_t raw = clock->anchor_raw_ns;
  (void)read_ns(CLOCK_MONOTONIC_RAW, &raw); /* cannot fail after init read it */
  return clock->anchor_ns + (raw - clock->anchor_raw_ns);
}

/* Spins: a sleep would let the CPU change its state between the two readings. */
static bool wait_ns(uint64_t from_ns, uint64_t span_ns) {
  uint64_t now;
  do {
    if (!read_ns(CLOCK_MONOTONIC_RAW, &now)) return false;
  } while (now - from_ns < span_ns);
  return true;
}

int tg_clock_init(tg_clock_t *clock, uint32_t calibrate_ms) {
  if (calibrate_ms < 5 || calibrate_ms > 1000) return -TG_EINVAL;
  tg_clock_t got = {0};
  pair_t begin, end, wall;
  bool ok = read_pair(CLOCK_MONOTONIC_RAW, &begin) && wait_ns(begin.ns, (uint64_t)calibrate_ms * (uint64_t)TG_NS_PER_MS) &&
            read_pair(CLOCK_MONOTONIC_RAW, &end) && read_pair(CLOCK_REALTIME, &wall);
  if (!ok) return -TG_EIO;
  got.anchor_ns = wall.ns;
  got.anchor_tsc = wall.tsc;
  uint64_t ticks = end.tsc - begin.tsc, span_ns = end.ns - begin.ns;
  bool sane = end.tsc > begin.tsc && wall.tsc >= end.tsc && ticks / span_ns < 64 && span_ns / ticks < 64;
  if (sane) {
    got.mult_q32 = (uint64_t)(((tg_u128)span_ns << 32) / ticks);
    got.anchor_raw_ns = end.ns + (uint64_t)(((tg_u128)(wall.tsc - end.tsc) * got.mult_q32) >> 32);
    got.tsc_ok = tg_clock_tsc_invariant();
  } else if (!read_ns(CLOCK_MONOTONIC_RAW, &got.anchor_raw_ns)) {
    return -TG_EIO;
  }
  *clock = got;
  return got.tsc_ok ? 0 : -TG_EUNSUPPORTED;
}

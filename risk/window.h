/* window.h - how often did something happen lately.
 * What:    counts by 16 buckets of a window; counted up to a bucket longer than its name, so never too few.
 * Owner:   value type inside a guard.
 * Threads: one lane; pure.
 * Limit:   window up to 2^60 ns; counts below 2^32.
 * Errors:  none; window 0 counts nothing. Time that goes back counts as now. */
#ifndef TG_RISK_WINDOW_H
#define TG_RISK_WINDOW_H

#include "engine/base/types.h"

#define TG_WINDOW_BUCKETS 17u /* the running one and sixteen full ones */

typedef struct tg_window {
  uint64_t bucket_ns; /* 0: nothing is counted */
  uint64_t no;        /* number of the running bucket: ns / bucket_ns */
  uint32_t sum;
  uint32_t cnt[TG_WINDOW_BUCKETS];
} tg_window_t;

static inline void tg_window_clear(tg_window_t *window) {
  window->sum = 0;
  for (unsigned i = 0; i < TG_WINDOW_BUCKETS; i++) window->cnt[i] = 0;
}
/* Another length empties it. */
static inline void tg_window_set(tg_window_t *window, uint64_t window_ns) {
  uint64_t bucket_ns = (window_ns + TG_WINDOW_BUCKETS - 2) / (TG_WINDOW_BUCKETS - 1);
  if (bucket_ns == window->bucket_ns) return;
  window->bucket_ns = bucket_ns;
  window->no = 0;
  tg_window_clear(window);
}
/* Time passes. */
static inline void tg_window_advance(tg_window_t *window, uint64_t now_ns) {
  if (window->bucket_ns == 0) return;
  uint64_t no = now_ns / window->bucket_ns;
  if (no <= window->no) return;
  if (no - window->no >= TG_WINDOW_BUCKETS) {
    tg_window_clear(window);
    window->no = no;
  }
  while (window->no < no) {
    window->no++;
    uint32_t *slot = &window->cnt[window->no % TG_WINDOW_BUCKETS];
    window->sum -= *slot;
    *slot = 0;
  }
}
/* One more; returns how many there are now. */
static inline uint32_t tg_window_add(tg_window_t *window, uint64_t now_ns) {
  if (window->bucket_ns == 0) return 0;
  tg_window_advance(window, now_ns);
  window->cnt[window->no % TG_WINDOW_BUCKETS]++;
  return ++window->sum;
}

#endif

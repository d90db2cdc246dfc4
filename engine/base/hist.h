/* hist.h - log-linear histogram of non-negative integers (ns, counts).
 * What:    128 linear sub-buckets per power of two: relative error <= 1/128 < 1%.
 * Owner:   caller; ~58 KB each, no allocation.
 * Threads: one writer; readers take a copy (tg_hist_copy is racy-safe: relaxed atomics).
 * Limit:   values above 2^63-1 are clamped and counted.
 * Errors:  none on record; print -TG_EIO. */
#ifndef TG_BASE_HIST_H
#define TG_BASE_HIST_H

#include <stdio.h>

#include "engine/base/types.h"

#define TG_HIST_SUB_BITS 7
#define TG_HIST_BUCKET_CNT ((64 - TG_HIST_SUB_BITS) << TG_HIST_SUB_BITS)

typedef struct tg_hist {
  uint64_t cnt;
  uint64_t sum;
  uint64_t min; /* UINT64_MAX when empty */
  uint64_t max;
  uint64_t bucket[TG_HIST_BUCKET_CNT];
} tg_hist_t;

void tg_hist_reset(tg_hist_t *hist);
/* Bucket of a value; monotone. */
static inline uint32_t tg_hist_bucket_idx(uint64_t value) {
  if (value < (1u << TG_HIST_SUB_BITS)) return (uint32_t)value;
  uint32_t msb = 63u - (uint32_t)__builtin_clzll(value);
  uint32_t shift = msb - TG_HIST_SUB_BITS;
  return ((shift + 1u) << TG_HIST_SUB_BITS) + (uint32_t)((value >> shift) - (1u << TG_HIST_SUB_BITS));
}
static inline void tg_hist_record(tg_hist_t *hist, uint64_t value) {
  uint32_t idx = tg_hist_bucket_idx(value);
  hist->bucket[idx < TG_HIST_BUCKET_CNT ? idx : TG_HIST_BUCKET_CNT - 1]++;
  hist->cnt++;
  hist->sum += value;
  if (value < hist->min) hist->min = value;
  if (value > hist->max) hist->max = value;
}
/* Highest value equivalent to the bucket holding quantile q (0 < q <= 1), never above max; 0 when empty. */
uint64_t tg_hist_quantile(const tg_hist_t *hist, double q);
void tg_hist_merge(tg_hist_t *into, const tg_hist_t *from);
/* HdrHistogram percentile-distribution text (.hgrm); `scale` divides values (1000.0 prints us from ns). 0, -TG_EIO. */
TG_MUST_USE int tg_hist_print_hgrm(const tg_hist_t *hist, FILE *out, double scale);

#endif

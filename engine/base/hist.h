/* hist.h - log-linear histogram of non-negative integers (ns, counts).
 * What:    128 linear sub-buckets per power of two: relative error <= 1/128 < 1%.
 * Owner:   caller; ~58 KB each, no allocation. tg_hist_reset before the first use.
 * Threads: one writer; readers take a copy (tg_hist_copy: relaxed atomics, no lock; counts may lag each other by the records
 *          under way).
 * Limit:   values above 2^63-1 are recorded as 2^63-1; the sum wraps at 2^64.
 * Errors:  none on record; print -TG_EIO. */
#ifndef TG_BASE_HIST_H
#define TG_BASE_HIST_H

#include <stdio.h>

#include "engine/base/types.h"

#define TG_HIST_SUB_BITS 7
#define TG_HIST_BUCKET_CNT ((64 - TG_HIST_SUB_BITS) << TG_HIST_SUB_BITS) /* the last bucket ends at 2^63-1 */

typedef struct tg_hist {
  uint64_t cnt;
  uint64_t sum;
  uint64_t min; /* UINT64_MAX when empty */
  uint64_t max;
  uint64_t bucket[TG_HIST_BUCKET_CNT];
} tg_hist_t;

void tg_hist_reset(tg_hist_t *hist);
/* Bucket of a value (<= 2^63-1); monotone. */
static inline uint32_t tg_hist_bucket_idx(uint64_t value) {
  if (value < (1u << TG_HIST_SUB_BITS)) return (uint32_t)value;
  uint32_t msb = 63u - (uint32_t)__builtin_clzll(value);
  uint32_t shift = msb - TG_HIST_SUB_BITS;
  return ((shift + 1u) << TG_HIST_SUB_BITS) + (uint32_t)((value >> shift) - (1u << TG_HIST_SUB_BITS));
}
/* Lowest and highest value of a bucket; idx < TG_HIST_BUCKET_CNT. */
uint64_t tg_hist_bucket_low(uint32_t idx);
uint64_t tg_hist_bucket_high(uint32_t idx);

/* Relaxed: one writer, so a plain load, add, store; readers see whole words. */
static inline void tg_hist_bump(uint64_t *word, uint64_t by) {
  __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}
/* The writer only. */
static inline void tg_hist_record(tg_hist_t *hist, uint64_t value) {
  if (TG_UNLIKELY(value > INT64_MAX)) value = INT64_MAX;
  tg_hist_bump(&hist->bucket[tg_hist_bucket_idx(value)], 1);
  tg_hist_bump(&hist->cnt, 1);
  tg_hist_bump(&hist->sum, value);
  if (TG_UNLIKELY(value < hist->min)) __atomic_store_n(&hist->min, value, __ATOMIC_RELAXED);
  if (TG_UNLIKELY(value > hist->max)) __atomic_store_n(&hist->max, value, __ATOMIC_RELAXED);
}
/* Any thread: a copy of a histogram that its writer may be filling; its cnt is the sum of the buckets as read. */
void tg_hist_copy(tg_hist_t *into, const tg_hist_t *from);
/* Highest value equivalent to the bucket holding quantile q (0 < q <= 1; clamped), never above max; 0 when empty. */
uint64_t tg_hist_quantile(const tg_hist_t *hist, double q);
/* Mean, 0 when empty. */
double tg_hist_mean(const tg_hist_t *hist);
/* Adds `from` to `into`; both quiet. */
void tg_hist_merge(tg_hist_t *into, const tg_hist_t *from);
/* HdrHistogram percentile-distribution text (.hgrm, 5 ticks per half distance); `scale` > 0 divides values (1000.0 prints us
 * from ns). 0, -TG_EIO. */
TG_MUST_USE int tg_hist_print_hgrm(const tg_hist_t *hist, FILE *out, double scale);

#endif

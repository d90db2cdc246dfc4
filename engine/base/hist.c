#include "engine/base/hist.h"

#include <string.h>

#include "engine/base/err.h"

void tg_hist_reset(tg_hist_t *hist) {
  memset(hist, 0, sizeof *hist);
  hist->min = UINT64_MAX;
}

uint64_t tg_hist_bucket_low(uint32_t idx) {
  uint32_t group = idx >> TG_HIST_SUB_BITS;
  uint64_t sub = idx & ((1u << TG_HIST_SUB_BITS) - 1);
  if (group == 0) return sub;
  return (sub + (1u << TG_HIST_SUB_BITS)) << (group - 1);
}

uint64_t tg_hist_bucket_high(uint32_t idx) {
  uint32_t group = idx >> TG_HIST_SUB_BITS;
  uint64_t width = group == 0 ? 1 : UINT64_C(1) << (group - 1);
  return tg_hist_bucket_low(idx) + (width - 1);
}

static uint64_t word(const uint64_t *at) {
  return __atomic_load_n(at, __ATOMIC_RELAXED);
}

void tg_hist_copy(tg_hist_t *into, const tg_hist_t *from) {
  into->cnt = 0;
  for (uint32_t i = 0; i < TG_HIST_BUCKET_CNT; i++) {
    into->bucket[i] = word(&from->bucket[i]);
    into->cnt += into->bucket[i];
  }
  into->sum = word(&from->sum);
  into->min = word(&from->min);
  into->max = word(&from->max);
}

uint64_t tg_hist_quantile(const tg_hist_t *hist, double q) {
  if (hist->cnt == 0) return 0;
  double want = q * (double)hist->cnt;
  uint64_t rank = want <= 1.0 ? 1 : want >= (double)hist->cnt ? hist->cnt : (uint64_t)want;
  if ((double)rank < want && rank < hist->cnt) rank++; /* ceiling without libm */
  uint64_t seen = 0;
  for (uint32_t i = 0; i < TG_HIST_BUCKET_CNT; i++) {
    seen += hist->bucket[i];
    if (seen < rank) continue;
    uint64_t high = tg_hist_bucket_high(i);
    return high < hist->max ? high : hist->max;
  }
  return hist->max;
}

double tg_hist_mean(const tg_hist_t *hist) {
  return hist->cnt ? (double)hist->sum / (double)hist->cnt : 0.0;
}

void tg_hist_merge(tg_hist_t *into, const tg_hist_t *from) {
  for (uint32_t i = 0; i < TG_HIST_BUCKET_CNT; i++) into->bucket[i] += from->bucket[i];
  into->cnt += from->cnt;
  into->sum += from->sum;
  if (from->min < into->min) into->min = from->min;
  if (from->max > into->max) into->max = from->max;
}

/* Square root by Newton's steps: the only use of libm would be this one line of a report. */
static double square_root(double x) {
  if (x <= 0) return 0;
  double r = x > 1 ? x : 1;
  for (int i = 0; i < 200; i++) {
    double next = (r + x / r) / 2;
    if (next >= r) break;
    r = next;
  }
  return r;
}

static double standard_deviation(const tg_hist_t *hist) {
  if (hist->cnt == 0) return 0;
  double mean = tg_hist_mean(hist), sum = 0;
  for (uint32_t i = 0; i < TG_HIST_BUCKET_CNT; i++) {
    if (hist->bucket[i] == 0) continue;
    double middle = ((double)tg_hist_bucket_low(i) + (double)tg_hist_bucket_high(i)) / 2 - mean;
    sum += middle * middle * (double)hist->bucket[i];
  }
  return square_root(sum / (double)hist->cnt);
}

static uint64_t count_to(const tg_hist_t *hist, uint64_t value) {
  uint64_t seen = 0;
  uint32_t last = tg_hist_bucket_idx(value);
  if (last >= TG_HIST_BUCKET_CNT) last = TG_HIST_BUCKET_CNT - 1; /* clamped there when recorded */
  for (uint32_t i = 0; i <= last; i++) seen += hist->bucket[i];
  return seen;
}

int tg_hist_print_hgrm(const tg_hist_t *hist, FILE *out, double scale) {
  enum { TICKS_PER_HALF = 5 };
  (void)fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  /* the remaining distance to 1 halves every five lines */
  double step = 1.0 / (2 * TICKS_PER_HALF);
  double q = 0;
  while (hist->cnt) {
    uint64_t value = tg_hist_quantile(hist, q);
    uint64_t seen = count_to(hist, value);
    if (seen >= hist->cnt || q >= 1.0) { /* the latter alone: a torn copy of a histogram in use, whose sums disagree */
      (void)fprintf(out, "%12.3f %2.12f %10llu\n", (double)value / scale, 1.0, (unsigned long long)seen);
      break;
    }
    (void)fprintf(out, "%12.3f %2.12f %10llu %14.2f\n", (double)value / scale, q, (unsigned long long)seen, 1.0 / (1.0 - q));
    do { /* past what this value already covers */
      q += step;
      if (1.0 - q <= step * TICKS_PER_HALF) step /= 2;
      if (step < 1e-15) q = 1.0;
    } while (q * (double)hist->cnt <= (double)seen);
  }
  (void)fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", tg_hist_mean(hist) / scale,
                standard_deviation(hist) / scale);
  (void)fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)hist->max / scale,
                (unsigned long long)hist->cnt);
  (void)fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", 64 - TG_HIST_SUB_BITS, 1 << TG_HIST_SUB_BITS);
  return ferror(out) ? -TG_EIO : 0;
}

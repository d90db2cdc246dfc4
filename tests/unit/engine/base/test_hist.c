#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/base/hist.h"
#include "engine/base/rng.h"

enum { SAMPLES = 100000 };
static tg_hist_t hist, other;
static uint64_t sample[SAMPLES];

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

Test(hist, buckets_tile_all_values) {
  uint64_t next = 0;
  for (uint32_t i = 0; i < TG_HIST_BUCKET_CNT; i++) {
    cr_assert_eq(tg_hist_bucket_low(i), next);
    uint64_t high = tg_hist_bucket_high(i);
    cr_assert_eq(tg_hist_bucket_idx(next), i);
    cr_assert_eq(tg_hist_bucket_idx(high), i);
    cr_assert_leq(high - next, next / 128, "relative width at %llu", (unsigned long long)next);
    next = high + 1;
  }
  cr_assert_eq(next, UINT64_C(1) << 63);
}

static void quantiles_are_close(const char *what) {
  static const double q[] = {1e-9, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0};
  tg_hist_reset(&hist);
  uint64_t sum = 0;
  for (int i = 0; i < SAMPLES; i++) {
    tg_hist_record(&hist, sample[i]);
    sum += sample[i];
  }
  qsort(sample, SAMPLES, sizeof sample[0], by_value);
  cr_assert_eq(hist.cnt, SAMPLES);
  cr_assert_eq(hist.sum, sum);
  cr_assert_eq(hist.min, sample[0]);
  cr_assert_eq(hist.max, sample[SAMPLES - 1]);
  for (size_t i = 0; i < sizeof q / sizeof q[0]; i++) {
    double want = q[i] * SAMPLES;
    size_t rank = (size_t)want;
    if ((double)rank < want) rank++;
    if (rank == 0) rank = 1;
    uint64_t exact = sample[rank - 1], got = tg_hist_quantile(&hist, q[i]);
    cr_assert_geq(got, exact, "%s q %f", what, q[i]);
    cr_assert_leq(got - exact, exact / 100, "%s q %f: %llu for %llu", what, q[i], (unsigned long long)got,
                  (unsigned long long)exact);
  }
}

Test(hist, quantiles_within_one_percent) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 11);
  for (int i = 0; i < SAMPLES; i++) sample[i] = tg_rng_below(&rng, 1000000);
  quantiles_are_close("uniform");
  for (int i = 0; i < SAMPLES; i++) sample[i] = tg_rng_next(&rng) >> (1 + tg_rng_below(&rng, 63));
  quantiles_are_close("log-uniform");
  for (int i = 0; i < SAMPLES; i++) sample[i] = 200 + tg_rng_below(&rng, 50) + (tg_rng_below(&rng, 1000) == 0 ? 4000000 : 0);
  quantiles_are_close("latency with spikes");
  for (int i = 0; i < SAMPLES; i++) sample[i] = 7;
  quantiles_are_close("one value");
}

Test(hist, empty_and_clamped) {
  tg_hist_reset(&hist);
  cr_assert_eq(tg_hist_quantile(&hist, 0.5), 0);
  cr_assert_eq(tg_hist_mean(&hist), 0.0);
  tg_hist_record(&hist, UINT64_MAX);
  cr_assert_eq(hist.max, INT64_MAX);
  cr_assert_eq(tg_hist_quantile(&hist, 1.0), INT64_MAX);
  cr_assert_eq(tg_hist_quantile(&hist, 7.0), INT64_MAX);
  cr_assert_eq(tg_hist_quantile(&hist, -1.0), INT64_MAX);
}

Test(hist, merge_is_recording_both) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 3);
  static tg_hist_t both;
  tg_hist_reset(&hist);
  tg_hist_reset(&other);
  tg_hist_reset(&both);
  for (int i = 0; i < 1000; i++) {
    uint64_t value = tg_rng_below(&rng, 100000);
    tg_hist_record(i % 3 ? &hist : &other, value);
    tg_hist_record(&both, value);
  }
  tg_hist_merge(&hist, &other);
  cr_assert_eq(memcmp(&hist, &both, sizeof hist), 0);
}

static void *record_many(void *user) {
  (void)user;
  for (uint64_t i = 0; i < 300000; i++) tg_hist_record(&hist, i & 0xfff);
  return NULL;
}

Test(hist, a_copy_may_be_taken_while_it_fills) {
  tg_hist_reset(&hist);
  pthread_t writer;
  cr_assert_eq(pthread_create(&writer, NULL, record_many, NULL), 0);
  uint64_t last = 0;
  for (int i = 0; i < 50; i++) {
    tg_hist_copy(&other, &hist);
    cr_assert_geq(other.cnt, last);
    last = other.cnt;
  }
  cr_assert_eq(pthread_join(writer, NULL), 0);
  tg_hist_copy(&other, &hist);
  cr_assert_eq(other.cnt, 300000);
}

/* Reads the printed text back: values and counts never fall, the last line is everything. */
static void check_hgrm(double scale) {
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  cr_assert_not_null(out);
  cr_assert_eq(tg_hist_print_hgrm(&hist, out, scale), 0);
  cr_assert_eq(fclose(out), 0);
  cr_assert_not_null(strstr(text, "Value     Percentile TotalCount 1/(1-Percentile)"));
  double last_value = 0, last_q = 0;
  unsigned long long last_cnt = 0;
  int lines = 0;
  for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    double value, q;
    unsigned long long cnt;
    if (*line == '\n') continue; /* scanf would skip it and read the next line twice */
    if (sscanf(line, " %lf %lf %llu", &value, &q, &cnt) != 3) continue;
    cr_assert_geq(value, last_value);
    cr_assert_geq(q, last_q);
    cr_assert_gt(cnt, last_cnt);
    cr_assert_geq((double)cnt / (double)hist.cnt, q - 1e-9);
    last_value = value, last_q = q, last_cnt = cnt;
    lines++;
  }
  cr_assert_geq(lines, 2);
  cr_assert_eq(last_cnt, hist.cnt);
  cr_assert_eq(last_q, 1.0);
  cr_assert_float_eq(last_value, (double)hist.max / scale, 0.001 + (double)hist.max / scale / 100);
  cr_assert_not_null(strstr(text, "#[Mean    ="));
  cr_assert_not_null(strstr(text, "#[Max     ="));
  cr_assert_not_null(strstr(text, "#[Buckets ="));
  free(text);
}

Test(hist, prints_hgrm) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 9);
  tg_hist_reset(&hist);
  for (int i = 0; i < 200000; i++) tg_hist_record(&hist, 100 + (tg_rng_next(&rng) >> (40 + tg_rng_below(&rng, 24))));
  check_hgrm(1.0);
  check_hgrm(1000.0);
}

Test(hist, prints_an_empty_one_and_tells_a_broken_stream) {
  tg_hist_reset(&hist);
  FILE *full = fopen("/dev/full", "w");
  cr_assert_not_null(full);
  setvbuf(full, NULL, _IONBF, 0);
  cr_assert_eq(tg_hist_print_hgrm(&hist, full, 1.0), -TG_EIO);
  (void)fclose(full);
}

Test(hist, print_ends_on_sums_that_disagree) {
  /* a copy of a histogram that its lane was writing: cnt says one more than the buckets hold */
  static tg_hist_t hist;
  tg_hist_reset(&hist);
  for (uint64_t v = 1; v < 1000; v++) tg_hist_record(&hist, v);
  tg_hist_record(&hist, UINT64_MAX);
  hist.cnt++;
  FILE *out = fopen("/dev/null", "w");
  cr_assert_not_null(out);
  cr_assert_eq(tg_hist_print_hgrm(&hist, out, 1.0), 0);
  fclose(out);
}

/* bench.h - one way to time a piece of code, for every benchmark here.
 * What:    a case has inputs (setup, which also proves the answers right), an untimed step before each sample (prep) and the
 *          timed step (op: `batch` operations). Rounds of samples; percentiles within a round, medians over rounds.
 * Owner:   one registry a program: bench_cases(), ended by a row without a name.
 * Threads: one; a case that needs another thread brings its own round().
 * Limit:   BENCH_SAMPLES_MAX samples a round.
 * Errors:  setup says what is wrong with bench_wrong(): the case is then not timed and the program ends with 1. */
#ifndef TG_BENCH_BENCH_H
#define TG_BENCH_BENCH_H

#include <stdio.h>

#include "engine/base/clock.h"
#include "engine/base/types.h"

#define BENCH_SAMPLES_MAX 65536u

typedef struct bench_case {
  const char *name, *text;
  uint32_t batch;   /* operations in one timed sample: 1 for operations over 100 ns, 16..64 for smaller ones */
  uint32_t samples; /* samples a round */
  int (*setup)(void);
  void (*prep)(void); /* may be NULL */
  void (*op)(void);
  int (*round)(double *ns, uint32_t cnt); /* instead of prep and op: fills ns a operation; no instruction count */
} bench_case_t;

typedef struct bench_stat {
  double p50, p99, p999, max, mean; /* ns an operation: medians over the rounds kept; max is the largest of all */
  double spread;                    /* (highest - lowest p50 of the rounds kept) / p50 */
  uint32_t rounds, skipped;
  bool noisy; /* too many rounds were skipped: the rest was kept as it was */
} bench_stat_t;

extern tg_clock_t bench_clock;

/* Clock, CPU, quiet value of the reference loop, cost of an empty sample. 0 or -1. */
int bench_init(void);
/* Pins the calling thread to cpu % cpus when there is more than one CPU. */
void bench_pin(unsigned cpu);
/* Prints why an answer is wrong. Returns -1. */
int bench_wrong(const char *name, const char *what);
/* Times a case. 0 or -1. */
int bench_time(const bench_case_t *c, uint32_t rounds, bench_stat_t *out);
/* One sample's timed part; its own function so that callgrind can be told to count nothing else. */
void bench_measured(void (*op)(void));
/* True while the machine runs the reference loop at no more than 1.2 times its quiet value. */
bool bench_quiet(void);
/* Sorts and gives p50, p99, p999, max, mean of one round. */
void bench_round_stat(double *ns, uint32_t cnt, bench_stat_t *out);
/* Median of n values (sorts them). */
double bench_median(double *v, uint32_t n);
/* ns of TSC ticks. */
double bench_ns(uint64_t ticks);

static inline uint64_t bench_start(void) {
  __builtin_ia32_lfence();
  uint64_t t = __builtin_ia32_rdtsc();
  __builtin_ia32_lfence();
  return t;
}
static inline uint64_t bench_stop(void) {
  unsigned aux;
  uint64_t t = __builtin_ia32_rdtscp(&aux);
  __builtin_ia32_lfence();
  return t;
}
/* Makes the compiler believe that memory was read. */
static inline void bench_keep(const void *p) {
  __asm__ __volatile__("" : : "r"(p) : "memory");
}

#endif

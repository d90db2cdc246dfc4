#include "bench/bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

tg_clock_t bench_clock;

enum { ALU_STEPS = 20000, ALU_TRIES = 400, EMPTY_SAMPLES = 20000, ROUND_TRIES = 6 };

static double ns_a_tick;
static uint64_t alu_quiet_ticks;
static double empty_ticks;
static double *samples;

static uint64_t alu_loop(void) {
  uint64_t x = 88172645463325252u;
  uint64_t start = bench_start();
  for (int i = 0; i < ALU_STEPS; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  uint64_t ticks = bench_stop() - start;
  bench_keep(&x);
  return ticks;
}

double bench_ns(uint64_t ticks) {
  return (double)ticks * ns_a_tick;
}

__attribute__((noinline)) void bench_measured(void (*op)(void)) {
  op();
  __asm__ __volatile__("" : : : "memory"); /* no tail call: callgrind sees this function return */
}

static void nothing(void) {}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *v, uint32_t n) {
  qsort(v, n, sizeof *v, by_value);
  return n == 0 ? 0 : n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void bench_round_stat(double *ns, uint32_t cnt, bench_stat_t *out) {
  double sum = 0;
  qsort(ns, cnt, sizeof *ns, by_value);
  for (uint32_t i = 0; i < cnt; i++) sum += ns[i];
  out->p50 = ns[cnt / 2];
  out->p99 = ns[(uint32_t)((double)(cnt - 1) * 0.99)];
  out->p999 = ns[(uint32_t)((double)(cnt - 1) * 0.999)];
  out->max = ns[cnt - 1];
  out->mean = sum / cnt;
}

void bench_pin(unsigned cpu) {
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  if (cpus < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu % (unsigned)cpus, &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) fprintf(stderr, "bench: not pinned\n");
}

int bench_init(void) {
  int err = tg_clock_init(&bench_clock, 100);
  if (err) {
    fprintf(stderr, "bench: no invariant TSC here: not measurable\n");
    return -1;
  }
  ns_a_tick = (double)bench_clock.mult_q32 / 4294967296.0;
  samples = malloc(sizeof *samples * BENCH_SAMPLES_MAX);
  if (!samples) return -1;
  alu_quiet_ticks = UINT64_MAX;
  for (int i = 0; i < ALU_TRIES; i++) {
    uint64_t ticks = alu_loop();
    if (ticks < alu_quiet_ticks) alu_quiet_ticks = ticks;
  }
  for (uint32_t i = 0; i < EMPTY_SAMPLES; i++) {
    uint64_t start = bench_start();
    bench_measured(nothing);
    samples[i] = (double)(bench_stop() - start);
  }
  empty_ticks = bench_median(samples, EMPTY_SAMPLES);
  return 0;
}

bool bench_quiet(void) {
  double ticks[5];
  for (int i = 0; i < 5; i++) ticks[i] = (double)alu_loop();
  return bench_median(ticks, 5) <= 1.2 * (double)alu_quiet_ticks;
}

int bench_wrong(const char *name, const char *what) {
  fprintf(stderr, "bench: %s: wrong answer: %s\n", name, what);
  return -1;
}

static int one_round(const bench_case_t *c, bench_stat_t *out) {
  if (c->round) {
    int err = c->round(samples, c->samples);
    if (err) return err;
    bench_round_stat(samples, c->samples, out);
    return 0;
  }
  for (uint32_t i = 0; i < c->samples; i++) {
    if (c->prep) c->prep();
    uint64_t start = bench_start();
    bench_measured(c->op);
    double ticks = (double)(bench_stop() - start) - empty_ticks;
    samples[i] = ticks < 0 ? 0 : ticks * ns_a_tick / c->batch;
  }
  bench_round_stat(samples, c->samples, out);
  return 0;
}

int bench_time(const bench_case_t *c, uint32_t rounds, bench_stat_t *out) {
  double p50[64], p99[64], p999[64], mean[64];
  *out = (bench_stat_t){0};
  if (rounds > 64) rounds = 64;
  bench_stat_t one;
  if (one_round(c, &one)) return -1; /* warm-up */
  for (uint32_t tries = 0; out->rounds < rounds; tries++) {
    bool quiet = bench_quiet();
    if (one_round(c, &one)) return -1;
    quiet = quiet && bench_quiet();
    if (!quiet && tries < rounds * ROUND_TRIES) {
      out->skipped++;
      continue;
    }
    if (!quiet) out->noisy = true;
    p50[out->rounds] = one.p50;
    p99[out->rounds] = one.p99;
    p999[out->rounds] = one.p999;
    mean[out->rounds] = one.mean;
    if (one.max > out->max) out->max = one.max;
    out->rounds++;
  }
  out->p50 = bench_median(p50, out->rounds);
  out->p99 = bench_median(p99, out->rounds);
  out->p999 = bench_median(p999, out->rounds);
  out->mean = bench_median(mean, out->rounds);
  out->spread = out->p50 > 0 ? (p50[out->rounds - 1] - p50[0]) / out->p50 : 0;
  return 0;
}

/* bench_micro - times the parts of the engine, one case after the other.
 *   bench_micro [--rounds N] [--only NAME] [--json FILE] [--list]     table on standard output; JSON: one object a line
 *   bench_micro --only NAME --ops N                                   runs N samples without timing, for callgrind
 *   bench_micro --spin SECONDS                                        the machine's own hiccups: gaps in a bare rdtsc loop
 * Exit codes: 0, 1 (a wrong answer: that case is not timed), 2 usage. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/micro.h"
#include "engine/base/hist.h"

static const bench_case_t *const family[] = {bench_codec_cases, bench_net_cases, bench_ring_cases, bench_core_cases,
                                             bench_tick_cases};

typedef struct args {
  const char *only, *json;
  uint32_t rounds;
  long ops, spin_s;
  bool list;
} args_t;

static int ops_run(const bench_case_t *c, long n) {
  if (!c->op) return 2;
  if (c->setup()) return 1;
  for (long i = 0; i < n; i++) {
    if (c->prep) c->prep();
    bench_measured(c->op);
  }
  return 0;
}

/* Gaps between two reads of the counter: whatever took the CPU away (hypervisor, interrupts, other threads). */
static int spin(long seconds, FILE *json) {
  static tg_hist_t hist;
  bench_pin(1);
  tg_hist_reset(&hist);
  uint64_t last = tg_tsc();
  uint64_t end = tg_clock_tsc_ns(&bench_clock, last) + (uint64_t)seconds * 1000000000u;
  uint64_t over_us = 0;
  while (tg_clock_tsc_ns(&bench_clock, last) < end) {
    uint64_t now = tg_tsc();
    uint64_t gap_ns = (uint64_t)bench_ns(now - last);
    tg_hist_record(&hist, gap_ns);
    over_us += gap_ns > 1000 ? gap_ns : 0;
    last = now;
  }
  double lost = (double)over_us / ((double)seconds * 1e9) * 100;
  printf(
      "bare rdtsc loop, %ld s: p50 %lu ns, p99.9 %lu ns, p99.999 %lu ns, max gap %.1f us; %.2f%% of the time in gaps over 1 "
      "us\n",
      seconds, tg_hist_quantile(&hist, 0.5), tg_hist_quantile(&hist, 0.999), tg_hist_quantile(&hist, 0.99999),
      (double)hist.max / 1000, lost);
  if (json)
    fprintf(json, "{\"p50\":%lu,\"p999\":%lu,\"p99999\":%lu,\"max\":%lu,\"lost_pct\":%.3f}\n", tg_hist_quantile(&hist, 0.5),
            tg_hist_quantile(&hist, 0.999), tg_hist_quantile(&hist, 0.99999), hist.max, lost);
  return 0;
}

static int one(const bench_case_t *c, const args_t *args, FILE *json) {
  bench_stat_t st;
  if (c->round && sysconf(_SC_NPROCESSORS_ONLN) < 2) {
    printf("%-22s not measurable: one CPU\n", c->name);
    return 0;
  }
  if (c->setup() || bench_time(c, args->rounds, &st)) return 1;
  printf("%-22s %9.1f %9.1f %9.1f %10.0f   %5.1f%%  x%-3u %u/%u%s\n", c->name, st.p50, st.p99, st.p999, st.max, st.spread * 100,
         c->batch, st.rounds, st.skipped, st.noisy ? " noisy" : "");
  (void)fflush(stdout);
  if (json)
    fprintf(json,
            "{\"name\":\"%s\",\"text\":\"%s\",\"unit\":\"ns\",\"batch\":%u,\"samples\":%u,\"rounds\":%u,\"skipped\":%u,"
            "\"noisy\":%s,"
            "\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.1f,\"mean\":%.2f,\"spread\":%.4f}\n",
            c->name, c->text, c->batch, c->samples, st.rounds, st.skipped, st.noisy ? "true" : "false", st.p50, st.p99, st.p999,
            st.max, st.mean, st.spread);
  return 0;
}

static int all(const args_t *args, FILE *json) {
  int code = 0;
  bool found = false;
  if (!args->list && args->ops == 0)
    printf("%-22s %9s %9s %9s %10s   %6s  %-4s %s\n", "ns an operation", "p50", "p99", "p99.9", "max", "spread", "batch",
           "rounds/skipped");
  for (size_t f = 0; f < TG_ARRAY_CNT(family); f++) {
    for (const bench_case_t *c = family[f]; c->name; c++) {
      if (args->only && strcmp(args->only, c->name) != 0) continue;
      found = true;
      if (args->list) {
        printf("%s %u %s\n", c->name, c->op ? c->batch : 0, c->text);
      } else if (args->ops > 0) {
        return ops_run(c, args->ops);
      } else {
        code |= one(c, args, json);
      }
    }
  }
  if (!found) fprintf(stderr, "bench_micro: no case '%s' (see --list)\n", args->only ? args->only : "");
  return found ? code : 2;
}

static int parse(int argc, char **argv, args_t *args) {
  *args = (args_t){.rounds = 11};
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (strcmp(argv[i], "--list") == 0) {
      args->list = true;
    } else if (strcmp(argv[i], "--only") == 0 && more) {
      args->only = argv[++i];
    } else if (strcmp(argv[i], "--json") == 0 && more) {
      args->json = argv[++i];
    } else if (strcmp(argv[i], "--rounds") == 0 && more) {
      args->rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--ops") == 0 && more) {
      args->ops = strtol(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--spin") == 0 && more) {
      args->spin_s = strtol(argv[++i], NULL, 10);
    } else {
      return -1;
    }
  }
  return args->rounds > 0 && args->ops >= 0 && args->spin_s >= 0 ? 0 : -1;
}

int main(int argc, char **argv) {
  args_t args;
  if (parse(argc, argv, &args)) {
    fprintf(stderr, "usage: bench_micro [--rounds N] [--only NAME] [--json FILE] [--list] [--ops N] [--spin SECONDS]\n");
    return 2;
  }
  FILE *json = args.json ? fopen(args.json, "w") : NULL;
  if (args.json && !json) {
    fprintf(stderr, "bench_micro: cannot write %s\n", args.json);
    return 2;
  }
  int code = 0;
  if (!args.list && args.ops == 0) {
    bench_pin(0);
    code = bench_init() ? 1 : 0;
  }
  if (code == 0) code = args.spin_s > 0 ? spin(args.spin_s, json) : all(&args, json);
  if (json && fclose(json) != 0) code = 2;
  return code;
}

/* bench_e2e - tick to order over loopback TCP, open loop, latency from the intended send time.
 *   bench_e2e [--quick] [--peer spin|sleep] [--rates 1000,5000] [--json FILE]
 * Per rate, rounds of: echo, plain, TLS, TLS, plain, echo. Exit codes: 0, 1 (failed), 2 usage. */
#include <stdlib.h>
#include <string.h>

#include "bench/e2e.h"

enum { ECHO, PLAIN, TLS, MODE_CNT, ROUNDS_MAX = 32, RATES_MAX = 8, LEVELS = 4, ORDER_BYTES = 186 };

static const char *const mode_name[] = {"echo", "engine plain", "engine TLS"};

typedef struct total {
  tg_hist_t latency_ns, lag_ns, inside_ns;
  double p50[ROUNDS_MAX];
  uint32_t runs;
  uint64_t ticks, answered, wrong;
} total_t;

typedef struct args {
  bool quick, sleeps;
  const char *json;
  uint32_t rate[RATES_MAX], rate_cnt;
} args_t;

static total_t total[MODE_CNT];

static int segment(int mode, uint32_t rate, const args_t *args) {
  static feeder_t f;
  static echo_t echo;
  static rig_t *rig;
  wires_t wires;
  tg_rec_keys_t lane_keys[2], feeder_keys[2];
  if (!rig) rig = aligned_alloc(64, (sizeof *rig + 63) / 64 * 64);
  if (!rig || wires_open(&wires)) return -1;
  double seconds = rate < 20 ? 8 : rate < 1000 ? 2 : args->quick ? 0.25 : rate <= 1000 ? 1.5 : rate >= 50000 ? 0.5 : 0.8;
  tls_keys_make(&lane_keys[0], &feeder_keys[0]);
  tls_keys_make(&lane_keys[1], &feeder_keys[1]);
  f.wires = &wires;
  f.rig = mode == ECHO ? NULL : rig;
  f.tls = mode == TLS;
  f.sleeps = args->sleeps;
  memcpy(f.keys, feeder_keys, sizeof f.keys);
  f.rate = rate;
  f.tick_cnt = (uint32_t)((double)rate * seconds);
  f.warm_cnt = f.tick_cnt / 10 + 50 < f.tick_cnt / 2 ? f.tick_cnt / 10 + 50 : f.tick_cnt / 2;
  f.order_bytes = ORDER_BYTES;
  echo.wires = &wires;
  echo.tick_bytes = feeder_tick_bytes();
  echo.order_bytes = ORDER_BYTES;
  int err = mode == ECHO ? echo_start(&echo) : rig_open(rig, &wires, lane_keys, mode == TLS, LEVELS);
  if (err) return -1;
  err = feeder_run(&f);
  if (mode == ECHO)
    echo_stop(&echo);
  else
    rig_stop(rig);
  total_t *t = &total[mode];
  if (!err && f.latency_ns.cnt > 0) {
    tg_hist_merge(&t->latency_ns, &f.latency_ns);
    tg_hist_merge(&t->lag_ns, &f.lag_ns);
    if (mode != ECHO) tg_hist_merge(&t->inside_ns, &rig->gateway.bn.tick_to_order_ns);
    t->p50[t->runs++] = (double)tg_hist_quantile(&f.latency_ns, 0.5);
    t->ticks += f.tick_cnt;
    t->answered += f.answered_cnt;
    t->wrong += f.wrong_cnt;
  }
  if (mode != ECHO) rig_close(rig);
  wires_close(&wires);
  if (err || f.latency_ns.cnt == 0) fprintf(stderr, "bench_e2e: %s at %u/s: no orders came back\n", mode_name[mode], rate);
  return err || f.latency_ns.cnt == 0 ? -1 : 0;
}

static double us(const tg_hist_t *h, double q) {
  return (double)tg_hist_quantile(h, q) / 1000;
}

static void print_rate(uint32_t rate, FILE *json) {
  for (int m = 0; m < MODE_CNT; m++) {
    total_t *t = &total[m];
    double ratio[ROUNDS_MAX], p50[ROUNDS_MAX];
    for (uint32_t i = 0; i < t->runs; i++) {
      ratio[i] = t->p50[i] / total[ECHO].p50[i];
      p50[i] = t->p50[i];
    }
    double mid = bench_median(ratio, t->runs), p50_mid = bench_median(p50, t->runs);
    printf("%6u/s  %-13s %8.2f %8.2f %8.2f %9.1f   %5.2f (%.2f..%.2f)  %7.2f %7.2f  %5.1f%%\n", rate, mode_name[m],
           p50_mid / 1000, us(&t->latency_ns, 0.99), us(&t->latency_ns, 0.999), (double)t->latency_ns.max / 1000, mid, ratio[0],
           ratio[t->runs - 1], us(&t->inside_ns, 0.5), us(&t->inside_ns, 0.99), 100.0 * (double)t->answered / (double)t->ticks);
    if (json)
      fprintf(json,
              "{\"mode\":\"%s\",\"rate\":%u,\"runs\":%u,\"p50_ns\":%.0f,\"p99_ns\":%lu,\"p999_ns\":%lu,\"max_ns\":%lu,\"ratio_"
              "to_echo\":%.3f,"
              "\"ratio_low\":%.3f,\"ratio_high\":%.3f,\"inside_p50_ns\":%lu,\"inside_p99_ns\":%lu,\"send_lag_p50_ns\":%lu,"
              "\"send_lag_p99_ns\":%lu,\"ticks\":%lu,\"orders\":%lu,\"wrong\":%lu}\n",
              mode_name[m], rate, t->runs, p50_mid, tg_hist_quantile(&t->latency_ns, 0.99),
              tg_hist_quantile(&t->latency_ns, 0.999), t->latency_ns.max, mid, ratio[0], ratio[t->runs - 1],
              tg_hist_quantile(&t->inside_ns, 0.5), tg_hist_quantile(&t->inside_ns, 0.99), tg_hist_quantile(&t->lag_ns, 0.5),
              tg_hist_quantile(&t->lag_ns, 0.99), t->ticks, t->answered, t->wrong);
  }
  (void)fflush(stdout);
}

static int one_rate(uint32_t rate, const args_t *args, FILE *json) {
  static const int order[] = {ECHO, PLAIN, TLS, TLS, PLAIN, ECHO};
  for (int m = 0; m < MODE_CNT; m++) {
    memset(&total[m], 0, sizeof total[m]);
    tg_hist_reset(&total[m].latency_ns);
    tg_hist_reset(&total[m].lag_ns);
    tg_hist_reset(&total[m].inside_ns);
  }
  for (int round = 0; round < (args->quick ? 1 : 3); round++)
    for (size_t i = 0; i < TG_ARRAY_CNT(order); i++)
      if (segment(order[i], rate, args)) return -1;
  print_rate(rate, json);
  return 0;
}

static int parse(int argc, char **argv, args_t *args) {
  *args = (args_t){.rate = {1000, 5000, 20000, 50000}, .rate_cnt = 4};
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (strcmp(argv[i], "--quick") == 0) {
      args->quick = true;
    } else if (strcmp(argv[i], "--peer") == 0 && more) {
      args->sleeps = strcmp(argv[++i], "sleep") == 0;
    } else if (strcmp(argv[i], "--json") == 0 && more) {
      args->json = argv[++i];
    } else if (strcmp(argv[i], "--rates") == 0 && more) {
      args->rate_cnt = 0;
      for (char *p = argv[++i]; *p && args->rate_cnt < RATES_MAX; p += *p == ',') {
        args->rate[args->rate_cnt] = (uint32_t)strtoul(p, &p, 10);
        if (args->rate[args->rate_cnt++] == 0) return -1;
      }
    } else {
      return -1;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  args_t args;
  if (parse(argc, argv, &args)) {
    fprintf(stderr, "usage: bench_e2e [--quick] [--peer spin|sleep] [--rates N,N] [--json FILE]\n");
    return 2;
  }
  FILE *json = args.json ? fopen(args.json, "w") : NULL;
  if (args.json && !json) {
    fprintf(stderr, "bench_e2e: cannot write %s\n", args.json);
    return 2;
  }
  bench_pin(0);
  int code = bench_init() ? 1 : 0;
  printf("   rate  side          p50 us   p99 us p99.9 us    max us   to echo (spread)     inside: p50 p99  orders\n");
  for (uint32_t i = 0; i < args.rate_cnt && !code; i++) code = one_rate(args.rate[i], &args, json) ? 1 : 0;
  if (json && fclose(json) != 0) code = 2;
  return code;
}

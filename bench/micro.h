/* micro.h - the lists of cases that bench_micro runs, a family a file. */
#ifndef TG_BENCH_MICRO_H
#define TG_BENCH_MICRO_H

#include "bench/bench.h"

extern const bench_case_t bench_codec_cases[], bench_net_cases[], bench_core_cases[], bench_tick_cases[], bench_ring_cases[];

#endif

/* e2e.h - tick to order over loopback sockets, open loop: the engine's own hot lane, or a bare echo, under the same feeder.
 * What:    rig_t is a fused hot lane (feed, core, gateway of engine/run on one tg_io) on two adopted sessions, without a cold
 *          lane: its part (hand-over, LINKs, journal) is played here. echo_t is a thread that spins on recv and sends a fixed
 *          frame for every tick. The feeder sends ticks at their intended times and meets the orders.
 * Owner:   caller. Threads: lane or echo on CPU 1, feeder on CPU 0. */
#ifndef TG_BENCH_E2E_H
#define TG_BENCH_E2E_H

#include "bench/bench.h"
#include "bench/tls_keys.h"
#include "bench/world.h"
#include "engine/base/hist.h"
#include "engine/run/stage_core.h"
#include "engine/run/stage_hot.h"

#define E2E_MARKS 1000u /* ticks are told apart by the last three digits of the bid's quantity */
#define E2E_TICK_BYTES 512u

/* Two connected TCP pairs on loopback, TCP_NODELAY: [0] the side under test, [1] the feeder's. */
typedef struct wires {
  int public_fd[2], order_fd[2];
} wires_t;
int wires_open(wires_t *wires);
void wires_close(wires_t *wires);

typedef struct rig {
  tg_conf_t conf;
  tg_rings_t rings;
  tg_stage_feed_t feed;
  tg_stage_core_t core;
  tg_stage_gateway_t gateway;
  tg_io_t io;
  tg_lane_t lane;
  tg_arena_t arena;
  tg_symtab_t symtab;
  tg_handoff_t *handoff[4];
  world_t world;
  bool tls;
} rig_t;
/* Opens and starts the lane on its ends of the wires; keys: of the two sessions (public, order). 0 or -1 (said why). */
int rig_open(rig_t *rig, const wires_t *wires, const tg_rec_keys_t keys[2], bool tls, uint32_t levels);
/* Stops the lane; histograms stay readable. */
void rig_stop(rig_t *rig);
void rig_close(rig_t *rig);

typedef struct echo {
  pthread_t thread;
  const wires_t *wires;
  uint32_t tick_bytes, order_bytes;
  _Atomic int stop;
} echo_t;
int echo_start(echo_t *echo);
void echo_stop(echo_t *echo);

typedef struct feeder {
  const wires_t *wires;
  rig_t *rig;       /* NULL: the echo is under test */
  bool tls, sleeps; /* sleeps: waits in poll(2) as a venue would, instead of spinning */
  tg_rec_keys_t keys[2];
  uint32_t rate, tick_cnt, warm_cnt, order_bytes;
  /* out */
  tg_hist_t latency_ns; /* intended send -> order here */
  tg_hist_t lag_ns;     /* intended send -> send returned */
  uint32_t answered_cnt, wrong_cnt;
} feeder_t;
/* Runs to the end of its ticks. 0 or -1. */
int feeder_run(feeder_t *feeder);
/* Bytes of every tick frame (header and text); all are equal. */
uint32_t feeder_tick_bytes(void);

#endif

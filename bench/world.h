/* world.h - a core that may trade, without a venue: configured, synchronised, ACTIVE.
 * What:    feeds the messages that lead a fresh core to ACTIVE; keeps the time of a benchmark that has no clock; answers the
 *          core's requests with "confirmed".
 * Owner:   the core is the caller's (world_open makes one with its own arena). */
#ifndef TG_BENCH_WORLD_H
#define TG_BENCH_WORLD_H

#include "bench/gen.h"
#include "engine/core/core.h"

#define WORLD_START_NS UINT64_C(1750000000000000000)
#define WORLD_OUT 512u

typedef struct world {
  tg_core_t *core;
  tg_arena_t arena;
  uint64_t now_ns;
  uint64_t update_id;
  int64_t next_order_id;
  tg_msg_batch_t out; /* of the last step */
  tg_msg_t out_mem[WORLD_OUT];
} world_t;

typedef struct world_set {
  const char *key;
  int64_t value;
} world_set_t;

/* Sizes of a core with one instrument; strategy NULL = the grid. */
tg_core_cfg_t world_core_cfg(const tg_strategy_t *strategy);
/* Makes a core in world->arena. 0 or -1. */
int world_open(world_t *world, const tg_strategy_t *strategy);
/* Leads world->core to ACTIVE at world->now_ns with a book around `bid_ticks`; sets: more settings. 0 or -1 (said why). */
int world_start(world_t *world, int64_t bid_ticks, const world_set_t *sets, size_t set_cnt);
/* One message at world->now_ns (ts_ns is set); outputs in world->out. */
void world_step(world_t *world, tg_msg_t *msg);
/* A bookTicker as a message; update ids are given out here. */
void world_top(world_t *world, tg_msg_t *msg, int64_t bid, int64_t bid_lots, int64_t ask, int64_t ask_lots);
/* Confirms every request among the outputs of the last step (each by a step of its own). Returns how many. */
uint32_t world_confirm(world_t *world);
/* "confirmed" for a request of the core. */
void world_answer(world_t *world, const tg_msg_t *request, tg_msg_t *answer);
/* Lets time pass: TIMERs, 10 ms apart. */
void world_pass(world_t *world, uint64_t ns);

#endif

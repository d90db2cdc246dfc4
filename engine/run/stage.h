/* stage.h - a stage is one job of the engine; a lane is the thread that turns it.
 * What:    four functions a stage, and one for its end. Stages speak only through rings, also when they share a lane, so a
 *          topology is data: which stage is turned by which lane.
 * Owner:   the topology owns stages and lanes; memory comes from one arena, sealed before lanes start.
 * Threads: layout and init_privileged on the main thread before lanes start; init, turn and fini on the stage's lane.
 * Limit:   TG_LANE_STAGES_MAX stages a lane.
 * Errors:  -TG_E* from the first three; a turn cannot fail, it sends messages. */
#ifndef TG_RUN_STAGE_H
#define TG_RUN_STAGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/base/clock.h"
#include "engine/base/hist.h"
#include "engine/base/types.h"
#include "engine/run/sandbox.h"
#include "net/io.h"

#define TG_LANE_STAGES_MAX 3

typedef struct tg_lane tg_lane_t;

typedef struct tg_stage_ops {
  const char *name;
  /* Counts or carves the stage's memory. 0, -TG_ENOMEM, -TG_EINVAL. */
  int (*layout)(void *self, tg_arena_t *arena);
  /* What needs privileges or may fail for the outside world: files, sockets. 0 or -TG_E*. */
  int (*init_privileged)(void *self);
  /* On the lane's own thread, its ring enabled. 0 or -TG_E*. */
  int (*init)(void *self, tg_lane_t *lane);
  /* One round: poll, decode, step, send, then at most one housekeeping event. Returns things done, 0 = idle. */
  uint32_t (*turn)(void *self, uint64_t now_ns);
  /* On the lane's own thread at its end, also after an init that failed: what only that thread may give back (its ring's
   * operations). NULL: nothing. In the reverse order of init. */
  void (*fini)(void *self);
} tg_stage_ops_t;

typedef struct tg_stage {
  const tg_stage_ops_t *ops;
  void *self;
} tg_stage_t;

struct tg_lane {
  const char *name;
  tg_stage_t stage[TG_LANE_STAGES_MAX];
  uint32_t stage_cnt;
  int cpu; /* -1: not pinned */
  bool hot;
  uint64_t park_ns; /* wait inside io_uring_enter when idle; 0 = spin */
  const tg_clock_t *clock;
  tg_io_t *io;
  tg_sandbox_t *sandbox; /* entered behind the last init; NULL: none */
  pthread_t thread;
  bool started;
  _Atomic int state; /* tg_lane_state; the main thread polls it */
  _Atomic int stop;  /* main thread asks, lane obeys at its next turn */
  int err;           /* first error of init, valid when state is FAILED */
  const char *err_stage;
  uint32_t begun_cnt; /* stages whose init was called: their fini is due */
  /* gauges, written by the lane only */
  _Atomic uint64_t turn_cnt, busy_cnt, turn_ns_max, alive_ns;
  /* allocation proof: jemalloc's per-thread counter, read by the lane after warm-up and at its end */
  uint64_t allocated_start_bytes, allocated_end_bytes;
};

enum tg_lane_state { TG_LANE_NEW, TG_LANE_STARTING, TG_LANE_RUNNING, TG_LANE_STOPPED, TG_LANE_FAILED };

/* Starts the lane's thread and waits until its stages are initialised. 0, or the first stage's -TG_E*. */
TG_MUST_USE int tg_lane_start(tg_lane_t *lane);
/* Asks the lane to leave its loop and joins it. Safe on a lane that never started. */
void tg_lane_stop(tg_lane_t *lane);

#endif

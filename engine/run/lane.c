#include <errno.h>
#include <sched.h>
#include <string.h>

#ifndef TG_NO_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "engine/base/assert.h"
#include "engine/base/err.h"
#include "engine/run/stage.h"

/* Bytes this thread ever allocated, through jemalloc's pointer to its own counter (no call on the hot path). */
static uint64_t *lane_allocated_counter(void) {
  uint64_t *counter = NULL;
#ifndef TG_NO_JEMALLOC /* under a sanitizer: NULL, nothing is counted */
  size_t len = sizeof counter;
  if (mallctl("thread.allocatedp", &counter, &len, NULL, 0) != 0) return NULL;
#endif
  return counter;
}

static int lane_pin(const tg_lane_t *lane) {
  if (lane->cpu < 0) return 0;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (lane->cpu >= CPU_SETSIZE) return -TG_EINVAL;
  CPU_SET((unsigned)lane->cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0 ? 0 : -TG_EINVAL;
}

static int lane_init(tg_lane_t *lane) {
  lane->err_stage = lane->name;
  int err = lane_pin(lane);
  if (err) return err;
  err = tg_io_enable(lane->io);
  if (err) return err;
  for (uint32_t i = 0; i < lane->stage_cnt; i++) {
    lane->err_stage = lane->stage[i].ops->name;
    lane->begun_cnt = i + 1;
    err = lane->stage[i].ops->init(lane->stage[i].self, lane);
    if (err) return err;
  }
  return 0;
}

static void lane_fini(tg_lane_t *lane) {
  while (lane->begun_cnt > 0) {
    const tg_stage_t *stage = &lane->stage[--lane->begun_cnt];
    if (stage->ops->fini) stage->ops->fini(stage->self);
  }
}

/* The loop of a lane. After the first turn nothing here allocates or enters the kernel but tg_io_turn. */
static void lane_loop(tg_lane_t *lane) {
  uint64_t turn_ns_max = 0;
  uint64_t turns = 0;
  uint64_t busy = 0;
  uint64_t idle_streak = 0;
  while (!atomic_load_explicit(&lane->stop, memory_order_relaxed)) {
    uint64_t now_ns = tg_clock_now_ns(lane->clock);
    uint64_t wait_ns = idle_streak > 64 ? lane->park_ns : 0;
    int io_work = tg_io_turn(lane->io, now_ns, wait_ns);
    uint32_t work = io_work > 0 ? (uint32_t)io_work : 0;
    if (wait_ns) now_ns = tg_clock_now_ns(lane->clock);
    for (uint32_t i = 0; i < lane->stage_cnt; i++) work += lane->stage[i].ops->turn(lane->stage[i].self, now_ns);
    idle_streak = work ? 0 : idle_streak + 1;
    turns++;
    if (work) {
      busy++;
      uint64_t took_ns = tg_clock_now_ns(lane->clock) - now_ns;
      if (took_ns > turn_ns_max) {
        turn_ns_max = took_ns;
        atomic_store_explicit(&lane->turn_ns_max, turn_ns_max, memory_order_relaxed);
      }
      atomic_store_explicit(&lane->busy_cnt, busy, memory_order_relaxed);
    }
    /* gauges for the supervisor; relaxed: a late value is fine */
    atomic_store_explicit(&lane->turn_cnt, turns, memory_order_relaxed);
    atomic_store_explicit(&lane->alive_ns, now_ns, memory_order_relaxed);
  }
}

static void *lane_main(void *arg) {
  tg_lane_t *lane = arg;
  char name[16] = "tg-";
  size_t len = strlen(lane->name);
  memcpy(name + 3, lane->name, len < sizeof name - 4 ? len : sizeof name - 4);
  int unnamed = pthread_setname_np(pthread_self(), name);
  (void)unnamed; /* a name is for people only */
  int err = lane_init(lane);
  const uint64_t *allocated = lane_allocated_counter(); /* its first look maps memory: before the sandbox */
  if (!err) {
    lane->err_stage = "sandbox";
    err = tg_sandbox_enter(lane->sandbox, lane->hot ? TG_SANDBOX_HOT : TG_SANDBOX_COLD);
  }
  if (err) {
    lane_fini(lane);
    lane->err = err;
    atomic_store_explicit(&lane->state, TG_LANE_FAILED, memory_order_seq_cst);
    return NULL;
  }
  lane->allocated_start_bytes = allocated ? *allocated : 0;
  atomic_store_explicit(&lane->state, TG_LANE_RUNNING, memory_order_seq_cst);
  lane_loop(lane);
  lane->allocated_end_bytes = allocated ? *allocated : 0;
  lane_fini(lane);
  atomic_store_explicit(&lane->state, TG_LANE_STOPPED, memory_order_seq_cst);
  return NULL;
}

int tg_lane_start(tg_lane_t *lane) {
  lane->err = 0;
  atomic_store_explicit(&lane->state, TG_LANE_STARTING, memory_order_seq_cst);
  if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) return -TG_ENOMEM;
  lane->started = true;
  for (;;) {
    int state = atomic_load_explicit(&lane->state, memory_order_seq_cst);
    if (state == TG_LANE_FAILED) return lane->err;
    if (state != TG_LANE_STARTING) return 0;
    struct timespec pause = {.tv_nsec = 200000};
    nanosleep(&pause, NULL);
  }
}

void tg_lane_stop(tg_lane_t *lane) {
  if (!lane->started) return;
  atomic_store_explicit(&lane->stop, 1, memory_order_relaxed);
  int err = pthread_join(lane->thread, NULL);
  TG_ASSERT(err == 0);
  lane->started = false;
}

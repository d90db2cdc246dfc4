/* Rings and lanes: sizes that cannot be, a lane's start, its failure, its end. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/rings.h"
#include "engine/run/stage.h"

Test(rings, sizes_are_powers_of_two) {
  static const int64_t bad[] = {0, -1, 1000, 65537};
  tg_conf_t conf;
  tg_rings_t rings;
  tg_arena_t arena;
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    for (int which = 0; which < 2; which++) {
      tg_conf_defaults(&conf);
      *(which ? &conf.lane_ring_slots : &conf.lane_journal_slots) = bad[i];
      tg_arena_count(&arena);
      cr_assert_eq(tg_rings_layout(&arena, &rings, &conf), -TG_EINVAL, "%lld", (long long)bad[i]);
    }
  }
  tg_conf_defaults(&conf);
  conf.lane_ring_slots = 1024;
  conf.lane_journal_slots = 4096;
  tg_arena_count(&arena);
  cr_assert_eq(tg_rings_layout(&arena, &rings, &conf), 0);
  tg_arena_t real;
  cr_assert_eq(tg_arena_map(&real, arena.used_bytes), 0);
  cr_assert_eq(tg_rings_layout(&real, &rings, &conf), 0);
  const tg_spsc_t *const ring[] = {&rings.feed,    &rings.gw_in,    &rings.gw_out, &rings.cold_in,
                                   &rings.journal, &rings.feed_ctl, &rings.gw_ctl};
  const uint64_t slots[] = {1024, 1024, 1024, 1024, 4096, 256, 256};
  for (size_t i = 0; i < TG_ARRAY_CNT(ring); i++) {
    cr_assert_eq(ring[i]->slot_cnt, slots[i]);
    for (size_t j = 0; j < i; j++) cr_assert_neq((void *)ring[i]->slot, (void *)ring[j]->slot);
  }
  tg_arena_unmap(&real);
  /* an arena that is too small */
  conf.lane_ring_slots = 1 << 20;
  cr_assert_eq(tg_arena_map(&real, 8192), 0);
  cr_assert_eq(tg_rings_layout(&real, &rings, &conf), -TG_ENOMEM);
  tg_arena_unmap(&real);
}

typedef struct probe {
  int init_err, inits, finis, fini_at;
  _Atomic uint64_t turns;
  _Atomic uint64_t last_ns;
  bool backwards;
  pthread_t thread, fini_thread;
} probe_t;

static int probe_init(void *self, tg_lane_t *lane) {
  probe_t *p = self;
  p->inits++;
  p->thread = pthread_self();
  cr_assert(pthread_equal(lane->thread, pthread_self()) || !lane->started, "on the lane's own thread");
  return p->init_err;
}

static uint32_t probe_turn(void *self, uint64_t now_ns) {
  probe_t *p = self;
  if (now_ns < atomic_load(&p->last_ns)) p->backwards = true;
  atomic_store(&p->last_ns, now_ns);
  atomic_fetch_add(&p->turns, 1);
  return 0;
}

static int fini_order; /* counts over both probes */

static void probe_fini(void *self) {
  probe_t *p = self;
  p->finis++;
  p->fini_at = ++fini_order;
  p->fini_thread = pthread_self();
}

static const tg_stage_ops_t ops[] = {{"first", NULL, NULL, probe_init, probe_turn, probe_fini},
                                     {"second", NULL, NULL, probe_init, probe_turn, probe_fini}};

typedef struct world {
  tg_arena_t arena;
  tg_io_t io;
  tg_clock_t clock;
  tg_lane_t lane;
  probe_t probe[2];
} world_t;

static world_t *make(void) {
  world_t *w = calloc(1, sizeof *w);
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cr_assert_eq(tg_arena_map(&w->arena, 4u << 20), 0);
  cr_assert_eq(tg_io_layout(&w->arena, &w->io, &cfg), 0);
  cr_assert_eq(tg_io_setup(&w->io), 0);
  int err = tg_clock_init(&w->clock, 5);
  cr_assert(err == 0 || err == -TG_EUNSUPPORTED);
  w->lane = (tg_lane_t){.name = "probe-with-a-long-name",
                        .stage = {{&ops[0], &w->probe[0]}, {&ops[1], &w->probe[1]}},
                        .stage_cnt = 2,
                        .cpu = -1,
                        .park_ns = 100000,
                        .clock = &w->clock,
                        .io = &w->io};
  return w;
}

static void drop(world_t *w) {
  tg_lane_stop(&w->lane);
  tg_io_close(&w->io);
  tg_arena_unmap(&w->arena);
  free(w);
}

Test(lane, starts_turns_and_stops) {
  world_t *w = make();
  tg_lane_stop(&w->lane); /* never started: nothing to do */
  cr_assert_eq(tg_lane_start(&w->lane), 0);
  cr_assert_eq(atomic_load(&w->lane.state), TG_LANE_RUNNING);
  while (atomic_load(&w->probe[1].turns) < 200) sched_yield();
  tg_lane_stop(&w->lane);
  cr_assert_eq(atomic_load(&w->lane.state), TG_LANE_STOPPED);
  cr_assert_not(w->lane.started);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(w->probe[i].inits, 1);
    cr_assert_eq(w->probe[i].finis, 1);
    cr_assert(pthread_equal(w->probe[i].fini_thread, w->probe[i].thread), "what the lane began ends on the lane");
    cr_assert_eq(atomic_load(&w->probe[i].turns), atomic_load(&w->lane.turn_cnt));
    cr_assert_not(w->probe[i].backwards);
  }
  cr_assert_eq(atomic_load(&w->lane.alive_ns), atomic_load(&w->probe[1].last_ns));
  cr_assert_eq(atomic_load(&w->lane.busy_cnt), 0);
  cr_assert_gt(w->probe[0].fini_at, w->probe[1].fini_at, "in the reverse order");
  tg_lane_stop(&w->lane); /* twice */
  cr_assert_eq(w->probe[0].finis, 1);
  drop(w);
}

Test(lane, a_stage_that_fails_is_named) {
  world_t *w = make();
  w->probe[1].init_err = -TG_ENOSPACE;
  cr_assert_eq(tg_lane_start(&w->lane), -TG_ENOSPACE);
  cr_assert_eq(atomic_load(&w->lane.state), TG_LANE_FAILED);
  cr_assert_str_eq(w->lane.err_stage, "second");
  cr_assert_eq(w->probe[0].inits, 1);
  tg_lane_stop(&w->lane);
  cr_assert_eq(atomic_load(&w->probe[0].turns), 0, "no turn was made");
  cr_assert_eq(w->probe[0].finis + w->probe[1].finis, 2, "what an init began is ended, also the one that failed");
  drop(w);
}

Test(lane, a_cpu_that_is_not_there_is_refused) {
  static const int bad[] = {1023, 1024, 100000};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    world_t *w = make();
    w->lane.cpu = bad[i];
    cr_assert_eq(tg_lane_start(&w->lane), -TG_EINVAL, "cpu %d", bad[i]);
    cr_assert_eq(atomic_load(&w->lane.state), TG_LANE_FAILED);
    cr_assert_str_eq(w->lane.err_stage, w->lane.name);
    cr_assert_eq(w->probe[0].inits + w->probe[0].finis, 0);
    drop(w);
  }
}

Test(lane, pinned_to_a_cpu_that_is_there) {
  world_t *w = make();
  cpu_set_t set;
  cr_assert_eq(pthread_getaffinity_np(pthread_self(), sizeof set, &set), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &set)) cpu++;
  w->lane.cpu = cpu;
  cr_assert_eq(tg_lane_start(&w->lane), 0);
  cr_assert_eq(pthread_getaffinity_np(w->lane.thread, sizeof set, &set), 0);
  cr_assert(CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set));
  drop(w);
}

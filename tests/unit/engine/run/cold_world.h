/* cold_world.h - the cold lane's stage without a venue, turned by hand: shared by the tests of the stage and of its faults. */
#ifndef TG_TEST_RUN_COLD_WORLD_H
#define TG_TEST_RUN_COLD_WORLD_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/engine_int.h"
#include "tests/unit/net/certs.h"

typedef struct world {
  tg_conf_t conf;
  tg_rings_t rings;
  tg_arena_t arena;
  tg_io_t io;
  tg_clock_t clock;
  tg_bn_secrets_t secrets;
  tg_stage_cold_t stage;
  _Atomic uint64_t hot_alive_ns;
  _Atomic int core_stopped;
  uint64_t now_ns;
} world_t;

static inline int layout(world_t *w, tg_arena_t *arena) {
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  int err = tg_rings_layout(arena, &w->rings, &w->conf);
  if (!err) err = tg_io_layout(arena, &w->io, &cfg);
  return err ? err : tg_stage_cold_ops.layout(&w->stage, arena);
}

static inline world_t *make_with(const char *ca) {
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64);
  memset(w, 0, sizeof *w);
  tg_conf_defaults(&w->conf);
  w->conf.lane_ring_slots = 4096;
  w->conf.lane_journal_slots = 4096;
  w->conf.venue_rest_port = w->conf.venue_stream_port = w->conf.venue_trade_port = 1; /* nobody listens */
  w->conf.evidence_fsm = 0;
  snprintf(w->conf.engine_run_dir, sizeof w->conf.engine_run_dir, "."); /* its disk is looked at */
  snprintf(w->conf.venue_ca_file, sizeof w->conf.venue_ca_file, "%s", ca);
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(layout(w, &count), 0);
  cr_assert_eq(tg_arena_map(&w->arena, count.used_bytes), 0);
  cr_assert_eq(layout(w, &w->arena), 0);
  cr_assert_eq(tg_io_setup(&w->io), 0);
  cr_assert_eq(tg_io_enable(&w->io), 0);
  int err = tg_clock_init(&w->clock, 5);
  cr_assert(err == 0 || err == -TG_EUNSUPPORTED);
  tg_stage_cold_t *s = &w->stage;
  s->conf = &w->conf;
  s->rings = &w->rings;
  s->io = &w->io;
  s->clock = &w->clock;
  s->secrets = &w->secrets;
  s->names = &tg_run_names;
  s->hot_alive_ns = &w->hot_alive_ns;
  s->core_stopped = &w->core_stopped;
  tg_book_cfg_t book = {.level_cap = 64, .event_buffer_cnt = 256};
  s->mirror = tg_mirror_new(&tg_run_names, &book);
  cr_assert_not_null(s->mirror);
  w->now_ns = tg_clock_now_ns(&w->clock);
  return w;
}

static inline world_t *make(void) {
  world_t *w = make_with(certs_ca_file());
  cr_assert_eq(tg_stage_cold_ops.init(&w->stage, NULL), 0);
  return w;
}

static inline void drop(world_t *w) {
  tg_stage_cold_ops.fini(&w->stage);
  tg_mirror_free(w->stage.mirror);
  tg_io_close(&w->io);
  tg_arena_unmap(&w->arena);
  free(w);
}

static inline uint32_t turn(world_t *w) {
  w->now_ns += TG_NS_PER_MS;
  cr_assert_geq(tg_io_turn(&w->io, w->now_ns, 0), 0);
  return tg_stage_cold_ops.turn(&w->stage, w->now_ns);
}

static inline int phase(world_t *w) {
  return atomic_load(&w->stage.phase);
}

/* Messages for the core, except `but`; *last is the last one. */
static inline int to_core(world_t *w, tg_msg_kind_t kind, tg_msg_t *last) {
  int cnt = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&w->rings.cold_in, &msg) == 0) {
    if (msg.kind != kind) continue;
    cnt++;
    if (last) *last = msg;
  }
  return cnt;
}

static inline void journal(world_t *w, const tg_msg_t *msg) {
  cr_assert_eq(tg_spsc_put(&w->rings.journal, msg), 0);
}

#endif

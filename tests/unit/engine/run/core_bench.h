/* core_bench.h - the core's stage turned by hand over real rings: shared by its tests and those of full rings. */
#ifndef TG_TEST_RUN_CORE_BENCH_H
#define TG_TEST_RUN_CORE_BENCH_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/run/stage_core.h"

typedef struct bench {
  tg_conf_t conf;
  tg_rings_t rings;
  tg_stage_core_t stage;
  tg_clock_t clock;
  tg_arena_t arena;
} bench_t;

static inline int layout(bench_t *b, tg_arena_t *arena) {
  int err = tg_rings_layout(arena, &b->rings, &b->conf);
  return err ? err : tg_stage_core_ops.layout(&b->stage, arena);
}

static inline bench_t *make(int64_t journal_slots) {
  bench_t *b = aligned_alloc(TG_CACHE_LINE, (sizeof *b + 63) / 64 * 64);
  memset(b, 0, sizeof *b);
  tg_conf_defaults(&b->conf);
  b->conf.lane_ring_slots = 4096;
  b->conf.lane_journal_slots = journal_slots;
  tg_core_conf_t core;
  tg_core_conf_defaults(&core);
  core.book_level_cap = 64;
  core.book_event_buffer = 256;
  core.order_table_cap = 64;
  core.order_trade_id_cap = 1024;
  b->stage.cfg = tg_core_cfg_make(&core, 1);
  b->stage.rings = &b->rings;
  b->stage.clock = &b->clock;
  b->stage.timer_ns = 10 * (uint64_t)TG_NS_PER_MS;
  int err = tg_clock_init(&b->clock, 5);
  cr_assert(err == 0 || err == -TG_EUNSUPPORTED);
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(layout(b, &count), 0);
  cr_assert_eq(tg_arena_map(&b->arena, count.used_bytes), 0);
  cr_assert_eq(layout(b, &b->arena), 0);
  cr_assert_eq(tg_stage_core_ops.init(&b->stage, NULL), 0);
  b->stage.timer_next_ns = UINT64_MAX; /* tests that want a timer set it */
  return b;
}

static inline void drop(bench_t *b) {
  tg_arena_unmap(&b->arena);
  free(b);
}

static inline void put(tg_spsc_t *ring, tg_msg_kind_t kind, uint8_t flags, uint64_t ts_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, kind >= TG_MD_TOP && kind <= TG_MD_KLINE ? 0 : TG_INSTR_NONE, ts_ns);
  msg.flags = flags;
  cr_assert_eq(tg_spsc_put(ring, &msg), 0);
}

/* Kinds of the inputs in the journal, in order. */
static inline size_t journal_inputs(bench_t *b, uint8_t *kind, size_t cap) {
  size_t cnt = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
    cr_assert_eq(msg.ring_lap, 0);
    if (msg.kind < 128 && cnt < cap) kind[cnt++] = msg.kind;
  }
  return cnt;
}

#endif

/* The core's stage: order of inputs, the journal as a copy of everything, whole events, backpressure. */
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

static int layout(bench_t *b, tg_arena_t *arena) {
  int err = tg_rings_layout(arena, &b->rings, &b->conf);
  return err ? err : tg_stage_core_ops.layout(&b->stage, arena);
}

static bench_t *make(int64_t journal_slots) {
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

static void drop(bench_t *b) {
  tg_arena_unmap(&b->arena);
  free(b);
}

static void put(tg_spsc_t *ring, tg_msg_kind_t kind, uint8_t flags, uint64_t ts_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, kind >= TG_MD_TOP && kind <= TG_MD_KLINE ? 0 : TG_INSTR_NONE, ts_ns);
  msg.flags = flags;
  cr_assert_eq(tg_spsc_put(ring, &msg), 0);
}

/* Kinds of the inputs in the journal, in order. */
static size_t journal_inputs(bench_t *b, uint8_t *kind, size_t cap) {
  size_t cnt = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
    cr_assert_eq(msg.ring_lap, 0);
    if (msg.kind < 128 && cnt < cap) kind[cnt++] = msg.kind;
  }
  return cnt;
}

Test(stage_core, takes_answers_before_cold_before_feed) {
  bench_t *b = make(4096);
  put(&b->rings.feed, TG_MD_TRADE, 0, 3);
  put(&b->rings.cold_in, TG_CLOCK, 0, 2);
  put(&b->rings.gw_out, TG_RATE, 0, 1);
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 10), 3);
  uint8_t kind[8];
  cr_assert_eq(journal_inputs(b, kind, 8), 3);
  cr_assert_eq(kind[0], TG_RATE);
  cr_assert_eq(kind[1], TG_CLOCK);
  cr_assert_eq(kind[2], TG_MD_TRADE);
  drop(b);
}

Test(stage_core, takes_an_event_of_several_lines_whole) {
  bench_t *b = make(4096);
  put(&b->rings.feed, TG_MD_DEPTH, 0, 1); /* its levels are still on their way */
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 10), 1);
  put(&b->rings.gw_out, TG_RATE, 0, 2);
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 20), 0, "nothing may come between the head and its levels");
  put(&b->rings.feed, TG_MD_LEVELS, 0, 1);
  put(&b->rings.feed, TG_MD_LEVELS, TG_F_ASK | TG_F_LAST, 1);
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 30), 3);
  uint8_t kind[8];
  cr_assert_eq(journal_inputs(b, kind, 8), 4);
  cr_assert_eq(kind[0], TG_MD_DEPTH);
  cr_assert_eq(kind[1], TG_MD_LEVELS);
  cr_assert_eq(kind[2], TG_MD_LEVELS);
  cr_assert_eq(kind[3], TG_RATE);
  drop(b);
}

Test(stage_core, makes_timers_with_their_own_time) {
  bench_t *b = make(4096);
  b->stage.timer_next_ns = 100;
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 99), 0);
  cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 100), 1);
  tg_msg_t msg;
  cr_assert_eq(tg_spsc_get(&b->rings.journal, &msg), 0);
  cr_assert_eq(msg.kind, TG_TIMER);
  cr_assert_eq(msg.ts_ns, 100);
  cr_assert_eq(msg.u.timer.timer_no, 1);
  cr_assert_eq(b->stage.timer_next_ns, 100 + b->stage.timer_ns);
  drop(b);
}

Test(stage_core, tells_the_core_when_the_journal_fills_and_stops_before_it_overflows) {
  bench_t *b = make(4096);
  /* nobody reads the journal: 80% is told, then intake stops with room to spare, and nothing is lost */
  uint64_t put_cnt = 0;
  for (int round = 0; round < 200; round++) {
    for (int i = 0; i < 64; i++) {
      put(&b->rings.feed, TG_MD_TRADE, 0, 1);
      put_cnt++;
    }
    (void)tg_stage_core_ops.turn(&b->stage, 10);
    if (b->stage.halted) break;
  }
  cr_assert(b->stage.halted);
  cr_assert_eq(b->stage.halt_cnt, 1);
  cr_assert_geq(b->stage.pressure_level[TG_RING_JOURNAL], 1);
  uint64_t inputs = 0, pressures = 0, trades = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
    inputs += msg.kind < 128;
    pressures += msg.kind == TG_PRESSURE;
    trades += msg.kind == TG_MD_TRADE;
  }
  cr_assert_geq(pressures, 1);
  cr_assert_eq(inputs, b->stage.input_cnt);
  /* the reader came back: the rest flows again */
  while (tg_stage_core_ops.turn(&b->stage, 20) > 0) {
    while (tg_spsc_get(&b->rings.journal, &msg) == 0) trades += msg.kind == TG_MD_TRADE;
  }
  cr_assert_eq(trades, put_cnt, "every input reached the journal once");
  drop(b);
}

/* faults.md rows 19 and 20 at the core's stage: nobody reads the journal any more, rings stand full. The core never waits,
 * never overwrites and never drops what it took; what it does instead is one policy a ring, counted (docs/ARCHITECTURE.md,
 * rings). */
#include <criterion/criterion.h>
#include <time.h>

#include "tests/unit/engine/run/core_bench.h"

static uint64_t cpu_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A cold lane that is gone: turns go on, each ends by itself, the journal keeps all that was taken. */
Test(fault_19, without_a_cold_lane_the_core_takes_what_fits_and_then_lets_the_rest_lie) {
  bench_t *b = make(4096);
  uint64_t put_cnt = 0, begun = cpu_ns();
  for (int round = 0; round < 300; round++) {
    for (int i = 0; i < 13 && tg_spsc_room(&b->rings.feed) > 1; i++, put_cnt++) put(&b->rings.feed, TG_MD_TRADE, 0, 1);
    b->stage.timer_next_ns = 0; /* timers are due all the time */
    (void)tg_stage_core_ops.turn(&b->stage, (uint64_t)round + 1);
  }
  cr_log_info("300 turns took %lu us of processor time", (unsigned long)((cpu_ns() - begun) / 1000));
  cr_assert(b->stage.halted && b->stage.halt_cnt == 1, "it stopped taking once, and counted it");
  cr_assert_eq(b->stage.pressure_level[TG_RING_JOURNAL], 2, "the core had been told before");
  uint64_t taken = b->stage.input_cnt, out = b->stage.output_cnt;
  for (int i = 0; i < 1000; i++) cr_assert_eq(tg_stage_core_ops.turn(&b->stage, 1000 + (uint64_t)i), 0, "no step without room");
  cr_assert_eq(b->stage.input_cnt, taken);
  uint64_t inputs = 0, outputs = 0, levels = 0, last_level = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
    inputs += msg.kind < 128;
    outputs += msg.kind >= 128;
    if (msg.kind != TG_PRESSURE || msg.u.pressure.ring != TG_RING_JOURNAL) continue;
    cr_assert_gt(msg.u.pressure.level, last_level, "it only rises");
    last_level = msg.u.pressure.level;
    levels++;
  }
  cr_assert(inputs == taken && outputs == out, "what was taken is in the journal, whole");
  cr_assert(levels >= 1 && last_level == 2, "a ring this small comes to the second at once");
  cr_assert_gt(tg_spsc_depth(&b->rings.feed), 0u, "the rest lies in its ring");
  drop(b);
}

Test(fault_19, when_the_lane_comes_back_everything_flows_in_order) {
  bench_t *b = make(4096);
  for (uint64_t i = 0; i < 4000; i++) put(&b->rings.feed, TG_MD_TRADE, 0, i + 1);
  for (int i = 0; i < 200; i++) (void)tg_stage_core_ops.turn(&b->stage, 5000);
  cr_assert(b->stage.halted);
  uint64_t next = 1;
  tg_msg_t msg;
  for (int round = 0; round < 2000 && next <= 4000; round++) {
    while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
      if (msg.kind == TG_MD_TRADE) cr_assert_eq(msg.ts_ns, next++);
    }
    (void)tg_stage_core_ops.turn(&b->stage, 6000);
  }
  cr_assert_eq(next, 4001u);
  cr_assert(!b->stage.halted);
  cr_assert_eq(b->stage.halt_cnt, 1u);
  drop(b);
}

/* The pressure of every ring reaches the core: 80% and back. */
Test(fault_20, a_full_ring_is_told_once_and_taken_back) {
  static const tg_ring_t ids[] = {TG_RING_FEED, TG_RING_GATEWAY_OUT, TG_RING_COLD_IN};
  for (unsigned k = 0; k < TG_ARRAY_CNT(ids); k++) {
    bench_t *b = make(65536);
    tg_spsc_t *ring = ids[k] == TG_RING_FEED      ? &b->rings.feed
                      : ids[k] == TG_RING_COLD_IN ? &b->rings.cold_in
                                                  : &b->rings.gw_out;
    tg_msg_kind_t kind = ids[k] == TG_RING_FEED ? TG_MD_TRADE : ids[k] == TG_RING_COLD_IN ? TG_CLOCK : TG_RATE;
    while (tg_spsc_room(ring) > 1) put(ring, kind, 0, 1);
    tg_msg_t extra;
    tg_msg_init(&extra, kind, TG_INSTR_NONE, 1);
    while (tg_spsc_put(ring, &extra) == 0) {
    }
    cr_assert_eq(tg_spsc_put(ring, &extra), -TG_EFULL, "full is refused, nothing is overwritten");
    b->stage.timer_next_ns = 0;
    for (int i = 0; i < 4000 && tg_spsc_depth(ring) > 0; i++) {
      b->stage.timer_next_ns = 0;
      (void)tg_stage_core_ops.turn(&b->stage, 10 + (uint64_t)i);
    }
    for (int i = 0; i < 20; i++) {
      b->stage.timer_next_ns = 0;
      (void)tg_stage_core_ops.turn(&b->stage, 5000 + (uint64_t)i);
    }
    unsigned up = 0, down = 0, seen = 0;
    tg_msg_t msg;
    while (tg_spsc_get(&b->rings.journal, &msg) == 0) {
      seen += msg.kind == kind;
      if (msg.kind != TG_PRESSURE || msg.u.pressure.ring != ids[k]) continue;
      up += msg.u.pressure.level > 0;
      down += msg.u.pressure.level == 0;
    }
    cr_assert_eq(seen, ring->slot_cnt, "nothing that was taken in is lost");
    cr_assert(up >= 1 && down == 1, "ring %u: told %u times, taken back %u times", ids[k], up, down);
    drop(b);
  }
}

/* The core's stage: order of inputs, the journal as a copy of everything, whole events, backpressure. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/engine/run/core_bench.h"

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

/* The memory of executions: each found once, the oldest forgotten, the index whole at every step. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/core/trades.h"

Test(trades, a_bounded_memory_that_finds_all_it_still_holds) {
  enum { CAP = 64 };
  tg_trades_t trades;
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_trades_layout(&count, &trades, CAP), 0);
  size_t bytes = (count.used_bytes + 4095) / 4096 * 4096;
  tg_arena_t arena = {.base = aligned_alloc(4096, bytes), .size_bytes = count.used_bytes};
  memset(arena.base, 0, bytes);
  cr_assert_eq(tg_trades_layout(&arena, &trades, CAP), 0);
  tg_rng_t rng;
  tg_rng_seed(&rng, 4);
  uint64_t id[5000];
  for (unsigned i = 0; i < 5000; i++) {
    id[i] = 1 + i * 1000 + tg_rng_next(&rng) % 1000;
    uint16_t instr = (uint16_t)(i % 3);
    cr_assert_null(tg_trades_find(&trades, instr, id[i]));
    tg_trade_t *trade = tg_trades_add(&trades, instr, id[i]);
    trade->qty_lots = (int64_t)i;
    for (unsigned back = 0; back < CAP && back <= i; back++) {
      const tg_trade_t *seen = tg_trades_find(&trades, (uint16_t)((i - back) % 3), id[i - back]);
      cr_assert_not_null(seen);
      cr_assert_eq(seen->qty_lots, (int64_t)(i - back));
      cr_assert_null(tg_trades_find(&trades, (uint16_t)((i - back + 1) % 3), id[i - back]), "another instrument's id");
    }
    if (i >= CAP) cr_assert_null(tg_trades_find(&trades, (uint16_t)((i - CAP) % 3), id[i - CAP]));
  }
  cr_assert_eq(trades.cnt, 5000u);
  cr_assert_eq(trades.forgotten_cnt, 5000u - CAP);
  free(arena.base);
}

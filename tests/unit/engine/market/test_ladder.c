#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/market/ladder.h"
#include "tests/unit/engine/market/util.h"

/* The slow reference: an unsorted array. */
typedef struct slow {
  int64_t px[5000], qty[5000];
  uint32_t cnt, cap;
} slow_t;

static uint32_t slow_set(slow_t *s, tg_side_t side, int64_t px, int64_t qty) {
  uint32_t at = 0;
  while (at < s->cnt && s->px[at] != px) at++;
  if (qty == 0) {
    if (at < s->cnt) {
      s->px[at] = s->px[--s->cnt];
      s->qty[at] = s->qty[s->cnt];
    }
    return 0;
  }
  if (at == s->cnt) s->cnt++;
  s->px[at] = px;
  s->qty[at] = qty;
  if (s->cnt <= s->cap) return 0;
  uint32_t far = 0;
  for (uint32_t i = 1; i < s->cnt; i++) {
    if (side == TG_BUY ? s->px[i] < s->px[far] : s->px[i] > s->px[far]) far = i;
  }
  s->px[far] = s->px[--s->cnt];
  s->qty[far] = s->qty[s->cnt];
  return 1;
}

static int by_px(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void same(const tg_ladder_t *ladder, const slow_t *s, tg_side_t side) {
  cr_assert(tg_ladder_check(ladder));
  cr_assert_eq(ladder->level_cnt, s->cnt);
  int64_t sorted[5000], px = 0, qty = 0;
  memcpy(sorted, s->px, s->cnt * sizeof sorted[0]);
  qsort(sorted, s->cnt, sizeof sorted[0], by_px);
  tg_ladder_cursor_t cursor;
  tg_ladder_first(ladder, &cursor);
  for (uint32_t i = 0; i < s->cnt; i++) {
    cr_assert(tg_ladder_next(ladder, &cursor, &px, &qty));
    cr_assert_eq(px, sorted[side == TG_BUY ? s->cnt - 1 - i : i]);
    if (i == 0) {
      int64_t best_px, best_qty;
      cr_assert(tg_ladder_best(ladder, &best_px, &best_qty));
      cr_assert(best_px == px && best_qty == qty);
    }
  }
  cr_assert_not(tg_ladder_next(ladder, &cursor, &px, &qty));
  for (uint32_t i = 0; i < s->cnt; i++) cr_assert_eq(tg_ladder_qty(ladder, s->px[i]), s->qty[i]);
}

static tg_ladder_t *open_ladder(tg_arena_t *arena, tg_side_t side, uint32_t cap) {
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_ladder_layout(&count, NULL, side, cap), 0);
  cr_assert_eq(tg_arena_map(arena, count.used_bytes), 0);
  tg_ladder_t *ladder = calloc(1, sizeof *ladder);
  cr_assert_eq(tg_ladder_layout(arena, ladder, side, cap), 0);
  return ladder;
}

/* 10^6 seeded operations over dense, sparse and drifting prices against the reference. */
static void fuzz(tg_side_t side, uint32_t cap, int64_t spread, uint64_t seed, uint32_t ops) {
  tg_arena_t arena;
  tg_ladder_t *ladder = open_ladder(&arena, side, cap);
  slow_t *s = calloc(1, sizeof *s);
  s->cap = cap;
  int64_t centre = 1000000;
  uint64_t dropped = 0;
  for (uint32_t i = 0; i < ops; i++) {
    uint64_t r = next_random(&seed);
    if (r % 64 == 0) centre += (int64_t)(r >> 32) % 17 - 8;
    int64_t px = centre + (int64_t)((r >> 8) % (uint64_t)spread) - spread / 2;
    if (r % 7 == 0) px = centre + (int64_t)((r >> 8) % 8) - 4;
    int64_t qty = (r >> 40) % 5 < 2 + (i / 5000) % 2 ? 0 : (int64_t)(r >> 44) + 1;
    uint32_t a = tg_ladder_set(ladder, px, qty);
    uint32_t b = slow_set(s, side, px, qty);
    cr_assert_eq(a, b);
    dropped += a;
    if (i % 499 == 0 || i + 1 == ops) same(ladder, s, side);
  }
  cr_assert_eq(ladder->cap_drop_cnt, dropped);
  free(ladder);
  free(s);
  tg_arena_unmap(&arena);
}

Test(ladder, dense_bids) {
  fuzz(TG_BUY, 4096, 300, 1, 200000);
}
Test(ladder, dense_asks) {
  fuzz(TG_SELL, 4096, 300, 2, 200000);
}
Test(ladder, sparse) {
  fuzz(TG_SELL, 4096, 100000, 3, 60000);
}
Test(ladder, at_the_cap) {
  fuzz(TG_BUY, 64, 1000, 4, 200000);
  fuzz(TG_SELL, 100, 5000, 5, 200000);
}

Test(ladder, bounds_of_the_cap) {
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_ladder_layout(&count, NULL, TG_BUY, 63), -TG_EINVAL);
  cr_assert_eq(tg_ladder_layout(&count, NULL, TG_BUY, 262145), -TG_EINVAL);
  cr_assert_eq(tg_ladder_layout(&count, NULL, TG_BUY, 262144), 0);
}

/* The worst fill that insertions and removals can leave: blocks must not run out at the cap. */
Test(ladder, blocks_never_run_out) {
  for (uint32_t pattern = 0; pattern < 4; pattern++) {
    tg_arena_t arena;
    uint32_t cap = 1000;
    tg_ladder_t *ladder = open_ladder(&arena, TG_BUY, cap);
    uint64_t seed = pattern;
    for (uint32_t round = 0; round < 40; round++) {
      for (int64_t i = 0; i < 3000; i++) {
        int64_t px = pattern == 0 ? 100000 + i : pattern == 1 ? 100000 - i : 50000 + (int64_t)(next_random(&seed) % 100000);
        tg_ladder_set(ladder, px, 1 + i);
      }
      cr_assert_eq(ladder->level_cnt, cap);
      cr_assert(tg_ladder_check(ladder));
      tg_ladder_cursor_t cursor;
      int64_t px, qty, thin[1000];
      uint32_t cnt = 0, k = 0;
      tg_ladder_first(ladder, &cursor);
      while (tg_ladder_next(ladder, &cursor, &px, &qty)) {
        if (k++ % 32 != round % 32) thin[cnt++] = px;
      }
      for (uint32_t i = 0; i < cnt; i++) tg_ladder_set(ladder, thin[i], 0);
      cr_assert(tg_ladder_check(ladder));
    }
    free(ladder);
    tg_arena_unmap(&arena);
  }
}

Test(ladder, empty_and_clear) {
  tg_arena_t arena;
  tg_ladder_t *ladder = open_ladder(&arena, TG_SELL, 64);
  int64_t px = 7, qty = 8;
  tg_ladder_cursor_t cursor;
  cr_assert_not(tg_ladder_best(ladder, &px, &qty));
  tg_ladder_first(ladder, &cursor);
  cr_assert_not(tg_ladder_next(ladder, &cursor, &px, &qty));
  cr_assert(px == 7 && qty == 8);
  cr_assert_eq(tg_ladder_set(ladder, 5, 0), 0);
  cr_assert_eq(ladder->unknown_removed_cnt, 1);
  tg_ladder_set(ladder, 5, 2);
  tg_ladder_set(ladder, 5, 3);
  cr_assert_eq(tg_ladder_qty(ladder, 5), 3);
  cr_assert_eq(tg_ladder_qty(ladder, 6), 0);
  tg_ladder_set(ladder, 5, 0);
  cr_assert_eq(ladder->level_cnt, 0);
  cr_assert_not(tg_ladder_best(ladder, &px, &qty));
  tg_ladder_set(ladder, 5, 2);
  tg_ladder_clear(ladder);
  cr_assert(tg_ladder_check(ladder));
  cr_assert_eq(tg_ladder_qty(ladder, 5), 0);
  free(ladder);
  tg_arena_unmap(&arena);
}

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/base/rng.h"

typedef struct thing {
  uint64_t *words;
  char *text;
  double *aligned;
} thing_t;

static int thing_layout(tg_arena_t *arena, thing_t *thing, uint64_t seed) {
  tg_rng_t rng;
  tg_rng_seed(&rng, seed);
  for (int i = 0; i < 50; i++) {
    thing->words = TG_ARENA_NEW(arena, uint64_t, tg_rng_below(&rng, 300));
    thing->text = tg_arena_alloc(arena, (size_t)tg_rng_below(&rng, 100), 1);
    thing->aligned = tg_arena_alloc(arena, sizeof(double), (size_t)1 << tg_rng_below(&rng, 13));
  }
  return arena->err;
}

Test(arena, counting_and_carving_use_the_same_bytes) {
  for (uint64_t seed = 0; seed < 40; seed++) {
    tg_arena_t count, real;
    thing_t thing = {0};
    tg_arena_count(&count);
    cr_assert(tg_arena_counting(&count));
    cr_assert_eq(thing_layout(&count, &thing, seed), 0);
    cr_assert_null(thing.words);
    cr_assert_eq(tg_arena_seal(&count), 0);

    cr_assert_eq(tg_arena_map(&real, count.used_bytes), 0);
    cr_assert_not(tg_arena_counting(&real));
    cr_assert_eq(thing_layout(&real, &thing, seed), 0);
    cr_assert_eq(real.used_bytes, count.used_bytes);
    cr_assert_geq(real.size_bytes, count.used_bytes);
    cr_assert_eq((uintptr_t)thing.words % 64, 0);
    cr_assert_eq(tg_arena_seal(&real), 0);
    tg_arena_unmap(&real);
    cr_assert_null(real.base);
  }
}

Test(arena, memory_is_zero_aligned_and_writable_to_its_end) {
  tg_arena_t arena;
  cr_assert_eq(tg_arena_map(&arena, 3 << 20), 0);
  cr_assert_eq(arena.size_bytes, (size_t)4 << 20, "rounded up to 2 MB");
  for (size_t align = 1; align <= 4096; align *= 2) {
    uint8_t *at = tg_arena_alloc(&arena, 1000, align);
    cr_assert_not_null(at);
    cr_assert_eq((uintptr_t)at % align, 0);
    for (int i = 0; i < 1000; i++) cr_assert_eq(at[i], 0);
    memset(at, 0xa5, 1000);
  }
  size_t rest = arena.size_bytes - arena.used_bytes;
  uint8_t *last = tg_arena_alloc(&arena, rest, 1);
  cr_assert_not_null(last);
  memset(last, 1, rest);
  cr_assert_null(tg_arena_alloc(&arena, 1, 1));
  cr_assert_eq(arena.err, -TG_ENOMEM);
  tg_arena_unmap(&arena);
}

Test(arena, says_what_was_granted) {
  tg_arena_t arena;
  cr_assert_eq(tg_arena_map(&arena, 8 << 20), 0);
  cr_assert(!(arena.huge && arena.thp_asked), "one or the other");
  cr_assert_leq(arena.thp_bytes, arena.size_bytes);
  if (arena.thp_bytes) cr_assert(arena.thp_asked);
  cr_assert_eq((uintptr_t)arena.base % (2u << 20), 0);
  tg_arena_unmap(&arena);
}

Test(arena, refusals_keep_the_first_error) {
  tg_arena_t arena;
  cr_assert_eq(tg_arena_map(&arena, 0), -TG_EINVAL);
  cr_assert_eq(tg_arena_map(&arena, SIZE_MAX), -TG_EINVAL);
  cr_assert_eq(tg_arena_map(&arena, 1), 0);
  cr_assert_null(tg_arena_alloc(&arena, 1, 3));
  cr_assert_eq(arena.err, -TG_EINVAL);
  cr_assert_null(tg_arena_alloc(&arena, SIZE_MAX, 1));
  cr_assert_eq(arena.err, -TG_EINVAL, "the first one stays");
  cr_assert_null(TG_ARENA_NEW(&arena, uint64_t, SIZE_MAX / 4));
  cr_assert_eq(tg_arena_seal(&arena), -TG_EINVAL);
  tg_arena_unmap(&arena);

  cr_assert_eq(tg_arena_map(&arena, 1), 0);
  cr_assert_eq(tg_arena_seal(&arena), 0);
  cr_assert_null(tg_arena_alloc(&arena, 1, 1));
  cr_assert_eq(arena.err, -TG_ESEALED);
  tg_arena_unmap(&arena);
  tg_arena_unmap(&arena); /* twice does no harm */
}

Test(arena, counting_refuses_overflow) {
  tg_arena_t arena;
  tg_arena_count(&arena);
  (void)tg_arena_alloc(&arena, SIZE_MAX - 4096, 1);
  cr_assert_eq(arena.err, 0);
  (void)tg_arena_alloc(&arena, 8192, 64);
  cr_assert_eq(arena.err, -TG_ENOMEM);
}

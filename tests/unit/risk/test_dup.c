/* Duplicate window and client ids. */
#include <criterion/criterion.h>

#include "tests/unit/risk/fixture.h"

#define WINDOW (50 * (uint64_t)TG_NS_PER_MS)
#define ID(n) ((UINT64_C(3) << 60) | (UINT64_C(9) << 40) | (uint64_t)(n))

static bool hit(const tg_dup_t *dup, uint64_t id, uint64_t key, uint64_t now) {
  return tg_dup_hit(dup, id, key, now) >> 63;
}

Test(dup, same_shape_within_the_window) {
  static tg_dup_t dup;
  tg_dup_init(&dup, WINDOW);
  uint64_t key = tg_dup_key(1, TG_BUY, 620000, 10);
  cr_assert(!hit(&dup, ID(1), key, NOW_NS));
  tg_dup_on_send(&dup, ID(1), key, NOW_NS);
  cr_assert(hit(&dup, ID(2), key, NOW_NS));
  cr_assert(hit(&dup, ID(2), key, NOW_NS + WINDOW - 1));
  cr_assert(!hit(&dup, ID(2), key, NOW_NS + WINDOW));
  cr_assert(!hit(&dup, ID(2), tg_dup_key(1, TG_SELL, 620000, 10), NOW_NS));
  cr_assert(!hit(&dup, ID(2), tg_dup_key(1, TG_BUY, 620001, 10), NOW_NS));
  cr_assert(!hit(&dup, ID(2), tg_dup_key(1, TG_BUY, 620000, 11), NOW_NS));
  cr_assert(!hit(&dup, ID(2), tg_dup_key(2, TG_BUY, 620000, 10), NOW_NS));
}

Test(dup, ids_only_grow) {
  static tg_dup_t dup;
  tg_dup_init(&dup, 0);
  uint64_t key = tg_dup_key(1, TG_BUY, 620000, 10);
  cr_assert(hit(&dup, 0, key, NOW_NS), "no id");
  tg_dup_on_send(&dup, ID(7), key, NOW_NS);
  cr_assert(hit(&dup, ID(7), key, NOW_NS));
  cr_assert(hit(&dup, ID(6), key, NOW_NS));
  cr_assert(!hit(&dup, ID(8), key, NOW_NS), "a window of 0 looks at ids only");
  cr_assert(!hit(&dup, ID(7) + (UINT64_C(1) << 40), key, NOW_NS), "another run");
  tg_dup_on_send(&dup, ID(3) + (UINT64_C(1) << 40), key, NOW_NS);
  cr_assert(hit(&dup, ID(3) + (UINT64_C(1) << 40), key, NOW_NS));
  tg_dup_on_send(&dup, ID(UINT32_MAX), key, NOW_NS);
  cr_assert(hit(&dup, ID(UINT32_MAX), key, NOW_NS));
  cr_assert(hit(&dup, ID(1), key, NOW_NS));
}

/* Against a plain list; when a set overflows, everything is held, never let through. */
Test(dup, random_against_the_list) {
  typedef struct sent {
    uint64_t key, ns;
  } sent_t;
  static sent_t list[40000];
  uint64_t blinded = 0;
  for (uint64_t round = 1; round <= 6; round++) {
    static tg_dup_t dup;
    uint64_t seed = round, now = NOW_NS, id = 1;
    int64_t gap = round == 6 ? 20000 : 2000000; /* the last round sends far too much */
    size_t cnt = 0;
    tg_dup_init(&dup, WINDOW);
    for (int i = 0; i < 20000; i++) {
      now += (uint64_t)random_below(&seed, gap);
      uint64_t key =
          tg_dup_key(0, (uint32_t)random_below(&seed, 2), 620000 + random_below(&seed, round == 6 ? 100000 : 40), 10);
      bool expected = false;
      for (size_t k = cnt; k-- > 0 && list[k].ns + WINDOW > now;) expected |= list[k].key == key;
      bool got = hit(&dup, ID(id), key, now);
      if (now < dup.blind_until_ns) {
        cr_assert(got);
        blinded++;
      } else {
        cr_assert_eq(got, expected);
      }
      if (!got || random_below(&seed, 10) == 0) {
        tg_dup_on_send(&dup, ID(id++), key, now);
        list[cnt++] = (sent_t){key, now};
      }
    }
    if (round < 6) cr_assert_eq(dup.evicted_live_cnt, 0);
  }
  cr_assert_gt(blinded, 0);
}

Test(dup, keys_of_a_grid_differ_and_spread) {
  static uint64_t keys[4096];
  static uint32_t in_set[TG_DUP_SETS];
  size_t cnt = 0;
  for (int64_t px = 0; px < 256; px++) {
    for (int64_t qty = 1; qty <= 8; qty++) {
      for (uint32_t side = 0; side < 2; side++) keys[cnt++] = tg_dup_key(0, side, 620000 + px, qty);
    }
  }
  uint32_t fullest = 0;
  for (size_t i = 0; i < cnt; i++) {
    cr_assert_neq(keys[i], 0);
    uint32_t in = ++in_set[tg_dup_set_idx(keys[i])];
    fullest = in > fullest ? in : fullest;
    for (size_t k = 0; k < i; k++) cr_assert_neq(keys[i], keys[k]);
  }
  cr_assert_lt(fullest, 3 * cnt / TG_DUP_SETS);
}

Test(dup, a_longer_window_is_for_what_follows) {
  static tg_dup_t dup;
  tg_dup_init(&dup, WINDOW);
  uint64_t key = tg_dup_key(0, 0, 1, 1);
  tg_dup_on_send(&dup, ID(1), key, NOW_NS);
  tg_dup_window_set(&dup, UINT64_MAX);
  cr_assert(!hit(&dup, ID(2), key, NOW_NS + WINDOW));
  tg_dup_on_send(&dup, ID(2), key, NOW_NS + WINDOW);
  cr_assert(hit(&dup, ID(3), key, NOW_NS + 1000000 * WINDOW));
}

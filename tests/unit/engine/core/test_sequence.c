#include <criterion/criterion.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/core/sequence.h"

static const tg_money_t money = {.tick_lot_e8 = 10000, .tick_e8 = 10000000, .lot_num = 1, .lot_den = 1000};

static tg_sequence_fill_t random_fill(tg_rng_t *rng, uint64_t id) {
  return (tg_sequence_fill_t){.trade_id = id,
                              .px_ticks = 600000 + (int64_t)tg_rng_below(rng, 2000),
                              .qty_lots = 1 + (int64_t)tg_rng_below(rng, 9),
                              .side = (uint8_t)(tg_rng_below(rng, 2) ? TG_BUY : TG_SELL)};
}

static void same(const tg_position_t *a, const tg_position_t *b, const char *what, uint64_t seed) {
  cr_assert_eq(a->qty_lots, b->qty_lots, "%s, seed %lu: quantity", what, (unsigned long)seed);
  cr_assert_eq(a->cost_e8, b->cost_e8, "%s, seed %lu: cost", what, (unsigned long)seed);
  cr_assert_eq(a->realised_e8, b->realised_e8, "%s, seed %lu: realised", what, (unsigned long)seed);
  cr_assert_eq(a->bought_lots, b->bought_lots);
  cr_assert_eq(a->sold_lots, b->sold_lots);
  cr_assert_eq(a->fill_cnt, b->fill_cnt);
}

/* Whatever the order of telling, position and P&L (and each fill's own) are those of the venue's order. */
Test(sequence, any_order_of_telling_ends_in_the_venues_books) {
  enum { FILLS = 60 };
  static tg_sequence_t seq;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    tg_rng_t rng;
    tg_rng_seed(&rng, seed);
    tg_sequence_fill_t fill[FILLS];
    tg_position_t plain = {0}, pos = {0};
    int64_t own[FILLS];
    for (unsigned i = 0; i < FILLS; i++) {
      tg_position_move_t move;
      fill[i] = random_fill(&rng, 1000 + 3 * i);
      cr_assert_eq(tg_position_fill(&plain, &money, (tg_side_t)fill[i].side, fill[i].px_ticks, fill[i].qty_lots, &move), 0);
      own[i] = move.realised_e8;
    }
    unsigned order[FILLS];
    for (unsigned i = 0; i < FILLS; i++) order[i] = i;
    for (unsigned i = 0; i < FILLS; i++) { /* neighbours within ten places change */
      unsigned j = i + (unsigned)tg_rng_below(&rng, 10), keep = order[i];
      if (j >= FILLS) continue;
      order[i] = order[j];
      order[j] = keep;
    }
    tg_sequence_reset(&seq);
    for (unsigned i = 0; i < FILLS; i++) {
      tg_sequence_out_t out;
      cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &fill[order[i]], &out), 0);
      cr_assert(!out.barrier);
    }
    same(&pos, &plain, "reordered", seed);
    for (unsigned i = 0; i < FILLS; i++) cr_assert_eq(tg_sequence_newest(&seq, FILLS - 1 - i)->realised_e8, own[i]);
  }
}

Test(sequence, a_fill_that_is_older_than_what_is_kept_is_booked_at_the_end) {
  static tg_sequence_t seq;
  tg_sequence_reset(&seq);
  tg_rng_t rng;
  tg_rng_seed(&rng, 7);
  tg_position_t pos = {0}, plain = {0};
  tg_sequence_out_t out;
  tg_position_move_t move;
  for (unsigned i = 0; i <= TG_SEQUENCE_FILLS; i++) {
    tg_sequence_fill_t fill = random_fill(&rng, 100 + i);
    cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &fill, &out), 0);
    cr_assert_eq(tg_position_fill(&plain, &money, (tg_side_t)fill.side, fill.px_ticks, fill.qty_lots, &move), 0);
  }
  tg_sequence_fill_t late = random_fill(&rng, 1), later = random_fill(&rng, 50);
  cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &late, &out), 0);
  cr_assert(out.barrier);
  cr_assert_eq(tg_position_fill(&plain, &money, (tg_side_t)late.side, late.px_ticks, late.qty_lots, &move), 0);
  same(&pos, &plain, "barrier", 7);
  cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &later, &out), 0);
  cr_assert(!out.barrier, "behind the barrier the order rises again");
}

Test(sequence, an_error_changes_nothing) {
  static tg_sequence_t seq, was;
  tg_sequence_reset(&seq);
  tg_position_t pos = {0};
  tg_sequence_out_t out;
  tg_sequence_fill_t fill = {.trade_id = 10, .px_ticks = 600000, .qty_lots = 5, .side = TG_BUY};
  cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &fill, &out), 0);
  was = seq;
  tg_position_t pos_was = pos;
  fill = (tg_sequence_fill_t){.trade_id = 5, .px_ticks = INT64_MAX / 2, .qty_lots = 1000, .side = TG_BUY};
  cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &fill, &out), -TG_ERANGE);
  fill.qty_lots = 0;
  cr_assert_eq(tg_sequence_book(&seq, &pos, &money, &fill, &out), -TG_EINVAL);
  cr_assert(memcmp(&seq, &was, sizeof seq) == 0 && memcmp(&pos, &pos_was, sizeof pos) == 0);
}

/* ladder.h - one side of a price-level book: a bounded sorted set of (price, quantity).
 * What:    a two-level sorted array (a B+ tree of height two): blocks of at most 64 levels, and an index of
 *          the blocks' lowest keys. A key is the price for bids and minus the price for asks, so that on both
 *          sides a better price is a larger key and the touch is the LAST entry of the LAST block. A change
 *          moves at most one block (1 KB), wherever it lies; a level far away moves nothing near the touch.
 *          Why not a window of ticks: spot has 3,000 levels over 14 million ticks (docs/book.md, measured).
 * Owner:   the caller's arena, carved once by tg_ladder_layout; nothing is allocated afterwards.
 * Threads: one lane.
 * Limit:   level_cap levels; beyond it the farthest level goes and is counted. Blocks cannot run out: two
 *          neighbours always hold more than half a block together (asserted).
 * Errors:  none after layout. */
#ifndef TG_MARKET_LADDER_H
#define TG_MARKET_LADDER_H

#include "engine/base/arena.h"
#include "engine/base/types.h"

#define TG_LADDER_BLOCK_LEVELS 64u

typedef struct tg_ladder_block {
  int64_t key[TG_LADDER_BLOCK_LEVELS]; /* ascending */
  int64_t qty_lots[TG_LADDER_BLOCK_LEVELS];
} TG_ALIGNED(TG_CACHE_LINE) tg_ladder_block_t;

typedef struct tg_ladder {
  /* constant after layout */
  tg_ladder_block_t *block;
  int64_t *low_key;    /* per position in book order: lowest key of the block there */
  uint16_t *block_idx; /* per position: which block */
  uint16_t *block_cnt; /* per block: its levels */
  uint16_t *free_idx;  /* stack of unused blocks */
  uint32_t level_cap;
  uint32_t block_cap;
  int64_t sign; /* +1 bids, -1 asks */
  /* changing */
  uint32_t position_cnt; /* blocks in use; the touch lies in the last */
  uint32_t free_cnt;
  uint32_t level_cnt;
  uint32_t hint; /* position of the last change: the levels of an event come sorted */
  uint64_t cap_drop_cnt;
  uint64_t unknown_removed_cnt; /* removals of levels that were not there: normal */
} tg_ladder_t;

/* Where an iteration stands; start with tg_ladder_first. */
typedef struct tg_ladder_cursor {
  uint32_t position; /* one past the block being read */
  uint32_t left;     /* levels of it still to come */
} tg_ladder_cursor_t;

/* Counts or carves. side TG_BUY = bids, TG_SELL = asks. level_cap 64 .. 262144. 0, -TG_EINVAL, -TG_ENOMEM. */
TG_MUST_USE int tg_ladder_layout(tg_arena_t *arena, tg_ladder_t *ladder, tg_side_t side, uint32_t level_cap);

/* Forgets all levels; keeps the counters. */
void tg_ladder_clear(tg_ladder_t *ladder);

/* Sets the level at px_ticks (|px| < 2^62) to qty_lots (>= 0; 0 removes, an unknown price is fine).
 * Returns how many levels were dropped because of the cap: 0 or 1 (the farthest, perhaps the new one). */
uint32_t tg_ladder_set(tg_ladder_t *ladder, int64_t px_ticks, int64_t qty_lots);

/* Quantity at a price, 0 when there is no such level. */
int64_t tg_ladder_qty(const tg_ladder_t *ladder, int64_t px_ticks);

/* Best level. False (outputs untouched) when the side is empty. */
static inline bool tg_ladder_best(const tg_ladder_t *ladder, int64_t *px_ticks, int64_t *qty_lots) {
  if (TG_UNLIKELY(ladder->position_cnt == 0)) return false;
  uint32_t idx = ladder->block_idx[ladder->position_cnt - 1];
  uint32_t last = ladder->block_cnt[idx] - 1u;
  *px_ticks = ladder->sign * ladder->block[idx].key[last];
  *qty_lots = ladder->block[idx].qty_lots[last];
  return true;
}

/* Iteration, best first; the ladder must not change meanwhile. */
static inline void tg_ladder_first(const tg_ladder_t *ladder, tg_ladder_cursor_t *cursor) {
  cursor->position = ladder->position_cnt;
  cursor->left = ladder->position_cnt == 0 ? 0 : ladder->block_cnt[ladder->block_idx[ladder->position_cnt - 1]];
}
/* Next level away from the touch; false at the end. */
static inline bool tg_ladder_next(const tg_ladder_t *ladder, tg_ladder_cursor_t *cursor, int64_t *px_ticks, int64_t *qty_lots) {
  if (cursor->position == 0) return false;
  const tg_ladder_block_t *block = &ladder->block[ladder->block_idx[cursor->position - 1]];
  cursor->left--;
  *px_ticks = ladder->sign * block->key[cursor->left];
  *qty_lots = block->qty_lots[cursor->left];
  if (cursor->left == 0 && --cursor->position != 0) {
    cursor->left = ladder->block_cnt[ladder->block_idx[cursor->position - 1]];
  }
  return true;
}

/* True when order, counts and block invariants hold; for tests and TG_ASSERT in cold places: O(levels). */
bool tg_ladder_check(const tg_ladder_t *ladder);

#endif

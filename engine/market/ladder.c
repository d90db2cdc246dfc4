#include "engine/market/ladder.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/err.h"

#define CAP TG_LADDER_BLOCK_LEVELS
#define MERGE_CNT (CAP / 2u) /* neighbours with this many levels or fewer together become one */

int tg_ladder_layout(tg_arena_t *arena, tg_ladder_t *ladder, tg_side_t side, uint32_t level_cap) {
  if (level_cap < 64 || level_cap > 262144) return -TG_EINVAL;
  /* two neighbours hold more than MERGE_CNT, so n blocks hold more than (n/2) * MERGE_CNT levels; one more for
   * the level that is in before the farthest goes, one for a split under way */
  uint32_t block_cap = 2u * (level_cap + 1u) / MERGE_CNT + 3u;
  tg_ladder_block_t *block = TG_ARENA_NEW(arena, tg_ladder_block_t, block_cap);
  int64_t *low_key = TG_ARENA_NEW(arena, int64_t, block_cap);
  uint16_t *block_idx = TG_ARENA_NEW(arena, uint16_t, block_cap);
  uint16_t *block_cnt = TG_ARENA_NEW(arena, uint16_t, block_cap);
  uint16_t *free_idx = TG_ARENA_NEW(arena, uint16_t, block_cap);
  if (arena->err != 0) return arena->err;
  if (tg_arena_counting(arena)) return 0;
  memset(ladder, 0, sizeof *ladder);
  ladder->block = block;
  ladder->low_key = low_key;
  ladder->block_idx = block_idx;
  ladder->block_cnt = block_cnt;
  ladder->free_idx = free_idx;
  ladder->level_cap = level_cap;
  ladder->block_cap = block_cap;
  ladder->sign = side == TG_BUY ? 1 : -1;
  tg_ladder_clear(ladder);
  return 0;
}

void tg_ladder_clear(tg_ladder_t *ladder) {
  ladder->position_cnt = 0;
  ladder->level_cnt = 0;
  ladder->hint = 0;
  ladder->free_cnt = ladder->block_cap;
  for (uint32_t i = 0; i < ladder->block_cap; i++) ladder->free_idx[i] = (uint16_t)(ladder->block_cap - 1u - i);
}

/* Position of the block that holds `key` or into which it belongs; position_cnt must not be 0. Levels of an
 * event come sorted, so the block of the last change or its neighbour is often right. */
static uint32_t find_position(const tg_ladder_t *ladder, int64_t key) {
  const int64_t *low = ladder->low_key;
  uint32_t cnt = ladder->position_cnt;
  uint32_t hint = ladder->hint;
  if (hint < cnt && low[hint] <= key) {
    if (hint + 1u == cnt || key < low[hint + 1u]) return hint;
    if (hint + 2u == cnt || (hint + 2u < cnt && key < low[hint + 2u])) return hint + 1u;
  }
  uint32_t base = 0; /* low[base] <= key, or base == 0: what is below all goes into the first block */
  while (cnt > 1) {
    uint32_t half = cnt / 2u;
    base = low[base + half] <= key ? base + half : base; /* a conditional move, no branch to miss */
    cnt -= half;
  }
  return base;
}

/* Index of the first entry >= key in cnt (1 .. 64) ascending keys; cnt when there is none. */
static uint32_t lower_bound(const int64_t *keys, uint32_t cnt, int64_t key) {
  uint32_t base = 0;
  while (cnt > 1) {
    uint32_t half = cnt / 2u;
    base = keys[base + half - 1u] < key ? base + half : base;
    cnt -= half;
  }
  return base + (keys[base] < key ? 1u : 0u);
}

static void insert_position(tg_ladder_t *ladder, uint32_t position, uint16_t idx, int64_t low_key) {
  uint32_t tail = ladder->position_cnt - position;
  memmove(&ladder->low_key[position + 1u], &ladder->low_key[position], tail * sizeof ladder->low_key[0]);
  memmove(&ladder->block_idx[position + 1u], &ladder->block_idx[position], tail * sizeof ladder->block_idx[0]);
  ladder->low_key[position] = low_key;
  ladder->block_idx[position] = idx;
  ladder->position_cnt++;
}

static void remove_position(tg_ladder_t *ladder, uint32_t position) {
  uint32_t tail = ladder->position_cnt - position - 1u;
  ladder->free_idx[ladder->free_cnt++] = ladder->block_idx[position];
  memmove(&ladder->low_key[position], &ladder->low_key[position + 1u], tail * sizeof ladder->low_key[0]);
  memmove(&ladder->block_idx[position], &ladder->block_idx[position + 1u], tail * sizeof ladder->block_idx[0]);
  ladder->position_cnt--;
}

static uint16_t take_block(tg_ladder_t *ladder) {
  TG_ASSERT(ladder->free_cnt > 0);
  return ladder->free_idx[--ladder->free_cnt];
}

/* Halves the full block at `position`; the upper half becomes position + 1. */
static void split_block(tg_ladder_t *ladder, uint32_t position) {
  uint16_t idx = ladder->block_idx[position];
  uint16_t upper_idx = take_block(ladder);
  tg_ladder_block_t *block = &ladder->block[idx];
  tg_ladder_block_t *upper = &ladder->block[upper_idx];
  memcpy(upper->key, &block->key[CAP / 2u], sizeof block->key / 2u);
  memcpy(upper->qty_lots, &block->qty_lots[CAP / 2u], sizeof block->qty_lots / 2u);
  ladder->block_cnt[idx] = CAP / 2u;
  ladder->block_cnt[upper_idx] = CAP / 2u;
  insert_position(ladder, position + 1u, upper_idx, upper->key[0]);
}

/* Appends the block after `position` to the one there when both fit in half a block. */
static void merge_after(tg_ladder_t *ladder, uint32_t position) {
  uint16_t idx = ladder->block_idx[position];
  uint16_t upper_idx = ladder->block_idx[position + 1u];
  uint32_t cnt = ladder->block_cnt[idx];
  uint32_t upper_cnt = ladder->block_cnt[upper_idx];
  if (cnt + upper_cnt > MERGE_CNT) return;
  tg_ladder_block_t *block = &ladder->block[idx];
  const tg_ladder_block_t *upper = &ladder->block[upper_idx];
  memcpy(&block->key[cnt], upper->key, upper_cnt * sizeof upper->key[0]);
  memcpy(&block->qty_lots[cnt], upper->qty_lots, upper_cnt * sizeof upper->qty_lots[0]);
  ladder->block_cnt[idx] = (uint16_t)(cnt + upper_cnt);
  remove_position(ladder, position + 1u);
}

static void remove_entry(tg_ladder_t *ladder, uint32_t position, uint32_t at) {
  uint16_t idx = ladder->block_idx[position];
  tg_ladder_block_t *block = &ladder->block[idx];
  uint32_t tail = ladder->block_cnt[idx] - at - 1u;
  memmove(&block->key[at], &block->key[at + 1u], tail * sizeof block->key[0]);
  memmove(&block->qty_lots[at], &block->qty_lots[at + 1u], tail * sizeof block->qty_lots[0]);
  ladder->level_cnt--;
  if (--ladder->block_cnt[idx] == 0) {
    remove_position(ladder, position);
    return;
  }
  ladder->low_key[position] = block->key[0];
  if (position + 1u < ladder->position_cnt) merge_after(ladder, position);
  if (position > 0) merge_after(ladder, position - 1u);
}

static void insert_entry(tg_ladder_t *ladder, uint32_t position, uint32_t at, int64_t key, int64_t qty_lots) {
  if (ladder->block_cnt[ladder->block_idx[position]] == CAP) {
    split_block(ladder, position);
    if (at > CAP / 2u) {
      position++;
      at -= CAP / 2u;
    }
  }
  uint16_t idx = ladder->block_idx[position];
  tg_ladder_block_t *block = &ladder->block[idx];
  uint32_t tail = ladder->block_cnt[idx] - at;
  memmove(&block->key[at + 1u], &block->key[at], tail * sizeof block->key[0]);
  memmove(&block->qty_lots[at + 1u], &block->qty_lots[at], tail * sizeof block->qty_lots[0]);
  block->key[at] = key;
  block->qty_lots[at] = qty_lots;
  ladder->block_cnt[idx]++;
  ladder->level_cnt++;
  ladder->low_key[position] = block->key[0];
  ladder->hint = position;
}

/* The side was empty. */
static void insert_first(tg_ladder_t *ladder, int64_t key, int64_t qty_lots) {
  uint16_t idx = take_block(ladder);
  ladder->block[idx].key[0] = key;
  ladder->block[idx].qty_lots[0] = qty_lots;
  ladder->block_cnt[idx] = 1;
  insert_position(ladder, 0, idx, key);
  ladder->level_cnt = 1;
}

uint32_t tg_ladder_set(tg_ladder_t *ladder, int64_t px_ticks, int64_t qty_lots) {
  int64_t key = ladder->sign * px_ticks;
  if (TG_UNLIKELY(ladder->position_cnt == 0)) {
    if (qty_lots == 0) {
      ladder->unknown_removed_cnt++;
    } else {
      insert_first(ladder, key, qty_lots);
    }
    return 0;
  }
  uint32_t position = find_position(ladder, key);
  uint16_t idx = ladder->block_idx[position];
  tg_ladder_block_t *block = &ladder->block[idx];
  uint32_t at = lower_bound(block->key, ladder->block_cnt[idx], key);
  bool there = at < ladder->block_cnt[idx] && block->key[at] == key;
  ladder->hint = position;
  if (qty_lots == 0) {
    if (there) {
      remove_entry(ladder, position, at);
    } else {
      ladder->unknown_removed_cnt++;
    }
    return 0;
  }
  if (there) {
    block->qty_lots[at] = qty_lots;
    return 0;
  }
  if (TG_UNLIKELY(ladder->level_cnt == ladder->level_cap)) {
    ladder->cap_drop_cnt++;
    if (position == 0 && at == 0) return 1; /* the new one is the farthest */
    insert_entry(ladder, position, at, key, qty_lots);
    remove_entry(ladder, 0, 0);
    return 1;
  }
  insert_entry(ladder, position, at, key, qty_lots);
  return 0;
}

int64_t tg_ladder_qty(const tg_ladder_t *ladder, int64_t px_ticks) {
  if (ladder->position_cnt == 0) return 0;
  int64_t key = ladder->sign * px_ticks;
  uint16_t idx = ladder->block_idx[find_position(ladder, key)];
  const tg_ladder_block_t *block = &ladder->block[idx];
  uint32_t at = lower_bound(block->key, ladder->block_cnt[idx], key);
  return at < ladder->block_cnt[idx] && block->key[at] == key ? block->qty_lots[at] : 0;
}

bool tg_ladder_check(const tg_ladder_t *ladder) {
  uint64_t level_cnt = 0;
  const int64_t *before = NULL;
  for (uint32_t position = 0; position < ladder->position_cnt; position++) {
    uint16_t idx = ladder->block_idx[position];
    uint32_t cnt = ladder->block_cnt[idx];
    const tg_ladder_block_t *block = &ladder->block[idx];
    if (idx >= ladder->block_cap || cnt == 0 || cnt > CAP) return false;
    if (ladder->low_key[position] != block->key[0]) return false;
    if (position > 0 && ladder->block_cnt[ladder->block_idx[position - 1u]] + cnt <= MERGE_CNT) return false;
    for (uint32_t i = 0; i < cnt; i++) {
      if (block->qty_lots[i] <= 0 || (before != NULL && *before >= block->key[i])) return false;
      before = &block->key[i];
    }
    level_cnt += cnt;
  }
  return level_cnt == ladder->level_cnt && level_cnt <= ladder->level_cap &&
         ladder->free_cnt + ladder->position_cnt == ladder->block_cap;
}

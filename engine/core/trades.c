#include "engine/core/trades.h"

#include <string.h>

static uint32_t slots_of(uint32_t cap) {
  uint32_t n = 64;
  while (n < cap * 2) n *= 2;
  return n;
}

static uint32_t home_of(const tg_trades_t *trades, uint16_t instr_idx, uint64_t trade_id) {
  uint64_t x = (trade_id ^ ((uint64_t)instr_idx << 52)) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(x >> 32) & (trades->hash_cap - 1);
}

int tg_trades_layout(tg_arena_t *arena, tg_trades_t *trades, uint32_t cap) {
  tg_trade_t *ring = TG_ARENA_NEW(arena, tg_trade_t, cap);
  uint32_t *slot = TG_ARENA_NEW(arena, uint32_t, slots_of(cap));
  if (arena->err != 0 || tg_arena_counting(arena)) return arena->err;
  trades->ring = ring;
  trades->slot = slot;
  tg_trades_init(trades, cap);
  return 0;
}

void tg_trades_init(tg_trades_t *trades, uint32_t cap) {
  trades->cap = cap;
  trades->hash_cap = slots_of(cap);
  memset(trades->ring, 0, sizeof *trades->ring * cap);
  for (uint32_t i = 0; i < trades->hash_cap; i++) trades->slot[i] = UINT32_MAX;
  trades->head = 0;
  trades->cnt = trades->repeat_cnt = trades->forgotten_cnt = 0;
}

tg_trade_t *tg_trades_find(const tg_trades_t *trades, uint16_t instr_idx, uint64_t trade_id) {
  uint32_t mask = trades->hash_cap - 1;
  for (uint32_t at = home_of(trades, instr_idx, trade_id);; at = (at + 1) & mask) {
    uint32_t idx = trades->slot[at];
    if (idx == UINT32_MAX) return NULL;
    tg_trade_t *trade = &trades->ring[idx];
    if (trade->trade_id == trade_id && trade->instr_idx == instr_idx) return trade;
  }
}

/* Takes the oldest record out of the index and closes the gap. */
static void forget(tg_trades_t *trades, uint32_t idx) {
  uint32_t mask = trades->hash_cap - 1;
  const tg_trade_t *old = &trades->ring[idx];
  uint32_t at = home_of(trades, old->instr_idx, old->trade_id);
  while (trades->slot[at] != idx) at = (at + 1) & mask;
  uint32_t hole = at;
  for (;;) {
    at = (at + 1) & mask;
    if (trades->slot[at] == UINT32_MAX) break;
    const tg_trade_t *next = &trades->ring[trades->slot[at]];
    uint32_t home = home_of(trades, next->instr_idx, next->trade_id);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      trades->slot[hole] = trades->slot[at];
      hole = at;
    }
  }
  trades->slot[hole] = UINT32_MAX;
  trades->forgotten_cnt++;
}

tg_trade_t *tg_trades_add(tg_trades_t *trades, uint16_t instr_idx, uint64_t trade_id) {
  uint32_t idx = trades->head;
  tg_trade_t *trade = &trades->ring[idx];
  if (trade->used) forget(trades, idx);
  memset(trade, 0, sizeof *trade);
  trade->trade_id = trade_id;
  trade->instr_idx = instr_idx;
  trade->used = 1;
  uint32_t mask = trades->hash_cap - 1;
  uint32_t at = home_of(trades, instr_idx, trade_id);
  while (trades->slot[at] != UINT32_MAX) at = (at + 1) & mask;
  trades->slot[at] = idx;
  trades->head = idx + 1 == trades->cap ? 0 : idx + 1;
  trades->cnt++;
  return trade;
}

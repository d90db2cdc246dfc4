#include "engine/base/spsc.h"

static const uint64_t SLOT_CNT_MAX = UINT64_C(1) << 24;

int tg_spsc_layout(tg_arena_t *arena, tg_spsc_t *ring, uint64_t slot_cnt) {
  if (slot_cnt < 2 || slot_cnt > SLOT_CNT_MAX || (slot_cnt & (slot_cnt - 1)) != 0) return -TG_EINVAL;
  tg_spsc_slot_t *slot = TG_ARENA_NEW(arena, tg_spsc_slot_t, slot_cnt);
  if (tg_arena_counting(arena)) return arena->err;
  if (!slot) return arena->err;
  memset(ring, 0, sizeof *ring);
  ring->slot = slot; /* zeroed: lap 0 says "never used" and the first lap is 1 */
  ring->slot_cnt = slot_cnt;
  ring->slot_shift = (uint32_t)__builtin_ctzll(slot_cnt);
  return 0;
}

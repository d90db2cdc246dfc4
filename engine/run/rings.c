#include "engine/run/rings.h"

enum { CTL_SLOTS = 256 };

int tg_rings_layout(tg_arena_t *arena, tg_rings_t *rings, const tg_conf_t *conf) {
  uint64_t slots = (uint64_t)conf->lane_ring_slots;
  const struct {
    tg_spsc_t *ring;
    uint64_t slot_cnt;
  } row[] = {
      {&rings->feed, slots},
      {&rings->gw_in, slots},
      {&rings->gw_out, slots},
      {&rings->cold_in, slots},
      {&rings->journal, (uint64_t)conf->lane_journal_slots},
      {&rings->feed_ctl, CTL_SLOTS},
      {&rings->gw_ctl, CTL_SLOTS},
  };
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    int err = tg_spsc_layout(arena, row[i].ring, row[i].slot_cnt);
    if (err) return err;
  }
  return 0;
}

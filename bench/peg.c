#include "bench/peg.h"

#include <string.h>

uint32_t peg_levels = 1;

typedef struct peg {
  int64_t bid_px_ticks, bid_qty_lots;
  uint64_t change_cnt;
  tg_strategy_level_t level[PEG_LEVELS_MAX];
} peg_t;

static void peg_init(void *state, uint16_t instr_idx) {
  (void)instr_idx;
  memset(state, 0, sizeof(peg_t));
}

static int peg_on_market(void *state, const tg_strategy_view_t *view, tg_strategy_out_t *out) {
  peg_t *peg = state;
  bool usable = view->touch_valid && (view->allow & TG_ALLOW_INCREASE);
  bool moved = usable && (view->bid_px_ticks != peg->bid_px_ticks || view->bid_qty_lots != peg->bid_qty_lots);
  if (!moved && !view->force) return 0;
  if (moved) {
    uint64_t no = peg->change_cnt++ % peg_levels;
    peg->bid_px_ticks = view->bid_px_ticks;
    peg->bid_qty_lots = view->bid_qty_lots;
    peg->level[no] = (tg_strategy_level_t){.px_ticks = view->bid_px_ticks - PEG_AWAY_TICKS - (int64_t)no,
                                           .qty_lots = peg_lots(view->bid_qty_lots),
                                           .side = TG_BUY,
                                           .order_flags = TG_ORDER_POST_ONLY,
                                           .tif = TG_TIF_GTX,
                                           .reason = TG_WHY_QUOTE};
  }
  out->level_cnt = peg_levels;
  out->pad0 = 0;
  for (uint32_t i = 0; i < peg_levels; i++) {
    out->level[i] = peg->level[i];
    if (peg->level[i].qty_lots == 0 || !usable) out->level[i].reason = TG_WHY_NO_BOOK;
  }
  return 1;
}

static const tg_strategy_t peg = {.abi_version = TG_STRATEGY_ABI_VERSION,
                                  .view_bytes = sizeof(tg_strategy_view_t),
                                  .out_bytes = sizeof(tg_strategy_out_t),
                                  .state_bytes = sizeof(peg_t),
                                  .name = "peg",
                                  .init = peg_init,
                                  .on_market = peg_on_market};

const tg_strategy_t *peg_strategy(void) {
  return &peg;
}

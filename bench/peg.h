/* peg.h - the smallest strategy that answers every change of the touch with one order.
 * What:    some resting buys; each change of the bid moves the next of them (round robin) to a fixed distance below the bid.
 * The order's quantity tells which change it answers: peg_lots(bid_qty_lots). Owner:   tg_strategy_t of a core; settings are
 * peg_levels. */
#ifndef TG_BENCH_PEG_H
#define TG_BENCH_PEG_H

#include "engine/strategy/strategy.h"

#define PEG_LEVELS_MAX 8u
#define PEG_AWAY_TICKS 40
#define PEG_MARKS 1000 /* distinguishable changes */

extern uint32_t peg_levels; /* 1..PEG_LEVELS_MAX; before the core starts */

const tg_strategy_t *peg_strategy(void);

static inline int64_t peg_lots(int64_t bid_qty_lots) {
  return 2 + bid_qty_lots % PEG_MARKS;
}

#endif

/* grid.h - the adaptive bilateral grid: post-only quotes on both sides of a drifting centre.
 * What:    levels a side around a centre. The centre follows the fair price with hysteresis
 *          (grid.recenter_bps) and leans against the position (grid.skew_bps at full inventory).
 *          Spacing = spacing_bps + vol_widen * volatility + spread_widen * touch spread; THROTTLED multiplies it
 *          by throttled_widen_pct and halves the size. Size = level_notional at the level's price, down to
 *          the lot. The adding side ends where the position would pass max_inventory; when new risk is not
 *          allowed only the reducing side stays, reduce-only.
 * Owner:   tg_strategy_t of the core; state is one tg_grid_state_t an instrument.
 * Threads: core lane.
 * Limit:   16 levels a side; from the centre out, bids are levels 0, 2, 4 .., asks 1, 3, 5 ..
 * Errors:  none; every level that is not wanted carries its reason.
 * Calm:    a level's price or size changes at most once in min_requote_ms, unless it must go (state, inventory, no
 *          book); a size that differs by less than a tenth at the same price is left as it is; a partly filled order
 *          keeps its rest until its price moves. */
#ifndef TG_STRATEGY_GRID_H
#define TG_STRATEGY_GRID_H

#include "engine/strategy/strategy.h"

#define TG_GRID_SIDE_LEVELS 16u

typedef struct tg_grid_state {
  int64_t centre_ticks_e8; /* 0: none yet */
  int64_t spacing_bps_e8;  /* with which the levels now stand; follows the formula in steps of a tenth */
  int64_t position_lots;   /* with which they now stand */
  uint64_t last_ns;        /* last full answer */
  uint64_t recentre_cnt, full_cnt;
  uint8_t allow, touch_valid, started;
  uint8_t pad0[5];
} tg_grid_state_t;

/* The strategy's function table. */
const tg_strategy_t *tg_grid_strategy(void);

/* Spacing for a view in bps e8, before the step rule: the formula above, at least one tick. Pure; for tests and `explain`. */
int64_t tg_grid_spacing_bps_e8(const tg_strategy_view_t *view);

#endif

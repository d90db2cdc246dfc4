/* repeat.h - repeated automated execution (bit 17).
 * What:    more than `fills` executions of the strategy's orders, or more than `entries` positions opened from zero, within
 *          the window: latched until a person re-enables it (CMD REENABLE). A robot that trades with itself or chases a broken
 *          price stops here.
 * Owner:   the core; one per strategy.
 * Threads: one lane; pure.
 * Limit:   window.h.
 * Errors:  none; a limit of 0 (unset) never latches: bit 3 holds then. */
#ifndef TG_RISK_REPEAT_H
#define TG_RISK_REPEAT_H

#include "risk/window.h"

typedef struct tg_repeat_cfg {
  int64_t fills, entries;
  uint64_t window_ns;
} tg_repeat_cfg_t;

typedef struct tg_repeat {
  tg_repeat_cfg_t cfg;
  tg_window_t fills, entries;
  uint64_t latched_ns, latch_cnt;
  uint8_t latched;
  uint8_t pad0[7];
} tg_repeat_t;

static inline void tg_repeat_cfg_set(tg_repeat_t *repeat, const tg_repeat_cfg_t *cfg) {
  repeat->cfg = *cfg;
  tg_window_set(&repeat->fills, cfg->window_ns);
  tg_window_set(&repeat->entries, cfg->window_ns);
}
/* One execution; entry: it opened a position from zero (a flip does, too). True when it latched now. */
static inline bool tg_repeat_on_fill(tg_repeat_t *repeat, uint64_t now_ns, bool entry) {
  bool over = (int64_t)tg_window_add(&repeat->fills, now_ns) > repeat->cfg.fills && repeat->cfg.fills > 0;
  if (entry) over |= (int64_t)tg_window_add(&repeat->entries, now_ns) > repeat->cfg.entries && repeat->cfg.entries > 0;
  if (!over || repeat->latched) return false;
  repeat->latched = 1;
  repeat->latched_ns = now_ns;
  repeat->latch_cnt++;
  return true;
}
/* A person re-enables it: counting starts anew. True when it was latched. */
static inline bool tg_repeat_clear(tg_repeat_t *repeat) {
  bool was = repeat->latched != 0;
  repeat->latched = 0;
  tg_window_clear(&repeat->fills);
  tg_window_clear(&repeat->entries);
  return was;
}

#endif

/* rejects.h - reject storm (bit 18).
 * What:    refused places and amends in a row hold everything new: after the cooldown ONE order may try, and each further
 *          refusal, or silence, costs another cooldown; one that the venue takes ends the storm. And the very same order
 *          (instrument, side, price, quantity) may not be sent again within `same_ns` of its refusal.
 *          A post-only refusal (-5022) is a normal outcome: it neither counts nor clears.
 * Owner:   the core; one per strategy.
 * Threads: one lane.
 * Limit:   64 refused orders inside the window, 4-way; an overflow inside the window holds everything until the evicted entry
 *          would have left (fail closed, counted), as in dup.h.
 * Errors:  none; max 0 (unset) never storms: bit 3 holds then. */
#ifndef TG_RISK_REJECTS_H
#define TG_RISK_REJECTS_H

#include "risk/dup.h"

#define TG_REJECTS_SETS 16

typedef struct tg_rejects_cfg {
  int64_t max;
  uint64_t same_ns, cooldown_ns;
} tg_rejects_cfg_t;

typedef struct tg_rejects {
  uint64_t until_ns; /* nothing new before this: the storm's pause, or an overflow */
  uint64_t row_cnt;  /* refusals in a row */
  uint64_t storm;    /* 1: from `max` refusals on until one order is taken, or REENABLE */
  uint64_t storm_cnt, refused_cnt, post_only_cnt, evicted_live_cnt;
  tg_rejects_cfg_t cfg;
  tg_dup_set_t set[TG_REJECTS_SETS];
} tg_rejects_t;

void tg_rejects_init(tg_rejects_t *rejects, const tg_rejects_cfg_t *cfg);
/* New settings, counts kept. */
void tg_rejects_cfg_set(tg_rejects_t *rejects, const tg_rejects_cfg_t *cfg);
/* A place or amend was refused; key by tg_dup_key of what was asked for. True when the storm began now. */
bool tg_rejects_on_refused(tg_rejects_t *rejects, uint64_t now_ns, uint64_t key, bool post_only);
/* A place or amend was taken by the venue. True when that ended a storm. */
bool tg_rejects_on_taken(tg_rejects_t *rejects);
/* An order leaves: in a storm it is the one that may try, and the next waits for another cooldown. */
static inline void tg_rejects_on_send(tg_rejects_t *rejects, uint64_t now_ns) {
  if (TG_UNLIKELY(rejects->storm)) rejects->until_ns = now_ns + rejects->cfg.cooldown_ns;
}
/* A person re-enables: everything is forgotten. True when there was something to clear. */
bool tg_rejects_clear(tg_rejects_t *rejects);

/* The set of a key: bits that dup.h's index does not use, so that both tables spread. */
static inline unsigned tg_rejects_set_idx(uint64_t key) {
  return (unsigned)(key >> 48) & (TG_REJECTS_SETS - 1);
}
/* Sign bit set when an order of this key is held; no branch. now_ns < 2^63. */
static inline uint64_t tg_rejects_hit(const tg_rejects_t *rejects, uint64_t key, uint64_t now_ns) {
  return (now_ns - rejects->until_ns) | tg_dup_set_hit(&rejects->set[tg_rejects_set_idx(key)], key, now_ns);
}

#endif

/* streak.h - losing round trips in a row (bit 27).
 * What:    a closed trip with net P&L below zero (after commission and funding) lengthens the streak, any other ends it. From
 *          `limit` on, every further loss holds new risk for the cooldown; after it one may try again, and the next loss holds
 *          again, until a trip does not lose.
 * Owner:   the core; one per account. Kept over restarts within a trading day (risk/day.h).
 * Threads: one lane; pure.
 * Limit:   counts below 2^32.
 * Errors:  none; limit 0 (unset) never holds: bit 3 does then. */
#ifndef TG_RISK_STREAK_H
#define TG_RISK_STREAK_H

#include "engine/base/types.h"

typedef struct tg_streak {
  int64_t limit;
  uint64_t cooldown_ns;
  uint64_t until_ns; /* no new risk before this */
  uint32_t cnt;
  uint32_t hold_cnt;
} tg_streak_t;

static inline bool tg_streak_hold(tg_streak_t *streak, uint64_t now_ns) {
  if (streak->limit <= 0 || (int64_t)streak->cnt < streak->limit) return false;
  streak->until_ns = now_ns + streak->cooldown_ns;
  streak->hold_cnt++;
  return true;
}
/* A closed round trip. True when it holds new risk from now. */
static inline bool tg_streak_on_trip(tg_streak_t *streak, uint64_t now_ns, int64_t net_e8) {
  if (net_e8 >= 0) {
    streak->cnt = 0;
    streak->until_ns = 0;
    return false;
  }
  streak->cnt += streak->cnt != UINT32_MAX;
  return tg_streak_hold(streak, now_ns);
}
/* What a former run of this trading day left behind: the longer one counts, and at the limit the cooldown starts anew. */
static inline bool tg_streak_restore(tg_streak_t *streak, uint64_t now_ns, uint32_t cnt) {
  if (cnt <= streak->cnt) return false;
  streak->cnt = cnt;
  return tg_streak_hold(streak, now_ns);
}

#endif

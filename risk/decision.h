/* decision.h - portfolio decision of the day (bit 30).
 * What:    a file of the day says whether new risk may be taken at all; the cold side reads it and tells DECISION. While it is
 *          enforced, a missing, invalid or other day's decision blocks like a negative one.
 * Owner:   the core keeps the last message.
 * Threads: any; pure.
 * Limit:   one decision a day; a later one replaces it.
 * Errors:  none. */
#ifndef TG_RISK_DECISION_H
#define TG_RISK_DECISION_H

#include "engine/msg/msg.h"

/* What the gate reads: TG_DECISION_ALLOW passes. */
enum { TG_DECISION_ALLOW = 0, TG_DECISION_BLOCK = 1, TG_DECISION_MISSING = 2 };

static inline uint8_t tg_decision_judge(const tg_decision_t *told, uint64_t day_no, bool enforced) {
  if (!enforced) return TG_DECISION_ALLOW;
  if (!told->valid || told->day_no != day_no || (told->verdict != 1 && told->verdict != 2)) return TG_DECISION_MISSING;
  return told->verdict == 1 ? TG_DECISION_ALLOW : TG_DECISION_BLOCK;
}

#endif

/* bn_weight.h - request weight of the running minute, with a share kept back.
 * What:    what the venue told (X-MBX-USED-WEIGHT-1M) plus what left since, never less than what we sent ourselves in this
 * minute; ordinary calls (account sync, snapshots, comparisons) leave kept_pct of the budget alone, so that cancels, kill and
 *          questions about orders never find it used up. The limit is the venue's (exchangeInfo rateLimits); 0 = not told yet,
 *          everything passes. The venue's minutes are fixed, by its clock; a word of the minute before counts no more.
 * Owner:   tg_bn_cold_t.
 * Threads: the cold lane; pure.
 * Limit:   weights below 2^31.
 * Errors:  none. */
#ifndef TG_VENUE_BN_WEIGHT_H
#define TG_VENUE_BN_WEIGHT_H

#include "engine/base/types.h"

#define TG_BN_WEIGHT_MINUTE_NS (UINT64_C(60) * 1000000000)

typedef struct tg_bn_weight {
  uint64_t minute;
  int64_t told, sent_since, sent; /* of this minute */
} tg_bn_weight_t;

static inline void tg_bn_weight_on_time(tg_bn_weight_t *weight, uint64_t venue_ns) {
  uint64_t minute = venue_ns / TG_BN_WEIGHT_MINUTE_NS;
  if (minute == weight->minute) return;
  *weight = (tg_bn_weight_t){.minute = minute};
}
/* The venue's word, in an answer that came now. */
static inline void tg_bn_weight_told(tg_bn_weight_t *weight, uint64_t venue_ns, int64_t used) {
  tg_bn_weight_on_time(weight, venue_ns);
  weight->told = used;
  weight->sent_since = 0;
}
/* Used of this minute, as far as we know. */
static inline int64_t tg_bn_weight_used(const tg_bn_weight_t *weight) {
  int64_t told = weight->told + weight->sent_since;
  return told > weight->sent ? told : weight->sent;
}
/* May a call of this weight leave? Takes it when it may. limit 0: not known. */
static inline bool tg_bn_weight_take(tg_bn_weight_t *weight, uint64_t venue_ns, int64_t cost, int64_t limit, int64_t kept_pct) {
  tg_bn_weight_on_time(weight, venue_ns);
  int64_t kept = (limit * kept_pct + 99) / 100;
  if (limit > 0 && tg_bn_weight_used(weight) + cost > limit - kept) return false;
  weight->sent += cost;
  weight->sent_since += cost;
  return true;
}

#endif

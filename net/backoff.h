/* backoff.h - when to try again: exponential pause with jitter, a budget per window, generation numbers.
 * What:    one tg_backoff_t per session; one shared tg_retry_budget_t over all sessions of a venue (a reconnect storm
 *          brings 429, then 418). pause(n) = min(max, base * 2^n), of which the upper half is random (equal jitter).
 * Owner:   caller. Pure: time and seed are arguments.
 * Threads: one (cold).
 * Limit:   TG_RETRY_WINDOW_MAX attempts in a window.
 * Errors:  none. */
#ifndef TG_NET_BACKOFF_H
#define TG_NET_BACKOFF_H

#include "engine/base/types.h"

#define TG_RETRY_WINDOW_MAX 1024

typedef struct tg_retry_budget {
  uint32_t max; /* attempts per window, <= TG_RETRY_WINDOW_MAX */
  uint32_t cnt; /* valid entries in at_ns */
  uint32_t head;
  uint64_t window_ns; /* e.g. 5 minutes */
  uint64_t refused_cnt;
  uint64_t at_ns[TG_RETRY_WINDOW_MAX];
} tg_retry_budget_t;

typedef struct tg_backoff {
  uint64_t base_ns, max_ns;
  uint64_t next_ns; /* earliest time of the next attempt */
  uint64_t rng;
  uint32_t failures; /* in a row */
  uint32_t gen;      /* generation of the newest attempt; 0 = none yet */
} tg_backoff_t;

void tg_retry_budget_init(tg_retry_budget_t *budget, uint32_t max, uint64_t window_ns);
/* seed: any number, one per session. First attempt is allowed at once. */
void tg_backoff_init(tg_backoff_t *backoff, uint64_t base_ns, uint64_t max_ns, uint64_t seed);
/* Asks for an attempt now. Returns its generation number (> 0) and books it, or 0: not yet (pause) or budget used up
 * (budget->refused_cnt counts). budget may be NULL. */
uint32_t tg_backoff_try(tg_backoff_t *backoff, tg_retry_budget_t *budget, uint64_t now_ns);
/* The attempt or the session failed: the pause doubles. */
void tg_backoff_failed(tg_backoff_t *backoff, uint64_t now_ns);
/* The session proved itself (first good message): the next failure starts from base again. */
void tg_backoff_ok(tg_backoff_t *backoff);
/* At least until then (a venue's Retry-After). */
void tg_backoff_hold(tg_backoff_t *backoff, uint64_t until_ns);

#endif

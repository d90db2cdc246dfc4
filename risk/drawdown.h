/* drawdown.h - loss from the peak, of the session and of the UTC day.
 * What:    peaks of equity (wallet + unrealised at fresh marks), the distance below them, a latch when a limit is reached.
 *          The day is the trading day by message time (86,400 s from `roll_ns` after 00:00 UTC: leap days are days like any
 *          other); it rolls forward only. A peak that a former run of the day saw counts, too.
 *          Acknowledging (operator) clears the latch and starts both peaks anew at the present equity: the loss is
 *          accepted, the next one counts from here.
 * Owner:   the core; one per account.
 * Threads: one lane.
 * Limit:   |equity| <= INT64_MAX / 4.
 * Errors:  none; equity never told by fresh marks = `known` 0, and gate bit 26 blocks. */
#ifndef TG_RISK_DRAWDOWN_H
#define TG_RISK_DRAWDOWN_H

#include "engine/base/types.h"

#define TG_NS_PER_DAY (UINT64_C(86400) * UINT64_C(1000000000))

typedef struct tg_drawdown {
  int64_t equity_e8;
  int64_t session_peak_e8, day_peak_e8;
  int64_t session_limit_e8, day_limit_e8; /* 0 unset: never latches here; bit 3 blocks */
  uint64_t roll_ns;                       /* the day begins so long after 00:00 UTC */
  uint64_t day_no;                        /* days since 1970 of the newest evaluation */
  int64_t restored_peak_e8;               /* of the day restored_day_no, by a former run; 0 none */
  uint64_t restored_day_no;
  uint64_t fresh_ns; /* newest evaluation with fresh marks */
  uint64_t known;    /* 1 after the first of them */
  uint64_t latched;  /* 1: a limit was reached and not acknowledged */
  uint64_t breach_cnt, ack_cnt, roll_cnt;
} tg_drawdown_t;

void tg_drawdown_init(tg_drawdown_t *drawdown, int64_t session_limit_e8, int64_t day_limit_e8);
/* New limits; re-judged at once. */
void tg_drawdown_limits(tg_drawdown_t *drawdown, int64_t session_limit_e8, int64_t day_limit_e8);
/* Evaluates equity at now_ns. marks_fresh false: nothing moves (a stale mark is no loss), but known stays. True when the
 * latch went on by this call. */
bool tg_drawdown_update(tg_drawdown_t *drawdown, uint64_t now_ns, int64_t equity_e8, bool marks_fresh);
/* A deposit, withdrawal or transfer of change_e8 (signed): equity and peaks move together, no profit, no loss. */
void tg_drawdown_transfer(tg_drawdown_t *drawdown, int64_t change_e8);
/* The day's peak as a former run of that day told it (> 0): ours is at least that. True when the latch went on by it. */
bool tg_drawdown_restore(tg_drawdown_t *drawdown, uint64_t day_no, int64_t peak_e8);
/* The operator accepts the loss. True when there was a latch. */
bool tg_drawdown_ack(tg_drawdown_t *drawdown);

/* Distances below the peaks, >= 0. */
static inline int64_t tg_drawdown_session_e8(const tg_drawdown_t *drawdown) {
  return drawdown->session_peak_e8 - drawdown->equity_e8;
}
static inline int64_t tg_drawdown_day_e8(const tg_drawdown_t *drawdown) {
  return drawdown->day_peak_e8 - drawdown->equity_e8;
}

#endif

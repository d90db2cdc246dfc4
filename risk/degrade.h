/* degrade.h - the degrade policy: trading on, but smaller and under a person's eye.
 * What:    on by a cause (an open venue circuit, when the settings say so) or by the operator's word. While on, order, gross
 *          and net limits are cut to degrade.notional_pct, new risk needs a person's approval (degrade.manual), and only the
 *          instruments of degrade.symbols may take it. It leaves by itself only to where it came from, after every cause has
 *          been gone for the cooldown; the operator's word ends only by the operator's DEGRADE_OFF.
 *
 *               a cause, DEGRADE
 *        OFF ─────────────────────▶ ON
 *         ▲                          │
 *         └── no cause for cooldown ─┘   (the operator's word is a cause until DEGRADE_OFF)
 * Owner:   the core; one per engine.
 * Threads: one lane; pure over (state, causes, now).
 * Limit:   none.
 * Errors:  none. */
#ifndef TG_RISK_DEGRADE_H
#define TG_RISK_DEGRADE_H

#include "engine/base/types.h"

#define TG_DEGRADE_CIRCUIT 1u  /* the venue circuit is open or half-open */
#define TG_DEGRADE_OPERATOR 2u /* the operator's word */

typedef struct tg_degrade {
  uint64_t cooldown_ns;
  uint64_t bad_ns; /* last instant at which an automatic cause was seen; 0 none since it began */
  uint64_t changed_ns;
  uint64_t on_cnt;
  uint8_t on;
  uint8_t causes; /* TG_DEGRADE_* now */
  uint8_t pad0[6];
} tg_degrade_t;

/* Evaluates with the causes as they are. True when `on` changed. */
static inline bool tg_degrade_eval(tg_degrade_t *degrade, uint8_t causes, uint64_t now_ns) {
  uint8_t before = degrade->causes;
  degrade->causes = causes;
  if ((causes | before) & TG_DEGRADE_CIRCUIT) degrade->bad_ns = now_ns; /* it stood until now */
  if (!degrade->on) {
    if (causes == 0) return false;
    degrade->on = 1;
    degrade->on_cnt++;
    degrade->changed_ns = now_ns;
    return true;
  }
  bool quiet = degrade->bad_ns == 0 || now_ns - degrade->bad_ns >= degrade->cooldown_ns;
  if (causes != 0 || !quiet) return false;
  degrade->on = 0;
  degrade->bad_ns = 0;
  degrade->changed_ns = now_ns;
  return true;
}

#endif

/* circuit.h - venue circuit breaker (bit 28).
 * What:    closed -> open when `errors` venue errors (unknown outcomes, 5xx, time-outs, failed account syncs) fall into the
 *          window; open -> half-open when the pause is over; half-open -> closed after `probes` account syncs in a row that
 *          were taken, -> open again after one that failed or any venue error, with the pause doubled (up to 16 times).
 *          Half-open holds new risk like open: probes belong to the breaker, not to strategies.
 *
 *                 errors in window            pause over
 *        CLOSED ───────────────────▶ OPEN ───────────────────▶ HALF_OPEN
 *          ▲                          ▲  failed probe, error:      │
 *          │                          └──── pause doubled ─────────┤
 *          └──────────────── probes good in a row ─────────────────┘
 * Owner:   the core; one per engine.
 * Threads: one lane; pure over (state, event, now).
 * Limit:   pause * 16 below 2^60 ns.
 * Errors:  none; errors 0 (unset) never opens: bit 3 holds then. */
#ifndef TG_RISK_CIRCUIT_H
#define TG_RISK_CIRCUIT_H

#include "engine/msg/enums.h"
#include "risk/window.h"

#define TG_CIRCUIT_BACKOFF_MAX 4u /* doublings: 16 times */

typedef struct tg_circuit_cfg {
  int64_t errors, probes;
  uint64_t window_ns, open_ns;
} tg_circuit_cfg_t;

typedef struct tg_circuit_breaker {
  tg_circuit_cfg_t cfg;
  tg_window_t window;
  uint64_t probe_from_ns; /* OPEN: half-open from here */
  uint64_t changed_ns;
  uint64_t opened_cnt, error_cnt, probe_good_cnt, probe_bad_cnt;
  uint32_t good_in_row; /* HALF_OPEN */
  uint32_t backoff;     /* doublings of the pause */
  uint8_t state;        /* tg_circuit_t of enums.def */
  uint8_t pad0[7];
} tg_circuit_breaker_t;

void tg_circuit_init(tg_circuit_breaker_t *circuit, const tg_circuit_cfg_t *cfg);
/* New settings, state kept. */
void tg_circuit_cfg_set(tg_circuit_breaker_t *circuit, const tg_circuit_cfg_t *cfg);
/* Each true when the state changed. */
bool tg_circuit_on_error(tg_circuit_breaker_t *circuit, uint64_t now_ns);
bool tg_circuit_on_time(tg_circuit_breaker_t *circuit, uint64_t now_ns);
/* An account sync ended; outside HALF_OPEN a good one says nothing, a bad one is an error like others. */
bool tg_circuit_on_probe(tg_circuit_breaker_t *circuit, uint64_t now_ns, bool good);

#endif

#include "risk/circuit.h"

#include <string.h>

void tg_circuit_init(tg_circuit_breaker_t *circuit, const tg_circuit_cfg_t *cfg) {
  memset(circuit, 0, sizeof *circuit);
  tg_circuit_cfg_set(circuit, cfg);
}

void tg_circuit_cfg_set(tg_circuit_breaker_t *circuit, const tg_circuit_cfg_t *cfg) {
  circuit->cfg = *cfg;
  tg_window_set(&circuit->window, cfg->window_ns);
}

static void open_it(tg_circuit_breaker_t *circuit, uint64_t now_ns) {
  circuit->state = TG_CIRCUIT_OPEN;
  circuit->probe_from_ns = now_ns + (circuit->cfg.open_ns << circuit->backoff);
  circuit->changed_ns = now_ns;
  circuit->good_in_row = 0;
  circuit->opened_cnt++;
}

static void open_again(tg_circuit_breaker_t *circuit, uint64_t now_ns) {
  if (circuit->backoff < TG_CIRCUIT_BACKOFF_MAX) circuit->backoff++;
  open_it(circuit, now_ns);
}

bool tg_circuit_on_error(tg_circuit_breaker_t *circuit, uint64_t now_ns) {
  circuit->error_cnt++;
  uint32_t lately = tg_window_add(&circuit->window, now_ns);
  if (circuit->state == TG_CIRCUIT_OPEN) return false;
  if (circuit->state == TG_CIRCUIT_HALF_OPEN) {
    open_again(circuit, now_ns);
    return true;
  }
  if (circuit->cfg.errors <= 0 || lately < circuit->cfg.errors) return false;
  circuit->backoff = 0;
  open_it(circuit, now_ns);
  return true;
}

bool tg_circuit_on_time(tg_circuit_breaker_t *circuit, uint64_t now_ns) {
  if (circuit->state != TG_CIRCUIT_OPEN || now_ns < circuit->probe_from_ns) return false;
  circuit->state = TG_CIRCUIT_HALF_OPEN;
  circuit->changed_ns = now_ns;
  circuit->good_in_row = 0;
  return true;
}

bool tg_circuit_on_probe(tg_circuit_breaker_t *circuit, uint64_t now_ns, bool good) {
  if (!good) {
    circuit->probe_bad_cnt += circuit->state == TG_CIRCUIT_HALF_OPEN;
    return tg_circuit_on_error(circuit, now_ns);
  }
  if (circuit->state != TG_CIRCUIT_HALF_OPEN) return false;
  circuit->probe_good_cnt++;
  circuit->good_in_row++;
  if ((int64_t)circuit->good_in_row < circuit->cfg.probes) return false;
  circuit->state = TG_CIRCUIT_CLOSED;
  circuit->changed_ns = now_ns;
  circuit->backoff = 0;
  tg_window_clear(&circuit->window); /* what opened it is answered for */
  return true;
}

/* fixture.h - one instrument (BTCUSDT as in the venue's page) in a state in which everything passes. */
#ifndef TG_TEST_RISK_FIXTURE_H
#define TG_TEST_RISK_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include "risk/gate.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define MARK_E8 INT64_C(6200000000000)
#define EQUITY_E8 (INT64_C(10000) * TG_E8)

typedef struct world {
  tg_core_conf_t conf;
  tg_filters_t filters;
  tg_limits_t limits;
  tg_exposure_t exposure;
  tg_rate_state_t rate;
  tg_dup_t dup;
  tg_drawdown_t drawdown;
  tg_rejects_t rejects;
  tg_day_state_t day;
  tg_advisory_t advisory;
  tg_ticket_t ticket;
  bool other_ticket; /* the ticket keeps its own side; else it is the request's */
  tg_gate_instr_t instr;
  tg_gate_snap_t snap;
  tg_order_req_t req;
} world_t;

static inline void world_conf(tg_core_conf_t *conf) {
  memset(conf, 0, sizeof *conf);
  conf->risk_max_order_qty = TG_E8 / 10;
  conf->risk_max_order_notional = 5000 * TG_E8;
  conf->risk_collar_entry_bps = 100;
  conf->risk_collar_exit_bps = 300;
  conf->risk_duplicate_window_ms = 50;
  conf->risk_md_age_ms = 3000;
  conf->risk_mark_age_ms = 10000;
  conf->risk_session_age_ms = 200000;
  conf->risk_clock_bound_ms = 1000;
  conf->risk_rate_per_s = 25;
  conf->risk_rate_per_min = 1000;
  conf->risk_rate_reserve_cancel_pct = 20;
  conf->risk_rate_reserve_reduce_pct = 10;
  conf->risk_max_open_orders = 40;
  conf->risk_max_open_orders_instr = 40;
  conf->risk_max_in_flight = 32;
  conf->risk_max_position = TG_E8 / 2;
  conf->risk_max_gross = 50000 * TG_E8;
  conf->risk_max_gross_equity_pct = 1000;
  conf->risk_max_net = 50000 * TG_E8;
  conf->risk_max_net_equity_pct = 1000;
  conf->risk_max_leverage = 10 * TG_E8;
  conf->risk_drawdown_session = 500 * TG_E8;
  conf->risk_drawdown_day = 500 * TG_E8;
  conf->risk_window_until_s = 4102444800;
  conf->risk_max_concentration_pct = 100;
  conf->risk_max_positions = 16;
  conf->risk_stop_bps = 200;
  conf->risk_max_trade_risk = 500 * TG_E8;
  conf->risk_max_trade_risk_equity_bps = 1000;
  conf->risk_day_entries = 1000;
  conf->risk_day_qty = 1000 * TG_E8;
  conf->risk_day_notional = 1000000 * TG_E8;
  conf->risk_repeat_fills = 600;
  conf->risk_repeat_entries = 300;
  conf->risk_repeat_window_ms = 60000;
  conf->risk_reject_max = 10;
  conf->risk_reject_same_ms = 1000;
  conf->risk_reject_cooldown_ms = 10000;
  conf->risk_loss_streak = 50;
  conf->risk_loss_cooldown_ms = 60000;
  conf->risk_circuit_errors = 5;
  conf->risk_circuit_window_ms = 10000;
  conf->risk_circuit_open_ms = 5000;
  conf->risk_circuit_probes = 2;
  conf->risk_venue_orders_10s = 300;
  conf->risk_venue_orders_min = 1200;
}

/* tick 0.1, lot 0.001, 50 USDT at least, 5% band, market lots up to 120. */
static inline void world_filters(tg_filters_t *filters) {
  tg_cfg_symbol_t symbol;
  memset(&symbol, 0, sizeof symbol);
  symbol.px_dec = 1;
  symbol.qty_dec = 3;
  symbol.px_unit = 1;
  symbol.qty_unit = 1;
  symbol.allowlisted = 1;
  symbol.status = 1;
  tg_cfg_filter_t first, second;
  memset(&first, 0, sizeof first);
  memset(&second, 0, sizeof second);
  first.u.first.min_px_ticks = 5568;
  first.u.first.max_px_ticks = 45297640;
  first.u.first.min_qty_lots = 1;
  first.u.first.max_qty_lots = 1000000;
  first.u.first.min_notional_e8 = 50 * TG_E8;
  first.u.first.max_orders = 200;
  second.u.second.mult_up_bps = 10500;
  second.u.second.mult_down_bps = 9500;
  second.u.second.market_min_qty_lots = 1;
  second.u.second.market_max_qty_lots = 120000;
  tg_filters_init(filters);
  cr_assert_eq(tg_filters_on_symbol(filters, &symbol), 0);
  cr_assert_eq(tg_filters_on_filter(filters, &first, 0), 0);
  cr_assert_eq(tg_filters_on_filter(filters, &second, TG_F_SECOND), 0);
}

static inline void world_wire(world_t *w) {
  w->snap.instr = &w->instr;
  w->snap.filters = &w->filters;
  w->snap.exposure = &w->exposure;
  w->snap.rate = &w->rate;
  w->snap.dup = &w->dup;
  w->snap.drawdown = &w->drawdown;
  w->snap.rejects = &w->rejects;
  w->snap.day = &w->day;
  w->snap.advisory = &w->advisory;
  w->snap.ticket = &w->ticket;
}

/* A place of `intent`: buy 0.010 at 61,999.0 under a touch of 62,000.0 / 62,000.1. */
static inline void world_init(world_t *w, tg_intent_t intent) {
  memset(w, 0, sizeof *w);
  world_conf(&w->conf);
  world_filters(&w->filters);
  tg_limits_make(&w->limits, &w->conf, &w->filters);
  tg_exposure_init(&w->exposure);
  tg_exposure_position(&w->exposure, 0, intent == TG_INTENT_REDUCE_RISK ? -100 : 0);
  tg_exposure_mark(&w->exposure, 0, &w->filters, MARK_E8);
  tg_exposure_available(&w->exposure, EQUITY_E8, 10);
  tg_rate_cfg_t rate = tg_rate_cfg_make(&w->conf);
  tg_rate_init(&w->rate, &rate, NOW_NS);
  tg_dup_init(&w->dup, 50 * (uint64_t)TG_NS_PER_MS);
  tg_drawdown_init(&w->drawdown, w->conf.risk_drawdown_session, w->conf.risk_drawdown_day);
  tg_drawdown_update(&w->drawdown, NOW_NS, EQUITY_E8, true);
  tg_rejects_cfg_t rejects = {10, 1000 * (uint64_t)TG_NS_PER_MS, 10000 * (uint64_t)TG_NS_PER_MS};
  tg_rejects_init(&w->rejects, &rejects);
  tg_day_init(&w->day, NOW_NS, 0);
  w->advisory.reach_ticks = INT64_MAX;
  w->ticket = (tg_ticket_t){.id = 1, .qty_lots = 50000, .expires_ns = NOW_NS + 1, .approved = 1, .side = TG_BUY};
  w->instr.bid_px_ticks = 620000;
  w->instr.ask_px_ticks = 620001;
  w->instr.book_rx_ns = NOW_NS - 1000;
  w->instr.mark_e8 = MARK_E8;
  w->instr.mark_rx_ns = NOW_NS - 1000;
  w->instr.own_ask_px_ticks = INT64_MAX;
  w->instr.type_mask = 1u << TG_TYPE_LIMIT | 1u << TG_TYPE_MARKET;
  w->instr.book_state = TG_BOOK_LIVE;
  w->instr.flags = TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED;
  w->snap.now_ns = NOW_NS;
  world_wire(w);
  w->snap.session_rx_ns = NOW_NS - 1000;
  w->snap.clock_known = 1;
  w->snap.armed = w->snap.mode_sends = w->snap.submit = 1;
  w->snap.fsm_allow = 1u << TG_INTENT_CANCEL | 1u << TG_INTENT_REDUCE_RISK | 1u << TG_INTENT_INCREASE_RISK;
  w->req.client_id = (UINT64_C(1) << 60) | (UINT64_C(7) << 40) | 1;
  w->req.px_ticks = 619990;
  w->req.qty_lots = w->req.rem_lots = 10;
  w->req.action = intent == TG_INTENT_CANCEL ? TG_REQUEST_CANCEL : TG_REQUEST_PLACE;
  w->req.intent = (uint8_t)intent;
  w->req.side = TG_BUY;
  w->req.type = TG_TYPE_LIMIT;
}

static inline uint64_t world_mask(world_t *w, uint32_t *subs) {
  if (!w->other_ticket) w->ticket.side = w->req.side;
  return tg_gate_mask(&w->req, &w->limits, &w->snap, subs);
}

/* Seeded numbers, splitmix64. */
static inline uint64_t next_random(uint64_t *seed) {
  uint64_t x = (*seed += UINT64_C(0x9e3779b97f4a7c15));
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}
static inline int64_t random_below(uint64_t *seed, int64_t below) {
  return (int64_t)(next_random(seed) % (uint64_t)below);
}

#endif

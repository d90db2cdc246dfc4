/* Gates, book, core. */
#include <stdlib.h>
#include <string.h>

#include "bench/micro.h"
#include "bench/peg.h"
#include "bench/world.h"
#include "engine/market/book.h"
#include "risk/gate.h"

enum { GATE_BATCH = 16 };

/* ---- gate chain ---- */

typedef struct gates {
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
  tg_gate_instr_t instr;
  tg_gate_snap_t snap;
  tg_order_req_t req[GEN_CNT];
} gates_t;

static gates_t *g;
static uint32_t at;

static int gate_filters(void) {
  tg_cfg_symbol_t symbol = gen_symbol();
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
  tg_filters_init(&g->filters);
  return tg_filters_on_symbol(&g->filters, &symbol) || tg_filters_on_filter(&g->filters, &first, 0) ||
         tg_filters_on_filter(&g->filters, &second, TG_F_SECOND);
}

static void gate_world(void) {
  uint64_t now_ns = WORLD_START_NS;
  int64_t mark_e8 = INT64_C(6360000000000);
  tg_limits_make(&g->limits, &g->conf, &g->filters);
  tg_exposure_init(&g->exposure);
  tg_exposure_position(&g->exposure, 0, 0);
  tg_exposure_mark(&g->exposure, 0, &g->filters, mark_e8);
  tg_exposure_available(&g->exposure, 100000 * TG_E8, 10);
  tg_rate_cfg_t rate = tg_rate_cfg_make(&g->conf);
  tg_rate_init(&g->rate, &rate, now_ns);
  tg_dup_init(&g->dup, 50 * (uint64_t)TG_NS_PER_MS);
  tg_drawdown_init(&g->drawdown, 500 * TG_E8, 500 * TG_E8);
  tg_drawdown_update(&g->drawdown, now_ns, 100000 * TG_E8, true);
  tg_rejects_cfg_t rejects = {g->conf.risk_reject_max, 1000 * (uint64_t)TG_NS_PER_MS, 10000 * (uint64_t)TG_NS_PER_MS};
  tg_rejects_init(&g->rejects, &rejects);
  (void)tg_rejects_on_refused(&g->rejects, now_ns - 1000, tg_dup_key(0, TG_BUY, 1, 1), false); /* one that is not asked for */
  tg_day_init(&g->day, now_ns, 0);
  tg_day_on_entry(&g->day, 0);
  tg_day_on_fill(&g->day, 0, 5, 300 * TG_E8);
  g->ticket = (tg_ticket_t){.id = 1,
                            .qty_lots = 50000,
                            .held_lots = 40,
                            .filled_lots = 5,
                            .expires_ns = now_ns + (uint64_t)TG_NS_PER_S,
                            .approved = 1,
                            .manual = 1,
                            .side = TG_BUY,
                            .state = TG_TICKET_EXECUTING};
  tg_advisory_cfg_t advisory = {.horizon_ns = 10 * (uint64_t)TG_NS_PER_S, .fill_prob_on = 1, .min_pct = 5};
  tg_advisory_in_t seen = {.mid_half_ticks = 1272001, .volatility_bps_e8 = 20 * TG_E8};
  g->advisory = tg_advisory_make(&advisory, &seen);
  g->instr = (tg_gate_instr_t){.bid_px_ticks = 636000,
                               .ask_px_ticks = 636001,
                               .book_rx_ns = now_ns - 1000,
                               .mark_e8 = mark_e8,
                               .mark_rx_ns = now_ns - 1000,
                               .own_ask_px_ticks = INT64_MAX,
                               .type_mask = 1u << TG_TYPE_LIMIT,
                               .book_state = TG_BOOK_LIVE,
                               .flags = TG_GATE_INSTR_KNOWN | TG_GATE_INSTR_ALLOWLISTED};
  g->snap = (tg_gate_snap_t){.now_ns = now_ns,
                             .instr = &g->instr,
                             .filters = &g->filters,
                             .exposure = &g->exposure,
                             .rate = &g->rate,
                             .dup = &g->dup,
                             .drawdown = &g->drawdown,
                             .ticket = &g->ticket,
                             .rejects = &g->rejects,
                             .day = &g->day,
                             .advisory = &g->advisory,
                             .manual = 1,
                             .session_rx_ns = now_ns - 1000,
                             .armed = 1,
                             .mode_sends = 1,
                             .submit = 1,
                             .clock_known = 1,
                             .fsm_allow = 1u << TG_INTENT_CANCEL | 1u << TG_INTENT_REDUCE_RISK | 1u << TG_INTENT_INCREASE_RISK};
}

/* That all are looked at: what one change of the world must do to the first order, for gates of every kind. */
static int gate_check(void) {
  uint32_t subs = 0;
  tg_order_req_t req = g->req[0];
  gates_t was = *g;
#define HOLDS(change, NAME) \
  change; \
  if (tg_gate_mask(&req, &g->limits, &g->snap, &subs) != TG_GATE_BIT(NAME)) return bench_wrong("gate.chain", #NAME); \
  *g = was; \
  req = g->req[0]
  for (unsigned i = 0; i < TG_GATE_CNT; i++)
    if (!tg_gate_rows[i].built) return bench_wrong("gate.chain", "a gate that is not built");
  HOLDS(g->snap.armed = 0, ARMED);
  HOLDS(req.type = TG_TYPE_MARKET, WINDOW);
  HOLDS(g->ticket.qty_lots = 45, PARENT);
  HOLDS(g->snap.repeat_latched = 1, REPEAT);
  HOLDS(g->rejects.until_ns = g->snap.now_ns + 1, REJECTS);
  HOLDS(g->limits.max_positions = 0, CONCENTRATION);
  HOLDS(req.stop_bps = 10001, TRADE_RISK);
  HOLDS(g->limits.day_qty_lots = 5, DAY_CAP);
  HOLDS(g->snap.loss_until_ns = g->snap.now_ns + 1, LOSS_STREAK);
  HOLDS(g->snap.circuit = TG_CIRCUIT_OPEN, CIRCUIT);
  HOLDS(g->snap.decision = TG_DECISION_MISSING, DECISION);
  HOLDS(g->ticket.approved = 0, APPROVAL);
  HOLDS(g->advisory.reach_ticks = -1, ADVISORY);
#undef HOLDS
  return 0;
}

/* 512 orders, places and amends, that every gate lets pass. */
static int gate_setup(void) {
  if (!g) g = aligned_alloc(64, (sizeof *g + 63) / 64 * 64);
  if (!g) return -1;
  memset(g, 0, sizeof *g);
  tg_core_conf_defaults(&g->conf);
  g->conf.engine_mode = TG_MODE_SIM - 1;
  at = 0;
  if (gate_filters()) return bench_wrong("gate.chain", "filters");
  gate_world();
  tg_rng_t rng;
  tg_rng_seed(&rng, 31);
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    bool amend = gen_below(&rng, 2);
    int64_t qty = 2 + (int64_t)gen_below(&rng, 60);
    g->req[i] = (tg_order_req_t){.client_id = (UINT64_C(3) << 60) | (UINT64_C(7) << 40) | (i + 1),
                                 .px_ticks = 635999 - (int64_t)gen_below(&rng, 3000),
                                 .qty_lots = qty,
                                 .rem_lots = qty,
                                 .action = amend ? TG_REQUEST_AMEND : TG_REQUEST_PLACE,
                                 .intent = TG_INTENT_INCREASE_RISK,
                                 .side = TG_BUY,
                                 .type = TG_TYPE_LIMIT,
                                 .order_flags = TG_ORDER_POST_ONLY};
    uint32_t subs = 0;
    if (tg_gate_mask(&g->req[i], &g->limits, &g->snap, &subs) != 0) return bench_wrong("gate.chain", "mask");
  }
  return gate_check();
}

static void gate_op(void) {
  uint64_t any = 0;
  for (uint32_t i = 0; i < GATE_BATCH; i++) {
    uint32_t subs = 0;
    any |= tg_gate_mask(&g->req[at++ & (GEN_CNT - 1)], &g->limits, &g->snap, &subs);
  }
  bench_keep(&any);
}

/* ---- book ---- */

typedef struct event {
  uint32_t cnt;
  tg_msg_t msg[1 + 2 * (GEN_SIDE_MAX + 2) / TG_LEVELS_PER_MSG];
} event_t;

static tg_arena_t book_arena;
static tg_book_t *book;
static event_t *events;
static tg_msg_t *snapshot;
static uint32_t snapshot_cnt;
static gen_book_t *books; /* start, end */

static void side_msgs(tg_msg_t *msg, uint32_t *cnt, const tg_md_level_t *level, uint32_t level_cnt, bool ask) {
  for (uint32_t i = 0; i < level_cnt; i++) {
    if (i % TG_LEVELS_PER_MSG == 0) {
      tg_msg_init(&msg[*cnt], TG_MD_LEVELS, 0, WORLD_START_NS);
      msg[(*cnt)++].flags = ask ? TG_F_ASK : 0;
    }
    msg[*cnt - 1].u.md_levels.level[i % TG_LEVELS_PER_MSG] = level[i];
  }
}

static int event_msgs(event_t *ev, const gen_depth_t *d) {
  tg_msg_init(&ev->msg[0], TG_MD_DEPTH, 0, WORLD_START_NS);
  ev->msg[0].u.md_depth = (tg_md_depth_t){.first_id = d->first_id,
                                          .last_id = d->last_id,
                                          .prev_id = d->prev_id,
                                          .venue_ms = d->venue_ms,
                                          .bid_cnt = d->bid_cnt,
                                          .ask_cnt = d->ask_cnt};
  ev->cnt = 1;
  side_msgs(ev->msg, &ev->cnt, d->bid, d->bid_cnt, false);
  side_msgs(ev->msg, &ev->cnt, d->ask, d->ask_cnt, true);
  ev->msg[ev->cnt - 1].flags |= TG_F_LAST;
  return 0;
}

static void snapshot_msgs(const gen_book_t *from) {
  tg_md_level_t *level = calloc(GEN_WINDOW, sizeof *level);
  if (!level) abort();
  uint32_t bids = 0, asks = 0;
  tg_msg_init(&snapshot[0], TG_MD_DEPTH, 0, WORLD_START_NS);
  snapshot_cnt = 1;
  for (uint32_t i = GEN_WINDOW; i-- > 0;)
    if (from->bid_lots[i]) level[bids++] = (tg_md_level_t){GEN_BASE_TICKS + (int64_t)i, from->bid_lots[i]};
  side_msgs(snapshot, &snapshot_cnt, level, bids, false);
  for (uint32_t i = 0; i < GEN_WINDOW; i++)
    if (from->ask_lots[i]) level[asks++] = (tg_md_level_t){GEN_BASE_TICKS + (int64_t)i, from->ask_lots[i]};
  side_msgs(snapshot, &snapshot_cnt, level, asks, true);
  snapshot[snapshot_cnt - 1].flags |= TG_F_LAST;
  snapshot[0].flags = TG_F_SNAPSHOT;
  snapshot[0].u.md_depth =
      (tg_md_depth_t){.first_id = from->update_id + 1, .last_id = from->update_id + 1, .bid_cnt = bids, .ask_cnt = asks};
  free(level);
}

/* Back to the start of the events: empty, then the first event waits for the snapshot and is spliced. */
static void book_restart(void) {
  uint32_t ev = tg_book_resync(book, WORLD_START_NS);
  for (uint32_t i = 0; i < events[0].cnt; i++) ev |= tg_book_on_msg(book, &events[0].msg[i]);
  for (uint32_t i = 0; i < snapshot_cnt; i++) ev |= tg_book_on_msg(book, &snapshot[i]);
  bench_keep(&ev);
  at = 1;
}

static int book_check(void) {
  const gen_book_t *want = &books[1];
  if (tg_book_state(book) != TG_BOOK_LIVE) return bench_wrong("book.depth", "not LIVE at the end");
  for (uint32_t i = 0; i < GEN_WINDOW; i++) {
    if (tg_book_qty_at(book, TG_BUY, GEN_BASE_TICKS + (int64_t)i) != want->bid_lots[i])
      return bench_wrong("book.depth", "a bid");
    if (tg_book_qty_at(book, TG_SELL, GEN_BASE_TICKS + (int64_t)i) != want->ask_lots[i])
      return bench_wrong("book.depth", "an ask");
  }
  if (tg_book_top(book)->bid_px_ticks != GEN_BASE_TICKS + (int64_t)want->bid ||
      tg_book_top(book)->ask_px_ticks != GEN_BASE_TICKS + (int64_t)want->ask)
    return bench_wrong("book.depth", "the top");
  return 0;
}

static int book_setup(void) {
  tg_book_cfg_t cfg = {.product = TG_PRODUCT_USDM, .level_cap = 16384, .event_buffer_cnt = 1024, .snapshot_retry_ns = 1};
  tg_arena_t count;
  tg_arena_count(&count);
  gen_depth_t *depths = calloc(GEN_CNT, sizeof *depths);
  if (!book) {
    book = aligned_alloc(64, (sizeof *book + 63) / 64 * 64);
    events = aligned_alloc(64, GEN_CNT * ((sizeof *events + 63) / 64 * 64));
    snapshot = aligned_alloc(64, GEN_WINDOW * sizeof *snapshot);
    books = calloc(2, sizeof *books);
    if (tg_book_layout(&count, NULL, &cfg) || tg_arena_map(&book_arena, count.used_bytes))
      return bench_wrong("book.depth", "memory");
    if (!book || tg_book_layout(&book_arena, book, &cfg)) return bench_wrong("book.depth", "memory");
  }
  if (!depths || !book || !events || !snapshot || !books) return -1;
  gen_depths(&books[0], depths, &books[1], 32);
  for (uint32_t i = 0; i < GEN_CNT; i++)
    if (event_msgs(&events[i], &depths[i])) return -1;
  free(depths);
  events[0].msg[0].u.md_depth.first_id = books[0].update_id + 1;
  snapshot_msgs(&books[0]);
  book_restart();
  for (; at < GEN_CNT; at++)
    for (uint32_t i = 0; i < events[at].cnt; i++) {
      uint32_t ev = tg_book_on_msg(book, &events[at].msg[i]);
      if (ev & (TG_BOOK_EV_GAP | TG_BOOK_EV_CROSSED | TG_BOOK_EV_CUT)) return bench_wrong("book.depth", "gap, cut or crossed");
    }
  return book_check();
}

static void book_prep(void) {
  if (at >= GEN_CNT) book_restart();
}

static void book_op(void) {
  const event_t *ev = &events[at++];
  uint32_t bits = 0;
  for (uint32_t i = 0; i < ev->cnt; i++) bits |= tg_book_on_msg(book, &ev->msg[i]);
  bench_keep(&bits);
}

/* ---- core ---- */

enum { CORE_QUIET, CORE_PEG, CORE_GRID };

static world_t *world;
static int core_kind;
static tg_rng_t core_rng;
static int64_t bid_ticks;
static tg_msg_t tick;
static uint64_t orders_seen;

static void core_prep(void) {
  if (core_kind != CORE_QUIET) (void)world_confirm(world);
  world->now_ns += 1000000;
  if (gen_below(&core_rng, 32) == 0) { /* a timer now and then, untimed */
    tg_msg_t timer;
    tg_msg_init(&timer, TG_TIMER, TG_INSTR_NONE, 0);
    world_step(world, &timer);
    (void)world_confirm(world);
  }
  if (core_kind == CORE_QUIET) {
    world_top(world, &tick, bid_ticks, 500 + (int64_t)gen_below(&core_rng, 90), bid_ticks + 1,
              500 + (int64_t)gen_below(&core_rng, 90));
  } else {
    int64_t step = (int64_t)gen_below(&core_rng, 20) + (core_kind == CORE_GRID ? 40 : 1);
    bid_ticks += bid_ticks > 640000 || (bid_ticks > 632000 && gen_below(&core_rng, 2)) ? -step : step;
    world_top(world, &tick, bid_ticks, 1 + (int64_t)gen_below(&core_rng, 3000),
              bid_ticks + 1 + (int64_t)gen_below(&core_rng, 3), 1 + (int64_t)gen_below(&core_rng, 3000));
  }
  tick.ts_ns = world->now_ns;
}

static void core_op(void) {
  world->out.cnt = 0;
  if (tg_core_step(world->core, &tick, &world->out)) abort();
}

static uint32_t amends(void) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < world->out.cnt; i++) cnt += world->out.msg[i].kind == TG_OUT_AMEND;
  return cnt;
}

static int core_verify(void) {
  static const char *const name[] = {"core.top_quiet", "core.top_amend", "core.top_grid"};
  orders_seen = 0;
  for (uint32_t i = 0; i < 2 * GEN_CNT; i++) {
    core_prep();
    uint64_t before = tg_core_stats(world->core)->book_update_cnt;
    core_op();
    uint32_t cnt = amends();
    orders_seen += cnt;
    if (tg_core_stats(world->core)->book_update_cnt != before + 1) return bench_wrong(name[core_kind], "the top was not taken");
    if (core_kind == CORE_QUIET && world->out.cnt > 0) return bench_wrong(name[core_kind], "an output where none is due");
    if (core_kind != CORE_PEG || i < 8) continue;
    const tg_out_order_t *o = NULL;
    for (uint32_t k = 0; k < world->out.cnt; k++)
      if (world->out.msg[k].kind == TG_OUT_AMEND) o = &world->out.msg[k].u.out_amend;
    if (cnt != 1 || !o || o->px_ticks != bid_ticks - PEG_AWAY_TICKS || o->qty_lots != peg_lots(tick.u.md_top.bid_qty_lots))
      return bench_wrong(name[core_kind], "not exactly the order that is due");
  }
  if (core_kind == CORE_GRID && orders_seen < 2 * GEN_CNT * 2 * 95 / 100)
    return bench_wrong(name[core_kind], "fewer than two amends a tick");
  return 0;
}

static int core_setup(int kind) {
  static const world_set_t grid[] = {{"grid.levels", 1},
                                     {"grid.recenter_bps", 1},
                                     {"grid.min_requote_ms", 0},
                                     {"grid.vol_widen", 0},
                                     {"grid.spread_widen", 0},
                                     {"grid.skew_bps", 0},
                                     {"grid.max_inventory", 100 * TG_E8},
                                     {"router.amend_threshold_bps", 1000}};
  static const world_set_t quiet[] = {{"grid.min_requote_ms", 60000}};
  core_kind = kind;
  tg_rng_seed(&core_rng, 33);
  bid_ticks = 636000;
  if (!world) world = aligned_alloc(64, (sizeof *world + 63) / 64 * 64);
  if (!world) return -1;
  peg_levels = 1;
  if (world_open(world, kind == CORE_PEG ? peg_strategy() : NULL)) return -1;
  int err = kind == CORE_PEG    ? world_start(world, bid_ticks, NULL, 0)
            : kind == CORE_GRID ? world_start(world, bid_ticks, grid, TG_ARRAY_CNT(grid))
                                : world_start(world, bid_ticks, quiet, TG_ARRAY_CNT(quiet));
  return err ? err : core_verify();
}

static int quiet_setup(void) {
  return core_setup(CORE_QUIET);
}
static int peg_setup(void) {
  return core_setup(CORE_PEG);
}
static int grid_setup(void) {
  return core_setup(CORE_GRID);
}

const bench_case_t bench_core_cases[] = {
    {"gate.chain", "gate chain, all bits", GATE_BATCH, 4096, gate_setup, NULL, gate_op, NULL},
    {"book.depth", "depth event of 10 + 10 levels on average applied to a book of 1,000 levels a side", 1, 16384, book_setup,
     book_prep, book_op, NULL},
    {"core.top_quiet", "core_step: top changes, the grid wants nothing new", 1, 16384, quiet_setup, core_prep, core_op, NULL},
    {"core.top_amend", "core_step: top changes, one amend leaves (book, features, strategy, router, gates, order)", 1, 16384,
     peg_setup, core_prep, core_op, NULL},
    {"core.top_grid", "core_step: top changes, the grid with one level a side amends both", 1, 16384, grid_setup, core_prep,
     core_op, NULL},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

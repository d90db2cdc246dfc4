/* faults.md rows 5, 7 and 14 at the core: duplicates and reordering, clocks that step, snapshots that overlap live events. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_venue.h"

#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * (int64_t)SECOND)

static fv_t fv;

static void check_all(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)in;
  (void)out;
  tg_core_check(v->core);
  fv_check(v);
}

static void finish(uint64_t seed) {
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  for (unsigned i = 0; i < 600 && !tg_core_stopped(fv.core); i++) fv_run(&fv, SECOND / 10);
  cr_assert(tg_core_stopped(fv.core), "seed %lu", seed);
  fv_run(&fv, SECOND / 2);
  const tg_position_t *pos = &fv.core->instr[0].pos;
  int64_t dir = pos->qty_lots > 0 ? 1 : -1;
  cr_assert_eq(fv_open_orders(&fv), 0u, "seed %lu", seed);
  cr_assert_eq(pos->qty_lots, fv.pos, "seed %lu", seed);
  cr_assert_eq(pos->commission_e8, fv.commission_e8, "seed %lu", seed);
  cr_assert_eq(pos->realised_e8 - dir * pos->cost_e8, fv.realised_e8 - dir * fv.cost_e8, "seed %lu", seed);
  cr_assert_eq(tg_core_stats(fv.core)->fill_cnt, fv.fill_cnt, "seed %lu: each execution once", seed);
}

/* ---- faults 5 ---- */

Test(fault_05, execution_reports_twice_and_out_of_order_are_applied_once) {
  uint64_t repeats = 0, late = 0;
  for (unsigned pct = 0; pct <= 50; pct += 5) {
    for (uint64_t seed = 0; seed < 6; seed++) {
      fv_faults_t faults = {
          .lite = 300, .delay_us_max = 3000, .reorder = pct * 10, .duplicate = pct * 10, .reorder_us_max = 30000};
      fv_open(&fv, 700 + pct * 10 + seed, &faults, 0);
      fv.no_digest = true;
      fv.after_step = check_all;
      fv_start(&fv);
      fv_run(&fv, 8 * SECOND);
      finish(700 + pct * 10 + seed);
      cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u, "%u%%", pct);
      repeats += tg_core_stats(fv.core)->repeat_fill_cnt;
      late += tg_core_stats(fv.core)->late_cnt;
      fv_close(&fv);
    }
  }
  cr_log_info("%lu repeated executions, %lu late events", repeats, late);
  cr_assert_gt(repeats, 100u);
}

Test(fault_05, an_overtaken_amendment_does_not_bring_back_older_terms) {
  fv_open(&fv, 701, NULL, 0);
  fv.stride = 0;
  fv_start(&fv);
  fv_run(&fv, 2 * SECOND);
  tg_order_t *o = &fv.core->orders.order[fv.core->orders.open_head];
  cr_assert_eq(o->state, TG_ORD_LIVE);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, fv.now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px_ticks,
                                   .qty_lots = o->qty_lots + 5,
                                   .venue_lag_ms = 10,
                                   .status = TG_STATUS_NEW,
                                   .exec = TG_EXEC_AMENDMENT,
                                   .side = o->side};
  int64_t newer = o->qty_lots + 5;
  fv_feed(&fv, &msg);
  cr_assert_eq(o->qty_lots, newer);
  msg.u.ex_order.venue_lag_ms = 12;
  msg.u.ex_order.qty_lots = newer + 100;
  fv_feed(&fv, &msg);
  cr_assert_eq(o->qty_lots, newer, "it happened before");
  msg.u.ex_order.venue_lag_ms = 10 + 3600000; /* the venue's clock was put back an hour: still the newest */
  msg.u.ex_order.qty_lots = newer + 1;
  fv_feed(&fv, &msg);
  cr_assert_eq(o->qty_lots, newer + 1);
  fv_close(&fv);
}

/* A market of 20 levels a side; each event changes three. */
enum { LEVELS = 20, EVENTS = 600 };

typedef struct depth {
  uint64_t first, last, prev;
  tg_md_level_t bid[3], ask[3];
} depth_t;

typedef struct market {
  depth_t event[EVENTS];
  int64_t bid[EVENTS][LEVELS], ask[EVENTS][LEVELS]; /* quantities after it */
} market_t;

static void market_make(market_t *m, tg_rng_t *rng) {
  int64_t bid[LEVELS], ask[LEVELS];
  for (unsigned i = 0; i < LEVELS; i++) bid[i] = ask[i] = 100;
  for (unsigned e = 0; e < EVENTS; e++) {
    uint64_t prev = 1000 + e * 10u;
    m->event[e] = (depth_t){.first = prev + 1, .last = prev + 10, .prev = prev};
    for (unsigned k = 0; k < 3; k++) {
      unsigned i = (unsigned)(tg_rng_next(rng) % LEVELS), j = (unsigned)(tg_rng_next(rng) % LEVELS);
      bid[i] = i == 0 ? 50 : (int64_t)(tg_rng_next(rng) % 200); /* 0 takes the level away */
      ask[j] = j == 0 ? 50 : (int64_t)(tg_rng_next(rng) % 200);
      m->event[e].bid[k] = (tg_md_level_t){600000 - i, bid[i]};
      m->event[e].ask[k] = (tg_md_level_t){600001 + j, ask[j]};
    }
    memcpy(m->bid[e], bid, sizeof bid);
    memcpy(m->ask[e], ask, sizeof ask);
  }
}

static void levels(const tg_md_level_t level[3], bool ask, bool last) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_LEVELS, 0, fv.now_ns);
  msg.flags = (uint8_t)((ask ? TG_F_ASK : 0) | (last ? TG_F_LAST : 0));
  memcpy(msg.u.md_levels.level, level, sizeof msg.u.md_levels.level);
  fv_feed(&fv, &msg);
}

static void event(const market_t *m, unsigned e) {
  const depth_t *d = &m->event[e];
  tg_msg_t msg;
  fv.now_ns += 1000000;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, fv.now_ns);
  msg.u.md_depth =
      (tg_md_depth_t){.first_id = d->first, .last_id = d->last, .prev_id = d->prev, .bid_cnt = 3, .ask_cnt = 3, .gen = 1};
  fv_feed(&fv, &msg);
  levels(d->bid, false, false);
  levels(d->ask, true, true);
}

static void depth_snapshot(const market_t *m, unsigned e) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, fv.now_ns);
  msg.flags = TG_F_SNAPSHOT;
  msg.u.md_depth = (tg_md_depth_t){
      .first_id = m->event[e].last, .last_id = m->event[e].last, .bid_cnt = LEVELS, .ask_cnt = LEVELS, .gen = fv.want_gen};
  fv.want_gen = 0;
  fv_feed(&fv, &msg);
  for (unsigned side = 0; side < 2; side++) {
    for (unsigned i = 0; i < LEVELS; i += 2) {
      tg_md_level_t level[3] = {{0}};
      for (unsigned k = 0; k < 2; k++)
        level[k] = side ? (tg_md_level_t){600001 + i + k, m->ask[e][i + k]} : (tg_md_level_t){600000 - i - k, m->bid[e][i + k]};
      levels(level, side, side && i + 2 >= LEVELS);
    }
  }
}

/* A LIVE book is the market as it was after the event it names. */
static bool book_is_true(const market_t *m) {
  const tg_book_t *book = &fv.core->instr[0].book;
  if (tg_book_state(book) != TG_BOOK_LIVE) return false;
  uint64_t e = (tg_book_last_id(book) - 1010) / 10;
  cr_assert_lt(e, EVENTS);
  for (unsigned side = 0; side < 2; side++) {
    tg_ladder_cursor_t cursor;
    tg_md_level_t level;
    tg_book_levels_first(book, side ? TG_SELL : TG_BUY, &cursor);
    for (unsigned i = 0; i < LEVELS; i++) {
      int64_t qty = side ? m->ask[e][i] : m->bid[e][i], px = side ? 600001 + (int64_t)i : 600000 - (int64_t)i;
      if (qty == 0) continue;
      cr_assert(tg_book_levels_next(book, side ? TG_SELL : TG_BUY, &cursor, &level));
      cr_assert(level.px_ticks == px && level.qty_lots == qty, "event %lu", e);
    }
    cr_assert_not(tg_book_levels_next(book, side ? TG_SELL : TG_BUY, &cursor, &level));
  }
  return true;
}

static void disturbed(const market_t *m, unsigned pct, uint64_t seed, uint64_t *live, uint64_t *gaps) {
  fv_open(&fv, seed, NULL, 0);
  fv.no_digest = true;
  fv_start(&fv);
  unsigned asked_at = 0;
  for (unsigned e = 0; e < EVENTS; e++) {
    unsigned now = e;
    bool calm = e + 20 >= EVENTS; /* at the end all is well again */
    if (!calm && tg_rng_next(&fv.rng) % 100 < pct && e + 1 < EVENTS) {
      event(m, e + 1); /* the next one comes first */
      event(m, e);
      now = ++e;
    } else {
      event(m, e);
    }
    if (!calm && tg_rng_next(&fv.rng) % 100 < pct) event(m, e - (unsigned)(tg_rng_next(&fv.rng) % (e < 4 ? e + 1 : 4)));
    *live += book_is_true(m);
    if (fv.want_gen != 0 && asked_at == 0) asked_at = now;
    if (asked_at != 0 && now >= asked_at + 2) { /* the snapshot takes its time, and overlaps */
      depth_snapshot(m, now - (unsigned)(tg_rng_next(&fv.rng) % 2));
      asked_at = 0;
      *live += book_is_true(m);
    }
    tg_msg_t timer;
    tg_msg_init(&timer, TG_TIMER, TG_INSTR_NONE, fv.now_ns += 300000000);
    fv_feed(&fv, &timer);
  }
  cr_assert(book_is_true(m), "%u%%: the final book is the unbroken run's", pct);
  cr_assert_eq(tg_book_last_id(&fv.core->instr[0].book), m->event[EVENTS - 1].last);
  *gaps += tg_book_counters(&fv.core->instr[0].book)->gap_cnt;
  fv_close(&fv);
}

Test(fault_05, depth_events_twice_and_out_of_order_end_in_the_book_of_the_unbroken_run) {
  static market_t m;
  tg_rng_t rng;
  tg_rng_seed(&rng, 5);
  market_make(&m, &rng);
  uint64_t live = 0, gaps = 0;
  for (unsigned pct = 0; pct <= 50; pct += 5)
    for (uint64_t seed = 0; seed < 4; seed++) disturbed(&m, pct, 5000 + pct * 10 + seed, &live, &gaps);
  cr_log_info("%lu looks at a live book, %lu gaps", live, gaps);
  cr_assert_gt(live, 4000u);
  cr_assert_gt(gaps, 100u);
}

/* ---- faults 7 ---- */

static void offset(int64_t offset_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, fv.now_ns);
  msg.u.clock = (tg_clock_msg_t){.offset_ns = offset_ns, .error_ns = 200000};
  fv_feed(&fv, &msg);
}

Test(fault_07, an_offset_beyond_its_bound_holds_new_risk_and_nothing_else) {
  static const int64_t steps[] = {(int64_t)SECOND, -(int64_t)SECOND, HOUR, -HOUR};
  fv_open(&fv, 710, NULL, 0);
  fv.stride = 4;
  fv_start(&fv);
  fv_run(&fv, 2 * SECOND);
  for (unsigned i = 0; i < TG_ARRAY_CNT(steps); i++) {
    cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
    offset(steps[i]);
    uint64_t held = tg_core_stats(fv.core)->gate.reason_cnt[TG_REASON_CLOCK], timeouts = tg_core_stats(fv.core)->timeout_cnt;
    fv_cmd(&fv, TG_VERB_PAUSE, TG_ROLE_OPERATOR); /* quotes go: cancels pass */
    fv_run(&fv, SECOND);
    fv_cmd(&fv, TG_VERB_RESUME, TG_ROLE_RISK);
    fv_run(&fv, SECOND);
    uint64_t placed = fv.place_cnt + fv.amend_cnt;
    fv_run(&fv, SECOND);
    if (fv.pos == 0) cr_assert_eq(fv.place_cnt + fv.amend_cnt, placed);
    cr_assert_gt(tg_core_stats(fv.core)->gate.reason_cnt[TG_REASON_CLOCK], held);
    cr_assert_eq(tg_core_stats(fv.core)->timeout_cnt, timeouts, "no interval is measured by it");
    offset(1000);
    fv_run(&fv, SECOND);
    cr_assert_gt(fv.place_cnt + fv.amend_cnt, placed);
  }
  fv_close(&fv);
}

Test(fault_07, messages_whose_time_goes_back_move_no_interval) {
  static const int64_t steps[] = {(int64_t)SECOND, HOUR};
  fv_open(&fv, 711, NULL, 0);
  fv.after_step = check_all;
  fv_start(&fv);
  fv_run(&fv, 2 * SECOND);
  for (unsigned i = 0; i < TG_ARRAY_CNT(steps); i++) {
    uint64_t now = fv.core->now_ns;
    tg_msg_t msg;
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, fv.now_ns - (uint64_t)steps[i]);
    fv_feed(&fv, &msg);
    tg_msg_init(&msg, TG_MD_MARK, 0, fv.now_ns - (uint64_t)steps[i]);
    msg.u.md_mark.mark_e8 = INT64_C(6000000000000);
    fv_feed(&fv, &msg);
    cr_assert_eq(fv.core->now_ns, now, "time never goes back");
    cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  }
  uint64_t timeouts = tg_core_stats(fv.core)->timeout_cnt;
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(tg_core_stats(fv.core)->timeout_cnt, timeouts);
  finish(711);
  fv_close(&fv);
}

Test(fault_07, the_venues_clock_may_step_while_orders_live) {
  static const int64_t steps[] = {0, (int64_t)SECOND, -(int64_t)SECOND, HOUR, -HOUR};
  fv_faults_t faults = {.reply_lost = 20, .unknown = 20, .lite = 300, .repeat = 50, .delay_us_max = 8000};
  for (uint64_t seed = 720; seed < 740; seed++) {
    fv_open(&fv, seed, &faults, 0);
    fv.no_digest = true;
    fv.after_step = check_all;
    fv_start(&fv);
    for (unsigned i = 0; i < 10; i++) {
      fv_run(&fv, tg_rng_next(&fv.rng) % SECOND);
      fv.venue_clock_ns = steps[tg_rng_next(&fv.rng) % TG_ARRAY_CNT(steps)];
    }
    finish(seed);
    cr_assert_eq(tg_core_stats(fv.core)->hole_cnt, 0u, "seed %lu", seed);
    cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u, "seed %lu", seed);
    fv_close(&fv);
  }
}

static void refuse_clock(const tg_order_t *o, tg_request_t request) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, fv.now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){.client_id = o->client_id,
                                     .venue_code = -1021,
                                     .http_status = 400,
                                     .request = (uint8_t)request,
                                     .outcome = TG_OUTCOME_REFUSED};
  fv_feed(&fv, &msg);
}

Test(fault_07, a_refused_timestamp_ends_a_place_keeps_an_order_and_is_never_an_unknown) {
  fv_open(&fv, 741, NULL, 0);
  fv.stride = 0;
  fv.faults.request_lost = 1000; /* the test answers */
  fv_start(&fv);
  for (unsigned i = 0; i < 300 && fv.core->orders.open_cnt == 0; i++) fv_run(&fv, SECOND / 500);
  tg_order_t *o = &fv.core->orders.order[fv.core->orders.open_head];
  cr_assert_eq(o->state, TG_ORD_SENT);
  int64_t held = fv.core->exposure.instr[0].open_lots[o->side];
  uint64_t placed = fv.place_cnt;
  refuse_clock(o, TG_REQUEST_PLACE);
  cr_assert_eq(o->state, TG_ORD_REJECTED);
  cr_assert_lt(fv.core->exposure.instr[0].open_lots[o->side], held);
  cr_assert_eq(fv.place_cnt, placed, "not sent again in the same breath");
  fv.faults.request_lost = 0;
  fv_run(&fv, 12 * SECOND);
  for (uint32_t i = fv.core->orders.open_head; i != TG_ORDER_NIL; i = fv.core->orders.order[i].next)
    if (fv.core->orders.order[i].state == TG_ORD_LIVE) o = &fv.core->orders.order[i];
  cr_assert_eq(o->state, TG_ORD_LIVE);
  fv.faults.request_lost = 1000;
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  cr_assert_eq(o->state, TG_ORD_CANCEL_SENT);
  refuse_clock(o, TG_REQUEST_CANCEL);
  cr_assert(tg_order_is_open(o), "the cancel did not happen");
  fv.faults.request_lost = 0;
  fv_run(&fv, 12 * SECOND);
  cr_assert(tg_core_stopped(fv.core));
  fv_close(&fv);
}

/* ---- faults 14 ---- */

static uint64_t book_id;
static int64_t cum_of[1024];
static uint64_t client_of[1024];
static uint8_t ended_of[1024];

static void no_regress(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  check_all(v, in, out);
  const tg_book_t *book = &v->core->instr[0].book;
  if (tg_book_state(book) == TG_BOOK_LIVE) {
    cr_assert_geq(tg_book_last_id(book), book_id, "the book went back");
    book_id = tg_book_last_id(book);
  }
  for (uint32_t i = 0; i < v->core->orders.cap && i < 1024; i++) {
    const tg_order_t *o = &v->core->orders.order[i];
    if (o->client_id != client_of[i]) {
      client_of[i] = o->client_id;
      cum_of[i] = 0;
      ended_of[i] = 0;
    }
    cr_assert_geq(o->told_lots, cum_of[i], "a quantity went back");
    cum_of[i] = o->told_lots;
    bool by_venue = o->state == TG_ORD_FILLED || o->state == TG_ORD_CANCELED || o->state == TG_ORD_EXPIRED;
    if (ended_of[i] != 0) cr_assert_eq(o->state, ended_of[i], "revived");
    if (by_venue) ended_of[i] = o->state;
  }
}

Test(fault_14, snapshots_that_overlap_live_events_bring_nothing_back) {
  fv_faults_t faults = {.reply_lost = 20,
                        .unknown = 20,
                        .lite = 300,
                        .repeat = 50,
                        .cancel_by_venue = 1,
                        .delay_us_max = 8000,
                        .asked_us_max = 800000};
  for (uint64_t seed = 800; seed < 830; seed++) {
    book_id = 0;
    memset(client_of, 0, sizeof client_of);
    memset(cum_of, 0, sizeof cum_of);
    memset(ended_of, 0, sizeof ended_of);
    fv_open(&fv, seed, &faults, 0);
    fv.no_digest = true;
    fv.after_step = no_regress;
    fv_start(&fv);
    for (unsigned i = 0; i < 40; i++) {
      fv_run(&fv, SECOND / 5);
      if (tg_rng_next(&fv.rng) % 2) fv_cmd(&fv, TG_VERB_SYNC, TG_ROLE_OPERATOR);
      if (tg_rng_next(&fv.rng) % 8 == 0) fv_cmd(&fv, TG_VERB_RESYNC_BOOK, TG_ROLE_OPERATOR);
    }
    finish(seed);
    cr_assert_eq(fv.alarm_cnt[TG_ALARM_POSITION_DRIFT], 0u, "seed %lu", seed);
    cr_assert_eq(fv.alarm_cnt[TG_ALARM_ORPHAN_ORDER], 0u, "seed %lu", seed);
    cr_assert_eq(fv.alarm_cnt[TG_ALARM_QTY_DRIFT], 0u, "seed %lu", seed);
    cr_assert_eq(tg_core_stats(fv.core)->reopen_cnt, 0u, "seed %lu", seed);
    cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 0u, "seed %lu", seed);
    fv_close(&fv);
  }
}

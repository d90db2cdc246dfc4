#include "tests/unit/engine/market/util.h"

#define LIVE TG_BOOK_LIVE
#define SYNCING TG_BOOK_SYNCING
#define UNSYNCED TG_BOOK_UNSYNCED
#define STALE TG_BOOK_STALE

static void top_is(const test_book_t *t, int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty, uint64_t id) {
  const tg_top_t *top = tg_book_top(t->book);
  cr_assert(top->valid);
  cr_assert_eq(top->bid_px_ticks, bid);
  cr_assert_eq(top->bid_qty_lots, bid_qty);
  cr_assert_eq(top->ask_px_ticks, ask);
  cr_assert_eq(top->ask_qty_lots, ask_qty);
  cr_assert_eq(top->update_id, id);
}

static void moved(const test_book_t *t, tg_book_state_t from, tg_book_state_t to, tg_book_reason_t reason) {
  const tg_book_change_t *c = tg_book_change(t->book);
  cr_assert_eq(c->from, from);
  cr_assert_eq(c->to, to);
  cr_assert_eq(c->reason, reason, "%s", tg_book_reason_name(c->reason));
  cr_assert_eq(tg_book_state(t->book), to);
}

Test(book, bounds_of_the_settings) {
  tg_arena_t count;
  tg_arena_count(&count);
  tg_book_cfg_t cfg = test_cfg(TG_PRODUCT_USDM);
  cfg.level_cap = 63;
  cr_assert_eq(tg_book_layout(&count, NULL, &cfg), -TG_EINVAL);
  cfg = test_cfg(TG_PRODUCT_USDM);
  cfg.event_buffer_cnt = 63;
  cr_assert_eq(tg_book_layout(&count, NULL, &cfg), -TG_EINVAL);
  cfg = test_cfg(TG_PRODUCT_USDM);
  cfg.instr_idx = TG_INSTR_MAX;
  cr_assert_eq(tg_book_layout(&count, NULL, &cfg), -TG_EINVAL);
}

/* Events before the snapshot are kept; older ones dropped; the one that meets it is applied, then the rest. */
Test(book, snapshot_within_an_event) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  uint32_t ev = send_depth(&t, 10, 20, 9, 1000, 1, 0, 0);
  cr_assert_eq(ev, TG_BOOK_EV_STATE_CHANGED | TG_BOOK_EV_WANT_SNAPSHOT);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  send_depth(&t, 25, 30, 20, 1000, 2, 0, 0);
  send_depth(&t, 31, 40, 30, 1000, 3, 1002, 9);
  cr_assert_not(tg_book_top(t.book)->valid);
  ev = send_snapshot(&t, 33, 1000, 77, 1001, 5);
  cr_assert_eq(ev, TG_BOOK_EV_STATE_CHANGED | TG_BOOK_EV_TOP_CHANGED | TG_BOOK_EV_APPLIED | TG_BOOK_EV_DROPPED);
  moved(&t, SYNCING, LIVE, TG_BOOKWHY_SPLICED);
  top_is(&t, 1000, 3, 1001, 5, 40);
  const tg_book_counters_t *c = tg_book_counters(t.book);
  cr_assert_eq(c->dropped_before_sync_cnt, 2);
  cr_assert_eq(c->applied_cnt, 1);
  cr_assert_eq(c->depth_event_cnt, 3);
  cr_assert_eq(c->snapshot_cnt, 1);
  cr_assert_eq(c->spliced_cnt, 1);
  cr_assert_eq(tg_book_last_id(t.book), 40);
  cr_assert_eq(tg_book_level_cnt(t.book, TG_SELL), 2);
  test_book_close(&t);
}

/* u == L and U == L are both "U <= L <= u"; u == L - 1 is older. */
Test(book, edges_of_the_splice) {
  for (uint64_t id = 19; id <= 21; id++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    send_depth(&t, 10, 20, 9, 1000, 1, 1001, 1);
    send_snapshot(&t, id, 1000, 7, 1001, 7);
    cr_assert_eq(tg_book_state(t.book), id <= 20 ? LIVE : SYNCING);
    cr_assert_eq(tg_book_counters(t.book)->dropped_before_sync_cnt, id <= 20 ? 0 : 1);
    send_depth(&t, 21, 30, 20, 1000, 2, 0, 0);
    top_is(&t, 1000, 2, 1001, id <= 20 ? 1 : 7, 30);
    test_book_close(&t);
  }
}

/* Ids are not contiguous on futures: L may lie between u of one event and U of the next. */
Test(book, snapshot_in_the_gap_of_ids) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_COINM));
  send_depth(&t, 10, 20, 9, 1000, 1, 1001, 1);
  send_depth(&t, 30, 40, 20, 1000, 2, 0, 0);
  send_snapshot(&t, 25, 1000, 7, 1001, 7);
  top_is(&t, 1000, 2, 1001, 7, 40);
  cr_assert_eq(tg_book_counters(t.book)->dropped_before_sync_cnt, 1);
  test_book_close(&t);
}

Test(book, snapshot_before_the_first_event) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  uint32_t ev = send_snapshot(&t, 25, 1000, 7, 1001, 7);
  cr_assert_eq(ev, TG_BOOK_EV_STATE_CHANGED);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  cr_assert_not(tg_book_top(t.book)->valid);
  send_depth(&t, 10, 20, 9, 1000, 1, 1001, 1);
  cr_assert_eq(tg_book_state(t.book), SYNCING);
  send_depth(&t, 21, 22, 20, 0, 0, 0, 0);
  send_depth(&t, 30, 40, 22, 0, 0, 1001, 9);
  top_is(&t, 1000, 7, 1001, 9, 40);
  test_book_close(&t);
}

Test(book, snapshot_too_old_is_asked_again_after_the_pause) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  cr_assert(send_depth(&t, 30, 40, 28, 1000, 1, 1001, 1) & TG_BOOK_EV_WANT_SNAPSHOT);
  uint32_t ev = send_snapshot(&t, 27, 1000, 7, 1001, 7);
  cr_assert_eq(ev, TG_BOOK_EV_STATE_CHANGED);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_OLD_SNAPSHOT);
  cr_assert_eq(tg_book_counters(t.book)->snapshot_old_cnt, 1);
  cr_assert_eq(tg_book_on_time(t.book, t.now_ns), 0);
  t.now_ns += TG_NS_PER_S;
  cr_assert_eq(tg_book_on_time(t.book, t.now_ns), TG_BOOK_EV_WANT_SNAPSHOT);
  cr_assert_eq(tg_book_on_time(t.book, t.now_ns), 0);
  /* the chain was kept: a new enough snapshot meets it at once */
  send_snapshot(&t, 28, 1000, 7, 1002, 7);
  moved(&t, UNSYNCED, LIVE, TG_BOOKWHY_SPLICED);
  top_is(&t, 1000, 1, 1001, 1, 40);
  test_book_close(&t);
}

Test(book, too_old_for_the_first_event_after_it) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  send_snapshot(&t, 25, 1000, 7, 1001, 7);
  uint32_t ev = send_depth(&t, 30, 40, 28, 1000, 1, 1001, 1);
  cr_assert(ev & TG_BOOK_EV_WANT_SNAPSHOT);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_OLD_SNAPSHOT);
  send_depth(&t, 41, 42, 40, 999, 1, 0, 0);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  send_snapshot(&t, 41, 1000, 5, 1001, 5);
  top_is(&t, 1000, 5, 1001, 5, 42);
  test_book_close(&t);
}

/* Spot: first event U <= L + 1 <= u, older when u <= L, then U == previous u + 1. */
Test(book, spot_rule) {
  for (uint64_t id = 18; id <= 21; id++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_SPOT));
    send_depth(&t, 20, 20, 19, 1000, 1, 1001, 1);
    send_snapshot(&t, id, 1000, 7, 1001, 7);
    if (id == 18) {
      moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_OLD_SNAPSHOT);
    } else if (id == 19) {
      top_is(&t, 1000, 1, 1001, 1, 20);
    } else {
      cr_assert_eq(tg_book_state(t.book), SYNCING);
      cr_assert_eq(tg_book_counters(t.book)->dropped_before_sync_cnt, 1);
      send_depth(&t, 21, 21, 20, 1000, 2, 0, 0);
      cr_assert_eq(tg_book_state(t.book), id == 20 ? LIVE : SYNCING);
      send_depth(&t, 22, 25, 21, 1000, 3, 0, 0);
      top_is(&t, 1000, 3, 1001, 7, 25);
    }
    test_book_close(&t);
  }
}

Test(book, gap_starts_again_with_the_event_that_shows_it) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  send_depth(&t, 120, 130, 110, 1000, 9, 0, 0);
  top_is(&t, 1000, 9, 1001, 6, 130);
  t.now_ns += 2 * TG_NS_PER_S;
  uint32_t ev = send_depth(&t, 150, 160, 140, 999, 9, 0, 0);
  cr_assert(ev & TG_BOOK_EV_GAP);
  cr_assert(ev & TG_BOOK_EV_TOP_CHANGED);
  cr_assert(ev & TG_BOOK_EV_WANT_SNAPSHOT);
  cr_assert_not(tg_book_top(t.book)->valid);
  cr_assert_eq(tg_book_counters(t.book)->gap_cnt, 1);
  cr_assert_eq(tg_book_counters(t.book)->sync_break_cnt, 1);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START); /* its levels came in a second message */
  send_snapshot(&t, 145, 1000, 1, 1001, 1);
  top_is(&t, 1000, 1, 1001, 1, 160);
  cr_assert_eq(tg_book_qty_at(t.book, TG_BUY, 999), 9);
  test_book_close(&t);
}

/* A gap seen by an event without levels: one change of state in one message. */
Test(book, gap_by_an_empty_event) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  send_depth(&t, 150, 160, 140, 0, 0, 0, 0);
  moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_GAP);
  send_depth(&t, 161, 170, 160, 0, 0, 0, 0);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  send_depth(&t, 175, 180, 171, 0, 0, 0, 0);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_GAP);
  cr_assert_eq(tg_book_counters(t.book)->gap_cnt, 2);
  cr_assert_eq(tg_book_counters(t.book)->discarded_cnt, 2);
  test_book_close(&t);
}

Test(book, overlap_of_two_sessions_is_dropped) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  send_depth(&t, 120, 130, 110, 1000, 9, 0, 0);
  cr_assert_eq(send_depth(&t, 120, 130, 110, 1000, 9, 0, 0), TG_BOOK_EV_DROPPED);
  cr_assert_eq(send_depth(&t, 99, 110, 98, 1000, 5, 1001, 6), TG_BOOK_EV_DROPPED);
  cr_assert_eq(tg_book_counters(t.book)->dropped_old_cnt, 2);
  top_is(&t, 1000, 9, 1001, 6, 130);
  send_depth(&t, 131, 131, 130, 1000, 8, 0, 0);
  top_is(&t, 1000, 8, 1001, 6, 131);
  /* but ids that start again are noticed once the book is silent */
  tg_book_on_time(t.book, t.now_ns + 4 * TG_NS_PER_S);
  moved(&t, LIVE, STALE, TG_BOOKWHY_SILENT);
  cr_assert(send_depth(&t, 1, 5, 0, 1000, 8, 0, 0) & TG_BOOK_EV_GAP);
  test_book_close(&t);
}

Test(book, buffer_overflow) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM)); /* 64 messages: 32 events of head and one level */
  uint32_t ev = 0;
  uint64_t id = 1;
  while ((ev & TG_BOOK_EV_STATE_CHANGED) == 0 || id < 10) {
    ev = send_depth(&t, id, id, id - 1, 1000, (int64_t)id, 0, 0);
    id++;
    cr_assert_lt(id, 40);
  }
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_BUFFER_FULL);
  cr_assert_eq(tg_book_counters(t.book)->overflow_cnt, 1);
  cr_assert_eq(tg_book_counters(t.book)->discarded_cnt, 33);
  /* the next one opens a chain again; the snapshot must cover what was thrown away */
  send_depth(&t, id, id, id - 1, 1000, 50, 1001, 50);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  send_snapshot(&t, id - 2, 1000, 1, 1001, 1);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_OLD_SNAPSHOT);
  send_snapshot(&t, id - 1, 1000, 1, 1001, 1);
  top_is(&t, 1000, 50, 1001, 50, id);
  test_book_close(&t);
}

Test(book, head_before_the_last_level_is_a_cut) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  tg_msg_t msg;
  test_event_t *e = event_of(111, 120, 110, 1000, 2, 1001, 2);
  head_of(&t, e, 0, &msg);
  send(&t, &msg);
  cr_assert_not(tg_book_complete(t.book));
  send_levels(&t, e->bid, 1, 0, false);
  top_is(&t, 1000, 5, 1001, 6, 110); /* half an event is no top */
  e = event_of(121, 130, 120, 1000, 3, 0, 0);
  head_of(&t, e, 0, &msg);
  uint32_t ev = send(&t, &msg);
  cr_assert(ev & TG_BOOK_EV_CUT);
  cr_assert(ev & TG_BOOK_EV_TOP_CHANGED);
  moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_CUT);
  send_levels(&t, e->bid, 1, 0, true);
  moved(&t, UNSYNCED, SYNCING, TG_BOOKWHY_START);
  /* the snapshot must be newer than what was cut (u = 120) */
  send_snapshot(&t, 119, 1000, 1, 1001, 1);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_OLD_SNAPSHOT);
  send_snapshot(&t, 120, 1000, 1, 1001, 1);
  top_is(&t, 1000, 3, 1001, 1, 130);
  test_book_close(&t);
}

/* Fewer or more levels than promised, ids in the wrong order, prices and quantities that cannot be. */
Test(book, malformed_events) {
  for (int i = 0; i < 7; i++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    make_live(&t);
    test_event_t *e = event_of(111, 120, 110, 1000, 2, 1001, 2);
    tg_msg_t msg;
    if (i == 0) e->bid[0].qty_lots = -1;
    if (i == 1) e->bid[0].px_ticks = -5;
    if (i == 2) e->bid[0] = (tg_md_level_t){0, 5};
    if (i == 3) e->bid[0].px_ticks = TG_BOOK_PX_MAX + 1;
    if (i == 4) e->first_id = 121;
    head_of(&t, e, 0, &msg);
    if (i == 5) msg.u.md_depth.bid_cnt = 2;
    if (i == 6) msg.u.md_depth.ask_cnt = 0;
    send(&t, &msg);
    send_levels(&t, e->bid, 1, 0, false);
    t.ev = 0;
    send_levels(&t, e->ask, 1, TG_F_ASK, true);
    moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_CUT);
    cr_assert_eq(tg_book_counters(t.book)->cut_cnt, 1);
    cr_assert_eq(t.book->event.mode, 0);
    test_book_close(&t);
  }
}

Test(book, levels_without_a_head) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  test_event_t *e = event_of(111, 120, 110, 1000, 2, 1001, 2);
  t.ev = 0;
  cr_assert(send_levels(&t, e->bid, 1, 0, true) & TG_BOOK_EV_CUT);
  moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_CUT);
  test_book_close(&t);
}

/* Snapshots come on another ring: their levels may lie between those of a stream event. */
Test(book, snapshot_and_event_interleaved) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  test_event_t snapshot = *event_of(100, 100, 0, 1000, 1, 1001, 1);
  test_event_t event = *event_of(99, 110, 98, 1000, 5, 1001, 6);
  tg_msg_t msg;
  head_of(&t, &event, 0, &msg);
  send(&t, &msg);
  head_of(&t, &snapshot, TG_F_SNAPSHOT, &msg);
  send(&t, &msg);
  send_levels(&t, snapshot.bid, 1, TG_F_SNAPSHOT, false);
  send_levels(&t, event.bid, 1, 0, false);
  send_levels(&t, snapshot.ask, 1, TG_F_SNAPSHOT | TG_F_ASK, true);
  cr_assert_eq(tg_book_state(t.book), SYNCING);
  send_levels(&t, event.ask, 1, TG_F_ASK, true);
  top_is(&t, 1000, 5, 1001, 6, 110);
  test_book_close(&t);
}

/* A decoder may leave the snapshot flag off the levels. */
Test(book, snapshot_levels_without_the_flag) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  send_depth(&t, 99, 110, 98, 1000, 5, 0, 0);
  test_event_t *e = event_of(100, 100, 0, 1000, 1, 1001, 1);
  tg_msg_t msg;
  head_of(&t, e, TG_F_SNAPSHOT, &msg);
  send(&t, &msg);
  send_levels(&t, e->bid, 1, 0, false);
  send_levels(&t, e->ask, 1, TG_F_ASK, true);
  top_is(&t, 1000, 5, 1001, 1, 110);
  test_book_close(&t);
}

Test(book, cut_snapshots) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  send_depth(&t, 99, 110, 98, 1000, 5, 1001, 6);
  test_event_t *e = event_of(100, 100, 0, 1000, 1, 1001, 1);
  tg_msg_t msg;
  head_of(&t, e, TG_F_SNAPSHOT, &msg);
  msg.u.md_depth.bid_cnt = 2;
  send(&t, &msg);
  send_levels(&t, e->bid, 1, TG_F_SNAPSHOT, false);
  send_levels(&t, e->ask, 1, TG_F_SNAPSHOT | TG_F_ASK, true);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_CUT);
  head_of(&t, e, TG_F_SNAPSHOT, &msg);
  send(&t, &msg);
  e->bid[0].qty_lots = -1;
  send_levels(&t, e->bid, 1, TG_F_SNAPSHOT, false);
  send_levels(&t, e->ask, 1, TG_F_SNAPSHOT | TG_F_ASK, true);
  cr_assert_eq(tg_book_counters(t.book)->cut_cnt, 2);
  head_of(&t, e, TG_F_SNAPSHOT, &msg);
  send(&t, &msg); /* a head whose levels never come */
  send_snapshot(&t, 100, 1000, 1, 1001, 1);
  cr_assert_eq(tg_book_counters(t.book)->cut_cnt, 3);
  top_is(&t, 1000, 5, 1001, 6, 110); /* the chain had been kept */
  test_book_close(&t);
}

Test(book, snapshot_while_live_is_ignored) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  cr_assert_eq(send_snapshot(&t, 105, 900, 1, 901, 1), 0);
  cr_assert_eq(tg_book_counters(t.book)->snapshot_ignored_cnt, 1);
  top_is(&t, 1000, 5, 1001, 6, 110);
  test_book_close(&t);
}

Test(book, crossed_and_locked_books_are_broken) {
  for (int64_t bid = 1001; bid <= 1002; bid++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    make_live(&t);
    uint32_t ev = send_depth(&t, 111, 120, 110, bid, 2, 0, 0);
    cr_assert(ev & TG_BOOK_EV_CROSSED);
    cr_assert_not(ev & TG_BOOK_EV_APPLIED);
    moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_CROSSED);
    cr_assert_not(tg_book_top(t.book)->valid);
    test_book_close(&t);
  }
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  send_depth(&t, 99, 110, 98, 1005, 5, 0, 0);
  cr_assert(send_snapshot(&t, 100, 1000, 1, 1001, 1) & TG_BOOK_EV_CROSSED);
  moved(&t, SYNCING, UNSYNCED, TG_BOOKWHY_CROSSED);
  send_depth(&t, 111, 120, 110, 1005, 5, 0, 0);
  send_snapshot(&t, 112, 1005, 1, 1006, 1);
  top_is(&t, 1005, 5, 1006, 1, 120);
  test_book_close(&t);
}

Test(book, an_empty_side_has_no_top) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  uint32_t ev = send_depth(&t, 111, 120, 110, 1000, 0, 0, 0);
  cr_assert(ev & TG_BOOK_EV_TOP_CHANGED);
  cr_assert_eq(tg_book_state(t.book), LIVE);
  cr_assert_not(tg_book_top(t.book)->valid);
  send_depth(&t, 121, 121, 120, 998, 4, 0, 0);
  top_is(&t, 998, 4, 1001, 6, 121);
  test_book_close(&t);
}

Test(book, silence_and_recovery) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  uint64_t at = t.book->depth_rx_ns;
  cr_assert_eq(tg_book_on_time(t.book, at + 3 * TG_NS_PER_S), 0);
  cr_assert_eq(tg_book_on_time(t.book, at + 3 * TG_NS_PER_S + 1), TG_BOOK_EV_STATE_CHANGED | TG_BOOK_EV_TOP_CHANGED);
  moved(&t, LIVE, STALE, TG_BOOKWHY_SILENT);
  cr_assert_not(tg_book_top(t.book)->valid);
  cr_assert_eq(tg_book_on_time(t.book, at + 30 * TG_NS_PER_S), 0);
  cr_assert_eq(send_ticker(&t, 115, 1000, 1, 1001, 1) & TG_BOOK_EV_TOP_CHANGED,
               0); /* a ticker does not make the levels fresh */
  cr_assert_not(tg_book_top(t.book)->valid);
  cr_assert(send_depth(&t, 111, 112, 110, 1000, 7, 0, 0) & TG_BOOK_EV_TOP_CHANGED);
  moved(&t, STALE, LIVE, TG_BOOKWHY_FRESH);
  top_is(&t, 1000, 1, 1001, 1, 115); /* the ticker is still ahead */
  test_book_close(&t);
}

/* What breaks a LIVE book breaks a STALE one. */
Test(book, stale_breaks) {
  for (int i = 0; i < 5; i++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    make_live(&t);
    t.now_ns += 10 * TG_NS_PER_S;
    tg_book_on_time(t.book, t.now_ns);
    cr_assert_eq(tg_book_state(t.book), STALE);
    switch (i) {
      case 0:
        send_depth(&t, 130, 140, 120, 0, 0, 0, 0);
        moved(&t, STALE, UNSYNCED, TG_BOOKWHY_GAP);
        break;
      case 1:
        send_depth(&t, 111, 120, 110, 1003, 1, 0, 0);
        moved(&t, STALE, UNSYNCED, TG_BOOKWHY_CROSSED);
        break;
      case 2:
        send_link(&t, 0, 0);
        moved(&t, STALE, UNSYNCED, TG_BOOKWHY_LINK_DOWN);
        break;
      case 3:
        tg_book_resync(t.book, t.now_ns);
        moved(&t, STALE, UNSYNCED, TG_BOOKWHY_OPERATOR);
        break;
      default:
        send_levels(&t, event_of(1, 1, 1, 5, 5, 0, 0)->bid, 1, 0, true);
        moved(&t, STALE, UNSYNCED, TG_BOOKWHY_CUT);
        break;
    }
    cr_assert_eq(tg_book_counters(t.book)->sync_break_cnt, 1);
    test_book_close(&t);
  }
}

Test(book, link_down_and_up) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  cr_assert_eq(send_link(&t, 1, 1), TG_BOOK_EV_WANT_SNAPSHOT);
  make_live(&t);
  send_ticker(&t, 900, 1000, 1, 1001, 1);
  top_is(&t, 1000, 1, 1001, 1, 900);
  cr_assert_eq(send_link(&t, 1, 2), 0); /* make before break: a second session, then the first ends */
  cr_assert_eq(send_link(&t, 0, 1), 0);
  cr_assert_eq(tg_book_state(t.book), LIVE);
  cr_assert_eq(send_link(&t, 0, 2), TG_BOOK_EV_STATE_CHANGED | TG_BOOK_EV_TOP_CHANGED);
  moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_LINK_DOWN);
  t.now_ns += 5 * TG_NS_PER_S;
  cr_assert_eq(tg_book_on_time(t.book, t.now_ns), 0); /* nobody to ask for */
  cr_assert_eq(send_link(&t, 1, 3), TG_BOOK_EV_WANT_SNAPSHOT);
  /* another id space: neither a gap nor an eternal old top */
  send_depth(&t, 11, 12, 10, 50, 1, 51, 1);
  cr_assert_eq(tg_book_counters(t.book)->gap_cnt, 0);
  send_snapshot(&t, 11, 50, 3, 51, 3);
  top_is(&t, 50, 1, 51, 1, 12);
  tg_msg_t msg; /* other sessions are not our business */
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, t.now_ns);
  msg.u.link = (tg_link_t){.session = TG_SESSION_USER, .gen = 9};
  cr_assert_eq(send(&t, &msg), 0);
  test_book_close(&t);
}

Test(book, operator_resync) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  t.now_ns += 2 * TG_NS_PER_S;
  uint32_t ev = tg_book_resync(t.book, t.now_ns);
  cr_assert_eq(ev, TG_BOOK_EV_STATE_CHANGED | TG_BOOK_EV_TOP_CHANGED | TG_BOOK_EV_WANT_SNAPSHOT);
  moved(&t, LIVE, UNSYNCED, TG_BOOKWHY_OPERATOR);
  send_depth(&t, 111, 120, 110, 1000, 2, 0, 0);
  send_snapshot(&t, 115, 1000, 4, 1001, 4);
  top_is(&t, 1000, 2, 1001, 4, 120);
  cr_assert_eq(tg_book_counters(t.book)->gap_cnt, 0);
  test_book_close(&t);
}

Test(book, the_fresher_top_wins) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  send_ticker(&t, 105, 1000, 50, 1001, 50);
  make_live(&t);
  top_is(&t, 1000, 5, 1001, 6, 110);
  cr_assert_eq(send_ticker(&t, 109, 999, 1, 1000, 1), 0);
  top_is(&t, 1000, 5, 1001, 6, 110);
  cr_assert_eq(send_ticker(&t, 115, 1000, 8, 1001, 8), TG_BOOK_EV_TOP_CHANGED);
  cr_assert_eq(send_ticker(&t, 116, 1000, 8, 1001, 8), 0);
  send_depth(&t, 111, 114, 110, 1000, 7, 0, 0);
  top_is(&t, 1000, 8, 1001, 8, 116);
  send_depth(&t, 115, 118, 114, 1000, 9, 1001, 8);
  top_is(&t, 1000, 9, 1001, 8, 118);
  cr_assert_eq(send_ticker(&t, 112, 1, 1, 2, 1), 0);
  cr_assert_eq(tg_book_counters(t.book)->top_old_cnt, 2); /* 109 and 112 */
  test_book_close(&t);
}

Test(book, a_bad_ticker_is_no_top) {
  int64_t bad[][4] = {{1002, 1, 1001, 1}, {1001, 1, 1001, 1}, {0, 0, 1001, 1}, {1000, 0, 1001, 1}, {1000, 1, 0, 0}};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    make_live(&t);
    uint32_t ev = send_ticker(&t, 115, bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
    cr_assert_eq((ev & TG_BOOK_EV_CROSSED) != 0, i < 2);
    cr_assert_not(tg_book_top(t.book)->valid); /* the freshest word is that there is no market: not the one before */
    cr_assert_eq(tg_book_state(t.book), LIVE);
    cr_assert_eq(tg_book_counters(t.book)->top_bad_cnt, 1);
    send_depth(&t, 111, 114, 110, 1000, 7, 0, 0);
    cr_assert_not(tg_book_top(t.book)->valid);
    send_depth(&t, 115, 116, 114, 1000, 9, 0, 0);
    top_is(&t, 1000, 9, 1001, 6, 116);
    test_book_close(&t);
  }
}

Test(book, streams_meet_at_one_id) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  const tg_book_counters_t *c = tg_book_counters(t.book);
  send_ticker(&t, 115, 1000, 7, 1001, 6);
  send_ticker(&t, 120, 1000, 8, 1001, 6);
  send_ticker(&t, 125, 1000, 9, 1001, 6);
  cr_assert(send_depth(&t, 111, 115, 110, 1000, 7, 0, 0) & TG_BOOK_EV_SAME_U); /* the ticker runs ahead */
  cr_assert(send_depth(&t, 116, 120, 115, 1000, 88, 0, 0) & TG_BOOK_EV_UNEQUAL);
  cr_assert_eq(c->same_u_checked_cnt, 2);
  cr_assert_eq(c->same_u_equal_cnt, 1);
  send_depth(&t, 121, 130, 120, 1000, 1, 0, 0);
  send_depth(&t, 131, 140, 130, 1000, 2, 0, 0);
  cr_assert(send_ticker(&t, 130, 1000, 1, 1001, 6) & TG_BOOK_EV_SAME_U); /* the depth stream runs ahead */
  cr_assert_not(send_ticker(&t, 131, 1000, 1, 1001, 6) & TG_BOOK_EV_SAME_U);
  cr_assert(send_ticker(&t, 140, 1000, 2, 1001, 7) & TG_BOOK_EV_UNEQUAL);
  cr_assert_eq(c->same_u_checked_cnt, 4);
  cr_assert_eq(c->same_u_equal_cnt, 2);
  for (uint64_t id = 200; id < 200 + 2 * TG_BOOK_MEET_CNT; id++) send_ticker(&t, id, 1000, (int64_t)id, 1001, 6);
  cr_assert_not(send_depth(&t, 141, 200, 140, 1000, 5, 0, 0) & TG_BOOK_EV_SAME_U); /* too far ahead to remember */
  cr_assert(send_depth(&t, 201, 500, 200, 1000, 500, 0, 0) & TG_BOOK_EV_SAME_U);
  cr_assert_eq(c->same_u_equal_cnt, 3);
  test_book_close(&t);
}

Test(book, levels_far_away_and_the_cap) {
  test_book_t t = {0};
  tg_book_cfg_t cfg = test_cfg(TG_PRODUCT_USDM);
  cfg.level_cap = 100;
  test_book_open(&t, cfg);
  make_live(&t);
  test_event_t *e = event_of(111, 120, 110, 0, 0, 0, 0);
  e->bid_cnt = 99;
  e->ask_cnt = 100;
  for (uint32_t i = 0; i < 100; i++) {
    e->bid[i] = (tg_md_level_t){1 + 3 * i, 10 + i};
    e->ask[i] = (tg_md_level_t){TG_BOOK_PX_MAX - 5000000 * i, 10 + i};
  }
  uint32_t ev = send_event(&t, e, 0);
  cr_assert(ev & TG_BOOK_EV_CAP);
  cr_assert_eq(tg_book_counters(t.book)->cap_drop_cnt, 1);
  cr_assert_eq(tg_book_level_cnt(t.book, TG_BUY), 100);
  cr_assert_eq(tg_book_level_cnt(t.book, TG_SELL), 100);
  cr_assert_eq(tg_book_qty_at(t.book, TG_SELL, TG_BOOK_PX_MAX), 0); /* the farthest went */
  cr_assert_eq(tg_book_qty_at(t.book, TG_BUY, 1), 10);
  top_is(&t, 1000, 5, 1001, 6, 120);
  ev = send_depth(&t, 121, 130, 120, 999, 3, 0, 0); /* a near one in, the farthest out */
  cr_assert(ev & TG_BOOK_EV_CAP);
  cr_assert_eq(tg_book_qty_at(t.book, TG_BUY, 1), 0);
  cr_assert_eq(tg_book_qty_at(t.book, TG_BUY, 999), 3);
  tg_book_depth_t sum;
  tg_book_depth_levels(t.book, TG_BUY, 3, &sum);
  cr_assert_eq(sum.qty_lots, 5 + 3 + 108);
  cr_assert_eq(sum.last_px_ticks, 295);
  cr_assert(sum.px_qty == 1000 * 5 + 999 * 3 + 295 * 108);
  tg_book_depth_bps(t.book, TG_BUY, 10, 1000, &sum);
  cr_assert_eq(sum.level_cnt, 2);
  tg_book_depth_bps(t.book, TG_BUY, 9, 1000, &sum);
  cr_assert_eq(sum.level_cnt, 1);
  tg_book_depth_bps(t.book, TG_BUY, 10000, 1000, &sum);
  cr_assert_eq(sum.level_cnt, 100);
  tg_book_depth_bps(t.book, TG_SELL, 0, 1000, &sum);
  cr_assert_eq(sum.level_cnt, 1);
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  tg_book_levels_first(t.book, TG_SELL, &cursor);
  cr_assert(tg_book_levels_next(t.book, TG_SELL, &cursor, &level));
  cr_assert(level.px_ticks == 1001 && level.qty_lots == 6);
  test_book_close(&t);
}

Test(book, other_instruments_and_kinds_are_ignored) {
  test_book_t t = {0};
  test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
  make_live(&t);
  for (unsigned kind = 0; kind < 256; kind++) {
    tg_msg_t msg;
    tg_msg_init(&msg, kind, 4, t.now_ns);
    if (kind != TG_LINK) cr_assert_eq(send(&t, &msg), 0);
    msg.instr_idx = 3;
    if (kind != TG_LINK && kind != TG_MD_TOP && kind != TG_MD_DEPTH && kind != TG_MD_LEVELS) cr_assert_eq(send(&t, &msg), 0);
  }
  top_is(&t, 1000, 5, 1001, 6, 110);
  test_book_close(&t);
}

/* --- every row of book.def ----------------------------------------------------------------------------- */

enum { CHAIN, SNAPSHOT, SPLICED, OLD, GAP, CUT, FULL, CROSSED, DOWN, OPERATOR, SILENT, FRESH };

typedef struct row {
  int from, event, to, reason;
  const char *text;
} row_t;

static const row_t rows[] = {
#define T(from, event, to, reason) {TG_BOOK_##from, event, TG_BOOK_##to, TG_BOOKWHY_##reason, #from " " #event},
#include "engine/market/book.def"
#undef T
};

/* UNSYNCED: a chain 30..40 (pu 28) that a snapshot was too old for. SYNCING: the same chain before any snapshot. */
static void bring_to(test_book_t *t, int state) {
  send_depth(t, 30, 40, 28, 1000, 3, 1001, 3);
  if (state == SYNCING) return;
  send_snapshot(t, state == UNSYNCED ? 27 : 30, 999, 1, 1002, 1);
  t->now_ns += 10 * TG_NS_PER_S;
  if (state == STALE) t->ev = tg_book_on_time(t->book, t->now_ns);
}

static void cause(test_book_t *t, int event) {
  switch (event) {
    case CHAIN:
    case FRESH:
      send_depth(t, 41, 50, 40, 999, 7, 0, 0);
      break;
    case SNAPSHOT:
      send_snapshot(t, 60, 999, 1, 1002, 1);
      break;
    case SPLICED:
      send_snapshot(t, 30, 999, 1, 1002, 1);
      break;
    case OLD:
      send_snapshot(t, 27, 999, 1, 1002, 1);
      break;
    case GAP: { /* its head is enough */
      tg_msg_t msg;
      head_of(t, event_of(80, 90, 70, 999, 7, 0, 0), 0, &msg);
      send(t, &msg);
      break;
    }
    case CUT:
      send_levels(t, event_of(1, 1, 1, 5, 5, 0, 0)->bid, 1, 0, true);
      break;
    case FULL: {
      test_event_t *e = event_of(41, 50, 40, 0, 0, 0, 0);
      e->bid_cnt = 300;
      for (int i = 0; i < 300; i++) e->bid[i] = (tg_md_level_t){500 + i, 5};
      send_event(t, e, 0);
      break;
    }
    case CROSSED:
      if (tg_book_state(t->book) == LIVE || tg_book_state(t->book) == STALE) {
        send_depth(t, 41, 50, 40, 1001, 7, 0, 0);
      } else {
        send_snapshot(t, 30, 999, 1, 1000, 1);
      }
      break;
    case DOWN:
      t->ev = send_link(t, 0, 1);
      break;
    case OPERATOR:
      t->ev = tg_book_resync(t->book, t->now_ns);
      break;
    default:
      t->ev = tg_book_on_time(t->book, t->now_ns + 10 * TG_NS_PER_S);
      break;
  }
}

Test(book, every_row_of_the_table) {
  cr_assert_eq(TG_ARRAY_CNT(rows), 32);
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    const row_t *row = &rows[i];
    test_book_t t = {0};
    test_book_open(&t, test_cfg(TG_PRODUCT_USDM));
    bring_to(&t, row->from);
    cr_assert_eq(tg_book_state(t.book), row->from, "%s", row->text);
    uint64_t at = tg_book_change(t.book)->at_ns;
    bool was_valid = tg_book_top(t.book)->valid;
    cr_assert_eq(was_valid, row->from == LIVE, "%s", row->text);
    t.ev = 0;
    cause(&t, row->event);
    cr_assert(tg_book_check(t.book));
    cr_assert_eq(tg_book_state(t.book), row->to, "%s: %s", row->text, tg_book_state_name(t.book->state));
    cr_assert_eq(tg_book_top(t.book)->valid, row->to == LIVE, "%s", row->text);
    cr_assert_eq((t.ev & TG_BOOK_EV_STATE_CHANGED) != 0, row->from != row->to, "%s", row->text);
    if (row->from == row->to) {
      cr_assert_eq(tg_book_change(t.book)->at_ns, at, "%s", row->text);
    } else {
      cr_assert_eq(tg_book_change(t.book)->from, row->from, "%s", row->text);
      cr_assert_eq(tg_book_change(t.book)->reason, row->reason, "%s", row->text);
      cr_assert_eq((t.ev & TG_BOOK_EV_TOP_CHANGED) != 0, (row->from == LIVE) != (row->to == LIVE), "%s", row->text);
    }
    test_book_close(&t);
  }
}

/* The order machine: every pair of state and event, every interleaving of seven tokens against a slow reference, the table. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/order.h"

enum { QTY = 10, PX = 1000 };

static tg_ord_out_t apply(tg_order_t *o, uint8_t event, int64_t fill, int64_t cum) {
  tg_ord_ev_t ev = {.now_ns = 1000, .cum_lots = cum, .fill_lots = fill, .event = event};
  if (event == TG_OEV_SEND_AMEND) {
    ev.px_ticks = PX + 5;
    ev.qty_lots = QTY;
  }
  return tg_order_apply(o, &ev);
}

static tg_order_t fresh(void) {
  return (tg_order_t){.client_id = 1, .px_ticks = PX, .qty_lots = QTY, .level = 255, .drift_lots = -1};
}

/* An order brought into a state by legal events. */
static tg_order_t in_state(uint8_t state) {
  static const uint8_t path[TG_ORD_STATE_CNT][4] = {
      [TG_ORD_SENT] = {TG_OEV_SEND},
      [TG_ORD_LIVE] = {TG_OEV_SEND, TG_OEV_ACK},
      [TG_ORD_PARTIAL] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_PART},
      [TG_ORD_AMEND_SENT] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND},
      [TG_ORD_CANCEL_SENT] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_CANCEL},
      [TG_ORD_PLACE_UNKNOWN] = {TG_OEV_SEND, TG_OEV_TIMEOUT},
      [TG_ORD_AMEND_UNKNOWN] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SEND_AMEND, TG_OEV_UNKNOWN},
      [TG_ORD_REST_UNKNOWN] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_SUSPECT},
      [TG_ORD_FILLED] = {TG_OEV_SEND, TG_OEV_FULL},
      [TG_ORD_CANCELED] = {TG_OEV_SEND, TG_OEV_ACK, TG_OEV_CANCELED},
      [TG_ORD_EXPIRED] = {TG_OEV_SEND, TG_OEV_EXPIRED},
      [TG_ORD_REJECTED] = {TG_OEV_SEND, TG_OEV_REFUSE},
      [TG_ORD_GONE] = {TG_OEV_SEND, TG_OEV_TIMEOUT, TG_OEV_ABSENT},
  };
  tg_order_t o = fresh();
  for (unsigned i = 0; i < 4; i++) {
    uint8_t event = path[state][i];
    if (i > 0 && event == TG_OEV_SEND) break; /* the rest of the row is zero */
    if (state == TG_ORD_FREE) break;
    bool fill = event == TG_OEV_PART;
    bool full = event == TG_OEV_FULL;
    apply(&o, event, fill ? 1 : full ? QTY : 0, 0);
  }
  cr_assert_eq(o.state, state, "%s", tg_ord_state_name(state));
  return o;
}

Test(order, every_pair_has_a_row_or_is_a_known_hole) {
  unsigned rows = 0, holes = 0;
  for (uint8_t s = 0; s < TG_ORD_STATE_CNT; s++) {
    for (uint8_t e = 0; e < TG_OEV_CNT; e++) {
      tg_ord_out_t row = tg_order_row(s, e);
      rows += !row.hole;
      holes += row.hole;
      if (row.hole) continue;
      cr_assert(row.to < TG_ORD_STATE_CNT || row.to == TG_ORD_REST || row.to == TG_ORD_SAME);
    }
  }
  cr_log_info("%u rows, %u holes (BUG)", rows, holes);
  cr_assert_eq(rows + holes, TG_ORD_STATE_CNT * TG_OEV_CNT);
  cr_assert_eq(rows, 233u);
}

Test(order, every_row_does_what_it_says_and_keeps_the_invariants) {
  unsigned done = 0;
  for (uint8_t s = 1; s < TG_ORD_STATE_CNT; s++) {
    for (uint8_t e = 0; e < TG_OEV_CNT; e++) {
      tg_ord_out_t row = tg_order_row(s, e);
      tg_order_t o = in_state(s);
      int64_t cum = o.cum_lots;
      tg_ord_out_t out = apply(&o, e, 0, e == TG_OEV_PART ? 1 : 0);
      cr_assert(tg_order_check(&o), "%s x %s", tg_ord_state_name(s), tg_ord_event_name(e));
      cr_assert_eq(out.hole, row.hole);
      cr_assert_eq(o.cum_lots, cum);
      if (row.hole || (row.to == TG_ORD_SAME && e != TG_OEV_PART))
        cr_assert_eq(o.state, s, "%s x %s", tg_ord_state_name(s), tg_ord_event_name(e));
      if (!row.hole && row.to == TG_ORD_REST) cr_assert_eq(o.state, o.told_lots > 0 ? TG_ORD_PARTIAL : TG_ORD_LIVE);
      if (!row.hole && row.to < TG_ORD_STATE_CNT) cr_assert_eq(o.state, row.to);
      done++;
    }
  }
  cr_assert_eq(done, (TG_ORD_STATE_CNT - 1u) * TG_OEV_CNT);
}

Test(order, timers_never_end_and_the_venues_word_is_never_revived) {
  for (uint8_t s = 1; s < TG_ORD_STATE_CNT; s++) {
    tg_order_t o = in_state(s);
    bool open = tg_order_is_open(&o);
    apply(&o, TG_OEV_TIMEOUT, 0, 0);
    cr_assert_eq(tg_order_is_open(&o), open);
    for (uint8_t e = 0; e < TG_OEV_CNT; e++) {
      o = in_state(s);
      apply(&o, e, 0, 0);
      if (s == TG_ORD_FILLED || s == TG_ORD_CANCELED || s == TG_ORD_EXPIRED) cr_assert_eq(o.state, s);
    }
  }
}

Test(order, the_venues_word_ends_every_open_state) {
  for (uint8_t s = TG_ORD_SENT; s <= TG_ORD_REST_UNKNOWN; s++) {
    static const uint8_t events[] = {TG_OEV_FULL, TG_OEV_CANCELED, TG_OEV_EXPIRED, TG_OEV_DENIED};
    static const uint8_t ends[] = {TG_ORD_FILLED, TG_ORD_CANCELED, TG_ORD_EXPIRED, TG_ORD_REJECTED};
    for (unsigned i = 0; i < 4; i++) {
      tg_order_t o = in_state(s);
      apply(&o, events[i], 0, 0);
      cr_assert_eq(o.state, ends[i]);
      cr_assert_neq(o.ended_ns, 0u);
    }
    tg_order_t o = in_state(s);
    apply(&o, TG_OEV_PART, 1, 0);
    cr_assert(tg_order_is_open(&o));
    cr_assert_eq(tg_order_leaves(&o), QTY - o.cum_lots);
  }
}

/* ---- quantities and terms ---- */

Test(order, larger_amend_in_the_air_keeps_the_larger_exposure) {
  tg_order_t o = in_state(TG_ORD_LIVE);
  tg_ord_ev_t ev = {.now_ns = 1, .px_ticks = PX, .qty_lots = 25, .event = TG_OEV_SEND_AMEND};
  tg_order_apply(&o, &ev);
  cr_assert_eq(tg_order_leaves(&o), 25);
  apply(&o, TG_OEV_PART, QTY, 0); /* all of the old total: the venue may hold 15 more */
  cr_assert_eq(o.state, TG_ORD_AMEND_SENT);
  cr_assert_eq(tg_order_leaves(&o), 15);
  apply(&o, TG_OEV_FULL, 0, QTY); /* it did not */
  cr_assert_eq(o.state, TG_ORD_FILLED);
  cr_assert_eq(tg_order_leaves(&o), 0);
}

Test(order, answer_of_an_older_amend_is_not_taken_for_this_one) {
  tg_order_t o = in_state(TG_ORD_AMEND_SENT);
  tg_ord_ev_t ev = {.now_ns = 1, .px_ticks = PX - 7, .qty_lots = QTY, .event = TG_OEV_AMEND_ACK};
  tg_order_apply(&o, &ev);
  cr_assert_eq(o.state, TG_ORD_AMEND_SENT);
  cr_assert_eq(o.px_ticks, PX);
  apply(&o, TG_OEV_AMEND_ACK, 0, 0);
  cr_assert_eq(o.state, TG_ORD_LIVE);
  cr_assert_eq(o.px_ticks, PX + 5);
}

Test(order, owed_executions_keep_exposure_until_they_come) {
  tg_order_t o = in_state(TG_ORD_LIVE);
  apply(&o, TG_OEV_CANCELED, 0, 4);
  cr_assert_eq(o.state, TG_ORD_CANCELED);
  cr_assert_eq(tg_order_leaves(&o), 4);
  cr_assert_neq(o.owed_ns, 0u);
  apply(&o, TG_OEV_PART, 3, 0);
  cr_assert_eq(tg_order_leaves(&o), 1);
  apply(&o, TG_OEV_PART, 1, 0);
  cr_assert_eq(tg_order_leaves(&o), 0);
  cr_assert_eq(o.owed_ns, 0u);
  cr_assert(tg_order_check(&o));
}

Test(order, refused_order_that_shows_life_is_asked_for) {
  tg_order_t o = in_state(TG_ORD_REJECTED);
  tg_ord_out_t out = apply(&o, TG_OEV_PART, 1, 0);
  cr_assert_eq(out.action, TG_OACT_REOPEN);
  cr_assert_eq(o.state, TG_ORD_PLACE_UNKNOWN);
  cr_assert_eq(o.query_want, 1);
  cr_assert_eq(tg_order_leaves(&o), QTY - 1);
}

/* ---- the table ---- */

static void table_open(tg_order_table_t *table, uint32_t cap, tg_arena_t *arena) {
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_order_table_layout(&count, table, cap), 0);
  *arena = (tg_arena_t){.base = aligned_alloc(4096, (count.used_bytes + 4095) / 4096 * 4096), .size_bytes = count.used_bytes};
  memset(arena->base, 0, count.used_bytes);
  cr_assert_eq(tg_order_table_layout(arena, table, cap), 0);
}

static void step(tg_order_table_t *table, tg_order_t *o, uint8_t event, uint64_t now_ns, int64_t order_id) {
  int64_t before = o->order_id;
  tg_ord_ev_t ev = {.now_ns = now_ns, .order_id = order_id, .event = event};
  tg_order_apply(o, &ev);
  tg_order_settle(table, o, before);
}

Test(order, full_table_refuses_then_recycles_the_oldest_ended) {
  tg_order_table_t table;
  tg_arena_t arena;
  table_open(&table, 16, &arena);
  tg_order_t *o[16];
  for (unsigned i = 0; i < 16; i++) {
    o[i] = tg_order_new(&table, 100 + i, 0, 1);
    cr_assert_not_null(o[i]);
    o[i]->qty_lots = 1;
    step(&table, o[i], TG_OEV_SEND, 1, 0);
    step(&table, o[i], TG_OEV_ACK, 1, 500 + i);
  }
  cr_assert_null(tg_order_new(&table, 900, 0, 2));
  cr_assert_eq(table.full_cnt, 1u);
  cr_assert_null(tg_order_new(&table, 100, 0, 2), "an id in use is no new order");
  step(&table, o[3], TG_OEV_CANCELED, 10, 0);
  step(&table, o[1], TG_OEV_CANCELED, 20, 0);
  cr_assert_null(tg_order_new(&table, 901, 0, 30), "ended too lately");
  cr_assert_eq(tg_order_find(&table, 103), o[3]);
  tg_order_t *again = tg_order_new(&table, 902, 0, 10 + TG_ORDER_KEEP_NS);
  cr_assert_eq(again, o[3]);
  cr_assert_null(tg_order_find(&table, 103));
  cr_assert_null(tg_order_find_venue(&table, 0, 503));
  cr_assert_eq(tg_order_find_venue(&table, 0, 501), o[1]);
  cr_assert_eq(table.open_cnt, 15u);
  free(arena.base);
}

Test(order, hash_survives_many_rounds) {
  tg_order_table_t table;
  tg_arena_t arena;
  table_open(&table, 64, &arena);
  uint64_t now = 1, seed = 7;
  for (uint64_t id = 1; id <= 20000; id++) {
    now += TG_ORDER_KEEP_NS / 8;
    tg_order_t *o = tg_order_new(&table, id, (uint16_t)(id % 3), now);
    cr_assert_not_null(o);
    o->qty_lots = 1;
    step(&table, o, TG_OEV_SEND, now, 0);
    step(&table, o, TG_OEV_ACK, now, (int64_t)(id * 7));
    seed = seed * 6364136223846793005u + 1;
    uint64_t back = id - (seed >> 33) % (id < 20 ? id : 20);
    tg_order_t *old = tg_order_find(&table, back);
    if (old != NULL) cr_assert_eq(tg_order_find_venue(&table, (uint16_t)(back % 3), (int64_t)(back * 7)), old);
    if (id > 8) {
      old = tg_order_find(&table, id - 8);
      cr_assert_not_null(old);
      step(&table, old, TG_OEV_CANCELED, now, 0);
    }
  }
  cr_assert_eq(table.open_cnt, 8u);
  free(arena.base);
}

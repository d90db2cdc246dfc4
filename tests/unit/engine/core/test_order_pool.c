/* The pool of orders and the check of one, from their bounds; asked for by the mutation test (docs/testing.md). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/order.h"

#define NOW_NS UINT64_C(1800000000000000000)

static tg_order_t valid(uint8_t state) {
  tg_order_t o;
  memset(&o, 0, sizeof o);
  o.client_id = 1;
  o.qty_lots = 10;
  o.state = state;
  if (state == TG_ORD_PARTIAL) o.told_lots = o.cum_lots = 1;
  if (state >= TG_ORD_FILLED) o.ended_ns = 1;
  if (state >= TG_ORD_PLACE_UNKNOWN && state <= TG_ORD_REST_UNKNOWN) o.unknown_ns = 1;
  if (state == TG_ORD_SENT || state == TG_ORD_AMEND_SENT || state == TG_ORD_CANCEL_SENT) {
    o.request = state == TG_ORD_SENT ? TG_REQUEST_PLACE : state == TG_ORD_AMEND_SENT ? TG_REQUEST_AMEND : TG_REQUEST_CANCEL;
    o.request_ns = 1;
    o.want_qty_lots = state == TG_ORD_AMEND_SENT ? 5 : 0;
  }
  cr_assert(tg_order_check(&o), "state %u", state);
  return o;
}

#define BROKEN(state, change) \
  do { \
    tg_order_t o = valid(state); \
    change; \
    cr_assert(!tg_order_check(&o), "%s: %s", tg_ord_state_name(state), #change); \
  } while (0)

Test(order, every_invariant_is_looked_at) {
  tg_order_t none;
  memset(&none, 0, sizeof none);
  cr_assert(tg_order_check(&none));
  none.order_id = 1;
  cr_assert(!tg_order_check(&none));
  none.order_id = 0;
  none.cum_lots = 1;
  cr_assert(!tg_order_check(&none));
  none.cum_lots = 0;
  none.told_lots = 1;
  cr_assert(!tg_order_check(&none));
  BROKEN(TG_ORD_LIVE, o.state = TG_ORD_STATE_CNT);
  BROKEN(TG_ORD_CANCELED, o.state = TG_ORD_STATE_CNT);
  BROKEN(TG_ORD_LIVE, o.client_id = 0);
  BROKEN(TG_ORD_PARTIAL, o.told_lots = 0);
  BROKEN(TG_ORD_REST_UNKNOWN, o.cum_lots = o.told_lots = -1);
  BROKEN(TG_ORD_REST_UNKNOWN, o.cum_lots = 1);
  BROKEN(TG_ORD_REST_UNKNOWN, o.absorbed_lots = -1);
  BROKEN(TG_ORD_LIVE, o.told_lots = o.cum_lots = 1);
  BROKEN(TG_ORD_LIVE, o.request = TG_REQUEST_PLACE);
  BROKEN(TG_ORD_LIVE, o.request_ns = 1);
  BROKEN(TG_ORD_LIVE, o.ended_ns = 1);
  BROKEN(TG_ORD_PARTIAL, o.told_lots = o.cum_lots = 0);
  BROKEN(TG_ORD_SENT, o.request = TG_REQUEST_CANCEL);
  BROKEN(TG_ORD_SENT, o.request_ns = 0);
  BROKEN(TG_ORD_SENT, o.cum_lots = o.told_lots = 1);
  BROKEN(TG_ORD_AMEND_SENT, o.request = TG_REQUEST_PLACE);
  BROKEN(TG_ORD_AMEND_SENT, o.request_ns = 0);
  BROKEN(TG_ORD_AMEND_SENT, o.want_qty_lots = 0);
  BROKEN(TG_ORD_CANCEL_SENT, o.request = TG_REQUEST_PLACE);
  BROKEN(TG_ORD_CANCEL_SENT, o.request_ns = 0);
  BROKEN(TG_ORD_PLACE_UNKNOWN, o.unknown_ns = 0);
  BROKEN(TG_ORD_CANCELED, o.ended_ns = 0);
  BROKEN(TG_ORD_CANCELED, o.owed_ns = 1);
  BROKEN(TG_ORD_CANCELED, o.told_lots = 1);
}

static tg_ord_out_t apply(tg_order_t *o, uint8_t event, int64_t fill, uint64_t now_ns) {
  tg_ord_ev_t ev = {.now_ns = now_ns, .event = event, .fill_lots = fill};
  return tg_order_apply(o, &ev);
}

Test(order, answers_of_absence_count_until_a_sign_of_life) {
  tg_order_t o = valid(TG_ORD_REST_UNKNOWN);
  apply(&o, TG_OEV_NOT_FOUND, 0, 5);
  apply(&o, TG_OEV_NOT_FOUND, 0, 6);
  cr_assert_eq(o.not_found_cnt, 2u);
  apply(&o, TG_OEV_STRAY, 0, 7);
  cr_assert_eq(o.not_found_cnt, 2u);
  apply(&o, TG_OEV_PART, 1, 8);
  cr_assert_eq(o.not_found_cnt, 0u, "an execution");
  apply(&o, TG_OEV_NOT_FOUND, 0, 9);
  apply(&o, TG_OEV_AMENDED, 0, 10);
  cr_assert_eq(o.not_found_cnt, 0u, "terms");
  apply(&o, TG_OEV_ABSENT, 0, 11);
  cr_assert_eq(o.not_found_cnt, 1u);
}

Test(order, terms_are_taken_from_the_answer_to_our_amend_only) {
  tg_order_t o = valid(TG_ORD_AMEND_SENT);
  o.px_ticks = 100;
  o.want_px_ticks = 101;
  apply(&o, TG_OEV_AMENDED, 0, 5); /* names none */
  cr_assert(o.px_ticks == 100 && o.qty_lots == 10);
  apply(&o, TG_OEV_AMEND_ACK, 0, 6);
  cr_assert(o.px_ticks == 101 && o.qty_lots == 5);
}

Test(order, a_late_word_does_not_start_the_request_anew) {
  tg_order_t o = valid(TG_ORD_SENT);
  apply(&o, TG_OEV_STRAY, 0, 50);
  cr_assert(o.request_ns == 1 && o.sent_ns == 0 && o.changed_ns == 0);
}

Test(order, doubt_lasts_through_a_cancel_and_ends_with_an_answer) {
  tg_order_t o = valid(TG_ORD_LIVE);
  apply(&o, TG_OEV_SUSPECT, 0, 5);
  cr_assert(o.state == TG_ORD_REST_UNKNOWN && o.unknown_ns == 5);
  apply(&o, TG_OEV_NOT_FOUND, 0, 6);
  cr_assert_eq(o.unknown_ns, 5u, "since when, not since the last answer");
  apply(&o, TG_OEV_SEND_CANCEL, 0, 7);
  cr_assert(o.state == TG_ORD_CANCEL_SENT && o.unknown_ns == 5);
  apply(&o, TG_OEV_CANCELED, 0, 8);
  cr_assert_eq(o.unknown_ns, 0u);
  o = valid(TG_ORD_LIVE);
  apply(&o, TG_OEV_SUSPECT, 0, 5);
  apply(&o, TG_OEV_FOUND, 0, 6);
  cr_assert(o.state == TG_ORD_LIVE && o.unknown_ns == 0);
}

typedef struct pool {
  tg_arena_t arena;
  tg_order_table_t table;
} pool_t;

/* On memory of exactly its size, so that a step past the end is a step out of it. */
static pool_t pool(uint32_t cap) {
  pool_t p;
  memset(&p, 0, sizeof p);
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_order_table_layout(&count, &p.table, cap), 0);
  void *mem = aligned_alloc(64, (count.used_bytes + 63) / 64 * 64);
  memset(mem, 0, count.used_bytes);
  p.arena = (tg_arena_t){.base = mem, .size_bytes = count.used_bytes};
  cr_assert_eq(tg_order_table_layout(&p.arena, &p.table, cap), 0);
  return p;
}

static tg_order_t *live(pool_t *p, uint64_t id, int64_t order_id, uint64_t now_ns) {
  tg_order_t *o = tg_order_new(&p->table, id, 0, now_ns);
  if (!o) return NULL;
  tg_ord_ev_t ev = {.now_ns = now_ns, .event = TG_OEV_SEND};
  o->qty_lots = 10;
  tg_order_apply(o, &ev);
  tg_order_settle(&p->table, o, 0);
  ev = (tg_ord_ev_t){.now_ns = now_ns, .event = TG_OEV_ACK, .order_id = order_id};
  tg_order_apply(o, &ev);
  tg_order_settle(&p->table, o, 0);
  return o;
}

static void end(pool_t *p, tg_order_t *o, uint64_t now_ns, int64_t cum) {
  tg_ord_ev_t ev = {.now_ns = now_ns, .event = TG_OEV_CANCELED, .cum_lots = cum};
  tg_order_apply(o, &ev);
  tg_order_settle(&p->table, o, o->order_id);
}

Test(order, ids_are_taken_once_and_zero_is_none) {
  pool_t p = pool(8);
  cr_assert_null(tg_order_new(&p.table, 0, 0, NOW_NS));
  cr_assert_not_null(live(&p, 5, 50, NOW_NS));
  cr_assert_null(tg_order_new(&p.table, 5, 0, NOW_NS));
  cr_assert_null(tg_order_find_venue(&p.table, 0, 0));
  cr_assert_not_null(tg_order_find_venue(&p.table, 0, 50));
  cr_assert_null(tg_order_find_venue(&p.table, 1, 50), "another instrument's number");
  free(p.arena.base);
}

Test(order, what_is_owed_keeps_its_place_and_eight_are_looked_at) {
  pool_t p = pool(9);
  for (uint64_t i = 1; i <= 9; i++) end(&p, live(&p, i, (int64_t)i, NOW_NS), NOW_NS, i <= 8 ? 3 : 0); /* eight owe three lots */
  uint64_t later = NOW_NS + TG_ORDER_KEEP_NS;
  cr_assert_null(tg_order_new(&p.table, 100, 0, later), "the ninth is not looked at");
  cr_assert_eq(p.table.full_cnt, 1u);
  tg_order_t *first = tg_order_find(&p.table, 1);
  first->absorbed_lots = 3;
  first->reserve.active = 1;
  cr_assert_null(tg_order_new(&p.table, 100, 0, later), "its share is still held");
  first->reserve.active = 0;
  cr_assert_null(tg_order_new(&p.table, 100, 0, later - 1), "late events may still come");
  cr_assert_not_null(tg_order_new(&p.table, 100, 0, later));
  cr_assert_null(tg_order_find(&p.table, 1));
  cr_assert_null(tg_order_find_venue(&p.table, 0, 1));
  free(p.arena.base);
}

/* Thousands of orders through sixteen places: look-ups by both numbers always find what lives and nothing else. */
Test(order, look_ups_stay_right_while_places_are_used_again) {
  enum { CAP = 16, ROUNDS = 3000 };
  pool_t p = pool(CAP);
  uint64_t now = NOW_NS, seed = 7, in[CAP] = {0};
  for (uint64_t id = 1; id <= ROUNDS; id++) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    unsigned slot = (unsigned)(seed >> 33) % CAP;
    now += TG_ORDER_KEEP_NS;
    if (in[slot]) end(&p, tg_order_find(&p.table, in[slot]), now, 0);
    now += TG_ORDER_KEEP_NS;
    cr_assert_not_null(live(&p, id, (int64_t)(id * 31), now));
    in[slot] = id;
    for (unsigned k = 0; k < CAP; k++) {
      if (!in[k]) continue;
      const tg_order_t *o = tg_order_find(&p.table, in[k]);
      cr_assert(o && o->client_id == in[k] && o == tg_order_find_venue(&p.table, 0, (int64_t)(in[k] * 31)));
    }
    if (id > CAP + 1 && p.table.recycled_cnt > 0) {
      uint64_t gone = id - CAP - 1; /* sure to be overwritten or alive, never a stranger */
      const tg_order_t *o = tg_order_find(&p.table, gone);
      cr_assert(!o || o->client_id == gone);
    }
  }
  cr_assert_gt(p.table.recycled_cnt, ROUNDS / 2u);
  free(p.arena.base);
}

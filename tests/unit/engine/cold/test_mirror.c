#include <criterion/criterion.h>

#include "tests/unit/engine/cold/world.h"

Test(mirror, sees_what_happened) {
  tg_cold_names_t names = world_names();
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  cr_assert_not_null(mirror);
  world_fill_it(mirror);
  cr_assert_eq(mirror->order_open, 2);
  cr_assert_eq(mirror->symbol[0].open_orders, 2);
  cr_assert_eq(tg_mirror_find(mirror, "BTCUSDT"), 0);
  cr_assert_eq(tg_mirror_find(mirror, "ETHUSDT"), TG_INSTR_NONE);
  const tg_mirror_order_t *order = tg_mirror_order(mirror, UINT64_C(3) << 60 | 2);
  cr_assert_not_null(order);
  cr_assert_not(order->open);
  cr_assert_eq(order->first_ns, 202);
  cr_assert_eq(order->last_ns, 300);
  cr_assert_eq(mirror->counts.fills, 1);
  cr_assert_eq(mirror->counts.maker_fills, 1);
  cr_assert_eq(mirror->counts.gate_first[22][1], 1);
  cr_assert_eq(mirror->counts.gate_any[22], 1);
  cr_assert_eq(mirror->counts.gate_any[26], 1);
  cr_assert_eq(mirror->counts.blocked[3][TG_INTENT_INCREASE_RISK], 1);
  cr_assert_eq(mirror->state, 3);
  cr_assert_eq(mirror->counts.transition[2][3][7], 1);
  cr_assert(mirror->link[TG_SESSION_ORDER].known);
  cr_assert_eq(mirror->counts.alarm[TG_ALARM_PNL_DRIFT], 1);
  tg_mirror_free(mirror);
}

Test(mirror, orders_stay_bounded_and_findable) {
  tg_cold_names_t names = world_names();
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  for (uint64_t i = 1; i <= 50000; i++) {
    world_order(mirror, i, 1, i);
    if (i > 500) world_order(mirror, i - 500, 6, i); /* five hundred are open at any time */
    if (i % 1000) continue;
    uint32_t used = 0;
    for (uint32_t slot = 0; slot < TG_MIRROR_ORDERS; slot++) used += mirror->order[slot].used;
    cr_assert_eq(used, mirror->order_used);
    for (uint64_t id = i > 500 ? i - 499 : 1; id <= i; id++) {
      const tg_mirror_order_t *order = tg_mirror_order(mirror, id);
      cr_assert_not_null(order, "order %llu is lost", (unsigned long long)id);
      cr_assert(order->open);
    }
  }
  cr_assert_eq(mirror->order_open, 500);
  cr_assert_eq(mirror->order_used, 500 + TG_MIRROR_ENDED);
  cr_assert_eq(mirror->counts.orders_dropped, 0);
  tg_mirror_free(mirror);
}

static const char *one_unknown(unsigned state) {
  return state == 2 ? "REST_UNKNOWN" : "LIVE";
}

Test(mirror, an_unknown_order_shows_its_age_and_how_often_it_was_asked_for) {
  tg_cold_names_t names = world_names();
  names.order_state = one_unknown;
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  world_order(mirror, 7, 1, 100);
  const tg_mirror_order_t *order = tg_mirror_order(mirror, 7);
  cr_assert_eq(order->unknown_ns, 0u);
  world_order(mirror, 7, 2, 200);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_QUERY, 0, 210);
  msg.u.out_query.client_id = 7;
  tg_mirror_on_msg(mirror, &msg);
  tg_mirror_on_msg(mirror, &msg);
  world_order(mirror, 7, 2, 300);
  cr_assert_eq(order->unknown_ns, 200u);
  cr_assert_eq(order->ask_cnt, 2u);
  world_order(mirror, 7, 1, 400);
  cr_assert_eq(order->unknown_ns, 0u);
  tg_mirror_free(mirror);
}

Test(mirror, a_full_table_counts_what_it_drops) {
  tg_cold_names_t names = world_names();
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  for (uint64_t i = 1; i <= TG_MIRROR_ORDERS + 10; i++) world_order(mirror, i, 1, i);
  cr_assert_eq(mirror->counts.orders_dropped, 11);
  cr_assert_eq(mirror->order_used, TG_MIRROR_ORDERS - 1);
  tg_mirror_free(mirror);
}

Test(mirror, keeps_its_own_copy_of_the_book) {
  tg_cold_names_t names = world_names();
  tg_book_cfg_t book = {.level_cap = 64, .event_buffer_cnt = 64, .snapshot_retry_ns = 1000};
  tg_mirror_t *mirror = tg_mirror_new(&names, &book);
  world_symbol(mirror);
  cr_assert_not_null(mirror->symbol[0].book);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, 5);
  msg.u.link.session = TG_SESSION_PUBLIC;
  msg.u.link.up = 1;
  tg_mirror_on_msg(mirror, &msg);
  for (uint64_t event = 0; event < 3; event++) { /* one event, a snapshot, the event that continues it */
    tg_msg_init(&msg, TG_MD_DEPTH, 0, 10 + event);
    bool snapshot = event == 1;
    if (snapshot) msg.flags = TG_F_SNAPSHOT;
    msg.u.md_depth.first_id = snapshot ? 100 : event == 0 ? 95 : 101;
    msg.u.md_depth.last_id = event == 0 ? 100 : snapshot ? 100 : 105;
    msg.u.md_depth.prev_id = event == 0 ? 94 : 100;
    if (snapshot) msg.u.md_depth.first_id = msg.u.md_depth.last_id = 98;
    msg.u.md_depth.bid_cnt = msg.u.md_depth.ask_cnt = 1;
    tg_mirror_on_msg(mirror, &msg);
    for (int ask = 0; ask < 2; ask++) {
      tg_msg_init(&msg, TG_MD_LEVELS, 0, 10 + event);
      msg.flags = (uint8_t)((ask ? TG_F_ASK | TG_F_LAST : 0) | (snapshot ? TG_F_SNAPSHOT : 0));
      msg.u.md_levels.level[0].px_ticks = 600000 + ask;
      msg.u.md_levels.level[0].qty_lots = (int64_t)(event + 1);
      tg_mirror_on_msg(mirror, &msg);
    }
  }
  cr_assert_eq(tg_book_state(mirror->symbol[0].book), TG_BOOK_LIVE);
  cr_assert_eq(tg_book_qty_at(mirror->symbol[0].book, TG_BUY, 600000), 3);
  cr_assert_eq(mirror->counts.book_updates, 2);
  tg_mirror_free(mirror);
}

Test(mirror, survives_every_kind_with_any_bytes) {
  tg_cold_names_t names = world_names();
  tg_book_cfg_t book = {.level_cap = 64, .event_buffer_cnt = 64, .snapshot_retry_ns = 1000};
  tg_mirror_t *mirror = tg_mirror_new(&names, &book);
  world_symbol(mirror);
  uint64_t rng = 99;
  for (int i = 0; i < 200000; i++) {
    tg_msg_t msg;
    for (size_t b = 0; b < sizeof msg; b++) {
      rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407u;
      ((uint8_t *)&msg)[b] = (uint8_t)(rng >> 56);
    }
    msg.ts_ns = (uint64_t)i;
    if (msg.kind == TG_CFG_SYMBOL) continue; /* names and scales come from our own codec */
    if (i % 2) msg.instr_idx = 0;
    tg_mirror_on_msg(mirror, &msg);
  }
  cr_assert_gt(mirror->counts.odd, 0);
  cr_assert_leq(mirror->order_used, TG_MIRROR_ORDERS);
  tg_mirror_free(mirror);
}

/* util.h - hand-made messages for the market tests. */
#ifndef TG_TESTS_MARKET_UTIL_H
#define TG_TESTS_MARKET_UTIL_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/base/err.h"
#include "engine/market/book.h"

/* A seeded generator (splitmix64): tests repeat. */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

#define MAX_LEVELS 4000

typedef struct test_event {
  uint64_t first_id, last_id, prev_id;
  uint32_t bid_cnt, ask_cnt;
  tg_md_level_t bid[MAX_LEVELS], ask[MAX_LEVELS];
} test_event_t;

typedef struct test_book {
  tg_arena_t arena;
  tg_book_t *book;
  uint64_t now_ns;
  uint32_t ev; /* of the last call(s) */
} test_book_t;

static inline void test_book_open(test_book_t *t, tg_book_cfg_t cfg) {
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_book_layout(&count, NULL, &cfg), 0);
  cr_assert_eq(tg_arena_map(&t->arena, count.used_bytes), 0);
  t->book = calloc(1, sizeof *t->book);
  cr_assert_eq(tg_book_layout(&t->arena, t->book, &cfg), 0);
  cr_assert_eq(tg_arena_seal(&t->arena), 0);
  t->now_ns = 1000 * (uint64_t)TG_NS_PER_S;
}

static inline void test_book_close(test_book_t *t) {
  tg_arena_unmap(&t->arena);
  free(t->book);
}

static inline tg_book_cfg_t test_cfg(uint8_t product) {
  return (tg_book_cfg_t){.instr_idx = 3,
                         .product = product,
                         .level_cap = 1024,
                         .event_buffer_cnt = 64,
                         .stale_ns = 3 * TG_NS_PER_S,
                         .snapshot_retry_ns = TG_NS_PER_S};
}

static inline uint32_t send(test_book_t *t, const tg_msg_t *msg) {
  uint32_t ev = tg_book_on_msg(t->book, msg);
  cr_assert(tg_book_check(t->book));
  t->ev |= ev;
  return ev;
}

static inline uint32_t send_levels(test_book_t *t, const tg_md_level_t *level, uint32_t cnt, uint8_t flags, bool last) {
  for (uint32_t i = 0; i < cnt; i += TG_LEVELS_PER_MSG) {
    tg_msg_t msg;
    tg_msg_init(&msg, TG_MD_LEVELS, 3, t->now_ns);
    uint32_t n = cnt - i < TG_LEVELS_PER_MSG ? cnt - i : TG_LEVELS_PER_MSG;
    memcpy(msg.u.md_levels.level, &level[i], n * sizeof *level);
    msg.flags = flags | (uint8_t)(last && i + n == cnt ? TG_F_LAST : 0);
    send(t, &msg);
  }
  return t->ev;
}

static inline void head_of(test_book_t *t, const test_event_t *e, uint8_t flags, tg_msg_t *msg) {
  tg_msg_init(msg, TG_MD_DEPTH, 3, t->now_ns);
  msg->flags = flags | (uint8_t)(e->bid_cnt + e->ask_cnt == 0 ? TG_F_LAST : 0);
  msg->u.md_depth = (tg_md_depth_t){.first_id = e->first_id,
                                    .last_id = e->last_id,
                                    .prev_id = e->prev_id,
                                    .venue_ms = (int64_t)(t->now_ns / 1000000),
                                    .bid_cnt = e->bid_cnt,
                                    .ask_cnt = e->ask_cnt};
}

/* A whole event (flags 0) or snapshot (TG_F_SNAPSHOT). Returns all EV bits it caused. */
static inline uint32_t send_event(test_book_t *t, const test_event_t *e, uint8_t flags) {
  tg_msg_t msg;
  t->ev = 0;
  t->now_ns += 1000000;
  head_of(t, e, flags, &msg);
  send(t, &msg);
  send_levels(t, e->bid, e->bid_cnt, flags, e->ask_cnt == 0);
  return send_levels(t, e->ask, e->ask_cnt, flags | TG_F_ASK, true);
}

/* One level a side; cnt < 0 leaves the side out. */
static inline test_event_t *event_of(uint64_t first_id, uint64_t last_id, uint64_t prev_id, int64_t bid, int64_t bid_qty,
                                     int64_t ask, int64_t ask_qty) {
  static test_event_t e;
  e.first_id = first_id;
  e.last_id = last_id;
  e.prev_id = prev_id;
  e.bid_cnt = bid > 0;
  e.ask_cnt = ask > 0;
  e.bid[0] = (tg_md_level_t){bid, bid_qty};
  e.ask[0] = (tg_md_level_t){ask, ask_qty};
  return &e;
}

static inline uint32_t send_depth(test_book_t *t, uint64_t first_id, uint64_t last_id, uint64_t prev_id, int64_t bid,
                                  int64_t bid_qty, int64_t ask, int64_t ask_qty) {
  return send_event(t, event_of(first_id, last_id, prev_id, bid, bid_qty, ask, ask_qty), 0);
}

static inline uint32_t send_snapshot(test_book_t *t, uint64_t id, int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty) {
  return send_event(t, event_of(id, id, 0, bid, bid_qty, ask, ask_qty), TG_F_SNAPSHOT);
}

static inline uint32_t send_ticker(test_book_t *t, uint64_t id, int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty) {
  tg_msg_t msg;
  t->now_ns += 1000;
  tg_msg_init(&msg, TG_MD_TOP, 3, t->now_ns);
  msg.u.md_top = (tg_md_top_t){
      .bid_px_ticks = bid, .bid_qty_lots = bid_qty, .ask_px_ticks = ask, .ask_qty_lots = ask_qty, .update_id = id};
  return send(t, &msg);
}

static inline uint32_t send_link(test_book_t *t, uint8_t up, uint32_t gen) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, t->now_ns);
  msg.u.link = (tg_link_t){.session = TG_SESSION_PUBLIC, .up = up, .gen = gen};
  return send(t, &msg);
}

/* 100/200 events of a USDT-M stream up to a LIVE book: snapshot id 100, event 99..110 (pu 98). */
static inline void make_live(test_book_t *t) {
  send_depth(t, 99, 110, 98, 1000, 5, 1001, 6);
  send_snapshot(t, 100, 1000, 4, 1001, 4);
  cr_assert_eq(tg_book_state(t->book), TG_BOOK_LIVE);
}

#endif

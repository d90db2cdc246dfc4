/* Market data on the hot lane: frames to messages, and what the core hears when its ring had no room. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/venue/bn_feed.h"
#include "fake_hot.h"

enum { RING = 64, PUBLIC_SOCK = 0, MARKET_SOCK = 2 };

typedef struct world {
  fake_hot_t *fake;
  tg_arena_t arena;
  tg_bn_feed_t feed;
  tg_spsc_t ring;
  tg_symtab_t tab;
  tg_handoff_t *handoff[2][TG_HOT_SLOTS];
  uint64_t now_ns;
  tg_msg_t got[RING * 4];
  int got_cnt;
} world_t;

static const char TOP[] =
    "{\"e\":\"bookTicker\",\"u\":7,\"s\":\"BTCUSDT\",\"b\":\"61240.0\",\"B\":\"4.213\",\"a\":\"61240.1\",\"A\":\"1.789\",\"T\":"
    "1,"
    "\"E\":2}";
static const char TRADE[] =
    "{\"stream\":\"btcusdt@aggTrade\",\"data\":{\"e\":\"aggTrade\",\"E\":3,\"a\":9,\"s\":\"BTCUSDT\",\"p\":\"61240.1\",\"q\":"
    "\"0."
    "215\",\"f\":1,\"l\":2,\"T\":3,\"m\":true}}";

static void turn(world_t *w) {
  w->now_ns += TG_HOT_TICK_NS;
  cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0);
  tg_bn_feed_tick(&w->feed, w->now_ns);
}

static void adopt(world_t *w, tg_session_t session, uint8_t slot, uint32_t gen) {
  w->handoff[session == TG_SESSION_MARKET][slot]->gen = gen;
  tg_msg_t msg = fh_adopt(session, slot, gen);
  tg_bn_feed_ctl(&w->feed, &msg, w->now_ns);
}

static world_t *make(void) {
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64);
  memset(w, 0, sizeof *w);
  w->fake = fh_new();
  cr_assert_eq(tg_arena_map(&w->arena, 32u << 20), 0);
  cr_assert_eq(tg_spsc_layout(&w->arena, &w->ring, RING), 0);
  cr_assert_eq(tg_bn_feed_layout(&w->arena, &w->feed, &w->fake->io, 0), 0);
  for (int i = 0; i < 4; i++) w->handoff[i / 2][i % 2] = fh_handoff(0);
  tg_bn_feed_init(&w->feed, &w->ring, &w->tab, w->handoff[0], w->handoff[1]);
  tg_symtab_init(&w->tab); /* filled after init, as the cold lane does */
  cr_assert_eq(tg_symtab_add(&w->tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, (tg_scale_t){1, 1}, (tg_scale_t){3, 1}), 0);
  w->now_ns = 1000;
  adopt(w, TG_SESSION_PUBLIC, 0, 1);
  adopt(w, TG_SESSION_MARKET, 0, 1);
  turn(w);
  return w;
}

static void drop(world_t *w) {
  fh_free(w->fake);
  for (int i = 0; i < 4; i++) free(w->handoff[i / 2][i % 2]);
  tg_arena_unmap(&w->arena);
  free(w);
}

static void take(world_t *w) {
  w->got_cnt = 0;
  while (tg_spsc_get(&w->ring, &w->got[w->got_cnt]) == 0) w->got_cnt++;
}

/* A depth event with `levels` bids. */
static const char *depth(int levels) {
  static char text[16384];
  int n =
      snprintf(text, sizeof text, "{\"e\":\"depthUpdate\",\"E\":1,\"T\":2,\"s\":\"BTCUSDT\",\"U\":5,\"u\":6,\"pu\":4,\"b\":[");
  for (int i = 0; i < levels; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s[\"%d.0\",\"1.000\"]", i ? "," : "", 60000 - i);
  snprintf(text + n, sizeof text - (size_t)n, "],\"a\":[]}");
  return text;
}

Test(bn_feed, frames_of_both_routes_reach_the_ring) {
  world_t *w = make();
  take(w);
  cr_assert_eq(w->got_cnt, 2);
  cr_assert(w->got[0].kind == TG_LINK && w->got[0].u.link.session == TG_SESSION_PUBLIC && w->got[0].u.link.up);
  cr_assert(w->got[1].kind == TG_LINK && w->got[1].u.link.session == TG_SESSION_MARKET && w->got[1].u.link.up);
  fh_say(w->fake, PUBLIC_SOCK, TOP);
  fh_say(w->fake, PUBLIC_SOCK, depth(4));
  fh_say(w->fake, MARKET_SOCK, TRADE);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 5);
  cr_assert_eq(w->got[0].kind, TG_MD_TOP);
  cr_assert_eq(w->got[0].u.md_top.bid_px_ticks, 612400);
  cr_assert_eq(w->got[0].ts_ns, w->now_ns);
  cr_assert_eq(w->got[1].kind, TG_MD_DEPTH);
  cr_assert_eq(w->got[1].u.md_depth.gen, 1);
  cr_assert_eq(w->got[1].u.md_depth.bid_cnt, 4);
  cr_assert(w->got[2].kind == TG_MD_LEVELS && w->got[3].kind == TG_MD_LEVELS && (w->got[3].flags & TG_F_LAST));
  cr_assert_eq(w->got[4].kind, TG_MD_TRADE);
  cr_assert_eq(w->feed.frame_cnt, 3);
  cr_assert_eq(w->feed.error_cnt, 0);
  drop(w);
}

Test(bn_feed, undecodable_frames_are_counted_and_no_more) {
  world_t *w = make();
  take(w);
  fh_say(w->fake, PUBLIC_SOCK, "{\"e\":\"bookTicker\",\"u\":");
  fh_say(w->fake, PUBLIC_SOCK, "\xC3\xA4");
  fh_say(w->fake, PUBLIC_SOCK,
         "{\"e\":\"bookTicker\",\"u\":7,\"s\":\"BTCUSDT\",\"b\":\"61240.05\",\"B\":\"4\",\"a\":\"61241\",\"A\":\"1\"}");
  fh_say(w->fake, PUBLIC_SOCK, "{\"e\":\"noSuchEvent\",\"s\":\"BTCUSDT\"}");
  fh_say(w->fake, PUBLIC_SOCK, "{\"result\":null,\"id\":3}");
  fh_say(w->fake, PUBLIC_SOCK, TOP);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1, "%d", w->got_cnt);
  cr_assert_eq(w->got[0].kind, TG_MD_TOP);
  cr_assert_eq(w->feed.error_cnt, 3);
  cr_assert_eq(w->feed.frame_cnt, 6);
  cr_assert_eq(w->feed.md.cnt.unknown_event, 1);
  cr_assert_eq(w->feed.md.cnt.control_ok, 1);
  cr_assert(w->feed.session[TG_FEED_PUBLIC].up, "a bad frame is no reason to end a session");
  drop(w);
}

Test(bn_feed, an_event_without_room_is_dropped_whole_and_told) {
  world_t *w = make();
  take(w);
  for (int i = 0; i < RING - 5; i++) fh_say(w->fake, PUBLIC_SOCK, TOP);
  turn(w);
  fh_say(w->fake, PUBLIC_SOCK, depth(15)); /* a head and five lines: five have room */
  turn(w);
  cr_assert_eq(w->feed.dropped_event_cnt, 1);
  cr_assert(w->feed.overflowed[TG_FEED_PUBLIC]);
  cr_assert_not(w->feed.overflowed[TG_FEED_MARKET]);
  fh_say(w->fake, PUBLIC_SOCK, TOP); /* this one would fit, but the core does not know of the loss yet */
  fh_say(w->fake, MARKET_SOCK, TRADE);
  turn(w);
  cr_assert_eq(w->feed.dropped_event_cnt, 2);
  take(w);
  cr_assert_eq(w->got_cnt, RING - 4);
  for (int i = 0; i < RING - 5; i++) cr_assert_eq(w->got[i].kind, TG_MD_TOP);
  cr_assert_eq(w->got[RING - 5].kind, TG_MD_TRADE, "the other session goes on");
  turn(w);
  fh_say(w->fake, PUBLIC_SOCK, TOP);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 3);
  cr_assert(w->got[0].kind == TG_LINK && !w->got[0].u.link.up && w->got[0].u.link.reason == TG_EFULL);
  cr_assert(w->got[1].kind == TG_LINK && w->got[1].u.link.up && w->got[1].u.link.gen == 1);
  cr_assert_eq(w->got[0].u.link.session, TG_SESSION_PUBLIC);
  cr_assert_eq(w->got[2].kind, TG_MD_TOP);
  cr_assert_not(w->feed.overflowed[TG_FEED_PUBLIC]);
  drop(w);
}

Test(bn_feed, a_session_that_dies_full_keeps_its_reason) {
  world_t *w = make();
  for (int i = 0; i < RING; i++) fh_say(w->fake, PUBLIC_SOCK, TOP);
  turn(w);
  cr_assert(w->feed.overflowed[TG_FEED_PUBLIC]);
  w->fake->sock[PUBLIC_SOCK].eof = true;
  turn(w);
  turn(w);
  cr_assert_not(w->feed.session[TG_FEED_PUBLIC].up);
  take(w);
  turn(w);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  cr_assert(w->got[0].kind == TG_LINK && !w->got[0].u.link.up);
  cr_assert_eq(w->got[0].u.link.reason, TG_ETRUNCATED, "cold dials again for this, and would not for EFULL");
  drop(w);
}

Test(bn_feed, messages_carry_their_own_generation) {
  world_t *w = make();
  take(w);
  fh_say(w->fake, PUBLIC_SOCK, depth(1));
  turn(w);
  adopt(w, TG_SESSION_PUBLIC, 1, 2);
  turn(w);
  fh_say(w->fake, PUBLIC_SOCK + 1, depth(1));
  fh_say(w->fake, PUBLIC_SOCK, depth(1)); /* of the former one, which is closing: not ours any more */
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 5);
  cr_assert(w->got[0].kind == TG_MD_DEPTH && w->got[0].u.md_depth.gen == 1);
  cr_assert(w->got[2].kind == TG_LINK && w->got[2].u.link.up && w->got[2].u.link.gen == 2);
  cr_assert(w->got[3].kind == TG_MD_DEPTH && w->got[3].u.md_depth.gen == 2);
  drop(w);
}

Test(bn_feed, control_messages_of_others_are_passed_over) {
  world_t *w = make();
  take(w);
  tg_msg_t msg = fh_adopt(TG_SESSION_ORDER, 0, 9);
  tg_bn_feed_ctl(&w->feed, &msg, w->now_ns);
  tg_msg_init(&msg, TG_CTL_CLOCK, TG_INSTR_NONE, 0);
  tg_bn_feed_ctl(&w->feed, &msg, w->now_ns);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 0);
  drop(w);
}

/* faults.md row 3, on the hot lane: a session that hangs is found by what its application says, not by pings, not by sends that
 * succeed; a session that merely has nothing to tell is left alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/venue/bn_feed.h"
#include "engine/venue/bn_gateway.h"
#include "engine/venue/hot_session.h"
#include "fake_hot.h"

#define MS ((uint64_t)TG_NS_PER_MS)
#define PROBE "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}"

typedef struct world {
  fake_hot_t *fake;
  tg_arena_t arena;
  tg_hot_session_t session;
  tg_spsc_t ring;
  tg_handoff_t *handoff[TG_HOT_SLOTS];
  int messages, downs;
  uint64_t now_ns;
} world_t;

static void on_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  (void)payload;
  (void)len;
  (void)now_ns;
  (void)gen;
  ((world_t *)user)->messages++;
}

static void on_down(void *user, uint64_t now_ns) {
  (void)now_ns;
  ((world_t *)user)->downs++;
}

static world_t *make(uint64_t probe_ns, uint64_t silent_ns) {
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64);
  memset(w, 0, sizeof *w);
  tg_conn_cfg_t cfg;
  tg_conn_cfg_defaults(&cfg);
  w->fake = fh_new();
  cr_assert_eq(tg_arena_map(&w->arena, 16u << 20), 0);
  cr_assert_eq(tg_spsc_layout(&w->arena, &w->ring, 64), 0);
  cr_assert_eq(tg_hot_session_layout(&w->arena, &w->session, &w->fake->io, 2, &cfg), 0);
  for (int i = 0; i < TG_HOT_SLOTS; i++) w->handoff[i] = fh_handoff(5);
  tg_hot_session_init(&w->session, TG_SESSION_PUBLIC, &w->ring, w->handoff, on_message, on_down, w);
  tg_hot_session_silence(&w->session, PROBE, sizeof PROBE - 1, probe_ns, silent_ns);
  w->now_ns = 1000 * MS;
  tg_msg_t msg = fh_adopt(TG_SESSION_PUBLIC, 0, 5);
  tg_hot_session_ctl(&w->session, &msg, w->now_ns);
  return w;
}

static void drop(world_t *w) {
  fh_free(w->fake);
  for (int i = 0; i < TG_HOT_SLOTS; i++) free(w->handoff[i]);
  tg_arena_unmap(&w->arena);
  free(w);
}

static void pass(world_t *w, uint64_t ms) {
  for (uint64_t i = 0; i < ms; i++) {
    w->now_ns += MS;
    cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0);
    tg_hot_session_tick(&w->session, w->now_ns);
  }
}

/* The last LINK in the ring; false: none. */
static bool last_link(world_t *w, tg_link_t *out) {
  tg_msg_t msg;
  bool found = false;
  while (tg_spsc_get(&w->ring, &msg) == 0) {
    if (msg.kind == TG_LINK) *out = msg.u.link, found = true;
  }
  return found;
}

static int probes(world_t *w) {
  char text[FH_TEXT_BYTES];
  int cnt = 0;
  for (uint8_t op; (op = fh_heard(w->fake, 2, text)) != 0;) cnt += op == TG_WS_TEXT && strcmp(text, PROBE) == 0;
  return cnt;
}

Test(fault_03, a_half_open_session_is_given_up_within_its_bound) {
  world_t *w = make(1000 * MS, 6000 * MS);
  tg_link_t link;
  pass(w, 5900); /* sends succeed all the while: a dead peer's kernel takes them */
  cr_assert(w->session.up);
  cr_assert_geq(probes(w), 4);
  pass(w, 200);
  cr_assert_not(w->session.up);
  cr_assert(last_link(w, &link));
  cr_assert_eq(link.up, 0);
  cr_assert_eq(link.gen, 5);
  cr_assert_eq(link.reason, TG_ESTALE, "a reason of its own");
  cr_assert_eq(w->downs, 1, "what is under way on it is told unknown");
  cr_assert_null(tg_hot_session_conn(&w->session), "nothing is sent on it any more");
  pass(w, 2000);
  cr_assert_eq(w->downs, 1);
  drop(w);
}

Test(fault_03, pings_are_no_life) {
  world_t *w = make(1000 * MS, 6000 * MS);
  uint64_t start_ns = w->now_ns;
  while (w->session.up && w->now_ns < start_ns + 20000 * MS) {
    fh_frame(w->fake, 2, TG_WS_PING, "p", 1);
    fh_frame(w->fake, 2, TG_WS_PONG, "", 0);
    pass(w, 100);
  }
  uint64_t took_ms = (w->now_ns - start_ns) / MS;
  printf("fault_03: pings only: given up after %llu ms (bound 6000 ms)\n", (unsigned long long)took_ms);
  cr_assert_not(w->session.up);
  cr_assert_gt(w->session.conn[0].count.rx_pings, 50);
  drop(w);
}

Test(fault_03, a_quiet_market_is_no_fault) {
  world_t *w = make(1000 * MS, 6000 * MS);
  tg_link_t link;
  for (int s = 0; s < 120; s++) { /* two minutes without one event; the application answers when asked */
    pass(w, 1000);
    if (probes(w)) fh_say(w->fake, 2, "{\"result\":[\"btcusdt@depth\"],\"id\":1}");
    cr_assert(last_link(w, &link), "a beat each second");
  }
  cr_assert(w->session.up);
  cr_assert_eq(w->downs, 0);
  cr_assert_eq(link.up, 1);
  cr_assert_lt(w->now_ns - link.last_app_ns, 3000 * MS, "the core is told of the answers");
  drop(w);
}

Test(fault_03, a_pause_of_the_venue_holds_questions_and_verdict) {
  world_t *w = make(1000 * MS, 6000 * MS);
  w->session.hold_until_ns = w->now_ns + 30000 * MS; /* a ban: nothing may leave */
  pass(w, 29900);
  cr_assert(w->session.up);
  cr_assert_eq(probes(w), 0);
  pass(w, 3000);
  cr_assert_geq(probes(w), 1, "asked again behind its end");
  pass(w, 4000);
  cr_assert_not(w->session.up);
  drop(w);
}

Test(fault_03, a_busy_session_is_asked_nothing) {
  world_t *w = make(1000 * MS, 6000 * MS);
  for (int i = 0; i < 100; i++) {
    fh_say(w->fake, 2, "{}");
    pass(w, 100);
  }
  cr_assert_eq(probes(w), 0);
  cr_assert_eq(w->messages, 100);
  drop(w);
}

Test(fault_03, bounds_of_zero_are_off) {
  world_t *w = make(0, 0);
  pass(w, 30000);
  cr_assert(w->session.up);
  cr_assert_eq(probes(w), 0);
  drop(w);
}

/* What the stages ask is understood as no event and no error. */
Test(fault_03, answers_to_the_questions_are_no_events) {
  static tg_symtab_t tab;
  static tg_msg_t mem[64];
  tg_msg_batch_t out = {mem, 0, 64};
  tg_symtab_init(&tab);
  static const char stream[] = "{\"result\":[\"btcusdt@depth@100ms\"],\"id\":1}";
  static tg_bn_md_t md;
  tg_bn_md_init(&md, &tab);
  cr_assert_eq(tg_bn_md_decode(&md, stream, sizeof stream - 1, 1, &out), 0);
  cr_assert_eq(md.cnt.control_ok, 1);
  static tg_bn_api_t api;
  cr_assert_eq(tg_bn_api_init(&api, &tab, NULL, 0, NULL, false, 3000), 0);
  static const char status[] = "{\"id\":\"l0\",\"status\":200,\"result\":{\"apiKey\":null,\"authorizedSince\":null}}";
  tg_bn_api_info_t info;
  cr_assert_geq(tg_bn_api_decode(&api, status, sizeof status - 1, 1, &out, &info), 0);
  cr_assert_eq(out.cnt, 0);
  cr_assert_eq(info.kind, 'l');
}

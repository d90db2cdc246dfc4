/* One session's life on the cold lane: dial, first words, hand-over, end, pause, budget, rotation. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/venue/bn_sup.h"
#include "venue_peer.h"

typedef struct world {
  tg_arena_t arena;
  tg_io_t io;
  tg_netcold_t *net;
  tg_tls_t *tls;
  vp_t *venue;
  tg_retry_budget_t budget;
  tg_bn_sup_t sup;
  uint64_t shift_ns;
  tg_msg_t ctl[64];
  int ctl_cnt;
  int failures, last_err;
  char last_reason[256];
  const char *hello;
  int answer_rc, answers;
} world_t;

static uint64_t now(const world_t *w) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec + w->shift_ns;
}

static int ctl(void *user, const tg_msg_t *msg) {
  world_t *w = user;
  cr_assert_lt(w->ctl_cnt, 64);
  w->ctl[w->ctl_cnt++] = *msg;
  return 0;
}

static size_t hello(void *user, tg_bn_sup_t *sup, char *buf, size_t cap, uint64_t now_ns) {
  world_t *w = user;
  (void)sup;
  (void)now_ns;
  int n = snprintf(buf, cap, "%s", w->hello);
  return (size_t)n;
}

static int answer(void *user, tg_bn_sup_t *sup, const char *text, size_t len, uint64_t now_ns) {
  world_t *w = user;
  (void)sup;
  (void)now_ns;
  cr_assert(len > 0 && text[0] == '{');
  w->answers++;
  return w->answer_rc;
}

static void failed(void *user, tg_bn_sup_t *sup, int err, const char *reason) {
  world_t *w = user;
  (void)sup;
  w->failures++;
  w->last_err = err;
  snprintf(w->last_reason, sizeof w->last_reason, "%s", reason ? reason : "");
}

static world_t *make(enum leaf_kind leaf, uint16_t port) {
  static const tg_bn_sup_ops_t ops = {ctl, hello, answer, failed};
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64); /* messages inside are whole cache lines */
  memset(w, 0, sizeof *w);
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cr_assert_eq(tg_arena_map(&w->arena, 8u << 20), 0);
  cr_assert_eq(tg_io_layout(&w->arena, &w->io, &cfg), 0);
  cr_assert_eq(tg_io_setup(&w->io), 0);
  cr_assert_eq(tg_io_enable(&w->io), 0);
  w->net = tg_netcold_new(&w->io);
  char text[256];
  int err;
  w->tls = tg_tls_new(certs_ca_file(), &err, text, sizeof text);
  cr_assert_not_null(w->tls, "%s", text);
  if (port == 0) w->venue = vp_start(leaf);
  tg_retry_budget_init(&w->budget, 100, 300 * (uint64_t)TG_NS_PER_S);
  w->hello = "";
  w->answer_rc = 1;
  cr_assert_eq(tg_bn_sup_open(&w->sup, TG_SESSION_MARKET, w->net, &ops, w, &w->budget, 100 * (uint64_t)TG_NS_PER_MS,
                              10 * (uint64_t)TG_NS_PER_S, 7, 23 * 3600 * (uint64_t)TG_NS_PER_S),
               0);
  tg_bn_sup_target(&w->sup, "localhost", port ? port : vp_port(w->venue), w->tls, 5000);
  cr_assert_eq(tg_bn_sup_path(&w->sup, "/a", 2), 0);
  w->sup.wanted = true;
  return w;
}

static void drop(world_t *w) {
  tg_bn_sup_close(&w->sup);
  tg_netcold_free(w->net);
  tg_tls_free(w->tls);
  tg_io_close(&w->io);
  tg_arena_unmap(&w->arena);
  if (w->venue) vp_stop(w->venue);
  free(w);
}

static void turn(world_t *w) {
  cr_assert_geq(tg_io_turn(&w->io, now(w), 200000), 0);
  tg_netcold_turn(w->net, now(w));
  tg_bn_sup_turn(&w->sup, now(w));
}

static void turns(world_t *w, int cnt) {
  for (int i = 0; i < cnt; i++) turn(w);
}

/* Turns until *flag >= value; false after 20 s. */
static bool until(world_t *w, const int *flag, int value) {
  uint64_t limit = now(w) - w->shift_ns + UINT64_C(20000000000);
  while (*flag < value && now(w) - w->shift_ns < limit) turn(w);
  return *flag >= value;
}

/* The hot lane's word; on up it keeps the descriptor, which here is closed. */
static bool hot_says(world_t *w, uint32_t gen, bool up, uint8_t reason) {
  tg_link_t link = {.session = TG_SESSION_MARKET, .up = up, .gen = gen, .reason = reason};
  return tg_bn_sup_link(&w->sup, &link, now(w));
}

static uint32_t take(world_t *w, int no) {
  const tg_ctl_adopt_t *a = &w->ctl[no].u.ctl_adopt;
  cr_assert_eq(w->ctl[no].kind, TG_CTL_ADOPT);
  cr_assert_eq(a->session, TG_SESSION_MARKET);
  const tg_handoff_t *h = w->sup.handoff[a->slot];
  cr_assert_eq(h->gen, a->gen);
  cr_assert(h->tls && h->fd >= 0);
  cr_assert_eq(h->user_tag, TG_SESSION_MARKET);
  close(h->fd);
  return a->gen;
}

Test(bn_sup, dials_hands_over_and_hears_that_it_is_up) {
  world_t *w = make(LEAF_GOOD, 0);
  w->sup.wanted = false;
  turns(w, 10);
  cr_assert_eq(vp_seen(w->venue, "WS ", NULL, 0), 0, "not wanted");
  w->sup.wanted = true;
  cr_assert(until(w, &w->ctl_cnt, 1), "%s", w->last_reason);
  uint32_t gen = take(w, 0);
  cr_assert_eq(gen, 1);
  cr_assert_eq(vp_seen(w->venue, "WS /a", NULL, 0), 1);
  turns(w, 20);
  cr_assert_eq(w->sup.dial_cnt, 1, "waits for the hot lane's word");
  cr_assert_not(w->sup.up);
  cr_assert(hot_says(w, gen, true, 0));
  cr_assert(w->sup.up && w->sup.ever_up);
  cr_assert_not(hot_says(w, gen, true, 0), "a beat is no news");
  turns(w, 20);
  cr_assert_eq(w->sup.dial_cnt, 1);
  cr_assert_eq(w->failures, 0);
  drop(w);
}

Test(bn_sup, first_words_come_before_the_hand_over) {
  world_t *w = make(LEAF_GOOD, 0);
  w->hello = "{\"method\":\"session.logon\"}";
  w->answer_rc = 0; /* wait for more */
  cr_assert(until(w, &w->answers, 1));
  cr_assert_eq(vp_seen(w->venue, "SAID {\"method\":\"session.logon\"}", NULL, 0), 1);
  turns(w, 20);
  cr_assert_eq(w->ctl_cnt, 0);
  drop(w);
  w = make(LEAF_GOOD, 0);
  w->hello = "{\"method\":\"session.logon\"}";
  cr_assert(until(w, &w->ctl_cnt, 1));
  cr_assert_eq(w->answers, 1);
  close(w->sup.handoff[0]->fd);
  drop(w);
}

Test(bn_sup, a_refused_logon_is_a_failure) {
  world_t *w = make(LEAF_GOOD, 0);
  w->hello = "{\"method\":\"session.logon\"}";
  w->answer_rc = -TG_EAUTH;
  cr_assert(until(w, &w->failures, 2), "and it is tried again");
  cr_assert_eq(w->ctl_cnt, 0);
  cr_assert_geq(w->sup.backoff.failures, 2);
  drop(w);
}

Test(bn_sup, failures_pause_longer_and_longer) {
  world_t *w = make(LEAF_GOOD, vp_closed_port());
  cr_assert(until(w, &w->failures, 1));
  cr_assert_eq(w->last_err, -TG_EREFUSED);
  uint64_t former_ns = 0;
  for (int i = 1; i <= 4; i++) {
    uint64_t pause_ns = w->sup.backoff.next_ns - now(w);
    cr_assert_gt(pause_ns, former_ns / 2, "equal jitter: at least half of twice as long");
    former_ns = pause_ns;
    turns(w, 5);
    cr_assert_eq(w->failures, i, "not before its time");
    w->shift_ns += pause_ns;
    cr_assert(until(w, &w->failures, i + 1));
  }
  cr_assert_eq(w->sup.dial_cnt, 5);
  drop(w);
}

Test(bn_sup, a_wrong_authority_is_told_as_such) {
  world_t *w = make(LEAF_OTHER_CA, 0);
  cr_assert(until(w, &w->failures, 1));
  cr_assert_eq(w->last_err, -TG_ECERT, "%s", w->last_reason);
  drop(w);
}

Test(bn_sup, a_spent_budget_stops_the_dialling) {
  world_t *w = make(LEAF_GOOD, vp_closed_port());
  tg_retry_budget_init(&w->budget, 3, 300 * (uint64_t)TG_NS_PER_S);
  for (int i = 1; i <= 3; i++) {
    cr_assert(until(w, &w->failures, i));
    w->shift_ns += 20 * (uint64_t)TG_NS_PER_S;
  }
  turns(w, 20);
  cr_assert_eq(w->failures, 3);
  cr_assert_gt(w->budget.refused_cnt, 0u);
  w->shift_ns += 300 * (uint64_t)TG_NS_PER_S; /* the window has passed */
  cr_assert(until(w, &w->failures, 4));
  drop(w);
}

Test(bn_sup, an_end_is_dialled_again_with_a_new_generation) {
  world_t *w = make(LEAF_GOOD, 0);
  cr_assert(until(w, &w->ctl_cnt, 1));
  uint32_t gen = take(w, 0);
  hot_says(w, gen, true, 0);
  /* messages lost for want of room: the session itself is well */
  cr_assert_not(hot_says(w, gen, false, TG_EFULL));
  cr_assert(w->sup.up);
  cr_assert_not(hot_says(w, gen, true, 0));
  cr_assert_not(hot_says(w, gen, false, TG_ETRUNCATED));
  cr_assert_not(w->sup.up);
  cr_assert_eq(w->failures, 1);
  cr_assert_eq(w->last_err, -TG_ETRUNCATED);
  w->shift_ns += TG_NS_PER_S;
  cr_assert(until(w, &w->ctl_cnt, 2));
  cr_assert_neq(w->ctl[1].u.ctl_adopt.slot, w->ctl[0].u.ctl_adopt.slot);
  uint32_t next = take(w, 1);
  cr_assert_gt(next, gen);
  cr_assert_not(hot_says(w, gen, false, TG_ETRUNCATED), "an old one's end is no news");
  cr_assert(hot_says(w, next, true, 0));
  cr_assert_eq(w->sup.backoff.failures, 0, "it proved itself: the next pause is short again");
  drop(w);
}

Test(bn_sup, an_adoption_that_failed_is_a_failure_whatever_its_reason) {
  static const uint8_t reason[] = {TG_EBUSY, TG_EFULL, TG_EINVAL};
  for (size_t i = 0; i < TG_ARRAY_CNT(reason); i++) {
    world_t *w = make(LEAF_GOOD, 0);
    cr_assert(until(w, &w->ctl_cnt, 1));
    uint32_t gen = take(w, 0);
    cr_assert_not(hot_says(w, gen, false, reason[i]));
    cr_assert_eq(w->failures, 1);
    cr_assert_eq(w->sup.slot_gen[0] | w->sup.slot_gen[1], 0, "the slot is ours again");
    turns(w, 3);
    cr_assert_eq(w->sup.dial_cnt, 1, "with a pause");
    w->shift_ns += TG_NS_PER_S;
    cr_assert(until(w, &w->ctl_cnt, 2));
    take(w, 1);
    drop(w);
  }
}

Test(bn_sup, an_old_session_is_replaced_before_it_ends) {
  world_t *w = make(LEAF_GOOD, 0);
  cr_assert(until(w, &w->ctl_cnt, 1));
  uint32_t gen = take(w, 0);
  hot_says(w, gen, true, 0);
  w->shift_ns += 22 * 3600 * (uint64_t)TG_NS_PER_S;
  turns(w, 20);
  cr_assert_eq(w->sup.dial_cnt, 1);
  w->shift_ns += 3600 * (uint64_t)TG_NS_PER_S + TG_NS_PER_S;
  cr_assert(until(w, &w->ctl_cnt, 2));
  cr_assert(w->sup.up, "the first one is up all the while");
  uint32_t next = take(w, 1);
  cr_assert(hot_says(w, next, true, 0));
  turns(w, 20);
  cr_assert_eq(w->sup.dial_cnt, 2, "its age counts from now");
  cr_assert_eq(w->sup.up_gen, next);
  /* a replacement that the hot lane refuses leaves the session up, and is tried again */
  w->shift_ns += 24 * 3600 * (uint64_t)TG_NS_PER_S;
  cr_assert(until(w, &w->ctl_cnt, 3));
  hot_says(w, take(w, 2), false, TG_EBUSY);
  cr_assert(w->sup.up);
  w->shift_ns += TG_NS_PER_S;
  cr_assert(until(w, &w->ctl_cnt, 4));
  cr_assert(hot_says(w, take(w, 3), true, 0));
  drop(w);
}

Test(bn_sup, renew_replaces_whatever_was_begun_before) {
  world_t *w = make(LEAF_GOOD, 0);
  tg_bn_sup_renew(&w->sup); /* nothing was begun */
  cr_assert(until(w, &w->ctl_cnt, 1));
  /* while the first one is on its way to the hot lane, the path changes */
  cr_assert_eq(tg_bn_sup_path(&w->sup, "/b", 2), 0);
  tg_bn_sup_renew(&w->sup);
  hot_says(w, take(w, 0), true, 0);
  cr_assert(until(w, &w->ctl_cnt, 2));
  cr_assert_eq(vp_seen(w->venue, "WS /b", NULL, 0), 1);
  hot_says(w, take(w, 1), true, 0);
  turns(w, 30);
  cr_assert_eq(w->sup.dial_cnt, 2);
  drop(w);
}

Test(bn_sup, both_slots_with_the_hot_lane_wait) {
  world_t *w = make(LEAF_GOOD, 0);
  w->sup.slot_gen[0] = 901; /* two hand-overs that nobody has answered: cannot come of the supervisor's own doing */
  w->sup.slot_gen[1] = 902;
  turns(w, 20);
  cr_assert_eq(w->sup.dial_cnt, 0, "nothing is dialled that could not be handed over");
  hot_says(w, 901, false, TG_EBUSY);
  hot_says(w, 902, false, TG_EBUSY);
  w->shift_ns += TG_NS_PER_S;
  cr_assert(until(w, &w->ctl_cnt, 1));
  take(w, 0);
  drop(w);
}

Test(bn_sup, a_path_that_is_too_long_changes_nothing) {
  world_t *w = make(LEAF_GOOD, 0);
  static char path[TG_BN_PATH_BYTES + 1];
  memset(path, '/', sizeof path);
  cr_assert_eq(tg_bn_sup_path(&w->sup, path, TG_BN_PATH_BYTES), -TG_ESIZE);
  cr_assert_str_eq(w->sup.path, "/a");
  cr_assert_eq(tg_bn_sup_path(&w->sup, path, TG_BN_PATH_BYTES - 1), 0);
  drop(w);
}

/* A session on the hot lane: what the reader of its ring is told, over adoption, rotation, ends and a ring without room. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/venue/hot_session.h"
#include "fake_hot.h"

enum { RING = 8 };

typedef struct world {
  fake_hot_t *fake;
  tg_arena_t arena;
  tg_hot_session_t session;
  tg_spsc_t ring;
  tg_handoff_t *handoff[TG_HOT_SLOTS];
  char log[4096]; /* "<gen>:<text>|" per message */
  int downs;
  uint64_t now_ns;
} world_t;

static void on_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  world_t *w = user;
  cr_assert_eq(now_ns, w->now_ns);
  size_t at = strlen(w->log);
  snprintf(w->log + at, sizeof w->log - at, "%u:%.*s|", gen, (int)len, (const char *)payload);
}

static void on_down(void *user, uint64_t now_ns) {
  world_t *w = user;
  (void)now_ns;
  w->downs++;
}

static world_t *make(void) {
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64);
  memset(w, 0, sizeof *w);
  tg_conn_cfg_t cfg;
  tg_conn_cfg_defaults(&cfg);
  w->fake = fh_new();
  cr_assert_eq(tg_arena_map(&w->arena, 16u << 20), 0);
  cr_assert_eq(tg_spsc_layout(&w->arena, &w->ring, RING), 0);
  cr_assert_eq(tg_hot_session_layout(&w->arena, &w->session, &w->fake->io, 2, &cfg), 0);
  for (int i = 0; i < TG_HOT_SLOTS; i++) w->handoff[i] = fh_handoff(0);
  tg_hot_session_init(&w->session, TG_SESSION_MARKET, &w->ring, w->handoff, on_message, on_down, w);
  w->now_ns = 1000;
  return w;
}

static void drop(world_t *w) {
  fh_free(w->fake);
  for (int i = 0; i < TG_HOT_SLOTS; i++) free(w->handoff[i]);
  tg_arena_unmap(&w->arena);
  free(w);
}

static void turns_of(world_t *w, int cnt, uint64_t step_ns) {
  for (int i = 0; i < cnt; i++) {
    w->now_ns += step_ns;
    cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0);
    tg_hot_session_tick(&w->session, w->now_ns);
  }
}

static void turns(world_t *w, int cnt) {
  turns_of(w, cnt, TG_HOT_TICK_NS);
}

static void adopt(world_t *w, uint8_t slot, uint32_t gen) {
  w->handoff[slot]->gen = gen;
  tg_msg_t msg = fh_adopt(TG_SESSION_MARKET, slot, gen);
  tg_hot_session_ctl(&w->session, &msg, w->now_ns);
}

static void ctl_close(world_t *w, uint32_t gen) {
  tg_msg_t msg = fh_adopt(TG_SESSION_MARKET, 0, gen);
  msg.kind = TG_CTL_CLOSE;
  tg_hot_session_ctl(&w->session, &msg, w->now_ns);
}

/* "up1 down1/ECLOSED ..." of everything in the ring. */
static const char *told(world_t *w) {
  static char text[1024];
  text[0] = '\0';
  tg_msg_t msg;
  while (tg_spsc_get(&w->ring, &msg) == 0) {
    size_t at = strlen(text);
    if (msg.kind != TG_LINK) {
      snprintf(text + at, sizeof text - at, "%smsg", at ? " " : "");
      continue;
    }
    cr_assert_eq(msg.u.link.session, TG_SESSION_MARKET);
    cr_assert_eq(msg.instr_idx, TG_INSTR_NONE);
    const tg_link_t *link = &msg.u.link;
    if (link->up)
      snprintf(text + at, sizeof text - at, "%sup%u", at ? " " : "", (unsigned)link->gen);
    else
      snprintf(text + at, sizeof text - at, "%sdown%u/%s", at ? " " : "", (unsigned)link->gen, tg_err_name(-(int)link->reason));
  }
  return text;
}

static void fill(world_t *w) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_TRADE, 0, 1);
  while (tg_spsc_put(&w->ring, &msg) == 0) {
  }
}

/* The conn that carries the session, as number of a registered slot. */
static int sock_of(const world_t *w) {
  return 2 + w->session.current;
}

Test(hot_session, adopted_session_is_told_and_speaks) {
  world_t *w = make();
  cr_assert_null(tg_hot_session_conn(&w->session));
  const char *frame = "\x81\x02hi";
  memcpy(w->handoff[0]->cipher, frame, 4); /* came before the hand-over */
  w->handoff[0]->cipher_len = 4;
  adopt(w, 0, 7);
  cr_assert_str_eq(told(w), "up7");
  cr_assert_not_null(tg_hot_session_conn(&w->session));
  turns(w, 1);
  fh_say(w->fake, sock_of(w), "there");
  fh_frame(w->fake, sock_of(w), TG_WS_BINARY, "no", 2);
  turns(w, 1);
  cr_assert_str_eq(w->log, "7:hi|7:there|");
  cr_assert_str_eq(told(w), "");
  /* once a second: still up, with the time of the last byte */
  uint64_t last_ns = w->now_ns;
  w->now_ns += TG_LINK_BEAT_NS;
  turns(w, 1);
  tg_msg_t msg;
  cr_assert_eq(tg_spsc_get(&w->ring, &msg), 0);
  cr_assert(msg.kind == TG_LINK && msg.u.link.up && msg.u.link.gen == 7);
  cr_assert_eq(msg.u.link.last_rx_ns, last_ns);
  turns_of(w, 10, TG_LINK_BEAT_NS / 11);
  cr_assert_str_eq(told(w), "");
  turns_of(w, 3, TG_LINK_BEAT_NS);
  cr_assert_str_eq(told(w), "up7 up7 up7");
  drop(w);
}

Test(hot_session, every_end_has_its_reason) {
  static const struct {
    const char *what, *reason;
  } row[] = {{"end of stream without a mark", "down7/ETRUNCATED"},
             {"close frame", "down7/ECLOSED"},
             {"reset", "down7/ETRUNCATED"},
             {"malformed frame", "down7/EPROTO"},
             {"closed by us", "down7/ECLOSED"}};
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    world_t *w = make();
    adopt(w, 0, 7);
    turns(w, 1);
    cr_assert_str_eq(told(w), "up7");
    ctl_close(w, 6); /* of another generation: nothing */
    turns(w, 2);
    cr_assert_str_eq(told(w), "");
    fh_sock_t *sock = &w->fake->sock[sock_of(w)];
    if (i == 0) sock->eof = true;
    if (i == 1) fh_frame(w->fake, sock_of(w), TG_WS_CLOSE, "\x03\xe8", 2);
    if (i == 2) sock->rx_error = -ECONNRESET;
    if (i == 3) fh_frame(w->fake, sock_of(w), 3, "x", 1);
    if (i == 4) ctl_close(w, 7);
    for (int j = 0; j < 700 && w->session.up; j++) turns(w, 1);
    cr_assert_str_eq(told(w), row[i].reason, "%s", row[i].what);
    cr_assert_eq(w->downs, 1, "%s", row[i].what);
    turns_of(w, 3, TG_LINK_BEAT_NS);
    cr_assert_str_eq(told(w), "", "a dead session does not beat");
    cr_assert_null(tg_hot_session_conn(&w->session));
    for (int j = 0; j < TG_HOT_SLOTS; j++) cr_assert(tg_conn_free(&w->session.conn[j]));
    adopt(w, 1, 8); /* and the slot can be used again */
    cr_assert_str_eq(told(w), "up8");
    drop(w);
  }
}

Test(hot_session, make_before_break) {
  world_t *w = make();
  adopt(w, 0, 1);
  turns(w, 1);
  int former = sock_of(w);
  fh_say(w->fake, former, "old");
  turns(w, 1);
  cr_assert_str_eq(told(w), "up1");
  adopt(w, 1, 2);
  cr_assert_str_eq(told(w), "up2", "the new one first, and no end of the old one");
  cr_assert_neq(sock_of(w), former);
  turns(w, 1);
  fh_say(w->fake, sock_of(w), "new");
  turns(w, 2);
  cr_assert_str_eq(w->log, "1:old|2:new|");
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, former, text), TG_WS_CLOSE);
  fh_frame(w->fake, former, TG_WS_CLOSE, "\x03\xe8", 2);
  turns(w, 3);
  cr_assert(tg_conn_free(&w->session.conn[former - 2]));
  cr_assert_eq(w->fake->sock[former].closes, 1);
  cr_assert_str_eq(told(w), "");
  cr_assert_eq(w->downs, 0);
  cr_assert(w->session.up && w->session.gen == 2);
  adopt(w, 0, 3); /* and back */
  cr_assert_str_eq(told(w), "up3");
  /* a peer that never answers the close is cut after the grace */
  turns_of(w, 8, 100 * (uint64_t)TG_NS_PER_MS);
  cr_assert(tg_conn_free(&w->session.conn[w->session.current ^ 1u]));
  drop(w);
}

Test(hot_session, a_lingering_session_is_heard_out) {
  world_t *w = make();
  w->session.linger_ns = 10 * TG_HOT_TICK_NS;
  adopt(w, 0, 1);
  turns(w, 1);
  int former = sock_of(w);
  adopt(w, 1, 2);
  turns(w, 1);
  fh_say(w->fake, former, "late answer");
  fh_say(w->fake, sock_of(w), "new");
  turns(w, 1);
  cr_assert_not_null(strstr(w->log, "1:late answer|"));
  cr_assert_not_null(strstr(w->log, "2:new|"));
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, former, text), 0, "not closed yet");
  turns(w, 12);
  cr_assert_eq(fh_heard(w->fake, former, text), TG_WS_CLOSE);
  w->fake->sock[former].eof = true;
  turns(w, 3);
  cr_assert(tg_conn_free(&w->session.conn[former - 2]));
  cr_assert_str_eq(told(w), "up1 up2");
  drop(w);
}

Test(hot_session, adoption_with_both_slots_taken_is_refused_and_told) {
  world_t *w = make();
  w->session.linger_ns = TG_NS_PER_S;
  adopt(w, 0, 1);
  turns(w, 1);
  adopt(w, 1, 2);
  turns(w, 1);
  int closed = w->fake->fds_closed;
  adopt(w, 0, 3);
  cr_assert_str_eq(told(w), "up1 up2 down3/EBUSY");
  cr_assert_eq(w->fake->fds_closed, closed + 1, "the refused descriptor is closed");
  cr_assert(w->session.up && w->session.gen == 2);
  cr_assert_eq(w->downs, 0);
  turns(w, 4); /* the lingering one was hurried: room again */
  adopt(w, 0, 4);
  cr_assert_str_eq(told(w), "up4");
  drop(w);
}

Test(hot_session, adoption_that_the_queue_refuses_keeps_the_former) {
  world_t *w = make();
  adopt(w, 0, 1);
  turns(w, 1);
  w->fake->queue_full = true;
  adopt(w, 1, 2);
  cr_assert_str_eq(told(w), "up1 down2/EFULL");
  cr_assert(w->session.up && w->session.gen == 1);
  w->fake->queue_full = false;
  fh_say(w->fake, sock_of(w), "still here");
  turns(w, 2);
  cr_assert_str_eq(w->log, "1:still here|");
  drop(w);
}

Test(hot_session, a_full_ring_delays_the_news_in_their_order) {
  world_t *w = make();
  fill(w);
  adopt(w, 0, 1);
  turns(w, 1);
  w->fake->sock[sock_of(w)].eof = true;
  turns(w, 4);
  cr_assert_eq(w->downs, 1);
  adopt(w, 1, 2);
  turns(w, 1);
  cr_assert_str_eq(told(w), "msg msg msg msg msg msg msg msg");
  /* before the next tick a message comes: the news go first */
  fh_say(w->fake, sock_of(w), "x");
  w->now_ns++;
  cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0);
  cr_assert_str_eq(told(w), "up1 down1/ETRUNCATED up2");
  cr_assert_str_eq(w->log, "2:x|");
  drop(w);
}

Test(hot_session, a_full_ring_drops_only_beats) {
  world_t *w = make();
  adopt(w, 0, 1);
  cr_assert_str_eq(told(w), "up1");
  fill(w);
  turns_of(w, 3, TG_LINK_BEAT_NS);
  cr_assert_eq(w->session.link_dropped_cnt, 3);
  cr_assert_eq(w->session.owed_cnt, 0);
  drop(w);
}

Test(hot_session, a_gap_is_told_only_of_a_living_session) {
  world_t *w = make();
  tg_hot_session_gap(&w->session, TG_EFULL, w->now_ns);
  cr_assert_str_eq(told(w), "");
  adopt(w, 0, 1);
  turns(w, 1);
  tg_hot_session_gap(&w->session, TG_EFULL, w->now_ns);
  cr_assert_str_eq(told(w), "up1 down1/EFULL up1");
  /* the session dies while the ring is full: the gap must not hide why (a reader of EFULL would wait for ever) */
  fill(w);
  w->fake->sock[sock_of(w)].eof = true;
  turns(w, 3);
  cr_assert_not(w->session.up);
  cr_assert_eq(strncmp(told(w), "msg", 3), 0);
  tg_hot_session_gap(&w->session, TG_EFULL, w->now_ns);
  turns(w, 1);
  cr_assert_str_eq(told(w), "down1/ETRUNCATED");
  drop(w);
}

/* A housekeeping that waited a second kept orders that met a full submission queue for as long. */
Test(hot_session, bytes_without_a_queue_entry_leave_within_a_tick) {
  world_t *w = make();
  adopt(w, 0, 1);
  turns(w, 2);
  tg_conn_t *conn = tg_hot_session_conn(&w->session);
  uint8_t *p = tg_conn_tx_begin(conn, 16);
  cr_assert_not_null(p);
  memcpy(p, "order", 5);
  w->fake->queue_full = true;
  cr_assert_eq(tg_conn_tx_commit(conn, 5, w->now_ns), -TG_EFULL);
  w->fake->queue_full = false;
  turns(w, 2);
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, sock_of(w), text), TG_WS_TEXT);
  cr_assert_str_eq(text, "order");
  drop(w);
}

/* Anything in any order: the reader's picture follows, and in the end it is the truth. */
Test(hot_session, the_reader_is_never_left_with_a_wrong_picture) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    world_t *w = make();
    tg_rng_t rng;
    tg_rng_seed(&rng, seed);
    uint32_t gen = 0, reader_gen = 0, pending = 0;
    bool reader_up = false;
    for (int step = 0; step < 300; step++) {
      bool last = step >= 290;
      uint64_t dice = tg_rng_below(&rng, 100);
      if (last) dice = 99;
      if (dice < 8 && !pending) { /* cold hands over when it has heard what became of the one before */
        pending = ++gen;
        adopt(w, (uint8_t)(gen & 1), gen);
      } else if (dice < 14) {
        w->fake->sock[sock_of(w)].eof = true;
      } else if (dice < 18) {
        tg_hot_session_gap(&w->session, TG_EFULL, w->now_ns);
        if (w->session.owed_cnt > 4) dice = 99; /* a stage recovers only when there is room */
      } else if (dice < 30) {
        fill(w);
      } else if (dice < 34) {
        w->fake->queue_full = !w->fake->queue_full;
      }
      if (last) w->fake->queue_full = false;
      turns_of(w, 1, tg_rng_below(&rng, 4) ? TG_HOT_TICK_NS : 300 * (uint64_t)TG_NS_PER_MS);
      if (dice < 60) continue;
      tg_msg_t msg;
      while (tg_spsc_get(&w->ring, &msg) == 0) {
        if (msg.kind != TG_LINK) continue;
        const tg_link_t *link = &msg.u.link;
        if (link->gen == pending) pending = 0;
        cr_assert_leq(link->gen, gen);
        if (link->up) {
          cr_assert_geq(link->gen, reader_gen, "seed %llu: an old session came back", (unsigned long long)seed);
          reader_up = true;
          reader_gen = link->gen;
        } else if (link->gen == reader_gen) {
          reader_up = false;
        }
      }
    }
    cr_assert_eq(w->session.owed_cnt, 0);
    cr_assert_eq(pending, 0, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(reader_up, w->session.up, "seed %llu", (unsigned long long)seed);
    if (reader_up) cr_assert_eq(reader_gen, w->session.gen);
    drop(w);
  }
}

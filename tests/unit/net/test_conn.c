/* The hot session on a fake network: cut and split at every byte, back-pressure, partial sends, ends of all kinds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_count.h"
#include "fake_net.h"
#include "net/conn.h"
#include "tls_pair.h"

typedef struct hot {
  fake_net_t *fake;
  tg_arena_t arena;
  tg_conn_t conn;
  tg_handoff_t *handoff;
  char log[8192];
  int messages, closes, err;
  uint64_t now_ns;
  int close_at; /* call tg_conn_close in the n-th message */
} hot_t;

static void on_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  hot_t *hot = user;
  size_t at = strlen(hot->log);
  cr_assert_eq(rx_ns, hot->now_ns);
  cr_assert_eq(op, TG_WS_TEXT);
  if (len > 40) len = 40;
  if (at + len + 2 < sizeof hot->log) snprintf(hot->log + at, sizeof hot->log - at, "%.*s|", (int)len, (const char *)payload);
  if (++hot->messages == hot->close_at) tg_conn_close(conn, TG_WS_CODE_NORMAL, rx_ns, 1000);
}

static void on_close(void *user, tg_conn_t *conn, int err) {
  hot_t *hot = user;
  (void)conn;
  hot->closes++;
  hot->err = err;
}

static hot_t *hot_new(uint32_t tx_bytes) {
  static const tg_conn_ops_t ops = {on_message, on_close};
  hot_t *hot = calloc(1, sizeof *hot);
  tg_conn_cfg_t cfg;
  tg_conn_cfg_defaults(&cfg);
  if (tx_bytes) cfg.tx_bytes = tx_bytes;
  hot->fake = fake_new();
  hot->handoff = calloc(1, sizeof *hot->handoff);
  cr_assert_eq(tg_arena_map(&hot->arena, 4u << 20), 0);
  cr_assert_eq(tg_conn_layout(&hot->arena, &hot->conn, &cfg, &hot->fake->io, 0), 0);
  tg_conn_set_ops(&hot->conn, &ops, hot);
  hot->now_ns = 1000;
  return hot;
}

static void hot_free(hot_t *hot) {
  fake_free(hot->fake);
  tg_arena_unmap(&hot->arena);
  free(hot->handoff);
  free(hot);
}

static void adopt(hot_t *hot, const tg_rec_keys_t *keys) {
  tg_handoff_t *h = hot->handoff;
  h->fd = 99;
  h->gen = 5;
  h->tls = keys != NULL;
  if (keys) h->keys = *keys;
  hot->log[0] = 0;
  hot->messages = hot->closes = hot->err = 0;
  cr_assert_eq(tg_conn_adopt(&hot->conn, h, hot->now_ns), 0);
}

static void turns(hot_t *hot, int n) {
  for (int i = 0; i < n; i++) {
    hot->now_ns++;
    cr_assert_geq(tg_io_turn(&hot->fake->io, hot->now_ns, 0), 0);
    tg_conn_tick(&hot->conn, hot->now_ns);
  }
}

static size_t frame(uint8_t *out, uint8_t first, const void *payload, size_t len) {
  size_t head = len < 126 ? 2 : 4;
  out[0] = first;
  out[1] = (uint8_t)(len < 126 ? len : 126);
  if (head == 4) {
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
  }
  memcpy(out + head, payload, len);
  return head + len;
}

/* A server session: five messages, a ping, fragments, a close frame; record bounds fall anywhere. */
static size_t session_bytes(uint8_t *out) {
  size_t n = frame(out, 0x81, "one", 3);
  n += frame(out + n, 0x89, "p", 1);
  n += frame(out + n, 0x01, "tw", 2);
  n += frame(out + n, 0x8a, "", 0);
  n += frame(out + n, 0x80, "o", 1);
  char big[200];
  memset(big, 'b', sizeof big);
  n += frame(out + n, 0x81, big, sizeof big);
  n += frame(out + n, 0x81, "", 0);
  n += frame(out + n, 0x81, "last", 4);
  return n;
}
#define SESSION_LOG "one|two|bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb||last|"

static uint8_t *seal_session(tls_pair_t *pair, size_t *len, bool close_frame, bool notify) {
  uint8_t plain[1024];
  size_t n = session_bytes(plain);
  if (close_frame) n += frame(plain + n, 0x88, "\x03\xe8", 2);
  for (size_t at = 0; at < n; at += 37) SSL_write(pair->server, plain + at, (int)(n - at < 37 ? n - at : 37));
  if (notify) SSL_shutdown(pair->server);
  return pair_from_server(pair, len);
}

static void session_cut(uint16_t version) {
  tls_pair_t pair;
  pair_open(&pair, version, NULL);
  tg_rec_keys_t keys;
  tg_rec_export(&pair.rec, &keys);
  size_t len;
  uint8_t *wire = seal_session(&pair, &len, false, true);
  for (size_t cut = 0; cut <= len; cut++) { /* the stream ends after `cut` bytes */
    hot_t *hot = hot_new(0);
    hot->fake->rx = wire;
    hot->fake->rx_len = cut;
    hot->fake->rx_eof = true;
    adopt(hot, &keys);
    turns(hot, 6);
    cr_assert_eq(hot->closes, 1);
    cr_assert_eq(hot->err, cut == len ? -TG_ECLOSED : -TG_ETRUNCATED, "cut %zu: %s", cut, tg_err_name(hot->err));
    cr_assert(strncmp(hot->log, SESSION_LOG, strlen(hot->log)) == 0, "cut %zu: %s", cut, hot->log);
    cr_assert(tg_conn_free(&hot->conn));
    cr_assert_eq(hot->fake->slots_closed, 1);
    cr_assert_eq(hot->fake->fds_closed, 1);
    hot_free(hot);
  }
  for (size_t step = 1; step <= len; step++) { /* the same bytes in pieces */
    hot_t *hot = hot_new(0);
    hot->fake->rx = wire;
    hot->fake->rx_len = len;
    hot->fake->rx_step = step;
    adopt(hot, &keys);
    turns(hot, (int)(len / step) + 6);
    cr_assert_str_eq(hot->log, SESSION_LOG, "step %zu", step);
    cr_assert_eq(hot->conn.count.rx_pings, 1);
    cr_assert_eq(hot->err, -TG_ECLOSED);
    hot_free(hot);
  }
  free(wire);
  pair_close(&pair);
}

Test(conn, cut_and_split_at_every_byte_13) {
  session_cut(0x0304);
}
Test(conn, cut_and_split_at_every_byte_12) {
  session_cut(0x0303);
}

/* The hand-over at every byte: what came before travels as leftover, opened or not. */
Test(conn, leftover_at_every_byte) {
  tls_pair_t pair;
  pair_open(&pair, 0x0304, NULL);
  tg_rec_keys_t start;
  tg_rec_export(&pair.rec, &start);
  size_t len;
  uint8_t *wire = seal_session(&pair, &len, false, true), *copy = malloc(len);
  for (size_t cut = 0; cut < len; cut++) {
    hot_t *hot = hot_new(0);
    tg_rec_t cold; /* the cold lane opened the whole records of the first `cut` bytes, half of the time */
    tg_rec_out_t out;
    size_t at = 0, plain = 0;
    memcpy(copy, wire, len);
    cr_assert_eq(tg_rec_init(&cold, &start), 0);
    for (int n; (cut & 1) && (n = tg_rec_open(&cold, copy + at, cut - at, &out)) > 0; at += (size_t)n) {
      if (out.kind != TG_REC_DATA) break;
      memcpy(hot->handoff->plain + plain, out.data, out.len);
      plain += out.len;
    }
    tg_rec_keys_t keys;
    tg_rec_export(&cold, &keys);
    tg_rec_wipe(&cold);
    hot->handoff->plain_len = (uint32_t)plain;
    hot->handoff->cipher_len = (uint32_t)(cut - at);
    memcpy(hot->handoff->cipher, wire + at, cut - at);
    hot->fake->rx = wire + cut;
    hot->fake->rx_len = len - cut;
    hot->fake->rx_step = 50;
    adopt(hot, &keys);
    turns(hot, (int)(len / 50) + 6);
    cr_assert_str_eq(hot->log, SESSION_LOG, "cut %zu", cut);
    cr_assert_eq(hot->err, -TG_ECLOSED);
    hot_free(hot);
  }
  free(wire);
  free(copy);
  pair_close(&pair);
}

Test(conn, close_frame_by_the_peer) {
  tls_pair_t pair;
  uint8_t got[256];
  pair_open(&pair, 0x0304, NULL);
  tg_rec_keys_t keys;
  tg_rec_export(&pair.rec, &keys);
  size_t len;
  uint8_t *wire = seal_session(&pair, &len, true, false);
  hot_t *hot = hot_new(0);
  hot->fake->rx = wire;
  hot->fake->rx_len = len;
  adopt(hot, &keys);
  turns(hot, 10);
  cr_assert_eq(hot->closes, 1);
  cr_assert_eq(hot->err, -TG_ECLOSED);
  cr_assert_eq(hot->conn.close_code, 1000);
  /* the server reads our pong, our close frame, then close_notify */
  pair_to_server(&pair, hot->fake->tx, hot->fake->tx_len);
  int n = SSL_read(pair.server, got, sizeof got);
  cr_assert_eq(n, 7);
  cr_assert_eq(got[0], 0x8a);
  n = SSL_read(pair.server, got, sizeof got);
  cr_assert_eq(n, 8);
  cr_assert_eq(got[0], 0x88);
  cr_assert_eq(got[6] ^ got[2], 0x03);
  cr_assert_eq(SSL_read(pair.server, got, sizeof got), 0);
  hot_free(hot);
  free(wire);
  pair_close(&pair);
}

Test(conn, bad_bytes_end_it_with_their_own_error) {
  const struct {
    const char *bytes;
    size_t len;
    int err;
  } row[] = {
      {"\xc1\x01x", 3, -TG_EPROTO},
      {"\x81\x02\xc3\x28", 4, -TG_ESYNTAX},
      {"\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", 10, -TG_ESIZE},
      {"\x81\x01x", 3, -TG_ETRUNCATED}, /* end without close frame */
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    hot_t *hot = hot_new(0);
    hot->fake->rx = (const uint8_t *)row[i].bytes;
    hot->fake->rx_len = row[i].len;
    hot->fake->rx_eof = true;
    adopt(hot, NULL);
    turns(hot, 6);
    cr_assert_eq(hot->closes, 1);
    cr_assert_eq(hot->err, row[i].err, "row %zu: %s", i, tg_err_name(hot->err));
    cr_assert(tg_conn_free(&hot->conn));
    hot_free(hot);
  }
}

Test(conn, reset_by_the_peer) {
  hot_t *hot = hot_new(0);
  hot->fake->rx_error = -ECONNRESET;
  adopt(hot, NULL);
  turns(hot, 4);
  cr_assert_eq(hot->err, -TG_ETRUNCATED);
  cr_assert_null(tg_conn_tx_begin(&hot->conn, 10));
  cr_assert_eq(tg_conn_send(&hot->conn, TG_WS_TEXT, "x", 1, 1), -TG_ECLOSED);
  /* the slot serves the next session */
  hot->fake->rx_error = 0;
  adopt(hot, NULL);
  cr_assert_eq(tg_conn_adopt(&hot->conn, hot->handoff, 1), -TG_EBUSY);
  turns(hot, 2);
  cr_assert(tg_conn_open(&hot->conn));
  hot_free(hot);
}

/* --- send --- */

/* Reads masked frames of a plain session; checks that they are "m <i> xxx..." in order. Returns their number. */
static int check_stream(const uint8_t *b, size_t len, int first) {
  int i = first;
  size_t at = 0;
  while (at < len) {
    cr_assert_leq(at + 6, len);
    cr_assert_eq(b[at], 0x81);
    size_t n = b[at + 1] & 127, head = 6;
    cr_assert(b[at + 1] & 128);
    if (n == 126) {
      n = (size_t)b[at + 2] << 8 | b[at + 3];
      head = 8;
      cr_assert_geq(n, 126, "lengths are minimal");
    }
    const uint8_t *mask = b + at + head - 4;
    char text[32];
    for (size_t k = 0; k < 31 && k < n; k++) text[k] = (char)(b[at + head + k] ^ mask[k & 3]), text[k + 1] = 0;
    cr_assert_eq(atoi(text + 2), i, "%s", text);
    at += head + n;
    i++;
  }
  cr_assert_eq(at, len);
  return i - first;
}

Test(conn, back_pressure_never_blocks_and_loses_nothing) {
  for (size_t tx_step = 0; tx_step < 4000; tx_step += 777) {
    hot_t *hot = hot_new(32768);
    hot->fake->tx_step = tx_step;
    adopt(hot, NULL);
    int sent = 0, full = 0;
    uint64_t seed = 42;
    for (int round = 0; round < 3000; round++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      size_t len = 12 + (seed >> 33) % 300, cap = len + (seed >> 20) % 200;
      uint8_t *p = tg_conn_tx_begin(&hot->conn, cap);
      if (!p) {
        full++;
      } else {
        memset(p, 'x', len);
        int n = snprintf((char *)p, 12, "m %d", sent);
        p[n] = ' ';
        cr_assert_eq(tg_conn_tx_commit(&hot->conn, len, hot->now_ns), 0);
        sent++;
      }
      hot->fake->tx_blocked = (round / 300) % 3 == 1; /* the peer stops reading now and then */
      if (round % 3 == 0) turns(hot, 1);
    }
    hot->fake->tx_blocked = false;
    for (int i = 0; i < 100000 && tg_conn_tx_pending(&hot->conn); i++) turns(hot, 1);
    cr_assert_eq(tg_conn_tx_pending(&hot->conn), 0);
    cr_assert_gt(full, 0, "the buffer was never full: the test tests nothing");
    cr_assert_eq(hot->conn.count.tx_full, (uint64_t)full);
    cr_assert_eq(check_stream(hot->fake->tx, hot->fake->tx_len, 0), sent);
    hot_free(hot);
  }
}

Test(conn, a_corked_burst_leaves_in_one_send) {
  hot_t *hot = hot_new(0);
  adopt(hot, NULL);
  turns(hot, 2);
  tg_conn_cork(&hot->conn);
  for (int i = 0; i < 8; i++) {
    char text[8];
    int n = snprintf(text, sizeof text, "m %d", i);
    cr_assert_eq(tg_conn_send(&hot->conn, TG_WS_TEXT, text, (size_t)n, 1), 0);
  }
  turns(hot, 2);
  cr_assert_eq(hot->fake->tx_len, 0, "corked");
  cr_assert_eq(hot->conn.count.tx_sends, 0);
  cr_assert_eq(tg_conn_uncork(&hot->conn), 0);
  turns(hot, 2);
  cr_assert_eq(hot->conn.count.tx_sends, 1);
  cr_assert_eq(check_stream(hot->fake->tx, hot->fake->tx_len, 0), 8);
  tg_conn_cork(&hot->conn); /* nothing committed: nothing sent, nothing owed */
  cr_assert_eq(tg_conn_uncork(&hot->conn), 0);
  turns(hot, 1);
  cr_assert_eq(hot->conn.count.tx_sends, 1);
  hot_free(hot);
}

Test(conn, queue_without_room_delays_only) {
  hot_t *hot = hot_new(0);
  adopt(hot, NULL);
  turns(hot, 2);
  hot->fake->queue_full = true;
  cr_assert_eq(tg_conn_send(&hot->conn, TG_WS_TEXT, "m 0", 3, 1), -TG_EFULL);
  cr_assert_eq(tg_conn_send(&hot->conn, TG_WS_TEXT, "m 1", 3, 1), -TG_EFULL);
  turns(hot, 2);
  cr_assert_eq(hot->fake->tx_len, 0);
  hot->fake->queue_full = false;
  turns(hot, 2);
  cr_assert_eq(check_stream(hot->fake->tx, hot->fake->tx_len, 0), 2);
  hot_free(hot);
}

Test(conn, begin_rules) {
  hot_t *hot = hot_new(0);
  adopt(hot, NULL);
  uint8_t *a = tg_conn_tx_begin(&hot->conn, 100), *b = tg_conn_tx_begin(&hot->conn, 100);
  cr_assert_eq(a, b, "begin without commit costs nothing");
  cr_assert_null(tg_conn_tx_begin(&hot->conn, TG_CONN_SEND_MAX + 1));
  a = tg_conn_tx_begin(&hot->conn, 10);
  cr_assert_not_null(a);
  cr_assert_eq(tg_conn_tx_commit(&hot->conn, 11, 1), -TG_ESIZE);
  cr_assert_eq(tg_conn_tx_commit(&hot->conn, 1, 1), -TG_EINVAL, "no begin");
  cr_assert_not_null(tg_conn_tx_begin(&hot->conn, TG_CONN_SEND_MAX));
  cr_assert_eq(tg_conn_send(&hot->conn, TG_WS_TEXT, hot->log, TG_CONN_SEND_MAX + 1, 1), -TG_ESIZE);
  hot_free(hot);
}

/* Sealed frames through partial sends and wrap-arounds arrive whole at BoringSSL; KeyUpdate in between is answered. */
Test(conn, sealed_stream_with_key_updates) {
  for (int v = 0; v < 2; v++) {
    tls_pair_t pair;
    pair_open(&pair, v ? 0x0304 : 0x0303, NULL);
    tg_rec_keys_t keys;
    tg_rec_export(&pair.rec, &keys);
    hot_t *hot = hot_new(32768);
    hot->fake->tx_step = 900;
    adopt(hot, &keys);
    static uint8_t plain[4 << 20];
    size_t plain_len = 0;
    int sent = 0, messages = 0;
    for (int round = 0; round < 1500; round++) {
      size_t len = 12 + (size_t)(round * 37 % 400);
      uint8_t *p = tg_conn_tx_begin(&hot->conn, len);
      if (p) {
        memset(p, 'x', len);
        p[snprintf((char *)p, 12, "m %d", sent)] = ' ';
        cr_assert_eq(tg_conn_tx_commit(&hot->conn, len, 1), 0);
        sent++;
      }
      uint8_t *in = NULL;
      if (round % 100 == 50) { /* the server asks for a key update, then talks */
        size_t in_len;
        if (v) cr_assert(SSL_key_update(pair.server, SSL_KEY_UPDATE_REQUESTED));
        SSL_write(pair.server, "\x81\x02hi", 4);
        in = pair_from_server(&pair, &in_len);
        hot->fake->rx = in;
        hot->fake->rx_len = in_len;
        hot->fake->rx_at = 0;
        messages++;
      }
      turns(hot, 2);
      free(in);
      pair_to_server(&pair, hot->fake->tx, hot->fake->tx_len);
      hot->fake->tx_len = 0;
      for (int n; (n = SSL_read(pair.server, plain + plain_len, 65536)) > 0;) plain_len += (size_t)n;
    }
    for (int i = 0; i < 1000 && tg_conn_tx_pending(&hot->conn); i++) turns(hot, 1);
    pair_to_server(&pair, hot->fake->tx, hot->fake->tx_len);
    for (int n; (n = SSL_read(pair.server, plain + plain_len, 65536)) > 0;) plain_len += (size_t)n;
    cr_assert_eq(hot->messages, messages);
    cr_assert_eq(hot->conn.count.key_updates, v ? (uint64_t)messages : 0);
    cr_assert_eq(check_stream(plain, plain_len, 0), sent);
    cr_assert_eq(hot->closes, 0);
    hot_free(hot);
    pair_close(&pair);
  }
}

Test(conn, close_from_inside_a_message) {
  hot_t *hot = hot_new(0);
  uint8_t bytes[64];
  size_t n = frame(bytes, 0x81, "a", 1);
  n += frame(bytes + n, 0x81, "b", 1);
  n += frame(bytes + n, 0x81, "c", 1);
  hot->close_at = 2;
  hot->fake->rx = bytes;
  hot->fake->rx_len = n;
  adopt(hot, NULL);
  turns(hot, 3);
  cr_assert_str_eq(hot->log, "a|b|", "nothing after the close: %s", hot->log);
  cr_assert_eq(hot->closes, 0);
  hot->now_ns += 5000; /* the grace is over, the peer said nothing */
  turns(hot, 4);
  cr_assert_eq(hot->closes, 1);
  cr_assert_eq(hot->err, 0);
  cr_assert(tg_conn_free(&hot->conn));
  cr_assert_eq(hot->fake->tx_len, 8, "one close frame");
  hot_free(hot);
}

Test(conn, close_before_installed) {
  hot_t *hot = hot_new(0);
  adopt(hot, NULL);
  tg_conn_close(&hot->conn, TG_WS_CODE_AWAY, hot->now_ns, 0);
  turns(hot, 6);
  cr_assert_eq(hot->closes, 1);
  cr_assert(tg_conn_free(&hot->conn));
  cr_assert_eq(hot->fake->fds_closed, 1);
  cr_assert_eq(hot->fake->slots_closed, 1);
  hot_free(hot);
}

Test(conn, no_allocation_after_adopt) {
  if (!alloc_counts()) cr_skip("built with a sanitizer: it owns malloc");
  tls_pair_t pair;
  pair_open(&pair, 0x0304, NULL);
  tg_rec_keys_t keys;
  tg_rec_export(&pair.rec, &keys);
  size_t len;
  uint8_t *wire = seal_session(&pair, &len, false, false);
  hot_t *hot = hot_new(0);
  hot->fake->rx = wire;
  hot->fake->rx_len = len;
  hot->fake->rx_step = 61;
  uint64_t before = alloc_cnt();
  cr_assert_eq(tg_conn_adopt(&hot->conn, (hot->handoff->tls = true, hot->handoff->keys = keys, hot->handoff), 1), 0);
  for (int i = 0; i < 60; i++) {
    hot->now_ns++;
    (void)!tg_io_turn(&hot->fake->io, hot->now_ns, 0);
    (void)!tg_conn_send(&hot->conn, TG_WS_TEXT, "order", 5, hot->now_ns);
    tg_conn_tick(&hot->conn, hot->now_ns);
  }
  uint64_t after = alloc_cnt();
  cr_assert_str_eq(hot->log, SESSION_LOG);
  cr_assert_eq(after - before, 0, "%lu allocations", (unsigned long)(after - before));
  hot_free(hot);
  free(wire);
  pair_close(&pair);
}

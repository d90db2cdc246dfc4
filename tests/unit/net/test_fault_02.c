/* faults.md row 2: TLS that ends without close_notify, by an alert, or in a bad record is an error with its reason, never an
 * end of data; half a message is dropped. On the hot record layer and on the cold side (sessions and HTTP). */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_net.h"
#include "net/conn.h"
#include "net/http.h"
#include "rig.h"
#include "tls_pair.h"

/* --- hot --- */

typedef struct hot {
  fake_net_t *fake;
  tg_arena_t arena;
  tg_conn_t conn;
  tg_handoff_t *handoff;
  int messages, closes, err;
  uint64_t now_ns;
} hot_t;

static void on_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  hot_t *hot = user;
  (void)conn;
  (void)op;
  (void)rx_ns;
  cr_assert_eq(len, 5);
  cr_assert_eq(memcmp(payload, "whole", 5), 0, "half a message was told");
  hot->messages++;
}

static void on_close(void *user, tg_conn_t *conn, int err) {
  hot_t *hot = user;
  (void)conn;
  hot->closes++;
  hot->err = err;
}

/* A whole message, then a message whose second half never comes. */
static const uint8_t frames[] = "\x81\x05whole\x81\x14half of it";
enum { FRAMES = sizeof frames - 1 };

/* Runs a session of `len` wire bytes to its end. */
static void run(hot_t *hot, const tls_pair_t *pair, const uint8_t *wire, size_t len) {
  static const tg_conn_ops_t ops = {on_message, on_close};
  tg_conn_cfg_t cfg;
  memset(hot, 0, sizeof *hot);
  tg_conn_cfg_defaults(&cfg);
  hot->fake = fake_new();
  hot->handoff = calloc(1, sizeof *hot->handoff);
  cr_assert_eq(tg_arena_map(&hot->arena, 4u << 20), 0);
  cr_assert_eq(tg_conn_layout(&hot->arena, &hot->conn, &cfg, &hot->fake->io, 0), 0);
  tg_conn_set_ops(&hot->conn, &ops, hot);
  hot->handoff->fd = 99;
  hot->handoff->gen = 1;
  hot->handoff->tls = true;
  tg_rec_export(&pair->rec, &hot->handoff->keys);
  hot->fake->rx = wire;
  hot->fake->rx_len = len;
  hot->fake->rx_eof = true;
  cr_assert_eq(tg_conn_adopt(&hot->conn, hot->handoff, 1), 0);
  for (int i = 0; i < 8; i++) {
    hot->now_ns++;
    cr_assert_geq(tg_io_turn(&hot->fake->io, hot->now_ns, 0), 0);
    tg_conn_tick(&hot->conn, hot->now_ns);
  }
  cr_assert_eq(hot->closes, 1);
  cr_assert(tg_conn_free(&hot->conn));
}

static void done(hot_t *hot) {
  fake_free(hot->fake);
  tg_arena_unmap(&hot->arena);
  free(hot->handoff);
}

static void hot_ends(uint16_t version) {
  tls_pair_t pair;
  hot_t hot;
  size_t len;
  pair_open(&pair, version, NULL);
  SSL_write(pair.server, frames, FRAMES);
  uint8_t *wire = pair_from_server(&pair, &len);

  run(&hot, &pair, wire, len); /* the end of TCP, no close_notify */
  cr_assert_eq(hot.messages, 1);
  cr_assert_eq(hot.err, -TG_ETRUNCATED);
  cr_assert_eq(hot.conn.close_alert, 0);
  done(&hot);

  uint8_t *bad = malloc(len); /* a byte in flight was changed: in the text, then in the tag */
  for (size_t at = len - 1; at > len - 20; at -= 5) {
    memcpy(bad, wire, len);
    bad[at] ^= 0x40;
    run(&hot, &pair, bad, len);
    cr_assert_eq(hot.messages, 0, "nothing of a record that fails its check is used");
    cr_assert_eq(hot.err, -TG_ETLS);
    cr_assert_eq(hot.conn.close_alert, 0, "ours to complain, not theirs");
    done(&hot);
  }
  memcpy(bad, wire, len); /* a length beyond the RFC's */
  bad[3] = 0x48;
  bad[4] = 0x01;
  run(&hot, &pair, bad, len);
  cr_assert_eq(hot.err, -TG_ESIZE);
  done(&hot);
  memcpy(bad, wire, len); /* no TLS record at all */
  memcpy(bad, "HTTP/1.1 502", 12);
  run(&hot, &pair, bad, len);
  cr_assert(hot.err == -TG_EPROTO || hot.err == -TG_ESIZE || hot.err == -TG_ETLS, "%s", tg_err_name(hot.err));
  cr_assert_eq(hot.messages, 0);
  done(&hot);
  free(bad);
  free(wire);
  pair_close(&pair);
}

Test(fault_02, hot_truncated_corrupted_oversized_tls13) {
  hot_ends(0x0304);
}
Test(fault_02, hot_truncated_corrupted_oversized_tls12) {
  hot_ends(0x0303);
}

Test(fault_02, hot_alerts_keep_their_number) {
  for (uint16_t version = 0x0303; version <= 0x0304; version++) {
    static const uint8_t alert[] = {10, 20, 40, 80};
    for (size_t i = 0; i < sizeof alert; i++) {
      tls_pair_t pair;
      hot_t hot;
      size_t len;
      pair_open(&pair, version, NULL);
      SSL_write(pair.server, frames, FRAMES);
      SSL_send_fatal_alert(pair.server, alert[i]);
      uint8_t *wire = pair_from_server(&pair, &len);
      run(&hot, &pair, wire, len);
      cr_assert_eq(hot.messages, 1);
      cr_assert_eq(hot.err, -TG_ETLS, "alert %u: %s", alert[i], tg_err_name(hot.err));
      cr_assert_eq(hot.conn.close_alert, alert[i] + 1);
      done(&hot);
      free(wire);
      pair_close(&pair);
    }
  }
}

/* Over a real socket: the peer of a hot session hears why it was ended. */
static _Atomic int alert_heard;

static void bad_record_script(peer_t *peer, int connection) {
  static const uint8_t record[5 + 40] = {23, 3, 3, 0, 40};
  uint8_t buf[64];
  (void)connection;
  if (!peer_upgrade(peer) || !peer_read_full(peer, buf, 6 + 4)) return; /* "open" of the hot lane, masked */
  (void)!send(peer_fd(peer), record, sizeof record, MSG_NOSIGNAL);
  ERR_clear_error();
  int n = SSL_read(peer_ssl(peer), buf, sizeof buf);
  alert_heard =
      SSL_get_error(peer_ssl(peer), n) == SSL_ERROR_SSL ? ERR_GET_REASON(ERR_peek_error()) - SSL_AD_REASON_OFFSET : -1;
}

Test(fault_02, hot_a_bad_record_is_answered_by_bad_record_mac) {
  for (uint16_t version = 0x0303; version <= 0x0304; version++) {
    alert_heard = 0;
    peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, version, version), .script = bad_record_script};
    peer_t *peer = peer_start(&cfg);
    rig_t *rig = rig_new(NULL);
    rig->detach_on_open = true;
    cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), true), 0);
    cr_assert(rig_until(rig, &rig->detaches, 1), "%s", rig->dial_reason);
    cr_assert_eq(rig_adopt(rig), 0);
    cr_assert_eq(tg_conn_send(&rig->conn, TG_WS_TEXT, "open", 4, rig_now()), 0);
    cr_assert(rig_until(rig, &rig->conn_closes, 1));
    cr_assert_eq(rig->conn_err, -TG_ETLS);
    for (int i = 0; i < 2000 && alert_heard == 0; i++) rig_turn(rig);
    cr_assert_eq(alert_heard, 20, "TLS %04x: heard %d", version, alert_heard);
    rig_free(rig);
    peer_stop(peer);
  }
}

Test(fault_02, hot_a_clean_end_in_a_message_is_still_told_as_an_end_only) {
  tls_pair_t pair;
  hot_t hot;
  size_t len;
  pair_open(&pair, 0x0304, NULL);
  SSL_write(pair.server, frames, FRAMES);
  SSL_shutdown(pair.server);
  uint8_t *wire = pair_from_server(&pair, &len);
  run(&hot, &pair, wire, len);
  cr_assert_eq(hot.messages, 1);
  cr_assert_eq(hot.err, -TG_ECLOSED, "close_notify is the one end that is no fault");
  done(&hot);
  free(wire);
  pair_close(&pair);
}

/* --- cold --- */

enum end_kind { END_FIN, END_RESET, END_ALERT, END_GARBAGE, END_OVERSIZED, END_NOTIFY };
static enum end_kind end_kind;

static void end_it(peer_t *peer) {
  static const uint8_t garbage[] = {23, 3,  3,  0,  40, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
                                    19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40};
  static const uint8_t oversized[] = {23, 3, 3, 0x60, 0, 1, 2, 3};
  struct linger hard = {1, 0};
  switch (end_kind) {
    case END_FIN:
      break;
    case END_RESET:
      setsockopt(peer_fd(peer), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      break;
    case END_ALERT:
      SSL_send_fatal_alert(peer_ssl(peer), SSL_AD_INTERNAL_ERROR);
      break;
    case END_GARBAGE:
      (void)!send(peer_fd(peer), garbage, sizeof garbage, MSG_NOSIGNAL);
      break;
    case END_OVERSIZED:
      (void)!send(peer_fd(peer), oversized, sizeof oversized, MSG_NOSIGNAL);
      break;
    case END_NOTIFY:
      peer_close_notify(peer);
      break;
  }
  if (end_kind != END_FIN && end_kind != END_RESET) { /* until the client has seen it */
    uint8_t byte;
    while (recv(peer_fd(peer), &byte, 1, 0) > 0) {
    }
  }
}

static void ws_ends(peer_t *peer, int connection) {
  (void)connection;
  if (!peer_upgrade(peer)) return;
  peer_write(peer, frames, FRAMES);
  end_it(peer);
}

static void http_ends(peer_t *peer, int connection) {
  char head[4096];
  (void)connection;
  static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"orderId\":";
  if (!peer_read_head(peer, head, sizeof head)) return;
  peer_write(peer, part, sizeof part - 1);
  end_it(peer);
}

static const struct {
  enum end_kind kind;
  int err;
  const char *reason;
} cold_row[] = {{END_FIN, -TG_ETRUNCATED, "without close_notify"},      {END_RESET, -TG_ETRUNCATED, "reset"},
                {END_ALERT, -TG_ETLS, "TLS alert 80 (internal_error)"}, {END_GARBAGE, -TG_ETLS, "TLS record refused"},
                {END_OVERSIZED, -TG_ESIZE, "TLS record refused"},       {END_NOTIFY, -TG_ECLOSED, "close_notify"}};

Test(fault_02, cold_session_ends_have_their_reasons) {
  for (uint16_t version = 0x0303; version <= 0x0304; version++) {
    for (size_t i = 0; i < sizeof cold_row / sizeof *cold_row; i++) {
      end_kind = cold_row[i].kind;
      peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, version, version), .script = ws_ends};
      peer_t *peer = peer_start(&cfg);
      rig_t *rig = rig_new(NULL);
      cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), true), 0);
      cr_assert(rig_until(rig, &rig->dial_closes, 1));
      cr_assert_str_eq(rig->dial_log, "whole|", "half a message was told");
      cr_assert_eq(rig->dial_err, cold_row[i].err, "row %zu: %s %s", i, tg_err_name(rig->dial_err), rig->dial_reason);
      cr_assert(strstr(rig->dial_reason, cold_row[i].reason), "row %zu: %s", i, rig->dial_reason);
      rig_free(rig);
      peer_stop(peer);
    }
  }
}

typedef struct got {
  int answers, err;
  bool sent;
  char reason[256];
} got_t;

static void on_answer(void *user, const tg_http_answer_t *answer) {
  got_t *got = user;
  got->answers++;
  got->err = answer->err;
  got->sent = answer->sent;
  snprintf(got->reason, sizeof got->reason, "%s", answer->reason);
}

Test(fault_02, cold_http_half_an_answer_is_an_unknown_outcome) {
  for (size_t i = 0; i < sizeof cold_row / sizeof *cold_row; i++) {
    end_kind = cold_row[i].kind;
    peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304), .script = http_ends};
    peer_t *peer = peer_start(&cfg);
    rig_t *rig = rig_new(NULL);
    got_t got = {0};
    tg_http_cfg_t http_cfg = {.host = "localhost",
                              .port = peer_port(peer),
                              .tls = rig->tls,
                              .connect_timeout_ms = 10000,
                              .request_timeout_ms = 10000,
                              .queue_cnt = 4,
                              .body_max = 4096,
                              .backoff_base_ns = 1000000,
                              .backoff_max_ns = 1000000,
                              .seed = 1};
    tg_http_t *http = tg_http_new(rig->net, &http_cfg);
    tg_http_req_t req = {.method = "POST", .path = "/fapi/v1/order", .done = on_answer, .user = &got};
    cr_assert_eq(tg_http_send(http, &req, rig_now()), 0);
    while (!got.answers) {
      rig_turn(rig);
      tg_http_turn(http, rig_now());
    }
    cr_assert_eq(got.err, cold_row[i].err, "row %zu: %s %s", i, tg_err_name(got.err), got.reason);
    cr_assert(strstr(got.reason, cold_row[i].reason), "row %zu: %s", i, got.reason);
    cr_assert(got.sent, "the peer may have carried it out");
    tg_http_free(http);
    rig_free(rig);
    peer_stop(peer);
  }
}

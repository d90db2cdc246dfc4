/* A session from the name to the hot lane, over real sockets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

/* upgrade, greet, echo until the end */
static void echo_script(peer_t *peer, int connection) {
  uint8_t buf[70000], op;
  (void)connection;
  if (!peer_upgrade(peer)) return;
  peer_send_frame(peer, 1, true, "hello", 5);
  for (int n; (n = peer_read_frame(peer, &op, buf, sizeof buf)) >= 0;) {
    if (op == 8) {
      peer_send_frame(peer, 8, true, buf, (size_t)n);
      peer_close_notify(peer);
      return;
    }
    if (op == 10) continue;
    if (!peer_send_frame(peer, op, true, buf, (size_t)n)) return;
  }
}

static void round_trip(bool tls, uint16_t version) {
  peer_cfg_t cfg = {.ctx = tls ? certs_server_ctx(LEAF_GOOD, version, version) : NULL, .script = echo_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  rig->detach_after = 1;
  cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), tls), 0);
  cr_assert(rig_until(rig, &rig->detaches, 1), "no hand-over: %s", rig->dial_reason);
  cr_assert_str_eq(rig->dial_log, "hello|");
  cr_assert_eq(rig_adopt(rig), 0);
  cr_assert(tg_dial_idle(rig->dial));
  cr_assert_eq(rig->conn.gen, 7);
  cr_assert_eq(rig->conn.user_tag, 42);
  for (int i = 0; i < 100; i++) {
    uint8_t *p = tg_conn_tx_begin(&rig->conn, 200);
    cr_assert_not_null(p);
    int n = snprintf((char *)p, 200, "order %d %.*s", i, i,
                     "................................................................................................");
    cr_assert_eq(tg_conn_tx_commit(&rig->conn, (size_t)n, rig_now()), 0);
    cr_assert(rig_until(rig, &rig->messages, i + 1), "echo %d missing", i);
  }
  cr_assert(strncmp(rig->log, "order 0 |order 1 .|", 19) == 0, "%.40s", rig->log);
  tg_conn_close(&rig->conn, TG_WS_CODE_NORMAL, rig_now(), UINT64_C(10000000000));
  cr_assert(rig_until(rig, &rig->conn_closes, 1));
  cr_assert_eq(rig->conn_err, 0, "closed with %s", tg_err_name(rig->conn_err));
  while (!tg_conn_free(&rig->conn)) rig_turn(rig);
  rig_free(rig);
  peer_stop(peer);
}

Test(session, plain) {
  round_trip(false, 0);
}
Test(session, tls13) {
  round_trip(true, 0x0304);
}
Test(session, tls12) {
  round_trip(true, 0x0303);
}

/* --- the hand-over in the middle of a flood: every message arrives once, in order --- */

enum { FLOOD = 4000 };

static void flood_script(peer_t *peer, int connection) {
  char text[600];
  uint8_t op, buf[256];
  (void)connection;
  if (!peer_upgrade(peer)) return;
  for (int i = 0; i < FLOOD; i++) {
    int n = snprintf(text, sizeof text, "%d ", i);
    size_t len = (size_t)n + (size_t)(i * 7 % 500);
    memset(text + n, 'f', len - (size_t)n);
    if (!peer_send_frame(peer, 1, true, text, len)) return;
  }
  while (peer_read_frame(peer, &op, buf, sizeof buf) >= 0) { /* until the client closes */
  }
}

static int next_number; /* expected by both lanes */

static void flood_hot(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  rig_t *rig = user;
  (void)conn;
  (void)op;
  (void)rx_ns;
  char text[8] = "";
  memcpy(text, payload, len < 7 ? len : 7);
  cr_assert_eq(atoi(text), next_number, "message %d came, %d was due", atoi(text), next_number);
  cr_assert_leq(len, 520);
  next_number++;
  rig->messages++;
}

static void flood(bool tls, uint16_t version, int detach_after) {
  static const tg_conn_ops_t ops = {flood_hot, NULL};
  peer_cfg_t cfg = {.ctx = tls ? certs_server_ctx(LEAF_GOOD, version, version) : NULL, .script = flood_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  tg_conn_set_ops(&rig->conn, &ops, rig);
  rig->detach_on_open = detach_after == 0;
  rig->detach_after = detach_after;
  cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), tls), 0);
  cr_assert(rig_until(rig, &rig->detaches, 1), "no hand-over: %s", rig->dial_reason);
  cr_assert_geq(rig->dial_messages, detach_after);
  next_number = rig->dial_messages;
  rig->messages = rig->dial_messages;
  cr_assert_eq(rig_adopt(rig), 0);
  cr_assert(rig_until(rig, &rig->messages, FLOOD), "%d of %d", rig->messages, FLOOD);
  rig_free(rig);
  peer_stop(peer);
}

Test(session, handed_over_in_a_flood) {
  const int after[] = {0, 1, 2, 7, 100, 333};
  for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
    flood(true, 0x0304, after[i]);
    flood(true, 0x0303, after[i]);
    flood(false, 0, after[i]);
  }
}

/* A frame larger than a record and than every buffer on the way. */
static void big_script(peer_t *peer, int connection) {
  static uint8_t big[300000];
  uint8_t op;
  (void)connection;
  if (!peer_upgrade(peer)) return;
  memset(big, 'B', sizeof big);
  peer_send_frame(peer, 1, true, big, sizeof big);
  peer_send_frame(peer, 1, true, "end", 3);
  while (peer_read_frame(peer, &op, big, sizeof big) >= 0) {
  }
}

Test(session, frame_of_many_records) {
  peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304), .script = big_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  rig->detach_on_open = true;
  cr_assert_eq(rig_dial(rig, "127.0.0.1", peer_port(peer), true), 0);
  cr_assert(rig_until(rig, &rig->detaches, 1), "%s", rig->dial_reason);
  cr_assert_eq(rig_adopt(rig), 0);
  cr_assert(rig_until(rig, &rig->messages, 2));
  cr_assert_eq(rig->log_len, 300000 + 1 + 3 + 1);
  cr_assert_str_eq(rig->log + 300001, "end|");
  rig_free(rig);
  peer_stop(peer);
}

/* A session from the name to the hot lane, over real sockets. */
#include <criterion/criterion.h>
#include <stdio.h>
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

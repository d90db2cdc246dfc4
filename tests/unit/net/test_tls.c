/* Handshakes and upgrades that go wrong, and those that are resumed, over sockets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"

static void ws_script(peer_t *peer, int connection) {
  (void)connection;
  uint8_t op, buf[256];
  if (!peer_upgrade(peer)) return;
  peer_send_frame(peer, 1, true, "hi", 2);
  while (peer_read_frame(peer, &op, buf, sizeof buf) >= 0) {
  }
}

/* Dials a server with this leaf; returns the error, 0 when the session opened. */
static int dial_leaf(enum leaf_kind kind, const char *host, uint16_t min, uint16_t max, char *reason) {
  peer_cfg_t cfg = {.ctx = certs_server_ctx(kind, min, max), .script = ws_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  cr_assert_eq(rig_dial(rig, host, peer_port(peer), true), 0);
  while (!rig->opens && !rig->dial_closes) rig_turn(rig);
  int err = rig->opens ? 0 : rig->dial_err;
  snprintf(reason, 256, "%s", rig->dial_reason);
  rig_free(rig);
  peer_stop(peer);
  return err;
}

Test(tls, good_by_name_and_by_address) {
  char reason[256];
  cr_assert_eq(dial_leaf(LEAF_GOOD, "localhost", 0x0303, 0x0304, reason), 0, "%s", reason);
  cr_assert_eq(dial_leaf(LEAF_GOOD, "127.0.0.1", 0x0303, 0x0304, reason), 0, "%s", reason);
}

Test(tls, wrong_host) {
  char reason[256];
  cr_assert_eq(dial_leaf(LEAF_WRONG_HOST, "localhost", 0x0303, 0x0304, reason), -TG_ECERT);
  cr_assert(strstr(reason, "ostname"), "%s", reason);
  cr_assert_eq(dial_leaf(LEAF_WRONG_HOST, "127.0.0.1", 0x0303, 0x0304, reason), -TG_ECERT);
}

Test(tls, wrong_ca) {
  char reason[256];
  cr_assert_eq(dial_leaf(LEAF_OTHER_CA, "localhost", 0x0303, 0x0304, reason), -TG_ECERT);
  cr_assert(strstr(reason, "issuer"), "%s", reason);
  cr_assert_eq(dial_leaf(LEAF_SELF_SIGNED, "localhost", 0x0303, 0x0303, reason), -TG_ECERT);
}

Test(tls, expired) {
  char reason[256];
  cr_assert_eq(dial_leaf(LEAF_EXPIRED, "localhost", 0x0303, 0x0304, reason), -TG_ECERT);
  cr_assert(strstr(reason, "expired"), "%s", reason);
}

Test(tls, old_version_is_refused) {
  char reason[256];
  cr_assert_eq(dial_leaf(LEAF_GOOD, "localhost", 0x0301, 0x0302, reason), -TG_ETLS);
}

Test(tls, ca_file_errors) {
  int err;
  char text[256];
  cr_assert_null(tg_tls_new("/nonexistent/ca.pem", &err, text, sizeof text));
  cr_assert_eq(err, -TG_ENOTFOUND);
  cr_assert(strstr(text, "/nonexistent/ca.pem"));
  cr_assert_null(tg_tls_new("/dev/null", &err, text, sizeof text));
  cr_assert_eq(err, -TG_ECERT);
  cr_assert(strlen(text) > 0);
  tg_tls_t *tls = tg_tls_new("", &err, text, sizeof text); /* the system's */
  cr_assert(tls ? err == 0 : err == -TG_ENOTFOUND && strstr(text, "ca-certificates"), "%s", text);
  tg_tls_free(tls);
}

static void resume(uint16_t version) {
  peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, version, version), .script = ws_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  for (int i = 1; i <= 3; i++) {
    cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), true), 0);
    cr_assert(rig_until(rig, &rig->dial_messages, i), "%s", rig->dial_reason); /* tickets have come by then */
    cr_assert_eq(strstr(tg_dial_info(rig->dial), "resumed") != NULL, i > 1);
    tg_dial_close(rig->dial, 1000);
    cr_assert_eq(rig->dial_closes, i);
  }
  cr_assert_eq(tg_tls_resumed_cnt(rig->tls), 2);
  rig_free(rig);
  peer_stop(peer);
}

Test(tls, resumption_12) {
  resume(0x0303);
}
Test(tls, resumption_13) {
  resume(0x0304);
}

/* --- things that are not a TLS WebSocket --- */

static const char *const *answer_arg; /* what the raw peer says */

static void raw_script(peer_t *peer, int connection) {
  char head[8192];
  (void)connection;
  const char *answer = *answer_arg;
  if (peer_ssl(peer) || answer[0] != '!') {
    if (!peer_read_head(peer, head, sizeof head)) return;
  } else {
    answer++;
    (void)peer_read(peer, head, 1);
  }
  peer_write(peer, answer, strlen(answer));
  if (strstr(answer, "SILENT")) (void)peer_read(peer, head, sizeof head);
}

static int dial_raw(const char *answer, bool tls_client, char *reason, uint32_t *retry_s) {
  answer_arg = &answer;
  peer_cfg_t cfg = {.script = raw_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), tls_client), 0);
  while (!rig->opens && !rig->dial_closes) rig_turn(rig);
  int err = rig->opens ? 0 : rig->dial_err;
  snprintf(reason, 256, "%s", rig->dial_reason);
  if (retry_s) *retry_s = tg_dial_retry_after_s(rig->dial);
  rig_free(rig);
  peer_stop(peer);
  return err;
}

Test(tls, peer_speaks_http) {
  char reason[256];
  int err = dial_raw("!HTTP/1.1 400 Bad Request\r\n\r\n", true, reason, NULL);
  cr_assert(err == -TG_ESIZE || err == -TG_ETLS, "%s %s", tg_err_name(err), reason);
}

Test(tls, peer_hangs_up) {
  char reason[256];
  cr_assert_eq(dial_raw("!", true, reason, NULL), -TG_ETRUNCATED, "%s", reason);
}

Test(dial, upgrade_refusals) {
  char reason[256];
  uint32_t retry_s = 0;
  cr_assert_eq(dial_raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, reason, NULL), -TG_ERATE);
  cr_assert(strstr(reason, "403 Forbidden"), "%s", reason);
  cr_assert_eq(dial_raw("HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n", false, reason, &retry_s),
               -TG_ERATE);
  cr_assert_eq(retry_s, 17);
  cr_assert_eq(dial_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, reason, NULL), -TG_EPROTO);
  cr_assert_eq(dial_raw("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                        "AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
                        false, reason, NULL),
               -TG_EPROTO);
  cr_assert(strstr(reason, "Accept"), "%s", reason);
  cr_assert_eq(dial_raw("no HTTP at all\r\n\r\n", false, reason, NULL), -TG_EPROTO);
}

Test(dial, refused_and_unresolved) {
  peer_cfg_t cfg = {.script = ws_script};
  peer_t *peer = peer_start(&cfg);
  uint16_t port = peer_port(peer);
  peer_stop(peer);
  rig_t *rig = rig_new(NULL);
  cr_assert_eq(rig_dial(rig, "localhost", port, true), 0);
  cr_assert_eq(rig_dial(rig, "localhost", port, true), -TG_EBUSY);
  cr_assert(rig_until(rig, &rig->dial_closes, 1));
  cr_assert_eq(rig->dial_err, -TG_EREFUSED);
  cr_assert_eq(rig_dial(rig, "no-such-host.invalid", port, true), 0);
  cr_assert(rig_until(rig, &rig->dial_closes, 2));
  cr_assert(rig->dial_err == -TG_ERESOLVE || rig->dial_err == -TG_ETIMEOUT, "%s", rig->dial_reason);
  rig_free(rig);
}

Test(dial, one_deadline_for_all) {
  const char *answer = "SILENT";
  answer_arg = &answer;
  peer_cfg_t cfg = {.script = raw_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  tg_dial_cfg_t dial = {.host = "localhost", .port = peer_port(peer), .path = "/", .timeout_ms = 120, .gen = 1};
  cr_assert_eq(tg_dial_start(rig->dial, &dial, rig_now()), 0);
  cr_assert(rig_until(rig, &rig->dial_closes, 1));
  cr_assert_eq(rig->dial_err, -TG_ETIMEOUT);
  cr_assert_eq(rig->opens, 0);
  rig_free(rig);
  peer_stop(peer);
}

Test(dial, bad_arguments) {
  rig_t *rig = rig_new(NULL);
  tg_dial_cfg_t dial = {.host = "localhost", .port = 1, .path = "/a b", .timeout_ms = 100};
  cr_assert_eq(tg_dial_start(rig->dial, &dial, 1), -TG_EINVAL);
  dial.path = "/";
  dial.headers = "X: y";
  cr_assert_eq(tg_dial_start(rig->dial, &dial, 1), -TG_EINVAL);
  dial.headers = NULL;
  dial.port = 0;
  cr_assert_eq(tg_dial_start(rig->dial, &dial, 1), -TG_EINVAL);
  rig_free(rig);
}

/* RFC 6455 1.3 */
Test(dial, accept_key) {
  char accept[29];
  tg_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", 24, accept);
  cr_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

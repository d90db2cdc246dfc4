/* faults.md row 27: wrong host, expired, self-signed, unknown authority, wrong pin, downgrade: no connection, each with a
 * reason of its own, for sessions and for HTTP alike. */
#include <criterion/criterion.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "net/http.h"
#include "rig.h"

static int served; /* connections that got as far as talking */

static void script(peer_t *peer, int connection) {
  char head[8192];
  (void)connection;
  served++;
  if (peer_read_head(peer, head, sizeof head) && !strstr(head, "Upgrade")) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    peer_write(peer, answer, sizeof answer - 1);
  }
}

static void pin_of(SSL_CTX *ctx, char hex[65]) {
  uint8_t *spki = NULL, digest[32];
  int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(SSL_CTX_get0_certificate(ctx)), &spki);
  cr_assert_gt(len, 0);
  SHA256(spki, (size_t)len, digest);
  OPENSSL_free(spki);
  for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

typedef struct got {
  int err, answers;
  bool sent;
  char reason[256];
} got_t;

static void on_answer(void *user, const tg_http_answer_t *answer) {
  got_t *got = user;
  got->answers++;
  got->err = answer->err;
  got->sent = answer->sent;
  snprintf(got->reason, sizeof got->reason, "%s", answer->reason ? answer->reason : "");
}

/* One attempt over a session and one over HTTP; both must end alike. `pins` NULL: none. The error; reason in got. */
static int attempt(SSL_CTX *ctx, const char *host, const char *pins, got_t *got) {
  peer_cfg_t cfg = {.ctx = ctx, .script = script};
  served = 0;
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  if (pins) cr_assert_eq(tg_tls_set_pins(rig->tls, pins), 0);
  memset(got, 0, sizeof *got);
  tg_http_cfg_t http_cfg = {.host = host,
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
  tg_http_req_t req = {.method = "GET", .path = "/", .done = on_answer, .user = got};
  cr_assert_eq(tg_http_send(http, &req, rig_now()), 0);
  while (!got->answers) {
    rig_turn(rig);
    tg_http_turn(http, rig_now());
  }
  int http_err = got->err;
  char http_reason[256];
  snprintf(http_reason, sizeof http_reason, "%s", got->reason);
  if (http_err) cr_assert_not(got->sent, "nothing of the request left");
  if (http_err) { /* the same by a session */
    cr_assert_eq(rig_dial(rig, host, peer_port(peer), true), 0);
    while (!rig->opens && !rig->dial_closes) rig_turn(rig);
    cr_assert_eq(rig->opens, 0);
    cr_assert_eq(rig->dial_err, http_err);
    cr_assert_str_eq(rig->dial_reason, http_reason, "a session and HTTP tell the same");
    cr_assert_eq(served, 0, "no connection");
  }
  tg_http_free(http);
  rig_free(rig);
  peer_stop(peer);
  return http_err;
}

#define NO_PIN "0000000000000000000000000000000000000000000000000000000000000001"

Test(fault_27, each_fault_of_a_certificate_has_its_own_reason) {
  static const struct {
    enum leaf_kind leaf;
    const char *host, *pins, *reason;
  } row[] = {{LEAF_WRONG_HOST, "localhost", NULL, "wrong host"},
             {LEAF_WRONG_HOST, "127.0.0.1", NULL, "wrong host"},
             {LEAF_EXPIRED, "localhost", NULL, "expired"},
             {LEAF_SELF_SIGNED, "localhost", NULL, "self-signed"},
             {LEAF_OTHER_CA, "localhost", NULL, "unknown authority"},
             {LEAF_GOOD, "localhost", NO_PIN, "wrong pin"}};
  static const char *const words[] = {"wrong host", "expired", "self-signed", "unknown authority", "wrong pin", "downgrade"};
  for (uint16_t version = 0x0303; version <= 0x0304; version++) {
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
      got_t got;
      cr_assert_eq(attempt(certs_server_ctx(row[i].leaf, version, version), row[i].host, row[i].pins, &got), -TG_ECERT, "%s",
                   row[i].reason);
      for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        bool told = strstr(got.reason, words[w]) != NULL;
        cr_assert_eq(told, strcmp(words[w], row[i].reason) == 0, "TLS %04x: %s", version, got.reason);
      }
      cr_assert_null(strchr(got.reason, '\n'), "one line");
    }
  }
}

Test(fault_27, a_peer_below_tls_1_2_is_a_downgrade) {
  got_t got;
  for (uint16_t version = 0x0301; version <= 0x0302; version++) {
    cr_assert_eq(attempt(certs_server_ctx(LEAF_GOOD, version, version), "localhost", NULL, &got), -TG_ETLS);
    cr_assert(strstr(got.reason, "downgrade"), "%s", got.reason);
  }
}

Test(fault_27, the_right_pin_among_others_connects) {
  char pin[65], list[256];
  got_t got;
  SSL_CTX *ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304);
  pin_of(ctx, pin);
  snprintf(list, sizeof list, NO_PIN ", %s", pin);
  cr_assert_eq(attempt(ctx, "localhost", list, &got), 0, "%s", got.reason);
  cr_assert_eq(served, 1);
  ctx = certs_server_ctx(LEAF_GOOD, 0x0303, 0x0303);
  pin_of(ctx, pin);
  for (char *c = pin; *c; c++) {
    if (*c >= 'a') *c = (char)(*c - 'a' + 'A');
  }
  cr_assert_eq(attempt(ctx, "localhost", pin, &got), 0, "capitals are hex, too: %s", got.reason);
}

Test(fault_27, a_pin_does_not_replace_the_authority) {
  char pin[65];
  got_t got;
  SSL_CTX *ctx = certs_server_ctx(LEAF_SELF_SIGNED, 0x0304, 0x0304);
  pin_of(ctx, pin);
  cr_assert_eq(attempt(ctx, "localhost", pin, &got), -TG_ECERT);
  cr_assert(strstr(got.reason, "self-signed"), "%s", got.reason);
}

Test(fault_27, lists_of_pins_are_read_strictly) {
  int err;
  char text[256];
  tg_tls_t *tls = tg_tls_new(certs_ca_file(), &err, text, sizeof text);
  cr_assert_not_null(tls);
  cr_assert_eq(tg_tls_set_pins(tls, ""), 0);
  cr_assert_eq(tg_tls_set_pins(tls, NO_PIN "," NO_PIN), 0);
  cr_assert_eq(tg_tls_set_pins(tls, NO_PIN "0"), -TG_ESYNTAX);
  cr_assert_eq(tg_tls_set_pins(tls, "00ff"), -TG_ESYNTAX);
  cr_assert_eq(tg_tls_set_pins(tls, "sha256/abc"), -TG_ESYNTAX);
  char many[70 * 9 + 1] = "";
  for (int i = 0; i < 9; i++) memcpy(many + i * 65, NO_PIN ",", 66);
  cr_assert_eq(tg_tls_set_pins(tls, many), -TG_EFULL);
  tg_tls_free(tls);
}

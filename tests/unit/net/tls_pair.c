#include "tls_pair.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

uint8_t *pair_from_server(tls_pair_t *pair, size_t *len) {
  *len = BIO_pending(pair->out);
  uint8_t *buf = malloc(*len + 1);
  if (*len) cr_assert_eq(BIO_read(pair->out, buf, (int)*len), (int)*len);
  return buf;
}

void pair_to_server(tls_pair_t *pair, const void *data, size_t len) {
  cr_assert_eq(BIO_write(pair->in, data, (int)len), (int)len);
}

static void client_output(tls_pair_t *pair) {
  uint8_t buf[4096];
  for (size_t n; (n = tg_tls_shake_output(pair->shake, buf, sizeof buf)) > 0;) pair_to_server(pair, buf, n);
}

void pair_open(tls_pair_t *pair, uint16_t version, const char *ciphers) {
  int err;
  char text[256];
  memset(pair, 0, sizeof *pair);
  pair->tls = tg_tls_new(certs_ca_file(), &err, text, sizeof text);
  cr_assert_not_null(pair->tls, "%s", text);
  pair->ctx = certs_server_ctx(LEAF_GOOD, version, version);
  if (ciphers) cr_assert(SSL_CTX_set_strict_cipher_list(pair->ctx, ciphers));
  pair->server = SSL_new(pair->ctx);
  pair->in = BIO_new(BIO_s_mem());
  pair->out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(pair->in, -1);
  SSL_set_bio(pair->server, pair->in, pair->out);
  SSL_set_accept_state(pair->server);
  pair->shake = tg_tls_shake_begin(pair->tls, "localhost", 443);
  size_t eaten;
  cr_assert_eq(tg_tls_shake_input(pair->shake, NULL, 0, &eaten), 0);
  client_output(pair);
  int server_done = 0, client_done = 0;
  for (int i = 0; i < 10 && !(server_done && client_done); i++) {
    if (!server_done) server_done = SSL_do_handshake(pair->server) == 1;
    size_t len;
    uint8_t *bytes = pair_from_server(pair, &len);
    if (len && !client_done) {
      int rc = tg_tls_shake_input(pair->shake, bytes, len, &eaten);
      cr_assert_geq(rc, 0, "%s", tg_tls_shake_reason(pair->shake));
      client_done = rc == 1;
      client_output(pair);
    } else {
      eaten = 0;
    }
    if (client_done && len > eaten) {
      pair->left = realloc(pair->left, pair->left_len + len - eaten);
      memcpy(pair->left + pair->left_len, bytes + eaten, len - eaten);
      pair->left_len += len - eaten;
    }
    free(bytes);
  }
  cr_assert(server_done && client_done);
  cr_assert_eq(tg_tls_shake_keys(pair->shake, &pair->keys), 0);
  cr_assert_eq(pair->keys.version, version);
  cr_assert_eq(tg_rec_init(&pair->rec, &pair->keys), 0);
  /* BoringSSL's server sends its tickets with its first data: have them behind us */
  size_t more;
  cr_assert_eq(SSL_write(pair->server, "t", 1), 1);
  uint8_t *first = pair_from_server(pair, &more);
  pair->left = realloc(pair->left, pair->left_len + more);
  memcpy(pair->left + pair->left_len, first, more);
  pair->left_len += more;
  free(first);
  for (size_t at = 0; at < pair->left_len;) {
    tg_rec_out_t out;
    int n = tg_rec_open(&pair->rec, pair->left + at, pair->left_len - at, &out);
    cr_assert_gt(n, 0);
    cr_assert_eq(out.kind, at + (size_t)n == pair->left_len ? TG_REC_DATA : TG_REC_NONE);
    at += (size_t)n;
  }
}

void pair_close(tls_pair_t *pair) {
  SSL_free(pair->server);
  SSL_CTX_free(pair->ctx);
  tg_tls_shake_end(pair->shake);
  tg_tls_free(pair->tls);
  tg_rec_wipe(&pair->rec);
  free(pair->left);
}

/* tls_pair.h - a finished handshake in memory: BoringSSL server mode against our client, no socket, no thread. */
#ifndef TEST_NET_TLS_PAIR_H
#define TEST_NET_TLS_PAIR_H

#include "certs.h"
#include "net/tls.h"

typedef struct tls_pair {
  tg_tls_t *tls;
  tg_tls_shake_t *shake;
  SSL_CTX *ctx;
  SSL *server;
  BIO *in, *out; /* the server's */
  tg_rec_keys_t keys;
  tg_rec_t rec;  /* our side */
  uint8_t *left; /* what the server sent behind the handshake (tickets) */
  size_t left_len;
} tls_pair_t;

/* ciphers: TLS 1.2 list for the server, NULL = its default. */
void pair_open(tls_pair_t *pair, uint16_t version, const char *ciphers);
void pair_close(tls_pair_t *pair);
/* Everything the server has to send now; caller frees. */
uint8_t *pair_from_server(tls_pair_t *pair, size_t *len);
void pair_to_server(tls_pair_t *pair, const void *data, size_t len);

#endif

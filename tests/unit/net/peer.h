/* peer.h - a scripted server on loopback for tests: blocking, one thread, plain or BoringSSL server mode. */
#ifndef TEST_NET_PEER_H
#define TEST_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs.h"

typedef struct peer peer_t;
typedef void (*peer_script_t)(peer_t *peer, int connection);

typedef struct peer_cfg {
  SSL_CTX *ctx; /* NULL = plain; freed by peer_stop */
  peer_script_t
      script; /* runs per accepted connection, after the handshake; the connection is closed (no close_notify) after it */
  void *arg;
} peer_cfg_t;

peer_t *peer_start(const peer_cfg_t *cfg);
void peer_stop(peer_t *peer);
uint16_t peer_port(const peer_t *peer);
void *peer_arg(peer_t *peer);
SSL *peer_ssl(peer_t *peer);
int peer_fd(peer_t *peer);
int peer_handshakes(peer_t *peer);

/* For scripts. Bytes, or <= 0 at the end. */
int peer_read(peer_t *peer, void *buf, size_t len);
bool peer_read_full(peer_t *peer, void *buf, size_t len);
bool peer_write(peer_t *peer, const void *buf, size_t len);
void peer_close_notify(peer_t *peer);
/* Reads an HTTP head (up to the empty line) into buf as a string. */
bool peer_read_head(peer_t *peer, char *buf, size_t cap);
/* Reads an upgrade request and accepts it. */
bool peer_upgrade(peer_t *peer);
/* Unmasked server frame. */
bool peer_send_frame(peer_t *peer, uint8_t op, bool fin, const void *payload, size_t len);
/* Reads a masked frame; returns payload length, -1 at the end. */
int peer_read_frame(peer_t *peer, uint8_t *op, uint8_t *payload, size_t cap);

#endif

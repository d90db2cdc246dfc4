#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dial.h"

struct peer {
  peer_cfg_t cfg;
  int listen_fd, fd;
  uint16_t port;
  SSL *ssl;
  int handshakes;
  _Atomic bool stop;
  pthread_t thread;
};

static void serve(peer_t *peer, int n) {
  int one = 1;
  struct timeval limit = {20, 0}; /* a hung test ends */
  setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  bool ok = true;
  if (peer->cfg.ctx) {
    peer->ssl = SSL_new(peer->cfg.ctx);
    SSL_set_fd(peer->ssl, peer->fd);
    ok = SSL_accept(peer->ssl) == 1;
    if (ok) peer->handshakes++;
  }
  if (ok) peer->cfg.script(peer, n);
  if (peer->ssl) SSL_free(peer->ssl);
  peer->ssl = NULL;
  close(peer->fd);
  peer->fd = -1;
}

static void *peer_main(void *arg) {
  peer_t *peer = arg;
  for (int n = 0; !peer->stop; n++) {
    peer->fd = accept(peer->listen_fd, NULL, NULL);
    if (peer->fd < 0) break;
    if (peer->stop) {
      close(peer->fd);
      break;
    }
    serve(peer, n);
  }
  return NULL;
}

peer_t *peer_start(const peer_cfg_t *cfg) {
  signal(SIGPIPE, SIG_IGN);
  peer_t *peer = calloc(1, sizeof *peer);
  peer->cfg = *cfg;
  peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof addr;
  if (bind(peer->listen_fd, (struct sockaddr *)&addr, len) || listen(peer->listen_fd, 8)) abort();
  getsockname(peer->listen_fd, (struct sockaddr *)&addr, &len);
  peer->port = ntohs(addr.sin_port);
  pthread_create(&peer->thread, NULL, peer_main, peer);
  return peer;
}

void peer_stop(peer_t *peer) {
  peer->stop = true;
  shutdown(peer->listen_fd, SHUT_RDWR);
  pthread_join(peer->thread, NULL);
  close(peer->listen_fd);
  if (peer->cfg.ctx) SSL_CTX_free(peer->cfg.ctx);
  free(peer);
}

uint16_t peer_port(const peer_t *peer) {
  return peer->port;
}
void *peer_arg(peer_t *peer) {
  return peer->cfg.arg;
}
SSL *peer_ssl(peer_t *peer) {
  return peer->ssl;
}
int peer_fd(peer_t *peer) {
  return peer->fd;
}
int peer_handshakes(peer_t *peer) {
  return peer->handshakes;
}

int peer_read(peer_t *peer, void *buf, size_t len) {
  return peer->ssl ? SSL_read(peer->ssl, buf, (int)len) : (int)recv(peer->fd, buf, len, 0);
}

bool peer_read_full(peer_t *peer, void *buf, size_t len) {
  for (size_t at = 0; at < len;) {
    int n = peer_read(peer, (uint8_t *)buf + at, len - at);
    if (n <= 0) return false;
    at += (size_t)n;
  }
  return true;
}

bool peer_write(peer_t *peer, const void *buf, size_t len) {
  for (size_t at = 0; at < len;) {
    int n = peer->ssl ? SSL_write(peer->ssl, (const uint8_t *)buf + at, (int)(len - at))
                      : (int)send(peer->fd, (const uint8_t *)buf + at, len - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += (size_t)n;
  }
  return true;
}

void peer_close_notify(peer_t *peer) {
  if (peer->ssl) SSL_shutdown(peer->ssl);
}

bool peer_read_head(peer_t *peer, char *buf, size_t cap) {
  size_t at = 0;
  while (at + 1 < cap) {
    if (!peer_read_full(peer, buf + at, 1)) return false;
    buf[++at] = 0;
    if (at >= 4 && memcmp(buf + at - 4, "\r\n\r\n", 4) == 0) return true;
  }
  return false;
}

bool peer_upgrade(peer_t *peer) {
  char head[8192], accept[29], answer[256];
  if (!peer_read_head(peer, head, sizeof head)) return false;
  char *key = strcasestr(head, "Sec-WebSocket-Key: ");
  if (!key) return false;
  tg_ws_accept(key + 19, 24, accept);
  int n = snprintf(answer, sizeof answer,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
  return peer_write(peer, answer, (size_t)n);
}

bool peer_send_frame(peer_t *peer, uint8_t op, bool fin, const void *payload, size_t len) {
  uint8_t *buf = malloc(len + 10);
  size_t head = 2;
  buf[0] = (uint8_t)((fin ? 0x80 : 0) | op);
  if (len < 126) {
    buf[1] = (uint8_t)len;
  } else if (len < 65536) {
    buf[1] = 126;
    buf[2] = (uint8_t)(len >> 8);
    buf[3] = (uint8_t)len;
    head = 4;
  } else {
    buf[1] = 127;
    for (int i = 0; i < 8; i++) buf[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    head = 10;
  }
  if (len) memcpy(buf + head, payload, len);
  bool ok = peer_write(peer, buf, head + len);
  free(buf);
  return ok;
}

int peer_read_frame(peer_t *peer, uint8_t *op, uint8_t *payload, size_t cap) {
  uint8_t head[2], more[8], mask[4];
  if (!peer_read_full(peer, head, 2)) return -1;
  *op = head[0] & 15;
  uint64_t len = head[1] & 127;
  if (!(head[1] & 128)) return -1; /* a client must mask */
  int ext = len == 126 ? 2 : len == 127 ? 8 : 0;
  if (ext && !peer_read_full(peer, more, (size_t)ext)) return -1;
  if (ext) len = 0;
  for (int i = 0; i < ext; i++) len = (len << 8) | more[i];
  if (len > cap || !peer_read_full(peer, mask, 4) || !peer_read_full(peer, payload, (size_t)len)) return -1;
  for (uint64_t i = 0; i < len; i++) payload[i] ^= mask[i & 3];
  return (int)len;
}

/* rawtap.c - keeps the plaintext bytes of HTTP requests exactly as the client sent them.
 * Why:    signatures are over the query and body as transmitted, but libwebsockets percent-decodes the request line while it
 *         parses it, and keeps no copy. Its TLS reads go through SSL_read; this program defines SSL_read, which the
 *         dynamic linker prefers to libssl's, reads with SSL_read_ex and keeps a bounded copy per connection.
 * Guard:  libwebsockets 4.1.6 reads freed memory after it has refused an Upgrade other than websocket (seen with the address
 *         sanitizer); such a connection is cut here, before it gets to see the header.
 * Owner:  the copy hangs off the SSL object (ex_data) and is freed with it.
 * Limits: TAP_BYTES a connection; more marks the copy as lost and the request is refused. Off once a WebSocket is up.
 * Errors: vs_rawtap_init returns -1 when OpenSSL gives no index. A build against a static libwebsockets would bypass the
 *         tap: then vs_rawtap_get returns NULL and every request is answered with 500 and a line on stderr. */
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "vs.h"

#define TAP_BYTES (160u << 10)

typedef struct tap {
  char *p;
  size_t len, cap;
  bool off, lost, cut;
  bool limited, reset, ended; /* `left` more bytes may be written */
  int64_t left;
} tap;

static int tap_idx = -1;

static void tap_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp) {
  (void)parent;
  (void)ad;
  (void)idx;
  (void)argl;
  (void)argp;
  tap *t = ptr;
  if (t != NULL) {
    free(t->p);
    free(t);
  }
}

/* True while every complete Upgrade line in the copy says websocket, and there is one at most. */
static bool upgrade_ok(const tap *t) {
  static const char name[] = "upgrade:";
  const size_t name_len = sizeof name - 1;
  const char *end = t->p + t->len; /* the copy may hold NUL bytes */
  int cnt = 0;
  for (const char *at = memchr(t->p, '\n', t->len); at != NULL; at = memchr(at, '\n', (size_t)(end - at))) {
    at++;
    if ((size_t)(end - at) < name_len || strncasecmp(at, name, name_len) != 0) continue;
    const char *value = at + name_len;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    const char *stop = value;
    while (stop < end && *stop != '\r' && *stop != '\n') stop++;
    if (stop == end) return true; /* not complete yet */
    if (++cnt > 1 || stop - value != 9 || strncasecmp(value, "websocket", 9) != 0) return false;
  }
  return true;
}

int vs_rawtap_init(void) {
  tap_idx = SSL_get_ex_new_index(0, NULL, NULL, NULL, tap_free);
  return tap_idx < 0 ? -1 : 0;
}

static void keep(SSL *ssl, const char *data, size_t len) {
  tap *t = SSL_get_ex_data(ssl, tap_idx);
  if (t == NULL) {
    t = vs_alloc(1, sizeof *t);
    if (SSL_set_ex_data(ssl, tap_idx, t) != 1) {
      free(t);
      return;
    }
  }
  if (t->off || t->lost) {
    return;
  }
  if (t->len + len > TAP_BYTES) {
    t->lost = true;
    return;
  }
  if (t->len + len + 1 > t->cap) {
    size_t cap = t->cap == 0 ? 2048 : t->cap;
    while (cap < t->len + len + 1) {
      cap *= 2;
    }
    char *p = realloc(t->p, cap);
    if (p == NULL) {
      t->lost = true;
      return;
    }
    t->p = p;
    t->cap = cap;
  }
  memcpy(t->p + t->len, data, len);
  t->len += len;
  t->p[t->len] = '\0';
  t->cut = !upgrade_ok(t);
}

__attribute__((visibility("default"), used)) int SSL_read(SSL *ssl, void *buf, int num) {
  size_t n = 0;
  if (num < 0 || SSL_read_ex(ssl, buf, (size_t)num, &n) != 1) {
    return -1; /* SSL_get_error reads the state, not this value */
  }
  if (tap_idx >= 0 && SSL_is_server(ssl)) {
    keep(ssl, buf, n);
    const tap *t = SSL_get_ex_data(ssl, tap_idx);
    if (t != NULL && t->cut) return -1; /* no OpenSSL error behind it: libwebsockets takes it for a closed connection */
  }
  return (int)n;
}

/* Ends a connection without close_notify: FIN, or a reset. */
static void end_fd(SSL *ssl, bool reset) {
  int fd = SSL_get_fd(ssl);
  SSL_set_quiet_shutdown(ssl, 1);
  if (fd < 0) return;
  if (reset) {
    struct sockaddr none = {.sa_family = AF_UNSPEC}; /* TCP: connect to nowhere is a reset */
    (void)connect(fd, &none, sizeof none);
  } else {
    (void)shutdown(fd, SHUT_RDWR);
  }
}

__attribute__((visibility("default"), used)) int SSL_write(SSL *ssl, const void *buf, int num) {
  tap *t = tap_idx >= 0 && SSL_is_server(ssl) ? SSL_get_ex_data(ssl, tap_idx) : NULL;
  size_t n = 0;
  if (num <= 0 || (t != NULL && t->ended)) return -1;
  size_t want = (size_t)num;
  bool last = t != NULL && t->limited && (int64_t)want > t->left;
  if (last) want = (size_t)t->left;
  if (want > 0 && SSL_write_ex(ssl, buf, want, &n) != 1) return -1;
  if (t != NULL && t->limited) t->left -= (int64_t)n;
  if (last) {
    t->ended = true;
    end_fd(ssl, t->reset);
    return -1; /* no OpenSSL error behind it: libwebsockets takes it for a closed connection */
  }
  return (int)n;
}

static tap *tap_of(struct lws *wsi) {
  SSL *ssl = lws_get_ssl(wsi);
  return ssl != NULL ? SSL_get_ex_data(ssl, tap_idx) : NULL;
}

const char *vs_rawtap_get(struct lws *wsi, size_t *len) {
  tap *t = tap_of(wsi);
  if (t == NULL || t->lost || t->p == NULL) {
    return NULL;
  }
  *len = t->len;
  return t->p;
}

void vs_rawtap_eat(struct lws *wsi, size_t len) {
  tap *t = tap_of(wsi);
  if (t == NULL || t->p == NULL) {
    return;
  }
  if (len >= t->len) {
    t->len = 0;
  } else {
    memmove(t->p, t->p + len, t->len - len);
    t->len -= len;
  }
  t->p[t->len] = '\0';
}

void vs_rawtap_off(struct lws *wsi) {
  tap *t = tap_of(wsi);
  if (t != NULL) {
    free(t->p);
    t->p = NULL;
    t->len = t->cap = 0;
    t->off = true;
  }
}

void vs_rawtap_budget(struct lws *wsi, int64_t bytes, bool reset) {
  tap *t = tap_of(wsi);
  if (t != NULL) {
    t->limited = true;
    t->left = bytes;
    t->reset = reset;
  }
}

void vs_rawtap_cut(struct lws *wsi, bool reset) {
  tap *t = tap_of(wsi);
  if (t != NULL && !t->ended) {
    t->ended = true;
    end_fd(lws_get_ssl(wsi), reset);
  }
}

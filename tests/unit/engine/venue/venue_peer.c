#include "venue_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/dial.h"

enum { CONNS = 1024, SEEN = 16384, RULES = 64 };

typedef struct vp_conn {
  vp_t *vp;
  int fd;
  SSL *ssl;
  pthread_t thread;
} vp_conn_t;

struct vp {
  SSL_CTX *ctx;
  int listen_fd;
  uint16_t port;
  pthread_t thread;
  pthread_mutex_t lock;
  bool stop;
  vp_conn_t conn[CONNS];
  int conn_cnt;
  char *seen[SEEN];
  int seen_cnt;
  vp_rule_t rule[RULES];
  int rule_cnt;
  const char *logon;
};

static const char INFO[] =
    "{\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":2400}],"
    "\"symbols\":["
#define SYMBOL(name) \
  "{\"symbol\":\"" name "\",\"pair\":\"" name \
  "\",\"contractType\":\"PERPETUAL\",\"status\":\"TRADING\",\"marginAsset\":\"USDT\"," \
  "\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.10\",\"maxPrice\":\"4529764\",\"tickSize\":\"0.10\"}," \
  "{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.001\",\"maxQty\":\"1000\",\"stepSize\":\"0.001\"}," \
  "{\"filterType\":\"MARKET_LOT_SIZE\",\"minQty\":\"0.001\",\"maxQty\":\"120\",\"stepSize\":\"0.001\"}," \
  "{\"filterType\":\"MAX_NUM_ORDERS\",\"limit\":200},{\"filterType\":\"MIN_NOTIONAL\",\"notional\":\"50\"}," \
  "{\"multiplierUp\":\"1.0500\",\"multiplierDown\":\"0.9500\",\"multiplierDecimal\":\"4\",\"filterType\":\"PERCENT_PRICE\"}]," \
  "\"orderTypes\":[\"LIMIT\"]}"
    SYMBOL("BTCUSDT") "," SYMBOL("ETHUSDT") "]}";

static const struct {
  const char *what, *body;
} healthy[] = {
    {"GET /fapi/v1/exchangeInfo", INFO},
    {"GET /fapi/v1/commissionRate", "{\"symbol\":\"X\",\"makerCommissionRate\":\"0.0002\",\"takerCommissionRate\":\"0.0004\"}"},
    {"GET /fapi/v1/positionSide/dual", "{\"dualSidePosition\":false}"},
    {"POST /fapi/v1/listenKey", "{\"listenKey\":\"key1\"}"},
    {"PUT /fapi/v1/listenKey", "{\"listenKey\":\"key1\"}"},
    {"POST /fapi/v1/countdownCancelAll", "{\"symbol\":\"BTCUSDT\",\"countdownTime\":\"1\"}"},
    {"GET /fapi/v1/depth",
     "{\"lastUpdateId\":100,\"E\":1,\"T\":2,\"bids\":[[\"61240.0\",\"1.000\"]],\"asks\":[[\"61240.1\",\"2.000\"]]}"},
    {"GET /fapi/v1/openOrders", "[]"},
    {"GET /fapi/v3/positionRisk", "[]"},
    {"GET /fapi/v3/balance", "[]"},
};

static bool get(vp_conn_t *c, void *buf, size_t len) {
  for (size_t at = 0; at < len;) {
    int n = SSL_read(c->ssl, (uint8_t *)buf + at, (int)(len - at));
    if (n <= 0) return false;
    at += (size_t)n;
  }
  return true;
}

static bool put(vp_conn_t *c, const void *buf, size_t len) {
  return SSL_write(c->ssl, buf, (int)len) == (int)len;
}

static bool put_frame(vp_conn_t *c, uint8_t op, const void *payload, size_t len) {
  uint8_t buf[1024];
  size_t head = len < 126 ? 2 : 4;
  if (len + 4 > sizeof buf) return false;
  buf[0] = 0x80 | op;
  buf[1] = (uint8_t)(len < 126 ? len : 126);
  buf[2] = (uint8_t)(len >> 8);
  if (head == 4) buf[3] = (uint8_t)len;
  memcpy(buf + head, payload, len);
  return put(c, buf, head + len);
}

static void note(vp_t *vp, const char *kind, const char *target) {
  pthread_mutex_lock(&vp->lock);
  char text[4096];
  snprintf(text, sizeof text, "%s %s", kind, target);
  if (vp->seen_cnt < SEEN) vp->seen[vp->seen_cnt++] = strdup(text);
  pthread_mutex_unlock(&vp->lock);
}

static void sessions(vp_conn_t *c, char *head) {
  char accept[29], answer[256];
  char *key = strcasestr(head, "Sec-WebSocket-Key: ");
  if (!key) return;
  tg_ws_accept(key + 19, 24, accept);
  int n = snprintf(
      answer, sizeof answer,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
      accept);
  if (!put(c, answer, (size_t)n)) return;
  uint8_t h[2], ext[2], mask[4];
  char text[8192];
  while (get(c, h, 2)) {
    size_t len = h[1] & 127;
    if (len == 126) {
      if (!get(c, ext, 2)) return;
      len = (size_t)ext[0] << 8 | ext[1];
    }
    if (len >= sizeof text || !get(c, mask, 4) || !get(c, text, len)) return;
    for (size_t i = 0; i < len; i++) text[i] ^= (char)mask[i & 3];
    text[len] = '\0';
    if ((h[0] & 15) == 8) {
      put_frame(c, 8, text, len);
      return;
    }
    note(c->vp, "SAID", text);
    pthread_mutex_lock(&c->vp->lock);
    const char *logon = c->vp->logon;
    pthread_mutex_unlock(&c->vp->lock);
    if (strstr(text, "session.logon") && logon && !put_frame(c, 1, logon, strlen(logon))) return;
  }
}

/* The answer to one request; false: the connection ends. */
static bool answer_one(vp_conn_t *c, const char *what) {
  vp_t *vp = c->vp;
  vp_rule_t rule = {.status = 404, .body = "{\"code\":-1,\"msg\":\"no such thing\"}"};
  char time_body[64], out[16384];
  for (size_t i = 0; i < sizeof healthy / sizeof *healthy; i++) {
    if (strncmp(what, healthy[i].what, strlen(healthy[i].what)) == 0)
      rule = (vp_rule_t){.status = 200, .body = healthy[i].body};
  }
  if (strncmp(what, "GET /fapi/v1/time", 17) == 0) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(time_body, sizeof time_body, "{\"serverTime\":%lld}", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    rule = (vp_rule_t){.status = 200, .body = time_body};
  }
  pthread_mutex_lock(&vp->lock);
  for (int i = vp->rule_cnt; i-- > 0;) {
    vp_rule_t *r = &vp->rule[i];
    if (!r->what || strncmp(what, r->what, strlen(r->what)) != 0) continue;
    rule = *r;
    if (r->times > 0 && --r->times == 0) r->what = NULL;
    break;
  }
  pthread_mutex_unlock(&vp->lock);
  if (rule.status == 0) return false;
  if (rule.status < 0) return true;
  int n = snprintf(out, sizeof out, "HTTP/1.1 %d Text\r\nContent-Length: %zu\r\n%s\r\n%s", rule.status, strlen(rule.body),
                   rule.headers ? rule.headers : "", rule.body);
  return put(c, out, (size_t)n);
}

static void serve(vp_conn_t *c) {
  char head[8192];
  for (;;) {
    size_t at = 0;
    while (at + 1 < sizeof head && get(c, head + at, 1)) {
      head[++at] = '\0';
      if (at >= 4 && memcmp(head + at - 4, "\r\n\r\n", 4) == 0) break;
    }
    if (at < 4 || memcmp(head + at - 4, "\r\n\r\n", 4) != 0) return;
    char method[8], target[4096], what[4200];
    if (sscanf(head, "%7s %4095s", method, target) != 2) return;
    if (strcasestr(head, "Upgrade: websocket")) {
      note(c->vp, "WS", target);
      sessions(c, head);
      return;
    }
    note(c->vp, method, target);
    snprintf(what, sizeof what, "%s %s", method, target);
    if (!answer_one(c, what)) return;
  }
}

static void *conn_main(void *arg) {
  vp_conn_t *c = arg;
  if (SSL_accept(c->ssl) == 1) serve(c);
  shutdown(c->fd, SHUT_RDWR);
  return NULL;
}

static void *accept_main(void *arg) {
  vp_t *vp = arg;
  for (;;) {
    int fd = accept(vp->listen_fd, NULL, NULL);
    if (fd < 0) return NULL;
    pthread_mutex_lock(&vp->lock);
    if (vp->stop || vp->conn_cnt == CONNS) {
      close(fd);
    } else {
      vp_conn_t *c = &vp->conn[vp->conn_cnt++];
      *c = (vp_conn_t){.vp = vp, .fd = fd, .ssl = SSL_new(vp->ctx)};
      SSL_set_fd(c->ssl, fd);
      if (pthread_create(&c->thread, NULL, conn_main, c) != 0) abort();
    }
    pthread_mutex_unlock(&vp->lock);
  }
}

static int listening(uint16_t *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof addr;
  if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 64) || getsockname(fd, (struct sockaddr *)&addr, &len)) abort();
  *port = ntohs(addr.sin_port);
  return fd;
}

vp_t *vp_start(enum leaf_kind leaf) {
  signal(SIGPIPE, SIG_IGN);
  vp_t *vp = calloc(1, sizeof *vp);
  pthread_mutex_init(&vp->lock, NULL);
  vp->ctx = certs_server_ctx(leaf, TLS1_3_VERSION, TLS1_3_VERSION);
  vp->listen_fd = listening(&vp->port);
  vp->logon = "{\"id\":\"l1\",\"status\":200,\"result\":{\"apiKey\":\"k\",\"authorizedSince\":1,\"serverTime\":2}}";
  if (pthread_create(&vp->thread, NULL, accept_main, vp) != 0) abort();
  return vp;
}

void vp_stop(vp_t *vp) {
  pthread_mutex_lock(&vp->lock);
  vp->stop = true;
  for (int i = 0; i < vp->conn_cnt; i++) shutdown(vp->conn[i].fd, SHUT_RDWR);
  pthread_mutex_unlock(&vp->lock);
  shutdown(vp->listen_fd, SHUT_RDWR);
  pthread_join(vp->thread, NULL);
  close(vp->listen_fd);
  for (int i = 0; i < vp->conn_cnt; i++) {
    pthread_join(vp->conn[i].thread, NULL);
    SSL_free(vp->conn[i].ssl);
    close(vp->conn[i].fd);
  }
  for (int i = 0; i < vp->seen_cnt; i++) free(vp->seen[i]);
  SSL_CTX_free(vp->ctx);
  pthread_mutex_destroy(&vp->lock);
  free(vp);
}

uint16_t vp_port(const vp_t *vp) {
  return vp->port;
}

void vp_answer_with(vp_t *vp, vp_rule_t rule) {
  pthread_mutex_lock(&vp->lock);
  if (vp->rule_cnt == RULES) abort();
  vp->rule[vp->rule_cnt++] = rule;
  pthread_mutex_unlock(&vp->lock);
}

void vp_logon_with(vp_t *vp, const char *text) {
  pthread_mutex_lock(&vp->lock);
  vp->logon = text;
  pthread_mutex_unlock(&vp->lock);
}

int vp_seen(vp_t *vp, const char *what, char *last, size_t cap) {
  int cnt = 0;
  pthread_mutex_lock(&vp->lock);
  for (int i = 0; i < vp->seen_cnt; i++) {
    if (strncmp(vp->seen[i], what, strlen(what)) != 0) continue;
    cnt++;
    if (last) snprintf(last, cap, "%s", vp->seen[i]);
  }
  pthread_mutex_unlock(&vp->lock);
  return cnt;
}

uint16_t vp_closed_port(void) {
  uint16_t port;
  close(listening(&port));
  return port;
}

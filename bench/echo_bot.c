/* bench_echo_bot - the least that can trade on the simulated venue, beside the engine on the same venue.
 * What:    OpenSSL over memory BIOs, one thread that spins on recv. On a bookTicker, at most once in --pause-ms, it sends an
 *          order.place that was built and signed before (a buy far below the touch), and cancels it when the answer is there.
 *          Measured as the engine measures: bytes received in user space -> bytes of the order given to the kernel; and
 *          order sent -> answer received.
 *   bench_echo_bot --port N --ca FILE --key-file FILE --secret-file FILE [--seconds N] [--pause-ms N] [--json FILE]
 * Exit codes: 0; 1 no order was taken; 2 usage. A benchmark's program: no book, no limits, no state. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "engine/base/hist.h"

enum { IN_BYTES = 1 << 17, TEXT_MAX = 1024 };

typedef struct args {
  uint16_t port;
  const char *ca, *key_file, *secret_file, *json;
  long seconds, pause_ms;
} args_t;

typedef struct link {
  int fd;
  SSL *ssl;
  BIO *in, *out;
  uint8_t plain[IN_BYTES];
  size_t len;
} link_t;

typedef struct bot {
  args_t args;
  char api_key[256], secret[256];
  link_t market, order;
  char next[TEXT_MAX];
  int next_len;
  uint64_t built_ns, sent_ns, rx_ns;
  uint32_t no, placed, refused;
  bool waits_place, waits_cancel, owes_cancel;
  double bid;
  tg_hist_t tick_ns, answer_ns;
} bot_t;

static int read_text(const char *path, char *to, size_t cap) {
  FILE *f = path ? fopen(path, "r") : NULL;
  if (!f || !fgets(to, (int)cap, f)) {
    fprintf(stderr, "bench_echo_bot: cannot read %s\n", path ? path : "(no file named)");
    if (f) (void)fclose(f);
    return -1;
  }
  to[strcspn(to, "\r\n")] = '\0';
  return fclose(f);
}

/* ---- bytes ---- */

static int flush_out(link_t *l) {
  uint8_t buf[32768];
  for (int n; (n = BIO_read(l->out, buf, sizeof buf)) > 0;) {
    for (int at = 0; at < n;) {
      ssize_t rc = send(l->fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL);
      if (rc < 0 && errno != EAGAIN) return -1;
      at += rc > 0 ? (int)rc : 0;
    }
  }
  return 0;
}

/* One recv. > 0: plaintext was added; 0: nothing; -1: over. */
static int take(bot_t *b, link_t *l) {
  uint8_t buf[32768];
  ssize_t n = recv(l->fd, buf, sizeof buf, MSG_DONTWAIT);
  if (n == 0) return -1;
  if (n < 0) return errno == EAGAIN ? 0 : -1;
  b->rx_ns = tg_clock_now_ns(&bench_clock);
  if (BIO_write(l->in, buf, (int)n) != n) return -1;
  size_t before = l->len;
  for (int got; (got = SSL_read(l->ssl, l->plain + l->len, (int)((size_t)IN_BYTES - l->len))) > 0;) l->len += (size_t)got;
  return l->len > before;
}

static int send_plain(link_t *l, const void *data, int len) {
  return SSL_write(l->ssl, data, len) == len ? flush_out(l) : -1;
}

static int send_text(link_t *l, uint8_t op, const char *text, size_t len) {
  uint8_t frame[TEXT_MAX + 16];
  size_t head = len < 126 ? 6 : 8;
  frame[0] = (uint8_t)(0x80 | op);
  frame[1] = (uint8_t)(0x80 | (head == 6 ? len : 126));
  frame[2] = (uint8_t)(len >> 8);
  frame[3] = (uint8_t)len;
  memcpy(frame + head - 4, "\1\2\3\4", 4);
  for (size_t i = 0; i < len; i++) frame[head + i] = (uint8_t)((uint8_t)text[i] ^ (1u + (i & 3u)));
  return send_plain(l, frame, (int)(head + len));
}

/* Next message at the front of l->plain: its text and length, its frame's bytes in *eaten; NULL: not there. */
static const char *message(const link_t *l, size_t *len, size_t *eaten, uint8_t *op) {
  if (l->len < 2) return NULL;
  size_t head = (l->plain[1] & 127) == 126 ? 4 : (l->plain[1] & 127) == 127 ? 10 : 2;
  if (l->len < head) return NULL;
  size_t n = l->plain[1] & 127;
  if (head == 4) n = (size_t)(l->plain[2] << 8 | l->plain[3]);
  if (head == 10) n = (size_t)l->plain[7] << 16 | (size_t)l->plain[8] << 8 | l->plain[9];
  if (l->len < head + n) return NULL;
  *len = n;
  *eaten = head + n;
  *op = l->plain[0] & 15;
  return (const char *)l->plain + head;
}

/* ---- opening ---- */

static int dial(bot_t *b, link_t *l, SSL_CTX *ctx, const char *path) {
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(b->args.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&addr, sizeof addr)) return -1;
  if (setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one)) return -1;
  l->ssl = SSL_new(ctx);
  l->in = BIO_new(BIO_s_mem());
  l->out = BIO_new(BIO_s_mem());
  if (!l->ssl || !l->in || !l->out) return -1;
  SSL_set_bio(l->ssl, l->in, l->out);
  if (!SSL_set1_host(l->ssl, "localhost") || !SSL_set_tlsext_host_name(l->ssl, "localhost")) return -1;
  SSL_set_connect_state(l->ssl);
  char buf[4096];
  while (!SSL_is_init_finished(l->ssl)) {
    int rc = SSL_do_handshake(l->ssl);
    if (flush_out(l)) return -1;
    if (rc == 1) break;
    if (SSL_get_error(l->ssl, rc) != SSL_ERROR_WANT_READ) {
      ERR_print_errors_fp(stderr);
      return -1;
    }
    ssize_t n = recv(l->fd, buf, sizeof buf, 0);
    if (n <= 0 || BIO_write(l->in, buf, (int)n) != n) return -1;
  }
  int n = snprintf(buf, sizeof buf,
                   "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                   path, b->args.port);
  if (send_plain(l, buf, n)) return -1;
  for (;;) {
    if (take(b, l) < 0) return -1;
    const uint8_t *end = memmem(l->plain, l->len, "\r\n\r\n", 4);
    if (!end) continue;
    if (strncmp((const char *)l->plain, "HTTP/1.1 101", 12) != 0) return -1;
    size_t used = (size_t)(end - l->plain) + 4;
    memmove(l->plain, l->plain + used, l->len - used);
    l->len -= used;
    return 0;
  }
}

/* ---- orders ---- */

static long now_ms(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void sign(const bot_t *b, const char *payload, char hex[65]) {
  uint8_t mac[32];
  unsigned len = 0;
  if (!HMAC(EVP_sha256(), b->secret, (int)strlen(b->secret), (const uint8_t *)payload, strlen(payload), mac, &len)) abort();
  for (int i = 0; i < 32; i++) (void)snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

/* The order that the next tick sends: 2% below the touch. */
static void build(bot_t *b) {
  char payload[TEXT_MAX], hex[65];
  long ms = now_ms();
  long px = (long)(b->bid * 0.98 * 10);
  int n =
      snprintf(payload, sizeof payload,
               "apiKey=%s&newClientOrderId=echo-%u&newOrderRespType=ACK&price=%ld.%ld&quantity=0.004&recvWindow=5000&side=BUY&"
               "symbol=BTCUSDT&timeInForce=GTX&timestamp=%ld&type=LIMIT",
               b->api_key, b->no, px / 10, px % 10, ms);
  if (n < 0 || n >= TEXT_MAX) abort();
  sign(b, payload, hex);
  b->next_len =
      snprintf(b->next, sizeof b->next,
               "{\"id\":\"p%u\",\"method\":\"order.place\",\"params\":{\"apiKey\":\"%s\",\"newClientOrderId\":\"echo-%u\","
               "\"newOrderRespType\":\"ACK\",\"price\":\"%ld.%ld\",\"quantity\":\"0.004\",\"recvWindow\":5000,\"side\":\"BUY\","
               "\"symbol\":\"BTCUSDT\",\"timeInForce\":\"GTX\",\"timestamp\":%ld,\"type\":\"LIMIT\",\"signature\":\"%s\"}}",
               b->no, b->api_key, b->no, px / 10, px % 10, ms, hex);
  b->built_ns = tg_clock_now_ns(&bench_clock);
}

static int cancel(bot_t *b) {
  char payload[TEXT_MAX], text[TEXT_MAX], hex[65];
  long ms = now_ms();
  (void)snprintf(payload, sizeof payload, "apiKey=%s&origClientOrderId=echo-%u&recvWindow=5000&symbol=BTCUSDT&timestamp=%ld",
                 b->api_key, b->no, ms);
  sign(b, payload, hex);
  int n =
      snprintf(text, sizeof text,
               "{\"id\":\"c%u\",\"method\":\"order.cancel\",\"params\":{\"apiKey\":\"%s\",\"origClientOrderId\":\"echo-%u\","
               "\"recvWindow\":5000,\"symbol\":\"BTCUSDT\",\"timestamp\":%ld,\"signature\":\"%s\"}}",
               b->no, b->api_key, b->no, ms, hex);
  b->owes_cancel = false;
  b->waits_cancel = true;
  return send_text(&b->order, 1, text, (size_t)n);
}

static int on_tick(bot_t *b, const char *text, size_t len) {
  const char *bid = memmem(text, len, "\"b\":\"", 5);
  if (!bid) return 0;
  uint64_t pause_ns = (uint64_t)b->args.pause_ms * 1000000u;
  bool due = b->next_len > 0 && !b->waits_place && !b->waits_cancel && !b->owes_cancel && b->rx_ns - b->sent_ns > pause_ns;
  if (due) {
    uint64_t rx_ns = b->rx_ns;
    if (send_text(&b->order, 1, b->next, (size_t)b->next_len)) return -1;
    b->sent_ns = tg_clock_now_ns(&bench_clock);
    tg_hist_record(&b->tick_ns, b->sent_ns - rx_ns);
    b->waits_place = true;
    b->next_len = 0;
  }
  b->bid = strtod(bid + 5, NULL);
  return 0;
}

static int on_answer(bot_t *b, const char *text, size_t len) {
  bool ok = memmem(text, len, "\"status\":200", 12) != NULL;
  if (memmem(text, len, "\"id\":\"p", 7)) {
    tg_hist_record(&b->answer_ns, b->rx_ns - b->sent_ns);
    b->waits_place = false;
    b->owes_cancel = ok;
    b->placed += ok;
    b->refused += !ok;
    if (!ok && b->refused <= 3) fprintf(stderr, "bench_echo_bot: refused: %.*s\n", (int)len, text);
    if (!ok) b->no++;
  } else if (memmem(text, len, "\"id\":\"c", 7)) {
    b->waits_cancel = false;
    b->no++;
  }
  return 0;
}

static int messages(bot_t *b, link_t *l, int (*on)(bot_t *, const char *, size_t)) {
  size_t len, eaten;
  uint8_t op;
  for (const char *text; (text = message(l, &len, &eaten, &op)) != NULL;) {
    if (op == 9 && send_text(l, 10, text, len)) return -1;
    if (op == 8) return -1;
    if (op == 1 && on(b, text, len)) return -1;
    memmove(l->plain, l->plain + eaten, l->len - eaten);
    l->len -= eaten;
  }
  return 0;
}

static int turn(bot_t *b) {
  int rc = take(b, &b->market);
  if (rc < 0 || (rc > 0 && messages(b, &b->market, on_tick))) return -1;
  rc = take(b, &b->order);
  if (rc < 0 || (rc > 0 && messages(b, &b->order, on_answer))) return -1;
  if (rc > 0) return 0;
  uint64_t now_ns = tg_clock_now_ns(&bench_clock);
  if (b->owes_cancel && now_ns - b->sent_ns > 20000000) return cancel(b);
  bool stale = b->next_len > 0 && now_ns - b->built_ns > 1000000000;
  if ((b->next_len == 0 || stale) && b->bid > 0 && !b->waits_place && !b->waits_cancel && !b->owes_cancel) build(b);
  return 0;
}

static int run(bot_t *b) {
  uint64_t end_ns = tg_clock_now_ns(&bench_clock) + (uint64_t)b->args.seconds * 1000000000u;
  while (tg_clock_now_ns(&bench_clock) < end_ns) {
    if (turn(b)) return -1;
  }
  return 0;
}

static void tell(const char *what, const tg_hist_t *h, FILE *json) {
  printf("echo bot: %-28s n %5lu p50 %8.2f p99 %8.2f p99.9 %8.2f max %8.2f us\n", what, h->cnt,
         (double)tg_hist_quantile(h, 0.5) / 1000, (double)tg_hist_quantile(h, 0.99) / 1000,
         (double)tg_hist_quantile(h, 0.999) / 1000, (double)h->max / 1000);
  if (json)
    fprintf(json, "\"%s\":{\"count\":%lu,\"p50\":%lu,\"p99\":%lu,\"p999\":%lu,\"max\":%lu}", what, h->cnt,
            tg_hist_quantile(h, 0.5), tg_hist_quantile(h, 0.99), tg_hist_quantile(h, 0.999), h->max);
}

static int parse(int argc, char **argv, args_t *a) {
  *a = (args_t){.seconds = 10, .pause_ms = 200};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--port") == 0)
      a->port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--ca") == 0)
      a->ca = argv[i + 1];
    else if (strcmp(argv[i], "--key-file") == 0)
      a->key_file = argv[i + 1];
    else if (strcmp(argv[i], "--secret-file") == 0)
      a->secret_file = argv[i + 1];
    else if (strcmp(argv[i], "--seconds") == 0)
      a->seconds = strtol(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--pause-ms") == 0)
      a->pause_ms = strtol(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--json") == 0)
      a->json = argv[i + 1];
    else
      return -1;
  }
  return argc % 2 == 1 && a->port && a->ca && a->seconds > 0 && a->pause_ms >= 0 ? 0 : -1;
}

int main(int argc, char **argv) {
  static bot_t bot;
  bot_t *b = &bot;
  if (parse(argc, argv, &b->args)) {
    fprintf(stderr,
            "usage: bench_echo_bot --port N --ca FILE --key-file FILE --secret-file FILE [--seconds N] [--pause-ms N] [--json "
            "FILE]\n");
    return 2;
  }
  bench_pin(1);
  if (bench_init() || read_text(b->args.key_file, b->api_key, sizeof b->api_key) ||
      read_text(b->args.secret_file, b->secret, sizeof b->secret))
    return 2;
  tg_hist_reset(&b->tick_ns);
  tg_hist_reset(&b->answer_ns);
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  if (!ctx || !SSL_CTX_load_verify_locations(ctx, b->args.ca, NULL)) return 2;
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  if (dial(b, &b->order, ctx, "/ws-fapi/v1") || dial(b, &b->market, ctx, "/public/ws/btcusdt@bookTicker")) {
    fprintf(stderr, "bench_echo_bot: no session on port %u\n", b->args.port);
    return 1;
  }
  if (run(b)) fprintf(stderr, "bench_echo_bot: the venue ended a session\n");
  FILE *json = b->args.json ? fopen(b->args.json, "w") : NULL;
  if (json) fprintf(json, "{");
  tell("tick_to_order_ns", &b->tick_ns, json);
  if (json) fprintf(json, ",");
  tell("order_to_answer_ns", &b->answer_ns, json);
  if (json) fprintf(json, ",\"placed\":%u,\"refused\":%u}\n", b->placed, b->refused);
  if (json && fclose(json) != 0) return 2;
  return b->placed > 0 ? 0 : 1;
}

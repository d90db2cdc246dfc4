#include "net/dial.h"

#include <openssl/base64.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { PATH_MAX_BYTES = 2048, HEADERS_MAX_BYTES = 4096, DETACH_PART_MAX = 49152 };

enum dial_phase { DIAL_IDLE = 0, DIAL_CONNECTING, DIAL_UPGRADING, DIAL_OPEN, DIAL_LEAVING };

struct tg_dial {
  tg_netcold_t *net;
  tg_dial_ops_t ops;
  void *user;
  tg_stream_t *stream;
  enum dial_phase phase;
  uint32_t gen;
  uint32_t retry_after_s;
  uint64_t user_tag;
  uint64_t opened_ns;
  bool in_data; /* inside on_data: the rest of the chunk is still to be kept on a detach */
  bool close_sent;
  char key[25];
  char host[TG_HOST_BYTES];
  uint16_t port;
  bool secure;
  char path[PATH_MAX_BYTES];
  char headers[HEADERS_MAX_BYTES];
  tg_http_parser_t parser;
  tg_ws_rng_t rng;
  tg_ws_rx_t ws;
  size_t ws_cap;
  uint8_t *ws_buf;
  uint32_t left_len; /* opened bytes kept for the hand-over */
  uint8_t left[TG_HANDOFF_PLAIN_BYTES];
};

void tg_ws_accept(const char *key, size_t key_len, char out[29]) {
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA_CTX sha;
  SHA1_Init(&sha);
  SHA1_Update(&sha, key, key_len);
  SHA1_Update(&sha, WS_GUID, sizeof WS_GUID - 1);
  SHA1_Final(digest, &sha);
  EVP_EncodeBlock((uint8_t *)out, digest, sizeof digest);
}

/* --- upgrade --- */

static void send_upgrade(tg_dial_t *dial) {
  char request[PATH_MAX_BYTES + HEADERS_MAX_BYTES + TG_HOST_BYTES + 320];
  uint8_t nonce[16];
  char port[8] = "";
  bool v6 = strchr(dial->host, ':') != NULL;
  RAND_bytes(nonce, sizeof nonce);
  EVP_EncodeBlock((uint8_t *)dial->key, nonce, sizeof nonce);
  if (dial->port != (dial->secure ? 443 : 80)) snprintf(port, sizeof port, ":%u", (unsigned)dial->port);
  int n = snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                   "Sec-WebSocket-Version: 13\r\nUser-Agent: tickgate\r\n%s\r\n",
                   dial->path, v6 ? "[" : "", dial->host, v6 ? "]" : "", port, dial->key, dial->headers);
  dial->phase = DIAL_UPGRADING;
  tg_http_parse_begin(&dial->parser, false, 65536);
  int rc = n > 0 && (size_t)n < sizeof request ? tg_stream_write(dial->stream, request, (size_t)n) : -TG_ESIZE;
  if (rc) tg_stream_fail(dial->stream, rc, "the upgrade request could not be sent");
}

static bool field_is(const tg_http_head_t *head, const char *name, const char *want, bool exact) {
  size_t len, n = strlen(want);
  const char *value = tg_http_header(head, name, &len);
  if (!value || len != n) return false;
  return exact ? memcmp(value, want, n) == 0 : strncasecmp(value, want, n) == 0;
}

static bool upgrade_ok(tg_dial_t *dial, const char **why) {
  const tg_http_head_t *head = &dial->parser.head;
  char accept[29];
  size_t len;
  tg_ws_accept(dial->key, strlen(dial->key), accept);
  *why = "upgrade answer without \"Upgrade: websocket\"";
  if (!field_is(head, "Upgrade", "websocket", false)) return false;
  *why = "upgrade answer without \"Connection: Upgrade\"";
  if (!field_is(head, "Connection", "upgrade", false)) return false;
  *why = "upgrade answer with a wrong Sec-WebSocket-Accept";
  if (!field_is(head, "Sec-WebSocket-Accept", accept, true)) return false;
  *why = "upgrade answer with an extension or protocol we did not ask for";
  return !tg_http_header(head, "Sec-WebSocket-Extensions", &len) && !tg_http_header(head, "Sec-WebSocket-Protocol", &len);
}

static void upgrade_refused(tg_dial_t *dial) {
  const tg_http_head_t *head = &dial->parser.head;
  char why[96];
  uint64_t wait;
  if (tg_http_header_u64(head, "Retry-After", &wait) == 0)
    dial->retry_after_s = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
  snprintf(why, sizeof why, "upgrade answered %u %.*s", (unsigned)head->status,
           head->reason_len > 60 ? 60 : (int)head->reason_len, head->text + head->reason_at);
  int err = -TG_EPROTO;
  if (head->status == 401) err = -TG_EAUTH;
  if (head->status == 403 || head->status == 429 || head->status == 418)
    err = -TG_ERATE; /* 403: the venue's WAF, no key was shown */
  tg_stream_fail(dial->stream, err, why);
}

/* Returns bytes eaten; the phase tells what came of it. */
static size_t on_upgrade_data(tg_dial_t *dial, const uint8_t *data, size_t len, uint64_t rx_ns) {
  size_t eaten;
  int rc = tg_http_parse(&dial->parser, data, len, &eaten);
  const char *why;
  if (rc == TG_HTTP_NEED) return eaten;
  if (rc < 0) {
    tg_stream_fail(dial->stream, rc, dial->parser.why);
  } else if (dial->parser.head.status != 101) {
    upgrade_refused(dial);
  } else if (!upgrade_ok(dial, &why)) {
    tg_stream_fail(dial->stream, -TG_EPROTO, why);
  } else {
    dial->phase = DIAL_OPEN;
    dial->opened_ns = rx_ns;
    tg_stream_deadline(dial->stream, UINT64_MAX);
    if (dial->ops.on_open) dial->ops.on_open(dial->user, dial);
  }
  return eaten;
}

/* --- frames --- */

static int send_frame(tg_dial_t *dial, uint8_t op, const void *payload, size_t len) {
  uint8_t small[TG_WS_HEAD_MAX + 2048];
  uint8_t *buf = len <= 2048 ? small : malloc(TG_WS_HEAD_MAX + len);
  if (!buf) return -TG_ENOMEM;
  uint8_t *body = buf + TG_WS_HEAD_MAX;
  uint32_t key = tg_ws_rng_next(&dial->rng);
  if (len) memcpy(body, payload, len);
  size_t head = tg_ws_put_head(body, len, op, key);
  tg_ws_mask(body, len, key);
  int rc = tg_stream_write(dial->stream, body - head, head + len);
  if (buf != small) free(buf);
  return rc;
}

static void send_close(tg_dial_t *dial, uint16_t code) {
  uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
  if (!dial->close_sent) (void)!send_frame(dial, TG_WS_CLOSE, payload, code == 1005 ? 0 : 2);
  dial->close_sent = true;
}

static void on_frame(tg_dial_t *dial, const tg_ws_msg_t *msg, uint64_t rx_ns) {
  char why[96];
  switch (msg->op) {
    case TG_WS_PING:
      (void)!send_frame(dial, TG_WS_PONG, msg->data, msg->len);
      return;
    case TG_WS_PONG:
      return;
    case TG_WS_CLOSE:
      send_close(dial, msg->close_code);
      snprintf(why, sizeof why, "the peer closed the WebSocket: %u %.*s", (unsigned)msg->close_code,
               msg->len > 2 ? (int)(msg->len - 2 > 60 ? 60 : msg->len - 2) : 0,
               (const char *)msg->data + (msg->len > 2 ? 2 : 0));
      tg_stream_fail(dial->stream, -TG_ECLOSED, why);
      return;
    default:
      if (dial->ops.on_message) dial->ops.on_message(dial->user, dial, msg->op, msg->data, msg->len, rx_ns);
  }
}

/* What a hand-over takes along: the frame under way and the rest of this chunk. */
static void keep(tg_dial_t *dial) {
  tg_ws_rx_t *ws = &dial->ws;
  size_t rest = (size_t)(ws->in_end - ws->in);
  if (ws->part_len + rest > sizeof dial->left) {
    tg_stream_fail(dial->stream, -TG_EFULL, "more unread bytes than a hand-over carries");
    return;
  }
  memcpy(dial->left, ws->buf + ws->msg_len, ws->part_len);
  if (rest) memcpy(dial->left + ws->part_len, ws->in, rest);
  dial->left_len = (uint32_t)(ws->part_len + rest);
}

static void on_frames(tg_dial_t *dial, uint8_t *data, size_t len, uint64_t rx_ns) {
  tg_ws_msg_t msg;
  uint32_t gen = dial->gen;
  tg_ws_rx_feed(&dial->ws, data, len);
  dial->in_data = true;
  while (dial->phase == DIAL_OPEN && dial->gen == gen) {
    int rc = tg_ws_rx_next(&dial->ws, &msg);
    if (rc == 0) break;
    if (rc < 0) {
      send_close(dial, rc == -TG_ESIZE ? TG_WS_CODE_BIG : rc == -TG_ESYNTAX ? TG_WS_CODE_DATA : TG_WS_CODE_PROTO);
      tg_stream_fail(dial->stream, rc, "malformed WebSocket frame");
      break;
    }
    on_frame(dial, &msg, rx_ns);
  }
  dial->in_data = false;
  if (dial->phase == DIAL_LEAVING) keep(dial);
}

/* --- stream callbacks --- */

static void stream_open(void *user, tg_stream_t *stream) {
  (void)stream;
  send_upgrade(user);
}

static void stream_data(void *user, tg_stream_t *stream, uint8_t *data, size_t len, uint64_t rx_ns) {
  tg_dial_t *dial = user;
  (void)stream;
  if (dial->phase == DIAL_UPGRADING) {
    size_t used = on_upgrade_data(dial, data, len, rx_ns);
    data += used;
    len -= used;
  }
  if (dial->phase == DIAL_OPEN && len) {
    on_frames(dial, data, len, rx_ns);
  } else if (dial->phase == DIAL_LEAVING && len) { /* detached in on_open: frames came with the answer */
    tg_ws_rx_feed(&dial->ws, data, len);
    keep(dial);
  }
}

static void stream_close(void *user, tg_stream_t *stream, int err, const char *reason) {
  tg_dial_t *dial = user;
  (void)stream;
  if (err == -TG_ECLOSED && dial->phase == DIAL_OPEN && !dial->secure && !dial->close_sent)
    err = -TG_ETRUNCATED; /* FIN, no close frame */
  dial->phase = DIAL_IDLE;
  if (dial->ops.on_close) dial->ops.on_close(dial->user, dial, err, reason);
}

static void stream_detached(void *user, tg_stream_t *stream) {
  tg_dial_t *dial = user;
  (void)stream;
  if (dial->ops.on_detached) dial->ops.on_detached(dial->user, dial);
}

/* --- the session --- */

tg_dial_t *tg_dial_new(tg_netcold_t *net, const tg_dial_ops_t *ops, void *user) {
  static const tg_stream_ops_t stream_ops = {stream_open, stream_data, stream_close, stream_detached};
  tg_dial_t *dial = calloc(1, sizeof *dial);
  if (!dial) return NULL;
  dial->net = net;
  dial->ops = *ops;
  dial->user = user;
  dial->ws_cap = TG_DIAL_MESSAGE_MAX + TG_WS_RX_SLACK;
  dial->ws_buf = malloc(dial->ws_cap);
  dial->stream = tg_stream_new(net, &stream_ops, dial);
  if (!dial->ws_buf || !dial->stream) {
    tg_dial_free(dial);
    return NULL;
  }
  return dial;
}

void tg_dial_free(tg_dial_t *dial) {
  if (!dial) return;
  tg_stream_free(dial->stream);
  free(dial->ws_buf);
  free(dial);
}

static bool clean_text(const char *text, bool spaces) {
  for (; *text; text++) {
    if ((uint8_t)*text < 0x20 || *text == 0x7f || (*text == ' ' && !spaces)) return false;
  }
  return true;
}

int tg_dial_start(tg_dial_t *dial, const tg_dial_cfg_t *cfg, uint64_t now_ns) {
  if (dial->phase != DIAL_IDLE || tg_stream_state(dial->stream) != TG_STREAM_IDLE) return -TG_EBUSY;
  const char *headers = cfg->headers ? cfg->headers : "";
  if (!cfg->host || !cfg->path || cfg->path[0] != '/' || cfg->timeout_ms == 0 || !clean_text(cfg->path, false))
    return -TG_EINVAL;
  size_t tail = strlen(headers);
  if (!clean_text(cfg->host, false) || (tail && (tail < 2 || memcmp(headers + tail - 2, "\r\n", 2) != 0))) return -TG_EINVAL;
  if (strlen(cfg->host) >= sizeof dial->host || strlen(cfg->path) >= sizeof dial->path ||
      strlen(headers) >= sizeof dial->headers) {
    return -TG_ESIZE;
  }
  uint8_t seed[32];
  RAND_bytes(seed, sizeof seed);
  tg_ws_rng_seed(&dial->rng, seed);
  snprintf(dial->host, sizeof dial->host, "%s", cfg->host);
  snprintf(dial->path, sizeof dial->path, "%s", cfg->path);
  snprintf(dial->headers, sizeof dial->headers, "%s", headers);
  dial->port = cfg->port;
  dial->secure = cfg->tls != NULL;
  dial->gen = cfg->gen;
  dial->user_tag = cfg->user_tag;
  dial->retry_after_s = 0;
  dial->close_sent = false;
  dial->left_len = 0;
  int rc = tg_ws_rx_init(&dial->ws, dial->ws_buf, dial->ws_cap, TG_DIAL_MESSAGE_MAX);
  if (rc) return rc;
  tg_stream_cfg_t stream = {.host = dial->host,
                            .port = cfg->port,
                            .tls = cfg->tls,
                            .tcp = cfg->tcp,
                            .deadline_ns = now_ns + (uint64_t)cfg->timeout_ms * UINT64_C(1000000)};
  rc = tg_stream_open(dial->stream, &stream, now_ns);
  if (rc == 0) dial->phase = DIAL_CONNECTING;
  return rc;
}

int tg_dial_send(tg_dial_t *dial, uint8_t op, const void *payload, size_t len) {
  if (dial->phase != DIAL_OPEN) return -TG_ECLOSED;
  if (len > TG_STREAM_TX_BYTES / 2) return -TG_ESIZE;
  return send_frame(dial, op, payload, len);
}

void tg_dial_close(tg_dial_t *dial, uint16_t code) {
  if (dial->phase == DIAL_IDLE) return;
  if (dial->phase == DIAL_OPEN) send_close(dial, code);
  tg_stream_close(dial->stream);
}

int tg_dial_detach(tg_dial_t *dial) {
  if (dial->phase != DIAL_OPEN) return -TG_EINVAL;
  if (dial->ws.frag_op || dial->ws.part_len > DETACH_PART_MAX) return -TG_EAGAIN;
  int rc = tg_stream_detach(dial->stream);
  if (rc) return rc;
  dial->phase = DIAL_LEAVING;
  if (!dial->in_data) keep(dial);
  return 0;
}

int tg_dial_take(tg_dial_t *dial, tg_handoff_t *out) {
  if (dial->phase != DIAL_LEAVING) return -TG_EINVAL;
  int rc = tg_stream_take(dial->stream, out);
  if (rc) return rc;
  out->gen = dial->gen;
  out->user_tag = dial->user_tag;
  out->opened_ns = dial->opened_ns;
  RAND_bytes(out->mask_seed, sizeof out->mask_seed);
  out->plain_len = dial->left_len;
  memcpy(out->plain, dial->left, dial->left_len);
  dial->phase = DIAL_IDLE;
  return 0;
}

bool tg_dial_idle(const tg_dial_t *dial) {
  return dial->phase == DIAL_IDLE;
}

bool tg_dial_is_open(const tg_dial_t *dial) {
  return dial->phase == DIAL_OPEN;
}

uint32_t tg_dial_gen(const tg_dial_t *dial) {
  return dial->gen;
}

uint32_t tg_dial_retry_after_s(const tg_dial_t *dial) {
  return dial->retry_after_s;
}

const char *tg_dial_info(tg_dial_t *dial) {
  return tg_stream_info(dial->stream);
}

#include "net/http.h"

#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_MAX = 1024, METHOD_MAX = 16 };

typedef struct request {
  struct request *next;
  tg_http_done_t done;
  void *user;
  uint64_t tag, queued_ns, sent_ns, deadline_ns;
  bool retry_safe, retried, is_head;
  size_t len;
  char text[];
} request_t;

struct tg_http {
  tg_netcold_t *net;
  tg_stream_t *stream;
  tg_http_cfg_t cfg;
  char host[TG_HOST_BYTES];
  tg_backoff_t backoff;
  tg_http_count_t count;
  request_t *queue; /* oldest first */
  uint32_t queue_len;
  request_t *flight;
  uint64_t now_ns;
  uint64_t answers_here; /* on this connection */
  bool open;
  bool answer_begun; /* some byte of the answer came */
  bool telling;      /* inside done: head and body are being read, nothing may reuse them */
  tg_http_parser_t parser;
  uint8_t *body;
  size_t body_len, body_cap;
  char last_error[TG_STREAM_REASON_BYTES];
};

static void request_free(request_t *request) {
  OPENSSL_cleanse(request->text, request->len); /* headers carry the API key, paths signatures */
  free(request);
}

static void answer_error(tg_http_t *http, request_t *request, int err, bool sent, const char *reason) {
  tg_http_answer_t answer = {.err = err,
                             .sent = sent,
                             .body = (const uint8_t *)"",
                             .reason = reason,
                             .tag = request->tag,
                             .queued_ns = request->queued_ns,
                             .sent_ns = request->sent_ns,
                             .done_ns = http->now_ns};
  http->count.errors++;
  if (err == -TG_ETIMEOUT) http->count.timeouts++;
  request->done(request->user, &answer);
  request_free(request);
}

/* --- sending --- */

static void send_next(tg_http_t *http) {
  request_t *request = http->queue;
  if (!http->open || http->flight || !request || http->telling) return;
  if (tg_stream_write(http->stream, request->text, request->len)) return; /* the next turn tries again */
  http->queue = request->next;
  http->queue_len--;
  http->flight = request;
  http->answer_begun = false;
  http->body_len = 0;
  request->sent_ns = http->now_ns;
  http->count.bytes_out += request->len;
  tg_http_parse_begin(&http->parser, request->is_head, http->cfg.body_max);
}

static bool clean(const char *text) {
  for (; *text; text++) {
    if ((uint8_t)*text <= 0x20 || *text == 0x7f) return false;
  }
  return true;
}

static request_t *make_request(const tg_http_t *http, const tg_http_req_t *req) {
  const char *headers = req->headers ? req->headers : "";
  bool secure = http->cfg.tls != NULL, v6 = strchr(http->host, ':') != NULL;
  bool needs_length = req->body_len || strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0;
  size_t cap = strlen(req->method) + strlen(req->path) + strlen(headers) + req->body_len + TG_HOST_BYTES + 256;
  char port[8] = "", length[48] = "";
  if (http->cfg.port != (secure ? 443 : 80)) snprintf(port, sizeof port, ":%u", (unsigned)http->cfg.port);
  if (needs_length) snprintf(length, sizeof length, "Content-Length: %zu\r\n", req->body_len);
  request_t *request = calloc(1, sizeof *request + cap);
  if (!request) return NULL;
  int n = snprintf(request->text, cap, "%s %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUser-Agent: tickgate\r\nAccept: */*\r\n%s%s\r\n",
                   req->method, req->path, v6 ? "[" : "", http->host, v6 ? "]" : "", port, length, headers);
  if (req->body_len) memcpy(request->text + n, req->body, req->body_len);
  request->len = (size_t)n + req->body_len;
  request->done = req->done;
  request->user = req->user;
  request->tag = req->tag;
  request->retry_safe = req->retry_safe;
  request->is_head = strcmp(req->method, "HEAD") == 0;
  return request;
}

int tg_http_send(tg_http_t *http, const tg_http_req_t *req, uint64_t now_ns) {
  if (!req->method || !req->path || !req->done || req->path[0] != '/' || !clean(req->path) || !clean(req->method))
    return -TG_EINVAL;
  size_t tail = req->headers ? strlen(req->headers) : 0;
  if (tail && (tail < 2 || memcmp(req->headers + tail - 2, "\r\n", 2) != 0)) return -TG_EINVAL;
  if (strlen(req->path) > TG_HTTP_PATH_MAX || strlen(req->method) > METHOD_MAX || tail > TG_HTTP_HEAD_MAX ||
      req->body_len > TG_STREAM_TX_BYTES / 2) {
    return -TG_ESIZE;
  }
  if (http->queue_len >= http->cfg.queue_cnt) return -TG_EFULL;
  request_t *request = make_request(http, req);
  if (!request) return -TG_EFULL;
  request->queued_ns = now_ns;
  request->deadline_ns =
      now_ns + (uint64_t)(req->timeout_ms ? req->timeout_ms : http->cfg.request_timeout_ms) * UINT64_C(1000000);
  request_t **link = &http->queue;
  while (!req->urgent && *link) link = &(*link)->next;
  request->next = *link;
  *link = request;
  http->queue_len++;
  http->count.requests++;
  if (now_ns > http->now_ns) http->now_ns = now_ns;
  send_next(http);
  return 0;
}

/* --- answers --- */

static bool body_add(tg_http_t *http, const uint8_t *data, size_t len) {
  size_t need = http->body_len + len + 1;
  if (need > http->body_cap) {
    size_t cap = http->body_cap ? http->body_cap : 16384;
    while (cap < need) cap *= 2;
    uint8_t *grown = realloc(http->body, cap);
    if (!grown) return false;
    http->body = grown;
    http->body_cap = cap;
  }
  if (len) memcpy(http->body + http->body_len, data, len);
  http->body_len += len;
  http->body[http->body_len] = 0;
  return true;
}

static void answered(tg_http_t *http) {
  request_t *request = http->flight;
  bool keep = http->parser.head.keep_alive && !http->parser.head.upgrade;
  http->flight = NULL;
  http->answers_here++;
  http->count.answers++;
  tg_backoff_ok(&http->backoff);
  if (!keep) {
    http->open = false;
    tg_stream_close(http->stream); /* on_close finds no request in flight */
  }
  if (!body_add(http, NULL, 0)) {
    answer_error(http, request, -TG_ENOMEM, true, "no memory for the answer");
    return;
  }
  tg_http_answer_t answer = {.status = http->parser.head.status,
                             .body = http->body,
                             .body_len = http->body_len,
                             .head = &http->parser.head,
                             .reason = "",
                             .tag = request->tag,
                             .queued_ns = request->queued_ns,
                             .sent_ns = request->sent_ns,
                             .done_ns = http->now_ns};
  http->telling = true;
  request->done(request->user, &answer);
  http->telling = false;
  request_free(request);
  send_next(http);
}

static void on_data(void *user, tg_stream_t *stream, uint8_t *data, size_t len, uint64_t rx_ns) {
  tg_http_t *http = user;
  (void)rx_ns;
  http->now_ns = tg_netcold_io(http->net)->now_ns;
  http->count.bytes_in += len;
  size_t at = 0;
  while (at < len && http->open) {
    if (!http->flight) {
      tg_stream_fail(stream, -TG_EPROTO, "bytes nobody asked for");
      return;
    }
    size_t eaten;
    http->answer_begun = true;
    int rc = tg_http_parse(&http->parser, data + at, len - at, &eaten);
    at += eaten;
    if (rc < 0) {
      tg_stream_fail(stream, rc, http->parser.why);
      return;
    }
    if (rc == TG_HTTP_BODY && !body_add(http, http->parser.body, http->parser.body_len)) {
      tg_stream_fail(stream, -TG_ENOMEM, "no memory for the answer");
      return;
    }
    if (rc == TG_HTTP_HEAD || rc == TG_HTTP_BODY) { /* an answer may be complete without a further byte */
      size_t none;
      if (at == len && tg_http_parse(&http->parser, data + len, 0, &none) == TG_HTTP_DONE) rc = TG_HTTP_DONE;
    }
    if (rc == TG_HTTP_DONE) answered(http);
  }
}

static void on_open(void *user, tg_stream_t *stream) {
  tg_http_t *http = user;
  tg_stream_deadline(stream, UINT64_MAX);
  http->open = true;
  http->answers_here = 0;
  http->count.connects++;
  http->now_ns = tg_netcold_io(http->net)->now_ns;
  send_next(http);
}

/* The connection is gone while a request was under way. */
static void flight_lost(tg_http_t *http, int err, const char *reason) {
  request_t *request = http->flight;
  http->flight = NULL;
  if (http->answer_begun && tg_http_parse_eof(&http->parser) == TG_HTTP_DONE && (err == -TG_ECLOSED || err == -TG_ETRUNCATED)) {
    /* a body that ends with the connection; over TLS only close_notify proves that it is whole */
    if (err == -TG_ECLOSED) {
      http->flight = request;
      answered(http);
      return;
    }
  }
  bool retry = request->retry_safe && !request->retried && !http->answer_begun && http->answers_here > 0;
  if (retry) {
    request->retried = true;
    http->count.retries++;
    request->next = http->queue;
    http->queue = request;
    http->queue_len++;
    return;
  }
  tg_backoff_failed(&http->backoff, http->now_ns);
  answer_error(http, request, err ? err : -TG_ECLOSED, true, reason);
}

static void on_close(void *user, tg_stream_t *stream, int err, const char *reason) {
  tg_http_t *http = user;
  (void)stream;
  bool was_open = http->open;
  http->open = false;
  http->now_ns = tg_netcold_io(http->net)->now_ns;
  if (err) snprintf(http->last_error, sizeof http->last_error, "%s", reason);
  if (http->flight) {
    flight_lost(http, err, reason);
    return;
  }
  if (was_open || err == 0) return; /* an idle connection ended: the next request makes a new one */
  tg_backoff_failed(&http->backoff, http->now_ns);
  request_t *list = http->queue; /* those queued now; callbacks may queue new ones */
  http->queue = NULL;
  http->queue_len = 0;
  while (list) {
    request_t *request = list;
    list = request->next;
    answer_error(http, request, err, false, reason);
  }
}

/* --- turn --- */

static void expire_queue(tg_http_t *http) {
  request_t **link = &http->queue;
  while (*link) {
    request_t *request = *link;
    if (http->now_ns < request->deadline_ns) {
      link = &request->next;
      continue;
    }
    *link = request->next;
    http->queue_len--;
    answer_error(http, request, -TG_ETIMEOUT, false,
                 http->open || !http->last_error[0] ? "no answer in time: not sent" : http->last_error);
    link = &http->queue; /* the callback may have changed the list */
  }
}

void tg_http_turn(tg_http_t *http, uint64_t now_ns) {
  http->now_ns = now_ns;
  request_t *flight = http->flight;
  if (flight && now_ns >= flight->deadline_ns) {
    http->flight = NULL;
    http->open = false;
    tg_stream_close(http->stream); /* its answer could come later and be taken for another's */
    answer_error(http, flight, -TG_ETIMEOUT, true, "no answer in time");
  }
  expire_queue(http);
  send_next(http);
  if (!http->queue || tg_stream_state(http->stream) != TG_STREAM_IDLE) return;
  if (tg_backoff_try(&http->backoff, http->cfg.budget, now_ns) == 0) return;
  tg_stream_cfg_t stream = {.host = http->host,
                            .port = http->cfg.port,
                            .tls = http->cfg.tls,
                            .tcp = {.keepalive_s = 30},
                            .deadline_ns = now_ns + (uint64_t)http->cfg.connect_timeout_ms * UINT64_C(1000000)};
  if (tg_stream_open(http->stream, &stream, now_ns)) tg_backoff_failed(&http->backoff, now_ns);
}

/* --- life --- */

tg_http_t *tg_http_new(tg_netcold_t *net, const tg_http_cfg_t *cfg) {
  static const tg_stream_ops_t ops = {on_open, on_data, on_close, NULL};
  if (!cfg->host || !cfg->host[0] || strlen(cfg->host) >= TG_HOST_BYTES || !clean(cfg->host) || cfg->port == 0) return NULL;
  if (cfg->queue_cnt == 0 || cfg->queue_cnt > QUEUE_MAX || !cfg->connect_timeout_ms || !cfg->request_timeout_ms) return NULL;
  tg_http_t *http = calloc(1, sizeof *http);
  if (!http) return NULL;
  http->net = net;
  http->cfg = *cfg;
  snprintf(http->host, sizeof http->host, "%s", cfg->host);
  http->cfg.host = http->host;
  tg_backoff_init(&http->backoff, cfg->backoff_base_ns, cfg->backoff_max_ns, cfg->seed);
  http->stream = tg_stream_new(net, &ops, http);
  if (!http->stream) {
    free(http);
    return NULL;
  }
  return http;
}

void tg_http_free(tg_http_t *http) {
  if (!http) return;
  tg_stream_free(http->stream);
  if (http->flight) request_free(http->flight);
  while (http->queue) {
    request_t *request = http->queue;
    http->queue = request->next;
    request_free(request);
  }
  free(http->body);
  free(http);
}

uint32_t tg_http_pending(const tg_http_t *http) {
  return http->queue_len + (http->flight ? 1 : 0);
}

const tg_http_count_t *tg_http_count(const tg_http_t *http) {
  return &http->count;
}

const char *tg_http_last_error(const tg_http_t *http) {
  return http->last_error;
}

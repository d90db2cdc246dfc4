/* http.h - HTTP/1.1 responses (RFC 9110, 9112): a parser that keeps its limits, and the cold lane's client.
 * What:    tg_http_parse_* is incremental and strict where leniency lets one peer smuggle into the other's answer:
 * Content-Length together with chunked, a repeated Content-Length, obs-fold, bare LF, space before the colon are errors.
 *          tg_http_t keeps one connection to one host alive and answers queued requests in order, one at a time.
 * Owner:   parser: caller's memory; client: tg_http_new .. tg_http_free.
 * Threads: parser any; client the cold lane.
 * Limit:   TG_HTTP_HEAD_MAX header bytes, TG_HTTP_HEADERS_MAX lines, body_max bytes; queue_cnt requests.
 * Errors:  -TG_EPROTO (malformed; parser->why says what), -TG_ESIZE (a cap). */
#ifndef TG_NET_HTTP_H
#define TG_NET_HTTP_H

#include "net/backoff.h"
#include "net/stream.h"

#define TG_HTTP_HEAD_MAX 16384
#define TG_HTTP_HEADERS_MAX 64
#define TG_HTTP_PATH_MAX 8192

typedef struct tg_http_field {
  uint16_t name_at, name_len, value_at, value_len; /* offsets into head[] */
} tg_http_field_t;

/* Response head as parsed; lookup is case-insensitive. */
typedef struct tg_http_head {
  uint16_t status;
  uint8_t minor; /* HTTP/1.minor */
  bool keep_alive;
  bool chunked;
  bool has_length;
  bool upgrade; /* 101 */
  uint16_t field_cnt;
  uint16_t reason_at, reason_len;
  uint32_t used; /* bytes of text[] */
  uint64_t content_length;
  tg_http_field_t field[TG_HTTP_HEADERS_MAX];
  char text[TG_HTTP_HEAD_MAX];
} tg_http_head_t;

/* Value of a header (first of that name); NULL when absent. Not terminated: *len. */
const char *tg_http_header(const tg_http_head_t *head, const char *name, size_t *len);
/* Value as a number: 0 and *out, -TG_ENOTFOUND, -TG_ESYNTAX. */
TG_MUST_USE int tg_http_header_u64(const tg_http_head_t *head, const char *name, uint64_t *out);

enum tg_http_event {
  TG_HTTP_NEED = 0, /* more bytes */
  TG_HTTP_HEAD = 1, /* head complete (final one; 1xx are skipped and counted) */
  TG_HTTP_BODY = 2, /* parser->body, body_len: a piece of the body inside the caller's chunk */
  TG_HTTP_DONE = 3, /* message complete; bytes behind it belong to the next */
};

typedef struct tg_http_parser {
  tg_http_head_t head;
  const uint8_t *body; /* during TG_HTTP_BODY */
  size_t body_len;
  const char *why; /* after an error: what was wrong */
  uint64_t body_max;
  uint32_t informational_cnt; /* 1xx answers skipped */
  /* private */
  uint64_t body_seen, left;
  uint32_t line_at, side_bytes; /* start of the line under way; bytes of chunk extensions and trailers */
  uint8_t state, chunk_digits;
  bool head_request; /* response to HEAD: no body */
} tg_http_parser_t;

/* Starts a response. head_request: the request was HEAD. */
void tg_http_parse_begin(tg_http_parser_t *parser, bool head_request, uint64_t body_max);
/* Eats from data; *eaten is set. Returns an event (enum tg_http_event, >= 0) or -TG_EPROTO, -TG_ESIZE. Call again with the rest
 * after HEAD and BODY; DONE ends the response. */
TG_MUST_USE int tg_http_parse(tg_http_parser_t *parser, const uint8_t *data, size_t len, size_t *eaten);
/* The connection ended: TG_HTTP_DONE when that ends the body (or nothing had come: -TG_ECLOSED), else -TG_ETRUNCATED. */
TG_MUST_USE int tg_http_parse_eof(tg_http_parser_t *parser);

/* --- client --- */
typedef struct tg_http tg_http_t;

typedef struct tg_http_answer {
  int err; /* 0: status and body are valid; else -TG_E* */
  bool
      sent; /* err != 0: some bytes of the request may have reached the peer, so its outcome is unknown; false: certainly not */
  int status;
  const uint8_t *body; /* valid during the callback; terminated by a zero byte not counted */
  size_t body_len;
  const tg_http_head_t *head; /* NULL when err */
  const char *reason;         /* text of err */
  uint64_t tag;
  uint64_t queued_ns, sent_ns, done_ns;
} tg_http_answer_t;

typedef void (*tg_http_done_t)(void *user, const tg_http_answer_t *answer);

typedef struct tg_http_req {
  const char *method;  /* "GET", "POST", ... */
  const char *path;    /* with query; copied */
  const char *headers; /* extra lines, each with \r\n, e.g. "X-MBX-APIKEY: ...\r\n"; NULL; copied and wiped after use */
  const void *body;    /* NULL = none; copied */
  size_t body_len;
  uint32_t timeout_ms; /* from queueing to answer; 0 = the client's */
  bool retry_safe;     /* may be sent again once when a kept-alive connection turned out dead before any answer byte */
  bool urgent;         /* goes before everything queued (kill's cancel-all) */
  tg_http_done_t done; /* exactly once per accepted request, never from inside tg_http_send */
  void *user;
  uint64_t tag;
} tg_http_req_t;

typedef struct tg_http_cfg {
  const char *host;
  uint16_t port;
  tg_tls_t *tls; /* NULL = plain */
  uint32_t connect_timeout_ms;
  uint32_t request_timeout_ms;
  uint32_t queue_cnt; /* <= 1024 */
  uint32_t body_max;  /* bytes */
  uint64_t backoff_base_ns, backoff_max_ns, seed;
  tg_retry_budget_t *budget; /* shared with the sessions; NULL = none */
} tg_http_cfg_t;

typedef struct tg_http_count {
  uint64_t requests, answers, errors, timeouts, connects, retries, bytes_in, bytes_out;
} tg_http_count_t;

/* NULL = no memory or a value out of range. Connects with the first request and keeps the connection. */
tg_http_t *tg_http_new(tg_netcold_t *net, const tg_http_cfg_t *cfg);
/* Open requests end without callback. Not from inside a callback. */
void tg_http_free(tg_http_t *http);
/* 0 (done will be called), -TG_EFULL, -TG_ESIZE, -TG_EINVAL. */
TG_MUST_USE int tg_http_send(tg_http_t *http, const tg_http_req_t *req, uint64_t now_ns);
/* Deadlines and reconnects; beside each tg_io_turn. Callbacks of timed-out requests come from here. */
void tg_http_turn(tg_http_t *http, uint64_t now_ns);
/* Requests queued or under way. */
uint32_t tg_http_pending(const tg_http_t *http);
const tg_http_count_t *tg_http_count(const tg_http_t *http);
/* Last connection error's text, "" when none. */
const char *tg_http_last_error(const tg_http_t *http);

#endif

/* server.c - the TLS port: libwebsockets context, the one protocol callback, HTTP requests in and answers out.
 * What:   one port serves REST, streams and ws-api by path. HTTP/1.1 only, no extensions (no permessage-deflate).
 * Limits: VS_SESSION_CNT WebSockets, VS_BODY_BYTES a request body, 16 KiB of headers.
 * Errors: vs_server_start returns an exit code after printing its line; a request we cannot read is answered 400/413. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"

#define HEADER_BYTES 16384
#define PROTOCOL "venuesim"

/* Copies a header's value (case-insensitive name) out of raw request text; false when absent or too long. */
static bool header_of(const char *req, size_t len, const char *name, char *out, size_t out_len) {
  size_t n = strlen(name);
  const char *end = req + len;
  for (const char *line = memchr(req, '\n', len); line != NULL; line = memchr(line, '\n', (size_t)(end - line))) {
    line++;
    if ((size_t)(end - line) <= n || strncasecmp(line, name, n) != 0 || line[n] != ':') {
      continue;
    }
    const char *v = line + n + 1;
    const char *stop = memchr(v, '\r', (size_t)(end - v));
    stop = stop != NULL ? stop : end;
    while (v < stop && (*v == ' ' || *v == '\t')) {
      v++;
    }
    while (stop > v && (stop[-1] == ' ' || stop[-1] == '\t')) {
      stop--;
    }
    if ((size_t)(stop - v) >= out_len) {
      return false;
    }
    memcpy(out, v, (size_t)(stop - v));
    out[stop - v] = '\0';
    return true;
  }
  return false;
}

/* Reads method, target and our headers out of the tap; eats the request head. 0, or -1 when it cannot be read. */
static int parse_target(vs_sess *s, bool ws) {
  size_t len = 0;
  const char *raw = vs_rawtap_get(s->wsi, &len);
  free(s->target);
  s->target = NULL;
  s->api_key[0] = '\0';
  if (raw == NULL) {
    return -1;
  }
  const char *start = raw;
  while (len > 0 && (*start == '\r' || *start == '\n')) {
    start++;
    len--;
  }
  const char *stop = memmem(start, len, "\r\n\r\n", 4);
  if (stop == NULL) {
    return -1;
  }
  size_t head = (size_t)(stop - start) + 4;
  const char *sp = memchr(start, ' ', head);
  const char *sp2 = sp != NULL ? memchr(sp + 1, ' ', head - (size_t)(sp + 1 - start)) : NULL;
  if (sp2 == NULL || (size_t)(sp - start) >= sizeof s->method) {
    return -1;
  }
  memcpy(s->method, start, (size_t)(sp - start));
  s->method[sp - start] = '\0';
  s->target = strndup(sp + 1, (size_t)(sp2 - sp - 1));
  (void)header_of(start, head, "X-MBX-APIKEY", s->api_key, sizeof s->api_key);
  char text[32];
  s->body_len = 0;
  s->has_length = false;
  if (!ws && header_of(start, head, "Content-Length", text, sizeof text)) {
    int64_t n;
    if (vs_int_parse(text, &n) != 0 || n < 0) {
      return -1;
    }
    s->body_len = (size_t)n;
    s->has_length = true;
    s->too_big = n > VS_BODY_BYTES;
  }
  vs_rawtap_eat(s->wsi, (size_t)(start - raw) + head);
  return s->target != NULL ? 0 : -1;
}

static const char *reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 403:
      return "Forbidden";
    case 413:
      return "Payload Too Large";
    case 418:
      return "I'm a teapot";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return status >= 500 ? "Internal Server Error" : "Error";
  }
}

/* Sends head and body in one write; libwebsockets keeps what the socket does not take. Ends the transaction: the session's
 * memory may be freed inside. */
static int http_send(vs_sess *s, int status, const char *extra, const char *body, size_t len) {
  vs_buf b;
  vs_buf_init(&b, VS_REPLY_BYTES + 4096);
  static const char pad[LWS_PRE];
  vs_buf_put(&b, pad, LWS_PRE);
  bool head = strcmp(s->method, "HEAD") == 0;
  vs_buf_f(&b,
           "HTTP/1.1 %d %s\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: %zu\r\nServer: venuesim\r\n"
           "Cache-Control: no-store\r\n",
           status, reason(status), len);
  vs_buf_s(&b, extra);
  vs_buf_s(&b, "\r\n");
  if (!head) {
    vs_buf_put(&b, body, len);
  }
  size_t n = b.len - LWS_PRE;
  int rc = -1;
  if (!b.over && lws_write(s->wsi, (unsigned char *)b.p + LWS_PRE, n, LWS_WRITE_HTTP_HEADERS) >= (int)n) {
    rc = lws_http_transaction_completed(s->wsi) != 0 ? -1 : 0;
  }
  vs_buf_free(&b);
  return rc;
}

static int http_refuse(vs_sess *s, int status, const char *body) {
  s->pending = false;
  (void)http_send(s, status, "Connection: close\r\n", body, strlen(body));
  return -1;
}

static int http_answer(vs_sess *s) {
  vs_venue *v = s->v;
  vs_buf extra;
  vs_buf_init(&extra, 4096);
  vs_buf_s(&extra, "");
  s->pending = false;
  vs_rawtap_eat(s->wsi, s->body.len);
  int status = vs_rest(v, s, &extra);
  if (status == VS_HTTP_CUT) {
    vs_rawtap_cut(s->wsi, true);
  }
  if (status < 0) { /* no answer, or one that comes later from s->held */
    s->held_close = !s->has_length && (strcmp(s->method, "POST") == 0 || strcmp(s->method, "PUT") == 0);
    vs_buf_clear(&s->body);
    vs_buf_free(&extra);
    return status == VS_HTTP_CUT ? -1 : 0;
  }
  /* libwebsockets waits for a body after a POST or PUT without Content-Length: such a connection cannot be kept */
  bool last = !s->has_length && (strcmp(s->method, "POST") == 0 || strcmp(s->method, "PUT") == 0);
  if (last) vs_buf_s(&extra, "Connection: close\r\n");
  vs_buf_clear(&s->body);
  int rc = http_send(s, status, extra.p, v->reply.p, v->reply.len); /* ends the transaction: s may be gone now */
  vs_buf_free(&extra);
  return last ? -1 : rc;
}

static void drop_held(vs_sess *s) {
  if (s->held != NULL) {
    vs_buf_free(&s->held->extra);
    vs_buf_free(&s->held->body);
    free(s->held);
    s->held = NULL;
  }
}

static int http_held(vs_sess *s) {
  vs_held held;
  if (s == NULL || s->kind != VS_SESS_HTTP || s->held == NULL) {
    return 0;
  }
  held = *s->held;
  free(s->held);
  s->held = NULL;
  bool last = s->held_close;
  if (last) vs_buf_s(&held.extra, "Connection: close\r\n");
  int rc = http_send(s, held.status, held.extra.p, held.body.p, held.body.len); /* s may be gone now */
  vs_buf_free(&held.extra);
  vs_buf_free(&held.body);
  return last ? -1 : rc;
}

static int http_start(vs_sess *s) {
  s->serial = ++s->v->sess_serial;
  s->kind = VS_SESS_HTTP;
  s->pending = true;
  s->too_big = false;
  if (s->body.max == 0) {
    vs_buf_init(&s->body, VS_BODY_BYTES + 1024);
  }
  vs_buf_clear(&s->body);
  size_t len;
  if (vs_rawtap_get(s->wsi, &len) == NULL) {
    (void)fprintf(stderr, "venuesim: request bytes not captured; link libwebsockets dynamically (see rawtap.c)\n");
    return http_refuse(s, 500, "{\"code\":-1000,\"msg\":\"request not captured\"}");
  }
  if (parse_target(s, false) != 0) {
    return http_refuse(s, 400, "{\"code\":-1000,\"msg\":\"malformed request\"}");
  }
  if (s->too_big) {
    return http_refuse(s, 413, "{\"code\":-1101,\"msg\":\"request body too large\"}");
  }
  if (s->body_len > 0) return 0;
  return http_answer(s);
}

static int http_body(vs_sess *s, const char *in, size_t len) {
  if (!s->pending) {
    return 0;
  }
  vs_buf_put(&s->body, in, len);
  if (s->body.over) {
    return http_refuse(s, 413, "{\"code\":-1101,\"msg\":\"request body too large\"}");
  }
  return 0;
}

/* ---- WebSocket ---- */

/* An upgrade refused with a status, past libwebsockets. */
static int ws_refuse(vs_sess *s, const vs_reject *rej, int retry_s) {
  char text[512];
  char retry[40] = "";
  if (retry_s > 0) (void)snprintf(retry, sizeof retry, "Retry-After: %d\r\n", retry_s);
  int n = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nServer: venuesim\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n",
                   rej->http, reason(rej->http), retry);
  if (n > 0 && SSL_write(lws_get_ssl(s->wsi), text, n) != n) {
    return -1;
  }
  return -1;
}

/* Before the upgrade is answered: route by path, refuse what is no stream. */
static int ws_filter(vs_sess *s) {
  if (s->v->session_cnt >= VS_SESSION_CNT || parse_target(s, true) != 0) {
    return -1;
  }
  vs_reject ban;
  int retry_s = 0;
  s->v->requests_by_class[VS_CL_CONNECT]++;
  if (vs_fault_banned(s->v, VS_CL_CONNECT, true, &ban, &retry_s)) {
    return ws_refuse(s, &ban, retry_s);
  }
  const char *t = s->target;
  size_t n = strcspn(t, "?");
  s->key = -1;
  s->limits_on = true;
  if (n == strlen("/ws-fapi/v1") && strncmp(t, "/ws-fapi/v1", n) == 0) {
    vs_reject rej;
    if (vs_rl_weight(s->v, 5, vs_now_ms(), &rej) != 0) {
      return -1;
    }
    s->kind = VS_SESS_API;
    s->limits_on = strstr(t, "returnRateLimits=false") == NULL;
    return 0;
  }
  return vs_stream_open(s);
}

static void ws_up(vs_sess *s) {
  s->t_open = vs_now_ms();
  s->t_ping = s->t_pong = s->t_up = vs_mono_us() / 1000;
  s->serial = ++s->v->sess_serial;
  vs_buf_init(&s->rx, VS_MSG_BYTES);
  vs_rawtap_off(s->wsi);
  s->v->ws_sessions++;
  vs_sess_list(s);
  vs_feed_classes(s->v);
  vs_fault_open(s->v, s);
}

static int ws_receive(vs_sess *s, const char *in, size_t len) {
  if (s->dead) {
    return -1;
  }
  vs_buf_put(&s->rx, in, len);
  if (s->rx.over) {
    lws_close_reason(s->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
    return -1;
  }
  if (lws_remaining_packet_payload(s->wsi) != 0 || !lws_is_final_fragment(s->wsi)) {
    return 0;
  }
  const char *text = s->rx.p != NULL ? s->rx.p : "";
  if (s->kind == VS_SESS_API) {
    vs_api_text(s, text, s->rx.len);
  } else {
    vs_stream_text(s, text, s->rx.len);
  }
  vs_buf_clear(&s->rx);
  return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len) {
  vs_sess *s = user;
  switch (why) { /* for other reasons `user` is not a session (an SSL_CTX, for one) */
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_ESTABLISHED:
      s->v = lws_context_user(lws_get_context(wsi));
      s->wsi = wsi;
      break;
    default:
      break;
  }
  switch (why) {
    case LWS_CALLBACK_HTTP:
      return http_start(s);
    case LWS_CALLBACK_HTTP_BODY:
      return http_body(s, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      return s->pending ? http_answer(s) : 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
      return http_held(s);
    case LWS_CALLBACK_HTTP_FILE_COMPLETION:
      return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
      return ws_filter(s);
    case LWS_CALLBACK_ESTABLISHED:
      ws_up(s);
      return 0;
    case LWS_CALLBACK_RECEIVE:
      return ws_receive(s, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
      s->t_pong = vs_mono_us() / 1000;
      return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
      return vs_sess_writable(s);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL: /* after every HTTP transaction; the session's memory goes next */
      if (s != NULL) {
        if (s->v != NULL) vs_fault_gone(s->v, s);
        drop_held(s);
        vs_buf_free(&s->body);
        free(s->target);
        s->target = NULL;
      }
      return 0;
    case LWS_CALLBACK_RAW_RX_FILE:
      vs_timers_run();
      return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
      if (s != NULL && s->v != NULL) {
        vs_fault_gone(s->v, s);
        drop_held(s);
        vs_sess_unlist(s);
      }
      return 0;
    default:
      return 0;
  }
}

static const struct lws_protocols protocols[] = {{PROTOCOL, on_event, sizeof(vs_sess), HEADER_BYTES, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};

/* ---- start and stop ---- */

static int port_free(const vs_venue *v) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)v->opt.port)};
  if (inet_pton(AF_INET, v->opt.listen, &a.sin_addr) != 1) {
    (void)fprintf(stderr, "venuesim: --listen %s is not an IPv4 address; try 127.0.0.1\n", v->opt.listen);
    return 2;
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    (void)fprintf(stderr, "venuesim: no socket: %s\n", strerror(errno));
    if (fd >= 0) {
      (void)close(fd);
    }
    return 7;
  }
  int rc = 0;
  if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0) {
    (void)fprintf(stderr, "venuesim: cannot listen on %s:%d: %s; choose another --port (0 takes a free one)\n", v->opt.listen,
                  v->opt.port, strerror(errno));
    rc = 7;
  }
  (void)close(fd);
  return rc;
}

static int write_ready(const vs_venue *v, int port) {
  char tmp[4096];
  if (v->opt.ready == NULL) {
    return 0;
  }
  int n = snprintf(tmp, sizeof tmp, "%s.tmp", v->opt.ready);
  FILE *f = n > 0 && (size_t)n < sizeof tmp ? fopen(tmp, "we") : NULL;
  bool ok = f != NULL && fprintf(f, "{\"port\":%d,\"pid\":%d}\n", port, (int)getpid()) > 0;
  if (f != NULL && fclose(f) != 0) {
    ok = false;
  }
  if (!ok || rename(tmp, v->opt.ready) != 0) {
    (void)fprintf(stderr, "venuesim: cannot write %s: %s; give --ready a writable path\n", v->opt.ready, strerror(errno));
    return 3;
  }
  return 0;
}

int vs_server_start(vs_venue *v) {
  int rc = port_free(v);
  if (rc != 0) {
    return rc;
  }
  if (vs_rawtap_init() != 0) {
    (void)fprintf(stderr, "venuesim: OpenSSL refuses an ex_data index\n");
    return 3;
  }
  struct lws_context_creation_info info;
  memset(&info, 0, sizeof info);
  info.port = v->opt.port;
  info.iface = v->opt.listen;
  info.protocols = protocols;
  info.ssl_cert_filepath = v->opt.cert;
  info.ssl_private_key_filepath = v->opt.key;
  info.alpn = "http/1.1";
  info.gid = -1;
  info.uid = -1;
  info.user = v;
  info.max_http_header_data = HEADER_BYTES;
  info.max_http_header_pool = 64;
  info.pt_serv_buf_size = 65536;
  info.keepalive_timeout = 600;
  info.timeout_secs = 30;
  info.ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
  info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
  v->lws = lws_create_context(&info);
  v->vhost = v->lws != NULL ? lws_create_vhost(v->lws, &info) : NULL;
  int port = v->vhost != NULL ? lws_get_vhost_listen_port(v->vhost) : 0;
  if (port <= 0) {
    (void)fprintf(stderr,
                  "venuesim: cannot serve TLS on %s:%d with certificate %s and key %s; check that they belong together\n",
                  v->opt.listen, v->opt.port, v->opt.cert, v->opt.key);
    return 3;
  }
  lws_sock_file_fd_type fd = {.filefd = vs_timers_open()};
  if (fd.filefd < 0 || lws_adopt_descriptor_vhost(v->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, PROTOCOL, NULL) == NULL) {
    (void)fprintf(stderr, "venuesim: no timer from the kernel: %s\n", strerror(errno));
    return 3;
  }
  v->opt.port = port;
  return write_ready(v, port);
}

void vs_server_run(vs_venue *v) {
  while (*v->stop == 0 && lws_service(v->lws, 0) >= 0) {
  }
}

void vs_server_stop(vs_venue *v) {
  if (v->lws != NULL) {
    lws_context_destroy(v->lws);
    v->lws = NULL;
  }
}

/* The cold HTTP client against a scripted peer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/http.h"
#include "rig.h"

typedef struct web {
  rig_t *rig;
  tg_http_t *http;
  int answers;
  int status[64], err[64];
  bool sent[64];
  uint64_t tag[64];
  char body[64][256];
  char limit[64];
} web_t;

static void on_answer(void *user, const tg_http_answer_t *answer) {
  web_t *web = user;
  int i = web->answers;
  cr_assert_lt(i, 64);
  web->status[i] = answer->status;
  web->err[i] = answer->err;
  web->sent[i] = answer->sent;
  web->tag[i] = answer->tag;
  cr_assert_eq(answer->body[answer->body_len], 0);
  snprintf(web->body[i], sizeof web->body[i], "%s", (const char *)answer->body);
  size_t len = 0;
  const char *used = answer->head ? tg_http_header(answer->head, "x-mbx-used-weight-1m", &len) : NULL;
  snprintf(web->limit, sizeof web->limit, "%.*s", (int)len, used ? used : "");
  web->answers++;
}

static web_t *web_new(uint16_t port, bool tls) {
  web_t *web = calloc(1, sizeof *web);
  web->rig = rig_new(NULL);
  tg_http_cfg_t cfg = {.host = "localhost",
                       .port = port,
                       .tls = tls ? web->rig->tls : NULL,
                       .connect_timeout_ms = 10000,
                       .request_timeout_ms = 10000,
                       .queue_cnt = 16,
                       .body_max = 1 << 20,
                       .backoff_base_ns = 1000000,
                       .backoff_max_ns = 10000000,
                       .seed = 1};
  web->http = tg_http_new(web->rig->net, &cfg);
  cr_assert_not_null(web->http);
  return web;
}

static void web_free(web_t *web) {
  tg_http_free(web->http);
  rig_free(web->rig);
  free(web);
}

static int ask(web_t *web, const char *method, const char *path, uint64_t tag, uint32_t timeout_ms, bool safe, bool urgent) {
  tg_http_req_t req = {.method = method,
                       .path = path,
                       .headers = "X-MBX-APIKEY: k\r\n",
                       .timeout_ms = timeout_ms,
                       .retry_safe = safe,
                       .urgent = urgent,
                       .done = on_answer,
                       .user = web,
                       .tag = tag};
  return tg_http_send(web->http, &req, rig_now());
}

static bool wait_answers(web_t *web, int cnt) {
  uint64_t limit = rig_now() + UINT64_C(20000000000);
  while (web->answers < cnt && rig_now() < limit) {
    rig_turn(web->rig);
    tg_http_turn(web->http, rig_now());
  }
  return web->answers >= cnt;
}

static void put(peer_t *peer, const char *text) {
  cr_assert(peer_write(peer, text, strlen(text)));
}

/* keep-alive: answers name the path; "/close" ends the connection after the answer */
static void keep_script(peer_t *peer, int connection) {
  char head[8192], path[256], body[300], answer[600];
  while (peer_read_head(peer, head, sizeof head)) {
    if (sscanf(head, "%*s %255s", path) != 1 || !strstr(head, "X-MBX-APIKEY: k\r\n") || !strstr(head, "Host: localhost:"))
      return;
    int n = snprintf(body, sizeof body, "%d%s", connection, path);
    bool chunked = strstr(path, "chunk"), ends = strstr(path, "close"), die = strstr(path, "die");
    if (die) return;
    if (chunked) {
      snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", (unsigned)n,
               body);
    } else if (strncmp(head, "HEAD", 4) == 0) {
      snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
    } else {
      snprintf(answer, sizeof answer,
               "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 %d X\r\nX-MBX-USED-WEIGHT-1M: 13\r\n%sContent-Length: %d\r\n\r\n%s",
               strstr(path, "bad") ? 400 : 200, ends ? "Connection: close\r\n" : "", n, body);
    }
    put(peer, answer);
    if (ends) {
      peer_close_notify(peer);
      return;
    }
  }
}

static void keep_alive(bool tls) {
  peer_cfg_t cfg = {.ctx = tls ? certs_server_ctx(LEAF_GOOD, 0x0303, 0x0304) : NULL, .script = keep_script};
  peer_t *peer = peer_start(&cfg);
  web_t *web = web_new(peer_port(peer), tls);
  const char *paths[] = {"/a", "/chunk", "/bad", "/close", "/b?x=1"};
  for (uint64_t i = 0; i < 5; i++) cr_assert_eq(ask(web, "GET", paths[i], i, 0, false, false), 0);
  cr_assert_eq(ask(web, "HEAD", "/head", 5, 0, false, false), 0);
  cr_assert_eq(ask(web, "POST", "/first", 6, 0, false, true), 0);
  cr_assert(wait_answers(web, 7));
  cr_assert_eq(web->tag[0], 6, "the urgent request goes first");
  const char *bodies[] = {"0/first", "0/a", "0/chunk", "0/bad", "0/close", "1/b?x=1", ""};
  for (int i = 0; i < 7; i++) {
    cr_assert_eq(web->err[i], 0);
    cr_assert_str_eq(web->body[i], bodies[i]);
  }
  cr_assert_eq(web->status[3], 400);
  cr_assert_eq(tg_http_count(web->http)->connects, 2);
  web_free(web);
  peer_stop(peer);
}

Test(http_client, keep_alive_plain) {
  keep_alive(false);
}
Test(http_client, keep_alive_tls) {
  keep_alive(true);
}

Test(http_client, headers_are_looked_up) {
  peer_cfg_t cfg = {.script = keep_script};
  peer_t *peer = peer_start(&cfg);
  web_t *web = web_new(peer_port(peer), false);
  cr_assert_eq(ask(web, "GET", "/x", 1, 0, false, false), 0);
  cr_assert(wait_answers(web, 1));
  cr_assert_str_eq(web->limit, "13");
  web_free(web);
  peer_stop(peer);
}

/* the connection dies under a request: unknown outcome, unless it may be sent again */
Test(http_client, death_under_a_request) {
  peer_cfg_t cfg = {.script = keep_script};
  peer_t *peer = peer_start(&cfg);
  web_t *web = web_new(peer_port(peer), false);
  cr_assert_eq(ask(web, "GET", "/a", 1, 0, false, false), 0);
  cr_assert(wait_answers(web, 1));
  cr_assert_eq(ask(web, "POST", "/die", 2, 0, false, false), 0);
  cr_assert(wait_answers(web, 2));
  cr_assert_lt(web->err[1], 0);
  cr_assert(web->sent[1], "the peer may have seen it");
  cr_assert_eq(ask(web, "GET", "/b", 3, 0, true, false), 0);
  cr_assert(wait_answers(web, 3));
  cr_assert_eq(web->err[2], 0);
  cr_assert_eq(ask(web, "GET", "/die", 4, 0, true, false), 0); /* retried once on a new connection, dies again */
  cr_assert(wait_answers(web, 4));
  cr_assert_lt(web->err[3], 0);
  cr_assert_eq(tg_http_count(web->http)->retries, 1);
  web_free(web);
  peer_stop(peer);
}

static void silent_script(peer_t *peer, int connection) {
  char head[8192];
  (void)connection;
  if (!peer_read_head(peer, head, sizeof head)) return;
  char byte;
  (void)peer_read(peer, &byte, 1); /* until the client gives up */
}

Test(http_client, timeout_is_unknown_and_queue_is_bounded) {
  peer_cfg_t cfg = {.script = silent_script};
  peer_t *peer = peer_start(&cfg);
  web_t *web = web_new(peer_port(peer), false);
  cr_assert_eq(ask(web, "POST", "/order", 1, 150, false, false), 0);
  while (tg_http_count(web->http)->connects == 0) {
    rig_turn(web->rig);
    tg_http_turn(web->http, rig_now());
  }
  for (uint64_t i = 0; i < 16; i++) cr_assert_eq(ask(web, "GET", "/q", 10 + i, 100, false, false), 0);
  cr_assert_eq(ask(web, "GET", "/q", 99, 100, false, false), -TG_EFULL);
  cr_assert(wait_answers(web, 17));
  for (int i = 0; i < 17; i++) {
    cr_assert_eq(web->err[i], -TG_ETIMEOUT);
    cr_assert_eq(web->sent[i], web->tag[i] == 1, "only the request under way may have been seen");
  }
  cr_assert_eq(tg_http_pending(web->http), 0);
  web_free(web);
  peer_stop(peer);
}

Test(http_client, refused_connection_is_certain) {
  peer_cfg_t cfg = {.script = silent_script};
  peer_t *peer = peer_start(&cfg);
  uint16_t port = peer_port(peer);
  peer_stop(peer); /* nobody listens there now */
  web_t *web = web_new(port, false);
  cr_assert_eq(ask(web, "POST", "/order", 1, 0, false, false), 0);
  cr_assert(wait_answers(web, 1));
  cr_assert_eq(web->err[0], -TG_EREFUSED);
  cr_assert_not(web->sent[0]);
  cr_assert(strstr(tg_http_last_error(web->http), "refused"));
  web_free(web);
}

static void truncating_script(peer_t *peer, int connection) {
  char head[8192];
  (void)connection;
  if (!peer_read_head(peer, head, sizeof head)) return;
  put(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of");
  if (strstr(head, "/whole")) peer_close_notify(peer);
}

Test(http_client, body_until_close_needs_close_notify) {
  peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304), .script = truncating_script};
  peer_t *peer = peer_start(&cfg);
  web_t *web = web_new(peer_port(peer), true);
  cr_assert_eq(ask(web, "GET", "/whole", 1, 0, false, false), 0);
  cr_assert(wait_answers(web, 1));
  cr_assert_eq(web->err[0], 0);
  cr_assert_str_eq(web->body[0], "half of");
  cr_assert_eq(ask(web, "GET", "/cut", 2, 0, false, false), 0);
  cr_assert(wait_answers(web, 2));
  cr_assert_eq(web->err[1], -TG_ETRUNCATED);
  web_free(web);
  peer_stop(peer);
}

Test(http_client, bad_arguments) {
  web_t *web = web_new(1, false);
  tg_http_req_t req = {.method = "GET", .path = "/a b", .done = on_answer, .user = web};
  cr_assert_eq(tg_http_send(web->http, &req, 1), -TG_EINVAL, "a space would end the path");
  req.path = "/a\r\nX: y";
  cr_assert_eq(tg_http_send(web->http, &req, 1), -TG_EINVAL);
  req.path = "/a";
  req.headers = "X: y";
  cr_assert_eq(tg_http_send(web->http, &req, 1), -TG_EINVAL, "header lines end with CRLF");
  web_free(web);
}

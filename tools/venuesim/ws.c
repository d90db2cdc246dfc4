/* ws.c - WebSocket sessions: routes, subscriptions, control messages, and one bounded queue per client.
 * What:   a stream on the wrong route (or with an unknown name) is acknowledged and stays silent, as at the real venue.
 * Limits: VS_SUB_CNT names and VS_BACKLOG_BYTES queued a session, 10 messages/s from a client; past a limit the client is
 *         dropped and counted, never waited for.
 * Errors: control messages answer {"code":0..3,"msg":...}. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define CLIENT_MSGS_PER_S 10

static const char *const stream_tail[VS_ST_CNT] = {
    "@depth@0ms",     "@depth@100ms",      "@depth",      "@depth@500ms",   "@depth5@100ms",  "@depth5",
    "@depth5@500ms",  "@depth10@100ms",    "@depth10",    "@depth10@500ms", "@depth20@100ms", "@depth20",
    "@depth20@500ms", "@bookTicker",       "!bookTicker", "@aggTrade",      "@markPrice",     "@markPrice@1s",
    "!markPrice@arr", "!markPrice@arr@1s", "@kline_1m",   "@ticker"};

static const char *const event_name[VS_UE_CNT] = {
    "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ACCOUNT_CONFIG_UPDATE", "ALGO_UPDATE", "listenKeyExpired"};

const char *vs_stream_name(const vs_venue *v, int stream) {
  static char name[64];
  const char *tail = stream_tail[stream];
  (void)snprintf(name, sizeof name, "%s%s", tail[0] == '!' ? "" : v->sym->lower, tail);
  return name;
}

/* ---- session list and queue ---- */

void vs_sess_list(vs_sess *s) {
  vs_venue *v = s->v;
  s->next = v->sessions;
  s->prev = NULL;
  if (v->sessions != NULL) {
    v->sessions->prev = s;
  }
  v->sessions = s;
  v->session_cnt++;
  s->listed = true;
}

static void drop_queue(vs_sess *s) {
  while (s->head != NULL) {
    vs_msg *m = s->head;
    s->head = m->next;
    free(m);
  }
  s->tail = NULL;
  s->queued = 0;
}

void vs_sess_unlist(vs_sess *s) {
  vs_venue *v = s->v;
  if (s->listed) {
    if (s->prev != NULL) {
      s->prev->next = s->next;
    } else {
      v->sessions = s->next;
    }
    if (s->next != NULL) {
      s->next->prev = s->prev;
    }
    v->session_cnt--;
    s->listed = false;
    vs_feed_classes(v);
  }
  drop_queue(s);
  free(s->sub);
  s->sub = NULL;
  vs_buf_free(&s->rx);
  vs_buf_free(&s->body);
  free(s->target);
  s->target = NULL;
}

static void kill_session(vs_sess *s) {
  s->dead = true;
  drop_queue(s);
  s->v->clients_dropped++;
  lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

/* Ends it without waiting for what is queued; not one of the clients that were dropped for being slow. */
void vs_sess_cut(vs_sess *s, int how) {
  if (how == VS_CUT_CLOSE) {
    drop_queue(s);
    s->close_code = LWS_CLOSE_STATUS_GOINGAWAY;
    lws_callback_on_writable(s->wsi);
    return;
  }
  s->dead = true;
  drop_queue(s);
  vs_rawtap_cut(s->wsi, how == VS_CUT_RESET);
  lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

void vs_sess_thaw(vs_sess *s) {
  s->frozen = s->lose = false;
  lws_rx_flow_control(s->wsi, 1);
  lws_callback_on_writable(s->wsi);
}

void vs_send(vs_sess *s, const char *text, size_t len) {
  if (s->dead || (s->frozen && s->lose)) {
    return;
  }
  vs_msg *m = malloc(sizeof *m + LWS_PRE + len);
  if (m == NULL || s->queued + len > VS_BACKLOG_BYTES) {
    free(m);
    kill_session(s);
    return;
  }
  m->next = NULL;
  m->len = len;
  memcpy(m->data + LWS_PRE, text, len);
  if (s->tail != NULL) {
    s->tail->next = m;
  } else {
    s->head = m;
  }
  s->tail = m;
  s->queued += len;
  if (s->frozen) {
    return; /* leaves when it thaws */
  }
  if (s->queued > s->v->backlog_max) {
    s->v->backlog_max = s->queued;
  }
  lws_callback_on_writable(s->wsi);
}

int vs_sess_writable(vs_sess *s) {
  if (s->dead) {
    return -1;
  }
  if (s->frozen) {
    return 0;
  }
  if (s->close_code != 0 && s->head == NULL) {
    lws_close_reason(s->wsi, (enum lws_close_status)s->close_code, NULL, 0);
    return -1;
  }
  if (s->want_ping) {
    unsigned char ping[LWS_PRE + 16];
    int n = snprintf((char *)ping + LWS_PRE, 16, "%lld", (long long)(vs_now_ms() % 100000000000000LL));
    s->want_ping = false;
    if (lws_write(s->wsi, ping + LWS_PRE, (size_t)n, LWS_WRITE_PING) < n) {
      return -1;
    }
  }
  while (s->head != NULL) { /* the first write is always allowed here; asking costs a poll() */
    vs_msg *m = s->head;
    if (lws_write(s->wsi, m->data + LWS_PRE, m->len, LWS_WRITE_TEXT) < (int)m->len) {
      return -1;
    }
    s->v->frames_sent++;
    s->queued -= m->len;
    s->head = m->next;
    if (s->head == NULL) {
      s->tail = NULL;
    }
    free(m);
    if (s->head != NULL && lws_send_pipe_choked(s->wsi)) break;
  }
  if (s->head != NULL || s->close_code != 0) {
    lws_callback_on_writable(s->wsi);
  }
  return 0;
}

void vs_sess_second(vs_venue *v, int64_t now) {
  for (vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if (s->dead) {
      continue;
    }
    if (now - s->t_pong > VS_PONG_MS || now - s->t_up > VS_SESSION_MS) {
      kill_session(s);
    } else if (now - s->t_ping >= VS_PING_MS) {
      s->t_ping = now;
      s->want_ping = true;
      lws_callback_on_writable(s->wsi);
    }
  }
}

/* ---- publishing ---- */

bool vs_any_sub(const vs_venue *v, uint64_t mask) {
  for (const vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if ((s->mask & mask) != 0 && !s->dead) {
      return true;
    }
  }
  return false;
}

static const vs_buf *wrap(vs_venue *v, const char *stream, const char *text, size_t len) {
  vs_buf *w = &v->feed.wrap;
  vs_buf_clear(w);
  vs_buf_s(w, "{\"stream\":\"");
  vs_buf_s(w, stream);
  vs_buf_s(w, "\",\"data\":");
  vs_buf_put(w, text, len);
  vs_buf_c(w, '}');
  return w;
}

void vs_publish(vs_venue *v, int stream, const char *text, size_t len) {
  const vs_buf *w = NULL;
  for (vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if ((s->mask & (1ULL << stream)) == 0) {
      continue;
    }
    if (!s->combined) {
      vs_send(s, text, len);
      continue;
    }
    if (w == NULL) {
      w = wrap(v, vs_stream_name(v, stream), text, len);
    }
    vs_send(s, w->p, w->len);
  }
}

int vs_user_raw(vs_venue *v, int event, const char *text, size_t len) {
  int reached = 0;
  for (vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if (!s->user || (s->user_events & (1u << event)) == 0) {
      continue;
    }
    reached++;
    if (s->combined) {
      const vs_buf *w = wrap(v, s->listen_key, text, len);
      vs_send(s, w->p, w->len);
    } else {
      vs_send(s, text, len);
    }
  }
  return reached;
}

void vs_publish_user(vs_venue *v, int event, const char *text, size_t len) {
  if (vs_fault_user(v, event, text, len)) {
    return;
  }
  (void)vs_user_raw(v, event, text, len);
  vs_fault_user_after(v);
}

/* ---- subscriptions ---- */

/* The stream behind a name on this session's route, or -1: accepted and silent. */
static int stream_of(const vs_sess *s, const char *name) {
  for (int k = 0; k < VS_ST_CNT; k++) {
    if (strcmp(vs_stream_name(s->v, k), name) == 0) {
      bool public_side = k <= VS_ST_BOOK_ALL;
      if (public_side ? s->route == VS_ROUTE_PUBLIC || s->route == VS_ROUTE_LEGACY : s->route == VS_ROUTE_MARKET) {
        return k;
      }
      return -1;
    }
  }
  return -1;
}

static void bind_user(vs_sess *s, const char *key, uint32_t events) {
  if (s->route != VS_ROUTE_PRIVATE || *key == '\0' || strlen(key) >= sizeof s->listen_key) {
    return;
  }
  if (s->v->listen_key_until == 0 || strcmp(key, s->v->listen_key) != 0) {
    return; /* a bogus key: connected and silent */
  }
  (void)snprintf(s->listen_key, sizeof s->listen_key, "%s", key);
  s->user = true;
  s->user_events = events | (1u << VS_UE_EXPIRED);
}

static int subscribe(vs_sess *s, const char *name) {
  if (strlen(name) >= sizeof s->sub[0]) {
    bind_user(s, name, ~0u); /* listen keys are 64 characters */
    return 0;
  }
  for (int k = 0; k < s->sub_cnt; k++) {
    if (strcmp(s->sub[k], name) == 0) {
      return 0;
    }
  }
  if (s->sub_cnt == VS_SUB_CNT) {
    return -1;
  }
  if (s->sub == NULL) {
    s->sub = vs_alloc(VS_SUB_CNT, sizeof s->sub[0]);
  }
  (void)snprintf(s->sub[s->sub_cnt++], sizeof s->sub[0], "%s", name);
  int stream = stream_of(s, name);
  if (stream >= 0) {
    s->mask |= 1ULL << stream;
    vs_feed_classes(s->v);
  }
  return 0;
}

static void unsubscribe(vs_sess *s, const char *name) {
  for (int k = 0; k < s->sub_cnt; k++) {
    if (strcmp(s->sub[k], name) != 0) {
      continue;
    }
    memmove(s->sub[k], s->sub[k + 1], (size_t)(s->sub_cnt - k - 1) * sizeof s->sub[0]);
    s->sub_cnt--;
    int stream = stream_of(s, name);
    if (stream >= 0) {
      s->mask &= ~(1ULL << stream);
      vs_feed_classes(s->v);
    }
    return;
  }
}

static void reply_error(vs_sess *s, int code, const char *msg) {
  char text[256];
  int n = snprintf(text, sizeof text, "{\"code\":%d,\"msg\":\"%s\"}", code, msg);
  vs_send(s, text, (size_t)n);
}

static void reply_result(vs_sess *s, const char *result, const json_t *id) {
  vs_buf *b = &s->v->scratch;
  char *text = id != NULL ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  vs_buf_clear(b);
  vs_buf_f(b, "{\"result\":%s,\"id\":", result);
  vs_buf_s(b, text != NULL ? text : "null");
  vs_buf_c(b, '}');
  free(text);
  vs_send(s, b->p, b->len);
}

static void reply_list(vs_sess *s, const json_t *id) {
  vs_buf list;
  vs_buf_init(&list, 256u << 10);
  vs_buf_c(&list, '[');
  for (int k = 0; k < s->sub_cnt; k++) {
    vs_buf_s(&list, k > 0 ? "," : "");
    vs_buf_json(&list, s->sub[k]);
  }
  vs_buf_c(&list, ']');
  char *text = id != NULL ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  vs_buf out;
  vs_buf_init(&out, 512u << 10);
  vs_buf_f(&out, "{\"result\":");
  vs_buf_put(&out, list.p, list.len);
  vs_buf_s(&out, ",\"id\":");
  vs_buf_s(&out, text != NULL ? text : "null");
  vs_buf_c(&out, '}');
  vs_send(s, out.p, out.len);
  free(text);
  vs_buf_free(&list);
  vs_buf_free(&out);
}

static void change_subs(vs_sess *s, const json_t *params, bool add, const json_t *id) {
  size_t cnt = json_array_size(params);
  if (!json_is_array(params) || cnt == 0) {
    reply_error(s, 2, "Invalid request: params must be a non-empty array of stream names");
    return;
  }
  for (size_t k = 0; k < cnt; k++) {
    if (!json_is_string(json_array_get(params, k))) {
      reply_error(s, 2, "Invalid request: params must hold strings");
      return;
    }
  }
  for (size_t k = 0; k < cnt; k++) {
    const char *name = json_string_value(json_array_get(params, k));
    if (!add) {
      unsubscribe(s, name);
    } else if (subscribe(s, name) != 0) {
      reply_error(s, 2, "Invalid request: too many streams on one connection");
      return;
    }
  }
  reply_result(s, "null", id);
}

static void property(vs_sess *s, const json_t *params, bool set, const json_t *id) {
  const char *name = json_string_value(json_array_get(params, 0));
  if (name == NULL || strcmp(name, "combined") != 0) {
    reply_error(s, 0, "Unknown property");
    return;
  }
  if (!set) {
    reply_result(s, s->combined ? "true" : "false", id);
    return;
  }
  const json_t *value = json_array_get(params, 1);
  if (!json_is_boolean(value)) {
    reply_error(s, 1, "Invalid value type: expected Boolean");
    return;
  }
  s->combined = json_is_true(value);
  reply_result(s, "null", id);
}

static bool too_chatty(vs_sess *s) {
  int64_t second = vs_now_ms() / 1000;
  if (s->rx_second != second) {
    s->rx_second = second;
    s->rx_cnt = 0;
  }
  return ++s->rx_cnt > CLIENT_MSGS_PER_S;
}

void vs_stream_text(vs_sess *s, const char *text, size_t len) {
  if (too_chatty(s)) {
    s->close_code = LWS_CLOSE_STATUS_POLICY_VIOLATION;
    lws_callback_on_writable(s->wsi);
    return;
  }
  json_error_t err;
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
  if (root == NULL) {
    reply_error(s, 3, "Invalid JSON");
    return;
  }
  const char *method = json_string_value(json_object_get(root, "method"));
  const json_t *params = json_object_get(root, "params");
  const json_t *id = json_object_get(root, "id");
  if (method == NULL || (id != NULL && !json_is_integer(id) && !json_is_string(id) && !json_is_null(id))) {
    reply_error(s, 2, "Invalid request: missing method or bad id");
  } else if (strcmp(method, "SUBSCRIBE") == 0 || strcmp(method, "UNSUBSCRIBE") == 0) {
    change_subs(s, params, method[0] == 'S', id);
  } else if (strcmp(method, "LIST_SUBSCRIPTIONS") == 0) {
    reply_list(s, id);
  } else if (strcmp(method, "SET_PROPERTY") == 0 || strcmp(method, "GET_PROPERTY") == 0) {
    property(s, params, method[0] == 'S', id);
  } else {
    reply_error(s, 2, "Invalid request: unknown method");
  }
  json_decref(root);
}

/* ---- opening from a path ---- */

static void split_names(vs_sess *s, char *names) {
  char *save = NULL;
  bool first = true;
  for (char *n = strtok_r(names, "/", &save); n != NULL; n = strtok_r(NULL, "/", &save)) {
    if (s->route == VS_ROUTE_PRIVATE && first) {
      bind_user(s, n, ~0u);
    } else {
      (void)subscribe(s, n);
    }
    first = false;
  }
}

static uint32_t event_mask(char *events) {
  char *save = NULL;
  uint32_t mask = 0;
  for (char *n = strtok_r(events, "/,", &save); n != NULL; n = strtok_r(NULL, "/,", &save)) {
    int k = vs_name_idx(event_name, VS_UE_CNT, n);
    mask |= k >= 0 ? 1u << k : 0;
  }
  return mask;
}

/* streams=, and listenKey= followed by its events=. */
static void open_query(vs_sess *s, char *query) {
  char *save = NULL;
  char *key = NULL;
  uint32_t events = ~0u;
  for (char *kv = strtok_r(query, "&", &save); kv != NULL; kv = strtok_r(NULL, "&", &save)) {
    if (strncmp(kv, "streams=", 8) == 0) {
      split_names(s, kv + 8);
    } else if (strncmp(kv, "listenKey=", 10) == 0) {
      if (key != NULL) {
        bind_user(s, key, events);
      }
      key = kv + 10;
      events = ~0u;
    } else if (strncmp(kv, "events=", 7) == 0) {
      events = event_mask(kv + 7);
    }
  }
  if (key != NULL) {
    bind_user(s, key, events);
  }
}

static void unescape(char *s) {
  char *out = s;
  for (; *s != '\0'; s++) {
    unsigned c;
    if (*s == '%' && s[1] != '\0' && s[2] != '\0' && sscanf(s + 1, "%2x", &c) == 1 && c != 0) {
      *out++ = (char)c;
      s += 2;
    } else {
      *out++ = *s;
    }
  }
  *out = '\0';
}

int vs_stream_open(vs_sess *s) {
  static const struct {
    const char *prefix;
    int route;
  } routes[] = {
      {"/public/", VS_ROUTE_PUBLIC}, {"/market/", VS_ROUTE_MARKET}, {"/private/", VS_ROUTE_PRIVATE}, {"/", VS_ROUTE_LEGACY}};
  char *path = s->target;
  char *query = strchr(path, '?');
  if (query != NULL) {
    *query++ = '\0';
    unescape(query);
  }
  unescape(path);
  size_t skip = 0;
  for (size_t k = 0; k < sizeof routes / sizeof routes[0]; k++) {
    skip = strlen(routes[k].prefix);
    s->route = routes[k].route;
    if (strncmp(path, routes[k].prefix, skip) == 0) {
      break;
    }
  }
  path += skip;
  s->kind = VS_SESS_STREAM;
  if (strcmp(path, "stream") == 0) {
    s->combined = true;
  } else if (strncmp(path, "ws", 2) == 0 && (path[2] == '\0' || path[2] == '/')) {
    if (path[2] == '/') {
      split_names(s, path + 3);
    }
  } else {
    return -1;
  }
  if (query != NULL) {
    open_query(s, query);
  }
  return 0;
}

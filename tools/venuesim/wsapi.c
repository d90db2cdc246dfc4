/* wsapi.c - the trading WebSocket API (/ws-fapi/v1): envelope, session logon, per-request signatures, method table.
 * Errors: {"id","status":4xx,"error":{"code","msg"},"rateLimits"}; a frame that is no JSON object answers id null, -1130. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

enum api_sec { API_NONE, API_KEY, API_SIGNED };

typedef struct api_method {
  const char *name;
  int sec;
  int weight; /* < 0: by depth limit */
  bool order;
  vs_handler fn;
  int cls;
} api_method;

static const api_method methods[] = {
    {"order.place", API_SIGNED, 0, true, vs_h_order_place, VS_CL_PLACE},
    {"order.modify", API_SIGNED, 0, true, vs_h_order_modify, VS_CL_MODIFY},
    {"order.cancel", API_SIGNED, 1, false, vs_h_order_cancel, VS_CL_CANCEL},
    {"order.status", API_SIGNED, 1, false, vs_h_order_get, VS_CL_STATUS},
    {"algoOrder.place", API_SIGNED, 0, true, vs_algo_place, VS_CL_OTHER},
    {"algoOrder.cancel", API_SIGNED, 1, false, vs_algo_cancel, VS_CL_OTHER},
    {"account.balance", API_SIGNED, 5, false, vs_h_balance, VS_CL_ACCOUNT},
    {"v2/account.balance", API_SIGNED, 5, false, vs_h_balance, VS_CL_ACCOUNT},
    {"account.status", API_SIGNED, 5, false, vs_h_account_v2, VS_CL_ACCOUNT},
    {"v2/account.status", API_SIGNED, 5, false, vs_h_account, VS_CL_ACCOUNT},
    {"account.position", API_SIGNED, 5, false, vs_h_positions_v2, VS_CL_ACCOUNT},
    {"v2/account.position", API_SIGNED, 5, false, vs_h_positions, VS_CL_ACCOUNT},
    {"depth", API_NONE, -1, false, vs_h_depth, VS_CL_DEPTH},
    {"ticker.price", API_NONE, 1, false, vs_h_price, VS_CL_MARKET},
    {"ticker.book", API_NONE, 2, false, vs_h_book_ticker, VS_CL_MARKET},
    {"userDataStream.start", API_KEY, 1, false, vs_listen_key_start, VS_CL_LISTENKEY},
    {"userDataStream.ping", API_KEY, 1, false, vs_listen_key_ping, VS_CL_LISTENKEY},
    {"userDataStream.stop", API_KEY, 1, false, vs_listen_key_stop, VS_CL_LISTENKEY},
};

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* k=v&k=v of all parameters but the signature, sorted by name. */
static void signed_text(const vs_params *p, vs_buf *out) {
  const char *name[VS_PARAM_CNT];
  int cnt = 0;
  for (int k = 0; k < p->cnt; k++) {
    if (strcmp(p->p[k].name, "signature") != 0) {
      name[cnt++] = p->p[k].name;
    }
  }
  qsort(name, (size_t)cnt, sizeof name[0], by_name);
  for (int k = 0; k < cnt; k++) {
    vs_buf_s(out, k > 0 ? "&" : "");
    vs_buf_s(out, name[k]);
    vs_buf_c(out, '=');
    vs_buf_s(out, vs_param(p, name[k]));
  }
}

static int verify(vs_req *r, int key) {
  const char *sig;
  if (vs_param_need(r, "signature", &sig) != 0) {
    return -1;
  }
  vs_buf text;
  vs_buf_init(&text, VS_MSG_BYTES);
  signed_text(r->in, &text);
  bool ok = !text.over && text.p != NULL && vs_sig_ok(&r->v->keyring[key], text.p, text.len, sig);
  vs_buf_free(&text);
  if (!ok) {
    r->v->auth_failures++;
    return vs_refuse(&r->rej, 400, -1022, "Signature for this request is not valid.");
  }
  return 0;
}

static int authorise(vs_req *r, vs_sess *s, int sec) {
  const char *id = vs_param(r->in, "apiKey");
  int key = s->key;
  if (sec == API_NONE) {
    return 0;
  }
  if (id != NULL && vs_auth_key(r->v, id, &key, &r->rej) != 0) {
    return -1;
  }
  if (id == NULL && key < 0) {
    r->v->auth_failures++;
    return vs_refuse(&r->rej, 401, -1102, "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed.");
  }
  if (sec == API_KEY) {
    return 0;
  }
  if (vs_auth_time(r) != 0) {
    return -1;
  }
  return id != NULL || vs_param(r->in, "signature") != NULL ? verify(r, key) : 0;
}

static int session_info(vs_req *r, const vs_sess *s) {
  vs_buf_s(r->out, "{\"apiKey\":");
  if (s->key >= 0) {
    vs_buf_json(r->out, r->v->keyring[s->key].id);
    vs_buf_f(r->out, ",\"authorizedSince\":%lld", (long long)s->t_logon);
  } else {
    vs_buf_s(r->out, "null,\"authorizedSince\":null");
  }
  vs_buf_f(r->out, ",\"connectedSince\":%lld,\"returnRateLimits\":%s,\"serverTime\":%lld}", (long long)s->t_open,
           s->limits_on ? "true" : "false", (long long)r->now);
  return 0;
}

static int session_call(vs_req *r, vs_sess *s, const char *what) {
  const char *id;
  int key;
  if (strcmp(what, "status") == 0) {
    return session_info(r, s);
  }
  if (strcmp(what, "logout") == 0) {
    s->key = -1;
    s->t_logon = 0;
    return session_info(r, s);
  }
  if (strcmp(what, "logon") != 0) {
    return vs_refuse(&r->rej, 400, -1130, "Unknown method.");
  }
  if (vs_param_need(r, "apiKey", &id) != 0 || vs_auth_key(r->v, id, &key, &r->rej) != 0) {
    return -1;
  }
  if (r->v->keyring[key].pub == NULL) {
    r->v->auth_failures++;
    return vs_refuse(&r->rej, 400, -4056, "HMAC_SHA256 API key is not supported.");
  }
  if (vs_auth_time(r) != 0 || verify(r, key) != 0) {
    return -1;
  }
  s->key = key;
  s->t_logon = r->now;
  return session_info(r, s);
}

static int dispatch(vs_req *r, vs_sess *s, const char *method) {
  if (strncmp(method, "session.", 8) == 0) {
    r->v->requests_by_class[VS_CL_SESSION]++;
    if (vs_fault_banned(r->v, VS_CL_SESSION, true, &r->rej, &r->retry_s)) {
      return -1;
    }
    return vs_rl_weight(r->v, 2, r->now, &r->rej) != 0 ? -1 : session_call(r, s, method + 8);
  }
  const api_method *m = NULL;
  for (size_t k = 0; k < sizeof methods / sizeof methods[0]; k++) {
    if (strcmp(methods[k].name, method) == 0) {
      m = &methods[k];
    }
  }
  int cls = m != NULL ? m->cls : VS_CL_OTHER;
  r->v->requests_by_class[cls]++;
  if (vs_fault_banned(r->v, cls, true, &r->rej, &r->retry_s)) {
    return -1;
  }
  int weight = m == NULL ? 1 : m->weight < 0 ? vs_depth_weight(r->in) : m->weight;
  if (vs_rl_weight(r->v, weight, r->now, &r->rej) != 0) {
    return -1;
  }
  if (m == NULL) {
    return vs_refuse(&r->rej, 400, -1130, "Unknown method '%.60s'.", method);
  }
  if (authorise(r, s, m->sec) != 0) {
    return -1;
  }
  if (m->order && vs_rl_orders(r->v, 1, 1, r->now, &r->rej) != 0) {
    vs_acct_reject(r->v, r->rej.code);
    return -1;
  }
  return vs_fault_run(r, m->fn, cls, m->sec == API_SIGNED);
}

void vs_api_answer(vs_venue *v, const vs_req *r, int rc, const char *id, bool limits) {
  vs_buf *b = &v->reply;
  vs_buf_clear(b);
  vs_buf_s(b, "{\"id\":");
  vs_buf_s(b, id);
  if (rc == 0 && !r->out->over) {
    vs_buf_s(b, ",\"status\":200,\"result\":");
    vs_buf_put(b, r->out->p != NULL ? r->out->p : "{}", r->out->p != NULL ? r->out->len : 2);
  } else {
    vs_buf_f(b, ",\"status\":%d,\"error\":{\"code\":%d,\"msg\":", rc == 0 ? 500 : r->rej.http, rc == 0 ? -1000 : r->rej.code);
    vs_buf_json(b, rc == 0 ? "An unknown error occurred while processing the request." : r->rej.msg);
    if (r->retry_s > 0) {
      vs_buf_f(b, ",\"data\":{\"serverTime\":%lld,\"retryAfter\":%lld}", (long long)r->now,
               (long long)(r->now + r->retry_s * 1000LL));
    }
    vs_buf_c(b, '}');
  }
  if (limits) {
    vs_buf_s(b, ",\"rateLimits\":");
    vs_rl_json(v, r->now, false, b);
  }
  vs_buf_c(b, '}');
}

/* Sends the answer, or does with it what a fault says. */
static void answer(vs_sess *s, vs_req *r, int rc, vs_params *params, const char *id, bool limits) {
  vs_venue *v = s->v;
  if (r->later != NULL) {
    bool awaited = r->reply == VS_REPLY_YES || r->reply == VS_REPLY_LATE;
    vs_job_run(v, r, params, awaited ? s : NULL, id, limits);
    if (awaited) {
      return;
    }
  }
  switch (r->reply) {
    case VS_REPLY_NONE:
      return;
    case VS_REPLY_CUT:
      vs_sess_cut(s, VS_CUT_RESET);
      return;
    case VS_REPLY_LATE:
      vs_api_answer(v, r, rc, id, limits);
      vs_job_reply(v, r, s, 0, NULL);
      return;
    default:
      vs_api_answer(v, r, rc, id, limits);
      vs_send(s, v->reply.p, v->reply.len);
      return;
  }
}

void vs_api_text(vs_sess *s, const char *text, size_t len) {
  vs_buf out;
  vs_params params = {.cnt = 0};
  vs_req r = {.v = s->v, .in = &params, .out = &out, .ws_api = true, .now = vs_now_ms()};
  vs_buf_init(&out, VS_REPLY_BYTES);
  s->v->requests++;
  json_error_t err;
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);
  const json_t *id = json_object_get(root, "id");
  const char *method = json_string_value(json_object_get(root, "method"));
  json_t *p = json_object_get(root, "params");
  int rc;
  if (id != NULL && !json_is_integer(id) && !json_is_string(id) && !json_is_null(id)) {
    id = NULL;
    rc = vs_refuse(&r.rej, 400, -1130, "Request id must be an integer, a string or null.");
  } else if (!json_is_object(root) || method == NULL || (p != NULL && !json_is_object(p))) {
    rc = vs_refuse(&r.rej, 400, -1130, "Malformed request: need an object with method and params.");
  } else {
    rc = vs_params_from_json(&params, p, &r.rej);
    rc = rc == 0 ? dispatch(&r, s, method) : rc;
  }
  const char *limits = vs_param(&params, "returnRateLimits");
  char *id_text = id != NULL ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  answer(s, &r, rc, &params, id_text != NULL ? id_text : "null", limits != NULL ? strcmp(limits, "true") == 0 : s->limits_on);
  free(id_text);
  json_decref(root);
  vs_params_free(&params);
  vs_buf_free(&out);
}

/* fault_act.c - what a rule does without a request: sessions, events, the account, the symbol; and what waits for its time.
 * Owner: jobs hang off vs_faults.jobs until they ran; a job whose session went away runs without answering. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

struct vs_job {
  vs_timer timer; /* first: the timer's address is the job's */
  vs_job *prev, *next;
  vs_venue *v;
  void (*run)(vs_job *job);
  vs_rule *rule;
  /* text: a user event, or an answer */
  char *text;
  size_t len;
  int kind;
  bool lag;
  /* request */
  vs_sess *s;
  uint32_t serial;
  vs_params params;
  vs_handler fn;
  bool ws_api, limits;
  char *id, *extra;
  int status, treated;
};

static void fire(vs_timer *t) {
  vs_job *job = (vs_job *)t;
  vs_faults *f = job->v->fault;
  if (job->prev != NULL) {
    job->prev->next = job->next;
  } else {
    f->jobs = job->next;
  }
  if (job->next != NULL) {
    job->next->prev = job->prev;
  }
  if (job->run != NULL) {
    job->run(job);
  }
  free(job->text);
  free(job->id);
  free(job->extra);
  vs_params_free(&job->params);
  free(job);
}

static vs_job *job_new(vs_venue *v, void (*run)(vs_job *), int64_t after_us) {
  vs_job *job = vs_alloc(1, sizeof *job);
  job->v = v;
  job->run = run;
  job->next = v->fault->jobs;
  if (job->next != NULL) {
    job->next->prev = job;
  }
  v->fault->jobs = job;
  vs_timer_set(&job->timer, fire, after_us);
  return job;
}

void vs_jobs_free(vs_venue *v) {
  while (v->fault->jobs != NULL) {
    vs_job *job = v->fault->jobs;
    vs_timer_set(&job->timer, fire, VS_TIMER_OFF);
    job->run = NULL;
    fire(&job->timer);
  }
}

void vs_fault_gone(vs_venue *v, vs_sess *s) {
  for (vs_job *job = v->fault != NULL ? v->fault->jobs : NULL; job != NULL; job = job->next) {
    if (job->s == s) {
      job->s = NULL;
    }
  }
}

static char *keep(const char *text, size_t len) {
  char *out = vs_alloc(1, len + 1);
  if (len > 0) {
    memcpy(out, text, len);
  }
  return out;
}

/* ---- user events ---- */

static void run_event(vs_job *job) {
  if (job->kind < 0) {
    vs_fault_user_after(job->v);
  } else {
    (void)vs_user_raw(job->v, job->kind, job->text, job->len);
    job->v->fault->lag_cnt -= job->lag;
  }
}

void vs_job_event(vs_venue *v, int kind, const char *text, size_t len, int64_t after_us, bool lag) {
  vs_job *job = job_new(v, run_event, after_us);
  job->kind = kind;
  job->lag = lag;
  job->text = keep(text, len);
  job->len = len;
}

static void repeat(vs_venue *v, int n) {
  vs_faults *f = v->fault;
  int64_t kept = f->exec_cnt < VS_EXEC_KEPT ? f->exec_cnt : VS_EXEC_KEPT;
  int64_t from = n > 0 && n < kept ? f->exec_cnt - n : f->exec_cnt - kept;
  for (int64_t k = from; k < f->exec_cnt; k++) {
    const char *text = f->exec[k % VS_EXEC_KEPT];
    if (vs_user_raw(v, VS_UE_ORDER, text, strlen(text)) > 0) {
      f->exec_repeated++;
    }
  }
}

/* ---- requests ---- */

static bool still(const vs_job *job) {
  return job->s != NULL && job->s->serial == job->serial && !job->s->dead;
}

static void hold_http(vs_sess *s, int status, const char *extra, size_t extra_len, const char *body, size_t len) {
  s->held = vs_alloc(1, sizeof *s->held);
  s->held->status = status;
  vs_buf_init(&s->held->extra, 4096);
  vs_buf_init(&s->held->body, VS_REPLY_BYTES);
  vs_buf_s(&s->held->extra, "");
  vs_buf_s(&s->held->body, "");
  vs_buf_put(&s->held->extra, extra, extra_len);
  vs_buf_put(&s->held->body, body, len);
  lws_callback_on_writable(s->wsi);
}

static void run_reply(vs_job *job) {
  if (!still(job)) {
    return;
  }
  if (job->ws_api) {
    vs_send(job->s, job->text, job->len);
  } else {
    hold_http(job->s, job->status, job->extra, strlen(job->extra), job->text, job->len);
  }
}

void vs_job_reply(vs_venue *v, const vs_req *r, vs_sess *s, int status, const vs_buf *extra) {
  vs_job *job = job_new(v, run_reply, r->reply_us);
  job->s = s;
  job->serial = s->serial;
  job->ws_api = r->ws_api;
  job->status = status;
  job->text = keep(v->reply.p, v->reply.len);
  job->len = v->reply.len;
  job->extra = keep(extra != NULL ? extra->p : "", extra != NULL ? extra->len : 0);
}

static void run_request(vs_job *job) {
  vs_venue *v = job->v;
  vs_buf out;
  vs_buf extra;
  vs_req r = {.v = v, .in = &job->params, .out = &out, .ws_api = job->ws_api, .now = vs_now_ms()};
  vs_buf_init(&out, VS_REPLY_BYTES);
  vs_buf_init(&extra, 4096);
  vs_buf_s(&extra, "");
  int rc = job->fn(&r);
  vs_fault_done(v, job->treated, rc, &r.rej);
  if (still(job) && job->ws_api) {
    vs_api_answer(v, &r, rc, job->id, job->limits);
    vs_send(job->s, v->reply.p, v->reply.len);
  } else if (still(job)) {
    vs_buf_clear(&v->reply);
    vs_buf_put(&v->reply, out.p != NULL ? out.p : "", out.len);
    int status = vs_rest_answer(v, &r, rc, &extra);
    hold_http(job->s, status, extra.p, extra.len, v->reply.p, v->reply.len);
  }
  vs_buf_free(&out);
  vs_buf_free(&extra);
}

void vs_job_run(vs_venue *v, vs_req *r, vs_params *params, vs_sess *s, const char *id, bool limits) {
  vs_job *job = job_new(v, run_request, r->later_us);
  job->params = *params;
  *params = (vs_params){.cnt = 0};
  job->fn = r->later;
  job->treated = r->treated;
  job->ws_api = r->ws_api;
  job->limits = limits;
  job->id = keep(id, strlen(id));
  job->s = s;
  job->serial = s != NULL ? s->serial : 0;
}

/* ---- sessions ---- */

int vs_session_bit(const vs_sess *s) {
  static const int of_route[] = {VS_S_LEGACY, VS_S_PUBLIC, VS_S_MARKET, VS_S_USER};
  return s->kind == VS_SESS_API ? VS_S_API : of_route[s->route];
}

static void run_thaw(vs_job *job) {
  for (vs_sess *s = job->v->sessions; s != NULL; s = s->next) {
    if (s->frozen && (vs_session_bit(s) & job->kind) != 0) {
      vs_sess_thaw(s);
    }
  }
}

static void sessions(vs_venue *v, const vs_rule *rule) {
  const vs_args *a = &rule->a;
  bool any = false;
  for (vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if ((vs_session_bit(s) & a->sessions) == 0 || s->dead) {
      continue;
    }
    any = true;
    if (rule->act == VS_ACT_FREEZE) {
      s->frozen = true;
      s->lose = a->lose;
      if (a->half) lws_rx_flow_control(s->wsi, 0);
    } else if (a->bytes >= 0) {
      vs_rawtap_budget(s->wsi, a->bytes, a->how == VS_CUT_RESET);
    } else {
      vs_sess_cut(s, a->how);
    }
  }
  if (any) {
    vs_fault_count(v, rule);
  }
  if (any && rule->act == VS_ACT_FREEZE && a->for_us > 0) {
    vs_job *job = job_new(v, run_thaw, a->for_us);
    job->kind = a->sessions;
  }
}

/* ---- the account's other hand ---- */

static void foreign(vs_venue *v, const vs_rule *rule) {
  const vs_args *a = &rule->a;
  vs_order_req req = {.side = a->side, .type = VS_MARKET, .tif = VS_GTC, .stp = VS_STP_NONE, .qty = a->qty};
  vs_reject rej;
  int32_t slot;
  int n = snprintf(req.cid, sizeof req.cid, "%s", a->cid);
  if (n <= 0) {
    (void)snprintf(req.cid, sizeof req.cid, "web_%08x%08x", (unsigned)vs_rng_below(&v->fault->rng, ~0u),
                   (unsigned)vs_rng_below(&v->fault->rng, ~0u));
  }
  if (rule->act == VS_ACT_FOREIGN_ORDER) {
    int64_t px = vs_mul(vs_feed_mid(v), VS_E8 + a->bps * 10000);
    req.type = VS_LIMIT;
    req.px = px / v->rules.tick * v->rules.tick;
  }
  if (vs_place(v, &req, false, &rej, &slot) == 0) {
    vs_fault_count(v, rule);
  } else {
    (void)fprintf(stderr, "venuesim: script line %d: the foreign order was refused: %d %s\n", rule->line, rej.code, rej.msg);
  }
}

/* n (0: all) of our resting orders, oldest first, end by another hand or are filled. */
static void ours(vs_venue *v, const vs_rule *rule) {
  const vs_args *a = &rule->a;
  int left = a->n > 0 ? a->n : VS_OPEN_CNT;
  bool any = false;
  for (int k = 0; k < v->open_cnt && left > 0;) {
    int32_t slot = v->open[k];
    const char *cid = v->order[slot].cid;
    if ((a->cid[0] != '\0' && strncmp(cid, a->cid, strlen(a->cid)) != 0) || strncmp(cid, "web_", 4) == 0) {
      k++;
      continue;
    }
    left--;
    any = true;
    if (rule->act == VS_ACT_CANCEL_OURS) {
      vs_cancel(v, slot, VS_CANCELED, 0);
    } else if (!vs_force_fill(v, slot)) {
      k++;
      continue;
    }
    k = 0;
  }
  if (any) {
    vs_fault_count(v, rule);
    vs_txn_end(v);
  }
}

static void filter(vs_venue *v, const vs_args *a) {
  vs_rules *r = &v->rules;
  r->tick = a->tick > 0 ? a->tick : r->tick;
  r->step = a->step > 0 ? a->step : r->step;
  r->qty_min = a->qty_min > 0 ? a->qty_min : r->qty_min;
  r->notional_min = a->notional_min > 0 ? a->notional_min : r->notional_min;
  if (a->has_status) {
    (void)snprintf(r->status, sizeof r->status, "%s", a->status);
  }
}

static void ban(vs_venue *v, const vs_rule *rule) {
  vs_faults *f = v->fault;
  const vs_args *a = &rule->a;
  if (f->ban_cnt == VS_BAN_CNT) {
    return;
  }
  vs_ban *b = &f->ban[f->ban_cnt++];
  *b = (vs_ban){.start_us = vs_mono_us(), .http = a->http, .code = a->code != 0 ? a->code : -1003, .on = a->on};
  b->until_us = b->start_us + a->for_us;
  b->retry_s = a->retry_s > 0 ? a->retry_s : a->http == 403 ? 0 : -1; /* -1: told as the time that is left */
  vs_fault_count(v, rule);
}

void vs_act_now(vs_venue *v, const vs_rule *rule) {
  const vs_args *a = &rule->a;
  switch (rule->act) {
    case VS_ACT_CUT:
    case VS_ACT_FREEZE:
      sessions(v, rule);
      return;
    case VS_ACT_BAN:
      ban(v, rule);
      return;
    case VS_ACT_FOREIGN_TRADE:
    case VS_ACT_FOREIGN_ORDER:
      foreign(v, rule);
      return;
    case VS_ACT_CANCEL_OURS:
    case VS_ACT_FILL_OURS:
      ours(v, rule);
      return;
    case VS_ACT_REPEAT:
      repeat(v, a->n);
      break;
    case VS_ACT_EVENT:
      (void)vs_user_raw(v, VS_UE_ORDER, a->text, strlen(a->text));
      break;
    case VS_ACT_EXPIRE_KEY:
      vs_listen_key_expire(v, !a->quiet);
      break;
    case VS_ACT_SKEW:
      vs_skew_us = a->ms * 1000;
      break;
    case VS_ACT_FILTER:
      filter(v, a);
      break;
    case VS_ACT_MODE:
      v->hedge = a->hedge;
      break;
    case VS_ACT_TRANSFER:
      vs_user_transfer(v, a->amount);
      break;
    default:
      return;
  }
  vs_fault_count(v, rule);
}

static void run_rule(vs_job *job) {
  vs_venue *v = job->v;
  vs_rule *rule = job->rule;
  vs_faults *f = v->fault;
  if (rule->when == VS_WHEN_EVERY) {
    vs_job_rule(v, rule, rule->at_us);
    if (!vs_fault_due(f, rule)) {
      return;
    }
  }
  vs_act_now(v, rule);
}

void vs_job_rule(vs_venue *v, vs_rule *rule, int64_t after_us) {
  vs_job *job = job_new(v, run_rule, after_us);
  job->rule = rule;
}

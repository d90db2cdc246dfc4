/* fault.c - which rule fires: counts triggers, treats requests, bans, user events and fills; the report's parts.
 * What:   of the rules that match one request the first `treat` or `refuse` decides, and the first `forget`; of those that
 * match one user event the first of drop, dup, delay, swap, mangle. Actions of the other kind all run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

static int64_t since_start(const vs_faults *f) {
  return vs_mono_us() - f->start_us;
}

void vs_fault_count(vs_venue *v, const vs_rule *rule) {
  v->fault->label[rule->label].cnt++;
}

bool vs_fault_due(vs_faults *f, vs_rule *r) {
  int64_t now = since_start(f);
  if (now < r->from_us || now >= r->to_us) {
    return false;
  }
  r->seen++;
  bool hit = r->seen >= r->first && r->seen <= r->last && (r->seen - r->first) % r->step == 0;
  return hit && (r->p >= 1 || vs_rng_unit(&f->rng) < r->p);
}

static bool cid_fits(const vs_rule *r, const char *cid) {
  return r->if_cid[0] == '\0' || (cid != NULL && strncmp(cid, r->if_cid, strlen(r->if_cid)) == 0);
}

static void do_now(vs_venue *v, vs_rule *r) {
  /* what runs the matching engine waits for the next turn: a request may be in the middle of it */
  if (r->act == VS_ACT_CUT || r->act == VS_ACT_FREEZE || r->act == VS_ACT_BAN) {
    vs_act_now(v, r);
  } else {
    vs_job_rule(v, r, 0);
  }
}

static void start_rule(vs_venue *v, vs_rule *r) {
  if (r->when == VS_WHEN_AT || r->when == VS_WHEN_EVERY) {
    vs_job_rule(v, r, r->at_us);
  }
}

void vs_faults_start(vs_venue *v) {
  vs_faults *f = v->fault;
  if (f == NULL) {
    return;
  }
  f->start_us = vs_mono_us();
  f->running = true;
  for (int k = 0; k < f->rule_cnt; k++) {
    start_rule(v, &f->rule[k]);
  }
}

void vs_faults_free(vs_venue *v) {
  vs_faults *f = v->fault;
  if (f == NULL) {
    return;
  }
  vs_jobs_free(v);
  for (int k = 0; k < VS_EXEC_KEPT; k++) {
    free(f->exec[k]);
  }
  free(f->swapped);
  free(f);
  v->fault = NULL;
}

/* ---- requests ---- */

/* The client id a request is about; "" when it tells none. */
static void cid_of(const vs_req *r, int cls, char out[VS_CID_BYTES]) {
  const char *text = vs_param(r->in, cls == VS_CL_PLACE ? "newClientOrderId" : "origClientOrderId");
  const char *id = vs_param(r->in, "orderId");
  int64_t n;
  out[0] = '\0';
  if (text != NULL) {
    (void)snprintf(out, VS_CID_BYTES, "%s", text);
  } else if (id != NULL && cls != VS_CL_PLACE && vs_int_parse(id, &n) == 0) {
    int32_t slot = vs_order_by_id(r->v, n);
    if (slot != VS_NONE) {
      (void)snprintf(out, VS_CID_BYTES, "%s", r->v->order[slot].cid);
    }
  }
}

static int note_treated(vs_venue *v, const vs_rule *rule, const char *cid) {
  vs_faults *f = v->fault;
  vs_fault_count(v, rule);
  if (f->treated_cnt == VS_TREATED_CNT) {
    return -1;
  }
  (void)snprintf(f->treated[f->treated_cnt].cid, VS_CID_BYTES, "%s", cid);
  f->treated[f->treated_cnt].label = rule->label;
  f->treated[f->treated_cnt].t = since_start(f) / 1000;
  return f->treated_cnt++;
}

void vs_fault_done(vs_venue *v, int row, int rc, const vs_reject *rej) {
  if (row >= 0) {
    v->fault->treated[row].done = true;
    v->fault->treated[row].code = rc == 0 ? 0 : rej->code;
  }
}

static bool request_fits(const vs_req *r, const vs_rule *rule, int cls, bool is_signed, const char *cid) {
  if (rule->when != VS_WHEN_REQUEST || (rule->mask & 1u << cls) == 0) {
    return false;
  }
  if ((rule->way & (r->ws_api ? VS_WAY_WS : VS_WAY_REST)) == 0 || (rule->signed_only && !is_signed) || !cid_fits(rule, cid)) {
    return false;
  }
  const char *side = vs_param(r->in, "side");
  return rule->if_side < 0 || (side != NULL && strcmp(side, vs_side_name[rule->if_side]) == 0);
}

/* An amend that the venue turns into a cancel. */
static int cancel_instead(vs_req *r) {
  int32_t slot;
  if (vs_order_find(r, -2013, true, &slot) != 0) {
    return -1;
  }
  vs_cancel(r->v, slot, VS_CANCELED, 0);
  vs_txn_end(r->v);
  vs_order_json(r->v, &r->v->order[slot], VS_VIEW_MODIFY, r->out);
  return 0;
}

static int treat(vs_req *r, const vs_rule *rule, vs_handler fn, const char *cid) {
  const vs_args *a = &rule->a;
  int rc = 0;
  r->reply = a->reply;
  r->reply_us = a->reply_us;
  r->retry_s = a->retry_s;
  switch (a->how_do) {
    case VS_DO_NO:
      break;
    case VS_DO_LATE:
      r->later = fn;
      r->later_us = a->do_us;
      break;
    case VS_DO_CANCEL:
      rc = cancel_instead(r);
      break;
    case VS_DO_FILL: {
      rc = fn(r);
      int32_t slot = cid[0] != '\0' ? vs_order_by_cid(r->v, cid, true) : VS_NONE;
      if (rc == 0 && slot != VS_NONE && vs_force_fill(r->v, slot)) {
        vs_txn_end(r->v);
      }
      if (r->reply == VS_REPLY_YES) { /* the fill leaves first */
        r->reply = VS_REPLY_LATE;
        r->reply_us = 50000;
      }
      break;
    }
    default:
      rc = fn(r);
      break;
  }
  if (a->how_do != VS_DO_NO && a->how_do != VS_DO_LATE) {
    vs_fault_done(r->v, r->treated, rc, &r->rej);
  }
  if (a->reply == VS_REPLY_ERROR) {
    return vs_refuse(&r->rej, a->http != 0 ? a->http : 400, a->code, "%s",
                     a->text[0] != '\0' ? a->text : "Refused by the script.");
  }
  return rc;
}

int vs_fault_run(vs_req *r, vs_handler fn, int cls, bool is_signed) {
  vs_faults *f = r->v->fault;
  if (f == NULL || !f->running) {
    return fn(r);
  }
  const vs_rule *how = NULL;
  const vs_rule *hide = NULL;
  int hidden = -1;
  char cid[VS_CID_BYTES];
  cid_of(r, cls, cid);
  for (int k = 0; k < f->rule_cnt; k++) {
    vs_rule *rule = &f->rule[k];
    if (!request_fits(r, rule, cls, is_signed, cid) || !vs_fault_due(f, rule)) {
      continue;
    }
    if (rule->act == VS_ACT_TREAT || rule->act == VS_ACT_REFUSE) {
      how = how == NULL ? rule : how;
    } else if (rule->act == VS_ACT_FORGET) {
      hide = hide == NULL ? rule : hide;
    } else {
      do_now(r->v, rule);
    }
  }
  if (hide != NULL && cid[0] != '\0') { /* before its first event */
    r->v->hide_until = vs_mono_us() + hide->a.for_us;
    r->v->hide_quiet = hide->a.quiet;
    hidden = note_treated(r->v, hide, cid);
  }
  r->treated = how != NULL ? note_treated(r->v, how, cid) : -1;
  int rc = how != NULL ? treat(r, how, fn, cid) : fn(r);
  r->v->hide_until = 0;
  if (hidden >= 0 && how == NULL) {
    vs_fault_done(r->v, hidden, rc, &r->rej);
  } else if (hidden >= 0 && r->treated >= 0) { /* what became of it stands in the other row */
    f->treated[hidden].done = f->treated[r->treated].done;
    f->treated[hidden].code = f->treated[r->treated].code;
  }
  return rc;
}

/* ---- bans ---- */

bool vs_fault_banned(vs_venue *v, int cls, bool ws, vs_reject *rej, int *retry_s) {
  vs_faults *f = v->fault;
  int64_t t = vs_mono_us();
  for (int k = f != NULL ? f->ban_cnt - 1 : -1; k >= 0; k--) {
    vs_ban *b = &f->ban[k];
    if (t >= b->until_us || (b->on & (ws ? VS_WAY_WS : VS_WAY_REST)) == 0) {
      continue;
    }
    b->refused[cls]++;
    if (b->told_us == 0) {
      b->told_us = t;
    } else if (t - b->told_us > VS_BAN_GRACE_US) {
      b->after_told[cls]++;
    }
    int64_t left_ms = (b->until_us - t + 999) / 1000;
    *retry_s = b->retry_s >= 0 ? b->retry_s : (int)((left_ms + 999) / 1000);
    if (b->http == 418) {
      (void)vs_refuse(rej, 418, b->code,
                      "Way too many requests; IP(127.0.0.1) banned until %lld. Please use the websocket for live updates.",
                      (long long)(vs_now_ms() + left_ms));
    } else if (b->http == 429) {
      (void)vs_refuse(rej, 429, b->code, "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute.");
    } else {
      (void)vs_refuse(rej, 403, 0, "Forbidden by the web application firewall.");
    }
    return true;
  }
  return false;
}

/* ---- user events ---- */

static int kind_of(int event, const char *text) {
  switch (event) {
    case VS_UE_TRADE_LITE:
      return VS_U_LITE;
    case VS_UE_ACCOUNT:
      return VS_U_ACCOUNT;
    case VS_UE_CONFIG:
      return VS_U_CONFIG;
    case VS_UE_ALGO:
      return VS_U_ALGO;
    case VS_UE_EXPIRED:
      return VS_U_EXPIRED_KEY;
    default:
      break;
  }
  static const char *const x[] = {"NEW\"", "TRADE\"", "CANCELED\"", "EXPIRED\"", "AMENDMENT\""};
  const char *at = strstr(text, "\"x\":\"");
  for (int k = 0; at != NULL && k < 5; k++) {
    if (strncmp(at + 5, x[k], strlen(x[k])) == 0) {
      return VS_U_NEW + k;
    }
  }
  return VS_U_NEW;
}

static void event_cid(const char *text, char out[VS_CID_BYTES]) {
  const char *at = strstr(text, "\"c\":\"");
  size_t n = at != NULL ? strcspn(at + 5, "\"") : 0;
  out[0] = '\0';
  if (n > 0 && n < VS_CID_BYTES) {
    memcpy(out, at + 5, n);
    out[n] = '\0';
  }
}

/* The value of "KEY":"..." in text is replaced; of T and t alike only the exact key. NULL: not there. */
static char *replaced(const char *text, const char *key, size_t key_len, const char *value, size_t value_len) {
  char pattern[40];
  if (key_len + 5 > sizeof pattern) {
    return NULL;
  }
  (void)snprintf(pattern, sizeof pattern, "\"%.*s\":\"", (int)key_len, key);
  const char *inner = strstr(text, "\"o\":{"); /* of an order update the inner object is meant */
  const char *at = strstr(inner != NULL ? inner + 5 : text, pattern);
  if (at == NULL) {
    return NULL;
  }
  at += key_len + 4;
  size_t head = (size_t)(at - text);
  const char *rest = at + strcspn(at, "\"");
  char *out = vs_alloc(1, head + value_len + strlen(rest) + 1);
  memcpy(out, text, head);
  memcpy(out + head, value, value_len);
  memcpy(out + head + value_len, rest, strlen(rest) + 1);
  return out;
}

static void mangle(vs_venue *v, const vs_rule *rule, int event, const char *text) {
  char *now_text = strdup(text);
  for (const char *set = rule->a.text; now_text != NULL && *set != '\0';) {
    size_t n = strcspn(set, ",");
    const char *colon = memchr(set, ':', n);
    if (colon != NULL) {
      char *next = replaced(now_text, set, (size_t)(colon - set), colon + 1, n - (size_t)(colon + 1 - set));
      if (next != NULL) {
        free(now_text);
        now_text = next;
      }
    }
    set += n + (set[n] == ',');
  }
  if (now_text != NULL) {
    (void)vs_user_raw(v, event, now_text, strlen(now_text));
  }
  free(now_text);
}

static void keep_exec(vs_faults *f, const char *text, size_t len) {
  char **slot = &f->exec[f->exec_cnt++ % VS_EXEC_KEPT];
  free(*slot);
  *slot = vs_alloc(1, len + 1);
  memcpy(*slot, text, len);
}

/* What the first fitting rule does to the event; true when it does not go its normal way. */
static bool event_rule(vs_venue *v, const vs_rule *rule, int event, int kind, const char *text, size_t len) {
  vs_faults *f = v->fault;
  bool exec = kind == VS_U_TRADE;
  vs_fault_count(v, rule);
  switch (rule->act) {
    case VS_ACT_DROP:
      f->event_dropped++;
      f->exec_dropped += exec;
      return true;
    case VS_ACT_DUP:
      for (int k = 0; k < (rule->a.n > 0 ? rule->a.n : 1); k++) {
        (void)vs_user_raw(v, event, text, len);
        f->exec_repeated += exec;
      }
      return false;
    case VS_ACT_DELAY:
      f->exec_delayed += exec;
      vs_job_event(v, event, text, len, rule->a.for_us, false);
      return true;
    case VS_ACT_SWAP:
      if (f->swapped != NULL) {
        return false;
      }
      f->swapped = vs_alloc(1, len + 1);
      memcpy(f->swapped, text, len);
      f->swapped_kind = event;
      vs_job_event(v, -1, "", 0, 300000, false); /* should no event follow */
      return true;
    default:
      mangle(v, rule, event, text);
      return true;
  }
}

/* Behind an event that waits for a forgotten order every later one waits, too: the stream lags, its order stays. */
static bool held_by_forget(vs_venue *v, int event, const char *text, size_t len, const char *cid) {
  vs_faults *f = v->fault;
  int32_t slot = cid[0] != '\0' ? vs_order_by_cid(v, cid, false) : VS_NONE;
  if (slot != VS_NONE && v->order[slot].hidden_quiet && v->order[slot].hidden_until > f->lag_until_us) {
    f->lag_until_us = v->order[slot].hidden_until;
  }
  int64_t left = f->lag_until_us - vs_mono_us();
  if (left <= 0 && f->lag_cnt == 0) {
    return false;
  }
  f->lag_cnt++;
  vs_job_event(v, event, text, len, left > 0 ? left : 0, true);
  return true;
}

bool vs_fault_user(vs_venue *v, int event, const char *part, size_t len) {
  vs_faults *f = v->fault;
  if (f == NULL || !f->running) {
    return false;
  }
  char *text = vs_alloc(1, len + 1); /* events of one transaction lie end to end in one buffer */
  memcpy(text, part, len);
  int kind = kind_of(event, text);
  char cid[VS_CID_BYTES];
  bool taken = false;
  const vs_rule *how = NULL;
  event_cid(text, cid);
  f->event_sent++;
  if (kind == VS_U_TRADE) {
    f->exec_sent++;
    keep_exec(f, text, len);
  }
  for (int k = 0; k < f->rule_cnt; k++) {
    vs_rule *rule = &f->rule[k];
    if (rule->when != VS_WHEN_USER || (rule->mask & 1u << kind) == 0 || !cid_fits(rule, cid) || !vs_fault_due(f, rule)) {
      continue;
    }
    if (rule->act >= VS_ACT_DROP && rule->act <= VS_ACT_MANGLE) {
      how = how == NULL ? rule : how;
    } else {
      do_now(v, rule);
    }
  }
  if (how != NULL) {
    taken = event_rule(v, how, event, kind, text, len);
  }
  if (!taken) {
    taken = held_by_forget(v, event, text, len, cid);
  }
  free(text);
  return taken;
}

void vs_fault_user_after(vs_venue *v) {
  vs_faults *f = v->fault;
  if (f == NULL || f->swapped == NULL) {
    return;
  }
  char *text = f->swapped;
  f->swapped = NULL;
  (void)vs_user_raw(v, f->swapped_kind, text, strlen(text));
  free(text);
}

/* ---- sessions, fills ---- */

static bool run_rules(vs_venue *v, int when, uint32_t bit) {
  vs_faults *f = v->fault;
  bool lost = false;
  for (int k = 0; f != NULL && f->running && k < f->rule_cnt; k++) {
    vs_rule *rule = &f->rule[k];
    if ((int)rule->when != when || (bit != 0 && (rule->mask & bit) == 0) || !vs_fault_due(f, rule)) {
      continue;
    }
    if (rule->act == VS_ACT_LOSE) {
      vs_fault_count(v, rule);
      f->exec_sent++;
      f->exec_dropped++;
      lost = true;
    } else {
      do_now(v, rule);
    }
  }
  return lost;
}

void vs_fault_open(vs_venue *v, vs_sess *s) {
  (void)run_rules(v, VS_WHEN_OPEN, (uint32_t)vs_session_bit(s));
}

bool vs_fault_fill(vs_venue *v) {
  return run_rules(v, VS_WHEN_FILL, 0);
}

/* ---- report ---- */

static void classes_json(const int64_t cnt[VS_CL_CNT], vs_buf *b) {
  int idx[VS_CL_CNT];
  bool first = true;
  for (int k = 0; k < VS_CL_CNT; k++) {
    idx[k] = k;
    for (int j = k; j > 0 && strcmp(vs_class_name[idx[j]], vs_class_name[idx[j - 1]]) < 0; j--) {
      int t = idx[j];
      idx[j] = idx[j - 1];
      idx[j - 1] = t;
    }
  }
  vs_buf_c(b, '{');
  for (int k = 0; k < VS_CL_CNT; k++) {
    if (cnt[idx[k]] != 0) {
      vs_buf_f(b, "%s\"%s\":%lld", first ? "" : ",", vs_class_name[idx[k]], (long long)cnt[idx[k]]);
      first = false;
    }
  }
  vs_buf_c(b, '}');
}

static int64_t sum_of(const int64_t cnt[VS_CL_CNT]) {
  int64_t sum = 0;
  for (int k = 0; k < VS_CL_CNT; k++) {
    sum += cnt[k];
  }
  return sum;
}

void vs_fault_json_bans(vs_venue *v, vs_buf *b) {
  const vs_faults *f = v->fault;
  vs_buf_s(b, "\"bans\":[");
  for (int k = 0; f != NULL && k < f->ban_cnt; k++) {
    const vs_ban *ban = &f->ban[k];
    vs_buf_f(b, "%s{\"after_told\":%lld,\"after_told_by_class\":", k > 0 ? "," : "", (long long)sum_of(ban->after_told));
    classes_json(ban->after_told, b);
    vs_buf_f(b, ",\"for_ms\":%lld,\"http\":%d,\"refused\":%lld,\"refused_by_class\":",
             (long long)((ban->until_us - ban->start_us) / 1000), ban->http, (long long)sum_of(ban->refused));
    classes_json(ban->refused, b);
    vs_buf_f(b, ",\"start_ms\":%lld}", (long long)((ban->start_us - f->start_us) / 1000));
  }
  vs_buf_s(b, "],");
}

/* How many orders each client id got: the exactly-one check. */
void vs_fault_json_treated(vs_venue *v, vs_buf *b) {
  const vs_faults *f = v->fault;
  int64_t ids = 0;
  int64_t refused = 0;
  bool first = true;
  vs_buf_s(b, "\"client_ids\":{\"accepted_more_than_once\":[");
  for (int32_t k = 0; k < VS_ORDER_CNT; k++) {
    const vs_order *o = &v->order[k];
    if (o->id == 0) {
      continue;
    }
    refused += o->dup_refused;
    if (vs_order_nth(v, k) == 1) {
      ids++;
    } else if (vs_order_nth(v, k) == 2) {
      vs_buf_s(b, first ? "" : ",");
      vs_buf_json(b, o->cid);
      first = false;
    }
  }
  vs_buf_f(b, "],\"distinct\":%lld,\"duplicates_refused\":%lld,\"treated\":[", (long long)ids, (long long)refused);
  for (int k = 0; f != NULL && k < f->treated_cnt; k++) {
    const char *cid = f->treated[k].cid;
    vs_buf_f(b, "%s{\"accepted\":%d,\"cid\":", k > 0 ? "," : "", cid[0] != '\0' ? vs_order_times(v, cid) : 0);
    vs_buf_json(b, cid);
    if (f->treated[k].done) {
      vs_buf_f(b, ",\"code\":%d", f->treated[k].code);
    }
    int32_t slot = cid[0] != '\0' ? vs_order_by_cid(v, cid, false) : VS_NONE;
    vs_buf_f(b, ",\"fault\":\"%s\",\"ms\":%lld,\"status\":\"%s\"}", f->label[f->treated[k].label].name,
             (long long)f->treated[k].t, slot != VS_NONE ? vs_status_name[v->order[slot].status] : "");
  }
  vs_buf_s(b, "]},");
}

void vs_fault_json_events(vs_venue *v, vs_buf *b) {
  const vs_faults *f = v->fault;
  vs_buf_s(b, "\"executions\":{");
  if (f != NULL) {
    vs_buf_f(b, "\"delayed\":%lld,\"dropped\":%lld,\"repeated\":%lld,\"sent\":%lld", (long long)f->exec_delayed,
             (long long)f->exec_dropped, (long long)f->exec_repeated, (long long)f->exec_sent);
  }
  vs_buf_s(b, "},\"faults\":{");
  bool first = true;
  for (int k = 0; f != NULL && k < f->label_cnt; k++) { /* also the ones that never happened: a test must see the zero */
    vs_buf_s(b, first ? "" : ",");
    vs_buf_json(b, f->label[k].name);
    vs_buf_f(b, ":%lld", (long long)f->label[k].cnt);
    first = false;
  }
  vs_buf_s(b, "},");
}

void vs_class_counts_json(const vs_venue *v, vs_buf *b) {
  classes_json(v->requests_by_class, b);
}

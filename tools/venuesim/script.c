/* script.c - reads fault rules: a line each, `TRIGGER ACTION [key=value ...]`. The language is in docs/venuesim.md, "Faults".
 * Limits: VS_RULE_CNT rules, LINE_BYTES a line, WORD_CNT words. Errors: the first bad line is told as FILE:LINE: reason. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define LINE_BYTES 1024
#define WORD_CNT 32

typedef struct line {
  const char *file;
  int no;
  char *word[WORD_CNT];
  int cnt, at;
} line;

const char *const vs_class_name[VS_CL_CNT] = {
    "order.place", "order.modify", "order.cancel", "order.status", "order.list", "account", "trades",  "countdown",
    "listenkey",   "time",         "info",         "depth",        "market",     "session", "connect", "other"};
static const char *const user_name[VS_U_CNT] = {"lite", "account", "config",   "algo",    "listenkey",
                                                "new",  "trade",   "canceled", "expired", "amendment"};
static const char *const session_name[] = {"public", "market", "user", "api", "legacy"};

#define K_REQ "do reply http code msg retry "
/* Every action: where it may stand, what it takes. */
static const struct {
  const char *name, *where, *keys;
} action[VS_ACT_CNT] = {
    [VS_ACT_TREAT] = {"treat", "r", K_REQ},
    [VS_ACT_REFUSE] = {"refuse", "r", "http code msg retry "},
    [VS_ACT_FORGET] = {"forget", "p", "for events "},
    [VS_ACT_DROP] = {"drop", "u", ""},
    [VS_ACT_DUP] = {"dup", "u", "n "},
    [VS_ACT_DELAY] = {"delay", "u", "for "},
    [VS_ACT_SWAP] = {"swap", "u", ""},
    [VS_ACT_MANGLE] = {"mangle", "u", "set "},
    [VS_ACT_LOSE] = {"lose", "f", ""},
    [VS_ACT_CUT] = {"cut", "*", "SESSION how bytes "},
    [VS_ACT_FREEZE] = {"freeze", "*", "SESSION for half lose "},
    [VS_ACT_BAN] = {"ban", "*", "http for retry on code "},
    [VS_ACT_REPEAT] = {"repeat", "*", "n "},
    [VS_ACT_EVENT] = {"event", "*", "e json "},
    [VS_ACT_EXPIRE_KEY] = {"expire-key", "*", "events "},
    [VS_ACT_SKEW] = {"skew", "*", "ms "},
    [VS_ACT_FILTER] = {"filter", "*", "tick step min_qty min_notional status "},
    [VS_ACT_MODE] = {"mode", "*", "MODE "},
    [VS_ACT_TRANSFER] = {"transfer", "*", "amount "},
    [VS_ACT_FOREIGN_TRADE] = {"foreign-trade", "*", "side qty cid "},
    [VS_ACT_FOREIGN_ORDER] = {"foreign-order", "*", "side qty bps cid "},
    [VS_ACT_CANCEL_OURS] = {"cancel-ours", "*", "n cid "},
    [VS_ACT_FILL_OURS] = {"fill-ours", "*", "n cid "},
};

__attribute__((format(printf, 2, 3))) static int bad(const line *l, const char *fmt, ...) {
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  (void)vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  (void)fprintf(stderr, "venuesim: %s:%d: %s\n", l->file, l->no, text);
  return -1;
}

/* ---- values ---- */

/* "2.5s", "300ms", "1m", "1h", "20us" in microseconds. */
static bool time_of(const char *text, int64_t *us) {
  char *end;
  errno = 0;
  double x = strtod(text, &end);
  if (end == text || errno != 0 || !(x >= 0) || x > 1e7) {
    return false;
  }
  double unit = strcmp(end, "us") == 0   ? 1
                : strcmp(end, "ms") == 0 ? 1e3
                : strcmp(end, "s") == 0  ? 1e6
                : strcmp(end, "m") == 0  ? 60e6
                : strcmp(end, "h") == 0  ? 3600e6
                                         : 0;
  *us = (int64_t)(x * unit + 0.5);
  return unit > 0;
}

static bool int_of(const char *text, int64_t min, int64_t max, int64_t *out) {
  return vs_int_parse(text, out) == 0 && *out >= min && *out <= max;
}

static bool small(const char *text, int64_t min, int64_t max, int *out) {
  int64_t n;
  if (!int_of(text, min, max, &n)) {
    return false;
  }
  *out = (int)n;
  return true;
}

static bool yes_no(const char *text, bool *out) {
  *out = strcmp(text, "yes") == 0;
  return *out || strcmp(text, "no") == 0;
}

static bool dec_of(const char *text, int64_t *out) {
  return vs_dec_parse(text, out, NULL) == 0;
}

static bool copy(char *to, size_t cap, const char *text) {
  size_t n = strlen(text);
  if (n == 0 || n >= cap) {
    return false;
  }
  memcpy(to, text, n + 1);
  return true;
}

static bool session_of(const char *text, int *mask) {
  *mask = strcmp(text, "all") == 0 ? VS_S_ALL : 0;
  int k = vs_name_idx(session_name, 5, text);
  if (k >= 0) {
    *mask = 1 << k;
  }
  return *mask != 0;
}

static bool do_of(const char *text, vs_args *a) {
  static const char *const name[] = {"now", "no", "late", "fill", "cancel"};
  if (strncmp(text, "late:", 5) == 0) {
    a->how_do = VS_DO_LATE;
    return time_of(text + 5, &a->do_us);
  }
  a->how_do = vs_name_idx(name, 5, text);
  return a->how_do >= 0 && a->how_do != VS_DO_LATE;
}

/* yes, none, cut, late:TIME, or an error: 503, 503-not-done, throttled, -1006, -1007 or any other negative code. */
static bool reply_of(const char *text, vs_args *a) {
  int64_t code;
  a->reply = VS_REPLY_ERROR;
  if (strcmp(text, "yes") == 0) {
    a->reply = VS_REPLY_YES;
  } else if (strcmp(text, "none") == 0) {
    a->reply = VS_REPLY_NONE;
  } else if (strcmp(text, "cut") == 0) {
    a->reply = VS_REPLY_CUT;
  } else if (strncmp(text, "late:", 5) == 0) {
    a->reply = VS_REPLY_LATE;
    return time_of(text + 5, &a->reply_us);
  } else if (strcmp(text, "503") == 0) {
    a->http = 503;
    (void)copy(a->text, sizeof a->text, "Unknown error, please check your request or try again later.");
  } else if (strcmp(text, "503-not-done") == 0) {
    a->http = 503;
    (void)copy(a->text, sizeof a->text, "Service Unavailable.");
  } else if (strcmp(text, "throttled") == 0) {
    a->http = 503;
    a->code = -1008;
    (void)copy(a->text, sizeof a->text,
               "Request throttled by system-level protection. Reduce-only/close-position orders are exempt.");
  } else if (int_of(text, -99999, -1, &code)) {
    a->code = (int)code;
    a->http = code == -1006 || code == -1007 || code == -1000 ? 503 : code == -1003 || code == -1015 ? 429 : 400;
  } else {
    return false;
  }
  return true;
}

/* ---- triggers ---- */

static bool which_of(const char *text, vs_rule *r) {
  int64_t n;
  char *dots = strstr(text, "..");
  r->first = 1;
  r->last = INT64_MAX;
  r->step = 1;
  r->p = 1;
  if (strcmp(text, "each") == 0) {
    return true;
  }
  if (text[0] == '/') {
    r->first = 0;
    return int_of(text + 1, 1, INT64_MAX, &r->step) && (r->first = r->step) > 0;
  }
  size_t len = strlen(text);
  if (len > 1 && text[len - 1] == '%') {
    char *end;
    r->p = strtod(text, &end) / 100;
    return *end == '%' && r->p > 0 && r->p <= 1;
  }
  if (dots != NULL) {
    char from[32];
    size_t n_len = (size_t)(dots - text);
    if (n_len == 0 || n_len >= sizeof from) {
      return false;
    }
    memcpy(from, text, n_len);
    from[n_len] = '\0';
    return int_of(from, 1, INT64_MAX, &r->first) && (dots[2] == '\0' || int_of(dots + 2, r->first, INT64_MAX, &r->last));
  }
  if (!int_of(text, 1, INT64_MAX, &n)) {
    return false;
  }
  r->first = r->last = n;
  return true;
}

/* order.place, ws.order.place, rest.any, order, signed, user.trade, open.user, fill. */
static bool event_of(const char *text, vs_rule *r) {
  r->way = VS_WAY_WS | VS_WAY_REST;
  if (strcmp(text, "fill") == 0) {
    r->when = VS_WHEN_FILL;
    return true;
  }
  if (strncmp(text, "user.", 5) == 0) {
    r->when = VS_WHEN_USER;
    int k = vs_name_idx(user_name, VS_U_CNT, text + 5);
    r->mask = k >= 0 ? 1u << k : strcmp(text + 5, "any") == 0 ? ~0u : 0;
    if (strcmp(text + 5, "order") == 0) {
      r->mask = 1u << VS_U_NEW | 1u << VS_U_TRADE | 1u << VS_U_CANCELED | 1u << VS_U_EXPIRED | 1u << VS_U_AMENDMENT;
    }
    return r->mask != 0;
  }
  if (strncmp(text, "open.", 5) == 0) {
    int mask;
    r->when = VS_WHEN_OPEN;
    bool ok = session_of(text + 5, &mask);
    r->mask = (uint32_t)mask;
    return ok;
  }
  r->when = VS_WHEN_REQUEST;
  if (strncmp(text, "ws.", 3) == 0) {
    r->way = VS_WAY_WS;
    text += 3;
  } else if (strncmp(text, "rest.", 5) == 0) {
    r->way = VS_WAY_REST;
    text += 5;
  }
  int k = vs_name_idx(vs_class_name, VS_CL_CNT, text);
  if (k == VS_CL_CONNECT) {
    return false; /* open.* is for that */
  }
  r->mask = k >= 0 ? 1u << k : 0;
  if (strcmp(text, "order") == 0) {
    r->mask = 1u << VS_CL_PLACE | 1u << VS_CL_MODIFY | 1u << VS_CL_CANCEL;
  } else if (strcmp(text, "any") == 0 || strcmp(text, "signed") == 0) {
    r->mask = ~0u;
    r->signed_only = text[0] == 's';
  }
  return r->mask != 0;
}

static int trigger(line *l, vs_rule *r) {
  const char *kind = l->word[0];
  if (l->cnt < 3) {
    return bad(l, "too short; need `at TIME ACTION`, `every TIME [WHICH] ACTION` or `on EVENT WHICH ACTION`");
  }
  r->first = 1;
  r->last = INT64_MAX;
  r->step = 1;
  r->p = 1;
  l->at = 2;
  if (strcmp(kind, "at") == 0 || strcmp(kind, "every") == 0) {
    r->when = kind[0] == 'a' ? VS_WHEN_AT : VS_WHEN_EVERY;
    if (!time_of(l->word[1], &r->at_us) || (r->when == VS_WHEN_EVERY && r->at_us < 1000)) {
      return bad(l, "bad time '%s'; like 2.5s, 300ms, 1m", l->word[1]);
    }
    if (r->when == VS_WHEN_EVERY && which_of(l->word[2], r)) {
      l->at = 3;
    }
    return 0;
  }
  if (strcmp(kind, "on") != 0) {
    return bad(l, "unknown trigger '%s'; at, every or on", kind);
  }
  if (!event_of(l->word[1], r)) {
    return bad(l, "unknown event '%s'", l->word[1]);
  }
  if (!which_of(l->word[2], r)) {
    return bad(l, "bad count '%s'; like 3, 3..5, 3.., each, /4, 10%%", l->word[2]);
  }
  l->at = 3;
  return 0;
}

/* ---- actions ---- */

static bool value_order(vs_args *a, const char *key, const char *text) {
  if (strcmp(key, "do") == 0) return do_of(text, a);
  if (strcmp(key, "reply") == 0) return reply_of(text, a);
  if (strcmp(key, "http") == 0) return small(text, 200, 599, &a->http);
  if (strcmp(key, "code") == 0) return small(text, -99999, 0, &a->code);
  if (strcmp(key, "msg") == 0) return copy(a->text, sizeof a->text, text);
  if (strcmp(key, "retry") == 0) return small(text, 0, 86400, &a->retry_s);
  if (strcmp(key, "n") == 0) return small(text, 1, 1000000, &a->n);
  if (strcmp(key, "set") == 0) return copy(a->text, sizeof a->text, text) && strchr(text, ':') != NULL;
  if (strcmp(key, "side") == 0) return (a->side = vs_name_idx(vs_side_name, 2, text)) >= 0;
  if (strcmp(key, "qty") == 0) return dec_of(text, &a->qty) && a->qty > 0;
  if (strcmp(key, "bps") == 0) return int_of(text, -5000, 5000, &a->bps);
  if (strcmp(key, "cid") == 0) return copy(a->cid, sizeof a->cid, text) && strlen(text) <= 36;
  return false;
}

static bool value_world(vs_args *a, const char *key, const char *text) {
  bool flag;
  if (strcmp(key, "for") == 0) return time_of(text, &a->for_us);
  if (strcmp(key, "events") == 0) {
    bool ok = yes_no(text, &flag);
    a->quiet = !flag;
    return ok;
  }
  if (strcmp(key, "how") == 0) {
    static const char *const name[] = {"fin", "reset", "close"};
    return (a->how = vs_name_idx(name, 3, text)) >= 0;
  }
  if (strcmp(key, "bytes") == 0) return int_of(text, 0, 1LL << 40, &a->bytes);
  if (strcmp(key, "half") == 0) return yes_no(text, &a->half);
  if (strcmp(key, "lose") == 0) return yes_no(text, &a->lose);
  if (strcmp(key, "on") == 0) {
    static const char *const name[] = {"", "ws", "rest", "all"};
    return *text != '\0' && (a->on = vs_name_idx(name, 4, text)) > 0;
  }
  if (strcmp(key, "e") == 0) {
    int n = snprintf(a->text, sizeof a->text, "{\"e\":\"%s\"}", text);
    return n > 0 && strlen(text) < 64 && strpbrk(text, "\"\\") == NULL;
  }
  if (strcmp(key, "json") == 0) return copy(a->text, sizeof a->text, text) && text[0] == '{';
  if (strcmp(key, "ms") == 0) return a->has_ms = int_of(text, -100000000, 100000000, &a->ms);
  if (strcmp(key, "tick") == 0) return dec_of(text, &a->tick) && a->tick > 0;
  if (strcmp(key, "step") == 0) return dec_of(text, &a->step) && a->step > 0;
  if (strcmp(key, "min_qty") == 0) return dec_of(text, &a->qty_min) && a->qty_min > 0;
  if (strcmp(key, "min_notional") == 0) return dec_of(text, &a->notional_min) && a->notional_min > 0;
  if (strcmp(key, "status") == 0) return a->has_status = copy(a->status, sizeof a->status, text);
  if (strcmp(key, "amount") == 0) return dec_of(text, &a->amount) && a->amount != 0;
  return false;
}

/* Filters of the trigger and the fault's name: every rule takes them. 1 done, 0 not one of these, -1 bad value. */
static int value_any(vs_rule *r, const char *key, const char *text, char *name, size_t cap) {
  bool ok;
  if (strcmp(key, "name") == 0) {
    ok = copy(name, cap, text);
  } else if (strcmp(key, "from") == 0) {
    ok = time_of(text, &r->from_us);
  } else if (strcmp(key, "to") == 0) {
    ok = time_of(text, &r->to_us);
  } else if (strcmp(key, "if_cid") == 0) {
    ok = copy(r->if_cid, sizeof r->if_cid, text);
  } else if (strcmp(key, "if_side") == 0) {
    ok = (r->if_side = vs_name_idx(vs_side_name, 2, text)) >= 0;
  } else {
    return 0;
  }
  return ok ? 1 : -1;
}

static bool listed(const char *keys, const char *key) {
  size_t n = strlen(key);
  for (const char *at = strstr(keys, key); at != NULL; at = strstr(at + 1, key)) {
    if ((at == keys || at[-1] == ' ') && at[n] == ' ') {
      return true;
    }
  }
  return false;
}

static bool fits(const vs_rule *r, const char *where) {
  switch (*where) {
    case 'r':
      return r->when == VS_WHEN_REQUEST;
    case 'p':
      return r->when == VS_WHEN_REQUEST && r->mask == 1u << VS_CL_PLACE;
    case 'u':
      return r->when == VS_WHEN_USER;
    case 'f':
      return r->when == VS_WHEN_FILL;
    default:
      return true;
  }
}

static int check(const line *l, vs_rule *r) {
  vs_args *a = &r->a;
  switch (r->act) {
    case VS_ACT_REFUSE:
      a->how_do = VS_DO_NO;
      a->reply = VS_REPLY_ERROR;
      if (a->code == 0 && a->http == 0) return bad(l, "refuse needs code= or http=");
      a->http = a->http != 0 ? a->http : a->code == -1003 || a->code == -1015 ? 429 : 400;
      return 0;
    case VS_ACT_TREAT:
      if (a->how_do == VS_DO_CANCEL && (r->mask & ~(1u << VS_CL_MODIFY)) != 0) return bad(l, "do=cancel is for order.modify");
      if (a->how_do == VS_DO_FILL && (r->mask & ~(1u << VS_CL_PLACE)) != 0) return bad(l, "do=fill is for order.place");
      if (a->how_do == VS_DO_NO && a->reply != VS_REPLY_NONE && a->reply != VS_REPLY_CUT && a->reply != VS_REPLY_ERROR)
        return bad(l, "do=no needs reply= none, cut or an error");
      return 0;
    case VS_ACT_FORGET:
    case VS_ACT_DELAY:
      return a->for_us > 0 ? 0 : bad(l, "%s needs for=TIME", action[r->act].name);
    case VS_ACT_BAN:
      if (a->http != 418 && a->http != 429 && a->http != 403) return bad(l, "ban needs http=418, 429 or 403");
      return a->for_us > 0 ? 0 : bad(l, "ban needs for=TIME");
    case VS_ACT_MANGLE:
    case VS_ACT_EVENT:
      return a->text[0] != '\0'
                 ? 0
                 : bad(l, "%s needs %s", action[r->act].name, r->act == VS_ACT_EVENT ? "e= or json=" : "set=KEY:VALUE");
    case VS_ACT_TRANSFER:
      return a->amount != 0 ? 0 : bad(l, "transfer needs amount=");
    case VS_ACT_SKEW:
      return a->has_ms ? 0 : bad(l, "skew needs ms=");
    case VS_ACT_FOREIGN_TRADE:
    case VS_ACT_FOREIGN_ORDER:
      return a->side >= 0 && a->qty > 0 ? 0 : bad(l, "%s needs side= and qty=", action[r->act].name);
    default:
      return 0;
  }
}

/* What the report calls it when the rule gives no name. */
static void default_name(const vs_rule *r, char *out, size_t cap) {
  static const char *const how[] = {"now", "no", "late", "fill", "cancel"};
  static const char *const reply[] = {"yes", "none", "cut", "late", "error"};
  if (r->act == VS_ACT_TREAT) {
    (void)snprintf(out, cap, "treat:%s:%s", how[r->a.how_do], reply[r->a.reply]);
  } else {
    (void)snprintf(out, cap, "%s", action[r->act].name);
  }
}

static int label_of(vs_faults *f, const char *name) {
  for (int k = 0; k < f->label_cnt; k++) {
    if (strcmp(f->label[k].name, name) == 0) {
      return k;
    }
  }
  if (f->label_cnt == VS_LABEL_CNT) {
    return -1;
  }
  (void)snprintf(f->label[f->label_cnt].name, sizeof f->label[0].name, "%s", name);
  return f->label_cnt++;
}

static int arguments(line *l, vs_rule *r, char *name, size_t cap) {
  const char *keys = action[r->act].keys;
  for (; l->at < l->cnt; l->at++) {
    char *key = l->word[l->at];
    char *value = strchr(key, '=');
    if (value == NULL) {
      if (strncmp(keys, "SESSION ", 8) == 0 && r->a.sessions == 0 && session_of(key, &r->a.sessions)) continue;
      if (strncmp(keys, "MODE ", 5) == 0 && (strcmp(key, "hedge") == 0 || strcmp(key, "oneway") == 0)) {
        r->a.hedge = key[0] == 'h';
        r->a.n = 1;
        continue;
      }
      return bad(l, "'%s' is no key=value", key);
    }
    *value++ = '\0';
    int any = value_any(r, key, value, name, cap);
    if (any == 0 && !listed(keys, key)) {
      return bad(l, "%s takes no '%s'", action[r->act].name, key);
    }
    if (any < 0 || (any == 0 && !value_order(&r->a, key, value) && !value_world(&r->a, key, value))) {
      return bad(l, "bad value '%s' for %s", value, key);
    }
  }
  if (strncmp(keys, "SESSION ", 8) == 0 && r->a.sessions == 0) {
    return bad(l, "%s needs public, market, user, api or all", action[r->act].name);
  }
  if (strncmp(keys, "MODE ", 5) == 0 && r->a.n == 0) {
    return bad(l, "mode needs hedge or oneway");
  }
  return check(l, r);
}

static int rule_of(vs_faults *f, line *l) {
  if (f->rule_cnt == VS_RULE_CNT) {
    return bad(l, "more than %d rules", VS_RULE_CNT);
  }
  vs_rule *r = &f->rule[f->rule_cnt];
  *r = (vs_rule){.line = l->no, .to_us = INT64_MAX, .if_side = -1, .a = {.side = -1, .bytes = -1, .on = 3}};
  if (trigger(l, r) != 0) {
    return -1;
  }
  if (l->at >= l->cnt) {
    return bad(l, "no action");
  }
  r->act = -1;
  for (int k = 0; k < VS_ACT_CNT; k++) {
    if (strcmp(action[k].name, l->word[l->at]) == 0) {
      r->act = k;
    }
  }
  if (r->act < 0) {
    return bad(l, "unknown action '%s'", l->word[l->at]);
  }
  if (!fits(r, action[r->act].where)) {
    return bad(l, "%s does not go with this trigger", action[r->act].name);
  }
  char name[sizeof f->label[0].name] = "";
  l->at++;
  if (arguments(l, r, name, sizeof name) != 0) {
    return -1;
  }
  if (name[0] == '\0') {
    default_name(r, name, sizeof name);
  }
  r->label = label_of(f, name);
  if (r->label < 0) {
    return bad(l, "more than %d names", VS_LABEL_CNT);
  }
  f->rule_cnt++;
  return 0;
}

/* Words of a line; "double quotes" hold blanks together; # begins a comment. -1: too many, or a quote is open. */
static int split(line *l, char *text) {
  char *out = text;
  char *s = text;
  l->cnt = 0;
  for (;;) {
    while (isspace((unsigned char)*s)) s++;
    if (*s == '\0' || *s == '#') {
      return 0;
    }
    if (l->cnt == WORD_CNT) {
      return bad(l, "more than %d words", WORD_CNT);
    }
    l->word[l->cnt++] = out;
    bool quoted = false;
    while (*s != '\0' && (quoted || !isspace((unsigned char)*s))) {
      if (*s == '"' && s > text && s[-1] != '\\') {
        quoted = !quoted;
        s++;
        continue;
      }
      if (*s == '\\' && s[1] == '"') s++;
      *out++ = *s++;
    }
    if (quoted) {
      return bad(l, "a quote is not closed");
    }
    bool end = *s == '\0';
    s += !end;
    *out++ = '\0';
    if (end) {
      return 0;
    }
  }
}

static vs_faults *faults_of(vs_venue *v) {
  if (v->fault == NULL) {
    v->fault = vs_alloc(1, sizeof *v->fault);
    vs_rng_seed(&v->fault->rng, v->opt.has_fault_seed ? v->opt.fault_seed : v->opt.seed);
  }
  return v->fault;
}

int vs_script_load(vs_venue *v, const char *path) {
  FILE *f = fopen(path, "re");
  if (f == NULL) {
    (void)fprintf(stderr, "venuesim: cannot read --script %s: %s\n", path, strerror(errno));
    return 3;
  }
  char text[LINE_BYTES];
  line l = {.file = path};
  int rc = 0;
  while (rc == 0 && fgets(text, sizeof text, f) != NULL) {
    l.no++;
    size_t n = strlen(text);
    if (n + 1 == sizeof text && text[n - 1] != '\n') {
      rc = bad(&l, "longer than %d bytes", LINE_BYTES - 2);
      break;
    }
    rc = split(&l, text);
    if (rc == 0 && l.cnt > 0) {
      rc = rule_of(faults_of(v), &l);
    }
  }
  (void)fclose(f);
  return rc == 0 ? 0 : 3;
}

/* ---- random mixes ---- */

static const struct {
  const char *name, *rule;
} mix_rule[] = {
    {"lost", "on ws.order %s%% treat reply=cut name=mix:lost"},
    {"none", "on order %s%% treat reply=none name=mix:none"},
    {"unknown", "on order %s%% treat reply=503 name=mix:unknown"},
    {"not-done", "on order %s%% treat do=no reply=503 name=mix:not-done"},
    {"late", "on order.place %s%% treat do=late:300ms reply=503 name=mix:late"},
    {"slow", "on any %s%% treat reply=late:200ms name=mix:slow"},
    {"fill", "on order.place %s%% treat do=fill reply=none name=mix:fill"},
    {"refuse", "on order.place %s%% refuse code=-2019 name=mix:refuse"},
    {"forget", "on order.place %s%% forget for=800ms name=mix:forget"},
    {"dup", "on user.any %s%% dup name=mix:dup"},
    {"delay", "on user.any %s%% delay for=150ms name=mix:delay"},
    {"swap", "on user.any %s%% swap name=mix:swap"},
    {"lose", "on fill %s%% lose name=mix:lose"},
    {"repeat", "every 2s %s%% repeat n=10 name=mix:repeat"},
    {"cut", "every 2s %s%% cut all how=reset name=mix:cut"},
    {"freeze", "every 3s %s%% freeze all for=1500ms name=mix:freeze"},
};

static int mix_one(vs_venue *v, const char *name, const char *percent) {
  char text[LINE_BYTES];
  line l = {.file = "--faults", .no = 1};
  for (size_t k = 0; k < sizeof mix_rule / sizeof mix_rule[0]; k++) {
    char *end;
    double p = strtod(percent, &end);
    if (strcmp(mix_rule[k].name, name) != 0) {
      continue;
    }
    if (*percent == '\0' || *end != '\0' || !(p > 0 && p <= 50)) {
      (void)fprintf(stderr, "venuesim: --faults: %s needs a percentage above 0 and at most 50\n", name);
      return 2;
    }
    const char *at = strstr(mix_rule[k].rule, "%s");
    (void)snprintf(text, sizeof text, "%.*s%s%%%s", (int)(at - mix_rule[k].rule), mix_rule[k].rule, percent, at + 4);
    return split(&l, text) == 0 && rule_of(faults_of(v), &l) == 0 ? 0 : 2;
  }
  (void)fprintf(stderr, "venuesim: --faults: unknown fault '%s'\n", name);
  return 2;
}

int vs_script_mix(vs_venue *v, const char *mix) {
  if (strcmp(mix, "light") == 0) {
    mix = "lost=0.3,none=0.3,unknown=0.3,late=0.3,slow=1,forget=0.5,dup=1,delay=1,repeat=10,cut=5";
  } else if (strcmp(mix, "heavy") == 0) {
    mix =
        "lost=1,none=1,unknown=1,not-done=1,late=1,slow=2,fill=1,refuse=1,forget=2,dup=3,delay=2,swap=2,lose=1,repeat=30,"
        "cut=15,freeze=10";
  }
  char text[512];
  if (!copy(text, sizeof text, mix)) {
    (void)fprintf(stderr, "venuesim: --faults: too long or empty\n");
    return 2;
  }
  char *save = NULL;
  for (char *one = strtok_r(text, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
    char *value = strchr(one, '=');
    if (value == NULL) {
      (void)fprintf(stderr, "venuesim: --faults: '%s' is no NAME=PERCENT\n", one);
      return 2;
    }
    *value++ = '\0';
    int rc = mix_one(v, one, value);
    if (rc != 0) {
      return rc;
    }
  }
  return 0;
}

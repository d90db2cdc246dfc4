/* fault.h - scripted and random faults: rules (trigger -> action), what they do to requests, events, sessions and the account.
 * What:    script.c reads rules out of text; fault.c keeps them, decides and counts; fault_act.c does what needs no request.
 *          Syntax and meaning of every trigger and action: docs/venuesim.md, "Faults".
 * Owner:   vs_venue.fault; NULL when neither --script nor --faults was given, and then nothing here costs anything.
 * Limits:  VS_RULE_CNT rules, VS_TREATED_CNT treated orders and VS_BAN_CNT bans in the report.
 * Errors:  a script that cannot be read is one line FILE:LINE: reason, and exit code 3. */
#ifndef VS_FAULT_H
#define VS_FAULT_H

#include "vs.h"

#define VS_RULE_CNT 512
#define VS_LABEL_CNT 256
#define VS_TREATED_CNT 4096
#define VS_BAN_CNT 32
#define VS_EXEC_KEPT 512
#define VS_BAN_GRACE_US 250000 /* what was under way when the first refusal left is no violation */

/* Triggers. */
enum vs_when { VS_WHEN_AT, VS_WHEN_EVERY, VS_WHEN_REQUEST, VS_WHEN_USER, VS_WHEN_OPEN, VS_WHEN_FILL };
enum { VS_WAY_WS = 1, VS_WAY_REST = 2 };
/* user stream events, a bit each */
enum vs_ukind {
  VS_U_LITE,
  VS_U_ACCOUNT,
  VS_U_CONFIG,
  VS_U_ALGO,
  VS_U_EXPIRED_KEY,
  VS_U_NEW,
  VS_U_TRADE,
  VS_U_CANCELED,
  VS_U_EXPIRED,
  VS_U_AMENDMENT,
  VS_U_CNT
};
/* sessions, a bit each */
enum { VS_S_PUBLIC = 1, VS_S_MARKET = 2, VS_S_USER = 4, VS_S_API = 8, VS_S_LEGACY = 16, VS_S_ALL = 31 };

enum vs_act {
  /* requests */
  VS_ACT_TREAT,
  VS_ACT_REFUSE,
  VS_ACT_FORGET,
  /* user stream events */
  VS_ACT_DROP,
  VS_ACT_DUP,
  VS_ACT_DELAY,
  VS_ACT_SWAP,
  VS_ACT_MANGLE,
  /* fills */
  VS_ACT_LOSE,
  /* everything else, at any trigger */
  VS_ACT_CUT,
  VS_ACT_FREEZE,
  VS_ACT_BAN,
  VS_ACT_REPEAT,
  VS_ACT_EVENT,
  VS_ACT_EXPIRE_KEY,
  VS_ACT_SKEW,
  VS_ACT_FILTER,
  VS_ACT_MODE,
  VS_ACT_TRANSFER,
  VS_ACT_FOREIGN_TRADE,
  VS_ACT_FOREIGN_ORDER,
  VS_ACT_CANCEL_OURS,
  VS_ACT_FILL_OURS,
  VS_ACT_CNT
};

enum vs_do { VS_DO_NOW, VS_DO_NO, VS_DO_LATE, VS_DO_FILL, VS_DO_CANCEL };
enum vs_how { VS_CUT_FIN, VS_CUT_RESET, VS_CUT_CLOSE };

typedef struct vs_args {
  int how_do, reply; /* vs_do, vs_reply */
  int64_t do_us, reply_us, for_us;
  int http, code, retry_s;
  int sessions, how, n, side, on;
  int64_t bytes, qty, amount, bps, tick, step, qty_min, notional_min, ms;
  bool half, lose, quiet, hedge, has_status, has_ms;
  char status[24], cid[VS_CID_BYTES], text[512];
} vs_args;

typedef struct vs_rule {
  int when, way, act, line;
  uint32_t mask; /* classes, user kinds or sessions */
  bool signed_only;
  int64_t at_us, first, last, step;
  double p; /* 1: certain */
  int64_t from_us, to_us;
  char if_cid[VS_CID_BYTES];
  int if_side; /* -1 any */
  vs_args a;
  int label;
  int64_t seen;
} vs_rule;

typedef struct vs_ban {
  int64_t start_us, until_us, told_us; /* monotonic; told: the first refusal left */
  int http, code, retry_s, on;
  int64_t refused[VS_CL_CNT], after_told[VS_CL_CNT];
} vs_ban;

typedef struct vs_job vs_job;

typedef struct vs_faults {
  vs_rule rule[VS_RULE_CNT];
  int rule_cnt;
  struct {
    char name[48];
    int64_t cnt;
  } label[VS_LABEL_CNT];
  int label_cnt;
  struct {
    char cid[VS_CID_BYTES];
    int label;
    int64_t t;
    bool done; /* it was carried out, by then or later */
    int code;  /* ... and refused with this, or 0 */
  } treated[VS_TREATED_CNT];
  int treated_cnt;
  vs_ban ban[VS_BAN_CNT];
  int ban_cnt;
  vs_rng rng;
  int64_t start_us;
  bool running;
  vs_job *jobs;
  char *exec[VS_EXEC_KEPT]; /* the last execution reports as sent */
  int64_t exec_cnt;
  char *swapped; /* held until the next event has gone */
  int swapped_kind;
  int64_t lag_until_us; /* a forgotten order holds the stream back */
  int lag_cnt;          /* events that wait for it */
  int64_t exec_sent, exec_dropped, exec_repeated, exec_delayed, event_sent, event_dropped;
} vs_faults;

/* ---- script.c ---- */
/* Reads the rules of a file into v->fault (made when NULL). 0, or 3 after its line. */
int vs_script_load(vs_venue *v, const char *path);
/* Rules for random faults out of "NAME=PERCENT,..." or "light" or "heavy". 0, or 2 after its line. */
int vs_script_mix(vs_venue *v, const char *mix);

/* ---- fault.c ---- */
void vs_faults_start(vs_venue *v);
void vs_faults_free(vs_venue *v);
/* A request that may be done: does it, does something else or prepares to do it later (r->later). Like a handler. */
int vs_fault_run(vs_req *r, vs_handler fn, int cls, bool is_signed);
/* A ban in force: fills the refusal and counts it. */
bool vs_fault_banned(vs_venue *v, int cls, bool ws, vs_reject *rej, int *retry_s);
/* A user stream event on its way; true when it was taken over (dropped, held, replaced). */
bool vs_fault_user(vs_venue *v, int event, const char *text, size_t len);
void vs_fault_user_after(vs_venue *v);
/* A WebSocket is up. */
void vs_fault_open(vs_venue *v, vs_sess *s);
/* A fill is about to be told; true: it is lost. */
bool vs_fault_fill(vs_venue *v);
/* The session's memory goes. */
void vs_fault_gone(vs_venue *v, vs_sess *s);
/* The rule's trigger came once more: does it fire? */
bool vs_fault_due(vs_faults *f, vs_rule *r);
/* Counts a fault by rule. */
void vs_fault_count(vs_venue *v, const vs_rule *rule);
/* A treated request (row >= 0) was carried out after all. */
void vs_fault_done(vs_venue *v, int row, int rc, const vs_reject *rej);
/* Parts of the report: keys in byte order, each with its comma behind. */
void vs_fault_json_bans(vs_venue *v, vs_buf *b);
void vs_fault_json_events(vs_venue *v, vs_buf *b);
void vs_fault_json_treated(vs_venue *v, vs_buf *b);

/* ---- fault_act.c ---- */
void vs_act_now(vs_venue *v, const vs_rule *rule);
/* Text to be done later: a user event (kind >= 0; lag: one that a forgotten order holds back). */
void vs_job_event(vs_venue *v, int kind, const char *text, size_t len, int64_t after_us, bool lag);
/* Immediate actions of a rule, at once or (where they run the matching engine) with the next turn of the loop. */
void vs_job_rule(vs_venue *v, vs_rule *rule, int64_t after_us);
void vs_jobs_free(vs_venue *v);
int vs_session_bit(const vs_sess *s);

#endif

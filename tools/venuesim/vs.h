/* vs.h - the simulated venue: types shared by its files, and what each file offers.
 * What:    one venue, one traded symbol, one account under test, many connections; everything hangs off vs_venue.
 * Owner:   main.c owns the vs_venue; pointers passed around are borrowed.
 * Threads: one (the libwebsockets service loop); nothing here is locked.
 * Limits:  the VS_*_CNT constants; reaching one is a refusal with a documented code or a counted drop.
 * Errors:  functions that can be refused fill a vs_reject {http, code, msg} and return -1; nothing changed then.
 * Money:   int64_t in units of 1e-8, products in 128 bits (num.h). Times: UTC milliseconds. */
#ifndef VS_H
#define VS_H

#include <jansson.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "book.h"
#include "buf.h"
#include "num.h"
#include "timer.h"

#define VS_ORDER_CNT 131072 /* orders remembered; the oldest closed ones are recycled */
#define VS_OPEN_CNT 200     /* MAX_NUM_ORDERS */
#define VS_ALGO_OPEN_CNT 200
#define VS_ALGO_CNT 8192
#define VS_FILL_CNT 131072
#define VS_INCOME_CNT 65536
#define VS_AMEND_CNT 16384
#define VS_TRADE_CNT 4096
#define VS_KLINE_CNT 1500
#define VS_KEY_CNT 16
#define VS_PARAM_CNT 64
#define VS_AMEND_MAX 10000
#define VS_CID_BYTES 40
#define VS_SUB_CNT 1024
#define VS_SESSION_CNT 256
#define VS_BACKLOG_BYTES (8u << 20) /* queued for one client; more drops the client */
#define VS_BODY_BYTES (64u << 10)
#define VS_MSG_BYTES (64u << 10)
#define VS_REPLY_BYTES (4u << 20)
#define VS_PING_MS 180000 /* server PING on every WebSocket */
#define VS_PONG_MS 600000 /* no PONG for this long: dropped */
#define VS_SESSION_MS 86400000LL
#define VS_RATE_MAKER 20000  /* 0.0002 in 1e-8 */
#define VS_RATE_TAKER 50000  /* 0.0005 */
#define VS_DEPTH_CLASS_CNT 4 /* diff depth periods */

enum vs_type { VS_LIMIT, VS_MARKET };
enum vs_tif { VS_GTC, VS_IOC, VS_FOK, VS_GTX, VS_GTD };
enum vs_stp { VS_STP_NONE, VS_STP_TAKER, VS_STP_MAKER, VS_STP_BOTH };
enum vs_status { VS_NEW, VS_PARTIAL, VS_FILLED, VS_CANCELED, VS_EXPIRED, VS_EXPIRED_IN_MATCH };
enum vs_price_match {
  VS_PM_NONE,
  VS_PM_OPP,
  VS_PM_OPP5,
  VS_PM_OPP10,
  VS_PM_OPP20,
  VS_PM_QUEUE,
  VS_PM_QUEUE5,
  VS_PM_QUEUE10,
  VS_PM_QUEUE20,
  VS_PM_CNT
};

typedef struct vs_symbol {
  const char *name;
  const char *lower;
  const char *base;
  int px_dec;
  int qty_dec;
  int64_t tick;
  int64_t step;
  int64_t px_min;
  int64_t px_max;
  int64_t qty_min;
  int64_t qty_max;
  int64_t market_qty_max;
  int64_t notional_min;
  int64_t start_px;
} vs_symbol;

typedef struct vs_reject {
  int http;
  int code;
  char msg[256];
} vs_reject;

typedef struct vs_order {
  int64_t id, px, qty, exec, quote; /* quote = sum px*qty of fills */
  int64_t t_create, t_update, gtd, modify_id;
  int64_t ahead, shrunk, shrunk_t; /* replay: recorded quantity in front; what depth took off it, and when */
  int32_t node, open_pos, hash_next;
  int32_t amend_cnt;
  int64_t hidden_until;                                      /* monotonic us: queries do not find it yet */
  int32_t dup_refused;                                       /* further orders of this client id that were refused */
  bool hidden_quiet;                                         /* its events wait as long */
  uint8_t side, type, tif, stp, status, price_match, expiry; /* expiry: the `er` digit */
  bool reduce_only, has_modify_id, close_position;
  char cid[VS_CID_BYTES];
} vs_order;

typedef struct vs_order_req {
  int side, type, tif, stp, price_match;
  bool reduce_only, close_position;
  int64_t px, qty, gtd;
  char cid[VS_CID_BYTES];
} vs_order_req;

typedef struct vs_fill {
  int64_t id, order_id, px, qty, quote, rp, commission, time;
  uint8_t side;
  bool maker;
} vs_fill;

enum vs_income_type { VS_INC_PNL, VS_INC_COMMISSION, VS_INC_FUNDING, VS_INC_TRANSFER };
typedef struct vs_income {
  int64_t id, amount, time, trade_id;
  int type;
} vs_income;

typedef struct vs_amend {
  int64_t id, order_id, time, px_was, px_now, qty_was, qty_now;
  int32_t nth;
  char cid[VS_CID_BYTES];
} vs_amend;

typedef struct vs_trade {
  int64_t id, px, qty, time;
  bool buyer_maker;
} vs_trade;

typedef struct vs_agg {
  int64_t id, px, qty, first, last, time;
  bool buyer_maker;
} vs_agg;

typedef struct vs_kline {
  int64_t open_t, o, h, l, c, vol, quote, buy_vol, buy_quote, first, last, cnt;
} vs_kline;

typedef struct vs_account {
  int64_t wallet, realised, commission, funding;
  int64_t pos_qty;  /* signed */
  int64_t pos_cost; /* sum px*qty of the open side */
  int64_t pos_fees; /* commissions of the open side, for the break-even price */
  int64_t pos_t;    /* last change of the position, 0: never */
  int64_t wallet_t; /* last change of the wallet; never 0: clients take 0 for "not initialised" */
  int leverage;
  bool isolated, multi_assets;
  int64_t fills, placed, amended, cancelled;
  struct {
    int code;
    int64_t cnt;
  } rejected[64];
  int rejected_cnt;
} vs_account;

enum vs_algo_status {
  VS_ALGO_NEW,
  VS_ALGO_TRIGGERING,
  VS_ALGO_TRIGGERED,
  VS_ALGO_FINISHED,
  VS_ALGO_CANCELED,
  VS_ALGO_REJECTED,
  VS_ALGO_EXPIRED
};
enum vs_algo_type { VS_ALGO_STOP, VS_ALGO_STOP_MARKET, VS_ALGO_TP, VS_ALGO_TP_MARKET };
typedef struct vs_algo {
  int64_t id, px, qty, trigger, t_create, t_update, t_trigger, gtd, order_id;
  int type, status, reject_code;
  bool mark_price, close_position, price_protect;
  vs_order_req req;
  char cid[VS_CID_BYTES];
} vs_algo;

typedef struct vs_key {
  char id[132];
  char secret[132];
  void *pub; /* EVP_PKEY, Ed25519 keys only */
} vs_key;

typedef struct vs_ratelimit {
  int64_t minute, ten_s, order_minute;
  int64_t weight, orders_10s, orders_1m;
  int64_t over; /* requests refused in this minute */
  int64_t banned_until;
} vs_ratelimit;

/* Request parameters, decoded; the same for REST and ws-api. */
typedef struct vs_params {
  struct {
    const char *name;
    const char *value;
  } p[VS_PARAM_CNT];
  int cnt;
  char *arena; /* names and values live here */
} vs_params;

enum vs_sec { VS_SEC_NONE, VS_SEC_KEY, VS_SEC_SIGNED };

/* Endpoint classes: what a script's triggers and the report's counters name (vs_class_name). */
enum vs_class {
  VS_CL_PLACE,
  VS_CL_MODIFY,
  VS_CL_CANCEL,
  VS_CL_STATUS,
  VS_CL_LIST,
  VS_CL_ACCOUNT,
  VS_CL_TRADES,
  VS_CL_COUNTDOWN,
  VS_CL_LISTENKEY,
  VS_CL_TIME,
  VS_CL_INFO,
  VS_CL_DEPTH,
  VS_CL_MARKET,
  VS_CL_SESSION,
  VS_CL_CONNECT,
  VS_CL_OTHER,
  VS_CL_CNT
};
extern const char *const vs_class_name[VS_CL_CNT];

/* What a faulty answer looks like. */
enum vs_reply { VS_REPLY_YES, VS_REPLY_NONE, VS_REPLY_CUT, VS_REPLY_LATE, VS_REPLY_ERROR };

/* One request on its way through a handler. */
typedef struct vs_req {
  struct vs_venue *v;
  const vs_params *in;
  vs_buf *out;
  vs_reject rej;
  bool ws_api;
  bool order_counted; /* charged to the order limits */
  int64_t now;
  /* faults (fault.c) */
  int reply;        /* vs_reply */
  int64_t reply_us; /* VS_REPLY_LATE: after this */
  int retry_s;      /* Retry-After, 0 none */
  int treated;      /* row of the report, -1 none */
  int64_t later_us; /* `later` is to run after this */
  int (*later)(struct vs_req *r);
} vs_req;

typedef int (*vs_handler)(vs_req *r); /* 0: r->out holds the body; -1: r->rej */

/* An HTTP answer that waits. */
typedef struct vs_held {
  int status;
  vs_buf extra, body;
} vs_held;

enum vs_route { VS_ROUTE_LEGACY, VS_ROUTE_PUBLIC, VS_ROUTE_MARKET, VS_ROUTE_PRIVATE };
enum vs_sess_kind { VS_SESS_HTTP, VS_SESS_STREAM, VS_SESS_API };

/* Streams with a feed behind them; a bit each in vs_sess.mask. */
enum vs_stream {
  VS_ST_DEPTH0,
  VS_ST_DEPTH100,
  VS_ST_DEPTH250,
  VS_ST_DEPTH500,
  VS_ST_PART, /* 9 in a row: (5,10,20) x (100,250,500) */
  VS_ST_BOOK = VS_ST_PART + 9,
  VS_ST_BOOK_ALL,
  VS_ST_AGG,
  VS_ST_MARK3,
  VS_ST_MARK1,
  VS_ST_MARK3_ALL,
  VS_ST_MARK1_ALL,
  VS_ST_KLINE,
  VS_ST_TICKER,
  VS_ST_CNT
};

typedef struct vs_msg {
  struct vs_msg *next;
  size_t len;
  unsigned char data[]; /* LWS_PRE bytes, then the text */
} vs_msg;

typedef struct vs_sess {
  struct vs_sess *prev, *next;
  struct lws *wsi;
  struct vs_venue *v;
  int kind, route;
  /* WebSocket sessions */
  bool combined, listed, dead, want_ping;
  uint64_t mask;
  char (*sub)[64];
  int sub_cnt;
  bool user;            /* gets user events */
  uint32_t user_events; /* bit per vs_user_event */
  char listen_key[68];
  vs_msg *head, *tail;
  size_t queued;
  vs_buf rx;
  int64_t t_open, t_ping, t_pong, t_up, rx_second; /* ping, pong, up: monotonic ms */
  int rx_cnt;
  uint16_t close_code;
  /* ws-api */
  int key; /* index of the logged-on key, or -1 */
  int64_t t_logon;
  bool limits_on;
  /* HTTP */
  vs_buf body;
  char method[8];
  char api_key[132];
  char *target; /* path?query as transmitted */
  size_t body_len;
  bool pending, too_big, has_length;
  vs_held *held;   /* an answer that is to go out with the next writable */
  bool held_cut;   /* the connection is reset instead of answered */
  bool held_close; /* closed after the answer */
  /* faults */
  bool frozen, lose;
  uint32_t serial; /* tells apart sessions at one address */
} vs_sess;

enum vs_user_event { VS_UE_TRADE_LITE, VS_UE_ORDER, VS_UE_ACCOUNT, VS_UE_CONFIG, VS_UE_ALGO, VS_UE_EXPIRED, VS_UE_CNT };

typedef struct vs_depth_class {
  int period_ms;
  bool active;
  int64_t first_u, prev_u;
  int32_t *dirty; /* lvl*2+side */
  int32_t dirty_cnt;
  vs_timer timer;
  struct vs_venue *v;
  int nth;
} vs_depth_class;

typedef struct vs_feed {
  int64_t uid;            /* last update id of the book */
  uint8_t *dirty_bits[2]; /* bit per class */
  vs_depth_class cls[VS_DEPTH_CLASS_CNT];
  int32_t top_lvl[2];
  int64_t top_qty[2]; /* top as last published by bookTicker */
  int64_t ticker_u;   /* replay: update id of the last bookTicker */
  int64_t ticker_px[2], ticker_qty[2];
  vs_trade trade[VS_TRADE_CNT];
  int64_t trade_cnt;
  vs_agg agg[VS_TRADE_CNT];
  int64_t agg_cnt;
  vs_agg open_agg;
  vs_kline kline[VS_KLINE_CNT];
  int64_t kline_cnt;
  bool kline_dirty;
  int64_t trade_id, agg_id;
  int64_t last_px, mark, index, rate;
  int64_t mark_avg; /* the moving average in markPriceUpdate */
  int64_t ref_px;   /* first trade, for 24 h statistics */
  int64_t t_book;   /* time of the last book change */
  bool has_recorded_mark;
  bool quiet; /* end of the recording: no new events */
  vs_rng rng;
  vs_buf out, wrap;
  vs_timer slow, sec;
  int64_t sec_cnt;
} vs_feed;

typedef struct vs_defer {
  size_t at, len;
  int kind;
} vs_defer;

typedef struct vs_opts {
  const char *listen, *cert, *key, *keys, *ready, *report, *symbol, *script, *faults;
  bool has_fault_seed;
  uint64_t fault_seed;
  int port;
  bool synthetic, die_with_parent, quiet;
  uint64_t seed;
  const char **replay;
  int replay_cnt;
  double speed;
  int64_t balance, seconds, funding_s, listen_key_s;
  int64_t limits; /* the rate limits are so many times the venue's */
} vs_opts;

/* Filters in force; the symbol's own until a script changes them. */
typedef struct vs_rules {
  int64_t tick, step, qty_min, notional_min;
  char status[24];
} vs_rules;

typedef struct vs_venue {
  vs_opts opt;
  const vs_symbol *sym;
  vs_rules rules;
  struct vs_faults *fault;
  bool hedge;         /* position mode, as a script left it */
  int64_t hide_until; /* given to the order that is being made */
  bool hide_quiet;
  uint32_t sess_serial;
  int64_t requests_by_class[VS_CL_CNT];
  vs_book book;
  vs_feed feed;
  vs_account acct;
  vs_order *order;
  int32_t order_seq; /* next slot, wraps */
  int64_t order_id;
  int64_t order_cnt;
  int32_t cid_hash[65536];
  int32_t open[VS_OPEN_CNT + 8];
  int open_cnt;
  vs_fill *fill;
  int64_t fill_cnt;
  vs_income *income;
  int64_t income_cnt;
  vs_amend *amend;
  int64_t amend_cnt;
  vs_algo *algo;
  int64_t algo_cnt, algo_id;
  int algo_open;
  int32_t algo_live[VS_ALGO_OPEN_CNT]; /* indices of the open ones */
  vs_key keyring[VS_KEY_CNT];
  int key_cnt;
  vs_ratelimit rl;
  char listen_key[68];
  int64_t listen_key_until; /* monotonic ms; 0: none */
  int64_t listen_key_kept;  /* made or kept alive */
  int64_t transferred;
  int64_t countdown_at; /* 0: disarmed */
  vs_timer countdown;
  int64_t next_funding;
  vs_timer funding_timer;
  vs_buf defer_text;
  vs_defer defer[4096];
  int defer_cnt;
  vs_buf scratch, reply;
  struct vs_synth *synth;
  struct vs_replay *replay;
  struct lws_context *lws;
  struct lws_vhost *vhost;
  vs_sess *sessions;
  int session_cnt;
  int64_t requests, auth_failures, ws_sessions, frames_sent, clients_dropped;
  size_t backlog_max;
  volatile int *stop;
} vs_venue;

/* ---- small things (symbols.c, params.c) ---- */
int64_t vs_now_ms(void); /* the venue's clock: with its skew */
int64_t vs_now_us(void);
extern int64_t vs_skew_us;
extern const vs_symbol vs_symbols[];
extern const int vs_symbol_cnt;
const vs_symbol *vs_symbol_find(const char *name);
void vs_exchange_info(vs_venue *v, vs_buf *out);
extern const char *const vs_side_name[];
extern const char *const vs_type_name[];
extern const char *const vs_tif_name[];
extern const char *const vs_stp_name[];
extern const char *const vs_status_name[];
extern const char *const vs_price_match_name[];
int vs_name_idx(const char *const *names, int cnt, const char *s); /* index or -1 */

static inline int64_t vs_px_of(const vs_venue *v, int32_t lvl) {
  return (int64_t)lvl * v->sym->tick;
}

__attribute__((format(printf, 4, 5))) int vs_refuse(vs_reject *rej, int http, int code, const char *fmt, ...);

/* Splits "a=b&c=d" (query, then body; the first wins across the two, a repeat inside one is refused). */
int vs_params_parse(vs_params *p, const char *query, const char *body, size_t body_len, vs_reject *rej);
/* Parameters out of a JSON object (NULL: none): integers and strings as they are, booleans as true/false. */
int vs_params_from_json(vs_params *p, json_t *obj, vs_reject *rej);
void vs_params_free(vs_params *p);
const char *vs_param(const vs_params *p, const char *name); /* NULL when absent */
int vs_param_need(vs_req *r, const char *name, const char **out);
int vs_param_i64(vs_req *r, const char *name, int64_t dflt, int64_t min, int64_t max, int64_t *out);
int vs_param_bool(vs_req *r, const char *name, bool dflt, bool *out);
int vs_param_symbol(vs_req *r, bool needed, const vs_symbol **out);

/* ---- auth.c ---- */
int vs_keys_load(vs_venue *v, const char *path, char *err, size_t err_len);
void vs_keys_free(vs_venue *v);
int vs_key_find(const vs_venue *v, const char *id); /* index or -1 */
/* Verifies sig over the payload with that key. */
bool vs_sig_ok(const vs_key *k, const char *payload, size_t len, const char *sig);
/* Key and signature of a request. payload: what was signed. Returns 0 or fills rej (and counts an auth failure). */
int vs_auth_key(vs_venue *v, const char *id, int *key, vs_reject *rej);
int vs_auth_time(vs_req *r);

/* ---- ratelimit.c ---- */
int vs_rl_weight(vs_venue *v, int weight, int64_t now, vs_reject *rej);
int vs_rl_orders(vs_venue *v, int per_10s, int per_1m, int64_t now, vs_reject *rej);
void vs_rl_roll(vs_venue *v, int64_t now);
void vs_rl_json(vs_venue *v, int64_t now, bool orders_only, vs_buf *out);

/* ---- account.c ---- */
/* Books a fill: realised, commission, wallet, position. */
void vs_acct_fill(vs_venue *v, int side, int64_t px, int64_t qty, bool maker, int64_t *rp, int64_t *commission);
void vs_acct_fund(vs_venue *v);
int64_t vs_acct_entry(const vs_venue *v);
int64_t vs_acct_breakeven(const vs_venue *v);
int64_t vs_acct_upnl(const vs_venue *v);
/* Initial margin with an extra order (side < 0: none). */
int64_t vs_acct_margin(const vs_venue *v, int side, int64_t notional);
int64_t vs_acct_open_notional(const vs_venue *v, int side);
int64_t vs_acct_max_notional(int leverage);
void vs_acct_income(vs_venue *v, int type, int64_t amount, int64_t trade_id);
void vs_acct_reject(vs_venue *v, int code);
int vs_report_write(vs_venue *v, const char *path);
void vs_class_counts_json(const vs_venue *v, vs_buf *b);

/* ---- orders.c ---- */
void vs_orders_init(vs_venue *v);
int32_t vs_order_new(vs_venue *v, const vs_order_req *req);
int32_t vs_order_by_cid(const vs_venue *v, const char *cid, bool open_only);
int32_t vs_order_by_id(const vs_venue *v, int64_t id);
int vs_order_times(const vs_venue *v, const char *cid); /* orders that had this client id */
int vs_order_nth(const vs_venue *v, int32_t slot);      /* 1: the first with its client id */
bool vs_order_hidden(const vs_order *o);
bool vs_order_is_open(const vs_order *o);
void vs_order_open(vs_venue *v, int32_t slot);
void vs_order_close(vs_venue *v, int32_t slot, int status);
enum vs_view { VS_VIEW_ACK, VS_VIEW_ACK_NEW, VS_VIEW_MODIFY, VS_VIEW_FULL };
void vs_order_json(const vs_venue *v, const vs_order *o, enum vs_view view, vs_buf *out);
int vs_order_req_read(vs_req *r, vs_order_req *req, bool *result_view);
/* A positive decimal parameter within `precision` decimals; absent and not needed: 0. */
int vs_read_dec(vs_req *r, const char *name, bool needed, int precision, int64_t *out);
int vs_order_find(vs_req *r, int not_found_code, bool open_only, int32_t *slot);

/* ---- match.c ---- */
int vs_place(vs_venue *v, vs_order_req *req, bool test_only, vs_reject *rej, int32_t *slot);
int vs_amend_order(vs_venue *v, int32_t slot, int64_t px, int64_t qty, int price_match, const int64_t *modify_id,
                   vs_reject *rej);
int64_t vs_closable(const vs_venue *v, int side); /* what a reduce-only order of that side can close */
/* Somebody takes all of one of our resting orders, wherever it stands in its queue. False: it rests no more. */
bool vs_force_fill(vs_venue *v, int32_t slot);
void vs_cancel(vs_venue *v, int32_t slot, int status, int expiry);
int vs_cancel_all(vs_venue *v);
/* An order of somebody else takes liquidity (synthetic). Returns the quantity filled. */
int64_t vs_take_other(vs_venue *v, int side, int32_t limit_lvl, int64_t qty);
/* One fill of one of our orders; emits its events. */
void vs_fill_order(vs_venue *v, int32_t slot, int64_t px, int64_t qty, bool maker, int64_t trade_id);
void vs_txn_end(vs_venue *v);                   /* sends deferred events, publishes the top and trades */
void vs_match_second(vs_venue *v, int64_t now); /* GTD */
void vs_countdown_arm(vs_venue *v, int64_t ms);

/* ---- algo.c ---- */
int vs_algo_place(vs_req *r);
int vs_algo_cancel(vs_req *r);
int vs_algo_cancel_all(vs_req *r);
int vs_algo_get(vs_req *r);
int vs_algo_open(vs_req *r);
int vs_algo_all(vs_req *r);
void vs_algo_check(vs_venue *v, bool mark);

/* ---- user.c: user data stream ---- */
void vs_user_order(vs_venue *v, const vs_order *o, const char *exec_type, const vs_fill *f);
void vs_user_trade_lite(vs_venue *v, const vs_order *o, const vs_fill *f);
void vs_user_account(vs_venue *v, bool funding);
void vs_user_config(vs_venue *v, bool multi);
void vs_user_algo(vs_venue *v, const vs_algo *a);
void vs_user_flush(vs_venue *v);
void vs_user_transfer(vs_venue *v, int64_t amount);
void vs_listen_key_expire(vs_venue *v, bool tell);
int vs_listen_key_start(vs_req *r);
int vs_listen_key_ping(vs_req *r);
int vs_listen_key_stop(vs_req *r);
void vs_listen_key_second(vs_venue *v, int64_t now);

/* ---- feed.c ---- */
void vs_feed_init(vs_venue *v, uint64_t seed);
void vs_feed_start(vs_venue *v);
void vs_feed_free(vs_venue *v);
void vs_feed_level(void *ctx, int side, int32_t lvl); /* book hook */
void vs_feed_trade(vs_venue *v, int64_t px, int64_t qty, bool buyer_maker, int64_t time, int64_t id);
void vs_feed_end(vs_venue *v); /* end of one change: bookTicker, aggTrade */
void vs_feed_flush_agg(vs_venue *v);
void vs_feed_classes(vs_venue *v); /* after a subscription changed */
/* px and qty: bid, ask */
void vs_feed_book_ticker(vs_venue *v, int64_t u, int64_t t, const int64_t px[2], const int64_t qty[2]);
void vs_feed_depth_event(vs_venue *v, int64_t u_first, int64_t u_last, int64_t u_prev, int64_t t, const vs_buf *bids,
                         const vs_buf *asks);
void vs_feed_mark(vs_venue *v); /* publishes the mark price */
void vs_ticker24_json(vs_venue *v, bool stream, vs_buf *b);
int64_t vs_feed_mid(const vs_venue *v);
void vs_feed_top(const vs_venue *v, int side, int64_t *px, int64_t *qty); /* newest touch, 0 when none */
void vs_depth_levels(const vs_venue *v, int side, int cnt, vs_buf *out);

/* ---- flows ---- */
void vs_synth_open(vs_venue *v); /* builds the first book */
void vs_synth_start(vs_venue *v);
void vs_synth_free(vs_venue *v);
int vs_replay_open(vs_venue *v); /* 0 or exit code, with its line printed */
void vs_replay_start(vs_venue *v);
void vs_replay_free(vs_venue *v);
int vs_replay_take(vs_venue *v, int32_t slot); /* our taker against the recorded book; -1: ended by self-trade prevention */
void vs_replay_rest(vs_venue *v, int32_t slot);

/* ---- ws.c: sessions and queues ---- */
void vs_publish(vs_venue *v, int stream, const char *text, size_t len);
void vs_publish_user(vs_venue *v, int event, const char *text, size_t len);
int vs_user_raw(vs_venue *v, int event, const char *text, size_t len); /* past the faults; returns sessions reached */
/* Ends a session now: how is a vs_how of fault.h. */
void vs_sess_cut(vs_sess *s, int how);
void vs_sess_thaw(vs_sess *s);
void vs_send(vs_sess *s, const char *text, size_t len);
int vs_stream_open(vs_sess *s); /* from its target; 0, or -1 for a path that is not a stream */
void vs_stream_text(vs_sess *s, const char *text, size_t len);
void vs_sess_list(vs_sess *s);
void vs_sess_unlist(vs_sess *s);
int vs_sess_writable(vs_sess *s);
bool vs_any_sub(const vs_venue *v, uint64_t mask);
void vs_sess_second(vs_venue *v, int64_t now);
const char *vs_stream_name(const vs_venue *v, int stream);

/* ---- wsapi.c ---- */
void vs_api_text(vs_sess *s, const char *text, size_t len);
/* One answer's text into v->reply. id: JSON text. */
void vs_api_answer(vs_venue *v, const vs_req *r, int rc, const char *id, bool limits);

/* ---- fault_act.c: what waits ---- */
/* Runs r->later with its parameters (taken over) after r->later_us; s != NULL: and answers there. */
void vs_job_run(vs_venue *v, vs_req *r, vs_params *params, vs_sess *s, const char *id, bool limits);
/* Sends v->reply to s after r->reply_us. */
void vs_job_reply(vs_venue *v, const vs_req *r, vs_sess *s, int status, const vs_buf *extra);

/* ---- rest*.c ---- */
/* Answers one HTTP request into v->reply; returns the status, extra headers in hdr. */
int vs_rest(vs_venue *v, vs_sess *s, vs_buf *hdr); /* or VS_HTTP_HOLD, VS_HTTP_CUT */
enum { VS_HTTP_HOLD = -1, VS_HTTP_CUT = -2 };
/* The answer of a handler into v->reply and hdr; returns the status. */
int vs_rest_answer(vs_venue *v, vs_req *r, int rc, vs_buf *hdr);
int vs_h_depth(vs_req *r);
int vs_h_price(vs_req *r);
int vs_h_book_ticker(vs_req *r);
int vs_h_order_place(vs_req *r);
int vs_h_order_modify(vs_req *r);
int vs_h_order_cancel(vs_req *r);
int vs_h_order_get(vs_req *r);
int vs_h_balance(vs_req *r);
int vs_h_account(vs_req *r);
int vs_h_account_v2(vs_req *r);
int vs_h_positions(vs_req *r);
int vs_h_positions_v2(vs_req *r);
int vs_h_order_test(vs_req *r);
int vs_h_batch_place(vs_req *r);
int vs_h_batch_modify(vs_req *r);
int vs_h_batch_cancel(vs_req *r);
int vs_h_cancel_all(vs_req *r);
int vs_h_countdown(vs_req *r);
int vs_h_open_order(vs_req *r);
int vs_h_open_orders(vs_req *r);
int vs_h_all_orders(vs_req *r);
int vs_h_amendments(vs_req *r);
int vs_h_user_trades(vs_req *r);
int vs_h_trades(vs_req *r);
int vs_h_agg_trades(vs_req *r);
int vs_h_klines(vs_req *r);
int vs_h_premium_index(vs_req *r);
int vs_h_funding_rate(vs_req *r);
int vs_h_funding_info(vs_req *r);
int vs_h_ticker24(vs_req *r);
int vs_h_open_interest(vs_req *r);
int vs_h_account_config(vs_req *r);
int vs_h_symbol_config(vs_req *r);
int vs_h_brackets(vs_req *r);
int vs_h_commission_rate(vs_req *r);
int vs_h_income(vs_req *r);
int vs_h_dual_get(vs_req *r);
int vs_h_dual_set(vs_req *r);
int vs_h_multi_get(vs_req *r);
int vs_h_multi_set(vs_req *r);
int vs_h_leverage(vs_req *r);
int vs_h_margin_type(vs_req *r);
int vs_h_adl(vs_req *r);
int vs_h_empty_list(vs_req *r);
int vs_depth_weight(const vs_params *p);

/* ---- rawtap.c: the request bytes as transmitted ---- */
int vs_rawtap_init(void);
const char *vs_rawtap_get(struct lws *wsi, size_t *len); /* NULL when nothing was captured */
void vs_rawtap_eat(struct lws *wsi, size_t len);
void vs_rawtap_off(struct lws *wsi);
/* After `bytes` more bytes of plaintext the connection ends, in the middle of what is being sent. */
void vs_rawtap_budget(struct lws *wsi, int64_t bytes, bool reset);
void vs_rawtap_cut(struct lws *wsi, bool reset); /* no close_notify; FIN or RST */

/* ---- server.c ---- */
int vs_server_start(vs_venue *v); /* 0 or exit code, with its line printed */
void vs_server_run(vs_venue *v);
void vs_server_stop(vs_venue *v);

#endif

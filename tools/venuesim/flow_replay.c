/* flow_replay.c - recorded flow: frames of a recording drive the public streams; our orders rest behind the recorded queue.
 * What:   `<receive time> <JSON>` lines (gz or plain). The flow starts at the first depth event that splices with the recorded
 *         snapshot; ids are kept, times are now. Our orders are not in the public book and leave no mark on it.
 * Queue:  ahead = recorded quantity at our price when we arrive; recorded trades at the price eat it, and so does the level
 *         when it falls below it. A trade whose effect the depth has shown already (its T is not later) is not counted twice.
 * Limits: LINE_BYTES a line, EARLY_BYTES of lines before the snapshot.
 * Errors: vs_replay_open prints one line and returns 66; a bad line later is counted, reported once at the end and skipped. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "vs.h"

#define LINE_BYTES (4u << 20)
#define EARLY_BYTES (64u << 20)
#define EXIT_NOINPUT 66
#define BATCH_LINES 2000

typedef struct early {
  struct early *next;
  char text[];
} early;

struct vs_replay {
  vs_venue *v;
  gzFile gz;
  int file; /* index of the open file */
  char *line;
  early *first, *last; /* read ahead while looking for the snapshot */
  char *due;           /* the next line to play, NULL at the end */
  int64_t due_us, rec0_us, wall0_us;
  int64_t trade_t, trade_time;
  int64_t bad_lines;
  vs_buf bids, asks;
  vs_timer timer;
};

/* ---- reading ---- */

/* The next line (in r->line), moving on to the next file; NULL at the end of the last. */
static char *read_line(struct vs_replay *r) {
  const vs_opts *o = &r->v->opt;
  for (;;) {
    if (r->gz == NULL) {
      if (r->file >= o->replay_cnt) {
        return NULL;
      }
      r->gz = gzopen(o->replay[r->file], "rb");
      if (r->gz == NULL) {
        (void)fprintf(stderr, "venuesim: cannot open the recording %s: %s\n", o->replay[r->file], strerror(errno));
        r->file = o->replay_cnt;
        return NULL;
      }
      (void)gzbuffer(r->gz, 256u << 10);
    }
    if (gzgets(r->gz, r->line, (int)LINE_BYTES) != NULL) {
      return r->line;
    }
    int err = 0;
    const char *text = gzerror(r->gz, &err);
    if (err != Z_OK && err != Z_STREAM_END) {
      (void)fprintf(stderr, "venuesim: the recording %s is damaged: %s\n", o->replay[r->file], text);
    }
    (void)gzclose(r->gz);
    r->gz = NULL;
    r->file++;
  }
}

/* Splits "<time> <json>"; times above 1e17 are nanoseconds. Returns the JSON text or NULL. */
static const char *split_line(const char *line, int64_t *us) {
  char *end;
  long long t = strtoll(line, &end, 10);
  if (end == line || *end != ' ' || t <= 0) {
    return NULL;
  }
  *us = t > 100000000000000000LL ? t / 1000 : t;
  return end + 1;
}

static json_t *frame_of(const char *text, json_t **data) {
  json_error_t err;
  json_t *root = json_loads(text, 0, &err);
  json_t *inner = json_object_get(root, "data");
  *data = inner != NULL ? inner : root;
  if (!json_is_object(*data)) {
    json_decref(root);
    return NULL;
  }
  return root;
}

static int64_t int_of(const json_t *o, const char *name) {
  return json_integer_value(json_object_get(o, name));
}

static bool dec_of(const json_t *o, int64_t *out) {
  const char *text = json_string_value(o);
  return text != NULL && vs_dec_parse(text, out, NULL) == 0;
}

static bool field_dec(const json_t *o, const char *name, int64_t *out) {
  return dec_of(json_object_get(o, name), out);
}

/* ---- our orders against the recorded flow ---- */

static int64_t level_ahead(const vs_venue *v, int side, int64_t px) {
  int64_t top;
  int64_t qty;
  vs_feed_top(v, side, &top, &qty);
  if (top == 0 || (side == VS_BUY ? px > top : px < top)) {
    return 0;
  }
  return px == top ? qty : vs_book_qty(&v->book, side, (int32_t)(px / v->sym->tick));
}

void vs_replay_rest(vs_venue *v, int32_t slot) {
  vs_order *o = &v->order[slot];
  o->ahead = level_ahead(v, o->side, o->px);
  o->shrunk = 0;
  o->shrunk_t = 0;
}

static void fill(vs_venue *v, int32_t slot, int64_t px, int64_t qty, bool maker) {
  const vs_order *o = &v->order[slot];
  int64_t take = qty;
  if (o->reduce_only && vs_closable(v, o->side) < take) {
    take = vs_closable(v, o->side);
  }
  if (take == 0) {
    vs_cancel(v, slot, VS_EXPIRED, 4);
    return;
  }
  vs_fill_order(v, slot, px, take, maker, ++v->feed.trade_id);
}

/* Our open orders of a side, best price first, older first. */
static int by_priority(const vs_venue *v, int side, int32_t *out) {
  int cnt = 0;
  for (int k = 0; k < v->open_cnt; k++) {
    const vs_order *o = &v->order[v->open[k]];
    if (o->side != side) {
      continue;
    }
    int at = cnt++;
    while (at > 0) {
      int64_t px = v->order[out[at - 1]].px;
      if (side == VS_BUY ? px >= o->px : px <= o->px) {
        break;
      }
      out[at] = out[at - 1];
      at--;
    }
    out[at] = v->open[k];
  }
  return cnt;
}

/* What a recorded trade of q leaves for an order at the trade's own price, after the queue in front of it. */
static int64_t past_queue(vs_order *o, int64_t q, int64_t t) {
  if (t <= o->shrunk_t && o->shrunk > 0) { /* the depth has shown this trade already */
    int64_t known = q < o->shrunk ? q : o->shrunk;
    o->shrunk -= known;
    q -= known;
  }
  int64_t eaten = q < o->ahead ? q : o->ahead;
  o->ahead -= eaten;
  return q - eaten;
}

static void hit_by_trade(vs_venue *v, int side, int64_t px, int64_t qty, int64_t t) {
  int32_t slot[VS_OPEN_CNT + 8];
  int cnt = by_priority(v, side, slot);
  int64_t left = qty;
  for (int k = 0; k < cnt && left > 0; k++) {
    vs_order *o = &v->order[slot[k]];
    bool through = side == VS_BUY ? px < o->px : px > o->px;
    if (!vs_order_is_open(o)) {
      continue;
    }
    if (!through && px != o->px) {
      break;
    }
    int64_t q = through ? left : past_queue(o, left, t);
    int64_t want = o->qty - o->exec;
    if (q > 0) {
      q = q < want ? q : want;
      fill(v, slot[k], o->px, q, true);
      left -= q;
    }
  }
}

/* After a book change: the queue ahead cannot exceed the level; a recorded opposite order at or through our price hits us. */
static void follow_book(vs_venue *v, int64_t t, bool depth) {
  for (int k = 0; depth && k < v->open_cnt; k++) {
    vs_order *o = &v->order[v->open[k]];
    int64_t now = level_ahead(v, o->side, o->px);
    if (o->ahead > now) {
      o->shrunk += o->ahead - now;
      o->shrunk_t = t;
      o->ahead = now;
    }
  }
  for (int side = 0; side < 2; side++) {
    int32_t slot[VS_OPEN_CNT + 8];
    int64_t touch;
    int64_t qty;
    vs_feed_top(v, 1 - side, &touch, &qty);
    int cnt = touch != 0 ? by_priority(v, side, slot) : 0;
    for (int k = 0; k < cnt && qty > 0; k++) {
      const vs_order *o = &v->order[slot[k]];
      if (side == VS_BUY ? touch > o->px : touch < o->px) {
        break;
      }
      int64_t want = o->qty - o->exec;
      int64_t q = qty < want ? qty : want;
      fill(v, slot[k], o->px, q, true);
      qty -= q;
    }
  }
}

/* Our best resting order opposite to a taker, or VS_NONE. */
static int32_t own_opposite(const vs_venue *v, int side) {
  int32_t slot[VS_OPEN_CNT + 8];
  return by_priority(v, 1 - side, slot) > 0 ? slot[0] : VS_NONE;
}

static bool within(const vs_order *o, int64_t px) {
  return px != 0 && (o->type == VS_MARKET || (o->side == VS_BUY ? px <= o->px : px >= o->px));
}

/* Self-trade: returns false when the taker is to stop. */
static bool meet_own(vs_venue *v, int32_t taker, int32_t maker) {
  const vs_order *o = &v->order[taker];
  const vs_order *m = &v->order[maker];
  if (o->stp == VS_STP_NONE) {
    int64_t a = o->qty - o->exec;
    int64_t b = m->qty - m->exec;
    int64_t px = m->px;
    fill(v, maker, px, a < b ? a : b, true);
    fill(v, taker, px, a < b ? a : b, false);
    return true;
  }
  if (o->stp != VS_STP_TAKER) {
    vs_cancel(v, maker, VS_EXPIRED_IN_MATCH, 1);
  }
  return o->stp == VS_STP_MAKER;
}

/* Runs our order against the recorded book. Returns -1 when self-trade prevention ends it, else 0. */
int vs_replay_take(vs_venue *v, int32_t slot) {
  const vs_order *o = &v->order[slot];
  int opp = 1 - o->side;
  int64_t px;
  int64_t qty;
  vs_feed_top(v, opp, &px, &qty);
  while (vs_order_is_open(o)) {
    int32_t own = own_opposite(v, o->side);
    int64_t own_px = own != VS_NONE ? v->order[own].px : 0;
    bool own_first = own_px != 0 && (px == 0 || (o->side == VS_BUY ? own_px < px : own_px > px));
    if (own_first && within(o, own_px)) {
      if (!meet_own(v, slot, own)) {
        return -1;
      }
      continue;
    }
    if (!within(o, px)) {
      break;
    }
    int64_t want = o->qty - o->exec;
    fill(v, slot, px, qty < want ? qty : want, false);
    int32_t l = vs_book_next(&v->book, opp, (int32_t)(px / v->sym->tick));
    px = l == VS_NONE ? 0 : vs_px_of(v, l);
    qty = l == VS_NONE ? 0 : vs_book_qty(&v->book, opp, l);
  }
  return 0;
}

/* ---- frames ---- */

static bool apply_levels(struct vs_replay *r, const json_t *rows, int side, vs_buf *render) {
  vs_venue *v = r->v;
  size_t cnt = json_array_size(rows);
  for (size_t k = 0; k < cnt; k++) {
    const json_t *row = json_array_get(rows, k);
    int64_t px;
    int64_t qty;
    if (!dec_of(json_array_get(row, 0), &px) || !dec_of(json_array_get(row, 1), &qty) || qty < 0) {
      return false;
    }
    if (px % v->sym->tick != 0) return false;
    if (px / v->sym->tick >= VS_LEVEL_CNT) {
      continue; /* beyond any sane price; counted nowhere because nothing can trade there */
    }
    vs_book_set(&v->book, side, (int32_t)(px / v->sym->tick), qty);
    if (render != NULL) {
      vs_buf_s(render, k > 0 ? ",[\"" : "[\"");
      vs_buf_dec(render, px, v->sym->px_dec);
      vs_buf_s(render, "\",\"");
      vs_buf_dec(render, qty, v->sym->qty_dec);
      vs_buf_s(render, "\"]");
    }
  }
  return true;
}

static bool on_depth(struct vs_replay *r, const json_t *d) {
  vs_venue *v = r->v;
  vs_buf_clear(&r->bids);
  vs_buf_clear(&r->asks);
  if (!apply_levels(r, json_object_get(d, "b"), VS_BUY, &r->bids) ||
      !apply_levels(r, json_object_get(d, "a"), VS_SELL, &r->asks)) {
    return false;
  }
  v->feed.uid = int_of(d, "u");
  v->feed.t_book = vs_now_ms();
  vs_feed_depth_event(v, int_of(d, "U"), v->feed.uid, int_of(d, "pu"), v->feed.t_book, &r->bids, &r->asks);
  follow_book(v, int_of(d, "T"), true);
  return true;
}

static bool on_book_ticker(struct vs_replay *r, const json_t *d) {
  vs_venue *v = r->v;
  vs_feed *f = &v->feed;
  int64_t px[2];
  int64_t qty[2];
  if (!field_dec(d, "b", &px[0]) || !field_dec(d, "B", &qty[0]) || !field_dec(d, "a", &px[1]) || !field_dec(d, "A", &qty[1])) {
    return false;
  }
  int64_t u = int_of(d, "u");
  if (u > f->ticker_u) {
    f->ticker_u = u;
    memcpy(f->ticker_px, px, sizeof px);
    memcpy(f->ticker_qty, qty, sizeof qty);
  }
  vs_feed_book_ticker(v, u, vs_now_ms(), px, qty);
  follow_book(v, int_of(d, "T"), false);
  return true;
}

static bool on_trade(struct vs_replay *r, const json_t *d) {
  vs_venue *v = r->v;
  int64_t px;
  int64_t qty;
  const char *kind = json_string_value(json_object_get(d, "X"));
  if (!field_dec(d, "p", &px) || !field_dec(d, "q", &qty)) {
    return false;
  }
  if ((kind != NULL && strcmp(kind, "MARKET") != 0) || px == 0 || qty == 0) {
    return true; /* insurance fund and ADL are not in the public trades */
  }
  int64_t t = int_of(d, "T");
  bool buyer_maker = json_is_true(json_object_get(d, "m"));
  if (t != r->trade_t) { /* trades of one moment are aggregated, however their lines are spread */
    r->trade_t = t;
    r->trade_time = vs_now_ms();
  }
  vs_feed_trade(v, px, qty, buyer_maker, r->trade_time, int_of(d, "t"));
  hit_by_trade(v, buyer_maker ? VS_BUY : VS_SELL, px, qty, t);
  return true;
}

static bool on_mark(struct vs_replay *r, const json_t *d) {
  vs_feed *f = &r->v->feed;
  int64_t mark;
  int64_t rate;
  if (!field_dec(d, "p", &mark) || !field_dec(d, "r", &rate)) {
    return false;
  }
  f->mark = mark;
  f->rate = rate;
  f->index = field_dec(d, "i", &f->index) ? f->index : mark;
  f->has_recorded_mark = true;
  vs_feed_mark(r->v);
  return true;
}

static void play(struct vs_replay *r, const char *text) {
  json_t *d;
  json_t *root = frame_of(text, &d);
  const char *e = json_string_value(json_object_get(d, "e"));
  bool ok = root != NULL;
  if (ok && e == NULL) {
    ok = json_object_get(d, "lastUpdateId") != NULL; /* a later snapshot: the stream is enough */
  } else if (ok && strcmp(e, "depthUpdate") == 0) {
    ok = on_depth(r, d);
  } else if (ok && strcmp(e, "bookTicker") == 0) {
    ok = on_book_ticker(r, d);
  } else if (ok && strcmp(e, "trade") == 0) {
    ok = on_trade(r, d);
  } else if (ok && strcmp(e, "markPriceUpdate") == 0) {
    ok = on_mark(r, d);
  }
  r->bad_lines += ok ? 0 : 1;
  json_decref(root);
  vs_txn_end(r->v);
}

/* ---- pace ---- */

static void next_due(struct vs_replay *r) {
  char *line = NULL;
  free(r->due);
  r->due = NULL;
  if (r->first != NULL) {
    early *e = r->first;
    r->first = e->next;
    line = strdup(e->text);
    free(e);
  } else {
    const char *raw = read_line(r);
    line = raw != NULL ? strdup(raw) : NULL;
  }
  r->due = line;
  if (line != NULL && split_line(line, &r->due_us) == NULL) {
    r->bad_lines++; /* keeps the time of the line before; played as nothing */
  }
}

static void run_flow(vs_timer *sul) {
  struct vs_replay *r = lws_container_of(sul, struct vs_replay, timer);
  vs_venue *v = r->v;
  int64_t target = (int64_t)((double)(vs_mono_us() - r->wall0_us) * v->opt.speed);
  int lines = 0;
  while (r->due != NULL && r->due_us - r->rec0_us <= target && lines++ < BATCH_LINES) {
    int64_t us;
    const char *text = split_line(r->due, &us);
    if (text != NULL) {
      play(r, text);
    }
    next_due(r);
  }
  vs_feed_flush_agg(v);
  vs_algo_check(v, false);
  if (r->due == NULL) {
    v->feed.quiet = true;
    if (r->bad_lines > 0) {
      (void)fprintf(stderr, "venuesim: %lld lines of the recording could not be read and were skipped\n",
                    (long long)r->bad_lines);
    }
    return;
  }
  int64_t wait = (int64_t)((double)(r->due_us - r->rec0_us - target) / v->opt.speed);
  vs_timer_set(sul, run_flow, wait < 500 ? 500 : wait);
}

void vs_replay_start(vs_venue *v) {
  v->replay->wall0_us = vs_mono_us();
  v->replay->rec0_us = v->replay->due_us;
  vs_timer_set(&v->replay->timer, run_flow, 1000);
}

/* ---- opening ---- */

static int refuse(const vs_venue *v, const char *why) {
  (void)fprintf(stderr, "venuesim: cannot replay %s: %s\n", v->opt.replay[0], why);
  return EXIT_NOINPUT;
}

/* Reads up to the snapshot, keeping the lines before it. Returns the parsed snapshot or NULL. */
static json_t *find_snapshot(struct vs_replay *r) {
  size_t kept = 0;
  for (const char *line = read_line(r); line != NULL; line = read_line(r)) {
    int64_t us;
    const char *text = split_line(line, &us);
    if (text != NULL && strstr(text, "\"lastUpdateId\"") != NULL && strstr(text, "\"bids\"") != NULL) {
      json_t *d;
      return frame_of(text, &d);
    }
    size_t n = strlen(line) + 1;
    kept += n;
    early *e = kept < EARLY_BYTES ? malloc(sizeof *e + n) : NULL;
    if (e == NULL) {
      return NULL;
    }
    memcpy(e->text, line, n);
    e->next = NULL;
    if (r->last != NULL) {
      r->last->next = e;
    } else {
      r->first = e;
    }
    r->last = e;
  }
  return NULL;
}

/* Why a depth event cannot be of this flow, or NULL. */
static const char *foreign(const vs_venue *v, const json_t *d) {
  const char *name = json_string_value(json_object_get(d, "s"));
  if (name == NULL || strcmp(name, v->sym->name) != 0) return "it is of another symbol than --symbol";
  return json_is_integer(json_object_get(d, "pu")) ? NULL : "its depth events have no pu: not a USDT-M recording";
}

/* Drops lines until the first depth event that splices; it becomes due. Returns what is wrong, or NULL. */
static const char *find_start(struct vs_replay *r, int64_t last_id) {
  static const char none[] = "no depth event in it continues the snapshot";
  for (next_due(r); r->due != NULL; next_due(r)) {
    int64_t us;
    json_t *d;
    const char *text = split_line(r->due, &us);
    json_t *root = text != NULL && strstr(text, "\"depthUpdate\"") != NULL ? frame_of(text, &d) : NULL;
    if (root == NULL) continue;
    int64_t u = int_of(d, "u");
    bool splices = u >= last_id && (int_of(d, "U") <= last_id || int_of(d, "pu") <= last_id);
    const char *why = foreign(r->v, d);
    json_decref(root);
    if (why != NULL || splices) return why;
    if (u >= last_id) return none;
  }
  return none;
}

int vs_replay_open(vs_venue *v) {
  struct vs_replay *r = vs_alloc(1, sizeof *r);
  v->replay = r;
  r->v = v;
  r->line = vs_alloc(1, LINE_BYTES);
  vs_buf_init(&r->bids, LINE_BYTES);
  vs_buf_init(&r->asks, LINE_BYTES);
  for (int k = 0; k < v->opt.replay_cnt; k++) {
    gzFile gz = gzopen(v->opt.replay[k], "rb");
    char probe[1];
    int n = gz != NULL ? gzread(gz, probe, 1) : -1;
    int err = errno;
    if (gz != NULL) {
      (void)gzclose(gz);
    }
    if (n < 1) {
      (void)fprintf(stderr, "venuesim: cannot read the recording %s: %s\n", v->opt.replay[k],
                    gz == NULL ? strerror(err) : "empty or damaged");
      return EXIT_NOINPUT;
    }
  }
  json_t *root = find_snapshot(r);
  if (root == NULL) {
    return refuse(v, "no depth snapshot in it; name the recording that starts the flow first");
  }
  json_t *inner = json_object_get(root, "data");
  const json_t *snap = inner != NULL ? inner : root;
  int64_t id = int_of(snap, "lastUpdateId");
  bool ok = apply_levels(r, json_object_get(snap, "bids"), VS_BUY, NULL) &&
            apply_levels(r, json_object_get(snap, "asks"), VS_SELL, NULL);
  json_decref(root);
  if (!ok) {
    return refuse(v, "its depth snapshot does not fit --symbol (a price off the tick, or not a number)");
  }
  v->feed.uid = id;
  v->feed.t_book = vs_now_ms();
  const char *why = find_start(r, id);
  return why == NULL ? 0 : refuse(v, why);
}

void vs_replay_free(vs_venue *v) {
  struct vs_replay *r = v->replay;
  if (r == NULL) {
    return;
  }
  if (r->gz != NULL) {
    (void)gzclose(r->gz);
  }
  while (r->first != NULL) {
    early *e = r->first;
    r->first = e->next;
    free(e);
  }
  free(r->due);
  free(r->line);
  vs_buf_free(&r->bids);
  vs_buf_free(&r->asks);
  free(r);
  v->replay = NULL;
}

/* feed.c - public market data: diff and partial depth, bookTicker, aggTrade, markPrice, kline, tickers.
 * What:   the book tells of every level change (vs_feed_level); one change of the book ends with vs_feed_end.
 *         Update ids are not contiguous; bookTicker and depth share them, so that the top after a depth event with update id u
 *         equals the bookTicker with the same u.
 * Limits: a depth period holds at most DIRTY_CNT changed levels; it is flushed early when half full.
 * Errors: none; a frame larger than its buffer's ceiling is dropped with a line on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vs.h"

#define DIRTY_CNT 65536
#define FRAME_BYTES (8u << 20)

static const int class_period[VS_DEPTH_CLASS_CNT] = {25, 100, 250, 500}; /* @depth@0ms comes every 25 ms, as seen ~20-50 ms */
static const int part_levels[3] = {5, 10, 20};

void vs_feed_init(vs_venue *v, uint64_t seed) {
  vs_feed *f = &v->feed;
  vs_rng_seed(&f->rng, seed ^ 0x5eedf00dULL);
  for (int side = 0; side < 2; side++) {
    f->dirty_bits[side] = vs_alloc(VS_LEVEL_CNT, 1);
    f->top_lvl[side] = VS_NONE;
  }
  for (int k = 0; k < VS_DEPTH_CLASS_CNT; k++) {
    f->cls[k].period_ms = class_period[k];
    f->cls[k].dirty = vs_alloc(DIRTY_CNT, sizeof(int32_t));
    f->cls[k].v = v;
    f->cls[k].nth = k;
  }
  f->uid = 11563389000000 + (vs_now_ms() / 1000 % 1000000) * 1000;
  f->trade_id = 8132500000 + vs_now_ms() / 1000 % 1000000;
  f->agg_id = 3099170000 + vs_now_ms() / 1000 % 1000000;
  f->rate = 10000;
  vs_buf_init(&f->out, FRAME_BYTES);
  vs_buf_init(&f->wrap, FRAME_BYTES);
}

void vs_feed_free(vs_venue *v) {
  for (int side = 0; side < 2; side++) {
    free(v->feed.dirty_bits[side]);
  }
  for (int k = 0; k < VS_DEPTH_CLASS_CNT; k++) {
    free(v->feed.cls[k].dirty);
  }
  vs_buf_free(&v->feed.out);
  vs_buf_free(&v->feed.wrap);
}

/* ---- the top ---- */

void vs_feed_top(const vs_venue *v, int side, int64_t *px, int64_t *qty) {
  const vs_feed *f = &v->feed;
  if (v->replay != NULL && f->ticker_u > f->uid) { /* replay: a bookTicker newer than the last depth event */
    *px = f->ticker_px[side];
    *qty = f->ticker_qty[side];
    return;
  }
  int32_t best = v->book.best[side];
  *px = best == VS_NONE ? 0 : vs_px_of(v, best);
  *qty = best == VS_NONE ? 0 : vs_book_qty(&v->book, side, best);
}

int64_t vs_feed_mid(const vs_venue *v) {
  int64_t bid;
  int64_t ask;
  int64_t qty;
  vs_feed_top(v, VS_BUY, &bid, &qty);
  vs_feed_top(v, VS_SELL, &ask, &qty);
  if (bid == 0 || ask == 0) {
    return bid != 0 ? bid : ask;
  }
  return (bid + ask) / 2;
}

static void book_ticker_json(vs_venue *v, int64_t u, int64_t t, const int64_t px[2], const int64_t qty[2], vs_buf *b) {
  const vs_symbol *s = v->sym;
  vs_buf_f(b,
           "{\"e\":\"bookTicker\",\"u\":%lld,\"s\":\"%s\",\"ps\":\"%s\",\"b\":\"%s\",\"B\":\"%s\",\"a\":\"%s\",\"A\":\"%s\","
           "\"T\":%lld,"
           "\"E\":%lld,\"st\":1}",
           (long long)u, s->name, s->name, vs_d(px[0], s->px_dec), vs_d(qty[0], s->qty_dec), vs_d(px[1], s->px_dec),
           vs_d(qty[1], s->qty_dec), (long long)t, (long long)vs_now_ms());
}

void vs_feed_book_ticker(vs_venue *v, int64_t u, int64_t t, const int64_t px[2], const int64_t qty[2]) {
  if (!vs_any_sub(v, 1ULL << VS_ST_BOOK)) {
    return;
  }
  vs_buf *b = &v->feed.out;
  vs_buf_clear(b);
  book_ticker_json(v, u, t, px, qty, b);
  vs_publish(v, VS_ST_BOOK, b->p, b->len);
}

/* ---- depth ---- */

void vs_feed_level(void *ctx, int side, int32_t lvl) {
  vs_venue *v = ctx;
  vs_feed *f = &v->feed;
  if (v->replay != NULL) { /* recorded frames carry their own ids */
    return;
  }
  uint32_t r = (uint32_t)vs_rng_next(&f->rng);
  f->uid += 1 + (r & 15u) + ((r & 0xff0u) == 0 ? (r >> 16) & 255u : 0); /* other symbols use ids too */
  for (int k = 0; k < VS_DEPTH_CLASS_CNT; k++) {
    vs_depth_class *c = &f->cls[k];
    if (!c->active) {
      continue;
    }
    if (c->dirty_cnt == 0) {
      c->first_u = f->uid;
    }
    if ((f->dirty_bits[side][lvl] & (1u << k)) == 0 && c->dirty_cnt < DIRTY_CNT) {
      f->dirty_bits[side][lvl] = (uint8_t)(f->dirty_bits[side][lvl] | (1u << k));
      c->dirty[c->dirty_cnt++] = lvl * 2 + side;
    }
  }
}

static int by_level(const void *a, const void *b) {
  int32_t x = *(const int32_t *)a;
  int32_t y = *(const int32_t *)b;
  return x < y ? -1 : x > y;
}

static void level_json(const vs_venue *v, vs_buf *b, bool first, int64_t px, int64_t qty) {
  vs_buf_s(b, first ? "[\"" : ",[\"");
  vs_buf_dec(b, px, v->sym->px_dec);
  vs_buf_s(b, "\",\"");
  vs_buf_dec(b, qty, v->sym->qty_dec);
  vs_buf_s(b, "\"]");
}

static void depth_head(vs_venue *v, vs_buf *b, int64_t t, int64_t u_first, int64_t u_last, int64_t u_prev) {
  const char *name = v->sym->name;
  vs_buf_f(b,
           "{\"e\":\"depthUpdate\",\"E\":%lld,\"T\":%lld,\"s\":\"%s\",\"ps\":\"%s\",\"U\":%lld,\"u\":%lld,\"pu\":%lld,\"b\":[",
           (long long)vs_now_ms(), (long long)t, name, name, (long long)u_first, (long long)u_last, (long long)u_prev);
}

void vs_depth_levels(const vs_venue *v, int side, int cnt, vs_buf *out) {
  int32_t l = v->book.best[side];
  for (int k = 0; k < cnt && l != VS_NONE; k++) {
    level_json(v, out, k == 0, vs_px_of(v, l), vs_book_qty(&v->book, side, l));
    l = vs_book_next(&v->book, side, l);
  }
}

/* Partial book streams of one period (1..3 = 100, 250, 500 ms). */
static void publish_partial(vs_venue *v, int period, int64_t t, int64_t u_first, int64_t u_last, int64_t u_prev) {
  vs_buf *b = &v->feed.out;
  for (int k = 0; k < 3; k++) {
    int stream = VS_ST_PART + k * 3 + period - 1;
    if (!vs_any_sub(v, 1ULL << stream)) {
      continue;
    }
    vs_buf_clear(b);
    depth_head(v, b, t, u_first, u_last, u_prev);
    vs_depth_levels(v, VS_BUY, part_levels[k], b);
    vs_buf_s(b, "],\"a\":[");
    vs_depth_levels(v, VS_SELL, part_levels[k], b);
    vs_buf_s(b, "],\"st\":1}");
    vs_publish(v, stream, b->p, b->len);
  }
}

static void flush_class(vs_depth_class *c) {
  vs_venue *v = c->v;
  vs_feed *f = &v->feed;
  if (c->dirty_cnt == 0) {
    return;
  }
  qsort(c->dirty, (size_t)c->dirty_cnt, sizeof c->dirty[0], by_level);
  vs_buf *b = &f->out;
  vs_buf_clear(b);
  depth_head(v, b, f->t_book, c->first_u, f->uid, c->prev_u);
  for (int side = 0; side < 2; side++) {
    bool first = true;
    for (int32_t k = 0; k < c->dirty_cnt; k++) {
      if ((c->dirty[k] & 1) == side) {
        int32_t lvl = c->dirty[k] >> 1;
        level_json(v, b, first, vs_px_of(v, lvl), vs_book_qty(&v->book, side, lvl));
        first = false;
        f->dirty_bits[side][lvl] = (uint8_t)(f->dirty_bits[side][lvl] & ~(1u << c->nth));
      }
    }
    vs_buf_s(b, side == 0 ? "],\"a\":[" : "],\"st\":1}");
  }
  c->dirty_cnt = 0;
  if (b->over) {
    (void)fprintf(stderr, "venuesim: depth frame over %u bytes dropped\n", FRAME_BYTES);
  } else {
    vs_publish(v, VS_ST_DEPTH0 + c->nth, b->p, b->len);
  }
  if (c->nth > 0) {
    publish_partial(v, c->nth, f->t_book, c->first_u, f->uid, c->prev_u);
  }
  c->prev_u = f->uid;
}

/* Replay: a recorded diff, levels already rendered, goes to every diff period. */
void vs_feed_depth_event(vs_venue *v, int64_t u_first, int64_t u_last, int64_t u_prev, int64_t t, const vs_buf *bids,
                         const vs_buf *asks) {
  vs_buf *b = &v->feed.out;
  vs_buf_clear(b);
  depth_head(v, b, t, u_first, u_last, u_prev);
  vs_buf_put(b, bids->p != NULL ? bids->p : "", bids->len);
  vs_buf_s(b, "],\"a\":[");
  vs_buf_put(b, asks->p != NULL ? asks->p : "", asks->len);
  vs_buf_s(b, "],\"st\":1}");
  for (int k = 0; k < VS_DEPTH_CLASS_CNT; k++) {
    vs_publish(v, VS_ST_DEPTH0 + k, b->p, b->len);
  }
  for (int k = 1; k < VS_DEPTH_CLASS_CNT; k++) {
    publish_partial(v, k, t, u_first, u_last, u_prev);
  }
}

static void class_tick(vs_timer *sul) {
  vs_depth_class *c = lws_container_of(sul, vs_depth_class, timer);
  if (!c->active) {
    return;
  }
  flush_class(c);
  vs_timer_set(&c->timer, class_tick, (int64_t)c->period_ms * 1000);
}

void vs_feed_classes(vs_venue *v) {
  for (int k = 0; k < VS_DEPTH_CLASS_CNT && v->replay == NULL; k++) {
    vs_depth_class *c = &v->feed.cls[k];
    uint64_t mask = 1ULL << (VS_ST_DEPTH0 + k);
    for (int n = 0; k > 0 && n < 3; n++) {
      mask |= 1ULL << (VS_ST_PART + n * 3 + k - 1);
    }
    bool want = vs_any_sub(v, mask);
    if (want && !c->active) {
      c->active = true;
      c->prev_u = v->feed.uid;
      vs_timer_set(&c->timer, class_tick, (int64_t)c->period_ms * 1000);
    } else if (!want && c->active) {
      c->active = false;
      for (int32_t n = 0; n < c->dirty_cnt; n++) {
        uint8_t *bits = &v->feed.dirty_bits[c->dirty[n] & 1][c->dirty[n] >> 1];
        *bits = (uint8_t)(*bits & ~(1u << k));
      }
      c->dirty_cnt = 0;
      vs_timer_set(&c->timer, class_tick, VS_TIMER_OFF);
    }
  }
}

/* ---- trades and klines ---- */

static void kline_json(vs_venue *v, const vs_kline *k, bool closed, vs_buf *b) {
  const vs_symbol *s = v->sym;
  vs_buf_f(
      b,
      "{\"e\":\"kline\",\"E\":%lld,\"s\":\"%s\",\"k\":{\"t\":%lld,\"T\":%lld,\"s\":\"%s\",\"i\":\"1m\",\"f\":%lld,\"L\":%lld,",
      (long long)vs_now_ms(), s->name, (long long)k->open_t, (long long)k->open_t + 59999, s->name, (long long)k->first,
      (long long)k->last);
  vs_buf_f(b,
           "\"o\":\"%s\",\"c\":\"%s\",\"h\":\"%s\",\"l\":\"%s\",\"v\":\"%s\",\"n\":%lld,\"x\":%s,\"q\":\"%s\",\"V\":\"%s\","
           "\"Q\":\"%s\","
           "\"B\":\"0\"}}",
           vs_d(k->o, s->px_dec), vs_d(k->c, s->px_dec), vs_d(k->h, s->px_dec), vs_d(k->l, s->px_dec), vs_d(k->vol, s->qty_dec),
           (long long)k->cnt, closed ? "true" : "false", vs_d(k->quote, 5), vs_d(k->buy_vol, s->qty_dec),
           vs_d(k->buy_quote, 5));
}

static void publish_kline(vs_venue *v, bool closed) {
  if (v->feed.kline_cnt == 0 || !vs_any_sub(v, 1ULL << VS_ST_KLINE)) {
    return;
  }
  vs_buf *b = &v->feed.out;
  vs_buf_clear(b);
  kline_json(v, &v->feed.kline[(v->feed.kline_cnt - 1) % VS_KLINE_CNT], closed, b);
  vs_publish(v, VS_ST_KLINE, b->p, b->len);
}

/* Starts a new minute when the clock has left the current one. */
static void kline_roll(vs_venue *v, int64_t now, int64_t px) {
  vs_feed *f = &v->feed;
  int64_t minute = now / 60000 * 60000;
  vs_kline *k = f->kline_cnt > 0 ? &f->kline[(f->kline_cnt - 1) % VS_KLINE_CNT] : NULL;
  if (k != NULL && k->open_t >= minute) {
    return;
  }
  int64_t open = k != NULL ? k->c : px;
  if (k != NULL) {
    publish_kline(v, true);
  }
  k = &f->kline[f->kline_cnt++ % VS_KLINE_CNT];
  memset(k, 0, sizeof *k);
  k->open_t = minute;
  k->o = k->h = k->l = k->c = open;
  k->first = k->last = -1;
}

static void kline_trade(vs_venue *v, const vs_trade *t) {
  vs_feed *f = &v->feed;
  kline_roll(v, vs_now_ms(), t->px);
  vs_kline *k = &f->kline[(f->kline_cnt - 1) % VS_KLINE_CNT];
  int64_t quote = vs_mul(t->px, t->qty);
  if (k->cnt == 0) {
    k->first = t->id;
    k->o = k->h = k->l = t->px;
  }
  k->cnt++;
  k->last = t->id;
  k->c = t->px;
  k->h = t->px > k->h ? t->px : k->h;
  k->l = t->px < k->l ? t->px : k->l;
  k->vol += t->qty;
  k->quote += quote;
  if (!t->buyer_maker) {
    k->buy_vol += t->qty;
    k->buy_quote += quote;
  }
  f->kline_dirty = true;
}

void vs_feed_flush_agg(vs_venue *v) {
  vs_feed *f = &v->feed;
  if (f->open_agg.qty == 0) {
    return;
  }
  f->open_agg.id = ++f->agg_id;
  f->agg[f->agg_cnt++ % VS_TRADE_CNT] = f->open_agg;
  const vs_agg *a = &f->agg[(f->agg_cnt - 1) % VS_TRADE_CNT];
  f->open_agg.qty = 0;
  if (!vs_any_sub(v, 1ULL << VS_ST_AGG)) {
    return;
  }
  const char *qty = vs_d(a->qty, v->sym->qty_dec);
  vs_buf *b = &f->out;
  vs_buf_clear(b);
  vs_buf_f(b,
           "{\"e\":\"aggTrade\",\"E\":%lld,\"a\":%lld,\"s\":\"%s\",\"p\":\"%s\",\"q\":\"%s\",\"nq\":\"%s\",\"f\":%lld,\"l\":%"
           "lld,\"T\":%lld,"
           "\"m\":%s,\"st\":1}",
           (long long)vs_now_ms(), (long long)a->id, v->sym->name, vs_d(a->px, v->sym->px_dec), qty, qty, (long long)a->first,
           (long long)a->last, (long long)a->time, a->buyer_maker ? "true" : "false");
  vs_publish(v, VS_ST_AGG, b->p, b->len);
}

void vs_feed_trade(vs_venue *v, int64_t px, int64_t qty, bool buyer_maker, int64_t time, int64_t id) {
  vs_feed *f = &v->feed;
  vs_trade *t = &f->trade[f->trade_cnt++ % VS_TRADE_CNT];
  *t = (vs_trade){.id = id, .px = px, .qty = qty, .time = time, .buyer_maker = buyer_maker};
  f->last_px = px;
  if (f->ref_px == 0) {
    f->ref_px = px;
  }
  kline_trade(v, t);
  vs_agg *a = &f->open_agg;
  if (a->qty != 0 && (a->px != px || a->buyer_maker != buyer_maker || a->time != time)) {
    vs_feed_flush_agg(v);
  }
  if (a->qty == 0) {
    *a = (vs_agg){.px = px, .first = id, .time = time, .buyer_maker = buyer_maker};
  }
  a->qty += qty;
  a->last = id;
}

void vs_feed_end(vs_venue *v) {
  vs_feed *f = &v->feed;
  if (v->replay != NULL) {
    return;
  }
  f->t_book = vs_now_ms();
  vs_feed_flush_agg(v);
  bool moved = false;
  for (int side = 0; side < 2; side++) {
    int32_t best = v->book.best[side];
    int64_t qty = best == VS_NONE ? 0 : vs_book_qty(&v->book, side, best);
    if (best != f->top_lvl[side] || qty != f->top_qty[side]) {
      f->top_lvl[side] = best;
      f->top_qty[side] = qty;
      moved = true;
    }
  }
  if (moved) {
    int64_t px[2];
    int64_t qty[2];
    vs_feed_top(v, VS_BUY, &px[0], &qty[0]);
    vs_feed_top(v, VS_SELL, &px[1], &qty[1]);
    vs_feed_book_ticker(v, f->uid, f->t_book, px, qty);
  }
  for (int k = 0; k < VS_DEPTH_CLASS_CNT; k++) {
    if (f->cls[k].dirty_cnt > DIRTY_CNT / 2) {
      flush_class(&f->cls[k]);
    }
  }
}

/* ---- timers ---- */

static void mark_json(vs_venue *v, vs_buf *b) {
  const vs_feed *f = &v->feed;
  vs_buf_f(b,
           "{\"e\":\"markPriceUpdate\",\"E\":%lld,\"s\":\"%s\",\"p\":\"%s\",\"ap\":\"%s\",\"P\":\"%s\",\"i\":\"%s\",\"r\":\"%"
           "s\",\"T\":%lld,\"st\":1}",
           (long long)vs_now_ms(), v->sym->name, vs_d(f->mark, 8), vs_d(f->mark_avg, 8), vs_d(f->mark, 8), vs_d(f->index, 8),
           vs_d(f->rate, 8), (long long)v->next_funding);
}

void vs_feed_mark(vs_venue *v) {
  vs_feed *f = &v->feed;
  vs_buf *b = &f->out;
  bool third = f->sec_cnt % 3 == 0;
  f->mark_avg = f->mark_avg == 0 ? f->mark : f->mark_avg + (f->mark - f->mark_avg) / 8;
  vs_buf_clear(b);
  mark_json(v, b);
  vs_publish(v, VS_ST_MARK1, b->p, b->len);
  if (third) {
    vs_publish(v, VS_ST_MARK3, b->p, b->len);
  }
  vs_buf_clear(b);
  vs_buf_c(b, '[');
  mark_json(v, b);
  vs_buf_c(b, ']');
  vs_publish(v, VS_ST_MARK1_ALL, b->p, b->len);
  if (third) {
    vs_publish(v, VS_ST_MARK3_ALL, b->p, b->len);
  }
}

/* The mark follows the mid with a lag of some seconds; the rate wanders within +-0.05 %. */
static void mark_step(vs_venue *v) {
  vs_feed *f = &v->feed;
  int64_t mid = vs_feed_mid(v);
  if (mid == 0) {
    return;
  }
  f->mark = f->mark == 0 ? mid : f->mark + (mid - f->mark) / 4;
  f->index = f->mark + (int64_t)vs_rng_below(&f->rng, 40000000) - 20000000;
  f->rate += (int64_t)vs_rng_below(&f->rng, 401) - 200;
  f->rate = f->rate > 50000 ? 50000 : f->rate < -50000 ? -50000 : f->rate;
}

void vs_ticker24_json(vs_venue *v, bool stream, vs_buf *b) {
  const vs_symbol *s = v->sym;
  const vs_feed *f = &v->feed;
  vs_kline sum = {.h = f->last_px, .l = f->last_px};
  int64_t from = f->kline_cnt > 1440 ? f->kline_cnt - 1440 : 0;
  for (int64_t k = from; k < f->kline_cnt; k++) {
    const vs_kline *n = &f->kline[k % VS_KLINE_CNT];
    sum.h = n->h > sum.h ? n->h : sum.h;
    sum.l = n->l < sum.l ? n->l : sum.l;
    sum.vol += n->vol;
    sum.quote += n->quote;
    sum.cnt += n->cnt;
  }
  int64_t change = f->last_px - f->ref_px;
  int64_t pct = f->ref_px != 0 ? vs_round_div((vs_i128)change * 100 * VS_E8, f->ref_px) : 0;
  int64_t avg = sum.vol != 0 ? vs_round_div((vs_i128)sum.quote * VS_E8, sum.vol) : f->last_px;
  int64_t last_qty = f->trade_cnt > 0 ? f->trade[(f->trade_cnt - 1) % VS_TRADE_CNT].qty : 0;
  const char *fmt =
      stream
          ? "{\"e\":\"24hrTicker\",\"s\":\"%s\",\"p\":\"%s\",\"P\":\"%s\",\"w\":\"%s\",\"c\":\"%s\",\"Q\":\"%s\",\"o\":\"%s\","
            "\"h\":\"%s\","
            "\"l\":\"%s\",\"v\":\"%s\",\"q\":\"%s\",\"O\":%lld,\"C\":%lld,\"F\":%lld,\"L\":%lld,\"n\":%lld,\"E\":%lld,\"st\":1}"
          : "{\"symbol\":\"%s\",\"priceChange\":\"%s\",\"priceChangePercent\":\"%s\",\"weightedAvgPrice\":\"%s\",\"lastPrice\":"
            "\"%s\","
            "\"lastQty\":\"%s\",\"openPrice\":\"%s\",\"highPrice\":\"%s\",\"lowPrice\":\"%s\",\"volume\":\"%s\","
            "\"quoteVolume\":\"%s\","
            "\"openTime\":%lld,\"closeTime\":%lld,\"firstId\":%lld,\"lastId\":%lld,\"count\":%lld}";
  int64_t now = vs_now_ms();
  vs_buf_f(b, fmt, s->name, vs_d(change, s->px_dec), vs_d(pct, 3), vs_d(avg, s->px_dec), vs_d(f->last_px, s->px_dec),
           vs_d(last_qty, s->qty_dec), vs_d(f->ref_px, s->px_dec), vs_d(sum.h, s->px_dec), vs_d(sum.l, s->px_dec),
           vs_d(sum.vol, s->qty_dec), vs_d(sum.quote, 2), (long long)now - 86400000, (long long)now,
           (long long)(f->trade_id - sum.cnt + 1), (long long)f->trade_id, (long long)sum.cnt, (long long)now);
}

static void publish_tickers(vs_venue *v) {
  vs_buf *b = &v->feed.out;
  if (vs_any_sub(v, 1ULL << VS_ST_TICKER)) {
    vs_buf_clear(b);
    vs_ticker24_json(v, true, b);
    vs_publish(v, VS_ST_TICKER, b->p, b->len);
  }
  if (v->feed.sec_cnt % 5 == 0 && vs_any_sub(v, 1ULL << VS_ST_BOOK_ALL)) {
    vs_buf_clear(b);
    int64_t px[2];
    int64_t qty[2];
    vs_feed_top(v, VS_BUY, &px[0], &qty[0]);
    vs_feed_top(v, VS_SELL, &px[1], &qty[1]);
    book_ticker_json(v, v->feed.uid, v->feed.t_book, px, qty, b);
    vs_publish(v, VS_ST_BOOK_ALL, b->p, b->len);
  }
}

static void second_tick(vs_timer *sul) {
  vs_feed *f = lws_container_of(sul, vs_feed, sec);
  vs_venue *v = lws_container_of(f, vs_venue, feed);
  int64_t now = vs_now_ms();
  f->sec_cnt++;
  if (!f->quiet) {
    if (!f->has_recorded_mark) {
      mark_step(v);
      vs_feed_mark(v);
    }
    publish_tickers(v);
  }
  vs_algo_check(v, true);
  vs_match_second(v, now);
  vs_listen_key_second(v, vs_mono_us() / 1000);
  vs_sess_second(v, vs_mono_us() / 1000);
  vs_timer_set(sul, second_tick, 1000000 - vs_now_us() % 1000000);
}

static void slow_tick(vs_timer *sul) {
  vs_feed *f = lws_container_of(sul, vs_feed, slow);
  vs_venue *v = lws_container_of(f, vs_venue, feed);
  if (f->kline_cnt > 0 && !f->quiet) {
    kline_roll(v, vs_now_ms(), f->last_px);
    if (f->kline_dirty) {
      f->kline_dirty = false;
      publish_kline(v, false);
    }
  }
  vs_timer_set(sul, slow_tick, 250000);
}

static void funding_tick(vs_timer *sul) {
  vs_venue *v = lws_container_of(sul, vs_venue, funding_timer);
  int64_t now = vs_now_ms();
  if (now >= v->next_funding) {
    v->next_funding += v->opt.funding_s * 1000;
    vs_acct_fund(v);
  }
  int64_t wait = v->next_funding - now;
  vs_timer_set(sul, funding_tick, (wait < 1 ? 1 : wait) * 1000);
}

void vs_feed_start(vs_venue *v) {
  int64_t period = v->opt.funding_s * 1000;
  v->next_funding = (vs_now_ms() / period + 1) * period;
  v->feed.mark = v->feed.mark != 0 ? v->feed.mark : vs_feed_mid(v);
  v->feed.index = v->feed.index != 0 ? v->feed.index : v->feed.mark;
  v->feed.last_px = vs_feed_mid(v);
  vs_timer_set(&v->feed.sec, second_tick, 1000000 - vs_now_us() % 1000000);
  vs_timer_set(&v->feed.slow, slow_tick, 250000);
  vs_timer_set(&v->funding_timer, funding_tick, 1000);
}

/* rest_market.c - REST market data: depth, trades, klines, mark price, tickers. Only the traded symbol has data; the other
 * listed symbol answers empty books and zero prices. */
#include <string.h>

#include "vs.h"

static int need_symbol(vs_req *r, bool *traded) {
  const vs_symbol *s;
  if (vs_param_symbol(r, true, &s) != 0) {
    return -1;
  }
  *traded = s == r->v->sym;
  return 0;
}

int vs_h_depth(vs_req *r) {
  static const int allowed[] = {5, 10, 20, 50, 100, 500, 1000};
  vs_venue *v = r->v;
  bool traded;
  int64_t limit;
  if (need_symbol(r, &traded) != 0 || vs_param_i64(r, "limit", 500, INT64_MIN, INT64_MAX, &limit) != 0) {
    return -1;
  }
  bool ok = false;
  for (size_t k = 0; k < sizeof allowed / sizeof allowed[0]; k++) {
    ok = ok || allowed[k] == limit;
  }
  if (!ok) {
    return vs_refuse(&r->rej, 400, -4021, "Depth limit is invalid: use 5, 10, 20, 50, 100, 500 or 1000.");
  }
  vs_buf_f(r->out, "{\"lastUpdateId\":%lld,\"E\":%lld,\"T\":%lld,\"bids\":[", (long long)v->feed.uid, (long long)r->now,
           (long long)v->feed.t_book);
  if (traded) {
    vs_depth_levels(v, VS_BUY, (int)limit, r->out);
  }
  vs_buf_s(r->out, "],\"asks\":[");
  if (traded) {
    vs_depth_levels(v, VS_SELL, (int)limit, r->out);
  }
  vs_buf_s(r->out, "]}");
  return 0;
}

int vs_h_trades(vs_req *r) {
  const vs_feed *f = &r->v->feed;
  const vs_symbol *s = r->v->sym;
  bool traded;
  int64_t limit;
  if (need_symbol(r, &traded) != 0 || vs_param_i64(r, "limit", 500, 1, 1000, &limit) != 0) {
    return -1;
  }
  int64_t have = f->trade_cnt < VS_TRADE_CNT ? f->trade_cnt : VS_TRADE_CNT;
  int64_t from = f->trade_cnt - (limit < have ? limit : have);
  vs_buf_c(r->out, '[');
  for (int64_t k = from; traded && k < f->trade_cnt; k++) {
    const vs_trade *t = &f->trade[k % VS_TRADE_CNT];
    vs_buf_f(r->out,
             "%s{\"id\":%lld,\"price\":\"%s\",\"qty\":\"%s\",\"quoteQty\":\"%s\",\"time\":%lld,\"isBuyerMaker\":%s,"
             "\"isRPITrade\":false}",
             k > from ? "," : "", (long long)t->id, vs_d(t->px, s->px_dec), vs_d(t->qty, s->qty_dec),
             vs_d(vs_mul(t->px, t->qty), 2), (long long)t->time, t->buyer_maker ? "true" : "false");
  }
  vs_buf_c(r->out, ']');
  return 0;
}

int vs_h_agg_trades(vs_req *r) {
  const vs_feed *f = &r->v->feed;
  const vs_symbol *s = r->v->sym;
  bool traded;
  int64_t limit;
  int64_t from_id;
  int64_t start;
  int64_t end;
  if (need_symbol(r, &traded) != 0 || vs_param_i64(r, "limit", 500, 1, 1000, &limit) != 0 ||
      vs_param_i64(r, "fromId", 0, 0, INT64_MAX, &from_id) != 0 || vs_param_i64(r, "startTime", 0, 0, INT64_MAX, &start) != 0 ||
      vs_param_i64(r, "endTime", INT64_MAX, 0, INT64_MAX, &end) != 0) {
    return -1;
  }
  int64_t oldest = f->agg_cnt > VS_TRADE_CNT ? f->agg_cnt - VS_TRADE_CNT : 0;
  if (from_id == 0 && start == 0 && f->agg_cnt - oldest > limit) {
    oldest = f->agg_cnt - limit;
  }
  int64_t sent = 0;
  vs_buf_c(r->out, '[');
  for (int64_t k = oldest; traded && k < f->agg_cnt && sent < limit; k++) {
    const vs_agg *a = &f->agg[k % VS_TRADE_CNT];
    if (a->id < from_id || a->time < start || a->time > end) {
      continue;
    }
    const char *qty = vs_d(a->qty, s->qty_dec);
    vs_buf_f(r->out, "%s{\"a\":%lld,\"p\":\"%s\",\"q\":\"%s\",\"nq\":\"%s\",\"f\":%lld,\"l\":%lld,\"T\":%lld,\"m\":%s}",
             sent++ > 0 ? "," : "", (long long)a->id, vs_d(a->px, s->px_dec), qty, qty, (long long)a->first, (long long)a->last,
             (long long)a->time, a->buyer_maker ? "true" : "false");
  }
  vs_buf_c(r->out, ']');
  return 0;
}

static void kline_row(const vs_venue *v, const vs_kline *k, int64_t period, bool first, vs_buf *out) {
  const vs_symbol *s = v->sym;
  vs_buf_f(out, "%s[%lld,\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",%lld,\"%s\",%lld,\"%s\",\"%s\",\"0\"]", first ? "" : ",",
           (long long)k->open_t, vs_d(k->o, s->px_dec), vs_d(k->h, s->px_dec), vs_d(k->l, s->px_dec), vs_d(k->c, s->px_dec),
           vs_d(k->vol, s->qty_dec), (long long)(k->open_t + period - 1), vs_d(k->quote, 5), (long long)k->cnt,
           vs_d(k->buy_vol, s->qty_dec), vs_d(k->buy_quote, 5));
}

static void kline_merge(vs_kline *to, const vs_kline *from) {
  to->h = from->h > to->h ? from->h : to->h;
  to->l = from->l < to->l ? from->l : to->l;
  to->c = from->c;
  to->vol += from->vol;
  to->quote += from->quote;
  to->buy_vol += from->buy_vol;
  to->buy_quote += from->buy_quote;
  to->cnt += from->cnt;
}

static int64_t interval_ms(const char *text) {
  static const struct {
    const char *name;
    int64_t minutes;
  } table[] = {{"1m", 1},   {"3m", 3},   {"5m", 5},   {"15m", 15}, {"30m", 30},  {"1h", 60},
               {"2h", 120}, {"4h", 240}, {"6h", 360}, {"8h", 480}, {"12h", 720}, {"1d", 1440}};
  for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
    if (strcmp(table[k].name, text) == 0) {
      return table[k].minutes * 60000;
    }
  }
  return 0;
}

/* Longer bars are put together from the minutes since the start. */
int vs_h_klines(vs_req *r) {
  const vs_feed *f = &r->v->feed;
  const char *text;
  bool traded;
  int64_t limit;
  if (need_symbol(r, &traded) != 0 || vs_param_need(r, "interval", &text) != 0 ||
      vs_param_i64(r, "limit", 500, 1, 1500, &limit) != 0) {
    return -1;
  }
  int64_t period = interval_ms(text);
  if (period == 0) {
    return vs_refuse(&r->rej, 400, -1120, "Invalid interval.");
  }
  static vs_kline bar[VS_KLINE_CNT];
  int64_t cnt = 0;
  int64_t oldest = f->kline_cnt > VS_KLINE_CNT ? f->kline_cnt - VS_KLINE_CNT : 0;
  for (int64_t k = oldest; traded && k < f->kline_cnt; k++) {
    const vs_kline *m = &f->kline[k % VS_KLINE_CNT];
    int64_t open_t = m->open_t / period * period;
    if (cnt > 0 && bar[cnt - 1].open_t == open_t) {
      kline_merge(&bar[cnt - 1], m);
    } else {
      bar[cnt] = *m;
      bar[cnt++].open_t = open_t;
    }
  }
  int64_t from = cnt > limit ? cnt - limit : 0;
  vs_buf_c(r->out, '[');
  for (int64_t k = from; k < cnt; k++) {
    kline_row(r->v, &bar[k], period, k == from, r->out);
  }
  vs_buf_c(r->out, ']');
  return 0;
}

/* Emits one row per asked symbol: `row` writes it. */
static int per_symbol(vs_req *r, void (*row)(vs_req *, const vs_symbol *, bool), bool always_list) {
  const vs_symbol *s;
  if (vs_param_symbol(r, false, &s) != 0) {
    return -1;
  }
  if (s != NULL && !always_list) {
    row(r, s, s == r->v->sym);
    return 0;
  }
  vs_buf_c(r->out, '[');
  bool first = true;
  for (int k = 0; k < vs_symbol_cnt; k++) {
    if (s == NULL || s == &vs_symbols[k]) {
      vs_buf_s(r->out, first ? "" : ",");
      row(r, &vs_symbols[k], &vs_symbols[k] == r->v->sym);
      first = false;
    }
  }
  vs_buf_c(r->out, ']');
  return 0;
}

static void premium_row(vs_req *r, const vs_symbol *s, bool traded) {
  const vs_feed *f = &r->v->feed;
  int64_t mark = traded ? f->mark : s->start_px;
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"markPrice\":\"%s\",\"indexPrice\":\"%s\",\"estimatedSettlePrice\":\"%s\",\"lastFundingRate\":"
           "\"%s\","
           "\"interestRate\":\"0.00010000\",\"nextFundingTime\":%lld,\"time\":%lld}",
           s->name, vs_d(mark, 8), vs_d(traded ? f->index : s->start_px, 8), vs_d(mark, 8), vs_d(traded ? f->rate : 10000, 8),
           (long long)r->v->next_funding, (long long)r->now);
}

int vs_h_premium_index(vs_req *r) {
  return per_symbol(r, premium_row, false);
}

static void funding_rate_row(vs_req *r, const vs_symbol *s, bool traded) {
  const vs_feed *f = &r->v->feed;
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"fundingRate\":\"%s\",\"fundingTime\":%lld,\"markPrice\":\"%s\"}", s->name,
           vs_d(traded ? f->rate : 10000, 8), (long long)(r->v->next_funding - r->v->opt.funding_s * 1000),
           vs_d(traded ? f->mark : s->start_px, 8));
}

int vs_h_funding_rate(vs_req *r) {
  return per_symbol(r, funding_rate_row, true);
}

static void funding_info_row(vs_req *r, const vs_symbol *s, bool traded) {
  (void)traded;
  int64_t hours = r->v->opt.funding_s / 3600;
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"adjustedFundingRateCap\":\"0.02000000\",\"adjustedFundingRateFloor\":\"-0.02000000\","
           "\"fundingIntervalHours\":%lld,\"disclaimer\":false}",
           s->name, (long long)(hours > 0 ? hours : 1));
}

int vs_h_funding_info(vs_req *r) {
  return per_symbol(r, funding_info_row, true);
}

static void ticker24_row(vs_req *r, const vs_symbol *s, bool traded) {
  if (traded) {
    vs_ticker24_json(r->v, false, r->out);
    return;
  }
  const char *px = vs_d(s->start_px, s->px_dec);
  vs_buf_f(
      r->out,
      "{\"symbol\":\"%s\",\"priceChange\":\"0\",\"priceChangePercent\":\"0\",\"weightedAvgPrice\":\"%s\",\"lastPrice\":\"%s\","
      "\"lastQty\":\"0\",\"openPrice\":\"%s\",\"highPrice\":\"%s\",\"lowPrice\":\"%s\",\"volume\":\"0\",\"quoteVolume\":\"0\","
      "\"openTime\":%lld,\"closeTime\":%lld,\"firstId\":0,\"lastId\":0,\"count\":0}",
      s->name, px, px, px, px, px, (long long)r->now - 86400000, (long long)r->now);
}

int vs_h_ticker24(vs_req *r) {
  return per_symbol(r, ticker24_row, false);
}

static void price_row(vs_req *r, const vs_symbol *s, bool traded) {
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"price\":\"%s\",\"time\":%lld}", s->name,
           vs_d(traded ? r->v->feed.last_px : s->start_px, s->px_dec), (long long)r->now);
}

int vs_h_price(vs_req *r) {
  return per_symbol(r, price_row, false);
}

static void book_row(vs_req *r, const vs_symbol *s, bool traded) {
  int64_t px[2] = {0, 0};
  int64_t qty[2] = {0, 0};
  for (int side = 0; traded && side < 2; side++) {
    vs_feed_top(r->v, side, &px[side], &qty[side]);
  }
  int64_t uid = r->v->feed.ticker_u > r->v->feed.uid ? r->v->feed.ticker_u : r->v->feed.uid;
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"bidPrice\":\"%s\",\"bidQty\":\"%s\",\"askPrice\":\"%s\",\"askQty\":\"%s\",\"time\":%lld,"
           "\"lastUpdateId\":%lld}",
           s->name, vs_d(px[0], s->px_dec), vs_d(qty[0], s->qty_dec), vs_d(px[1], s->px_dec), vs_d(qty[1], s->qty_dec),
           (long long)r->v->feed.t_book, (long long)(traded ? uid : 0));
}

int vs_h_book_ticker(vs_req *r) {
  return per_symbol(r, book_row, false);
}

int vs_h_open_interest(vs_req *r) {
  const vs_symbol *s;
  if (vs_param_symbol(r, true, &s) != 0) {
    return -1;
  }
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"openInterest\":\"81234.567\",\"time\":%lld}", s->name, (long long)r->now);
  return 0;
}

#include "bench/gen.h"

#include <stdio.h>
#include <string.h>

#define START_MS INT64_C(1721347022504)

/* Quantities as they are at the venue: many small ones, few large ones. */
static int64_t some_lots(tg_rng_t *rng) {
  static const uint64_t top[] = {10, 200, 3000, 60000};
  return 1 + (int64_t)gen_below(rng, top[gen_below(rng, 4)]);
}

#define PX "%ld.%ld0"
#define QTY "%ld.%03ld"
#define PX_ARG(ticks) (ticks) / 10, (ticks) % 10
#define QTY_ARG(lots) (lots) / 1000, (lots) % 1000

int gen_symtab(tg_symtab_t *tab) {
  static const char *const other[] = {"ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT"}; /* the look-up is not alone in its table */
  tg_symtab_init(tab);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 0);
  msg.u.cfg_symbol = gen_symbol();
  int err = tg_symtab_add_msg(tab, &msg);
  for (uint16_t i = 0; i < TG_ARRAY_CNT(other) && !err; i++)
    err = tg_symtab_add(tab, other[i], 7, (uint16_t)(i + 1), TG_PRODUCT_USDM, (tg_scale_t){2, 1}, (tg_scale_t){3, 1});
  return err;
}

tg_cfg_symbol_t gen_symbol(void) {
  return (tg_cfg_symbol_t){.symbol = "BTCUSDT",
                           .margin_asset = "USDT",
                           .px_dec = 1,
                           .qty_dec = 3,
                           .allowlisted = 1,
                           .product = TG_PRODUCT_USDM,
                           .status = 1,
                           .px_unit = 1,
                           .qty_unit = 1};
}

static void next_top(tg_rng_t *rng, tg_md_top_t *top) {
  top->bid_px_ticks += (int64_t)gen_below(rng, 2001) - 1000;
  if (top->bid_px_ticks < 100000) top->bid_px_ticks += 300000;
  if (top->bid_px_ticks > 1200000) top->bid_px_ticks -= 300000;
  top->ask_px_ticks = top->bid_px_ticks + 1 + (int64_t)gen_below(rng, 4);
  top->bid_qty_lots = some_lots(rng);
  top->ask_qty_lots = some_lots(rng);
  top->update_id += 1 + gen_below(rng, 4000);
  top->venue_ms += (int64_t)gen_below(rng, 40);
}

void gen_tops(gen_top_t out[GEN_CNT], uint64_t seed) {
  tg_rng_t rng;
  tg_rng_seed(&rng, seed);
  tg_md_top_t top = {.bid_px_ticks = 639439, .update_id = 4984028370881u, .venue_ms = START_MS};
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    next_top(&rng, &top);
    int n = snprintf(out[i].text, sizeof out[i].text,
                     "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":%lu,\"s\":\"BTCUSDT\",\"b\":\"" PX
                     "\",\"B\":\"" QTY "\",\"a\":\"" PX "\",\"A\":\"" QTY "\",\"T\":%ld,\"E\":%ld}}",
                     top.update_id, PX_ARG(top.bid_px_ticks), QTY_ARG(top.bid_qty_lots), PX_ARG(top.ask_px_ticks),
                     QTY_ARG(top.ask_qty_lots), top.venue_ms, top.venue_ms + 1);
    out[i].len = (uint16_t)n;
    out[i].want = top;
  }
}

void gen_tops_shuffled(gen_top_t out[GEN_CNT], uint64_t seed) {
  tg_rng_t rng;
  tg_rng_seed(&rng, seed);
  tg_md_top_t top = {.bid_px_ticks = 639439, .update_id = 4984028370881u, .venue_ms = START_MS};
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    next_top(&rng, &top);
    char member[11][64];
    uint32_t cnt = 0;
#define MEMBER(...) (void)snprintf(member[cnt++], sizeof member[0], __VA_ARGS__)
    MEMBER("\"e\":\"bookTicker\"");
    MEMBER("\"u\":%lu", top.update_id);
    MEMBER("\"s\":\"BTCUSDT\"");
    MEMBER("\"b\":\"" PX "\"", PX_ARG(top.bid_px_ticks));
    MEMBER("\"B\":\"" QTY "\"", QTY_ARG(top.bid_qty_lots));
    MEMBER("\"a\":\"" PX "\"", PX_ARG(top.ask_px_ticks));
    MEMBER("\"A\":\"" QTY "\"", QTY_ARG(top.ask_qty_lots));
    MEMBER("\"T\":%ld", top.venue_ms);
    MEMBER("\"E\":%ld", top.venue_ms + 1);
    MEMBER("\"xq\":{\"v\":[%lu,null],\"k\":\"n%lu\"}", gen_below(&rng, 1000), gen_below(&rng, 1000));
    MEMBER("\"zz\":%lu", gen_below(&rng, 100000));
#undef MEMBER
    size_t len = 0;
    for (uint32_t left = cnt; left > 0; left--) {
      uint32_t pick = (uint32_t)gen_below(&rng, left);
      int n = snprintf(out[i].text + len, sizeof out[i].text - len, "%c%s", left == cnt ? '{' : ',', member[pick]);
      len += (size_t)n;
      memcpy(member[pick], member[left - 1], sizeof member[0]);
    }
    out[i].text[len++] = '}';
    out[i].len = (uint16_t)len;
    out[i].want = top;
  }
}

/* ---- depth ---- */

static void book_start(gen_book_t *book, tg_rng_t *rng) {
  memset(book, 0, sizeof *book);
  book->bid = GEN_WINDOW / 2;
  book->ask = book->bid + 1;
  for (uint32_t i = 0; i < GEN_DEEP; i++) {
    book->bid_lots[book->bid - i] = some_lots(rng);
    book->ask_lots[book->ask + i] = some_lots(rng);
  }
  book->update_id = 4984028367494u;
  book->ms = START_MS;
}

/* Distance from the touch: mostly near, sometimes far. */
static uint32_t some_distance(tg_rng_t *rng) {
  static const uint32_t top[] = {4, 12, 60, 400};
  return (uint32_t)gen_below(rng, top[gen_below(rng, 4)]);
}

static void put(tg_md_level_t *level, uint32_t *cnt, int64_t *lots, uint32_t at, int64_t qty) {
  for (uint32_t i = 0; i < *cnt; i++) {
    if (level[i].px_ticks == GEN_BASE_TICKS + (int64_t)at) return; /* a level is named once */
  }
  if (*cnt >= GEN_SIDE_MAX) return;
  lots[at] = qty;
  level[(*cnt)++] = (tg_md_level_t){GEN_BASE_TICKS + (int64_t)at, qty};
}

/* One side moves: what stands in the way goes, the touch gets a size, some levels change. */
static void side_event(tg_rng_t *rng, int64_t *lots, tg_md_level_t *level, uint32_t *cnt, uint32_t old, uint32_t best,
                       bool bid) {
  if (bid) {
    for (uint32_t at = best + 1; at <= old; at++)
      if (lots[at]) put(level, cnt, lots, at, 0);
  } else {
    for (uint32_t at = old; at < best; at++)
      if (lots[at]) put(level, cnt, lots, at, 0);
  }
  put(level, cnt, lots, best, some_lots(rng));
  uint32_t more = 1 + (uint32_t)gen_below(rng, 16);
  for (uint32_t i = 0; i < more; i++) {
    uint32_t away = 1 + some_distance(rng);
    put(level, cnt, lots, bid ? best - away : best + away, gen_below(rng, 10) < 3 ? 0 : some_lots(rng));
  }
}

/* Appends; the texts are sized for what comes. */
#define ADD(d, ...) \
  ((d)->len = (uint16_t)((d)->len + (uint32_t)snprintf((d)->text + (d)->len, sizeof(d)->text - (d)->len, __VA_ARGS__)))

static void put_levels(gen_depth_t *d, const tg_md_level_t *level, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt; i++)
    ADD(d, "%s[\"" PX "\",\"" QTY "\"]", i ? "," : "", PX_ARG(level[i].px_ticks), QTY_ARG(level[i].qty_lots));
}

static void depth_text(gen_depth_t *d) {
  d->len = 0;
  ADD(d,
      "{\"stream\":\"btcusdt@depth@0ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":%ld,\"T\":%ld,\"s\":\"BTCUSDT\","
      "\"U\":%lu,\"u\":%lu,\"pu\":%lu,\"b\":[",
      d->venue_ms + 2, d->venue_ms, d->first_id, d->last_id, d->prev_id);
  put_levels(d, d->bid, d->bid_cnt);
  ADD(d, "],\"a\":[");
  put_levels(d, d->ask, d->ask_cnt);
  ADD(d, "]}}");
}

void gen_depths(gen_book_t *start, gen_depth_t out[GEN_CNT], gen_book_t *end, uint64_t seed) {
  tg_rng_t rng;
  tg_rng_seed(&rng, seed);
  book_start(start, &rng);
  *end = *start;
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    gen_depth_t *d = &out[i];
    memset(d, 0, sizeof *d);
    uint32_t bid = end->bid + (uint32_t)gen_below(&rng, 5) - 2;
    if (bid < GEN_WINDOW / 2 - 300) bid += 3;
    if (bid > GEN_WINDOW / 2 + 300) bid -= 3;
    uint32_t ask = bid + 1 + (uint32_t)gen_below(&rng, 3);
    d->prev_id = end->update_id;
    d->first_id = d->prev_id + 1 + gen_below(&rng, 60);
    d->last_id = end->update_id = d->first_id + 20 + gen_below(&rng, 3000);
    d->venue_ms = end->ms += 1 + (int64_t)gen_below(&rng, 60);
    side_event(&rng, end->bid_lots, d->bid, &d->bid_cnt, end->bid, bid, true);
    side_event(&rng, end->ask_lots, d->ask, &d->ask_cnt, end->ask, ask, false);
    end->bid = bid;
    end->ask = ask;
    depth_text(d);
  }
}

/* ---- orders ---- */

void gen_orders(gen_order_t out[GEN_CNT], uint64_t seed) {
  static const char *const word[][2] = {
      {"NEW", "NEW"}, {"AMENDMENT", "NEW"}, {"CANCELED", "CANCELED"}, {"TRADE", "PARTIALLY_FILLED"}, {"TRADE", "FILLED"}};
  static const uint8_t status[] = {TG_STATUS_NEW, TG_STATUS_NEW, TG_STATUS_CANCELED, TG_STATUS_PARTIALLY_FILLED,
                                   TG_STATUS_FILLED};
  static const uint8_t exec[] = {TG_EXEC_NEW, TG_EXEC_AMENDMENT, TG_EXEC_CANCELED, TG_EXEC_TRADE, TG_EXEC_TRADE};
  tg_rng_t rng;
  tg_rng_seed(&rng, seed);
  int64_t ms = START_MS;
  for (uint32_t i = 0; i < GEN_CNT; i++) {
    gen_order_t *o = &out[i];
    uint32_t kind = (uint32_t)gen_below(&rng, 5);
    int64_t px = 600000 + (int64_t)gen_below(&rng, 90000), qty = 2 + some_lots(&rng), part = 0;
    if (kind == 3) part = 1 + (int64_t)gen_below(&rng, (uint64_t)qty - 1);
    if (kind == 4) part = qty;
    uint64_t id = UINT64_C(0x3000070100000000) | gen_below(&rng, 1u << 20);
    int64_t order_id = 482255808281 + (int64_t)gen_below(&rng, 1u << 30);
    uint64_t trade = part ? 5612428004 + gen_below(&rng, 1u << 20) : 0;
    int64_t fee = part * 1147, rp = part ? (int64_t)gen_below(&rng, 20000000) : 0;
    bool buy = gen_below(&rng, 2) == 0, maker = part && gen_below(&rng, 2);
    ms += (int64_t)gen_below(&rng, 300);
    int n = snprintf(o->text, sizeof o->text,
                     "{\"e\":\"ORDER_TRADE_UPDATE\",\"T\":%ld,\"E\":%ld,\"o\":{\"s\":\"BTCUSDT\",\"c\":\"tgs-%016lx\",\"S\":\"%"
                     "s\",\"o\":\"LIMIT\","
                     "\"f\":\"GTX\",\"q\":\"" QTY "\",\"p\":\"" PX
                     "\",\"ap\":\"0\",\"sp\":\"0\",\"x\":\"%s\",\"X\":\"%s\",\"i\":%ld,\"l\":\"" QTY "\",\"z\":\"" QTY
                     "\",\"L\":\"" PX
                     "\",\"n\":\"%ld.%08ld\",\"N\":\"USDT\",\"T\":%ld,\"t\":%lu,\"b\":\"0\",\"a\":\"0\",\"m\":%s,"
                     "\"R\":false,\"wt\":\"CONTRACT_PRICE\",\"ot\":\"LIMIT\",\"ps\":\"BOTH\",\"cp\":false,\"rp\":\"%ld.%08ld\","
                     "\"pP\":false,\"si\":0,"
                     "\"ss\":0,\"V\":\"EXPIRE_MAKER\",\"pm\":\"NONE\",\"gtd\":0}}",
                     ms, ms + 1, id, buy ? "BUY" : "SELL", QTY_ARG(qty), PX_ARG(px), word[kind][0], word[kind][1], order_id,
                     QTY_ARG(part), QTY_ARG(part), PX_ARG(part ? px : 0), fee / TG_E8, fee % TG_E8, ms, trade,
                     maker ? "true" : "false", rp / TG_E8, rp % TG_E8);
    o->len = (uint16_t)n;
    o->has_fill = part != 0;
    o->order = (tg_ex_order_t){.client_id = id,
                               .order_id = order_id,
                               .px_ticks = px,
                               .qty_lots = qty,
                               .cum_qty_lots = part,
                               .status = status[kind],
                               .exec = exec[kind],
                               .side = buy ? TG_BUY : TG_SELL};
    o->fill = (tg_ex_fill_t){
        .client_id = id, .trade_id = trade, .px_ticks = px, .qty_lots = part, .commission_e8 = fee, .realised_e8 = rp};
  }
}

/* gen.h - seeded market and account messages: text as the venue would send it, and what must come out of it.
 * What:    every text is made from integers that are kept beside it, so that a parser is held against numbers that no parser
 *          has touched. The same seed gives the same texts. No recordings.
 * Owner:   the caller gives the memory.
 * Limit:   GEN_CNT distinct messages of a kind; GEN_SIDE_MAX levels a side of a depth event. */
#ifndef TG_BENCH_GEN_H
#define TG_BENCH_GEN_H

#include "codecs/symtab.h"
#include "engine/base/rng.h"
#include "engine/msg/msg.h"

#define GEN_CNT 1024u
#define GEN_SIDE_MAX 64u
#define GEN_WINDOW 4096u      /* ticks of the generated book */
#define GEN_BASE_TICKS 636000 /* price of the window's first tick: 63,600.0 */
#define GEN_DEEP 1000u        /* levels a side at the start */

typedef struct gen_top {
  uint16_t len;
  char text[512];
  tg_md_top_t want;
} gen_top_t;

typedef struct gen_depth {
  uint16_t len;
  char text[4096];
  uint64_t first_id, last_id, prev_id;
  int64_t venue_ms;
  uint32_t bid_cnt, ask_cnt;
  tg_md_level_t bid[GEN_SIDE_MAX], ask[GEN_SIDE_MAX];
} gen_depth_t;

typedef struct gen_order {
  uint16_t len;
  char text[1024];
  bool has_fill;
  tg_ex_order_t order; /* venue_lag_ms left 0 */
  tg_ex_fill_t fill;
} gen_order_t;

/* The slow book: quantity by tick of the window. */
typedef struct gen_book {
  int64_t bid_lots[GEN_WINDOW], ask_lots[GEN_WINDOW];
  uint32_t bid, ask; /* best, index into the window */
  uint64_t update_id;
  int64_t ms;
} gen_book_t;

/* BTCUSDT: tick 0.1, step 0.001. */
tg_cfg_symbol_t gen_symbol(void);
/* It as instrument 0, and four others. */
int gen_symtab(tg_symtab_t *tab);
void gen_tops(gen_top_t out[GEN_CNT], uint64_t seed);
/* The same values with the keys in a random order and two unknown ones among them. */
void gen_tops_shuffled(gen_top_t out[GEN_CNT], uint64_t seed);
/* A start (GEN_DEEP levels a side), then GEN_CNT events of 10 + 10 levels on average that lead from it to *end. */
void gen_depths(gen_book_t *start, gen_depth_t out[GEN_CNT], gen_book_t *end, uint64_t seed);
/* ORDER_TRADE_UPDATEs of ours: new, amended, cancelled, executions in part and in full. */
void gen_orders(gen_order_t out[GEN_CNT], uint64_t seed);
/* Uniform 0 .. n-1. */
static inline uint64_t gen_below(tg_rng_t *rng, uint64_t n) {
  return tg_rng_next(rng) % n;
}

#endif

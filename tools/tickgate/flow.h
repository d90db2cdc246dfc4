/* flow.h - one or more recordings as one flow, decoded and built into books.
 * What:    guesses product and scales from the data, decodes every frame with the engine's codec and gives the messages to
 *          one book a symbol. Used by `tickgate book` and by tests/books.
 * Owner:   caller: tg_flow_open, tg_flow_run once, read, tg_flow_close.
 * Threads: one.
 * Limit:   TG_INSTR_MAX symbols, TG_FLOW_KIND_MAX kinds of frames.
 * Errors:  -TG_EIO, -TG_ECORRUPT, -TG_ERANGE (a value off the grid that --tick or --step gives), ...; flow->error is one line.
 */
#ifndef TG_TOOLS_TICKGATE_FLOW_H
#define TG_TOOLS_TICKGATE_FLOW_H

#include "codecs/bn_md.h"
#include "engine/base/arena.h"
#include "engine/market/book.h"

#define TG_FLOW_KIND_MAX 32

typedef struct tg_flow_kind {
  char name[32];
  uint64_t cnt;
} tg_flow_kind_t;

typedef struct tg_flow_symbol {
  char name[24];
  uint8_t px_dec, qty_dec;   /* decimals of the texts, for printing */
  uint8_t px_used, qty_used; /* decimals that are not always zero, for the scale */
  tg_scale_t px, qty;
  tg_arena_t arena;
  tg_book_t book;
  uint64_t trade_cnt, mark_cnt;
} tg_flow_symbol_t;

typedef struct tg_flow_cfg {
  tg_product_t product;    /* NONE: guess */
  const char *tick, *step; /* decimal text or NULL: guess */
  uint32_t level_cap;
  /* after each message and its book; NULL none */
  void (*hook)(void *user, const tg_flow_symbol_t *symbol, const tg_msg_t *msg, uint32_t ev);
  void (*again)(void *user); /* everything starts over with finer scales: forget what hook saw; NULL none */
  void *user;
} tg_flow_cfg_t;

typedef struct tg_flow {
  tg_flow_cfg_t cfg;
  tg_product_t product;
  uint32_t symbol_cnt;
  tg_flow_symbol_t *symbol; /* TG_INSTR_MAX */
  tg_symtab_t tab;
  tg_bn_md_t md;
  tg_msg_batch_t batch;
  uint32_t kind_cnt;
  tg_flow_kind_t kind[TG_FLOW_KIND_MAX];
  uint64_t frame_cnt, msg_cnt;
  uint64_t first_ns, last_ns;
  uint64_t time_back_cnt; /* receive times that went back */
  uint64_t other_cnt;     /* frames of no kind we build from */
  char error[512];
} tg_flow_t;

/* 0, -TG_ENOMEM. */
TG_MUST_USE int tg_flow_open(tg_flow_t *flow, const tg_flow_cfg_t *cfg);
/* Reads the files in order. 0 or -TG_E* with flow->error set. */
TG_MUST_USE int tg_flow_run(tg_flow_t *flow, const char *const *path, size_t path_cnt);
/* The symbol with the most depth events, NULL when there is none. */
const tg_flow_symbol_t *tg_flow_busiest(const tg_flow_t *flow);
/* Prints a price or quantity of a symbol as the venue writes it (same decimals). Returns bytes; buf of 40. */
size_t tg_flow_print_px(const tg_flow_symbol_t *symbol, int64_t px_ticks, char *buf);
size_t tg_flow_print_qty(const tg_flow_symbol_t *symbol, int64_t qty_lots, char *buf);
void tg_flow_close(tg_flow_t *flow);

#endif

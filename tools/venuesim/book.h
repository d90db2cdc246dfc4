/* book.h - price levels indexed by tick, with an order queue per level.
 * What:   one book; level quantities are public, the queue holds single orders (synthetic flow) or nothing (replay).
 * Owner:  vs_book owns its arrays (vs_book_init / vs_book_free). on_change is called after every level change.
 * Limits: prices below VS_LEVEL_CNT ticks; VS_NODE_CNT queued orders.
 * Errors: vs_book_add returns -1 when the pool is full or the price is out of range; the book is unchanged then. */
#ifndef VS_BOOK_H
#define VS_BOOK_H

#include <stdbool.h>
#include <stdint.h>

enum { VS_BUY = 0, VS_SELL = 1 };

#define VS_LEVEL_CNT (1 << 22)
#define VS_NODE_CNT (1 << 16)
#define VS_NONE (-1)

typedef struct vs_level {
  int64_t qty;
  int32_t head;
  int32_t tail;
} vs_level;

typedef struct vs_node {
  int64_t qty;
  int32_t prev;
  int32_t next;
  int32_t lvl;
  int32_t ours; /* slot of an order of the account under test, or VS_NONE */
  int32_t pos;  /* place in others[], or VS_NONE */
  uint8_t side;
} vs_node;

typedef struct vs_book {
  vs_level *level[2];
  uint64_t *bits[2];
  int32_t best[2];
  int32_t level_cnt[2];
  vs_node *node;
  int32_t free_head;
  int32_t *others; /* dense list of the nodes that are not ours */
  int32_t others_cnt;
  void (*on_change)(void *ctx, int side, int32_t lvl);
  void *ctx;
} vs_book;

void vs_book_init(vs_book *b, void (*on_change)(void *, int, int32_t), void *ctx);
void vs_book_free(vs_book *b);

/* Sets a level's absolute quantity (replay only: no queue there). */
void vs_book_set(vs_book *b, int side, int32_t lvl, int64_t qty);

/* Appends an order at the end of its level's queue. Returns the node, or -1. */
int32_t vs_book_add(vs_book *b, int side, int32_t lvl, int64_t qty, int32_t ours);

/* Takes qty (> 0, <= node's) off a node; removes it at zero. */
void vs_book_take(vs_book *b, int32_t node, int64_t qty);

/* Removes a node whatever is left of it. */
void vs_book_drop(vs_book *b, int32_t node);

/* Next level behind lvl on that side (lower for bids, higher for asks), or VS_NONE. */
int32_t vs_book_next(const vs_book *b, int side, int32_t lvl);

static inline int64_t vs_book_qty(const vs_book *b, int side, int32_t lvl) {
  return b->level[side][lvl].qty;
}

#endif

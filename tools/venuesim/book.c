/* book.c - see book.h. */
#include "book.h"

#include <stdlib.h>

#include "buf.h"

void vs_book_init(vs_book *b, void (*on_change)(void *, int, int32_t), void *ctx) {
  for (int side = 0; side < 2; side++) {
    b->level[side] = vs_alloc(VS_LEVEL_CNT, sizeof(vs_level)); /* untouched pages cost nothing */
    b->bits[side] = vs_alloc(VS_LEVEL_CNT / 64, sizeof(uint64_t));
    b->best[side] = VS_NONE;
    b->level_cnt[side] = 0;
  }
  b->node = vs_alloc(VS_NODE_CNT, sizeof(vs_node));
  b->others = vs_alloc(VS_NODE_CNT, sizeof(int32_t));
  b->others_cnt = 0;
  for (int32_t k = 0; k < VS_NODE_CNT; k++) {
    b->node[k].next = k + 1 < VS_NODE_CNT ? k + 1 : VS_NONE;
    b->node[k].ours = VS_NONE;
    b->node[k].pos = VS_NONE;
  }
  b->free_head = 0;
  b->on_change = on_change;
  b->ctx = ctx;
}

void vs_book_free(vs_book *b) {
  for (int side = 0; side < 2; side++) {
    free(b->level[side]);
    free(b->bits[side]);
  }
  free(b->node);
  free(b->others);
}

static int32_t scan_up(const uint64_t *bits, int32_t from) {
  int32_t w = from >> 6;
  if (w >= VS_LEVEL_CNT / 64) {
    return VS_NONE;
  }
  uint64_t word = bits[w] & (~0ULL << (from & 63));
  while (word == 0) {
    if (++w == VS_LEVEL_CNT / 64) {
      return VS_NONE;
    }
    word = bits[w];
  }
  return w * 64 + __builtin_ctzll(word);
}

static int32_t scan_down(const uint64_t *bits, int32_t from) {
  if (from < 0) {
    return VS_NONE;
  }
  int32_t w = from >> 6;
  uint64_t word = bits[w] & (~0ULL >> (63 - (from & 63)));
  while (word == 0) {
    if (w-- == 0) {
      return VS_NONE;
    }
    word = bits[w];
  }
  return w * 64 + 63 - __builtin_clzll(word);
}

int32_t vs_book_next(const vs_book *b, int side, int32_t lvl) {
  return side == VS_BUY ? scan_down(b->bits[side], lvl - 1) : scan_up(b->bits[side], lvl + 1);
}

/* Writes a level's quantity and keeps bitmap, best and count. */
static void put_qty(vs_book *b, int side, int32_t lvl, int64_t qty) {
  vs_level *l = &b->level[side][lvl];
  bool was = l->qty > 0;
  bool is = qty > 0;
  l->qty = qty;
  if (is && !was) {
    b->bits[side][lvl >> 6] |= 1ULL << (lvl & 63);
    b->level_cnt[side]++;
    int32_t best = b->best[side];
    if (best == VS_NONE || (side == VS_BUY ? lvl > best : lvl < best)) {
      b->best[side] = lvl;
    }
  } else if (was && !is) {
    b->bits[side][lvl >> 6] &= ~(1ULL << (lvl & 63));
    b->level_cnt[side]--;
    if (b->best[side] == lvl) {
      b->best[side] = vs_book_next(b, side, lvl);
    }
  }
  b->on_change(b->ctx, side, lvl);
}

void vs_book_set(vs_book *b, int side, int32_t lvl, int64_t qty) {
  if (lvl > 0 && lvl < VS_LEVEL_CNT) {
    put_qty(b, side, lvl, qty);
  }
}

int32_t vs_book_add(vs_book *b, int side, int32_t lvl, int64_t qty, int32_t ours) {
  if (b->free_head == VS_NONE || lvl <= 0 || lvl >= VS_LEVEL_CNT || qty <= 0) {
    return -1;
  }
  int32_t k = b->free_head;
  vs_node *n = &b->node[k];
  b->free_head = n->next;
  vs_level *l = &b->level[side][lvl];
  bool empty = l->qty == 0;
  n->qty = qty;
  n->lvl = lvl;
  n->side = (uint8_t)side;
  n->ours = ours;
  n->next = VS_NONE;
  n->prev = empty ? VS_NONE : l->tail;
  n->pos = VS_NONE;
  if (ours == VS_NONE) {
    n->pos = b->others_cnt;
    b->others[b->others_cnt++] = k;
  }
  if (empty) {
    l->head = k;
  } else {
    b->node[l->tail].next = k;
  }
  l->tail = k;
  put_qty(b, side, lvl, l->qty + qty);
  return k;
}

static void unlink_node(vs_book *b, int32_t k) {
  vs_node *n = &b->node[k];
  vs_level *l = &b->level[n->side][n->lvl];
  if (n->prev != VS_NONE) {
    b->node[n->prev].next = n->next;
  } else {
    l->head = n->next;
  }
  if (n->next != VS_NONE) {
    b->node[n->next].prev = n->prev;
  } else {
    l->tail = n->prev;
  }
  if (n->pos != VS_NONE) {
    int32_t last = b->others[--b->others_cnt];
    b->others[n->pos] = last;
    b->node[last].pos = n->pos;
    n->pos = VS_NONE;
  }
  n->ours = VS_NONE;
  n->next = b->free_head;
  b->free_head = k;
}

void vs_book_take(vs_book *b, int32_t node, int64_t qty) {
  vs_node *n = &b->node[node];
  int side = n->side;
  int32_t lvl = n->lvl;
  int64_t left = b->level[side][lvl].qty - qty;
  n->qty -= qty;
  if (n->qty == 0) {
    unlink_node(b, node);
  }
  put_qty(b, side, lvl, left);
}

void vs_book_drop(vs_book *b, int32_t node) {
  vs_book_take(b, node, b->node[node].qty);
}

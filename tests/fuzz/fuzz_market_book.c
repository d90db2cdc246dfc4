/* Any sequence of messages: the book never asserts, never shows a top it must not, and its invariants hold. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/market/book.h"

typedef struct reader {
  const uint8_t *at, *end;
} reader_t;

static uint8_t byte(reader_t *r) {
  return r->at < r->end ? *r->at++ : 0;
}

/* Mostly small steps around the last value, now and then anything. */
static uint64_t number(reader_t *r, uint64_t around) {
  uint8_t b = byte(r);
  if (b < 0xf8) return around + b % 16u - 4u;
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | byte(r);
  return v;
}

static void make(reader_t *r, tg_msg_t *msg, uint64_t *now_ns, uint64_t *id) {
  static const uint8_t kinds[] = {TG_MD_DEPTH, TG_MD_LEVELS, TG_MD_LEVELS, TG_MD_DEPTH,
                                  TG_MD_TOP,   TG_LINK,      TG_MD_DEPTH,  TG_MD_LEVELS};
  uint8_t what = byte(r);
  *now_ns += (uint64_t)(what >> 3) * 50000000u;
  tg_msg_init(msg, kinds[what % 8], 0, *now_ns);
  msg->flags = byte(r);
  switch (msg->kind) {
    case TG_MD_DEPTH: {
      if (what % 8 != 6) msg->flags &= (uint8_t)~TG_F_SNAPSHOT;
      tg_md_depth_t *md = &msg->u.md_depth;
      md->prev_id = *id;
      md->first_id = number(r, *id + 5);
      md->last_id = number(r, md->first_id + 4);
      if (byte(r) > 200) md->prev_id = number(r, *id);
      if ((msg->flags & TG_F_SNAPSHOT) == 0) *id = md->last_id;
      md->bid_cnt = byte(r) % 4;
      md->ask_cnt = byte(r) % 4;
      break;
    }
    case TG_MD_LEVELS:
      for (unsigned i = 0; i < TG_LEVELS_PER_MSG && byte(r) % 4 != 0; i++) {
        uint64_t px = number(r, (msg->flags & TG_F_ASK) != 0 ? 1008 : 1000);
        msg->u.md_levels.level[i] = (tg_md_level_t){(int64_t)px, (int64_t)number(r, 4)};
      }
      break;
    case TG_MD_TOP:
      msg->u.md_top = (tg_md_top_t){.bid_px_ticks = (int64_t)number(r, 1000),
                                    .bid_qty_lots = (int64_t)number(r, 5),
                                    .ask_px_ticks = (int64_t)number(r, 1012),
                                    .ask_qty_lots = (int64_t)number(r, 5),
                                    .update_id = number(r, *id)};
      break;
    default:
      msg->u.link = (tg_link_t){.session = byte(r) % 4, .up = byte(r) & 1, .gen = byte(r) % 4};
      break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tg_arena_t arena;
  static tg_book_t book;
  reader_t r = {data, data + size};
  uint8_t first = byte(&r);
  tg_book_cfg_t cfg = {.product = first & 1 ? TG_PRODUCT_SPOT : TG_PRODUCT_USDM,
                       .level_cap = 64,
                       .event_buffer_cnt = 64,
                       .stale_ns = (first & 2) != 0 ? 3000000000u : 0,
                       .snapshot_retry_ns = 1000000000u};
  tg_arena_t count;
  tg_arena_count(&count);
  if (tg_book_layout(&count, NULL, &cfg) != 0) abort();
  if (arena.base == NULL && tg_arena_map(&arena, count.used_bytes) != 0) abort();
  arena.used_bytes = 0;
  if (tg_book_layout(&arena, &book, &cfg) != 0) abort();
  uint64_t now_ns = 1, id = 100;
  while (r.at < r.end) {
    tg_msg_t msg;
    make(&r, &msg, &now_ns, &id);
    uint32_t ev = tg_book_on_msg(&book, &msg);
    if (byte(&r) % 16 == 0) ev |= tg_book_on_time(&book, now_ns);
    if (byte(&r) == 77) ev |= tg_book_resync(&book, now_ns);
    if (!tg_book_check(&book)) abort();
    const tg_top_t *top = tg_book_top(&book);
    if (top->valid && (top->bid_px_ticks >= top->ask_px_ticks || top->bid_qty_lots <= 0 || top->ask_qty_lots <= 0)) abort();
    if ((ev & TG_BOOK_EV_STATE_CHANGED) != 0 && book.change.to != book.state) abort();
  }
  return 0;
}

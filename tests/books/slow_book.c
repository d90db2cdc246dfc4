#include "tests/books/slow_book.h"

#include <stdlib.h>

static void put(tg_msg_t **list, size_t *cnt, size_t *cap, const tg_msg_t *msg) {
  if (*cnt == *cap) {
    *cap = *cap == 0 ? 1024 : *cap * 2;
    *list = realloc(*list, *cap * sizeof **list);
    if (*list == NULL) abort();
  }
  (*list)[(*cnt)++] = *msg;
}

void slow_book_init(slow_book_t *book, bool spot) {
  memset(book, 0, sizeof *book);
  book->spot = spot;
}

void slow_book_free(slow_book_t *book) {
  free(book->side[0].level);
  free(book->side[1].level);
  free(book->waiting);
  free(book->event);
}

static void set_level(slow_side_t *side, tg_md_level_t level) {
  size_t at = 0, end = side->cnt;
  while (at < end) {
    size_t mid = (at + end) / 2;
    if (side->level[mid].px_ticks < level.px_ticks) {
      at = mid + 1;
    } else {
      end = mid;
    }
  }
  bool there = at < side->cnt && side->level[at].px_ticks == level.px_ticks;
  if (level.qty_lots == 0) {
    if (!there) return;
    side->cnt--;
    memmove(&side->level[at], &side->level[at + 1], (side->cnt - at) * sizeof level);
    return;
  }
  if (!there) {
    if (side->cnt == side->cap) {
      side->cap = side->cap == 0 ? 1024 : side->cap * 2;
      side->level = realloc(side->level, side->cap * sizeof level);
      if (side->level == NULL) abort();
    }
    memmove(&side->level[at + 1], &side->level[at], (side->cnt - at) * sizeof level);
    side->cnt++;
  }
  side->level[at] = level;
}

static void apply(slow_book_t *book, const tg_msg_t *msg, size_t cnt) {
  for (size_t i = 0; i < cnt; i++) {
    if (msg[i].kind != TG_MD_LEVELS) continue;
    for (size_t k = 0; k < TG_LEVELS_PER_MSG; k++) {
      tg_md_level_t level = msg[i].u.md_levels.level[k];
      if (level.px_ticks != 0) set_level(&book->side[(msg[i].flags & TG_F_ASK) != 0], level);
    }
  }
}

/* One whole event after the snapshot. True when applied. */
static bool take(slow_book_t *book, const tg_msg_t *event, size_t cnt) {
  const tg_md_depth_t *md = &event->u.md_depth;
  uint64_t id = book->snapshot_id;
  if (!book->synced) {
    if (book->spot ? md->last_id <= id : md->last_id < id) {
      book->skipped_cnt++;
      return false;
    }
    bool meets = book->spot ? md->first_id <= id + 1 : (md->first_id <= id || md->prev_id <= id);
    if (!meets) {
      book->have_snapshot = false;
      return false;
    }
    book->synced = true;
  }
  apply(book, event, cnt);
  book->last_id = md->last_id;
  book->applied_cnt++;
  return true;
}

static void drain(slow_book_t *book) {
  for (size_t i = 0; i < book->waiting_cnt && book->have_snapshot;) {
    size_t end = i + 1;
    while (end < book->waiting_cnt && book->waiting[end].kind == TG_MD_LEVELS) end++;
    take(book, &book->waiting[i], end - i);
    i = end;
  }
  if (book->have_snapshot) book->waiting_cnt = 0;
}

bool slow_book_on_msg(slow_book_t *book, const tg_msg_t *msg) {
  put(&book->event, &book->event_cnt, &book->event_cap, msg);
  if ((msg->flags & TG_F_LAST) == 0) return false;
  size_t cnt = book->event_cnt;
  const tg_msg_t *event = book->event;
  const tg_md_depth_t *md = &event->u.md_depth;
  book->event_cnt = 0;
  if ((event->flags & TG_F_SNAPSHOT) != 0) {
    if (book->synced) return false;
    book->side[0].cnt = book->side[1].cnt = 0;
    apply(book, event, cnt);
    book->have_snapshot = true;
    book->snapshot_id = md->last_id;
    drain(book);
    return book->synced;
  }
  bool first = book->last_seen_id == 0;
  bool follows = book->spot ? md->first_id == book->last_seen_id + 1 : md->prev_id == book->last_seen_id;
  book->last_seen_id = md->last_id;
  if (!first && !follows) {
    book->gap_cnt++;
    book->have_snapshot = book->synced = false;
    book->waiting_cnt = 0;
  }
  if (book->have_snapshot && take(book, event, cnt)) return true;
  if (!book->have_snapshot) {
    for (size_t i = 0; i < cnt; i++) put(&book->waiting, &book->waiting_cnt, &book->waiting_cap, &event[i]);
  }
  return false;
}

bool slow_book_best(const slow_book_t *book, tg_side_t side, tg_md_level_t *out) {
  const slow_side_t *s = &book->side[side];
  if (s->cnt == 0) return false;
  *out = s->level[side == TG_BUY ? s->cnt - 1 : 0];
  return true;
}

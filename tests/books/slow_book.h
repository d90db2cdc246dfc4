/* slow_book.h - a second opinion on a stream of depth messages, written to be read.
 * What:    keeps every event since the start, applies them to plain sorted arrays once a snapshot is there, by the
 *          letter of the venue's procedure. Knows nothing of engine/market.
 * Owner:   caller; plain malloc.
 * Threads: one.
 * Limit:   memory.
 * Errors:  aborts when memory ends (a test). */
#ifndef TG_TESTS_BOOKS_SLOW_BOOK_H
#define TG_TESTS_BOOKS_SLOW_BOOK_H

#include "engine/msg/msg.h"

typedef struct slow_side {
  tg_md_level_t *level; /* ascending price */
  size_t cnt, cap;
} slow_side_t;

typedef struct slow_book {
  bool spot;
  bool have_snapshot, synced;
  uint64_t snapshot_id;
  uint64_t last_seen_id; /* u of the last event, 0 none */
  uint64_t gap_cnt, applied_cnt, skipped_cnt;
  uint64_t last_id;
  slow_side_t side[2];
  tg_msg_t *waiting; /* all messages of events since the last gap, until synced */
  size_t waiting_cnt, waiting_cap;
  tg_msg_t *event; /* messages of the event or snapshot under way */
  size_t event_cnt, event_cap;
} slow_book_t;

void slow_book_init(slow_book_t *book, bool spot);
/* One MD_DEPTH or MD_LEVELS; true when a depth event was applied by it. */
bool slow_book_on_msg(slow_book_t *book, const tg_msg_t *msg);
/* Best level of a side; false when empty. */
bool slow_book_best(const slow_book_t *book, tg_side_t side, tg_md_level_t *out);
void slow_book_free(slow_book_t *book);

#endif

/* book.h - the price-level book of one instrument, built from a diff stream and a snapshot.
 * What:    the procedure of binance-usdm.md 5.7 (COIN-M the same, spot with its own ids) as a four-state
 *          machine (book.def), over two ladders; and the top of book, the fresher of the
 *          depth stream and bookTicker. Pure: (book, message) -> book; time comes with the messages.
 * Owner:   the caller's arena; nothing is allocated after tg_book_layout.
 * Threads: one lane (the core's).
 * Order:   messages of one instrument in their arrival order. Depth levels are applied as they come; the top
 *          changes only when an event is complete, and the level readers below are to be used only while
 *          tg_book_complete() (after TG_BOOK_EV_APPLIED it is).
 * Limit:   level_cap levels a side (the farthest beyond it goes, TG_BOOK_EV_CAP), event_buffer_cnt messages
 *          kept while a snapshot is under way (overflow: UNSYNCED, BUFFER_FULL).
 * Errors:  none at run time: a broken stream is a state with a reason. A book that is not LIVE has no valid top. */
#ifndef TG_MARKET_BOOK_H
#define TG_MARKET_BOOK_H

#include "engine/base/arena.h"
#include "engine/base/types.h"
#include "engine/market/ladder.h"
#include "engine/msg/msg.h"

/* What one call did; several bits may be set. */
#define TG_BOOK_EV_TOP_CHANGED 0x001u   /* price, quantity or validity of tg_book_top changed */
#define TG_BOOK_EV_STATE_CHANGED 0x002u /* tg_book_state moved: from/to/reason in tg_book_change() */
#define TG_BOOK_EV_WANT_SNAPSHOT 0x004u /* send OUT_SNAPSHOT now (paced by snapshot_retry_ns; obey each) */
#define TG_BOOK_EV_APPLIED 0x008u       /* a depth event (or a splice) was applied to its end */
#define TG_BOOK_EV_GAP 0x010u           /* a sequence number was missing */
#define TG_BOOK_EV_CAP 0x020u           /* levels were dropped because of level_cap */
#define TG_BOOK_EV_CROSSED 0x040u       /* bid >= ask: in the depth book (then UNSYNCED) or in a bookTicker (ignored) */
#define TG_BOOK_EV_DROPPED 0x080u       /* a depth event was older than what we hold */
#define TG_BOOK_EV_CUT 0x100u           /* a depth event was cut short or malformed */
#define TG_BOOK_EV_SAME_U 0x200u        /* a depth event and a bookTicker met at one update id and were compared */
#define TG_BOOK_EV_UNEQUAL 0x400u       /* ... and their tops differed: told, counted */

typedef struct tg_top {
  int64_t bid_px_ticks, bid_qty_lots, ask_px_ticks, ask_qty_lots;
  uint64_t update_id;
  int64_t venue_ms;
  uint64_t rx_ns; /* ts_ns of the message that made it */
  bool valid;     /* book LIVE, both sides there, bid < ask; else the numbers are history */
} tg_top_t;

typedef struct tg_book_cfg {
  uint16_t instr_idx;         /* messages of other instruments are ignored; LINK has none */
  uint8_t product;            /* tg_product_t: SPOT has its own id rule, all else is USDT-M's */
  uint32_t level_cap;         /* book.level_cap, 64 .. 262144 */
  uint32_t event_buffer_cnt;  /* book.event_buffer, messages, 64 .. 262144 */
  uint64_t stale_ns;          /* LIVE -> STALE after this long without a depth event; 0 never */
  uint64_t snapshot_retry_ns; /* book.snapshot_retry_ms: least time between two WANT_SNAPSHOT */
} tg_book_cfg_t;

typedef struct tg_book_counters {
  uint64_t depth_event_cnt;         /* heads of depth events seen, snapshots not counted */
  uint64_t applied_cnt;             /* depth events applied */
  uint64_t dropped_before_sync_cnt; /* depth events older than the snapshot they met */
  uint64_t dropped_old_cnt;         /* depth events at or below last_id of a LIVE book (an overlap of two sessions) */
  uint64_t discarded_cnt;           /* buffered depth events thrown away with their chain (gap, overflow, link down) */
  uint64_t gap_cnt;                 /* missing sequence numbers noticed, in any state */
  uint64_t sync_break_cnt;          /* times LIVE or STALE was lost */
  uint64_t snapshot_cnt;            /* complete snapshots seen */
  uint64_t spliced_cnt;             /* snapshots that led to LIVE */
  uint64_t snapshot_old_cnt;        /* snapshots too old for the events held */
  uint64_t snapshot_ignored_cnt;    /* snapshots that came while LIVE or STALE */
  uint64_t want_cnt;                /* WANT_SNAPSHOT said */
  uint64_t cut_cnt;                 /* events cut short or malformed */
  uint64_t overflow_cnt;            /* event buffer full */
  uint64_t cap_drop_cnt;            /* levels dropped because of level_cap, both sides */
  uint64_t crossed_cnt;             /* depth books found crossed or locked after an event */
  uint64_t top_cnt;                 /* bookTickers seen */
  uint64_t top_old_cnt;             /* ... with an id behind the book's */
  uint64_t top_bad_cnt;             /* ... crossed, locked or with an empty side */
  uint64_t same_u_checked_cnt;      /* update ids at which depth and bookTicker met while LIVE */
  uint64_t same_u_equal_cnt;
} tg_book_counters_t;

/* The last change of state. */
typedef struct tg_book_change {
  uint8_t from, to, reason; /* tg_book_state_t, tg_book_reason_t */
  uint64_t at_ns;
} tg_book_change_t;

/* Sum over levels of one side. */
typedef struct tg_book_depth {
  int64_t qty_lots;      /* saturates at INT64_MAX */
  tg_i128 px_qty;        /* sum of px_ticks * qty_lots */
  int64_t last_px_ticks; /* farthest level summed; 0 when level_cnt is 0 */
  uint32_t level_cnt;
} tg_book_depth_t;

/* Numbers beyond these are malformed: every sum over a book then fits 128 bits. */
#define TG_BOOK_PX_MAX (INT64_C(1) << 52)
#define TG_BOOK_QTY_MAX (INT64_C(1) << 56)

/* Events at which one stream may run ahead of the other and still be compared (power of two). */
#define TG_BOOK_MEET_CNT 256u

typedef struct tg_book_meet { /* a top and the update id it belongs to */
  uint64_t update_id;
  int64_t bid_px_ticks, bid_qty_lots, ask_px_ticks, ask_qty_lots;
} tg_book_meet_t;

typedef struct tg_book_meets { /* the last TG_BOOK_MEET_CNT of one stream, ids ascending */
  tg_book_meet_t *meet;
  uint64_t put_cnt, got_cnt; /* got: everything before it is behind the other stream */
} tg_book_meets_t;

/* An event under way: its head came, its levels are coming. */
typedef struct tg_book_event {
  uint64_t first_id, last_id, prev_id;
  int64_t venue_ms;
  uint32_t level_cnt; /* promised by the head */
  uint32_t level_seen_cnt;
  uint8_t mode; /* what to do with its levels: tg_book_mode in book.c */
} tg_book_event_t;

typedef struct tg_book {
  tg_top_t top; /* first line: what strategy and gates read */
  uint8_t state;
  uint8_t link_up, link_down; /* both 0: never told */
  uint8_t snapshot_held;      /* SYNCING: the ladders hold a snapshot that waits for its first event */
  uint32_t link_gen;
  uint64_t last_id;         /* u of the last depth event applied, or lastUpdateId of the snapshot held */
  uint64_t chain_id;        /* u of the last depth event of the chain, buffered or applied; 0 no chain */
  uint64_t depth_rx_ns;     /* ts_ns of the last depth event that continued the chain */
  tg_book_event_t event;    /* of the stream */
  tg_book_event_t snapshot; /* may interleave with the stream: it comes on another ring */
  tg_top_t ticker;          /* the last good bookTicker */
  tg_ladder_t bid, ask;
  tg_msg_t *buffer;
  uint32_t buffer_cnt;
  uint32_t buffer_event_cnt;
  uint64_t want_ns; /* ts of the last WANT_SNAPSHOT, 0 none yet */
  tg_book_meets_t ticker_meets, depth_meets;
  tg_book_change_t change;
  tg_book_counters_t counters;
  tg_book_cfg_t cfg;
} tg_book_t;

/* Counts or carves (twice the same code, see arena.h); `book` itself is the caller's and is initialised when
 * carving (may be NULL when counting): UNSYNCED, reason START. 0, -TG_EINVAL (bounds of cfg), -TG_ENOMEM. */
TG_MUST_USE int tg_book_layout(tg_arena_t *arena, tg_book_t *book, const tg_book_cfg_t *cfg);

/* Takes MD_TOP, MD_DEPTH, MD_LEVELS of its instrument and LINK of the PUBLIC session; ignores everything else.
 * Returns TG_BOOK_EV_* bits. */
uint32_t tg_book_on_msg(tg_book_t *book, const tg_msg_t *msg);

/* Time passes: LIVE may become STALE, an unanswered snapshot is asked for again. Call on TIMER; cheap.
 * Returns TG_BOOK_EV_* bits. */
uint32_t tg_book_on_time(tg_book_t *book, uint64_t now_ns);

/* Throws the book away and starts again (operator, VERB_RESYNC_BOOK). Returns TG_BOOK_EV_* bits. */
uint32_t tg_book_resync(tg_book_t *book, uint64_t now_ns);

/* The fresher top of bookTicker and depth. Look at ->valid first. */
static inline const tg_top_t *tg_book_top(const tg_book_t *book) {
  return &book->top;
}
static inline tg_book_state_t tg_book_state(const tg_book_t *book) {
  return (tg_book_state_t)book->state;
}
static inline const tg_book_change_t *tg_book_change(const tg_book_t *book) {
  return &book->change;
}
static inline const tg_book_counters_t *tg_book_counters(const tg_book_t *book) {
  return &book->counters;
}
/* u of the last depth event applied; lastUpdateId while only a snapshot is held; 0 none. */
static inline uint64_t tg_book_last_id(const tg_book_t *book) {
  return book->last_id;
}
/* Age of the depth stream at now_ns; UINT64_MAX before the first event. */
static inline uint64_t tg_book_age_ns(const tg_book_t *book, uint64_t now_ns) {
  if (book->depth_rx_ns == 0) return UINT64_MAX;
  return now_ns > book->depth_rx_ns ? now_ns - book->depth_rx_ns : 0;
}
/* The stream's application answered at now_ns and had nothing to tell: a quiet market, not an old book. Only the caller knows
 * that nothing contradicts it. Nothing happens to a book that is not LIVE or has an event under way. */
static inline void tg_book_alive(tg_book_t *book, uint64_t now_ns) {
  if (book->state == TG_BOOK_LIVE && book->event.mode == 0 && now_ns > book->depth_rx_ns) book->depth_rx_ns = now_ns;
}
/* LIVE and no event half applied: the level readers below tell one instant of the venue. */
static inline bool tg_book_complete(const tg_book_t *book) {
  return book->state == TG_BOOK_LIVE && book->event.mode == 0;
}
static inline const tg_ladder_t *tg_book_side(const tg_book_t *book, tg_side_t side) {
  return side == TG_BUY ? &book->bid : &book->ask;
}
static inline uint32_t tg_book_level_cnt(const tg_book_t *book, tg_side_t side) {
  return tg_book_side(book, side)->level_cnt;
}
/* Quantity at a price of the depth book (bids for TG_BUY); 0 no such level. */
int64_t tg_book_qty_at(const tg_book_t *book, tg_side_t side, int64_t px_ticks);
/* Best-first walk over the depth book. */
static inline void tg_book_levels_first(const tg_book_t *book, tg_side_t side, tg_ladder_cursor_t *cursor) {
  tg_ladder_first(tg_book_side(book, side), cursor);
}
static inline bool tg_book_levels_next(const tg_book_t *book, tg_side_t side, tg_ladder_cursor_t *cursor, tg_md_level_t *out) {
  return tg_ladder_next(tg_book_side(book, side), cursor, &out->px_ticks, &out->qty_lots);
}
/* Sum of the best level_cnt levels (fewer when there are fewer). */
void tg_book_depth_levels(const tg_book_t *book, tg_side_t side, uint32_t level_cnt, tg_book_depth_t *out);
/* Sum of the levels no farther than `bps` (0 .. 10000) from the side's own best price, at most level_cnt of them. */
void tg_book_depth_bps(const tg_book_t *book, tg_side_t side, int64_t bps, uint32_t level_cnt, tg_book_depth_t *out);

/* Asserts the invariants written above book.def; true. O(levels): tests and cold places. */
bool tg_book_check(const tg_book_t *book);

#endif

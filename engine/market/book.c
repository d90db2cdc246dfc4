#include "engine/market/book.h"

#include "engine/base/assert.h"
#include "engine/base/err.h"

/* Columns of book.def. */
typedef enum tg_book_event_kind {
  CHAIN = 1,
  SNAPSHOT,
  SPLICED,
  OLD,
  GAP,
  CUT,
  FULL,
  CROSSED,
  DOWN,
  OPERATOR,
  SILENT,
  FRESH,
  EVENT_CNT
} tg_book_event_kind_t;

/* What to do with the levels of the event under way (tg_book_event_t.mode). */
enum {
  MODE_NONE = 0, /* none under way */
  MODE_APPLY,    /* into the ladders */
  MODE_BUFFER,   /* into the buffer, until a snapshot meets them */
  MODE_SKIP      /* nowhere: old, or what they belong to is gone */
};

typedef struct tg_book_row {
  uint8_t known, to, reason;
} tg_book_row_t;

static const tg_book_row_t rows[TG_BOOK_CNT][EVENT_CNT] = {
#define T(from, event, to, reason) [TG_BOOK_##from][event] = {1, TG_BOOK_##to, TG_BOOKWHY_##reason},
#include "engine/market/book.def"
#undef T
};

int tg_book_layout(tg_arena_t *arena, tg_book_t *book, const tg_book_cfg_t *cfg) {
  if (cfg->level_cap < 64 || cfg->level_cap > 262144) return -TG_EINVAL;
  if (cfg->event_buffer_cnt < 64 || cfg->event_buffer_cnt > 262144) return -TG_EINVAL;
  if (cfg->instr_idx >= TG_INSTR_MAX) return -TG_EINVAL;
  tg_ladder_t bid, ask;
  int rc = tg_ladder_layout(arena, &bid, TG_BUY, cfg->level_cap);
  if (rc == 0) rc = tg_ladder_layout(arena, &ask, TG_SELL, cfg->level_cap);
  if (rc != 0) return rc;
  tg_msg_t *buffer = TG_ARENA_NEW(arena, tg_msg_t, cfg->event_buffer_cnt);
  tg_book_meet_t *ticker_meet = TG_ARENA_NEW(arena, tg_book_meet_t, TG_BOOK_MEET_CNT);
  tg_book_meet_t *depth_meet = TG_ARENA_NEW(arena, tg_book_meet_t, TG_BOOK_MEET_CNT);
  if (arena->err != 0) return arena->err;
  if (tg_arena_counting(arena)) return 0;
  memset(book, 0, sizeof *book);
  book->bid = bid;
  book->ask = ask;
  book->buffer = buffer;
  book->ticker_meets.meet = ticker_meet;
  book->depth_meets.meet = depth_meet;
  book->cfg = *cfg;
  book->state = TG_BOOK_UNSYNCED;
  book->change.reason = TG_BOOKWHY_START;
  return 0;
}

/* --- state ------------------------------------------------------------------------------------------- */

/* The one place that writes `state`. */
static uint32_t go(tg_book_t *book, tg_book_event_kind_t event, uint64_t now_ns) {
  const tg_book_row_t *row = &rows[book->state][event];
  TG_ASSERT(row->known);
  if (row->to == book->state) return 0;
  uint32_t ev = TG_BOOK_EV_STATE_CHANGED;
  book->change = (tg_book_change_t){.from = book->state, .to = row->to, .reason = row->reason, .at_ns = now_ns};
  bool was_synced = book->state == TG_BOOK_LIVE || book->state == TG_BOOK_STALE;
  book->state = row->to;
  if (row->to != TG_BOOK_LIVE && book->top.valid) {
    book->top.valid = false;
    ev |= TG_BOOK_EV_TOP_CHANGED;
  }
  if (row->to == TG_BOOK_UNSYNCED) {
    book->counters.sync_break_cnt += was_synced;
    /* ids may start again from anywhere: a top kept with a high id would outlive its time */
    book->ticker = (tg_top_t){0};
    book->ticker_meets.got_cnt = book->ticker_meets.put_cnt;
    book->depth_meets.got_cnt = book->depth_meets.put_cnt;
  }
  return ev;
}

/* Throws away what was buffered and the snapshot held, then moves. */
static uint32_t lose(tg_book_t *book, tg_book_event_kind_t event, uint64_t now_ns) {
  book->counters.discarded_cnt += book->buffer_event_cnt;
  book->buffer_cnt = 0;
  book->buffer_event_cnt = 0;
  book->snapshot_held = 0;
  return go(book, event, now_ns);
}

/* The stream's event under way is broken; its remaining levels go nowhere. */
static uint32_t cut(tg_book_t *book, uint64_t now_ns) {
  book->counters.cut_cnt++;
  book->event.mode = MODE_SKIP;
  return TG_BOOK_EV_CUT | lose(book, CUT, now_ns);
}

/* Says WANT_SNAPSHOT when a snapshot is needed and the last question is long enough ago. */
static uint32_t want(tg_book_t *book, uint64_t now_ns) {
  if (book->state == TG_BOOK_LIVE || book->state == TG_BOOK_STALE) return 0;
  if (book->snapshot_held || book->link_down || (book->chain_id == 0 && !book->link_up)) return 0;
  if (book->want_ns != 0 && now_ns < book->want_ns + book->cfg.snapshot_retry_ns) return 0;
  book->want_ns = now_ns;
  book->counters.want_cnt++;
  return TG_BOOK_EV_WANT_SNAPSHOT;
}

/* --- top ---------------------------------------------------------------------------------------------- */

static void meets_put(tg_book_meets_t *meets, const tg_top_t *top) {
  tg_book_meet_t *last = &meets->meet[(meets->put_cnt - 1u) & (TG_BOOK_MEET_CNT - 1u)];
  if (meets->put_cnt > meets->got_cnt && last->update_id >= top->update_id) return;
  if (meets->put_cnt - meets->got_cnt == TG_BOOK_MEET_CNT) meets->got_cnt++;
  meets->meet[meets->put_cnt & (TG_BOOK_MEET_CNT - 1u)] = (tg_book_meet_t){.update_id = top->update_id,
                                                                           .bid_px_ticks = top->bid_px_ticks,
                                                                           .bid_qty_lots = top->bid_qty_lots,
                                                                           .ask_px_ticks = top->ask_px_ticks,
                                                                           .ask_qty_lots = top->ask_qty_lots};
  meets->put_cnt++;
}

/* Compares `top` with the other stream's top at the same update id, when there is one. */
static uint32_t meets_compare(tg_book_t *book, tg_book_meets_t *other, const tg_top_t *top) {
  const tg_book_meet_t *meet = NULL;
  while (other->got_cnt < other->put_cnt) {
    meet = &other->meet[other->got_cnt & (TG_BOOK_MEET_CNT - 1u)];
    if (meet->update_id >= top->update_id) break;
    other->got_cnt++;
  }
  if (other->got_cnt == other->put_cnt || meet->update_id != top->update_id) return 0;
  book->counters.same_u_checked_cnt++;
  if (meet->bid_px_ticks == top->bid_px_ticks && meet->bid_qty_lots == top->bid_qty_lots &&
      meet->ask_px_ticks == top->ask_px_ticks && meet->ask_qty_lots == top->ask_qty_lots) {
    book->counters.same_u_equal_cnt++;
    return TG_BOOK_EV_SAME_U;
  }
  return TG_BOOK_EV_SAME_U | TG_BOOK_EV_UNEQUAL;
}

static uint32_t publish(tg_book_t *book, const tg_top_t *top) {
  const tg_top_t *old = &book->top;
  bool same = old->bid_px_ticks == top->bid_px_ticks && old->bid_qty_lots == top->bid_qty_lots &&
              old->ask_px_ticks == top->ask_px_ticks && old->ask_qty_lots == top->ask_qty_lots && old->valid == top->valid;
  book->top = *top;
  return same ? 0 : TG_BOOK_EV_TOP_CHANGED;
}

/* Top of the ladders; an empty side is zeros and makes it invalid. True when crossed or locked. */
static bool depth_top(const tg_book_t *book, int64_t venue_ms, uint64_t now_ns, tg_top_t *out) {
  *out = (tg_top_t){.update_id = book->last_id, .venue_ms = venue_ms, .rx_ns = now_ns};
  bool bid = tg_ladder_best(&book->bid, &out->bid_px_ticks, &out->bid_qty_lots);
  bool ask = tg_ladder_best(&book->ask, &out->ask_px_ticks, &out->ask_qty_lots);
  out->valid = bid && ask && out->bid_px_ticks < out->ask_px_ticks;
  return bid && ask && !out->valid;
}

/* The bookTicker when it is ahead of the depth events, whatever it says; else the depth book's top. */
static const tg_top_t *fresher(const tg_book_t *book, const tg_top_t *depth) {
  return book->ticker.update_id > book->last_id ? &book->ticker : depth;
}

static uint32_t on_top(tg_book_t *book, const tg_msg_t *msg) {
  const tg_md_top_t *md = &msg->u.md_top;
  book->counters.top_cnt++;
  tg_top_t top = {.bid_px_ticks = md->bid_px_ticks,
                  .bid_qty_lots = md->bid_qty_lots,
                  .ask_px_ticks = md->ask_px_ticks,
                  .ask_qty_lots = md->ask_qty_lots,
                  .update_id = md->update_id,
                  .venue_ms = md->venue_ms,
                  .rx_ns = msg->ts_ns};
  top.valid = md->bid_px_ticks > 0 && md->bid_qty_lots > 0 && md->ask_qty_lots > 0 && md->bid_px_ticks < md->ask_px_ticks &&
              md->ask_px_ticks <= TG_BOOK_PX_MAX && md->bid_qty_lots <= TG_BOOK_QTY_MAX && md->ask_qty_lots <= TG_BOOK_QTY_MAX;
  uint32_t ev = 0;
  if (TG_UNLIKELY(!top.valid)) {
    book->counters.top_bad_cnt++;
    if (md->ask_px_ticks > 0 && md->bid_px_ticks >= md->ask_px_ticks) ev |= TG_BOOK_EV_CROSSED;
  } else {
    if (book->state == TG_BOOK_LIVE) ev |= meets_compare(book, &book->depth_meets, &top);
    meets_put(&book->ticker_meets, &top);
  }
  if (md->update_id < book->ticker.update_id) {
    book->counters.top_old_cnt++;
    return ev;
  }
  book->ticker = top;
  if (book->state != TG_BOOK_LIVE) return ev;
  if (md->update_id <= book->last_id) {
    book->counters.top_old_cnt++;
    return ev;
  }
  return ev | publish(book, &top);
}

/* --- levels ------------------------------------------------------------------------------------------- */

/* Levels of one message into the ladders (apply) or only counted. False when one makes no sense. */
static bool take_levels(tg_book_t *book, tg_book_event_t *event, const tg_msg_t *msg, bool apply, uint32_t *ev) {
  tg_ladder_t *ladder = (msg->flags & TG_F_ASK) != 0 ? &book->ask : &book->bid;
  uint32_t dropped = 0;
  for (uint32_t i = 0; i < TG_LEVELS_PER_MSG; i++) {
    const tg_md_level_t *level = &msg->u.md_levels.level[i];
    if (level->px_ticks == 0 && level->qty_lots == 0) break;
    if (TG_UNLIKELY(level->px_ticks <= 0 || level->px_ticks > TG_BOOK_PX_MAX || level->qty_lots < 0 ||
                    level->qty_lots > TG_BOOK_QTY_MAX)) {
      return false;
    }
    event->level_seen_cnt++;
    if (apply) dropped += tg_ladder_set(ladder, level->px_ticks, level->qty_lots);
  }
  if (TG_UNLIKELY(dropped != 0)) {
    book->counters.cap_drop_cnt += dropped;
    *ev |= TG_BOOK_EV_CAP;
  }
  return true;
}

/* A depth event is wholly in the ladders: looks at the top it made. *crossed says that the book is broken. */
static uint32_t applied(tg_book_t *book, const tg_md_depth_t *head, uint64_t ts_ns, tg_top_t *top, bool *crossed) {
  book->last_id = head->last_id;
  book->counters.applied_cnt++;
  *crossed = depth_top(book, head->venue_ms, ts_ns, top);
  if (TG_UNLIKELY(*crossed)) {
    book->counters.crossed_cnt++;
    return TG_BOOK_EV_CROSSED;
  }
  uint32_t ev = TG_BOOK_EV_APPLIED | meets_compare(book, &book->ticker_meets, top);
  meets_put(&book->depth_meets, top);
  return ev;
}

/* --- snapshot meets stream ---------------------------------------------------------------------------- */

static bool is_spot(const tg_book_t *book) {
  return book->cfg.product == TG_PRODUCT_SPOT;
}

/* 5.7, step 3: nothing in the event is newer than the snapshot. */
static bool before_snapshot(const tg_book_t *book, const tg_md_depth_t *head) {
  return is_spot(book) ? head->last_id <= book->last_id : head->last_id < book->last_id;
}

/* 5.7, step 4 and its note: U <= L <= u, or L lies in the gap of ids between the event before and this one.
 * Spot: U <= L + 1 <= u. Called for events that are not before the snapshot. */
static bool meets_snapshot(const tg_book_t *book, const tg_md_depth_t *head) {
  if (is_spot(book)) return head->first_id <= book->last_id + 1u;
  return head->first_id <= book->last_id || head->prev_id <= book->last_id;
}

/* Index after the event whose head is at `idx` of the buffer. */
static uint32_t event_end(const tg_book_t *book, uint32_t idx) {
  for (idx++; idx < book->buffer_cnt && book->buffer[idx].kind == TG_MD_LEVELS; idx++) continue;
  return idx;
}

/* Applies the buffered events from `idx` on. Returns EV bits, among them STATE_CHANGED to LIVE or to UNSYNCED (crossed). */
static uint32_t replay(tg_book_t *book, uint32_t idx, uint64_t now_ns) {
  uint32_t ev = 0;
  tg_top_t top = {0};
  while (idx < book->buffer_cnt) {
    const tg_msg_t *head = &book->buffer[idx];
    uint32_t end = event_end(book, idx);
    tg_book_event_t scratch = {0}; /* the levels were checked when they were buffered */
    for (idx++; idx < end; idx++) (void)take_levels(book, &scratch, &book->buffer[idx], true, &ev);
    bool crossed = false;
    book->buffer_event_cnt--;
    ev |= applied(book, &head->u.md_depth, head->ts_ns, &top, &crossed);
    if (crossed) return ev | lose(book, CROSSED, now_ns);
  }
  book->buffer_cnt = 0;
  book->snapshot_held = 0;
  book->counters.spliced_cnt++;
  ev |= go(book, SPLICED, now_ns);
  return ev | publish(book, fresher(book, &top));
}

/* A snapshot is held and no event is under way: drops what is older, and goes LIVE when an event meets it. */
static uint32_t splice(tg_book_t *book, uint64_t now_ns) {
  uint32_t idx = 0;
  uint32_t ev = 0;
  while (idx < book->buffer_cnt && before_snapshot(book, &book->buffer[idx].u.md_depth)) {
    idx = event_end(book, idx);
    book->buffer_event_cnt--;
    book->counters.dropped_before_sync_cnt++;
    ev |= TG_BOOK_EV_DROPPED;
  }
  if (idx == book->buffer_cnt) {
    book->buffer_cnt = 0;
    return ev | go(book, SNAPSHOT, now_ns); /* the event that meets it is still to come */
  }
  if (meets_snapshot(book, &book->buffer[idx].u.md_depth)) return ev | replay(book, idx, now_ns);
  TG_ASSERT(idx == 0); /* events of a chain have no hole between them: only the first can miss the snapshot */
  book->counters.snapshot_old_cnt++;
  book->snapshot_held = 0;
  return ev | go(book, OLD, now_ns);
}

/* --- depth events of the stream ----------------------------------------------------------------------- */

static uint32_t buffer_put(tg_book_t *book, const tg_msg_t *msg) {
  if (TG_UNLIKELY(book->buffer_cnt == book->cfg.event_buffer_cnt)) {
    book->counters.overflow_cnt++;
    book->counters.discarded_cnt++; /* the event under way */
    book->event.mode = MODE_SKIP;
    return lose(book, FULL, msg->ts_ns);
  }
  book->buffer[book->buffer_cnt++] = *msg;
  return 0;
}

/* The last level of the stream's event is here. `ev` is what this message did so far. */
static uint32_t finish(tg_book_t *book, uint64_t now_ns, uint32_t ev) {
  tg_book_event_t *event = &book->event;
  uint8_t mode = event->mode;
  if (mode != MODE_SKIP && event->level_seen_cnt != event->level_cnt) {
    ev |= cut(book, now_ns);
    mode = MODE_SKIP;
  }
  event->mode = MODE_NONE;
  if (mode == MODE_APPLY) {
    tg_md_depth_t head = {.last_id = event->last_id, .venue_ms = event->venue_ms};
    tg_top_t top;
    bool crossed = false;
    ev |= applied(book, &head, now_ns, &top, &crossed);
    if (TG_UNLIKELY(crossed)) return ev | lose(book, CROSSED, now_ns);
    if (TG_UNLIKELY(book->state == TG_BOOK_STALE)) ev |= go(book, FRESH, now_ns);
    return ev | publish(book, fresher(book, &top));
  }
  if (mode == MODE_BUFFER) {
    book->buffer_event_cnt++;
    if (book->snapshot_held) return ev | splice(book, now_ns);
    if ((ev & TG_BOOK_EV_STATE_CHANGED) == 0) ev |= go(book, CHAIN, now_ns);
  }
  return ev;
}

/* 5.7, step 5: pu == previous u; spot: U == previous u + 1. */
static bool follows(const tg_book_t *book, const tg_md_depth_t *head) {
  if (book->chain_id == 0) return true;
  return is_spot(book) ? head->first_id == book->chain_id + 1u : head->prev_id == book->chain_id;
}

static uint32_t on_stream_head(tg_book_t *book, const tg_msg_t *msg) {
  const tg_md_depth_t *md = &msg->u.md_depth;
  tg_book_event_t *event = &book->event;
  uint64_t now_ns = msg->ts_ns;
  uint32_t ev = 0;
  if (TG_UNLIKELY(event->mode != MODE_NONE && event->mode != MODE_SKIP)) ev |= cut(book, now_ns);
  book->counters.depth_event_cnt++;
  *event = (tg_book_event_t){
      .last_id = md->last_id, .venue_ms = md->venue_ms, .level_cnt = md->bid_cnt + md->ask_cnt, .mode = MODE_APPLY};
  if (TG_UNLIKELY(md->first_id > md->last_id || md->last_id == 0)) {
    ev |= cut(book, now_ns);
    event->mode = (msg->flags & TG_F_LAST) != 0 ? MODE_NONE : MODE_SKIP;
    return ev;
  }
  if (TG_UNLIKELY(!follows(book, md))) {
    if (md->last_id <= book->chain_id && book->state == TG_BOOK_LIVE) { /* two sessions overlap */
      book->counters.dropped_old_cnt++;
      event->mode = (msg->flags & TG_F_LAST) != 0 ? MODE_NONE : MODE_SKIP;
      return ev | TG_BOOK_EV_DROPPED;
    }
    book->counters.gap_cnt++;
    ev |= TG_BOOK_EV_GAP | lose(book, GAP, now_ns);
  }
  book->chain_id = md->last_id;
  book->depth_rx_ns = now_ns;
  if (TG_UNLIKELY(book->state != TG_BOOK_LIVE && book->state != TG_BOOK_STALE)) {
    event->mode = MODE_BUFFER;
    ev |= buffer_put(book, msg);
  }
  return (msg->flags & TG_F_LAST) != 0 ? finish(book, now_ns, ev) : ev;
}

static uint32_t on_stream_levels(tg_book_t *book, const tg_msg_t *msg) {
  tg_book_event_t *event = &book->event;
  uint32_t ev = 0;
  if (TG_UNLIKELY(event->mode == MODE_NONE)) {
    /* levels without a head: a tape that starts within an event, or a lost head. What was applied is still whole,
     * but the next head will not continue it: do not wait for that */
    ev |= cut(book, msg->ts_ns);
    event->mode = MODE_NONE;
    return ev;
  }
  if (event->mode == MODE_BUFFER) ev |= buffer_put(book, msg); /* may turn to SKIP */
  if (event->mode != MODE_SKIP && TG_UNLIKELY(!take_levels(book, event, msg, event->mode == MODE_APPLY, &ev))) {
    ev |= cut(book, msg->ts_ns);
  }
  return (msg->flags & TG_F_LAST) != 0 ? finish(book, msg->ts_ns, ev) : ev;
}

/* --- snapshots ---------------------------------------------------------------------------------------- */

/* The snapshot is useless; the buffered events stay. Asked for again after snapshot_retry_ns. */
static uint32_t snapshot_cut(tg_book_t *book, uint64_t now_ns) {
  book->counters.cut_cnt++;
  return TG_BOOK_EV_CUT | go(book, CUT, now_ns);
}

static uint32_t snapshot_finish(tg_book_t *book, uint64_t now_ns) {
  tg_book_event_t *snapshot = &book->snapshot;
  uint8_t mode = snapshot->mode;
  snapshot->mode = MODE_NONE;
  book->counters.snapshot_cnt++;
  if (mode == MODE_SKIP) {
    book->counters.snapshot_ignored_cnt++;
    return 0;
  }
  if (snapshot->level_seen_cnt != snapshot->level_cnt) {
    return snapshot_cut(book, now_ns);
  }
  book->snapshot_held = 1;
  book->last_id = snapshot->last_id;
  if (book->event.mode == MODE_BUFFER) return go(book, SNAPSHOT, now_ns); /* its end splices */
  return splice(book, now_ns);
}

static uint32_t on_snapshot_head(tg_book_t *book, const tg_msg_t *msg) {
  const tg_md_depth_t *md = &msg->u.md_depth;
  uint32_t ev = 0;
  if (TG_UNLIKELY(book->snapshot.mode == MODE_APPLY)) ev |= snapshot_cut(book, msg->ts_ns); /* the one before never ended */
  book->snapshot = (tg_book_event_t){.last_id = md->last_id, .level_cnt = md->bid_cnt + md->ask_cnt, .mode = MODE_SKIP};
  if (book->state != TG_BOOK_LIVE && book->state != TG_BOOK_STALE && md->last_id != 0) {
    book->snapshot.mode = MODE_APPLY;
    book->snapshot_held = 0;
    tg_ladder_clear(&book->bid);
    tg_ladder_clear(&book->ask);
  }
  return (msg->flags & TG_F_LAST) != 0 ? ev | snapshot_finish(book, msg->ts_ns) : ev;
}

static uint32_t on_snapshot_levels(tg_book_t *book, const tg_msg_t *msg) {
  tg_book_event_t *snapshot = &book->snapshot;
  uint32_t ev = 0;
  if (snapshot->mode == MODE_NONE) return 0;
  if (snapshot->mode == MODE_APPLY && !take_levels(book, snapshot, msg, true, &ev)) {
    ev |= snapshot_cut(book, msg->ts_ns);
    snapshot->mode = MODE_SKIP;
  }
  return (msg->flags & TG_F_LAST) != 0 ? ev | snapshot_finish(book, msg->ts_ns) : ev;
}

/* --- the world ---------------------------------------------------------------------------------------- */

static uint32_t on_link(tg_book_t *book, const tg_msg_t *msg) {
  const tg_link_t *link = &msg->u.link;
  if (link->session != TG_SESSION_PUBLIC || link->gen < book->link_gen) return 0; /* an old session's end is no news */
  book->link_gen = link->gen;
  if (link->up) {
    book->link_up = 1;
    book->link_down = 0;
    return want(book, msg->ts_ns);
  }
  book->link_up = 0;
  book->link_down = 1;
  book->chain_id = 0;
  book->event.mode = MODE_NONE;
  if (book->snapshot.mode == MODE_APPLY) book->snapshot.mode = MODE_SKIP;
  return lose(book, DOWN, msg->ts_ns);
}

uint32_t tg_book_on_msg(tg_book_t *book, const tg_msg_t *msg) {
  if (msg->kind == TG_LINK) return on_link(book, msg);
  if (msg->instr_idx != book->cfg.instr_idx) return 0;
  uint32_t ev;
  bool is_snapshot = (msg->flags & TG_F_SNAPSHOT) != 0;
  switch (msg->kind) {
    case TG_MD_TOP:
      return on_top(book, msg);
    case TG_MD_LEVELS:
      /* levels of a snapshot may come without the flag when nothing else is under way */
      if (TG_UNLIKELY(is_snapshot || (book->event.mode == MODE_NONE && book->snapshot.mode != MODE_NONE))) {
        ev = on_snapshot_levels(book, msg);
      } else {
        ev = on_stream_levels(book, msg);
      }
      break;
    case TG_MD_DEPTH:
      ev = is_snapshot ? on_snapshot_head(book, msg) : on_stream_head(book, msg);
      break;
    default:
      return 0;
  }
  if (TG_UNLIKELY(book->state != TG_BOOK_LIVE)) ev |= want(book, msg->ts_ns);
  return ev;
}

uint32_t tg_book_on_time(tg_book_t *book, uint64_t now_ns) {
  if (book->state == TG_BOOK_LIVE) {
    if (book->cfg.stale_ns == 0 || tg_book_age_ns(book, now_ns) <= book->cfg.stale_ns) return 0;
    return go(book, SILENT, now_ns);
  }
  return want(book, now_ns);
}

uint32_t tg_book_resync(tg_book_t *book, uint64_t now_ns) {
  if (book->event.mode != MODE_NONE) book->event.mode = MODE_SKIP;
  if (book->snapshot.mode == MODE_APPLY) book->snapshot.mode = MODE_SKIP;
  uint32_t ev = lose(book, OPERATOR, now_ns);
  return ev | want(book, now_ns);
}

/* --- readers ------------------------------------------------------------------------------------------ */

int64_t tg_book_qty_at(const tg_book_t *book, tg_side_t side, int64_t px_ticks) {
  return tg_ladder_qty(tg_book_side(book, side), px_ticks);
}

static void depth_sum(const tg_ladder_t *ladder, int64_t key_min, uint32_t level_cnt, tg_book_depth_t *out) {
  *out = (tg_book_depth_t){0};
  tg_ladder_cursor_t cursor;
  int64_t px_ticks, qty_lots;
  tg_ladder_first(ladder, &cursor);
  while (out->level_cnt < level_cnt && tg_ladder_next(ladder, &cursor, &px_ticks, &qty_lots)) {
    if (ladder->sign * px_ticks < key_min) break;
    if (__builtin_add_overflow(out->qty_lots, qty_lots, &out->qty_lots)) out->qty_lots = INT64_MAX;
    out->px_qty += (tg_i128)px_ticks * qty_lots;
    out->last_px_ticks = px_ticks;
    out->level_cnt++;
  }
}

void tg_book_depth_levels(const tg_book_t *book, tg_side_t side, uint32_t level_cnt, tg_book_depth_t *out) {
  depth_sum(tg_book_side(book, side), INT64_MIN, level_cnt, out);
}

void tg_book_depth_bps(const tg_book_t *book, tg_side_t side, int64_t bps, uint32_t level_cnt, tg_book_depth_t *out) {
  const tg_ladder_t *ladder = tg_book_side(book, side);
  int64_t px_ticks = 0, qty_lots = 0;
  if (!tg_ladder_best(ladder, &px_ticks, &qty_lots)) {
    *out = (tg_book_depth_t){0};
    return;
  }
  if (bps < 0) bps = 0;
  if (bps > 10000) bps = 10000;
  int64_t width = px_ticks / 10000 * bps + px_ticks % 10000 * bps / 10000; /* px * bps / 10000 without a wide product */
  depth_sum(ladder, ladder->sign * px_ticks - width, level_cnt, out);
}

bool tg_book_check(const tg_book_t *book) {
  TG_ASSERT(tg_ladder_check(&book->bid) && tg_ladder_check(&book->ask));
  TG_ASSERT(!book->top.valid || (book->state == TG_BOOK_LIVE && book->top.bid_px_ticks < book->top.ask_px_ticks));
  TG_ASSERT(!book->snapshot_held || book->state == TG_BOOK_SYNCING);
  switch (book->state) {
    case TG_BOOK_LIVE:
    case TG_BOOK_STALE: {
      tg_top_t top;
      TG_ASSERT(book->buffer_cnt == 0 && book->buffer_event_cnt == 0);
      TG_ASSERT(book->event.mode != MODE_NONE || (book->last_id == book->chain_id && !depth_top(book, 0, 0, &top)));
      break;
    }
    case TG_BOOK_SYNCING:
      TG_ASSERT(book->snapshot_held || book->buffer_event_cnt > 0 || book->snapshot.mode != MODE_NONE);
      break;
    default:
      break;
  }
  return true;
}

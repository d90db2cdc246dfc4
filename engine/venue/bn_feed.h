/* bn_feed.h - Binance market data on a hot lane: frames of the public and market routes -> MD_* in the feed ring.
 * Owner:   the feed stage; memory from layout.
 * Threads: its lane; counters may be read anywhere (gauges).
 * Limit:   TG_FEED_BATCH messages an event (5,000 levels a side need 3,336).
 * Errors:  an event that finds no room in the ring is dropped whole and counted; LINK down/up of that session follows, so that
 *          the books resynchronise: nothing is lost silently. Undecodable frames are counted (md.cnt). */
#ifndef TG_VENUE_BN_FEED_H
#define TG_VENUE_BN_FEED_H

#include "codecs/bn_md.h"
#include "engine/venue/hot_session.h"

#define TG_FEED_BATCH 8192

typedef struct tg_bn_feed {
  tg_hot_session_t session[2]; /* public, market */
  tg_bn_md_t md;
  tg_spsc_t *out;
  tg_msg_batch_t batch;
  bool overflowed[2];
  uint64_t frame_cnt, dropped_event_cnt, error_cnt;
} tg_bn_feed_t;

enum { TG_FEED_PUBLIC = 0, TG_FEED_MARKET = 1 };

/* Counts or carves; sessions use registered slots slot_base .. slot_base+3. 0, -TG_EINVAL, -TG_ENOMEM. */
TG_MUST_USE int tg_bn_feed_layout(tg_arena_t *arena, tg_bn_feed_t *feed, tg_io_t *io, int slot_base);
/* Before the lane starts. `symtab` may be filled until the first session is adopted. */
void tg_bn_feed_init(tg_bn_feed_t *feed, tg_spsc_t *out, const tg_symtab_t *symtab,
                     tg_handoff_t *const public_handoff[TG_HOT_SLOTS], tg_handoff_t *const market_handoff[TG_HOT_SLOTS]);
/* After init: silence bounds of both sessions (hot_session.h). */
void tg_bn_feed_silence(tg_bn_feed_t *feed, uint64_t probe_ns, uint64_t silent_ns);
/* A CTL_* message from the cold lane. */
void tg_bn_feed_ctl(tg_bn_feed_t *feed, const tg_msg_t *msg, uint64_t now_ns);
/* Each turn. */
void tg_bn_feed_tick(tg_bn_feed_t *feed, uint64_t now_ns);

#endif

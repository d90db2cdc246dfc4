#include "engine/venue/bn_feed.h"

static void feed_message(tg_bn_feed_t *feed, int which, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  feed->frame_cnt++;
  feed->batch.cnt = 0;
  feed->md.gen = gen;
  int cnt = tg_bn_md_decode(&feed->md, (const char *)payload, len, now_ns, &feed->batch);
  if (TG_UNLIKELY(cnt < 0)) {
    feed->error_cnt++;
    return;
  }
  if (TG_UNLIKELY(feed->overflowed[which])) { /* nothing more of this session until the core knows that it lost some */
    feed->dropped_event_cnt++;
    return;
  }
  uint64_t room = feed->out->slot_cnt - (feed->out->tail_cnt - feed->out->head_cached_cnt);
  if (TG_UNLIKELY(room < (uint64_t)cnt) && tg_spsc_room(feed->out) < (uint64_t)cnt) {
    feed->dropped_event_cnt++;
    feed->overflowed[which] = true;
    return;
  }
  for (int i = 0; i < cnt; i++) {
    int err = tg_spsc_put(feed->out, &feed->batch.msg[i]);
    TG_ASSERT(err == 0); /* room was counted above and only grows */
  }
}

static void public_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  feed_message(user, TG_FEED_PUBLIC, payload, len, now_ns, gen);
}

static void market_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  feed_message(user, TG_FEED_MARKET, payload, len, now_ns, gen);
}

int tg_bn_feed_layout(tg_arena_t *arena, tg_bn_feed_t *feed, tg_io_t *io, int slot_base) {
  tg_conn_cfg_t cfg;
  tg_conn_cfg_defaults(&cfg);
  cfg.tx_bytes = 32768; /* only pongs and closes leave */
  feed->batch.msg = TG_ARENA_NEW(arena, tg_msg_t, TG_FEED_BATCH);
  feed->batch.cap = TG_FEED_BATCH;
  for (int i = 0; i < 2; i++) {
    int err = tg_hot_session_layout(arena, &feed->session[i], io, slot_base + i * TG_HOT_SLOTS, &cfg);
    if (err) return err;
  }
  return 0;
}

void tg_bn_feed_init(tg_bn_feed_t *feed, tg_spsc_t *out, const tg_symtab_t *symtab,
                     tg_handoff_t *const public_handoff[TG_HOT_SLOTS], tg_handoff_t *const market_handoff[TG_HOT_SLOTS]) {
  feed->out = out;
  tg_bn_md_init(&feed->md, symtab);
  tg_hot_session_init(&feed->session[TG_FEED_PUBLIC], TG_SESSION_PUBLIC, out, public_handoff, public_message, NULL, feed);
  tg_hot_session_init(&feed->session[TG_FEED_MARKET], TG_SESSION_MARKET, out, market_handoff, market_message, NULL, feed);
}

void tg_bn_feed_silence(tg_bn_feed_t *feed, uint64_t probe_ns, uint64_t silent_ns) {
  static const char probe[] = "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}";
  for (int i = 0; i < 2; i++) tg_hot_session_silence(&feed->session[i], probe, sizeof probe - 1, probe_ns, silent_ns);
}

void tg_bn_feed_ctl(tg_bn_feed_t *feed, const tg_msg_t *msg, uint64_t now_ns) {
  if (msg->kind != TG_CTL_ADOPT && msg->kind != TG_CTL_CLOSE) return;
  for (int i = 0; i < 2; i++) {
    if (feed->session[i].id == msg->u.ctl_adopt.session) tg_hot_session_ctl(&feed->session[i], msg, now_ns);
  }
}

/* Tells the core that events were lost: the session counts as down, then up again. */
static void feed_recover(tg_bn_feed_t *feed, int which, uint64_t now_ns) {
  tg_hot_session_t *s = &feed->session[which];
  if (tg_spsc_room(feed->out) < feed->out->slot_cnt / 2) return; /* wait until the core has caught up */
  feed->overflowed[which] = false;
  tg_hot_session_gap(s, TG_EFULL, now_ns);
}

void tg_bn_feed_tick(tg_bn_feed_t *feed, uint64_t now_ns) {
  for (int i = 0; i < 2; i++) {
    if (TG_UNLIKELY(feed->overflowed[i])) feed_recover(feed, i, now_ns);
    tg_hot_session_tick(&feed->session[i], now_ns);
  }
}

#include "engine/run/stage_hot.h"

enum { FEED_SLOT = 0, GATEWAY_SLOT = 2 * TG_HOT_SLOTS };

static int none_privileged(void *self) {
  (void)self;
  return 0;
}

static int none_init(void *self, tg_lane_t *lane) {
  (void)self;
  (void)lane;
  return 0;
}

static int feed_layout(void *self, tg_arena_t *arena) {
  tg_stage_feed_t *s = self;
  return tg_bn_feed_layout(arena, &s->bn, s->io, FEED_SLOT);
}

static uint32_t feed_turn(void *self, uint64_t now_ns) {
  tg_stage_feed_t *s = self;
  tg_msg_t ctl;
  uint32_t done = 0;
  if (TG_UNLIKELY(tg_spsc_get(&s->rings->feed_ctl, &ctl) == 0)) {
    tg_bn_feed_ctl(&s->bn, &ctl, now_ns);
    done = 1;
  }
  tg_bn_feed_tick(&s->bn, now_ns);
  return done;
}

static int gateway_layout(void *self, tg_arena_t *arena) {
  tg_stage_gateway_t *s = self;
  return tg_bn_gateway_layout(arena, &s->bn, s->io, GATEWAY_SLOT);
}

static uint32_t gateway_turn(void *self, uint64_t now_ns) {
  tg_stage_gateway_t *s = self;
  tg_msg_t ctl;
  uint32_t done = tg_bn_gateway_turn(&s->bn, now_ns);
  if (TG_UNLIKELY(tg_spsc_get(&s->rings->gw_ctl, &ctl) == 0)) {
    tg_bn_gateway_ctl(&s->bn, &ctl, now_ns);
    done++;
  }
  return done;
}

const tg_stage_ops_t tg_stage_feed_ops = {"feed", feed_layout, none_privileged, none_init, feed_turn, NULL};
const tg_stage_ops_t tg_stage_gateway_ops = {"gateway", gateway_layout, none_privileged, none_init, gateway_turn, NULL};

/* stage_hot.h - feed and gateway as stages: a venue's hot side, fed by its control ring.
 * Owner:   the topology; memory from layout.
 * Threads: the lane that turns them.
 * Limit:   registered slots 0-3 belong to the feed, 4-7 to the gateway, of whatever io their lane has.
 * Errors:  see engine/venue. */
#ifndef TG_RUN_STAGE_HOT_H
#define TG_RUN_STAGE_HOT_H

#include "engine/run/rings.h"
#include "engine/run/stage.h"
#include "engine/venue/bn_feed.h"
#include "engine/venue/bn_gateway.h"

typedef struct tg_stage_feed {
  tg_bn_feed_t bn;
  tg_rings_t *rings;
  tg_io_t *io;
} tg_stage_feed_t;

typedef struct tg_stage_gateway {
  tg_bn_gateway_t bn;
  tg_rings_t *rings;
  tg_io_t *io;
} tg_stage_gateway_t;

extern const tg_stage_ops_t tg_stage_feed_ops;
extern const tg_stage_ops_t tg_stage_gateway_ops;

#endif

/* rings.h - every ring of the engine, by who puts and who gets.
 *
 *   feed ──feed──▶ core ──gw_in──▶ gateway            one producer and one consumer each;
 *                   ▲ ▲ ◀──gw_out── gateway           the core empties gw_out before cold_in before feed
 *                   │ └──cold_in── cold
 *                   └────journal──▶ cold              every input and output of the core, in order
 *   cold ──feed_ctl──▶ feed      cold ──gw_ctl──▶ gateway      adopt, close, clock
 *
 * Owner: the topology. Limit: slots from lane.ring_slots and lane.journal_slots. */
#ifndef TG_RUN_RINGS_H
#define TG_RUN_RINGS_H

#include "engine/base/spsc.h"
#include "engine/conf/conf.h"

typedef struct tg_rings {
  tg_spsc_t feed, gw_in, gw_out, cold_in, journal, feed_ctl, gw_ctl;
} tg_rings_t;

/* Counts or carves all rings. 0, -TG_EINVAL (a slot count is no power of two), -TG_ENOMEM. */
TG_MUST_USE int tg_rings_layout(tg_arena_t *arena, tg_rings_t *rings, const tg_conf_t *conf);

#endif

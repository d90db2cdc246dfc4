/* bn_gateway.h - Binance order entry and user stream on a hot lane: OUT_* -> ws-api requests; answers and events -> EX_*.
 * Owner:   the gateway stage; memory from layout.
 * Threads: its lane; histogram and counters may be read anywhere (gauges).
 * Limit:   TG_GATEWAY_BURST requests a turn; TG_BN_INFLIGHT_CAP requests without an answer.
 * Errors:  a request that cannot leave (no session, no room) is answered at once by EX_ANSWER with the verdict of outcome.def
 * for NOT_SENT: certainly not executed. A session that dies makes every open request UNKNOWN. An event that finds no room in
 *          the ring ends its session: the core hears LINK down and account truth is fetched; nothing is lost silently. */
#ifndef TG_VENUE_BN_GATEWAY_H
#define TG_VENUE_BN_GATEWAY_H

#include "codecs/bn_api.h"
#include "codecs/bn_user.h"
#include "engine/base/clock.h"
#include "engine/base/hist.h"
#include "engine/venue/hot_session.h"

#define TG_GATEWAY_BURST 32
#define TG_GATEWAY_BATCH 2048
#define TG_GATEWAY_LINGER_NS (500 * (uint64_t)TG_NS_PER_MS) /* a replaced order session may still answer */

typedef struct tg_bn_gateway {
  tg_hot_session_t order;
  tg_hot_session_t user;
  tg_bn_api_t api;
  tg_bn_user_t events;
  tg_spsc_t *in, *out;
  tg_io_t *io;
  const tg_clock_t *clock;
  tg_msg_batch_t batch;
  int64_t venue_offset_ns;    /* venue's clock minus engine time */
  bool rest_orders;           /* venue.order_entry = rest: orders are the cold lane's, this stage drops them */
  tg_hist_t tick_to_order_ns; /* receipt of the message that led to it -> bytes given to the kernel */
  uint64_t sent_cnt, not_sent_cnt, error_cnt, overflow_cnt;
} tg_bn_gateway_t;

/* Counts or carves; sessions use registered slots slot_base .. slot_base+3. 0, -TG_EINVAL, -TG_ENOMEM. */
TG_MUST_USE int tg_bn_gateway_layout(tg_arena_t *arena, tg_bn_gateway_t *gateway, tg_io_t *io, int slot_base);
/* Before the lane starts, after tg_bn_api_init of gateway->api. */
void tg_bn_gateway_init(tg_bn_gateway_t *gateway, tg_spsc_t *in, tg_spsc_t *out, const tg_symtab_t *symtab,
                        const tg_clock_t *clock, tg_handoff_t *const order_handoff[TG_HOT_SLOTS],
                        tg_handoff_t *const user_handoff[TG_HOT_SLOTS]);
/* After init: silence bounds of the user stream and of the order session (hot_session.h). */
void tg_bn_gateway_silence(tg_bn_gateway_t *gateway, uint64_t user_probe_ns, uint64_t user_silent_ns, uint64_t order_probe_ns,
                           uint64_t order_silent_ns);
/* A CTL_* message from the cold lane. */
void tg_bn_gateway_ctl(tg_bn_gateway_t *gateway, const tg_msg_t *msg, uint64_t now_ns);
/* Sends what the core wants. Returns requests taken. */
uint32_t tg_bn_gateway_turn(tg_bn_gateway_t *gateway, uint64_t now_ns);

#endif

/* bn_user.h - Binance futures user stream -> EX_* messages.
 * What:    ORDER_TRADE_UPDATE (EX_FILL when it carries an execution, then EX_ORDER), TRADE_LITE (EX_FILL with TG_F_LITE),
 *          ACCOUNT_UPDATE (EX_BALANCE and EX_POSITION per row), MARGIN_CALL, ACCOUNT_CONFIG_UPDATE, listenKeyExpired and
 *          ALGO_UPDATE (EX_CONFIG); every other event is kept as EX_CONFIG OTHER with value[0] = FNV-1a of its name.
 *          Wrapped or raw. Venue page section 6.
 * Owner:   context and batch are the caller's.
 * Threads: one per context.
 * Limit:   at most 2 + rows messages an event.
 * Errors:  as bn_md.h. An unknown word never drops an event: TG_F_UNKNOWN_ENUM and a counter. Orders and positions of symbols
 *          we do not follow are kept as EX_CONFIG OTHER with instr_idx TG_INSTR_NONE. A fill or order whose price is off
 *          the grid (a liquidation's) is kept: EX_CONFIG OTHER {trade id, price_e8, lots, FNV-1a of "FILL"} instead of the
 *          EX_FILL, px_ticks 0 and TG_F_UNKNOWN_ENUM in the EX_ORDER, err_scale counted. Average prices (`ep`) may have more
 *          than 8 decimals: they are cut there and counted (`cut`), for they are quotients; nothing else is ever cut. */
#ifndef TG_CODECS_BN_USER_H
#define TG_CODECS_BN_USER_H

#include "codecs/layout.h"
#include "codecs/symtab.h"
#include "engine/msg/msg.h"

typedef struct tg_bn_user_cnt {
  uint64_t frames, msgs;
  uint64_t orders, fills, fills_lite, balances, positions, configs; /* messages by kind */
  uint64_t other_event;                                             /* events kept as OTHER */
  uint64_t unknown_symbol;                                          /* rows of symbols we do not follow */
  uint64_t unknown_enum;                                            /* events kept with TG_F_UNKNOWN_ENUM */
  uint64_t foreign;                                                 /* orders with a client id that is not ours */
  uint64_t other_fee_asset; /* commissions not in the margin asset: EX_FILL says 0, an EX_CONFIG OTHER follows with
                               value = {trade id, commission_e8, asset text as bytes, FNV-1a of "COMMISSION"} */
  uint64_t cut;             /* average prices cut to 8 decimals */
  uint64_t err_syntax, err_scale, err_full;
} tg_bn_user_cnt_t;

typedef struct tg_bn_user {
  const tg_symtab_t *tab;
  int64_t last_event_ms; /* `E` of the last event */
  tg_layouts_t layouts;  /* member orders seen lately */
  tg_bn_user_cnt_t cnt;
} tg_bn_user_t;

void tg_bn_user_init(tg_bn_user_t *ctx, const tg_symtab_t *tab);
/* Same contract as tg_bn_md_decode. Venue time of EX_ORDER: ts_ns / 10^6 - venue_lag_ms is the `T` of the event, clamped to
 * int32. */
TG_MUST_USE int tg_bn_user_decode(tg_bn_user_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out);

#endif

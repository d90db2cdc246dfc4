/* bn_md.h - Binance market data frames (USDT-M, COIN-M, spot) -> MD_* messages.
 * What:    depthUpdate, bookTicker, aggTrade, trade, markPriceUpdate (also as array), forceOrder, kline, depth snapshots;
 *          combined ({"stream":..,"data":..}) and raw frames; control answers. Shapes: venue page sections 5 and 3.2.
 *          The usual key order takes a straight path; any other order, unknown keys and white space take the path by key.
 * Owner:   context and batch are the caller's; the text is only read.
 * Threads: one per context.
 * Limit:   a depth event needs 1 + ceil(bids/3) + ceil(asks/3) messages of the batch: 3,336 for 5,000 levels a side.
 * Errors:  < 0: -TG_ESYNTAX, -TG_ERANGE (a value does not fit its scale: never rounded), -TG_EFULL, -TG_EDEPTH, -TG_ESIZE;
 *          each is counted and leaves the batch as it was. Unknown symbols and event kinds are counted, 0 messages. */
#ifndef TG_CODECS_BN_MD_H
#define TG_CODECS_BN_MD_H

#include "codecs/shape.h"
#include "codecs/symtab.h"
#include "engine/msg/msg.h"

typedef struct tg_bn_md_cnt {
  uint64_t frames;         /* decode calls */
  uint64_t msgs;           /* messages given */
  uint64_t generic;        /* events that took the path by key */
  uint64_t unknown_symbol; /* events of symbols we do not follow */
  uint64_t unknown_event;  /* well-formed frames of another kind */
  uint64_t unknown_enum;   /* events kept with TG_F_UNKNOWN_ENUM */
  uint64_t control_ok;     /* {"result":...,"id":n} */
  uint64_t control_err;    /* {"error":{..}} or {"code":..,"msg":..} */
  uint64_t err_syntax;     /* malformed, too deep or too large */
  uint64_t err_scale;      /* a value that does not fit its scale */
  uint64_t err_full;       /* the batch was too small */
} tg_bn_md_cnt_t;

typedef struct tg_bn_md {
  const tg_symtab_t *tab;
  uint32_t gen;                /* goes into MD_DEPTH.gen of stream events */
  uint16_t snapshot_instr_idx; /* instrument of snapshots that name no symbol; TG_INSTR_NONE: counted as unknown symbol */
  uint64_t control_id;         /* id of the last control answer */
  int32_t control_code;        /* its error code, 0 = success */
  const tg_sym_t *sym_last;    /* symbol of the last event: tried first */
  tg_shapes_t level, bid, ask; /* how the numbers of levels and touches looked lately */
  tg_bn_md_cnt_t cnt;
} tg_bn_md_t;

/* tab may be filled later; gen 0, no snapshot instrument. */
void tg_bn_md_init(tg_bn_md_t *ctx, const tg_symtab_t *tab);
/* Decodes one text frame received at recv_ns (engine time; ts_ns of the messages). Returns messages appended (>= 0) or
 * -TG_E*; on < 0 out->cnt is unchanged (bytes beyond it may have been written). */
TG_MUST_USE int tg_bn_md_decode(tg_bn_md_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out);
/* Decodes a REST (or ws-api result) depth snapshot of a known instrument: MD_DEPTH with TG_F_SNAPSHOT, first_id == last_id ==
 * lastUpdateId, prev_id 0, gen as given, then MD_LEVELS. Same returns; an unknown instr_idx is -TG_ENOTFOUND. */
TG_MUST_USE int tg_bn_md_snapshot(tg_bn_md_t *ctx, const char *json, size_t len, uint64_t recv_ns, uint16_t instr_idx,
                                  uint32_t gen, tg_msg_batch_t *out);

#endif

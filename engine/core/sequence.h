/* sequence.h - executions in the venue's order.
 * What:    a position's cost and realised P&L depend on the order of its fills. An execution that is told late (a stream that
 * lagged, a lost one found by userTrades) belongs before those that came after it at the venue; trade ids of a symbol rise in
 * the order of its matches. The last fills of an instrument are kept with what the position was before each: a late one is
 * booked in its place and those behind it are booked anew, so that quantity, cost and realised are the venue's. Owner:   one in
 * each instrument of the core. Threads: core lane; pure. Limit:   TG_SEQUENCE_FILLS fills back; one that is older than all of
 * them is booked at the end (*barrier), and nothing moves in front of it any more. An adoption begins anew. Errors:  those of
 * tg_position_fill; nothing has changed then. */
#ifndef TG_CORE_SEQUENCE_H
#define TG_CORE_SEQUENCE_H

#include "engine/core/position.h"

#define TG_SEQUENCE_FILLS 512u

typedef struct tg_sequence_fill {
  uint64_t trade_id;
  int64_t px_ticks, qty_lots;
  int64_t before_lots, before_cost_e8, before_realised_e8; /* the position when this fill came */
  int64_t realised_e8;                                     /* of this fill */
  uint8_t side, pad0[7];
} tg_sequence_fill_t;

typedef struct tg_sequence {
  tg_sequence_fill_t fill[TG_SEQUENCE_FILLS]; /* a ring; trade ids rise from the oldest to the newest */
  uint32_t head, cnt;                         /* of the oldest; how many */
  uint32_t forgot;                            /* 1: older ones than fill[head] were booked on this base */
  uint32_t pad0;
} tg_sequence_t;

typedef struct tg_sequence_out {
  tg_position_move_t move; /* what the fill did in its place */
  uint32_t moved_cnt;      /* fills behind it that were booked anew: the newest ones, tg_sequence_newest(0..moved_cnt-1) */
  bool barrier;            /* its place is forgotten: booked at the end */
} tg_sequence_out_t;

/* A new base: what was before is settled (adoption, restart). */
void tg_sequence_reset(tg_sequence_t *seq);
/* Books one fill at its place. 0, -TG_EINVAL (qty <= 0), -TG_ERANGE. */
TG_MUST_USE int tg_sequence_book(tg_sequence_t *seq, tg_position_t *pos, const tg_money_t *money,
                                 const tg_sequence_fill_t *fill, tg_sequence_out_t *out);
/* The n-th newest fill, n < cnt. */
static inline tg_sequence_fill_t *tg_sequence_newest(tg_sequence_t *seq, uint32_t n) {
  return &seq->fill[(seq->head + seq->cnt - 1 - n) % TG_SEQUENCE_FILLS];
}

#endif

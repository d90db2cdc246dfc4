/* trades.h - executions lately booked, so that each is booked once.
 * What:    a ring of records with a hash index by (instrument, trade id); the oldest is forgotten.
 * Owner:   memory from the core's arena.
 * Threads: core lane.
 * Limit:   cap records over all instruments (order.trade_id_cap); forgetting is counted.
 * Errors:  none. */
#ifndef TG_CORE_TRADES_H
#define TG_CORE_TRADES_H

#include "engine/base/arena.h"
#include "engine/base/types.h"

#define TG_TRADE_RESTORED 2u /* booked by a former run: only its id is known */

typedef struct tg_trade {
  uint64_t trade_id, client_id;
  int64_t px_ticks, qty_lots;
  int64_t realised_e8;            /* as we booked it */
  int64_t close_lots;             /* part that closed a position */
  uint32_t close_trip, open_trip; /* low bits of the trips the two parts belong to, 0 none */
  uint16_t instr_idx;
  uint8_t side;
  uint8_t lite; /* commission and the venue's P&L are still to come */
  uint8_t used;
  uint8_t quiet;   /* the venue's P&L of it may differ from ours (adopted position); TG_TRADE_RESTORED */
  uint8_t barrier; /* told too late for its place (sequence.h) */
  uint8_t pad0;
} tg_trade_t;

typedef struct tg_trades {
  tg_trade_t *ring; /* [cap] */
  uint32_t *slot;   /* [hash_cap], UINT32_MAX empty */
  uint32_t cap, hash_cap;
  uint32_t head; /* next record to write */
  uint32_t pad0;
  uint64_t cnt, repeat_cnt, forgotten_cnt;
} tg_trades_t;

TG_MUST_USE int tg_trades_layout(tg_arena_t *arena, tg_trades_t *trades, uint32_t cap);
void tg_trades_init(tg_trades_t *trades, uint32_t cap);
/* The record of an execution; NULL when never seen (or forgotten). */
tg_trade_t *tg_trades_find(const tg_trades_t *trades, uint16_t instr_idx, uint64_t trade_id);
/* A new record (instr_idx, trade_id set, rest zero); call only after find gave NULL. */
tg_trade_t *tg_trades_add(tg_trades_t *trades, uint16_t instr_idx, uint64_t trade_id);

#endif

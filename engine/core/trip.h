/* trip.h - round trips: from flat to flat.
 * What:    a trip opens when a position leaves zero and closes when it returns to zero or flips; a flip closes one
 *          and opens the next. Gross = exit value - entry value by direction (= realised of its fills); net = gross -
 *          commission + funding. MAE and MFE are the worst and best of (realised so far + unrealised).
 *          A closed trip whose commissions are not all known (TRADE_LITE) waits in a short queue.
 * Owner:   value type in the core's instrument table.
 * Threads: core lane; pure.
 * Limit:   TG_TRIP_WAIT closed trips waiting; one more pushes the oldest out as it is (counted in early_cnt).
 * Errors:  none. */
#ifndef TG_CORE_TRIP_H
#define TG_CORE_TRIP_H

#include "engine/base/types.h"
#include "engine/core/position.h"

#define TG_TRIP_WAIT 4u

typedef struct tg_trip {
  uint64_t trip_no; /* 0 none */
  uint64_t opened_ns, closed_ns;
  int64_t dir;       /* +1 long, -1 short */
  int64_t peak_lots; /* largest size */
  int64_t entry_cost_e8, exit_cost_e8;
  int64_t entry_lots, exit_lots;
  int64_t gross_e8, commission_e8, funding_e8;
  int64_t mae_e8, mfe_e8;
  uint32_t fill_cnt, maker_cnt;
  uint32_t lite_cnt; /* fills whose commission is to come */
  uint32_t adopted;  /* opened by an adoption: entry price is the venue's */
} tg_trip_t;

typedef struct tg_trips {
  tg_trip_t now;                /* trip_no 0 when flat */
  tg_trip_t wait[TG_TRIP_WAIT]; /* closed, oldest first */
  uint32_t wait_cnt;
  uint32_t pad0;
  uint64_t trip_seq; /* numbers given */
  uint64_t closed_cnt, won_cnt, lost_cnt, early_cnt;
  uint64_t loss_streak; /* losing trips in a row (net < 0) */
} tg_trips_t;

typedef struct tg_trip_fill {
  uint64_t now_ns;
  int64_t value_e8; /* px * qty of the whole fill */
  int64_t qty_lots;
  int64_t position_lots; /* after the fill */
  uint8_t side, maker, lite;
  uint8_t pad0[5];
} tg_trip_fill_t;

/* One fill, after tg_position_fill gave `move`. Writes the numbers of the trips its parts belong to (0 none). */
void tg_trips_fill(tg_trips_t *trips, const tg_trip_fill_t *fill, const tg_position_move_t *move, uint64_t *close_trip,
                   uint64_t *open_trip);
/* Commission of a fill whose parts belong to the two trips; was_lite: it was booked before its commission was known. */
void tg_trips_commission(tg_trips_t *trips, uint64_t close_trip, uint64_t open_trip, int64_t close_lots, int64_t qty_lots,
                         int64_t commission_e8, bool was_lite);
/* Funding goes to the open trip; false when there is none. */
bool tg_trips_funding(tg_trips_t *trips, int64_t change_e8);
/* New unrealised P&L: MAE and MFE. */
void tg_trips_mark(tg_trips_t *trips, int64_t unrealised_e8);
/* The position was set from outside (adoption): the open trip ends unreported and a new one begins when not flat. */
void tg_trips_adopt(tg_trips_t *trips, uint64_t now_ns, int64_t position_lots, int64_t cost_e8);
/* Next closed trip that may be told: all commissions known, or pushed out. False: none. */
bool tg_trips_take(tg_trips_t *trips, tg_trip_t *out);

#endif

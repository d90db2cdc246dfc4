/* exposure.h - what could be ours if everything open and unknown filled.
 * What:    per instrument the signed position and the reserved (live, in flight, unknown) quantity of each side;
 *          worst-case long and short; gross and net worth over all instruments, updated by difference.
 *          Each order carries a tg_reserve_t, its share of the reservation: reserved when its bytes leave, moved by
 *          amends (the larger of old and new until answered), eaten by fills, released exactly once at its end.
 *          An unknown outcome keeps it: nobody calls release before proof.
 * Owner:   the core; one table, one tg_reserve_t inside every order.
 * Threads: one lane.
 * Limit:   TG_INSTR_MAX instruments; quantities below TG_QTY_LOTS_MAX (so that 128-bit sums cannot overflow).
 * Errors:  -TG_ERANGE, -TG_EINVAL: table unchanged unless said. Unknown position or missing worth is a state, not an
 *          error: pos_known 0, unvalued_cnt > 0; the gates fail closed on both. */
#ifndef TG_RISK_EXPOSURE_H
#define TG_RISK_EXPOSURE_H

#include "engine/msg/msg.h"
#include "risk/filters.h"

#define TG_WORTH_Q 16 /* fractional bits of worths: value_e8 * 2^16, rounded up per lot, never to our favour */

typedef struct tg_exposure_instr {
  int64_t pos_lots; /* signed */
  union {
    struct {
      int64_t open_buy_lots, open_sell_lots; /* reserved, >= 0 */
    };
    int64_t open_lots[2]; /* the same, by tg_side_t */
  };
  uint64_t lot_worth_q16;              /* e8 of one lot at the mark; 0 = no mark yet */
  uint64_t pos_known;                  /* 0 or 1; 0 until account truth or a start without position says so */
  uint64_t watched;                    /* 1 once any function below named the instrument */
  tg_i128 gross_q16;                   /* max(worst long, worst short) * worth */
  tg_i128 net_long_q16, net_short_q16; /* (pos + open_buy), (open_sell - pos), signed, * worth */
  tg_i128 position_gross_q16;          /* |pos| * worth */
  tg_i128 open_q16;                    /* (open_buy + open_sell) * worth */
} tg_exposure_instr_t;

typedef struct tg_exposure {
  tg_i128 gross_q16; /* sums over instruments */
  union {
    struct {
      tg_i128 net_long_q16, net_short_q16; /* sum of (pos + open_buy), of (open_sell - pos), times worth: signed */
    };
    tg_i128 net_q16[2]; /* the same, by tg_side_t: how far that side could carry us */
  };
  tg_i128 margin_gross_max_q16; /* bit 22 MARGIN: gross that the venue's available margin carries; -1 = not told */
  tg_i128 position_gross_q16;   /* sum of |position| * worth */
  tg_i128 open_q16;             /* sum of (open buys + open sells) * worth: what may still be traded (bit 25) */
  uint32_t unvalued_cnt;        /* instruments with something at risk and no worth */
  uint32_t unknown_cnt;         /* watched instruments whose position is not known */
  uint32_t busy_cnt;            /* instruments with a position or an open order (bit 23) */
  uint32_t pad0;
  tg_exposure_instr_t instr[TG_INSTR_MAX];
} tg_exposure_t;

/* One order's share. All zero = nothing reserved. */
typedef struct tg_reserve {
  int64_t live_lots;  /* remaining quantity of the order as last confirmed or first sent */
  int64_t amend_lots; /* remaining quantity if the amend under way is applied; -1 = no amend under way */
  int64_t held_lots;  /* what the table holds for it = max(live, amend) */
  uint16_t instr_idx;
  uint8_t side;   /* tg_side_t */
  uint8_t active; /* 1 from reserve to release */
  uint8_t pad0[4];
} tg_reserve_t;

void tg_exposure_init(tg_exposure_t *exposure);

/* Sends: reserve rem_lots (> 0, < TG_QTY_LOTS_MAX) of a new order. 0; -TG_EINVAL (already active, bad index, side or
 * quantity); -TG_ERANGE (the side's sum would leave its range). */
TG_MUST_USE int tg_exposure_reserve(tg_exposure_t *exposure, tg_reserve_t *reserve, uint16_t instr_idx, tg_side_t side,
                                    int64_t rem_lots);
/* Sends an amend: from now the larger of the two remaining quantities is held. new_rem_lots = new total - filled, >= 0.
 * Repeated before an answer: the largest stays held. 0, -TG_EINVAL (not active), -TG_ERANGE. */
TG_MUST_USE int tg_exposure_amend(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t new_rem_lots);
/* The amend is answered (or the order's truth was told): exactly rem_lots remain. Also used when a place is confirmed
 * with another quantity than asked. 0, -TG_EINVAL (not active), -TG_ERANGE. */
TG_MUST_USE int tg_exposure_settle(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t rem_lots);
/* The amend was refused: the order is as before it. 0, -TG_EINVAL. */
TG_MUST_USE int tg_exposure_amend_refused(tg_exposure_t *exposure, tg_reserve_t *reserve);
/* qty_lots (> 0) of the order executed: position moves by it, the reservation shrinks by it (both ways of an amend).
 * Works on a released reserve too (a late fill): then only the position moves. 0; -TG_ERANGE: more filled than was
 * reserved, or the position leaves its range (then it is no longer known); the position has moved all the same;
 * -TG_EINVAL (bad index or quantity, nothing moved). */
TG_MUST_USE int tg_exposure_fill(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t qty_lots);
/* Terminal or certainly refused: gives back what is still held. Idempotent; returns the lots released. */
int64_t tg_exposure_release(tg_exposure_t *exposure, tg_reserve_t *reserve);

/* Account truth: the position is pos_lots (|pos| < TG_QTY_LOTS_MAX; else unknown). */
void tg_exposure_position(tg_exposure_t *exposure, uint16_t instr_idx, int64_t pos_lots);
/* The position is not known any more; classification is INCREASE_RISK until tg_exposure_position. */
void tg_exposure_unknown(tg_exposure_t *exposure, uint16_t instr_idx);
/* A new mark: worth of one lot = ceil(mark * lot). mark_e8 <= 0 or too large removes the worth. */
void tg_exposure_mark(tg_exposure_t *exposure, uint16_t instr_idx, const tg_filters_t *filters, int64_t mark_e8);
/* The venue told what margin is available; leverage_x is the smallest leverage among our instruments (0 unknown: 1).
 * From now gross may grow by available * leverage; later own reservations eat from it. available_e8 < 0 = not told. */
void tg_exposure_available(tg_exposure_t *exposure, int64_t available_e8, int64_t leverage_x);

/* Lots long if every open buy filled and no sell did; short likewise; both >= 0. */
static inline int64_t tg_exposure_worst_long(const tg_exposure_instr_t *instr) {
  int64_t lots = instr->pos_lots + instr->open_buy_lots;
  return lots > 0 ? lots : 0;
}
static inline int64_t tg_exposure_worst_short(const tg_exposure_instr_t *instr) {
  int64_t lots = instr->open_sell_lots - instr->pos_lots;
  return lots > 0 ? lots : 0;
}
/* 1 when anything is held or open on the instrument. */
static inline uint32_t tg_exposure_busy(const tg_exposure_instr_t *instr) {
  return (instr->pos_lots | instr->open_buy_lots | instr->open_sell_lots) != 0;
}
/* Worst-case gross worth in e8, rounded up, saturated at INT64_MAX. */
int64_t tg_exposure_gross_e8(const tg_exposure_t *exposure);
/* Sum of |position| * worth, e8, rounded up; INT64_MAX while anything is unvalued or a watched position unknown.
 * The lifecycle's gross position notional. */
int64_t tg_exposure_position_gross_e8(const tg_exposure_t *exposure);

/* Intent of a place, or of an amend by what it would become (spec/fsm.md, Permissions). rem_lots: open quantity that
 * would result; held_lots: what the table holds for this very order already (0 for a place).
 * REDUCE_RISK when the order, after every other open order of its side, leaves the position at or before zero, or when
 * it is reduce-only; INCREASE_RISK otherwise, and always when the position is unknown or rem_lots is out of range. */
static inline tg_intent_t tg_exposure_intent(const tg_exposure_instr_t *instr, tg_side_t side, int64_t rem_lots,
                                             int64_t held_lots, bool reduce_only) {
  if (!instr->pos_known || rem_lots <= 0 || rem_lots >= TG_QTY_LOTS_MAX) return TG_INTENT_INCREASE_RISK;
  if (reduce_only) return TG_INTENT_REDUCE_RISK;
  int64_t after = side == TG_BUY ? -(instr->pos_lots + instr->open_buy_lots - held_lots + rem_lots)
                                 : instr->pos_lots - instr->open_sell_lots + held_lots - rem_lots;
  return after >= 0 ? TG_INTENT_REDUCE_RISK : TG_INTENT_INCREASE_RISK;
}
/* Lots of `side` that may still be sent as reductions: |position| against that side, less what is reserved there; >= 0;
 * 0 when unknown. The router's place-first exception and flatten use it. */
static inline int64_t tg_exposure_reducible(const tg_exposure_instr_t *instr, tg_side_t side) {
  int64_t lots = side == TG_BUY ? -instr->pos_lots - instr->open_buy_lots : instr->pos_lots - instr->open_sell_lots;
  return instr->pos_known && lots > 0 ? lots : 0;
}

#endif

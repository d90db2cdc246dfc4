#include "risk/exposure.h"

#include <string.h>

#include "engine/base/err.h"

/* A lot's worth below 2^62 and sums of lots below 2^54 keep 64 instruments' money below 2^122. */
#define WORTH_Q16_MAX (UINT64_C(1) << 62)
#define POS_MAX TG_QTY_LOTS_MAX

void tg_exposure_init(tg_exposure_t *exposure) {
  memset(exposure, 0, sizeof *exposure);
  exposure->margin_gross_max_q16 = -1;
}

static uint32_t unvalued(const tg_exposure_instr_t *instr) {
  return instr->lot_worth_q16 == 0 && (instr->pos_lots != 0 || instr->open_buy_lots != 0 || instr->open_sell_lots != 0);
}

static uint32_t unknown(const tg_exposure_instr_t *instr) {
  return instr->watched && !instr->pos_known;
}

/* What an instrument adds to the table's counts; taken before a change, so that revalue can move them by difference. */
typedef struct flaws {
  uint32_t unvalued, unknown, busy;
} flaws_t;

static flaws_t flaws_of(const tg_exposure_instr_t *instr) {
  flaws_t flaws = {unvalued(instr), unknown(instr), tg_exposure_busy(instr)};
  return flaws;
}

/* Re-values one instrument and moves the sums by the difference. */
static void revalue(tg_exposure_t *exposure, tg_exposure_instr_t *instr, flaws_t before) {
  instr->watched = 1;
  int64_t worst_long = tg_exposure_worst_long(instr), worst_short = tg_exposure_worst_short(instr);
  tg_i128 worth = (tg_i128)instr->lot_worth_q16;
  tg_i128 gross = worth * (worst_long > worst_short ? worst_long : worst_short);
  tg_i128 net_long = worth * (instr->pos_lots + instr->open_buy_lots);
  tg_i128 net_short = worth * (instr->open_sell_lots - instr->pos_lots);
  tg_i128 position = worth * (instr->pos_lots < 0 ? -instr->pos_lots : instr->pos_lots);
  tg_i128 open = worth * (instr->open_buy_lots + instr->open_sell_lots);
  exposure->gross_q16 += gross - instr->gross_q16;
  exposure->net_long_q16 += net_long - instr->net_long_q16;
  exposure->net_short_q16 += net_short - instr->net_short_q16;
  exposure->position_gross_q16 += position - instr->position_gross_q16;
  exposure->open_q16 += open - instr->open_q16;
  exposure->busy_cnt += tg_exposure_busy(instr) - before.busy;
  exposure->unvalued_cnt += unvalued(instr) - before.unvalued;
  exposure->unknown_cnt += unknown(instr) - before.unknown;
  instr->gross_q16 = gross;
  instr->net_long_q16 = net_long;
  instr->net_short_q16 = net_short;
  instr->position_gross_q16 = position;
  instr->open_q16 = open;
}

/* Sets live and amend remains of an active reserve and moves what the table holds for it. */
static int hold(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t live_lots, int64_t amend_lots) {
  tg_exposure_instr_t *instr = &exposure->instr[reserve->instr_idx];
  flaws_t before = flaws_of(instr);
  int64_t held = live_lots > amend_lots ? live_lots : amend_lots;
  int64_t *lots = &instr->open_lots[reserve->side];
  int64_t sum = *lots - reserve->held_lots + held;
  if (sum < 0 || sum >= POS_MAX) return -TG_ERANGE;
  *lots = sum;
  reserve->live_lots = live_lots;
  reserve->amend_lots = amend_lots;
  reserve->held_lots = held;
  revalue(exposure, instr, before);
  return 0;
}

int tg_exposure_reserve(tg_exposure_t *exposure, tg_reserve_t *reserve, uint16_t instr_idx, tg_side_t side, int64_t rem_lots) {
  if (reserve->active || instr_idx >= TG_INSTR_MAX || (side != TG_BUY && side != TG_SELL)) return -TG_EINVAL;
  if (rem_lots <= 0 || rem_lots >= TG_QTY_LOTS_MAX) return -TG_EINVAL;
  tg_reserve_t fresh = {0};
  fresh.instr_idx = instr_idx;
  fresh.side = (uint8_t)side;
  fresh.active = 1;
  int err = hold(exposure, &fresh, rem_lots, -1);
  if (err) return err;
  *reserve = fresh;
  return 0;
}

int tg_exposure_amend(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t new_rem_lots) {
  if (!reserve->active) return -TG_EINVAL;
  if (new_rem_lots < 0 || new_rem_lots >= TG_QTY_LOTS_MAX) return -TG_ERANGE;
  int64_t amend = new_rem_lots > reserve->amend_lots ? new_rem_lots : reserve->amend_lots;
  return hold(exposure, reserve, reserve->live_lots, amend);
}

int tg_exposure_settle(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t rem_lots) {
  if (!reserve->active) return -TG_EINVAL;
  if (rem_lots < 0 || rem_lots >= TG_QTY_LOTS_MAX) return -TG_ERANGE;
  return hold(exposure, reserve, rem_lots, -1);
}

int tg_exposure_amend_refused(tg_exposure_t *exposure, tg_reserve_t *reserve) {
  if (!reserve->active) return -TG_EINVAL;
  return hold(exposure, reserve, reserve->live_lots, -1);
}

static int64_t less(int64_t lots, int64_t qty_lots) {
  return lots > qty_lots ? lots - qty_lots : 0;
}

int tg_exposure_fill(tg_exposure_t *exposure, tg_reserve_t *reserve, int64_t qty_lots) {
  if (reserve->instr_idx >= TG_INSTR_MAX || qty_lots <= 0 || qty_lots >= TG_QTY_LOTS_MAX) return -TG_EINVAL;
  tg_exposure_instr_t *instr = &exposure->instr[reserve->instr_idx];
  flaws_t before = flaws_of(instr);
  int64_t pos = instr->pos_lots + (reserve->side == TG_BUY ? qty_lots : -qty_lots);
  bool fits = pos > -POS_MAX && pos < POS_MAX;
  bool held_enough = !reserve->active || reserve->held_lots >= qty_lots;
  if (fits) {
    instr->pos_lots = pos;
  } else {
    instr->pos_known = 0;
  }
  revalue(exposure, instr, before);
  if (reserve->active) {
    int64_t amend = reserve->amend_lots < 0 ? -1 : less(reserve->amend_lots, qty_lots);
    int err = hold(exposure, reserve, less(reserve->live_lots, qty_lots), amend);
    if (err) return err; /* cannot be: it only shrinks */
  }
  return fits && held_enough ? 0 : -TG_ERANGE;
}

int64_t tg_exposure_release(tg_exposure_t *exposure, tg_reserve_t *reserve) {
  if (!reserve->active) return 0;
  int64_t held = reserve->held_lots;
  int err = hold(exposure, reserve, 0, -1);
  reserve->active = 0;
  return err ? 0 : held;
}

void tg_exposure_position(tg_exposure_t *exposure, uint16_t instr_idx, int64_t pos_lots) {
  if (instr_idx >= TG_INSTR_MAX) return;
  tg_exposure_instr_t *instr = &exposure->instr[instr_idx];
  flaws_t before = flaws_of(instr);
  bool fits = pos_lots > -POS_MAX && pos_lots < POS_MAX;
  instr->pos_known = fits;
  if (fits) instr->pos_lots = pos_lots;
  revalue(exposure, instr, before);
}

void tg_exposure_unknown(tg_exposure_t *exposure, uint16_t instr_idx) {
  if (instr_idx >= TG_INSTR_MAX) return;
  tg_exposure_instr_t *instr = &exposure->instr[instr_idx];
  flaws_t before = flaws_of(instr);
  instr->pos_known = 0;
  revalue(exposure, instr, before);
}

void tg_exposure_mark(tg_exposure_t *exposure, uint16_t instr_idx, const tg_filters_t *filters, int64_t mark_e8) {
  if (instr_idx >= TG_INSTR_MAX) return;
  tg_exposure_instr_t *instr = &exposure->instr[instr_idx];
  flaws_t before = flaws_of(instr);
  uint64_t worth = 0;
  if (mark_e8 > 0 && filters->lot_mul > 0) {
    /* mark < 2^63, lot_mul <= 2^34: the shifted product stays below 2^113 */
    tg_u128 scaled = ((tg_u128)(uint64_t)mark_e8 * filters->lot_mul) << TG_WORTH_Q;
    tg_u128 value = (scaled + filters->lot_div - 1) / filters->lot_div;
    worth = value < (tg_u128)WORTH_Q16_MAX ? (uint64_t)value : 0;
  }
  instr->lot_worth_q16 = worth;
  revalue(exposure, instr, before);
}

void tg_exposure_available(tg_exposure_t *exposure, int64_t available_e8, int64_t leverage_x) {
  if (available_e8 < 0) {
    exposure->margin_gross_max_q16 = -1;
    return;
  }
  int64_t leverage = leverage_x < 1 ? 1 : leverage_x > 1000 ? 1000 : leverage_x;
  exposure->margin_gross_max_q16 = exposure->gross_q16 + (((tg_i128)available_e8 * leverage) << TG_WORTH_Q);
}

static int64_t e8_of_q16(tg_i128 worth_q16) {
  tg_i128 value = (worth_q16 + (((tg_i128)1 << TG_WORTH_Q) - 1)) >> TG_WORTH_Q;
  return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

int64_t tg_exposure_gross_e8(const tg_exposure_t *exposure) {
  return e8_of_q16(exposure->gross_q16);
}

int64_t tg_exposure_position_gross_e8(const tg_exposure_t *exposure) {
  if (exposure->unvalued_cnt != 0 || exposure->unknown_cnt != 0) return INT64_MAX;
  return e8_of_q16(exposure->position_gross_q16);
}

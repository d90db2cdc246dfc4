/* day.h - what was used of the trading day's caps (bit 25).
 * What:    entries (places that increase risk, counted when they leave), traded quantity of each instrument, traded value of
 *          all. The trading day is the venue's: 24 h from risk.day_roll_s after 00:00 UTC, by message time; it rolls forward
 *          only, once. Kept over restarts: the core tells OUT_DAY on changes, the cold side gives them back as DAY.
 * Owner:   the core; one per account.
 * Threads: one lane; pure over (state, event, now).
 * Limit:   sums saturate at INT64_MAX / 2 (then the cap is long reached).
 * Errors:  none; lines of another day are ignored. */
#ifndef TG_RISK_DAY_H
#define TG_RISK_DAY_H

#include "engine/msg/msg.h"
#include "risk/drawdown.h"

typedef struct tg_day_use {
  int64_t entry_cnt, qty_lots, notional_e8;
} tg_day_use_t;

typedef struct tg_day_state {
  int64_t entry_cnt, notional_e8; /* sums over instruments: what the gate reads */
  uint64_t day_no;                /* days since 1970, shifted by roll_ns */
  uint64_t roll_ns;               /* the trading day begins so long after 00:00 UTC */
  uint64_t next_ns;               /* the next one begins */
  uint64_t roll_cnt;
  tg_day_use_t instr[TG_INSTR_MAX];
} tg_day_state_t;

/* Number of the trading day of an instant. */
static inline uint64_t tg_day_no(uint64_t now_ns, uint64_t roll_ns) {
  return now_ns < roll_ns ? 0 : (now_ns - roll_ns) / TG_NS_PER_DAY;
}
/* Empty counters of the day of now_ns. */
void tg_day_init(tg_day_state_t *day, uint64_t now_ns, uint64_t roll_ns);
/* Another hour of the roll: what is counted stays; the day's number is the new one's. */
void tg_day_roll_set(tg_day_state_t *day, uint64_t now_ns, uint64_t roll_ns);
/* Slow half of tg_day_on_time. */
void tg_day_roll(tg_day_state_t *day, uint64_t now_ns);
/* True when a new trading day began: counters are zero. */
static inline bool tg_day_on_time(tg_day_state_t *day, uint64_t now_ns) {
  if (TG_LIKELY(now_ns < day->next_ns)) return false;
  tg_day_roll(day, now_ns);
  return true;
}
/* instr_idx < TG_INSTR_MAX. A place that increases risk leaves. */
void tg_day_on_entry(tg_day_state_t *day, uint16_t instr_idx);
/* qty_lots (> 0) executed, worth notional_e8 (>= 0). */
void tg_day_on_fill(tg_day_state_t *day, uint16_t instr_idx, int64_t qty_lots, int64_t notional_e8);
/* A former run's line of an instrument: added to what this run counted since. False: another day, or makes no sense. */
bool tg_day_restore(tg_day_state_t *day, uint16_t instr_idx, const tg_day_t *line);

#endif

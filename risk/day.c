#include "risk/day.h"

#include <string.h>

#define SUM_MAX (INT64_MAX / 2)

static void edge(tg_day_state_t *day, uint64_t now_ns) {
  day->day_no = tg_day_no(now_ns, day->roll_ns);
  day->next_ns = now_ns < day->roll_ns ? day->roll_ns : (day->day_no + 1) * TG_NS_PER_DAY + day->roll_ns;
}

void tg_day_init(tg_day_state_t *day, uint64_t now_ns, uint64_t roll_ns) {
  memset(day, 0, sizeof *day);
  day->roll_ns = roll_ns;
  edge(day, now_ns);
}

void tg_day_roll_set(tg_day_state_t *day, uint64_t now_ns, uint64_t roll_ns) {
  if (day->roll_ns == roll_ns) return;
  day->roll_ns = roll_ns;
  edge(day, now_ns);
}

void tg_day_roll(tg_day_state_t *day, uint64_t now_ns) {
  if (now_ns < day->next_ns) return;
  uint64_t roll_cnt = day->roll_cnt + 1;
  tg_day_init(day, now_ns, day->roll_ns);
  day->roll_cnt = roll_cnt;
}

static void add(int64_t *sum, int64_t more) {
  *sum = more > SUM_MAX - *sum ? SUM_MAX : *sum + more;
}

void tg_day_on_entry(tg_day_state_t *day, uint16_t instr_idx) {
  add(&day->instr[instr_idx].entry_cnt, 1);
  add(&day->entry_cnt, 1);
}

void tg_day_on_fill(tg_day_state_t *day, uint16_t instr_idx, int64_t qty_lots, int64_t notional_e8) {
  add(&day->instr[instr_idx].qty_lots, qty_lots);
  add(&day->instr[instr_idx].notional_e8, notional_e8);
  add(&day->notional_e8, notional_e8);
}

bool tg_day_restore(tg_day_state_t *day, uint16_t instr_idx, const tg_day_t *line) {
  bool sane = line->entry_cnt >= 0 && line->qty_lots >= 0 && line->notional_e8 >= 0;
  if (instr_idx >= TG_INSTR_MAX || line->day_no != day->day_no || !sane) return false;
  tg_day_use_t *use = &day->instr[instr_idx];
  add(&use->entry_cnt, line->entry_cnt);
  add(&use->qty_lots, line->qty_lots);
  add(&use->notional_e8, line->notional_e8);
  add(&day->entry_cnt, line->entry_cnt);
  add(&day->notional_e8, line->notional_e8);
  return true;
}

#include "risk/drawdown.h"

#include <string.h>

#define EQUITY_MAX (INT64_MAX / 4)

static int64_t clamp(int64_t equity_e8) {
  return equity_e8 > EQUITY_MAX ? EQUITY_MAX : equity_e8 < -EQUITY_MAX ? -EQUITY_MAX : equity_e8;
}

/* Puts the latch on when a limit is reached. True when it went on now. */
static bool judge(tg_drawdown_t *drawdown) {
  if (!drawdown->known || drawdown->latched) return false;
  bool session = drawdown->session_limit_e8 > 0 && tg_drawdown_session_e8(drawdown) >= drawdown->session_limit_e8;
  bool day = drawdown->day_limit_e8 > 0 && tg_drawdown_day_e8(drawdown) >= drawdown->day_limit_e8;
  if (!session && !day) return false;
  drawdown->latched = 1;
  drawdown->breach_cnt++;
  return true;
}

void tg_drawdown_init(tg_drawdown_t *drawdown, int64_t session_limit_e8, int64_t day_limit_e8) {
  memset(drawdown, 0, sizeof *drawdown);
  drawdown->session_limit_e8 = session_limit_e8;
  drawdown->day_limit_e8 = day_limit_e8;
}

void tg_drawdown_limits(tg_drawdown_t *drawdown, int64_t session_limit_e8, int64_t day_limit_e8) {
  drawdown->session_limit_e8 = session_limit_e8;
  drawdown->day_limit_e8 = day_limit_e8;
  judge(drawdown);
}

bool tg_drawdown_update(tg_drawdown_t *drawdown, uint64_t now_ns, int64_t equity_e8, bool marks_fresh) {
  if (!marks_fresh) return false;
  equity_e8 = clamp(equity_e8);
  uint64_t day_no = now_ns < drawdown->roll_ns ? 0 : (now_ns - drawdown->roll_ns) / TG_NS_PER_DAY;
  if (!drawdown->known) {
    drawdown->session_peak_e8 = equity_e8;
    drawdown->day_peak_e8 = equity_e8;
    drawdown->day_no = day_no;
    drawdown->known = 1;
  } else if (day_no > drawdown->day_no) {
    drawdown->day_peak_e8 = equity_e8; /* the first fresh equity of the new day; a latch stays until acknowledged */
    drawdown->day_no = day_no;
    drawdown->roll_cnt++;
  }
  drawdown->equity_e8 = equity_e8;
  if (now_ns > drawdown->fresh_ns) drawdown->fresh_ns = now_ns;
  if (equity_e8 > drawdown->session_peak_e8) drawdown->session_peak_e8 = equity_e8;
  if (drawdown->restored_peak_e8 > drawdown->day_peak_e8 && drawdown->restored_day_no == drawdown->day_no)
    drawdown->day_peak_e8 = drawdown->restored_peak_e8;
  drawdown->restored_peak_e8 = 0;
  if (equity_e8 > drawdown->day_peak_e8) drawdown->day_peak_e8 = equity_e8;
  return judge(drawdown);
}

void tg_drawdown_transfer(tg_drawdown_t *drawdown, int64_t change_e8) {
  if (!drawdown->known) return;
  change_e8 = clamp(change_e8);
  drawdown->equity_e8 = clamp(drawdown->equity_e8 + change_e8);
  drawdown->session_peak_e8 = clamp(drawdown->session_peak_e8 + change_e8);
  drawdown->day_peak_e8 = clamp(drawdown->day_peak_e8 + change_e8);
}

bool tg_drawdown_restore(tg_drawdown_t *drawdown, uint64_t day_no, int64_t peak_e8) {
  if (peak_e8 <= 0) return false;
  if (!drawdown->known) { /* the first fresh equity tells which day it is */
    drawdown->restored_peak_e8 = clamp(peak_e8);
    drawdown->restored_day_no = day_no;
    return false;
  }
  if (day_no != drawdown->day_no || clamp(peak_e8) <= drawdown->day_peak_e8) return false;
  drawdown->day_peak_e8 = clamp(peak_e8);
  return judge(drawdown);
}

bool tg_drawdown_ack(tg_drawdown_t *drawdown) {
  if (!drawdown->latched) return false;
  drawdown->latched = 0;
  drawdown->ack_cnt++;
  drawdown->session_peak_e8 = drawdown->equity_e8;
  drawdown->day_peak_e8 = drawdown->equity_e8;
  return true;
}

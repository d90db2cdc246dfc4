/* bn_last_look.c - before a run ends: what nobody told us. Orders of ours that the venue still shows are cancelled (bn_kill.h,
 * until it shows none), executions that no stream told are asked for and given to the core (bn_trades.c, with the short
 * patience of a doubt). */
#include "engine/venue/bn_cold_int.h"

#define LOOK_DOUBT_NS (10 * (uint64_t)TG_NS_PER_S)

void tg_bn_cold_last_look(tg_bn_cold_t *cold, uint64_t now_ns) {
  cold->now_ns = now_ns;
  cold->look_ns = now_ns;
  tg_bn_kill_start(&cold->kill, false, now_ns);
  for (size_t i = 0; i < cold->want_cnt; i++) {
    bn_trades_t *t = &cold->trades[cold->want[i].instr_idx];
    t->looked = false;
    t->doubt_until_ns = now_ns + LOOK_DOUBT_NS;
    if (t->unseen_since_ns == 0) t->compare_next_ns = now_ns;
  }
}

bool tg_bn_cold_last_look_over(const tg_bn_cold_t *cold) {
  if (!tg_bn_kill_is_empty(&cold->kill) || cold->kill.empty_asked_ns < cold->look_ns) return false;
  if (cold->conf->sync_trades_period_ms == 0) return true;
  for (size_t i = 0; i < cold->want_cnt; i++) {
    if (!cold->trades[cold->want[i].instr_idx].looked) return false;
  }
  return true;
}

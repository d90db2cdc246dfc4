/* bn_doubt.c - the venue's position is not the one that the core told last, or an order's executions do not add up to what the
 * venue says is filled: an execution is under way, or lost. The executions are compared at once and looked at again after
 * DOUBT_GRACE_NS: what was lost is booked with its own price and profit before the core takes the difference for a drift and
 * adopts a position without them. A false doubt costs one userTrades. */
#include "engine/venue/bn_cold_int.h"

#define DOUBT_GRACE_NS (250 * (uint64_t)TG_NS_PER_MS)
#define DOUBT_PAUSE_NS ((uint64_t)TG_NS_PER_S)
#define DOUBT_LIFE_NS (5 * (uint64_t)TG_NS_PER_S)

static void doubt(tg_bn_cold_t *cold, bn_trades_t *t) {
  t->doubt_until_ns = cold->now_ns + DOUBT_LIFE_NS;
  if (cold->now_ns < t->doubt_next_ns) return; /* looked at already */
  t->doubt_next_ns = cold->now_ns + DOUBT_PAUSE_NS;
  uint64_t look_ns = t->unseen_since_ns ? t->unseen_since_ns + DOUBT_GRACE_NS : cold->now_ns;
  if (look_ns < t->compare_next_ns) t->compare_next_ns = look_ns;
}

void bn_doubt_note(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  if (msg->instr_idx >= TG_INSTR_MAX) return;
  bn_trades_t *t = &cold->trades[msg->instr_idx];
  if (msg->kind == TG_OUT_POSITION) {
    t->core_lots = msg->u.out_position.qty_lots;
    t->core_told = true;
  }
  if (msg->kind == TG_OUT_ALARM && msg->u.out_alarm.what == TG_ALARM_CUM_MISMATCH) doubt(cold, t);
}

uint64_t bn_doubt_grace_ns(const tg_bn_cold_t *cold, const bn_trades_t *t, uint64_t grace_ns) {
  return cold->now_ns < t->doubt_until_ns && grace_ns > DOUBT_GRACE_NS ? DOUBT_GRACE_NS : grace_ns;
}

void bn_doubt_positions(tg_bn_cold_t *cold) {
  for (size_t i = 0; i < cold->want_cnt; i++) {
    uint16_t instr_idx = cold->want[i].instr_idx;
    bn_trades_t *t = &cold->trades[instr_idx];
    int64_t lots = 0;
    for (uint32_t k = 0; k < cold->batch.cnt; k++) {
      const tg_msg_t *msg = &cold->batch.msg[k];
      if (msg->kind == TG_ACC_POSITION && msg->instr_idx == instr_idx) lots += msg->u.acc_position.qty_lots;
    }
    if (t->core_told && lots != t->core_lots) doubt(cold, t);
  }
}

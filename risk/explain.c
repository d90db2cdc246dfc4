#include "risk/explain.h"

enum { UNIT_LOTS = TG_EXPLAIN_LOTS, UNIT_TICKS = TG_EXPLAIN_TICKS, UNIT_E8 = TG_EXPLAIN_E8 };
enum { UNIT_NS = TG_EXPLAIN_NS, UNIT_CNT = TG_EXPLAIN_COUNT, UNIT_BITS = TG_EXPLAIN_BITS };

const tg_explain_row_t tg_explain_rows[TG_EXPLAIN_CNT] = {
#define EXPLAIN(part, slot, NAME, UNIT, text) [(part)*4 + (slot)] = {#NAME, text, UNIT_##UNIT},
#include "risk/explain.def"
#undef EXPLAIN
};

static int64_t e8_of(tg_i128 worth_q16) {
  tg_i128 value = worth_q16 >> TG_WORTH_Q;
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

static int64_t age(uint64_t now_ns, uint64_t at_ns) {
  return at_ns == 0 ? -1 : (int64_t)(now_ns - at_ns);
}

static int64_t states(const tg_gate_snap_t *snap) {
  uint64_t bits = 0;
  bits |= (uint64_t)(snap->circuit & 3u) << TG_EXPLAIN_STATE_CIRCUIT;
  bits |= (uint64_t)(snap->degraded & 1u) << TG_EXPLAIN_STATE_DEGRADED;
  bits |= (uint64_t)(snap->repeat_latched & 1u) << TG_EXPLAIN_STATE_REPEAT;
  bits |= (snap->rejects->storm & 1u) << TG_EXPLAIN_STATE_REJECTS;
  bits |= (uint64_t)(snap->now_ns < snap->loss_until_ns) << TG_EXPLAIN_STATE_LOSS;
  bits |= (uint64_t)(snap->decision & 3u) << TG_EXPLAIN_STATE_DECISION;
  bits |= (uint64_t)(snap->manual & 1u) << TG_EXPLAIN_STATE_MANUAL;
  bits |= (uint64_t)(snap->ticket->approved & 1u) << TG_EXPLAIN_STATE_APPROVED;
  bits |= (snap->drawdown->latched & 1u) << TG_EXPLAIN_STATE_DRAWDOWN;
  bits |= (snap->advisory->toxic & 1u) << TG_EXPLAIN_STATE_TOXIC;
  bits |= (uint64_t)(snap->instr->book_state & 15u) << TG_EXPLAIN_STATE_BOOK;
  bits |= (uint64_t)(snap->fsm_allow & 15u) << TG_EXPLAIN_STATE_FSM_ALLOW;
  return (int64_t)bits;
}

void tg_explain_make(const tg_gate_snap_t *snap, uint16_t instr_idx, tg_side_t side, tg_intent_t intent,
                     int64_t value[TG_EXPLAIN_CNT]) {
  const tg_exposure_t *all = snap->exposure;
  const tg_exposure_instr_t *one = &all->instr[instr_idx & (TG_INSTR_MAX - 1)];
  const tg_day_use_t *use = &snap->day->instr[instr_idx & (TG_INSTR_MAX - 1)];
  int64_t offset = snap->clock_offset_ns;
  value[TG_EXPLAIN_POSITION] = one->pos_lots;
  value[TG_EXPLAIN_OPEN_BUY] = one->open_buy_lots;
  value[TG_EXPLAIN_OPEN_SELL] = one->open_sell_lots;
  value[TG_EXPLAIN_GROSS] = e8_of(all->gross_q16);
  value[TG_EXPLAIN_NET] = e8_of(all->net_q16[side & 1u]);
  value[TG_EXPLAIN_EQUITY] = snap->drawdown->equity_e8;
  value[TG_EXPLAIN_BID] = snap->instr->bid_px_ticks;
  value[TG_EXPLAIN_ASK] = snap->instr->ask_px_ticks;
  value[TG_EXPLAIN_MARK] = snap->instr->mark_e8;
  value[TG_EXPLAIN_BOOK_AGE] = age(snap->now_ns, snap->instr->book_rx_ns);
  value[TG_EXPLAIN_SESSION_AGE] = age(snap->now_ns, snap->session_rx_ns);
  value[TG_EXPLAIN_CLOCK_SKEW] = snap->clock_known ? (offset < 0 ? -offset : offset) + snap->clock_error_ns : -1;
  value[TG_EXPLAIN_RATE_LEFT] = tg_rate_left(snap->rate, intent, snap->now_ns);
  value[TG_EXPLAIN_OPEN_ORDERS] = snap->open_cnt;
  value[TG_EXPLAIN_OPEN_HERE] = snap->instr->open_cnt;
  value[TG_EXPLAIN_IN_FLIGHT] = snap->in_flight_cnt;
  value[TG_EXPLAIN_TICKET_QTY] = snap->ticket->qty_lots;
  value[TG_EXPLAIN_TICKET_HELD] = snap->ticket->held_lots;
  value[TG_EXPLAIN_TICKET_FILLED] = snap->ticket->filled_lots;
  value[TG_EXPLAIN_DAY_ENTRIES] = snap->day->entry_cnt;
  value[TG_EXPLAIN_DAY_QTY] = use->qty_lots;
  value[TG_EXPLAIN_DAY_NOTIONAL] = snap->day->notional_e8;
  value[TG_EXPLAIN_DRAWDOWN_DAY] = tg_drawdown_day_e8(snap->drawdown);
  value[TG_EXPLAIN_STATES] = states(snap);
}

/* The gate chain: every condition of spec/gates.md by itself, in pairs, and against each intent. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "tests/unit/risk/fixture.h"

#define B(NAME) TG_GATE_BIT(NAME)

/* Faults: each makes one condition of one row true. `also`: bits that must follow from the same input. */
#define FAULTS(X) \
  X(ARMED, NOT_ARMED, 0, "armed", w->snap.armed = 0) \
  X(MODE, MODE_NO_SUBMIT, 0, "mode", w->snap.mode_sends = 0) \
  X(MODE, MODE_NO_SUBMIT, 0, "submit", w->snap.submit = 0) \
  X(KILL, KILL_SWITCH, 0, "kill", w->snap.kill_latched = 1) \
  X(LIMITS, LIMIT_UNSET, 0, "limits", memset(w->limits.unset_for, 1, sizeof w->limits.unset_for)) \
  X(ALLOWED, NOT_ALLOWED, 0, "instr", w->instr.flags &= (uint8_t)~TG_GATE_INSTR_KNOWN) \
  X(ALLOWED, NOT_ALLOWED, 0, "instr", w->instr.flags &= (uint8_t)~TG_GATE_INSTR_ALLOWLISTED) \
  X(ALLOWED, NOT_ALLOWED, 0, "instr", w->instr.flags |= TG_GATE_INSTR_RESTRICTED) \
  X(WINDOW, OUTSIDE_WINDOW, 0, "halt", w->instr.flags |= TG_GATE_INSTR_HALTED) \
  X(WINDOW, OUTSIDE_WINDOW, 0, "from", w->limits.window_from_ns = NOW_NS + 1) \
  X(WINDOW, OUTSIDE_WINDOW, 0, "until", w->limits.window_until_ns = NOW_NS) \
  X(WINDOW, OUTSIDE_WINDOW, 0, "type", w->instr.type_mask = 1u << TG_TYPE_MARKET) \
  X(SHAPE, BAD_TICK, 0, "px_step", w->filters.px_step = tg_step_make(11)) \
  X(SHAPE, BAD_TICK, 0, "px_min", w->filters.min_px_ticks = 619991) \
  X(SHAPE, BAD_TICK, 0, "px_max", w->filters.max_px_ticks = 619989) \
  X(SHAPE, BAD_TICK, 0, "ready", w->filters.ready = TG_FILTERS_SYMBOL) \
  X(SHAPE, BAD_LOT, 0, "qty_step", w->filters.qty_step = tg_step_make(3)) \
  X(SHAPE, BAD_QTY, 0, "qty_min", w->filters.min_qty_lots = 11) \
  X(SHAPE, BAD_QTY, 0, "qty_max", w->filters.max_qty_lots = 9) \
  X(SHAPE, BAD_QTY, 0, "rem", w->req.rem_lots = 0) \
  X(SHAPE, BAD_QTY, 0, "rem", w->req.rem_lots = 11) \
  X(SHAPE, BAD_NOTIONAL, 0, "notional_min", w->filters.min_units = (tg_u128)1 << 60) \
  X(MARKET_DATA, BOOK_NOT_LIVE, 0, "book", w->instr.book_state = TG_BOOK_UNSYNCED) \
  X(MARKET_DATA, BOOK_NOT_LIVE, 0, "book", w->instr.book_state = TG_BOOK_SYNCING) \
  X(MARKET_DATA, BOOK_NOT_LIVE, 0, "book", w->instr.book_state = TG_BOOK_STALE) \
  X(MARKET_DATA, BOOK_NOT_LIVE, B(COLLAR), "touch", w->instr.ask_px_ticks = 620000) \
  X(MARKET_DATA, BOOK_NOT_LIVE, B(COLLAR), "touch", w->instr.bid_px_ticks = 0) \
  X(MARKET_DATA, BOOK_NOT_LIVE, B(COLLAR), "touch", w->instr.ask_px_ticks = 0) \
  X(MARKET_DATA, STALE_DATA, 0, "book_rx", w->instr.book_rx_ns = NOW_NS - 3001 * (uint64_t)TG_NS_PER_MS) \
  X(MARKET_DATA, STALE_DATA, 0, "book_rx", w->instr.book_rx_ns = 0) \
  X(MARKET_DATA, STALE_DATA, 0, "book_rx", w->instr.book_rx_ns = NOW_NS + 2 * (uint64_t)TG_NS_PER_S) \
  X(MARKET_DATA, SESSION_STALE, 0, "session", w->snap.session_rx_ns = NOW_NS - 200001 * (uint64_t)TG_NS_PER_MS) \
  X(MARKET_DATA, SESSION_STALE, 0, "session", w->snap.session_rx_ns = 0) \
  X(CLOCK, CLOCK, 0, "clock", w->snap.clock_known = 0) \
  X(CLOCK, CLOCK, 0, "clock", w->snap.clock_offset_ns = TG_NS_PER_S + 1) \
  X(CLOCK, CLOCK, 0, "clock", w->snap.clock_offset_ns = -TG_NS_PER_S; w->snap.clock_error_ns = 1) \
  X(CLOCK, CLOCK, 0, "clock", w->snap.clock_error_ns = -1) \
  X(COLLAR, PRICE_COLLAR, 0, "far", w->req.px_ticks = 600000) \
  X(COLLAR, PRICE_COLLAR, 0, "mark", w->instr.mark_e8 = MARK_E8 / 100 * 104) \
  X(COLLAR, PRICE_COLLAR, 0, "mark", w->instr.mark_e8 = MARK_E8 / 100 * 96) \
  X(COLLAR, NO_REFERENCE, 0, "mark", w->instr.mark_e8 = 0) \
  X(COLLAR, NO_REFERENCE, 0, "mark", w->instr.mark_rx_ns = NOW_NS - 10001 * (uint64_t)TG_NS_PER_MS) \
  X(ORDER_QTY, ORDER_QTY, 0, "order_qty", w->limits.max_order_qty_lots = 9) \
  X(ORDER_NOTIONAL, ORDER_NOTIONAL, 0, "order_notional", \
    w->limits.max_order_units = tg_filters_units_of(&w->filters, 619 * TG_E8, false)) \
  X(DUPLICATE, DUPLICATE_ORDER, 0, "dup", w->dup.last_client_id = w->req.client_id) \
  X(DUPLICATE, DUPLICATE_ORDER, 0, "dup", w->req.client_id = 0) \
  X(DUPLICATE, DUPLICATE_ORDER, 0, "dup", w->dup.blind_until_ns = NOW_NS + 1) \
  X(SELF_MATCH, SELF_MATCH, 0, "own", w->instr.own_ask_px_ticks = 619990) \
  X(SELF_MATCH, SELF_MATCH, 0, "own", w->instr.own_ask_px_ticks = 1) \
  X(REDUCING, NOT_REDUCING, 0, "reduce_only", w->req.order_flags = TG_ORDER_REDUCE_ONLY; \
    tg_exposure_position(&w->exposure, 0, -9)) \
  X(RATE, RATE_LIMIT, 0, "rate", w->rate.left[TG_INTENT_INCREASE_RISK] = w->rate.left[TG_INTENT_REDUCE_RISK] = 0) \
  X(RATE, RATE_LIMIT, 0, "rate", w->rate.pause_until_ns = NOW_NS + 1) \
  X(OPEN_ORDERS, MAX_OPEN_ORDERS, 0, "open", w->instr.open_cnt = 40) \
  X(OPEN_ORDERS, MAX_OPEN_ORDERS, 0, "open", w->snap.open_cnt = 40) \
  X(OPEN_ORDERS, MAX_OPEN_ORDERS, 0, "open", w->snap.in_flight_cnt = 32) \
  X(OPEN_ORDERS, MAX_OPEN_ORDERS, 0, "open", w->filters.max_orders = 0) \
  X(POSITION, MAX_POSITION, 0, "position", w->limits.max_position_lots = 9) \
  X(GROSS, MAX_GROSS, 0, "gross", w->limits.max_gross_q16 = (tg_u128)(619 * TG_E8) << TG_WORTH_Q) \
  X(GROSS, MAX_GROSS, 0, "gross", w->limits.gross_equity_q16 = 65536 * 6 / 100) \
  X(NET, MAX_NET, 0, "net", w->limits.max_net_q16 = (tg_u128)(619 * TG_E8) << TG_WORTH_Q) \
  X(NET, MAX_NET, 0, "net", w->limits.net_equity_q16 = 65536 * 6 / 100) \
  X(NET, MAX_LEVERAGE, 0, "leverage", w->limits.leverage_q16 = 65536 * 6 / 100) \
  X(NET, MARGIN, 0, "margin", w->exposure.margin_gross_max_q16 = -1) \
  X(NET, MARGIN, 0, "margin", tg_exposure_available(&w->exposure, 61 * TG_E8, 10)) \
  X(PARENT, PARENT_EXCEEDED, 0, "ticket", w->ticket.qty_lots = 9) \
  X(PARENT, PARENT_EXCEEDED, 0, "ticket", w->ticket.held_lots = 49991) \
  X(PARENT, PARENT_EXCEEDED, 0, "ticket", w->ticket.filled_lots = 49991) \
  X(PARENT, PARENT_EXCEEDED, 0, "ticket", w->ticket.id = 0) \
  X(PARENT, PARENT_EXCEEDED, 0, "ticket", w->other_ticket = true; w->ticket.side = TG_SELL) \
  X(REPEAT, REPEAT_THROTTLE, 0, "repeat", w->snap.repeat_latched = 1) \
  X(REJECTS, REJECT_STORM, 0, "rejects", w->rejects.until_ns = NOW_NS + 1) \
  X(REJECTS, REJECT_STORM, 0, "rejects", \
    tg_rejects_on_refused(&w->rejects, NOW_NS - 1, tg_dup_key(0, TG_BUY, 619990, 10), false)) \
  X(CONCENTRATION, MAX_CONCENTRATION, 0, "one", w->limits.max_one_q16 = (tg_u128)(619 * TG_E8) << TG_WORTH_Q) \
  X(CONCENTRATION, MAX_CONCENTRATION, 0, "one", w->limits.one_equity_q16 = 65536 * 6 / 100) \
  X(CONCENTRATION, MAX_POSITIONS, 0, "positions", w->limits.max_positions = 0) \
  X(TRADE_RISK, RISK_PER_TRADE, 0, "stop", w->limits.trade_risk_q16 = ((tg_u128)(12 * TG_E8) << TG_WORTH_Q) * 10000) \
  X(TRADE_RISK, RISK_PER_TRADE, 0, "stop", w->limits.trade_equity_q16 = 12u << 16) \
  X(DAY_CAP, DAY_CAP, 0, "day", w->day.instr[0].qty_lots = w->limits.day_qty_lots - 9) \
  X(DAY_CAP, DAY_CAP, 0, "day", w->day.notional_e8 = w->limits.day_notional_e8 - 619 * TG_E8) \
  X(LOSS_STREAK, LOSS_STREAK, 0, "loss", w->snap.loss_until_ns = NOW_NS + 1) \
  X(CIRCUIT, CIRCUIT_OPEN, 0, "circuit", w->snap.circuit = TG_CIRCUIT_OPEN) \
  X(CIRCUIT, CIRCUIT_OPEN, 0, "circuit", w->snap.circuit = TG_CIRCUIT_HALF_OPEN) \
  X(DECISION, DECISION_BLOCK, 0, "decision", w->snap.decision = TG_DECISION_BLOCK) \
  X(DECISION, DECISION_MISSING, 0, "decision", w->snap.decision = TG_DECISION_MISSING) \
  X(APPROVAL, NOT_APPROVED, 0, "approval", w->ticket.approved = 0) \
  X(APPROVAL, NOT_APPROVED, 0, "approval", w->ticket.expires_ns = NOW_NS) \
  X(APPROVAL, NOT_APPROVED, 0, "approval", w->snap.manual = 1) \
  X(ADVISORY, FILL_PROB_LOW, 0, "reach", w->advisory.reach_ticks = 9) \
  X(ADVISORY, FILL_PROB_LOW, 0, "reach", w->advisory.reach_ticks = -1) \
  X(ADVISORY, TOXIC, 0, "toxic", w->advisory.toxic = 1) \
  X(DRAWDOWN, DRAWDOWN, 0, "drawdown", w->drawdown.latched = 1) \
  X(DRAWDOWN, DRAWDOWN, 0, "drawdown", w->drawdown.fresh_ns = NOW_NS - 10001 * (uint64_t)TG_NS_PER_MS) \
  X(FSM, FSM_STATE, 0, "fsm", w->snap.fsm_allow = 0)

typedef struct fault {
  uint8_t gate;
  const char *reason;
  uint64_t also;
  const char *touches; /* faults that touch the same input are not paired */
} fault_t;
#define X(gate, reason, also, touches, change) {TG_GATE_##gate, #reason, (also), touches},
static const fault_t faults[] = {FAULTS(X)};
#undef X
#define FAULT_CNT ((int)TG_ARRAY_CNT(faults))

static void break_it(world_t *w, int idx) {
  int i = 0;
#define X(gate, reason, also, touches, change) \
  if (idx == i++) { \
    change; \
  }
  FAULTS(X)
#undef X
}

static int all_faults[FAULT_CNT];
static struct criterion_test_params each_fault(void) {
  for (int i = 0; i < FAULT_CNT; i++) all_faults[i] = i;
  return cr_make_param_array(int, all_faults, FAULT_CNT);
}

Test(gate, all_well_passes) {
  for (int intent = TG_INTENT_CANCEL; intent <= TG_INTENT_INCREASE_RISK; intent++) {
    world_t w;
    uint32_t subs = 9;
    world_init(&w, (tg_intent_t)intent);
    uint64_t mask = world_mask(&w, &subs);
    cr_assert_eq(mask, 0, "intent %d: mask %llx", intent, (unsigned long long)mask);
    cr_assert_eq(tg_gate_lowest(mask), TG_GATE_NONE);
    cr_assert_eq(tg_gate_sub(mask, subs), 0);
  }
}

ParameterizedTestParameters(gate, each_condition_alone) {
  return each_fault();
}
ParameterizedTest(int *idx, gate, each_condition_alone) {
  const fault_t *fault = &faults[*idx];
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  break_it(&w, *idx);
  uint64_t mask = world_mask(&w, &subs);
  cr_assert_eq(mask, UINT64_C(1) << fault->gate | fault->also, "fault %d (%s): mask %llx", *idx, fault->reason,
               (unsigned long long)mask);
  cr_assert_str_eq(tg_gate_reason_text(tg_gate_lowest(mask), tg_gate_sub(mask, subs)), fault->reason);
}

/* spec/gates.md, column R, written out again: rows that hold back a REDUCE_RISK too. */
static const uint64_t holds_reduce = B(ARMED) | B(MODE) | B(LIMITS) | B(ALLOWED) | B(SHAPE) | B(MARKET_DATA) | B(COLLAR) |
                                     B(ORDER_QTY) | B(ORDER_NOTIONAL) | B(DUPLICATE) | B(SELF_MATCH) | B(PARENT) | B(REDUCING) |
                                     B(RATE) | B(FSM);

ParameterizedTestParameters(gate, each_condition_on_a_reduction) {
  return each_fault();
}
ParameterizedTest(int *idx, gate, each_condition_on_a_reduction) {
  const fault_t *fault = &faults[*idx];
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_REDUCE_RISK);
  break_it(&w, *idx);
  uint64_t expected = (UINT64_C(1) << fault->gate | fault->also) & holds_reduce;
  bool touch = w.instr.bid_px_ticks > 0 && w.instr.ask_px_ticks > w.instr.bid_px_ticks;
  if (touch) expected &= ~B(MARKET_DATA);
  /* the collar of exits is 300 bps: 4% off is out for both, and a touch that makes no sense is no reference */
  uint64_t mask = world_mask(&w, &subs);
  cr_assert_eq(mask, expected, "fault %d (%s): mask %llx", *idx, fault->reason, (unsigned long long)mask);
}

ParameterizedTestParameters(gate, each_condition_on_a_cancel) {
  return each_fault();
}
ParameterizedTest(int *idx, gate, each_condition_on_a_cancel) {
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_CANCEL);
  break_it(&w, *idx);
  uint64_t expected = (UINT64_C(1) << faults[*idx].gate) & (B(ARMED) | B(MODE) | B(FSM));
  cr_assert_eq(world_mask(&w, &subs), expected);
  w.req.intent = TG_INTENT_INCREASE_RISK; /* a cancel stays one, whatever its intent claims */
  cr_assert_eq(world_mask(&w, &subs), expected);
}

ParameterizedTestParameters(gate, each_condition_on_an_amend) {
  return each_fault();
}
ParameterizedTest(int *idx, gate, each_condition_on_an_amend) {
  const fault_t *fault = &faults[*idx];
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.req.action = TG_REQUEST_AMEND;
  break_it(&w, *idx);
  uint64_t expected = (UINT64_C(1) << fault->gate | fault->also) & ~(B(DUPLICATE) | B(OPEN_ORDERS));
  cr_assert_eq(world_mask(&w, &subs), expected);
}

/* A place that claims to be a cancel, and intents or actions that are none, get the strictest reading. */
Test(gate, claims_do_not_open_anything) {
  for (int idx = 0; idx < FAULT_CNT; idx++) {
    for (int intent = 0; intent < 4; intent++) {
      if (intent == TG_INTENT_REDUCE_RISK) continue;
      world_t w;
      uint32_t subs;
      world_init(&w, TG_INTENT_INCREASE_RISK);
      w.req.intent = (uint8_t)intent;
      break_it(&w, idx);
      cr_assert_eq(world_mask(&w, &subs), UINT64_C(1) << faults[idx].gate | faults[idx].also);
      w.req.action = TG_REQUEST_NONE;
      cr_assert_eq(world_mask(&w, &subs), UINT64_C(1) << faults[idx].gate | faults[idx].also);
    }
  }
}

static bool one_of(const char *word, const char *const *words) {
  for (; *words != NULL; words++) {
    if (strcmp(word, *words) == 0) return true;
  }
  return false;
}

/* Pairs in which one input undoes the other: a price moved away leaves a price bound, a reduce-only order is exempt from the
 * minimum notional and comes with a position that it shrinks. */
static bool at_odds(const fault_t *a, const fault_t *b) {
  static const char *const far[] = {"px_max", "own", "order_notional", "rejects", "reach", NULL};
  static const char *const reducing[] = {"rem",    "reduce_only", "notional_min", "position",  "gross", "net", "leverage",
                                         "margin", "ticket",      "one",          "positions", "day",   NULL};
  if (strcmp(a->touches, b->touches) == 0) return true;
  if (strcmp(a->touches, "far") == 0) return one_of(b->touches, far);
  if (strcmp(b->touches, "far") == 0) return one_of(a->touches, far);
  if (strcmp(a->touches, "rem") == 0) return one_of(b->touches, reducing); /* nothing open adds nothing */
  if (strcmp(a->touches, "reduce_only") == 0) return one_of(b->touches, reducing);
  return strcmp(b->touches, "reduce_only") == 0 && one_of(a->touches, reducing);
}

/* Two conditions at once: both bits, and the reason is the lower row's. */
ParameterizedTestParameters(gate, pairs_tell_the_lowest) {
  return each_fault();
}
ParameterizedTest(int *idx, gate, pairs_tell_the_lowest) {
  const fault_t *a = &faults[*idx];
  for (int other = *idx + 1; other < FAULT_CNT; other++) {
    const fault_t *b = &faults[other];
    if (at_odds(a, b)) continue;
    world_t w;
    uint32_t subs;
    world_init(&w, TG_INTENT_INCREASE_RISK);
    break_it(&w, *idx);
    break_it(&w, other);
    uint64_t mask = world_mask(&w, &subs), both = UINT64_C(1) << a->gate | UINT64_C(1) << b->gate | a->also | b->also;
    if (strcmp(a->touches, "far") == 0 || strcmp(b->touches, "far") == 0) both |= mask & B(SHAPE); /* off other bounds, too */
    cr_assert_eq(mask, both, "faults %d and %d: mask %llx", *idx, other, (unsigned long long)mask);
    uint8_t lowest = a->gate < b->gate ? a->gate : b->gate;
    uint64_t also = a->also | b->also;
    cr_assert_eq(tg_gate_lowest(mask), also && tg_gate_lowest(also) < lowest ? tg_gate_lowest(also) : lowest);
    if (a->gate < b->gate) {
      cr_assert_str_eq(tg_gate_reason_text(a->gate, tg_gate_sub(mask, subs)), a->reason);
    } else if (a->gate == b->gate) { /* inside a row the lower sub-code is told */
      uint8_t sub = tg_gate_sub(mask, subs);
      cr_assert(strcmp(tg_gate_reason_text(a->gate, sub), a->reason) == 0 ||
                strcmp(tg_gate_reason_text(a->gate, sub), b->reason) == 0);
    }
  }
}

Test(gate, all_bits_are_built_and_what_is_missing_is_closed) {
  for (unsigned i = 0; i < TG_GATE_CNT; i++) {
    cr_assert_eq(tg_gate_rows[i].bit, i);
    cr_assert_eq(tg_gate_rows[i].built, 1);
  }
  world_t w;
  memset(&w, 0, sizeof w); /* everything missing */
  world_wire(&w);
  w.snap.now_ns = NOW_NS;
  w.limits.unset_for[TG_INTENT_INCREASE_RISK] = 1;
  w.req.action = TG_REQUEST_PLACE;
  w.req.px_ticks = w.req.qty_lots = w.req.rem_lots = 1;
  uint32_t subs;
  uint64_t mask = world_mask(&w, &subs);
  /* no latch, no own order, no reduce-only flag, no filter switched on are what zeroes mean; all else fails closed */
  uint64_t zero_is_fine =
      B(KILL) | B(SELF_MATCH) | B(REDUCING) | B(REPEAT) | B(REJECTS) | B(LOSS_STREAK) | B(CIRCUIT) | B(DECISION);
  uint64_t closed = ((UINT64_C(1) << TG_GATE_CNT) - 1) & ~zero_is_fine;
  cr_assert_eq(mask & closed, closed, "mask %llx", (unsigned long long)mask);
  cr_assert_eq(mask & ~(closed | B(SELF_MATCH)), 0, "mask %llx", (unsigned long long)mask);
}

Test(gate, reason_table_matches_the_spec) {
  static const char *const reasons[] = {"NOT_ARMED",        "MODE_NO_SUBMIT",  "KILL_SWITCH",     "LIMIT_UNSET",
                                        "NOT_ALLOWED",      "OUTSIDE_WINDOW",  "BAD_TICK",        "BAD_LOT",
                                        "BAD_QTY",          "BAD_NOTIONAL",    "BOOK_NOT_LIVE",   "STALE_DATA",
                                        "SESSION_STALE",    "CLOCK",           "PRICE_COLLAR",    "NO_REFERENCE",
                                        "ORDER_QTY",        "ORDER_NOTIONAL",  "DUPLICATE_ORDER", "SELF_MATCH",
                                        "PARENT_EXCEEDED",  "NOT_REDUCING",    "RATE_LIMIT",      "REPEAT_THROTTLE",
                                        "REJECT_STORM",     "MAX_OPEN_ORDERS", "MAX_POSITION",    "MAX_GROSS",
                                        "MAX_NET",          "MAX_LEVERAGE",    "MARGIN",          "MAX_CONCENTRATION",
                                        "MAX_POSITIONS",    "RISK_PER_TRADE",  "DAY_CAP",         "DRAWDOWN",
                                        "LOSS_STREAK",      "CIRCUIT_OPEN",    "FSM_STATE",       "DECISION_BLOCK",
                                        "DECISION_MISSING", "NOT_APPROVED",    "FILL_PROB_LOW",   "TOXIC"};
  cr_assert_eq(TG_REASON_CNT, TG_ARRAY_CNT(reasons));
  for (unsigned i = 0; i < TG_REASON_CNT; i++) {
    cr_assert_str_eq(tg_gate_reason_name(i), reasons[i]);
    cr_assert_eq(tg_gate_reason(tg_gate_reason_rows[i].gate, tg_gate_reason_rows[i].sub), i);
  }
  cr_assert_str_eq(tg_gate_reason_name(TG_REASON_CNT), "?");
  cr_assert_str_eq(tg_gate_reason_text(TG_GATE_NONE, 0), "PASSED");
  cr_assert_str_eq(tg_gate_reason_text(TG_GATE_CNT, 0), "?");
}

Test(gate, sells_mirror_buys) {
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.req.side = TG_SELL;
  w.req.px_ticks = 620010;
  cr_assert_eq(world_mask(&w, &subs), 0);
  w.instr.own_ask_px_ticks = 620010; /* our own sells are no obstacle */
  cr_assert_eq(world_mask(&w, &subs), 0);
  w.instr.own_bid_px_ticks = 620010;
  cr_assert_eq(world_mask(&w, &subs), B(SELF_MATCH));
  w.instr.own_bid_px_ticks = 620009;
  cr_assert_eq(world_mask(&w, &subs), 0);
  tg_exposure_position(&w.exposure, 0, -491);
  cr_assert_eq(world_mask(&w, &subs), B(POSITION));
  tg_exposure_position(&w.exposure, 0, -490);
  cr_assert_eq(world_mask(&w, &subs), 0);
  w.req.order_flags = TG_ORDER_REDUCE_ONLY;
  cr_assert_eq(world_mask(&w, &subs), B(REDUCING));
  tg_exposure_position(&w.exposure, 0, 10);
  cr_assert_eq(world_mask(&w, &subs), 0);
  w.req.side = 2; /* no such side */
  cr_assert_eq(world_mask(&w, &subs) & B(SHAPE), B(SHAPE));
}

/* Exactly at the bound passes, one more does not. */
Test(gate, bounds_are_inclusive) {
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.instr.book_rx_ns = NOW_NS - 3000 * (uint64_t)TG_NS_PER_MS;
  w.snap.session_rx_ns = NOW_NS - 200000 * (uint64_t)TG_NS_PER_MS;
  w.instr.mark_rx_ns = w.drawdown.fresh_ns = NOW_NS - 10000 * (uint64_t)TG_NS_PER_MS;
  w.snap.clock_offset_ns = -600 * TG_NS_PER_MS;
  w.snap.clock_error_ns = 400 * TG_NS_PER_MS;
  w.limits.window_from_ns = NOW_NS;
  w.limits.window_until_ns = NOW_NS + 1;
  w.limits.max_order_qty_lots = w.limits.max_position_lots = 10;
  w.limits.max_order_units = (tg_u128)619990 * TG_PX_FINE * 10;
  w.filters.min_px_ticks = w.filters.max_px_ticks = 619990;
  w.filters.min_qty_lots = w.filters.max_qty_lots = 10;
  w.filters.min_units = w.limits.max_order_units;
  w.instr.own_ask_px_ticks = 619991;
  w.instr.open_cnt = w.snap.open_cnt = 39;
  w.snap.in_flight_cnt = 31;
  w.rate.left[TG_INTENT_INCREASE_RISK] = 1;
  w.limits.max_gross_q16 = w.limits.max_net_q16 = (tg_u128)(620 * TG_E8) << TG_WORTH_Q;
  tg_exposure_available(&w.exposure, 62 * TG_E8, 10);
  uint64_t mask = world_mask(&w, &subs);
  cr_assert_eq(mask, 0, "mask %llx", (unsigned long long)mask);
}

Test(gate, collar_is_exact_and_wider_for_exits) {
  for (int intent = TG_INTENT_REDUCE_RISK; intent <= TG_INTENT_INCREASE_RISK; intent++) {
    world_t w;
    uint32_t subs;
    world_init(&w, (tg_intent_t)intent);
    w.instr.ask_px_ticks = 620002; /* mid 620001 exactly */
    w.instr.mark_e8 = INT64_C(62000100) * 100000;
    int64_t bps = intent == TG_INTENT_REDUCE_RISK ? 300 : 100;
    int64_t low = (620001 * (10000 - bps) + 9999) / 10000, high = 620001 * (10000 + bps) / 10000;
    w.req.px_ticks = low;
    cr_assert_eq(world_mask(&w, &subs), 0);
    w.req.px_ticks = high;
    cr_assert_eq(world_mask(&w, &subs), 0);
    w.req.px_ticks = low - 1;
    cr_assert_eq(world_mask(&w, &subs), B(COLLAR));
    w.req.px_ticks = high + 1;
    cr_assert_eq(world_mask(&w, &subs), B(COLLAR));
    cr_assert_str_eq(tg_gate_reason_text(TG_GATE_COLLAR, tg_gate_sub(B(COLLAR), subs)), "PRICE_COLLAR");
  }
}

Test(gate, market_orders_are_valued_at_the_collar) {
  world_t w;
  uint32_t subs;
  world_init(&w, TG_INTENT_INCREASE_RISK);
  w.req.type = TG_TYPE_MARKET;
  w.req.px_ticks = tg_gate_market_px(&w.limits, &w.instr, &w.filters, TG_BUY, TG_INTENT_INCREASE_RISK);
  cr_assert_eq(w.req.px_ticks, 626200); /* 62,000 * 1.01, the mark's; the mid's is half a tick above */
  cr_assert_eq(world_mask(&w, &subs), 0);
  cr_assert_eq(tg_gate_market_px(&w.limits, &w.instr, &w.filters, TG_SELL, TG_INTENT_REDUCE_RISK), 601401);
  w.limits.max_order_units = tg_filters_units_of(&w.filters, INT64_C(62619) * TG_E8 / 100, false);
  cr_assert_eq(world_mask(&w, &subs), B(ORDER_NOTIONAL));
  w.instr.own_ask_px_ticks = 626200; /* it could reach our own order */
  cr_assert_eq(world_mask(&w, &subs), B(ORDER_NOTIONAL) | B(SELF_MATCH));
  w.req.qty_lots = w.req.rem_lots = 120001; /* market lot */
  cr_assert_eq(world_mask(&w, &subs) & B(SHAPE), B(SHAPE));
  w.instr.mark_e8 = 0;
  cr_assert_eq(tg_gate_market_px(&w.limits, &w.instr, &w.filters, TG_BUY, TG_INTENT_INCREASE_RISK), 0);
}

/* Absurd numbers anywhere in a request: no overflow trap, never a pass. */
Test(gate, absurd_requests_never_pass) {
  static const int64_t absurd[] = {0,
                                   -1,
                                   INT64_MIN,
                                   INT64_MIN + 1,
                                   INT64_MAX,
                                   INT64_MAX - 1,
                                   INT64_C(1) << 62,
                                   INT64_C(1) << 53,
                                   INT64_MIN / 2,
                                   INT64_C(1) << 52,
                                   INT64_C(1) << 48};
  for (unsigned i = 0; i < TG_ARRAY_CNT(absurd); i++) {
    for (unsigned field = 0; field < 3; field++) {
      world_t w;
      uint32_t subs;
      world_init(&w, TG_INTENT_INCREASE_RISK);
      int64_t *at = field == 0 ? &w.req.px_ticks : field == 1 ? &w.req.qty_lots : &w.req.rem_lots;
      *at = absurd[i];
      uint64_t mask = world_mask(&w, &subs);
      cr_assert_eq(mask & B(SHAPE), B(SHAPE), "field %u = %lld", field, (long long)absurd[i]);
      cr_assert_leq(tg_gate_lowest(mask), TG_GATE_SHAPE);
    }
    world_t w;
    uint32_t subs;
    world_init(&w, TG_INTENT_INCREASE_RISK);
    w.req.held_lots = absurd[i];
    if (absurd[i] != 0)
      cr_assert_eq(world_mask(&w, &subs) & B(SHAPE), absurd[i] < 0 || absurd[i] > TG_QTY_LOTS_MAX ? B(SHAPE) : 0);
  }
}

/* Random snapshots, absurd ones included, against the gates written the slow way. */
static uint64_t slow_age_bad(uint64_t now_ns, uint64_t rx_ns, int64_t limit_ns) {
  return rx_ns == 0 || (tg_u128)rx_ns + (uint64_t)limit_ns < now_ns;
}
static uint64_t slow_mask(const world_t *w) {
  const tg_order_req_t *r = &w->req;
  const tg_limits_t *l = &w->limits;
  const tg_gate_snap_t *s = &w->snap;
  const tg_gate_instr_t *in = s->instr;
  const tg_exposure_instr_t *e = &s->exposure->instr[r->instr_idx];
  tg_i128 sign = r->side == TG_BUY ? 1 : -1, mid2 = (tg_i128)in->bid_px_ticks + in->ask_px_ticks;
  int64_t bps = r->intent == TG_INTENT_REDUCE_RISK ? l->collar_exit_bps : l->collar_entry_bps;
  bool touch = in->bid_px_ticks > 0 && in->ask_px_ticks > in->bid_px_ticks;
  bool mark = in->mark_e8 > 0 && !slow_age_bad(s->now_ns, in->mark_rx_ns, l->mark_age_ns);
  tg_i128 d_mid = 2 * (tg_i128)r->px_ticks - mid2, d_mark = (tg_i128)r->px_ticks * s->filters->tick_e8 - in->mark_e8;
  tg_i128 adds = (tg_i128)r->rem_lots - r->held_lots, grows = adds > 0 ? adds : 0;
  tg_i128 open_own = r->side == TG_BUY ? e->open_buy_lots : e->open_sell_lots;
  tg_i128 open_back = r->side == TG_BUY ? e->open_sell_lots : e->open_buy_lots;
  tg_i128 there = sign * e->pos_lots + open_own + grows, back = open_back - sign * e->pos_lots;
  tg_i128 worst = there > back ? there : back;
  tg_i128 gross = s->exposure->gross_q16 - e->gross_q16 + (tg_i128)e->lot_worth_q16 * worst;
  tg_i128 net =
      (r->side == TG_BUY ? s->exposure->net_long_q16 : s->exposure->net_short_q16) + (tg_i128)e->lot_worth_q16 * grows;
  tg_i128 equity = s->drawdown->equity_e8;
  bool blind = s->exposure->unvalued_cnt > 0 || e->lot_worth_q16 == 0 || !e->pos_known;
  bool broke = equity <= 0 || !s->drawdown->known || blind;
  uint64_t m = 0;
  if (!touch || in->book_state != TG_BOOK_LIVE || slow_age_bad(s->now_ns, in->book_rx_ns, l->md_age_ns)) m |= B(MARKET_DATA);
  if (r->intent == TG_INTENT_REDUCE_RISK && touch) m &= ~B(MARKET_DATA);
  if (!touch || !mark || d_mid * 10000 > mid2 * bps || -d_mid * 10000 > mid2 * bps ||
      d_mark * 10000 > (tg_i128)in->mark_e8 * bps || -d_mark * 10000 > (tg_i128)in->mark_e8 * bps) {
    m |= B(COLLAR);
  }
  tg_i128 money = (tg_i128)r->px_ticks * r->qty_lots * (tg_i128)s->filters->value_mul;
  if (money > (tg_i128)l->max_order_notional_e8 * (tg_i128)s->filters->value_div) m |= B(ORDER_NOTIONAL);
  if (r->qty_lots > l->max_order_qty_lots) m |= B(ORDER_QTY);
  if ((r->order_flags & TG_ORDER_REDUCE_ONLY) && (!e->pos_known || sign * e->pos_lots + open_own + adds > 0)) m |= B(REDUCING);
  if (r->intent == TG_INTENT_REDUCE_RISK) return m;
  if (!e->pos_known || there > l->max_position_lots) m |= B(POSITION);
  if (broke || gross > (tg_i128)l->max_gross_e8 << 16 || gross > equity * (tg_i128)l->gross_equity_q16) m |= B(GROSS);
  if (broke || net > (tg_i128)l->max_net_e8 << 16 || net > equity * (tg_i128)l->net_equity_q16 ||
      gross > equity * (tg_i128)l->leverage_q16 || gross > s->exposure->margin_gross_max_q16) {
    m |= B(NET);
  }
  return m;
}

Test(gate, agrees_with_the_slow_way) {
  const uint64_t compared =
      B(MARKET_DATA) | B(COLLAR) | B(ORDER_NOTIONAL) | B(ORDER_QTY) | B(REDUCING) | B(POSITION) | B(GROSS) | B(NET);
  uint64_t seed = 20260721, seen = 0, passed_cnt = 0;
  for (int i = 0; i < 200000; i++) {
    world_t w;
    uint32_t subs;
    tg_intent_t intent = random_below(&seed, 2) ? TG_INTENT_INCREASE_RISK : TG_INTENT_REDUCE_RISK;
    world_init(&w, intent);
    w.req.side = (uint8_t)random_below(&seed, 2);
    w.req.action = random_below(&seed, 2) ? TG_REQUEST_PLACE : TG_REQUEST_AMEND;
    w.req.px_ticks = 600000 + random_below(&seed, 40000);
    w.req.qty_lots = 1 + random_below(&seed, 120);
    w.req.rem_lots = 1 + random_below(&seed, w.req.qty_lots);
    w.req.order_flags = random_below(&seed, 4) == 0 ? TG_ORDER_REDUCE_ONLY : 0;
    w.instr.bid_px_ticks = 615000 + random_below(&seed, 10000);
    w.instr.ask_px_ticks = w.instr.bid_px_ticks + random_below(&seed, 20) - 1;
    w.instr.mark_e8 = (610000 + random_below(&seed, 20000)) * INT64_C(10000000) + random_below(&seed, 10000000);
    if (random_below(&seed, 20) == 0) w.instr.mark_e8 = 0;
    if (random_below(&seed, 20) == 0) w.instr.book_state = (uint8_t)random_below(&seed, 4);
    if (random_below(&seed, 20) == 0) w.instr.book_rx_ns = NOW_NS - (uint64_t)random_below(&seed, 6000 * TG_NS_PER_MS);
    tg_exposure_position(&w.exposure, 0, random_below(&seed, 1200) - 600);
    tg_reserve_t own = {0}, other = {0};
    cr_assert_eq(tg_exposure_reserve(&w.exposure, &other, 0, (tg_side_t)random_below(&seed, 2), 1 + random_below(&seed, 300)),
                 0);
    if (w.req.action == TG_REQUEST_AMEND) {
      cr_assert_eq(tg_exposure_reserve(&w.exposure, &own, 0, (tg_side_t)w.req.side, 1 + random_below(&seed, 100)), 0);
      w.req.held_lots = own.held_lots;
    }
    tg_exposure_mark(&w.exposure, 0, &w.filters, random_below(&seed, 30) ? w.instr.mark_e8 : 0);
    if (random_below(&seed, 30) == 0) tg_exposure_unknown(&w.exposure, 0);
    tg_drawdown_transfer(&w.drawdown, random_below(&seed, 12000) * TG_E8 - 11000 * TG_E8);
    tg_exposure_available(&w.exposure, random_below(&seed, 2000) * TG_E8, 1 + random_below(&seed, 20));
    uint64_t mask = world_mask(&w, &subs), slow = slow_mask(&w);
    cr_assert_eq(mask & compared, slow, "round %d: %llx, slow %llx", i, (unsigned long long)mask, (unsigned long long)slow);
    seen |= mask;
    passed_cnt += mask == 0;
  }
  cr_assert_eq(seen & compared, compared);
  cr_assert_gt(passed_cnt, 1000);
}

Test(gate, counters_count_every_bit_and_one_reason) {
  world_t w;
  uint32_t subs;
  tg_gate_stat_t stat;
  memset(&stat, 0, sizeof stat);
  world_init(&w, TG_INTENT_INCREASE_RISK);
  tg_gate_count(&stat, world_mask(&w, &subs), subs);
  w.instr.mark_e8 = 0;
  w.drawdown.latched = 1;
  w.snap.fsm_allow = 0;
  uint64_t mask = world_mask(&w, &subs);
  tg_gate_count(&stat, mask, subs);
  cr_assert_eq(stat.passed_cnt, 1);
  cr_assert_eq(stat.blocked_cnt, 1);
  for (unsigned i = 0; i < TG_GATE_CNT; i++) cr_assert_eq(stat.bit_cnt[i], mask >> i & 1);
  for (unsigned i = 0; i < TG_REASON_CNT; i++) cr_assert_eq(stat.reason_cnt[i], i == TG_REASON_NO_REFERENCE);
}

Test(gate, modes_that_send) {
  static const bool sends[TG_MODE_CNT] = {
      [TG_MODE_BACKTEST] = true, [TG_MODE_SIM] = true, [TG_MODE_PAPER] = true, [TG_MODE_LIVE] = true};
  for (unsigned mode = 0; mode < TG_MODE_CNT; mode++) cr_assert_eq(tg_gate_mode_sends(mode), sends[mode]);
}

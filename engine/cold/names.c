#include "engine/cold/names.h"

#include "engine/msg/enums.h"

/* Decimal texts of 0..255, made at compile time: the plain names need no buffer. */
#define TEN(h, t) h t "0", h t "1", h t "2", h t "3", h t "4", h t "5", h t "6", h t "7", h t "8", h t "9"
#define HUNDRED(h) \
  TEN(h, "0"), TEN(h, "1"), TEN(h, "2"), TEN(h, "3"), TEN(h, "4"), TEN(h, "5"), TEN(h, "6"), TEN(h, "7"), TEN(h, "8"), \
      TEN(h, "9")
static const char *const number_text[] = {
    TEN("", ""),   TEN("", "1"),  TEN("", "2"),  TEN("", "3"),  TEN("", "4"),  TEN("", "5"),
    TEN("", "6"),  TEN("", "7"),  TEN("", "8"),  TEN("", "9"),  HUNDRED("1"),  TEN("2", "0"),
    TEN("2", "1"), TEN("2", "2"), TEN("2", "3"), TEN("2", "4"), TEN("2", "5"),
};

static const char *plain(unsigned value) {
  return value < 256 ? number_text[value] : "?";
}

static bool plain_open(unsigned state) {
  (void)state;
  return true;
}

static bool plain_permits(unsigned state, unsigned intent) {
  (void)state;
  return intent == TG_INTENT_CANCEL;
}

const tg_cold_names_t tg_cold_names_plain = {
    .fsm_state = plain,
    .fsm_reason = plain,
    .fsm_state_cnt = 8,
    .fsm_permits = plain_permits,
    .order_state = plain,
    .order_open = plain_open,
    .decision = plain,
    .decision_reason = plain,
};

enum gate_bit {
#define GATE(bit, NAME, blocks, reduce, built, text) BIT_##NAME = (bit),
#define REASON(gate, sub, NAME, text)
#include "risk/gates.def"
#undef GATE
#undef REASON
};

const char *tg_cold_gate_reason(unsigned bit, unsigned sub_code) {
  const char *first = "?";
#define GATE(bit_no, NAME, blocks, reduce, built, text)
#define REASON(GATE_NAME, sub, NAME, text) \
  if (bit == BIT_##GATE_NAME && ((sub) == 0 || (sub) == sub_code)) first = #NAME;
#include "risk/gates.def"
#undef GATE
#undef REASON
  return first;
}

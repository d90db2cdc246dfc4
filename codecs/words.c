#include "codecs/words.h"

#include <string.h>

typedef struct tg_word_row {
  const char *text;
  uint8_t len, value;
} tg_word_row_t;
#define W(text, value) \
  { text, sizeof(text) - 1, (value) }

static unsigned find(const tg_word_row_t *row, size_t cnt, tg_json_slice_t text, unsigned other) {
  for (size_t i = 0; i < cnt; i++) {
    if (row[i].len == text.len && memcmp(row[i].text, text.p, text.len) == 0) return row[i].value;
  }
  return other;
}
#define FIND(table, text, other) find(table, TG_ARRAY_CNT(table), text, other)

tg_order_status_t tg_word_status(tg_json_slice_t text) {
  static const tg_word_row_t ROWS[] = {W("NEW", TG_STATUS_NEW),           W("PARTIALLY_FILLED", TG_STATUS_PARTIALLY_FILLED),
                                       W("FILLED", TG_STATUS_FILLED),     W("CANCELED", TG_STATUS_CANCELED),
                                       W("EXPIRED", TG_STATUS_EXPIRED),   W("EXPIRED_IN_MATCH", TG_STATUS_EXPIRED_IN_MATCH),
                                       W("REJECTED", TG_STATUS_REJECTED), W("", TG_STATUS_NONE)};
  return (tg_order_status_t)FIND(ROWS, text, TG_STATUS_OTHER);
}

tg_exec_t tg_word_exec(tg_json_slice_t text) {
  static const tg_word_row_t ROWS[] = {
      W("NEW", TG_EXEC_NEW),         W("TRADE", TG_EXEC_TRADE),         W("CANCELED", TG_EXEC_CANCELED),
      W("EXPIRED", TG_EXEC_EXPIRED), W("AMENDMENT", TG_EXEC_AMENDMENT), W("CALCULATED", TG_EXEC_CALCULATED)};
  return (tg_exec_t)FIND(ROWS, text, TG_EXEC_OTHER);
}

tg_order_type_t tg_word_type(tg_json_slice_t text) {
  static const tg_word_row_t ROWS[] = {W("LIMIT", TG_TYPE_LIMIT),
                                       W("MARKET", TG_TYPE_MARKET),
                                       W("STOP", TG_TYPE_STOP),
                                       W("STOP_MARKET", TG_TYPE_STOP_MARKET),
                                       W("TAKE_PROFIT", TG_TYPE_TAKE_PROFIT),
                                       W("TAKE_PROFIT_MARKET", TG_TYPE_TAKE_PROFIT_MARKET),
                                       W("TRAILING_STOP_MARKET", TG_TYPE_TRAILING_STOP_MARKET),
                                       W("LIQUIDATION", TG_TYPE_LIQUIDATION),
                                       W("", TG_TYPE_NONE)};
  return (tg_order_type_t)FIND(ROWS, text, TG_TYPE_OTHER);
}

tg_balance_reason_t tg_word_reason(tg_json_slice_t text) {
  static const tg_word_row_t ROWS[] = {W("ORDER", TG_BALANCE_ORDER),
                                       W("FUNDING_FEE", TG_BALANCE_FUNDING),
                                       W("DEPOSIT", TG_BALANCE_TRANSFER),
                                       W("WITHDRAW", TG_BALANCE_TRANSFER),
                                       W("WITHDRAW_REJECT", TG_BALANCE_TRANSFER),
                                       W("ADMIN_DEPOSIT", TG_BALANCE_TRANSFER),
                                       W("ADMIN_WITHDRAW", TG_BALANCE_TRANSFER),
                                       W("MARGIN_TRANSFER", TG_BALANCE_TRANSFER),
                                       W("ASSET_TRANSFER", TG_BALANCE_TRANSFER),
                                       W("COIN_SWAP_DEPOSIT", TG_BALANCE_TRANSFER),
                                       W("COIN_SWAP_WITHDRAW", TG_BALANCE_TRANSFER)};
  return (tg_balance_reason_t)FIND(ROWS, text, TG_BALANCE_OTHER);
}

tg_position_side_t tg_word_pside(tg_json_slice_t text) {
  static const tg_word_row_t ROWS[] = {W("BOTH", TG_PSIDE_BOTH), W("LONG", TG_PSIDE_LONG), W("SHORT", TG_PSIDE_SHORT)};
  return (tg_position_side_t)FIND(ROWS, text, TG_PSIDE_NONE);
}

bool tg_word_side(tg_json_slice_t text, uint8_t *side) {
  if (text.len == 3 && memcmp(text.p, "BUY", 3) == 0) {
    *side = TG_BUY;
    return true;
  }
  *side = TG_SELL;
  return text.len == 4 && memcmp(text.p, "SELL", 4) == 0;
}

const char *tg_tif_text(unsigned tif) {
  switch (tif) {
    case TG_TIF_GTC:
      return "GTC";
    case TG_TIF_IOC:
      return "IOC";
    case TG_TIF_FOK:
      return "FOK";
    case TG_TIF_GTX:
      return "GTX";
    case TG_TIF_GTD:
      return "GTD";
    case TG_TIF_RPI:
      return "RPI";
    default:
      return NULL;
  }
}

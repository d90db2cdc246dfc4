#include "codecs/client_id.h"

#include <string.h>

#include "codecs/text.h"

char tg_client_id_letter(tg_mode_t mode) {
  switch (mode) {
    case TG_MODE_SIM:
      return 's';
    case TG_MODE_PAPER:
      return 'p';
    case TG_MODE_SHADOW:
      return 'h';
    case TG_MODE_LIVE:
      return 'l';
    case TG_MODE_REPLAY:
      return 'r';
    case TG_MODE_BACKTEST:
      return 'b';
    case TG_MODE_NONE:
    case TG_MODE_CNT:
      break;
  }
  return '?';
}

void tg_client_id_print(uint64_t id, char out[TG_CLIENT_ID_BYTES]) {
  out[0] = 't';
  out[1] = 'g';
  out[2] = tg_client_id_letter(tg_client_id_mode(id));
  out[3] = '-';
  tg_text_hex64(id, out + 4);
}

uint64_t tg_client_id_hash(const char *text, size_t len) {
  const uint64_t mul = UINT64_C(0x9e3779b97f4a7c15);
  uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len;
  for (; len >= 8; text += 8, len -= 8) {
    uint64_t word; /* hosts are little endian */
    memcpy(&word, text, 8);
    h = (h ^ word) * mul;
    h ^= h >> 29;
  }
  uint64_t rest = 0;
  for (size_t i = 0; i < len; i++) rest |= (uint64_t)(uint8_t)text[i] << (8 * i);
  h = (h ^ rest) * mul;
  return h ^ h >> 32;
}

/* Eight lower-case hex digits (first one lowest byte of `text`) as a number; sets *bad for anything else. */
static uint32_t hex8(uint64_t text, uint64_t *bad) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t alpha = (text >> 6 & ones); /* 1 for '@'..: letters */
  uint64_t value = (text & ones * 0x0f) + alpha * 9;
  /* digits are 0x30..0x39, letters 0x61..0x66: rebuild the text from the value and compare */
  uint64_t letter = (value + ones * 6) >> 4 & ones; /* 1 where value >= 10 */
  *bad |= (value & ones * 0xf0) | ((value + ones * 0x30 + letter * 0x27) ^ text);
  value = __builtin_bswap64(value);
  value = (value | value >> 4) & UINT64_C(0x00ff00ff00ff00ff);
  value = (value | value >> 8) & UINT64_C(0x0000ffff0000ffff);
  return (uint32_t)(value | value >> 16);
}

bool tg_client_id_parse(const char *text, size_t len, uint64_t *out) {
  if (TG_LIKELY(len == TG_CLIENT_ID_BYTES && text[0] == 't' && text[1] == 'g' && text[3] == '-')) {
    uint64_t high, low, bad = 0;
    memcpy(&high, text + 4, 8);
    memcpy(&low, text + 12, 8);
    uint64_t id = (uint64_t)hex8(high, &bad) << 32;
    id |= hex8(low, &bad);
    if (TG_LIKELY(bad == 0 && text[2] != '?' && tg_client_id_letter(tg_client_id_mode(id)) == text[2])) {
      *out = id;
      return true;
    }
  }
  *out = tg_client_id_hash(text, len);
  return false;
}

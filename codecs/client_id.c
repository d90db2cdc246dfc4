#include "codecs/client_id.h"

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

/* 0..15, or 16 for anything but a lower-case hex digit. */
static unsigned nibble(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10u;
  return 16;
}

bool tg_client_id_parse(const char *text, size_t len, uint64_t *out) {
  bool ours = len == TG_CLIENT_ID_BYTES && text[0] == 't' && text[1] == 'g' && text[3] == '-';
  uint64_t id = 0;
  for (size_t i = 4; ours && i < TG_CLIENT_ID_BYTES; i++) {
    unsigned n = nibble(text[i]);
    ours = n < 16;
    id = id << 4 | (n & 15);
  }
  if (ours && tg_client_id_letter(tg_client_id_mode(id)) == text[2] && text[2] != '?') {
    *out = id;
    return true;
  }
  *out = tg_text_fnv(text, len);
  return false;
}

#include "codecs/text.h"

static const char PAIRS[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960"
    "616263"
    "646566676869707172737475767778798081828384858687888990919293949596979899";

size_t tg_text_u64(uint64_t value, char *buf) {
  char tmp[20];
  size_t at = sizeof tmp;
  while (value >= 100) {
    at -= 2;
    memcpy(tmp + at, PAIRS + 2 * (value % 100), 2);
    value /= 100;
  }
  if (value >= 10) {
    at -= 2;
    memcpy(tmp + at, PAIRS + 2 * value, 2);
  } else {
    tmp[--at] = (char)('0' + value);
  }
  memcpy(buf, tmp + at, sizeof tmp - at);
  return sizeof tmp - at;
}

void tg_text_hex64(uint64_t value, char *buf) {
  for (int i = 0; i < 16; i++) buf[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
}

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
#if TG_DEC_SIMD
  const __m128i digit = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  __m128i bytes = _mm_cvtsi64_si128((long long)__builtin_bswap64(value));
  __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15)), high = _mm_and_si128(_mm_srli_epi64(bytes, 4), _mm_set1_epi8(15));
  _mm_storeu_si128((__m128i *)(void *)buf, _mm_shuffle_epi8(digit, _mm_unpacklo_epi8(high, low)));
#else
  for (int i = 0; i < 16; i++) buf[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
#endif
}

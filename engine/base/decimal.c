#include "engine/base/decimal.h"

const int64_t tg_dec_pow10[TG_DEC_MAX + 1] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static const uint64_t MAGNITUDE_MAX = (uint64_t)INT64_MAX + 1; /* of the most negative number */

/* sum = sum * 10 + digit, false when the magnitude no int64 holds. */
static bool push_digit(uint64_t *sum, unsigned digit) {
  uint64_t next;
  if (__builtin_mul_overflow(*sum, 10u, &next) || __builtin_add_overflow(next, digit, &next)) return false;
  if (next > MAGNITUDE_MAX) return false;
  *sum = next;
  return true;
}

/* The longest "[-]digits[.digits]" at the start of text: its bytes in *eaten, its value * 10^dec in *out.
 * A value out of range is told only after the syntax was checked to the end. */
static int parse_prefix(const char *text, size_t len, unsigned dec, size_t *eaten, int64_t *out) {
  size_t at = 0;
  bool neg = len != 0 && text[0] == '-';
  if (neg) at++;
  if (at == len || !is_digit(text[at])) return -TG_ESYNTAX;
  uint64_t sum = 0;
  bool fits = dec <= TG_DEC_MAX;
  for (; at < len && is_digit(text[at]); at++) fits = fits && push_digit(&sum, (unsigned)(text[at] - '0'));
  unsigned frac = 0;
  if (at < len && text[at] == '.') {
    at++;
    if (at == len || !is_digit(text[at])) return -TG_ESYNTAX;
    for (; at < len && is_digit(text[at]); at++) {
      if (frac == dec) {
        fits = fits && text[at] == '0'; /* finer than the scale */
      } else {
        fits = fits && push_digit(&sum, (unsigned)(text[at] - '0'));
        frac++;
      }
    }
  }
  for (; fits && frac < dec && sum != 0; frac++) fits = push_digit(&sum, 0);
  *eaten = at;
  if (!fits || (!neg && sum == MAGNITUDE_MAX)) return -TG_ERANGE;
  *out = neg ? (int64_t)(0 - sum) : (int64_t)sum;
  return 0;
}

int tg_dec_parse_slow(const char *text, size_t len, unsigned dec, int64_t *out) {
  size_t eaten = 0;
  int64_t value = 0;
  int err = parse_prefix(text, len, dec, &eaten, &value);
  if (err == -TG_ESYNTAX || eaten != len) return -TG_ESYNTAX;
  if (err) return err;
  *out = value;
  return 0;
}

int tg_dec_scan_slow(const char *text, size_t len, unsigned dec, int64_t *out) {
  size_t eaten = 0;
  int64_t value = 0;
  int err = parse_prefix(text, len, dec, &eaten, &value);
  if (err) return err;
  if (eaten > INT32_MAX) return -TG_ERANGE;
  *out = value;
  return (int)eaten;
}

int tg_scale_from_text(const char *text, size_t len, tg_scale_t *out) {
  size_t used = len;
  bool has_point = false;
  for (size_t i = 0; i < len; i++) has_point = has_point || text[i] == '.';
  if (has_point) { /* "0.10" has one decimal */
    while (used > 0 && text[used - 1] == '0') used--;
    if (used > 0 && text[used - 1] == '.') used++; /* "1.0" stays "1.0" */
    if (used > len) return -TG_ESYNTAX;            /* "1." */
  }
  unsigned dec = 0;
  for (size_t i = used; has_point && i > 0 && text[i - 1] != '.'; i--) dec++;
  if (used >= 2 && has_point && text[used - 2] == '.' && text[used - 1] == '0') dec = 0;
  int64_t unit = 0;
  int err = tg_dec_parse_slow(text, len, dec < TG_DEC_MAX ? dec : TG_DEC_MAX, &unit);
  if (err) return err;
  if (unit <= 0) return -TG_ERANGE;
  *out = (tg_scale_t){.dec = (uint8_t)dec, .unit = unit};
  return 0;
}

static const char digit_pair[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960"
    "616263"
    "646566676869707172737475767778798081828384858687888990919293949596979899";

/* Digits of value, at least min_cnt of them, ending before `end`; returns where they begin. */
static char *put_digits(uint64_t value, unsigned min_cnt, char *end) {
  char *at = end;
  while (value >= 100) {
    uint64_t next = value / 100;
    at -= 2;
    memcpy(at, &digit_pair[(value - next * 100) * 2], 2);
    value = next;
  }
  if (value >= 10) {
    at -= 2;
    memcpy(at, &digit_pair[value * 2], 2);
  } else {
    *--at = (char)('0' + value);
  }
  while (end - at < (ptrdiff_t)min_cnt) *--at = '0';
  return at;
}

/* Eight digits of a value < 10^8, the first in the lowest byte: three divisions in lanes of one word, by multiplication. */
static uint64_t digits8(uint64_t value) {
  uint64_t high = value / 10000;
  uint64_t quad = high | (value - high * 10000) << 32;
  uint64_t hundreds = (quad * 10486) >> 20 & UINT64_C(0x0000007f0000007f); /* / 100, exact below 43,699 */
  uint64_t pairs = hundreds | (quad - hundreds * 100) << 16;
  uint64_t tens = (pairs * 103) >> 10 & UINT64_C(0x000f000f000f000f); /* / 10, exact below 179 */
  return tens | (pairs - tens * 10) << 8;
}

/* The common case of prices and quantities in one word; buf has TG_DEC_PRINT_BYTES, 18 are written. */
static size_t print_small(uint64_t magnitude, bool neg, unsigned dec, char *buf) {
  uint64_t word = digits8(magnitude);
  unsigned leading = word ? (unsigned)__builtin_ctzll(word) / 8 : 7;
  unsigned cnt = 8 - leading > dec + 1 ? 8 - leading : dec + 1; /* digits shown */
  unsigned whole = cnt - dec;
  word |= UINT64_C(0x3030303030303030);
  uint64_t shown = word >> (8 * (8 - cnt));
  buf[0] = '-';
  char *at = buf + neg;
  memcpy(at, &shown, 8);
  if (dec == 0) return neg + cnt;
  at[whole] = '.';
  uint64_t fraction = word >> (8 * (8 - dec));
  memcpy(at + whole + 1, &fraction, 8);
  return neg + cnt + 1;
}

size_t tg_dec_print(int64_t value, unsigned dec, char *buf) {
  if (dec > TG_DEC_MAX) dec = TG_DEC_MAX;
  uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (TG_LIKELY(magnitude < 100000000 && dec < 8)) return print_small(magnitude, value < 0, dec, buf);
  char digits[24];
  char *end = digits + sizeof digits;
  char *at = put_digits(magnitude, dec + 1, end);
  size_t whole = (size_t)(end - at) - dec;
  size_t len = 0;
  if (value < 0) buf[len++] = '-';
  memcpy(buf + len, at, whole);
  len += whole;
  if (dec == 0) return len;
  buf[len++] = '.';
  memcpy(buf + len, at + whole, dec);
  return len + dec;
}

size_t tg_dec_print_short(int64_t value, unsigned dec, char *buf) {
  size_t len = tg_dec_print(value, dec, buf);
  if (dec == 0) return len;
  while (buf[len - 1] == '0') len--;
  return buf[len - 1] == '.' ? len - 1 : len;
}

size_t tg_dec_print_scaled(int64_t units, tg_scale_t scale, char *buf) {
  int64_t value;
  if (__builtin_mul_overflow(units, scale.unit, &value)) return 0;
  return tg_dec_print(value, scale.dec, buf);
}

int tg_scale_to_e8(int64_t units, tg_scale_t scale, int64_t *out_e8) {
  if (scale.dec > TG_DEC_MAX) return -TG_ERANGE;
  tg_i128 value = (tg_i128)units * scale.unit; /* < 2^126 */
  if (scale.dec <= 8) {
    if (value > INT64_MAX || value < INT64_MIN) return -TG_ERANGE;
    value *= tg_dec_pow10[8 - scale.dec];
  } else {
    int64_t div = tg_dec_pow10[scale.dec - 8];
    if (value % div != 0) return -TG_ERANGE;
    value /= div;
  }
  if (value > INT64_MAX || value < INT64_MIN) return -TG_ERANGE;
  *out_e8 = (int64_t)value;
  return 0;
}

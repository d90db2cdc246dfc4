#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/rng.h"

/* The reference: schoolbook arithmetic on 128 bits, character by character, no cleverness shared with the code. */
static int reference(const char *text, size_t len, unsigned dec, int64_t *out) {
  size_t i = 0;
  bool neg = false;
  if (len && text[0] == '-') neg = true, i = 1;
  size_t begin = i, point = len, whole = 0, frac = 0;
  for (; i < len; i++) {
    if (text[i] == '.') {
      if (point != len) return -TG_ESYNTAX;
      point = i;
    } else if (text[i] < '0' || text[i] > '9') {
      return -TG_ESYNTAX;
    } else if (point == len) {
      whole++;
    } else {
      frac++;
    }
  }
  if (begin == len || whole == 0 || (point != len && frac == 0)) return -TG_ESYNTAX;
  tg_u128 sum = 0;
  const tg_u128 huge = (tg_u128)1 << 100;
  unsigned used = 0;
  for (i = begin; i < len; i++) {
    if (i == point) continue;
    unsigned digit = (unsigned)(text[i] - '0');
    if (i > point && used == dec) {
      if (digit) return -TG_ERANGE;
      continue;
    }
    if (i > point) used++;
    sum = sum * 10 + digit;
    if (sum > huge) return -TG_ERANGE;
  }
  for (; used < dec; used++) {
    sum *= 10;
    if (sum > huge) return -TG_ERANGE;
  }
  if (sum > (tg_u128)INT64_MAX + (neg ? 1 : 0)) return -TG_ERANGE;
  *out = neg ? (int64_t)(0 - (uint64_t)sum) : (int64_t)sum;
  return 0;
}

static const int64_t MARK = INT64_C(0x5a5a5a5a5a5a5a5a);

/* All ways of reading agree with the reference on exactly these bytes. */
static void agree(const char *text, size_t len, unsigned dec) {
  int64_t want = MARK, got = MARK, slow = MARK;
  char *exact = malloc(len ? len : 1); /* a sanitizer sees a read beyond it */
  cr_assert_not_null(exact);
  memcpy(exact, text, len);
  int want_err = reference(text, len, dec, &want);
  cr_assert_eq(tg_dec_parse(exact, len, dec, &got), want_err, "'%.*s' dec %u", (int)len, text, dec);
  cr_assert_eq(got, want, "'%.*s' dec %u: %" PRId64 " for %" PRId64, (int)len, text, dec, got, want);
  cr_assert_eq(tg_dec_parse_slow(exact, len, dec, &slow), want_err, "'%.*s' dec %u", (int)len, text, dec);
  cr_assert_eq(slow, want);
  free(exact);
}

/* tg_dec_scan on `text` followed by an end mark and other bytes, fast and slow. */
static void agree_scan(const char *text, size_t len, unsigned dec, char end) {
  char buf[128];
  cr_assert_lt(len, 90);
  memcpy(buf, text, len);
  buf[len] = end;
  memset(buf + len + 1, '7', sizeof buf - len - 1);
  int64_t want = MARK, fast = MARK, slow = MARK, tight = MARK;
  int want_err = reference(text, len, dec, &want);
  int expect = want_err ? want_err : (int)len;
  cr_assert_eq(tg_dec_scan(buf, sizeof buf, dec, &fast), expect, "'%.*s' dec %u", (int)len, text, dec);
  cr_assert_eq(tg_dec_scan_slow(buf, len + 1, dec, &slow), expect);
  cr_assert_eq(tg_dec_scan(buf, len + 1, dec, &tight), expect);
  cr_assert_eq(fast, want);
  cr_assert_eq(slow, want);
  cr_assert_eq(tight, want);
}

Test(decimal, known_values) {
  static const struct {
    const char *text;
    unsigned dec;
    int err;
    int64_t value;
  } row[] = {
      {"63211.10", 2, 0, 6321110},
      {"63211.10", 1, 0, 632111},
      {"0.001", 3, 0, 1},
      {"-0.5", 8, 0, -50000000},
      {"-0", 2, 0, 0},
      {"007.50", 1, 0, 75},
      {"0", 18, 0, 0},
      {"1", 18, 0, INT64_C(1000000000000000000)},
      {"9.223372036854775807", 18, 0, INT64_MAX},
      {"9.223372036854775808", 18, -TG_ERANGE, 0},
      {"-9.223372036854775808", 18, 0, INT64_MIN},
      {"-9.223372036854775809", 18, -TG_ERANGE, 0},
      {"9223372036854775807", 0, 0, INT64_MAX},
      {"-9223372036854775808", 0, 0, INT64_MIN},
      {"9223372036854775808", 0, -TG_ERANGE, 0},
      {"92233720368.54775807", 8, 0, INT64_MAX},
      {"99999999999999999999999999", 0, -TG_ERANGE, 0},
      {"0000000000000000000000000000000000012.5000000000000000000000000", 1, 0, 125},
      {"9999999999999999", 0, 0, INT64_C(9999999999999999)},
      {"9999999999999999", 2, 0, INT64_C(999999999999999900)},
      {"9999999999999999", 3, -TG_ERANGE, 0},
      {"0.00000001", 8, 0, 1},
      {"0.000000001", 8, -TG_ERANGE, 0},
      {"1.25", 1, -TG_ERANGE, 0},
      {"1.20", 1, 0, 12},
      {"5.0", 0, 0, 5},
      {"5.1", 0, -TG_ERANGE, 0},
      {"", 2, -TG_ESYNTAX, 0},
      {"-", 2, -TG_ESYNTAX, 0},
      {".", 2, -TG_ESYNTAX, 0},
      {".5", 2, -TG_ESYNTAX, 0},
      {"5.", 2, -TG_ESYNTAX, 0},
      {"+5", 2, -TG_ESYNTAX, 0},
      {"--5", 2, -TG_ESYNTAX, 0},
      {"1e5", 2, -TG_ESYNTAX, 0},
      {"1.2.3", 2, -TG_ESYNTAX, 0},
      {" 1", 2, -TG_ESYNTAX, 0},
      {"1 ", 2, -TG_ESYNTAX, 0},
      {"1,5", 2, -TG_ESYNTAX, 0},
      {"0x10", 2, -TG_ESYNTAX, 0},
      {"NaN", 2, -TG_ESYNTAX, 0},
      {"1/2", 2, -TG_ESYNTAX, 0},
      {"1:2", 2, -TG_ESYNTAX, 0},
      {"99999999999999999999x", 2, -TG_ESYNTAX, 0},
      {"1", 19, -TG_ERANGE, 0},
      {"1", 255, -TG_ERANGE, 0},
  };
  for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
    int64_t got = MARK;
    size_t len = strlen(row[i].text);
    cr_assert_eq(tg_dec_parse(row[i].text, len, row[i].dec, &got), row[i].err, "'%s' dec %u", row[i].text, row[i].dec);
    cr_assert_eq(got, row[i].err ? MARK : row[i].value, "'%s' dec %u: %" PRId64, row[i].text, row[i].dec, got);
    if (row[i].dec <= TG_DEC_MAX) agree(row[i].text, len, row[i].dec);
  }
}

static size_t random_text(tg_rng_t *rng, char *buf) {
  size_t len = 0;
  unsigned whole = 1 + (unsigned)tg_rng_below(rng, tg_rng_below(rng, 4) ? 8 : 20);
  unsigned frac = (unsigned)tg_rng_below(rng, tg_rng_below(rng, 4) ? 9 : 24);
  if (tg_rng_below(rng, 4) == 0) buf[len++] = '-';
  for (unsigned i = 0; i < whole; i++) buf[len++] = (char)('0' + tg_rng_below(rng, 10));
  if (frac) {
    buf[len++] = '.';
    unsigned zeros = (unsigned)tg_rng_below(rng, frac + 1);
    for (unsigned i = 0; i < frac; i++) buf[len++] = (char)('0' + (i >= frac - zeros ? 0 : tg_rng_below(rng, 10)));
  }
  return len;
}

Test(decimal, agrees_with_the_reference_on_random_values) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 20261121);
  static const char ends[] = "\",}] \n\0x-";
  for (int i = 0; i < 200000; i++) {
    char text[64];
    size_t len = random_text(&rng, text);
    unsigned dec = (unsigned)tg_rng_below(&rng, 19);
    agree(text, len, dec);
    agree_scan(text, len, dec, ends[tg_rng_below(&rng, sizeof ends - 1)]);
    /* damaged text: one byte changed */
    text[tg_rng_below(&rng, len)] = (char)tg_rng_next(&rng);
    agree(text, len, dec);
  }
}

Test(decimal, every_short_text_of_a_small_alphabet) {
  static const char alphabet[] = "019.-/:";
  char text[6];
  for (size_t len = 0; len <= 6; len++) {
    size_t total = 1;
    for (size_t i = 0; i < len; i++) total *= sizeof alphabet - 1;
    for (size_t n = 0; n < total; n++) {
      size_t rest = n;
      for (size_t i = 0; i < len; i++) text[i] = alphabet[rest % (sizeof alphabet - 1)], rest /= sizeof alphabet - 1;
      agree(text, len, (unsigned)(n % 4));
    }
  }
}

Test(decimal, reads_nothing_beyond_its_bytes) {
  char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(map, MAP_FAILED);
  cr_assert_eq(mprotect(map, 4096, PROT_NONE), 0);
  cr_assert_eq(mprotect(map + 2 * 4096, 4096, PROT_NONE), 0);
  static const char text[] = "-123456789.1234567";
  for (size_t len = 1; len < sizeof text; len++) {
    for (int at_end = 0; at_end < 2; at_end++) {
      char *at = at_end ? map + 2 * 4096 - len : map + 4096;
      memcpy(at, text, len);
      int64_t want = MARK, got = MARK;
      int err = reference(text, len, 8, &want);
      cr_assert_eq(tg_dec_parse(at, len, 8, &got), err);
      cr_assert_eq(got, want);
    }
    if (text[len - 1] == '.' || text[len - 1] == '-') continue;
    char *at = map + 2 * 4096 - len;
    int64_t want = MARK, got = MARK;
    int err = reference(text, len, 8, &want);
    cr_assert_eq(tg_dec_scan(at, len, 8, &got), err ? err : (int)len);
  }
  munmap(map, 3 * 4096);
}

Test(decimal, scan_stops_where_the_number_ends) {
  int64_t value = 0;
  cr_assert_eq(tg_dec_scan("12.50\",\"0.001\"],[\"", 18, 2, &value), 5);
  cr_assert_eq(value, 1250);
  cr_assert_eq(tg_dec_scan("1.2.3.4.5.6.7.8.9.10", 20, 2, &value), 3);
  cr_assert_eq(value, 120);
  cr_assert_eq(tg_dec_scan("-7-8-9-0-1-2-3-4-5-6", 20, 0, &value), 2);
  cr_assert_eq(value, -7);
  cr_assert_eq(tg_dec_scan("12.\"xxxxxxxxxxxxxxxxx", 20, 2, &value), -TG_ESYNTAX);
  cr_assert_eq(tg_dec_scan("\"xxxxxxxxxxxxxxxxx   ", 20, 2, &value), -TG_ESYNTAX);
  cr_assert_eq(tg_dec_scan("1234567890123456789012345", 25, 0, &value), -TG_ERANGE);
  cr_assert_eq(tg_dec_scan("123456789012345678,,,,,,,", 25, 0, &value), 18);
  cr_assert_eq(value, INT64_C(123456789012345678));
}

Test(decimal, print_and_parse_are_inverse) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 7);
  for (int i = 0; i < 300000; i++) {
    int64_t value = (int64_t)(tg_rng_next(&rng) >> tg_rng_below(&rng, 64));
    if (tg_rng_below(&rng, 2)) value = (int64_t)tg_rng_below(&rng, 200000000);
    if (tg_rng_below(&rng, 2)) value = (int64_t)(0 - (uint64_t)value);
    if (i == 0) value = INT64_MIN;
    if (i == 1) value = INT64_MAX;
    if (i == 2) value = 0;
    unsigned dec = (unsigned)tg_rng_below(&rng, 19);
    char text[TG_DEC_PRINT_BYTES + 1], ref[64];
    text[TG_DEC_PRINT_BYTES] = '#';
    size_t len = tg_dec_print(value, dec, text);
    cr_assert_eq(text[TG_DEC_PRINT_BYTES], '#');
    cr_assert_leq(len, 21);
    int64_t back = MARK;
    cr_assert_eq(tg_dec_parse(text, len, dec, &back), 0);
    cr_assert_eq(back, value);
    /* against printf on halves */
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t unit = (uint64_t)tg_dec_pow10[dec];
    int ref_len = dec ? snprintf(ref, sizeof ref, "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "", magnitude / unit, (int)dec,
                                 magnitude % unit)
                      : snprintf(ref, sizeof ref, "%" PRId64, value);
    cr_assert_eq((size_t)ref_len, len);
    cr_assert_eq(memcmp(ref, text, len), 0, "%s", ref);
    /* the short form: same value, no zero at the end */
    len = tg_dec_print_short(value, dec, text);
    cr_assert_eq(tg_dec_parse(text, len, dec, &back), 0);
    cr_assert_eq(back, value);
    if (memchr(text, '.', len)) cr_assert_neq(text[len - 1], '0');
    cr_assert_neq(text[len - 1], '.');
  }
}

static void short_is(int64_t value, unsigned dec, const char *want) {
  char text[TG_DEC_PRINT_BYTES];
  size_t len = tg_dec_print_short(value, dec, text);
  cr_assert_eq(len, strlen(want), "%.*s for %s", (int)len, text, want);
  cr_assert_eq(memcmp(text, want, len), 0);
}

Test(decimal, short_form) {
  short_is(150, 2, "1.5");
  short_is(0, 8, "0");
  short_is(-300, 2, "-3");
  short_is(100, 0, "100");
  short_is(-1, 8, "-0.00000001");
}

static void scale_is(const char *text, int err, unsigned dec, int64_t unit) {
  tg_scale_t scale = {.dec = 99, .unit = 99};
  cr_assert_eq(tg_scale_from_text(text, strlen(text), &scale), err, "%s", text);
  cr_assert_eq(scale.dec, err ? 99 : dec, "%s", text);
  cr_assert_eq(scale.unit, err ? 99 : unit, "%s", text);
}

Test(decimal, scale_of_a_step) {
  scale_is("0.10", 0, 1, 1);
  scale_is("0.001", 0, 3, 1);
  scale_is("1", 0, 0, 1);
  scale_is("1.000", 0, 0, 1);
  scale_is("10", 0, 0, 10);
  scale_is("0.25", 0, 2, 25);
  scale_is("0.50", 0, 1, 5);
  scale_is("1.50", 0, 1, 15);
  scale_is("0.000000000000000001", 0, 18, 1);
  scale_is("0.0000000000000000001", -TG_ERANGE, 0, 0);
  scale_is("0", -TG_ERANGE, 0, 0);
  scale_is("0.00", -TG_ERANGE, 0, 0);
  scale_is("-0.1", -TG_ERANGE, 0, 0);
  scale_is("", -TG_ESYNTAX, 0, 0);
  scale_is("1.", -TG_ESYNTAX, 0, 0);
  scale_is(".1", -TG_ESYNTAX, 0, 0);
  scale_is("0.1x", -TG_ESYNTAX, 0, 0);
  scale_is("1.2.0", -TG_ESYNTAX, 0, 0);
}

Test(decimal, ticks_and_lots) {
  tg_scale_t quarter = {.dec = 2, .unit = 25};
  int64_t units = MARK;
  cr_assert_eq(tg_dec_parse_scaled("12.50", 5, quarter, &units), 0);
  cr_assert_eq(units, 50);
  cr_assert_eq(tg_dec_parse_scaled("12.51", 5, quarter, &units), -TG_ERANGE);
  cr_assert_eq(units, 50, "unchanged on error");
  cr_assert_eq(tg_dec_parse_scaled("-0.75", 5, quarter, &units), 0);
  cr_assert_eq(units, -3);
  tg_scale_t broken = {.dec = 2, .unit = 0};
  cr_assert_eq(tg_dec_parse_scaled("1", 1, broken, &units), -TG_ERANGE);
  char text[TG_DEC_PRINT_BYTES];
  cr_assert_eq(tg_dec_print_scaled(50, quarter, text), 5);
  cr_assert_eq(memcmp(text, "12.50", 5), 0);
  cr_assert_eq(tg_dec_print_scaled(INT64_MAX, quarter, text), 0, "does not fit");
}

Test(decimal, to_e8) {
  int64_t e8 = MARK;
  cr_assert_eq(tg_scale_to_e8(50, (tg_scale_t){.dec = 2, .unit = 25}, &e8), 0);
  cr_assert_eq(e8, 1250000000);
  cr_assert_eq(tg_scale_to_e8(-3, (tg_scale_t){.dec = 8, .unit = 1}, &e8), 0);
  cr_assert_eq(e8, -3);
  cr_assert_eq(tg_scale_to_e8(1200, (tg_scale_t){.dec = 10, .unit = 1}, &e8), 0);
  cr_assert_eq(e8, 12);
  cr_assert_eq(tg_scale_to_e8(1201, (tg_scale_t){.dec = 10, .unit = 1}, &e8), -TG_ERANGE);
  cr_assert_eq(tg_scale_to_e8(INT64_MAX, (tg_scale_t){.dec = 8, .unit = 1}, &e8), 0);
  cr_assert_eq(e8, INT64_MAX);
  cr_assert_eq(tg_scale_to_e8(INT64_MAX, (tg_scale_t){.dec = 7, .unit = 1}, &e8), -TG_ERANGE);
  cr_assert_eq(tg_scale_to_e8(INT64_MIN, (tg_scale_t){.dec = 0, .unit = INT64_MAX}, &e8), -TG_ERANGE);
  cr_assert_eq(tg_scale_to_e8(1, (tg_scale_t){.dec = 19, .unit = 1}, &e8), -TG_ERANGE);
}

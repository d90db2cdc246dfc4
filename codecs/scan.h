/* scan.h - the inner steps of the JSON scanner, inlined into the codecs of hot lanes.
 * What:    pointer in, pointer out; NULL = malformed or cut short. Nothing at or beyond `end` is read.
 * Threads: any; pure.
 * Limit:   nesting of skipped values: TG_JSON_DEPTH_MAX.
 * Errors:  NULL. */
#ifndef TG_CODECS_SCAN_H
#define TG_CODECS_SCAN_H

#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "codecs/json.h"

/* The slow ways, out of line. */
const char *tg_scan_string_slow(const char *p, const char *end);
const char *tg_scan_nested(const char *p, const char *end);
const char *tg_scan_u64_slow(const char *p, const char *end, uint64_t *out);

static inline bool tg_scan_is_space(char c) {
  return TG_UNLIKELY((unsigned char)c <= ' ') && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static inline const char *tg_scan_space(const char *p, const char *end) {
  while (p < end && tg_scan_is_space(*p)) p++;
  return p;
}

/* p is behind the opening quote; returns the closing quote. */
static inline const char *tg_scan_string(const char *p, const char *end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(0x1f);
  while (TG_LIKELY(end - p >= 16)) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* min(v, 0x1f) == v: a control character */
    __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, slash), _mm_cmpeq_epi8(_mm_min_epu8(v, blank), v));
    unsigned special = (unsigned)_mm_movemask_epi8(stop);
    unsigned close = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quote));
    if (TG_LIKELY(close)) {
      unsigned at = (unsigned)__builtin_ctz(close);
      if (TG_UNLIKELY(special & (close ^ (close - 1)))) return tg_scan_string_slow(p, end);
      return p + at;
    }
    if (TG_UNLIKELY(special)) return tg_scan_string_slow(p, end);
    p += 16;
  }
#endif
  return tg_scan_string_slow(p, end);
}

/* Behind true, false, null (exact) or a number (only its characters are checked). */
const char *tg_scan_word_slow(const char *p, const char *end);

static inline const char *tg_scan_word(const char *p, const char *end) {
#if TG_DEC_SIMD
  if (TG_LIKELY(end - p >= 17 && (unsigned char)(*p - '0') < 10)) {
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    unsigned digit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_min_epu8(v, _mm_set1_epi8(9))));
    const char *stop = p + __builtin_ctz(~digit);
    if (TG_LIKELY(*stop == ',' || *stop == '}' || *stop == ']')) return stop;
  }
#endif
  return tg_scan_word_slow(p, end);
}

/* p is on the first byte of a value; returns the byte behind it. */
static inline const char *tg_scan_value(const char *p, const char *end) {
  if (TG_UNLIKELY(p >= end)) return NULL;
  char c = *p;
  if (c == '"') {
    p = tg_scan_string(p + 1, end);
    return TG_LIKELY(p) ? p + 1 : NULL;
  }
  if (c == '{' || c == '[') return tg_scan_nested(p, end);
  return tg_scan_word(p, end);
}

#if TG_DEC_SIMD
/* 16 bytes whose first n are set and the others clear: load at TG_SCAN_MASK + 16 - n. */
extern const uint8_t TG_SCAN_MASK[32];
/* Shuffle control that moves the first n bytes to the right end, zeros before them: load at TG_SCAN_RIGHT + n. */
extern const uint8_t TG_SCAN_RIGHT[32];

static inline __m128i tg_scan_load(const void *p) {
  return _mm_loadu_si128((const __m128i *)p);
}

/* Value of 16 digits (0..9 each). */
static inline uint64_t tg_scan_value16(__m128i digits) {
  const __m128i mul10 = _mm_set1_epi16(0x010a), mul100 = _mm_set1_epi32(0x00010064), mul10000 = _mm_set1_epi32(0x00012710);
  __m128i v = _mm_madd_epi16(_mm_maddubs_epi16(digits, mul10), mul100);
  v = _mm_madd_epi16(_mm_packus_epi32(v, v), mul10000);
  uint64_t pair = (uint64_t)_mm_cvtsi128_si64(v);
  return (pair & UINT32_MAX) * 100000000u + (pair >> 32);
}

/* `text` starts with `len` characters (1..16, first + dec up to 15: the shuffle has 16 places) of which those outside `digit`
 * (a bit each) are one point or something else: the unsigned value * 10^dec. False when it is no plain decimal or has digits
 * beyond dec: the slow way decides then. */
static inline bool tg_scan_dec16(__m128i text, unsigned digit, unsigned len, unsigned dec, const char *p, int64_t *out) {
  unsigned odd = ~digit & ((1u << len) - 1u);                  /* the point, or what spoils it */
  unsigned first = (unsigned)__builtin_ctz(odd | (1u << len)); /* digits before the point */
  __m128i d = _mm_and_si128(_mm_sub_epi8(text, _mm_set1_epi8('0')), tg_scan_load(TG_SCAN_MASK + 16 - len));
  unsigned zero = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(d, _mm_setzero_si128()));
  bool bad = (odd & (odd - 1)) != 0 || first == 0 || first + dec > 15 || (odd != 0 && (p[first] != '.' || first + 1 == len)) ||
             ((~zero & 0xffffu) >> (first + 1 + dec)) != 0;
  if (TG_UNLIKELY(bad)) return false;
  /* right-align first + dec digits, stepping over the point */
  __m128i idx = tg_scan_load(TG_SCAN_RIGHT + first + dec);
  idx = _mm_sub_epi8(idx, _mm_cmpgt_epi8(idx, _mm_set1_epi8((char)((int)first - 1))));
  *out = (int64_t)tg_scan_value16(_mm_shuffle_epi8(d, idx));
  return true;
}

/* Bit per byte: it is a digit. */
static inline unsigned tg_scan_digits(__m128i text) {
  __m128i d = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(d, _mm_min_epu8(d, _mm_set1_epi8(9))));
}
#endif

/* Unsigned decimal at p, ended by the quote behind it: value * 10^dec and the quote's place; NULL when it is anything else
 * (the slow way says what). */
static inline const char *tg_scan_dec(const char *p, const char *end, unsigned dec, int64_t *out) {
#if TG_DEC_SIMD
  if (TG_LIKELY(end - p >= 16)) {
    __m128i text = tg_scan_load(p);
    unsigned quote = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    unsigned len = (unsigned)__builtin_ctz(quote | 0x10000u);
    if (TG_LIKELY(len - 1u < 15u && tg_scan_dec16(text, tg_scan_digits(text), len, dec, p, out))) return p + len;
  }
#endif
  int n = end > p ? tg_dec_scan(p, (size_t)(end - p), dec, out) : 0;
  return n > 0 && *out >= 0 && p + n < end && p[n] == '"' ? p + n : NULL;
}

#if defined(__AVX2__) && TG_DEC_SIMD
#define TG_SCAN_PAIR 1
#define TG_SCAN_DEC_MAX 8u
/* Shuffle control for a decimal of `first` digits before its point (at 16 * (17 * dec + first)): moves those and dec digits
 * behind the point to the right end. */
extern const uint8_t TG_SCAN_DECIMAL[17 * (TG_SCAN_DEC_MAX + 1) * 16];

static inline __m256i tg_scan_load2(const void *low, const void *high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(tg_scan_load(low)), tg_scan_load(high), 1);
}

/* Two unsigned decimals at once: len characters each at a and b (16 bytes readable at both), the values * 10^dec. False when
 * one of them is no plain decimal or has digits beyond its dec; the slow way decides then. */
static inline bool tg_scan_pair(const char *a, unsigned a_len, unsigned a_dec, const char *b, unsigned b_len, unsigned b_dec,
                                int64_t out[2]) {
  if (TG_UNLIKELY((a_len - 1u) > 15u || (b_len - 1u) > 15u || (a_dec > TG_SCAN_DEC_MAX) || (b_dec > TG_SCAN_DEC_MAX)))
    return false;
  __m256i text = tg_scan_load2(a, b);
  __m256i d = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
  unsigned digit = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(d, _mm256_min_epu8(d, _mm256_set1_epi8(9))));
  unsigned point = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('.')));
  unsigned a_end = 1u << a_len, b_end = 1u << b_len;
  unsigned odd = ~digit & ((a_end - 1u) | (b_end - 1u) << 16); /* what is no digit: points */
  unsigned edge = 0x10001u | a_end >> 1 | (b_end >> 1) << 16;  /* a point may not come first or last */
  unsigned a_odd = odd & 0xffffu, b_odd = odd >> 16;
  unsigned a_first = (unsigned)__builtin_ctz(a_odd | a_end), b_first = (unsigned)__builtin_ctz(b_odd | b_end);
  d = _mm256_and_si256(d, tg_scan_load2(TG_SCAN_MASK + 16 - a_len, TG_SCAN_MASK + 16 - b_len));
  unsigned some = ~(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(d, _mm256_setzero_si256()));
  unsigned beyond = (some & 0xffffu) >> (a_first + 1 + a_dec) | (unsigned)((uint64_t)(some >> 16) >> (b_first + 1 + b_dec));
  unsigned bad = (odd & (edge | ~point)) | (a_odd & (a_odd - 1u)) | (b_odd & (b_odd - 1u)) | beyond;
  if (TG_UNLIKELY(bad != 0 || a_first + a_dec > 16 || b_first + b_dec > 16)) return false;
  d = _mm256_shuffle_epi8(
      d, tg_scan_load2(TG_SCAN_DECIMAL + 16 * (17 * a_dec + a_first), TG_SCAN_DECIMAL + 16 * (17 * b_dec + b_first)));
  d = _mm256_madd_epi16(_mm256_maddubs_epi16(d, _mm256_set1_epi16(0x010a)), _mm256_set1_epi32(0x00010064));
  d = _mm256_madd_epi16(_mm256_packus_epi32(d, d), _mm256_set1_epi32(0x00012710));
  uint64_t x = (uint64_t)_mm256_extract_epi64(d, 0), y = (uint64_t)_mm256_extract_epi64(d, 2);
  out[0] = (int64_t)((x & UINT32_MAX) * 100000000u + (x >> 32));
  out[1] = (int64_t)((y & UINT32_MAX) * 100000000u + (y >> 32));
  return true;
}
#else
#define TG_SCAN_PAIR 0
#endif

/* Steps over n constant bytes when they are there: compares of 8, 16 or 32 bytes without a call. */
static inline __attribute__((always_inline)) bool tg_scan_same(const char *p, const char *lit, size_t n) {
  uint64_t a, b, x, y;
  if (n >= 16) {
#if TG_DEC_SIMD
    __m128i eq = _mm_cmpeq_epi8(tg_scan_load(p), tg_scan_load(lit));
    eq = _mm_and_si128(eq, _mm_cmpeq_epi8(tg_scan_load(p + n - 16), tg_scan_load(lit + n - 16)));
    return _mm_movemask_epi8(eq) == 0xffff && (n <= 32 || memcmp(p + 16, lit + 16, n - 32) == 0);
#else
    return memcmp(p, lit, n) == 0;
#endif
  }
  if (n >= 8) {
    memcpy(&a, p, 8);
    memcpy(&x, lit, 8);
    memcpy(&b, p + n - 8, 8);
    memcpy(&y, lit + n - 8, 8);
    return ((a ^ x) | (b ^ y)) == 0;
  }
  return memcmp(p, lit, n) == 0; /* up to 7 bytes: the compiler makes words of it */
}

/* Unsigned integer at p: the byte behind it; NULL when there is none, it overflows or starts with a needless zero. What follows
 * the digits is the caller's to check (a point or an exponent there is no comma). */
static inline const char *tg_scan_u64(const char *p, const char *end, uint64_t *out) {
#if TG_DEC_SIMD
  if (TG_LIKELY(end - p >= 16)) {
    const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    unsigned stop = ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_min_epu8(v, _mm_set1_epi8(9))));
    unsigned n = (unsigned)__builtin_ctz(stop);
    if (TG_LIKELY(n - 1u < 15u)) {
      if (TG_UNLIKELY(*p == '0' && n > 1)) return NULL;
      v = _mm_shuffle_epi8(v,
                           _mm_add_epi8(iota, _mm_set1_epi8((char)((int)n - 16)))); /* right-align; negative indices give 0 */
      v = _mm_madd_epi16(_mm_maddubs_epi16(v, _mm_set1_epi16(0x010a)), _mm_set1_epi32(0x00010064));
      v = _mm_madd_epi16(_mm_packus_epi32(v, v), _mm_set1_epi32(0x00012710));
      uint64_t pair = (uint64_t)_mm_cvtsi128_si64(v);
      *out = (pair & UINT32_MAX) * 100000000u + (pair >> 32);
      return p + n;
    }
  }
#endif
  return tg_scan_u64_slow(p, end, out);
}

/* The same where fewer than 16 bytes may be left but the 16 bytes before `end` are readable (the cursor is deep inside a text).
 */
static inline const char *tg_scan_u64_tail(const char *p, const char *end, uint64_t *out) {
#if TG_DEC_SIMD
  ptrdiff_t left = end - p;
  if (TG_LIKELY(left > 0 && left < 16)) {
    /* shift the last 16 bytes so that p comes first; zeros (no digits) follow */
    const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i idx = _mm_adds_epu8(_mm_add_epi8(iota, _mm_set1_epi8((char)(16 - left))), _mm_set1_epi8(0x70));
    __m128i text = _mm_shuffle_epi8(tg_scan_load(end - 16), idx);
    unsigned n = (unsigned)__builtin_ctz(~tg_scan_digits(text));
    if (TG_UNLIKELY(n == 0 || (*p == '0' && n > 1))) return NULL;
    *out = tg_scan_value16(_mm_shuffle_epi8(_mm_sub_epi8(text, _mm_set1_epi8('0')), tg_scan_load(TG_SCAN_RIGHT + n)));
    return p + n;
  }
#endif
  return tg_scan_u64(p, end, out);
}

#endif

/* scan.h - the inner steps of the JSON scanner, inlined into the codecs of hot lanes.
 * What:    pointer in, pointer out; NULL = malformed or cut short. Nothing at or beyond `end` is read.
 * Threads: any; pure.
 * Limit:   nesting of skipped values: TG_JSON_DEPTH_MAX.
 * Errors:  NULL. */
#ifndef TG_CODECS_SCAN_H
#define TG_CODECS_SCAN_H

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "codecs/json.h"

/* The slow ways, out of line. */
const char *tg_scan_string_slow(const char *p, const char *end);
const char *tg_scan_nested(const char *p, const char *end);
const char *tg_scan_u64_slow(const char *p, const char *end, uint64_t *out);

static inline bool tg_scan_is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *tg_scan_space(const char *p, const char *end) {
  while (p < end && TG_UNLIKELY(tg_scan_is_space(*p))) p++;
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

#endif

/* decimal.h - exact decimal text <-> scaled integers.
 * What:    parse and print without floating point, locale or allocation.
 * Threads: any; pure.
 * Limit:   text of any length (zeros in front and behind are free); int64 out; dec 0..18.
 * Errors:  -TG_ESYNTAX (no digits, junk), -TG_ERANGE (does not fit int64, or has non-zero digits
 *          beyond the scale: never rounded); outputs unchanged on error.
 * Speed:   up to 16 characters without a sign take no loop and no branch on their digits (about 50 instructions); anything
 *          else and every error takes the slow way, which is the truth (a test holds the two against each other). */
#ifndef TG_BASE_DECIMAL_H
#define TG_BASE_DECIMAL_H

#include <string.h>

#include "engine/base/err.h"
#include "engine/base/types.h"

#if defined(__SSE4_1__)
#include <immintrin.h>
#define TG_DEC_SIMD 1
#else
#define TG_DEC_SIMD 0
#endif

#define TG_DEC_MAX 18u         /* decimals of a scale */
#define TG_DEC_PRINT_BYTES 24u /* room that every print wants */
#define TG_DEC_SCAN_BYTES 16u  /* bytes that tg_dec_scan may read */

/* One quantity's scale: value = units * unit / 10^dec. tick 0.10 is {1, 1}; tick 0.25 is {2, 25}; step 5 is {0, 5}. */
typedef struct tg_scale {
  uint8_t dec;  /* decimals of the text kept, 0..18 */
  int64_t unit; /* units of 10^-dec in one tick or lot, >= 1 */
} tg_scale_t;

/* 10^0 .. 10^18 */
extern const int64_t tg_dec_pow10[TG_DEC_MAX + 1];

/* Makes the scale of a step given as decimal text ("0.10", "0.001", "1", "0.25"), with the fewest decimals that hold it.
 * 0, -TG_ESYNTAX, -TG_ERANGE (<= 0, or finer than 18 decimals). */
TG_MUST_USE int tg_scale_from_text(const char *text, size_t len, tg_scale_t *out);

/* The slow way of tg_dec_parse; same contract. */
TG_MUST_USE int tg_dec_parse_slow(const char *text, size_t len, unsigned dec, int64_t *out);
/* The slow way of tg_dec_scan, for the `len` bytes that are there; same contract. */
TG_MUST_USE int tg_dec_scan_slow(const char *text, size_t len, unsigned dec, int64_t *out);

#if TG_DEC_SIMD
/* Digits and at most one point, left-aligned in `text`, ended by any other byte or by the 16th: the unsigned value * 10^dec.
 * Returns characters eaten, 0 when this way cannot tell (the slow way can); *out is then unchanged. */
static inline unsigned tg_dec_simd(__m128i text, unsigned dec, int64_t *out) {
  const __m128i iota = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m128i v = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  unsigned point = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')));
  unsigned stop =
      ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_min_epu8(v, _mm_set1_epi8(9)))); /* no digit; bits 16.. set */
  unsigned first = (unsigned)__builtin_ctz(stop); /* where the digits before the point end */
  unsigned rest = stop & (stop - 1);
  unsigned end = first, frac = 0; /* characters of the number; digits behind its point */
  if ((point >> first) & 1u) {
    end = (unsigned)__builtin_ctz(rest);
    frac = end - first - 1;
    if (TG_UNLIKELY(frac == 0)) return 0;
  }
  if (TG_UNLIKELY(first == 0 || dec > TG_DEC_MAX)) return 0;
  unsigned kept = frac < dec ? frac : dec;
  /* what lies beyond the scale must be zeros */
  unsigned zeros = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128()));
  unsigned tail = ((1u << end) - 1u) & ~((1u << (first + 1 + kept)) - 1u);
  if (TG_UNLIKELY((zeros & tail) != tail)) return 0;
  /* right-align: lane 15 takes the last kept digit; lanes at or left of the point step over it; negative indices give 0 */
  __m128i idx = _mm_add_epi8(iota, _mm_set1_epi8((char)((int)(first + kept) - 15)));
  idx = _mm_sub_epi8(idx, _mm_andnot_si128(_mm_cmpgt_epi8(idx, _mm_set1_epi8((char)first)), _mm_set1_epi8(1)));
  v = _mm_shuffle_epi8(v, idx);
  const __m128i mul10 = _mm_set1_epi16(0x010a), mul100 = _mm_set1_epi32(0x00010064), mul10000 = _mm_set1_epi32(0x00012710);
  v = _mm_madd_epi16(_mm_maddubs_epi16(v, mul10), mul100);
  v = _mm_madd_epi16(_mm_packus_epi32(v, v), mul10000);
  uint64_t pair = (uint64_t)_mm_cvtsi128_si64(v);
  int64_t digits = (int64_t)((pair & UINT32_MAX) * 100000000u + (pair >> 32)); /* < 10^16 */
  int64_t scaled;
  if (TG_UNLIKELY(__builtin_mul_overflow(digits, tg_dec_pow10[dec - kept], &scaled))) return 0;
  *out = scaled;
  return end;
}

/* `len` (1..16) bytes left-aligned, zeros behind; reads nothing outside them. */
static inline __m128i tg_dec_load(const char *text, size_t len) {
  uint64_t lo = 0, hi = 0;
  if (TG_LIKELY(len >= 8)) {
    memcpy(&lo, text, 8);
    memcpy(&hi, text + len - 8, 8);
    unsigned half = 4u * (unsigned)(16 - len);
    hi = hi >> half >> half; /* in two steps: at len 8 all 64 bits go */
  } else if (len >= 4) {
    uint32_t a, b;
    memcpy(&a, text, 4);
    memcpy(&b, text + len - 4, 4);
    lo = a | ((uint64_t)b << (8u * (unsigned)(len - 4)));
  } else {
    lo = (uint64_t)(uint8_t)text[0] | (uint64_t)(uint8_t)text[len / 2] << (8u * (unsigned)(len / 2)) |
         (uint64_t)(uint8_t)text[len - 1] << (8u * (unsigned)(len - 1));
  }
  return _mm_set_epi64x((long long)hi, (long long)lo);
}
#endif

/* Text "[-]digits[.digits]" (all `len` bytes) -> value * 10^dec. 0, -TG_ESYNTAX, -TG_ERANGE. dec 0..18 (else -TG_ERANGE).
 * Reads nothing outside the `len` bytes. */
TG_MUST_USE static inline int tg_dec_parse(const char *text, size_t len, unsigned dec, int64_t *out) {
#if TG_DEC_SIMD
  int64_t value;
  if (TG_LIKELY(len - 1 < 16 && tg_dec_simd(tg_dec_load(text, len), dec, &value) == len)) {
    *out = value;
    return 0;
  }
#endif
  return tg_dec_parse_slow(text, len, dec, out);
}

/* The number that starts at `text` and ends before the first byte that cannot belong to it (a quote, a comma), in one pass:
 * bytes eaten (> 0), -TG_ESYNTAX, -TG_ERANGE. `avail` >= 1 bytes are readable; from TG_DEC_SCAN_BYTES on the fast way is
 * taken. A number that reaches the end of `avail` is complete: a caller with more to come keeps a byte behind it. */
TG_MUST_USE static inline int tg_dec_scan(const char *text, size_t avail, unsigned dec, int64_t *out) {
#if TG_DEC_SIMD
  if (TG_LIKELY(avail >= TG_DEC_SCAN_BYTES)) {
    int64_t value;
    unsigned eaten = tg_dec_simd(_mm_loadu_si128((const __m128i *)(const void *)text), dec, &value);
    if (TG_LIKELY(eaten - 1u < 15u)) { /* at 16 the number may go on */
      *out = value;
      return (int)eaten;
    }
  }
#endif
  return tg_dec_scan_slow(text, avail, dec, out);
}

/* Text -> ticks or lots; a value that is no multiple of the step is -TG_ERANGE. */
TG_MUST_USE static inline int tg_dec_parse_scaled(const char *text, size_t len, tg_scale_t scale, int64_t *out) {
  int64_t value = 0;
  int err = tg_dec_parse(text, len, scale.dec, &value);
  if (TG_UNLIKELY(err)) return err;
  if (TG_UNLIKELY(scale.unit != 1)) {
    if (scale.unit < 1 || value % scale.unit != 0) return -TG_ERANGE;
    value /= scale.unit;
  }
  *out = value;
  return 0;
}

/* Writes value / 10^dec (dec 0..18) with exactly dec decimals. Returns bytes (<= 21); buf must have TG_DEC_PRINT_BYTES; no
 * terminator; bytes behind the text are undefined. */
size_t tg_dec_print(int64_t value, unsigned dec, char *buf);
/* Same without needless zeros ("1.5", "0", "-3"): canonical form of the account renderings. */
size_t tg_dec_print_short(int64_t value, unsigned dec, char *buf);
/* Writes ticks or lots with exactly scale.dec decimals. Returns bytes, 0 when units * unit does not fit int64. */
size_t tg_dec_print_scaled(int64_t units, tg_scale_t scale, char *buf);
/* units * unit / 10^dec as _e8, exact. 0, -TG_ERANGE (overflow or finer than 1e-8). */
TG_MUST_USE int tg_scale_to_e8(int64_t units, tg_scale_t scale, int64_t *out_e8);

#endif

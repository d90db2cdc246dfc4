/* shape.h - learned shapes of two neighbouring decimals.
 * What:    most price levels look like the one before: the same number of digits before and behind each point. A shape keeps
 * where the digits and the other characters of such a pair stand in 32 bytes; one that fits is checked and converted without a
 * branch on its characters. Shapes are learned from pairs that the ordinary path has read, so a shape accepts nothing that it
 * would not. Owner:   a table lies inside the decoder's context; all zero is the empty table. Threads: as the context. Limit:
 * TG_SHAPE_CNT shapes a table; a new one takes the slot of its lengths. Steps other than a power of ten are not learned.
 * Errors:  none: what does not fit takes the ordinary path. */
#ifndef TG_CODECS_SHAPE_H
#define TG_CODECS_SHAPE_H

#include "codecs/scan.h"

#define TG_SHAPE_CNT 16u
#define TG_SHAPE_BYTES 32

typedef struct tg_shape {
  uint8_t mask[TG_SHAPE_BYTES];      /* 0xff: this byte is fixed ... */
  uint8_t fixed[TG_SHAPE_BYTES];     /* ... and is this */
  uint8_t not_digit[TG_SHAPE_BYTES]; /* 0xff: no digit stands here (fixed, or behind the end) */
  uint8_t zero[TG_SHAPE_BYTES];      /* 0xff: a digit beyond the scale: must be '0' */
  uint8_t control[TG_SHAPE_BYTES];   /* shuffle: digits of each number to the right end of its half */
  uint8_t ascii[TG_SHAPE_BYTES];     /* '0' where control takes a byte */
  uint8_t span;                      /* bytes of the pair, 0 = empty slot */
  uint8_t a_at, b_at;                /* where its numbers start */
  uint8_t a_dec, b_dec;              /* scale it was learned for */
  uint8_t pad0[3];
} tg_shape_t;

typedef struct tg_shapes {
  tg_shape_t shape[TG_SHAPE_CNT];
  uint32_t last; /* the slot that fitted last */
} tg_shapes_t;

/* A pair at p as the ordinary path has read it: numbers at a_at and b_at, `span` bytes in all. */
typedef struct tg_shape_pair {
  const char *p;
  unsigned a_at, a_len, a_dec, b_at, b_len, b_dec, span;
} tg_shape_pair_t;
void tg_shape_learn(tg_shapes_t *tab, const tg_shape_pair_t *pair);

#if TG_SCAN_PAIR
static inline unsigned tg_shape_slot(unsigned a_len, unsigned b_len) {
  return (a_len * 5u + b_len) % TG_SHAPE_CNT;
}

static inline __m256i tg_shape_part(const uint8_t *part) {
  return _mm256_loadu_si256((const __m256i *)(const void *)part);
}

/* The pair at p (48 bytes readable) by this shape: both values, or false. */
static inline bool tg_shape_read(const tg_shape_t *s, const char *p, unsigned a_dec, unsigned b_dec, int64_t out[2]) {
  __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)p);
  __m256i d = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
  __m256i fixed = _mm256_cmpeq_epi8(_mm256_and_si256(text, tg_shape_part(s->mask)), tg_shape_part(s->fixed));
  __m256i digit = _mm256_or_si256(_mm256_cmpeq_epi8(d, _mm256_min_epu8(d, _mm256_set1_epi8(9))), tg_shape_part(s->not_digit));
  bool fits = _mm256_movemask_epi8(_mm256_and_si256(fixed, digit)) == -1 && _mm256_testz_si256(d, tg_shape_part(s->zero));
  if (TG_UNLIKELY(!fits || s->a_dec != a_dec || s->b_dec != b_dec || s->span == 0)) return false;
  d = _mm256_shuffle_epi8(tg_scan_load2(p + s->a_at, p + s->b_at), tg_shape_part(s->control));
  d = _mm256_sub_epi8(d, tg_shape_part(s->ascii));
  d = _mm256_madd_epi16(_mm256_maddubs_epi16(d, _mm256_set1_epi16(0x010a)), _mm256_set1_epi32(0x00010064));
  d = _mm256_madd_epi16(_mm256_packus_epi32(d, d), _mm256_set1_epi32(0x00012710));
  uint64_t x = (uint64_t)_mm256_extract_epi64(d, 0), y = (uint64_t)_mm256_extract_epi64(d, 2);
  out[0] = (int64_t)((x & UINT32_MAX) * 100000000u + (x >> 32));
  out[1] = (int64_t)((y & UINT32_MAX) * 100000000u + (y >> 32));
  return true;
}
#endif

#endif

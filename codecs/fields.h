/* fields.h - one pass over a Binance event object: where each named value lies, whatever their order.
 * What:    one-letter names go to the slot of their letter, the names of fields.def to theirs; other names are skipped.
 *          A repeated name: the last one counts. Values are raw slices, converted later when scales are known.
 * Owner:   slices point into the text.
 * Threads: any.
 * Limit:   nesting of a value: TG_JSON_DEPTH_MAX.
 * Errors:  -TG_ESYNTAX. */
#ifndef TG_CODECS_FIELDS_H
#define TG_CODECS_FIELDS_H

#include "codecs/json.h"
#include "codecs/scan.h"

#define TG_FIELD_LETTERS 58 /* 'A' .. 'z' */

typedef enum tg_field {
  TG_FIELD_BASE = 63, /* letters in the first word of have[], names in the second */
#define F(slot, text) TG_FIELD_##slot,
#define F2(slot, a, b) TG_FIELD_##slot,
#include "codecs/fields.def"
#undef F
#undef F2
  TG_FIELD_CNT,
  TG_FIELD_OTHER = TG_FIELD_CNT /* a name nobody reads: its slice lands here */
} tg_field_t;

typedef struct tg_fields {
  uint64_t have[2];                        /* bit per slot */
  tg_json_slice_t value[TG_FIELD_CNT + 1]; /* valid where the bit is set */
} tg_fields_t;

_Static_assert(TG_FIELD_CNT < 128, "have[] holds 128 slots");

/* Slot of a name that is not one letter. */
unsigned tg_field_slot(const char *name, size_t len);
/* The same for exactly two bytes. */
unsigned tg_field_slot2(const char *name);

static inline bool tg_field_has(const tg_fields_t *f, unsigned slot) {
  return f->have[slot / 64] >> (slot % 64) & 1;
}
#define TG_LETTER(c) ((unsigned)((c) - 'A'))

/* The name at p (on its quote): the slot, *at on the value; TG_FIELD_CNT + 1 when malformed. */
unsigned tg_fields_name(const char **at, const char *end);

/* One member in the compact form, `"k":value` or `"kk":value` without white space and with 24 bytes to go: the slot, *value and
 * *stop set; TG_FIELD_CNT + 1 when it is anything else, which the slow way then reads. */
static inline unsigned tg_fields_member(const char *p, const char **value, const char **stop) {
#if TG_DEC_SIMD
  uint32_t head;
  memcpy(&head, p, 4);
  unsigned slot = (uint8_t)(p[1] - 'A');
  const char *v = p + 4;
  if (TG_UNLIKELY((head & 0xFFFF00FFu) != 0x3A220022u || slot >= TG_FIELD_LETTERS || p[1] == '\\')) {
    bool two = p[0] == '"' && p[3] == '"' && p[4] == ':' && p[1] >= 'A' && p[2] >= 'A' && p[1] != '\\' && p[2] != '\\';
    if (!two) return TG_FIELD_CNT + 1;
    slot = tg_field_slot2(p + 1);
    v = p + 5;
  }
  *value = v;
  if (*v == '"') {
    __m128i text = tg_scan_load(v + 1);
    unsigned close = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\\')),
                               _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text)); /* escapes, control characters */
    unsigned special = (unsigned)_mm_movemask_epi8(odd) & (close ^ (close - 1));
    if (TG_UNLIKELY(close == 0 || special != 0)) return TG_FIELD_CNT + 1;
    *stop = v + 2 + __builtin_ctz(close);
    return slot;
  }
  unsigned n = (unsigned)__builtin_ctz(~tg_scan_digits(tg_scan_load(v)));
  if (n == 0) {
    if (memcmp(v, "true", 4) == 0) n = 4;
    if (memcmp(v, "false", 5) == 0) n = 5;
  }
  *stop = v + n;
  return n == 0 || n == 16 ? TG_FIELD_CNT + 1 : slot;
#else
  (void)p, (void)value, (void)stop;
  return TG_FIELD_CNT + 1;
#endif
}

/* Scans the object at *at (on its '{', which is required); *at goes behind its '}'. When `inner` is given, the object that is
 * the value of `inner_slot` is scanned into it on the way (*inner_seen says so), to one level. 0 or -TG_ESYNTAX. */
static inline __attribute__((always_inline)) int tg_fields_pass(
    tg_fields_t *f, tg_fields_t *inner, unsigned inner_slot, bool *inner_seen,
    int (*scan_inner)(tg_fields_t *f, const char **at, const char *end), const char **at, const char *end) {
  uint64_t have[2] = {0, 0};
  const char *p = *at;
  if (p >= end || *p != '{') return -TG_ESYNTAX;
  p = tg_scan_space(p + 1, end);
  bool more = !(p < end && *p == '}');
  if (!more) p++;
  while (more) {
    const char *start, *stop;
    unsigned slot = TG_LIKELY(end - p >= 24) ? tg_fields_member(p, &start, &stop) : TG_FIELD_CNT + 1;
    if (TG_LIKELY(slot <= TG_FIELD_CNT && (*stop == ',' || *stop == '}'))) {
      p = stop;
    } else {
      slot = tg_fields_name(&p, end);
      if (TG_UNLIKELY(slot > TG_FIELD_CNT)) return -TG_ESYNTAX;
      start = p;
      if (inner && slot == inner_slot && p < end && *p == '{') {
        int err = scan_inner(inner, &p, end);
        if (err) return err;
        *inner_seen = true;
      } else {
        p = tg_scan_value(p, end);
        if (TG_UNLIKELY(!p)) return -TG_ESYNTAX;
      }
    }
    f->value[slot] = (tg_json_slice_t){start, (size_t)(p - start)};
    have[slot / 64] |= UINT64_C(1) << (slot % 64);
    p = tg_scan_space(p, end);
    if (TG_UNLIKELY(p >= end)) return -TG_ESYNTAX;
    char c = *p++;
    more = c == ',';
    if (TG_UNLIKELY(!more && c != '}')) return -TG_ESYNTAX;
    if (more) p = tg_scan_space(p, end);
  }
  f->have[0] = have[0];
  f->have[1] = have[1];
  *at = p;
  return 0;
}

/* One object, nothing inside it looked into. 0 or -TG_ESYNTAX. */
int tg_fields_scan(tg_fields_t *f, const char **at, const char *end);
/* The same, and the object under `inner_slot` in the same pass. */
int tg_fields_scan_in(tg_fields_t *f, tg_fields_t *inner, unsigned inner_slot, bool *inner_seen, const char **at,
                      const char *end);

/* Steps over `{"stream":"...","data":` when the text starts with it; *wrapped says so. */
static inline const char *tg_fields_unwrap(const char *p, const char *end, bool *wrapped) {
  static const char head[] = "{\"stream\":\"", data[] = "\",\"data\":";
  *wrapped = false;
  if ((size_t)(end - p) < sizeof head - 1 || !tg_scan_same(p, head, sizeof head - 1)) return p;
  const char *quote = tg_scan_string(p + sizeof head - 1, end);
  if (!quote || (size_t)(end - quote) < sizeof data - 1 || !tg_scan_same(quote, data, sizeof data - 1)) return p;
  *wrapped = true;
  return quote + sizeof data - 1;
}
/* True when the text ends behind an event (and its wrapper's brace). */
static inline bool tg_fields_ended(const char *p, const char *end, bool wrapped) {
  p = tg_scan_space(p, end);
  if (wrapped) {
    if (p >= end || *p != '}') return false;
    p = tg_scan_space(p + 1, end);
  }
  return p == end;
}

/* Scans a whole slice that is one object. */
static inline int tg_fields_of(tg_fields_t *f, tg_json_slice_t raw) {
  const char *p = raw.p;
  int err = tg_fields_scan(f, &p, raw.p + raw.len);
  return err ? err : p == raw.p + raw.len ? 0 : -TG_ESYNTAX;
}

/* Readers: the first error of a series stays in *err, *out is untouched then. Missing = -TG_ESYNTAX. */
static inline void tg_field_int(const tg_fields_t *f, unsigned slot, int64_t *out, int *err) {
  if (TG_UNLIKELY(*err)) return;
  *err = tg_field_has(f, slot) ? tg_json_raw_i64(f->value[slot], out) : -TG_ESYNTAX;
}
static inline void tg_field_u64(const tg_fields_t *f, unsigned slot, uint64_t *out, int *err) {
  if (TG_UNLIKELY(*err)) return;
  *err = tg_field_has(f, slot) ? tg_json_raw_u64(f->value[slot], out) : -TG_ESYNTAX;
}
static inline void tg_field_scaled(const tg_fields_t *f, unsigned slot, tg_scale_t scale, int64_t *out, int *err) {
  if (TG_UNLIKELY(*err)) return;
  *err = tg_field_has(f, slot) ? tg_json_raw_scaled(f->value[slot], scale, out) : -TG_ESYNTAX;
}
static inline void tg_field_dec(const tg_fields_t *f, unsigned slot, unsigned dec, int64_t *out, int *err) {
  if (TG_UNLIKELY(*err)) return;
  *err = tg_field_has(f, slot) ? tg_json_raw_dec(f->value[slot], dec, out) : -TG_ESYNTAX;
}
/* Absent, null or "" leaves *out as it is. */
static inline void tg_field_dec_opt(const tg_fields_t *f, unsigned slot, unsigned dec, int64_t *out, int *err) {
  if (*err || !tg_field_has(f, slot)) return;
  tg_json_slice_t raw = f->value[slot];
  if ((raw.len == 2 && raw.p[0] == '"') || raw.p[0] == 'n') return;
  *err = tg_json_raw_dec(raw, dec, out);
}
static inline void tg_field_int_opt(const tg_fields_t *f, unsigned slot, int64_t *out, int *err) {
  if (*err || !tg_field_has(f, slot)) return;
  tg_json_slice_t raw = f->value[slot];
  if ((raw.len == 2 && raw.p[0] == '"') || raw.p[0] == 'n') return;
  *err = tg_json_raw_i64(raw, out);
}
/* Text of a string value, empty when absent or no string. */
static inline tg_json_slice_t tg_field_text(const tg_fields_t *f, unsigned slot) {
  return tg_field_has(f, slot) ? tg_json_raw_text(f->value[slot]) : (tg_json_slice_t){"", 0};
}
static inline bool tg_field_true(const tg_fields_t *f, unsigned slot) {
  return tg_field_has(f, slot) && f->value[slot].p[0] == 't';
}

#endif

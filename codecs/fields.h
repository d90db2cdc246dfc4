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
  TG_FIELD_BASE = TG_FIELD_LETTERS - 1,
#define F(slot, text) TG_FIELD_##slot,
#include "codecs/fields.def"
#undef F
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

static inline bool tg_field_has(const tg_fields_t *f, unsigned slot) {
  return f->have[slot / 64] >> (slot % 64) & 1;
}
#define TG_LETTER(c) ((unsigned)((c) - 'A'))

/* Scans the object at *at (on its '{', which is required); *at goes behind its '}'. 0 or -TG_ESYNTAX. */
static inline int tg_fields_scan(tg_fields_t *f, const char **at, const char *end) {
  f->have[0] = f->have[1] = 0;
  const char *p = *at;
  if (p >= end || *p != '{') return -TG_ESYNTAX;
  p = tg_scan_space(p + 1, end);
  if (p < end && *p == '}') {
    *at = p + 1;
    return 0;
  }
  for (;;) {
    if (TG_UNLIKELY(end - p < 4 || *p != '"')) return -TG_ESYNTAX;
    unsigned slot = (uint8_t)(p[1] - 'A');
    if (TG_LIKELY(p[2] == '"' && slot < TG_FIELD_LETTERS && p[1] != '\\')) {
      p += 3;
    } else {
      const char *name = p + 1;
      p = tg_scan_string(name, end);
      if (TG_UNLIKELY(!p)) return -TG_ESYNTAX;
      slot = tg_field_slot(name, (size_t)(p - name));
      p++;
    }
    p = tg_scan_space(p, end);
    if (TG_UNLIKELY(p >= end || *p != ':')) return -TG_ESYNTAX;
    p = tg_scan_space(p + 1, end);
    const char *start = p;
    p = tg_scan_value(p, end);
    if (TG_UNLIKELY(!p)) return -TG_ESYNTAX;
    f->value[slot] = (tg_json_slice_t){start, (size_t)(p - start)};
    f->have[slot / 64] |= UINT64_C(1) << (slot % 64);
    p = tg_scan_space(p, end);
    if (TG_UNLIKELY(p >= end)) return -TG_ESYNTAX;
    char c = *p++;
    if (c == '}') break;
    if (TG_UNLIKELY(c != ',')) return -TG_ESYNTAX;
    p = tg_scan_space(p, end);
  }
  *at = p;
  return 0;
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

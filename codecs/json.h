/* json.h - scanner of venue JSON: bytes in, slices and exact integers out.
 * What:    a pull cursor over (ptr, len). The caller walks objects and arrays, reads what it knows and skips the
 *          rest. Strict in what it reads (quotes, commas, colons, brackets, escapes, number form), cheap in what it
 *          skips (a skipped number is only checked for its characters). tg_json_validate follows RFC 8259 fully.
 * Owner:   the text is the caller's and must outlive every slice; nothing is copied or allocated.
 * Threads: any; a cursor belongs to one thread.
 * Limit:   TG_JSON_DEPTH_MAX levels of nesting, TG_JSON_BYTES_MAX bytes of text; no byte at or beyond ptr + len is read.
 * Errors:  sticky: the first error stays in `err`, later calls return false and change nothing else.
 *          -TG_ESYNTAX, -TG_ERANGE (number does not fit), -TG_EDEPTH, -TG_ESIZE. */
#ifndef TG_CODECS_JSON_H
#define TG_CODECS_JSON_H

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_JSON_DEPTH_MAX 64
#define TG_JSON_VALIDATE_DEPTH_MAX 1024
#define TG_JSON_BYTES_MAX (64u << 20)

typedef struct tg_json_slice {
  const char *p;
  size_t len;
} tg_json_slice_t;

typedef struct tg_json {
  const char *at;    /* next byte to read */
  const char *begin; /* first byte of the text */
  const char *end;   /* one past the last */
  int err;           /* 0 or -TG_E* */
  uint16_t depth;    /* open objects and arrays */
  bool first;        /* just after an opening bracket: the next element takes no comma */
} tg_json_t;

/* Starts a cursor. A text over TG_JSON_BYTES_MAX sets -TG_ESIZE. */
void tg_json_init(tg_json_t *json, const char *text, size_t len);
/* Starts a cursor on a slice of another text (a value kept for later). */
static inline void tg_json_init_slice(tg_json_t *json, tg_json_slice_t slice) {
  tg_json_init(json, slice.p, slice.len);
}
/* Keeps the first error and makes every later call fail. Returns false. */
bool tg_json_fail(tg_json_t *json, int err);

/* First byte of the next value ('{', '[', '"', '-', a digit, 't', 'f', 'n'), after white space; 0 at the end or after an error.
 */
char tg_json_peek(tg_json_t *json);
/* Enters an object / array. */
bool tg_json_obj_begin(tg_json_t *json);
bool tg_json_arr_begin(tg_json_t *json);
/* Next member: true with the raw key (between its quotes) and the cursor on the value; false when the object is
 * closed (the cursor is behind it) or on error. The value must be read or skipped before the next call. */
bool tg_json_obj_next(tg_json_t *json, tg_json_slice_t *key);
/* Next element: true with the cursor on it; false when the array is closed or on error. */
bool tg_json_arr_next(tg_json_t *json);
/* Skips one value. */
bool tg_json_skip(tg_json_t *json);
/* Skips one value and tells where it lies (strings with their quotes). */
bool tg_json_raw(tg_json_t *json, tg_json_slice_t *out);
/* Reads a string; the slice lies between the quotes, escapes are validated and left as they are. */
bool tg_json_str(tg_json_t *json, tg_json_slice_t *out);
/* Reads an integer token (no fraction, no exponent, no needless zero). -TG_ERANGE outside the type. */
bool tg_json_u64(tg_json_t *json, uint64_t *out);
bool tg_json_i64(tg_json_t *json, int64_t *out);
/* Reads true or false. */
bool tg_json_bool(tg_json_t *json, bool *out);
/* Reads null when it is there; false (and no error) when the value is something else. */
bool tg_json_null(tg_json_t *json);
/* Reads a decimal, quoted or bare, as value * 10^dec (dec 0..18), exactly. -TG_ERANGE when digits would be lost. */
bool tg_json_dec(tg_json_t *json, unsigned dec, int64_t *out);
/* The same in ticks or lots of a scale; a value off the grid is -TG_ERANGE. */
bool tg_json_scaled(tg_json_t *json, tg_scale_t scale, int64_t *out);
/* After the top value: only white space may follow. 0 or -TG_E*. */
TG_MUST_USE int tg_json_end(tg_json_t *json);

/* Unescapes a string slice into UTF-8. Bytes written (no terminator), -TG_EFULL, -TG_ESYNTAX. out is undefined on error. */
TG_MUST_USE int tg_json_unescape(tg_json_slice_t raw, char *out, size_t cap);
/* True when the slice equals the literal text. */
bool tg_json_is(tg_json_slice_t slice, const char *text);

/* Exact parse of a raw value slice (from tg_json_raw): quoted or bare. 0, -TG_ESYNTAX, -TG_ERANGE; out unchanged on error. */
TG_MUST_USE int tg_json_raw_dec(tg_json_slice_t raw, unsigned dec, int64_t *out);
TG_MUST_USE int tg_json_raw_scaled(tg_json_slice_t raw, tg_scale_t scale, int64_t *out);
/* Integer of a raw value; accepts a quoted integer too (some ids come as text). */
TG_MUST_USE int tg_json_raw_i64(tg_json_slice_t raw, int64_t *out);
TG_MUST_USE int tg_json_raw_u64(tg_json_slice_t raw, uint64_t *out);
/* Text between the quotes of a raw string; empty slice for anything else. */
static inline tg_json_slice_t tg_json_raw_text(tg_json_slice_t raw) {
  if (raw.len < 2 || raw.p[0] != '"') return (tg_json_slice_t){raw.p, 0};
  return (tg_json_slice_t){raw.p + 1, raw.len - 2};
}

/* Whole-text check by RFC 8259: one value, UTF-8 well formed, numbers and escapes exact, no trailing bytes.
 * 0, -TG_ESYNTAX, -TG_EDEPTH (over TG_JSON_VALIDATE_DEPTH_MAX), -TG_ESIZE. */
TG_MUST_USE int tg_json_validate(const char *text, size_t len);

#endif

#include "codecs/json.h"

#include <string.h>

#include "codecs/scan.h"

#if TG_DEC_SIMD
const uint8_t TG_SCAN_MASK[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
const uint8_t TG_SCAN_RIGHT[32] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                   0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
                                   6,    7,    8,    9,    10,   11,   12,   13,   14,   15};
#endif

#if TG_SCAN_PAIR
/* Byte i of the control for f digits before the point and d kept behind it. */
#define BYTE(f, d, i) \
  ((uint8_t)((i) < 16 - (f) - (d)           ? 0x80 \
             : (i) - (16 - (f) - (d)) < (f) ? (i) - (16 - (f) - (d)) \
             : (i) - (15 - (f) - (d)) > 15  ? 0x80 \
                                            : (i) - (15 - (f) - (d))))
#define ROW(f, d) \
  BYTE(f, d, 0), BYTE(f, d, 1), BYTE(f, d, 2), BYTE(f, d, 3), BYTE(f, d, 4), BYTE(f, d, 5), BYTE(f, d, 6), BYTE(f, d, 7), \
      BYTE(f, d, 8), BYTE(f, d, 9), BYTE(f, d, 10), BYTE(f, d, 11), BYTE(f, d, 12), BYTE(f, d, 13), BYTE(f, d, 14), \
      BYTE(f, d, 15)
#define ROWS(d) \
  ROW(0, d), ROW(1, d), ROW(2, d), ROW(3, d), ROW(4, d), ROW(5, d), ROW(6, d), ROW(7, d), ROW(8, d), ROW(9, d), ROW(10, d), \
      ROW(11, d), ROW(12, d), ROW(13, d), ROW(14, d), ROW(15, d), ROW(16, d)
const uint8_t TG_SCAN_DECIMAL[17 * (TG_SCAN_DEC_MAX + 1) * 16] = {ROWS(0), ROWS(1), ROWS(2), ROWS(3), ROWS(4),
                                                                  ROWS(5), ROWS(6), ROWS(7), ROWS(8)};
#endif

const char *tg_scan_string_slow(const char *p, const char *end) {
  while (p < end) {
    unsigned char c = (unsigned char)*p;
    if (c == '"') return p;
    if (c < 0x20) return NULL;
    if (c == '\\') {
      if (end - p < 2) return NULL;
      p++;
      if (*p == 'u') {
        if (end - p < 5) return NULL;
        for (int i = 1; i <= 4; i++) {
          char h = p[i];
          if (!((h >= '0' && h <= '9') || (h >= 'a' && h <= 'f') || (h >= 'A' && h <= 'F'))) return NULL;
        }
        p += 4;
      } else if (!memchr("\"\\/bfnrt", *p, 8)) {
        return NULL;
      }
    }
    p++;
  }
  return NULL;
}

const char *tg_scan_word_slow(const char *p, const char *end) {
  static const struct {
    char text[6];
    uint8_t len;
  } known[] = {{"true", 4}, {"false", 5}, {"null", 4}};
  const char *start = p;
  for (size_t i = 0; i < TG_ARRAY_CNT(known); i++) {
    if ((size_t)(end - p) >= known[i].len && memcmp(p, known[i].text, known[i].len) == 0) return p + known[i].len;
  }
  while (p < end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' || *p == 'e' || *p == 'E')) p++;
  return p == start ? NULL : p;
}

const char *tg_scan_u64_slow(const char *p, const char *end, uint64_t *out) {
  uint64_t sum = 0;
  const char *start = p;
  while (p < end && *p >= '0' && *p <= '9') {
    if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum)) return NULL;
    p++;
  }
  if (p == start || (*start == '0' && p - start > 1)) return NULL;
  *out = sum;
  return p;
}

/* Brackets must match and strings must end; what stands between is not looked at. */
const char *tg_scan_nested(const char *p, const char *end) {
  uint64_t is_array = 0; /* one bit per open level */
  unsigned depth = 0;
  while (p < end) {
    char c = *p++;
    if (c == '"') {
      p = tg_scan_string(p, end);
      if (!p) return NULL;
      p++;
    } else if (c == '{' || c == '[') {
      if (depth == TG_JSON_DEPTH_MAX) return NULL;
      is_array = is_array << 1 | (c == '[');
      depth++;
    } else if (c == '}' || c == ']') {
      if ((is_array & 1) != (c == ']')) return NULL;
      is_array >>= 1;
      if (--depth == 0) return p;
    }
  }
  return NULL;
}

void tg_json_init(tg_json_t *json, const char *text, size_t len) {
  *json = (tg_json_t){.at = text, .begin = text, .end = text + len, .err = 0, .depth = 0, .first = false};
  if (len > TG_JSON_BYTES_MAX) {
    json->end = text;
    json->err = -TG_ESIZE;
  }
}

bool tg_json_fail(tg_json_t *json, int err) {
  if (!json->err) json->err = err;
  json->at = json->end;
  return false;
}

static bool fail(tg_json_t *json) {
  return tg_json_fail(json, -TG_ESYNTAX);
}

char tg_json_peek(tg_json_t *json) {
  json->at = tg_scan_space(json->at, json->end);
  return json->at < json->end ? *json->at : 0;
}

static bool enter(tg_json_t *json, char open) {
  if (tg_json_peek(json) != open) return fail(json);
  if (json->depth >= TG_JSON_DEPTH_MAX) return tg_json_fail(json, -TG_EDEPTH);
  json->at++;
  json->depth++;
  json->first = true;
  return true;
}

bool tg_json_obj_begin(tg_json_t *json) {
  return enter(json, '{');
}

bool tg_json_arr_begin(tg_json_t *json) {
  return enter(json, '[');
}

/* Closes the container or steps over the comma; true when another element follows. */
static bool step(tg_json_t *json, char close) {
  char c = tg_json_peek(json);
  if (json->err) return false;
  bool first = json->first;
  json->first = false;
  if (c == close) {
    json->at++;
    json->depth--;
    return false;
  }
  if (first) return c != 0 || fail(json);
  if (c != ',') return fail(json);
  json->at++;
  c = tg_json_peek(json);
  return (c != 0 && c != close) || fail(json);
}

bool tg_json_obj_next(tg_json_t *json, tg_json_slice_t *key) {
  if (!step(json, '}')) return false;
  if (*json->at != '"') return fail(json);
  const char *start = json->at + 1;
  const char *quote = tg_scan_string(start, json->end);
  if (!quote) return fail(json);
  *key = (tg_json_slice_t){start, (size_t)(quote - start)};
  json->at = quote + 1;
  if (tg_json_peek(json) != ':') return fail(json);
  json->at++;
  return tg_json_peek(json) != 0 || fail(json);
}

bool tg_json_arr_next(tg_json_t *json) {
  return step(json, ']');
}

bool tg_json_raw(tg_json_t *json, tg_json_slice_t *out) {
  tg_json_peek(json);
  if (json->err) return false;
  const char *stop = tg_scan_value(json->at, json->end);
  if (!stop) return fail(json);
  *out = (tg_json_slice_t){json->at, (size_t)(stop - json->at)};
  json->at = stop;
  return true;
}

bool tg_json_skip(tg_json_t *json) {
  tg_json_slice_t ignored;
  return tg_json_raw(json, &ignored);
}

bool tg_json_str(tg_json_t *json, tg_json_slice_t *out) {
  if (tg_json_peek(json) != '"') return fail(json);
  const char *start = json->at + 1;
  const char *quote = tg_scan_string(start, json->end);
  if (!quote) return fail(json);
  *out = (tg_json_slice_t){start, (size_t)(quote - start)};
  json->at = quote + 1;
  return true;
}

/* A number token ends before white space, a comma or a closing bracket. */
static bool ends_token(const char *p, const char *end) {
  return p == end || *p == ',' || *p == '}' || *p == ']' || tg_scan_is_space(*p);
}

/* 0 and *out, or -TG_ESYNTAX, -TG_ERANGE: the digits at p as an unsigned number, *stop behind them. */
static int digits(const char *p, const char *end, uint64_t *out, const char **stop) {
  uint64_t sum = 0;
  const char *start = p;
  bool fits = true;
  while (p < end && *p >= '0' && *p <= '9') {
    if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum)) fits = false;
    p++;
  }
  if (p == start || (*start == '0' && p - start > 1)) return -TG_ESYNTAX;
  *stop = p;
  if (!fits) return -TG_ERANGE;
  *out = sum;
  return 0;
}

bool tg_json_u64(tg_json_t *json, uint64_t *out) {
  tg_json_peek(json);
  if (json->err) return false;
  const char *stop = NULL;
  uint64_t value = 0;
  int err = digits(json->at, json->end, &value, &stop);
  if (err == -TG_ESYNTAX || !ends_token(stop, json->end)) return fail(json);
  if (err) return tg_json_fail(json, err);
  *out = value;
  json->at = stop;
  return true;
}

static int to_i64(bool neg, uint64_t value, int64_t *out) {
  if (value > (uint64_t)INT64_MAX + (neg ? 1u : 0u)) return -TG_ERANGE;
  *out = neg ? (int64_t)(0 - value) : (int64_t)value;
  return 0;
}

bool tg_json_i64(tg_json_t *json, int64_t *out) {
  bool neg = tg_json_peek(json) == '-';
  if (neg) json->at++;
  uint64_t value = 0;
  if (!tg_json_u64(json, &value)) return false;
  int err = to_i64(neg, value, out);
  return err ? tg_json_fail(json, err) : true;
}

static bool word(tg_json_t *json, const char *text, size_t len) {
  if ((size_t)(json->end - json->at) < len || memcmp(json->at, text, len) != 0) return false;
  if (!ends_token(json->at + len, json->end)) return false;
  json->at += len;
  return true;
}

bool tg_json_bool(tg_json_t *json, bool *out) {
  char c = tg_json_peek(json);
  if (c == 't' && word(json, "true", 4)) {
    *out = true;
    return true;
  }
  if (c == 'f' && word(json, "false", 5)) {
    *out = false;
    return true;
  }
  return fail(json);
}

bool tg_json_null(tg_json_t *json) {
  return tg_json_peek(json) == 'n' && word(json, "null", 4);
}

bool tg_json_dec(tg_json_t *json, unsigned dec, int64_t *out) {
  tg_json_slice_t raw;
  if (!tg_json_raw(json, &raw)) return false;
  int err = tg_json_raw_dec(raw, dec, out);
  return err ? tg_json_fail(json, err) : true;
}

bool tg_json_scaled(tg_json_t *json, tg_scale_t scale, int64_t *out) {
  tg_json_slice_t raw;
  if (!tg_json_raw(json, &raw)) return false;
  int err = tg_json_raw_scaled(raw, scale, out);
  return err ? tg_json_fail(json, err) : true;
}

int tg_json_end(tg_json_t *json) {
  if (tg_json_peek(json) != 0 || (!json->err && json->at < json->end)) fail(json);
  if (!json->err && json->depth != 0) fail(json);
  return json->err;
}

int tg_json_raw_dec(tg_json_slice_t raw, unsigned dec, int64_t *out) {
  if (raw.len >= 2 && raw.p[0] == '"') return tg_dec_parse(raw.p + 1, raw.len - 2, dec, out);
  return tg_dec_parse(raw.p, raw.len, dec, out);
}

int tg_json_raw_scaled(tg_json_slice_t raw, tg_scale_t scale, int64_t *out) {
  if (raw.len >= 2 && raw.p[0] == '"') return tg_dec_parse_scaled(raw.p + 1, raw.len - 2, scale, out);
  return tg_dec_parse_scaled(raw.p, raw.len, scale, out);
}

int tg_json_raw_u64(tg_json_slice_t raw, uint64_t *out) {
  if (raw.len >= 2 && raw.p[0] == '"') raw = tg_json_raw_text(raw);
#if TG_DEC_SIMD
  if (TG_LIKELY(raw.len - 1 < 15)) {
    __m128i text = tg_dec_load(raw.p, raw.len);
    unsigned n = (unsigned)__builtin_ctz(~tg_scan_digits(text)); /* zeros stand behind the text: no digits */
    if (TG_LIKELY(n == raw.len && (raw.p[0] != '0' || n == 1))) {
      *out = tg_scan_value16(_mm_shuffle_epi8(_mm_sub_epi8(text, _mm_set1_epi8('0')), tg_scan_load(TG_SCAN_RIGHT + n)));
      return 0;
    }
  }
#endif
  const char *stop = NULL;
  uint64_t value = 0;
  int err = digits(raw.p, raw.p + raw.len, &value, &stop);
  if (err == -TG_ESYNTAX || stop != raw.p + raw.len) return -TG_ESYNTAX;
  if (err) return err;
  *out = value;
  return 0;
}

int tg_json_raw_i64(tg_json_slice_t raw, int64_t *out) {
  if (raw.len >= 2 && raw.p[0] == '"') raw = tg_json_raw_text(raw);
  bool neg = raw.len > 0 && raw.p[0] == '-';
  uint64_t value = 0;
  int err = tg_json_raw_u64((tg_json_slice_t){raw.p + neg, raw.len - neg}, &value);
  return err ? err : to_i64(neg, value, out);
}

bool tg_json_is(tg_json_slice_t slice, const char *text) {
  size_t len = strlen(text);
  return slice.len == len && memcmp(slice.p, text, len) == 0;
}

static unsigned hex4(const char *p) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++) {
    unsigned c = (unsigned char)p[i];
    value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

static size_t utf8(uint32_t cp, char out[4]) {
  if (cp < 0x80) {
    out[0] = (char)cp;
    return 1;
  }
  if (cp < 0x800) {
    out[0] = (char)(0xC0 | cp >> 6);
    out[1] = (char)(0x80 | (cp & 0x3F));
    return 2;
  }
  if (cp < 0x10000) {
    out[0] = (char)(0xE0 | cp >> 12);
    out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[2] = (char)(0x80 | (cp & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | cp >> 18);
  out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
  out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
  out[3] = (char)(0x80 | (cp & 0x3F));
  return 4;
}

static char plain_escape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c; /* quote, backslash, slash */
  }
}

/* The escape at p (behind the backslash): bytes of text eaten, 0 when it is no scalar value; *n bytes in tmp. */
static size_t one_escape(const char *p, const char *end, char tmp[4], size_t *n) {
  if (*p != 'u') {
    tmp[0] = plain_escape(*p);
    *n = 1;
    return 1;
  }
  uint32_t cp = hex4(p + 1);
  if (cp >= 0xDC00 && cp <= 0xDFFF) return 0;
  if (cp < 0xD800 || cp > 0xDFFF) {
    *n = utf8(cp, tmp);
    return 5;
  }
  if (end - p < 11 || p[5] != '\\' || p[6] != 'u') return 0;
  uint32_t low = hex4(p + 7);
  if (low < 0xDC00 || low > 0xDFFF) return 0;
  *n = utf8(0x10000u + ((cp - 0xD800u) << 10) + (low - 0xDC00u), tmp);
  return 11;
}

int tg_json_unescape(tg_json_slice_t raw, char *out, size_t cap) {
  const char *p = raw.p, *end = raw.p + raw.len;
  size_t len = 0;
  while (p < end) {
    char tmp[4] = {*p, 0, 0, 0};
    size_t n = 1, eaten = 1;
    if (*p == '\\') {
      if (end - p < 2 || (p[1] == 'u' && end - p < 6)) return -TG_ESYNTAX;
      eaten = one_escape(p + 1, end, tmp, &n);
      if (eaten == 0) return -TG_ESYNTAX;
      eaten++;
    }
    if (cap - len < n) return -TG_EFULL;
    memcpy(out + len, tmp, n);
    len += n;
    p += eaten;
  }
  return len > INT32_MAX ? -TG_ESIZE : (int)len;
}

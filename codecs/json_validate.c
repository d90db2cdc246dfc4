#include <string.h>

#include "codecs/json.h"
#include "codecs/scan.h"

/* Well-formed UTF-8 sequence at p (first byte >= 0x80): its length, 0 when malformed (RFC 3629 section 4). */
static size_t utf8_len(const unsigned char *p, size_t left) {
  unsigned char a = p[0];
  if (a < 0xC2 || a > 0xF4) return 0;
  size_t len = a < 0xE0 ? 2 : a < 0xF0 ? 3 : 4;
  if (left < len) return 0;
  for (size_t i = 1; i < len; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  if (a == 0xE0 && p[1] < 0xA0) return 0; /* overlong */
  if (a == 0xED && p[1] > 0x9F) return 0; /* surrogates */
  if (a == 0xF0 && p[1] < 0x90) return 0; /* overlong */
  if (a == 0xF4 && p[1] > 0x8F) return 0; /* beyond U+10FFFF */
  return len;
}

/* p is on the opening quote; returns behind the closing one. */
static const char *string(const char *p, const char *end) {
  const char *start = p + 1;
  const char *quote = tg_scan_string(start, end);
  if (!quote) return NULL;
  for (p = start; p < quote;) {
    if ((unsigned char)*p < 0x80) {
      p++;
      continue;
    }
    size_t n = utf8_len((const unsigned char *)p, (size_t)(quote - p));
    if (n == 0) return NULL;
    p += n;
  }
  return quote + 1;
}

static const char *digits(const char *p, const char *end) {
  const char *start = p;
  while (p < end && *p >= '0' && *p <= '9') p++;
  return p == start ? NULL : p;
}

static const char *number(const char *p, const char *end) {
  if (p < end && *p == '-') p++;
  const char *start = p;
  p = digits(p, end);
  if (!p || (*start == '0' && p - start > 1)) return NULL;
  if (p < end && *p == '.') {
    p = digits(p + 1, end);
    if (!p) return NULL;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    p = digits(p, end);
  }
  return p;
}

static const char *literal(const char *p, const char *end) {
  static const struct {
    const char *text;
    size_t len;
  } known[] = {{"true", 4}, {"false", 5}, {"null", 4}};
  for (size_t i = 0; i < TG_ARRAY_CNT(known); i++) {
    if ((size_t)(end - p) >= known[i].len && memcmp(p, known[i].text, known[i].len) == 0) return p + known[i].len;
  }
  return NULL;
}

static const char *scalar(const char *p, const char *end) {
  switch (*p) {
    case '"':
      return string(p, end);
    case 't':
    case 'f':
    case 'n':
      return literal(p, end);
    default:
      return number(p, end);
  }
}

typedef struct tg_levels {
  uint64_t is_array[TG_JSON_VALIDATE_DEPTH_MAX / 64]; /* one bit per level */
  unsigned depth;
} tg_levels_t;

static int push(tg_levels_t *lv, bool array) {
  if (lv->depth == TG_JSON_VALIDATE_DEPTH_MAX) return -TG_EDEPTH;
  uint64_t bit = UINT64_C(1) << (lv->depth % 64);
  if (array) {
    lv->is_array[lv->depth / 64] |= bit;
  } else {
    lv->is_array[lv->depth / 64] &= ~bit;
  }
  lv->depth++;
  return 0;
}

static bool in_array(const tg_levels_t *lv) {
  return lv->is_array[(lv->depth - 1) / 64] >> ((lv->depth - 1) % 64) & 1;
}

/* A member's name and colon; returns the first byte of the value. */
static const char *name(const char *p, const char *end) {
  if (p == end || *p != '"') return NULL;
  p = string(p, end);
  if (!p) return NULL;
  p = tg_scan_space(p, end);
  if (p == end || *p != ':') return NULL;
  return tg_scan_space(p + 1, end);
}

/* Reads values until one is complete at depth 0. */
static int value(const char **at, const char *end) {
  tg_levels_t lv = {.depth = 0};
  const char *p = *at;
  for (;;) {
    if (p == end) return -TG_ESYNTAX;
    bool opened = *p == '{' || *p == '[';
    if (opened) {
      char close = *p == '{' ? '}' : ']';
      int err = push(&lv, close == ']');
      if (err) return err;
      p = tg_scan_space(p + 1, end);
      if (p == end) return -TG_ESYNTAX;
      if (*p != close) { /* first element */
        if (close == '}' && !(p = name(p, end))) return -TG_ESYNTAX;
        continue;
      }
    } else {
      p = scalar(p, end);
      if (!p) return -TG_ESYNTAX;
      p = tg_scan_space(p, end);
    }
    /* close what ends here; stop at a comma */
    while (lv.depth != 0 && p < end && *p == (in_array(&lv) ? ']' : '}')) {
      lv.depth--;
      p = tg_scan_space(p + 1, end);
    }
    if (lv.depth == 0) break;
    if (p == end || *p != ',') return -TG_ESYNTAX;
    p = tg_scan_space(p + 1, end);
    if (!in_array(&lv) && !(p = name(p, end))) return -TG_ESYNTAX;
  }
  *at = p;
  return 0;
}

int tg_json_validate(const char *text, size_t len) {
  if (len > TG_JSON_BYTES_MAX) return -TG_ESIZE;
  const char *end = text + len;
  const char *p = tg_scan_space(text, end);
  int err = value(&p, end);
  if (err) return err;
  return p == end ? 0 : -TG_ESYNTAX;
}

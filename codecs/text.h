/* text.h - small writers of request text, and the hash of names.
 * What:    append to a bounded buffer; a full buffer keeps `err` and writes nothing more.
 * Owner:   the caller's buffer.
 * Threads: any.
 * Limit:   cap bytes.
 * Errors:  err = -TG_EFULL, sticky. */
#ifndef TG_CODECS_TEXT_H
#define TG_CODECS_TEXT_H

#include <string.h>

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_text {
  char *buf;
  size_t len, cap;
  int err;
} tg_text_t;

static inline void tg_text_init(tg_text_t *text, char *buf, size_t cap) {
  *text = (tg_text_t){.buf = buf, .len = 0, .cap = cap, .err = 0};
}

static inline void tg_text_add(tg_text_t *text, const char *p, size_t len) {
  if (TG_UNLIKELY(text->err || text->cap - text->len < len)) {
    text->err = -TG_EFULL;
    return;
  }
  memcpy(text->buf + text->len, p, len);
  text->len += len;
}
#define tg_text_lit(text, literal) tg_text_add((text), "" literal, sizeof(literal) - 1)

static inline void tg_text_str(tg_text_t *text, const char *s) {
  tg_text_add(text, s, strlen(s));
}

/* Decimal digits of value; returns bytes (<= 20), buf must have 20. */
size_t tg_text_u64(uint64_t value, char *buf);
/* 16 lower-case hex digits. */
void tg_text_hex64(uint64_t value, char *buf);

static inline void tg_text_add_u64(tg_text_t *text, uint64_t value) {
  char tmp[20];
  tg_text_add(text, tmp, tg_text_u64(value, tmp));
}

static inline void tg_text_add_i64(tg_text_t *text, int64_t value) {
  if (value < 0) tg_text_lit(text, "-");
  tg_text_add_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static inline void tg_text_add_scaled(tg_text_t *text, int64_t units, tg_scale_t scale) {
  char tmp[TG_DEC_PRINT_BYTES];
  tg_text_add(text, tmp, tg_dec_print_scaled(units, scale, tmp));
}

/* FNV-1a, 64 bits. */
static inline uint64_t tg_text_fnv(const char *p, size_t len) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)p[i]) * UINT64_C(0x100000001b3);
  return h;
}

#endif

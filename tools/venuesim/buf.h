/* buf.h - a growing text buffer with a ceiling, for the JSON that we write.
 * What:   appends text; grows by doubling up to `max`.
 * Owner:  the caller; vs_buf_free releases.
 * Limits: `max` bytes; past it the buffer stops growing and `over` is set (checked once, where the text is used).
 * Errors: out of memory aborts the program with one line (a simulator has nothing better to do). */
#ifndef VS_BUF_H
#define VS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vs_buf {
  char *p;
  size_t len;
  size_t cap;
  size_t max;
  bool over;
} vs_buf;

void vs_buf_init(vs_buf *b, size_t max);
void vs_buf_free(vs_buf *b);
void vs_buf_clear(vs_buf *b);
void vs_buf_put(vs_buf *b, const char *s, size_t n);
void vs_buf_s(vs_buf *b, const char *s);
void vs_buf_c(vs_buf *b, char c);
void vs_buf_f(vs_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vs_buf_dec(vs_buf *b, int64_t v_e8, int dec); /* decimal without quotes */
void vs_buf_json(vs_buf *b, const char *s);        /* quoted and escaped; bytes over 0x7e become '?' */

/* calloc that aborts with one line on failure. */
void *vs_alloc(size_t n, size_t size);

#endif

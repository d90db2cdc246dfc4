/* buf.c - see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"

void *vs_alloc(size_t n, size_t size) {
  void *p = calloc(n, size);
  if (p == NULL) {
    (void)fprintf(stderr, "venuesim: out of memory (%zu x %zu bytes)\n", n, size);
    abort();
  }
  return p;
}

void vs_buf_init(vs_buf *b, size_t max) {
  memset(b, 0, sizeof *b);
  b->max = max;
}

void vs_buf_free(vs_buf *b) {
  free(b->p);
  b->p = NULL;
  b->len = b->cap = 0;
}

void vs_buf_clear(vs_buf *b) {
  b->len = 0;
  b->over = false;
}

/* Makes room for n more bytes and a NUL; false at the ceiling. */
static bool room(vs_buf *b, size_t n) {
  if (b->over || n >= b->max || b->len + n + 1 > b->max) {
    b->over = true;
    return false;
  }
  if (b->len + n + 1 <= b->cap) {
    return true;
  }
  size_t cap = b->cap != 0 ? b->cap : 256;
  while (cap < b->len + n + 1) {
    cap *= 2;
  }
  char *p = realloc(b->p, cap);
  if (p == NULL) {
    (void)fprintf(stderr, "venuesim: out of memory (%zu bytes)\n", cap);
    abort();
  }
  b->p = p;
  b->cap = cap;
  return true;
}

void vs_buf_put(vs_buf *b, const char *s, size_t n) {
  if (!room(b, n)) {
    return;
  }
  memcpy(b->p + b->len, s, n);
  b->len += n;
  b->p[b->len] = '\0';
}

void vs_buf_s(vs_buf *b, const char *s) {
  vs_buf_put(b, s, strlen(s));
}

void vs_buf_c(vs_buf *b, char c) {
  vs_buf_put(b, &c, 1);
}

void vs_buf_f(vs_buf *b, const char *fmt, ...) {
  char tmp[1024];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(tmp, sizeof tmp, fmt, ap);
  va_end(ap);
  if (n < 0) {
    b->over = true;
    return;
  }
  if ((size_t)n < sizeof tmp) {
    vs_buf_put(b, tmp, (size_t)n);
    return;
  }
  if (!room(b, (size_t)n)) {
    return;
  }
  va_start(ap, fmt);
  (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->len += (size_t)n;
}

void vs_buf_dec(vs_buf *b, int64_t v_e8, int dec) {
  char tmp[VS_DEC_BYTES];
  vs_fmt_dec(tmp, v_e8, dec);
  vs_buf_s(b, tmp);
}

void vs_buf_json(vs_buf *b, const char *s) {
  vs_buf_c(b, '"');
  for (const unsigned char *c = (const unsigned char *)s; *c != '\0'; c++) {
    if (*c == '"' || *c == '\\') {
      vs_buf_c(b, '\\');
      vs_buf_c(b, (char)*c);
    } else if (*c < 0x20 || *c > 0x7e) {
      vs_buf_c(b, '?');
    } else {
      vs_buf_c(b, (char)*c);
    }
  }
  vs_buf_c(b, '"');
}

/* note.h - what a test has counted, as one line on standard error. Criterion's own warning makes its program exit with 1, its
 * information is not shown. */
#ifndef TG_TESTS_NOTE_H
#define TG_TESTS_NOTE_H

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 1, 2))) static inline void tg_note(const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (len < 0) return;
  if (len > (int)sizeof line - 2) len = (int)sizeof line - 2;
  line[len] = '\n';
  (void)fwrite(line, 1, (size_t)len + 1, stderr);
}

#endif

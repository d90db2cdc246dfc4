#include "engine/base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static tg_panic_hook_t panic_hook;

void tg_panic_hook_set(tg_panic_hook_t hook) {
  panic_hook = hook;
}

static size_t append(char *line, size_t used, size_t cap, const char *text) {
  size_t len = strlen(text);
  if (len > cap - used) len = cap - used;
  memcpy(line + used, text, len);
  return used + len;
}

void tg_panic(const char *what, const char *file, int line_no) {
  /* no stdio: this may run on a hot lane with any lock held */
  char line[512];
  char digits[12];
  size_t used = append(line, 0, sizeof line - 1, "tickgate: assertion failed: ");
  used = append(line, used, sizeof line - 1, what);
  used = append(line, used, sizeof line - 1, " at ");
  used = append(line, used, sizeof line - 1, file);
  used = append(line, used, sizeof line - 1, ":");
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  unsigned number = line_no < 0 ? 0u : (unsigned)line_no;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0 && at > 0);
  used = append(line, used, sizeof line - 1, &digits[at]);
  line[used++] = '\n';
  ssize_t written = write(STDERR_FILENO, line, used);
  (void)written; /* nothing left to do about a closed stderr: we abort next */
  tg_panic_hook_t hook = panic_hook;
  panic_hook = NULL; /* a hook that panics must not loop */
  if (hook) hook(what, file, line_no);
  abort();
}

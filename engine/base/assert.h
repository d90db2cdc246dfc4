/* assert.h - invariants of our own reasoning, checked in production too.
 * What:    TG_ASSERT(x) runs the panic hook (a hot lane's kill switch), then aborts.
 * Threads: any; the hook is set once before lanes start.
 * Errors:  none: it does not return when x is false. */
#ifndef TG_BASE_ASSERT_H
#define TG_BASE_ASSERT_H

#include "engine/base/types.h"

typedef void (*tg_panic_hook_t)(const char *what, const char *file, int line);

/* Install the hook called once before abort; NULL removes it. */
void tg_panic_hook_set(tg_panic_hook_t hook);
/* Write one line to standard error with write(2), run the hook, abort. */
__attribute__((noreturn)) TG_COLD void tg_panic(const char *what, const char *file, int line);

#define TG_ASSERT(x) \
  do { \
    if (TG_UNLIKELY(!(x))) tg_panic(#x, __FILE__, __LINE__); \
  } while (0)
#define TG_STATIC_ASSERT(x, why) _Static_assert(x, why)

#endif

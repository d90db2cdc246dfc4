/* secret.h - where secrets live.
 * What:    one area of locked pages between two guard pages, left out of core dumps, emptied in a forked child and wiped at its
 * end; a type for secret texts that cannot be formatted; pages for buffers that see secrets pass (records, requests). Owner:
 * the caller; what is taken from an area dies with it. Threads: open, take and close on one thread; what was taken may be read
 * by any. Limit:   the bytes given to open; TG_SECRET_TEXT_MAX a text. Errors:  -TG_ENOMEM. Memory that cannot be locked is
 * used all the same: `locked` says so. */
#ifndef TG_CONF_SECRET_H
#define TG_CONF_SECRET_H

#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_SECRET_TEXT_MAX 184

/* A struct, and its bytes come as const void *: the compiler's format check (an error here) takes neither for %s. */
typedef struct tg_secret_text {
  size_t len;
  uint8_t opaque[TG_SECRET_TEXT_MAX];
} tg_secret_text_t;

/* The bytes, a terminator behind them. */
static inline const void *tg_secret_bytes(const tg_secret_text_t *text) {
  return text->opaque;
}
/* Copies; 0 or -TG_ESIZE (text unchanged). */
TG_MUST_USE int tg_secret_set(tg_secret_text_t *text, const void *bytes, size_t len);
/* Appends. The same errors. */
TG_MUST_USE int tg_secret_add(tg_secret_text_t *text, const void *bytes, size_t len);

typedef struct tg_secret_area {
  uint8_t *map, *base;
  size_t map_bytes, base_bytes, used_bytes;
  bool locked; /* never written to a swap device */
} tg_secret_area_t;

/* At least `bytes`, zeroed. 0 or -TG_ENOMEM. */
TG_MUST_USE int tg_secret_area_open(tg_secret_area_t *area, size_t bytes);
/* Aligned to a cache line, zeroed; NULL when the area is full. */
void *tg_secret_take(tg_secret_area_t *area, size_t bytes);
/* Wipes and unmaps; safe on a zeroed area. */
void tg_secret_area_close(tg_secret_area_t *area);

/* Zeroed pages that no core dump holds and no child inherits filled; NULL without memory. Not locked: large buffers. */
void *tg_private_map(size_t bytes);
/* The pages go back to the kernel, which zeroes them. NULL is fine. */
void tg_private_unmap(void *mem, size_t bytes);

#endif

/* arena.h - one block of memory, measured first, carved once, then sealed.
 * What:    tg_x_layout(arena, cfg) runs twice over the same code: with a counting arena it
 *          adds up sizes (returned pointers are NULL and must not be read), with a real one it carves.
 * Owner:   tg_arena_map owns the pages until tg_arena_unmap.
 * Threads: one thread until sealed; the memory is the caller's afterwards.
 * Limit:   the size given to map; reaching it is -TG_ENOMEM, never growth.
 * Errors:  -TG_ENOMEM, -TG_ESEALED (alloc returns NULL and err is kept), -TG_EINVAL. */
#ifndef TG_BASE_ARENA_H
#define TG_BASE_ARENA_H

#include "engine/base/types.h"

typedef struct tg_arena {
  uint8_t *base;       /* NULL: counting arena */
  size_t size_bytes;   /* mapped size; SIZE_MAX when counting */
  size_t used_bytes;
  int err;             /* first error, 0 or -TG_E* */
  bool sealed;
  bool huge;           /* 2 MB pages were granted */
  bool locked;         /* mlock succeeded */
} tg_arena_t;

/* A counting arena. */
void tg_arena_count(tg_arena_t *arena);
/* Maps size_bytes (rounded up to 2 MB), huge pages if there, prefaulted, zeroed. 0 or -TG_ENOMEM. */
TG_MUST_USE int tg_arena_map(tg_arena_t *arena, size_t size_bytes);
void tg_arena_unmap(tg_arena_t *arena);
/* Zeroed `bytes` at `align` (power of two <= 4096). NULL when counting or on error (arena->err says). */
void *tg_arena_alloc(tg_arena_t *arena, size_t bytes, size_t align);
/* True while counting: layout functions skip initialising. */
bool tg_arena_counting(const tg_arena_t *arena);
/* No more alloc. Returns arena->err. */
TG_MUST_USE int tg_arena_seal(tg_arena_t *arena);

#define TG_ARENA_NEW(arena, type, cnt) ((type *)tg_arena_alloc((arena), sizeof(type) * (cnt), _Alignof(type) < 64 ? 64 : _Alignof(type)))

#endif

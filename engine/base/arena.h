/* arena.h - one block of memory, measured first, carved once, then sealed.
 * What:    tg_x_layout(arena, cfg) runs twice over the same code: with a counting arena it
 *          adds up sizes (returned pointers are NULL and must not be read), with a real one it carves.
 * Owner:   tg_arena_map owns the pages until tg_arena_unmap.
 * Threads: one thread until sealed; the memory is the caller's afterwards.
 * Limit:   the size given to map; reaching it is -TG_ENOMEM, never growth.
 * Errors:  -TG_ENOMEM, -TG_ESEALED (alloc returns NULL and the first error is kept), -TG_EINVAL. */
#ifndef TG_BASE_ARENA_H
#define TG_BASE_ARENA_H

#include "engine/base/types.h"

#define TG_ARENA_ALIGN_MAX 4096u

typedef struct tg_arena {
  uint8_t *base;     /* NULL: counting arena */
  size_t size_bytes; /* mapped size; SIZE_MAX when counting */
  size_t used_bytes;
  int err; /* first error, 0 or -TG_E* */
  bool sealed;
  bool huge;        /* 2 MB pages were granted (MAP_HUGETLB) */
  bool thp_asked;   /* no reserved huge pages; the kernel accepted the wish for transparent ones */
  bool locked;      /* mlock succeeded */
  size_t thp_bytes; /* transparent huge pages really there after prefault; 0 also when /proc does not say */
} tg_arena_t;

/* Makes a counting arena. */
void tg_arena_count(tg_arena_t *arena);
/* Maps size_bytes (1 .. 2^46, rounded up to 2 MB): reserved huge pages if there, else 4 KB pages with a wish for transparent
 * huge ones; every page touched, locked if the limits allow. 0, -TG_EINVAL, -TG_ENOMEM; on error nothing is mapped. */
TG_MUST_USE int tg_arena_map(tg_arena_t *arena, size_t size_bytes);
/* Gives the pages back; a no-op on a counting or unmapped arena. */
void tg_arena_unmap(tg_arena_t *arena);
/* Zeroed `bytes` (0 allowed) at `align` (power of two <= 4096). NULL when counting or on error (arena->err says). */
void *tg_arena_alloc(tg_arena_t *arena, size_t bytes, size_t align);
/* True while counting: layout functions skip initialising. */
bool tg_arena_counting(const tg_arena_t *arena);
/* No more alloc. Returns arena->err. */
TG_MUST_USE int tg_arena_seal(tg_arena_t *arena);

/* `bytes` * `cnt`, SIZE_MAX on overflow (which alloc then refuses). */
static inline size_t tg_arena_bytes(size_t bytes, size_t cnt) {
  size_t out;
  return __builtin_mul_overflow(bytes, cnt, &out) ? SIZE_MAX : out;
}

#define TG_ARENA_NEW(arena, type, cnt) \
  ((type *)tg_arena_alloc((arena), tg_arena_bytes(sizeof(type), (size_t)(cnt)), _Alignof(type) < 64 ? 64 : _Alignof(type)))

#endif

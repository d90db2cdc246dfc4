#include "engine/base/arena.h"

#include "engine/base/err.h"

void tg_arena_count(tg_arena_t *arena) {
  *arena = (tg_arena_t){.size_bytes = SIZE_MAX};
}

bool tg_arena_counting(const tg_arena_t *arena) {
  return arena->base == NULL;
}

static void *refuse(tg_arena_t *arena, int err) {
  if (arena->err == 0) arena->err = err;
  return NULL;
}

void *tg_arena_alloc(tg_arena_t *arena, size_t bytes, size_t align) {
  if (arena->sealed) return refuse(arena, -TG_ESEALED);
  if (align == 0 || (align & (align - 1)) != 0 || align > TG_ARENA_ALIGN_MAX) return refuse(arena, -TG_EINVAL);
  size_t at, end;
  if (__builtin_add_overflow(arena->used_bytes, align - 1, &at)) return refuse(arena, -TG_ENOMEM);
  at &= ~(align - 1);
  if (__builtin_add_overflow(at, bytes, &end) || end > arena->size_bytes || end == SIZE_MAX) return refuse(arena, -TG_ENOMEM);
  arena->used_bytes = end;
  return arena->base ? arena->base + at : NULL; /* never written since the kernel zeroed it */
}

int tg_arena_seal(tg_arena_t *arena) {
  arena->sealed = true;
  return arena->err;
}

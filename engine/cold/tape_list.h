/* tape_list.h - which files make up a tape.
 * What:    finds the segments of a run from one of them or from a directory, in order; of a plain and a compressed
 *          copy of one segment the compressed one is taken (it is renamed into place only when whole).
 * Owner:   tg_tape_list_t is freed by tg_tape_list_free.
 * Threads: any.
 * Limit:   TG_TAPE_SEGMENT_MAX segments.
 * Errors:  -TG_ENOTFOUND, -TG_EPERM, -TG_EIO, -TG_EFULL, -TG_ENOMEM. */
#ifndef TG_COLD_TAPE_LIST_H
#define TG_COLD_TAPE_LIST_H

#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_tape_list {
  char **path;
  size_t cnt;
} tg_tape_list_t;

/* A file and the segments that follow it beside it, or the newest epoch of a directory. */
TG_MUST_USE int tg_tape_list_find(tg_tape_list_t *list, const char *path);
/* A copy of the names given. */
TG_MUST_USE int tg_tape_list_copy(tg_tape_list_t *list, const char *const *paths, size_t cnt);
void tg_tape_list_free(tg_tape_list_t *list);

#endif

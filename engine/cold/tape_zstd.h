/* tape_zstd.h - compresses one closed segment piece by piece.
 * What:    name.tape -> name.tape.zst: written under a temporary name, synced, renamed, then the source is removed; a crash
 *          leaves either or both, each whole.
 * Owner:   tg_tape_zip_new allocates, tg_tape_zip_free frees (and removes an unfinished temporary file).
 * Threads: one.
 * Limit:   about 1 MB of memory.
 * Errors:  -TG_ENOMEM, -TG_EIO, -TG_ENOSPACE; the source stays on every error. */
#ifndef TG_COLD_TAPE_ZSTD_H
#define TG_COLD_TAPE_ZSTD_H

#include "engine/cold/file_ops.h"

typedef struct tg_tape_zip tg_tape_zip_t;

/* Begins with the segment `path` in `dir`. 0 or the error. */
TG_MUST_USE int tg_tape_zip_new(tg_tape_zip_t **out, const tg_file_ops_t *ops, const char *dir, const char *path);
/* Compresses up to `bytes` more of it. 1 finished, 0 more to do, or the error. */
TG_MUST_USE int tg_tape_zip_step(tg_tape_zip_t *zip, size_t bytes);
void tg_tape_zip_free(tg_tape_zip_t *zip);

#endif

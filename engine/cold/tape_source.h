/* tape_source.h - bytes of a segment, plain or zstd, from a file or from memory.
 * What:    a window of uncompressed bytes that slides over the file.
 * Owner:   tg_tape_source_open allocates, tg_tape_source_close frees.
 * Threads: one.
 * Limit:   about 2 MB of memory and an 8 MB zstd window, whatever the file claims.
 * Errors:  -TG_ENOTFOUND, -TG_EPERM, -TG_EIO, -TG_ECORRUPT (broken zstd frame), -TG_ENOMEM. */
#ifndef TG_COLD_TAPE_SOURCE_H
#define TG_COLD_TAPE_SOURCE_H

#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_tape_source tg_tape_source_t;

/* Plain or zstd is told by the first bytes. path NULL: `data`, which outlives the source. */
TG_MUST_USE int tg_tape_source_open(tg_tape_source_t **out, const char *path, const void *data, size_t len);
/* A pointer to the next `want` (<= 64 KB) bytes, which stay unread; *have tells how many there are (fewer only at the end). 0
 * or error. */
TG_MUST_USE int tg_tape_source_peek(tg_tape_source_t *source, size_t want, const uint8_t **at, size_t *have);
/* Passes `len` peeked bytes. */
void tg_tape_source_skip(tg_tape_source_t *source, size_t len);
/* The compressed frame stopped before its end (as a torn file does). */
bool tg_tape_source_torn(const tg_tape_source_t *source);
void tg_tape_source_close(tg_tape_source_t *source);

#endif

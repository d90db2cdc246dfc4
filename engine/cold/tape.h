/* tape.h - the input log on disk, with the outputs it led to.
 * What:    segments <dir>/tape-<epoch>-<segment>.tape of checked 72-byte records, zstd when closed;
 *          a writer for the cold lane and a reader for replay. Layout: docs/tape-format.md.
 * Owner:   tg_tape_create and tg_tape_open allocate, the matching close frees.
 * Threads: one thread per writer or reader.
 * Limit:   writer: a buffer of TG_TAPE_BUFFER_BYTES, written out when full; one segment waits for
 *          compression at a time. Reader: TG_TAPE_SEGMENT_MAX segments.
 * Errors:  see each call. A writer that failed stays failed ("broken"): the prefix on disk stays valid. */
#ifndef TG_COLD_TAPE_H
#define TG_COLD_TAPE_H

#include "engine/base/err.h"
#include "engine/base/sha256.h"
#include "engine/base/types.h"
#include "engine/cold/file_ops.h"
#include "engine/msg/msg.h"

#define TG_TAPE_FORMAT_VERSION 1
#define TG_TAPE_HEADER_BYTES 256
#define TG_TAPE_RECORD_BYTES 72
#define TG_TAPE_BUFFER_BYTES (1u << 20)
#define TG_TAPE_SEGMENT_MAX 4096
#define TG_TAPE_PATH_BYTES 1024
#define TG_TAPE_ENGINE_BYTES 96

typedef enum tg_tape_type {
  TG_TAPE_IN = 1,         /* a message the core took */
  TG_TAPE_OUT = 2,        /* a message it gave */
  TG_TAPE_CHECKPOINT = 3, /* chain so far */
  TG_TAPE_END = 4         /* chain so far; the segment ends here */
} tg_tape_type_t;

/* What the header of a segment says. */
typedef struct tg_tape_head {
  uint32_t format_version, msg_version;
  uint64_t created_ns;                    /* engine time when the segment was begun */
  uint64_t epoch;                         /* run epoch, see store.h */
  uint64_t seed;                          /* of the run's only random generator */
  uint64_t first_record;                  /* messages in earlier segments of this run */
  uint32_t segment;                       /* 0, 1, ... */
  uint8_t mode;                           /* tg_mode_t */
  uint8_t config_sha256[TG_SHA256_BYTES]; /* of the effective settings' text */
  uint8_t prev_chain[TG_SHA256_BYTES];    /* chain at the end of the previous segment */
  char engine[TG_TAPE_ENGINE_BYTES];      /* version and commit, zero padded */
} tg_tape_head_t;

/* ---- writer ---- */

typedef struct tg_tape_cfg {
  const char *dir;             /* made when missing */
  tg_tape_head_t head;         /* created_ns, epoch, seed, mode, config_sha256, engine are used */
  uint64_t segment_bytes;      /* closed at this size; >= 4096 */
  uint32_t checkpoint_records; /* a checkpoint after so many messages; 1..2^20 */
  uint32_t sync_ms;            /* data reaches the disk at least this often; 0 = at closing only */
  bool compress;               /* zstd closed segments */
  tg_file_ops_t ops;           /* zeroed = tg_file_ops_posix */
} tg_tape_cfg_t;

typedef struct tg_tape tg_tape_t;

typedef struct tg_tape_stats {
  uint64_t in_cnt, out_cnt; /* messages put, all segments */
  uint64_t bytes;           /* uncompressed bytes written */
  uint64_t segments;        /* begun */
  uint64_t lost_cnt;        /* messages put after it broke */
  uint64_t buffered_bytes;  /* not yet written */
  int broken;               /* 0, or the first error, -TG_E* */
} tg_tape_stats_t;

/* Begins segment 0 and reserves its room, so that a full disk is told at the start. 0, -TG_ENOSPACE, -TG_EPERM,
 * -TG_EEXISTS (this epoch has a tape already), -TG_EIO, -TG_EINVAL, -TG_ENOMEM; on error *out is NULL and
 * err_text holds one line that says what to do. */
TG_MUST_USE int tg_tape_create(tg_tape_t **out, const tg_tape_cfg_t *cfg, char *err_text, size_t err_cap);
/* Appends one message; its kind decides IN (below 128) or OUT; ring_lap is stored as 0. 0, or the error that broke
 * the tape: told once, afterwards 0 and counted in lost_cnt (the core hears it as HEALTH JOURNAL, ok 0). */
TG_MUST_USE int tg_tape_put(tg_tape_t *tape, const tg_msg_t *msg);
/* Housekeeping of one lane turn: writes the buffer, syncs when due, compresses a bounded piece (256 KB) of a closed
 * segment. Same errors as put, told once. */
TG_MUST_USE int tg_tape_turn(tg_tape_t *tape, uint64_t now_ns);
void tg_tape_stats(const tg_tape_t *tape, tg_tape_stats_t *out);
/* Path of the segment under way. */
const char *tg_tape_path(const tg_tape_t *tape);
/* END record, sync, compression of everything, then frees. 0 or the first error of the tape's life. NULL is 0. */
TG_MUST_USE int tg_tape_close(tg_tape_t *tape);

/* ---- reader ---- */

typedef struct tg_tape_record {
  tg_tape_type_t type; /* TG_TAPE_IN or TG_TAPE_OUT; the reader keeps the others to itself */
  uint64_t record_no;  /* from 0, over all segments */
  tg_msg_t msg;
} tg_tape_record_t;

typedef struct tg_tape_reader tg_tape_reader_t;

/* A segment (.tape or .tape.zst) with those that follow it beside it, or a directory: its newest epoch.
 * 0, -TG_ENOTFOUND, -TG_EIO, -TG_ECORRUPT (not a tape), -TG_EVERSION, -TG_ENOMEM; err_text names file and offset. */
TG_MUST_USE int tg_tape_open(tg_tape_reader_t **out, const char *path, char *err_text, size_t err_cap);
/* These files in this order; they must continue each other. Same errors, -TG_EINVAL. */
TG_MUST_USE int tg_tape_open_list(tg_tape_reader_t **out, const char *const *paths, size_t cnt, char *err_text, size_t err_cap);
/* One segment in memory (tests, fuzzing); `data` outlives the reader. */
TG_MUST_USE int tg_tape_open_bytes(tg_tape_reader_t **out, const void *data, size_t len, char *err_text, size_t err_cap);
/* Next message: 1. 0: the end, all of it proved by the chain. -TG_ETRUNCATED: the last segment stops inside a record or
 * without its END (a crash): what was given before is good. -TG_ECORRUPT: a byte differs from what was written, a record
 * or segment is missing. -TG_EVERSION, -TG_EIO. After anything but 1 every call gives the same answer. */
TG_MUST_USE int tg_tape_next(tg_tape_reader_t *reader, tg_tape_record_t *out);
/* Header of the first segment. */
const tg_tape_head_t *tg_tape_head(const tg_tape_reader_t *reader);
/* File and uncompressed offset where reading stands or failed, and what was wrong (empty while all is well). */
const char *tg_tape_reader_path(const tg_tape_reader_t *reader);
uint64_t tg_tape_reader_offset(const tg_tape_reader_t *reader);
const char *tg_tape_reader_error(const tg_tape_reader_t *reader);
void tg_tape_reader_close(tg_tape_reader_t *reader);

/* ---- outputs digest ---- */

#define TG_DIGEST_SEED "tickgate-outputs-1"

/* SHA-256 chain over the 64 bytes of each output (kind >= 128), ring_lap 0; inputs are passed over. The same in a run and
 * in its replay. */
typedef struct tg_digest {
  tg_chain_t chain;
} tg_digest_t;

void tg_digest_init(tg_digest_t *digest);
void tg_digest_add(tg_digest_t *digest, const tg_msg_t *msg);
/* 64 hex digits and a terminator. */
void tg_digest_text(const tg_digest_t *digest, char out[65]);

#endif

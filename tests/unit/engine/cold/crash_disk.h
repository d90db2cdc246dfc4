/* crash_disk.h - a disk that remembers in which order things happened, so that a test can cut the power at any of them.
 * What:    file calls (tape, evidence: cd_ops) or SQLite's writes (crash_vfs.h) go through to the real files and into a log:
 *          create, write, truncate, rename, unlink, and which of them a sync or a directory sync made durable. cd_image makes
 *          the directory as it may be found after the power failed before call `cut`: what was synced is there; of the rest
 *          all, nothing, or a seeded choice of 512-byte sectors and of directory changes.
 *          A crash of the process alone is CD_KEEP_ALL at any call.
 * Owner:   the test; one disk a test, cd_free at the end.
 * Limit:   CD_CALLS calls, CD_FILES files. */
#ifndef TG_TEST_COLD_CRASH_DISK_H
#define TG_TEST_COLD_CRASH_DISK_H

#include "engine/cold/file_ops.h"
#include "tests/unit/engine/cold/tmp.h"

enum { CD_CALLS = 20000, CD_FILES = 256, CD_SECTOR = 512 };

typedef enum cd_kind { CD_CREATE, CD_WRITE, CD_TRUNCATE, CD_SYNC, CD_RENAME, CD_UNLINK, CD_SYNC_DIR, CD_NOTE } cd_kind_t;
typedef enum cd_lost { CD_KEEP_ALL, CD_LOSE_ALL, CD_LOSE_SOME } cd_lost_t;

typedef struct cd_call {
  cd_kind_t kind;
  int file;         /* number of the file (not of its name) */
  char name[80];    /* CREATE, UNLINK; RENAME: the new one */
  char from[80];    /* RENAME */
  uint64_t at, len; /* WRITE; TRUNCATE: at = the size; NOTE: at = what the test promised durable */
  uint8_t *data;
} cd_call_t;

typedef struct cd_disk {
  const char *dir; /* where the files really are */
  cd_call_t *call;
  uint32_t call_cnt;
  int file_cnt;
  tg_file_ops_t ops; /* give this to the code under test */
} cd_disk_t;

void cd_init(cd_disk_t *disk, const char *dir);
void cd_free(cd_disk_t *disk);
/* Adds a call by hand (the VFS does). data is copied. Returns its index. */
uint32_t cd_add(cd_disk_t *disk, cd_kind_t kind, int file, const char *name, uint64_t at, const void *data, uint64_t len);
/* What the code under test has promised to be durable from now on. */
void cd_note(cd_disk_t *disk, uint64_t promised);
/* The promise that held when the power failed before call `cut`. */
uint64_t cd_promised(const cd_disk_t *disk, uint32_t cut);
/* Writes the directory after a crash into `dir` (which is emptied). */
void cd_image(const cd_disk_t *disk, uint32_t cut, cd_lost_t lost, uint64_t seed, const char *dir);

#endif

/* file_ops.h - the file calls that cold writers make, as a table.
 * What:    tape and evidence write through it, so that a test or the fault simulator can put ENOSPC, EIO,
 *          short writes and failing fsyncs between them and the disk.
 * Owner:   the caller; the table and what `user` points to outlive the writer.
 * Threads: those of the writer that uses it.
 * Errors:  every call gives >= 0 or -TG_E*: -TG_ENOSPACE (disk full, quota), -TG_EPERM, -TG_ENOTFOUND,
 *          -TG_EEXISTS, -TG_EIO for the rest. */
#ifndef TG_COLD_FILE_OPS_H
#define TG_COLD_FILE_OPS_H

#include <sys/types.h>

#include "engine/base/err.h"
#include "engine/base/types.h"

typedef struct tg_file_ops {
  void *user;
  /* A new file for writing, mode 0640, refusing an existing one; its descriptor. */
  int (*create)(void *user, const char *path);
  /* Bytes written, which may be fewer than len. */
  ssize_t (*write)(void *user, int fd, const void *data, size_t len);
  /* Data on stable storage. */
  int (*sync)(void *user, int fd);
  /* Room for `bytes` without changing the size; 0 also where the file system cannot. */
  int (*reserve)(void *user, int fd, uint64_t bytes);
  /* Cuts the file to `bytes`, giving back what was reserved behind. */
  int (*truncate)(void *user, int fd, uint64_t bytes);
  int (*close)(void *user, int fd);
  int (*rename)(void *user, const char *from, const char *to);
  int (*unlink)(void *user, const char *path);
  /* The directory entry changes of `dir` on stable storage. */
  int (*sync_dir)(void *user, const char *dir);
} tg_file_ops_t;

/* The kernel's own calls. */
extern const tg_file_ops_t tg_file_ops_posix;

/* Writes all of it, however short each write is. 0 or the error; the file holds an unknown prefix then. */
TG_MUST_USE int tg_file_write_all(const tg_file_ops_t *ops, int fd, const void *data, size_t len);
/* -TG_E* of an errno value. */
int tg_file_err(int errno_value);
/* Makes a directory and its missing parents, mode 0750. 0 when it is there afterwards. */
TG_MUST_USE int tg_dir_make(const char *path);

#endif

#include "engine/cold/file_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tg_file_err(int errno_value) {
  switch (errno_value) {
    case 0:
      return 0;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return -TG_ENOSPACE;
    case EACCES:
    case EPERM:
    case EROFS:
      return -TG_EPERM;
    case ENOENT:
    case ENOTDIR:
      return -TG_ENOTFOUND;
    case EEXIST:
      return -TG_EEXISTS;
    case ENOMEM:
      return -TG_ENOMEM;
    default:
      return -TG_EIO;
  }
}

static int posix_create(void *user, const char *path) {
  (void)user;
  int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
  return fd >= 0 ? fd : tg_file_err(errno);
}

static ssize_t posix_write(void *user, int fd, const void *data, size_t len) {
  (void)user;
  ssize_t n;
  do {
    n = write(fd, data, len);
  } while (n < 0 && errno == EINTR);
  return n >= 0 ? n : tg_file_err(errno);
}

static int posix_sync(void *user, int fd) {
  (void)user;
  return fdatasync(fd) == 0 ? 0 : tg_file_err(errno);
}

static int posix_reserve(void *user, int fd, uint64_t bytes) {
  (void)user;
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0) return 0;
  return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? -TG_ENOSPACE : 0;
}

static int posix_truncate(void *user, int fd, uint64_t bytes) {
  (void)user;
  return ftruncate(fd, (off_t)bytes) == 0 ? 0 : tg_file_err(errno);
}

static int posix_close(void *user, int fd) {
  (void)user;
  return close(fd) == 0 ? 0 : tg_file_err(errno);
}

static int posix_rename(void *user, const char *from, const char *to) {
  (void)user;
  return rename(from, to) == 0 ? 0 : tg_file_err(errno);
}

static int posix_unlink(void *user, const char *path) {
  (void)user;
  return unlink(path) == 0 ? 0 : tg_file_err(errno);
}

static int posix_sync_dir(void *user, const char *dir) {
  (void)user;
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return tg_file_err(errno);
  int rc = fsync(fd) == 0 ? 0 : tg_file_err(errno);
  close(fd);
  return rc;
}

const tg_file_ops_t tg_file_ops_posix = {
    .create = posix_create,
    .write = posix_write,
    .sync = posix_sync,
    .reserve = posix_reserve,
    .truncate = posix_truncate,
    .close = posix_close,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .sync_dir = posix_sync_dir,
};

int tg_file_write_all(const tg_file_ops_t *ops, int fd, const void *data, size_t len) {
  const uint8_t *at = data;
  while (len > 0) {
    ssize_t n = ops->write(ops->user, fd, at, len);
    if (n < 0) return (int)n;
    if (n == 0) return -TG_EIO; /* a file that takes nothing and says nothing */
    at += n;
    len -= (size_t)n;
  }
  return 0;
}

int tg_dir_make(const char *path) {
  char part[1024];
  size_t len = strlen(path);
  if (len == 0 || len >= sizeof part) return -TG_EINVAL;
  memcpy(part, path, len + 1);
  for (size_t i = 1; i <= len; i++) {
    if (part[i] != '/' && part[i] != '\0') continue;
    char kept = part[i];
    part[i] = '\0';
    if (mkdir(part, 0750) != 0 && errno != EEXIST) return tg_file_err(errno);
    part[i] = kept;
  }
  struct stat st;
  if (stat(path, &st) != 0) return tg_file_err(errno);
  return S_ISDIR(st.st_mode) ? 0 : -TG_EEXISTS;
}

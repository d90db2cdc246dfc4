#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/conf/conf.h"

void tg_wipe(void *mem, size_t len) {
  explicit_bzero(mem, len);
}

/* True when path is a file directly inside systemd's credentials directory and that directory can be trusted. The variable
 * names a place, not a secret. */
static bool in_credentials(const char *path) {
  const char *dir = getenv("CREDENTIALS_DIRECTORY");
  if (!dir || *dir != '/') return false;
  size_t len = strlen(dir);
  while (len > 1 && dir[len - 1] == '/') len--;
  if (strncmp(path, dir, len) != 0 || path[len] != '/') return false;
  const char *file = path + len + 1;
  if (*file == '\0' || *file == '.' || strchr(file, '/')) return false;
  struct stat st;
  return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & 022) == 0;
}

static int check_file(const char *path, const struct stat *st, char *err_text, size_t err_cap) {
  unsigned mode = st->st_mode & 07777u;
  if (!S_ISREG(st->st_mode)) {
    (void)snprintf(err_text, err_cap, "%s: not a regular file, name a file that holds the secret", path);
    return -TG_EPERM;
  }
  bool credential = in_credentials(path);
  if (st->st_uid != geteuid() && !(credential && st->st_uid == 0)) {
    (void)snprintf(err_text, err_cap, "%s: owned by uid %u, not by us (uid %u): chown it", path, (unsigned)st->st_uid,
                   (unsigned)geteuid());
    return -TG_EPERM;
  }
  if (mode & ~(credential ? 0440u | 0600u : 0600u)) {
    (void)snprintf(err_text, err_cap, "%s: mode %04o lets others at it, run: chmod 600", path, mode);
    return -TG_EPERM;
  }
  return 0;
}

static int read_secret(int fd, const char *path, char *buf, size_t cap, char *err_text, size_t err_cap) {
  size_t used = 0;
  for (;;) { /* one byte more than fits tells a file that is too long */
    ssize_t got = read(fd, buf + used, cap - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      (void)snprintf(err_text, err_cap, "%s: cannot be read, check the disk", path);
      return -TG_EIO;
    }
    if (got == 0) break;
    used += (size_t)got;
    if (used == cap) {
      (void)snprintf(err_text, err_cap, "%s: more than %zu bytes, is this the right file?", path, cap - 1);
      return -TG_ESIZE;
    }
  }
  while (used && (buf[used - 1] == '\n' || buf[used - 1] == '\r')) used--;
  if (used == 0) {
    (void)snprintf(err_text, err_cap, "%s: empty, put the secret into it", path);
    return -TG_ESIZE;
  }
  if (memchr(buf, '\0', used)) {
    (void)snprintf(err_text, err_cap, "%s: holds a NUL byte, is this the right file?", path);
    return -TG_ESYNTAX;
  }
  tg_wipe(buf + used, cap - used);
  return (int)used;
}

/* Opened and examined: length or error. */
static int open_secret(const char *path, char *buf, size_t cap, char *err_text, size_t err_cap) {
  if (cap < 2 || cap > INT32_MAX) {
    (void)snprintf(err_text, err_cap, "%s: no room to read it into", path);
    return -TG_ESIZE;
  }
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe in its place must not hang us */
  if (fd < 0) {
    int why = errno;
    const char *hint = why == ELOOP                      ? "is a symbolic link, name the file itself"
                       : why == ENOENT || why == ENOTDIR ? "there is no such file, create it with mode 0600"
                       : why == EACCES                   ? "may not be read, chown it to us"
                                                         : "cannot be opened, name a readable file";
    (void)snprintf(err_text, err_cap, "%s: %s", path, hint);
    if (why == ENOENT || why == ENOTDIR) return -TG_ENOTFOUND;
    return why == ELOOP || why == EACCES ? -TG_EPERM : -TG_EIO;
  }
  struct stat st;
  int got = -TG_EIO;
  if (fstat(fd, &st) != 0) {
    (void)snprintf(err_text, err_cap, "%s: cannot be examined, check the disk", path);
  } else {
    got = check_file(path, &st, err_text, err_cap);
    if (got == 0) got = read_secret(fd, path, buf, cap, err_text, err_cap);
  }
  (void)close(fd);
  return got;
}

int tg_secret_read(const char *path, char *buf, size_t cap, char *err_text, size_t err_cap) {
  int got = open_secret(path, buf, cap, err_text, err_cap);
  if (got < 0) tg_wipe(buf, cap);
  return got;
}

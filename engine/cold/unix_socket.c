#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/cold/control.h"
#include "engine/cold/file_ops.h"

enum { PATH_BYTES = 1024, BACKLOG = 16 };

/* sun_path holds 107 bytes: a longer path is named through a descriptor of its directory, which the kernel resolves. */
typedef struct address {
  struct sockaddr_un un;
  int dir_fd; /* -1 not needed */
} address_t;

static int address_make(address_t *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->dir_fd = -1;
  address->un.sun_family = AF_UNIX;
  size_t len = strlen(path);
  if (len == 0 || len >= PATH_BYTES) return -TG_EINVAL;
  if (len < sizeof address->un.sun_path) {
    memcpy(address->un.sun_path, path, len + 1);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  if (!slash || strlen(slash) > 64) return -TG_EINVAL;
  char dir[PATH_BYTES];
  snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
  address->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (address->dir_fd < 0) return tg_file_err(errno);
  snprintf(address->un.sun_path, sizeof address->un.sun_path, "/proc/self/fd/%d%s", address->dir_fd, slash);
  return 0;
}

static void address_free(address_t *address) {
  if (address->dir_fd >= 0) close(address->dir_fd);
}

int tg_unix_connect(const char *path) {
  address_t address;
  int rc = address_make(&address, path);
  if (rc < 0) return rc;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    rc = -TG_EIO;
  } else if (connect(fd, (const struct sockaddr *)&address.un, sizeof address.un) != 0) {
    rc = errno == ECONNREFUSED ? -TG_EREFUSED : errno == EAGAIN ? -TG_EBUSY : tg_file_err(errno);
    close(fd);
  }
  address_free(&address);
  return rc < 0 ? rc : fd;
}

static int lock_take(const char *path, int *lock_fd) {
  char lock[PATH_BYTES + 8];
  snprintf(lock, sizeof lock, "%s.lock", path);
  *lock_fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
  if (*lock_fd < 0) return tg_file_err(errno);
  return flock(*lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -TG_EBUSY;
}

/* What lies at the path: nothing (0), a dead socket (removed, 0), a living one or something else. */
static int make_way(const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : tg_file_err(errno);
  if (!S_ISSOCK(st.st_mode)) return -TG_EEXISTS;
  int fd = tg_unix_connect(path);
  if (fd >= 0) close(fd);
  if (fd >= 0 || fd == -TG_EBUSY) return -TG_EBUSY;
  return unlink(path) == 0 ? 0 : tg_file_err(errno);
}

static int bind_at(const char *path) {
  address_t address;
  int rc = address_make(&address, path);
  if (rc < 0) return rc;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) rc = -TG_EIO;
  /* the file takes the socket's own mode: it is never wider than 0660, not even between bind and chmod */
  if (rc == 0 && fchmod(fd, 0660) != 0) rc = -TG_EIO;
  if (rc == 0 && bind(fd, (const struct sockaddr *)&address.un, sizeof address.un) != 0)
    rc = errno == EADDRINUSE ? -TG_EBUSY : tg_file_err(errno);
  if (rc == 0 && listen(fd, BACKLOG) != 0) rc = -TG_EIO;
  if (rc == 0 && chmod(path, 0660) != 0) rc = tg_file_err(errno); /* undo a narrow umask for the group */
  address_free(&address);
  if (rc < 0 && fd >= 0) close(fd);
  return rc < 0 ? rc : fd;
}

int tg_unix_listen(const char *path, int *lock_fd, char *err_text, size_t err_cap) {
  *lock_fd = -1;
  if (err_cap) err_text[0] = '\0';
  int rc = lock_take(path, lock_fd);
  if (rc == 0) rc = make_way(path);
  int fd = rc == 0 ? bind_at(path) : rc;
  if (fd >= 0) return fd;
  const char *advice = fd == -TG_EBUSY
                           ? "another engine listens there; stop it or set engine.run_dir or the socket's name otherwise"
                       : fd == -TG_EEXISTS ? "a file that is no socket lies there; move it away"
                                           : "look at the directory";
  snprintf(err_text, err_cap, "socket %s: %s; %s", path, tg_err_text(fd), advice);
  if (*lock_fd >= 0) close(*lock_fd);
  *lock_fd = -1;
  return fd;
}

void tg_unix_unlisten(const char *path, int fd, int lock_fd) {
  if (fd >= 0) {
    close(fd);
    (void)unlink(path);
  }
  if (lock_fd >= 0) close(lock_fd); /* the empty lock file stays: removing it could free a name another just locked */
}

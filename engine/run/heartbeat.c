#include "engine/run/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES = 1100 };

static int err_of(int number) {
  return number == ENOENT                       ? -TG_ENOTFOUND
         : number == EACCES || number == EPERM  ? -TG_EPERM
         : number == ENOSPC || number == EDQUOT ? -TG_ENOSPACE
                                                : -TG_EIO;
}

/* State letter and start time of a process from its stat line; false: none. */
static bool pid_stat(uint64_t pid, char *state, uint64_t *start) {
  char path[64], text[1024];
  int n = snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
  int fd = n > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return false;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  char *at = strrchr(text, ')'); /* the name may hold anything, blanks and brackets too */
  if (!at || at[1] != ' ') return false;
  at += 2;
  *state = *at;
  for (int field = 3; field < 22; field++) {
    at = strchr(at, ' ');
    if (!at) return false;
    at++;
  }
  *start = strtoull(at, NULL, 10);
  return *start != 0;
}

uint64_t tg_beat_pid_start(uint64_t pid) {
  char state;
  uint64_t start = 0;
  return pid_stat(pid, &state, &start) ? start : 0;
}

bool tg_beat_alive(const tg_beat_seen_t *seen) {
  char state = 'X';
  uint64_t start = 0;
  return pid_stat(seen->pid, &state, &start) && start == seen->pid_start && state != 'Z' && state != 'X';
}

int tg_beat_open(tg_beat_page_t **out, const char *run_dir, uint64_t epoch, uint64_t started_ns, unsigned mode) {
  char path[PATH_BYTES], temp[PATH_BYTES + 8];
  *out = NULL;
  int n = snprintf(path, sizeof path, "%s/%s", run_dir, TG_BEAT_NAME);
  if (n < 0 || (size_t)n >= sizeof path) return -TG_ESIZE;
  snprintf(temp, sizeof temp, "%s.new", path);
  (void)unlink(temp); /* of a crash */
  int fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return err_of(errno);
  int err = posix_fallocate(fd, 0, TG_BEAT_BYTES); /* room now, not a SIGBUS later */
  if (err == EOPNOTSUPP || err == EINVAL) err = ftruncate(fd, TG_BEAT_BYTES) == 0 ? 0 : errno;
  tg_beat_page_t *page = MAP_FAILED;
  if (!err) {
    page = mmap(NULL, TG_BEAT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    err = page == MAP_FAILED ? errno : 0;
  }
  close(fd);
  if (!err) {
    page->version = TG_BEAT_VERSION;
    page->page_bytes = TG_BEAT_BYTES;
    page->pid = (uint64_t)getpid();
    page->pid_start = tg_beat_pid_start(page->pid);
    page->epoch = epoch;
    page->started_ns = started_ns;
    page->mode = mode;
    tg_beat_phase(page, TG_BEAT_STARTING);
    page->magic = TG_BEAT_MAGIC;
    if (rename(temp, path) != 0) err = errno;
  }
  if (!err) {
    *out = page;
    return 0;
  }
  if (page != MAP_FAILED) munmap(page, TG_BEAT_BYTES);
  (void)unlink(temp);
  return err_of(err);
}

void tg_beat_close(tg_beat_page_t *page) {
  if (page) munmap(page, TG_BEAT_BYTES);
}

int tg_beat_read(const char *run_dir, tg_beat_seen_t *out) {
  char path[PATH_BYTES];
  int n = snprintf(path, sizeof path, "%s/%s", run_dir, TG_BEAT_NAME);
  if (n < 0 || (size_t)n >= sizeof path) return -TG_ESIZE;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return err_of(errno);
  /* a plain read sees the page cache, and a file cut short is a short read, not a SIGBUS */
  union {
    tg_beat_page_t page;
    uint8_t byte[TG_BEAT_BYTES];
  } copy;
  ssize_t got = pread(fd, copy.byte, sizeof copy.byte, 0);
  close(fd);
  if (got != TG_BEAT_BYTES || copy.page.magic != TG_BEAT_MAGIC) return -TG_ECORRUPT;
  if (copy.page.version != TG_BEAT_VERSION || copy.page.page_bytes != TG_BEAT_BYTES) return -TG_EVERSION;
  *out = (tg_beat_seen_t){.pid = copy.page.pid,
                          .pid_start = copy.page.pid_start,
                          .epoch = copy.page.epoch,
                          .started_ns = copy.page.started_ns,
                          .mode = copy.page.mode,
                          .phase = copy.page.phase,
                          .hot = copy.page.hot,
                          .cold = copy.page.cold};
  return 0;
}

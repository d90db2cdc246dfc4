#include "engine/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/err.h"

static char mode_word[16];
static int log_fd = STDERR_FILENO;
static int level_max = TG_LOG_INFO;
static uint64_t lost_cnt;

void tg_log_mode(const char *mode) {
  (void)snprintf(mode_word, sizeof mode_word, "%s", mode);
}

void tg_log_level_set(tg_log_level_t level) {
  __atomic_store_n(&level_max, (int)level, __ATOMIC_RELAXED);
}

tg_log_level_t tg_log_level_now(void) {
  return (tg_log_level_t)__atomic_load_n(&level_max, __ATOMIC_RELAXED);
}

uint64_t tg_log_lost_cnt(void) {
  return __atomic_load_n(&lost_cnt, __ATOMIC_RELAXED);
}

int tg_log_open(const char *path) {
  int fd = STDERR_FILENO;
  if (path) {
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
      if (errno == EACCES || errno == EPERM || errno == EROFS) return -TG_EPERM;
      if (errno == ENOENT || errno == ENOTDIR) return -TG_ENOTFOUND;
      return errno == ENOSPC || errno == EDQUOT ? -TG_ENOSPACE : -TG_EIO;
    }
  }
  if (log_fd != STDERR_FILENO) (void)close(log_fd);
  log_fd = fd;
  return 0;
}

static const char *level_name(tg_log_level_t level) {
  static const char *const name[] = {"error", "warn", "info", "debug"};
  return (unsigned)level < TG_ARRAY_CNT(name) ? name[level] : "?";
}

static size_t put_head(char *line, size_t cap, tg_log_level_t level) {
  struct timespec now = {0};
  struct tm tm = {0};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  (void)gmtime_r(&now.tv_sec, &tm);
  size_t used = strftime(line, cap, "%Y-%m-%dT%H:%M:%S", &tm);
  const char *open_mark = mode_word[0] ? " [" : "", *close_mark = mode_word[0] ? "]" : "";
  int more = snprintf(line + used, cap - used, ".%06ldZ %s%s%s%s ", now.tv_nsec / 1000, level_name(level), open_mark, mode_word,
                      close_mark);
  return more > 0 && (size_t)more < cap - used ? used + (size_t)more : used;
}

void tg_log(tg_log_level_t level, const char *format, ...) {
  if ((int)level > (int)tg_log_level_now()) return;
  char line[TG_LOG_LINE_BYTES + 1];
  size_t head = put_head(line, TG_LOG_LINE_BYTES, level);
  size_t room = TG_LOG_LINE_BYTES - head; /* with the terminator, whose place the newline takes */
  va_list args;
  va_start(args, format);
  int want = vsnprintf(line + head, room, format, args);
  va_end(args);
  size_t len = want < 0 ? 0 : (size_t)want;
  if (len >= room) {
    len = room - 1;
    memcpy(line + head + len - 3, "...", 3);
  }
  for (size_t i = head; i < head + len; i++) {
    unsigned char c = (unsigned char)line[i];
    if (c < 0x20 || c == 0x7f) line[i] = '?';
  }
  line[head + len] = '\n';
  /* one write: lines of several threads never mix */
  if (write(log_fd, line, head + len + 1) != (ssize_t)(head + len + 1)) {
    (void)__atomic_fetch_add(&lost_cnt, 1, __ATOMIC_RELAXED);
  }
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/cold/control.h"
#include "tools/tickgatectl/ctl.h"

enum { PATIENCE_S = 15 }; /* longer than the engine's own TG_CTL_CMD_MS and TG_CTL_DRILL_MS */

int ctl_connect(const char *socket_path, int *exit_code) {
  int fd = tg_unix_connect(socket_path);
  if (fd >= 0) {
    struct timeval patience = {.tv_sec = PATIENCE_S};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0)
      return fd;
    close(fd);
    fd = -TG_EIO;
  }
  const char *why = fd == -TG_ENOTFOUND  ? "no engine has made this socket: is it running, with this run directory?"
                    : fd == -TG_EREFUSED ? "an engine was here and is gone"
                    : fd == -TG_EPERM    ? "this user may not open it: ask to join its group"
                                         : tg_err_text(fd);
  fprintf(stderr, "tickgatectl: %s: %s\n", socket_path, why);
  *exit_code = TG_EXIT_VENUE;
  return -1;
}

static int send_line(int fd, const char *line) {
  size_t len = strlen(line);
  char *copy = malloc(len + 1);
  if (!copy) return -TG_ENOMEM;
  memcpy(copy, line, len);
  copy[len] = '\n';
  size_t at = 0;
  while (at < len + 1) {
    ssize_t n = send(fd, copy + at, len + 1 - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += (size_t)n;
  }
  free(copy);
  return at == len + 1 ? 0 : -TG_ECLOSED;
}

int ctl_exchange(int fd, const char *line, char **answer) {
  *answer = NULL;
  int rc = send_line(fd, line);
  if (rc < 0) return rc;
  size_t cap = TG_CTL_ANSWER_BYTES + 2, len = 0;
  char *buf = malloc(cap);
  if (!buf) return -TG_ENOMEM;
  while (len < cap) {
    ssize_t n = recv(fd, buf + len, cap - len, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      free(buf);
      return n == 0 ? -TG_ECLOSED : -TG_ETIMEOUT;
    }
    len += (size_t)n;
    if (buf[len - 1] != '\n') continue;
    buf[len - 1] = '\0';
    *answer = buf;
    return 0;
  }
  free(buf);
  return -TG_ESIZE;
}

int ctl_exit_code(const json_t *answer) {
  if (json_is_true(json_object_get(answer, "ok"))) return TG_EXIT_OK;
  const char *code = json_string_value(json_object_get(answer, "code"));
  static const char *const usage[] = {"EINVAL", "ENOTFOUND", "ESYNTAX", "ESIZE", "EFULL"};
  for (size_t i = 0; code && !json_object_get(answer, "command") && i < TG_ARRAY_CNT(usage); i++) {
    if (strcmp(code, usage[i]) == 0) return TG_EXIT_USAGE;
  }
  return TG_EXIT_DIFF;
}

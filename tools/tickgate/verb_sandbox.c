/* tickgate sandbox - shows what the sandbox leaves to each kind of thread, and tries something under one of its policies. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/run/sandbox.h"
#include "net/io.h"
#include "tools/tickgate/verbs.h"

static tg_io_t try_io;

static void usage(FILE *out) {
  fprintf(
      out,
      "usage: tickgate sandbox list               the tables of docs/security.md\n"
      "       tickgate sandbox try KIND WHAT      does WHAT as a thread of that KIND would: hot, cold, resolver, main\n"
      "  WHAT: execve, fork, ptrace, socket, open (a file outside the run directory), write (a new one there), ring (an open "
      "by\n"
      "  io_uring). Exit code 0: it worked; 1: it was refused; ended by SIGSYS (159 in a shell): the policy kills for it.\n");
}

static int result(long rc) {
  return rc < 0 ? errno : 0;
}

static int try_ring(void) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(try_io.ring);
  if (!sqe) return ENOBUFS;
  io_uring_prep_openat(sqe, AT_FDCWD, "/etc/hostname", O_RDONLY, 0);
  int rc = io_uring_submit_and_wait(try_io.ring, 1);
  if (rc < 0) return -rc;
  struct io_uring_cqe *cqe;
  rc = io_uring_wait_cqe(try_io.ring, &cqe);
  if (rc < 0) return -rc;
  return cqe->res < 0 ? -cqe->res : 0;
}

static int try_it(const char *what) {
  char *argv[] = {NULL};
  if (strcmp(what, "execve") == 0) return result(execve("/bin/true", argv, argv));
  if (strcmp(what, "fork") == 0) return result(syscall(SYS_fork));
  if (strcmp(what, "ptrace") == 0) return result(syscall(SYS_ptrace, 0, 0, 0, 0));
  if (strcmp(what, "socket") == 0) return result(socket(AF_INET, SOCK_STREAM, 0));
  if (strcmp(what, "open") == 0) return result(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  if (strcmp(what, "write") == 0)
    return result(open("/tmp/tickgate-sandbox-try", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return try_ring();
}

static bool known(const char *what) {
  static const char *const word[] = {"execve", "fork", "ptrace", "socket", "open", "write", "ring"};
  for (size_t i = 0; i < TG_ARRAY_CNT(word); i++) {
    if (strcmp(what, word[i]) == 0) return true;
  }
  return false;
}

/* The ring of that kind of thread, enabled as the lane does it. 0 or an exit code. */
static int make_ring(tg_sandbox_kind_t kind) {
  static tg_arena_t arena;
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cfg.ops = kind == TG_SANDBOX_HOT ? TG_IO_OPS_HOT : TG_IO_OPS_COLD;
  int err = tg_arena_map(&arena, 4u << 20);
  if (!err) err = tg_io_layout(&arena, &try_io, &cfg);
  if (!err) err = tg_io_setup(&try_io);
  if (!err) err = tg_io_enable(&try_io);
  if (!err) return 0;
  fprintf(stderr, "tickgate sandbox: no ring: %s\n", tg_err_text(err));
  return TG_EXIT_MEMORY;
}

static int try_as(tg_sandbox_kind_t kind, const char *what) {
  char text[256];
  tg_sandbox_t *sandbox;
  tg_sandbox_cfg_t cfg = {.run_dir = "/var/empty"};
  if (access(cfg.run_dir, F_OK) != 0) cfg.run_dir = "/usr/share";
  tg_log_level_set(TG_LOG_ERROR);
  int code = strcmp(what, "ring") == 0 ? make_ring(kind) : 0;
  if (code) return code;
  code = tg_sandbox_prepare(&sandbox, true, &cfg, text, sizeof text);
  if (code) {
    fprintf(stderr, "tickgate %s\n", text);
    return code;
  }
  if (tg_sandbox_enter(sandbox, kind) != 0) {
    fprintf(stderr, "tickgate sandbox: it cannot be entered\n");
    return TG_EXIT_INTERNAL;
  }
  int err = try_it(what);
  int n = snprintf(text, sizeof text, "%s: %s: %s\n", tg_sandbox_kind_name(kind), what, err ? strerror(err) : "worked");
  if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) != n) _exit(TG_EXIT_INTERNAL);
  _exit(err ? TG_EXIT_DIFF : TG_EXIT_OK); /* a hot thread may do no more than end */
}

int tg_verb_sandbox(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    usage(stdout);
    return TG_EXIT_OK;
  }
  if (argc == 2 && strcmp(argv[1], "list") == 0) return tg_sandbox_print_doc(stdout) == 0 ? TG_EXIT_OK : TG_EXIT_SPACE;
  if (argc == 4 && strcmp(argv[1], "try") == 0 && known(argv[3])) {
    for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++) {
      if (strcmp(argv[2], tg_sandbox_kind_name((tg_sandbox_kind_t)kind)) == 0) return try_as((tg_sandbox_kind_t)kind, argv[3]);
    }
  }
  usage(stderr);
  return TG_EXIT_USAGE;
}

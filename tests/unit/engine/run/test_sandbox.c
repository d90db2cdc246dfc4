/* What each kind of thread may not do any more, tried in a child: a forbidden call ends the process by SIGSYS, a forbidden file
 * or port is refused. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/run/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#define SKIP_SANITIZED \
  if (SANITIZED) cr_skip("built with a sanitizer: seccomp and Landlock are off, as the engine says")

typedef int (*act_t)(void); /* 0 done; else the errno, or what it found */

static char run_dir[] = "/tmp/tg-sandbox-XXXXXX";
static uint16_t allowed_port;

static void make_dir(void) {
  cr_assert_not_null(mkdtemp(run_dir));
}

static void drop_dir(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/inside", run_dir);
  (void)unlink(path);
  (void)rmdir(run_dir);
}

/* Runs `act` in a child that has entered `kind`. The child's wait status. */
static int status_of(tg_sandbox_kind_t kind, act_t act) {
  fflush(NULL);
  pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) {
    tg_log_level_set(TG_LOG_ERROR);
    tg_sandbox_cfg_t cfg = {.run_dir = run_dir, .tcp_port = {allowed_port}};
    tg_sandbox_t *sandbox;
    char text[256];
    if (tg_sandbox_prepare(&sandbox, true, &cfg, text, sizeof text) != 0) _exit(200);
    if (tg_sandbox_enter(sandbox, kind) != 0) _exit(201);
    _exit(act());
  }
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return status;
}

static bool dies(tg_sandbox_kind_t kind, act_t act) {
  int status = status_of(kind, act);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* What `act` returned; 300 and more: the signal that ended it. */
static int returns(tg_sandbox_kind_t kind, act_t act) {
  int status = status_of(kind, act);
  return WIFSIGNALED(status) ? 300 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int result(long rc) {
  return rc < 0 ? errno : 0;
}

/* --- calls that no thread may make --- */

static int do_execve(void) {
  char *argv[] = {(char *)"true", NULL};
  return result(execve("/bin/true", argv, NULL));
}
static int do_fork(void) {
  return result(syscall(SYS_fork));
}
static int do_clone3(void) {
  return result(syscall(SYS_clone3, NULL, 0));
}
static int do_clone(void) {
  return result(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
}
static int do_ptrace(void) {
  return result(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}
static int do_mount(void) {
  return result(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
}
static int do_bpf(void) {
  return result(syscall(SYS_bpf, 0, NULL, 0));
}
static int do_perf(void) {
  return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}
static int do_kexec(void) {
  return result(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}
static int do_module(void) {
  return result(syscall(SYS_init_module, NULL, 0, ""));
}
static int do_io_uring_setup(void) {
  return result(syscall(SYS_io_uring_setup, 1, NULL));
}
static int do_enable_ring(void) {
  return result(syscall(SYS_io_uring_register, 3, 12, NULL, 0));
}
static int do_process_vm(void) {
  return result(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}
static int do_setuid(void) {
  return result(syscall(SYS_setuid, 0));
}
static int do_kill_others(void) {
  return result(syscall(SYS_kill, getppid(), 0));
}
static int do_tgkill_others(void) {
  return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}
static int do_unshare(void) {
  return result(syscall(SYS_unshare, 0));
}
static int do_handle(void) {
  return result(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}
static int do_memfd(void) {
  return result(syscall(SYS_memfd_create, "x", 0));
}
static int do_keyctl(void) {
  return result(syscall(SYS_keyctl, 0));
}
static int do_setlimit(void) {
  uint64_t limit[2] = {1, 1};
  return result(syscall(SYS_prlimit64, 0, 4, limit, NULL));
}
static int do_dumpable(void) {
  return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int do_packet_socket(void) {
  return result(socket(AF_PACKET, SOCK_RAW, 0));
}

/* --- calls that some threads may make --- */

static int do_open(void) {
  return result(open("/etc/hostname", O_RDONLY | O_CLOEXEC));
}
static int do_socket(void) {
  return result(socket(AF_INET, SOCK_STREAM, 0));
}
static int do_mmap(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int do_mmap_exec(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int do_mmap_wx(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int do_nothing(void) {
  return 0;
}
static int do_abort(void) {
  abort();
}

typedef struct row {
  const char *name;
  act_t act;
} row_t;

static const row_t forbidden[] = {{"execve", do_execve},
                                  {"fork", do_fork},
                                  {"clone", do_clone},
                                  {"clone3", do_clone3},
                                  {"ptrace", do_ptrace},
                                  {"mount", do_mount},
                                  {"bpf", do_bpf},
                                  {"perf_event_open", do_perf},
                                  {"kexec_load", do_kexec},
                                  {"init_module", do_module},
                                  {"io_uring_setup", do_io_uring_setup},
                                  {"io_uring_register", do_enable_ring},
                                  {"process_vm_readv", do_process_vm},
                                  {"setuid", do_setuid},
                                  {"kill", do_kill_others},
                                  {"tgkill of another process", do_tgkill_others},
                                  {"unshare", do_unshare},
                                  {"open_by_handle_at", do_handle},
                                  {"memfd_create", do_memfd},
                                  {"keyctl", do_keyctl},
                                  {"prlimit64 that sets", do_setlimit},
                                  {"prctl(PR_SET_DUMPABLE)", do_dumpable},
                                  {"a packet socket", do_packet_socket},
                                  {"writable executable memory", do_mmap_wx}};

Test(sandbox, calls_that_no_thread_may_make_end_the_process, .init = make_dir, .fini = drop_dir) {
  SKIP_SANITIZED;
  for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++) {
    for (size_t i = 0; i < TG_ARRAY_CNT(forbidden); i++) {
      cr_expect(dies((tg_sandbox_kind_t)kind, forbidden[i].act), "%s: %s was survived",
                tg_sandbox_kind_name((tg_sandbox_kind_t)kind), forbidden[i].name);
    }
    cr_expect_eq(returns((tg_sandbox_kind_t)kind, do_nothing), 0, "%s: the end of the process",
                 tg_sandbox_kind_name((tg_sandbox_kind_t)kind));
    cr_expect_eq(returns((tg_sandbox_kind_t)kind, do_abort), 300 + SIGABRT, "%s: a failed assertion still aborts as such",
                 tg_sandbox_kind_name((tg_sandbox_kind_t)kind));
  }
}

Test(sandbox, a_hot_lane_has_neither_files_nor_sockets_nor_memory, .init = make_dir, .fini = drop_dir) {
  SKIP_SANITIZED;
  cr_expect(dies(TG_SANDBOX_HOT, do_open));
  cr_expect(dies(TG_SANDBOX_HOT, do_socket));
  cr_expect(dies(TG_SANDBOX_HOT, do_mmap));
  cr_expect(dies(TG_SANDBOX_MAIN, do_socket), "the main thread has no new sockets either");
  cr_expect_eq(returns(TG_SANDBOX_COLD, do_open), 0);
  cr_expect_eq(returns(TG_SANDBOX_COLD, do_socket), 0);
  cr_expect_eq(returns(TG_SANDBOX_COLD, do_mmap), 0);
  cr_expect_eq(returns(TG_SANDBOX_RESOLVER, do_socket), 0);
  cr_expect(dies(TG_SANDBOX_COLD, do_mmap_exec));
  cr_expect_eq(returns(TG_SANDBOX_RESOLVER, do_mmap_exec), 0, "it loads name-service modules");
}

/* --- Landlock --- */

static int write_outside(void) {
  return result(open("/tmp/tg-sandbox-outside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}
static int write_inside(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/inside", run_dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  char byte = 'x';
  if (fd < 0 || write(fd, &byte, 1) != 1 || ftruncate(fd, 0) != 0) return errno;
  return result(unlink(path));
}
static int read_elsewhere(void) {
  return result(open("/root/.", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
static int read_proc(void) {
  return result(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
}
static int read_resolv(void) {
  return result(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

static int connect_to(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return result(connect(fd, (struct sockaddr *)&addr, sizeof addr));
}
static int connect_allowed(void) {
  return connect_to(allowed_port);
}
static int connect_other(void) {
  return connect_to((uint16_t)(allowed_port + 1));
}
static int bind_tcp(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  addr.sin_port = htons(40404);
  return result(bind(fd, (struct sockaddr *)&addr, sizeof addr));
}

Test(sandbox, files_outside_the_run_directory_are_out_of_reach, .init = make_dir, .fini = drop_dir) {
  SKIP_SANITIZED;
  if (tg_landlock_abi() == 0) cr_skip("this kernel has no Landlock");
  cr_expect_eq(returns(TG_SANDBOX_COLD, write_outside), EACCES);
  cr_expect_neq(access("/tmp/tg-sandbox-outside", F_OK), 0);
  cr_expect_eq(returns(TG_SANDBOX_COLD, write_inside), 0);
  cr_expect_eq(returns(TG_SANDBOX_COLD, read_elsewhere), EACCES);
  cr_expect_eq(returns(TG_SANDBOX_COLD, read_proc), EACCES);
  cr_expect_eq(returns(TG_SANDBOX_RESOLVER, read_resolv), 0);
}

Test(sandbox, ports_that_are_not_the_venues_are_out_of_reach, .init = make_dir, .fini = drop_dir) {
  SKIP_SANITIZED;
  if (tg_landlock_abi() < 4) cr_skip("this kernel's Landlock does not rule TCP ports");
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof addr;
  cr_assert(bind(fd, (struct sockaddr *)&addr, len) == 0 && listen(fd, 4) == 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
  allowed_port = ntohs(addr.sin_port);
  cr_expect_eq(returns(TG_SANDBOX_COLD, connect_allowed), 0);
  cr_expect_eq(returns(TG_SANDBOX_COLD, connect_other), EACCES);
  cr_expect_eq(returns(TG_SANDBOX_COLD, bind_tcp), EACCES);
  close(fd);
}

/* --- who it is --- */

static int who(void) { /* 0: no new privileges, no dump, no group of root's */
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 1;
  return 0;
}

Test(sandbox, off_takes_nothing_away_and_says_so) {
  tg_sandbox_t *sandbox;
  char text[256];
  cr_assert_eq(tg_sandbox_prepare(&sandbox, false, NULL, text, sizeof text), 0);
  cr_assert_eq(tg_sandbox_enter(sandbox, TG_SANDBOX_HOT), 0);
  cr_expect_eq(do_open(), 0);
  tg_sandbox_text(sandbox, text, sizeof text);
  cr_expect_str_eq(text, "off");
  cr_expect_eq(who(), 1);
  tg_sandbox_close(sandbox);
}

Test(sandbox, another_user_for_good, .init = make_dir, .fini = drop_dir) {
  if (geteuid() != 0) cr_skip("needs root");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    char text[256];
    if (tg_sandbox_become("nobody", run_dir, text, sizeof text) != 0) _exit(1);
    gid_t group[4];
    if (geteuid() == 0 || getuid() == 0 || getgroups(4, group) != 0) _exit(2);
    if (setuid(0) == 0 || seteuid(0) == 0) _exit(3);
    if (write_inside() != 0) _exit(4);                                          /* the run directory was given to it */
    if (tg_sandbox_become("nobody", run_dir, text, sizeof text) != 0) _exit(5); /* no root any more: nothing to do */
    _exit(0);
  }
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_expect(WIFEXITED(status));
  cr_expect_eq(WEXITSTATUS(status), 0);
}

Test(sandbox, a_user_that_is_not_there_or_root_is_refused, .init = make_dir, .fini = drop_dir) {
  if (geteuid() != 0) cr_skip("needs root");
  char text[256];
  cr_expect_eq(tg_sandbox_become("no-such-user-here", run_dir, text, sizeof text), TG_EXIT_CONFIG);
  cr_expect(strstr(text, "sandbox.user") != NULL, "%s", text);
  cr_expect_eq(tg_sandbox_become("root", run_dir, text, sizeof text), TG_EXIT_CONFIG);
  cr_expect_eq(tg_sandbox_become("", run_dir, text, sizeof text), 0);
}

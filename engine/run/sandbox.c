#include "engine/run/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>

#include "engine/base/log.h"

#ifdef TG_SANITIZED
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#define CAP_BIT(cap) (UINT64_C(1) << (cap))
/* root that stays root keeps what files of its other users need, and nothing else */
#define ROOT_FILE_CAPS (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER))
#define RINGFD_UNREGISTER 21 /* IORING_UNREGISTER_RING_FDS */

struct tg_sandbox {
  tg_sandbox_status_t status;
  _Atomic uint32_t entered;
  struct sock_fprog list[TG_SANDBOX_KINDS];
};

typedef enum sandbox_rule {
  RULE_ANY,
  RULE_SELF,
  RULE_NOEXEC,
  RULE_NOWX,
  RULE_FAMILY,
  RULE_GETLIMIT,
  RULE_RINGFD
} sandbox_rule_t;

typedef struct sandbox_row {
  const char *name;
  uint8_t kinds; /* bit (1 << tg_sandbox_kind_t) */
  sandbox_rule_t rule;
  const char *rule_name, *why;
} sandbox_row_t;

static const sandbox_row_t row[] = {
#define S(name, hot, cold, resolver, main, rule, why) \
  {#name, (hot) | (cold) << TG_SANDBOX_COLD | (resolver) << TG_SANDBOX_RESOLVER | (main) << TG_SANDBOX_MAIN, RULE_##rule, \
   #rule, why},
#include "engine/run/sandbox.def"
#undef S
};

const char *tg_sandbox_kind_name(tg_sandbox_kind_t kind) {
  static const char *const name[] = {"hot", "cold", "resolver", "main"};
  return (unsigned)kind < TG_SANDBOX_KINDS ? name[kind] : "?";
}

static int fail(int exit_code, char *err_text, size_t err_cap, const char *what, const char *why) {
  int n = snprintf(err_text, err_cap, "sandbox: %s: %s", what, why);
  return n < 0 ? TG_EXIT_INTERNAL : exit_code;
}

/* --- who we are --- */

static int set_caps(uint64_t caps) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {{.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
                                           {.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)}};
  return syscall(SYS_capset, &head, data) == 0 ? 0 : -TG_EPERM;
}

/* True when this thread has capability `cap`. */
static bool has_cap(int cap) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {{0}, {0}};
  if (syscall(SYS_capget, &head, data) != 0) return false;
  return (data[cap / 32].permitted >> (cap % 32) & 1) != 0;
}

static int give_run_dir(const char *run_dir, uid_t uid, gid_t gid) {
  if (mkdir(run_dir, 0750) != 0 && errno != EEXIST) return -TG_EIO;
  struct stat st;
  if (stat(run_dir, &st) != 0 || !S_ISDIR(st.st_mode)) return -TG_EIO;
  if (st.st_uid != 0) return 0; /* somebody's on purpose: whether it can be written shows soon */
  return chown(run_dir, uid, gid) == 0 ? 0 : -TG_EPERM;
}

int tg_sandbox_become(const char *user, const char *run_dir, char *err_text, size_t err_cap) {
  (void)umask(027); /* what is written from now on is for us and our group */
  if (user[0] == '\0' || geteuid() != 0) return 0;
  const struct passwd *entry = getpwnam(user);
  if (!entry) return fail(TG_EXIT_CONFIG, err_text, err_cap, user, "no such user: check sandbox.user");
  uid_t uid = entry->pw_uid;
  gid_t gid = entry->pw_gid;
  if (uid == 0) return fail(TG_EXIT_CONFIG, err_text, err_cap, user, "is root: sandbox.user names somebody without rights");
  if (give_run_dir(run_dir, uid, gid) != 0)
    return fail(TG_EXIT_SPACE, err_text, err_cap, run_dir, "cannot be given to sandbox.user");
  uint64_t keep = has_cap(CAP_IPC_LOCK) ? CAP_BIT(CAP_IPC_LOCK) : 0;
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  bool ok = prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
            setresuid(uid, uid, uid) == 0 && set_caps(keep) == 0 && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0;
  if (!ok) return fail(TG_EXIT_INTERNAL, err_text, err_cap, user, strerror(errno));
  if (setresuid(0, 0, 0) == 0) return fail(TG_EXIT_INTERNAL, err_text, err_cap, user, "root could be had again");
  tg_log_info("sandbox: runs as %s (uid %u), no groups, no capabilities%s", user, (unsigned)uid,
              keep ? " but the one to lock memory until that is done" : "");
  return 0;
}

/* --- lists --- */

static int add_row(scmp_filter_ctx ctx, const sandbox_row_t *r) {
  int nr = seccomp_syscall_resolve_name(r->name);
  if (nr == __NR_SCMP_ERROR) return -EINVAL;
  const uint32_t allow = SCMP_ACT_ALLOW;
  int rc = 0;
  static const int family[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  switch (r->rule) {
    case RULE_ANY:
      return seccomp_rule_add(ctx, allow, nr, 0);
    case RULE_SELF:
      return seccomp_rule_add(ctx, allow, nr, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    case RULE_NOEXEC:
      return seccomp_rule_add(ctx, allow, nr, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    case RULE_NOWX:
      rc = seccomp_rule_add(ctx, allow, nr, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
      return rc ? rc : seccomp_rule_add(ctx, allow, nr, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
    case RULE_FAMILY:
      for (size_t i = 0; i < TG_ARRAY_CNT(family) && rc == 0; i++)
        rc = seccomp_rule_add(ctx, allow, nr, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family[i], 0));
      return rc;
    case RULE_GETLIMIT:
      return seccomp_rule_add(ctx, allow, nr, 1, SCMP_A2(SCMP_CMP_EQ, 0, 0));
    case RULE_RINGFD:
      return seccomp_rule_add(ctx, allow, nr, 1, SCMP_A1(SCMP_CMP_EQ, RINGFD_UNREGISTER, 0));
  }
  return -EINVAL;
}

/* The filter's program out of libseccomp, into memory of ours: entering is one system call then. */
static int compile(scmp_filter_ctx ctx, struct sock_fprog *out) {
  int fd = memfd_create("seccomp", MFD_CLOEXEC);
  if (fd < 0) return -TG_EIO;
  int err = seccomp_export_bpf(ctx, fd) == 0 ? 0 : -TG_EIO;
  off_t bytes = err ? 0 : lseek(fd, 0, SEEK_END);
  if (!err && (bytes <= 0 || bytes % (off_t)sizeof(struct sock_filter) != 0)) err = -TG_EIO;
  if (!err && !(out->filter = malloc((size_t)bytes))) err = -TG_ENOMEM;
  if (!err && pread(fd, out->filter, (size_t)bytes, 0) != bytes) err = -TG_EIO;
  if (!err) out->len = (unsigned short)((size_t)bytes / sizeof(struct sock_filter));
  (void)close(fd);
  return err;
}

static int make_list(tg_sandbox_kind_t kind, struct sock_fprog *out) {
  scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (!ctx) return -TG_ENOMEM;
  int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  for (size_t i = 0; i < TG_ARRAY_CNT(row) && rc == 0; i++) {
    if (row[i].kinds >> kind & 1) rc = add_row(ctx, &row[i]);
  }
  if (rc == 0 && kind == TG_SANDBOX_HOT) rc = seccomp_syscall_priority(ctx, SCMP_SYS(io_uring_enter), 255);
  int err = rc == 0 ? compile(ctx, out) : -TG_EIO;
  seccomp_release(ctx);
  return err;
}

/* --- the whole --- */

static void prepare_land(tg_sandbox_t *sandbox, const tg_sandbox_cfg_t *cfg) {
  int err = tg_landlock_enter(cfg, &sandbox->status.landlock_tcp);
  if (err) {
    tg_log_warn("sandbox: no Landlock here (%s): files and ports are not ruled by the kernel", tg_err_text(err));
    return;
  }
  sandbox->status.landlock_abi = tg_landlock_abi();
  if (!sandbox->status.landlock_tcp)
    tg_log_warn("sandbox: this kernel's Landlock (version %d) rules files only, TCP ports from version 4 on",
                sandbox->status.landlock_abi);
}

static int prepare(tg_sandbox_t *sandbox, const tg_sandbox_cfg_t *cfg, char *err_text, size_t err_cap) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail(TG_EXIT_INTERNAL, err_text, err_cap, "no_new_privs", strerror(errno));
  sandbox->status.no_new_privs = true;
  if (SANITIZED) {
    sandbox->status.seccomp = "off: built with a sanitizer, which makes calls of its own";
    tg_log_warn("sandbox: built with a sanitizer: no Landlock, no seccomp, core dumps as the system says");
    return 0;
  }
  struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return fail(TG_EXIT_INTERNAL, err_text, err_cap, "core dumps", strerror(errno));
  sandbox->status.core_dumps = false;
  prepare_land(sandbox, cfg);
  for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++) {
    if (make_list((tg_sandbox_kind_t)kind, &sandbox->list[kind]) != 0)
      return fail(TG_EXIT_INTERNAL, err_text, err_cap, "seccomp", "the lists of system calls cannot be made");
  }
  sandbox->status.seccomp = "on";
  return 0;
}

int tg_sandbox_prepare(tg_sandbox_t **out, bool enabled, const tg_sandbox_cfg_t *cfg, char *err_text, size_t err_cap) {
  tg_sandbox_t *sandbox = *out = calloc(1, sizeof *sandbox);
  if (!sandbox) return fail(TG_EXIT_MEMORY, err_text, err_cap, "memory", "does not fit");
  sandbox->status.core_dumps = true;
  sandbox->status.seccomp = "off: sandbox.enabled = false";
  sandbox->status.staying_root = geteuid() == 0;
  if (!enabled) {
    tg_log_warn("sandbox: off (sandbox.enabled = false)");
    return 0;
  }
  sandbox->status.enabled = true;
  if (sandbox->status.staying_root) tg_log_warn("sandbox: this is root: name a user in sandbox.user, or start as one");
  return prepare(sandbox, cfg, err_text, err_cap);
}

int tg_sandbox_enter(tg_sandbox_t *sandbox, tg_sandbox_kind_t kind) {
  if (!sandbox || !sandbox->status.enabled || (unsigned)kind >= TG_SANDBOX_KINDS) return 0;
  uint64_t keep = 0;
  if (sandbox->status.staying_root) {
    for (int cap = 0; cap < 32; cap++) {
      if ((ROOT_FILE_CAPS >> cap & 1) && has_cap(cap)) keep |= CAP_BIT(cap);
    }
  }
  if (set_caps(keep) != 0) return -TG_EPERM;
  if (sandbox->list[kind].filter && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &sandbox->list[kind]) != 0)
    return -TG_EPERM;
  if (sandbox->list[kind].filter) atomic_fetch_or_explicit(&sandbox->entered, 1u << kind, memory_order_relaxed);
  return 0;
}

void tg_sandbox_status(const tg_sandbox_t *sandbox, tg_sandbox_status_t *out) {
  if (!sandbox) {
    *out = (tg_sandbox_status_t){.core_dumps = true, .seccomp = "off"};
    return;
  }
  *out = sandbox->status;
  out->entered = atomic_load_explicit(&sandbox->entered, memory_order_relaxed);
}

void tg_sandbox_text(const tg_sandbox_t *sandbox, char *buf, size_t cap) {
  tg_sandbox_status_t s;
  tg_sandbox_status(sandbox, &s);
  char kinds[64] = "";
  size_t used = 0;
  for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++) {
    if (!(s.entered >> kind & 1)) continue;
    int n = snprintf(kinds + used, sizeof kinds - used, " %s", tg_sandbox_kind_name((tg_sandbox_kind_t)kind));
    used += n > 0 ? (size_t)n : 0;
  }
  int n = s.enabled ? snprintf(buf, cap, "no new privileges; Landlock %s; seccomp %s%s%s; core dumps %s%s",
                               s.landlock_tcp   ? "files and TCP ports"
                               : s.landlock_abi ? "files"
                                                : "none",
                               s.seccomp, kinds[0] ? ":" : "", kinds, s.core_dumps ? "on" : "off",
                               s.staying_root ? "; runs as root" : "")
                    : snprintf(buf, cap, "off");
  if (n < 0 && cap) buf[0] = '\0';
}

void tg_sandbox_close(tg_sandbox_t *sandbox) {
  if (!sandbox) return;
  for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++) free(sandbox->list[kind].filter);
  free(sandbox);
}

int tg_sandbox_print_doc(void *file) {
  FILE *out = file;
  int bad =
      fprintf(out, "| system call | hot | cold | resolver | main | only if | what for |\n|---|---|---|---|---|---|---|\n") < 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    const sandbox_row_t *r = &row[i];
    bad |= fprintf(out, "| `%s` |", r->name) < 0;
    for (unsigned kind = 0; kind < TG_SANDBOX_KINDS; kind++)
      bad |= fprintf(out, "%s", r->kinds >> kind & 1 ? " x |" : " |") < 0;
    bad |= fprintf(out, " %s | %s |\n", r->rule == RULE_ANY ? "" : r->rule_name, r->why) < 0;
  }
  bad |= fprintf(out, "\n| ring operation | hot | cold | what for |\n|---|---|---|---|\n") < 0;
#define R(name, hot, cold, why) \
  bad |= fprintf(out, "| `%s` |%s |%s | %s |\n", #name, hot ? " x" : "", cold ? " x" : "", why) < 0;
#include "net/ring_ops.def"
#undef R
  return bad ? -TG_EIO : 0;
}

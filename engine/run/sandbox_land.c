/* sandbox_land.c - Landlock by its raw system calls: the C library and its headers here are older than the kernel's interface.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/run/sandbox.h"

/* include/uapi/linux/landlock.h of kernel 6.18; each row's version is the first that knows it */
#define FS_REFER (UINT64_C(1) << 13)     /* 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_BIND_TCP UINT64_C(1)         /* 4 */
#define NET_CONNECT_TCP UINT64_C(2)      /* 4 */
#define SCOPE_ALL UINT64_C(3)            /* 6: abstract UNIX sockets and signals of others */
#define RULE_NET_PORT 2

#define FS_BASE ((UINT64_C(1) << 13) - 1) /* version 1: execute .. make_sym */
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_OWN \
  (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
   LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE)

typedef struct land_ruleset {
  uint64_t fs, net, scoped;
} land_ruleset_t;

typedef struct land_port {
  uint64_t access, port;
} land_port_t;

/* What libc's name look-ups read. /etc as a whole: resolv.conf and its like are replaced by new files while we run, and a rule
 * sticks to the file that was there. */
static const char *const look_up_path[] = {"/etc",
                                           "/run/systemd/resolve",
                                           "/lib",
                                           "/lib64",
                                           "/usr/lib",
                                           "/dev/urandom",
                                           "/usr/share/zoneinfo",
                                           "/usr/share/ca-certificates"};

int tg_landlock_abi(void) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? (int)version : 0;
}

static land_ruleset_t handled(int abi, size_t *bytes) {
  land_ruleset_t set = {.fs = FS_BASE};
  *bytes = sizeof set.fs;
  if (abi >= 2) set.fs |= FS_REFER;
  if (abi >= 3) set.fs |= FS_TRUNCATE;
  if (abi >= 4) {
    set.net = NET_BIND_TCP | NET_CONNECT_TCP;
    *bytes += sizeof set.net;
  }
  if (abi >= 5) set.fs |= FS_IOCTL_DEV;
  if (abi >= 6) {
    set.scoped = SCOPE_ALL;
    *bytes += sizeof set.scoped;
  }
  return set;
}

/* 0, or -TG_ENOTFOUND (no such path: nothing to allow), -TG_EIO. */
static int allow_path(int ruleset, const land_ruleset_t *set, const char *path, uint64_t access) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return -TG_ENOTFOUND;
  struct stat st;
  bool dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
  if (!dir) access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
  struct landlock_path_beneath_attr rule = {.allowed_access = access & set->fs, .parent_fd = fd};
  long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  (void)close(fd);
  return rc == 0 ? 0 : -TG_EIO;
}

static int allow_all(int ruleset, const land_ruleset_t *set, const tg_sandbox_cfg_t *cfg) {
  int err = allow_path(ruleset, set, cfg->run_dir, FS_OWN);
  if (err) return err;
  for (size_t i = 0; i < TG_ARRAY_CNT(look_up_path); i++) {
    err = allow_path(ruleset, set, look_up_path[i], FS_READ);
    if (err == -TG_EIO) return err;
  }
  for (size_t i = 0; i < TG_SANDBOX_PATHS; i++) {
    if (cfg->read_path[i] && cfg->read_path[i][0] && allow_path(ruleset, set, cfg->read_path[i], FS_READ) == -TG_EIO)
      return -TG_EIO;
    if (cfg->remove_from[i] && allow_path(ruleset, set, cfg->remove_from[i], LANDLOCK_ACCESS_FS_REMOVE_FILE) == -TG_EIO)
      return -TG_EIO;
  }
  if (!set->net) return 0;
  static const uint16_t dns_port = 53; /* a long answer comes over TCP */
  for (size_t i = 0; i <= TG_SANDBOX_PORTS; i++) {
    land_port_t rule = {.access = NET_CONNECT_TCP, .port = i < TG_SANDBOX_PORTS ? cfg->tcp_port[i] : dns_port};
    if (rule.port && syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0) return -TG_EIO;
  }
  return 0;
}

int tg_landlock_enter(const tg_sandbox_cfg_t *cfg, bool *tcp) {
  *tcp = false;
  int abi = tg_landlock_abi();
  if (abi == 0) return -TG_EUNSUPPORTED;
  size_t bytes;
  land_ruleset_t set = handled(abi, &bytes);
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, &set, bytes, 0);
  if (ruleset < 0) return -TG_EIO;
  int err = allow_all(ruleset, &set, cfg);
  if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) err = -TG_EIO;
  (void)close(ruleset);
  *tcp = !err && set.net != 0;
  return err;
}

/* sandbox.h - what the engine gives up before it trades.
 * What:    privileges (another user, no capabilities, never new ones), files and TCP ports (Landlock), system calls (seccomp, a
 * list per kind of thread, everything else kills), core dumps. Ring operations are restricted by net/ring_ops.def.
 *          docs/security.md says what each part is for.
 * Owner:   the engine; tg_sandbox_close frees.
 * Threads: become, prepare and status on the main thread; enter on the thread it is for (safe from several at once).
 * Order:   secrets read -> tg_sandbox_become -> files, sockets, memory -> tg_sandbox_prepare -> lanes start (they inherit
 *          Landlock), each enters after its init -> memory locked -> the main thread enters.
 * Limit:   TG_SANDBOX_PATHS further paths, TG_SANDBOX_PORTS ports.
 * Errors:  exit codes of exit.def with one line. A kernel without Landlock, or with an older one, is told, not fatal; one
 * without seccomp is fatal. */
#ifndef TG_RUN_SANDBOX_H
#define TG_RUN_SANDBOX_H

#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_SANDBOX_PATHS 8
#define TG_SANDBOX_PORTS 4

/* Kinds of threads: the columns of sandbox.def. */
typedef enum tg_sandbox_kind {
  TG_SANDBOX_HOT,
  TG_SANDBOX_COLD,
  TG_SANDBOX_RESOLVER,
  TG_SANDBOX_MAIN,
  TG_SANDBOX_KINDS
} tg_sandbox_kind_t;

typedef struct tg_sandbox_cfg {
  const char *run_dir;                     /* the one place that may be written */
  const char *read_path[TG_SANDBOX_PATHS]; /* files or directories that may be read beside run_dir; NULL entries are skipped */
  const char *remove_from[TG_SANDBOX_PATHS]; /* directories out of which we remove our own sockets at the end */
  uint16_t tcp_port[TG_SANDBOX_PORTS];       /* ports that may be connected to; 0 entries are skipped */
} tg_sandbox_cfg_t;

typedef struct tg_sandbox tg_sandbox_t;

/* What is in force, for `status` and the log. */
typedef struct tg_sandbox_status {
  bool enabled, no_new_privs, core_dumps, staying_root;
  int landlock_abi;    /* 0: none */
  bool landlock_tcp;   /* TCP ports are ruled, too */
  uint32_t entered;    /* bit (1 << tg_sandbox_kind_t): a thread of that kind runs under its list */
  const char *seccomp; /* "on", or why not */
} tg_sandbox_status_t;

/* New files are for us and our group (umask 027). Becomes `user` for good ("" or not root: stays who it is): supplementary
 * groups and capabilities are dropped, except what locking memory needs until the thread enters. run_dir is made if need be and
 * given to the user. 0 or an exit code. */
TG_MUST_USE int tg_sandbox_become(const char *user, const char *run_dir, char *err_text, size_t err_cap);
/* No new privileges, no core dump, Landlock for this thread and all that it starts; lists compiled. 0 or an exit code. `*out`
 * is set also when `enabled` is false (status says so, enter does nothing). */
TG_MUST_USE int tg_sandbox_prepare(tg_sandbox_t **out, bool enabled, const tg_sandbox_cfg_t *cfg, char *err_text,
                                   size_t err_cap);
/* This thread keeps only what its list allows: for good. No allocation. 0 or -TG_EPERM. NULL sandbox: nothing. */
TG_MUST_USE int tg_sandbox_enter(tg_sandbox_t *sandbox, tg_sandbox_kind_t kind);
void tg_sandbox_status(const tg_sandbox_t *sandbox, tg_sandbox_status_t *out);
/* One line for people. */
void tg_sandbox_text(const tg_sandbox_t *sandbox, char *buf, size_t cap);
void tg_sandbox_close(tg_sandbox_t *sandbox);
/* "hot", "cold", "resolver", "main". */
const char *tg_sandbox_kind_name(tg_sandbox_kind_t kind);
/* The tables, as in docs/security.md. 0 or -TG_EIO. */
TG_MUST_USE int tg_sandbox_print_doc(void *file);

/* sandbox_land.c. Version of the kernel's Landlock, 0 none. */
int tg_landlock_abi(void);
/* Rules files and ports for this thread and its children, for good. *tcp says whether ports are ruled. 0, -TG_EUNSUPPORTED (no
 * Landlock), -TG_EIO, -TG_ENOTFOUND (run_dir cannot be opened). */
TG_MUST_USE int tg_landlock_enter(const tg_sandbox_cfg_t *cfg, bool *tcp);

#endif

/* control.h - the operator's door: a UNIX socket that answers questions and passes commands on.
 * What:    one request line, one JSON document back, as often as wanted. A request is words ("orders all") or
 *          {"verb":"orders","args":["all"]}; verbs are the rows of control.def. Questions are answered from the mirror;
 * commands become CMD messages, and their answer waits for the core's own word (OUT_ALARM CMD_DONE or CMD_REFUSED). Roles come
 * from SO_PEERCRED: root and the engine's uid hold RISK, then risk_uids, operator_uids; anybody else whom the socket's mode
 * (0660) lets in may look. Owner:   tg_control_open allocates, tg_control_close frees and removes the socket. Threads: one, the
 * cold lane. Limit:   TG_CTL_CLIENTS, TG_CTL_LINE_BYTES, TG_CTL_ANSWER_BYTES, TG_CTL_IDLE_MS; one request under way per client,
 * and the next is not read before its answer is taken. Errors:  a client's fault is answered
 * {"ok":false,"error":text,"code":name} or, past the caps, ends its connection; it never reaches the engine. */
#ifndef TG_COLD_CONTROL_H
#define TG_COLD_CONTROL_H

#include <sys/types.h>

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/cold/mirror.h"
#include "engine/cold/names.h"
#include "engine/conf/conf.h"
#include "engine/msg/msg.h"

struct json_t;

#define TG_CTL_CLIENTS 16
#define TG_CTL_LINE_BYTES 4096
#define TG_CTL_ANSWER_BYTES (1u << 20)
#define TG_CTL_IDLE_MS 30000
#define TG_CTL_CMD_MS 5000    /* longest wait for the core's word on a command; then "unknown" */
#define TG_CTL_DRILL_MS 12000 /* the same for a drill, which gives up by itself before */
#define TG_CTL_UIDS 32
#define TG_CTL_KILL_DRILL 1 /* arg[0] of a KILL that is a drill: it never reaches the core as such */

typedef struct tg_control_cfg {
  const char *path;          /* of the socket */
  const char *operator_uids; /* comma separated, may be "" */
  const char *risk_uids;
  const tg_mirror_t *mirror;
  const tg_cold_names_t *names;
  const tg_conf_t *conf;      /* for `config`; NULL: not available */
  struct tg_intents *intents; /* NULL: off */
  const char *conf_path;      /* of the settings file, for `reload`; NULL: unknown */
  struct tg_desk *desk;       /* tg_control_open makes one; tests give their own, or NULL */
  uint8_t mode;               /* tg_mode_t */
  uint64_t epoch, started_ns;
  const char *engine; /* version and commit */
  void *user;
  /* Hands a CMD message to the core. 0, or -TG_EFULL and the client hears "busy". */
  int (*command)(void *user, const tg_msg_t *cmd);
  /* The same for some lines that belong together (CFG_SETs and the command behind them); NULL: `command` only. */
  int (*batch)(void *user, const tg_msg_t *msg, uint32_t cnt);
  /* Begins a kill drill for cmd; its end comes by tg_control_finish. 0, -TG_EPERM (not sim), -TG_EBUSY; NULL: none here. */
  int (*drill)(void *user, const tg_msg_t *cmd);
  /* Adds what only the caller knows to `status` (latencies, rings, tape, store, sync); may be NULL. */
  void (*status)(void *user, struct json_t *object);
  /* Adds limits, uses and counts of the gates as the core shows them: `gates`, and with `limits` that verb; symbol NULL: of all
   * instruments. May be NULL. */
  void (*gates)(void *user, struct json_t *object, bool limits, const char *symbol);
  /* Adds to an order what only the core knows: since when its outcome is unknown, how often it was asked for. May be NULL. */
  void (*order)(void *user, struct json_t *object, uint64_t client_id);
} tg_control_cfg_t;

typedef struct tg_control tg_control_t;

typedef struct tg_control_stats {
  uint64_t accepted, refused_full, requests, commands, bad_requests, denied, timeouts, unknown_outcomes;
  uint32_t clients;
} tg_control_stats_t;

/* Binds and listens. A socket left by a dead engine is removed; a living one is -TG_EBUSY (exit ADDR). 0, -TG_EBUSY, -TG_EPERM,
 * -TG_EINVAL (uid list, path), -TG_EEXISTS (something that is no socket lies there), -TG_EIO, -TG_ENOMEM; err_text says it
 * in one line. Strings and pointers of cfg outlive the control. */
TG_MUST_USE int tg_control_open(tg_control_t **out, const tg_control_cfg_t *cfg, char *err_text, size_t err_cap);
/* Takes what came, answers what can be answered; never blocks. */
void tg_control_turn(tg_control_t *ctl, uint64_t now_ns);
/* Shows an output of the core (OUT_ALARM CMD_DONE, CMD_REFUSED end a wait); others are passed over. */
void tg_control_on_msg(tg_control_t *ctl, const tg_msg_t *msg);
/* Ends the wait of the client whose command had this number (drills); takes the document's reference. */
void tg_control_finish(tg_control_t *ctl, uint64_t cmd_no, struct json_t *document);
void tg_control_stats(const tg_control_t *ctl, tg_control_stats_t *out);
void tg_control_close(tg_control_t *ctl);

/* ---- what the answers are made of, also for /status.json and tests ---- */

typedef struct tg_control_row {
  const char *word, *args, *help;
  uint8_t role, verb, arg_kind;
} tg_control_row_t;
extern const tg_control_row_t tg_control_rows[];
extern const size_t tg_control_row_cnt;

/* The `status` document (a new jansson reference; NULL without memory). */
struct json_t *tg_control_status_json(const tg_control_cfg_t *cfg, uint64_t now_ns);
/* Answers one request line as a client of `role` would hear it: the document, or NULL when it became a command
 * (*out_cmd is filled and the caller sends it). For tests and fuzzing; uses no socket. */
struct json_t *tg_control_answer(const tg_control_cfg_t *cfg, uint8_t role, uint32_t uid, uint64_t now_ns, const char *line,
                                 size_t len, tg_msg_t *out_cmd);

/* ---- UNIX socket addresses of any length ---- */

/* A connected, blocking socket. Descriptor, -TG_ENOTFOUND (nothing there), -TG_EREFUSED (nobody listens), -TG_EPERM, -TG_EIO.
 */
TG_MUST_USE int tg_unix_connect(const char *path);
/* A listening, non-blocking socket, file mode 0660, under the rules of tg_control_open; *lock_fd holds
 * "<path>.lock" while it lives. Descriptor or error with err_text. */
TG_MUST_USE int tg_unix_listen(const char *path, int *lock_fd, char *err_text, size_t err_cap);
/* Removes the socket file and lets the lock go. */
void tg_unix_unlisten(const char *path, int fd, int lock_fd);

#endif

/* evidence.h - bundles of proof: what was known when something happened.
 * What:    a directory of canonical text files and a `sha256sum -c` compatible SHA256SUMS, made under a temporary name, synced,
 *          then renamed: it is there whole or not at all. One log line "EVIDENCE_REF ..." names it.
 * Owner:   caller.
 * Threads: one.
 * Limit:   TG_EVIDENCE_FILES files; names of letters, digits, '.', '_', '-'.
 * Errors:  see each call; nothing under the final name on error. */
#ifndef TG_COLD_EVIDENCE_H
#define TG_COLD_EVIDENCE_H

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/cold/file_ops.h"
#include "engine/cold/mirror.h"
#include "engine/cold/sync.h"

#define TG_EVIDENCE_FILES 16
#define TG_EVIDENCE_SUMS "SHA256SUMS"

typedef struct tg_evidence_cfg {
  const char *dir; /* bundles go below it; made when missing */
  uint64_t epoch;
  uint8_t mode;      /* tg_mode_t */
  tg_file_ops_t ops; /* zeroed = tg_file_ops_posix */
  void *user;
  void (*log)(void *user, const char *line); /* takes the EVIDENCE_REF line; NULL: engine/base/log.h does */
} tg_evidence_cfg_t;

typedef struct tg_evidence_file {
  const char *name;
  const void *data;
  size_t len;
} tg_evidence_file_t;

/* Writes one bundle <dir>/<kind>-<epoch>-<number>. `number` is the caller's counter. 0, -TG_EEXISTS, -TG_ENOSPACE, -TG_EINVAL
 * (names, count), -TG_EIO, -TG_EPERM, -TG_ENOMEM. */
TG_MUST_USE int tg_evidence_write(const tg_evidence_cfg_t *cfg, const char *kind, uint64_t number, uint64_t ts_ns,
                                  const tg_evidence_file_t *files, size_t cnt);
struct json_t;
/* The same from documents: each as canonical text (sorted keys, two blanks, one trailing newline). Takes their references, also
 * on error; NULL documents are -TG_ENOMEM. */
TG_MUST_USE int tg_evidence_documents(const tg_evidence_cfg_t *cfg, const char *kind, uint64_t number, uint64_t ts_ns,
                                      const char *const *names, struct json_t *const *documents, size_t cnt);
/* Bundle of one OUT_STATE: transition.json, inputs.json, permissions.json (the rows of both states), decisions.json (the
 * last gate decisions). Same errors. */
TG_MUST_USE int tg_evidence_transition(const tg_evidence_cfg_t *cfg, const tg_mirror_t *mirror, uint64_t number,
                                       const tg_msg_t *state);
/* Bundle of one account mismatch: mismatch.json, and the snapshot's canonical rendering when given. Same errors. */
TG_MUST_USE int tg_evidence_mismatch(const tg_evidence_cfg_t *cfg, uint64_t number, uint64_t ts_ns, const char *rule,
                                     const tg_acct_t *acct, const tg_msg_t *alarm);
/* Bundle `restart`: what the comparison after a restart found (OUT_ALARM RESTART_EQUAL or RESTART_DIFFERS), and the snapshot.
 * Same errors. */
TG_MUST_USE int tg_evidence_restart(const tg_evidence_cfg_t *cfg, uint64_t number, const tg_acct_t *acct,
                                    const tg_msg_t *alarm);
/* One bundle after another of a directory that holds them; `tell` may be NULL. How many were looked at; -TG_ENOTFOUND: there is
 * none, -TG_EIO. A directory left under a temporary name (a crash) is told as -TG_ETRUNCATED. */
TG_MUST_USE int64_t tg_evidence_verify_all(const char *dir,
                                           void (*tell)(void *user, const char *bundle, int err, const char *text), void *user);
/* Checks every file of a bundle against its sums. 0, -TG_ECORRUPT (differs, missing, or a file that no sum covers),
 * -TG_ENOTFOUND, -TG_EIO; err_text names the file. */
TG_MUST_USE int tg_evidence_verify(const char *dir, char *err_text, size_t err_cap);

#endif

#include "engine/cold/evidence.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/sha256.h"
#include "engine/cold/answer.h"

enum { PATH_BYTES = 1200, NAME_BYTES = 64, SUMS_BYTES = TG_EVIDENCE_FILES * (64 + 2 + NAME_BYTES + 1) };

static bool name_ok(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  size_t len = strlen(name);
  return len > 0 && len < NAME_BYTES && name[0] != '.' && strspn(name, allowed) == len && strcmp(name, TG_EVIDENCE_SUMS) != 0;
}

static int write_file(const tg_file_ops_t *ops, const char *dir, const char *name, const void *data, size_t len) {
  char path[PATH_BYTES + NAME_BYTES + 8];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  int fd = ops->create(ops->user, path);
  if (fd < 0) return fd;
  int rc = tg_file_write_all(ops, fd, data, len);
  if (rc == 0) rc = ops->sync(ops->user, fd);
  int closed = ops->close(ops->user, fd);
  return rc < 0 ? rc : closed;
}

/* All files and their sums into `dir`; the sha256 of the sums file names the bundle. */
static int write_all(const tg_file_ops_t *ops, const char *dir, const tg_evidence_file_t *files, size_t cnt,
                     char sums_hex[65]) {
  char sums[SUMS_BYTES];
  size_t used = 0;
  for (size_t i = 0; i < cnt; i++) {
    uint8_t digest[TG_SHA256_BYTES];
    char hex[65];
    tg_sha256(files[i].data, files[i].len, digest);
    tg_sha256_hex(digest, hex);
    int len = snprintf(sums + used, sizeof sums - used, "%s  %s\n", hex, files[i].name);
    if (len < 0 || (size_t)len >= sizeof sums - used) return -TG_EINVAL;
    used += (size_t)len;
    int rc = write_file(ops, dir, files[i].name, files[i].data, files[i].len);
    if (rc < 0) return rc;
  }
  uint8_t digest[TG_SHA256_BYTES];
  tg_sha256(sums, used, digest);
  tg_sha256_hex(digest, sums_hex);
  return write_file(ops, dir, TG_EVIDENCE_SUMS, sums, used);
}

static void remove_temp(const tg_file_ops_t *ops, const char *dir, const tg_evidence_file_t *files, size_t cnt) {
  char path[PATH_BYTES + NAME_BYTES + 8];
  for (size_t i = 0; i <= cnt; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, i < cnt ? files[i].name : TG_EVIDENCE_SUMS);
    if (access(path, F_OK) == 0) (void)ops->unlink(ops->user, path);
  }
  (void)rmdir(dir);
}

int tg_evidence_write(const tg_evidence_cfg_t *cfg, const char *kind, uint64_t number, uint64_t ts_ns,
                      const tg_evidence_file_t *files, size_t cnt) {
  const tg_file_ops_t *ops = cfg->ops.create ? &cfg->ops : &tg_file_ops_posix;
  char final[PATH_BYTES], temp[PATH_BYTES], hex[65];
  if (cnt == 0 || cnt > TG_EVIDENCE_FILES || !name_ok(kind) || strlen(cfg->dir) > 1024) return -TG_EINVAL;
  for (size_t i = 0; i < cnt; i++) {
    if (!name_ok(files[i].name)) return -TG_EINVAL;
    for (size_t j = 0; j < i; j++) {
      if (strcmp(files[i].name, files[j].name) == 0) return -TG_EINVAL;
    }
  }
  int rc = tg_dir_make(cfg->dir);
  if (rc < 0) return rc;
  snprintf(final, sizeof final, "%s/%s-%06llu-%06llu", cfg->dir, kind, (unsigned long long)cfg->epoch,
           (unsigned long long)number);
  snprintf(temp, sizeof temp, "%s/.tmp-%s-%06llu-%06llu", cfg->dir, kind, (unsigned long long)cfg->epoch,
           (unsigned long long)number);
  if (access(final, F_OK) == 0) return -TG_EEXISTS;
  if (mkdir(temp, 0750) != 0) {
    if (errno != EEXIST) return tg_file_err(errno);
    remove_temp(ops, temp, files, cnt); /* of a crash */
    if (mkdir(temp, 0750) != 0) return tg_file_err(errno);
  }
  rc = write_all(ops, temp, files, cnt, hex);
  if (rc == 0) rc = ops->sync_dir(ops->user, temp);
  if (rc == 0) rc = ops->rename(ops->user, temp, final);
  if (rc < 0) {
    remove_temp(ops, temp, files, cnt);
    return rc;
  }
  rc = ops->sync_dir(ops->user, cfg->dir);
  if (rc == 0) {
    char line[PATH_BYTES + 256];
    snprintf(line, sizeof line, "EVIDENCE_REF mode=%s kind=%s ts_ns=%llu dir=%s sha256=%s", tg_mode_word(cfg->mode), kind,
             (unsigned long long)ts_ns, final, hex);
    if (cfg->log) {
      cfg->log(cfg->user, line);
    } else {
      tg_log_info("%s", line);
    }
  }
  return rc;
}

/* ---- what goes into them ---- */

/* A document as canonical text: sorted keys, two blanks, one trailing newline. Takes the reference. */
static char *canonical(json_t *document) {
  char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
  json_decref(document);
  size_t len = text ? strlen(text) : 0;
  char *line = text ? realloc(text, len + 2) : NULL;
  if (!line) {
    free(text);
    return NULL;
  }
  memcpy(line + len, "\n", 2);
  return line;
}

static json_t *permission_row(const tg_cold_names_t *names, unsigned state) {
  json_t *row = json_pack("{s:s}", "state", names->fsm_state(state));
  for (unsigned intent = TG_INTENT_CANCEL; intent < TG_INTENT_CNT && names->fsm_permits; intent++)
    json_object_set_new(row, tg_intent_name(intent), json_string(names->fsm_permits(state, intent) ? "allow" : "block"));
  return row;
}

static json_t *last_decisions(const tg_mirror_t *mirror) {
  enum { KEPT = 32 };
  json_t *list = json_array();
  const tg_msg_t *msg;
  for (uint64_t i = 0; i < KEPT && (msg = tg_mirror_ring_at(&mirror->decisions, i)) != NULL; i++) {
    const tg_out_decision_t *decision = &msg->u.out_decision;
    json_array_append_new(
        list, json_pack("{s:o,s:o,s:s,s:s,s:s,s:o,s:s,s:o,s:o,s:o}", "ts_ns", tg_answer_u64(msg->ts_ns), "symbol",
                        tg_answer_symbol(mirror, msg->instr_idx), "decision", mirror->names->decision(decision->decision),
                        "reason", mirror->names->decision_reason(decision->reason), "intent", tg_intent_name(decision->intent),
                        "gate_mask", json_sprintf("%016llx", (unsigned long long)decision->gate_mask), "gate",
                        decision->gate_mask ? tg_cold_gate_reason(decision->gate, decision->sub_code) : "", "price",
                        tg_answer_px(mirror, msg->instr_idx, decision->px_ticks), "qty",
                        tg_answer_qty(mirror, msg->instr_idx, decision->qty_lots), "client_id",
                        decision->client_id ? tg_answer_client(decision->client_id) : json_string("")));
  }
  return list;
}

/* Canonical texts of the documents, written, freed. */
static int write_documents(const tg_evidence_cfg_t *cfg, const char *kind, uint64_t number, uint64_t ts_ns,
                           const char *const *names, json_t *const *documents, size_t cnt, const tg_evidence_file_t *extra) {
  tg_evidence_file_t files[TG_EVIDENCE_FILES];
  char *text[TG_EVIDENCE_FILES] = {NULL};
  int rc = 0;
  for (size_t i = 0; i < cnt; i++) {
    text[i] = canonical(documents[i]);
    if (!text[i]) rc = -TG_ENOMEM;
    files[i] = (tg_evidence_file_t){names[i], text[i], text[i] ? strlen(text[i]) : 0};
  }
  if (extra) files[cnt] = *extra;
  if (rc == 0) rc = tg_evidence_write(cfg, kind, number, ts_ns, files, cnt + (extra != NULL));
  for (size_t i = 0; i < cnt; i++) free(text[i]);
  return rc;
}

int tg_evidence_documents(const tg_evidence_cfg_t *cfg, const char *kind, uint64_t number, uint64_t ts_ns,
                          const char *const *names, json_t *const *documents, size_t cnt) {
  if (cnt <= TG_EVIDENCE_FILES) return write_documents(cfg, kind, number, ts_ns, names, documents, cnt, NULL);
  for (size_t i = 0; i < cnt; i++) json_decref(documents[i]);
  return -TG_EINVAL;
}

int tg_evidence_transition(const tg_evidence_cfg_t *cfg, const tg_mirror_t *mirror, uint64_t number, const tg_msg_t *state) {
  static const char *const names[] = {"transition.json", "inputs.json", "permissions.json", "decisions.json"};
  const tg_out_state_t *out = &state->u.out_state;
  const tg_cold_names_t *words = mirror->names;
  json_t *documents[] = {
      json_pack("{s:o,s:s,s:s,s:s,s:o,s:s}", "ts_ns", tg_answer_u64(state->ts_ns), "from", words->fsm_state(out->from), "to",
                words->fsm_state(out->to), "reason", words->fsm_reason(out->reason), "epoch", tg_answer_u64(cfg->epoch), "mode",
                tg_mode_word(cfg->mode)),
      json_pack("{s:i,s:o,s:o,s:o,s:o,s:o}", "bits", (int)out->inputs_bits, "entered_ns", tg_answer_u64(out->entered_ns),
                "feed_age_ns", tg_answer_u64(out->feed_age_ns), "sync_age_ns", tg_answer_u64(out->sync_age_ns), "toxicity",
                tg_answer_e8(out->toxicity_e8), "gross", tg_answer_e8(out->gross_e8)),
      json_pack("[o,o]", permission_row(words, out->from), permission_row(words, out->to)),
      last_decisions(mirror),
  };
  return write_documents(cfg, "fsm", number, state->ts_ns, names, documents, TG_ARRAY_CNT(documents), NULL);
}

static int account_bundle(const tg_evidence_cfg_t *cfg, const char *kind, const char *name, uint64_t number, uint64_t ts_ns,
                          const char *rule, const tg_acct_t *acct, const tg_msg_t *alarm) {
  const char *const names[] = {name};
  json_t *document = json_pack("{s:o,s:s,s:o,s:s}", "ts_ns", tg_answer_u64(ts_ns), "rule", rule, "epoch",
                               tg_answer_u64(cfg->epoch), "mode", tg_mode_word(cfg->mode));
  if (alarm) {
    const tg_out_alarm_t *out = &alarm->u.out_alarm;
    json_object_set_new(document, "instrument", json_integer(alarm->instr_idx));
    json_object_set_new(document, "client_id", tg_answer_client(out->client_id));
    json_object_set_new(document, "ours", json_integer((json_int_t)out->ours));
    json_object_set_new(document, "venue", json_integer((json_int_t)out->venue));
  }
  json_t *documents[] = {document};
  tg_evidence_file_t snapshot = {"snapshot.json", NULL, 0};
  char *text = NULL;
  if (acct) {
    text = malloc(TG_ACCT_JSON_BYTES);
    int64_t len = text ? tg_acct_render(acct, text, TG_ACCT_JSON_BYTES) : -TG_ENOMEM;
    if (len < 0) {
      json_decref(document);
      free(text);
      return (int)len;
    }
    snapshot.data = text;
    snapshot.len = (size_t)len;
  }
  int rc = write_documents(cfg, kind, number, ts_ns, names, documents, 1, acct ? &snapshot : NULL);
  free(text);
  return rc;
}

int tg_evidence_mismatch(const tg_evidence_cfg_t *cfg, uint64_t number, uint64_t ts_ns, const char *rule, const tg_acct_t *acct,
                         const tg_msg_t *alarm) {
  return account_bundle(cfg, "account", "mismatch.json", number, ts_ns, rule, acct, alarm);
}

int tg_evidence_restart(const tg_evidence_cfg_t *cfg, uint64_t number, const tg_acct_t *acct, const tg_msg_t *alarm) {
  return account_bundle(cfg, "restart", "restart.json", number, alarm->ts_ns, tg_alarm_name(alarm->u.out_alarm.what), acct,
                        alarm);
}

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>

#include "engine/cold/evidence.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/cold/world.h"

static char logged[2048];
static void take_log(void *user, const char *line) {
  (void)user;
  snprintf(logged, sizeof logged, "%s", line);
}

static int sha256sum(const char *dir) {
  char command[512];
  snprintf(command, sizeof command, "cd '%s' && sha256sum -c --quiet --strict SHA256SUMS >/dev/null 2>&1", dir);
  return system(command);
}

static size_t entries(const char *dir) {
  DIR *handle = opendir(dir);
  cr_assert_not_null(handle);
  size_t cnt = 0;
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) cnt += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
  closedir(handle);
  return cnt;
}

Test(evidence, a_transition_bundle_that_sha256sum_accepts) {
  tmp_dir_t dir = tmp_make();
  tg_cold_names_t names = world_names();
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  world_fill_it(mirror);
  tg_evidence_cfg_t cfg = {.dir = dir.path, .epoch = 7, .mode = TG_MODE_SIM, .log = take_log};
  const tg_msg_t *state = tg_mirror_ring_at(&mirror->transitions, 0);
  cr_assert_eq(tg_evidence_transition(&cfg, mirror, 1, state), 0);
  char bundle[256], path[300], err[300];
  tmp_join(&dir, "fsm-000007-000001", bundle, sizeof bundle);
  cr_assert_eq(sha256sum(bundle), 0);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), 0, "%s", err);
  cr_assert_eq(entries(bundle), 5);
  cr_assert_eq(entries(dir.path), 1, "no temporary name is left");
  cr_assert_eq(strncmp(logged, "EVIDENCE_REF mode=sim kind=fsm ", 31), 0, "%s", logged);
  cr_assert_not_null(strstr(logged, bundle));
  size_t len;
  snprintf(path, sizeof path, "%s/transition.json", bundle);
  uint8_t *text = tmp_read(path, &len);
  text[len] = '\0';
  cr_assert_not_null(strstr((char *)text, "\"reason\": \"7\""));
  cr_assert_eq(text[len - 1], '\n');
  free(text);
  cr_assert_eq(tg_evidence_transition(&cfg, mirror, 1, state), -TG_EEXISTS, "evidence is never overwritten");

  text = tmp_read(path, &len); /* tampering */
  text[5] ^= 1;
  tmp_write(path, text, len);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), -TG_ECORRUPT);
  cr_assert_not_null(strstr(err, "transition.json"));
  cr_assert_neq(sha256sum(bundle), 0);
  text[5] ^= 1;
  tmp_write(path, text, len);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), 0);
  free(text);
  snprintf(path, sizeof path, "%s/added.txt", bundle);
  tmp_write(path, "x", 1);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), -TG_ECORRUPT, "a file without a sum");
  unlink(path);
  snprintf(path, sizeof path, "%s/inputs.json", bundle);
  unlink(path);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), -TG_ECORRUPT, "a sum without a file");
  snprintf(path, sizeof path, "%s/SHA256SUMS", bundle);
  tmp_write(path, "nonsense\n", 9);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), -TG_ECORRUPT);
  unlink(path);
  cr_assert_eq(tg_evidence_verify(bundle, err, sizeof err), -TG_ENOTFOUND);
  tg_mirror_free(mirror);
  tmp_remove(&dir);
}

static tg_acct_t snapshot;

Test(evidence, a_mismatch_keeps_the_snapshot) {
  tmp_dir_t dir = tmp_make();
  tg_evidence_cfg_t cfg = {.dir = dir.path, .epoch = 7, .mode = TG_MODE_SIM, .log = take_log};
  tg_acct_reset(&snapshot, "rest");
  tg_msg_t alarm;
  tg_msg_init(&alarm, TG_OUT_ALARM, 0, 5);
  alarm.u.out_alarm.what = TG_ALARM_POSITION_DRIFT;
  alarm.u.out_alarm.ours = 3;
  cr_assert_eq(tg_evidence_mismatch(&cfg, 2, 5, "position_drift", &snapshot, &alarm), 0);
  cr_assert_eq(tg_evidence_mismatch(&cfg, 3, 5, "side_mode", NULL, NULL), 0);
  char bundle[256], err[300];
  cr_assert_eq(tg_evidence_verify(tmp_join(&dir, "account-000007-000002", bundle, sizeof bundle), err, sizeof err), 0, "%s",
               err);
  cr_assert_eq(sha256sum(bundle), 0);
  cr_assert_eq(tg_evidence_verify(tmp_join(&dir, "account-000007-000003", bundle, sizeof bundle), err, sizeof err), 0, "%s",
               err);
  tmp_remove(&dir);
}

static int budget;
static ssize_t poor_write(void *user, int fd, const void *data, size_t len) {
  (void)user;
  return budget-- > 0 ? tg_file_ops_posix.write(NULL, fd, data, len) : -TG_ENOSPACE;
}

Test(evidence, whole_or_not_at_all) {
  tmp_dir_t dir = tmp_make();
  tg_evidence_cfg_t cfg = {.dir = dir.path, .epoch = 7, .mode = TG_MODE_SIM, .ops = tg_file_ops_posix, .log = take_log};
  cfg.ops.write = poor_write;
  const tg_evidence_file_t files[] = {{"a.txt", "one", 3}, {"b.txt", "two", 3}};
  for (int writes = 0; writes < 3; writes++) {
    budget = writes;
    cr_assert_eq(tg_evidence_write(&cfg, "test", 1, 0, files, 2), -TG_ENOSPACE);
    cr_assert_eq(entries(dir.path), 0);
  }
  budget = 3;
  cr_assert_eq(tg_evidence_write(&cfg, "test", 1, 0, files, 2), 0);
  static const char *const names[] = {"", ".hidden", "../up", "a/b", "SHA256SUMS", "with blank"};
  for (size_t i = 0; i < TG_ARRAY_CNT(names); i++) {
    const tg_evidence_file_t bad[] = {{names[i], "x", 1}};
    cr_assert_eq(tg_evidence_write(&cfg, "test", 2, 0, bad, 1), -TG_EINVAL, "%s", names[i]);
  }
  const tg_evidence_file_t twice[] = {{"a.txt", "one", 3}, {"a.txt", "two", 3}};
  cr_assert_eq(tg_evidence_write(&cfg, "test", 2, 0, twice, 2), -TG_EINVAL);
  tmp_remove(&dir);
}

typedef struct looked {
  int good, bad;
  int last_err;
} looked_t;

static void look(void *user, const char *bundle, int err, const char *text) {
  looked_t *looked = user;
  (void)bundle;
  (void)text;
  if (err == 0)
    looked->good++;
  else
    looked->bad++;
  if (err) looked->last_err = err;
}

Test(evidence, a_directory_of_bundles) {
  tmp_dir_t tmp = tmp_make();
  char dir[512], path[600];
  tmp_join(&tmp, "evidence", dir, sizeof dir);
  looked_t looked = {0};
  cr_assert_eq(tg_evidence_verify_all(dir, look, &looked), -TG_ENOTFOUND);
  tg_evidence_cfg_t cfg = {.dir = dir, .epoch = 3, .mode = TG_MODE_SIM};
  static const char *const names[] = {"a.json", "b.json"};
  for (uint64_t i = 0; i < 3; i++) {
    json_t *documents[] = {json_pack("{s:i}", "n", (int)i), json_array()};
    cr_assert_eq(tg_evidence_documents(&cfg, "kill", i, 5, names, documents, 2), 0);
  }
  json_t *none[] = {NULL, json_array()};
  cr_assert_eq(tg_evidence_documents(&cfg, "kill", 9, 5, names, none, 2), -TG_ENOMEM);
  cr_assert_eq(tg_evidence_verify_all(dir, look, &looked), 3);
  cr_assert_eq(looked.good, 3);
  snprintf(path, sizeof path, "%s/kill-000003-000001/a.json", dir);
  tmp_write(path, "{}", 2);
  looked = (looked_t){0};
  cr_assert_eq(tg_evidence_verify_all(dir, look, &looked), 3);
  cr_assert(looked.good == 2 && looked.bad == 1 && looked.last_err == -TG_ECORRUPT);
  snprintf(path, sizeof path, "%s/.tmp-kill-000003-000007", dir);
  cr_assert_eq(mkdir(path, 0700), 0);
  looked = (looked_t){0};
  cr_assert_eq(tg_evidence_verify_all(dir, look, &looked), 4);
  cr_assert_eq(looked.bad, 2);
  tmp_remove(&tmp);
}

Test(evidence, restart) {
  tmp_dir_t tmp = tmp_make();
  char dir[512], path[600];
  tmp_join(&tmp, "evidence", dir, sizeof dir);
  tg_evidence_cfg_t cfg = {.dir = dir, .epoch = 4, .mode = TG_MODE_SIM};
  tg_msg_t alarm;
  tg_msg_init(&alarm, TG_OUT_ALARM, TG_INSTR_NONE, 77);
  alarm.u.out_alarm.what = TG_ALARM_RESTART_DIFFERS;
  alarm.u.out_alarm.ours = 2;
  alarm.u.out_alarm.venue = 3;
  cr_assert_eq(tg_evidence_restart(&cfg, 0, NULL, &alarm), 0);
  snprintf(path, sizeof path, "%s/restart-000004-000000", dir);
  char text[256];
  cr_assert_eq(tg_evidence_verify(path, text, sizeof text), 0, "%s", text);
  snprintf(path, sizeof path, "%s/restart-000004-000000/restart.json", dir);
  json_t *document = json_load_file(path, 0, NULL);
  cr_assert_str_eq(json_string_value(json_object_get(document, "rule")), "RESTART_DIFFERS");
  json_decref(document);
  tmp_remove(&tmp);
}

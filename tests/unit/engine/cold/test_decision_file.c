/* run_dir/decision.json: what counts as a decision, and when the core hears of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/cold/decision_file.h"

#define SECOND UINT64_C(1000000000)

static tg_decision_t parse(const char *text) {
  return tg_decision_file_parse(text, strlen(text));
}

Test(decision_file, a_date_and_a_verdict_make_a_decision) {
  tg_decision_t told = parse("{\"day\": \"2026-07-26\", \"verdict\": \"allow\", \"by\": \"desk\"}");
  cr_assert_eq(told.valid, 1);
  cr_assert_eq(told.verdict, 1);
  cr_assert_eq(told.day_no, 20660);
  cr_assert_neq(told.version, 0);
  cr_assert_eq(parse("{\"day\": \"1970-01-01\", \"verdict\": \"block\"}").verdict, 2);
  cr_assert_eq(parse("{\"day\": \"1970-01-01\", \"verdict\": \"block\"}").day_no, 0);
  cr_assert_eq(parse("{\"day\": \"2028-02-29\", \"verdict\": \"block\"}").day_no, 21243);
  cr_assert_eq(parse("{\"day\": \"2028-03-01\", \"verdict\": \"block\"}").day_no, 21244);
}

Test(decision_file, anything_else_is_none) {
  static const char *const bad[] = {"",
                                    "{}",
                                    "[]",
                                    "null",
                                    "allow",
                                    "{\"day\": \"2026-07-26\"}",
                                    "{\"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-07-26\", \"verdict\": \"Allow\"}",
                                    "{\"day\": \"2026-07-26\", \"verdict\": true}",
                                    "{\"day\": 20660, \"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-7-26\", \"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-02-29\", \"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-13-01\", \"verdict\": \"allow\"}",
                                    "{\"day\": \"1969-12-31\", \"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-07-26x\", \"verdict\": \"allow\"}",
                                    "{\"day\": \"2026-07-26\", \"verdict\": \"allow\"",
                                    "{\"day\": \"2026-07-26\", \"verdict\": \"allow\"} x",
                                    "{\"day\": \"2026-07-26\", \"verdict\": \"block\", \"verdict\": \"allow\"}"};
  for (unsigned i = 0; i < TG_ARRAY_CNT(bad); i++) {
    tg_decision_t told = parse(bad[i]), none = {0};
    cr_assert_eq(memcmp(&told, &none, sizeof none), 0, "%s", bad[i]);
  }
}

static char dir[40], path[80];

static void put(const char *text) {
  FILE *out = fopen(path, "w");
  cr_assert_not_null(out);
  fputs(text, out);
  fclose(out);
}

Test(decision_file, the_core_hears_of_changes_only) {
  snprintf(dir, sizeof dir, "/tmp/tg_decision_XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/decision.json", dir);
  tg_decision_file_t file;
  tg_msg_t msg;
  uint64_t now = SECOND;
  cr_assert_eq(tg_decision_file_init(&file, dir), 0);
  cr_assert_not(tg_decision_file_turn(&file, now, &msg), "no file: the core knows no decision either");
  put("{\"day\": \"2026-07-26\", \"verdict\": \"allow\"}");
  cr_assert_not(tg_decision_file_turn(&file, now + SECOND / 2, &msg), "once a second");
  now += SECOND;
  cr_assert(tg_decision_file_turn(&file, now, &msg));
  cr_assert_eq(msg.kind, TG_DECISION);
  cr_assert_eq(msg.u.decision.verdict, 1);
  cr_assert_not(tg_decision_file_turn(&file, now += SECOND, &msg));
  tg_decision_file_untold(&file);
  cr_assert(tg_decision_file_turn(&file, now += SECOND, &msg), "it could not be put: again");
  put("{\"day\": \"2026-07-26\", \"verdict\": \"bl");
  cr_assert(tg_decision_file_turn(&file, now += SECOND, &msg), "half a file is no decision");
  cr_assert_eq(msg.u.decision.valid, 0);
  put("{\"day\": \"2026-07-26\", \"verdict\": \"block\"}");
  cr_assert(tg_decision_file_turn(&file, now += SECOND, &msg));
  cr_assert_eq(msg.u.decision.verdict, 2);
  cr_assert_eq(unlink(path), 0);
  cr_assert(tg_decision_file_turn(&file, now += SECOND, &msg), "taken away");
  cr_assert_eq(msg.u.decision.valid, 0);
  cr_assert_eq(symlink("/etc/hostname", path), 0);
  cr_assert_not(tg_decision_file_turn(&file, now += SECOND, &msg), "a link is none");
  cr_assert_eq(unlink(path), 0);
  cr_assert_eq(mkdir(path, 0700), 0);
  cr_assert_not(tg_decision_file_turn(&file, now += SECOND, &msg));
  cr_assert_eq(rmdir(path), 0);
  cr_assert_eq(rmdir(dir), 0);
}

Test(decision_file, a_path_too_long_is_refused) {
  static char name[2000];
  memset(name, 'x', sizeof name - 1);
  tg_decision_file_t file;
  cr_assert_eq(tg_decision_file_init(&file, name), -TG_ESIZE);
}

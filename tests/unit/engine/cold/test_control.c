#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "engine/cold/control.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/cold/world.h"

static tg_cold_names_t names;
static tg_conf_t conf;
static tg_msg_t sent[64];
static size_t sent_cnt;
static int command_says;

static int take_command(void *user, const tg_msg_t *cmd) {
  (void)user;
  if (command_says < 0) return command_says;
  cr_assert_lt(sent_cnt, 64);
  sent[sent_cnt++] = *cmd;
  return 0;
}

typedef struct door {
  tmp_dir_t dir;
  char path[256];
  tg_mirror_t *mirror;
  tg_control_cfg_t cfg;
  tg_control_t *ctl;
  uint64_t now_ns;
} door_t;

static void door_open(door_t *door) {
  char err[256];
  memset(door, 0, sizeof *door);
  names = world_names();
  tg_conf_defaults(&conf);
  door->dir = tmp_make();
  tmp_join(&door->dir, "control.sock", door->path, sizeof door->path);
  door->mirror = tg_mirror_new(&names, NULL);
  world_fill_it(door->mirror);
  door->now_ns = 1000000000;
  door->cfg = (tg_control_cfg_t){.path = door->path,
                                 .operator_uids = "",
                                 .risk_uids = "",
                                 .mirror = door->mirror,
                                 .names = &names,
                                 .conf = &conf,
                                 .mode = TG_MODE_SIM,
                                 .epoch = 7,
                                 .started_ns = 1,
                                 .engine = "tickgate test",
                                 .command = take_command};
  cr_assert_eq(tg_control_open(&door->ctl, &door->cfg, err, sizeof err), 0, "%s", err);
}

static void door_close(door_t *door) {
  tg_control_close(door->ctl);
  cr_assert_neq(access(door->path, F_OK), 0, "the socket is gone");
  tg_mirror_free(door->mirror);
  tmp_remove(&door->dir);
}

static int dial(const door_t *door) {
  int fd = tg_unix_connect(door->path);
  cr_assert_geq(fd, 0);
  return fd;
}

/* Turns the server until the client has a whole line or the end; the line without newline, NULL at the end. */
static char *hear(door_t *door, int fd) {
  static char buf[TG_CTL_ANSWER_BYTES + 8];
  size_t len = 0;
  for (int turns = 0; turns < 10000; turns++) {
    tg_control_turn(door->ctl, door->now_ns);
    struct pollfd ready = {fd, POLLIN, 0};
    if (poll(&ready, 1, 0) <= 0) continue;
    char c;
    for (ssize_t n; (n = recv(fd, &c, 1, MSG_DONTWAIT)) >= 0 || errno == EAGAIN;) {
      if (n < 0) break;
      if (n == 0) return NULL;
      if (c == '\n') {
        buf[len] = '\0';
        return buf;
      }
      cr_assert_lt(len, sizeof buf - 1);
      buf[len++] = c;
    }
  }
  cr_assert_fail("no answer");
  return NULL;
}

static void say(int fd, const char *text) {
  cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static json_t *ask(door_t *door, int fd, const char *text) {
  say(fd, text);
  char *line = hear(door, fd);
  cr_assert_not_null(line, "closed instead of an answer to %s", text);
  json_t *document = json_loads(line, 0, NULL);
  cr_assert_not_null(document, "no JSON: %s", line);
  return document;
}

static const char *word(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "(none)";
}

static void expect_error(door_t *door, int fd, const char *text, const char *code) {
  json_t *answer = ask(door, fd, text);
  cr_assert(json_is_false(json_object_get(answer, "ok")), "%s", text);
  cr_assert_str_eq(word(answer, "code"), code, "%s: %s", text, word(answer, "code"));
  cr_assert_str_eq(word(answer, "mode"), "sim");
  json_decref(answer);
}

Test(control, every_question_is_answered) {
  door_t door;
  door_open(&door);
  int fd = dial(&door);
  for (size_t i = 0; i < tg_control_row_cnt; i++) {
    if (tg_control_rows[i].verb != TG_VERB_NONE) continue;
    if (strncmp(tg_control_rows[i].word, "intents ", 8) == 0) continue; /* a store is needed: test_answer_intents.c */
    /* arguments or a core are needed: test_control_desk.c */
    static const char *const more[] = {"gates explain", "limits", "limits set", "reload", "confirm", "kill drill", "flatten"};
    bool skip = false;
    for (size_t m = 0; m < TG_ARRAY_CNT(more); m++) skip |= strcmp(tg_control_rows[i].word, more[m]) == 0;
    if (skip) continue;
    char line[64];
    snprintf(line, sizeof line, "%s\n", tg_control_rows[i].word);
    json_t *answer = ask(&door, fd, line);
    cr_assert(json_is_true(json_object_get(answer, "ok")), "%s", line);
    cr_assert_str_eq(word(answer, "verb"), tg_control_rows[i].word);
    cr_assert_str_eq(word(answer, "mode"), "sim");
    json_decref(answer);
  }
  json_t *answer = ask(&door, fd, "status\n");
  cr_assert_str_eq(word(answer, "state"), "3");
  cr_assert_eq(json_integer_value(json_object_get(answer, "epoch")), 7);
  cr_assert_eq(json_integer_value(json_object_get(json_object_get(answer, "counts"), "orders_open")), 2);
  cr_assert_str_eq(word(json_object_get(answer, "pnl"), "net"), "-0.00001284");
  json_decref(answer);
  answer = ask(&door, fd, "positions\n");
  json_t *position = json_array_get(json_object_get(answer, "positions"), 0);
  cr_assert_str_eq(word(position, "qty"), "0.005");
  cr_assert_str_eq(word(position, "entry"), "60000.1");
  json_decref(answer);
  answer = ask(&door, fd, "gates\n");
  cr_assert_eq(json_integer_value(json_object_get(json_object_get(answer, "gate_blocks"), "MAX_LEVERAGE")), 1);
  json_decref(answer);
  answer = ask(&door, fd, "{\"verb\":\"orders\",\"args\":[\"all\"]}\r\n");
  cr_assert_eq(json_array_size(json_object_get(answer, "orders")), 3);
  json_decref(answer);
  answer = ask(&door, fd, "book BTCUSDT\n");
  cr_assert_str_eq(
      json_string_value(json_array_get(json_object_get(json_array_get(json_object_get(answer, "books"), 0), "ask"), 0)),
      "60000.1");
  json_decref(answer);
  answer = ask(&door, fd, "config sync.period_ms\n");
  cr_assert_str_eq(word(json_object_get(answer, "setting"), "value"), "5000");
  json_decref(answer);
  close(fd);
  door_close(&door);
}

Test(control, bad_requests_are_told_and_survived) {
  door_t door;
  door_open(&door);
  int fd = dial(&door);
  expect_error(&door, fd, "dance\n", "ENOTFOUND");
  expect_error(&door, fd, "   \n", "ENOTFOUND");
  expect_error(&door, fd, "{\"verb\":\n", "ESYNTAX");
  expect_error(&door, fd, "{\"args\":[]}\n", "ESYNTAX");
  expect_error(&door, fd, "{\"verb\":\"orders\",\"args\":{}}\n", "ESYNTAX");
  expect_error(&door, fd, "{\"verb\":\"halt\",\"args\":[\"a\\nb\"]}\n", "ESYNTAX");
  expect_error(&door, fd, "status now\n", "EINVAL");
  expect_error(&door, fd, "orders some\n", "EINVAL");
  expect_error(&door, fd, "fills 0\n", "EINVAL");
  expect_error(&door, fd, "fills 1.5\n", "EINVAL");
  expect_error(&door, fd, "book NOSUCH\n", "ENOTFOUND");
  expect_error(&door, fd, "book resync\n", "EINVAL");
  expect_error(&door, fd, "book resync NOSUCH\n", "ENOTFOUND");
  expect_error(&door, fd, "config no.such\n", "ENOTFOUND");
  expect_error(&door, fd, "halt a reason that is far too long\n", "ESIZE");
  expect_error(&door, fd, "halt a b c d e f g h i j k l m n o p\n", "EFULL");
  expect_error(&door, fd, "sta\x01tus\n", "ESYNTAX");
  cr_assert_eq(sent_cnt, 0);
  json_t *answer = ask(&door, fd, "\n\r\nversion\n"); /* empty lines are nothing */
  cr_assert_str_eq(word(answer, "engine"), "tickgate test");
  json_decref(answer);
  close(fd);
  door_close(&door);
}

static void core_says(door_t *door, tg_alarm_t what, uint64_t cmd_no, int64_t err) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ALARM, TG_INSTR_NONE, door->now_ns);
  msg.u.out_alarm.what = (uint8_t)what;
  msg.u.out_alarm.ours = TG_VERB_PAUSE;
  msg.u.out_alarm.venue = err;
  msg.u.out_alarm.detail[0] = (int64_t)cmd_no;
  tg_control_on_msg(door->ctl, &msg);
}

static void until_sent(door_t *door, size_t cnt) {
  for (int i = 0; i < 100 && sent_cnt < cnt; i++) tg_control_turn(door->ctl, door->now_ns);
  cr_assert_eq(sent_cnt, cnt);
}

Test(control, commands_wait_for_the_core) {
  door_t door;
  door_open(&door);
  int fd = dial(&door);
  say(fd, "halt too hot\n");
  until_sent(&door, 1);
  cr_assert_eq(sent[0].kind, TG_CMD);
  cr_assert_eq(sent[0].u.cmd.verb, TG_VERB_PAUSE);
  cr_assert_eq(sent[0].u.cmd.role, TG_ROLE_RISK);
  cr_assert_eq(sent[0].u.cmd.uid, (uint32_t)geteuid());
  cr_assert_eq(sent[0].ts_ns, door.now_ns);
  cr_assert_str_eq(sent[0].u.cmd.reason, "too hot");
  core_says(&door, TG_ALARM_CMD_DONE, sent[0].u.cmd.cmd_no + 1, 0); /* somebody else's */
  core_says(&door, TG_ALARM_CMD_DONE, sent[0].u.cmd.cmd_no, 0);
  json_t *answer = json_loads(hear(&door, fd), 0, NULL);
  cr_assert(json_is_true(json_object_get(answer, "ok")));
  cr_assert_str_eq(word(answer, "command"), "PAUSE");
  json_decref(answer);

  say(fd, "book resync BTCUSDT\n");
  until_sent(&door, 2);
  cr_assert_eq(sent[1].instr_idx, 0);
  cr_assert_neq(sent[1].u.cmd.cmd_no, sent[0].u.cmd.cmd_no);
  core_says(&door, TG_ALARM_CMD_REFUSED, sent[1].u.cmd.cmd_no, TG_EPERM);
  answer = json_loads(hear(&door, fd), 0, NULL);
  cr_assert(json_is_false(json_object_get(answer, "ok")));
  cr_assert_str_eq(word(answer, "code"), "EPERM");
  json_decref(answer);

  say(fd, "kill\nstatus\n"); /* the next question waits for the command's end */
  until_sent(&door, 3);
  door.now_ns += (uint64_t)TG_CTL_CMD_MS * 1000000 + 1;
  answer = json_loads(hear(&door, fd), 0, NULL);
  cr_assert_str_eq(word(answer, "code"), "EUNKNOWN");
  json_decref(answer);
  answer = json_loads(hear(&door, fd), 0, NULL);
  cr_assert_str_eq(word(answer, "verb"), "status");
  json_decref(answer);
  core_says(&door, TG_ALARM_CMD_DONE, sent[2].u.cmd.cmd_no, 0); /* too late: nobody is confused */

  command_says = -TG_EFULL;
  expect_error(&door, fd, "halt\n", "EFULL");
  tg_control_stats_t stats;
  tg_control_stats(door.ctl, &stats);
  cr_assert_eq(stats.commands, 3);
  cr_assert_eq(stats.unknown_outcomes, 1);
  close(fd);
  door_close(&door);
}

Test(control, roles_are_kept) {
  door_t door;
  door_open(&door);
  tg_msg_t cmd;
  for (uint8_t role = TG_ROLE_VIEWER; role <= TG_ROLE_RISK; role++) {
    for (size_t i = 0; i < tg_control_row_cnt; i++) {
      const tg_control_row_t *row = &tg_control_rows[i];
      char line[64];
      snprintf(line, sizeof line, "%s%s", row->word,
               strcmp(row->args, "SYMBOL") == 0            ? " BTCUSDT"
               : strcmp(row->args, "REASON EXPIRY_S") == 0 ? " test 60"
                                                           : "");
      memset(&cmd, 0, sizeof cmd);
      json_t *answer = tg_control_answer(&door.cfg, role, 1234, 5, line, strlen(line), &cmd);
      bool denied = answer && strcmp(word(answer, "code"), "EPERM") == 0;
      cr_assert_eq(denied, role < row->role, "%s as %u", row->word, role);
      bool acts = row->verb != TG_VERB_NONE || strcmp(row->word, "kill drill") == 0;
      if (!denied) cr_assert_eq(cmd.kind == TG_CMD, acts, "%s", row->word);
      if (denied) cr_assert_eq(cmd.kind, 0);
      json_decref(answer);
    }
  }
  /* what the house rules say of the important ones */
  static const struct {
    const char *word;
    uint8_t role;
  } want[] = {{"status", TG_ROLE_VIEWER}, {"halt", TG_ROLE_OPERATOR}, {"kill", TG_ROLE_OPERATOR},  {"resume", TG_ROLE_RISK},
              {"arm", TG_ROLE_RISK},      {"kill off", TG_ROLE_RISK}, {"disarm", TG_ROLE_OPERATOR}};
  for (size_t w = 0; w < TG_ARRAY_CNT(want); w++) {
    bool found = false;
    for (size_t i = 0; i < tg_control_row_cnt; i++)
      if (strcmp(tg_control_rows[i].word, want[w].word) == 0) found = tg_control_rows[i].role == want[w].role;
    cr_assert(found, "%s", want[w].word);
  }
  door_close(&door);
}

Test(control, long_lines_many_clients_and_sleepers) {
  door_t door;
  door_open(&door);
  int fd = dial(&door);
  char *flood = malloc(3 * TG_CTL_LINE_BYTES);
  memset(flood, 'x', 3 * TG_CTL_LINE_BYTES);
  ssize_t n = send(fd, flood, 3 * TG_CTL_LINE_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT);
  cr_assert_gt(n, 0);
  free(flood);
  json_t *answer = json_loads(hear(&door, fd), 0, NULL);
  cr_assert_str_eq(word(answer, "code"), "ESIZE");
  json_decref(answer);
  for (int i = 0; i < 10; i++) tg_control_turn(door.ctl, door.now_ns);
  close(fd);
  for (int i = 0; i < 10; i++) tg_control_turn(door.ctl, door.now_ns);

  int many[TG_CTL_CLIENTS + 4];
  for (int i = 0; i < TG_CTL_CLIENTS + 4; i++) {
    many[i] = dial(&door);
    tg_control_turn(door.ctl, door.now_ns);
  }
  tg_control_stats_t stats;
  tg_control_stats(door.ctl, &stats);
  cr_assert_eq(stats.clients, TG_CTL_CLIENTS);
  cr_assert_eq(stats.refused_full, 4);
  answer = json_loads(hear(&door, many[TG_CTL_CLIENTS]), 0, NULL);
  cr_assert_str_eq(word(answer, "code"), "EFULL");
  json_decref(answer);
  answer = ask(&door, many[3], "version\n");
  cr_assert(json_is_true(json_object_get(answer, "ok")));
  json_decref(answer);
  door.now_ns += (uint64_t)(TG_CTL_IDLE_MS + 1) * 1000000; /* all of them said nothing for too long */
  tg_control_turn(door.ctl, door.now_ns);
  tg_control_stats(door.ctl, &stats);
  cr_assert_eq(stats.clients, 0);
  cr_assert_eq(stats.timeouts, TG_CTL_CLIENTS);
  for (int i = 0; i < TG_CTL_CLIENTS + 4; i++) close(many[i]);
  door_close(&door);
}

Test(control, one_who_asks_and_never_reads_stops_only_himself) {
  door_t door;
  door_open(&door);
  for (uint64_t i = 0; i < 2000; i++) world_order(door.mirror, UINT64_C(3) << 60 | (1000 + i), 1, 500 + i);
  int lazy = dial(&door), brisk = dial(&door);
  for (int i = 0; i < 300; i++) (void)!send(lazy, "orders\n", 7, MSG_NOSIGNAL | MSG_DONTWAIT);
  for (int i = 0; i < 50; i++) {
    tg_control_turn(door.ctl, door.now_ns);
    json_t *answer = ask(&door, brisk, "version\n");
    cr_assert(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
  }
  tg_control_stats_t stats;
  tg_control_stats(door.ctl, &stats);
  cr_assert_lt(stats.requests, 60, "a client's next question is not taken before he took the answer");
  door.now_ns += (uint64_t)(TG_CTL_IDLE_MS + 1) * 1000000;
  tg_control_turn(door.ctl, door.now_ns);
  tg_control_stats(door.ctl, &stats);
  cr_assert_eq(stats.clients, 0);
  close(lazy);
  close(brisk);
  door_close(&door);
}

Test(control, garbage_and_sudden_ends) {
  door_t door;
  door_open(&door);
  uint64_t rng = 4242;
  for (int round = 0; round < 300; round++) {
    int fd = dial(&door);
    char junk[700];
    size_t len = tmp_random(&rng) % sizeof junk;
    for (size_t i = 0; i < len; i++) junk[i] = (char)tmp_random(&rng);
    (void)!send(fd, junk, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (round % 3) tg_control_turn(door.ctl, door.now_ns);
    close(fd);
    tg_control_turn(door.ctl, door.now_ns);
  }
  for (int i = 0; i < 100; i++) tg_control_turn(door.ctl, door.now_ns);
  tg_control_stats_t stats;
  tg_control_stats(door.ctl, &stats);
  cr_assert_eq(stats.clients, 0);
  int fd = dial(&door);
  json_t *answer = ask(&door, fd, "version\n");
  cr_assert(json_is_true(json_object_get(answer, "ok")));
  json_decref(answer);
  close(fd);
  door_close(&door);
}

Test(control, a_question_and_a_half_close) {
  door_t door;
  door_open(&door);
  int fd = dial(&door);
  say(fd, "version\n");
  shutdown(fd, SHUT_WR);
  char *line = hear(&door, fd);
  cr_assert_not_null(line);
  cr_assert_null(hear(&door, fd));
  close(fd);
  door_close(&door);
}

Test(control, the_socket_belongs_to_one_engine) {
  door_t door;
  door_open(&door);
  struct stat st;
  cr_assert_eq(stat(door.path, &st), 0);
  cr_assert_eq(st.st_mode & 0777, 0660);
  char err[256];
  tg_control_t *second;
  cr_assert_eq(tg_control_open(&second, &door.cfg, err, sizeof err), -TG_EBUSY);
  cr_assert_null(second);
  cr_assert_not_null(strstr(err, "another engine"));
  cr_assert_eq(access(door.path, F_OK), 0, "the living socket was left alone");
  door_close(&door);
}

Test(control, a_dead_socket_is_removed_a_strange_file_is_not) {
  char err[256];
  tmp_dir_t dir = tmp_make();
  char path[256];
  tmp_join(&dir, "control.sock", path, sizeof path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
  cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  int lock = -1;
  cr_assert_eq(listen(fd, 1), 0);
  cr_assert_eq(tg_unix_listen(path, &lock, err, sizeof err), -TG_EBUSY, "somebody listens, though without our lock");
  close(fd); /* its file stays: as after a crash */
  fd = tg_unix_listen(path, &lock, err, sizeof err);
  cr_assert_geq(fd, 0, "%s", err);
  tg_unix_unlisten(path, fd, lock);
  tmp_write(path, "mine", 4);
  cr_assert_eq(tg_unix_listen(path, &lock, err, sizeof err), -TG_EEXISTS);
  cr_assert_eq(access(path, F_OK), 0);
  cr_assert_eq(tg_unix_connect(path), -TG_EREFUSED);
  tmp_join(&dir, "none", path, sizeof path);
  cr_assert_eq(tg_unix_connect(path), -TG_ENOTFOUND);
  tmp_remove(&dir);
}

Test(control, paths_longer_than_a_socket_address) {
  door_t door;
  door_open(&door);
  char deep[700], err[256];
  int len = snprintf(deep, sizeof deep, "%s", door.dir.path);
  for (int i = 0; i < 4; i++) {
    len += snprintf(deep + len, sizeof deep - (size_t)len, "/a-directory-with-a-long-name-for-one-run-%d", i);
    cr_assert_eq(mkdir(deep, 0700), 0);
  }
  snprintf(deep + len, sizeof deep - (size_t)len, "/control.sock");
  int lock, fd = tg_unix_listen(deep, &lock, err, sizeof err);
  cr_assert_geq(fd, 0, "%s", err);
  int client = tg_unix_connect(deep);
  cr_assert_geq(client, 0);
  close(client);
  tg_unix_unlisten(deep, fd, lock);
  cr_assert_neq(access(deep, F_OK), 0);
  door_close(&door);
}

Test(control, uid_lists_are_checked) {
  door_t door;
  door_open(&door);
  tg_control_cfg_t cfg = door.cfg;
  tg_control_t *ctl;
  char err[256], path[256];
  cfg.path = tmp_join(&door.dir, "second.sock", path, sizeof path);
  static const char *const bad[] = {"root", "1,,2", "-1", "4294967296", "1;2"};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    cfg.operator_uids = bad[i];
    cr_assert_eq(tg_control_open(&ctl, &cfg, err, sizeof err), -TG_EINVAL, "%s", bad[i]);
  }
  cfg.operator_uids = " 1000, 1001 ,1002";
  cr_assert_eq(tg_control_open(&ctl, &cfg, err, sizeof err), 0, "%s", err);
  tg_control_close(ctl);
  door_close(&door);
}

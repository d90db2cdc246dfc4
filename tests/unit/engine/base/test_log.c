#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/log.h"

static char dir[64], path[96];

static void open_log(void) {
  snprintf(dir, sizeof dir, "/tmp/tg_log_XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/log", dir);
  cr_assert_eq(tg_log_open(path), 0);
}

static void close_log(void) {
  cr_assert_eq(tg_log_open(NULL), 0);
  (void)unlink(path);
  (void)rmdir(dir);
}

static char *contents(void) {
  static char text[1 << 20];
  FILE *in = fopen(path, "r");
  cr_assert_not_null(in);
  text[fread(text, 1, sizeof text - 1, in)] = '\0';
  fclose(in);
  return text;
}

Test(log, one_line_with_time_level_and_mode) {
  open_log();
  tg_log_mode("sim");
  tg_log_warn("ring %s at %d%%", "feed", 80);
  char *text = contents();
  int year, month, day, hour, minute, eaten = 0;
  double second;
  cr_assert_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%9lfZ%n", &year, &month, &day, &hour, &minute, &second, &eaten), 6, "%s",
               text);
  cr_assert_str_eq(text + eaten, " warn [sim] ring feed at 80%\n");
  cr_assert_eq(eaten, 27);
  struct stat st;
  cr_assert_eq(stat(path, &st), 0);
  cr_assert_eq(st.st_mode & 0137, 0, "mode %o", st.st_mode);
  close_log();
}

Test(log, levels_filter) {
  open_log();
  tg_log_mode("");
  tg_log_level_set(TG_LOG_WARN);
  cr_assert_eq(tg_log_level_now(), TG_LOG_WARN);
  tg_log_error("e");
  tg_log_warn("w");
  tg_log_info("i");
  tg_log_debug("d");
  char *text = contents();
  cr_assert_not_null(strstr(text, "Z error e\n"));
  cr_assert_not_null(strstr(text, "Z warn w\n"));
  cr_assert_null(strstr(text, " i\n"));
  cr_assert_null(strstr(text, " d\n"));
  tg_log_level_set(TG_LOG_INFO);
  close_log();
}

Test(log, an_event_is_always_one_line) {
  open_log();
  tg_log_info("a\nb\rc\x1b[31m\t\x7f");
  char *text = contents();
  cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
  cr_assert_not_null(strstr(text, "a?b?c?[31m??"));
  close_log();
}

Test(log, long_lines_are_cut) {
  open_log();
  char big[5000];
  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  tg_log_info("%s", big);
  char *text = contents();
  cr_assert_eq(strlen(text), TG_LOG_LINE_BYTES);
  cr_assert_str_eq(text + TG_LOG_LINE_BYTES - 5, "x...\n");
  close_log();
}

static void *talk(void *user) {
  for (int i = 0; i < 500; i++) tg_log_info("thread %c says %d end", *(char *)user, i);
  return NULL;
}

Test(log, lines_of_threads_do_not_mix) {
  open_log();
  pthread_t a, b;
  char name_a = 'a', name_b = 'b';
  cr_assert_eq(pthread_create(&a, NULL, talk, &name_a), 0);
  cr_assert_eq(pthread_create(&b, NULL, talk, &name_b), 0);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  int lines = 0, next[2] = {0};
  for (char *line = strtok(contents(), "\n"); line; line = strtok(NULL, "\n"), lines++) {
    char who, *said = strstr(line, "thread ");
    int number;
    cr_assert_not_null(said);
    cr_assert_eq(sscanf(said, "thread %c says %d end", &who, &number), 2);
    cr_assert_eq(number, next[who - 'a']++);
  }
  cr_assert_eq(lines, 1000);
  cr_assert_eq(tg_log_lost_cnt(), 0);
  close_log();
}

Test(log, refusals_keep_the_target) {
  open_log();
  cr_assert_eq(tg_log_open("/nowhere/at/all/log"), -TG_ENOTFOUND);
  tg_log_info("still here");
  cr_assert_not_null(strstr(contents(), "still here"));
  char link_path[128];
  snprintf(link_path, sizeof link_path, "%s/link", dir);
  cr_assert_eq(symlink(path, link_path), 0);
  cr_assert_lt(tg_log_open(link_path), 0, "no symbolic links");
  unlink(link_path);
  cr_assert_eq(tg_log_open("/dev/full"), 0);
  tg_log_info("lost");
  cr_assert_eq(tg_log_lost_cnt(), 1);
  close_log();
}

/* The heartbeat page: layout, a reader's view of it, processes told apart. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run/heartbeat.h"

static char *make_dir(char buf[64]) {
  snprintf(buf, 64, "/tmp/tg-beat.XXXXXX");
  return mkdtemp(buf);
}

static void drop_dir(const char *dir) {
  char path[128];
  snprintf(path, sizeof path, "%s/heartbeat", dir);
  unlink(path);
  rmdir(dir);
}

Test(heartbeat, a_reader_sees_what_the_engine_does) {
  char dir[64];
  cr_assert_not_null(make_dir(dir));
  tg_beat_seen_t seen;
  cr_assert_eq(tg_beat_read(dir, &seen), -TG_ENOTFOUND);
  tg_beat_page_t *page = NULL;
  cr_assert_eq(tg_beat_open(&page, dir, 9, 1234, 3), 0);
  cr_assert_eq(tg_beat_read(dir, &seen), 0);
  cr_assert(seen.pid == (uint64_t)getpid() && seen.epoch == 9 && seen.started_ns == 1234 && seen.mode == 3);
  cr_assert_eq(seen.phase, TG_BEAT_STARTING);
  cr_assert(tg_beat_alive(&seen));
  tg_beat(page, 5, 7);
  tg_beat_phase(page, TG_BEAT_RUNNING);
  cr_assert_eq(tg_beat_read(dir, &seen), 0);
  cr_assert(seen.hot == 5 && seen.cold == 7 && seen.phase == TG_BEAT_RUNNING);
  tg_beat_page_t *again = NULL; /* a new run replaces the page; the old mapping harms nobody */
  cr_assert_eq(tg_beat_open(&again, dir, 10, 1300, 3), 0);
  tg_beat(page, 99, 99);
  cr_assert_eq(tg_beat_read(dir, &seen), 0);
  cr_assert(seen.epoch == 10 && seen.hot == 0);
  tg_beat_phase(again, TG_BEAT_ENDED);
  tg_beat_close(again);
  tg_beat_close(page);
  cr_assert_eq(tg_beat_read(dir, &seen), 0);
  cr_assert_eq(seen.phase, TG_BEAT_ENDED);
  drop_dir(dir);
}

Test(heartbeat, a_page_that_is_none_is_refused) {
  char dir[64], path[128];
  cr_assert_not_null(make_dir(dir));
  tg_beat_page_t *page = NULL;
  cr_assert_eq(tg_beat_open(&page, dir, 9, 1234, 3), 0);
  tg_beat_seen_t seen;
  page->version = 2;
  cr_assert_eq(tg_beat_read(dir, &seen), -TG_EVERSION);
  page->version = TG_BEAT_VERSION;
  page->magic = 1;
  cr_assert_eq(tg_beat_read(dir, &seen), -TG_ECORRUPT);
  tg_beat_close(page);
  snprintf(path, sizeof path, "%s/heartbeat", dir);
  int fd = open(path, O_WRONLY | O_TRUNC);
  cr_assert(write(fd, "short", 5) == 5);
  close(fd);
  cr_assert_eq(tg_beat_read(dir, &seen), -TG_ECORRUPT);
  drop_dir(dir);
}

Test(heartbeat, processes_are_told_apart) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  tg_beat_seen_t seen = {.pid = (uint64_t)child, .pid_start = tg_beat_pid_start((uint64_t)child)};
  cr_assert_neq(seen.pid_start, 0);
  cr_assert(tg_beat_alive(&seen));
  seen.pid_start++; /* the number was used again by another */
  cr_assert(!tg_beat_alive(&seen));
  seen.pid_start--;
  kill(child, SIGKILL);
  for (int i = 0; i < 200 && tg_beat_alive(&seen); i++) usleep(10000);
  cr_assert(!tg_beat_alive(&seen), "a zombie is dead");
  waitpid(child, NULL, 0);
  cr_assert(!tg_beat_alive(&seen));
  cr_assert_eq(tg_beat_pid_start((uint64_t)child), 0);
}

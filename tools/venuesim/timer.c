/* timer.c - see timer.h. */
#include "timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static vs_timer *head;
static int timer_fd = -1;
static int64_t set_for; /* what the timerfd is set to, 0: nothing */

int64_t vs_mono_us(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int vs_timers_open(void) {
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return timer_fd;
}

static void set_fd(void) {
  int64_t due = head != NULL ? head->due_us : 0;
  if (due == set_for || timer_fd < 0) return;
  set_for = due;
  struct itimerspec it = {.it_value = {.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000}};
  if (timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &it, NULL) != 0) {
    perror("venuesim: timerfd_settime");
    abort();
  }
}

static void unlink_timer(vs_timer *t) {
  for (vs_timer **at = &head; *at != NULL; at = &(*at)->next) {
    if (*at == t) {
      *at = t->next;
      break;
    }
  }
  t->due_us = 0;
}

void vs_timer_set(vs_timer *t, void (*fire)(vs_timer *), int64_t after_us) {
  if (t->due_us != 0) unlink_timer(t);
  if (after_us >= 0) {
    t->due_us = vs_mono_us() + after_us;
    t->fire = fire;
    vs_timer **at = &head;
    while (*at != NULL && (*at)->due_us <= t->due_us) at = &(*at)->next;
    t->next = *at;
    *at = t;
  }
  set_fd();
}

void vs_timers_run(void) {
  uint64_t ticks;
  if (read(timer_fd, &ticks, sizeof ticks) != (ssize_t)sizeof ticks) ticks = 0; /* woken early: nothing is due yet */
  set_for = 0;
  int64_t now = vs_mono_us();
  while (head != NULL && head->due_us <= now) {
    vs_timer *t = head;
    head = t->next;
    t->due_us = 0;
    t->fire(t);
  }
  set_fd();
}

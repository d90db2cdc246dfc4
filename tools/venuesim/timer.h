/* timer.h - timers with microsecond resolution on one timerfd.
 * Why:    libwebsockets' own timers wait with poll(), whole milliseconds rounded down, and spin through the rest; a flow of
 *         some hundred events a second would burn a tenth of a core that way.
 * What:   a list sorted by due time; the timerfd is watched by the libwebsockets loop (server.c) and calls vs_timers_run.
 * Owner:  the vs_timer belongs to the caller and stays in place while armed.
 * Limits: none beyond memory; the list is short (about ten).
 * Errors: none; a timerfd that cannot be set ends the program with a line. */
#ifndef VS_TIMER_H
#define VS_TIMER_H

#include <stdint.h>

typedef struct vs_timer {
  struct vs_timer *next;
  int64_t due_us; /* monotonic; 0: not armed */
  void (*fire)(struct vs_timer *t);
} vs_timer;

#define VS_TIMER_OFF (-1)

int vs_timers_open(void); /* the timerfd, or -1 */
int64_t vs_mono_us(void);

/* Arms (or moves) a timer `after_us` from now; VS_TIMER_OFF disarms. */
void vs_timer_set(vs_timer *t, void (*fire)(vs_timer *), int64_t after_us);

/* Fires what is due and sets the timerfd for the next one. Called when the timerfd is readable. */
void vs_timers_run(void);

#endif

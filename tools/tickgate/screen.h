/* screen.h - what `tickgate run` shows while it trades.
 * What:    one screen, redrawn each second, on a terminal; one line a second elsewhere.
 * Owner:   caller.
 * Threads: main thread; reads copies only.
 * Errors:  a closed standard output is ignored: trading does not depend on being watched. */
#ifndef TG_TOOLS_TICKGATE_SCREEN_H
#define TG_TOOLS_TICKGATE_SCREEN_H

#include "engine/run/engine.h"

typedef struct tg_screen {
  bool terminal;
  const char *mode;
  uint64_t started_ns, last_msg_cnt;
} tg_screen_t;

void tg_screen_begin(tg_screen_t *screen, bool terminal, const char *mode, uint64_t now_ns);
/* Called once a second. */
void tg_screen_show(tg_screen_t *screen, const tg_engine_status_t *status);
void tg_screen_end(tg_screen_t *screen);

#endif

/* heartbeat.h - the page run_dir/heartbeat: what tickgate-watchdog sees of a running engine.
 * What:    one page, mapped MAP_SHARED by the engine and read by anybody: who runs (pid and its start time, epoch, mode), in
 * which phase, and a counter each for the hot and the cold lane. A reader judges by change against its own monotonic clock: no
 *          clock needs to agree.
 *
 *          The hot lane counts each TIMER in its own memory (a plain atomic store); the cold lane copies that count into the
 * page together with its own, because a page of a file may be write-protected by writeback and then costs its writer a fault
 *          that lasts as long as the disk likes. So a stopped hot lane stops `hot`, and a stopped cold lane stops both.
 * Owner:   tg_beat_open maps, tg_beat_close marks nothing and unmaps.
 * Threads: phase and counters by the cold lane while it runs, by the main thread before and after. Readers anywhere.
 * Order:   relaxed; each field stands for itself.
 * Errors:  tg_beat_open -TG_EIO, -TG_EPERM, -TG_ENOSPACE; tg_beat_read -TG_ENOTFOUND, -TG_EVERSION, -TG_ECORRUPT. */
#ifndef TG_RUN_HEARTBEAT_H
#define TG_RUN_HEARTBEAT_H

#include <stdatomic.h>

#include "engine/base/assert.h"
#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_BEAT_BYTES 4096
#define TG_BEAT_VERSION 1
#define TG_BEAT_MAGIC UINT64_C(0x3130544145424754) /* "TGBEAT01" */
#define TG_BEAT_NAME "heartbeat"

typedef enum tg_beat_phase {
  TG_BEAT_NONE,
  TG_BEAT_STARTING, /* no order of this run can have left yet */
  TG_BEAT_RUNNING,
  TG_BEAT_STOPPING, /* the orderly end is under way */
  TG_BEAT_ENDED,    /* a clean end: nothing of ours is open; the watchdog has nothing to do */
  TG_BEAT_LEFT      /* an end with orders that the venue has not accounted for */
} tg_beat_phase_t;

typedef struct tg_beat_page {
  uint64_t magic; /* written last */
  uint32_t version, page_bytes;
  uint64_t pid, pid_start; /* field 22 of /proc/<pid>/stat: a pid used again is told apart */
  uint64_t epoch, started_ns;
  uint64_t mode; /* tg_mode_t */
  uint64_t pad0;
  _Atomic uint64_t phase; /* tg_beat_phase_t */
  uint64_t pad1[7];
  _Atomic uint64_t hot;
  uint64_t pad2[7];
  _Atomic uint64_t cold;
  uint64_t pad3[7];
  uint8_t rest[TG_BEAT_BYTES - 256];
} tg_beat_page_t;

TG_STATIC_ASSERT(sizeof(tg_beat_page_t) == TG_BEAT_BYTES, "one page");
TG_STATIC_ASSERT(offsetof(tg_beat_page_t, phase) == 64 && offsetof(tg_beat_page_t, hot) == 128 &&
                     offsetof(tg_beat_page_t, cold) == 192,
                 "layout 1; a line each");

typedef struct tg_beat_seen {
  uint64_t pid, pid_start, epoch, started_ns, mode, phase, hot, cold;
} tg_beat_seen_t;

/* Makes run_dir/heartbeat anew (a former one is replaced) and maps it, phase STARTING. */
TG_MUST_USE int tg_beat_open(tg_beat_page_t **out, const char *run_dir, uint64_t epoch, uint64_t started_ns, unsigned mode);
void tg_beat_close(tg_beat_page_t *page);
static inline void tg_beat_phase(tg_beat_page_t *page, tg_beat_phase_t phase) {
  if (page) atomic_store_explicit(&page->phase, phase, memory_order_relaxed);
}
/* One turn of the cold lane. */
static inline void tg_beat(tg_beat_page_t *page, uint64_t hot_cnt, uint64_t cold_cnt) {
  atomic_store_explicit(&page->hot, hot_cnt, memory_order_relaxed);
  atomic_store_explicit(&page->cold, cold_cnt, memory_order_relaxed);
}

/* ---- the watchdog's side ---- */
/* Reads the page as it is now. 0; -TG_ENOTFOUND (no page), -TG_EVERSION, -TG_ECORRUPT (no page of ours), -TG_EPERM, -TG_EIO. */
TG_MUST_USE int tg_beat_read(const char *run_dir, tg_beat_seen_t *out);
/* Start time of a process, 0 when there is none of that number. */
uint64_t tg_beat_pid_start(uint64_t pid);
/* The process that wrote the page is there, and is no zombie. */
bool tg_beat_alive(const tg_beat_seen_t *seen);

#endif

/* engine.h - the whole engine: opened, started, watched, stopped, told about.
 * What:    opens what may fail (files, sockets, memory), lays everything into one sealed arena, starts the cold lane,
 *          then the hot ones; ends in the opposite order with nothing left in a ring.
 * Owner:   tg_engine_open allocates, tg_engine_close frees and wipes.
 * Threads: the main thread calls everything here; lanes are inside.
 * Limit:   one engine a process.
 * Errors:  exit codes of exit.def; err_text holds one line: what, where, what to do. */
#ifndef TG_RUN_ENGINE_H
#define TG_RUN_ENGINE_H

#include "engine/conf/conf.h"
#include "engine/core/view.h"

typedef struct tg_engine tg_engine_t;

typedef struct tg_engine_status {
  tg_view_main_t main;
  tg_view_instr_t instr[TG_INSTR_MAX];
  uint32_t instr_cnt;
  uint64_t now_ns;
  uint64_t tick_to_order_p50_ns, tick_to_order_p99_ns, tick_to_order_cnt;
  uint64_t journal_depth, lane_turn_ns_max;
  bool stopped; /* the orderly end is through: tg_engine_close may follow */
} tg_engine_status_t;

/* 0 or an exit code. Nothing is left open or running on failure. */
TG_MUST_USE int tg_engine_open(tg_engine_t **out, const tg_conf_t *conf, char *err_text, size_t err_cap);
/* Before the start, NULLs allowed: the settings file, which may be read again later, and the report's file, which is made now
 * (the sandbox keeps us to run_dir afterwards). 0 or an exit code. */
TG_MUST_USE int tg_engine_files(tg_engine_t *engine, const char *config, const char *report, char *err_text, size_t err_cap);
/* Starts the lanes; what the sandbox takes away is gone afterwards. 0 or an exit code. */
TG_MUST_USE int tg_engine_start(tg_engine_t *engine, char *err_text, size_t err_cap);
/* A failure after the start, 0 while well. */
TG_MUST_USE int tg_engine_fatal(tg_engine_t *engine, char *err_text, size_t err_cap);
/* Asks for the orderly end: no new orders, cancel ours, wait for answers. `fast`: do not wait. */
void tg_engine_stop(tg_engine_t *engine, bool fast);
/* SIGUSR2: the kill latch, by the cold lane; async-signal-safe. */
void tg_engine_kill(tg_engine_t *engine);
/* Copies what the screen shows. */
void tg_engine_status(tg_engine_t *engine, tg_engine_status_t *out);
/* Joins the lanes, empties the journal, closes tape and store. First failure as exit code, 0 fine. Status and report stay
 * readable. */
TG_MUST_USE int tg_engine_finish(tg_engine_t *engine, char *err_text, size_t err_cap);
/* Writes the report (JSON) into the file named to tg_engine_files, after tg_engine_finish. 0, -TG_EIO, -TG_ENOMEM. */
TG_MUST_USE int tg_engine_report(tg_engine_t *engine);
void tg_engine_close(tg_engine_t *engine);

#endif

/* stage_cold.h - the cold lane's one stage: it reads the journal and speaks to the venue over REST.
 * What:    wires engine/venue's cold side, account sync, tape, store, mirror, control socket, metrics and evidence together.
 *          Everything it knows came out of the journal ring or from the venue; everything it wants goes into cold_in.
 * Owner:   the engine opens tape, store, control and metrics before lanes start and closes them after; the stage uses them.
 * Threads: turn on the cold lane; `stop_wanted` is set, `phase`, `fatal_exit` are read, by the main thread.
 * Limit:   TG_COLD_BURST journal messages a turn.
 * Errors:  fatal_exit and fatal_text when the start fails; a broken tape or store is told to the core (HEALTH JOURNAL). */
#ifndef TG_RUN_STAGE_COLD_H
#define TG_RUN_STAGE_COLD_H

#include "engine/cold/control.h"
#include "engine/cold/decision_file.h"
#include "engine/cold/evidence.h"
#include "engine/cold/metrics.h"
#include "engine/cold/mirror.h"
#include "engine/cold/store.h"
#include "engine/cold/sync.h"
#include "engine/cold/tape.h"
#include "engine/run/cold_disk.h"
#include "engine/run/cold_intents.h"
#include "engine/run/cold_kill.h"
#include "engine/run/cold_truth.h"
#include "engine/run/heartbeat.h"
#include "engine/run/rings.h"
#include "engine/run/stage.h"
#include "engine/venue/bn_cold.h"

#define TG_COLD_BURST 8192
#define TG_COLD_ASIDE 32768u

typedef enum tg_cold_phase {
  TG_COLD_RUN,      /* trading */
  TG_COLD_STOPPING, /* STOP is with the core: cancels and answers under way; then the last look at the venue */
  TG_COLD_CLOSING,  /* core stopped: dead-man timer disarmed, last requests */
  TG_COLD_DONE      /* hot lanes may end; the journal is still read */
} tg_cold_phase_t;

typedef struct tg_stage_cold {
  const tg_conf_t *conf;
  tg_rings_t *rings;
  tg_io_t *io;
  const tg_clock_t *clock;
  const tg_bn_secrets_t *secrets;
  const tg_cold_names_t *names;
  uint64_t epoch;
  tg_tape_t *tape;       /* NULL: off */
  tg_store_t *store;     /* NULL: off */
  tg_intents_t *intents; /* NULL: off */
  tg_control_t *control;
  tg_metrics_t *metrics; /* NULL: off */
  tg_mirror_t *mirror;
  tg_sync_t *sync;
  tg_digest_t digest;
  tg_evidence_cfg_t evidence;
  uint64_t evidence_cnt;
  tg_netcold_t *net;
  tg_bn_cold_t *bn;
  tg_cold_truth_t truth;       /* what the former run left; opened by the engine */
  tg_bn_cold_stats_t bn_stats; /* of the last turn; stays when the venue's side is gone */
  tg_msg_t *aside_mem;         /* [TG_COLD_ASIDE] journal messages taken while the core's ring was waited for */
  uint32_t aside_head, aside_cnt;
  tg_msg_t *sync_mem;
  _Atomic uint64_t *hot_alive_ns; /* gauge of the hot lane that turns the core */
  const _Atomic int *core_stopped;
  tg_cold_kill_t kill;
  tg_beat_page_t *beat; /* NULL: none */
  const _Atomic uint64_t *hot_beat;
  uint64_t beat_cnt;
  bool configured, journal_bad;
  tg_cold_disk_t disk;
  tg_decision_file_t decision; /* run_dir/decision.json */
  uint64_t beat_next_ns, stop_deadline_ns, cmd_no;
  uint64_t look_ns; /* the last look at the venue before the end began; 0 not yet */
  bool look_over;
  uint64_t drained_cnt, core_wait_cnt;
  _Atomic int stop_wanted; /* 0, 1 a clean end, 2 at once */
  _Atomic int phase;       /* tg_cold_phase_t */
  _Atomic int fatal_exit;
  char fatal_text[640];
} tg_stage_cold_t;

extern const tg_stage_ops_t tg_stage_cold_ops;

/* Takes what is left in the journal; after the hot lanes have ended, before tape and store close. Its fini calls it. */
void tg_stage_cold_drain(tg_stage_cold_t *stage, uint64_t now_ns);
/* Frees what the stage itself made (venue side, network); on its lane, whose ring the network uses. Its fini calls it. */
void tg_stage_cold_free(tg_stage_cold_t *stage);
/* Callbacks for the control socket (`user` is the stage). */
int tg_stage_cold_command(void *user, const tg_msg_t *cmd);
int tg_stage_cold_drill(void *user, const tg_msg_t *cmd);
/* Messages for the core, in order and together; waits up to two seconds for room. 0 or -TG_EFULL. */
int tg_stage_cold_to_core(tg_stage_cold_t *stage, const tg_msg_t *msg, uint32_t cnt);

#endif

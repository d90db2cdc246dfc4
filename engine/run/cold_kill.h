/* cold_kill.h - the kill as the cold lane sees it: its ways in, the latch file, the venue until it is empty, the proof.
 * What:    a kill comes from the control socket, from the file run_dir/KILL, from SIGUSR2, or from the watchdog (which writes
 * that file). The latch is set and the venue is worked on (bn_kill.h) at once, whether or not the core answers; the core
 *          latches, cancels by itself, and hears HEALTH KILL_EMPTY when the venue shows none of ours.
 *
 *            asked ──▶ latch file, CMD KILL to the core, list/cancel/list at the venue
 *              └──▶ CMD_DONE KILL: latched ──▶ verified empty: HEALTH KILL_EMPTY, bundle `kill` ──▶ slow re-checks
 *            CMD_DONE KILL_OFF: latch file removed, loop ended
 *
 *          A drill is the same kill, in sim only: when the venue is verified empty it sends KILL_OFF itself (bundle `drill`).
 *          Orders that the core places under the latch are reductions (gate 2): those are spared at the venue.
 * Owner:   embedded in the cold stage.
 * Threads: the cold lane; `wanted` is set by any thread.
 * Limit:   TG_COLD_KILL_ORDERS orders in the bundle; more are counted.
 * Errors:  logged; a latch file that cannot be written does not stop the kill. */
#ifndef TG_RUN_COLD_KILL_H
#define TG_RUN_COLD_KILL_H

#include <stdatomic.h>

#include "engine/base/types.h"
#include "engine/msg/msg.h"

#define TG_COLD_KILL_ORDERS 512
#define TG_COLD_KILL_LOOK_NS (100 * (uint64_t)TG_NS_PER_MS) /* how often the file is looked for */
#define TG_COLD_KILL_DRILL_MS 8000                          /* a drill that takes longer is given up: the latch is cleared */

struct tg_stage_cold;

/* Ways in: KW(NAME, "text"). */
#define TG_KILL_WAYS(KW) \
  KW(NONE, "none") \
  KW(VERB, "control socket") \
  KW(FILE, "KILL file") \
  KW(START, "KILL file of a former run") \
  KW(SIGNAL, "SIGUSR2") \
  KW(DRILL, "drill")
#define KW(name, text) TG_KILL_BY_##name,
typedef enum tg_kill_way { TG_KILL_WAYS(KW) TG_KILL_BY_CNT } tg_kill_way_t;
#undef KW
const char *tg_kill_way_text(unsigned way);

/* An order of ours that was open when the core latched. */
typedef struct tg_cold_kill_order {
  uint64_t client_id;
  int64_t order_id, px_ticks, qty_lots, cum_lots;
  uint16_t instr_idx;
  uint8_t side, state; /* then */
} tg_cold_kill_order_t;

typedef struct tg_cold_kill {
  const char *path; /* of the latch; NULL: none (tests) */
  bool on;          /* asked, and not cleared since */
  bool latched;     /* the core has said so */
  bool sent;        /* CMD KILL is with the core */
  bool silent_told, proof_written, looked;
  bool drill_clearing; /* KILL_OFF of a drill is with the core */
  uint8_t way;
  uint32_t uid;
  uint64_t cmd_no; /* of the control socket, 0 none; a drill's answer is owed to it */
  char reason[32];
  uint64_t asked_ns, sent_ns, latched_ns, first_cancel_ns, last_confirmed_ns, empty_ns;
  uint64_t look_next_ns;
  uint64_t placed_max; /* newest client id that left the core */
  uint64_t placed_at;  /* the same when it latched: what came later unwinds */
  uint64_t core_cancels, core_confirmed;
  bool told_empty, told_any;
  uint32_t told_listed; /* as the core heard it last */
  tg_cold_kill_order_t order[TG_COLD_KILL_ORDERS];
  uint32_t order_cnt, order_more;
  char proof_dir[1200];
  uint64_t kills, drills; /* since start */
  _Atomic int wanted;     /* SIGUSR2 */
} tg_cold_kill_t;

/* A kill by `way`; the CMD, when the caller has sent it to the core already, else NULL. */
void tg_cold_kill_asked(struct tg_stage_cold *stage, tg_kill_way_t way, const tg_msg_t *cmd, uint64_t now_ns);
/* A drill for the control's command cmd_no. 0, -TG_EPERM (not sim), -TG_EBUSY (a kill is on). Its end is told by
 * tg_control_finish. */
TG_MUST_USE int tg_cold_kill_drill(struct tg_stage_cold *stage, const tg_msg_t *cmd, uint64_t now_ns);
/* One message of the journal, after the mirror has seen it. */
void tg_cold_kill_on_msg(struct tg_stage_cold *stage, const tg_msg_t *msg, uint64_t now_ns);
/* File, signal, the venue's state; each turn, in every phase before the end. */
void tg_cold_kill_turn(struct tg_stage_cold *stage, uint64_t now_ns);
/* The bundle of a kill that is still open; at the end of a run. */
void tg_cold_kill_end(struct tg_stage_cold *stage, uint64_t now_ns);

/* ---- cold_kill_proof.c ---- */
/* Writes the bundle `kill` or `drill`; proof_dir is set. 0 or -TG_E*. */
TG_MUST_USE int tg_cold_kill_proof(struct tg_stage_cold *stage, uint64_t now_ns);
struct json_t;
/* The times of the kill as they are known, a new reference. */
struct json_t *tg_cold_kill_json(const struct tg_stage_cold *stage);

#endif

/* cold_truth.h - a restart's way from store and tape to the core.
 * What:    recovers what the former run left (engine/cold/recover.h) before the new epoch is taken; tells it to the core
 *          between the instruments and CFG_DONE; tells the venue's side which executions to ask for and what orders are called.
 * Owner:   tg_cold_truth_open allocates, tg_cold_truth_close frees.
 * Threads: open and close on the main thread; tell on the cold lane.
 * Errors:  exit codes of exit.def from open; a message that finds no room is told and counted. */
#ifndef TG_RUN_COLD_TRUTH_H
#define TG_RUN_COLD_TRUTH_H

#include "engine/cold/metrics.h"
#include "engine/cold/recover.h"
#include "engine/venue/bn_cold.h"

struct json_t;

typedef struct tg_cold_truth {
  tg_recover_t *recover; /* NULL: not opened */
  tg_msg_t *msg;         /* [TG_RECOVER_MSGS] */
  uint32_t msg_cnt;      /* told */
  uint32_t left;         /* positions and orders that no instrument of this run takes */
  tg_msg_t verdict;      /* the core's last word on it (OUT_ALARM); kind 0: none yet */
} tg_cold_truth_t;

/* `store` is open and has not begun its epoch; NULL: the store is off, then the newest tape alone is read. 0 or an exit code.
 */
TG_MUST_USE int tg_cold_truth_open(tg_cold_truth_t *truth, tg_store_t *store, const tg_cold_names_t *names,
                                   const char *tape_dir, char *err_text, size_t err_cap);
/* RESTORE_* and DAY to the core by `to_core`, in pieces; executions and order numbers to the venue's side. */
void tg_cold_truth_tell(tg_cold_truth_t *truth, tg_bn_cold_t *bn, int (*to_core)(void *user, const tg_msg_t *msg, uint32_t cnt),
                        void *user, uint64_t now_ns);
/* An OUT_ALARM of the journal: RESTART_EQUAL and RESTART_DIFFERS are kept for those who ask. True when it was one. */
bool tg_cold_truth_on_alarm(tg_cold_truth_t *truth, const tg_msg_t *msg);
/* Samples of the metrics page. */
void tg_cold_truth_metrics(const tg_cold_truth_t *truth, const tg_bn_cold_stats_t *bn, tg_metrics_out_t *out);
/* {"compares":..,"compares_held":..,"lost_fills":..,"asked_for":..,"profile_reads":..,"profile_changes":..} */
struct json_t *tg_cold_truth_checks_json(const tg_bn_cold_stats_t *bn);
/* {"from_epoch":..,"clean":..,"positions":..,"orders":..,"trades":..,"written_back":..,"left":..,"note":"..",
 * "verdict":"EQUAL"|"DIFFERS"|"none","ours":..,"venue":..}; ours and venue come with a verdict: lots, or orders. */
struct json_t *tg_cold_truth_json(const tg_cold_truth_t *truth);
void tg_cold_truth_close(tg_cold_truth_t *truth);

#endif

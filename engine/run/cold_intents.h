/* cold_intents.h - the intent store's place on the cold lane.
 * What:    opens it at the start (former runs' intents are closed), shows it the core's journal, takes back an approval that
 *          the core did not take.
 * Owner:   the engine opens and closes; the cold stage turns.
 * Threads: open and close on the main thread while no lane runs; the rest on the cold lane.
 * Errors:  those of engine/cold/intents.h; a broken store is told to the core as a broken journal: no new risk. */
#ifndef TG_RUN_COLD_INTENTS_H
#define TG_RUN_COLD_INTENTS_H

#include "engine/cold/intents.h"
#include "engine/cold/metrics.h"
#include "engine/conf/conf.h"

/* *out stays NULL when the store is off (store.enabled = false); then -TG_EINVAL with intent.approval = manual, which would
 * wait for ever. */
TG_MUST_USE int tg_cold_intents_open(tg_intents_t **out, const tg_conf_t *conf, const tg_cold_names_t *names, uint64_t epoch,
                                     uint64_t now_ns, char *err_text, size_t err_cap);
struct json_t;

/* NULL is fine in all of these. */
TG_MUST_USE int tg_cold_intents_on_msg(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns);
/* A command that did not reach the core: an approval of it is taken back. */
void tg_cold_intents_unsent(tg_intents_t *intents, const tg_msg_t *cmd, uint64_t now_ns);
/* Rows of metrics.def; part of the status document (a new reference). */
void tg_cold_intents_collect(const tg_intents_t *intents, tg_metrics_out_t *out);
struct json_t *tg_cold_intents_json(tg_intents_t *intents);
/* The end of a run whose core stopped by itself. */
TG_MUST_USE int tg_cold_intents_close(tg_intents_t *intents, bool clean, uint64_t now_ns);

#endif

/* decision_file.h - the portfolio decision of the day, a file that somebody else writes (gate bit 30).
 * What:    run_dir/decision.json: {"day": "2026-07-26", "verdict": "allow" | "block"}, other keys are ignored. `day` is the UTC
 * date on which the trading day begins (risk.day_roll_s). Looked at once a second; the core is told DECISION when it changed.
 *          Missing, unreadable, too large, not JSON, a repeated key, no date, another word: valid = 0, which blocks while
 *          risk.decision_enforced is on. Write it under another name and rename it: half a file is no decision.
 * Owner:   the cold stage.
 * Threads: the cold lane.
 * Limit:   TG_DECISION_FILE_BYTES_MAX.
 * Errors:  none: what cannot be read is not valid. */
#ifndef TG_COLD_DECISION_FILE_H
#define TG_COLD_DECISION_FILE_H

#include "engine/msg/msg.h"

#define TG_DECISION_FILE_BYTES_MAX 65536u

typedef struct tg_decision_file {
  char path[1024];
  uint64_t next_ns;
  tg_decision_t told; /* as the core has it; zero at the start, there and here */
} tg_decision_file_t;

/* 0; -TG_ESIZE: the path is too long. */
TG_MUST_USE int tg_decision_file_init(tg_decision_file_t *file, const char *run_dir);
/* Bytes of a file as a decision. */
tg_decision_t tg_decision_file_parse(const char *text, size_t len);
/* True: *out is a DECISION for the core; to be given again by tg_decision_file_untold when it could not be put. */
bool tg_decision_file_turn(tg_decision_file_t *file, uint64_t now_ns, tg_msg_t *out);
void tg_decision_file_untold(tg_decision_file_t *file);

#endif

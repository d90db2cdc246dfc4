/* replay.h - the core over a tape again, every output compared with the one on the tape.
 * What:    reads the inputs, runs tg_core_step on each, compares all 64 bytes of each output in order. fused: one thread
 *          calls the core; split: the core runs on a thread of its own behind the same rings as in a split run.
 * Owner:   everything is made and freed inside.
 * Threads: the caller's, and one more when split.
 * Limit:   TG_REPLAY_EXPECT outputs may be outstanding when split; more on one side only are differences.
 * Errors:  tg_replay_run, below. */
#ifndef TG_RUN_REPLAY_H
#define TG_RUN_REPLAY_H

#include "engine/cold/tape.h"
#include "engine/msg/msg.h"

#define TG_REPLAY_EXPECT (1u << 16)

typedef struct tg_replay_cfg {
  bool split;
  /* Called about every 2^16 inputs; may be NULL. */
  void (*progress)(void *user, uint64_t inputs, uint64_t ns);
  void *user;
} tg_replay_cfg_t;

typedef struct tg_replay_diff {
  uint64_t record_no; /* of the output on the tape; where it has none, of the input that led to it (split: of the last read) */
  tg_msg_t input;     /* that led to it (fused), else the last one read */
  tg_msg_t expected;  /* kind 0: the tape has none here */
  tg_msg_t got;       /* kind 0: the core gave none here */
} tg_replay_diff_t;

typedef struct tg_replay_result {
  tg_tape_head_t head;
  uint64_t inputs, outputs, differences;
  tg_replay_diff_t first;
  char digest[65];      /* over the recomputed outputs */
  char tape_digest[65]; /* over the outputs on the tape */
  bool truncated;       /* the tape stops without its end; what is there was compared */
  uint64_t core_ns;     /* wall time of the whole run */
} tg_replay_result_t;

/* 0 (differences are in the result), -TG_ENOTFOUND, -TG_ECORRUPT, -TG_EVERSION, -TG_EIO, -TG_ENOMEM; err_text names file and
 * offset. A tape without settings (a run that ended at once) is replayed with the defaults that its core had. One replay at a
 * time in a process. */
TG_MUST_USE int tg_replay_run(const char *path, const tg_replay_cfg_t *cfg, tg_replay_result_t *result, char *err_text,
                              size_t err_cap);

#endif

#include "engine/run/replay.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/arena.h"
#include "engine/base/assert.h"
#include "engine/base/spsc.h"
#include "engine/core/core.h"

enum { OUT_CAP = 512, RING_SLOTS = 4096 };

typedef struct replay {
  const tg_replay_cfg_t *cfg;
  tg_replay_result_t *result;
  tg_tape_reader_t *tape;
  tg_arena_t arena;
  tg_core_t *core;
  tg_msg_t *out_mem;
  tg_digest_t digest, tape_digest;
  tg_msg_t last_input;
  /* outputs of the core not met on the tape yet */
  tg_msg_t *waiting;
  uint64_t *waiting_no;
  uint64_t head, tail;
  /* split */
  tg_spsc_t in, out;
  _Atomic int end;          /* the reader has put its last input */
  _Atomic uint64_t stepped; /* inputs whose outputs lie in `out` */
  uint64_t in_no;           /* record number of the last input read */
  tg_msg_t *expect;         /* outputs on the tape that the core has not given yet */
  uint64_t *expect_no;
  uint64_t expect_head, expect_tail;
  pthread_t thread;
} replay_t;

static uint64_t wall_ns(void) {
  struct timespec now;
  int err = clock_gettime(CLOCK_MONOTONIC, &now);
  TG_ASSERT(err == 0);
  return (uint64_t)now.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* --- comparing --- */

static void replay_differs(replay_t *r, uint64_t record_no, const tg_msg_t *expected, const tg_msg_t *got) {
  if (r->result->differences++ > 0) return;
  r->result->first.record_no = record_no;
  r->result->first.input = r->last_input;
  if (expected) r->result->first.expected = *expected;
  if (got) r->result->first.got = *got;
}

static void replay_compare(replay_t *r, uint64_t record_no, const tg_msg_t *expected, const tg_msg_t *got) {
  tg_msg_t a = *expected, b = *got;
  a.ring_lap = b.ring_lap = 0;
  if (memcmp(&a, &b, sizeof a) != 0) replay_differs(r, record_no, &a, &b);
}

static void wait_push(replay_t *r, const tg_msg_t *msg, uint64_t record_no) {
  TG_ASSERT(r->tail - r->head < TG_REPLAY_EXPECT);
  r->waiting[r->tail & (TG_REPLAY_EXPECT - 1)] = *msg;
  r->waiting_no[r->tail & (TG_REPLAY_EXPECT - 1)] = record_no;
  r->tail++;
}

/* What the core gave is not on the tape. */
static void replay_missing(replay_t *r) {
  for (; r->head < r->tail; r->head++) {
    uint64_t at = r->head & (TG_REPLAY_EXPECT - 1);
    replay_differs(r, r->waiting_no[at], NULL, &r->waiting[at]);
  }
}

/* --- fused --- */

static int fused_input(replay_t *r, const tg_tape_record_t *record) {
  replay_missing(r);
  r->last_input = record->msg;
  tg_msg_batch_t out = {r->out_mem, 0, OUT_CAP};
  int err = tg_core_step(r->core, &record->msg, &out);
  if (err) return err;
  for (uint32_t i = 0; i < out.cnt; i++) {
    tg_digest_add(&r->digest, &out.msg[i]);
    wait_push(r, &out.msg[i], record->record_no);
  }
  r->result->outputs += out.cnt;
  return 0;
}

static void fused_output(replay_t *r, const tg_tape_record_t *record) {
  if (r->head == r->tail) {
    replay_differs(r, record->record_no, &record->msg, NULL);
    return;
  }
  replay_compare(r, record->record_no, &record->msg, &r->waiting[r->head++ & (TG_REPLAY_EXPECT - 1)]);
}

/* --- split: the core on its own thread behind rings --- */

static void *split_main(void *arg) {
  replay_t *r = arg;
  tg_msg_t msg;
  uint64_t stepped = 0;
  for (;;) {
    /* `end` is read before the ring: when it is set, everything that will ever come lies in the ring already */
    bool end = atomic_load_explicit(&r->end, memory_order_seq_cst);
    if (tg_spsc_get(&r->in, &msg) != 0) {
      if (end) break;
      sched_yield();
      continue;
    }
    tg_msg_batch_t out = {r->out_mem, 0, OUT_CAP};
    int err = tg_core_step(r->core, &msg, &out);
    TG_ASSERT(err == 0); /* the batch is empty and larger than TG_CORE_OUT_MIN */
    for (uint32_t i = 0; i < out.cnt; i++) {
      while (tg_spsc_put(&r->out, &out.msg[i]) != 0) sched_yield();
    }
    /* release: pairs with split_record; the outputs above are in the ring */
    atomic_store_explicit(&r->stepped, ++stepped, memory_order_release);
  }
  tg_msg_init(&msg, TG_MSG_NONE, TG_INSTR_NONE, 0); /* kind 0: the last */
  while (tg_spsc_put(&r->out, &msg) != 0) sched_yield();
  return NULL;
}

/* Outputs given and outputs on the tape are compared in order as both arrive. */
static void split_match(replay_t *r) {
  for (; r->head < r->tail && r->expect_head < r->expect_tail; r->head++, r->expect_head++) {
    uint64_t at = r->expect_head & (TG_REPLAY_EXPECT - 1);
    replay_compare(r, r->expect_no[at], &r->expect[at], &r->waiting[r->head & (TG_REPLAY_EXPECT - 1)]);
  }
}

/* The oldest output of the tape that the core did not give. */
static void split_extra(replay_t *r) {
  uint64_t at = r->expect_head++ & (TG_REPLAY_EXPECT - 1);
  replay_differs(r, r->expect_no[at], &r->expect[at], NULL);
}

/* Takes what the core has given. False after its last word (`all`), else when nothing lies there. */
static bool split_collect(replay_t *r, bool all) {
  tg_msg_t got;
  for (;;) {
    if (tg_spsc_get(&r->out, &got) != 0) {
      if (!all) return true;
      sched_yield();
      continue;
    }
    if (got.kind == TG_MSG_NONE) return false;
    tg_digest_add(&r->digest, &got);
    r->result->outputs++;
    split_match(r);
    if (r->tail - r->head == TG_REPLAY_EXPECT) replay_missing(r); /* so many behind: the tape does not have them */
    wait_push(r, &got, r->in_no);
  }
}

static void split_record(replay_t *r, const tg_tape_record_t *record) {
  if (record->type == TG_TAPE_IN) {
    r->last_input = record->msg;
    r->in_no = record->record_no;
    while (tg_spsc_put(&r->in, &record->msg) != 0) {
      (void)split_collect(r, false); /* true: the thread's last word comes only after `end` */
      sched_yield();
    }
  } else {
    while (r->expect_tail - r->expect_head == TG_REPLAY_EXPECT) {
      /* acquire: when it has stepped over every input that it got, all that it gave lies in the ring */
      bool idle = atomic_load_explicit(&r->stepped, memory_order_acquire) == r->result->inputs;
      (void)split_collect(r, false);
      split_match(r);
      if (idle && r->expect_tail - r->expect_head == TG_REPLAY_EXPECT) split_extra(r);
      sched_yield();
    }
    r->expect[r->expect_tail & (TG_REPLAY_EXPECT - 1)] = record->msg;
    r->expect_no[r->expect_tail & (TG_REPLAY_EXPECT - 1)] = record->record_no;
    r->expect_tail++;
  }
  (void)split_collect(r, false);
  split_match(r);
}

/* --- the run --- */

static int replay_error(replay_t *r, int err, char *err_text, size_t err_cap) {
  int n = snprintf(err_text, err_cap, "%s: %s at byte %llu", tg_tape_reader_path(r->tape), tg_tape_reader_error(r->tape),
                   (unsigned long long)tg_tape_reader_offset(r->tape));
  return n < 0 ? -TG_EIO : err;
}

static int run_fused(replay_t *r, char *err_text, size_t err_cap) {
  tg_tape_record_t record;
  uint64_t start_ns = wall_ns();
  int rc;
  while ((rc = tg_tape_next(r->tape, &record)) == 1) {
    if (record.type == TG_TAPE_IN) {
      int err = fused_input(r, &record);
      if (err) return err;
      if ((++r->result->inputs & 0xFFFF) == 0 && r->cfg->progress)
        r->cfg->progress(r->cfg->user, r->result->inputs, wall_ns() - start_ns);
    } else {
      tg_digest_add(&r->tape_digest, &record.msg);
      fused_output(r, &record);
    }
  }
  r->result->truncated = rc == -TG_ETRUNCATED;
  if (rc < 0 && !r->result->truncated) return replay_error(r, rc, err_text, err_cap);
  if (!r->result->truncated) replay_missing(r);
  return 0;
}

static int run_split(replay_t *r, char *err_text, size_t err_cap) {
  if (pthread_create(&r->thread, NULL, split_main, r) != 0) return -TG_ENOMEM;
  tg_tape_record_t record;
  uint64_t start_ns = wall_ns();
  int rc;
  while ((rc = tg_tape_next(r->tape, &record)) == 1) {
    if (record.type == TG_TAPE_OUT) tg_digest_add(&r->tape_digest, &record.msg);
    split_record(r, &record);
    if (record.type == TG_TAPE_IN && (++r->result->inputs & 0xFFFF) == 0 && r->cfg->progress)
      r->cfg->progress(r->cfg->user, r->result->inputs, wall_ns() - start_ns);
  }
  atomic_store_explicit(&r->end, 1, memory_order_seq_cst);
  while (split_collect(r, true)) {
  }
  split_match(r);
  int err = pthread_join(r->thread, NULL);
  TG_ASSERT(err == 0);
  r->result->truncated = rc == -TG_ETRUNCATED;
  if (!r->result->truncated) replay_missing(r);
  while (r->expect_head < r->expect_tail) split_extra(r);
  return rc < 0 && !r->result->truncated ? replay_error(r, rc, err_text, err_cap) : 0;
}

/* Sizes of the core's tables, from the settings that lie at the start of every tape. */
static int replay_sizes(const char *path, tg_core_cfg_t *cfg, char *err_text, size_t err_cap) {
  tg_tape_reader_t *tape;
  int err = tg_tape_open(&tape, path, err_text, err_cap);
  if (err) return err;
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  uint32_t symbols = 0;
  bool found = false;
  tg_tape_record_t record;
  while (!found && tg_tape_next(tape, &record) == 1) {
    const tg_msg_t *msg = &record.msg;
    if (msg->kind == TG_CFG_SET && msg->u.cfg_set.scope == TG_SCOPE_ENGINE &&
        tg_core_conf_apply(&conf, msg->u.cfg_set.key_hash, msg->u.cfg_set.value) != 0)
      continue; /* the core counts it */
    if (msg->kind == TG_CFG_SYMBOL) symbols++;
    if (msg->kind == TG_CFG_DONE) found = true;
  }
  tg_tape_reader_close(tape);
  if (!found && symbols == 0) symbols = 1; /* a run that ended before it knew its instruments: no table was used */
  *cfg = tg_core_cfg_make(&conf, symbols);
  return 0;
}

static int replay_layout(replay_t *r, tg_arena_t *arena, const tg_core_cfg_t *cfg) {
  r->out_mem = TG_ARENA_NEW(arena, tg_msg_t, OUT_CAP);
  r->waiting = TG_ARENA_NEW(arena, tg_msg_t, TG_REPLAY_EXPECT);
  r->waiting_no = TG_ARENA_NEW(arena, uint64_t, TG_REPLAY_EXPECT);
  r->expect = TG_ARENA_NEW(arena, tg_msg_t, TG_REPLAY_EXPECT);
  r->expect_no = TG_ARENA_NEW(arena, uint64_t, TG_REPLAY_EXPECT);
  int err = tg_spsc_layout(arena, &r->in, RING_SLOTS);
  if (!err) err = tg_spsc_layout(arena, &r->out, RING_SLOTS);
  if (!err) err = tg_core_layout(arena, &r->core, cfg);
  return err ? err : arena->err;
}

static int replay_memory(replay_t *r, const tg_core_cfg_t *cfg) {
  tg_arena_t count;
  tg_arena_count(&count);
  int err = replay_layout(r, &count, cfg);
  if (!err) err = tg_arena_map(&r->arena, count.used_bytes);
  if (!err) err = replay_layout(r, &r->arena, cfg);
  return err;
}

int tg_replay_run(const char *path, const tg_replay_cfg_t *cfg, tg_replay_result_t *result, char *err_text, size_t err_cap) {
  static replay_t r; /* cache-line aligned rings inside; one replay at a time */
  memset(&r, 0, sizeof r);
  memset(result, 0, sizeof *result);
  err_text[0] = '\0';
  r.cfg = cfg;
  r.result = result;
  tg_core_cfg_t core_cfg;
  int err = replay_sizes(path, &core_cfg, err_text, err_cap);
  if (err) return err;
  err = tg_tape_open(&r.tape, path, err_text, err_cap);
  if (err) return err;
  result->head = *tg_tape_head(r.tape);
  err = replay_memory(&r, &core_cfg);
  if (!err) {
    tg_digest_init(&r.digest);
    tg_digest_init(&r.tape_digest);
    uint64_t start_ns = wall_ns();
    err = cfg->split ? run_split(&r, err_text, err_cap) : run_fused(&r, err_text, err_cap);
    result->core_ns = wall_ns() - start_ns;
    tg_digest_text(&r.digest, result->digest);
    tg_digest_text(&r.tape_digest, result->tape_digest);
  }
  if (err && err_text[0] == '\0' && snprintf(err_text, err_cap, "%s: %s", path, tg_err_text(err)) < 0) err = -TG_EIO;
  tg_tape_reader_close(r.tape);
  if (r.arena.base) tg_arena_unmap(&r.arena);
  return err;
}

/* intents.h - the store of intents: every order of ours belongs to one (engine/core/tickets.h opens them).
 * What:    a SQLite file of its own (run_dir/intents.sqlite) whose states move by compare-and-set only, and beside it a
 *          journal (run_dir/intents.jsonl): one JSON object a line, each with the SHA-256 of the line before, so that a
 *          changed, lost or added line is seen. Several processes may have it open; of two claims of one intent exactly one
 *          wins, because a claim is one write transaction of SQLite.
 * Owner:   tg_intents_open allocates, tg_intents_close frees.
 * Threads: one for each handle.
 * Limit:   TG_INTENTS_LIVE executing intents watched, TG_INTENTS_CHILDREN orders kept in memory between two commits.
 * Errors:  -TG_ECONFLICT another was first; -TG_EUNKNOWN the journal has the line, the store may not: open again, which
 * decides; -TG_EBUSY, -TG_ENOSPACE, -TG_EIO, -TG_ECORRUPT. After EUNKNOWN the handle is broken and refuses to write.
 *
 *   (core) ──▶ NEW ──▶ APPROVED ──▶ EXECUTING ──▶ EXECUTED, FAILED, EXPIRED
 *               ├────▶ REJECTED     │
 *               └────▶ EXPIRED ◀────┘            REJECTED, EXECUTED, FAILED, EXPIRED are never left
 *
 * Order of writes of one change: write transaction begun and the expected state read; journal line written; journal synced
 * (fdatasync); row and journal position written; committed with synchronous=FULL. Only then is the change acted upon. A crash
 * in between leaves at most one line more than the store knows: the next open (or change) puts it into the store. A torn
 * line at the end was never acted upon and is cut. Quantities filled and the orders' own rows are written every
 * TG_INTENTS_FLUSH_MS without a journal line: the tape has them. */
#ifndef TG_COLD_INTENTS_H
#define TG_COLD_INTENTS_H

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/cold/file_ops.h"
#include "engine/cold/names.h"
#include "engine/msg/msg.h"

#define TG_INTENTS_SCHEMA_VERSION 1
#define TG_INTENTS_FLUSH_MS 500
#define TG_INTENTS_BUSY_MS 2000 /* longest wait for another process's transaction */
#define TG_INTENTS_LIVE 512u
#define TG_INTENTS_CHILDREN 4096u
#define TG_INTENTS_WORD_BYTES 121 /* a reason, with its terminator */
#define TG_INTENT_NO_UID (-1)

typedef struct tg_intents tg_intents_t;

typedef struct tg_intents_cfg {
  const char *dir;              /* run directory, existing; copied */
  const tg_file_ops_t *ops;     /* of the journal; NULL: the kernel's */
  const tg_cold_names_t *names; /* NULL: plain */
  uint64_t stuck_ns;            /* executing for so long without an order or a fill; 0 = never told */
  uint8_t strategy;             /* engine.strategy_id */
  bool journal;                 /* intent.journal */
} tg_intents_cfg_t;

/* One intent. Quantities in lots of the instrument. */
typedef struct tg_intent_row {
  uint64_t id, parent_id;
  uint64_t opened_ns, changed_ns; /* engine time */
  uint64_t expires_ns;
  uint64_t claimed_epoch; /* run that executes it; 0 none */
  int64_t qty_lots, filled_lots;
  int64_t uid; /* of the person who approved or rejected; TG_INTENT_NO_UID none */
  uint32_t limits_version;
  uint16_t instr_idx;
  uint8_t side, state, reason, bits, strategy; /* tg_side_t, tg_ticket_state_t, tg_why_t, TG_TICKET_BIT_* */
  bool stuck;
  char symbol[24];
  char word[TG_INTENTS_WORD_BYTES]; /* reason of the last change */
} tg_intent_row_t;

typedef struct tg_intent_child {
  uint64_t client_id, intent_id;
  int64_t qty_lots, cum_lots;
  uint64_t placed_ns, changed_ns;
  uint8_t state, reason; /* tg_ord_state_t, tg_why_t */
} tg_intent_child_t;

/* Who says a change, and why. */
typedef struct tg_intent_word {
  int64_t uid;         /* TG_INTENT_NO_UID: the engine itself */
  const char *reason;  /* UTF-8, cut at TG_INTENTS_WORD_BYTES - 1 */
  uint64_t expires_ns; /* 0: as it is */
  uint64_t epoch;      /* of a claim (to EXECUTING): the run that executes */
  uint64_t now_ns;
} tg_intent_word_t;

typedef struct tg_intents_stats {
  uint64_t opened_cnt, change_cnt, conflict_cnt, child_cnt, dropped_cnt, stuck_cnt; /* stuck_cnt: ever told */
  uint64_t stuck_now;                                                               /* executing and stuck at this moment */
  uint64_t redone_cnt, cut_bytes; /* lines put into the store, bytes of a torn line cut, at opening */
  uint64_t journal_seq;
  int broken; /* 0 or the first error */
} tg_intents_stats_t;

/* Opens or makes both files; finishes what a crash left. err_text says in one line what to do. */
TG_MUST_USE int tg_intents_open(tg_intents_t **out, const tg_intents_cfg_t *cfg, char *err_text, size_t err_cap);
/* A run begins: intents of former runs are closed and never executed again: EXECUTING becomes EXECUTED when something was
 * filled, else FAILED; NEW and APPROVED become EXPIRED. Returns how many, or an error. */
TG_MUST_USE int64_t tg_intents_begin(tg_intents_t *intents, uint64_t epoch, uint64_t now_ns);
/* The run's clean end: the same with its own. */
TG_MUST_USE int64_t tg_intents_end(tg_intents_t *intents, uint64_t now_ns);
/* One message of the core's journal: CFG_SYMBOL, OUT_INTENT, OUT_CHILD, OUT_ORDER; others are passed over. 0, or the error that
 * broke the store, told once. */
TG_MUST_USE int tg_intents_on_msg(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns);
/* Writes what is due, looks for stuck ones. Same errors. */
TG_MUST_USE int tg_intents_turn(tg_intents_t *intents, uint64_t now_ns);
TG_MUST_USE int tg_intents_flush(tg_intents_t *intents);
/* Compare-and-set: from `expected` to `to`. 0; -TG_ENOTFOUND; -TG_ECONFLICT (it is not in `expected`); -TG_EINVAL (no such way
 * in the picture above); -TG_ESTALE (approve or claim, and its time is over at word->now_ns); -TG_EBUSY and the rest. */
TG_MUST_USE int tg_intents_cas(tg_intents_t *intents, uint64_t id, uint8_t expected, uint8_t to, const tg_intent_word_t *word);
/* A person approves: NEW -> APPROVED, then APPROVED -> EXECUTING claimed by word->epoch. Errors of tg_intents_cas; on an error
 * of the second step the intent stays APPROVED and is closed by the next start. */
TG_MUST_USE int tg_intents_approve(tg_intents_t *intents, uint64_t id, const tg_intent_word_t *word);
/* 0 or -TG_ENOTFOUND, -TG_EIO. */
TG_MUST_USE int tg_intents_get(tg_intents_t *intents, uint64_t id, tg_intent_row_t *out);
/* Newest first; state TG_TICKET_NONE = all. How many were written, or an error. */
TG_MUST_USE int64_t tg_intents_list(tg_intents_t *intents, uint8_t state, tg_intent_row_t *out, uint32_t cap);
TG_MUST_USE int64_t tg_intents_children(tg_intents_t *intents, uint64_t id, tg_intent_child_t *out, uint32_t cap);
/* Intents in a state. >= 0 or an error. */
TG_MUST_USE int64_t tg_intents_count(tg_intents_t *intents, uint8_t state);
void tg_intents_stats(const tg_intents_t *intents, tg_intents_stats_t *out);
/* Flushes, frees. 0 or the first error of its life. NULL is 0. */
TG_MUST_USE int tg_intents_close(tg_intents_t *intents);

/* ---- reconcile: the journal read from its first line against the store ---- */

#define TG_INTENTS_TEXT_BYTES 200
typedef struct tg_intents_diff {
  const char *what; /* CHAIN, LINE, SEQUENCE, TORN, TRANSITION, MISSING_IN_STORE, MISSING_IN_JOURNAL, FIELD, END */
  uint64_t line;    /* of the journal, from 1; 0 none */
  uint64_t id;      /* intent, 0 none */
  char text[TG_INTENTS_TEXT_BYTES];
} tg_intents_diff_t;

typedef struct tg_intents_recon {
  uint64_t lines, intents, diffs;
  uint8_t chain_ok, has_journal;
  char last_hash[65];
} tg_intents_recon_t;

/* Walks `dir`'s files; no engine needed, none disturbed (it holds SQLite's write lock for its time). Each difference is told to
 * `tell`. 0 also when there are differences (out->diffs); -TG_ENOTFOUND no store, -TG_EBUSY, -TG_EIO, -TG_ENOMEM. */
TG_MUST_USE int tg_intents_reconcile(const char *dir, void (*tell)(void *user, const tg_intents_diff_t *diff), void *user,
                                     tg_intents_recon_t *out);

#endif

/* store.h - cold state in SQLite: run epochs, orders, fills, round trips, transitions.
 * What:    fed with the journal's messages; survives the process; an independent second computation of the
 *          position from the fills, to be held against the core's and the venue's.
 * Owner:   tg_store_open allocates, tg_store_close frees; one engine at a time holds a store (-TG_EBUSY).
 * Threads: one.
 * Limit:   a transaction is committed when it is TG_STORE_COMMIT_MS old or holds TG_STORE_COMMIT_ROWS rows.
 * Errors:  the first failure to write is told once and kept ("broken"); committed rows stay.
 *
 * Durability: WAL. The epoch is committed with synchronous=FULL before the first order may leave, because client ids
 * must never repeat. Bulk rows are committed with synchronous=NORMAL: after a power cut the last transactions may be
 * missing here, but they are on the tape, which is the truth the store is rebuilt from. */
#ifndef TG_COLD_STORE_H
#define TG_COLD_STORE_H

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/cold/names.h"
#include "engine/msg/msg.h"

#define TG_STORE_SCHEMA_VERSION 2
#define TG_STORE_COMMIT_MS 200
#define TG_STORE_COMMIT_ROWS 4096 /* at the next turn; a turn of the cold lane brings at most 8192 messages */
#define TG_STORE_EPOCH_MAX ((UINT64_C(1) << 20) - 1) /* client ids keep 20 bits for it */

#define TG_STORE_MEMORY ":memory:" /* as a path: rows that nobody keeps, without a lock */

typedef struct tg_store tg_store_t;

/* What is known of a run when it starts. */
typedef struct tg_store_run {
  uint8_t mode; /* tg_mode_t */
  uint64_t started_ns, seed;
  const char *engine;        /* version and commit */
  const char *config_sha256; /* hex */
  const char *tape;          /* path of the first segment, "" none */
} tg_store_run_t;

/* Position of one instrument, from what it opened with, the fills and the adoptions. */
typedef struct tg_store_pos {
  int64_t qty_lots;    /* signed */
  int64_t cost_e8;     /* sum of px*qty of the open side, >= 0 for longs and shorts alike */
  int64_t realised_e8; /* before commission and funding */
  int64_t commission_e8;
  int64_t funding_e8;
  uint64_t fill_cnt;
  bool adopted;        /* a position was adopted from the venue at some point: qty and cost start there */
  bool opened;         /* it goes on from a former run: quantity, cost and totals start with those of RESTORE_POS */
  int64_t inside_lots; /* executed lots that an adopted position held already: they pay commission and move nothing */
} tg_store_pos_t;

typedef struct tg_store_stats {
  uint64_t rows, commits, fills, repeated_fills, orders, side_unknown;
  int broken; /* 0 or the first error */
} tg_store_stats_t;

/* Opens or makes `path`, upgrades an older schema, checks integrity ("quick_check"). 0, -TG_EBUSY (another engine),
 * -TG_EVERSION, -TG_ECORRUPT, -TG_ENOSPACE, -TG_EPERM, -TG_EIO, -TG_ENOMEM; err_text says what to do. *out NULL on error. */
TG_MUST_USE int tg_store_open(tg_store_t **out, const char *path, char *err_text, size_t err_cap);
/* The same for reading only (reports, tickgatectl without an engine). */
TG_MUST_USE int tg_store_open_read(tg_store_t **out, const char *path, char *err_text, size_t err_cap);
/* Takes the next run epoch (1, 2, ...) durably, before it returns; rows that follow belong to it.
 * 0, -TG_EFULL (20 bits used up), -TG_ENOSPACE, -TG_EIO. */
TG_MUST_USE int tg_store_next_epoch(tg_store_t *store, const tg_store_run_t *run, uint64_t *out_epoch);
/* Order states are read through these names (which are open); default tg_cold_names_plain. `names` outlives the store. */
void tg_store_set_names(tg_store_t *store, const tg_cold_names_t *names);
/* One message of the journal (in or out); kinds it does not keep are passed over. 0, or the error that broke the store,
 * told once; afterwards 0 and the message is lost to the store. */
TG_MUST_USE int tg_store_on_msg(tg_store_t *store, const tg_msg_t *msg);
/* Commits when due. Same errors, told once. */
TG_MUST_USE int tg_store_turn(tg_store_t *store, uint64_t now_ns);
/* Commits now. */
TG_MUST_USE int tg_store_commit(tg_store_t *store);
/* Marks the run as ended (exit code, outputs digest in hex, last time). 0 or error. */
TG_MUST_USE int tg_store_end_run(tg_store_t *store, uint64_t ended_ns, int exit_code, const char *digest);
/* Recomputes one instrument's position of this epoch from its fills (read back from the table). 0, -TG_ERANGE (overflow),
 * -TG_ENOTFOUND (instrument never described by CFG_SYMBOL), -TG_EIO. */
TG_MUST_USE int tg_store_position(tg_store_t *store, uint16_t instr_idx, tg_store_pos_t *out);
/* Orders of this epoch whose last state is open. instr TG_INSTR_NONE = all. >= 0 or -TG_EIO. */
TG_MUST_USE int64_t tg_store_open_orders(tg_store_t *store, uint16_t instr_idx);
/* Goes on writing a former run (recovery): rows that follow belong to `epoch`. When the store does not know it yet, `run`
 * describes it (and the next epoch will be a higher one); NULL: then -TG_ENOTFOUND. *journal_cnt: messages of its journal that
 * are in the store already; -1: not counted (a run of schema 1). 0, -TG_EIO, -TG_ENOSPACE. */
TG_MUST_USE int tg_store_resume(tg_store_t *store, uint64_t epoch, const tg_store_run_t *run, int64_t *journal_cnt);
/* A message of that journal that the store holds: nothing is written, but what follows may lean on it. */
void tg_store_pass(tg_store_t *store, const tg_msg_t *msg);
/* The resumed run ended by itself, as its tape proves. 0, -TG_EIO. */
TG_MUST_USE int tg_store_run_over(tg_store_t *store);
/* Newest run and whether it ended by itself; epoch 0: none. 0, -TG_EIO. */
TG_MUST_USE int tg_store_last_run(tg_store_t *store, uint64_t *epoch, bool *over);
/* Latest epoch in the store; 0 none. */
uint64_t tg_store_epoch(const tg_store_t *store);
void tg_store_stats(const tg_store_t *store, tg_store_stats_t *out);
/* Commits, truncates the WAL, frees. 0 or the first error of its life. NULL is 0. */
TG_MUST_USE int tg_store_close(tg_store_t *store);

#endif

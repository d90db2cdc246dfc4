/* intents_internal.h - what the files of the intent store share; not for others.
 * What:    the open database, the journal's position, what is kept in memory between two commits.
 * Owner:   intents.c.
 * Threads: one.
 * Errors:  see intents.h. */
#ifndef TG_COLD_INTENTS_INTERNAL_H
#define TG_COLD_INTENTS_INTERNAL_H

#include <sqlite3.h>

#include "engine/cold/intents.h"

#define TG_INTENTS_LINE_BYTES 4096
#define TG_INTENTS_PATH_BYTES 1100

/* Place in the journal: after the last whole, verified line. */
typedef struct tg_intents_pos {
  uint64_t seq, offset_bytes;
  char hash[65]; /* of that line; of the first line's prev: 64 zeros */
} tg_intents_pos_t;

/* One line of the journal, read. */
typedef struct tg_intents_line {
  uint64_t seq, ts_ns;
  uint8_t from;
  tg_intent_row_t row; /* as it is after the change; row.state is `to` */
  char prev[65], hash[65];
} tg_intents_line_t;

/* An executing intent under watch. */
typedef struct tg_intents_live {
  uint64_t id, progress_ns;
  int64_t filled_lots;
  bool dirty, stuck, reduce;
} tg_intents_live_t;

typedef struct tg_intents_memo {
  tg_intent_child_t child;
  uint16_t instr_idx;
  uint8_t side;
  bool dirty, ended, former; /* former: of an earlier run, its row is only updated */
} tg_intents_memo_t;

struct tg_intents {
  tg_intents_cfg_t cfg;
  char dir[TG_INTENTS_PATH_BYTES], path[TG_INTENTS_PATH_BYTES + 32], journal_path[TG_INTENTS_PATH_BYTES + 32];
  sqlite3 *db;
  int fd; /* of the journal; -1 */
  tg_intents_pos_t pos;
  uint64_t epoch, flushed_ns;
  char symbol[TG_INSTR_MAX][24];
  tg_intents_live_t live[TG_INTENTS_LIVE];
  uint32_t live_cnt;
  tg_intents_memo_t memo[TG_INTENTS_CHILDREN];
  uint32_t memo_cnt;
  bool dirty, told;
  tg_intents_stats_t stats;
};

/* May a state follow another? TG_TICKET_NONE is before the first. */
bool tg_intents_may(uint8_t from, uint8_t to);
/* Our error of an SQLite result. */
int tg_intents_err(int sqlite_result);
int tg_intents_sql(sqlite3 *db, const char *sql);
/* Number of meta key, `other` without one; negative error. */
int tg_intents_meta(sqlite3 *db, const char *key, uint64_t other, uint64_t *out);
/* A new intent, as the core opened it. 0, -TG_ECONFLICT (its id is there). */
TG_MUST_USE int tg_intents_insert(tg_intents_t *intents, tg_intent_row_t *row);
/* Writes the whole row. Inside a transaction. */
TG_MUST_USE int tg_intents_put_row(sqlite3 *db, const tg_intent_row_t *row);
TG_MUST_USE int tg_intents_get_row(sqlite3 *db, uint64_t id, tg_intent_row_t *out);
/* The columns of a SELECT made with TG_INTENTS_COLUMNS. */
#define TG_INTENTS_COLUMNS \
  "id,parent_id,instr,symbol,side,strategy,reason,bits,limits_version,qty_lots,filled_lots,state,opened_ns,changed_ns," \
  "expires_ns,claimed_epoch,uid,word,stuck"
void tg_intents_read_row(sqlite3_stmt *st, tg_intent_row_t *out);
TG_MUST_USE int tg_intents_put_pos(sqlite3 *db, const tg_intents_pos_t *pos);

/* ---- the journal (intents_journal.c) ---- */
void tg_intents_pos_start(tg_intents_pos_t *pos);
/* The line that makes `row` what it is, after `pos`, with its newline. Bytes, or -TG_ESIZE, -TG_ENOMEM. hash gets its own. */
TG_MUST_USE int tg_intents_line_print(const tg_intents_pos_t *pos, uint8_t from, const tg_intent_row_t *row, char *out,
                                      size_t cap, char hash[65]);
/* Reads and verifies one line (without newline) as the one after `pos`; moves pos behind it. 0, or -TG_ESYNTAX (unreadable),
 * -TG_ECORRUPT (hash or prev), -TG_EGAP (number). pos is unchanged on error; *out is filled as far as it could be read. */
TG_MUST_USE int tg_intents_line_read(tg_intents_pos_t *pos, const char *text, size_t len, tg_intents_line_t *out);
/* Opens or makes the file. 0 or error. */
TG_MUST_USE int tg_intents_journal_open(tg_intents_t *intents);
/* Inside a write transaction: brings pos to the journal's end, puts lines that the store does not know into it, cuts a torn
 * one. 0, -TG_ECORRUPT with text, other errors. */
TG_MUST_USE int tg_intents_journal_catch_up(tg_intents_t *intents, char *err_text, size_t err_cap);
/* Appends and syncs the line of a change; moves pos. On an error the file is cut back to pos; -TG_EUNKNOWN when that failed. */
TG_MUST_USE int tg_intents_journal_append(tg_intents_t *intents, uint8_t from, const tg_intent_row_t *row);
/* Cuts the file back to `pos` and makes that the place. 0 or -TG_EUNKNOWN. */
TG_MUST_USE int tg_intents_journal_back(tg_intents_t *intents, const tg_intents_pos_t *pos);

#endif

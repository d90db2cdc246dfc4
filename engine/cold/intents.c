/* The store of intents: its files, its one write path (compare-and-set) and its questions. */
#include "engine/cold/intents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cold/intents_internal.h"

static const char schema_sql[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta(key,value) VALUES('schema',1);"
    "CREATE TABLE IF NOT EXISTS intents(id INTEGER PRIMARY KEY, parent_id INTEGER, instr INTEGER, symbol TEXT, side INTEGER,"
    " strategy INTEGER, reason INTEGER, bits INTEGER, limits_version INTEGER, qty_lots INTEGER, filled_lots INTEGER,"
    " state INTEGER NOT NULL, opened_ns INTEGER, changed_ns INTEGER, expires_ns INTEGER, claimed_epoch INTEGER, uid INTEGER,"
    " word TEXT, stuck INTEGER DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS intents_state ON intents(state);"
    "CREATE TABLE IF NOT EXISTS children(client_id INTEGER PRIMARY KEY, intent_id INTEGER NOT NULL, instr INTEGER, side "
    "INTEGER,"
    " qty_lots INTEGER, cum_lots INTEGER, state INTEGER, reason INTEGER, placed_ns INTEGER, changed_ns INTEGER);"
    "CREATE INDEX IF NOT EXISTS children_intent ON children(intent_id);";

bool tg_intents_may(uint8_t from, uint8_t to) {
  static const uint8_t ways[TG_TICKET_CNT] = {
      [TG_TICKET_NONE] = 1u << TG_TICKET_NEW | 1u << TG_TICKET_APPROVED,
      [TG_TICKET_NEW] = 1u << TG_TICKET_APPROVED | 1u << TG_TICKET_REJECTED | 1u << TG_TICKET_EXPIRED,
      [TG_TICKET_APPROVED] = 1u << TG_TICKET_EXECUTING | 1u << TG_TICKET_EXPIRED,
      [TG_TICKET_EXECUTING] = 1u << TG_TICKET_EXECUTED | 1u << TG_TICKET_FAILED | 1u << TG_TICKET_EXPIRED,
  };
  return from < TG_TICKET_CNT && to < TG_TICKET_CNT && (ways[from] >> to & 1u);
}

int tg_intents_err(int sqlite_result) {
  switch (sqlite_result & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return -TG_EBUSY;
    case SQLITE_FULL:
      return -TG_ENOSPACE;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return -TG_EPERM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return -TG_ECORRUPT;
    case SQLITE_NOMEM:
      return -TG_ENOMEM;
    default:
      return -TG_EIO;
  }
}

int tg_intents_sql(sqlite3 *db, const char *sql) {
  return tg_intents_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int tg_intents_meta(sqlite3 *db, const char *key, uint64_t other, uint64_t *out) {
  sqlite3_stmt *st = NULL;
  *out = other;
  int rc = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key=?1", -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *out = (uint64_t)sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return tg_intents_err(rc);
}

int tg_intents_put_pos(sqlite3 *db, const tg_intents_pos_t *pos) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta(key,value) VALUES('journal_seq',?1),('journal_hash',?2)", -1,
                              &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)pos->seq);
    sqlite3_bind_text(st, 2, pos->hash, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  return tg_intents_err(rc);
}

int tg_intents_put_row(sqlite3 *db, const tg_intent_row_t *row) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db,
                              "INSERT OR REPLACE INTO intents(" TG_INTENTS_COLUMNS
                              ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
                              -1, &st, NULL);
  if (rc == SQLITE_OK) {
    const int64_t number[] = {(int64_t)row->id,
                              (int64_t)row->parent_id,
                              row->instr_idx,
                              0,
                              row->side,
                              row->strategy,
                              row->reason,
                              row->bits,
                              row->limits_version,
                              row->qty_lots,
                              row->filled_lots,
                              row->state,
                              (int64_t)row->opened_ns,
                              (int64_t)row->changed_ns,
                              (int64_t)row->expires_ns,
                              (int64_t)row->claimed_epoch,
                              row->uid,
                              0,
                              row->stuck};
    for (int i = 0; i < (int)TG_ARRAY_CNT(number); i++) sqlite3_bind_int64(st, i + 1, number[i]);
    sqlite3_bind_text(st, 4, row->symbol, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 18, row->word, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  return tg_intents_err(rc);
}

static void column_text(sqlite3_stmt *st, int column, char *out, size_t cap) {
  const unsigned char *text = sqlite3_column_text(st, column);
  int len = text ? snprintf(out, cap, "%s", (const char *)text) : 0;
  if (!text || len < 0) out[0] = '\0';
}

void tg_intents_read_row(sqlite3_stmt *st, tg_intent_row_t *out) {
  *out = (tg_intent_row_t){.id = (uint64_t)sqlite3_column_int64(st, 0),
                           .parent_id = (uint64_t)sqlite3_column_int64(st, 1),
                           .instr_idx = (uint16_t)sqlite3_column_int(st, 2),
                           .side = (uint8_t)sqlite3_column_int(st, 4),
                           .strategy = (uint8_t)sqlite3_column_int(st, 5),
                           .reason = (uint8_t)sqlite3_column_int(st, 6),
                           .bits = (uint8_t)sqlite3_column_int(st, 7),
                           .limits_version = (uint32_t)sqlite3_column_int64(st, 8),
                           .qty_lots = sqlite3_column_int64(st, 9),
                           .filled_lots = sqlite3_column_int64(st, 10),
                           .state = (uint8_t)sqlite3_column_int(st, 11),
                           .opened_ns = (uint64_t)sqlite3_column_int64(st, 12),
                           .changed_ns = (uint64_t)sqlite3_column_int64(st, 13),
                           .expires_ns = (uint64_t)sqlite3_column_int64(st, 14),
                           .claimed_epoch = (uint64_t)sqlite3_column_int64(st, 15),
                           .uid = sqlite3_column_int64(st, 16),
                           .stuck = sqlite3_column_int(st, 18) != 0};
  column_text(st, 3, out->symbol, sizeof out->symbol);
  column_text(st, 17, out->word, sizeof out->word);
}

int tg_intents_get_row(sqlite3 *db, uint64_t id, tg_intent_row_t *out) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, "SELECT " TG_INTENTS_COLUMNS " FROM intents WHERE id=?1", -1, &st, NULL);
  int err = -TG_ENOTFOUND;
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)id);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
      tg_intents_read_row(st, out);
      err = 0;
    }
  }
  sqlite3_finalize(st);
  return tg_intents_err(rc) != 0 ? tg_intents_err(rc) : err;
}

/* ---- the one way to change a state ---- */

static int broken(tg_intents_t *intents, int err) {
  if (intents->stats.broken == 0) intents->stats.broken = err;
  return err;
}

/* A write transaction with the journal's end in hand. What a crash of anybody left is put into the store first. */
static int begin_write(tg_intents_t *intents) {
  if (intents->stats.broken) return intents->stats.broken;
  char text[512];
  for (int round = 0; round < 3; round++) {
    tg_intents_pos_t pos = intents->pos;
    uint64_t redone = intents->stats.redone_cnt;
    int err = tg_intents_sql(intents->db, "BEGIN IMMEDIATE");
    if (err) return err;
    if (intents->fd < 0) return 0;
    err = tg_intents_journal_catch_up(intents, text, sizeof text);
    if (!err && redone == intents->stats.redone_cnt) return 0;
    if (!err) err = tg_intents_sql(intents->db, "COMMIT");
    if (err) {
      (void)tg_intents_sql(intents->db, "ROLLBACK");
      intents->pos = pos;
      return err == -TG_ECORRUPT ? broken(intents, err) : err;
    }
  }
  return -TG_EBUSY; /* others keep leaving work: they are in trouble, not we */
}

/* Journal, row, place, commit: the order of intents.h. The transaction is open and ends here. */
static int commit_change(tg_intents_t *intents, uint8_t from, tg_intent_row_t *row) {
  tg_intents_pos_t pos = intents->pos;
  int err = intents->fd >= 0 ? tg_intents_journal_append(intents, from, row) : 0;
  bool written = err == 0 && intents->fd >= 0;
  if (!err) err = tg_intents_put_row(intents->db, row);
  if (!err && written) err = tg_intents_put_pos(intents->db, &intents->pos);
  if (!err) err = tg_intents_sql(intents->db, "COMMIT");
  if (!err) {
    intents->stats.change_cnt++;
    intents->stats.journal_seq = intents->pos.seq;
    return 0;
  }
  /* a COMMIT that failed on the disk may have been done; the line is still ours to take back, the lock is held until ROLLBACK
   */
  if (written && tg_intents_journal_back(intents, &pos) != 0) err = -TG_EUNKNOWN;
  (void)tg_intents_sql(intents->db, "ROLLBACK");
  return err == -TG_EUNKNOWN ? broken(intents, err) : err;
}

static int refuse(tg_intents_t *intents, int err) {
  (void)tg_intents_sql(intents->db, "ROLLBACK");
  intents->stats.conflict_cnt += err == -TG_ECONFLICT;
  return err;
}

static void say(tg_intent_row_t *row, const tg_intent_word_t *word) {
  row->uid = word->uid;
  size_t len = word->reason ? strlen(word->reason) : 0;
  if (len >= sizeof row->word) {
    len = sizeof row->word - 1;
    while (len > 0 && ((unsigned char)word->reason[len] & 0xC0) == 0x80) len--; /* no half letters */
  }
  if (len > 0) memcpy(row->word, word->reason, len);
  row->word[len] = '\0';
}

static const tg_intents_live_t *live_find(const tg_intents_t *intents, uint64_t id) {
  for (uint32_t i = 0; i < intents->live_cnt; i++) {
    if (intents->live[i].id == id) return &intents->live[i];
  }
  return NULL;
}

int tg_intents_cas(tg_intents_t *intents, uint64_t id, uint8_t expected, uint8_t to, const tg_intent_word_t *word) {
  if (expected == TG_TICKET_NONE || !tg_intents_may(expected, to)) return -TG_EINVAL;
  int err = begin_write(intents);
  if (err) return err;
  tg_intent_row_t row;
  err = tg_intents_get_row(intents->db, id, &row);
  if (err) return refuse(intents, err);
  if (row.state != expected) return refuse(intents, -TG_ECONFLICT);
  bool forward = to == TG_TICKET_APPROVED || to == TG_TICKET_EXECUTING;
  uint64_t until_ns = word->expires_ns != 0 && word->expires_ns < row.expires_ns ? word->expires_ns : row.expires_ns;
  if (forward && word->now_ns >= until_ns) return refuse(intents, -TG_ESTALE);
  row.expires_ns = until_ns;
  row.state = to;
  row.changed_ns = word->now_ns;
  if (to == TG_TICKET_EXECUTING) row.claimed_epoch = word->epoch;
  if (to != TG_TICKET_EXECUTING || word->uid != TG_INTENT_NO_UID || row.word[0] == '\0') say(&row, word);
  const tg_intents_live_t *live = live_find(intents, id);
  if (live && live->filled_lots > row.filled_lots) row.filled_lots = live->filled_lots;
  if (to != TG_TICKET_EXECUTING) row.stuck = false;
  return commit_change(intents, expected, &row);
}

int tg_intents_approve(tg_intents_t *intents, uint64_t id, const tg_intent_word_t *word) {
  int err = tg_intents_cas(intents, id, TG_TICKET_NEW, TG_TICKET_APPROVED, word);
  return err ? err : tg_intents_cas(intents, id, TG_TICKET_APPROVED, TG_TICKET_EXECUTING, word);
}

int tg_intents_insert(tg_intents_t *intents, tg_intent_row_t *row) {
  int err = begin_write(intents);
  if (err) return err;
  tg_intent_row_t there;
  err = tg_intents_get_row(intents->db, row->id, &there);
  if (err != -TG_ENOTFOUND) return refuse(intents, err == 0 ? -TG_ECONFLICT : err);
  err = commit_change(intents, TG_TICKET_NONE, row);
  intents->stats.opened_cnt += err == 0;
  return err;
}

/* ---- questions ---- */

int tg_intents_get(tg_intents_t *intents, uint64_t id, tg_intent_row_t *out) {
  int err = tg_intents_get_row(intents->db, id, out);
  const tg_intents_live_t *live = err == 0 ? live_find(intents, id) : NULL;
  if (live) {
    out->filled_lots = live->filled_lots > out->filled_lots ? live->filled_lots : out->filled_lots;
    out->stuck = live->stuck;
  }
  return err;
}

int64_t tg_intents_list(tg_intents_t *intents, uint8_t state, tg_intent_row_t *out, uint32_t cap) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(intents->db,
                              "SELECT " TG_INTENTS_COLUMNS
                              " FROM intents WHERE ?1=0 OR state=?1 ORDER BY opened_ns DESC, id DESC LIMIT ?2",
                              -1, &st, NULL);
  uint32_t cnt = 0;
  if (rc == SQLITE_OK) {
    sqlite3_bind_int(st, 1, state);
    sqlite3_bind_int64(st, 2, cap);
    while (cnt < cap && (rc = sqlite3_step(st)) == SQLITE_ROW) {
      tg_intents_read_row(st, &out[cnt]);
      const tg_intents_live_t *live = live_find(intents, out[cnt].id);
      if (live) {
        if (live->filled_lots > out[cnt].filled_lots) out[cnt].filled_lots = live->filled_lots;
        out[cnt].stuck = live->stuck;
      }
      cnt++;
    }
  }
  sqlite3_finalize(st);
  int err = tg_intents_err(rc);
  return err ? err : (int64_t)cnt;
}

int64_t tg_intents_children(tg_intents_t *intents, uint64_t id, tg_intent_child_t *out, uint32_t cap) {
  int flushed = tg_intents_flush(intents);
  if (flushed && flushed != -TG_EBUSY) return flushed;
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(intents->db,
                              "SELECT client_id,intent_id,qty_lots,cum_lots,placed_ns,changed_ns,state,reason FROM children "
                              "WHERE intent_id=?1 ORDER BY placed_ns DESC, client_id DESC LIMIT ?2",
                              -1, &st, NULL);
  uint32_t cnt = 0;
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)id);
    sqlite3_bind_int64(st, 2, cap);
    while (cnt < cap && (rc = sqlite3_step(st)) == SQLITE_ROW) {
      out[cnt++] = (tg_intent_child_t){.client_id = (uint64_t)sqlite3_column_int64(st, 0),
                                       .intent_id = (uint64_t)sqlite3_column_int64(st, 1),
                                       .qty_lots = sqlite3_column_int64(st, 2),
                                       .cum_lots = sqlite3_column_int64(st, 3),
                                       .placed_ns = (uint64_t)sqlite3_column_int64(st, 4),
                                       .changed_ns = (uint64_t)sqlite3_column_int64(st, 5),
                                       .state = (uint8_t)sqlite3_column_int(st, 6),
                                       .reason = (uint8_t)sqlite3_column_int(st, 7)};
    }
  }
  sqlite3_finalize(st);
  int err = tg_intents_err(rc);
  return err ? err : (int64_t)cnt;
}

int64_t tg_intents_count(tg_intents_t *intents, uint8_t state) {
  sqlite3_stmt *st = NULL;
  int64_t cnt = 0;
  int rc = sqlite3_prepare_v2(intents->db, "SELECT count(*) FROM intents WHERE state=?1", -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int(st, 1, state);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) cnt = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  int err = tg_intents_err(rc);
  return err ? err : cnt;
}

void tg_intents_stats(const tg_intents_t *intents, tg_intents_stats_t *out) {
  *out = intents->stats;
  out->stuck_now = 0;
  for (uint32_t i = 0; i < intents->live_cnt; i++) out->stuck_now += intents->live[i].stuck;
}

/* ---- beginning and end ---- */

static int64_t close_all(tg_intents_t *intents, bool own, uint64_t now_ns, const char *why) {
  enum { AT_ONCE = 64 };
  tg_intent_row_t row[AT_ONCE];
  int64_t closed = 0;
  for (uint8_t state = TG_TICKET_NEW; state <= TG_TICKET_EXECUTING; state++) {
    if (state == TG_TICKET_REJECTED) continue;
    for (;;) {
      int64_t cnt = tg_intents_list(intents, state, row, AT_ONCE), done = 0;
      if (cnt < 0) return cnt;
      for (int64_t i = 0; i < cnt; i++) {
        if (!own && row[i].id >> 32 == intents->epoch) continue;
        tg_intent_word_t word = {.uid = TG_INTENT_NO_UID, .reason = why, .now_ns = now_ns};
        uint8_t to = state != TG_TICKET_EXECUTING ? TG_TICKET_EXPIRED
                     : row[i].filled_lots > 0     ? TG_TICKET_EXECUTED
                                                  : TG_TICKET_FAILED;
        int err = tg_intents_cas(intents, row[i].id, state, to, &word);
        if (err && err != -TG_ECONFLICT) return err;
        done += err == 0;
      }
      closed += done;
      if (cnt < AT_ONCE || done == 0) break;
    }
  }
  return closed;
}

/* What children say that the intent's own row does not know yet. */
static int fill_from_children(tg_intents_t *intents) {
  return tg_intents_sql(intents->db,
                        "UPDATE intents SET filled_lots=(SELECT sum(cum_lots) FROM children WHERE intent_id=intents.id) "
                        "WHERE state=4 AND (SELECT coalesce(sum(cum_lots),0) FROM children WHERE intent_id=intents.id)"
                        ">filled_lots");
}

int64_t tg_intents_begin(tg_intents_t *intents, uint64_t epoch, uint64_t now_ns) {
  intents->epoch = epoch;
  int err = fill_from_children(intents);
  return err ? err : close_all(intents, false, now_ns, "restart");
}

int64_t tg_intents_end(tg_intents_t *intents, uint64_t now_ns) {
  int err = tg_intents_flush(intents);
  return err ? err : close_all(intents, true, now_ns, "stop");
}

/* ---- open and close ---- */

static int open_db(tg_intents_t *intents) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int err = tg_intents_err(sqlite3_open_v2(intents->path, &intents->db, flags, NULL));
  if (err) return err;
  sqlite3_busy_timeout(intents->db, TG_INTENTS_BUSY_MS);
  err = tg_intents_sql(intents->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY");
  if (!err) err = tg_intents_sql(intents->db, "BEGIN IMMEDIATE");
  if (!err) err = tg_intents_sql(intents->db, schema_sql);
  uint64_t version = 0;
  if (!err) err = tg_intents_meta(intents->db, "schema", 0, &version);
  if (!err && version != TG_INTENTS_SCHEMA_VERSION) err = -TG_EVERSION;
  if (!err) return tg_intents_sql(intents->db, "COMMIT");
  (void)tg_intents_sql(intents->db, "ROLLBACK");
  return err;
}

static int recover(tg_intents_t *intents, char *err_text, size_t err_cap) {
  int err = tg_intents_sql(intents->db, "BEGIN IMMEDIATE");
  if (err) return err;
  err = tg_intents_journal_catch_up(intents, err_text, err_cap);
  if (!err) err = tg_intents_sql(intents->db, "COMMIT");
  if (err) (void)tg_intents_sql(intents->db, "ROLLBACK");
  intents->stats.journal_seq = intents->pos.seq;
  return err;
}

static void release(tg_intents_t *intents) {
  if (intents->fd >= 0) close(intents->fd);
  sqlite3_close(intents->db);
  free(intents);
}

int tg_intents_open(tg_intents_t **out, const tg_intents_cfg_t *cfg, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  tg_intents_t *intents = calloc(1, sizeof *intents);
  if (!intents) {
    snprintf(err_text, err_cap, "intents: no memory");
    return -TG_ENOMEM;
  }
  intents->cfg = *cfg;
  if (!intents->cfg.ops) intents->cfg.ops = &tg_file_ops_posix;
  if (!intents->cfg.names) intents->cfg.names = &tg_cold_names_plain;
  intents->fd = -1;
  tg_intents_pos_start(&intents->pos);
  int len = snprintf(intents->dir, sizeof intents->dir, "%s", cfg->dir);
  int err = len > 0 && (size_t)len < sizeof intents->dir ? 0 : -TG_ESIZE;
  snprintf(intents->path, sizeof intents->path, "%s/intents.sqlite", intents->dir);
  snprintf(intents->journal_path, sizeof intents->journal_path, "%s/intents.jsonl", intents->dir);
  if (!err) err = open_db(intents);
  if (!err && cfg->journal) err = tg_intents_journal_open(intents);
  if (!err && cfg->journal) err = recover(intents, err_text, err_cap);
  if (err) {
    if (err_cap && err_text[0] == '\0') snprintf(err_text, err_cap, "intents %s: %s", intents->path, tg_err_text(err));
    release(intents);
    return err;
  }
  *out = intents;
  return 0;
}

int tg_intents_close(tg_intents_t *intents) {
  if (!intents) return 0;
  int err = intents->stats.broken ? intents->stats.broken : tg_intents_flush(intents);
  release(intents);
  return err;
}

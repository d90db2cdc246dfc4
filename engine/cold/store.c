#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/cold/file_ops.h"
#include "engine/cold/store_internal.h"

static const char *const statement_sql[TG_ST_CNT] = {
#define ST(name, sql) sql,
    TG_STORE_STATEMENTS(ST)
#undef ST
};

int tg_store_err(int sqlite_result) {
  switch (sqlite_result & 0xFF) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return 0;
    case SQLITE_FULL:
      return -TG_ENOSPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return -TG_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return -TG_ECORRUPT;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return -TG_EPERM;
    case SQLITE_NOMEM:
      return -TG_ENOMEM;
    default:
      return -TG_EIO;
  }
}

int tg_store_failed(tg_store_t *store, int sqlite_result) {
  int rc = tg_store_err(sqlite_result);
  if (rc < 0 && store->stats.broken == 0) store->stats.broken = rc;
  return rc;
}

static int tell(tg_store_t *store) {
  if (store->stats.broken == 0 || store->told) return 0;
  store->told = true;
  return store->stats.broken;
}

int tg_store_sql(tg_store_t *store, const char *sql) {
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

int tg_store_ask(tg_store_t *store, const char *sql, int64_t other, int64_t *out) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
  *out = other;
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return tg_store_err(rc);
}

static int lock_take(tg_store_t *store, const char *path) {
  char lock[1100];
  snprintf(lock, sizeof lock, "%s.lock", path);
  store->lock_fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
  if (store->lock_fd < 0) return tg_file_err(errno);
  return flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -TG_EBUSY;
}

static int prepare_all(tg_store_t *store) {
  for (int i = 0; i < TG_ST_CNT; i++) {
    int rc = sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &store->st[i], NULL);
    if (rc != SQLITE_OK) return tg_store_err(rc);
  }
  return 0;
}

static int open_db(tg_store_t *store, const char *path, bool read_only) {
  int rc = read_only || strcmp(path, TG_STORE_MEMORY) == 0 ? 0 : lock_take(store, path);
  if (rc < 0) return rc;
  int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int result = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (result == SQLITE_CANTOPEN && read_only && access(path, F_OK) != 0) return -TG_ENOTFOUND;
  if (result != SQLITE_OK) return tg_store_err(result);
  sqlite3_busy_timeout(store->db, 2000); /* a reader's checkpoint; engines are kept apart by the lock */
  if (!read_only) {
    result = tg_store_sql(
        store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF");
    if (result != SQLITE_OK) return tg_store_err(result);
  }
  rc = tg_store_schema(store, !read_only);
  if (rc < 0) return rc;
  int64_t epoch;
  rc = tg_store_ask(store, "SELECT value FROM meta WHERE key='epoch'", 0, &epoch);
  store->epoch = (uint64_t)epoch;
  return rc < 0 || read_only ? rc : prepare_all(store);
}

static void release(tg_store_t *store) {
  for (int i = 0; i < TG_ST_CNT; i++) sqlite3_finalize(store->st[i]);
  sqlite3_close(store->db);
  if (store->lock_fd >= 0) close(store->lock_fd);
  free(store);
}

static const char *advice(int rc) {
  switch (rc) {
    case -TG_EBUSY:
      return "another engine uses it; stop that one or give this one its own engine.run_dir";
    case -TG_ENOSPACE:
      return "free room on this file system or set engine.run_dir elsewhere";
    case -TG_EPERM:
      return "make the directory and the file writable for this user";
    case -TG_EVERSION:
      return "it is no Tickgate store, or one of a newer version (or of an older one, which only the engine upgrades); move it "
             "away";
    case -TG_ECORRUPT:
      return "move it away and start afresh; the tapes hold the truth";
    default:
      return "look at the disk";
  }
}

static int open_store(tg_store_t **out, const char *path, bool read_only, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  tg_store_t *store = calloc(1, sizeof *store);
  if (!store) {
    snprintf(err_text, err_cap, "store: no memory");
    return -TG_ENOMEM;
  }
  store->lock_fd = -1;
  store->names = &tg_cold_names_plain;
  store->read_only = read_only;
  int rc = open_db(store, path, read_only);
  if (rc < 0) {
    snprintf(err_text, err_cap, "store %s: %s; %s", path, tg_err_text(rc), advice(rc));
    release(store);
    return rc;
  }
  *out = store;
  return 0;
}

int tg_store_open(tg_store_t **out, const char *path, char *err_text, size_t err_cap) {
  return open_store(out, path, false, err_text, err_cap);
}

int tg_store_open_read(tg_store_t **out, const char *path, char *err_text, size_t err_cap) {
  return open_store(out, path, true, err_text, err_cap);
}

void tg_store_set_names(tg_store_t *store, const tg_cold_names_t *names) {
  store->names = names;
}

static int insert_run(tg_store_t *store, const tg_store_run_t *run) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db,
                              "INSERT INTO runs(epoch,mode,started_ns,seed,engine,config_sha256,tape) "
                              "SELECT value,?1,?2,?3,?4,?5,?6 FROM meta WHERE key='epoch'",
                              -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_text(st, 1, tg_mode_name(run->mode), -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, (int64_t)run->started_ns);
    sqlite3_bind_int64(st, 3, (int64_t)run->seed);
    sqlite3_bind_text(st, 4, run->engine, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, run->config_sha256, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 6, run->tape, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  return tg_store_err(rc);
}

int tg_store_next_epoch(tg_store_t *store, const tg_store_run_t *run, uint64_t *out_epoch) {
  int64_t epoch = 0;
  /* FULL: the commit is on the disk before it returns; a power cut cannot give this epoch out twice */
  int rc = tg_store_err(tg_store_sql(store, "PRAGMA synchronous=FULL; BEGIN IMMEDIATE"));
  if (rc == 0) rc = tg_store_ask(store, "SELECT value FROM meta WHERE key='epoch'", -1, &epoch);
  if (rc == 0 && epoch < 0) rc = -TG_ECORRUPT;
  if (rc == 0 && (uint64_t)epoch >= TG_STORE_EPOCH_MAX) rc = -TG_EFULL;
  if (rc == 0) rc = tg_store_err(tg_store_sql(store, "UPDATE meta SET value=value+1 WHERE key='epoch'"));
  if (rc == 0) rc = insert_run(store, run);
  if (rc == 0) rc = tg_store_err(tg_store_sql(store, "COMMIT"));
  if (rc < 0) {
    (void)tg_store_sql(store, "ROLLBACK");
    return rc;
  }
  tg_store_forget_run(store);
  store->epoch = (uint64_t)epoch + 1;
  *out_epoch = store->epoch;
  return tg_store_err(tg_store_sql(store, "PRAGMA synchronous=NORMAL"));
}

/* How much of the journal the transaction holds, in the same transaction: a recovery goes on behind it. */
static int journal_mark(tg_store_t *store) {
  if (store->journal_cnt < 0) return 0;
  sqlite3_stmt *st = store->st[TG_ST_JOURNAL];
  sqlite3_reset(st);
  sqlite3_bind_int64(st, 1, (int64_t)store->epoch);
  sqlite3_bind_int64(st, 2, store->journal_cnt);
  int rc = sqlite3_step(st);
  int reset = sqlite3_reset(st);
  return tg_store_failed(store, rc == SQLITE_DONE ? reset : rc);
}

int tg_store_commit(tg_store_t *store) {
  if (store->stats.broken) return tell(store);
  int rc = 0;
  if (store->decisions_dirty && !store->in_transaction) {
    rc = tg_store_failed(store, tg_store_sql(store, "BEGIN"));
    store->in_transaction = rc == 0;
  }
  if (rc == 0) rc = tg_store_flush_decisions(store);
  if (rc == 0 && store->in_transaction) rc = journal_mark(store);
  if (rc == 0 && store->in_transaction) {
    rc = tg_store_failed(store, tg_store_sql(store, "COMMIT"));
    if (rc == 0) {
      store->stats.commits++;
      store->in_transaction = false;
    }
  }
  if (rc < 0 && store->in_transaction) {
    (void)tg_store_sql(store, "ROLLBACK");
    store->in_transaction = false;
  }
  store->pending = 0;
  return tell(store);
}

int tg_store_on_msg(tg_store_t *store, const tg_msg_t *msg) {
  if (store->stats.broken) return tell(store);
  if (store->journal_cnt >= 0) store->journal_cnt++;
  if (msg->kind < 128) store->input_kind = msg->kind;
  if (msg->kind == TG_OUT_DECISION) {
    tg_store_count_decision(store, &msg->u.out_decision);
    return 0;
  }
  if (!tg_store_wants(msg)) return 0;
  if (!store->in_transaction) {
    if (tg_store_failed(store, tg_store_sql(store, "BEGIN")) < 0) return tell(store);
    store->in_transaction = true;
    store->begun_ns = msg->ts_ns;
  }
  int rc = tg_store_row(store, msg);
  if (rc < 0) {
    (void)tg_store_sql(store, "ROLLBACK");
    store->in_transaction = false;
    return tell(store);
  }
  store->pending++;
  return 0;
}

int tg_store_turn(tg_store_t *store, uint64_t now_ns) {
  if (store->stats.broken) return tell(store);
  bool due = store->in_transaction || store->decisions_dirty;
  bool full = store->pending >= TG_STORE_COMMIT_ROWS;
  if (!due || (!full && now_ns < store->begun_ns + (uint64_t)(TG_STORE_COMMIT_MS * TG_NS_PER_MS))) return 0;
  store->begun_ns = now_ns;
  return tg_store_commit(store);
}

int tg_store_end_run(tg_store_t *store, uint64_t ended_ns, int exit_code, const char *digest) {
  int rc = tg_store_commit(store);
  if (rc < 0) return rc;
  sqlite3_stmt *st = NULL;
  int result =
      sqlite3_prepare_v2(store->db, "UPDATE runs SET ended_ns=?2,exit_code=?3,outputs_digest=?4 WHERE epoch=?1", -1, &st, NULL);
  if (result == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)store->epoch);
    sqlite3_bind_int64(st, 2, (int64_t)ended_ns);
    sqlite3_bind_int(st, 3, exit_code);
    sqlite3_bind_text(st, 4, digest, -1, SQLITE_STATIC);
    result = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  return tg_store_failed(store, result);
}

uint64_t tg_store_epoch(const tg_store_t *store) {
  return store->epoch;
}

void tg_store_stats(const tg_store_t *store, tg_store_stats_t *out) {
  *out = store->stats;
}

int tg_store_close(tg_store_t *store) {
  if (!store) return 0;
  if (!store->read_only) {
    int committed = tg_store_commit(store);
    if (committed == 0 && store->stats.broken == 0) {
      (void)tg_store_sql(store, "PRAGMA optimize");
      (void)tg_store_failed(store, sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    }
  }
  int rc = store->stats.broken;
  release(store);
  return rc;
}

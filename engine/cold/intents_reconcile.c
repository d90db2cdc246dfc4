/* The journal of intents read from its first line, against the store. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cold/intents_internal.h"

/* An intent as the journal's lines so far make it. */
typedef struct known {
  tg_intent_row_t row;
  uint64_t line;
  bool seen; /* in the store, too */
} known_t;

typedef struct walk {
  void (*tell)(void *user, const tg_intents_diff_t *diff);
  void *user;
  tg_intents_recon_t *out;
  known_t *known;
  size_t cnt, cap;
  uint32_t *slot; /* open addressing into known, UINT32_MAX empty */
  size_t slot_cap;
  sqlite3 *db;
} walk_t;

static void differ(walk_t *w, const char *what, uint64_t line, uint64_t id, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void differ(walk_t *w, const char *what, uint64_t line, uint64_t id, const char *format, ...) {
  tg_intents_diff_t diff = {.what = what, .line = line, .id = id};
  va_list args;
  va_start(args, format);
  int len = vsnprintf(diff.text, sizeof diff.text, format, args);
  va_end(args);
  if (len < 0) diff.text[0] = '\0';
  w->out->diffs++;
  if (w->tell) w->tell(w->user, &diff);
}

/* ---- what the journal makes ---- */

static size_t slot_of(const walk_t *w, uint64_t id) {
  size_t at = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (w->slot_cap - 1);
  while (w->slot[at] != UINT32_MAX && w->known[w->slot[at]].row.id != id) at = (at + 1) & (w->slot_cap - 1);
  return at;
}

static int grow(walk_t *w) {
  size_t cap = w->cap ? w->cap * 2 : 256;
  known_t *known = realloc(w->known, cap * sizeof *known);
  if (!known) return -TG_ENOMEM;
  w->known = known;
  w->cap = cap;
  uint32_t *slot = malloc(cap * 4 * sizeof *slot);
  if (!slot) return -TG_ENOMEM;
  free(w->slot);
  w->slot = slot;
  w->slot_cap = cap * 4;
  memset(slot, 0xFF, w->slot_cap * sizeof *slot);
  for (size_t i = 0; i < w->cnt; i++) slot[slot_of(w, known[i].row.id)] = (uint32_t)i;
  return 0;
}

static known_t *known_of(walk_t *w, uint64_t id) {
  if (w->slot_cap == 0) return NULL;
  uint32_t at = w->slot[slot_of(w, id)];
  return at == UINT32_MAX ? NULL : &w->known[at];
}

static int take(walk_t *w, const tg_intents_line_t *line, uint64_t line_no) {
  known_t *known = known_of(w, line->row.id);
  uint8_t before = known ? known->row.state : TG_TICKET_NONE;
  if (line->from != before)
    differ(w, "TRANSITION", line_no, line->row.id, "from %s, but the lines before leave it %s",
           tg_ticket_state_name(line->from), tg_ticket_state_name(before));
  if (!tg_intents_may(line->from, line->row.state))
    differ(w, "TRANSITION", line_no, line->row.id, "no way leads from %s to %s", tg_ticket_state_name(line->from),
           tg_ticket_state_name(line->row.state));
  if (!known) {
    if (w->cnt == w->cap) {
      int err = grow(w);
      if (err) return err;
    }
    size_t at = slot_of(w, line->row.id);
    w->slot[at] = (uint32_t)w->cnt;
    known = &w->known[w->cnt++];
    memset(known, 0, sizeof *known);
  }
  known->row = line->row;
  known->line = line_no;
  return 0;
}

static void bad_line(walk_t *w, int err, uint64_t line_no, const tg_intents_line_t *line, const tg_intents_pos_t *pos) {
  w->out->chain_ok = 0;
  if (err == -TG_ESYNTAX) {
    differ(w, "LINE", line_no, 0, "cannot be read as a line of this journal");
  } else if (err == -TG_EGAP) {
    differ(w, "SEQUENCE", line_no, line->row.id,
           "number %" PRIu64 " where %" PRIu64 " was due: a line is missing, added or moved", line->seq, pos->seq + 1);
  } else {
    differ(w, "CHAIN", line_no, line->row.id, "its hash, or that of the line before, does not fit: the line was changed");
  }
}

/* After a bad line the chain goes on from what that line says of itself, so that one fault is told once. */
static void resume(tg_intents_pos_t *pos, const tg_intents_line_t *line, size_t len) {
  pos->seq = line->seq != 0 ? line->seq : pos->seq + 1;
  pos->offset_bytes += len + 1;
  if (line->hash[0] != '\0') memcpy(pos->hash, line->hash, sizeof pos->hash);
}

static int walk_text(walk_t *w, const char *text, size_t len, tg_intents_pos_t *pos) {
  const char *at = text, *end = text + len;
  bool lost = false; /* a line could not be read: the next one's prev is not ours to judge */
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline) {
      differ(w, "TORN", w->out->lines + 1, 0, "%zu bytes without an end: cut at the next start", (size_t)(end - at));
      break;
    }
    size_t line_len = (size_t)(newline - at);
    uint64_t line_no = ++w->out->lines;
    tg_intents_line_t line;
    int err = tg_intents_line_read(pos, at, line_len, &line);
    if (err && lost && line.row.id != 0 && strlen(line.prev) == 64) {
      memcpy(pos->hash, line.prev, sizeof line.prev);
      pos->seq = line.seq - 1;
      err = tg_intents_line_read(pos, at, line_len, &line);
    }
    lost = err == -TG_ESYNTAX;
    if (err) {
      bad_line(w, err, line_no, &line, pos);
      resume(pos, &line, line_len);
    }
    if (err != -TG_ESYNTAX && (err = take(w, &line, line_no)) != 0) return err;
    at = newline + 1;
  }
  return 0;
}

static int read_file(const char *path, char **text, size_t *len) {
  *text = NULL;
  *len = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return tg_file_err(errno);
  off_t size = lseek(fd, 0, SEEK_END);
  char *buf = size >= 0 ? malloc((size_t)size + 1) : NULL;
  int err = size < 0 ? -TG_EIO : buf ? 0 : -TG_ENOMEM;
  for (size_t got = 0; !err && got < (size_t)size;) {
    ssize_t n = pread(fd, buf + got, (size_t)size - got, (off_t)got);
    if (n <= 0) err = -TG_EIO;
    if (n > 0) got += (size_t)n;
  }
  close(fd);
  if (err) {
    free(buf);
    return err;
  }
  *text = buf;
  *len = (size_t)size;
  return 0;
}

/* ---- the store against it ---- */

#define SAME(w, known, stored, field, format) \
  do { \
    if ((known)->row.field != (stored)->field) \
      differ(w, "FIELD", (known)->line, (stored)->id, #field ": journal " format ", store " format, (known)->row.field, \
             (stored)->field); \
  } while (0)

static int64_t ordered_lots(sqlite3 *db, uint64_t id) {
  sqlite3_stmt *st = NULL;
  int64_t lots = 0;
  if (sqlite3_prepare_v2(db, "SELECT coalesce(sum(qty_lots),0) FROM children WHERE intent_id=?1", -1, &st, NULL) == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)id);
    if (sqlite3_step(st) == SQLITE_ROW) lots = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return lots;
}

static void compare(walk_t *w, const tg_intent_row_t *stored) {
  known_t *known = known_of(w, stored->id);
  w->out->intents++;
  if (!known) {
    differ(w, "MISSING_IN_JOURNAL", 0, stored->id, "the store has it, %s", tg_ticket_state_name(stored->state));
    return;
  }
  known->seen = true;
  if (known->row.state != stored->state)
    differ(w, "FIELD", known->line, stored->id, "state: journal %s, store %s", tg_ticket_state_name(known->row.state),
           tg_ticket_state_name(stored->state));
  SAME(w, known, stored, parent_id, "%" PRIx64);
  SAME(w, known, stored, qty_lots, "%" PRId64);
  SAME(w, known, stored, expires_ns, "%" PRIu64);
  SAME(w, known, stored, opened_ns, "%" PRIu64);
  SAME(w, known, stored, changed_ns, "%" PRIu64);
  SAME(w, known, stored, claimed_epoch, "%" PRIu64);
  SAME(w, known, stored, uid, "%" PRId64);
  SAME(w, known, stored, limits_version, "%" PRIu32);
  SAME(w, known, stored, instr_idx, "%u");
  SAME(w, known, stored, side, "%u");
  SAME(w, known, stored, strategy, "%u");
  SAME(w, known, stored, reason, "%u");
  SAME(w, known, stored, bits, "%u");
  if (strcmp(known->row.symbol, stored->symbol) != 0)
    differ(w, "FIELD", known->line, stored->id, "symbol: journal %s, store %s", known->row.symbol, stored->symbol);
  if (strcmp(known->row.word, stored->word) != 0)
    differ(w, "FIELD", known->line, stored->id, "word: journal \"%.60s\", store \"%.60s\"", known->row.word, stored->word);
  /* fills are written between two lines, so the store may be ahead, but not behind, nor beyond what was ordered */
  int64_t filled = stored->filled_lots;
  if (filled < known->row.filled_lots || (filled > known->row.filled_lots && filled > ordered_lots(w->db, stored->id)))
    differ(w, "FIELD", known->line, stored->id, "filled_lots: journal %" PRId64 ", store %" PRId64, known->row.filled_lots,
           filled);
}

static int compare_all(walk_t *w, bool has_journal) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(w->db, "SELECT " TG_INTENTS_COLUMNS " FROM intents ORDER BY id", -1, &st, NULL);
  while (rc == SQLITE_OK || rc == SQLITE_ROW) {
    rc = sqlite3_step(st);
    if (rc != SQLITE_ROW) break;
    tg_intent_row_t row;
    tg_intents_read_row(st, &row);
    if (has_journal) {
      compare(w, &row);
    } else {
      w->out->intents++;
    }
  }
  sqlite3_finalize(st);
  for (size_t i = 0; i < w->cnt; i++) {
    if (!w->known[i].seen)
      differ(w, "MISSING_IN_STORE", w->known[i].line, w->known[i].row.id, "the journal has it, %s",
             tg_ticket_state_name(w->known[i].row.state));
  }
  return tg_intents_err(rc);
}

static int meta_hash(sqlite3 *db, char out[65]) {
  sqlite3_stmt *st = NULL;
  out[0] = '\0';
  int rc = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key='journal_hash'", -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  if (rc == SQLITE_ROW && sqlite3_column_text(st, 0)) snprintf(out, 65, "%s", (const char *)sqlite3_column_text(st, 0));
  sqlite3_finalize(st);
  return tg_intents_err(rc);
}

/* The store's own note of the last line: an end that was cut off shows here. */
static int compare_end(walk_t *w, const tg_intents_pos_t *pos) {
  uint64_t seq;
  char hash[65];
  int err = tg_intents_meta(w->db, "journal_seq", 0, &seq);
  if (!err) err = meta_hash(w->db, hash);
  if (err) return err;
  if (seq != pos->seq) {
    differ(w, "END", w->out->lines, 0, "the journal ends with number %" PRIu64 ", the store knows %" PRIu64, pos->seq, seq);
  } else if (seq != 0 && strcmp(hash, pos->hash) != 0) {
    differ(w, "END", w->out->lines, 0, "the last line's hash is not the one that the store knows");
  }
  return 0;
}

static int open_both(walk_t *w, const char *dir, bool *locked) {
  char path[TG_INTENTS_PATH_BYTES + 32];
  int len = snprintf(path, sizeof path, "%s/intents.sqlite", dir);
  if (len < 0 || (size_t)len >= sizeof path) return -TG_ESIZE;
  if (access(path, F_OK) != 0) return -TG_ENOTFOUND;
  int err = tg_intents_err(sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
  if (err) return err;
  sqlite3_busy_timeout(w->db, TG_INTENTS_BUSY_MS);
  err = tg_intents_sql(w->db, "BEGIN IMMEDIATE"); /* nobody moves while we look */
  if (err == -TG_EPERM) err = tg_intents_sql(w->db, "BEGIN");
  *locked = err == 0;
  return err;
}

int tg_intents_reconcile(const char *dir, void (*tell)(void *user, const tg_intents_diff_t *diff), void *user,
                         tg_intents_recon_t *out) {
  *out = (tg_intents_recon_t){.chain_ok = 1};
  walk_t w = {.tell = tell, .user = user, .out = out};
  bool locked = false;
  char path[TG_INTENTS_PATH_BYTES + 32], *text = NULL;
  size_t len = 0;
  int err = open_both(&w, dir, &locked);
  snprintf(path, sizeof path, "%s/intents.jsonl", dir);
  if (!err) err = read_file(path, &text, &len);
  uint64_t seq = 0;
  if (err == -TG_ENOTFOUND && locked) { /* intent.journal = false, or it was taken away */
    err = tg_intents_meta(w.db, "journal_seq", 0, &seq);
    if (!err && seq != 0) differ(&w, "END", 0, 0, "there is no journal, but the store knows %" PRIu64 " lines of it", seq);
    if (!err) err = compare_all(&w, false);
  } else if (!err) {
    out->has_journal = 1;
    tg_intents_pos_t pos;
    tg_intents_pos_start(&pos);
    err = walk_text(&w, text, len, &pos);
    memcpy(out->last_hash, pos.hash, sizeof out->last_hash);
    if (!err) err = compare_all(&w, true);
    if (!err) err = compare_end(&w, &pos);
  }
  if (locked) (void)tg_intents_sql(w.db, "ROLLBACK");
  sqlite3_close(w.db);
  free(text);
  free(w.known);
  free(w.slot);
  return err;
}

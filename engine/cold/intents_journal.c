/* The journal of intents: JSON lines, each carrying the hash of the one before. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/sha256.h"
#include "engine/cold/intents_internal.h"

void tg_intents_pos_start(tg_intents_pos_t *pos) {
  *pos = (tg_intents_pos_t){0};
  memset(pos->hash, '0', 64);
}

/* ---- one line ---- */

int tg_intents_line_print(const tg_intents_pos_t *pos, uint8_t from, const tg_intent_row_t *row, char *out, size_t cap,
                          char hash[65]) {
  json_t *symbol = json_string(row->symbol), *word = json_string(row->word);
  char *symbol_text = symbol ? json_dumps(symbol, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
  char *word_text = word ? json_dumps(word, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
  json_decref(symbol);
  json_decref(word);
  int len = -1;
  if (symbol_text && word_text)
    len = snprintf(
        out, cap,
        "{\"seq\":%" PRIu64 ",\"ts_ns\":%" PRIu64 ",\"id\":\"%016" PRIx64 "\",\"parent\":\"%016" PRIx64
        "\",\"from\":\"%s\",\"to\":\"%s\",\"instr\":%u,\"symbol\":%s,\"side\":\"%s\",\"strategy\":%u,\"reason\":%u,"
        "\"bits\":%u,\"limits_version\":%" PRIu32 ",\"qty_lots\":%" PRId64 ",\"filled_lots\":%" PRId64 ",\"opened_ns\":%" PRIu64
        ",\"expires_ns\":%" PRIu64 ",\"claimed_epoch\":%" PRIu64 ",\"uid\":%" PRId64 ",\"word\":%s,\"prev\":\"%s\"",
        pos->seq + 1, row->changed_ns, row->id, row->parent_id, tg_ticket_state_name(from), tg_ticket_state_name(row->state),
        (unsigned)row->instr_idx, symbol_text, row->side == TG_SELL ? "SELL" : "BUY", (unsigned)row->strategy,
        (unsigned)row->reason, (unsigned)row->bits, row->limits_version, row->qty_lots, row->filled_lots, row->opened_ns,
        row->expires_ns, row->claimed_epoch, row->uid, word_text, pos->hash);
  free(symbol_text);
  free(word_text);
  if (len < 0) return -TG_ENOMEM;
  if ((size_t)len + 80 > cap) return -TG_ESIZE;
  uint8_t digest[TG_SHA256_BYTES];
  tg_sha256(out, (size_t)len, digest);
  tg_sha256_hex(digest, hash);
  int tail = snprintf(out + len, cap - (size_t)len, ",\"hash\":\"%s\"}\n", hash);
  return tail < 0 ? -TG_ENOMEM : len + tail;
}

static bool take_u64(const json_t *object, const char *key, uint64_t *out) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

static bool take_i64(const json_t *object, const char *key, int64_t *out) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) return false;
  *out = (int64_t)json_integer_value(value);
  return true;
}

static bool take_small(const json_t *object, const char *key, uint64_t max, uint64_t *out) {
  return take_u64(object, key, out) && *out <= max;
}

static bool take_hex(const json_t *object, const char *key, uint64_t *out) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) return false;
  *out = strtoull(text, NULL, 16);
  return true;
}

static bool take_text(const json_t *object, const char *key, char *out, size_t cap) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text || strlen(text) >= cap) return false;
  memcpy(out, text, strlen(text) + 1);
  return true;
}

static bool take_state(const json_t *object, const char *key, uint8_t *out) {
  const char *text = json_string_value(json_object_get(object, key));
  for (unsigned i = 0; text && i < TG_TICKET_CNT; i++) {
    if (strcmp(text, tg_ticket_state_name(i)) != 0) continue;
    *out = (uint8_t)i;
    return true;
  }
  return false;
}

static bool take_row(const json_t *object, tg_intents_line_t *out) {
  tg_intent_row_t *row = &out->row;
  uint64_t instr, strategy, reason, bits, version;
  const char *side = json_string_value(json_object_get(object, "side"));
  bool ok = take_u64(object, "seq", &out->seq) && take_u64(object, "ts_ns", &out->ts_ns) && take_hex(object, "id", &row->id) &&
            take_hex(object, "parent", &row->parent_id) && take_state(object, "from", &out->from) &&
            take_state(object, "to", &row->state) && take_small(object, "instr", UINT16_MAX, &instr) &&
            take_text(object, "symbol", row->symbol, sizeof row->symbol) && side &&
            take_small(object, "strategy", UINT8_MAX, &strategy) && take_small(object, "reason", UINT8_MAX, &reason) &&
            take_small(object, "bits", UINT8_MAX, &bits) && take_small(object, "limits_version", UINT32_MAX, &version) &&
            take_i64(object, "qty_lots", &row->qty_lots) && take_i64(object, "filled_lots", &row->filled_lots) &&
            take_u64(object, "opened_ns", &row->opened_ns) && take_u64(object, "expires_ns", &row->expires_ns) &&
            take_u64(object, "claimed_epoch", &row->claimed_epoch) && take_i64(object, "uid", &row->uid) &&
            take_text(object, "word", row->word, sizeof row->word) && take_text(object, "prev", out->prev, sizeof out->prev) &&
            take_text(object, "hash", out->hash, sizeof out->hash);
  if (!ok) return false;
  row->changed_ns = out->ts_ns;
  row->instr_idx = (uint16_t)instr;
  row->side = strcmp(side, "SELL") == 0 ? TG_SELL : TG_BUY;
  row->strategy = (uint8_t)strategy;
  row->reason = (uint8_t)reason;
  row->bits = (uint8_t)bits;
  row->limits_version = (uint32_t)version;
  return true;
}

int tg_intents_line_read(tg_intents_pos_t *pos, const char *text, size_t len, tg_intents_line_t *out) {
  static const char tail[] = ",\"hash\":\"";
  enum { TAIL_BYTES = sizeof tail - 1 + 64 + 2 };
  memset(out, 0, sizeof *out);
  json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
  bool readable = object && take_row(object, out);
  json_decref(object);
  if (!readable || len < TAIL_BYTES || memcmp(text + len - TAIL_BYTES, tail, sizeof tail - 1) != 0) return -TG_ESYNTAX;
  uint8_t digest[TG_SHA256_BYTES];
  char hex[65];
  tg_sha256(text, len - TAIL_BYTES, digest);
  tg_sha256_hex(digest, hex);
  if (strcmp(hex, out->hash) != 0 || memcmp(text + len - 66, hex, 64) != 0) return -TG_ECORRUPT;
  if (strcmp(out->prev, pos->hash) != 0) return out->seq == pos->seq + 1 ? -TG_ECORRUPT : -TG_EGAP;
  if (out->seq != pos->seq + 1) return -TG_EGAP;
  pos->seq++;
  pos->offset_bytes += len + 1;
  memcpy(pos->hash, hex, sizeof hex);
  return 0;
}

/* ---- the file ---- */

int tg_intents_journal_open(tg_intents_t *intents) {
  const tg_file_ops_t *ops = intents->cfg.ops;
  enum { TRIES = 2 }; /* another process may make it in between */
  for (int i = 0; i < TRIES; i++) {
    intents->fd = open(intents->journal_path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (intents->fd >= 0) return 0;
    if (errno != ENOENT) return tg_file_err(errno);
    int fd = ops->create(ops->user, intents->journal_path);
    if (fd == -TG_EEXISTS) continue;
    if (fd < 0) return fd;
    intents->fd = fd;
    if (fcntl(fd, F_SETFL, O_APPEND) != 0) return tg_file_err(errno); /* two processes never write over each other */
    return ops->sync_dir(ops->user, intents->dir);
  }
  return -TG_EBUSY;
}

static int size_of(const tg_intents_t *intents, uint64_t *out) {
  struct stat st;
  if (fstat(intents->fd, &st) != 0) return tg_file_err(errno);
  *out = (uint64_t)st.st_size;
  return 0;
}

/* Bytes from `offset` to the end; *out is the caller's to free. */
static int read_rest(const tg_intents_t *intents, uint64_t offset, uint64_t size, char **out) {
  size_t want = (size_t)(size - offset), got = 0;
  char *text = malloc(want + 1);
  if (!text) return -TG_ENOMEM;
  while (got < want) {
    ssize_t n = pread(intents->fd, text + got, want - got, (off_t)(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      free(text);
      return n < 0 ? tg_file_err(errno) : -TG_EIO;
    }
    got += (size_t)n;
  }
  text[want] = '\0';
  *out = text;
  return 0;
}

static int cut(tg_intents_t *intents, uint64_t size) {
  const tg_file_ops_t *ops = intents->cfg.ops;
  intents->stats.cut_bytes += size - intents->pos.offset_bytes;
  int err = ops->truncate(ops->user, intents->fd, intents->pos.offset_bytes);
  return err ? err : ops->sync(ops->user, intents->fd);
}

/* A line that the store does not know was never acted upon, or the crash came right after it: the store takes it over. */
static int redo(tg_intents_t *intents, const tg_intents_line_t *line) {
  tg_intent_row_t stored;
  int err = tg_intents_get_row(intents->db, line->row.id, &stored);
  tg_intent_row_t row = line->row;
  if (err == 0 && stored.filled_lots > row.filled_lots) row.filled_lots = stored.filled_lots;
  if (err == 0 || err == -TG_ENOTFOUND) err = tg_intents_put_row(intents->db, &row);
  if (!err) err = tg_intents_put_pos(intents->db, &intents->pos);
  intents->stats.redone_cnt += err == 0;
  return err;
}

static int corrupt(const tg_intents_t *intents, uint64_t line, const char *what, char *err_text, size_t err_cap) {
  snprintf(err_text, err_cap,
           "intents journal %s: line %" PRIu64 ": %s; `tickgatectl intents reconcile` tells more, then move %s away",
           intents->journal_path, line, what, "intents.*");
  return -TG_ECORRUPT;
}

int tg_intents_journal_catch_up(tg_intents_t *intents, char *err_text, size_t err_cap) {
  uint64_t size = 0, known = 0;
  int err = size_of(intents, &size);
  if (!err) err = tg_intents_meta(intents->db, "journal_seq", 0, &known);
  if (err) return err;
  if (size == intents->pos.offset_bytes && known <= intents->pos.seq) return 0;
  if (size < intents->pos.offset_bytes) return corrupt(intents, intents->pos.seq, "the file was cut", err_text, err_cap);
  char *text = NULL;
  err = read_rest(intents, intents->pos.offset_bytes, size, &text);
  if (err) return err;
  const char *at = text, *end = text + (size - intents->pos.offset_bytes);
  while (at < end && !err) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    tg_intents_line_t line;
    err = newline ? tg_intents_line_read(&intents->pos, at, (size_t)(newline - at), &line) : -TG_ETRUNCATED;
    bool last = !newline || newline + 1 == end;
    if (err && last && intents->pos.seq >= known) { /* written, not synced, when the power went: nobody acted upon it */
      err = cut(intents, size);
      break;
    }
    if (err) {
      err =
          corrupt(intents, intents->pos.seq + 1, newline ? tg_err_text(err) : "torn, and the store knew it", err_text, err_cap);
      break;
    }
    if (line.seq > known) err = redo(intents, &line);
    at = newline + 1;
  }
  free(text);
  if (!err && intents->pos.seq < known)
    err = corrupt(intents, intents->pos.seq + 1, "missing: the store knows more lines than there are", err_text, err_cap);
  return err;
}

int tg_intents_journal_back(tg_intents_t *intents, const tg_intents_pos_t *pos) {
  const tg_file_ops_t *ops = intents->cfg.ops;
  int err = ops->truncate(ops->user, intents->fd, pos->offset_bytes);
  if (!err) err = ops->sync(ops->user, intents->fd);
  intents->pos = *pos;
  return err ? -TG_EUNKNOWN : 0;
}

int tg_intents_journal_append(tg_intents_t *intents, uint8_t from, const tg_intent_row_t *row) {
  const tg_file_ops_t *ops = intents->cfg.ops;
  char line[TG_INTENTS_LINE_BYTES], hash[65];
  int len = tg_intents_line_print(&intents->pos, from, row, line, sizeof line, hash);
  if (len < 0) return len;
  int err = tg_file_write_all(ops, intents->fd, line, (size_t)len);
  if (!err) err = ops->sync(ops->user, intents->fd);
  if (err) {
    tg_intents_pos_t pos = intents->pos;
    return tg_intents_journal_back(intents, &pos) != 0 ? -TG_EUNKNOWN : err;
  }
  intents->pos.seq++;
  intents->pos.offset_bytes += (uint64_t)len;
  memcpy(intents->pos.hash, hash, sizeof hash);
  return 0;
}

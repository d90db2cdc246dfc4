#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cold/tape_format.h"
#include "engine/cold/tape_list.h"
#include "engine/cold/tape_source.h"

enum { ZERO_TAIL_MAX = 64 << 20 };

struct tg_tape_reader {
  tg_tape_list_t list;
  size_t at_file;
  const void *bytes; /* one segment in memory instead of a list */
  size_t bytes_len;
  tg_tape_source_t *source;
  tg_tape_head_t first, head;
  uint64_t offset;         /* uncompressed, of the next byte in this segment */
  uint64_t segment_number; /* records of the segment so far */
  uint64_t in_cnt, out_cnt;
  bool counts_known; /* in and out are counted from the run's beginning, not from a later segment */
  tg_sha256_t link;
  uint8_t chain[TG_SHA256_BYTES];
  bool done;
  int result; /* once done */
  char error[256];
};

static const char *path_now(const tg_tape_reader_t *reader) {
  return reader->bytes || reader->at_file >= reader->list.cnt ? "memory" : reader->list.path[reader->at_file];
}

/* Ends reading; the caller returns what this returns. */
static int stop(tg_tape_reader_t *reader, int result, const char *what) {
  reader->done = true;
  reader->result = result;
  if (what) {
    snprintf(reader->error, sizeof reader->error, "%s at offset %" PRIu64 ": %s (%s)", path_now(reader), reader->offset, what,
             tg_err_text(result));
  }
  return result;
}

static bool last_file(const tg_tape_reader_t *reader) {
  return reader->bytes || reader->at_file + 1 >= reader->list.cnt;
}

static void link_begin(tg_tape_reader_t *reader) {
  tg_sha256_init(&reader->link);
  tg_sha256_update(&reader->link, reader->chain, sizeof reader->chain);
}

/* The file stopped early: a crash if it is the last, damage otherwise. */
static int cut(tg_tape_reader_t *reader, const char *what) {
  return stop(reader, last_file(reader) ? -TG_ETRUNCATED : -TG_ECORRUPT, what);
}

static bool continues(const tg_tape_reader_t *reader, const tg_tape_head_t *next) {
  const tg_tape_head_t *was = &reader->head;
  return next->epoch == was->epoch && next->seed == was->seed && next->mode == was->mode && next->segment == was->segment + 1 &&
         memcmp(next->config_sha256, was->config_sha256, TG_SHA256_BYTES) == 0 &&
         memcmp(next->prev_chain, reader->chain, TG_SHA256_BYTES) == 0 &&
         next->first_record == reader->first.first_record + reader->in_cnt + reader->out_cnt;
}

/* Opens the file at_file and takes its header. */
static int segment_open(tg_tape_reader_t *reader, bool first) {
  tg_tape_source_close(reader->source);
  reader->source = NULL;
  reader->offset = 0;
  int rc = tg_tape_source_open(&reader->source, reader->bytes ? NULL : path_now(reader), reader->bytes, reader->bytes_len);
  if (rc < 0) return stop(reader, rc, "cannot be opened");
  const uint8_t *at;
  size_t have;
  rc = tg_tape_source_peek(reader->source, TG_TAPE_HEADER_BYTES, &at, &have);
  if (rc < 0) return stop(reader, rc, "unreadable");
  if (have < TG_TAPE_HEADER_BYTES) {
    return first ? stop(reader, -TG_ECORRUPT, "too short for a tape's header") : cut(reader, "stops inside the header");
  }
  tg_tape_head_t head;
  rc = tg_tape_head_unpack(at, &head);
  if (rc == -TG_EVERSION) return stop(reader, rc, "header of another format version");
  if (rc < 0) return stop(reader, rc, "no tape header, or a damaged one");
  if (first) {
    reader->first = head;
    memcpy(reader->chain, head.prev_chain, sizeof reader->chain);
    reader->counts_known = head.segment == 0;
    uint8_t seed[TG_SHA256_BYTES];
    tg_sha256(TG_TAPE_CHAIN_SEED, strlen(TG_TAPE_CHAIN_SEED), seed);
    if (head.segment == 0 && memcmp(seed, head.prev_chain, sizeof seed) != 0)
      return stop(reader, -TG_ECORRUPT, "segment 0 does not start the chain");
  } else if (!continues(reader, &head)) {
    return stop(reader, -TG_ECORRUPT, "does not continue the segment before");
  }
  reader->head = head;
  reader->segment_number = 0;
  link_begin(reader);
  tg_sha256_update(&reader->link, at, TG_TAPE_HEADER_BYTES);
  tg_tape_source_skip(reader->source, TG_TAPE_HEADER_BYTES);
  reader->offset = TG_TAPE_HEADER_BYTES;
  return 0;
}

static bool all_zero(const uint8_t *at, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (at[i]) return false;
  }
  return true;
}

/* From here on the file holds zeros only: room a crash left unwritten. Looked at up to ZERO_TAIL_MAX bytes, so that a
 * small compressed file cannot keep us busy for long. */
static bool zero_tail(tg_tape_reader_t *reader) {
  for (size_t seen = 0; seen < ZERO_TAIL_MAX; seen += 4096) {
    const uint8_t *at;
    size_t have;
    if (tg_tape_source_peek(reader->source, 4096, &at, &have) < 0) return false;
    if (have == 0) return true;
    if (have > 4096) have = 4096;
    if (!all_zero(at, have)) return false;
    tg_tape_source_skip(reader->source, have);
  }
  return false;
}

static int mark_check(tg_tape_reader_t *reader, const uint8_t body[64], tg_tape_mark_t *mark) {
  tg_tape_mark_unpack(body, mark);
  tg_sha256_final(&reader->link, reader->chain);
  if (memcmp(mark->chain, reader->chain, sizeof reader->chain) != 0)
    return stop(reader, -TG_ECORRUPT, "the SHA-256 chain does not hold up to here");
  uint64_t cnt = reader->first.first_record + reader->in_cnt + reader->out_cnt;
  bool counts = mark->record_cnt == cnt && mark->record_cnt == mark->in_cnt + mark->out_cnt;
  if (reader->counts_known) counts = counts && mark->in_cnt == reader->in_cnt && mark->out_cnt == reader->out_cnt;
  return counts ? 0 : stop(reader, -TG_ECORRUPT, "message counts differ from what was read");
}

/* After an END: the next segment, or the end of the tape. 1 go on, else the result. */
static int segment_next(tg_tape_reader_t *reader, const tg_tape_mark_t *mark) {
  const uint8_t *at;
  size_t have;
  int rc = tg_tape_source_peek(reader->source, 1, &at, &have);
  if (rc < 0) return stop(reader, rc, "unreadable behind END");
  if (have > 0) return stop(reader, -TG_ECORRUPT, "bytes behind END");
  if (tg_tape_source_torn(reader->source)) return stop(reader, -TG_ECORRUPT, "the compressed frame is cut");
  if (mark->flags & TG_TAPE_F_LAST) {
    return last_file(reader) ? stop(reader, 0, NULL)
                             : stop(reader, -TG_ECORRUPT, "the run ended here, but more segments follow");
  }
  if (last_file(reader)) return stop(reader, -TG_ETRUNCATED, "the segment that follows is missing");
  reader->at_file++;
  rc = segment_open(reader, false);
  return rc < 0 ? rc : 1;
}

/* One record off the source. 1 a message in *out, 2 something else and go on, else the result. */
static int record_next(tg_tape_reader_t *reader, tg_tape_record_t *out) {
  const uint8_t *at;
  size_t have;
  int rc = tg_tape_source_peek(reader->source, TG_TAPE_RECORD_BYTES, &at, &have);
  if (rc < 0) return stop(reader, rc, "unreadable");
  if (have < TG_TAPE_RECORD_BYTES) return cut(reader, have ? "stops inside a record" : "stops without END");
  int type = tg_tape_record_check(at, reader->segment_number);
  if (type == 0) {
    if (last_file(reader) && zero_tail(reader)) return stop(reader, -TG_ETRUNCATED, "stops without END, zeros follow");
    return stop(reader, -TG_ECORRUPT, "record fails its check");
  }
  bool mark = type == TG_TAPE_CHECKPOINT || type == TG_TAPE_END;
  uint8_t body[64];
  memcpy(body, at + 8, sizeof body);
  tg_tape_mark_t found;
  if (mark) {
    rc = mark_check(reader, body, &found);
    if (rc < 0) return rc;
    link_begin(reader);
  }
  tg_sha256_update(&reader->link, at, TG_TAPE_RECORD_BYTES);
  tg_tape_source_skip(reader->source, TG_TAPE_RECORD_BYTES);
  reader->offset += TG_TAPE_RECORD_BYTES;
  reader->segment_number++;
  if (type == TG_TAPE_END) {
    rc = segment_next(reader, &found);
    return rc == 1 ? 2 : rc;
  }
  if (mark) return 2;
  memcpy(&out->msg, body, sizeof out->msg);
  out->type = (tg_tape_type_t)type;
  out->record_no = reader->first.first_record + reader->in_cnt + reader->out_cnt;
  if ((out->msg.kind < 128) != (type == TG_TAPE_IN)) return stop(reader, -TG_ECORRUPT, "a record's type and message disagree");
  if (type == TG_TAPE_IN) {
    reader->in_cnt++;
  } else {
    reader->out_cnt++;
  }
  return 1;
}

int tg_tape_next(tg_tape_reader_t *reader, tg_tape_record_t *out) {
  if (reader->done) return reader->result;
  int rc;
  do {
    rc = record_next(reader, out);
  } while (rc == 2);
  return rc;
}

static int begin(tg_tape_reader_t **out, tg_tape_reader_t *reader, int rc, const char *path, char *err_text, size_t err_cap) {
  if (rc < 0) {
    snprintf(err_text, err_cap, "tape %s: %s", path, tg_err_text(rc));
  } else {
    rc = segment_open(reader, true);
    if (rc < 0) snprintf(err_text, err_cap, "tape %s", reader->error);
  }
  if (rc < 0) {
    tg_tape_reader_close(reader);
    return rc;
  }
  *out = reader;
  return 0;
}

static tg_tape_reader_t *reader_new(tg_tape_reader_t **out, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  tg_tape_reader_t *reader = calloc(1, sizeof *reader);
  if (!reader) snprintf(err_text, err_cap, "tape: no memory");
  return reader;
}

int tg_tape_open(tg_tape_reader_t **out, const char *path, char *err_text, size_t err_cap) {
  tg_tape_reader_t *reader = reader_new(out, err_text, err_cap);
  if (!reader) return -TG_ENOMEM;
  return begin(out, reader, tg_tape_list_find(&reader->list, path), path, err_text, err_cap);
}

int tg_tape_open_list(tg_tape_reader_t **out, const char *const *paths, size_t cnt, char *err_text, size_t err_cap) {
  tg_tape_reader_t *reader = reader_new(out, err_text, err_cap);
  if (!reader) return -TG_ENOMEM;
  return begin(out, reader, tg_tape_list_copy(&reader->list, paths, cnt), cnt ? paths[0] : "(none)", err_text, err_cap);
}

int tg_tape_open_bytes(tg_tape_reader_t **out, const void *data, size_t len, char *err_text, size_t err_cap) {
  tg_tape_reader_t *reader = reader_new(out, err_text, err_cap);
  if (!reader) return -TG_ENOMEM;
  reader->bytes = data ? data : "";
  reader->bytes_len = len;
  return begin(out, reader, 0, "memory", err_text, err_cap);
}

const tg_tape_head_t *tg_tape_head(const tg_tape_reader_t *reader) {
  return &reader->first;
}

const char *tg_tape_reader_path(const tg_tape_reader_t *reader) {
  return path_now(reader);
}

uint64_t tg_tape_reader_offset(const tg_tape_reader_t *reader) {
  return reader->offset;
}

const char *tg_tape_reader_error(const tg_tape_reader_t *reader) {
  return reader->error;
}

void tg_tape_reader_close(tg_tape_reader_t *reader) {
  if (!reader) return;
  tg_tape_source_close(reader->source);
  tg_tape_list_free(&reader->list);
  free(reader);
}

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cold/tape_format.h"
#include "engine/cold/tape_zstd.h"

enum { SEGMENT_BYTES_MIN = 4096, CHECKPOINT_MAX = 1 << 20, PIECE_BYTES = 256 << 10 };

struct tg_tape {
  tg_tape_cfg_t cfg;
  tg_file_ops_t ops;
  char dir[TG_TAPE_PATH_BYTES];
  char path[TG_TAPE_PATH_BYTES + 64];
  tg_tape_head_t head;
  int fd; /* -1 none */
  uint8_t *buf;
  size_t used;
  uint64_t segment_size;   /* bytes of the segment, buffered ones too */
  uint64_t segment_number; /* records of the segment, marks too */
  uint32_t unmarked;       /* messages since the last mark */
  tg_sha256_t link;        /* chain link under way */
  uint8_t chain[TG_SHA256_BYTES];
  uint64_t sync_ns;
  bool unsynced, told;
  tg_tape_stats_t stats;
  tg_tape_zip_t *zip; /* compression of the last closed segment, NULL none */
};

/* First failure is kept; the message that met it is told by the caller. */
static int broke(tg_tape_t *tape, int err) {
  if (err < 0 && tape->stats.broken == 0) tape->stats.broken = err;
  return err;
}

/* The caller hears of a broken tape once. */
static int tell(tg_tape_t *tape) {
  if (tape->stats.broken == 0 || tape->told) return 0;
  tape->told = true;
  return tape->stats.broken;
}

static int flush(tg_tape_t *tape) {
  if (tape->used == 0) return 0;
  int rc = tg_file_write_all(&tape->ops, tape->fd, tape->buf, tape->used);
  if (rc < 0) return broke(tape, rc);
  tape->stats.bytes += tape->used;
  tape->used = 0;
  tape->unsynced = true;
  return 0;
}

static int append(tg_tape_t *tape, const void *data, size_t len) {
  if (len > TG_TAPE_BUFFER_BYTES - tape->used) {
    int rc = flush(tape);
    if (rc < 0) return rc;
  }
  memcpy(tape->buf + tape->used, data, len);
  tape->used += len;
  tape->segment_size += len;
  return 0;
}

static int append_record(tg_tape_t *tape, tg_tape_type_t type, const uint8_t body[64]) {
  uint8_t record[TG_TAPE_RECORD_BYTES];
  tg_tape_record_pack(type, tape->segment_number, body, record);
  tape->segment_number++;
  tg_sha256_update(&tape->link, record, sizeof record);
  return append(tape, record, sizeof record);
}

static void link_begin(tg_tape_t *tape) {
  tg_sha256_init(&tape->link);
  tg_sha256_update(&tape->link, tape->chain, sizeof tape->chain);
}

static int append_mark(tg_tape_t *tape, tg_tape_type_t type, uint32_t flags) {
  tg_sha256_final(&tape->link, tape->chain);
  tg_tape_mark_t mark = {.record_cnt = tape->stats.in_cnt + tape->stats.out_cnt,
                         .in_cnt = tape->stats.in_cnt,
                         .out_cnt = tape->stats.out_cnt,
                         .flags = flags};
  memcpy(mark.chain, tape->chain, sizeof mark.chain);
  uint8_t body[64];
  tg_tape_mark_pack(&mark, body);
  link_begin(tape); /* the mark itself opens the next link */
  tape->unmarked = 0;
  return append_record(tape, type, body);
}

/* Opens segment head.segment and puts its header into the buffer. */
static int segment_begin(tg_tape_t *tape, uint64_t now_ns) {
  char name[64];
  tg_tape_name(tape->head.epoch, tape->head.segment, name, sizeof name);
  snprintf(tape->path, sizeof tape->path, "%s/%s", tape->dir, name);
  tape->fd = tape->ops.create(tape->ops.user, tape->path);
  if (tape->fd < 0) return tape->fd;
  tape->head.created_ns = now_ns;
  tape->head.first_record = tape->stats.in_cnt + tape->stats.out_cnt;
  memcpy(tape->head.prev_chain, tape->chain, sizeof tape->chain);
  uint8_t packed[TG_TAPE_HEADER_BYTES];
  tg_tape_head_pack(&tape->head, packed);
  tape->segment_size = 0;
  tape->segment_number = 0;
  tape->unmarked = 0;
  tape->stats.segments++;
  link_begin(tape);
  tg_sha256_update(&tape->link, packed, sizeof packed);
  return append(tape, packed, sizeof packed);
}

static int sync_now(tg_tape_t *tape) {
  if (!tape->unsynced) return 0;
  int rc = tape->ops.sync(tape->ops.user, tape->fd);
  if (rc < 0) return broke(tape, rc); /* after a failed fsync nobody knows what the disk holds */
  tape->unsynced = false;
  return 0;
}

/* END, everything on disk, descriptor closed. */
static int segment_end(tg_tape_t *tape, uint32_t flags) {
  int rc = append_mark(tape, TG_TAPE_END, flags);
  if (rc == 0) rc = flush(tape);
  if (rc == 0) rc = tape->ops.truncate(tape->ops.user, tape->fd, tape->segment_size); /* gives the reserve back */
  if (rc == 0) rc = sync_now(tape);
  int closed = tape->ops.close(tape->ops.user, tape->fd);
  tape->fd = -1;
  return rc < 0 ? rc : closed;
}

/* Compresses what is left of the segment before. */
static int zip_finish(tg_tape_t *tape) {
  int rc = 0;
  while (tape->zip && rc == 0) {
    rc = tg_tape_zip_step(tape->zip, PIECE_BYTES);
    if (rc == 0) continue;
    tg_tape_zip_free(tape->zip);
    tape->zip = NULL;
  }
  return rc < 0 ? rc : 0;
}

static int zip_begin(tg_tape_t *tape) {
  if (!tape->cfg.compress) return 0;
  int rc = zip_finish(tape);
  if (rc < 0) return rc;
  return tg_tape_zip_new(&tape->zip, &tape->ops, tape->dir, tape->path);
}

static int roll(tg_tape_t *tape, uint64_t now_ns) {
  int rc = segment_end(tape, 0);
  if (rc == 0) rc = zip_begin(tape);
  if (rc < 0) return broke(tape, rc);
  tape->head.segment++;
  rc = segment_begin(tape, now_ns);
  /* a synced record is worth nothing in a file whose name the disk has lost */
  if (rc == 0) rc = tape->ops.sync_dir(tape->ops.user, tape->dir);
  return rc < 0 ? broke(tape, rc) : 0;
}

static void say(char *err_text, size_t err_cap, const tg_tape_t *tape, const char *what, int rc) {
  const char *advice = rc == -TG_ENOSPACE  ? "free room there, set engine.run_dir elsewhere or tape.segment_mb lower"
                       : rc == -TG_EPERM   ? "make the directory writable for this user"
                       : rc == -TG_EEXISTS ? "a tape of this epoch is there already: was the store deleted? move the tapes away"
                                           : "look at the disk";
  snprintf(err_text, err_cap, "tape: cannot %s %s: %s; %s", what, tape->path[0] ? tape->path : tape->dir, tg_err_text(rc),
           advice);
}

static int begin_first(tg_tape_t *tape, char *err_text, size_t err_cap) {
  int rc = tg_dir_make(tape->dir);
  if (rc < 0) {
    say(err_text, err_cap, tape, "make the directory", rc);
    return rc;
  }
  rc = segment_begin(tape, tape->cfg.head.created_ns);
  const char *what = "create";
  if (rc == 0) {
    what = "reserve room in";
    rc = tape->ops.reserve(tape->ops.user, tape->fd, tape->cfg.segment_bytes);
  }
  if (rc == 0) {
    what = "write";
    rc = flush(tape);
    if (rc == 0) rc = sync_now(tape);
    if (rc == 0) rc = tape->ops.sync_dir(tape->ops.user, tape->dir);
  }
  if (rc < 0) {
    say(err_text, err_cap, tape, what, rc);
    if (tape->fd >= 0) { /* leave no half-born tape that would block the epoch's name */
      (void)tape->ops.close(tape->ops.user, tape->fd);
      (void)tape->ops.unlink(tape->ops.user, tape->path);
    }
  }
  return rc;
}

int tg_tape_create(tg_tape_t **out, const tg_tape_cfg_t *cfg, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  if (cfg->segment_bytes < SEGMENT_BYTES_MIN || cfg->checkpoint_records == 0 || cfg->checkpoint_records > CHECKPOINT_MAX ||
      strlen(cfg->dir) >= TG_TAPE_PATH_BYTES - 64) {
    snprintf(err_text, err_cap, "tape: segment size, checkpoint distance or directory name outside its range");
    return -TG_EINVAL;
  }
  tg_tape_t *tape = calloc(1, sizeof *tape);
  uint8_t *buf = malloc(TG_TAPE_BUFFER_BYTES);
  if (!tape || !buf) {
    free(tape);
    free(buf);
    snprintf(err_text, err_cap, "tape: no memory");
    return -TG_ENOMEM;
  }
  tape->buf = buf;
  tape->cfg = *cfg;
  tape->ops = cfg->ops.create ? cfg->ops : tg_file_ops_posix;
  snprintf(tape->dir, sizeof tape->dir, "%s", cfg->dir);
  tape->head = cfg->head;
  tape->head.format_version = TG_TAPE_FORMAT_VERSION;
  tape->head.msg_version = TG_MSG_FORMAT_VERSION;
  tape->head.segment = 0;
  tape->fd = -1;
  tape->sync_ns = cfg->head.created_ns;
  tg_sha256(TG_TAPE_CHAIN_SEED, strlen(TG_TAPE_CHAIN_SEED), tape->chain);
  int rc = begin_first(tape, err_text, err_cap);
  if (rc < 0) {
    free(buf);
    free(tape);
    return rc;
  }
  *out = tape;
  return 0;
}

int tg_tape_put(tg_tape_t *tape, const tg_msg_t *msg) {
  if (tape->stats.broken) {
    tape->stats.lost_cnt++;
    return tell(tape);
  }
  tg_msg_t copy = *msg;
  copy.ring_lap = 0;
  int rc = append_record(tape, msg->kind < 128 ? TG_TAPE_IN : TG_TAPE_OUT, (const uint8_t *)&copy);
  if (rc < 0) {
    tape->stats.lost_cnt++;
    return tell(tape);
  }
  if (msg->kind < 128) {
    tape->stats.in_cnt++;
  } else {
    tape->stats.out_cnt++;
  }
  /* room for this segment's END is always kept */
  if (tape->segment_size + 3 * TG_TAPE_RECORD_BYTES > tape->cfg.segment_bytes) {
    (void)roll(tape, msg->ts_ns);
  } else if (++tape->unmarked >= tape->cfg.checkpoint_records) {
    (void)append_mark(tape, TG_TAPE_CHECKPOINT, 0);
  }
  return tell(tape);
}

int tg_tape_turn(tg_tape_t *tape, uint64_t now_ns) {
  if (tape->stats.broken) return tell(tape);
  if (flush(tape) < 0) return tell(tape);
  uint64_t period_ns = (uint64_t)tape->cfg.sync_ms * (uint64_t)TG_NS_PER_MS;
  if (period_ns && now_ns >= tape->sync_ns + period_ns) {
    tape->sync_ns = now_ns;
    if (sync_now(tape) < 0) return tell(tape);
  }
  if (tape->zip) {
    int rc = tg_tape_zip_step(tape->zip, PIECE_BYTES);
    if (rc != 0) {
      tg_tape_zip_free(tape->zip);
      tape->zip = NULL;
      if (rc < 0) (void)broke(tape, rc); /* the uncompressed segment is still there and whole */
    }
  }
  return tell(tape);
}

void tg_tape_stats(const tg_tape_t *tape, tg_tape_stats_t *out) {
  *out = tape->stats;
  out->buffered_bytes = tape->used;
}

const char *tg_tape_path(const tg_tape_t *tape) {
  return tape->path;
}

int tg_tape_close(tg_tape_t *tape) {
  if (!tape) return 0;
  if (tape->stats.broken == 0 && tape->fd >= 0) {
    int rc = segment_end(tape, TG_TAPE_F_LAST);
    if (rc == 0) rc = zip_begin(tape);
    if (rc == 0) rc = zip_finish(tape);
    (void)broke(tape, rc);
  }
  if (tape->fd >= 0) (void)tape->ops.close(tape->ops.user, tape->fd);
  if (tape->zip) tg_tape_zip_free(tape->zip);
  int rc = tape->stats.broken;
  free(tape->buf);
  free(tape);
  return rc;
}

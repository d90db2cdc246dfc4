#include <criterion/criterion.h>

#include "engine/cold/tape.h"
#include "tests/unit/engine/cold/tmp.h"

static tg_tape_cfg_t config(const char *dir) {
  tg_tape_cfg_t cfg = {.dir = dir, .segment_bytes = 1 << 20, .checkpoint_records = 5, .sync_ms = 10};
  cfg.head.created_ns = 1000;
  cfg.head.epoch = 7;
  cfg.head.seed = 42;
  cfg.head.mode = TG_MODE_SIM;
  snprintf(cfg.head.engine, sizeof cfg.head.engine, "tickgate test");
  memset(cfg.head.config_sha256, 0xAB, sizeof cfg.head.config_sha256);
  return cfg;
}

static tg_msg_t message(uint64_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, no % 3 == 2 ? TG_OUT_PLACE : TG_MD_TOP, (uint16_t)(no % 5), 1000 + no);
  msg.ring_lap = (uint32_t)no + 9; /* must not reach the tape */
  for (int i = 0; i < 6; i++) msg.u.word[i] = (int64_t)(no * 31 + (uint64_t)i);
  return msg;
}

static void write_tape(const tg_tape_cfg_t *cfg, uint64_t cnt) {
  char err[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, cfg, err, sizeof err), 0, "%s", err);
  for (uint64_t no = 0; no < cnt; no++) {
    tg_msg_t msg = message(no);
    cr_assert_eq(tg_tape_put(tape, &msg), 0);
    if (no % 100 == 0) cr_assert_eq(tg_tape_turn(tape, 1000 + no * 1000000), 0);
  }
  cr_assert_eq(tg_tape_close(tape), 0);
}

static void same_message(const tg_tape_record_t *record, uint64_t no) {
  tg_msg_t want = message(no);
  want.ring_lap = 0;
  cr_assert_eq(record->record_no, no);
  cr_assert_eq(record->type, no % 3 == 2 ? TG_TAPE_OUT : TG_TAPE_IN);
  cr_assert_eq(memcmp(&record->msg, &want, sizeof want), 0, "message %llu", (unsigned long long)no);
}

/* Reads everything, checks each message; the result of the last next and how many came. */
static int read_all(tg_tape_reader_t *reader, uint64_t *cnt) {
  tg_tape_record_t record;
  int rc;
  for (*cnt = 0; (rc = tg_tape_next(reader, &record)) == 1; (*cnt)++) same_message(&record, *cnt);
  cr_assert_eq(tg_tape_next(reader, &record), rc, "the answer stays");
  return rc;
}

Test(tape, round_trip_with_header) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  write_tape(&cfg, 137);
  char err[256];
  tg_tape_reader_t *reader;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0, "%s", err);
  const tg_tape_head_t *head = tg_tape_head(reader);
  cr_assert_eq(head->epoch, 7);
  cr_assert_eq(head->seed, 42);
  cr_assert_eq(head->mode, TG_MODE_SIM);
  cr_assert_eq(head->created_ns, 1000);
  cr_assert_eq(head->msg_version, TG_MSG_FORMAT_VERSION);
  cr_assert_str_eq(head->engine, "tickgate test");
  cr_assert_eq(head->config_sha256[31], 0xAB);
  uint64_t cnt;
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 137);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

Test(tape, empty_run_is_a_whole_tape) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  write_tape(&cfg, 0);
  char err[256];
  tg_tape_reader_t *reader;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0, "%s", err);
  uint64_t cnt;
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 0);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

static void segments(bool compress) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  cfg.segment_bytes = 4096;
  cfg.compress = compress;
  write_tape(&cfg, 1000);
  char err[256], path[256];
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0, "%s", err);
  cr_assert_eq(read_all(reader, &cnt), 0, "%s", tg_tape_reader_error(reader));
  cr_assert_eq(cnt, 1000);
  tg_tape_reader_close(reader);

  /* the first file finds its followers */
  tmp_join(&dir, compress ? "tape-000007-000000.tape.zst" : "tape-000007-000000.tape", path, sizeof path);
  cr_assert_eq(tg_tape_open(&reader, path, err, sizeof err), 0, "%s", err);
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 1000);
  tg_tape_reader_close(reader);

  /* one segment alone: its messages, then "the rest is missing" */
  const char *one[] = {path};
  cr_assert_eq(tg_tape_open_list(&reader, one, 1, err, sizeof err), 0, "%s", err);
  cr_assert_eq(read_all(reader, &cnt), -TG_ETRUNCATED);
  cr_assert(cnt > 20 && cnt < 1000);
  tg_tape_reader_close(reader);

  /* a hole in the list */
  char third[256];
  tmp_join(&dir, compress ? "tape-000007-000002.tape.zst" : "tape-000007-000002.tape", third, sizeof third);
  const char *hole[] = {path, third};
  cr_assert_eq(tg_tape_open_list(&reader, hole, 2, err, sizeof err), 0, "%s", err);
  cr_assert_eq(read_all(reader, &cnt), -TG_ECORRUPT);
  cr_assert_not_null(strstr(tg_tape_reader_error(reader), "000002"));
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

Test(tape, segments_plain) {
  segments(false);
}

Test(tape, segments_compressed) {
  segments(true);
}

Test(tape, newest_epoch_of_a_directory) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  write_tape(&cfg, 10);
  cfg.head.epoch = 8;
  write_tape(&cfg, 20);
  char err[256];
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0);
  cr_assert_eq(tg_tape_head(reader)->epoch, 8);
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 20);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

static uint8_t *small_tape(size_t *len, uint64_t cnt) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  write_tape(&cfg, cnt);
  char path[256];
  uint8_t *data = tmp_read(tmp_join(&dir, "tape-000007-000000.tape", path, sizeof path), len);
  tmp_remove(&dir);
  return data;
}

Test(tape, every_flipped_byte_is_an_error) {
  size_t len;
  uint8_t *data = small_tape(&len, 12);
  for (size_t i = 0; i < len; i++) {
    for (int bit = 0; bit < 8; bit += 7) {
      data[i] ^= (uint8_t)(1u << bit);
      char err[256];
      tg_tape_reader_t *reader;
      uint64_t cnt = 0;
      int rc = tg_tape_open_bytes(&reader, data, len, err, sizeof err);
      if (rc == 0) {
        rc = read_all(reader, &cnt);
        cr_assert(i >= TG_TAPE_HEADER_BYTES, "header byte %zu passed", i);
        cr_assert_not_null(strstr(tg_tape_reader_error(reader), "offset"));
        /* the error stands at the record that was damaged */
        uint64_t record = (i - TG_TAPE_HEADER_BYTES) / TG_TAPE_RECORD_BYTES;
        cr_assert_eq(tg_tape_reader_offset(reader), TG_TAPE_HEADER_BYTES + record * TG_TAPE_RECORD_BYTES);
        tg_tape_reader_close(reader);
      } else {
        cr_assert_not_null(strstr(err, "offset"));
      }
      cr_assert_eq(rc, -TG_ECORRUPT, "byte %zu bit %d gives %d", i, bit, rc);
      data[i] ^= (uint8_t)(1u << bit);
    }
  }
  free(data);
}

Test(tape, torn_at_every_length) {
  size_t len;
  uint8_t *data = small_tape(&len, 12);
  for (size_t cut = 0; cut < len; cut++) {
    char err[256];
    tg_tape_reader_t *reader;
    uint64_t cnt;
    uint8_t *copy = malloc(cut ? cut : 1);
    memcpy(copy, data, cut);
    int rc = tg_tape_open_bytes(&reader, copy, cut, err, sizeof err);
    if (cut < TG_TAPE_HEADER_BYTES) {
      cr_assert_eq(rc, -TG_ECORRUPT);
    } else {
      cr_assert_eq(rc, 0);
      cr_assert_eq(read_all(reader, &cnt), -TG_ETRUNCATED);
      uint64_t whole = (cut - TG_TAPE_HEADER_BYTES) / TG_TAPE_RECORD_BYTES;
      cr_assert_eq(tg_tape_reader_offset(reader), TG_TAPE_HEADER_BYTES + whole * TG_TAPE_RECORD_BYTES);
      cr_assert_eq(cnt, whole - (whole > 5 ? (whole > 11 ? 2 : 1) : 0), "cut %zu: %llu of %llu", cut, (unsigned long long)cnt,
                   (unsigned long long)whole);
      tg_tape_reader_close(reader);
    }
    free(copy);
  }
  free(data);
}

Test(tape, zeros_behind_a_crash_are_a_torn_tail) {
  size_t len;
  uint8_t *data = small_tape(&len, 12);
  size_t at = TG_TAPE_HEADER_BYTES + 3 * TG_TAPE_RECORD_BYTES;
  memset(data + at, 0, len - at);
  char err[256];
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open_bytes(&reader, data, len, err, sizeof err), 0);
  cr_assert_eq(read_all(reader, &cnt), -TG_ETRUNCATED);
  cr_assert_eq(cnt, 3);
  cr_assert_eq(tg_tape_reader_offset(reader), at);
  tg_tape_reader_close(reader);
  free(data);
}

Test(tape, a_record_taken_out_or_swapped_is_noticed) {
  size_t len;
  uint8_t *data = small_tape(&len, 12);
  char err[256];
  tg_tape_reader_t *reader;
  uint64_t cnt;
  uint8_t *two = data + TG_TAPE_HEADER_BYTES, spare[TG_TAPE_RECORD_BYTES];
  memcpy(spare, two, sizeof spare);
  memmove(two, two + sizeof spare, sizeof spare);
  memcpy(two + sizeof spare, spare, sizeof spare);
  cr_assert_eq(tg_tape_open_bytes(&reader, data, len, err, sizeof err), 0);
  cr_assert_eq(read_all(reader, &cnt), -TG_ECORRUPT);
  cr_assert_eq(cnt, 0);
  tg_tape_reader_close(reader);
  memmove(two, two + sizeof spare, len - TG_TAPE_HEADER_BYTES - sizeof spare);
  cr_assert_eq(tg_tape_open_bytes(&reader, data, len - sizeof spare, err, sizeof err), 0);
  cr_assert_eq(read_all(reader, &cnt), -TG_ECORRUPT);
  tg_tape_reader_close(reader);
  free(data);
}

Test(tape, damaged_zstd_never_crashes_and_never_lies) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  cfg.compress = true;
  write_tape(&cfg, 40);
  char path[256], err[256];
  size_t len;
  uint8_t *data = tmp_read(tmp_join(&dir, "tape-000007-000000.tape.zst", path, sizeof path), &len);
  tg_tape_reader_t *reader;
  uint64_t cnt;
  for (size_t i = 0; i < len; i++) {
    data[i] ^= 0x10;
    if (tg_tape_open_bytes(&reader, data, len, err, sizeof err) == 0) {
      int rc = read_all(reader, &cnt); /* asserts every message it gives */
      cr_assert(rc < 0 || cnt == 40);
      tg_tape_reader_close(reader);
    }
    data[i] ^= 0x10;
  }
  for (size_t cut = 0; cut < len; cut++) {
    if (tg_tape_open_bytes(&reader, data, cut, err, sizeof err) != 0) continue;
    cr_assert_lt(read_all(reader, &cnt), 0, "cut at %zu", cut);
    tg_tape_reader_close(reader);
  }
  free(data);
  tmp_remove(&dir);
}

Test(tape, refuses_other_versions_and_strange_files) {
  size_t len;
  uint8_t *data = small_tape(&len, 1);
  char err[256];
  tg_tape_reader_t *reader;
  cr_assert_eq(tg_tape_open_bytes(&reader, "hello", 5, err, sizeof err), -TG_ECORRUPT);
  cr_assert_null(reader);
  cr_assert_eq(tg_tape_open(&reader, "/nonexistent/tape", err, sizeof err), -TG_ENOTFOUND);
  cr_assert_not_null(strstr(err, "/nonexistent/tape"));
  free(data);
}

/* ---- a disk that fails ---- */

typedef struct bad_disk {
  int64_t room;  /* bytes that still fit */
  int write_err; /* what a write beyond says */
  int sync_err, rename_err;
  size_t most; /* bytes a single write takes, 0 all */
} bad_disk_t;

static ssize_t bad_write(void *user, int fd, const void *data, size_t len) {
  bad_disk_t *disk = user;
  if (disk->room <= 0) return disk->write_err;
  if (disk->most && len > disk->most) len = disk->most;
  if ((int64_t)len > disk->room) len = (size_t)disk->room;
  disk->room -= (int64_t)len;
  return tg_file_ops_posix.write(NULL, fd, data, len);
}
static int bad_sync(void *user, int fd) {
  bad_disk_t *disk = user;
  return disk->sync_err ? disk->sync_err : tg_file_ops_posix.sync(NULL, fd);
}
static int bad_rename(void *user, const char *from, const char *to) {
  bad_disk_t *disk = user;
  return disk->rename_err ? disk->rename_err : tg_file_ops_posix.rename(NULL, from, to);
}
static int bad_reserve(void *user, int fd, uint64_t bytes) {
  (void)fd;
  bad_disk_t *disk = user;
  return disk->room >= 0 && (uint64_t)disk->room < bytes ? -TG_ENOSPACE : 0;
}
static tg_file_ops_t bad_ops(bad_disk_t *disk) {
  tg_file_ops_t ops = tg_file_ops_posix;
  ops.user = disk;
  ops.write = bad_write;
  ops.sync = bad_sync;
  ops.rename = bad_rename;
  return ops;
}

Test(tape, full_disk_at_start_is_told_and_leaves_nothing) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  bad_disk_t disk = {.room = 100, .write_err = -TG_ENOSPACE};
  cfg.ops = bad_ops(&disk);
  char err[256], path[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), -TG_ENOSPACE);
  cr_assert_null(tape);
  cr_assert_not_null(strstr(err, "full"));
  cr_assert_neq(access(tmp_join(&dir, "tape-000007-000000.tape", path, sizeof path), F_OK), 0);
  cfg.ops.reserve = bad_reserve;
  disk.room = 100000;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), -TG_ENOSPACE);
  cr_assert_neq(access(path, F_OK), 0);
  tmp_remove(&dir);
}

Test(tape, an_epoch_is_never_written_twice) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  write_tape(&cfg, 3);
  char err[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), -TG_EEXISTS);
  cr_assert_not_null(strstr(err, "epoch"));
  tmp_remove(&dir);
}

static void breaks(bad_disk_t disk, int want) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  cfg.segment_bytes = 64 << 10;
  bad_disk_t good = {.room = INT64_MAX, .write_err = -TG_EIO};
  bad_disk_t live = good;
  cfg.ops = bad_ops(&live);
  char err[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  live = disk;
  int told = 0, last = 0;
  for (uint64_t no = 0; no < 3000; no++) {
    tg_msg_t msg = message(no);
    int rc = tg_tape_put(tape, &msg);
    if (rc == 0 && no % 50 == 49) rc = tg_tape_turn(tape, no * 1000000000);
    if (rc < 0) {
      told++;
      last = rc;
    }
  }
  cr_assert_eq(told, 1, "told %d times", told);
  cr_assert_eq(last, want);
  tg_tape_stats_t stats;
  tg_tape_stats(tape, &stats);
  cr_assert_eq(stats.broken, want);
  cr_assert_gt(stats.lost_cnt, 0);
  cr_assert_eq(tg_tape_close(tape), want);
  /* what lies on the disk is a prefix of what was put */
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0, "%s", err);
  cr_assert_eq(read_all(reader, &cnt), -TG_ETRUNCATED);
  cr_assert_lt(cnt, 3000);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

Test(tape, disk_fills_up_in_a_run) {
  breaks((bad_disk_t){.room = 30000, .write_err = -TG_ENOSPACE}, -TG_ENOSPACE);
}

Test(tape, write_error_in_a_run) {
  breaks((bad_disk_t){.room = 5000, .write_err = -TG_EIO}, -TG_EIO);
}

Test(tape, failed_sync_breaks_the_tape) {
  breaks((bad_disk_t){.room = INT64_MAX, .sync_err = -TG_EIO}, -TG_EIO);
}

Test(tape, short_writes_are_completed) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  bad_disk_t disk = {.room = INT64_MAX, .most = 7};
  cfg.ops = bad_ops(&disk);
  write_tape(&cfg, 100);
  char err[256];
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0);
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 100);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

Test(tape, failed_rename_keeps_the_plain_segment) {
  tmp_dir_t dir = tmp_make();
  tg_tape_cfg_t cfg = config(dir.path);
  cfg.compress = true;
  bad_disk_t disk = {.room = INT64_MAX, .rename_err = -TG_EIO};
  cfg.ops = bad_ops(&disk);
  char err[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0);
  for (uint64_t no = 0; no < 10; no++) {
    tg_msg_t msg = message(no);
    cr_assert_eq(tg_tape_put(tape, &msg), 0);
  }
  cr_assert_eq(tg_tape_close(tape), -TG_EIO);
  tg_tape_reader_t *reader;
  uint64_t cnt;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0);
  cr_assert_eq(read_all(reader, &cnt), 0);
  cr_assert_eq(cnt, 10);
  tg_tape_reader_close(reader);
  tmp_remove(&dir);
}

Test(digest, covers_outputs_only_and_not_the_ring) {
  tg_digest_t one, two;
  tg_digest_init(&one);
  tg_digest_init(&two);
  for (uint64_t no = 0; no < 9; no++) {
    tg_msg_t msg = message(no);
    tg_digest_add(&one, &msg);
    msg.ring_lap = 77;
    if (msg.kind >= 128) tg_digest_add(&two, &msg);
  }
  char a[65], b[65];
  tg_digest_text(&one, a);
  tg_digest_text(&two, b);
  cr_assert_str_eq(a, b);
  cr_assert_eq(one.chain.record_cnt, 3);
  tg_msg_t msg = message(2);
  msg.u.byte[47] ^= 1;
  tg_digest_add(&two, &msg);
  tg_digest_text(&two, b);
  cr_assert_str_neq(a, b);
}

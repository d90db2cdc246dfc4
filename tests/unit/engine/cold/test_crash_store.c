/* faults.md row 17, store and tape together: the power fails before every single write of either, also while recovery writes.
 * The recovered store holds a prefix of the journal, no shorter than the last record that the tape had made durable; no epoch
 * is given out twice; recovering again, or after a crash in the middle of recovering, comes to the same. */
#include <criterion/criterion.h>
#include <sqlite3.h>

#include "engine/cold/recover.h"
#include "engine/cold/tape.h"
#include "tests/note.h"
#include "tests/unit/engine/cold/crash_vfs.h"

enum { FILLS = 60 };

static const tg_store_run_t run = {
    .mode = TG_MODE_SIM, .started_ns = 1000, .seed = 5, .engine = "test", .config_sha256 = "00", .tape = "x"};

/* What an image gave back. */
typedef struct found {
  int64_t fills, last; /* equal: a prefix */
  uint64_t epoch;      /* the next one */
} found_t;

static tg_msg_t symbol(void) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 1001);
  snprintf(msg.u.cfg_symbol.symbol, sizeof msg.u.cfg_symbol.symbol, "BTCUSDT");
  msg.u.cfg_symbol.px_dec = 1;
  msg.u.cfg_symbol.px_unit = 1;
  msg.u.cfg_symbol.qty_dec = 3;
  msg.u.cfg_symbol.qty_unit = 1;
  return msg;
}

static void put(tg_tape_t *tape, tg_store_t *store, const tg_msg_t *msg) {
  cr_assert_eq(tg_tape_put(tape, msg), 0);
  cr_assert_eq(tg_store_on_msg(store, msg), 0);
}

static void put_fill(tg_tape_t *tape, tg_store_t *store, uint64_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_PLACE, 0, 1001 + no);
  msg.u.out_place.client_id = 1000 + no;
  msg.u.out_place.px_ticks = 600000;
  msg.u.out_place.qty_lots = 2;
  put(tape, store, &msg);
  tg_msg_init(&msg, TG_OUT_FILL, 0, 1001 + no);
  msg.u.out_fill.client_id = 1000 + no;
  msg.u.out_fill.trade_id = no;
  msg.u.out_fill.px_ticks = 600000;
  msg.u.out_fill.qty_lots = 1;
  put(tape, store, &msg);
}

/* One run of an engine's cold lane in small: tape first, then store; turns with a sync or a commit in between. */
static void write_run(cd_disk_t *disk, bool clean) {
  char err[256], path[256];
  tg_store_t *store;
  tg_tape_t *tape;
  uint64_t epoch, now_ns = 1000;
  snprintf(path, sizeof path, "%s/store.sqlite", disk->dir);
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), 0, "%s", err);
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  cr_assert_eq(epoch, 1u);
  tg_tape_cfg_t cfg = {.dir = disk->dir, .segment_bytes = 4096, .checkpoint_records = 7, .sync_ms = 1};
  cfg.head.created_ns = 1000;
  cfg.head.epoch = epoch;
  cfg.ops = disk->ops;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  tg_msg_t msg = symbol();
  put(tape, store, &msg);
  for (uint64_t no = 1; no <= FILLS; no++) {
    put_fill(tape, store, no);
    if (no % 3 == 0) {
      now_ns += 1100000;
      cr_assert_eq(tg_tape_turn(tape, now_ns), 0);
      cd_note(disk, no);
    }
    if (no % 8 == 0) cr_assert_eq(tg_store_commit(store), 0);
  }
  if (clean) {
    cr_assert_eq(tg_tape_close(tape), 0);
    cd_note(disk, FILLS);
    cr_assert_eq(tg_store_end_run(store, now_ns, 0, ""), 0);
  }
  cr_assert_eq(tg_store_close(store), 0);
  if (!clean) cr_assert_eq(tg_tape_close(tape), 0);
}

static int64_t ask(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st;
  cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
  cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return value;
}

/* Recovers what lies in `dir` and reads the result. next: also takes an epoch, as a start does. */
static found_t recover(const char *dir, bool next) {
  char err[512], path[256];
  tg_store_t *store;
  found_t found = {0, 0, 0};
  snprintf(path, sizeof path, "%s/store.sqlite", dir);
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), 0, "%s", err);
  tg_recover_t *r = tg_recover_new();
  cr_assert_eq(tg_recover_run(r, store, dir, err, sizeof err), 0, "%s", err);
  if (next) cr_assert_eq(tg_store_next_epoch(store, &run, &found.epoch), 0);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  sqlite3 *db;
  cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  found.fills = ask(db, "SELECT count(*) FROM fills WHERE epoch=1");
  found.last = ask(db, "SELECT coalesce(max(trade_id),0) FROM fills WHERE epoch=1");
  cr_assert_eq(ask(db, "SELECT count(*)-count(DISTINCT trade_id) FROM fills"), 0, "a fill twice");
  sqlite3_close(db);
  return found;
}

/* The call after which the first epoch was promised: the sync before the tape's first call. */
static uint32_t epoch_promised(const cd_disk_t *disk) {
  for (uint32_t i = 0; i < disk->call_cnt; i++) {
    if (disk->call[i].kind == CD_CREATE && strstr(disk->call[i].name, ".tape")) return i;
  }
  cr_assert_fail("no tape");
  return 0;
}

static void every_cut(bool clean) {
  tmp_dir_t dir = tmp_make(), image = tmp_make();
  cd_disk_t disk;
  cd_init(&disk, dir.path);
  cv_begin(&disk);
  write_run(&disk, clean);
  cv_end();
  cv_begin(NULL); /* images are read without waiting for a real disk */
  uint32_t from = epoch_promised(&disk);
  uint64_t images = 0, shorter = 0;
  for (uint32_t cut = 0; cut <= disk.call_cnt; cut++) {
    if (cut < disk.call_cnt && disk.call[cut].kind == CD_NOTE) continue;
    for (unsigned how = 0; how < 3; how++) {
      cd_lost_t lost = how == 0 ? CD_KEEP_ALL : how == 1 ? CD_LOSE_ALL : CD_LOSE_SOME;
      cd_image(&disk, cut, lost, cut, image.path);
      found_t found = recover(image.path, false), again = recover(image.path, true);
      cr_assert_eq(found.fills, found.last, "cut %u way %u: not a prefix", cut, how);
      cr_assert_geq(found.fills, (int64_t)cd_promised(&disk, cut), "cut %u of %u, way %u", cut, disk.call_cnt, how);
      cr_assert(again.fills == found.fills && again.last == found.last, "cut %u way %u: recovered twice", cut, how);
      if (cut >= from) cr_assert_gt(again.epoch, 1u, "cut %u way %u: the epoch would be given out twice", cut, how);
      images++;
      shorter += found.fills < FILLS;
    }
  }
  cv_end();
  tg_note("%lu images of %u calls, %lu of them shorter than the run", (unsigned long)images, disk.call_cnt,
          (unsigned long)shorter);
  cr_assert_gt(shorter, 100u);
  cd_free(&disk);
  tmp_remove(&image);
  tmp_remove(&dir);
}

Test(fault_17, store_and_tape_recover_a_prefix_after_a_crash_at_every_write) {
  every_cut(false);
}

Test(fault_17, an_orderly_end_is_no_weaker) {
  every_cut(true);
}

Test(fault_17, a_crash_during_recovery_changes_nothing) {
  tmp_dir_t dir = tmp_make(), middle = tmp_make(), image = tmp_make();
  cd_disk_t disk;
  cd_init(&disk, dir.path);
  cv_begin(&disk);
  write_run(&disk, false);
  cv_end();
  uint64_t images = 0;
  for (uint32_t cut = epoch_promised(&disk) + 10; cut < disk.call_cnt; cut += disk.call_cnt / 6) {
    cv_begin(NULL);
    cd_image(&disk, cut, CD_LOSE_ALL, 1, image.path);
    found_t whole = recover(image.path, false);
    cd_image(&disk, cut, CD_LOSE_ALL, 1, middle.path);
    cv_end();
    cd_disk_t second;
    cd_init(&second, middle.path);
    cv_begin(&second);
    cv_adopt(&second);
    uint32_t begin = second.call_cnt;
    (void)recover(middle.path, false);
    cv_end();
    cv_begin(NULL);
    for (uint32_t at = begin; at <= second.call_cnt; at++) {
      for (unsigned how = 0; how < 3; how++) {
        cd_image(&second, at, (cd_lost_t)how, at, image.path);
        found_t found = recover(image.path, false);
        cr_assert(found.fills == whole.fills && found.last == whole.last, "cut %u, then %u, way %u: %ld, not %ld", cut, at, how,
                  (long)found.fills, (long)whole.fills);
        images++;
      }
    }
    cv_end();
    cd_free(&second);
  }
  tg_note("%lu images of recoveries cut short", (unsigned long)images);
  cr_assert_gt(images, 30u);
  cd_free(&disk);
  tmp_remove(&image);
  tmp_remove(&middle);
  tmp_remove(&dir);
}

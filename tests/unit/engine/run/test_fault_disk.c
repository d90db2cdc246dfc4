/* faults.md rows 18 and 19 at the cold lane's stage: a disk that fails, fills up or takes its time, and a lane that stalls. */
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/run/cold_world.h"

typedef struct bad_disk {
  int write_err, sync_err;
  long pause_ns; /* each write and sync takes so long */
  uint64_t writes_left;
} bad_disk_t;

static void pause_of(const bad_disk_t *disk) {
  struct timespec pause = {.tv_nsec = disk->pause_ns};
  if (disk->pause_ns > 0) nanosleep(&pause, NULL);
}

static ssize_t bad_write(void *user, int fd, const void *data, size_t len) {
  bad_disk_t *disk = user;
  pause_of(disk);
  if (disk->write_err && disk->writes_left == 0) return disk->write_err;
  if (disk->write_err) disk->writes_left--;
  return tg_file_ops_posix.write(NULL, fd, data, len);
}

static int bad_sync(void *user, int fd) {
  bad_disk_t *disk = user;
  pause_of(disk);
  return disk->sync_err ? disk->sync_err : tg_file_ops_posix.sync(NULL, fd);
}

static tg_tape_t *tape_on(bad_disk_t *disk, const char *dir) {
  tg_tape_cfg_t cfg = {.dir = dir, .segment_bytes = 1 << 20, .checkpoint_records = 64, .sync_ms = 1, .ops = tg_file_ops_posix};
  cfg.head.epoch = 1;
  cfg.ops.user = disk;
  cfg.ops.write = bad_write;
  cfg.ops.sync = bad_sync;
  tg_tape_t *tape;
  char err[256];
  bad_disk_t kept = *disk;
  memset(disk, 0, sizeof *disk); /* the start is well */
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  *disk = kept;
  return tape;
}

static void some_trades(world_t *w, int cnt) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_TRADE, 0, w->now_ns);
  for (int i = 0; i < cnt; i++) journal(w, &msg);
}

/* HEALTH JOURNAL told so far, and the last one. */
static int journal_health(world_t *w, tg_msg_t *last) {
  int cnt = 0;
  tg_msg_t msg;
  while (tg_spsc_get(&w->rings.cold_in, &msg) == 0) {
    if (msg.kind != TG_HEALTH || msg.u.health.what != TG_HEALTH_JOURNAL) continue;
    cnt++;
    *last = msg;
  }
  return cnt;
}

static void breaks(bad_disk_t disk, int want) {
  tmp_dir_t dir = tmp_make();
  world_t *w = make();
  w->stage.tape = tape_on(&disk, dir.path);
  tg_msg_t last;
  int told = 0;
  for (int i = 0; i < 20; i++) {
    some_trades(w, 50);
    turn(w);
    told += journal_health(w, &last);
  }
  cr_assert_eq(told, 1, "told once");
  cr_assert(!last.u.health.ok && last.u.health.reason == (uint8_t)-want);
  cr_assert_eq(w->stage.drained_cnt, 1000u, "the journal is read on: the lane works without its tape");
  tg_tape_stats_t stats;
  tg_tape_stats(w->stage.tape, &stats);
  cr_assert_eq(stats.broken, want);
  cr_assert_gt(stats.lost_cnt, 0u);
  cr_assert_eq(tg_tape_close(w->stage.tape), want);
  drop(w);
  tmp_remove(&dir);
}

Test(fault_18, a_failed_sync_breaks_the_tape_and_the_core_is_told_once) {
  breaks((bad_disk_t){.sync_err = -TG_EIO}, -TG_EIO);
}

Test(fault_18, a_failed_write_breaks_the_tape_and_the_core_is_told_once) {
  breaks((bad_disk_t){.write_err = -TG_EIO, .writes_left = 3}, -TG_EIO);
}

Test(fault_18, a_full_disk_breaks_the_tape_and_the_core_is_told_once) {
  breaks((bad_disk_t){.write_err = -TG_ENOSPACE, .writes_left = 2}, -TG_ENOSPACE);
}

Test(fault_18, low_water_reaches_the_core_also_when_it_would_not_take_it_at_first) {
  world_t *w = make();
  turn(w);
  tg_msg_t msg;
  (void)to_core(w, TG_CMD, NULL);
  tg_cold_disk_init(&w->stage.disk, "/no/such/place", 64);
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, w->now_ns);
  while (tg_spsc_put(&w->rings.cold_in, &msg) == 0) {
  }
  turn(w); /* waits its two seconds for room, then goes on */
  cr_assert(!w->stage.disk.told_low);
  (void)to_core(w, TG_CMD, NULL);
  turn(w);
  bool told = false;
  while (tg_spsc_get(&w->rings.cold_in, &msg) == 0) told |= msg.kind == TG_HEALTH && msg.u.health.what == TG_HEALTH_DISK;
  cr_assert(told && w->stage.disk.told_low);
  drop(w);
}

/* Every write takes 20 ms: the lane falls behind by that, and loses nothing of what it is given. */
Test(fault_18, a_slow_disk_loses_no_message) {
  tmp_dir_t dir = tmp_make();
  world_t *w = make();
  bad_disk_t disk = {.pause_ns = 20 * TG_NS_PER_MS};
  w->stage.tape = tape_on(&disk, dir.path);
  tg_msg_t last;
  for (int i = 0; i < 10; i++) {
    some_trades(w, 300);
    turn(w);
    cr_assert_eq(journal_health(w, &last), 0);
  }
  tg_stage_cold_drain(&w->stage, w->now_ns);
  tg_tape_stats_t stats;
  tg_tape_stats(w->stage.tape, &stats);
  cr_assert_eq(stats.in_cnt, 3000u);
  cr_assert(stats.lost_cnt == 0 && stats.broken == 0);
  cr_assert_eq(tg_tape_close(w->stage.tape), 0);
  tg_tape_reader_t *reader;
  tg_tape_record_t record;
  char err[256];
  uint64_t cnt = 0;
  cr_assert_eq(tg_tape_open(&reader, dir.path, err, sizeof err), 0, "%s", err);
  int rc;
  while ((rc = tg_tape_next(reader, &record)) == 1) cnt++;
  cr_assert_eq(rc, 0);
  cr_assert_eq(cnt, 3000u);
  tg_tape_reader_close(reader);
  drop(w);
  tmp_remove(&dir);
}

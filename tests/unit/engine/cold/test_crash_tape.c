/* faults.md row 17, the tape: the power fails before every single file call. What is read afterwards is a prefix of what was
 * written, no shorter than the last record that a sync had made durable, and reading it again gives the same. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "engine/cold/tape.h"
#include "tests/note.h"
#include "tests/unit/engine/cold/crash_disk.h"

static tg_msg_t message(uint64_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, no % 3 == 2 ? TG_OUT_PLACE : TG_MD_TOP, (uint16_t)(no % 5), 1000 + no);
  for (int i = 0; i < 6; i++) msg.u.word[i] = (int64_t)(no * 31 + (uint64_t)i);
  return msg;
}

static bool is_tape(const cd_disk_t *disk, int file) { /* not the compressed copy of one */
  for (uint32_t i = 0; i < disk->call_cnt; i++) {
    const cd_call_t *call = &disk->call[i];
    if (call->kind == CD_CREATE && call->file == file) return strstr(call->name, ".tmp") == NULL;
  }
  return false;
}

/* Writes `cnt` messages with turns between them; what a turn with a sync leaves on the disk is promised. */
static void write_run(cd_disk_t *disk, uint64_t cnt, bool compress) {
  tg_tape_cfg_t cfg = {.dir = disk->dir, .segment_bytes = 4096, .checkpoint_records = 7, .sync_ms = 1, .compress = compress};
  cfg.head.created_ns = 1000;
  cfg.head.epoch = 3;
  cfg.ops = disk->ops;
  char err[256];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  uint64_t now_ns = 1000;
  for (uint64_t no = 0; no < cnt; no++) {
    tg_msg_t msg = message(no);
    cr_assert_eq(tg_tape_put(tape, &msg), 0);
    if (no % 4 != 3) continue;
    now_ns += 600000; /* every second turn is due */
    uint32_t before = disk->call_cnt;
    cr_assert_eq(tg_tape_turn(tape, now_ns), 0);
    for (uint32_t i = before; i < disk->call_cnt; i++) {
      if (disk->call[i].kind == CD_SYNC && is_tape(disk, disk->call[i].file)) {
        cd_note(disk, no + 1);
        break;
      }
    }
  }
  cr_assert_eq(tg_tape_close(tape), 0);
  cd_note(disk, cnt);
}

/* Messages that an image gives back; each must be the one that was written. */
static uint64_t read_image(const char *dir, int *rc) {
  char err[256];
  tg_tape_reader_t *reader;
  uint64_t cnt = 0;
  *rc = tg_tape_open(&reader, dir, err, sizeof err);
  if (*rc != 0) return 0;
  tg_tape_record_t record;
  while ((*rc = tg_tape_next(reader, &record)) == 1) {
    tg_msg_t want = message(cnt);
    want.ring_lap = 0;
    cr_assert_eq(record.record_no, cnt);
    cr_assert_eq(memcmp(&record.msg, &want, sizeof want), 0, "message %lu", (unsigned long)cnt);
    cnt++;
  }
  tg_tape_reader_close(reader);
  return cnt;
}

static void every_cut(bool compress) {
  tmp_dir_t dir = tmp_make(), image = tmp_make();
  cd_disk_t disk;
  cd_init(&disk, dir.path);
  write_run(&disk, 260, compress);
  uint64_t images = 0, lost_some = 0;
  for (uint32_t cut = 0; cut <= disk.call_cnt; cut++) {
    uint64_t promised = cd_promised(&disk, cut);
    for (unsigned how = 0; how < 6; how++) {
      cd_lost_t lost = how == 0 ? CD_KEEP_ALL : how == 1 ? CD_LOSE_ALL : CD_LOSE_SOME;
      int rc, again;
      cd_image(&disk, cut, lost, cut * 10 + how, image.path);
      uint64_t cnt = read_image(image.path, &rc);
      cr_assert_geq(cnt, promised, "cut before call %u of %u, kind %d, way %u: %lu messages of %lu promised (%s)", cut,
                    disk.call_cnt, cut < disk.call_cnt ? (int)disk.call[cut].kind : -1, how, (unsigned long)cnt,
                    (unsigned long)promised, tg_err_text(rc));
      cr_assert_eq(read_image(image.path, &again), cnt, "reading changes nothing");
      cr_assert_eq(again, rc);
      images++;
      lost_some += cnt < 260;
    }
  }
  tg_note("%lu images of %u calls, %lu of them shorter than the run", (unsigned long)images, disk.call_cnt,
          (unsigned long)lost_some);
  cr_assert_gt(lost_some, 300u);
  cd_free(&disk);
  tmp_remove(&image);
  tmp_remove(&dir);
}

Test(fault_17, a_plain_tape_is_a_prefix_after_a_crash_at_every_write) {
  every_cut(false);
}

Test(fault_17, a_compressed_tape_is_a_prefix_after_a_crash_at_every_write) {
  every_cut(true);
}

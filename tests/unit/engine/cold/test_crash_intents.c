/* faults.md row 17, the intents: the power fails before every single write of the store and of its journal. What was answered
 * is there; what is there is one moment of what happened; store and journal agree; opening it again changes nothing. */
#include <criterion/criterion.h>

#include "engine/cold/intents.h"
#include "tests/note.h"
#include "tests/unit/engine/cold/crash_vfs.h"

#define EPOCH UINT64_C(7)
#define ID(n) (EPOCH << 32 | (uint64_t)(n))
#define S ((uint64_t)TG_NS_PER_S)

enum { IDS = 6, MOMENTS = 64 };

static uint8_t moment[MOMENTS][IDS]; /* states by journal line number */

static tg_intents_t *open_at(const char *dir, const tg_file_ops_t *ops) {
  char err[512];
  tg_intents_t *intents = NULL;
  tg_intents_cfg_t cfg = {.dir = dir, .ops = ops, .stuck_ns = 60 * S, .strategy = 1, .journal = true};
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), 0, "%s", err);
  return intents;
}

static uint64_t seq_of(const tg_intents_t *intents) {
  tg_intents_stats_t stats;
  tg_intents_stats(intents, &stats);
  return stats.journal_seq;
}

static void states_of(tg_intents_t *intents, uint8_t state[IDS]) {
  for (unsigned i = 0; i < IDS; i++) {
    tg_intent_row_t row;
    state[i] = tg_intents_get(intents, ID(i + 1), &row) == 0 ? row.state : TG_TICKET_NONE;
  }
}

static void done(cd_disk_t *disk, tg_intents_t *intents) {
  uint64_t seq = seq_of(intents);
  cr_assert_lt(seq, MOMENTS);
  states_of(intents, moment[seq]);
  cd_note(disk, seq);
}

static void told(cd_disk_t *disk, tg_intents_t *intents, unsigned no, uint8_t state, int64_t filled) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, S + no);
  msg.u.out_intent.intent_id = ID(no);
  msg.u.out_intent.qty_lots = 500;
  msg.u.out_intent.filled_lots = filled;
  msg.u.out_intent.expires_ns = 86400 * S;
  msg.u.out_intent.state = state;
  int err = tg_intents_on_msg(intents, &msg, S + no);
  cr_assert_eq(err, 0, "intent %u to state %u: %s", no, state, tg_err_text(err));
  done(disk, intents);
}

static void cas(cd_disk_t *disk, tg_intents_t *intents, unsigned no, uint8_t from, uint8_t to) {
  tg_intent_word_t word = {.uid = 1000, .reason = "a person's word", .epoch = EPOCH, .now_ns = 2 * S};
  cr_assert_eq(tg_intents_cas(intents, ID(no), from, to, &word), 0);
  done(disk, intents);
}

static void write_run(cd_disk_t *disk) {
  tg_intents_t *intents = open_at(disk->dir, &disk->ops);
  cr_assert_geq(tg_intents_begin(intents, EPOCH, S), 0);
  done(disk, intents);
  for (unsigned no = 1; no <= 4; no++) told(disk, intents, no, TG_TICKET_NEW, 0);
  cas(disk, intents, 1, TG_TICKET_NEW, TG_TICKET_APPROVED);
  cas(disk, intents, 1, TG_TICKET_APPROVED, TG_TICKET_EXECUTING);
  cas(disk, intents, 2, TG_TICKET_NEW, TG_TICKET_REJECTED);
  told(disk, intents, 5, TG_TICKET_APPROVED, 0);
  told(disk, intents, 5, TG_TICKET_EXECUTING, 0);
  told(disk, intents, 5, TG_TICKET_EXECUTED, 500);
  cas(disk, intents, 3, TG_TICKET_NEW, TG_TICKET_APPROVED);
  told(disk, intents, 6, TG_TICKET_APPROVED, 0);
  cr_assert_eq(tg_intents_close(intents), 0);
}

static void ignore(void *user, const tg_intents_diff_t *diff) {
  (void)user;
  tg_note("%s: %s", diff->what, diff->text);
}

Test(fault_17, intents_are_what_was_answered_after_a_crash_at_every_write) {
  tmp_dir_t dir = tmp_make(), image = tmp_make();
  cd_disk_t disk;
  cd_init(&disk, dir.path);
  cv_begin(&disk);
  write_run(&disk);
  cv_end();
  cv_begin(NULL);
  uint64_t images = 0, before_end = 0;
  for (uint32_t cut = 0; cut <= disk.call_cnt; cut++) {
    if (cut < disk.call_cnt && disk.call[cut].kind == CD_NOTE) continue;
    for (unsigned how = 0; how < 4; how++) {
      cd_lost_t lost = how == 0 ? CD_KEEP_ALL : how == 1 ? CD_LOSE_ALL : CD_LOSE_SOME;
      uint64_t promised = cd_promised(&disk, cut), seq = 0;
      uint8_t state[IDS];
      cd_image(&disk, cut, lost, cut * 4 + how, image.path);
      for (int again = 0; again < 2; again++) {
        tg_intents_t *intents = open_at(image.path, NULL);
        cr_assert(again == 0 || seq_of(intents) == seq, "cut %u way %u: opening it again changed it", cut, how);
        seq = seq_of(intents);
        states_of(intents, state);
        cr_assert_eq(tg_intents_close(intents), 0);
        cr_assert(seq >= promised && seq < MOMENTS, "cut %u of %u, way %u: line %lu of %lu answered", cut, disk.call_cnt, how,
                  (unsigned long)seq, (unsigned long)promised);
        cr_assert_arr_eq(state, moment[seq], IDS, "cut %u way %u: line %lu", cut, how, (unsigned long)seq);
      }
      tg_intents_recon_t recon;
      cr_assert_eq(tg_intents_reconcile(image.path, ignore, NULL, &recon), 0);
      cr_assert(recon.diffs == 0 && recon.chain_ok, "cut %u way %u", cut, how);
      images++;
      before_end += seq < 12;
    }
  }
  cv_end();
  tg_note("%lu images of %u calls, %lu of them before the end", (unsigned long)images, disk.call_cnt,
          (unsigned long)before_end);
  cr_assert_gt(before_end, 50u);
  cd_free(&disk);
  tmp_remove(&image);
  tmp_remove(&dir);
}

/* faults.md row 17, intents: the power fails before every single write while a start finishes what a first power cut left; what
 * the second start finds is what the first would have found. (test_crash_intents.c: the first cut.) */
#include <criterion/criterion.h>

#include "engine/cold/intents.h"
#include "tests/note.h"
#include "tests/unit/engine/cold/crash_vfs.h"

#define ID(n) (UINT64_C(7) << 32 | (uint64_t)(n))

typedef struct step {
  uint64_t id;
  uint8_t from, to;
} step_t;

static const step_t story[] = {
    {ID(1), TG_TICKET_NONE, TG_TICKET_NEW},           {ID(2), TG_TICKET_NONE, TG_TICKET_APPROVED},
    {ID(1), TG_TICKET_NEW, TG_TICKET_APPROVED},       {ID(1), TG_TICKET_APPROVED, TG_TICKET_EXECUTING},
    {ID(2), TG_TICKET_APPROVED, TG_TICKET_EXECUTING}, {ID(3), TG_TICKET_NONE, TG_TICKET_NEW},
    {ID(3), TG_TICKET_NEW, TG_TICKET_REJECTED},       {ID(2), TG_TICKET_EXECUTING, TG_TICKET_EXECUTED},
    {ID(1), TG_TICKET_EXECUTING, TG_TICKET_EXPIRED},
};
enum { STEPS = TG_ARRAY_CNT(story) };

static tg_intents_t *must_open(const char *dir, const tg_file_ops_t *ops) {
  char err[512];
  tg_intents_t *intents = NULL;
  tg_intents_cfg_t cfg = {.dir = dir, .ops = ops, .journal = true};
  cr_assert_eq(tg_intents_open(&intents, &cfg, err, sizeof err), 0, "%s", err);
  return intents;
}

static void take_step(tg_intents_t *intents, unsigned i) {
  const step_t *step = &story[i];
  if (step->from != TG_TICKET_NONE) {
    tg_intent_word_t word = {.uid = 1000, .reason = "story", .epoch = 7, .now_ns = i + 1};
    cr_assert_eq(tg_intents_cas(intents, step->id, step->from, step->to, &word), 0, "step %u", i);
    return;
  }
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, i + 1);
  msg.u.out_intent.intent_id = step->id;
  msg.u.out_intent.qty_lots = 50;
  msg.u.out_intent.expires_ns = 1000;
  msg.u.out_intent.state = step->to;
  cr_assert_eq(tg_intents_on_msg(intents, &msg, i + 1), 0, "step %u", i);
}

static uint8_t told_state(uint64_t id, unsigned steps) {
  uint8_t state = TG_TICKET_NONE;
  for (unsigned i = 0; i < steps; i++) {
    if (story[i].id == id) state = story[i].to;
  }
  return state;
}

/* How far the story got; -1: what lies there is no prefix of it. */
static int prefix_of(const char *dir) {
  tg_intents_t *intents = must_open(dir, NULL);
  int found = -1;
  for (unsigned steps = 0; steps <= STEPS && found < 0; steps++) {
    bool same = true;
    for (unsigned n = 1; n <= 3; n++) {
      tg_intent_row_t row;
      uint8_t state = tg_intents_get(intents, ID(n), &row) == 0 ? row.state : TG_TICKET_NONE;
      same = same && state == told_state(ID(n), steps);
    }
    if (same) found = (int)steps;
  }
  cr_assert_eq(tg_intents_close(intents), 0);
  return found;
}

static void agree(const char *dir, uint32_t cut, unsigned how) {
  tg_intents_recon_t recon;
  cr_assert_eq(tg_intents_reconcile(dir, NULL, NULL, &recon), 0);
  cr_assert_eq(recon.diffs, 0u, "cut %u way %u", cut, how);
}

static void write_story(cd_disk_t *disk, unsigned from) {
  tg_intents_t *intents = must_open(disk->dir, &disk->ops);
  for (unsigned i = from; i < STEPS; i++) {
    take_step(intents, i);
    cd_note(disk, i + 1);
  }
  cr_assert_eq(tg_intents_close(intents), 0);
}

Test(fault_17, a_crash_while_intents_are_recovered_changes_nothing) {
  tmp_dir_t dir = tmp_make(), middle = tmp_make(), image = tmp_make();
  cd_disk_t disk;
  cd_init(&disk, dir.path);
  cv_begin(&disk);
  write_story(&disk, 0);
  cv_end();
  uint64_t images = 0;
  for (uint32_t cut = disk.call_cnt / 3; cut < disk.call_cnt; cut += 3) {
    cv_begin(NULL);
    cd_image(&disk, cut, CD_LOSE_ALL, cut, image.path);
    int whole = prefix_of(image.path);
    cd_image(&disk, cut, CD_LOSE_ALL, cut, middle.path);
    cv_end();
    cd_disk_t second;
    cd_init(&second, middle.path);
    cv_begin(&second);
    cv_adopt(&second);
    uint32_t begin = second.call_cnt;
    cr_assert_eq(tg_intents_close(must_open(middle.path, &second.ops)), 0);
    cv_end();
    cv_begin(NULL);
    for (uint32_t at = begin; at <= second.call_cnt; at++) {
      for (unsigned how = 0; how < 3; how++) {
        cd_image(&second, at, (cd_lost_t)how, at, image.path);
        cr_assert_eq(prefix_of(image.path), whole, "cut %u, then %u, way %u", cut, at, how);
        agree(image.path, at, how);
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

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run/cold_intents.h"
#include "tests/note.h"

#define ID(n) (UINT64_C(7) << 32 | (uint64_t)(n))
#define NOW (10 * (uint64_t)TG_NS_PER_S)

static tg_conf_t conf;
static char dir[64], err_text[512];

static tg_intents_t *open_one(uint64_t epoch) {
  tg_intents_t *intents = NULL;
  cr_assert_eq(tg_cold_intents_open(&intents, &conf, &tg_cold_names_plain, epoch, NOW, err_text, sizeof err_text), 0, "%s",
               err_text);
  cr_assert_not_null(intents);
  return intents;
}

static void setup(void) {
  tg_conf_defaults(&conf);
  snprintf(dir, sizeof dir, "/tmp/tg-run-XXXXXX");
  cr_assert_not_null(mkdtemp(dir));
  snprintf(conf.engine_run_dir, sizeof conf.engine_run_dir, "%s", dir);
}

static void teardown(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf -- '%s'", dir);
  if (system(command) != 0) tg_note("could not remove %s", dir);
}

static void tell_new(tg_intents_t *intents, uint64_t id) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, NOW);
  msg.u.out_intent.intent_id = id;
  msg.u.out_intent.qty_lots = 100;
  msg.u.out_intent.expires_ns = 1000 * (uint64_t)TG_NS_PER_S;
  msg.u.out_intent.state = TG_TICKET_NEW;
  msg.u.out_intent.bits = 1;
  cr_assert_eq(tg_cold_intents_on_msg(intents, &msg, NOW), 0);
}

static void approve(tg_intents_t *intents, uint64_t id) {
  tg_intent_word_t word = {.uid = 1000, .reason = "fine", .epoch = 7, .now_ns = NOW};
  cr_assert_eq(tg_intents_approve(intents, id, &word), 0);
}

static uint8_t state_of(tg_intents_t *intents, uint64_t id) {
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(intents, id, &row), 0);
  return row.state;
}

Test(cold_intents, an_approval_that_the_core_does_not_take_is_failed, .init = setup, .fini = teardown) {
  tg_intents_t *intents = open_one(7);
  for (unsigned n = 1; n <= 3; n++) {
    tell_new(intents, ID(n));
    approve(intents, ID(n));
  }
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ALARM, TG_INSTR_NONE, NOW); /* as step_cmd.c tells it */
  msg.u.out_alarm.what = TG_ALARM_CMD_REFUSED;
  msg.u.out_alarm.ours = TG_VERB_APPROVE;
  msg.u.out_alarm.venue = TG_ESTALE;
  msg.u.out_alarm.detail[0] = 77;
  msg.u.out_alarm.detail[1] = (int64_t)ID(1);
  cr_assert_eq(tg_cold_intents_on_msg(intents, &msg, NOW), 0);
  cr_assert_eq(state_of(intents, ID(1)), TG_TICKET_FAILED);
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, NOW);
  msg.u.cmd.verb = TG_VERB_APPROVE;
  msg.u.cmd.arg[0] = (int64_t)ID(2);
  tg_cold_intents_unsent(intents, &msg, NOW);
  cr_assert_eq(state_of(intents, ID(2)), TG_TICKET_FAILED);
  msg.u.cmd.verb = TG_VERB_PAUSE;
  msg.u.cmd.arg[0] = (int64_t)ID(3);
  tg_cold_intents_unsent(intents, &msg, NOW);
  cr_assert_eq(state_of(intents, ID(3)), TG_TICKET_EXECUTING, "another command is none of ours");
  cr_assert_eq(tg_cold_intents_close(intents, false, 0), 0);
}

Test(cold_intents, a_clean_end_closes_a_crash_leaves_it_to_the_next_start, .init = setup, .fini = teardown) {
  tg_intents_t *intents = open_one(7);
  tell_new(intents, ID(1));
  tell_new(intents, ID(2));
  approve(intents, ID(2));
  cr_assert_eq(tg_cold_intents_close(intents, true, NOW), 0);
  intents = open_one(8);
  cr_assert_eq(state_of(intents, ID(1)), TG_TICKET_EXPIRED);
  cr_assert_eq(state_of(intents, ID(2)), TG_TICKET_FAILED);
  tg_intent_row_t row;
  cr_assert_eq(tg_intents_get(intents, ID(2), &row), 0);
  cr_assert_str_eq(row.word, "stop");
  tell_new(intents, UINT64_C(8) << 32 | 1);
  cr_assert_eq(tg_cold_intents_close(intents, false, 0), 0);
  intents = open_one(9);
  cr_assert_eq(tg_intents_get(intents, UINT64_C(8) << 32 | 1, &row), 0);
  cr_assert_eq(row.state, TG_TICKET_EXPIRED);
  cr_assert_str_eq(row.word, "restart");
  cr_assert_eq(tg_cold_intents_close(intents, true, NOW), 0);
}

Test(cold_intents, nobody_can_approve_without_a_store, .init = setup, .fini = teardown) {
  tg_intents_t *intents = NULL;
  conf.store_enabled = 0;
  cr_assert_eq(tg_cold_intents_open(&intents, &conf, &tg_cold_names_plain, 7, NOW, err_text, sizeof err_text), 0);
  cr_assert_null(intents);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_INTENT, 0, NOW);
  cr_assert_eq(tg_cold_intents_on_msg(NULL, &msg, NOW), 0);
  cr_assert_eq(tg_cold_intents_close(NULL, true, NOW), 0);
  conf.intent_approval = 1;
  cr_assert_eq(tg_cold_intents_open(&intents, &conf, &tg_cold_names_plain, 7, NOW, err_text, sizeof err_text), -TG_EINVAL);
  cr_assert_not_null(strstr(err_text, "store.enabled"));
}

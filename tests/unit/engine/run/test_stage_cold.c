/* The cold lane's stage without a venue: settings first, the journal read to its end, the phases of the orderly end. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/engine/run/cold_world.h"

Test(stage_cold, settings_come_first_and_once) {
  world_t *w = make();
  turn(w);
  tg_msg_t msg;
  cr_assert_eq(tg_spsc_get(&w->rings.cold_in, &msg), 0);
  cr_assert_eq(msg.kind, TG_CFG_SET);
  int settings = 1 + to_core(w, TG_CFG_SET, NULL), rows = 0;
  for (size_t i = 0; i < tg_conf_row_cnt; i++) rows += tg_conf_rows[i].cls == TG_CONF_CORE;
  cr_assert_eq(settings, rows);
  turn(w);
  cr_assert_eq(to_core(w, TG_CFG_SET, NULL), 0);
  w->now_ns += TG_NS_PER_S;
  turn(w);
  cr_assert_eq(to_core(w, TG_HEALTH, &msg), 1, "a sign of life a second");
  cr_assert(msg.u.health.what == TG_HEALTH_COLD && msg.u.health.ok);
  drop(w);
}

Test(stage_cold, a_clean_end_goes_through_its_phases) {
  world_t *w = make();
  turn(w);
  (void)to_core(w, TG_CMD, NULL);
  cr_assert_eq(phase(w), TG_COLD_RUN);
  atomic_store(&w->stage.stop_wanted, 1);
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_STOPPING);
  tg_msg_t msg;
  cr_assert_eq(to_core(w, TG_CMD, &msg), 1);
  cr_assert(msg.u.cmd.verb == TG_VERB_STOP && msg.u.cmd.role == TG_ROLE_RISK);
  for (int i = 0; i < 50; i++) turn(w);
  cr_assert_eq(phase(w), TG_COLD_STOPPING, "the core still waits for answers");
  cr_assert_eq(to_core(w, TG_CMD, NULL), 0, "STOP is told once");
  atomic_store(&w->core_stopped, 1);
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_CLOSING);
  for (int i = 0; i < 4000 && phase(w) != TG_COLD_DONE; i++) turn(w);
  cr_assert_eq(phase(w), TG_COLD_DONE);
  /* what the core said last is read all the same */
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, w->now_ns);
  for (int i = 0; i < 100; i++) journal(w, &msg);
  uint64_t drained = w->stage.drained_cnt;
  tg_stage_cold_drain(&w->stage, w->now_ns);
  cr_assert_eq(w->stage.drained_cnt, drained + 100);
  drop(w);
}

Test(stage_cold, a_core_that_does_not_stop_is_waited_for_ten_seconds) {
  world_t *w = make();
  atomic_store(&w->stage.stop_wanted, 1);
  turn(w);
  w->now_ns += 9 * (uint64_t)TG_NS_PER_S;
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_STOPPING);
  w->now_ns += TG_NS_PER_S;
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_CLOSING);
  w->now_ns += 3 * (uint64_t)TG_NS_PER_S; /* requests without answers */
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_DONE);
  drop(w);
}

Test(stage_cold, an_end_at_once_waits_for_nobody) {
  world_t *w = make();
  atomic_store(&w->stage.stop_wanted, 2);
  for (int i = 0; i < 3; i++) turn(w);
  cr_assert_eq(phase(w), TG_COLD_DONE);
  cr_assert_eq(to_core(w, TG_CMD, NULL), 1, "the core is told all the same");
  drop(w);
}

Test(stage_cold, stop_from_the_control_socket_ends_the_engine) {
  world_t *w = make();
  turn(w);
  tg_msg_t msg;
  (void)to_core(w, TG_CMD, NULL);
  tg_msg_init(&msg, TG_OUT_ALARM, TG_INSTR_NONE, w->now_ns);
  msg.u.out_alarm.what = TG_ALARM_CMD_DONE;
  msg.u.out_alarm.ours = TG_VERB_PAUSE;
  journal(w, &msg);
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_RUN, "another verb");
  msg.u.out_alarm.ours = TG_VERB_STOP;
  journal(w, &msg);
  turn(w);
  cr_assert_eq(phase(w), TG_COLD_STOPPING);
  cr_assert_eq(to_core(w, TG_CMD, NULL), 0, "the core has it already");
  atomic_store(&w->core_stopped, 1);
  for (int i = 0; i < 4000 && phase(w) != TG_COLD_DONE; i++) turn(w);
  cr_assert_eq(phase(w), TG_COLD_DONE);
  drop(w);
}

Test(stage_cold, commands_reach_the_core) {
  world_t *w = make();
  tg_msg_t msg, got = {.kind = 0};
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, 5);
  msg.u.cmd.verb = TG_VERB_PAUSE;
  msg.u.cmd.cmd_no = 77;
  cr_assert_eq(tg_stage_cold_command(&w->stage, &msg), 0);
  cr_assert_eq(to_core(w, TG_CMD, &got), 1);
  cr_assert_eq(got.u.cmd.cmd_no, 77);
  /* a core that takes nothing: refused after two seconds, not lost silently */
  while (tg_spsc_put(&w->rings.cold_in, &msg) == 0) {
  }
  cr_assert_eq(tg_stage_cold_command(&w->stage, &msg), -TG_EFULL);
  cr_assert_gt(w->stage.core_wait_cnt, 0u);
  drop(w);
}

Test(stage_cold, a_missing_ca_file_is_fatal_with_its_exit_code) {
  world_t *w = make_with("/no/such/ca.pem");
  cr_assert_lt(tg_stage_cold_ops.init(&w->stage, NULL), 0);
  cr_assert_eq(atomic_load(&w->stage.fatal_exit), TG_EXIT_TLS);
  cr_assert_not_null(strstr(w->stage.fatal_text, "/no/such/ca.pem"), "%s", w->stage.fatal_text);
  drop(w);
}

Test(stage_cold, a_bad_list_of_symbols_is_fatal_with_its_exit_code) {
  world_t *w = make_with(certs_ca_file());
  snprintf(w->conf.venue_symbols, sizeof w->conf.venue_symbols, ",");
  cr_assert_lt(tg_stage_cold_ops.init(&w->stage, NULL), 0);
  cr_assert_eq(atomic_load(&w->stage.fatal_exit), TG_EXIT_CONFIG);
  drop(w);
}

Test(stage_cold, an_unreachable_venue_is_fatal_with_its_exit_code) {
  world_t *w = make();
  for (int i = 0; i < 20000 && atomic_load(&w->stage.fatal_exit) == 0; i++) {
    w->now_ns += 9 * TG_NS_PER_MS; /* ten ms a turn: pauses pass quickly */
    turn(w);
    struct timespec pause = {.tv_nsec = 20000};
    nanosleep(&pause, NULL);
  }
  cr_assert_eq(atomic_load(&w->stage.fatal_exit), TG_EXIT_VENUE, "%s", w->stage.fatal_text);
  drop(w);
}

/* ---- kill (cold_kill.h): its ways in, with a core that does not answer and a venue that is not there ---- */

static void latch_at(world_t *w, char path[64]) {
  snprintf(path, 64, "/tmp/tg-latch.%d.%p", (int)getpid(), (void *)w);
  unlink(path);
  w->stage.kill.path = path;
}

static void core_did(world_t *w, tg_verb_t verb) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ALARM, TG_INSTR_NONE, w->now_ns);
  msg.u.out_alarm.what = TG_ALARM_CMD_DONE;
  msg.u.out_alarm.ours = verb;
  journal(w, &msg);
  turn(w);
}

/* How many KILLs wait for the core. */
static uint32_t kills(world_t *w) {
  tg_msg_t got = {.kind = 0};
  uint32_t cnt = to_core(w, TG_CMD, &got);
  return cnt > 0 && got.u.cmd.verb == TG_VERB_KILL ? cnt : 0;
}

Test(cold_kill, a_file_kills_before_the_start_is_through) {
  world_t *w = make();
  char path[64];
  latch_at(w, path);
  turn(w);
  (void)to_core(w, TG_CMD, NULL);
  cr_assert(!w->stage.kill.on);
  FILE *file = fopen(path, "w");
  fputs("because\tof this\nand more\n", file);
  fclose(file);
  for (int i = 0; i < 200; i++) turn(w);
  cr_assert(w->stage.kill.on);
  cr_assert_eq(w->stage.kill.way, TG_KILL_BY_FILE);
  cr_assert_str_eq(w->stage.kill.reason, "because?of this");
  cr_assert_eq(kills(w), 1, "told once, however long it lies there");
  cr_assert_neq(tg_bn_cold_kill_state(w->stage.bn)->phase, TG_BN_KILL_OFF, "the venue is worked on though the core is silent");
  core_did(w, TG_VERB_KILL);
  cr_assert(w->stage.kill.latched);
  core_did(w, TG_VERB_KILL_OFF);
  cr_assert(!w->stage.kill.on);
  cr_assert_neq(access(path, F_OK), 0, "the latch is gone");
  cr_assert_eq(tg_bn_cold_kill_state(w->stage.bn)->phase, TG_BN_KILL_OFF);
  for (int i = 0; i < 300; i++) turn(w);
  cr_assert_eq(kills(w), 0);
  drop(w);
}

Test(cold_kill, a_file_of_a_former_run_kills_at_once) {
  world_t *w = make();
  char path[64];
  latch_at(w, path);
  fclose(fopen(path, "w"));
  turn(w);
  turn(w);
  cr_assert_eq(w->stage.kill.way, TG_KILL_BY_START);
  cr_assert_eq(kills(w), 1);
  unlink(path);
  drop(w);
}

Test(cold_kill, a_signal_kills_once) {
  world_t *w = make();
  char path[64];
  latch_at(w, path);
  turn(w);
  (void)to_core(w, TG_CMD, NULL);
  atomic_store(&w->stage.kill.wanted, 1);
  turn(w);
  cr_assert(w->stage.kill.on && w->stage.kill.way == TG_KILL_BY_SIGNAL);
  cr_assert_eq(access(path, F_OK), 0, "the latch survives us");
  cr_assert_eq(kills(w), 1);
  atomic_store(&w->stage.kill.wanted, 1); /* again, while it is on */
  turn(w);
  core_did(w, TG_VERB_KILL);
  core_did(w, TG_VERB_KILL_OFF);
  for (int i = 0; i < 300; i++) turn(w);
  cr_assert(!w->stage.kill.on, "the second one is not kept for later");
  drop(w);
}

Test(cold_kill, the_verb_works_without_the_core) {
  world_t *w = make();
  char path[64];
  latch_at(w, path);
  turn(w);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, w->now_ns);
  msg.u.cmd.verb = TG_VERB_KILL;
  msg.u.cmd.uid = 77;
  memcpy(msg.u.cmd.reason, "test", 4);
  cr_assert_eq(tg_stage_cold_command(&w->stage, &msg), 0);
  cr_assert(w->stage.kill.on && !w->stage.kill.latched);
  cr_assert_eq(w->stage.kill.uid, 77u);
  cr_assert_eq(access(path, F_OK), 0);
  cr_assert_neq(tg_bn_cold_kill_state(w->stage.bn)->phase, TG_BN_KILL_OFF);
  cr_assert_eq(tg_stage_cold_drill(&w->stage, &msg), -TG_EBUSY, "no drill while a kill is on");
  /* what may rest under the latch: newer than it, reduce-only, of this run */
  tg_msg_init(&msg, TG_OUT_PLACE, 0, w->now_ns);
  msg.u.out_place.client_id = UINT64_C(0x3000050100000010);
  journal(w, &msg);
  core_did(w, TG_VERB_KILL);
  msg.u.out_place.client_id = UINT64_C(0x3000050100000011);
  journal(w, &msg);
  turn(w);
  const tg_bn_kill_t *venue = tg_bn_cold_kill_state(w->stage.bn);
  tg_bn_kill_order_t order = {.client_id = UINT64_C(0x3000050100000011), .reduce_only = true};
  cr_assert(venue->ops->spare(venue->user, &order));
  order.reduce_only = false;
  cr_assert(!venue->ops->spare(venue->user, &order));
  order = (tg_bn_kill_order_t){.client_id = UINT64_C(0x3000050100000010), .reduce_only = true};
  cr_assert(!venue->ops->spare(venue->user, &order), "it was there before");
  order.client_id = UINT64_C(0x3000060100000099);
  cr_assert(!venue->ops->spare(venue->user, &order), "of another run");
  unlink(path);
  drop(w);
}

Test(cold_kill, a_drill_is_for_sim) {
  world_t *w = make();
  char path[64];
  latch_at(w, path);
  turn(w);
  (void)to_core(w, TG_CMD, NULL);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, w->now_ns);
  msg.u.cmd.verb = TG_VERB_KILL;
  msg.u.cmd.cmd_no = 5;
  w->conf.engine_mode = TG_MODE_LIVE - 1;
  cr_assert_eq(tg_stage_cold_drill(&w->stage, &msg), -TG_EPERM);
  cr_assert(!w->stage.kill.on);
  w->conf.engine_mode = TG_MODE_SIM - 1;
  cr_assert_eq(tg_stage_cold_drill(&w->stage, &msg), 0);
  turn(w);
  cr_assert_eq(kills(w), 1, "a real kill");
  core_did(w, TG_VERB_KILL);
  w->now_ns += (uint64_t)(TG_COLD_KILL_DRILL_MS + 1000) * (uint64_t)TG_NS_PER_MS; /* the venue never answers */
  turn(w);
  tg_msg_t got = {.kind = 0};
  cr_assert_eq(to_core(w, TG_CMD, &got), 1);
  cr_assert_eq(got.u.cmd.verb, TG_VERB_KILL_OFF, "given up: the latch is cleared");
  core_did(w, TG_VERB_KILL_OFF);
  cr_assert(!w->stage.kill.on);
  cr_assert_neq(access(path, F_OK), 0);
  drop(w);
}

/* The core stops while its journal is full, and then does not empty the ring that the cold lane waits for: the journal is taken
 * while waiting, and looked at afterwards in its order. */
typedef struct stuck_core {
  world_t *w;
  _Atomic int end;
  uint64_t told;
} stuck_core_t;

static void *core_behind_a_full_journal(void *arg) {
  stuck_core_t *c = arg;
  tg_msg_t msg;
  while (!atomic_load(&c->end)) {
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, 1);
    msg.u.timer.timer_no = c->told + 1;
    /* each input that it takes leads to a line in the journal: no room there, nothing is taken */
    if (tg_spsc_put(&c->w->rings.journal, &msg) != 0) {
      sched_yield();
      continue;
    }
    c->told++;
    if (c->told > 8192) (void)!tg_spsc_get(&c->w->rings.cold_in, &msg);
  }
  return NULL;
}

Test(stage_cold, a_full_journal_is_taken_while_the_core_is_waited_for) {
  world_t *w = make();
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, 1);
  while (tg_spsc_put(&w->rings.cold_in, &msg) == 0) {
  }
  stuck_core_t core = {.w = w};
  pthread_t thread;
  cr_assert_eq(pthread_create(&thread, NULL, core_behind_a_full_journal, &core), 0);
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, 1);
  cr_assert_eq(tg_stage_cold_command(&w->stage, &msg), 0, "with a journal of 4096 nobody would ever have taken it");
  atomic_store(&core.end, 1);
  pthread_join(thread, NULL);
  cr_assert_gt(w->stage.aside_cnt, 0);
  tg_stage_cold_drain(&w->stage, w->now_ns);
  cr_assert_eq(w->stage.mirror->counts.kind[TG_TIMER], core.told, "none is lost");
  cr_assert_eq(w->stage.aside_cnt, 0);
  drop(w);
}

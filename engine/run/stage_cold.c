#include "engine/run/stage_cold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/core/lifecycle.h"

#define STOP_PATIENCE_NS (10 * (uint64_t)TG_NS_PER_S)
#define LOOK_AFTER_NS (2 * (uint64_t)TG_NS_PER_S)
#define LOOK_PATIENCE_NS (4 * (uint64_t)TG_NS_PER_S)
#define HOT_ALIVE_NS (2 * (uint64_t)TG_NS_PER_S)

TG_STATIC_ASSERT(TG_BN_WANT_POSITIONS == TG_SYNC_WANT_POSITIONS && TG_BN_WANT_ORDERS == TG_SYNC_WANT_ORDERS &&
                     TG_BN_WANT_BALANCES == TG_SYNC_WANT_BALANCES,
                 "account queries have one numbering");

static void cold_fatal(tg_stage_cold_t *s, int exit_code, const char *text) {
  int n = snprintf(s->fatal_text, sizeof s->fatal_text, "%s", text);
  if (n < 0) s->fatal_text[0] = '\0';
  atomic_store_explicit(&s->fatal_exit, exit_code, memory_order_seq_cst);
}

static uint64_t cold_now(const tg_stage_cold_t *s) {
  return tg_clock_now_ns(s->clock);
}

/* --- to the rings: the cold lane may wait, hot ones never --- */

/* The core stops when its journal is full, and then its ring does not empty: what lies in the journal is put aside, in order,
 * to be looked at later (looking at it here would lead back here). */
static void journal_aside(tg_stage_cold_t *s) {
  while (s->aside_cnt < TG_COLD_ASIDE) {
    tg_msg_t *at = &s->aside_mem[(s->aside_head + s->aside_cnt) % TG_COLD_ASIDE];
    if (tg_spsc_get(&s->rings->journal, at) != 0) return;
    s->aside_cnt++;
  }
}

/* Next message of the journal, those put aside first. */
static bool journal_next(tg_stage_cold_t *s, tg_msg_t *msg) {
  if (s->aside_cnt == 0) return tg_spsc_get(&s->rings->journal, msg) == 0;
  *msg = s->aside_mem[s->aside_head];
  s->aside_head = (s->aside_head + 1) % TG_COLD_ASIDE;
  s->aside_cnt--;
  return true;
}

static int ring_put_all(tg_stage_cold_t *s, tg_spsc_t *ring, const tg_msg_t *msg, uint32_t cnt) {
  for (int tries = 0; tg_spsc_room(ring) < cnt; tries++) {
    journal_aside(s);
    if (tries == 2000) return -TG_EFULL; /* two seconds: the core's lane is gone or stalled */
    s->core_wait_cnt++;
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
  }
  for (uint32_t i = 0; i < cnt; i++) {
    int err = tg_spsc_put(ring, &msg[i]);
    TG_ASSERT(err == 0); /* room was counted above and only grows */
  }
  return 0;
}

static int to_core(void *user, const tg_msg_t *msg, uint32_t cnt) {
  tg_stage_cold_t *s = user;
  int err = ring_put_all(s, &s->rings->cold_in, msg, cnt);
  if (err) tg_log_error("%u message(s) for the core found no room: its lane is stalled", (unsigned)cnt);
  return err;
}

static int to_feed(void *user, const tg_msg_t *msg) {
  tg_stage_cold_t *s = user;
  return ring_put_all(s, &s->rings->feed_ctl, msg, 1);
}

static int to_gateway(void *user, const tg_msg_t *msg) {
  tg_stage_cold_t *s = user;
  return ring_put_all(s, &s->rings->gw_ctl, msg, 1);
}

int tg_stage_cold_to_core(tg_stage_cold_t *stage, const tg_msg_t *msg, uint32_t cnt) {
  return to_core(stage, msg, cnt);
}

int tg_stage_cold_command(void *user, const tg_msg_t *cmd) {
  tg_stage_cold_t *s = user;
  int err = to_core(s, cmd, 1);
  if (err) tg_cold_intents_unsent(s->intents, cmd, cold_now(s));
  /* the venue is worked on at once, whatever the core's lane does */
  if (cmd->u.cmd.verb == TG_VERB_KILL) tg_cold_kill_asked(s, TG_KILL_BY_VERB, err ? NULL : cmd, cold_now(s));
  return err;
}

int tg_stage_cold_drill(void *user, const tg_msg_t *cmd) {
  return tg_cold_kill_drill(user, cmd, cold_now(user));
}

/* --- account truth --- */

static tg_sync_fail_t fail_of(int err, uint16_t http_status) {
  if (http_status == 429 || http_status == 418 || err == -TG_ERATE) return TG_SYNC_FAIL_RATE_LIMIT;
  if (http_status == 401 || http_status == 403 || err == -TG_EAUTH) return TG_SYNC_FAIL_AUTH;
  if (err == -TG_ETIMEOUT) return TG_SYNC_FAIL_TIMEOUT;
  if (http_status == 200) return TG_SYNC_FAIL_PARSE;
  return TG_SYNC_FAIL_HTTP_STATUS;
}

static void account_failed(void *user, int err, uint16_t http_status) {
  tg_stage_cold_t *s = user;
  uint64_t now_ns = cold_now(s);
  tg_sync_fail(s->sync, fail_of(err, http_status), now_ns);
  tg_log_warn("account sync failed: %s, HTTP %u", tg_err_text(err), (unsigned)http_status);
  tg_msg_t msg;
  if (tg_sync_failed_msg(s->sync, now_ns, &msg) && to_core(s, &msg, 1) != 0)
    tg_log_error("the core was not told of a failed account sync");
}

static void account_part(void *user, uint32_t want_bit, const tg_msg_t *msg, uint32_t cnt, int dual_side) {
  tg_stage_cold_t *s = user;
  int rc = tg_sync_part(s->sync, want_bit, msg, cnt, dual_side);
  if (rc == 0) return;
  if (rc < 0) {
    if (rc != -TG_EINVAL) account_failed(s, rc, 200); /* EINVAL: an answer of a round that has failed already */
    return;
  }
  tg_msg_batch_t out = {s->sync_mem, 0, TG_SYNC_MSG_MAX + 3};
  uint64_t now_ns = cold_now(s);
  int64_t broken = tg_sync_finish(s->sync, now_ns, &out);
  if (broken < 0) {
    account_failed(s, (int)broken, 200);
    return;
  }
  for (unsigned rule = 0; rule < TG_ACCT_RULE_CNT; rule++) {
    if (!((uint64_t)broken >> rule & 1)) continue;
    tg_log_warn("account sync: %s", tg_acct_rule_name((tg_acct_rule_t)rule));
    if (!s->conf->evidence_account_sync) continue;
    int err = tg_evidence_mismatch(&s->evidence, s->evidence_cnt++, now_ns, tg_acct_rule_name((tg_acct_rule_t)rule),
                                   &s->sync->acct, NULL);
    if (err) tg_log_error("evidence bundle not written: %s", tg_err_text(err));
  }
  if (to_core(s, out.msg, out.cnt) != 0) tg_log_error("an account snapshot did not reach the core");
}

static void session_up(void *user, tg_session_t session) {
  tg_stage_cold_t *s = user;
  if (session == TG_SESSION_USER || session == TG_SESSION_ORDER) tg_sync_want(s->sync, TG_SYNC_WHY_RECONNECT);
}

static bool acct_symbol(void *user, uint16_t instr_idx, const char **symbol, tg_scale_t *px, tg_scale_t *qty) {
  const tg_stage_cold_t *s = user;
  const tg_sym_t *sym = s->bn ? tg_symtab_instr(tg_bn_cold_symtab(s->bn), instr_idx) : NULL;
  if (!sym) return false;
  *symbol = sym->name;
  *px = sym->px;
  *qty = sym->qty;
  return true;
}

/* A restart: what the former run left, between the instruments and CFG_DONE. */
static void before_done(void *user) {
  tg_stage_cold_t *s = user;
  if (s->truth.recover) tg_cold_truth_tell(&s->truth, s->bn, to_core, s, cold_now(s));
}

/* --- life --- */

static int cold_layout(void *self, tg_arena_t *arena) {
  tg_stage_cold_t *s = self;
  s->aside_mem = TG_ARENA_NEW(arena, tg_msg_t, TG_COLD_ASIDE);
  s->sync_mem = TG_ARENA_NEW(arena, tg_msg_t, TG_SYNC_MSG_MAX + 3);
  s->sync = TG_ARENA_NEW(arena, tg_sync_t, 1);
  return arena->err;
}

static int cold_init_privileged(void *self) {
  (void)self; /* tape, store and sockets are opened by the engine, which can tell what failed in one line */
  return 0;
}

static int cold_init(void *self, tg_lane_t *lane) {
  (void)lane;
  tg_stage_cold_t *s = self;
  static const tg_bn_cold_ops_t ops = {to_core, to_feed, to_gateway, account_part, account_failed, session_up};
  tg_digest_init(&s->digest);
  if (tg_decision_file_init(&s->decision, s->conf->engine_run_dir) != 0) return -TG_ESIZE;
  tg_cold_disk_init(&s->disk, s->conf->engine_run_dir, s->conf->tape_low_water_mb);
  tg_sync_cfg_t sync_cfg = {.period_ns = (uint64_t)(s->conf->sync_period_ms * TG_NS_PER_MS),
                            .timeout_ns = 10 * (uint64_t)TG_NS_PER_S,
                            .alert_age_ns = (uint64_t)(s->conf->sync_alert_age_ms * TG_NS_PER_MS),
                            .data_alert_age_ns = (uint64_t)(s->conf->sync_data_alert_age_ms * TG_NS_PER_MS),
                            .map = {s, acct_symbol}};
  int err = tg_sync_init(s->sync, &sync_cfg);
  if (err) return err;
  s->net = tg_netcold_new(s->io);
  if (!s->net) return -TG_ENOMEM;
  char text[512];
  s->bn = tg_bn_cold_open(s->conf, s->secrets, s->net, &ops, s, &err, text, sizeof text);
  if (!s->bn) {
    int code = err == -TG_ECERT || err == -TG_ENOTFOUND ? TG_EXIT_TLS : err == -TG_ENOMEM ? TG_EXIT_MEMORY : TG_EXIT_CONFIG;
    cold_fatal(s, code, text);
    return err;
  }
  tg_bn_cold_epoch(s->bn, s->epoch);
  tg_bn_cold_before_done(s->bn, before_done, s);
  return 0;
}

/* The settings of class CORE, once, before anything else: they belong on the tape. */
static void send_settings(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_msg_batch_t out = {s->sync_mem, 0, TG_SYNC_MSG_MAX + 3};
  int err = tg_conf_to_msgs(s->conf, now_ns, &out);
  TG_ASSERT(err == 0); /* a few dozen rows in room for thousands */
  if (to_core(s, out.msg, out.cnt) != 0) cold_fatal(s, TG_EXIT_INTERNAL, "the core's lane does not take its settings");
  s->configured = true;
}

/* --- the journal --- */

static void journal_broken(tg_stage_cold_t *s, const char *what, int err, uint64_t now_ns) {
  tg_log_error("%s cannot be written: %s; no new risk from now on", what, tg_err_text(err));
  if (s->journal_bad) return;
  s->journal_bad = true;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, now_ns);
  msg.u.health.what = TG_HEALTH_JOURNAL;
  msg.u.health.ok = 0;
  msg.u.health.reason = (uint8_t)-err;
  if (to_core(s, &msg, 1) != 0) cold_fatal(s, TG_EXIT_SPACE, "the tape broke and the core's lane is stalled");
}

static void on_state(tg_stage_cold_t *s, const tg_msg_t *msg) {
  const tg_out_state_t *state = &msg->u.out_state;
  tg_log_info("state %s -> %s: %s", s->names->fsm_state(state->from), s->names->fsm_state(state->to),
              s->names->fsm_reason(state->reason));
  if (!s->conf->evidence_fsm) return;
  int err = tg_evidence_transition(&s->evidence, s->mirror, s->evidence_cnt++, msg);
  if (err) tg_log_error("evidence bundle not written: %s", tg_err_text(err));
}

static void on_alarm(tg_stage_cold_t *s, const tg_msg_t *msg) {
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  tg_log(alarm->what == TG_ALARM_CMD_DONE ? TG_LOG_INFO : TG_LOG_WARN,
         "alarm %s: client id %016llx, ours %lld, venue %lld, detail %lld %lld", tg_alarm_name(alarm->what),
         (unsigned long long)alarm->client_id, (long long)alarm->ours, (long long)alarm->venue, (long long)alarm->detail[0],
         (long long)alarm->detail[1]);
  if (tg_cold_truth_on_alarm(&s->truth, msg) && s->conf->evidence_restart) {
    int rc = tg_evidence_restart(&s->evidence, s->evidence_cnt++, &s->sync->good, msg);
    if (rc) tg_log_error("evidence bundle not written: %s", tg_err_text(rc));
  }
  bool account = alarm->what >= TG_ALARM_DUPLICATE_KEY && alarm->what <= TG_ALARM_SIDE_MODE;
  if (!account || !s->conf->evidence_account_sync) return;
  int err = tg_evidence_mismatch(&s->evidence, s->evidence_cnt++, msg->ts_ns, tg_alarm_name(alarm->what), &s->sync->good, msg);
  if (err) tg_log_error("evidence bundle not written: %s", tg_err_text(err));
}

/* STOP from the control socket ends the whole engine, not only the quoting. */
static void stop_seen(tg_stage_cold_t *s, uint64_t now_ns) {
  if (atomic_load_explicit(&s->stop_wanted, memory_order_relaxed)) return;
  atomic_store_explicit(&s->stop_wanted, 1, memory_order_relaxed);
  s->stop_deadline_ns = now_ns + STOP_PATIENCE_NS;
  atomic_store_explicit(&s->phase, TG_COLD_STOPPING, memory_order_relaxed);
}

static void command_done(tg_stage_cold_t *s, int64_t verb, uint64_t now_ns) {
  if (verb == TG_VERB_STOP) stop_seen(s, now_ns);
}

static void journal_one(tg_stage_cold_t *s, const tg_msg_t *msg, uint64_t now_ns) {
  int err = s->tape ? tg_tape_put(s->tape, msg) : 0;
  if (err) journal_broken(s, "the tape", err, now_ns);
  tg_digest_add(&s->digest, msg);
  err = s->store ? tg_store_on_msg(s->store, msg) : 0;
  if (err) journal_broken(s, "the store", err, now_ns);
  err = tg_cold_intents_on_msg(s->intents, msg, now_ns);
  if (err) journal_broken(s, "the store of intents", err, now_ns);
  tg_mirror_on_msg(s->mirror, msg);
  if (s->bn) tg_bn_cold_on_msg(s->bn, msg, now_ns);
  tg_cold_kill_on_msg(s, msg, now_ns);
  switch (msg->kind) {
    case TG_OUT_STATE:
      on_state(s, msg);
      break;
    case TG_OUT_ALARM:
      on_alarm(s, msg);
      if (s->control) tg_control_on_msg(s->control, msg);
      if (msg->u.out_alarm.what == TG_ALARM_CMD_DONE) command_done(s, msg->u.out_alarm.ours, now_ns);
      break;
    case TG_OUT_SYNC:
      tg_sync_want(s->sync, TG_SYNC_WHY_CORE);
      break;
    case TG_EX_ANSWER:
      if (msg->u.ex_answer.outcome == TG_OUTCOME_UNKNOWN) tg_sync_want(s->sync, TG_SYNC_WHY_UNKNOWN);
      break;
    default:
      break;
  }
  s->drained_cnt++;
}

static uint32_t journal_drain(tg_stage_cold_t *s, uint64_t now_ns, uint32_t limit) {
  tg_msg_t msg;
  uint32_t cnt = 0;
  while (cnt < limit && journal_next(s, &msg)) {
    journal_one(s, &msg, now_ns);
    cnt++;
  }
  return cnt;
}

/* --- turn --- */

static void heartbeat(tg_stage_cold_t *s, uint64_t now_ns) {
  if (now_ns < s->beat_next_ns) return;
  s->beat_next_ns = now_ns + (uint64_t)TG_NS_PER_S;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, now_ns);
  msg.u.health.what = TG_HEALTH_COLD;
  msg.u.health.ok = 1;
  if (to_core(s, &msg, 1) != 0) tg_log_error("the core does not take the cold lane's heartbeat");
}

/* Somebody else's word about today's new risk (gate bit 30). */
static void decision_turn(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_msg_t msg;
  if (!tg_decision_file_turn(&s->decision, now_ns, &msg)) return;
  static const char *const verdict[] = {"not valid", "allow", "block"};
  tg_log_info("%s: %s", s->decision.path, verdict[msg.u.decision.verdict % 3]);
  if (to_core(s, &msg, 1) != 0) tg_decision_file_untold(&s->decision);
}

static void send_stop(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, now_ns);
  msg.u.cmd.verb = TG_VERB_STOP;
  msg.u.cmd.role = TG_ROLE_RISK;
  memcpy(msg.u.cmd.reason, "shutdown", 8);
  if (to_core(s, &msg, 1) != 0) tg_log_error("STOP did not reach the core");
  s->stop_deadline_ns = now_ns + STOP_PATIENCE_NS;
}

/* Does the venue agree that nothing of ours is left? Asked once the core has nothing open, or has waited LOOK_AFTER_NS for it.
 * False: not yet; true: it does, or does not say in time. */
static bool looked(tg_stage_cold_t *s, bool calm, uint64_t now_ns) {
  if (s->look_over || s->bn_stats.phase != TG_BN_RUNNING) return true;
  if (s->look_ns == 0) {
    if (!calm && now_ns + STOP_PATIENCE_NS < s->stop_deadline_ns + LOOK_AFTER_NS) return false;
    s->look_ns = now_ns;
    tg_bn_cold_last_look(s->bn, now_ns);
    return false;
  }
  bool over = tg_bn_cold_last_look_over(s->bn);
  if (!over && now_ns < s->look_ns + LOOK_PATIENCE_NS) return false;
  s->look_over = true;
  if (!over) tg_log_warn("the venue did not say in time that none of ours is left: the next start compares");
  uint32_t found = s->kill.on || !calm ? 0 : tg_bn_cold_kill_state(s->bn)->order_cnt;
  if (found > 0)
    tg_log_warn("%u order(s) of ours that the core took for ended still rested and were cancelled", (unsigned)found);
  return true;
}

static void stop_turn(tg_stage_cold_t *s, uint64_t now_ns) {
  int wanted = atomic_load_explicit(&s->stop_wanted, memory_order_relaxed);
  int phase = atomic_load_explicit(&s->phase, memory_order_relaxed);
  if (!wanted) return;
  bool late = wanted > 1 || now_ns >= s->stop_deadline_ns;
  if (phase == TG_COLD_RUN) {
    send_stop(s, now_ns);
    phase = TG_COLD_STOPPING;
  } else if (phase == TG_COLD_STOPPING) {
    bool orders_left = !atomic_load_explicit(s->core_stopped, memory_order_relaxed);
    if (!(looked(s, !orders_left, now_ns) && !orders_left) && !late) return;
    if (!s->kill.on) tg_bn_cold_kill_off(s->bn);
    if (orders_left) tg_log_error("stopping with orders that the venue has not accounted for: see `orders` in the store");
    tg_bn_cold_stop(s->bn, now_ns, orders_left);
    s->stop_deadline_ns = now_ns + 3 * (uint64_t)TG_NS_PER_S;
    phase = TG_COLD_CLOSING;
  } else if (phase == TG_COLD_CLOSING && (late || tg_bn_cold_pending(s->bn) == 0)) {
    phase = TG_COLD_DONE;
  }
  atomic_store_explicit(&s->phase, phase, memory_order_relaxed);
}

static void disk_turn(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_msg_t msg;
  if (!tg_cold_disk_turn(&s->disk, now_ns, &msg)) return;
  if (to_core(s, &msg, 1) != 0) return; /* tried again */
  tg_cold_disk_told(&s->disk);
  tg_log(s->disk.low ? TG_LOG_ERROR : TG_LOG_INFO, "disk of %s: %lld MB left, the mark is %lld MB: %s", s->disk.dir,
         (long long)(s->disk.room_bytes >> 20), (long long)s->conf->tape_low_water_mb,
         s->disk.low ? "reduce only from now on" : "room again");
}

/* The page that the watchdog reads. */
static void beat_turn(tg_stage_cold_t *s, bool running) {
  tg_beat(s->beat, atomic_load_explicit(s->hot_beat, memory_order_relaxed), ++s->beat_cnt);
  bool stopping = atomic_load_explicit(&s->phase, memory_order_relaxed) != TG_COLD_RUN;
  if (running) tg_beat_phase(s->beat, stopping ? TG_BEAT_STOPPING : TG_BEAT_RUNNING);
}

static uint32_t cold_turn(void *self, uint64_t now_ns) {
  tg_stage_cold_t *s = self;
  if (!s->configured) send_settings(s, now_ns);
  tg_netcold_turn(s->net, now_ns);
  uint64_t alive_ns = atomic_load_explicit(s->hot_alive_ns, memory_order_relaxed);
  tg_bn_cold_turn(s->bn, now_ns, alive_ns + HOT_ALIVE_NS > now_ns);
  const char *text;
  int fatal = tg_bn_cold_fatal(s->bn, &text);
  if (fatal && !atomic_load_explicit(&s->fatal_exit, memory_order_relaxed)) cold_fatal(s, fatal, text);
  uint32_t done = journal_drain(s, now_ns, TG_COLD_BURST);
  tg_bn_cold_stats(s->bn, &s->bn_stats);
  if (s->bn_stats.phase == TG_BN_RUNNING && atomic_load_explicit(&s->phase, memory_order_relaxed) == TG_COLD_RUN) {
    /* the first snapshot after a restart is compared: executions of the time between come before it */
    uint32_t want = tg_bn_cold_catching_up(s->bn) ? 0 : tg_sync_turn(s->sync, now_ns);
    tg_msg_t failed;
    if (tg_sync_failed_msg(s->sync, now_ns, &failed) && to_core(s, &failed, 1) != 0)
      tg_log_error("a failed account sync was not told");
    if (want) tg_bn_cold_account(s->bn, want, now_ns);
  }
  int err = s->tape ? tg_tape_turn(s->tape, now_ns) : 0;
  if (err) journal_broken(s, "the tape", err, now_ns);
  err = s->store ? tg_store_turn(s->store, now_ns) : 0;
  if (err) journal_broken(s, "the store", err, now_ns);
  err = s->intents ? tg_intents_turn(s->intents, now_ns) : 0;
  if (err) journal_broken(s, "the store of intents", err, now_ns);
  disk_turn(s, now_ns);
  decision_turn(s, now_ns);
  if (s->beat) beat_turn(s, s->bn_stats.phase == TG_BN_RUNNING);
  if (s->control) tg_control_turn(s->control, now_ns);
  if (s->metrics) tg_metrics_turn(s->metrics);
  heartbeat(s, now_ns);
  if (atomic_load_explicit(&s->phase, memory_order_relaxed) <= TG_COLD_STOPPING) tg_cold_kill_turn(s, now_ns);
  stop_turn(s, now_ns);
  return done;
}

void tg_stage_cold_drain(tg_stage_cold_t *stage, uint64_t now_ns) {
  while (journal_drain(stage, now_ns, TG_COLD_BURST) > 0) {
  }
}

void tg_stage_cold_free(tg_stage_cold_t *stage) {
  tg_bn_cold_close(stage->bn);
  stage->bn = NULL;
  if (stage->net) tg_netcold_free(stage->net);
  stage->net = NULL;
}

/* Hot lanes have ended: what they left in the journal is read while the venue's side is still there, then the network goes, on
 * the thread that owns its ring. */
static void cold_fini(void *self) {
  tg_stage_cold_t *s = self;
  if (s->bn) tg_stage_cold_drain(s, cold_now(s));
  tg_cold_kill_end(s, cold_now(s));
  tg_stage_cold_free(s);
}

const tg_stage_ops_t tg_stage_cold_ops = {"cold", cold_layout, cold_init_privileged, cold_init, cold_turn, cold_fini};

#include "engine/run/cold_kill.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codecs/client_id.h"
#include "engine/base/log.h"
#include "engine/run/stage_cold.h"

#define SILENT_NS (2 * (uint64_t)TG_NS_PER_S)
#define PROOF_WAIT_NS (2 * (uint64_t)TG_NS_PER_S) /* the last answers of a kill come a moment after the venue's list */

/* Turns carry their time; commands come with a later one. */
static uint64_t since(uint64_t now_ns, uint64_t then_ns) {
  return now_ns > then_ns ? now_ns - then_ns : 0;
}

const char *tg_kill_way_text(unsigned way) {
#define KW(name, text) text,
  static const char *const texts[] = {TG_KILL_WAYS(KW)};
#undef KW
  return way < TG_KILL_BY_CNT ? texts[way] : "?";
}

/* ---- the latch: the file run_dir/KILL (gates.md, bit 2) ---- */

static void latch_set(const tg_cold_kill_t *k, uint64_t now_ns) {
  if (!k->path) return;
  int fd = open(k->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0 && errno == EEXIST) return;
  char line[128];
  int len = snprintf(line, sizeof line, "%s uid %u at %llu ns: %s\n", tg_kill_way_text(k->way), (unsigned)k->uid,
                     (unsigned long long)now_ns, k->reason);
  int err = fd < 0 ? errno : 0;
  if (fd >= 0 && len > 0 && write(fd, line, (size_t)len) != len) err = errno; /* an empty file is a latch, too */
  if (fd >= 0 && fsync(fd) != 0) err = errno;
  if (fd >= 0 && close(fd) != 0 && !err) err = errno;
  if (err)
    tg_log_error("the kill latch %s cannot be written: %s; the kill holds, but not across a restart", k->path, strerror(err));
}

static void latch_clear(const tg_cold_kill_t *k) {
  if (k->path && unlink(k->path) != 0 && errno != ENOENT)
    tg_log_error("the kill latch %s cannot be removed: %s; it kills again", k->path, strerror(errno));
}

/* First line of the file, as the reason: who made it may have said why. */
static void latch_reason(const tg_cold_kill_t *k, char *out, size_t cap) {
  int fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n = fd >= 0 ? read(fd, out, cap - 1) : 0;
  if (fd >= 0) close(fd);
  out[n > 0 ? n : 0] = '\0';
  size_t len = strcspn(out, "\n");
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)out[i] < 0x20 || (unsigned char)out[i] > 0x7E) out[i] = '?';
  }
  out[len] = '\0';
}

/* ---- begin ---- */

/* Under the latch the core lets reductions through; they are meant to rest. */
static bool spare(void *user, const tg_bn_kill_order_t *order) {
  const tg_cold_kill_t *k = &((const tg_stage_cold_t *)user)->kill;
  bool same_run = tg_client_id_epoch(order->client_id) == tg_client_id_epoch(k->placed_max);
  return k->latched && order->reduce_only && same_run && order->client_id > k->placed_at;
}

static int send_verb(tg_stage_cold_t *s, tg_verb_t verb, const char *reason, uint32_t uid, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, now_ns);
  msg.u.cmd.verb = (uint8_t)verb;
  msg.u.cmd.role = TG_ROLE_RISK;
  msg.u.cmd.uid = uid;
  size_t len = strlen(reason);
  memcpy(msg.u.cmd.reason, reason, len < sizeof msg.u.cmd.reason - 1 ? len : sizeof msg.u.cmd.reason - 1);
  return tg_stage_cold_to_core(s, &msg, 1);
}

void tg_cold_kill_asked(tg_stage_cold_t *s, tg_kill_way_t way, const tg_msg_t *cmd, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  if (k->on) {                                                                          /* again: the venue is looked at now */
    if (way == TG_KILL_BY_VERB && k->way == TG_KILL_BY_DRILL) k->way = TG_KILL_BY_VERB; /* a real one takes over a drill */
    if (s->bn) tg_bn_cold_kill(s->bn, spare, s, now_ns);
    return;
  }
  tg_cold_kill_t fresh = {.path = k->path,
                          .on = true,
                          .way = (uint8_t)way,
                          .looked = true,
                          .asked_ns = cmd ? cmd->ts_ns : now_ns,
                          .look_next_ns = k->look_next_ns,
                          .placed_max = k->placed_max,
                          .kills = k->kills + (way != TG_KILL_BY_DRILL),
                          .drills = k->drills + (way == TG_KILL_BY_DRILL)};
  if (cmd) {
    fresh.uid = cmd->u.cmd.uid;
    fresh.cmd_no = cmd->u.cmd.cmd_no;
    memcpy(fresh.reason, cmd->u.cmd.reason, sizeof cmd->u.cmd.reason);
    for (size_t i = 0; fresh.reason[i]; i++) { /* it was cut at a byte, and goes into JSON */
      if ((unsigned char)fresh.reason[i] < 0x20 || (unsigned char)fresh.reason[i] > 0x7E) fresh.reason[i] = '?';
    }
    fresh.sent = way != TG_KILL_BY_DRILL;
    fresh.sent_ns = now_ns;
  } else {
    fresh.uid = (uint32_t)geteuid();
  }
  memcpy(k, &fresh, offsetof(tg_cold_kill_t, wanted)); /* a signal that comes now is not lost */
  if (k->path && (way == TG_KILL_BY_FILE || way == TG_KILL_BY_START)) latch_reason(k, k->reason, sizeof k->reason);
  latch_set(k, now_ns);
  tg_log_warn("KILL by %s, uid %u%s%s", tg_kill_way_text(way), (unsigned)k->uid, k->reason[0] ? ": " : "", k->reason);
  if (s->bn) tg_bn_cold_kill(s->bn, spare, s, now_ns);
}

int tg_cold_kill_drill(tg_stage_cold_t *s, const tg_msg_t *cmd, uint64_t now_ns) {
  if (s->conf->engine_mode + 1 != TG_MODE_SIM) return -TG_EPERM;
  if (s->kill.on) return -TG_EBUSY;
  tg_cold_kill_asked(s, TG_KILL_BY_DRILL, cmd, now_ns);
  return 0;
}

/* ---- the core's word ---- */

static void latched(tg_stage_cold_t *s, const tg_msg_t *msg, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  if (!k->on) tg_cold_kill_asked(s, TG_KILL_BY_VERB, NULL, now_ns);
  if (k->latched) return;
  k->latched = true;
  k->latched_ns = msg->ts_ns;
  k->placed_at = k->placed_max;
  if (s->bn) tg_bn_cold_kill(s->bn, spare, s, now_ns); /* an empty list from before proves nothing */
  for (uint32_t i = 0; i < TG_MIRROR_ORDERS; i++) {
    const tg_mirror_order_t *order = &s->mirror->order[i];
    if (!order->used || !order->open) continue;
    if (k->order_cnt == TG_COLD_KILL_ORDERS) {
      k->order_more++;
      continue;
    }
    k->order[k->order_cnt++] = (tg_cold_kill_order_t){.client_id = order->report.client_id,
                                                      .order_id = order->report.order_id,
                                                      .px_ticks = order->report.px_ticks,
                                                      .qty_lots = order->report.qty_lots,
                                                      .cum_lots = order->report.cum_qty_lots,
                                                      .instr_idx = order->instr_idx,
                                                      .side = order->report.side,
                                                      .state = order->report.state};
  }
}

static void prove(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  if (k->proof_written) return;
  k->proof_written = true;
  bool wanted = k->way == TG_KILL_BY_DRILL || s->conf->evidence_kill;
  int err = wanted && s->evidence.dir ? tg_cold_kill_proof(s, now_ns) : 0;
  if (err) tg_log_error("the kill's evidence bundle is not written: %s", tg_err_text(err));
}

static void drill_over(tg_stage_cold_t *s, bool good) {
  json_t *document = tg_cold_kill_json(s);
  if (document && good) {
    json_object_set_new(document, "ok", json_true());
  } else if (document) {
    json_object_set_new(document, "ok", json_false());
    json_object_set_new(document, "error", json_string("the venue was not verified empty in time; the latch is cleared again"));
    json_object_set_new(document, "code", json_string(tg_err_name(TG_ETIMEOUT)));
  }
  if (s->control)
    tg_control_finish(s->control, s->kill.cmd_no, document);
  else
    json_decref(document);
}

static void cleared(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  latch_clear(k);
  if (!k->on) return;
  prove(s, now_ns);
  if (s->bn) tg_bn_cold_kill_off(s->bn);
  if (k->way == TG_KILL_BY_DRILL) drill_over(s, k->empty_ns != 0);
  k->on = k->latched = k->sent = false;
  tg_log_warn("the kill latch is cleared");
}

void tg_cold_kill_on_msg(tg_stage_cold_t *s, const tg_msg_t *msg, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  switch (msg->kind) {
    case TG_OUT_PLACE:
      if (msg->u.out_place.client_id > k->placed_max) k->placed_max = msg->u.out_place.client_id;
      break;
    case TG_OUT_CANCEL:
      if (!k->latched) break;
      k->core_cancels++;
      if (k->first_cancel_ns == 0) k->first_cancel_ns = msg->ts_ns;
      break;
    case TG_EX_ANSWER:
      if (!k->latched || msg->u.ex_answer.request != TG_REQUEST_CANCEL || msg->u.ex_answer.outcome != TG_OUTCOME_CONFIRMED)
        break;
      k->core_confirmed++;
      if (k->empty_ns == 0) k->last_confirmed_ns = msg->ts_ns;
      break;
    case TG_OUT_ALARM:
      if (msg->u.out_alarm.what != TG_ALARM_CMD_DONE) break;
      if (msg->u.out_alarm.ours == TG_VERB_KILL) latched(s, msg, now_ns);
      if (msg->u.out_alarm.ours == TG_VERB_KILL_OFF) cleared(s, now_ns);
      break;
    default:
      break;
  }
}

/* ---- turn ---- */

/* None of ours in a list that was asked for after the core had latched: nothing new can come. */
static bool verified(const tg_cold_kill_t *k, const tg_bn_kill_t *venue) {
  return k->latched && tg_bn_kill_is_empty(venue) && venue->empty_asked_ns >= k->latched_ns;
}

/* Tells the core what the venue showed last, when that changed. */
static void tell_core(tg_stage_cold_t *s, const tg_bn_kill_t *venue, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  bool empty = verified(k, venue);
  if (!k->latched || (!empty && venue->listed == 0)) return;
  if (k->told_any && k->told_empty == empty && k->told_listed == venue->listed) return;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, now_ns);
  msg.u.health.what = TG_HEALTH_KILL_EMPTY;
  msg.u.health.ok = empty;
  msg.u.health.value = (int64_t)venue->listed;
  if (tg_stage_cold_to_core(s, &msg, 1) != 0) return; /* told at the next turn */
  k->told_any = true;
  k->told_empty = empty;
  k->told_listed = venue->listed;
}

/* Every order that was open when the core latched has ended in our books, too. */
static bool at_rest(const tg_stage_cold_t *s) {
  const tg_cold_kill_t *k = &s->kill;
  for (uint32_t i = 0; i < k->order_cnt; i++) {
    const tg_mirror_order_t *order = tg_mirror_order(s->mirror, k->order[i].client_id);
    if (order && order->open) return false;
  }
  return true;
}

static void venue_turn(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  const tg_bn_kill_t *venue = tg_bn_cold_kill_state(s->bn);
  if (venue->first_cancel_ns && (k->first_cancel_ns == 0 || venue->first_cancel_ns < k->first_cancel_ns))
    k->first_cancel_ns = venue->first_cancel_ns;
  if (k->empty_ns == 0 && venue->last_confirmed_ns > k->last_confirmed_ns) k->last_confirmed_ns = venue->last_confirmed_ns;
  bool early = k->latched && venue->phase == TG_BN_KILL_EMPTY && venue->empty_asked_ns < k->latched_ns;
  if (early) tg_bn_cold_kill(s->bn, spare, s, now_ns);
  tell_core(s, venue, now_ns);
  if (k->empty_ns == 0 && verified(k, venue)) {
    k->empty_ns = venue->empty_last_ns;
    tg_log_warn("KILL: the venue shows no open order of ours, %llu ms after it was asked for",
                (unsigned long long)(since(k->empty_ns, k->asked_ns) / (uint64_t)TG_NS_PER_MS));
  }
  if (k->empty_ns != 0 && !k->proof_written && (at_rest(s) || since(now_ns, k->empty_ns) > PROOF_WAIT_NS)) prove(s, now_ns);
  if (!k->latched && k->sent && !k->silent_told && since(now_ns, k->sent_ns) > SILENT_NS) {
    k->silent_told = true;
    tg_log_error("the core does not answer the KILL; the venue is worked on without it");
  }
  if (k->way != TG_KILL_BY_DRILL || k->drill_clearing) return;
  bool late = since(now_ns, k->asked_ns) > (uint64_t)TG_COLD_KILL_DRILL_MS * (uint64_t)TG_NS_PER_MS;
  if (!k->proof_written && !late) return;
  k->drill_clearing = send_verb(s, TG_VERB_KILL_OFF, "drill over", k->uid, now_ns) == 0;
}

void tg_cold_kill_turn(tg_stage_cold_t *s, uint64_t now_ns) {
  tg_cold_kill_t *k = &s->kill;
  if (atomic_exchange_explicit(&k->wanted, 0, memory_order_relaxed)) tg_cold_kill_asked(s, TG_KILL_BY_SIGNAL, NULL, now_ns);
  if (!k->on && k->path && now_ns >= k->look_next_ns) {
    bool first = !k->looked;
    k->looked = true;
    k->look_next_ns = now_ns + TG_COLD_KILL_LOOK_NS;
    if (access(k->path, F_OK) == 0) {
      tg_log_warn("%s lies there: killed; `tickgatectl kill off` removes it", k->path);
      tg_cold_kill_asked(s, first ? TG_KILL_BY_START : TG_KILL_BY_FILE, NULL, now_ns);
    }
  }
  if (!k->on) return;
  if (!k->sent &&
      send_verb(s, TG_VERB_KILL, k->way == TG_KILL_BY_DRILL ? "drill" : tg_kill_way_text(k->way), k->uid, now_ns) == 0) {
    k->sent = true;
    k->sent_ns = now_ns;
  }
  if (s->bn) venue_turn(s, now_ns);
}

void tg_cold_kill_end(tg_stage_cold_t *s, uint64_t now_ns) {
  if (s->kill.on && s->kill.latched) prove(s, now_ns);
}

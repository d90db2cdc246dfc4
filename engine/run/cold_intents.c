#include "engine/run/cold_intents.h"

#include <jansson.h>
#include <stdio.h>

#include "engine/base/log.h"

int tg_cold_intents_open(tg_intents_t **out, const tg_conf_t *conf, const tg_cold_names_t *names, uint64_t epoch,
                         uint64_t now_ns, char *err_text, size_t err_cap) {
  *out = NULL;
  if (!conf->store_enabled) {
    if (conf->intent_approval == 0) return 0;
    snprintf(err_text, err_cap, "intent.approval = manual needs store.enabled = true: nobody could approve anything");
    return -TG_EINVAL;
  }
  tg_intents_cfg_t cfg = {.dir = conf->engine_run_dir,
                          .names = names,
                          .stuck_ns = (uint64_t)(conf->intent_stuck_ms * TG_NS_PER_MS),
                          .strategy = (uint8_t)conf->engine_strategy_id,
                          .journal = conf->intent_journal != 0};
  int err = tg_intents_open(out, &cfg, err_text, err_cap);
  if (err) return err;
  int64_t closed = tg_intents_begin(*out, epoch, now_ns);
  if (closed < 0) {
    snprintf(err_text, err_cap, "intents of former runs cannot be closed: %s", tg_err_text((int)closed));
    int closing = tg_intents_close(*out);
    *out = NULL;
    return closing < 0 && closing != (int)closed ? closing : (int)closed;
  }
  if (closed > 0) tg_log_info("%lld intent(s) of former runs closed; none is executed again", (long long)closed);
  return 0;
}

static void take_back(tg_intents_t *intents, uint64_t id, const char *why, uint64_t now_ns) {
  tg_intent_word_t word = {.uid = TG_INTENT_NO_UID, .reason = why, .now_ns = now_ns};
  int err = tg_intents_cas(intents, id, TG_TICKET_EXECUTING, TG_TICKET_FAILED, &word);
  tg_log_warn("intent %016llx was approved, but %s: %s", (unsigned long long)id, why, err ? tg_err_text(err) : "failed");
}

int tg_cold_intents_on_msg(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns) {
  if (!intents) return 0;
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  if (msg->kind == TG_OUT_ALARM && alarm->what == TG_ALARM_CMD_REFUSED && alarm->ours == TG_VERB_APPROVE)
    take_back(intents, (uint64_t)alarm->detail[1], "the core refused it", now_ns);
  return tg_intents_on_msg(intents, msg, now_ns);
}

void tg_cold_intents_unsent(tg_intents_t *intents, const tg_msg_t *cmd, uint64_t now_ns) {
  if (!intents || cmd->u.cmd.verb != TG_VERB_APPROVE) return;
  take_back(intents, (uint64_t)cmd->u.cmd.arg[0], "the core's lane did not take it", now_ns);
}

void tg_cold_intents_collect(const tg_intents_t *intents, tg_metrics_out_t *out) {
  if (!intents) return;
  tg_intents_stats_t stats;
  tg_intents_stats(intents, &stats);
  const struct {
    const char *event;
    uint64_t cnt;
  } row[] = {{"opened", stats.opened_cnt},
             {"changed", stats.change_cnt},
             {"conflict", stats.conflict_cnt},
             {"stuck", stats.stuck_cnt}};
  for (size_t i = 0; i < TG_ARRAY_CNT(row); i++) {
    const char *labels[] = {"event", row[i].event, NULL};
    tg_metrics_put(out, TG_METRIC_INTENTS, (int64_t)row[i].cnt, labels);
  }
  tg_metrics_put(out, TG_METRIC_INTENTS_STUCK, (int64_t)stats.stuck_now, NULL);
}

json_t *tg_cold_intents_json(tg_intents_t *intents) {
  if (!intents) return json_null();
  tg_intents_stats_t stats;
  tg_intents_stats(intents, &stats);
  int64_t waiting = tg_intents_count(intents, TG_TICKET_NEW), executing = tg_intents_count(intents, TG_TICKET_EXECUTING);
  return json_pack("{s:I,s:I,s:I,s:I,s:b}", "waiting", (json_int_t)waiting, "executing", (json_int_t)executing, "stuck",
                   (json_int_t)stats.stuck_now, "journal_lines", (json_int_t)stats.journal_seq, "broken", stats.broken != 0);
}

int tg_cold_intents_close(tg_intents_t *intents, bool clean, uint64_t now_ns) {
  if (!intents) return 0;
  int64_t closed = clean ? tg_intents_end(intents, now_ns) : 0;
  int err = tg_intents_close(intents);
  return closed < 0 ? (int)closed : err;
}

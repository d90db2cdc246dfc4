#include "engine/cold/sync.h"

#include <string.h>

static const char *const why_name[TG_SYNC_WHY_CNT] = {
#define SW(name, text) text,
    TG_SYNC_WHYS(SW)
#undef SW
};
static const char *const fail_name[TG_SYNC_FAIL_CNT] = {
#define SF(name, text) text,
    TG_SYNC_FAILS(SF)
#undef SF
};

const char *tg_sync_why_name(unsigned why) {
  return why < TG_SYNC_WHY_CNT ? why_name[why] : "?";
}

const char *tg_sync_fail_name(unsigned fail) {
  return fail < TG_SYNC_FAIL_CNT ? fail_name[fail] : "?";
}

int tg_sync_init(tg_sync_t *sync, const tg_sync_cfg_t *cfg) {
  if (cfg->period_ns == 0 || cfg->timeout_ns == 0 || !cfg->map.symbol) return -TG_EINVAL;
  memset(sync, 0, sizeof *sync);
  sync->cfg = *cfg;
  sync->wanted_why = 1u << TG_SYNC_WHY_START;
  return 0;
}

void tg_sync_want(tg_sync_t *sync, tg_sync_why_t why) {
  sync->wanted_why |= 1u << why;
}

uint32_t tg_sync_turn(tg_sync_t *sync, uint64_t now_ns) {
  if (sync->running && now_ns >= sync->begun_ns + sync->cfg.timeout_ns) tg_sync_fail(sync, TG_SYNC_FAIL_TIMEOUT, now_ns);
  if (sync->running) return 0;
  bool due = sync->started && now_ns >= sync->next_ns;
  if (due) sync->wanted_why |= 1u << TG_SYNC_WHY_PERIOD;
  if (!sync->wanted_why) return 0;
  for (unsigned why = 0; why < TG_SYNC_WHY_CNT; why++) sync->stats.why[why] += sync->wanted_why >> why & 1u;
  sync->wanted_why = 0;
  if (!sync->started) sync->first_ns = now_ns;
  sync->running = sync->started = true;
  sync->begun_ns = now_ns;
  sync->next_ns = now_ns + sync->cfg.period_ns;
  sync->missing = TG_SYNC_WANT_ALL;
  sync->msg_cnt = 0;
  sync->dual_side = sync->cfg.want_dual_side; /* until an answer tells */
  sync->stats.rounds++;
  tg_acct_reset(&sync->acct, "rest");
  return TG_SYNC_WANT_ALL;
}

static uint8_t kind_of(uint32_t want_bit) {
  return want_bit == TG_SYNC_WANT_POSITIONS ? TG_ACC_POSITION : want_bit == TG_SYNC_WANT_ORDERS ? TG_ACC_ORDER : TG_ACC_BALANCE;
}

int tg_sync_part(tg_sync_t *sync, uint32_t want_bit, const tg_msg_t *msg, size_t cnt, int dual_side) {
  if (!sync->running || !(sync->missing & want_bit) || (want_bit & (want_bit - 1))) return -TG_EINVAL;
  if (cnt > TG_SYNC_MSG_MAX - sync->msg_cnt) return -TG_EFULL;
  for (size_t i = 0; i < cnt; i++) {
    if (msg[i].kind != kind_of(want_bit)) return -TG_EINVAL;
    int rc = tg_acct_add(&sync->acct, &sync->cfg.map, &msg[i]);
    if (rc == -TG_ENOTFOUND) sync->stats.unknown_rows++;
    if (rc < 0 && rc != -TG_ENOTFOUND) return rc;
    sync->msg[sync->msg_cnt++] = msg[i];
  }
  if (dual_side >= 0) sync->dual_side = dual_side != 0;
  sync->missing &= ~want_bit;
  return sync->missing == 0;
}

void tg_sync_fail(tg_sync_t *sync, tg_sync_fail_t why, uint64_t now_ns) {
  if (!sync->running) return;
  sync->running = false;
  sync->stats.fail[why]++;
  sync->fail_err = why == TG_SYNC_FAIL_TIMEOUT      ? TG_ETIMEOUT
                   : why == TG_SYNC_FAIL_AUTH       ? TG_EAUTH
                   : why == TG_SYNC_FAIL_RATE_LIMIT ? TG_ERATE
                   : why == TG_SYNC_FAIL_PARSE      ? TG_ESYNTAX
                                                    : TG_EPROTO;
  sync->fail_why = (uint8_t)why;
  sync->next_ns = now_ns + sync->cfg.period_ns; /* a failing venue is not asked more often */
}

static void health(tg_msg_t *msg, uint64_t now_ns, bool ok, int err, int64_t value) {
  tg_msg_init(msg, TG_HEALTH, TG_INSTR_NONE, now_ns);
  msg->u.health.what = TG_HEALTH_SYNC;
  msg->u.health.ok = ok;
  msg->u.health.reason = (uint8_t)err;
  msg->u.health.value = value;
}

static void put_head(const tg_sync_t *sync, tg_msg_t *msg, tg_msg_kind_t kind, uint64_t now_ns) {
  tg_msg_init(msg, kind, TG_INSTR_NONE, now_ns);
  tg_acc_begin_t *head = &msg->u.acc_begin; /* ACC_END has the same payload */
  head->snapshot_no = sync->stats.snapshot_no;
  head->venue_ms = tg_acct_lasting_ms(&sync->good); /* what the core may hold against the snapshot before */
  head->asked_ns = sync->begun_ns;
  head->dual_side = sync->dual_side;
  for (uint32_t i = 0; i < sync->msg_cnt; i++) {
    head->position_cnt += sync->msg[i].kind == TG_ACC_POSITION;
    head->order_cnt += sync->msg[i].kind == TG_ACC_ORDER;
    head->balance_cnt += sync->msg[i].kind == TG_ACC_BALANCE;
  }
}

int64_t tg_sync_finish(tg_sync_t *sync, uint64_t now_ns, tg_msg_batch_t *out) {
  if (!sync->running || sync->missing) return -TG_EINVAL;
  if (out->cap - out->cnt < sync->msg_cnt + 3) return -TG_EFULL;
  tg_acct_sort(&sync->acct);
  uint64_t count[TG_ACCT_RULE_CNT] = {0};
  const tg_acct_t *last = sync->have_good ? &sync->good : NULL;
  uint32_t broken = tg_acct_check(&sync->acct, last, sync->dual_side, sync->cfg.want_dual_side, count);
  for (unsigned rule = 0; rule < TG_ACCT_RULE_CNT; rule++) sync->stats.rule[rule] += count[rule];
  sync->running = false;
  const uint32_t fatal = 1u << TG_ACCT_DUPLICATE_KEY | 1u << TG_ACCT_TS_REGRESSION | 1u << TG_ACCT_NEGATIVE_QTY;
  if (broken & fatal) {
    sync->stats.rejected++;
    health(&out->msg[out->cnt++], now_ns, false, TG_ECORRUPT, broken);
    return broken;
  }
  sync->good = sync->acct;
  sync->have_good = true;
  sync->good_ns = now_ns;
  sync->stats.good++;
  sync->stats.snapshot_no++;
  put_head(sync, &out->msg[out->cnt++], TG_ACC_BEGIN, now_ns);
  for (uint32_t i = 0; i < sync->msg_cnt; i++) {
    tg_msg_t *msg = &out->msg[out->cnt++];
    *msg = sync->msg[i];
    if (msg->kind == TG_ACC_ORDER) /* the venue's time is told as a lag behind ts_ns: keep it when ts_ns moves */
      msg->u.acc_order.venue_lag_ms += (int32_t)((int64_t)(now_ns / 1000000) - (int64_t)(msg->ts_ns / 1000000));
    msg->ts_ns = now_ns;
  }
  put_head(sync, &out->msg[out->cnt++], TG_ACC_END, now_ns);
  health(&out->msg[out->cnt++], now_ns, true, 0, (int64_t)sync->stats.snapshot_no);
  return broken;
}

bool tg_sync_failed_msg(tg_sync_t *sync, uint64_t now_ns, tg_msg_t *out) {
  if (sync->fail_err == 0) return false;
  health(out, now_ns, false, sync->fail_err, sync->fail_why);
  sync->fail_err = 0;
  return true;
}

void tg_sync_stats(const tg_sync_t *sync, uint64_t now_ns, tg_sync_stats_t *out) {
  *out = sync->stats;
  out->age_ns = out->data_age_ns = UINT64_MAX;
  out->alerts = 0;
  if (sync->have_good) {
    out->age_ns = now_ns > sync->good_ns ? now_ns - sync->good_ns : 0;
    uint64_t data_ns = (uint64_t)sync->good.ts_ms * (uint64_t)TG_NS_PER_MS;
    if (sync->good.ts_ms > 0) out->data_age_ns = now_ns > data_ns ? now_ns - data_ns : 0;
  }
  /* before the first good one, the age counts from the first asking */
  uint64_t age_ns = sync->have_good ? out->age_ns : sync->started && now_ns > sync->first_ns ? now_ns - sync->first_ns : 0;
  if (age_ns > sync->cfg.alert_age_ns) out->alerts |= TG_SYNC_ALERT_AGE;
  bool empty = sync->good.position_cnt == 0 && sync->good.order_cnt == 0;
  if (sync->have_good && !empty && out->data_age_ns != UINT64_MAX && out->data_age_ns > sync->cfg.data_alert_age_ns)
    out->alerts |= TG_SYNC_ALERT_DATA;
}

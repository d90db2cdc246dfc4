/* Restarts at random instants: the core is dropped, RESTORE_* is made from an independent record of its outputs (as the store
 * would), a new core goes on. In the end position, open orders and P&L are the venue's. TG_SEEDS: seeds a test. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_venue.h"

#define SECOND UINT64_C(1000000000)
#define REC_ORDERS 4096
#define REC_TRADES 4096

/* ---- the record ---- */

typedef struct rec_order {
  tg_out_report_t report;
  int64_t amend_lots;
} rec_order_t;

typedef struct record {
  tg_out_position_t pos;
  bool pos_seen, frozen;
  rec_order_t order[REC_ORDERS];
  uint32_t order_cnt;
  uint64_t trade[REC_TRADES];
  bool lite[REC_TRADES];
  uint32_t trade_cnt;
} record_t;

static fv_t fv;
static record_t rec;
static uint64_t top_trade; /* highest trade id given to a core */
static bool late_trade;    /* one came behind a later one: its realised part may differ from the venue's, the sum may not */

static rec_order_t *rec_order(uint64_t client_id) {
  for (uint32_t i = rec.order_cnt; i-- > 0;)
    if (rec.order[i].report.client_id == client_id) return &rec.order[i];
  return NULL;
}

static void rec_report(const tg_out_report_t *report) {
  rec_order_t *o = rec_order(report->client_id);
  if (o == NULL) {
    cr_assert(rec.order_cnt < REC_ORDERS);
    o = &rec.order[rec.order_cnt++];
    o->amend_lots = 0;
  }
  o->report = *report;
  if (report->state != TG_ORD_AMEND_SENT && report->state != TG_ORD_AMEND_UNKNOWN && report->state != TG_ORD_CANCEL_SENT &&
      report->state != TG_ORD_REST_UNKNOWN)
    o->amend_lots = 0;
}

static void rec_fill(const tg_msg_t *msg) {
  for (uint32_t i = 0; i < rec.trade_cnt; i++) {
    if (rec.trade[i] != msg->u.out_fill.trade_id) continue;
    if (msg->flags & TG_F_SECOND) rec.lite[i] = false;
    return;
  }
  cr_assert(rec.trade_cnt < REC_TRADES);
  rec.trade[rec.trade_cnt] = msg->u.out_fill.trade_id;
  rec.lite[rec.trade_cnt++] = (msg->flags & TG_F_LITE) != 0;
}

static void rec_output(const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_OUT_POSITION:
      rec.pos = msg->u.out_position;
      rec.pos_seen = true;
      break;
    case TG_OUT_ORDER:
      rec_report(&msg->u.out_order);
      break;
    case TG_OUT_AMEND: {
      rec_order_t *o = rec_order(msg->u.out_amend.client_id);
      if (o != NULL && msg->u.out_amend.qty_lots > o->amend_lots) o->amend_lots = msg->u.out_amend.qty_lots;
      break;
    }
    case TG_OUT_FILL:
      rec_fill(msg);
      break;
    default:
      break;
  }
}

static void after_step(fv_t *v, const tg_msg_t *in, const tg_msg_batch_t *out) {
  tg_core_check(v->core);
  for (uint32_t i = 0; i < out->cnt && in->kind == TG_EX_FILL; i++) {
    if (out->msg[i].kind != TG_OUT_FILL || (out->msg[i].flags & TG_F_SECOND)) continue;
    if (in->u.ex_fill.trade_id < top_trade) late_trade = true;
    if (in->u.ex_fill.trade_id > top_trade) top_trade = in->u.ex_fill.trade_id;
  }
  if (rec.frozen) return; /* the journal's tail is lost */
  for (uint32_t i = 0; i < out->cnt; i++) rec_output(&out->msg[i]);
}

/* ---- telling a new core ---- */

static void tell(tg_msg_kind_t kind, uint16_t instr, const void *payload, size_t len, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, instr, fv.now_ns);
  msg.flags = flags;
  memcpy(&msg.u, payload, len);
  fv_feed(&fv, &msg);
}

static uint32_t tell_trades(bool lite) {
  tg_restore_trades_t line = {0};
  uint32_t in_line = 0, cnt = 0;
  for (uint32_t i = 0; i < rec.trade_cnt; i++) {
    if (rec.lite[i] != lite) continue;
    line.trade_id[in_line++] = rec.trade[i];
    cnt++;
    if (in_line < TG_RESTORE_TRADES_MAX) continue;
    tell(TG_RESTORE_TRADES, 0, &line, sizeof line, lite ? TG_F_LITE : 0);
    line = (tg_restore_trades_t){0};
    in_line = 0;
  }
  if (in_line > 0) tell(TG_RESTORE_TRADES, 0, &line, sizeof line, lite ? TG_F_LITE : 0);
  return cnt;
}

static uint32_t tell_orders(void) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < rec.order_cnt; i++) {
    const rec_order_t *o = &rec.order[i];
    if (o->report.state < TG_ORD_SENT || o->report.state > TG_ORD_REST_UNKNOWN) continue;
    tg_acc_order_t line = {.client_id = o->report.client_id,
                           .order_id = o->report.order_id,
                           .px_ticks = o->report.px_ticks,
                           .qty_lots = o->amend_lots > o->report.qty_lots ? o->amend_lots : o->report.qty_lots,
                           .cum_qty_lots = o->report.cum_qty_lots,
                           .side = o->report.side,
                           .status = o->report.order_id > 0 ? TG_STATUS_NEW : TG_STATUS_NONE,
                           .order_flags = o->report.order_flags,
                           .type = TG_TYPE_LIMIT};
    tell(TG_RESTORE_ORDER, 0, &line, sizeof line, 0);
    cnt++;
  }
  return cnt;
}

static uint64_t first_unbooked(void) {
  uint64_t from = 0;
  for (uint32_t i = 0; i < rec.trade_cnt; i++)
    if (!rec.lite[i] && rec.trade[i] > from) from = rec.trade[i];
  for (uint32_t i = 0; i < rec.trade_cnt; i++)
    if (rec.lite[i] && rec.trade[i] <= from) from = rec.trade[i] - 1;
  return from + 1;
}

static void restart(bool holes) {
  fv_drop(&fv);
  fv_run(&fv, tg_rng_next(&fv.rng) % (3 * SECOND));
  rec.frozen = false;
  fv_reopen(&fv, 0xA5);
  fv_conf(&fv, "mismatch.orphan_order", 2);
  tg_restore_done_t done = {.from_epoch = fv.epoch - 1, .position_cnt = rec.pos_seen};
  if (rec.pos_seen) tell(TG_RESTORE_POS, 0, &rec.pos, sizeof rec.pos, 0);
  done.order_cnt = tell_orders();
  done.trade_cnt = tell_trades(false) + tell_trades(true);
  tell(TG_RESTORE_DONE, TG_INSTR_NONE, &done, sizeof done, 0);
  fv_start(&fv);
  fv_user_trades(&fv, holes ? 1 : first_unbooked(), 0);
  if (holes) fv.next_trades_ns = fv.now_ns;
}

/* ---- a life ---- */

static void finish(uint64_t seed) {
  fv.faults = (fv_faults_t){.delay_us_max = 2000};
  if (fv.next_trades_ns != UINT64_MAX) fv_run(&fv, 2 * SECOND);
  fv_cmd(&fv, TG_VERB_STOP, TG_ROLE_OPERATOR);
  for (unsigned i = 0; i < 300 && !tg_core_stopped(fv.core); i++) fv_run(&fv, SECOND / 10);
  cr_assert(tg_core_stopped(fv.core), "seed %lu", seed);
  fv_run(&fv, SECOND / 2);
  const tg_position_t *pos = &fv.core->instr[0].pos;
  cr_assert_eq(fv_open_orders(&fv), 0u, "seed %lu", seed);
  cr_assert_eq(pos->qty_lots, fv.pos, "seed %lu: %ld, the venue has %ld", seed, pos->qty_lots, fv.pos);
  cr_assert_eq(pos->commission_e8, fv.commission_e8, "seed %lu", seed);
  int64_t dir = pos->qty_lots > 0 ? 1 : -1; /* cash that flowed: realised less what the open side cost */
  cr_assert_eq(pos->realised_e8 - dir * pos->cost_e8, fv.realised_e8 - dir * fv.cost_e8, "seed %lu", seed);
  if (late_trade) return;
  cr_assert_eq(pos->cost_e8, fv.cost_e8, "seed %lu", seed);
  cr_assert_eq(pos->realised_e8, fv.realised_e8, "seed %lu", seed);
  cr_assert_eq(fv.alarm_cnt[TG_ALARM_PNL_DRIFT], 0u, "seed %lu", seed);
}

static uint64_t seeds(uint64_t normal) {
  const char *text = getenv("TG_SEEDS");
  return text != NULL ? strtoull(text, NULL, 10) : FV_SLOW ? normal / 6 : normal;
}

typedef struct sums {
  uint64_t restarts, fills, equal, orphans, late, lost;
} sums_t;

static void life(uint64_t seed, const fv_faults_t *faults, bool tail_lost, sums_t *sums) {
  memset(&rec, 0, sizeof rec);
  top_trade = 0;
  late_trade = false;
  fv_open(&fv, seed, faults, 0);
  fv.no_digest = true;
  fv.after_step = after_step;
  bool holes = faults->fill_dropped > 0;
  if (holes) fv.next_trades_ns = fv.now_ns;
  fv_start(&fv);
  unsigned restarts = 1 + (unsigned)(tg_rng_next(&fv.rng) % 2);
  for (unsigned i = 0; i < restarts; i++) {
    fv_run(&fv, tg_rng_next(&fv.rng) % (4 * SECOND));
    rec.frozen = tail_lost;
    if (tail_lost) fv_run(&fv, tg_rng_next(&fv.rng) % (SECOND / 10));
    sums->lost += tg_core_stats(fv.core)->lost_fill_cnt;
    restart(holes);
  }
  fv_run(&fv, 3 * SECOND);
  finish(seed);
  cr_assert_eq(fv.core->restart.halted, 0, "seed %lu", seed);
  cr_assert_eq(fv.core->restart.decided, 1, "seed %lu", seed);
  cr_assert_eq(tg_core_stats(fv.core)->adopt_cnt, 0u, "seed %lu: adopted", seed);
  sums->restarts += restarts;
  sums->fills += fv.fill_cnt;
  sums->equal += fv.alarm_cnt[TG_ALARM_RESTART_EQUAL];
  sums->orphans += fv.alarm_cnt[TG_ALARM_ORPHAN_CANCELLED];
  sums->late += late_trade;
  sums->lost += tg_core_stats(fv.core)->lost_fill_cnt;
  fv_close(&fv);
}

static void lives(const char *what, uint64_t from, uint64_t cnt, const fv_faults_t *faults, bool tail_lost) {
  sums_t sums = {0};
  for (uint64_t seed = from; seed < from + cnt; seed++) life(seed, faults, tail_lost, &sums);
  cr_log_info("%s: %lu seeds, %lu restarts, %lu told equal, %lu fills, %lu orphans cancelled, %lu lost fills, %lu seeds late",
              what, cnt, sums.restarts, sums.equal, sums.fills, sums.orphans, sums.lost, sums.late);
  cr_assert_gt(sums.fills, cnt);
  if (!tail_lost) cr_assert_eq(sums.orphans, 0u);
}

static const fv_faults_t hostile = {.reply_lost = 40,
                                    .request_lost = 20,
                                    .unknown = 30,
                                    .repeat = 50,
                                    .lite = 500,
                                    .forget = 50,
                                    .cancel_by_venue = 1,
                                    .delay_us_max = 20000};

Test(fault_15, a_calm_venue_over_restarts_at_random) {
  static const fv_faults_t calm = {.delay_us_max = 3000};
  lives("calm", 20000, seeds(150), &calm, false);
}

Test(fault_15, a_hostile_venue_over_restarts_at_random) {
  lives("hostile", 30000, seeds(150), &hostile, false);
}

Test(fault_15, a_lost_tail_of_the_journal_over_restarts_at_random) {
  lives("tail lost", 40000, seeds(150), &hostile, true);
}

Test(fault_13, dropped_executions_are_repaired_once_over_restarts_at_random) {
  fv_faults_t dropping = hostile;
  dropping.fill_dropped = 200;
  lives("dropped", 50000, seeds(150), &dropping, false);
}

#include "engine/core/core_state.h"

/* ---- what the former run left ---- */

static TG_COLD void bad(tg_core_t *core, const tg_msg_t *in, int64_t ours, int64_t told) {
  core->stats.bad_msg_cnt++;
  tg_core_tell_alarm2(core, TG_ALARM_BAD_MESSAGE, in->instr_idx, 0, ours, told, in->kind, 0);
}

static bool plausible(const tg_out_position_t *was) {
  if (was->qty_lots <= -TG_QTY_LOTS_MAX || was->qty_lots >= TG_QTY_LOTS_MAX || was->cost_e8 < 0) return false;
  return was->qty_lots != 0 || was->cost_e8 == 0;
}

/* Cost and running totals are taken exactly: P&L goes on as if there had been no restart. The exposure stays unknown until
 * the venue agrees. */
static void on_position(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_out_position_t *was = &in->u.restore_pos;
  if (instr->restored || !plausible(was)) {
    bad(core, in, was->qty_lots, was->cost_e8);
    return;
  }
  instr->restored = 1;
  tg_position_t *pos = &instr->pos;
  pos->qty_lots = pos->adopted_lots = was->qty_lots;
  pos->cost_e8 = was->cost_e8;
  pos->realised_e8 = was->realised_e8;
  pos->commission_e8 = was->commission_e8;
  pos->funding_e8 = was->funding_e8;
  pos->unrealised_e8 = was->unrealised_e8;
  tg_sequence_reset(&instr->seq);
  tg_trips_adopt(&instr->trips, core->now_ns, pos->qty_lots, pos->cost_e8);
  instr->trips.now.adopted = 0; /* the cost is ours and exact: the venue's P&L of its fills must agree */
  core->restart.position_cnt++;
  tg_core_tell_position(core, instr);
}

tg_order_t *tg_core_take_up(tg_core_t *core, tg_core_instr_t *instr, const tg_acc_order_t *line, int64_t booked_lots) {
  bool sound = line->client_id != 0 && line->px_ticks > 0 && line->px_ticks < TG_PX_TICKS_MAX && line->qty_lots > 0 &&
               line->qty_lots < TG_QTY_LOTS_MAX && booked_lots >= 0 && booked_lots < line->qty_lots && line->order_id >= 0 &&
               line->cum_qty_lots >= 0 && line->cum_qty_lots < TG_QTY_LOTS_MAX && line->side <= TG_SELL;
  if (!sound) {
    core->stats.bad_msg_cnt++;
    tg_core_tell_alarm2(core, TG_ALARM_BAD_MESSAGE, instr->idx, line->client_id, booked_lots, line->qty_lots, TG_RESTORE_ORDER,
                        0);
    return NULL;
  }
  tg_order_t *o = tg_order_new(&core->orders, line->client_id, instr->idx, core->now_ns);
  if (o == NULL) {
    core->stats.table_full_cnt++;
    tg_core_tell_alarm(core, TG_ALARM_ORDER_TABLE_FULL, instr->idx, line->client_id, core->orders.cap, 0);
    return NULL;
  }
  o->px_ticks = line->px_ticks;
  o->qty_lots = line->qty_lots;
  o->side = line->side;
  o->order_flags = line->order_flags;
  o->type = line->type != TG_TYPE_NONE ? line->type : TG_TYPE_LIMIT;
  o->level = TG_STRATEGY_LEVEL_NONE;
  o->cum_lots = booked_lots;
  o->told_lots = booked_lots;
  o->origin_ns = core->origin_ns;
  bool rested = line->order_id > 0 && line->status != TG_STATUS_NONE;
  tg_ord_ev_t ev = {.now_ns = core->now_ns,
                    .order_id = line->order_id,
                    .cum_lots = line->cum_qty_lots,
                    .event = (uint8_t)(rested ? TG_OEV_TAKE_UP : TG_OEV_TAKE_UP_SENT)};
  tg_core_order_event(core, o, &ev);
  return o;
}

static void on_order(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  const tg_acc_order_t *line = &in->u.restore_order;
  core->restart.order_cnt++;
  if (in->flags & TG_F_FOREIGN) {
    bad(core, in, 0, line->order_id);
    return;
  }
  if (line->cum_qty_lots >= line->qty_lots && line->qty_lots > 0) return; /* nothing of it is open */
  (void)tg_core_take_up(core, instr, line, line->cum_qty_lots);
}

/* An execution booked by the former run; with TG_F_LITE its commission is still to come. */
static void on_trades(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in) {
  for (unsigned i = 0; i < TG_RESTORE_TRADES_MAX; i++) {
    uint64_t trade_id = in->u.restore_trades.trade_id[i];
    if (trade_id == 0) continue;
    core->restart.trade_cnt++;
    if (tg_trades_find(&core->trades, instr->idx, trade_id) != NULL) continue;
    tg_trade_t *trade = tg_trades_add(&core->trades, instr->idx, trade_id);
    trade->lite = (in->flags & TG_F_LITE) != 0;
    trade->quiet = TG_TRADE_RESTORED; /* what we made of it is in the totals, not here */
  }
}

static void on_done(tg_core_t *core, const tg_msg_t *in) {
  const tg_restore_done_t *done = &in->u.restore_done;
  tg_core_restart_t *restart = &core->restart;
  restart->told = 1;
  restart->from_epoch = done->from_epoch;
  restart->cut_short = done->position_cnt != restart->position_cnt || done->order_cnt != restart->order_cnt ||
                       done->trade_cnt > restart->trade_cnt;
  if (restart->cut_short) bad(core, in, restart->position_cnt + restart->order_cnt, done->position_cnt + done->order_cnt);
}

void tg_core_on_restore(tg_core_t *core, const tg_msg_t *in) {
  if (core->configured || core->restart.told) { /* too late: a running core has its own truth */
    bad(core, in, core->configured, core->restart.told);
    return;
  }
  if (in->kind == TG_RESTORE_DONE) {
    on_done(core, in);
    return;
  }
  tg_core_instr_t *instr = tg_core_instr_of(core, in);
  if (instr == NULL) {
    tg_core_tell_alarm2(core, TG_ALARM_BAD_MESSAGE, in->instr_idx, 0, 0, 0, in->kind, 0);
    return;
  }
  switch ((tg_msg_kind_t)in->kind) {
    case TG_RESTORE_POS:
      on_position(core, instr, in);
      break;
    case TG_RESTORE_ORDER:
      on_order(core, instr, in);
      break;
    default:
      on_trades(core, instr, in);
      break;
  }
}

/* ---- equal or not ---- */

static void equal(tg_core_t *core) {
  tg_core_restart_t *restart = &core->restart;
  bool tell = !restart->by_adopt && (restart->halted || (restart->told && restart->from_epoch != 0));
  restart->decided = 1;
  restart->halted = 0;
  if (tell)
    tg_core_tell_alarm2(core, TG_ALARM_RESTART_EQUAL, TG_INSTR_NONE, 0, core->orders.open_cnt, core->acc.order_cnt,
                        (int64_t)restart->from_epoch, (int64_t)core->acc.no);
}

/* Orders of ours at the venue that nobody remembers; positions are told by the comparison itself. */
static void orders_differ(tg_core_t *core, uint32_t orphan_cnt) {
  tg_core_restart_t *restart = &core->restart;
  if (orphan_cnt == restart->orphan_cnt) return;
  restart->orphan_cnt = orphan_cnt;
  if (orphan_cnt == 0) return;
  tg_core_tell_alarm2(core, TG_ALARM_RESTART_DIFFERS, TG_INSTR_NONE, 0, core->orders.open_cnt,
                      (int64_t)core->orders.open_cnt + orphan_cnt, (int64_t)restart->from_epoch, (int64_t)core->acc.no);
}

void tg_core_restart_judge(tg_core_t *core) {
  tg_core_restart_t *restart = &core->restart;
  bool unsure = false, differs = restart->cut_short;
  uint32_t orphan_cnt = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    instr->adopt_take = 0;
    if (!instr->known) continue;
    orphan_cnt += instr->orphan_cnt;
    if (instr->adopted) continue;
    if (instr->differs) {
      differs = true;
    } else {
      unsure = true;
    }
  }
  if (restart->decided) return;
  orders_differ(core, orphan_cnt);
  if (differs || orphan_cnt > 0) {
    restart->halted = 1;
  } else if (!unsure) {
    equal(core);
  }
}

static void adopt_want(tg_core_instr_t *instr) {
  instr->adopted = 0;
  instr->adopt_want = instr->adopt_take = 1;
}

void tg_core_adopt_want(tg_core_t *core, tg_core_instr_t *instr) {
  core->restart.by_adopt = 1;
  core->restart.cut_short = 0; /* the operator looked */
  if (instr != NULL) {
    adopt_want(instr);
    return;
  }
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) adopt_want(&core->instr[i]);
}

/* ---- restriction ---- */

bool tg_core_restrict(tg_core_t *core, tg_core_instr_t *instr) {
  if (instr->gate.flags & TG_GATE_INSTR_RESTRICTED) return false;
  instr->gate.flags |= TG_GATE_INSTR_RESTRICTED;
  instr->facts.trading = 0; /* what rests is taken away */
  instr->force = 1;
  core->more = 1;
  return true;
}

int tg_core_instr_on(tg_core_t *core, tg_core_instr_t *instr) {
  if (instr->rescaled) return -TG_EPERM; /* every number we hold is in the old ticks */
  instr->gate.flags &= (uint8_t)~TG_GATE_INSTR_RESTRICTED;
  instr->enum_told = 0;
  tg_core_reconfigure(core);
  return 0;
}

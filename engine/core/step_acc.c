#include "engine/core/core_state.h"

#define IDSET_CAP (TG_CORE_SNAP_ORDERS * 4u)

static void idset_clear(tg_core_idset_t *set) {
  memset(set->id, 0, sizeof *set->id * IDSET_CAP);
  set->cnt = 0;
}

/* False: it was there already (or the set is full). */
static bool idset_add(tg_core_idset_t *set, int64_t id) {
  uint32_t at = (uint32_t)(((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (IDSET_CAP - 1);
  while (set->id[at] != 0) {
    if (set->id[at] == id) return false;
    at = (at + 1) & (IDSET_CAP - 1);
  }
  if (set->cnt >= TG_CORE_SNAP_ORDERS) return false;
  set->id[at] = id;
  set->cnt++;
  return true;
}

static bool idset_has(const tg_core_idset_t *set, int64_t id) {
  uint32_t at = (uint32_t)(((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (IDSET_CAP - 1);
  for (; set->id[at] != 0; at = (at + 1) & (IDSET_CAP - 1)) {
    if (set->id[at] == id) return true;
  }
  return false;
}

/* ---- policies: what is done about a mismatch (settings mismatch.*); every one of them is told and counted ---- */

enum { PAGE = 0, PAUSE = 1, ADOPT = 2, ADOPT_PAUSE = 3, CANCEL = 2, CANCEL_PAUSE = 3 };

void tg_core_pause(tg_core_t *core) {
  if (core->fsm_in.override == TG_FSM_OVERRIDE_NONE) core->fsm_in.override = TG_FSM_OVERRIDE_PAUSE;
  core->fsm_dirty = 1;
}

static void pause_by(tg_core_t *core, int64_t policy) {
  if (policy == PAUSE || policy == ADOPT_PAUSE) tg_core_pause(core);
}

static bool adopts(int64_t policy) {
  return policy == ADOPT || policy == ADOPT_PAUSE;
}

/* A rule broken inside the snapshot itself: told, and nothing of it is taken. */
static TG_COLD void broken(tg_core_t *core, tg_alarm_t what, uint16_t instr_idx, uint64_t client_id, int64_t ours,
                           int64_t venue) {
  core->acc.bad = 1;
  tg_core_tell_alarm(core, what, instr_idx, client_id, ours, venue);
  pause_by(core, what == TG_ALARM_DUPLICATE_KEY   ? core->conf.mismatch_duplicate_key
                 : what == TG_ALARM_TS_REGRESSION ? core->conf.mismatch_ts_regression
                                                  : core->conf.mismatch_negative_qty);
}

static void begin(tg_core_t *core, const tg_msg_t *in) {
  tg_core_snapshot_t *acc = &core->acc;
  const tg_acc_begin_t *head = &in->u.acc_begin;
  if (acc->active) core->stats.snapshot_bad_cnt++; /* the one before never ended */
  tg_core_idset_t orphans = acc->orphan_before;
  acc->orphan_before = acc->orphan_now;
  acc->orphan_now = orphans;
  idset_clear(&acc->orphan_now);
  idset_clear(&acc->now);
  acc->no = head->snapshot_no;
  acc->asked_ns = head->asked_ns;
  acc->venue_ms = head->venue_ms;
  acc->position_told = head->position_cnt;
  acc->order_told = head->order_cnt;
  acc->balance_told = head->balance_cnt;
  acc->position_cnt = acc->order_cnt = acc->balance_cnt = acc->line_cnt = 0;
  acc->dual_side = head->dual_side;
  acc->active = 1;
  acc->bad = acc->wallet_seen = 0;
  acc->leverage = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) core->instr[i].snap = (tg_core_snap_pos_t){0};
  if (head->venue_ms != 0 && head->venue_ms < acc->accepted_venue_ms)
    broken(core, TG_ALARM_TS_REGRESSION, TG_INSTR_NONE, 0, acc->accepted_venue_ms, head->venue_ms);
}

static void position(tg_core_t *core, const tg_msg_t *in) {
  const tg_ex_position_t *line = &in->u.acc_position;
  core->acc.position_cnt++;
  if (in->instr_idx >= core->cfg.instr_cap) return; /* an instrument we do not trade */
  tg_core_snap_pos_t *snap = &core->instr[in->instr_idx].snap;
  bool is_long = line->position_side == TG_PSIDE_LONG, is_short = line->position_side == TG_PSIDE_SHORT;
  uint8_t *seen = is_long ? &snap->seen_long : is_short ? &snap->seen_short : &snap->seen_both;
  if (*seen) broken(core, TG_ALARM_DUPLICATE_KEY, in->instr_idx, 0, 0, line->qty_lots);
  if ((is_long && line->qty_lots < 0) || (is_short && line->qty_lots > 0))
    broken(core, TG_ALARM_NEGATIVE_QTY, in->instr_idx, 0, 0, line->qty_lots);
  *seen = 1;
  snap->qty_lots += line->qty_lots;
  if (line->qty_lots != 0) snap->entry_e8 = line->entry_e8;
  if (line->leverage > 0 && (core->acc.leverage == 0 || line->leverage < core->acc.leverage))
    core->acc.leverage = line->leverage;
}

static void order(tg_core_t *core, const tg_msg_t *in) {
  tg_core_snapshot_t *acc = &core->acc;
  const tg_acc_order_t *line = &in->u.acc_order;
  acc->order_cnt++;
  if (line->qty_lots < 0 || line->cum_qty_lots < 0 || line->qty_lots >= TG_QTY_LOTS_MAX ||
      line->cum_qty_lots >= TG_QTY_LOTS_MAX) {
    broken(core, TG_ALARM_NEGATIVE_QTY, in->instr_idx, line->client_id, 0, line->qty_lots);
    return;
  }
  if (acc->line_cnt >= TG_CORE_SNAP_ORDERS) return;
  if (!idset_add(&acc->now, line->order_id)) {
    broken(core, TG_ALARM_DUPLICATE_KEY, in->instr_idx, line->client_id, 0, line->order_id);
    return;
  }
  acc->line[acc->line_cnt] = *line;
  acc->line_instr[acc->line_cnt] = in->instr_idx;
  acc->line_flags[acc->line_cnt] = in->flags;
  acc->line_cnt++;
}

static void balance(tg_core_t *core, const tg_msg_t *in) {
  const tg_ex_balance_t *line = &in->u.acc_balance;
  core->acc.balance_cnt++;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (!core->instr[i].known) continue;
    if (memcmp(core->instr[i].symbol.margin_asset, line->asset, sizeof line->asset) != 0) return;
    core->acc.wallet_seen = 1;
    core->acc.wallet_e8 = line->wallet_e8;
    core->acc.available_e8 = line->available_e8;
    return;
  }
}

/* ---- the comparison ---- */

static uint64_t grace_ns(const tg_core_t *core) {
  return (uint64_t)core->conf.sync_grace_ms * (uint64_t)TG_NS_PER_MS;
}

/* Before the requests of the snapshot were sent, by more than the grace where one is due. */
static bool before_snapshot(const tg_core_t *core, uint64_t at_ns, uint64_t grace) {
  return at_ns + grace < core->acc.asked_ns;
}

/* An adopted position may hold executions that no order of ours owed then: userTrades or a query may name them within this. */
#define CREDIT_NS (UINT64_C(60) * 1000000000)

static int64_t credit_of(const tg_core_t *core, const tg_core_instr_t *instr, tg_side_t side, int64_t lots) {
  int64_t credit = instr->credit_lots * tg_side_sign(side);
  if (credit <= 0 || core->now_ns - instr->credit_ns > CREDIT_NS) return 0;
  return credit < lots ? credit : lots;
}

int64_t tg_core_credit(tg_core_t *core, tg_core_instr_t *instr, tg_side_t side, int64_t qty_lots) {
  int64_t used = credit_of(core, instr, side, qty_lots);
  instr->credit_lots -= used * tg_side_sign(side);
  return used;
}

/* How much of what an order owes the position holds already, when it was found equal without having been taken: what an
 * adoption left unexplained. The rest is two lost executions that cancel out; userTrades gets its time to tell them. */
static int64_t held_already(tg_core_t *core, tg_core_instr_t *instr, const tg_order_t *o, int64_t owed) {
  if (core->stopping || core->now_ns - o->owed_ns > CREDIT_NS) return owed;
  return tg_core_credit(core, instr, (tg_side_t)o->side, owed);
}

void tg_core_absorb(tg_core_t *core, tg_order_t *o, int64_t lots) {
  bool owed = tg_order_owed(o) != 0;
  o->absorbed_lots += lots;
  if (owed && tg_order_owed(o) == 0) {
    o->owed_ns = 0;
    core->owed_cnt--;
  }
  int64_t leaves = tg_order_leaves(o);
  if (leaves > 0 || tg_order_is_open(o)) {
    if (o->reserve.active && tg_exposure_settle(&core->exposure, &o->reserve, leaves) != 0) core->stats.bad_msg_cnt++;
  } else {
    tg_exposure_release(&core->exposure, &o->reserve);
  }
  tg_tickets_follow(core, o);
}

/* The position agrees with the venue's (just taken, or found equal): executions that orders owed before the snapshot was
 * asked are inside it. Should their events still come, they pay commission but move nothing. Returns their signed sum. */
static int64_t absorb_owed(tg_core_t *core, tg_core_instr_t *instr, bool taken) {
  uint32_t heads[2] = {core->orders.open_head, core->orders.ended_head};
  int64_t sum = 0;
  for (unsigned list = 0; list < 2 && core->owed_cnt > 0; list++) {
    uint32_t next;
    for (uint32_t idx = heads[list]; idx != TG_ORDER_NIL; idx = next) {
      tg_order_t *o = &core->orders.order[idx];
      next = o->next;
      int64_t owed = tg_order_owed(o);
      if (o->instr_idx != instr->idx || owed == 0 || o->owed_ns >= core->acc.asked_ns) continue;
      int64_t lots = taken ? owed : held_already(core, instr, o, owed);
      if (lots == 0) continue;
      tg_core_absorb(core, o, lots);
      sum += lots * tg_side_sign((tg_side_t)o->side);
    }
  }
  return sum;
}

static void adopt(tg_core_t *core, tg_core_instr_t *instr) {
  int64_t drift = instr->snap.qty_lots - instr->pos.qty_lots;
  if (tg_position_adopt(&instr->pos, &instr->money, instr->snap.qty_lots, instr->snap.entry_e8) != 0) {
    tg_exposure_unknown(&core->exposure, instr->idx);
    tg_core_tell_alarm(core, TG_ALARM_BAD_MESSAGE, instr->idx, 0, instr->snap.qty_lots, instr->snap.entry_e8);
    return;
  }
  instr->credit_lots = drift - absorb_owed(core, instr, true);
  instr->credit_ns = core->now_ns;
  if (!core->restart.decided) instr->credit_lots = 0; /* of what was before, userTrades has told already */
  tg_exposure_position(&core->exposure, instr->idx, instr->pos.qty_lots);
  if (instr->pos.mark_e8 > 0 && tg_position_mark(&instr->pos, &instr->money, instr->pos.mark_e8) != 0)
    core->stats.bad_msg_cnt++;
  tg_sequence_reset(&instr->seq);
  tg_trips_adopt(&instr->trips, core->now_ns, instr->pos.qty_lots, instr->pos.cost_e8);
  instr->adopted = 1;
  instr->adopt_want = instr->differs = instr->drift_seen = 0;
  instr->drift_told_lots = 0;
  core->stats.adopt_cnt++;
  tg_core_tell_position(core, instr);
}

/* A difference that stood for longer than any event may be under way, and was asked about after that. */
static bool lasting(const tg_core_t *core, uint64_t since_ns) {
  return before_snapshot(core, since_ns, (uint64_t)core->conf.order_answer_timeout_ms * (uint64_t)TG_NS_PER_MS);
}

/* The stream is in order: executions that were under way when the snapshot was made are the next to come, so one of the
 * running sums equals the difference they made. */
void tg_core_drift_fill(tg_core_t *core, tg_core_instr_t *instr, int64_t signed_lots) {
  uint64_t bound_ns = (uint64_t)core->conf.order_answer_timeout_ms * (uint64_t)TG_NS_PER_MS;
  if (!instr->drift_seen || core->now_ns - instr->drift_ns > bound_ns) return;
  instr->drift_sum_lots += signed_lots;
  if (instr->drift_sum_lots == instr->drift_lots) instr->drift_seen = 0;
}

/* Ours is the venue's. */
static void agrees(tg_core_t *core, tg_core_instr_t *instr) {
  instr->adopted = 1;
  instr->adopt_want = instr->differs = instr->drift_seen = 0;
  instr->drift_told_lots = 0;
  if (!core->exposure.instr[instr->idx].pos_known) tg_exposure_position(&core->exposure, instr->idx, instr->pos.qty_lots);
  (void)absorb_owed(core, instr, false);
}

/* True once the difference is the same in two snapshots, the second asked long after the first. */
static bool stands(tg_core_t *core, tg_core_instr_t *instr, int64_t drift) {
  if (instr->drift_seen && instr->drift_lots == drift) return lasting(core, instr->drift_ns);
  instr->drift_seen = 1; /* may still be in flight: the timer asks once more */
  instr->drift_asked = 0;
  instr->drift_sum_lots = 0;
  instr->drift_lots = drift;
  instr->drift_ns = core->now_ns;
  return false;
}

/* What the former run left is not what the venue has. Nothing is taken over without the operator. */
static void restart_differs(tg_core_t *core, tg_core_instr_t *instr, int64_t drift) {
  instr->differs = 1;
  if (instr->drift_told_lots == drift) return;
  instr->drift_told_lots = drift;
  tg_core_tell_alarm2(core, TG_ALARM_RESTART_DIFFERS, instr->idx, 0, instr->pos.qty_lots, instr->snap.qty_lots,
                      (int64_t)core->restart.from_epoch, (int64_t)core->acc.no);
}

static void drifts(tg_core_t *core, tg_core_instr_t *instr, int64_t drift) {
  int64_t policy = core->conf.mismatch_position_drift;
  if (instr->drift_told_lots != drift)
    tg_core_tell_alarm2(core, TG_ALARM_POSITION_DRIFT, instr->idx, 0, instr->pos.qty_lots, instr->snap.qty_lots,
                        (int64_t)core->acc.no, policy);
  instr->drift_told_lots = drift;
  pause_by(core, policy);
  if (adopts(policy)) {
    adopt(core, instr);
  } else {
    tg_exposure_unknown(&core->exposure, instr->idx); /* nothing that leans on the position leaves */
  }
}

static void compare_position(tg_core_t *core, tg_core_instr_t *instr) {
  int64_t drift = instr->snap.qty_lots - instr->pos.qty_lots;
  if (instr->last_fill_ns >= core->acc.asked_ns && (drift != 0 || !instr->adopted)) {
    /* an execution met the snapshot on its way: it may or may not hold it */
    core->stats.snapshot_inconclusive_cnt++;
    instr->drift_seen = 0;
    tg_core_ask_sync(core, TG_ALARM_POSITION_DRIFT, false);
    return;
  }
  if (instr->adopt_want) {
    adopt(core, instr);
  } else if (drift == 0) {
    agrees(core, instr);
  } else if (!stands(core, instr, drift)) {
    tg_core_ask_sync(core, TG_ALARM_POSITION_DRIFT, false);
  } else if (core->restart.decided) {
    drifts(core, instr, drift);
  } else {
    restart_differs(core, instr, drift);
  }
}

/* Of an order that we do not know: executions of it that were booked as nobody's. */
static int64_t booked_of(const tg_core_t *core, uint16_t instr_idx, uint64_t client_id) {
  int64_t lots = 0;
  for (uint32_t i = 0; i < core->trades.cap; i++) {
    const tg_trade_t *trade = &core->trades.ring[i];
    if (trade->used && trade->client_id == client_id && trade->instr_idx == instr_idx) lots += trade->qty_lots;
  }
  return lots;
}

/* An orphan of ours enters the table with its exposure; resting without a level it is cancelled through the gates. */
static bool take_orphan(tg_core_t *core, uint32_t i) {
  const tg_acc_order_t *line = &core->acc.line[i];
  uint16_t idx = core->acc.line_instr[i];
  if (idx >= core->cfg.instr_cap || !core->instr[idx].known || tg_order_find(&core->orders, line->client_id) != NULL)
    return false;
  tg_order_t *o = tg_core_take_up(core, &core->instr[idx], line, booked_of(core, idx, line->client_id));
  if (o == NULL) return false;
  tg_ord_ev_t ev = {.now_ns = core->now_ns,
                    .order_id = line->order_id,
                    .px_ticks = line->px_ticks,
                    .qty_lots = line->qty_lots,
                    .cum_lots = line->cum_qty_lots,
                    .event = TG_OEV_FOUND};
  tg_core_order_event(core, o, &ev);
  o->snapshot_no = core->acc.no;
  tg_core_tell_alarm2(core, TG_ALARM_ORPHAN_CANCELLED, idx, line->client_id, 0, line->order_id, line->px_ticks, line->qty_lots);
  return true;
}

/* Open at the venue, but not in our table, or ended there long ago. A stranger's is told once and never touched. */
static void stranger(tg_core_t *core, uint32_t i, tg_alarm_t what) {
  tg_core_snapshot_t *acc = &core->acc;
  const tg_acc_order_t *line = &acc->line[i];
  bool ours = what == TG_ALARM_ORPHAN_ORDER;
  int64_t policy = core->conf.mismatch_orphan_order;
  if (!idset_has(&acc->orphan_before, line->order_id)) {
    tg_core_tell_alarm2(core, what, acc->line_instr[i], line->client_id, 0, line->order_id, line->px_ticks, line->qty_lots);
    /* an order of ours without exposure held for it may fill at any time: no new risk until a person looked */
    if (ours) pause_by(core, policy);
  }
  tg_core_instr_t *instr = acc->line_instr[i] < core->cfg.instr_cap ? &core->instr[acc->line_instr[i]] : NULL;
  bool take = policy == CANCEL || policy == CANCEL_PAUSE || (instr != NULL && instr->adopt_take);
  if (ours && take && take_orphan(core, i)) return;
  (void)idset_add(&acc->orphan_now, line->order_id);
  if (ours && instr != NULL) instr->orphan_cnt++;
}

static void compare_open(tg_core_t *core, tg_order_t *o, const tg_acc_order_t *line) {
  o->snapshot_no = core->acc.no;
  if (!before_snapshot(core, o->changed_ns, 0)) return; /* moved since: the snapshot may be the older truth */
  tg_ord_ev_t ev = {.now_ns = core->now_ns,
                    .order_id = line->order_id,
                    .px_ticks = line->px_ticks,
                    .qty_lots = line->qty_lots,
                    .cum_lots = line->cum_qty_lots,
                    .event = TG_OEV_FOUND};
  if (tg_order_is_unknown(o)) {
    tg_core_order_event(core, o, &ev);
    return;
  }
  bool rests = o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL;
  bool differs = line->cum_qty_lots != o->told_lots;
  if (!rests || !differs || core->instr[o->instr_idx].last_fill_ns >= core->acc.asked_ns) {
    o->drift_lots = -1;
    return;
  }
  if (o->drift_lots != line->cum_qty_lots) { /* once more before we believe it */
    o->drift_lots = line->cum_qty_lots;
    o->drift_ns = core->now_ns;
    return;
  }
  if (!lasting(core, o->drift_ns)) return;
  o->drift_lots = -1;
  int64_t policy = core->conf.mismatch_qty_drift;
  tg_core_tell_alarm2(core, TG_ALARM_QTY_DRIFT, o->instr_idx, o->client_id, o->told_lots, line->cum_qty_lots, o->order_id,
                      policy);
  pause_by(core, policy);
  bool more = line->cum_qty_lots > o->told_lots;
  if (more && adopts(policy)) tg_core_order_event(core, o, &ev); /* the rest is owed from now on */
}

static void compare_line(tg_core_t *core, uint32_t i) {
  tg_core_snapshot_t *acc = &core->acc;
  const tg_acc_order_t *line = &acc->line[i];
  if (acc->line_flags[i] & TG_F_FOREIGN) {
    stranger(core, i, TG_ALARM_FOREIGN_ORDER);
    return;
  }
  tg_order_t *o = tg_order_find(&core->orders, line->client_id);
  if (o != NULL && o->instr_idx != acc->line_instr[i]) o = NULL;
  if (o == NULL && acc->line_instr[i] < core->cfg.instr_cap)
    o = tg_order_find_venue(&core->orders, acc->line_instr[i], line->order_id);
  if (o == NULL) {
    stranger(core, i, TG_ALARM_ORPHAN_ORDER);
  } else if (tg_order_is_open(o)) {
    compare_open(core, o, line);
  } else if ((o->state == TG_ORD_REJECTED || o->state == TG_ORD_GONE) && before_snapshot(core, o->ended_ns, 0)) {
    tg_ord_ev_t ev = {.now_ns = core->now_ns, .order_id = line->order_id, .event = TG_OEV_FOUND};
    tg_core_order_event(core, o, &ev); /* our reading of a refusal or of silence was wrong */
  } else if (before_snapshot(core, o->ended_ns, grace_ns(core))) {
    stranger(core, i, TG_ALARM_ORPHAN_ORDER);
  }
}

static void missing(tg_core_t *core) {
  uint64_t grace = grace_ns(core);
  uint32_t next;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = next) {
    tg_order_t *o = &core->orders.order[idx];
    next = o->next;
    bool rests = o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL;
    if (!rests || o->snapshot_no == core->acc.no || !before_snapshot(core, o->changed_ns, grace)) continue;
    if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
    tg_core_tell_alarm(core, TG_ALARM_MISSING_ORDER, o->instr_idx, o->client_id, o->state, o->order_id);
    pause_by(core, core->conf.mismatch_missing_order);
    tg_ord_ev_t ev = {.now_ns = core->now_ns, .event = TG_OEV_SUSPECT};
    tg_core_order_event(core, o, &ev);
  }
}

static void wallet(tg_core_t *core) {
  tg_core_snapshot_t *acc = &core->acc;
  if (!acc->wallet_seen) return;
  int64_t net = 0;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    if (!core->instr[i].known) continue;
    if (core->instr[i].last_fill_ns >= acc->asked_ns && core->wallet_known) return; /* fills on the way: next time */
    net += tg_position_net(&core->instr[i].pos);
  }
  core->wallet_e8 = acc->wallet_e8;
  core->wallet_base_e8 = acc->wallet_e8 - net;
  core->wallet_known = 1;
  tg_exposure_available(&core->exposure, acc->available_e8, acc->leverage);
}

static bool complete(const tg_core_snapshot_t *acc, const tg_acc_begin_t *tail) {
  return acc->active && !acc->bad && tail->snapshot_no == acc->no && acc->position_cnt == acc->position_told &&
         acc->order_cnt == acc->order_told && acc->balance_cnt == acc->balance_told;
}

static void end(tg_core_t *core, const tg_msg_t *in) {
  tg_core_snapshot_t *acc = &core->acc;
  bool good = complete(acc, &in->u.acc_end);
  acc->active = 0;
  if (!good) {
    core->stats.snapshot_bad_cnt++;
    return;
  }
  tg_core_guards_on_sync(core, true);
  core->stats.snapshot_good_cnt++;
  acc->accepted_venue_ms = acc->venue_ms;
  if (acc->dual_side) { /* quantities of two sides cannot be netted safely: no trading until a person set it right */
    if (!core->side_mode_bad) tg_core_tell_alarm(core, TG_ALARM_SIDE_MODE, TG_INSTR_NONE, 0, 0, 1);
    pause_by(core, core->conf.mismatch_side_mode);
  }
  core->side_mode_bad = acc->dual_side;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    core->instr[i].orphan_cnt = 0;
    if (core->instr[i].known) compare_position(core, &core->instr[i]);
  }
  for (uint32_t i = 0; i < acc->line_cnt && tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT); i++) compare_line(core, i);
  if (acc->order_cnt == acc->line_cnt) missing(core);
  wallet(core);
  core->sync_ns = core->now_ns;
  tg_core_restart_judge(core);
  if (core->restart.decided || core->restart.halted) core->fsm_in.account_synced = 1;
  core->fsm_dirty = 1;
  tg_core_equity(core);
}

void tg_core_on_acc(tg_core_t *core, const tg_msg_t *in) {
  if (in->kind == TG_ACC_BEGIN) {
    begin(core, in);
    return;
  }
  if (!core->acc.active) { /* a line without its head */
    core->stats.bad_msg_cnt++;
    return;
  }
  switch ((tg_msg_kind_t)in->kind) {
    case TG_ACC_POSITION:
      position(core, in);
      break;
    case TG_ACC_ORDER:
      order(core, in);
      break;
    case TG_ACC_BALANCE:
      balance(core, in);
      break;
    default:
      end(core, in);
      break;
  }
}

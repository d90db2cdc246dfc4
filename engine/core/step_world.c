#include "engine/core/core_state.h"

static uint64_t ms(int64_t value_ms) {
  return (uint64_t)value_ms * (uint64_t)TG_NS_PER_MS;
}

/* ---- money ---- */

void tg_core_equity(tg_core_t *core) {
  if (!core->wallet_known) return;
  tg_i128 equity = core->wallet_base_e8;
  bool fresh = true;
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    const tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known) continue;
    equity += tg_position_net(&instr->pos) + (tg_i128)instr->pos.unrealised_e8;
    uint64_t age_ns = core->now_ns - instr->gate.mark_rx_ns;
    if (instr->pos.qty_lots != 0 && (instr->gate.mark_rx_ns == 0 || age_ns > (uint64_t)instr->limits.mark_age_ns))
      fresh = false;
  }
  if (equity > INT64_MAX / 8 || equity < -(tg_i128)(INT64_MAX / 8)) return;
  uint64_t latched = core->drawdown.latched;
  (void)tg_drawdown_update(&core->drawdown, core->now_ns, (int64_t)equity, fresh);
  if (core->drawdown.latched != latched) core->fsm_dirty = 1;
}

/* ---- links, clock, rates, pressure, health ---- */

/* The book stream's application spoke at `app_ns` (faults.md row 3: a quiet market is no fault). Its silence about an
 * instrument means that nothing changed, unless trades went on for a second without it: then it is subscribed but silent, and
 * the book grows old. */
static void quiet_or_silent(tg_core_instr_t *instr, uint64_t app_ns) {
  uint64_t book_ns = instr->gate.book_rx_ns;
  if (book_ns == 0 || app_ns <= book_ns || tg_book_state(&instr->book) != TG_BOOK_LIVE) return;
  if (instr->trade_rx_ns > instr->book_data_ns + (uint64_t)TG_NS_PER_S) return;
  instr->gate.book_rx_ns = app_ns;
  tg_book_alive(&instr->book, app_ns);
}

static void on_link(tg_core_t *core, const tg_msg_t *in) {
  const tg_link_t *link = &in->u.link;
  if (link->session >= TG_SESSION_CNT) {
    core->stats.bad_msg_cnt++;
    return;
  }
  bool rose = link->up && !core->link_up[link->session];
  core->link_told[link->session] = 1;
  core->link_up[link->session] = link->up;
  if (link->session == TG_SESSION_ORDER) {
    /* by its application's words, not by pings; tapes that do not tell them have the bytes */
    uint64_t told_ns = link->last_app_ns != 0 ? link->last_app_ns : link->last_rx_ns;
    uint64_t rx_ns = told_ns != 0 && told_ns < core->now_ns ? told_ns : core->now_ns;
    if (!link->up) {
      core->snap.session_rx_ns = 0;
    } else if (rx_ns > core->snap.session_rx_ns) {
      core->snap.session_rx_ns = rx_ns;
    }
  }
  if (link->session == TG_SESSION_PUBLIC) {
    for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
      if (!core->instr[i].known) continue;
      tg_core_book_events(core, &core->instr[i], tg_book_on_msg(&core->instr[i].book, in));
      if (link->up && link->last_app_ns <= core->now_ns) quiet_or_silent(&core->instr[i], link->last_app_ns);
    }
  }
  /* whatever happened at the venue while we did not hear it is found by the comparison */
  if (rose && (link->session == TG_SESSION_USER || link->session == TG_SESSION_ORDER))
    tg_core_ask_sync(core, link->session, true);
  core->fsm_dirty = 1;
  core->quote_all = 1;
}

static void on_pressure(tg_core_t *core, const tg_msg_t *in) {
  if (in->u.pressure.ring >= TG_RING_CNT) {
    core->stats.bad_msg_cnt++;
    return;
  }
  core->ring_level[in->u.pressure.ring] = in->u.pressure.level;
  core->fsm_dirty = 1;
}

static void on_health(tg_core_t *core, const tg_msg_t *in) {
  const tg_health_t *health = &in->u.health;
  switch ((tg_health_what_t)health->what) {
    case TG_HEALTH_START:
      core->fsm_in.health_ok = health->ok;
      break;
    case TG_HEALTH_CIRCUIT:
      tg_core_guards_on_health(core, health->value != 0);
      break;
    case TG_HEALTH_JOURNAL:
      core->journal_broken = !health->ok;
      break;
    case TG_HEALTH_COLD:
      core->cold_missing = !health->ok;
      core->beat_ns = core->now_ns;
      break;
    case TG_HEALTH_DISK:
      if (!health->ok && !core->disk_low) tg_core_tell_alarm(core, TG_ALARM_DISK_LOW, TG_INSTR_NONE, 0, health->value, 0);
      core->disk_low = !health->ok;
      break;
    case TG_HEALTH_KILL_EMPTY:
      if (health->ok && core->snap.kill_latched)
        tg_core_tell_alarm(core, TG_ALARM_KILL_EMPTY, TG_INSTR_NONE, 0,
                           (int64_t)((core->now_ns - core->kill_ns) / (uint64_t)TG_NS_PER_MS), health->value);
      break;
    case TG_HEALTH_SYNC: /* a failed one shows by its age, and to the circuit breaker */
      if (!health->ok && health->reason != TG_ERATE) tg_core_guards_on_sync(core, false); /* our own budget is no venue error */
      break;
    default:
      break;
  }
  core->fsm_dirty = 1;
}

void tg_core_on_world(tg_core_t *core, const tg_msg_t *in) {
  switch ((tg_msg_kind_t)in->kind) {
    case TG_LINK:
      on_link(core, in);
      break;
    case TG_CLOCK:
      core->snap.clock_offset_ns = in->u.clock.offset_ns;
      core->snap.clock_error_ns = in->u.clock.error_ns;
      core->snap.clock_known = 1;
      break;
    case TG_RATE:
      tg_rate_on_venue(&core->rate, &in->u.rate, core->now_ns);
      break;
    case TG_PRESSURE:
      on_pressure(core, in);
      break;
    default:
      on_health(core, in);
      break;
  }
}

/* ---- time ---- */

static void order_timer(tg_core_t *core, tg_order_t *o) {
  uint64_t timeout_ns = ms(core->conf.order_answer_timeout_ms);
  if (o->request != TG_REQUEST_NONE && core->now_ns - o->request_ns >= timeout_ns) {
    core->stats.timeout_cnt++;
    tg_core_guards_on_venue_error(core);
    tg_ord_ev_t ev = {.now_ns = core->now_ns, .event = TG_OEV_TIMEOUT};
    tg_core_order_event(core, o, &ev);
    return;
  }
  if (o->query_open && core->now_ns - o->query_ns >= timeout_ns) {
    o->query_open = 0; /* an unanswered question says nothing; ask again */
    o->query_want = 1;
    core->snap.in_flight_cnt--;
  }
  bool due = tg_order_is_unknown(o) && core->now_ns - o->query_ns >= ms(core->conf.order_query_retry_ms);
  if (o->query_want || due) (void)tg_core_query(core, o);
}

/* Executions that the venue counts and we never saw: told once, then the account snapshot settles it. */
static void owed_timer(tg_core_t *core, tg_order_t *o) {
  if (o->owed_ns == 0 || (o->told_off & TG_ORDER_TOLD_CUM)) return;
  if (core->now_ns - o->owed_ns < ms(core->conf.order_answer_timeout_ms)) return;
  o->told_off |= TG_ORDER_TOLD_CUM;
  tg_core_tell_alarm(core, TG_ALARM_CUM_MISMATCH, o->instr_idx, o->client_id, o->cum_lots, o->told_lots);
  tg_core_ask_sync(core, TG_ALARM_CUM_MISMATCH, true);
  if (tg_order_is_open(o)) o->query_want = 1;
}

static void order_timers(tg_core_t *core) {
  uint32_t next;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = next) {
    tg_order_t *o = &core->orders.order[idx];
    next = o->next;
    if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
    order_timer(core, o);
    if (core->owed_cnt > 0) owed_timer(core, o);
    bool rests = (o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL) && !tg_core_order_passing(core, o);
    if (rests && o->level == TG_STRATEGY_LEVEL_NONE && !o->query_open) { /* its level went to another order, or it had none */
      uint32_t subs;
      (void)tg_core_cancel(core, o, &subs);
    }
  }
  if (core->owed_cnt == 0) return;
  for (uint32_t idx = core->orders.ended_head; idx != TG_ORDER_NIL; idx = core->orders.order[idx].next) {
    if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
    owed_timer(core, &core->orders.order[idx]);
  }
}

/* Armed by the first heartbeat: tapes of older runs have none. */
static void beat_timer(tg_core_t *core) {
  if (core->beat_ns == 0 || core->cold_missing) return;
  if (core->now_ns - core->beat_ns <= ms(core->conf.sync_beat_bound_ms)) return;
  core->cold_missing = 1;
  tg_core_tell_alarm(core, TG_ALARM_COLD_SILENT, TG_INSTR_NONE, 0, core->conf.sync_beat_bound_ms, 0);
}

void tg_core_on_timer(tg_core_t *core, const tg_msg_t *in) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    tg_core_instr_t *instr = &core->instr[i];
    if (!instr->known || !core->configured) continue;
    uint32_t ev = tg_book_on_time(&instr->book, core->now_ns);
    if (ev != 0) tg_core_book_events(core, instr, ev);
    tg_core_features(core, instr, in, ev); /* a score is forgotten in silence, too */
    instr->timer_due = 1;
    bool due = instr->drift_seen && !instr->drift_asked;
    if (due && core->now_ns - instr->drift_ns > ms(core->conf.order_answer_timeout_ms)) {
      instr->drift_asked = 1;
      tg_core_ask_sync(core, TG_ALARM_POSITION_DRIFT, true);
    }
  }
  if (!core->configured) return;
  beat_timer(core);
  tg_core_guards_timer(core);
  order_timers(core);
  if (core->flatten_cnt > 0) tg_core_flatten_turn(core);
  tg_tickets_on_timer(core);
  tg_core_equity(core);
  if (core->sweeping) tg_core_sweep(core);
  core->fsm_dirty = 1;
  core->more = 1;
}

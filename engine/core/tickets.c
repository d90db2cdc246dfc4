#include "engine/core/tickets.h"

#include "engine/core/core_state.h"

static bool state_open(uint8_t state) {
  return state == TG_TICKET_NEW || state == TG_TICKET_APPROVED || state == TG_TICKET_EXECUTING;
}

/* Must a person approve new risk now? */
static bool manual_now(const tg_core_t *core) {
  return core->conf.intent_approval != 0 || core->degrade_manual != 0;
}

static void tell(tg_core_t *core, const tg_core_ticket_t *ticket) {
  tg_out_intent_t *line = &tg_core_emit(core, TG_OUT_INTENT, ticket->instr_idx)->u.out_intent;
  line->intent_id = ticket->t.id;
  line->parent_id = ticket->t.parent_id;
  line->qty_lots = ticket->t.qty_lots;
  line->filled_lots = ticket->t.filled_lots;
  line->expires_ns = ticket->t.expires_ns;
  line->limits_version = ticket->t.limits_version;
  line->side = ticket->t.side;
  line->state = ticket->t.state;
  line->reason = ticket->why;
  line->bits = (uint8_t)((ticket->t.manual ? TG_TICKET_BIT_MANUAL : 0u) | (ticket->reduce ? TG_TICKET_BIT_REDUCE : 0u));
}

static void move(tg_core_t *core, tg_core_ticket_t *ticket, tg_ticket_state_t state) {
  ticket->t.state = (uint8_t)state;
  if (!state_open((uint8_t)state)) ticket->t.approved = 0;
  tell(core, ticket);
}

/* ---- former intents ---- */

static void keep(tg_core_t *core, const tg_core_ticket_t *ticket) {
  tg_tickets_t *tickets = &core->tickets;
  uint32_t at = tickets->past_next;
  for (uint32_t i = 0; i < TG_TICKETS_PAST && tickets->past[at].t.held_lots != 0; i++) at = (at + 1) % TG_TICKETS_PAST;
  tickets->lost_cnt += tickets->past[at].t.held_lots != 0;
  tickets->past[at] = *ticket;
  tickets->past_next = (at + 1) % TG_TICKETS_PAST;
}

static tg_core_ticket_t *current_of(tg_core_t *core, uint64_t id) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    for (unsigned s = 0; s < 4; s++) {
      tg_core_ticket_t *ticket = &core->instr[i].ticket[s >> 1][s & 1u];
      if (ticket->t.id == id) return ticket;
    }
  }
  return NULL;
}

/* The ticket of an order, current or former; NULL: none, or forgotten. */
static tg_core_ticket_t *of_order(tg_core_t *core, const tg_order_t *o) {
  if (o->ticket_id == 0) return NULL;
  tg_core_instr_t *instr = &core->instr[o->instr_idx];
  for (unsigned r = 0; r < 2; r++) {
    if (instr->ticket[o->side][r].t.id == o->ticket_id) return &instr->ticket[o->side][r];
  }
  for (uint32_t i = 0; i < TG_TICKETS_PAST; i++) {
    if (core->tickets.past[i].t.id == o->ticket_id) return &core->tickets.past[i];
  }
  return NULL;
}

static bool is_past(const tg_core_t *core, const tg_core_ticket_t *ticket) {
  return ticket >= core->tickets.past && ticket < core->tickets.past + TG_TICKETS_PAST;
}

/* ---- opening and closing ---- */

/* Reductions are not held back by the size of their intent: it is opened as large as its first order needs. */
static int64_t size_of(const tg_core_t *core, const tg_core_instr_t *instr, uint8_t reduce, int64_t wanted_lots) {
  int64_t lots = tg_filters_lots_of(&instr->filters, core->conf.intent_qty);
  return reduce && wanted_lots > lots && wanted_lots < TG_QTY_LOTS_MAX ? wanted_lots : lots;
}

static void open_ticket(tg_core_t *core, tg_core_instr_t *instr, uint8_t side, uint8_t reduce, int64_t wanted_lots,
                        uint8_t why) {
  tg_core_ticket_t *slot = &instr->ticket[side][reduce];
  uint64_t parent = slot->t.id;
  if (parent != 0) keep(core, slot);
  bool manual = !reduce && manual_now(core);
  *slot = (tg_core_ticket_t){.instr_idx = instr->idx, .why = why, .reduce = reduce};
  slot->t = (tg_ticket_t){.id = (uint64_t)core->epoch << 32 | ++core->tickets.seq,
                          .parent_id = parent,
                          .qty_lots = size_of(core, instr, reduce, wanted_lots),
                          .expires_ns = core->now_ns + (uint64_t)core->conf.intent_life_s * (uint64_t)TG_NS_PER_S,
                          .limits_version = core->limits_version,
                          .approved = !manual,
                          .manual = manual,
                          .side = side,
                          .state = manual ? TG_TICKET_NEW : TG_TICKET_APPROVED};
  core->tickets.open_cnt++;
  tell(core, slot);
}

/* What the approval mode makes of an open intent for new risk. */
static void mode_changed(tg_core_t *core, tg_core_ticket_t *ticket) {
  if (ticket->reduce || !state_open(ticket->t.state)) return;
  if (manual_now(core)) {
    if (!ticket->t.manual) ticket->t.approved = 0; /* automatic: nobody was asked */
    return;
  }
  if (ticket->t.approved) return;
  ticket->t.approved = 1;
  if (ticket->t.state == TG_TICKET_NEW) move(core, ticket, TG_TICKET_APPROVED);
}

/* Is it over for a child of wanted_lots, so that another may be opened in its place? Tells the end. */
static bool over(tg_core_t *core, tg_core_ticket_t *ticket, int64_t wanted_lots) {
  const tg_ticket_t *t = &ticket->t;
  if (t->held_lots != 0) return false;
  if (t->state == TG_TICKET_REJECTED) return core->now_ns >= t->expires_ns;
  if (!state_open(t->state)) return true;
  if (core->now_ns >= t->expires_ns) {
    move(core, ticket, TG_TICKET_EXPIRED);
    return true;
  }
  bool used_up = t->filled_lots > 0 && t->qty_lots - t->filled_lots < wanted_lots;
  bool unasked = !ticket->reduce && !t->approved && !t->manual;
  if (!used_up && !unasked) return false;
  move(core, ticket, t->filled_lots > 0 ? TG_TICKET_EXECUTED : TG_TICKET_EXPIRED);
  return true;
}

/* An exit does not wait for the orders of an intent that is used up or over: they are counted among the former ones. */
static bool give_way(const tg_core_t *core, const tg_core_ticket_t *ticket, int64_t wanted_lots) {
  const tg_ticket_t *t = &ticket->t;
  if (!ticket->reduce || t->held_lots == 0) return false;
  return core->now_ns >= t->expires_ns || t->qty_lots - t->filled_lots - t->held_lots < wanted_lots;
}

/* The current ticket of a side, opened anew where the one before is over; NULL: its time is over but children live. */
static tg_core_ticket_t *current(tg_core_t *core, tg_core_instr_t *instr, uint8_t side, uint8_t reduce, int64_t wanted_lots,
                                 uint8_t why) {
  tg_core_ticket_t *slot = &instr->ticket[side & 1u][reduce];
  if (slot->t.id != 0) mode_changed(core, slot);
  if (slot->t.id == 0 || over(core, slot, wanted_lots) || give_way(core, slot, wanted_lots))
    open_ticket(core, instr, side & 1u, reduce, wanted_lots, why);
  return core->now_ns >= slot->t.expires_ns ? NULL : slot;
}

const tg_ticket_t *tg_tickets_for_place(tg_core_t *core, tg_core_instr_t *instr, uint8_t side, uint8_t intent, int64_t qty_lots,
                                        uint8_t why) {
  core->tickets.use = current(core, instr, side, intent == TG_INTENT_REDUCE_RISK, qty_lots, why);
  return core->tickets.use != NULL ? &core->tickets.use->t : &core->tickets.none;
}

const tg_ticket_t *tg_tickets_for_amend(tg_core_t *core, tg_core_instr_t *instr, const tg_order_t *o, uint8_t intent,
                                        int64_t rem_lots) {
  tg_tickets_t *tickets = &core->tickets;
  uint8_t reduce = intent == TG_INTENT_REDUCE_RISK;
  tg_core_ticket_t *own = of_order(core, o);
  if (own != NULL && !is_past(core, own) && (reduce || !own->reduce)) {
    mode_changed(core, own);
    bool usable = state_open(own->t.state) && core->now_ns < own->t.expires_ns;
    tickets->use = usable ? own : NULL;
    return usable ? &own->t : &tickets->none;
  }
  tickets->use = current(core, instr, o->side, reduce, rem_lots, o->reason);
  if (tickets->use == NULL) return &tickets->none;
  tickets->shown = tickets->use->t;
  tickets->shown.held_lots += o->reserve.held_lots; /* gates take the order's own share off before they add what it becomes */
  return &tickets->shown;
}

/* ---- children ---- */

static void child_line(tg_core_t *core, const tg_core_ticket_t *ticket, const tg_order_t *o, uint8_t intent) {
  tg_out_child_t *line = &tg_core_emit(core, TG_OUT_CHILD, o->instr_idx)->u.out_child;
  line->client_id = o->client_id;
  line->intent_id = ticket->t.id;
  line->qty_lots = o->want_qty_lots > o->qty_lots ? o->want_qty_lots : o->qty_lots;
  line->held_lots = ticket->t.held_lots;
  line->filled_lots = ticket->t.filled_lots;
  line->limits_version = core->limits_version;
  line->side = o->side;
  line->reason = o->reason;
  line->intent = intent;
}

/* An order goes to another intent. */
static void leave(tg_core_t *core, tg_core_ticket_t *ticket, int64_t held_lots) {
  ticket->t.held_lots -= held_lots;
  if (is_past(core, ticket) && state_open(ticket->t.state) && ticket->t.held_lots == 0)
    move(core, ticket, ticket->t.filled_lots > 0 ? TG_TICKET_EXECUTED : TG_TICKET_EXPIRED);
}

static void bind(tg_core_t *core, tg_order_t *o, uint8_t intent) {
  tg_core_ticket_t *ticket = core->tickets.use;
  TG_ASSERT(ticket != NULL); /* an all-zero ticket passes no gate */
  tg_core_ticket_t *before = of_order(core, o);
  if (before != NULL) leave(core, before, o->ticket_held_lots);
  o->ticket_id = ticket->t.id;
  o->ticket_held_lots = 0;
  o->ticket_filled_lots = o->cum_lots + o->absorbed_lots; /* executed for the one before */
  tg_tickets_follow(core, o);
  if (ticket->t.state == TG_TICKET_APPROVED) move(core, ticket, TG_TICKET_EXECUTING);
  child_line(core, ticket, o, intent);
}

void tg_tickets_on_place(tg_core_t *core, tg_order_t *o, uint8_t intent) {
  bind(core, o, intent);
}

void tg_tickets_on_amend(tg_core_t *core, tg_order_t *o, uint8_t intent) {
  TG_ASSERT(core->tickets.use != NULL);
  if (o->ticket_id == core->tickets.use->t.id) {
    tg_tickets_follow(core, o);
  } else {
    bind(core, o, intent);
  }
}

void tg_tickets_follow(tg_core_t *core, tg_order_t *o) {
  int64_t filled = o->cum_lots + o->absorbed_lots;
  int64_t held_more = o->reserve.held_lots - o->ticket_held_lots;
  int64_t filled_more = filled - o->ticket_filled_lots;
  if (TG_LIKELY(held_more == 0 && filled_more == 0)) return;
  o->ticket_held_lots = o->reserve.held_lots;
  o->ticket_filled_lots = filled;
  tg_core_ticket_t *ticket = of_order(core, o);
  if (ticket == NULL) return;
  ticket->t.held_lots += held_more;
  ticket->t.filled_lots += filled_more;
  bool used_up = ticket->t.filled_lots >= ticket->t.qty_lots || is_past(core, ticket);
  if (used_up && state_open(ticket->t.state) && ticket->t.held_lots == 0) {
    move(core, ticket, ticket->t.filled_lots > 0 ? TG_TICKET_EXECUTED : TG_TICKET_EXPIRED);
  } else if (filled_more != 0) {
    tell(core, ticket);
  }
}

/* ---- time and the operator ---- */

/* An intent's time is over: its resting orders go. */
static void cancel_children(tg_core_t *core, const tg_core_ticket_t *ticket) {
  uint32_t next;
  for (uint32_t idx = core->orders.open_head; idx != TG_ORDER_NIL; idx = next) {
    tg_order_t *o = &core->orders.order[idx];
    next = o->next;
    bool rests = o->state == TG_ORD_LIVE || o->state == TG_ORD_PARTIAL;
    if (o->ticket_id != ticket->t.id || !rests || o->query_open) continue;
    if (core->actions_left == 0 || !tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
    uint32_t subs;
    if (tg_core_cancel(core, o, &subs) != 0) return; /* rate, ban or disarmed: the next timer tries again */
  }
}

void tg_tickets_on_timer(tg_core_t *core) {
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    for (unsigned s = 0; s < 4; s++) {
      tg_core_ticket_t *ticket = &core->instr[i].ticket[s >> 1][s & 1u];
      if (TG_LIKELY(!state_open(ticket->t.state) || core->now_ns < ticket->t.expires_ns)) continue;
      if (!tg_core_room(core, TG_CORE_ROOM + TG_CORE_ROOM_KEPT)) return;
      if (ticket->t.held_lots == 0) {
        move(core, ticket, TG_TICKET_EXPIRED);
      } else {
        cancel_children(core, ticket);
      }
    }
  }
}

static int answer(tg_core_t *core, uint64_t id, uint64_t until_ns, tg_ticket_state_t state) {
  tg_core_ticket_t *ticket = id == 0 ? NULL : current_of(core, id);
  if (ticket == NULL) return -TG_ENOTFOUND;
  if (ticket->t.state != TG_TICKET_NEW) return -TG_ECONFLICT;
  if (core->now_ns >= ticket->t.expires_ns || (until_ns != 0 && core->now_ns >= until_ns)) return -TG_ESTALE;
  if (until_ns != 0 && until_ns < ticket->t.expires_ns) ticket->t.expires_ns = until_ns;
  ticket->t.approved = state == TG_TICKET_APPROVED;
  move(core, ticket, state);
  return 0;
}

int tg_tickets_approve(tg_core_t *core, uint64_t id, uint64_t expires_ns) {
  return answer(core, id, expires_ns, TG_TICKET_APPROVED);
}

int tg_tickets_reject(tg_core_t *core, uint64_t id, uint64_t until_ns) {
  return answer(core, id, until_ns, TG_TICKET_REJECTED);
}

/* ---- invariants ---- */

static void check(const tg_core_t *core, const tg_core_ticket_t *ticket) {
  if (ticket->t.id == 0) return;
  int64_t held = 0;
  for (uint32_t i = 0; i < core->orders.cap; i++) {
    const tg_order_t *o = &core->orders.order[i];
    if (o->client_id == 0 || o->ticket_id != ticket->t.id) continue;
    TG_ASSERT(o->side == ticket->t.side && o->instr_idx == ticket->instr_idx);
    held += o->reserve.held_lots;
  }
  TG_ASSERT(held == ticket->t.held_lots && ticket->t.filled_lots >= 0);
}

void tg_tickets_check(const tg_core_t *core) {
  for (uint32_t i = 0; i < core->orders.cap; i++) {
    const tg_order_t *o = &core->orders.order[i];
    if (o->client_id == 0) continue;
    TG_ASSERT(o->ticket_held_lots == o->reserve.held_lots || o->ticket_id == 0);
  }
  for (uint32_t i = 0; i < TG_TICKETS_PAST; i++) check(core, &core->tickets.past[i]);
  for (uint16_t i = 0; i < core->cfg.instr_cap; i++) {
    for (unsigned s = 0; s < 4; s++) check(core, &core->instr[i].ticket[s >> 1][s & 1u]);
  }
}

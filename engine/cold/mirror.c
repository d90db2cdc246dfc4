#include "engine/cold/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"

/* ---- rings ---- */

static bool ring_new(tg_mirror_ring_t *ring, uint32_t cap) {
  ring->item = aligned_alloc(TG_CACHE_LINE, cap * sizeof *ring->item);
  ring->cap = cap;
  return ring->item != NULL;
}

static void ring_put(tg_mirror_ring_t *ring, const tg_msg_t *msg) {
  ring->item[ring->next % ring->cap] = *msg;
  ring->next++;
}

const tg_msg_t *tg_mirror_ring_at(const tg_mirror_ring_t *ring, uint64_t newest_idx) {
  if (newest_idx >= ring->next || newest_idx >= ring->cap) return NULL;
  return &ring->item[(ring->next - 1 - newest_idx) % ring->cap];
}

/* ---- life ---- */

tg_mirror_t *tg_mirror_new(const tg_cold_names_t *names, const tg_book_cfg_t *book) {
  tg_mirror_t *mirror = calloc(1, sizeof *mirror);
  if (!mirror) return NULL;
  mirror->names = names;
  if (book) mirror->book_cfg = *book;
  mirror->order = calloc(TG_MIRROR_ORDERS, sizeof *mirror->order);
  bool ok = mirror->order != NULL;
  ok = ring_new(&mirror->fills, TG_MIRROR_FILLS) && ok;
  ok = ring_new(&mirror->decisions, TG_MIRROR_DECISIONS) && ok;
  ok = ring_new(&mirror->transitions, TG_MIRROR_TRANSITIONS) && ok;
  ok = ring_new(&mirror->alarms, TG_MIRROR_ALARMS) && ok;
  ok = ring_new(&mirror->trips, TG_MIRROR_TRIPS) && ok;
  ok = ring_new(&mirror->trips_second, TG_MIRROR_TRIPS) && ok;
  ok = ring_new(&mirror->limits, TG_MIRROR_LIMITS) && ok;
  mirror->explain = aligned_alloc(TG_CACHE_LINE, TG_MIRROR_EXPLAINS * sizeof *mirror->explain);
  ok = mirror->explain != NULL && ok;
  if (ok) return mirror;
  tg_mirror_free(mirror);
  return NULL;
}

void tg_mirror_free(tg_mirror_t *mirror) {
  if (!mirror) return;
  for (unsigned i = 0; i < TG_INSTR_MAX; i++) {
    if (!mirror->symbol[i].book) continue;
    tg_arena_unmap(&mirror->symbol[i].book_arena);
    free(mirror->symbol[i].book);
  }
  free(mirror->order);
  free(mirror->fills.item);
  free(mirror->decisions.item);
  free(mirror->transitions.item);
  free(mirror->alarms.item);
  free(mirror->trips.item);
  free(mirror->trips_second.item);
  free(mirror->limits.item);
  free(mirror->explain);
  free(mirror);
}

/* ---- orders: open addressing, linear probing, backward-shift deletion ---- */

static uint32_t slot_home(uint64_t client_id) {
  uint64_t x = client_id * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(x >> 32) % TG_MIRROR_ORDERS;
}

static tg_mirror_order_t *order_find(const tg_mirror_t *mirror, uint64_t client_id) {
  uint32_t at = slot_home(client_id);
  for (uint32_t i = 0; i < TG_MIRROR_ORDERS; i++, at = (at + 1) % TG_MIRROR_ORDERS) {
    if (!mirror->order[at].used) return NULL;
    if (mirror->order[at].report.client_id == client_id) return &mirror->order[at];
  }
  return NULL;
}

static void order_remove(tg_mirror_t *mirror, tg_mirror_order_t *order) {
  uint32_t hole = (uint32_t)(order - mirror->order), at = hole;
  for (;;) {
    at = (at + 1) % TG_MIRROR_ORDERS;
    if (!mirror->order[at].used) break;
    uint32_t home = slot_home(mirror->order[at].report.client_id);
    uint32_t from_home = (at + TG_MIRROR_ORDERS - home) % TG_MIRROR_ORDERS;
    uint32_t to_hole = (at + TG_MIRROR_ORDERS - hole) % TG_MIRROR_ORDERS;
    if (from_home < to_hole) continue; /* it may not move before its home */
    mirror->order[hole] = mirror->order[at];
    hole = at;
  }
  memset(&mirror->order[hole], 0, sizeof mirror->order[hole]);
  mirror->order_used--;
}

static void count_open(tg_mirror_t *mirror, uint16_t instr_idx, int by) {
  mirror->order_open = (uint32_t)((int)mirror->order_open + by);
  if (instr_idx < TG_INSTR_MAX) mirror->symbol[instr_idx].open_orders += (uint64_t)(int64_t)by;
}

static tg_mirror_order_t *order_add(tg_mirror_t *mirror, uint64_t client_id, const tg_msg_t *msg) {
  if (mirror->order_used + 1 >= TG_MIRROR_ORDERS) {
    mirror->counts.orders_dropped++;
    return NULL;
  }
  uint32_t at = slot_home(client_id);
  while (mirror->order[at].used) at = (at + 1) % TG_MIRROR_ORDERS;
  tg_mirror_order_t *order = &mirror->order[at];
  order->used = true;
  order->report.client_id = client_id;
  order->instr_idx = msg->instr_idx;
  order->first_ns = msg->ts_ns;
  mirror->order_used++;
  return order;
}

/* Remembers an ended order and forgets the one that ended TG_MIRROR_ENDED orders ago. */
static void order_ended(tg_mirror_t *mirror, uint64_t client_id) {
  uint64_t *place = &mirror->ended_id[mirror->ended_next++ % TG_MIRROR_ENDED];
  uint64_t old_id = *place;
  *place = client_id;
  tg_mirror_order_t *old = old_id && old_id != client_id ? order_find(mirror, old_id) : NULL;
  if (old && !old->open) order_remove(mirror, old);
}

static void on_order(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_out_report_t *report = &msg->u.out_order;
  tg_mirror_order_t *order = order_find(mirror, report->client_id);
  if (!order) order = order_add(mirror, report->client_id, msg);
  if (!order) return;
  bool was_open = order->open;
  order->report = *report;
  order->last_ns = msg->ts_ns;
  order->open = mirror->names->order_open(report->state);
  if (strstr(mirror->names->order_state(report->state), "UNKNOWN") == NULL) {
    order->unknown_ns = 0;
  } else if (order->unknown_ns == 0) {
    order->unknown_ns = msg->ts_ns;
    order->ask_cnt = 0;
  }
  if (order->open && !was_open) count_open(mirror, order->instr_idx, 1);
  if (!order->open && was_open) count_open(mirror, order->instr_idx, -1);
  if (!order->open && (was_open || order->first_ns == msg->ts_ns)) order_ended(mirror, report->client_id);
}

const tg_mirror_order_t *tg_mirror_order(const tg_mirror_t *mirror, uint64_t client_id) {
  return order_find(mirror, client_id);
}

/* ---- instruments and books ---- */

static void book_make(tg_mirror_t *mirror, tg_mirror_symbol_t *symbol, const tg_msg_t *msg) {
  if (mirror->book_cfg.level_cap == 0 || symbol->book) return;
  tg_book_cfg_t cfg = mirror->book_cfg;
  cfg.instr_idx = msg->instr_idx;
  cfg.product = msg->u.cfg_symbol.product;
  tg_book_t *book = aligned_alloc(TG_CACHE_LINE, (sizeof *book + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
  if (!book) return;
  memset(book, 0, sizeof *book);
  tg_arena_t count;
  tg_arena_count(&count);
  int rc = tg_book_layout(&count, book, &cfg);
  if (rc == 0) rc = tg_arena_map(&symbol->book_arena, count.used_bytes + TG_CACHE_LINE);
  if (rc < 0) { /* no memory for a copy: the tops are still shown */
    free(book);
    return;
  }
  rc = tg_book_layout(&symbol->book_arena, book, &cfg);
  if (rc < 0) {
    tg_arena_unmap(&symbol->book_arena);
    free(book);
    return;
  }
  symbol->book = book;
}

static void on_symbol(tg_mirror_t *mirror, const tg_msg_t *msg) {
  tg_mirror_symbol_t *symbol = &mirror->symbol[msg->instr_idx];
  symbol->cfg = msg->u.cfg_symbol;
  symbol->cfg.symbol[sizeof symbol->cfg.symbol - 1] = '\0';
  symbol->known = true;
  book_make(mirror, symbol, msg);
}

uint16_t tg_mirror_find(const tg_mirror_t *mirror, const char *symbol) {
  for (uint16_t i = 0; i < TG_INSTR_MAX; i++) {
    if (mirror->symbol[i].known && strcmp(mirror->symbol[i].cfg.symbol, symbol) == 0) return i;
  }
  return TG_INSTR_NONE;
}

/* ---- what happened ---- */

static void on_decision(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_out_decision_t *decision = &msg->u.out_decision;
  ring_put(&mirror->decisions, msg);
  tg_mirror_explain_t *explain = &mirror->explain[mirror->explain_next++ % TG_MIRROR_EXPLAINS];
  memset(explain, 0, sizeof *explain);
  explain->decision = *msg;
  if (decision->decision < TG_MIRROR_DECISION_KINDS && decision->reason < TG_MIRROR_REASONS)
    mirror->counts.decision[decision->decision][decision->reason]++;
  if (decision->gate_mask == 0) return;
  if (decision->gate < TG_MIRROR_GATES)
    mirror->counts.gate_first[decision->gate][decision->sub_code < TG_COLD_GATE_SUBS ? decision->sub_code : 0]++;
  for (unsigned bit = 0; bit < TG_MIRROR_GATES; bit++) mirror->counts.gate_any[bit] += decision->gate_mask >> bit & 1u;
  if (decision->state < TG_COLD_FSM_STATES && decision->intent < 4) mirror->counts.blocked[decision->state][decision->intent]++;
}

/* Lines of the decision told last. */
static void on_gates(tg_mirror_t *mirror, const tg_out_gates_t *gates) {
  if (mirror->explain_next == 0 || gates->part >= TG_MIRROR_PARTS) return;
  tg_mirror_explain_t *explain = &mirror->explain[(mirror->explain_next - 1) % TG_MIRROR_EXPLAINS];
  memcpy(&explain->value[gates->part * 4u], gates->value, sizeof gates->value);
  explain->limits_version = gates->limits_version;
  explain->parts |= (uint8_t)(1u << gates->part);
}

const tg_mirror_explain_t *tg_mirror_explain(const tg_mirror_t *mirror, uint64_t client_id) {
  for (uint64_t i = 0; i < TG_MIRROR_EXPLAINS && i < mirror->explain_next; i++) {
    const tg_mirror_explain_t *explain = &mirror->explain[(mirror->explain_next - 1 - i) % TG_MIRROR_EXPLAINS];
    if (explain->parts != 0 && (client_id == 0 || explain->decision.u.out_decision.client_id == client_id)) return explain;
  }
  return NULL;
}

bool tg_mirror_limit(const tg_mirror_t *mirror, uint16_t instr_idx, uint32_t version, unsigned limit, int64_t *out) {
  const tg_msg_t *msg;
  for (uint64_t i = 0; (msg = tg_mirror_ring_at(&mirror->limits, i)) != NULL; i++) {
    const tg_out_limits_t *line = &msg->u.out_limits;
    if (msg->instr_idx != instr_idx || line->version > version || limit < line->first ||
        limit >= (unsigned)line->first + line->cnt)
      continue;
    *out = line->value[limit - line->first]; /* of this version, or the last one that told it before */
    return true;
  }
  return false;
}

static void on_state(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_out_state_t *state = &msg->u.out_state;
  ring_put(&mirror->transitions, msg);
  mirror->state = state->to;
  mirror->state_reason = state->reason;
  mirror->state_since_ns = msg->ts_ns;
  if (state->from < TG_COLD_FSM_STATES && state->to < TG_COLD_FSM_STATES && state->reason < TG_MIRROR_REASONS)
    mirror->counts.transition[state->from][state->to][state->reason]++;
}

static void on_done(tg_mirror_t *mirror, int64_t verb) {
  if (verb == TG_VERB_KILL) mirror->kill = true;
  if (verb == TG_VERB_KILL_OFF) mirror->kill = false;
  if (verb == TG_VERB_ARM) mirror->armed = true;
  if (verb == TG_VERB_DISARM) mirror->armed = false;
}

static void on_alarm(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_out_alarm_t *alarm = &msg->u.out_alarm;
  mirror->counts.alarm[alarm->what & 63u]++;
  if (alarm->what == TG_ALARM_CMD_DONE) on_done(mirror, alarm->ours);
  ring_put(&mirror->alarms, msg);
}

static void on_link(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_link_t *link = &msg->u.link;
  if (link->session >= TG_SESSION_CNT) return;
  tg_mirror_link_t *at = &mirror->link[link->session];
  if (!at->known || at->link.up != link->up) {
    at->since_ns = msg->ts_ns;
    if (link->up) at->ups++;
    if (at->known && !link->up) at->downs++;
  }
  at->known = true;
  at->link = *link;
}

static void on_balance(tg_mirror_t *mirror, const tg_ex_balance_t *balance) {
  uint32_t at = 0;
  while (at < mirror->balance_cnt && memcmp(mirror->balance[at].asset, balance->asset, sizeof balance->asset) != 0) at++;
  if (at == TG_MIRROR_ASSETS) return;
  int64_t available = at < mirror->balance_cnt ? mirror->balance[at].available_e8 : 0;
  mirror->balance[at] = *balance;
  if (balance->available_e8 == 0) mirror->balance[at].available_e8 = available; /* events do not tell it */
  if (at == mirror->balance_cnt) mirror->balance_cnt++;
}

static void on_health(tg_mirror_t *mirror, const tg_msg_t *msg) {
  const tg_health_t *health = &msg->u.health;
  if (health->what >= TG_HEALTH_CNT) return;
  mirror->health[health->what] = *health;
  if (health->what != TG_HEALTH_SYNC) return;
  if (health->ok) {
    mirror->counts.syncs_good++;
    mirror->sync_good_ns = msg->ts_ns;
  } else {
    mirror->counts.syncs_failed++;
  }
}

static void on_setting(tg_mirror_t *mirror, const tg_cfg_set_t *set) {
  static uint32_t armed_hash;
  if (!armed_hash) armed_hash = tg_conf_key_hash("engine.armed");
  if (set->key_hash == armed_hash) mirror->armed = set->value != 0;
}

/* A second line (TG_F_SECOND) brings the commission of a fill told before. */
static void on_fill(tg_mirror_t *mirror, const tg_msg_t *msg) {
  if (!(msg->flags & TG_F_SECOND)) {
    ring_put(&mirror->fills, msg);
    mirror->counts.fills++;
    if (msg->flags & TG_F_MAKER) mirror->counts.maker_fills++;
    return;
  }
  for (uint64_t i = 0; i < mirror->fills.cap && i < mirror->fills.next; i++) {
    tg_msg_t *old = &mirror->fills.item[(mirror->fills.next - 1 - i) % mirror->fills.cap];
    if (old->instr_idx != msg->instr_idx || old->u.out_fill.trade_id != msg->u.out_fill.trade_id) continue;
    old->u.out_fill = msg->u.out_fill;
    return;
  }
}

static void on_trip(tg_mirror_t *mirror, const tg_msg_t *msg) {
  ring_put(msg->flags & TG_F_SECOND ? &mirror->trips_second : &mirror->trips, msg);
}

/* Messages of one instrument. */
static void on_instrument(tg_mirror_t *mirror, tg_mirror_symbol_t *symbol, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_CFG_SYMBOL:
      on_symbol(mirror, msg);
      break;
    case TG_MD_TOP:
      symbol->top = msg->u.md_top;
      symbol->top_ns = msg->ts_ns;
      break;
    case TG_MD_DEPTH:
      if (msg->flags & TG_F_SNAPSHOT) break;
      symbol->book_updates++;
      mirror->counts.book_updates++;
      break;
    case TG_MD_MARK:
      symbol->mark = msg->u.md_mark;
      break;
    case TG_OUT_BOOK:
      symbol->book_state = msg->u.out_book.to;
      symbol->book_reason = msg->u.out_book.reason;
      symbol->book_ns = msg->ts_ns;
      if (msg->u.out_book.gap_cnt > symbol->book_gap_cnt) {
        mirror->counts.book_gaps += msg->u.out_book.gap_cnt - symbol->book_gap_cnt;
        symbol->book_gap_cnt = msg->u.out_book.gap_cnt;
      }
      break;
    case TG_OUT_POSITION:
      symbol->has_position = true;
      symbol->position = msg->u.out_position;
      symbol->position_ns = msg->ts_ns;
      break;
    default:
      break;
  }
}

/* What leaves the core for the venue, counted. */
static void on_request(tg_mirror_counts_t *counts, const tg_msg_t *msg) {
  counts->orders_placed += msg->kind == TG_OUT_PLACE;
  counts->orders_amended += msg->kind == TG_OUT_AMEND;
  counts->orders_cancelled += msg->kind == TG_OUT_CANCEL;
  counts->queries += msg->kind == TG_OUT_QUERY;
  counts->cancel_alls += msg->kind == TG_OUT_CANCEL_ALL;
}

static void on_query(tg_mirror_t *mirror, const tg_msg_t *msg) {
  tg_mirror_order_t *order = order_find(mirror, msg->u.out_query.client_id);
  if (order) order->ask_cnt++;
}

static void feed_books(tg_mirror_t *mirror, const tg_msg_t *msg) {
  if (msg->kind == TG_LINK || msg->kind == TG_TIMER) {
    for (unsigned i = 0; i < TG_INSTR_MAX; i++) {
      tg_book_t *book = mirror->symbol[i].book;
      if (!book) continue;
      if (msg->kind == TG_TIMER) {
        (void)tg_book_on_time(book, msg->ts_ns);
      } else {
        (void)tg_book_on_msg(book, msg);
      }
    }
    return;
  }
  if (msg->instr_idx >= TG_INSTR_MAX || !mirror->symbol[msg->instr_idx].book) return;
  tg_book_t *book = mirror->symbol[msg->instr_idx].book;
  if (msg->kind == TG_CMD && msg->u.cmd.verb == TG_VERB_RESYNC_BOOK) {
    (void)tg_book_resync(book, msg->ts_ns);
  } else if (msg->kind == TG_MD_TOP || msg->kind == TG_MD_DEPTH || msg->kind == TG_MD_LEVELS) {
    (void)tg_book_on_msg(book, msg);
  }
}

/* Messages of the whole engine. */
static void on_engine(tg_mirror_t *mirror, const tg_msg_t *msg) {
  switch (msg->kind) {
    case TG_OUT_STATE:
      on_state(mirror, msg);
      break;
    case TG_OUT_DECISION:
      on_decision(mirror, msg);
      break;
    case TG_OUT_GATES:
      on_gates(mirror, &msg->u.out_gates);
      break;
    case TG_OUT_LIMITS:
      ring_put(&mirror->limits, msg);
      break;
    case TG_OUT_ORDER:
      on_order(mirror, msg);
      break;
    case TG_OUT_QUERY:
      on_query(mirror, msg);
      break;
    case TG_OUT_FILL:
      on_fill(mirror, msg);
      break;
    case TG_OUT_TRIP:
      on_trip(mirror, msg);
      break;
    case TG_OUT_ALARM:
      on_alarm(mirror, msg);
      break;
    case TG_LINK:
      on_link(mirror, msg);
      break;
    case TG_RATE:
      mirror->rate = msg->u.rate;
      mirror->rate_ns = msg->ts_ns;
      break;
    case TG_CLOCK:
      mirror->clock = msg->u.clock;
      mirror->clock_ns = msg->ts_ns;
      break;
    case TG_HEALTH:
      on_health(mirror, msg);
      break;
    case TG_PRESSURE:
      if (msg->u.pressure.ring < TG_RING_CNT) mirror->pressure[msg->u.pressure.ring] = msg->u.pressure;
      break;
    case TG_EX_BALANCE:
    case TG_ACC_BALANCE:
      on_balance(mirror, &msg->u.ex_balance);
      break;
    case TG_EX_ANSWER:
      mirror->counts.answer[msg->u.ex_answer.outcome & 7u]++;
      break;
    case TG_CFG_SET:
      on_setting(mirror, &msg->u.cfg_set);
      break;
    default:
      on_request(&mirror->counts, msg);
      break;
  }
}

void tg_mirror_on_msg(tg_mirror_t *mirror, const tg_msg_t *msg) {
  mirror->counts.kind[msg->kind]++;
  if (msg->kind < 128) {
    mirror->counts.in++;
  } else {
    mirror->counts.out++;
  }
  if (msg->ts_ns > mirror->last_ns) mirror->last_ns = msg->ts_ns;
  bool of_instrument = msg->instr_idx < TG_INSTR_MAX;
  if (!of_instrument && msg->instr_idx != TG_INSTR_NONE) {
    mirror->counts.odd++;
    return;
  }
  if (of_instrument) on_instrument(mirror, &mirror->symbol[msg->instr_idx], msg);
  on_engine(mirror, msg);
  if (mirror->book_cfg.level_cap) feed_books(mirror, msg);
}

#include "engine/core/order.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/err.h"

typedef struct tg_ord_row {
  uint8_t next, action, there;
} tg_ord_row_t;

static const tg_ord_row_t rows[TG_ORD_STATE_CNT][TG_OEV_CNT] = {
#define T(STATE, EVENT, NEXT, ACTION) [TG_ORD_##STATE][TG_OEV_##EVENT] = {TG_ORD_##NEXT, TG_OACT_##ACTION, 1},
#include "engine/core/order.def"
#undef T
};

static const char *const state_names[] = {
#define S(NAME, number, open, text) [number] = #NAME,
#include "engine/core/order.def"
#undef S
};

static const char *const event_names[] = {
#define V(NAME, text) #NAME,
#include "engine/core/order.def"
#undef V
};

const char *tg_ord_state_name(unsigned state) {
  return state < TG_ARRAY_CNT(state_names) ? state_names[state] : "?";
}

const char *tg_ord_event_name(unsigned event) {
  return event < TG_ARRAY_CNT(event_names) ? event_names[event] : "?";
}

tg_ord_out_t tg_order_row(uint8_t state, uint8_t event) {
  TG_ASSERT(state < TG_ORD_STATE_CNT && event < TG_OEV_CNT);
  tg_ord_row_t row = rows[state][event];
  tg_ord_out_t out = {state, row.next, event, row.action, !row.there};
  if (!row.there) {
    out.to = TG_ORD_SAME;
    out.action = TG_OACT_NONE;
  }
  return out;
}

static int64_t max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* What the event really is, by quantities and terms. */
static uint8_t classify(const tg_order_t *o, const tg_ord_ev_t *ev) {
  if (ev->event == TG_OEV_PART && ev->fill_lots > 0) {
    /* while an amend is in the air the total may be the larger one: only the venue's word FILLED ends it earlier */
    return o->cum_lots >= max64(o->qty_lots, o->want_qty_lots) ? TG_OEV_FULL : TG_OEV_PART;
  }
  if (ev->event == TG_OEV_AMEND_ACK && ev->qty_lots > 0 && o->want_qty_lots > 0 &&
      (ev->px_ticks != o->want_px_ticks || ev->qty_lots != o->want_qty_lots)) {
    return TG_OEV_FOUND; /* the answer of another, older amend */
  }
  return ev->event;
}

static void quantities(tg_order_t *o, const tg_ord_ev_t *ev) {
  o->cum_lots += ev->fill_lots;
  o->told_lots = max64(o->told_lots, max64(o->cum_lots, ev->cum_lots));
  if (ev->order_id > 0 && o->order_id == 0) o->order_id = ev->order_id;
}

static void take(tg_order_t *o, const tg_ord_ev_t *ev, uint8_t event) {
  if (ev->qty_lots > 0) {
    o->px_ticks = ev->px_ticks;
    o->qty_lots = ev->qty_lots;
  } else if (event == TG_OEV_AMEND_ACK && o->want_qty_lots > 0) {
    o->px_ticks = o->want_px_ticks;
    o->qty_lots = o->want_qty_lots;
  }
}

static void request_clear(tg_order_t *o) {
  o->request = TG_REQUEST_NONE;
  o->request_ns = 0;
}

/* Fields that belong to the state just entered. */
static void enter(tg_order_t *o, const tg_ord_ev_t *ev) {
  switch ((tg_ord_state_t)o->state) {
    case TG_ORD_SENT:
      o->request = TG_REQUEST_PLACE;
      o->request_ns = o->sent_ns = o->moved_ns = ev->now_ns;
      break;
    case TG_ORD_AMEND_SENT:
      if (ev->event != TG_OEV_SEND_AMEND) break;
      o->want_px_ticks = ev->px_ticks;
      o->want_qty_lots = ev->qty_lots;
      o->request = TG_REQUEST_AMEND;
      o->request_ns = o->moved_ns = ev->now_ns;
      break;
    case TG_ORD_CANCEL_SENT:
      if (ev->event != TG_OEV_SEND_CANCEL) break;
      o->request = TG_REQUEST_CANCEL;
      o->request_ns = o->moved_ns = ev->now_ns;
      break;
    case TG_ORD_PLACE_UNKNOWN:
    case TG_ORD_AMEND_UNKNOWN:
    case TG_ORD_REST_UNKNOWN:
      request_clear(o);
      if (o->sent_ns == 0) o->sent_ns = ev->now_ns; /* taken up: proof of absence counts from here */
      break;
    default: /* resting or ended: nothing in the air */
      request_clear(o);
      o->want_px_ticks = o->want_qty_lots = 0;
      break;
  }
}

/* Since when we do not know: a cancel in between (kill does not wait for certainty) does not renew the doubt. */
static void doubt(tg_order_t *o, uint64_t now_ns) {
  if (tg_order_is_unknown(o)) {
    if (o->unknown_ns != 0) return;
    o->unknown_ns = now_ns;
    o->ask_cnt = 0;
  } else if (o->state != TG_ORD_CANCEL_SENT) {
    o->unknown_ns = 0;
  }
}

static void ends(tg_order_t *o, uint64_t now_ns) {
  bool open = tg_order_is_open(o);
  if (open) {
    o->ended_ns = 0;
  } else if (o->ended_ns == 0) {
    o->ended_ns = now_ns;
    o->query_want = 0;
  }
  if (tg_order_owed(o) == 0) {
    o->owed_ns = 0;
  } else if (o->owed_ns == 0) {
    o->owed_ns = now_ns;
  }
}

tg_ord_out_t tg_order_apply(tg_order_t *o, const tg_ord_ev_t *ev) {
  TG_ASSERT(ev->event < TG_OEV_CNT);
  quantities(o, ev);
  uint8_t event = classify(o, ev);
  tg_ord_out_t out = tg_order_row(o->state, event);
  uint8_t before = o->state;
  if (out.action == TG_OACT_TAKE) take(o, ev, event);
  if (event == TG_OEV_NOT_FOUND || event == TG_OEV_ABSENT) {
    o->not_found_cnt++;
  } else if (out.action == TG_OACT_TAKE || out.action == TG_OACT_FILL) {
    o->not_found_cnt = 0; /* a sign of life */
  }
  uint8_t to = out.to == TG_ORD_SAME ? before : out.to;
  if (to == TG_ORD_REST) to = o->told_lots > 0 ? TG_ORD_PARTIAL : TG_ORD_LIVE;
  if (to == TG_ORD_LIVE && o->told_lots > 0) to = TG_ORD_PARTIAL; /* LIVE kept, but a larger quantity was told */
  o->state = to;
  out.to = to;
  if (to != before || event == TG_OEV_SEND) enter(o, ev);
  if (out.action == TG_OACT_QUERY || out.action == TG_OACT_REOPEN) o->query_want = 1;
  if (out.action == TG_OACT_REOPEN) o->not_found_cnt = 0;
  if (out.action != TG_OACT_LATE && !out.hole) o->changed_ns = ev->now_ns;
  doubt(o, ev->now_ns);
  ends(o, ev->now_ns);
  return out;
}

static bool check_request(const tg_order_t *o) {
  switch ((tg_ord_state_t)o->state) {
    case TG_ORD_SENT:
      return o->request == TG_REQUEST_PLACE && o->request_ns != 0;
    case TG_ORD_AMEND_SENT:
      return o->request == TG_REQUEST_AMEND && o->request_ns != 0 && o->want_qty_lots > 0;
    case TG_ORD_CANCEL_SENT:
      return o->request == TG_REQUEST_CANCEL && o->request_ns != 0;
    default:
      return o->request == TG_REQUEST_NONE && o->request_ns == 0;
  }
}

bool tg_order_check(const tg_order_t *o) {
  if (o->state >= TG_ORD_STATE_CNT) return false;
  if (o->state == TG_ORD_FREE) return o->order_id == 0 && o->cum_lots == 0 && o->told_lots == 0;
  if (o->client_id == 0 || o->cum_lots < 0 || o->told_lots < o->cum_lots || o->absorbed_lots < 0) return false;
  if (!check_request(o) || (tg_order_is_unknown(o) && o->unknown_ns == 0)) return false;
  if (o->state == TG_ORD_SENT && o->cum_lots != 0) return false;
  if (o->state == TG_ORD_LIVE && o->told_lots != 0) return false;
  if (o->state == TG_ORD_PARTIAL && o->told_lots == 0) return false;
  if ((o->ended_ns != 0) == tg_order_is_open(o)) return false;
  return (o->owed_ns != 0) == (tg_order_owed(o) != 0);
}

/* ---- the table ---- */

static uint64_t mix(uint64_t x) { /* splitmix64's finaliser */
  x ^= x >> 30;
  x *= UINT64_C(0xbf58476d1ce4e5b9);
  x ^= x >> 27;
  x *= UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static uint64_t venue_key(uint16_t instr_idx, int64_t order_id) {
  return (uint64_t)order_id ^ ((uint64_t)instr_idx << 56);
}

static uint64_t key_of(const tg_order_t *o, bool venue) {
  return venue ? venue_key(o->instr_idx, o->order_id) : o->client_id;
}

static uint32_t hash_cap_of(uint32_t cap) {
  uint32_t n = 64;
  while (n < cap * 4) n *= 2;
  return n;
}

int tg_order_table_layout(tg_arena_t *arena, tg_order_table_t *table, uint32_t cap) {
  uint32_t hash_cap = hash_cap_of(cap);
  tg_order_t *order = TG_ARENA_NEW(arena, tg_order_t, cap);
  uint32_t *by_client = TG_ARENA_NEW(arena, uint32_t, hash_cap);
  uint32_t *by_venue = TG_ARENA_NEW(arena, uint32_t, hash_cap);
  if (arena->err != 0 || tg_arena_counting(arena)) return arena->err;
  table->order = order;
  table->by_client = by_client;
  table->by_venue = by_venue;
  tg_order_table_init(table, cap);
  return 0;
}

void tg_order_table_init(tg_order_table_t *table, uint32_t cap) {
  table->cap = cap;
  table->hash_cap = hash_cap_of(cap);
  memset(table->order, 0, sizeof *table->order * cap);
  for (uint32_t i = 0; i < table->hash_cap; i++) table->by_client[i] = table->by_venue[i] = TG_ORDER_NIL;
  for (uint32_t i = 0; i < cap; i++) table->order[i].next = i + 1 < cap ? i + 1 : TG_ORDER_NIL;
  table->free_head = 0;
  table->open_head = table->open_tail = table->ended_head = table->ended_tail = TG_ORDER_NIL;
  table->open_cnt = table->ended_cnt = 0;
  table->full_cnt = table->recycled_cnt = 0;
}

static void hash_put(const tg_order_table_t *table, uint32_t *hash, uint64_t key, uint32_t idx) {
  uint32_t mask = table->hash_cap - 1;
  uint32_t at = (uint32_t)mix(key) & mask;
  while (hash[at] != TG_ORDER_NIL) at = (at + 1) & mask;
  hash[at] = idx;
}

/* Removes and closes the gap, so that no tombstones pile up. */
static void hash_del(const tg_order_table_t *table, uint32_t *hash, bool venue, uint64_t key, uint32_t idx) {
  uint32_t mask = table->hash_cap - 1;
  uint32_t at = (uint32_t)mix(key) & mask;
  while (hash[at] != idx) {
    if (hash[at] == TG_ORDER_NIL) return;
    at = (at + 1) & mask;
  }
  uint32_t hole = at;
  for (;;) {
    at = (at + 1) & mask;
    if (hash[at] == TG_ORDER_NIL) break;
    uint32_t home = (uint32_t)mix(key_of(&table->order[hash[at]], venue)) & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      hash[hole] = hash[at];
      hole = at;
    }
  }
  hash[hole] = TG_ORDER_NIL;
}

tg_order_t *tg_order_find(const tg_order_table_t *table, uint64_t client_id) {
  uint32_t mask = table->hash_cap - 1;
  for (uint32_t at = (uint32_t)mix(client_id) & mask;; at = (at + 1) & mask) {
    uint32_t idx = table->by_client[at];
    if (idx == TG_ORDER_NIL) return NULL;
    if (table->order[idx].client_id == client_id) return &table->order[idx];
  }
}

tg_order_t *tg_order_find_venue(const tg_order_table_t *table, uint16_t instr_idx, int64_t order_id) {
  if (order_id <= 0) return NULL;
  uint32_t mask = table->hash_cap - 1;
  for (uint32_t at = (uint32_t)mix(venue_key(instr_idx, order_id)) & mask;; at = (at + 1) & mask) {
    uint32_t idx = table->by_venue[at];
    if (idx == TG_ORDER_NIL) return NULL;
    const tg_order_t *o = &table->order[idx];
    if (o->order_id == order_id && o->instr_idx == instr_idx) return &table->order[idx];
  }
}

static void list_remove(tg_order_table_t *table, tg_order_t *o, bool open) {
  uint32_t *head = open ? &table->open_head : &table->ended_head;
  uint32_t *tail = open ? &table->open_tail : &table->ended_tail;
  if (o->prev == TG_ORDER_NIL) {
    *head = o->next;
  } else {
    table->order[o->prev].next = o->next;
  }
  if (o->next == TG_ORDER_NIL) {
    *tail = o->prev;
  } else {
    table->order[o->next].prev = o->prev;
  }
  if (open) {
    table->open_cnt--;
  } else {
    table->ended_cnt--;
  }
}

static void list_append(tg_order_table_t *table, tg_order_t *o, bool open) {
  uint32_t *head = open ? &table->open_head : &table->ended_head;
  uint32_t *tail = open ? &table->open_tail : &table->ended_tail;
  uint32_t idx = tg_order_idx(table, o);
  o->next = TG_ORDER_NIL;
  o->prev = *tail;
  if (*tail == TG_ORDER_NIL) {
    *head = idx;
  } else {
    table->order[*tail].next = idx;
  }
  *tail = idx;
  if (open) {
    table->open_cnt++;
  } else {
    table->ended_cnt++;
  }
}

/* Oldest ended order that owes nothing and has answered late events long enough. */
static tg_order_t *recycle(tg_order_table_t *table, uint64_t now_ns) {
  uint32_t idx = table->ended_head;
  for (uint32_t tries = 0; idx != TG_ORDER_NIL && tries < 8; tries++) {
    tg_order_t *o = &table->order[idx];
    if (now_ns - o->ended_ns < TG_ORDER_KEEP_NS) return NULL;
    if (tg_order_owed(o) == 0 && !o->reserve.active) {
      list_remove(table, o, false);
      hash_del(table, table->by_client, false, o->client_id, idx);
      if (o->order_id != 0) hash_del(table, table->by_venue, true, key_of(o, true), idx);
      table->recycled_cnt++;
      return o;
    }
    idx = o->next;
  }
  return NULL;
}

tg_order_t *tg_order_new(tg_order_table_t *table, uint64_t client_id, uint16_t instr_idx, uint64_t now_ns) {
  if (client_id == 0 || tg_order_find(table, client_id) != NULL) return NULL;
  tg_order_t *o = NULL;
  if (table->free_head != TG_ORDER_NIL) {
    o = &table->order[table->free_head];
    table->free_head = o->next;
  } else {
    o = recycle(table, now_ns);
  }
  if (o == NULL) {
    table->full_cnt++;
    return NULL;
  }
  memset(o, 0, sizeof *o);
  o->client_id = client_id;
  o->instr_idx = instr_idx;
  o->level = UINT8_MAX;
  o->drift_lots = -1;
  o->prev = o->next = TG_ORDER_NIL;
  hash_put(table, table->by_client, client_id, tg_order_idx(table, o));
  list_append(table, o, true);
  return o;
}

void tg_order_settle(tg_order_table_t *table, tg_order_t *o, int64_t order_id_before) {
  uint32_t idx = tg_order_idx(table, o);
  if (o->order_id != order_id_before) hash_put(table, table->by_venue, key_of(o, true), idx);
  bool open = tg_order_is_open(o);
  if (open == !o->listed_ended) return;
  list_remove(table, o, !o->listed_ended);
  o->listed_ended = !open;
  list_append(table, o, open);
}

#include "ref_md.h"

#include <jansson.h>

bool ref_scaled(const char *text, tg_scale_t scale, int64_t *out) {
  bool neg = *text == '-';
  if (neg) text++;
  tg_i128 value = 0;
  int dec = -1; /* decimals read, -1 before the point */
  if (*text < '0' || *text > '9') return false;
  for (; *text; text++) {
    if (*text == '.') {
      if (dec >= 0) return false;
      dec = 0;
      continue;
    }
    if (*text < '0' || *text > '9') return false;
    if (value > (tg_i128)1 << 100) return false;
    value = value * 10 + (*text - '0');
    if (dec >= 0) dec++;
  }
  if (dec < 0) dec = 0;
  for (; dec < scale.dec; dec++) value *= 10;
  for (; dec > scale.dec; dec--) {
    if (value % 10) return false;
    value /= 10;
  }
  if (value % scale.unit) return false;
  value /= scale.unit;
  if (value > INT64_MAX) return false;
  *out = neg ? -(int64_t)value : (int64_t)value;
  return true;
}

typedef struct ref {
  const tg_symtab_t *tab;
  uint64_t recv_ns;
  uint16_t snapshot_instr;
  tg_msg_batch_t *out;
  bool bad;
} ref_t;

static tg_msg_t *new_msg(ref_t *r, tg_msg_kind_t kind, uint16_t instr) {
  tg_msg_t *msg = tg_msg_next(r->out, kind, instr, r->recv_ns);
  cr_assert(msg, "the reference's batch is too small");
  return msg;
}

static int64_t dec_of(ref_t *r, json_t *value, tg_scale_t scale) {
  int64_t out = 0;
  if (!json_is_string(value) || !ref_scaled(json_string_value(value), scale, &out)) r->bad = true;
  return out;
}
static int64_t scaled(ref_t *r, json_t *obj, const char *key, tg_scale_t scale) {
  return dec_of(r, json_object_get(obj, key), scale);
}
static int64_t e8(ref_t *r, json_t *obj, const char *key) {
  json_t *value = json_object_get(obj, key);
  if (!value || (json_is_string(value) && json_string_length(value) == 0)) return 0;
  return dec_of(r, value, (tg_scale_t){.dec = 8, .unit = 1});
}
static int64_t integer(ref_t *r, json_t *obj, const char *key, bool optional) {
  json_t *value = json_object_get(obj, key);
  if (!value && optional) return 0;
  if (!json_is_integer(value)) r->bad = true;
  return json_integer_value(value);
}
static int64_t time_of(ref_t *r, json_t *obj) {
  return json_object_get(obj, "T") ? integer(r, obj, "T", true) : integer(r, obj, "E", true);
}

static uint32_t side(ref_t *r, const tg_sym_t *sym, json_t *rows, bool ask) {
  size_t i;
  json_t *row;
  tg_msg_t *msg = NULL;
  if (!json_is_array(rows)) r->bad = true;
  json_array_foreach(rows, i, row) {
    if (i % TG_LEVELS_PER_MSG == 0) {
      msg = new_msg(r, TG_MD_LEVELS, sym->instr_idx);
      if (ask) msg->flags = TG_F_ASK;
    }
    tg_md_level_t *level = &msg->u.md_levels.level[i % TG_LEVELS_PER_MSG];
    level->px_ticks = dec_of(r, json_array_get(row, 0), sym->px);
    level->qty_lots = dec_of(r, json_array_get(row, 1), sym->qty);
  }
  return (uint32_t)json_array_size(rows);
}

static void depth(ref_t *r, const tg_sym_t *sym, json_t *obj, bool snapshot) {
  uint32_t at = r->out->cnt;
  new_msg(r, TG_MD_DEPTH, sym->instr_idx);
  tg_md_depth_t d = {.venue_ms = time_of(r, obj)};
  if (snapshot) {
    d.first_id = d.last_id = (uint64_t)integer(r, obj, "lastUpdateId", false);
  } else {
    d.first_id = (uint64_t)integer(r, obj, "U", false);
    d.last_id = (uint64_t)integer(r, obj, "u", false);
    d.prev_id = json_object_get(obj, "pu") ? (uint64_t)integer(r, obj, "pu", false) : d.first_id - 1;
  }
  d.bid_cnt = side(r, sym, json_object_get(obj, snapshot ? "bids" : "b"), false);
  d.ask_cnt = side(r, sym, json_object_get(obj, snapshot ? "asks" : "a"), true);
  r->out->msg[at].u.md_depth = d;
  if (snapshot) r->out->msg[at].flags = TG_F_SNAPSHOT;
  r->out->msg[r->out->cnt - 1].flags |= TG_F_LAST;
}

static void top(ref_t *r, const tg_sym_t *sym, json_t *obj) {
  tg_md_top_t *t = &new_msg(r, TG_MD_TOP, sym->instr_idx)->u.md_top;
  t->update_id = (uint64_t)integer(r, obj, "u", false);
  t->bid_px_ticks = scaled(r, obj, "b", sym->px);
  t->bid_qty_lots = scaled(r, obj, "B", sym->qty);
  t->ask_px_ticks = scaled(r, obj, "a", sym->px);
  t->ask_qty_lots = scaled(r, obj, "A", sym->qty);
  t->venue_ms = time_of(r, obj);
}

static void trade(ref_t *r, const tg_sym_t *sym, json_t *obj, bool agg) {
  tg_msg_t *msg = new_msg(r, TG_MD_TRADE, sym->instr_idx);
  tg_md_trade_t *t = &msg->u.md_trade;
  t->px_ticks = scaled(r, obj, "p", sym->px);
  t->qty_lots = scaled(r, obj, "q", sym->qty);
  t->trade_id = (uint64_t)integer(r, obj, agg ? "a" : "t", false);
  t->last_trade_id = (uint64_t)integer(r, obj, agg ? "l" : "t", false);
  t->venue_ms = integer(r, obj, "T", false);
  t->aggressor = json_is_true(json_object_get(obj, "m")) ? TG_SELL : TG_BUY;
  const char *x = json_string_value(json_object_get(obj, "X"));
  if (!agg && x && strcmp(x, "MARKET") != 0) msg->flags = TG_F_UNKNOWN_ENUM;
}

static void mark(ref_t *r, const tg_sym_t *sym, json_t *obj) {
  tg_md_mark_t *m = &new_msg(r, TG_MD_MARK, sym->instr_idx)->u.md_mark;
  m->mark_e8 = e8(r, obj, "p");
  m->index_e8 = e8(r, obj, "i");
  m->settle_e8 = e8(r, obj, "P");
  m->funding_rate_e8 = e8(r, obj, "r");
  m->next_funding_ms = integer(r, obj, "T", true);
  m->venue_ms = integer(r, obj, "E", true);
}

static void liquidation(ref_t *r, const tg_sym_t *sym, json_t *obj) {
  tg_md_trade_t *t = &new_msg(r, TG_MD_LIQ, sym->instr_idx)->u.md_liq;
  t->px_ticks = scaled(r, obj, "p", sym->px);
  t->qty_lots = scaled(r, obj, "q", sym->qty);
  t->venue_ms = integer(r, obj, "T", false);
  t->aggressor = strcmp(json_string_value(json_object_get(obj, "S")), "SELL") == 0 ? TG_SELL : TG_BUY;
}

static void kline(ref_t *r, const tg_sym_t *sym, json_t *obj) {
  tg_md_kline_t *k = &new_msg(r, TG_MD_KLINE, sym->instr_idx)->u.md_kline;
  const char *interval = json_string_value(json_object_get(obj, "i"));
  k->open_ticks = scaled(r, obj, "o", sym->px);
  k->high_ticks = scaled(r, obj, "h", sym->px);
  k->low_ticks = scaled(r, obj, "l", sym->px);
  k->close_ticks = scaled(r, obj, "c", sym->px);
  k->volume_lots = scaled(r, obj, "v", sym->qty);
  k->open_s = (uint32_t)(integer(r, obj, "t", false) / 1000);
  k->closed = json_is_true(json_object_get(obj, "x"));
  int unit = interval[strlen(interval) - 1];
  k->interval_s_div60 = (uint16_t)(atoi(interval) * (unit == 'm'   ? 1
                                                     : unit == 'h' ? 60
                                                     : unit == 'd' ? 1440
                                                     : unit == 'w' ? 10080
                                                                   : 43200));
}

static const tg_sym_t *sym_of(ref_t *r, json_t *obj) {
  const char *name = json_string_value(json_object_get(obj, "s"));
  if (!name) r->bad = true;
  return name ? tg_symtab_find(r->tab, name, strlen(name)) : NULL;
}

static void event(ref_t *r, json_t *obj) {
  const char *e = json_string_value(json_object_get(obj, "e"));
  if (!e && json_object_get(obj, "lastUpdateId")) {
    const tg_sym_t *sym = tg_symtab_instr(r->tab, r->snapshot_instr);
    if (sym) depth(r, sym, obj, true);
    return;
  }
  if (!e && json_object_get(obj, "u")) e = "bookTicker";
  if (!e) return;
  if (strcmp(e, "forceOrder") == 0) obj = json_object_get(obj, "o");
  if (strcmp(e, "kline") == 0) obj = json_object_get(obj, "k");
  static const char *const known[] = {"depthUpdate",     "bookTicker", "aggTrade", "trade",
                                      "markPriceUpdate", "forceOrder", "kline"};
  size_t kind = 0;
  while (kind < TG_ARRAY_CNT(known) && strcmp(e, known[kind]) != 0) kind++;
  if (kind == TG_ARRAY_CNT(known)) return;
  const tg_sym_t *sym = sym_of(r, obj);
  if (!sym) return;
  switch (kind) {
    case 0:
      depth(r, sym, obj, false);
      break;
    case 1:
      top(r, sym, obj);
      break;
    case 2:
    case 3:
      trade(r, sym, obj, kind == 2);
      break;
    case 4:
      mark(r, sym, obj);
      break;
    case 5:
      liquidation(r, sym, obj);
      break;
    default:
      kline(r, sym, obj);
  }
}

int ref_md(const tg_symtab_t *tab, const char *text, size_t len, uint64_t recv_ns, uint16_t snapshot_instr,
           tg_msg_batch_t *out) {
  ref_t r = {tab, recv_ns, snapshot_instr, out, false};
  uint32_t from = out->cnt;
  json_error_t error;
  json_t *root = json_loadb(text, len, 0, &error);
  if (!root) return -1;
  json_t *payload = json_object_get(root, "data") ? json_object_get(root, "data") : root;
  if (json_is_array(payload)) {
    size_t i;
    json_t *row;
    json_array_foreach(payload, i, row) event(&r, row);
  } else {
    event(&r, payload);
  }
  json_decref(root);
  if (!r.bad) return (int)(out->cnt - from);
  out->cnt = from;
  return -1;
}

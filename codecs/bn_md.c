#include "codecs/bn_md.h"

#include "codecs/bn_md_fast.h"
#include "codecs/fields.h"

void tg_bn_md_init(tg_bn_md_t *ctx, const tg_symtab_t *tab) {
  memset(ctx, 0, sizeof *ctx);
  ctx->tab = tab;
  ctx->snapshot_instr_idx = TG_INSTR_NONE;
}

/* --- the path by key --- */

static int new_msg(const tg_md_in_t *in, tg_msg_kind_t kind, uint16_t instr_idx, tg_msg_t **msg) {
  *msg = tg_msg_next(in->out, kind, instr_idx, in->recv_ns);
  return *msg ? 0 : -TG_EFULL;
}

/* Price levels of one side, white space allowed. */
static int levels(const tg_md_in_t *in, const tg_sym_t *sym, tg_json_slice_t raw, bool ask, uint32_t *cnt) {
  tg_json_t json;
  tg_json_init_slice(&json, raw);
  if (!tg_json_arr_begin(&json)) return json.err;
  tg_msg_t *msg = NULL;
  unsigned used = TG_LEVELS_PER_MSG;
  while (tg_json_arr_next(&json)) {
    if (used == TG_LEVELS_PER_MSG) {
      if (new_msg(in, TG_MD_LEVELS, sym->instr_idx, &msg)) return -TG_EFULL;
      if (ask) msg->flags = TG_F_ASK;
      used = 0;
    }
    tg_md_level_t *level = &msg->u.md_levels.level[used++];
    if (!tg_json_arr_begin(&json) || !tg_json_arr_next(&json) || !tg_json_scaled(&json, sym->px, &level->px_ticks) ||
        !tg_json_arr_next(&json) || !tg_json_scaled(&json, sym->qty, &level->qty_lots)) {
      return json.err ? json.err : -TG_ESYNTAX;
    }
    while (tg_json_arr_next(&json)) tg_json_skip(&json); /* old feeds carry a third, empty element */
    if (level->qty_lots < 0 || level->px_ticks < 0) return -TG_ERANGE;
    ++*cnt;
  }
  return tg_json_end(&json);
}

/* The last message of a depth event closes it. */
static void close_event(const tg_msg_batch_t *out) {
  out->msg[out->cnt - 1].flags |= TG_F_LAST;
}

static int on_depth(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_DEPTH, sym->instr_idx, &msg)) return -TG_EFULL;
  tg_md_depth_t *depth = &msg->u.md_depth;
  int err = 0;
  tg_field_u64(f, TG_LETTER('U'), &depth->first_id, &err);
  tg_field_u64(f, TG_LETTER('u'), &depth->last_id, &err);
  depth->prev_id = depth->first_id - 1;
  if (tg_field_has(f, TG_FIELD_PU)) tg_field_u64(f, TG_FIELD_PU, &depth->prev_id, &err);
  tg_field_int_opt(f, TG_LETTER('E'), &depth->venue_ms, &err);
  tg_field_int_opt(f, TG_LETTER('T'), &depth->venue_ms, &err);
  depth->gen = in->ctx->gen;
  if (!err && !(tg_field_has(f, TG_LETTER('b')) && tg_field_has(f, TG_LETTER('a')))) err = -TG_ESYNTAX;
  if (!err) err = levels(in, sym, f->value[TG_LETTER('b')], false, &depth->bid_cnt);
  if (!err) err = levels(in, sym, f->value[TG_LETTER('a')], true, &depth->ask_cnt);
  if (!err) close_event(in->out);
  return err;
}

static int on_top(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_TOP, sym->instr_idx, &msg)) return -TG_EFULL;
  tg_md_top_t *top = &msg->u.md_top;
  int err = 0;
  tg_field_u64(f, TG_LETTER('u'), &top->update_id, &err);
  tg_field_scaled(f, TG_LETTER('b'), sym->px, &top->bid_px_ticks, &err);
  tg_field_scaled(f, TG_LETTER('B'), sym->qty, &top->bid_qty_lots, &err);
  tg_field_scaled(f, TG_LETTER('a'), sym->px, &top->ask_px_ticks, &err);
  tg_field_scaled(f, TG_LETTER('A'), sym->qty, &top->ask_qty_lots, &err);
  tg_field_int_opt(f, TG_LETTER('E'), &top->venue_ms, &err);
  tg_field_int_opt(f, TG_LETTER('T'), &top->venue_ms, &err);
  if (!err && (top->bid_px_ticks | top->bid_qty_lots | top->ask_px_ticks | top->ask_qty_lots) < 0) err = -TG_ERANGE;
  return err;
}

static int trade_fields(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f, unsigned id, unsigned last,
                        tg_msg_t **msg) {
  if (new_msg(in, TG_MD_TRADE, sym->instr_idx, msg)) return -TG_EFULL;
  tg_md_trade_t *trade = &(*msg)->u.md_trade;
  int err = 0;
  tg_field_scaled(f, TG_LETTER('p'), sym->px, &trade->px_ticks, &err);
  tg_field_scaled(f, TG_LETTER('q'), sym->qty, &trade->qty_lots, &err);
  tg_field_u64(f, id, &trade->trade_id, &err);
  tg_field_u64(f, last, &trade->last_trade_id, &err);
  tg_field_int(f, TG_LETTER('T'), &trade->venue_ms, &err);
  if (!err && !tg_field_has(f, TG_LETTER('m'))) err = -TG_ESYNTAX;
  trade->aggressor = tg_field_true(f, TG_LETTER('m')) ? TG_SELL : TG_BUY; /* m: the buyer was maker, so the seller took */
  return err;
}

static int on_agg_trade(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  return trade_fields(in, sym, f, TG_LETTER('a'), TG_LETTER('l'), &msg);
}

static int on_trade(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  int err = trade_fields(in, sym, f, TG_LETTER('t'), TG_LETTER('t'), &msg);
  /* X is MARKET for trades of the book; INSURANCE_FUND, ADL and NA never touched it */
  if (!err && tg_field_has(f, TG_LETTER('X')) && !tg_json_is(tg_field_text(f, TG_LETTER('X')), "MARKET")) {
    msg->flags |= TG_F_UNKNOWN_ENUM;
    in->ctx->cnt.unknown_enum++;
  }
  return err;
}

static int on_mark(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_MARK, sym->instr_idx, &msg)) return -TG_EFULL;
  tg_md_mark_t *mark = &msg->u.md_mark;
  int err = 0;
  tg_field_dec(f, TG_LETTER('p'), 8, &mark->mark_e8, &err);
  tg_field_dec_opt(f, TG_LETTER('i'), 8, &mark->index_e8, &err);
  tg_field_dec_opt(f, TG_LETTER('P'), 8, &mark->settle_e8, &err);
  tg_field_dec_opt(f, TG_LETTER('r'), 8, &mark->funding_rate_e8, &err); /* "" on delivery contracts */
  tg_field_int_opt(f, TG_LETTER('T'), &mark->next_funding_ms, &err);
  tg_field_int_opt(f, TG_LETTER('E'), &mark->venue_ms, &err);
  return err;
}

static int on_liquidation(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_LIQ, sym->instr_idx, &msg)) return -TG_EFULL;
  tg_md_trade_t *liq = &msg->u.md_liq;
  int err = 0;
  tg_field_scaled(f, TG_LETTER('p'), sym->px, &liq->px_ticks, &err);
  tg_field_scaled(f, TG_LETTER('q'), sym->qty, &liq->qty_lots, &err);
  tg_field_int(f, TG_LETTER('T'), &liq->venue_ms, &err);
  tg_json_slice_t side = tg_field_text(f, TG_LETTER('S'));
  liq->aggressor = tg_json_is(side, "SELL") ? TG_SELL : TG_BUY;
  if (!err && liq->aggressor == TG_BUY && !tg_json_is(side, "BUY")) {
    msg->flags |= TG_F_UNKNOWN_ENUM;
    in->ctx->cnt.unknown_enum++;
  }
  return err;
}

/* "15m" -> 15, "1M" -> 43200 (a nominal 30 days); 0 when not understood. */
static uint16_t interval_min(tg_json_slice_t text) {
  static const struct {
    char unit;
    uint16_t minutes;
  } units[] = {{'m', 1}, {'h', 60}, {'d', 1440}, {'w', 10080}, {'M', 43200}};
  uint32_t cnt = 0;
  if (text.len < 2 || text.len > 3) return 0;
  for (size_t i = 0; i + 1 < text.len; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return 0;
    cnt = cnt * 10 + (uint32_t)(text.p[i] - '0');
  }
  for (size_t i = 0; i < TG_ARRAY_CNT(units); i++) {
    if (units[i].unit == text.p[text.len - 1] && cnt * units[i].minutes <= UINT16_MAX)
      return (uint16_t)(cnt * units[i].minutes);
  }
  return 0;
}

static int on_kline(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f) {
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_KLINE, sym->instr_idx, &msg)) return -TG_EFULL;
  tg_md_kline_t *kline = &msg->u.md_kline;
  int err = 0;
  int64_t open_ms = 0;
  tg_field_scaled(f, TG_LETTER('o'), sym->px, &kline->open_ticks, &err);
  tg_field_scaled(f, TG_LETTER('h'), sym->px, &kline->high_ticks, &err);
  tg_field_scaled(f, TG_LETTER('l'), sym->px, &kline->low_ticks, &err);
  tg_field_scaled(f, TG_LETTER('c'), sym->px, &kline->close_ticks, &err);
  tg_field_scaled(f, TG_LETTER('v'), sym->qty, &kline->volume_lots, &err);
  tg_field_int(f, TG_LETTER('t'), &open_ms, &err);
  if (!err && (open_ms < 0 || open_ms / 1000 > UINT32_MAX)) err = -TG_ERANGE;
  kline->open_s = (uint32_t)(open_ms / 1000);
  kline->closed = tg_field_true(f, TG_LETTER('x'));
  kline->interval_s_div60 = interval_min(tg_field_text(f, TG_LETTER('i')));
  if (!err && kline->interval_s_div60 == 0) {
    msg->flags |= TG_F_UNKNOWN_ENUM;
    in->ctx->cnt.unknown_enum++;
  }
  return err;
}

typedef int (*tg_md_fn_t)(const tg_md_in_t *in, const tg_sym_t *sym, const tg_fields_t *f);

static const struct {
  const char *name;
  uint8_t inner; /* the object that holds the values, 0 = the event itself */
  tg_md_fn_t fn;
} EVENTS[] = {
    {"depthUpdate", 0, on_depth},    {"bookTicker", 0, on_top},           {"aggTrade", 0, on_agg_trade}, {"trade", 0, on_trade},
    {"markPriceUpdate", 0, on_mark}, {"forceOrder", 'o', on_liquidation}, {"kline", 'k', on_kline},
};

static int with_symbol(const tg_md_in_t *in, const tg_fields_t *f, tg_md_fn_t fn) {
  tg_json_slice_t name = tg_field_text(f, TG_LETTER('s'));
  if (name.len == 0) return -TG_ESYNTAX;
  const tg_sym_t *sym = tg_symtab_find(in->ctx->tab, name.p, name.len);
  if (!sym) {
    in->ctx->cnt.unknown_symbol++;
    return 0;
  }
  return fn(in, sym, f);
}

static int on_event(const tg_md_in_t *in, const tg_fields_t *f) {
  tg_json_slice_t name = tg_field_text(f, TG_LETTER('e'));
  for (size_t i = 0; i < TG_ARRAY_CNT(EVENTS); i++) {
    if (!tg_json_is(name, EVENTS[i].name)) continue;
    if (EVENTS[i].inner == 0) return with_symbol(in, f, EVENTS[i].fn);
    unsigned slot = TG_LETTER(EVENTS[i].inner);
    tg_fields_t inner;
    if (!tg_field_has(f, slot) || tg_fields_of(&inner, f->value[slot])) return -TG_ESYNTAX;
    return with_symbol(in, &inner, EVENTS[i].fn);
  }
  in->ctx->cnt.unknown_event++;
  return 0;
}

static int snapshot(const tg_md_in_t *in, const tg_fields_t *f, uint16_t instr_idx, uint32_t gen) {
  const tg_sym_t *sym = tg_symtab_instr(in->ctx->tab, instr_idx);
  if (!sym) return -TG_ENOTFOUND;
  tg_msg_t *msg;
  if (new_msg(in, TG_MD_DEPTH, instr_idx, &msg)) return -TG_EFULL;
  msg->flags = TG_F_SNAPSHOT;
  tg_md_depth_t *depth = &msg->u.md_depth;
  int err = 0;
  tg_field_u64(f, TG_FIELD_LAST_ID, &depth->last_id, &err);
  depth->first_id = depth->last_id;
  tg_field_int_opt(f, TG_LETTER('E'), &depth->venue_ms, &err);
  tg_field_int_opt(f, TG_LETTER('T'), &depth->venue_ms, &err);
  depth->gen = gen;
  if (!err && !(tg_field_has(f, TG_FIELD_BIDS) && tg_field_has(f, TG_FIELD_ASKS))) err = -TG_ESYNTAX;
  if (!err) err = levels(in, sym, f->value[TG_FIELD_BIDS], false, &depth->bid_cnt);
  if (!err) err = levels(in, sym, f->value[TG_FIELD_ASKS], true, &depth->ask_cnt);
  if (!err) close_event(in->out);
  return err;
}

static int control_error(const tg_md_in_t *in, const tg_fields_t *f) {
  tg_fields_t inner;
  int64_t code = 0, id = 0;
  int err = 0;
  tg_field_int_opt(f, TG_FIELD_ID, &id, &err);
  if (tg_field_has(f, TG_FIELD_ERROR)) {
    if (tg_fields_of(&inner, f->value[TG_FIELD_ERROR])) return -TG_ESYNTAX;
    f = &inner;
  }
  tg_field_int_opt(f, TG_FIELD_CODE, &code, &err);
  if (err) return err;
  in->ctx->control_id = (uint64_t)id;
  in->ctx->control_code = code > INT32_MAX || code < INT32_MIN ? INT32_MIN : (int32_t)code;
  in->ctx->cnt.control_err++;
  return 0;
}

static int control_ok(const tg_md_in_t *in, const tg_fields_t *f) {
  int64_t id = 0;
  int err = 0;
  tg_fields_t inner;
  if (f->value[TG_FIELD_RESULT].p[0] == '{' && tg_fields_of(&inner, f->value[TG_FIELD_RESULT]) == 0 &&
      tg_field_has(&inner, TG_FIELD_LAST_ID) && in->ctx->snapshot_instr_idx != TG_INSTR_NONE) {
    return snapshot(in, &inner, in->ctx->snapshot_instr_idx, in->ctx->gen);
  }
  if (tg_field_has(f, TG_FIELD_ID) && f->value[TG_FIELD_ID].p[0] != '"') tg_field_int_opt(f, TG_FIELD_ID, &id, &err);
  if (err) return err;
  in->ctx->control_id = (uint64_t)id;
  in->ctx->control_code = 0;
  in->ctx->cnt.control_ok++;
  return 0;
}

static int on_object(const tg_md_in_t *in, const tg_fields_t *f) {
  if (tg_field_has(f, TG_LETTER('e'))) return on_event(in, f);
  if (tg_field_has(f, TG_LETTER('u')) && tg_field_has(f, TG_LETTER('B')) && tg_field_has(f, TG_LETTER('A'))) {
    return with_symbol(in, f, on_top); /* spot's bookTicker names no event */
  }
  if (tg_field_has(f, TG_FIELD_LAST_ID)) {
    if (in->ctx->snapshot_instr_idx != TG_INSTR_NONE) return snapshot(in, f, in->ctx->snapshot_instr_idx, in->ctx->gen);
    in->ctx->cnt.unknown_symbol++;
    return 0;
  }
  if (tg_field_has(f, TG_FIELD_ERROR) || tg_field_has(f, TG_FIELD_CODE)) return control_error(in, f);
  if (tg_field_has(f, TG_FIELD_RESULT)) return control_ok(in, f);
  in->ctx->cnt.unknown_event++;
  return 0;
}

/* One event or an array of events (all-market streams). */
static int on_payload(const tg_md_in_t *in, tg_json_slice_t raw) {
  tg_fields_t f;
  if (raw.p[0] == '{') {
    if (tg_fields_of(&f, raw)) return -TG_ESYNTAX;
    return on_object(in, &f);
  }
  tg_json_t json;
  tg_json_init_slice(&json, raw);
  if (!tg_json_arr_begin(&json)) return json.err;
  while (tg_json_arr_next(&json)) {
    tg_json_slice_t row;
    if (!tg_json_raw(&json, &row) || tg_fields_of(&f, row)) return -TG_ESYNTAX;
    int err = on_object(in, &f);
    if (err) return err;
  }
  return tg_json_end(&json);
}

static int generic(const tg_md_in_t *in, const char *text, size_t len) {
  tg_fields_t f, inner;
  bool wrapped, seen;
  const char *end = text + len;
  in->ctx->cnt.generic++;
  if (len > TG_JSON_BYTES_MAX) return -TG_ESIZE;
  const char *p = tg_fields_unwrap(text, end, &wrapped);
  /* the usual wrapper takes one pass; one with more members behind the event falls through */
  if (wrapped && tg_fields_scan(&f, &p, end) == 0 && tg_fields_ended(p, end, true)) return on_object(in, &f);
  p = tg_scan_space(text, end);
  if (p < end && *p == '[') {
    tg_json_t json;
    tg_json_slice_t raw;
    tg_json_init(&json, text, len);
    if (!tg_json_raw(&json, &raw) || tg_json_end(&json)) return json.err;
    return on_payload(in, raw);
  }
  if (tg_fields_scan_in(&f, &inner, TG_FIELD_DATA, &seen, &p, end) || !tg_fields_ended(p, end, false)) return -TG_ESYNTAX;
  if (!tg_field_has(&f, TG_FIELD_DATA) || tg_field_has(&f, TG_LETTER('e'))) return on_object(in, &f);
  return seen && f.value[TG_FIELD_DATA].p[0] == '{' ? on_object(in, &inner) : on_payload(in, f.value[TG_FIELD_DATA]);
}

/* Books the result of a decode; `from` is the batch's count before it. */
static int finish(const tg_md_in_t *in, uint32_t from, int err) {
  tg_bn_md_cnt_t *cnt = &in->ctx->cnt;
  if (TG_LIKELY(err == 0)) {
    cnt->msgs += in->out->cnt - from;
    return (int)(in->out->cnt - from);
  }
  in->out->cnt = from;
  if (err == -TG_ERANGE) {
    cnt->err_scale++;
  } else if (err == -TG_EFULL) {
    cnt->err_full++;
  } else {
    cnt->err_syntax++;
  }
  return err;
}

int tg_bn_md_decode(tg_bn_md_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out) {
  const tg_md_in_t in = {ctx, recv_ns, out};
  uint32_t from = out->cnt;
  ctx->cnt.frames++;
  if (TG_LIKELY(tg_md_fast(&in, json, json + len))) {
    ctx->cnt.msgs += out->cnt - from;
    return (int)(out->cnt - from);
  }
  out->cnt = from;
  return finish(&in, from, generic(&in, json, len));
}

int tg_bn_md_snapshot(tg_bn_md_t *ctx, const char *json, size_t len, uint64_t recv_ns, uint16_t instr_idx, uint32_t gen,
                      tg_msg_batch_t *out) {
  const tg_md_in_t in = {ctx, recv_ns, out};
  uint32_t from = out->cnt;
  ctx->cnt.frames++;
  tg_json_t cur;
  tg_json_slice_t raw;
  tg_fields_t f;
  tg_json_init(&cur, json, len);
  int err = 0;
  if (!tg_json_raw(&cur, &raw) || tg_json_end(&cur)) err = cur.err;
  if (!err) err = tg_fields_of(&f, raw);
  tg_fields_t inner;
  if (!err && !tg_field_has(&f, TG_FIELD_LAST_ID) && tg_field_has(&f, TG_FIELD_RESULT)) { /* the ws-api's envelope */
    err = tg_fields_of(&inner, f.value[TG_FIELD_RESULT]);
    if (!err) err = snapshot(&in, &inner, instr_idx, gen);
    return finish(&in, from, err);
  }
  if (!err) err = snapshot(&in, &f, instr_idx, gen);
  return finish(&in, from, err);
}

#include "tools/tickgate/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/json.h"
#include "engine/base/err.h"
#include "tools/tickgate/recording.h"

#define BATCH_CAP 65536u
#define SCAN_FRAMES 3000u /* looked at before the first pass; a surprise later starts the flow again with all of them */
#define EVENT_BUFFER_CNT 65536u
#define DEC_MAX 12u

/* What the first look at the data tells. */
typedef struct scan {
  bool coinm, pu, spot_depth;
  uint64_t frame_cnt;
} scan_t;

typedef struct frame_fields { /* slices of one event object */
  tg_json_slice_t event, symbol;
  tg_json_slice_t bid, ask, bid_qty, ask_qty, px, qty;
  bool pu, last_id, first_id;
} frame_fields_t;

int tg_flow_open(tg_flow_t *flow, const tg_flow_cfg_t *cfg) {
  memset(flow, 0, sizeof *flow);
  flow->cfg = *cfg;
  flow->symbol = calloc(TG_INSTR_MAX, sizeof *flow->symbol);
  flow->batch.msg = aligned_alloc(TG_CACHE_LINE, BATCH_CAP * sizeof *flow->batch.msg);
  flow->batch.cap = BATCH_CAP;
  if (flow->symbol == NULL || flow->batch.msg == NULL) {
    (void)snprintf(flow->error, sizeof flow->error, "out of memory");
    return -TG_ENOMEM;
  }
  return 0;
}

static void close_books(tg_flow_t *flow) {
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) {
    if (flow->symbol[i].arena.base != NULL) tg_arena_unmap(&flow->symbol[i].arena);
    memset(&flow->symbol[i].arena, 0, sizeof flow->symbol[i].arena);
  }
}

void tg_flow_close(tg_flow_t *flow) {
  if (flow->symbol != NULL) close_books(flow);
  free(flow->symbol);
  free(flow->batch.msg);
  flow->symbol = NULL;
  flow->batch.msg = NULL;
}

/* --- the first look ----------------------------------------------------------------------------------- */

static tg_flow_symbol_t *symbol_of(tg_flow_t *flow, tg_json_slice_t name) {
  if (name.len == 0 || name.len > TG_SYM_TEXT_MAX) return NULL;
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) {
    if (tg_json_is(name, flow->symbol[i].name)) return &flow->symbol[i];
  }
  if (flow->symbol_cnt == TG_INSTR_MAX) return NULL;
  tg_flow_symbol_t *symbol = &flow->symbol[flow->symbol_cnt++];
  memset(symbol, 0, sizeof *symbol);
  memcpy(symbol->name, name.p, name.len);
  return symbol;
}

/* Takes over the decimals of a quoted number. */
static void see_decimals(tg_json_slice_t raw, uint8_t *dec, uint8_t *used) {
  tg_json_slice_t text = tg_json_raw_text(raw);
  const char *dot = memchr(text.p, '.', text.len);
  if (dot == NULL) return;
  size_t n = (size_t)(text.p + text.len - dot - 1);
  if (n > DEC_MAX) n = DEC_MAX;
  if (n > *dec) *dec = (uint8_t)n;
  while (n > 0 && dot[n] == '0') n--;
  if (n > *used) *used = (uint8_t)n;
}

static void see_levels(tg_flow_symbol_t *symbol, tg_json_slice_t raw) {
  tg_json_t json;
  tg_json_init_slice(&json, raw);
  if (!tg_json_arr_begin(&json)) return;
  while (tg_json_arr_next(&json)) {
    tg_json_slice_t px, qty;
    if (!tg_json_arr_begin(&json) || !tg_json_arr_next(&json) || !tg_json_raw(&json, &px) || !tg_json_arr_next(&json) ||
        !tg_json_raw(&json, &qty)) {
      return;
    }
    see_decimals(px, &symbol->px_dec, &symbol->px_used);
    see_decimals(qty, &symbol->qty_dec, &symbol->qty_used);
    while (tg_json_arr_next(&json)) (void)tg_json_skip(&json);
  }
}

/* Members of an event, of {"stream":..,"data":event} or of a ws-api {"result":snapshot}. */
static bool read_fields(tg_json_t *json, frame_fields_t *f) {
  tg_json_slice_t key, raw;
  if (tg_json_peek(json) != '{' || !tg_json_obj_begin(json)) return false;
  while (tg_json_obj_next(json, &key)) {
    if ((tg_json_is(key, "data") || tg_json_is(key, "result")) && tg_json_peek(json) == '{') {
      if (!read_fields(json, f)) return false;
      continue;
    }
    if (!tg_json_raw(json, &raw)) return false;
    if (tg_json_is(key, "e")) f->event = tg_json_raw_text(raw);
    if (tg_json_is(key, "s") || tg_json_is(key, "symbol")) f->symbol = tg_json_raw_text(raw);
    if (tg_json_is(key, "b") || tg_json_is(key, "bids")) f->bid = raw;
    if (tg_json_is(key, "a") || tg_json_is(key, "asks")) f->ask = raw;
    if (tg_json_is(key, "B")) f->bid_qty = raw;
    if (tg_json_is(key, "A")) f->ask_qty = raw;
    if (tg_json_is(key, "p")) f->px = raw;
    if (tg_json_is(key, "q")) f->qty = raw;
    if (tg_json_is(key, "pu")) f->pu = true;
    if (tg_json_is(key, "U")) f->first_id = true;
    if (tg_json_is(key, "lastUpdateId")) f->last_id = true;
  }
  return json->err == 0;
}

static tg_json_slice_t slice_of(const char *text) {
  return (tg_json_slice_t){text, strlen(text)};
}

static void scan_frame(tg_flow_t *flow, scan_t *scan, const tg_recording_frame_t *frame) {
  tg_json_t json;
  frame_fields_t f;
  memset(&f, 0, sizeof f);
  tg_json_init(&json, frame->text, frame->len);
  if (!read_fields(&json, &f)) return;
  scan->frame_cnt++;
  if (f.last_id && f.symbol.len == 0) f.symbol = slice_of(frame->symbol);
  bool depth = f.first_id || f.last_id;
  bool ticker = f.bid_qty.len != 0 && f.ask_qty.len != 0 && (f.event.len == 0 || tg_json_is(f.event, "bookTicker"));
  bool trade = tg_json_is(f.event, "trade") || tg_json_is(f.event, "aggTrade");
  if (!depth && !ticker && !trade) return;
  tg_flow_symbol_t *symbol = f.symbol.len != 0 ? symbol_of(flow, f.symbol) : flow->symbol_cnt == 1 ? &flow->symbol[0] : NULL;
  if (symbol == NULL) return;
  if (f.first_id) {
    scan->pu |= f.pu;
    scan->spot_depth |= !f.pu;
  }
  scan->coinm |= strstr(symbol->name, "USD_") != NULL;
  if (depth) {
    see_levels(symbol, f.bid);
    see_levels(symbol, f.ask);
  } else if (ticker) {
    see_decimals(f.bid, &symbol->px_dec, &symbol->px_used);
    see_decimals(f.ask, &symbol->px_dec, &symbol->px_used);
    see_decimals(f.bid_qty, &symbol->qty_dec, &symbol->qty_used);
    see_decimals(f.ask_qty, &symbol->qty_dec, &symbol->qty_used);
  } else {
    see_decimals(f.px, &symbol->px_dec, &symbol->px_used);
    see_decimals(f.qty, &symbol->qty_dec, &symbol->qty_used);
  }
}

static int rec_fail(tg_flow_t *flow, tg_recording_t *rec, int err) {
  (void)snprintf(flow->error, sizeof flow->error, "%s", rec != NULL ? tg_recording_error(rec) : "out of memory");
  tg_recording_close(rec);
  return err;
}

/* Looks at up to `limit` frames of each file. */
static int scan_files(tg_flow_t *flow, const char *const *path, size_t path_cnt, uint64_t limit, scan_t *scan) {
  for (size_t i = 0; i < path_cnt; i++) {
    tg_recording_t *rec = NULL;
    tg_recording_frame_t frame;
    int rc = tg_recording_open(&rec, path[i]);
    if (rc != 0) return rec_fail(flow, rec, rc);
    for (uint64_t n = 0; n < limit; n++) {
      rc = tg_recording_next(rec, &frame);
      if (rc < 0) return rec_fail(flow, rec, rc);
      if (rc == 0) break;
      scan_frame(flow, scan, &frame);
    }
    tg_recording_close(rec);
  }
  return 0;
}

static tg_product_t guess_product(const scan_t *scan, const char *path) {
  if (scan->coinm) return TG_PRODUCT_COINM;
  if (scan->pu) return TG_PRODUCT_USDM;
  if (scan->spot_depth) return TG_PRODUCT_SPOT;
  if (strstr(path, "/spot/") != NULL || strncmp(path, "spot/", 5) == 0) return TG_PRODUCT_SPOT;
  return TG_PRODUCT_USDM;
}

/* --- books -------------------------------------------------------------------------------------------- */

static int set_scale(tg_flow_t *flow, const char *text, uint8_t used, const char *option, tg_scale_t *out) {
  *out = (tg_scale_t){.dec = used, .unit = 1};
  if (text == NULL) return 0;
  int rc = tg_scale_from_text(text, strlen(text), out);
  if (rc != 0) (void)snprintf(flow->error, sizeof flow->error, "%s %s: %s", option, text, tg_err_text(rc));
  return rc;
}

static int open_books(tg_flow_t *flow) {
  tg_symtab_init(&flow->tab);
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) {
    tg_flow_symbol_t *symbol = &flow->symbol[i];
    int rc = set_scale(flow, flow->cfg.tick, symbol->px_used, "--tick", &symbol->px);
    if (rc == 0) rc = set_scale(flow, flow->cfg.step, symbol->qty_used, "--step", &symbol->qty);
    if (rc != 0) return rc;
    if (symbol->px_dec < symbol->px.dec) symbol->px_dec = symbol->px.dec;
    if (symbol->qty_dec < symbol->qty.dec) symbol->qty_dec = symbol->qty.dec;
    tg_book_cfg_t cfg = {.instr_idx = (uint16_t)i,
                         .product = (uint8_t)flow->product,
                         .level_cap = flow->cfg.level_cap,
                         .event_buffer_cnt = EVENT_BUFFER_CNT,
                         .snapshot_retry_ns = TG_NS_PER_S};
    tg_arena_t count;
    tg_arena_count(&count);
    rc = tg_book_layout(&count, NULL, &cfg);
    if (rc == 0) rc = tg_arena_map(&symbol->arena, count.used_bytes);
    if (rc == 0) rc = tg_book_layout(&symbol->arena, &symbol->book, &cfg);
    if (rc == 0)
      rc = tg_symtab_add(&flow->tab, symbol->name, strlen(symbol->name), (uint16_t)i, flow->product, symbol->px, symbol->qty);
    if (rc != 0) {
      (void)snprintf(flow->error, sizeof flow->error, "%s: no book: %s", symbol->name, tg_err_text(rc));
      return rc;
    }
    symbol->trade_cnt = symbol->mark_cnt = 0;
  }
  tg_bn_md_init(&flow->md, &flow->tab);
  if (flow->symbol_cnt == 1) flow->md.snapshot_instr_idx = 0;
  flow->kind_cnt = 0;
  flow->frame_cnt = flow->msg_cnt = flow->time_back_cnt = flow->other_cnt = 0;
  flow->first_ns = flow->last_ns = 0;
  return 0;
}

/* --- the flow ----------------------------------------------------------------------------------------- */

/* Value of the first "key":"value" in a text, white space allowed. */
static bool find_text(const char *text, size_t len, const char *key, char out[32]) {
  size_t key_len = strlen(key);
  const char *at = memmem(text, len, key, key_len);
  if (at == NULL) return false;
  const char *end = text + len;
  for (at += key_len; at < end && (*at == ' ' || *at == ':'); at++) continue;
  if (at == end || *at++ != '"') return false;
  size_t n = 0;
  while (at < end && *at != '"' && n < 31) out[n++] = *at++;
  out[n] = 0;
  return n != 0;
}

static void count_kind(tg_flow_t *flow, const char *name) {
  for (uint32_t i = 0; i < flow->kind_cnt; i++) {
    if (strcmp(flow->kind[i].name, name) == 0) {
      flow->kind[i].cnt++;
      return;
    }
  }
  if (flow->kind_cnt == TG_FLOW_KIND_MAX) return;
  tg_flow_kind_t *kind = &flow->kind[flow->kind_cnt++];
  (void)snprintf(kind->name, sizeof kind->name, "%s", name);
  kind->cnt = 1;
}

/* The venue's own word for the frame; spot's bookTicker and snapshots have none. */
static void see_kind(tg_flow_t *flow, const tg_recording_frame_t *frame) {
  char name[32];
  const tg_msg_t *msg = flow->batch.cnt != 0 ? &flow->batch.msg[0] : NULL;
  if (msg != NULL && msg->kind == TG_MD_DEPTH) {
    count_kind(flow, (msg->flags & TG_F_SNAPSHOT) != 0 ? "snapshot" : "depthUpdate");
  } else if (msg != NULL && msg->kind == TG_MD_TOP) {
    count_kind(flow, "bookTicker");
  } else if (find_text(frame->text, frame->len, "\"e\"", name)) {
    count_kind(flow, name);
  } else {
    flow->other_cnt++;
    count_kind(flow, frame->http ? "http" : "other");
  }
}

static void feed_books(tg_flow_t *flow) {
  const tg_msg_t *msg = flow->batch.msg;
  for (uint32_t i = 0; i < flow->batch.cnt; i++, msg++) {
    if (msg->instr_idx >= flow->symbol_cnt) continue;
    tg_flow_symbol_t *symbol = &flow->symbol[msg->instr_idx];
    symbol->trade_cnt += msg->kind == TG_MD_TRADE;
    symbol->mark_cnt += msg->kind == TG_MD_MARK;
    uint32_t ev = tg_book_on_msg(&symbol->book, msg);
    if (flow->cfg.hook != NULL) flow->cfg.hook(flow->cfg.user, symbol, msg, ev);
  }
}

/* One frame: decoded, counted, applied. */
static int take_frame(tg_flow_t *flow, const tg_recording_frame_t *frame) {
  flow->batch.cnt = 0;
  flow->frame_cnt++;
  uint64_t ts_ns = frame->ts_ns != 0 ? frame->ts_ns : flow->last_ns + 1u;
  if (flow->first_ns == 0) flow->first_ns = ts_ns;
  flow->time_back_cnt += ts_ns < flow->last_ns;
  flow->last_ns = ts_ns;
  int rc;
  const tg_sym_t *sym = frame->symbol[0] != 0 ? tg_symtab_find(&flow->tab, frame->symbol, strlen(frame->symbol)) : NULL;
  char named[32];
  if (sym == NULL && flow->symbol_cnt > 1 && memmem(frame->text, frame->len, "\"lastUpdateId\"", 14) != NULL &&
      find_text(frame->text, frame->len, "\"symbol\"", named)) {
    sym = tg_symtab_find(&flow->tab, named, strlen(named));
  }
  if (frame->http && sym == NULL) {
    rc = 0; /* exchangeInfo and the like */
  } else if (sym != NULL) {
    rc = tg_bn_md_snapshot(&flow->md, frame->text, frame->len, ts_ns, sym->instr_idx, 0, &flow->batch);
  } else {
    rc = tg_bn_md_decode(&flow->md, frame->text, frame->len, ts_ns, &flow->batch);
  }
  if (rc < 0) return rc;
  see_kind(flow, frame);
  flow->msg_cnt += flow->batch.cnt;
  feed_books(flow);
  return 0;
}

static int run_file(tg_flow_t *flow, const char *path) {
  tg_recording_t *rec = NULL;
  tg_recording_frame_t frame;
  int rc = tg_recording_open(&rec, path);
  if (rc != 0) return rec_fail(flow, rec, rc);
  uint64_t before = flow->frame_cnt;
  while ((rc = tg_recording_next(rec, &frame)) == 1) {
    int err = take_frame(flow, &frame);
    if (err != 0) {
      (void)snprintf(flow->error, sizeof flow->error, "%s:%llu: unreadable frame: %s", path, (unsigned long long)frame.line_no,
                     tg_err_text(err));
      tg_recording_close(rec);
      return err == -TG_ERANGE ? err : -TG_ECORRUPT;
    }
  }
  if (rc < 0) return rec_fail(flow, rec, rc);
  tg_recording_close(rec);
  if (flow->frame_cnt == before) {
    (void)snprintf(flow->error, sizeof flow->error, "%s: holds no frame", path);
    return -TG_ECORRUPT;
  }
  return 0;
}

static int pass(tg_flow_t *flow, const char *const *path, size_t path_cnt, uint64_t scan_limit) {
  scan_t scan = {0};
  int rc = scan_files(flow, path, path_cnt, scan_limit, &scan);
  if (rc != 0) return rc;
  flow->product = flow->cfg.product != TG_PRODUCT_NONE ? flow->cfg.product : guess_product(&scan, path[0]);
  rc = open_books(flow);
  for (size_t i = 0; rc == 0 && i < path_cnt; i++) rc = run_file(flow, path[i]);
  return rc;
}

int tg_flow_run(tg_flow_t *flow, const char *const *path, size_t path_cnt) {
  int rc = pass(flow, path, path_cnt, SCAN_FRAMES);
  bool finer = rc == -TG_ERANGE && (flow->cfg.tick == NULL || flow->cfg.step == NULL);
  if (!finer && !(rc == 0 && flow->md.cnt.unknown_symbol != 0)) return rc;
  /* a number with more decimals, or a symbol, that the first frames did not show: look at everything and start again */
  close_books(flow);
  flow->error[0] = 0;
  if (flow->cfg.again != NULL) flow->cfg.again(flow->cfg.user);
  return pass(flow, path, path_cnt, UINT64_MAX);
}

const tg_flow_symbol_t *tg_flow_busiest(const tg_flow_t *flow) {
  const tg_flow_symbol_t *best = NULL;
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) {
    const tg_flow_symbol_t *symbol = &flow->symbol[i];
    if (best == NULL || tg_book_counters(&symbol->book)->depth_event_cnt > tg_book_counters(&best->book)->depth_event_cnt)
      best = symbol;
  }
  return best;
}

static size_t print_padded(int64_t units, tg_scale_t scale, uint8_t dec, char *buf) {
  size_t n = tg_dec_print_scaled(units, scale, buf);
  if (dec > scale.dec && scale.dec == 0) buf[n++] = '.';
  for (uint8_t i = scale.dec; i < dec; i++) buf[n++] = '0';
  return n;
}

size_t tg_flow_print_px(const tg_flow_symbol_t *symbol, int64_t px_ticks, char *buf) {
  return print_padded(px_ticks, symbol->px, symbol->px_dec, buf);
}

size_t tg_flow_print_qty(const tg_flow_symbol_t *symbol, int64_t qty_lots, char *buf) {
  return print_padded(qty_lots, symbol->qty, symbol->qty_dec, buf);
}

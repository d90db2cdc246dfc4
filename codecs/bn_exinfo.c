#include <string.h>

#include "codecs/bn_rest.h"

/* One symbol of exchangeInfo; raw values until the scales are known. */
typedef struct tg_exinfo_sym {
  tg_json_slice_t symbol, status, margin_asset;
  tg_json_slice_t min_px, max_px, tick;
  tg_json_slice_t min_qty, max_qty, step, market_min_qty, market_max_qty;
  tg_json_slice_t min_notional, mult_up, mult_down, max_orders;
} tg_exinfo_sym_t;

/* Where a member of a filter goes; NULL: not read. */
static tg_json_slice_t *filter_slot(tg_exinfo_sym_t *sym, tg_json_slice_t type, tg_json_slice_t key) {
  const struct {
    const char *type, *key;
    tg_json_slice_t *to;
  } rows[] = {{"PRICE_FILTER", "minPrice", &sym->min_px},
              {"PRICE_FILTER", "maxPrice", &sym->max_px},
              {"PRICE_FILTER", "tickSize", &sym->tick},
              {"LOT_SIZE", "minQty", &sym->min_qty},
              {"LOT_SIZE", "maxQty", &sym->max_qty},
              {"LOT_SIZE", "stepSize", &sym->step},
              {"MARKET_LOT_SIZE", "minQty", &sym->market_min_qty},
              {"MARKET_LOT_SIZE", "maxQty", &sym->market_max_qty},
              {"MIN_NOTIONAL", "notional", &sym->min_notional},
              {"MIN_NOTIONAL", "minNotional", &sym->min_notional},
              {"PERCENT_PRICE", "multiplierUp", &sym->mult_up},
              {"PERCENT_PRICE", "multiplierDown", &sym->mult_down},
              {"MAX_NUM_ORDERS", "limit", &sym->max_orders},
              {"MAX_NUM_ORDERS", "maxNumOrders", &sym->max_orders}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    if (tg_json_is(type, rows[i].type) && tg_json_is(key, rows[i].key)) return rows[i].to;
  }
  return NULL;
}

/* One filter: its type may stand anywhere in it, so it is walked twice. */
static int read_filter(tg_json_slice_t raw, tg_exinfo_sym_t *sym) {
  tg_json_t json;
  tg_json_slice_t key, value, type = {"", 0};
  tg_json_init_slice(&json, raw);
  if (!tg_json_obj_begin(&json)) return json.err;
  while (tg_json_obj_next(&json, &key)) {
    if (!tg_json_raw(&json, &value)) return json.err;
    if (tg_json_is(key, "filterType")) type = tg_json_raw_text(value);
  }
  if (json.err) return json.err;
  tg_json_init_slice(&json, raw);
  if (!tg_json_obj_begin(&json)) return json.err;
  while (tg_json_obj_next(&json, &key)) {
    if (!tg_json_raw(&json, &value)) return json.err;
    tg_json_slice_t *to = filter_slot(sym, type, key);
    if (to) *to = value;
  }
  return json.err;
}

static int read_filters(tg_json_t *json, tg_exinfo_sym_t *sym) {
  if (!tg_json_arr_begin(json)) return json->err;
  while (tg_json_arr_next(json)) {
    tg_json_slice_t raw;
    if (!tg_json_raw(json, &raw)) return json->err;
    int err = read_filter(raw, sym);
    if (err) return err;
  }
  return json->err;
}

static int read_symbol(tg_json_t *json, tg_exinfo_sym_t *sym) {
  tg_json_slice_t key, raw;
  memset(sym, 0, sizeof *sym);
  if (!tg_json_obj_begin(json)) return json->err;
  while (tg_json_obj_next(json, &key)) {
    if (tg_json_is(key, "filters")) {
      int err = read_filters(json, sym);
      if (err) return err;
      continue;
    }
    if (!tg_json_raw(json, &raw)) return json->err;
    if (tg_json_is(key, "symbol")) sym->symbol = tg_json_raw_text(raw);
    if (tg_json_is(key, "status") || tg_json_is(key, "contractStatus"))
      sym->status = tg_json_raw_text(raw); /* COIN-M says the latter */
    if (tg_json_is(key, "marginAsset")) sym->margin_asset = tg_json_raw_text(raw);
  }
  return json->err;
}

/* A bound in units of the scale, moved inwards when it is off the grid; absent or "0" gives 0. */
static int bound(tg_json_slice_t raw, tg_scale_t scale, bool upper, int64_t *out) {
  int64_t value = 0;
  if (raw.len == 0) return 0;
  int err = tg_json_raw_dec(raw, 12, &value); /* finer than any tick */
  if (err) {
    unsigned dec = scale.dec;
    err = tg_json_raw_dec(raw, dec, &value); /* too large for 12 decimals */
    if (err) return err;
    *out = upper ? value / scale.unit : (value + scale.unit - 1) / scale.unit;
    return 0;
  }
  if (scale.dec > 12) return tg_json_raw_scaled(raw, scale, out);
  int64_t step = scale.unit;
  for (unsigned i = scale.dec; i < 12; i++) {
    if (__builtin_mul_overflow(step, 10, &step)) return -TG_ERANGE;
  }
  *out = upper ? value / step : value / step + (value % step != 0);
  return 0;
}

static int give_filters(const tg_exinfo_sym_t *sym, uint16_t instr_idx, tg_scale_t px, tg_scale_t qty, uint64_t ts_ns,
                        tg_msg_batch_t *out) {
  tg_msg_t *first = tg_msg_next(out, TG_CFG_FILTER, instr_idx, ts_ns);
  tg_msg_t *second = tg_msg_next(out, TG_CFG_FILTER, instr_idx, ts_ns);
  if (!first || !second) return -TG_EFULL;
  second->flags = TG_F_SECOND;
  tg_cfg_filter_t *a = &first->u.cfg_filter, *b = &second->u.cfg_filter;
  int err = bound(sym->min_px, px, false, &a->u.first.min_px_ticks);
  if (!err) err = bound(sym->max_px, px, true, &a->u.first.max_px_ticks);
  if (!err) err = bound(sym->min_qty, qty, false, &a->u.first.min_qty_lots);
  if (!err) err = bound(sym->max_qty, qty, true, &a->u.first.max_qty_lots);
  if (!err) err = bound(sym->market_min_qty, qty, false, &b->u.second.market_min_qty_lots);
  if (!err) err = bound(sym->market_max_qty, qty, true, &b->u.second.market_max_qty_lots);
  if (!err && sym->min_notional.len) err = tg_json_raw_dec(sym->min_notional, 8, &a->u.first.min_notional_e8);
  if (!err && sym->max_orders.len) err = tg_json_raw_i64(sym->max_orders, &a->u.first.max_orders);
  if (!err && sym->mult_up.len) err = tg_json_raw_dec(sym->mult_up, 4, &b->u.second.mult_up_bps);
  if (!err && sym->mult_down.len) err = tg_json_raw_dec(sym->mult_down, 4, &b->u.second.mult_down_bps);
  return err;
}

static int give_symbol(const tg_exinfo_sym_t *sym, const tg_bn_want_t *want, tg_product_t product, uint64_t ts_ns,
                       tg_msg_batch_t *out) {
  tg_scale_t px, qty;
  tg_json_slice_t tick = tg_json_raw_text(sym->tick), step = tg_json_raw_text(sym->step);
  int err = tg_scale_from_text(tick.p, tick.len, &px);
  if (!err) err = tg_scale_from_text(step.p, step.len, &qty);
  if (err) return err;
  tg_msg_t *msg = tg_msg_next(out, TG_CFG_SYMBOL, want->instr_idx, ts_ns);
  if (!msg) return -TG_EFULL;
  tg_cfg_symbol_t *cfg = &msg->u.cfg_symbol;
  memcpy(cfg->symbol, sym->symbol.p, sym->symbol.len); /* as long as a wanted name: it fits */
  size_t asset_len = sym->margin_asset.len < sizeof cfg->margin_asset ? sym->margin_asset.len : sizeof cfg->margin_asset;
  if (asset_len) memcpy(cfg->margin_asset, sym->margin_asset.p, asset_len);
  if (asset_len < sym->margin_asset.len) msg->flags |= TG_F_UNKNOWN_ENUM;
  cfg->px_dec = px.dec;
  cfg->px_unit = px.unit;
  cfg->qty_dec = qty.dec;
  cfg->qty_unit = qty.unit;
  cfg->allowlisted = want->allowlisted;
  cfg->product = (uint8_t)product;
  cfg->status = tg_json_is(sym->status, "TRADING");
  return give_filters(sym, want->instr_idx, px, qty, ts_ns, out);
}

static tg_bn_want_t *wanted(tg_bn_want_t *want, size_t want_cnt, tg_json_slice_t name) {
  for (size_t i = 0; i < want_cnt; i++) {
    if (tg_json_is(name, want[i].symbol)) return &want[i];
  }
  return NULL;
}

static int read_symbols(tg_json_t *json, uint64_t ts_ns, tg_product_t product, tg_bn_want_t *want, size_t want_cnt,
                        tg_msg_batch_t *out) {
  tg_exinfo_sym_t sym;
  if (!tg_json_arr_begin(json)) return json->err;
  while (tg_json_arr_next(json)) {
    int err = read_symbol(json, &sym);
    if (err) return err;
    tg_bn_want_t *row = wanted(want, want_cnt, sym.symbol);
    if (!row || row->found) continue;
    err = give_symbol(&sym, row, product, ts_ns, out);
    if (err) return err;
    row->found = 1;
  }
  return json->err;
}

int tg_bn_rest_exchange_info(const char *json, size_t len, uint64_t ts_ns, tg_product_t product, tg_bn_want_t *want,
                             size_t want_cnt, tg_msg_batch_t *out, tg_rate_t *rate) {
  uint32_t from = out->cnt;
  tg_json_t cur;
  tg_json_slice_t key;
  tg_rate_t limits;
  int err = 0;
  memset(&limits, 0, sizeof limits);
  for (size_t i = 0; i < want_cnt; i++) want[i].found = 0;
  tg_json_init(&cur, json, len);
  if (!tg_json_obj_begin(&cur)) return cur.err;
  while (!err && tg_json_obj_next(&cur, &key)) {
    if (tg_json_is(key, "symbols")) {
      err = read_symbols(&cur, ts_ns, product, want, want_cnt, out);
    } else if (tg_json_is(key, "rateLimits")) {
      tg_bn_rate_limits(&cur, &limits);
      err = cur.err;
    } else {
      tg_json_skip(&cur);
    }
  }
  if (!err) err = tg_json_end(&cur);
  if (err) {
    out->cnt = from;
    return err;
  }
  if (rate) *rate = limits;
  return (int)(out->cnt - from);
}

#include "codecs/bn_user.h"

#include "codecs/client_id.h"
#include "codecs/fields.h"
#include "codecs/text.h"
#include "codecs/words.h"

/* Slots that the events with a learnable order (orders, light trades, algo updates, expiries) are read by. */
#define LETTER_BIT(c) (UINT64_C(1) << TG_LETTER(c))
#define NAME_BIT(name) (UINT64_C(1) << (TG_FIELD_##name % 64))
static const uint64_t WANTED[2] = {
    LETTER_BIT('e') | LETTER_BIT('E') | LETTER_BIT('T') | LETTER_BIT('s') | LETTER_BIT('c') | LETTER_BIT('S') |
        LETTER_BIT('q') | LETTER_BIT('p') | LETTER_BIT('x') | LETTER_BIT('X') | LETTER_BIT('i') | LETTER_BIT('l') |
        LETTER_BIT('z') | LETTER_BIT('L') | LETTER_BIT('n') | LETTER_BIT('N') | LETTER_BIT('t') | LETTER_BIT('m'),
    NAME_BIT(RP) | NAME_BIT(ER) | NAME_BIT(AID) | NAME_BIT(AI) | NAME_BIT(AC) | NAME_BIT(DATA) | NAME_BIT(EVENT)};

typedef struct tg_user_in {
  tg_bn_user_t *ctx;
  uint64_t recv_ns;
  tg_msg_batch_t *out;
  const tg_fields_t *order; /* the event's "o", NULL when it has none */
  const char *end;          /* of the text */
} tg_user_in_t;

void tg_bn_user_init(tg_bn_user_t *ctx, const tg_symtab_t *tab) {
  memset(ctx, 0, sizeof *ctx);
  ctx->tab = tab;
}

static int32_t lag_ms(uint64_t recv_ns, int64_t venue_ms) {
  int64_t lag = (int64_t)(recv_ns / (uint64_t)TG_NS_PER_MS) - venue_ms;
  return lag > INT32_MAX ? INT32_MAX : lag < INT32_MIN ? INT32_MIN : (int32_t)lag;
}

static void mark_unknown(tg_user_in_t *in, tg_msg_t *msg) {
  if (!(msg->flags & TG_F_UNKNOWN_ENUM)) in->ctx->cnt.unknown_enum++;
  msg->flags |= TG_F_UNKNOWN_ENUM;
}

static const tg_sym_t *symbol_of(tg_user_in_t *in, const tg_fields_t *f) {
  tg_json_slice_t name = tg_field_text(f, TG_LETTER('s'));
  const tg_sym_t *sym = tg_symtab_find_at(in->ctx->tab, name.p, name.len, (size_t)(in->end - name.p));
  if (!sym) in->ctx->cnt.unknown_symbol++;
  return sym;
}

static int config(tg_user_in_t *in, tg_config_event_t what, uint16_t instr_idx, int64_t venue_ms, tg_msg_t **msg) {
  *msg = tg_msg_next(in->out, TG_EX_CONFIG, instr_idx, in->recv_ns);
  if (!*msg) return -TG_EFULL;
  (*msg)->u.ex_config.what = (uint8_t)what;
  (*msg)->u.ex_config.venue_ms = venue_ms;
  in->ctx->cnt.configs++;
  return 0;
}

/* An event we keep by its numbers only. */
static int keep(tg_user_in_t *in, tg_json_slice_t name, int64_t a, int64_t b, int64_t venue_ms) {
  tg_msg_t *msg;
  if (config(in, TG_CONFEV_OTHER, TG_INSTR_NONE, venue_ms, &msg)) return -TG_EFULL;
  msg->flags = TG_F_UNKNOWN_ENUM;
  msg->u.ex_config.value[0] = (int64_t)tg_text_fnv(name.p, name.len);
  msg->u.ex_config.value[1] = a;
  msg->u.ex_config.value[2] = b;
  in->ctx->cnt.other_event++;
  return 0;
}

static uint64_t text_word(tg_json_slice_t text) {
  uint64_t word = 0;
  memcpy(&word, text.p, text.len < 8 ? text.len : 8);
  return word;
}

/* A decimal of at most 18 decimals cut (not rounded) to 8: average prices are quotients. Absent or "": 0. */
static int average(tg_user_in_t *in, const tg_fields_t *f, unsigned slot, int64_t *out) {
  int err = 0;
  tg_field_dec_opt(f, slot, 8, out, &err);
  if (err != -TG_ERANGE) return err;
  tg_json_slice_t text = tg_json_raw_text(f->value[slot]);
  size_t point = 0;
  while (point < text.len && text.p[point] != '.') point++;
  if (text.len <= point + 9) return err; /* too large, not too fine */
  in->ctx->cnt.cut++;
  return tg_dec_parse_slow(text.p, point + 9, 8, out);
}

/* --- orders and fills --- */

/* Two decimals of an order: together when the build can and both are plain, else one by one. Both must be there. */
static void two(const tg_user_in_t *in, const tg_fields_t *f, unsigned a, tg_scale_t a_scale, int64_t *a_out, unsigned b,
                tg_scale_t b_scale, int64_t *b_out, int *err) {
  if (*err) return;
#if TG_SCAN_PAIR
  if (TG_LIKELY(tg_field_has(f, a) && tg_field_has(f, b) && (a_scale.unit == 1) & (b_scale.unit == 1))) {
    tg_json_slice_t x = tg_json_raw_text(f->value[a]), y = tg_json_raw_text(f->value[b]);
    int64_t value[2];
    bool minus = y.len > 1 && y.p[0] == '-'; /* only the second is ever negative: a realised loss */
    y.p += minus;
    y.len -= minus;
    bool plain = x.len - 1 < 15 && y.len - 1 < 15 && in->end - x.p >= 16 && in->end - y.p >= 16;
    if (TG_LIKELY(plain && tg_scan_pair(x.p, (unsigned)x.len, a_scale.dec, y.p, (unsigned)y.len, b_scale.dec, value))) {
      *a_out = value[0];
      *b_out = minus ? -value[1] : value[1];
      return;
    }
  }
#else
  (void)in;
#endif
  tg_field_scaled(f, a, a_scale, a_out, err);
  tg_field_scaled(f, b, b_scale, b_out, err);
}

/* An integer member, which must be there. */
static void integer(const tg_user_in_t *in, const tg_fields_t *f, unsigned slot, int64_t *out, int *err) {
  uint64_t value = 0;
  if (TG_LIKELY(!*err && tg_field_has(f, slot) && in->end - f->value[slot].p >= 16)) {
    const char *stop = tg_scan_u64(f->value[slot].p, in->end, &value);
    if (TG_LIKELY(stop == f->value[slot].p + f->value[slot].len && value <= INT64_MAX)) {
      *out = (int64_t)value;
      return;
    }
  }
  tg_field_int(f, slot, out, err);
}

/* Commission and realised profit into the fill; a commission that is not in the margin asset is told beside it. */
static int commission(tg_user_in_t *in, const tg_fields_t *f, const tg_sym_t *sym, tg_ex_fill_t *fill, int64_t venue_ms) {
  const tg_scale_t e8 = {.dec = 8, .unit = 1};
  int64_t paid = 0;
  int err = 0;
  if (tg_field_text(f, TG_LETTER('n')).len != 0 && tg_field_text(f, TG_FIELD_RP).len != 0) {
    two(in, f, TG_LETTER('n'), e8, &paid, TG_FIELD_RP, e8, &fill->realised_e8, &err);
  } else {
    tg_field_dec_opt(f, TG_LETTER('n'), 8, &paid, &err);
    tg_field_dec_opt(f, TG_FIELD_RP, 8, &fill->realised_e8, &err);
  }
  if (err || paid == 0) return err;
  tg_json_slice_t asset = tg_field_text(f, TG_LETTER('N'));
  bool same = asset.len == 0 || sym->margin_asset[0] == 0 ||
              (asset.len <= sizeof sym->margin_asset && text_word(asset) == text_word((tg_json_slice_t){sym->margin_asset, 8}));
  if (same) {
    fill->commission_e8 = paid;
    return 0;
  }
  in->ctx->cnt.other_fee_asset++;
  tg_msg_t *msg;
  if (config(in, TG_CONFEV_OTHER, sym->instr_idx, venue_ms, &msg)) return -TG_EFULL;
  msg->u.ex_config.value[0] = (int64_t)fill->trade_id;
  msg->u.ex_config.value[1] = paid;
  msg->u.ex_config.value[2] = (int64_t)text_word(asset);
  msg->u.ex_config.value[3] = (int64_t)tg_text_fnv("COMMISSION", 10);
  return 0;
}

static uint8_t fill_flags(const tg_fields_t *f, bool ours, uint8_t side) {
  return (uint8_t)((ours ? 0 : TG_F_FOREIGN) | (side == TG_SELL ? TG_F_ASK : 0) |
                   (tg_field_true(f, TG_LETTER('m')) ? TG_F_MAKER : 0));
}

/* A fill whose price is off the grid (a liquidation's): its numbers beside the order, for dropping the event would hide the
 * order too. */
static int odd_fill(tg_user_in_t *in, const tg_fields_t *f, const tg_sym_t *sym, int64_t last, uint64_t trade_id,
                    int64_t venue_ms) {
  tg_msg_t *msg;
  int err = 0;
  if (config(in, TG_CONFEV_OTHER, sym->instr_idx, venue_ms, &msg)) return -TG_EFULL;
  msg->u.ex_config.value[0] = (int64_t)trade_id;
  tg_field_dec(f, TG_LETTER('L'), 8, &msg->u.ex_config.value[1], &err);
  msg->u.ex_config.value[2] = last;
  msg->u.ex_config.value[3] = (int64_t)tg_text_fnv("FILL", 4);
  mark_unknown(in, msg);
  in->ctx->cnt.err_scale++;
  return err;
}

static int order_fill(tg_user_in_t *in, const tg_fields_t *f, const tg_sym_t *sym, uint64_t client_id, uint8_t flags,
                      int64_t venue_ms) {
  int64_t last = 0, px = 0, trade_id = 0;
  int err = 0;
  if (!tg_field_has(f, TG_LETTER('l')) || !tg_field_has(f, TG_LETTER('t'))) return 0;
  tg_field_scaled(f, TG_LETTER('l'), sym->qty, &last, &err);
  integer(in, f, TG_LETTER('t'), &trade_id, &err);
  if (err || last == 0 || trade_id <= 0) return err;
  tg_field_scaled(f, TG_LETTER('L'), sym->px, &px, &err);
  if (TG_UNLIKELY(err == -TG_ERANGE)) return odd_fill(in, f, sym, last, (uint64_t)trade_id, venue_ms);
  tg_msg_t *msg = err ? NULL : tg_msg_next(in->out, TG_EX_FILL, sym->instr_idx, in->recv_ns);
  if (!msg) return err ? err : -TG_EFULL;
  tg_ex_fill_t *fill = &msg->u.ex_fill;
  msg->flags = flags;
  fill->client_id = client_id;
  fill->trade_id = (uint64_t)trade_id;
  fill->px_ticks = px;
  fill->qty_lots = last;
  in->ctx->cnt.fills++;
  return commission(in, f, sym, fill, venue_ms);
}

static int on_order(tg_user_in_t *in, const tg_fields_t *event) {
  const tg_fields_t *o = in->order;
  int64_t venue_ms = 0;
  int err = 0;
  if (!o) return -TG_ESYNTAX;
  integer(in, event, TG_LETTER('T'), &venue_ms, &err);
  int64_t order_id = 0;
  integer(in, o, TG_LETTER('i'), &order_id, &err);
  if (err) return err;
  const tg_sym_t *sym = symbol_of(in, o);
  if (!sym) return keep(in, tg_field_text(event, TG_LETTER('e')), order_id, 0, venue_ms);
  tg_json_slice_t text = tg_field_text(o, TG_LETTER('c'));
  uint64_t client_id = 0;
  bool ours = tg_client_id_parse(text.p, text.len, &client_id);
  in->ctx->cnt.foreign += !ours;
  uint8_t side = TG_BUY;
  bool known_side = tg_word_side(tg_field_text(o, TG_LETTER('S')), &side);
  uint8_t flags = fill_flags(o, ours, side);
  err = order_fill(in, o, sym, client_id, flags, venue_ms);
  if (err) return err;
  tg_msg_t *msg = tg_msg_next(in->out, TG_EX_ORDER, sym->instr_idx, in->recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_order_t *order = &msg->u.ex_order;
  msg->flags = flags & (uint8_t)~TG_F_ASK;
  order->client_id = client_id;
  order->order_id = order_id;
  order->side = side;
  order->venue_lag_ms = lag_ms(in->recv_ns, venue_ms);
  two(in, o, TG_LETTER('z'), sym->qty, &order->cum_qty_lots, TG_LETTER('q'), sym->qty, &order->qty_lots, &err);
  int px_err = err;
  tg_field_scaled(o, TG_LETTER('p'), sym->px, &order->px_ticks, &px_err);
  bool odd_px = !err && px_err == -TG_ERANGE; /* a liquidation's price may lie off the grid: told as 0 */
  if (TG_UNLIKELY(odd_px)) {
    in->ctx->cnt.err_scale++;
  } else {
    err = px_err;
  }
  order->status = (uint8_t)tg_word_status(tg_field_text(o, TG_LETTER('X')));
  order->exec = (uint8_t)tg_word_exec(tg_field_text(o, TG_LETTER('x')));
  int64_t reason = 0;
  tg_field_int_opt(o, TG_FIELD_ER, &reason, &err);
  order->expire_reason = reason >= 0 && reason <= UINT8_MAX ? (uint8_t)reason : UINT8_MAX;
  bool odd = order->status == TG_STATUS_OTHER || order->exec == TG_EXEC_OTHER || !known_side ||
             order->status == TG_STATUS_NONE || odd_px;
  if (!err && odd) mark_unknown(in, msg);
  in->ctx->cnt.orders++;
  return err;
}

static int on_lite(tg_user_in_t *in, const tg_fields_t *f) {
  int64_t venue_ms = 0, order_id = 0;
  int err = 0;
  tg_field_int(f, TG_LETTER('T'), &venue_ms, &err);
  tg_field_int(f, TG_LETTER('i'), &order_id, &err);
  if (err) return err;
  const tg_sym_t *sym = symbol_of(in, f);
  if (!sym) return keep(in, tg_field_text(f, TG_LETTER('e')), order_id, 0, venue_ms);
  tg_msg_t *msg = tg_msg_next(in->out, TG_EX_FILL, sym->instr_idx, in->recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_fill_t *fill = &msg->u.ex_fill;
  tg_json_slice_t text = tg_field_text(f, TG_LETTER('c'));
  bool ours = tg_client_id_parse(text.p, text.len, &fill->client_id);
  in->ctx->cnt.foreign += !ours;
  uint8_t side = TG_BUY;
  bool known_side = tg_word_side(tg_field_text(f, TG_LETTER('S')), &side);
  msg->flags = (uint8_t)(fill_flags(f, ours, side) | TG_F_LITE);
  tg_field_u64(f, TG_LETTER('t'), &fill->trade_id, &err);
  two(in, f, TG_LETTER('L'), sym->px, &fill->px_ticks, TG_LETTER('l'), sym->qty, &fill->qty_lots, &err);
  if (!err && !known_side) mark_unknown(in, msg);
  in->ctx->cnt.fills_lite++;
  return err;
}

/* --- the account --- */

static int balance_row(tg_user_in_t *in, tg_json_slice_t raw, int64_t venue_ms, tg_balance_reason_t reason) {
  tg_fields_t f;
  int err = 0;
  if (tg_fields_of(&f, raw)) return -TG_ESYNTAX;
  tg_msg_t *msg = tg_msg_next(in->out, TG_EX_BALANCE, TG_INSTR_NONE, in->recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_balance_t *balance = &msg->u.ex_balance;
  tg_field_dec(&f, TG_FIELD_WB, 8, &balance->wallet_e8, &err);
  tg_field_dec_opt(&f, TG_FIELD_CW, 8, &balance->cross_wallet_e8, &err);
  tg_field_dec_opt(&f, TG_FIELD_BC, 8, &balance->change_e8, &err);
  balance->venue_ms = venue_ms;
  balance->reason = (uint8_t)reason;
  tg_json_slice_t asset = tg_field_text(&f, TG_LETTER('a'));
  if (!err && asset.len == 0) return -TG_ESYNTAX;
  memcpy(balance->asset, asset.p, asset.len < sizeof balance->asset ? asset.len : sizeof balance->asset);
  if (!err && asset.len > sizeof balance->asset) mark_unknown(in, msg); /* a longer name is cut */
  in->ctx->cnt.balances++;
  return err;
}

static int position_row(tg_user_in_t *in, tg_json_slice_t raw, int64_t venue_ms, tg_json_slice_t event) {
  tg_fields_t f;
  int err = 0;
  if (tg_fields_of(&f, raw)) return -TG_ESYNTAX;
  const tg_sym_t *sym = symbol_of(in, &f);
  if (!sym) {
    int64_t amount_e8 = 0;
    tg_field_dec_opt(&f, TG_FIELD_PA, 8, &amount_e8, &err);
    return err ? err : keep(in, event, amount_e8, (int64_t)text_word(tg_field_text(&f, TG_LETTER('s'))), venue_ms);
  }
  tg_msg_t *msg = tg_msg_next(in->out, TG_EX_POSITION, sym->instr_idx, in->recv_ns);
  if (!msg) return -TG_EFULL;
  tg_ex_position_t *position = &msg->u.ex_position;
  tg_field_scaled(&f, TG_FIELD_PA, sym->qty, &position->qty_lots, &err);
  if (!err) err = average(in, &f, TG_FIELD_EP, &position->entry_e8);
  tg_field_dec_opt(&f, TG_FIELD_UP, 8, &position->unrealised_e8, &err);
  position->venue_ms = venue_ms;
  position->position_side = (uint8_t)tg_word_pside(tg_field_text(&f, TG_FIELD_PS));
  if (!err && position->position_side == TG_PSIDE_NONE) mark_unknown(in, msg);
  in->ctx->cnt.positions++;
  return err;
}

static int on_account(tg_user_in_t *in, const tg_fields_t *event) {
  tg_fields_t a;
  int64_t venue_ms = 0;
  int err = 0;
  if (!tg_field_has(event, TG_LETTER('a')) || tg_fields_of(&a, event->value[TG_LETTER('a')])) return -TG_ESYNTAX;
  tg_field_int(event, TG_LETTER('T'), &venue_ms, &err);
  tg_balance_reason_t reason = tg_word_reason(tg_field_text(&a, TG_LETTER('m')));
  tg_json_t json;
  if (!err && tg_field_has(&a, TG_LETTER('B'))) {
    tg_json_init_slice(&json, a.value[TG_LETTER('B')]);
    tg_json_slice_t row;
    if (!tg_json_arr_begin(&json)) return json.err;
    while (!err && tg_json_arr_next(&json)) err = tg_json_raw(&json, &row) ? balance_row(in, row, venue_ms, reason) : json.err;
    if (!err) err = tg_json_end(&json);
  }
  if (!err && tg_field_has(&a, TG_LETTER('P'))) {
    tg_json_init_slice(&json, a.value[TG_LETTER('P')]);
    tg_json_slice_t row;
    if (!tg_json_arr_begin(&json)) return json.err;
    while (!err && tg_json_arr_next(&json)) {
      err = tg_json_raw(&json, &row) ? position_row(in, row, venue_ms, tg_field_text(event, TG_LETTER('e'))) : json.err;
    }
    if (!err) err = tg_json_end(&json);
  }
  return err;
}

static int margin_row(tg_user_in_t *in, tg_json_slice_t raw, int64_t venue_ms) {
  tg_fields_t f;
  int err = 0;
  tg_msg_t *msg;
  if (tg_fields_of(&f, raw)) return -TG_ESYNTAX;
  const tg_sym_t *sym = symbol_of(in, &f);
  if (config(in, TG_CONFEV_MARGIN_CALL, sym ? sym->instr_idx : TG_INSTR_NONE, venue_ms, &msg)) return -TG_EFULL;
  int64_t *value = msg->u.ex_config.value;
  if (sym) {
    tg_field_scaled(&f, TG_FIELD_PA, sym->qty, &value[0], &err);
  } else {
    mark_unknown(in, msg);
  }
  tg_field_dec_opt(&f, TG_FIELD_MP, 8, &value[1], &err);
  tg_field_dec_opt(&f, TG_FIELD_MM, 8, &value[2], &err);
  return err;
}

static int on_margin_call(tg_user_in_t *in, const tg_fields_t *event) {
  int64_t venue_ms = 0;
  int err = 0;
  tg_field_int(event, TG_LETTER('E'), &venue_ms, &err);
  if (err || !tg_field_has(event, TG_LETTER('p'))) return -TG_ESYNTAX;
  tg_json_t json;
  tg_json_slice_t row;
  tg_json_init_slice(&json, event->value[TG_LETTER('p')]);
  if (!tg_json_arr_begin(&json)) return json.err;
  while (!err && tg_json_arr_next(&json)) err = tg_json_raw(&json, &row) ? margin_row(in, row, venue_ms) : json.err;
  return err ? err : tg_json_end(&json);
}

static int on_account_config(tg_user_in_t *in, const tg_fields_t *event) {
  tg_fields_t f;
  tg_msg_t *msg;
  int64_t venue_ms = 0;
  int err = 0;
  tg_field_int_opt(event, TG_LETTER('E'), &venue_ms, &err);
  tg_field_int_opt(event, TG_LETTER('T'), &venue_ms, &err);
  if (err) return err;
  if (tg_field_has(event, TG_FIELD_AC)) {
    if (tg_fields_of(&f, event->value[TG_FIELD_AC])) return -TG_ESYNTAX;
    const tg_sym_t *sym = symbol_of(in, &f);
    if (config(in, TG_CONFEV_LEVERAGE, sym ? sym->instr_idx : TG_INSTR_NONE, venue_ms, &msg)) return -TG_EFULL;
    tg_field_int(&f, TG_LETTER('l'), &msg->u.ex_config.value[0], &err);
    if (!err && !sym) mark_unknown(in, msg);
    return err;
  }
  if (tg_field_has(event, TG_FIELD_AI)) {
    if (tg_fields_of(&f, event->value[TG_FIELD_AI])) return -TG_ESYNTAX;
    if (config(in, TG_CONFEV_MULTI_ASSET, TG_INSTR_NONE, venue_ms, &msg)) return -TG_EFULL;
    msg->u.ex_config.value[0] = tg_field_true(&f, TG_LETTER('j'));
    return 0;
  }
  return keep(in, tg_field_text(event, TG_LETTER('e')), 0, 0, venue_ms);
}

static int on_listen_key(tg_user_in_t *in, const tg_fields_t *event) {
  int64_t venue_ms = 0;
  int err = 0;
  tg_msg_t *msg;
  tg_field_int_opt(event, TG_LETTER('E'), &venue_ms, &err); /* an integer; older texts had it quoted */
  return err ? err : config(in, TG_CONFEV_LISTEN_KEY_EXPIRED, TG_INSTR_NONE, venue_ms, &msg);
}

/* Algo status: 1 NEW, 2 TRIGGERING, 3 TRIGGERED, 4 FINISHED, 5 CANCELED, 6 REJECTED, 7 EXPIRED; 0 unknown. */
static int64_t algo_status(tg_json_slice_t text) {
  static const char *const NAMES[] = {"NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"};
  for (size_t i = 0; i < TG_ARRAY_CNT(NAMES); i++) {
    if (tg_json_is(text, NAMES[i])) return (int64_t)i + 1;
  }
  return 0;
}

static int on_algo(tg_user_in_t *in, const tg_fields_t *event) {
  const tg_fields_t *o = in->order;
  tg_msg_t *msg;
  int64_t venue_ms = 0;
  int err = 0;
  if (!o) return -TG_ESYNTAX;
  tg_field_int_opt(event, TG_LETTER('T'), &venue_ms, &err);
  if (err) return err;
  const tg_sym_t *sym = symbol_of(in, o);
  if (config(in, TG_CONFEV_ALGO, sym ? sym->instr_idx : TG_INSTR_NONE, venue_ms, &msg)) return -TG_EFULL;
  int64_t *value = msg->u.ex_config.value;
  tg_field_int(o, TG_FIELD_AID, &value[0], &err);
  value[1] = algo_status(tg_field_text(o, TG_LETTER('X')));
  tg_field_int_opt(o, TG_FIELD_AI, &value[2], &err);
  if (!err && (!sym || value[1] == 0)) mark_unknown(in, msg);
  return err;
}

static int on_event(tg_user_in_t *in, const tg_fields_t *f) {
  static const struct {
    const char *name;
    int (*fn)(tg_user_in_t *in, const tg_fields_t *event);
  } EVENTS[] = {{"ORDER_TRADE_UPDATE", on_order},
                {"TRADE_LITE", on_lite},
                {"ACCOUNT_UPDATE", on_account},
                {"MARGIN_CALL", on_margin_call},
                {"ACCOUNT_CONFIG_UPDATE", on_account_config},
                {"listenKeyExpired", on_listen_key},
                {"ALGO_UPDATE", on_algo}};
  tg_json_slice_t name = tg_field_text(f, TG_LETTER('e'));
  if (name.len == 0) return -TG_ESYNTAX;
  int64_t event_ms = 0, venue_ms = 0;
  int err = 0;
  tg_field_int_opt(f, TG_LETTER('E'), &event_ms, &err);
  if (err) return err;
  in->ctx->last_event_ms = event_ms;
  for (size_t i = 0; i < TG_ARRAY_CNT(EVENTS); i++) {
    if (tg_json_is(name, EVENTS[i].name)) return EVENTS[i].fn(in, f);
  }
  venue_ms = event_ms;
  return keep(in, name, 0, 0, venue_ms);
}

/* The event object at p, which must end the text (behind its wrapper's brace). */
static int whole_event(tg_user_in_t *in, tg_fields_t *f, tg_fields_t *order, const char *p, const char *end, bool wrapped) {
  const char *start = p, *stop = end - wrapped; /* the wrapper's brace is not the event's */
  bool seen;
  bool closed = stop > p && (!wrapped || *stop == '}');
  bool known = closed && tg_layout_read(&in->ctx->layouts, p, stop, f, order, &seen);
  if (TG_UNLIKELY(!known)) {
    int err = tg_fields_scan_in(f, order, TG_LETTER('o'), &seen, &p, end);
    if (err || !tg_fields_ended(p, end, wrapped)) return -TG_ESYNTAX;
    if (closed) tg_layout_learn(&in->ctx->layouts, start, stop, TG_LETTER('o'), WANTED);
  }
  in->order = seen ? order : NULL;
  return 0;
}

static int decode(tg_user_in_t *in, const char *text, size_t len) {
  if (len > TG_JSON_BYTES_MAX) return -TG_ESIZE;
  const char *end = text + len;
  bool wrapped;
  tg_fields_t f, order;
  const char *p = tg_fields_unwrap(text, end, &wrapped);
  if (wrapped && whole_event(in, &f, &order, p, end, true) == 0) return on_event(in, &f);
  if (whole_event(in, &f, &order, tg_scan_space(text, end), end, false)) return -TG_ESYNTAX;
  if (tg_field_has(&f, TG_LETTER('e'))) return on_event(in, &f);
  /* another wrapper: {"data":{..},..} in any order, spot's {"subscriptionId":0,"event":{..}} */
  unsigned slot = tg_field_has(&f, TG_FIELD_DATA) ? TG_FIELD_DATA : TG_FIELD_EVENT;
  if (!tg_field_has(&f, slot)) return keep(in, (tg_json_slice_t){"", 0}, 0, 0, 0);
  tg_json_slice_t raw = f.value[slot];
  if (whole_event(in, &f, &order, raw.p, raw.p + raw.len, false)) return -TG_ESYNTAX;
  return on_event(in, &f);
}

int tg_bn_user_decode(tg_bn_user_t *ctx, const char *json, size_t len, uint64_t recv_ns, tg_msg_batch_t *out) {
  tg_user_in_t in = {ctx, recv_ns, out, NULL, json + len};
  uint32_t from = out->cnt;
  ctx->cnt.frames++;
  tg_bn_user_cnt_t before = ctx->cnt;
  int err = decode(&in, json, len);
  if (TG_LIKELY(err == 0)) {
    ctx->cnt.msgs += out->cnt - from;
    return (int)(out->cnt - from);
  }
  ctx->cnt = before; /* a dropped event counts as nothing but its error */
  out->cnt = from;
  if (err == -TG_ERANGE) {
    ctx->cnt.err_scale++;
  } else if (err == -TG_EFULL) {
    ctx->cnt.err_full++;
  } else {
    ctx->cnt.err_syntax++;
  }
  return err;
}

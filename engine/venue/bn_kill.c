#include "engine/venue/bn_kill.h"

#include <string.h>

#include "codecs/bn_rest.h"
#include "codecs/client_id.h"
#include "codecs/json.h"

const char *tg_bn_kill_fate_name(tg_bn_kill_fate_t fate) {
  static const char *const name[] = {"found", "cancel sent", "cancelled", "gone", "failed"};
  return (unsigned)fate < TG_ARRAY_CNT(name) ? name[fate] : "?";
}

tg_bn_kill_cfg_t tg_bn_kill_cfg_default(tg_mode_t mode) {
  return (tg_bn_kill_cfg_t){.mode = mode,
                            .pause_ns = 100 * (uint64_t)TG_NS_PER_MS,
                            .pause_max_ns = 2 * (uint64_t)TG_NS_PER_S,
                            .recheck_ns = (uint64_t)TG_NS_PER_S,
                            .recheck_max_ns = 10 * (uint64_t)TG_NS_PER_S};
}

void tg_bn_kill_init(tg_bn_kill_t *kill, const tg_bn_kill_cfg_t *cfg, const tg_bn_kill_ops_t *ops, void *user) {
  memset(kill, 0, sizeof *kill);
  kill->cfg = *cfg;
  kill->ops = ops;
  kill->user = user;
}

void tg_bn_kill_start(tg_bn_kill_t *kill, bool once, uint64_t now_ns) {
  if (kill->phase != TG_BN_KILL_OFF) {
    kill->once = kill->once && once;
    if (kill->phase == TG_BN_KILL_EMPTY) kill->due_ns = now_ns;
    return;
  }
  bool asked = kill->asked; /* an answer of the kill before may still come */
  uint32_t in_flight = kill->in_flight;
  tg_bn_kill_cfg_t cfg = kill->cfg;
  tg_bn_kill_init(kill, &cfg, kill->ops, kill->user);
  kill->asked = asked;
  kill->in_flight = in_flight;
  kill->once = once;
  kill->start_ns = now_ns;
  kill->pause_ns = cfg.pause_ns;
  kill->recheck_ns = cfg.recheck_ns;
  kill->phase = asked || in_flight ? TG_BN_KILL_PAUSING : TG_BN_KILL_LISTING;
  kill->due_ns = now_ns;
}

void tg_bn_kill_off(tg_bn_kill_t *kill) {
  kill->phase = TG_BN_KILL_OFF;
}

/* ---- rounds ---- */

static tg_bn_kill_round_t *round_now(tg_bn_kill_t *kill) {
  return &kill->round[(kill->round_cnt + TG_BN_KILL_ROUNDS - 1) % TG_BN_KILL_ROUNDS];
}

static void round_begin(tg_bn_kill_t *kill, uint64_t now_ns) {
  kill->phase = TG_BN_KILL_LISTING;
  kill->scope_at = 0;
  kill->failed = false;
  kill->progress = 0;
  kill->round_cnt++;
  *round_now(kill) = (tg_bn_kill_round_t){.asked_ns = now_ns};
  for (uint32_t i = 0; i < kill->order_cnt; i++) kill->order[i].listed = false;
}

static void wait_until_next(tg_bn_kill_t *kill, uint64_t now_ns) {
  if (kill->once) { /* who wants it repeated starts it again */
    kill->phase = TG_BN_KILL_OFF;
    return;
  }
  kill->phase = TG_BN_KILL_PAUSING;
  kill->due_ns = now_ns + kill->pause_ns;
  if (kill->progress > 0 && !kill->failed) {
    kill->pause_ns = kill->cfg.pause_ns;
  } else if (kill->pause_ns < kill->cfg.pause_max_ns) {
    kill->pause_ns = kill->pause_ns * 2 < kill->cfg.pause_max_ns ? kill->pause_ns * 2 : kill->cfg.pause_max_ns;
  }
}

static void ask_list(tg_bn_kill_t *kill, uint64_t now_ns) {
  const char *symbol = kill->cfg.scope ? kill->cfg.scope[kill->scope_at] : NULL;
  kill->asked = true;
  int err = kill->ops->list(kill->user, symbol, now_ns);
  if (err == 0) return;
  kill->asked = false;
  kill->failed = true;
  kill->lists_failed++;
  round_now(kill)->err = err;
  wait_until_next(kill, now_ns);
}

static void send_cancels(tg_bn_kill_t *kill, uint64_t now_ns) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < kill->order_cnt; i++) {
    tg_bn_kill_order_t *order = &kill->order[i];
    if (!order->listed || order->fate != TG_BN_KILL_FOUND) continue;
    left++;
    if (kill->in_flight >= TG_BN_KILL_IN_FLIGHT) return;
    order->tries++;
    order->fate = TG_BN_KILL_SENT;
    order->sent_ns = now_ns;
    kill->in_flight++;
    int err = kill->ops->cancel(kill->user, i, order, now_ns);
    if (err != 0) {
      kill->in_flight--;
      order->fate = TG_BN_KILL_FAILED;
      order->code = err;
      kill->cancels_failed++;
      continue;
    }
    kill->cancels_sent++;
    if (kill->first_cancel_ns == 0) kill->first_cancel_ns = now_ns;
  }
  if (left > 0 || kill->in_flight > 0) return;
  wait_until_next(kill, now_ns);
}

void tg_bn_kill_turn(tg_bn_kill_t *kill, uint64_t now_ns, uint64_t hold_until_ns) {
  if (kill->phase == TG_BN_KILL_OFF || now_ns < hold_until_ns) return;
  switch ((tg_bn_kill_phase_t)kill->phase) {
    case TG_BN_KILL_LISTING:
      if (kill->asked) return;
      if (kill->scope_at == 0) round_begin(kill, now_ns);
      ask_list(kill, now_ns);
      break;
    case TG_BN_KILL_CANCELLING:
      send_cancels(kill, now_ns);
      break;
    default: /* PAUSING, EMPTY */
      if (now_ns < kill->due_ns || kill->asked || kill->in_flight > 0) return;
      round_begin(kill, now_ns);
      ask_list(kill, now_ns);
      break;
  }
}

/* ---- what a list says ---- */

typedef struct row {
  tg_json_slice_t symbol, client_id, side, price, qty, filled;
  int64_t order_id;
  bool reduce_only;
} row_t;

static bool read_row(tg_json_t *cur, row_t *row) {
  tg_json_slice_t key, raw;
  memset(row, 0, sizeof *row);
  if (!tg_json_obj_begin(cur)) return false;
  while (tg_json_obj_next(cur, &key)) {
    if (!tg_json_raw(cur, &raw)) return false;
    tg_json_slice_t text = tg_json_raw_text(raw);
    if (tg_json_is(key, "symbol")) row->symbol = text;
    if (tg_json_is(key, "clientOrderId")) row->client_id = text;
    if (tg_json_is(key, "side")) row->side = text;
    if (tg_json_is(key, "price")) row->price = text;
    if (tg_json_is(key, "origQty")) row->qty = text;
    if (tg_json_is(key, "executedQty")) row->filled = text;
    if (tg_json_is(key, "reduceOnly")) row->reduce_only = raw.len == 4;
    if (tg_json_is(key, "orderId") && tg_json_raw_i64(raw, &row->order_id) != 0) return tg_json_fail(cur, -TG_ESYNTAX);
  }
  if (cur->err) return false;
  if (row->order_id <= 0 || row->symbol.len == 0 || row->symbol.len > TG_SYM_TEXT_MAX) return tg_json_fail(cur, -TG_ESYNTAX);
  return true;
}

static void keep(char *to, size_t cap, tg_json_slice_t text) {
  size_t len = text.len < cap - 1 ? text.len : cap - 1;
  if (len > 0) memcpy(to, text.p, len);
  to[len] = '\0';
}

/* The record of an order: known since an earlier round, or a new one. NULL: no room, it waits for the next round. */
static tg_bn_kill_order_t *record_of(tg_bn_kill_t *kill, const row_t *row, uint64_t client_id, uint64_t now_ns) {
  for (uint32_t i = 0; i < kill->order_cnt; i++) {
    tg_bn_kill_order_t *order = &kill->order[i];
    if (order->order_id == row->order_id && strlen(order->symbol) == row->symbol.len &&
        memcmp(order->symbol, row->symbol.p, row->symbol.len) == 0)
      return order;
  }
  tg_bn_kill_order_t *order = NULL;
  if (kill->order_cnt < TG_BN_KILL_ORDERS) order = &kill->order[kill->order_cnt++];
  for (uint32_t i = 0; order == NULL && i < TG_BN_KILL_ORDERS; i++) { /* the record of one that is over makes room */
    bool over = kill->order[i].fate == TG_BN_KILL_CANCELLED || kill->order[i].fate == TG_BN_KILL_GONE;
    if (over && !kill->order[i].listed) order = &kill->order[i];
  }
  if (order == NULL) {
    kill->overflow_cnt++;
    return NULL;
  }
  memset(order, 0, sizeof *order);
  order->client_id = client_id;
  order->order_id = row->order_id;
  order->found_ns = now_ns;
  keep(order->symbol, sizeof order->symbol, row->symbol);
  keep(order->side, sizeof order->side, row->side);
  keep(order->price, sizeof order->price, row->price);
  keep(order->qty, sizeof order->qty, row->qty);
  return order;
}

static void take_row(tg_bn_kill_t *kill, const row_t *row, uint64_t now_ns) {
  tg_bn_kill_round_t *round = round_now(kill);
  uint64_t client_id = 0;
  if (!tg_client_id_parse(row->client_id.p, row->client_id.len, &client_id) || tg_client_id_mode(client_id) != kill->cfg.mode) {
    round->foreign++;
    return;
  }
  tg_bn_kill_order_t now = {.client_id = client_id, .order_id = row->order_id, .reduce_only = row->reduce_only};
  if (kill->ops->spare && kill->ops->spare(kill->user, &now)) {
    round->spared++;
    return;
  }
  round->ours++;
  tg_bn_kill_order_t *order = record_of(kill, row, client_id, now_ns);
  if (order == NULL) return;
  keep(order->filled, sizeof order->filled, row->filled);
  order->reduce_only = row->reduce_only;
  order->listed = true;
  if (order->fate != TG_BN_KILL_SENT) order->fate = TG_BN_KILL_FOUND;
}

static int take_rows(tg_bn_kill_t *kill, const char *body, size_t len, uint64_t now_ns) {
  int err = tg_json_validate(body, len);
  if (err != 0) return err;
  tg_json_t cur;
  row_t row;
  tg_json_init(&cur, body, len);
  if (!tg_json_arr_begin(&cur)) return cur.err ? cur.err : -TG_ESYNTAX;
  while (tg_json_arr_next(&cur)) {
    if (!read_row(&cur, &row)) return cur.err ? cur.err : -TG_ESYNTAX;
    take_row(kill, &row, now_ns);
  }
  return tg_json_end(&cur);
}

static void round_end(tg_bn_kill_t *kill, uint64_t now_ns) {
  tg_bn_kill_round_t *round = round_now(kill);
  kill->scope_at = 0;
  kill->foreign_seen = round->foreign > kill->foreign_seen ? round->foreign : kill->foreign_seen;
  kill->progress = round->ours < kill->listed;
  kill->listed = round->ours;
  if (round->ours > 0) {
    kill->phase = TG_BN_KILL_CANCELLING;
    kill->recheck_ns = kill->cfg.recheck_ns;
    return;
  }
  kill->empty_last_ns = now_ns;
  kill->empty_asked_ns = round->asked_ns;
  if (kill->empty_ns == 0) kill->empty_ns = now_ns;
  kill->pause_ns = kill->cfg.pause_ns;
  kill->due_ns = now_ns + kill->recheck_ns;
  kill->recheck_ns = kill->recheck_ns * 2 < kill->cfg.recheck_max_ns ? kill->recheck_ns * 2 : kill->cfg.recheck_max_ns;
  kill->phase = kill->once ? TG_BN_KILL_OFF : TG_BN_KILL_EMPTY;
}

void tg_bn_kill_listed(tg_bn_kill_t *kill, int err, int http_status, const char *body, size_t len, uint64_t now_ns) {
  kill->asked = false;
  if (kill->phase != TG_BN_KILL_LISTING) return; /* off meanwhile, or of the kill before */
  tg_bn_kill_round_t *round = round_now(kill);
  round->answered_ns = now_ns;
  round->http_status = http_status;
  if (err == 0 && http_status != 200) err = -TG_EPROTO;
  if (err == 0) err = take_rows(kill, body, len, now_ns);
  if (err != 0) {
    round->err = err;
    kill->scope_at = 0;
    kill->failed = true;
    kill->lists_failed++;
    /* what it showed before it broke off is still cancelled; that it showed none proves nothing */
    if (round->ours > 0)
      kill->phase = TG_BN_KILL_CANCELLING;
    else
      wait_until_next(kill, now_ns);
    return;
  }
  if (kill->cfg.scope && ++kill->scope_at < kill->cfg.scope_cnt) return; /* the next symbol */
  round_end(kill, now_ns);
}

void tg_bn_kill_cancelled(tg_bn_kill_t *kill, uint32_t idx, int err, int http_status, const char *body, size_t len,
                          uint64_t now_ns) {
  if (kill->in_flight > 0) kill->in_flight--;
  if (idx >= kill->order_cnt || kill->order[idx].fate != TG_BN_KILL_SENT) return; /* of the kill before */
  tg_bn_kill_order_t *order = &kill->order[idx];
  int32_t code = 0;
  tg_verdict_t verdict =
      tg_bn_rest_verdict(TG_REQUEST_CANCEL, err ? TG_WIRE_LOST : TG_WIRE_ANSWER, (uint16_t)http_status, body, len, &code);
  order->done_ns = now_ns;
  order->http_status = err ? 0 : http_status;
  order->code = err ? err : code;
  if (verdict.outcome == TG_OUTCOME_CONFIRMED) {
    order->fate = TG_BN_KILL_CANCELLED;
    kill->cancels_confirmed++;
    kill->last_confirmed_ns = now_ns;
  } else if (verdict.outcome == TG_OUTCOME_REFUSED && tg_bn_code_class(code) == TG_BN_CLASS_ABSENT) {
    order->fate = TG_BN_KILL_GONE;
  } else {
    order->fate = TG_BN_KILL_FAILED;
    kill->cancels_failed++;
  }
}

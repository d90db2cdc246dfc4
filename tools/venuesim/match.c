/* match.c - the matching engine: price-time priority, our orders in the same queues as everybody else's (synthetic flow).
 * What:   place, amend, cancel, self-trade prevention, fills. In replay our orders meet the recorded book (flow_replay.c).
 * Errors: refusals fill a vs_reject and leave book, account and order table as they were. */
#include <stdio.h>
#include <string.h>

#include "fault.h"

/* ---- checks ---- */

static int check_price(const vs_venue *v, int side, int64_t px, vs_reject *rej) {
  const vs_symbol *s = v->sym;
  if (px <= 0) {
    return vs_refuse(rej, 400, -4001, "Price less than 0.");
  }
  if (px > s->px_max) {
    return vs_refuse(rej, 400, -4002, "Price greater than max price.");
  }
  if (px < s->px_min) {
    return vs_refuse(rej, 400, -4013, "Price less than min price.");
  }
  if (px % v->rules.tick != 0) {
    return vs_refuse(rej, 400, -4014, "Price not increased by tick size.");
  }
  int64_t up = vs_mul(v->feed.mark, 105000000);
  int64_t down = vs_mul(v->feed.mark, 95000000);
  if (side == VS_BUY && px > up) {
    return vs_refuse(rej, 400, -4016, "Limit price can't be higher than %s.", vs_d(up, s->px_dec));
  }
  if (side == VS_SELL && px < down) {
    return vs_refuse(rej, 400, -4024, "Limit price can't be lower than %s.", vs_d(down, s->px_dec));
  }
  return 0;
}

static int check_qty(const vs_venue *v, bool market, int64_t qty, vs_reject *rej) {
  const vs_symbol *s = v->sym;
  if (qty <= 0) {
    return vs_refuse(rej, 400, -4003, "Quantity less than or equal to zero.");
  }
  if (qty < v->rules.qty_min) {
    return vs_refuse(rej, 400, -4004, "Quantity less than min quantity.");
  }
  if (qty > (market ? s->market_qty_max : s->qty_max)) {
    return vs_refuse(rej, 400, -4005, "Quantity greater than max quantity.");
  }
  if (qty % v->rules.step != 0) {
    return vs_refuse(rej, 400, -4023, "Qty not increased by step size.");
  }
  return 0;
}

int64_t vs_closable(const vs_venue *v, int side) {
  int64_t q = v->acct.pos_qty;
  return side == VS_BUY ? (q < 0 ? -q : 0) : (q > 0 ? q : 0);
}

static int check_reduce_only(const vs_venue *v, const vs_order_req *req, vs_reject *rej) {
  int64_t covered = 0;
  for (int k = 0; k < v->open_cnt; k++) {
    const vs_order *o = &v->order[v->open[k]];
    if (o->reduce_only && o->side == req->side) {
      covered += o->qty - o->exec;
    }
  }
  if (vs_closable(v, req->side) == 0 || (req->type == VS_LIMIT && covered >= vs_closable(v, req->side))) {
    return vs_refuse(rej, 400, -2022, "ReduceOnly Order is rejected.");
  }
  return 0;
}

static int check_margin(const vs_venue *v, const vs_order_req *req, int64_t px, vs_reject *rej) {
  int64_t notional = vs_mul(px, req->qty);
  int64_t before = vs_acct_margin(v, -1, 0);
  int64_t after = vs_acct_margin(v, req->side, notional);
  int64_t equity = v->acct.wallet + vs_acct_upnl(v);
  if (after > before && after > equity) {
    return vs_refuse(rej, 400, -2019, "Margin is insufficient.");
  }
  if (after > before && (vs_i128)after * v->acct.leverage > vs_acct_max_notional(v->acct.leverage)) {
    return vs_refuse(rej, 400, -2027, "Exceeded the maximum allowable position at current leverage.");
  }
  return 0;
}

static bool crosses(const vs_venue *v, int side, int64_t px) {
  int64_t touch;
  int64_t qty;
  vs_feed_top(v, 1 - side, &touch, &qty);
  bool hit = touch != 0 && (side == VS_BUY ? px >= touch : px <= touch);
  for (int k = 0; !hit && v->replay != NULL && k < v->open_cnt; k++) { /* replay: our own orders are in no book */
    const vs_order *o = &v->order[v->open[k]];
    hit = o->side != side && (side == VS_BUY ? px >= o->px : px <= o->px);
  }
  return hit;
}

/* Quantity that a taker could get at px or better, without our own orders. */
static int64_t available(vs_venue *v, int side, int64_t px, int64_t enough) {
  int opp = 1 - side;
  int64_t sum = 0;
  for (int32_t l = v->book.best[opp]; l != VS_NONE && sum < enough; l = vs_book_next(&v->book, opp, l)) {
    if (side == VS_BUY ? vs_px_of(v, l) > px : vs_px_of(v, l) < px) {
      break;
    }
    if (v->replay != NULL) {
      sum += vs_book_qty(&v->book, opp, l);
      continue;
    }
    for (int32_t n = v->book.level[opp][l].head; n != VS_NONE; n = v->book.node[n].next) {
      sum += v->book.node[n].ours == VS_NONE ? v->book.node[n].qty : 0;
    }
  }
  return sum;
}

static int resolve_price_match(vs_venue *v, int side, int pm, int64_t *px, vs_reject *rej) {
  static const int depth[] = {0, 1, 5, 10, 20, 1, 5, 10, 20};
  int from = pm >= VS_PM_QUEUE ? side : 1 - side;
  int32_t l = v->book.best[from];
  for (int k = 1; l != VS_NONE && k < depth[pm]; k++) {
    l = vs_book_next(&v->book, from, l);
  }
  if (l == VS_NONE) {
    return vs_refuse(rej, 400, -5041, "No depth matches this BBO order.");
  }
  *px = vs_px_of(v, l);
  return 0;
}

static int check_notional(const vs_venue *v, const vs_order_req *req, int64_t px, int code, vs_reject *rej) {
  if (!req->reduce_only && vs_mul(px, req->qty) < v->rules.notional_min) {
    return vs_refuse(rej, 400, code, "Order's notional must be no smaller than %s (unless you choose reduce only).",
                     vs_dtrim(v->rules.notional_min));
  }
  return 0;
}

static int check_new(vs_venue *v, vs_order_req *req, vs_reject *rej) {
  bool market = req->type == VS_MARKET;
  int64_t touch;
  int64_t qty;
  vs_feed_top(v, 1 - req->side, &touch, &qty);
  if (req->price_match != VS_PM_NONE && resolve_price_match(v, req->side, req->price_match, &req->px, rej) != 0) {
    return -1;
  }
  if (!market && check_price(v, req->side, req->px, rej) != 0) {
    return -1;
  }
  if (check_qty(v, market, req->qty, rej) != 0 || check_notional(v, req, market ? v->feed.mark : req->px, -4164, rej) != 0) {
    return -1;
  }
  if (strcmp(v->rules.status, "TRADING") != 0) {
    return vs_refuse(rej, 400, -4140, "Invalid symbol status for opening position.");
  }
  int32_t same = req->cid[0] != '\0' ? vs_order_by_cid(v, req->cid, true) : VS_NONE;
  if (same != VS_NONE) {
    v->order[same].dup_refused++;
    return vs_refuse(rej, 400, -4116, "ClientOrderId is duplicated.");
  }
  if (v->open_cnt >= VS_OPEN_CNT) {
    return vs_refuse(rej, 400, -2025, "Reach max open order limit.");
  }
  if (req->reduce_only && check_reduce_only(v, req, rej) != 0) {
    return -1;
  }
  if (!req->reduce_only && check_margin(v, req, market ? (touch != 0 ? touch : v->feed.mark) : req->px, rej) != 0) {
    return -1;
  }
  if (market && touch == 0) {
    return vs_refuse(rej, 400, -2020, "Unable to fill.");
  }
  if (req->tif == VS_GTX && crosses(v, req->side, req->px)) {
    return vs_refuse(rej, 400, -5022,
                     "Due to the order could not be executed as maker, the Post Only order will be "
                     "rejected. The order will not be recorded in the order history");
  }
  if (req->tif == VS_FOK && available(v, req->side, req->px, req->qty) < req->qty) {
    return vs_refuse(rej, 400, -5021,
                     "Due to the order could not be filled immediately, the FOK order has been rejected. "
                     "The order will not be recorded in the order history");
  }
  return 0;
}

/* ---- fills ---- */

void vs_fill_order(vs_venue *v, int32_t slot, int64_t px, int64_t qty, bool maker, int64_t trade_id) {
  vs_order *o = &v->order[slot];
  vs_fill *f = &v->fill[v->fill_cnt % VS_FILL_CNT];
  v->fill_cnt++;
  f->id = trade_id;
  f->order_id = o->id;
  f->px = px;
  f->qty = qty;
  f->quote = vs_mul(px, qty);
  f->side = o->side;
  f->maker = maker;
  f->time = vs_now_ms();
  vs_acct_fill(v, o->side, px, qty, maker, &f->rp, &f->commission);
  if (f->rp != 0) {
    vs_acct_income(v, VS_INC_PNL, f->rp, trade_id);
  }
  vs_acct_income(v, VS_INC_COMMISSION, -f->commission, trade_id);
  o->exec += qty;
  o->quote += f->quote;
  o->t_update = f->time;
  o->status = o->exec == o->qty ? VS_FILLED : VS_PARTIAL;
  if (o->status == VS_FILLED) {
    vs_order_close(v, slot, VS_FILLED);
  }
  if (vs_fault_fill(v)) {
    return; /* a script loses this execution: booked, never told */
  }
  vs_user_trade_lite(v, o, f);
  vs_user_account(v, false);
  vs_user_order(v, o, "TRADE", f);
}

/* Ends an order with an event. */
void vs_cancel(vs_venue *v, int32_t slot, int status, int expiry) {
  vs_order *o = &v->order[slot];
  o->expiry = (uint8_t)expiry;
  vs_order_close(v, slot, status);
  if (status == VS_CANCELED) {
    v->acct.cancelled++;
  }
  vs_user_order(v, o, status == VS_CANCELED ? "CANCELED" : "EXPIRED", NULL);
}

int vs_cancel_all(vs_venue *v) {
  int cnt = 0;
  while (v->open_cnt > 0) {
    vs_cancel(v, v->open[v->open_cnt - 1], VS_CANCELED, 0);
    cnt++;
  }
  return cnt;
}

/* Reduce-only orders that can no longer reduce anything are knocked out. */
static void drop_dead_reduce_only(vs_venue *v) {
  for (int k = v->open_cnt - 1; k >= 0; k--) {
    const vs_order *o = &v->order[v->open[k]];
    if (o->reduce_only && vs_closable(v, o->side) == 0) {
      vs_cancel(v, v->open[k], VS_EXPIRED, 4);
    }
  }
}

/* One of our resting orders is hit by q at its price. Returns what it took (reduce-only may take less). */
static int64_t hit_ours(vs_venue *v, int32_t node, int64_t q) {
  int32_t slot = v->book.node[node].ours;
  vs_order *o = &v->order[slot];
  int64_t take = q;
  if (o->reduce_only && vs_closable(v, o->side) < take) {
    take = vs_closable(v, o->side);
  }
  if (take == 0) {
    vs_cancel(v, slot, VS_EXPIRED, 4);
    return 0;
  }
  int64_t id = ++v->feed.trade_id;
  int64_t px = vs_px_of(v, v->book.node[node].lvl);
  bool whole = take == v->book.node[node].qty;
  if (whole) {
    o->node = VS_NONE;
  }
  vs_book_take(&v->book, node, take);
  vs_feed_trade(v, px, take, o->side == VS_BUY, vs_now_ms(), id);
  vs_fill_order(v, slot, px, take, true, id);
  if (o->reduce_only && vs_order_is_open(o) && vs_closable(v, o->side) == 0) {
    vs_cancel(v, slot, VS_EXPIRED, 4);
  }
  return take;
}

bool vs_force_fill(vs_venue *v, int32_t slot) {
  const vs_order *o = &v->order[slot];
  if (!vs_order_is_open(o)) {
    return false;
  }
  if (o->node != VS_NONE) {
    return hit_ours(v, o->node, o->qty - o->exec) > 0;
  }
  vs_fill_order(v, slot, o->px, o->qty - o->exec, true, ++v->feed.trade_id); /* replay: we are in no book */
  return true;
}

int64_t vs_take_other(vs_venue *v, int side, int32_t limit_lvl, int64_t qty) {
  int opp = 1 - side;
  int64_t left = qty;
  while (left > 0) {
    int32_t l = v->book.best[opp];
    if (l == VS_NONE || (side == VS_BUY ? l > limit_lvl : l < limit_lvl)) {
      break;
    }
    int32_t n = v->book.level[opp][l].head;
    int64_t q = v->book.node[n].qty < left ? v->book.node[n].qty : left;
    if (v->book.node[n].ours != VS_NONE) {
      left -= hit_ours(v, n, q);
      continue;
    }
    vs_book_take(&v->book, n, q);
    vs_feed_trade(v, vs_px_of(v, l), q, side == VS_SELL, vs_now_ms(), ++v->feed.trade_id);
    left -= q;
  }
  return qty - left;
}

/* Our taker meets our own resting order. Returns false when the taker is to stop. */
static bool prevent_self_trade(vs_venue *v, vs_order *taker, int32_t maker_slot, bool *taker_dead) {
  if (taker->stp == VS_STP_MAKER || taker->stp == VS_STP_BOTH) {
    vs_cancel(v, maker_slot, VS_EXPIRED_IN_MATCH, 1);
  }
  if (taker->stp == VS_STP_TAKER || taker->stp == VS_STP_BOTH) {
    *taker_dead = true;
    return false;
  }
  return true;
}

/* Runs our order against the synthetic book. Returns true when self-trade prevention ended it. */
static bool take_ours(vs_venue *v, int32_t slot) {
  vs_order *o = &v->order[slot];
  int opp = 1 - o->side;
  bool dead = false;
  while (o->exec < o->qty) {
    int32_t l = v->book.best[opp];
    if (l == VS_NONE || (o->type == VS_LIMIT && (o->side == VS_BUY ? vs_px_of(v, l) > o->px : vs_px_of(v, l) < o->px))) {
      break;
    }
    int32_t n = v->book.level[opp][l].head;
    int32_t ours = v->book.node[n].ours;
    if (ours != VS_NONE && o->stp != VS_STP_NONE) {
      if (!prevent_self_trade(v, o, ours, &dead)) {
        break;
      }
      continue;
    }
    int64_t q = o->qty - o->exec < v->book.node[n].qty ? o->qty - o->exec : v->book.node[n].qty;
    if (o->reduce_only && vs_closable(v, o->side) < q) {
      q = vs_closable(v, o->side);
    }
    if (q == 0) {
      break;
    }
    int64_t id = v->feed.trade_id + 1;
    if (ours != VS_NONE) {
      q = hit_ours(v, n, q); /* prints the trade and takes the id */
      if (q == 0) {
        continue;
      }
    } else {
      v->feed.trade_id = id;
      vs_book_take(&v->book, n, q);
      vs_feed_trade(v, vs_px_of(v, l), q, o->side == VS_SELL, vs_now_ms(), id);
    }
    vs_fill_order(v, slot, vs_px_of(v, l), q, false, id);
  }
  return dead;
}

/* Matches a fresh or amended order and rests, expires or leaves it filled. */
static void run(vs_venue *v, int32_t slot) {
  vs_order *o = &v->order[slot];
  bool self = false;
  if (v->replay != NULL) {
    self = vs_replay_take(v, slot) < 0;
  } else {
    self = take_ours(v, slot);
  }
  if (!vs_order_is_open(o)) {
    drop_dead_reduce_only(v);
    return;
  }
  if (self) {
    vs_cancel(v, slot, VS_EXPIRED_IN_MATCH, o->tif == VS_IOC ? 3 : 1);
  } else if (o->reduce_only && vs_closable(v, o->side) == 0) {
    vs_cancel(v, slot, VS_EXPIRED, 4);
  } else if (o->type == VS_MARKET) {
    vs_cancel(v, slot, VS_EXPIRED, 9);
  } else if (o->tif == VS_IOC || o->tif == VS_FOK) {
    vs_cancel(v, slot, VS_EXPIRED, 2);
  } else if (v->replay != NULL) {
    vs_replay_rest(v, slot);
  } else {
    int32_t lvl = (int32_t)(o->px / v->sym->tick);
    o->node = vs_book_add(&v->book, o->side, lvl, o->qty - o->exec, slot);
    if (o->node < 0) { /* the synthetic flow stops adding well before the pool is full */
      o->node = VS_NONE;
      vs_cancel(v, slot, VS_EXPIRED, 0);
    }
  }
  drop_dead_reduce_only(v);
}

int vs_place(vs_venue *v, vs_order_req *req, bool test_only, vs_reject *rej, int32_t *slot) {
  if (check_new(v, req, rej) != 0) {
    if (!test_only) {
      vs_acct_reject(v, rej->code);
    }
    return -1;
  }
  if (test_only) {
    return 0;
  }
  *slot = vs_order_new(v, req);
  vs_order *o = &v->order[*slot];
  v->acct.placed++;
  vs_order_open(v, *slot);
  vs_user_order(v, o, "NEW", NULL);
  run(v, *slot);
  vs_txn_end(v);
  return 0;
}

static void record_amend(vs_venue *v, const vs_order *o, int64_t px, int64_t qty) {
  vs_amend *a = &v->amend[v->amend_cnt % VS_AMEND_CNT];
  a->id = 5300 + v->amend_cnt++;
  a->order_id = o->id;
  a->time = vs_now_ms();
  a->px_was = o->px;
  a->px_now = px;
  a->qty_was = o->qty;
  a->qty_now = qty;
  a->nth = o->amend_cnt;
  memcpy(a->cid, o->cid, sizeof a->cid);
}

static int check_amend(vs_venue *v, const vs_order *o, int64_t px, int64_t qty, vs_reject *rej) {
  vs_order_req req = {.side = o->side, .type = o->type, .reduce_only = o->reduce_only, .px = px, .qty = qty};
  if (o->type != VS_LIMIT) {
    return vs_refuse(rej, 400, -5025, "Only limit order is supported.");
  }
  if (px == o->px && qty == o->qty) {
    return vs_refuse(rej, 400, -5027, "No need to modify the order.");
  }
  if (check_price(v, o->side, px, rej) != 0 || check_qty(v, false, qty, rej) != 0 ||
      check_notional(v, &req, px, -5029, rej) != 0) {
    return -1;
  }
  if (o->amend_cnt >= VS_AMEND_MAX) {
    return vs_refuse(rej, 400, -5026, "Exceed maximum modify order limit.");
  }
  int64_t more = vs_mul(px, qty) - vs_mul(o->px, o->qty);
  if (!o->reduce_only && more > 0) {
    int64_t after = vs_acct_margin(v, o->side, more);
    if (after > vs_acct_margin(v, -1, 0) && after > v->acct.wallet + vs_acct_upnl(v)) {
      return vs_refuse(rej, 400, -2019, "Margin is insufficient.");
    }
  }
  return 0;
}

int vs_amend_order(vs_venue *v, int32_t slot, int64_t px, int64_t qty, int price_match, const int64_t *modify_id,
                   vs_reject *rej) {
  vs_order *o = &v->order[slot];
  if (price_match != VS_PM_NONE && resolve_price_match(v, o->side, price_match, &px, rej) != 0) {
    return -1;
  }
  if (check_amend(v, o, px, qty, rej) != 0) {
    vs_acct_reject(v, rej->code);
    return -1;
  }
  o->has_modify_id = modify_id != NULL;
  o->modify_id = modify_id != NULL ? *modify_id : 0;
  if ((o->exec > 0 && qty <= o->exec) || (o->tif == VS_GTX && crosses(v, o->side, px))) {
    vs_cancel(v, slot, VS_CANCELED, 0);
    vs_txn_end(v);
    return 0;
  }
  if (o->node != VS_NONE) {
    int32_t node = o->node;
    o->node = VS_NONE;
    vs_book_drop(&v->book, node);
  }
  record_amend(v, o, px, qty);
  o->amend_cnt++;
  o->px = px;
  o->qty = qty;
  o->price_match = (uint8_t)price_match;
  o->t_update = vs_now_ms();
  v->acct.amended++;
  int pos = o->open_pos; /* to the end of the list: time priority starts again */
  for (int k = pos; k + 1 < v->open_cnt; k++) {
    v->open[k] = v->open[k + 1];
    v->order[v->open[k]].open_pos = k;
  }
  v->open[v->open_cnt - 1] = slot;
  o->open_pos = v->open_cnt - 1;
  vs_user_order(v, o, "AMENDMENT", NULL);
  run(v, slot);
  vs_txn_end(v);
  return 0;
}

void vs_txn_end(vs_venue *v) {
  drop_dead_reduce_only(v);
  vs_feed_end(v);
  vs_user_flush(v);
}

void vs_match_second(vs_venue *v, int64_t now) {
  bool any = false;
  for (int k = v->open_cnt - 1; k >= 0; k--) {
    const vs_order *o = &v->order[v->open[k]];
    if (o->tif == VS_GTD && o->gtd <= now) {
      vs_cancel(v, v->open[k], VS_EXPIRED, 0);
      any = true;
    }
  }
  if (any) {
    vs_txn_end(v);
  }
}

static void countdown_fire(vs_timer *sul) {
  vs_venue *v = lws_container_of(sul, vs_venue, countdown);
  v->countdown_at = 0;
  if (vs_cancel_all(v) > 0) {
    vs_txn_end(v);
  }
}

void vs_countdown_arm(vs_venue *v, int64_t ms) {
  v->countdown_at = ms == 0 ? 0 : vs_now_ms() + ms;
  vs_timer_set(&v->countdown, countdown_fire, ms == 0 ? VS_TIMER_OFF : (int64_t)ms * 1000);
}

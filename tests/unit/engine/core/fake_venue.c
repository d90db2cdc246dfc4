#include "fake_venue.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define START_NS UINT64_C(1750000000000000000)
#define MS UINT64_C(1000000)

static uint64_t below(fv_t *fv, uint64_t n) {
  return tg_rng_next(&fv->rng) % n;
}

static bool chance(fv_t *fv, unsigned per_mille) {
  return below(fv, 1000) < per_mille;
}

static uint64_t delay(fv_t *fv) {
  return 100000 + below(fv, fv->faults.delay_us_max + 1) * 1000;
}

static void push(fv_t *fv, const fv_event_t *ev) {
  cr_assert(fv->queue_cnt < FV_QUEUE);
  uint32_t i = fv->queue_cnt++;
  for (;
       i > 0 && (fv->queue[i - 1].at_ns < ev->at_ns || (fv->queue[i - 1].at_ns == ev->at_ns && fv->queue[i - 1].seq < ev->seq));
       i--)
    fv->queue[i] = fv->queue[i - 1];
  fv->queue[i] = *ev; /* latest first: the last entry is due next */
}

static void deliver(fv_t *fv, uint64_t at_ns, const tg_msg_t *msg) {
  fv_event_t ev = {.at_ns = at_ns, .seq = ++fv->seq, .made_ns = fv->now_ns, .msg = *msg};
  push(fv, &ev);
}

/* User stream: in order, unless told otherwise. */
static void stream(fv_t *fv, const tg_msg_t *msg) {
  uint64_t at = fv->now_ns + delay(fv);
  uint64_t later = fv->faults.reorder_us_max > 0 ? below(fv, fv->faults.reorder_us_max) * 1000 : 0;
  if (fv->faults.duplicate > 0 && chance(fv, fv->faults.duplicate)) deliver(fv, at + later * 2, msg);
  if (fv->faults.reorder > 0 && chance(fv, fv->faults.reorder)) {
    deliver(fv, at + later, msg);
    return;
  }
  if (at <= fv->stream_ns) at = fv->stream_ns + 1;
  fv->stream_ns = at;
  deliver(fv, at, msg);
}

static void stream_order(fv_t *fv, const fv_order_t *o, tg_exec_t exec) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, 0);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px,
                                   .qty_lots = o->qty,
                                   .cum_qty_lots = o->cum,
                                   .status = o->status,
                                   .exec = (uint8_t)exec,
                                   .side = o->side};
  stream(fv, &msg);
}

static void answer(fv_t *fv, const tg_out_order_t *req, tg_request_t request, tg_outcome_t outcome, int16_t code,
                   const fv_order_t *o) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, 0);
  tg_ex_answer_t *a = &msg.u.ex_answer;
  a->client_id = req->client_id;
  a->request = (uint8_t)request;
  a->outcome = (uint8_t)outcome;
  a->venue_code = code;
  a->http_status = outcome == TG_OUTCOME_CONFIRMED ? 200 : outcome == TG_OUTCOME_REFUSED ? 400 : 0;
  if (o != NULL && outcome == TG_OUTCOME_CONFIRMED) {
    a->order_id = o->order_id;
    a->px_ticks = o->px;
    a->qty_lots = o->qty;
    a->cum_qty_lots = o->cum;
    a->status = o->status;
  }
  deliver(fv, fv->now_ns + delay(fv), &msg);
}

static fv_order_t *find(fv_t *fv, uint64_t client_id) {
  for (uint32_t i = fv->order_cnt; i-- > 0;) {
    if (fv->order[i].client_id == client_id) return &fv->order[i];
  }
  return NULL;
}

static int64_t div_half_away(__int128 num, __int128 den) { /* written apart from the engine's */
  __int128 q = num / den, r = num % den;
  if (r * 2 >= den) q++;
  return (int64_t)q;
}

/* The venue's own position arithmetic; returns rp. */
static int64_t venue_book(fv_t *fv, int side, int64_t px, int64_t qty) {
  int64_t rp = 0, sign = side == TG_BUY ? 1 : -1;
  while (qty > 0) {
    int64_t size = llabs(fv->pos), part = qty;
    if (fv->pos != 0 && (fv->pos > 0) != (sign > 0)) {
      part = qty < size ? qty : size;
      int64_t value = px * part * FV_TICK_LOT_E8;
      int64_t released = part == size ? fv->cost_e8 : div_half_away((__int128)fv->cost_e8 * part, size);
      rp += fv->pos > 0 ? value - released : released - value;
      fv->cost_e8 -= released;
    } else {
      fv->cost_e8 += px * part * FV_TICK_LOT_E8;
    }
    fv->pos += sign * part;
    qty -= part;
  }
  fv->realised_e8 += rp;
  return rp;
}

static void fill(fv_t *fv, fv_order_t *o, int64_t qty) {
  int64_t px = o->px;
  o->cum += qty;
  o->status = o->cum >= o->qty ? TG_STATUS_FILLED : TG_STATUS_PARTIALLY_FILLED;
  o->open = o->cum < o->qty;
  int64_t rp = venue_book(fv, o->side, px, qty);
  int64_t commission = div_half_away((__int128)px * qty * FV_TICK_LOT_E8 * 20000, TG_E8);
  fv->commission_e8 += commission;
  fv->fill_cnt++;
  if (o->side == TG_BUY) {
    fv->bought += qty;
  } else {
    fv->sold += qty;
  }
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, 0);
  msg.flags = (uint8_t)(TG_F_MAKER | (o->side == TG_SELL ? TG_F_ASK : 0));
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id, .trade_id = ++fv->trade_id, .px_ticks = px, .qty_lots = qty};
  cr_assert(fv->trade_id <= FV_TRADES);
  fv->trade[fv->trade_id - 1] = msg;
  fv->trade[fv->trade_id - 1].u.ex_fill.commission_e8 = commission;
  fv->trade[fv->trade_id - 1].u.ex_fill.realised_e8 = rp;
  if (chance(fv, fv->faults.fill_dropped)) return;
  if (chance(fv, fv->faults.lite)) {
    tg_msg_t lite = msg;
    lite.flags |= TG_F_LITE;
    stream(fv, &lite);
  }
  msg.u.ex_fill.commission_e8 = commission;
  msg.u.ex_fill.realised_e8 = rp;
  stream(fv, &msg);
  stream_order(fv, o, TG_EXEC_TRADE);
  if (chance(fv, fv->faults.repeat)) stream(fv, &msg);
}

static bool would_take(const fv_t *fv, int side, int64_t px) {
  return side == TG_BUY ? px >= fv->ask : px <= fv->bid;
}

/* Takes at the touch what it may, ends with the rest. */
static void do_ioc(fv_t *fv, const tg_out_order_t *req, bool silent, bool unknown) {
  fv_order_t *o = &fv->order[fv->order_cnt++];
  fv->ioc_cnt++;
  cr_assert(req->order_flags & TG_ORDER_REDUCE_ONLY);
  cr_assert((req->side == TG_SELL ? fv->pos : -fv->pos) >= req->qty_lots, "reduce-only would open a position");
  *o = (fv_order_t){.client_id = req->client_id,
                    .order_id = ++fv->next_order_id,
                    .px = req->side == TG_BUY ? fv->ask : fv->bid,
                    .qty = req->qty_lots,
                    .made_ns = fv->now_ns,
                    .side = req->side,
                    .status = TG_STATUS_NEW,
                    .open = 1};
  stream_order(fv, o, TG_EXEC_NEW);
  int64_t qty = fv->faults.ioc_none || !would_take(fv, req->side, req->px_ticks) ? 0
                : fv->faults.ioc_part                                            ? (req->qty_lots + 2) / 3
                                                                                 : req->qty_lots;
  if (!silent)
    answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_CONFIRMED, 0, o);
  else if (unknown)
    answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_UNKNOWN, -1007, NULL);
  if (qty > 0) fill(fv, o, qty);
  if (!o->open) return;
  o->open = 0;
  o->status = TG_STATUS_EXPIRED;
  stream_order(fv, o, TG_EXEC_EXPIRED);
}

static void do_place(fv_t *fv, const tg_out_order_t *req, bool silent, bool unknown) {
  if (find(fv, req->client_id) != NULL) cr_assert_fail("a client id was sent twice");
  cr_assert(fv->order_cnt < FV_ORDERS);
  if (req->tif == TG_TIF_IOC) {
    do_ioc(fv, req, silent, unknown);
    return;
  }
  if (would_take(fv, req->side, req->px_ticks)) {
    if (!silent)
      answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_REFUSED, -5022, NULL);
    else if (unknown)
      answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_UNKNOWN, -1007, NULL);
    return;
  }
  fv_order_t *o = &fv->order[fv->order_cnt++];
  *o = (fv_order_t){.client_id = req->client_id,
                    .order_id = ++fv->next_order_id,
                    .px = req->px_ticks,
                    .qty = req->qty_lots,
                    .made_ns = fv->now_ns,
                    .side = req->side,
                    .status = TG_STATUS_NEW,
                    .open = 1,
                    .forgotten = chance(fv, fv->faults.forget)};
  stream_order(fv, o, TG_EXEC_NEW);
  if (!silent)
    answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_CONFIRMED, 0, o);
  else if (unknown)
    answer(fv, req, TG_REQUEST_PLACE, TG_OUTCOME_UNKNOWN, -1007, NULL);
}

static void do_amend(fv_t *fv, const tg_out_order_t *req, bool silent, bool unknown) {
  fv_order_t *o = find(fv, req->client_id);
  if (o == NULL || !o->open) {
    if (!silent)
      answer(fv, req, TG_REQUEST_AMEND, TG_OUTCOME_REFUSED, -2013, NULL);
    else if (unknown)
      answer(fv, req, TG_REQUEST_AMEND, TG_OUTCOME_UNKNOWN, -1007, NULL);
    return;
  }
  if (req->qty_lots <= o->cum || would_take(fv, o->side, req->px_ticks)) { /* the modify cancels */
    o->open = 0;
    o->status = TG_STATUS_CANCELED;
    stream_order(fv, o, TG_EXEC_CANCELED);
  } else {
    o->px = req->px_ticks;
    o->qty = req->qty_lots;
    stream_order(fv, o, TG_EXEC_AMENDMENT);
  }
  if (!silent)
    answer(fv, req, TG_REQUEST_AMEND, TG_OUTCOME_CONFIRMED, 0, o);
  else if (unknown)
    answer(fv, req, TG_REQUEST_AMEND, TG_OUTCOME_UNKNOWN, -1007, NULL);
}

static void do_cancel(fv_t *fv, const tg_out_order_t *req, bool silent, bool unknown) {
  fv_order_t *o = find(fv, req->client_id);
  if (o == NULL || !o->open) {
    if (!silent)
      answer(fv, req, TG_REQUEST_CANCEL, TG_OUTCOME_REFUSED, -2011, NULL);
    else if (unknown)
      answer(fv, req, TG_REQUEST_CANCEL, TG_OUTCOME_UNKNOWN, -1007, NULL);
    return;
  }
  o->open = 0;
  o->status = TG_STATUS_CANCELED;
  stream_order(fv, o, TG_EXEC_CANCELED);
  if (!silent)
    answer(fv, req, TG_REQUEST_CANCEL, TG_OUTCOME_CONFIRMED, 0, o);
  else if (unknown)
    answer(fv, req, TG_REQUEST_CANCEL, TG_OUTCOME_UNKNOWN, -1007, NULL);
}

static void do_query(fv_t *fv, const tg_out_order_t *req, bool silent) {
  fv_order_t *o = find(fv, req->client_id);
  if (silent) return;
  if (o == NULL || (o->forgotten && fv->now_ns - o->made_ns < 2000 * MS)) {
    answer(fv, req, TG_REQUEST_QUERY, TG_OUTCOME_REFUSED, -2013, NULL);
  } else {
    answer(fv, req, TG_REQUEST_QUERY, TG_OUTCOME_CONFIRMED, 0, o);
  }
}

static void arrive(fv_t *fv, const fv_event_t *ev) {
  const tg_out_order_t *req = &ev->msg.u.out_place;
  bool unknown = chance(fv, fv->faults.unknown);
  bool lost = chance(fv, fv->faults.request_lost);
  bool silent = unknown || chance(fv, fv->faults.reply_lost);
  if (lost) {
    if (unknown)
      answer(fv, req,
             ev->request == TG_OUT_PLACE   ? TG_REQUEST_PLACE
             : ev->request == TG_OUT_AMEND ? TG_REQUEST_AMEND
                                           : TG_REQUEST_CANCEL,
             TG_OUTCOME_UNKNOWN, -1007, NULL);
    return;
  }
  switch (ev->request) {
    case TG_OUT_PLACE:
      do_place(fv, req, silent, unknown);
      break;
    case TG_OUT_AMEND:
      do_amend(fv, req, silent, unknown);
      break;
    case TG_OUT_CANCEL:
      do_cancel(fv, req, silent, unknown);
      break;
    default:
      do_query(fv, req, silent);
      break;
  }
}

static void request(fv_t *fv, const tg_msg_t *msg) {
  fv_event_t ev = {.at_ns = fv->now_ns + delay(fv), .seq = ++fv->seq, .is_request = true, .request = msg->kind, .msg = *msg};
  push(fv, &ev);
}

static void take_output(fv_t *fv, const tg_msg_t *msg) {
  fv->kind_cnt[msg->kind]++;
  switch (msg->kind) {
    case TG_OUT_PLACE:
      fv->place_cnt++;
      request(fv, msg);
      break;
    case TG_OUT_AMEND:
      fv->amend_cnt++;
      request(fv, msg);
      break;
    case TG_OUT_CANCEL:
      fv->cancel_cnt++;
      request(fv, msg);
      break;
    case TG_OUT_QUERY:
      fv->query_cnt++;
      request(fv, msg);
      break;
    case TG_OUT_CANCEL_ALL:
      fv->cancel_all_cnt++;
      break;
    case TG_OUT_SYNC:
      fv->next_sync_ns = fv->now_ns + 5 * MS;
      break;
    case TG_OUT_SNAPSHOT:
      fv->want_gen = msg->u.out_snapshot.request_no;
      break;
    case TG_OUT_ALARM:
      fv->alarm_cnt[msg->u.out_alarm.what & 63]++;
      break;
    case TG_OUT_STATE:
      fv->state_cnt[msg->u.out_state.to & 15]++;
      break;
    default:
      break;
  }
}

void fv_user_trades(fv_t *fv, uint64_t from_id, uint8_t flags) {
  uint64_t at = fv->now_ns + delay(fv);
  for (uint64_t id = from_id < 1 ? 1 : from_id; id <= fv->trade_id; id++) {
    tg_msg_t msg = fv->trade[id - 1];
    msg.flags |= (uint8_t)(TG_F_SNAPSHOT | flags);
    deliver(fv, at, &msg);
  }
}

void fv_feed(fv_t *fv, const tg_msg_t *in) {
  if (fv->core == NULL) return; /* between two lives */
  tg_msg_batch_t out = {fv->out_mem, 0, 512};
  tg_msg_t msg = *in;
  if (msg.ts_ns == 0) msg.ts_ns = fv->now_ns;
  cr_assert_eq(tg_core_step(fv->core, &msg, &out), 0);
  for (uint32_t i = 0; i < out.cnt && !fv->no_digest; i++) tg_chain_add(&fv->chain, &out.msg[i], sizeof out.msg[i]);
  fv->out_cnt += out.cnt;
  if (fv->after_step != NULL) fv->after_step(fv, &msg, &out);
  for (uint32_t i = 0; i < out.cnt; i++) {
    tg_msg_t line = out.msg[i]; /* the queue may grow over out_mem's reuse */
    take_output(fv, &line);
  }
}

static void send_simple(fv_t *fv, tg_msg_kind_t kind) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, TG_INSTR_NONE, fv->now_ns);
  fv_feed(fv, &msg);
}

static void levels(fv_t *fv, bool ask, bool last, int64_t px0, int64_t q0, int64_t px1, int64_t q1) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_LEVELS, 0, fv->now_ns);
  msg.flags = (uint8_t)((ask ? TG_F_ASK : 0) | (last ? TG_F_LAST : 0));
  msg.u.md_levels.level[0] = (tg_md_level_t){px0, q0};
  msg.u.md_levels.level[1] = (tg_md_level_t){px1, q1};
  fv_feed(fv, &msg);
}

static void depth_head(fv_t *fv, uint64_t first, uint64_t last, uint64_t prev, uint32_t bids, uint32_t asks, uint32_t gen,
                       bool snap) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, fv->now_ns);
  msg.flags = snap ? TG_F_SNAPSHOT : 0;
  msg.u.md_depth = (tg_md_depth_t){.first_id = first,
                                   .last_id = last,
                                   .prev_id = prev,
                                   .venue_ms = (int64_t)(fv->now_ns / MS),
                                   .bid_cnt = bids,
                                   .ask_cnt = asks,
                                   .gen = gen};
  fv_feed(fv, &msg);
}

static void depth_snapshot(fv_t *fv, uint32_t gen) {
  depth_head(fv, fv->update_id + 5, fv->update_id + 5, 0, 1, 1, gen, true);
  levels(fv, false, false, fv->depth_bid, 900, 0, 0);
  levels(fv, true, true, fv->depth_ask, 900, 0, 0);
}

static void depth_event(fv_t *fv) {
  uint64_t prev = fv->update_id;
  fv->update_id += 10;
  bool bid_moved = fv->bid != fv->depth_bid, ask_moved = fv->ask != fv->depth_ask;
  int64_t old_bid = fv->depth_bid, old_ask = fv->depth_ask;
  fv->depth_bid = fv->bid;
  fv->depth_ask = fv->ask;
  depth_head(fv, prev + 1, fv->update_id, prev, bid_moved ? 2 : 1, ask_moved ? 2 : 1, 1, false);
  levels(fv, false, false, bid_moved ? old_bid : fv->bid, bid_moved ? 0 : 900, bid_moved ? fv->bid : 0, bid_moved ? 900 : 0);
  levels(fv, true, true, ask_moved ? old_ask : fv->ask, ask_moved ? 0 : 900, ask_moved ? fv->ask : 0, ask_moved ? 900 : 0);
}

static void top(fv_t *fv) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_TOP, 0, fv->now_ns);
  msg.u.md_top = (tg_md_top_t){fv->bid, 900, fv->ask, 900, fv->update_id + 1 + below(fv, 9), (int64_t)(fv->now_ns / MS)};
  fv_feed(fv, &msg);
}

static void mark(fv_t *fv) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_MARK, 0, fv->now_ns);
  msg.u.md_mark.mark_e8 = (fv->bid + fv->ask) * INT64_C(5000000);
  msg.u.md_mark.index_e8 = msg.u.md_mark.mark_e8;
  fv_feed(fv, &msg);
}

static void snapshot(fv_t *fv) {
  tg_msg_t msg;
  uint32_t open = fv_open_orders(fv);
  int64_t venue_ms = ((int64_t)fv->now_ns + fv->venue_clock_ns) / (int64_t)MS;
  uint64_t asked_ns = fv->now_ns - (fv->faults.asked_us_max > 0 ? below(fv, fv->faults.asked_us_max) * 1000 : 0);
  fv->sync_cnt++;
  tg_msg_init(&msg, TG_ACC_BEGIN, TG_INSTR_NONE, fv->now_ns);
  msg.u.acc_begin = (tg_acc_begin_t){.snapshot_no = ++fv->snapshot_no,
                                     .venue_ms = venue_ms,
                                     .asked_ns = asked_ns,
                                     .position_cnt = 1,
                                     .order_cnt = open,
                                     .balance_cnt = 1};
  tg_acc_begin_t head = msg.u.acc_begin;
  uint64_t at = fv->now_ns + delay(fv) + (fv->faults.asked_us_max > 0 ? below(fv, fv->faults.asked_us_max) * 1000 : 0);
  if (at <= fv->snap_ns) at = fv->snap_ns + 1; /* one after another */
  fv->snap_ns = at;
  deliver(fv, at, &msg);
  tg_msg_init(&msg, TG_ACC_POSITION, 0, 0);
  msg.u.acc_position =
      (tg_ex_position_t){.qty_lots = fv->pos, .position_side = TG_PSIDE_BOTH, .leverage = 20, .venue_ms = venue_ms};
  if (fv->pos != 0) msg.u.acc_position.entry_e8 = div_half_away((__int128)fv->cost_e8 * 1000, llabs(fv->pos));
  deliver(fv, at, &msg);
  for (uint32_t i = 0; i < fv->order_cnt; i++) {
    const fv_order_t *o = &fv->order[i];
    if (!o->open) continue;
    tg_msg_init(&msg, TG_ACC_ORDER, 0, 0);
    if (o->foreign) msg.flags = TG_F_FOREIGN;
    msg.u.acc_order = (tg_acc_order_t){.client_id = o->client_id,
                                       .order_id = o->order_id,
                                       .px_ticks = o->px,
                                       .qty_lots = o->qty,
                                       .cum_qty_lots = o->cum,
                                       .side = o->side,
                                       .status = o->status,
                                       .type = TG_TYPE_LIMIT};
    deliver(fv, at, &msg);
  }
  tg_msg_init(&msg, TG_ACC_BALANCE, TG_INSTR_NONE, 0);
  msg.u.acc_balance = (tg_ex_balance_t){.wallet_e8 = INT64_C(100000) * TG_E8 + fv->realised_e8 - fv->commission_e8,
                                        .available_e8 = INT64_C(90000) * TG_E8,
                                        .venue_ms = venue_ms,
                                        .asset = "USDT"};
  deliver(fv, at, &msg);
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, 0);
  msg.u.acc_end = head;
  deliver(fv, at, &msg);
}

uint32_t fv_open_orders(const fv_t *fv) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < fv->order_cnt; i++) cnt += fv->order[i].open;
  return cnt;
}

void fv_check(const fv_t *fv) {
  int64_t rest[2] = {0, 0};
  for (uint32_t i = fv->order_cnt > 400 ? fv->order_cnt - 400 : 0; i < fv->order_cnt; i++) {
    if (fv->order[i].open) rest[fv->order[i].side] += fv->order[i].qty - fv->order[i].cum;
  }
  const tg_core_instr_t *instr = &fv->core->instr[0];
  const tg_exposure_instr_t *held = &fv->core->exposure.instr[0];
  cr_assert_geq(instr->pos.bought_lots + held->open_buy_lots, fv->bought + rest[TG_BUY]);
  cr_assert_geq(instr->pos.sold_lots + held->open_sell_lots, fv->sold + rest[TG_SELL]);
}

void fv_cmd(fv_t *fv, tg_verb_t verb, tg_role_t role) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, fv->now_ns);
  msg.u.cmd.verb = (uint8_t)verb;
  msg.u.cmd.role = (uint8_t)role;
  msg.u.cmd.cmd_no = 77;
  fv_feed(fv, &msg);
}

void fv_conf(fv_t *fv, const char *key, int64_t value) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SET, TG_INSTR_NONE, fv->now_ns);
  msg.u.cfg_set.key_hash = tg_conf_key_hash(key);
  msg.u.cfg_set.value = value;
  uint64_t unknown = tg_core_stats(fv->core)->unknown_key_cnt;
  fv_feed(fv, &msg);
  cr_assert_eq(tg_core_stats(fv->core)->unknown_key_cnt, unknown, "%s", key);
}

static void config(fv_t *fv) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, fv->now_ns);
  msg.u.cfg_symbol = (tg_cfg_symbol_t){.symbol = "BTCUSDT",
                                       .margin_asset = "USDT",
                                       .px_dec = 1,
                                       .qty_dec = 3,
                                       .allowlisted = 1,
                                       .product = TG_PRODUCT_USDM,
                                       .status = 1,
                                       .px_unit = 1,
                                       .qty_unit = 1};
  fv_feed(fv, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, fv->now_ns);
  msg.u.cfg_filter.u.first.min_px_ticks = 1000;
  msg.u.cfg_filter.u.first.max_px_ticks = 50000000;
  msg.u.cfg_filter.u.first.min_qty_lots = 1;
  msg.u.cfg_filter.u.first.max_qty_lots = 1000000;
  msg.u.cfg_filter.u.first.min_notional_e8 = 100 * TG_E8;
  msg.u.cfg_filter.u.first.max_orders = 200;
  fv_feed(fv, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, fv->now_ns);
  msg.flags = TG_F_SECOND;
  msg.u.cfg_filter.u.second.mult_up_bps = 10500;
  msg.u.cfg_filter.u.second.mult_down_bps = 9500;
  msg.u.cfg_filter.u.second.market_min_qty_lots = 1;
  msg.u.cfg_filter.u.second.market_max_qty_lots = 100000;
  msg.u.cfg_filter.u.second.maker_fee_e8 = 20000;
  msg.u.cfg_filter.u.second.taker_fee_e8 = 50000;
  fv_feed(fv, &msg);
  fv_conf(fv, "engine.mode", TG_MODE_SIM - 1);
  fv_conf(fv, "engine.armed", 1);
  fv_conf(fv, "fsm.cooldown_ms", 200);
  fv_conf(fv, "risk.circuit_errors", 10000); /* a venue that loses answers is the point of these tests */
  fv_conf(fv, "fsm.tox_low", 50 * TG_E8);
  fv_conf(fv, "fsm.tox_mid", 50 * TG_E8);
  fv_conf(fv, "fsm.tox_high", 60 * TG_E8);
  fv_conf(fv, "fsm.tox_extreme", 70 * TG_E8);
  fv_conf(fv, "risk.drawdown_session", INT64_C(50000) * TG_E8);
  fv_conf(fv, "risk.drawdown_day", INT64_C(50000) * TG_E8);
  /* machines that would stop a core that is tormented on purpose; test_guards.c sets them for itself */
  fv_conf(fv, "risk.circuit_errors", 10000);
  fv_conf(fv, "risk.repeat_fills", 1000000);
  fv_conf(fv, "risk.repeat_entries", 1000000);
  fv_conf(fv, "risk.reject_max", 10000);
  fv_conf(fv, "risk.loss_streak", 10000);
}

static void core_open(fv_t *fv, uint8_t poison) {
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  tg_core_cfg_t cfg = tg_core_cfg_make(&conf, 1);
  cfg.book_level_cap = 64;
  cfg.book_event_cap = 256;
  cfg.trade_cap = 4096;
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(tg_core_layout(&count, &fv->core, &cfg), 0);
  uint8_t *mem = aligned_alloc(4096, (count.used_bytes + 8191) / 4096 * 4096);
  memset(mem, poison, (count.used_bytes + 8191) / 4096 * 4096);
  /* what an arena promises is zeroed memory; what lies around it is not ours */
  memset(mem, 0, count.used_bytes);
  fv->arena = (tg_arena_t){.base = mem, .size_bytes = count.used_bytes};
  cr_assert_eq(tg_core_layout(&fv->arena, &fv->core, &cfg), 0);
  config(fv);
}

void fv_open(fv_t *fv, uint64_t seed, const fv_faults_t *faults, uint8_t poison) {
  memset(fv, 0, sizeof *fv);
  tg_rng_seed(&fv->rng, seed);
  if (faults != NULL) fv->faults = *faults;
  if (fv->faults.delay_us_max == 0) fv->faults.delay_us_max = 3000;
  fv->now_ns = START_NS;
  fv->bid = fv->depth_bid = 600000;
  fv->ask = fv->depth_ask = 600001;
  fv->update_id = 1000;
  fv->stride = 60;
  fv->order = aligned_alloc(64, FV_ORDERS * sizeof *fv->order); /* clang moves these structs with aligned instructions */
  fv->queue = aligned_alloc(64, FV_QUEUE * sizeof *fv->queue);
  memset(fv->order, 0, FV_ORDERS * sizeof *fv->order);
  memset(fv->queue, 0, FV_QUEUE * sizeof *fv->queue);
  fv->trade = aligned_alloc(64, FV_TRADES * sizeof *fv->trade);
  fv->epoch = 7;
  fv->next_trades_ns = UINT64_MAX;
  tg_chain_init(&fv->chain, "test");
  core_open(fv, poison);
}

void fv_reopen(fv_t *fv, uint8_t poison) {
  fv->epoch++;
  core_open(fv, poison);
}

void fv_drop(fv_t *fv) {
  free(fv->arena.base);
  fv->arena.base = NULL;
  fv->core = NULL;
  fv->want_gen = 0;
  fv->next_trades_ns = UINT64_MAX;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < fv->queue_cnt; i++) {
    if (fv->queue[i].is_request && chance(fv, 500)) fv->queue[kept++] = fv->queue[i];
  }
  fv->queue_cnt = kept;
}
static void link_up(fv_t *fv, tg_session_t session, bool up) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv->now_ns);
  msg.u.link = (tg_link_t){.session = (uint8_t)session, .up = up, .gen = 1, .last_rx_ns = fv->now_ns};
  fv_feed(fv, &msg);
}

void fv_remember(fv_t *fv) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RESTORE_POS, 0, fv->now_ns);
  msg.u.restore_pos = (tg_out_position_t){
      .qty_lots = fv->pos, .cost_e8 = fv->cost_e8, .realised_e8 = fv->realised_e8, .commission_e8 = fv->commission_e8};
  fv_feed(fv, &msg);
  tg_msg_init(&msg, TG_RESTORE_DONE, TG_INSTR_NONE, fv->now_ns);
  msg.u.restore_done = (tg_restore_done_t){.from_epoch = 6, .position_cnt = 1};
  fv_feed(fv, &msg);
}

void fv_start(fv_t *fv) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, fv->now_ns);
  msg.u.cfg_done.timer_no = fv->epoch;
  fv_feed(fv, &msg);
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, fv->now_ns);
  msg.u.health = (tg_health_t){.what = TG_HEALTH_START, .ok = 1};
  fv_feed(fv, &msg);
  for (unsigned s = TG_SESSION_PUBLIC; s <= TG_SESSION_REST; s++) link_up(fv, (tg_session_t)s, true);
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, fv->now_ns);
  msg.u.clock = (tg_clock_msg_t){.offset_ns = 1000, .error_ns = 200000};
  fv_feed(fv, &msg);
  mark(fv);
}

void fv_close(fv_t *fv) {
  free(fv->arena.base);
  free(fv->order);
  free(fv->queue);
  free(fv->trade);
}

static void walk(fv_t *fv) {
  int64_t step = (int64_t)below(fv, (uint64_t)fv->stride * 2 + 1) - fv->stride;
  fv->bid += step;
  fv->ask = fv->bid + 1 + (int64_t)below(fv, 5);
  for (uint32_t i = fv->order_cnt > 400 ? fv->order_cnt - 400 : 0; i < fv->order_cnt; i++) {
    fv_order_t *o = &fv->order[i];
    if (!o->open || !would_take(fv, o->side, o->px)) continue;
    int64_t rest = o->qty - o->cum;
    fill(fv, o, chance(fv, 300) && rest > 1 ? 1 + (int64_t)below(fv, (uint64_t)rest) : rest);
  }
  for (uint32_t i = fv->order_cnt > 400 ? fv->order_cnt - 400 : 0; i < fv->order_cnt; i++) {
    fv_order_t *o = &fv->order[i];
    if (!o->open) continue;
    if (would_take(fv, o->side, o->px)) fill(fv, o, o->qty - o->cum); /* nothing rests through the touch */
    if (o->open && chance(fv, fv->faults.cancel_by_venue)) {
      o->open = 0;
      o->status = chance(fv, 500) ? TG_STATUS_CANCELED : TG_STATUS_EXPIRED;
      stream_order(fv, o, o->status == TG_STATUS_CANCELED ? TG_EXEC_CANCELED : TG_EXEC_EXPIRED);
    }
  }
  top(fv);
}

static void due(fv_t *fv) {
  while (fv->queue_cnt > 0 && fv->queue[fv->queue_cnt - 1].at_ns <= fv->now_ns) {
    fv_event_t ev = fv->queue[--fv->queue_cnt];
    if (ev.is_request) {
      arrive(fv, &ev);
    } else {
      ev.msg.ts_ns = fv->now_ns;
      if (ev.msg.kind == TG_EX_ORDER)
        ev.msg.u.ex_order.venue_lag_ms =
            (int32_t)((int64_t)(fv->now_ns / MS) - ((int64_t)ev.made_ns + fv->venue_clock_ns) / (int64_t)MS);
      fv_feed(fv, &ev.msg);
    }
  }
}

void fv_run(fv_t *fv, uint64_t ns) {
  uint64_t end = fv->now_ns + ns;
  while (fv->now_ns < end) {
    fv->now_ns += 500000 + below(fv, 1000000);
    due(fv);
    if (chance(fv, 300)) walk(fv);
    if (fv->now_ns >= fv->next_depth_ns) {
      depth_event(fv);
      fv->next_depth_ns = fv->now_ns + 100 * MS;
    }
    if (fv->want_gen != 0) {
      uint32_t gen = fv->want_gen;
      fv->want_gen = 0;
      depth_snapshot(fv, gen);
    }
    if (fv->now_ns >= fv->next_mark_ns) {
      mark(fv);
      fv->next_mark_ns = fv->now_ns + 1000 * MS;
    }
    if (fv->now_ns >= fv->next_timer_ns) {
      send_simple(fv, TG_TIMER);
      fv->next_timer_ns = fv->now_ns + 10 * MS;
    }
    if (fv->now_ns >= fv->next_trades_ns) {
      fv->next_trades_ns = fv->now_ns + 1000 * MS;
      fv_user_trades(fv, fv->trade_id > 200 ? fv->trade_id - 200 : 1, TG_F_LOST);
    }
    if (fv->now_ns >= fv->next_sync_ns && fv->core != NULL) {
      fv->next_sync_ns = fv->halt_sync ? UINT64_MAX : fv->now_ns + 2000 * MS;
      snapshot(fv);
    }
  }
}

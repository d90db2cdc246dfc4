#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "tools/tickgate/drill.h"

#define START_NS UINT64_C(1750000000000000000)
#define MS ((uint64_t)TG_NS_PER_MS)
enum { TICK_MS = 10, DEPTH_MS = 100, MARK_MS = 1000, SYNC_MS = 2000 };

/* ---- the venue ---- */

static void queue_put(dw_t *w, const tg_msg_t *msg) {
  TG_ASSERT(w->queue_cnt < DW_QUEUE); /* one step's answers */
  w->queue[w->queue_cnt++] = *msg;
}

static dw_order_t *find(dw_t *w, uint64_t client_id) {
  for (uint32_t i = 0; i < w->order_cnt; i++) {
    if (w->order[i].client_id == client_id) return &w->order[i];
  }
  return NULL;
}

static void stream(dw_t *w, const dw_order_t *o, tg_order_status_t status, tg_exec_t exec) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ORDER, 0, w->now_ns);
  msg.u.ex_order = (tg_ex_order_t){.client_id = o->client_id,
                                   .order_id = o->order_id,
                                   .px_ticks = o->px,
                                   .qty_lots = o->qty,
                                   .cum_qty_lots = o->cum,
                                   .status = (uint8_t)status,
                                   .exec = (uint8_t)exec,
                                   .side = o->side};
  queue_put(w, &msg);
}

static void answer(dw_t *w, const tg_out_order_t *req, tg_request_t request, tg_outcome_t outcome, int16_t code,
                   const dw_order_t *o) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_ANSWER, 0, w->now_ns);
  msg.u.ex_answer = (tg_ex_answer_t){.client_id = req->client_id,
                                     .order_id = o ? o->order_id : 0,
                                     .px_ticks = o ? o->px : 0,
                                     .qty_lots = o ? o->qty : 0,
                                     .cum_qty_lots = o ? o->cum : 0,
                                     .venue_code = code,
                                     .http_status = outcome == TG_OUTCOME_CONFIRMED ? 200
                                                    : outcome == TG_OUTCOME_REFUSED ? 400
                                                                                    : 0,
                                     .request = (uint8_t)request,
                                     .outcome = (uint8_t)outcome,
                                     .status = o ? o->open ? TG_STATUS_NEW : TG_STATUS_CANCELED : 0};
  queue_put(w, &msg);
}

static void take_place(dw_t *w, const tg_out_order_t *req) {
  dw_fate_t fate = w->fate_at < w->fate_cnt ? w->fate[w->fate_at++] : DW_ANSWER;
  if (fate == DW_LOST || w->order_cnt == DW_ORDERS) return;
  dw_order_t *o = &w->order[w->order_cnt++];
  *o = (dw_order_t){.client_id = req->client_id,
                    .order_id = 1000 + (int64_t)w->order_cnt,
                    .px = req->px_ticks,
                    .qty = req->qty_lots,
                    .side = req->side,
                    .open = true};
  tg_client_id_print(req->client_id, o->client);
  if (fate == DW_ANSWER) {
    answer(w, req, TG_REQUEST_PLACE, TG_OUTCOME_CONFIRMED, 0, o);
    stream(w, o, TG_STATUS_NEW, TG_EXEC_NEW);
  } else if (fate == DW_UNKNOWN) {
    answer(w, req, TG_REQUEST_PLACE, TG_OUTCOME_UNKNOWN, -1007, NULL);
  }
}

static void take_amend(dw_t *w, const tg_out_order_t *req) {
  dw_order_t *o = find(w, req->client_id);
  if (!o || !o->open) {
    answer(w, req, TG_REQUEST_AMEND, TG_OUTCOME_REFUSED, -2013, NULL);
    return;
  }
  o->px = req->px_ticks;
  o->qty = req->qty_lots;
  answer(w, req, TG_REQUEST_AMEND, TG_OUTCOME_CONFIRMED, 0, o);
  stream(w, o, TG_STATUS_NEW, TG_EXEC_AMENDMENT);
}

static void take_cancel(dw_t *w, const tg_out_order_t *req) {
  dw_order_t *o = find(w, req->client_id);
  if (w->deaf) return;
  if (!o || !o->open) {
    answer(w, req, TG_REQUEST_CANCEL, TG_OUTCOME_REFUSED, -2011, NULL);
    return;
  }
  o->open = false;
  answer(w, req, TG_REQUEST_CANCEL, TG_OUTCOME_CONFIRMED, 0, o);
  stream(w, o, TG_STATUS_CANCELED, TG_EXEC_CANCELED);
}

static void take_query(dw_t *w, const tg_out_order_t *req) {
  dw_order_t *o = find(w, req->client_id);
  if (o)
    answer(w, req, TG_REQUEST_QUERY, TG_OUTCOME_CONFIRMED, 0, o);
  else
    answer(w, req, TG_REQUEST_QUERY, TG_OUTCOME_REFUSED, -2013, NULL);
}

void dw_cancel(dw_t *w, dw_order_t *o) {
  if (!o->open) return;
  o->open = false;
  if (o->client_id) stream(w, o, TG_STATUS_CANCELED, TG_EXEC_CANCELED);
}

void dw_fill(dw_t *w, dw_order_t *o, int64_t qty) {
  o->cum += qty;
  o->open = o->cum < o->qty;
  w->position += o->side == TG_BUY ? qty : -qty;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_EX_FILL, 0, w->now_ns);
  msg.flags = (uint8_t)(TG_F_MAKER | (o->side == TG_SELL ? TG_F_ASK : 0));
  msg.u.ex_fill = (tg_ex_fill_t){.client_id = o->client_id, .trade_id = ++w->trade_id, .px_ticks = o->px, .qty_lots = qty};
  queue_put(w, &msg);
  stream(w, o, o->open ? TG_STATUS_PARTIALLY_FILLED : TG_STATUS_FILLED, TG_EXEC_TRADE);
}

uint32_t dw_open_cnt(const dw_t *w, bool ours) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < w->order_cnt; i++) cnt += w->order[i].open && (w->order[i].client_id != 0) == ours;
  return cnt;
}

void dw_orders_json(const dw_t *w, char *buf, size_t cap) {
  size_t used = (size_t)snprintf(buf, cap, "[");
  for (uint32_t i = 0; i < w->order_cnt && used < cap; i++) {
    const dw_order_t *o = &w->order[i];
    if (!o->open) continue;
    int n = snprintf(
        buf + used, cap - used,
        "%s{\"orderId\":%lld,\"symbol\":\"BTCUSDT\",\"status\":\"%s\",\"clientOrderId\":\"%.20s\",\"price\":\"%lld.%lld\","
        "\"origQty\":\"%lld.%03lld\",\"executedQty\":\"%lld.%03lld\",\"side\":\"%s\",\"type\":\"LIMIT\","
        "\"timeInForce\":\"GTX\",\"reduceOnly\":false,\"updateTime\":%llu}",
        used > 1 ? "," : "", (long long)o->order_id, o->cum ? "PARTIALLY_FILLED" : "NEW", o->client, (long long)(o->px / 10),
        (long long)(o->px % 10), (long long)(o->qty / 1000), (long long)(o->qty % 1000), (long long)(o->cum / 1000),
        (long long)(o->cum % 1000), o->side == TG_SELL ? "SELL" : "BUY", (unsigned long long)(w->now_ns / MS));
    if (n > 0) used += (size_t)n;
  }
  if (used < cap) snprintf(buf + used, cap - used, "]");
}

/* ---- market and account ---- */

static void md_levels(dw_t *w, bool ask, bool last, int64_t px) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_LEVELS, 0, w->now_ns);
  msg.flags = (uint8_t)((ask ? TG_F_ASK : 0) | (last ? TG_F_LAST : 0));
  msg.u.md_levels.level[0] = (tg_md_level_t){px, 900};
  queue_put(w, &msg);
}

static void md_depth(dw_t *w, uint64_t first, uint64_t last, uint64_t prev, uint32_t gen, bool snapshot) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, w->now_ns);
  msg.flags = snapshot ? TG_F_SNAPSHOT : 0;
  msg.u.md_depth = (tg_md_depth_t){.first_id = first,
                                   .last_id = last,
                                   .prev_id = prev,
                                   .venue_ms = (int64_t)(w->now_ns / MS),
                                   .bid_cnt = 1,
                                   .ask_cnt = 1,
                                   .gen = gen};
  queue_put(w, &msg);
  md_levels(w, false, false, w->bid);
  md_levels(w, true, true, w->ask);
}

static void md_mark(dw_t *w) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_MARK, 0, w->now_ns);
  msg.u.md_mark.mark_e8 = msg.u.md_mark.index_e8 = (w->bid + w->ask) * INT64_C(5000000);
  queue_put(w, &msg);
}

static void snapshot(dw_t *w) {
  tg_msg_t msg;
  int64_t venue_ms = (int64_t)(w->now_ns / MS);
  tg_msg_init(&msg, TG_ACC_BEGIN, TG_INSTR_NONE, w->now_ns);
  msg.u.acc_begin = (tg_acc_begin_t){.snapshot_no = ++w->snapshot_no,
                                     .venue_ms = venue_ms,
                                     .asked_ns = w->now_ns,
                                     .position_cnt = 1,
                                     .order_cnt = dw_open_cnt(w, true) + dw_open_cnt(w, false),
                                     .balance_cnt = 1};
  tg_acc_begin_t head = msg.u.acc_begin;
  queue_put(w, &msg);
  tg_msg_init(&msg, TG_ACC_POSITION, 0, w->now_ns);
  msg.u.acc_position = (tg_ex_position_t){.qty_lots = w->position,
                                          .entry_e8 = w->position ? INT64_C(6000000000000) : 0,
                                          .position_side = TG_PSIDE_BOTH,
                                          .leverage = 20,
                                          .venue_ms = venue_ms};
  queue_put(w, &msg);
  for (uint32_t i = 0; i < w->order_cnt; i++) {
    const dw_order_t *o = &w->order[i];
    if (!o->open) continue;
    tg_msg_init(&msg, TG_ACC_ORDER, 0, w->now_ns);
    if (!o->client_id) msg.flags = TG_F_FOREIGN;
    msg.u.acc_order = (tg_acc_order_t){.client_id = o->client_id ? o->client_id : 42,
                                       .order_id = o->order_id,
                                       .px_ticks = o->px,
                                       .qty_lots = o->qty,
                                       .cum_qty_lots = o->cum,
                                       .side = o->side,
                                       .status = TG_STATUS_NEW,
                                       .type = TG_TYPE_LIMIT};
    queue_put(w, &msg);
  }
  tg_msg_init(&msg, TG_ACC_BALANCE, TG_INSTR_NONE, w->now_ns);
  msg.u.acc_balance = (tg_ex_balance_t){
      .wallet_e8 = INT64_C(100000) * TG_E8, .available_e8 = INT64_C(90000) * TG_E8, .venue_ms = venue_ms, .asset = "USDT"};
  queue_put(w, &msg);
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, w->now_ns);
  msg.u.acc_end = head;
  queue_put(w, &msg);
}

/* ---- the core ---- */

static void take_output(dw_t *w, const tg_msg_t *msg) {
  w->kind_cnt[msg->kind]++;
  switch (msg->kind) {
    case TG_OUT_PLACE:
      if (w->placed_after_ns && w->now_ns >= w->placed_after_ns) w->placed_after_cnt++;
      take_place(w, &msg->u.out_place);
      break;
    case TG_OUT_AMEND:
      take_amend(w, &msg->u.out_amend);
      break;
    case TG_OUT_CANCEL:
      take_cancel(w, &msg->u.out_cancel);
      break;
    case TG_OUT_QUERY:
      take_query(w, &msg->u.out_query);
      break;
    case TG_OUT_SNAPSHOT:
      md_depth(w, w->update_id, w->update_id, 0, msg->u.out_snapshot.request_no, true);
      break;
    case TG_OUT_SYNC:
      if (!w->manual_sync) w->sync_ns = w->now_ns + MS;
      break;
    case TG_OUT_ALARM:
      w->alarm_cnt[msg->u.out_alarm.what & 63u]++;
      break;
    default:
      break;
  }
}

static void step(dw_t *w, const tg_msg_t *in) {
  tg_msg_batch_t out = {w->out_mem, 0, TG_ARRAY_CNT(w->out_mem)};
  int err = tg_core_step(w->core, in, &out);
  TG_ASSERT(err == 0); /* the batch is empty */
  for (uint32_t i = 0; i < out.cnt; i++) {
    tg_msg_t line = out.msg[i];
    take_output(w, &line);
  }
}

static void drain(dw_t *w) {
  for (uint32_t i = 0; i < w->queue_cnt; i++) { /* answers may lead to more */
    tg_msg_t msg = w->queue[i];
    msg.ts_ns = w->now_ns;
    step(w, &msg);
  }
  w->queue_cnt = 0;
}

void dw_feed(dw_t *w, const tg_msg_t *msg) {
  tg_msg_t now = *msg;
  if (now.ts_ns == 0) now.ts_ns = w->now_ns;
  step(w, &now);
  drain(w);
}

void dw_set(dw_t *w, const char *key, int64_t value) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SET, TG_INSTR_NONE, w->now_ns);
  msg.u.cfg_set.key_hash = tg_conf_key_hash(key);
  msg.u.cfg_set.value = value;
  dw_feed(w, &msg);
}

void dw_cmd(dw_t *w, tg_verb_t verb) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CMD, TG_INSTR_NONE, w->now_ns);
  msg.u.cmd.verb = (uint8_t)verb;
  msg.u.cmd.role = TG_ROLE_RISK;
  msg.u.cmd.cmd_no = 1;
  dw_feed(w, &msg);
}

void dw_run(dw_t *w, uint64_t ms) {
  for (uint64_t end = w->now_ns + ms * MS; w->now_ns < end;) {
    w->now_ns += TICK_MS * MS;
    drain(w);
    tg_msg_t msg;
    if (w->now_ns >= w->depth_ns) {
      w->depth_ns = w->now_ns + DEPTH_MS * MS;
      uint64_t prev = w->update_id;
      w->update_id += 10;
      md_depth(w, prev + 1, w->update_id, prev, 1, false);
      tg_msg_init(&msg, TG_MD_TOP, 0, w->now_ns);
      msg.u.md_top = (tg_md_top_t){w->bid, 900, w->ask, 900, w->update_id + 1, (int64_t)(w->now_ns / MS)};
      queue_put(w, &msg);
    }
    if (w->now_ns >= w->mark_ns) {
      w->mark_ns = w->now_ns + MARK_MS * MS;
      md_mark(w);
      tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, w->now_ns);
      msg.u.health = (tg_health_t){.what = TG_HEALTH_COLD, .ok = 1};
      queue_put(w, &msg);
    }
    if (!w->manual_sync && w->now_ns >= w->sync_ns) {
      w->sync_ns = w->now_ns + SYNC_MS * MS;
      snapshot(w);
    }
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, w->now_ns);
    queue_put(w, &msg);
    drain(w);
  }
}

unsigned dw_state(const dw_t *w) {
  tg_view_main_t view;
  tg_core_view_main(w->core, &view);
  return (unsigned)view.state;
}

/* ---- life ---- */

static void config(dw_t *w) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, w->now_ns);
  msg.u.cfg_symbol = (tg_cfg_symbol_t){.symbol = "BTCUSDT",
                                       .margin_asset = "USDT",
                                       .px_dec = 1,
                                       .qty_dec = 3,
                                       .allowlisted = 1,
                                       .product = TG_PRODUCT_USDM,
                                       .status = 1,
                                       .px_unit = 1,
                                       .qty_unit = 1};
  dw_feed(w, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, w->now_ns);
  msg.u.cfg_filter.u.first.min_px_ticks = 1000;
  msg.u.cfg_filter.u.first.max_px_ticks = 50000000;
  msg.u.cfg_filter.u.first.min_qty_lots = 1;
  msg.u.cfg_filter.u.first.max_qty_lots = 1000000;
  msg.u.cfg_filter.u.first.min_notional_e8 = 100 * TG_E8;
  msg.u.cfg_filter.u.first.max_orders = 200;
  dw_feed(w, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, w->now_ns);
  msg.flags = TG_F_SECOND;
  msg.u.cfg_filter.u.second.mult_up_bps = 10500;
  msg.u.cfg_filter.u.second.mult_down_bps = 9500;
  msg.u.cfg_filter.u.second.market_min_qty_lots = 1;
  msg.u.cfg_filter.u.second.market_max_qty_lots = 100000;
  msg.u.cfg_filter.u.second.maker_fee_e8 = 20000;
  msg.u.cfg_filter.u.second.taker_fee_e8 = 50000;
  dw_feed(w, &msg);
  dw_set(w, "engine.mode", TG_MODE_SIM - 1);
  dw_set(w, "engine.armed", 1);
  dw_set(w, "fsm.cooldown_ms", 200);
  dw_set(w, "grid.level_notional", 1000 * TG_E8);
}

static void start(dw_t *w) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, w->now_ns);
  msg.u.cfg_done.timer_no = 7;
  dw_feed(w, &msg);
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, w->now_ns);
  msg.u.health = (tg_health_t){.what = TG_HEALTH_START, .ok = 1};
  dw_feed(w, &msg);
  for (unsigned s = TG_SESSION_PUBLIC; s <= TG_SESSION_REST; s++) {
    tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, w->now_ns);
    msg.u.link = (tg_link_t){.session = (uint8_t)s, .up = 1, .gen = 1, .last_rx_ns = w->now_ns};
    dw_feed(w, &msg);
  }
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, w->now_ns);
  msg.u.clock = (tg_clock_msg_t){.offset_ns = 1000, .error_ns = 200000};
  dw_feed(w, &msg);
}

dw_t *dw_open(void) {
  dw_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
  if (!w) return NULL;
  memset(w, 0, sizeof *w);
  w->queue = aligned_alloc(TG_CACHE_LINE, DW_QUEUE * sizeof *w->queue);
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  tg_core_cfg_t cfg = tg_core_cfg_make(&conf, 1);
  cfg.book_level_cap = 64;
  cfg.book_event_cap = 256;
  cfg.trade_cap = 4096;
  tg_arena_t count;
  tg_arena_count(&count);
  int err = w->queue ? tg_core_layout(&count, &w->core, &cfg) : -TG_ENOMEM;
  if (!err) err = tg_arena_map(&w->arena, count.used_bytes);
  if (!err) err = tg_core_layout(&w->arena, &w->core, &cfg);
  if (err) {
    dw_close(w);
    return NULL;
  }
  w->now_ns = START_NS;
  w->bid = 600000;
  w->ask = 600001;
  w->update_id = 1000;
  config(w);
  start(w);
  dw_run(w, 2000);
  return w;
}

void dw_close(dw_t *w) {
  if (!w) return;
  if (w->arena.base) tg_arena_unmap(&w->arena);
  free(w->queue);
  free(w);
}

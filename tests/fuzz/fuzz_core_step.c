/* The core under messages that make no sense: every input is a run of records {kind, flags, instrument, time step, 48 payload
 * bytes} after a sane start. It may count, alarm and refuse; it must not assert, and its own invariants must hold. */
#include <stdlib.h>
#include <string.h>

#include "engine/core/core.h"
#include "engine/core/core_state.h"

#define RECORD_BYTES 52u
#define START_NS UINT64_C(1750000000000000000)

typedef struct rig {
  tg_core_t *core;
  uint8_t *mem;
  size_t bytes;
  uint64_t now_ns;
  tg_msg_t out[512];
} rig_t;

static const uint8_t kinds[] = {TG_MD_TOP,
                                TG_MD_DEPTH,
                                TG_MD_LEVELS,
                                TG_MD_TRADE,
                                TG_MD_MARK,
                                TG_MD_LIQ,
                                TG_MD_KLINE,
                                TG_EX_ORDER,
                                TG_EX_FILL,
                                TG_EX_ANSWER,
                                TG_EX_BALANCE,
                                TG_EX_CONFIG,
                                TG_ACC_BEGIN,
                                TG_ACC_POSITION,
                                TG_ACC_ORDER,
                                TG_ACC_BALANCE,
                                TG_ACC_END,
                                TG_LINK,
                                TG_CLOCK,
                                TG_RATE,
                                TG_TIMER,
                                TG_PRESSURE,
                                TG_HEALTH,
                                TG_CMD,
                                TG_CFG_SYMBOL,
                                TG_CFG_FILTER,
                                TG_CFG_SET,
                                TG_CFG_DONE,
                                TG_EX_POSITION,
                                TG_OUT_PLACE,
                                0,
                                127,
                                TG_RESTORE_ORDER,
                                TG_DAY,
                                TG_DECISION};

/* What a former run may have left, before CFG_DONE. */
static const uint8_t restores[] = {TG_RESTORE_ORDER, TG_RESTORE_POS, TG_RESTORE_TRADES, TG_RESTORE_DONE};
#define RESTORES_MAX 6u

static void feed(rig_t *r, tg_msg_t *msg) {
  tg_msg_batch_t out = {r->out, 0, 512};
  msg->ts_ns = r->now_ns;
  if (tg_core_step(r->core, msg, &out) != 0) abort();
}

static void open_core(rig_t *r) {
  tg_core_conf_t conf;
  tg_core_conf_defaults(&conf);
  tg_core_cfg_t cfg = tg_core_cfg_make(&conf, 2);
  cfg.order_cap = 32;
  cfg.trade_cap = 64;
  cfg.book_level_cap = 64;
  cfg.book_event_cap = 64;
  if (r->mem == NULL) {
    tg_arena_t count;
    tg_arena_count(&count);
    if (tg_core_layout(&count, &r->core, &cfg) != 0) abort();
    r->bytes = (count.used_bytes + 4095) / 4096 * 4096;
    r->mem = aligned_alloc(4096, r->bytes);
  }
  memset(r->mem, 0, r->bytes);
  tg_arena_t arena = {.base = r->mem, .size_bytes = r->bytes};
  if (tg_core_layout(&arena, &r->core, &cfg) != 0) abort();
  r->now_ns = START_NS;
}

static void set(rig_t *r, const char *key, int64_t value) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SET, TG_INSTR_NONE, 0);
  msg.u.cfg_set.key_hash = tg_conf_key_hash(key);
  msg.u.cfg_set.value = value;
  feed(r, &msg);
}

/* Records whose first byte says so are told as a former run's; how many bytes that took. */
static size_t restore(rig_t *r, const uint8_t *data, size_t size) {
  size_t at = 0;
  for (unsigned i = 0; i < RESTORES_MAX && at + RECORD_BYTES <= size && data[at] >= 0xF0; i++, at += RECORD_BYTES) {
    tg_msg_t msg;
    memset(&msg, 0, sizeof msg);
    msg.kind = restores[data[at] & 3];
    msg.flags = data[at + 1];
    msg.instr_idx = data[at + 2] < 240 ? 0 : data[at + 2];
    memcpy(&msg.u, data + at + 4, TG_PAYLOAD_BYTES);
    if (data[at + 3] & 1) { /* small numbers: likely to be taken */
      for (unsigned w = 0; w < 6; w++) msg.u.word[w] &= 0xFFFF;
      if (msg.kind == TG_RESTORE_ORDER) msg.u.restore_order.side &= 1;
    }
    feed(r, &msg);
    tg_core_check(r->core);
  }
  return at;
}

static size_t configure(rig_t *r, const uint8_t *data, size_t size) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 0);
  msg.u.cfg_symbol = (tg_cfg_symbol_t){.symbol = "BTCUSDT",
                                       .margin_asset = "USDT",
                                       .px_dec = 1,
                                       .qty_dec = 3,
                                       .allowlisted = 1,
                                       .product = TG_PRODUCT_USDM,
                                       .status = 1,
                                       .px_unit = 1,
                                       .qty_unit = 1};
  feed(r, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, 0);
  msg.u.cfg_filter.u.first.min_px_ticks = 10;
  msg.u.cfg_filter.u.first.max_px_ticks = 50000000;
  msg.u.cfg_filter.u.first.min_qty_lots = 1;
  msg.u.cfg_filter.u.first.max_qty_lots = 1000000;
  msg.u.cfg_filter.u.first.min_notional_e8 = 5 * TG_E8;
  feed(r, &msg);
  set(r, "engine.mode", TG_MODE_SIM - 1);
  set(r, "engine.armed", 1);
  set(r, "grid.min_requote_ms", 0);
  size_t used = restore(r, data, size);
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, 0);
  msg.u.cfg_done.timer_no = 3;
  feed(r, &msg);
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, 0);
  msg.u.health.what = TG_HEALTH_START;
  msg.u.health.ok = 1;
  feed(r, &msg);
  for (uint8_t s = TG_SESSION_PUBLIC; s <= TG_SESSION_ORDER; s++) {
    tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, 0);
    msg.u.link.session = s;
    msg.u.link.up = 1;
    feed(r, &msg);
  }
  tg_msg_init(&msg, TG_CLOCK, TG_INSTR_NONE, 0);
  feed(r, &msg);
  tg_msg_init(&msg, TG_MD_MARK, 0, 0);
  msg.u.md_mark.mark_e8 = INT64_C(6000000000000);
  feed(r, &msg);
  return used;
}

static void account(rig_t *r) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_ACC_BEGIN, TG_INSTR_NONE, 0);
  msg.u.acc_begin = (tg_acc_begin_t){.snapshot_no = 1, .asked_ns = r->now_ns, .balance_cnt = 1};
  feed(r, &msg);
  tg_msg_init(&msg, TG_ACC_BALANCE, TG_INSTR_NONE, 0);
  msg.u.acc_balance =
      (tg_ex_balance_t){.wallet_e8 = INT64_C(100000) * TG_E8, .available_e8 = INT64_C(90000) * TG_E8, .asset = "USDT"};
  feed(r, &msg);
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, 0);
  msg.u.acc_end = (tg_acc_begin_t){.snapshot_no = 1, .asked_ns = r->now_ns, .balance_cnt = 1};
  feed(r, &msg);
}

static void depth(rig_t *r, uint64_t first, uint64_t last, uint64_t prev, uint8_t flags) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_DEPTH, 0, 0);
  msg.flags = flags;
  msg.u.md_depth = (tg_md_depth_t){.first_id = first, .last_id = last, .prev_id = prev, .bid_cnt = 1, .ask_cnt = 1};
  feed(r, &msg);
  tg_msg_init(&msg, TG_MD_LEVELS, 0, 0);
  msg.u.md_levels.level[0] = (tg_md_level_t){600000, 900};
  feed(r, &msg);
  tg_msg_init(&msg, TG_MD_LEVELS, 0, 0);
  msg.flags = TG_F_ASK | TG_F_LAST;
  msg.u.md_levels.level[0] = (tg_md_level_t){600001, 900};
  feed(r, &msg);
}

/* A record's message; ids and amounts are pulled towards what exists, or half of the run would be strangers. */
static void make(const rig_t *r, const uint8_t *at, tg_msg_t *msg) {
  memset(msg, 0, sizeof *msg);
  msg->kind = kinds[at[0] % TG_ARRAY_CNT(kinds)];
  msg->flags = at[1];
  msg->instr_idx = at[2] < 200 ? 0 : at[2] < 220 ? 1 : at[2] < 240 ? TG_INSTR_NONE : at[2];
  memcpy(&msg->u, at + 4, TG_PAYLOAD_BYTES);
  if (!(at[2] & 1)) return; /* raw */
  for (unsigned i = 0; i < 6; i++) msg->u.word[i] &= 0xFFFFF;
  if (msg->kind != TG_EX_ORDER && msg->kind != TG_EX_FILL && msg->kind != TG_EX_ANSWER) return;
  memcpy(&msg->u, at + 4, TG_PAYLOAD_BYTES);
  uint64_t id = r->core->orders.order[at[4] % r->core->orders.cap].client_id;
  msg->u.ex_order.client_id = id;
  for (unsigned i = 1; i < 5; i++) msg->u.word[i] &= 0xFFFF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rig_t rig;
  open_core(&rig);
  size_t used = configure(&rig, data, size);
  account(&rig);
  depth(&rig, 1, 10, 0, 0);
  depth(&rig, 5, 5, 0, TG_F_SNAPSHOT);
  rig.now_ns += 1000;
  depth(&rig, 11, 20, 10, 0);
  for (size_t at = used; at + RECORD_BYTES <= size; at += RECORD_BYTES) {
    tg_msg_t msg;
    rig.now_ns += (uint64_t)data[at + 3] * data[at + 3] * 100000;
    make(&rig, data + at, &msg);
    feed(&rig, &msg);
    tg_core_check(rig.core);
  }
  return 0;
}

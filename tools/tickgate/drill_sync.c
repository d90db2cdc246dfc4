/* drill_sync.c - account truth: each of the eight mismatch rules, from the venue's JSON through the codecs, the cold side's
 * checks and the core, with the policy that the settings ask for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_rest.h"
#include "engine/cold/sync.h"
#include "engine/core/lifecycle.h"
#include "engine/core/order.h"
#include "tools/tickgate/drill.h"

enum { BODY_BYTES = 1 << 16, BATCH = 4096 };

typedef struct sync_rig {
  dw_t *world;
  tg_symtab_t symtab;
  tg_sync_t *sync;
  tg_msg_t *part, *out;
  char orders[BODY_BYTES], positions[BODY_BYTES], balances[512];
  uint64_t now_ms; /* the venue's time in the snapshot */
  bool dual;
} sync_rig_t;

static bool symbol_of(void *user, uint16_t instr_idx, const char **symbol, tg_scale_t *px, tg_scale_t *qty) {
  const sync_rig_t *rig = user;
  const tg_sym_t *sym = tg_symtab_instr(&rig->symtab, instr_idx);
  if (!sym) return false;
  *symbol = sym->name;
  *px = sym->px;
  *qty = sym->qty;
  return true;
}

static void rig_free(sync_rig_t *rig) {
  if (!rig) return;
  dw_close(rig->world);
  free(rig->sync);
  free(rig->part);
  free(rig->out);
  free(rig);
}

static sync_rig_t *rig_make(void) {
  sync_rig_t *rig = calloc(1, sizeof *rig);
  if (!rig) return NULL;
  rig->world = dw_open();
  rig->sync = aligned_alloc(TG_CACHE_LINE, (sizeof *rig->sync + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
  rig->part = aligned_alloc(TG_CACHE_LINE, BATCH * sizeof *rig->part);
  rig->out = aligned_alloc(TG_CACHE_LINE, (TG_SYNC_MSG_MAX + 3) * sizeof *rig->out);
  if (!rig->world || !rig->sync || !rig->part || !rig->out) {
    rig_free(rig);
    return NULL;
  }
  tg_symtab_init(&rig->symtab);
  tg_scale_t px = {1, 1}, qty = {3, 1};
  tg_sync_cfg_t cfg = {.period_ns = 1,
                       .timeout_ns = 10 * (uint64_t)TG_NS_PER_S,
                       .alert_age_ns = 120 * (uint64_t)TG_NS_PER_S,
                       .data_alert_age_ns = 300 * (uint64_t)TG_NS_PER_S,
                       .map = {rig, symbol_of}};
  if (tg_symtab_add(&rig->symtab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty) != 0 || tg_sync_init(rig->sync, &cfg) != 0) {
    rig_free(rig);
    return NULL;
  }
  rig->world->manual_sync = true;
  dw_run(rig->world, 500); /* what was under way is through */
  return rig;
}

/* The venue's text as it stands now; a drill bends it before `send`. */
static void text(sync_rig_t *rig) {
  dw_t *w = rig->world;
  rig->now_ms = w->now_ns / (uint64_t)TG_NS_PER_MS;
  rig->dual = false;
  dw_orders_json(w, rig->orders, sizeof rig->orders);
  snprintf(rig->positions, sizeof rig->positions,
           "[{\"symbol\":\"BTCUSDT\",\"positionSide\":\"BOTH\",\"positionAmt\":\"%s%lld.%03lld\",\"entryPrice\":\"60000.0\","
           "\"markPrice\":\"60000.0\",\"unRealizedProfit\":\"0\",\"updateTime\":%llu}]",
           w->position < 0 ? "-" : "", llabs(w->position) / 1000, llabs(w->position) % 1000, (unsigned long long)rig->now_ms);
  snprintf(rig->balances, sizeof rig->balances,
           "[{\"asset\":\"USDT\",\"balance\":\"100000\",\"crossWalletBalance\":\"100000\",\"availableBalance\":\"90000\","
           "\"updateTime\":%llu}]",
           (unsigned long long)rig->now_ms);
}

typedef int (*decode_t)(tg_bn_acc_t *, const char *, size_t, uint64_t, tg_msg_batch_t *);

/* One round as the cold lane does it. Bits of rules broken on the cold side, negative: an error. */
static int64_t send(sync_rig_t *rig) {
  dw_t *w = rig->world;
  static const struct {
    uint32_t bit;
    decode_t decode;
  } query[] = {{TG_SYNC_WANT_POSITIONS, tg_bn_rest_positions},
               {TG_SYNC_WANT_ORDERS, tg_bn_rest_open_orders},
               {TG_SYNC_WANT_BALANCES, tg_bn_rest_balances}};
  const char *body[] = {rig->positions, rig->orders, rig->balances};
  tg_sync_want(rig->sync, TG_SYNC_WHY_CORE);
  w->now_ns += (uint64_t)TG_NS_PER_MS;
  if (tg_sync_turn(rig->sync, w->now_ns) != TG_SYNC_WANT_ALL) return -TG_EBUSY;
  w->now_ns += (uint64_t)TG_NS_PER_MS;
  int whole = 0;
  for (size_t i = 0; i < TG_ARRAY_CNT(query); i++) {
    tg_bn_acc_t acc;
    memset(&acc, 0, sizeof acc);
    acc.tab = &rig->symtab;
    tg_msg_batch_t batch = {rig->part, 0, BATCH};
    int cnt = query[i].decode(&acc, body[i], strlen(body[i]), w->now_ns, &batch);
    if (cnt < 0) return cnt;
    whole = tg_sync_part(rig->sync, query[i].bit, batch.msg, batch.cnt, rig->dual);
    if (whole < 0) return whole;
  }
  if (whole != 1) return -TG_EPROTO;
  tg_msg_batch_t out = {rig->out, 0, TG_SYNC_MSG_MAX + 3};
  int64_t broken = tg_sync_finish(rig->sync, w->now_ns, &out);
  for (uint32_t i = 0; broken >= 0 && i < out.cnt; i++) dw_feed(w, &out.msg[i]);
  return broken;
}

static void expect(drill_t *drill, int64_t got, uint32_t want, const char *rule) {
  drill_check(drill, got == (int64_t)want, "%s: the cold side finds %lld, %lld expected", rule, (long long)got,
              (long long)want);
}

static bool paused(const sync_rig_t *rig) {
  return dw_state(rig->world) == TG_FSM_PAUSED;
}

static void add_order(sync_rig_t *rig, const char *client, long long id) {
  char row[512];
  size_t len = strlen(rig->orders);
  snprintf(row, sizeof row,
           "%s{\"orderId\":%lld,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":\"%s\",\"price\":\"59000.0\","
           "\"origQty\":"
           "\"0.005\",\"executedQty\":\"0\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\",\"updateTime\":%llu}]",
           len > 2 ? "," : "", id, client, (unsigned long long)rig->now_ms);
  snprintf(rig->orders + len - 1, sizeof rig->orders - len + 1, "%s", row);
}

/* ---- rules that the cold side holds by itself: the core never sees such a snapshot ---- */

static void cold_rules(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  text(rig);
  expect(drill, send(rig), 0, "a sound snapshot");
  tg_view_main_t before, after;
  tg_core_view_main(rig->world->core, &before);

  text(rig);
  add_order(rig, "web_twice", 9);
  add_order(rig, "web_twice", 9);
  expect(drill, send(rig), 1u << TG_ACCT_DUPLICATE_KEY, "duplicate_key");

  dw_run(rig->world, 100);
  text(rig);
  snprintf(rig->positions, sizeof rig->positions, "[]");
  snprintf(rig->balances, sizeof rig->balances,
           "[{\"asset\":\"USDT\",\"balance\":\"1\",\"crossWalletBalance\":\"1\",\"availableBalance\":\"1\",\"updateTime\":5}]");
  expect(drill, send(rig), 1u << TG_ACCT_TS_REGRESSION, "ts_regression");

  text(rig);
  snprintf(
      rig->orders, sizeof rig->orders,
      "[{\"orderId\":9,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"clientOrderId\":\"web_1\",\"price\":\"60000.0\",\"origQty\":"
      "\"-0.010\",\"executedQty\":\"0\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"timeInForce\":\"GTC\",\"updateTime\":%llu}]",
      (unsigned long long)rig->now_ms);
  expect(drill, send(rig), drill->broken ? 0 : 1u << TG_ACCT_NEGATIVE_QTY, "negative_qty");

  tg_core_view_main(rig->world->core, &after);
  drill_check(drill, after.state == TG_FSM_ACTIVE && rig->sync->stats.rejected == 3,
              "none of the three was taken: %llu rejected", (unsigned long long)rig->sync->stats.rejected);
  rig_free(rig);
}

/* ---- rules of the core ---- */

static void side_mode(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  text(rig);
  rig->dual = true;
  expect(drill, send(rig), 1u << TG_ACCT_SIDE_MODE, "side_mode");
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_SIDE_MODE] == 1 && paused(rig),
              "side_mode: told, paused (mismatch.side_mode)");
  dw_cmd(rig->world, TG_VERB_RESUME);
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_CMD_REFUSED] == 1, "side_mode: RESUME is refused while it lasts");
  rig_free(rig);
}

static void orphan(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  for (int i = 0; i < 2; i++) {
    text(rig);
    add_order(rig, "web_stranger", 778);
    expect(drill, send(rig), 0, "foreign order");
  }
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_FOREIGN_ORDER] == 1 && dw_state(rig->world) == TG_FSM_ACTIVE,
              "a stranger's order is told once and changes nothing");
  uint64_t cancels = rig->world->kind_cnt[TG_OUT_CANCEL];
  for (int i = 0; i < 2; i++) {
    text(rig);
    add_order(rig, "tgs-3000020100000009", 777);
    expect(drill, send(rig), 0, "orphan_order");
  }
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_ORPHAN_ORDER] == 1, "orphan_order: told once (%llu)",
              (unsigned long long)rig->world->alarm_cnt[TG_ALARM_ORPHAN_ORDER]);
  drill_check(drill, paused(rig), "orphan_order: paused (mismatch.orphan_order)");
  (void)cancels;
  rig_free(rig);
}

static void missing(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  dw_set(rig->world, "sync.grace_ms", 10);
  dw_run(rig->world, 500);
  uint64_t asked = rig->world->kind_cnt[TG_OUT_QUERY];
  text(rig);
  snprintf(rig->orders, sizeof rig->orders, "[]");
  expect(drill, send(rig), 0, "missing_order");
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_MISSING_ORDER] > 0, "missing_order: told");
  drill_check(drill, rig->world->kind_cnt[TG_OUT_QUERY] > asked, "missing_order: asked for by client id");
  dw_run(rig->world, 500);
  tg_view_main_t view;
  tg_core_view_main(rig->world->core, &view);
  drill_check(drill, view.unknown_cnt == 0 && view.open_cnt > 0, "missing_order: the venue knew them, they live on");
  rig_free(rig);
}

/* The same difference in two snapshots, the second one asked for after the answer time-out. */
static void position_drift(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  rig->world->position = 4; /* the venue's; no execution told us */
  text(rig);
  expect(drill, send(rig), 0, "position_drift");
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_POSITION_DRIFT] == 0, "position_drift: at first sight it may be in flight");
  for (int i = 0; i < 8 && rig->world->alarm_cnt[TG_ALARM_POSITION_DRIFT] == 0; i++) {
    dw_run(rig->world, 1000);
    text(rig);
    expect(drill, send(rig), 0, "position_drift");
  }
  tg_view_instr_t instr;
  tg_core_view_instr(rig->world->core, 0, &instr);
  drill_check(drill, rig->world->alarm_cnt[TG_ALARM_POSITION_DRIFT] == 1, "position_drift: told once");
  drill_check(drill, instr.position_lots == 4 && paused(rig), "position_drift: the venue's position is adopted, paused (%lld)",
              (long long)instr.position_lots);
  rig_free(rig);
}

static void qty_drift(drill_t *drill) {
  sync_rig_t *rig = rig_make();
  if (!drill_check(drill, rig != NULL, "memory for a core")) return;
  dw_order_t *o = NULL;
  for (uint32_t i = 0; i < rig->world->order_cnt && !o; i++) {
    if (rig->world->order[i].open && rig->world->order[i].qty > 4) o = &rig->world->order[i];
  }
  if (drill_check(drill, o != NULL, "an order rests")) {
    o->cum = 2; /* executed at the venue; no stream told us */
    for (int i = 0; i < 8 && rig->world->alarm_cnt[TG_ALARM_QTY_DRIFT] == 0; i++) {
      text(rig);
      expect(drill, send(rig), 0, "qty_drift");
      dw_run(rig->world, 1000);
    }
    drill_check(drill, rig->world->alarm_cnt[TG_ALARM_QTY_DRIFT] >= 1, "qty_drift: told");
  }
  tg_core_check(rig->world->core);
  rig_free(rig);
}

void drill_account_sync(drill_t *drill) {
  cold_rules(drill);
  side_mode(drill);
  orphan(drill);
  missing(drill);
  qty_drift(drill);
  position_drift(drill);
}

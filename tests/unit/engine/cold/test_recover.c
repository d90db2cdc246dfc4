/* Recovery: whatever store and tape hold after a crash, what comes out is what a store fed with the tape's messages would hold.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "engine/cold/recover.h"
#include "engine/cold/store_internal.h"
#include "engine/cold/tape.h"
#include "tests/unit/engine/cold/tmp.h"

enum { LIFE_MAX = 512 };

typedef struct life {
  tg_msg_t msg[LIFE_MAX];
  uint32_t cnt;
  int64_t qty, cost, realised, fee, funding;
  uint64_t now_ns;
} life_t;

static bool order_open(unsigned state) {
  return state < 9;
}

static const tg_cold_names_t *names(void) {
  static tg_cold_names_t table;
  table = tg_cold_names_plain;
  table.order_open = order_open;
  return &table;
}

static tg_msg_t *say(life_t *l, tg_msg_kind_t kind, uint16_t instr) {
  cr_assert_lt(l->cnt, LIFE_MAX);
  tg_msg_t *msg = &l->msg[l->cnt++];
  if (kind < 128) l->now_ns += 1000000;
  tg_msg_init(msg, kind, instr, l->now_ns);
  return msg;
}

static void begin(life_t *l, uint64_t from_epoch, const tg_recover_t *from) {
  tg_msg_t *msg = say(l, TG_CFG_SYMBOL, 0);
  memcpy(msg->u.cfg_symbol.symbol, "BTCUSDT", 7);
  memcpy(msg->u.cfg_symbol.margin_asset, "USDT", 4);
  msg->u.cfg_symbol.px_dec = 1;
  msg->u.cfg_symbol.qty_dec = 3;
  msg->u.cfg_symbol.px_unit = msg->u.cfg_symbol.qty_unit = 1;
  if (from) {
    say(l, TG_RESTORE_POS, 0)->u.restore_pos = from->instr[0].position;
    for (uint32_t i = 0; i < from->order_cnt; i++) say(l, TG_RESTORE_ORDER, 0)->u.restore_order = from->order[i].order;
  }
  say(l, TG_RESTORE_DONE, TG_INSTR_NONE)->u.restore_done.from_epoch = from_epoch;
  say(l, TG_CFG_DONE, TG_INSTR_NONE);
}

static uint64_t id_of(uint32_t epoch, uint32_t no) {
  return (uint64_t)3 << 60 | (uint64_t)epoch << 40 | no;
}

static void tell_order(life_t *l, uint64_t id, int64_t order_id, uint8_t state, int64_t px, int64_t qty, int64_t cum,
                       uint8_t side) {
  tg_out_report_t *out = &say(l, TG_OUT_ORDER, 0)->u.out_order;
  *out = (tg_out_report_t){.client_id = id,
                           .order_id = order_id,
                           .px_ticks = px,
                           .qty_lots = qty,
                           .cum_qty_lots = cum,
                           .side = side,
                           .state = state};
}

static void tell_position(life_t *l) {
  tg_out_position_t *out = &say(l, TG_OUT_POSITION, 0)->u.out_position;
  *out = (tg_out_position_t){l->qty, l->cost, l->realised, l->fee, l->funding, 0};
}

static void place(life_t *l, uint64_t id, uint8_t side, int64_t px, int64_t qty) {
  say(l, TG_MD_TOP, 0);
  tg_out_decision_t *decision = &say(l, TG_OUT_DECISION, 0)->u.out_decision;
  decision->decision = 1;
  decision->gate = 255;
  tg_msg_t *msg = say(l, TG_OUT_PLACE, 0);
  msg->u.out_place = (tg_out_order_t){.client_id = id, .px_ticks = px, .qty_lots = qty, .side = side, .type = TG_TYPE_LIMIT};
  tell_order(l, id, 0, 1, px, qty, 0, side);
  say(l, TG_EX_ANSWER, 0);
  tell_order(l, id, (int64_t)(id & 0xFFFF) + 70000, 2, px, qty, 0, side);
}

/* One execution as the core tells it; the position's cost by the simplest case: it only grows, or is closed whole. */
static void fill(life_t *l, uint64_t id, uint64_t trade, uint8_t side, int64_t px, int64_t qty, uint8_t flags, int64_t inside) {
  int64_t sign = side == TG_SELL ? -1 : 1, moved = qty - inside;
  tg_msg_t *msg = say(l, TG_EX_FILL, 0);
  msg->u.ex_fill.trade_id = trade;
  msg->flags = flags;
  if (l->qty * sign < 0 && moved > 0) {
    cr_assert_eq(l->qty * -sign, moved);
    l->realised += sign < 0 ? px * moved * 10000 - l->cost : l->cost - px * moved * 10000;
    l->cost = 0;
  } else {
    l->cost += px * moved * 10000;
  }
  l->qty += sign * moved;
  if (!(flags & TG_F_LITE)) l->fee += 11;
  msg = say(l, TG_OUT_FILL, 0);
  msg->u.out_fill = (tg_ex_fill_t){id, trade, px, qty, flags & TG_F_LITE ? 0 : 11, 0};
  msg->flags = (uint8_t)(flags | (side == TG_SELL ? TG_F_ASK : 0));
  tell_order(l, id, (int64_t)(id & 0xFFFF) + 70000, 3, px, qty + 5, qty, side);
  tell_position(l);
}

/* A little of everything that the store keeps. */
static void live(life_t *l, uint32_t epoch) {
  place(l, id_of(epoch, 1), TG_BUY, 600000, 10);
  fill(l, id_of(epoch, 1), epoch * 100 + 1, TG_BUY, 600000, 5, 0, 0);
  say(l, TG_EX_BALANCE, TG_INSTR_NONE)->u.ex_balance =
      (tg_ex_balance_t){.change_e8 = -25, .asset = "USDT", .reason = TG_BALANCE_FUNDING};
  l->funding -= 25;
  tell_position(l);
  place(l, id_of(epoch, 2), TG_SELL, 600100, 20);
  fill(l, id_of(epoch, 2), epoch * 100 + 2, TG_SELL, 600100, l->qty, 0, 0);
  tg_msg_t *msg = say(l, TG_OUT_TRIP, 0);
  msg->u.out_trip.u.first.trip_no = 7;
  msg = say(l, TG_OUT_TRIP, 0);
  msg->flags = TG_F_SECOND;
  msg->u.out_trip.u.second.fill_cnt = 2;
  say(l, TG_OUT_STATE, TG_INSTR_NONE)->u.out_state.to = 3;
  say(l, TG_OUT_ALARM, 0)->u.out_alarm.what = TG_ALARM_FOREIGN_ORDER;
  say(l, TG_OUT_DAY, 0)->u.out_day = (tg_day_t){.day_no = 20000, .entry_cnt = 4, .qty_lots = 10, .notional_e8 = 77};
  say(l, TG_OUT_DAY, TG_INSTR_NONE)->u.out_day = (tg_day_t){.day_no = 20000, .peak_e8 = 5, .loss_streak = 2};
  say(l, TG_ACC_END, TG_INSTR_NONE);
  l->qty = -7;
  l->cost = 7 * 600000 * INT64_C(10000);
  tell_position(l); /* adopted */
  place(l, id_of(epoch, 3), TG_BUY, 599900, 7);
  say(l, TG_MD_TOP, 0);
  say(l, TG_OUT_AMEND, 0)->u.out_amend = (tg_out_order_t){.client_id = id_of(epoch, 3), .px_ticks = 599950, .qty_lots = 9};
  tell_order(l, id_of(epoch, 1), 70001, 10, 600000, 10, 5, TG_BUY); /* ended */
  fill(l, id_of(epoch, 2), epoch * 100 + 3, TG_SELL, 600100, 3, TG_F_LITE, 0);
}

/* ---- files ---- */

static void tape_write(const char *dir, uint64_t epoch, const life_t *l, uint32_t cnt, bool ends) {
  tg_tape_cfg_t cfg = {.dir = dir, .segment_bytes = 8192, .checkpoint_records = 50, .compress = epoch % 2 == 0};
  cfg.head.epoch = epoch;
  cfg.head.created_ns = 5;
  cfg.head.mode = TG_MODE_SIM;
  char err[256], path[TG_TAPE_PATH_BYTES];
  tg_tape_t *tape;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  for (uint32_t i = 0; i < cnt; i++) cr_assert_eq(tg_tape_put(tape, &l->msg[i]), 0);
  cr_assert_eq(tg_tape_turn(tape, 9), 0);
  snprintf(path, sizeof path, "%s", tg_tape_path(tape));
  size_t len;
  uint8_t *last = tmp_read(path, &len); /* as a crash leaves the segment under way */
  cr_assert_eq(tg_tape_close(tape), 0);
  if (!ends) {
    char zst[TG_TAPE_PATH_BYTES + 8];
    snprintf(zst, sizeof zst, "%s.zst", path);
    unlink(zst);
    tmp_write(path, last, len);
  }
  free(last);
}

static tg_store_t *store_open(const char *path) {
  char err[256];
  tg_store_t *store;
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), 0, "%s", err);
  tg_store_set_names(store, names());
  return store;
}

static const tg_store_run_t RUN = {.mode = TG_MODE_SIM, .started_ns = 5, .engine = "test", .config_sha256 = "00", .tape = "t"};

static tg_store_t *store_fed(const char *path, const life_t *l, uint32_t cnt) {
  tg_store_t *store = store_open(path);
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &RUN, &epoch), 0);
  for (uint32_t i = 0; i < cnt; i++) cr_assert_eq(tg_store_on_msg(store, &l->msg[i]), 0);
  cr_assert_eq(tg_store_commit(store), 0);
  return store;
}

/* Every row of every table but what differs by the way here (numbers of rows, run headers). */
static void dump(tg_store_t *store, char *out, size_t cap) {
  static const char *const table[] = {"instruments", "orders",    "fills",  "adoptions", "funding",  "trips",
                                      "transitions", "decisions", "alarms", "positions", "openings", "days"};
  size_t used = 0;
  for (size_t t = 0; t < TG_ARRAY_CNT(table); t++) {
    char sql[64];
    sqlite3_stmt *st;
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1,2,3,4,5", table[t]);
    cr_assert_eq(sqlite3_prepare_v2(store->db, sql, -1, &st, NULL), SQLITE_OK);
    used += (size_t)snprintf(out + used, cap - used, "\n%s:", table[t]);
    while (sqlite3_step(st) == SQLITE_ROW) {
      for (int c = 0; c < sqlite3_column_count(st); c++) {
        const char *text = (const char *)sqlite3_column_text(st, c);
        used += (size_t)snprintf(out + used, cap - used, "%s%s", c ? "," : "\n ", text ? text : "-");
        cr_assert_lt(used, cap);
      }
    }
    sqlite3_finalize(st);
  }
}

static tg_recover_t *recovered(tg_store_t *store, const char *tape_dir) {
  char err[256];
  tg_recover_t *r = tg_recover_new();
  cr_assert_not_null(r);
  cr_assert_eq(tg_recover_run(r, store, tape_dir, err, sizeof err), 0, "%s", err);
  return r;
}

static char text_a[1 << 18], text_b[1 << 18];

/* ---- the property ---- */

Test(recover, any_cut_of_store_and_tape_comes_to_what_the_tape_says, .timeout = 240) {
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  uint32_t cut = 0;
  for (uint32_t taped = 1; taped <= l.cnt; taped += 3) {
    for (uint32_t stored = 0; stored <= taped; stored += 1 + taped / 7, cut++) {
      tmp_dir_t dir = tmp_make();
      char db[160], ref[160], tape[160];
      tmp_join(&dir, "tape", tape, sizeof tape);
      tape_write(tape, 1, &l, taped, false);
      tg_store_t *whole = store_fed(tmp_join(&dir, "ref", ref, sizeof ref), &l, taped);
      dump(whole, text_a, sizeof text_a);
      tg_recover_t want;
      cr_assert_eq(tg_recover_read(&want, whole), 0);
      cr_assert_eq(tg_store_close(whole), 0);
      tg_store_t *store = store_fed(tmp_join(&dir, "db", db, sizeof db), &l, stored);
      cr_assert_eq(tg_store_close(store), 0);
      for (int again = 0; again < 2; again++) { /* the second time there is nothing left to do */
        store = store_open(db);
        tg_recover_t *r = recovered(store, tape);
        dump(store, text_b, sizeof text_b);
        cr_assert_str_eq(text_a, text_b, "tape of %u, store of %u", taped, stored);
        cr_assert(r->tape_torn && !r->clean && !r->tape_bad);
        cr_assert_leq(r->written_back, again ? taped : taped - stored);
        cr_assert_eq(memcmp(&r->instr[0], &want.instr[0], sizeof want.instr[0]), 0);
        cr_assert_eq(r->order_cnt, want.order_cnt);
        cr_assert_eq(memcmp(r->order, want.order, sizeof want.order[0] * want.order_cnt), 0);
        cr_assert_eq(r->from_epoch, 1);
        tg_recover_free(r);
        cr_assert_eq(tg_store_close(store), 0);
      }
      tmp_remove(&dir);
    }
  }
  printf("%u pairs of cuts\n", cut);
}

Test(recover, a_crash_in_the_middle_of_recovery_changes_nothing) {
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  tmp_dir_t dir = tmp_make();
  char db[160], ref[160], tape[160];
  tmp_join(&dir, "tape", tape, sizeof tape);
  tape_write(tape, 1, &l, l.cnt, false);
  tg_store_t *store = store_fed(tmp_join(&dir, "ref", ref, sizeof ref), &l, l.cnt);
  dump(store, text_a, sizeof text_a);
  cr_assert_eq(tg_store_close(store), 0);
  store = store_fed(tmp_join(&dir, "db", db, sizeof db), &l, 9);
  cr_assert_eq(tg_store_close(store), 0);
  for (uint32_t at = 9; at < l.cnt; at += 5) { /* each recovery commits five messages more and dies with three uncommitted */
    store = store_open(db);
    int64_t from;
    cr_assert_eq(tg_store_resume(store, 1, NULL, &from), 0);
    cr_assert_leq((uint32_t)from, at);
    for (uint32_t i = 0; i < (uint32_t)from; i++) tg_store_pass(store, &l.msg[i]);
    for (uint32_t i = (uint32_t)from; i < at + 5 && i < l.cnt; i++) cr_assert_eq(tg_store_on_msg(store, &l.msg[i]), 0);
    cr_assert_eq(tg_store_commit(store), 0);
    for (uint32_t i = at + 5; i < at + 8 && i < l.cnt; i++) cr_assert_eq(tg_store_on_msg(store, &l.msg[i]), 0);
    if (store->in_transaction) cr_assert_eq(tg_store_sql(store, "ROLLBACK"), SQLITE_OK);
    store->in_transaction = store->decisions_dirty = false;
    cr_assert_eq(tg_store_close(store), 0);
  }
  store = store_open(db);
  tg_recover_t *r = recovered(store, tape);
  dump(store, text_b, sizeof text_b);
  cr_assert_str_eq(text_a, text_b);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

/* ---- what is read ---- */

Test(recover, nothing_before_is_told_as_nothing) {
  tmp_dir_t dir = tmp_make();
  char db[160];
  tg_store_t *store = store_open(tmp_join(&dir, "db", db, sizeof db));
  tg_recover_t *r = recovered(store, "");
  tg_msg_t msg[8];
  tg_msg_batch_t out = {msg, 0, 8};
  cr_assert_eq(tg_recover_msgs(r, NULL, NULL, 5, &out, NULL), 0);
  cr_assert_eq(out.cnt, 1);
  cr_assert_eq(msg[0].kind, TG_RESTORE_DONE);
  cr_assert_eq(msg[0].u.restore_done.from_epoch, 0);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

static bool find_it(void *user, const char *symbol, uint16_t *instr_idx, tg_scale_t *px, tg_scale_t *qty) {
  const int *qty_dec = user;
  if (*qty_dec < 0 || strcmp(symbol, "BTCUSDT") != 0) return false;
  *instr_idx = 4; /* another place in the new run */
  *px = (tg_scale_t){1, 1};
  *qty = (tg_scale_t){(uint8_t)*qty_dec, 1};
  return true;
}

static uint32_t count(const tg_msg_batch_t *out, tg_msg_kind_t kind) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < out->cnt; i++) cnt += out->msg[i].kind == kind;
  return cnt;
}

static const tg_msg_t *nth(const tg_msg_batch_t *out, tg_msg_kind_t kind, uint32_t n) {
  for (uint32_t i = 0; i < out->cnt; i++) {
    if (out->msg[i].kind == kind && n-- == 0) return &out->msg[i];
  }
  return NULL;
}

Test(recover, what_is_told_to_the_core) {
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  tmp_dir_t dir = tmp_make();
  char db[160];
  tg_store_t *store = store_fed(tmp_join(&dir, "db", db, sizeof db), &l, l.cnt);
  cr_assert_eq(tg_store_end_run(store, 9, 0, "d"), 0);
  tg_recover_t *r = recovered(store, "");
  cr_assert(r->clean && !r->tape_torn);
  static tg_msg_t msg[TG_RECOVER_MSGS];
  tg_msg_batch_t out = {msg, 0, TG_RECOVER_MSGS};
  int dec = 3;
  uint32_t left = 0;
  cr_assert_eq(tg_recover_msgs(r, find_it, &dec, 77, &out, &left), 0);
  cr_assert_eq(left, 0);
  static const uint8_t order[] = {TG_RESTORE_POS, TG_RESTORE_ORDER, TG_RESTORE_TRADES, TG_DAY, TG_RESTORE_DONE};
  for (uint32_t i = 0, at = 0; i < out.cnt; i++) {
    while (at < TG_ARRAY_CNT(order) && order[at] != out.msg[i].kind) at++;
    cr_assert_lt(at, TG_ARRAY_CNT(order), "out of order");
    cr_assert_eq(out.msg[i].ts_ns, 77);
  }
  const tg_msg_t *pos = nth(&out, TG_RESTORE_POS, 0);
  cr_assert_eq(pos->instr_idx, 4);
  cr_assert_eq(pos->u.restore_pos.qty_lots, l.qty);
  cr_assert_eq(pos->u.restore_pos.cost_e8, l.cost);
  cr_assert_eq(pos->u.restore_pos.realised_e8, l.realised);
  cr_assert_eq(pos->u.restore_pos.commission_e8, l.fee);
  cr_assert_eq(pos->u.restore_pos.funding_e8, l.funding);
  cr_assert_not(r->instr[0].differs);
  cr_assert_eq(count(&out, TG_RESTORE_ORDER), 2, "the ended one is not told");
  const tg_acc_order_t *second = &nth(&out, TG_RESTORE_ORDER, 0)->u.restore_order;
  const tg_acc_order_t *third = &nth(&out, TG_RESTORE_ORDER, 1)->u.restore_order;
  cr_assert_eq(second->client_id, id_of(1, 2));
  cr_assert_eq(second->side, TG_SELL);
  cr_assert_eq(third->client_id, id_of(1, 3));
  cr_assert_eq(third->order_id, 70003);
  cr_assert_eq(third->qty_lots, 9, "an amend under way may have worked: the larger quantity");
  cr_assert_eq(third->status, TG_STATUS_NEW);
  const tg_msg_t *full = nth(&out, TG_RESTORE_TRADES, 0), *lite = nth(&out, TG_RESTORE_TRADES, 1);
  cr_assert_eq(full->flags, 0);
  cr_assert_eq(full->u.restore_trades.trade_id[0], 101);
  cr_assert_eq(full->u.restore_trades.trade_id[1], 102);
  cr_assert_eq(full->u.restore_trades.trade_id[2], 0);
  cr_assert_eq(lite->flags, TG_F_LITE);
  cr_assert_eq(lite->u.restore_trades.trade_id[0], 103);
  cr_assert_eq(r->instr[0].trade_last, 103);
  cr_assert_eq(r->instr[0].trade_from, 103, "its commission is still to come");
  cr_assert_eq(nth(&out, TG_DAY, 0)->u.day.entry_cnt, 4);
  cr_assert_eq(nth(&out, TG_DAY, 1)->u.day.loss_streak, 2);
  const tg_restore_done_t *done = &nth(&out, TG_RESTORE_DONE, 0)->u.restore_done;
  cr_assert_eq(done->position_cnt, 1);
  cr_assert_eq(done->order_cnt, 2);
  cr_assert_eq(done->trade_cnt, 3);
  cr_assert_eq(done->clean, 1);
  cr_assert_eq(done->from_epoch, 1);
  /* a finer step holds the numbers, a coarser one does not, and a symbol that is not traded is left out */
  dec = 5;
  out.cnt = 0;
  cr_assert_eq(tg_recover_msgs(r, find_it, &dec, 77, &out, &left), 0);
  cr_assert_eq(nth(&out, TG_RESTORE_POS, 0)->u.restore_pos.qty_lots, l.qty * 100);
  for (dec = 1; dec >= -1; dec -= 2) {
    out.cnt = left = 0;
    cr_assert_eq(tg_recover_msgs(r, find_it, &dec, 77, &out, &left), 0);
    cr_assert_eq(count(&out, TG_RESTORE_POS), 0);
    cr_assert_eq(left, 3, "a position and two orders, not %u", left);
  }
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(recover, a_tape_that_ends_inside_a_step_gives_the_position_of_its_fills) {
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  place(&l, id_of(1, 1), TG_BUY, 600000, 10);
  fill(&l, id_of(1, 1), 1, TG_BUY, 600000, 4, 0, 0);
  fill(&l, id_of(1, 1), 2, TG_BUY, 600000, 6, 0, 0);
  tmp_dir_t dir = tmp_make();
  char db[160], tape[160];
  tape_write(tmp_join(&dir, "tape", tape, sizeof tape), 1, &l, l.cnt - 2, false); /* OUT_FILL is there, OUT_POSITION is not */
  tg_store_t *store = store_open(tmp_join(&dir, "db", db, sizeof db));
  tg_recover_t *r = recovered(store, tape);
  cr_assert(r->instr[0].from_fills);
  cr_assert_eq(r->instr[0].position.qty_lots, 10);
  cr_assert_eq(r->instr[0].position.cost_e8, l.cost);
  cr_assert_eq(r->instr[0].position.commission_e8, 22);
  cr_assert_eq(r->instr[0].trade_last, 2);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

/* ---- runs in a row ---- */

Test(recover, totals_orders_and_a_late_commission_go_through_three_runs) {
  tmp_dir_t dir = tmp_make();
  char db[160], tape[160];
  tmp_join(&dir, "tape", tape, sizeof tape);
  tmp_join(&dir, "db", db, sizeof db);
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  tape_write(tape, 1, &l, l.cnt, false);
  tg_store_t *store = store_fed(db, &l, 3);
  cr_assert_eq(tg_store_close(store), 0);
  /* the second run dies before it says anything, the third books the commission and a fill of an order of the first */
  store = store_open(db);
  tg_recover_t *r = recovered(store, tape);
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &RUN, &epoch), 0);
  cr_assert_eq(epoch, 2);
  cr_assert_eq(tg_store_close(store), 0);
  tg_recover_free(r);
  store = store_open(db);
  r = recovered(store, tape);
  cr_assert_eq(r->from_epoch, 1);
  cr_assert_eq(r->order_cnt, 2);
  cr_assert_eq(tg_store_next_epoch(store, &RUN, &epoch), 0);
  cr_assert_eq(epoch, 3);
  life_t third = {.now_ns = l.now_ns, .qty = l.qty, .cost = l.cost, .realised = l.realised, .fee = l.fee, .funding = l.funding};
  begin(&third, 1, r);
  tg_msg_t *msg = say(&third, TG_EX_FILL, 0);
  msg = say(&third, TG_OUT_FILL, 0);
  msg->flags = TG_F_SECOND | TG_F_ASK;
  msg->u.out_fill = (tg_ex_fill_t){id_of(1, 2), 103, 600100, 3, 40, 0};
  third.fee += 40;
  tell_position(&third);
  fill(&third, id_of(1, 3), 104, TG_BUY, 599950, -third.qty, 0, 0);
  for (uint32_t i = 0; i < third.cnt; i++) cr_assert_eq(tg_store_on_msg(store, &third.msg[i]), 0);
  cr_assert_eq(tg_store_commit(store), 0);
  tg_store_pos_t pos;
  cr_assert_eq(tg_store_position(store, 0, &pos), 0);
  cr_assert(pos.opened && !pos.adopted);
  cr_assert_eq(pos.qty_lots, 0);
  cr_assert_eq(pos.cost_e8, 0);
  cr_assert_eq(pos.realised_e8, third.realised);
  cr_assert_eq(pos.commission_e8, third.fee);
  cr_assert_eq(pos.funding_e8, third.funding);
  cr_assert_eq(pos.fill_cnt, 1, "the late commission is no fill");
  cr_assert_eq(pos.inside_lots, 0);
  tg_recover_free(r);
  r = recovered(store, "");
  cr_assert_not(r->instr[0].differs);
  cr_assert_eq(r->instr[0].position.commission_e8, third.fee);
  cr_assert_eq(r->instr[0].trade_from, 105, "nothing is owed any more");
  cr_assert_eq(r->order_cnt, 2);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(recover, an_execution_inside_an_adopted_position_is_counted_once) {
  tmp_dir_t dir = tmp_make();
  char db[160];
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  place(&l, id_of(1, 1), TG_BUY, 600000, 10);
  say(&l, TG_ACC_END, TG_INSTR_NONE);
  l.qty = 6;
  l.cost = 6 * INT64_C(6000000000);
  tell_position(&l);
  fill(&l, id_of(1, 1), 1, TG_BUY, 600000, 6, 0, 6); /* wholly inside */
  fill(&l, id_of(1, 1), 2, TG_BUY, 600000, 4, 0, 1); /* one lot of four */
  tg_store_t *store = store_fed(tmp_join(&dir, "db", db, sizeof db), &l, l.cnt);
  tg_store_pos_t pos;
  cr_assert_eq(tg_store_position(store, 0, &pos), 0);
  cr_assert_eq(pos.qty_lots, 9);
  cr_assert_eq(pos.cost_e8, l.cost);
  cr_assert_eq(pos.commission_e8, 22);
  cr_assert_eq(pos.inside_lots, 7);
  cr_assert_eq(pos.fill_cnt, 1);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

/* ---- one of the two is missing or damaged ---- */

Test(recover, a_tape_without_a_store_is_enough_and_its_epoch_is_not_given_again) {
  tmp_dir_t dir = tmp_make();
  char db[160], tape[160];
  tmp_join(&dir, "tape", tape, sizeof tape);
  life_t l = {.now_ns = 1000}, born = {.now_ns = 5};
  begin(&l, 0, NULL);
  live(&l, 6);
  tape_write(tape, 6, &l, l.cnt, true);
  tape_write(tape, 7, &born, 0, false); /* began, and died before it knew anything */
  tg_store_t *store = store_open(tmp_join(&dir, "db", db, sizeof db));
  tg_recover_t *r = recovered(store, tape);
  cr_assert_eq(r->from_epoch, 6);
  cr_assert(r->clean);
  cr_assert_eq(r->instr[0].position.qty_lots, l.qty);
  cr_assert_eq(r->order_cnt, 2);
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &RUN, &epoch), 0);
  cr_assert_eq(epoch, 8);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  store = store_open(TG_STORE_MEMORY); /* store.enabled = false */
  r = recovered(store, tape);
  cr_assert_eq(r->instr[0].position.qty_lots, l.qty);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(recover, a_damaged_tape_is_used_up_to_the_damage_and_told) {
  tmp_dir_t dir = tmp_make();
  char db[160], tape[160], file[200];
  tmp_join(&dir, "tape", tape, sizeof tape);
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  tape_write(tape, 1, &l, l.cnt, false);
  snprintf(file, sizeof file, "%s/tape-000001-000000.tape", tape);
  size_t len;
  uint8_t *data = tmp_read(file, &len);
  data[256 + 72 * 30 + 20] ^= 4; /* in the thirtieth record */
  tmp_write(file, data, len);
  free(data);
  tg_store_t *store = store_open(tmp_join(&dir, "db", db, sizeof db));
  tg_recover_t *r = recovered(store, tape);
  cr_assert(r->tape_bad && !r->clean);
  cr_assert_not_null(strstr(r->note, "tape-000001-000000.tape"), "%s", r->note);
  cr_assert_eq(r->written_back, 30);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(recover, a_damaged_store_is_refused_in_one_line) {
  tmp_dir_t dir = tmp_make();
  char db[160], err[256];
  tmp_join(&dir, "db", db, sizeof db);
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  live(&l, 1);
  cr_assert_eq(tg_store_close(store_fed(db, &l, l.cnt)), 0);
  size_t len;
  uint8_t *data = tmp_read(db, &len);
  memset(data + 4096, 0xA5, len - 4096); /* the first page says how large it is */
  tmp_write(db, data, len);
  free(data);
  tg_store_t *store;
  int rc = tg_store_open(&store, db, err, sizeof err);
  cr_assert_eq(rc, -TG_ECORRUPT, "%d %s", rc, err);
  cr_assert_null(strchr(err, '\n'));
  cr_assert_not_null(strstr(err, "move it away"));
  tmp_remove(&dir);
}

/* ---- the schema before ---- */

static const char SCHEMA_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('schema',1),('epoch',4);"
    "CREATE TABLE runs(epoch INTEGER PRIMARY KEY, mode TEXT, started_ns INTEGER, ended_ns INTEGER, seed INTEGER, engine TEXT,"
    " config_sha256 TEXT, tape TEXT, exit_code INTEGER, outputs_digest TEXT);"
    "CREATE TABLE instruments(epoch INTEGER, instr INTEGER, symbol TEXT, margin_asset TEXT, product INTEGER, px_dec INTEGER,"
    " px_unit INTEGER, qty_dec INTEGER, qty_unit INTEGER, PRIMARY KEY(epoch,instr)) WITHOUT ROWID;"
    "CREATE TABLE orders(epoch INTEGER, client_id INTEGER, instr INTEGER, order_id INTEGER DEFAULT 0, side INTEGER,"
    " px_ticks INTEGER, qty_lots INTEGER, cum_lots INTEGER DEFAULT 0, state INTEGER DEFAULT -1, tif INTEGER, type INTEGER "
    "DEFAULT 0, flags INTEGER, venue_code INTEGER DEFAULT 0, reason INTEGER DEFAULT 0, cause INTEGER DEFAULT 0, first_ns "
    "INTEGER,"
    " last_ns INTEGER, updates INTEGER DEFAULT 0, PRIMARY KEY(epoch,client_id)) WITHOUT ROWID;"
    "CREATE TABLE fills(seq INTEGER PRIMARY KEY, epoch INTEGER, instr INTEGER, trade_id INTEGER, client_id INTEGER, side "
    "INTEGER,"
    " px_ticks INTEGER, qty_lots INTEGER, commission_e8 INTEGER, realised_e8 INTEGER, flags INTEGER, ts_ns INTEGER,"
    " UNIQUE(epoch,instr,trade_id));"
    "CREATE TABLE adoptions(epoch INTEGER, instr INTEGER, ts_ns INTEGER, after_seq INTEGER, qty_lots INTEGER, cost_e8 INTEGER);"
    "CREATE TABLE funding(epoch INTEGER, instr INTEGER, ts_ns INTEGER, venue_ms INTEGER, asset TEXT, change_e8 INTEGER);"
    "CREATE TABLE trips(epoch INTEGER, instr INTEGER, trip_no INTEGER, ts_ns INTEGER, entry_cost_e8 INTEGER, exit_cost_e8 "
    "INTEGER,"
    " qty_lots INTEGER, gross_e8 INTEGER, net_e8 INTEGER, commission_e8 INTEGER, funding_e8 INTEGER, mae_e8 INTEGER,"
    " mfe_e8 INTEGER, duration_ns INTEGER, fill_cnt INTEGER, maker_cnt INTEGER, PRIMARY KEY(epoch,instr,trip_no)) WITHOUT "
    "ROWID;"
    "CREATE TABLE transitions(epoch INTEGER, ts_ns INTEGER, from_state INTEGER, to_state INTEGER, reason INTEGER, from_name "
    "TEXT,"
    " to_name TEXT, reason_name TEXT, inputs INTEGER, entered_ns INTEGER, feed_age_ns INTEGER, sync_age_ns INTEGER,"
    " toxicity_e8 INTEGER, gross_e8 INTEGER);"
    "CREATE TABLE decisions(epoch INTEGER, decision INTEGER, reason INTEGER, gate INTEGER, sub_code INTEGER, intent INTEGER,"
    " state INTEGER, decision_name TEXT, reason_name TEXT, gate_name TEXT, cnt INTEGER,"
    " PRIMARY KEY(epoch,decision,reason,gate,sub_code,intent,state)) WITHOUT ROWID;"
    "CREATE TABLE positions(epoch INTEGER, instr INTEGER, ts_ns INTEGER, qty_lots INTEGER, cost_e8 INTEGER, realised_e8 "
    "INTEGER,"
    " commission_e8 INTEGER, funding_e8 INTEGER, unrealised_e8 INTEGER, PRIMARY KEY(epoch,instr)) WITHOUT ROWID;"
    "CREATE TABLE alarms(epoch INTEGER, ts_ns INTEGER, what INTEGER, name TEXT, instr INTEGER, client_id INTEGER, ours INTEGER,"
    " venue INTEGER);"
    "INSERT INTO runs(epoch,mode,started_ns) VALUES(4,'sim',1);"
    "INSERT INTO instruments VALUES(4,0,'BTCUSDT','USDT',1,1,1,3,1);"
    "INSERT INTO orders(epoch,client_id,instr,order_id,side,px_ticks,qty_lots,state,flags) VALUES(4,9,0,77,0,600000,5,2,0);"
    "INSERT INTO fills VALUES(1,4,0,501,9,0,600000,2,7,0,0,3);"
    "INSERT INTO positions VALUES(4,0,3,2,12000000000,0,7,0,0);";

Test(recover, a_store_of_schema_1_is_upgraded_and_one_of_tomorrow_refused) {
  tmp_dir_t dir = tmp_make();
  char db[160], err[256], tape[160];
  tmp_join(&dir, "db", db, sizeof db);
  sqlite3 *raw;
  cr_assert_eq(sqlite3_open(db, &raw), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(raw, SCHEMA_1, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(raw));
  sqlite3_close(raw);
  tg_store_t *store;
  cr_assert_eq(tg_store_open_read(&store, db, err, sizeof err), -TG_EVERSION, "only the engine upgrades");
  store = store_open(db);
  life_t l = {.now_ns = 1000};
  begin(&l, 0, NULL);
  tape_write(tmp_join(&dir, "tape", tape, sizeof tape), 4, &l, l.cnt, false);
  tg_recover_t *r = recovered(store, tape);
  cr_assert_eq(r->from_epoch, 4);
  cr_assert_eq(r->written_back, 0, "nobody counted then how much of the tape the store holds");
  cr_assert_not_null(strstr(r->note, "older version"), "%s", r->note);
  cr_assert_eq(r->instr[0].position.qty_lots, 2);
  cr_assert_not(r->instr[0].differs);
  cr_assert_eq(r->order_cnt, 1);
  cr_assert_eq(r->instr[0].trade_last, 501);
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &RUN, &epoch), 0);
  cr_assert_eq(epoch, 5);
  tg_recover_free(r);
  cr_assert_eq(tg_store_close(store), 0);
  cr_assert_eq(tg_store_close(store_open(db)), 0, "an upgraded store opens like any other");
  cr_assert_eq(sqlite3_open(db, &raw), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(raw, "UPDATE meta SET value=99 WHERE key='schema'", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  cr_assert_eq(tg_store_open(&store, db, err, sizeof err), -TG_EVERSION);
  cr_assert_not_null(strstr(err, "newer version"), "%s", err);
  tmp_remove(&dir);
}

#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "engine/cold/store.h"
#include "tests/unit/engine/cold/tmp.h"

static const tg_store_run_t run = {
    .mode = TG_MODE_SIM, .started_ns = 1000, .seed = 5, .engine = "test", .config_sha256 = "00", .tape = "tape/x"};

static tg_store_t *open_at(const char *path) {
  char err[256];
  tg_store_t *store;
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), 0, "%s", err);
  return store;
}

static void put(tg_store_t *store, const tg_msg_t *msg) {
  cr_assert_eq(tg_store_on_msg(store, msg), 0);
}

static void symbol(tg_store_t *store, uint16_t instr) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, instr, 1);
  snprintf(msg.u.cfg_symbol.symbol, sizeof msg.u.cfg_symbol.symbol, "SYM%u", instr);
  msg.u.cfg_symbol.px_dec = 1; /* tick 0.1 */
  msg.u.cfg_symbol.px_unit = 1;
  msg.u.cfg_symbol.qty_dec = 3; /* lot 0.001: a tick times a lot is 10^4 e8 */
  msg.u.cfg_symbol.qty_unit = 1;
  put(store, &msg);
}

static void place(tg_store_t *store, uint16_t instr, uint64_t client_id, tg_side_t side, int64_t px, int64_t qty) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_PLACE, instr, 2);
  msg.u.out_place.client_id = client_id;
  msg.u.out_place.side = (uint8_t)side;
  msg.u.out_place.px_ticks = px;
  msg.u.out_place.qty_lots = qty;
  put(store, &msg);
}

static void report(tg_store_t *store, uint16_t instr, uint64_t client_id, uint8_t state, int64_t cum) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_ORDER, instr, 3);
  msg.u.out_order.client_id = client_id;
  msg.u.out_order.state = state;
  msg.u.out_order.cum_qty_lots = cum;
  put(store, &msg);
}

static tg_msg_t fill_msg(uint16_t instr, uint64_t client_id, uint64_t trade_id, int64_t px, int64_t qty, int64_t fee) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_FILL, instr, 4);
  msg.u.out_fill.client_id = client_id;
  msg.u.out_fill.trade_id = trade_id;
  msg.u.out_fill.px_ticks = px;
  msg.u.out_fill.qty_lots = qty;
  msg.u.out_fill.commission_e8 = fee;
  return msg;
}

Test(store, epochs_grow_and_survive) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tmp_join(&dir, "store.db", path, sizeof path);
  uint64_t last = 0;
  for (int round = 0; round < 3; round++) {
    tg_store_t *store = open_at(path);
    cr_assert_eq(tg_store_epoch(store), last);
    for (int i = 0; i < 2; i++) {
      uint64_t epoch;
      cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
      cr_assert_eq(epoch, last + 1);
      last = epoch;
    }
    cr_assert_eq(tg_store_close(store), 0);
  }
  tmp_remove(&dir);
}

Test(store, epochs_end_with_twenty_bits) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tmp_join(&dir, "store.db", path, sizeof path);
  cr_assert_eq(tg_store_close(open_at(path)), 0);
  sqlite3 *db;
  cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(db, "UPDATE meta SET value=1048574 WHERE key='epoch'", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  tg_store_t *store = open_at(path);
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  cr_assert_eq(epoch, TG_STORE_EPOCH_MAX);
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), -TG_EFULL);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(store, one_engine_at_a_time) {
  tmp_dir_t dir = tmp_make();
  char path[256], err[256];
  tmp_join(&dir, "store.db", path, sizeof path);
  tg_store_t *store = open_at(path), *second;
  cr_assert_eq(tg_store_open(&second, path, err, sizeof err), -TG_EBUSY);
  cr_assert_null(second);
  cr_assert_not_null(strstr(err, "another engine"));
  cr_assert_eq(tg_store_open_read(&second, path, err, sizeof err), 0, "%s", err); /* looking is allowed */
  cr_assert_eq(tg_store_close(second), 0);
  cr_assert_eq(tg_store_close(store), 0);
  cr_assert_eq(tg_store_close(open_at(path)), 0);
  tmp_remove(&dir);
}

Test(store, refuses_strange_files) {
  tmp_dir_t dir = tmp_make();
  char path[256], err[256];
  tg_store_t *store;
  tmp_join(&dir, "junk.db", path, sizeof path);
  tmp_write(path, "this is no database, it only looks long enough to be one .........................................", 96);
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), -TG_ECORRUPT);
  tmp_join(&dir, "other.db", path, sizeof path);
  sqlite3 *db;
  cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
  cr_assert_eq(sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
  cr_assert_eq(tg_store_open(&store, path, err, sizeof err), -TG_EVERSION);
  tmp_join(&dir, "none/store.db", path, sizeof path);
  cr_assert_lt(tg_store_open(&store, path, err, sizeof err), 0);
  cr_assert_eq(tg_store_open_read(&store, path, err, sizeof err), -TG_ENOTFOUND);
  tmp_remove(&dir);
}

/* The same rule once more, by per-lot bookkeeping of an average would differ in rounding: so a plain transcription of the
 * contract, with its own variables, over random fills. */
typedef struct ref {
  int64_t q, c, realised, fee;
} ref_t;

static int64_t ref_round(__int128 num, __int128 den) {
  __int128 whole = num / den, rest = num % den;
  if (rest < 0) rest = -rest;
  if (2 * rest >= den) whole += num < 0 ? -1 : 1;
  return (int64_t)whole;
}

static void ref_fill(ref_t *ref, bool sell, int64_t px, int64_t qty, int64_t fee) {
  const int64_t unit = 10000;
  ref->fee += fee;
  int64_t have = ref->q < 0 ? -ref->q : ref->q;
  if (ref->q != 0 && (ref->q < 0) != sell) {
    int64_t part = qty < have ? qty : have;
    int64_t released = ref_round((__int128)ref->c * part, have);
    int64_t value = px * part * unit;
    ref->realised += ref->q > 0 ? value - released : released - value;
    ref->c -= released;
    ref->q += sell ? -part : part;
    qty -= part;
  }
  if (qty > 0) {
    ref->c += px * qty * unit;
    ref->q += sell ? -qty : qty;
  }
}

static void random_fills(uint64_t seed) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  ref_t ref[2] = {{0}};
  symbol(store, 0);
  symbol(store, 1);
  for (uint64_t i = 1; i <= 800; i++) {
    uint16_t instr = (uint16_t)(tmp_random(&seed) % 2);
    bool sell = tmp_random(&seed) % 2;
    int64_t px = 600000 + (int64_t)(tmp_random(&seed) % 5000), qty = 1 + (int64_t)(tmp_random(&seed) % 97);
    int64_t fee = (int64_t)(tmp_random(&seed) % 1000000) - 100000;
    place(store, instr, i, sell ? TG_SELL : TG_BUY, px, qty);
    tg_msg_t fill = fill_msg(instr, i, 1000 + i, px, qty, fee);
    put(store, &fill);
    if (i % 7 == 0) put(store, &fill); /* told twice, booked once */
    ref_fill(&ref[instr], sell, px, qty, fee);
  }
  for (int reopen = 0; reopen < 2; reopen++) {
    for (uint16_t instr = 0; instr < 2; instr++) {
      tg_store_pos_t pos;
      cr_assert_eq(tg_store_position(store, instr, &pos), 0);
      cr_assert_eq(pos.qty_lots, ref[instr].q);
      cr_assert_eq(pos.cost_e8, ref[instr].c);
      cr_assert_eq(pos.realised_e8, ref[instr].realised);
      cr_assert_eq(pos.commission_e8, ref[instr].fee);
      cr_assert_not(pos.adopted);
    }
    if (reopen) continue;
    tg_store_stats_t stats;
    tg_store_stats(store, &stats);
    cr_assert_eq(stats.fills, 800);
    cr_assert_eq(stats.repeated_fills, 114);
    cr_assert_eq(stats.side_unknown, 0);
    cr_assert_eq(tg_store_close(store), 0);
    store = open_at(path);
  }
  tg_store_pos_t pos;
  cr_assert_eq(tg_store_position(store, 9, &pos), -TG_ENOTFOUND);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(store, position_equals_the_reference) {
  for (uint64_t seed = 1; seed <= 4; seed++) random_fills(seed * 77);
}

Test(store, rounds_half_away_from_zero_both_ways) {
  for (int sell = 0; sell < 2; sell++) {
    tmp_dir_t dir = tmp_make();
    char path[256];
    tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
    uint64_t epoch;
    cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
    tg_msg_t msg;
    tg_msg_init(&msg, TG_CFG_SYMBOL, 0, 1); /* tick 0.00001, lot 0.001: the product is exactly 1 e8 */
    msg.u.cfg_symbol.px_dec = 5;
    msg.u.cfg_symbol.qty_dec = 3;
    msg.u.cfg_symbol.px_unit = msg.u.cfg_symbol.qty_unit = 1;
    put(store, &msg);
    place(store, 0, 1, sell ? TG_SELL : TG_BUY, 1, 1);
    place(store, 0, 2, sell ? TG_BUY : TG_SELL, 1, 1);
    tg_msg_t fill = fill_msg(0, 1, 1, 1, 1, 0);
    put(store, &fill);
    fill = fill_msg(0, 1, 2, 2, 1, 0); /* 2 lots cost 3: one lot is 1.5, away from zero 2 */
    put(store, &fill);
    fill = fill_msg(0, 2, 3, 2, 1, 0);
    put(store, &fill);
    tg_store_pos_t pos;
    cr_assert_eq(tg_store_position(store, 0, &pos), 0);
    cr_assert_eq(pos.cost_e8, 1);
    cr_assert_eq(pos.realised_e8, 0);
    fill = fill_msg(0, 2, 4, 2, 1, 0);
    put(store, &fill);
    cr_assert_eq(tg_store_position(store, 0, &pos), 0);
    cr_assert_eq(pos.qty_lots, 0);
    cr_assert_eq(pos.cost_e8, 0);
    cr_assert_eq(pos.realised_e8, sell ? -1 : 1);
    cr_assert_eq(tg_store_close(store), 0);
    tmp_remove(&dir);
  }
}

Test(store, commission_may_come_after_the_fill) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  symbol(store, 0);
  place(store, 0, 1, TG_BUY, 10, 5);
  tg_msg_t lite = fill_msg(0, 1, 50, 10, 5, 0), full = fill_msg(0, 1, 50, 10, 5, 77);
  lite.flags = TG_F_LITE;
  put(store, &lite);
  put(store, &full);
  put(store, &lite);
  tg_store_pos_t pos;
  cr_assert_eq(tg_store_position(store, 0, &pos), 0);
  cr_assert_eq(pos.qty_lots, 5);
  cr_assert_eq(pos.commission_e8, 77);
  cr_assert_eq(pos.fill_cnt, 1);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(store, funding_adoption_and_open_orders) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  symbol(store, 0);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_ACC_END, TG_INSTR_NONE, 500);
  put(store, &msg);
  tg_msg_init(&msg, TG_OUT_POSITION, 0, 500); /* the core adopts in the same step */
  msg.u.out_position.qty_lots = 100;
  msg.u.out_position.cost_e8 = 100 * 10 * 10000;
  put(store, &msg);
  place(store, 0, 1, TG_SELL, 12, 40);
  tg_msg_init(&msg, TG_EX_FILL, 0, 550); /* an input: what follows is no adoption */
  put(store, &msg);
  tg_msg_t fill = fill_msg(0, 1, 1, 12, 40, 3);
  put(store, &fill);
  tg_msg_init(&msg, TG_OUT_POSITION, 0, 550);
  msg.u.out_position.qty_lots = 59; /* wrong on purpose: the store keeps its own count */
  put(store, &msg);
  tg_msg_init(&msg, TG_EX_BALANCE, TG_INSTR_NONE, 600);
  msg.u.ex_balance.reason = TG_BALANCE_FUNDING;
  msg.u.ex_balance.change_e8 = -25;
  put(store, &msg);
  msg.u.ex_balance.reason = TG_BALANCE_ORDER; /* no funding */
  put(store, &msg);
  tg_store_pos_t pos;
  cr_assert_eq(tg_store_position(store, 0, &pos), 0);
  cr_assert_eq(pos.qty_lots, 60);
  cr_assert_eq(pos.cost_e8, 60 * 10 * 10000);
  cr_assert_eq(pos.realised_e8, 40 * 2 * 10000);
  cr_assert_eq(pos.funding_e8, -25);
  cr_assert(pos.adopted);
  report(store, 0, 1, 3, 40);
  place(store, 0, 2, TG_BUY, 9, 1);
  report(store, 0, 2, 2, 0);
  cr_assert_eq(tg_store_open_orders(store, TG_INSTR_NONE), 2); /* plain names: every state is open */
  cr_assert_eq(tg_store_open_orders(store, 0), 2);
  cr_assert_eq(tg_store_open_orders(store, 1), 0);
  cr_assert_eq(tg_store_end_run(store, 700, 0, "digest"), 0);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(store, decisions_trips_and_transitions_are_rows) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  tg_msg_t msg;
  for (int i = 0; i < 10; i++) {
    tg_msg_init(&msg, TG_OUT_DECISION, 0, 10);
    msg.u.out_decision.decision = (uint8_t)(i % 2);
    msg.u.out_decision.gate = 255;
    put(store, &msg);
  }
  tg_msg_init(&msg, TG_OUT_TRIP, 0, 11);
  msg.u.out_trip.u.first.trip_no = 4;
  msg.u.out_trip.u.first.net_e8 = 123;
  put(store, &msg);
  msg.flags = TG_F_SECOND;
  memset(&msg.u, 0, sizeof msg.u);
  msg.u.out_trip.u.second.fill_cnt = 6;
  put(store, &msg);
  tg_msg_init(&msg, TG_OUT_STATE, TG_INSTR_NONE, 12);
  msg.u.out_state.to = 3;
  put(store, &msg);
  cr_assert_eq(tg_store_turn(store, 12 + (uint64_t)10 * 1000000000), 0);
  sqlite3 *db; /* committed: another connection sees it */
  cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  static const char *const ask[] = {"SELECT cnt FROM decisions WHERE decision=1", "SELECT net_e8 FROM trips WHERE trip_no=4",
                                    "SELECT fill_cnt FROM trips WHERE trip_no=4", "SELECT to_state FROM transitions"};
  static const int want[] = {5, 123, 6, 3};
  for (int i = 0; i < 4; i++) {
    sqlite3_stmt *st;
    cr_assert_eq(sqlite3_prepare_v2(db, ask[i], -1, &st, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(st), SQLITE_ROW, "%s", ask[i]);
    cr_assert_eq(sqlite3_column_int(st, 0), want[i], "%s", ask[i]);
    sqlite3_finalize(st);
  }
  sqlite3_close(db);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

Test(store, a_disk_that_fills_up_breaks_it_once) {
  tmp_dir_t dir = tmp_make();
  char path[256];
  tg_store_t *store = open_at(tmp_join(&dir, "store.db", path, sizeof path));
  uint64_t epoch;
  cr_assert_eq(tg_store_next_epoch(store, &run, &epoch), 0);
  symbol(store, 0);
  cr_assert_eq(tg_store_commit(store), 0);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {200000, 200000}; /* each Criterion test is its own process */
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  int told = 0;
  for (uint64_t i = 1; i < 20000; i++) {
    tg_msg_t msg;
    tg_msg_init(&msg, TG_OUT_PLACE, 0, i * 1000000);
    msg.u.out_place.client_id = i;
    int rc = tg_store_on_msg(store, &msg);
    if (rc == 0) rc = tg_store_turn(store, i * 1000000);
    if (rc < 0) told++;
  }
  cr_assert_eq(told, 1);
  tg_store_stats_t stats;
  tg_store_stats(store, &stats);
  cr_assert(stats.broken == -TG_ENOSPACE || stats.broken == -TG_EIO);
  cr_assert_lt(tg_store_close(store), 0);
  char err[256];
  cr_assert_eq(tg_store_open_read(&store, path, err, sizeof err), 0, "%s", err); /* what was committed is there */
  cr_assert_eq(tg_store_epoch(store), 1);
  cr_assert_eq(tg_store_close(store), 0);
  tmp_remove(&dir);
}

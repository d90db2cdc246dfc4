/* Going on with a former run: the tail of its tape into its rows (recover.c), and what a run has in memory beside its rows. */
#include <string.h>

#include "engine/cold/store_internal.h"

void tg_store_forget_run(tg_store_t *store) {
  store->journal_cnt = 0;
  store->input_kind = 0;
  store->decisions_dirty = false;
  memset(store->decision, 0, sizeof store->decision);
  memset(store->trip_no, 0, sizeof store->trip_no);
  memset(store->told_qty, 0, sizeof store->told_qty);
  memset(store->told_cost, 0, sizeof store->told_cost);
  memset(store->moving, 0, sizeof store->moving);
}

void tg_store_follow(tg_store_t *store, const tg_msg_t *msg) {
  if (msg->instr_idx >= TG_INSTR_MAX) return;
  switch (msg->kind) {
    case TG_OUT_FILL: {
      bool moves = !(msg->flags & TG_F_SECOND);
      int64_t sign = msg->flags & TG_F_ASK ? -1 : 1;
      store->moving[msg->instr_idx] =
          (tg_store_moving_t){moves ? msg->u.out_fill.trade_id : 0, sign * msg->u.out_fill.qty_lots};
      break;
    }
    case TG_OUT_TRIP:
      if (!(msg->flags & TG_F_SECOND)) store->trip_no[msg->instr_idx] = msg->u.out_trip.u.first.trip_no;
      break;
    case TG_RESTORE_POS:
    case TG_OUT_POSITION:
      store->told_qty[msg->instr_idx] = msg->u.out_position.qty_lots;
      store->told_cost[msg->instr_idx] = msg->u.out_position.cost_e8;
      store->moving[msg->instr_idx].trade_id = 0;
      break;
    default:
      break;
  }
}

void tg_store_pass(tg_store_t *store, const tg_msg_t *msg) {
  if (msg->kind < 128) store->input_kind = msg->kind;
  tg_store_follow(store, msg);
}

/* Rows of a query with the epoch as ?1, each given to `take`. */
static int each(tg_store_t *store, const char *sql, void (*take)(tg_store_t *store, sqlite3_stmt *st)) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)store->epoch);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) take(store, st);
  }
  sqlite3_finalize(st);
  return tg_store_err(rc);
}

static void take_decision(tg_store_t *store, sqlite3_stmt *st) {
  tg_out_decision_t decision = {.decision = (uint8_t)sqlite3_column_int(st, 0),
                                .reason = (uint8_t)sqlite3_column_int(st, 1),
                                .gate = (uint8_t)sqlite3_column_int(st, 2),
                                .sub_code = (uint8_t)sqlite3_column_int(st, 3),
                                .intent = (uint8_t)sqlite3_column_int(st, 4),
                                .state = (uint8_t)sqlite3_column_int(st, 5)};
  int64_t cnt = sqlite3_column_int64(st, 6);
  tg_store_count_decision(store, &decision); /* makes its place */
  for (uint32_t i = 0; i < TG_STORE_DECISIONS; i++) {
    tg_store_decision_t *at = &store->decision[i];
    if (!at->used || !at->dirty) continue;
    at->cnt += (uint64_t)cnt - 1;
    at->dirty = false;
  }
}

static void take_position(tg_store_t *store, sqlite3_stmt *st) {
  int64_t instr = sqlite3_column_int64(st, 0);
  if (instr < 0 || instr >= TG_INSTR_MAX) return;
  store->told_qty[instr] = sqlite3_column_int64(st, 1);
  store->told_cost[instr] = sqlite3_column_int64(st, 2);
}

/* The run's row, made when the store lost it (or never had it). */
static int run_row(tg_store_t *store, uint64_t epoch, const tg_store_run_t *run) {
  sqlite3_stmt *st = NULL;
  int rc = tg_store_err(tg_store_sql(store, "BEGIN IMMEDIATE"));
  if (rc < 0) return rc;
  int result = sqlite3_prepare_v2(store->db,
                                  "INSERT INTO runs(epoch,mode,started_ns,seed,engine,config_sha256,tape) "
                                  "VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO NOTHING",
                                  -1, &st, NULL);
  if (result == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)epoch);
    sqlite3_bind_text(st, 2, tg_mode_name(run->mode), -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, (int64_t)run->started_ns);
    sqlite3_bind_int64(st, 4, (int64_t)run->seed);
    sqlite3_bind_text(st, 5, run->engine, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 6, run->config_sha256, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 7, run->tape, -1, SQLITE_STATIC);
    result = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  if (tg_store_err(result) == 0 &&
      tg_store_sql(store, "UPDATE meta SET value=max(value,(SELECT max(epoch) FROM runs)) WHERE key='epoch'") == SQLITE_OK)
    result = tg_store_sql(store, "COMMIT");
  else
    (void)tg_store_sql(store, "ROLLBACK");
  return tg_store_err(result);
}

int tg_store_resume(tg_store_t *store, uint64_t epoch, const tg_store_run_t *run, int64_t *journal_cnt) {
  char sql[96];
  int64_t cnt;
  *journal_cnt = 0;
  sqlite3_snprintf((int)sizeof sql, sql, "SELECT journal_cnt FROM runs WHERE epoch=%lld", (long long)epoch);
  int rc = tg_store_ask(store, sql, INT64_MIN, &cnt);
  if (rc == 0 && cnt == INT64_MIN) {
    if (!run) return -TG_ENOTFOUND;
    rc = run_row(store, epoch, run);
    cnt = 0;
  }
  if (rc < 0) return rc;
  tg_store_forget_run(store);
  store->epoch = epoch;
  store->journal_cnt = cnt;
  *journal_cnt = cnt;
  rc = each(store, "SELECT decision,reason,gate,sub_code,intent,state,cnt FROM decisions WHERE epoch=?1", take_decision);
  store->decisions_dirty = false;
  if (rc == 0) rc = each(store, "SELECT instr,qty_lots,cost_e8 FROM positions WHERE epoch=?1", take_position);
  return rc;
}

int tg_store_run_over(tg_store_t *store) {
  char sql[128];
  sqlite3_snprintf((int)sizeof sql, sql, "UPDATE runs SET ended_ns=%lld WHERE epoch=%lld AND ended_ns IS NULL",
                   (long long)store->begun_ns, (long long)store->epoch);
  return tg_store_err(tg_store_sql(store, sql));
}

int tg_store_last_run(tg_store_t *store, uint64_t *epoch, bool *over) {
  int64_t newest, ended;
  int rc = tg_store_ask(store, "SELECT max(epoch) FROM runs", 0, &newest);
  if (rc == 0) rc = tg_store_ask(store, "SELECT ended_ns IS NOT NULL FROM runs ORDER BY epoch DESC LIMIT 1", 0, &ended);
  *epoch = rc == 0 ? (uint64_t)newest : 0;
  *over = rc == 0 && ended != 0;
  return rc;
}

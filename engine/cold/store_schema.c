/* The tables, and what each version of them added. A new store is made as version 1 and upgraded like an old one, so both
 * end up the same. */
#include "engine/cold/store_internal.h"

static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('schema',1),('epoch',0);"
    "CREATE TABLE runs(epoch INTEGER PRIMARY KEY, mode TEXT, started_ns INTEGER, ended_ns INTEGER, seed INTEGER, engine TEXT,"
    " config_sha256 TEXT, tape TEXT, exit_code INTEGER, outputs_digest TEXT);"
    "CREATE TABLE instruments(epoch INTEGER, instr INTEGER, symbol TEXT, margin_asset TEXT, product INTEGER, px_dec INTEGER,"
    " px_unit INTEGER, qty_dec INTEGER, qty_unit INTEGER, PRIMARY KEY(epoch,instr)) WITHOUT ROWID;"
    "CREATE TABLE orders(epoch INTEGER, client_id INTEGER, instr INTEGER, order_id INTEGER DEFAULT 0, side INTEGER,"
    " px_ticks INTEGER, qty_lots INTEGER, cum_lots INTEGER DEFAULT 0, state INTEGER DEFAULT -1, tif INTEGER, type INTEGER "
    "DEFAULT 0,"
    " flags INTEGER, venue_code INTEGER DEFAULT 0, reason INTEGER DEFAULT 0, cause INTEGER DEFAULT 0, first_ns INTEGER,"
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
    " venue INTEGER);";

/* 2: what a restart needs. journal_cnt: messages of the journal that the committed rows hold; -1 in runs of version 1, where
 * nobody counted. stale: a fill or funding came after the position's row. moved_lots: what of a fill moved the position, NULL
 * all of it. */
static const char schema_2[] =
    "ALTER TABLE runs ADD COLUMN journal_cnt INTEGER DEFAULT 0;"
    "ALTER TABLE runs ADD COLUMN restored INTEGER DEFAULT 0;"
    "ALTER TABLE runs ADD COLUMN from_epoch INTEGER DEFAULT 0;"
    "UPDATE runs SET journal_cnt=-1;"
    "ALTER TABLE orders ADD COLUMN want_lots INTEGER DEFAULT 0;"
    "ALTER TABLE orders ADD COLUMN restored INTEGER DEFAULT 0;"
    "ALTER TABLE fills ADD COLUMN moved_lots INTEGER;"
    "ALTER TABLE positions ADD COLUMN stale INTEGER DEFAULT 0;"
    "CREATE TABLE openings(epoch INTEGER, instr INTEGER, ts_ns INTEGER, qty_lots INTEGER, cost_e8 INTEGER, realised_e8 INTEGER,"
    " commission_e8 INTEGER, funding_e8 INTEGER, PRIMARY KEY(epoch,instr)) WITHOUT ROWID;"
    "CREATE TABLE days(epoch INTEGER, instr INTEGER, ts_ns INTEGER, day_no INTEGER, entry_cnt INTEGER, qty_lots INTEGER,"
    " notional_e8 INTEGER, peak_e8 INTEGER, loss_streak INTEGER, PRIMARY KEY(epoch,instr)) WITHOUT ROWID;"
    "UPDATE meta SET value=2 WHERE key='schema';";

static const char *const upgrade_sql[TG_STORE_SCHEMA_VERSION] = {schema_1, schema_2};

/* From `version` (0: nothing there) to ours, in one transaction. */
static int upgrade(tg_store_t *store, int64_t version) {
  int rc = tg_store_err(tg_store_sql(store, "BEGIN IMMEDIATE"));
  for (int64_t at = version; rc == 0 && at < TG_STORE_SCHEMA_VERSION; at++)
    rc = tg_store_err(tg_store_sql(store, upgrade_sql[at]));
  if (rc == 0) rc = tg_store_err(tg_store_sql(store, "COMMIT"));
  if (rc < 0) (void)tg_store_sql(store, "ROLLBACK");
  return rc;
}

int tg_store_schema(tg_store_t *store, bool may_write) {
  int64_t tables, version = 0, unclean;
  int rc = tg_store_ask(store, "SELECT count(*) FROM sqlite_master", 0, &tables);
  if (rc < 0) return rc;
  if (tables > 0 || !may_write) {
    rc = tg_store_ask(store, "SELECT value FROM meta WHERE key='schema'", -1, &version);
    if (rc < 0) return rc == -TG_EIO ? -TG_EVERSION : rc; /* no such table: somebody else's database */
  }
  if (version < 0 || version > TG_STORE_SCHEMA_VERSION) return -TG_EVERSION;
  if (version < TG_STORE_SCHEMA_VERSION) {
    if (!may_write) return -TG_EVERSION;
    rc = upgrade(store, version);
    if (rc < 0) return rc;
  }
  rc = tg_store_ask(store, "SELECT count(*) FROM runs WHERE epoch=(SELECT max(epoch) FROM runs) AND ended_ns IS NULL", 0,
                    &unclean);
  if (rc < 0 || unclean == 0) return rc;
  int64_t bad; /* only after a crash: on a large store it takes its time */
  rc = tg_store_ask(store, "SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check<>'ok'", 1, &bad);
  return rc < 0 ? rc : bad ? -TG_ECORRUPT : 0;
}

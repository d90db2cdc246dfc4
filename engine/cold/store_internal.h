/* store_internal.h - the inside of the store, shared by its .c files only.
 * What:    the open database, its prepared statements, counters.
 * Owner:   store.c.
 * Threads: one.
 * Errors:  tg_store_failed keeps the first. */
#ifndef TG_COLD_STORE_INTERNAL_H
#define TG_COLD_STORE_INTERNAL_H

#include <sqlite3.h>

#include "engine/cold/store.h"

/* Prepared statements: ST(NAME, sql). Parameters are numbered; ?1 is the epoch everywhere. */
#define TG_STORE_STATEMENTS(ST) \
  ST(INSTRUMENT, \
     "INSERT INTO instruments(epoch,instr,symbol,margin_asset,product,px_dec,px_unit,qty_dec,qty_unit) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(epoch,instr) DO NOTHING") /* told again when the venue changes it: the \
     numbers of this run stay in the first scale */ \
  ST(AMEND, "UPDATE orders SET want_lots=?3,last_ns=?4 WHERE epoch=?1 AND client_id=?2") \
  ST(RESTORED, \
     "INSERT INTO " \
     "orders(epoch,client_id,instr,side,px_ticks,qty_lots,tif,type,flags,first_ns,last_ns,order_id,cum_lots,restored) " \
     "VALUES(?1,?2,?3,?4,?5,?6,0,?7,?8,?9,?9,?10,?11,1) ON CONFLICT(epoch,client_id) DO NOTHING") \
  ST(PLACE, \
     "INSERT INTO orders(epoch,client_id,instr,side,px_ticks,qty_lots,tif,type,flags,first_ns,last_ns) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?10) ON CONFLICT(epoch,client_id) DO NOTHING") \
  ST(ORDER, \
     "INSERT INTO orders(epoch,client_id,instr,side,px_ticks,qty_lots,tif,flags,first_ns,last_ns,order_id,cum_lots,state," \
     "venue_code,reason,cause,updates) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?9,?10,?11,?12,?13,?14,?15,1) " \
     "ON CONFLICT(epoch,client_id) DO UPDATE SET px_ticks=?5,qty_lots=?6,last_ns=?9,order_id=CASE ?10 WHEN 0 THEN order_id " \
     "ELSE ?10 END,cum_lots=?11,state=?12,venue_code=?13,reason=?14,cause=?15,updates=updates+1") \
  ST(SIDE, "SELECT side FROM orders WHERE epoch=?1 AND client_id=?2") \
  ST(FILL, \
     "INSERT INTO fills(epoch,instr,trade_id,client_id,side,px_ticks,qty_lots,commission_e8,realised_e8,flags,ts_ns," \
     "moved_lots) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,CASE ?10 & 8 WHEN 0 THEN NULL ELSE 0 END) " \
     "ON CONFLICT(epoch,instr,trade_id) DO UPDATE SET " \
     "commission_e8=?8,realised_e8=?9,flags=?10 WHERE (flags & 16)<>0 AND (?10 & 16)=0") \
  ST(STALE, "UPDATE positions SET stale=1 WHERE epoch=?1 AND instr=?2") \
  ST(MOVED, "UPDATE fills SET moved_lots=?4 WHERE epoch=?1 AND instr=?2 AND trade_id=?3") \
  ST(TRIP, \
     "INSERT INTO trips(epoch,instr,trip_no,ts_ns,entry_cost_e8,exit_cost_e8,qty_lots,gross_e8,net_e8) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(epoch,instr,trip_no) DO UPDATE SET ts_ns=?4,entry_cost_e8=?5," \
     "exit_cost_e8=?6,qty_lots=?7,gross_e8=?8,net_e8=?9") \
  ST(TRIP2, \
     "UPDATE trips SET commission_e8=?3,funding_e8=?4,mae_e8=?5,mfe_e8=?6,duration_ns=?7,fill_cnt=?8,maker_cnt=?9 " \
     "WHERE epoch=?1 AND instr=?2 AND trip_no=?10") \
  ST(TRANSITION, \
     "INSERT INTO transitions(epoch,ts_ns,from_state,to_state,reason,from_name,to_name,reason_name,inputs,entered_ns," \
     "feed_age_ns,sync_age_ns,toxicity_e8,gross_e8) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)") \
  ST(DECISION, \
     "INSERT INTO decisions(epoch,decision,reason,gate,sub_code,intent,state,decision_name,reason_name,gate_name,cnt) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) ON CONFLICT(epoch,decision,reason,gate,sub_code,intent,state) " \
     "DO UPDATE SET cnt=?11") \
  ST(JOURNAL, "UPDATE runs SET journal_cnt=?2 WHERE epoch=?1") \
  ST(RESTORE_DONE, "UPDATE runs SET restored=1,from_epoch=?2 WHERE epoch=?1") \
  ST(OPENING, \
     "INSERT OR REPLACE INTO openings(epoch,instr,ts_ns,qty_lots,cost_e8,realised_e8,commission_e8,funding_e8) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)") \
  ST(DAY, \
     "INSERT OR REPLACE INTO days(epoch,instr,ts_ns,day_no,entry_cnt,qty_lots,notional_e8,peak_e8,loss_streak) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)") \
  ST(POSITION, \
     "INSERT INTO positions(epoch,instr,ts_ns,qty_lots,cost_e8,realised_e8,commission_e8,funding_e8,unrealised_e8) " \
     "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(epoch,instr) DO UPDATE SET ts_ns=?3,qty_lots=?4,cost_e8=?5," \
     "realised_e8=?6,commission_e8=?7,funding_e8=?8,unrealised_e8=?9,stale=0") \
  ST(ADOPTION, \
     "INSERT INTO adoptions(epoch,instr,ts_ns,after_seq,qty_lots,cost_e8) " \
     "VALUES(?1,?2,?3,(SELECT coalesce(max(seq),0) FROM fills),?4,?5)") \
  ST(FUNDING, "INSERT INTO funding(epoch,instr,ts_ns,venue_ms,asset,change_e8) VALUES(?1,?2,?3,?4,?5,?6)") \
  ST(ALARM, "INSERT INTO alarms(epoch,ts_ns,what,name,instr,client_id,ours,venue) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")

typedef enum tg_store_statement {
#define ST(name, sql) TG_ST_##name,
  TG_STORE_STATEMENTS(ST)
#undef ST
      TG_ST_CNT
} tg_store_statement_t;

#define TG_STORE_DECISIONS 1024 /* kinds of decisions counted; beyond it they fall into the last */

typedef struct tg_store_decision {
  uint8_t decision, reason, gate, sub_code, intent, state;
  bool used, dirty;
  uint64_t cnt;
} tg_store_decision_t;

/* The last fill of an instrument whose position has not been told yet. */
typedef struct tg_store_moving {
  uint64_t trade_id; /* 0 none */
  int64_t signed_lots;
} tg_store_moving_t;

struct tg_store {
  sqlite3 *db;
  sqlite3_stmt *st[TG_ST_CNT];
  int lock_fd;
  const tg_cold_names_t *names;
  uint64_t epoch, begun_ns;
  uint32_t pending; /* rows of the open transaction */
  bool in_transaction, told, read_only;
  uint64_t trip_no[TG_INSTR_MAX]; /* whose second line comes next */
  uint8_t input_kind;             /* of the input whose outputs are coming */
  int64_t told_qty[TG_INSTR_MAX]; /* last OUT_POSITION */
  int64_t told_cost[TG_INSTR_MAX];
  tg_store_moving_t moving[TG_INSTR_MAX];
  int64_t journal_cnt; /* messages of this run so far; < 0 not counted */
  tg_store_decision_t decision[TG_STORE_DECISIONS];
  bool decisions_dirty;
  tg_store_stats_t stats;
};

/* Our error of an SQLite result. */
int tg_store_err(int sqlite_result);
/* Keeps the first failure; returns our error. */
int tg_store_failed(tg_store_t *store, int sqlite_result);
/* Runs SQL without rows; SQLite's result. */
int tg_store_sql(tg_store_t *store, const char *sql);
/* First integer of a query; `other` when there is no row. 0 or our error. */
int tg_store_ask(tg_store_t *store, const char *sql, int64_t other, int64_t *out);
/* A database of ours, made or upgraded when it may be written. 0, -TG_EVERSION, -TG_ECORRUPT (quick_check), ... */
int tg_store_schema(tg_store_t *store, bool may_write);
/* What belongs to one run is forgotten: the next row belongs to another. */
void tg_store_forget_run(tg_store_t *store);
/* Memory beside the rows (which input, which trip, which fill moves), without a row. */
void tg_store_follow(tg_store_t *store, const tg_msg_t *msg);
/* tg_store_position of any epoch. */
TG_MUST_USE int tg_store_position_at(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, tg_store_pos_t *out);
/* Writes the counted decisions that changed. 0 or error. */
TG_MUST_USE int tg_store_flush_decisions(tg_store_t *store);
/* One row of one message; false: nothing of it is kept. *rc is 0 or the error. */
TG_MUST_USE int tg_store_row(tg_store_t *store, const tg_msg_t *msg);
/* Kinds that need the database. */
bool tg_store_wants(const tg_msg_t *msg);
/* Counts a decision in memory. */
void tg_store_count_decision(tg_store_t *store, const tg_out_decision_t *decision);

#endif

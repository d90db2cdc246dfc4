#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/store_internal.h"

/* The money rule in the store's own words, apart from the core's code on purpose: the two are held against each other.
 * A fill that reduces by q of |Q| releases C*q/|Q| of the cost, rounded half away from zero to 1e-8. */

typedef struct fold {
  int64_t tick_lot_e8; /* one tick times one lot */
  tg_i128 qty, cost, realised, commission;
  uint64_t fill_cnt;
  int64_t inside;
  int64_t funding;
  bool adopted, opened;
} fold_t;

static tg_i128 magnitude(tg_i128 value) {
  return value < 0 ? -value : value;
}

/* floor(num/den + 1/2) for num, den >= 0: half away from zero. */
static tg_i128 rounded(tg_i128 num, tg_i128 den) {
  return (2 * num + den) / (2 * den);
}

static void fold_fill(fold_t *fold, int64_t side, int64_t px, int64_t lots) {
  tg_i128 price = (tg_i128)px * fold->tick_lot_e8; /* value of one lot */
  tg_i128 way = side == TG_SELL ? -1 : 1;
  tg_i128 closing = 0;
  if (fold->qty * way < 0) closing = magnitude(fold->qty) < lots ? magnitude(fold->qty) : lots;
  if (closing > 0) {
    tg_i128 released = rounded(fold->cost * closing, magnitude(fold->qty));
    fold->realised += way < 0 ? price * closing - released : released - price * closing;
    fold->cost -= released;
    fold->qty += way * closing;
  }
  tg_i128 opening = lots - closing;
  fold->cost += price * opening;
  fold->qty += way * opening;
  fold->fill_cnt++;
}

static bool fits(tg_i128 value) {
  return value >= INT64_MIN && value <= INT64_MAX;
}

static int find_scale(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, int64_t *tick_lot_e8) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db, "SELECT px_dec,px_unit,qty_dec,qty_unit FROM instruments WHERE epoch=?1 AND instr=?2",
                              -1, &st, NULL);
  int err = -TG_ENOTFOUND;
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)epoch);
    sqlite3_bind_int64(st, 2, instr_idx);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
      int64_t dec = sqlite3_column_int64(st, 0) + sqlite3_column_int64(st, 2);
      tg_i128 units = (tg_i128)sqlite3_column_int64(st, 1) * sqlite3_column_int64(st, 3);
      tg_i128 scaled = units * TG_E8;
      for (; dec > 0 && scaled % 10 == 0; dec--) scaled /= 10;
      err = dec == 0 && scaled > 0 && fits(scaled)
                ? 0
                : -TG_ERANGE; /* a tick times a lot finer than 1e-8 cannot be summed exactly */
      *tick_lot_e8 = (int64_t)scaled;
    }
  }
  sqlite3_finalize(st);
  return tg_store_err(rc) < 0 ? -TG_EIO : err;
}

/* What the run began with. */
static int fold_opening(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, fold_t *fold) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(
      store->db, "SELECT qty_lots,cost_e8,realised_e8,commission_e8,funding_e8 FROM openings WHERE epoch=?1 AND instr=?2", -1,
      &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)epoch);
    sqlite3_bind_int64(st, 2, instr_idx);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
      fold->qty = sqlite3_column_int64(st, 0);
      fold->cost = sqlite3_column_int64(st, 1);
      fold->realised = sqlite3_column_int64(st, 2);
      fold->commission = sqlite3_column_int64(st, 3);
      fold->funding = sqlite3_column_int64(st, 4);
      fold->opened = true;
    }
  }
  sqlite3_finalize(st);
  return tg_store_err(rc) < 0 ? -TG_EIO : 0;
}

static int fold_rows(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, fold_t *fold) {
  /* fills in the venue's order (trade ids rise in the order of matches) between what stands fast: adoptions, and fills that
   * were told too late for their place */
  static const char sql[] =
      "WITH rows AS (SELECT seq*2 AS at,0 AS adopts,side,px_ticks,qty_lots,commission_e8,moved_lots,flags,trade_id,ts_ns,"
      " (flags&5)=1 AS fast FROM fills WHERE epoch=?1 AND instr=?2 "
      "UNION ALL SELECT after_seq*2+1,1,0,cost_e8,qty_lots,0,NULL,0,0,ts_ns,1 FROM adoptions WHERE epoch=?1 AND instr=?2),"
      "parts AS (SELECT *,sum(fast) OVER (ORDER BY at,ts_ns ROWS UNBOUNDED PRECEDING) AS part FROM rows) "
      "SELECT at,adopts,side,px_ticks,qty_lots,commission_e8,moved_lots,flags FROM parts ORDER BY part,fast DESC,trade_id,at";
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)epoch);
    sqlite3_bind_int64(st, 2, instr_idx);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
      if (sqlite3_column_int(st, 1)) {
        fold->cost = sqlite3_column_int64(st, 3);
        fold->qty = sqlite3_column_int64(st, 4);
        fold->adopted = true;
      } else {
        int64_t lots = sqlite3_column_int64(st, 4), moved = lots;
        if (sqlite3_column_type(st, 6) != SQLITE_NULL) moved = sqlite3_column_int64(st, 6);
        bool completes = (sqlite3_column_int64(st, 7) & TG_F_SECOND) != 0; /* commission of a fill that a former run booked */
        if (moved < lots && !completes) fold->inside += lots - moved;
        if (moved > 0) fold_fill(fold, sqlite3_column_int64(st, 2), sqlite3_column_int64(st, 3), moved);
        fold->commission += sqlite3_column_int64(st, 5);
      }
      if (!fits(fold->qty) || !fits(fold->cost) || !fits(fold->realised)) break; /* keeps the next products inside 128 bits */
    }
  }
  sqlite3_finalize(st);
  return tg_store_err(rc) < 0 ? -TG_EIO : 0;
}

static int sum_funding(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, int64_t *out) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(store->db,
                              "SELECT coalesce(sum(change_e8),0) FROM funding JOIN instruments USING(epoch,instr) "
                              "WHERE epoch=?1 AND instr=?2 AND asset=margin_asset",
                              -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)epoch);
    sqlite3_bind_int64(st, 2, instr_idx);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return tg_store_err(rc) < 0 ? -TG_EIO : 0;
}

int tg_store_position(tg_store_t *store, uint16_t instr_idx, tg_store_pos_t *out) {
  return tg_store_position_at(store, store->epoch, instr_idx, out);
}

int tg_store_position_at(tg_store_t *store, uint64_t epoch, uint16_t instr_idx, tg_store_pos_t *out) {
  fold_t fold = {0};
  int rc = find_scale(store, epoch, instr_idx, &fold.tick_lot_e8);
  if (rc == 0) rc = fold_opening(store, epoch, instr_idx, &fold);
  if (rc == 0) rc = fold_rows(store, epoch, instr_idx, &fold);
  int64_t funding = 0;
  if (rc == 0) rc = sum_funding(store, epoch, instr_idx, &funding);
  if (rc < 0) return rc;
  funding += fold.funding;
  if (!fits(fold.qty) || !fits(fold.cost) || !fits(fold.realised) || !fits(fold.commission)) return -TG_ERANGE;
  *out = (tg_store_pos_t){.qty_lots = (int64_t)fold.qty,
                          .cost_e8 = (int64_t)fold.cost,
                          .realised_e8 = (int64_t)fold.realised,
                          .commission_e8 = (int64_t)fold.commission,
                          .funding_e8 = funding,
                          .fill_cnt = fold.fill_cnt,
                          .adopted = fold.adopted,
                          .opened = fold.opened,
                          .inside_lots = fold.inside};
  return 0;
}

int64_t tg_store_open_orders(tg_store_t *store, uint16_t instr_idx) {
  static const char sql[] =
      "SELECT state,count(*) FROM orders WHERE epoch=?1 AND state>=0 AND (?2<0 OR instr=?2) GROUP BY state";
  sqlite3_stmt *st = NULL;
  int64_t open = 0;
  int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)store->epoch);
    sqlite3_bind_int64(st, 2, instr_idx == TG_INSTR_NONE ? -1 : (int64_t)instr_idx);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
      if (store->names->order_open((unsigned)sqlite3_column_int(st, 0))) open += sqlite3_column_int64(st, 1);
    }
  }
  sqlite3_finalize(st);
  return tg_store_err(rc) < 0 ? -TG_EIO : open;
}

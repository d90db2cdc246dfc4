/* What a restart needs, read from the store. */
#include <stdio.h>
#include <string.h>

#include "engine/cold/recover.h"
#include "engine/cold/store_internal.h"

typedef struct reading {
  tg_recover_t *r;
  tg_store_t *store;
  int err;
} reading_t;

typedef void (*row_t)(reading_t *reading, sqlite3_stmt *st);

/* Rows of a query; ?1 is number, ?2 text (NULL none). */
static int each(reading_t *reading, const char *sql, int64_t number, const char *text, row_t take) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(reading->store->db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, number);
    if (text) sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && reading->err == 0) take(reading, st);
    if (rc == SQLITE_ROW) rc = SQLITE_DONE;
  }
  sqlite3_finalize(st);
  rc = tg_store_err(rc);
  return rc < 0 ? rc : reading->err;
}

/* Place of a symbol, made when it is new; NULL when there is none left. */
static tg_recover_instr_t *instr_of(tg_recover_t *r, sqlite3_stmt *st, int column) {
  const char *symbol = (const char *)sqlite3_column_text(st, column);
  if (!symbol) return NULL;
  for (uint32_t i = 0; i < r->instr_cnt; i++) {
    if (strcmp(r->instr[i].symbol, symbol) == 0) return &r->instr[i];
  }
  if (r->instr_cnt == TG_INSTR_MAX) return NULL;
  tg_recover_instr_t *instr = &r->instr[r->instr_cnt++];
  (void)!snprintf(instr->symbol, sizeof instr->symbol, "%s", symbol);
  return instr;
}

/* The newest scale wins; numbers of older runs are brought to it where they are read. */
static void take_symbol(reading_t *reading, sqlite3_stmt *st) {
  tg_recover_instr_t *instr = instr_of(reading->r, st, 0);
  if (!instr) return;
  instr->px = (tg_scale_t){(uint8_t)sqlite3_column_int(st, 1), sqlite3_column_int64(st, 2)};
  instr->qty = (tg_scale_t){(uint8_t)sqlite3_column_int(st, 3), sqlite3_column_int64(st, 4)};
}

int tg_recover_rescale(int64_t *value, tg_scale_t from, tg_scale_t to) {
  if (from.dec == to.dec && from.unit == to.unit) return 0;
  tg_i128 num = (tg_i128)*value * from.unit, den = to.unit; /* value * from.unit / 10^from.dec / to.unit * 10^to.dec */
  if (den <= 0) return -TG_ERANGE;
  for (unsigned dec = from.dec; dec < to.dec; dec++) num *= 10;
  for (unsigned dec = to.dec; dec < from.dec; dec++) den *= 10;
  if (num % den != 0 || num / den > INT64_MAX || num / den < INT64_MIN) return -TG_ERANGE;
  *value = (int64_t)(num / den);
  return 0;
}

static bool rescaled(int64_t *value, tg_scale_t from, tg_scale_t to) {
  return tg_recover_rescale(value, from, to) == 0;
}

static tg_scale_t scale_at(sqlite3_stmt *st, int column) {
  return (tg_scale_t){(uint8_t)sqlite3_column_int(st, column), sqlite3_column_int64(st, column + 1)};
}

static tg_out_position_t of_sum(const tg_store_pos_t *sum) {
  return (tg_out_position_t){.qty_lots = sum->qty_lots,
                             .cost_e8 = sum->cost_e8,
                             .realised_e8 = sum->realised_e8,
                             .commission_e8 = sum->commission_e8,
                             .funding_e8 = sum->funding_e8};
}

static bool same_money(const tg_out_position_t *a, const tg_out_position_t *b) {
  return a->qty_lots == b->qty_lots && a->cost_e8 == b->cost_e8 && a->realised_e8 == b->realised_e8 &&
         a->commission_e8 == b->commission_e8 && a->funding_e8 == b->funding_e8;
}

/* symbol, epoch, instr, has a positions row, stale, qty, cost, realised, commission, funding, qty scale */
static void take_position(reading_t *reading, sqlite3_stmt *st) {
  tg_recover_instr_t *instr = instr_of(reading->r, st, 0);
  if (!instr || instr->has_position) return; /* newest first */
  bool told = sqlite3_column_int(st, 3) != 0, stale = sqlite3_column_int(st, 4) != 0;
  tg_out_position_t word = {.qty_lots = sqlite3_column_int64(st, 5),
                            .cost_e8 = sqlite3_column_int64(st, 6),
                            .realised_e8 = sqlite3_column_int64(st, 7),
                            .commission_e8 = sqlite3_column_int64(st, 8),
                            .funding_e8 = sqlite3_column_int64(st, 9)};
  int rc = tg_store_position_at(reading->store, (uint64_t)sqlite3_column_int64(st, 1), (uint16_t)sqlite3_column_int(st, 2),
                                &instr->summed);
  bool summed = rc == 0;
  if (rc == -TG_EIO) reading->err = rc;
  if (!summed && !told) return;
  tg_out_position_t sum = summed ? of_sum(&instr->summed) : word;
  instr->from_fills = summed && (stale || !told);
  instr->differs = told && !stale && !same_money(&sum, &word);
  instr->position = instr->from_fills ? sum : word;
  instr->has_position = true;
  instr->lost = !rescaled(&instr->position.qty_lots, scale_at(st, 10), instr->qty);
}

/* client_id, order_id, px, qty, want, cum, side, flags, type, state, symbol, epoch, px scale, qty scale */
static void take_order(reading_t *reading, sqlite3_stmt *st) {
  tg_recover_t *r = reading->r;
  int state = sqlite3_column_int(st, 9);
  if (state >= 0 && !reading->store->names->order_open((unsigned)state)) return;
  tg_recover_instr_t *instr = instr_of(r, st, 10);
  if (!instr) return;
  tg_acc_order_t order = {.client_id = (uint64_t)sqlite3_column_int64(st, 0),
                          .order_id = sqlite3_column_int64(st, 1),
                          .px_ticks = sqlite3_column_int64(st, 2),
                          .qty_lots = sqlite3_column_int64(st, 3),
                          .cum_qty_lots = sqlite3_column_int64(st, 5),
                          .side = (uint8_t)sqlite3_column_int(st, 6),
                          .order_flags = (uint8_t)sqlite3_column_int(st, 7),
                          .type = (uint8_t)sqlite3_column_int(st, 8)};
  int64_t want = sqlite3_column_int64(st, 4);
  if (want > order.qty_lots) order.qty_lots = want; /* an amend may have reached the venue: the larger exposure */
  if (order.type == TG_TYPE_NONE) order.type = TG_TYPE_LIMIT;
  /* one that has a number rested once; one without may never have arrived */
  if (order.order_id > 0) order.status = order.cum_qty_lots > 0 ? TG_STATUS_PARTIALLY_FILLED : TG_STATUS_NEW;
  bool fits = rescaled(&order.px_ticks, scale_at(st, 12), instr->px) &&
              rescaled(&order.qty_lots, scale_at(st, 14), instr->qty) &&
              rescaled(&order.cum_qty_lots, scale_at(st, 14), instr->qty);
  uint32_t at = 0;
  while (at < r->order_cnt && r->order[at].order.client_id != order.client_id) at++;
  if (!fits || at == TG_RECOVER_ORDERS) {
    r->orders_left++;
    return;
  }
  if (at == r->order_cnt) r->order_cnt++;
  r->order[at] =
      (tg_recover_order_t){.at = (uint16_t)(instr - r->instr), .epoch = (uint64_t)sqlite3_column_int64(st, 11), .order = order};
}

/* symbol, trade_id, flags; newest first. One told in full anywhere is booked in full. */
static void take_trade(reading_t *reading, sqlite3_stmt *st) {
  tg_recover_instr_t *instr = instr_of(reading->r, st, 0);
  if (!instr) return;
  uint64_t id = (uint64_t)sqlite3_column_int64(st, 1);
  bool lite = (sqlite3_column_int64(st, 2) & TG_F_LITE) != 0;
  uint32_t at = 0;
  while (at < instr->trade_cnt && instr->trade_id[at] != id) at++;
  if (at < instr->trade_cnt) {
    if (!lite) instr->trade_lite[at] = 0;
    return;
  }
  if (instr->trade_cnt == TG_RECOVER_TRADES) return;
  instr->trade_id[at] = id;
  instr->trade_lite[at] = lite;
  instr->trade_cnt++;
}

static void take_day(reading_t *reading, sqlite3_stmt *st) {
  tg_day_t day = {.day_no = (uint64_t)sqlite3_column_int64(st, 1),
                  .entry_cnt = sqlite3_column_int64(st, 2),
                  .qty_lots = sqlite3_column_int64(st, 3),
                  .notional_e8 = sqlite3_column_int64(st, 4),
                  .peak_e8 = sqlite3_column_int64(st, 5),
                  .loss_streak = (uint32_t)sqlite3_column_int64(st, 6)};
  if (sqlite3_column_type(st, 0) == SQLITE_NULL) {
    if (!reading->r->has_account_day) reading->r->account_day = day;
    reading->r->has_account_day = true;
    return;
  }
  tg_recover_instr_t *instr = instr_of(reading->r, st, 0);
  if (!instr || instr->has_day) return; /* newest first */
  instr->has_day = rescaled(&day.qty_lots, scale_at(st, 7), instr->qty);
  instr->day = day;
}

static void take_id(reading_t *reading, sqlite3_stmt *st) {
  tg_recover_t *r = reading->r;
  if (r->id_cnt == TG_RECOVER_IDS) return;
  r->id[r->id_cnt++] =
      (tg_recover_id_t){.order_id = sqlite3_column_int64(st, 0), .client_id = (uint64_t)sqlite3_column_int64(st, 1)};
}

static void take_run(reading_t *reading, sqlite3_stmt *st) {
  reading->r->from_epoch = (uint64_t)sqlite3_column_int64(st, 0);
  reading->r->clean = sqlite3_column_int(st, 1) != 0;
  reading->r->started_ns = (uint64_t)sqlite3_column_int64(st, 2);
}

static int read_trades(reading_t *reading) {
  for (uint32_t i = 0; i < reading->r->instr_cnt; i++) {
    tg_recover_instr_t *instr = &reading->r->instr[i];
    int rc = each(reading,
                  "SELECT i.symbol,f.trade_id,f.flags FROM fills f JOIN instruments i USING(epoch,instr) WHERE i.symbol=?2 "
                  "ORDER BY f.seq DESC LIMIT ?1",
                  (int64_t)TG_RECOVER_TRADES, instr->symbol, take_trade);
    if (rc < 0) return rc;
    for (uint32_t t = 0; t < instr->trade_cnt; t++) {
      if (instr->trade_id[t] > instr->trade_last) instr->trade_last = instr->trade_id[t];
    }
    instr->trade_from = instr->trade_last ? instr->trade_last + 1 : 0;
    for (uint32_t t = 0; t < instr->trade_cnt; t++) {
      if (instr->trade_lite[t] && instr->trade_id[t] < instr->trade_from) instr->trade_from = instr->trade_id[t];
    }
  }
  return 0;
}

/* The first run whose orders still matter: the newest that was told of all open orders before it. */
static int base_epoch(tg_store_t *store, int64_t *base) {
  return tg_store_ask(store, "SELECT coalesce(max(epoch),0) FROM runs WHERE restored=1 OR journal_cnt<0", 0, base);
}

int tg_recover_read(tg_recover_t *recover, tg_store_t *store) {
  reading_t reading = {recover, store, 0};
  tg_recover_t *r = recover;
  r->instr_cnt = r->order_cnt = r->id_cnt = r->orders_left = 0;
  r->from_epoch = 0;
  r->has_account_day = false;
  memset(r->instr, 0, sizeof r->instr);
  int64_t base = 0;
  int rc = base_epoch(store, &base);
  /* the run that came last as far as knowing its instruments; one that ended before that changed nothing */
  if (rc == 0)
    rc =
        each(&reading,
             "SELECT epoch,ended_ns IS NOT NULL,started_ns FROM runs WHERE epoch=(SELECT max(epoch) FROM instruments) AND ?1=0",
             0, NULL, take_run);
  if (rc == 0)
    rc = each(&reading, "SELECT symbol,px_dec,px_unit,qty_dec,qty_unit FROM instruments WHERE ?1=0 ORDER BY epoch", 0, NULL,
              take_symbol);
  if (rc == 0)
    rc = each(&reading,
              "SELECT i.symbol,i.epoch,i.instr,p.epoch IS NOT NULL,coalesce(p.stale,0),p.qty_lots,p.cost_e8,p.realised_e8,"
              "p.commission_e8,p.funding_e8,i.qty_dec,i.qty_unit FROM instruments i LEFT JOIN positions p USING(epoch,instr) "
              "WHERE ?1=0 AND (p.epoch IS NOT NULL OR EXISTS(SELECT 1 FROM fills f WHERE f.epoch=i.epoch AND f.instr=i.instr)) "
              "ORDER BY i.epoch DESC",
              0, NULL, take_position);
  if (rc == 0)
    rc = each(
        &reading,
        "SELECT o.client_id,o.order_id,o.px_ticks,o.qty_lots,o.want_lots,o.cum_lots,o.side,o.flags,o.type,o.state,i.symbol,"
        "o.epoch,i.px_dec,i.px_unit,i.qty_dec,i.qty_unit FROM orders o JOIN instruments i USING(epoch,instr) "
        "WHERE o.epoch>=?1 ORDER BY o.epoch,o.client_id",
        base, NULL, take_order);
  if (rc == 0) rc = read_trades(&reading);
  if (rc == 0)
    rc = each(&reading,
              "SELECT i.symbol,d.day_no,d.entry_cnt,d.qty_lots,d.notional_e8,d.peak_e8,d.loss_streak,i.qty_dec,i.qty_unit "
              "FROM days d LEFT JOIN instruments i USING(epoch,instr) WHERE ?1=0 ORDER BY d.epoch DESC",
              0, NULL, take_day);
  if (rc == 0)
    rc =
        each(&reading, "SELECT order_id,client_id FROM orders WHERE epoch>=?1 AND order_id<>0 ORDER BY last_ns DESC LIMIT 4096",
             base, NULL, take_id);
  return rc;
}

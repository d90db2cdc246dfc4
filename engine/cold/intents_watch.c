/* What the core's journal says of intents and their orders; the watch for stuck ones. */
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/cold/intents_internal.h"

static bool is_open(uint8_t state) {
  return state == TG_TICKET_NEW || state == TG_TICKET_APPROVED || state == TG_TICKET_EXECUTING;
}

/* How far along: a store that a person moved ahead is not moved back by the core's older word. */
static unsigned rank(uint8_t state) {
  return state == TG_TICKET_REJECTED ? 9 : state;
}

/* ---- executing intents ---- */

static tg_intents_live_t *live_of(tg_intents_t *intents, uint64_t id) {
  for (uint32_t i = 0; i < intents->live_cnt; i++) {
    if (intents->live[i].id == id) return &intents->live[i];
  }
  return NULL;
}

static tg_intents_live_t *live_get(tg_intents_t *intents, uint64_t id, uint64_t now_ns) {
  tg_intents_live_t *live = live_of(intents, id);
  if (live) return live;
  if (intents->live_cnt == TG_INTENTS_LIVE) {
    intents->stats.dropped_cnt++;
    return NULL;
  }
  live = &intents->live[intents->live_cnt++];
  *live = (tg_intents_live_t){.id = id, .progress_ns = now_ns};
  return live;
}

static void live_drop(tg_intents_t *intents, uint64_t id) {
  tg_intents_live_t *live = live_of(intents, id);
  if (live) *live = intents->live[--intents->live_cnt];
}

static void progress(tg_intents_t *intents, uint64_t id, uint64_t now_ns) {
  tg_intents_live_t *live = live_of(intents, id);
  if (!live) return;
  live->progress_ns = now_ns;
  if (!live->stuck) return;
  live->stuck = false;
  live->dirty = intents->dirty = true;
  tg_log_info("intent %016llx goes on", (unsigned long long)id);
}

/* ---- the core's word ---- */

static int open_row(tg_intents_t *intents, const tg_msg_t *msg) {
  const tg_out_intent_t *told = &msg->u.out_intent;
  tg_intent_row_t row = {.id = told->intent_id,
                         .parent_id = told->parent_id,
                         .opened_ns = msg->ts_ns,
                         .changed_ns = msg->ts_ns,
                         .expires_ns = told->expires_ns,
                         .qty_lots = told->qty_lots,
                         .filled_lots = told->filled_lots,
                         .uid = TG_INTENT_NO_UID,
                         .limits_version = told->limits_version,
                         .instr_idx = msg->instr_idx,
                         .side = told->side,
                         .state = told->state,
                         .reason = told->reason,
                         .bits = told->bits,
                         .strategy = intents->cfg.strategy};
  if (msg->instr_idx < TG_INSTR_MAX) memcpy(row.symbol, intents->symbol[msg->instr_idx], sizeof row.symbol);
  if (told->state == TG_TICKET_APPROVED) memcpy(row.word, "auto", 5);
  if (!tg_intents_may(TG_TICKET_NONE, told->state)) return -TG_EINVAL;
  return tg_intents_insert(intents, &row);
}

/* An execution that came after the intent's end. */
static int late_fill(tg_intents_t *intents, const tg_out_intent_t *told) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(intents->db, "UPDATE intents SET filled_lots=max(filled_lots,?2) WHERE id=?1", -1, &st, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, (int64_t)told->intent_id);
    sqlite3_bind_int64(st, 2, told->filled_lots);
    rc = sqlite3_step(st);
  }
  sqlite3_finalize(st);
  return tg_intents_err(rc);
}

static int on_intent(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns) {
  const tg_out_intent_t *told = &msg->u.out_intent;
  tg_intents_live_t *live = live_of(intents, told->intent_id);
  if (live && told->filled_lots > live->filled_lots) {
    live->filled_lots = told->filled_lots;
    live->dirty = intents->dirty = true;
    progress(intents, told->intent_id, now_ns);
    if (told->state == TG_TICKET_EXECUTING) return 0; /* a fill, nothing else */
  }
  tg_intent_row_t row;
  int err = tg_intents_get_row(intents->db, told->intent_id, &row);
  if (err == -TG_ENOTFOUND) return open_row(intents, msg);
  if (err) return err;
  if (told->state == TG_TICKET_EXECUTING || row.state == TG_TICKET_EXECUTING) {
    live = live_get(intents, told->intent_id, now_ns);
    if (live) live->reduce = (told->bits & 2u) != 0;
    if (live && told->filled_lots > live->filled_lots) {
      live->filled_lots = told->filled_lots;
      live->dirty = intents->dirty = true;
    }
  }
  if (rank(told->state) > rank(row.state)) {
    tg_intent_word_t word = {.uid = TG_INTENT_NO_UID, .reason = "core", .epoch = intents->epoch, .now_ns = now_ns};
    if (row.state == TG_TICKET_NEW && told->state == TG_TICKET_EXECUTING) /* the policy that asked for a person ended */
      err = tg_intents_cas(intents, row.id, TG_TICKET_NEW, TG_TICKET_APPROVED, &word);
    uint8_t from = row.state == TG_TICKET_NEW && told->state == TG_TICKET_EXECUTING ? TG_TICKET_APPROVED : row.state;
    if (!err) err = tg_intents_cas(intents, row.id, from, told->state, &word);
    if (err == -TG_ECONFLICT || err == -TG_EINVAL || err == -TG_ESTALE) {
      intents->stats.conflict_cnt++;
      tg_log_warn("intent %016llx: the core says %s, the store %s: %s", (unsigned long long)row.id,
                  tg_ticket_state_name(told->state), tg_ticket_state_name(row.state), tg_err_text(err));
      err = 0;
    }
  }
  if (!is_open(told->state)) {
    live_drop(intents, told->intent_id);
    if (!err && told->filled_lots > row.filled_lots) err = late_fill(intents, told);
  }
  return err;
}

/* ---- children ---- */

static tg_intents_memo_t *memo_of(tg_intents_t *intents, uint64_t client_id) {
  for (uint32_t i = 0; i < intents->memo_cnt; i++) {
    if (intents->memo[i].child.client_id == client_id) return &intents->memo[i];
  }
  return NULL;
}

static tg_intents_memo_t *memo_new(tg_intents_t *intents, uint64_t client_id) {
  if (intents->memo_cnt == TG_INTENTS_CHILDREN && tg_intents_flush(intents) != 0) return NULL;
  if (intents->memo_cnt == TG_INTENTS_CHILDREN) {
    intents->stats.dropped_cnt++;
    return NULL;
  }
  tg_intents_memo_t *memo = &intents->memo[intents->memo_cnt++];
  *memo = (tg_intents_memo_t){.child.client_id = client_id};
  return memo;
}

static void on_child(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns) {
  const tg_out_child_t *told = &msg->u.out_child;
  tg_intents_memo_t *memo = memo_of(intents, told->client_id);
  if (!memo) memo = memo_new(intents, told->client_id);
  intents->stats.child_cnt++;
  (void)live_get(intents, told->intent_id, now_ns);
  progress(intents, told->intent_id, now_ns);
  if (!memo) return;
  memo->child.intent_id = told->intent_id;
  memo->child.qty_lots = told->qty_lots;
  memo->child.placed_ns = memo->child.placed_ns == 0 ? msg->ts_ns : memo->child.placed_ns;
  memo->child.changed_ns = msg->ts_ns;
  memo->child.reason = told->reason;
  memo->instr_idx = msg->instr_idx;
  memo->side = told->side;
  memo->dirty = intents->dirty = true;
}

static void on_order(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns) {
  const tg_out_report_t *told = &msg->u.out_order;
  tg_intents_memo_t *memo = memo_of(intents, told->client_id);
  bool ours = told->client_id >> 60 != 0;
  if (!memo && ours) {
    memo = memo_new(intents, told->client_id); /* of a former run, or one that ended and came back */
    if (memo) memo->former = true;
  }
  if (!memo) return;
  progress(intents, memo->child.intent_id, now_ns);
  memo->child.state = told->state;
  memo->child.cum_lots = told->cum_qty_lots;
  memo->child.qty_lots = told->qty_lots;
  memo->child.changed_ns = msg->ts_ns;
  memo->ended = !intents->cfg.names->order_open(told->state);
  memo->dirty = intents->dirty = true;
}

int tg_intents_on_msg(tg_intents_t *intents, const tg_msg_t *msg, uint64_t now_ns) {
  int err = 0;
  switch (msg->kind) {
    case TG_CFG_SYMBOL:
      if (msg->instr_idx < TG_INSTR_MAX) {
        memset(intents->symbol[msg->instr_idx], 0, sizeof intents->symbol[0]);
        memcpy(intents->symbol[msg->instr_idx], msg->u.cfg_symbol.symbol, sizeof msg->u.cfg_symbol.symbol);
      }
      break;
    case TG_OUT_INTENT:
      err = on_intent(intents, msg, now_ns);
      break;
    case TG_OUT_CHILD:
      on_child(intents, msg, now_ns);
      break;
    case TG_OUT_ORDER:
      on_order(intents, msg, now_ns);
      break;
    default:
      break;
  }
  if (err == 0) return 0;
  if (intents->stats.broken == 0) intents->stats.broken = err;
  if (intents->told) return 0;
  intents->told = true;
  return err;
}

/* ---- from memory to the store ---- */

static int write_child(sqlite3_stmt *st, const tg_intents_memo_t *memo) {
  sqlite3_reset(st);
  const int64_t number[] = {
      (int64_t)memo->child.client_id, (int64_t)memo->child.intent_id, memo->instr_idx,   memo->side,
      memo->child.qty_lots,           memo->child.cum_lots,           memo->child.state, memo->child.reason,
      (int64_t)memo->child.placed_ns, (int64_t)memo->child.changed_ns};
  for (int i = 0; i < (int)TG_ARRAY_CNT(number); i++) sqlite3_bind_int64(st, i + 1, number[i]);
  return tg_intents_err(sqlite3_step(st));
}

static int flush_children(tg_intents_t *intents) {
  sqlite3_stmt *put = NULL, *update = NULL;
  int rc = sqlite3_prepare_v2(intents->db,
                              "INSERT INTO children(client_id,intent_id,instr,side,qty_lots,cum_lots,state,reason,placed_ns,"
                              "changed_ns) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT(client_id) DO UPDATE SET "
                              "intent_id=?2,qty_lots=?5,cum_lots=?6,state=?7,changed_ns=?10",
                              -1, &put, NULL);
  if (rc == SQLITE_OK)
    rc = sqlite3_prepare_v2(intents->db,
                            "UPDATE children SET qty_lots=?5,cum_lots=max(cum_lots,?6),state=?7,changed_ns=?10 "
                            "WHERE client_id=?1",
                            -1, &update, NULL);
  int err = tg_intents_err(rc);
  for (uint32_t i = 0; i < intents->memo_cnt && !err; i++) {
    if (intents->memo[i].dirty) err = write_child(intents->memo[i].former ? update : put, &intents->memo[i]);
  }
  sqlite3_finalize(put);
  sqlite3_finalize(update);
  return err;
}

/* A former run's order executed after that run's intent was closed: the quantity grows, the state stays. */
static int flush_former(tg_intents_t *intents) {
  sqlite3_stmt *st = NULL;
  int err = tg_intents_err(sqlite3_prepare_v2(
      intents->db,
      "UPDATE intents SET filled_lots=max(filled_lots,(SELECT sum(cum_lots) FROM children WHERE intent_id=intents.id)) "
      "WHERE id=(SELECT intent_id FROM children WHERE client_id=?1)",
      -1, &st, NULL));
  for (uint32_t i = 0; i < intents->memo_cnt && !err; i++) {
    if (!intents->memo[i].dirty || !intents->memo[i].former || intents->memo[i].child.cum_lots == 0) continue;
    sqlite3_reset(st);
    sqlite3_bind_int64(st, 1, (int64_t)intents->memo[i].child.client_id);
    err = tg_intents_err(sqlite3_step(st));
  }
  sqlite3_finalize(st);
  return err;
}

static int flush_live(tg_intents_t *intents) {
  sqlite3_stmt *st = NULL;
  int err = tg_intents_err(sqlite3_prepare_v2(
      intents->db, "UPDATE intents SET filled_lots=max(filled_lots,?2),stuck=?3 WHERE id=?1 AND state=4", -1, &st, NULL));
  for (uint32_t i = 0; i < intents->live_cnt && !err; i++) {
    if (!intents->live[i].dirty) continue;
    sqlite3_reset(st);
    sqlite3_bind_int64(st, 1, (int64_t)intents->live[i].id);
    sqlite3_bind_int64(st, 2, intents->live[i].filled_lots);
    sqlite3_bind_int(st, 3, intents->live[i].stuck);
    err = tg_intents_err(sqlite3_step(st));
  }
  sqlite3_finalize(st);
  return err;
}

int tg_intents_flush(tg_intents_t *intents) {
  if (intents->stats.broken) return intents->stats.broken;
  if (!intents->dirty) return 0;
  int err = tg_intents_sql(intents->db, "BEGIN IMMEDIATE");
  if (err) return err;
  err = flush_children(intents);
  if (!err) err = flush_former(intents);
  if (!err) err = flush_live(intents);
  if (!err) err = tg_intents_sql(intents->db, "COMMIT");
  if (err) {
    (void)tg_intents_sql(intents->db, "ROLLBACK");
    return err;
  }
  intents->dirty = false;
  for (uint32_t i = 0; i < intents->live_cnt; i++) intents->live[i].dirty = false;
  for (uint32_t i = 0; i < intents->memo_cnt;) {
    intents->memo[i].dirty = false;
    if (intents->memo[i].ended) {
      intents->memo[i] = intents->memo[--intents->memo_cnt];
    } else {
      i++;
    }
  }
  return 0;
}

/* An order that rests in peace is work under way; one whose outcome is unknown for so long is not. An intent for reductions
 * that has no order at all waits for something to reduce. */
static bool at_rest(const tg_intents_t *intents, const tg_intents_live_t *live) {
  bool orders = false;
  for (uint32_t i = 0; i < intents->memo_cnt; i++) {
    const tg_intents_memo_t *memo = &intents->memo[i];
    if (memo->child.intent_id != live->id || memo->ended) continue;
    orders = true;
    const char *state = intents->cfg.names->order_state(memo->child.state);
    if (strcmp(state, "LIVE") == 0 || strcmp(state, "PARTIAL") == 0) return true;
  }
  return live->reduce && !orders;
}

static void look_for_stuck(tg_intents_t *intents, uint64_t now_ns) {
  if (intents->cfg.stuck_ns == 0) return;
  for (uint32_t i = 0; i < intents->live_cnt; i++) {
    tg_intents_live_t *live = &intents->live[i];
    if (live->stuck || now_ns < live->progress_ns + intents->cfg.stuck_ns || at_rest(intents, live)) continue;
    live->stuck = live->dirty = intents->dirty = true;
    intents->stats.stuck_cnt++;
    tg_log_warn("alarm %s: intent %016llx executes without an order or a fill for %llu ms: `tickgatectl intents show %016llx`",
                tg_alarm_name(TG_ALARM_INTENT_STUCK), (unsigned long long)live->id,
                (unsigned long long)((now_ns - live->progress_ns) / (uint64_t)TG_NS_PER_MS), (unsigned long long)live->id);
  }
}

int tg_intents_turn(tg_intents_t *intents, uint64_t now_ns) {
  if (now_ns < intents->flushed_ns + TG_INTENTS_FLUSH_MS * (uint64_t)TG_NS_PER_MS) return 0;
  intents->flushed_ns = now_ns;
  look_for_stuck(intents, now_ns);
  int err = intents->stats.broken ? intents->stats.broken : tg_intents_flush(intents);
  if (err == 0 || err == -TG_EBUSY) return 0; /* busy: another process writes; the next turn tries again */
  if (intents->stats.broken == 0) intents->stats.broken = err;
  if (intents->told) return 0;
  intents->told = true;
  return err;
}

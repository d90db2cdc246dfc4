/* The tape's tail into the store, and what comes of it as messages. */
#include "engine/cold/recover.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cold/tape.h"
#include "engine/cold/tape_format.h"

enum { FEED_COMMIT = 16384, STEP_MAX = 4096, LOOK_BACK = 16, LOOK_RECORDS = 20000 };

tg_recover_t *tg_recover_new(void) {
  return calloc(1, sizeof(tg_recover_t));
}

void tg_recover_free(tg_recover_t *recover) {
  free(recover);
}

/* ---- which tapes ---- */

typedef struct tapes {
  const char *dir;
  uint64_t epoch[TG_RECOVER_EPOCHS]; /* ascending, the newest ones */
  uint32_t cnt;
} tapes_t;

/* Keeps the newest, in order, each once. */
static void tapes_add(tapes_t *tapes, uint64_t epoch) {
  uint32_t at = tapes->cnt;
  while (at > 0 && tapes->epoch[at - 1] >= epoch) {
    if (tapes->epoch[at - 1] == epoch) return;
    at--;
  }
  if (tapes->cnt == TG_RECOVER_EPOCHS) {
    if (at == 0) return;
    at--;
    memmove(&tapes->epoch[0], &tapes->epoch[1], at * sizeof tapes->epoch[0]);
  } else {
    memmove(&tapes->epoch[at + 1], &tapes->epoch[at], (tapes->cnt - at) * sizeof tapes->epoch[0]);
    tapes->cnt++;
  }
  tapes->epoch[at] = epoch;
}

static void tapes_find(tapes_t *tapes, const char *dir) {
  *tapes = (tapes_t){.dir = dir};
  DIR *handle = dir[0] ? opendir(dir) : NULL;
  if (!handle) return; /* no tape at all: the store alone */
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
    uint64_t epoch;
    uint32_t segment;
    bool zstd;
    if (tg_tape_name_parse(entry->d_name, &epoch, &segment, &zstd)) tapes_add(tapes, epoch);
  }
  closedir(handle);
}

/* <dir>/<segment> as it lies there. */
static bool segment_path(const char *dir, uint64_t epoch, uint32_t segment, char *buf, size_t cap) {
  char name[64];
  tg_tape_name(epoch, segment, name, sizeof name);
  int n = snprintf(buf, cap, "%s/%s.zst", dir, name);
  if (n < 0 || (size_t)n >= cap) return false;
  if (access(buf, F_OK) == 0) return true;
  buf[n - 4] = '\0';
  return access(buf, F_OK) == 0;
}

static void note(tg_recover_t *r, const char *text) {
  if (r->note[0] == '\0') (void)!snprintf(r->note, sizeof r->note, "%s", text);
}

/* Opens an epoch's tape at the last segment that begins well before message `from`. NULL: none that can be read. */
static tg_tape_reader_t *tape_open(tg_recover_t *r, const tapes_t *tapes, uint64_t epoch, uint64_t from) {
  char path[TG_TAPE_PATH_BYTES], err[256];
  uint32_t last = 0;
  while (last + 1 < TG_TAPE_SEGMENT_MAX && segment_path(tapes->dir, epoch, last + 1, path, sizeof path)) last++;
  for (uint32_t segment = last + 1; segment-- > 0;) {
    tg_tape_reader_t *reader;
    if (!segment_path(tapes->dir, epoch, segment, path, sizeof path)) continue;
    if (tg_tape_open(&reader, path, err, sizeof err) != 0) {
      if (segment == 0) note(r, err);
      r->tape_bad = r->tape_bad || segment == 0;
      r->tape_torn = r->tape_torn || segment != 0; /* begun, but its header never reached the disk */
      continue;
    }
    if (segment == 0 || tg_tape_head(reader)->first_record + STEP_MAX <= from) return reader;
    tg_tape_reader_close(reader);
  }
  return NULL;
}

/* ---- the tail ---- */

/* Where reading ended, in words for a person; false when the run ended there by itself. */
static bool tape_ended(tg_recover_t *r, tg_tape_reader_t *reader, int rc) {
  if (rc == 0) return true;
  char text[sizeof r->note];
  r->tape_torn = r->tape_torn || rc == -TG_ETRUNCATED;
  r->tape_bad = r->tape_bad || rc != -TG_ETRUNCATED;
  int n = snprintf(text, sizeof text, "%s; what lies before it is used", tg_tape_reader_error(reader));
  if (n > 0) note(r, text);
  return false;
}

static int feed(tg_recover_t *r, tg_store_t *store, tg_tape_reader_t *reader, int64_t from, bool *ended) {
  tg_tape_record_t record;
  uint64_t fed = 0;
  int rc;
  while ((rc = tg_tape_next(reader, &record)) == 1) {
    r->tape_records++;
    if ((int64_t)record.record_no < from) {
      tg_store_pass(store, &record.msg);
      continue;
    }
    int err = tg_store_on_msg(store, &record.msg);
    if (err < 0) return err;
    r->written_back++;
    if (++fed % FEED_COMMIT == 0 && (err = tg_store_commit(store)) < 0) return err;
  }
  *ended = tape_ended(r, reader, rc);
  return tg_store_commit(store);
}

/* One run's tape into the store, behind what the store has of it. */
static int feed_epoch(tg_recover_t *r, tg_store_t *store, const tapes_t *tapes, uint64_t epoch) {
  int64_t from = 0;
  bool ended = false;
  char sha[65];
  r->tape_torn = r->tape_bad = false;
  r->note[0] = '\0';
  int rc = tg_store_resume(store, epoch, NULL, &from);
  if (rc < 0 && rc != -TG_ENOTFOUND) return rc;
  bool known = rc == 0;
  if (known && from < 0) {
    note(r, "the former run was written by an older version: what its store lost is not taken from its tape");
    return 0;
  }
  tg_tape_reader_t *reader = tape_open(r, tapes, epoch, (uint64_t)from);
  if (!reader) return 0;
  const tg_tape_head_t *head = tg_tape_head(reader);
  tg_sha256_hex(head->config_sha256, sha);
  tg_store_run_t run = {.mode = head->mode,
                        .started_ns = head->created_ns,
                        .seed = head->seed,
                        .engine = head->engine,
                        .config_sha256 = sha,
                        .tape = tapes->dir};
  rc = known ? 0 : tg_store_resume(store, epoch, &run, &from);
  if (rc == 0) rc = feed(r, store, reader, from, &ended);
  tg_tape_reader_close(reader);
  if (rc == 0 && ended) rc = tg_store_run_over(store);
  return rc;
}

/* A store that knows no run is made anew from tapes: from the newest one that came as far as trading, and those behind it. */
static uint32_t first_of_new(tg_recover_t *r, const tapes_t *tapes) {
  uint32_t oldest = tapes->cnt > LOOK_BACK ? tapes->cnt - LOOK_BACK : 0;
  for (uint32_t i = tapes->cnt; i-- > oldest;) {
    tg_tape_record_t record;
    bool lived = false;
    tg_tape_reader_t *reader = tape_open(r, tapes, tapes->epoch[i], 0);
    for (int n = 0; reader && !lived && n < LOOK_RECORDS && tg_tape_next(reader, &record) == 1; n++)
      lived = record.msg.kind == TG_CFG_DONE;
    tg_tape_reader_close(reader);
    if (lived) return i;
  }
  return tapes->cnt > 0 ? tapes->cnt - 1 : 0;
}

int tg_recover_run(tg_recover_t *recover, tg_store_t *store, const char *tape_dir, char *err_text, size_t err_cap) {
  tg_recover_t *r = recover;
  memset(r, 0, sizeof *r);
  if (err_cap) err_text[0] = '\0';
  static tapes_t tapes; /* one recovery at a time */
  tapes_find(&tapes, tape_dir);
  uint64_t newest = 0;
  bool over = false;
  int rc = tg_store_last_run(store, &newest, &over);
  uint32_t at = newest == 0 ? first_of_new(r, &tapes) : 0;
  for (; rc == 0 && at < tapes.cnt; at++) {
    uint64_t epoch = tapes.epoch[at];
    if (epoch < newest || (epoch == newest && over)) continue;
    rc = feed_epoch(r, store, &tapes, epoch);
  }
  if (rc == 0) rc = tg_recover_read(r, store);
  if (rc < 0)
    (void)!snprintf(err_text, err_cap,
                    "the former run cannot be recovered: %s; move store.sqlite away (it is made anew from the tape) or look at "
                    "the disk",
                    tg_err_text(rc));
  return rc;
}

/* ---- messages ---- */

typedef struct place {
  bool found;
  uint16_t instr_idx;
  tg_scale_t px, qty;
} place_t;

static bool rescale(int64_t *value, tg_scale_t from, tg_scale_t to) {
  return tg_recover_rescale(value, from, to) == 0;
}

static int put_orders(const tg_recover_t *r, const place_t *place, uint64_t now_ns, tg_msg_batch_t *out, uint32_t *left,
                      uint32_t *told) {
  for (uint32_t i = 0; i < r->order_cnt; i++) {
    const tg_recover_order_t *from = &r->order[i];
    const place_t *p = &place[from->at];
    const tg_recover_instr_t *instr = &r->instr[from->at];
    tg_acc_order_t order = from->order;
    bool fits = p->found && rescale(&order.px_ticks, instr->px, p->px) && rescale(&order.qty_lots, instr->qty, p->qty) &&
                rescale(&order.cum_qty_lots, instr->qty, p->qty);
    if (!fits) {
      (*left)++;
      continue;
    }
    tg_msg_t *msg = tg_msg_next(out, TG_RESTORE_ORDER, p->instr_idx, now_ns);
    if (!msg) return -TG_EFULL;
    msg->u.restore_order = order;
    (*told)++;
  }
  return 0;
}

/* The booked ones, then those that are owed a commission; oldest first, so that the core forgets them in their order. */
static int put_trades(const tg_recover_instr_t *instr, uint16_t instr_idx, uint64_t now_ns, tg_msg_batch_t *out) {
  for (unsigned lite = 0; lite < 2; lite++) {
    tg_msg_t *msg = NULL;
    uint32_t used = 0;
    for (uint32_t i = instr->trade_cnt; i-- > 0;) {
      if (instr->trade_lite[i] != lite) continue;
      if (used == 0) {
        msg = tg_msg_next(out, TG_RESTORE_TRADES, instr_idx, now_ns);
        if (!msg) return -TG_EFULL;
        msg->flags = lite ? TG_F_LITE : 0;
      }
      msg->u.restore_trades.trade_id[used] = instr->trade_id[i];
      used = (used + 1) % TG_RESTORE_TRADES_MAX;
    }
  }
  return 0;
}

static int put_positions(const tg_recover_t *r, const place_t *place, uint64_t now_ns, tg_msg_batch_t *out, uint32_t *left,
                         uint32_t *told) {
  for (uint32_t i = 0; i < r->instr_cnt; i++) {
    const tg_recover_instr_t *instr = &r->instr[i];
    int64_t qty = instr->position.qty_lots;
    if (!instr->has_position) continue;
    if (instr->lost || !place[i].found || !rescale(&qty, instr->qty, place[i].qty)) {
      (*left)++;
      continue;
    }
    tg_msg_t *msg = tg_msg_next(out, TG_RESTORE_POS, place[i].instr_idx, now_ns);
    if (!msg) return -TG_EFULL;
    msg->u.restore_pos = instr->position;
    msg->u.restore_pos.qty_lots = qty;
    (*told)++;
  }
  return 0;
}

static int put_days(const tg_recover_t *r, const place_t *place, uint64_t now_ns, tg_msg_batch_t *out) {
  for (uint32_t i = 0; i < r->instr_cnt; i++) {
    tg_day_t day = r->instr[i].day;
    if (!r->instr[i].has_day || !place[i].found || !rescale(&day.qty_lots, r->instr[i].qty, place[i].qty)) continue;
    tg_msg_t *msg = tg_msg_next(out, TG_DAY, place[i].instr_idx, now_ns);
    if (!msg) return -TG_EFULL;
    msg->u.day = day;
  }
  if (!r->has_account_day) return 0;
  tg_msg_t *msg = tg_msg_next(out, TG_DAY, TG_INSTR_NONE, now_ns);
  if (!msg) return -TG_EFULL;
  msg->u.day = r->account_day;
  return 0;
}

int tg_recover_msgs(const tg_recover_t *recover, tg_recover_find_t find, void *user, uint64_t now_ns, tg_msg_batch_t *out,
                    uint32_t *left) {
  const tg_recover_t *r = recover;
  place_t place[TG_INSTR_MAX];
  uint32_t ignored = 0, positions = 0, orders = 0, trades = 0;
  uint32_t *gone = left ? left : &ignored;
  memset(place, 0, sizeof place);
  for (uint32_t i = 0; i < r->instr_cnt; i++)
    place[i].found = find(user, r->instr[i].symbol, &place[i].instr_idx, &place[i].px, &place[i].qty);
  int rc = put_positions(r, place, now_ns, out, gone, &positions);
  if (rc == 0) rc = put_orders(r, place, now_ns, out, gone, &orders);
  for (uint32_t i = 0; rc == 0 && i < r->instr_cnt; i++) {
    if (!place[i].found) continue;
    rc = put_trades(&r->instr[i], place[i].instr_idx, now_ns, out);
    trades += r->instr[i].trade_cnt;
  }
  if (rc == 0) rc = put_days(r, place, now_ns, out);
  if (rc < 0) return rc;
  tg_msg_t *msg = tg_msg_next(out, TG_RESTORE_DONE, TG_INSTR_NONE, now_ns);
  if (!msg) return -TG_EFULL;
  msg->u.restore_done.from_epoch = r->from_epoch;
  msg->u.restore_done.position_cnt = positions;
  msg->u.restore_done.order_cnt = orders;
  msg->u.restore_done.trade_cnt = trades;
  msg->u.restore_done.clean = r->clean;
  return 0;
}

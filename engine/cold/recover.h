/* recover.h - what a former run left behind: store and tape tail, put together before a new run begins.
 * What:    the rows that the store's last transaction lost are written back from the tape (so recovery may itself be cut and
 *          repeated: it comes to the same); then positions with their totals, open orders, the trade ids booked last, day
 *          counters and order numbers are read from the store, and told to the core as RESTORE_* and DAY messages.
 * Owner:   tg_recover_new allocates, tg_recover_free frees.
 * Threads: one, before the lanes start; tg_recover_msgs on the cold lane.
 * Limit:   TG_RECOVER_ORDERS open orders, TG_RECOVER_TRADES trade ids an instrument, TG_RECOVER_IDS order numbers; what is
 *          left out is counted. TG_RECOVER_EPOCHS tapes are read at most.
 * Errors:  a torn or damaged tape is told (note) and used as far as it holds; a store that cannot be read or written ends it.
 *
 * Store without tape: what was committed. Tape without store: the newest run's tape alone; it begins with what that run was
 * told of its predecessors. A position is the core's own last word; when a fill lies behind that word (the tape ends inside a
 * step) it is the sum of opening, fills and adoptions instead. */
#ifndef TG_COLD_RECOVER_H
#define TG_COLD_RECOVER_H

#include "engine/base/decimal.h"
#include "engine/cold/store.h"

#define TG_RECOVER_ORDERS 1024u
#define TG_RECOVER_TRADES 512u
#define TG_RECOVER_IDS 4096u
#define TG_RECOVER_EPOCHS 64u
/* Messages that tg_recover_msgs may give. */
#define TG_RECOVER_MSGS (TG_RECOVER_ORDERS + TG_INSTR_MAX * (2u + TG_RECOVER_TRADES / TG_RESTORE_TRADES_MAX + 3u) + 2u)

typedef struct tg_recover_instr {
  char symbol[24];
  tg_scale_t px, qty; /* of the numbers below */
  bool has_position, has_day;
  bool lost;       /* its quantity does not fit the newest scale: not told */
  bool from_fills; /* the tape ends inside a step: quantity and totals are summed from the fills */
  bool differs;    /* the core's word and the sum of the fills disagree; the core's is taken */
  tg_out_position_t position;
  tg_store_pos_t summed;
  tg_day_t day;
  uint64_t trade_id[TG_RECOVER_TRADES];  /* newest first */
  uint8_t trade_lite[TG_RECOVER_TRADES]; /* 1: its commission is still to come */
  uint32_t trade_cnt;
  uint64_t trade_last; /* highest id booked, 0 none */
  uint64_t trade_from; /* what is asked for at the venue begins here: the lowest lite id, else trade_last + 1; 0 unknown */
} tg_recover_instr_t;

typedef struct tg_recover_order {
  uint16_t at; /* index into instr[] */
  uint64_t epoch;
  tg_acc_order_t order;
} tg_recover_order_t;

typedef struct tg_recover_id {
  int64_t order_id;
  uint64_t client_id;
} tg_recover_id_t;

typedef struct tg_recover {
  uint64_t from_epoch;   /* the run that is continued, 0 none */
  uint64_t started_ns;   /* when it began */
  bool clean;            /* it ended by itself */
  bool tape_torn;        /* its tape stops in the middle: as after a crash */
  bool tape_bad;         /* a tape is damaged; what lies before the damage was used */
  uint64_t tape_records; /* read from tapes */
  uint64_t written_back; /* messages that the store had lost */
  uint32_t instr_cnt, order_cnt, id_cnt;
  uint32_t orders_left; /* open orders beyond the cap: the first account snapshot will show them as orphans */
  bool has_account_day;
  tg_day_t account_day;
  char note[256]; /* one line about the tape when there is something to say, else empty */
  tg_recover_instr_t instr[TG_INSTR_MAX];
  tg_recover_order_t order[TG_RECOVER_ORDERS];
  tg_recover_id_t id[TG_RECOVER_IDS]; /* what orders are called at the venue, newest first */
} tg_recover_t;

/* NULL: no memory. */
tg_recover_t *tg_recover_new(void);
void tg_recover_free(tg_recover_t *recover);
/* Puts store and tapes together. `store` is open for writing and has not begun its new epoch; tape_dir may not exist. 0,
 * -TG_EIO, -TG_ENOSPACE, -TG_ECORRUPT (the store), -TG_ENOMEM; err_text is one line that says what to do. */
TG_MUST_USE int tg_recover_run(tg_recover_t *recover, tg_store_t *store, const char *tape_dir, char *err_text, size_t err_cap);
/* The reading half alone: what the store holds now (tests, `tickgate` verbs). 0, -TG_EIO. */
TG_MUST_USE int tg_recover_read(tg_recover_t *recover, tg_store_t *store);

/* A number of one scale in another, exactly. 0, -TG_ERANGE (it does not fit). */
TG_MUST_USE int tg_recover_rescale(int64_t *value, tg_scale_t from, tg_scale_t to);

/* Instrument of a symbol in the run that begins: false when it is not traded any more. */
typedef bool (*tg_recover_find_t)(void *user, const char *symbol, uint16_t *instr_idx, tg_scale_t *px, tg_scale_t *qty);
/* RESTORE_POS, RESTORE_ORDER, RESTORE_TRADES, DAY, RESTORE_DONE in this order, appended to out. What belongs to a symbol that
 * is not traded any more, or does not fit the venue's new tick or step, is left out and counted in *left (may be NULL).
 * 0, -TG_EFULL. */
TG_MUST_USE int tg_recover_msgs(const tg_recover_t *recover, tg_recover_find_t find, void *user, uint64_t now_ns,
                                tg_msg_batch_t *out, uint32_t *left);

#endif

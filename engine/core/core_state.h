/* core_state.h - the core's memory and the functions its step files share. Private to engine/core.
 * What:    one struct; one family of messages a file (step_*.c); act.c sends, report.c tells, quote.c runs strategy, router
 *          and gates, flatten.c works positions to zero.
 * Owner:   tg_core_layout.
 * Threads: the core's lane.
 * Limit:   see core.h.
 * Errors:  none escape a step. */
#ifndef TG_CORE_CORE_STATE_H
#define TG_CORE_CORE_STATE_H

#include "engine/core/core.h"
#include "engine/core/guards.h"
#include "engine/core/lifecycle.h"
#include "engine/core/order.h"
#include "engine/core/position.h"
#include "engine/core/router.h"
#include "engine/core/sequence.h"
#include "engine/core/tickets.h"
#include "engine/core/trades.h"
#include "engine/core/trip.h"
#include "engine/market/book.h"
#include "engine/market/feature.h"
#include "engine/strategy/strategy.h"
#include "risk/gate.h"

#define TG_CORE_LEVELS TG_STRATEGY_LEVELS_MAX
#define TG_CORE_ROOM 20u          /* messages that one action may append at most, with its reports */
#define TG_CORE_ROOM_KEPT 32u     /* kept free for what an input itself must tell */
#define TG_CORE_ACTIONS_MAX 16u   /* order actions a step; the rest comes with the next one */
#define TG_CORE_SNAP_ORDERS 1024u /* orders of an account snapshot that are compared */

/* Restart (step_restore.c): what the former run left is compared with the venue, never taken for it. */
typedef struct tg_core_restart {
  uint64_t from_epoch;
  uint32_t position_cnt, order_cnt, trade_cnt; /* RESTORE lines taken; of trades the ids */
  uint32_t orphan_cnt;                         /* as last told */
  uint8_t told;                                /* RESTORE_DONE came */
  uint8_t decided;                             /* equal once, or adopted: from now on the mismatch rules hold */
  uint8_t halted;                              /* differs: acts as override PAUSE until equal or adopted */
  uint8_t cut_short;                           /* fewer lines came than RESTORE_DONE names */
  uint8_t by_adopt;                            /* the operator decided */
  uint8_t pad0[3];
} tg_core_restart_t;

/* One instrument under VERB_FLATTEN (flatten.c). */
typedef struct tg_core_flatten_instr {
  uint64_t since_ns, next_ns; /* since_ns 0: not under way */
  uint64_t client_id;         /* order at work, 0 none yet */
  uint32_t try_cnt;
  uint32_t pad0;
} tg_core_flatten_instr_t;

/* What was last told about a level, so that OUT_DECISION speaks on change only. */
typedef struct tg_core_told {
  uint64_t mask;
  uint8_t decision, reason, why, gate, sub;
} tg_core_told_t;

typedef struct tg_core_level {
  uint32_t order_idx; /* TG_ORDER_NIL: none */
  uint32_t refusals;  /* in a row */
  uint64_t retry_ns;  /* nothing new at this level before (after a refusal) */
  tg_core_told_t told;
} tg_core_level_t;

/* What an account snapshot says of one instrument, while it comes in. */
typedef struct tg_core_snap_pos {
  int64_t qty_lots, entry_e8;
  uint8_t seen_both, seen_long, seen_short, pad0[5];
} tg_core_snap_pos_t;

typedef struct tg_core_instr {
  tg_gate_instr_t gate; /* first line: what gates read */
  tg_book_t book;
  tg_feature_t feature;
  tg_filters_t filters;
  tg_limits_t limits;
  tg_gate_stat_t gate_stat; /* of this instrument */
  tg_money_t money;
  tg_strategy_instr_t facts; /* the strategy's picture of filters */
  tg_position_t pos;
  tg_sequence_t seq; /* of pos: fills in the venue's order */
  tg_trips_t trips;
  tg_strategy_order_t order_view[TG_CORE_LEVELS];
  tg_core_level_t level[TG_CORE_LEVELS];
  tg_strategy_out_t desired;
  void *strategy_state;
  tg_core_snap_pos_t snap;
  tg_cfg_symbol_t symbol;
  tg_core_ticket_t ticket[2][2]; /* current intents: by side, then 1 for reductions */
  uint64_t last_fill_ns;         /* newest execution booked */
  uint64_t trade_rx_ns;          /* newest public trade */
  uint64_t book_data_ns;         /* newest book event; gate.book_rx_ns also moves when the stream is proved alive */
  int64_t drift_lots;            /* venue minus ours in the last conclusive snapshot */
  uint64_t drift_ns;             /* since when it stands */
  int64_t drift_sum_lots;        /* executions booked since: should they add up to drift_lots, it was only in flight */
  uint16_t idx;
  uint8_t known;       /* CFG_SYMBOL seen and money made */
  uint8_t level_top;   /* one past the highest level ever wanted */
  uint8_t force;       /* the next evaluation answers in full */
  uint8_t drift_seen;  /* drift_lots is a candidate */
  uint32_t orphan_cnt; /* orders of ours that the last snapshot listed and we do not know */
  uint8_t drift_asked; /* the snapshot that decides was asked for */
  uint8_t adopted;     /* the position was found equal to the venue's, or taken from it */
  uint8_t timer_due;   /* evaluate at the end of this step, not forced */
  uint8_t restored;    /* RESTORE_POS seen */
  uint8_t adopt_want;  /* operator's ADOPT: the next snapshot's position is taken as it is */
  uint8_t adopt_take;  /* ... and the orphans of ours in it are taken up */
  uint8_t differs;     /* not adopted, and the venue's position stays another one */
  uint8_t rescaled;    /* tick or step changed during the run: only a restart helps */
  uint8_t enum_told;   /* the venue's unknown word was told; restricted since */
  uint8_t filter_seen; /* bits: lines of filter_line */
  uint8_t pad0[2];
  int64_t drift_told_lots; /* difference last told under a policy that does not adopt, 0 none */
  int64_t credit_lots;     /* adopted beyond what owed executions explained: userTrades may still name the fills */
  uint64_t credit_ns;      /* since when */
  tg_cfg_filter_t filter_line[2];
  tg_core_flatten_instr_t flatten;
} tg_core_instr_t;

typedef struct tg_core_idset { /* venue order ids of one snapshot */
  int64_t *id;                 /* [TG_CORE_SNAP_ORDERS * 4], 0 empty */
  uint32_t cnt;
} tg_core_idset_t;

typedef struct tg_core_snapshot {
  uint64_t no, asked_ns;
  int64_t venue_ms, accepted_venue_ms;
  uint32_t position_cnt, order_cnt, balance_cnt;
  uint32_t position_told, order_told, balance_told;
  uint32_t line_cnt;
  uint8_t active, bad, dual_side, wallet_seen;
  int64_t wallet_e8, available_e8;
  int64_t leverage;     /* smallest named, 0 none */
  tg_acc_order_t *line; /* [TG_CORE_SNAP_ORDERS] */
  uint16_t *line_instr;
  uint8_t *line_flags;
  tg_core_idset_t now, orphan_now, orphan_before;
} tg_core_snapshot_t;

struct tg_core {
  tg_gate_snap_t snap; /* what gates read */
  uint64_t now_ns;
  uint64_t origin_ns;  /* ts of the input under way */
  tg_msg_batch_t *out; /* of the step under way */
  uint32_t actions_left;
  uint8_t cause;        /* kind of the input under way */
  uint8_t fsm_dirty;    /* lifecycle inputs changed */
  uint8_t quote_all;    /* every instrument is to be evaluated */
  uint8_t more;         /* work was left over */
  uint16_t touched_idx; /* instrument whose touch this input changed, TG_INSTR_NONE */
  tg_msg_t spill;       /* takes what an output batch without room cannot (counted) */
  tg_core_cfg_t cfg;
  tg_core_conf_t conf;
  tg_fsm_t fsm;
  tg_fsm_in_t fsm_in;
  uint8_t fsm_reason; /* of the last move */
  uint8_t configured; /* CFG_DONE seen */
  uint8_t stopping, sweeping;
  uint8_t side_mode_bad;
  uint8_t allow; /* TG_ALLOW_* now */
  uint8_t ring_level[TG_RING_CNT];
  uint8_t journal_broken, cold_missing, disk_low;
  uint64_t beat_ns; /* newest HEALTH COLD, 0 never: its bound is not armed yet */
  tg_core_restart_t restart;
  uint32_t flatten_cnt; /* instruments under VERB_FLATTEN */
  uint8_t flattened;    /* a flatten ran: strategies want nothing until RESUME */
  uint8_t link_up[TG_SESSION_CNT], link_told[TG_SESSION_CNT];
  uint64_t sync_ns; /* last accepted account snapshot, 0 never */
  uint64_t sync_asked_ns;
  uint64_t cancel_all_ns;
  uint64_t kill_ns; /* when the latch was set */
  uint64_t equity_ns;
  uint32_t epoch, order_seq, request_seq, ask_seq;
  uint32_t instr_cnt;     /* instruments with CFG_SYMBOL */
  int64_t wallet_base_e8; /* wallet minus our net P&L, at the last snapshot */
  int64_t wallet_e8;      /* last told */
  uint8_t wallet_known;
  tg_order_table_t orders;
  uint32_t unknown_cnt, owed_cnt; /* orders in an unknown state; with executions owed */
  tg_trades_t trades;
  tg_tickets_t tickets;
  tg_guards_t guards;
  uint16_t view_next;      /* instrument whose gates are published next */
  uint32_t limits_version; /* of the limits in force: one more with each CFG_DONE and LIMIT verb */
  uint8_t degrade_manual;  /* the degrade policy asks for approval of new risk */
  tg_exposure_t exposure;
  tg_rate_state_t rate;
  tg_dup_t dup;
  tg_drawdown_t drawdown;
  tg_core_snapshot_t acc;
  tg_core_stats_t stats;
  uint64_t out_full_told;
  tg_strategy_out_t scratch;
  tg_core_instr_t *instr; /* [cfg.instr_cap] */
};

/* ---- core.c ---- */
/* NULL: outside the table or not configured (counted). */
tg_core_instr_t *tg_core_instr_of(tg_core_t *core, const tg_msg_t *in);
/* Lifecycle with the inputs as they are; tells transitions, starts the sweep on EMERGENCY. */
void tg_core_lifecycle(tg_core_t *core);
/* What a strategy may do now. */
uint8_t tg_core_allow(const tg_core_t *core);

/* ---- step_*.c: one input family each ---- */
void tg_core_on_cfg(tg_core_t *core, const tg_msg_t *in);
void tg_core_on_md(tg_core_t *core, const tg_msg_t *in);
void tg_core_on_ex(tg_core_t *core, const tg_msg_t *in);
void tg_core_on_acc(tg_core_t *core, const tg_msg_t *in);
void tg_core_on_world(tg_core_t *core, const tg_msg_t *in);
/* The message into the instrument's features; a changed toxicity reaches the lifecycle. `ev` as the book told. */
void tg_core_features(tg_core_t *core, tg_core_instr_t *instr, const tg_msg_t *in, uint32_t ev);
void tg_core_on_timer(tg_core_t *core, const tg_msg_t *in);
void tg_core_on_cmd(tg_core_t *core, const tg_msg_t *in);
/* Limits, rates, lifecycle and strategy facts from the settings and filters. */
void tg_core_reconfigure(tg_core_t *core);
/* Equity, drawdown, marks. */
void tg_core_equity(tg_core_t *core);
/* Book events of an instrument: told, snapshot asked, gates' picture of the touch. */
void tg_core_book_events(tg_core_t *core, tg_core_instr_t *instr, uint32_t ev);

/* ---- order events (step_ex.c) ---- */
/* Applies an event to an order and does what its row asks: exposure, lists, reports, questions. */
tg_ord_out_t tg_core_order_event(tg_core_t *core, tg_order_t *o, const tg_ord_ev_t *ev);
/* ---- step_restore.c ---- */
void tg_core_on_restore(tg_core_t *core, const tg_msg_t *in);
/* After the comparison of a whole snapshot: equal, different, or not to be judged yet. */
void tg_core_restart_judge(tg_core_t *core);
/* An order of ours that this run did not send enters the table with full exposure: `line` as the venue or the former run
 * told it, booked_lots of it are in our position already. NULL: no room, or nothing of it is open (told). */
tg_order_t *tg_core_take_up(tg_core_t *core, tg_core_instr_t *instr, const tg_acc_order_t *line, int64_t booked_lots);
/* ADOPT of one instrument, or of all (NULL). */
void tg_core_adopt_want(tg_core_t *core, tg_core_instr_t *instr);
/* A profile change or a word we do not know: nothing but cancels; true when it was not so already. */
bool tg_core_restrict(tg_core_t *core, tg_core_instr_t *instr);
/* INSTR_ON: lifts it. 0; -TG_EPERM: the scales changed, only a restart helps. */
int tg_core_instr_on(tg_core_t *core, tg_core_instr_t *instr);

/* ---- flatten.c ---- */
/* VERB_FLATTEN. 0, -TG_ENOTFOUND (no such instrument). */
int tg_core_flatten(tg_core_t *core, uint16_t instr_idx);
/* The next step of each one under way; from the timer. */
void tg_core_flatten_turn(tg_core_t *core);
/* RESUME: strategies may want something again. */
void tg_core_flatten_end(tg_core_t *core);

/* ---- account truth (step_acc.c) ---- */
/* A policy's pause: the operator's override, unless he set a stronger one. */
void tg_core_pause(tg_core_t *core);
/* Of an execution told by userTrades: lots that an adopted position holds already. They are used up. */
int64_t tg_core_credit(tg_core_t *core, tg_core_instr_t *instr, tg_side_t side, int64_t qty_lots);
/* `lots` of the order's executions are inside the position already. */
void tg_core_absorb(tg_core_t *core, tg_order_t *o, int64_t lots);
/* An execution of signed lots was booked: may explain a position difference seen before (step_acc.c). */
void tg_core_drift_fill(tg_core_t *core, tg_core_instr_t *instr, int64_t signed_lots);
/* Own best prices of an instrument anew (self-match). */
void tg_core_own_best(tg_core_t *core, tg_core_instr_t *instr);
/* The strategy's picture of a level's order anew. */
void tg_core_level_view(tg_core_t *core, tg_core_instr_t *instr, uint8_t level);

/* ---- act.c: what leaves ---- */
/* True when n more messages fit beside what is kept for reports. */
bool tg_core_room(const tg_core_t *core, uint32_t n);
typedef struct tg_core_place {
  tg_core_instr_t *instr;
  tg_route_order_t order;
  uint8_t level, why, intent;
} tg_core_place_t;
/* Gates, then the commit and OUT_PLACE. 0; else the gate mask, nothing happened; *subs as tg_gate_mask. */
uint64_t tg_core_place(tg_core_t *core, const tg_core_place_t *place, uint32_t *subs);
/* The same for an amend to (px, new total qty). */
uint64_t tg_core_amend(tg_core_t *core, tg_core_instr_t *instr, tg_order_t *o, const tg_route_order_t *to, uint8_t intent,
                       uint32_t *subs);
/* The same for a cancel. */
uint64_t tg_core_cancel(tg_core_t *core, tg_order_t *o, uint32_t *subs);
/* Asks for the order's truth when nothing else is in the air and the venue is not to be left alone; true when asked. */
bool tg_core_query(tg_core_t *core, tg_order_t *o);
/* An IOC or FOK order that the venue is about to end by itself: a cancel would only race it. */
static inline bool tg_core_order_passing(const tg_core_t *core, const tg_order_t *o) {
  bool ends_itself = o->tif == TG_TIF_IOC || o->tif == TG_TIF_FOK;
  return ends_itself && core->now_ns - o->sent_ns < (uint64_t)core->conf.order_answer_timeout_ms * (uint64_t)TG_NS_PER_MS;
}
/* OUT_SYNC, at most one a second unless urgent. */
void tg_core_ask_sync(tg_core_t *core, uint8_t reason, bool urgent);
void tg_core_ask_snapshot(tg_core_t *core, uint16_t instr_idx);
/* Cancels all of ours as far as it may now; keeps at it from the timer. */
void tg_core_sweep(tg_core_t *core);

/* ---- report.c: what is told ---- */
/* A zeroed output with its head set; when the batch is full a scratch line (counted, OUT_FULL told with the next batch). */
tg_msg_t *tg_core_emit(tg_core_t *core, tg_msg_kind_t kind, uint16_t instr_idx);
void tg_core_tell_alarm(tg_core_t *core, tg_alarm_t what, uint16_t instr_idx, uint64_t client_id, int64_t ours, int64_t venue);
void tg_core_tell_alarm2(tg_core_t *core, tg_alarm_t what, uint16_t instr_idx, uint64_t client_id, int64_t ours, int64_t venue,
                         int64_t detail0, int64_t detail1);
void tg_core_tell_order(tg_core_t *core, const tg_order_t *o);
void tg_core_tell_position(tg_core_t *core, const tg_core_instr_t *instr);
void tg_core_tell_trips(tg_core_t *core, tg_core_instr_t *instr);
void tg_core_tell_state(tg_core_t *core, const tg_out_state_t *record);
void tg_core_tell_book(tg_core_t *core, const tg_core_instr_t *instr);

/* ---- view_gates.c ---- */
/* The gates' part of tg_core_publish. */
void tg_core_publish_gates(tg_core_t *core, tg_core_shared_t *shared);

/* ---- quote.c ---- */
/* Strategy, router, gates for one instrument; force: answer in full. */
void tg_core_quote(tg_core_t *core, tg_core_instr_t *instr, bool force);

#endif

/* msg.h - the messages that cross rings and lie on tapes.
 * What:    64-byte records: a 16-byte head and a 48-byte payload; host order is little endian.
 * Owner:   value types; copied through rings.
 * Threads: any.
 * Limit:   the core sees nothing but these; an event that needs more takes several lines.
 * Layout:  every payload is 48 bytes, asserted; padding is named and zero.
 *          All prices in ticks and quantities in lots unless the suffix says _e8. */
#ifndef TG_MSG_MSG_H
#define TG_MSG_MSG_H

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/types.h"
#include "engine/msg/enums.h"

#define TG_MSG_BYTES 64
#define TG_PAYLOAD_BYTES 48
#define TG_INSTR_MAX 64
#define TG_INSTR_NONE UINT16_MAX
#define TG_MSG_FORMAT_VERSION 1 /* bump when a layout below changes; the tape header carries it */

/* Message flags (tg_msg_t.flags). */
/* MD_LEVELS, MD_DEPTH with no levels: the event is complete. OUT_FILL without TG_F_SNAPSHOT: told too late for its place among
 * the fills, booked at the end; nothing that comes later is put in front of it. */
#define TG_F_LAST 0x01u
#define TG_F_ASK 0x02u      /* MD_LEVELS: these are asks (else bids) */
#define TG_F_SNAPSHOT 0x04u /* MD_DEPTH: a snapshot, U == u == lastUpdateId; EX_FILL: told by userTrades, not by a stream */
#define TG_F_LOST \
  0x01u                         /* EX_FILL with TG_F_SNAPSHOT: found by the periodic comparison while the user session was \
                                   sound (without: catch-up after an outage or a restart) */
#define TG_F_SECOND 0x08u       /* second line of a two-line record (CFG_FILTER, OUT_TRIP) */
#define TG_F_LITE 0x10u         /* EX_FILL from TRADE_LITE: no commission yet */
#define TG_F_MAKER 0x20u        /* EX_FILL, EX_ORDER: we were maker */
#define TG_F_UNKNOWN_ENUM 0x40u /* an enum of the venue was unknown; the event is kept by its numbers */
#define TG_F_FOREIGN 0x80u      /* EX_*, ACC_ORDER: client id is not ours; client_id is then a hash of the text */

typedef struct tg_md_top {
  int64_t bid_px_ticks, bid_qty_lots, ask_px_ticks, ask_qty_lots;
  uint64_t update_id;
  int64_t venue_ms; /* transaction time T */
} tg_md_top_t;

typedef struct tg_md_depth {
  uint64_t first_id, last_id, prev_id; /* U, u, pu; spot has no pu: prev_id = U - 1 */
  int64_t venue_ms;
  uint32_t bid_cnt, ask_cnt; /* levels that follow */
  uint32_t gen;              /* session generation or snapshot request number */
  uint32_t pad0;
} tg_md_depth_t;

typedef struct tg_md_level {
  int64_t px_ticks, qty_lots; /* qty is absolute; 0 removes */
} tg_md_level_t;

#define TG_LEVELS_PER_MSG 3
typedef struct tg_md_levels {
  tg_md_level_t level[TG_LEVELS_PER_MSG]; /* unused tail entries have px_ticks == 0 */
} tg_md_levels_t;

typedef struct tg_md_trade {
  int64_t px_ticks, qty_lots;
  uint64_t trade_id;
  int64_t venue_ms;
  uint8_t aggressor; /* tg_side_t: who took */
  uint8_t pad0[7];
  uint64_t last_trade_id; /* aggTrade l; else trade_id */
} tg_md_trade_t;

typedef struct tg_md_mark {
  int64_t mark_e8, index_e8, funding_rate_e8;
  int64_t next_funding_ms, venue_ms;
  int64_t settle_e8;
} tg_md_mark_t;

typedef struct tg_md_kline {
  int64_t open_ticks, high_ticks, low_ticks, close_ticks, volume_lots;
  uint32_t open_s;           /* start, seconds since epoch */
  uint16_t interval_s_div60; /* minutes */
  uint8_t closed;
  uint8_t pad0;
} tg_md_kline_t;

typedef struct tg_ex_order {
  uint64_t client_id;
  int64_t order_id;
  int64_t px_ticks, qty_lots, cum_qty_lots;
  int32_t venue_lag_ms;  /* venue time in ms = ts_ns / 10^6 - venue_lag_ms */
  uint8_t status;        /* tg_order_status_t */
  uint8_t exec;          /* tg_exec_t */
  uint8_t side;          /* tg_side_t */
  uint8_t expire_reason; /* `er` */
} tg_ex_order_t;

typedef struct tg_ex_fill {
  uint64_t client_id;
  uint64_t trade_id;
  int64_t px_ticks, qty_lots; /* this execution */
  int64_t commission_e8;      /* in the margin asset; 0 with TG_F_LITE */
  int64_t realised_e8;        /* `rp`, before fees; 0 with TG_F_LITE */
} tg_ex_fill_t;
/* side of an EX_FILL/OUT_FILL: by the order; a foreign order's fill carries TG_F_ASK when it sold. */

typedef struct tg_ex_answer {
  uint64_t client_id;
  int64_t order_id;                         /* 0 when not told */
  int64_t px_ticks, qty_lots, cum_qty_lots; /* valid when outcome is CONFIRMED and status != 0 */
  int16_t venue_code;                       /* -2011 ... ; 0 none */
  uint16_t http_status;                     /* 200, 400, ...; 0 transport error */
  uint8_t request;                          /* tg_request_t */
  uint8_t outcome;                          /* tg_outcome_t */
  uint8_t status;                           /* tg_order_status_t, 0 when not told */
  uint8_t pad0;
} tg_ex_answer_t;

typedef struct tg_ex_balance {
  int64_t wallet_e8, cross_wallet_e8, change_e8, available_e8; /* available 0 in events */
  int64_t venue_ms;
  char asset[6];
  uint8_t reason; /* tg_balance_reason_t */
  uint8_t pad0;
} tg_ex_balance_t;

typedef struct tg_ex_position {
  int64_t qty_lots; /* signed; LONG/SHORT rows of hedge mode carry their own sign */
  int64_t entry_e8, mark_e8, unrealised_e8;
  int64_t venue_ms;
  uint8_t position_side; /* tg_position_side_t */
  uint8_t leverage;
  uint8_t pad0[6];
} tg_ex_position_t;

typedef struct tg_ex_config {
  int64_t value[4];
  int64_t venue_ms;
  uint8_t what; /* tg_config_event_t */
  uint8_t pad0[7];
} tg_ex_config_t;

typedef struct tg_acc_begin {
  uint64_t snapshot_no;
  int64_t venue_ms;  /* newest component */
  uint64_t asked_ns; /* engine time when the requests were sent */
  uint32_t position_cnt, order_cnt, balance_cnt;
  uint8_t dual_side; /* hedge mode at the venue */
  uint8_t pad0[3];
  int64_t pad1;
} tg_acc_begin_t;

typedef struct tg_acc_order {
  uint64_t client_id; /* ours, or hash with TG_F_FOREIGN */
  int64_t order_id;
  int64_t px_ticks, qty_lots, cum_qty_lots;
  int32_t venue_lag_ms;
  uint8_t side, status;
  uint8_t order_flags; /* TG_ORDER_* */
  uint8_t type;        /* tg_order_type_t, 0 not told */
} tg_acc_order_t;

typedef struct tg_link {
  uint8_t session; /* tg_session_t */
  uint8_t up;      /* 1 up, 0 down */
  uint8_t reason;  /* -TG_E* negated, 0 */
  uint8_t detail;  /* of a down with TG_ETLS: 1 + the TLS alert received, 0 none */
  uint32_t gen;
  uint64_t last_rx_ns;  /* of any byte */
  uint64_t last_app_ns; /* of an application message (no ping): what liveness is judged by; 0 not told */
  int64_t pad1[3];
} tg_link_t;

typedef struct tg_clock_msg {
  int64_t offset_ns;       /* venue minus engine time */
  int64_t error_ns;        /* half the round trip */
  uint64_t pause_until_ns; /* CTL_CLOCK: no question of our own before this (429, 418); 0 none */
  int64_t pad0[3];
} tg_clock_msg_t;

typedef struct tg_rate {
  uint32_t weight_1m_used, weight_1m_limit;
  uint32_t orders_10s_used, orders_10s_limit;
  uint32_t orders_1m_used, orders_1m_limit;
  uint64_t pause_until_ns; /* 429/418: nothing before this; 0 none */
  int64_t pad0[2];
} tg_rate_t;

typedef struct tg_pressure {
  uint8_t ring;  /* tg_ring_t */
  uint8_t level; /* 0 normal, 1 over 80%, 2 full */
  uint8_t pad0[6];
  uint64_t depth, capacity;
  int64_t pad1[3];
} tg_pressure_t;

typedef struct tg_timer {
  uint64_t timer_no;
  int64_t pad0[5];
} tg_timer_t;

typedef struct tg_health {
  uint8_t what; /* tg_health_what_t */
  uint8_t ok;
  uint8_t reason; /* tg_err, 0 */
  uint8_t pad0[5];
  int64_t value;
  int64_t pad1[4];
} tg_health_t;

/* Counters of the trading day (risk/day.h). An instrument's line holds entries, quantity and notional; the account's line
 * (TG_INSTR_NONE) the day's equity peak and the streak of losing round trips. */
typedef struct tg_day {
  uint64_t day_no; /* of risk.day_roll_s */
  int64_t entry_cnt, qty_lots, notional_e8;
  int64_t peak_e8;      /* account line: highest equity of the day, 0 not known */
  uint32_t loss_streak; /* account line */
  uint32_t pad0;
} tg_day_t;

typedef struct tg_decision {
  uint64_t day_no;
  uint8_t verdict; /* 1 allow, 2 block */
  uint8_t valid;   /* 0: missing or unreadable */
  uint8_t pad0[6];
  uint64_t version; /* first 8 bytes of its sha256 */
  int64_t pad1[3];
} tg_decision_t;

#define TG_RESTORE_TRADES_MAX 6
typedef struct tg_restore_trades {
  uint64_t trade_id[TG_RESTORE_TRADES_MAX]; /* 0: unused */
} tg_restore_trades_t;

typedef struct tg_restore_done {
  uint64_t from_epoch; /* of the run that is continued; 0: there was none */
  uint32_t position_cnt, order_cnt, trade_cnt;
  uint8_t clean; /* the former run ended by itself */
  uint8_t pad0[3];
  int64_t pad1[3];
} tg_restore_done_t;

typedef struct tg_cmd {
  uint8_t verb; /* tg_verb_t */
  uint8_t role; /* tg_role_t */
  uint16_t pad0;
  uint32_t uid;
  uint64_t cmd_no; /* the control socket's number, echoed in OUT_ALARM/OUT_STATE reasons */
  int64_t arg[2];
  char reason[16];
} tg_cmd_t;

typedef struct tg_cfg_symbol {
  char symbol[20]; /* upper case, zero padded */
  char margin_asset[6];
  uint8_t px_dec, qty_dec; /* tg_scale_t.dec */
  uint8_t allowlisted;     /* bit 0 may be traded; bit 1 may take new risk while the degrade policy is on */
  uint8_t product;         /* tg_product_t */
  uint8_t status;          /* 1 trading */
  uint8_t pad0;
  int64_t px_unit; /* tg_scale_t.unit */
  int64_t qty_unit;
} tg_cfg_symbol_t;

/* First line: prices and sizes. Second line (TG_F_SECOND): multipliers and market lot. */
typedef struct tg_cfg_filter {
  union {
    struct {
      int64_t min_px_ticks, max_px_ticks, min_qty_lots, max_qty_lots;
      int64_t min_notional_e8;
      int64_t max_orders;
    } first;
    struct {
      int64_t mult_up_bps, mult_down_bps; /* 10500 / 9500; 0 none */
      int64_t market_min_qty_lots, market_max_qty_lots;
      int64_t maker_fee_e8, taker_fee_e8; /* rate, 0.0002 = 20000 */
    } second;
  } u;
} tg_cfg_filter_t;

typedef struct tg_cfg_set {
  uint32_t key_hash; /* tg_conf_key_hash of the key's name */
  uint8_t scope;     /* tg_scope_t; INSTRUMENT: the message's instr_idx */
  uint8_t pad0[3];
  int64_t value; /* in the key's unit */
  int64_t pad1[4];
} tg_cfg_set_t;

typedef struct tg_out_order {
  uint64_t client_id;
  int64_t order_id;           /* 0 when not known yet */
  int64_t px_ticks, qty_lots; /* amend: new total */
  uint64_t origin_ns;         /* ts_ns of the input that led here */
  uint8_t side, tif;          /* tg_side_t, tg_tif_t */
  uint8_t order_flags;        /* TG_ORDER_* */
  uint8_t type;               /* tg_order_type_t */
  uint32_t request_no;        /* counts requests of this run; id on the wire */
} tg_out_order_t;

typedef struct tg_out_ask {
  uint32_t request_no; /* snapshot: echoed in MD_DEPTH.gen */
  uint8_t reason;
  uint8_t pad0[3];
  int64_t pad1[5];
} tg_out_ask_t;

typedef struct tg_out_state {
  uint8_t from, to; /* tg_fsm_state_t (engine/core/lifecycle.def) */
  uint8_t reason;
  uint8_t inputs_bits; /* booleans of the snapshot, packed */
  uint32_t pad0;
  uint64_t entered_ns; /* when `from` was entered */
  uint64_t feed_age_ns, sync_age_ns;
  int64_t toxicity_e8;
  int64_t gross_e8;
} tg_out_state_t;

typedef struct tg_out_decision {
  uint64_t client_id;         /* existing or new order, 0 none */
  uint64_t gate_mask;         /* bits of risk/gates.def, 0 passed */
  int64_t px_ticks, qty_lots; /* desired */
  uint8_t side;
  uint8_t decision, reason; /* tg_route_decision_t, tg_route_reason_t */
  uint8_t intent;           /* tg_intent_t */
  uint8_t gate;             /* lowest set bit, 255 none */
  uint8_t sub_code;         /* reason within the gate's row */
  uint8_t level;            /* strategy's level */
  uint8_t state;            /* lifecycle state */
  uint64_t request_no;
} tg_out_decision_t;

typedef struct tg_out_report {
  uint64_t client_id;
  int64_t order_id;
  int64_t px_ticks, qty_lots, cum_qty_lots;
  uint8_t side, state; /* tg_side_t, tg_ord_state_t (engine/core/order.def) */
  uint8_t order_flags, tif;
  int16_t venue_code;
  uint8_t reason; /* why the strategy wanted it */
  uint8_t cause;  /* input kind that led here */
} tg_out_report_t;

typedef struct tg_out_position {
  int64_t qty_lots;
  int64_t cost_e8;                                /* sum of px*qty of the open side */
  int64_t realised_e8, commission_e8, funding_e8; /* running totals of the session */
  int64_t unrealised_e8;                          /* at the mark, when known */
} tg_out_position_t;

/* First line and, with TG_F_SECOND, the second. */
typedef struct tg_out_trip {
  union {
    struct {
      uint64_t trip_no;
      int64_t entry_cost_e8, exit_cost_e8; /* px*qty sums; average = cost / qty */
      int64_t qty_lots;                    /* largest size, signed by direction */
      int64_t gross_e8, net_e8;
    } first;
    struct {
      int64_t commission_e8, funding_e8;
      int64_t mae_e8, mfe_e8; /* worst and best unrealised P&L */
      uint64_t duration_ns;
      uint32_t fill_cnt, maker_cnt;
    } second;
  } u;
} tg_out_trip_t;

typedef struct tg_out_book {
  uint8_t from, to, reason; /* tg_book_state_t, tg_book_reason_t */
  uint8_t pad0[5];
  uint64_t update_id;
  uint64_t gap_cnt;
  int64_t pad1[3];
} tg_out_book_t;

typedef struct tg_out_alarm {
  uint8_t what; /* tg_alarm_t */
  uint8_t pad0[7];
  uint64_t client_id;
  int64_t ours, venue; /* the two sides of a disagreement */
  int64_t detail[2];
} tg_out_alarm_t;

typedef struct tg_out_intent {
  uint64_t intent_id; /* epoch << 32 | counter */
  uint64_t parent_id; /* the intent that this one goes on from, 0 none */
  int64_t qty_lots, filled_lots;
  uint64_t expires_ns;
  uint32_t limits_version;
  uint8_t side, state; /* tg_side_t, tg_ticket_state_t */
  uint8_t reason;      /* tg_why_t of the order that opened it */
  uint8_t bits;        /* 1 manual approval, 2 for reductions */
} tg_out_intent_t;

typedef struct tg_out_child {
  uint64_t client_id, intent_id;
  int64_t qty_lots;
  int64_t held_lots, filled_lots; /* of the intent, this order included */
  uint32_t limits_version;
  uint8_t side, reason, intent, pad0; /* tg_side_t, tg_why_t, tg_intent_t */
} tg_out_child_t;

/* Rows of risk/explain.def say what each value of each part is. */
typedef struct tg_out_gates {
  uint64_t client_id; /* as the OUT_DECISION before it */
  uint32_t limits_version;
  uint8_t part, part_cnt, pad0[2];
  int64_t value[4];
} tg_out_gates_t;

typedef struct tg_out_limits {
  uint32_t version;
  uint8_t first, cnt; /* TG_LIMIT_* of value[0]; how many values are used */
  uint8_t pad0[2];
  int64_t value[5];
} tg_out_limits_t;

typedef struct tg_ctl_adopt {
  uint8_t session; /* tg_session_t */
  uint8_t slot;    /* hand-over slot of that session */
  uint16_t pad0;
  uint32_t gen;
  int64_t pad1[5];
} tg_ctl_adopt_t;

typedef struct tg_msg {
  uint32_t ring_lap;  /* spsc.h's; 0 outside a ring and on tape */
  uint8_t kind;       /* tg_msg_kind_t */
  uint8_t flags;      /* TG_F_* */
  uint16_t instr_idx; /* 0..TG_INSTR_MAX-1 or TG_INSTR_NONE */
  uint64_t ts_ns;     /* engine time: receipt (in), time of the input (out) */
  union {
#define M(name, field, number, type, text) type field;
#include "engine/msg/msg.def"
#undef M
    int64_t word[6];
    uint8_t byte[TG_PAYLOAD_BYTES];
  } u;
} TG_ALIGNED(TG_CACHE_LINE) tg_msg_t;

TG_STATIC_ASSERT(sizeof(tg_msg_t) == TG_MSG_BYTES, "a message is one cache line");
TG_STATIC_ASSERT(offsetof(tg_msg_t, u) == 16, "the head is 16 bytes");
#define M(name, field, number, type, text) TG_STATIC_ASSERT(sizeof(type) == TG_PAYLOAD_BYTES, "payload of " #name);
#include "engine/msg/msg.def"
#undef M

typedef enum tg_msg_kind {
  TG_MSG_NONE = 0,
#define M(name, field, number, type, text) TG_##name = (number),
#include "engine/msg/msg.def"
#undef M
} tg_msg_kind_t;

/* "MD_TOP" for a kind; "?" outside the table. */
const char *tg_msg_kind_name(unsigned kind);

/* A zeroed message with its head set. */
static inline void tg_msg_init(tg_msg_t *msg, tg_msg_kind_t kind, uint16_t instr_idx, uint64_t ts_ns) {
  memset(msg, 0, sizeof *msg);
  msg->kind = (uint8_t)kind;
  msg->instr_idx = instr_idx;
  msg->ts_ns = ts_ns;
}

/* A batch of messages under construction; the caller owns the memory. */
typedef struct tg_msg_batch {
  tg_msg_t *msg;
  uint32_t cnt, cap;
} tg_msg_batch_t;

/* Next zeroed message of a batch, NULL when the cap is reached. */
static inline tg_msg_t *tg_msg_next(tg_msg_batch_t *batch, tg_msg_kind_t kind, uint16_t instr_idx, uint64_t ts_ns) {
  if (batch->cnt >= batch->cap) return NULL;
  tg_msg_t *msg = &batch->msg[batch->cnt++];
  tg_msg_init(msg, kind, instr_idx, ts_ns);
  return msg;
}

#endif

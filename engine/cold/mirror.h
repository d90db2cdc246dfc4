/* mirror.h - what the engine looks like from outside, rebuilt from the journal.
 * What:    a read model: instruments, tops, orders, positions, fills, decisions, transitions, gates, alarms, links. The control
 *          socket, the metrics and the evidence writer read it; nothing trades on it.
 * Owner:   tg_mirror_new allocates (about 6 MB), tg_mirror_free frees.
 * Threads: one.
 * Limit:   the TG_MIRROR_* caps; an order that finds no room is counted in orders_dropped.
 * Errors:  none; odd messages are counted as kind 0. */
#ifndef TG_COLD_MIRROR_H
#define TG_COLD_MIRROR_H

#include "engine/base/types.h"
#include "engine/cold/names.h"
#include "engine/market/book.h"
#include "engine/msg/msg.h"

#define TG_MIRROR_ORDERS 8192 /* open and lately ended together */
#define TG_MIRROR_ENDED 512   /* ended orders kept */
#define TG_MIRROR_FILLS 512
#define TG_MIRROR_DECISIONS 512
#define TG_MIRROR_TRANSITIONS 128
#define TG_MIRROR_ALARMS 512
#define TG_MIRROR_TRIPS 128
#define TG_MIRROR_EXPLAINS 4096 /* decisions kept with the inputs of their gates */
#define TG_MIRROR_LIMITS 4096   /* OUT_LIMITS lines: the limits of the last versions */
#define TG_MIRROR_PARTS 6       /* OUT_GATES lines of one decision (TG_EXPLAIN_PARTS of risk/explain.h) */
#define TG_MIRROR_ASSETS 16
#define TG_MIRROR_DECISION_KINDS 16
#define TG_MIRROR_REASONS 64
#define TG_MIRROR_GATES 64

typedef struct tg_mirror_symbol {
  bool known;
  tg_cfg_symbol_t cfg;
  tg_md_top_t top;
  uint64_t top_ns;
  tg_md_mark_t mark;
  uint8_t book_state, book_reason; /* tg_book_state_t, tg_book_reason_t */
  uint64_t book_ns, book_gap_cnt, book_updates;
  tg_book_t *book; /* our own copy from the same messages; NULL: books are off */
  tg_arena_t book_arena;
  bool has_position;
  tg_out_position_t position;
  uint64_t position_ns, open_orders;
} tg_mirror_symbol_t;

typedef struct tg_mirror_order {
  tg_out_report_t report;
  uint64_t first_ns, last_ns;
  uint64_t unknown_ns; /* since when its outcome is unknown, 0 known */
  uint32_t ask_cnt;    /* questions sent since then */
  uint16_t instr_idx;
  bool used, open;
} tg_mirror_order_t;

/* A told decision and what the gates had read. */
typedef struct tg_mirror_explain {
  tg_msg_t decision;
  int64_t value[TG_MIRROR_PARTS * 4]; /* rows of risk/explain.def */
  uint32_t limits_version;
  uint8_t parts; /* bit per line seen */
} tg_mirror_explain_t;

/* Messages kept in rings: item[(next - 1 - i) % cap] is the i-th newest. */
typedef struct tg_mirror_ring {
  tg_msg_t *item;
  uint32_t cap;
  uint64_t next; /* ever put */
} tg_mirror_ring_t;

typedef struct tg_mirror_link {
  bool known;
  tg_link_t link;
  uint64_t since_ns, downs, ups;
} tg_mirror_link_t;

typedef struct tg_mirror_counts {
  uint64_t kind[256]; /* messages by kind */
  uint64_t in, out, odd;
  uint64_t orders_placed, orders_amended, orders_cancelled, queries, cancel_alls; /* requests that left the core */
  uint64_t fills, maker_fills;
  uint64_t book_updates, book_gaps;
  uint64_t answer[8]; /* by tg_outcome_t */
  uint64_t decision[TG_MIRROR_DECISION_KINDS][TG_MIRROR_REASONS];
  uint64_t gate_first[TG_MIRROR_GATES][TG_COLD_GATE_SUBS]; /* blocked, by the lowest set bit and its sub-code */
  uint64_t gate_any[TG_MIRROR_GATES];                      /* every set bit */
  uint64_t blocked[TG_COLD_FSM_STATES][4];                 /* by (state, tg_intent_t) */
  uint64_t transition[TG_COLD_FSM_STATES][TG_COLD_FSM_STATES][TG_MIRROR_REASONS];
  uint64_t alarm[64]; /* by tg_alarm_t */
  uint64_t syncs_good, syncs_failed;
  uint64_t orders_dropped;
} tg_mirror_counts_t;

typedef struct tg_mirror {
  const tg_cold_names_t *names;
  tg_book_cfg_t book_cfg;      /* level_cap 0: books are off */
  uint64_t last_ns;            /* of the newest message */
  uint8_t state, state_reason; /* lifecycle */
  uint64_t state_since_ns;
  bool armed, kill; /* by the commands and settings that went past */
  tg_mirror_symbol_t symbol[TG_INSTR_MAX];
  tg_mirror_order_t *order; /* TG_MIRROR_ORDERS slots, open addressing by client id */
  uint32_t order_used, order_open;
  uint64_t ended_id[TG_MIRROR_ENDED]; /* ring of client ids, oldest forgotten */
  uint64_t ended_next;
  tg_mirror_ring_t fills, decisions, transitions, alarms, trips, trips_second, limits;
  tg_mirror_explain_t *explain; /* [TG_MIRROR_EXPLAINS], a ring */
  uint64_t explain_next;
  tg_mirror_link_t link[TG_SESSION_CNT];
  tg_rate_t rate;
  tg_clock_msg_t clock;
  uint64_t clock_ns, rate_ns, sync_good_ns;
  tg_health_t health[TG_HEALTH_CNT];
  tg_pressure_t pressure[TG_RING_CNT];
  tg_ex_balance_t balance[TG_MIRROR_ASSETS];
  uint32_t balance_cnt;
  tg_mirror_counts_t counts;
} tg_mirror_t;

/* NULL when memory could not be had. `names` outlives the mirror. `book` is the shape of the book copies (instr_idx and
 * product are filled in per instrument); NULL = keep tops only. */
tg_mirror_t *tg_mirror_new(const tg_cold_names_t *names, const tg_book_cfg_t *book);
void tg_mirror_free(tg_mirror_t *mirror);
/* One message of the journal, inputs and outputs alike. */
void tg_mirror_on_msg(tg_mirror_t *mirror, const tg_msg_t *msg);
/* NULL when not (or no longer) known. */
const tg_mirror_order_t *tg_mirror_order(const tg_mirror_t *mirror, uint64_t client_id);
/* Instrument by upper-case symbol; TG_INSTR_NONE. */
uint16_t tg_mirror_find(const tg_mirror_t *mirror, const char *symbol);
/* The newest kept decision about an order (client id), 0: the newest of all; NULL: forgotten or never told. */
const tg_mirror_explain_t *tg_mirror_explain(const tg_mirror_t *mirror, uint64_t client_id);
/* Limit number `limit` (risk/limits.h) of an instrument in a version; false: no longer known. */
bool tg_mirror_limit(const tg_mirror_t *mirror, uint16_t instr_idx, uint32_t version, unsigned limit, int64_t *out);
/* The i-th newest message of a ring, 0 the newest; NULL beyond what is kept. */
const tg_msg_t *tg_mirror_ring_at(const tg_mirror_ring_t *ring, uint64_t newest_idx);

#endif

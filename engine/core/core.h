/* core.h - the engine as one deterministic function of its input log.
 * What:    tg_core_step takes one 64-byte message and appends what follows from it: lifecycle, books, features, strategy,
 *          router, gates, order state machine, exposure, positions. It has no other input and no clock: the time is the
 *          messages' (ts_ns; a message older than the newest seen counts as that). The same messages give the same
 *          outputs on any machine.
 * Owner:   memory from the caller's arena; nothing is allocated afterwards.
 * Threads: one lane.
 * Limit:   TG_CORE_OUT_MIN free messages in every output batch; actions that do not fit wait for the next step (counted).
 * Errors:  bad input is an OUT_ALARM and a count, never an error; see each function.
 *
 * Start:   CFG_SYMBOL and CFG_FILTER (two lines) of each instrument, CFG_SET, then CFG_DONE, whose timer_no is the run's epoch
 *          (20 bits, in every client order id). HEALTH START, LINKs, an account snapshot and live books then lead
 *          INIT -> READY -> ACTIVE. Table sizes are fixed by tg_core_cfg_t; CFG_SETs of sizes come too late and are ignored. */
#ifndef TG_CORE_CORE_H
#define TG_CORE_CORE_H

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "engine/conf/conf.h"
#include "engine/core/view.h"
#include "engine/msg/msg.h"
#include "engine/strategy/strategy.h"

#define TG_CORE_OUT_MIN 128u /* free messages a step needs */

typedef struct tg_core tg_core_t;

typedef struct tg_core_cfg {
  uint32_t instr_cap;            /* 1..TG_INSTR_MAX; messages of others are counted and ignored */
  uint32_t order_cap;            /* order.table_cap */
  uint32_t trade_cap;            /* order.trade_id_cap */
  uint32_t book_level_cap;       /* book.level_cap */
  uint32_t book_event_cap;       /* book.event_buffer */
  uint32_t venue_caps;           /* TG_VENUE_* of router.h */
  uint64_t book_stale_ns;        /* a LIVE book without a depth event for so long is STALE */
  const tg_strategy_t *strategy; /* NULL: the grid */
} tg_core_cfg_t;

/* Sizes from the CORE settings for instr_cnt instruments of Binance USDT-M (amendable LIMIT orders), strategy grid. */
tg_core_cfg_t tg_core_cfg_make(const tg_core_conf_t *conf, uint32_t instr_cnt);
/* Counts or carves (arena.h); *core is set when carving. 0, -TG_EINVAL, -TG_EVERSION (strategy), -TG_ENOMEM. */
TG_MUST_USE int tg_core_layout(tg_arena_t *arena, tg_core_t **core, const tg_core_cfg_t *cfg);
/* One input. Appends to out. 0; -TG_EFULL: out has less than TG_CORE_OUT_MIN free, nothing was done. */
TG_MUST_USE int tg_core_step(tg_core_t *core, const tg_msg_t *in, tg_msg_batch_t *out);
/* Writes the views for other threads; by the lane that steps, between steps (about 1 us an instrument). */
void tg_core_publish(tg_core_t *core, tg_core_shared_t *shared);
/* True after VERB_STOP once nothing of ours is open, unknown or owed. */
bool tg_core_stopped(const tg_core_t *core);

/* Read only, by the same lane; for reports and tests. */
const tg_core_stats_t *tg_core_stats(const tg_core_t *core);
/* Fills one view without the seqlocks. instr_idx < instr_cap. */
void tg_core_view_main(const tg_core_t *core, tg_view_main_t *out);
void tg_core_view_instr(const tg_core_t *core, uint16_t instr_idx, tg_view_instr_t *out);
void tg_core_view_guards(const tg_core_t *core, tg_view_guards_t *out);
void tg_core_view_gates(const tg_core_t *core, uint16_t instr_idx, tg_view_gates_t *out);
/* Open orders in order of sending; returns how many were written (<= cap). */
uint32_t tg_core_view_orders(const tg_core_t *core, tg_view_order_t *out, uint32_t cap);
/* Asserts the invariants: every order's, exposure against the order table, position against its fills. O(orders);
 * for tests and the simulator. */
void tg_core_check(const tg_core_t *core);

#endif

/* drill.h - fire drills of the engine's parts, in process, in sim, in seconds, the same each time.
 * What:    a drill makes checks and notes each; verb_drill.c prints PASS or FAIL and writes the bundle. drill_world.c is a core
 *          with a small scripted venue around it.
 * Owner:   verb_drill.c.
 * Threads: one.
 * Limit:   DRILL_CHECKS checks are kept by text; all are counted.
 * Errors:  a check that fails; nothing else. */
#ifndef TG_TOOLS_TICKGATE_DRILL_H
#define TG_TOOLS_TICKGATE_DRILL_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/core/core.h"
#include "engine/msg/msg.h"

#define DRILL_CHECKS 512

typedef struct drill {
  const char *name;
  bool broken; /* for the test of the drill itself: one expectation is wrong on purpose */
  json_t *checks;
  json_t *facts; /* what else goes into the bundle: times, counts */
  uint64_t check_cnt, failed_cnt;
  char first[200]; /* the first failure */
  const char *dir; /* a directory of its own for files, existing */
} drill_t;

/* Notes a check; returns ok. */
__attribute__((format(printf, 3, 4))) bool drill_check(drill_t *drill, bool ok, const char *format, ...);
void drill_fact(drill_t *drill, const char *key, int64_t value);

void drill_fsm(drill_t *drill);
void drill_router(drill_t *drill);
void drill_account_sync(drill_t *drill);
void drill_kill(drill_t *drill);
void drill_intents(drill_t *drill);

/* ---- a core and its venue ---- */

#define DW_ORDERS 256
#define DW_QUEUE 4096

typedef struct dw_order {
  uint64_t client_id; /* 0: a stranger's */
  char client[24];
  int64_t order_id, px, qty, cum;
  uint8_t side;
  bool open;
} dw_order_t;

/* What the venue does with the next place. */
typedef enum dw_fate {
  DW_ANSWER,  /* takes it and says so */
  DW_SILENT,  /* takes it and says nothing: in flight */
  DW_UNKNOWN, /* takes it, the answer is "unknown" */
  DW_LOST     /* never hears of it; silence */
} dw_fate_t;

typedef struct dw {
  tg_arena_t arena;
  tg_core_t *core;
  uint64_t now_ns, update_id, snapshot_no, trade_id, timer_ns, depth_ns, mark_ns, sync_ns;
  int64_t bid, ask, position; /* the venue's */
  dw_order_t order[DW_ORDERS];
  uint32_t order_cnt;
  dw_fate_t fate[16]; /* of the next places */
  uint32_t fate_cnt, fate_at;
  bool manual_sync; /* no snapshots but the drill's */
  bool deaf;        /* cancels of the core are not heard: REST alone does the work */
  uint64_t kind_cnt[256], alarm_cnt[64];
  uint64_t placed_after_ns, placed_after_cnt; /* places that left at or after this instant */
  tg_msg_t *queue;
  uint32_t queue_cnt;
  tg_msg_t out_mem[512];
} dw_t;

/* A trading core after two seconds: armed, ACTIVE, quoting. NULL without memory. */
dw_t *dw_open(void);
void dw_close(dw_t *world);
void dw_feed(dw_t *world, const tg_msg_t *msg);
void dw_run(dw_t *world, uint64_t ms);
void dw_set(dw_t *world, const char *key, int64_t value);
void dw_cmd(dw_t *world, tg_verb_t verb);
/* Executes qty of an order at its price. */
void dw_fill(dw_t *world, dw_order_t *order, int64_t qty);
void dw_cancel(dw_t *world, dw_order_t *order);
/* openOrders, positionRisk and balance as the venue's JSON; cap bytes. */
void dw_orders_json(const dw_t *world, char *buf, size_t cap);
uint32_t dw_open_cnt(const dw_t *world, bool ours);
unsigned dw_state(const dw_t *world);

#endif

/* stage_core.h - the core as a stage: rings in, tg_core_step, rings out.
 * What:    takes inputs from gw_out, cold_in and feed in that order (an event of several lines is taken
 *          whole from its ring before another ring is looked at), adds TIMER and PRESSURE, steps the
 *          core, sends its actions to gw_in and a copy of everything to the journal.
 * Threads: turn on the core's lane only; tg_stage_core_t's gauges may be read anywhere.
 * Limit:   TG_CORE_BURST inputs a turn; a step only starts when the journal has room for it and all its outputs.
 * Errors:  a journal without room stops consumption (PRESSURE level 2 has told the core before). */
#ifndef TG_RUN_STAGE_CORE_H
#define TG_RUN_STAGE_CORE_H

#include "engine/core/core.h"
#include "engine/core/view.h"
#include "engine/run/rings.h"
#include "engine/run/stage.h"

#define TG_CORE_BURST 64
#define TG_CORE_OUT_CAP 512

typedef struct tg_stage_core {
  tg_rings_t *rings;
  tg_core_t *core;
  tg_core_cfg_t cfg;
  const tg_clock_t *clock;
  tg_core_shared_t *shared; /* seqlocks read by screen, control and metrics */
  tg_msg_t *out_mem;
  tg_spsc_t *sticky; /* ring of a many-line event under way, or NULL */
  uint64_t timer_ns, timer_next_ns, timer_no;
  uint8_t pressure_level[TG_RING_CNT];
  bool halted; /* the journal had no room */
  /* gauges */
  uint64_t input_cnt, output_cnt, halt_cnt;
  _Atomic uint64_t beat_cnt; /* TIMERs stepped: the hot lane's heartbeat (heartbeat.h) */
  _Atomic int stopped;       /* tg_core_stopped, shown to the main thread */
  tg_hist_t step_ns;         /* one sample each 64 inputs: two clock reads */
} tg_stage_core_t;

extern const tg_stage_ops_t tg_stage_core_ops;

#endif

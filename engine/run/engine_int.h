/* engine_int.h - what engine.c and report.c share. Not for others. */
#ifndef TG_RUN_ENGINE_INT_H
#define TG_RUN_ENGINE_INT_H

#include "engine/run/engine.h"
#include "engine/run/stage_cold.h"
#include "engine/run/stage_core.h"
#include "engine/run/stage_hot.h"

enum { LANE_COLD, LANE_HOT, LANE_FEED, LANE_GATEWAY, LANE_CNT };

struct tg_engine {
  tg_conf_t conf;
  tg_clock_t clock;
  tg_arena_t arena;
  tg_rings_t rings;
  tg_secret_area_t secret_area;
  tg_bn_secrets_t *secrets;         /* in it */
  tg_bn_api_secret_t *order_secret; /* in it: what the gateway signs with */
  tg_sandbox_t *sandbox;
  char config_path[TG_TAPE_PATH_BYTES]; /* of the settings file, "" not told */
  char config_dir[TG_TAPE_PATH_BYTES];  /* where the settings file lies, "" not told */
  int report_fd;                        /* made before the sandbox closes; -1 none */
  tg_stage_feed_t feed;
  tg_stage_core_t core;
  tg_stage_gateway_t gateway;
  tg_stage_cold_t cold;
  tg_io_t io[LANE_CNT];
  tg_lane_t lane[LANE_CNT];
  uint32_t lane_cnt; /* 2 fused, 4 split */
  uint64_t epoch, started_ns, ended_ns;
  char tape_path[TG_TAPE_PATH_BYTES];
  char store_path[TG_TAPE_PATH_BYTES];
  char evidence_path[TG_TAPE_PATH_BYTES];
  char kill_path[TG_TAPE_PATH_BYTES];
  char control_path[TG_TAPE_PATH_BYTES];
  char metrics_path[TG_TAPE_PATH_BYTES];
  char digest[65];
  tg_beat_page_t *beat; /* NULL: could not be made */
  bool finished;
  tg_store_pos_t store_pos[TG_INSTR_MAX];
  bool store_pos_ok[TG_INSTR_MAX];
  tg_tape_stats_t tape_stats;
};

/* Names of the core's states for engine/cold. */
extern const tg_cold_names_t tg_run_names;
/* What the control socket and /status.json answer from. */
tg_control_cfg_t tg_run_control_cfg(tg_engine_t *engine);
/* Metrics page and status document of the running engine (`user` is the engine). */
void tg_run_collect(void *user, tg_metrics_out_t *out);
struct json_t *tg_run_status_json(void *user);
/* What the core shows about gates, limits and one order (tg_control_cfg_t). */
void tg_run_gates(void *user, struct json_t *object, bool limits, const char *symbol);
void tg_run_order(void *user, struct json_t *object, uint64_t client_id);

#endif

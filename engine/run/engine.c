#include "engine/run/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/run/engine_int.h"

#define COLD_PARK_NS (500 * 1000u)
#define HOT_PARK_NS (100 * 1000u)
#define CONF_TEXT_BYTES (256u << 10)

static int exit_of(int err) {
  switch (err) {
    case 0:
      return TG_EXIT_OK;
    case -TG_EBUSY:
    case -TG_EEXISTS:
      return TG_EXIT_ADDR;
    case -TG_ENOSPACE:
    case -TG_EPERM:
    case -TG_EIO:
    case -TG_EUNKNOWN: /* a store whose last commit may or may not be on the disk */
    case -TG_ENOTFOUND:
      return TG_EXIT_SPACE;
    case -TG_ENOMEM:
      return TG_EXIT_MEMORY;
    case -TG_ECORRUPT:
    case -TG_EVERSION:
      return TG_EXIT_DATA;
    default:
      return TG_EXIT_INTERNAL;
  }
}

static int fail(int exit_code, char *err_text, size_t err_cap, const char *what, const char *why) {
  int n = snprintf(err_text, err_cap, "%s: %s", what, why);
  return n < 0 ? TG_EXIT_INTERNAL : exit_code;
}

/* run_dir/name, or name itself when absolute. 0 or -TG_ESIZE. */
static int path_in(char *out, size_t cap, const char *dir, const char *name) {
  int n = name[0] == '/' ? snprintf(out, cap, "%s", name) : snprintf(out, cap, "%s/%s", dir, name);
  return n > 0 && (size_t)n < cap ? 0 : -TG_ESIZE;
}

static int make_paths(tg_engine_t *e) {
  const char *dir = e->conf.engine_run_dir;
  int err = path_in(e->tape_path, sizeof e->tape_path, dir, "tape");
  if (!err) err = path_in(e->store_path, sizeof e->store_path, dir, "store.sqlite");
  if (!err) err = path_in(e->evidence_path, sizeof e->evidence_path, dir, "evidence");
  if (!err) err = path_in(e->kill_path, sizeof e->kill_path, dir, "KILL");
  if (!err) err = path_in(e->control_path, sizeof e->control_path, dir, e->conf.control_socket);
  const char *listen = e->conf.metrics_listen;
  bool tcp = strncmp(listen, "127.0.0.1:", 10) == 0;
  if (!err)
    err = tcp ? path_in(e->metrics_path, sizeof e->metrics_path, "", listen)
              : path_in(e->metrics_path, sizeof e->metrics_path, dir, listen);
  if (!err && tcp) memmove(e->metrics_path, e->metrics_path + 1, strlen(e->metrics_path)); /* "/127..." -> "127..." */
  return err;
}

/* sha256 of the settings as `config show` prints them. 0, -TG_ENOMEM, -TG_EIO. */
static int conf_sha256(const tg_conf_t *conf, uint8_t out[TG_SHA256_BYTES]) {
  char *text = NULL;
  size_t len = 0;
  FILE *file = open_memstream(&text, &len);
  if (!file) return -TG_ENOMEM;
  int err = tg_conf_print(conf, file, false);
  if (fclose(file) != 0 && !err) err = -TG_EIO;
  if (!err) tg_sha256(text, len, out);
  free(text);
  return err;
}

/* --- open --- */

static int open_store(tg_engine_t *e, char *err_text, size_t err_cap) {
  if (!e->conf.store_enabled) {
    int code = tg_cold_truth_open(&e->cold.truth, NULL, &tg_run_names, e->tape_path, err_text, err_cap);
    uint64_t former = code ? 0 : e->cold.truth.recover->from_epoch;
    e->epoch = e->started_ns / (uint64_t)TG_NS_PER_S & TG_STORE_EPOCH_MAX; /* no count of former runs: the time must do, */
    if (former >= e->epoch && former < TG_STORE_EPOCH_MAX) e->epoch = former + 1; /* and their tapes */
    return code;
  }
  int err = tg_store_open(&e->cold.store, e->store_path, err_text, err_cap);
  if (err) return exit_of(err);
  tg_store_set_names(e->cold.store, &tg_run_names);
  err = tg_cold_truth_open(&e->cold.truth, e->cold.store, &tg_run_names, e->tape_path, err_text, err_cap);
  if (err) return err;
  uint8_t sha[TG_SHA256_BYTES];
  char sha_text[65];
  err = conf_sha256(&e->conf, sha);
  if (err) return fail(exit_of(err), err_text, err_cap, "settings", tg_err_text(err));
  tg_sha256_hex(sha, sha_text);
  tg_store_run_t run = {.mode = (uint8_t)(e->conf.engine_mode + 1),
                        .started_ns = e->started_ns,
                        .seed = 0,
                        .engine = TG_VERSION,
                        .config_sha256 = sha_text,
                        .tape = e->tape_path};
  err = tg_store_next_epoch(e->cold.store, &run, &e->epoch);
  if (err) return fail(exit_of(err), err_text, err_cap, e->store_path, "the run's epoch cannot be written: is the disk full?");
  return 0;
}

static int open_intents(tg_engine_t *e, char *err_text, size_t err_cap) {
  int err = tg_cold_intents_open(&e->cold.intents, &e->conf, &tg_run_names, e->epoch, e->started_ns, err_text, err_cap);
  return err == -TG_EINVAL ? TG_EXIT_CONFIG : exit_of(err);
}

static int open_tape(tg_engine_t *e, char *err_text, size_t err_cap) {
  if (!e->conf.tape_enabled) return 0;
  tg_tape_cfg_t cfg = {.dir = e->tape_path,
                       .segment_bytes = (uint64_t)e->conf.tape_segment_mb << 20,
                       .checkpoint_records = 4096,
                       .sync_ms = 1000,
                       .compress = e->conf.tape_compress != 0};
  cfg.head.created_ns = e->started_ns;
  cfg.head.epoch = e->epoch;
  cfg.head.mode = (uint8_t)(e->conf.engine_mode + 1);
  int err = conf_sha256(&e->conf, cfg.head.config_sha256);
  if (err) return fail(exit_of(err), err_text, err_cap, "settings", tg_err_text(err));
  int n = snprintf(cfg.head.engine, sizeof cfg.head.engine, "tickgate %s", TG_VERSION);
  if (n < 0) return TG_EXIT_INTERNAL;
  err = tg_tape_create(&e->cold.tape, &cfg, err_text, err_cap);
  if (err) return err == -TG_EEXISTS ? TG_EXIT_DATA : exit_of(err);
  return 0;
}

static int open_doors(tg_engine_t *e, char *err_text, size_t err_cap) {
  tg_control_cfg_t control = tg_run_control_cfg(e);
  int err = tg_control_open(&e->cold.control, &control, err_text, err_cap);
  if (err) return err == -TG_EINVAL ? TG_EXIT_CONFIG : exit_of(err);
  if (e->conf.metrics_listen[0] == '\0') return 0;
  tg_metrics_cfg_t metrics = {.listen = e->metrics_path,
                              .mode = (uint8_t)(e->conf.engine_mode + 1),
                              .user = e,
                              .collect = tg_run_collect,
                              .status = tg_run_status_json};
  err = tg_metrics_open(&e->cold.metrics, &metrics, err_text, err_cap);
  if (err) return err == -TG_EINVAL ? TG_EXIT_CONFIG : exit_of(err);
  return 0;
}

static uint32_t symbol_cnt(const char *text) {
  uint32_t cnt = 0;
  for (bool in = false; *text; text++) {
    bool sep = *text == ',' || *text == ' ';
    if (!sep && !in) cnt++;
    in = !sep;
  }
  return cnt;
}

/* CORE settings as the core will see them, to size its tables. */
static tg_core_cfg_t core_cfg(const tg_engine_t *e) {
  tg_core_conf_t core;
  tg_core_conf_defaults(&core);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (row->core_offset == SIZE_MAX) continue;
    memcpy((uint8_t *)&core + row->core_offset, (const uint8_t *)&e->conf + row->offset, sizeof(int64_t));
  }
  return tg_core_cfg_make(&core, symbol_cnt(e->conf.venue_symbols));
}

static void wire(tg_engine_t *e) {
  bool split = e->conf.engine_topology == 1;
  bool park = e->conf.lane_idle == 1;
  tg_lane_t *cold = &e->lane[LANE_COLD], *hot = &e->lane[LANE_HOT];
  *cold = (tg_lane_t){.name = "cold",
                      .stage = {{&tg_stage_cold_ops, &e->cold}},
                      .stage_cnt = 1,
                      .cpu = (int)e->conf.lane_cold_cpu,
                      .park_ns = COLD_PARK_NS};
  *hot = (tg_lane_t){.name = split ? "core" : "hot", .cpu = (int)e->conf.lane_hot_cpu, .hot = true};
  tg_stage_t feed = {&tg_stage_feed_ops, &e->feed}, core = {&tg_stage_core_ops, &e->core},
             gateway = {&tg_stage_gateway_ops, &e->gateway};
  if (split) {
    hot->stage[0] = core;
    hot->stage_cnt = 1;
    e->lane[LANE_FEED] =
        (tg_lane_t){.name = "feed", .stage = {feed}, .stage_cnt = 1, .cpu = (int)e->conf.lane_feed_cpu, .hot = true};
    e->lane[LANE_GATEWAY] =
        (tg_lane_t){.name = "gateway", .stage = {gateway}, .stage_cnt = 1, .cpu = (int)e->conf.lane_gateway_cpu, .hot = true};
    e->lane_cnt = 4;
  } else {
    hot->stage[0] = feed;
    hot->stage[1] = core;
    hot->stage[2] = gateway;
    hot->stage_cnt = 3;
    e->lane_cnt = 2;
  }
  for (uint32_t i = 0; i < e->lane_cnt; i++) {
    e->lane[i].clock = &e->clock;
    e->lane[i].io = &e->io[i];
    if (e->lane[i].hot && park) e->lane[i].park_ns = HOT_PARK_NS;
  }
  e->feed.rings = e->core.rings = e->gateway.rings = e->cold.rings = &e->rings;
  e->feed.io = &e->io[split ? LANE_FEED : LANE_HOT];
  e->gateway.io = &e->io[split ? LANE_GATEWAY : LANE_HOT];
  e->core.clock = e->cold.clock = &e->clock;
  e->core.timer_ns = (uint64_t)(e->conf.engine_timer_ms * TG_NS_PER_MS);
  e->core.cfg = core_cfg(e);
  e->cold.io = &e->io[LANE_COLD];
  e->cold.conf = &e->conf;
  e->cold.secrets = e->secrets;
  e->cold.names = &tg_run_names;
  e->cold.kill.path = e->kill_path;
  e->cold.beat = e->beat;
  e->cold.hot_beat = &e->core.beat_cnt;
  e->cold.hot_alive_ns = &hot->alive_ns;
  e->cold.core_stopped = &e->core.stopped;
}

/* One pass over everything that lives in the arena; run twice (arena.h). */
static int layout_all(tg_engine_t *e, tg_arena_t *arena) {
  int err = tg_rings_layout(arena, &e->rings, &e->conf);
  for (uint32_t i = 0; i < e->lane_cnt && !err; i++) {
    tg_io_cfg_t cfg;
    tg_io_cfg_defaults(&cfg);
    cfg.clock = &e->clock;
    if (e->conf.sandbox_enabled) cfg.ops = e->lane[i].hot ? TG_IO_OPS_HOT : TG_IO_OPS_COLD;
    err = tg_io_layout(arena, &e->io[i], &cfg);
  }
  for (uint32_t i = 0; i < e->lane_cnt; i++) {
    for (uint32_t j = 0; j < e->lane[i].stage_cnt && !err; j++)
      err = e->lane[i].stage[j].ops->layout(e->lane[i].stage[j].self, arena);
  }
  return err ? err : arena->err;
}

static int make_memory(tg_engine_t *e, char *err_text, size_t err_cap) {
  tg_arena_t count;
  tg_arena_count(&count);
  int err = layout_all(e, &count);
  if (err == -TG_EINVAL)
    return fail(TG_EXIT_CONFIG, err_text, err_cap, "memory layout",
                "a size in the settings is outside its range (ring slots are powers of two)");
  if (!err) err = tg_arena_map(&e->arena, count.used_bytes);
  if (!err) err = layout_all(e, &e->arena);
  if (!err) err = tg_arena_seal(&e->arena);
  if (err) return fail(TG_EXIT_MEMORY, err_text, err_cap, "memory", tg_err_text(err));
  tg_log_info("memory: %zu MB in one arena, huge pages %s, locked %s", e->arena.size_bytes >> 20,
              e->arena.huge ? "yes" : "no (none reserved)", e->arena.locked ? "yes" : "no");
  for (uint32_t i = 0; i < e->lane_cnt; i++) {
    err = tg_io_setup(&e->io[i]);
    if (err) return fail(TG_EXIT_MEMORY, err_text, err_cap, "io_uring", tg_err_text(err));
  }
  return 0;
}

static int open_run_dir(tg_engine_t *e, char *err_text, size_t err_cap) {
  if (make_paths(e) != 0) return fail(TG_EXIT_CONFIG, err_text, err_cap, e->conf.engine_run_dir, "the path is too long");
  int err = tg_dir_make(e->conf.engine_run_dir);
  if (err)
    return fail(exit_of(err), err_text, err_cap, e->conf.engine_run_dir,
                "cannot be made or written: check engine.run_dir and the disk");
  return 0;
}

static int open_all(tg_engine_t *e, char *err_text, size_t err_cap) {
  int err = tg_clock_init(&e->clock, 50);
  if (err == -TG_EUNSUPPORTED)
    tg_log_warn("the TSC is not invariant here: clock_gettime instead, some 15 ns slower");
  else if (err)
    return fail(TG_EXIT_INTERNAL, err_text, err_cap, "clock", tg_err_text(err));
  e->started_ns = tg_clock_now_ns(&e->clock);
  if (e->conf.engine_mode + 1 != TG_MODE_SIM) {
    return fail(TG_EXIT_CONFIG, err_text, err_cap, "engine.mode",
                "this version runs sim only; paper, shadow and live are not built (replay is a verb of its own)");
  }
  err = tg_secret_area_open(&e->secret_area, sizeof *e->secrets + sizeof *e->order_secret + 2 * TG_CACHE_LINE);
  if (err) return fail(TG_EXIT_MEMORY, err_text, err_cap, "memory for secrets", tg_err_text(err));
  if (!e->secret_area.locked) tg_log_warn("the page of secrets cannot be locked: it may be swapped out (raise RLIMIT_MEMLOCK)");
  e->secrets = tg_secret_take(&e->secret_area, sizeof *e->secrets);
  e->order_secret = tg_secret_take(&e->secret_area, sizeof *e->order_secret);
  err = tg_bn_secrets_load(e->secrets, &e->conf, err_text, err_cap);
  if (err) return TG_EXIT_SECRET;
  if (e->conf.sandbox_enabled) err = tg_sandbox_become(e->conf.sandbox_user, e->conf.engine_run_dir, err_text, err_cap);
  if (err) return err;
  err = open_run_dir(e, err_text, err_cap);
  if (!err) err = open_store(e, err_text, err_cap);
  if (!err) err = open_intents(e, err_text, err_cap);
  if (!err) err = open_tape(e, err_text, err_cap);
  if (err) return err;
  e->cold.epoch = e->epoch;
  e->cold.evidence =
      (tg_evidence_cfg_t){.dir = e->evidence_path, .epoch = e->epoch, .mode = (uint8_t)(e->conf.engine_mode + 1)};
  tg_book_cfg_t book = {.level_cap = (uint32_t)e->conf.book_level_cap, .event_buffer_cnt = (uint32_t)e->conf.book_event_buffer};
  e->cold.mirror = tg_mirror_new(&tg_run_names, &book);
  if (!e->cold.mirror) return fail(TG_EXIT_MEMORY, err_text, err_cap, "memory", "the mirror does not fit");
  err = open_doors(e, err_text, err_cap);
  if (err) return err;
  err = tg_beat_open(&e->beat, e->conf.engine_run_dir, e->epoch, e->started_ns, (unsigned)(e->conf.engine_mode + 1));
  if (err)
    return fail(exit_of(err), err_text, err_cap, e->conf.engine_run_dir, "the heartbeat page cannot be made: look at the disk");
  wire(e);
  return make_memory(e, err_text, err_cap);
}

int tg_engine_open(tg_engine_t **out, const tg_conf_t *conf, char *err_text, size_t err_cap) {
  *out = NULL;
  err_text[0] = '\0';
  tg_engine_t *e = aligned_alloc(TG_CACHE_LINE, (sizeof *e + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
  if (!e) return fail(TG_EXIT_MEMORY, err_text, err_cap, "memory", "the engine's own struct does not fit");
  memset(e, 0, sizeof *e);
  e->conf = *conf;
  e->report_fd = -1;
  int code = open_all(e, err_text, err_cap);
  if (code) {
    tg_engine_close(e);
    return code;
  }
  *out = e;
  return 0;
}

/* --- start, stop --- */

static void lock_memory(const tg_engine_t *e) {
  if (!e->conf.lane_lock_memory) return;
  if (mlockall(MCL_CURRENT) != 0) tg_log_warn("mlockall: %s; page faults are possible (raise RLIMIT_MEMLOCK)", strerror(errno));
}

/* The hot stages' last words before their lanes start: the cold lane has made the hand-over slots. */
static int wire_hot(tg_engine_t *e) {
  const tg_symtab_t *symtab = tg_bn_cold_symtab(e->cold.bn);
  tg_bn_feed_init(&e->feed.bn, &e->rings.feed, symtab, tg_bn_cold_handoff(e->cold.bn, TG_SESSION_PUBLIC),
                  tg_bn_cold_handoff(e->cold.bn, TG_SESSION_MARKET));
  bool sign = !e->secrets->has_ed25519;
  int err = tg_bn_api_init(&e->gateway.bn.api, symtab, tg_secret_bytes(&e->secrets->api_key), e->secrets->api_key.len,
                           &e->secrets->hmac, sign, (uint32_t)e->conf.venue_recv_window_ms);
  if (err) return err;
  tg_bn_api_keep(&e->gateway.bn.api, e->order_secret);
  e->gateway.bn.rest_orders = e->conf.venue_order_entry == 1;
  tg_bn_gateway_init(&e->gateway.bn, &e->rings.gw_in, &e->rings.gw_out, symtab, &e->clock,
                     tg_bn_cold_handoff(e->cold.bn, TG_SESSION_ORDER), tg_bn_cold_handoff(e->cold.bn, TG_SESSION_USER));
  /* bounds of silence: streams are asked early (the answer keeps a quiet book fresh), the order session seldom (weight) */
  uint64_t stale_ns = (uint64_t)e->conf.fsm_feed_stale_ms * (uint64_t)TG_NS_PER_MS;
  uint64_t answer_ns = (uint64_t)e->conf.order_answer_timeout_ms * (uint64_t)TG_NS_PER_MS;
  uint64_t second_ns = (uint64_t)TG_NS_PER_S;
  uint64_t probe_ns = stale_ns / 3 < second_ns ? stale_ns / 3 : second_ns;
  tg_bn_feed_silence(&e->feed.bn, probe_ns, 2 * stale_ns);
  tg_bn_gateway_silence(&e->gateway.bn, probe_ns, 2 * stale_ns, 10 * second_ns, 10 * second_ns + 2 * answer_ns);
  return 0;
}

/* The directory of a path, "." when it names none; false: too long. */
static bool dir_of(const char *path, char *out, size_t cap) {
  const char *slash = strrchr(path, '/');
  int n = !slash ? snprintf(out, cap, ".") : snprintf(out, cap, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  return n > 0 && (size_t)n < cap;
}

int tg_engine_files(tg_engine_t *engine, const char *config, const char *report, char *err_text, size_t err_cap) {
  tg_engine_t *e = engine;
  /* its directory, not the file: an editor replaces it by a new one */
  if (config && !dir_of(config, e->config_dir, sizeof e->config_dir))
    return fail(TG_EXIT_CONFIG, err_text, err_cap, config, "the path is too long");
  if (config) snprintf(e->config_path, sizeof e->config_path, "%s", config); /* for `reload` */
  if (!report) return 0;
  e->report_fd = open(report, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  return e->report_fd >= 0 ? 0 : fail(TG_EXIT_SPACE, err_text, err_cap, report, "the report cannot be written");
}

static void resolver_begins(void *user) {
  if (tg_sandbox_enter(user, TG_SANDBOX_RESOLVER) != 0) tg_panic("the resolver's sandbox", __FILE__, __LINE__);
}

static int enclose(tg_engine_t *e, char *err_text, size_t err_cap) {
  char control_dir[TG_TAPE_PATH_BYTES], metrics_dir[TG_TAPE_PATH_BYTES];
  const tg_conf_t *c = &e->conf;
  tg_sandbox_cfg_t cfg = {
      .run_dir = c->engine_run_dir,
      .read_path = {c->venue_ca_file, e->config_dir},
      .tcp_port = {(uint16_t)c->venue_rest_port, (uint16_t)c->venue_stream_port, (uint16_t)c->venue_trade_port}};
  if (dir_of(e->control_path, control_dir, sizeof control_dir)) cfg.remove_from[0] = control_dir;
  if (e->metrics_path[0] == '/' && dir_of(e->metrics_path, metrics_dir, sizeof metrics_dir)) cfg.remove_from[1] = metrics_dir;
  int code = tg_sandbox_prepare(&e->sandbox, c->sandbox_enabled != 0, &cfg, err_text, err_cap);
  if (code) return code;
  for (uint32_t i = 0; i < e->lane_cnt; i++) e->lane[i].sandbox = e->sandbox;
  tg_netcold_on_thread(resolver_begins, e->sandbox);
  return 0;
}

int tg_engine_start(tg_engine_t *engine, char *err_text, size_t err_cap) {
  tg_engine_t *e = engine;
  int err = enclose(e, err_text, err_cap);
  if (err) return err;
  for (uint32_t i = 0; i < e->lane_cnt && !err; i++) { /* LANE_COLD is first */
    err = tg_lane_start(&e->lane[i]);
    if (err) {
      if (tg_engine_fatal(e, err_text, err_cap)) return e->cold.fatal_exit;
      if (err == -TG_EINVAL && e->lane[i].err_stage == e->lane[i].name)
        return fail(TG_EXIT_CONFIG, err_text, err_cap, e->lane[i].name,
                    "the lane cannot be pinned: this host has no such cpu, or it is not ours (lane.*_cpu)");
      return fail(exit_of(err), err_text, err_cap, e->lane[i].err_stage, tg_err_text(err));
    }
    if (i == LANE_COLD) err = wire_hot(e);
    if (err) return fail(TG_EXIT_INTERNAL, err_text, err_cap, "gateway", tg_err_text(err));
  }
  lock_memory(e);
  if (tg_sandbox_enter(e->sandbox, TG_SANDBOX_MAIN) != 0)
    return fail(TG_EXIT_INTERNAL, err_text, err_cap, "sandbox", "the main thread cannot enter it");
  char text[192];
  tg_sandbox_text(e->sandbox, text, sizeof text);
  tg_log_info("sandbox: %s", text);
  return 0;
}

int tg_engine_fatal(tg_engine_t *engine, char *err_text, size_t err_cap) {
  int code = atomic_load_explicit(&engine->cold.fatal_exit, memory_order_seq_cst);
  if (!code) return 0;
  return fail(code, err_text, err_cap, "start", engine->cold.fatal_text);
}

void tg_engine_stop(tg_engine_t *engine, bool fast) {
  atomic_store_explicit(&engine->cold.stop_wanted, fast ? 2 : 1, memory_order_relaxed);
}

void tg_engine_kill(tg_engine_t *engine) {
  atomic_store_explicit(&engine->cold.kill.wanted, 1, memory_order_relaxed);
}

void tg_engine_status(tg_engine_t *engine, tg_engine_status_t *out) {
  tg_engine_t *e = engine;
  out->instr_cnt = e->core.cfg.instr_cap;
  /* a torn read keeps the caller's former copy */
  tg_view_main_t main_view;
  if (tg_view_read_main(e->core.shared, &main_view) == 0) out->main = main_view;
  for (uint32_t i = 0; i < out->instr_cnt; i++) {
    tg_view_instr_t instr;
    if (tg_view_read_instr(e->core.shared, (uint16_t)i, &instr) == 0) out->instr[i] = instr;
  }
  out->now_ns = tg_clock_now_ns(&e->clock);
  out->tick_to_order_cnt = e->gateway.bn.tick_to_order_ns.cnt;
  out->tick_to_order_p50_ns = tg_hist_quantile(&e->gateway.bn.tick_to_order_ns, 0.5);
  out->tick_to_order_p99_ns = tg_hist_quantile(&e->gateway.bn.tick_to_order_ns, 0.99);
  out->journal_depth = tg_spsc_depth(&e->rings.journal);
  out->lane_turn_ns_max = atomic_load_explicit(&e->lane[LANE_HOT].turn_ns_max, memory_order_relaxed);
  out->stopped = atomic_load_explicit(&e->cold.phase, memory_order_relaxed) == TG_COLD_DONE;
}

static void stop_lanes(tg_engine_t *e) {
  for (uint32_t i = e->lane_cnt; i-- > 1;) tg_lane_stop(&e->lane[i]);
  tg_lane_stop(&e->lane[LANE_COLD]); /* its last act: it reads what the hot lanes left in the journal */
}

/* The last word on the heartbeat page: is there anything left for the watchdog to do? */
static void beat_end(tg_engine_t *e) {
  if (!e->beat) return;
  bool never = atomic_load_explicit(&e->beat->phase, memory_order_relaxed) == TG_BEAT_STARTING;
  bool stopped = atomic_load_explicit(&e->core.stopped, memory_order_relaxed) != 0;
  tg_beat_phase(e->beat, never || stopped ? TG_BEAT_ENDED : TG_BEAT_LEFT);
  tg_beat_close(e->beat);
  e->beat = e->cold.beat = NULL;
}

int tg_engine_finish(tg_engine_t *engine, char *err_text, size_t err_cap) {
  tg_engine_t *e = engine;
  if (e->finished) return 0;
  e->finished = true;
  stop_lanes(e);
  beat_end(e);
  e->ended_ns = tg_clock_now_ns(&e->clock);
  tg_digest_text(&e->cold.digest, e->digest);
  int code = 0;
  if (e->cold.tape) {
    char path[TG_TAPE_PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s", tg_tape_path(e->cold.tape));
    tg_tape_stats(e->cold.tape, &e->tape_stats);
    int err = tg_tape_close(e->cold.tape);
    e->cold.tape = NULL;
    if (err) code = fail(exit_of(err), err_text, err_cap, n > 0 ? path : "tape", tg_err_text(err));
  }
  bool clean = atomic_load_explicit(&e->core.stopped, memory_order_relaxed) != 0;
  int intents_err = tg_cold_intents_close(e->cold.intents, clean, e->ended_ns);
  e->cold.intents = NULL;
  if (intents_err && !code) code = fail(exit_of(intents_err), err_text, err_cap, "intents", tg_err_text(intents_err));
  if (e->cold.store) {
    int err = tg_store_commit(e->cold.store);
    for (uint16_t i = 0; i < e->core.cfg.instr_cap; i++)
      e->store_pos_ok[i] = tg_store_position(e->cold.store, i, &e->store_pos[i]) == 0;
    if (!err) err = tg_store_end_run(e->cold.store, e->ended_ns, code, e->digest);
    int close_err = tg_store_close(e->cold.store);
    e->cold.store = NULL;
    if (!err) err = close_err;
    if (err && !code) code = fail(exit_of(err), err_text, err_cap, e->store_path, tg_err_text(err));
  }
  return code;
}

void tg_engine_close(tg_engine_t *engine) {
  tg_engine_t *e = engine;
  if (!e) return;
  stop_lanes(e);
  beat_end(e);
  tg_control_close(e->cold.control);
  tg_metrics_close(e->cold.metrics);
  int err = tg_tape_close(e->cold.tape);
  int intents_err = tg_cold_intents_close(e->cold.intents, false, 0);
  if (!err) err = intents_err;
  if (!err) err = tg_store_close(e->cold.store);
  if (err) tg_log_error("closing: %s", tg_err_text(err));
  tg_mirror_free(e->cold.mirror);
  tg_cold_truth_close(&e->cold.truth);
  for (uint32_t i = 0; i < e->lane_cnt; i++) tg_io_close(&e->io[i]);
  if (e->arena.base) tg_arena_unmap(&e->arena);
  tg_secret_area_close(&e->secret_area);
  if (e->report_fd >= 0) (void)close(e->report_fd);
  tg_sandbox_close(e->sandbox);
  free(e);
}

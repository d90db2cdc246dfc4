/* Replay of self-made tapes: what is the same, and that every kind of difference is found and told. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"
#include "engine/core/core.h"
#include "engine/run/replay.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/core/fake_venue.h"

enum { LINES = 400000 };

/* A run: inputs, each with its outputs behind it. */
typedef struct run {
  tg_msg_t *msg;
  uint32_t cnt, inputs;
} run_t;

static run_t inputs_of; /* where the hook collects */

static void keep(fv_t *fv, const tg_msg_t *in, const tg_msg_batch_t *out) {
  (void)fv;
  (void)out;
  cr_assert_lt(inputs_of.cnt, LINES);
  inputs_of.msg[inputs_of.cnt++] = *in;
}

static void add(run_t *run, const tg_msg_t *msg) {
  cr_assert_lt(run->cnt, LINES);
  run->msg[run->cnt++] = *msg;
}

static run_t run_new(void) {
  return (run_t){.msg = aligned_alloc(TG_CACHE_LINE, LINES * sizeof(tg_msg_t))};
}

/* A trading core's inputs over `ns` of a small venue's time, stepped again from the first setting on. */
static run_t record(uint64_t seed, uint64_t ns) {
  static fv_t fv;
  inputs_of = run_new();
  tg_conf_t conf;
  tg_conf_defaults(&conf);
  conf.engine_armed = 1;
  conf.book_level_cap = 64;
  conf.book_event_buffer = 256;
  conf.fsm_cooldown_ms = 200;
  tg_msg_batch_t settings = {inputs_of.msg, 0, LINES};
  cr_assert_eq(tg_conf_to_msgs(&conf, 1, &settings), 0);
  inputs_of.cnt = settings.cnt;
  fv_open(&fv, seed, NULL, 0);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_SYMBOL, 0, fv.now_ns);
  msg.u.cfg_symbol = (tg_cfg_symbol_t){.symbol = "BTCUSDT",
                                       .margin_asset = "USDT",
                                       .px_dec = 1,
                                       .qty_dec = 3,
                                       .allowlisted = 1,
                                       .product = TG_PRODUCT_USDM,
                                       .status = 1,
                                       .px_unit = 1,
                                       .qty_unit = 1};
  add(&inputs_of, &msg);
  tg_msg_init(&msg, TG_CFG_FILTER, 0, fv.now_ns);
  msg.u.cfg_filter.u.first.min_px_ticks = 1000;
  msg.u.cfg_filter.u.first.max_px_ticks = 50000000;
  msg.u.cfg_filter.u.first.min_qty_lots = 1;
  msg.u.cfg_filter.u.first.max_qty_lots = 1000000;
  msg.u.cfg_filter.u.first.min_notional_e8 = 100 * TG_E8;
  msg.u.cfg_filter.u.first.max_orders = 200;
  add(&inputs_of, &msg);
  fv.after_step = keep;
  fv_start(&fv);
  fv_run(&fv, ns);
  fv_close(&fv);
  /* the core that the tape is of */
  run_t run = run_new();
  tg_core_conf_t core_conf;
  tg_core_conf_defaults(&core_conf);
  for (uint32_t i = 0; i < settings.cnt; i++)
    cr_assert_eq(tg_core_conf_apply(&core_conf, inputs_of.msg[i].u.cfg_set.key_hash, inputs_of.msg[i].u.cfg_set.value), 0);
  tg_core_cfg_t cfg = tg_core_cfg_make(&core_conf, 1);
  tg_arena_t count, arena;
  tg_core_t *core;
  tg_arena_count(&count);
  cr_assert_eq(tg_core_layout(&count, &core, &cfg), 0);
  cr_assert_eq(tg_arena_map(&arena, count.used_bytes), 0);
  cr_assert_eq(tg_core_layout(&arena, &core, &cfg), 0);
  for (uint32_t i = 0; i < inputs_of.cnt; i++) {
    tg_msg_t in = inputs_of.msg[i];
    in.ring_lap = 0;
    add(&run, &in);
    tg_msg_batch_t out = {run.msg + run.cnt, 0, LINES - run.cnt};
    cr_assert_eq(tg_core_step(core, &in, &out), 0);
    run.cnt += out.cnt;
    run.inputs++;
  }
  tg_arena_unmap(&arena);
  free(inputs_of.msg);
  cr_assert_gt(run.cnt - run.inputs, 100u, "a run without outputs shows nothing");
  return run;
}

static void write_tape(const tmp_dir_t *dir, const run_t *run) {
  char err[256];
  tg_tape_t *tape;
  tg_tape_cfg_t cfg = {.dir = dir->path, .segment_bytes = 64 << 20, .checkpoint_records = 1000};
  cfg.head.epoch = 7;
  cfg.head.mode = TG_MODE_SIM;
  cr_assert_eq(tg_tape_create(&tape, &cfg, err, sizeof err), 0, "%s", err);
  for (uint32_t i = 0; i < run->cnt; i++) cr_assert_eq(tg_tape_put(tape, &run->msg[i]), 0);
  cr_assert_eq(tg_tape_close(tape), 0);
}

static int replay(const tmp_dir_t *dir, bool split, tg_replay_result_t *result, char err[512]) {
  tg_replay_cfg_t cfg = {.split = split};
  return tg_replay_run(dir->path, &cfg, result, err, 512);
}

/* Writes, replays both ways, removes; both results. */
static void both(const run_t *run, tg_replay_result_t result[2]) {
  tmp_dir_t dir = tmp_make();
  write_tape(&dir, run);
  for (int split = 0; split < 2; split++) {
    char err[512];
    cr_assert_eq(replay(&dir, split, &result[split], err), 0, "%s", err);
  }
  tmp_remove(&dir);
}

static uint32_t nth_output(const run_t *run, uint32_t n) {
  for (uint32_t i = 0; i < run->cnt; i++) {
    if (run->msg[i].kind >= 128 && n-- == 0) return i;
  }
  cr_assert_fail("no such output");
  return 0;
}

/* Input that leads to line `at`. */
static uint32_t input_before(const run_t *run, uint32_t at) {
  while (run->msg[at].kind >= 128) at--;
  return at;
}

static bool same(const tg_msg_t *a, const tg_msg_t *b) {
  return memcmp((const uint8_t *)a + 4, (const uint8_t *)b + 4, sizeof *a - 4) == 0;
}

Test(replay, a_tape_agrees_with_itself_fused_and_split) {
  run_t run = record(3, 3 * UINT64_C(1000000000));
  tg_replay_result_t r[2];
  both(&run, r);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(r[i].differences, 0, "%s", i ? "split" : "fused");
    cr_assert_eq(r[i].inputs, run.inputs);
    cr_assert_eq(r[i].outputs, run.cnt - run.inputs);
    cr_assert_str_eq(r[i].digest, r[i].tape_digest);
    cr_assert_not(r[i].truncated);
    cr_assert_eq(r[i].head.epoch, 7);
  }
  cr_assert_str_eq(r[0].digest, r[1].digest);
  free(run.msg);
}

Test(replay, a_flipped_output_is_found_and_told) {
  run_t run = record(4, UINT64_C(1500000000));
  uint32_t at = nth_output(&run, 57);
  tg_msg_t right = run.msg[at];
  run.msg[at].u.byte[TG_PAYLOAD_BYTES - 9] ^= 1;
  tg_replay_result_t r[2];
  both(&run, r);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(r[i].differences, 1);
    cr_assert_eq(r[i].first.record_no, at);
    cr_assert(same(&r[i].first.expected, &run.msg[at]) && same(&r[i].first.got, &right));
    cr_assert_str_neq(r[i].digest, r[i].tape_digest);
  }
  cr_assert(same(&r[0].first.input, &run.msg[input_before(&run, at)]));
  free(run.msg);
}

Test(replay, a_flipped_input_is_found) {
  run_t run = record(5, UINT64_C(1500000000));
  tg_replay_result_t r[2];
  for (uint32_t i = 0; i < run.cnt; i++) { /* a price of the market: what follows differs somewhere */
    if (run.msg[i].kind == TG_MD_TOP) run.msg[i].u.md_top.bid_qty_lots += 1000000;
  }
  both(&run, r);
  cr_assert_gt(r[0].differences, 0u);
  cr_assert_gt(r[1].differences, 0u);
  free(run.msg);
}

Test(replay, a_missing_output_is_found) {
  run_t run = record(6, UINT64_C(1500000000));
  uint32_t at = nth_output(&run, 31), input = input_before(&run, at);
  bool last_of_input = run.msg[at + 1].kind < 128;
  tg_msg_t gone = run.msg[at];
  memmove(run.msg + at, run.msg + at + 1, (run.cnt - at - 1) * sizeof *run.msg);
  run.cnt--;
  tg_replay_result_t r[2];
  both(&run, r);
  cr_assert_gt(r[0].differences, 0u);
  cr_assert_gt(r[1].differences, 0u);
  if (last_of_input) {
    cr_assert_eq(r[0].differences, 1);
    cr_assert_eq(r[0].first.record_no, input, "the input after which it is missing");
    cr_assert_eq(r[0].first.expected.kind, 0);
    cr_assert(same(&r[0].first.got, &gone));
  } else {
    cr_assert_eq(r[0].first.record_no, at);
    cr_assert(same(&r[0].first.got, &gone));
  }
  free(run.msg);
}

Test(replay, the_very_last_output_missing_is_found) {
  run_t run = record(7, UINT64_C(1500000000));
  while (run.msg[run.cnt - 1].kind < 128) run.cnt--; /* so that the tape ends with an output */
  tg_msg_t gone = run.msg[--run.cnt];
  uint32_t input = input_before(&run, run.cnt - 1);
  tg_replay_result_t r[2];
  both(&run, r);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(r[i].differences, 1);
    cr_assert_eq(r[i].first.record_no, input);
    cr_assert_eq(r[i].first.expected.kind, 0);
    cr_assert(same(&r[i].first.got, &gone));
  }
  free(run.msg);
}

Test(replay, an_extra_output_is_found) {
  run_t run = record(8, UINT64_C(1500000000));
  uint32_t at = nth_output(&run, 43);
  while (run.msg[at].kind >= 128) at++; /* behind the last output of an input */
  memmove(run.msg + at + 1, run.msg + at, (run.cnt - at) * sizeof *run.msg);
  run.cnt++;
  tg_msg_init(&run.msg[at], TG_OUT_ALARM, 0, 99);
  tg_replay_result_t r[2];
  both(&run, r);
  cr_assert_eq(r[0].differences, 1);
  cr_assert_eq(r[0].first.record_no, at);
  cr_assert_eq(r[0].first.got.kind, 0);
  cr_assert(same(&r[0].first.expected, &run.msg[at]));
  cr_assert_gt(r[1].differences, 0u);
  cr_assert_eq(r[1].first.record_no, at);
  free(run.msg);
}

/* More on one side than may be outstanding: differences, not an abort and not a wait for ever. */
Test(replay, outputs_stripped_or_piled_up_are_differences) {
  run_t run = record(9, UINT64_C(1000000000));
  run_t bare = run_new();
  uint32_t outputs = 0;
  while (outputs <= TG_REPLAY_EXPECT + 10) { /* the same inputs over and over: the time runs back, which the core must bear */
    for (uint32_t i = 0; i < run.cnt && bare.cnt < LINES; i++) {
      if (run.msg[i].kind < 128)
        add(&bare, &run.msg[i]);
      else
        outputs++;
    }
    if (bare.cnt == LINES) break;
  }
  tg_replay_result_t r[2];
  both(&bare, r);
  cr_assert_eq(r[0].differences, r[0].outputs);
  cr_assert_eq(r[1].differences, r[1].outputs);
  cr_assert_str_eq(r[0].digest, r[1].digest);
  free(bare.msg);
  run_t piled = run_new();
  for (uint32_t i = 0; i < 100; i++) add(&piled, &run.msg[i]);
  tg_msg_t extra;
  tg_msg_init(&extra, TG_OUT_ALARM, 0, 99);
  for (uint32_t i = 0; i < TG_REPLAY_EXPECT + 1000; i++) add(&piled, &extra);
  both(&piled, r);
  cr_assert_geq(r[0].differences, (uint64_t)TG_REPLAY_EXPECT + 1000);
  cr_assert_geq(r[1].differences, (uint64_t)TG_REPLAY_EXPECT + 1000);
  free(piled.msg);
  free(run.msg);
}

static long tape_path(const tmp_dir_t *dir, char *path, size_t cap) {
  snprintf(path, cap, "%s/tape-7-0.tape", dir->path);
  char command[512];
  snprintf(command, sizeof command, "ls %s", dir->path);
  FILE *list = popen(command, "r");
  char name[128] = "";
  if (list && fgets(name, sizeof name, list)) {
    name[strcspn(name, "\n")] = '\0';
    snprintf(path, cap, "%s/%s", dir->path, name);
  }
  if (list) pclose(list);
  FILE *file = fopen(path, "rb");
  cr_assert_not_null(file, "%s", path);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  fclose(file);
  return size;
}

Test(replay, a_truncated_tape_is_compared_as_far_as_it_goes) {
  run_t run = record(10, UINT64_C(1000000000));
  tmp_dir_t dir = tmp_make();
  write_tape(&dir, &run);
  char path[512], err[512];
  long size = tape_path(&dir, path, sizeof path);
  const long cut[] = {1, 71, 100, 72 * 50 + 13, size / 2};
  for (size_t i = 0; i < TG_ARRAY_CNT(cut); i++) {
    cr_assert_eq(truncate(path, size - cut[i]), 0);
    for (int split = 0; split < 2; split++) {
      tg_replay_result_t r;
      cr_assert_eq(replay(&dir, split, &r, err), 0, "%s", err);
      cr_assert(r.truncated, "cut %ld", cut[i]);
      cr_assert_eq(r.differences, 0, "cut %ld, split %d", cut[i], split);
      cr_assert_leq(r.inputs, run.inputs);
      if (cut[i] > 72 * 10) cr_assert_lt(r.inputs + r.outputs, run.cnt);
    }
  }
  tmp_remove(&dir);
  free(run.msg);
}

Test(replay, a_corrupt_tape_is_an_error_with_its_place) {
  run_t run = record(11, UINT64_C(1000000000));
  tmp_dir_t dir = tmp_make();
  write_tape(&dir, &run);
  char path[512], err[512];
  long size = tape_path(&dir, path, sizeof path), at = TG_TAPE_HEADER_BYTES + TG_TAPE_RECORD_BYTES * 500L + 30;
  cr_assert_lt(at, size);
  FILE *file = fopen(path, "r+b");
  fseek(file, at, SEEK_SET);
  int byte = fgetc(file);
  fseek(file, at, SEEK_SET);
  fputc(byte ^ 4, file);
  fclose(file);
  for (int split = 0; split < 2; split++) {
    tg_replay_result_t r;
    cr_assert_eq(replay(&dir, split, &r, err), -TG_ECORRUPT);
    cr_assert_not_null(strstr(err, path), "%s", err);
    cr_assert_not_null(strstr(err, " at byte "), "%s", err);
    long told = atol(strstr(err, " at byte ") + 9);
    cr_assert(told > at - 2 * TG_TAPE_RECORD_BYTES && told <= at + TG_TAPE_RECORD_BYTES, "%s", err);
  }
  tmp_remove(&dir);
  tg_replay_result_t r;
  cr_assert_eq(replay(&dir, false, &r, err), -TG_ENOTFOUND);
  cr_assert_neq(err[0], '\0');
  free(run.msg);
}

Test(replay, a_tape_without_settings_is_replayed_with_the_defaults) {
  run_t run = run_new();
  tg_msg_t msg;
  for (uint64_t i = 1; i <= 20; i++) { /* the run ended before its settings came */
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, i * 1000000);
    msg.u.timer.timer_no = i;
    add(&run, &msg);
  }
  tg_replay_result_t r[2];
  both(&run, r);
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(r[i].inputs, 20);
    cr_assert_eq(r[i].differences, r[i].outputs);
    cr_assert_not(r[i].truncated);
  }
  run.cnt = 0; /* nothing at all */
  both(&run, r);
  for (int i = 0; i < 2; i++) cr_assert_eq(r[i].inputs + r[i].outputs + r[i].differences, 0);
  free(run.msg);
}

static uint64_t progress_cnt, progress_inputs;

static void progress(void *user, uint64_t inputs, uint64_t ns) {
  (void)user;
  (void)ns;
  progress_cnt++;
  progress_inputs = inputs;
}

Test(replay, progress_is_told) {
  run_t run = run_new();
  tg_msg_t msg;
  for (uint64_t i = 1; i <= 2 * 65536 + 5; i++) {
    tg_msg_init(&msg, TG_MD_TRADE, 0, i);
    add(&run, &msg);
  }
  tmp_dir_t dir = tmp_make();
  write_tape(&dir, &run);
  for (int split = 0; split < 2; split++) {
    tg_replay_result_t r;
    char err[512];
    progress_cnt = 0;
    tg_replay_cfg_t cfg = {.split = split, .progress = progress};
    cr_assert_eq(tg_replay_run(dir.path, &cfg, &r, err, sizeof err), 0, "%s", err);
    cr_assert_eq(progress_cnt, 2);
    cr_assert_eq(progress_inputs, 2 * 65536);
  }
  tmp_remove(&dir);
  free(run.msg);
}

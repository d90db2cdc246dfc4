/* tickgate-watchdog - cancels what is ours when the engine cannot. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "codecs/client_id.h"
#include "engine/base/log.h"
#include "engine/cold/answer.h"
#include "engine/cold/evidence.h"
#include "tools/watchdog/dog.h"

enum { POLL_MS = 25, PROOFS_MAX = 1000 };

typedef struct dog {
  dog_options_t options;
  dog_venue_t venue;
  dog_watch_t watch;
  bool killing, proven;
  uint64_t kill_ns;
  bool latch_written;
  char proof_dir[1200];
} dog_t;

static volatile sig_atomic_t stop_signal;

static void on_signal(int number) {
  (void)number;
  stop_signal = 1;
}

/* ---- the latch: a restarted engine stays killed ---- */

static void write_latch(dog_t *dog) {
  char path[1100], line[200];
  int n = snprintf(path, sizeof path, "%s/KILL", dog->options.run_dir);
  if (n < 0 || (size_t)n >= sizeof path) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0 && errno == EEXIST) {
    dog->latch_written = true;
    return;
  }
  int len = snprintf(line, sizeof line, "watchdog: %s\n", dog->watch.reason);
  bool good = fd >= 0 && write(fd, line, (size_t)len) == len;
  if (fd >= 0 && fsync(fd) != 0) good = false;
  if (fd >= 0) close(fd);
  dog->latch_written = good;
  if (!good) tg_log_error("%s cannot be written: %s; a restarted engine would trade again", path, strerror(errno));
}

/* ---- the proof ---- */

static json_t *after_ms(const dog_t *dog, uint64_t then_ns) {
  if (then_ns == 0) return json_null();
  uint64_t us = then_ns > dog->kill_ns ? (then_ns - dog->kill_ns) / 1000u : 0;
  return json_sprintf("%llu.%03llu", (unsigned long long)(us / 1000u), (unsigned long long)(us % 1000u));
}

static json_t *result_json(const dog_t *dog) {
  const tg_bn_kill_t *kill = &dog->venue.kill;
  json_t *after = json_pack("{s:o,s:o,s:o}", "first_cancel", after_ms(dog, kill->first_cancel_ns), "last_cancel_confirmed",
                            after_ms(dog, kill->last_confirmed_ns), "verified_empty", after_ms(dog, kill->empty_ns));
  return json_pack("{s:s,s:s,s:b,s:b,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:s}", "program", "tickgate-watchdog", "mode",
                   tg_mode_word((uint8_t)dog->options.mode), "fired", dog->killing, "verified_empty", kill->empty_ns != 0,
                   "latch_written", dog->latch_written, "reason", dog->watch.reason, "pid", (json_int_t)dog->watch.seen.pid,
                   "epoch", (json_int_t)dog->watch.seen.epoch, "found", (json_int_t)kill->order_cnt, "cancelled",
                   (json_int_t)kill->cancels_confirmed, "lists", (json_int_t)kill->round_cnt, "foreign_untouched",
                   (json_int_t)kill->foreign_seen, "after_ms", after, "evidence", dog->proof_dir);
}

static json_t *orders_json(const tg_bn_kill_t *kill) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < kill->order_cnt; i++) {
    const tg_bn_kill_order_t *order = &kill->order[i];
    json_array_append_new(list, json_pack("{s:s,s:o,s:I,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:i}", "symbol", order->symbol, "client_id",
                                          tg_answer_client(order->client_id), "order_id", (json_int_t)order->order_id, "side",
                                          order->side, "price", order->price, "qty", order->qty, "filled", order->filled,
                                          "fate", tg_bn_kill_fate_name((tg_bn_kill_fate_t)order->fate), "http_status",
                                          (int)order->http_status, "code", (int)order->code, "tries", (int)order->tries));
  }
  return list;
}

static void prove(dog_t *dog) {
  static const char *const names[] = {"kill.json", "orders.json"};
  char dir[1100];
  struct timespec wall = {0};
  int n = snprintf(dir, sizeof dir, "%s/evidence", dog->options.run_dir);
  dog->proven = true;
  if (n < 0 || (size_t)n >= sizeof dir || clock_gettime(CLOCK_REALTIME, &wall) != 0) return;
  uint64_t ts_ns = (uint64_t)wall.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)wall.tv_nsec;
  tg_evidence_cfg_t cfg = {.dir = dir, .epoch = dog->watch.seen.epoch, .mode = (uint8_t)dog->options.mode};
  int err = -TG_EEXISTS;
  for (uint64_t number = 0; err == -TG_EEXISTS && number < PROOFS_MAX; number++) {
    snprintf(dog->proof_dir, sizeof dog->proof_dir, "%s/watchdog-%06llu-%06llu", dir, (unsigned long long)cfg.epoch,
             (unsigned long long)number);
    json_t *documents[] = {result_json(dog), orders_json(&dog->venue.kill)};
    err = tg_evidence_documents(&cfg, "watchdog", number, ts_ns, names, documents, TG_ARRAY_CNT(documents));
  }
  if (err) {
    tg_log_error("the evidence bundle is not written: %s", tg_err_text(err));
    dog->proof_dir[0] = '\0';
  }
}

/* ---- turns ---- */

static void fire(dog_t *dog) {
  dog->killing = true;
  dog->proven = false;
  dog->kill_ns = dog->venue.now_ns;
  tg_log_error("KILL: %s", dog->watch.reason);
  write_latch(dog);
  tg_bn_kill_start(&dog->venue.kill, false, dog->venue.now_ns);
}

/* -1 go on, else the exit code. */
static int killing_turn(dog_t *dog) {
  const tg_bn_kill_t *kill = &dog->venue.kill;
  bool ends = dog->options.now || dog->options.once;
  if (kill->empty_ns != 0 && !dog->proven) {
    tg_log_warn("KILL: the venue shows no open order of ours; %u found, %llu cancelled", (unsigned)kill->order_cnt,
                (unsigned long long)kill->cancels_confirmed);
    prove(dog);
    if (ends) return dog->options.now ? TG_EXIT_OK : TG_EXIT_DIFF;
  }
  uint64_t past_s = (dog->venue.now_ns - dog->kill_ns) / (uint64_t)TG_NS_PER_S;
  if (ends && kill->empty_ns == 0 && dog->options.give_up_s && past_s >= dog->options.give_up_s) {
    prove(dog);
    return TG_EXIT_VENUE;
  }
  return -1;
}

static int watching_turn(dog_t *dog) {
  tg_beat_seen_t before = dog->watch.seen;
  bool had = dog->watch.have;
  dog_verdict_t verdict = dog_watch_look(&dog->watch, dog->venue.now_ns);
  if (dog->watch.have && dog->watch.seen.mode != dog->options.mode) {
    tg_log_error("the engine runs in mode %s, this watchdog with --mode %s: it would cancel nothing",
                 tg_mode_word((uint8_t)dog->watch.seen.mode), tg_mode_word((uint8_t)dog->options.mode));
    return TG_EXIT_USAGE;
  }
  bool another =
      had && dog->watch.have && (before.pid != dog->watch.seen.pid || before.started_ns != dog->watch.seen.started_ns);
  bool over = dog->killing && dog->proven && (another || dog_watch_back(&dog->watch, dog->venue.now_ns));
  if (over) {
    tg_log_info("%s: watching again; its latch is %s/KILL", another ? "a new engine runs" : "the engine beats again",
                dog->options.run_dir);
    tg_bn_kill_off(&dog->venue.kill);
    dog->killing = false;
  }
  if (verdict == DOG_FIRE && !dog->killing) fire(dog);
  if (verdict == DOG_CLEAN && !dog->killing && dog->options.once) {
    tg_log_info("the engine ended cleanly: nothing to do");
    return TG_EXIT_OK;
  }
  return -1;
}

static int turn(dog_t *dog) {
  dog_venue_turn(&dog->venue, POLL_MS * (uint64_t)TG_NS_PER_MS);
  int code = dog->options.now ? -1 : watching_turn(dog);
  if (code < 0 && dog->killing) code = killing_turn(dog);
  if (code < 0 && stop_signal) code = dog->killing && dog->venue.kill.empty_ns == 0 ? TG_EXIT_VENUE : TG_EXIT_OK;
  return code;
}

static int run(dog_t *dog) {
  char err_text[512];
  int code = dog_venue_open(&dog->venue, &dog->options, err_text, sizeof err_text);
  if (code) {
    fprintf(stderr, "tickgate-watchdog: %s\n", err_text);
    dog_venue_close(&dog->venue);
    return code;
  }
  dog_watch_init(&dog->watch, dog->options.run_dir, dog->options.bound_ms);
  if (dog->options.now) {
    (void)dog_watch_look(&dog->watch, dog->venue.now_ns); /* pid and epoch, for the bundle */
    snprintf(dog->watch.reason, sizeof dog->watch.reason, "--now, uid %u", (unsigned)geteuid());
    fire(dog);
  }
  do code = turn(dog);
  while (code < 0);
  json_t *result = dog->options.json ? result_json(dog) : NULL;
  char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;
  if (text) printf("%s\n", text);
  json_decref(result);
  free(text);
  dog_venue_close(&dog->venue);
  return code;
}

/* It holds a key: no core file, no debugger of another user. */
static void keep_secrets(void) {
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
    tg_log_warn("core files cannot be turned off: %s", strerror(errno));
}

int main(int argc, char **argv) {
  static dog_t dog;
  int code = dog_options_parse(&dog.options, argc, argv);
  if (code) return code < 0 ? TG_EXIT_OK : code;
  keep_secrets();
  if (dog.options.log && tg_log_open(dog.options.log) != 0) {
    fprintf(stderr, "tickgate-watchdog: cannot write the log %s\n", dog.options.log);
    return TG_EXIT_SPACE;
  }
  tg_log_mode(tg_mode_word((uint8_t)dog.options.mode));
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0) return TG_EXIT_INTERNAL;
  action.sa_handler = SIG_IGN;
  if (sigaction(SIGPIPE, &action, NULL) != 0) return TG_EXIT_INTERNAL;
  return run(&dog);
}

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/run/engine.h"
#include "tools/tickgate/screen.h"
#include "tools/tickgate/verbs.h"

typedef struct run_args {
  const char *config, *report, *log, *view;
  uint64_t seconds;
} run_args_t;

/* the only things a signal handler may touch */
static volatile sig_atomic_t stop_signals;

static volatile sig_atomic_t kill_signals;

static void on_signal(int number) {
  if (number == SIGUSR2)
    kill_signals++;
  else
    stop_signals++;
}

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgate run --config FILE [--seconds N] [--report FILE] [--log FILE] [--view auto|screen|lines|off]\n"
          "  trades as the settings file says until --seconds are over or SIGINT/SIGTERM comes; then cancels its orders,\n"
          "  waits for the answers and ends. A second signal ends it without waiting. SIGUSR2 is the kill switch.\n"
          "  --report FILE  writes the run's report as JSON\n"
          "  --log FILE     log there instead of to standard error\n"
          "  --view auto    a screen on a terminal, a line a second elsewhere\n");
}

static int parse(int argc, char **argv, run_args_t *args) {
  *args = (run_args_t){.view = "auto"};
  for (int i = 1; i < argc; i += 2) { /* every option has a value */
    const char *name = argv[i];
    if (strcmp(name, "--help") == 0) {
      usage(stdout);
      return -1;
    }
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    const char **slot = strcmp(name, "--config") == 0   ? &args->config
                        : strcmp(name, "--report") == 0 ? &args->report
                        : strcmp(name, "--log") == 0    ? &args->log
                        : strcmp(name, "--view") == 0   ? &args->view
                                                        : NULL;
    char *end = NULL;
    if (strcmp(name, "--seconds") == 0 && value) {
      args->seconds = strtoull(value, &end, 10);
      if (*end != '\0' || end == value || args->seconds == 0 || value[0] == '-') {
        fprintf(stderr, "tickgate run: --seconds takes a whole number above 0, not '%s'\n", value);
        return TG_EXIT_USAGE;
      }
    } else if (slot && value) {
      *slot = value;
    } else {
      fprintf(stderr, "tickgate run: '%s' is not an option here or lacks its value: see --help\n", name);
      return TG_EXIT_USAGE;
    }
  }
  if (!args->config) {
    fprintf(stderr, "tickgate run: name the settings file with --config FILE (`tickgate config show` prints one)\n");
    return TG_EXIT_USAGE;
  }
  const char *view[] = {"auto", "screen", "lines", "off"};
  for (size_t i = 0; i < TG_ARRAY_CNT(view); i++) {
    if (strcmp(args->view, view[i]) == 0) return 0;
  }
  fprintf(stderr, "tickgate run: --view takes auto, screen, lines or off, not '%s'\n", args->view);
  return TG_EXIT_USAGE;
}

static int catch_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGUSR2, &action, NULL) != 0)
    return -TG_EIO;
  action.sa_handler = SIG_IGN;
  return sigaction(SIGPIPE, &action, NULL) == 0 ? 0 : -TG_EIO;
}

static uint64_t monotonic_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Watches until the end. 0 or the exit code of a failure. */
static int watch(tg_engine_t *engine, const run_args_t *args, tg_screen_t *screen, char *err_text, size_t err_cap) {
  static tg_engine_status_t status;
  bool show = strcmp(args->view, "off") != 0;
  uint64_t start_ns = monotonic_ns();
  uint64_t next_ns = start_ns + (uint64_t)TG_NS_PER_S;
  bool stopping = false;
  tg_engine_status(engine, &status);
  tg_screen_begin(screen, show && screen->terminal, screen->mode, status.now_ns);
  int code = 0;
  for (;;) {
    struct timespec pause = {.tv_nsec = 50 * 1000000};
    nanosleep(&pause, NULL); /* a signal shortens it: that is wanted */
    uint64_t now_ns = monotonic_ns();
    code = tg_engine_fatal(engine, err_text, err_cap);
    if (code) break;
    bool over = args->seconds && now_ns - start_ns >= args->seconds * (uint64_t)TG_NS_PER_S;
    if (stop_signals > 1)
      tg_engine_stop(engine, true);
    else if ((stop_signals == 1 || over) && !stopping)
      tg_engine_stop(engine, false);
    stopping = stopping || stop_signals || over;
    if (kill_signals) {
      kill_signals = 0;
      tg_engine_kill(engine);
    }
    tg_engine_status(engine, &status);
    if (show && now_ns >= next_ns) {
      next_ns += (uint64_t)TG_NS_PER_S;
      tg_screen_show(screen, &status);
    }
    if (status.stopped) break;
  }
  if (show) tg_screen_end(screen);
  return code;
}

static int run(const tg_conf_t *conf, const run_args_t *args) {
  char err_text[1024];
  tg_engine_t *engine = NULL;
  int code = tg_engine_open(&engine, conf, err_text, sizeof err_text);
  if (!code) code = tg_engine_files(engine, args->config, args->report, err_text, sizeof err_text);
  if (!code) code = tg_engine_start(engine, err_text, sizeof err_text);
  if (!code) {
    tg_screen_t screen = {
        .terminal = strcmp(args->view, "screen") == 0 || (strcmp(args->view, "auto") == 0 && isatty(STDOUT_FILENO)),
        .mode = "sim"};
    code = watch(engine, args, &screen, err_text, sizeof err_text);
    char end_text[512];
    int end_code = tg_engine_finish(engine, end_text, sizeof end_text);
    if (end_code && !code) {
      code = end_code;
      memcpy(err_text, end_text, sizeof end_text);
    }
    if (args->report && tg_engine_report(engine) != 0 && !code) {
      code = TG_EXIT_SPACE;
      snprintf(err_text, sizeof err_text, "%s: the report cannot be written", args->report);
    }
  }
  if (code) {
    fprintf(stderr, "tickgate run: %s\n", err_text);
    if (args->log) tg_log_error("%s", err_text);
  }
  tg_engine_close(engine);
  return code;
}

int tg_verb_run(int argc, char **argv) {
  run_args_t args;
  int code = parse(argc, argv, &args);
  if (code) return code < 0 ? TG_EXIT_OK : code;
  static tg_conf_t conf;
  char err_text[512];
  if (tg_conf_load(&conf, args.config, err_text, sizeof err_text) != 0) {
    fprintf(stderr, "tickgate run: %s\n", err_text);
    return TG_EXIT_CONFIG;
  }
  if (args.log && tg_log_open(args.log) != 0) {
    fprintf(stderr, "tickgate run: cannot write the log %s: is the directory there?\n", args.log);
    return TG_EXIT_SPACE;
  }
  tg_log_mode("sim");
  tg_log_level_set((tg_log_level_t)conf.log_level);
  if (catch_signals() != 0) {
    fprintf(stderr, "tickgate run: signals cannot be caught: %s\n", strerror(errno));
    return TG_EXIT_INTERNAL;
  }
  return run(&conf, &args);
}

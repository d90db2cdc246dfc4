#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/cold/evidence.h"
#include "tools/tickgate/drill.h"
#include "tools/tickgate/verbs.h"

static const struct {
  const char *name;
  void (*run)(drill_t *drill);
  const char *text;
} drills[] = {
    {"fsm", drill_fsm, "every row of the lifecycle fired, every skip refused"},
    {"router", drill_router, "every row of the order router"},
    {"account-sync", drill_account_sync, "each mismatch rule through the venue's own text, policy applied"},
    {"kill", drill_kill, "live, in-flight, unknown and partly filled orders: all of ours cancelled, nothing else"},
    {"intents", drill_intents, "claim race, approve, expiry, reject, reconcile"},
};

enum { CNT = TG_ARRAY_CNT(drills), NUMBERS_MAX = 100000 };

typedef struct drill_args {
  bool wanted[CNT];
  const char *break_name; /* not in --help: the test of the drills themselves */
  const char *dir;
  bool json;
} drill_args_t;

bool drill_check(drill_t *drill, bool ok, const char *format, ...) {
  char text[200];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (n < 0) text[0] = '\0';
  if (drill->check_cnt < DRILL_CHECKS || !ok)
    json_array_append_new(drill->checks, json_pack("{s:s,s:b}", "check", text, "ok", ok));
  drill->check_cnt++;
  if (ok) return true;
  if (drill->failed_cnt++ == 0) snprintf(drill->first, sizeof drill->first, "%s", text);
  return false;
}

void drill_fact(drill_t *drill, const char *key, int64_t value) {
  json_object_set_new(drill->facts, key, json_integer((json_int_t)value));
}

void drill_router(drill_t *drill) {
  tg_route_stat_t stat;
  memset(&stat, 0, sizeof stat);
  uint32_t right = tg_route_drill(&stat);
  if (drill->broken) right ^= 1u << 4;
  static const char *const condition[] = {
#define ROW(row, existing, text, decision, reason) "row " #row " (" #existing ", " text "): " #decision " " #reason,
#include "engine/core/router.def"
#undef ROW
  };
  drill_check(drill, tg_route_row_cnt == TG_ARRAY_CNT(condition), "%u rows in the table", (unsigned)tg_route_row_cnt);
  for (uint32_t i = 0; i < tg_route_row_cnt; i++) drill_check(drill, right >> i & 1u, "%s", condition[i]);
}

static void usage(FILE *out) {
  fprintf(
      out,
      "usage: tickgate drill fsm|router|account-sync|kill|intents|all [--json] [--dir DIR]\n"
      "  in process, in sim, the same each time. A PASS or FAIL line and an EVIDENCE_REF a drill; bundles below DIR, or in a\n"
      "  new directory that is named. Exit code 1 on any FAIL.\n");
  for (size_t i = 0; i < CNT; i++) fprintf(out, "  %-13s %s\n", drills[i].name, drills[i].text);
}

static int parse(int argc, char **argv, drill_args_t *args) {
  *args = (drill_args_t){.break_name = ""};
  bool any = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      usage(stdout);
      return -1;
    }
    bool known = strcmp(argv[i], "--json") == 0;
    if (known) args->json = true;
    if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
      args->dir = argv[++i];
      known = true;
    } else if (strcmp(argv[i], "--break") == 0 && i + 1 < argc) {
      args->break_name = argv[++i];
      known = true;
    }
    for (size_t d = 0; d < CNT; d++) {
      if (strcmp(argv[i], drills[d].name) != 0 && strcmp(argv[i], "all") != 0) continue;
      args->wanted[d] = any = known = true;
    }
    if (known) continue;
    fprintf(stderr, "tickgate drill: '%s' is no drill or option: see --help\n", argv[i]);
    return TG_EXIT_USAGE;
  }
  if (any) return 0;
  usage(stderr);
  return TG_EXIT_USAGE;
}

static void ref_line(void *user, const char *line) {
  char *out = user;
  snprintf(out, 1600, "%s", line);
}

/* Bundle drill-<name>-000000-<number> with what was checked. */
static int prove(drill_t *drill, const char *dir, char *ref) {
  static const char *const names[] = {"result.json", "checks.json", "facts.json"};
  char kind[48];
  struct timespec now = {0};
  (void)!clock_gettime(CLOCK_REALTIME, &now); /* 1970 in the line then */
  uint64_t ts_ns = (uint64_t)now.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)now.tv_nsec;
  tg_evidence_cfg_t cfg = {.dir = dir, .mode = TG_MODE_SIM, .user = ref, .log = ref_line};
  snprintf(kind, sizeof kind, "drill-%s", drill->name);
  int err = -TG_EEXISTS;
  for (uint64_t number = 0; err == -TG_EEXISTS && number < NUMBERS_MAX; number++) {
    json_t *result =
        json_pack("{s:s,s:s,s:I,s:I,s:s}", "drill", drill->name, "result", drill->failed_cnt ? "FAIL" : "PASS", "checks",
                  (json_int_t)drill->check_cnt, "failed", (json_int_t)drill->failed_cnt, "first_failure", drill->first);
    json_t *documents[] = {result, json_incref(drill->checks), json_incref(drill->facts)};
    err = tg_evidence_documents(&cfg, kind, number, ts_ns, names, documents, TG_ARRAY_CNT(documents));
  }
  return err;
}

static bool run_one(size_t i, const drill_args_t *args, const char *dir, json_t *list) {
  char ref[1600] = "", own[1200];
  drill_t drill = {.name = drills[i].name,
                   .broken = strcmp(args->break_name, drills[i].name) == 0,
                   .checks = json_array(),
                   .facts = json_object()};
  int n = snprintf(own, sizeof own, "%s/.drill-%s-%d", dir, drill.name, (int)getpid());
  drill.dir = own;
  bool made = n > 0 && (size_t)n < sizeof own && tg_dir_make(own) == 0;
  if (drill_check(&drill, made, "a directory of its own: %s", made ? "made" : strerror(errno))) drills[i].run(&drill);
  if (made) (void)rmdir(own); /* a drill leaves it empty */
  int err = prove(&drill, dir, ref);
  if (err) drill_check(&drill, false, "the bundle is not written: %s", tg_err_text(err));
  bool good = drill.failed_cnt == 0;
  if (!args->json) {
    if (good)
      printf("PASS %s: %llu checks\n", drill.name, (unsigned long long)drill.check_cnt);
    else
      printf("FAIL %s: %llu of %llu checks, first: %s\n", drill.name, (unsigned long long)drill.failed_cnt,
             (unsigned long long)drill.check_cnt, drill.first);
    printf("%s\n", ref);
  }
  json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:s,s:s}", "drill", drill.name, "result", good ? "PASS" : "FAIL",
                                        "checks", (json_int_t)drill.check_cnt, "failed", (json_int_t)drill.failed_cnt,
                                        "first_failure", drill.first, "evidence_ref", ref));
  json_decref(drill.checks);
  json_decref(drill.facts);
  return good;
}

int tg_verb_drill(int argc, char **argv) {
  drill_args_t args;
  int code = parse(argc, argv, &args);
  if (code) return code < 0 ? TG_EXIT_OK : code;
  char dir[1024];
  const char *base = getenv("TMPDIR");
  int n = snprintf(dir, sizeof dir, "%s", args.dir ? args.dir : base ? base : "/tmp");
  if (!args.dir && n > 0) n += snprintf(dir + n, sizeof dir - (size_t)n, "/tickgate-drill.XXXXXX");
  if (n < 0 || (size_t)n >= sizeof dir || (!args.dir && !mkdtemp(dir)) || tg_dir_make(dir) != 0) {
    fprintf(stderr, "tickgate drill: %s cannot be made: %s\n", dir, strerror(errno));
    return TG_EXIT_SPACE;
  }
  tg_log_level_set(TG_LOG_ERROR);
  json_t *list = json_array();
  bool good = true;
  for (size_t i = 0; i < CNT; i++) {
    if (args.wanted[i]) good = run_one(i, &args, dir, list) && good;
  }
  json_t *all = json_pack("{s:b,s:s,s:o}", "ok", good, "dir", dir, "drills", list);
  char *text = args.json && all ? json_dumps(all, JSON_COMPACT) : NULL;
  if (text) printf("%s\n", text);
  free(text);
  json_decref(all);
  return good ? TG_EXIT_OK : TG_EXIT_DIFF;
}

/* tickgate - the engine and its helpers as verbs of one program. */
#include <stdio.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/msg/msg.h"
#include "tools/tickgate/verbs.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *text;
} verbs[] = {
    {"run", tg_verb_run, "trade as the settings file says"},
    {"replay", tg_verb_replay, "run the core over a tape again and compare every output"},
    {"book", tg_verb_book, "rebuild the order book of a recording"},
    {"check", tg_verb_check, "preflight: settings, and with --live all that going live needs"},
    {"config", tg_verb_config, "show, check and explain settings"},
    {"report", tg_verb_report, "compare the engine's and the venue's books after a run"},
    {"drill", tg_verb_drill, "fire drills of the engine's parts, in sim, in seconds"},
    {"evidence", tg_verb_evidence, "verify an evidence bundle"},
    {"sandbox", tg_verb_sandbox, "show what each kind of thread may do, and try it"},
};

static void usage(FILE *out) {
  fprintf(out, "usage: tickgate VERB [OPTIONS]\n");
  for (size_t i = 0; i < TG_ARRAY_CNT(verbs); i++) fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].text);
  fprintf(out, "  %-10s %s\n", "version", "version and formats");
  fprintf(out, "  tickgate VERB --help tells more. Exit codes:\n");
#define X(name, number, text) fprintf(out, "  %3d %s\n", number, text);
#include "engine/base/exit.def"
#undef X
}

int main(int argc, char **argv) {
  if (argc < 2) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  for (size_t i = 0; i < TG_ARRAY_CNT(verbs); i++) {
    if (strcmp(argv[1], verbs[i].name) == 0) return verbs[i].run(argc - 1, argv + 1);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    usage(stdout);
    return TG_EXIT_OK;
  }
  if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
    printf("tickgate %s, messages %d, compiler %s\n", TG_VERSION, TG_MSG_FORMAT_VERSION, __VERSION__);
    return TG_EXIT_OK;
  }
  fprintf(stderr, "tickgate: unknown verb '%s': `tickgate --help` lists them\n", argv[1]);
  return TG_EXIT_USAGE;
}

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/cold/evidence.h"
#include "tools/tickgate/verbs.h"

typedef struct seen {
  bool json;
  json_t *list;
  uint64_t bad;
} seen_t;

static void tell(void *user, const char *bundle, int err, const char *text) {
  seen_t *seen = user;
  if (err) seen->bad++;
  json_array_append_new(seen->list, json_pack("{s:s,s:b,s:s,s:s}", "bundle", bundle, "ok", err == 0, "code",
                                              err ? tg_err_name(err) : "", "error", err ? text : ""));
  if (seen->json) return;
  if (err)
    fprintf(stderr, "tickgate evidence: %s\n", text);
  else
    printf("%s: every file is as it was written\n", bundle);
}

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgate evidence verify DIR [--json]\n"
          "  DIR is a bundle, or a directory of bundles: checks every file of each against its SHA256SUMS, and finds files "
          "that no\n"
          "  sum covers. Exit code 66 when one differs, or when there is none.\n");
}

/* One bundle, or all below a directory. */
static int verify(const char *dir, seen_t *seen) {
  char path[1400], text[512];
  int n = snprintf(path, sizeof path, "%s/%s", dir, TG_EVIDENCE_SUMS);
  if (n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0) {
    int err = tg_evidence_verify(dir, text, sizeof text);
    tell(seen, dir, err, text);
    return seen->bad ? TG_EXIT_DATA : TG_EXIT_OK;
  }
  int64_t cnt = tg_evidence_verify_all(dir, tell, seen);
  if (cnt < 0) {
    snprintf(text, sizeof text, "%s: no evidence bundle here: %s", dir, tg_err_text((int)cnt));
    tell(seen, dir, (int)cnt, text);
  }
  return seen->bad ? TG_EXIT_DATA : TG_EXIT_OK;
}

int tg_verb_evidence(int argc, char **argv) {
  seen_t seen = {.list = NULL};
  const char *dir = NULL;
  bool good = argc >= 2 && strcmp(argv[1], "verify") == 0;
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    usage(stdout);
    return TG_EXIT_OK;
  }
  for (int i = 2; good && i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) {
      seen.json = true;
    } else if (argv[i][0] != '-' && !dir) {
      dir = argv[i];
    } else {
      good = false;
    }
  }
  if (!good || !dir) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  seen.list = json_array();
  int code = verify(dir, &seen);
  json_t *all = json_pack("{s:b,s:I,s:o}", "ok", code == TG_EXIT_OK, "bad", (json_int_t)seen.bad, "bundles", seen.list);
  char *line = seen.json && all ? json_dumps(all, JSON_COMPACT) : NULL;
  if (line) printf("%s\n", line);
  free(line);
  json_decref(all);
  return code;
}

#include <stdio.h>
#include <string.h>

#include "engine/base/err.h"
#include "engine/cold/evidence.h"
#include "tools/tickgate/verbs.h"

int tg_verb_evidence(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    printf(
        "usage: tickgate evidence verify DIR\n  checks every file of a bundle against its SHA256SUMS; exit 66 when one "
        "differs\n");
    return TG_EXIT_OK;
  }
  if (argc != 3 || strcmp(argv[1], "verify") != 0) {
    fprintf(stderr, "usage: tickgate evidence verify DIR\n");
    return TG_EXIT_USAGE;
  }
  char err_text[512];
  if (tg_evidence_verify(argv[2], err_text, sizeof err_text) != 0) {
    fprintf(stderr, "tickgate evidence: %s\n", err_text);
    return TG_EXIT_DATA;
  }
  printf("%s: every file is as it was written\n", argv[2]);
  return TG_EXIT_OK;
}

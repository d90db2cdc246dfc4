#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/conf/conf.h"
#include "tools/tickgate/verbs.h"

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgate config show    [--config FILE] [--json]      every setting, as a commented file\n"
          "       tickgate config check   --config FILE                 refuse what a run would refuse\n"
          "       tickgate config explain KEY [--config FILE] [--json]  meaning, unit, range, default, value\n");
}

int tg_verb_config(int argc, char **argv) {
  const char *path = NULL;
  const char *word[2] = {NULL, NULL};
  size_t word_cnt = 0;
  bool json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
      path = argv[++i];
    } else if (strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (strcmp(argv[i], "--help") == 0) {
      usage(stdout);
      return TG_EXIT_OK;
    } else if (argv[i][0] != '-' && word_cnt < TG_ARRAY_CNT(word)) {
      word[word_cnt++] = argv[i];
    } else {
      fprintf(stderr, "tickgate config: '%s' is not an option here: see `tickgate config --help`\n", argv[i]);
      return TG_EXIT_USAGE;
    }
  }
  static tg_conf_t conf;
  char err_text[512];
  tg_conf_defaults(&conf);
  if (path && tg_conf_load(&conf, path, err_text, sizeof err_text) != 0) {
    fprintf(stderr, "tickgate config: %s\n", err_text);
    return TG_EXIT_CONFIG;
  }
  if (word_cnt == 1 && strcmp(word[0], "show") == 0)
    return tg_conf_print(&conf, stdout, json) == 0 ? TG_EXIT_OK : TG_EXIT_SPACE;
  if (word_cnt == 1 && strcmp(word[0], "check") == 0) {
    if (!path) {
      fprintf(stderr, "tickgate config check: name the file with --config FILE\n");
      return TG_EXIT_USAGE;
    }
    printf("%s: fine\n", path);
    return TG_EXIT_OK;
  }
  if (word_cnt == 2 && strcmp(word[0], "explain") == 0) {
    int err = tg_conf_explain(&conf, word[1], stdout, json);
    if (err == -TG_ENOTFOUND) {
      fprintf(stderr, "tickgate config explain: no setting '%s': `tickgate config show` lists them as section.key\n", word[1]);
      return TG_EXIT_USAGE;
    }
    return err == 0 ? TG_EXIT_OK : TG_EXIT_SPACE;
  }
  usage(stderr);
  return TG_EXIT_USAGE;
}

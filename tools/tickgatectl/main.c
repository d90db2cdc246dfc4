/* tickgatectl - asks a running engine and tells it what to do, over its control socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "tools/tickgatectl/ctl.h"

typedef struct verb_row {
  const char *word, *role, *args, *help;
} verb_row_t;

static const verb_row_t verb_rows[] = {
#define V(word, handler, role, verb, arg_kind, args, help) {word, #role, args, help},
#include "engine/cold/control.def"
#undef V
    {"top", "VIEWER", "", "a screen that refreshes each second"},
};

typedef struct options {
  char socket[1024];
  bool json, help;
  const char *word[16];
  size_t word_cnt;
} options_t;

static void print_row(FILE *out, const verb_row_t *row) {
  char call[64];
  snprintf(call, sizeof call, "%s %s", row->word, row->args);
  fprintf(out, "  %-22s %-9s %s\n", call, row->role, row->help);
}

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgatectl [--socket PATH | --run DIR] [--json] VERB [ARGUMENTS]\n"
          "  --socket PATH  the engine's control socket\n"
          "  --run DIR      its run directory (default run): DIR/control.sock\n"
          "  --json         the answer as one line of JSON\n"
          "verbs, and the role each needs:\n");
  for (size_t i = 0; i < TG_ARRAY_CNT(verb_rows); i++) print_row(out, &verb_rows[i]);
  fprintf(out,
          "exit codes: %d done, %d the engine refused or its outcome is unknown, %d unknown verb or argument, %d no engine "
          "answers\n",
          TG_EXIT_OK, TG_EXIT_DIFF, TG_EXIT_USAGE, TG_EXIT_VENUE);
}

/* Options of a verb that the engine takes as plain words. */
static const char *word_of(const char *arg) {
  static const char *const option[] = {"--drill", "--dry-run", "--yes"};
  for (size_t i = 0; i < TG_ARRAY_CNT(option); i++) {
    if (strcmp(arg, option[i]) == 0) return option[i] + 2;
  }
  return NULL;
}

static int parse(int argc, char **argv, options_t *options) {
  snprintf(options->socket, sizeof options->socket, "run/control.sock");
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    bool path = strcmp(arg, "--socket") == 0, run = strcmp(arg, "--run") == 0;
    if (path || run) {
      if (++i == argc) return -TG_EINVAL;
      int len = snprintf(options->socket, sizeof options->socket, "%s%s", argv[i], run ? "/control.sock" : "");
      if (len < 0 || (size_t)len >= sizeof options->socket) return -TG_EINVAL;
    } else if (strcmp(arg, "--json") == 0) {
      options->json = true;
    } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
      options->help = true;
    } else if (options->word_cnt > 0 && word_of(arg) && options->word_cnt < TG_ARRAY_CNT(options->word)) {
      options->word[options->word_cnt++] = word_of(arg);
    } else if (arg[0] == '-' || options->word_cnt == TG_ARRAY_CNT(options->word)) {
      return -TG_EINVAL;
    } else {
      options->word[options->word_cnt++] = arg;
    }
  }
  return 0;
}

/* Help of the verbs that begin with the words given; all of it without words. */
static int help(const options_t *options) {
  bool found = false;
  if (options->word_cnt == 0 || strcmp(options->word[0], "help") == 0) {
    usage(stdout);
    return TG_EXIT_OK;
  }
  for (size_t i = 0; i < TG_ARRAY_CNT(verb_rows); i++) {
    size_t len = strcspn(verb_rows[i].word, " ");
    if (strlen(options->word[0]) != len || strncmp(verb_rows[i].word, options->word[0], len) != 0) continue;
    print_row(stdout, &verb_rows[i]);
    found = true;
  }
  if (!found) fprintf(stderr, "tickgatectl: no such verb: %s\n", options->word[0]);
  return found ? TG_EXIT_OK : TG_EXIT_USAGE;
}

/* The request as JSON, so that blanks inside an argument stay inside it. */
static char *request_line(const options_t *options) {
  size_t used = 1;
  if (options->word_cnt > 1) {
    char two[256];
    int len = snprintf(two, sizeof two, "%s %s", options->word[0], options->word[1]);
    for (size_t i = 0; len > 0 && (size_t)len < sizeof two && i < TG_ARRAY_CNT(verb_rows); i++) {
      if (strcmp(two, verb_rows[i].word) == 0) used = 2;
    }
  }
  json_t *verb = used == 2 ? json_sprintf("%s %s", options->word[0], options->word[1]) : json_string(options->word[0]);
  json_t *args = json_array();
  for (size_t i = used; i < options->word_cnt; i++) json_array_append_new(args, json_string(options->word[i]));
  json_t *request = verb ? json_pack("{s:o,s:o}", "verb", verb, "args", args) : NULL;
  char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
  json_decref(request);
  return line;
}

static int run_verb(const options_t *options) {
  int exit_code = TG_EXIT_OK;
  int fd = ctl_connect(options->socket, &exit_code);
  if (fd < 0) return exit_code;
  char *line = request_line(options), *text = NULL;
  int rc = line ? ctl_exchange(fd, line, &text) : -TG_EINVAL;
  free(line);
  close(fd);
  json_t *answer = text ? json_loads(text, 0, NULL) : NULL;
  if (rc < 0 || !answer) {
    fprintf(stderr, "tickgatectl: %s: %s\n", options->socket, rc < 0 ? tg_err_text(rc) : "the answer is no JSON");
    free(text);
    return rc == -TG_EINVAL ? TG_EXIT_USAGE : TG_EXIT_VENUE;
  }
  if (options->json) {
    printf("%s\n", text);
  } else {
    ctl_show(answer);
  }
  exit_code = ctl_exit_code(answer);
  json_decref(answer);
  free(text);
  return exit_code;
}

int main(int argc, char **argv) {
  options_t options = {.word_cnt = 0};
  if (parse(argc, argv, &options) < 0) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  if (options.help || (options.word_cnt > 0 && strcmp(options.word[0], "help") == 0 && !options.json)) return help(&options);
  if (options.word_cnt == 0) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  if (strcmp(options.word[0], "top") == 0) return ctl_top(options.socket);
  return run_verb(&options);
}

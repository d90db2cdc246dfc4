#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/run/replay.h"
#include "tools/tickgate/verbs.h"

static void usage(FILE *out) {
  fprintf(
      out,
      "usage: tickgate replay TAPE [--topology fused|split] [--json]\n"
      "  TAPE is a run's tape directory or a segment file. Runs the core over the tape's inputs and compares every output.\n"
      "  --topology  fused: one thread; split: the core behind rings on a thread of its own (the digest must not differ)\n"
      "  exit 0 no difference, 1 a difference, 66 the tape cannot be read or is corrupt\n");
}

static void progress(void *user, uint64_t inputs, uint64_t ns) {
  (void)user;
  fprintf(stderr, "\r%llu inputs, %.2f million a second ", (unsigned long long)inputs,
          ns ? (double)inputs * 1e3 / (double)ns : 0.0);
}

static void print_msg(const char *title, const tg_msg_t *msg) {
  printf("  %-8s %s flags %02x instr %u ts %llu words", title, tg_msg_kind_name(msg->kind), (unsigned)msg->flags,
         (unsigned)msg->instr_idx, (unsigned long long)msg->ts_ns);
  for (int i = 0; i < 6; i++) printf(" %016llx", (unsigned long long)msg->u.word[i]);
  printf("\n");
}

static double rate(const tg_replay_result_t *r) {
  return r->core_ns ? (double)r->inputs * 1e9 / (double)r->core_ns : 0.0;
}

static void print_json(const tg_replay_result_t *r, const char *topology) {
  printf("{\"messages\":%llu,\"outputs\":%llu,\"differences\":%llu,", (unsigned long long)r->inputs,
         (unsigned long long)r->outputs, (unsigned long long)r->differences);
  if (r->differences) {
    printf("\"first_difference\":{\"record\":%llu,\"input\":\"%s\",\"expected\":\"%s\",\"got\":\"%s\"},",
           (unsigned long long)r->first.record_no, tg_msg_kind_name(r->first.input.kind),
           tg_msg_kind_name(r->first.expected.kind), tg_msg_kind_name(r->first.got.kind));
  } else {
    printf("\"first_difference\":null,");
  }
  printf("\"digest\":\"%s\",\"tape_digest\":\"%s\",\"truncated\":%s,\"topology\":\"%s\",\"messages_per_second\":%.0f}\n",
         r->digest, r->tape_digest, r->truncated ? "true" : "false", topology, rate(r));
}

static void print_text(const tg_replay_result_t *r) {
  printf("messages     %llu\noutputs      %llu\ndifferences  %llu\n", (unsigned long long)r->inputs,
         (unsigned long long)r->outputs, (unsigned long long)r->differences);
  if (r->differences) {
    printf("first difference at record %llu, led to by:\n", (unsigned long long)r->first.record_no);
    print_msg("input", &r->first.input);
    print_msg("tape", &r->first.expected);
    print_msg("core", &r->first.got);
  }
  if (r->truncated) printf("the tape stops without its end (a crash); what is there was compared\n");
  printf("digest       %s\nspeed        %.0f messages/s\n", r->digest, rate(r));
}

int tg_verb_replay(int argc, char **argv) {
  const char *path = NULL, *topology = "fused";
  bool json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      usage(stdout);
      return TG_EXIT_OK;
    }
    if (strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (strcmp(argv[i], "--topology") == 0 && i + 1 < argc) {
      topology = argv[++i];
    } else if (argv[i][0] != '-' && !path) {
      path = argv[i];
    } else {
      fprintf(stderr, "tickgate replay: '%s' is not an option here or lacks its value: see --help\n", argv[i]);
      return TG_EXIT_USAGE;
    }
  }
  bool split = strcmp(topology, "split") == 0;
  if (!path || (!split && strcmp(topology, "fused") != 0)) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  bool terminal = isatty(STDERR_FILENO);
  tg_replay_cfg_t cfg = {.split = split, .progress = terminal ? progress : NULL};
  static tg_replay_result_t result;
  char err_text[512];
  int err = tg_replay_run(path, &cfg, &result, err_text, sizeof err_text);
  if (terminal && result.inputs >= 0x10000) fputc('\n', stderr);
  if (err) {
    fprintf(stderr, "tickgate replay: %s\n", err_text);
    return err == -TG_ENOMEM ? TG_EXIT_MEMORY : TG_EXIT_DATA;
  }
  if (json)
    print_json(&result, topology);
  else
    print_text(&result);
  return result.differences ? TG_EXIT_DIFF : TG_EXIT_OK;
}

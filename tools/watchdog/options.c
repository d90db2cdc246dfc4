#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/watchdog/dog.h"

static void usage(FILE *out) {
  fprintf(
      out,
      "usage: tickgate-watchdog --run-dir DIR --symbols A,B --host HOST --port N --api-key-file F --hmac-file F [OPTIONS]\n"
      "  Watches the heartbeat page DIR/heartbeat of an engine. When its hot or its cold lane stops, when the process is gone\n"
      "  without a clean end, or at once with --now: writes the latch DIR/KILL, cancels every open order of ours (by client "
      "id\n"
      "  prefix, never a stranger's) over its own connection with its own key, lists again until the venue shows none, writes\n"
      "  an evidence bundle, and keeps looking. It reads no settings file. A clean stop of the engine makes it do nothing.\n"
      "  --run-dir DIR          the engine's run directory\n"
      "  --symbols A,B          instruments whose open orders are listed\n"
      "  --host HOST --port N   the venue's REST door (HTTPS)\n"
      "  --ca FILE              CA certificates in PEM (default: the system's)\n"
      "  --pin-sha256 LIST      SHA-256 (hex) of the venue's public key, comma separated, beside the CA (default: no pin)\n"
      "  --api-key-file FILE    API key, mode 0600, ours: a key of its own, not the engine's\n"
      "  --hmac-file FILE       its HMAC secret, mode 0600, ours\n"
      "  --mode sim|live        whose orders are ours: letter of the client id (default sim)\n"
      "  --bound-ms N           a lane silent for so long is dead (default 5000, at least 200)\n"
      "  --recv-window-ms N     recvWindow of signed requests (default 3000)\n"
      "  --now                  kill now, whatever the page says, and end when the venue shows none\n"
      "  --once                 end with the first engine: after its clean end, or once a kill is verified\n"
      "  --give-up-s N          with --now or --once: end after so long without proof (default 0: never)\n"
      "  --json                 the result as one line of JSON on standard output, with --now or --once\n"
      "  --log FILE             log there instead of to standard error\n"
      "exit codes: 0 the engine ended cleanly and nothing was done, or --now is through; 1 it fired, and the venue shows "
      "none;\n"
      "  2 usage; 4 a key file; 5 CA file or pin; 9 no proof within --give-up-s; 10 memory\n");
}

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
  char *end = NULL;
  if (text[0] < '0' || text[0] > '9') return false;
  uint64_t value = strtoull(text, &end, 10);
  if (*end != '\0' || value < min || value > max) return false;
  *out = value;
  return true;
}

static int split_symbols(dog_options_t *options, const char *text) {
  int n = snprintf(options->symbols_text, sizeof options->symbols_text, "%s", text);
  if (n < 0 || (size_t)n >= sizeof options->symbols_text) return -TG_ESIZE;
  char *at = options->symbols_text;
  while (*at) {
    size_t len = strcspn(at, ",");
    char *next = at[len] ? at + len + 1 : at + len;
    at[len] = '\0';
    if (len == 0 || len > TG_SYM_TEXT_MAX || strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len) return -TG_EINVAL;
    if (options->symbol_cnt == TG_BN_KILL_SCOPES) return -TG_EFULL;
    options->symbol[options->symbol_cnt++] = at;
    at = next;
  }
  return options->symbol_cnt ? 0 : -TG_EINVAL;
}

/* 1 taken, 0 not one of these, -1 a bad value. */
static int take_number(dog_options_t *options, const char *name, const char *value) {
  uint64_t port = 0;
  if (strcmp(name, "--port") == 0) {
    if (!number(value, 1, 65535, &port)) return -1;
    options->port = (uint16_t)port;
    return 1;
  }
  if (strcmp(name, "--bound-ms") == 0) return number(value, 200, 3600000, &options->bound_ms) ? 1 : -1;
  if (strcmp(name, "--give-up-s") == 0) return number(value, 0, 86400, &options->give_up_s) ? 1 : -1;
  if (strcmp(name, "--recv-window-ms") == 0) return number(value, 100, 60000, &options->recv_window_ms) ? 1 : -1;
  return 0;
}

static int take_text(dog_options_t *options, const char *name, const char *value) {
  const char **slot = strcmp(name, "--run-dir") == 0        ? &options->run_dir
                      : strcmp(name, "--host") == 0         ? &options->host
                      : strcmp(name, "--ca") == 0           ? &options->ca_file
                      : strcmp(name, "--pin-sha256") == 0   ? &options->pins
                      : strcmp(name, "--api-key-file") == 0 ? &options->api_key_file
                      : strcmp(name, "--hmac-file") == 0    ? &options->hmac_file
                      : strcmp(name, "--log") == 0          ? &options->log
                                                            : NULL;
  if (slot) {
    *slot = value;
    return 1;
  }
  if (strcmp(name, "--symbols") == 0) return split_symbols(options, value) == 0 ? 1 : -1;
  if (strcmp(name, "--mode") != 0) return 0;
  options->mode = strcmp(value, "sim") == 0 ? TG_MODE_SIM : strcmp(value, "live") == 0 ? TG_MODE_LIVE : TG_MODE_NONE;
  return options->mode != TG_MODE_NONE ? 1 : -1;
}

static const char *missing(const dog_options_t *options) {
  if (!options->run_dir) return "--run-dir";
  if (options->symbol_cnt == 0) return "--symbols";
  if (!options->host) return "--host";
  if (options->port == 0) return "--port";
  if (!options->api_key_file) return "--api-key-file";
  return options->hmac_file ? NULL : "--hmac-file";
}

int dog_options_parse(dog_options_t *options, int argc, char **argv) {
  *options = (dog_options_t){.mode = TG_MODE_SIM, .bound_ms = 5000, .recv_window_ms = 3000};
  for (int i = 1; i < argc; i++) {
    bool *flag = strcmp(argv[i], "--now") == 0    ? &options->now
                 : strcmp(argv[i], "--once") == 0 ? &options->once
                 : strcmp(argv[i], "--json") == 0 ? &options->json
                                                  : NULL;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      usage(stdout);
      return -1;
    }
    if (flag) {
      *flag = true;
      continue;
    }
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    int taken = value ? take_number(options, argv[i], value) : 0;
    if (value && taken == 0) taken = take_text(options, argv[i], value);
    if (taken == 0) {
      fprintf(stderr, "tickgate-watchdog: '%s' is not an option here or lacks its value: see --help\n", argv[i]);
      return TG_EXIT_USAGE;
    }
    if (taken < 0) {
      fprintf(stderr, "tickgate-watchdog: %s does not take '%s': see --help\n", argv[i], value);
      return TG_EXIT_USAGE;
    }
    i++;
  }
  const char *name = missing(options);
  if (!name) return 0;
  fprintf(stderr, "tickgate-watchdog: %s is missing: see --help\n", name);
  return TG_EXIT_USAGE;
}

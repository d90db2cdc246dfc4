/* tickgate check - settings, and with --live everything that must be in order before real money may move. It starts nothing and
 * changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/sha256.h"
#include "engine/cold/intents.h"
#include "engine/cold/store.h"
#include "engine/conf/conf.h"
#include "engine/msg/msg.h"
#include "tools/tickgate/verbs.h"

enum { TOKEN_HOURS_MAX = 24, PATH_BYTES = 1200 };

typedef struct preflight {
  const tg_conf_t *conf;
  const char *token; /* as typed, NULL none */
  time_t now_s;
  char account[9]; /* first 8 hex digits of the SHA-256 of the API key; "" unknown */
  unsigned denied, passed;
  json_t *list;
  bool json;
} preflight_t;

static void say(preflight_t *p, bool pass, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));

static void say(preflight_t *p, bool pass, const char *code, const char *format, ...) {
  char text[400];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (len < 0) text[0] = '\0';
  *(pass ? &p->passed : &p->denied) += 1;
  if (p->json) {
    json_array_append_new(p->list, json_pack("{s:s,s:s,s:s}", "code", code, "result", pass ? "PASS" : "DENY", "text", text));
  } else {
    printf("%s %-18s %s\n", pass ? "PASS" : "DENY", code, text);
  }
}

static const char *in_run_dir(const preflight_t *p, const char *name, char *buf, size_t cap) {
  int len = snprintf(buf, cap, "%s/%s", p->conf->engine_run_dir, name);
  return len > 0 && (size_t)len < cap ? buf : "";
}

/* ---- the three consents ---- */

static void check_consents(preflight_t *p) {
  bool live = p->conf->engine_mode + 1 == TG_MODE_LIVE;
  say(p, live, "MODE_NOT_LIVE", live ? "engine.mode = live" : "engine.mode is not live: the first consent");
  say(p, p->conf->engine_armed != 0, "NOT_ARMED",
      p->conf->engine_armed ? "engine.armed = true" : "engine.armed = false: the second consent");
  say(p, p->conf->engine_submit != 0, "NO_SUBMIT", "engine.submit = %s", p->conf->engine_submit ? "true" : "false");
}

/* ACCOUNT@UNIX_SECONDS. */
static void check_token(preflight_t *p) {
  const char *at = p->token ? strchr(p->token, '@') : NULL;
  if (!p->token) {
    say(p, false, "NO_TOKEN", "the third consent: --token ACCOUNT@UNIX_SECONDS, typed by a person, at most %d h ahead",
        TOKEN_HOURS_MAX);
    return;
  }
  char *end = NULL;
  errno = 0;
  long long until = at ? strtoll(at + 1, &end, 10) : 0;
  if (!at || errno != 0 || end == at + 1 || *end != '\0' || until <= 0) {
    say(p, false, "TOKEN_BAD", "a token is ACCOUNT@UNIX_SECONDS");
  } else if (p->account[0] == '\0') {
    say(p, false, "TOKEN_ACCOUNT", "the account is not known: its API key cannot be read");
  } else if ((size_t)(at - p->token) != strlen(p->account) || memcmp(p->token, p->account, strlen(p->account)) != 0) {
    say(p, false, "TOKEN_ACCOUNT", "the token names another account than %s", p->account);
  } else if (until <= (long long)p->now_s) {
    say(p, false, "TOKEN_EXPIRED", "the token expired %lld s ago", (long long)p->now_s - until);
  } else if (until > (long long)p->now_s + TOKEN_HOURS_MAX * 3600) {
    say(p, false, "TOKEN_TOO_LONG", "a token lasts at most %d h", TOKEN_HOURS_MAX);
  } else {
    say(p, true, "NO_TOKEN", "account %s, for another %lld s", p->account, until - (long long)p->now_s);
  }
}

/* ---- keys ---- */

static void check_key(preflight_t *p, const char *name, const char *path, bool needed) {
  char text[4096], why[512];
  if (path[0] == '\0') {
    if (needed) say(p, false, "KEY_FILE_UNSET", "%s is not set", name);
    return;
  }
  int len = tg_secret_read(path, text, sizeof text, why, sizeof why);
  if (len > 0 && strcmp(name, "venue.api_key_file") == 0) {
    uint8_t digest[TG_SHA256_BYTES];
    char hex[65];
    tg_sha256(text, (size_t)len, digest);
    tg_sha256_hex(digest, hex);
    memcpy(p->account, hex, sizeof p->account - 1);
  }
  tg_wipe(text, sizeof text);
  const char *code = len == -TG_ENOTFOUND ? "KEY_FILE_MISSING" : "KEY_FILE_MODE";
  say(p, len > 0, code, "%s: %s", name, len > 0 ? "readable, ours, mode 0600 or stricter" : why);
}

static void check_keys(preflight_t *p) {
  const tg_conf_t *conf = p->conf;
  check_key(p, "venue.api_key_file", conf->venue_api_key_file, true);
  check_key(p, "venue.hmac_secret_file", conf->venue_hmac_secret_file, true);
  check_key(p, "venue.ed25519_key_file", conf->venue_ed25519_key_file, false);
  check_key(p, "venue.ed25519_api_key_file", conf->venue_ed25519_api_key_file, false);
}

/* ---- limits: every number of section risk that 0 would leave unset ---- */

static bool is_limit(const tg_conf_row_t *row) {
  static const char *const others[] = {
      "collar_entry_bps", "collar_exit_bps",   "md_age_ms",       "session_age_ms", "clock_bound_ms", "rate_per_s",
      "rate_per_min",     "drawdown_session",  "drawdown_day",    "mark_age_ms",    "repeat_fills",   "repeat_entries",
      "repeat_window_ms", "reject_max",        "stop_bps",        "day_entries",    "day_qty",        "day_notional",
      "circuit_errors",   "circuit_window_ms", "circuit_open_ms", "loss_streak"};
  if (strcmp(row->section, "risk") != 0) return false;
  if (strncmp(row->key, "max_", 4) == 0) return true;
  for (size_t i = 0; i < TG_ARRAY_CNT(others); i++) {
    if (strcmp(row->key, others[i]) == 0) return true;
  }
  return false;
}

static void check_limits(preflight_t *p) {
  unsigned limits = 0, unset = 0;
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (!is_limit(row)) continue;
    limits++;
    if (tg_conf_number(p->conf, row) != 0) continue;
    unset++;
    say(p, false, "LIMIT_UNSET", "%s is 0: %s", row->name, row->text);
  }
  if (p->conf->intent_qty == 0) say(p, false, "LIMIT_UNSET", "intent.qty is 0: no order would pass bit 14");
  if (unset == 0) say(p, true, "LIMIT_UNSET", "%u limits are set", limits);
  bool inside = p->now_s >= p->conf->risk_window_from_s && p->now_s < p->conf->risk_window_until_s;
  say(p, inside, "OUTSIDE_WINDOW", "risk.window_from_s .. window_until_s %s this instant", inside ? "holds" : "does not hold");
  say(p, p->conf->venue_symbols[0] != '\0', "ALLOWLIST_EMPTY", "venue.symbols: %s",
      p->conf->venue_symbols[0] ? p->conf->venue_symbols : "none: nothing may be traded");
}

/* ---- the venue and this host ---- */

static bool is_local(const char *host) {
  return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void check_venue(preflight_t *p) {
  const tg_conf_t *conf = p->conf;
  bool local = is_local(conf->venue_rest_host) || is_local(conf->venue_stream_host) || is_local(conf->venue_trade_host);
  say(p, !local, "VENUE_IS_LOCAL", "%s", local ? "a host of section venue is this machine" : conf->venue_rest_host);
  say(p, conf->venue_pin_sha256[0] != '\0', "NO_PIN", "venue.pin_sha256 is %sset", conf->venue_pin_sha256[0] ? "" : "not ");
  say(p, conf->venue_countdown_ms != 0, "COUNTDOWN_OFF", "venue.countdown_ms = %" PRId64 ": the venue's dead-man timer",
      conf->venue_countdown_ms);
}

static void check_clock(preflight_t *p) {
  struct timex tx = {0};
  int state = adjtimex(&tx);
  int64_t error_ms = tx.maxerror / 1000;
  bool synced = state >= 0 && state != TIME_ERROR && !(tx.status & STA_UNSYNC);
  if (!synced) {
    say(p, false, "CLOCK_UNSYNCED", "the kernel's clock is not kept by NTP or PTP");
    return;
  }
  say(p, error_ms <= p->conf->risk_clock_bound_ms, "CLOCK_ERROR", "at most %" PRId64 " ms off, bound %" PRId64 " ms", error_ms,
      p->conf->risk_clock_bound_ms);
}

static void check_host(preflight_t *p) {
  const tg_conf_t *conf = p->conf;
  bool root = geteuid() == 0 && conf->sandbox_user[0] == '\0';
  say(p, !root, "RUNS_AS_ROOT", "%s", root ? "root, and sandbox.user is empty" : "not root after the start");
  say(p, conf->sandbox_enabled != 0, "SANDBOX_OFF", "sandbox.enabled = %s", conf->sandbox_enabled ? "true" : "false");
  say(p, conf->control_dual_control != 0, "DUAL_CONTROL_OFF", "control.dual_control = %s",
      conf->control_dual_control ? "true" : "false: one person alone may loosen");
  say(p, conf->tape_enabled != 0, "TAPE_OFF", "tape.enabled = %s", conf->tape_enabled ? "true" : "false");
  struct statvfs room;
  if (statvfs(conf->engine_run_dir, &room) != 0) {
    say(p, false, "RUN_DIR", "%s: %s", conf->engine_run_dir, strerror(errno));
    return;
  }
  bool writable = access(conf->engine_run_dir, W_OK | X_OK) == 0;
  say(p, writable, "RUN_DIR", "%s is %swritable", conf->engine_run_dir, writable ? "" : "not ");
  uint64_t free_mb = (uint64_t)room.f_bavail * room.f_frsize >> 20;
  say(p, free_mb > (uint64_t)conf->tape_low_water_mb, "DISK_LOW", "%" PRIu64 " MB left, low water %" PRId64 " MB", free_mb,
      conf->tape_low_water_mb);
}

/* ---- what former runs left ---- */

static void check_epoch(preflight_t *p) {
  char path[PATH_BYTES], why[512];
  if (!p->conf->store_enabled) {
    say(p, false, "EPOCH_STORE", "store.enabled = false: epochs would not be remembered");
    return;
  }
  tg_store_t *store = NULL;
  int err = tg_store_open_read(&store, in_run_dir(p, "store.sqlite", path, sizeof path), why, sizeof why);
  if (err == -TG_ENOTFOUND) {
    say(p, true, "EPOCH_STORE", "no former run here");
    return;
  }
  if (err) {
    say(p, false, "EPOCH_STORE", "%s", why);
    return;
  }
  say(p, true, "EPOCH_STORE", "the last run's epoch is %" PRIu64, tg_store_epoch(store));
  if (tg_store_close(store) != 0) say(p, false, "EPOCH_STORE", "the store was not readable to its end");
}

static void check_kill(preflight_t *p) {
  char path[PATH_BYTES];
  bool set = access(in_run_dir(p, "KILL", path, sizeof path), F_OK) == 0;
  say(p, !set, "KILL_LATCH_SET", "%s", set ? "the file KILL lies in the run directory" : "no kill latch");
}

static void first_diff(void *user, const tg_intents_diff_t *diff) {
  char *text = user;
  if (text[0] == '\0')
    snprintf(text, TG_INTENTS_TEXT_BYTES + 64, "line %" PRIu64 ": %s: %s", diff->line, diff->what, diff->text);
}

static void check_stuck(preflight_t *p, uint64_t *open_cnt) {
  enum { ROWS = 1000 };
  char why[512];
  tg_intents_cfg_t cfg = {.dir = p->conf->engine_run_dir, .journal = false};
  tg_intents_t *intents;
  if (tg_intents_open(&intents, &cfg, why, sizeof why) != 0) {
    say(p, false, "INTENTS_STORE", "%s", why);
    return;
  }
  tg_intent_row_t *row = calloc(ROWS, sizeof *row);
  int64_t cnt = row ? tg_intents_list(intents, TG_TICKET_EXECUTING, row, ROWS) : -TG_ENOMEM;
  uint64_t stuck = 0;
  for (int64_t i = 0; i < cnt; i++) stuck += row[i].stuck;
  free(row);
  *open_cnt = cnt > 0 ? (uint64_t)cnt : 0;
  say(p, cnt >= 0 && stuck == 0, "INTENTS_STUCK", "%" PRIu64 " stuck of %" PRIu64 " executing", stuck, *open_cnt);
  if (tg_intents_close(intents) != 0) say(p, false, "INTENTS_STORE", "the store of intents was not readable to its end");
}

static void check_intents(preflight_t *p) {
  char path[PATH_BYTES], text[TG_INTENTS_TEXT_BYTES + 64] = "";
  if (access(in_run_dir(p, "intents.sqlite", path, sizeof path), F_OK) != 0) {
    say(p, true, "INTENTS_STUCK", "no intents of former runs");
    return;
  }
  tg_intents_recon_t recon;
  int err = tg_intents_reconcile(p->conf->engine_run_dir, first_diff, text, &recon);
  if (err) {
    say(p, false, "INTENTS_STORE", "%s", tg_err_text(err));
    return;
  }
  say(p, recon.diffs == 0, "INTENTS_DIFFER", "%" PRIu64 " line(s), %" PRIu64 " intent(s), %" PRIu64 " difference(s)%s%s",
      recon.lines, recon.intents, recon.diffs, text[0] ? ": " : "", text);
  uint64_t open_cnt;
  check_stuck(p, &open_cnt);
}

/* ---- the verb ---- */

static int preflight(const tg_conf_t *conf, const char *token, bool json) {
  preflight_t p = {.conf = conf, .token = token, .now_s = time(NULL), .json = json, .list = json_array()};
  check_consents(&p);
  check_keys(&p);
  check_token(&p);
  check_limits(&p);
  check_venue(&p);
  check_clock(&p);
  check_host(&p);
  check_epoch(&p);
  check_kill(&p);
  check_intents(&p);
  say(&p, false, "LIVE_NOT_BUILT", "this version has no live mode: it denies whatever the rest says");
  if (json) {
    json_t *answer = json_pack("{s:b,s:s,s:s,s:i,s:i,s:O}", "ok", p.denied == 0, "check", "live", "account", p.account,
                               "denied", (int)p.denied, "passed", (int)p.passed, "checks", p.list);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    printf("%s\n", text ? text : "{\"ok\":false}");
    free(text);
    json_decref(answer);
  } else {
    printf("account %s; %u passed, %u denied\n", p.account[0] ? p.account : "unknown", p.passed, p.denied);
  }
  json_decref(p.list);
  return p.denied ? TG_EXIT_DENIED : TG_EXIT_OK;
}

static void usage(FILE *out) {
  fprintf(
      out,
      "usage: tickgate check [--json] SETTINGS                  refuse what a run would refuse\n"
      "       tickgate check --live [--token ACCOUNT@UNIX_SECONDS] [--json] SETTINGS\n"
      "  --live   what must be in order before real money may move: a line each, PASS or DENY with its code; starts nothing.\n"
      "           This version has no live mode: the last line always denies (LIVE_NOT_BUILT), exit code %d\n"
      "  --token  the typed consent: the account as this check prints it, and until when, at most %d h ahead\n"
      "  --json   one JSON document\n",
      TG_EXIT_DENIED, TOKEN_HOURS_MAX);
}

int tg_verb_check(int argc, char **argv) {
  const char *path = NULL, *token = NULL;
  bool live = false, json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--live") == 0) {
      live = true;
    } else if (strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (strcmp(argv[i], "--token") == 0 && i + 1 < argc) {
      token = argv[++i];
    } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc && !path) {
      path = argv[++i];
    } else if (strcmp(argv[i], "--help") == 0) {
      usage(stdout);
      return TG_EXIT_OK;
    } else if (argv[i][0] != '-' && !path) {
      path = argv[i];
    } else {
      fprintf(stderr, "tickgate check: '%s' is not an option here: see `tickgate check --help`\n", argv[i]);
      return TG_EXIT_USAGE;
    }
  }
  if (!path || (token && !live)) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  static tg_conf_t conf;
  char err_text[TG_CONF_ERR_BYTES];
  if (tg_conf_load(&conf, path, err_text, sizeof err_text) != 0) {
    fprintf(stderr, "tickgate check: %s\n", err_text);
    return TG_EXIT_CONFIG;
  }
  if (live) return preflight(&conf, token, json);
  if (json) {
    printf("{\"ok\":true,\"check\":\"settings\"}\n");
  } else {
    printf("%s: fine\n", path);
  }
  return TG_EXIT_OK;
}

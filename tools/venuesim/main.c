/* main.c - venuesim: command line, start, stop.
 * Errors: exit codes 0 ok, 2 usage, 3 bad keys / certificate / key file, 7 port in use, 66 recording missing or unreadable;
 *         each with one line on stderr that says what, where and what to do. */
#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 3 };

static volatile int stop_flag;
static struct lws_context *stop_context;

static void on_signal(int sig) {
  (void)sig;
  stop_flag = 1;
  if (stop_context != NULL) {
    lws_cancel_service(stop_context);
  }
}

static const char help_text[] =
    "venuesim - a simulated Binance USDT-M futures venue (TLS: REST, market streams, user stream, ws-api)\n"
    "usage: venuesim --cert FILE --key FILE --keys FILE (--synthetic SEED | --replay FILE [FILE...]) [options]\n"
    "  --listen ADDR            IPv4 address to listen on (127.0.0.1)\n"
    "  --port N                 port; 0 takes a free one (0)\n"
    "  --cert FILE --key FILE   TLS certificate chain and private key, PEM\n"
    "  --keys FILE              API keys, JSON: "
    "[{\"apiKey\",\"type\":\"hmac\",\"secret\"},{\"apiKey\",\"type\":\"ed25519\",\"publicKeyPem\"}]\n"
    "  --synthetic SEED         seeded order flow\n"
    "  --replay FILE...         recorded flow: gz text, \"<receive time> <frame>\" a line, with a depth snapshot in it\n"
    "  --speed N                time factor of the flow, 0.01..1000 (1)\n"
    "  --symbol NAME            BTCUSDT or ETHUSDT (BTCUSDT)\n"
    "  --balance N              USDT in the account at the start (10000)\n"
    "  --limits N               rate limits N times the venue's (1)\n"
    "  --seconds N              stop after N seconds (3600)\n"
    "  --ready FILE             written when listening: {\"port\":N,\"pid\":N}\n"
    "  --report FILE            written on exit: position, orders, P&L, counters\n"
    "  --die-with-parent        stop when the parent process ends\n"
    "  --funding-interval-s N   funding every N seconds (28800)\n"
    "  --listen-key-life-s N    listen key life (3600)\n"
    "  --script FILE            faults by script (docs/venuesim.md, Faults)\n"
    "  --faults MIX             random faults: light, heavy, or NAME=PERCENT,...\n"
    "  --seed N                 seed of the random faults (the flow's seed)\n"
    "  --quiet                  no status line\n"
    "exit codes: 0 ok, 2 usage, 3 bad keys, certificate or key file, 7 port in use, 66 recording missing or unreadable\n";

static int usage(const char *what, const char *arg) {
  (void)fprintf(stderr, "venuesim: %s%s%s; see venuesim --help\n", what, arg != NULL ? ": " : "", arg != NULL ? arg : "");
  return EXIT_USAGE;
}

enum {
  O_LISTEN = 1,
  O_PORT,
  O_CERT,
  O_KEY,
  O_KEYS,
  O_SYNTH,
  O_REPLAY,
  O_SPEED,
  O_SYMBOL,
  O_BALANCE,
  O_LIMITS,
  O_SECONDS,
  O_READY,
  O_REPORT,
  O_PARENT,
  O_FUNDING,
  O_LISTEN_KEY,
  O_QUIET,
  O_SCRIPT,
  O_FAULTS,
  O_SEED,
  O_HELP
};

static const struct option long_options[] = {{"listen", 1, NULL, O_LISTEN},
                                             {"port", 1, NULL, O_PORT},
                                             {"cert", 1, NULL, O_CERT},
                                             {"key", 1, NULL, O_KEY},
                                             {"keys", 1, NULL, O_KEYS},
                                             {"synthetic", 1, NULL, O_SYNTH},
                                             {"replay", 1, NULL, O_REPLAY},
                                             {"speed", 1, NULL, O_SPEED},
                                             {"symbol", 1, NULL, O_SYMBOL},
                                             {"balance", 1, NULL, O_BALANCE},
                                             {"limits", 1, NULL, O_LIMITS},
                                             {"seconds", 1, NULL, O_SECONDS},
                                             {"ready", 1, NULL, O_READY},
                                             {"report", 1, NULL, O_REPORT},
                                             {"die-with-parent", 0, NULL, O_PARENT},
                                             {"funding-interval-s", 1, NULL, O_FUNDING},
                                             {"listen-key-life-s", 1, NULL, O_LISTEN_KEY},
                                             {"quiet", 0, NULL, O_QUIET},
                                             {"script", 1, NULL, O_SCRIPT},
                                             {"faults", 1, NULL, O_FAULTS},
                                             {"seed", 1, NULL, O_SEED},
                                             {"help", 0, NULL, O_HELP},
                                             {NULL, 0, NULL, 0}};

static bool number(const char *text, int64_t min, int64_t max, int64_t *out) {
  return vs_int_parse(text, out) == 0 && *out >= min && *out <= max;
}

static bool seed_number(const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  *out = strtoull(text, &end, 0);
  return errno == 0 && *text != '\0' && *text != '-' && *end == '\0';
}

static bool speed_number(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  return *text != '\0' && *end == '\0' && *out >= 0.01 && *out <= 1000.0;
}

/* Where an option that is any text goes, or NULL. */
static const char **text_option(vs_opts *o, int opt) {
  switch (opt) {
    case O_LISTEN:
      return &o->listen;
    case O_CERT:
      return &o->cert;
    case O_KEY:
      return &o->key;
    case O_KEYS:
      return &o->keys;
    case O_SYMBOL:
      return &o->symbol;
    case O_READY:
      return &o->ready;
    case O_REPORT:
      return &o->report;
    case O_SCRIPT:
      return &o->script;
    case O_FAULTS:
      return &o->faults;
    default:
      return NULL;
  }
}

/* One option. Returns 0, or an exit code after its line. */
static int set_option(vs_opts *o, int opt, const char *arg) {
  int64_t n = 0;
  bool ok = true;
  const char **text = text_option(o, opt);
  if (text != NULL) {
    *text = arg;
    return 0;
  }
  switch (opt) {
    case O_PARENT:
      o->die_with_parent = true;
      break;
    case O_QUIET:
      o->quiet = true;
      break;
    case O_SEED:
      o->has_fault_seed = true;
      ok = seed_number(arg, &o->fault_seed);
      break;
    case O_PORT:
      ok = number(arg, 0, 65535, &n);
      o->port = (int)n;
      break;
    case O_SYNTH:
      o->synthetic = true;
      ok = seed_number(arg, &o->seed);
      break;
    case O_SPEED:
      ok = speed_number(arg, &o->speed);
      break;
    case O_BALANCE:
      ok = vs_dec_parse(arg, &o->balance, NULL) == 0 && o->balance > 0 && o->balance <= 1000000000 * VS_E8;
      break;
    case O_LIMITS:
      ok = number(arg, 1, 1000, &o->limits);
      break;
    case O_SECONDS:
      ok = number(arg, 1, 86400 * 7, &o->seconds);
      break;
    case O_FUNDING:
      ok = number(arg, 1, 86400, &o->funding_s);
      break;
    case O_LISTEN_KEY:
      ok = number(arg, 1, 86400, &o->listen_key_s);
      break;
    default:
      return EXIT_USAGE; /* getopt has printed */
  }
  return ok ? 0 : usage("bad value for an option", arg);
}

static int parse(vs_opts *o, int argc, char **argv) {
  *o = (vs_opts){.listen = "127.0.0.1",
                 .symbol = "BTCUSDT",
                 .speed = 1.0,
                 .balance = 10000 * VS_E8,
                 .limits = 1,
                 .seconds = 3600,
                 .funding_s = 28800,
                 .listen_key_s = 3600};
  o->replay = vs_alloc((size_t)argc + 1, sizeof *o->replay);
  opterr = 0;
  int opt;
  while ((opt = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
    if (opt == O_HELP) {
      (void)fputs(help_text, stdout);
      exit(0);
    }
    if (opt == '?') {
      return usage("unknown option or missing value", argv[optind - 1]);
    }
    if (opt == O_REPLAY) {
      o->replay[o->replay_cnt++] = optarg;
      while (optind < argc && strncmp(argv[optind], "--", 2) != 0) {
        o->replay[o->replay_cnt++] = argv[optind++];
      }
      continue;
    }
    int rc = set_option(o, opt, optarg);
    if (rc != 0) {
      return rc;
    }
  }
  if (optind < argc) {
    return usage("unexpected argument", argv[optind]);
  }
  if (o->cert == NULL || o->key == NULL || o->keys == NULL) {
    return usage("--cert, --key and --keys are needed", NULL);
  }
  if (o->synthetic == (o->replay_cnt > 0)) {
    return usage("give either --synthetic SEED or --replay FILE", NULL);
  }
  return 0;
}

static int check_pem(const char *cert, const char *key) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  const char *bad = NULL;
  if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
    bad = cert;
  } else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    bad = key;
  }
  if (bad != NULL) {
    (void)fprintf(stderr, "venuesim: cannot use %s: %s; need a PEM certificate and its own private key\n", bad,
                  ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
  }
  SSL_CTX_free(ctx);
  return bad != NULL ? EXIT_CONFIG : 0;
}

static void stop_timer(vs_timer *sul) {
  (void)sul;
  stop_flag = 1;
}

static void status_line(vs_timer *sul);
static vs_timer stop_sul;
static struct {
  vs_timer sul;
  vs_venue *v;
} status;

static void status_line(vs_timer *sul) {
  vs_venue *v = status.v;
  (void)fprintf(stderr, "venuesim: mid %s, %d open, %lld fills, position %s, %lld requests, %lld frames\n",
                vs_d(vs_feed_mid(v), v->sym->px_dec), v->open_cnt, (long long)v->acct.fills,
                vs_d(v->acct.pos_qty, v->sym->qty_dec), (long long)v->requests, (long long)v->frames_sent);
  vs_timer_set(sul, status_line, 10000000);
}

static int set_up(vs_venue *v) {
  char err[256];
  v->sym = vs_symbol_find(v->opt.symbol);
  if (v->sym == NULL) {
    return usage("--symbol must be BTCUSDT or ETHUSDT", v->opt.symbol);
  }
  if (vs_keys_load(v, v->opt.keys, err, sizeof err) != 0) {
    (void)fprintf(stderr, "venuesim: cannot use --keys %s: %s\n", v->opt.keys, err);
    return EXIT_CONFIG;
  }
  v->rules = (vs_rules){.tick = v->sym->tick,
                        .step = v->sym->step,
                        .qty_min = v->sym->qty_min,
                        .notional_min = v->sym->notional_min,
                        .status = "TRADING"};
  int rc = v->opt.script != NULL ? vs_script_load(v, v->opt.script) : 0;
  rc = rc == 0 && v->opt.faults != NULL ? vs_script_mix(v, v->opt.faults) : rc;
  rc = rc == 0 ? check_pem(v->opt.cert, v->opt.key) : rc;
  if (rc != 0) {
    return rc;
  }
  v->acct.wallet = v->opt.balance;
  v->acct.leverage = 20;
  v->acct.wallet_t = vs_now_ms();
  v->stop = &stop_flag;
  vs_buf_init(&v->defer_text, 4u << 20);
  vs_buf_init(&v->scratch, 1u << 20);
  vs_buf_init(&v->reply, VS_REPLY_BYTES);
  vs_feed_init(v, v->opt.seed);
  vs_book_init(&v->book, vs_feed_level, v);
  vs_orders_init(v);
  if (v->opt.synthetic) {
    vs_synth_open(v);
    return 0;
  }
  return vs_replay_open(v);
}

static void start(vs_venue *v) {
  vs_faults_start(v);
  vs_feed_start(v);
  if (v->synth != NULL) {
    vs_synth_start(v);
  } else {
    vs_replay_start(v);
  }
  vs_timer_set(&stop_sul, stop_timer, v->opt.seconds * 1000000);
  if (!v->opt.quiet && isatty(STDERR_FILENO)) {
    status.v = v;
    vs_timer_set(&status.sul, status_line, 10000000);
  }
}

static void tear_down(vs_venue *v) {
  stop_context = NULL;
  vs_server_stop(v);
  if (v->order != NULL) {
    vs_feed_free(v);
    vs_book_free(&v->book);
  }
  vs_faults_free(v);
  vs_synth_free(v);
  vs_replay_free(v);
  vs_keys_free(v);
  vs_buf_free(&v->defer_text);
  vs_buf_free(&v->scratch);
  vs_buf_free(&v->reply);
  free(v->order);
  free(v->fill);
  free(v->income);
  free(v->amend);
  free(v->algo);
  free(v->opt.replay);
}

int main(int argc, char **argv) {
  static vs_venue venue;
  vs_venue *v = &venue;
  int rc = parse(&v->opt, argc, argv);
  if (rc != 0) {
    free(v->opt.replay);
    return rc;
  }
  if (v->opt.die_with_parent) {
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || parent == 1) {
      (void)fprintf(stderr, "venuesim: --die-with-parent: the parent is gone already\n");
      free(v->opt.replay);
      return EXIT_USAGE;
    }
  }
  lws_set_log_level(0, NULL);
  struct sigaction sa = {.sa_handler = on_signal};
  (void)sigaction(SIGTERM, &sa, NULL);
  (void)sigaction(SIGINT, &sa, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
  rc = set_up(v);
  rc = rc == 0 ? vs_server_start(v) : rc;
  if (rc == 0) {
    stop_context = v->lws;
    start(v);
    vs_server_run(v);
    if (v->opt.report != NULL && vs_report_write(v, v->opt.report) != 0) {
      rc = EXIT_CONFIG;
    }
  }
  tear_down(v);
  return rc;
}

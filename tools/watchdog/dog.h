/* dog.h - the watchdog's parts.
 * What:    options.c reads the command line; venue.c is a connection of its own to the venue's REST door with the kill's
 * machine on it; watch.c judges the heartbeat page; main.c turns them. Owner:   one dog_venue_t a process; secrets are wiped by
 * dog_venue_close. Threads: one (net/ keeps a thread for name look-ups). Limit:   TG_BN_KILL_SCOPES symbols. Errors:  exit
 * codes of engine/base/exit.def. */
#ifndef TG_TOOLS_WATCHDOG_DOG_H
#define TG_TOOLS_WATCHDOG_DOG_H

#include "codecs/bn_rest.h"
#include "engine/base/arena.h"
#include "engine/run/heartbeat.h"
#include "engine/venue/bn_kill.h"
#include "net/http.h"

typedef struct dog_options {
  const char *run_dir, *host, *ca_file, *pins, *api_key_file, *hmac_file, *log;
  uint16_t port;
  tg_mode_t mode;
  uint64_t bound_ms, give_up_s, recv_window_ms;
  bool now, once, json;
  char symbols_text[1024];
  const char *symbol[TG_BN_KILL_SCOPES];
  uint32_t symbol_cnt;
} dog_options_t;

/* 0; -1 help was printed; else an exit code, the reason is on standard error. */
int dog_options_parse(dog_options_t *options, int argc, char **argv);

typedef struct dog_venue {
  const dog_options_t *options;
  tg_arena_t arena;
  tg_io_t io;
  tg_netcold_t *net;
  tg_tls_t *tls;
  tg_http_t *http;
  char key_header[320];
  tg_hmac_key_t hmac;
  tg_bn_kill_t kill;
  tg_rate_t rate; /* pause_until_ns: nothing before it */
  int64_t offset_ms;
  uint64_t time_next_ns, time_failed, time_good, now_ns;
  bool time_asked;
} dog_venue_t;

uint64_t dog_now_ns(void);
/* 0 or an exit code with err_text. */
int dog_venue_open(dog_venue_t *venue, const dog_options_t *options, char *err_text, size_t err_cap);
void dog_venue_close(dog_venue_t *venue);
/* Moves bytes, asks for the time now and then, turns the kill's machine; waits up to wait_ns for something to happen. */
void dog_venue_turn(dog_venue_t *venue, uint64_t wait_ns);

/* What the page says. */
typedef enum dog_verdict {
  DOG_WAIT,  /* no engine, or one that ended cleanly and was not watched */
  DOG_GOOD,  /* it beats */
  DOG_CLEAN, /* the watched engine ended cleanly */
  DOG_FIRE   /* reason says why */
} dog_verdict_t;

typedef struct dog_watch {
  const char *run_dir;
  uint64_t bound_ns;
  tg_beat_seen_t seen;
  bool have;  /* seen is of an engine */
  bool fired; /* for this engine */
  int page_err;
  uint64_t hot_ns, cold_ns, last_ns, both_since_ns; /* on our own clock */
  char reason[96];
} dog_watch_t;

void dog_watch_init(dog_watch_t *watch, const char *run_dir, uint64_t bound_ms);
dog_verdict_t dog_watch_look(dog_watch_t *watch, uint64_t now_ns);
/* The engine that was fired at beats again, for longer than the bound. */
bool dog_watch_back(const dog_watch_t *watch, uint64_t now_ns);

#endif

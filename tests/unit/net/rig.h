/* rig.h - a cold and a hot io in one thread, a dialler and a hot session, with what they were told. */
#ifndef TEST_NET_RIG_H
#define TEST_NET_RIG_H

#include "net/conn.h"
#include "net/dial.h"
#include "peer.h"

enum { RIG_LOG_BYTES = 1 << 20 };

typedef struct rig {
  tg_arena_t arena;
  tg_clock_t clock;
  tg_io_t cold_io, hot_io;
  tg_netcold_t *net;
  tg_tls_t *tls;
  tg_dial_t *dial;
  tg_conn_t conn;
  tg_handoff_t *handoff;
  /* told by the dialler */
  int opens, detaches, dial_closes, dial_err;
  char dial_reason[256];
  char dial_log[4096]; /* messages, each followed by | */
  bool detach_on_open;
  int detach_after; /* messages; 0 = never */
  int dial_messages;
  bool detach_retry;
  /* told by the hot session */
  int messages, conn_closes, conn_err;
  uint64_t last_rx_ns;
  char *log; /* messages, each followed by | */
  size_t log_len;
  bool echo;
  bool hot_here; /* rig_turn turns the hot io too */
} rig_t;

/* ca: NULL = the test CA. */
rig_t *rig_new(const char *ca);
/* The same, but the hot io is left for another thread to enable. */
rig_t *rig_new_cold(const char *ca);
void rig_free(rig_t *rig);
/* Engine time: CLOCK_MONOTONIC, ns. */
uint64_t rig_now(void);
/* One turn of everything. */
void rig_turn(rig_t *rig);
/* Turns until *flag >= value; false after 20 s. */
bool rig_until(rig_t *rig, const int *flag, int value);
int rig_dial(rig_t *rig, const char *host, uint16_t port, bool tls);
/* Takes the session (detached) and gives it to the hot one. */
int rig_adopt(rig_t *rig);

#endif

/* venue_peer.h - a small venue on loopback for tests of the cold lane: HTTPS and WebSocket over TLS, a thread a connection.
 * What:    answers the start-up's requests as a healthy venue would; vp_answer_with changes single answers. It trades nothing.
 * Owner:   vp_start .. vp_stop.
 * Threads: its own; the calls below from the test's. */
#ifndef TEST_VENUE_PEER_H
#define TEST_VENUE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/net/certs.h"

typedef struct vp vp_t;

typedef struct vp_rule {
  const char *what;    /* "GET /fapi/v1/time": beginning of "METHOD target" */
  int status;          /* 0: the connection ends without an answer; -1: no answer, it stays open */
  const char *headers; /* extra lines, each with \r\n; NULL none */
  const char *body;
  int times; /* so often, then the next rule or the healthy answer; 0 = always */
} vp_rule_t;

vp_t *vp_start(enum leaf_kind leaf);
void vp_stop(vp_t *vp);
uint16_t vp_port(const vp_t *vp);
/* The newest rule that fits wins. Strings outlive the peer. */
void vp_answer_with(vp_t *vp, vp_rule_t rule);
/* Answer to session.logon; NULL: none. */
void vp_logon_with(vp_t *vp, const char *text);
/* Requests seen that begin so ("WS /path" for upgrades); the last one is copied to `last` when that is given. */
int vp_seen(vp_t *vp, const char *what, char *last, size_t cap);
/* A port where nobody listens. */
uint16_t vp_closed_port(void);

#endif

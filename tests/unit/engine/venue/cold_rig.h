/* cold_rig.h - the venue's cold side in one thread, with what it told the core and the hot stages. Time can be moved on.
 * Owner: cold_new .. cold_free. Threads: the test's. */
#ifndef TEST_VENUE_COLD_RIG_H
#define TEST_VENUE_COLD_RIG_H

#include "engine/venue/bn_cold.h"
#include "venue_peer.h"

enum { COLD_MSGS = 8192 };

typedef struct cold_rig {
  tg_arena_t arena;
  tg_io_t io;
  tg_netcold_t *net;
  tg_conf_t conf;
  tg_bn_secrets_t secrets;
  tg_bn_cold_t *bn;
  vp_t *venue;
  uint64_t shift_ns; /* added to the clock */
  bool hot_alive;
  bool hot_deaf; /* hand-overs are not answered */
  int core_err;  /* what the core's ring says */
  tg_msg_t *core;
  int core_cnt;
  tg_msg_t ctl[256]; /* CTL_* to both hot stages */
  int ctl_cnt, ctl_done;
  int parts[8], failures, fail_err, fail_status; /* account: rows' calls per want bit; failures */
  uint32_t part_rows[8];
  void (*account_part)(void *user, uint32_t want_bit, const tg_msg_t *msg, uint32_t cnt,
                       int dual_side); /* beside it; may be NULL */
  int ups[16];                         /* session_up by session */
  uint64_t limit_ns;
} cold_rig_t;

/* With a running venue, or (NULL) with nobody on `port`. Nothing is opened yet: change rig->conf, then cold_open. */
cold_rig_t *cold_new(vp_t *venue, uint16_t port);
void cold_open(cold_rig_t *rig);
void cold_free(cold_rig_t *rig);
uint64_t cold_now(const cold_rig_t *rig);
void cold_turn(cold_rig_t *rig);
/* `cnt` turns of at most 200 us. */
void cold_turns(cold_rig_t *rig, int cnt);
/* while (cold_wait(rig, done)): turns until done; fails the test after 20 s. */
bool cold_wait(cold_rig_t *rig, bool done, const char *what);
#define COLD_UNTIL(rig, condition) \
  do { \
    (rig)->limit_ns = 0; \
    while (cold_wait(rig, condition, #condition)) cold_turn(rig); \
  } while (0)
/* Until the start-up is through and all four sessions are up. */
void cold_up(cold_rig_t *rig);
/* Messages of a kind told to the core; the last one. */
int cold_told(const cold_rig_t *rig, tg_msg_kind_t kind, const tg_msg_t **last);
/* A message of the journal. */
void cold_journal(cold_rig_t *rig, const tg_msg_t *msg);
/* A hot lane's word about a session. */
void cold_link(cold_rig_t *rig, tg_session_t session, uint32_t gen, bool up, uint8_t reason);
/* Last CTL_ADOPT of a session; NULL none. */
const tg_msg_t *cold_adopted(const cold_rig_t *rig, tg_session_t session, int *cnt);
/* Exit code of the failed start, and its line. */
int cold_fatal(cold_rig_t *rig, const char **text);

#endif

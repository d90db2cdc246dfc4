/* hot_session.h - one session of a venue on a hot lane, replaced without a gap.
 * What:    two connection slots. CTL_ADOPT puts a finished session into the free slot; it becomes the current one at
 *          once and the former is closed behind it (make before break). Every change is told to the core and, through the
 *          journal, to the cold lane, by LINK messages: up with a new generation, down with a reason, and once a second
 *          "still up" with the time of the last byte received.
 * Owner:   the stage that embeds it; memory from its layout.
 * Threads: the stage's lane.
 * Limit:   2 slots; a CTL_ADOPT while both are taken closes the older at once.
 * Errors:  a ring without room: the LINK message is kept and sent with the next tick, in order of importance
 *          (down before up: the reader must never believe in a dead session). */
#ifndef TG_VENUE_HOT_SESSION_H
#define TG_VENUE_HOT_SESSION_H

#include "engine/base/spsc.h"
#include "engine/msg/msg.h"
#include "net/conn.h"

#define TG_HOT_SLOTS 2
#define TG_LINK_BEAT_NS TG_NS_PER_S

/* What the stage does with a message of the session. `payload` is writable and valid until return. */
typedef void (*tg_hot_message_t)(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen);
/* The current session is gone: requests without answers have unknown outcomes. */
typedef void (*tg_hot_down_t)(void *user, uint64_t now_ns);

typedef struct tg_hot_session {
  tg_session_t id;
  tg_io_t *io;
  tg_spsc_t *out;                      /* LINK messages go here */
  tg_handoff_t *handoff[TG_HOT_SLOTS]; /* filled by cold, one per slot */
  tg_conn_t conn[TG_HOT_SLOTS];
  tg_hot_message_t on_message;
  tg_hot_down_t on_down;
  void *user;
  uint8_t current; /* slot of the newest session */
  bool up;
  uint32_t gen; /* of the current session */
  uint64_t beat_next_ns;
  bool down_owed, up_owed; /* a LINK message that found no room */
  uint8_t down_reason;
  uint32_t down_gen;
  uint64_t link_dropped_cnt;
} tg_hot_session_t;

/* Counts or carves both slots; `slot_base` is the first of two numbers in io's registered table. 0, -TG_EINVAL, -TG_ENOMEM. */
TG_MUST_USE int tg_hot_session_layout(tg_arena_t *arena, tg_hot_session_t *session, tg_io_t *io, int slot_base,
                                      const tg_conn_cfg_t *cfg);
/* After layout, before the lane starts. `handoff` has TG_HOT_SLOTS entries. */
void tg_hot_session_init(tg_hot_session_t *session, tg_session_t id, tg_spsc_t *out, tg_handoff_t *const handoff[TG_HOT_SLOTS],
                         tg_hot_message_t on_message, tg_hot_down_t on_down, void *user);
/* CTL_ADOPT and CTL_CLOSE of this session. */
void tg_hot_session_ctl(tg_hot_session_t *session, const tg_msg_t *msg, uint64_t now_ns);
/* Housekeeping, each turn: cheap when nothing is due. */
void tg_hot_session_tick(tg_hot_session_t *session, uint64_t now_ns);
/* The connection to send on, or NULL while down. */
static inline tg_conn_t *tg_hot_session_conn(tg_hot_session_t *session) {
  return session->up && tg_conn_open(&session->conn[session->current]) ? &session->conn[session->current] : NULL;
}

#endif

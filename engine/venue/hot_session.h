/* hot_session.h - one session of a venue on a hot lane, replaced without a gap.
 * What:    two connection slots. CTL_ADOPT puts a finished session into the free slot; it becomes the current one at
 *          once and the former is closed behind it (make before break). Every change is told to the core and, through the
 *          journal, to the cold lane, by LINK messages: up with a new generation, down with a reason, and once a second
 *          "still up" with the time of the last byte received.
 * Owner:   the stage that embeds it; memory from its layout.
 * Threads: the stage's lane.
 * Limit:   2 slots; a CTL_ADOPT while both are taken (a former session still closes) is refused: LINK down with TG_EBUSY and
 *          the new generation, the descriptor is closed, the former one hurried; the cold lane dials again.
 * Silence: judged by application messages, not by pings or by sends that succeed. A session that said nothing for probe_ns is
 * asked something harmless that its application must answer; one that says nothing for silent_ns is given up: LINK down with
 *          TG_ESTALE, the cold lane dials anew. A quiet market is no fault: the answers to the questions are life.
 * Errors:  a ring without room: LINK messages are kept and sent in their order, before any later message of the session, so
 *          that the reader hears of every generation's end. TG_HOT_OWED_MAX are enough: the cold lane hands over the next
 *          session only when it has read what became of the one before. */
#ifndef TG_VENUE_HOT_SESSION_H
#define TG_VENUE_HOT_SESSION_H

#include "engine/base/hist.h"
#include "engine/base/spsc.h"
#include "engine/msg/msg.h"
#include "net/conn.h"

#define TG_HOT_SLOTS 2
#define TG_LINK_BEAT_NS TG_NS_PER_S
#define TG_HOT_TICK_NS TG_NS_PER_MS /* housekeeping of connections: unsent rests, deadlines */
#define TG_HOT_OWED_MAX 8

/* What the stage does with a message of the session. `payload` is writable and valid until return. */
typedef void (*tg_hot_message_t)(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen);
/* The current session is gone: requests without answers have unknown outcomes. */
typedef void (*tg_hot_down_t)(void *user, uint64_t now_ns);

/* A LINK message that found no room. */
typedef struct tg_hot_owed {
  uint32_t gen;
  bool up;
  uint8_t reason, detail;
} tg_hot_owed_t;

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
  uint64_t beat_next_ns, tick_next_ns;
  uint64_t linger_ns;       /* how long a replaced session is still read (answers under way); 0: closed at once */
  uint64_t former_until_ns; /* when the replaced one is closed; 0: none lingers */
  tg_hot_owed_t owed[TG_HOT_OWED_MAX];
  uint32_t owed_cnt;
  const char *probe; /* a request that changes nothing, NULL: none */
  size_t probe_len;
  uint64_t probe_ns, silent_ns; /* 0: off */
  uint64_t app_ns;              /* engine time of the last application message, or of the adoption */
  uint64_t probed_ns;
  uint64_t hold_until_ns; /* a pause that the venue asked for: no question, and silence is no fault meanwhile */
  uint64_t probe_cnt, silent_cnt;
  uint64_t link_dropped_cnt;
  tg_hist_t kernel_to_user_ns;
  /* venue.rx_stamps: kernel's receive stamp -> this lane; the wall clock must not step meanwhile */ /* "still up" messages
                                                                                                        without room */
} tg_hot_session_t;

/* Counts or carves both slots; `slot_base` is the first of two numbers in io's registered table. 0, -TG_EINVAL, -TG_ENOMEM. */
TG_MUST_USE int tg_hot_session_layout(tg_arena_t *arena, tg_hot_session_t *session, tg_io_t *io, int slot_base,
                                      const tg_conn_cfg_t *cfg);
/* After layout, before the lane starts. `handoff` has TG_HOT_SLOTS entries. A session that shall linger sets linger_ns after.
 */
void tg_hot_session_init(tg_hot_session_t *session, tg_session_t id, tg_spsc_t *out, tg_handoff_t *const handoff[TG_HOT_SLOTS],
                         tg_hot_message_t on_message, tg_hot_down_t on_down, void *user);
/* After init: what to ask after probe_ns of silence (constant text), and when to give the session up. 0: off. */
void tg_hot_session_silence(tg_hot_session_t *session, const char *probe, size_t len, uint64_t probe_ns, uint64_t silent_ns);
/* CTL_ADOPT and CTL_CLOSE of this session. */
void tg_hot_session_ctl(tg_hot_session_t *session, const tg_msg_t *msg, uint64_t now_ns);
/* Messages of the session were lost for `reason` (TG_EFULL): the reader hears LINK down and, while it is up, up again. */
void tg_hot_session_gap(tg_hot_session_t *session, uint8_t reason, uint64_t now_ns);
/* Housekeeping, each turn: cheap when nothing is due. */
void tg_hot_session_tick(tg_hot_session_t *session, uint64_t now_ns);
/* The connection to send on, or NULL while down. */
static inline tg_conn_t *tg_hot_session_conn(tg_hot_session_t *session) {
  return session->up && tg_conn_open(&session->conn[session->current]) ? &session->conn[session->current] : NULL;
}

#endif

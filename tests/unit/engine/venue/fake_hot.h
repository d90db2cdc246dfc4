/* fake_hot.h - a lane's io in memory: several plain WebSocket connections behind tg_net_ops_t, by their registered slot.
 * What:    frames that the venue "sends" are queued by fh_say and delivered in one piece by the next turn; frames that the
 *          engine sends are unmasked and read with fh_heard.
 * Owner:   fh_new .. fh_free. Threads: one. */
#ifndef TEST_VENUE_FAKE_HOT_H
#define TEST_VENUE_FAKE_HOT_H

#include "engine/base/spsc.h"
#include "engine/msg/msg.h"
#include "net/handoff.h"
#include "net/io.h"
#include "net/ws.h"

enum { FH_SLOTS = 8, FH_RX_BYTES = 1 << 20, FH_TX_BYTES = 4 << 20, FH_TEXT_BYTES = 4096 };

typedef struct fh_sock {
  uint8_t *rx, *tx;
  size_t rx_len, tx_len, tx_read;
  bool eof;
  int rx_error; /* instead of eof, e.g. -ECONNRESET */
  bool tx_blocked;
  int closes;
  tg_io_op_t *install_op, *recv_op, *send_op;
  const void *send_data;
  size_t send_len;
  bool recv_cancel, send_cancel;
} fh_sock_t;

typedef struct fake_hot {
  tg_io_t io;
  fh_sock_t sock[FH_SLOTS];
  bool queue_full; /* every queueing call is refused */
  int fds_closed, sends;
} fake_hot_t;

fake_hot_t *fh_new(void);
void fh_free(fake_hot_t *fake);
/* The venue says a text frame, or any other. */
void fh_say(fake_hot_t *fake, int slot, const char *text);
void fh_frame(fake_hot_t *fake, int slot, uint8_t op, const void *payload, size_t len);
/* Next frame that the engine sent: its opcode and text; 0 when there is none. */
uint8_t fh_heard(fake_hot_t *fake, int slot, char text[FH_TEXT_BYTES]);
/* A finished plain session. */
tg_handoff_t *fh_handoff(uint32_t gen);
/* CTL_ADOPT of a session's hand-over slot. */
tg_msg_t fh_adopt(tg_session_t session, uint8_t slot, uint32_t gen);

#endif

/* fake_net.h - a network in memory behind tg_net_ops_t: the session code runs unchanged on it.
 * What:    one socket; what the test puts into rx is delivered in pieces of rx_step bytes, one piece a turn; what is sent lands
 * in tx, at most tx_step bytes a send. */
#ifndef TEST_NET_FAKE_NET_H
#define TEST_NET_FAKE_NET_H

#include "net/io.h"

enum { FAKE_TX_BYTES = 4 << 20, FAKE_PIECE_MAX = 65536 };

typedef struct fake_net {
  tg_io_t io;
  const uint8_t *rx;
  size_t rx_len, rx_at, rx_step;
  bool rx_eof;  /* end of stream behind rx */
  int rx_error; /* instead of it, e.g. -ECONNRESET */
  uint8_t *tx;
  size_t tx_len, tx_step;
  bool tx_blocked; /* sends stay pending */
  bool queue_full; /* every queueing call is refused */
  int fds_closed, slots_closed;
  /* private */
  tg_io_op_t *install_op, *recv_op, *send_op;
  const void *send_data;
  size_t send_len;
  bool recv_cancel, send_cancel;
  uint8_t piece[FAKE_PIECE_MAX];
} fake_net_t;

fake_net_t *fake_new(void);
void fake_free(fake_net_t *fake);

#endif

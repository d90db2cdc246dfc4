/* conn.h - a session on a hot lane: records and frames opened in place, orders sealed in place.
 * What:    adopts a finished session (tg_handoff_t), receives by multishot into the lane's buffers, opens TLS records and
 *          decodes WebSocket frames where they lie, calls on_message; sends what the caller writes straight into the session's
 *          send buffer. Pings are answered, close handshakes done.
 * Owner:   memory from the caller's arena (tg_conn_layout), one fixed slot per session; reused after on_close and
 *          tg_conn_free() == true.
 * Threads: the lane that turns `io`.
 * Limit:   message_max bytes a message in, tx_bytes of unsent bytes out (TG_CONN_SEND_MAX a message).
 * Errors:  on_close(err): -TG_ECLOSED clean end by the peer (close frame and close_notify or FIN after it), -TG_ETRUNCATED
 *          end without closing mark, -TG_ETLS, -TG_EPROTO, -TG_ESIZE, -TG_ESYNTAX, -TG_EIO; 0 when tg_conn_close was called.
 *
 * Receive: callbacks run inside tg_io_turn. rx_ns is the kernel's receive timestamp of the segment when the session has
 *   SO_TIMESTAMPING (conn->rx_is_kernel true; CLOCK_REALTIME of the kernel), else the turn's time (io->now_ns).
 * Send:  uint8_t *p = tg_conn_tx_begin(conn, cap);      NULL: back-pressure (-TG_EFULL), not open; never blocks
 *        ... write n <= cap payload bytes at p ...
 *        rc = tg_conn_tx_commit(conn, n, now_ns);        header + mask + seal in place, one send queued
 *        tg_io_flush(io)  or the next tg_io_turn         the system call
 *   Begin without commit costs nothing: the next begin starts at the same place. */
#ifndef TG_NET_CONN_H
#define TG_NET_CONN_H

#include "net/handoff.h"
#include "net/io.h"
#include "net/rec.h"
#include "net/ws.h"

typedef struct tg_conn tg_conn_t;

#define TG_CONN_SEND_MAX (TG_REC_PLAIN_MAX - TG_WS_HEAD_MAX)

enum tg_conn_state { TG_CONN_FREE = 0, TG_CONN_INSTALLING, TG_CONN_OPEN, TG_CONN_CLOSING, TG_CONN_DRAINING };

typedef struct tg_conn_ops {
  /* op TG_WS_TEXT or TG_WS_BINARY. Payload is writable and valid until return; rx_ns see above. */
  void (*on_message)(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns);
  /* Once per adopted session, also after tg_conn_close. The slot can be adopted again once tg_conn_free(conn). */
  void (*on_close)(void *user, tg_conn_t *conn, int err);
} tg_conn_ops_t;

typedef struct tg_conn_cfg {
  uint32_t message_max; /* largest message in, 65536..16 M. 1 MB */
  uint32_t tx_bytes;    /* send buffer, 32768..16 M. 128 KB */
} tg_conn_cfg_t;

typedef struct tg_conn_count {
  uint64_t rx_bytes, rx_records, rx_frames, rx_messages, rx_pings, rx_pongs, rx_copied_bytes;
  uint64_t tx_bytes, tx_records, tx_frames, tx_sends, tx_partial, tx_full, key_updates;
} tg_conn_count_t;

struct tg_conn {
  /* for everybody to read */
  uint8_t state; /* enum tg_conn_state */
  bool rx_is_kernel;
  uint32_t gen;
  uint64_t user_tag;   /* from the dialler */
  uint64_t opened_ns;  /* from the dialler */
  uint64_t last_rx_ns; /* io time of the last byte received */
  uint64_t last_tx_ns; /* now_ns of the last commit */
  int close_err;
  uint16_t close_code; /* the peer's close code, 0 = none */
  uint8_t close_alert; /* 1 + the TLS alert that ended it, 0 = none */
  tg_conn_count_t count;
  /* private below */
  tg_io_t *io;
  tg_conn_ops_t ops;
  void *user;
  int slot; /* in the io's registered table */
  int fd;
  bool corked;
  bool tls, ws_close_sent, ws_close_seen, closing_by_us, on_close_due, installed, tx_begin_wraps;
  uint64_t rx_ns;
  uint64_t closing_deadline_ns;
  tg_ws_rng_t rng;
  uint8_t *tx;
  uint32_t tx_cap, tx_head, tx_tail, tx_wrap, tx_flight, tx_begin, tx_room;
  uint8_t *rec_buf; /* part of a record that straddles receives */
  uint32_t rec_cap, rec_len, left_plain;
  uint8_t *ws_buf;
  size_t ws_cap;
  uint32_t message_max;
  tg_ws_rx_t ws;
  tg_rec_t rec;
  tg_io_op_t install_op, recv_op, send_op;
};

/* message_max 1 MB, tx 128 KB. */
void tg_conn_cfg_defaults(tg_conn_cfg_t *cfg);
/* Counts or carves one slot. `slot` is its number in io's registered table (0 .. file_cnt-1), one per conn. 0, -TG_EINVAL,
 * -TG_ENOMEM. */
TG_MUST_USE int tg_conn_layout(tg_arena_t *arena, tg_conn_t *conn, const tg_conn_cfg_t *cfg, tg_io_t *io, int slot);
void tg_conn_set_ops(tg_conn_t *conn, const tg_conn_ops_t *ops, void *user);
/* Takes the session over, descriptor included (also on failure: it is closed). Leftover bytes are used in the turn in which the
 * kernel has installed the descriptor; sending is possible at once after return. 0, -TG_EBUSY (slot not free), -TG_EINVAL,
 * -TG_EFULL. */
TG_MUST_USE int tg_conn_adopt(tg_conn_t *conn, const tg_handoff_t *handoff, uint64_t now_ns);
/* True when the slot can adopt again. */
static inline bool tg_conn_free(const tg_conn_t *conn) {
  return conn->state == TG_CONN_FREE;
}
static inline bool tg_conn_open(const tg_conn_t *conn) {
  return conn->state == TG_CONN_OPEN || conn->state == TG_CONN_INSTALLING;
}
/* Room for a payload of up to `cap` bytes (<= TG_CONN_SEND_MAX), or NULL (full, counted; or not open). */
TG_MUST_USE uint8_t *tg_conn_tx_begin(tg_conn_t *conn, size_t cap);
/* Sends `len` (<= the cap of begin) bytes as one text frame. 0, -TG_ECLOSED, -TG_EINVAL (no begin), -TG_ESIZE, -TG_EFULL (no
 * queue entry: the frame is kept and goes out with the next turn), -TG_ETLS. */
TG_MUST_USE int tg_conn_tx_commit(tg_conn_t *conn, size_t len, uint64_t now_ns);
/* The same with the opcode chosen (TG_WS_BINARY, TG_WS_PING, ...). */
TG_MUST_USE int tg_conn_tx_commit_op(tg_conn_t *conn, uint8_t op, size_t len, uint64_t now_ns);
/* Between cork and uncork commits only fill the send buffer; uncork queues one send for all of them, so that a burst of orders
 * leaves in one system call and one segment, not the first at once and the rest after its completion. uncork: 0, or -TG_EFULL
 * (no queue entry: the bytes are kept and go out with the next tick). */
void tg_conn_cork(tg_conn_t *conn);
TG_MUST_USE int tg_conn_uncork(tg_conn_t *conn);
/* Begin, copy, commit. */
TG_MUST_USE int tg_conn_send(tg_conn_t *conn, uint8_t op, const void *payload, size_t len, uint64_t now_ns);
/* Bytes committed and not yet taken by the kernel. */
uint32_t tg_conn_tx_pending(const tg_conn_t *conn);
/* Starts the close handshake (close frame, close_notify); on_close(0) follows when the peer answered or tg_conn_tick saw the
 * deadline (now + grace_ns). grace 0: at once. */
void tg_conn_close(tg_conn_t *conn, uint16_t code, uint64_t now_ns, uint64_t grace_ns);
/* Housekeeping, cheap; call once in a while (each turn or each 10 ms): close deadline, unsent rest after -TG_EFULL. */
void tg_conn_tick(tg_conn_t *conn, uint64_t now_ns);

#endif

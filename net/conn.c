#include "net/conn.h"

#include <openssl/mem.h>
#include <string.h>

#include "engine/base/assert.h"

enum { CONTROL_ROOM = 192 }; /* a sealed control frame or alert */

void tg_conn_cfg_defaults(tg_conn_cfg_t *cfg) {
  cfg->message_max = 1u << 20;
  cfg->tx_bytes = 128u << 10;
}

/* --- tear-down --- */

static void free_if_quiet(tg_conn_t *conn) {
  if (conn->install_op.active || conn->recv_op.active || conn->send_op.active) return;
  if (conn->fd >= 0) {
    if (tg_io_close_fd(conn->io, conn->fd)) return; /* tg_conn_tick tries again */
    conn->fd = -1;
  }
  if (conn->installed) {
    if (tg_io_close_slot(conn->io, conn->slot)) return;
    conn->installed = false;
  }
  if (conn->tls) tg_rec_wipe(&conn->rec);
  conn->state = TG_CONN_FREE;
}

/* Ends the session: no callback but on_close from here on, the kernel gives back what it holds. */
static void finish(tg_conn_t *conn, int err) {
  if (conn->state == TG_CONN_FREE || conn->state == TG_CONN_DRAINING) return;
  conn->state = TG_CONN_DRAINING;
  conn->close_err = err;
  conn->tx_room = 0;
  /* a queue without room: tg_conn_tick cancels again */
  if (conn->recv_op.active) tg_io_cancel(conn->io, &conn->recv_op);
  if (conn->send_op.active) tg_io_cancel(conn->io, &conn->send_op);
  conn->on_close_due = true;
  free_if_quiet(conn);
}

static void tell_close(tg_conn_t *conn) {
  if (!conn->on_close_due) return;
  conn->on_close_due = false;
  if (conn->ops.on_close) conn->ops.on_close(conn->user, conn, conn->close_err);
}

/* --- send --- */

static void push(tg_conn_t *conn) {
  if (conn->corked || conn->send_op.active || !conn->installed || conn->state == TG_CONN_DRAINING) return;
  uint32_t end = conn->tx_wrap ? conn->tx_wrap : conn->tx_tail;
  if (conn->tx_head == end) return;
  conn->tx_flight = end - conn->tx_head;
  if (tg_io_send(conn->io, &conn->send_op, conn->slot, conn->tx + conn->tx_head, conn->tx_flight)) {
    conn->tx_flight = 0; /* no queue entry: tg_conn_tick or the next commit tries again */
    return;
  }
  conn->count.tx_sends++;
}

static void on_sent(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_conn_t *conn = op->user;
  (void)io;
  (void)flags;
  if (conn->state == TG_CONN_DRAINING) {
    free_if_quiet(conn);
    return;
  }
  if (TG_UNLIKELY(res < 0)) {
    finish(conn, tg_errno_err(res));
    tell_close(conn);
    return;
  }
  if (TG_UNLIKELY((uint32_t)res < conn->tx_flight)) conn->count.tx_partial++;
  conn->count.tx_bytes += (uint64_t)res;
  conn->tx_head += (uint32_t)res;
  conn->tx_flight = 0;
  conn->tx_room = 0; /* a begin before this turn is void */
  if (conn->tx_wrap && conn->tx_head == conn->tx_wrap) conn->tx_head = conn->tx_wrap = 0;
  if (!conn->tx_wrap && conn->tx_head == conn->tx_tail) conn->tx_head = conn->tx_tail = 0;
  push(conn);
  if (conn->state == TG_CONN_CLOSING && conn->ws_close_seen && tg_conn_tx_pending(conn) == 0) {
    finish(conn, conn->closing_by_us ? 0 : -TG_ECLOSED);
    tell_close(conn);
  }
}

uint32_t tg_conn_tx_pending(const tg_conn_t *conn) {
  return conn->tx_wrap ? conn->tx_wrap - conn->tx_head + conn->tx_tail : conn->tx_tail - conn->tx_head;
}

/* Finds `need` contiguous bytes; sets *at and *wraps. */
static bool tx_find(const tg_conn_t *conn, uint32_t need, uint32_t *at, bool *wraps) {
  *wraps = false;
  *at = conn->tx_tail;
  if (conn->tx_wrap) return conn->tx_head - conn->tx_tail > need;
  if (conn->tx_cap - conn->tx_tail >= need) return true;
  *wraps = true;
  *at = 0;
  return conn->tx_head > need;
}

static void tx_account(tg_conn_t *conn, uint32_t start, uint32_t bytes, bool wraps) {
  if (wraps) {
    conn->tx_wrap = conn->tx_tail;
    conn->tx_tail = 0;
  }
  if (conn->tx_head == conn->tx_tail && !conn->tx_wrap) conn->tx_head = start; /* empty: may begin behind a gap */
  conn->tx_tail = start + bytes;
}

static int tx_key_update(tg_conn_t *conn) {
  uint32_t at;
  bool wraps;
  if (!tx_find(conn, CONTROL_ROOM, &at, &wraps)) return -TG_EFULL;
  int n = tg_rec_seal_key_update(&conn->rec, false, conn->tx + at);
  if (n < 0) return n;
  tx_account(conn, at, (uint32_t)n, wraps);
  conn->count.tx_records++;
  conn->count.key_updates++;
  return 0;
}

static uint8_t *tx_begin(tg_conn_t *conn, size_t cap) {
  uint32_t prefix = conn->tls ? conn->rec.prefix_bytes : 0;
  uint32_t suffix = conn->tls ? conn->rec.suffix_bytes : 0;
  uint32_t head = (uint32_t)tg_ws_head_bytes(cap);
  uint32_t at;
  bool wraps;
  if (TG_UNLIKELY(cap > TG_CONN_SEND_MAX)) return NULL;
  if (TG_UNLIKELY(conn->tls && conn->rec.key_update_due) && tx_key_update(conn)) return NULL;
  if (TG_UNLIKELY(!tx_find(conn, prefix + head + (uint32_t)cap + suffix, &at, &wraps))) {
    conn->count.tx_full++;
    return NULL;
  }
  conn->tx_begin = at;
  conn->tx_begin_wraps = wraps;
  conn->tx_room = (uint32_t)cap + 1;
  return conn->tx + at + prefix + head;
}

uint8_t *tg_conn_tx_begin(tg_conn_t *conn, size_t cap) {
  if (TG_UNLIKELY(!tg_conn_open(conn))) return NULL;
  return tx_begin(conn, cap);
}

int tg_conn_tx_commit_op(tg_conn_t *conn, uint8_t op, size_t len, uint64_t now_ns) {
  if (TG_UNLIKELY(conn->state == TG_CONN_FREE || conn->state == TG_CONN_DRAINING)) return -TG_ECLOSED;
  if (TG_UNLIKELY(conn->tx_room == 0)) return -TG_EINVAL;
  size_t cap = conn->tx_room - 1;
  conn->tx_room = 0;
  if (TG_UNLIKELY(len > cap)) return -TG_ESIZE;
  uint32_t prefix = conn->tls ? conn->rec.prefix_bytes : 0;
  uint32_t gap = (uint32_t)(tg_ws_head_bytes(cap) - tg_ws_head_bytes(len)); /* begin reserved for the longest */
  uint32_t start = conn->tx_begin;
  uint8_t *payload = conn->tx + start + prefix + tg_ws_head_bytes(cap);
  bool empty = conn->tx_head == conn->tx_tail && !conn->tx_wrap;
  if (TG_UNLIKELY(gap)) {
    if (empty) {
      start += gap;
    } else { /* bytes before us are unsent: the stream has no holes */
      memmove(payload - gap, payload, len);
      payload -= gap;
    }
  }
  uint32_t key = tg_ws_rng_next(&conn->rng);
  uint32_t head = (uint32_t)tg_ws_put_head(payload, len, op, key);
  tg_ws_mask(payload, len, key);
  uint32_t bytes = head + (uint32_t)len;
  if (TG_LIKELY(conn->tls)) {
    int n = tg_rec_seal(&conn->rec, 23, conn->tx + start, bytes);
    if (TG_UNLIKELY(n < 0)) return n;
    bytes = (uint32_t)n;
    conn->count.tx_records++;
  }
  tx_account(conn, start, bytes, conn->tx_begin_wraps);
  conn->count.tx_frames++;
  conn->last_tx_ns = now_ns;
  push(conn);
  return TG_UNLIKELY(!conn->send_op.active && conn->installed && !conn->corked) ? -TG_EFULL : 0;
}

void tg_conn_cork(tg_conn_t *conn) {
  conn->corked = true;
}

int tg_conn_uncork(tg_conn_t *conn) {
  conn->corked = false;
  push(conn);
  return TG_UNLIKELY(!conn->send_op.active && conn->installed && tg_conn_tx_pending(conn) != 0) ? -TG_EFULL : 0;
}

int tg_conn_tx_commit(tg_conn_t *conn, size_t len, uint64_t now_ns) {
  return tg_conn_tx_commit_op(conn, TG_WS_TEXT, len, now_ns);
}

static int send_any(tg_conn_t *conn, uint8_t op, const void *payload, size_t len, uint64_t now_ns) {
  uint8_t *p = tx_begin(conn, len);
  if (!p) return len > TG_CONN_SEND_MAX ? -TG_ESIZE : -TG_EFULL;
  if (len) memcpy(p, payload, len);
  return tg_conn_tx_commit_op(conn, op, len, now_ns);
}

int tg_conn_send(tg_conn_t *conn, uint8_t op, const void *payload, size_t len, uint64_t now_ns) {
  if (!tg_conn_open(conn)) return -TG_ECLOSED;
  return send_any(conn, op, payload, len, now_ns);
}

static void send_alert(tg_conn_t *conn, uint8_t description) {
  uint32_t at;
  bool wraps;
  if (!conn->tls || !tx_find(conn, CONTROL_ROOM, &at, &wraps)) return;
  int n = tg_rec_seal_alert(&conn->rec, description, conn->tx + at);
  if (n < 0) return;
  tx_account(conn, at, (uint32_t)n, wraps);
  conn->count.tx_records++;
  push(conn);
}

static void send_close(tg_conn_t *conn, uint16_t code) {
  if (conn->ws_close_sent) return;
  conn->ws_close_sent = true;
  uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
  /* full: the peer sees an end without our close frame */
  if (send_any(conn, TG_WS_CLOSE, payload, code == 1005 ? 0 : 2, conn->io->now_ns) == 0) send_alert(conn, 0);
}

/* --- receive --- */

static void on_close_frame(tg_conn_t *conn, const tg_ws_msg_t *msg) {
  conn->ws_close_seen = true;
  conn->close_code = msg->close_code;
  if (conn->state == TG_CONN_OPEN) {
    conn->state = TG_CONN_CLOSING;
    conn->closing_by_us = false;
    conn->closing_deadline_ns = conn->io->now_ns + UINT64_C(1000000000);
    send_close(conn, msg->close_code);
  }
  if (tg_conn_tx_pending(conn) == 0) finish(conn, conn->closing_by_us ? 0 : -TG_ECLOSED);
}

static void on_control(tg_conn_t *conn, const tg_ws_msg_t *msg) {
  if (msg->op == TG_WS_PING) {
    conn->count.rx_pings++;
    /* no room: the next ping is answered (the venue allows ten minutes) */
    if (conn->state == TG_CONN_OPEN) (void)send_any(conn, TG_WS_PONG, msg->data, msg->len, conn->io->now_ns);
  } else if (msg->op == TG_WS_PONG) {
    conn->count.rx_pongs++;
  } else {
    on_close_frame(conn, msg);
  }
}

static void rx_frames(tg_conn_t *conn, uint8_t *data, size_t len) {
  tg_ws_msg_t msg;
  tg_ws_rx_feed(&conn->ws, data, len);
  for (;;) {
    int rc = tg_ws_rx_next(&conn->ws, &msg);
    if (rc == 0) return;
    if (TG_UNLIKELY(rc < 0)) {
      send_close(conn, rc == -TG_ESIZE ? TG_WS_CODE_BIG : rc == -TG_ESYNTAX ? TG_WS_CODE_DATA : TG_WS_CODE_PROTO);
      finish(conn, rc);
      return;
    }
    if (TG_UNLIKELY(msg.op & 8u)) {
      on_control(conn, &msg);
      if (conn->ws_close_seen) return; /* bytes after a close frame are none of ours */
    } else if (TG_LIKELY(conn->state == TG_CONN_OPEN)) {
      conn->count.rx_messages++;
      conn->ops.on_message(conn->user, conn, msg.op, msg.data, msg.len, conn->rx_ns);
    }
    if (TG_UNLIKELY(conn->state == TG_CONN_DRAINING || conn->state == TG_CONN_FREE)) return;
  }
}

static void peer_ended(tg_conn_t *conn, bool notified) {
  int err = notified || conn->ws_close_seen ? -TG_ECLOSED : -TG_ETRUNCATED;
  finish(conn, conn->closing_by_us ? 0 : err);
}

/* Opens the whole records of buf; returns the bytes eaten. */
static size_t rx_records(tg_conn_t *conn, uint8_t *buf, size_t len) {
  size_t at = 0;
  while (at < len) {
    tg_rec_out_t out;
    int n = tg_rec_open(&conn->rec, buf + at, len - at, &out);
    if (n == 0) break;
    if (TG_UNLIKELY(n < 0)) {
      if (conn->rec.alert == 255)
        send_alert(conn, n == -TG_ESIZE ? 22 : 20);
      else
        conn->close_alert = (uint8_t)(conn->rec.alert + 1);
      finish(conn, n);
      break;
    }
    at += (size_t)n;
    conn->count.rx_records++;
    if (TG_LIKELY(out.kind == TG_REC_DATA)) {
      rx_frames(conn, out.data, out.len);
    } else if (out.kind == TG_REC_CLOSE) {
      peer_ended(conn, true);
    } else if (conn->rec.key_update_due && conn->state == TG_CONN_OPEN && tx_key_update(conn) == 0) {
      push(conn);
    }
    if (TG_UNLIKELY(conn->state == TG_CONN_DRAINING || conn->state == TG_CONN_FREE)) break;
  }
  return at;
}

static bool rx_over(const tg_conn_t *conn) {
  return conn->state == TG_CONN_DRAINING || conn->state == TG_CONN_FREE;
}

/* Completes the record whose beginning is in rec_buf; returns the bytes of data eaten. */
static size_t rx_join(tg_conn_t *conn, const uint8_t *data, size_t len) {
  size_t used = 0;
  while (used < len) {
    int total = tg_rec_length(&conn->rec, conn->rec_buf, conn->rec_len);
    if (total < 0) { /* let tg_rec_open say it */
      (void)rx_records(conn, conn->rec_buf, conn->rec_len);
      return len;
    }
    size_t want = (total == 0 ? TG_REC_HEAD_BYTES : (size_t)total) - conn->rec_len;
    size_t take = want < len - used ? want : len - used;
    memcpy(conn->rec_buf + conn->rec_len, data + used, take);
    conn->count.rx_copied_bytes += take;
    conn->rec_len += (uint32_t)take;
    used += take;
    if (total > 0 && conn->rec_len == (uint32_t)total) {
      conn->rec_len = 0;
      (void)rx_records(conn, conn->rec_buf, (size_t)total);
      break;
    }
  }
  return used;
}

static void rx_bytes(tg_conn_t *conn, uint8_t *data, size_t len) {
  if (!conn->tls) {
    rx_frames(conn, data, len);
    return;
  }
  if (TG_UNLIKELY(conn->rec_len)) {
    size_t used = rx_join(conn, data, len);
    data += used;
    len -= used;
    if (rx_over(conn)) return;
  }
  size_t used = rx_records(conn, data, len);
  if (used == len || rx_over(conn)) return;
  TG_ASSERT(len - used <= conn->rec_cap);
  memcpy(conn->rec_buf, data + used, len - used);
  conn->rec_len = (uint32_t)(len - used);
}

static void on_recv(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_conn_t *conn = op->user;
  if (TG_UNLIKELY(conn->state == TG_CONN_DRAINING)) {
    if (!(flags & TG_IO_MORE)) free_if_quiet(conn);
    return;
  }
  if (TG_UNLIKELY(res <= 0)) {
    if (res == 0) {
      peer_ended(conn, false);
    } else {
      finish(conn, tg_errno_err(res));
    }
    tell_close(conn);
    return;
  }
  conn->last_rx_ns = io->now_ns;
  conn->rx_is_kernel = op->rx_stamp_ns != 0;
  conn->rx_ns = conn->rx_is_kernel ? op->rx_stamp_ns : io->now_ns;
  conn->count.rx_bytes += (uint64_t)res;
  rx_bytes(conn, op->rx_data, (size_t)res);
  conn->count.rx_frames = conn->ws.frames;
  tell_close(conn);
}

/* --- adopt --- */

int tg_conn_layout(tg_arena_t *arena, tg_conn_t *conn, const tg_conn_cfg_t *cfg, tg_io_t *io, int slot) {
  if (cfg->message_max < (64u << 10) || cfg->message_max > (16u << 20) || cfg->tx_bytes < (32u << 10) ||
      cfg->tx_bytes > (16u << 20) || slot < 0) {
    return -TG_EINVAL;
  }
  size_t rec_cap = TG_HANDOFF_PLAIN_BYTES + TG_HANDOFF_CIPHER_BYTES + TG_REC_WIRE_MAX;
  size_t ws_cap = cfg->message_max + TG_WS_RX_SLACK;
  uint8_t *tx = tg_arena_alloc(arena, cfg->tx_bytes, 64);
  uint8_t *rec_buf = tg_arena_alloc(arena, rec_cap, 64);
  uint8_t *ws_buf = tg_arena_alloc(arena, ws_cap, 64);
  if (arena->err) return arena->err;
  if (tg_arena_counting(arena)) return 0;
  memset(conn, 0, sizeof *conn);
  conn->io = io;
  conn->slot = slot;
  conn->fd = -1;
  conn->tx = tx;
  conn->tx_cap = cfg->tx_bytes;
  conn->rec_buf = rec_buf;
  conn->rec_cap = (uint32_t)rec_cap;
  conn->ws_buf = ws_buf;
  conn->ws_cap = ws_cap;
  conn->message_max = cfg->message_max;
  return 0;
}

void tg_conn_set_ops(tg_conn_t *conn, const tg_conn_ops_t *ops, void *user) {
  conn->ops = *ops;
  conn->user = user;
}

/* Bytes that came before the hand-over: opened ones first, then those still sealed. */
static void use_leftover(tg_conn_t *conn) {
  uint32_t opened = conn->left_plain;
  uint32_t sealed = conn->rec_len - opened;
  uint8_t *rest = conn->rec_buf + opened;
  conn->rec_len = 0;
  conn->left_plain = 0;
  conn->rx_ns = conn->io->now_ns;
  conn->rx_is_kernel = false;
  conn->last_rx_ns = conn->io->now_ns;
  if (opened) rx_frames(conn, conn->rec_buf, opened);
  if (sealed == 0 || rx_over(conn)) return;
  if (!conn->tls) {
    rx_frames(conn, rest, sealed);
    return;
  }
  size_t used = rx_records(conn, rest, sealed);
  if (rx_over(conn)) return;
  memmove(conn->rec_buf, rest + used, sealed - used);
  conn->rec_len = sealed - (uint32_t)used;
}

static void on_installed(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  tg_conn_t *conn = op->user;
  (void)flags;
  if (res == 1) conn->installed = true;
  if (conn->state == TG_CONN_DRAINING) {
    free_if_quiet(conn);
    return;
  }
  if (res != 1) {
    finish(conn, -TG_EIO);
    tell_close(conn);
    return;
  }
  if (tg_io_close_fd(io, conn->fd) == 0) conn->fd = -1; /* the table holds the socket now */
  if (conn->state == TG_CONN_INSTALLING) conn->state = TG_CONN_OPEN;
  if (tg_io_recv_start(io, &conn->recv_op, conn->slot)) {
    finish(conn, -TG_EIO);
    tell_close(conn);
    return;
  }
  push(conn);
  use_leftover(conn);
  tell_close(conn);
}

static void op_init(tg_io_op_t *op, tg_conn_t *conn, tg_io_done_t done) {
  memset(op, 0, sizeof *op);
  op->done = done;
  op->user = conn;
  op->fixed = true;
}

static void reset(tg_conn_t *conn, const tg_handoff_t *handoff, uint64_t now_ns) {
  conn->gen = handoff->gen;
  conn->user_tag = handoff->user_tag;
  conn->opened_ns = handoff->opened_ns;
  conn->last_rx_ns = now_ns;
  conn->last_tx_ns = now_ns;
  conn->close_err = 0;
  conn->close_code = 0;
  conn->close_alert = 0;
  conn->rx_is_kernel = false;
  conn->tls = handoff->tls;
  conn->ws_close_sent = false;
  conn->ws_close_seen = false;
  conn->closing_by_us = false;
  conn->on_close_due = false;
  conn->installed = false;
  conn->fd = handoff->fd;
  conn->rx_ns = now_ns;
  conn->closing_deadline_ns = 0;
  conn->corked = false;
  conn->tx_head = conn->tx_tail = conn->tx_wrap = conn->tx_flight = 0;
  conn->tx_begin = conn->tx_room = 0;
  conn->tx_begin_wraps = false;
  memset(&conn->count, 0, sizeof conn->count);
  tg_ws_rng_seed(&conn->rng, handoff->mask_seed);
}

int tg_conn_adopt(tg_conn_t *conn, const tg_handoff_t *handoff, uint64_t now_ns) {
  if (conn->state != TG_CONN_FREE) {
    tg_io_close_fd(conn->io, handoff->fd);
    return -TG_EBUSY;
  }
  bool bad = handoff->plain_len > TG_HANDOFF_PLAIN_BYTES || handoff->cipher_len > TG_HANDOFF_CIPHER_BYTES || handoff->fd < 0 ||
             !conn->ops.on_message || (handoff->tls && tg_rec_init(&conn->rec, &handoff->keys));
  if (bad) {
    if (handoff->fd >= 0) tg_io_close_fd(conn->io, handoff->fd);
    return -TG_EINVAL;
  }
  reset(conn, handoff, now_ns);
  op_init(&conn->install_op, conn, on_installed);
  op_init(&conn->recv_op, conn, on_recv);
  op_init(&conn->send_op, conn, on_sent);
  conn->recv_op.stamped = handoff->stamped;
  if (tg_ws_rx_init(&conn->ws, conn->ws_buf, conn->ws_cap, conn->message_max)) return -TG_EINVAL;
  memcpy(conn->rec_buf, handoff->plain, handoff->plain_len);
  memcpy(conn->rec_buf + handoff->plain_len, handoff->cipher, handoff->cipher_len);
  conn->left_plain = handoff->plain_len;
  conn->rec_len = handoff->plain_len + handoff->cipher_len;
  if (tg_io_install(conn->io, &conn->install_op, conn->slot, &conn->fd)) {
    tg_io_close_fd(conn->io, conn->fd);
    conn->fd = -1;
    if (conn->tls) tg_rec_wipe(&conn->rec);
    return -TG_EFULL;
  }
  conn->state = TG_CONN_INSTALLING;
  return 0;
}

/* --- close and housekeeping --- */

void tg_conn_close(tg_conn_t *conn, uint16_t code, uint64_t now_ns, uint64_t grace_ns) {
  if (!tg_conn_open(conn)) return;
  conn->closing_by_us = true;
  send_close(conn, code);
  conn->state = TG_CONN_CLOSING;
  conn->closing_deadline_ns = now_ns + grace_ns; /* tg_conn_tick ends it: on_close never comes from inside this call */
}

void tg_conn_tick(tg_conn_t *conn, uint64_t now_ns) {
  if (TG_LIKELY(conn->state == TG_CONN_FREE)) return;
  if (conn->state == TG_CONN_DRAINING) {
    if (conn->recv_op.active && !conn->recv_op.cancelled) tg_io_cancel(conn->io, &conn->recv_op);
    if (conn->send_op.active && !conn->send_op.cancelled) tg_io_cancel(conn->io, &conn->send_op);
    tell_close(conn);
    free_if_quiet(conn);
    return;
  }
  if (conn->fd >= 0 && conn->installed && tg_io_close_fd(conn->io, conn->fd) == 0) conn->fd = -1;
  push(conn);
  if (conn->state == TG_CONN_CLOSING && now_ns >= conn->closing_deadline_ns) {
    finish(conn, conn->closing_by_us ? 0 : -TG_ECLOSED);
    tell_close(conn);
  }
}

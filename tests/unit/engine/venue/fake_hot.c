#include "fake_hot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int queue(fake_hot_t *fake, tg_io_op_t **slot, tg_io_op_t *op) {
  if (fake->queue_full) return -TG_EFULL;
  *slot = op;
  op->active = true;
  op->cancelled = false;
  return 0;
}

static int hot_connect(tg_io_t *io, tg_io_op_t *op, int fd, const struct sockaddr *addr, socklen_t len) {
  (void)io, (void)op, (void)fd, (void)addr, (void)len;
  return -TG_EFULL; /* hot sessions are born connected */
}

static int hot_recv_start(tg_io_t *io, tg_io_op_t *op, int fd) {
  fake_hot_t *fake = io->fake;
  return queue(fake, &fake->sock[fd].recv_op, op);
}

static int hot_send(tg_io_t *io, tg_io_op_t *op, int fd, const void *data, size_t len) {
  fake_hot_t *fake = io->fake;
  int err = queue(fake, &fake->sock[fd].send_op, op);
  if (err) return err;
  fake->sock[fd].send_data = data;
  fake->sock[fd].send_len = len;
  fake->sends++;
  return 0;
}

static int hot_cancel(tg_io_t *io, tg_io_op_t *op) {
  fake_hot_t *fake = io->fake;
  if (fake->queue_full) return -TG_EFULL;
  op->cancelled = true;
  for (int i = 0; i < FH_SLOTS; i++) {
    if (op == fake->sock[i].recv_op) fake->sock[i].recv_cancel = true;
    if (op == fake->sock[i].send_op) fake->sock[i].send_cancel = true;
  }
  return 0;
}

static int hot_install(tg_io_t *io, tg_io_op_t *op, int slot, const int *fd) {
  fake_hot_t *fake = io->fake;
  fh_sock_t *sock = &fake->sock[slot];
  (void)fd;
  if (fake->queue_full) return -TG_EFULL;
  sock->rx_len = sock->tx_len = sock->tx_read = 0;
  sock->eof = sock->tx_blocked = sock->recv_cancel = sock->send_cancel = false;
  sock->rx_error = 0;
  return queue(fake, &sock->install_op, op);
}

static int hot_close_fd(tg_io_t *io, int fd) {
  fake_hot_t *fake = io->fake;
  (void)fd;
  if (fake->queue_full) return -TG_EFULL;
  fake->fds_closed++;
  return 0;
}

static int hot_close_slot(tg_io_t *io, int slot) {
  fake_hot_t *fake = io->fake;
  if (fake->queue_full) return -TG_EFULL;
  fake->sock[slot].closes++;
  return 0;
}

static void finish(fake_hot_t *fake, tg_io_op_t **slot, int res) {
  tg_io_op_t *op = *slot;
  *slot = NULL;
  op->active = false;
  op->done(&fake->io, op, res, 0);
}

static int sock_recv(fake_hot_t *fake, fh_sock_t *sock) {
  if (sock->recv_cancel) {
    sock->recv_cancel = false;
    finish(fake, &sock->recv_op, -ECANCELED);
    return 1;
  }
  if (sock->rx_len == 0) {
    if (!sock->eof && !sock->rx_error) return 0;
    finish(fake, &sock->recv_op, sock->rx_error);
    return 1;
  }
  static uint8_t piece[65536];
  size_t n = sock->rx_len < sizeof piece ? sock->rx_len : sizeof piece;
  memcpy(piece, sock->rx, n);
  memmove(sock->rx, sock->rx + n, sock->rx_len - n);
  sock->rx_len -= n;
  sock->recv_op->rx_data = piece;
  sock->recv_op->rx_stamp_ns = 0;
  sock->recv_op->done(&fake->io, sock->recv_op, (int)n, TG_IO_MORE | TG_IO_BUFFER);
  return 1;
}

static int sock_send(fake_hot_t *fake, fh_sock_t *sock) {
  if (sock->send_cancel) {
    sock->send_cancel = false;
    finish(fake, &sock->send_op, -ECANCELED);
    return 1;
  }
  if (sock->tx_blocked) return 0;
  cr_assert_leq(sock->tx_len + sock->send_len, FH_TX_BYTES);
  memcpy(sock->tx + sock->tx_len, sock->send_data, sock->send_len);
  sock->tx_len += sock->send_len;
  finish(fake, &sock->send_op, (int)sock->send_len);
  return 1;
}

static int hot_turn(tg_io_t *io, uint64_t now_ns, uint64_t wait_ns) {
  fake_hot_t *fake = io->fake;
  int cnt = 0;
  (void)wait_ns;
  io->now_ns = now_ns;
  for (int i = 0; i < FH_SLOTS; i++) {
    fh_sock_t *sock = &fake->sock[i];
    if (sock->install_op) {
      finish(fake, &sock->install_op, 1);
      cnt++;
    }
    if (sock->send_op) cnt += sock_send(fake, sock);
    if (sock->recv_op) cnt += sock_recv(fake, sock);
  }
  return cnt;
}

static const tg_net_ops_t hot_ops = {hot_connect, hot_recv_start, hot_send,       hot_cancel,
                                     hot_install, hot_close_fd,   hot_close_slot, hot_turn};

fake_hot_t *fh_new(void) {
  fake_hot_t *fake = calloc(1, sizeof *fake);
  for (int i = 0; i < FH_SLOTS; i++) {
    fake->sock[i].rx = malloc(FH_RX_BYTES);
    fake->sock[i].tx = malloc(FH_TX_BYTES);
  }
  fake->io.net = &hot_ops;
  fake->io.fake = fake;
  return fake;
}

void fh_free(fake_hot_t *fake) {
  for (int i = 0; i < FH_SLOTS; i++) {
    free(fake->sock[i].rx);
    free(fake->sock[i].tx);
  }
  free(fake);
}

void fh_frame(fake_hot_t *fake, int slot, uint8_t op, const void *payload, size_t len) {
  fh_sock_t *sock = &fake->sock[slot];
  cr_assert(sock->rx_len + len + 4 <= FH_RX_BYTES && len < 65536);
  uint8_t *at = sock->rx + sock->rx_len;
  *at++ = 0x80 | op;
  if (len < 126) {
    *at++ = (uint8_t)len;
  } else {
    *at++ = 126;
    *at++ = (uint8_t)(len >> 8);
    *at++ = (uint8_t)len;
  }
  memcpy(at, payload, len);
  sock->rx_len = (size_t)(at - sock->rx) + len;
}

void fh_say(fake_hot_t *fake, int slot, const char *text) {
  fh_frame(fake, slot, TG_WS_TEXT, text, strlen(text));
}

uint8_t fh_heard(fake_hot_t *fake, int slot, char text[FH_TEXT_BYTES]) {
  fh_sock_t *sock = &fake->sock[slot];
  const uint8_t *at = sock->tx + sock->tx_read;
  size_t left = sock->tx_len - sock->tx_read;
  text[0] = '\0';
  if (left < 6) return 0;
  size_t len = at[1] & 127, head = 2;
  cr_assert(at[1] & 128, "a client masks");
  cr_assert_neq(len, 127);
  if (len == 126) {
    len = (size_t)at[2] << 8 | at[3];
    head = 4;
  }
  cr_assert(len < FH_TEXT_BYTES && left >= head + 4 + len);
  for (size_t i = 0; i < len; i++) text[i] = (char)(at[head + 4 + i] ^ at[head + (i & 3)]);
  text[len] = '\0';
  sock->tx_read += head + 4 + len;
  return at[0] & 15;
}

tg_handoff_t *fh_handoff(uint32_t gen) {
  tg_handoff_t *h = calloc(1, sizeof *h);
  h->fd = 99;
  h->gen = gen;
  return h;
}

tg_msg_t fh_adopt(tg_session_t session, uint8_t slot, uint32_t gen) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CTL_ADOPT, TG_INSTR_NONE, 0);
  msg.u.ctl_adopt.session = (uint8_t)session;
  msg.u.ctl_adopt.slot = slot;
  msg.u.ctl_adopt.gen = gen;
  return msg;
}

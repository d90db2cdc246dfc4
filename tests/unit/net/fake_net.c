#include "fake_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int queue(tg_io_op_t **slot, tg_io_t *io, tg_io_op_t *op) {
  fake_net_t *fake = io->fake;
  if (fake->queue_full) return -TG_EFULL;
  *slot = op;
  op->active = true;
  op->cancelled = false;
  return 0;
}

static int fake_connect(tg_io_t *io, tg_io_op_t *op, int fd, const struct sockaddr *addr, socklen_t len) {
  (void)io;
  (void)op;
  (void)fd;
  (void)addr;
  (void)len;
  return -TG_EFULL; /* hot sessions are born connected */
}

static int fake_recv_start(tg_io_t *io, tg_io_op_t *op, int fd) {
  (void)fd;
  return queue(&((fake_net_t *)io->fake)->recv_op, io, op);
}

static int fake_send(tg_io_t *io, tg_io_op_t *op, int fd, const void *data, size_t len) {
  fake_net_t *fake = io->fake;
  (void)fd;
  fake->send_data = data;
  fake->send_len = len;
  return queue(&fake->send_op, io, op);
}

static int fake_cancel(tg_io_t *io, tg_io_op_t *op) {
  fake_net_t *fake = io->fake;
  if (fake->queue_full) return -TG_EFULL;
  op->cancelled = true;
  if (op == fake->recv_op) fake->recv_cancel = true;
  if (op == fake->send_op) fake->send_cancel = true;
  return 0;
}

static int fake_install(tg_io_t *io, tg_io_op_t *op, int slot, const int *fd) {
  (void)slot;
  (void)fd;
  return queue(&((fake_net_t *)io->fake)->install_op, io, op);
}

static int fake_close_fd(tg_io_t *io, int fd) {
  fake_net_t *fake = io->fake;
  (void)fd;
  if (fake->queue_full) return -TG_EFULL;
  fake->fds_closed++;
  return 0;
}

static int fake_close_slot(tg_io_t *io, int slot) {
  fake_net_t *fake = io->fake;
  (void)slot;
  if (fake->queue_full) return -TG_EFULL;
  fake->slots_closed++;
  return 0;
}

static void finish(tg_io_t *io, tg_io_op_t **slot, int res) {
  tg_io_op_t *op = *slot;
  *slot = NULL;
  op->active = false;
  op->done(io, op, res, 0);
}

static int deliver(fake_net_t *fake) {
  tg_io_op_t *op = fake->recv_op;
  size_t n = fake->rx_len - fake->rx_at;
  if (fake->recv_cancel) {
    fake->recv_cancel = false;
    finish(&fake->io, &fake->recv_op, -ECANCELED);
    return 1;
  }
  if (n == 0) {
    if (!fake->rx_eof && !fake->rx_error) return 0;
    finish(&fake->io, &fake->recv_op, fake->rx_error);
    return 1;
  }
  if (fake->rx_step && n > fake->rx_step) n = fake->rx_step;
  if (n > sizeof fake->piece) n = sizeof fake->piece;
  /* flush with the end of the buffer: a sanitizer sees reads behind it */
  uint8_t *at = fake->piece + sizeof fake->piece - n;
  memcpy(at, fake->rx + fake->rx_at, n);
  fake->rx_at += n;
  op->rx_data = at;
  op->rx_stamp_ns = 0;
  op->done(&fake->io, op, (int)n, TG_IO_MORE | TG_IO_BUFFER);
  return 1;
}

static int fake_turn(tg_io_t *io, uint64_t now_ns, uint64_t wait_ns) {
  fake_net_t *fake = io->fake;
  int cnt = 0;
  (void)wait_ns;
  io->now_ns = now_ns;
  if (fake->install_op) {
    finish(io, &fake->install_op, 1);
    cnt++;
  }
  if (fake->send_op && fake->send_cancel) {
    fake->send_cancel = false;
    finish(io, &fake->send_op, -ECANCELED);
    cnt++;
  } else if (fake->send_op && !fake->tx_blocked) {
    size_t n = fake->tx_step && fake->send_len > fake->tx_step ? fake->tx_step : fake->send_len;
    if (fake->tx_len + n > FAKE_TX_BYTES) abort();
    memcpy(fake->tx + fake->tx_len, fake->send_data, n);
    fake->tx_len += n;
    finish(io, &fake->send_op, (int)n);
    cnt++;
  }
  if (fake->recv_op) cnt += deliver(fake);
  return cnt;
}

static const tg_net_ops_t fake_ops = {
    fake_connect, fake_recv_start, fake_send, fake_cancel, fake_install, fake_close_fd, fake_close_slot, fake_turn,
};

fake_net_t *fake_new(void) {
  fake_net_t *fake = calloc(1, sizeof *fake);
  fake->tx = malloc(FAKE_TX_BYTES);
  fake->io.net = &fake_ops;
  fake->io.fake = fake;
  return fake;
}

void fake_free(fake_net_t *fake) {
  free(fake->tx);
  free(fake);
}

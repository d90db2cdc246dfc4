#include "net/io.h"

#include <errno.h>
#include <liburing.h>
#include <linux/time_types.h>
#include <string.h>

/* The lane's half of io.h: queue, turn, call back. Set-up is io_setup.c. */

enum { KIND_PLAIN = 0, KIND_RECV = 1 };

static struct io_uring_sqe *next_sqe(tg_io_t *io) {
  struct io_uring_sqe *sqe = io_uring_get_sqe(io->ring);
  if (TG_UNLIKELY(!sqe)) { /* queue full: push it out once */
    (void)tg_io_flush(io);
    sqe = io_uring_get_sqe(io->ring);
    if (!sqe) io->count.sq_full++;
  }
  return sqe;
}

static void arm(struct io_uring_sqe *sqe, tg_io_op_t *op, uint8_t kind) {
  if (op->fixed) sqe->flags |= IOSQE_FIXED_FILE;
  op->kind = kind;
  op->active = true;
  op->cancelled = false;
  io_uring_sqe_set_data(sqe, op);
}

static int kernel_connect(tg_io_t *io, tg_io_op_t *op, int fd, const struct sockaddr *addr, socklen_t addr_len) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_connect(sqe, fd, addr, addr_len);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

static int kernel_recv_start(tg_io_t *io, tg_io_op_t *op, int fd) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  if (op->once) {
    io_uring_prep_recv(sqe, fd, NULL, io->cfg.buf_bytes, 0);
  } else if (op->stamped) {
    io_uring_prep_recvmsg_multishot(sqe, fd, io->stamp_msg, 0);
  } else {
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
  }
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = 0;
  op->fd = fd;
  arm(sqe, op, KIND_RECV);
  return 0;
}

static int kernel_send(tg_io_t *io, tg_io_op_t *op, int fd, const void *data, size_t len) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_send(sqe, fd, data, len, MSG_NOSIGNAL | MSG_WAITALL);
  arm(sqe, op, KIND_PLAIN);
  io->count.sends++;
  return 0;
}

static int kernel_cancel(tg_io_t *io, tg_io_op_t *op) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_cancel(sqe, op, 0);
  io_uring_sqe_set_data64(sqe, 0);
  op->cancelled = true;
  return 0;
}

static int kernel_install(tg_io_t *io, tg_io_op_t *op, int slot, const int *fd) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_files_update(sqe, (int *)(uintptr_t)fd, 1, slot); /* liburing's prototype forgot const */
  op->fixed = false;
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

static int kernel_close_fd(tg_io_t *io, int fd) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_close(sqe, fd);
  io_uring_sqe_set_data64(sqe, 0);
  return 0;
}

static int kernel_close_slot(tg_io_t *io, int slot) {
  struct io_uring_sqe *sqe = next_sqe(io);
  if (!sqe) return -TG_EFULL;
  io_uring_prep_close_direct(sqe, (unsigned)slot);
  io_uring_sqe_set_data64(sqe, 0);
  return 0;
}

int tg_io_flush(tg_io_t *io) {
  if (!io->ring) return 0; /* a fake network sends at once */
  if (io->ring->sq.sqe_tail == io->ring->sq.sqe_head) return 0;
  io->count.enters++;
  int rc = io_uring_submit(io->ring);
  if (TG_LIKELY(rc >= 0) || rc == -EAGAIN || rc == -EBUSY || rc == -EINTR) return 0;
  io->count.errors++;
  return -TG_EIO;
}

/* --- completions --- */

static void give_back(tg_io_t *io, uint16_t id) {
  struct io_uring_buf_ring *ring = io->buf_ring;
  uint8_t *addr = io->buf_base + (size_t)id * io->cfg.buf_bytes;
  io_uring_buf_ring_add(ring, addr, io->cfg.buf_bytes, id, (int)io->cfg.buf_cnt - 1, 0);
  io_uring_buf_ring_advance(ring, 1);
}

static uint64_t stamp_ns(const struct timespec *ts) {
  return (uint64_t)ts->tv_sec * UINT64_C(1000000000) + (uint64_t)ts->tv_nsec;
}

/* Payload of a recvmsg multishot buffer; sets the op's data and stamp. Returns its length, negative when malformed. */
static int unpack_stamped(tg_io_t *io, tg_io_op_t *op, uint8_t *buf, int res) {
  struct msghdr *msg = io->stamp_msg;
  struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(buf, res, msg);
  if (!out) return -EBADMSG;
  for (struct cmsghdr *c = io_uring_recvmsg_cmsg_firsthdr(out, msg); c; c = io_uring_recvmsg_cmsg_nexthdr(out, msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING) continue;
    struct timespec ts[3];
    memcpy(ts, CMSG_DATA(c), sizeof ts);
    op->rx_stamp_ns = ts[2].tv_sec ? stamp_ns(&ts[2]) : ts[0].tv_sec ? stamp_ns(&ts[0]) : 0;
  }
  op->rx_data = io_uring_recvmsg_payload(out, msg);
  return (int)io_uring_recvmsg_payload_length(out, res, msg);
}

static void complete_recv(tg_io_t *io, tg_io_op_t *op, int res, uint32_t cqe_flags) {
  bool more = (cqe_flags & IORING_CQE_F_MORE) != 0;
  bool has_buf = (cqe_flags & IORING_CQE_F_BUFFER) != 0;
  bool once = op->once; /* the owner may free a finished op */
  uint16_t id = (uint16_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
  op->rx_data = NULL;
  op->rx_stamp_ns = 0;
  if (has_buf && res > 0) {
    uint8_t *buf = io->buf_base + (size_t)id * io->cfg.buf_bytes;
    op->rx_data = buf;
    if (op->stamped && !once) res = unpack_stamped(io, op, buf, res);
  }
  if (TG_LIKELY(res > 0)) {
    io->count.recvs++;
    io->count.recv_bytes += (uint64_t)res;
    op->active = !once;
    op->done(io, op, res, TG_IO_BUFFER | (once ? 0 : TG_IO_MORE));
  }
  if (has_buf) give_back(io, id);
  if (TG_LIKELY(more) || (once && res > 0)) return;
  if (res == -ENOBUFS) io->count.no_buffers++;
  /* the kernel ended the multishot without an end of stream: arm it again */
  if ((res > 0 || res == -ENOBUFS) && !op->cancelled && kernel_recv_start(io, op, op->fd) == 0) return;
  op->active = false;
  if (res > 0 || res == -ENOBUFS) res = op->cancelled ? -ECANCELED : -EBUSY;
  op->done(io, op, res, 0);
}

static void complete(tg_io_t *io, tg_io_op_t *op, int res, uint32_t cqe_flags) {
  if (TG_LIKELY(op->kind == KIND_RECV)) {
    complete_recv(io, op, res, cqe_flags);
    return;
  }
  bool more = (cqe_flags & IORING_CQE_F_MORE) != 0;
  op->active = more;
  op->done(io, op, res, more ? TG_IO_MORE : 0);
}

static int reap(tg_io_t *io) {
  struct io_uring_cq *cq = &io->ring->cq;
  unsigned head = *cq->khead; /* ours alone */
  unsigned tail = io_uring_smp_load_acquire(cq->ktail);
  int cnt = 0;
  while (head != tail) {
    struct io_uring_cqe *cqe = &cq->cqes[head & *cq->kring_mask];
    tg_io_op_t *op = io_uring_cqe_get_data(cqe);
    int res = cqe->res;
    uint32_t flags = cqe->flags;
    head++;
    io_uring_smp_store_release(cq->khead, head); /* the slot is copied: the kernel may reuse it during the callback */
    if (op) {
      complete(io, op, res, flags);
      cnt++;
    } else if (res < 0 && res != -ENOENT && res != -EALREADY) {
      io->count.errors++; /* a close or cancel that failed */
    }
  }
  io->count.completions += (uint64_t)cnt;
  return cnt;
}

static int enter(tg_io_t *io, uint64_t wait_ns) {
  int rc;
  io->count.enters++;
  if (wait_ns) {
    struct __kernel_timespec ts = {(int64_t)(wait_ns / UINT64_C(1000000000)), (long long)(wait_ns % UINT64_C(1000000000))};
    struct io_uring_cqe *cqe;
    rc = io_uring_submit_and_wait_timeout(io->ring, &cqe, 1, &ts, NULL);
  } else {
    rc = io_uring_submit_and_get_events(io->ring);
  }
  if (TG_LIKELY(rc >= 0) || rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY) return 0;
  io->count.errors++;
  return -TG_EIO;
}

static int kernel_turn(tg_io_t *io, uint64_t now_ns, uint64_t wait_ns) {
  struct io_uring *ring = io->ring;
  io->now_ns = now_ns;
  io->count.turns++;
  bool ready = io_uring_cq_ready(ring) != 0;
  bool queued = ring->sq.sqe_tail != ring->sq.sqe_head;
  uint32_t flags = IO_URING_READ_ONCE(*ring->sq.kflags);
  if (flags & IORING_SQ_CQ_OVERFLOW) io->count.cq_overflows++;
  if (queued || (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) || (wait_ns && !ready)) {
    int rc = enter(io, ready ? 0 : wait_ns);
    if (rc) return rc;
    if (io->cfg.clock) io->now_ns = tg_clock_now_ns(io->cfg.clock);
  } else if (!ready) {
    return 0;
  }
  return reap(io);
}

const tg_net_ops_t tg_net_kernel = {
    .connect = kernel_connect,
    .recv_start = kernel_recv_start,
    .send = kernel_send,
    .cancel = kernel_cancel,
    .install = kernel_install,
    .close_fd = kernel_close_fd,
    .close_slot = kernel_close_slot,
    .turn = kernel_turn,
};

/* --- generic operations --- */

int tg_io_read(tg_io_t *io, tg_io_op_t *op, int fd, void *buf, uint32_t len, uint64_t offset) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  io_uring_prep_read(sqe, fd, buf, len, offset);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_io_write(tg_io_t *io, tg_io_op_t *op, int fd, const void *buf, uint32_t len, uint64_t offset) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  io_uring_prep_write(sqe, fd, buf, len, offset);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_io_accept(tg_io_t *io, tg_io_op_t *op, int fd) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_io_poll(tg_io_t *io, tg_io_op_t *op, int fd, uint32_t events) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  io_uring_prep_poll_add(sqe, fd, events);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_io_timer(tg_io_t *io, tg_io_op_t *op, uint64_t after_ns, int64_t spec[2]) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  TG_STATIC_ASSERT(sizeof(struct __kernel_timespec) == 16, "spec is a __kernel_timespec");
  spec[0] = (int64_t)(after_ns / UINT64_C(1000000000));
  spec[1] = (int64_t)(after_ns % UINT64_C(1000000000));
  io_uring_prep_timeout(sqe, (struct __kernel_timespec *)(void *)spec, 0, 0);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_io_fsync(tg_io_t *io, tg_io_op_t *op, int fd, bool data_only) {
  struct io_uring_sqe *sqe = io->ring ? next_sqe(io) : NULL;
  if (!sqe) return -TG_EFULL;
  io_uring_prep_fsync(sqe, fd, data_only ? IORING_FSYNC_DATASYNC : 0);
  arm(sqe, op, KIND_PLAIN);
  return 0;
}

int tg_errno_err(int err) {
  switch (err < 0 ? -err : err) {
    case 0:
      return 0;
    case ECONNREFUSED:
      return -TG_EREFUSED;
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return -TG_ETRUNCATED;
    case ETIMEDOUT:
    case ETIME:
      return -TG_ETIMEOUT;
    case EACCES:
    case EPERM:
      return -TG_EPERM;
    case ENOMEM:
    case ENOBUFS:
      return -TG_ENOMEM;
    default:
      return -TG_EIO;
  }
}

/* io.h - one io_uring per lane: every byte in or out of a lane goes through its tg_io_t.
 * What:    operations are queued (no system call), tg_io_turn submits them and calls back what finished.
 *          Busy mode (wait_ns 0): an idle turn peeks two words of shared memory and makes no system call.
 *          Blocking mode (wait_ns > 0): parks inside io_uring_enter for at most wait_ns.
 * Owner:   memory from the caller's arena (tg_io_layout); kernel objects until tg_io_close.
 * Threads: tg_io_layout and tg_io_setup on any one thread; tg_io_enable and all else on the one lane that turns it
 *          (the ring is created disabled, SINGLE_ISSUER: the thread that enables it is its owner).
 * Order:   liburing's acquire/release on the rings' heads and tails.
 * Limit:   everything is sized by tg_io_cfg_t: entries in the queue, registered files, receive buffers.
 * Errors:  -TG_E*; in callbacks `res` is the kernel's (-errno or a count).
 *
 * Use by a lane:
 *   tg_io_layout(&arena, &io, &cfg); tg_io_setup(&io);         privileged/start-up thread
 *   tg_io_enable(&io);                                         on the lane's own thread, once
 *   for (;;) { now = ...; tg_io_turn(&io, now, 0); ... }       callbacks run inside tg_io_turn
 * After tg_io_enable the only system call made here is io_uring_enter: descriptors enter and leave the
 * registered table by SQEs (IORING_OP_FILES_UPDATE, IORING_OP_CLOSE).
 *
 * The seam: tg_io_t.net is a vtable (tg_net_ops_t). net/ calls connect, receive, send, close, cancel and turn
 * through it only, and takes time as an argument; a fake network is another vtable (tests/unit/net shows one). */
#ifndef TG_NET_IO_H
#define TG_NET_IO_H

#include <sys/socket.h>

#include "engine/base/arena.h"
#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/err.h"
#include "engine/base/types.h"

struct io_uring;
struct msghdr;
typedef struct tg_io tg_io_t;
typedef struct tg_io_op tg_io_op_t;

/* Flags given to a callback. */
#define TG_IO_MORE 0x1u   /* multishot: this op will call back again */
#define TG_IO_BUFFER 0x2u /* res bytes lie at op->rx_data, in a provided buffer given back after done */

/* What came of one operation: res >= 0 or -errno. `op` may be reused when TG_IO_MORE is not set. */
typedef void (*tg_io_done_t)(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags);

/* One operation; embedded in the owner's struct, which must outlive it. Zero it once, set done and user. */
struct tg_io_op {
  tg_io_done_t done;
  void *user;
  uint8_t *rx_data;     /* receive ops, during done: the bytes (in the buffer, writable) */
  uint64_t rx_stamp_ns; /* receive ops, during done: kernel software or hardware timestamp, 0 = none */
  bool active;          /* a final callback is still to come */
  bool fixed;           /* fd arguments are slots of the registered table */
  bool stamped;         /* receive through recvmsg with SO_TIMESTAMPING control data (tg_io_recv_start sets it) */
  bool once;            /* receive ends after one buffer (TG_IO_MORE unset): what is not asked for stays in the kernel */
  uint8_t kind;         /* private */
  bool cancelled;       /* private */
  int fd;               /* private */
};

/* The vtable: what a fake network replaces. `fd` is a descriptor, or a slot when op->fixed. All return 0 or -TG_EFULL (no
 * queue entry even after submitting). Buffers and addresses stay the caller's and untouched until the callback. */
typedef struct tg_net_ops {
  int (*connect)(tg_io_t *io, tg_io_op_t *op, int fd, const struct sockaddr *addr, socklen_t addr_len);
  int (*recv_start)(tg_io_t *io, tg_io_op_t *op, int fd); /* into provided buffers; multishot unless op->once */
  int (*send)(tg_io_t *io, tg_io_op_t *op, int fd, const void *data, size_t len);
  int (*cancel)(tg_io_t *io, tg_io_op_t *op);                           /* op's own callback tells: -ECANCELED or its result */
  int (*install)(tg_io_t *io, tg_io_op_t *op, int slot, const int *fd); /* *fd into the registered table; valid till done */
  int (*close_fd)(tg_io_t *io, int fd);                                 /* no callback */
  int (*close_slot)(tg_io_t *io, int slot);                             /* no callback */
  int (*turn)(tg_io_t *io, uint64_t now_ns, uint64_t wait_ns);
} tg_net_ops_t;

/* The kernel's. */
extern const tg_net_ops_t tg_net_kernel;

/* Which rows of ring_ops.def a ring may use. */
typedef enum tg_io_ops { TG_IO_OPS_ALL = 0, TG_IO_OPS_HOT, TG_IO_OPS_COLD } tg_io_ops_t;

typedef struct tg_io_cfg {
  uint32_t entry_cnt;      /* SQ entries, power of two; CQ has four times as many. 256 */
  uint32_t file_cnt;       /* slots of the registered table (hot sessions). 64; 0 = no table */
  uint32_t buf_cnt;        /* receive buffers, power of two. Few and reused stay in L2: 32 */
  uint32_t buf_bytes;      /* bytes of each, 4096..65536. 16384 */
  const tg_clock_t *clock; /* NULL: rx time = the turn's now_ns; else one stamp a batch, read after io_uring_enter */
  bool sqpoll;             /* reserved: must be false (needs a third core) */
  tg_io_ops_t ops;         /* TG_IO_OPS_ALL: not restricted */
} tg_io_cfg_t;

typedef struct tg_io_count {
  uint64_t turns, enters, completions, sends, recvs, recv_bytes, no_buffers, sq_full, cq_overflows, errors;
} tg_io_count_t;

struct tg_io {
  const tg_net_ops_t *net; /* tg_io_setup sets the kernel's; a fake sets its own and never calls setup */
  void *fake;              /* for the fake */
  uint64_t now_ns;         /* time of the turn under way; callbacks read it */
  tg_io_count_t count;
  tg_io_cfg_t cfg;
  /* private below */
  struct io_uring *ring;
  void *buf_ring;
  uint8_t *buf_base;
  struct msghdr *stamp_msg;
  uint16_t buf_tail;
  bool enabled;
  bool restricted; /* by ring_ops.def */
  bool ring_fd_registered;
};

/* Sensible values: entry 256, file 64, 32 buffers of 16 KB, no clock. */
void tg_io_cfg_defaults(tg_io_cfg_t *cfg);
/* Counts or carves. 0, -TG_EINVAL (a size outside its range), -TG_ENOMEM. */
TG_MUST_USE int tg_io_layout(tg_arena_t *arena, tg_io_t *io, const tg_io_cfg_t *cfg);
/* Makes the ring (disabled), registers files and buffers and, with cfg.ops, restricts it to the rows of ring_ops.def. Receive
 * buffers are kept out of core dumps. 0, -TG_EUNSUPPORTED (kernel without io_uring or without restrictions, or older than 6.1),
 * -TG_EPERM (forbidden here), -TG_ENOMEM (RLIMIT_MEMLOCK), -TG_EIO. */
TG_MUST_USE int tg_io_setup(tg_io_t *io);
/* On the lane's own thread: this thread is the only issuer from now on. 0 or -TG_EIO. */
TG_MUST_USE int tg_io_enable(tg_io_t *io);
/* Ends everything; callbacks do not run. Any op may be forgotten afterwards. */
void tg_io_close(tg_io_t *io);

/* Submits what is queued, then calls back everything finished. wait_ns 0: never blocks, and makes no system call when
 * nothing is queued and nothing arrived. Returns the number of callbacks run, or -TG_EIO. */
static inline int tg_io_turn(tg_io_t *io, uint64_t now_ns, uint64_t wait_ns) {
  return io->net->turn(io, now_ns, wait_ns);
}
/* Submits what is queued now (one io_uring_enter if anything is), runs no callback: an order leaves at once. Returns 0 or
 * -TG_EIO. */
int tg_io_flush(tg_io_t *io);

/* --- generic operations for the cold lane (files, pipes, eventfd, UNIX sockets). 0 or -TG_EFULL; done(res) follows. --- */
TG_MUST_USE int tg_io_read(tg_io_t *io, tg_io_op_t *op, int fd, void *buf, uint32_t len, uint64_t offset);
TG_MUST_USE int tg_io_write(tg_io_t *io, tg_io_op_t *op, int fd, const void *buf, uint32_t len, uint64_t offset);
#define TG_IO_NO_OFFSET UINT64_MAX /* streams: the file's own position */
/* res = accepted descriptor (non-blocking, close-on-exec). */
TG_MUST_USE int tg_io_accept(tg_io_t *io, tg_io_op_t *op, int fd);
/* res = revents. */
TG_MUST_USE int tg_io_poll(tg_io_t *io, tg_io_op_t *op, int fd, uint32_t events);
/* After `after_ns`: res = -ETIME. `spec` (two int64) is the caller's until done. */
TG_MUST_USE int tg_io_timer(tg_io_t *io, tg_io_op_t *op, uint64_t after_ns, int64_t spec[2]);
TG_MUST_USE int tg_io_fsync(tg_io_t *io, tg_io_op_t *op, int fd, bool data_only);

/* --- sockets, through the vtable --- */
TG_MUST_USE static inline int tg_io_connect(tg_io_t *io, tg_io_op_t *op, int fd, const struct sockaddr *addr, socklen_t len) {
  return io->net->connect(io, op, fd, addr, len);
}
/* Multishot receive. done(res > 0, TG_IO_BUFFER): op->rx_data holds res bytes, until done returns. res 0: end of stream.
 * -ENOBUFS is handled inside (re-armed, counted). With op->once one buffer only. Set op->stamped before for kernel timestamps
 * (fd with SO_TIMESTAMPING). */
TG_MUST_USE static inline int tg_io_recv_start(tg_io_t *io, tg_io_op_t *op, int fd) {
  return io->net->recv_start(io, op, fd);
}
/* MSG_NOSIGNAL | MSG_WAITALL; res may still be less than len: send the rest. One send of a socket at a time. */
TG_MUST_USE static inline int tg_io_send(tg_io_t *io, tg_io_op_t *op, int fd, const void *data, size_t len) {
  return io->net->send(io, op, fd, data, len);
}
/* These three: a refusal (-TG_EFULL) is retried by the owner's housekeeping. */
static inline int tg_io_cancel(tg_io_t *io, tg_io_op_t *op) {
  return io->net->cancel(io, op);
}
TG_MUST_USE static inline int tg_io_install(tg_io_t *io, tg_io_op_t *op, int slot, const int *fd) {
  return io->net->install(io, op, slot, fd);
}
static inline int tg_io_close_fd(tg_io_t *io, int fd) {
  return io->net->close_fd(io, fd);
}
static inline int tg_io_close_slot(tg_io_t *io, int slot) {
  return io->net->close_slot(io, slot);
}

/* -TG_E* for an errno of connect, send or receive (given positive or negative). */
int tg_errno_err(int err);

#endif

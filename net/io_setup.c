#include <errno.h>
#include <liburing.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/mman.h>

#include "net/io.h"

void tg_io_cfg_defaults(tg_io_cfg_t *cfg) {
  memset(cfg, 0, sizeof *cfg);
  cfg->entry_cnt = 256;
  cfg->file_cnt = 64;
  cfg->buf_cnt = 32;
  cfg->buf_bytes = 16384;
}

static bool power_of_two(uint32_t n) {
  return n && !(n & (n - 1));
}

int tg_io_layout(tg_arena_t *arena, tg_io_t *io, const tg_io_cfg_t *cfg) {
  if (!power_of_two(cfg->entry_cnt) || cfg->entry_cnt > 4096 || cfg->file_cnt > 4096 || !power_of_two(cfg->buf_cnt) ||
      cfg->buf_cnt > 4096 || cfg->buf_bytes < 4096 || cfg->buf_bytes > 65536 || cfg->sqpoll) {
    return -TG_EINVAL;
  }
  struct io_uring *ring = TG_ARENA_NEW(arena, struct io_uring, 1);
  void *buf_ring = tg_arena_alloc(arena, sizeof(struct io_uring_buf) * cfg->buf_cnt, 4096);
  uint8_t *buf_base = tg_arena_alloc(arena, (size_t)cfg->buf_cnt * cfg->buf_bytes, 4096);
  struct msghdr *stamp_msg = TG_ARENA_NEW(arena, struct msghdr, 1);
  if (arena->err) return arena->err;
  if (tg_arena_counting(arena)) return 0;
  memset(io, 0, sizeof *io);
  io->cfg = *cfg;
  io->ring = ring;
  io->buf_ring = buf_ring;
  io->buf_base = buf_base;
  io->stamp_msg = stamp_msg;
  stamp_msg->msg_controllen = CMSG_SPACE(sizeof(struct scm_timestamping));
  ring->ring_fd = -1;
  return 0;
}

static int setup_err(int rc) {
  switch (-rc) {
    case ENOSYS:
    case EINVAL:
      return -TG_EUNSUPPORTED;
    case EPERM:
    case EACCES:
      return -TG_EPERM;
    case ENOMEM:
      return -TG_ENOMEM;
    default:
      return -TG_EIO;
  }
}

static int register_all(tg_io_t *io) {
  int rc = io->cfg.file_cnt ? io_uring_register_files_sparse(io->ring, io->cfg.file_cnt) : 0;
  if (rc < 0) return rc;
  struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)(uintptr_t)io->buf_ring, .ring_entries = io->cfg.buf_cnt, .bgid = 0};
  rc = io_uring_register_buf_ring(io->ring, &reg, 0);
  if (rc < 0) return rc;
  struct io_uring_buf_ring *bufs = io->buf_ring;
  io_uring_buf_ring_init(bufs);
  for (uint32_t i = 0; i < io->cfg.buf_cnt; i++) {
    uint8_t *addr = io->buf_base + (size_t)i * io->cfg.buf_bytes;
    io_uring_buf_ring_add(bufs, addr, io->cfg.buf_bytes, (unsigned short)i, (int)io->cfg.buf_cnt - 1, (int)i);
  }
  io_uring_buf_ring_advance(bufs, (int)io->cfg.buf_cnt);
  return 0;
}

/* The rows of ring_ops.def, two register operations (the ring's own descriptor in and out of the thread's table) and two flags.
 */
static int restrict_ring(tg_io_t *io) {
  struct io_uring_restriction rule[] = {
#define R(op, hot, cold, why) {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_##op, .resv = (hot) | (cold) << 1},
#include "net/ring_ops.def"
#undef R
      {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT, .resv = 3},
      {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_RING_FDS, .resv = 3},
      {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_RING_FDS, .resv = 3},
  };
  unsigned bit = io->cfg.ops == TG_IO_OPS_HOT ? 1u : 2u;
  unsigned cnt = 0;
  for (size_t i = 0; i < sizeof rule / sizeof *rule; i++) {
    if (!(rule[i].resv & bit)) continue;
    rule[cnt] = rule[i];
    rule[cnt++].resv = 0; /* reserved: must be zero */
  }
  int rc = io_uring_register_restrictions(io->ring, rule, cnt);
  io->restricted = rc == 0;
  return rc;
}

int tg_io_setup(tg_io_t *io) {
  struct io_uring_params params;
  memset(&params, 0, sizeof params);
  /* DEFER_TASKRUN: completions are made when we enter, on our core, not by interrupting us; TASKRUN_FLAG shows in shared
   * memory that there are some, so that an idle turn need not ask. R_DISABLED: the lane's thread enables it. */
  params.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  params.cq_entries = io->cfg.entry_cnt * 4;
  int rc = io_uring_queue_init_params(io->cfg.entry_cnt, io->ring, &params);
  if (rc < 0) {
    io->ring->ring_fd = -1;
    return setup_err(rc);
  }
  rc = register_all(io);
  if (rc == 0 && io->cfg.ops != TG_IO_OPS_ALL) rc = restrict_ring(io);
  /* opened records lie there; a refusal (huge pages) leaves them in the dump */
  (void)madvise(io->buf_base, (size_t)io->cfg.buf_cnt * io->cfg.buf_bytes, MADV_DONTDUMP);
  if (rc < 0) {
    tg_io_close(io);
    return setup_err(rc);
  }
  io->net = &tg_net_kernel;
  return 0;
}

int tg_io_enable(tg_io_t *io) {
  if (io_uring_enable_rings(io->ring) < 0) return -TG_EIO;
  /* saves a descriptor look-up on each enter; a kernel that refuses is no harm */
  io->ring_fd_registered = io_uring_register_ring_fd(io->ring) == 1;
  io->enabled = true;
  return 0;
}

void tg_io_close(tg_io_t *io) {
  if (!io->ring || io->ring->ring_fd < 0) return;
  io_uring_queue_exit(io->ring);
  io->ring->ring_fd = -1;
  io->enabled = false;
}

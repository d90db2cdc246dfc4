/* A restricted ring refuses what its lane has no row for in net/ring_ops.def: io_uring is no way around seccomp. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io.h"

typedef struct ring {
  tg_arena_t arena;
  tg_io_t io;
} ring_t;

static void ring_open(ring_t *r, tg_io_ops_t ops) {
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cfg.ops = ops;
  cr_assert_eq(tg_arena_map(&r->arena, 4u << 20), 0);
  cr_assert_eq(tg_io_layout(&r->arena, &r->io, &cfg), 0);
  cr_assert_eq(tg_io_setup(&r->io), 0);
  cr_assert_eq(r->io.restricted, ops != TG_IO_OPS_ALL);
  cr_assert_eq(tg_io_enable(&r->io), 0);
}

static void ring_close(ring_t *r) {
  tg_io_close(&r->io);
  tg_arena_unmap(&r->arena);
}

/* Result of one raw entry. */
static int try_op(ring_t *r, uint8_t opcode, int fd, uint8_t flags) {
  static char buf[64] = "/etc/hostname";
  struct io_uring_sqe *sqe = io_uring_get_sqe(r->io.ring);
  cr_assert_not_null(sqe);
  io_uring_prep_rw(opcode, sqe, fd, buf, sizeof buf, 0);
  sqe->flags = flags;
  if (opcode == IORING_OP_OPENAT) sqe->len = 0;
  cr_assert_geq(io_uring_submit_and_wait(r->io.ring, 1), 0);
  struct io_uring_cqe *cqe;
  cr_assert_eq(io_uring_wait_cqe(r->io.ring, &cqe), 0);
  int res = cqe->res;
  io_uring_cqe_seen(r->io.ring, cqe);
  return res;
}

Test(ring_ops, an_open_by_the_ring_fails) {
  ring_t all, hot, cold;
  ring_open(&all, TG_IO_OPS_ALL);
  int fd = try_op(&all, IORING_OP_OPENAT, AT_FDCWD, 0);
  cr_assert_geq(fd, 0, "without restrictions it opens: %s", strerror(-fd));
  close(fd);
  ring_open(&hot, TG_IO_OPS_HOT);
  cr_expect_eq(try_op(&hot, IORING_OP_OPENAT, AT_FDCWD, 0), -EACCES);
  ring_open(&cold, TG_IO_OPS_COLD);
  cr_expect_eq(try_op(&cold, IORING_OP_OPENAT, AT_FDCWD, 0), -EACCES);
  ring_close(&all);
  ring_close(&hot);
  ring_close(&cold);
}

Test(ring_ops, every_operation_without_a_row_fails) {
  static const struct {
    uint8_t op, hot, cold;
  } row[] = {
#define R(name, hot, cold, why) {IORING_OP_##name, hot, cold},
#include "net/ring_ops.def"
#undef R
  };
  ring_t ring;
  int refused[2] = {0, 0};
  for (int side = 0; side < 2; side++) {
    ring_open(&ring, side ? TG_IO_OPS_COLD : TG_IO_OPS_HOT);
    for (uint8_t op = 0; op < IORING_OP_LAST; op++) {
      bool allowed = false;
      for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].op == op && (side ? row[i].cold : row[i].hot)) allowed = true;
      if (allowed) continue;
      cr_expect_eq(try_op(&ring, op, -1, 0), -EACCES, "operation %u on the %s ring", (unsigned)op, side ? "cold" : "hot");
      refused[side]++;
    }
    /* an allowed operation with a flag nobody needs: a chain could order what we did not mean to order */
    cr_expect_eq(try_op(&ring, IORING_OP_SEND, -1, IOSQE_IO_LINK), -EACCES);
    cr_expect_eq(try_op(&ring, IORING_OP_SEND, -1, IOSQE_ASYNC), -EACCES);
    cr_expect_eq(try_op(&ring, IORING_OP_SEND, -1, 0), -EBADF, "allowed, and fails for its own reason");
    ring_close(&ring);
  }
  cr_expect_gt(refused[0], 35);
  cr_expect_gt(refused[1], 35);
}

Test(ring_ops, restrictions_cannot_be_lifted_and_nothing_else_registered) {
  ring_t ring;
  ring_open(&ring, TG_IO_OPS_HOT);
  int fd = ring.io.ring->ring_fd;
  struct io_uring_restriction any = {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_OPENAT};
  cr_expect_lt(io_uring_register_restrictions(ring.io.ring, &any, 1), 0);
  cr_expect_eq(io_uring_register_eventfd(ring.io.ring, fd), -EACCES);
  cr_expect_eq(io_uring_register_personality(ring.io.ring), -EACCES);
  cr_expect_eq(io_uring_register_files(ring.io.ring, &fd, 1), -EACCES);
  cr_expect_eq(try_op(&ring, IORING_OP_OPENAT, AT_FDCWD, 0), -EACCES);
  ring_close(&ring);
}

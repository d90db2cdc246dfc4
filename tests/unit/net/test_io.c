/* The ring itself: generic operations, no system call when idle, few receive buffers, kernel timestamps. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/io.h"
#include "net/tcp.h"
#include "rig.h"

typedef struct seen {
  int cnt, res;
  uint32_t flags;
  uint64_t stamp_ns;
  uint8_t data[1 << 17];
  size_t len;
} seen_t;

static void on_done(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  seen_t *seen = op->user;
  (void)io;
  seen->cnt++;
  seen->res = res;
  seen->flags = flags;
  if (flags & TG_IO_BUFFER) {
    cr_assert_leq(seen->len + (size_t)res, sizeof seen->data);
    memcpy(seen->data + seen->len, op->rx_data, (size_t)res);
    seen->len += (size_t)res;
    if (op->rx_stamp_ns) seen->stamp_ns = op->rx_stamp_ns;
  }
}

typedef struct fix {
  tg_arena_t arena;
  tg_io_t io;
} fix_t;

static void fix_open(fix_t *fix, uint32_t buf_cnt, uint32_t buf_bytes) {
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  if (buf_cnt) cfg.buf_cnt = buf_cnt;
  if (buf_bytes) cfg.buf_bytes = buf_bytes;
  cr_assert_eq(tg_arena_map(&fix->arena, 4u << 20), 0);
  cr_assert_eq(tg_io_layout(&fix->arena, &fix->io, &cfg), 0);
  cr_assert_eq(tg_io_setup(&fix->io), 0);
  cr_assert_eq(tg_io_enable(&fix->io), 0);
}

static void fix_close(fix_t *fix) {
  tg_io_close(&fix->io);
  tg_arena_unmap(&fix->arena);
}

static void wait_for(fix_t *fix, const int *cnt, int want) {
  for (int i = 0; i < 20000 && *cnt < want; i++) cr_assert_geq(tg_io_turn(&fix->io, rig_now(), 1000000), 0);
  cr_assert_geq(*cnt, want);
}

static tg_io_op_t op_of(seen_t *seen) {
  memset(seen, 0, sizeof *seen);
  return (tg_io_op_t){.done = on_done, .user = seen};
}

Test(io, sizes_are_checked_and_counted) {
  tg_arena_t count;
  tg_io_t io;
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  tg_arena_count(&count);
  cr_assert_eq(tg_io_layout(&count, &io, &cfg), 0);
  cr_assert_gt(count.used_bytes, cfg.buf_cnt * cfg.buf_bytes);
  cfg.buf_cnt = 3;
  cr_assert_eq(tg_io_layout(&count, &io, &cfg), -TG_EINVAL);
  tg_io_cfg_defaults(&cfg);
  cfg.entry_cnt = 0;
  cr_assert_eq(tg_io_layout(&count, &io, &cfg), -TG_EINVAL);
  tg_io_cfg_defaults(&cfg);
  cfg.buf_bytes = 100;
  cr_assert_eq(tg_io_layout(&count, &io, &cfg), -TG_EINVAL);
}

Test(io, idle_turns_make_no_system_call) {
  static fix_t fix;
  fix_open(&fix, 0, 0);
  static seen_t seen;
  tg_io_op_t op = op_of(&seen);
  int pipes[2];
  cr_assert_eq(pipe(pipes), 0);
  char byte;
  cr_assert_eq(tg_io_read(&fix.io, &op, pipes[0], &byte, 1, TG_IO_NO_OFFSET), 0);
  cr_assert_eq(tg_io_turn(&fix.io, 1, 0), 0);
  uint64_t enters = fix.io.count.enters;
  for (int i = 0; i < 100000; i++) cr_assert_eq(tg_io_turn(&fix.io, 1, 0), 0);
  cr_assert_eq(fix.io.count.enters, enters, "an idle busy turn entered the kernel");
  cr_assert_eq(write(pipes[1], "x", 1), 1);
  wait_for(&fix, &seen.cnt, 1);
  cr_assert_eq(seen.res, 1);
  cr_assert_eq(byte, 'x');
  fix_close(&fix);
}

Test(io, files_timers_events_and_unix_sockets) {
  static fix_t fix;
  static seen_t a, b;
  fix_open(&fix, 0, 0);
  char path[] = "/tmp/tg-test-io-XXXXXX", buf[8] = "";
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  tg_io_op_t op = op_of(&a);
  cr_assert_eq(tg_io_write(&fix.io, &op, fd, "abcdef", 6, 0), 0);
  wait_for(&fix, &a.cnt, 1);
  cr_assert_eq(a.res, 6);
  cr_assert_eq(tg_io_fsync(&fix.io, &op, fd, true), 0);
  wait_for(&fix, &a.cnt, 2);
  cr_assert_eq(a.res, 0);
  cr_assert_eq(tg_io_read(&fix.io, &op, fd, buf, 3, 2), 0);
  wait_for(&fix, &a.cnt, 3);
  cr_assert_arr_eq(buf, "cde", 3);
  unlink(path);
  close(fd);
  int64_t spec[2];
  uint64_t from = rig_now();
  cr_assert_eq(tg_io_timer(&fix.io, &op, 2000000, spec), 0);
  wait_for(&fix, &a.cnt, 4);
  cr_assert_eq(a.res, -ETIME);
  cr_assert_geq(rig_now() - from, 2000000);
  int event = eventfd(0, EFD_CLOEXEC);
  cr_assert_eq(tg_io_poll(&fix.io, &op, event, POLLIN), 0);
  cr_assert_eq(tg_io_turn(&fix.io, 1, 0), 0);
  uint64_t one = 1;
  cr_assert_eq(write(event, &one, 8), 8);
  wait_for(&fix, &a.cnt, 5);
  cr_assert(a.res & POLLIN);
  /* a UNIX server socket, as the control socket has it */
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  strcpy(addr.sun_path + 1, "tg-test-io"); /* abstract name */
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  cr_assert_eq(bind(server, (struct sockaddr *)&addr, sizeof addr), 0);
  cr_assert_eq(listen(server, 1), 0);
  cr_assert_eq(tg_io_accept(&fix.io, &op, server), 0);
  cr_assert_eq(connect(client, (struct sockaddr *)&addr, sizeof addr), 0);
  wait_for(&fix, &a.cnt, 6);
  cr_assert_geq(a.res, 0);
  int accepted = a.res;
  tg_io_op_t recv_op = op_of(&b);
  cr_assert_eq(tg_io_recv_start(&fix.io, &recv_op, accepted), 0);
  cr_assert_eq(write(client, "hello", 5), 5);
  wait_for(&fix, &b.cnt, 1);
  cr_assert_arr_eq(b.data, "hello", 5);
  cr_assert_eq(tg_io_cancel(&fix.io, &recv_op), 0);
  while (recv_op.active) cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_eq(b.res, -ECANCELED);
  cr_assert_not(b.flags & TG_IO_MORE);
  close(client);
  close(server);
  close(accepted);
  close(event);
  fix_close(&fix);
}

/* Two small buffers and a flood: the receive ends for want of buffers and is armed again; no byte is lost. */
Test(io, out_of_buffers_is_survived) {
  static fix_t fix;
  static seen_t seen;
  fix_open(&fix, 2, 4096);
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  tg_io_op_t op = op_of(&seen);
  cr_assert_eq(tg_io_recv_start(&fix.io, &op, pair[0]), 0);
  static uint8_t sent[100000];
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (uint8_t)(i * 31 >> 3);
  cr_assert_eq(write(pair[1], sent, sizeof sent), (ssize_t)sizeof sent);
  for (int i = 0; i < 1000 && seen.len < sizeof sent; i++) cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_eq(seen.len, sizeof sent);
  cr_assert(memcmp(seen.data, sent, sizeof sent) == 0);
  cr_assert_gt(fix.io.count.no_buffers, 0, "buffers never ran out: the test tests nothing");
  close(pair[1]);
  while (op.active) cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_eq(seen.res, 0, "end of stream");
  close(pair[0]);
  fix_close(&fix);
}

/* A cancel from inside the callback that will be re-armed must not be lost. */
static void cancel_inside(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  on_done(io, op, res, flags);
  if (res > 0 && !op->cancelled) tg_io_cancel(io, op);
}

Test(io, cancel_from_inside) {
  static fix_t fix;
  static seen_t seen;
  fix_open(&fix, 2, 4096);
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  tg_io_op_t op = op_of(&seen);
  op.done = cancel_inside;
  cr_assert_eq(tg_io_recv_start(&fix.io, &op, pair[0]), 0);
  static uint8_t sent[50000];
  cr_assert_eq(write(pair[1], sent, sizeof sent), (ssize_t)sizeof sent);
  for (int i = 0; i < 1000 && op.active; i++) cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_not(op.active);
  cr_assert_lt(seen.res, 0);
  close(pair[0]);
  close(pair[1]);
  fix_close(&fix);
}

Test(io, registered_files_come_and_go_by_sqe) {
  static fix_t fix;
  static seen_t a, b, c;
  fix_open(&fix, 0, 0);
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  tg_io_op_t install = op_of(&a), recv_op = op_of(&b), send_op = op_of(&c);
  cr_assert_eq(tg_io_install(&fix.io, &install, 5, &pair[0]), 0);
  wait_for(&fix, &a.cnt, 1);
  cr_assert_eq(a.res, 1);
  cr_assert_eq(tg_io_close_fd(&fix.io, pair[0]), 0); /* the table keeps the socket */
  recv_op.fixed = send_op.fixed = true;
  cr_assert_eq(tg_io_recv_start(&fix.io, &recv_op, 5), 0);
  cr_assert_eq(tg_io_send(&fix.io, &send_op, 5, "ping", 4), 0);
  wait_for(&fix, &c.cnt, 1);
  cr_assert_eq(c.res, 4);
  char buf[8];
  cr_assert_eq(read(pair[1], buf, sizeof buf), 4);
  cr_assert_eq(write(pair[1], "pong", 4), 4);
  wait_for(&fix, &b.cnt, 1);
  cr_assert_arr_eq(b.data, "pong", 4);
  tg_io_cancel(&fix.io, &recv_op);
  while (recv_op.active) cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_eq(tg_io_close_slot(&fix.io, 5), 0);
  cr_assert_geq(tg_io_turn(&fix.io, 1, 1000000), 0);
  cr_assert_eq(read(pair[1], buf, sizeof buf), 0, "the socket is really closed");
  close(pair[1]);
  fix_close(&fix);
}

/* --- kernel timestamps over the whole session --- */

static void stamp_script(peer_t *peer, int connection) {
  uint8_t op, buf[64];
  (void)connection;
  if (!peer_upgrade(peer)) return;
  for (int i = 0; i < 50 && peer_send_frame(peer, 1, true, "tick", 4); i++) {
    if (peer_read_frame(peer, &op, buf, sizeof buf) < 0) return;
  }
}

Test(io, kernel_receive_stamps) {
  peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304), .script = stamp_script};
  peer_t *peer = peer_start(&cfg);
  rig_t *rig = rig_new(NULL);
  rig->detach_on_open = true;
  rig->echo = true;
  tg_dial_cfg_t dial = {
      .host = "localhost", .port = peer_port(peer), .path = "/", .tls = rig->tls, .timeout_ms = 10000, .gen = 1};
  dial.tcp.stamps = true;
  dial.tcp.keepalive_s = 10;
  dial.tcp.user_timeout_ms = 5000;
  cr_assert_eq(tg_dial_start(rig->dial, &dial, rig_now()), 0);
  cr_assert(rig_until(rig, &rig->detaches, 1), "%s", rig->dial_reason);
  struct timespec before, after;
  clock_gettime(CLOCK_REALTIME, &before);
  cr_assert_eq(rig_adopt(rig), 0);
  cr_assert(rig_until(rig, &rig->messages, 50));
  clock_gettime(CLOCK_REALTIME, &after);
  cr_assert(rig->handoff->stamped);
  if (!rig->conn.rx_is_kernel) cr_skip("this kernel gives no software receive timestamps");
  cr_assert_geq(rig->last_rx_ns, (uint64_t)before.tv_sec * 1000000000u);
  cr_assert_leq(rig->last_rx_ns, (uint64_t)after.tv_sec * 1000000000u + (uint64_t)after.tv_nsec);
  cr_assert(rig_until(rig, &rig->conn_closes, 1));
  cr_assert_eq(rig->conn_err, -TG_ETRUNCATED, "the peer hangs up without close_notify");
  rig_free(rig);
  peer_stop(peer);
}

/* Parked until something comes: wakes by data, not by its bound. */
static void *poke(void *arg) {
  struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
  if (write(*(int *)arg, "x", 1) != 1) abort();
  return NULL;
}

Test(io, blocking_turn_wakes_for_data) {
  static fix_t fix;
  static seen_t seen;
  fix_open(&fix, 0, 0);
  int pipes[2];
  char byte;
  pthread_t thread;
  cr_assert_eq(pipe(pipes), 0);
  tg_io_op_t op = op_of(&seen);
  cr_assert_eq(tg_io_read(&fix.io, &op, pipes[0], &byte, 1, TG_IO_NO_OFFSET), 0);
  pthread_create(&thread, NULL, poke, &pipes[1]);
  cr_assert_eq(tg_io_turn(&fix.io, 1, UINT64_C(20000000000)), 1);
  cr_assert_eq(seen.res, 1);
  pthread_join(thread, NULL);
  cr_assert_eq(tg_io_turn(&fix.io, 1, 1000000), 0, "nothing came: back by the bound");
  fix_close(&fix);
}

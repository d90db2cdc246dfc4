/* A hot lane under a seccomp filter: after start it adopts, receives, sends, answers and closes by io_uring_enter alone. */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc_count.h"
#include "rig.h"

enum { ECHOES = 500 };

typedef struct lane {
  rig_t *rig;
  _Atomic int ready;
  _Atomic(tg_handoff_t *) handoff;
  _Atomic int done; /* 1 good, 2 bad */
  uint64_t allocations;
  int messages, closes;
} lane_t;

static void on_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  lane_t *lane = user;
  lane->messages++;
  uint8_t *p = tg_conn_tx_begin(conn, len);
  if (!p) return;
  memcpy(p, payload, len);
  (void)!tg_conn_tx_commit_op(conn, op, len, rx_ns);
  (void)!tg_io_flush(conn->io);
}

static void on_close(void *user, tg_conn_t *conn, int err) {
  (void)conn;
  ((lane_t *)user)->closes += err == 0 ? 1 : 100;
}

/* Everything but io_uring_enter ends the process. */
static bool only_io_uring_enter(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1), /* this test's own clock, where the vDSO has none */
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void *lane_main(void *arg) {
  static const tg_conn_ops_t ops = {on_message, on_close};
  lane_t *lane = arg;
  rig_t *rig = lane->rig;
  int enabled = tg_io_enable(&rig->hot_io);
  tg_conn_set_ops(&rig->conn, &ops, lane);
  if (enabled || !only_io_uring_enter()) {
    lane->ready = 2;
    return NULL;
  }
  lane->ready = 1;
  uint64_t before = alloc_cnt();
  bool closing = false;
  for (tg_handoff_t *handoff = NULL; lane->closes == 0 || !tg_conn_free(&rig->conn);) {
    uint64_t now = rig_now(); /* vDSO: no system call */
    if (!handoff && (handoff = lane->handoff) && tg_conn_adopt(&rig->conn, handoff, now)) break;
    if (tg_io_turn(&rig->hot_io, now, lane->messages % 2 ? 50000 : 0) < 0) break; /* busy and parked turns */
    tg_conn_tick(&rig->conn, now);
    if (lane->messages >= ECHOES && !closing) {
      tg_conn_close(&rig->conn, TG_WS_CODE_NORMAL, now, UINT64_C(5000000000));
      closing = true;
    }
  }
  lane->allocations = alloc_cnt() - before;
  lane->done = lane->closes == 1 && tg_conn_free(&rig->conn) ? 1 : 2;
  for (;;) { /* even the end of a thread is a system call: exit_group of the test ends this */
  }
}

static void echo_peer(peer_t *peer, int connection) {
  uint8_t op, buf[512];
  (void)connection;
  if (!peer_upgrade(peer)) return;
  for (int i = 0;; i++) {
    if (i < ECHOES && i % 50 == 7) peer_send_frame(peer, 9, true, "ping", 4);
    if (i < ECHOES && !peer_send_frame(peer, 1, true, buf, (size_t)snprintf((char *)buf, sizeof buf, "tick %d", i))) return;
    do {
      if (peer_read_frame(peer, &op, buf, sizeof buf) < 0) return;
    } while (op == 10);
    if (op == 8) break;
  }
  peer_send_frame(peer, 8, true, buf, 2);
  peer_close_notify(peer);
}

Test(hot_lane, enters_and_nothing_else) {
  if (!alloc_counts()) cr_skip("built with a sanitizer: it makes system calls of its own");
  static lane_t lane;
  peer_cfg_t cfg = {.ctx = certs_server_ctx(LEAF_GOOD, 0x0304, 0x0304), .script = echo_peer};
  peer_t *peer = peer_start(&cfg);
  lane.rig = rig_new_cold(NULL);
  rig_t *rig = lane.rig;
  pthread_t thread;
  pthread_create(&thread, NULL, lane_main, &lane);
  while (!lane.ready) usleep(1000);
  cr_assert_eq(lane.ready, 1, "no seccomp here");
  rig->detach_on_open = true;
  cr_assert_eq(rig_dial(rig, "localhost", peer_port(peer), true), 0);
  cr_assert(rig_until(rig, &rig->detaches, 1), "%s", rig->dial_reason);
  cr_assert_eq(tg_dial_take(rig->dial, rig->handoff), 0);
  lane.handoff = rig->handoff;
  for (int i = 0; i < 20000 && !lane.done; i++) usleep(1000);
  cr_assert_eq(lane.done, 1);
  cr_assert_eq(lane.messages, ECHOES);
  cr_assert_eq(rig->conn.count.rx_pings, ECHOES / 50);
  cr_assert_eq(lane.allocations, 0);
}

/* The sides under test: the engine's hot lane, and the bare echo. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/e2e.h"
#include "bench/peg.h"

enum { H_PUBLIC, H_MARKET, H_ORDER, H_USER };

/* ---- wires ---- */

static int pair_open(int fd[2]) {
  struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof addr;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  fd[0] = fd[1] = -1;
  if (listener < 0) return -1;
  int err = bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 1) ||
            getsockname(listener, (struct sockaddr *)&addr, &len);
  if (!err) fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (!err) err = fd[0] < 0 || connect(fd[0], (struct sockaddr *)&addr, sizeof addr);
  if (!err) fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (!err) err = fd[1] < 0;
  close(listener);
  for (int i = 0; i < 2 && !err; i++) err = setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return err ? -1 : 0;
}

int wires_open(wires_t *wires) {
  if (pair_open(wires->public_fd) == 0 && pair_open(wires->order_fd) == 0) return 0;
  fprintf(stderr, "bench: loopback sockets: %s\n", strerror(errno));
  return -1;
}

void wires_close(wires_t *wires) {
  for (int i = 0; i < 2; i++) {
    if (wires->public_fd[i] >= 0) close(wires->public_fd[i]);
    if (wires->order_fd[i] >= 0) close(wires->order_fd[i]);
  }
}

/* ---- the lane ---- */

static int rig_layout(rig_t *rig, tg_arena_t *arena) {
  int err = tg_rings_layout(arena, &rig->rings, &rig->conf);
  tg_io_cfg_t io;
  tg_io_cfg_defaults(&io);
  io.clock = &bench_clock;
  if (!err) err = tg_io_layout(arena, &rig->io, &io);
  for (uint32_t i = 0; i < rig->lane.stage_cnt && !err; i++)
    err = rig->lane.stage[i].ops->layout(rig->lane.stage[i].self, arena);
  return err ? err : arena->err;
}

static int rig_memory(rig_t *rig) {
  tg_arena_t count;
  tg_arena_count(&count);
  if (rig_layout(rig, &count) || tg_arena_map(&rig->arena, count.used_bytes) || rig_layout(rig, &rig->arena)) return -1;
  for (int i = 0; i < 4; i++) {
    rig->handoff[i] = calloc(1, sizeof(tg_handoff_t));
    if (!rig->handoff[i]) return -1;
  }
  return tg_io_setup(&rig->io);
}

static void rig_wire(rig_t *rig) {
  rig->feed.rings = rig->core.rings = rig->gateway.rings = &rig->rings;
  rig->feed.io = rig->gateway.io = &rig->io;
  rig->core.clock = &bench_clock;
  rig->core.timer_ns = 10 * (uint64_t)TG_NS_PER_MS;
  rig->core.cfg = world_core_cfg(peg_strategy());
  rig->lane = (tg_lane_t){
      .name = "hot",
      .stage = {{&tg_stage_feed_ops, &rig->feed}, {&tg_stage_core_ops, &rig->core}, {&tg_stage_gateway_ops, &rig->gateway}},
      .stage_cnt = 3,
      .cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : -1,
      .hot = true,
      .clock = &bench_clock,
      .io = &rig->io};
}

/* What the cold lane would have dialled. */
static int rig_adopt(rig_t *rig, int which, tg_session_t session, int fd, const tg_rec_keys_t *keys, tg_spsc_t *ctl) {
  tg_handoff_t *h = rig->handoff[which];
  h->fd = dup(fd);
  h->gen = 1;
  h->tls = rig->tls;
  h->keys = *keys;
  memset(h->mask_seed, 1 + which, sizeof h->mask_seed);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CTL_ADOPT, TG_INSTR_NONE, 0);
  msg.u.ctl_adopt.session = (uint8_t)session;
  msg.u.ctl_adopt.gen = 1;
  return h->fd < 0 ? -1 : tg_spsc_put(ctl, &msg);
}

int rig_open(rig_t *rig, const wires_t *wires, const tg_rec_keys_t keys[2], bool tls, uint32_t levels) {
  memset(rig, 0, sizeof *rig);
  rig->tls = tls;
  peg_levels = levels;
  tg_conf_defaults(&rig->conf);
  rig_wire(rig);
  if (rig_memory(rig) || gen_symtab(&rig->symtab)) {
    fprintf(stderr, "bench: no memory or no io_uring for a lane\n");
    return -1;
  }
  rig->world.core = rig->core.core;
  rig->world.now_ns = tg_clock_now_ns(&bench_clock) - 5 * (uint64_t)TG_NS_PER_S; /* the start takes 3 s of engine time */
  if (world_start(&rig->world, 636000, NULL, 0)) return -1;
  tg_handoff_t *const public_handoff[TG_HOT_SLOTS] = {rig->handoff[H_PUBLIC], rig->handoff[H_PUBLIC]};
  tg_handoff_t *const market_handoff[TG_HOT_SLOTS] = {rig->handoff[H_MARKET], rig->handoff[H_MARKET]};
  tg_handoff_t *const order_handoff[TG_HOT_SLOTS] = {rig->handoff[H_ORDER], rig->handoff[H_ORDER]};
  tg_handoff_t *const user_handoff[TG_HOT_SLOTS] = {rig->handoff[H_USER], rig->handoff[H_USER]};
  tg_bn_feed_init(&rig->feed.bn, &rig->rings.feed, &rig->symtab, public_handoff, market_handoff);
  if (tg_bn_api_init(&rig->gateway.bn.api, &rig->symtab, NULL, 0, NULL, false, 3000)) return -1;
  tg_bn_gateway_init(&rig->gateway.bn, &rig->rings.gw_in, &rig->rings.gw_out, &rig->symtab, &bench_clock, order_handoff,
                     user_handoff);
  if (rig_adopt(rig, H_PUBLIC, TG_SESSION_PUBLIC, wires->public_fd[0], &keys[0], &rig->rings.feed_ctl) ||
      rig_adopt(rig, H_ORDER, TG_SESSION_ORDER, wires->order_fd[0], &keys[1], &rig->rings.gw_ctl))
    return -1;
  (void)mlockall(MCL_CURRENT); /* as the engine does; without the right to it, faults show in the tail */
  return tg_lane_start(&rig->lane) ? -1 : 0;
}

void rig_stop(rig_t *rig) {
  tg_lane_stop(&rig->lane);
}

void rig_close(rig_t *rig) {
  rig_stop(rig);
  tg_io_close(&rig->io);
  if (rig->arena.base) tg_arena_unmap(&rig->arena);
  for (int i = 0; i < 4; i++) free(rig->handoff[i]);
}

/* ---- the echo ---- */

static void *echo_main(void *arg) {
  echo_t *echo = arg;
  static char in[65536], order[2048];
  uint32_t have = 0;
  bench_pin(1);
  memset(order, 'o', sizeof order);
  while (!atomic_load_explicit(&echo->stop, memory_order_relaxed)) {
    ssize_t n = recv(echo->wires->public_fd[0], in, sizeof in, MSG_DONTWAIT);
    if (n <= 0) continue;
    for (have += (uint32_t)n; have >= echo->tick_bytes; have -= echo->tick_bytes) {
      if (send(echo->wires->order_fd[0], order, echo->order_bytes, MSG_NOSIGNAL) != (ssize_t)echo->order_bytes) return NULL;
    }
  }
  return NULL;
}

int echo_start(echo_t *echo) {
  atomic_store(&echo->stop, 0);
  return pthread_create(&echo->thread, NULL, echo_main, echo) ? -1 : 0;
}

void echo_stop(echo_t *echo) {
  atomic_store(&echo->stop, 1);
  pthread_join(echo->thread, NULL);
}

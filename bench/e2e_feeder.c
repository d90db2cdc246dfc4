/* The feeder: sends ticks when they are due, not when the last one was answered. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/e2e.h"
#include "bench/peg.h"

enum { RING = 4096, IN_BYTES = 1 << 16, DRAIN_NS = 100000000 };
#define TICK_TEXT \
  "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":%lu,\"s\":\"BTCUSDT\",\"b\":\"%ld.%ld0\",\"B\":\"%" \
  "ld.%03ld\"," \
  "\"a\":\"%ld.%ld0\",\"A\":\"%ld.%03ld\",\"T\":%ld,\"E\":%ld}}"

typedef struct run {
  feeder_t *f;
  tg_rec_t public_rec, order_rec;
  uint64_t start_ns, intended_ns[RING];
  uint32_t sent, seen, order_cnt;
  int64_t bid;
  tg_rng_t rng;
  uint8_t tick[E2E_TICK_BYTES + 64];
  uint32_t tick_bytes;
  uint8_t in[IN_BYTES];
  uint32_t in_len;
  uint64_t wait_bytes; /* echo: bytes of a frame under way */
} run_t;

/* Frame of tick n behind `at`; header and text. */
static uint32_t put_tick(uint8_t *at, uint32_t n, int64_t bid, uint64_t ms) {
  int64_t lots = 1000 + n % E2E_MARKS, ask = bid + 1, ask_lots = 1000 + (n * 7) % 9000;
  int len = snprintf((char *)at + 4, E2E_TICK_BYTES, TICK_TEXT, UINT64_C(4984028370881) + n, bid / 10, bid % 10, lots / 1000,
                     lots % 1000, ask / 10, ask % 10, ask_lots / 1000, ask_lots % 1000, (long)ms, (long)ms);
  at[0] = 0x81;
  at[1] = 126;
  at[2] = (uint8_t)(len >> 8);
  at[3] = (uint8_t)len;
  return (uint32_t)len + 4;
}

uint32_t feeder_tick_bytes(void) {
  uint8_t frame[E2E_TICK_BYTES + 64];
  return put_tick(frame, 0, 636000, UINT64_C(1750000000000));
}

/* The next tick is made and sealed before it is due. */
static void prepare(run_t *r) {
  int64_t step = 1 + (int64_t)gen_below(&r->rng, 4);
  r->bid += r->bid > 636100 || (r->bid > 635900 && gen_below(&r->rng, 2)) ? -step : step;
  uint32_t prefix = r->f->tls ? r->public_rec.prefix_bytes : 0;
  r->tick_bytes = put_tick(r->tick + prefix, r->sent, r->bid, tg_clock_now_ns(&bench_clock) / 1000000);
  if (!r->f->tls) return;
  int n = tg_rec_seal(&r->public_rec, 23, r->tick, r->tick_bytes);
  if (n <= 0) abort();
  r->tick_bytes = (uint32_t)n;
}

static void meet(run_t *r, uint32_t n, uint64_t now_ns) {
  r->f->answered_cnt++;
  if (n < r->f->warm_cnt) return;
  uint64_t due = r->intended_ns[n % RING];
  tg_hist_record(&r->f->latency_ns, now_ns > due ? now_ns - due : 0);
}

/* `"name":"` or `"name":` in a text; points behind it. */
static const char *field(const char *text, size_t len, const char *name) {
  const char *p = memmem(text, len, name, strlen(name));
  return p ? p + strlen(name) : NULL;
}

/* "confirmed", as the venue words it. */
static int answer(run_t *r, const char *id, const char *order_id, const char *px, const char *qty) {
  uint8_t frame[1024];
  uint32_t prefix = r->f->tls ? r->order_rec.prefix_bytes : 0;
  uint8_t *at = frame + prefix;
  int len = snprintf((char *)at + 4, 900,
                     "{\"id\":\"%.*s\",\"status\":200,\"result\":{\"orderId\":%.*s,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\","
                     "\"price\":\"%.*s\","
                     "\"origQty\":\"%.*s\",\"executedQty\":\"0.000\",\"type\":\"LIMIT\",\"updateTime\":1721347022504}}",
                     (int)strcspn(id, "\""), id, (int)strspn(order_id, "0123456789"), order_id, (int)strcspn(px, "\""), px,
                     (int)strcspn(qty, "\""), qty);
  at[0] = 0x81;
  at[1] = 126;
  at[2] = (uint8_t)(len >> 8);
  at[3] = (uint8_t)len;
  len += 4;
  if (r->f->tls) len = tg_rec_seal(&r->order_rec, 23, frame, (size_t)len);
  return send(r->f->wires->order_fd[1], frame, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -1;
}

/* One masked text frame from the engine; bytes eaten, 0 = incomplete. */
static size_t order_frame(run_t *r, uint8_t *frame, size_t len, uint64_t now_ns) {
  if (len < 8) return 0;
  uint8_t key[4];
  size_t head = (frame[1] & 127) == 126 ? 8 : 6;
  size_t n = head == 8 ? (size_t)(frame[2] << 8 | frame[3]) : (size_t)(frame[1] & 127);
  if (len < head + n) return 0;
  memcpy(key, frame + head - 4, 4);
  for (size_t i = 0; i < n; i++) frame[head + i] ^= key[i & 3];
  char *text = (char *)frame + head;
  const char *id = field(text, n, "\"id\":\""), *qty = field(text, n, "\"quantity\":\""), *px = field(text, n, "\"price\":\"");
  const char *order_id = field(text, n, "\"orderId\":");
  char fresh[24];
  if (id && id[0] == 'p' && snprintf(fresh, sizeof fresh, "%u", 900000 + r->order_cnt) > 0) {
    order_id = fresh; /* a new order */
    r->order_cnt++;
  }
  if (!id || !qty || !px || !order_id) {
    r->f->wrong_cnt++;
    return head + n;
  }
  int64_t lots = strtol(qty, NULL, 10) * 1000 + strtol(qty + strcspn(qty, ".") + 1, NULL, 10);
  uint32_t mark = (uint32_t)(lots - 2) % E2E_MARKS, last = r->sent - 1;
  if (lots >= 2 && r->sent > 0) meet(r, last - (last - mark) % E2E_MARKS, now_ns);
  if (answer(r, id, order_id, px, qty)) r->f->wrong_cnt++;
  return head + n;
}

static void order_bytes(run_t *r, uint64_t now_ns) {
  size_t at = 0;
  while (at < r->in_len) {
    size_t eaten = 0;
    if (r->f->tls) {
      tg_rec_out_t out;
      int n = tg_rec_open(&r->order_rec, r->in + at, r->in_len - at, &out);
      if (n < 0) abort();
      if (n > 0 && out.kind == TG_REC_DATA && order_frame(r, out.data, out.len, now_ns) != out.len) abort();
      eaten = (size_t)n;
    } else {
      eaten = order_frame(r, r->in + at, r->in_len - at, now_ns);
    }
    if (eaten == 0) break;
    at += eaten;
  }
  memmove(r->in, r->in + at, r->in_len - at);
  r->in_len -= (uint32_t)at;
}

static void journal_empty(rig_t *rig) {
  tg_msg_t msg;
  for (int i = 0; i < 64 && tg_spsc_get(&rig->rings.journal, &msg) == 0; i++) {
  }
}

static int receive(run_t *r) {
  feeder_t *f = r->f;
  ssize_t n = recv(f->wires->order_fd[1], r->in + r->in_len, IN_BYTES - r->in_len, MSG_DONTWAIT);
  uint64_t now_ns = tg_clock_now_ns(&bench_clock);
  if (n == 0) return -1;
  if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (f->rig) {
    r->in_len += (uint32_t)n;
    order_bytes(r, now_ns);
    return 0;
  }
  for (r->wait_bytes += (uint64_t)n; r->wait_bytes >= f->order_bytes; r->wait_bytes -= f->order_bytes)
    meet(r, r->seen++, now_ns);
  return 0;
}

static int send_tick(run_t *r, uint64_t due_ns) {
  r->intended_ns[r->sent % RING] = due_ns;
  if (send(r->f->wires->public_fd[1], r->tick, r->tick_bytes, MSG_NOSIGNAL) != (ssize_t)r->tick_bytes) return -1;
  if (r->sent >= r->f->warm_cnt) tg_hist_record(&r->f->lag_ns, tg_clock_now_ns(&bench_clock) - due_ns);
  r->sent++;
  prepare(r);
  return 0;
}

static void doze(run_t *r, uint64_t until_ns) {
  uint64_t now_ns = tg_clock_now_ns(&bench_clock);
  if (until_ns <= now_ns + 60000) return;
  struct pollfd fd = {.fd = r->f->wires->order_fd[1], .events = POLLIN};
  struct timespec wait = {.tv_nsec = (long)((until_ns - now_ns - 60000) % 1000000000u)};
  (void)ppoll(&fd, 1, &wait, NULL);
}

int feeder_run(feeder_t *f) {
  static run_t run;
  run_t *r = &run;
  memset(r, 0, sizeof *r);
  r->f = f;
  r->bid = 636000;
  tg_rng_seed(&r->rng, 51);
  tg_hist_reset(&f->latency_ns);
  tg_hist_reset(&f->lag_ns);
  f->answered_cnt = f->wrong_cnt = 0;
  if (f->tls && (tg_rec_init(&r->public_rec, &f->keys[0]) || tg_rec_init(&r->order_rec, &f->keys[1]))) return -1;
  prepare(r);
  r->start_ns = tg_clock_now_ns(&bench_clock) + 20000000; /* sessions are being adopted */
  uint64_t end_ns = 0;
  while (end_ns == 0 || tg_clock_now_ns(&bench_clock) < end_ns) {
    uint64_t due_ns = r->start_ns + (uint64_t)r->sent * 1000000000u / f->rate;
    bool more = r->sent < f->tick_cnt;
    if (more && tg_clock_now_ns(&bench_clock) >= due_ns) {
      if (send_tick(r, due_ns)) return -1;
      if (r->sent == f->tick_cnt) end_ns = tg_clock_now_ns(&bench_clock) + DRAIN_NS;
    }
    if (receive(r)) return -1;
    if (f->rig) journal_empty(f->rig);
    if (f->sleeps) doze(r, more ? due_ns : end_ns);
  }
  return 0;
}

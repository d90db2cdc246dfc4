/* faults.md row 20 at the ring: a submission queue of two entries and a completion queue of eight. Every operation is told its
 * end exactly once; what finds no entry is refused or goes with the next, and is counted; nothing waits. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io.h"
#include "tests/note.h"

enum { OPS = 300 };

typedef struct small {
  tg_io_t io;
  tg_arena_t arena;
  tg_io_op_t op[OPS];
  int64_t spec[OPS][2];
  int done_cnt[OPS];
  int done, bad;
} small_t;

static void on_done(tg_io_t *io, tg_io_op_t *op, int res, uint32_t flags) {
  small_t *s = op->user;
  (void)io, (void)flags;
  s->done_cnt[op - s->op]++;
  s->done++;
  s->bad += res != 1 && res != -ETIME;
}

static int layout(small_t *s, tg_arena_t *arena) {
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cfg.entry_cnt = 2;
  cfg.file_cnt = 0;
  return tg_io_layout(arena, &s->io, &cfg);
}

static small_t *make(void) {
  small_t *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
  memset(s, 0, sizeof *s);
  tg_arena_t count;
  tg_arena_count(&count);
  cr_assert_eq(layout(s, &count), 0);
  cr_assert_eq(tg_arena_map(&s->arena, count.used_bytes), 0);
  cr_assert_eq(layout(s, &s->arena), 0);
  int err = tg_io_setup(&s->io);
  if (err == -TG_EUNSUPPORTED || err == -TG_EPERM) cr_skip("io_uring is not to be had here");
  cr_assert_eq(err, 0);
  cr_assert_eq(tg_io_enable(&s->io), 0);
  for (int i = 0; i < OPS; i++) {
    s->op[i].done = on_done;
    s->op[i].user = s;
  }
  return s;
}

static void drop(small_t *s) {
  tg_io_close(&s->io);
  tg_arena_unmap(&s->arena);
  free(s);
}

/* Turns until everything is told, or it is plain that it never will be. */
static void drain(small_t *s, int expected) {
  for (int i = 0; i < 20000 && s->done < expected; i++) cr_assert_geq(tg_io_turn(&s->io, 1, (uint64_t)TG_NS_PER_MS), 0);
  cr_assert_eq(s->done, expected);
}

Test(fault_20, a_queue_of_two_entries_tells_every_operation_once) {
  small_t *s = make();
  int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), taken = 0, refused = 0;
  cr_assert_geq(fd, 0);
  for (int i = 0; i < OPS; i++) { /* no turn in between: queue and completions overflow many times */
    int err = tg_io_write(&s->io, &s->op[i], fd, "x", 1, 0);
    cr_assert(err == 0 || err == -TG_EFULL, "%s", tg_err_text(err));
    taken += err == 0;
    refused += err != 0;
    if (err != 0) cr_assert(!s->op[i].active, "a refused operation is not under way");
  }
  drain(s, taken);
  for (int i = 0; i < OPS; i++) cr_assert_leq(s->done_cnt[i], 1);
  cr_assert_eq(s->bad, 0);
  tg_note("%d taken, %d refused, %lu times no entry, %lu completion overflows", taken, refused,
          (unsigned long)s->io.count.sq_full, (unsigned long)s->io.count.cq_overflows);
  cr_assert_gt(taken, 8, "more than both queues hold");
  for (int i = 0; i < 4; i++) { /* and it works on */
    s->done_cnt[i] = 0;
    cr_assert_eq(tg_io_write(&s->io, &s->op[i], fd, "x", 1, 0), 0);
  }
  drain(s, taken + 4);
  close(fd);
  drop(s);
}

Test(fault_20, timers_that_end_together_overflow_the_completions_and_none_is_lost) {
  small_t *s = make();
  int taken = 0;
  for (int i = 0; i < 64; i++) taken += tg_io_timer(&s->io, &s->op[i], 1000, s->spec[i]) == 0;
  cr_assert_gt(taken, 8);
  cr_assert_eq(tg_io_flush(&s->io), 0);
  usleep(20000); /* all of them are over before anybody looks */
  drain(s, taken);
  for (int i = 0; i < taken; i++) cr_assert_eq(s->done_cnt[i], 1);
  drop(s);
}

Test(fault_20, a_refused_send_keeps_the_bytes_with_their_owner) {
  small_t *s = make();
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  char sent[OPS + 1] = "", got[OPS + 1] = "";
  int cnt = 0, at = 0;
  for (int i = 0; i < OPS; i++) { /* one send of a socket at a time: the next goes when the last is told */
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    while (tg_io_send(&s->io, &s->op[i], pair[0], &letters[i % 26], 1) != 0) cr_assert_geq(tg_io_turn(&s->io, 1, 0), 0);
    sent[cnt++] = letters[i % 26];
    drain(s, cnt);
    ssize_t n = read(pair[1], got + at, (size_t)(OPS - at));
    if (n > 0) at += (int)n;
  }
  cr_assert_str_eq(got, sent);
  close(pair[0]);
  close(pair[1]);
  drop(s);
}

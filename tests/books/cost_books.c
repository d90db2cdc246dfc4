/* cost_books - what a level change costs, by its distance to the touch: our ladder beside one flat sorted array.
 * usage: cost_books ROUNDS FILE...   (one flow of one symbol; numbers are TSC cycles or ns of this machine: compare, do not
 * keep) Under callgrind: `valgrind --tool=callgrind --toggle-collect=tg_ladder_set cost_books 1 FILE...` counts instructions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "engine/base/hist.h"
#include "tools/tickgate/flow.h"

typedef struct change {
  int64_t px, qty;
  uint8_t ask, clear, distance; /* clear: a snapshot starts; distance class */
} change_t;

static change_t *change;
static size_t change_cnt, change_cap;

static uint8_t class_of(const tg_book_t *book, bool ask, int64_t px) {
  int64_t best = 0, qty = 0;
  if (!tg_ladder_best(ask ? &book->ask : &book->bid, &best, &qty)) return 3;
  int64_t d = px > best ? px - best : best - px;
  return d <= 10 ? 0 : d <= 1000 ? 1 : d <= 30000 ? 2 : 3;
}

static void on_msg(void *user, const tg_flow_symbol_t *symbol, const tg_msg_t *msg, uint32_t ev) {
  (void)user;
  (void)ev;
  static bool clear;
  if (msg->kind == TG_MD_DEPTH) clear = (msg->flags & TG_F_SNAPSHOT) != 0;
  if (msg->kind != TG_MD_LEVELS) return;
  bool ask = (msg->flags & TG_F_ASK) != 0;
  for (int i = 0; i < TG_LEVELS_PER_MSG && msg->u.md_levels.level[i].px_ticks != 0; i++) {
    if (change_cnt == change_cap) {
      change_cap = change_cap == 0 ? 65536 : change_cap * 2;
      change = realloc(change, change_cap * sizeof *change);
      if (change == NULL) abort();
    }
    const tg_md_level_t *level = &msg->u.md_levels.level[i];
    change[change_cnt++] =
        (change_t){level->px_ticks, level->qty_lots, ask, clear, class_of(&symbol->book, ask, level->px_ticks)};
    clear = false;
  }
}

static void again(void *user) {
  (void)user;
  change_cnt = 0;
}

/* The other way: keys and quantities in two flat arrays, the touch at the end. */
typedef struct flat {
  int64_t key[65536], qty[65536];
  size_t cnt;
} flat_t;

__attribute__((noinline)) static void flat_set(flat_t *f, int64_t key, int64_t qty) {
  size_t at = 0, cnt = f->cnt;
  while (cnt > 0) {
    size_t half = cnt / 2;
    bool right = f->key[at + half] < key;
    at = right ? at + half + 1 : at;
    cnt = right ? cnt - half - 1 : half;
  }
  bool there = at < f->cnt && f->key[at] == key;
  if (there && qty != 0) {
    f->qty[at] = qty;
  } else if (there) {
    f->cnt--;
    memmove(&f->key[at], &f->key[at + 1], (f->cnt - at) * sizeof f->key[0]);
    memmove(&f->qty[at], &f->qty[at + 1], (f->cnt - at) * sizeof f->qty[0]);
  } else if (qty != 0) {
    memmove(&f->key[at + 1], &f->key[at], (f->cnt - at) * sizeof f->key[0]);
    memmove(&f->qty[at + 1], &f->qty[at], (f->cnt - at) * sizeof f->qty[0]);
    f->key[at] = key;
    f->qty[at] = qty;
    f->cnt++;
  }
}

static tg_hist_t hist[2][4];

static void timed_round(tg_ladder_t *side, flat_t *flat, bool use_flat) {
  for (size_t i = 0; i < change_cnt; i++) {
    const change_t *c = &change[i];
    if (c->clear) {
      for (int s = 0; s < 2; s++) {
        tg_ladder_clear(&side[s]);
        flat[s].cnt = 0;
      }
    }
    uint64_t from = __rdtsc();
    if (use_flat) {
      flat_set(&flat[c->ask], c->ask ? -c->px : c->px, c->qty);
    } else {
      (void)tg_ladder_set(&side[c->ask], c->px, c->qty);
    }
    tg_hist_record(&hist[use_flat][c->distance], __rdtsc() - from);
  }
}

static double bulk_round(tg_ladder_t *side, flat_t *flat, bool use_flat) {
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (size_t i = 0; i < change_cnt; i++) {
    const change_t *c = &change[i];
    if (use_flat) {
      flat_set(&flat[c->ask], c->ask ? -c->px : c->px, c->qty);
    } else {
      (void)tg_ladder_set(&side[c->ask], c->px, c->qty);
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &b);
  return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / (double)change_cnt;
}

int main(int argc, char **argv) {
  static flat_t flat[2];
  tg_ladder_t side[2];
  tg_flow_t flow;
  tg_flow_cfg_t cfg = {.level_cap = 65536, .hook = on_msg, .again = again};
  if (argc < 3) return 2;
  if (tg_flow_open(&flow, &cfg) != 0 || tg_flow_run(&flow, (const char *const *)argv + 2, (size_t)argc - 2) != 0) {
    fprintf(stderr, "cost_books: %s\n", flow.error);
    return 66;
  }
  tg_arena_t count, arena;
  tg_arena_count(&count);
  for (int s = 0; s < 2; s++) {
    if (tg_ladder_layout(&count, &side[s], (tg_side_t)s, 65536) != 0) return 70;
  }
  if (tg_arena_map(&arena, count.used_bytes) != 0) return 10;
  for (int s = 0; s < 2; s++) {
    if (tg_ladder_layout(&arena, &side[s], (tg_side_t)s, 65536) != 0) return 70;
  }
  for (int k = 0; k < 8; k++) tg_hist_reset(&hist[k / 4][k % 4]);
  int rounds = atoi(argv[1]);
  double ns[2] = {0, 0};
  for (int r = 0; r < rounds; r++) {
    for (int k = 0; k < 2; k++) timed_round(side, flat, (k ^ r) & 1);
    for (int k = 0; k < 2; k++) ns[(k ^ r) & 1] += bulk_round(side, flat, (k ^ r) & 1) / rounds;
  }
  static const char *const names[] = {"<= 10 ticks", "<= 1000", "<= 30000", "farther"};
  printf("%zu changes, %u + %u levels; ns a change in bulk: ladder %.1f, flat %.1f\n", change_cnt, side[0].level_cnt,
         side[1].level_cnt, ns[0], ns[1]);
  printf("%-12s %10s | ladder cycles p50 p99 p99.9 | flat cycles p50 p99 p99.9\n", "distance", "changes");
  for (int d = 0; d < 4; d++) {
    printf("%-12s %10llu |", names[d], (unsigned long long)hist[0][d].cnt);
    for (int k = 0; k < 2; k++) {
      printf(" %6llu %6llu %6llu %s", (unsigned long long)tg_hist_quantile(&hist[k][d], 0.5),
             (unsigned long long)tg_hist_quantile(&hist[k][d], 0.99), (unsigned long long)tg_hist_quantile(&hist[k][d], 0.999),
             k == 0 ? "|" : "\n");
    }
  }
  tg_flow_close(&flow);
  return 0;
}

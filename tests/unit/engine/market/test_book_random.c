/* A simulated stream against a slow book: the top after every event, all levels now and then, faults now and then. */
#include "tests/unit/engine/market/util.h"

#define SPAN 6000
#define MID 100000

typedef struct venue {
  int64_t bid[SPAN], ask[SPAN]; /* quantity at MID - SPAN/2 + i */
  uint64_t last_id, seed;
} venue_t;

static int64_t px_of(int i) {
  return MID - SPAN / 2 + i;
}

static void venue_top(const venue_t *v, int *bid, int *ask) {
  *bid = SPAN - 1;
  *ask = 0;
  while (*bid >= 0 && v->bid[*bid] == 0) (*bid)--;
  while (*ask < SPAN && v->ask[*ask] == 0) (*ask)++;
}

static void put(test_event_t *e, bool ask, int i, int64_t qty) {
  tg_md_level_t *side = ask ? e->ask : e->bid;
  uint32_t *cnt = ask ? &e->ask_cnt : &e->bid_cnt;
  for (uint32_t k = 0; k < *cnt; k++) {
    if (side[k].px_ticks == px_of(i)) {
      side[k].qty_lots = qty;
      return;
    }
  }
  side[(*cnt)++] = (tg_md_level_t){px_of(i), qty};
}

/* Some orders come and go, some trades eat the touch; the touch wanders. */
static void venue_step(venue_t *v, test_event_t *e, bool spot) {
  int bid, ask;
  e->bid_cnt = e->ask_cnt = 0;
  uint64_t skip = spot ? 0 : next_random(&v->seed) % 4;
  e->prev_id = v->last_id;
  e->first_id = v->last_id + 1 + skip;
  e->last_id = e->first_id + next_random(&v->seed) % 5;
  v->last_id = e->last_id;
  for (int n = (int)(next_random(&v->seed) % 12); n > 0; n--) {
    uint64_t r = next_random(&v->seed);
    venue_top(v, &bid, &ask);
    bool sell = r & 1;
    int far = (int)((r >> 8) % ((r & 6) == 0 ? 2500 : 12));
    int64_t *side = sell ? v->ask : v->bid;
    int i = sell ? bid + 1 + far : ask - 1 - far;
    if ((r & 24) == 0) i = sell ? ask : bid; /* eat the touch */
    if (i < 1 || i >= SPAN - 1) continue;
    int64_t qty = (r & 32) || (r & 24) == 0 ? 0 : (int64_t)(r >> 40) % 1000 + 1;
    if (qty == 0 && (sell ? i == ask && ask > MID : i == bid && bid < 2)) qty = 1;
    if (sell ? i <= bid : i >= ask) continue;
    if (qty == 0 && side[i] == 0 && (r & 64)) continue;
    side[i] = qty;
    put(e, sell, i, qty);
  }
}

static void snapshot_of(const venue_t *v, test_event_t *e) {
  e->bid_cnt = e->ask_cnt = 0;
  e->first_id = e->last_id = v->last_id;
  e->prev_id = 0;
  for (int i = 0; i < SPAN; i++) {
    if (v->bid[i]) e->bid[e->bid_cnt++] = (tg_md_level_t){px_of(i), v->bid[i]};
    if (v->ask[i]) e->ask[e->ask_cnt++] = (tg_md_level_t){px_of(i), v->ask[i]};
  }
}

static void same_top(const test_book_t *t, const venue_t *v) {
  int bid, ask;
  venue_top(v, &bid, &ask);
  const tg_top_t *top = tg_book_top(t->book);
  if (bid < 0 || ask >= SPAN) {
    cr_assert_not(top->valid);
    return;
  }
  cr_assert(top->valid);
  cr_assert_eq(top->update_id, v->last_id);
  cr_assert(top->bid_px_ticks == px_of(bid) && top->bid_qty_lots == v->bid[bid]);
  cr_assert(top->ask_px_ticks == px_of(ask) && top->ask_qty_lots == v->ask[ask]);
}

static void same_levels(const test_book_t *t, const venue_t *v) {
  uint32_t bid_cnt = 0, ask_cnt = 0;
  for (int i = 0; i < SPAN; i++) {
    cr_assert_eq(tg_book_qty_at(t->book, TG_BUY, px_of(i)), v->bid[i]);
    cr_assert_eq(tg_book_qty_at(t->book, TG_SELL, px_of(i)), v->ask[i]);
    bid_cnt += v->bid[i] != 0;
    ask_cnt += v->ask[i] != 0;
  }
  cr_assert_eq(tg_book_level_cnt(t->book, TG_BUY), bid_cnt);
  cr_assert_eq(tg_book_level_cnt(t->book, TG_SELL), ask_cnt);
}

static void run(uint8_t product, uint64_t seed, uint32_t event_cnt) {
  test_book_t t = {0};
  tg_book_cfg_t cfg = test_cfg(product);
  cfg.level_cap = 8192;
  cfg.event_buffer_cnt = 1024;
  test_book_open(&t, cfg);
  venue_t *v = calloc(1, sizeof *v);
  test_event_t *e = calloc(1, sizeof *e);
  test_event_t *snapshot = calloc(1, sizeof *snapshot);
  v->seed = seed;
  v->last_id = 1000;
  for (int i = 0; i < 300; i++) v->bid[SPAN / 2 - 1 - 3 * i] = v->ask[SPAN / 2 + 1 + 3 * i] = 100 + i;
  uint32_t asked_at = 0, faults = 0, gaps = 0;
  for (uint32_t n = 0; n < event_cnt; n++) {
    venue_step(v, e, product == TG_PRODUCT_SPOT);
    bool lost = next_random(&v->seed) % 3000 == 0 && tg_book_state(t.book) == TG_BOOK_LIVE;
    if (lost) {
      faults++;
      continue;
    }
    t.now_ns += 400000000;
    uint32_t ev = send_event(&t, e, 0);
    gaps += (ev & TG_BOOK_EV_GAP) != 0;
    if (ev & TG_BOOK_EV_WANT_SNAPSHOT) asked_at = n;
    if (asked_at != 0 && n == asked_at + 2) { /* the venue takes it here ... */
      snapshot_of(v, snapshot);
    }
    if (asked_at != 0 && n == asked_at + 2 + next_random(&v->seed) % 3) { /* ... and it arrives later */
      if (snapshot->last_id != 0) send_event(&t, snapshot, TG_F_SNAPSHOT);
      snapshot->last_id = 0;
      asked_at = 0;
    }
    if (tg_book_state(t.book) == TG_BOOK_LIVE) {
      cr_assert_eq(tg_book_last_id(t.book), v->last_id);
      same_top(&t, v);
      if (n % 1000 == 0) same_levels(&t, v);
    } else {
      cr_assert_not(tg_book_top(t.book)->valid);
    }
  }
  const tg_book_counters_t *c = tg_book_counters(t.book);
  cr_assert_geq(faults, 1);
  cr_assert_eq(c->gap_cnt, gaps);
  cr_assert_leq(faults - c->gap_cnt, 1); /* only one at the very end can go unseen */
  cr_assert_eq(c->crossed_cnt, 0);
  cr_assert_eq(c->cut_cnt, 0);
  cr_assert_gt(c->applied_cnt, event_cnt * 9 / 10);
  free(v);
  free(e);
  free(snapshot);
  test_book_close(&t);
}

Test(book_random, usdm, .timeout = 300) {
  run(TG_PRODUCT_USDM, 42, 120000);
}
Test(book_random, coinm, .timeout = 300) {
  run(TG_PRODUCT_COINM, 43, 60000);
}
Test(book_random, spot, .timeout = 300) {
  run(TG_PRODUCT_SPOT, 44, 60000);
}

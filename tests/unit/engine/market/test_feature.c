#include <math.h>

#include "engine/market/feature.h"
#include "tests/unit/engine/market/util.h"

#define SECOND ((uint64_t)TG_NS_PER_S)

static tg_top_t top_of(int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty) {
  return (tg_top_t){.bid_px_ticks = bid, .bid_qty_lots = bid_qty, .ask_px_ticks = ask, .ask_qty_lots = ask_qty, .valid = true};
}

/* A feature state over a LIVE book whose top is set by tickers. */
typedef struct bench {
  test_book_t t;
  tg_feature_t f;
  uint64_t id;
} bench_t;

static void open_bench(bench_t *b) {
  tg_feature_cfg_t cfg;
  memset(b, 0, sizeof *b);
  tg_book_cfg_t book_cfg = test_cfg(TG_PRODUCT_USDM);
  book_cfg.stale_ns = 0;
  test_book_open(&b->t, book_cfg);
  make_live(&b->t);
  tg_feature_cfg_default(&cfg);
  cr_assert_eq(tg_feature_init(&b->f, &cfg), 0);
  b->id = 1000;
}

static const tg_feature_view_t *quote(bench_t *b, int64_t bid, int64_t bid_qty, int64_t ask, int64_t ask_qty) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_TOP, 3, b->t.now_ns);
  msg.u.md_top = (tg_md_top_t){
      .bid_px_ticks = bid, .bid_qty_lots = bid_qty, .ask_px_ticks = ask, .ask_qty_lots = ask_qty, .update_id = b->id++};
  uint32_t ev = tg_book_on_msg(b->t.book, &msg);
  tg_feature_on_msg(&b->f, &msg, b->t.book, ev);
  return tg_feature_view(&b->f);
}

static const tg_feature_view_t *trade(bench_t *b, tg_side_t side, int64_t qty) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_MD_TRADE, 3, b->t.now_ns);
  msg.u.md_trade = (tg_md_trade_t){.px_ticks = 1000, .qty_lots = qty, .aggressor = (uint8_t)side};
  tg_feature_on_msg(&b->f, &msg, b->t.book, 0);
  return tg_feature_view(&b->f);
}

static const tg_feature_view_t *tick(bench_t *b, uint64_t ns) {
  tg_msg_t msg;
  b->t.now_ns += ns;
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, b->t.now_ns);
  tg_feature_on_msg(&b->f, &msg, b->t.book, tg_book_on_time(b->t.book, b->t.now_ns));
  return tg_feature_view(&b->f);
}

Test(feature, isqrt) {
  uint64_t seed = 7;
  for (uint64_t i = 0; i < 2000; i++) cr_assert_eq(tg_feature_isqrt(i), (uint64_t)sqrt((double)i));
  for (int i = 0; i < 100000; i++) {
    uint64_t r = next_random(&seed) >> (next_random(&seed) % 60);
    tg_u128 sq = (tg_u128)r * r;
    cr_assert_eq(tg_feature_isqrt(sq), r);
    if (r > 0) cr_assert_eq(tg_feature_isqrt(sq - 1), r - 1);
    cr_assert_eq(tg_feature_isqrt(sq + r), r);
  }
  cr_assert_eq(tg_feature_isqrt(~(tg_u128)0), UINT64_MAX);
}

Test(feature, decayed) {
  cr_assert_eq(tg_feature_decayed(1000, 0), 1000);
  cr_assert_eq(tg_feature_decayed(1000, 16), 500);
  cr_assert_eq(tg_feature_decayed(-1001, 16), -500);
  cr_assert_eq(tg_feature_decayed(INT64_MAX, 16 * 62), 1);
  cr_assert_eq(tg_feature_decayed(INT64_MAX, 16 * 63), 0);
  cr_assert_eq(tg_feature_decayed(-INT64_MAX, UINT64_MAX), 0);
  for (uint64_t step = 0; step < 200; step++) {
    double want = 1e12 * pow(2.0, -(double)step / 16.0);
    cr_assert_lt(fabs((double)tg_feature_decayed(1000000000000, step) - want), 2 + want * 1e-9);
    cr_assert_eq(tg_feature_decayed(-1000000000000, step), -tg_feature_decayed(1000000000000, step));
  }
}

Test(feature, imbalance_and_microprice_by_hand) {
  cr_assert_eq(tg_feature_imbalance_e8(3, 1), 50000000);
  cr_assert_eq(tg_feature_imbalance_e8(1, 3), -50000000);
  cr_assert_eq(tg_feature_imbalance_e8(0, 0), 0);
  cr_assert_eq(tg_feature_imbalance_e8(0, 5), -TG_E8);
  cr_assert_eq(tg_feature_imbalance_e8(INT64_MAX, INT64_MAX), 0);
  cr_assert_eq(tg_feature_imbalance_e8(INT64_MAX, 0), TG_E8);
  tg_top_t t = top_of(1000, 3, 1002, 1); /* the price leans to the thinner side */
  cr_assert_eq(tg_feature_micro_e8(&t), 100150000000);
  t = top_of(1000, 1, 1001, 2);
  cr_assert_eq(tg_feature_micro_e8(&t), 100033333333);
  t = top_of(1000, INT64_MAX, 1001, INT64_MAX);
  cr_assert_eq(tg_feature_micro_e8(&t), 100050000000);
  t = top_of(INT64_C(1) << 49, 5, (INT64_C(1) << 49) + 1, 5);
  cr_assert_eq(tg_feature_micro_e8(&t), INT64_MAX);
}

/* The six cases of Cont, Kukanov, Stoikov (2014), section 2.1. */
Test(feature, ofi_by_hand) {
  tg_top_t a = top_of(100, 10, 101, 20);
  tg_top_t b;
  b = top_of(100, 15, 101, 20);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), 5); /* bid grew */
  b = top_of(100, 10, 101, 26);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), -6); /* ask grew */
  b = top_of(99, 7, 101, 20);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), -10); /* bid fell: its queue is gone */
  b = top_of(100, 10, 102, 9);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), 20); /* ask rose */
  a = top_of(100, 10, 103, 20);
  b = top_of(101, 4, 103, 20);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), 4); /* bid rose */
  b = top_of(100, 10, 102, 8);
  cr_assert_eq(tg_feature_ofi_lots(&a, &b), -8); /* ask fell */
  cr_assert_eq(tg_feature_ofi_lots(&a, &a), 0);
}

Test(feature, top_numbers_follow_the_book) {
  bench_t b;
  open_bench(&b);
  const tg_feature_view_t *v = tg_feature_view(&b.f);
  cr_assert_not(v->top_ok);
  quote(&b, 1000, 10, 1003, 30);
  cr_assert(v->top_ok);
  cr_assert_eq(v->mid_half_ticks, 2003);
  cr_assert_eq(v->spread_ticks, 3);
  cr_assert_eq(v->micro_ticks_e8, 100075000000);
  cr_assert_eq(v->imbalance_top_e8, -50000000);
  cr_assert_eq(v->ofi_lots, 0); /* the first top is no change */
  quote(&b, 1000, 16, 1003, 30);
  cr_assert_eq(v->ofi_last_lots, 6);
  quote(&b, 1000, 16, 1003, 20);
  cr_assert_eq(v->ofi_lots, 16);
  cr_assert_eq(v->ofi_decayed_lots, 16);
  tick(&b, 5 * SECOND);
  cr_assert_eq(v->ofi_decayed_lots, 8);
  quote(&b, 1003, 16, 1003, 20); /* locked */
  cr_assert_not(v->top_ok);
  cr_assert_eq(v->mid_half_ticks, 0);
  quote(&b, 1000, 99, 1003, 20); /* after a break the next top is no change again */
  cr_assert_eq(v->ofi_lots, 16);
  send_link(&b.t, 0, 1); /* nobody told the features: they look themselves */
  tick(&b, SECOND);
  cr_assert_not(v->top_ok);
  cr_assert_eq(v->mid_half_ticks, 0);
  test_book_close(&b.t);
}

Test(feature, imbalance_over_levels) {
  bench_t b;
  open_bench(&b);
  test_event_t *e = event_of(111, 120, 110, 0, 0, 0, 0);
  e->bid_cnt = e->ask_cnt = 7;
  for (int i = 0; i < 7; i++) {
    e->bid[i] = (tg_md_level_t){999 - i, 10};
    e->ask[i] = (tg_md_level_t){1002 + i, 30};
  }
  tg_msg_t msg;
  head_of(&b.t, e, 0, &msg);
  uint32_t ev = tg_book_on_msg(b.t.book, &msg);
  tg_feature_on_msg(&b.f, &msg, b.t.book, ev);
  for (int i = 0; i < 14; i += 2) {
    tg_msg_init(&msg, TG_MD_LEVELS, 3, b.t.now_ns);
    msg.u.md_levels.level[0] = i < 7 ? e->bid[i] : e->ask[i - 7];
    msg.u.md_levels.level[1] = i + 1 < 7 ? e->bid[i + 1] : e->ask[i + 1 - 7];
    if (i == 6) {
      msg.u.md_levels.level[1] = (tg_md_level_t){0};
      ev = tg_book_on_msg(b.t.book, &msg);
      msg.u.md_levels.level[0] = e->ask[0];
      msg.flags = TG_F_ASK;
      ev |= tg_book_on_msg(b.t.book, &msg);
      continue;
    }
    msg.flags = (uint8_t)((i > 6 ? TG_F_ASK : 0) | (i == 12 ? TG_F_LAST : 0));
    ev = tg_book_on_msg(b.t.book, &msg);
    tg_feature_on_msg(&b.f, &msg, b.t.book, ev);
  }
  cr_assert(ev & TG_BOOK_EV_APPLIED);
  /* bids 5 + 4 * 10, asks 6 + 4 * 30 */
  cr_assert_eq(b.f.view.imbalance_n_e8, (int64_t)(45 - 126) * TG_E8 / (45 + 126));
  test_book_close(&b.t);
}

/* A mid that jumps by a known return each sample has exactly that standard deviation. */
Test(feature, volatility_of_a_known_path) {
  bench_t b;
  open_bench(&b);
  const tg_feature_view_t *v = tg_feature_view(&b.f);
  for (int i = 0; i < 2000; i++) {
    quote(&b, 1000000 + 100 * (i & 1), 1, 1000002 + 100 * (i & 1), 1); /* +- 1 bps */
    tick(&b, SECOND / 4);
    cr_assert_eq(v->vol_ok, i >= 16, "%d", i);
  }
  cr_assert(v->vol_slow_ok);
  double want = 2.0 * 1e8; /* 1 bps a quarter second = 2 bps per square root of a second */
  cr_assert_lt(fabs((double)v->vol_fast_bps_e8 - want), want * 1e-3);
  cr_assert_lt(fabs((double)v->vol_slow_bps_e8 - want), want * 1e-3);
  cr_assert_eq(v->tox_burst_e8, 0);
  for (int i = 0; i < 16; i++) { /* then 6 times as wild for 4 s */
    quote(&b, 1000000 + 600 * (i & 1), 1, 1000002 + 600 * (i & 1), 1);
    tick(&b, SECOND / 4);
  }
  cr_assert_gt(v->vol_fast_bps_e8, 4 * v->vol_slow_bps_e8 / 2);
  cr_assert_gt(v->tox_burst_e8, 0);
  cr_assert_eq(v->toxicity_e8, v->tox_burst_e8 + v->tox_vpin_e8 + v->tox_markout_e8);
  tick(&b, 3600 * SECOND); /* an hour of silence is no evidence: at most 64 samples */
  cr_assert_eq(b.f.sample_cnt, 2016 + 64 - 1);
  test_book_close(&b.t);
}

Test(feature, balanced_flow_is_not_toxic) {
  bench_t b;
  open_bench(&b);
  const tg_feature_view_t *v = tg_feature_view(&b.f);
  quote(&b, 100000, 10, 100001, 10);
  for (int i = 0; i < 1200; i++) {
    trade(&b, i & 1 ? TG_BUY : TG_SELL, 5);
    tick(&b, SECOND / 20);
  }
  cr_assert(v->vpin_ok);
  cr_assert_lt(v->vpin_e8, 15000000);
  cr_assert_eq(v->toxicity_e8, 0);
  cr_assert_lt(llabs(v->flow_imbalance_e8), 5000000);
  cr_assert_eq(v->markout_bps_e8, 0);
  tick(&b, 61 * SECOND);
  cr_assert_not(v->vpin_ok);
  cr_assert_not(v->markout_ok);
  test_book_close(&b.t);
}

/* One-sided flow with the mid running ahead of it: every part shows it, the score passes HIGH. */
Test(feature, informed_flow_is_toxic) {
  bench_t b;
  open_bench(&b);
  const tg_feature_view_t *v = tg_feature_view(&b.f);
  int64_t mid = 1000000;
  quote(&b, mid, 10, mid + 1, 10);
  for (int i = 0; i < 600; i++) { /* half a minute of calm */
    trade(&b, i & 1 ? TG_BUY : TG_SELL, 5);
    quote(&b, mid + (i & 2), 10, mid + 1 + (i & 2), 10);
    tick(&b, SECOND / 20);
  }
  cr_assert_lt(v->toxicity_e8, TG_E8);
  for (int i = 0; i < 400; i++) {
    trade(&b, TG_SELL, 20);
    mid -= 20;
    quote(&b, mid, 10, mid + 1, 10);
    tick(&b, SECOND / 20);
  }
  cr_assert_eq(v->vpin_e8, TG_E8);
  cr_assert_gt(v->markout_bps_e8, 0);
  cr_assert_gt(v->tox_vpin_e8, 0);
  cr_assert_gt(v->tox_markout_e8, 0);
  cr_assert_gt(v->toxicity_e8, 2 * TG_E8);
  cr_assert_leq(v->toxicity_e8, 6 * TG_E8);
  cr_assert_lt(v->flow_imbalance_e8, -90000000);
  test_book_close(&b.t);
}

Test(feature, a_trade_larger_than_all_buckets) {
  bench_t b;
  open_bench(&b);
  quote(&b, 100000, 10, 100001, 10);
  for (int i = 0; i < 300; i++) {
    trade(&b, i & 1 ? TG_BUY : TG_SELL, 5);
    tick(&b, SECOND / 20);
  }
  trade(&b, TG_BUY, INT64_MAX);
  cr_assert_eq(b.f.view.vpin_e8, TG_E8);
  trade(&b, TG_BUY, INT64_MAX);
  trade(&b, TG_SELL, INT64_MAX);
  trade(&b, TG_SELL, -5); /* nonsense is ignored */
  cr_assert_leq(b.f.view.toxicity_e8, 6 * TG_E8);
  test_book_close(&b.t);
}

Test(feature, settings_out_of_range) {
  tg_feature_cfg_t good, c;
  tg_feature_t f;
  tg_feature_cfg_default(&good);
#define BAD(field, value) \
  do { \
    c = good; \
    c.field = (value); \
    cr_assert_eq(tg_feature_init(&f, &c), -TG_EINVAL); \
  } while (0)
  BAD(imbalance_level_cnt, 0);
  BAD(imbalance_level_cnt, 101);
  BAD(vol_fast_shift, 0);
  BAD(vol_slow_shift, 13);
  BAD(markout_shift, 1);
  BAD(flow_half_life_ns, 0);
  BAD(vol_sample_ns, 3601 * SECOND);
  BAD(bucket_ns, 5);
  BAD(slice_ns, 2 * SECOND);
  BAD(vpin_unit_e8, 0);
  BAD(markout_unit_e8, 0);
  BAD(burst_unit_e8, -1);
}

/* Any numbers a venue could send: nothing overflows (the sanitizer build looks), the score stays in its scale. */
Test(feature, random_extremes, .timeout = 120) {
  bench_t b;
  open_bench(&b);
  uint64_t seed = 99;
  for (int i = 0; i < 200000; i++) {
    uint64_t r = next_random(&seed);
    uint64_t shift = 1 + (r >> 8) % 62;
    int64_t qty = (int64_t)(next_random(&seed) >> shift);
    if (r % 3 == 0) {
      int64_t bid = 1 + (int64_t)(next_random(&seed) >> (15 + r % 40));
      quote(&b, bid, qty, bid + 1 + (int64_t)(r >> 20) % 100, (int64_t)(next_random(&seed) >> shift));
    } else if (r % 3 == 1) {
      trade(&b, r & 64 ? TG_BUY : TG_SELL, qty);
    }
    tick(&b, (r >> 30) % (SECOND / (1 + r % 50)));
    cr_assert_geq(b.f.view.toxicity_e8, 0);
    cr_assert_leq(b.f.view.toxicity_e8, 6 * TG_E8);
    cr_assert(b.f.view.vpin_e8 >= 0 && b.f.view.vpin_e8 <= TG_E8);
  }
  test_book_close(&b.t);
}

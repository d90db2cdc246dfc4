#include "engine/market/feature.h"

#include <string.h>

#include "engine/base/err.h"

#define SAMPLES_PER_MSG_MAX 64u      /* a longer silence is no evidence of calm */
#define FORGET_NS (60 * TG_NS_PER_S) /* VPIN and markout without news for this long are forgotten */
#define VOLUME_HALF_LIFE_NS (60 * TG_NS_PER_S)
#define VOLUME_WARM_NS (10 * TG_NS_PER_S) /* no bucket size before */
#define LN2_E6 693147
#define PART_MAX_E8 (2 * TG_E8) /* one part alone may pause, never call an emergency */
#define MID_MOVE_MAX (INT64_C(1) << 36)
#define RETURN_E4_MAX INT64_C(3000000000) /* its square fits int64 */

void tg_feature_cfg_default(tg_feature_cfg_t *cfg) {
  *cfg = (tg_feature_cfg_t){.imbalance_level_cnt = 5,
                            .flow_half_life_ns = 5 * TG_NS_PER_S,
                            .vol_sample_ns = 250 * TG_NS_PER_MS,
                            .vol_fast_shift = 4,
                            .vol_slow_shift = 10,
                            .bucket_ns = TG_NS_PER_S,
                            .markout_ns = TG_NS_PER_S,
                            .slice_ns = 100 * TG_NS_PER_MS,
                            .markout_shift = 6,
                            .vpin_base_e8 = 90000000,
                            .vpin_unit_e8 = 10000000,
                            .markout_base_e8 = 60000000,
                            .markout_unit_e8 = 50000000,
                            .burst_base_e8 = 250000000,
                            .burst_unit_e8 = 150000000};
}

int tg_feature_init(tg_feature_t *feature, const tg_feature_cfg_t *cfg) {
  if (cfg->imbalance_level_cnt < 1 || cfg->imbalance_level_cnt > 100) return -TG_EINVAL;
  if (cfg->vol_fast_shift < 1 || cfg->vol_fast_shift > 12 || cfg->vol_slow_shift < 1 || cfg->vol_slow_shift > 12)
    return -TG_EINVAL;
  if (cfg->markout_shift < 2 || cfg->markout_shift > 12) return -TG_EINVAL;
  uint64_t times[] = {cfg->flow_half_life_ns, cfg->vol_sample_ns, cfg->bucket_ns, cfg->markout_ns};
  for (size_t i = 0; i < TG_ARRAY_CNT(times); i++) {
    if (times[i] < (uint64_t)TG_NS_PER_MS || times[i] > (uint64_t)(3600 * TG_NS_PER_S)) return -TG_EINVAL;
  }
  if (cfg->slice_ns > cfg->markout_ns) return -TG_EINVAL;
  if (cfg->vpin_unit_e8 <= 0 || cfg->markout_unit_e8 <= 0 || cfg->burst_unit_e8 <= 0) return -TG_EINVAL;
  memset(feature, 0, sizeof *feature);
  feature->cfg = *cfg;
  feature->horizon_e4 = (int64_t)tg_feature_isqrt(cfg->markout_ns / 10u); /* sqrt(ns / 10^9) * 10^4 */
  return 0;
}

/* --- formulas ----------------------------------------------------------------------------------------- */

uint64_t tg_feature_isqrt(tg_u128 value) {
  tg_u128 root = 0;
  for (int shift = 126; shift >= 0; shift -= 2) { /* one result bit a round, no division */
    tg_u128 bit = (tg_u128)1 << shift;
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return (uint64_t)root;
}

int64_t tg_feature_decayed(int64_t value, uint64_t step) {
  static const uint64_t pow_q32[16] = {/* 2^32 * 2^(-i/16), rounded down */
                                       4294967296, 4112874773, 3938502375, 3771522796, 3611622602, 3458501653,
                                       3311872529, 3171459999, 3037000499, 2908241642, 2784941737, 2666869344,
                                       2553802833, 2445529971, 2341847523, 2242560871};
  if (step >= 16u * 63u) return 0;
  uint64_t size = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
  size = (uint64_t)(((tg_u128)size * pow_q32[step % 16u]) >> 32) >> (step / 16u);
  return value < 0 ? -(int64_t)size : (int64_t)size; /* INT64_MIN is never stored: sums saturate symmetrically */
}

static int64_t saturate(tg_i128 value) {
  if (value > INT64_MAX) return INT64_MAX;
  if (value < -INT64_MAX) return -INT64_MAX;
  return (int64_t)value;
}

static int64_t add_saturated(int64_t a, int64_t b) {
  return saturate((tg_i128)a + b);
}

/* num / den scaled by 10^8, towards zero; den > 0. Small values take the short way: a 128-bit division is 10 times dearer. */
static int64_t ratio_e8(int64_t num, int64_t den) {
  if (TG_LIKELY(num < (INT64_C(1) << 36) && num > -(INT64_C(1) << 36))) return num * TG_E8 / den;
  return saturate((tg_i128)num * TG_E8 / den);
}

int64_t tg_feature_imbalance_e8(int64_t bid_qty_lots, int64_t ask_qty_lots) {
  int64_t sum = 0;
  if (TG_UNLIKELY(__builtin_add_overflow(bid_qty_lots, ask_qty_lots, &sum))) {
    return saturate(((tg_i128)bid_qty_lots - ask_qty_lots) * TG_E8 / ((tg_i128)bid_qty_lots + ask_qty_lots));
  }
  return sum == 0 ? 0 : ratio_e8(bid_qty_lots - ask_qty_lots, sum);
}

int64_t tg_feature_micro_e8(const tg_top_t *top) {
  int64_t spread = top->ask_px_ticks - top->bid_px_ticks;
  int64_t sum = 0, weighted = 0, scaled = 0, base = 0;
  /* bid + spread * bid_qty / (bid_qty + ask_qty): the same number, and it mostly fits 64 bits */
  if (TG_LIKELY(!__builtin_add_overflow(top->bid_qty_lots, top->ask_qty_lots, &sum) &&
                !__builtin_mul_overflow(spread, top->bid_qty_lots, &weighted) &&
                !__builtin_mul_overflow(weighted, TG_E8, &scaled) &&
                !__builtin_mul_overflow(top->bid_px_ticks, TG_E8, &base))) {
    return sum == 0 ? 0 : base + scaled / sum;
  }
  tg_i128 wide_sum = (tg_i128)top->bid_qty_lots + top->ask_qty_lots;
  /* spread * quantity * 10^8 does not fit 128 bits: the share is rounded first, by less than spread * 10^-8 ticks */
  tg_i128 share_e8 = (tg_i128)top->bid_qty_lots * TG_E8 / wide_sum;
  return saturate((tg_i128)top->bid_px_ticks * TG_E8 + share_e8 * spread);
}

int64_t tg_feature_ofi_lots(const tg_top_t *before, const tg_top_t *after) {
  tg_i128 e = 0;
  if (after->bid_px_ticks >= before->bid_px_ticks) e += after->bid_qty_lots;
  if (after->bid_px_ticks <= before->bid_px_ticks) e -= before->bid_qty_lots;
  if (after->ask_px_ticks <= before->ask_px_ticks) e -= after->ask_qty_lots;
  if (after->ask_px_ticks >= before->ask_px_ticks) e += before->ask_qty_lots;
  return saturate(e);
}

/* Return of the mid in bps scaled by 10^4; before > 0. */
static int64_t return_e4(int64_t before_half_ticks, int64_t after_half_ticks) {
  int64_t move = after_half_ticks - before_half_ticks;
  if (move > MID_MOVE_MAX) move = MID_MOVE_MAX;
  if (move < -MID_MOVE_MAX) move = -MID_MOVE_MAX;
  int64_t ret = move * TG_E8 / before_half_ticks;
  if (ret > RETURN_E4_MAX) return RETURN_E4_MAX;
  return ret < -RETURN_E4_MAX ? -RETURN_E4_MAX : ret;
}

/* One step of an exponential mean that is a plain mean for its first 2^shift values; cnt counts this one. */
static int64_t ewma(int64_t mean, int64_t value, uint64_t cnt, uint8_t shift) {
  int64_t weight = cnt < (UINT64_C(1) << shift) ? (int64_t)cnt : INT64_C(1) << shift;
  return mean + (value - mean) / weight;
}

/* Brings a decayed sum to now_ns. */
static void decay(tg_feature_decay_t *sum, uint64_t now_ns, uint64_t half_life_ns) {
  if (sum->at_ns == 0) sum->at_ns = now_ns;
  if (now_ns <= sum->at_ns) return;
  uint64_t step_ns = half_life_ns / 16u;
  uint64_t step = (now_ns - sum->at_ns) / step_ns;
  if (step == 0) return;
  sum->value = tg_feature_decayed(sum->value, step);
  sum->at_ns += step * step_ns;
}

/* --- toxicity ----------------------------------------------------------------------------------------- */

static int64_t part_e8(int64_t x_e8, int64_t base_e8, int64_t unit_e8) {
  if (x_e8 <= base_e8) return 0;
  int64_t part = ratio_e8(x_e8 - base_e8, unit_e8);
  return part > PART_MAX_E8 ? PART_MAX_E8 : part;
}

static void score(tg_feature_t *feature) {
  tg_feature_view_t *view = &feature->view;
  const tg_feature_cfg_t *cfg = &feature->cfg;
  view->tox_vpin_e8 = view->vpin_ok ? part_e8(view->vpin_e8, cfg->vpin_base_e8, cfg->vpin_unit_e8) : 0;
  view->tox_markout_e8 = 0;
  view->tox_burst_e8 = 0;
  if (view->vol_slow_ok && view->vol_slow_bps_e8 > 0) {
    bool burst_ok = feature->sample_cnt >= UINT64_C(16) << cfg->vol_fast_shift; /* the slow one has seen some calm */
    view->tox_burst_e8 =
        !burst_ok ? 0 : part_e8(ratio_e8(view->vol_fast_bps_e8, view->vol_slow_bps_e8), cfg->burst_base_e8, cfg->burst_unit_e8);
    int64_t horizon_vol_e8 = saturate((tg_i128)view->vol_slow_bps_e8 * feature->horizon_e4 / 10000);
    if (view->markout_ok && view->markout_bps_e8 > 0 && horizon_vol_e8 > 0) {
      view->tox_markout_e8 =
          part_e8(ratio_e8(view->markout_bps_e8, horizon_vol_e8), cfg->markout_base_e8, cfg->markout_unit_e8);
    }
  }
  view->toxicity_e8 = view->tox_vpin_e8 + view->tox_markout_e8 + view->tox_burst_e8;
}

/* --- time: volatility samples, markouts, forgetting ----------------------------------------------------- */

static int64_t per_second_e8(int64_t var_e8, uint64_t sample_ns) {
  if (var_e8 <= 0) return 0;
  tg_u128 var_s_e8 = (tg_u128)(uint64_t)var_e8 * (uint64_t)TG_NS_PER_S / sample_ns;
  return (int64_t)tg_feature_isqrt(var_s_e8 * (uint64_t)TG_E8);
}

static bool sample(tg_feature_t *feature, uint64_t now_ns) {
  tg_feature_view_t *view = &feature->view;
  const tg_feature_cfg_t *cfg = &feature->cfg;
  if (!view->top_ok) {
    feature->sample_ns = 0;
    return false;
  }
  if (feature->sample_ns == 0) {
    feature->sample_ns = now_ns + cfg->vol_sample_ns;
    feature->sample_half_ticks = view->mid_half_ticks;
    return false;
  }
  if (now_ns < feature->sample_ns) return false;
  uint64_t cnt = (now_ns - feature->sample_ns) / cfg->vol_sample_ns + 1u;
  feature->sample_ns += cnt * cfg->vol_sample_ns;
  if (cnt > SAMPLES_PER_MSG_MAX) cnt = SAMPLES_PER_MSG_MAX;
  for (uint64_t i = 0; i < cnt; i++) {
    int64_t ret = return_e4(feature->sample_half_ticks, view->mid_half_ticks); /* 0 from the second on */
    feature->sample_half_ticks = view->mid_half_ticks;
    feature->sample_cnt++;
    feature->var_fast_e8 = ewma(feature->var_fast_e8, ret * ret, feature->sample_cnt, cfg->vol_fast_shift);
    feature->var_slow_e8 = ewma(feature->var_slow_e8, ret * ret, feature->sample_cnt, cfg->vol_slow_shift);
  }
  view->vol_ok = feature->sample_cnt >= UINT64_C(1) << cfg->vol_fast_shift;
  view->vol_slow_ok = feature->sample_cnt >= UINT64_C(4) << cfg->vol_fast_shift;
  view->vol_fast_bps_e8 = per_second_e8(feature->var_fast_e8, cfg->vol_sample_ns);
  view->vol_slow_bps_e8 = per_second_e8(feature->var_slow_e8, cfg->vol_sample_ns);
  return true;
}

static bool take_markouts(tg_feature_t *feature, uint64_t now_ns) {
  tg_feature_view_t *view = &feature->view;
  bool any = false;
  while (feature->mark_got_cnt != feature->mark_put_cnt) {
    const tg_feature_mark_t *mark = &feature->mark[feature->mark_got_cnt % TG_FEATURE_MARK_CNT];
    if (now_ns < mark->at_ns + feature->cfg.markout_ns) break;
    feature->mark_got_cnt++;
    if (!view->top_ok || now_ns > mark->at_ns + 4u * feature->cfg.markout_ns) { /* another horizon than asked for */
      feature->mark_lost_cnt++;
      continue;
    }
    int64_t move_e8 = mark->sign * return_e4(mark->mid_half_ticks, view->mid_half_ticks) * 10000;
    feature->slice_cnt++;
    view->markout_bps_e8 = ewma(view->markout_bps_e8, move_e8, feature->slice_cnt, feature->cfg.markout_shift);
    view->markout_ok = feature->slice_cnt >= UINT64_C(1) << (feature->cfg.markout_shift - 2);
    feature->slice_ns = now_ns;
    any = true;
  }
  return any;
}

static bool forget(tg_feature_t *feature, uint64_t now_ns) {
  bool any = false;
  if (feature->bucket_full_cnt != 0 && now_ns > feature->bucket_ns + (uint64_t)FORGET_NS) {
    feature->bucket_full_cnt = 0;
    feature->bucket_buy_lots = 0;
    feature->bucket_sell_lots = 0;
    feature->view.vpin_ok = false;
    feature->view.vpin_e8 = 0;
    any = true;
  }
  if (feature->slice_cnt != 0 && now_ns > feature->slice_ns + (uint64_t)FORGET_NS) {
    feature->slice_cnt = 0;
    feature->view.markout_ok = false;
    feature->view.markout_bps_e8 = 0;
    any = true;
  }
  return any;
}

/* Time up to now_ns passed with the mid as it was before this message. */
static void on_time(tg_feature_t *feature, uint64_t now_ns) {
  bool any = sample(feature, now_ns);
  any |= take_markouts(feature, now_ns);
  any |= forget(feature, now_ns);
  if (any) score(feature);
}

static void decay_flows(tg_feature_t *feature, uint64_t now_ns) {
  tg_feature_view_t *view = &feature->view;
  uint64_t half_life_ns = feature->cfg.flow_half_life_ns;
  decay(&feature->ofi, now_ns, half_life_ns);
  decay(&feature->buy, now_ns, half_life_ns);
  decay(&feature->sell, now_ns, half_life_ns);
  view->ofi_decayed_lots = feature->ofi.value;
  view->buy_lots_decayed = feature->buy.value;
  view->sell_lots_decayed = feature->sell.value;
  view->flow_imbalance_e8 = tg_feature_imbalance_e8(feature->buy.value, feature->sell.value);
}

/* --- book and trades ------------------------------------------------------------------------------------ */

static void on_top(tg_feature_t *feature, const tg_top_t *top) {
  tg_feature_view_t *view = &feature->view;
  view->top_ok = top->valid;
  view->ofi_last_lots = 0;
  if (!top->valid) {
    view->mid_half_ticks = 0;
    view->spread_ticks = 0;
    view->micro_ticks_e8 = 0;
    view->imbalance_top_e8 = 0;
    view->imbalance_n_e8 = 0;
    feature->last_top.valid = false;
    return;
  }
  view->mid_half_ticks = top->bid_px_ticks + top->ask_px_ticks;
  view->spread_ticks = top->ask_px_ticks - top->bid_px_ticks;
  view->micro_ticks_e8 = tg_feature_micro_e8(top);
  view->imbalance_top_e8 = tg_feature_imbalance_e8(top->bid_qty_lots, top->ask_qty_lots);
  if (feature->last_top.valid) {
    view->ofi_last_lots = tg_feature_ofi_lots(&feature->last_top, top);
    view->ofi_lots = add_saturated(view->ofi_lots, view->ofi_last_lots);
    feature->ofi.value = add_saturated(feature->ofi.value, view->ofi_last_lots);
  }
  feature->last_top = *top;
}

static void on_levels(tg_feature_t *feature, const tg_book_t *book) {
  tg_book_depth_t bid, ask;
  tg_book_depth_levels(book, TG_BUY, feature->cfg.imbalance_level_cnt, &bid);
  tg_book_depth_levels(book, TG_SELL, feature->cfg.imbalance_level_cnt, &ask);
  feature->view.imbalance_n_e8 = tg_feature_imbalance_e8(bid.qty_lots, ask.qty_lots);
}

/* Size of the next bucket: the average volume of bucket_ns. Zero while there is less than VOLUME_WARM_NS of trades. */
static void size_bucket(tg_feature_t *feature, uint64_t now_ns) {
  uint64_t elapsed_ns = now_ns - feature->volume_start_ns;
  if (now_ns < feature->volume_start_ns || elapsed_ns < (uint64_t)VOLUME_WARM_NS) return;
  tg_i128 lots;
  if (elapsed_ns < (uint64_t)VOLUME_HALF_LIFE_NS) {
    lots = (tg_i128)feature->volume_lots * (int64_t)feature->cfg.bucket_ns / (int64_t)elapsed_ns;
  } else { /* the decayed sum of a steady rate is rate * half-life / ln 2 */
    lots = (tg_i128)feature->volume.value * (int64_t)feature->cfg.bucket_ns / VOLUME_HALF_LIFE_NS * LN2_E6 / 1000000;
  }
  feature->bucket_lots = lots < 1 ? 1 : saturate(lots);
}

static void close_bucket(tg_feature_t *feature, uint64_t now_ns) {
  uint32_t at = feature->bucket_full_cnt % TG_FEATURE_BUCKET_CNT;
  int64_t diff = feature->bucket_buy_lots - feature->bucket_sell_lots;
  feature->bucket_diff_lots[at] = diff < 0 ? -diff : diff;
  feature->bucket_size_lots[at] = feature->bucket_buy_lots + feature->bucket_sell_lots;
  feature->bucket_buy_lots = 0;
  feature->bucket_sell_lots = 0;
  feature->bucket_ns = now_ns;
  feature->bucket_full_cnt++;
  if (feature->bucket_full_cnt == 2u * TG_FEATURE_BUCKET_CNT) feature->bucket_full_cnt = TG_FEATURE_BUCKET_CNT;
}

static void fill_buckets(tg_feature_t *feature, int64_t qty_lots, bool buy, uint64_t now_ns) {
  if (feature->bucket_lots == 0) {
    size_bucket(feature, now_ns);
    return; /* the trades before the first bucket only measured */
  }
  bool closed = false;
  for (uint32_t i = 0; i <= TG_FEATURE_BUCKET_CNT && qty_lots > 0; i++) { /* what is beyond would only repeat */
    int64_t room = feature->bucket_lots - feature->bucket_buy_lots - feature->bucket_sell_lots;
    int64_t take = qty_lots < room ? qty_lots : room;
    *(buy ? &feature->bucket_buy_lots : &feature->bucket_sell_lots) += take;
    qty_lots -= take;
    if (take < room) break;
    close_bucket(feature, now_ns);
    closed = true;
  }
  if (!closed) return;
  size_bucket(feature, now_ns);
  if (feature->bucket_buy_lots + feature->bucket_sell_lots >= feature->bucket_lots)
    close_bucket(feature, now_ns); /* it shrank */
  if (feature->bucket_full_cnt < TG_FEATURE_BUCKET_CNT) return;
  tg_i128 diff = 0, size = 0;
  for (uint32_t i = 0; i < TG_FEATURE_BUCKET_CNT; i++) {
    diff += feature->bucket_diff_lots[i];
    size += feature->bucket_size_lots[i];
  }
  feature->view.vpin_ok = true;
  feature->view.vpin_e8 = saturate(diff * TG_E8 / size);
  score(feature);
}

static void on_trade(tg_feature_t *feature, const tg_msg_t *msg) {
  const tg_md_trade_t *trade = &msg->u.md_trade;
  uint64_t now_ns = msg->ts_ns;
  bool buy = trade->aggressor == TG_BUY;
  if (trade->qty_lots <= 0) return;
  if (feature->volume_start_ns == 0) feature->volume_start_ns = now_ns;
  feature->volume_lots = add_saturated(feature->volume_lots, trade->qty_lots);
  decay(&feature->volume, now_ns, VOLUME_HALF_LIFE_NS);
  feature->volume.value = add_saturated(feature->volume.value, trade->qty_lots);
  tg_feature_decay_t *flow = buy ? &feature->buy : &feature->sell;
  flow->value = add_saturated(flow->value, trade->qty_lots);
  feature->view.buy_lots_decayed = feature->buy.value;
  feature->view.sell_lots_decayed = feature->sell.value;
  feature->view.flow_imbalance_e8 = tg_feature_imbalance_e8(feature->buy.value, feature->sell.value);
  fill_buckets(feature, trade->qty_lots, buy, now_ns);
  if (!feature->view.top_ok) return;
  int64_t sign = buy ? 1 : -1;
  if (feature->mark_put_cnt != feature->mark_got_cnt) {
    const tg_feature_mark_t *last = &feature->mark[(feature->mark_put_cnt - 1u) % TG_FEATURE_MARK_CNT];
    if (last->sign == sign && now_ns < last->at_ns + feature->cfg.slice_ns) return;
  }
  if (feature->mark_put_cnt - feature->mark_got_cnt == TG_FEATURE_MARK_CNT) {
    feature->mark_got_cnt++;
    feature->mark_lost_cnt++;
  }
  feature->mark[feature->mark_put_cnt++ % TG_FEATURE_MARK_CNT] =
      (tg_feature_mark_t){.at_ns = now_ns, .mid_half_ticks = feature->view.mid_half_ticks, .sign = sign};
}

void tg_feature_on_msg(tg_feature_t *feature, const tg_msg_t *msg, const tg_book_t *book, uint32_t book_ev) {
  const tg_top_t *top = tg_book_top(book);
  /* validity is looked at always: a LINK or a command may have ended it between two messages of ours */
  if (!top->valid && feature->view.top_ok) on_top(feature, top);
  on_time(feature, msg->ts_ns);
  switch (msg->kind) {
    case TG_MD_TRADE:
      decay_flows(feature, msg->ts_ns);
      on_trade(feature, msg);
      break;
    case TG_TIMER:
      decay_flows(feature, msg->ts_ns);
      break;
    default:
      break;
  }
  if ((book_ev & TG_BOOK_EV_TOP_CHANGED) != 0 || (top->valid && !feature->view.top_ok)) {
    decay_flows(feature, msg->ts_ns);
    on_top(feature, top);
    feature->view.ofi_decayed_lots = feature->ofi.value;
  }
  if ((book_ev & TG_BOOK_EV_APPLIED) != 0 && tg_book_complete(book)) on_levels(feature, book);
}

/* feature.h - numbers a strategy and the lifecycle read from book and trades, fixed point only.
 * What:    mid, spread, microprice, imbalance, order-flow imbalance, short-term volatility, trade flow, and one
 *          toxicity score on the scale of the lifecycle (0 quiet, 1 THROTTLED, 2 PAUSED, 3 EMERGENCY).
 *          Pure updates: (state, message, book) -> state; time is the messages' own.
 * Owner:   caller; a plain struct, no arena.
 * Threads: one lane (the core's).
 * Limit:   TG_FEATURE_MARK_CNT trade slices wait for their markout; the oldest goes, counted; one that could not be
 *          measured within four horizons (a silence, no top) too.
 * Errors:  none. While a value is not known its *_ok flag is false and its number is 0.
 *
 * Sources  OFI:        Cont, Kukanov, Stoikov, "The Price Impact of Order Book Events",
 *                      J. of Financial Econometrics 12 (2014), section 2.1, the e_n of eq. (1)-(2).
 *          microprice: size-weighted mid, see Stoikov, "The micro-price" (2018), section 1.
 *          VPIN:       Easley, Lopez de Prado, O'Hara, "Flow Toxicity and Liquidity in a High-frequency
 *                      World", Rev. of Financial Studies 25 (2012): sum |V_buy - V_sell| / (n V) over n volume
 *                      buckets; here with the venue's own aggressor instead of bulk classification.
 *          markout:    signed mid move after a trade, the adverse selection part of the realised-spread
 *                      decomposition (Huang, Stoll, J. of Financial Economics 41 (1996)).
 * Formulas and calibration: docs/book.md. */
#ifndef TG_MARKET_FEATURE_H
#define TG_MARKET_FEATURE_H

#include "engine/base/types.h"
#include "engine/market/book.h"
#include "engine/msg/msg.h"

#define TG_FEATURE_MARK_CNT 64u   /* trade slices waiting for their markout */
#define TG_FEATURE_BUCKET_CNT 16u /* volume buckets of VPIN */

typedef struct tg_feature_cfg {
  uint32_t imbalance_level_cnt; /* levels a side in imbalance_n_e8, 1 .. 100 */
  uint64_t flow_half_life_ns;   /* of decayed OFI and trade flow */
  uint64_t vol_sample_ns;       /* mid is sampled this often */
  uint8_t vol_fast_shift;       /* EWMA weight 2^-shift per sample, 1 .. 12 */
  uint8_t vol_slow_shift;
  uint64_t bucket_ns;    /* a VPIN bucket holds about this much time of average volume */
  uint64_t markout_ns;   /* horizon of the markout */
  uint64_t slice_ns;     /* trades of one side within this time are one markout sample */
  uint8_t markout_shift; /* EWMA weight 2^-shift per slice, 2 .. 12 */
  /* part of the score = clamp((x - base) / unit, 0, 2); the score is the sum of the parts; units > 0 */
  int64_t vpin_base_e8, vpin_unit_e8;       /* x = VPIN */
  int64_t markout_base_e8, markout_unit_e8; /* x = markout / (slow volatility * sqrt(horizon)) */
  int64_t burst_base_e8, burst_unit_e8;     /* x = fast / slow volatility, after 16 * 2^fast shift samples */
} tg_feature_cfg_t;

/* Read-only results. _e8 are scaled by 10^8. */
typedef struct tg_feature_view {
  bool top_ok;              /* the five below are of a valid top; else 0 */
  int64_t mid_half_ticks;   /* bid + ask: the mid in half ticks */
  int64_t spread_ticks;     /* ask - bid */
  int64_t micro_ticks_e8;   /* (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty), rounded down; saturates */
  int64_t imbalance_top_e8; /* (bid_qty - ask_qty) / (bid_qty + ask_qty), -1 .. 1 */
  int64_t imbalance_n_e8;   /* the same over imbalance_level_cnt levels of the depth book */
  int64_t ofi_last_lots;    /* e_n of the last top change, > 0 buying pressure */
  int64_t ofi_lots;         /* sum of e_n since start (wraps never: saturates) */
  int64_t ofi_decayed_lots; /* e_n with half-life flow_half_life_ns */
  bool vol_ok;              /* fast volatility has seen 2^shift samples */
  bool vol_slow_ok;         /* four times as many; until 2^slow shift it is a plain mean */
  int64_t vol_fast_bps_e8;  /* standard deviation of the mid's return, bps per square root of a second */
  int64_t vol_slow_bps_e8;
  int64_t buy_lots_decayed; /* aggressive volume, half-life flow_half_life_ns */
  int64_t sell_lots_decayed;
  int64_t flow_imbalance_e8;                         /* (buy - sell) / (buy + sell) of those, 0 when nothing */
  bool vpin_ok;                                      /* all buckets full, and no minute without a full one since */
  int64_t vpin_e8;                                   /* 0 .. 1 */
  bool markout_ok;                                   /* 2^(markout_shift - 2) slices seen, and no minute without one since */
  int64_t markout_bps_e8;                            /* EWMA: > 0 the mid follows the takers: makers lose */
  int64_t toxicity_e8;                               /* the score; 0 until something is known */
  int64_t tox_vpin_e8, tox_markout_e8, tox_burst_e8; /* its three parts */
} tg_feature_view_t;

/* A decayed sum: value halves every half-life, in 16 exact steps a half-life. */
typedef struct tg_feature_decay {
  int64_t value;
  uint64_t at_ns;
} tg_feature_decay_t;

typedef struct tg_feature_mark { /* a slice of trades waiting for its markout */
  uint64_t at_ns;
  int64_t mid_half_ticks;
  int64_t sign; /* +1 buyers took */
} tg_feature_mark_t;

typedef struct tg_feature {
  tg_feature_view_t view;
  tg_feature_cfg_t cfg;
  int64_t horizon_e4; /* square root of the markout horizon in seconds */
  tg_top_t last_top;  /* for OFI; invalid at start and after a break */
  tg_feature_decay_t ofi, buy, sell;
  uint64_t sample_ns; /* next sample is due here; 0 none yet */
  int64_t sample_half_ticks;
  uint64_t sample_cnt;
  int64_t var_fast_e8, var_slow_e8; /* bps^2 per sample */
  int64_t bucket_lots;              /* volume of one bucket; 0 while unknown */
  tg_feature_decay_t volume;        /* decides bucket_lots */
  uint64_t volume_start_ns;
  int64_t volume_lots;                             /* since then, for the first minute */
  uint64_t bucket_ns;                              /* when the last bucket was full */
  int64_t bucket_buy_lots, bucket_sell_lots;       /* the one being filled */
  int64_t bucket_diff_lots[TG_FEATURE_BUCKET_CNT]; /* |buy - sell| of the full ones */
  int64_t bucket_size_lots[TG_FEATURE_BUCKET_CNT];
  uint32_t bucket_full_cnt;
  tg_feature_mark_t mark[TG_FEATURE_MARK_CNT];
  uint32_t mark_put_cnt, mark_got_cnt;
  uint64_t slice_cnt;
  uint64_t slice_ns; /* when the last markout was taken */
  uint64_t mark_lost_cnt;
} tg_feature_t;

/* Defaults: 5 levels; half-life 5 s; samples of 250 ms with 2^-4 (4 s) and 2^-10 (4 min); buckets of 1 s; markout after 1 s
 * over slices of 100 ms with 2^-6; bases and units as calibrated in docs/book.md. */
void tg_feature_cfg_default(tg_feature_cfg_t *cfg);

/* Clears everything. 0, -TG_EINVAL (a field out of its range). */
TG_MUST_USE int tg_feature_init(tg_feature_t *feature, const tg_feature_cfg_t *cfg);

/* One input message after the book has taken it (book_ev is tg_book_on_msg's answer, 0 for other kinds).
 * MD_TRADE, MD_TOP, MD_DEPTH, MD_LEVELS, TIMER matter; all else only carries time. */
void tg_feature_on_msg(tg_feature_t *feature, const tg_msg_t *msg, const tg_book_t *book, uint32_t book_ev);

static inline const tg_feature_view_t *tg_feature_view(const tg_feature_t *feature) {
  return &feature->view;
}

/* Pure formulas, for strategies and tests. Quantities >= 0, prices up to TG_BOOK_PX_MAX. 0 when a denominator is 0. */
int64_t tg_feature_micro_e8(const tg_top_t *top);
int64_t tg_feature_imbalance_e8(int64_t bid_qty_lots, int64_t ask_qty_lots);
int64_t tg_feature_ofi_lots(const tg_top_t *before, const tg_top_t *after);
/* Integer square root, rounded down. */
uint64_t tg_feature_isqrt(tg_u128 value);
/* value * 2^(-step/16), towards zero. */
int64_t tg_feature_decayed(int64_t value, uint64_t step);

#endif

#include "risk/advisory.h"

/* N^-1(1 - p / 200) * 10^8 for p = 0..100 percent. */
static const int64_t Z_E8[101] = {
    INT64_MAX, 257582930, 232634787, 217009038, 205374891, 195996398, 188079361, 181191067, 175068607, 169539771, 164485363,
    159819314, 155477359, 151410189, 147579103, 143953147, 140507156, 137220381, 134075503, 131057911, 128155157, 125356544,
    122652812, 120035886, 117498679, 115034938, 112639113, 110306256, 108031934, 105812162, 103643339, 101522203, 99445788,
    97411388,  95416525,  93458929,  91536509,  89647336,  87789630,  85961736,  84162123,  82389363,  80642125,  78919165,
    77219321,  75541503,  73884685,  72247905,  70630256,  69030882,  67448975,  65883769,  64334541,  62800601,  61281299,
    59776013,  58284151,  56805150,  55338472,  53883603,  52440051,  51007346,  49585035,  48172685,  46769880,  45376219,
    43991317,  42614801,  41246313,  39885507,  38532047,  37185609,  35845879,  34512553,  33185335,  31863936,  30548079,
    29237490,  27931903,  26631061,  25334710,  24042603,  22754498,  21470157,  20189348,  18911843,  17637416,  16365849,
    15096922,  13830421,  12566135,  11303854,  10043372,  8784484,   7526986,   6270678,   5015358,   3760829,   2506891,
    1253347,   0,
};

int64_t tg_advisory_z_e8(unsigned pct) {
  return Z_E8[pct > 100 ? 100 : pct];
}

/* Integer square root, rounded down. */
static uint64_t root(tg_u128 value) {
  uint64_t r = 0;
  for (int bit = 63; bit >= 0; bit--) {
    uint64_t with = r | UINT64_C(1) << bit;
    if ((tg_u128)with * with <= value) r = with;
  }
  return r;
}

uint64_t tg_advisory_sigma_q16(const tg_advisory_in_t *in, uint64_t horizon_ns) {
  const int64_t mid_max = INT64_C(1) << 49, vol_max = INT64_C(1) << 41; /* 21,990 bps per root second */
  if (in->mid_half_ticks <= 0 || in->mid_half_ticks > mid_max) return 0;
  if (in->volatility_bps_e8 <= 0 || in->volatility_bps_e8 > vol_max) return 0;
  if (horizon_ns > UINT64_C(3600000000000)) horizon_ns = UINT64_C(3600000000000);
  uint64_t root_e4 = root((tg_u128)horizon_ns / 10); /* sqrt(T in s) * 10^4 */
  /* half ticks / 2 * (bps_e8 / 10^4 / 10^8) * root_e4 / 10^4, in 2^-16 */
  tg_u128 wide = (tg_u128)(uint64_t)in->mid_half_ticks * (uint64_t)in->volatility_bps_e8 * root_e4; /* < 2^110 for an hour */
  wide = (wide << 16) / UINT64_C(20000000000000000);
  return wide >> 63 ? UINT64_C(1) << 63 : (uint64_t)wide;
}

unsigned tg_advisory_fill_pct(int64_t distance_ticks, uint64_t sigma_q16) {
  if (sigma_q16 == 0) return 0;
  if (distance_ticks <= 0) return 100;
  unsigned pct = 0;
  while (pct < 100) { /* z falls with the percentage */
    tg_u128 reach = ((tg_u128)sigma_q16 * (uint64_t)Z_E8[pct + 1] / (uint64_t)TG_E8) >> 16;
    if ((tg_u128)(uint64_t)distance_ticks > reach) break;
    pct++;
  }
  return pct;
}

tg_advisory_t tg_advisory_make(const tg_advisory_cfg_t *cfg, const tg_advisory_in_t *in) {
  tg_advisory_t out = {INT64_MAX, 0};
  out.toxic = cfg->toxic_on && in->toxicity_e8 >= cfg->toxic_max_e8;
  if (!cfg->fill_prob_on || cfg->min_pct == 0) return out;
  uint64_t sigma_q16 = tg_advisory_sigma_q16(in, cfg->horizon_ns);
  if (sigma_q16 == 0) {
    out.reach_ticks = -1;
    return out;
  }
  tg_u128 reach = ((tg_u128)sigma_q16 * (uint64_t)tg_advisory_z_e8(cfg->min_pct) / (uint64_t)TG_E8) >> 16;
  out.reach_ticks = reach > (tg_u128)(INT64_MAX / 2) ? INT64_MAX / 2 : (int64_t)reach;
  return out;
}

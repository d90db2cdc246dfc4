/* types.h - the words every other header is written in.
 * What:    integer shorthands, attributes, the money and time conventions.
 * Owner:   nobody; no state.
 * Threads: any.
 *
 * Units used everywhere (a suffix says which):
 *   _ticks  int64, price in multiples of the instrument's tick size
 *   _lots   int64, quantity in multiples of the instrument's step size
 *   _e8     int64, a decimal scaled by 10^8 (money, mark price, rates)
 *   _ns     int64 or uint64; instants are "engine time": ns since the UNIX epoch,
 *           anchored to CLOCK_REALTIME once at start, then advanced by the TSC only
 *   _bps    int64, 1/10000
 */
#ifndef TG_BASE_TYPES_H
#define TG_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 tg_i128;
__extension__ typedef unsigned __int128 tg_u128;

#define TG_CACHE_LINE 64
#define TG_MUST_USE __attribute__((warn_unused_result))
#define TG_LIKELY(x) __builtin_expect(!!(x), 1)
#define TG_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TG_ALIGNED(n) __attribute__((aligned(n)))
#define TG_COLD __attribute__((cold, noinline))
#define TG_ARRAY_CNT(a) (sizeof(a) / sizeof((a)[0]))
#define TG_E8 INT64_C(100000000)
#define TG_NS_PER_MS INT64_C(1000000)
#define TG_NS_PER_S INT64_C(1000000000)

typedef enum tg_side { TG_BUY = 0, TG_SELL = 1 } tg_side_t;

/* +1 for BUY, -1 for SELL. */
static inline int64_t tg_side_sign(tg_side_t side) {
  return side == TG_BUY ? 1 : -1;
}

#endif

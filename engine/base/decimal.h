/* decimal.h - exact decimal text <-> scaled integers.
 * What:    parse and print without floating point, locale or allocation.
 * Threads: any; pure.
 * Limit:   20 significant digits in text; int64 out.
 * Errors:  -TG_ESYNTAX (no digits, junk), -TG_ERANGE (does not fit int64, or has non-zero digits
 *          beyond the scale: never rounded); outputs unchanged on error. */
#ifndef TG_BASE_DECIMAL_H
#define TG_BASE_DECIMAL_H

#include "engine/base/types.h"

/* One quantity's scale: value = units * unit / 10^dec. tick 0.10 is {1, 1}; tick 0.25 is {2, 25}. */
typedef struct tg_scale {
  uint8_t dec;  /* decimals of the text kept, 0..18 */
  int64_t unit; /* units of 10^-dec in one tick or lot, >= 1 */
} tg_scale_t;

/* Makes the scale of a step given as decimal text ("0.10", "0.001", "1", "0.25"). 0, -TG_ESYNTAX, -TG_ERANGE (<= 0). */
TG_MUST_USE int tg_scale_from_text(const char *text, size_t len, tg_scale_t *out);
/* Text "[-]digits[.digits]" (all `len` bytes) -> value * 10^dec. 0, -TG_ESYNTAX, -TG_ERANGE. dec 0..18. */
TG_MUST_USE int tg_dec_parse(const char *text, size_t len, unsigned dec, int64_t *out);
/* Text -> ticks or lots; a value that is no multiple of the step is -TG_ERANGE. */
TG_MUST_USE int tg_dec_parse_scaled(const char *text, size_t len, tg_scale_t scale, int64_t *out);
/* Writes value / 10^dec with exactly dec decimals. Returns bytes (<= 24), buf must have 24; no terminator. */
size_t tg_dec_print(int64_t value, unsigned dec, char *buf);
/* Same without needless zeros ("1.5", "0", "-3"): canonical form of the account renderings. */
size_t tg_dec_print_short(int64_t value, unsigned dec, char *buf);
/* Writes ticks or lots with exactly scale.dec decimals. */
size_t tg_dec_print_scaled(int64_t units, tg_scale_t scale, char *buf);
/* units * unit / 10^dec as _e8, exact. 0, -TG_ERANGE (overflow or finer than 1e-8). */
TG_MUST_USE int tg_scale_to_e8(int64_t units, tg_scale_t scale, int64_t *out_e8);

#endif

/* num.h - exact decimals as integers in units of 1e-8.
 * What:   parse, format, multiply and divide prices, quantities and money without floating point.
 * Owner:  values only; the vs_d ring is static (single-threaded program).
 * Limits: |value| < 9e10 units of money; at most 8 significant decimals on input.
 * Errors: vs_dec_parse returns a negative vs_dec_err; the output is unchanged then. */
#ifndef VS_NUM_H
#define VS_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 vs_i128;

#define VS_E8 100000000LL
#define VS_DEC_BYTES 48

enum vs_dec_err { VS_DEC_SYNTAX = -1, VS_DEC_PRECISION = -2, VS_DEC_RANGE = -3 };

/* Parses `[-]digits[.digits]`. *decimals (may be NULL) gets the number of decimals after trailing zeros are cut.
 * Returns 0 or a negative vs_dec_err. */
int vs_dec_parse(const char *text, int64_t *out_e8, int *decimals);

/* Parses a signed integer. Returns 0, or VS_DEC_SYNTAX / VS_DEC_RANGE. */
int vs_int_parse(const char *text, int64_t *out);

/* n / d rounded half away from zero; d > 0. */
int64_t vs_round_div(vs_i128 n, vs_i128 d);

/* a * b of two 1e-8 values, in 1e-8, rounded half away from zero. */
int64_t vs_mul(int64_t a_e8, int64_t b_e8);

/* Writes v with exactly `dec` decimals (0..8), rounded half away from zero when digits are lost. */
void vs_fmt_dec(char out[VS_DEC_BYTES], int64_t v_e8, int dec);

/* The same into one of 64 rotating static buffers: valid until 64 further calls. */
const char *vs_d(int64_t v_e8, int dec);

/* Shortest exact form ("0", "0.5", "-1.7734"), rotating like vs_d. */
const char *vs_dtrim(int64_t v_e8);

/* Seeded generator (xoshiro256**), so that a seed gives the same decisions everywhere. */
typedef struct vs_rng {
  uint64_t s[4];
} vs_rng;

void vs_rng_seed(vs_rng *r, uint64_t seed);
uint64_t vs_rng_next(vs_rng *r);
double vs_rng_unit(vs_rng *r);             /* (0,1) */
double vs_rng_exp(vs_rng *r, double mean); /* exponential */
double vs_rng_norm(vs_rng *r);             /* standard normal */
uint32_t vs_rng_below(vs_rng *r, uint32_t n);

#endif

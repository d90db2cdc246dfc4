/* num.c - see num.h. */
#include "num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int vs_dec_parse(const char *text, int64_t *out_e8, int *decimals) {
  const char *c = text;
  bool neg = false;
  if (*c == '-') {
    neg = true;
    c++;
  }
  if (*c < '0' || *c > '9') {
    return VS_DEC_SYNTAX;
  }
  vs_i128 v = 0;
  int digits = 0;
  for (; *c >= '0' && *c <= '9'; c++) {
    v = v * 10 + (*c - '0');
    if (++digits > 20) {
      return VS_DEC_RANGE;
    }
  }
  int dec = 0;
  int used = 0;
  bool lost = false;
  if (*c == '.') {
    c++;
    if (*c < '0' || *c > '9') {
      return VS_DEC_SYNTAX;
    }
    for (int pos = 1; *c >= '0' && *c <= '9'; c++, pos++) {
      if (pos <= 8) {
        v = v * 10 + (*c - '0');
        dec++;
      }
      if (*c != '0') {
        used = pos;
        lost = lost || pos > 8;
      }
      if (pos > 40) {
        return VS_DEC_SYNTAX;
      }
    }
  }
  if (*c != '\0') {
    return VS_DEC_SYNTAX;
  }
  if (lost) {
    return VS_DEC_PRECISION;
  }
  for (; dec < 8; dec++) {
    v *= 10;
  }
  if (v > INT64_MAX) {
    return VS_DEC_RANGE;
  }
  *out_e8 = neg ? -(int64_t)v : (int64_t)v;
  if (decimals != NULL) {
    *decimals = used;
  }
  return 0;
}

int vs_int_parse(const char *text, int64_t *out) {
  const char *c = text;
  bool neg = *c == '-';
  if (neg) {
    c++;
  }
  if (*c == '\0') {
    return VS_DEC_SYNTAX;
  }
  vs_i128 v = 0;
  for (; *c != '\0'; c++) {
    if (*c < '0' || *c > '9') {
      return VS_DEC_SYNTAX;
    }
    v = v * 10 + (*c - '0');
    if (v > INT64_MAX) {
      return VS_DEC_RANGE;
    }
  }
  *out = neg ? -(int64_t)v : (int64_t)v;
  return 0;
}

int64_t vs_round_div(vs_i128 n, vs_i128 d) {
  vs_i128 q = n / d;
  vs_i128 r = n % d;
  if (r < 0) {
    r = -r;
  }
  if (2 * r >= d) {
    q += n < 0 ? -1 : 1;
  }
  return (int64_t)q;
}

int64_t vs_mul(int64_t a_e8, int64_t b_e8) {
  return vs_round_div((vs_i128)a_e8 * b_e8, VS_E8);
}

void vs_fmt_dec(char out[VS_DEC_BYTES], int64_t v_e8, int dec) {
  int64_t unit = 1;
  for (int k = dec; k < 8; k++) {
    unit *= 10;
  }
  int64_t v = vs_round_div(v_e8, unit);
  int64_t scale = VS_E8 / unit;
  uint64_t mag = v < 0 ? (uint64_t)(-(v + 1)) + 1u : (uint64_t)v;
  uint64_t whole = mag / (uint64_t)scale;
  uint64_t frac = mag % (uint64_t)scale;
  char tmp[VS_DEC_BYTES];
  int n = 0;
  for (int k = 0; k < dec; k++) {
    tmp[n++] = (char)('0' + (int)(frac % 10));
    frac /= 10;
  }
  if (dec > 0) {
    tmp[n++] = '.';
  }
  do {
    tmp[n++] = (char)('0' + (int)(whole % 10));
    whole /= 10;
  } while (whole != 0);
  if (v < 0) {
    tmp[n++] = '-';
  }
  for (int k = 0; k < n; k++) {
    out[k] = tmp[n - 1 - k];
  }
  out[n] = '\0';
}

static char *ring_slot(void) {
  static char ring[64][VS_DEC_BYTES];
  static unsigned pos;
  return ring[pos++ & 63u];
}

const char *vs_d(int64_t v_e8, int dec) {
  char *out = ring_slot();
  vs_fmt_dec(out, v_e8, dec);
  return out;
}

const char *vs_dtrim(int64_t v_e8) {
  char *out = ring_slot();
  vs_fmt_dec(out, v_e8, 8);
  size_t n = strlen(out);
  while (out[n - 1] == '0') {
    n--;
  }
  if (out[n - 1] == '.') {
    n--;
  }
  out[n] = '\0';
  return out;
}

void vs_rng_seed(vs_rng *r, uint64_t seed) {
  uint64_t x = seed; /* splitmix64 fills the state, so that a small seed is as good as any */
  for (int k = 0; k < 4; k++) {
    x += 0x9e3779b97f4a7c15ULL;
    uint64_t z = x;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    r->s[k] = z ^ (z >> 31);
  }
}

static uint64_t rotl(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

uint64_t vs_rng_next(vs_rng *r) {
  uint64_t out = rotl(r->s[1] * 5, 7) * 9;
  uint64_t t = r->s[1] << 17;
  r->s[2] ^= r->s[0];
  r->s[3] ^= r->s[1];
  r->s[1] ^= r->s[2];
  r->s[0] ^= r->s[3];
  r->s[2] ^= t;
  r->s[3] = rotl(r->s[3], 45);
  return out;
}

double vs_rng_unit(vs_rng *r) {
  return ((double)(vs_rng_next(r) >> 11) + 0.5) * 0x1.0p-53;
}

double vs_rng_exp(vs_rng *r, double mean) {
  return -mean * log(vs_rng_unit(r));
}

double vs_rng_norm(vs_rng *r) {
  double u = vs_rng_unit(r);
  double v = vs_rng_unit(r);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint32_t vs_rng_below(vs_rng *r, uint32_t n) {
  return (uint32_t)(((vs_rng_next(r) >> 32) * (uint64_t)n) >> 32);
}

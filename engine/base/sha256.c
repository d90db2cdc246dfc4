#include "engine/base/sha256.h"

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

static const TG_ALIGNED(16) uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t H0[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotr(uint32_t x, unsigned n) {
  return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *p) {
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return __builtin_bswap32(x);
}

static void compress_one(uint32_t h[8], const uint8_t *data) {
  uint32_t w[64];
  for (unsigned i = 0; i < 16; i++) w[i] = load_be32(data + i * 4);
  for (unsigned i = 16; i < 64; i++) {
    uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
  for (unsigned i = 0; i < 64; i++) {
    uint32_t t1 = k + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
    uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
}

void tg_sha256_blocks_portable(uint32_t h[8], const uint8_t *data, size_t block_cnt) {
  for (; block_cnt > 0; block_cnt--, data += TG_SHA256_BLOCK_BYTES) compress_one(h, data);
}

#define TG_SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds: abef/cdgh are the state in the order the instructions want, wk is message words plus constants. */
#define ROUNDS4(abef, cdgh, wk) \
  do { \
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk); \
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e)); \
  } while (0)

/* The next four message words from the last sixteen (m0 oldest). */
TG_SHA_TARGET static inline __m128i schedule(__m128i m0, __m128i m1, __m128i m2, __m128i m3) {
  __m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(m0, m1), _mm_alignr_epi8(m3, m2, 4));
  return _mm_sha256msg2_epu32(t, m3);
}

TG_SHA_TARGET static void blocks_sha_ni(uint32_t h[8], const uint8_t *data, size_t block_cnt) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const __m128i *k = (const __m128i *)(const void *)K;
  __m128i lo = _mm_loadu_si128((const __m128i *)(const void *)&h[0]); /* d c b a */
  __m128i hi = _mm_loadu_si128((const __m128i *)(const void *)&h[4]); /* h g f e */
  lo = _mm_shuffle_epi32(lo, 0xb1);
  hi = _mm_shuffle_epi32(hi, 0x1b);
  __m128i abef = _mm_alignr_epi8(lo, hi, 8);
  __m128i cdgh = _mm_blend_epi16(hi, lo, 0xf0);
  for (; block_cnt > 0; block_cnt--, data += TG_SHA256_BLOCK_BYTES) {
    const __m128i *in = (const __m128i *)(const void *)data;
    __m128i abef_in = abef, cdgh_in = cdgh, wk;
    __m128i m0 = _mm_shuffle_epi8(_mm_loadu_si128(in), swap);
    __m128i m1 = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), swap);
    __m128i m2 = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), swap);
    __m128i m3 = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), swap);
    for (unsigned i = 0; i < 16; i += 4) {
      wk = _mm_add_epi32(m0, k[i]);
      ROUNDS4(abef, cdgh, wk);
      wk = _mm_add_epi32(m1, k[i + 1]);
      ROUNDS4(abef, cdgh, wk);
      wk = _mm_add_epi32(m2, k[i + 2]);
      ROUNDS4(abef, cdgh, wk);
      wk = _mm_add_epi32(m3, k[i + 3]);
      ROUNDS4(abef, cdgh, wk);
      if (i == 12) break;
      m0 = schedule(m0, m1, m2, m3);
      m1 = schedule(m1, m2, m3, m0);
      m2 = schedule(m2, m3, m0, m1);
      m3 = schedule(m3, m0, m1, m2);
    }
    abef = _mm_add_epi32(abef, abef_in);
    cdgh = _mm_add_epi32(cdgh, cdgh_in);
  }
  lo = _mm_shuffle_epi32(abef, 0x1b); /* a b e f, lowest lane first: */
  hi = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)(void *)&h[0], _mm_blend_epi16(lo, hi, 0xf0));
  _mm_storeu_si128((__m128i *)(void *)&h[4], _mm_alignr_epi8(hi, lo, 8));
}

typedef void (*blocks_t)(uint32_t h[8], const uint8_t *data, size_t block_cnt);
static blocks_t blocks_chosen = tg_sha256_blocks_portable;

/* Runs before main, so before any lane. */
__attribute__((constructor)) static void choose(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  bool sse41 = (c >> 19) & 1u, ssse3 = (c >> 9) & 1u;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  bool sha = (b >> 29) & 1u;
  if (sha && sse41 && ssse3) blocks_chosen = blocks_sha_ni;
}

bool tg_sha256_accelerated(void) {
  return blocks_chosen == blocks_sha_ni;
}

void tg_sha256_blocks(uint32_t h[8], const uint8_t *data, size_t block_cnt) {
  blocks_chosen(h, data, block_cnt);
}

void tg_sha256_init(tg_sha256_t *ctx) {
  memcpy(ctx->h, H0, sizeof H0);
  ctx->len_bytes = 0;
}

void tg_sha256_update(tg_sha256_t *ctx, const void *data, size_t len) {
  if (len == 0) return;
  const uint8_t *at = data;
  size_t have = ctx->len_bytes % TG_SHA256_BLOCK_BYTES;
  ctx->len_bytes += len;
  if (have) {
    size_t take = TG_SHA256_BLOCK_BYTES - have < len ? TG_SHA256_BLOCK_BYTES - have : len;
    memcpy(ctx->block + have, at, take);
    at += take;
    len -= take;
    if (have + take < TG_SHA256_BLOCK_BYTES) return;
    blocks_chosen(ctx->h, ctx->block, 1);
  }
  size_t whole = len / TG_SHA256_BLOCK_BYTES;
  if (whole) blocks_chosen(ctx->h, at, whole);
  len -= whole * TG_SHA256_BLOCK_BYTES;
  if (len) memcpy(ctx->block, at + whole * TG_SHA256_BLOCK_BYTES, len);
}

void tg_sha256_final(tg_sha256_t *ctx, uint8_t out[TG_SHA256_BYTES]) {
  uint8_t tail[2 * TG_SHA256_BLOCK_BYTES] = {0};
  size_t have = ctx->len_bytes % TG_SHA256_BLOCK_BYTES;
  size_t block_cnt = have + 9 <= TG_SHA256_BLOCK_BYTES ? 1 : 2;
  if (have) memcpy(tail, ctx->block, have);
  tail[have] = 0x80;
  uint64_t bits = __builtin_bswap64(ctx->len_bytes * 8);
  memcpy(tail + block_cnt * TG_SHA256_BLOCK_BYTES - sizeof bits, &bits, sizeof bits);
  blocks_chosen(ctx->h, tail, block_cnt);
  for (unsigned i = 0; i < 8; i++) {
    uint32_t word = __builtin_bswap32(ctx->h[i]);
    memcpy(out + i * 4, &word, sizeof word);
  }
}

void tg_sha256(const void *data, size_t len, uint8_t out[TG_SHA256_BYTES]) {
  tg_sha256_t ctx;
  tg_sha256_init(&ctx);
  tg_sha256_update(&ctx, data, len);
  tg_sha256_final(&ctx, out);
}

void tg_sha256_hex(const uint8_t digest[TG_SHA256_BYTES], char out[65]) {
  static const char hex[] = "0123456789abcdef";
  for (unsigned i = 0; i < TG_SHA256_BYTES; i++) {
    out[i * 2] = hex[digest[i] >> 4];
    out[i * 2 + 1] = hex[digest[i] & 15];
  }
  out[64] = '\0';
}

void tg_chain_init(tg_chain_t *chain, const char *seed_text) {
  tg_sha256(seed_text, strlen(seed_text), chain->digest);
  chain->record_cnt = 0;
}

void tg_chain_add(tg_chain_t *chain, const void *record, size_t len) {
  tg_sha256_t ctx;
  tg_sha256_init(&ctx);
  tg_sha256_update(&ctx, chain->digest, sizeof chain->digest);
  tg_sha256_update(&ctx, record, len);
  tg_sha256_final(&ctx, chain->digest);
  chain->record_cnt++;
}

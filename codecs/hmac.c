#include <string.h>

#include "codecs/sign.h"
#include "engine/base/sha256.h"

static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static inline void store_be32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}

static inline void store_be64(uint8_t *p, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(p, &v, 8);
}

static void store_digest(const uint32_t h[8], uint8_t out[TG_HMAC_BYTES]) {
  for (int i = 0; i < 8; i++) store_be32(out + 4 * i, h[i]);
}

/* Ends a message: `done` bytes were eaten before (whole blocks), `len` follow. */
static void finish(uint32_t h[8], uint64_t done, const uint8_t *msg, size_t len, uint8_t out[TG_HMAC_BYTES]) {
  uint8_t tail[128];
  size_t whole = len / 64, rest = len % 64;
  if (whole) tg_sha256_blocks(h, msg, whole);
  if (rest) memcpy(tail, msg + 64 * whole, rest);
  size_t end = rest < 56 ? 64 : 128;
  tail[rest] = 0x80;
  memset(tail + rest + 1, 0, end - 8 - rest - 1);
  store_be64(tail + end - 8, (done + len) * 8);
  tg_sha256_blocks(h, tail, end / 64);
  store_digest(h, out);
}

static void outer(const tg_hmac_key_t *key, uint8_t digest[TG_HMAC_BYTES]) {
  uint32_t h[8];
  memcpy(h, key->outer, sizeof h);
  finish(h, 64, digest, TG_HMAC_BYTES, digest);
}

static void hex(const uint8_t digest[TG_HMAC_BYTES], char out[TG_HMAC_HEX_BYTES]) {
  static const char DIGIT[] = "0123456789abcdef";
  for (size_t i = 0; i < TG_HMAC_BYTES; i++) {
    out[2 * i] = DIGIT[digest[i] >> 4];
    out[2 * i + 1] = DIGIT[digest[i] & 15];
  }
}

/* memset that the compiler keeps, for secrets on the stack. */
static void wipe(void *mem, size_t len) {
  memset(mem, 0, len);
  __asm__("" : : "r"(mem) : "memory"); /* the store has a reader as far as the compiler knows */
}

void tg_hmac_key_init(tg_hmac_key_t *key, const void *secret, size_t len) {
  uint8_t block[64] = {0}, pad[64];
  if (len > sizeof block) {
    uint32_t h[8];
    memcpy(h, START, sizeof h);
    finish(h, 0, secret, len, block);
  } else if (len) {
    memcpy(block, secret, len);
  }
  memcpy(key->inner, START, sizeof START);
  memcpy(key->outer, START, sizeof START);
  for (size_t i = 0; i < sizeof pad; i++) pad[i] = block[i] ^ 0x36;
  tg_sha256_blocks(key->inner, pad, 1);
  for (size_t i = 0; i < sizeof pad; i++) pad[i] = block[i] ^ 0x5c;
  tg_sha256_blocks(key->outer, pad, 1);
  wipe(block, sizeof block);
  wipe(pad, sizeof pad);
}

void tg_hmac_key_wipe(tg_hmac_key_t *key) {
  wipe(key, sizeof *key);
}

void tg_hmac(const tg_hmac_key_t *key, const void *msg, size_t len, uint8_t out[TG_HMAC_BYTES]) {
  uint32_t h[8];
  memcpy(h, key->inner, sizeof h);
  finish(h, 64, msg, len, out);
  outer(key, out);
}

void tg_hmac_hex(const tg_hmac_key_t *key, const void *msg, size_t len, char out[TG_HMAC_HEX_BYTES]) {
  uint8_t digest[TG_HMAC_BYTES];
  tg_hmac(key, msg, len, digest);
  hex(digest, out);
}

void tg_hmac_mid_init(const tg_hmac_key_t *key, tg_hmac_mid_t *mid, const void *prefix, size_t len) {
  memcpy(mid->h, key->inner, sizeof mid->h);
  size_t whole = len / 64;
  if (whole) tg_sha256_blocks(mid->h, prefix, whole);
  mid->msg_bytes = 64 * whole;
}

void tg_hmac_mid_hex(const tg_hmac_key_t *key, const tg_hmac_mid_t *mid, const void *msg, size_t len,
                     char out[TG_HMAC_HEX_BYTES]) {
  uint8_t digest[TG_HMAC_BYTES];
  uint32_t h[8];
  memcpy(h, mid->h, sizeof h);
  finish(h, 64 + mid->msg_bytes, (const uint8_t *)msg + mid->msg_bytes, len - mid->msg_bytes, digest);
  outer(key, digest);
  hex(digest, out);
}

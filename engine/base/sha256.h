/* sha256.h - SHA-256 and the running chain over records.
 * What:    FIPS 180-4, portable C with SHA-NI chosen at start where the CPU has it; no libcrypto,
 *          so that replay and tape need no TLS library and give one digest everywhere.
 *          chain_{n+1} = SHA256(chain_n || record), chain_0 = SHA256(seed text).
 * Threads: any; state is the caller's.
 * Errors:  none. */
#ifndef TG_BASE_SHA256_H
#define TG_BASE_SHA256_H

#include "engine/base/types.h"

#define TG_SHA256_BYTES 32
#define TG_SHA256_BLOCK_BYTES 64

typedef struct tg_sha256 {
  uint32_t h[8];
  uint64_t len_bytes; /* the last len_bytes % 64 of them wait in `block` */
  uint8_t block[TG_SHA256_BLOCK_BYTES];
} tg_sha256_t;

void tg_sha256_init(tg_sha256_t *ctx);
/* `data` may be NULL when len is 0. A copy of *ctx is a midstate: it may be finished many times. */
void tg_sha256_update(tg_sha256_t *ctx, const void *data, size_t len);
/* Writes the digest; *ctx is spent (init before the next use). */
void tg_sha256_final(tg_sha256_t *ctx, uint8_t out[TG_SHA256_BYTES]);
/* One shot. */
void tg_sha256(const void *data, size_t len, uint8_t out[TG_SHA256_BYTES]);
/* 64 lower-case hex digits and a terminator. */
void tg_sha256_hex(const uint8_t digest[TG_SHA256_BYTES], char out[65]);

/* The compression function over `block_cnt` blocks of 64 bytes: for precomputed key states (HMAC). */
void tg_sha256_blocks(uint32_t h[8], const uint8_t *data, size_t block_cnt);
/* The same in portable C, for tests. */
void tg_sha256_blocks_portable(uint32_t h[8], const uint8_t *data, size_t block_cnt);
/* True when tg_sha256_blocks uses the CPU's SHA instructions. */
bool tg_sha256_accelerated(void);

typedef struct tg_chain {
  uint8_t digest[TG_SHA256_BYTES];
  uint64_t record_cnt;
} tg_chain_t;

void tg_chain_init(tg_chain_t *chain, const char *seed_text);
void tg_chain_add(tg_chain_t *chain, const void *record, size_t len);

#endif

/* sign.h - request signatures.
 * What:    HMAC-SHA256 with the key's inner and outer SHA-256 states computed once (RFC 2104), an optional cached state after a
 *          constant first part of the message, hex out; Ed25519 (RFC 8032) from PKCS#8 PEM or raw seed, base64 out.
 * Owner:   caller; keys are secrets: wipe with tg_hmac_key_wipe / tg_ed25519_key_wipe. They have no printer on purpose.
 * Threads: keys are read-only after init; signing touches only the caller's memory.
 * Limit:   no allocation per signature. Ed25519 takes about 27 us: cold lane only, never per order.
 * Errors:  -TG_EINVAL, -TG_ESYNTAX (PEM), -TG_EINTERNAL (the library failed). */
#ifndef TG_CODECS_SIGN_H
#define TG_CODECS_SIGN_H

#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_HMAC_BYTES 32
#define TG_HMAC_HEX_BYTES 64
#define TG_ED25519_BYTES 64
#define TG_ED25519_BASE64_BYTES 88

typedef struct tg_hmac_key {
  uint32_t inner[8]; /* state after key ^ ipad */
  uint32_t outer[8]; /* state after key ^ opad */
} tg_hmac_key_t;

/* State after the key and a constant whole number of 64-byte blocks of message. */
typedef struct tg_hmac_mid {
  uint32_t h[8];
  uint64_t msg_bytes; /* multiple of 64 eaten so far */
} tg_hmac_mid_t;

/* Any secret length. */
void tg_hmac_key_init(tg_hmac_key_t *key, const void *secret, size_t len);
void tg_hmac_key_wipe(tg_hmac_key_t *key);
void tg_hmac(const tg_hmac_key_t *key, const void *msg, size_t len, uint8_t out[TG_HMAC_BYTES]);
/* 64 lower-case hex digits, no terminator. */
void tg_hmac_hex(const tg_hmac_key_t *key, const void *msg, size_t len, char out[TG_HMAC_HEX_BYTES]);
/* Caches the state over the first len - len % 64 bytes of a constant prefix; mid->msg_bytes says how many that are. */
void tg_hmac_mid_init(const tg_hmac_key_t *key, tg_hmac_mid_t *mid, const void *prefix, size_t len);
/* Signs a whole message that begins with the cached mid->msg_bytes bytes (they are not read again). len >= mid->msg_bytes. */
void tg_hmac_mid_hex(const tg_hmac_key_t *key, const tg_hmac_mid_t *mid, const void *msg, size_t len,
                     char out[TG_HMAC_HEX_BYTES]);

typedef struct tg_ed25519_key {
  uint8_t priv[64]; /* seed, then public key */
} tg_ed25519_key_t;

TG_MUST_USE int tg_ed25519_from_seed(tg_ed25519_key_t *key, const uint8_t seed[32]);
/* "-----BEGIN PRIVATE KEY-----" PKCS#8 (RFC 8410). 0, -TG_ESYNTAX, -TG_EUNSUPPORTED (another algorithm). */
TG_MUST_USE int tg_ed25519_from_pem(tg_ed25519_key_t *key, const char *pem, size_t len);
void tg_ed25519_key_wipe(tg_ed25519_key_t *key);
TG_MUST_USE int tg_ed25519_sign(const tg_ed25519_key_t *key, const void *msg, size_t len, uint8_t out[TG_ED25519_BYTES]);
/* 88 base64 characters with padding, no terminator. */
TG_MUST_USE int tg_ed25519_sign_base64(const tg_ed25519_key_t *key, const void *msg, size_t len,
                                       char out[TG_ED25519_BASE64_BYTES]);
/* Base64 (RFC 4648) of n bytes; returns characters written, 4 * ceil(n / 3). No terminator. */
size_t tg_base64(const uint8_t *in, size_t n, char *out);

#endif

/* rec.h - TLS records opened and sealed in place, without SSL_read/SSL_write.
 * What:    the record layer of TLS 1.3 (RFC 8446 section 5) and of the AEAD suites of TLS 1.2 (RFC 5246 6.2.3.3,
 *          RFC 5288, RFC 7905) from keys taken out of a finished handshake (tg_tls_keys in net/tls.h).
 *          Post-handshake messages: NewSessionTicket is skipped, KeyUpdate changes keys (both ways), alerts end.
 * Owner:   caller; about 1.4 KB, no allocation at any time on the good path (a failed open leaves one entry in BoringSSL's
 *          error queue; the session ends there anyway).
 * Threads: one lane at a time.
 * Limit:   records of 2^14 plaintext bytes; TG_REC_EMPTY_MAX data-less records in a row; 2^24 records per key before we
 *          update ours (AES-GCM's limit is 2^24.5).
 * Errors:  -TG_ETLS (bad record, alert; rec->alert says), -TG_ESIZE (length beyond the RFC's), -TG_EPROTO. */
#ifndef TG_NET_REC_H
#define TG_NET_REC_H

#include <openssl/aead.h>

#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_REC_HEAD_BYTES 5
#define TG_REC_PLAIN_MAX 16384
#define TG_REC_CIPHER_MAX (TG_REC_PLAIN_MAX + 256)                    /* RFC 8446 5.2 */
#define TG_REC_WIRE_MAX (TG_REC_HEAD_BYTES + TG_REC_PLAIN_MAX + 2048) /* RFC 5246 allows more; we accept what AEAD needs */
#define TG_REC_EMPTY_MAX 32
#define TG_REC_PREFIX_MAX 13 /* header + explicit nonce */
#define TG_REC_SUFFIX_MAX 17 /* inner content type + tag */

enum tg_rec_aead { TG_REC_AES128_GCM = 1, TG_REC_AES256_GCM = 2, TG_REC_CHACHA20 = 3 };

/* One direction's raw keys; crosses from cold to hot inside tg_handoff_t. Wipe after use. */
typedef struct tg_rec_key {
  uint8_t secret[48]; /* TLS 1.3 traffic secret (for KeyUpdate); zero in 1.2 */
  uint8_t key[32];
  uint8_t iv[12]; /* GCM of TLS 1.2: the first 4 bytes are the salt */
  uint64_t seq;   /* number of the next record */
} tg_rec_key_t;

typedef struct tg_rec_keys {
  uint16_t version;   /* 0x0303 or 0x0304 */
  uint8_t aead;       /* enum tg_rec_aead */
  uint8_t hash_bytes; /* 32 SHA-256, 48 SHA-384 */
  tg_rec_key_t rx, tx;
} tg_rec_keys_t;

typedef struct tg_rec_side {
  EVP_AEAD_CTX ctx;
  uint8_t iv[12];
  uint8_t key[32]; /* for tg_rec_export */
  uint8_t secret[48];
  uint64_t seq;
  uint64_t key_records; /* records under the present key */
  bool ready;
} tg_rec_side_t;

typedef struct tg_rec {
  tg_rec_side_t rx, tx;
  uint16_t version;
  uint8_t aead;
  uint8_t hash_bytes;
  uint8_t prefix_bytes; /* from record start to plaintext: 5, or 13 (TLS 1.2 GCM) */
  uint8_t suffix_bytes; /* after the plaintext: 17 (1.3) or 16 */
  uint8_t alert;        /* last alert received, 255 = none */
  bool key_update_due;  /* the peer asked for an update: send tg_rec_seal_key_update before the next data */
  bool closed;          /* close_notify seen */
  uint8_t hs_head[4];   /* post-handshake message under way */
  uint8_t hs_have;
  uint32_t hs_left;
  uint32_t empty_cnt;
  uint64_t records_rx, records_tx, key_updates, tickets;
} tg_rec_t;

enum tg_rec_kind { TG_REC_NONE = 0, TG_REC_DATA = 1, TG_REC_CLOSE = 2 };

typedef struct tg_rec_out {
  uint8_t *data; /* inside the caller's buffer */
  uint32_t len;
  uint8_t kind; /* NONE: handled here (ticket, key update, empty); DATA; CLOSE: close_notify */
} tg_rec_out_t;

/* Copies the keys in. 0 or -TG_EINVAL (unknown suite or version). No allocation. */
TG_MUST_USE int tg_rec_init(tg_rec_t *rec, const tg_rec_keys_t *keys);
/* The reverse: raw keys with the present sequence numbers, for a hand-over. */
void tg_rec_export(const tg_rec_t *rec, tg_rec_keys_t *keys);
/* Overwrites all key material. */
void tg_rec_wipe(tg_rec_t *rec);
/* Wire bytes of the record that starts at buf: > 0, 0 = fewer than 5 bytes known, -TG_ESIZE / -TG_EPROTO when the header is
 * no record of an established session. */
TG_MUST_USE int tg_rec_length(const tg_rec_t *rec, const uint8_t *buf, size_t len);
/* Opens the record at buf in place. > 0: bytes eaten, out is set. 0: need more, nothing changed.
 * < 0: the session is over; buf may be half decrypted. */
TG_MUST_USE int tg_rec_open(tg_rec_t *rec, uint8_t *buf, size_t len, tg_rec_out_t *out);
/* Seals `len` (<= TG_REC_PLAIN_MAX) plaintext bytes that lie at start + rec->prefix_bytes; rec->suffix_bytes must be
 * writable behind them. content_type 23 data, 21 alert, 22 handshake. Returns wire bytes from `start`, or -TG_ESIZE, -TG_ETLS.
 */
TG_MUST_USE int tg_rec_seal(tg_rec_t *rec, uint8_t content_type, uint8_t *start, size_t len);
/* Writes a KeyUpdate (update_requested: 0/1) under the old key to `out` (>= 64 bytes) and moves our key on. TLS 1.3 only.
 * Returns wire bytes, or -TG_EPROTO (TLS 1.2), -TG_ETLS. Clears key_update_due. */
TG_MUST_USE int tg_rec_seal_key_update(tg_rec_t *rec, bool ask_peer, uint8_t *out);
/* Writes an alert (0 = close_notify) to `out` (>= 64 bytes). Returns wire bytes or -TG_ETLS. */
TG_MUST_USE int tg_rec_seal_alert(tg_rec_t *rec, uint8_t description, uint8_t *out);
/* HKDF-Expand-Label (RFC 8446 7.1) with an empty context; hash_bytes 32 or 48, out_len <= 64. No allocation. */
void tg_hkdf_expand_label(unsigned hash_bytes, const uint8_t *secret, const char *label, uint8_t *out, size_t out_len);
/* Name of an alert number, for logs. */
const char *tg_tls_alert_name(unsigned alert);

#endif

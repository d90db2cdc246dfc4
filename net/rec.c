#include "net/rec.h"

#include <openssl/mem.h>
#include <openssl/sha.h>
#include <string.h>

#include "engine/base/assert.h"

enum { TYPE_CCS = 20, TYPE_ALERT = 21, TYPE_HANDSHAKE = 22, TYPE_DATA = 23 };
enum { HS_NEW_SESSION_TICKET = 4, HS_KEY_UPDATE = 24 };
enum { TAG_BYTES = 16, NONCE_BYTES = 12, EXPLICIT_BYTES = 8, TICKET_MAX = 65536 };
/* RFC 8446 5.5: 2^24.5 full records per AES-GCM key; we renew ours at 2^23 */
#define KEY_RECORDS_MAX (UINT64_C(1) << 23)

/* --- HKDF-Expand-Label without HMAC_CTX, which would allocate --- */

typedef union hash_ctx {
  SHA256_CTX s256;
  SHA512_CTX s512;
} hash_ctx_t;

static void hash_init(unsigned bytes, hash_ctx_t *ctx) {
  if (bytes == 32) {
    SHA256_Init(&ctx->s256);
  } else {
    SHA384_Init(&ctx->s512);
  }
}

static void hash_add(unsigned bytes, hash_ctx_t *ctx, const void *data, size_t len) {
  if (bytes == 32) {
    SHA256_Update(&ctx->s256, data, len);
  } else {
    SHA384_Update(&ctx->s512, data, len);
  }
}

static void hash_end(unsigned bytes, hash_ctx_t *ctx, uint8_t *out) {
  if (bytes == 32) {
    SHA256_Final(out, &ctx->s256);
  } else {
    SHA384_Final(out, &ctx->s512);
  }
}

static void hmac(unsigned bytes, const uint8_t *key, const uint8_t *data, size_t len, uint8_t *out) {
  uint8_t pad[128];
  uint8_t inner[48];
  size_t block = bytes == 32 ? 64 : 128;
  hash_ctx_t ctx;
  for (int round = 0; round < 2; round++) {
    memset(pad, round ? 0x5c : 0x36, block);
    for (size_t i = 0; i < bytes; i++) pad[i] ^= key[i];
    hash_init(bytes, &ctx);
    hash_add(bytes, &ctx, pad, block);
    hash_add(bytes, &ctx, round ? inner : data, round ? bytes : len);
    hash_end(bytes, &ctx, round ? out : inner);
  }
  OPENSSL_cleanse(pad, sizeof pad);
  OPENSSL_cleanse(inner, sizeof inner);
  OPENSSL_cleanse(&ctx, sizeof ctx);
}

void tg_hkdf_expand_label(unsigned hash_bytes, const uint8_t *secret, const char *label, uint8_t *out, size_t out_len) {
  uint8_t info[64 + 48 + 4]; /* room for T(n-1) in front */
  uint8_t block[48];
  size_t label_len = strlen(label);
  TG_ASSERT(label_len <= 18 && out_len <= 64 && (hash_bytes == 32 || hash_bytes == 48));
  size_t done = 0;
  for (uint8_t n = 1; done < out_len; n++) {
    size_t at = 0;
    if (n > 1) {
      memcpy(info, block, hash_bytes);
      at = hash_bytes;
    }
    info[at++] = (uint8_t)(out_len >> 8);
    info[at++] = (uint8_t)out_len;
    info[at++] = (uint8_t)(6 + label_len);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, label_len);
    at += 6 + label_len;
    info[at++] = 0; /* empty context */
    info[at++] = n;
    hmac(hash_bytes, secret, info, at, block);
    size_t take = out_len - done < hash_bytes ? out_len - done : hash_bytes;
    memcpy(out + done, block, take);
    done += take;
  }
  OPENSSL_cleanse(info, sizeof info);
  OPENSSL_cleanse(block, sizeof block);
}

/* --- keys --- */

static const EVP_AEAD *aead_of(uint8_t aead, size_t *key_bytes) {
  *key_bytes = aead == TG_REC_AES128_GCM ? 16 : 32;
  switch (aead) {
    case TG_REC_AES128_GCM:
      return EVP_aead_aes_128_gcm();
    case TG_REC_AES256_GCM:
      return EVP_aead_aes_256_gcm();
    case TG_REC_CHACHA20:
      return EVP_aead_chacha20_poly1305();
    default:
      return NULL;
  }
}

static int side_key(tg_rec_side_t *side, uint8_t aead, const uint8_t *key) {
  size_t key_bytes;
  const EVP_AEAD *algo = aead_of(aead, &key_bytes);
  if (side->ready) EVP_AEAD_CTX_cleanup(&side->ctx);
  side->ready = false;
  if (!algo || !EVP_AEAD_CTX_init(&side->ctx, algo, key, key_bytes, TAG_BYTES, NULL)) return -TG_EINVAL;
  side->ready = true;
  side->key_records = 0;
  return 0;
}

static int side_init(tg_rec_side_t *side, uint8_t aead, const tg_rec_key_t *key) {
  memset(side, 0, sizeof *side);
  memcpy(side->iv, key->iv, sizeof side->iv);
  memcpy(side->secret, key->secret, sizeof side->secret);
  memcpy(side->key, key->key, sizeof side->key);
  side->seq = key->seq;
  return side_key(side, aead, key->key);
}

int tg_rec_init(tg_rec_t *rec, const tg_rec_keys_t *keys) {
  memset(rec, 0, sizeof *rec);
  if (keys->version != 0x0303 && keys->version != 0x0304) return -TG_EINVAL;
  if (keys->hash_bytes != 32 && keys->hash_bytes != 48) return -TG_EINVAL;
  rec->version = keys->version;
  rec->aead = keys->aead;
  rec->hash_bytes = keys->hash_bytes;
  rec->alert = 255;
  rec->prefix_bytes = TG_REC_HEAD_BYTES;
  if (keys->version == 0x0303 && keys->aead != TG_REC_CHACHA20) rec->prefix_bytes += EXPLICIT_BYTES;
  rec->suffix_bytes = keys->version == 0x0304 ? TAG_BYTES + 1 : TAG_BYTES;
  int rc = side_init(&rec->rx, keys->aead, &keys->rx);
  return rc ? rc : side_init(&rec->tx, keys->aead, &keys->tx);
}

static void side_export(const tg_rec_side_t *side, tg_rec_key_t *key) {
  memcpy(key->secret, side->secret, sizeof key->secret);
  memcpy(key->key, side->key, sizeof key->key);
  memcpy(key->iv, side->iv, sizeof key->iv);
  key->seq = side->seq;
}

void tg_rec_export(const tg_rec_t *rec, tg_rec_keys_t *keys) {
  memset(keys, 0, sizeof *keys);
  keys->version = rec->version;
  keys->aead = rec->aead;
  keys->hash_bytes = rec->hash_bytes;
  side_export(&rec->rx, &keys->rx);
  side_export(&rec->tx, &keys->tx);
}

void tg_rec_wipe(tg_rec_t *rec) {
  if (rec->rx.ready) EVP_AEAD_CTX_cleanup(&rec->rx.ctx);
  if (rec->tx.ready) EVP_AEAD_CTX_cleanup(&rec->tx.ctx);
  OPENSSL_cleanse(rec, sizeof *rec);
}

/* RFC 8446 7.2: next secret, then its key and iv; numbers start again. */
static int side_update(tg_rec_t *rec, tg_rec_side_t *side) {
  uint8_t next[48];
  size_t key_bytes;
  if (!aead_of(rec->aead, &key_bytes)) return -TG_EINVAL;
  memset(next, 0, sizeof next);
  tg_hkdf_expand_label(rec->hash_bytes, side->secret, "traffic upd", next, rec->hash_bytes);
  memcpy(side->secret, next, sizeof next);
  OPENSSL_cleanse(next, sizeof next);
  memset(side->key, 0, sizeof side->key);
  tg_hkdf_expand_label(rec->hash_bytes, side->secret, "key", side->key, key_bytes);
  tg_hkdf_expand_label(rec->hash_bytes, side->secret, "iv", side->iv, NONCE_BYTES);
  side->seq = 0;
  rec->key_updates++;
  return side_key(side, rec->aead, side->key);
}

/* --- nonce and additional data --- */

static inline void put_be64(uint8_t *out, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(out, &v, 8);
}

static inline void nonce_xor(const tg_rec_side_t *side, uint8_t nonce[NONCE_BYTES]) {
  uint64_t tail;
  memcpy(nonce, side->iv, NONCE_BYTES);
  memcpy(&tail, nonce + 4, 8);
  tail ^= __builtin_bswap64(side->seq);
  memcpy(nonce + 4, &tail, 8);
}

static inline void additional12(const tg_rec_side_t *side, uint8_t type, size_t plain_len, uint8_t ad[13]) {
  put_be64(ad, side->seq);
  ad[8] = type;
  ad[9] = 3;
  ad[10] = 3;
  ad[11] = (uint8_t)(plain_len >> 8);
  ad[12] = (uint8_t)plain_len;
}

/* --- open --- */

int tg_rec_length(const tg_rec_t *rec, const uint8_t *buf, size_t len) {
  if (TG_UNLIKELY(len < TG_REC_HEAD_BYTES)) return 0;
  size_t body = ((size_t)buf[3] << 8) | buf[4];
  size_t over = (size_t)(rec->prefix_bytes - TG_REC_HEAD_BYTES) + rec->suffix_bytes;
  if (TG_UNLIKELY(buf[1] != 3 || buf[2] != 3 || body < over)) return -TG_EPROTO;
  if (rec->version == 0x0304) {
    if (TG_UNLIKELY(buf[0] != TYPE_DATA)) return -TG_EPROTO;
    if (TG_UNLIKELY(body > TG_REC_CIPHER_MAX)) return -TG_ESIZE;
  } else {
    if (TG_UNLIKELY(buf[0] < TYPE_ALERT || buf[0] > TYPE_DATA)) return -TG_EPROTO;
    if (TG_UNLIKELY(body > TG_REC_PLAIN_MAX + over)) return -TG_ESIZE;
  }
  return (int)(TG_REC_HEAD_BYTES + body);
}

static int on_alert(tg_rec_t *rec, const uint8_t *data, size_t len, tg_rec_out_t *out) {
  if (len != 2) return -TG_ETLS;
  rec->alert = data[1];
  if (data[1] == 0) {
    rec->closed = true;
    out->kind = TG_REC_CLOSE;
    return 0;
  }
  if (data[1] == 90) return 0;                          /* user_canceled: a close_notify follows */
  if (rec->version == 0x0303 && data[0] == 1) return 0; /* a warning */
  return -TG_ETLS;
}

static int on_key_update(tg_rec_t *rec, uint8_t request) {
  if (request > 1) return -TG_ETLS;
  if (request) rec->key_update_due = true;
  return side_update(rec, &rec->rx);
}

/* Post-handshake messages of TLS 1.3; they may share a record or straddle several. */
static int on_handshake(tg_rec_t *rec, const uint8_t *data, size_t len) {
  if (rec->version != 0x0304 || len == 0) return -TG_ETLS; /* 1.2: renegotiation is refused */
  size_t at = 0;
  while (at < len) {
    while (rec->hs_have < 4 && at < len) rec->hs_head[rec->hs_have++] = data[at++];
    if (rec->hs_have < 4) return 0;
    if (rec->hs_left == 0) {
      rec->hs_left = ((uint32_t)rec->hs_head[1] << 16) | ((uint32_t)rec->hs_head[2] << 8) | rec->hs_head[3];
      bool ticket = rec->hs_head[0] == HS_NEW_SESSION_TICKET && rec->hs_left > 0 && rec->hs_left <= TICKET_MAX;
      bool update = rec->hs_head[0] == HS_KEY_UPDATE && rec->hs_left == 1;
      if (!ticket && !update) return -TG_ETLS;
    }
    size_t take = len - at < rec->hs_left ? len - at : rec->hs_left;
    if (take == 0) return 0;
    const uint8_t *body = data + at;
    at += take;
    rec->hs_left -= (uint32_t)take;
    if (rec->hs_left) return 0;
    rec->hs_have = 0;
    if (rec->hs_head[0] == HS_KEY_UPDATE) return at == len ? on_key_update(rec, body[0]) : -TG_ETLS;
    rec->tickets++;
  }
  return 0;
}

static int on_plain(tg_rec_t *rec, uint8_t type, uint8_t *data, size_t len, tg_rec_out_t *out) {
  out->data = data;
  out->len = (uint32_t)len;
  out->kind = TG_REC_NONE;
  if (TG_LIKELY(type == TYPE_DATA && len > 0)) {
    if (TG_UNLIKELY(rec->hs_have != 0)) return -TG_ETLS; /* data inside a handshake message */
    out->kind = TG_REC_DATA;
    rec->empty_cnt = 0;
    return 0;
  }
  out->len = 0;
  if (++rec->empty_cnt > TG_REC_EMPTY_MAX) return -TG_ETLS;
  if (type == TYPE_DATA) return 0;
  if (type == TYPE_ALERT) return on_alert(rec, data, len, out);
  if (type == TYPE_HANDSHAKE) return on_handshake(rec, data, len);
  return -TG_ETLS;
}

static int open13(tg_rec_t *rec, uint8_t *buf, size_t body, tg_rec_out_t *out) {
  uint8_t nonce[NONCE_BYTES];
  size_t plain;
  nonce_xor(&rec->rx, nonce);
  uint8_t *data = buf + TG_REC_HEAD_BYTES;
  if (TG_UNLIKELY(!EVP_AEAD_CTX_open(&rec->rx.ctx, data, &plain, body, nonce, NONCE_BYTES, data, body, buf, 5))) {
    return -TG_ETLS;
  }
  rec->rx.seq++;
  while (plain > 0 && data[plain - 1] == 0) plain--; /* padding */
  if (TG_UNLIKELY(plain == 0)) return -TG_ETLS;
  uint8_t type = data[--plain];
  if (TG_UNLIKELY(plain > TG_REC_PLAIN_MAX)) return -TG_ESIZE;
  return on_plain(rec, type, data, plain, out);
}

static int open12(tg_rec_t *rec, uint8_t *buf, size_t body, tg_rec_out_t *out) {
  uint8_t nonce[NONCE_BYTES];
  uint8_t ad[13];
  uint8_t *data = buf + rec->prefix_bytes;
  size_t sealed = body - (size_t)(rec->prefix_bytes - TG_REC_HEAD_BYTES);
  size_t plain = sealed - TAG_BYTES;
  if (rec->aead == TG_REC_CHACHA20) {
    nonce_xor(&rec->rx, nonce);
  } else {
    memcpy(nonce, rec->rx.iv, 4);
    memcpy(nonce + 4, buf + TG_REC_HEAD_BYTES, EXPLICIT_BYTES);
  }
  additional12(&rec->rx, buf[0], plain, ad);
  uint8_t type = buf[0];
  if (TG_UNLIKELY(!EVP_AEAD_CTX_open(&rec->rx.ctx, data, &plain, sealed, nonce, NONCE_BYTES, data, sealed, ad, 13))) {
    return -TG_ETLS;
  }
  rec->rx.seq++;
  return on_plain(rec, type, data, plain, out);
}

int tg_rec_open(tg_rec_t *rec, uint8_t *buf, size_t len, tg_rec_out_t *out) {
  int total = tg_rec_length(rec, buf, len);
  if (TG_UNLIKELY(total <= 0)) return total;
  if ((size_t)total > len) return 0;
  if (TG_UNLIKELY(rec->closed)) return -TG_EPROTO; /* nothing may follow close_notify */
  size_t body = (size_t)total - TG_REC_HEAD_BYTES;
  int rc = TG_LIKELY(rec->version == 0x0304) ? open13(rec, buf, body, out) : open12(rec, buf, body, out);
  rec->records_rx++;
  return TG_UNLIKELY(rc < 0) ? rc : total;
}

/* --- seal --- */

int tg_rec_seal(tg_rec_t *rec, uint8_t content_type, uint8_t *start, size_t len) {
  uint8_t nonce[NONCE_BYTES];
  uint8_t ad[13];
  size_t sealed;
  int ok;
  if (TG_UNLIKELY(len > TG_REC_PLAIN_MAX)) return -TG_ESIZE;
  tg_rec_side_t *tx = &rec->tx;
  size_t body = (size_t)(rec->prefix_bytes - TG_REC_HEAD_BYTES) + len + rec->suffix_bytes;
  uint8_t *data = start + rec->prefix_bytes;
  start[0] = content_type;
  start[1] = 3;
  start[2] = 3;
  start[3] = (uint8_t)(body >> 8);
  start[4] = (uint8_t)body;
  if (TG_LIKELY(rec->version == 0x0304)) {
    start[0] = TYPE_DATA;
    data[len] = content_type;
    nonce_xor(tx, nonce);
    ok = EVP_AEAD_CTX_seal(&tx->ctx, data, &sealed, len + 1 + TAG_BYTES, nonce, NONCE_BYTES, data, len + 1, start, 5);
  } else {
    if (rec->aead == TG_REC_CHACHA20) {
      nonce_xor(tx, nonce);
    } else {
      memcpy(nonce, tx->iv, 4);
      put_be64(nonce + 4, tx->seq);
      memcpy(start + TG_REC_HEAD_BYTES, nonce + 4, EXPLICIT_BYTES);
    }
    additional12(tx, content_type, len, ad);
    ok = EVP_AEAD_CTX_seal(&tx->ctx, data, &sealed, len + TAG_BYTES, nonce, NONCE_BYTES, data, len, ad, 13);
  }
  if (TG_UNLIKELY(!ok)) return -TG_ETLS;
  tx->seq++;
  rec->records_tx++;
  if (TG_UNLIKELY(++tx->key_records == KEY_RECORDS_MAX) && rec->version == 0x0304) rec->key_update_due = true;
  return (int)(TG_REC_HEAD_BYTES + body);
}

int tg_rec_seal_key_update(tg_rec_t *rec, bool ask_peer, uint8_t *out) {
  if (rec->version != 0x0304) return -TG_EPROTO;
  const uint8_t message[5] = {HS_KEY_UPDATE, 0, 0, 1, ask_peer ? 1 : 0};
  memcpy(out + rec->prefix_bytes, message, sizeof message);
  int n = tg_rec_seal(rec, TYPE_HANDSHAKE, out, sizeof message);
  if (n < 0) return n;
  rec->key_update_due = false;
  return side_update(rec, &rec->tx) ? -TG_ETLS : n;
}

int tg_rec_seal_alert(tg_rec_t *rec, uint8_t description, uint8_t *out) {
  out[rec->prefix_bytes] = description == 0 ? 1 : 2;
  out[rec->prefix_bytes + 1] = description;
  return tg_rec_seal(rec, TYPE_ALERT, out, 2);
}

const char *tg_tls_alert_name(unsigned alert) {
  switch (alert) {
    case 0:
      return "close_notify";
    case 10:
      return "unexpected_message";
    case 20:
      return "bad_record_mac";
    case 22:
      return "record_overflow";
    case 40:
      return "handshake_failure";
    case 42:
      return "bad_certificate";
    case 43:
      return "unsupported_certificate";
    case 44:
      return "certificate_revoked";
    case 45:
      return "certificate_expired";
    case 46:
      return "certificate_unknown";
    case 47:
      return "illegal_parameter";
    case 48:
      return "unknown_ca";
    case 49:
      return "access_denied";
    case 50:
      return "decode_error";
    case 51:
      return "decrypt_error";
    case 70:
      return "protocol_version";
    case 71:
      return "insufficient_security";
    case 80:
      return "internal_error";
    case 86:
      return "inappropriate_fallback";
    case 90:
      return "user_canceled";
    case 100:
      return "no_renegotiation";
    case 109:
      return "missing_extension";
    case 110:
      return "unsupported_extension";
    case 112:
      return "unrecognized_name";
    case 116:
      return "certificate_required";
    case 120:
      return "no_application_protocol";
    case 255:
      return "none";
    default:
      return "unknown alert";
  }
}

/* fuzz_net_tls_record.c - the record layer against any wire bytes, and against any bytes a peer with the right keys could seal.
 * What:    first byte: bit 0 wire or sealed, bit 1 TLS 1.2 or 1.3, bits 2-3 suite. Wire: the rest is what arrives. Sealed: the
 * rest is rows of one length byte and that many inner bytes (content type included for 1.3), each sealed as a record. Errors:
 * abort() when a caller's rule is broken: bytes eaten, bounds of the data, state after an end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keys_of(uint8_t first, tg_rec_keys_t *keys) {
  memset(keys, 0, sizeof *keys);
  keys->version = first & 2 ? 0x0304 : 0x0303;
  keys->aead = (uint8_t)(1 + (first >> 2) % 3);
  keys->hash_bytes = keys->aead == TG_REC_AES256_GCM ? 48 : 32;
  memset(keys->rx.key, 7, keys->aead == TG_REC_AES128_GCM ? 16 : 32);
  memset(keys->rx.iv, 9, sizeof keys->rx.iv);
  keys->tx = keys->rx;
}

/* Opens what lies in buf; returns bytes eaten, 0 for more, < 0. */
static int open_one(tg_rec_t *rec, uint8_t *buf, size_t len) {
  tg_rec_out_t out = {NULL, 0, 99};
  bool was_closed = rec->closed;
  int total = tg_rec_length(rec, buf, len);
  int n = tg_rec_open(rec, buf, len, &out);
  if (n > 0) {
    if (n != total || (size_t)n > len || was_closed) abort();
    if (out.kind == TG_REC_DATA &&
        (out.len == 0 || out.len > TG_REC_PLAIN_MAX || out.data < buf || out.data + out.len > buf + n))
      abort();
    if (out.kind > TG_REC_CLOSE || (out.kind == TG_REC_CLOSE) != rec->closed) abort();
  } else if (n == 0 && total > 0 && (size_t)total <= len) {
    abort(); /* it was all there */
  }
  return n;
}

static void wire(tg_rec_t *rec, const uint8_t *data, size_t size) {
  for (size_t at = 0; at < size;) {
    uint8_t *buf = malloc(size - at);
    if (!buf) abort();
    memcpy(buf, data + at, size - at);
    int n = open_one(rec, buf, size - at);
    free(buf);
    if (n <= 0) return;
    at += (size_t)n;
  }
}

static void sealed(tg_rec_t *rec, tg_rec_t *peer, const uint8_t *data, size_t size) {
  for (size_t at = 0; at + 1 < size;) {
    size_t len = data[at] % 64u;
    at++;
    if (len == 0 || len > size - at) return;
    uint8_t type = data[at + len - 1]; /* the last byte is the content type; zeros behind it are padding */
    size_t cap = len + TG_REC_PREFIX_MAX + TG_REC_SUFFIX_MAX;
    uint8_t *buf = malloc(cap);
    if (!buf) abort();
    memcpy(buf + peer->prefix_bytes, data + at, len - 1);
    int n = tg_rec_seal(peer, type, buf, len - 1);
    if (n <= 0 || (size_t)n > cap) abort();
    n = open_one(rec, buf, (size_t)n);
    if (n > 0 && rec->key_update_due) {
      uint8_t answer[64];
      if (tg_rec_seal_key_update(rec, false, answer) <= 0 || rec->key_update_due) abort();
    }
    free(buf);
    if (n <= 0) return;
    at += len;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tg_rec_t rec, peer;
  tg_rec_keys_t keys;
  if (size < 1) return 0;
  keys_of(data[0], &keys);
  if (tg_rec_init(&rec, &keys) || tg_rec_init(&peer, &keys)) abort();
  if (data[0] & 1) {
    sealed(&rec, &peer, data + 1, size - 1);
  } else {
    wire(&rec, data + 1, size - 1);
  }
  tg_rec_wipe(&rec);
  tg_rec_wipe(&peer);
  return 0;
}

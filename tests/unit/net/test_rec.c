/* The record layer against BoringSSL's, in memory. */
#include <criterion/criterion.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "alloc_count.h"
#include "tls_pair.h"

static int unhex(uint8_t *out, const char *hex) {
  int n = 0;
  for (; hex[0] && hex[1]; hex += 2) {
    char pair[3] = {hex[0], hex[1], 0};
    out[n++] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return n;
}

/* RFC 8448 section 3: application traffic secrets and the keys made of them. */
Test(rec, hkdf_of_rfc8448) {
  static const char *const row[][3] = {
      {"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", "9f02283b6c9c07efc26bb9f2ac92e356",
       "cf782b88dd83549aadf1e984"},
      {"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "17422dda596ed5d9acd890e3c63f5051",
       "5b78923dee08579033e523d9"},
  };
  for (int i = 0; i < 2; i++) {
    uint8_t secret[48], want[16], got[16];
    cr_assert_eq(unhex(secret, row[i][0]), 32);
    unhex(want, row[i][1]);
    tg_hkdf_expand_label(32, secret, "key", got, 16);
    cr_assert_arr_eq(got, want, 16);
    unhex(want, row[i][2]);
    tg_hkdf_expand_label(32, secret, "iv", got, 12);
    cr_assert_arr_eq(got, want, 12);
  }
}

typedef struct suite {
  const char *name;
  uint16_t version;
  const char *ciphers;
  uint8_t aead;
} suite_t;

static const suite_t suites[] = {
    {"TLS 1.3", 0x0304, NULL, TG_REC_AES128_GCM},
    {"1.2 AES-128-GCM", 0x0303, "ECDHE-ECDSA-AES128-GCM-SHA256", TG_REC_AES128_GCM},
    {"1.2 AES-256-GCM", 0x0303, "ECDHE-ECDSA-AES256-GCM-SHA384", TG_REC_AES256_GCM},
    {"1.2 ChaCha20", 0x0303, "ECDHE-ECDSA-CHACHA20-POLY1305", TG_REC_CHACHA20},
};
#define SUITE_CNT (sizeof suites / sizeof *suites)

/* Opens all records of bytes; appends data to out; returns its length or the error. */
static int open_all(tg_rec_t *rec, uint8_t *bytes, size_t len, uint8_t *out) {
  int total = 0;
  for (size_t at = 0; at < len;) {
    tg_rec_out_t got;
    int n = tg_rec_open(rec, bytes + at, len - at, &got);
    if (n < 0) return n;
    cr_assert_neq(n, 0, "a whole record must open");
    if (got.kind == TG_REC_DATA) {
      memcpy(out + total, got.data, got.len);
      total += (int)got.len;
    }
    at += (size_t)n;
  }
  return total;
}

static void from_server(tls_pair_t *pair, const uint8_t *data, size_t len) {
  uint8_t *out = malloc(len + 1);
  cr_assert_eq(SSL_write(pair->server, data, (int)len), (int)len);
  size_t wire_len;
  uint8_t *wire = pair_from_server(pair, &wire_len);
  cr_assert_eq(open_all(&pair->rec, wire, wire_len, out), (int)len);
  cr_assert_arr_eq(out, data, len);
  free(wire);
  free(out);
}

static void to_server(tls_pair_t *pair, const uint8_t *data, size_t len) {
  uint8_t *buf = malloc(len + TG_REC_PREFIX_MAX + TG_REC_SUFFIX_MAX), *out = malloc(len + 1);
  memcpy(buf + pair->rec.prefix_bytes, data, len);
  int n = tg_rec_seal(&pair->rec, 23, buf, len);
  cr_assert_eq(n, (int)(len + pair->rec.prefix_bytes + pair->rec.suffix_bytes));
  pair_to_server(pair, buf, (size_t)n);
  for (size_t at = 0; at < len;) {
    int got = SSL_read(pair->server, out + at, (int)(len - at));
    cr_assert_gt(got, 0);
    at += (size_t)got;
  }
  cr_assert_arr_eq(out, data, len);
  free(buf);
  free(out);
}

Test(rec, both_ways_all_suites_and_sizes) {
  static uint8_t data[TG_REC_PLAIN_MAX];
  const size_t sizes[] = {1, 2, 15, 16, 17, 300, 1000, 16383, 16384};
  RAND_bytes(data, sizeof data);
  for (size_t s = 0; s < SUITE_CNT; s++) {
    tls_pair_t pair;
    pair_open(&pair, suites[s].version, suites[s].ciphers);
    cr_assert_eq(pair.rec.aead, suites[s].aead, "%s", suites[s].name);
    for (int round = 0; round < 3; round++) {
      for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        from_server(&pair, data, sizes[i]);
        to_server(&pair, data, sizes[i]);
      }
    }
    pair_close(&pair);
  }
}

/* Our own two ends with every suite of TLS 1.3: what BoringSSL would not pick here is covered too. */
static void mirror(const tg_rec_keys_t *keys, tg_rec_keys_t *out) {
  *out = *keys;
  out->rx = keys->tx;
  out->tx = keys->rx;
}

static void made_up_keys(tg_rec_keys_t *keys, uint8_t aead) {
  memset(keys, 0, sizeof *keys);
  keys->version = 0x0304;
  keys->aead = aead;
  keys->hash_bytes = aead == TG_REC_AES256_GCM ? 48 : 32;
  memset(keys->rx.secret, 1, sizeof keys->rx.secret);
  memset(keys->rx.key, 2, aead == TG_REC_AES128_GCM ? 16 : 32);
  memset(keys->rx.iv, 3, sizeof keys->rx.iv);
  memset(keys->tx.secret, 4, sizeof keys->tx.secret);
  memset(keys->tx.key, 5, aead == TG_REC_AES128_GCM ? 16 : 32);
  memset(keys->tx.iv, 6, sizeof keys->tx.iv);
}

Test(rec, own_ends_with_key_updates_and_export) {
  for (uint8_t aead = 1; aead <= 3; aead++) {
    tg_rec_keys_t keys, other;
    tg_rec_t a, b;
    uint8_t buf[512];
    made_up_keys(&keys, aead);
    mirror(&keys, &other);
    cr_assert_eq(tg_rec_init(&a, &keys), 0);
    cr_assert_eq(tg_rec_init(&b, &other), 0);
    for (int i = 0; i < 50; i++) {
      tg_rec_out_t out;
      if (i % 7 == 3) {
        int n = tg_rec_seal_key_update(&a, true, buf);
        cr_assert_eq(tg_rec_open(&b, buf, (size_t)n, &out), n);
        cr_assert_eq(out.kind, TG_REC_NONE);
        cr_assert(b.key_update_due);
        n = tg_rec_seal_key_update(&b, false, buf);
        cr_assert_not(b.key_update_due);
        cr_assert_eq(tg_rec_open(&a, buf, (size_t)n, &out), n);
        cr_assert_not(a.key_update_due);
      }
      if (i % 11 == 5) { /* a hand-over in the middle */
        tg_rec_keys_t moved;
        tg_rec_export(&b, &moved);
        tg_rec_wipe(&b);
        cr_assert_eq(tg_rec_init(&b, &moved), 0);
      }
      memset(buf + a.prefix_bytes, i, 100);
      int n = tg_rec_seal(&a, 23, buf, 100);
      cr_assert_eq(tg_rec_open(&b, buf, (size_t)n, &out), n);
      cr_assert_eq(out.kind, TG_REC_DATA);
      cr_assert_eq(out.len, 100);
      cr_assert_eq(out.data[99], i);
    }
    tg_rec_wipe(&a);
    tg_rec_wipe(&b);
  }
}

Test(rec, key_update_by_the_server) {
  tls_pair_t pair;
  uint8_t data[64] = "after";
  pair_open(&pair, 0x0304, NULL);
  for (int i = 0; i < 5; i++) {
    from_server(&pair, data, sizeof data);
    cr_assert(SSL_key_update(pair.server, i & 1 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
    from_server(&pair, data, sizeof data);
    cr_assert_eq(pair.rec.key_update_due, i & 1);
    if (pair.rec.key_update_due) {
      uint8_t buf[64];
      int n = tg_rec_seal_key_update(&pair.rec, false, buf);
      cr_assert_gt(n, 0);
      pair_to_server(&pair, buf, (size_t)n);
    }
    to_server(&pair, data, sizeof data);
  }
  cr_assert_eq(pair.rec.key_updates, 5 + 2);
  pair_close(&pair);
}

Test(rec, key_update_by_us) {
  tls_pair_t pair;
  uint8_t data[64] = "x", buf[64];
  pair_open(&pair, 0x0304, NULL);
  int n = tg_rec_seal_key_update(&pair.rec, true, buf);
  pair_to_server(&pair, buf, (size_t)n);
  to_server(&pair, data, sizeof data);
  from_server(&pair, data, sizeof data); /* the server's answer to our request comes first */
  cr_assert_eq(pair.rec.key_updates, 2);
  cr_assert_not(pair.rec.key_update_due);
  pair_close(&pair);
  pair_open(&pair, 0x0303, NULL);
  cr_assert_eq(tg_rec_seal_key_update(&pair.rec, false, buf), -TG_EPROTO, "TLS 1.2 has none");
  pair_close(&pair);
}

Test(rec, alerts) {
  for (size_t s = 0; s < SUITE_CNT; s++) {
    tls_pair_t pair;
    tg_rec_out_t out;
    size_t len;
    uint8_t buf[64];
    pair_open(&pair, suites[s].version, suites[s].ciphers);
    /* ours reaches the server */
    int n = tg_rec_seal_alert(&pair.rec, 0, buf);
    pair_to_server(&pair, buf, (size_t)n);
    cr_assert_eq(SSL_read(pair.server, buf, 1), 0);
    cr_assert_eq(SSL_get_error(pair.server, 0), SSL_ERROR_ZERO_RETURN);
    /* the server's reaches us */
    SSL_shutdown(pair.server);
    uint8_t *wire = pair_from_server(&pair, &len);
    cr_assert_eq(tg_rec_open(&pair.rec, wire, len, &out), (int)len);
    cr_assert_eq(out.kind, TG_REC_CLOSE);
    cr_assert(pair.rec.closed);
    free(wire);
    pair_close(&pair);
    pair_open(&pair, suites[s].version, suites[s].ciphers);
    SSL_send_fatal_alert(pair.server, SSL_AD_INTERNAL_ERROR);
    wire = pair_from_server(&pair, &len);
    cr_assert_eq(tg_rec_open(&pair.rec, wire, len, &out), -TG_ETLS);
    cr_assert_eq(pair.rec.alert, 80);
    cr_assert_str_eq(tg_tls_alert_name(80), "internal_error");
    free(wire);
    pair_close(&pair);
  }
}

Test(rec, every_prefix_needs_more_and_every_flip_fails) {
  for (size_t s = 0; s < SUITE_CNT; s++) {
    tls_pair_t pair;
    tg_rec_out_t out;
    uint8_t data[100] = "prefix";
    pair_open(&pair, suites[s].version, suites[s].ciphers);
    SSL_write(pair.server, data, sizeof data);
    size_t len;
    uint8_t *wire = pair_from_server(&pair, &len);
    uint8_t *copy = malloc(len);
    tg_rec_keys_t keys;
    tg_rec_export(&pair.rec, &keys);
    for (size_t n = 0; n < len; n++) {
      memcpy(copy, wire, len);
      cr_assert_eq(tg_rec_open(&pair.rec, copy, n, &out), 0);
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
      tg_rec_t rec;
      cr_assert_eq(tg_rec_init(&rec, &keys), 0);
      memcpy(copy, wire, len);
      copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
      int n = tg_rec_open(&rec, copy, len, &out);
      cr_assert_leq(n, 0, "bit %zu of %s", bit, suites[s].name); /* 0: a longer length was announced */
      tg_rec_wipe(&rec);
    }
    cr_assert_eq(tg_rec_open(&pair.rec, wire, len, &out), (int)len);
    cr_assert_eq(out.len, sizeof data);
    free(wire);
    free(copy);
    pair_close(&pair);
  }
}

/* A TLS 1.3 record with any inner bytes, made with the peer's keys. */
static int craft(const tg_rec_keys_t *keys, uint64_t seq, const uint8_t *inner, size_t len, uint8_t *out) {
  EVP_AEAD_CTX ctx;
  uint8_t nonce[12];
  size_t sealed;
  cr_assert(EVP_AEAD_CTX_init(&ctx, EVP_aead_aes_128_gcm(), keys->rx.key, 16, 16, NULL));
  memcpy(nonce, keys->rx.iv, 12);
  for (int i = 0; i < 8; i++) nonce[4 + i] ^= (uint8_t)(seq >> (56 - 8 * i));
  out[0] = 23;
  out[1] = out[2] = 3;
  out[3] = (uint8_t)((len + 16) >> 8);
  out[4] = (uint8_t)(len + 16);
  cr_assert(EVP_AEAD_CTX_seal(&ctx, out + 5, &sealed, len + 16, nonce, 12, inner, len, out, 5));
  EVP_AEAD_CTX_cleanup(&ctx);
  return (int)(5 + sealed);
}

/* Opens crafted records in turn; each row: inner bytes; returns the last result. */
static int open_crafted(const uint8_t *inner, size_t len, int times, tg_rec_t *rec, tg_rec_out_t *out) {
  static uint8_t wire[TG_REC_WIRE_MAX];
  tg_rec_keys_t keys;
  made_up_keys(&keys, TG_REC_AES128_GCM);
  cr_assert_eq(tg_rec_init(rec, &keys), 0);
  int rc = 0;
  for (int i = 0; i < times && rc >= 0; i++) {
    int n = craft(&keys, (uint64_t)i, inner, len, wire);
    rc = tg_rec_open(rec, wire, (size_t)n, out);
  }
  return rc;
}
#define CRAFTED(bytes, times) open_crafted((const uint8_t *)(bytes), sizeof(bytes) - 1, (times), &rec, &out)

Test(rec, crafted_inner_plaintexts) {
  static uint8_t big[TG_REC_PLAIN_MAX + 256];
  tg_rec_t rec;
  tg_rec_out_t out;
  cr_assert_gt(CRAFTED("hello\x17\0\0\0\0", 1), 0); /* padding is stripped */
  cr_assert_eq(out.kind, TG_REC_DATA);
  cr_assert_eq(out.len, 5);
  cr_assert_eq(CRAFTED("\0\0\0\0", 1), -TG_ETLS, "nothing but padding");
  cr_assert_gt(CRAFTED("\x17", TG_REC_EMPTY_MAX), 0);
  cr_assert_eq(CRAFTED("\x17", TG_REC_EMPTY_MAX + 1), -TG_ETLS, "a flood of empty records");
  cr_assert_eq(CRAFTED("x\x14", 1), -TG_ETLS, "inner ChangeCipherSpec");
  cr_assert_eq(CRAFTED("\x01\x00\x15", 1) > 0 ? out.kind : -1, TG_REC_CLOSE);
  cr_assert_eq(CRAFTED("\x01\x00\x00\x15", 1), -TG_ETLS, "alert of three bytes");
  cr_assert_eq(CRAFTED("\x02\x14\x15", 1), -TG_ETLS);
  cr_assert_eq(rec.alert, 20);
  cr_assert_gt(CRAFTED("\x01\x5a\x15", 1), 0); /* user_canceled */
  cr_assert_eq(CRAFTED("\x18\x00\x00\x01\x02\x16", 1), -TG_ETLS, "KeyUpdate with an unknown word");
  cr_assert_eq(CRAFTED("\x18\x00\x00\x01\x00\x04\x16", 1), -TG_ETLS, "a message behind KeyUpdate under the old key");
  cr_assert_eq(CRAFTED("\x18\x00\x00\x00\x16", 1), -TG_ETLS, "empty KeyUpdate");
  cr_assert_eq(CRAFTED("\x0d\x00\x00\x01\x00\x16", 1), -TG_ETLS, "CertificateRequest after the handshake");
  cr_assert_gt(CRAFTED("\x04\x00\x00\x02zz\x04\x00\x00\x01z\x16", 1), 0); /* two tickets in one record */
  cr_assert_eq(rec.tickets, 2);
  cr_assert_gt(CRAFTED("\x04\x00\x00\x02zz\x04\x00\x00\x16", 1), 0); /* a message cut in its head */
  cr_assert_eq(rec.hs_have, 3);
  memset(big, 'a', TG_REC_PLAIN_MAX + 1);
  big[TG_REC_PLAIN_MAX] = 23;
  cr_assert_gt(open_crafted(big, TG_REC_PLAIN_MAX + 1, 1, &rec, &out), 0);
  cr_assert_eq(out.len, TG_REC_PLAIN_MAX);
  big[TG_REC_PLAIN_MAX] = 'a';
  big[TG_REC_PLAIN_MAX + 1] = 23;
  cr_assert_eq(open_crafted(big, TG_REC_PLAIN_MAX + 2, 1, &rec, &out), -TG_ESIZE);
}

Test(rec, handshake_message_over_two_records) {
  tg_rec_keys_t keys;
  tg_rec_t rec;
  tg_rec_out_t out;
  uint8_t wire[128];
  made_up_keys(&keys, TG_REC_AES128_GCM);
  cr_assert_eq(tg_rec_init(&rec, &keys), 0);
  int n = craft(&keys, 0, (const uint8_t *)"\x04\x00\x00\x04zz\x16", 7, wire);
  cr_assert_eq(tg_rec_open(&rec, wire, (size_t)n, &out), n);
  cr_assert_eq(rec.tickets, 0);
  n = craft(&keys, 1, (const uint8_t *)"zz\x16", 3, wire);
  cr_assert_eq(tg_rec_open(&rec, wire, (size_t)n, &out), n);
  cr_assert_eq(rec.tickets, 1);
  n = craft(&keys, 2, (const uint8_t *)"\x04\x00\x16", 3, wire);
  cr_assert_eq(tg_rec_open(&rec, wire, (size_t)n, &out), n);
  n = craft(&keys, 3, (const uint8_t *)"data\x17", 5, wire);
  cr_assert_eq(tg_rec_open(&rec, wire, (size_t)n, &out), -TG_ETLS, "data inside a handshake message");
}

Test(rec, headers) {
  tg_rec_t rec;
  tg_rec_keys_t keys;
  made_up_keys(&keys, TG_REC_AES128_GCM);
  cr_assert_eq(tg_rec_init(&rec, &keys), 0);
  const struct {
    uint8_t head[5];
    int want;
  } row[] = {
      {{23, 3, 3, 0x40, 0x00}, 5 + 0x4000}, {{23, 3, 3, 0x41, 0x00}, 5 + 0x4100}, {{23, 3, 3, 0x41, 0x01}, -TG_ESIZE},
      {{23, 3, 3, 0x00, 0x10}, -TG_EPROTO}, {{23, 3, 3, 0x00, 0x11}, 5 + 0x11},   {{22, 3, 3, 0x00, 0x20}, -TG_EPROTO},
      {{20, 3, 3, 0x00, 0x01}, -TG_EPROTO}, {{23, 3, 1, 0x00, 0x20}, -TG_EPROTO}, {{23, 2, 3, 0x00, 0x20}, -TG_EPROTO},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    cr_assert_eq(tg_rec_length(&rec, row[i].head, 5), row[i].want, "row %zu", i);
  cr_assert_eq(tg_rec_length(&rec, row[0].head, 4), 0);
  keys.version = 0x0302;
  cr_assert_eq(tg_rec_init(&rec, &keys), -TG_EINVAL);
  keys.version = 0x0304;
  keys.aead = 9;
  cr_assert_eq(tg_rec_init(&rec, &keys), -TG_EINVAL);
}

/* Nothing may be read or written outside the record: it ends flush against an unreadable page. */
Test(rec, guard_page) {
  uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_eq(mprotect(pages + 4096, 4096, PROT_NONE), 0);
  tg_rec_keys_t keys, other;
  tg_rec_t a, b;
  tg_rec_out_t out;
  made_up_keys(&keys, TG_REC_AES128_GCM);
  mirror(&keys, &other);
  cr_assert_eq(tg_rec_init(&a, &keys), 0);
  cr_assert_eq(tg_rec_init(&b, &other), 0);
  for (size_t len = 1; len < 300; len++) {
    uint8_t *start = pages + 4096 - (len + a.prefix_bytes + a.suffix_bytes);
    memset(start + a.prefix_bytes, 'g', len);
    int n = tg_rec_seal(&a, 23, start, len);
    cr_assert_eq(start + n, pages + 4096);
    cr_assert_eq(tg_rec_open(&b, start, (size_t)n, &out), n);
  }
  munmap(pages, 8192);
}

Test(rec, no_allocation_per_record) {
  if (!alloc_counts()) cr_skip("built with a sanitizer: it owns malloc");
  for (size_t s = 0; s < SUITE_CNT; s++) {
    tls_pair_t pair;
    uint8_t data[300], *wire[64];
    size_t len[64];
    RAND_bytes(data, sizeof data);
    pair_open(&pair, suites[s].version, suites[s].ciphers);
    for (int i = 0; i < 64; i++) {
      SSL_write(pair.server, data, sizeof data);
      wire[i] = pair_from_server(&pair, &len[i]);
    }
    tg_rec_keys_t keys;
    tg_rec_export(&pair.rec, &keys);
    uint8_t buf[400];
    uint64_t before = alloc_cnt();
    tg_rec_t rec;
    cr_assert_eq(tg_rec_init(&rec, &keys), 0); /* adoption on the hot lane: none here either */
    uint32_t opened = 0;
    for (int i = 0; i < 64; i++) {
      tg_rec_out_t out;
      opened += tg_rec_open(&rec, wire[i], len[i], &out) == (int)len[i] && out.len == sizeof data;
      memcpy(buf + rec.prefix_bytes, data, sizeof data);
      opened += tg_rec_seal(&rec, 23, buf, sizeof data) > 0;
    }
    if (rec.version == 0x0304) opened += tg_rec_seal_key_update(&rec, true, buf) > 0; /* new keys: none either */
    uint64_t after = alloc_cnt();
    cr_assert_eq(opened, 128 + (rec.version == 0x0304));
    cr_assert_eq(after - before, 0, "%s: %lu allocations", suites[s].name, (unsigned long)(after - before));
    for (int i = 0; i < 64; i++) free(wire[i]);
    pair_close(&pair);
  }
  tls_pair_t pair;
  uint64_t before = alloc_cnt();
  pair_open(&pair, 0x0304, NULL);
  cr_assert_gt(alloc_cnt() - before, 100, "the counter sees what BoringSSL allocates");
  pair_close(&pair);
}

#include "codecs/sign.h"

#include <openssl/curve25519.h>
#include <openssl/mem.h>
#include <string.h>

_Static_assert(ED25519_PRIVATE_KEY_LEN == 64 && ED25519_SIGNATURE_LEN == TG_ED25519_BYTES, "sizes of RFC 8032");

int tg_ed25519_from_seed(tg_ed25519_key_t *key, const uint8_t seed[32]) {
  uint8_t pub[ED25519_PUBLIC_KEY_LEN];
  ED25519_keypair_from_seed(pub, key->priv, seed);
  return 0;
}

/* 0..63, 64 white space, 65 padding, 66 anything else. */
static unsigned base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
  if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
  if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  if (c == '\n' || c == '\r' || c == ' ' || c == '\t') return 64;
  return c == '=' ? 65 : 66;
}

/* Bytes written, or -TG_ESYNTAX. */
static int base64_decode(const char *in, size_t len, uint8_t *out, size_t cap) {
  uint32_t acc = 0;
  unsigned bits = 0;
  size_t n = 0;
  bool padded = false;
  for (size_t i = 0; i < len; i++) {
    unsigned v = base64_value(in[i]);
    if (v == 64) continue;
    if (v == 65) padded = true;
    if (v == 65) continue;
    if (v == 66 || padded) return -TG_ESYNTAX;
    acc = acc << 6 | v;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      if (n == cap) return -TG_ESYNTAX;
      out[n++] = (uint8_t)(acc >> bits);
    }
  }
  return (int)n;
}

static const char *find(const char *p, const char *end, const char *text) {
  size_t n = strlen(text);
  for (; (size_t)(end - p) >= n; p++) {
    if (memcmp(p, text, n) == 0) return p;
  }
  return NULL;
}

int tg_ed25519_from_pem(tg_ed25519_key_t *key, const char *pem, size_t len) {
  /* RFC 8410: SEQUENCE { INTEGER 0 or 1, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32) } ... } */
  static const uint8_t VERSION_OID[] = {0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
  static const uint8_t OCTETS[] = {0x04, 0x22, 0x04, 0x20};
  static const char BEGIN[] = "-----BEGIN PRIVATE KEY-----", END[] = "-----END PRIVATE KEY-----";
  uint8_t der[256];
  const char *stop = pem + len;
  const char *body = find(pem, stop, BEGIN);
  if (!body) return -TG_ESYNTAX;
  body += sizeof BEGIN - 1;
  const char *foot = find(body, stop, END);
  if (!foot) return -TG_ESYNTAX;
  int n = base64_decode(body, (size_t)(foot - body), der, sizeof der);
  int err = -TG_ESYNTAX;
  const size_t head = 2 + sizeof VERSION_OID + sizeof OCTETS;
  if (n >= (int)head + 32 && der[0] == 0x30 && der[1] == n - 2) {
    bool version = der[2] == 0x02 && der[3] == 0x01 && der[4] <= 1;
    if (version && memcmp(der + 5, VERSION_OID + 3, sizeof VERSION_OID - 3) != 0) {
      err = -TG_EUNSUPPORTED;
    } else if (version && memcmp(der + 2 + sizeof VERSION_OID, OCTETS, sizeof OCTETS) == 0) {
      err = tg_ed25519_from_seed(key, der + head);
    }
  } else if (n > 0) {
    err = -TG_EUNSUPPORTED; /* RSA and EC keys are longer or shaped otherwise */
  }
  OPENSSL_cleanse(der, sizeof der);
  return err;
}

void tg_ed25519_key_wipe(tg_ed25519_key_t *key) {
  OPENSSL_cleanse(key, sizeof *key);
}

int tg_ed25519_sign(const tg_ed25519_key_t *key, const void *msg, size_t len, uint8_t out[TG_ED25519_BYTES]) {
  return ED25519_sign(out, msg, len, key->priv) ? 0 : -TG_EINTERNAL;
}

size_t tg_base64(const uint8_t *in, size_t n, char *out) {
  static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t len = 0;
  for (size_t i = 0; i < n; i += 3) {
    size_t left = n - i;
    uint32_t v = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
    out[len++] = DIGIT[v >> 18];
    out[len++] = DIGIT[v >> 12 & 63];
    out[len++] = left > 1 ? DIGIT[v >> 6 & 63] : '=';
    out[len++] = left > 2 ? DIGIT[v & 63] : '=';
  }
  return len;
}

int tg_ed25519_sign_base64(const tg_ed25519_key_t *key, const void *msg, size_t len, char out[TG_ED25519_BASE64_BYTES]) {
  uint8_t sig[TG_ED25519_BYTES];
  int err = tg_ed25519_sign(key, msg, len, sig);
  if (err) return err;
  tg_base64(sig, sizeof sig, out);
  return 0;
}

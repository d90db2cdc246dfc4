#include "bench/tls_keys.h"

#include <string.h>

static void side(tg_rec_key_t *key, uint8_t fill) {
  memset(key, 0, sizeof *key);
  memset(key->secret, fill, 32);
  tg_hkdf_expand_label(32, key->secret, "key", key->key, 16);
  tg_hkdf_expand_label(32, key->secret, "iv", key->iv, 12);
}

void tls_keys_make(tg_rec_keys_t *a, tg_rec_keys_t *b) {
  memset(a, 0, sizeof *a);
  a->version = 0x0304;
  a->aead = TG_REC_AES128_GCM;
  a->hash_bytes = 32;
  side(&a->rx, 0x11);
  side(&a->tx, 0x22);
  *b = *a;
  b->rx = a->tx;
  b->tx = a->rx;
}

#include <string.h>

#include "engine/venue/bn_cold.h"

static int read_text(const char *path, char *buf, size_t cap, size_t *len, char *err_text, size_t err_cap) {
  int rc = tg_secret_read(path, buf, cap, err_text, err_cap);
  if (rc < 0) return rc;
  *len = (size_t)rc;
  return 0;
}

/* A key goes into request lines: one word of printable ASCII, or it would break them. 0, -TG_ESYNTAX and tg_secret_read's. */
static int read_word(const char *path, char *buf, size_t cap, size_t *len, char *err_text, size_t err_cap) {
  int err = read_text(path, buf, cap, len, err_text, err_cap);
  for (size_t i = 0; !err && i < *len; i++) {
    if (buf[i] > ' ' && buf[i] <= '~') continue;
    tg_wipe(buf, cap);
    int n =
        snprintf(err_text, err_cap, "%s: more than one word, or bytes that no key has: put nothing but the key there", path);
    err = n < 0 ? -TG_EIO : -TG_ESYNTAX;
  }
  return err;
}

static int need(const char *path, const char *key, char *err_text, size_t err_cap) {
  if (path[0] != '\0') return 0;
  int n = snprintf(err_text, err_cap, "%s is not set: name a file with mode 0600 that holds it", key);
  return n < 0 ? -TG_EIO : -TG_ENOTFOUND;
}

int tg_bn_secrets_key(tg_bn_secrets_t *secrets, const void *key, size_t len) {
  static const char name[] = "X-MBX-APIKEY: ";
  int err = tg_secret_set(&secrets->api_key, key, len);
  if (!err) err = tg_secret_set(&secrets->key_header, name, sizeof name - 1);
  if (!err) err = tg_secret_add(&secrets->key_header, key, len);
  if (!err) err = tg_secret_add(&secrets->key_header, "\r\n", 2);
  return err;
}

int tg_bn_secrets_load(tg_bn_secrets_t *secrets, const tg_conf_t *conf, char *err_text, size_t err_cap) {
  memset(secrets, 0, sizeof *secrets);
  char text[4096];
  size_t len = 0;
  int err = need(conf->venue_api_key_file, "venue.api_key_file", err_text, err_cap);
  if (!err) err = need(conf->venue_hmac_secret_file, "venue.hmac_secret_file", err_text, err_cap);
  if (!err) err = read_word(conf->venue_api_key_file, text, TG_BN_API_KEY_MAX, &len, err_text, err_cap);
  if (!err) err = tg_bn_secrets_key(secrets, text, len);
  if (!err) err = read_word(conf->venue_hmac_secret_file, text, sizeof text, &len, err_text, err_cap);
  if (!err) tg_hmac_key_init(&secrets->hmac, text, len);
  if (!err && conf->venue_ed25519_key_file[0] != '\0') {
    err = read_text(conf->venue_ed25519_key_file, text, sizeof text, &len, err_text, err_cap);
    if (!err) {
      err = tg_ed25519_from_pem(&secrets->ed25519, text, len);
      if (err)
        snprintf(err_text, err_cap, "%s: no Ed25519 key in PKCS#8 PEM: make one with `openssl genpkey -algorithm ed25519`",
                 conf->venue_ed25519_key_file);
    }
    const char *key_path = conf->venue_ed25519_api_key_file[0] ? conf->venue_ed25519_api_key_file : conf->venue_api_key_file;
    if (!err) err = read_word(key_path, text, TG_BN_API_KEY_MAX, &len, err_text, err_cap);
    if (!err) err = tg_secret_set(&secrets->logon_api_key, text, len);
    secrets->has_ed25519 = err == 0;
  }
  tg_wipe(text, sizeof text);
  if (err) tg_bn_secrets_wipe(secrets);
  return err;
}

void tg_bn_secrets_wipe(tg_bn_secrets_t *secrets) {
  tg_hmac_key_wipe(&secrets->hmac);
  tg_ed25519_key_wipe(&secrets->ed25519);
  tg_wipe(secrets, sizeof *secrets);
}

/* auth.c - API keys and signatures: HMAC-SHA256 (hex) and Ed25519 (base64), and the timestamp window.
 * Errors: vs_keys_load fills one line; verification failures are -2014, -2015, -1022, -1021, -1102. */
#include <ctype.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "vs.h"

static EVP_PKEY *ed25519_from_pem(const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  if (bio == NULL) {
    return NULL;
  }
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
  BIO_free(bio);
  if (key != NULL && EVP_PKEY_id(key) != EVP_PKEY_ED25519) {
    EVP_PKEY_free(key);
    return NULL;
  }
  return key;
}

static int load_one(vs_key *k, const json_t *row, size_t nth, char *err, size_t err_len) {
  const char *id = json_string_value(json_object_get(row, "apiKey"));
  const char *type = json_string_value(json_object_get(row, "type"));
  const char *secret = json_string_value(json_object_get(row, "secret"));
  const char *pem = json_string_value(json_object_get(row, "publicKeyPem"));
  if (id == NULL || *id == '\0' || strlen(id) >= sizeof k->id || type == NULL) {
    (void)snprintf(err, err_len, "entry %zu needs \"apiKey\" (1..131 bytes) and \"type\"", nth);
    return -1;
  }
  (void)snprintf(k->id, sizeof k->id, "%s", id);
  if (strcmp(type, "hmac") == 0) {
    if (secret == NULL || *secret == '\0' || strlen(secret) >= sizeof k->secret) {
      (void)snprintf(err, err_len, "entry %zu of type hmac needs \"secret\" (1..131 bytes)", nth);
      return -1;
    }
    (void)snprintf(k->secret, sizeof k->secret, "%s", secret);
    return 0;
  }
  if (strcmp(type, "ed25519") == 0) {
    k->pub = pem != NULL ? ed25519_from_pem(pem) : NULL;
    if (k->pub == NULL) {
      (void)snprintf(err, err_len, "entry %zu needs \"publicKeyPem\" with an Ed25519 public key", nth);
      return -1;
    }
    return 0;
  }
  (void)snprintf(err, err_len, "entry %zu: type must be hmac or ed25519", nth);
  return -1;
}

int vs_keys_load(vs_venue *v, const char *path, char *err, size_t err_len) {
  json_error_t je;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
  if (root == NULL) {
    (void)snprintf(err, err_len, "line %d: %.160s", je.line, je.text);
    return -1;
  }
  int rc = 0;
  size_t cnt = json_array_size(root);
  if (!json_is_array(root) || cnt == 0 || cnt > VS_KEY_CNT) {
    (void)snprintf(err, err_len, "need a JSON array of 1..%d keys", VS_KEY_CNT);
    rc = -1;
  }
  for (size_t k = 0; rc == 0 && k < cnt; k++) {
    rc = load_one(&v->keyring[k], json_array_get(root, k), k, err, err_len);
    if (rc == 0 && vs_key_find(v, v->keyring[k].id) >= 0) {
      (void)snprintf(err, err_len, "entry %zu repeats an apiKey", k);
      rc = -1;
    }
    if (rc == 0) {
      v->key_cnt++;
    }
  }
  json_decref(root);
  return rc;
}

void vs_keys_free(vs_venue *v) {
  for (int k = 0; k < VS_KEY_CNT; k++) {
    EVP_PKEY_free(v->keyring[k].pub);
    OPENSSL_cleanse(v->keyring[k].secret, sizeof v->keyring[k].secret);
  }
}

int vs_key_find(const vs_venue *v, const char *id) {
  for (int k = 0; k < v->key_cnt; k++) {
    if (strcmp(v->keyring[k].id, id) == 0) {
      return k;
    }
  }
  return -1;
}

static bool hmac_ok(const vs_key *k, const char *payload, size_t len, const char *sig) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned mac_len = 0;
  if (HMAC(EVP_sha256(), k->secret, (int)strlen(k->secret), (const unsigned char *)payload, len, mac, &mac_len) == NULL) {
    return false;
  }
  char text[2 * EVP_MAX_MD_SIZE + 1];
  for (unsigned i = 0; i < mac_len; i++) {
    (void)snprintf(text + 2 * i, 3, "%02x", mac[i]);
  }
  size_t n = 2u * mac_len;
  if (strlen(sig) != n) {
    return false;
  }
  char lower[2 * EVP_MAX_MD_SIZE + 1];
  for (size_t i = 0; i < n; i++) {
    lower[i] = (char)tolower((unsigned char)sig[i]);
  }
  return CRYPTO_memcmp(text, lower, n) == 0;
}

static bool ed25519_ok(const vs_key *k, const char *payload, size_t len, const char *sig) {
  unsigned char raw[72];
  if (strlen(sig) != 88 || EVP_DecodeBlock(raw, (const unsigned char *)sig, 88) != 66) {
    return false;
  }
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  if (ctx == NULL) {
    return false;
  }
  bool ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pub) == 1 &&
            EVP_DigestVerify(ctx, raw, 64, (const unsigned char *)payload, len) == 1;
  EVP_MD_CTX_free(ctx);
  return ok;
}

bool vs_sig_ok(const vs_key *k, const char *payload, size_t len, const char *sig) {
  return k->pub != NULL ? ed25519_ok(k, payload, len, sig) : hmac_ok(k, payload, len, sig);
}

int vs_auth_key(vs_venue *v, const char *id, int *key, vs_reject *rej) {
  if (id == NULL || *id == '\0') {
    v->auth_failures++;
    return vs_refuse(rej, 401, -2014, "API-key format invalid.");
  }
  for (const char *c = id; *c != '\0'; c++) {
    if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL) {
      v->auth_failures++;
      return vs_refuse(rej, 401, -2014, "API-key format invalid.");
    }
  }
  *key = vs_key_find(v, id);
  if (*key < 0) {
    v->auth_failures++;
    return vs_refuse(rej, 401, -2015, "Invalid API-key, IP, or permissions for action.");
  }
  return 0;
}

int vs_auth_time(vs_req *r) {
  const char *unused;
  int64_t window;
  int64_t stamp;
  if (vs_param_need(r, "timestamp", &unused) != 0 || vs_param_i64(r, "timestamp", 0, 0, INT64_MAX, &stamp) != 0 ||
      vs_param_i64(r, "recvWindow", 5000, 0, INT64_MAX, &window) != 0) {
    return -1;
  }
  if (window > 60000) {
    return vs_refuse(&r->rej, 400, -1131, "recvWindow must be less than 60000.");
  }
  if (stamp >= r->now + 1000) {
    return vs_refuse(&r->rej, 400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
  }
  if (r->now - stamp > window) {
    return vs_refuse(&r->rej, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
  }
  return 0;
}

#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define CIPHERS_12 \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

enum { SITE_BYTES = 288 };

typedef struct session_slot {
  char site[SITE_BYTES]; /* "host:port" */
  SSL_SESSION *session;
  uint64_t used;
} session_slot_t;

struct tg_tls {
  SSL_CTX *ctx;
  uint64_t clock; /* use counter of the cache */
  uint64_t resumed_cnt;
  uint32_t pin_cnt;
  uint8_t pin[TG_TLS_PIN_MAX][SHA256_DIGEST_LENGTH];
  session_slot_t slot[TG_TLS_SESSION_MAX];
};

struct tg_tls_shake {
  tg_tls_t *tls;
  SSL *ssl;
  BIO *in, *out; /* owned by ssl */
  bool done;
  char site[SITE_BYTES];
  char reason[TG_TLS_REASON_BYTES];
  char info[128];
  uint8_t seen_pin[SHA256_DIGEST_LENGTH]; /* of the key that had no pin */
  uint8_t secret[2][48];                  /* server (we read), client (we write) */
  uint8_t secret_len[2];
};

static int shake_index(void) {
  static int index = -1; /* cold lane only */
  if (index < 0) index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  return index;
}

/* --- session cache --- */

static session_slot_t *find_slot(tg_tls_t *tls, const char *site, bool make) {
  session_slot_t *oldest = &tls->slot[0];
  for (size_t i = 0; i < TG_TLS_SESSION_MAX; i++) {
    session_slot_t *slot = &tls->slot[i];
    if (slot->session && strcmp(slot->site, site) == 0) return slot;
    if (!slot->session ? oldest->session != NULL : oldest->session && slot->used < oldest->used) oldest = slot;
  }
  return make ? oldest : NULL;
}

static int on_session(SSL *ssl, SSL_SESSION *session) {
  tg_tls_shake_t *shake = SSL_get_ex_data(ssl, shake_index());
  if (!shake) return 0;
  session_slot_t *slot = find_slot(shake->tls, shake->site, true);
  if (slot->session) SSL_SESSION_free(slot->session);
  slot->session = session;
  slot->used = ++shake->tls->clock;
  memcpy(slot->site, shake->site, sizeof slot->site);
  return 1; /* we keep the reference */
}

static void offer_session(tg_tls_shake_t *shake) {
  session_slot_t *slot = find_slot(shake->tls, shake->site, false);
  if (!slot) return;
  SSL_set_session(shake->ssl, slot->session);
  slot->used = ++shake->tls->clock;
  if (SSL_SESSION_should_be_single_use(slot->session)) { /* RFC 8446 C.4 */
    SSL_SESSION_free(slot->session);
    slot->session = NULL;
  }
}

/* --- key log --- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* "<LABEL> <client random> <secret>", hex */
static void on_keylog(const SSL *ssl, const char *line) {
  static const char *const label[2] = {"SERVER_TRAFFIC_SECRET_0 ", "CLIENT_TRAFFIC_SECRET_0 "};
  tg_tls_shake_t *shake = SSL_get_ex_data(ssl, shake_index());
  for (int i = 0; shake && i < 2; i++) {
    if (strncmp(line, label[i], strlen(label[i])) != 0) continue;
    const char *hex = strrchr(line, ' ') + 1;
    size_t len = strlen(hex) / 2;
    if (len > sizeof shake->secret[i]) return;
    for (size_t b = 0; b < len; b++) {
      shake->secret[i][b] = (uint8_t)((hex_digit(hex[2 * b]) << 4) | hex_digit(hex[2 * b + 1]));
    }
    shake->secret_len[i] = (uint8_t)len;
  }
}

/* --- pins --- */

int tg_tls_set_pins(tg_tls_t *tls, const char *list) {
  uint32_t cnt = 0;
  uint8_t pin[TG_TLS_PIN_MAX][SHA256_DIGEST_LENGTH];
  for (;;) {
    list += strspn(list, ", ");
    if (*list == '\0') break;
    if (cnt == TG_TLS_PIN_MAX) return -TG_EFULL;
    for (size_t i = 0; i < 2 * SHA256_DIGEST_LENGTH; i++, list++) {
      int value = hex_digit(*list >= 'A' && *list <= 'F' ? (char)(*list - 'A' + 'a') : *list);
      if (value < 0) return -TG_ESYNTAX;
      pin[cnt][i / 2] = (uint8_t)(i % 2 ? pin[cnt][i / 2] | value : value << 4);
    }
    if (*list != '\0' && *list != ',' && *list != ' ') return -TG_ESYNTAX;
    cnt++;
  }
  memcpy(tls->pin, pin, sizeof tls->pin[0] * cnt);
  tls->pin_cnt = cnt;
  return 0;
}

/* The certificate's own key against the pins; what was seen is kept for the reason. */
static bool pinned(tg_tls_shake_t *shake, X509 *cert) {
  uint8_t *spki = NULL;
  int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
  if (len <= 0) return false;
  SHA256(spki, (size_t)len, shake->seen_pin);
  OPENSSL_free(spki);
  for (uint32_t i = 0; i < shake->tls->pin_cnt; i++) {
    if (memcmp(shake->tls->pin[i], shake->seen_pin, sizeof shake->seen_pin) == 0) return true;
  }
  return false;
}

/* Called behind each check of the chain; at the leaf, when all the rest was fine, the pin is looked at. A resumed session was
 * checked when it was made, under the same pins. */
static int on_verify(int ok, X509_STORE_CTX *store) {
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  tg_tls_shake_t *shake = ssl ? SSL_get_ex_data(ssl, shake_index()) : NULL;
  if (!ok || !shake) return 0;
  if (shake->tls->pin_cnt == 0 || X509_STORE_CTX_get_error_depth(store) != 0) return 1;
  if (pinned(shake, X509_STORE_CTX_get_current_cert(store))) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

/* --- context --- */

static bool load_ca(SSL_CTX *ctx, const char *path, int *err, char *err_text, size_t err_cap) {
  FILE *file = fopen(path, "re");
  if (!file) {
    *err = -TG_ENOTFOUND;
    snprintf(err_text, err_cap, "CA file %s cannot be opened: give venue.ca_file or install ca-certificates", path);
    return false;
  }
  fclose(file);
  if (SSL_CTX_load_verify_locations(ctx, path, NULL) == 1) return true;
  *err = -TG_ECERT;
  snprintf(err_text, err_cap, "CA file %s holds no usable PEM certificate", path);
  ERR_clear_error();
  return false;
}

tg_tls_t *tg_tls_new(const char *ca_file, int *err, char *err_text, size_t err_cap) {
  tg_tls_t *tls = calloc(1, sizeof *tls);
  *err = -TG_ENOMEM;
  if (err_cap) err_text[0] = 0;
  if (!tls) return NULL;
  static const uint8_t alpn[] = "\x08http/1.1";
  tls->ctx = SSL_CTX_new(TLS_client_method());
  bool ok = tls->ctx && SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION) &&
            SSL_CTX_set_max_proto_version(tls->ctx, TLS1_3_VERSION) && SSL_CTX_set_strict_cipher_list(tls->ctx, CIPHERS_12) &&
            SSL_CTX_set_alpn_protos(tls->ctx, alpn, sizeof alpn - 1) == 0;
  if (ok) ok = load_ca(tls->ctx, ca_file && ca_file[0] ? ca_file : SYSTEM_CA_FILE, err, err_text, err_cap);
  if (!ok) {
    tg_tls_free(tls);
    return NULL;
  }
  SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, on_verify);
  SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls->ctx, on_session);
  SSL_CTX_set_keylog_callback(tls->ctx, on_keylog);
  *err = 0;
  return tls;
}

void tg_tls_free(tg_tls_t *tls) {
  if (!tls) return;
  for (size_t i = 0; i < TG_TLS_SESSION_MAX; i++) {
    if (tls->slot[i].session) SSL_SESSION_free(tls->slot[i].session);
  }
  if (tls->ctx) SSL_CTX_free(tls->ctx);
  free(tls);
}

int tg_tls_set_versions(tg_tls_t *tls, uint16_t min, uint16_t max) {
  if (min < 0x0303 || max > 0x0304 || min > max) return -TG_EINVAL;
  if (!SSL_CTX_set_min_proto_version(tls->ctx, min) || !SSL_CTX_set_max_proto_version(tls->ctx, max)) return -TG_EINVAL;
  return 0;
}

uint64_t tg_tls_resumed_cnt(const tg_tls_t *tls) {
  return tls->resumed_cnt;
}

/* --- handshake --- */

static bool is_ip(const char *host) {
  uint8_t scratch[16];
  return inet_pton(AF_INET, host, scratch) == 1 || inet_pton(AF_INET6, host, scratch) == 1;
}

static bool set_peer(SSL *ssl, const char *host) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (is_ip(host)) return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(param, host, strlen(host)) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

tg_tls_shake_t *tg_tls_shake_begin(tg_tls_t *tls, const char *host, uint16_t port) {
  tg_tls_shake_t *shake = calloc(1, sizeof *shake);
  if (!shake) return NULL;
  shake->tls = tls;
  shake->ssl = SSL_new(tls->ctx);
  BIO *in = BIO_new(BIO_s_mem());
  BIO *out = BIO_new(BIO_s_mem());
  if (!shake->ssl || !in || !out || !host[0] || !set_peer(shake->ssl, host)) {
    BIO_free(in);
    BIO_free(out);
    tg_tls_shake_end(shake);
    return NULL;
  }
  BIO_set_mem_eof_return(in, -1); /* empty means "later", not the end */
  SSL_set_bio(shake->ssl, in, out);
  shake->in = in;
  shake->out = out;
  snprintf(shake->site, sizeof shake->site, "%.255s:%u", host, (unsigned)port);
  SSL_set_ex_data(shake->ssl, shake_index(), shake);
  SSL_set_connect_state(shake->ssl);
  offer_session(shake);
  return shake;
}

void tg_tls_shake_end(tg_tls_shake_t *shake) {
  if (!shake) return;
  if (shake->ssl) SSL_free(shake->ssl);
  OPENSSL_cleanse(shake->secret, sizeof shake->secret);
  free(shake);
  ERR_clear_error();
}

size_t tg_tls_shake_output(tg_tls_shake_t *shake, uint8_t *out, size_t cap) {
  if (cap > INT32_MAX) cap = INT32_MAX;
  int n = BIO_pending(shake->out) ? BIO_read(shake->out, out, (int)cap) : 0;
  return n > 0 ? (size_t)n : 0;
}

/* The fault in a word that operators and tests can tell from the others. */
static const char *fault_of(long verify) {
  switch (verify) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "wrong host";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "not valid yet";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "self-signed";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "unknown authority";
    case X509_V_ERR_CERT_REVOKED:
      return "revoked";
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return "wrong pin";
    default:
      return "not acceptable";
  }
}

static int cert_refused(tg_tls_shake_t *shake) {
  long verify = SSL_get_verify_result(shake->ssl);
  if (verify == X509_V_ERR_APPLICATION_VERIFICATION) {
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(hex + 2 * i, 3, "%02x", shake->seen_pin[i]);
    snprintf(shake->reason, sizeof shake->reason, "certificate of %.80s refused: wrong pin (its key is %s)", shake->site, hex);
  } else {
    snprintf(shake->reason, sizeof shake->reason, "certificate of %.80s refused: %s (%.60s)", shake->site, fault_of(verify),
             X509_verify_cert_error_string(verify));
  }
  ERR_clear_error();
  return -TG_ECERT;
}

/* The peer speaks only versions below ours, or somebody between us made it seem so. */
static bool is_downgrade(int reason) {
  return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_TLS13_DOWNGRADE ||
         reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION || reason == SSL_R_TLSV1_ALERT_INAPPROPRIATE_FALLBACK;
}

static int handshake_failed(tg_tls_shake_t *shake) {
  uint32_t code = ERR_peek_last_error();
  bool ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
  if (ssl && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) return cert_refused(shake);
  if (ssl && is_downgrade(ERR_GET_REASON(code))) {
    snprintf(shake->reason, sizeof shake->reason,
             "TLS handshake with %.80s failed: downgrade (it offers nothing we accept: %.60s)", shake->site,
             ERR_reason_error_string(code));
    ERR_clear_error();
    return -TG_ETLS;
  }
  const char *text = ERR_reason_error_string(code);
  snprintf(shake->reason, sizeof shake->reason, "TLS handshake with %.80s failed: %.60s", shake->site,
           text ? text : "unknown reason");
  ERR_clear_error();
  return -TG_ETLS;
}

static int step(tg_tls_shake_t *shake) {
  ERR_clear_error();
  int rc = SSL_do_handshake(shake->ssl);
  if (rc == 1) {
    shake->done = true;
    if (SSL_session_reused(shake->ssl)) shake->tls->resumed_cnt++;
    return 1;
  }
  int why = SSL_get_error(shake->ssl, rc);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : handshake_failed(shake);
}

int tg_tls_shake_input(tg_tls_shake_t *shake, const uint8_t *data, size_t len, size_t *eaten) {
  *eaten = 0;
  if (shake->done) return 1;
  if (len == 0) return step(shake);
  for (;;) {
    if (len - *eaten < TG_REC_HEAD_BYTES) return 0;
    const uint8_t *record = data + *eaten;
    size_t total = TG_REC_HEAD_BYTES + (((size_t)record[3] << 8) | record[4]);
    if (total > TG_REC_WIRE_MAX) {
      snprintf(shake->reason, sizeof shake->reason, "%.80s does not speak TLS (record of %zu bytes)", shake->site, total);
      return -TG_ESIZE;
    }
    if (len - *eaten < total) return 0;
    if (BIO_write(shake->in, record, (int)total) != (int)total) return -TG_ENOMEM;
    *eaten += total;
    int rc = step(shake);
    if (rc != 0) return rc;
  }
}

const char *tg_tls_shake_reason(const tg_tls_shake_t *shake) {
  return shake->reason;
}

static int suite_of(const tg_tls_shake_t *shake, tg_rec_keys_t *keys) {
  keys->hash_bytes = 32;
  switch (SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(shake->ssl))) {
    case 0x1301:
    case 0xc02b:
    case 0xc02f:
      keys->aead = TG_REC_AES128_GCM;
      return 0;
    case 0x1302:
    case 0xc02c:
    case 0xc030:
      keys->aead = TG_REC_AES256_GCM;
      keys->hash_bytes = 48;
      return 0;
    case 0x1303:
    case 0xcca8:
    case 0xcca9:
      keys->aead = TG_REC_CHACHA20;
      return 0;
    default:
      return -TG_EUNSUPPORTED;
  }
}

static int keys13(const tg_tls_shake_t *shake, tg_rec_keys_t *keys, size_t key_bytes) {
  tg_rec_key_t *side[2] = {&keys->rx, &keys->tx};
  for (int i = 0; i < 2; i++) {
    if (shake->secret_len[i] != keys->hash_bytes) return -TG_ETLS;
    memcpy(side[i]->secret, shake->secret[i], keys->hash_bytes);
    tg_hkdf_expand_label(keys->hash_bytes, side[i]->secret, "key", side[i]->key, key_bytes);
    tg_hkdf_expand_label(keys->hash_bytes, side[i]->secret, "iv", side[i]->iv, 12);
  }
  return 0;
}

/* RFC 5246 6.3: client key, server key, client iv, server iv (AEAD suites have no MAC keys). */
static int keys12(const tg_tls_shake_t *shake, tg_rec_keys_t *keys, size_t key_bytes) {
  uint8_t block[128];
  size_t iv_bytes = keys->aead == TG_REC_CHACHA20 ? 12 : 4;
  size_t len = SSL_get_key_block_len(shake->ssl);
  if (len != 2 * (key_bytes + iv_bytes) || len > sizeof block) return -TG_ETLS;
  if (!SSL_generate_key_block(shake->ssl, block, len)) return -TG_ETLS;
  memcpy(keys->tx.key, block, key_bytes);
  memcpy(keys->rx.key, block + key_bytes, key_bytes);
  memcpy(keys->tx.iv, block + 2 * key_bytes, iv_bytes);
  memcpy(keys->rx.iv, block + 2 * key_bytes + iv_bytes, iv_bytes);
  OPENSSL_cleanse(block, sizeof block);
  return 0;
}

int tg_tls_shake_keys(const tg_tls_shake_t *shake, tg_rec_keys_t *keys) {
  memset(keys, 0, sizeof *keys);
  if (!shake->done) return -TG_ETLS;
  int rc = suite_of(shake, keys);
  if (rc) return rc;
  keys->version = SSL_version(shake->ssl) == TLS1_3_VERSION ? 0x0304 : 0x0303;
  size_t key_bytes = keys->aead == TG_REC_AES128_GCM ? 16 : 32;
  keys->rx.seq = SSL_get_read_sequence(shake->ssl);
  keys->tx.seq = SSL_get_write_sequence(shake->ssl);
  return keys->version == 0x0304 ? keys13(shake, keys, key_bytes) : keys12(shake, keys, key_bytes);
}

void tg_tls_shake_ticket(tg_tls_shake_t *shake, const uint8_t *record, size_t len) {
  uint8_t scratch[4096];
  if (!shake->done || BIO_write(shake->in, record, (int)len) != (int)len) return;
  while (SSL_read(shake->ssl, scratch, sizeof scratch) > 0) {
  }
  OPENSSL_cleanse(scratch, sizeof scratch);
  (void)BIO_reset(shake->out); /* it may want to answer a KeyUpdate; the record layer does */
  ERR_clear_error();
}

const char *tg_tls_shake_info(tg_tls_shake_t *shake) {
  const SSL_CIPHER *cipher = SSL_get_current_cipher(shake->ssl);
  snprintf(shake->info, sizeof shake->info, "%s %s%s", SSL_get_version(shake->ssl), cipher ? SSL_CIPHER_get_name(cipher) : "-",
           SSL_session_reused(shake->ssl) ? " resumed" : "");
  return shake->info;
}

#include "certs.h"

#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static EVP_PKEY *new_key(void) {
  EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  EVP_PKEY *key = EVP_PKEY_new();
  if (!ec || !EC_KEY_generate_key(ec) || !EVP_PKEY_assign_EC_KEY(key, ec)) abort();
  return key;
}

static void add_ext(X509 *cert, X509 *issuer, int nid, const char *value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  char text[128];
  snprintf(text, sizeof text, "%s", value);
  X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, text);
  if (!ext || !X509_add_ext(cert, ext, -1)) abort();
  X509_EXTENSION_free(ext);
}

static X509 *new_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool ca, long from_s, long to_s,
                      const char *alt) {
  static long serial = 1;
  X509 *cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
  X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
  X509_NAME *subject = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
  X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : subject);
  X509_set_pubkey(cert, key);
  add_ext(cert, issuer ? issuer : cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (alt) add_ext(cert, issuer ? issuer : cert, NID_subject_alt_name, alt);
  if (!X509_sign(cert, issuer_key, EVP_sha256())) abort();
  return cert;
}

typedef struct authority {
  EVP_PKEY *key;
  X509 *cert;
} authority_t;

static authority_t ca[2]; /* the trusted one and another */
static char ca_path[64];

static void remove_file(void) {
  unlink(ca_path);
}

static void make_authorities(void) {
  if (ca[0].cert) return;
  for (int i = 0; i < 2; i++) {
    ca[i].key = new_key();
    ca[i].cert = new_cert(i ? "another test CA" : "test CA", ca[i].key, NULL, ca[i].key, true, -3600, 86400, NULL);
  }
  snprintf(ca_path, sizeof ca_path, "/tmp/tg-test-ca-XXXXXX");
  int fd = mkstemp(ca_path);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  if (!out || !PEM_write_X509(out, ca[0].cert) || fclose(out)) abort();
  atexit(remove_file);
}

const char *certs_ca_file(void) {
  make_authorities();
  return ca_path;
}

SSL_CTX *certs_server_ctx(enum leaf_kind kind, uint16_t min, uint16_t max) {
  make_authorities();
  EVP_PKEY *key = new_key();
  const char *alt = kind == LEAF_WRONG_HOST ? "DNS:elsewhere.example" : "DNS:localhost,IP:127.0.0.1";
  authority_t *by = &ca[kind == LEAF_OTHER_CA ? 1 : 0];
  long to = kind == LEAF_EXPIRED ? -60 : 86400;
  bool self = kind == LEAF_SELF_SIGNED;
  X509 *cert = new_cert("localhost", key, self ? NULL : by->cert, self ? key : by->key, false, -3600, to, alt);
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  bool ok = SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key) && SSL_CTX_set_min_proto_version(ctx, min) &&
            SSL_CTX_set_max_proto_version(ctx, max);
  if (!ok) abort();
  SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"t", 1);
  X509_free(cert);
  EVP_PKEY_free(key);
  return ctx;
}

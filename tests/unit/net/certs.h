/* certs.h - throw-away certificates for the TLS tests, made in memory with BoringSSL.
 * What:    a CA, and leaves that are good or bad in one way each.
 * Owner:   test process; freed at exit. */
#ifndef TEST_NET_CERTS_H
#define TEST_NET_CERTS_H

#include <openssl/ssl.h>
#include <stdbool.h>

enum leaf_kind { LEAF_GOOD = 0, LEAF_WRONG_HOST, LEAF_EXPIRED, LEAF_OTHER_CA, LEAF_SELF_SIGNED };

/* Path of a PEM file with the test CA (removed at exit). */
const char *certs_ca_file(void);
/* Server context: leaf for "localhost" and 127.0.0.1 (or bad as said), versions as given. */
SSL_CTX *certs_server_ctx(enum leaf_kind kind, uint16_t min, uint16_t max);

#endif

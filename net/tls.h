/* tls.h - TLS client by BoringSSL: verified handshakes on the cold lane, keys for the hot record layer.
 * What:    TLS 1.2+ with AEAD suites only, chain and host name always verified, SNI, ALPN http/1.1, sessions resumed.
 *          A handshake runs over byte buffers: the caller moves bytes, nothing here blocks or touches a socket.
 * Owner:   tg_tls_t until tg_tls_free; tg_tls_shake_t until tg_tls_shake_end.
 * Threads: one (cold) for everything here.
 * Limit:   TG_TLS_SESSION_MAX remembered sessions (host:port), oldest forgotten.
 * Errors:  -TG_ECERT (wrong host, wrong CA, expired: reason text), -TG_ETLS (protocol, alert: reason text), -TG_ENOTFOUND (CA
 * file), -TG_ETRUNCATED is the stream's (end before close_notify). */
#ifndef TG_NET_TLS_H
#define TG_NET_TLS_H

#include "net/rec.h"

#define TG_TLS_SESSION_MAX 32
#define TG_TLS_REASON_BYTES 224
#define TG_TLS_PIN_MAX 8

typedef struct tg_tls tg_tls_t;             /* context: CA store, session cache */
typedef struct tg_tls_shake tg_tls_shake_t; /* one handshake */

/* ca_file: PEM with the trusted roots; NULL or "" = the system's (/etc/ssl/certs/ca-certificates.crt). NULL on error; err_text
 * tells (one line, err_cap bytes) and *err is -TG_ENOTFOUND, -TG_ECERT (no usable certificate) or -TG_ENOMEM. */
tg_tls_t *tg_tls_new(const char *ca_file, int *err, char *err_text, size_t err_cap);
void tg_tls_free(tg_tls_t *tls);
/* For tests and old venues: bounds of the version, 0x0303 .. 0x0304. */
TG_MUST_USE int tg_tls_set_versions(tg_tls_t *tls, uint16_t min, uint16_t max);
/* Pins beside the CA: the server's public key (SubjectPublicKeyInfo of its own certificate) must have one of these SHA-256
 * sums, hex, separated by commas or spaces; "" lifts them. Before the first handshake. 0, -TG_ESYNTAX, -TG_EFULL (more than
 * TG_TLS_PIN_MAX). */
TG_MUST_USE int tg_tls_set_pins(tg_tls_t *tls, const char *list);
/* Sessions that were resumed so far. */
uint64_t tg_tls_resumed_cnt(const tg_tls_t *tls);

/* Begins. `host` is verified and sent as SNI (an IP literal is verified as IP, no SNI). NULL = no memory. */
tg_tls_shake_t *tg_tls_shake_begin(tg_tls_t *tls, const char *host, uint16_t port);
void tg_tls_shake_end(tg_tls_shake_t *shake);
/* Bytes to send to the peer: copies up to cap, returns the count (0 = nothing now). */
size_t tg_tls_shake_output(tg_tls_shake_t *shake, uint8_t *out, size_t cap);
/* Gives received bytes; eats whole records only, one by one, and stops right behind the handshake's last one. *eaten is set. 0:
 * go on (send output, bring more), 1: handshake finished (send output; the bytes after *eaten belong to the session), or
 * -TG_ECERT, -TG_ETLS, -TG_ESIZE. The first call may have len 0 (makes the ClientHello). */
TG_MUST_USE int tg_tls_shake_input(tg_tls_shake_t *shake, const uint8_t *data, size_t len, size_t *eaten);
/* Why it failed, one line; "" otherwise. */
const char *tg_tls_shake_reason(const tg_tls_shake_t *shake);
/* Keys of a finished handshake. 0, -TG_EUNSUPPORTED (a suite the record layer does not do), -TG_ETLS. The caller wipes them. */
TG_MUST_USE int tg_tls_shake_keys(const tg_tls_shake_t *shake, tg_rec_keys_t *keys);
/* After the end of the handshake: shows the SSL object one received whole record (a copy of the ciphertext, before
 * tg_rec_open), so that TLS 1.3 tickets reach the session cache. All records from the first on, in order, or none. Its
 * plaintext is thrown away. */
void tg_tls_shake_ticket(tg_tls_shake_t *shake, const uint8_t *record, size_t len);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256 resumed" and the like, for logs. */
const char *tg_tls_shake_info(tg_tls_shake_t *shake);

#endif

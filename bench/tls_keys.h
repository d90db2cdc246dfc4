/* tls_keys.h - record keys of both ends of a TLS 1.3 session that never shook hands. */
#ifndef TG_BENCH_TLS_KEYS_H
#define TG_BENCH_TLS_KEYS_H

#include "net/rec.h"

/* AES-128-GCM; what `a` sends `b` opens, and the other way round. */
void tls_keys_make(tg_rec_keys_t *a, tg_rec_keys_t *b);

#endif

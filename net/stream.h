/* stream.h - cold byte stream: name, TCP, TLS, then plaintext both ways. Under dial.h and http.h.
 * What:    one state machine per connection, driven by tg_io_turn of the cold io and tg_netcold_turn (deadlines, resolver).
 *          After the handshake the own record layer does the records here too, so a hand-over is a copy of its state.
 * Owner:   tg_stream_new .. tg_stream_free (heap; every attempt has its own buffers, freed once the kernel lets go);
 * tg_netcold_t outlives its streams. Threads: the cold lane; one resolver thread inside (getaddrinfo blocks). Limit:
 * TG_STREAM_TX_BYTES unsent; TG_RESOLVE_SLOTS names being resolved; 8 addresses tried in order. Errors:  on_close(err, reason):
 * -TG_ERESOLVE, -TG_EREFUSED, -TG_ETIMEOUT, -TG_ECERT, -TG_ETLS, -TG_ECLOSED (close_notify or plain FIN), -TG_ETRUNCATED,
 * -TG_EIO, -TG_EFULL, 0 after tg_stream_close. */
#ifndef TG_NET_STREAM_H
#define TG_NET_STREAM_H

#include "net/handoff.h"
#include "net/io.h"
#include "net/tcp.h"
#include "net/tls.h"

#define TG_STREAM_TX_BYTES (1u << 20)
#define TG_STREAM_REASON_BYTES 224
#define TG_RESOLVE_SLOTS 16
#define TG_HOST_BYTES 256

typedef struct tg_netcold tg_netcold_t;
typedef struct tg_stream tg_stream_t;

/* The cold side's shared part: io, resolver thread, list of streams. NULL = no memory or no thread. `io` must be enabled on the
 * calling lane (or be a fake). */
tg_netcold_t *tg_netcold_new(tg_io_t *io);
void tg_netcold_free(tg_netcold_t *net); /* closes all streams without callbacks */
/* `begin(user)` is called first thing on resolver threads made from now on (a sandbox); NULL: nothing. Once, before the first
 * tg_netcold_new. */
void tg_netcold_on_thread(void (*begin)(void *user), void *user);
/* Deadlines, answers of the resolver; call beside every tg_io_turn (the resolver's eventfd wakes a parked turn). */
void tg_netcold_turn(tg_netcold_t *net, uint64_t now_ns);
/* Nearest deadline of any stream, UINT64_MAX = none: bound for the next tg_io_turn's wait_ns. */
uint64_t tg_netcold_deadline_ns(const tg_netcold_t *net);
tg_io_t *tg_netcold_io(tg_netcold_t *net);

enum tg_stream_state {
  TG_STREAM_IDLE = 0,
  TG_STREAM_RESOLVING,
  TG_STREAM_CONNECTING,
  TG_STREAM_SHAKING,
  TG_STREAM_OPEN,
  TG_STREAM_DETACHING, /* receive being cancelled for a hand-over */
  TG_STREAM_DETACHED,
};

typedef struct tg_stream_cfg {
  const char *host; /* name, "localhost", or an address; copied */
  uint16_t port;
  tg_tls_t *tls; /* NULL = plain TCP */
  tg_tcp_opt_t tcp;
  uint64_t deadline_ns; /* engine time; passing it in any state is -TG_ETIMEOUT. See tg_stream_deadline */
} tg_stream_cfg_t;

typedef struct tg_stream_ops {
  void (*on_open)(void *user, tg_stream_t *stream);
  void (*on_data)(void *user, tg_stream_t *stream, uint8_t *data, size_t len, uint64_t rx_ns);
  void (*on_close)(void *user, tg_stream_t *stream, int err, const char *reason);
  void (*on_detached)(void *user, tg_stream_t *stream);
} tg_stream_ops_t;

/* NULL = no memory. */
tg_stream_t *tg_stream_new(tg_netcold_t *net, const tg_stream_ops_t *ops, void *user);
void tg_stream_free(tg_stream_t *stream); /* closes first, without callback; not from inside a callback of this stream */
/* 0 (callbacks follow), -TG_EBUSY (not idle), -TG_EINVAL, -TG_EFULL. */
TG_MUST_USE int tg_stream_open(tg_stream_t *stream, const tg_stream_cfg_t *cfg, uint64_t now_ns);
/* Queues bytes (copied, sealed). 0, -TG_EFULL, -TG_ECLOSED. */
TG_MUST_USE int tg_stream_write(tg_stream_t *stream, const void *data, size_t len);
/* Moves the deadline; UINT64_MAX = none. The owner lifts it when its own phase (upgrade, ...) is done. */
void tg_stream_deadline(tg_stream_t *stream, uint64_t deadline_ns);
/* close_notify and close; on_close(0) is called before return. May be called in a callback. */
void tg_stream_close(tg_stream_t *stream);
/* Ends on its own account: on_close(err, reason) before return. */
void tg_stream_fail(tg_stream_t *stream, int err, const char *reason);
/* Stops reading for a hand-over: no on_data any more; on_detached follows once the kernel lets go (or on_close). 0, -TG_EAGAIN
 * (bytes still being sent: again later), -TG_EINVAL (not open). */
TG_MUST_USE int tg_stream_detach(tg_stream_t *stream);
/* In or after on_detached: descriptor, keys and unopened bytes into `out` (plain_len is left to the caller); stream is idle
 * again. 0, -TG_EINVAL. */
TG_MUST_USE int tg_stream_take(tg_stream_t *stream, tg_handoff_t *out);
enum tg_stream_state tg_stream_state(const tg_stream_t *stream);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256", "plain", ... */
const char *tg_stream_info(tg_stream_t *stream);

#endif

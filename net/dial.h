/* dial.h - cold connector: a WebSocket session from a name to the first message, then handed to a hot lane.
 * What:    name look-up (own thread), TCP, TLS, HTTP upgrade under one deadline; the open session can be used cold for a while
 *          (session.logon, SUBSCRIBE: send text, get messages), then tg_dial_detach / tg_dial_take give it away.
 * Owner:   tg_dial_new .. tg_dial_free; one tg_dial_t per session under way; reusable after close or take.
 * Threads: the cold lane that turns the tg_netcold_t's io.
 * Limit:   host 255 bytes, path 2 KB, extra headers 4 KB; messages up to TG_DIAL_MESSAGE_MAX while cold.
 * Errors:  on_close(err, reason), see stream.h, and -TG_EPROTO (upgrade answered otherwise: the reason holds the status line),
 *          -TG_EAUTH (401/403), -TG_ERATE (429/418; dial->retry_after_s set when told).
 *
 * Typical:
 *   tg_dial_start(d, &cfg, now)                 -> ... on_open
 *   on_open:    tg_dial_send(d, TG_WS_TEXT, logon, n)      (nothing to say first: tg_dial_detach(d) at once)
 *   on_message: logon accepted -> send SUBSCRIBE; accepted -> tg_dial_detach(d)
 *   on_detached: tg_dial_take(d, handoff); put handoff's address into the ring to the hot lane; there tg_conn_adopt().
 *   After tg_dial_detach no on_message comes any more: whatever arrives travels inside the hand-off, in order. */
#ifndef TG_NET_DIAL_H
#define TG_NET_DIAL_H

#include "net/stream.h"
#include "net/ws.h"

#define TG_DIAL_MESSAGE_MAX (1u << 20)

typedef struct tg_dial tg_dial_t;

typedef struct tg_dial_cfg {
  const char *host; /* also SNI, verified name and Host header */
  uint16_t port;
  const char *path;    /* "/ws-fapi/v1?x=y" */
  const char *headers; /* extra request header lines, each ended by \r\n; NULL = none */
  tg_tls_t *tls;       /* NULL = plain */
  tg_tcp_opt_t tcp;
  uint32_t timeout_ms; /* bound on everything up to on_open */
  uint32_t gen;        /* from tg_backoff_try */
  uint64_t user_tag;   /* travels to conn->user_tag */
} tg_dial_cfg_t;

typedef struct tg_dial_ops {
  void (*on_open)(void *user, tg_dial_t *dial);
  /* op TEXT or BINARY; pings are answered inside. */
  void (*on_message)(void *user, tg_dial_t *dial, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns);
  /* Once per start that did not end in tg_dial_take. The dial is idle: tg_dial_start may be called right here. */
  void (*on_close)(void *user, tg_dial_t *dial, int err, const char *reason);
  void (*on_detached)(void *user, tg_dial_t *dial);
} tg_dial_ops_t;

/* NULL = no memory. */
tg_dial_t *tg_dial_new(tg_netcold_t *net, const tg_dial_ops_t *ops, void *user);
void tg_dial_free(tg_dial_t *dial); /* not from inside a callback of this dial */
/* 0, -TG_EBUSY, -TG_EINVAL, -TG_ESIZE, -TG_EFULL. */
TG_MUST_USE int tg_dial_start(tg_dial_t *dial, const tg_dial_cfg_t *cfg, uint64_t now_ns);
/* One message. 0, -TG_ECLOSED (not open), -TG_ESIZE, -TG_EFULL. */
TG_MUST_USE int tg_dial_send(tg_dial_t *dial, uint8_t op, const void *payload, size_t len);
/* Close frame, close_notify, close: on_close(0) before return. */
void tg_dial_close(tg_dial_t *dial, uint16_t code);
/* Begins the hand-over; see stream.h. 0, -TG_EAGAIN (unsent bytes, or in the middle of a fragmented message: retry next turn),
 * -TG_EINVAL. */
TG_MUST_USE int tg_dial_detach(tg_dial_t *dial);
/* After on_detached: fills `out`, the dial is idle again. 0, -TG_EINVAL. */
TG_MUST_USE int tg_dial_take(tg_dial_t *dial, tg_handoff_t *out);
bool tg_dial_idle(const tg_dial_t *dial);
bool tg_dial_is_open(const tg_dial_t *dial);
uint32_t tg_dial_gen(const tg_dial_t *dial);
uint32_t tg_dial_retry_after_s(const tg_dial_t *dial);
const char *tg_dial_info(tg_dial_t *dial);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 4.2.2): 28 characters and a terminator. */
void tg_ws_accept(const char *key, size_t key_len, char out[29]);

#endif

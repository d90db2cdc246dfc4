/* ws.h - WebSocket frames (RFC 6455), decoded and built in place.
 * What:    tg_ws_decode reads one server frame; tg_ws_rx_t turns a stream of byte chunks into messages, in place
 *          whenever a frame lies whole in a chunk; tg_ws_put_head and tg_ws_mask make client frames where they lie.
 *          No extensions: a set RSV bit is an error. Server frames must not be masked (5.1).
 * Owner:   caller; the assembly buffer comes with tg_ws_rx_init.
 * Threads: one lane at a time.
 * Limit:   a message (all its fragments) <= cap given; control frames 125 bytes. Caps are checked before any copy.
 * Errors:  -TG_EPROTO (rsv, opcode, mask, order of fragments, close code), -TG_ESIZE, -TG_ESYNTAX (text not UTF-8). */
#ifndef TG_NET_WS_H
#define TG_NET_WS_H

#include <string.h>

#include "engine/base/err.h"
#include "engine/base/types.h"

enum tg_ws_op { TG_WS_CONT = 0, TG_WS_TEXT = 1, TG_WS_BINARY = 2, TG_WS_CLOSE = 8, TG_WS_PING = 9, TG_WS_PONG = 10 };
#define TG_WS_HEAD_MAX 14 /* client frame: 2 + 8 + 4 */
#define TG_WS_CONTROL_MAX 125
#define TG_WS_RX_SLACK 144 /* assembly buffer beyond the message: a header and a control frame between fragments */
/* Close codes we send. */
#define TG_WS_CODE_NORMAL 1000
#define TG_WS_CODE_AWAY 1001
#define TG_WS_CODE_PROTO 1002
#define TG_WS_CODE_DATA 1007
#define TG_WS_CODE_BIG 1009

typedef struct tg_ws_frame {
  uint64_t len; /* payload bytes */
  uint8_t head; /* header bytes: payload starts at buf + head */
  uint8_t op;   /* enum tg_ws_op */
  bool fin;
} tg_ws_frame_t;

/* Header of the server frame at buf. > 0: header bytes (out is set; the payload may not be there yet); 0: need more;
 * < 0: -TG_EPROTO, -TG_ESIZE (payload of a data frame > payload_max). */
TG_MUST_USE static inline int tg_ws_head(const uint8_t *buf, size_t len, uint64_t payload_max, tg_ws_frame_t *out) {
  if (TG_UNLIKELY(len < 2)) return 0;
  uint32_t b0 = buf[0], b1 = buf[1], op = b0 & 15u;
  /* legal opcodes 0,1,2,8,9,10 as a bit set; RSV and MASK bits must be clear */
  if (TG_UNLIKELY((b0 & 0x70u) | (b1 & 0x80u) | !((0x0707u >> op) & 1u))) return -TG_EPROTO;
  uint64_t n = b1;
  unsigned head = 2;
  if (n == 126) {
    if (TG_UNLIKELY(len < 4)) return 0;
    n = ((uint64_t)buf[2] << 8) | buf[3];
    head = 4;
    if (TG_UNLIKELY(n < 126)) return -TG_EPROTO;
  } else if (n == 127) {
    if (TG_UNLIKELY(len < 10)) return 0;
    uint64_t be;
    memcpy(&be, buf + 2, 8);
    n = __builtin_bswap64(be);
    head = 10;
    if (TG_UNLIKELY(n < 65536 || (n >> 63))) return -TG_EPROTO;
  }
  bool fin = (b0 & 0x80u) != 0;
  if (TG_UNLIKELY((op & 8u) && (!fin || n > TG_WS_CONTROL_MAX))) return -TG_EPROTO;
  if (TG_UNLIKELY(n > payload_max) && !(op & 8u)) return -TG_ESIZE;
  out->len = n;
  out->head = (uint8_t)head;
  out->op = (uint8_t)op;
  out->fin = fin;
  return (int)head;
}

/* One message or control frame handed out. */
typedef struct tg_ws_msg {
  uint8_t *data; /* in the caller's chunk or the assembly buffer; valid until the next call on rx */
  size_t len;
  uint16_t close_code; /* op CLOSE: the peer's code, 1005 when it gave none */
  uint8_t op;          /* TEXT, BINARY, CLOSE, PING, PONG */
} tg_ws_msg_t;

typedef struct tg_ws_rx {
  uint8_t *in, *in_end; /* chunk being read */
  uint8_t *buf;         /* assembly buffer */
  size_t cap;           /* its bytes */
  size_t msg_len;       /* payload of earlier fragments at buf[0..] */
  size_t part_len;      /* raw bytes of an incomplete frame at buf[msg_len..] */
  size_t part_need;     /* whole size of that frame, 0 = header incomplete */
  uint64_t payload_max;
  uint8_t frag_op; /* opcode of the fragmented message under way, 0 = none */
  bool reset;      /* the last message handed out lay in buf[0..msg_len) */
  bool check_utf8;
  uint64_t frames;
} tg_ws_rx_t;

/* `cap` >= message_max + TG_WS_RX_SLACK. 0 or -TG_EINVAL. */
TG_MUST_USE int tg_ws_rx_init(tg_ws_rx_t *rx, uint8_t *buf, size_t cap, size_t message_max);
/* Gives the next chunk of the stream. The former one must have been used up (tg_ws_rx_next returned 0). */
static inline void tg_ws_rx_feed(tg_ws_rx_t *rx, uint8_t *chunk, size_t len) {
  rx->in = chunk;
  rx->in_end = chunk + len;
}
/* Next message or control frame. 1: out is set; 0: chunk used up (a rest was copied into the assembly buffer); < 0: broken. */
TG_MUST_USE int tg_ws_rx_next(tg_ws_rx_t *rx, tg_ws_msg_t *out);
/* True when the stream stands between two frames and no fragmented message is open. */
static inline bool tg_ws_rx_idle(const tg_ws_rx_t *rx) {
  return rx->in == rx->in_end && rx->part_len == 0 && rx->frag_op == 0;
}

/* Header bytes of a client (masked) frame with `len` payload bytes: 6, 8 or 14. */
static inline size_t tg_ws_head_bytes(size_t len) {
  return len < 126 ? 6 : len < 65536 ? 8 : 14;
}
/* Writes the client header so that it ends right before `payload`; returns its size (tg_ws_head_bytes(len)). fin is set. `key`:
 * the four mask bytes in memory order. */
size_t tg_ws_put_head(uint8_t *payload, size_t len, uint8_t op, uint32_t key);
/* XORs `len` bytes with the key in place. */
void tg_ws_mask(uint8_t *data, size_t len, uint32_t key);
/* True when the bytes are UTF-8 (no surrogates, no overlong forms, <= U+10FFFF). 32 ASCII bytes a step. */
bool tg_utf8_ok(const uint8_t *data, size_t len);
/* A code that may stand in a Close frame (7.4: 1000-1003, 1007-1014, 3000-4999). */
bool tg_ws_close_code_ok(uint16_t code);

/* Source of mask keys: xoshiro256++ seeded from a CSPRNG at hand-over; 1.5 ns a key. */
typedef struct tg_ws_rng {
  uint64_t s[4];
} tg_ws_rng_t;
void tg_ws_rng_seed(tg_ws_rng_t *rng, const uint8_t seed[32]);
uint32_t tg_ws_rng_next(tg_ws_rng_t *rng);

#endif

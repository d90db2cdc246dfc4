#include "net/ws.h"

enum { LANE_BYTES = 32 };

/* --- UTF-8 --- */

/* 32 bytes, unaligned */
typedef uint64_t lane_t __attribute__((vector_size(LANE_BYTES), aligned(1), may_alias));

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

/* by address: a vector argument would change the ABI where AVX is off */
static inline bool lane_ascii(const void *p) {
  const lane_t *v = p;
  return (((*v)[0] | (*v)[1] | (*v)[2] | (*v)[3]) & HIGH_BITS) == 0;
}

/* The common case: one pass without a branch per lane; the last lane overlaps the one before. */
static bool all_ascii(const uint8_t *p, size_t len) {
  if (len < 8) {
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) any |= p[i];
    return any < 0x80;
  }
  if (len < LANE_BYTES) {
    uint64_t any = load64(p + len - 8);
    for (size_t at = 0; at + 8 <= len; at += 8) any |= load64(p + at);
    return (any & HIGH_BITS) == 0;
  }
  const uint8_t *last = p + len - LANE_BYTES;
  lane_t any = *(const lane_t *)last;
  for (; p < last; p += LANE_BYTES) any |= *(const lane_t *)p;
  return lane_ascii(&any);
}

/* Length of the well-formed sequence at p (Unicode 15, table 3-7), 0 = malformed or cut. */
static size_t utf8_sequence(const uint8_t *p, size_t len) {
  uint8_t b = p[0];
  if (b < 0x80) return 1;
  if (b < 0xc2 || b > 0xf4) return 0;
  size_t n = b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
  if (len < n) return 0;
  uint8_t lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
  uint8_t hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
  if (p[1] < lo || p[1] > hi) return 0;
  for (size_t i = 2; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  return n;
}

bool tg_utf8_ok(const uint8_t *data, size_t len) {
  if (TG_LIKELY(all_ascii(data, len))) return true;
  size_t at = 0;
  while (at < len) {
    while (len - at >= LANE_BYTES && lane_ascii(data + at)) at += LANE_BYTES;
    size_t stop = len - at < LANE_BYTES ? len : at + LANE_BYTES;
    while (at < stop) {
      size_t n = utf8_sequence(data + at, len - at);
      if (n == 0) return false;
      at += n;
    }
  }
  return true;
}

bool tg_ws_close_code_ok(uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/* --- receive --- */

int tg_ws_rx_init(tg_ws_rx_t *rx, uint8_t *buf, size_t cap, size_t message_max) {
  if (message_max > SIZE_MAX / 2 || cap < message_max + TG_WS_RX_SLACK) return -TG_EINVAL;
  memset(rx, 0, sizeof *rx);
  rx->buf = buf;
  rx->cap = cap;
  rx->payload_max = message_max;
  rx->check_utf8 = true;
  return 0;
}

static int take_control(tg_ws_rx_t *rx, const tg_ws_frame_t *frame, uint8_t *payload, tg_ws_msg_t *out) {
  out->data = payload;
  out->len = (size_t)frame->len;
  out->op = frame->op;
  out->close_code = 0;
  rx->frames++;
  if (frame->op != TG_WS_CLOSE) return 1;
  out->close_code = 1005; /* none given */
  if (frame->len == 0) return 1;
  if (frame->len == 1) return -TG_EPROTO;
  out->close_code = (uint16_t)((payload[0] << 8) | payload[1]);
  if (!tg_ws_close_code_ok(out->close_code)) return -TG_EPROTO;
  return tg_utf8_ok(payload + 2, (size_t)frame->len - 2) ? 1 : -TG_ESYNTAX;
}

/* A whole frame lies at payload - head. 1: message in out; 0: swallowed (a fragment); < 0 broken. */
static int take_frame(tg_ws_rx_t *rx, const tg_ws_frame_t *frame, uint8_t *payload, tg_ws_msg_t *out) {
  if (TG_UNLIKELY(frame->op & 8u)) return take_control(rx, frame, payload, out);
  rx->frames++;
  if (TG_LIKELY(frame->fin && rx->frag_op == 0)) {
    if (TG_UNLIKELY(frame->op == TG_WS_CONT)) return -TG_EPROTO;
    out->data = payload;
    out->len = (size_t)frame->len;
    out->op = frame->op;
    out->close_code = 0;
    return (frame->op == TG_WS_TEXT && rx->check_utf8 && !tg_utf8_ok(payload, out->len)) ? -TG_ESYNTAX : 1;
  }
  if ((frame->op == TG_WS_CONT) != (rx->frag_op != 0)) return -TG_EPROTO;
  memmove(rx->buf + rx->msg_len, payload, (size_t)frame->len); /* cap was checked with the header */
  rx->msg_len += (size_t)frame->len;
  if (frame->op != TG_WS_CONT) rx->frag_op = frame->op;
  if (!frame->fin) return 0;
  out->data = rx->buf;
  out->len = rx->msg_len;
  out->op = rx->frag_op;
  out->close_code = 0;
  rx->frag_op = 0;
  rx->reset = true;
  return (out->op == TG_WS_TEXT && rx->check_utf8 && !tg_utf8_ok(rx->buf, rx->msg_len)) ? -TG_ESYNTAX : 1;
}

/* Header at p with the room that is left for this message. */
static inline int head_at(const tg_ws_rx_t *rx, const uint8_t *p, size_t len, tg_ws_frame_t *frame) {
  int rc = tg_ws_head(p, len, rx->payload_max, frame);
  if (rc > 0 && !(frame->op & 8u) && frame->len > rx->payload_max - rx->msg_len) return -TG_ESIZE;
  return rc;
}

/* Goes on with the frame whose beginning lies in the assembly buffer. 1: out is set; 0: need more (chunk eaten) or swallowed; <
 * 0. */
static int continue_part(tg_ws_rx_t *rx, tg_ws_msg_t *out) {
  uint8_t *part = rx->buf + rx->msg_len;
  tg_ws_frame_t frame = {0}; /* gcc -O3 cannot see that tg_ws_head sets it whenever it returns > 0 */
  while (rx->part_need == 0) {
    int rc = head_at(rx, part, rx->part_len, &frame);
    if (rc < 0) return rc;
    if (rc > 0) {
      rx->part_need = frame.head + (size_t)frame.len;
    } else {
      if (rx->in == rx->in_end) return 0;
      part[rx->part_len++] = *rx->in++; /* at most 10 bytes this way */
    }
  }
  size_t want = rx->part_need - rx->part_len;
  size_t have = (size_t)(rx->in_end - rx->in);
  size_t take = want < have ? want : have;
  memcpy(part + rx->part_len, rx->in, take);
  rx->in += take;
  rx->part_len += take;
  if (rx->part_len < rx->part_need) return 0;
  int rc = head_at(rx, part, rx->part_len, &frame);
  rx->part_len = 0;
  rx->part_need = 0;
  return rc < 0 ? rc : take_frame(rx, &frame, part + frame.head, out);
}

int tg_ws_rx_next(tg_ws_rx_t *rx, tg_ws_msg_t *out) {
  if (TG_UNLIKELY(rx->reset)) {
    rx->msg_len = 0;
    rx->reset = false;
  }
  for (;;) {
    if (TG_UNLIKELY(rx->part_len)) {
      int rc = continue_part(rx, out);
      if (rc != 0 || rx->part_len) return rc;
      continue;
    }
    size_t len = (size_t)(rx->in_end - rx->in);
    if (len == 0) return 0;
    tg_ws_frame_t frame = {0}; /* gcc -O3 cannot see that tg_ws_head sets it whenever it returns > 0 */
    int rc = head_at(rx, rx->in, len, &frame);
    if (TG_UNLIKELY(rc < 0)) return rc;
    if (TG_UNLIKELY(rc == 0 || frame.len > len - frame.head)) { /* keep the rest for the next chunk */
      memcpy(rx->buf + rx->msg_len, rx->in, len);
      rx->part_len = len;
      rx->part_need = rc == 0 ? 0 : frame.head + (size_t)frame.len;
      rx->in = rx->in_end;
      return 0;
    }
    uint8_t *payload = rx->in + frame.head;
    rx->in = payload + frame.len;
    rc = take_frame(rx, &frame, payload, out);
    if (rc != 0) return rc;
  }
}

/* --- send --- */

size_t tg_ws_put_head(uint8_t *payload, size_t len, uint8_t op, uint32_t key) {
  size_t head = tg_ws_head_bytes(len);
  uint8_t *p = payload - head;
  p[0] = (uint8_t)(0x80u | op);
  if (head == 6) {
    p[1] = (uint8_t)(0x80u | len);
  } else if (head == 8) {
    p[1] = 0x80u | 126u;
    p[2] = (uint8_t)(len >> 8);
    p[3] = (uint8_t)len;
  } else {
    uint64_t be = __builtin_bswap64(len);
    p[1] = 0x80u | 127u;
    memcpy(p + 2, &be, 8);
  }
  memcpy(payload - 4, &key, 4);
  return head;
}

/* The key as seen `at` bytes into the payload. */
static inline uint32_t key_at(uint32_t key, size_t at) {
  unsigned turn = (unsigned)(at & 3) * 8;
  return (key >> turn) | (key << ((32 - turn) & 31));
}

static inline void mask64(uint8_t *p, uint64_t v, uint32_t key) {
  v ^= ((uint64_t)key << 32) | key;
  memcpy(p, &v, 8);
}

static void mask_short(uint8_t *data, size_t len, uint32_t key) {
  uint64_t tail;
  if (len < 8) {
    for (size_t i = 0; i < len; i++) data[i] ^= (uint8_t)(key >> (8 * (i & 3)));
    return;
  }
  memcpy(&tail, data + len - 8, 8);
  for (size_t at = 0; at + 8 <= len; at += 8) {
    uint64_t v;
    memcpy(&v, data + at, 8);
    mask64(data + at, v, key);
  }
  mask64(data + len - 8, tail, key_at(key, len - 8)); /* overlaps what is done, with the same result */
}

void tg_ws_mask(uint8_t *data, size_t len, uint32_t key) {
  if (len < LANE_BYTES) {
    mask_short(data, len, key);
    return;
  }
  uint8_t *last = data + len - LANE_BYTES;
  uint64_t k = ((uint64_t)key << 32) | key;
  uint32_t turned = key_at(key, len);
  uint64_t t = ((uint64_t)turned << 32) | turned;
  lane_t wide = {k, k, k, k}, tail_key = {t, t, t, t};
  lane_t tail = *(const lane_t *)last; /* before it is masked; stored last, overlapping what is done */
  for (uint8_t *p = data; p < last; p += LANE_BYTES) *(lane_t *)p ^= wide;
  *(lane_t *)last = tail ^ tail_key;
}

/* --- mask keys --- */

static inline uint64_t rotl(uint64_t v, int k) {
  return (v << k) | (v >> (64 - k));
}

void tg_ws_rng_seed(tg_ws_rng_t *rng, const uint8_t seed[32]) {
  memcpy(rng->s, seed, 32);
  for (uint64_t i = 0; i < 4; i++) { /* splitmix64 finaliser: a seed of few set bits starts as well as any, zero never sticks */
    uint64_t z = rng->s[i] + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    rng->s[i] = z ^ (z >> 31);
  }
}

uint32_t tg_ws_rng_next(tg_ws_rng_t *rng) {
  uint64_t *s = rng->s;
  uint64_t result = rotl(s[0] + s[3], 23) + s[0];
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return (uint32_t)(result >> 32);
}

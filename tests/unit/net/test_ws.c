/* WebSocket frames: RFC examples, every prefix, guard page, a slow reference. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "net/ws.h"

enum { CAP = 70000 };

static uint64_t rng = 88172645463325252u;
static uint32_t rnd(uint32_t n) {
  rng ^= rng << 13;
  rng ^= rng >> 7;
  rng ^= rng << 17;
  return (uint32_t)((rng >> 16) % n);
}

static tg_ws_rx_t new_rx(size_t message_max) {
  tg_ws_rx_t rx;
  uint8_t *buf = malloc(message_max + TG_WS_RX_SLACK);
  cr_assert_eq(tg_ws_rx_init(&rx, buf, message_max + TG_WS_RX_SLACK, message_max), 0);
  return rx;
}

/* Feeds a copy in pieces of `step`; writes "op:payload|" to log. Returns 0 or the error. */
static int run(tg_ws_rx_t *rx, const uint8_t *bytes, size_t len, size_t step, char *log, size_t cap) {
  size_t at = 0;
  log[0] = 0;
  while (at < len) {
    size_t n = len - at < step ? len - at : step;
    uint8_t *chunk = malloc(n);
    memcpy(chunk, bytes + at, n);
    at += n;
    tg_ws_msg_t msg;
    tg_ws_rx_feed(rx, chunk, n);
    int rc;
    while ((rc = tg_ws_rx_next(rx, &msg)) > 0) {
      size_t used = strlen(log);
      snprintf(log + used, cap - used, "%u:%.*s|", (unsigned)msg.op, (int)msg.len, (const char *)msg.data);
    }
    free(chunk);
    if (rc < 0) return rc;
  }
  return 0;
}

static int one(const char *bytes, size_t len, char *log) {
  tg_ws_rx_t rx = new_rx(CAP);
  int rc = run(&rx, (const uint8_t *)bytes, len, len, log, 4096);
  free(rx.buf);
  return rc;
}
#define ONE(bytes, log) one((bytes), sizeof(bytes) - 1, (log))

/* RFC 6455 5.7 */
Test(ws, rfc_examples) {
  char log[4096];
  cr_assert_eq(ONE("\x81\x05Hello", log), 0);
  cr_assert_str_eq(log, "1:Hello|");
  cr_assert_eq(ONE("\x01\x03Hel\x80\x02lo", log), 0);
  cr_assert_str_eq(log, "1:Hello|");
  cr_assert_eq(ONE("\x89\x05Hello", log), 0);
  cr_assert_str_eq(log, "9:Hello|");
  cr_assert_eq(ONE("\x01\x03Hel\x89\x04ping\x80\x02lo", log), 0);
  cr_assert_str_eq(log, "9:ping|1:Hello|");
  uint8_t masked[5] = {'H', 'e', 'l', 'l', 'o'};
  uint32_t key;
  memcpy(&key, "\x37\xfa\x21\x3d", 4);
  tg_ws_mask(masked, 5, key);
  cr_assert_arr_eq(masked, "\x7f\x9f\x4d\x51\x58", 5);
}

Test(ws, big_lengths) {
  for (size_t len = 256; len <= 65536; len += 65280) {
    uint8_t *frame = malloc(len + 10);
    size_t head = len < 65536 ? 4 : 10;
    memset(frame, 'x', len + 10);
    memcpy(frame, len < 65536 ? "\x82\x7e\x01\x00" : "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", head);
    tg_ws_rx_t rx = new_rx(CAP);
    tg_ws_msg_t msg;
    tg_ws_rx_feed(&rx, frame, len + head);
    cr_assert_eq(tg_ws_rx_next(&rx, &msg), 1);
    cr_assert_eq(msg.len, len);
    cr_assert_eq(msg.data, frame + head, "in place");
    cr_assert_eq(tg_ws_rx_next(&rx, &msg), 0);
    cr_assert(tg_ws_rx_idle(&rx));
    free(rx.buf);
    free(frame);
  }
}

Test(ws, refused) {
  char log[4096];
  cr_assert_eq(ONE("\xc1\x01x", log), -TG_EPROTO, "RSV1: compression was not asked for");
  cr_assert_eq(ONE("\xa1\x01x", log), -TG_EPROTO);
  cr_assert_eq(ONE("\x91\x01x", log), -TG_EPROTO);
  cr_assert_eq(ONE("\x83\x01x", log), -TG_EPROTO, "reserved opcode");
  cr_assert_eq(ONE("\x8b\x01x", log), -TG_EPROTO);
  cr_assert_eq(ONE("\x81\x81\x00\x00\x00\x00x", log), -TG_EPROTO, "a server must not mask");
  cr_assert_eq(ONE("\x09\x01x", log), -TG_EPROTO, "fragmented control frame");
  cr_assert_eq(ONE("\x89\x7e\x00\x7e", log), -TG_EPROTO, "control frame over 125");
  cr_assert_eq(ONE("\x81\x7e\x00\x7d", log), -TG_EPROTO, "length not minimal");
  cr_assert_eq(ONE("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", log), -TG_EPROTO, "length not minimal");
  cr_assert_eq(ONE("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", log), -TG_EPROTO, "length with its top bit");
  cr_assert_eq(ONE("\x80\x01x", log), -TG_EPROTO, "continuation of nothing");
  cr_assert_eq(ONE("\x01\x01x\x81\x01y", log), -TG_EPROTO, "a message inside a message");
  cr_assert_eq(ONE("\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", log), -TG_ESIZE, "cap before any byte of payload");
  cr_assert_eq(ONE("\x81\x02\xc0\x80", log), -TG_ESYNTAX, "overlong UTF-8");
  cr_assert_eq(ONE("\x82\x02\xc0\x80", log), 0, "binary may be anything");
  cr_assert_eq(ONE("\x01\x01\xc3\x80\x01\xa4", log), 0, "a sequence split over fragments is whole");
  cr_assert_eq(ONE("\x01\x01\xc3\x80\x01\x41", log), -TG_ESYNTAX);
}

Test(ws, cap_counts_all_fragments) {
  tg_ws_rx_t rx = new_rx(100);
  char log[4096];
  uint8_t bytes[300] = {0x02, 60};
  memset(bytes + 2, 'a', 60);
  bytes[62] = 0x80;
  bytes[63] = 41;
  cr_assert_eq(run(&rx, bytes, 64, 64, log, sizeof log), -TG_ESIZE);
  free(rx.buf);
  rx = new_rx(100);
  bytes[63] = 40;
  memset(bytes + 64, 'b', 40);
  cr_assert_eq(run(&rx, bytes, 104, 104, log, sizeof log), 0);
  cr_assert_eq(strlen(log), 103);
  /* a control frame of the largest size between fragments, byte by byte, with the buffer full to its cap */
  free(rx.buf);
  rx = new_rx(100);
  uint8_t tight[2 + 100 + 2 + 125 + 2] = {0x02, 100};
  memset(tight + 2, 'a', 100);
  tight[102] = 0x89;
  tight[103] = 125;
  memset(tight + 104, 'p', 125);
  tight[229] = 0x80;
  tight[230] = 0;
  int rc = run(&rx, tight, sizeof tight, 1, log, sizeof log);
  cr_assert_eq(rc, 0, "%s", tg_err_name(rc));
  cr_assert_eq(strlen(log), 2 + 125 + 1 + 2 + 100 + 1);
  free(rx.buf);
}

Test(ws, close_codes) {
  char log[4096];
  cr_assert_eq(ONE("\x88\x00", log), 0);
  cr_assert_eq(ONE("\x88\x01\x03", log), -TG_EPROTO);
  cr_assert_eq(ONE("\x88\x02\x03\xe8", log), 0);
  cr_assert_eq(ONE("\x88\x04\x03\xe8ok", log), 0);
  cr_assert_eq(ONE("\x88\x04\x03\xe8\xff\xff", log), -TG_ESYNTAX);
  for (uint32_t code = 0; code < 65536; code++) {
    bool good =
        (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
    cr_assert_eq(tg_ws_close_code_ok((uint16_t)code), good, "%u", code);
  }
}

Test(ws, every_prefix_needs_more) {
  static const char bytes[] =
      "\x01\x03Hel\x89\x04ping\x80\x7e\x00\x80"
      "0123456789012345678901234567890123456789012345678901234567890123"
      "0123456789012345678901234567890123456789012345678901234567890123";
  char whole[4096], log[4096];
  size_t len = sizeof bytes - 1;
  cr_assert_eq(one(bytes, len, whole), 0);
  for (size_t n = 0; n < len; n++) {
    cr_assert_eq(one(bytes, n, log), 0);
    cr_assert(strncmp(whole, log, strlen(log)) == 0 && strlen(log) < strlen(whole));
  }
  for (size_t step = 1; step < len; step++) {
    tg_ws_rx_t rx = new_rx(CAP);
    cr_assert_eq(run(&rx, (const uint8_t *)bytes, len, step, log, sizeof log), 0);
    cr_assert_str_eq(log, whole);
    free(rx.buf);
  }
}

/* Input flush against an unreadable page: nothing may look behind it. */
Test(ws, guard_page) {
  uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_eq(mprotect(pages + 4096, 4096, PROT_NONE), 0);
  for (size_t len = 0; len <= 300; len++) {
    uint8_t *p = pages + 4096 - len;
    for (size_t i = 0; i < len; i++) p[i] = (uint8_t)('a' + i % 26);
    cr_assert(tg_utf8_ok(p, len));
    if (len > 1) {
      p[len - 1] = 0xc3; /* a cut sequence at the edge */
      cr_assert_not(tg_utf8_ok(p, len));
      p[len - 1] = 'z';
    }
    tg_ws_mask(p, len, 0x12345678);
    tg_ws_mask(p, len, 0x12345678);
    tg_ws_frame_t frame;
    for (size_t i = 0; i < len && i < 12; i++) {
      p[0] = 0x81;
      if (len > 1) p[1] = (uint8_t)(i % 3 == 0 ? 126 : i % 3 == 1 ? 127 : 5);
      (void)!tg_ws_head(p, len, 1 << 20, &frame);
    }
  }
  munmap(pages, 8192);
}

/* The obvious decoder: byte by byte over the whole stream. Writes the same log; returns 0 or -1. */
static int reference(const uint8_t *b, size_t len, size_t cap_msg, char *log, size_t cap) {
  uint8_t *msg = malloc(cap_msg + 1);
  size_t msg_len = 0, at = 0;
  int frag = 0, rc = 0;
  log[0] = 0;
  while (rc == 0 && at < len) {
    size_t p = at;
    if (len - p < 2) break;
    int fin = b[p] >> 7, rsv = b[p] & 0x70, op = b[p] & 15, mask = b[p + 1] >> 7;
    uint64_t n = b[p + 1] & 127;
    p += 2;
    if (rsv || mask || (op > 2 && op < 8) || op > 10) {
      rc = -1;
      break;
    }
    int ext = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (len - p < (size_t)ext) break;
    if (ext) {
      n = 0;
      for (int i = 0; i < ext; i++) n = (n << 8) | b[p++];
      if ((ext == 2 && n < 126) || (ext == 8 && (n < 65536 || (n >> 63)))) rc = -1;
    }
    bool control = op >= 8;
    if (control && (!fin || n > 125)) rc = -1;
    if (n > cap_msg || (!control && n > cap_msg - msg_len)) rc = -1;
    if (rc || len - p < n) break;
    size_t used = strlen(log);
    if (control) {
      if (op == 8 &&
          (n == 1 || (n > 1 && (!tg_ws_close_code_ok((uint16_t)(b[p] << 8 | b[p + 1])) || !tg_utf8_ok(b + p + 2, n - 2)))))
        rc = -1;
      if (!rc) snprintf(log + used, cap - used, "%d:%.*s|", op, (int)n, (const char *)b + p);
    } else if ((op == 0) != (frag != 0)) {
      rc = -1;
    } else {
      memcpy(msg + msg_len, b + p, n);
      msg_len += n;
      if (op) frag = op;
      if (fin) {
        if (frag == 1 && !tg_utf8_ok(msg, msg_len)) rc = -1;
        if (!rc) snprintf(log + used, cap - used, "%d:%.*s|", frag, (int)msg_len, (const char *)msg);
        frag = 0;
        msg_len = 0;
      }
    }
    at = p + n;
  }
  free(msg);
  return rc;
}

static size_t random_stream(uint8_t *out, size_t cap) {
  size_t len = 0;
  int frag = 0;
  for (uint32_t frames = 1 + rnd(12); frames; frames--) {
    uint32_t kind = rnd(10);
    size_t n = rnd(4) ? rnd(40) : rnd(400);
    int fin = 1, op;
    if (kind == 0) {
      op = 9;
      n %= 126;
    } else {
      fin = rnd(3) != 0;
      op = frag ? 0 : 1 + (int)rnd(2);
      frag = !fin;
    }
    if (rnd(60) == 0) op = (int)rnd(16); /* sometimes wrong */
    if (len + n + 10 > cap) break;
    out[len++] = (uint8_t)(fin << 7 | op);
    if (n < 126) {
      out[len++] = (uint8_t)n;
    } else {
      out[len++] = 126;
      out[len++] = (uint8_t)(n >> 8);
      out[len++] = (uint8_t)n;
    }
    for (size_t i = 0; i < n; i++) out[len++] = (uint8_t)(rnd(400) ? 'a' + rnd(26) : 128 + rnd(128));
  }
  if (len && rnd(20) == 0) out[rnd((uint32_t)len)] ^= (uint8_t)(1u << rnd(8));
  return len;
}

Test(ws, agrees_with_slow_reference) {
  static uint8_t bytes[8192];
  static char want[16384], got[16384];
  for (int round = 0; round < 20000; round++) {
    size_t len = random_stream(bytes, sizeof bytes);
    int ref = reference(bytes, len, 1000, want, sizeof want);
    tg_ws_rx_t rx = new_rx(1000);
    size_t step = rnd(3) == 0 ? len + 1 : 1 + rnd(60);
    int rc = run(&rx, bytes, len, step, got, sizeof got);
    cr_assert_eq(rc < 0, ref < 0, "round %d: %d, reference %d", round, rc, ref);
    cr_assert_str_eq(got, want, "round %d", round);
    free(rx.buf);
  }
}

Test(ws, utf8_against_definition) {
  uint8_t b[8];
  for (uint32_t cp = 0; cp < 0x120000; cp += cp < 0x900 ? 1 : 37) {
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    if (n == 1) b[0] = (uint8_t)cp;
    if (n == 2) b[0] = (uint8_t)(0xc0 | cp >> 6);
    if (n == 3) b[0] = (uint8_t)(0xe0 | cp >> 12);
    if (n == 4) b[0] = (uint8_t)(0xf0 | cp >> 18);
    for (size_t i = 1; i < n; i++) b[i] = (uint8_t)(0x80 | ((cp >> (6 * (n - 1 - i))) & 63));
    bool legal = cp < 0x110000 && !(cp >= 0xd800 && cp < 0xe000);
    cr_assert_eq(tg_utf8_ok(b, n), legal, "U+%X", cp);
    if (n > 1) cr_assert_not(tg_utf8_ok(b, n - 1));
  }
  cr_assert_not(tg_utf8_ok((const uint8_t *)"\xc1\xbf", 2));
  cr_assert_not(tg_utf8_ok((const uint8_t *)"\xe0\x9f\xbf", 3));
  cr_assert_not(tg_utf8_ok((const uint8_t *)"\xf0\x8f\xbf\xbf", 4));
  cr_assert_not(tg_utf8_ok((const uint8_t *)"\xf5\x80\x80\x80", 4));
  cr_assert_not(tg_utf8_ok((const uint8_t *)"\x80", 1));
}

Test(ws, client_frames_by_size) {
  static uint8_t buf[TG_WS_HEAD_MAX + 70000];
  const size_t sizes[] = {0, 1, 7, 8, 31, 32, 33, 125, 126, 127, 300, 65535, 65536, 70000};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t len = sizes[s];
    uint8_t *payload = buf + TG_WS_HEAD_MAX;
    for (size_t i = 0; i < len; i++) payload[i] = (uint8_t)(i * 7);
    uint32_t key = 0xdeadbeef ^ (uint32_t)len;
    uint8_t key_bytes[4];
    memcpy(key_bytes, &key, 4);
    size_t head = tg_ws_put_head(payload, len, TG_WS_TEXT, key);
    cr_assert_eq(head, tg_ws_head_bytes(len));
    tg_ws_mask(payload, len, key);
    uint8_t *p = payload - head;
    cr_assert_eq(p[0], 0x81);
    uint64_t n = p[1] & 127;
    cr_assert(p[1] & 128);
    if (head == 8) n = (uint64_t)p[2] << 8 | p[3];
    if (head == 14) {
      n = 0;
      for (int i = 0; i < 8; i++) n = n << 8 | p[2 + i];
    }
    cr_assert_eq(n, len);
    cr_assert_arr_eq(payload - 4, key_bytes, 4);
    for (size_t i = 0; i < len; i++) cr_assert_eq((uint8_t)(payload[i] ^ key_bytes[i & 3]), (uint8_t)(i * 7));
  }
}

Test(ws, mask_keys_differ) {
  tg_ws_rng_t a, b;
  uint8_t seed[32] = {1}, zero[32] = {0};
  tg_ws_rng_seed(&a, seed);
  tg_ws_rng_seed(&b, zero);
  uint32_t last = tg_ws_rng_next(&a), same = 0;
  for (int i = 0; i < 1000; i++) {
    uint32_t next = tg_ws_rng_next(&a);
    same += next == last;
    last = next;
  }
  cr_assert_leq(same, 1);
  uint32_t any = 0;
  for (int i = 0; i < 16; i++) any |= tg_ws_rng_next(&b);
  cr_assert_neq(any, 0, "a zero seed must not stick");
}

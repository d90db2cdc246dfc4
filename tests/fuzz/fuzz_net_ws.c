/* fuzz_net_ws.c - any bytes as a server's WebSocket stream: whole and in pieces they give the same messages and the same end.
 * What:    first byte: size of the pieces; the rest is the stream.
 * Errors:  abort() on a difference or an inconsistency. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/ws.h"

enum { MESSAGE_MAX = 4096 };

typedef struct outcome {
  uint64_t hash, messages;
  int rc;
} outcome_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(outcome_t *out, const tg_ws_msg_t *msg) {
  if (msg->len > MESSAGE_MAX || ((msg->op & 8) && msg->len > TG_WS_CONTROL_MAX)) abort();
  if (msg->op == TG_WS_TEXT && !tg_utf8_ok(msg->data, msg->len)) abort();
  out->messages++;
  out->hash = (out->hash ^ msg->op ^ msg->close_code) * UINT64_C(1099511628211);
  for (size_t i = 0; i < msg->len; i++) out->hash = (out->hash ^ msg->data[i]) * UINT64_C(1099511628211);
}

static outcome_t run(const uint8_t *data, size_t size, size_t step) {
  static uint8_t assembly[MESSAGE_MAX + TG_WS_RX_SLACK];
  tg_ws_rx_t rx;
  outcome_t out = {0, 0, 0};
  if (tg_ws_rx_init(&rx, assembly, sizeof assembly, MESSAGE_MAX)) abort();
  for (size_t at = 0; at < size && out.rc >= 0;) {
    size_t n = size - at < step ? size - at : step;
    uint8_t *chunk = malloc(n); /* its own block: a read behind it is seen */
    if (!chunk) abort();
    memcpy(chunk, data + at, n);
    tg_ws_msg_t msg;
    tg_ws_rx_feed(&rx, chunk, n);
    while ((out.rc = tg_ws_rx_next(&rx, &msg)) > 0) take(&out, &msg);
    free(chunk);
    at += n;
  }
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  outcome_t whole = run(data + 1, size - 1, size);
  outcome_t pieces = run(data + 1, size - 1, 1u + data[0] % 64);
  if (whole.rc != pieces.rc || whole.hash != pieces.hash || whole.messages != pieces.messages) abort();
  return 0;
}

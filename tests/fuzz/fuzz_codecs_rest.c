/* fuzz_codecs_rest.c - REST bodies: the first byte chooses the decoder; errors leave batch and heads as they were. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_symtab_t tab;
static tg_msg_t msgs[128];

static int small_bodies(const char *text, size_t len) {
  int64_t a = 0, b = 0;
  int32_t code = 0;
  bool flag = false;
  tg_json_slice_t slice = {"", 0};
  tg_rate_t rate;
  memset(&rate, 0, sizeof rate);
  int n = tg_bn_rest_error(text, len, &code, &slice);
  if (n == 1 && code >= 0) abort();
  n = tg_bn_rest_time(text, len, &a);
  n |= tg_bn_rest_listen_key(text, len, &slice);
  if (slice.len && (slice.p < text || slice.p + slice.len > text + len)) abort();
  n |= tg_bn_rest_dual(text, len, &flag);
  n |= tg_bn_rest_commission(text, len, &a, &b);
  (void)tg_bn_rest_header(text, len / 2, text + len / 2, len - len / 2, 1, &rate);
  (void)tg_bn_503_code(text, len);
  return n < 0 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (tab.cnt == 0) {
    const tg_scale_t px = {.dec = 1, .unit = 1}, qty = {.dec = 3, .unit = 1};
    if (tg_symtab_add(&tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty)) abort();
  }
  if (size == 0) return 0;
  const char *text = (const char *)data + 1;
  size_t len = size - 1;
  tg_msg_batch_t batch = {.msg = msgs, .cnt = 1, .cap = 128};
  tg_bn_acc_t acc = {.tab = &tab};
  tg_bn_want_t want[1] = {{.symbol = "BTCUSDT"}};
  const tg_bn_inflight_row_t row = {.client_id = 1, .request_no = 1, .request = TG_REQUEST_QUERY};
  tg_rate_t rate;
  uint64_t last = 0;
  int n = 0;
  switch (data[0]) {
    case 'e':
      n = tg_bn_rest_exchange_info(text, len, 1, TG_PRODUCT_USDM, want, 1, &batch, &rate);
      break;
    case 'p':
      n = tg_bn_rest_positions(&acc, text, len, 1, &batch);
      break;
    case 'o':
      n = tg_bn_rest_open_orders(&acc, text, len, 1, &batch);
      break;
    case 'b':
      n = tg_bn_rest_balances(&acc, text, len, 1, &batch);
      break;
    case 't':
      n = tg_bn_rest_user_trades(&tab, text, len, 1, NULL, NULL, &batch, &last);
      break;
    case 'a':
      n = tg_bn_rest_answer(&tab, &row, TG_WIRE_ANSWER, 200, text, len, 1, &batch);
      if (n < 1) abort();
      break;
    default:
      return small_bodies(text, len) & 0;
  }
  if (n < 0 ? batch.cnt != 1 : batch.cnt != 1 + (uint32_t)n) abort();
  if (n < 0 && (acc.head.position_cnt | acc.head.order_cnt | acc.head.balance_cnt)) abort();
  return 0;
}

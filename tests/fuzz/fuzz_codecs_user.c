/* fuzz_codecs_user.c - user events: errors leave the batch as it was; what is given is well formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_symtab_t tab;
static tg_msg_t msgs[256], again[256];
static tg_bn_user_t warm; /* has learned the usual orders of members */

static void start(void) {
  static const char *const seen[] = {
      "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1785000000518,\"T\":1785000000512,\"o\":{\"s\":\"BTCUSDT\",\"c\":\"tgs-"
      "3000001010000042\",\"S\":\"BUY\",\"o\":"
      "\"LIMIT\",\"f\":\"GTX\",\"q\":\"0.010\",\"p\":\"61240.00\",\"ap\":\"61240.00\",\"sp\":\"0\",\"x\":\"TRADE\",\"X\":"
      "\"PARTIALLY_FILLED\",\"i\":"
      "90110000123,\"l\":\"0.004\",\"z\":\"0.004\",\"L\":\"61240.00\",\"n\":\"0.04899200\",\"N\":\"USDT\",\"T\":1785000000512,"
      "\"t\":5400112233,\"b\":"
      "\"367.44\",\"a\":\"0\",\"m\":true,\"R\":false,\"wt\":\"CONTRACT_PRICE\",\"ot\":\"LIMIT\",\"ps\":\"BOTH\",\"cp\":false,"
      "\"rp\":\"-1.5\",\"pP\":false,"
      "\"si\":0,\"ss\":0,\"V\":\"EXPIRE_MAKER\",\"pm\":\"NONE\",\"gtd\":0,\"er\":\"0\"}}",
      "{\"e\":\"TRADE_LITE\",\"E\":1785000000516,\"T\":1785000000512,\"s\":\"BTCUSDT\",\"q\":\"0.010\",\"p\":\"61240.00\","
      "\"m\":true,\"c\":"
      "\"eng-7f3a-000042\",\"S\":\"SELL\",\"L\":\"61240.00\",\"l\":\"0.004\",\"t\":5400112233,\"i\":90110000123}"};
  const tg_scale_t px = {.dec = 1, .unit = 1}, qty = {.dec = 3, .unit = 1};
  if (tg_symtab_add(&tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty)) abort();
  memcpy(tab.sym[0].margin_asset, "USDT", 4);
  tg_bn_user_init(&warm, &tab);
  for (size_t i = 0; i < 2; i++) {
    tg_msg_batch_t batch = {.msg = msgs, .cnt = 0, .cap = 256};
    if (tg_bn_user_decode(&warm, seen[i], strlen(seen[i]), 1, &batch) <= 0) abort();
  }
}

/* What was learned before changes nothing. */
static void check_warm(const uint8_t *data, size_t size, int n) {
  tg_bn_user_t ctx = warm;
  tg_msg_batch_t batch = {.msg = again, .cnt = 0, .cap = 255};
  int m = tg_bn_user_decode(&ctx, (const char *)data, size, UINT64_C(1785000000000000000), &batch);
  if (m != n || (n > 0 && memcmp(again, msgs + 1, sizeof(tg_msg_t) * (size_t)n) != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (tab.cnt == 0) start();
  tg_bn_user_t ctx;
  tg_bn_user_init(&ctx, &tab);
  tg_msg_batch_t batch = {.msg = msgs, .cnt = 1, .cap = 256};
  int n = tg_bn_user_decode(&ctx, (const char *)data, size, UINT64_C(1785000000000000000), &batch);
  if (n < 0 ? batch.cnt != 1 : batch.cnt != 1 + (uint32_t)n) abort();
  check_warm(data, size, n);
  for (uint32_t i = 1; i < batch.cnt; i++) {
    const tg_msg_t *msg = &msgs[i];
    if (msg->kind < TG_EX_ORDER || msg->kind > TG_EX_CONFIG) abort();
    if (msg->instr_idx != 0 && msg->instr_idx != TG_INSTR_NONE) abort();
    if (msg->kind == TG_EX_ORDER && (msg->u.ex_order.status > TG_STATUS_OTHER || msg->u.ex_order.exec > TG_EXEC_OTHER)) abort();
    if (msg->kind == TG_EX_FILL && msg->u.ex_fill.qty_lots == 0 && !(msg->flags & TG_F_LITE)) abort();
  }
  return 0;
}

/* fuzz_codecs_user.c - user events: errors leave the batch as it was; what is given is well formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_symtab_t tab;
static tg_msg_t msgs[256];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (tab.cnt == 0) {
    const tg_scale_t px = {.dec = 1, .unit = 1}, qty = {.dec = 3, .unit = 1};
    if (tg_symtab_add(&tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty)) abort();
    memcpy(tab.sym[0].margin_asset, "USDT", 4);
  }
  tg_bn_user_t ctx;
  tg_bn_user_init(&ctx, &tab);
  tg_msg_batch_t batch = {.msg = msgs, .cnt = 1, .cap = 256};
  int n = tg_bn_user_decode(&ctx, (const char *)data, size, UINT64_C(1785000000000000000), &batch);
  if (n < 0 ? batch.cnt != 1 : batch.cnt != 1 + (uint32_t)n) abort();
  for (uint32_t i = 1; i < batch.cnt; i++) {
    const tg_msg_t *msg = &msgs[i];
    if (msg->kind < TG_EX_ORDER || msg->kind > TG_EX_CONFIG) abort();
    if (msg->instr_idx != 0 && msg->instr_idx != TG_INSTR_NONE) abort();
    if (msg->kind == TG_EX_ORDER && (msg->u.ex_order.status > TG_STATUS_OTHER || msg->u.ex_order.exec > TG_EXEC_OTHER)) abort();
    if (msg->kind == TG_EX_FILL && msg->u.ex_fill.qty_lots == 0 && !(msg->flags & TG_F_LITE)) abort();
  }
  return 0;
}

/* fuzz_codecs_md.c - market data: errors leave the batch as it was, events are whole, both paths agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_md.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_symtab_t tab;
static tg_msg_t got[512], again[512];

static void add(const char *name, uint8_t px_dec, uint8_t qty_dec) {
  const tg_scale_t px = {.dec = px_dec, .unit = 1}, qty = {.dec = qty_dec, .unit = 1};
  if (tg_symtab_add(&tab, name, strlen(name), (uint16_t)tab.cnt, TG_PRODUCT_USDM, px, qty)) abort();
}

static void check_events(const tg_msg_batch_t *batch) {
  uint32_t levels = 0, seen = 0;
  for (uint32_t i = 0; i < batch->cnt; i++) {
    const tg_msg_t *msg = &batch->msg[i];
    if (msg->kind == TG_MD_DEPTH) {
      if (seen != levels) abort();
      levels = (msg->u.md_depth.bid_cnt + 2) / 3 + (msg->u.md_depth.ask_cnt + 2) / 3;
      seen = 0;
      if (!levels != !!(msg->flags & TG_F_LAST)) abort();
    } else if (msg->kind == TG_MD_LEVELS) {
      seen++;
      if (!(seen == levels) != !(msg->flags & TG_F_LAST)) abort();
    }
  }
  if (seen != levels) abort();
}

static tg_bn_md_t warm; /* has learned how usual numbers look */

static void start(void) {
  static const char *const seen[] = {
      "{\"e\":\"depthUpdate\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"pu\":0,\"b\":[[\"61240.00\",\"3.900\"],["
      "\"61238.50\",\"12.000\"],"
      "[\"1000.00\",\"569.567\"]],\"a\":[[\"61240.10\",\"2.104\"],[\"61240.20\",\"2.10\"],[\"61240\",\"2\"],[\"61240.10\",\"2."
      "104\"],[\"61240.10\",\"2.104\"]]}",
      "{\"e\":\"bookTicker\",\"u\":1,\"s\":\"BTCUSDT\",\"b\":\"63943.90\",\"B\":\"46.371\",\"a\":\"63944.00\",\"A\":\"0.095\","
      "\"T\":1,\"E\":1}"};
  add("BTCUSDT", 1, 3);
  add("BTCUSD_PERP", 1, 0);
  add("ETHUSDT", 2, 8);
  tg_bn_md_init(&warm, &tab);
  warm.snapshot_instr_idx = 0;
  for (size_t i = 0; i < 2; i++) {
    tg_msg_batch_t batch = {.msg = got, .cnt = 0, .cap = 512};
    if (tg_bn_md_decode(&warm, seen[i], strlen(seen[i]), 1, &batch) <= 0) abort();
  }
}

/* What was learned before changes nothing. */
static void check_warm(const uint8_t *data, size_t size, int n, const tg_msg_t *want) {
  tg_bn_md_t md = warm;
  tg_msg_batch_t batch = {.msg = again, .cnt = 0, .cap = 510};
  int m = tg_bn_md_decode(&md, (const char *)data, size, 1, &batch);
  if (m != n || (n > 0 && memcmp(again, want, sizeof(tg_msg_t) * (size_t)n) != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (tab.cnt == 0) start();
  tg_bn_md_t md;
  tg_bn_md_init(&md, &tab);
  md.snapshot_instr_idx = 0;
  tg_msg_batch_t batch = {.msg = got, .cnt = 2, .cap = 512};
  int n = tg_bn_md_decode(&md, (const char *)data, size, 1, &batch);
  if (n < 0 ? batch.cnt != 2 : batch.cnt != 2 + (uint32_t)n) abort();
  if (md.cnt.frames != 1 || (n < 0) != (md.cnt.err_syntax + md.cnt.err_scale + md.cnt.err_full == 1)) abort();
  const tg_msg_batch_t given = {.msg = got + 2, .cnt = batch.cnt - 2, .cap = 0};
  if (n > 0) check_events(&given);
  check_warm(data, size, n, given.msg);
  /* a leading blank is legal JSON and takes the path by key: the same messages */
  char *copy = malloc(size + 1);
  if (!copy) return 0;
  copy[0] = ' ';
  if (size) memcpy(copy + 1, data, size);
  uint64_t generic = md.cnt.generic;
  tg_msg_batch_t other = {.msg = again, .cnt = 0, .cap = 510};
  int m = tg_bn_md_decode(&md, copy, size + 1, 1, &other);
  /* the straight path may stop at an unknown symbol, before an error further on */
  bool stopped = generic == 0 && n == 0;
  if (!stopped && (m != n || (n > 0 && memcmp(again, got + 2, sizeof(tg_msg_t) * (size_t)n) != 0))) abort();
  free(copy);
  return 0;
}

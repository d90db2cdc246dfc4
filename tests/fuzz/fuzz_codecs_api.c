/* fuzz_codecs_api.c - ws-api answers: errors leave batch and in-flight table as they were; requests are valid JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tg_symtab_t tab;
static tg_bn_api_t api;
static tg_msg_t msgs[16];

static void start(void) {
  const tg_scale_t px = {.dec = 1, .unit = 1}, qty = {.dec = 3, .unit = 1};
  tg_hmac_key_t key;
  tg_hmac_key_init(&key, "secret", 6);
  if (tg_symtab_add(&tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty)) abort();
  if (tg_bn_api_init(&api, &tab, "key", 3, &key, true, 5000)) abort();
}

/* A request made of the input's own bytes. */
static void encode(const uint8_t *data, size_t size) {
  tg_msg_t msg;
  char text[TG_BN_API_TEXT_MAX];
  if (size < sizeof msg) return;
  memcpy(&msg, data, sizeof msg);
  msg.kind = (uint8_t)(TG_OUT_PLACE + msg.kind % 4);
  msg.instr_idx = 0;
  int n = tg_bn_api_encode(&api, &msg, UINT64_C(1785000000000), text, sizeof text);
  if (n > (int)sizeof text || n == 0) abort();
  if (n > 0 && tg_json_validate(text, (size_t)n)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (tab.cnt == 0) start();
  tg_bn_inflight_init(&api.inflight);
  const tg_bn_inflight_row_t row = {.client_id = 1, .request_no = 42, .request = TG_REQUEST_PLACE};
  if (tg_bn_inflight_add(&api.inflight, &row)) abort();
  tg_msg_batch_t batch = {.msg = msgs, .cnt = 1, .cap = 16};
  tg_bn_api_info_t info;
  int n = tg_bn_api_decode(&api, (const char *)data, size, 1, &batch, &info);
  if (n < 0 ? batch.cnt != 1 : batch.cnt != 1 + (uint32_t)n) abort();
  if (api.inflight.cnt != (n >= 0 && info.matched ? 0u : 1u)) abort();
  for (uint32_t i = 1; i < batch.cnt; i++) {
    if (msgs[i].kind != TG_EX_ANSWER && msgs[i].kind != TG_RATE) abort();
    if (msgs[i].kind == TG_EX_ANSWER && msgs[i].u.ex_answer.outcome == TG_OUTCOME_NONE) abort();
  }
  encode(data, size);
  return 0;
}

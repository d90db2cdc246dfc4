/* What signs may be moved into memory of its own: the same signatures, nothing left behind. */
#include <criterion/criterion.h>
#include <string.h>

#include "codecs/bn_api.h"

static tg_symtab_t tab;
static tg_bn_api_t api[2];
static tg_bn_api_secret_t elsewhere;

Test(api_keep, signs_alike_from_elsewhere_and_leaves_nothing) {
  static const char api_key[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr";
  const tg_scale_t px = {.dec = 1, .unit = 1}, qty = {.dec = 3, .unit = 1};
  tg_hmac_key_t key;
  tg_hmac_key_init(&key, "secret", 6);
  tg_symtab_init(&tab);
  cr_assert_eq(tg_symtab_add(&tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, px, qty), 0);
  for (int i = 0; i < 2; i++) cr_assert_eq(tg_bn_api_init(&api[i], &tab, api_key, sizeof api_key - 1, &key, true, 3000), 0);
  tg_bn_api_keep(&api[1], &elsewhere);
  static const tg_bn_api_secret_t zero;
  cr_assert_eq(memcmp(&api[1].own, &zero, sizeof zero), 0, "wiped where it was");
  cr_assert_neq(memcmp(&api[0].own, &zero, sizeof zero), 0);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_CANCEL, 0, 1);
  msg.u.out_cancel.client_id = 0x3000010100000001;
  msg.u.out_cancel.request_no = 7;
  char text[2][TG_BN_API_TEXT_MAX];
  int len[2];
  for (int i = 0; i < 2; i++) len[i] = tg_bn_api_encode(&api[i], &msg, 1700000000000u, text[i], sizeof text[i]);
  cr_assert_gt(len[0], 100);
  cr_assert_eq(len[0], len[1]);
  cr_assert_eq(memcmp(text[0], text[1], (size_t)len[0]), 0);
  cr_assert_not_null(memmem(text[1], (size_t)len[1], "\"signature\":\"", 13));
}

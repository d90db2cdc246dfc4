#include <jansson.h>
#include <openssl/curve25519.h>

#include "support.h"

static void hmac_text(const char *secret, const char *msg, char out[TG_HMAC_HEX_BYTES + 1]) {
  tg_hmac_key_t key;
  tg_hmac_key_init(&key, secret, strlen(secret));
  tg_hmac_hex(&key, msg, strlen(msg), out);
  out[TG_HMAC_HEX_BYTES] = 0;
}

/* RFC 4231, test cases 1 to 7 (5 is about truncation). */
Test(sign, rfc4231) {
  uint8_t key[131];
  char out[TG_HMAC_HEX_BYTES + 1] = {0};
  tg_hmac_key_t k;
  memset(key, 0x0b, 20);
  tg_hmac_key_init(&k, key, 20);
  tg_hmac_hex(&k, "Hi There", 8, out);
  cr_assert_str_eq(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  hmac_text("Jefe", "what do ya want for nothing?", out);
  cr_assert_str_eq(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  uint8_t data[50];
  memset(data, 0xdd, sizeof data);
  tg_hmac_key_init(&k, key, 20);
  tg_hmac_hex(&k, data, sizeof data, out);
  cr_assert_str_eq(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  tg_hmac_key_init(&k, key, sizeof key);
  static const char text6[] = "Test Using Larger Than Block-Size Key - Hash Key First";
  tg_hmac_hex(&k, text6, sizeof text6 - 1, out);
  cr_assert_str_eq(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  static const char text7[] =
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before "
      "being "
      "used by the HMAC algorithm.";
  tg_hmac_hex(&k, text7, sizeof text7 - 1, out);
  cr_assert_str_eq(out, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* The official vector and the venue page's own (section 2.2). */
Test(sign, venue_page_vectors) {
  static const struct {
    const char *secret, *payload, *sig;
  } rows[] = {
      {"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
       "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943",
       "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"},
      {"test-secret-not-real-0123456789abcdef",
       "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTX&quantity=0.012&price=61250.40&newClientOrderId=eng-7f3a-000042&"
       "newOrderRespType="
       "ACK&recvWindow=3000&timestamp=1785000000123",
       "3f5bc0e8bc73354afbafa85d532c056c71177efeaf27f95e0d367cf0d80a3df5"},
      {"test-secret-not-real-0123456789abcdef",
       "symbol=BTCUSDT&side=BUY&orderId=90110000123&quantity=0.010&price=61240.00&timestamp=1785000000456",
       "65cc74b0e75736e2b24fb62037c8a33bc799f95748358ac19e2109e36d4dfd00"},
      {"test-secret-not-real-0123456789abcdef",
       "apiKey=test-api-key-not-real&newClientOrderId=eng-7f3a-000042&price=61250.40&quantity=0.012&recvWindow=3000&side=SELL&"
       "symbol=BTCUSDT"
       "&timeInForce=GTX&timestamp=1785000000123&type=LIMIT",
       "e7d7bea9fa314c6d67fe536a36538194739511a8b67b60b001c9b8efa6794dcb"}};
  char out[TG_HMAC_HEX_BYTES + 1];
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    hmac_text(rows[i].secret, rows[i].payload, out);
    cr_assert_str_eq(out, rows[i].sig, "row %zu", i);
  }
}

Test(sign, midstate_gives_the_same_for_every_length) {
  char msg[400], a[TG_HMAC_HEX_BYTES + 1] = {0}, b[TG_HMAC_HEX_BYTES + 1] = {0};
  for (size_t i = 0; i < sizeof msg; i++) msg[i] = (char)('a' + i % 26);
  tg_hmac_key_t key;
  tg_hmac_key_init(&key, "secret", 6);
  for (size_t prefix = 0; prefix <= 200; prefix += 7) {
    tg_hmac_mid_t mid;
    tg_hmac_mid_init(&key, &mid, msg, prefix);
    cr_assert_eq(mid.msg_bytes, prefix / 64 * 64);
    for (size_t len = prefix; len <= sizeof msg; len += 3) {
      tg_hmac_hex(&key, msg, len, a);
      tg_hmac_mid_hex(&key, &mid, msg, len, b);
      cr_assert_str_eq(a, b, "prefix %zu, len %zu", prefix, len);
    }
  }
  tg_hmac_key_wipe(&key);
  const tg_hmac_key_t zero = {{0}, {0}};
  cr_assert_arr_eq(&key, &zero, sizeof key);
}

Test(sign, base64) {
  static const char *const rows[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
  char out[16];
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) { /* RFC 4648 section 10 */
    size_t n = tg_base64((const uint8_t *)rows[i][0], strlen(rows[i][0]), out);
    cr_assert_eq(n, strlen(rows[i][1]));
    cr_assert_arr_eq(out, rows[i][1], n);
  }
}

Test(sign, ed25519_logon_vector) {
  uint8_t seed[32];
  char sig[TG_ED25519_BASE64_BYTES + 1] = {0};
  for (uint8_t i = 0; i < sizeof seed; i++) seed[i] = i;
  tg_ed25519_key_t key, from_pem;
  cr_assert_eq(tg_ed25519_from_seed(&key, seed), 0);
  static const char payload[] = "apiKey=test-api-key-not-real&recvWindow=3000&timestamp=1785000000123";
  cr_assert_eq(tg_ed25519_sign_base64(&key, payload, sizeof payload - 1, sig), 0);
  cr_assert_str_eq(sig, "9hMbdNJANdeymxL9aoUJmWVW4PnkA1LsHwX8DAXulPvFVsWLyyqA9bT2HUwd0KrlnORHF1yP75de5zD2hhoaAA==");
  /* the same seed as PKCS#8 */
  uint8_t der[48] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
  memcpy(der + 16, seed, sizeof seed);
  char body[80] = {0}, pem[200];
  tg_base64(der, sizeof der, body);
  int len = snprintf(pem, sizeof pem, "-----BEGIN PRIVATE KEY-----\n%.40s\n%s\n-----END PRIVATE KEY-----\n", body, body + 40);
  cr_assert_eq(tg_ed25519_from_pem(&from_pem, pem, (size_t)len), 0);
  cr_assert_arr_eq(&from_pem, &key, sizeof key);
  for (int cut = 0; cut < len - 26; cut++) cr_assert_lt(tg_ed25519_from_pem(&from_pem, pem, (size_t)cut), 0, "%d", cut);
  der[11] = 0x6e; /* X25519: another algorithm */
  tg_base64(der, sizeof der, body);
  len = snprintf(pem, sizeof pem, "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", body);
  cr_assert_eq(tg_ed25519_from_pem(&from_pem, pem, (size_t)len), -TG_EUNSUPPORTED);
}

static void from_hex(const char *hex, uint8_t *out) {
  for (size_t i = 0; hex[2 * i]; i++) {
    unsigned v;
    sscanf(hex + 2 * i, "%2x", &v);
    out[i] = (uint8_t)v;
  }
}

static void hmac_row(json_t *row) {
  const char *expected = json_string_value(json_object_get(row, "expected"));
  const char *secret = json_string_value(json_object_get(row, "secret"));
  const char *message = json_string_value(json_object_get(row, "message"));
  tg_hmac_key_t key;
  uint8_t digest[TG_HMAC_BYTES];
  char out[TG_HMAC_HEX_BYTES + 1] = {0};
  tg_hmac_key_init(&key, secret, strlen(secret));
  tg_hmac(&key, message, strlen(message), digest);
  tg_hmac_hex(&key, message, strlen(message), out);
  if (strstr(json_string_value(json_object_get(row, "alg")), "base64")) out[tg_base64(digest, sizeof digest, out)] = 0;
  cr_expect_str_eq(out, expected, "%s", message);
}

static void ed25519_row(json_t *row) {
  const char *hex = json_string_value(json_object_get(row, "message_hex"));
  uint8_t seed[32], pub[32], sig[64], want[64], msg[1024];
  cr_assert_lt(strlen(hex), 2 * sizeof msg);
  from_hex(json_string_value(json_object_get(row, "seed")), seed);
  from_hex(json_string_value(json_object_get(row, "public")), pub);
  from_hex(json_string_value(json_object_get(row, "signature_hex")), want);
  from_hex(hex, msg);
  tg_ed25519_key_t key;
  cr_assert_eq(tg_ed25519_from_seed(&key, seed), 0);
  cr_expect_arr_eq(key.priv + 32, pub, sizeof pub);
  cr_assert_eq(tg_ed25519_sign(&key, msg, strlen(hex) / 2, sig), 0);
  cr_expect_arr_eq(sig, want, sizeof want);
  cr_expect_eq(ED25519_verify(msg, strlen(hex) / 2, sig, pub), 1);
}

static void vectors_file(const char *path, void *user) {
  size_t *cnt = user;
  json_t *root = json_load_file(path, 0, NULL), *row;
  cr_assert(root, "%s", path);
  size_t i;
  json_array_foreach(json_object_get(root, "hmac"), i, row) {
    hmac_row(row);
    ++*cnt;
  }
  json_array_foreach(json_object_get(root, "ed25519"), i, row) {
    ed25519_row(row);
    ++*cnt;
  }
  json_decref(root);
}

Test(sign, all_vectors_of_the_recordings) {
  NEED_DATA();
  size_t cnt = 0;
  each_file("requests/signing", ".json", vectors_file, &cnt);
  if (cnt == 0) cr_skip_test("no vectors under TICKGATE_DATA/requests/signing");
  cr_log_info("%zu vectors", cnt);
}

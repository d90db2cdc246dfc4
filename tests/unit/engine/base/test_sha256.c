#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/crc32c.h"
#include "engine/base/rng.h"
#include "engine/base/sha256.h"

static void digest_is(const void *data, size_t len, const char *want) {
  uint8_t digest[TG_SHA256_BYTES];
  char hex[65];
  tg_sha256(data, len, digest);
  tg_sha256_hex(digest, hex);
  cr_assert_str_eq(hex, want);
}

/* FIPS 180-4 examples and the NIST CAVP byte vectors (SHA256ShortMsg, lengths 8, 32, 512 bits). */
Test(sha256, nist_vectors) {
  digest_is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest_is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest_is(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  digest_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  digest_is("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  digest_is("\xd3", 1, "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  digest_is("\x74\xba\x25\x21", 4, "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e");
}

Test(sha256, a_million_a) {
  char *text = malloc(1000000);
  cr_assert_not_null(text);
  memset(text, 'a', 1000000);
  digest_is(text, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(text);
}

Test(sha256, any_split_gives_the_same) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 1);
  uint8_t data[300], whole[32], parts[32];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)tg_rng_next(&rng);
  for (size_t len = 0; len <= sizeof data; len++) {
    tg_sha256(data, len, whole);
    for (int k = 0; k < 20; k++) {
      tg_sha256_t ctx;
      tg_sha256_init(&ctx);
      for (size_t at = 0; at < len;) {
        size_t take = 1 + (size_t)tg_rng_below(&rng, len - at);
        tg_sha256_update(&ctx, data + at, take);
        at += take;
      }
      tg_sha256_final(&ctx, parts);
      cr_assert_eq(memcmp(whole, parts, 32), 0, "len %zu", len);
    }
  }
}

Test(sha256, chosen_way_equals_the_portable_way) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 2);
  static uint8_t data[64 * 9];
  for (int round = 0; round < 2000; round++) {
    uint32_t a[8], b[8];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)tg_rng_next(&rng);
    for (int i = 0; i < 8; i++) a[i] = b[i] = (uint32_t)tg_rng_next(&rng);
    size_t blocks = (size_t)tg_rng_below(&rng, 9), skew = (size_t)tg_rng_below(&rng, 64);
    tg_sha256_blocks(a, data + skew, blocks);
    tg_sha256_blocks_portable(b, data + skew, blocks);
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
  }
  cr_log_info("SHA-NI %s", tg_sha256_accelerated() ? "in use" : "not there");
}

Test(sha256, a_midstate_can_be_finished_many_times) {
  uint8_t prefix[64] = {1, 2, 3}, want[32], got[32], text[70];
  tg_sha256_t mid;
  tg_sha256_init(&mid);
  tg_sha256_update(&mid, prefix, sizeof prefix);
  for (int i = 0; i < 5; i++) {
    tg_sha256_t ctx = mid;
    uint8_t tail[3] = {(uint8_t)i, 9, 9};
    tg_sha256_update(&ctx, tail, sizeof tail);
    tg_sha256_final(&ctx, got);
    memcpy(text, prefix, 64);
    memcpy(text + 64, tail, 3);
    tg_sha256(text, 67, want);
    cr_assert_eq(memcmp(got, want, 32), 0);
  }
}

Test(chain, is_sha256_of_digest_and_record) {
  tg_chain_t chain;
  uint8_t want[32], buf[32 + 64];
  tg_chain_init(&chain, "abc");
  tg_sha256("abc", 3, want);
  cr_assert_eq(memcmp(chain.digest, want, 32), 0);
  cr_assert_eq(chain.record_cnt, 0);
  for (int i = 0; i < 10; i++) {
    uint8_t record[64];
    memset(record, i, sizeof record);
    memcpy(buf, want, 32);
    memcpy(buf + 32, record, 64);
    tg_sha256(buf, sizeof buf, want);
    tg_chain_add(&chain, record, sizeof record);
    cr_assert_eq(memcmp(chain.digest, want, 32), 0);
  }
  cr_assert_eq(chain.record_cnt, 10);
}

/* RFC 3720, B.4 */
Test(crc32c, rfc_vectors) {
  uint8_t data[32];
  cr_assert_eq(tg_crc32c(0, "123456789", 9), 0xe3069283u);
  memset(data, 0, 32);
  cr_assert_eq(tg_crc32c(0, data, 32), 0x8a9136aau);
  memset(data, 0xff, 32);
  cr_assert_eq(tg_crc32c(0, data, 32), 0x62a8ab43u);
  for (int i = 0; i < 32; i++) data[i] = (uint8_t)i;
  cr_assert_eq(tg_crc32c(0, data, 32), 0x46dd794eu);
  for (int i = 0; i < 32; i++) data[i] = (uint8_t)(31 - i);
  cr_assert_eq(tg_crc32c(0, data, 32), 0x113fdb5cu);
  cr_assert_eq(tg_crc32c(0, NULL, 0), 0u);
  cr_assert_eq(tg_crc32c(77, NULL, 0), 77u);
}

Test(crc32c, both_ways_and_any_split_agree) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 4);
  uint8_t data[257];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)tg_rng_next(&rng);
  for (size_t len = 0; len <= sizeof data; len++) {
    uint32_t want = tg_crc32c_table(0, data, len);
    cr_assert_eq(tg_crc32c(0, data, len), want);
    size_t cut = (size_t)tg_rng_below(&rng, len + 1);
    cr_assert_eq(tg_crc32c(tg_crc32c(0, data, cut), data + cut, len - cut), want);
  }
}

/* First outputs for a known state, from the authors' reference: xoshiro256** with s = {1, 2, 3, 4}; splitmix64 with 1234567. */
Test(rng, reference_values) {
  tg_rng_t rng = {{1, 2, 3, 4}};
  static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240, 1216172134540287360};
  for (int i = 0; i < 5; i++) cr_assert_eq(tg_rng_next(&rng), want[i]);
  uint64_t state = 1234567;
  cr_assert_eq(tg_splitmix64(&state), UINT64_C(6457827717110365317));
  cr_assert_eq(tg_splitmix64(&state), UINT64_C(3203168211198807973));
}

Test(rng, below_stays_below_and_reaches_all) {
  tg_rng_t rng;
  tg_rng_seed(&rng, 0);
  unsigned seen[7] = {0};
  for (int i = 0; i < 7000; i++) {
    uint64_t x = tg_rng_below(&rng, 7);
    cr_assert_lt(x, 7);
    seen[x]++;
  }
  for (int i = 0; i < 7; i++) cr_assert(seen[i] > 800 && seen[i] < 1200, "%u", seen[i]);
  cr_assert_eq(tg_rng_below(&rng, 0), 0);
  cr_assert_eq(tg_rng_below(&rng, 1), 0);
}

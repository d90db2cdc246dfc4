/* Request weight: the venue's word, what left since, and the share kept back. */
#include <criterion/criterion.h>

#include "engine/venue/bn_weight.h"

#define MINUTE TG_BN_WEIGHT_MINUTE_NS
#define NOW (UINT64_C(30000000) * MINUTE)

Test(weight, a_share_is_left_for_what_must_pass) {
  tg_bn_weight_t weight = {0};
  for (int i = 0; i < 7; i++) cr_assert(tg_bn_weight_take(&weight, NOW, 10, 100, 30));
  cr_assert_not(tg_bn_weight_take(&weight, NOW, 1, 100, 30), "70 of 100 is all an ordinary call may use");
  cr_assert_eq(tg_bn_weight_used(&weight), 70, "refused: not taken");
  cr_assert(tg_bn_weight_take(&weight, NOW, 30, 100, 0), "a cancel may");
  cr_assert_not(tg_bn_weight_take(&weight, NOW, 1, 100, 0));
  cr_assert(tg_bn_weight_take(&weight, NOW + MINUTE, 1, 100, 30), "a new minute");
  cr_assert_eq(tg_bn_weight_used(&weight), 1);
}

Test(weight, the_venue_s_word_counts_with_what_left_since_and_never_less_than_our_own) {
  tg_bn_weight_t weight = {0};
  cr_assert(tg_bn_weight_take(&weight, NOW, 5, 100, 0));
  tg_bn_weight_told(&weight, NOW, 60);
  cr_assert_eq(tg_bn_weight_used(&weight), 60, "somebody else uses this address, too");
  cr_assert(tg_bn_weight_take(&weight, NOW, 20, 100, 0));
  cr_assert_eq(tg_bn_weight_used(&weight), 80);
  cr_assert_not(tg_bn_weight_take(&weight, NOW, 21, 100, 0));
  tg_bn_weight_told(&weight, NOW, 1);
  cr_assert_eq(tg_bn_weight_used(&weight), 25, "an answer that overtook the others");
  tg_bn_weight_on_time(&weight, NOW + MINUTE);
  cr_assert_eq(tg_bn_weight_used(&weight), 0, "a word of the minute before counts no more");
}

Test(weight, no_limit_told_yet_lets_everything_pass_and_is_counted) {
  tg_bn_weight_t weight = {0};
  for (int i = 0; i < 100; i++) cr_assert(tg_bn_weight_take(&weight, NOW, 40, 0, 30));
  cr_assert_eq(tg_bn_weight_used(&weight), 4000);
  cr_assert_not(tg_bn_weight_take(&weight, NOW, 1, 2400, 30));
}

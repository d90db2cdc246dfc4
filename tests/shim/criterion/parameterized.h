/* parameterized.h - Criterion's parameterised tests for the stand-in of criterion.h: one child runs a test for all values. */
#ifndef TG_SHIM_PARAMETERIZED_H
#define TG_SHIM_PARAMETERIZED_H

#include <criterion/criterion.h>

struct criterion_test_params {
  size_t size;
  void *params;
  size_t length;
};

#define cr_make_param_array(type, array, cnt) ((struct criterion_test_params){sizeof(type), (array), (size_t)(cnt)})
#define ParameterizedTestParameters(suite_, name_) static struct criterion_test_params suite_##_##name_##_params(void)
#define ParameterizedTest(param, suite_, name_, ...) \
  static void suite_##_##name_##_one(param); \
  Test(suite_, name_, __VA_ARGS__) { \
    struct criterion_test_params all = suite_##_##name_##_params(); \
    for (size_t i = 0; i < all.length; i++) suite_##_##name_##_one((void *)((char *)all.params + i * all.size)); \
  } \
  static void suite_##_##name_##_one(param)

#endif

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/err.h"

Test(err, every_row_has_a_name_and_a_text) {
  cr_assert_str_eq(tg_err_name(-TG_EFULL), "EFULL");
  cr_assert_str_eq(tg_err_name(TG_EFULL), "EFULL");
  cr_assert_str_eq(tg_err_name(0), "EOK");
  for (int e = 1; e < TG_ERR_CNT; e++) {
    cr_assert_eq(tg_err_name(e)[0], 'E');
    cr_assert_neq(tg_err_text(e)[0], '\0');
    cr_assert_str_eq(tg_err_text(e), tg_err_text(-e));
    for (int other = 0; other < e; other++) {
      cr_assert_str_neq(tg_err_name(e), tg_err_name(other));
      cr_assert_str_neq(tg_err_text(e), tg_err_text(other));
    }
  }
  cr_assert_str_eq(tg_err_name(TG_ERR_CNT), "E?");
  cr_assert_str_eq(tg_err_text(-TG_ERR_CNT), "unknown error");
  cr_assert_str_eq(tg_err_text(-2147483647 - 1), "unknown error");
}

Test(err, exit_codes_are_unique_and_fit) {
  static const int code[] = {
#define X(name, number, text) number,
#include "engine/base/exit.def"
#undef X
  };
  for (size_t i = 0; i < sizeof code / sizeof code[0]; i++) {
    cr_assert(code[i] >= 0 && code[i] < 126, "shells use the rest");
    for (size_t k = 0; k < i; k++) cr_assert_neq(code[i], code[k]);
  }
}

static void hook_exits(const char *what, const char *file, int line) {
  (void)line;
  _exit(strstr(what, "1 == 2") && strstr(file, "test_err.c") ? 42 : 1);
}

Test(assert, fires_the_hook, .exit_code = 42) {
  tg_panic_hook_set(hook_exits);
  TG_ASSERT(1 == 1);
  TG_ASSERT(1 == 2);
}

Test(assert, aborts_without_a_hook, .signal = SIGABRT) {
  tg_panic_hook_set(NULL);
  TG_ASSERT(0);
}

static void hook_panics(const char *what, const char *file, int line) {
  tg_panic(what, file, line);
}

Test(assert, a_panicking_hook_does_not_loop, .signal = SIGABRT) {
  tg_panic_hook_set(hook_panics);
  TG_ASSERT(0);
}

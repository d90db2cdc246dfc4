/* criterion.h - stands in for Criterion under the thread sanitizer, which Criterion's own memory arena cannot live with.
 * What:    the macros our tests use; each test runs in a forked child, one after the other.
 *          The mutation tester runs its thousands of programs on it, too: a process starts in a millisecond.
 * Limit:   Test (init, fini, signal, exit_code, disabled), cr_assert*, cr_expect* (here: assert), cr_skip, cr_log_*.
 *          Environment: TG_SHIM_SUITES=a,b runs these suites only; TG_SHIM_FIRST ends with the first failure.
 * Errors:  exit 1 when a test fails; a race makes its test's child exit 66. */
#ifndef TG_SHIM_CRITERION_H
#define TG_SHIM_CRITERION_H

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct tg_shim_options {
  void (*init)(void);
  void (*fini)(void);
  int signal, exit_code;
  bool disabled;
  double timeout; /* ignored */
  const char *description;
} tg_shim_options_t;

typedef struct tg_shim_test {
  const char *suite, *name;
  void (*run)(void);
  tg_shim_options_t options;
  struct tg_shim_test *next;
} tg_shim_test_t;

enum { TG_SHIM_SKIPPED = 77 };

/* weak: one copy of each, whichever file brings it */
__attribute__((weak)) tg_shim_test_t *tg_shim_first;
__attribute__((weak)) tg_shim_test_t **tg_shim_last;

__attribute__((weak)) void tg_shim_add(tg_shim_test_t *test) {
  if (!tg_shim_last) tg_shim_last = &tg_shim_first;
  *tg_shim_last = test;
  tg_shim_last = &test->next;
}

__attribute__((weak)) void tg_shim_say(const char *file, int line, const char *what, const char *format, ...) {
  fprintf(stderr, "%s:%d: %s ", file, line, what);
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
}

__attribute__((weak)) int tg_shim_run(const tg_shim_test_t *test) {
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    if (test->options.init) test->options.init();
    test->run();
    if (test->options.fini) test->options.fini();
    exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 1;
  if (WIFSIGNALED(status)) return test->options.signal != WTERMSIG(status);
  if (WEXITSTATUS(status) == TG_SHIM_SKIPPED) return 0;
  return test->options.signal || test->options.exit_code != WEXITSTATUS(status);
}

__attribute__((weak)) bool tg_shim_wanted(const char *suite) {
  const char *at = getenv("TG_SHIM_SUITES");
  size_t len = strlen(suite);
  if (!at) return true;
  for (; *at; at += strcspn(at, ","), at += *at == ',') {
    if (strcspn(at, ",") == len && strncmp(at, suite, len) == 0) return true;
  }
  return false;
}

__attribute__((weak)) int main(void) {
  int tested = 0, failed = 0;
  bool first_only = getenv("TG_SHIM_FIRST") != NULL;
  for (tg_shim_test_t *test = tg_shim_first; test && !(failed && first_only); test = test->next) {
    if (test->options.disabled || !tg_shim_wanted(test->suite)) continue;
    int bad = tg_shim_run(test);
    if (bad) fprintf(stderr, "[FAIL] %s::%s\n", test->suite, test->name);
    tested++;
    failed += bad;
  }
  fprintf(stderr, "[====] Tested: %d | Failing: %d\n", tested, failed);
  return failed != 0;
}

#define Test(suite_, name_, ...) \
  static void suite_##_##name_##_run(void); \
  static tg_shim_test_t suite_##_##name_##_test = {#suite_, #name_, suite_##_##name_##_run, {__VA_ARGS__}, NULL}; \
  __attribute__((constructor)) static void suite_##_##name_##_add(void) { \
    tg_shim_add(&suite_##_##name_##_test); \
  } \
  static void suite_##_##name_##_run(void)

#define cr_assert(cond, ...) \
  do { \
    if (!(cond)) { \
      tg_shim_say(__FILE__, __LINE__, #cond, " " __VA_ARGS__); \
      exit(1); \
    } \
  } while (0)
#define cr_assert_fail(...) cr_assert(false, ##__VA_ARGS__)
#define cr_assert_not(x, ...) cr_assert(!(x), ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b), ##__VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b), ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b), ##__VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b), ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b), ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), ##__VA_ARGS__)
#define cr_assert_null(p, ...) cr_assert((p) == NULL, ##__VA_ARGS__)
#define cr_assert_not_null(p, ...) cr_assert((p) != NULL, ##__VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp((a), (b)) == 0, ##__VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) cr_assert(strcmp((a), (b)) != 0, ##__VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp((a), (b), (n)) == 0, ##__VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...) cr_assert(memcmp((a), (b), (n)) != 0, ##__VA_ARGS__)
#define cr_assert_float_eq(a, b, eps, ...) cr_assert((a) - (b) <= (eps) && (b) - (a) <= (eps), ##__VA_ARGS__)
#define cr_fail cr_assert_fail
#define cr_expect cr_assert
#define cr_expect_not cr_assert_not
#define cr_expect_eq cr_assert_eq
#define cr_expect_neq cr_assert_neq
#define cr_expect_lt cr_assert_lt
#define cr_expect_leq cr_assert_leq
#define cr_expect_gt cr_assert_gt
#define cr_expect_geq cr_assert_geq
#define cr_expect_null cr_assert_null
#define cr_expect_not_null cr_assert_not_null
#define cr_expect_str_eq cr_assert_str_eq
#define cr_expect_arr_eq cr_assert_arr_eq

#define cr_skip(...) \
  do { \
    tg_shim_say(__FILE__, __LINE__, "skipped:", " " __VA_ARGS__); \
    exit(TG_SHIM_SKIPPED); \
  } while (0)
#define cr_log_info(...) tg_shim_say(__FILE__, __LINE__, "info:", " " __VA_ARGS__)
#define cr_log_error(...) tg_shim_say(__FILE__, __LINE__, "error:", " " __VA_ARGS__)

#endif

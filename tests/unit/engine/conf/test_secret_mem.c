/* The page of secrets: guarded, locked, kept out of dumps, empty in a child, wiped; texts that have a bound. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/conf/secret.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* VmFlags of the mapping that holds `at`. */
static void flags_of(const void *at, char out[256]) {
  FILE *in = fopen("/proc/self/smaps", "re");
  cr_assert_not_null(in);
  char line[512];
  bool here = false;
  out[0] = '\0';
  while (fgets(line, sizeof line, in)) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2) here = (uintptr_t)at >= from && (uintptr_t)at < to;
    if (here && strncmp(line, "VmFlags:", 8) == 0) snprintf(out, 256, "%.255s", line + 8);
  }
  fclose(in);
}

Test(secret_mem, is_locked_not_dumped_and_wiped_on_fork) {
  tg_secret_area_t area;
  char flags[256];
  cr_assert_eq(tg_secret_area_open(&area, 5000), 0);
  char *mem = tg_secret_take(&area, 100);
  cr_assert_not_null(mem);
  memcpy(mem, "canary", 7);
  flags_of(mem, flags);
  cr_expect(strstr(flags, " dd ") || strstr(flags, " dd\n"), "left out of dumps: %s", flags);
  cr_expect(strstr(flags, " wf"), "wiped on fork: %s", flags);
  if (!SANITIZED) /* there mlock does nothing */
    cr_expect_eq(area.locked, strstr(flags, " lo ") != NULL, "%s", flags);
  pid_t child = fork();
  if (child == 0) _exit(mem[0] == 0 ? 0 : 1);
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child sees nothing");
  cr_expect_str_eq(mem, "canary");
  tg_secret_area_close(&area);
  cr_expect_null(area.map);
  tg_secret_area_close(&area); /* twice */
}

static int touch(volatile uint8_t *at) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    (void)*at;
    _exit(0);
  }
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(secret_mem, has_guard_pages_on_both_sides) {
  if (SANITIZED) cr_skip("the sanitizer reports a SIGSEGV in its own way");
  tg_secret_area_t area;
  cr_assert_eq(tg_secret_area_open(&area, 4096), 0);
  cr_expect_eq(touch(area.base - 1), SIGSEGV);
  cr_expect_eq(touch(area.base + area.base_bytes), SIGSEGV);
  cr_expect_eq(touch(area.base), 0);
  tg_secret_area_close(&area);
}

Test(secret_mem, takes_no_more_than_there_is) {
  tg_secret_area_t area;
  cr_assert_eq(tg_secret_area_open(&area, 1), 0);
  cr_expect_null(tg_secret_take(&area, SIZE_MAX));
  cr_expect_null(tg_secret_take(&area, area.base_bytes + 1));
  cr_expect_not_null(tg_secret_take(&area, area.base_bytes));
  cr_expect_null(tg_secret_take(&area, 1));
  tg_secret_area_close(&area);
  cr_expect_null(tg_secret_take(&area, 1));
}

Test(secret_mem, private_pages_are_not_dumped) {
  char flags[256];
  uint8_t *mem = tg_private_map(300000);
  cr_assert_not_null(mem);
  cr_expect_eq(mem[299999], 0);
  flags_of(mem, flags);
  cr_expect(strstr(flags, " dd"), "%s", flags);
  tg_private_unmap(mem, 300000);
  tg_private_unmap(NULL, 300000);
}

Test(secret_mem, texts_are_bounded_and_terminated) {
  tg_secret_text_t text = {0};
  uint8_t big[TG_SECRET_TEXT_MAX];
  memset(big, 'x', sizeof big);
  cr_expect_eq(tg_secret_set(&text, "abc", 3), 0);
  cr_expect_eq(tg_secret_add(&text, "de", 2), 0);
  cr_expect_eq(text.len, 5);
  cr_expect_eq(memcmp(tg_secret_bytes(&text), "abcde", 6), 0);
  cr_expect_eq(tg_secret_add(&text, big, sizeof big - 5), -TG_ESIZE);
  cr_expect_eq(tg_secret_set(&text, big, sizeof big), -TG_ESIZE);
  cr_expect_eq(text.len, 5, "unchanged");
  cr_expect_eq(tg_secret_set(&text, big, sizeof big - 1), 0);
  cr_expect_eq(tg_secret_set(&text, "a", 1), 0);
  cr_expect_eq(text.opaque[5], 0, "what was there before is wiped");
}

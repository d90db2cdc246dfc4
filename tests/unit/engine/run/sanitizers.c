/* jemalloc is not built with the thread sanitizer, which takes its spinning mutexes for double locks. Only reports from inside
 * that library are left out. */
__attribute__((visibility("default"), used)) const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"), used)) const char *__tsan_default_suppressions(void) {
  return "mutex:libjemalloc\nrace:libjemalloc\n";
}

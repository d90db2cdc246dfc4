/* Criterion 2.4 loses 48 bytes of its own when many tests run in parallel; the sanitizer build must not fail for that. */
__attribute__((visibility("default"), used)) const char *__lsan_default_suppressions(void) {
  return "leak:libcriterion\n";
}

#include "alloc_count.h"

#include <errno.h>
#include <stddef.h>

static __thread uint64_t cnt;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifndef SANITIZED
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *mem);

#define SHOWN __attribute__((visibility("default")))
SHOWN void *malloc(size_t size) {
  cnt++;
  return __libc_malloc(size);
}
SHOWN void *calloc(size_t n, size_t size) {
  cnt++;
  return __libc_calloc(n, size);
}
SHOWN void *realloc(void *old, size_t size) {
  cnt++;
  return __libc_realloc(old, size);
}
SHOWN void *aligned_alloc(size_t align, size_t size) {
  cnt++;
  return __libc_memalign(align, size);
}
SHOWN void *memalign(size_t align, size_t size) {
  cnt++;
  return __libc_memalign(align, size);
}
SHOWN int posix_memalign(void **out, size_t align, size_t size) {
  cnt++;
  *out = __libc_memalign(align, size);
  return *out ? 0 : ENOMEM;
}
SHOWN void free(void *mem) {
  __libc_free(mem);
}
#endif

bool alloc_counts(void) {
#ifdef SANITIZED
  return false;
#else
  return true;
#endif
}

uint64_t alloc_cnt(void) {
  return cnt;
}

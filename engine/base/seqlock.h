/* seqlock.h - one writer publishes a small struct, readers copy it without stopping the writer.
 * What:    a version counter around N 64-bit words, all accessed atomically (no data race).
 * Owner:   caller.
 * Threads: one writer; any number of readers.
 * Order:   odd = being written. Writer: release fence by store order below; reader: acquire both ends.
 * Limit:   TG_SEQLOCK_WORDS_MAX words.
 * Errors:  tg_seqlock_read gives -TG_EAGAIN after 64 torn attempts. */
#ifndef TG_BASE_SEQLOCK_H
#define TG_BASE_SEQLOCK_H

#include <stdatomic.h>

#include "engine/base/err.h"
#include "engine/base/types.h"

#define TG_SEQLOCK_WORDS_MAX 512

typedef struct tg_seqlock {
  TG_ALIGNED(TG_CACHE_LINE) _Atomic uint64_t version;
  _Atomic uint64_t word[TG_SEQLOCK_WORDS_MAX];
} tg_seqlock_t;

/* Publishes `cnt` words. Writer only; cnt <= TG_SEQLOCK_WORDS_MAX. */
static inline void tg_seqlock_write(tg_seqlock_t *lock, const uint64_t *src, size_t cnt) {
  uint64_t v = atomic_load_explicit(&lock->version, memory_order_relaxed);
  atomic_store_explicit(&lock->version, v + 1, memory_order_relaxed);
  /* release on each word: a reader that sees any new word also sees the odd version */
  for (size_t i = 0; i < cnt; i++) atomic_store_explicit(&lock->word[i], src[i], memory_order_release);
  /* release: the words come before the even version */
  atomic_store_explicit(&lock->version, v + 2, memory_order_release);
}

/* Copies `cnt` words. 0, or -TG_EAGAIN when the writer kept writing. */
TG_MUST_USE static inline int tg_seqlock_read(const tg_seqlock_t *lock, uint64_t *dst, size_t cnt) {
  tg_seqlock_t *l = (tg_seqlock_t *)(uintptr_t)lock; /* C11 atomic loads want a non-const object */
  for (int attempt = 0; attempt < 64; attempt++) {
    /* acquire: the words are read after the version */
    uint64_t v = atomic_load_explicit(&l->version, memory_order_acquire);
    if (v & 1) continue;
    /* acquire on each word: the second version load stays behind them */
    for (size_t i = 0; i < cnt; i++) dst[i] = atomic_load_explicit(&l->word[i], memory_order_acquire);
    if (atomic_load_explicit(&l->version, memory_order_relaxed) == v) return 0;
  }
  return -TG_EAGAIN;
}

#endif

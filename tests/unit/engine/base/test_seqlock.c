#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/base/seqlock.h"

enum { WORDS = 64, ROUNDS = 200000 };
static tg_seqlock_t lock;
static atomic_int done;

static void *write_all(void *user) {
  (void)user;
  uint64_t words[WORDS];
  for (uint64_t n = 1; n <= ROUNDS; n++) {
    for (uint64_t i = 0; i < WORDS; i++) words[i] = n * WORDS + i;
    tg_seqlock_write(&lock, words, WORDS);
  }
  atomic_store(&done, 1);
  return NULL;
}

Test(seqlock, readers_never_see_a_mixture) {
  uint64_t words[WORDS];
  cr_assert_eq(tg_seqlock_read(&lock, words, WORDS), 0);
  pthread_t writer;
  cr_assert_eq(pthread_create(&writer, NULL, write_all, NULL), 0);
  uint64_t torn = 0, last = 0, whole = 0;
  bool end = false;
  while (!end) {
    end = atomic_load(&done);
    if (tg_seqlock_read(&lock, words, WORDS) != 0) continue;
    uint64_t n = words[0] / WORDS;
    for (uint64_t i = 0; i < WORDS && n; i++) torn += words[i] != n * WORDS + i;
    cr_assert_geq(n, last, "never older than what was seen");
    last = n;
    whole++;
  }
  cr_assert_eq(pthread_join(writer, NULL), 0);
  cr_assert_eq(torn, 0);
  cr_assert_gt(whole, 0);
  cr_assert_eq(last, ROUNDS, "the last read is after the last write");
}

Test(seqlock, a_write_under_way_is_eagain) {
  static tg_seqlock_t stuck;
  uint64_t word = 5;
  tg_seqlock_write(&stuck, &word, 1);
  atomic_store(&stuck.version, 3);
  cr_assert_eq(tg_seqlock_read(&stuck, &word, 1), -TG_EAGAIN);
}

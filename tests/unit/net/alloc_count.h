/* alloc_count.h - allocations of this thread, counted by standing in for malloc. Not under a sanitizer (it has its own). */
#ifndef TEST_NET_ALLOC_COUNT_H
#define TEST_NET_ALLOC_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* False: built with a sanitizer, the counter stays 0. */
bool alloc_counts(void);
uint64_t alloc_cnt(void);

#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static const size_t HUGE_BYTES = (size_t)2 << 20;
static const size_t PAGE_BYTES = 4096;
static const size_t SIZE_CAP = (size_t)1 << 46; /* half of the 47-bit user address space */

/* Makes every page present now. With reserved huge pages a failure here would be a SIGBUS later. */
static int prefault(uint8_t *base, size_t size) {
  if (madvise(base, size, MADV_POPULATE_WRITE) == 0) return 0;
  if (errno != EINVAL) return -TG_ENOMEM;
  for (size_t at = 0; at < size; at += PAGE_BYTES) {  /* older kernel */
    __atomic_store_n(&base[at], 0, __ATOMIC_RELAXED); /* a store the compiler keeps */
  }
  return 0;
}

/* AnonHugePages of the mapping that starts at `base`, from /proc/self/smaps; 0 when it cannot be told. */
static size_t thp_granted(const uint8_t *base, size_t size) {
  FILE *in = fopen("/proc/self/smaps", "re");
  if (!in) return 0;
  char line[512];
  size_t total = 0;
  bool ours = false;
  while (fgets(line, sizeof line, in)) {
    unsigned long from, to, kb;
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' ')) {
      ours = from < (uintptr_t)base + size && to > (uintptr_t)base;
    } else if (ours && sscanf(line, "AnonHugePages: %lu kB", &kb) == 1) {
      total += (size_t)kb * 1024;
    }
  }
  (void)fclose(in);
  return total < size ? total : size; /* a neighbour merged into our mapping must not count */
}

/* Address space at a 2 MB boundary, so that transparent huge pages can fill it. NULL on failure. */
static uint8_t *map_aligned(size_t size) {
  uint8_t *raw = mmap(NULL, size + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return NULL;
  size_t lead = (HUGE_BYTES - ((uintptr_t)raw & (HUGE_BYTES - 1))) & (HUGE_BYTES - 1);
  if (lead) (void)munmap(raw, lead);
  (void)munmap(raw + lead + size, HUGE_BYTES - lead);
  return raw + lead;
}

static uint8_t *map_huge(size_t size) {
  uint8_t *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (base == MAP_FAILED) return NULL;
  if (prefault(base, size) == 0) return base;
  (void)munmap(base, size); /* reserved pages denied by a cgroup */
  return NULL;
}

int tg_arena_map(tg_arena_t *arena, size_t size_bytes) {
  *arena = (tg_arena_t){0};
  if (size_bytes == 0 || size_bytes > SIZE_CAP) return -TG_EINVAL;
  size_t size = (size_bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
  tg_arena_t got = {.size_bytes = size};
  got.base = map_huge(size);
  got.huge = got.base != NULL;
  if (!got.base) {
    got.base = map_aligned(size);
    if (!got.base) return -TG_ENOMEM;
    got.thp_asked = madvise(got.base, size, MADV_HUGEPAGE) == 0;
    if (prefault(got.base, size)) {
      (void)munmap(got.base, size);
      return -TG_ENOMEM;
    }
    if (got.thp_asked) got.thp_bytes = thp_granted(got.base, size);
  }
  got.locked = mlock(got.base, size) == 0;
  *arena = got;
  return 0;
}

void tg_arena_unmap(tg_arena_t *arena) {
  if (arena->base) (void)munmap(arena->base, arena->size_bytes);
  *arena = (tg_arena_t){0};
}

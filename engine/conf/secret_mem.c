#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/conf/conf.h"
#include "engine/conf/secret.h"

static size_t page_bytes(void) {
  long bytes = sysconf(_SC_PAGESIZE);
  return bytes > 0 ? (size_t)bytes : 4096;
}

static size_t whole_pages(size_t bytes) {
  size_t page = page_bytes();
  return (bytes + page - 1) / page * page;
}

static void hide(void *mem, size_t bytes) {
  /* both can only fail on a kernel older than 4.14, which has no io_uring either */
  (void)madvise(mem, bytes, MADV_DONTDUMP);
  (void)madvise(mem, bytes, MADV_WIPEONFORK);
}

int tg_secret_area_open(tg_secret_area_t *area, size_t bytes) {
  memset(area, 0, sizeof *area);
  size_t page = page_bytes();
  size_t inner = whole_pages(bytes);
  uint8_t *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return -TG_ENOMEM;
  if (mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) {
    (void)munmap(map, inner + 2 * page);
    return -TG_ENOMEM;
  }
  hide(map + page, inner);
  *area = (tg_secret_area_t){.map = map, .base = map + page, .map_bytes = inner + 2 * page, .base_bytes = inner};
  area->locked = mlock(area->base, inner) == 0;
  return 0;
}

void *tg_secret_take(tg_secret_area_t *area, size_t bytes) {
  size_t want = (bytes + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE;
  if (!area->base || want < bytes || want > area->base_bytes - area->used_bytes) return NULL;
  void *mem = area->base + area->used_bytes;
  area->used_bytes += want;
  return mem;
}

void tg_secret_area_close(tg_secret_area_t *area) {
  if (!area->map) return;
  tg_wipe(area->base, area->base_bytes);
  (void)munmap(area->map, area->map_bytes);
  memset(area, 0, sizeof *area);
}

void *tg_private_map(size_t bytes) {
  void *mem = mmap(NULL, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mem == MAP_FAILED) return NULL;
  hide(mem, whole_pages(bytes));
  return mem;
}

void tg_private_unmap(void *mem, size_t bytes) {
  if (mem) (void)munmap(mem, whole_pages(bytes));
}

int tg_secret_set(tg_secret_text_t *text, const void *bytes, size_t len) {
  if (len >= sizeof text->opaque) return -TG_ESIZE;
  tg_wipe(text, sizeof *text);
  return tg_secret_add(text, bytes, len);
}

int tg_secret_add(tg_secret_text_t *text, const void *bytes, size_t len) {
  if (len >= sizeof text->opaque - text->len) return -TG_ESIZE;
  memcpy(text->opaque + text->len, bytes, len);
  text->len += len;
  text->opaque[text->len] = 0;
  return 0;
}

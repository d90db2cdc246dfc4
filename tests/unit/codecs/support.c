#include "support.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

guarded_t guarded_new(size_t cap) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  guarded_t g = {.cap = (cap + page) / page * page};
  g.map_len = g.cap + page;
  g.map = mmap(NULL, g.map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert(g.map != MAP_FAILED);
  cr_assert_eq(mprotect(g.map + g.cap, page, PROT_NONE), 0);
  return g;
}

const char *guarded_put(guarded_t *g, const char *text, size_t len) {
  cr_assert(len <= g->cap);
  g->text = g->map + g->cap - len;
  if (len) memcpy(g->text, text, len);
  return g->text;
}

void guarded_free(guarded_t *g) {
  munmap(g->map, g->map_len);
}

const char *data_dir(void) {
  static char path[4096];
  const char *env = getenv("TICKGATE_DATA");
  snprintf(path, sizeof path, "%s", env && *env ? env : TICKGATE_DATA_DEFAULT);
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

static bool ends_with(const char *name, const char *suffix) {
  size_t n = strlen(name), s = strlen(suffix);
  return n >= s && strcmp(name + n - s, suffix) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static size_t walk(const char *dir, const char *suffix, file_fn_t fn, void *user) {
  struct dirent **list;
  int cnt = scandir(dir, &list, NULL, by_name);
  size_t found = 0;
  for (int i = 0; i < cnt; i++) {
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
    bool hidden = list[i]->d_name[0] == '.';
    free(list[i]);
    if (hidden || stat(path, &st) != 0) continue;
    if (S_ISDIR(st.st_mode)) {
      found += walk(path, suffix, fn, user);
    } else if (S_ISREG(st.st_mode) && ends_with(path, suffix)) {
      found++;
      fn(path, user);
    }
  }
  if (cnt >= 0) free(list);
  return found;
}

size_t each_file(const char *sub, const char *suffix, file_fn_t fn, void *user) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", data_dir(), sub);
  return walk(path, suffix, fn, user);
}

static char *read_gz(const char *path, size_t *len) {
  gzFile in = gzopen(path, "rb"); /* reads plain files too */
  cr_assert(in, "%s", path);
  size_t cap = 1 << 20, n = 0;
  char *buf = malloc(cap);
  for (;;) {
    int got = gzread(in, buf + n, (unsigned)(cap - n - 1));
    cr_assert(got >= 0, "%s", path);
    if (got == 0) break;
    n += (size_t)got;
    if (cap - n < cap / 4) buf = realloc(buf, cap *= 2);
    cr_assert(buf);
  }
  gzclose(in);
  buf[n] = 0;
  *len = n;
  return buf;
}

static char *read_zst(const char *path, size_t *len) {
  size_t packed_len;
  char *packed = read_gz(path, &packed_len);
  size_t cap = 1 << 22, n = 0;
  char *buf = malloc(cap);
  ZSTD_DStream *stream = ZSTD_createDStream();
  ZSTD_inBuffer in = {packed, packed_len, 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out = {buf, cap - 1, n};
    size_t rc = ZSTD_decompressStream(stream, &out, &in);
    cr_assert(!ZSTD_isError(rc), "%s", path);
    n = out.pos;
    if (cap - n < cap / 4) buf = realloc(buf, cap *= 2);
    cr_assert(buf);
  }
  ZSTD_freeDStream(stream);
  free(packed);
  buf[n] = 0;
  *len = n;
  return buf;
}

char *read_all(const char *path, size_t *len) {
  return ends_with(path, ".zst") ? read_zst(path, len) : read_gz(path, len);
}

tg_msg_batch_t batch_new(uint32_t cap) {
  tg_msg_batch_t batch = {.msg = aligned_alloc(TG_CACHE_LINE, sizeof(tg_msg_t) * cap), .cnt = 0, .cap = cap};
  cr_assert(batch.msg);
  return batch;
}

void add_symbol(tg_symtab_t *tab, const char *name, const char *tick, const char *step) {
  tg_scale_t px, qty;
  cr_assert_eq(tg_scale_from_text(tick, strlen(tick), &px), 0);
  cr_assert_eq(tg_scale_from_text(step, strlen(step), &qty), 0);
  cr_assert_eq(tg_symtab_add(tab, name, strlen(name), (uint16_t)tab->cnt, TG_PRODUCT_USDM, px, qty), 0);
}

static void add_after(tg_symtab_t *tab, const char *text, size_t len, const char *key) {
  size_t n = strlen(key);
  const tg_scale_t fine = {.dec = 8, .unit = 1};
  for (size_t i = 0; i + n < len; i++) {
    if (text[i] != key[0] || memcmp(text + i, key, n) != 0) continue;
    const char *p = text + i + n, *end = text + len;
    while (p < end && (*p == ' ' || *p == ':')) p++;
    if (p == end || *p != '"') continue;
    const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (!quote || quote == p + 1 || tg_symtab_find(tab, p + 1, (size_t)(quote - p - 1))) continue;
    if (tab->cnt < TG_INSTR_MAX && quote - p - 1 <= TG_SYM_TEXT_MAX) {
      cr_assert_eq(tg_symtab_add(tab, p + 1, (size_t)(quote - p - 1), (uint16_t)tab->cnt, TG_PRODUCT_USDM, fine, fine), 0);
    }
  }
}

void add_all_symbols(tg_symtab_t *tab, const char *text, size_t len) {
  add_after(tab, text, len, "\"s\"");
  add_after(tab, text, len, "\"symbol\"");
}

/* tmp.h - a throw-away directory per test, and whole files. */
#ifndef TG_TEST_COLD_TMP_H
#define TG_TEST_COLD_TMP_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/note.h"

typedef struct tmp_dir {
  char path[128];
} tmp_dir_t;

static inline tmp_dir_t tmp_make(void) {
  tmp_dir_t dir;
  const char *base = getenv("TMPDIR");
  snprintf(dir.path, sizeof dir.path, "%.60s/tg-cold-XXXXXX", base && *base ? base : "/tmp");
  cr_assert_not_null(mkdtemp(dir.path));
  return dir;
}

static inline void tmp_remove(const tmp_dir_t *dir) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf -- '%s'", dir->path);
  if (system(command) != 0) tg_note("could not remove %s", dir->path);
}

static inline char *tmp_join(const tmp_dir_t *dir, const char *name, char *buf, size_t cap) {
  snprintf(buf, cap, "%s/%s", dir->path, name);
  return buf;
}

static inline uint8_t *tmp_read(const char *path, size_t *len) {
  FILE *in = fopen(path, "rb");
  cr_assert_not_null(in, "cannot open %s", path);
  size_t cap = 1 << 16;
  uint8_t *data = malloc(cap);
  *len = 0;
  size_t n;
  while ((n = fread(data + *len, 1, cap - *len, in)) > 0) {
    *len += n;
    if (*len == cap) data = realloc(data, cap *= 2);
  }
  fclose(in);
  return data;
}

static inline void tmp_write(const char *path, const void *data, size_t len) {
  FILE *out = fopen(path, "wb");
  cr_assert_not_null(out);
  cr_assert_eq(fwrite(data, 1, len, out), len);
  fclose(out);
}

/* A small seeded generator, the same on every machine. */
static inline uint64_t tmp_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

#endif

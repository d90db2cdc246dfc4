/* driver.c - stands in for libFuzzer so that every fuzzer always builds and its corpus always runs.
 * What:    runs LLVMFuzzerTestOneInput on each corpus file, then on -runs=N seeded mutations of them.
 * Limit:   inputs up to 64 KB, CORPUS_MAX files.
 * Errors:  a crash of the target is the finding; exit 2 on bad usage or a corpus too large. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 65536, CORPUS_MAX = 1024 };

static uint8_t *corpus[CORPUS_MAX];
static size_t corpus_len[CORPUS_MAX];
static size_t corpus_cnt;

static uint64_t rng;
static uint64_t next_random(void) { /* xorshift64* */
  rng ^= rng >> 12;
  rng ^= rng << 25;
  rng ^= rng >> 27;
  return rng * UINT64_C(2685821657736338717);
}

static void add_input(const uint8_t *data, size_t len) {
  if (corpus_cnt == CORPUS_MAX) {
    fprintf(stderr, "fuzz driver: more than %d corpus files, the rest is not run\n", CORPUS_MAX);
    exit(2);
  }
  corpus[corpus_cnt] = malloc(len + 1);
  if (!corpus[corpus_cnt]) exit(10);
  if (len) memcpy(corpus[corpus_cnt], data, len);
  corpus_len[corpus_cnt++] = len;
}

static int visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* In the order of the names: the same seed then gives the same run on every file system. */
static void load_dir(const char *path) {
  struct dirent **entry = NULL;
  int cnt = scandir(path, &entry, visible, alphasort);
  if (cnt < 0) {
    fprintf(stderr, "fuzz driver: no corpus at %s\n", path);
    return;
  }
  static uint8_t buf[INPUT_MAX + 1];
  for (int i = 0; i < cnt; i++) {
    char file[4096];
    snprintf(file, sizeof file, "%s/%s", path, entry[i]->d_name);
    free(entry[i]);
    FILE *in = fopen(file, "rb");
    if (!in) continue;
    size_t len = fread(buf, 1, sizeof buf, in);
    bool bad = ferror(in); /* a folder, say */
    fclose(in);
    if (bad) continue;
    if (len > INPUT_MAX) fprintf(stderr, "fuzz driver: %s is cut to %d bytes\n", file, INPUT_MAX);
    add_input(buf, len < INPUT_MAX ? len : INPUT_MAX);
  }
  free(entry);
}

static size_t mutate(uint8_t *buf, size_t len) {
  unsigned edits = 1 + (unsigned)(next_random() % 4);
  while (edits--) {
    size_t at = len ? next_random() % len : 0;
    switch (next_random() % 6) {
      case 0:
        if (len) buf[at] = (uint8_t)next_random();
        break;
      case 1:
        if (len) buf[at] ^= (uint8_t)(1u << (next_random() % 8));
        break;
      case 2:
        len = at; /* truncate */
        break;
      case 3:
        if (len < INPUT_MAX) {
          memmove(buf + at + 1, buf + at, len - at);
          buf[at] = (uint8_t) "{}[]\",:\\0-9.eE\r\n\x00\x7f\xff"[next_random() % 19];
          len++;
        }
        break;
      case 4: { /* a piece of another input */
        size_t pick = next_random() % corpus_cnt;
        size_t from = corpus_len[pick] ? next_random() % corpus_len[pick] : 0;
        size_t n = corpus_len[pick] - from;
        if (n > INPUT_MAX - at) n = INPUT_MAX - at;
        if (n) memcpy(buf + at, corpus[pick] + from, n);
        if (at + n > len) len = at + n;
        break;
      }
      default:
        if (len > 1) {
          size_t n = next_random() % (len - at);
          size_t to = next_random() % (len - n + 1);
          memmove(buf + to, buf + at, n);
        }
    }
  }
  return len;
}

static void run_one(const uint8_t *data, size_t len) {
  uint8_t *copy = malloc(len ? len : 1); /* exact size, so that a sanitizer sees the end */
  if (!copy) exit(10);
  if (len) memcpy(copy, data, len);
  LLVMFuzzerTestOneInput(copy, len);
  free(copy);
}

int main(int argc, char **argv) {
  unsigned long runs = 0;
  rng = 1;
  for (int i = 1; i < argc; i++) {
    if (strncmp(argv[i], "-runs=", 6) == 0) {
      runs = strtoul(argv[i] + 6, NULL, 10);
    } else if (strncmp(argv[i], "-seed=", 6) == 0) {
      rng = strtoull(argv[i] + 6, NULL, 10) | 1;
    } else if (argv[i][0] == '-') {
      fprintf(stderr, "fuzz driver: unknown option %s\n", argv[i]);
      return 2;
    } else {
      load_dir(argv[i]);
    }
  }
  if (corpus_cnt == 0) add_input((const uint8_t *)"", 0);
  static uint8_t buf[INPUT_MAX + 8];
  for (size_t i = 0; i < corpus_cnt; i++) run_one(corpus[i], corpus_len[i]);
  for (unsigned long i = 0; i < runs; i++) {
    size_t pick = next_random() % corpus_cnt;
    size_t len = corpus_len[pick];
    if (len) memcpy(buf, corpus[pick], len);
    run_one(buf, mutate(buf, len));
  }
  printf("%zu corpus inputs, %lu mutations\n", corpus_cnt, runs);
  for (size_t i = 0; i < corpus_cnt; i++) free(corpus[i]);
  return 0;
}

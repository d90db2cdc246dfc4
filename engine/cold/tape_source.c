#include "engine/cold/tape_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "engine/cold/file_ops.h"

enum { IN_BYTES = 256 << 10, WINDOW_BYTES = 1 << 20, ZSTD_WINDOW_LOG = 23 };

struct tg_tape_source {
  int fd; /* -1: memory */
  const uint8_t *mem;
  size_t mem_len, mem_at;
  ZSTD_DCtx *ctx; /* NULL: plain */
  uint8_t *in;    /* compressed bytes */
  size_t in_len, in_at;
  uint8_t *window; /* uncompressed bytes */
  size_t len, at;
  bool file_end, frame_open;
};

/* Up to cap raw bytes of the file; 0 at its end. */
static ssize_t raw(tg_tape_source_t *source, uint8_t *buf, size_t cap) {
  if (source->fd < 0) {
    size_t n = source->mem_len - source->mem_at;
    if (n > cap) n = cap;
    if (n) memcpy(buf, source->mem + source->mem_at, n);
    source->mem_at += n;
    return (ssize_t)n;
  }
  ssize_t n;
  do {
    n = read(source->fd, buf, cap);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? tg_file_err(errno) : n;
}

/* Some more uncompressed bytes into the window's free end. 0 or error; file_end when there are no more. */
static int more(tg_tape_source_t *source) {
  if (!source->ctx) {
    ssize_t n = raw(source, source->window + source->len, WINDOW_BYTES - source->len);
    if (n < 0) return (int)n;
    if (n == 0) source->file_end = true;
    source->len += (size_t)n;
    return 0;
  }
  if (source->in_at == source->in_len) {
    ssize_t n = raw(source, source->in, IN_BYTES);
    if (n < 0) return (int)n;
    source->in_at = 0;
    source->in_len = (size_t)n;
    if (n == 0) source->file_end = true;
  }
  ZSTD_inBuffer in = {source->in, source->in_len, source->in_at};
  ZSTD_outBuffer out = {source->window, WINDOW_BYTES, source->len};
  if (source->file_end) return 0;
  size_t left = ZSTD_decompressStream(source->ctx, &out, &in);
  if (ZSTD_isError(left)) return -TG_ECORRUPT;
  source->frame_open = left != 0;
  source->in_at = in.pos;
  source->len = out.pos;
  return 0;
}

static int detect(tg_tape_source_t *source) {
  static const uint8_t magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
  size_t got = 0;
  while (got < sizeof magic) {
    ssize_t n = raw(source, source->in + got, sizeof magic - got);
    if (n < 0) return (int)n;
    if (n == 0) break;
    got += (size_t)n;
  }
  if (got == sizeof magic && memcmp(source->in, magic, sizeof magic) == 0) {
    source->ctx = ZSTD_createDCtx();
    if (!source->ctx) return -TG_ENOMEM;
    if (ZSTD_isError(ZSTD_DCtx_setParameter(source->ctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG))) return -TG_EINTERNAL;
    source->in_len = got;
    source->frame_open = true;
    return 0;
  }
  memcpy(source->window, source->in, got);
  source->len = got;
  return 0;
}

int tg_tape_source_open(tg_tape_source_t **out, const char *path, const void *data, size_t len) {
  *out = NULL;
  tg_tape_source_t *source = calloc(1, sizeof *source);
  if (!source) return -TG_ENOMEM;
  source->fd = -1;
  source->mem = data;
  source->mem_len = len;
  source->in = malloc(IN_BYTES);
  source->window = malloc(WINDOW_BYTES);
  int rc = source->in && source->window ? 0 : -TG_ENOMEM;
  if (rc == 0 && path) {
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0) rc = tg_file_err(errno);
  }
  if (rc == 0) rc = detect(source);
  if (rc < 0) {
    tg_tape_source_close(source);
    return rc;
  }
  *out = source;
  return 0;
}

int tg_tape_source_peek(tg_tape_source_t *source, size_t want, const uint8_t **at, size_t *have) {
  if (source->len - source->at < want && source->at > 0) {
    memmove(source->window, source->window + source->at, source->len - source->at);
    source->len -= source->at;
    source->at = 0;
  }
  while (source->len - source->at < want && !source->file_end) {
    int rc = more(source);
    if (rc < 0) return rc;
  }
  *at = source->window + source->at;
  *have = source->len - source->at;
  return 0;
}

void tg_tape_source_skip(tg_tape_source_t *source, size_t len) {
  source->at += len;
}

bool tg_tape_source_torn(const tg_tape_source_t *source) {
  return source->ctx && source->frame_open && source->file_end;
}

void tg_tape_source_close(tg_tape_source_t *source) {
  if (!source) return;
  if (source->fd >= 0) close(source->fd);
  ZSTD_freeDCtx(source->ctx);
  free(source->in);
  free(source->window);
  free(source);
}

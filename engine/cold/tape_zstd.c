#include "engine/cold/tape_zstd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "engine/cold/tape.h"

enum { LEVEL = 3, IN_BYTES = 64 << 10 };

struct tg_tape_zip {
  const tg_file_ops_t *ops;
  char dir[TG_TAPE_PATH_BYTES], from[TG_TAPE_PATH_BYTES + 64], temp[TG_TAPE_PATH_BYTES + 80], to[TG_TAPE_PATH_BYTES + 80];
  int in_fd, out_fd;
  ZSTD_CCtx *ctx;
  uint8_t *in, *out;
  size_t out_cap;
};

static int open_files(tg_tape_zip_t *zip) {
  zip->in_fd = open(zip->from, O_RDONLY | O_CLOEXEC);
  if (zip->in_fd < 0) return tg_file_err(errno);
  if (access(zip->temp, F_OK) == 0) (void)zip->ops->unlink(zip->ops->user, zip->temp); /* of an earlier crash */
  zip->out_fd = zip->ops->create(zip->ops->user, zip->temp);
  return zip->out_fd < 0 ? zip->out_fd : 0;
}

int tg_tape_zip_new(tg_tape_zip_t **out, const tg_file_ops_t *ops, const char *dir, const char *path) {
  *out = NULL;
  tg_tape_zip_t *zip = calloc(1, sizeof *zip);
  if (!zip) return -TG_ENOMEM;
  zip->ops = ops;
  zip->in_fd = zip->out_fd = -1;
  snprintf(zip->dir, sizeof zip->dir, "%s", dir);
  snprintf(zip->from, sizeof zip->from, "%s", path);
  snprintf(zip->to, sizeof zip->to, "%s.zst", path);
  snprintf(zip->temp, sizeof zip->temp, "%s.zst.tmp", path);
  zip->ctx = ZSTD_createCCtx();
  zip->in = malloc(IN_BYTES);
  zip->out_cap = ZSTD_CStreamOutSize();
  zip->out = malloc(zip->out_cap);
  int rc = zip->ctx && zip->in && zip->out ? open_files(zip) : -TG_ENOMEM;
  if (rc == 0 && (ZSTD_isError(ZSTD_CCtx_setParameter(zip->ctx, ZSTD_c_compressionLevel, LEVEL)) ||
                  ZSTD_isError(ZSTD_CCtx_setParameter(zip->ctx, ZSTD_c_checksumFlag, 1)))) {
    rc = -TG_EINTERNAL;
  }
  if (rc < 0) {
    tg_tape_zip_free(zip);
    return rc;
  }
  *out = zip;
  return 0;
}

/* Feeds `len` bytes, ends the frame when `last`; writes everything that comes out. */
static int feed(tg_tape_zip_t *zip, size_t len, bool last) {
  ZSTD_inBuffer in = {zip->in, len, 0};
  ZSTD_EndDirective what = last ? ZSTD_e_end : ZSTD_e_continue;
  for (;;) {
    ZSTD_outBuffer out = {zip->out, zip->out_cap, 0};
    size_t left = ZSTD_compressStream2(zip->ctx, &out, &in, what);
    if (ZSTD_isError(left)) return -TG_EINTERNAL;
    int rc = tg_file_write_all(zip->ops, zip->out_fd, zip->out, out.pos);
    if (rc < 0) return rc;
    if (last ? left == 0 : in.pos == in.size) return 0;
  }
}

/* The compressed file takes the segment's place. */
static int finish(tg_tape_zip_t *zip) {
  const tg_file_ops_t *ops = zip->ops;
  int rc = ops->sync(ops->user, zip->out_fd);
  if (rc < 0) return rc;
  rc = ops->close(ops->user, zip->out_fd);
  zip->out_fd = -1;
  if (rc == 0) rc = ops->rename(ops->user, zip->temp, zip->to);
  if (rc == 0) zip->temp[0] = '\0';
  if (rc == 0) rc = ops->sync_dir(ops->user, zip->dir);
  if (rc == 0) rc = ops->unlink(ops->user, zip->from);
  return rc < 0 ? rc : 1;
}

int tg_tape_zip_step(tg_tape_zip_t *zip, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = read(zip->in_fd, zip->in, IN_BYTES);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tg_file_err(errno);
    int rc = feed(zip, (size_t)n, n == 0);
    if (rc < 0) return rc;
    if (n == 0) return finish(zip);
    done += (size_t)n;
  }
  return 0;
}

void tg_tape_zip_free(tg_tape_zip_t *zip) {
  if (zip->in_fd >= 0) close(zip->in_fd);
  if (zip->out_fd >= 0) {
    (void)zip->ops->close(zip->ops->user, zip->out_fd);
    (void)zip->ops->unlink(zip->ops->user, zip->temp);
  }
  ZSTD_freeCCtx(zip->ctx);
  free(zip->in);
  free(zip->out);
  free(zip);
}

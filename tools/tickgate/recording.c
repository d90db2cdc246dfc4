#include "tools/tickgate/recording.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "codecs/json.h"
#include "engine/base/err.h"

#define CHUNK_BYTES (256u << 10)

typedef struct rec_row { /* of a session file */
  uint64_t ts_ns, line_no;
  size_t at, len; /* of the unescaped text */
  bool http;
  char symbol[24];
} rec_row_t;

struct tg_rec {
  char *path;
  gzFile gz;
  FILE *file;
  ZSTD_DStream *zstd;
  ZSTD_inBuffer zstd_in;
  uint8_t *zstd_buf;
  size_t zstd_want; /* 0: a frame ended exactly */
  char *buf;        /* decompressed bytes not yet given out */
  size_t buf_cap, buf_len, buf_at;
  bool at_end;
  uint64_t line_no;
  bool session;
  char *text; /* of all rows of a session */
  size_t text_len, text_cap;
  rec_row_t *row;
  size_t row_cnt, row_cap, row_at;
  char error[512];
};

__attribute__((format(printf, 3, 4))) static int fail(tg_recording_t *rec, int err, const char *fmt, ...) {
  va_list ap;
  int n = snprintf(rec->error, sizeof rec->error, "%s:", rec->path);
  if (rec->line_no != 0 && n > 0 && (size_t)n < sizeof rec->error) {
    n += snprintf(rec->error + n, sizeof rec->error - (size_t)n, "%llu:", (unsigned long long)rec->line_no);
  }
  if (n > 0 && (size_t)n + 1 < sizeof rec->error) {
    rec->error[n++] = ' ';
    va_start(ap, fmt);
    (void)vsnprintf(rec->error + n, sizeof rec->error - (size_t)n, fmt, ap);
    va_end(ap);
  }
  return err;
}

static bool grow(void *mem, size_t *cap, size_t need, size_t unit) {
  void **p = mem;
  if (need <= *cap) return true;
  size_t cnt = *cap == 0 ? 4096 : *cap;
  while (cnt < need) cnt *= 2;
  void *bigger = realloc(*p, cnt * unit);
  if (bigger == NULL) return false;
  *p = bigger;
  *cap = cnt;
  return true;
}

/* --- bytes -------------------------------------------------------------------------------------------- */

static int read_zstd(tg_recording_t *rec, char *out, size_t cap, size_t *got) {
  ZSTD_outBuffer to = {out, cap, 0};
  while (to.pos == 0) {
    if (rec->zstd_in.pos == rec->zstd_in.size) {
      size_t n = fread(rec->zstd_buf, 1, CHUNK_BYTES, rec->file);
      if (n == 0) {
        if (ferror(rec->file)) return fail(rec, -TG_EIO, "cannot be read: %s", strerror(errno));
        if (rec->zstd_want != 0) return fail(rec, -TG_ECORRUPT, "the compressed data ends early");
        break;
      }
      rec->zstd_in = (ZSTD_inBuffer){rec->zstd_buf, n, 0};
    }
    rec->zstd_want = ZSTD_decompressStream(rec->zstd, &to, &rec->zstd_in);
    if (ZSTD_isError(rec->zstd_want)) return fail(rec, -TG_ECORRUPT, "corrupt: %s", ZSTD_getErrorName(rec->zstd_want));
  }
  *got = to.pos;
  return 0;
}

static int read_gz(tg_recording_t *rec, char *out, size_t cap, size_t *got) {
  int n = gzread(rec->gz, out, (unsigned)cap);
  if (n <= 0) {
    int code = Z_OK;
    const char *text = gzerror(rec->gz, &code);
    if (code == Z_ERRNO) return fail(rec, -TG_EIO, "cannot be read: %s", strerror(errno));
    if (code == Z_BUF_ERROR) return fail(rec, -TG_ECORRUPT, "the compressed data ends early");
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END)) return fail(rec, -TG_ECORRUPT, "corrupt: %s", text);
  }
  *got = (size_t)n;
  return 0;
}

/* Next line without its end: 1, 0 at the end of the file, or an error. */
static int next_line(tg_recording_t *rec, char **line, size_t *len) {
  for (;;) {
    char *from = rec->buf + rec->buf_at;
    size_t left = rec->buf_len - rec->buf_at;
    char *end = left == 0 ? NULL : memchr(from, '\n', left);
    if (end != NULL || (rec->at_end && left != 0)) {
      *line = from;
      *len = end != NULL ? (size_t)(end - from) : left;
      rec->buf_at += *len + (end != NULL);
      if (*len != 0 && from[*len - 1] == '\r') --*len;
      rec->line_no++;
      return 1;
    }
    if (rec->at_end) return 0;
    if (left > TG_REC_LINE_MAX) return fail(rec, -TG_ESIZE, "a line is longer than %u bytes", TG_REC_LINE_MAX);
    if (rec->buf_at != 0) memmove(rec->buf, from, left);
    rec->buf_at = 0;
    rec->buf_len = left;
    if (!grow(&rec->buf, &rec->buf_cap, left + CHUNK_BYTES, 1)) return fail(rec, -TG_ENOMEM, "out of memory");
    size_t got = 0;
    int rc = rec->zstd != NULL ? read_zstd(rec, rec->buf + left, CHUNK_BYTES, &got)
                               : read_gz(rec, rec->buf + left, CHUNK_BYTES, &got);
    if (rc != 0) return rc;
    rec->buf_len += got;
    rec->at_end = got == 0;
  }
}

/* --- cryptofeed sessions ------------------------------------------------------------------------------ */

/* "1626992740.175661" -> ns. */
static uint64_t session_ns(tg_json_slice_t raw) {
  uint64_t s = 0, ns = 0, unit = 100000000;
  size_t i = 0;
  for (; i < raw.len && raw.p[i] >= '0' && raw.p[i] <= '9'; i++) s = s * 10u + (uint64_t)(raw.p[i] - '0');
  if (i < raw.len && raw.p[i] == '.') {
    for (i++; i < raw.len && raw.p[i] >= '0' && raw.p[i] <= '9' && unit != 0; i++, unit /= 10u)
      ns += (uint64_t)(raw.p[i] - '0') * unit;
  }
  return s * (uint64_t)TG_NS_PER_S + ns;
}

/* The symbol=... of a depth snapshot's URL. */
static void url_symbol(tg_json_slice_t url, char out[24]) {
  static const char key[] = "symbol=";
  const char *at = memmem(url.p, url.len, key, sizeof key - 1);
  out[0] = 0;
  if (at == NULL || memmem(url.p, url.len, "/depth?", 7) == NULL) return;
  at += sizeof key - 1;
  size_t n = 0;
  for (const char *end = url.p + url.len; at < end && *at != '&' && *at != '"' && n < 23; at++) out[n++] = *at;
  out[n] = 0;
}

static int session_row(tg_recording_t *rec, const char *line, size_t len) {
  tg_json_t json;
  tg_json_slice_t key, type = {"", 0}, url = {"", 0}, ts = {"", 0}, data = {"", 0}, exchange = {"", 0};
  tg_json_init(&json, line, len);
  if (tg_json_obj_begin(&json)) {
    while (tg_json_obj_next(&json, &key)) {
      tg_json_slice_t raw;
      if (!tg_json_raw(&json, &raw)) break;
      if (tg_json_is(key, "t")) type = tg_json_raw_text(raw);
      if (tg_json_is(key, "url")) url = tg_json_raw_text(raw);
      if (tg_json_is(key, "ts")) ts = raw;
      if (tg_json_is(key, "data")) data = tg_json_raw_text(raw);
      if (tg_json_is(key, "exchange")) exchange = tg_json_raw_text(raw);
    }
  }
  if (json.err != 0) return fail(rec, -TG_ECORRUPT, "unreadable row: %s", tg_err_text(json.err));
  if (exchange.len != 0 && memmem(exchange.p, exchange.len, "BINANCE", 7) == NULL) {
    return fail(rec, -TG_EUNSUPPORTED, "a session of %.*s; books are built of Binance recordings only", (int)exchange.len,
                exchange.p);
  }
  bool http = tg_json_is(type, "http");
  if (!http && !tg_json_is(type, "recv")) return 0;
  if (rec->text_len + data.len > TG_REC_SESSION_MAX)
    return fail(rec, -TG_ESIZE, "the session is too large to be sorted by time");
  if (!grow(&rec->text, &rec->text_cap, rec->text_len + data.len, 1) ||
      !grow(&rec->row, &rec->row_cap, rec->row_cnt + 1, sizeof *rec->row)) {
    return fail(rec, -TG_ENOMEM, "out of memory");
  }
  int n = tg_json_unescape(data, rec->text + rec->text_len, data.len);
  if (n < 0) return fail(rec, -TG_ECORRUPT, "unreadable data: %s", tg_err_text(n));
  rec_row_t *row = &rec->row[rec->row_cnt++];
  *row = (rec_row_t){.ts_ns = session_ns(ts), .line_no = rec->line_no, .at = rec->text_len, .len = (size_t)n, .http = http};
  url_symbol(url, row->symbol);
  rec->text_len += (size_t)n;
  return 0;
}

static int by_time(const void *a, const void *b) {
  const rec_row_t *x = a, *y = b;
  if (x->ts_ns != y->ts_ns) return x->ts_ns < y->ts_ns ? -1 : 1;
  return x->line_no < y->line_no ? -1 : 1;
}

static int load_session(tg_recording_t *rec) {
  char *line;
  size_t len;
  int rc;
  while ((rc = next_line(rec, &line, &len)) == 1) {
    if (len != 0 && (rc = session_row(rec, line, len)) != 0) return rc;
  }
  if (rc != 0) return rc;
  qsort(rec->row, rec->row_cnt, sizeof *rec->row, by_time);
  return 0;
}

/* --- interface ---------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *tail) {
  size_t a = strlen(text), b = strlen(tail);
  return a >= b && memcmp(text + a - b, tail, b) == 0;
}

int tg_recording_open(tg_recording_t **out, const char *path) {
  tg_recording_t *rec = calloc(1, sizeof *rec);
  if (rec == NULL) return -TG_ENOMEM;
  *out = rec;
  rec->path = strdup(path);
  if (rec->path == NULL) return fail(rec, -TG_ENOMEM, "out of memory");
  if (ends_with(path, ".zst")) {
    rec->file = fopen(path, "rb");
    if (rec->file == NULL) return fail(rec, -TG_EIO, "%s", strerror(errno));
    rec->zstd = ZSTD_createDStream();
    rec->zstd_buf = malloc(CHUNK_BYTES);
    if (rec->zstd == NULL || rec->zstd_buf == NULL) return fail(rec, -TG_ENOMEM, "out of memory");
  } else {
    rec->gz = gzopen(path, "rb");
    if (rec->gz == NULL) return fail(rec, -TG_EIO, "%s", strerror(errno));
    (void)gzbuffer(rec->gz, CHUNK_BYTES);
  }
  char *line;
  size_t len;
  int rc = next_line(rec, &line, &len);
  if (rc <= 0) return rc;
  rec->session = len >= 5 && memcmp(line, "{\"t\":", 5) == 0;
  rec->buf_at = 0; /* the first line is read again: nothing was moved yet */
  rec->line_no = 0;
  return rec->session ? load_session(rec) : 0;
}

int tg_recording_next(tg_recording_t *rec, tg_recording_frame_t *frame) {
  memset(frame, 0, sizeof *frame);
  if (rec->session) {
    if (rec->row_at == rec->row_cnt) return 0;
    const rec_row_t *row = &rec->row[rec->row_at++];
    rec->line_no = row->line_no;
    *frame = (tg_recording_frame_t){
        .text = rec->text + row->at, .len = row->len, .ts_ns = row->ts_ns, .line_no = row->line_no, .http = row->http};
    memcpy(frame->symbol, row->symbol, sizeof frame->symbol);
    return 1;
  }
  char *line;
  size_t len;
  int rc;
  while ((rc = next_line(rec, &line, &len)) == 1) {
    if (len == 0) continue;
    size_t digits = 0;
    uint64_t ts = 0;
    while (digits < len && digits < 19 && line[digits] >= '0' && line[digits] <= '9')
      ts = ts * 10u + (uint64_t)(line[digits++] - '0');
    if (digits != 0 && (digits < 13 || digits == len || line[digits] != ' ')) {
      return fail(rec, -TG_ECORRUPT, "neither a receive time and a frame nor a frame");
    }
    size_t skip = digits == 0 ? 0 : digits + 1;
    for (size_t i = digits; digits != 0 && i < 19; i += 3) ts *= 1000u; /* 13 digits are ms, 16 us, 19 ns */
    frame->text = line + skip;
    frame->len = len - skip;
    frame->ts_ns = ts;
    frame->line_no = rec->line_no;
    return 1;
  }
  return rc;
}

const char *tg_recording_error(const tg_recording_t *rec) {
  return rec->error;
}

void tg_recording_close(tg_recording_t *rec) {
  if (rec == NULL) return;
  if (rec->gz != NULL) (void)gzclose(rec->gz);
  if (rec->file != NULL) (void)fclose(rec->file);
  ZSTD_freeDStream(rec->zstd);
  free(rec->zstd_buf);
  free(rec->buf);
  free(rec->text);
  free(rec->row);
  free(rec->path);
  free(rec);
}

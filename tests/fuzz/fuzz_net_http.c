/* fuzz_net_http.c - any bytes as an HTTP answer: whole and in pieces they give the same head, body and end.
 * What:    first byte: size of the pieces and, in its top bit, whether the request was HEAD; the rest is the answer.
 * Errors:  abort() on a difference or an inconsistency. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

enum { BODY_MAX = 4096 };

typedef struct outcome {
  uint64_t hash, body;
  size_t eaten;
  int rc, eof;
} outcome_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mix(outcome_t *out, const void *data, size_t len) {
  const uint8_t *p = data;
  for (size_t i = 0; i < len; i++) out->hash = (out->hash ^ p[i]) * UINT64_C(1099511628211);
}

static void take_head(outcome_t *out, const tg_http_head_t *head) {
  if (head->status < 100 || head->status > 599 || head->used > sizeof head->text || head->field_cnt > TG_HTTP_HEADERS_MAX)
    abort();
  for (unsigned i = 0; i < head->field_cnt; i++) {
    const tg_http_field_t *f = &head->field[i];
    if (f->name_at + f->name_len > head->used || f->value_at + f->value_len > head->used) abort();
    mix(out, head->text + f->name_at, f->name_len);
    mix(out, head->text + f->value_at, f->value_len);
  }
  size_t len;
  (void)tg_http_header(head, "Content-Length", &len);
}

static outcome_t run(const uint8_t *data, size_t size, size_t step, bool head_request) {
  static tg_http_parser_t parser;
  outcome_t out = {0, 0, 0, TG_HTTP_NEED, 0};
  tg_http_parse_begin(&parser, head_request, BODY_MAX);
  size_t end = 0;
  while (out.rc >= 0 && out.rc != TG_HTTP_DONE) {
    if (out.eaten == end) {
      if (end == size) break;
      end = size - end < step ? size : end + step;
    }
    size_t n = end - out.eaten, used;
    uint8_t *chunk = malloc(n);
    if (!chunk) abort();
    memcpy(chunk, data + out.eaten, n);
    out.rc = tg_http_parse(&parser, chunk, n, &used);
    if (used > n || (out.rc == TG_HTTP_NEED && used != n)) abort();
    out.eaten += used;
    if (out.rc == TG_HTTP_HEAD) take_head(&out, &parser.head);
    if (out.rc == TG_HTTP_BODY) {
      if (parser.body < chunk || parser.body + parser.body_len > chunk + n) abort();
      mix(&out, parser.body, parser.body_len);
      out.body += parser.body_len;
      if (out.body > BODY_MAX) abort();
    }
    free(chunk);
    if (out.rc > 0 && tg_http_parse(&parser, NULL, 0, &used) == TG_HTTP_DONE) out.rc = TG_HTTP_DONE;
  }
  if (out.rc == TG_HTTP_HEAD || out.rc == TG_HTTP_BODY) out.rc = TG_HTTP_NEED; /* which piece came last is no difference */
  if (out.rc >= 0) out.eof = tg_http_parse_eof(&parser);
  if (out.rc < 0) out.eaten = 0; /* where inside a line an error is seen depends on the pieces */
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  bool head_request = (data[0] & 128) != 0;
  outcome_t whole = run(data + 1, size - 1, size, head_request);
  outcome_t pieces = run(data + 1, size - 1, 1u + data[0] % 64, head_request);
  bool same = (whole.rc < 0) == (pieces.rc < 0) && whole.eof == pieces.eof && whole.eaten == pieces.eaten;
  if (whole.rc >= 0) same = same && whole.rc == pieces.rc && whole.hash == pieces.hash && whole.body == pieces.body;
  if (!same) abort();
  return 0;
}

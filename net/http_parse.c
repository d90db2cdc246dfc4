#include <string.h>

#include "net/http.h"

enum state {
  S_START = 0, /* status line */
  S_FIELDS,
  S_LENGTH,
  S_UNTIL_CLOSE,
  S_CHUNK_SIZE,
  S_CHUNK_EXT,
  S_CHUNK_SIZE_LF,
  S_CHUNK_DATA,
  S_CHUNK_DATA_CR,
  S_CHUNK_DATA_LF,
  S_TRAILER_START,
  S_TRAILER_LINE,
  S_TRAILER_LF,
  S_END_LF,
  S_DONE,
};

enum { INFORMATIONAL_MAX = 16, SIDE_MAX = 8192, CHUNK_DIGITS_MAX = 15 };

static int bad(tg_http_parser_t *parser, int err, const char *why) {
  parser->why = why;
  return err;
}

/* RFC 9110 5.6.2 */
static bool is_token(uint8_t c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_word(const char *a, size_t len, const char *word) {
  for (size_t i = 0; i < len; i++) {
    if (!word[i] || lower(a[i]) != word[i]) return false;
  }
  return word[len] == 0;
}

/* True when the comma-separated list holds the (lower case) word. */
static bool list_has(const char *value, size_t len, const char *word) {
  size_t at = 0;
  while (at <= len) {
    size_t stop = at;
    while (stop < len && value[stop] != ',') stop++;
    size_t from = at, to = stop;
    while (from < to && (value[from] == ' ' || value[from] == '\t')) from++;
    while (to > from && (value[to - 1] == ' ' || value[to - 1] == '\t')) to--;
    if (same_word(value + from, to - from, word)) return true;
    at = stop + 1;
  }
  return false;
}

const char *tg_http_header(const tg_http_head_t *head, const char *name, size_t *len) {
  size_t want = strlen(name);
  for (uint16_t i = 0; i < head->field_cnt; i++) {
    const tg_http_field_t *field = &head->field[i];
    if (field->name_len != want) continue;
    const char *have = head->text + field->name_at;
    size_t k = 0;
    while (k < want && lower(have[k]) == lower(name[k])) k++;
    if (k < want) continue;
    *len = field->value_len;
    return head->text + field->value_at;
  }
  return NULL;
}

static int parse_u64(const char *text, size_t len, uint64_t *out) {
  if (len == 0 || len > 19) return -TG_ESYNTAX;
  uint64_t value = 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return -TG_ESYNTAX;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  *out = value;
  return 0;
}

int tg_http_header_u64(const tg_http_head_t *head, const char *name, uint64_t *out) {
  size_t len;
  const char *value = tg_http_header(head, name, &len);
  return value ? parse_u64(value, len, out) : -TG_ENOTFOUND;
}

static void begin_head(tg_http_parser_t *parser) {
  parser->head.status = 0;
  parser->head.minor = 0;
  parser->head.keep_alive = false;
  parser->head.chunked = false;
  parser->head.has_length = false;
  parser->head.upgrade = false;
  parser->head.field_cnt = 0;
  parser->head.reason_at = parser->head.reason_len = 0;
  parser->head.used = 0;
  parser->head.content_length = 0;
  parser->line_at = 0;
  parser->state = S_START;
}

void tg_http_parse_begin(tg_http_parser_t *parser, bool head_request, uint64_t body_max) {
  begin_head(parser);
  parser->body = NULL;
  parser->body_len = 0;
  parser->why = "";
  parser->body_max = body_max;
  parser->informational_cnt = 0;
  parser->body_seen = parser->left = 0;
  parser->side_bytes = 0;
  parser->chunk_digits = 0;
  parser->head_request = head_request;
}

/* "HTTP/1.1 200 OK" without its CRLF. */
static int status_line(tg_http_parser_t *parser, const char *line, size_t len) {
  if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1')) {
    return bad(parser, -TG_EPROTO, "not an HTTP/1.0 or 1.1 status line");
  }
  uint64_t status;
  if (line[8] != ' ' || parse_u64(line + 9, 3, &status) || status < 100 || status > 599) {
    return bad(parser, -TG_EPROTO, "bad status code");
  }
  if (len > 12 && line[12] != ' ') return bad(parser, -TG_EPROTO, "bad status code");
  for (size_t i = 13; i < len; i++) {
    if (((uint8_t)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
      return bad(parser, -TG_EPROTO, "control character in the reason");
  }
  parser->head.minor = (uint8_t)(line[7] - '0');
  parser->head.status = (uint16_t)status;
  parser->head.reason_at = (uint16_t)(parser->line_at + (len > 13 ? 13 : len));
  parser->head.reason_len = (uint16_t)(len > 13 ? len - 13 : 0);
  return 0;
}

static int field_line(tg_http_parser_t *parser, const char *line, size_t len) {
  tg_http_head_t *head = &parser->head;
  if (line[0] == ' ' || line[0] == '\t') return bad(parser, -TG_EPROTO, "folded header line");
  if (head->field_cnt == TG_HTTP_HEADERS_MAX) return bad(parser, -TG_ESIZE, "too many header lines");
  size_t name = 0;
  while (name < len && is_token((uint8_t)line[name])) name++;
  if (name == 0 || name == len || line[name] != ':') return bad(parser, -TG_EPROTO, "bad header name");
  size_t from = name + 1, to = len;
  while (from < to && (line[from] == ' ' || line[from] == '\t')) from++;
  while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t')) to--;
  for (size_t i = from; i < to; i++) {
    if (((uint8_t)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
      return bad(parser, -TG_EPROTO, "control character in a header");
  }
  tg_http_field_t *field = &head->field[head->field_cnt++];
  field->name_at = (uint16_t)parser->line_at;
  field->name_len = (uint16_t)name;
  field->value_at = (uint16_t)(parser->line_at + from);
  field->value_len = (uint16_t)(to - from);
  return 0;
}

/* Looks through the fields that decide about the body and the connection. */
static int read_framing(tg_http_parser_t *parser) {
  tg_http_head_t *head = &parser->head;
  bool close = false, keep = false, has_te = false;
  for (uint16_t i = 0; i < head->field_cnt; i++) {
    const tg_http_field_t *field = &head->field[i];
    const char *name = head->text + field->name_at, *value = head->text + field->value_at;
    if (same_word(name, field->name_len, "content-length")) {
      if (head->has_length) return bad(parser, -TG_EPROTO, "Content-Length repeated");
      if (parse_u64(value, field->value_len, &head->content_length)) return bad(parser, -TG_EPROTO, "bad Content-Length");
      head->has_length = true;
    } else if (same_word(name, field->name_len, "transfer-encoding")) {
      if (has_te || !same_word(value, field->value_len, "chunked"))
        return bad(parser, -TG_EPROTO, "Transfer-Encoding other than chunked");
      has_te = true;
      head->chunked = true;
    } else if (same_word(name, field->name_len, "connection")) {
      close = close || list_has(value, field->value_len, "close");
      keep = keep || list_has(value, field->value_len, "keep-alive");
    }
  }
  if (head->chunked && head->has_length) return bad(parser, -TG_EPROTO, "Content-Length together with Transfer-Encoding");
  if (head->chunked && head->minor == 0) return bad(parser, -TG_EPROTO, "Transfer-Encoding in HTTP/1.0");
  head->keep_alive = !close && (head->minor == 1 || keep);
  return 0;
}

/* The empty line came: what follows? (RFC 9112 6.3) */
static int head_ended(tg_http_parser_t *parser) {
  tg_http_head_t *head = &parser->head;
  int rc = read_framing(parser);
  if (rc) return rc;
  if (head->status < 200 && head->status != 101) {
    if (++parser->informational_cnt > INFORMATIONAL_MAX) return bad(parser, -TG_ESIZE, "too many 1xx answers");
    begin_head(parser);
    return TG_HTTP_NEED;
  }
  bool none = parser->head_request || head->status == 204 || head->status == 304 || head->status == 101;
  head->upgrade = head->status == 101;
  if (none) {
    parser->state = S_DONE;
  } else if (head->chunked) {
    parser->state = S_CHUNK_SIZE;
  } else if (head->has_length) {
    if (head->content_length > parser->body_max) return bad(parser, -TG_ESIZE, "body larger than the cap");
    parser->left = head->content_length;
    parser->state = parser->left ? S_LENGTH : S_DONE;
  } else {
    head->keep_alive = false;
    parser->state = S_UNTIL_CLOSE;
  }
  return TG_HTTP_HEAD;
}

/* Takes one line (or its beginning) into head.text. */
static int eat_head(tg_http_parser_t *parser, const uint8_t *data, size_t len, size_t *eaten) {
  tg_http_head_t *head = &parser->head;
  while (*eaten < len) {
    const uint8_t *from = data + *eaten;
    const uint8_t *lf = memchr(from, '\n', len - *eaten);
    size_t take = lf ? (size_t)(lf - from) + 1 : len - *eaten;
    if (take > sizeof head->text - head->used) return bad(parser, -TG_ESIZE, "header larger than the cap");
    memcpy(head->text + head->used, from, take);
    head->used += (uint32_t)take;
    *eaten += take;
    if (!lf) return TG_HTTP_NEED;
    const char *line = head->text + parser->line_at;
    size_t n = head->used - parser->line_at;
    if (n < 2 || line[n - 2] != '\r') return bad(parser, -TG_EPROTO, "line not ended by CRLF");
    n -= 2;
    if (memchr(line, '\r', n)) return bad(parser, -TG_EPROTO, "lone CR");
    int rc;
    if (parser->state == S_START) {
      rc = status_line(parser, line, n);
      parser->state = S_FIELDS;
    } else if (n == 0) {
      rc = head_ended(parser);
      if (rc != TG_HTTP_NEED) return rc;
      continue;
    } else {
      rc = field_line(parser, line, n);
    }
    if (rc) return rc;
    parser->line_at = head->used;
  }
  return TG_HTTP_NEED;
}

static int give_body(tg_http_parser_t *parser, const uint8_t *data, size_t len, size_t *eaten) {
  parser->body = data + *eaten;
  parser->body_len = len;
  parser->body_seen += len;
  *eaten += len;
  return TG_HTTP_BODY;
}

static int hex_value(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static int chunk_size_byte(tg_http_parser_t *parser, uint8_t c) {
  int digit = hex_value(c);
  if (digit >= 0) {
    if (++parser->chunk_digits > CHUNK_DIGITS_MAX) return bad(parser, -TG_EPROTO, "chunk size too long");
    parser->left = (parser->left << 4) | (uint64_t)digit;
    return 0;
  }
  if (parser->chunk_digits == 0) return bad(parser, -TG_EPROTO, "chunk size without a digit");
  if (parser->left > parser->body_max - parser->body_seen) return bad(parser, -TG_ESIZE, "body larger than the cap");
  if (c == '\r') {
    parser->state = S_CHUNK_SIZE_LF;
  } else if (c == ';') {
    parser->state = S_CHUNK_EXT;
  } else {
    return bad(parser, -TG_EPROTO, "bad character in a chunk size");
  }
  return 0;
}

/* One byte of chunk framing or trailer. */
static int frame_byte(tg_http_parser_t *parser, uint8_t c) {
  switch (parser->state) {
    case S_CHUNK_SIZE:
      return chunk_size_byte(parser, c);
    case S_CHUNK_EXT:
    case S_TRAILER_LINE:
      if (++parser->side_bytes > SIDE_MAX) return bad(parser, -TG_ESIZE, "chunk extensions or trailers larger than the cap");
      if (c == '\r') {
        parser->state = parser->state == S_CHUNK_EXT ? S_CHUNK_SIZE_LF : S_TRAILER_LF;
      } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
        return bad(parser, -TG_EPROTO, "control character in a chunk extension or trailer");
      }
      return 0;
    case S_CHUNK_DATA_CR:
      parser->state = S_CHUNK_DATA_LF;
      return c == '\r' ? 0 : bad(parser, -TG_EPROTO, "chunk not ended by CRLF");
    case S_TRAILER_START:
      if (c == '\r') {
        parser->state = S_END_LF;
        return 0;
      }
      parser->state = S_TRAILER_LINE;
      return is_token(c) ? 0 : bad(parser, -TG_EPROTO, "bad trailer name");
    default:
      break;
  }
  if (c != '\n') return bad(parser, -TG_EPROTO, "CR without LF");
  if (parser->state == S_CHUNK_SIZE_LF) {
    parser->state = parser->left ? S_CHUNK_DATA : S_TRAILER_START;
  } else if (parser->state == S_CHUNK_DATA_LF) {
    parser->left = 0;
    parser->chunk_digits = 0;
    parser->state = S_CHUNK_SIZE;
  } else {
    parser->state = parser->state == S_TRAILER_LF ? S_TRAILER_START : S_DONE;
  }
  return 0;
}

int tg_http_parse(tg_http_parser_t *parser, const uint8_t *data, size_t len, size_t *eaten) {
  *eaten = 0;
  for (;;) {
    if (parser->state == S_DONE) return TG_HTTP_DONE;
    size_t have = len - *eaten;
    if (have == 0) return TG_HTTP_NEED;
    if (parser->state <= S_FIELDS) {
      int rc = eat_head(parser, data, len, eaten);
      if (rc != TG_HTTP_NEED || *eaten == len) return rc;
    } else if (parser->state == S_LENGTH || parser->state == S_CHUNK_DATA) {
      size_t take = parser->left < have ? (size_t)parser->left : have;
      parser->left -= take;
      if (parser->left == 0) parser->state = parser->state == S_LENGTH ? S_DONE : S_CHUNK_DATA_CR;
      return give_body(parser, data, take, eaten);
    } else if (parser->state == S_UNTIL_CLOSE) {
      if (have > parser->body_max - parser->body_seen) return bad(parser, -TG_ESIZE, "body larger than the cap");
      return give_body(parser, data, have, eaten);
    } else {
      int rc = frame_byte(parser, data[*eaten]);
      if (rc) return rc;
      (*eaten)++;
    }
  }
}

int tg_http_parse_eof(tg_http_parser_t *parser) {
  if (parser->state == S_UNTIL_CLOSE) {
    parser->state = S_DONE;
    return TG_HTTP_DONE;
  }
  if (parser->state == S_DONE) return TG_HTTP_DONE;
  if (parser->state == S_START && parser->head.used == 0 && parser->informational_cnt == 0) return -TG_ECLOSED;
  return bad(parser, -TG_ETRUNCATED, "the connection ended inside the answer");
}

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/decimal.h"
#include "engine/conf/conf.h"
#include "engine/conf/scoped_text.h"

/* ---- one setting ---- */

int64_t tg_conf_number(const tg_conf_t *conf, const tg_conf_row_t *row) {
  int64_t value;
  memcpy(&value, (const char *)conf + row->offset, sizeof value);
  return value;
}

const char *tg_conf_text(const tg_conf_t *conf, const tg_conf_row_t *row) {
  return (const char *)conf + row->offset;
}

static int edit_distance(const char *a, const char *b) {
  enum { CAP = TG_CONF_NAME_BYTES_MAX + 1 };
  size_t a_len = strlen(a), b_len = strlen(b);
  if (a_len >= CAP || b_len >= CAP) return CAP;
  int line[CAP];
  for (size_t j = 0; j <= b_len; j++) line[j] = (int)j;
  for (size_t i = 1; i <= a_len; i++) {
    int corner = line[0];
    line[0] = (int)i;
    for (size_t j = 1; j <= b_len; j++) {
      int change = corner + (a[i - 1] != b[j - 1]);
      corner = line[j];
      int step = (line[j - 1] < line[j] ? line[j - 1] : line[j]) + 1;
      line[j] = change < step ? change : step;
    }
  }
  return line[b_len];
}

/* The row whose name is nearest to a mistyped one; NULL when none is near. */
static const tg_conf_row_t *nearest(const char *name) {
  const tg_conf_row_t *best = NULL;
  int best_distance = 4;
  const char *point = strchr(name, '.');
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    int distance = edit_distance(name, tg_conf_rows[i].name);
    if (point && strcmp(point + 1, tg_conf_rows[i].key) == 0 && distance > 3) distance = 3; /* right key, wrong section */
    if (distance < best_distance) best = &tg_conf_rows[i], best_distance = distance;
  }
  return best;
}

static int unknown_key(const char *name, char *err_text, size_t err_cap) {
  const tg_conf_row_t *near_row = nearest(name);
  if (near_row) {
    (void)snprintf(err_text, err_cap, "unknown key %.60s, did you mean %s?", name, near_row->name);
  } else {
    (void)snprintf(err_text, err_cap, "unknown key %.60s, remove it (tickgate config show lists all keys)", name);
  }
  return -TG_ENOTFOUND;
}

static int bad_number(const tg_conf_row_t *row, int err, const char *value, char *err_text, size_t err_cap) {
  const char *unit = row->type == TG_CONF_CHOICE ? "" : row->unit;
  long long min = row->min, max = row->max;
  switch (row->type) {
    case TG_CONF_BOOL:
      (void)snprintf(err_text, err_cap, "%s = %.40s is no boolean, write true or false", row->name, value);
      break;
    case TG_CONF_CHOICE:
      (void)snprintf(err_text, err_cap, "%s = %.40s is no choice of it, write one of %s", row->name, value, row->unit);
      break;
    case TG_CONF_INT:
      (void)snprintf(err_text, err_cap, "%s = %.40s is %s, write an integer from %lld to %lld%s%s", row->name, value,
                     err == -TG_ERANGE ? "out of range" : "no integer", min, max, *unit ? " " : "", unit);
      break;
    default:
      (void)snprintf(err_text, err_cap, "%s = %.40s is %s, write a decimal from %lld to %lld%s%s with at most 8 decimals",
                     row->name, value, err == -TG_ERANGE ? "out of range" : "no decimal", min, max, *unit ? " " : "", unit);
  }
  return err;
}

/* Length of the UTF-8 sequence at text (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF), 0 when there is
 * none. */
static size_t utf8_len(const unsigned char *text, size_t len) {
  unsigned char c = text[0];
  if (c < 0x80) return 1;
  size_t want = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
  if (want == 0 || want > len) return 0;
  for (size_t i = 1; i < want; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f)) return 0;
  if ((c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f)) return 0;
  return want;
}

/* Bytes that a settings line may have: UTF-8 without control characters but tab. */
static int check_bytes(const char *text, size_t len, char *err_text, size_t err_cap) {
  const unsigned char *at = (const unsigned char *)text;
  for (size_t i = 0; i < len;) {
    if ((at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f) {
      if (at[i] == 0) {
        (void)snprintf(err_text, err_cap, "NUL byte at column %zu, remove it (is this a text file?)", i + 1);
      } else {
        (void)snprintf(err_text, err_cap, "control character 0x%02x at column %zu, remove it", at[i], i + 1);
      }
      return -TG_ESYNTAX;
    }
    size_t step = utf8_len(at + i, len - i);
    if (step == 0) {
      (void)snprintf(err_text, err_cap, "byte 0x%02x at column %zu is not UTF-8, save the file as UTF-8", at[i], i + 1);
      return -TG_ESYNTAX;
    }
    i += step;
  }
  return 0;
}

/* What a file line could not say must not come in by another door: show, load and show again agree. */
static int check_text(const tg_conf_row_t *row, const char *value, size_t len, char *err_text, size_t err_cap) {
  if (len >= TG_CONF_TEXT_BYTES) {
    (void)snprintf(err_text, err_cap, "%s has %zu bytes, write at most %d", row->name, len, TG_CONF_TEXT_BYTES - 1);
    return -TG_ESIZE;
  }
  bool edge =
      len && (value[0] == ' ' || value[0] == '\t' || value[len - 1] == ' ' || value[len - 1] == '\t' || value[0] == ';');
  if (edge || strstr(value, " ;") || strstr(value, "\t;")) {
    (void)snprintf(err_text, err_cap, "%s holds blanks at an end or a ; that would begin a comment, remove them", row->name);
    return -TG_ESYNTAX;
  }
  return 0;
}

int tg_conf_set(tg_conf_t *conf, const char *name, const char *value, char *err_text, size_t err_cap) {
  size_t len = strlen(value);
  int err = check_bytes(name, strlen(name), err_text, err_cap); /* first: the texts below repeat them */
  if (!err) err = check_bytes(value, len, err_text, err_cap);
  if (err) return err;
  if (tg_conf_scoped_name(name)) return tg_conf_scoped_set(conf, name, value, NULL, err_text, err_cap);
  const tg_conf_row_t *row = tg_conf_find(name);
  if (!row) return unknown_key(name, err_text, err_cap);
  char *field = (char *)conf + row->offset;
  if (row->type == TG_CONF_TEXT) {
    err = check_text(row, value, len, err_text, err_cap);
    if (err) return err;
    memset(field, 0, TG_CONF_TEXT_BYTES);
    memcpy(field, value, len);
    return 0;
  }
  int64_t number = 0;
  err = tg_conf_parse_value(row, value, len, &number);
  if (err) return bad_number(row, err, value, err_text, err_cap);
  memcpy(field, &number, sizeof number);
  return 0;
}

void tg_conf_defaults(tg_conf_t *conf) {
  memset(conf, 0, sizeof *conf);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    char why[TG_CONF_ERR_BYTES];
    int err = tg_conf_set(conf, tg_conf_rows[i].name, tg_conf_rows[i].def, why, sizeof why);
    TG_ASSERT(err == 0); /* a test sets every default */
  }
}

/* ---- keys against each other ---- */

static int contradiction(const tg_conf_row_t **culprit, const char *name, char *err_text, size_t err_cap, const char *what) {
  if (culprit) *culprit = tg_conf_find(name);
  (void)snprintf(err_text, err_cap, "%s %s", name, what);
  return -TG_EINVAL;
}

static bool power_of_two(int64_t n) {
  return n > 0 && (n & (n - 1)) == 0;
}

int tg_conf_check(const tg_conf_t *conf, const tg_conf_row_t **culprit, char *err_text, size_t err_cap) {
#define REFUSE(name, what) return contradiction(culprit, name, err_text, err_cap, what)
  if (!power_of_two(conf->lane_ring_slots)) REFUSE("lane.ring_slots", "is no power of two, write one (65536)");
  if (!power_of_two(conf->lane_journal_slots)) REFUSE("lane.journal_slots", "is no power of two, write one (262144)");
  if (conf->venue_reconnect_base_ms > conf->venue_reconnect_max_ms) {
    REFUSE("venue.reconnect_base_ms", "is above venue.reconnect_max_ms, lower it or raise the other");
  }
  if (conf->fsm_tox_low > conf->fsm_tox_mid) REFUSE("fsm.tox_low", "is above fsm.tox_mid, lower it or raise the other");
  if (conf->fsm_tox_mid > conf->fsm_tox_high) REFUSE("fsm.tox_mid", "is above fsm.tox_high, lower it or raise the other");
  if (conf->fsm_tox_high > conf->fsm_tox_extreme) {
    REFUSE("fsm.tox_high", "is above fsm.tox_extreme, lower it or raise the other");
  }
  if (conf->risk_rate_reserve_cancel_pct + conf->risk_rate_reserve_reduce_pct > 90) {
    REFUSE("risk.rate_reserve_cancel_pct", "and risk.rate_reserve_reduce_pct exceed 90 % together, lower one");
  }
#undef REFUSE
  if (culprit) *culprit = NULL;
  return tg_conf_scoped_check(conf, NULL, err_text, err_cap);
}

/* ---- a file ---- */

typedef struct load {
  tg_conf_t *conf;
  const char *text;
  size_t len, at;
  int line;          /* of the last line given to inih */
  int err, err_line; /* first refusal; line 0: the whole file */
  char why[TG_CONF_ERR_BYTES];
  int *seen_line;   /* per row, 0 not seen */
  int *scoped_line; /* per slot and key of [limits.*] */
} load_t;

static void refuse(load_t *load, int err) {
  if (load->err) return;
  load->err = err;
  load->err_line = load->line;
}

static bool section_known(const char *name, size_t len) {
  if (tg_conf_scoped_section(name, len)) return true;
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const char *section = tg_conf_rows[i].section;
    if (strlen(section) == len && memcmp(section, name, len) == 0) return true;
  }
  return false;
}

/* inih would take "[a] junk" and say nothing of an unknown section without keys. */
static bool check_section(load_t *load, const char *line, size_t len) {
  const char *end = memchr(line, ']', len);
  if (!end) {
    (void)snprintf(load->why, sizeof load->why, "section without ], write [section]");
    refuse(load, -TG_ESYNTAX);
    return false;
  }
  size_t name_len = (size_t)(end - line) - 1;
  if (!section_known(line + 1, name_len)) {
    (void)snprintf(load->why, sizeof load->why, "unknown section [%.*s], remove it (tickgate config show lists all sections)",
                   name_len < 40 ? (int)name_len : 40, line + 1);
    refuse(load, -TG_ENOTFOUND);
    return false;
  }
  const char *rest = end + 1;
  while (rest < line + len && (*rest == ' ' || *rest == '\t')) rest++;
  if (rest < line + len && *rest != ';' && *rest != '#') {
    (void)snprintf(load->why, sizeof load->why, "text behind [%.*s], put it on its own line", (int)name_len, line + 1);
    refuse(load, -TG_ESYNTAX);
    return false;
  }
  return true;
}

/* inih's fgets: one whole line a call, blanks in front cut (inih would take them for a value going on), comments emptied. */
static char *next_line(char *out, int cap, void *user) {
  load_t *load = user;
  if (load->err || load->at >= load->len || cap < 2) return NULL;
  const char *line = load->text + load->at;
  size_t left = load->len - load->at;
  const char *feed = memchr(line, '\n', left);
  size_t len = feed ? (size_t)(feed - line) : left;
  load->at += feed ? len + 1 : len;
  load->line++;
  if (len && line[len - 1] == '\r') len--;
  if (len > TG_CONF_LINE_BYTES_MAX || len + 2 > (size_t)cap) {
    (void)snprintf(load->why, sizeof load->why, "line of %zu bytes, write at most %d", len, TG_CONF_LINE_BYTES_MAX);
    refuse(load, -TG_ESIZE);
    return NULL;
  }
  int err = check_bytes(line, len, load->why, sizeof load->why);
  if (err) {
    refuse(load, err);
    return NULL;
  }
  while (len && (*line == ' ' || *line == '\t')) line++, len--;
  if (len && (*line == '#' || *line == ';')) len = 0;
  if (len && *line == '[' && !check_section(load, line, len)) return NULL;
  memcpy(out, line, len);
  out[len] = '\n';
  out[len + 1] = '\0';
  return out;
}

static int on_scoped_pair(load_t *load, const char *name, const char *value) {
  int idx = 0;
  int err = check_bytes(value, strlen(value), load->why, sizeof load->why);
  if (!err) err = tg_conf_scoped_set(load->conf, name, value, &idx, load->why, sizeof load->why);
  if (!err && load->scoped_line[idx]) {
    (void)snprintf(load->why, sizeof load->why, "repeated key %.80s, first set on line %d; keep one", name,
                   load->scoped_line[idx]);
    err = -TG_EEXISTS;
  }
  if (err) {
    refuse(load, err);
    return 0;
  }
  load->scoped_line[idx] = load->line;
  return 1;
}

static int on_pair(void *user, const char *section, const char *key, const char *value) {
  load_t *load = user;
  if (*section == '\0') {
    (void)snprintf(load->why, sizeof load->why, "key %.40s before any [section], put it under one", key);
    refuse(load, -TG_ESYNTAX);
    return 0;
  }
  char name[128];
  (void)snprintf(name, sizeof name, "%s.%s", section, key);
  if (tg_conf_scoped_name(name)) return on_scoped_pair(load, name, value);
  const tg_conf_row_t *row = tg_conf_find(name);
  int *seen = row ? &load->seen_line[row - tg_conf_rows] : NULL;
  if (seen && *seen) {
    (void)snprintf(load->why, sizeof load->why, "repeated key %s, first set on line %d; keep one", name, *seen);
    refuse(load, -TG_EEXISTS);
    return 0;
  }
  int err = tg_conf_set(load->conf, name, value, load->why, sizeof load->why);
  if (err) {
    refuse(load, err);
    return 0;
  }
  if (seen) *seen = load->line;
  return 1;
}

static void inih_options(void) {
  ini_use_stack = false; /* its stack line is 200 bytes, shorter than a TEXT value */
  ini_max_line = ini_initial_alloc = TG_CONF_LINE_BYTES_MAX + 3;
  ini_allow_realloc = false;
  ini_allow_multiline = false;
  ini_allow_bom = false; /* cut here */
  ini_allow_inline_comments = true;
  ini_allow_no_value = false;
  ini_stop_on_first_error = true;
}

/* First line of a section of [limits.*] that the check refused; 0 none. */
static int scoped_section_line(const load_t *load) {
  char why[TG_CONF_ERR_BYTES];
  int slot = 0, line = 0;
  if (tg_conf_scoped_check(load->conf, &slot, why, sizeof why) == 0) return 0;
  for (int k = 0; k < (int)TG_SCOPED_CNT; k++) {
    int at = load->scoped_line[slot * (int)TG_SCOPED_CNT + k];
    if (at && (line == 0 || at < line)) line = at;
  }
  return line;
}

static int parse(load_t *load) {
  static const char bom[3] = {'\xef', '\xbb', '\xbf'};
  if (load->len > TG_CONF_FILE_BYTES_MAX) {
    (void)snprintf(load->why, sizeof load->why, "more than %u KB, is this a settings file?", TG_CONF_FILE_BYTES_MAX / 1024);
    refuse(load, -TG_ESIZE);
    return load->err;
  }
  if (load->len >= sizeof bom && memcmp(load->text, bom, sizeof bom) == 0) load->at = sizeof bom;
  inih_options();
  int said = ini_parse_stream(next_line, load, on_pair, load);
  if (load->err) return load->err;
  if (said > 0) {
    load->line = said;
    (void)snprintf(load->why, sizeof load->why, "neither [section] nor key = value, write one of them");
    refuse(load, -TG_ESYNTAX);
  } else if (said < 0) {
    (void)snprintf(load->why, sizeof load->why, "no memory to read it");
    load->line = 0;
    refuse(load, -TG_ENOMEM);
  }
  const tg_conf_row_t *culprit = NULL;
  if (!load->err && tg_conf_check(load->conf, &culprit, load->why, sizeof load->why)) {
    /* 0: it has its default, the other key was set */
    load->line = culprit ? load->seen_line[culprit - tg_conf_rows] : scoped_section_line(load);
    refuse(load, -TG_EINVAL);
  }
  return load->err;
}

int tg_conf_load_mem(tg_conf_t *conf, const char *file_name, const char *text, size_t len, char *err_text, size_t err_cap) {
  tg_conf_defaults(conf);
  load_t load = {.conf = conf, .text = text, .len = len};
  load.seen_line = calloc(tg_conf_row_cnt + TG_SCOPED_SLOTS * TG_SCOPED_CNT, sizeof *load.seen_line);
  if (!load.seen_line) {
    (void)snprintf(err_text, err_cap, "%s: no memory to read it", file_name);
    return -TG_ENOMEM;
  }
  load.scoped_line = load.seen_line + tg_conf_row_cnt;
  int err = parse(&load);
  free(load.seen_line);
  if (!err) return 0;
  if (load.err_line) {
    (void)snprintf(err_text, err_cap, "%s:%d: %s", file_name, load.err_line, load.why);
  } else {
    (void)snprintf(err_text, err_cap, "%s: %s", file_name, load.why);
  }
  return err;
}

static int open_error(const char *path, char *err_text, size_t err_cap) {
  int why = errno;
  const char *hint = why == ENOENT   ? "there is no such file, name another with --config"
                     : why == EACCES ? "may not be read, change its mode or owner"
                                     : "cannot be opened, name a readable file";
  (void)snprintf(err_text, err_cap, "%s: %s", path, hint);
  return why == ENOENT || why == ENOTDIR ? -TG_ENOTFOUND : why == EACCES ? -TG_EPERM : -TG_EIO;
}

/* Up to cap bytes of a regular file. Bytes read, -TG_EIO. */
static ssize_t read_all(int fd, char *buf, size_t cap) {
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return -TG_EIO;
  size_t used = 0;
  while (used < cap) {
    ssize_t got = read(fd, buf + used, cap - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -TG_EIO;
    if (got == 0) break;
    used += (size_t)got;
  }
  return (ssize_t)used;
}

int tg_conf_load(tg_conf_t *conf, const char *path, char *err_text, size_t err_cap) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe in its place must not hang us */
  if (fd < 0) return open_error(path, err_text, err_cap);
  size_t cap = TG_CONF_FILE_BYTES_MAX + 1;
  char *text = malloc(cap);
  ssize_t len = text ? read_all(fd, text, cap) : -TG_ENOMEM;
  (void)close(fd);
  int err = (int)(len < 0 ? len : 0);
  if (err) {
    (void)snprintf(err_text, err_cap, "%s: %s", path,
                   err == -TG_ENOMEM ? "no memory to read it" : "is no readable file, name another");
  } else {
    err = tg_conf_load_mem(conf, path, text, (size_t)len, err_text, err_cap);
  }
  free(text);
  return err;
}

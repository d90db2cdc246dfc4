#include "engine/cold/decision_file.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/sha256.h"

#define PERIOD_NS UINT64_C(1000000000)

int tg_decision_file_init(tg_decision_file_t *file, const char *run_dir) {
  memset(file, 0, sizeof *file);
  int n = snprintf(file->path, sizeof file->path, "%s/decision.json", run_dir);
  return n > 0 && (size_t)n < sizeof file->path ? 0 : -TG_ESIZE;
}

static bool number(const char *text, int digits, int *out) {
  *out = 0;
  for (int i = 0; i < digits; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    *out = *out * 10 + (text[i] - '0');
  }
  return true;
}

/* Days since 1970 of "YYYY-MM-DD"; false: no date (Hinnant, days_from_civil). */
static bool days_of(const char *text, uint64_t *day_no) {
  int year, month, day;
  if (strlen(text) != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!number(text, 4, &year) || !number(text + 5, 2, &month) || !number(text + 8, 2, &day)) return false;
  static const int days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day > days[month] + (month == 2 && leap)) return false;
  int y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
  int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  *day_no = (uint64_t)(era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468);
  return true;
}

tg_decision_t tg_decision_file_parse(const char *text, size_t len) {
  tg_decision_t told = {0};
  json_error_t why;
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
  const char *day = json_string_value(json_object_get(root, "day"));
  const char *verdict = json_string_value(json_object_get(root, "verdict"));
  if (day && verdict) told.verdict = strcmp(verdict, "allow") == 0 ? 1 : strcmp(verdict, "block") == 0 ? 2 : 0;
  told.valid = told.verdict != 0 && days_of(day, &told.day_no);
  json_decref(root);
  if (!told.valid) return (tg_decision_t){0};
  uint8_t sum[TG_SHA256_BYTES];
  tg_sha256(text, len, sum);
  memcpy(&told.version, sum, sizeof told.version);
  return told;
}

/* The file's bytes, to be freed; NULL when there is none that may be read. */
static char *read_file(const char *path, size_t *len) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return NULL;
  bool fits = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= (off_t)TG_DECISION_FILE_BYTES_MAX;
  char *text = fits ? malloc((size_t)st.st_size) : NULL;
  ssize_t got = text ? read(fd, text, (size_t)st.st_size) : -1;
  (void)close(fd);
  if (got == st.st_size) {
    *len = (size_t)got;
    return text;
  }
  free(text);
  return NULL;
}

bool tg_decision_file_turn(tg_decision_file_t *file, uint64_t now_ns, tg_msg_t *out) {
  if (now_ns < file->next_ns) return false;
  file->next_ns = now_ns + PERIOD_NS;
  size_t len = 0;
  char *text = read_file(file->path, &len);
  tg_decision_t now = {0};
  if (text) now = tg_decision_file_parse(text, len);
  free(text);
  if (memcmp(&now, &file->told, sizeof now) == 0) return false;
  file->told = now;
  tg_msg_init(out, TG_DECISION, TG_INSTR_NONE, now_ns);
  out->u.decision = now;
  return true;
}

void tg_decision_file_untold(tg_decision_file_t *file) {
  memset(&file->told, 0xff, sizeof file->told); /* like nothing that a file can say */
}

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/sha256.h"
#include "engine/cold/evidence.h"

enum { PATH_BYTES = 1400, LISTED_MAX = 256, NAME_MAX_BYTES = 256 };

static int sum_file(const char *path, char hex[65]) {
  FILE *in = fopen(path, "rb");
  if (!in) return errno == ENOENT ? -TG_ENOTFOUND : tg_file_err(errno);
  tg_sha256_t ctx;
  uint8_t buf[8192], digest[TG_SHA256_BYTES];
  size_t n;
  tg_sha256_init(&ctx);
  while ((n = fread(buf, 1, sizeof buf, in)) > 0) tg_sha256_update(&ctx, buf, n);
  int rc = ferror(in) ? -TG_EIO : 0;
  fclose(in);
  tg_sha256_final(&ctx, digest);
  tg_sha256_hex(digest, hex);
  return rc;
}

/* One line of the sums: 64 digits, two blanks, a plain name. */
static int check_line(const char *dir, char *line, char *err_text, size_t err_cap) {
  char path[PATH_BYTES + NAME_MAX_BYTES], hex[65];
  size_t len = strlen(line);
  if (len < 67 || line[len - 1] != '\n' || line[64] != ' ' || line[65] != ' ' || strchr(line + 66, '/')) {
    snprintf(err_text, err_cap, "%s/%s: a line is no check sum", dir, TG_EVIDENCE_SUMS);
    return -TG_ECORRUPT;
  }
  line[len - 1] = '\0';
  snprintf(path, sizeof path, "%s/%s", dir, line + 66);
  int rc = sum_file(path, hex);
  if (rc < 0) {
    snprintf(err_text, err_cap, "%s: %s", path, rc == -TG_ENOTFOUND ? "missing" : tg_err_text(rc));
    return rc == -TG_ENOTFOUND ? -TG_ECORRUPT : rc;
  }
  if (memcmp(hex, line, 64) != 0) {
    snprintf(err_text, err_cap, "%s: differs from its check sum", path);
    return -TG_ECORRUPT;
  }
  return 0;
}

/* Files in the directory, the sums not counted. */
static int64_t count_files(const char *dir) {
  DIR *handle = opendir(dir);
  if (!handle) return errno == ENOENT ? -TG_ENOTFOUND : tg_file_err(errno);
  int64_t cnt = 0;
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (strcmp(entry->d_name, TG_EVIDENCE_SUMS) != 0) cnt++;
  }
  closedir(handle);
  return cnt;
}

int tg_evidence_verify(const char *dir, char *err_text, size_t err_cap) {
  char path[PATH_BYTES], line[NAME_MAX_BYTES + 80];
  if (err_cap) err_text[0] = '\0';
  if (strlen(dir) > 1024) return -TG_EINVAL;
  int64_t files = count_files(dir);
  if (files < 0) {
    snprintf(err_text, err_cap, "%s: %s", dir, tg_err_text((int)files));
    return (int)files;
  }
  snprintf(path, sizeof path, "%s/%s", dir, TG_EVIDENCE_SUMS);
  FILE *in = fopen(path, "r");
  if (!in) {
    snprintf(err_text, err_cap, "%s: missing", path);
    return errno == ENOENT ? -TG_ENOTFOUND : tg_file_err(errno);
  }
  int rc = 0;
  int64_t listed = 0;
  while (rc == 0 && listed < LISTED_MAX && fgets(line, sizeof line, in)) {
    rc = check_line(dir, line, err_text, err_cap);
    listed++;
  }
  fclose(in);
  if (rc == 0 && listed != files) {
    snprintf(err_text, err_cap, "%s: %lld files, %lld check sums", dir, (long long)files, (long long)listed);
    rc = -TG_ECORRUPT;
  }
  return rc;
}

/* ---- a directory of bundles ---- */

enum { BUNDLES_MAX = 100000 };

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

int64_t tg_evidence_verify_all(const char *dir, void (*tell)(void *user, const char *bundle, int err, const char *text),
                               void *user) {
  struct dirent **list = NULL;
  int cnt = scandir(dir, &list, NULL, by_name);
  if (cnt < 0) return errno == ENOENT || errno == ENOTDIR ? -TG_ENOTFOUND : -TG_EIO;
  int64_t bundles = 0;
  for (int i = 0; i < cnt; i++) {
    char path[PATH_BYTES + NAME_MAX_BYTES], text[512] = "";
    struct stat info;
    const char *name = list[i]->d_name;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    bool fits = n > 0 && (size_t)n < sizeof path && bundles < BUNDLES_MAX;
    bool here = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (fits && !here && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
      bool torn = strncmp(name, ".tmp-", 5) == 0;
      int err = torn ? -TG_ETRUNCATED : tg_evidence_verify(path, text, sizeof text);
      if (torn) snprintf(text, sizeof text, "%.400s: left by a crash before it was whole", path);
      if (tell) tell(user, path, err, text);
      bundles++;
    }
    free(list[i]);
  }
  free(list);
  return bundles > 0 ? bundles : -TG_ENOTFOUND;
}

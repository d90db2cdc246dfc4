#include "engine/cold/tape_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cold/tape_format.h"

static int add(tg_tape_list_t *list, const char *path) {
  if (list->cnt >= TG_TAPE_SEGMENT_MAX) return -TG_EFULL;
  if (!list->path) list->path = calloc(TG_TAPE_SEGMENT_MAX, sizeof *list->path);
  if (!list->path) return -TG_ENOMEM;
  list->path[list->cnt] = strdup(path);
  return list->path[list->cnt++] ? 0 : -TG_ENOMEM;
}

/* <dir>/<segment>, compressed or plain, into buf. False when neither is there. */
static bool segment_path(const char *dir, uint64_t epoch, uint32_t segment, char *buf, size_t cap) {
  char name[64];
  tg_tape_name(epoch, segment, name, sizeof name);
  int len = snprintf(buf, cap, "%s/%s.zst", dir, name);
  if (len < 0 || (size_t)len >= cap) return false;
  if (access(buf, F_OK) == 0) return true;
  buf[len - 4] = '\0';
  return access(buf, F_OK) == 0;
}

static int add_from(tg_tape_list_t *list, const char *dir, uint64_t epoch, uint32_t segment) {
  char path[TG_TAPE_PATH_BYTES];
  while (segment_path(dir, epoch, segment, path, sizeof path)) {
    int rc = add(list, path);
    if (rc < 0) return rc;
    segment++;
  }
  return list->cnt ? 0 : -TG_ENOTFOUND;
}

/* The newest epoch of a directory and its first segment there. */
static int newest(const char *dir, uint64_t *out_epoch, uint32_t *out_segment) {
  DIR *handle = opendir(dir);
  if (!handle) return errno == ENOENT ? -TG_ENOTFOUND : errno == EACCES ? -TG_EPERM : -TG_EIO;
  bool found = false;
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
    uint64_t epoch;
    uint32_t segment;
    bool zstd;
    if (!tg_tape_name_parse(entry->d_name, &epoch, &segment, &zstd)) continue;
    if (found && (epoch < *out_epoch || (epoch == *out_epoch && segment >= *out_segment))) continue;
    found = true;
    *out_epoch = epoch;
    *out_segment = segment;
  }
  closedir(handle);
  return found ? 0 : -TG_ENOTFOUND;
}

int tg_tape_list_find(tg_tape_list_t *list, const char *path) {
  memset(list, 0, sizeof *list);
  struct stat st;
  if (stat(path, &st) != 0) return errno == ENOENT || errno == ENOTDIR ? -TG_ENOTFOUND : errno == EACCES ? -TG_EPERM : -TG_EIO;
  uint64_t epoch = 0;
  uint32_t segment = 0;
  int rc;
  if (S_ISDIR(st.st_mode)) {
    rc = newest(path, &epoch, &segment);
    return rc < 0 ? rc : add_from(list, path, epoch, segment);
  }
  rc = add(list, path);
  const char *slash = strrchr(path, '/');
  bool zstd;
  if (rc < 0 || !tg_tape_name_parse(slash ? slash + 1 : path, &epoch, &segment, &zstd)) return rc;
  char dir[TG_TAPE_PATH_BYTES];
  size_t len = slash ? (size_t)(slash - path) : 1;
  if (len >= sizeof dir) return rc;
  memcpy(dir, slash ? path : ".", len);
  dir[len] = '\0';
  if (len == 0) memcpy(dir, "/", 2);
  return add_from(list, dir, epoch, segment + 1);
}

int tg_tape_list_copy(tg_tape_list_t *list, const char *const *paths, size_t cnt) {
  memset(list, 0, sizeof *list);
  for (size_t i = 0; i < cnt; i++) {
    int rc = add(list, paths[i]);
    if (rc < 0) return rc;
  }
  return cnt ? 0 : -TG_EINVAL;
}

void tg_tape_list_free(tg_tape_list_t *list) {
  for (size_t i = 0; i < list->cnt; i++) free(list->path[i]);
  free(list->path);
  memset(list, 0, sizeof *list);
}

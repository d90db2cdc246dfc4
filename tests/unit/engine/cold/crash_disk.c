#include "tests/unit/engine/cold/crash_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static const char *base_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

uint32_t cd_add(cd_disk_t *disk, cd_kind_t kind, int file, const char *name, uint64_t at, const void *data, uint64_t len) {
  cr_assert_lt(disk->call_cnt, CD_CALLS);
  cd_call_t *call = &disk->call[disk->call_cnt];
  memset(call, 0, sizeof *call);
  call->kind = kind;
  call->file = file;
  if (name) snprintf(call->name, sizeof call->name, "%s", base_of(name));
  call->at = at;
  call->len = len;
  if (len > 0 && data) {
    call->data = malloc(len);
    memcpy(call->data, data, len);
  }
  return disk->call_cnt++;
}

void cd_note(cd_disk_t *disk, uint64_t promised) {
  cd_add(disk, CD_NOTE, -1, NULL, promised, NULL, 0);
}

uint64_t cd_promised(const cd_disk_t *disk, uint32_t cut) {
  uint64_t promised = 0;
  for (uint32_t i = 0; i < cut; i++) {
    if (disk->call[i].kind == CD_NOTE) promised = disk->call[i].at;
  }
  return promised;
}

/* --- the table of file calls --- */

static int on_create(void *user, const char *path) {
  cd_disk_t *disk = user;
  int fd = tg_file_ops_posix.create(NULL, path);
  if (fd < 0) return fd;
  cr_assert_lt(disk->file_cnt, CD_FILES);
  cd_add(disk, CD_CREATE, disk->file_cnt++, path, 0, NULL, 0);
  return fd;
}

/* The file behind a descriptor, however it was opened: by the name it was made under. */
static int file_of(const cd_disk_t *disk, int fd) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t len = readlink(link, path, sizeof path - 1);
  cr_assert_gt(len, 0);
  path[len] = '\0';
  for (uint32_t i = disk->call_cnt; i-- > 0;) {
    const cd_call_t *call = &disk->call[i];
    if (call->kind == CD_CREATE && strcmp(call->name, base_of(path)) == 0) return call->file;
  }
  cr_assert_fail("%s was not made on this disk", path);
  return -1;
}

static ssize_t on_write(void *user, int fd, const void *data, size_t len) {
  cd_disk_t *disk = user;
  struct stat st;
  cr_assert_eq(fstat(fd, &st), 0);
  ssize_t n = tg_file_ops_posix.write(NULL, fd, data, len);
  if (n > 0) cd_add(disk, CD_WRITE, file_of(disk, fd), NULL, (uint64_t)st.st_size, data, (uint64_t)n); /* all of them append */
  return n;
}

static int on_sync(void *user, int fd) {
  cd_disk_t *disk = user;
  cd_add(disk, CD_SYNC, file_of(disk, fd), NULL, 0, NULL, 0); /* the real disk need not wait: nobody pulls its plug */
  return 0;
}

static int on_reserve(void *user, int fd, uint64_t bytes) {
  (void)user, (void)fd, (void)bytes; /* changes nothing that can be read */
  return 0;
}

static int on_truncate(void *user, int fd, uint64_t bytes) {
  cd_disk_t *disk = user;
  cd_add(disk, CD_TRUNCATE, file_of(disk, fd), NULL, bytes, NULL, 0);
  return tg_file_ops_posix.truncate(NULL, fd, bytes);
}

static int on_close(void *user, int fd) {
  (void)user;
  return tg_file_ops_posix.close(NULL, fd);
}

static int on_rename(void *user, const char *from, const char *to) {
  cd_disk_t *disk = user;
  cd_call_t *call = &disk->call[cd_add(disk, CD_RENAME, -1, to, 0, NULL, 0)];
  snprintf(call->from, sizeof call->from, "%s", base_of(from));
  return tg_file_ops_posix.rename(NULL, from, to);
}

static int on_unlink(void *user, const char *path) {
  cd_disk_t *disk = user;
  cd_add(disk, CD_UNLINK, -1, path, 0, NULL, 0);
  return tg_file_ops_posix.unlink(NULL, path);
}

static int on_sync_dir(void *user, const char *dir) {
  (void)dir;
  cd_add(user, CD_SYNC_DIR, -1, NULL, 0, NULL, 0);
  return 0;
}

void cd_init(cd_disk_t *disk, const char *dir) {
  memset(disk, 0, sizeof *disk);
  disk->dir = dir;
  disk->call = calloc(CD_CALLS, sizeof *disk->call);
  disk->ops =
      (tg_file_ops_t){disk, on_create, on_write, on_sync, on_reserve, on_truncate, on_close, on_rename, on_unlink, on_sync_dir};
}

void cd_free(cd_disk_t *disk) {
  for (uint32_t i = 0; i < disk->call_cnt; i++) free(disk->call[i].data);
  free(disk->call);
}

/* --- images --- */

typedef struct content {
  uint8_t *data;
  uint64_t len, cap;
} content_t;

static void put_bytes(content_t *c, uint64_t at, const uint8_t *data, uint64_t len) {
  if (at + len > c->cap) {
    uint64_t cap = (at + len) * 2;
    c->data = realloc(c->data, cap);
    memset(c->data + c->cap, 0, cap - c->cap);
    c->cap = cap;
  }
  memcpy(c->data + at, data, len);
  if (at + len > c->len) c->len = at + len;
}

static void cut_to(content_t *c, uint64_t len) {
  if (len >= c->len) return; /* what a reserve gave is not seen */
  memset(c->data + len, 0, c->len - len);
  c->len = len;
}

/* The last call before `cut` that made file `file` durable; 0 none (call 0 is never a sync). */
static uint32_t synced_until(const cd_disk_t *disk, uint32_t cut, int file, cd_kind_t kind) {
  uint32_t until = 0;
  for (uint32_t i = 0; i < cut; i++) {
    if (disk->call[i].kind == kind && (kind == CD_SYNC_DIR || disk->call[i].file == file)) until = i;
  }
  return until;
}

/* A write that no sync covers: its sectors are there or not, each by itself; a hole reads as zeros. */
static void torn(content_t *c, const cd_call_t *call, uint64_t *seed) {
  for (uint64_t at = call->at; at < call->at + call->len;) {
    uint64_t end = (at / CD_SECTOR + 1) * CD_SECTOR;
    if (end > call->at + call->len) end = call->at + call->len;
    if (tmp_random(seed) % 2) put_bytes(c, at, call->data + (at - call->at), end - at);
    at = end;
  }
}

static content_t content_of(const cd_disk_t *disk, uint32_t cut, int file, cd_lost_t lost, uint64_t *seed) {
  content_t c = {NULL, 0, 0};
  uint32_t safe = synced_until(disk, cut, file, CD_SYNC);
  for (uint32_t i = 0; i < cut; i++) {
    const cd_call_t *call = &disk->call[i];
    if (call->file != file || (call->kind != CD_WRITE && call->kind != CD_TRUNCATE)) continue;
    if (i > safe && lost == CD_LOSE_ALL) continue;
    bool some = i > safe && lost == CD_LOSE_SOME;
    if (call->kind == CD_TRUNCATE) {
      if (!some || tmp_random(seed) % 2) cut_to(&c, call->at);
    } else if (some) {
      torn(&c, call, seed);
    } else {
      put_bytes(&c, call->at, call->data, call->len);
    }
  }
  return c;
}

typedef struct names {
  char name[CD_FILES][80]; /* by file; "" not there */
} names_t;

static void rename_in(names_t *n, const char *from, const char *to) {
  for (int f = 0; f < CD_FILES; f++) {
    if (strcmp(n->name[f], to) == 0) n->name[f][0] = '\0';
  }
  for (int f = 0; f < CD_FILES; f++) {
    if (strcmp(n->name[f], from) == 0) snprintf(n->name[f], sizeof n->name[f], "%s", to);
  }
}

static void names_of(const cd_disk_t *disk, uint32_t cut, cd_lost_t lost, uint64_t *seed, names_t *n) {
  memset(n, 0, sizeof *n);
  uint32_t safe = synced_until(disk, cut, -1, CD_SYNC_DIR);
  for (uint32_t i = 0; i < cut; i++) {
    const cd_call_t *call = &disk->call[i];
    bool entry = call->kind == CD_CREATE || call->kind == CD_RENAME || call->kind == CD_UNLINK;
    if (!entry) continue;
    if (i > safe && (lost == CD_LOSE_ALL || (lost == CD_LOSE_SOME && tmp_random(seed) % 2))) continue;
    if (call->kind == CD_CREATE) snprintf(n->name[call->file], sizeof n->name[0], "%s", call->name);
    if (call->kind == CD_RENAME) rename_in(n, call->from, call->name);
    if (call->kind == CD_UNLINK) {
      for (int f = 0; f < disk->file_cnt; f++) {
        if (strcmp(n->name[f], call->name) == 0) n->name[f][0] = '\0';
      }
    }
  }
}

static void empty_dir(const char *dir) {
  (void)mkdir(dir, 0750);
  DIR *handle = opendir(dir);
  cr_assert_not_null(handle);
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
    char path[512];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%.200s/%.255s", dir, entry->d_name);
    unlink(path);
  }
  closedir(handle);
}

void cd_image(const cd_disk_t *disk, uint32_t cut, cd_lost_t lost, uint64_t seed, const char *dir) {
  names_t *n = malloc(sizeof *n);
  uint64_t state = seed * 2 + 1;
  names_of(disk, cut, lost, &state, n);
  empty_dir(dir);
  for (int f = 0; f < disk->file_cnt; f++) {
    if (!n->name[f][0]) continue;
    content_t c = content_of(disk, cut, f, lost, &state);
    char path[512];
    snprintf(path, sizeof path, "%.200s/%s", dir, n->name[f]);
    tmp_write(path, c.data ? c.data : (const uint8_t *)"", c.len);
    free(c.data);
  }
  free(n);
}

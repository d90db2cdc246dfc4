#include "tests/unit/engine/cold/crash_vfs.h"

#include <dirent.h>
#include <sqlite3.h>

typedef struct cv_file {
  sqlite3_file base;
  int file;     /* of the disk; -1: not watched (temporary) */
  bool new_log; /* a journal or WAL that was just made: its first sync syncs the directory, too */
  sqlite3_file *real;
} cv_file_t;

static cd_disk_t *now_disk;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;
static char known[CD_FILES][80]; /* names by file number */

static sqlite3_file *real_of(sqlite3_file *f) {
  return ((cv_file_t *)f)->real;
}
static int cv_close(sqlite3_file *f) {
  return real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
}
static int cv_read(sqlite3_file *f, void *buf, int len, sqlite3_int64 at) {
  return real_of(f)->pMethods->xRead(real_of(f), buf, len, at);
}
static int cv_write(sqlite3_file *f, const void *buf, int len, sqlite3_int64 at) {
  cv_file_t *file = (cv_file_t *)f;
  if (file->file >= 0) cd_add(now_disk, CD_WRITE, file->file, NULL, (uint64_t)at, buf, (uint64_t)len);
  return file->real->pMethods->xWrite(file->real, buf, len, at);
}
static int cv_truncate(sqlite3_file *f, sqlite3_int64 size) {
  cv_file_t *file = (cv_file_t *)f;
  if (file->file >= 0) cd_add(now_disk, CD_TRUNCATE, file->file, NULL, (uint64_t)size, NULL, 0);
  return file->real->pMethods->xTruncate(file->real, size);
}
static int cv_sync(sqlite3_file *f, int flags) {
  cv_file_t *file = (cv_file_t *)f;
  (void)flags;
  if (file->file >= 0) cd_add(now_disk, CD_SYNC, file->file, NULL, 0, NULL, 0);
  if (file->file >= 0 && file->new_log) cd_add(now_disk, CD_SYNC_DIR, -1, NULL, 0, NULL, 0);
  file->new_log = false;
  return SQLITE_OK; /* the real disk need not wait */
}
static int cv_size(sqlite3_file *f, sqlite3_int64 *size) {
  return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int cv_lock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int cv_unlock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int cv_reserved(sqlite3_file *f, int *out) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int cv_control(sqlite3_file *f, int op, void *arg) {
  return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int cv_sector(sqlite3_file *f) {
  (void)f;
  return CD_SECTOR;
}
static int cv_traits(sqlite3_file *f) {
  (void)f;
  return 0; /* promises nothing: no atomic writes, no safe append, and torn sectors may touch their neighbours' bytes */
}
static int cv_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int cv_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void cv_shm_barrier(sqlite3_file *f) {
  real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int cv_shm_unmap(sqlite3_file *f, int del) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), del);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = cv_close,
    .xRead = cv_read,
    .xWrite = cv_write,
    .xTruncate = cv_truncate,
    .xSync = cv_sync,
    .xFileSize = cv_size,
    .xLock = cv_lock,
    .xUnlock = cv_unlock,
    .xCheckReservedLock = cv_reserved,
    .xFileControl = cv_control,
    .xSectorSize = cv_sector,
    .xDeviceCharacteristics = cv_traits,
    .xShmMap = cv_shm_map,
    .xShmLock = cv_shm_lock,
    .xShmBarrier = cv_shm_barrier,
    .xShmUnmap = cv_shm_unmap,
};

static const char *base_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int file_of(const char *name) {
  for (int i = 0; i < now_disk->file_cnt; i++) {
    if (strcmp(known[i], base_of(name)) == 0) return i;
  }
  return -1;
}

static int file_new(const char *name) {
  cr_assert_lt(now_disk->file_cnt, CD_FILES);
  int file = now_disk->file_cnt++;
  snprintf(known[file], sizeof known[0], "%s", base_of(name));
  cd_add(now_disk, CD_CREATE, file, name, 0, NULL, 0);
  return file;
}

static int cv_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags) {
  (void)vfs;
  cv_file_t *file = (cv_file_t *)f;
  memset(file, 0, sizeof *file);
  file->real = (sqlite3_file *)(file + 1);
  file->file = -1;
  int there = 0;
  if (name) real_vfs->xAccess(real_vfs, name, SQLITE_ACCESS_EXISTS, &there);
  int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
  file->base.pMethods = file->real->pMethods ? &methods : NULL;
  if (rc != SQLITE_OK || !name || !now_disk) return rc;
  bool log = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  if (!log && !(flags & SQLITE_OPEN_MAIN_DB)) return rc;
  file->file = there ? file_of(name) : file_new(name);
  file->new_log = !there && log;
  return rc;
}

static int cv_delete(sqlite3_vfs *vfs, const char *name, int sync_dir) {
  (void)vfs;
  int rc = real_vfs->xDelete(real_vfs, name, 0);
  int file = now_disk ? file_of(name) : -1;
  if (rc == SQLITE_OK && file >= 0) {
    cd_add(now_disk, CD_UNLINK, -1, name, 0, NULL, 0);
    if (sync_dir) cd_add(now_disk, CD_SYNC_DIR, -1, NULL, 0, NULL, 0);
    known[file][0] = '\0';
  }
  return rc;
}

void cv_begin(cd_disk_t *disk) {
  real_vfs = sqlite3_vfs_find("unix");
  cr_assert_not_null(real_vfs);
  now_disk = disk;
  memset(known, 0, sizeof known);
  shim = *real_vfs;
  shim.zName = "crash";
  shim.szOsFile = (int)sizeof(cv_file_t) + real_vfs->szOsFile;
  shim.xOpen = cv_open;
  shim.xDelete = cv_delete;
  cr_assert_eq(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

void cv_end(void) {
  sqlite3_vfs_unregister(&shim);
  sqlite3_vfs_register(real_vfs, 1);
  now_disk = NULL;
}

void cv_adopt(cd_disk_t *disk) {
  DIR *handle = opendir(disk->dir);
  cr_assert_not_null(handle);
  for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
    char path[512];
    size_t len;
    if (entry->d_name[0] == '.' || strstr(entry->d_name, "-shm") || strstr(entry->d_name, ".lock")) continue;
    snprintf(path, sizeof path, "%.200s/%.255s", disk->dir, entry->d_name);
    uint8_t *data = tmp_read(path, &len);
    int file = file_new(entry->d_name);
    cd_add(disk, CD_WRITE, file, NULL, 0, data, len);
    cd_add(disk, CD_SYNC, file, NULL, 0, NULL, 0);
    free(data);
  }
  closedir(handle);
  cd_add(disk, CD_SYNC_DIR, -1, NULL, 0, NULL, 0);
}

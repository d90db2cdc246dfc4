/* crash_vfs.h - SQLite's own file calls, seen by a crash_disk.
 * What:    between cv_begin and cv_end every database that is opened writes through to the real files and into the disk's
 *          log; locks and shared memory go straight through. What SQLite believes about directories is modelled after its unix
 *          layer: the first sync of a journal or WAL that it has made syncs the directory, a delete may.
 * Owner:   the test; one disk at a time.
 * Limit:   one process, files in one directory. */
#ifndef TG_TEST_COLD_CRASH_VFS_H
#define TG_TEST_COLD_CRASH_VFS_H

#include "tests/unit/engine/cold/crash_disk.h"

void cv_begin(cd_disk_t *disk);
void cv_end(void);
/* The files that already lie in disk->dir become its durable beginning. */
void cv_adopt(cd_disk_t *disk);

#endif

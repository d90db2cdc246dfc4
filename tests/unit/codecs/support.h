/* support.h - helpers of the codec tests: guard pages, recordings, batches.
 * What:    text flush against an unreadable page; walking a folder of recordings; lines of .gz, .zst and plain files.
 * Owner:   the test; everything is freed by the matching call.
 * Threads: one.
 * Errors:  a broken environment fails the test. */
#ifndef TESTS_CODECS_SUPPORT_H
#define TESTS_CODECS_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/bn_api.h"
#include "codecs/bn_md.h"
#include "codecs/bn_rest.h"
#include "codecs/bn_user.h"
#include "codecs/client_id.h"
#include "codecs/json.h"
#include "codecs/outcome.h"
#include "codecs/sign.h"
#include "codecs/symtab.h"

/* Text whose last byte is the last readable byte. */
typedef struct guarded {
  char *text;
  char *map;
  size_t map_len, cap;
} guarded_t;
guarded_t guarded_new(size_t cap);
/* Copies text so that it ends at the guard page. */
const char *guarded_put(guarded_t *g, const char *text, size_t len);
void guarded_free(guarded_t *g);

/* $TICKGATE_DATA, or ../shared/data beside the repository. NULL when it is not there. */
const char *data_dir(void);
/* Skips the test by name when the recordings are absent. */
#define NEED_DATA() \
  do { \
    if (!data_dir()) cr_skip_test("no recordings: set TICKGATE_DATA"); \
  } while (0)

/* Calls fn for every regular file under data_dir()/sub whose name ends with `suffix`; returns how many. */
typedef void (*file_fn_t)(const char *path, void *user);
size_t each_file(const char *sub, const char *suffix, file_fn_t fn, void *user);
/* Whole file, plain, .gz or .zst, zero terminated behind len; free() it. */
char *read_all(const char *path, size_t *len);

/* A batch of `cap` messages; free(batch.msg). */
tg_msg_batch_t batch_new(uint32_t cap);

/* Adds symbols with the given steps; every one gets the next index. */
void add_symbol(tg_symtab_t *tab, const char *name, const char *tick, const char *step);
/* Adds all values of "s" and "symbol" members in the text, steps 1e-8. */
void add_all_symbols(tg_symtab_t *tab, const char *text, size_t len);

#endif

/* conf.h - settings: config.def as a struct, a loader and an explainer.
 * What:    defaults compiled in; one inih file over them; then frozen.
 * Owner:   caller owns tg_conf_t (about 40 KB); read-only after load.
 * Threads: load on one thread before lanes start (inih keeps its options in globals). tg_core_conf_* any, pure.
 * Limit:   TEXT values up to 255 bytes; lines up to TG_CONF_LINE_BYTES_MAX, comments too; files up to TG_CONF_FILE_BYTES_MAX.
 * Errors:  tg_conf_load writes one line "file:line: what, what to do" into err_text.
 *
 * File:    inih's: [section], key = value (or key: value), comments from # or ; at the start of a line and from " ;" behind a
 *          value; UTF-8, no control characters but tab. A line break ends a value, always. Each key at most once, in any
 *          order; a section may come again. */
#ifndef TG_CONF_CONF_H
#define TG_CONF_CONF_H

#include <stdio.h>

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/conf/scoped.h"
#include "engine/msg/msg.h"

#define TG_CONF_TEXT_BYTES 256
#define TG_CONF_LINE_BYTES_MAX 1000
#define TG_CONF_FILE_BYTES_MAX (256u * 1024u)
#define TG_CONF_NAME_BYTES_MAX 48
#define TG_CONF_ERR_BYTES 512 /* room that holds any err_text whole, with a path of ordinary length */

/* Field types of each TYPE. DEC is _e8; BOOL 0/1; CHOICE its position. */
#define TG_CONF_FIELD_INT(name) int64_t name;
#define TG_CONF_FIELD_BOOL(name) int64_t name;
#define TG_CONF_FIELD_DEC(name) int64_t name;
#define TG_CONF_FIELD_CHOICE(name) int64_t name;
#define TG_CONF_FIELD_TEXT(name) char name[TG_CONF_TEXT_BYTES];

typedef struct tg_conf {
#define C(section, key, TYPE, def, min, max, CLASS, unit, text) TG_CONF_FIELD_##TYPE(section##_##key)
#include "engine/conf/config.def"
#undef C
  tg_conf_scoped_t limits; /* sections [limits.*] */
} tg_conf_t;

/* The CORE class as the core sees it: numbers only, set by CFG_SET messages. */
#define TG_CORE_FIELD_CORE(name) int64_t name;
#define TG_CORE_FIELD_HOST(name)
typedef struct tg_core_conf {
#define C(section, key, TYPE, def, min, max, CLASS, unit, text) TG_CORE_FIELD_##CLASS(section##_##key)
#include "engine/conf/config.def"
#undef C
} tg_core_conf_t;

enum tg_conf_type { TG_CONF_INT, TG_CONF_BOOL, TG_CONF_DEC, TG_CONF_CHOICE, TG_CONF_TEXT };
enum tg_conf_class { TG_CONF_CORE, TG_CONF_HOST };

typedef struct tg_conf_row {
  const char *section, *key, *name; /* name is "section.key" */
  enum tg_conf_type type;
  enum tg_conf_class cls;
  const char *def, *unit, *text;
  int64_t min, max;   /* DEC: in units of 1 */
  size_t offset;      /* into tg_conf_t */
  size_t core_offset; /* into tg_core_conf_t; SIZE_MAX for HOST */
  uint32_t hash;      /* FNV-1a of name; CFG_SET carries it */
} tg_conf_row_t;

extern const tg_conf_row_t tg_conf_rows[];
extern const size_t tg_conf_row_cnt;

/* FNV-1a 32 of "section.key" (Fowler, Noll, Vo). No two rows share one: a test holds that. */
uint32_t tg_conf_key_hash(const char *name);
/* Compiled-in defaults. */
void tg_conf_defaults(tg_conf_t *conf);
/* Defaults, then `path`. 0, -TG_ENOTFOUND (file, section or key), -TG_EPERM, -TG_ESYNTAX, -TG_ERANGE, -TG_EEXISTS (repeated
 * key), -TG_EINVAL (keys that contradict each other), -TG_EIO, -TG_ENOMEM, -TG_ESIZE (line, text or file too long); on error
 * err_text holds one line and conf is unspecified. */
TG_MUST_USE int tg_conf_load(tg_conf_t *conf, const char *path, char *err_text, size_t err_cap);
/* The same from memory; `file_name` is what error lines call it. */
TG_MUST_USE int tg_conf_load_mem(tg_conf_t *conf, const char *file_name, const char *text, size_t len, char *err_text,
                                 size_t err_cap);
/* One setting from text, as a file line would. Same errors, without file:line; conf unchanged on error. */
TG_MUST_USE int tg_conf_set(tg_conf_t *conf, const char *name, const char *value, char *err_text, size_t err_cap);
/* What no single key shows: ordered thresholds, powers of two, shares that add up. tg_conf_load calls it; a caller of
 * tg_conf_set does when it is done. 0 or -TG_EINVAL with a line in err_text; *culprit (may be NULL) is the row to change. */
TG_MUST_USE int tg_conf_check(const tg_conf_t *conf, const tg_conf_row_t **culprit, char *err_text, size_t err_cap);
/* Row by "section.key"; NULL when unknown. */
const tg_conf_row_t *tg_conf_find(const char *name);
/* The number of a row that is not TEXT. */
int64_t tg_conf_number(const tg_conf_t *conf, const tg_conf_row_t *row);
/* The text of a TEXT row. */
const char *tg_conf_text(const tg_conf_t *conf, const tg_conf_row_t *row);
/* Value of a row as the file would spell it, with a terminator. Bytes without it; 0 and "" also when cap is too small. */
size_t tg_conf_value_text(const tg_conf_t *conf, const tg_conf_row_t *row, char *buf, size_t cap);
/* The whole settings as a commented file that tg_conf_load takes back (config show), or as JSON: {"section": {"key": value}},
 * INT and DEC as numbers, BOOL as true/false, CHOICE and TEXT as strings. 0, -TG_EIO. */
TG_MUST_USE int tg_conf_print(const tg_conf_t *conf, FILE *out, bool json);
/* The reference page in Markdown, docs/config.md. 0, -TG_EIO. */
TG_MUST_USE int tg_conf_print_doc(FILE *out);
/* One row: meaning, unit, range, default, class, current value (config explain KEY). 0, -TG_ENOTFOUND, -TG_EIO. */
TG_MUST_USE int tg_conf_explain(const tg_conf_t *conf, const char *name, FILE *out, bool json);

/* A value's text -> number by the row's type, within the row's bounds. 0, -TG_ESYNTAX, -TG_ERANGE; -TG_EINVAL for TEXT.
 * Hot-safe. */
TG_MUST_USE int tg_conf_parse_value(const tg_conf_row_t *row, const char *text, size_t len, int64_t *out);
/* CORE defaults of config.def; hot-safe. */
void tg_core_conf_defaults(tg_core_conf_t *core);
/* Applies one CFG_SET. 0, -TG_ENOTFOUND (unknown key) or -TG_ERANGE (outside the row's bounds); *core unchanged on error: the
 * core counts it and goes on. Hot-safe. */
TG_MUST_USE int tg_core_conf_apply(tg_core_conf_t *core, uint32_t key_hash, int64_t value);
/* Writes one CFG_SET per CORE row into the batch, in the order of config.def, then the scoped limits that are set. 0, -TG_EFULL
 * (as many as fitted are there). */
TG_MUST_USE int tg_conf_to_msgs(const tg_conf_t *conf, uint64_t ts_ns, tg_msg_batch_t *out);

/* Reads a secret file: regular, no symbolic link, owned by us with mode 0600 or stricter - or directly inside systemd's
 * $CREDENTIALS_DIRECTORY (a directory of root's or ours that others cannot write), owned by root or us with mode 0440 or
 * stricter. At most cap-1 bytes, a terminator behind them; trailing newlines cut. Returns length (> 0), -TG_ENOTFOUND,
 * -TG_EPERM (mode, owner, link, not a file), -TG_ESIZE (empty or too long), -TG_ESYNTAX (a NUL byte), -TG_EIO; buf is wiped on
 * error and err_text says what to do, never what was read. The caller wipes buf with tg_wipe. */
TG_MUST_USE int tg_secret_read(const char *path, char *buf, size_t cap, char *err_text, size_t err_cap);
/* Overwrites memory in a way the compiler keeps. */
void tg_wipe(void *mem, size_t len);

#endif

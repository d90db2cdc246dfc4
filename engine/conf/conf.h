/* conf.h - settings: config.def as a struct, a loader and an explainer.
 * What:    defaults compiled in; one inih file over them; then frozen.
 * Owner:   caller owns tg_conf_t (about 20 KB); read-only after load.
 * Threads: load on one thread before lanes start.
 * Limit:   TEXT values up to 255 bytes; files up to 256 KB.
 * Errors:  tg_conf_load writes one line "file:line: what, what to do" into err_text. */
#ifndef TG_CONF_CONF_H
#define TG_CONF_CONF_H

#include <stdio.h>

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/msg/msg.h"

#define TG_CONF_TEXT_BYTES 256

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
  int64_t min, max;
  size_t offset;      /* into tg_conf_t */
  size_t core_offset; /* into tg_core_conf_t; SIZE_MAX for HOST */
  uint32_t hash;      /* FNV-1a of name; CFG_SET carries it */
} tg_conf_row_t;

extern const tg_conf_row_t tg_conf_rows[];
extern const size_t tg_conf_row_cnt;

/* FNV-1a 32 of "section.key". */
uint32_t tg_conf_key_hash(const char *name);
/* Compiled-in defaults. */
void tg_conf_defaults(tg_conf_t *conf);
/* Defaults, then `path`. 0, -TG_ENOTFOUND, -TG_ESYNTAX, -TG_ERANGE, -TG_EEXISTS (repeated key), -TG_EIO, -TG_ESIZE;
 * on error err_text holds one line and conf is unspecified. */
TG_MUST_USE int tg_conf_load(tg_conf_t *conf, const char *path, char *err_text, size_t err_cap);
/* One setting from text, as a file line would. Same errors, without file:line. */
TG_MUST_USE int tg_conf_set(tg_conf_t *conf, const char *name, const char *value, char *err_text, size_t err_cap);
/* Row by "section.key"; NULL when unknown. */
const tg_conf_row_t *tg_conf_find(const char *name);
/* Value of a row as the file would spell it; bytes written without terminator, < cap. */
size_t tg_conf_value_text(const tg_conf_t *conf, const tg_conf_row_t *row, char *buf, size_t cap);
/* The whole settings as a commented file (config show). 0, -TG_EIO. */
TG_MUST_USE int tg_conf_print(const tg_conf_t *conf, FILE *out, bool json);
/* One row: meaning, unit, range, default, class, current value (config explain KEY). 0, -TG_ENOTFOUND, -TG_EIO. */
TG_MUST_USE int tg_conf_explain(const tg_conf_t *conf, const char *name, FILE *out, bool json);

/* CORE defaults of config.def; hot-safe. */
void tg_core_conf_defaults(tg_core_conf_t *core);
/* Applies one CFG_SET. 0 or -TG_ENOTFOUND (unknown key: counted by the core, the run goes on). Hot-safe. */
TG_MUST_USE int tg_core_conf_apply(tg_core_conf_t *core, uint32_t key_hash, int64_t value);
/* Writes one CFG_SET per CORE row into the batch. 0, -TG_EFULL. */
TG_MUST_USE int tg_conf_to_msgs(const tg_conf_t *conf, uint64_t ts_ns, tg_msg_batch_t *out);

/* Reads a secret file: regular, owned by us (or a systemd credential under $CREDENTIALS_DIRECTORY owned by root),
 * mode 0600 or stricter, at most cap-1 bytes; trailing newlines cut. Returns length, -TG_ENOTFOUND, -TG_EPERM, -TG_ESIZE, -TG_EIO;
 * err_text says what to do. The caller wipes buf with tg_wipe. */
TG_MUST_USE int tg_secret_read(const char *path, char *buf, size_t cap, char *err_text, size_t err_cap);
/* Overwrites memory in a way the compiler keeps. */
void tg_wipe(void *mem, size_t len);

#endif

/* err.h - the error numbers and their texts, from err.def.
 * What:    enum of positive numbers; functions return their negation.
 * Threads: any; the tables are constant.
 * Errors:  none. */
#ifndef TG_BASE_ERR_H
#define TG_BASE_ERR_H

enum tg_err {
  TG_EOK = 0,
#define E(name, text) TG_E##name,
#include "engine/base/err.def"
#undef E
  TG_ERR_CNT
};

/* Process exit codes, from exit.def; documented in docs/operations.md. */
enum tg_exit {
#define X(name, number, text) TG_EXIT_##name = (number),
#include "engine/base/exit.def"
#undef X
};

/* Text for `err`, which may be given as TG_EX or -TG_EX; "unknown error" outside the table. */
const char *tg_err_text(int err);
/* Name such as "EFULL" for `err` (either sign); "E?" outside the table. */
const char *tg_err_name(int err);

#endif

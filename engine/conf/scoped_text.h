/* scoped_text.h - the sections [limits.*] of the settings file (scoped.h).
 * What:    what load.c and show.c need of them.
 * Owner:   tg_conf_t.
 * Threads: one, before lanes start.
 * Limit:   TG_INSTR_MAX sections of instruments.
 * Errors:  a line in err_text, conf unchanged. */
#ifndef TG_CONF_SCOPED_TEXT_H
#define TG_CONF_SCOPED_TEXT_H

#include <stdio.h>

#include "engine/conf/conf.h"

#define TG_SCOPED_SLOTS (2 + TG_INSTR_MAX) /* account, strategy, instruments */

/* Does a name ("limits.account.max_gross") or section ("limits.account") belong here? */
bool tg_conf_scoped_name(const char *name);
bool tg_conf_scoped_section(const char *section, size_t len);
/* One value. line_idx (may be NULL) gets slot * TG_SCOPED_CNT + key. 0, -TG_ENOTFOUND, -TG_ESYNTAX, -TG_ERANGE, -TG_EFULL. */
TG_MUST_USE int tg_conf_scoped_set(tg_conf_t *conf, const char *name, const char *value, int *line_idx, char *err_text,
                                   size_t err_cap);
/* Every [limits.SYMBOL] names one of venue.symbols. 0 or -TG_EINVAL; *slot (may be NULL) is the section. */
TG_MUST_USE int tg_conf_scoped_check(const tg_conf_t *conf, int *slot, char *err_text, size_t err_cap);
/* Values that are set, as sections of a file or members of a JSON object that is open. */
void tg_conf_scoped_print(const tg_conf_t *conf, FILE *out, bool json);
void tg_conf_scoped_print_doc(FILE *out);
/* CFG_SET lines with their scopes. 0 or -TG_EFULL. */
TG_MUST_USE int tg_conf_scoped_to_msgs(const tg_conf_t *conf, uint64_t ts_ns, tg_msg_batch_t *out);
/* Place of a symbol in a list separated by commas or blanks, from 0; -1 when it is not there. */
int tg_conf_symbol_idx(const char *list, const char *symbol);

#endif

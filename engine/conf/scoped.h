/* scoped.h - limits of an account, a strategy or one instrument beside the engine's own: the smallest wins.
 * What:    values by (scope, key); text form [limits.account], [limits.strategy], [limits.SYMBOL] in the settings file,
 *          message form CFG_SET with a scope. Keys: scoped.def.
 * Owner:   tg_conf_t holds the file's, the core holds what messages brought.
 * Threads: tg_scoped_* any, pure; tg_conf_scoped_* before lanes start.
 * Limit:   TG_INSTR_MAX sections of instruments.
 * Errors:  as conf.h; what is refused changes nothing. */
#ifndef TG_CONF_SCOPED_H
#define TG_CONF_SCOPED_H

#include "engine/base/types.h"
#include "engine/msg/msg.h"

enum tg_scoped_key {
#define SCOPED(key, LIMIT, account, strategy, instrument) TG_SCOPED_##key,
#include "engine/conf/scoped.def"
#undef SCOPED
  TG_SCOPED_CNT
};

#define TG_SCOPED_SYMBOL_BYTES 24

/* As the settings file has them, in the unit of the key's row; 0 = none. */
typedef struct tg_conf_scoped {
  int64_t account[TG_SCOPED_CNT], strategy[TG_SCOPED_CNT];
  struct {
    char symbol[TG_SCOPED_SYMBOL_BYTES]; /* "" = free; sections in the order in which the file brings them */
    int64_t value[TG_SCOPED_CNT];
  } instr[TG_INSTR_MAX];
} tg_conf_scoped_t;

/* As the core has them, by instrument number; 0 = none. */
typedef struct tg_scoped {
  int64_t wide[2][TG_SCOPED_CNT]; /* 0 account, 1 strategy */
  int64_t instr[TG_INSTR_MAX][TG_SCOPED_CNT];
} tg_scoped_t;

struct tg_core_conf;

/* Takes one CFG_SET of a narrower scope (value 0 removes). 0, -TG_ENOTFOUND (unknown key, or not of that scope),
 * -TG_EINVAL (scope or instrument), -TG_ERANGE; unchanged on error. Hot-safe. */
TG_MUST_USE int tg_scoped_apply(tg_scoped_t *scoped, uint32_t key_hash, uint8_t scope, uint16_t instr_idx, int64_t value);
/* The settings with the smallest of all scopes; instr_idx TG_INSTR_NONE: without the instruments' own. scope_of[key] gets the
 * tg_scope_t whose value won (the widest of equal ones). Values that are 0 in `conf` stay 0: unset. Hot-safe. */
void tg_scoped_narrow(const tg_scoped_t *scoped, const struct tg_core_conf *conf, uint16_t instr_idx, struct tg_core_conf *out,
                      uint8_t scope_of[TG_SCOPED_CNT]);

#endif

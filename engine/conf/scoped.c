/* Scoped limits in the core: nothing here allocates, prints or calls the kernel. */
#include "engine/conf/scoped.h"

#include "engine/conf/conf.h"

/* Which scopes a key may come in, and where it lies. */
typedef struct scoped_row {
  const char *name;
  size_t core_offset;
  uint8_t scopes; /* bit 1 << tg_scope_t */
} scoped_row_t;

static const scoped_row_t rows[TG_SCOPED_CNT] = {
#define SCOPED(key, LIMIT, account, strategy, instrument) \
  {"risk." #key, offsetof(tg_core_conf_t, risk_##key), \
   (uint8_t)((account) << TG_SCOPE_ACCOUNT | (strategy) << TG_SCOPE_STRATEGY | (instrument) << TG_SCOPE_INSTRUMENT)},
#include "engine/conf/scoped.def"
#undef SCOPED
};

int tg_scoped_apply(tg_scoped_t *scoped, uint32_t key_hash, uint8_t scope, uint16_t instr_idx, int64_t value) {
  if (scope <= TG_SCOPE_ENGINE || scope > TG_SCOPE_INSTRUMENT) return -TG_EINVAL;
  if (scope == TG_SCOPE_INSTRUMENT && instr_idx >= TG_INSTR_MAX) return -TG_EINVAL;
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) {
    const tg_conf_row_t *row = tg_conf_find(rows[k].name);
    if (row == NULL || row->hash != key_hash) continue;
    if (!(rows[k].scopes >> scope & 1u)) return -TG_ENOTFOUND;
    int64_t unit = row->type == TG_CONF_DEC ? TG_E8 : 1;
    if (value < 0 || value > (tg_i128)row->max * unit) return -TG_ERANGE;
    if (scope == TG_SCOPE_INSTRUMENT) {
      scoped->instr[instr_idx][k] = value;
    } else {
      scoped->wide[scope - TG_SCOPE_ACCOUNT][k] = value;
    }
    return 0;
  }
  return -TG_ENOTFOUND;
}

void tg_scoped_narrow(const tg_scoped_t *scoped, const tg_core_conf_t *conf, uint16_t instr_idx, tg_core_conf_t *out,
                      uint8_t scope_of[TG_SCOPED_CNT]) {
  *out = *conf;
  for (unsigned k = 0; k < TG_SCOPED_CNT; k++) {
    int64_t own;
    memcpy(&own, (const char *)conf + rows[k].core_offset, sizeof own);
    const int64_t narrower[3] = {scoped->wide[0][k], scoped->wide[1][k],
                                 instr_idx < TG_INSTR_MAX ? scoped->instr[instr_idx][k] : 0};
    scope_of[k] = TG_SCOPE_ENGINE;
    for (unsigned s = 0; s < 3; s++) {
      if (narrower[s] <= 0 || narrower[s] >= own) continue; /* an unset engine limit stays unset: own is 0 then */
      own = narrower[s];
      scope_of[k] = (uint8_t)(TG_SCOPE_ACCOUNT + s);
    }
    memcpy((char *)out + rows[k].core_offset, &own, sizeof own);
  }
}

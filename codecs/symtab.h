/* symtab.h - symbol text -> instrument index and scales.
 * What:    small open-addressing table filled at start from exchangeInfo; lookup is one multiply and one 24-byte compare.
 * Owner:   caller; a plain struct of fixed size.
 * Threads: one writer before use (or between turns); readers any.
 * Limit:   TG_INSTR_MAX symbols of 1..19 bytes; one product per table where names repeat (spot and USDT-M share names).
 * Errors:  -TG_EFULL, -TG_EINVAL, -TG_EEXISTS. */
#ifndef TG_CODECS_SYMTAB_H
#define TG_CODECS_SYMTAB_H

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/types.h"
#include "engine/msg/msg.h"

#define TG_SYM_TEXT_MAX 19
#define TG_SYM_SLOT_CNT 256

typedef struct tg_sym {
  char name[24];  /* zero padded, upper case as on the wire */
  tg_scale_t px;  /* tick */
  tg_scale_t qty; /* step */
  uint16_t instr_idx;
  uint8_t name_len;
  uint8_t product;      /* tg_product_t */
  char margin_asset[8]; /* zero padded; "" when not known */
} tg_sym_t;

typedef struct tg_symtab {
  uint32_t cnt;
  uint8_t slot[TG_SYM_SLOT_CNT];  /* 0 free, else 1 + index into sym */
  uint8_t by_instr[TG_INSTR_MAX]; /* 0 none, else 1 + index into sym */
  tg_sym_t sym[TG_INSTR_MAX];
} tg_symtab_t;

void tg_symtab_init(tg_symtab_t *tab);
/* Adds a symbol; a known name gets the new scales (an intraday tick change). 0, -TG_EFULL, -TG_EINVAL (name, scale, index),
 * -TG_EEXISTS (the index belongs to another name). Unchanged on error. */
TG_MUST_USE int tg_symtab_add(tg_symtab_t *tab, const char *name, size_t len, uint16_t instr_idx, tg_product_t product,
                              tg_scale_t px, tg_scale_t qty);
/* The same from a CFG_SYMBOL message. */
TG_MUST_USE int tg_symtab_add_msg(tg_symtab_t *tab, const tg_msg_t *cfg_symbol);
/* Symbol by its text, NULL when unknown. Reads exactly len bytes. */
const tg_sym_t *tg_symtab_find(const tg_symtab_t *tab, const char *name, size_t len);
/* Symbol by instrument index, NULL when unknown. */
const tg_sym_t *tg_symtab_instr(const tg_symtab_t *tab, uint16_t instr_idx);

#endif

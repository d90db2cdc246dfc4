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
/* The same where `avail` >= len bytes are readable: with 16 or more, names up to 16 bytes take no loop. */
static inline const tg_sym_t *tg_symtab_find_at(const tg_symtab_t *tab, const char *name, size_t len, size_t avail);
/* Symbol by instrument index, NULL when unknown. */
const tg_sym_t *tg_symtab_instr(const tg_symtab_t *tab, uint16_t instr_idx);

/* Slot where the search for a name (24 bytes, zero padded) starts. */
static inline uint32_t tg_symtab_hash(const uint64_t word[3]) {
  uint64_t h = (word[0] ^ (word[1] * UINT64_C(0xff51afd7ed558ccd)) ^ (word[2] << 7)) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(h >> 56);
}

static inline const tg_sym_t *tg_symtab_find_at(const tg_symtab_t *tab, const char *name, size_t len, size_t avail) {
  if (TG_UNLIKELY(avail < 16 || len - 1 >= 16)) return tg_symtab_find(tab, name, len);
  uint64_t word[3] = {0, 0, 0}, have[3];
  memcpy(word, name, 16);
  /* clear what lies behind the name: shifts in two steps, for 64 is no shift */
  unsigned low = len < 8 ? (unsigned)(8 - len) * 8 : 0, high = len < 8 ? 64 : (unsigned)(16 - len) * 8;
  word[0] = word[0] << low >> low;
  word[1] = word[1] << (high / 2) << (high - high / 2) >> (high / 2) >> (high - high / 2);
  const tg_sym_t *sym;
  uint32_t at = tg_symtab_hash(word);
  for (;; at = (at + 1) % TG_SYM_SLOT_CNT) { /* TG_INSTR_MAX of TG_SYM_SLOT_CNT slots at most are taken: a free one comes */
    uint8_t idx = tab->slot[at];
    if (TG_UNLIKELY(idx == 0)) return NULL;
    sym = &tab->sym[idx - 1];
    memcpy(have, sym->name, sizeof have);
    if (TG_LIKELY(((have[0] ^ word[0]) | (have[1] ^ word[1]) | have[2]) == 0)) return sym;
  }
}

#endif

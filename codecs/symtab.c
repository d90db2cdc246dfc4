#include "codecs/symtab.h"

#include <string.h>

/* Up to 24 bytes as three words, zero padded; reads exactly len bytes. */
static inline void load_name(const char *name, size_t len, uint64_t word[3]) {
  word[0] = word[1] = word[2] = 0;
  if (len >= 8) {
    memcpy(word, name, 8);
    if (len >= 16) {
      memcpy(word + 1, name + 8, 8);
      if (len > 16) {
        uint64_t tail;
        memcpy(&tail, name + len - 8, 8);
        word[2] = tail >> (8 * (24 - len));
      }
    } else if (len > 8) {
      uint64_t tail;
      memcpy(&tail, name + len - 8, 8);
      word[1] = tail >> (8 * (16 - len));
    }
  } else {
    for (size_t i = 0; i < len; i++) word[0] |= (uint64_t)(uint8_t)name[i] << (8 * i);
  }
}

void tg_symtab_init(tg_symtab_t *tab) {
  memset(tab, 0, sizeof *tab);
}

/* Slot of a name: the one that holds it, or the free one where it would go. */
static inline uint32_t slot_of(const tg_symtab_t *tab, const uint64_t word[3]) {
  uint32_t at = tg_symtab_hash(word);
  for (;;) { /* at most TG_INSTR_MAX of TG_SYM_SLOT_CNT slots are taken: a free one comes */
    uint8_t idx = tab->slot[at];
    if (idx == 0 || memcmp(tab->sym[idx - 1].name, word, 24) == 0) return at;
    at = (at + 1) % TG_SYM_SLOT_CNT;
  }
}

int tg_symtab_add(tg_symtab_t *tab, const char *name, size_t len, uint16_t instr_idx, tg_product_t product, tg_scale_t px,
                  tg_scale_t qty) {
  if (len == 0 || len > TG_SYM_TEXT_MAX || instr_idx >= TG_INSTR_MAX) return -TG_EINVAL;
  if (px.unit < 1 || qty.unit < 1 || px.dec > 18 || qty.dec > 18) return -TG_EINVAL;
  uint64_t word[3];
  load_name(name, len, word);
  uint32_t slot = slot_of(tab, word);
  uint8_t idx = tab->slot[slot];
  if (idx == 0) {
    if (tab->by_instr[instr_idx] != 0) return -TG_EEXISTS;
    if (tab->cnt == TG_INSTR_MAX) return -TG_EFULL;
    idx = (uint8_t)++tab->cnt;
    tab->slot[slot] = idx;
    tab->by_instr[instr_idx] = idx;
  } else if (tab->sym[idx - 1].instr_idx != instr_idx) {
    return -TG_EEXISTS;
  }
  tg_sym_t *sym = &tab->sym[idx - 1];
  memcpy(sym->name, word, sizeof sym->name);
  sym->name_len = (uint8_t)len;
  sym->instr_idx = instr_idx;
  sym->product = (uint8_t)product;
  sym->px = px;
  sym->qty = qty;
  return 0;
}

int tg_symtab_add_msg(tg_symtab_t *tab, const tg_msg_t *msg) {
  const tg_cfg_symbol_t *cfg = &msg->u.cfg_symbol;
  size_t len = 0;
  while (len < sizeof cfg->symbol && cfg->symbol[len]) len++;
  int err = tg_symtab_add(tab, cfg->symbol, len, msg->instr_idx, (tg_product_t)cfg->product,
                          (tg_scale_t){.dec = cfg->px_dec, .unit = cfg->px_unit},
                          (tg_scale_t){.dec = cfg->qty_dec, .unit = cfg->qty_unit});
  if (err) return err;
  tg_sym_t *sym = &tab->sym[tab->by_instr[msg->instr_idx] - 1];
  memset(sym->margin_asset, 0, sizeof sym->margin_asset);
  memcpy(sym->margin_asset, cfg->margin_asset, sizeof cfg->margin_asset);
  return 0;
}

const tg_sym_t *tg_symtab_find(const tg_symtab_t *tab, const char *name, size_t len) {
  if (len == 0 || len > TG_SYM_TEXT_MAX) return NULL;
  uint64_t word[3];
  load_name(name, len, word);
  uint8_t idx = tab->slot[slot_of(tab, word)];
  return idx ? &tab->sym[idx - 1] : NULL;
}

const tg_sym_t *tg_symtab_instr(const tg_symtab_t *tab, uint16_t instr_idx) {
  if (instr_idx >= TG_INSTR_MAX || tab->by_instr[instr_idx] == 0) return NULL;
  return &tab->sym[tab->by_instr[instr_idx] - 1];
}

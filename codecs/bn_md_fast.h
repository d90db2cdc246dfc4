/* bn_md_fast.h - the straight path of bn_md.c: frames in the venue's usual key order and without white space.
 * What:    true = decoded (messages appended, possibly none for an unknown symbol); false = anything unusual: the caller drops
 * what was appended and takes the path by key, which decides and names errors. So nothing here diagnoses. Owner:   bn_md.c
 * only. Threads: as bn_md.h. Limit:   none of its own. Errors:  none: false. */
#ifndef TG_CODECS_BN_MD_FAST_H
#define TG_CODECS_BN_MD_FAST_H

#include "codecs/bn_md.h"
#include "codecs/scan.h"

typedef struct tg_md_in {
  tg_bn_md_t *ctx;
  uint64_t recv_ns;
  tg_msg_batch_t *out;
} tg_md_in_t;

/* Steps over a literal when it is there. */
#define TG_FAST_LIT(p, end, lit) \
  ((size_t)((end) - (p)) >= sizeof(lit) - 1 && memcmp((p), "" lit, sizeof(lit) - 1) == 0 ? ((p) += sizeof(lit) - 1, true) \
                                                                                         : false)

/* A scaled number at p, behind its quote; the closing quote is the caller's. */
static inline const char *tg_fast_scaled(const char *p, const char *end, tg_scale_t scale, int64_t *out) {
  int64_t value = 0;
  int n = end > p ? tg_dec_scan(p, (size_t)(end - p), scale.dec, &value) : 0;
  if (TG_UNLIKELY(n <= 0 || value < 0)) return NULL;
  if (TG_UNLIKELY(scale.unit != 1)) {
    if (value % scale.unit != 0) return NULL;
    value /= scale.unit;
  }
  *out = value;
  return p + n;
}

/* `SYM"`: the symbol, p behind its quote. */
static inline const char *tg_fast_symbol(const tg_md_in_t *in, const char *p, const char *end, const tg_sym_t **sym) {
  const char *quote = tg_scan_string(p, end);
  if (TG_UNLIKELY(!quote)) return NULL;
  *sym = tg_symtab_find(in->ctx->tab, p, (size_t)(quote - p));
  return quote + 1;
}

/* Levels in the compact form, p behind '['; returns behind ']'. */
static inline const char *tg_fast_levels(const tg_md_in_t *in, const char *p, const char *end, const tg_sym_t *sym, bool ask,
                                         uint32_t *cnt) {
  if (p < end && *p == ']') return p + 1;
  const tg_scale_t px = sym->px, qty = sym->qty;
  tg_msg_t *msg = NULL;
  unsigned used = TG_LEVELS_PER_MSG;
  uint32_t n = 0;
  for (;;) {
    if (used == TG_LEVELS_PER_MSG) {
      msg = tg_msg_next(in->out, TG_MD_LEVELS, sym->instr_idx, in->recv_ns);
      if (TG_UNLIKELY(!msg)) return NULL;
      msg->flags = ask ? TG_F_ASK : 0;
      used = 0;
    }
    tg_md_level_t *level = &msg->u.md_levels.level[used++];
    if (TG_UNLIKELY(!TG_FAST_LIT(p, end, "[\""))) return NULL;
    p = tg_fast_scaled(p, end, px, &level->px_ticks);
    if (TG_UNLIKELY(!p || !TG_FAST_LIT(p, end, "\",\""))) return NULL;
    p = tg_fast_scaled(p, end, qty, &level->qty_lots);
    if (TG_UNLIKELY(!p || end - p < 3 || p[0] != '"' || p[1] != ']')) return NULL;
    n++;
    char c = p[2];
    p += 3;
    if (c == ',') continue;
    if (TG_UNLIKELY(c != ']')) return NULL;
    *cnt = n;
    return p;
  }
}

/* Behind `,"st":1}`, `}` and, when wrapped, the outer `}`: true when the text ends there. */
static inline bool tg_fast_tail(const char *p, const char *end, bool wrapped) {
  if (TG_FAST_LIT(p, end, ",\"st\":") && p < end && *p >= '0' && *p <= '9') p++;
  return end - p == 1 + (ptrdiff_t)wrapped && p[0] == '}' && p[wrapped] == '}';
}

/* p behind the update id of a bookTicker. */
static inline bool tg_fast_top(const tg_md_in_t *in, const char *p, const char *end, uint64_t update_id, bool wrapped) {
  const tg_sym_t *sym = NULL;
  if (!TG_FAST_LIT(p, end, ",\"s\":\"")) return false;
  p = tg_fast_symbol(in, p, end, &sym);
  if (!p) return false;
  if (TG_UNLIKELY(!sym)) {
    in->ctx->cnt.unknown_symbol++;
    return true;
  }
  if (TG_FAST_LIT(p, end, ",\"ps\":\"")) {
    p = tg_scan_string(p, end);
    if (!p) return false;
    p++;
  }
  tg_msg_t *msg = tg_msg_next(in->out, TG_MD_TOP, sym->instr_idx, in->recv_ns);
  if (TG_UNLIKELY(!msg)) return false;
  tg_md_top_t *top = &msg->u.md_top;
  top->update_id = update_id;
  if (!TG_FAST_LIT(p, end, ",\"b\":\"") || !(p = tg_fast_scaled(p, end, sym->px, &top->bid_px_ticks))) return false;
  if (!TG_FAST_LIT(p, end, "\",\"B\":\"") || !(p = tg_fast_scaled(p, end, sym->qty, &top->bid_qty_lots))) return false;
  if (!TG_FAST_LIT(p, end, "\",\"a\":\"") || !(p = tg_fast_scaled(p, end, sym->px, &top->ask_px_ticks))) return false;
  if (!TG_FAST_LIT(p, end, "\",\"A\":\"") || !(p = tg_fast_scaled(p, end, sym->qty, &top->ask_qty_lots))) return false;
  if (p == end || *p++ != '"') return false;
  uint64_t ms = 0;
  if (TG_FAST_LIT(p, end, ",\"T\":")) {
    if (!(p = tg_scan_u64(p, end, &ms)) || ms > INT64_MAX) return false;
    top->venue_ms = (int64_t)ms;
    if (TG_FAST_LIT(p, end, ",\"E\":") && (!(p = tg_scan_u64(p, end, &ms)) || ms > INT64_MAX)) return false;
  }
  return tg_fast_tail(p, end, wrapped);
}

/* p behind `{"e":"depthUpdate","E":`. */
static inline bool tg_fast_depth(const tg_md_in_t *in, const char *p, const char *end, bool wrapped) {
  const tg_sym_t *sym = NULL;
  uint64_t ms = 0;
  tg_msg_t *msg = tg_msg_next(in->out, TG_MD_DEPTH, TG_INSTR_NONE, in->recv_ns);
  if (TG_UNLIKELY(!msg)) return false;
  tg_md_depth_t *depth = &msg->u.md_depth;
  if (!(p = tg_scan_u64(p, end, &ms)) || ms > INT64_MAX) return false;
  if (TG_FAST_LIT(p, end, ",\"T\":") && !(p = tg_scan_u64(p, end, &ms))) return false;
  if (ms > INT64_MAX || !TG_FAST_LIT(p, end, ",\"s\":\"") || !(p = tg_fast_symbol(in, p, end, &sym))) return false;
  if (TG_UNLIKELY(!sym)) {
    in->out->cnt--;
    in->ctx->cnt.unknown_symbol++;
    return true;
  }
  msg->instr_idx = sym->instr_idx;
  depth->venue_ms = (int64_t)ms;
  depth->gen = in->ctx->gen;
  if (TG_FAST_LIT(p, end, ",\"ps\":\"")) {
    p = tg_scan_string(p, end);
    if (!p) return false;
    p++;
  }
  if (!TG_FAST_LIT(p, end, ",\"U\":") || !(p = tg_scan_u64(p, end, &depth->first_id))) return false;
  if (!TG_FAST_LIT(p, end, ",\"u\":") || !(p = tg_scan_u64(p, end, &depth->last_id))) return false;
  depth->prev_id = depth->first_id - 1;
  if (TG_FAST_LIT(p, end, ",\"pu\":") && !(p = tg_scan_u64(p, end, &depth->prev_id))) return false;
  if (!TG_FAST_LIT(p, end, ",\"b\":[") || !(p = tg_fast_levels(in, p, end, sym, false, &depth->bid_cnt))) return false;
  if (!TG_FAST_LIT(p, end, ",\"a\":[") || !(p = tg_fast_levels(in, p, end, sym, true, &depth->ask_cnt))) return false;
  in->out->msg[in->out->cnt - 1].flags |= TG_F_LAST;
  return tg_fast_tail(p, end, wrapped);
}

static inline bool tg_md_fast(const tg_md_in_t *in, const char *p, const char *end) {
  bool wrapped = TG_FAST_LIT(p, end, "{\"stream\":\"");
  if (wrapped) {
    p = tg_scan_string(p, end);
    if (TG_UNLIKELY(!p || !TG_FAST_LIT(p, end, "\",\"data\":"))) return false;
  }
  uint64_t id = 0;
  if (TG_FAST_LIT(p, end, "{\"e\":\"bookTicker\",\"u\":")) {
    return (p = tg_scan_u64(p, end, &id)) && tg_fast_top(in, p, end, id, wrapped);
  }
  if (TG_FAST_LIT(p, end, "{\"e\":\"depthUpdate\",\"E\":")) return tg_fast_depth(in, p, end, wrapped);
  if (TG_FAST_LIT(p, end, "{\"u\":")) { /* COIN-M names the id first; spot names no event */
    if (!(p = tg_scan_u64(p, end, &id))) return false;
    (void)TG_FAST_LIT(p, end, ",\"e\":\"bookTicker\"");
    return tg_fast_top(in, p, end, id, wrapped);
  }
  return false;
}

#endif

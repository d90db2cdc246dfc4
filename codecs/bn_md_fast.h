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

/* A scaled number at p, behind its quote; returns its closing quote. */
static inline const char *tg_fast_scaled(const char *p, const char *end, tg_scale_t scale, int64_t *out) {
  int64_t value = 0;
  p = tg_scan_dec(p, end, scale.dec, &value);
  if (TG_UNLIKELY(!p)) return NULL;
  if (TG_UNLIKELY(scale.unit != 1)) {
    if (value % scale.unit != 0) return NULL;
    value /= scale.unit;
  }
  *out = value;
  return p;
}

/* `SYM"`: the symbol, p behind its quote. */
static inline const char *tg_fast_symbol(const tg_md_in_t *in, const char *p, const char *end, const tg_sym_t **sym) {
#if TG_DEC_SIMD
  const tg_sym_t *last = in->ctx->sym_last;
  if (TG_LIKELY(last && last->name_len < 16 && end - p >= 16)) {
    unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tg_scan_load(p), tg_scan_load(last->name)));
    if (TG_LIKELY((same | 0xffffffffu << last->name_len) == 0xffffffffu && p[last->name_len] == '"')) {
      *sym = last;
      return p + last->name_len + 1;
    }
  }
#endif
  const char *quote = tg_scan_string(p, end);
  if (TG_UNLIKELY(!quote)) return NULL;
  *sym = tg_symtab_find_at(in->ctx->tab, p, (size_t)(quote - p), (size_t)(end - p));
  if (*sym) in->ctx->sym_last = *sym;
  return quote + 1;
}

/* Two numbers by a learned shape; the byte behind the pair, or NULL. */
static inline const char *tg_fast_shape(tg_shapes_t *tab, const char *p, const tg_sym_t *sym, int64_t out[2]) {
#if TG_SCAN_PAIR
  const tg_shape_t *s = &tab->shape[tab->last % TG_SHAPE_CNT];
  if (TG_LIKELY(tg_shape_read(s, p, sym->px.dec, sym->qty.dec, out))) return p + s->span;
#else
  (void)tab, (void)p, (void)sym, (void)out;
#endif
  return NULL;
}

/* A pair whose quotes were found: by the shape of its lengths, else the ordinary way, which teaches the shape. */
static inline bool tg_fast_pair(tg_shapes_t *tab, const tg_shape_pair_t *pair, int64_t out[2]) {
#if TG_SCAN_PAIR
  unsigned slot = tg_shape_slot(pair->a_len, pair->b_len);
  if (tg_shape_read(&tab->shape[slot], pair->p, pair->a_dec, pair->b_dec, out) && tab->shape[slot].span == pair->span) {
    tab->last = slot;
    return true;
  }
  if (!tg_scan_pair(pair->p + pair->a_at, pair->a_len, pair->a_dec, pair->p + pair->b_at, pair->b_len, pair->b_dec, out))
    return false;
  tg_shape_learn(tab, pair);
  return true;
#else
  (void)tab, (void)pair, (void)out;
  return false;
#endif
}

/* Two scaled numbers, px at p behind its quote, qty behind `sep` that follows px's digits; returns behind qty's closing quote.
 */
static inline __attribute__((always_inline)) const char *tg_fast_two(tg_shapes_t *tab, const char *p, const char *end,
                                                                     const tg_sym_t *sym, const char *sep, size_t sep_len,
                                                                     int64_t *px, int64_t *qty) {
#if TG_SCAN_PAIR
  if (TG_LIKELY(end - p >= 48 && (sym->px.unit == 1) & (sym->qty.unit == 1))) {
    int64_t value[2];
    const char *stop = tg_fast_shape(tab, p, sym, value);
    if (TG_UNLIKELY(!stop)) {
      const __m128i quote = _mm_set1_epi8('"');
      unsigned a_len = (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tg_scan_load(p), quote)) | 0x10000u);
      unsigned b_at = a_len + (unsigned)sep_len;
      unsigned b_len =
          (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tg_scan_load(p + b_at), quote)) | 0x10000u);
      tg_shape_pair_t pair = {p, 0, a_len, sym->px.dec, b_at, b_len, sym->qty.dec, b_at + b_len + 1};
      bool ok = a_len < 16 && b_len < 16 && tg_scan_same(p + a_len, sep, sep_len) && tg_fast_pair(tab, &pair, value);
      if (ok) stop = p + pair.span;
    }
    if (TG_LIKELY(stop)) {
      *px = value[0];
      *qty = value[1];
      return stop;
    }
  }
#else
  (void)tab;
#endif
  p = tg_fast_scaled(p, end, sym->px, px);
  if (TG_UNLIKELY(!p || (size_t)(end - p) < sep_len || !tg_scan_same(p, sep, sep_len))) return NULL;
  p = tg_fast_scaled(p + sep_len, end, sym->qty, qty);
  return p ? p + 1 : NULL;
}

#if TG_SCAN_PAIR
/* A level that no shape fitted at once (48 bytes readable). */
static __attribute__((noinline)) const char *tg_fast_level_pair(tg_shapes_t *tab, const char *p, const tg_sym_t *sym,
                                                                int64_t value[2]) {
  /* all four quotes of a usual level lie in its first 32 bytes */
  __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)p);
  unsigned quote = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('"')));
  unsigned q1 = quote & (quote - 1), q2 = q1 & (q1 - 1), q3 = q2 & (q2 - 1);
  if (q3 == 0 || (quote & 3u) != 2u) return NULL;
  unsigned a_end = (unsigned)__builtin_ctz(q1), b_at = (unsigned)__builtin_ctz(q2), b_end = (unsigned)__builtin_ctz(q3);
  if (*p != '[' || b_at != a_end + 2 || p[a_end + 1] != ',' || p[b_end + 1] != ']') return NULL;
  const tg_shape_pair_t pair = {p, 2, a_end - 2, sym->px.dec, b_at + 1, b_end - b_at - 1, sym->qty.dec, b_end + 2};
  return tg_fast_pair(tab, &pair, value) ? p + pair.span : NULL;
}
#endif

/* One level `["px","qty"]`; returns behind its ']'. */
static inline const char *tg_fast_level(tg_shapes_t *tab, const char *p, const char *end, const tg_sym_t *sym,
                                        tg_md_level_t *level) {
#if TG_SCAN_PAIR
  if (TG_LIKELY(end - p >= 48 && (sym->px.unit == 1) & (sym->qty.unit == 1))) {
    int64_t value[2];
    const char *stop = tg_fast_shape(tab, p, sym, value);
    if (TG_UNLIKELY(!stop)) stop = tg_fast_level_pair(tab, p, sym, value);
    if (TG_LIKELY(stop)) {
      level->px_ticks = value[0];
      level->qty_lots = value[1];
      return stop;
    }
  }
#else
  (void)tab;
#endif
  if (TG_UNLIKELY(!TG_FAST_LIT(p, end, "[\""))) return NULL;
  p = tg_fast_scaled(p, end, sym->px, &level->px_ticks);
  if (TG_UNLIKELY(!p || !TG_FAST_LIT(p, end, "\",\""))) return NULL;
  p = tg_fast_scaled(p, end, sym->qty, &level->qty_lots);
  if (TG_UNLIKELY(!p || end - p < 2 || p[1] != ']')) return NULL;
  return p + 2;
}

/* Levels in the compact form, p behind '['; returns behind ']'. */
static inline const char *tg_fast_levels(const tg_md_in_t *in, const char *p, const char *end, const tg_sym_t *sym, bool ask,
                                         uint32_t *cnt) {
  if (p < end && *p == ']') return p + 1;
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
    p = tg_fast_level(&in->ctx->level, p, end, sym, &msg->u.md_levels.level[used++]);
    if (TG_UNLIKELY(!p || p == end)) return NULL;
    n++;
    char c = *p++;
    if (c == ',') continue;
    if (TG_UNLIKELY(c != ']')) return NULL;
    *cnt = n;
    return p;
  }
}

/* Behind `,"st":1}`, `}` and, when wrapped, the outer `}`: true when the text ends there. */
static inline bool tg_fast_tail(const char *p, const char *end, bool wrapped) {
  if (TG_FAST_LIT(p, end, ",\"st\":")) {
    if (p == end || *p < '0' || *p > '9') return false;
    p++;
  }
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
  static const char bid_sep[] = "\",\"B\":\"", ask_sep[] = "\",\"A\":\"";
  if (!TG_FAST_LIT(p, end, ",\"b\":\"")) return false;
  p = tg_fast_two(&in->ctx->bid, p, end, sym, bid_sep, sizeof bid_sep - 1, &top->bid_px_ticks, &top->bid_qty_lots);
  if (!p || !TG_FAST_LIT(p, end, ",\"a\":\"")) return false;
  p = tg_fast_two(&in->ctx->ask, p, end, sym, ask_sep, sizeof ask_sep - 1, &top->ask_px_ticks, &top->ask_qty_lots);
  if (!p) return false;
  uint64_t ms = 0;
  if (TG_FAST_LIT(p, end, ",\"T\":")) {
    if (!(p = tg_scan_u64(p, end, &ms)) || ms > INT64_MAX) return false;
    top->venue_ms = (int64_t)ms;
    if (TG_FAST_LIT(p, end, ",\"E\":") && (!(p = tg_scan_u64_tail(p, end, &ms)) || ms > INT64_MAX)) return false;
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

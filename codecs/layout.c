#include "codecs/layout.h"

/* The letter that tells kinds apart: {"e":"X... */
static unsigned kind_of(const char *p, const char *end) {
  return end - p > 6 ? (uint8_t)p[6] % TG_LAYOUT_KINDS : 0;
}

#if TG_DEC_SIMD
/* Behind the value at p, NULL when it is not of its kind. 40 bytes are readable. */
static inline const char *value_fast(const char *p, const char *end, unsigned kind) {
  __m128i text = tg_scan_load(p);
  if (TG_LIKELY(kind == TG_LAYOUT_STRING)) {
    unsigned close = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
    __m128i odd =
        _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text));
    unsigned special = (unsigned)_mm_movemask_epi8(odd) & (close ^ (close - 1));
    if (TG_UNLIKELY(close == 0 || special != 0)) return tg_scan_string(p, end);
    return p + __builtin_ctz(close);
  }
  if (kind == TG_LAYOUT_DIGITS) {
    unsigned n = (unsigned)__builtin_ctz(~tg_scan_digits(text));
    return n - 1u < 15u ? p + n : NULL;
  }
  uint32_t head;
  memcpy(&head, p, 4);
  if (head == 0x65757274u) return p + 4; /* true */
  return head == 0x736c6166u && p[4] == 'e' ? p + 5 : NULL;
}
#endif

/* The same near the end of the text. */
static const char *value_careful(const char *p, const char *end, unsigned kind) {
  if (kind == TG_LAYOUT_STRING) return tg_scan_string(p, end);
  const char *start = p;
  if (kind == TG_LAYOUT_DIGITS) {
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p == start ? NULL : p;
  }
  if (end - p >= 4 && memcmp(p, "true", 4) == 0) return p + 4;
  return end - p >= 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

static bool read_one(const tg_layout_t *lay, const char *p, const char *end, tg_fields_t *f, tg_fields_t *inner) {
  tg_fields_t *const to[2] = {f, inner};
  const tg_layout_item_t *item = lay->item, *stop = lay->item + lay->cnt;
#if TG_DEC_SIMD
  for (; item < stop && end - p >= 40; item++) {
    unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(tg_scan_load(p), tg_scan_load(item->text)));
    if (TG_UNLIKELY((same & item->need) != item->need)) return false;
    const char *start = p + item->text_len;
    p = value_fast(start, end, item->value);
    if (TG_UNLIKELY(!p)) return false;
    if (!item->wanted) continue;
    unsigned quote = item->value == TG_LAYOUT_STRING;
    to[item->inner]->value[item->slot] = (tg_json_slice_t){start - quote, (size_t)(p - start) + 2 * quote};
  }
#endif
  for (; item < stop; item++) {
    if ((size_t)(end - p) < item->text_len || memcmp(p, item->text, item->text_len) != 0) return false;
    const char *start = p + item->text_len;
    p = value_careful(start, end, item->value);
    if (!p) return false;
    unsigned quote = item->value == TG_LAYOUT_STRING;
    to[item->inner]->value[item->slot] = (tg_json_slice_t){start - quote, (size_t)(p - start) + 2 * quote};
  }
  if ((size_t)(end - p) != lay->tail_len || memcmp(p, lay->tail, lay->tail_len) != 0) return false;
  memcpy(f->have, lay->have[0], sizeof f->have);
  memcpy(inner->have, lay->have[1], sizeof inner->have);
  return true;
}

bool tg_layout_read(tg_layouts_t *tab, const char *p, const char *end, tg_fields_t *f, tg_fields_t *inner, bool *inner_seen) {
  unsigned kind = kind_of(p, end);
  for (unsigned i = 0; i < TG_LAYOUT_WAYS; i++) {
    unsigned way = (tab->last[kind] + i) % TG_LAYOUT_WAYS;
    const tg_layout_t *lay = &tab->layout[kind][way];
    if (lay->cnt == 0 || !read_one(lay, p, end, f, inner)) continue;
    tab->last[kind] = (uint8_t)way;
    *inner_seen = lay->has_inner;
    return true;
  }
  return false;
}

/* --- learning --- */

/* One value at p, preceded by the text from `from` on; NULL when it cannot be learned. */
static const char *learn_value(tg_layout_t *lay, const char *from, const char *p, const char *end, unsigned slot,
                               unsigned inner, const uint64_t wanted[2]) {
  if (lay->cnt == TG_LAYOUT_ITEMS) return NULL;
  tg_layout_item_t *item = &lay->item[lay->cnt];
  item->value = *p == '"' ? TG_LAYOUT_STRING : *p >= '0' && *p <= '9' ? TG_LAYOUT_DIGITS : TG_LAYOUT_BOOL;
  const char *start = item->value == TG_LAYOUT_STRING ? p + 1 : p;
  size_t len = (size_t)(start - from);
  p = value_careful(start, end, item->value);
  if (!p || len > TG_LAYOUT_TEXT || p == end || (item->value == TG_LAYOUT_DIGITS && (*p == '.' || *p == 'e' || *p == 'E')))
    return NULL;
  memcpy(item->text, from, len);
  item->text_len = (uint8_t)len;
  item->need = (uint16_t)((1u << len) - 1u);
  item->slot = (uint8_t)slot;
  item->inner = (uint8_t)inner;
  item->wanted = wanted[slot / 64] >> (slot % 64) & 1;
  if (item->wanted) lay->have[inner][slot / 64] |= UINT64_C(1) << (slot % 64);
  lay->cnt++;
  return p;
}

/* The order of the members; false when the event is not flat enough. */
static bool learn(tg_layout_t *lay, const char *p, const char *end, unsigned inner_slot, const uint64_t wanted[2]) {
  const char *from = p; /* text since the last value */
  unsigned depth = 1;
  bool more = true;
  p++; /* its brace */
  while (depth > 0) {
    p = tg_scan_space(p, end);
    if (!more) { /* behind a value: a comma or braces */
      while (depth > 0 && p < end && *p == '}') {
        depth--;
        p = tg_scan_space(p + 1, end);
      }
      if (depth == 0) break;
      if (p == end || *p != ',') return false;
      p = tg_scan_space(p + 1, end);
    }
    unsigned slot = tg_fields_name(&p, end);
    if (slot > TG_FIELD_CNT || p >= end) return false;
    if (*p == '{') {
      if (depth != 1 || slot != inner_slot || lay->has_inner) return false;
      lay->has_inner = true;
      depth = 2;
      more = true;
      p++;
      continue;
    }
    const char *stop = learn_value(lay, from, p, end, slot, depth - 1, wanted);
    if (!stop) return false;
    from = stop;
    p = stop + (*stop == '"' && lay->item[lay->cnt - 1].value == TG_LAYOUT_STRING);
    more = false;
  }
  size_t tail = (size_t)(end - from);
  if (tail > TG_LAYOUT_TEXT || lay->cnt == 0) return false;
  memcpy(lay->tail, from, tail);
  lay->tail_len = (uint8_t)tail;
  return true;
}

void tg_layout_learn(tg_layouts_t *tab, const char *p, const char *end, unsigned inner_slot, const uint64_t wanted[2]) {
  if (p >= end || *p != '{') return;
  unsigned kind = kind_of(p, end);
  unsigned way = (tab->last[kind] + 1u) % TG_LAYOUT_WAYS; /* the one that was not used last */
  tg_layout_t *lay = &tab->layout[kind][way];
  memset(lay, 0, sizeof *lay);
  if (learn(lay, p, end, inner_slot, wanted)) {
    tab->last[kind] = (uint8_t)way;
  } else {
    lay->cnt = 0;
  }
}

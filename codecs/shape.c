#include "codecs/shape.h"

#if TG_SCAN_PAIR
/* Marks one number of the pair; its half of control and ascii is `half`. */
static void number(tg_shape_t *s, const char *p, unsigned at, unsigned len, unsigned dec, unsigned half) {
  unsigned first = 0;
  while (first < len && p[at + first] != '.') first++;
  for (unsigned i = 0; i < len; i++) {
    if (i == first) continue; /* the point stays fixed */
    s->mask[at + i] = s->fixed[at + i] = s->not_digit[at + i] = 0;
    if (i > first + dec) s->zero[at + i] = 0xff;
  }
  const uint8_t *row = TG_SCAN_DECIMAL + 16 * (17 * dec + first);
  for (unsigned i = 0; i < 16; i++) {
    bool taken = row[i] < len;
    s->control[half * 16 + i] = taken ? row[i] : 0x80;
    s->ascii[half * 16 + i] = taken ? '0' : 0;
  }
}

void tg_shape_learn(tg_shapes_t *tab, const tg_shape_pair_t *pair) {
  if (pair->span > TG_SHAPE_BYTES || pair->a_len > 15 || pair->b_len > 15) return;
  unsigned slot = tg_shape_slot(pair->a_len, pair->b_len);
  tg_shape_t *s = &tab->shape[slot];
  memset(s, 0, sizeof *s);
  for (unsigned i = 0; i < TG_SHAPE_BYTES; i++) {
    s->not_digit[i] = 0xff;
    if (i >= pair->span) continue;
    s->mask[i] = 0xff;
    s->fixed[i] = (uint8_t)pair->p[i];
  }
  number(s, pair->p, pair->a_at, pair->a_len, pair->a_dec, 0);
  number(s, pair->p, pair->b_at, pair->b_len, pair->b_dec, 1);
  s->span = (uint8_t)pair->span;
  s->a_at = (uint8_t)pair->a_at;
  s->b_at = (uint8_t)pair->b_at;
  s->a_dec = (uint8_t)pair->a_dec;
  s->b_dec = (uint8_t)pair->b_dec;
  tab->last = slot;
}
#else
void tg_shape_learn(tg_shapes_t *tab, const tg_shape_pair_t *pair) {
  (void)tab, (void)pair;
}
#endif

#include "codecs/fields.h"

/* Names of two letters: one look-up; the text is checked afterwards. */
#define KEY(a, b) (((unsigned)(a)&31u) << 5 | ((unsigned)(b)&31u))

static const struct {
  char text[2];
  uint8_t slot;
} TWO[1024] = {
#define F(slot, text)
#define F2(slot, a, b) [KEY(a, b)] = {{a, b}, TG_FIELD_##slot},
#include "codecs/fields.def"
#undef F
#undef F2
};

unsigned tg_field_slot2(const char *name) {
  unsigned key = KEY(name[0], name[1]);
  bool same = TWO[key].text[0] == name[0] && TWO[key].text[1] == name[1];
  return same ? TWO[key].slot : TG_FIELD_OTHER;
}

unsigned tg_field_slot(const char *name, size_t len) {
  if (len == 2) return tg_field_slot2(name);
#define F(slot, text) \
  if (len == sizeof(text) - 1 && memcmp(name, text, sizeof(text) - 1) == 0) return TG_FIELD_##slot;
#define F2(slot, a, b)
#include "codecs/fields.def"
#undef F
#undef F2
  return TG_FIELD_OTHER;
}

unsigned tg_fields_name(const char **at, const char *end) {
  const char *p = *at;
  if (p >= end || *p != '"') return TG_FIELD_CNT + 1;
  const char *name = p + 1;
  p = tg_scan_string(name, end);
  if (!p) return TG_FIELD_CNT + 1;
  size_t len = (size_t)(p - name);
  unsigned letter = len == 1 ? (uint8_t)(*name - 'A') : TG_FIELD_LETTERS;
  unsigned slot = letter < TG_FIELD_LETTERS ? letter : tg_field_slot(name, len);
  p = tg_scan_space(p + 1, end);
  if (p >= end || *p != ':') return TG_FIELD_CNT + 1;
  *at = tg_scan_space(p + 1, end);
  return slot;
}

int tg_fields_scan(tg_fields_t *f, const char **at, const char *end) {
  return tg_fields_pass(f, NULL, 0, NULL, NULL, at, end);
}

int tg_fields_scan_in(tg_fields_t *f, tg_fields_t *inner, unsigned inner_slot, bool *inner_seen, const char **at,
                      const char *end) {
  *inner_seen = false;
  return tg_fields_pass(f, inner, inner_slot, inner_seen, tg_fields_scan, at, end);
}

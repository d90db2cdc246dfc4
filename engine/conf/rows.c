/* The rows of config.def, and what the core does with them: nothing here allocates, prints or calls the kernel. */
#include "engine/base/decimal.h"
#include "engine/conf/conf.h"

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

/* FNV-1a of a literal at compile time: past its end a step multiplies by one and changes nothing. */
#define STEP(h, s, i) \
  (((h) ^ ((i) < sizeof(s) - 1 ? (uint32_t)(unsigned char)(s)[(i) < sizeof(s) ? (i) : 0] : 0u)) * \
   ((i) < sizeof(s) - 1 ? FNV_PRIME : 1u))
#define STEP4(h, s, i) STEP(STEP(STEP(STEP(h, s, (i)), s, (i) + 1), s, (i) + 2), s, (i) + 3)
#define STEP16(h, s, i) STEP4(STEP4(STEP4(STEP4(h, s, (i)), s, (i) + 4), s, (i) + 8), s, (i) + 12)
#define HASH(s) STEP16(STEP16(STEP16(FNV_BASIS, s, 0), s, 16), s, 32)

#define C(section, key, TYPE, def, min, max, CLASS, unit, text) \
  TG_STATIC_ASSERT(sizeof(#section "." #key) - 1 <= TG_CONF_NAME_BYTES_MAX, "HASH covers the name " #section "." #key);
#include "engine/conf/config.def"
#undef C

#define CORE_OFFSET_CORE(name) offsetof(tg_core_conf_t, name)
#define CORE_OFFSET_HOST(name) SIZE_MAX

const tg_conf_row_t tg_conf_rows[] = {
#define C(section_, key_, TYPE, def_, min_, max_, CLASS, unit_, text_) \
  {.section = #section_, \
   .key = #key_, \
   .name = #section_ "." #key_, \
   .type = TG_CONF_##TYPE, \
   .cls = TG_CONF_##CLASS, \
   .def = def_, \
   .unit = unit_, \
   .text = text_, \
   .min = (min_), \
   .max = (max_), \
   .offset = offsetof(tg_conf_t, section_##_##key_), \
   .core_offset = CORE_OFFSET_##CLASS(section_##_##key_), \
   .hash = HASH(#section_ "." #key_)},
#include "engine/conf/config.def"
#undef C
};
const size_t tg_conf_row_cnt = TG_ARRAY_CNT(tg_conf_rows);

/* The hashes side by side: a look-up reads eight lines of cache, no row but the right one. */
static const uint32_t hashes[] = {
#define C(section, key, TYPE, def, min, max, CLASS, unit, text) HASH(#section "." #key),
#include "engine/conf/config.def"
#undef C
};

uint32_t tg_conf_key_hash(const char *name) {
  uint32_t hash = FNV_BASIS;
  for (; *name; name++) hash = (hash ^ (uint32_t)(unsigned char)*name) * FNV_PRIME;
  return hash;
}

static const tg_conf_row_t *row_by_hash(uint32_t hash) {
  for (size_t i = 0; i < TG_ARRAY_CNT(hashes); i++) {
    if (hashes[i] == hash) return &tg_conf_rows[i];
  }
  return NULL;
}

static bool same_text(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

const tg_conf_row_t *tg_conf_find(const char *name) {
  const tg_conf_row_t *row = row_by_hash(tg_conf_key_hash(name));
  return row && same_text(row->name, name) ? row : NULL;
}

static bool is_word(const char *text, size_t len, const char *word, size_t word_len) {
  if (len != word_len) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] != word[i]) return false;
  }
  return true;
}

/* Position of text among the words of "a|b|c", -1 when it is none of them. */
static int64_t choice_position(const char *words, const char *text, size_t len) {
  int64_t position = 0;
  for (const char *at = words;; position++) {
    size_t word_len = 0;
    while (at[word_len] && at[word_len] != '|') word_len++;
    if (word_len && is_word(text, len, at, word_len)) return position;
    if (!at[word_len]) return -1;
    at += word_len + 1;
  }
}

static bool in_bounds(const tg_conf_row_t *row, int64_t value) {
  int64_t unit = row->type == TG_CONF_DEC ? TG_E8 : 1;
  return value >= (tg_i128)row->min * unit && value <= (tg_i128)row->max * unit;
}

int tg_conf_parse_value(const tg_conf_row_t *row, const char *text, size_t len, int64_t *out) {
  int64_t value = 0;
  int err = 0;
  switch (row->type) {
    case TG_CONF_INT:
      for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') return -TG_ESYNTAX; /* 5.0 is a decimal, not an integer */
      }
      err = tg_dec_parse(text, len, 0, &value);
      break;
    case TG_CONF_DEC:
      err = tg_dec_parse(text, len, 8, &value);
      break;
    case TG_CONF_BOOL:
      value = is_word(text, len, "true", 4);
      if (!value && !is_word(text, len, "false", 5)) return -TG_ESYNTAX;
      break;
    case TG_CONF_CHOICE:
      value = choice_position(row->unit, text, len);
      if (value < 0) return -TG_ESYNTAX;
      break;
    default:
      return -TG_EINVAL;
  }
  if (err) return err;
  if (!in_bounds(row, value)) return -TG_ERANGE;
  *out = value;
  return 0;
}

static void core_put(tg_core_conf_t *core, const tg_conf_row_t *row, int64_t value) {
  memcpy((char *)core + row->core_offset, &value, sizeof value);
}

void tg_core_conf_defaults(tg_core_conf_t *core) {
  memset(core, 0, sizeof *core);
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (row->core_offset == SIZE_MAX) continue;
    size_t len = 0;
    while (row->def[len]) len++;
    int64_t value = 0;
    int err = tg_conf_parse_value(row, row->def, len, &value);
    TG_ASSERT(err == 0); /* a test parses every default */
    core_put(core, row, value);
  }
}

int tg_core_conf_apply(tg_core_conf_t *core, uint32_t key_hash, int64_t value) {
  const tg_conf_row_t *row = row_by_hash(key_hash);
  if (!row || row->core_offset == SIZE_MAX) return -TG_ENOTFOUND;
  if (!in_bounds(row, value)) return -TG_ERANGE;
  core_put(core, row, value);
  return 0;
}

#include "codecs/fields.h"

unsigned tg_field_slot(const char *name, size_t len) {
#define F(slot, text) \
  if (len == sizeof(text) - 1 && memcmp(name, text, sizeof(text) - 1) == 0) return TG_FIELD_##slot;
#include "codecs/fields.def"
#undef F
  return TG_FIELD_OTHER;
}

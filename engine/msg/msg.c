#include "engine/msg/msg.h"

const char *tg_msg_kind_name(unsigned kind) {
  switch (kind) {
#define M(name, field, number, type, text) \
  case number: \
    return #name;
#include "engine/msg/msg.def"
#undef M
    default:
      return "?";
  }
}

#define ENUM_BEGIN(set) \
  const char *tg_##set##_name(unsigned value) { \
    switch (value) {
#define ENUM(set, SET, NAME, number, text) \
  case number: \
    return #NAME;
#define ENUM_END(set, SET) \
  default: \
    return "?"; \
    } \
    }
#include "engine/msg/enums.def"

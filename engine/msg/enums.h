/* enums.h - the enumerations that messages carry, generated from enums.def.
 * What:    tg_<set>_t enums, tg_<set>_name(value), tg_<set>_CNT.
 * Threads: any; constant tables.
 * Errors:  a name outside the table is "?". */
#ifndef TG_MSG_ENUMS_H
#define TG_MSG_ENUMS_H

#include "engine/base/types.h"

/* Order flags (order_flags fields). */
#define TG_ORDER_POST_ONLY 0x01u
#define TG_ORDER_REDUCE_ONLY 0x02u
#define TG_ORDER_CLOSE_POSITION 0x04u

#define ENUM_BEGIN(set) typedef enum tg_##set {
#define ENUM(set, SET, NAME, number, text) TG_##SET##_##NAME = (number),
#define ENUM_END(set, SET) \
  TG_##SET##_CNT \
  } \
  tg_##set##_t;
#include "engine/msg/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END

#define ENUM_BEGIN(set) const char *tg_##set##_name(unsigned value);
#define ENUM(set, SET, NAME, number, text)
#define ENUM_END(set, SET)
#include "engine/msg/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END

#endif

#include <criterion/criterion.h>
#include <string.h>

#include "engine/msg/enums.h"

typedef struct row {
  const char *set, *name, *text;
  unsigned number;
  const char *(*name_of)(unsigned value);
  unsigned cnt; /* tg_<set>'s CNT */
} row_t;

static const row_t rows[] = {
#define ENUM_BEGIN(set)
#define ENUM(set, SET, NAME, number, text) {#set, #NAME, text, number, tg_##set##_name, TG_##SET##_CNT},
#define ENUM_END(set, SET)
#include "engine/msg/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END
};

Test(enums, every_row_has_its_name) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    cr_assert_str_eq(rows[i].name_of(rows[i].number), rows[i].name, "%s", rows[i].set);
    cr_assert_neq(rows[i].text[0], '\0', "%s.%s", rows[i].set, rows[i].name);
  }
}

Test(enums, numbers_and_names_are_unique_in_their_set) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    for (size_t k = 0; k < i; k++) {
      if (strcmp(rows[i].set, rows[k].set) != 0) continue;
      cr_assert_neq(rows[i].number, rows[k].number, "%s: %s and %s", rows[i].set, rows[i].name, rows[k].name);
      cr_assert_str_neq(rows[i].name, rows[k].name, "%s", rows[i].set);
    }
  }
}

/* Tables elsewhere are indexed by these numbers: they begin at 0, have no holes and fit a byte of a message. */
Test(enums, numbers_are_dense_from_zero) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    bool first = i == 0 || strcmp(rows[i].set, rows[i - 1].set) != 0;
    cr_assert_eq(rows[i].number, first ? 0 : rows[i - 1].number + 1, "%s.%s", rows[i].set, rows[i].name);
    bool last = i + 1 == TG_ARRAY_CNT(rows) || strcmp(rows[i].set, rows[i + 1].set) != 0;
    if (last) cr_assert_eq(rows[i].cnt, rows[i].number + 1, "%s", rows[i].set);
    cr_assert_leq(rows[i].cnt, 256);
  }
}

Test(enums, a_number_outside_is_a_question_mark) {
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    for (unsigned n = rows[i].cnt; n < 300; n++) cr_assert_str_eq(rows[i].name_of(n), "?");
    cr_assert_str_eq(rows[i].name_of(UINT32_MAX), "?");
  }
}

/* docs/risk.md shows the table of gates.def as it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "risk/gate.h"

static const char *column(const char *word) {
  static const char *const texts[][2] = {{"ALL", "all"},
                                         {"PLACE_AMEND", "place, amend"},
                                         {"PLACE", "place"},
                                         {"INCREASE", "INCREASE_RISK"},
                                         {"BY_FSM", "by state"},
                                         {"NO", "held, too"},
                                         {"YES", "passes"},
                                         {"TOUCH", "passes with a valid touch"},
                                         {"SHARE", "until its share is gone"},
                                         {"TABLE", "by state"}};
  for (unsigned i = 0; i < TG_ARRAY_CNT(texts); i++) {
    if (strcmp(texts[i][0], word) == 0) return texts[i][1];
  }
  return "?";
}

static FILE *open_page(void) {
  char path[1024];
  snprintf(path, sizeof path, "%s", __FILE__);
  char *end = strstr(path, "tests/unit/risk/");
  cr_assert_not_null(end);
  snprintf(end, sizeof path - (size_t)(end - path), "docs/risk.md");
  return fopen(path, "r");
}

Test(docs, risk_page_shows_the_gate_table) {
  FILE *page = open_page();
  if (page == NULL) cr_skip("docs/risk.md is not beside the tests");
  char line[1024], expected[1024];
  unsigned bit = 0;
  while (fgets(line, sizeof line, page) != NULL) {
    unsigned told;
    if (sscanf(line, "| %u |", &told) != 1) continue;
    cr_assert_lt(bit, TG_GATE_CNT);
    const tg_gate_row_t *row = &tg_gate_rows[bit];
    int len = snprintf(expected, sizeof expected, "| %u | %s: %s | ", row->bit, row->name, row->text);
    for (unsigned i = 0, cnt = 0; i < TG_REASON_CNT; i++) {
      if (tg_gate_reason_rows[i].gate != bit) continue;
      len += snprintf(expected + len, sizeof expected - (size_t)len, "%s%s", cnt++ ? ", " : "", tg_gate_reason_rows[i].name);
    }
    snprintf(expected + len, sizeof expected - (size_t)len, " | %s | %s | %s |\n", column(row->blocks), column(row->reduce),
             row->built ? "yes" : "not built: always passes");
    cr_assert_str_eq(line, expected);
    bit++;
  }
  fclose(page);
  cr_assert_eq(bit, TG_GATE_CNT);
}

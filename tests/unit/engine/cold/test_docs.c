/* docs/operations.md lists the verbs and exit codes of the tables, word for word. */
#include <criterion/criterion.h>

#include "engine/cold/control.h"
#include "tests/unit/engine/cold/tmp.h"

static char *operations(void) {
  char path[1024];
  static const char here[] = __FILE__;
  const char *tail = strstr(here, "tests/unit/");
  cr_assert_not_null(tail);
  snprintf(path, sizeof path, "%.*sdocs/operations.md", (int)(tail - here), here);
  if (access(path, R_OK) != 0) cr_skip("the sources are not here: %s", path);
  size_t len;
  char *text = (char *)tmp_read(path, &len);
  text[len] = '\0'; /* tmp_read leaves room */
  return text;
}

Test(docs, verbs) {
  char *text = operations();
  for (size_t i = 0; i < tg_control_row_cnt; i++) {
    const tg_control_row_t *row = &tg_control_rows[i];
    char line[512];
    snprintf(line, sizeof line, "| `%s` | %s%s%s | %s | %s |\n", row->word, *row->args ? "`" : "", row->args,
             *row->args ? "`" : "", tg_role_name(row->role), row->help);
    cr_assert_not_null(strstr(text, line), "docs/operations.md has no line\n%s", line);
  }
  free(text);
}

Test(docs, exit_codes) {
  static const struct {
    int number;
    const char *text;
  } rows[] = {
#define X(name, number, text) {number, text},
#include "engine/base/exit.def"
#undef X
  };
  char *text = operations();
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    char line[256];
    snprintf(line, sizeof line, "| %d | %s |\n", rows[i].number, rows[i].text);
    cr_assert_not_null(strstr(text, line), "docs/operations.md has no line\n%s", line);
  }
  free(text);
}

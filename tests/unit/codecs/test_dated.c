/* Tables that age carry the month they were taken, in the file and in the program. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "codecs/outcome.h"

/* The head comment of a table says "as of <date>". */
static void dated(const char *file, const char *as_of) {
  char path[1024], head[1024] = "", want[32];
  snprintf(path, sizeof path, "%s", __FILE__);
  char *end = strstr(path, "tests/unit/codecs/");
  cr_assert_not_null(end);
  snprintf(end, sizeof path - (size_t)(end - path), "codecs/%s", file);
  FILE *in = fopen(path, "r");
  if (in == NULL) cr_skip("the tables are not beside the tests");
  size_t len = fread(head, 1, sizeof head - 1, in);
  fclose(in);
  head[len] = '\0';
  cr_assert_not_null(strstr(head, "*/"), "%s has no head", file);
  *strstr(head, "*/") = '\0';
  snprintf(want, sizeof want, "as of %s", as_of);
  cr_assert_not_null(strstr(head, want), "%s is not dated %s", file, as_of);
}

Test(dated, tables_of_the_venue_say_as_of_when) {
  cr_assert_eq(strlen(TG_BN_ERRORS_AS_OF), 7);
  cr_assert_eq(strlen(TG_BN_OUTCOME_AS_OF), 7);
  dated("bn_errors.def", TG_BN_ERRORS_AS_OF);
  dated("outcome.def", TG_BN_OUTCOME_AS_OF);
}

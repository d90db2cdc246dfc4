/* Settings text of any kind: loaded or refused with one line; what was loaded is within its bounds and survives
 * show, load, show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(const tg_conf_t *conf) {
  for (size_t i = 0; i < tg_conf_row_cnt; i++) {
    const tg_conf_row_t *row = &tg_conf_rows[i];
    if (row->type == TG_CONF_TEXT) {
      TG_ASSERT(memchr(tg_conf_text(conf, row), '\0', TG_CONF_TEXT_BYTES) != NULL);
      continue;
    }
    tg_i128 unit = row->type == TG_CONF_DEC ? TG_E8 : 1;
    TG_ASSERT(tg_conf_number(conf, row) >= row->min * unit && tg_conf_number(conf, row) <= row->max * unit);
  }
}

static void check_round_trip(const tg_conf_t *conf) {
  static char page[TG_CONF_FILE_BYTES_MAX];
  static tg_conf_t back;
  char why[TG_CONF_ERR_BYTES];
  FILE *out = fmemopen(page, sizeof page, "w");
  TG_ASSERT(out != NULL);
  TG_ASSERT(tg_conf_print(conf, out, false) == 0);
  long len = ftell(out);
  (void)fclose(out);
  TG_ASSERT(len > 0 && tg_conf_load_mem(&back, "show", page, (size_t)len, why, sizeof why) == 0);
  TG_ASSERT(memcmp(&back, conf, sizeof back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static tg_conf_t conf;
  static unsigned runs;
  char why[TG_CONF_ERR_BYTES];
  memset(why, '#', sizeof why);
  int err = tg_conf_load_mem(&conf, "fuzz", (const char *)data, size, why, sizeof why);
  if (err == 0) {
    check_bounds(&conf);
    if (size < 64 || runs++ % 16 == 0) check_round_trip(&conf); /* printing costs a hundred loads */
    return 0;
  }
  TG_ASSERT(err < 0 && memchr(why, '\0', sizeof why) != NULL);
  TG_ASSERT(strncmp(why, "fuzz:", 5) == 0 && strlen(why) > 10);
  for (const char *at = why; *at; at++) TG_ASSERT((unsigned char)*at >= 0x20 || *at == '\t');
  return 0;
}

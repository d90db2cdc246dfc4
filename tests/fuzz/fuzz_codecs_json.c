/* fuzz_codecs_json.c - the scanner never reads outside its text and never accepts what the validating mode refuses for
 * structure it read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks everything; returns the cursor's error. Nesting is bounded by the cursor's own cap. */
static void walk(tg_json_t *json) {
  tg_json_slice_t slice;
  char out[256];
  int64_t value;
  switch (tg_json_peek(json)) {
    case '{':
      if (!tg_json_obj_begin(json)) return;
      while (tg_json_obj_next(json, &slice)) walk(json);
      return;
    case '[':
      if (!tg_json_arr_begin(json)) return;
      while (tg_json_arr_next(json)) walk(json);
      return;
    case '"':
      if (tg_json_str(json, &slice) && tg_json_unescape(slice, out, sizeof out) > (int)sizeof out) abort();
      return;
    default:
      if (!tg_json_raw(json, &slice)) return;
      if (slice.len == 0) abort();
      if (tg_json_raw_dec(slice, 8, &value) == 0 && slice.p[0] == '"') abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  tg_json_t json;
  int valid = tg_json_validate(text, size);
  tg_json_init(&json, text, size);
  tg_json_skip(&json);
  int skipped = tg_json_end(&json);
  /* valid JSON within the cursor's depth is never refused by the skipper */
  if (valid == 0 && skipped != 0) {
    size_t depth = 0, most = 0;
    for (size_t i = 0; i < size; i++) {
      if (text[i] == '[' || text[i] == '{') depth++;
      if (depth > most) most = depth;
    }
    if (most <= TG_JSON_DEPTH_MAX) abort();
  }
  tg_json_init(&json, text, size);
  walk(&json);
  int walked = tg_json_end(&json);
  if (json.at > json.end || json.at < json.begin) abort();
  if (walked == 0 && valid == -TG_EDEPTH) abort();
  return 0;
}

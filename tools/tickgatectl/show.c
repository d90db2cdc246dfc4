#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/types.h"
#include "tools/tickgatectl/ctl.h"

enum { COLUMNS_MAX = 24, CELL_BYTES = 64 };

/* A scalar as text; lists of scalars as "a x b". */
static void cell(const json_t *value, char *buf, size_t cap) {
  buf[0] = '\0';
  if (json_is_string(value)) {
    snprintf(buf, cap, "%s", json_string_value(value));
  } else if (json_is_integer(value)) {
    snprintf(buf, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  } else if (json_is_boolean(value)) {
    snprintf(buf, cap, "%s", json_is_true(value) ? "yes" : "no");
  } else if (json_is_null(value)) {
    snprintf(buf, cap, "never");
  } else if (json_is_real(value)) {
    snprintf(buf, cap, "%.9g", json_real_value(value));
  } else if (json_is_array(value) && json_array_size(value) == 2 && json_is_string(json_array_get(value, 0))) {
    snprintf(buf, cap, "%s x %s", json_string_value(json_array_get(value, 0)), json_string_value(json_array_get(value, 1)));
  }
}

static bool is_scalar(const json_t *value) {
  return !json_is_object(value) &&
         (!json_is_array(value) || (json_array_size(value) == 2 && json_is_string(json_array_get(value, 0))));
}

/* Columns of a list of objects: the scalar keys of the first. */
static size_t columns_of(json_t *list, const char **key, size_t *width) {
  size_t cnt = 0, at;
  const char *name;
  json_t *value, *row;
  json_object_foreach(json_array_get(list, 0), name, value) {
    if (cnt < COLUMNS_MAX && is_scalar(value)) key[cnt++] = name;
  }
  for (size_t c = 0; c < cnt; c++) width[c] = strlen(key[c]);
  json_array_foreach(list, at, row) {
    for (size_t c = 0; c < cnt; c++) {
      char text[CELL_BYTES];
      cell(json_object_get(row, key[c]), text, sizeof text);
      if (strlen(text) > width[c]) width[c] = strlen(text);
    }
  }
  return cnt;
}

static void show_table(json_t *list, int indent) {
  const char *key[COLUMNS_MAX];
  size_t width[COLUMNS_MAX], cnt = columns_of(list, key, width), at;
  json_t *row;
  printf("%*s", indent, "");
  for (size_t c = 0; c < cnt; c++) printf("%-*s ", (int)width[c], key[c]);
  printf("\n");
  json_array_foreach(list, at, row) {
    printf("%*s", indent, "");
    for (size_t c = 0; c < cnt; c++) {
      char text[CELL_BYTES];
      cell(json_object_get(row, key[c]), text, sizeof text);
      printf("%-*s ", (int)width[c], text);
    }
    printf("\n");
  }
}

/* Price levels side by side, as a book is read. */
static void show_levels(const json_t *book) {
  const json_t *bids = json_object_get(book, "bids"), *asks = json_object_get(book, "asks");
  size_t cnt = json_array_size(bids) > json_array_size(asks) ? json_array_size(bids) : json_array_size(asks);
  if (cnt == 0) return;
  const char *symbol = json_string_value(json_object_get(book, "symbol"));
  printf("  %s\n  %16s %14s | %-14s %s\n", symbol ? symbol : "", "qty", "bid", "ask", "qty");
  for (size_t i = 0; i < cnt; i++) {
    const char *text[4];
    const json_t *cells[4] = {json_array_get(json_array_get(bids, i), 1), json_array_get(json_array_get(bids, i), 0),
                              json_array_get(json_array_get(asks, i), 0), json_array_get(json_array_get(asks, i), 1)};
    for (int c = 0; c < 4; c++) text[c] = json_is_string(cells[c]) ? json_string_value(cells[c]) : "";
    printf("  %16s %14s | %-14s %s\n", text[0], text[1], text[2], text[3]);
  }
}

static void show_object(const json_t *object, int indent) {
  const char *key;
  json_t *value;
  size_t width = 0;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    if (is_scalar(value) && strlen(key) > width) width = strlen(key);
  }
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    if (indent == 0 && (strcmp(key, "ok") == 0 || strcmp(key, "verb") == 0 || strcmp(key, "mode") == 0)) continue;
    char text[256];
    if (is_scalar(value)) {
      cell(value, text, sizeof text);
      printf("%*s%-*s  %s\n", indent, "", (int)width, key, text);
    } else if (json_is_object(value)) {
      printf("%*s%s%s\n", indent, "", key, json_object_size(value) ? "" : "  none");
      show_object(value, indent + 2);
    } else if (json_array_size(value) == 0) {
      printf("%*s%s  none\n", indent, "", key);
    } else if (json_is_object(json_array_get(value, 0))) {
      printf("%*s%s\n", indent, "", key);
      show_table(value, indent + 2);
    }
  }
}

void ctl_show(const json_t *answer) {
  const char *mode = json_string_value(json_object_get(answer, "mode"));
  const char *verb = json_string_value(json_object_get(answer, "verb"));
  if (!json_is_true(json_object_get(answer, "ok"))) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *code = json_string_value(json_object_get(answer, "code"));
    json_t *differences = json_object_get(answer, "differences");
    fprintf(stderr, "tickgatectl: [%s] %s (%s)\n", mode ? mode : "?", error ? error : "the engine said no", code ? code : "?");
    if (json_array_size(differences) > 0) show_table(differences, 2);
    return;
  }
  const char *command = json_string_value(json_object_get(answer, "command"));
  printf("[%s] %s\n", mode ? mode : "?", verb ? verb : command ? command : "");
  if (command) {
    printf("done: %s\n", command);
    return;
  }
  show_object(answer, 0);
  size_t at;
  json_t *book;
  if (verb && strcmp(verb, "book") == 0) {
    json_array_foreach(json_object_get(answer, "books"), at, book) show_levels(book);
  }
}

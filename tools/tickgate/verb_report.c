#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/base/err.h"
#include "engine/base/types.h"
#include "tools/tickgate/verbs.h"

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgate report --engine FILE --venue FILE [--json FILE]\n"
          "  prints the report of a run and compares position, open orders and P&L of core, store and venue exactly;\n"
          "  --json writes the same report. Exit 1 when they disagree.\n");
}

static json_t *load(const char *path) {
  json_error_t err;
  json_t *doc = json_load_file(path, 0, &err);
  if (!doc) fprintf(stderr, "tickgate report: %s:%d: %s\n", path, err.line, err.text);
  return doc;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "?";
}

/* Both there, both exact decimals with at most eight places, and equal as numbers. */
static bool same_number(const json_t *a, const json_t *b, const char *key) {
  const char *ta = json_string_value(json_object_get(a, key));
  const char *tb = json_string_value(json_object_get(b, key));
  int64_t va = 0, vb = 0;
  return ta && tb && tg_dec_parse(ta, strlen(ta), 8, &va) == 0 && tg_dec_parse(tb, strlen(tb), 8, &vb) == 0 && va == vb;
}

static bool same_money(const json_t *a, const json_t *b) {
  const char *key[] = {"realised_pnl", "commission", "funding", "net_pnl"};
  for (size_t i = 0; i < TG_ARRAY_CNT(key); i++) {
    if (!same_number(a, b, key[i])) return false;
  }
  return true;
}

static json_t *compare(const json_t *engine, const json_t *venue) {
  const json_t *core = json_object_get(engine, "core");
  const json_t *store = json_object_get(engine, "store_books");
  const json_t *core_open = json_object_get(core, "open_orders");
  const json_t *venue_open = json_object_get(venue, "open_orders");
  bool position = same_number(core, venue, "position") && same_number(store, venue, "position");
  bool open = json_is_integer(core_open) && json_is_integer(venue_open) && json_equal(core_open, venue_open);
  bool pnl = same_money(core, venue) && same_money(store, venue);
  return json_pack("{s:b,s:b,s:b}", "position", position, "open_orders", open, "pnl", pnl);
}

static void print_counts(const char *title, const json_t *object) {
  printf("%-16s", title);
  const char *key;
  json_t *value;
  void *object_mut = (void *)(uintptr_t)object; /* jansson's iteration macro wants a non-const object */
  json_object_foreach((json_t *)object_mut, key, value) {
    if (json_integer_value(value) != 0) printf(" %s=%lld", key, (long long)json_integer_value(value));
  }
  printf("\n");
}

static void print_books(const char *title, const json_t *books) {
  printf("%-16s position %s, realised %s, commission %s, funding %s, net %s\n", title, text_of(books, "position"),
         text_of(books, "realised_pnl"), text_of(books, "commission"), text_of(books, "funding"), text_of(books, "net_pnl"));
}

static void print_report(const json_t *engine, const json_t *venue, const json_t *agree) {
  const char *number[] = {"messages",       "book_updates",     "book_gaps", "orders_placed",
                          "orders_amended", "orders_cancelled", "fills"};
  for (size_t i = 0; i < TG_ARRAY_CNT(number); i++)
    printf("%-16s %lld\n", number[i], (long long)json_integer_value(json_object_get(engine, number[i])));
  print_counts("decisions", json_object_get(engine, "decisions"));
  print_counts("gate_blocks", json_object_get(engine, "gate_blocks"));
  print_counts("alarms", json_object_get(engine, "alarms"));
  print_counts("tick_to_order_ns", json_object_get(engine, "tick_to_order_ns"));
  print_books("core", json_object_get(engine, "core"));
  print_books("store", json_object_get(engine, "store_books"));
  print_books("venue", venue);
  printf("%-16s core %lld, venue %lld\n", "open orders",
         (long long)json_integer_value(json_object_get(json_object_get(engine, "core"), "open_orders")),
         (long long)json_integer_value(json_object_get(venue, "open_orders")));
  const char *key;
  json_t *value;
  void *agree_mut = (void *)(uintptr_t)agree;
  json_object_foreach((json_t *)agree_mut, key, value) printf("agree %-10s %s\n", key, json_is_true(value) ? "yes" : "NO");
  const char *place[] = {"tape", "store", "evidence"};
  for (size_t i = 0; i < TG_ARRAY_CNT(place); i++) printf("%-16s %s\n", place[i], text_of(engine, place[i]));
}

static bool all_true(const json_t *agree) {
  const char *key;
  json_t *value;
  void *agree_mut = (void *)(uintptr_t)agree;
  json_object_foreach((json_t *)agree_mut, key, value) {
    if (!json_is_true(value)) return false;
  }
  return true;
}

int tg_verb_report(int argc, char **argv) {
  const char *engine_path = NULL, *venue_path = NULL, *json_path = NULL;
  for (int i = 1; i < argc; i++) {
    const char **slot = NULL;
    if (strcmp(argv[i], "--engine") == 0) slot = &engine_path;
    if (strcmp(argv[i], "--venue") == 0) slot = &venue_path;
    if (strcmp(argv[i], "--json") == 0) slot = &json_path;
    if (strcmp(argv[i], "--help") == 0) {
      usage(stdout);
      return TG_EXIT_OK;
    }
    if (!slot || i + 1 >= argc) {
      fprintf(stderr, "tickgate report: '%s' is not an option here or lacks its value: see --help\n", argv[i]);
      return TG_EXIT_USAGE;
    }
    *slot = argv[++i];
  }
  if (!engine_path || !venue_path) {
    usage(stderr);
    return TG_EXIT_USAGE;
  }
  json_t *engine = load(engine_path);
  json_t *venue = engine ? load(venue_path) : NULL;
  if (!engine || !venue) {
    json_decref(engine);
    return TG_EXIT_DATA;
  }
  json_t *agree = compare(engine, venue);
  print_report(engine, venue, agree);
  int code = all_true(agree) ? TG_EXIT_OK : TG_EXIT_DIFF;
  if (json_object_set_new(engine, "agree", agree) != 0 || json_object_set(engine, "venue", venue) != 0) code = TG_EXIT_MEMORY;
  if (json_path && json_dump_file(engine, json_path, JSON_INDENT(1)) != 0) {
    fprintf(stderr, "tickgate report: cannot write %s: is the directory there and writable?\n", json_path);
    code = TG_EXIT_SPACE;
  }
  if (code == TG_EXIT_DIFF) fprintf(stderr, "tickgate report: the books of core, store and venue disagree (above)\n");
  json_decref(engine);
  json_decref(venue);
  return code;
}

/* tickgate book - rebuilds the order book of a recording and says what it found. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/err.h"
#include "tools/tickgate/flow.h"
#include "tools/tickgate/verbs.h"

#define TOP_LEVELS 5

typedef struct book_options {
  tg_flow_cfg_t flow;
  bool json;
  const char *const *path;
  size_t path_cnt;
} book_options_t;

static void usage(FILE *out) {
  fprintf(out,
          "usage: tickgate book [--json] [--product usdm|coinm|spot|auto] [--tick T] [--step S] [--level-cap N] FILE...\n"
          "  Rebuilds the book of a recorded flow: several files are one flow, in the order given. A file holds lines\n"
          "  \"<receive time> <frame>\" or bare frames, plain or gzip, or is a cryptofeed session (.jsonl.zst).\n"
          "  --product    id rule of the book; auto (default) looks at the data\n"
          "  --tick       price step, e.g. 0.10; default: the decimals seen\n"
          "  --step       quantity step, e.g. 0.001; default: the decimals seen\n"
          "  --level-cap  levels kept a side, 64..262144 (16384); the farthest beyond it are dropped and counted\n"
          "  --json       one JSON object\n"
          "  Exit: 0 done, 2 usage, 66 a file is missing, unreadable or corrupt.\n");
}

/* --- printing ----------------------------------------------------------------------------------------- */

static json_t *levels_json(const tg_flow_symbol_t *symbol, tg_side_t side) {
  json_t *list = json_array();
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  char px[40], qty[40];
  if (!tg_book_complete(&symbol->book)) return list; /* a book that is not LIVE shows nothing */
  tg_book_levels_first(&symbol->book, side, &cursor);
  for (int i = 0; i < TOP_LEVELS && tg_book_levels_next(&symbol->book, side, &cursor, &level); i++) {
    size_t px_len = tg_flow_print_px(symbol, level.px_ticks, px);
    size_t qty_len = tg_flow_print_qty(symbol, level.qty_lots, qty);
    json_array_append_new(list, json_pack("[s%s%]", px, px_len, qty, qty_len));
  }
  return list;
}

static void set_int(json_t *obj, const char *key, uint64_t value) {
  json_object_set_new(obj, key, json_integer((json_int_t)value));
}

static uint64_t level_cnt(const tg_flow_symbol_t *symbol, tg_side_t side) {
  return tg_book_complete(&symbol->book) ? tg_book_level_cnt(&symbol->book, side) : 0;
}

static json_t *symbol_json(const tg_flow_symbol_t *symbol) {
  const tg_book_t *book = &symbol->book;
  const tg_book_counters_t *c = tg_book_counters(book);
  json_t *obj = json_object();
  json_object_set_new(obj, "symbol", json_string(symbol->name));
  json_object_set_new(obj, "state", json_string(tg_book_state_name(tg_book_state(book))));
  json_object_set_new(obj, "reason", json_string(tg_book_reason_name(tg_book_change(book)->reason)));
  json_object_set_new(obj, "synced", json_boolean(tg_book_state(book) == TG_BOOK_LIVE));
  set_int(obj, "sequence_gaps", c->gap_cnt);
  set_int(obj, "final_update_id", tg_book_state(book) == TG_BOOK_LIVE ? tg_book_last_id(book) : 0);
  set_int(obj, "bid_levels", level_cnt(symbol, TG_BUY));
  set_int(obj, "ask_levels", level_cnt(symbol, TG_SELL));
  json_object_set_new(obj, "top5_bids", levels_json(symbol, TG_BUY));
  json_object_set_new(obj, "top5_asks", levels_json(symbol, TG_SELL));
  set_int(obj, "bookticker_same_u_checked", c->same_u_checked_cnt);
  set_int(obj, "bookticker_same_u_equal", c->same_u_equal_cnt);
  set_int(obj, "snapshots", c->snapshot_cnt);
  set_int(obj, "snapshots_too_old", c->snapshot_old_cnt);
  set_int(obj, "depth_events", c->depth_event_cnt);
  set_int(obj, "dropped_before_sync", c->dropped_before_sync_cnt);
  set_int(obj, "dropped_old", c->dropped_old_cnt);
  set_int(obj, "not_applied_unsynced", c->discarded_cnt + book->buffer_event_cnt);
  set_int(obj, "applied", c->applied_cnt);
  set_int(obj, "sync_breaks", c->sync_break_cnt);
  set_int(obj, "crossed", c->crossed_cnt);
  set_int(obj, "cut", c->cut_cnt);
  set_int(obj, "cap_drops", c->cap_drop_cnt);
  set_int(obj, "bookticker_bad", c->top_bad_cnt);
  return obj;
}

static json_t *report_json(const tg_flow_t *flow, size_t path_cnt) {
  const tg_flow_symbol_t *busiest = tg_flow_busiest(flow);
  json_t *obj = busiest != NULL ? symbol_json(busiest) : json_object();
  json_t *kinds = json_object();
  for (uint32_t i = 0; i < flow->kind_cnt; i++) set_int(kinds, flow->kind[i].name, flow->kind[i].cnt);
  json_object_set_new(obj, "messages", kinds);
  json_object_set_new(obj, "product", json_string(tg_product_name(flow->product)));
  set_int(obj, "files", path_cnt);
  set_int(obj, "frames", flow->frame_cnt);
  set_int(obj, "engine_messages", flow->msg_cnt);
  set_int(obj, "receive_time_went_back", flow->time_back_cnt);
  if (flow->symbol_cnt > 1) {
    json_t *books = json_array();
    for (uint32_t i = 0; i < flow->symbol_cnt; i++) json_array_append_new(books, symbol_json(&flow->symbol[i]));
    json_object_set_new(obj, "books", books);
  }
  return obj;
}

static void print_side(const tg_flow_symbol_t *symbol, tg_side_t side) {
  json_t *list = levels_json(symbol, side);
  printf("  %s levels %llu, best", side == TG_BUY ? "bid" : "ask", (unsigned long long)level_cnt(symbol, side));
  size_t i;
  json_t *level;
  json_array_foreach(list, i, level) {
    printf("%s %s x %s", i == 0 ? "" : ",", json_string_value(json_array_get(level, 0)),
           json_string_value(json_array_get(level, 1)));
  }
  printf("%s\n", json_array_size(list) == 0 ? " -" : "");
  json_decref(list);
}

static void print_symbol(const tg_flow_symbol_t *symbol) {
  const tg_book_t *book = &symbol->book;
  const tg_book_counters_t *c = tg_book_counters(book);
  bool live = tg_book_state(book) == TG_BOOK_LIVE;
  printf("%s: %s", symbol->name, tg_book_state_name(tg_book_state(book)));
  if (live) {
    printf(" at update %llu\n", (unsigned long long)tg_book_last_id(book));
  } else if (c->snapshot_cnt == 0) {
    printf(": not synced, no snapshot in this flow\n");
  } else {
    printf(": not synced (%s)\n", tg_book_reason_name(tg_book_change(book)->reason));
  }
  print_side(symbol, TG_BUY);
  print_side(symbol, TG_SELL);
  printf("  depth events %llu: applied %llu, before the snapshot %llu, old %llu, not applied while unsynced %llu\n",
         (unsigned long long)c->depth_event_cnt, (unsigned long long)c->applied_cnt,
         (unsigned long long)c->dropped_before_sync_cnt, (unsigned long long)c->dropped_old_cnt,
         (unsigned long long)(c->discarded_cnt + book->buffer_event_cnt));
  printf(
      "  sequence gaps %llu, snapshots %llu (%llu too old), times sync was lost %llu, crossed %llu, cut %llu, dropped by the "
      "cap %llu\n",
      (unsigned long long)c->gap_cnt, (unsigned long long)c->snapshot_cnt, (unsigned long long)c->snapshot_old_cnt,
      (unsigned long long)c->sync_break_cnt, (unsigned long long)c->crossed_cnt, (unsigned long long)c->cut_cnt,
      (unsigned long long)c->cap_drop_cnt);
  printf("  bookTicker and depth met at one update id %llu times, equal %llu\n", (unsigned long long)c->same_u_checked_cnt,
         (unsigned long long)c->same_u_equal_cnt);
}

static void print_text(const tg_flow_t *flow, size_t path_cnt) {
  printf("%zu file%s, %llu frames, %s rule:", path_cnt, path_cnt == 1 ? "" : "s", (unsigned long long)flow->frame_cnt,
         tg_product_name(flow->product));
  for (uint32_t i = 0; i < flow->kind_cnt; i++) {
    printf("%s %s %llu", i == 0 ? "" : ",", flow->kind[i].name, (unsigned long long)flow->kind[i].cnt);
  }
  printf("\n");
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) print_symbol(&flow->symbol[i]);
  if (flow->symbol_cnt == 0) printf("no symbol, no book\n");
}

/* --- command line ------------------------------------------------------------------------------------- */

static int bad(const char *what, const char *value) {
  fprintf(stderr, "tickgate book: %s %s: `tickgate book --help` tells the options\n", what, value);
  return TG_EXIT_USAGE;
}

static bool product_of(const char *text, tg_product_t *out) {
  static const struct {
    const char *text;
    tg_product_t product;
  } rows[] = {{"auto", TG_PRODUCT_NONE}, {"usdm", TG_PRODUCT_USDM}, {"coinm", TG_PRODUCT_COINM}, {"spot", TG_PRODUCT_SPOT}};
  for (size_t i = 0; i < TG_ARRAY_CNT(rows); i++) {
    if (strcmp(text, rows[i].text) == 0) {
      *out = rows[i].product;
      return true;
    }
  }
  return false;
}

static bool step_ok(const char *text) {
  tg_scale_t scale;
  return tg_scale_from_text(text, strlen(text), &scale) == 0;
}

/* TG_EXIT_OK, TG_EXIT_USAGE, or -1: help was printed. */
static int parse(int argc, char **argv, book_options_t *o) {
  *o = (book_options_t){.flow = {.level_cap = 16384}};
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1] != 0; i++) {
    const char *name = argv[i];
    if (strcmp(name, "--") == 0) {
      i++;
      break;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
      usage(stdout);
      return -1;
    }
    if (strcmp(name, "--json") == 0) {
      o->json = true;
      continue;
    }
    bool known = strcmp(name, "--product") == 0 || strcmp(name, "--tick") == 0 || strcmp(name, "--step") == 0 ||
                 strcmp(name, "--level-cap") == 0;
    if (!known) return bad("unknown option", name);
    if (i + 1 == argc) return bad("a value is missing after", name);
    const char *value = argv[++i];
    if (strcmp(name, "--product") == 0 && !product_of(value, &o->flow.product)) return bad("unknown product", value);
    if (strcmp(name, "--tick") == 0) o->flow.tick = value;
    if (strcmp(name, "--step") == 0) o->flow.step = value;
    if ((strcmp(name, "--tick") == 0 || strcmp(name, "--step") == 0) && !step_ok(value))
      return bad("not a positive decimal:", value);
    if (strcmp(name, "--level-cap") == 0) {
      int64_t cap = 0;
      if (tg_dec_parse(value, strlen(value), 0, &cap) != 0 || cap < 64 || cap > 262144)
        return bad("--level-cap is 64..262144, not", value);
      o->flow.level_cap = (uint32_t)cap;
    }
  }
  o->path = (const char *const *)&argv[i];
  o->path_cnt = (size_t)(argc - i);
  return o->path_cnt == 0 ? bad("no FILE given;", "") : TG_EXIT_OK;
}

int tg_verb_book(int argc, char **argv) {
  book_options_t o;
  int rc = parse(argc, argv, &o);
  if (rc != TG_EXIT_OK) return rc < 0 ? TG_EXIT_OK : rc;
  tg_flow_t flow;
  rc = tg_flow_open(&flow, &o.flow);
  if (rc == 0) rc = tg_flow_run(&flow, o.path, o.path_cnt);
  int exit_code = rc == 0 ? TG_EXIT_OK : rc == -TG_ENOMEM ? TG_EXIT_MEMORY : TG_EXIT_DATA;
  if (rc != 0) {
    fprintf(stderr, "tickgate book: %s\n", flow.error);
  } else if (o.json) {
    json_t *report = report_json(&flow, o.path_cnt);
    if (json_dumpf(report, stdout, JSON_INDENT(1)) != 0) exit_code = TG_EXIT_INTERNAL;
    printf("\n");
    json_decref(report);
  } else {
    print_text(&flow, o.path_cnt);
  }
  tg_flow_close(&flow);
  return exit_code;
}

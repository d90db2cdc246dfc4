/* test_books - every recorded Binance flow under TICKGATE_DATA: the rebuilt book is the expected one, equals a slow second
 * opinion after every event, equals bookTicker wherever update ids meet, and no gap goes unnoticed.
 *
 * Expected results: every EXPECTED*.json that is an array of flows {market, files, final_update_id, ...}; the files of a
 * flow lie in the folder <market> beside it. Besides, every *.gz in such a folder and every *.jsonl.zst session of
 * Binance anywhere is rebuilt and held against the second opinion.
 * Exit: 0 passed, 1 failed, 77 skipped (no data). */
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/err.h"
#include "tests/books/slow_book.h"
#include "tools/tickgate/flow.h"

#define PATH_MAX_BYTES 1024
#define FILES_MAX 4096
#define DELETIONS 60

static uint64_t fail_cnt, check_cnt;

#define CHECK(x, ...) \
  do { \
    check_cnt++; \
    if (!(x)) { \
      fail_cnt++; \
      printf("  FAILED %s:%d: %s: ", __FILE__, __LINE__, #x); \
      printf(__VA_ARGS__); \
      printf("\n"); \
    } \
  } while (0)
#define U(x) ((unsigned long long)(x))

/* --- one flow, watched ---------------------------------------------------------------------------------- */

typedef struct watch {
  slow_book_t slow[TG_INSTR_MAX];
  bool open[TG_INSTR_MAX];
  uint64_t compared_cnt, wrong_top_cnt, out_of_step_cnt, invalid_shown_cnt;
  tg_msg_t *msg; /* all depth messages, for the deletions */
  size_t msg_cnt, msg_cap;
} watch_t;

static bool same_best(const tg_book_t *book, const slow_book_t *slow, tg_side_t side) {
  tg_md_level_t a = {0, 0}, b = {0, 0};
  bool have_a = tg_ladder_best(tg_book_side(book, side), &a.px_ticks, &a.qty_lots);
  bool have_b = slow_book_best(slow, side, &b);
  return have_a == have_b && a.px_ticks == b.px_ticks && a.qty_lots == b.qty_lots;
}

static void on_msg(void *user, const tg_flow_symbol_t *symbol, const tg_msg_t *msg, uint32_t ev) {
  watch_t *w = user;
  uint16_t i = msg->instr_idx;
  const tg_book_t *book = &symbol->book;
  w->invalid_shown_cnt += tg_book_top(book)->valid && tg_book_state(book) != TG_BOOK_LIVE;
  if (msg->kind != TG_MD_DEPTH && msg->kind != TG_MD_LEVELS) return;
  if (!w->open[i]) slow_book_init(&w->slow[i], book->cfg.product == TG_PRODUCT_SPOT);
  w->open[i] = true;
  bool applied = slow_book_on_msg(&w->slow[i], msg);
  if (applied != ((ev & TG_BOOK_EV_APPLIED) != 0)) w->out_of_step_cnt++;
  if (applied) {
    w->compared_cnt++;
    if (!same_best(book, &w->slow[i], TG_BUY) || !same_best(book, &w->slow[i], TG_SELL)) w->wrong_top_cnt++;
  }
  if (w->msg_cnt == w->msg_cap) {
    w->msg_cap = w->msg_cap == 0 ? 65536 : w->msg_cap * 2;
    tg_msg_t *bigger = aligned_alloc(TG_CACHE_LINE, w->msg_cap * sizeof *bigger);
    if (bigger == NULL) abort();
    if (w->msg_cnt != 0) memcpy(bigger, w->msg, w->msg_cnt * sizeof *bigger);
    free(w->msg);
    w->msg = bigger;
  }
  w->msg[w->msg_cnt++] = *msg;
}

static void forget(void *user) {
  watch_t *w = user;
  for (uint32_t i = 0; i < TG_INSTR_MAX; i++) {
    if (w->open[i]) slow_book_free(&w->slow[i]);
  }
  free(w->msg);
  memset(w, 0, sizeof *w);
}

static bool same_side(const tg_book_t *book, const slow_book_t *slow, tg_side_t side) {
  const slow_side_t *s = &slow->side[side];
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  if (tg_book_level_cnt(book, side) != s->cnt) return false;
  tg_book_levels_first(book, side, &cursor);
  for (size_t i = 0; i < s->cnt; i++) {
    const tg_md_level_t *want = &s->level[side == TG_BUY ? s->cnt - 1 - i : i];
    if (!tg_book_levels_next(book, side, &cursor, &level)) return false;
    if (level.px_ticks != want->px_ticks || level.qty_lots != want->qty_lots) return false;
  }
  return true;
}

/* What holds for every recording, whatever is in it. */
static void check_symbol(const tg_flow_symbol_t *symbol, const watch_t *w, uint32_t i) {
  const tg_book_counters_t *c = tg_book_counters(&symbol->book);
  const slow_book_t *slow = &w->slow[i];
  bool live = tg_book_state(&symbol->book) == TG_BOOK_LIVE;
  CHECK(tg_book_check(&symbol->book), "%s", symbol->name);
  CHECK(c->same_u_equal_cnt == c->same_u_checked_cnt, "%s: bookTicker %llu of %llu equal", symbol->name, U(c->same_u_equal_cnt),
        U(c->same_u_checked_cnt));
  CHECK(c->crossed_cnt == 0 && c->cut_cnt == 0, "%s: crossed %llu, cut %llu", symbol->name, U(c->crossed_cnt), U(c->cut_cnt));
  if (!w->open[i]) return;
  CHECK(c->gap_cnt == slow->gap_cnt, "%s: %llu gaps, second opinion %llu", symbol->name, U(c->gap_cnt), U(slow->gap_cnt));
  CHECK(live == slow->synced, "%s: %s", symbol->name, tg_book_state_name(tg_book_state(&symbol->book)));
  CHECK(c->applied_cnt == slow->applied_cnt, "%s: applied %llu, second opinion %llu", symbol->name, U(c->applied_cnt),
        U(slow->applied_cnt));
  if (c->snapshot_cnt == 0) CHECK(!live && c->applied_cnt == 0, "%s: live without a snapshot", symbol->name);
  if (!live) return;
  CHECK(tg_book_last_id(&symbol->book) == slow->last_id, "%s", symbol->name);
  CHECK(same_side(&symbol->book, slow, TG_BUY) && same_side(&symbol->book, slow, TG_SELL), "%s: levels differ", symbol->name);
}

static void check_flow(const tg_flow_t *flow, const watch_t *w) {
  CHECK(w->wrong_top_cnt == 0, "%llu of %llu tops differ from the second opinion", U(w->wrong_top_cnt), U(w->compared_cnt));
  CHECK(w->out_of_step_cnt == 0, "%llu messages out of step with the second opinion", U(w->out_of_step_cnt));
  CHECK(w->invalid_shown_cnt == 0, "a top was shown as valid %llu times while not LIVE", U(w->invalid_shown_cnt));
  for (uint32_t i = 0; i < flow->symbol_cnt; i++) check_symbol(&flow->symbol[i], w, i);
}

/* --- gaps ------------------------------------------------------------------------------------------------- */

static size_t event_end(const watch_t *w, size_t at) {
  for (at++; at < w->msg_cnt && w->msg[at].kind == TG_MD_LEVELS; at++) continue;
  return at;
}

/* Feeds all messages but the k-th event into a fresh book: the next event must show the gap, at once. */
static void delete_event(const watch_t *w, tg_book_t *book, const size_t *event_at, size_t event_cnt, size_t k) {
  size_t from = event_at[k], to = event_end(w, from);
  bool want_gap = k > 0 && k + 1 < event_cnt;
  uint64_t gaps_before = tg_book_counters(book)->gap_cnt;
  size_t last = k + 3 < event_cnt ? event_end(w, event_at[k + 3]) : w->msg_cnt;
  bool wrong_time = false, shown = false;
  for (size_t i = 0; i < last; i++) {
    if (i >= from && i < to) continue;
    uint32_t ev = tg_book_on_msg(book, &w->msg[i]);
    bool is_next = k + 1 < event_cnt && i == event_at[k + 1];
    wrong_time |= (ev & TG_BOOK_EV_GAP) != 0 ? !(want_gap && is_next) : want_gap && is_next;
    shown |= is_next && want_gap && tg_book_top(book)->valid;
  }
  CHECK(!wrong_time, "event %zu of %zu left out: the gap was not told by the next event", k, event_cnt);
  CHECK(!shown, "event %zu of %zu left out: a top was shown after it", k, event_cnt);
  CHECK(tg_book_counters(book)->gap_cnt - gaps_before == (want_gap ? 1 : 0), "event %zu of %zu", k, event_cnt);
}

static void check_deletions(const tg_flow_t *flow, const watch_t *w) {
  size_t *event_at = calloc(w->msg_cnt + 1, sizeof *event_at);
  size_t event_cnt = 0;
  if (event_at == NULL) abort();
  for (size_t i = 0; i < w->msg_cnt; i++) {
    if (w->msg[i].kind == TG_MD_DEPTH && (w->msg[i].flags & TG_F_SNAPSHOT) == 0) event_at[event_cnt++] = i;
  }
  tg_book_cfg_t cfg = flow->symbol[0].book.cfg;
  tg_arena_t count, arena;
  tg_arena_count(&count);
  if (tg_book_layout(&count, NULL, &cfg) != 0 || tg_arena_map(&arena, count.used_bytes) != 0) abort();
  for (size_t n = 0; n < DELETIONS && event_cnt != 0; n++) {
    size_t k = n < 20 ? n : n == DELETIONS - 1 ? event_cnt - 1 : (n - 20) * event_cnt / (DELETIONS - 20);
    if (k >= event_cnt) break;
    tg_book_t book;
    arena.used_bytes = 0; /* the same pages again */
    if (tg_book_layout(&arena, &book, &cfg) != 0) abort();
    delete_event(w, &book, event_at, event_cnt, k);
  }
  tg_arena_unmap(&arena);
  free(event_at);
}

/* --- expected results ----------------------------------------------------------------------------------- */

static uint64_t number(const json_t *flow, const char *key) {
  return (uint64_t)json_integer_value(json_object_get(flow, key));
}

static void check_levels(const tg_flow_symbol_t *symbol, tg_side_t side, const json_t *want, const char *what) {
  tg_ladder_cursor_t cursor;
  tg_md_level_t level;
  tg_book_levels_first(&symbol->book, side, &cursor);
  for (size_t i = 0; i < json_array_size(want); i++) {
    const json_t *row = json_array_get(want, i);
    const char *px = json_string_value(json_array_get(row, 0)), *qty = json_string_value(json_array_get(row, 1));
    char a[48] = "", b[48] = "";
    if (tg_book_levels_next(&symbol->book, side, &cursor, &level)) {
      a[tg_flow_print_px(symbol, level.px_ticks, a)] = 0;
      b[tg_flow_print_qty(symbol, level.qty_lots, b)] = 0;
    }
    CHECK(px != NULL && qty != NULL && strcmp(a, px) == 0 && strcmp(b, qty) == 0, "%s %zu: %s x %s", what, i, a, b);
  }
}

static void check_expected(const tg_flow_t *flow, const json_t *want) {
  const tg_flow_symbol_t *symbol = tg_flow_busiest(flow);
  CHECK(symbol != NULL, "no symbol");
  if (symbol == NULL) return;
  const tg_book_t *book = &symbol->book;
  const tg_book_counters_t *c = tg_book_counters(book);
#define SAME(key, value) \
  if (json_object_get(want, key) != NULL) \
  CHECK((value) == number(want, key), "%s: %llu, expected %llu", key, U(value), U(number(want, key)))
  SAME("depth_events", c->depth_event_cnt);
  SAME("skipped_before_sync", c->dropped_before_sync_cnt);
  SAME("applied", c->applied_cnt);
  SAME("sequence_gaps", c->gap_cnt);
  SAME("crossed_after_event", c->crossed_cnt);
  SAME("bid_levels", tg_book_level_cnt(book, TG_BUY));
  SAME("ask_levels", tg_book_level_cnt(book, TG_SELL));
  SAME("final_update_id", tg_book_last_id(book));
  SAME("bookTicker_same_u_checked", c->same_u_checked_cnt);
  SAME("bookTicker_same_u_equal", c->same_u_equal_cnt);
  if (json_is_array(json_object_get(want, "sync_breaks"))) {
    CHECK(json_array_size(json_object_get(want, "sync_breaks")) == c->sync_break_cnt, "sync breaks: %llu",
          U(c->sync_break_cnt));
  }
  CHECK(tg_book_state(book) == TG_BOOK_LIVE, "%s", tg_book_state_name(tg_book_state(book)));
  check_levels(symbol, TG_BUY, json_object_get(want, "top5_bids"), "bid");
  check_levels(symbol, TG_SELL, json_object_get(want, "top5_asks"), "ask");
}

/* Runs one flow with the second opinion beside it. `want` may be NULL. False when the files are of another kind. */
static bool run(const char *const *path, size_t path_cnt, const json_t *want, bool may_skip) {
  watch_t *w = calloc(1, sizeof *w);
  tg_flow_t flow;
  tg_flow_cfg_t cfg = {.level_cap = 65536, .hook = on_msg, .again = forget, .user = w};
  if (w == NULL || tg_flow_open(&flow, &cfg) != 0) abort();
  int rc = tg_flow_run(&flow, path, path_cnt);
  bool skip = may_skip && rc == -TG_EUNSUPPORTED;
  if (!skip) {
    printf("%s%s\n", path[0], path_cnt > 1 ? " ..." : "");
    CHECK(rc == 0, "%s", flow.error);
    if (rc == 0) {
      check_flow(&flow, w);
      if (want != NULL) check_expected(&flow, want);
      if (flow.symbol_cnt == 1) check_deletions(&flow, w);
      uint64_t applied = 0, gaps = 0;
      for (uint32_t i = 0; i < flow.symbol_cnt; i++) {
        applied += tg_book_counters(&flow.symbol[i].book)->applied_cnt;
        gaps += tg_book_counters(&flow.symbol[i].book)->gap_cnt;
      }
      printf("  %llu frames, %u symbols, %llu depth events applied, %llu gaps, %s\n", U(flow.frame_cnt), flow.symbol_cnt,
             U(applied), U(gaps), want != NULL ? "as expected" : "no expectation beside it");
    }
  }
  forget(w);
  free(w);
  tg_flow_close(&flow);
  return !skip;
}

/* --- finding recordings ------------------------------------------------------------------------------------ */

static char *found[FILES_MAX];
static size_t found_cnt;

static int visit(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st;
  (void)at;
  if (type == FTW_F && found_cnt < FILES_MAX) {
    found[found_cnt] = strdup(path);
    if (found[found_cnt++] == NULL) abort();
  }
  return 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *text, const char *tail) {
  size_t a = strlen(text), b = strlen(tail);
  return a >= b && strcmp(text + a - b, tail) == 0;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

static char markets[64][PATH_MAX_BYTES]; /* folders that expectations speak of */
static size_t market_cnt;

static size_t run_expected(const char *file) {
  json_error_t err;
  json_t *doc = json_load_file(file, 0, &err);
  CHECK(doc != NULL, "%s:%d: %s", file, err.line, err.text);
  int dir_len = (int)(base_name(file) - file);
  size_t i, flows = 0;
  json_t *flow;
  json_array_foreach(doc, i, flow) {
    const char *market = json_string_value(json_object_get(flow, "market"));
    const json_t *files = json_object_get(flow, "files");
    char path[16][PATH_MAX_BYTES];
    const char *list[16];
    size_t n = json_array_size(files);
    if (market == NULL || n == 0 || n > 16 || json_object_get(flow, "final_update_id") == NULL) {
      printf("%s: entry %zu is not of a flow of depth events: left out\n", file, i);
      continue;
    }
    for (size_t k = 0; k < n; k++) {
      (void)snprintf(path[k], sizeof path[k], "%.*s%s/%s", dir_len, file, market, json_string_value(json_array_get(files, k)));
      list[k] = path[k];
    }
    if (market_cnt < 64) (void)snprintf(markets[market_cnt++], PATH_MAX_BYTES, "%.*s%s/", dir_len, file, market);
    run(list, n, flow, false);
    flows++;
  }
  json_decref(doc);
  return flows;
}

static bool in_market(const char *path) {
  for (size_t i = 0; i < market_cnt; i++) {
    size_t len = strlen(markets[i]);
    if (strncmp(path, markets[i], len) == 0 && strchr(path + len, '/') == NULL) return true;
  }
  return false;
}

int main(void) {
  const char *root = getenv("TICKGATE_DATA");
  if (root == NULL || root[0] == 0) root = TICKGATE_DATA_DEFAULT;
  struct stat st;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (stat(root, &st) != 0) {
    printf("skipped: books of recorded flows: no recordings at %s (TICKGATE_DATA)\n", root);
    return 77;
  }
  if (nftw(root, visit, 16, FTW_PHYS) != 0) return 1;
  qsort(found, found_cnt, sizeof found[0], by_name);
  size_t flows = 0;
  for (size_t i = 0; i < found_cnt; i++) {
    if (strncmp(base_name(found[i]), "EXPECTED", 8) == 0 && ends_with(found[i], ".json")) flows += run_expected(found[i]);
  }
  for (size_t i = 0; i < found_cnt; i++) {
    const char *one[1] = {found[i]};
    if (ends_with(found[i], ".jsonl.zst")) flows += run(one, 1, NULL, true);
    if (ends_with(found[i], ".gz") && in_market(found[i])) flows += run(one, 1, NULL, false);
  }
  for (size_t i = 0; i < found_cnt; i++) free(found[i]);
  if (flows == 0) {
    printf("skipped: books of recorded flows: no recording of Binance under %s\n", root);
    return 77;
  }
  printf("%zu flows, %llu checks, %llu failed\n", flows, U(check_cnt), U(fail_cnt));
  return fail_cnt == 0 ? 0 : 1;
}

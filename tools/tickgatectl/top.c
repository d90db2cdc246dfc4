#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/err.h"
#include "engine/base/types.h"
#include "tools/tickgatectl/ctl.h"

enum { PERIOD_MS = 1000 };

static json_t *ask(int fd, const char *line) {
  char *text;
  if (ctl_exchange(fd, line, &text) < 0) return NULL;
  json_t *document = json_loads(text, 0, NULL);
  free(text);
  return document;
}

static const char *word(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "-";
}

static long long number(const json_t *object, const char *key) {
  return (long long)json_integer_value(json_object_get(object, key));
}

static void draw_head(const json_t *status) {
  const json_t *counts = json_object_get(status, "counts"), *pnl = json_object_get(status, "pnl");
  attron(A_REVERSE);
  mvprintw(0, 0, " [%s] %s  %s for %lld s  up %lld s ", word(status, "mode"), word(status, "engine"), word(status, "state"),
           number(status, "state_ms") / 1000, number(status, "uptime_ms") / 1000);
  attroff(A_REVERSE);
  mvprintw(1, 0, "armed %s  kill %s  journal %s  sync age %lld ms",
           json_is_true(json_object_get(status, "armed")) ? "yes" : "no",
           json_is_true(json_object_get(status, "kill")) ? "ON" : "off",
           json_is_true(json_object_get(status, "journal_ok")) ? "ok" : "BROKEN", number(status, "sync_age_ms"));
  mvprintw(2, 0, "messages %lld in %lld out  book updates %lld gaps %lld", number(counts, "messages_in"),
           number(counts, "messages_out"), number(counts, "book_updates"), number(counts, "book_gaps"));
  mvprintw(3, 0, "orders %lld open  %lld placed  %lld amended  %lld cancelled  fills %lld (%lld maker)",
           number(counts, "orders_open"), number(counts, "orders_placed"), number(counts, "orders_amended"),
           number(counts, "orders_cancelled"), number(counts, "fills"), number(counts, "maker_fills"));
  mvprintw(4, 0, "P&L net %s  realised %s  commission %s  funding %s  unrealised %s", word(pnl, "net"), word(pnl, "realised"),
           word(pnl, "commission"), word(pnl, "funding"), word(pnl, "unrealised"));
}

static int draw_books(const json_t *status, int line) {
  size_t at;
  json_t *book, *session;
  attron(A_BOLD);
  mvprintw(line++, 0, "%-12s %-9s %14s %14s %9s %12s %6s", "symbol", "book", "bid", "ask", "age ms", "position", "orders");
  attroff(A_BOLD);
  json_array_foreach(json_object_get(status, "books"), at, book) {
    mvprintw(line++, 0, "%-12s %-9s %14s %14s %9lld %12s %6lld", word(book, "symbol"), word(book, "state"), word(book, "bid"),
             word(book, "ask"), number(book, "age_ms"), word(book, "position"), number(book, "open_orders"));
  }
  move(line++, 0);
  json_array_foreach(json_object_get(status, "sessions"), at, session) {
    printw("%s %s  ", word(session, "session"), json_is_true(json_object_get(session, "up")) ? "up" : "DOWN");
  }
  return line + 1;
}

static void draw_orders(const json_t *orders, int line) {
  size_t at;
  json_t *order;
  attron(A_BOLD);
  mvprintw(line++, 0, "%-12s %-5s %14s %12s %12s %-14s %9s", "symbol", "side", "price", "qty", "filled", "state", "age ms");
  attroff(A_BOLD);
  json_array_foreach(json_object_get(orders, "orders"), at, order) {
    if (line >= LINES - 1) break;
    mvprintw(line++, 0, "%-12s %-5s %14s %12s %12s %-14s %9lld", word(order, "symbol"), word(order, "side"),
             word(order, "price"), word(order, "qty"), word(order, "filled"), word(order, "state"), number(order, "age_ms"));
  }
  mvprintw(LINES - 1, 0, "q quits");
}

int ctl_top(const char *socket_path) {
  if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
    fprintf(stderr, "tickgatectl: top needs a terminal; `status --json` suits a script\n");
    return TG_EXIT_USAGE;
  }
  int exit_code = TG_EXIT_OK;
  int fd = ctl_connect(socket_path, &exit_code);
  if (fd < 0) return exit_code;
  setlocale(LC_ALL, "");
  initscr();
  cbreak();
  noecho();
  curs_set(0);
  timeout(PERIOD_MS);
  int key = 0;
  while (key != 'q' && key != 'Q') {
    json_t *status = ask(fd, "status"), *orders = status ? ask(fd, "orders") : NULL;
    if (!status || !orders) {
      json_decref(status);
      exit_code = TG_EXIT_VENUE;
      break;
    }
    erase();
    draw_head(status);
    draw_orders(orders, draw_books(status, 6));
    refresh();
    json_decref(status);
    json_decref(orders);
    key = getch();
  }
  endwin();
  close(fd);
  if (exit_code) fprintf(stderr, "tickgatectl: the engine has gone\n");
  return exit_code;
}

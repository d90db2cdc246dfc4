#include "tools/tickgate/screen.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/core/lifecycle.h"
#include "engine/msg/enums.h"

#define TEXT_BYTES 32

static const char *e8_text(int64_t value_e8, unsigned decimals, char buf[TEXT_BYTES]) {
  int64_t unit = 1;
  for (unsigned i = decimals; i < 8; i++) unit *= 10;
  size_t len = tg_dec_print(value_e8 / unit, decimals, buf);
  buf[len] = '\0';
  return buf;
}

static const char *scaled_text(int64_t units, uint64_t dec, uint64_t unit, char buf[TEXT_BYTES]) {
  size_t len = tg_dec_print_scaled(units, (tg_scale_t){(uint8_t)dec, (int64_t)(unit ? unit : 1)}, buf);
  buf[len] = '\0';
  return buf;
}

void tg_screen_begin(tg_screen_t *screen, bool terminal, const char *mode, uint64_t now_ns) {
  *screen = (tg_screen_t){.terminal = terminal, .mode = mode, .started_ns = now_ns};
  if (terminal) fputs("\033[?25l\033[2J", stdout);
}

void tg_screen_end(tg_screen_t *screen) {
  if (screen->terminal) fputs("\033[?25h\n", stdout);
  fflush(stdout);
}

static void show_line(const tg_screen_t *screen, const tg_engine_status_t *s, uint64_t rate) {
  char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES];
  const tg_view_main_t *m = &s->main;
  const tg_view_instr_t *i = &s->instr[0];
  printf(
      "[%s] %4llu s %-9s %6llu msg/s book %-8s pos %s open %llu placed %llu amended %llu cancelled %llu fills %llu net %s "
      "unreal %s "
      "blocks %llu t2o p50 %llu ns\n",
      screen->mode, (unsigned long long)((s->now_ns - screen->started_ns) / 1000000000u), tg_fsm_state_name((unsigned)m->state),
      (unsigned long long)rate, tg_book_state_name((unsigned)i->book_state),
      scaled_text(i->position_lots, i->qty_dec, i->qty_unit, a), (unsigned long long)m->open_cnt,
      (unsigned long long)m->placed_cnt, (unsigned long long)m->amended_cnt, (unsigned long long)m->cancelled_cnt,
      (unsigned long long)m->fill_cnt, e8_text(m->net_e8, 4, b), e8_text(m->unrealised_e8, 4, c),
      (unsigned long long)m->gate_blocked_cnt, (unsigned long long)s->tick_to_order_p50_ns);
}

static void show_book(const tg_view_instr_t *i) {
  char px[TEXT_BYTES], qty[TEXT_BYTES];
  for (unsigned k = TG_VIEW_LEVELS; k-- > 0;) {
    printf("   ask %14s %14s\033[K\n", scaled_text(i->ask_px_ticks[k], i->px_dec, i->px_unit, px),
           scaled_text(i->ask_qty_lots[k], i->qty_dec, i->qty_unit, qty));
  }
  for (unsigned k = 0; k < TG_VIEW_LEVELS; k++) {
    printf("   bid %14s %14s\033[K\n", scaled_text(i->bid_px_ticks[k], i->px_dec, i->px_unit, px),
           scaled_text(i->bid_qty_lots[k], i->qty_dec, i->qty_unit, qty));
  }
}

static void show_gates(const tg_view_main_t *m) {
  printf("  blocks:");
  for (unsigned r = 0; r < TG_REASON_CNT; r++) {
    if (m->gate_reason_cnt[r]) printf(" %s %llu", tg_gate_reason_name(r), (unsigned long long)m->gate_reason_cnt[r]);
  }
  printf("\033[K\n");
}

static void show_screen(const tg_screen_t *screen, const tg_engine_status_t *s, uint64_t rate) {
  char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES], d[TEXT_BYTES];
  const tg_view_main_t *m = &s->main;
  printf("\033[H[%s] tickgate  %llu s  state %s (%s)  %llu msg/s  links %s%s%s%s\033[K\n\033[K\n", screen->mode,
         (unsigned long long)((s->now_ns - screen->started_ns) / 1000000000u), tg_fsm_state_name((unsigned)m->state),
         tg_fsm_reason_name((unsigned)m->state_reason), (unsigned long long)rate,
         m->link_up >> TG_SESSION_PUBLIC & 1 ? "public " : "", m->link_up >> TG_SESSION_MARKET & 1 ? "market " : "",
         m->link_up >> TG_SESSION_USER & 1 ? "user " : "", m->link_up >> TG_SESSION_ORDER & 1 ? "order" : "");
  for (uint32_t k = 0; k < s->instr_cnt && k < 2; k++) {
    const tg_view_instr_t *i = &s->instr[k];
    printf("  %s  book %s  levels %llu/%llu  gaps %llu  position %s  realised %s  fees %s  unrealised %s\033[K\n", i->symbol,
           tg_book_state_name((unsigned)i->book_state), (unsigned long long)i->bid_level_cnt,
           (unsigned long long)i->ask_level_cnt, (unsigned long long)i->gap_cnt,
           scaled_text(i->position_lots, i->qty_dec, i->qty_unit, a), e8_text(i->realised_e8, 4, b),
           e8_text(i->commission_e8, 4, c), e8_text(i->unrealised_e8, 4, d));
    show_book(i);
  }
  printf(
      "\033[K\n  orders: open %llu  placed %llu  amended %llu  cancelled %llu  fills %llu (maker %llu)  unknown %llu\033[K\n",
      (unsigned long long)m->open_cnt, (unsigned long long)m->placed_cnt, (unsigned long long)m->amended_cnt,
      (unsigned long long)m->cancelled_cnt, (unsigned long long)m->fill_cnt, (unsigned long long)m->maker_fill_cnt,
      (unsigned long long)m->unknown_cnt);
  show_gates(m);
  printf("  net %s  equity %s  tick to order p50 %llu ns, p99 %llu ns (%llu orders)  journal %llu\033[K\n\033[J",
         e8_text(m->net_e8, 4, a), e8_text(m->equity_e8, 2, b), (unsigned long long)s->tick_to_order_p50_ns,
         (unsigned long long)s->tick_to_order_p99_ns, (unsigned long long)s->tick_to_order_cnt,
         (unsigned long long)s->journal_depth);
}

void tg_screen_show(tg_screen_t *screen, const tg_engine_status_t *status) {
  uint64_t rate = status->main.msg_cnt - screen->last_msg_cnt;
  screen->last_msg_cnt = status->main.msg_cnt;
  if (screen->terminal)
    show_screen(screen, status, rate);
  else
    show_line(screen, status, rate);
  fflush(stdout);
}

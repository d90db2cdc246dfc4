/* faults.md row 3 in the core: a quiet market is no fault, a silent stream is one, and pings are no proof of either. */
#include <criterion/criterion.h>
#include <string.h>

#include "fake_venue.h"

#define SECOND UINT64_C(1000000000)

static fv_t fv;

static void begin(void) {
  fv_open(&fv, 71, NULL, 0);
  fv.stride = 4;
  fv_start(&fv);
  fv_run(&fv, 3 * SECOND);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE);
  cr_assert_eq(tg_book_state(&fv.core->instr[0].book), TG_BOOK_LIVE);
}

static void link_beat(tg_session_t session, uint64_t rx_ns, uint64_t app_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, fv.now_ns);
  msg.u.link.session = (uint8_t)session;
  msg.u.link.up = 1;
  msg.u.link.gen = session == TG_SESSION_PUBLIC ? fv.core->instr[0].book.link_gen : 1;
  msg.u.link.last_rx_ns = rx_ns;
  msg.u.link.last_app_ns = app_ns;
  fv_feed(&fv, &msg);
}

/* A second passes in which no book event comes. app: the public session's application spoke; trade: the market session told
 * one. */
static void second(bool app, bool trade) {
  static uint64_t spoke_ns;
  tg_msg_t msg;
  for (int i = 0; i < 10; i++) {
    fv.now_ns += SECOND / 10;
    if (i == 5 && trade) {
      tg_msg_init(&msg, TG_MD_TRADE, 0, fv.now_ns);
      msg.u.md_trade.px_ticks = fv.bid;
      msg.u.md_trade.qty_lots = 1;
      fv_feed(&fv, &msg);
    }
    tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, fv.now_ns);
    fv_feed(&fv, &msg);
  }
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, fv.now_ns);
  msg.u.health.what = TG_HEALTH_COLD;
  msg.u.health.ok = 1;
  fv_feed(&fv, &msg);
  if (app) spoke_ns = fv.now_ns;
  link_beat(TG_SESSION_PUBLIC, fv.now_ns, spoke_ns);
  tg_msg_init(&msg, TG_TIMER, TG_INSTR_NONE, fv.now_ns);
  fv_feed(&fv, &msg);
}

Test(fault_03, a_quiet_market_stays_tradable) {
  begin();
  for (int s = 0; s < 30; s++) {
    second(true, false);
    cr_assert_eq(tg_book_state(&fv.core->instr[0].book), TG_BOOK_LIVE, "second %d", s);
    cr_assert_eq(fv.core->fsm.state, TG_FSM_ACTIVE, "second %d", s);
    cr_assert_lt(fv.now_ns - fv.core->instr[0].gate.book_rx_ns, 2 * SECOND);
  }
  fv_close(&fv);
}

Test(fault_03, subscribed_but_silent_grows_old) {
  begin();
  int s = 0;
  while (fv.core->fsm.state == TG_FSM_ACTIVE && s < 30) { /* it answers, and tells nothing of a market that trades */
    second(true, true);
    s++;
  }
  cr_assert_lt(s, 6, "fsm.feed_stale_ms is 3 s");
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  fv_close(&fv);
}

Test(fault_03, pings_keep_no_book_fresh) {
  begin();
  second(true, false);
  int s = 0;
  while (fv.core->fsm.state == TG_FSM_ACTIVE && s < 30) { /* last_rx_ns moves, last_app_ns does not */
    second(false, false);
    s++;
  }
  cr_assert_lt(s, 6);
  cr_assert_eq(fv.core->fsm.state, TG_FSM_DEGRADED);
  fv_close(&fv);
}

Test(fault_03, the_order_session_is_judged_by_its_application) {
  begin();
  uint64_t spoke_ns = fv.now_ns;
  fv.now_ns += SECOND;
  link_beat(TG_SESSION_ORDER, fv.now_ns, fv.now_ns);
  cr_assert_eq(fv.core->snap.session_rx_ns, fv.now_ns);
  spoke_ns = fv.now_ns;
  for (int s = 0; s < 5; s++) {
    fv.now_ns += SECOND;
    link_beat(TG_SESSION_ORDER, fv.now_ns, spoke_ns); /* pings come, answers do not */
    cr_assert_eq(fv.core->snap.session_rx_ns, spoke_ns);
  }
  fv.now_ns += SECOND;
  link_beat(TG_SESSION_ORDER, fv.now_ns, 0); /* an old tape, which has the bytes only */
  cr_assert_eq(fv.core->snap.session_rx_ns, fv.now_ns);
  fv_close(&fv);
}

/* Orders and their answers on the hot lane: what goes over the wire, and that no request is left without a word. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/client_id.h"
#include "engine/venue/bn_gateway.h"
#include "fake_hot.h"

enum { RING = 2048, ORDER_SOCK = 0, USER_SOCK = 2 };

typedef struct world {
  fake_hot_t *fake;
  tg_arena_t arena;
  tg_bn_gateway_t g;
  tg_spsc_t in, out;
  tg_symtab_t tab;
  tg_clock_t clock;
  tg_handoff_t *handoff[2][TG_HOT_SLOTS];
  uint64_t now_ns;
  tg_msg_t got[RING];
  int got_cnt;
} world_t;

static world_t *make(uint64_t out_slots) {
  world_t *w = aligned_alloc(TG_CACHE_LINE, (sizeof *w + 63) / 64 * 64);
  memset(w, 0, sizeof *w);
  w->fake = fh_new();
  cr_assert_eq(tg_arena_map(&w->arena, 32u << 20), 0);
  cr_assert_eq(tg_spsc_layout(&w->arena, &w->in, RING), 0);
  cr_assert_eq(tg_spsc_layout(&w->arena, &w->out, out_slots), 0);
  cr_assert_eq(tg_bn_gateway_layout(&w->arena, &w->g, &w->fake->io, 0), 0);
  for (int i = 0; i < 4; i++) w->handoff[i / 2][i % 2] = fh_handoff(0);
  tg_symtab_init(&w->tab);
  cr_assert_eq(tg_symtab_add(&w->tab, "BTCUSDT", 7, 0, TG_PRODUCT_USDM, (tg_scale_t){1, 1}, (tg_scale_t){3, 1}), 0);
  int err = tg_clock_init(&w->clock, 5);
  cr_assert(err == 0 || err == -TG_EUNSUPPORTED);
  cr_assert_eq(tg_bn_api_init(&w->g.api, &w->tab, NULL, 0, NULL, false, 3000), 0);
  tg_bn_gateway_init(&w->g, &w->in, &w->out, &w->tab, &w->clock, w->handoff[0], w->handoff[1]);
  w->now_ns = tg_clock_now_ns(&w->clock);
  return w;
}

static void drop(world_t *w) {
  fh_free(w->fake);
  for (int i = 0; i < 4; i++) free(w->handoff[i / 2][i % 2]);
  tg_arena_unmap(&w->arena);
  free(w);
}

static void io_turn(world_t *w) {
  w->now_ns += TG_HOT_TICK_NS;
  cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0);
}

static uint32_t turn(world_t *w) {
  io_turn(w);
  uint32_t taken = tg_bn_gateway_turn(&w->g, w->now_ns);
  cr_assert_geq(tg_io_turn(&w->fake->io, w->now_ns, 0), 0); /* what was sent is taken */
  return taken;
}

static void take(world_t *w) {
  w->got_cnt = 0;
  while (tg_spsc_get(&w->out, &w->got[w->got_cnt]) == 0) w->got_cnt++;
}

static void adopt(world_t *w, tg_session_t session, uint8_t slot, uint32_t gen) {
  w->handoff[session == TG_SESSION_USER][slot]->gen = gen;
  tg_msg_t msg = fh_adopt(session, slot, gen);
  tg_bn_gateway_ctl(&w->g, &msg, w->now_ns);
  turn(w);
}

static uint64_t id_of(uint32_t no) {
  return tg_client_id_make(TG_MODE_SIM, 5, 1, no);
}

static void ask(world_t *w, tg_msg_kind_t kind, uint32_t no) {
  tg_msg_t msg;
  tg_msg_init(&msg, kind, 0, w->now_ns);
  msg.u.out_place.client_id = id_of(no);
  msg.u.out_place.request_no = no;
  msg.u.out_place.px_ticks = 612504;
  msg.u.out_place.qty_lots = 12;
  msg.u.out_place.side = TG_SELL;
  msg.u.out_place.tif = TG_TIF_GTX;
  msg.u.out_place.type = TG_TYPE_LIMIT;
  msg.u.out_place.origin_ns = w->now_ns - 5000;
  cr_assert_eq(tg_spsc_put(&w->in, &msg), 0);
}

static void says(const char *text, const char *what) {
  cr_assert_not_null(strstr(text, what), "%s is not in %s", what, text);
}

static void answer(world_t *w, char letter, uint32_t no, int status, const char *rest) {
  char text[512];
  snprintf(text, sizeof text, "{\"id\":\"%c%u\",\"status\":%d,%s}", letter, no, status, rest);
  fh_say(w->fake, ORDER_SOCK + w->g.order.current, text);
}

Test(bn_gateway, requests_go_over_the_wire) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  tg_msg_t clock;
  tg_msg_init(&clock, TG_CTL_CLOCK, TG_INSTR_NONE, 0);
  clock.u.ctl_clock.offset_ns = 7 * TG_NS_PER_MS;
  tg_bn_gateway_ctl(&w->g, &clock, w->now_ns);
  ask(w, TG_OUT_PLACE, 1);
  ask(w, TG_OUT_AMEND, 2);
  ask(w, TG_OUT_CANCEL, 3);
  ask(w, TG_OUT_QUERY, 4);
  int sends = w->fake->sends;
  cr_assert_eq(turn(w), 4);
  cr_assert_eq(w->fake->sends, sends + 1, "a burst leaves in one send");
  char text[FH_TEXT_BYTES], want[64];
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
  says(text, "\"method\":\"order.place\"");
  says(text, "\"id\":\"p1\"");
  says(text, "\"symbol\":\"BTCUSDT\"");
  says(text, "\"side\":\"SELL\"");
  says(text, "\"type\":\"LIMIT\"");
  says(text, "\"timeInForce\":\"GTX\"");
  says(text, "61250.4");
  says(text, "0.012");
  char id[TG_CLIENT_ID_BYTES + 1] = "";
  tg_client_id_print(id_of(1), id);
  says(text, id);
  snprintf(want, sizeof want, "\"timestamp\":%llu", (unsigned long long)(w->now_ns / 1000000 + 7));
  says(text, want);
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
  says(text, "\"method\":\"order.modify\"");
  says(text, "\"id\":\"m2\"");
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
  says(text, "\"method\":\"order.cancel\"");
  says(text, "\"id\":\"c3\"");
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
  says(text, "\"method\":\"order.status\"");
  says(text, "\"id\":\"s4\"");
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), 0);
  cr_assert_eq(w->g.sent_cnt, 2, "place and amend lead to a measured order");
  cr_assert_eq(w->g.tick_to_order_ns.cnt, 2);
  cr_assert_eq(w->g.not_sent_cnt, 0);
  drop(w);
}

Test(bn_gateway, answers_come_back_as_messages) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  for (uint32_t no = 1; no <= 4; no++) ask(w, TG_OUT_PLACE, no);
  turn(w);
  answer(w, 'p', 1, 200,
         "\"result\":{\"orderId\":77,\"symbol\":\"BTCUSDT\",\"status\":\"NEW\",\"price\":\"61250.4\",\"origQty\":\"0.012\","
         "\"executedQty\":\"0\"}");
  answer(w, 'p', 2, 400, "\"error\":{\"code\":-2019,\"msg\":\"Margin is insufficient.\"}");
  answer(w, 'p', 3, 503, "\"error\":{\"code\":-1007,\"msg\":\"Timeout waiting for response from backend server.\"}");
  answer(w, 'p', 99, 200, "\"result\":{\"orderId\":78}");
  fh_say(w->fake, ORDER_SOCK, "{\"id\":");
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 3);
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(w->got[i].kind, TG_EX_ANSWER);
    cr_assert_eq(w->got[i].u.ex_answer.client_id, id_of((uint32_t)i + 1));
    cr_assert_eq(w->got[i].u.ex_answer.request, TG_REQUEST_PLACE);
  }
  cr_assert_eq(w->got[0].u.ex_answer.outcome, TG_OUTCOME_CONFIRMED);
  cr_assert_eq(w->got[0].u.ex_answer.order_id, 77);
  cr_assert_eq(w->got[1].u.ex_answer.outcome, TG_OUTCOME_REFUSED);
  cr_assert_eq(w->got[1].u.ex_answer.venue_code, -2019);
  cr_assert_eq(w->got[2].u.ex_answer.outcome, TG_OUTCOME_UNKNOWN);
  cr_assert_eq(w->g.error_cnt, 1);
  cr_assert_eq(w->g.api.inflight.cnt, 1);
  drop(w);
}

Test(bn_gateway, the_end_of_a_session_makes_open_requests_unknown_once) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  for (uint32_t no = 1; no <= 5; no++) ask(w, no & 1 ? TG_OUT_PLACE : TG_OUT_CANCEL, no);
  turn(w);
  answer(w, 'p', 3, 200, "\"result\":{\"orderId\":77}");
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  w->fake->sock[ORDER_SOCK].eof = true;
  for (int i = 0; i < 5; i++) turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 5);
  cr_assert(w->got[0].kind == TG_LINK && !w->got[0].u.link.up, "the end first");
  unsigned seen = 0;
  for (int i = 1; i < 5; i++) {
    const tg_ex_answer_t *a = &w->got[i].u.ex_answer;
    cr_assert_eq(w->got[i].kind, TG_EX_ANSWER);
    cr_assert_eq(a->outcome, TG_OUTCOME_UNKNOWN);
    cr_assert_eq(a->http_status, 0);
    uint32_t no = tg_client_id_counter(a->client_id);
    cr_assert_eq(a->request, no & 1 ? TG_REQUEST_PLACE : TG_REQUEST_CANCEL);
    seen |= 1u << no;
  }
  cr_assert_eq(seen, 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5);
  cr_assert_eq(w->g.api.inflight.cnt, 0);
  /* the next session brings no second word, and a late answer is nobody's */
  adopt(w, TG_SESSION_ORDER, 1, 2);
  answer(w, 'p', 1, 200, "\"result\":{\"orderId\":80}");
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  cr_assert_eq(w->got[0].kind, TG_LINK);
  cr_assert_eq(w->g.api.cnt.unmatched, 1);
  drop(w);
}

Test(bn_gateway, a_replaced_session_still_answers) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  ask(w, TG_OUT_PLACE, 1);
  turn(w);
  adopt(w, TG_SESSION_ORDER, 1, 2);
  ask(w, TG_OUT_PLACE, 2);
  turn(w);
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK + 1, text), TG_WS_TEXT, "new requests take the new session");
  says(text, "\"id\":\"p2\"");
  take(w);
  fh_say(w->fake, ORDER_SOCK, "{\"id\":\"p1\",\"status\":200,\"result\":{\"orderId\":77}}");
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  cr_assert_eq(w->got[0].u.ex_answer.client_id, id_of(1));
  for (int i = 0; i < 1100; i++) turn(w);
  take(w);
  for (int i = 0; i < w->got_cnt; i++) cr_assert(w->got[i].kind == TG_LINK && w->got[i].u.link.up);
  cr_assert(tg_conn_free(&w->g.order.conn[0]));
  cr_assert_eq(w->g.api.inflight.cnt, 1, "p2 waits on");
  drop(w);
}

Test(bn_gateway, without_a_session_the_answer_is_ours) {
  static const tg_msg_kind_t kind[] = {TG_OUT_PLACE, TG_OUT_AMEND, TG_OUT_CANCEL, TG_OUT_QUERY};
  static const tg_request_t request[] = {TG_REQUEST_PLACE, TG_REQUEST_AMEND, TG_REQUEST_CANCEL, TG_REQUEST_QUERY};
  world_t *w = make(RING);
  for (uint32_t i = 0; i < 4; i++) ask(w, kind[i], i + 1);
  cr_assert_eq(turn(w), 4);
  take(w);
  cr_assert_eq(w->got_cnt, 4);
  for (uint32_t i = 0; i < 4; i++) {
    cr_assert_eq(w->got[i].kind, TG_EX_ANSWER);
    cr_assert_eq(w->got[i].instr_idx, 0);
    const tg_ex_answer_t *a = &w->got[i].u.ex_answer;
    cr_assert_eq(a->client_id, id_of(i + 1));
    cr_assert_eq(a->request, request[i]);
    cr_assert_eq(a->outcome, tg_outcome(request[i], TG_WIRE_NOT_SENT, 0, 0).outcome);
    cr_assert_eq(a->outcome, TG_OUTCOME_REFUSED, "certainly not executed");
  }
  cr_assert_eq(w->g.not_sent_cnt, 4);
  cr_assert_eq(w->g.tick_to_order_ns.cnt, 0);
  drop(w);
}

Test(bn_gateway, a_full_send_buffer_refuses_and_keeps_nothing_open) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  w->fake->sock[ORDER_SOCK].tx_blocked = true;
  uint32_t no = 0;
  while (w->g.not_sent_cnt == 0) {
    cr_assert_lt(no, 1000u);
    ask(w, TG_OUT_PLACE, ++no);
    turn(w);
  }
  take(w);
  cr_assert_eq(w->got[w->got_cnt - 1].kind, TG_EX_ANSWER);
  cr_assert_eq(w->got[w->got_cnt - 1].u.ex_answer.client_id, id_of(no));
  cr_assert_eq(w->got[w->got_cnt - 1].u.ex_answer.outcome, TG_OUTCOME_REFUSED);
  cr_assert_eq(w->g.api.inflight.cnt, no - 1, "the refused one is not under way");
  w->fake->sock[ORDER_SOCK].tx_blocked = false;
  for (int i = 0; i < 5; i++) turn(w);
  char text[FH_TEXT_BYTES], want[32];
  for (uint32_t i = 1; i < no; i++) { /* what was accepted leaves whole and in order */
    cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
    snprintf(want, sizeof want, "\"id\":\"p%u\"", (unsigned)i);
    says(text, want);
  }
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), 0);
  drop(w);
}

Test(bn_gateway, what_cannot_be_written_is_refused) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_OUT_PLACE, 63, w->now_ns); /* an instrument that nobody knows */
  msg.u.out_place.client_id = id_of(1);
  msg.u.out_place.request_no = 1;
  cr_assert_eq(tg_spsc_put(&w->in, &msg), 0);
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  cr_assert_eq(w->got[0].u.ex_answer.outcome, TG_OUTCOME_REFUSED);
  cr_assert_eq(w->g.error_cnt, 1);
  cr_assert_eq(w->g.api.inflight.cnt, 0);
  drop(w);
}

Test(bn_gateway, a_queue_without_entries_delays_a_millisecond) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  ask(w, TG_OUT_PLACE, 1);
  w->fake->queue_full = true;
  cr_assert_eq(tg_bn_gateway_turn(&w->g, ++w->now_ns), 1);
  w->fake->queue_full = false;
  turn(w);
  turn(w);
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), TG_WS_TEXT);
  take(w);
  cr_assert_eq(w->got_cnt, 0, "it is on its way: no word yet");
  cr_assert_eq(w->g.api.inflight.cnt, 1);
  drop(w);
}

Test(bn_gateway, user_events) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_USER, 0, 1);
  take(w);
  char id[TG_CLIENT_ID_BYTES + 1] = "", text[1024];
  tg_client_id_print(id_of(42), id);
  snprintf(text, sizeof text,
           "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1785000000518,\"T\":1785000000512,\"o\":{\"s\":\"BTCUSDT\",\"c\":\"%s\",\"S\":"
           "\"BUY\","
           "\"o\":\"LIMIT\",\"f\":\"GTX\",\"q\":\"0.010\",\"p\":\"61240.0\",\"ap\":\"0\",\"sp\":\"0\",\"x\":\"TRADE\",\"X\":"
           "\"PARTIALLY_"
           "FILLED\",\"i\":901,\"l\":\"0.004\",\"z\":\"0.004\",\"L\":\"61240.0\",\"n\":\"0.04899200\",\"N\":\"USDT\",\"T\":"
           "1785000000512,\"t\":54,\"m\":true,\"R\":false,\"ps\":\"BOTH\",\"rp\":\"-1.5\"}}",
           id);
  fh_say(w->fake, USER_SOCK, text);
  fh_say(w->fake, USER_SOCK, "{\"e\":\"listenKeyExpired\",\"E\":1785003600000,\"listenKey\":\"kQ\"}");
  fh_say(w->fake, USER_SOCK, "no json");
  turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 3);
  cr_assert_eq(w->got[0].kind, TG_EX_FILL);
  cr_assert_eq(w->got[0].u.ex_fill.client_id, id_of(42));
  cr_assert_eq(w->got[0].u.ex_fill.qty_lots, 4);
  cr_assert_eq(w->got[1].kind, TG_EX_ORDER);
  cr_assert_eq(w->got[1].u.ex_order.cum_qty_lots, 4);
  cr_assert_eq(w->got[2].kind, TG_EX_CONFIG);
  cr_assert_eq(w->got[2].u.ex_config.what, TG_CONFEV_LISTEN_KEY_EXPIRED);
  cr_assert_eq(w->g.error_cnt, 1);
  drop(w);
}

Test(bn_gateway, an_event_without_room_ends_its_session) {
  world_t *w = make(8);
  adopt(w, TG_SESSION_USER, 0, 1);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  tg_msg_t filler;
  tg_msg_init(&filler, TG_RATE, TG_INSTR_NONE, 1);
  while (tg_spsc_put(&w->out, &filler) == 0) {
  }
  fh_say(w->fake, USER_SOCK, "{\"e\":\"listenKeyExpired\",\"E\":1785003600000,\"listenKey\":\"kQ\"}");
  for (int i = 0; i < 5; i++) turn(w);
  cr_assert_eq(w->g.overflow_cnt, 1);
  cr_assert_not(w->g.user.up);
  cr_assert(w->g.order.up, "the other one lives");
  take(w);
  turn(w);
  take(w);
  cr_assert_geq(w->got_cnt, 1);
  cr_assert(w->got[0].kind == TG_LINK && !w->got[0].u.link.up && w->got[0].u.link.session == TG_SESSION_USER,
            "the core hears of it and asks for account truth");
  drop(w);
}

Test(bn_gateway, unknown_outcomes_without_room_leave_the_end_told) {
  world_t *w = make(8);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  for (uint32_t no = 1; no <= 9; no++) ask(w, TG_OUT_PLACE, no);
  turn(w);
  w->fake->sock[ORDER_SOCK].eof = true;
  for (int i = 0; i < 5; i++) turn(w);
  take(w);
  cr_assert_eq(w->got_cnt, 1);
  cr_assert(w->got[0].kind == TG_LINK && !w->got[0].u.link.up);
  cr_assert_eq(w->g.overflow_cnt, 1, "nine answers found no room: counted; the core's own timeouts ask");
  cr_assert_eq(w->g.api.inflight.cnt, 0);
  drop(w);
}

Test(bn_gateway, with_orders_over_rest_requests_are_dropped_here) {
  world_t *w = make(RING);
  w->g.rest_orders = true;
  adopt(w, TG_SESSION_ORDER, 0, 1);
  take(w);
  ask(w, TG_OUT_PLACE, 1);
  ask(w, TG_OUT_CANCEL, 2);
  cr_assert_eq(turn(w), 2);
  char text[FH_TEXT_BYTES];
  cr_assert_eq(fh_heard(w->fake, ORDER_SOCK, text), 0);
  take(w);
  cr_assert_eq(w->got_cnt, 0);
  cr_assert_eq(w->g.not_sent_cnt, 0);
  drop(w);
}

Test(bn_gateway, a_turn_takes_a_burst_at_most) {
  world_t *w = make(RING);
  adopt(w, TG_SESSION_ORDER, 0, 1);
  for (uint32_t no = 1; no <= TG_GATEWAY_BURST + 3; no++) ask(w, TG_OUT_CANCEL, no);
  cr_assert_eq(turn(w), TG_GATEWAY_BURST);
  cr_assert_eq(turn(w), 3);
  cr_assert_eq(turn(w), 0);
  drop(w);
}

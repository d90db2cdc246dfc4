#include "engine/venue/bn_gateway.h"

#include <string.h>

static tg_request_t request_of(uint8_t kind) {
  switch (kind) {
    case TG_OUT_PLACE:
      return TG_REQUEST_PLACE;
    case TG_OUT_AMEND:
      return TG_REQUEST_AMEND;
    case TG_OUT_CANCEL:
      return TG_REQUEST_CANCEL;
    default:
      return TG_REQUEST_QUERY;
  }
}

/* Moves the batch into the ring, or ends the session whose events would be lost. */
static void gateway_deliver(tg_bn_gateway_t *g, tg_hot_session_t *session, uint64_t now_ns) {
  if (tg_spsc_room(g->out) < g->batch.cnt) {
    g->overflow_cnt++;
    tg_conn_t *conn = tg_hot_session_conn(session);
    if (conn) tg_conn_close(conn, TG_WS_CODE_AWAY, now_ns, 0);
    g->batch.cnt = 0;
    return;
  }
  for (uint32_t i = 0; i < g->batch.cnt; i++) {
    int err = tg_spsc_put(g->out, &g->batch.msg[i]);
    TG_ASSERT(err == 0); /* room was counted above and only grows */
  }
  g->batch.cnt = 0;
}

/* A pause that an answer asks for holds our questions, too. */
static void hold(tg_bn_gateway_t *g, uint64_t until_ns) {
  if (until_ns > g->order.hold_until_ns) g->order.hold_until_ns = until_ns;
}

static void order_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  tg_bn_gateway_t *g = user;
  (void)gen; /* request numbers are unique over all generations */
  tg_bn_api_info_t info;
  g->batch.cnt = 0;
  if (tg_bn_api_decode(&g->api, (const char *)payload, len, now_ns, &g->batch, &info) < 0) {
    g->error_cnt++;
    return;
  }
  for (uint32_t i = 0; i < g->batch.cnt; i++) {
    if (g->batch.msg[i].kind == TG_RATE) hold(g, g->batch.msg[i].u.rate.pause_until_ns);
  }
  gateway_deliver(g, &g->order, now_ns);
}

/* The answer to a question of ours on a stream ({"result":..,"id":..}): life, and no event. */
static bool control_answer(const uint8_t *payload, size_t len) {
  return len >= 9 && (memcmp(payload, "{\"result\"", 9) == 0 || memcmp(payload, "{\"id\":", 6) == 0);
}

static void user_message(void *user, uint8_t *payload, size_t len, uint64_t now_ns, uint32_t gen) {
  tg_bn_gateway_t *g = user;
  (void)gen;
  if (control_answer(payload, len)) return;
  g->batch.cnt = 0;
  if (tg_bn_user_decode(&g->events, (const char *)payload, len, now_ns, &g->batch) < 0) {
    g->error_cnt++;
    return;
  }
  gateway_deliver(g, &g->user, now_ns);
}

static void order_down(void *user, uint64_t now_ns) {
  tg_bn_gateway_t *g = user;
  g->batch.cnt = 0;
  int cnt = tg_bn_inflight_lost(&g->api.inflight, now_ns, &g->batch);
  TG_ASSERT(cnt >= 0); /* the batch holds more than the in-flight table */
  gateway_deliver(g, &g->order, now_ns);
}

int tg_bn_gateway_layout(tg_arena_t *arena, tg_bn_gateway_t *gateway, tg_io_t *io, int slot_base) {
  tg_conn_cfg_t cfg;
  tg_conn_cfg_defaults(&cfg);
  gateway->io = io;
  gateway->batch.msg = TG_ARENA_NEW(arena, tg_msg_t, TG_GATEWAY_BATCH);
  gateway->batch.cap = TG_GATEWAY_BATCH;
  int err = tg_hot_session_layout(arena, &gateway->order, io, slot_base, &cfg);
  if (err) return err;
  return tg_hot_session_layout(arena, &gateway->user, io, slot_base + TG_HOT_SLOTS, &cfg);
}

void tg_bn_gateway_init(tg_bn_gateway_t *gateway, tg_spsc_t *in, tg_spsc_t *out, const tg_symtab_t *symtab,
                        const tg_clock_t *clock, tg_handoff_t *const order_handoff[TG_HOT_SLOTS],
                        tg_handoff_t *const user_handoff[TG_HOT_SLOTS]) {
  TG_STATIC_ASSERT(TG_GATEWAY_BATCH > TG_BN_INFLIGHT_CAP, "a lost session fits one batch");
  gateway->in = in;
  gateway->out = out;
  gateway->clock = clock;
  tg_bn_user_init(&gateway->events, symtab);
  tg_hist_reset(&gateway->tick_to_order_ns);
  tg_hot_session_init(&gateway->order, TG_SESSION_ORDER, out, order_handoff, order_message, order_down, gateway);
  gateway->order.linger_ns = TG_GATEWAY_LINGER_NS;
  tg_hot_session_init(&gateway->user, TG_SESSION_USER, out, user_handoff, user_message, NULL, gateway);
}

void tg_bn_gateway_silence(tg_bn_gateway_t *gateway, uint64_t user_probe_ns, uint64_t user_silent_ns, uint64_t order_probe_ns,
                           uint64_t order_silent_ns) {
  static const char user[] = "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}";
  static const char order[] = "{\"id\":\"l0\",\"method\":\"session.status\"}"; /* as tg_bn_api_encode_session writes it */
  tg_hot_session_silence(&gateway->user, user, sizeof user - 1, user_probe_ns, user_silent_ns);
  tg_hot_session_silence(&gateway->order, order, sizeof order - 1, order_probe_ns, order_silent_ns);
}

void tg_bn_gateway_ctl(tg_bn_gateway_t *gateway, const tg_msg_t *msg, uint64_t now_ns) {
  if (msg->kind == TG_CTL_CLOCK) {
    hold(gateway, msg->u.ctl_clock.pause_until_ns);
    gateway->venue_offset_ns = msg->u.ctl_clock.offset_ns;
    return;
  }
  if (msg->kind != TG_CTL_ADOPT && msg->kind != TG_CTL_CLOSE) return;
  if (msg->u.ctl_adopt.session == TG_SESSION_ORDER) tg_hot_session_ctl(&gateway->order, msg, now_ns);
  if (msg->u.ctl_adopt.session == TG_SESSION_USER) tg_hot_session_ctl(&gateway->user, msg, now_ns);
}

/* The request never left: answer it ourselves, with the table's verdict. */
static void gateway_not_sent(tg_bn_gateway_t *g, const tg_msg_t *request, uint64_t now_ns) {
  g->not_sent_cnt++;
  tg_request_t kind = request_of(request->kind);
  g->batch.cnt = 0;
  tg_msg_t *msg = tg_msg_next(&g->batch, TG_EX_ANSWER, request->instr_idx, now_ns);
  TG_ASSERT(msg != NULL); /* an empty batch has room */
  msg->u.ex_answer.client_id = request->u.out_place.client_id;
  msg->u.ex_answer.order_id = request->u.out_place.order_id;
  msg->u.ex_answer.request = (uint8_t)kind;
  msg->u.ex_answer.outcome = (uint8_t)tg_outcome(kind, TG_WIRE_NOT_SENT, 0, 0).outcome;
  gateway_deliver(g, &g->order, now_ns);
}

static bool gateway_send(tg_bn_gateway_t *g, const tg_msg_t *request, uint64_t now_ns) {
  tg_conn_t *conn = tg_hot_session_conn(&g->order);
  uint8_t *text = conn ? tg_conn_tx_begin(conn, TG_BN_API_TEXT_MAX) : NULL;
  if (!text) return false;
  uint64_t venue_ms = (uint64_t)(((int64_t)now_ns + g->venue_offset_ns) / TG_NS_PER_MS);
  int len = tg_bn_api_encode(&g->api, request, venue_ms, (char *)text, TG_BN_API_TEXT_MAX);
  if (len <= 0) {
    g->error_cnt++;
    return false;
  }
  int err = tg_conn_tx_commit(conn, (size_t)len, now_ns);
  if (err == 0 || err == -TG_EFULL) return true; /* EFULL: kept by the connection, leaves with the next turn */
  tg_bn_inflight_row_t row;
  bool taken = tg_bn_inflight_take(&g->api.inflight, request->u.out_place.request_no, &row);
  (void)taken; /* absent only when encode did not register it */
  return false;
}

uint32_t tg_bn_gateway_turn(tg_bn_gateway_t *gateway, uint64_t now_ns) {
  tg_bn_gateway_t *g = gateway;
  uint32_t taken = 0;
  uint32_t sent = 0;
  uint64_t origin_ns[TG_GATEWAY_BURST];
  tg_msg_t request;
  tg_conn_t *conn = NULL;
  while (taken < TG_GATEWAY_BURST && tg_spsc_get(g->in, &request) == 0) {
    if (taken++ == 0) {
      conn = tg_hot_session_conn(&g->order);
      if (conn) tg_conn_cork(conn); /* a burst leaves in one send */
    }
    if (g->rest_orders) continue; /* the cold lane takes it from the journal */
    if (!gateway_send(g, &request, now_ns)) {
      gateway_not_sent(g, &request, now_ns);
    } else if (request.kind == TG_OUT_PLACE || request.kind == TG_OUT_AMEND) {
      origin_ns[sent++] = request.u.out_place.origin_ns;
    }
  }
  if (taken) {
    if (conn && tg_conn_uncork(conn) != 0) g->error_cnt++; /* kept; the next tick sends it */
    if (tg_io_flush(g->io) != 0) g->error_cnt++;
    uint64_t out_ns = sent ? tg_clock_now_ns(g->clock) : 0;
    for (uint32_t i = 0; i < sent; i++) tg_hist_record(&g->tick_to_order_ns, out_ns > origin_ns[i] ? out_ns - origin_ns[i] : 0);
    g->sent_cnt += sent;
  }
  tg_hot_session_tick(&g->order, now_ns);
  tg_hot_session_tick(&g->user, now_ns);
  return taken;
}

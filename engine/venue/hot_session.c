#include "engine/venue/hot_session.h"

#define CLOSE_GRACE_NS (500 * (uint64_t)TG_NS_PER_MS)

static int link_put(tg_hot_session_t *s, bool up, uint32_t gen, uint8_t reason, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, now_ns);
  msg.u.link.session = (uint8_t)s->id;
  msg.u.link.up = up;
  msg.u.link.reason = reason;
  msg.u.link.gen = gen;
  msg.u.link.last_rx_ns = s->conn[s->current].last_rx_ns;
  return tg_spsc_put(s->out, &msg);
}

static void link_owed(tg_hot_session_t *s, uint64_t now_ns) {
  if (s->down_owed) {
    if (link_put(s, false, s->down_gen, s->down_reason, now_ns) != 0) return;
    s->down_owed = false;
  }
  if (s->up_owed && link_put(s, true, s->gen, 0, now_ns) == 0) s->up_owed = false;
}

static void session_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  tg_hot_session_t *s = user;
  (void)rx_ns; /* the kernel's stamp is wall-clock time; messages carry engine time */
  if (op != TG_WS_TEXT) return;
  s->on_message(s->user, payload, len, s->io->now_ns, conn->gen);
}

static void session_close(void *user, tg_conn_t *conn, int err) {
  tg_hot_session_t *s = user;
  if (conn != &s->conn[s->current] || !s->up) return; /* the former session of a rotation: expected */
  s->up = false;
  s->up_owed = false;
  s->down_owed = true;
  s->down_gen = s->gen;
  s->down_reason = (uint8_t)(err < 0 ? -err : TG_ECLOSED);
  link_owed(s, s->io->now_ns);
  if (s->on_down) s->on_down(s->user, s->io->now_ns);
}

int tg_hot_session_layout(tg_arena_t *arena, tg_hot_session_t *session, tg_io_t *io, int slot_base, const tg_conn_cfg_t *cfg) {
  session->io = io;
  for (int i = 0; i < TG_HOT_SLOTS; i++) {
    int err = tg_conn_layout(arena, &session->conn[i], cfg, io, slot_base + i);
    if (err) return err;
  }
  return 0;
}

void tg_hot_session_init(tg_hot_session_t *session, tg_session_t id, tg_spsc_t *out, tg_handoff_t *const handoff[TG_HOT_SLOTS],
                         tg_hot_message_t on_message, tg_hot_down_t on_down, void *user) {
  static const tg_conn_ops_t ops = {session_message, session_close};
  session->id = id;
  session->out = out;
  session->on_message = on_message;
  session->on_down = on_down;
  session->user = user;
  for (int i = 0; i < TG_HOT_SLOTS; i++) {
    session->handoff[i] = handoff[i];
    tg_conn_set_ops(&session->conn[i], &ops, session);
  }
}

static void session_adopt(tg_hot_session_t *s, const tg_ctl_adopt_t *ctl, uint64_t now_ns) {
  uint8_t former = s->current;
  uint8_t slot = s->up ? (uint8_t)(former ^ 1u) : former;
  if (!tg_conn_free(&s->conn[slot])) slot ^= 1u;
  if (!tg_conn_free(&s->conn[slot])) { /* both taken: the one that is not current goes */
    slot = (uint8_t)(former ^ 1u);
    tg_conn_close(&s->conn[slot], TG_WS_CODE_AWAY, now_ns, 0);
  }
  int err = tg_conn_adopt(&s->conn[slot], s->handoff[ctl->slot & (TG_HOT_SLOTS - 1)], now_ns);
  if (err) { /* the descriptor is closed; cold hears of it and dials again */
    s->down_owed = true;
    s->down_gen = ctl->gen;
    s->down_reason = (uint8_t)-err;
    link_owed(s, now_ns);
    return;
  }
  bool was_up = s->up;
  s->current = slot;
  s->gen = ctl->gen;
  s->up = true;
  s->up_owed = true;
  s->beat_next_ns = now_ns + TG_LINK_BEAT_NS;
  link_owed(s, now_ns);
  if (was_up && former != slot) {
    /* answers to requests of the former session may still come within the grace; the core's own timeout asks for the rest */
    tg_conn_close(&s->conn[former], TG_WS_CODE_NORMAL, now_ns, CLOSE_GRACE_NS);
  }
}

void tg_hot_session_ctl(tg_hot_session_t *session, const tg_msg_t *msg, uint64_t now_ns) {
  const tg_ctl_adopt_t *ctl = &msg->u.ctl_adopt;
  if (msg->kind == TG_CTL_ADOPT) {
    session_adopt(session, ctl, now_ns);
  } else if (msg->kind == TG_CTL_CLOSE && session->up && ctl->gen == session->gen) {
    tg_conn_close(&session->conn[session->current], TG_WS_CODE_NORMAL, now_ns, CLOSE_GRACE_NS);
  }
}

void tg_hot_session_tick(tg_hot_session_t *session, uint64_t now_ns) {
  if (TG_UNLIKELY(session->down_owed || session->up_owed)) link_owed(session, now_ns);
  if (now_ns < session->beat_next_ns) return;
  session->beat_next_ns = now_ns + TG_LINK_BEAT_NS;
  for (int i = 0; i < TG_HOT_SLOTS; i++) tg_conn_tick(&session->conn[i], now_ns);
  if (session->up && !session->up_owed && link_put(session, true, session->gen, 0, now_ns) != 0) session->link_dropped_cnt++;
}

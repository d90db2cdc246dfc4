#include "engine/venue/hot_session.h"

#define CLOSE_GRACE_NS (500 * (uint64_t)TG_NS_PER_MS)

static int link_put(tg_hot_session_t *s, bool up, uint32_t gen, uint8_t reason, uint8_t detail, uint64_t now_ns) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, now_ns);
  msg.u.link.session = (uint8_t)s->id;
  msg.u.link.up = up;
  msg.u.link.reason = reason;
  msg.u.link.detail = detail;
  msg.u.link.gen = gen;
  msg.u.link.last_rx_ns = s->conn[s->current].last_rx_ns;
  msg.u.link.last_app_ns = s->app_ns;
  return tg_spsc_put(s->out, &msg);
}

static void link_flush(tg_hot_session_t *s, uint64_t now_ns) {
  uint32_t done = 0;
  while (done < s->owed_cnt &&
         link_put(s, s->owed[done].up, s->owed[done].gen, s->owed[done].reason, s->owed[done].detail, now_ns) == 0)
    done++;
  for (uint32_t i = done; i < s->owed_cnt; i++) s->owed[i - done] = s->owed[i];
  s->owed_cnt -= done;
}

static void link_owe(tg_hot_session_t *s, bool up, uint32_t gen, uint8_t reason, uint8_t detail, uint64_t now_ns) {
  /* an end of the former, a beginning and an end of the next, a gap's two: no hand-over comes before these were read */
  TG_ASSERT(s->owed_cnt < TG_HOT_OWED_MAX);
  s->owed[s->owed_cnt++] = (tg_hot_owed_t){.gen = gen, .up = up, .reason = reason, .detail = detail};
  link_flush(s, now_ns);
}

static void session_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  tg_hot_session_t *s = user;
  /* the kernel's stamp is wall-clock time, messages carry engine time: it only measures the way from the socket to here */
  if (conn->rx_is_kernel && rx_ns != 0 && s->io->now_ns >= rx_ns) tg_hist_record(&s->kernel_to_user_ns, s->io->now_ns - rx_ns);
  if (op != TG_WS_TEXT) return;
  if (conn == &s->conn[s->current]) s->app_ns = s->io->now_ns;
  if (TG_UNLIKELY(s->owed_cnt)) link_flush(s, s->io->now_ns);
  s->on_message(s->user, payload, len, s->io->now_ns, conn->gen);
}

static void session_close(void *user, tg_conn_t *conn, int err) {
  tg_hot_session_t *s = user;
  if (conn != &s->conn[s->current] || !s->up) return; /* the former session of a rotation: expected */
  s->up = false;
  link_owe(s, false, s->gen, (uint8_t)(err < 0 ? -err : TG_ECLOSED), conn->close_alert, s->io->now_ns);
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
  tg_hist_reset(&session->kernel_to_user_ns);
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

/* Closes the session that was replaced. */
static void former_close(tg_hot_session_t *s, uint64_t now_ns, uint64_t grace_ns) {
  s->former_until_ns = 0;
  tg_conn_close(&s->conn[s->current ^ 1u], TG_WS_CODE_NORMAL, now_ns, grace_ns);
}

static void session_adopt(tg_hot_session_t *s, const tg_ctl_adopt_t *ctl, uint64_t now_ns) {
  uint8_t former = s->current;
  uint8_t slot = s->up ? (uint8_t)(former ^ 1u) : former;
  if (!tg_conn_free(&s->conn[slot])) slot ^= 1u;
  if (!tg_conn_free(&s->conn[slot])) { /* both taken: the adoption below is refused, the next one will find room */
    slot = (uint8_t)(former ^ 1u);
    former_close(s, now_ns, 0);
  }
  int err = tg_conn_adopt(&s->conn[slot], s->handoff[ctl->slot & (TG_HOT_SLOTS - 1)], now_ns);
  if (err) { /* the descriptor is closed; cold hears of it and dials again */
    link_owe(s, false, ctl->gen, (uint8_t)-err, 0, now_ns);
    return;
  }
  bool was_up = s->up;
  s->current = slot;
  s->gen = ctl->gen;
  s->up = true;
  s->beat_next_ns = now_ns + TG_LINK_BEAT_NS;
  s->app_ns = s->probed_ns = now_ns; /* the cold lane heard it a moment ago: upgrade, logon */
  link_owe(s, true, s->gen, 0, 0, now_ns);
  if (!was_up || former == slot) return;
  if (s->linger_ns)
    s->former_until_ns = now_ns + s->linger_ns;
  else
    former_close(s, now_ns, CLOSE_GRACE_NS);
}

void tg_hot_session_ctl(tg_hot_session_t *session, const tg_msg_t *msg, uint64_t now_ns) {
  const tg_ctl_adopt_t *ctl = &msg->u.ctl_adopt;
  if (msg->kind == TG_CTL_ADOPT) {
    session_adopt(session, ctl, now_ns);
  } else if (msg->kind == TG_CTL_CLOSE && session->up && ctl->gen == session->gen) {
    tg_conn_close(&session->conn[session->current], TG_WS_CODE_NORMAL, now_ns, CLOSE_GRACE_NS);
  }
}

void tg_hot_session_gap(tg_hot_session_t *session, uint8_t reason, uint64_t now_ns) {
  if (!session->up) return; /* its end is told, or owed, with the reason that it had */
  link_owe(session, false, session->gen, reason, 0, now_ns);
  link_owe(session, true, session->gen, 0, 0, now_ns);
}

void tg_hot_session_silence(tg_hot_session_t *session, const char *probe, size_t len, uint64_t probe_ns, uint64_t silent_ns) {
  session->probe = probe;
  session->probe_len = len;
  session->probe_ns = probe ? probe_ns : 0;
  session->silent_ns = silent_ns;
}

/* A session that hangs half open takes what we send and answers pings of its own stack; only its application's word counts. */
static void silence_check(tg_hot_session_t *s, uint64_t now_ns) {
  tg_conn_t *conn = &s->conn[s->current];
  uint64_t from_ns = s->app_ns > s->hold_until_ns ? s->app_ns : s->hold_until_ns;
  if (!s->up || !tg_conn_open(conn) || now_ns < from_ns) return;
  uint64_t quiet_ns = now_ns - from_ns;
  if (s->silent_ns && quiet_ns > s->silent_ns) {
    s->up = false;
    s->silent_cnt++;
    link_owe(s, false, s->gen, TG_ESTALE, 0, now_ns);
    tg_conn_close(conn, TG_WS_CODE_AWAY, now_ns, 0);
    if (s->on_down) s->on_down(s->user, now_ns);
  } else if (s->probe_ns && quiet_ns > s->probe_ns && now_ns - s->probed_ns > s->probe_ns) {
    s->probed_ns = now_ns;
    /* no room: asked again later, and if it stays so the silence ends it */
    if (tg_conn_send(conn, TG_WS_TEXT, s->probe, s->probe_len, now_ns) == 0) s->probe_cnt++;
  }
}

void tg_hot_session_tick(tg_hot_session_t *session, uint64_t now_ns) {
  if (TG_UNLIKELY(session->owed_cnt)) link_flush(session, now_ns);
  if (now_ns < session->tick_next_ns) return;
  session->tick_next_ns = now_ns + TG_HOT_TICK_NS;
  if (session->former_until_ns && now_ns >= session->former_until_ns) former_close(session, now_ns, CLOSE_GRACE_NS);
  for (int i = 0; i < TG_HOT_SLOTS; i++) tg_conn_tick(&session->conn[i], now_ns);
  if (session->probe_ns | session->silent_ns) silence_check(session, now_ns);
  if (now_ns < session->beat_next_ns) return;
  session->beat_next_ns = now_ns + TG_LINK_BEAT_NS;
  if (session->up && !session->owed_cnt && link_put(session, true, session->gen, 0, 0, now_ns) != 0)
    session->link_dropped_cnt++;
}

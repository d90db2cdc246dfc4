#include "engine/venue/bn_sup.h"

#include <stdio.h>
#include <string.h>

#include "engine/conf/secret.h"

static void sup_open(void *user, tg_dial_t *dial) {
  tg_bn_sup_t *sup = user;
  char text[1024];
  size_t len = sup->ops->hello(sup->user, sup, text, sizeof text, sup->now_ns);
  if (len == 0) {
    sup->detach_due = true;
    return;
  }
  int err = tg_dial_send(dial, TG_WS_TEXT, text, len);
  tg_wipe(text, sizeof text); /* key and signature */
  if (err) tg_dial_close(dial, TG_WS_CODE_NORMAL);
}

static void sup_message(void *user, tg_dial_t *dial, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  tg_bn_sup_t *sup = user;
  (void)rx_ns;
  if (op != TG_WS_TEXT || sup->detach_due) return;
  int rc = sup->ops->answer(sup->user, sup, (const char *)payload, len, sup->now_ns);
  if (rc == 1) sup->detach_due = true;
  if (rc < 0) tg_dial_close(dial, TG_WS_CODE_NORMAL);
}

static void sup_close(void *user, tg_dial_t *dial, int err, const char *reason) {
  tg_bn_sup_t *sup = user;
  sup->dialling = false;
  sup->detach_due = false;
  sup->take_due = false;
  tg_backoff_failed(&sup->backoff, sup->now_ns);
  uint32_t after_s = tg_dial_retry_after_s(dial);
  if (after_s) tg_backoff_hold(&sup->backoff, sup->now_ns + after_s * (uint64_t)TG_NS_PER_S);
  sup->ops->failed(sup->user, sup, err, reason);
}

static void sup_detached(void *user, tg_dial_t *dial) {
  tg_bn_sup_t *sup = user;
  (void)dial;
  sup->take_due = true;
}

int tg_bn_sup_open(tg_bn_sup_t *sup, tg_session_t id, tg_netcold_t *net, const tg_bn_sup_ops_t *ops, void *user,
                   tg_retry_budget_t *budget, uint64_t base_ns, uint64_t max_ns, uint64_t seed, uint64_t rotate_ns) {
  static const tg_dial_ops_t dial_ops = {sup_open, sup_message, sup_close, sup_detached};
  memset(sup, 0, sizeof *sup);
  sup->id = id;
  sup->ops = ops;
  sup->user = user;
  sup->budget = budget;
  sup->rotate_ns = rotate_ns;
  tg_backoff_init(&sup->backoff, base_ns, max_ns, seed);
  sup->dial = tg_dial_new(net, &dial_ops, sup);
  if (!sup->dial) return -TG_ENOMEM;
  for (int i = 0; i < TG_HOT_SLOTS; i++) {
    sup->handoff[i] = tg_private_map(sizeof *sup->handoff[i]); /* record keys cross in it */
    if (!sup->handoff[i]) return -TG_ENOMEM;
  }
  return 0;
}

void tg_bn_sup_close(tg_bn_sup_t *sup) {
  if (sup->dial) tg_dial_free(sup->dial);
  for (int i = 0; i < TG_HOT_SLOTS; i++) tg_private_unmap(sup->handoff[i], sizeof *sup->handoff[i]);
  memset(sup, 0, sizeof *sup);
}

void tg_bn_sup_target(tg_bn_sup_t *sup, const char *host, uint16_t port, tg_tls_t *tls, uint32_t timeout_ms) {
  sup->cfg.host = host;
  sup->cfg.port = port;
  sup->cfg.tls = tls;
  sup->cfg.timeout_ms = timeout_ms;
  sup->cfg.path = sup->path;
  sup->cfg.tcp.keepalive_s = 30;
}

int tg_bn_sup_path(tg_bn_sup_t *sup, const char *path, size_t len) {
  if (len >= sizeof sup->path) return -TG_ESIZE;
  memcpy(sup->path, path, len);
  sup->path[len] = '\0';
  return 0;
}

void tg_bn_sup_renew(tg_bn_sup_t *sup) {
  sup->stale_gen = sup->backoff.gen;
}

static void sup_dial(tg_bn_sup_t *sup, uint64_t now_ns) {
  uint32_t gen = tg_backoff_try(&sup->backoff, sup->budget, now_ns);
  if (gen == 0) return;
  sup->cfg.gen = gen;
  sup->cfg.user_tag = (uint64_t)sup->id;
  int err = tg_dial_start(sup->dial, &sup->cfg, now_ns);
  if (err) {
    tg_backoff_failed(&sup->backoff, now_ns);
    sup->ops->failed(sup->user, sup, err, "the dialler refused");
    return;
  }
  sup->dialling = true;
  sup->dial_cnt++;
}

/* The session lies in the dialler, detached: into a slot of ours, and told. */
static void sup_take(tg_bn_sup_t *sup) {
  uint8_t slot = sup->slot_next;
  if (sup->slot_gen[slot] != 0) slot ^= 1u;
  if (sup->slot_gen[slot] != 0) return; /* both still with the hot lane: next turn */
  uint32_t gen = tg_dial_gen(sup->dial);
  int err = tg_dial_take(sup->dial, sup->handoff[slot]);
  sup->take_due = false;
  sup->dialling = false;
  if (err) {
    tg_backoff_failed(&sup->backoff, sup->now_ns);
    sup->ops->failed(sup->user, sup, err, "the hand-over failed");
    return;
  }
  sup->slot_gen[slot] = gen;
  sup->slot_next = slot ^ 1u;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CTL_ADOPT, TG_INSTR_NONE, sup->now_ns);
  msg.u.ctl_adopt.session = (uint8_t)sup->id;
  msg.u.ctl_adopt.slot = slot;
  msg.u.ctl_adopt.gen = gen;
  err = sup->ops->ctl(sup->user, &msg);
  TG_ASSERT(err == 0); /* the control rings hold hundreds; at most two hand-overs a session are under way */
}

void tg_bn_sup_turn(tg_bn_sup_t *sup, uint64_t now_ns) {
  sup->now_ns = now_ns;
  if (sup->detach_due) {
    int err = tg_dial_detach(sup->dial);
    if (err == 0) {
      sup->detach_due = false;
    } else if (err != -TG_EAGAIN) {
      tg_dial_close(sup->dial, TG_WS_CODE_NORMAL);
    }
  }
  if (sup->take_due) sup_take(sup);
  bool pending = sup->slot_gen[0] != 0 || sup->slot_gen[1] != 0;
  bool old = sup->up && (now_ns > sup->up_since_ns + sup->rotate_ns || sup->up_gen <= sup->stale_gen);
  if (sup->wanted && !sup->dialling && !pending && (!sup->up || old) && now_ns >= sup->hold_ns) sup_dial(sup, now_ns);
}

/* Why the hot lane's session ended, for people. */
static const char *end_text(const tg_link_t *link, char *buf, size_t cap) {
  switch (link->reason) {
    case TG_ETLS:
      if (!link->detail) return "the session ended: a TLS record that cannot be opened";
      return snprintf(buf, cap, "the session ended: TLS alert %d (%s)", link->detail - 1,
                      tg_tls_alert_name(link->detail - 1u)) > 0
                 ? buf
                 : "the session ended: TLS alert";
    case TG_ESIZE:
      return "the session ended: a record or message beyond its cap";
    case TG_ETRUNCATED:
      return "the session ended: cut off, without close_notify";
    case TG_ESTALE:
      return "the session was silent: its application answered nothing";
    default:
      return "the session ended";
  }
}

bool tg_bn_sup_link(tg_bn_sup_t *sup, const tg_link_t *link, uint64_t now_ns) {
  bool fresh = false;
  for (int i = 0; i < TG_HOT_SLOTS; i++) {
    if (sup->slot_gen[i] == link->gen && link->gen != 0) {
      sup->slot_gen[i] = 0; /* the hot lane has copied it, or closed it */
      fresh = true;
    }
  }
  if (link->up && fresh) {
    sup->up = true;
    sup->ever_up = true;
    sup->up_gen = link->gen;
    sup->up_since_ns = now_ns;
    tg_backoff_ok(&sup->backoff);
    return true;
  }
  /* EFULL of the session that is up: the hot lane lost messages and says up again behind this one */
  if (!link->up && (fresh || (sup->up && link->gen == sup->up_gen && link->reason != TG_EFULL))) {
    if (link->gen == sup->up_gen) sup->up = false;
    char text[80];
    sup->down_cnt++;
    tg_backoff_failed(&sup->backoff, now_ns);
    sup->ops->failed(sup->user, sup, -(int)link->reason, end_text(link, text, sizeof text));
  }
  return false;
}

/* bn_silence.c - subscribed but silent: a session whose application answers, and that does not say what it must (faults.md row
 * 3). MARKET brings the mark price each second, whatever the market does. PUBLIC may be quiet for long, but not while trades go
 * on: a trade moves the book. A session that fails this is closed, and dialled again like any that ended. Order and user stream
 * have their own proof: answers to what we ask (hot_session.h), and the comparison with account truth. */
#include "engine/venue/bn_cold_int.h"

enum { SUP_PUBLIC, SUP_MARKET };

void bn_silence_note(tg_bn_cold_t *cold, const tg_msg_t *msg) {
  bn_silence_t *s = &cold->silence;
  switch (msg->kind) {
    case TG_MD_MARK:
      s->mark_ns = msg->ts_ns;
      break;
    case TG_MD_TRADE:
      s->trade_ns = msg->ts_ns;
      break;
    case TG_MD_TOP:
      s->book_ns = msg->ts_ns;
      break;
    case TG_MD_DEPTH:
      if (!(msg->flags & TG_F_SNAPSHOT)) s->book_ns = msg->ts_ns;
      break;
    default:
      break;
  }
}

/* Ends the session that is up; told once a generation. */
static void silence_close(tg_bn_cold_t *cold, tg_bn_sup_t *sup, uint64_t quiet_ns, const char *what) {
  uint32_t *closed_gen = &cold->silence.closed_gen[sup->id == TG_SESSION_MARKET];
  if (*closed_gen == sup->up_gen) return;
  *closed_gen = sup->up_gen;
  tg_log_warn("session %s is subscribed but silent: %s for %llu ms; it is replaced", tg_session_name(sup->id), what,
              (unsigned long long)(quiet_ns / (uint64_t)TG_NS_PER_MS));
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CTL_CLOSE, TG_INSTR_NONE, cold->now_ns);
  msg.u.ctl_adopt.session = (uint8_t)sup->id;
  msg.u.ctl_adopt.gen = sup->up_gen;
  if (cold->ops->to_feed(cold->user, &msg) != 0) *closed_gen = 0; /* no room: tried again */
  cold->stats.silent_cnt++;
}

void bn_silence_turn(tg_bn_cold_t *cold) {
  const bn_silence_t *s = &cold->silence;
  uint64_t bound_ns = 2 * (uint64_t)cold->conf->fsm_feed_stale_ms * (uint64_t)TG_NS_PER_MS;
  tg_bn_sup_t *market = &cold->sup[SUP_MARKET], *book = &cold->sup[SUP_PUBLIC];
  uint64_t now_ns = cold->now_ns;
  uint64_t mark_ns = s->mark_ns > market->up_since_ns ? s->mark_ns : market->up_since_ns;
  if (market->up && now_ns > mark_ns + bound_ns) silence_close(cold, market, now_ns - mark_ns, "no mark price");
  uint64_t book_ns = s->book_ns > book->up_since_ns ? s->book_ns : book->up_since_ns;
  if (book->up && s->trade_ns > book_ns && s->trade_ns - book_ns > bound_ns)
    silence_close(cold, book, s->trade_ns - book_ns, "trades went on without a change of any book");
}

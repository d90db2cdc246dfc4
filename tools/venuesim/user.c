/* user.c - the user data stream: events, their order, and the listen key.
 * What:   TRADE_LITE goes out at once; everything else of one transaction waits in v->defer and follows in order, so that a
 *         taker sees TRADE_LITE, NEW, ACCOUNT_UPDATE, TRADE as in the recordings.
 * Limits: 4096 deferred events a transaction; more are flushed early. */
#include <stdio.h>
#include <string.h>

#include "fault.h"

void vs_user_flush(vs_venue *v) {
  for (int k = 0; k < v->defer_cnt; k++) {
    vs_publish_user(v, v->defer[k].kind, v->defer_text.p + v->defer[k].at, v->defer[k].len);
  }
  v->defer_cnt = 0;
  vs_buf_clear(&v->defer_text);
}

static size_t begin(vs_venue *v) {
  if (v->defer_cnt == (int)(sizeof v->defer / sizeof v->defer[0]) || v->defer_text.len > v->defer_text.max / 2) {
    vs_user_flush(v);
  }
  return v->defer_text.len;
}

static void end(vs_venue *v, size_t at, int kind) {
  v->defer[v->defer_cnt++] = (vs_defer){.at = at, .len = v->defer_text.len - at, .kind = kind};
}

void vs_user_trade_lite(vs_venue *v, const vs_order *o, const vs_fill *f) {
  const vs_symbol *s = v->sym;
  vs_buf *b = &v->scratch;
  vs_buf_clear(b);
  vs_buf_f(
      b,
      "{\"e\":\"TRADE_LITE\",\"E\":%lld,\"T\":%lld,\"s\":\"%s\",\"q\":\"%s\",\"p\":\"%s\",\"m\":%s,\"c\":\"%s\",\"S\":\"%s\","
      "\"L\":\"%s\",\"l\":\"%s\",\"t\":%lld,\"i\":%lld}",
      (long long)vs_now_ms(), (long long)f->time, s->name, vs_d(o->qty, s->qty_dec), vs_d(o->px, s->px_dec),
      f->maker ? "true" : "false", o->cid, vs_side_name[o->side], vs_d(f->px, s->px_dec), vs_d(f->qty, s->qty_dec),
      (long long)f->id, (long long)o->id);
  vs_publish_user(v, VS_UE_TRADE_LITE, b->p, b->len);
}

void vs_user_order(vs_venue *v, const vs_order *o, const char *exec_type, const vs_fill *f) {
  const vs_symbol *s = v->sym;
  vs_buf *b = &v->defer_text;
  size_t at = begin(v);
  int64_t avg = o->exec == 0 ? 0 : vs_round_div((vs_i128)o->quote * VS_E8, o->exec);
  vs_buf_f(b, "{\"e\":\"ORDER_TRADE_UPDATE\",\"T\":%lld,\"E\":%lld,\"o\":{\"s\":\"%s\",\"c\":\"%s\",\"S\":\"%s\",\"o\":\"%s\",",
           (long long)o->t_update, (long long)vs_now_ms(), s->name, o->cid, vs_side_name[o->side], vs_type_name[o->type]);
  vs_buf_f(b, "\"f\":\"%s\",\"q\":\"%s\",\"p\":\"%s\",\"ap\":\"%s\",\"sp\":\"0\",\"x\":\"%s\",\"X\":\"%s\",\"i\":%lld,",
           vs_tif_name[o->tif], vs_d(o->qty, s->qty_dec), o->type == VS_MARKET ? "0" : vs_d(o->px, s->px_dec),
           avg == 0 ? "0" : vs_d(avg, 5), exec_type, vs_status_name[o->status], (long long)o->id);
  if (strcmp(exec_type, "AMENDMENT") == 0 && o->has_modify_id) {
    vs_buf_f(b, "\"M\":\"%lld\",", (long long)o->modify_id);
  }
  vs_buf_f(
      b, "\"l\":\"%s\",\"z\":\"%s\",\"L\":\"%s\",\"n\":\"%s\",\"N\":\"USDT\",\"T\":%lld,\"t\":%lld,\"b\":\"%s\",\"a\":\"%s\",",
      f != NULL ? vs_d(f->qty, s->qty_dec) : "0", o->exec == 0 ? "0" : vs_d(o->exec, s->qty_dec),
      f != NULL ? vs_d(f->px, s->px_dec) : "0", f != NULL ? vs_d(f->commission, 8) : "0", (long long)o->t_update,
      f != NULL ? (long long)f->id : 0LL, vs_dtrim(vs_acct_open_notional(v, VS_BUY)),
      vs_dtrim(vs_acct_open_notional(v, VS_SELL)));
  vs_buf_f(
      b,
      "\"m\":%s,\"R\":%s,\"wt\":\"CONTRACT_PRICE\",\"ot\":\"%s\",\"ps\":\"BOTH\",\"cp\":%s,\"rp\":\"%s\",\"pP\":false,\"si\":0,"
      "\"ss\":0,\"V\":\"%s\",\"pm\":\"%s\",\"gtd\":%lld,\"er\":\"%d\"}}",
      f != NULL && f->maker ? "true" : "false", o->reduce_only ? "true" : "false", vs_type_name[o->type],
      o->close_position ? "true" : "false", f != NULL && f->rp != 0 ? vs_d(f->rp, 8) : "0", vs_stp_name[o->stp],
      vs_price_match_name[o->price_match], (long long)o->gtd, o->expiry);
  end(v, at, VS_UE_ORDER);
}

void vs_user_account(vs_venue *v, bool funding) {
  const vs_account *a = &v->acct;
  vs_buf *b = &v->defer_text;
  size_t at = begin(v);
  int64_t last = v->income_cnt > 0 ? v->income[(v->income_cnt - 1) % VS_INCOME_CNT].amount : 0;
  vs_buf_f(b,
           "{\"e\":\"ACCOUNT_UPDATE\",\"T\":%lld,\"E\":%lld,\"a\":{\"B\":[{\"a\":\"USDT\",\"wb\":\"%s\",\"cw\":\"%s\",\"bc\":"
           "\"%s\"}],\"P\":[",
           (long long)(funding ? vs_now_ms() : a->pos_t), (long long)vs_now_ms(), vs_d(a->wallet, 8), vs_d(a->wallet, 8),
           funding ? vs_d(last, 8) : "0");
  if (!funding) {
    vs_buf_f(b,
             "{\"s\":\"%s\",\"pa\":\"%s\",\"ep\":\"%s\",\"cr\":\"%s\",\"up\":\"%s\",\"mt\":\"%s\",\"iw\":\"0\",\"ps\":\"BOTH\","
             "\"ma\":\"USDT\",\"bep\":\"%s\"}",
             v->sym->name, a->pos_qty == 0 ? "0" : vs_d(a->pos_qty, v->sym->qty_dec),
             a->pos_qty == 0 ? "0" : vs_d(vs_acct_entry(v), 8), vs_d(a->realised, 8),
             a->pos_qty == 0 ? "0" : vs_d(vs_acct_upnl(v), 8), a->isolated ? "isolated" : "cross",
             a->pos_qty == 0 ? "0" : vs_d(vs_acct_breakeven(v), 8));
    vs_buf_s(b, "],\"m\":\"ORDER\"}}");
  } else {
    vs_buf_f(b, "],\"m\":\"FUNDING_FEE\",\"S\":\"%s\"}}", v->sym->name);
  }
  end(v, at, VS_UE_ACCOUNT);
}

void vs_user_transfer(vs_venue *v, int64_t amount) {
  vs_buf *b = &v->defer_text;
  v->acct.wallet += amount;
  v->acct.wallet_t = vs_now_ms();
  v->transferred += amount;
  vs_acct_income(v, VS_INC_TRANSFER, amount, 0);
  size_t at = begin(v);
  vs_buf_f(b,
           "{\"e\":\"ACCOUNT_UPDATE\",\"T\":%lld,\"E\":%lld,\"a\":{\"B\":[{\"a\":\"USDT\",\"wb\":\"%s\",\"cw\":\"%s\",\"bc\":"
           "\"%s\"}],\"P\":[],\"m\":\"%s\"}}",
           (long long)v->acct.wallet_t, (long long)vs_now_ms(), vs_d(v->acct.wallet, 8), vs_d(v->acct.wallet, 8),
           vs_d(amount, 8), amount > 0 ? "DEPOSIT" : "WITHDRAW");
  end(v, at, VS_UE_ACCOUNT);
  vs_user_flush(v);
}

void vs_user_config(vs_venue *v, bool multi) {
  vs_buf *b = &v->defer_text;
  size_t at = begin(v);
  long long now = vs_now_ms();
  if (multi) {
    vs_buf_f(b, "{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"E\":%lld,\"T\":%lld,\"ai\":{\"j\":%s}}", now, now,
             v->acct.multi_assets ? "true" : "false");
  } else {
    vs_buf_f(b, "{\"e\":\"ACCOUNT_CONFIG_UPDATE\",\"E\":%lld,\"T\":%lld,\"ac\":{\"s\":\"%s\",\"l\":%d}}", now, now,
             v->sym->name, v->acct.leverage);
  }
  end(v, at, VS_UE_CONFIG);
  vs_user_flush(v);
}

void vs_user_algo(vs_venue *v, const vs_algo *a) {
  static const char *const type[] = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"};
  static const char *const status[] = {"NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"};
  const vs_symbol *s = v->sym;
  vs_buf *b = &v->defer_text;
  size_t at = begin(v);
  int32_t slot = a->order_id != 0 ? vs_order_by_id(v, a->order_id) : VS_NONE;
  const vs_order *o = slot != VS_NONE ? &v->order[slot] : NULL;
  int64_t avg = o != NULL && o->exec > 0 ? vs_round_div((vs_i128)o->quote * VS_E8, o->exec) : 0;
  vs_buf_f(b,
           "{\"e\":\"ALGO_UPDATE\",\"T\":%lld,\"E\":%lld,\"o\":{\"caid\":\"%s\",\"aid\":%lld,\"at\":\"CONDITIONAL\",\"o\":\"%"
           "s\",\"s\":\"%s\","
           "\"S\":\"%s\",\"ps\":\"BOTH\",\"f\":\"%s\",\"q\":\"%s\",\"X\":\"%s\",",
           (long long)a->t_update, (long long)vs_now_ms(), a->cid, (long long)a->id, type[a->type], s->name,
           vs_side_name[a->req.side], vs_tif_name[a->req.tif], vs_d(a->qty, s->qty_dec), status[a->status]);
  if (a->order_id != 0) {
    vs_buf_f(b, "\"ai\":\"%lld\",", (long long)a->order_id);
  } else {
    vs_buf_s(b, "\"ai\":\"\",");
  }
  vs_buf_f(b,
           "\"ap\":\"%s\",\"aq\":\"%s\",\"act\":\"%s\",\"tp\":\"%s\",\"p\":\"%s\",\"V\":\"%s\",\"wt\":\"%s\",\"pm\":\"%s\","
           "\"cp\":%s,\"pP\":%s,"
           "\"R\":%s,\"tt\":%lld,\"gtd\":%lld,",
           vs_d(avg, 5), o != NULL ? vs_d(o->exec, s->qty_dec) : "0", o != NULL ? vs_type_name[o->type] : "",
           vs_d(a->trigger, s->px_dec), vs_d(a->px, s->px_dec), vs_stp_name[a->req.stp],
           a->mark_price ? "MARK_PRICE" : "CONTRACT_PRICE", vs_price_match_name[a->req.price_match],
           a->close_position ? "true" : "false", a->price_protect ? "true" : "false", a->req.reduce_only ? "true" : "false",
           (long long)a->t_trigger, (long long)a->gtd);
  if (a->reject_code != 0) {
    vs_buf_f(b, "\"rm\":\"%d\"}}", a->reject_code);
  } else {
    vs_buf_s(b, "\"rm\":\"\"}}");
  }
  end(v, at, VS_UE_ALGO);
}

/* ---- listen key ---- */

void vs_listen_key_expire(vs_venue *v, bool tell) {
  if (v->listen_key_until == 0) {
    return;
  }
  if (tell) {
    vs_buf *b = &v->scratch;
    vs_buf_clear(b);
    vs_buf_f(b, "{\"e\":\"listenKeyExpired\",\"E\":%lld,\"listenKey\":\"%s\"}", (long long)vs_now_ms(), v->listen_key);
    vs_publish_user(v, VS_UE_EXPIRED, b->p, b->len);
  }
  for (vs_sess *s = v->sessions; s != NULL; s = s->next) {
    if (s->user && strcmp(s->listen_key, v->listen_key) == 0) {
      s->user = false; /* the socket stays open and silent, as in reality */
    }
  }
  v->listen_key[0] = '\0';
  v->listen_key_until = 0;
}

int vs_listen_key_start(vs_req *r) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  vs_venue *v = r->v;
  if (v->listen_key_until == 0) {
    for (int k = 0; k < 64; k++) {
      v->listen_key[k] = digits[vs_rng_below(&v->feed.rng, sizeof digits - 1)];
    }
    v->listen_key[64] = '\0';
  }
  v->listen_key_until = vs_mono_us() / 1000 + v->opt.listen_key_s * 1000;
  v->listen_key_kept++;
  vs_buf_f(r->out, "{\"listenKey\":\"%s\"}", v->listen_key);
  return 0;
}

int vs_listen_key_ping(vs_req *r) {
  if (r->v->listen_key_until == 0) {
    return vs_refuse(&r->rej, 400, -1125, "This listenKey does not exist.");
  }
  return vs_listen_key_start(r);
}

int vs_listen_key_stop(vs_req *r) {
  if (r->v->listen_key_until == 0) {
    return vs_refuse(&r->rej, 400, -1125, "This listenKey does not exist.");
  }
  vs_listen_key_expire(r->v, false);
  vs_buf_s(r->out, "{}");
  return 0;
}

void vs_listen_key_second(vs_venue *v, int64_t now) {
  if (v->listen_key_until != 0 && now >= v->listen_key_until) {
    vs_listen_key_expire(v, true);
  }
}

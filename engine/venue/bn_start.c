/* bn_start.c - the start-up: server time, exchangeInfo, fees, position mode, listen key, sessions. */
#include <stdio.h>
#include <string.h>

#include "engine/venue/bn_cold_int.h"

static int fatal_exit_of(int err) {
  switch (err) {
    case -TG_ECERT:
    case -TG_ETLS:
      return TG_EXIT_TLS;
    case -TG_EAUTH:
      return TG_EXIT_AUTH;
    default:
      return TG_EXIT_VENUE;
  }
}

static void start_next(tg_bn_cold_t *cold, tg_bn_phase_t phase) {
  cold->phase = phase;
  cold->phase_sent = false;
  cold->tries = 0;
  cold->phase_next_ns = 0;
}

/* An attempt of the step under way failed: again after a pause, or the end. */
static void start_failed(tg_bn_cold_t *cold, const bn_call_t *call, int err, const char *why) {
  bool hopeless = err == -TG_ECERT || err == -TG_EAUTH;
  cold->tries++;
  cold->phase_sent = false;
  cold->phase_next_ns = cold->now_ns + BN_START_PAUSE_NS;
  if (!hopeless && cold->tries < BN_START_TRIES) {
    tg_log_warn("start: %s: %s; trying again", tg_bn_ep(call->ep)->name, why);
    return;
  }
  bn_fatal(cold, fatal_exit_of(err), "%s:%d %s: %s%s", cold->conf->venue_rest_host, (int)cold->conf->venue_rest_port,
           tg_bn_ep(call->ep)->path[0], why,
           err == -TG_ECERT   ? " (check venue.ca_file, venue.pin_sha256 and the host name)"
           : err == -TG_EAUTH ? " (check the API key files and their permissions at the venue)"
                              : "");
}

/* True when the body may be used; else the failure has been dealt with. */
static bool start_answer_ok(tg_bn_cold_t *cold, const bn_call_t *call, const tg_http_answer_t *answer) {
  if (answer->err) {
    start_failed(cold, call, answer->err, answer->reason && answer->reason[0] ? answer->reason : tg_err_text(answer->err));
    return false;
  }
  int32_t code = 0;
  tg_verdict_t verdict = tg_bn_rest_verdict(TG_REQUEST_NONE, TG_WIRE_ANSWER, (uint16_t)answer->status,
                                            (const char *)answer->body, answer->body_len, &code);
  if (answer->status == 200 && verdict.outcome == TG_OUTCOME_CONFIRMED) return true;
  char why[256];
  snprintf(why, sizeof why, "HTTP %d, code %d %s", answer->status, (int)code, tg_bn_code_name(code));
  start_failed(cold, call, (verdict.hints & TG_HINT_AUTH) ? -TG_EAUTH : -TG_EPROTO, why);
  return false;
}

static void info_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!start_answer_ok(cold, call, answer)) return;
  tg_msg_batch_t out = {cold->cfg_msg, 0, TG_INSTR_MAX * 3};
  int cnt = tg_bn_rest_exchange_info((const char *)answer->body, answer->body_len, cold->now_ns, TG_PRODUCT_USDM, cold->want,
                                     cold->want_cnt, &out, &cold->rate);
  if (cnt < 0) {
    start_failed(cold, call, -TG_EPROTO, "exchangeInfo cannot be read");
    return;
  }
  for (size_t i = 0; i < cold->want_cnt; i++) {
    if (!cold->want[i].found) {
      bn_fatal(cold, TG_EXIT_CONFIG, "venue.symbols names %s, which the venue does not list", cold->want[i].symbol);
      return;
    }
  }
  for (uint32_t i = 0; i < out.cnt; i++) {
    if (out.msg[i].kind == TG_CFG_SYMBOL && tg_symtab_add_msg(&cold->symtab, &out.msg[i]) != 0) {
      bn_fatal(cold, TG_EXIT_VENUE, "exchangeInfo has tick or step sizes that this engine cannot hold");
      return;
    }
  }
  cold->cfg_cnt = out.cnt;
  cold->rate_changed = true;
  cold->fee_next = 0;
  start_next(cold, TG_BN_FEES);
}

static void fees_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!start_answer_ok(cold, call, answer)) return;
  int64_t maker_e8 = 0, taker_e8 = 0;
  if (tg_bn_rest_commission((const char *)answer->body, answer->body_len, &maker_e8, &taker_e8) < 0) {
    start_failed(cold, call, -TG_EPROTO, "commissionRate cannot be read");
    return;
  }
  for (uint32_t i = 0; i < cold->cfg_cnt; i++) {
    tg_msg_t *msg = &cold->cfg_msg[i];
    if (msg->kind != TG_CFG_FILTER || !(msg->flags & TG_F_SECOND) || msg->instr_idx != call->instr_idx) continue;
    msg->u.cfg_filter.u.second.maker_fee_e8 = maker_e8;
    msg->u.cfg_filter.u.second.taker_fee_e8 = taker_e8;
  }
  cold->fee_next++;
  start_next(cold, cold->fee_next < cold->want_cnt ? TG_BN_FEES : TG_BN_MODE);
}

static void mode_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!start_answer_ok(cold, call, answer)) return;
  bool dual = false;
  if (tg_bn_rest_dual((const char *)answer->body, answer->body_len, &dual) < 0) {
    start_failed(cold, call, -TG_EPROTO, "positionSide/dual cannot be read");
    return;
  }
  if (dual) {
    bn_fatal(cold, TG_EXIT_CONFIG, "the account is in hedge mode: this engine trades one-way mode; change it at the venue");
    return;
  }
  start_next(cold, TG_BN_KEY);
}

/* Everything about instruments is known: the core may have it, and the sessions may begin. */
static void start_finish(tg_bn_cold_t *cold) {
  bn_to_core(cold, cold->cfg_msg, cold->cfg_cnt);
  if (cold->before_done) cold->before_done(cold->before_done_user);
  tg_msg_t msg;
  tg_msg_init(&msg, TG_CFG_DONE, TG_INSTR_NONE, cold->now_ns);
  msg.u.cfg_done.timer_no = cold->epoch;
  bn_to_core(cold, &msg, 1);
  tg_msg_init(&msg, TG_HEALTH, TG_INSTR_NONE, cold->now_ns);
  msg.u.health.what = TG_HEALTH_START;
  msg.u.health.ok = 1;
  bn_to_core(cold, &msg, 1);
  start_next(cold, TG_BN_RUNNING);
  cold->clock_next_ns = cold->now_ns + BN_CLOCK_PERIOD_NS;
  cold->profile_next_ns = cold->now_ns + (uint64_t)cold->conf->sync_profile_period_ms * (uint64_t)TG_NS_PER_MS;
  cold->countdown_next_ns = cold->now_ns;
  for (int i = 0; i < TG_BN_SESSIONS; i++) cold->sup[i].wanted = true;
  tg_log_info("start: %zu instrument(s), clock offset %lld us +- %lld us", cold->want_cnt,
              (long long)(cold->stats.offset_ns / 1000), (long long)(cold->stats.offset_error_ns / 1000));
}

static void key_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  bool starting = cold->phase == TG_BN_KEY;
  if (starting && !start_answer_ok(cold, call, answer)) return;
  tg_json_slice_t key;
  if (answer->err || answer->status != 200 || tg_bn_rest_listen_key((const char *)answer->body, answer->body_len, &key) < 0 ||
      key.len >= sizeof cold->listen_key) {
    if (starting) {
      start_failed(cold, call, -TG_EPROTO, "listenKey cannot be read");
      return;
    }
    cold->stats.errors++;
    cold->key_next_ns = cold->now_ns + BN_START_PAUSE_NS; /* asked again soon */
    cold->listen_key_len = 0;
    return;
  }
  bool same = cold->listen_key_len == key.len && memcmp(cold->listen_key, key.p, key.len) == 0;
  memcpy(cold->listen_key, key.p, key.len);
  cold->listen_key_len = key.len;
  cold->key_next_ns = cold->now_ns + bn_key_period_ns(cold);
  char path[TG_BN_PATH_BYTES];
  int n = snprintf(path, sizeof path, "%s/ws/%.*s", cold->conf->venue_private_path, (int)key.len, key.p);
  int err = n > 0 ? tg_bn_sup_path(&cold->sup[2], path, (size_t)n) : -TG_ESIZE;
  if (err) tg_log_error("the user stream's path does not fit");
  if (starting) start_finish(cold);
  if (!starting && !same) {
    tg_log_info("a new listen key was made: the user session is replaced");
    tg_bn_sup_renew(&cold->sup[2]); /* a session of the old key stays open but says nothing any more */
  }
}

bool bn_key_ask(tg_bn_cold_t *cold) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, TG_BN_EP_LISTEN_KEY_NEW, key_done);
  if (call) tg_bn_req_begin(&req, call->ep, TG_PRODUCT_USDM, target, sizeof target);
  if (call && bn_call_send(cold, call, &req, 0) == 0) return true;
  cold->key_next_ns = cold->now_ns + BN_START_PAUSE_NS;
  return false;
}

static void start_ask(tg_bn_cold_t *cold, tg_bn_ep_t ep, bn_done_t done, uint16_t instr_idx) {
  char target[BN_TARGET_BYTES];
  tg_bn_req_t req;
  bn_call_t *call = bn_call_new(cold, ep, done);
  if (!call) return;
  call->instr_idx = instr_idx;
  tg_bn_req_begin(&req, ep, TG_PRODUCT_USDM, target, sizeof target);
  if (instr_idx != TG_INSTR_NONE) tg_bn_req_str(&req, "symbol", cold->want[instr_idx].symbol);
  cold->phase_sent = bn_call_send(cold, call, &req, 0) == 0;
  if (!cold->phase_sent) cold->phase_next_ns = cold->now_ns + BN_START_PAUSE_NS;
}

static void time_done(tg_bn_cold_t *cold, bn_call_t *call, const tg_http_answer_t *answer) {
  if (!start_answer_ok(cold, call, answer)) return;
  int64_t server_ms = 0;
  if (tg_bn_rest_time((const char *)answer->body, answer->body_len, &server_ms) < 0) {
    start_failed(cold, call, -TG_EPROTO, "the server's time cannot be read: is this the right host?");
    return;
  }
  bn_clock_sample(cold, answer, server_ms);
  cold->phase_sent = false;
  /* the first request paid for the TLS handshake: its round trip says little */
  if (cold->stats.clock_samples >= 3) start_next(cold, TG_BN_INFO);
}

void bn_start_turn(tg_bn_cold_t *cold) {
  if (cold->phase_sent || cold->now_ns < cold->phase_next_ns) return;
  switch (cold->phase) {
    case TG_BN_TIME:
      start_ask(cold, TG_BN_EP_TIME, time_done, TG_INSTR_NONE);
      break;
    case TG_BN_INFO:
      start_ask(cold, TG_BN_EP_EXCHANGE_INFO, info_done, TG_INSTR_NONE);
      break;
    case TG_BN_FEES:
      start_ask(cold, TG_BN_EP_COMMISSION_RATE, fees_done, (uint16_t)cold->fee_next);
      break;
    case TG_BN_MODE:
      start_ask(cold, TG_BN_EP_DUAL_GET, mode_done, TG_INSTR_NONE);
      break;
    case TG_BN_KEY:
      cold->phase_sent = bn_key_ask(cold);
      if (!cold->phase_sent) cold->phase_next_ns = cold->now_ns + BN_START_PAUSE_NS; /* under a pause of the venue */
      break;
    default:
      break;
  }
}

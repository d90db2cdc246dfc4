#include "engine/venue/bn_cold.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/conf/scoped_text.h"
#include "engine/venue/bn_cold_int.h"

enum { SUP_PUBLIC, SUP_MARKET, SUP_USER, SUP_ORDER };

uint64_t bn_venue_ms(const tg_bn_cold_t *cold) {
  return (uint64_t)(((int64_t)cold->now_ns + cold->stats.offset_ns) / TG_NS_PER_MS);
}

void bn_to_core(tg_bn_cold_t *cold, const tg_msg_t *msg, uint32_t cnt) {
  if (cold->ops->to_core(cold->user, msg, cnt) != 0) cold->stats.lost_to_core += cnt;
}

void bn_fatal(tg_bn_cold_t *cold, int exit_code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(cold->fatal_text, sizeof cold->fatal_text, format, args);
  va_end(args);
  if (n < 0) cold->fatal_text[0] = '\0';
  cold->fatal_exit = exit_code;
  cold->phase = TG_BN_FAILED;
  for (int i = 0; i < TG_BN_SESSIONS; i++) cold->sup[i].wanted = false;
}

/* --- calls --- */

bn_call_t *bn_call_new(tg_bn_cold_t *cold, tg_bn_ep_t ep, bn_done_t done) {
  for (int i = 0; i < TG_BN_CALLS; i++) {
    bn_call_t *call = &cold->call[i];
    if (call->used) continue;
    memset(call, 0, sizeof *call);
    *call = (bn_call_t){.cold = cold, .done = done, .ep = ep, .instr_idx = TG_INSTR_NONE, .used = true};
    cold->call_cnt++;
    return call;
  }
  cold->stats.refused_locally++;
  tg_log_warn("%s: %d REST requests are under way already, this one is not sent", tg_bn_ep(ep)->name, TG_BN_CALLS);
  return NULL;
}

static void call_free(bn_call_t *call) {
  call->used = false;
  call->cold->call_cnt--;
}

/* Budgets from headers and from refusals, told to the core when they changed. */
static void call_rates(tg_bn_cold_t *cold, const tg_http_answer_t *answer) {
  if (answer->err || !answer->head) return;
  const tg_http_head_t *head = answer->head;
  uint64_t before_ns = cold->rate.pause_until_ns, venue_ns = bn_venue_ms(cold) * (uint64_t)TG_NS_PER_MS;
  cold->rate.pause_until_ns = 0;
  for (uint16_t i = 0; i < head->field_cnt; i++) {
    const tg_http_field_t *f = &head->field[i];
    if (tg_bn_rest_header(head->text + f->name_at, f->name_len, head->text + f->value_at, f->value_len, cold->now_ns,
                          &cold->rate)) {
      cold->rate_changed = true;
      int kind = f->name_len > 6 ? head->text[f->name_at + 6] | 0x20 : 0; /* x-mbx-order-count-..., x-mbx-used-weight-1m */
      cold->orders_told |= kind == 'o';
      if (kind == 'u') tg_bn_weight_told(&cold->weight, venue_ns, cold->rate.weight_1m_used);
    }
  }
  int32_t code = 0;
  tg_json_slice_t text = {(const char *)answer->body, answer->body_len};
  tg_verdict_t verdict = tg_bn_rest_verdict(TG_REQUEST_NONE, TG_WIRE_ANSWER, (uint16_t)answer->status, text.p, text.len, &code);
  uint64_t until_ns = 0;
  if (verdict.hints & (TG_HINT_BACKOFF | TG_HINT_BAN))
    until_ns = tg_bn_pause_until_ns((uint16_t)answer->status, code, text, cold->now_ns);
  if (cold->rate.pause_until_ns != 0) until_ns = cold->rate.pause_until_ns; /* Retry-After: the venue's own word */
  if (until_ns > cold->now_ns)
    tg_log_error("the venue says HTTP %d, code %d: no request for %llu ms", answer->status, (int)code,
                 (unsigned long long)((until_ns - cold->now_ns) / 1000000u));
  cold->rate.pause_until_ns = until_ns > before_ns ? until_ns : before_ns;
  if (cold->rate.pause_until_ns != before_ns) cold->rate_changed = true;
}

static void call_done(void *user, const tg_http_answer_t *answer) {
  bn_call_t *call = user;
  tg_bn_cold_t *cold = call->cold;
  call_rates(cold, answer);
  call->done(cold, call, answer);
  call_free(call);
}

/* Own budget first: an ordinary call leaves the shares for cancels and reductions alone. Where a weight depends on
 * parameters (venue page, section 3): 1,000 levels cost 20, open orders of all symbols 40. */
static bool weight_take(tg_bn_cold_t *cold, const bn_call_t *call, const tg_bn_req_t *req, unsigned how) {
  const tg_conf_t *conf = cold->conf;
  int64_t cost = tg_bn_ep(call->ep)->weight;
  if (call->ep == TG_BN_EP_DEPTH) cost = 20;
  if (call->ep == TG_BN_EP_OPEN_ORDERS && memmem(req->buf, req->len, "symbol=", 7) == NULL) cost = 40;
  bool order = call->row.request != TG_REQUEST_NONE;
  int64_t kept_pct = how != 0 || order ? 0 : conf->risk_rate_reserve_cancel_pct + conf->risk_rate_reserve_reduce_pct;
  return tg_bn_weight_take(&cold->weight, bn_venue_ms(cold) * (uint64_t)TG_NS_PER_MS, cost, cold->rate.weight_1m_limit,
                           kept_pct);
}

int bn_call_send(tg_bn_cold_t *cold, bn_call_t *call, tg_bn_req_t *req, unsigned how) {
  const tg_bn_ep_row_t *row = tg_bn_ep(call->ep);
  tg_bn_cred_t cred = {.hmac = &cold->secrets->hmac, .recv_window_ms = (uint32_t)cold->conf->venue_recv_window_ms};
  int err = 0;
  if (cold->now_ns < cold->rate.pause_until_ns) {
    cold->stats.refused_locally++;
    err = -TG_ERATE;
  } else if (!weight_take(cold, call, req, how)) {
    cold->stats.refused_locally++;
    err = -TG_ERATE;
  }
  int len = err ? err : tg_bn_req_end(req, &cred, bn_venue_ms(cold));
  if (len > 0) {
    req->buf[len < BN_TARGET_BYTES ? len : BN_TARGET_BYTES - 1] = '\0';
    tg_http_req_t http = {.method = row->method,
                          .path = req->buf,
                          .headers = row->security == TG_BN_SEC_NONE ? NULL : tg_secret_bytes(&cold->secrets->key_header),
                          .timeout_ms = (uint32_t)cold->conf->order_answer_timeout_ms * 2,
                          .retry_safe = row->order_cnt == 0 && strcmp(row->method, "GET") == 0,
                          .urgent = how != 0,
                          .done = call_done,
                          .user = call};
    err = tg_http_send(how != 0 ? cold->http_urgent : cold->http, &http, cold->now_ns);
  } else {
    err = len;
  }
  tg_wipe(req->buf, req->cap); /* it held a signature */
  if (err) {
    if (err != -TG_ERATE) tg_log_warn("%s: not sent: %s", row->name, tg_err_text(err));
    call_free(call);
    return err;
  }
  cold->stats.requests++;
  return 0;
}

/* --- sessions --- */

static int sup_ctl(void *user, const tg_msg_t *msg) {
  tg_bn_cold_t *cold = user;
  uint8_t session = msg->u.ctl_adopt.session;
  if (session == TG_SESSION_PUBLIC || session == TG_SESSION_MARKET) return cold->ops->to_feed(cold->user, msg);
  return cold->ops->to_gateway(cold->user, msg);
}

static size_t sup_hello(void *user, tg_bn_sup_t *sup, char *buf, size_t cap, uint64_t now_ns) {
  tg_bn_cold_t *cold = user;
  cold->now_ns = now_ns;
  if (sup->id != TG_SESSION_ORDER || !cold->secrets->has_ed25519) return 0;
  int len = tg_bn_api_encode_logon(tg_secret_bytes(&cold->secrets->logon_api_key), cold->secrets->logon_api_key.len,
                                   &cold->secrets->ed25519, (uint32_t)cold->conf->venue_recv_window_ms, bn_venue_ms(cold), 1,
                                   buf, cap);
  return len > 0 ? (size_t)len : 0;
}

static int sup_answer(void *user, tg_bn_sup_t *sup, const char *text, size_t len, uint64_t now_ns) {
  tg_bn_cold_t *cold = user;
  (void)sup;
  tg_bn_api_info_t info;
  cold->batch.cnt = 0;
  int cnt = tg_bn_api_decode(&cold->logon, text, len, now_ns, &cold->batch, &info);
  if (cnt < 0) return cnt;
  if (info.kind != 'l') return 0;
  if (info.http_status == 200) return 1;
  tg_log_error("session.logon refused: HTTP %u, code %d %s", (unsigned)info.http_status, (int)info.code,
               tg_bn_code_name(info.code));
  if ((info.hints & TG_HINT_AUTH) && !sup->ever_up)
    bn_fatal(cold, TG_EXIT_AUTH, "%s:%d session.logon: code %d %s (check the Ed25519 key and its API key file)",
             cold->conf->venue_trade_host, (int)cold->conf->venue_trade_port, (int)info.code, tg_bn_code_name(info.code));
  return -TG_EAUTH;
}

static void sup_failed(void *user, tg_bn_sup_t *sup, int err, const char *reason) {
  tg_bn_cold_t *cold = user;
  if (cold->stopping) return;
  tg_log_warn("session %s: %s: %s", tg_session_name(sup->id), tg_err_name(err), reason ? reason : "");
  if (cold->phase != TG_BN_RUNNING || sup->ever_up) return;
  if (err == -TG_ECERT || err == -TG_EAUTH) {
    bn_fatal(cold, err == -TG_ECERT ? TG_EXIT_TLS : TG_EXIT_AUTH, "session %s to %s:%u: %s", tg_session_name(sup->id),
             sup->cfg.host, (unsigned)sup->cfg.port, reason ? reason : tg_err_text(err));
  } else if (sup->backoff.failures > BN_START_TRIES * 2) {
    bn_fatal(cold, err == -TG_ETLS ? TG_EXIT_TLS : TG_EXIT_VENUE, "session %s to %s:%u does not open: %s",
             tg_session_name(sup->id), sup->cfg.host, (unsigned)sup->cfg.port, reason ? reason : tg_err_text(err));
  }
}

static const tg_bn_sup_ops_t sup_ops = {sup_ctl, sup_hello, sup_answer, sup_failed};

/* "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker" and its like. 0 or -TG_ESIZE. */
static int stream_path(tg_bn_cold_t *cold, tg_bn_sup_t *sup, const char *route, const char *const *stream, size_t stream_cnt) {
  char path[TG_BN_PATH_BYTES];
  size_t used = 0;
  int n = snprintf(path, sizeof path, "%s/stream?streams=", route);
  if (n < 0 || (size_t)n >= sizeof path) return -TG_ESIZE;
  used = (size_t)n;
  for (size_t i = 0; i < cold->want_cnt; i++) {
    char lower[TG_SYM_TEXT_MAX + 1];
    size_t len = strlen(cold->want[i].symbol);
    for (size_t j = 0; j <= len; j++) {
      char c = cold->want[i].symbol[j];
      lower[j] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    for (size_t j = 0; j < stream_cnt; j++) {
      n = snprintf(path + used, sizeof path - used, "%s%s@%s", i + j == 0 ? "" : "/", lower, stream[j]);
      if (n < 0 || (size_t)n >= sizeof path - used) return -TG_ESIZE;
      used += (size_t)n;
    }
  }
  return tg_bn_sup_path(sup, path, used);
}

static int open_sessions(tg_bn_cold_t *cold) {
  const tg_conf_t *conf = cold->conf;
  static const tg_session_t id[TG_BN_SESSIONS] = {TG_SESSION_PUBLIC, TG_SESSION_MARKET, TG_SESSION_USER, TG_SESSION_ORDER};
  uint64_t rotate_s = (uint64_t)(conf->venue_rotate_s ? conf->venue_rotate_s : conf->venue_rotate_h * 3600);
  for (int i = 0; i < TG_BN_SESSIONS; i++) {
    int err = tg_bn_sup_open(&cold->sup[i], id[i], cold->net, &sup_ops, cold, &cold->budget,
                             (uint64_t)conf->venue_reconnect_base_ms * (uint64_t)TG_NS_PER_MS,
                             (uint64_t)conf->venue_reconnect_max_ms * (uint64_t)TG_NS_PER_MS,
                             0x9E3779B97F4A7C15u * (uint64_t)(i + 1), rotate_s * (uint64_t)TG_NS_PER_S);
    if (err) return err;
    bool trade = id[i] == TG_SESSION_ORDER;
    tg_bn_sup_target(&cold->sup[i], trade ? conf->venue_trade_host : conf->venue_stream_host,
                     (uint16_t)(trade ? conf->venue_trade_port : conf->venue_stream_port), cold->tls,
                     (uint32_t)conf->venue_connect_timeout_ms);
    cold->sup[i].cfg.tcp.stamps = conf->venue_rx_stamps != 0;
  }
  const char *const public_stream[] = {conf->venue_depth_stream, "bookTicker"};
  static const char *const market_stream[] = {"aggTrade", "markPrice@1s", "forceOrder"};
  int err = stream_path(cold, &cold->sup[SUP_PUBLIC], conf->venue_public_path, public_stream, TG_ARRAY_CNT(public_stream));
  if (!err)
    err = stream_path(cold, &cold->sup[SUP_MARKET], conf->venue_market_path, market_stream, TG_ARRAY_CNT(market_stream));
  if (!err) err = tg_bn_sup_path(&cold->sup[SUP_ORDER], conf->venue_trade_path, strlen(conf->venue_trade_path));
  return err;
}

/* --- life --- */

/* "BTCUSDT,ETHUSDT" -> want[]. 0, -TG_EINVAL, -TG_EFULL. */
static int parse_symbols(tg_bn_cold_t *cold, const char *text) {
  while (*text) {
    size_t len = strcspn(text, ", ");
    if (len > TG_SYM_TEXT_MAX) return -TG_EINVAL;
    if (len > 0) {
      if (cold->want_cnt == TG_INSTR_MAX) return -TG_EFULL;
      tg_bn_want_t *want = &cold->want[cold->want_cnt];
      memcpy(want->symbol, text, len);
      want->instr_idx = (uint16_t)cold->want_cnt++;
      want->allowlisted = 1;
      if (tg_conf_symbol_idx(cold->conf->degrade_symbols, want->symbol) >= 0) want->allowlisted |= 2; /* cfg_symbol's bit 1 */
    }
    text += len;
    if (*text) text++;
  }
  return cold->want_cnt ? 0 : -TG_EINVAL;
}

static int cold_memory(tg_bn_cold_t *cold) {
  cold->cfg_msg = aligned_alloc(TG_CACHE_LINE, TG_INSTR_MAX * 3 * sizeof *cold->cfg_msg);
  cold->batch.msg = aligned_alloc(TG_CACHE_LINE, TG_BN_COLD_BATCH * sizeof(tg_msg_t));
  cold->batch.cap = TG_BN_COLD_BATCH;
  return cold->cfg_msg && cold->batch.msg ? 0 : -TG_ENOMEM;
}

static int cold_http(tg_bn_cold_t *cold) {
  const tg_conf_t *conf = cold->conf;
  tg_http_cfg_t cfg = {.host = conf->venue_rest_host,
                       .port = (uint16_t)conf->venue_rest_port,
                       .tls = cold->tls,
                       .connect_timeout_ms = (uint32_t)conf->venue_connect_timeout_ms,
                       .request_timeout_ms = 10000,
                       .queue_cnt = TG_BN_CALLS,
                       .body_max = 16u << 20,
                       .backoff_base_ns = (uint64_t)conf->venue_reconnect_base_ms * (uint64_t)TG_NS_PER_MS,
                       .backoff_max_ns = (uint64_t)conf->venue_reconnect_max_ms * (uint64_t)TG_NS_PER_MS,
                       .seed = 0x2545F4914F6CDD1Du,
                       .budget = &cold->budget};
  cold->http = tg_http_new(cold->net, &cfg);
  cfg.budget = NULL; /* a kill reconnects whatever the others have used up */
  cold->http_urgent = tg_http_new(cold->net, &cfg);
  return cold->http && cold->http_urgent ? 0 : -TG_ENOMEM;
}

tg_bn_cold_t *tg_bn_cold_open(const tg_conf_t *conf, const tg_bn_secrets_t *secrets, tg_netcold_t *net,
                              const tg_bn_cold_ops_t *ops, void *user, int *err, char *err_text, size_t err_cap) {
  err_text[0] = '\0';
  *err = -TG_ENOMEM;
  tg_bn_cold_t *cold = calloc(1, sizeof *cold);
  if (!cold) return NULL;
  cold->conf = conf;
  cold->secrets = secrets;
  cold->net = net;
  cold->ops = ops;
  cold->user = user;
  tg_symtab_init(&cold->symtab);
  tg_bn_md_init(&cold->md, &cold->symtab);
  bn_kill_open(cold);
  tg_retry_budget_init(&cold->budget, (uint32_t)conf->venue_reconnect_budget, 300 * (uint64_t)TG_NS_PER_S);
  cold->orders_told = true; /* the first RATE brings the limits of exchangeInfo */
  *err = parse_symbols(cold, conf->venue_symbols);
  if (*err)
    snprintf(err_text, err_cap, "venue.symbols: '%s' is no list of symbols (1 to %d, comma separated)", conf->venue_symbols,
             TG_INSTR_MAX);
  if (!*err) *err = cold_memory(cold);
  if (!*err) *err = tg_bn_api_init(&cold->logon, &cold->symtab, NULL, 0, NULL, false, 0);
  if (!*err) cold->tls = tg_tls_new(conf->venue_ca_file, err, err_text, err_cap);
  if (!*err && !cold->tls) *err = -TG_ENOMEM;
  if (!*err && (*err = tg_tls_set_pins(cold->tls, conf->venue_pin_sha256)) != 0)
    snprintf(err_text, err_cap, "venue.pin_sha256: give up to %d SHA-256 sums in hex, comma separated", TG_TLS_PIN_MAX);
  if (!*err) *err = cold_http(cold);
  if (!*err) *err = open_sessions(cold);
  if (*err) {
    if (err_text[0] == '\0') snprintf(err_text, err_cap, "the venue's cold side cannot start: %s", tg_err_text(*err));
    tg_bn_cold_close(cold);
    return NULL;
  }
  return cold;
}

void tg_bn_cold_close(tg_bn_cold_t *cold) {
  if (!cold) return;
  for (int i = 0; i < TG_BN_SESSIONS; i++) tg_bn_sup_close(&cold->sup[i]);
  if (cold->http) tg_http_free(cold->http);
  if (cold->http_urgent) tg_http_free(cold->http_urgent);
  tg_tls_free(cold->tls);
  free(cold->cfg_msg);
  free(cold->batch.msg);
  tg_wipe(cold, sizeof *cold);
  free(cold);
}

void tg_bn_cold_epoch(tg_bn_cold_t *cold, uint64_t epoch) {
  cold->epoch = epoch;
}

void tg_bn_cold_before_done(tg_bn_cold_t *cold, void (*before)(void *user), void *user) {
  cold->before_done = before;
  cold->before_done_user = user;
}

const tg_symtab_t *tg_bn_cold_symtab(const tg_bn_cold_t *cold) {
  return &cold->symtab;
}

tg_handoff_t *const *tg_bn_cold_handoff(const tg_bn_cold_t *cold, tg_session_t session) {
  for (int i = 0; i < TG_BN_SESSIONS; i++) {
    if (cold->sup[i].id == session) return cold->sup[i].handoff;
  }
  return NULL;
}

static void rate_tell(tg_bn_cold_t *cold) {
  if (!cold->rate_changed || cold->phase < TG_BN_FEES) return;
  cold->rate_changed = false;
  tg_msg_t msg;
  tg_msg_init(&msg, TG_RATE, TG_INSTR_NONE, cold->now_ns);
  msg.u.rate = cold->rate;
  if (!cold->orders_told) { /* an old count would undo what the order session was told since */
    msg.u.rate.orders_10s_used = msg.u.rate.orders_10s_limit = 0;
    msg.u.rate.orders_1m_used = msg.u.rate.orders_1m_limit = 0;
  }
  cold->orders_told = false;
  bn_to_core(cold, &msg, 1);
  if (cold->rate.pause_until_ns <= cold->now_ns || cold->phase != TG_BN_RUNNING) return;
  tg_msg_init(&msg, TG_CTL_CLOCK, TG_INSTR_NONE, cold->now_ns); /* the gateway asks nothing of its own meanwhile */
  msg.u.ctl_clock.offset_ns = cold->stats.offset_ns;
  msg.u.ctl_clock.error_ns = cold->stats.offset_error_ns;
  msg.u.ctl_clock.pause_until_ns = cold->rate.pause_until_ns;
  if (cold->ops->to_gateway(cold->user, &msg) != 0) cold->rate_changed = true; /* told again */
}

void tg_bn_cold_turn(tg_bn_cold_t *cold, uint64_t now_ns, bool hot_alive) {
  cold->now_ns = now_ns;
  tg_http_turn(cold->http, now_ns);
  tg_http_turn(cold->http_urgent, now_ns);
  bn_kill_turn(cold);
  if (cold->phase < TG_BN_RUNNING) bn_start_turn(cold);
  for (int i = 0; i < TG_BN_SESSIONS; i++) {
    cold->sup[i].hold_ns = cold->rate.pause_until_ns; /* a pause is for upgrades, too */
    tg_bn_sup_turn(&cold->sup[i], now_ns);
  }
  rate_tell(cold);
  if (cold->phase != TG_BN_RUNNING || cold->stopping) return;
  bn_trades_turn(cold);
  bn_silence_turn(cold);
  bn_profile_turn(cold);
  if (now_ns >= cold->clock_next_ns) {
    cold->clock_next_ns = now_ns + BN_CLOCK_PERIOD_NS;
    bn_clock_ask(cold);
  }
  if (now_ns >= cold->key_next_ns) {
    cold->key_next_ns = now_ns + bn_key_period_ns(cold);
    if (cold->listen_key_len)
      bn_key_keep(cold);
    else
      (void)bn_key_ask(cold); /* not sent: key_next_ns is set */
  }
  int64_t countdown_ms = cold->conf->venue_countdown_ms;
  if (countdown_ms > 0 && hot_alive && now_ns >= cold->countdown_next_ns) {
    cold->countdown_next_ns = now_ns + (uint64_t)countdown_ms * (uint64_t)TG_NS_PER_MS / 3;
    bn_countdown(cold, countdown_ms);
  }
}

static void on_link(tg_bn_cold_t *cold, const tg_link_t *link, uint64_t now_ns) {
  for (int i = 0; i < TG_BN_SESSIONS; i++) {
    tg_bn_sup_t *sup = &cold->sup[i];
    if (sup->id == link->session && tg_bn_sup_link(sup, link, now_ns)) {
      tg_log_info("session %s is up, generation %u", tg_session_name(sup->id), (unsigned)link->gen);
      if (sup->id == TG_SESSION_USER) bn_trades_gap(cold);
      cold->ops->session_up(cold->user, sup->id);
    }
  }
}

/* The venue refused a timestamp: its clock or ours moved. Measured again at once, at most once a second. */
static void clock_doubt(tg_bn_cold_t *cold, uint64_t now_ns) {
  if (now_ns + BN_CLOCK_PERIOD_NS - cold->clock_next_ns >= (uint64_t)TG_NS_PER_S) cold->clock_next_ns = now_ns;
}

void tg_bn_cold_on_msg(tg_bn_cold_t *cold, const tg_msg_t *msg, uint64_t now_ns) {
  cold->now_ns = now_ns;
  bn_trades_note(cold, msg);
  bn_silence_note(cold, msg);
  bn_doubt_note(cold, msg);
  switch (msg->kind) {
    case TG_LINK:
      on_link(cold, &msg->u.link, now_ns);
      break;
    case TG_RATE:
      if (msg->u.rate.pause_until_ns > cold->rate.pause_until_ns) cold->rate.pause_until_ns = msg->u.rate.pause_until_ns;
      break;
    case TG_EX_ANSWER:
      if (tg_bn_code_class(msg->u.ex_answer.venue_code) == TG_BN_CLASS_CLOCK) clock_doubt(cold, now_ns);
      break;
    case TG_EX_CONFIG:
      if (msg->u.ex_config.what == TG_CONFEV_LISTEN_KEY_EXPIRED) {
        cold->listen_key_len = 0;
        (void)bn_key_ask(cold); /* not sent: key_next_ns is set */
      }
      break;
    case TG_OUT_SNAPSHOT:
      bn_snapshot_ask(cold, msg);
      break;
    case TG_OUT_CANCEL_ALL:
      bn_kill_ask(cold);
      break;
    case TG_OUT_PLACE:
    case TG_OUT_AMEND:
    case TG_OUT_CANCEL:
    case TG_OUT_QUERY:
      if (cold->conf->venue_order_entry == 1) bn_order_ask(cold, msg);
      break;
    default:
      break;
  }
}

void tg_bn_cold_stop(tg_bn_cold_t *cold, uint64_t now_ns, bool orders_left) {
  cold->now_ns = now_ns;
  if (cold->stopping) return;
  cold->stopping = true;
  for (int i = 0; i < TG_BN_SESSIONS; i++) cold->sup[i].wanted = false;
  if (cold->phase == TG_BN_RUNNING && cold->conf->venue_countdown_ms > 0 && !orders_left) bn_countdown(cold, 0);
}

uint32_t tg_bn_cold_pending(const tg_bn_cold_t *cold) {
  return cold->call_cnt;
}

int tg_bn_cold_fatal(const tg_bn_cold_t *cold, const char **text) {
  *text = cold->fatal_text;
  return cold->fatal_exit;
}

void tg_bn_cold_stats(const tg_bn_cold_t *cold, tg_bn_cold_stats_t *out) {
  *out = cold->stats;
  out->phase = cold->phase;
  out->pause_until_ns = cold->rate.pause_until_ns;
  out->session_up = 0;
  for (int i = 0; i < TG_BN_SESSIONS; i++) {
    if (cold->sup[i].up) out->session_up |= 1u << cold->sup[i].id;
  }
}

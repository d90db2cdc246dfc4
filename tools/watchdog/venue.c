#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/log.h"
#include "engine/conf/conf.h"
#include "tools/watchdog/dog.h"

enum { TARGET_BYTES = 4096, QUEUE = 64, REQUEST_MS = 3000 };
#define TIME_PERIOD_NS (30 * (uint64_t)TG_NS_PER_S)

uint64_t dog_now_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * (uint64_t)TG_NS_PER_S + (uint64_t)now.tv_nsec;
}

static int64_t wall_ms(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- requests ---- */

static void rates(dog_venue_t *venue, const tg_http_answer_t *answer) {
  if (answer->err || !answer->head) return;
  const tg_http_head_t *head = answer->head;
  for (uint16_t i = 0; i < head->field_cnt; i++) {
    const tg_http_field_t *f = &head->field[i];
    (void)tg_bn_rest_header(head->text + f->name_at, f->name_len, head->text + f->value_at, f->value_len, venue->now_ns,
                            &venue->rate);
  }
  if (answer->status != 429 && answer->status != 418) return;
  uint64_t until_ns = tg_bn_pause_until_ns((uint16_t)answer->status, 0,
                                           (tg_json_slice_t){(const char *)answer->body, answer->body_len}, venue->now_ns);
  if (until_ns > venue->rate.pause_until_ns) venue->rate.pause_until_ns = until_ns;
  tg_log_error("the venue says HTTP %d: nothing is sent for %llu ms", answer->status,
               (unsigned long long)((venue->rate.pause_until_ns - venue->now_ns) / (uint64_t)TG_NS_PER_MS));
}

/* Signs where needed and queues. 0 or -TG_E*. */
static int request_send(dog_venue_t *venue, tg_bn_req_t *req, tg_http_done_t done, uint64_t tag) {
  const tg_bn_ep_row_t *row = tg_bn_ep(req->ep);
  tg_bn_cred_t cred = {.hmac = &venue->hmac, .recv_window_ms = (uint32_t)venue->options->recv_window_ms};
  if (venue->now_ns < venue->rate.pause_until_ns) return -TG_ERATE;
  uint64_t venue_ms = (uint64_t)((int64_t)(venue->now_ns / (uint64_t)TG_NS_PER_MS) + venue->offset_ms);
  int len = tg_bn_req_end(req, &cred, venue_ms);
  int err = len < 0 ? len : 0;
  if (!err) {
    req->buf[len < TARGET_BYTES ? len : TARGET_BYTES - 1] = '\0';
    tg_http_req_t http = {.method = row->method,
                          .path = req->buf,
                          .headers = row->security == TG_BN_SEC_NONE ? NULL : venue->key_header,
                          .timeout_ms = REQUEST_MS,
                          .retry_safe = strcmp(row->method, "GET") == 0,
                          .urgent = row->security != TG_BN_SEC_NONE,
                          .done = done,
                          .user = venue,
                          .tag = tag};
    err = tg_http_send(venue->http, &http, venue->now_ns);
  }
  tg_wipe(req->buf, req->cap); /* it held a signature */
  return err;
}

static void time_done(void *user, const tg_http_answer_t *answer) {
  dog_venue_t *venue = user;
  venue->time_asked = false;
  rates(venue, answer);
  int64_t server_ms = 0;
  if (answer->err || answer->status != 200 || tg_bn_rest_time((const char *)answer->body, answer->body_len, &server_ms) < 0) {
    venue->time_failed++;
    venue->time_next_ns = venue->now_ns + (uint64_t)TG_NS_PER_S;
    if (venue->time_failed == 1)
      tg_log_error("the venue does not answer: %s (HTTP %d); tried again each second",
                   answer->err ? (answer->reason && answer->reason[0] ? answer->reason : tg_err_text(answer->err)) : "refused",
                   answer->status);
    return;
  }
  if (venue->time_failed || venue->time_good == 0) tg_log_info("the venue answers");
  venue->time_failed = 0;
  venue->time_good++;
  uint64_t middle_ns = answer->sent_ns + (answer->done_ns - answer->sent_ns) / 2;
  venue->offset_ms = server_ms - (int64_t)(middle_ns / (uint64_t)TG_NS_PER_MS);
}

/* Keeps the offset fresh, the connection warm, and shows that the way to the venue is open before it is needed. */
static void ask_time(dog_venue_t *venue) {
  if (venue->time_asked || venue->now_ns < venue->time_next_ns) return;
  char target[TARGET_BYTES];
  tg_bn_req_t req;
  tg_bn_req_begin(&req, TG_BN_EP_TIME, TG_PRODUCT_USDM, target, sizeof target);
  venue->time_next_ns = venue->now_ns + TIME_PERIOD_NS;
  venue->time_asked = request_send(venue, &req, time_done, 0) == 0;
}

static void list_done(void *user, const tg_http_answer_t *answer) {
  dog_venue_t *venue = user;
  rates(venue, answer);
  uint64_t failed = venue->kill.lists_failed;
  tg_bn_kill_listed(&venue->kill, answer->err, answer->status, answer->err ? "" : (const char *)answer->body,
                    answer->err ? 0 : answer->body_len, venue->now_ns);
  if (venue->kill.lists_failed == failed) return;
  venue->time_next_ns = 0; /* perhaps our clock is off */
  int32_t code = 0;
  tg_json_slice_t text;
  if (!answer->err && tg_bn_rest_error((const char *)answer->body, answer->body_len, &code, &text) < 0) code = 0;
  tg_log_error("openOrders: %s (HTTP %d, code %d); asked again", answer->err ? tg_err_text(answer->err) : "refused",
               answer->status, (int)code);
}

static int ask_list(void *user, const char *symbol, uint64_t now_ns) {
  dog_venue_t *venue = user;
  char target[TARGET_BYTES];
  tg_bn_req_t req;
  venue->now_ns = now_ns;
  tg_bn_req_begin(&req, TG_BN_EP_OPEN_ORDERS, TG_PRODUCT_USDM, target, sizeof target);
  if (symbol) tg_bn_req_str(&req, "symbol", symbol);
  return request_send(venue, &req, list_done, 0);
}

static void cancel_done(void *user, const tg_http_answer_t *answer) {
  dog_venue_t *venue = user;
  rates(venue, answer);
  tg_bn_kill_cancelled(&venue->kill, (uint32_t)answer->tag, answer->err, answer->status,
                       answer->err ? "" : (const char *)answer->body, answer->err ? 0 : answer->body_len, venue->now_ns);
}

static int send_cancel(void *user, uint32_t idx, const tg_bn_kill_order_t *order, uint64_t now_ns) {
  dog_venue_t *venue = user;
  char target[TARGET_BYTES];
  tg_bn_req_t req;
  venue->now_ns = now_ns;
  tg_bn_req_begin(&req, TG_BN_EP_ORDER_CANCEL, TG_PRODUCT_USDM, target, sizeof target);
  tg_bn_req_str(&req, "symbol", order->symbol);
  tg_bn_req_int(&req, "orderId", order->order_id);
  return request_send(venue, &req, cancel_done, idx);
}

/* ---- life ---- */

static int load_keys(dog_venue_t *venue, char *err_text, size_t err_cap) {
  char key[256], secret[512];
  int len = tg_secret_read(venue->options->api_key_file, key, sizeof key, err_text, err_cap);
  if (len < 0) return TG_EXIT_SECRET;
  for (int i = 0; i < len; i++) {
    if (key[i] > ' ' && key[i] <= '~') continue;
    snprintf(err_text, err_cap, "%s: more than one word, or bytes that no key has", venue->options->api_key_file);
    tg_wipe(key, sizeof key);
    return TG_EXIT_SECRET;
  }
  snprintf(venue->key_header, sizeof venue->key_header, "X-MBX-APIKEY: %s\r\n", key);
  tg_wipe(key, sizeof key);
  len = tg_secret_read(venue->options->hmac_file, secret, sizeof secret, err_text, err_cap);
  if (len < 0) return TG_EXIT_SECRET;
  tg_hmac_key_init(&venue->hmac, secret, (size_t)len);
  tg_wipe(secret, sizeof secret);
  return 0;
}

static int make_io(dog_venue_t *venue) {
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cfg.file_cnt = 0;
  tg_arena_t count;
  tg_arena_count(&count);
  int err = tg_io_layout(&count, &venue->io, &cfg);
  if (!err) err = tg_arena_map(&venue->arena, count.used_bytes);
  if (!err) err = tg_io_layout(&venue->arena, &venue->io, &cfg);
  if (!err) err = tg_io_setup(&venue->io);
  return err ? err : tg_io_enable(&venue->io);
}

int dog_venue_open(dog_venue_t *venue, const dog_options_t *options, char *err_text, size_t err_cap) {
  static const tg_bn_kill_ops_t ops = {ask_list, send_cancel, NULL};
  memset(venue, 0, sizeof *venue);
  venue->options = options;
  err_text[0] = '\0';
  int code = load_keys(venue, err_text, err_cap);
  if (code) return code;
  int err = make_io(venue);
  if (err) {
    snprintf(err_text, err_cap, "io_uring: %s", tg_err_text(err));
    return TG_EXIT_MEMORY;
  }
  venue->tls = tg_tls_new(options->ca_file, &err, err_text, err_cap);
  if (!venue->tls) return TG_EXIT_TLS;
  if (options->pins && tg_tls_set_pins(venue->tls, options->pins) != 0) {
    (void)snprintf(err_text, err_cap, "--pin-sha256 '%.60s' is no list of SHA-256 sums in hex", options->pins);
    return TG_EXIT_TLS;
  }
  venue->net = tg_netcold_new(&venue->io);
  tg_http_cfg_t cfg = {.host = options->host,
                       .port = options->port,
                       .tls = venue->tls,
                       .connect_timeout_ms = REQUEST_MS,
                       .request_timeout_ms = REQUEST_MS,
                       .queue_cnt = QUEUE,
                       .body_max = 16u << 20,
                       .backoff_base_ns = 100 * (uint64_t)TG_NS_PER_MS,
                       .backoff_max_ns = 2 * (uint64_t)TG_NS_PER_S,
                       .seed = dog_now_ns()};
  venue->http = venue->net ? tg_http_new(venue->net, &cfg) : NULL;
  if (!venue->http) {
    snprintf(err_text, err_cap, "memory for the connection could not be had");
    return TG_EXIT_MEMORY;
  }
  venue->now_ns = dog_now_ns();
  venue->offset_ms = wall_ms() - (int64_t)(venue->now_ns / (uint64_t)TG_NS_PER_MS); /* until the venue tells the time */
  tg_bn_kill_cfg_t kill = tg_bn_kill_cfg_default(options->mode);
  kill.scope = options->symbol;
  kill.scope_cnt = options->symbol_cnt;
  tg_bn_kill_init(&venue->kill, &kill, &ops, venue);
  return 0;
}

void dog_venue_close(dog_venue_t *venue) {
  if (venue->http) tg_http_free(venue->http);
  if (venue->net) tg_netcold_free(venue->net);
  tg_tls_free(venue->tls);
  tg_io_close(&venue->io);
  if (venue->arena.base) tg_arena_unmap(&venue->arena);
  tg_hmac_key_wipe(&venue->hmac);
  tg_wipe(venue->key_header, sizeof venue->key_header);
}

void dog_venue_turn(dog_venue_t *venue, uint64_t wait_ns) {
  if (tg_io_turn(&venue->io, venue->now_ns, wait_ns) < 0) tg_log_error("io_uring failed");
  venue->now_ns = dog_now_ns();
  tg_netcold_turn(venue->net, venue->now_ns);
  tg_http_turn(venue->http, venue->now_ns);
  ask_time(venue);
  tg_bn_kill_turn(&venue->kill, venue->now_ns, venue->rate.pause_until_ns);
}

#include "cold_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t cold_now(const cold_rig_t *rig) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec + rig->shift_ns;
}

static int to_core(void *user, const tg_msg_t *msg, uint32_t cnt) {
  cold_rig_t *rig = user;
  if (rig->core_err) return rig->core_err;
  for (uint32_t i = 0; i < cnt; i++) {
    cr_assert_lt(rig->core_cnt, COLD_MSGS);
    rig->core[rig->core_cnt++] = msg[i];
  }
  return 0;
}

static int to_hot(void *user, const tg_msg_t *msg) {
  cold_rig_t *rig = user;
  cr_assert_lt(rig->ctl_cnt, (int)TG_ARRAY_CNT(rig->ctl));
  rig->ctl[rig->ctl_cnt++] = *msg;
  return 0;
}

static void part(void *user, uint32_t want_bit, const tg_msg_t *msg, uint32_t cnt, int dual_side) {
  cold_rig_t *rig = user;
  if (rig->account_part) rig->account_part(user, want_bit, msg, cnt, dual_side);
  cr_assert_lt(want_bit, TG_ARRAY_CNT(rig->parts));
  rig->parts[want_bit]++;
  rig->part_rows[want_bit] += cnt;
}

static void failed(void *user, int err, uint16_t http_status) {
  cold_rig_t *rig = user;
  rig->failures++;
  rig->fail_err = err;
  rig->fail_status = http_status;
}

static void session_up(void *user, tg_session_t session) {
  cold_rig_t *rig = user;
  rig->ups[session]++;
}

cold_rig_t *cold_new(vp_t *venue, uint16_t port) {
  cold_rig_t *rig = aligned_alloc(TG_CACHE_LINE, (sizeof *rig + 63) / 64 * 64);
  memset(rig, 0, sizeof *rig);
  rig->venue = venue;
  rig->hot_alive = true;
  rig->core = aligned_alloc(TG_CACHE_LINE, COLD_MSGS * sizeof(tg_msg_t));
  tg_io_cfg_t cfg;
  tg_io_cfg_defaults(&cfg);
  cr_assert_eq(tg_arena_map(&rig->arena, 8u << 20), 0);
  cr_assert_eq(tg_io_layout(&rig->arena, &rig->io, &cfg), 0);
  cr_assert_eq(tg_io_setup(&rig->io), 0);
  cr_assert_eq(tg_io_enable(&rig->io), 0);
  rig->net = tg_netcold_new(&rig->io);
  cr_assert_not_null(rig->net);
  tg_conf_t *conf = &rig->conf;
  tg_conf_defaults(conf);
  if (venue) port = vp_port(venue);
  conf->venue_rest_port = conf->venue_stream_port = conf->venue_trade_port = port;
  snprintf(conf->venue_symbols, sizeof conf->venue_symbols, "BTCUSDT, ETHUSDT");
  snprintf(conf->venue_ca_file, sizeof conf->venue_ca_file, "%s", certs_ca_file());
  conf->venue_reconnect_base_ms = 10;
  conf->venue_reconnect_max_ms = 50;
  conf->venue_reconnect_budget = 1000;
  static const char key[] = "an-api-key", secret[] = "a secret";
  static const uint8_t seed[32] = {1};
  cr_assert_eq(tg_bn_secrets_key(&rig->secrets, key, sizeof key - 1), 0);
  cr_assert_eq(tg_secret_set(&rig->secrets.logon_api_key, key, sizeof key - 1), 0);
  tg_hmac_key_init(&rig->secrets.hmac, secret, sizeof secret - 1);
  cr_assert_eq(tg_ed25519_from_seed(&rig->secrets.ed25519, seed), 0);
  rig->secrets.has_ed25519 = true;
  return rig;
}

void cold_open(cold_rig_t *rig) {
  static const tg_bn_cold_ops_t ops = {to_core, to_hot, to_hot, part, failed, session_up};
  char text[512];
  int err;
  rig->bn = tg_bn_cold_open(&rig->conf, &rig->secrets, rig->net, &ops, rig, &err, text, sizeof text);
  cr_assert_not_null(rig->bn, "%s", text);
  tg_bn_cold_epoch(rig->bn, 5);
}

void cold_free(cold_rig_t *rig) {
  tg_bn_cold_close(rig->bn);
  tg_netcold_free(rig->net);
  tg_io_close(&rig->io);
  tg_arena_unmap(&rig->arena);
  if (rig->venue) vp_stop(rig->venue);
  free(rig->core);
  free(rig);
}

void cold_journal(cold_rig_t *rig, const tg_msg_t *msg) {
  tg_bn_cold_on_msg(rig->bn, msg, cold_now(rig));
}

void cold_link(cold_rig_t *rig, tg_session_t session, uint32_t gen, bool up, uint8_t reason) {
  tg_msg_t msg;
  tg_msg_init(&msg, TG_LINK, TG_INSTR_NONE, cold_now(rig));
  msg.u.link.session = (uint8_t)session;
  msg.u.link.gen = gen;
  msg.u.link.up = up;
  msg.u.link.reason = reason;
  cold_journal(rig, &msg);
}

void cold_turn(cold_rig_t *rig) {
  cr_assert_geq(tg_io_turn(&rig->io, cold_now(rig), 200000), 0);
  uint64_t now_ns = cold_now(rig);
  tg_netcold_turn(rig->net, now_ns);
  tg_bn_cold_turn(rig->bn, now_ns, rig->hot_alive);
  for (; rig->ctl_done < rig->ctl_cnt && !rig->hot_deaf; rig->ctl_done++) { /* the hot lane takes it, without speaking on it */
    const tg_msg_t *msg = &rig->ctl[rig->ctl_done];
    if (msg->kind != TG_CTL_ADOPT) continue;
    tg_session_t session = (tg_session_t)msg->u.ctl_adopt.session;
    tg_handoff_t *h = tg_bn_cold_handoff(rig->bn, session)[msg->u.ctl_adopt.slot];
    cr_assert_eq(h->gen, msg->u.ctl_adopt.gen);
    cr_assert(h->tls);
    close(h->fd);
    cold_link(rig, session, msg->u.ctl_adopt.gen, true, 0);
  }
}

void cold_turns(cold_rig_t *rig, int cnt) {
  for (int i = 0; i < cnt; i++) cold_turn(rig);
}

bool cold_wait(cold_rig_t *rig, bool done, const char *what) {
  uint64_t now_ns = cold_now(rig) - rig->shift_ns;
  if (rig->limit_ns == 0) rig->limit_ns = now_ns + UINT64_C(20000000000);
  if (done) return false;
  const char *text;
  int code = tg_bn_cold_fatal(rig->bn, &text);
  cr_assert_lt(now_ns, rig->limit_ns, "never: %s (start: %d %s)", what, code, text);
  return true;
}

static int sessions_up(const cold_rig_t *rig) {
  tg_bn_cold_stats_t stats;
  tg_bn_cold_stats(rig->bn, &stats);
  return stats.phase == TG_BN_RUNNING ? __builtin_popcount(stats.session_up) : 0;
}

void cold_up(cold_rig_t *rig) {
  COLD_UNTIL(rig, sessions_up(rig) == TG_BN_SESSIONS);
}

int cold_told(const cold_rig_t *rig, tg_msg_kind_t kind, const tg_msg_t **last) {
  int cnt = 0;
  for (int i = 0; i < rig->core_cnt; i++) {
    if (rig->core[i].kind != kind) continue;
    cnt++;
    if (last) *last = &rig->core[i];
  }
  return cnt;
}

const tg_msg_t *cold_adopted(const cold_rig_t *rig, tg_session_t session, int *cnt) {
  const tg_msg_t *last = NULL;
  *cnt = 0;
  for (int i = 0; i < rig->ctl_cnt; i++) {
    if (rig->ctl[i].kind != TG_CTL_ADOPT || rig->ctl[i].u.ctl_adopt.session != session) continue;
    (*cnt)++;
    last = &rig->ctl[i];
  }
  return last;
}

int cold_fatal(cold_rig_t *rig, const char **text) {
  int code = 0;
  COLD_UNTIL(rig, (code = tg_bn_cold_fatal(rig->bn, text)) != 0);
  return code;
}

#include "rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t rig_now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void try_detach(rig_t *rig) {
  rig->detach_retry = tg_dial_detach(rig->dial) == -TG_EAGAIN;
}

static void on_open(void *user, tg_dial_t *dial) {
  rig_t *rig = user;
  (void)dial;
  rig->opens++;
  if (rig->detach_on_open) try_detach(rig);
}

static void on_message(void *user, tg_dial_t *dial, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  rig_t *rig = user;
  (void)dial;
  (void)op;
  cr_assert(rx_ns > 0);
  size_t at = strlen(rig->dial_log);
  snprintf(rig->dial_log + at, sizeof rig->dial_log - at, "%.*s|", (int)len, (const char *)payload);
  if (++rig->dial_messages == rig->detach_after) try_detach(rig);
}

static void on_close(void *user, tg_dial_t *dial, int err, const char *reason) {
  rig_t *rig = user;
  (void)dial;
  rig->dial_closes++;
  rig->dial_err = err;
  snprintf(rig->dial_reason, sizeof rig->dial_reason, "%s", reason);
}

static void on_detached(void *user, tg_dial_t *dial) {
  rig_t *rig = user;
  (void)dial;
  rig->detaches++;
}

static void conn_message(void *user, tg_conn_t *conn, uint8_t op, uint8_t *payload, size_t len, uint64_t rx_ns) {
  rig_t *rig = user;
  rig->messages++;
  rig->last_rx_ns = rx_ns;
  if (rig->log_len + len + 1 < RIG_LOG_BYTES) {
    memcpy(rig->log + rig->log_len, payload, len);
    rig->log[rig->log_len + len] = '|';
    rig->log_len += len + 1;
    rig->log[rig->log_len] = 0;
  }
  if (rig->echo) cr_assert_eq(tg_conn_send(conn, op, payload, len, rx_ns), 0);
}

static void conn_close(void *user, tg_conn_t *conn, int err) {
  rig_t *rig = user;
  (void)conn;
  rig->conn_closes++;
  rig->conn_err = err;
}

rig_t *rig_new(const char *ca) {
  rig_t *rig = rig_new_cold(ca);
  cr_assert_eq(tg_io_enable(&rig->hot_io), 0);
  rig->hot_here = true;
  return rig;
}

rig_t *rig_new_cold(const char *ca) {
  rig_t *rig = calloc(1, sizeof *rig);
  tg_io_cfg_t io_cfg;
  tg_conn_cfg_t conn_cfg;
  int err;
  char text[256];
  rig->log = calloc(1, RIG_LOG_BYTES);
  rig->handoff = calloc(1, sizeof *rig->handoff);
  cr_assert_eq(tg_arena_map(&rig->arena, 16u << 20), 0);
  tg_io_cfg_defaults(&io_cfg);
  tg_conn_cfg_defaults(&conn_cfg);
  cr_assert_eq(tg_io_layout(&rig->arena, &rig->cold_io, &io_cfg), 0);
  cr_assert_eq(tg_io_layout(&rig->arena, &rig->hot_io, &io_cfg), 0);
  cr_assert_eq(tg_conn_layout(&rig->arena, &rig->conn, &conn_cfg, &rig->hot_io, 3), 0);
  cr_assert_eq(tg_io_setup(&rig->cold_io), 0);
  cr_assert_eq(tg_io_setup(&rig->hot_io), 0);
  cr_assert_eq(tg_io_enable(&rig->cold_io), 0);
  rig->net = tg_netcold_new(&rig->cold_io);
  cr_assert_not_null(rig->net);
  rig->tls = tg_tls_new(ca ? ca : certs_ca_file(), &err, text, sizeof text);
  cr_assert_not_null(rig->tls, "%s", text);
  static const tg_dial_ops_t dial_ops = {on_open, on_message, on_close, on_detached};
  static const tg_conn_ops_t conn_ops = {conn_message, conn_close};
  rig->dial = tg_dial_new(rig->net, &dial_ops, rig);
  tg_conn_set_ops(&rig->conn, &conn_ops, rig);
  return rig;
}

void rig_free(rig_t *rig) {
  tg_dial_free(rig->dial);
  tg_netcold_free(rig->net);
  tg_tls_free(rig->tls);
  tg_io_close(&rig->cold_io);
  tg_io_close(&rig->hot_io);
  tg_arena_unmap(&rig->arena);
  free(rig->handoff);
  free(rig->log);
  free(rig);
}

void rig_turn(rig_t *rig) {
  uint64_t now = rig_now();
  cr_assert_geq(tg_io_turn(&rig->cold_io, now, 200000), 0);
  tg_netcold_turn(rig->net, now);
  if (rig->hot_here) {
    cr_assert_geq(tg_io_turn(&rig->hot_io, now, 0), 0);
    tg_conn_tick(&rig->conn, now);
  }
  if (rig->detach_retry) try_detach(rig);
}

bool rig_until(rig_t *rig, const int *flag, int value) {
  uint64_t limit = rig_now() + UINT64_C(20000000000);
  while (*flag < value && rig_now() < limit) rig_turn(rig);
  return *flag >= value;
}

int rig_dial(rig_t *rig, const char *host, uint16_t port, bool tls) {
  tg_dial_cfg_t cfg = {.host = host,
                       .port = port,
                       .path = "/ws?a=b",
                       .headers = "X-Test: yes\r\n",
                       .tls = tls ? rig->tls : NULL,
                       .timeout_ms = 10000,
                       .gen = 7,
                       .user_tag = 42};
  return tg_dial_start(rig->dial, &cfg, rig_now());
}

int rig_adopt(rig_t *rig) {
  int rc = tg_dial_take(rig->dial, rig->handoff);
  return rc ? rc : tg_conn_adopt(&rig->conn, rig->handoff, rig_now());
}

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ctype.h>
#include <jansson.h>
#include <sys/socket.h>

#include "engine/cold/control.h"
#include "engine/cold/metrics.h"
#include "tests/unit/engine/cold/tmp.h"
#include "tests/unit/engine/cold/world.h"

static tg_cold_names_t names;
static tg_hist_t hist;

static void collect(void *user, tg_metrics_out_t *out) {
  tg_metrics_put_mirror(out, user, 1000000000);
  const char *labels[] = {"engine", "a \"quoted\"\\\nname", "epoch", "7", NULL};
  tg_metrics_put(out, TG_METRIC_INFO, 1, labels);
  tg_metrics_put(out, TG_METRIC_UPTIME, 1500000000, NULL);
  tg_metrics_put_hist(out, "tick_to_order", &hist);
}

static struct json_t *status(void *user) {
  (void)user;
  return json_pack("{s:b}", "ok", 1);
}

/* A plain reader of the format: every line is a comment or name{labels} value; HELP and TYPE come once, before samples. */
static size_t parse_page(const char *text) {
  size_t samples = 0;
  char family[128] = "", families[128][128];
  size_t family_cnt = 0;
  while (*text) {
    const char *end = strchr(text, '\n');
    cr_assert_not_null(end, "the page ends with a newline");
    if (strncmp(text, "# HELP ", 7) == 0) {
      size_t len = strcspn(text + 7, " ");
      snprintf(family, sizeof family, "%.*s", (int)len, text + 7);
      for (size_t i = 0; i < family_cnt; i++) cr_assert_str_neq(families[i], family, "%s comes twice", family);
      snprintf(families[family_cnt++], 128, "%s", family);
    } else if (strncmp(text, "# TYPE ", 7) == 0) {
      cr_assert_eq(strncmp(text + 7, family, strlen(family)), 0);
    } else {
      cr_assert_eq(strncmp(text, family, strlen(family)), 0, "sample outside its family: %.60s", text);
      cr_assert_not_null(strstr(text, "{mode=\"sim\""), "no mode: %.60s", text);
      const char *at = text + strcspn(text, "{") + 1;
      while (*at != '}') { /* key="value" */
        while (islower((unsigned char)*at) || *at == '_') at++;
        cr_assert_eq(strncmp(at, "=\"", 2), 0, "%.80s", text);
        for (at += 2; *at != '"'; at++) {
          if (*at == '\\') at++;
          cr_assert(*at != '\n' && *at != '\0');
        }
        at++;
        if (*at == ',') at++;
      }
      cr_assert_eq(at[1], ' ');
      char *rest;
      strtod(at + 2, &rest);
      cr_assert_eq(rest, end, "value: %.80s", text);
      samples++;
    }
    text = end + 1;
  }
  return samples;
}

static tg_mirror_t *begin(void) {
  names = world_names();
  tg_mirror_t *mirror = tg_mirror_new(&names, NULL);
  world_fill_it(mirror);
  tg_hist_reset(&hist);
  for (uint64_t i = 1; i <= 1000; i++) tg_hist_record(&hist, i * 10);
  return mirror;
}

Test(metrics, the_page_parses) {
  tg_mirror_t *mirror = begin();
  tg_metrics_cfg_t cfg = {.mode = TG_MODE_SIM, .user = mirror, .collect = collect};
  static char page[1 << 18];
  int64_t len = tg_metrics_text(&cfg, page, sizeof page);
  cr_assert_gt(len, 0);
  page[len] = '\0';
  cr_assert_gt(parse_page(page), 50);
  cr_assert_not_null(strstr(page, "tickgate_state{mode=\"sim\",state=\"3\"} 1\n"));
  cr_assert_not_null(strstr(page, "tickgate_state{mode=\"sim\",state=\"2\"} 0\n"));
  cr_assert_not_null(strstr(page, "tickgate_transitions_total{mode=\"sim\",from=\"2\",to=\"3\",reason=\"7\"} 1\n"));
  cr_assert_not_null(strstr(page, "tickgate_blocked_total{mode=\"sim\",state=\"3\",intent=\"INCREASE_RISK\"} 1\n"));
  cr_assert_not_null(strstr(page, "tickgate_commission{mode=\"sim\",symbol=\"BTCUSDT\"} 0.00001234\n"));
  cr_assert_not_null(strstr(page, "tickgate_uptime_seconds{mode=\"sim\"} 1.5\n"));
  cr_assert_not_null(strstr(page, "tickgate_latency_seconds_count{mode=\"sim\",stage=\"tick_to_order\"} 1000\n"));
  cr_assert_eq(tg_metrics_text(&cfg, page, 100), -TG_ESIZE);
  tg_mirror_free(mirror);
}

/* One request over a connected socket while the server turns; the whole answer. */
static char *fetch(tg_metrics_t *metrics, int fd, const char *request) {
  static char answer[1 << 19];
  size_t len = 0;
  cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
  for (int turns = 0; turns < 20000; turns++) {
    tg_metrics_turn(metrics);
    ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, MSG_DONTWAIT);
    if (n == 0) break;
    if (n > 0) len += (size_t)n;
  }
  close(fd);
  answer[len] = '\0';
  return answer;
}

static const char get[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

Test(metrics, over_a_unix_socket) {
  tg_mirror_t *mirror = begin();
  tmp_dir_t dir = tmp_make();
  char path[256], err[256];
  tg_metrics_cfg_t cfg = {.listen = tmp_join(&dir, "metrics.sock", path, sizeof path),
                          .mode = TG_MODE_SIM,
                          .user = mirror,
                          .collect = collect,
                          .status = status};
  tg_metrics_t *metrics, *second;
  cr_assert_eq(tg_metrics_open(&metrics, &cfg, err, sizeof err), 0, "%s", err);
  cr_assert_eq(tg_metrics_open(&second, &cfg, err, sizeof err), -TG_EBUSY);
  char *answer = fetch(metrics, tg_unix_connect(path), get);
  cr_assert_eq(strncmp(answer, "HTTP/1.1 200 ", 13), 0, "%.200s", answer);
  cr_assert_not_null(strstr(answer, "text/plain; version=0.0.4"));
  char *body = strstr(answer, "\r\n\r\n");
  cr_assert_not_null(body);
  cr_assert_gt(parse_page(body + 4), 50);
  answer = fetch(metrics, tg_unix_connect(path), "GET /status.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  cr_assert_not_null(strstr(answer, "{\"ok\":true}"));
  answer = fetch(metrics, tg_unix_connect(path),
                 "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  cr_assert_eq(strncmp(answer, "HTTP/1.1 405 ", 13), 0, "%.200s", answer);
  answer = fetch(metrics, tg_unix_connect(path), "GET /etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  cr_assert_eq(strncmp(answer, "HTTP/1.1 404 ", 13), 0);
  answer = fetch(metrics, tg_unix_connect(path), "\x01\x02garbage\r\n\r\n");
  cr_assert_neq(strncmp(answer, "HTTP/1.1 200", 12), 0);
  tg_metrics_close(metrics);
  cr_assert_neq(access(path, F_OK), 0);
  tg_mirror_free(mirror);
  tmp_remove(&dir);
}

Test(metrics, over_loopback) {
  tg_mirror_t *mirror = begin();
  char err[256], where[64];
  tg_metrics_cfg_t cfg = {.listen = "127.0.0.1:0", .mode = TG_MODE_SIM, .user = mirror, .collect = collect};
  tg_metrics_t *metrics, *second;
  cr_assert_eq(tg_metrics_open(&metrics, &cfg, err, sizeof err), 0, "%s", err);
  uint16_t port = tg_metrics_port(metrics);
  cr_assert_neq(port, 0);
  snprintf(where, sizeof where, "127.0.0.1:%u", port);
  tg_metrics_cfg_t other = cfg;
  other.listen = where;
  cr_assert_eq(tg_metrics_open(&second, &other, err, sizeof err), -TG_EBUSY);
  cr_assert_not_null(strstr(err, where));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  cr_assert_eq(strncmp(fetch(metrics, fd, get), "HTTP/1.1 200 ", 13), 0);
  tg_metrics_close(metrics);
  static const char *const bad[] = {"0.0.0.0:9100", "127.0.0.1:x", "127.0.0.1:70000", "", ":9100"};
  for (size_t i = 0; i < TG_ARRAY_CNT(bad); i++) {
    cfg.listen = bad[i];
    cr_assert_eq(tg_metrics_open(&metrics, &cfg, err, sizeof err), -TG_EINVAL, "%s", bad[i]);
  }
  tg_mirror_free(mirror);
}

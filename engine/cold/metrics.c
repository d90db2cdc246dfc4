/* The HTTP side: libmicrohttpd on a socket of ours, run from the cold lane's turn. */
#include "engine/cold/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/decimal.h"
#include "engine/cold/control.h"
#include "engine/cold/file_ops.h"

enum { TIMEOUT_S = 10, CONNECTION_MEMORY = 16 << 10 };

struct tg_metrics {
  tg_metrics_cfg_t cfg;
  struct MHD_Daemon *daemon;
  int fd, lock_fd;
  uint16_t port; /* 0: UNIX socket */
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type, void *text, size_t len,
                             enum MHD_ResponseMemoryMode mode) {
  struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
  if (!response) {
    if (mode == MHD_RESPMEM_MUST_FREE) free(text);
    return MHD_NO;
  }
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *text) {
  return reply(connection, status, "text/plain; charset=utf-8", (void *)(uintptr_t)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result page_metrics(const tg_metrics_t *metrics, struct MHD_Connection *connection) {
  char *text = malloc(TG_METRICS_TEXT_BYTES);
  int64_t len = text ? tg_metrics_text(&metrics->cfg, text, TG_METRICS_TEXT_BYTES) : -TG_ENOMEM;
  if (len < 0) {
    free(text);
    return reply_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the page does not fit\n");
  }
  char *fitted = realloc(text, (size_t)len + 1);
  return reply(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", fitted ? fitted : text, (size_t)len,
               MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result page_status(const tg_metrics_t *metrics, struct MHD_Connection *connection) {
  if (!metrics->cfg.status) return reply_text(connection, MHD_HTTP_NOT_FOUND, "no status here\n");
  json_t *document = metrics->cfg.status(metrics->cfg.user);
  char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
  json_decref(document);
  if (!text) return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no status now\n");
  return reply(connection, MHD_HTTP_OK, "application/json", text, strlen(text), MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **state) {
  static int begun;
  (void)version;
  (void)upload;
  if (*state == NULL) { /* the request line and headers are there; the body, if any, comes and is thrown away */
    *state = &begun;
    return MHD_YES;
  }
  if (*upload_len > 0) {
    *upload_len = 0;
    return MHD_YES;
  }
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
    return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
  if (strcmp(url, "/metrics") == 0) return page_metrics(user, connection);
  if (strcmp(url, "/status.json") == 0) return page_status(user, connection);
  return reply_text(connection, MHD_HTTP_NOT_FOUND, "/metrics and /status.json are here\n");
}

/* "127.0.0.1:PORT" -> the port; -1: not of this form. */
static int loopback_port(const char *listen) {
  static const char prefix[] = "127.0.0.1:";
  int64_t port;
  if (strncmp(listen, prefix, sizeof prefix - 1) != 0) return -1;
  const char *digits = listen + sizeof prefix - 1;
  if (tg_dec_parse(digits, strlen(digits), 0, &port) < 0 || port < 0 || port > 65535) return -1;
  return (int)port;
}

static int listen_tcp(tg_metrics_t *metrics, int port, char *err_text, size_t err_cap) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1, rc = 0;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    rc = -TG_EIO;
  } else if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, TG_METRICS_CLIENTS) != 0) {
    rc = errno == EADDRINUSE ? -TG_EBUSY : tg_file_err(errno);
  }
  socklen_t len = sizeof address;
  if (rc == 0 && getsockname(fd, (struct sockaddr *)&address, &len) != 0) rc = -TG_EIO;
  if (rc < 0) {
    snprintf(err_text, err_cap, "metrics 127.0.0.1:%d: %s; set metrics.listen to a free port or to \"\"", port,
             tg_err_text(rc));
    if (fd >= 0) close(fd);
    return rc;
  }
  metrics->port = ntohs(address.sin_port);
  return fd;
}

static int start(tg_metrics_t *metrics, char *err_text, size_t err_cap) {
  const char *where = metrics->cfg.listen;
  int port = loopback_port(where);
  if (port < 0 && (strchr(where, ':') || *where == '\0')) {
    snprintf(err_text, err_cap, "metrics.listen \"%s\": give a socket's path or 127.0.0.1:PORT; no other address is served",
             where);
    return -TG_EINVAL;
  }
  metrics->fd =
      port >= 0 ? listen_tcp(metrics, port, err_text, err_cap) : tg_unix_listen(where, &metrics->lock_fd, err_text, err_cap);
  if (metrics->fd < 0) return metrics->fd;
  metrics->daemon =
      MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, metrics, MHD_OPTION_LISTEN_SOCKET, metrics->fd,
                       MHD_OPTION_CONNECTION_LIMIT, (unsigned)TG_METRICS_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
                       (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
  if (metrics->daemon) return 0;
  snprintf(err_text, err_cap, "metrics: the HTTP server did not start");
  return -TG_EIO;
}

int tg_metrics_open(tg_metrics_t **out, const tg_metrics_cfg_t *cfg, char *err_text, size_t err_cap) {
  *out = NULL;
  if (err_cap) err_text[0] = '\0';
  tg_metrics_t *metrics = calloc(1, sizeof *metrics);
  if (!metrics) {
    snprintf(err_text, err_cap, "metrics: no memory");
    return -TG_ENOMEM;
  }
  metrics->cfg = *cfg;
  metrics->fd = metrics->lock_fd = -1;
  int rc = start(metrics, err_text, err_cap);
  if (rc < 0) {
    tg_metrics_close(metrics);
    return rc;
  }
  *out = metrics;
  return 0;
}

void tg_metrics_turn(tg_metrics_t *metrics) {
  (void)MHD_run(metrics->daemon);
}

uint16_t tg_metrics_port(const tg_metrics_t *metrics) {
  return metrics->port;
}

void tg_metrics_close(tg_metrics_t *metrics) {
  if (!metrics) return;
  if (metrics->daemon) {
    MHD_stop_daemon(metrics->daemon); /* closes the listening socket too */
    if (metrics->port == 0) (void)unlink(metrics->cfg.listen);
    metrics->fd = -1;
  }
  if (metrics->port == 0) {
    tg_unix_unlisten(metrics->cfg.listen, metrics->fd, metrics->lock_fd);
  } else if (metrics->fd >= 0) {
    close(metrics->fd);
  }
  free(metrics);
}

/* metrics.h - Prometheus text and /status.json, GET only, on a UNIX socket or loopback.
 * What:    libmicrohttpd run by the cold lane (no thread of its own); metrics are the rows of metrics.def, values are put by a
 *          collect callback each time they are asked for.
 * Owner:   tg_metrics_open allocates, tg_metrics_close frees.
 * Threads: one.
 * Limit:   TG_METRICS_CLIENTS connections, TG_METRICS_TEXT_BYTES of text, 10 s a connection.
 * Errors:  see each call. */
#ifndef TG_COLD_METRICS_H
#define TG_COLD_METRICS_H

#include "engine/base/err.h"
#include "engine/base/hist.h"
#include "engine/base/types.h"
#include "engine/cold/mirror.h"

struct json_t;

#define TG_METRICS_CLIENTS 8
#define TG_METRICS_TEXT_BYTES (4u << 20)

typedef enum tg_metric {
#define METRIC(NAME, name, TYPE, decimals, help) TG_METRIC_##NAME,
#include "engine/cold/metrics.def"
#undef METRIC
  TG_METRIC_CNT
} tg_metric_t;

/* A page of text under construction. Samples must come metric by metric (the format groups them). */
typedef struct tg_metrics_out {
  char *text;
  size_t len, cap;
  const char *mode;
  int last;      /* metric whose HELP and TYPE were written last, -1 none */
  bool overflow; /* did not fit: the page is refused */
} tg_metrics_out_t;

/* One sample: `labels` is NULL or pairs k,v,k,v,...,NULL; values are escaped here. */
void tg_metrics_put(tg_metrics_out_t *out, tg_metric_t metric, int64_t value, const char *const *labels);
/* Quantiles 0.5, 0.9, 0.99, 0.999, 1, _sum and _count of a histogram of ns as LATENCY of one stage. */
void tg_metrics_put_hist(tg_metrics_out_t *out, const char *stage, const tg_hist_t *hist);
/* Everything the mirror knows. */
void tg_metrics_put_mirror(tg_metrics_out_t *out, const tg_mirror_t *mirror, uint64_t now_ns);

typedef struct tg_metrics_cfg {
  const char *listen; /* path of a UNIX socket, or "127.0.0.1:PORT" */
  uint8_t mode;       /* tg_mode_t: a label on every metric */
  void *user;
  /* Puts all values, metric by metric. */
  void (*collect)(void *user, tg_metrics_out_t *out);
  /* The /status.json document, a new reference; NULL: 503. The callback itself may be NULL: 404. */
  struct json_t *(*status)(void *user);
} tg_metrics_cfg_t;

typedef struct tg_metrics tg_metrics_t;

/* 0, -TG_EBUSY (address in use: exit ADDR), -TG_EINVAL (not a path and not 127.0.0.1:PORT), -TG_EPERM, -TG_EEXISTS, -TG_EIO,
 * -TG_ENOMEM; err_text says it in one line. */
TG_MUST_USE int tg_metrics_open(tg_metrics_t **out, const tg_metrics_cfg_t *cfg, char *err_text, size_t err_cap);
/* Serves what came; never blocks. */
void tg_metrics_turn(tg_metrics_t *metrics);
/* The whole page into a buffer (tests, reports). Length or -TG_ESIZE. */
TG_MUST_USE int64_t tg_metrics_text(const tg_metrics_cfg_t *cfg, char *buf, size_t cap);
/* TCP port in use (0 on a UNIX socket). */
uint16_t tg_metrics_port(const tg_metrics_t *metrics);
void tg_metrics_close(tg_metrics_t *metrics);

#endif

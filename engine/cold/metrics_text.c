/* Prometheus text, exposition format 0.0.4. */
#include <stdio.h>
#include <string.h>

#include "engine/base/decimal.h"
#include "engine/cold/answer.h"
#include "engine/cold/metrics.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_SUMMARY };

typedef struct metric_row {
  const char *name, *help;
  enum metric_type type;
  uint8_t decimals;
} metric_row_t;

static const metric_row_t metric_rows[TG_METRIC_CNT] = {
#define METRIC(NAME, name, TYPE, decimals, help) {name, help, METRIC_##TYPE, decimals},
#include "engine/cold/metrics.def"
#undef METRIC
};
static const char *const type_name[] = {"counter", "gauge", "summary"};

static void put(tg_metrics_out_t *out, const char *text, size_t len) {
  if (len > out->cap - out->len) {
    out->overflow = true;
    return;
  }
  memcpy(out->text + out->len, text, len);
  out->len += len;
}

static void put_text(tg_metrics_out_t *out, const char *text) {
  put(out, text, strlen(text));
}

static void put_label(tg_metrics_out_t *out, const char *key, const char *value) {
  put_text(out, key);
  put_text(out, "=\"");
  for (; *value; value++) {
    if (*value == '\\') {
      put_text(out, "\\\\");
    } else if (*value == '"') {
      put_text(out, "\\\"");
    } else if (*value == '\n') {
      put_text(out, "\\n");
    } else {
      put(out, value, 1);
    }
  }
  put_text(out, "\"");
}

/* One line: name and suffix, mode and labels, value with its point. */
static void put_line(tg_metrics_out_t *out, tg_metric_t metric, const char *suffix, int64_t value, unsigned decimals,
                     const char *const *labels) {
  const metric_row_t *row = &metric_rows[metric];
  if (out->last != (int)metric) {
    out->last = (int)metric;
    put_text(out, "# HELP ");
    put_text(out, row->name);
    put_text(out, " ");
    put_text(out, row->help);
    put_text(out, "\n# TYPE ");
    put_text(out, row->name);
    put_text(out, " ");
    put_text(out, type_name[row->type]);
    put_text(out, "\n");
  }
  put_text(out, row->name);
  put_text(out, suffix);
  put_text(out, "{");
  put_label(out, "mode", out->mode);
  for (size_t i = 0; labels && labels[i]; i += 2) {
    put_text(out, ",");
    put_label(out, labels[i], labels[i + 1]);
  }
  put_text(out, "} ");
  char number[24];
  put(out, number, tg_dec_print_short(value, decimals, number));
  put_text(out, "\n");
}

void tg_metrics_put(tg_metrics_out_t *out, tg_metric_t metric, int64_t value, const char *const *labels) {
  put_line(out, metric, "", value, metric_rows[metric].decimals, labels);
}

static int64_t clamp(uint64_t value) {
  return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void tg_metrics_put_hist(tg_metrics_out_t *out, const char *stage, const tg_hist_t *hist) {
  static const struct {
    double q;
    const char *text;
  } quantile[] = {{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}, {0.999, "0.999"}, {1.0, "1"}};
  for (size_t i = 0; i < TG_ARRAY_CNT(quantile) && hist->cnt > 0; i++) {
    const char *labels[] = {"stage", stage, "quantile", quantile[i].text, NULL};
    put_line(out, TG_METRIC_LATENCY, "", clamp(tg_hist_quantile(hist, quantile[i].q)), 9, labels);
  }
  const char *labels[] = {"stage", stage, NULL};
  put_line(out, TG_METRIC_LATENCY, "_sum", clamp(hist->sum), 9, labels);
  put_line(out, TG_METRIC_LATENCY, "_count", clamp(hist->cnt), 0, labels);
}

static void put1(tg_metrics_out_t *out, tg_metric_t metric, uint64_t value, const char *key, const char *label) {
  const char *labels[] = {key, label, NULL};
  tg_metrics_put(out, metric, clamp(value), labels);
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns) {
  return then_ns && now_ns > then_ns ? now_ns - then_ns : 0;
}

static void put_state(tg_metrics_out_t *out, const tg_mirror_t *mirror, uint64_t now_ns) {
  const tg_cold_names_t *names = mirror->names;
  unsigned cnt = names->fsm_state_cnt < TG_COLD_FSM_STATES ? names->fsm_state_cnt : TG_COLD_FSM_STATES;
  for (unsigned i = 0; i < cnt; i++) put1(out, TG_METRIC_STATE, mirror->state == i, "state", names->fsm_state(i));
  tg_metrics_put(out, TG_METRIC_STATE_SECONDS, clamp(since(now_ns, mirror->state_since_ns)), NULL);
  for (unsigned from = 0; from < cnt; from++) {
    for (unsigned to = 0; to < cnt; to++) {
      for (unsigned reason = 0; reason < TG_MIRROR_REASONS; reason++) {
        uint64_t value = mirror->counts.transition[from][to][reason];
        const char *labels[] = {"from",   names->fsm_state(from),    "to", names->fsm_state(to),
                                "reason", names->fsm_reason(reason), NULL};
        if (value) tg_metrics_put(out, TG_METRIC_TRANSITIONS, clamp(value), labels);
      }
    }
  }
  for (unsigned state = 0; state < cnt; state++) {
    for (unsigned intent = 1; intent < 4; intent++) {
      uint64_t value = mirror->counts.blocked[state][intent];
      const char *labels[] = {"state", names->fsm_state(state), "intent", tg_intent_name(intent), NULL};
      if (value) tg_metrics_put(out, TG_METRIC_BLOCKED, clamp(value), labels);
    }
  }
}

static void put_gates(tg_metrics_out_t *out, const tg_mirror_t *mirror) {
  const tg_mirror_counts_t *counts = &mirror->counts;
  for (unsigned bit = 0; bit < TG_MIRROR_GATES; bit++) {
    for (unsigned sub = 0; sub < TG_COLD_GATE_SUBS; sub++) {
      if (counts->gate_first[bit][sub])
        put1(out, TG_METRIC_GATE_FIRST, counts->gate_first[bit][sub], "gate", tg_cold_gate_reason(bit, sub));
    }
  }
  for (unsigned bit = 0; bit < TG_MIRROR_GATES; bit++) {
    if (counts->gate_any[bit]) put1(out, TG_METRIC_GATE_ANY, counts->gate_any[bit], "gate", tg_cold_gate_reason(bit, 0));
  }
  for (unsigned d = 0; d < TG_MIRROR_DECISION_KINDS; d++) {
    for (unsigned r = 0; r < TG_MIRROR_REASONS; r++) {
      const char *labels[] = {"decision", mirror->names->decision(d), "reason", mirror->names->decision_reason(r), NULL};
      if (counts->decision[d][r]) tg_metrics_put(out, TG_METRIC_DECISIONS, clamp(counts->decision[d][r]), labels);
    }
  }
}

static void put_traffic(tg_metrics_out_t *out, const tg_mirror_t *mirror) {
  const tg_mirror_counts_t *counts = &mirror->counts;
  for (unsigned kind = 1; kind < 256; kind++) {
    if (counts->kind[kind]) put1(out, TG_METRIC_MESSAGES, counts->kind[kind], "kind", tg_msg_kind_name(kind));
  }
  put1(out, TG_METRIC_ORDERS, counts->orders_placed, "request", "place");
  put1(out, TG_METRIC_ORDERS, counts->orders_amended, "request", "amend");
  put1(out, TG_METRIC_ORDERS, counts->orders_cancelled, "request", "cancel");
  put1(out, TG_METRIC_ORDERS, counts->queries, "request", "query");
  put1(out, TG_METRIC_ORDERS, counts->cancel_alls, "request", "cancel_all");
  for (unsigned i = 1; i < TG_OUTCOME_CNT; i++) put1(out, TG_METRIC_ANSWERS, counts->answer[i], "outcome", tg_outcome_name(i));
}

/* One metric over all instruments. */
typedef int64_t (*symbol_value_fn)(const tg_mirror_symbol_t *symbol, uint64_t now_ns);
static int64_t value_open(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return clamp(symbol->open_orders);
}
static int64_t value_position(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return symbol->position.qty_lots;
}
static int64_t value_realised(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return symbol->position.realised_e8;
}
static int64_t value_commission(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return symbol->position.commission_e8;
}
static int64_t value_funding(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return symbol->position.funding_e8;
}
static int64_t value_unrealised(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return symbol->position.unrealised_e8;
}
static int64_t value_updates(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return clamp(symbol->book_updates);
}
static int64_t value_gaps(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  (void)now_ns;
  return clamp(symbol->book_gap_cnt);
}
static int64_t value_age(const tg_mirror_symbol_t *symbol, uint64_t now_ns) {
  return clamp(since(now_ns, symbol->top_ns));
}

static void put_symbols(tg_metrics_out_t *out, const tg_mirror_t *mirror, uint64_t now_ns) {
  static const struct {
    tg_metric_t metric;
    symbol_value_fn value;
  } rows[] = {
      {TG_METRIC_OPEN_ORDERS, value_open},      {TG_METRIC_POSITION, value_position}, {TG_METRIC_REALISED, value_realised},
      {TG_METRIC_COMMISSION, value_commission}, {TG_METRIC_FUNDING, value_funding},   {TG_METRIC_UNREALISED, value_unrealised},
      {TG_METRIC_BOOK_UPDATES, value_updates},  {TG_METRIC_BOOK_GAPS, value_gaps},    {TG_METRIC_FEED_AGE, value_age}};
  for (size_t r = 0; r < TG_ARRAY_CNT(rows); r++) {
    for (unsigned i = 0; i < TG_INSTR_MAX; i++) {
      const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
      const char *labels[] = {"symbol", symbol->cfg.symbol, NULL};
      if (symbol->known) tg_metrics_put(out, rows[r].metric, rows[r].value(symbol, now_ns), labels);
    }
  }
  for (unsigned i = 0; i < TG_INSTR_MAX; i++) {
    const tg_mirror_symbol_t *symbol = &mirror->symbol[i];
    for (unsigned state = 0; state < TG_BOOK_CNT && symbol->known; state++) {
      const char *labels[] = {"symbol", symbol->cfg.symbol, "state", tg_book_state_name(state), NULL};
      tg_metrics_put(out, TG_METRIC_BOOK_STATE, symbol->book_state == state, labels);
    }
  }
}

static void put_world(tg_metrics_out_t *out, const tg_mirror_t *mirror) {
  for (unsigned i = 1; i < TG_SESSION_CNT; i++) {
    if (mirror->link[i].known) put1(out, TG_METRIC_LINK_UP, mirror->link[i].link.up, "session", tg_session_name(i));
  }
  for (unsigned i = 1; i < TG_SESSION_CNT; i++) {
    if (mirror->link[i].known) put1(out, TG_METRIC_LINK_DOWNS, mirror->link[i].downs, "session", tg_session_name(i));
  }
  for (unsigned i = 1; i < TG_ALARM_CNT && i < 64; i++) {
    if (mirror->counts.alarm[i]) put1(out, TG_METRIC_ALARMS, mirror->counts.alarm[i], "alarm", tg_alarm_name(i));
  }
  if (mirror->rate_ns) {
    put1(out, TG_METRIC_RATE_USED, mirror->rate.weight_1m_used, "window", "weight_1m");
    put1(out, TG_METRIC_RATE_USED, mirror->rate.orders_10s_used, "window", "orders_10s");
    put1(out, TG_METRIC_RATE_USED, mirror->rate.orders_1m_used, "window", "orders_1m");
    put1(out, TG_METRIC_RATE_LIMIT, mirror->rate.weight_1m_limit, "window", "weight_1m");
    put1(out, TG_METRIC_RATE_LIMIT, mirror->rate.orders_10s_limit, "window", "orders_10s");
    put1(out, TG_METRIC_RATE_LIMIT, mirror->rate.orders_1m_limit, "window", "orders_1m");
  }
  if (mirror->clock_ns) tg_metrics_put(out, TG_METRIC_CLOCK_OFFSET, mirror->clock.offset_ns, NULL);
}

void tg_metrics_put_mirror(tg_metrics_out_t *out, const tg_mirror_t *mirror, uint64_t now_ns) {
  put_state(out, mirror, now_ns);
  put_gates(out, mirror);
  put_traffic(out, mirror);
  put1(out, TG_METRIC_FILLS, mirror->counts.maker_fills, "liquidity", "maker");
  put1(out, TG_METRIC_FILLS, mirror->counts.fills - mirror->counts.maker_fills, "liquidity", "taker");
  put_symbols(out, mirror, now_ns);
  put_world(out, mirror);
}

int64_t tg_metrics_text(const tg_metrics_cfg_t *cfg, char *buf, size_t cap) {
  tg_metrics_out_t out = {.text = buf, .cap = cap, .mode = tg_mode_word(cfg->mode), .last = -1};
  if (cfg->collect) cfg->collect(cfg->user, &out);
  return out.overflow ? -TG_ESIZE : (int64_t)out.len;
}

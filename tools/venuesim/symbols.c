/* symbols.c - the listed symbols, their filters, exchangeInfo, and the names of enumerations. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vs.h"

const vs_symbol vs_symbols[] = {
    {"BTCUSDT", "btcusdt", "BTC", 2, 3, 10000000, 100000, 55680000000, 452976400000000, 100000, 100000000000, 12000000000,
     5000000000, 6100000000000},
    {"ETHUSDT", "ethusdt", "ETH", 2, 3, 1000000, 100000, 3986000000, 4100000000000, 100000, 1000000000000, 200000000000,
     2000000000, 330000000000},
};
const int vs_symbol_cnt = (int)(sizeof vs_symbols / sizeof vs_symbols[0]);

const char *const vs_side_name[] = {"BUY", "SELL"};
const char *const vs_type_name[] = {"LIMIT", "MARKET"};
const char *const vs_tif_name[] = {"GTC", "IOC", "FOK", "GTX", "GTD"};
const char *const vs_stp_name[] = {"NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"};
const char *const vs_status_name[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"};
const char *const vs_price_match_name[] = {"NONE",  "OPPONENT", "OPPONENT_5", "OPPONENT_10", "OPPONENT_20",
                                           "QUEUE", "QUEUE_5",  "QUEUE_10",   "QUEUE_20"};

int vs_name_idx(const char *const *names, int cnt, const char *s) {
  for (int k = 0; k < cnt; k++) {
    if (strcmp(names[k], s) == 0) {
      return k;
    }
  }
  return -1;
}

int64_t vs_skew_us;

int64_t vs_now_us(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + vs_skew_us;
}

int64_t vs_now_ms(void) {
  return vs_now_us() / 1000;
}

int vs_refuse(vs_reject *rej, int http, int code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(rej->msg, sizeof rej->msg, fmt, ap);
  va_end(ap);
  if (n < 0) {
    rej->msg[0] = '\0';
  }
  rej->http = http;
  rej->code = code;
  return -1;
}

const vs_symbol *vs_symbol_find(const char *name) {
  for (int k = 0; k < vs_symbol_cnt; k++) {
    if (strcmp(vs_symbols[k].name, name) == 0) {
      return &vs_symbols[k];
    }
  }
  return NULL;
}

static void symbol_json(const vs_symbol *s, const vs_rules *r, vs_buf *out) {
  vs_buf_f(
      out,
      "{\"symbol\":\"%s\",\"pair\":\"%s\",\"contractType\":\"PERPETUAL\",\"deliveryDate\":4133404800000,"
      "\"onboardDate\":1569398400000,\"status\":\"%s\",\"maintMarginPercent\":\"2.5000\",\"requiredMarginPercent\":\"5.0000\","
      "\"baseAsset\":\"%s\",\"quoteAsset\":\"USDT\",\"marginAsset\":\"USDT\",\"pricePrecision\":%d,\"quantityPrecision\":%d,"
      "\"baseAssetPrecision\":8,\"quotePrecision\":8,\"underlyingType\":\"COIN\",\"underlyingSubType\":[\"PoW\"],"
      "\"triggerProtect\":\"0.0500\",\"liquidationFee\":\"0.012500\",\"marketTakeBound\":\"0.05\",\"maxMoveOrderLimit\":%d,",
      s->name, s->name, r->status, s->base, s->px_dec, s->qty_dec, VS_AMEND_MAX);
  vs_buf_f(out,
           "\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"%s\",\"maxPrice\":\"%s\",\"tickSize\":\"%s\"},"
           "{\"filterType\":\"LOT_SIZE\",\"minQty\":\"%s\",\"maxQty\":\"%s\",\"stepSize\":\"%s\"},"
           "{\"filterType\":\"MARKET_LOT_SIZE\",\"minQty\":\"%s\",\"maxQty\":\"%s\",\"stepSize\":\"%s\"},",
           vs_d(s->px_min, s->px_dec), vs_dtrim(s->px_max), vs_d(r->tick, s->px_dec), vs_d(r->qty_min, s->qty_dec),
           vs_dtrim(s->qty_max), vs_d(r->step, s->qty_dec), vs_d(r->qty_min, s->qty_dec), vs_dtrim(s->market_qty_max),
           vs_d(r->step, s->qty_dec));
  vs_buf_f(out,
           "{\"filterType\":\"MAX_NUM_ORDERS\",\"limit\":%d},{\"filterType\":\"MIN_NOTIONAL\",\"notional\":\"%s\"},"
           "{\"filterType\":\"PERCENT_PRICE\",\"multiplierUp\":\"1.0500\",\"multiplierDown\":\"0.9500\",\"multiplierDecimal\":"
           "\"4\"},"
           "{\"filterType\":\"POSITION_RISK_CONTROL\",\"positionControlSide\":\"NONE\"}],"
           "\"orderTypes\":[\"LIMIT\",\"MARKET\",\"STOP\",\"STOP_MARKET\",\"TAKE_PROFIT\",\"TAKE_PROFIT_MARKET\","
           "\"TRAILING_STOP_MARKET\"],\"timeInForce\":[\"GTC\",\"IOC\",\"FOK\",\"GTX\",\"GTD\"],\"permissionSets\":[\"GRID\"]}",
           VS_OPEN_CNT, vs_dtrim(r->notional_min));
}

void vs_exchange_info(vs_venue *v, vs_buf *out) {
  vs_buf_f(out,
           "{\"timezone\":\"UTC\",\"serverTime\":%lld,\"futuresType\":\"U_MARGINED\",\"rateLimits\":["
           "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":%lld},"
           "{\"rateLimitType\":\"ORDERS\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":%lld},"
           "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":%lld}],\"exchangeFilters\":[],"
           "\"assets\":[{\"asset\":\"USDT\",\"marginAvailable\":true,\"autoAssetExchange\":\"-10000\"}],\"symbols\":[",
           (long long)vs_now_ms(), (long long)(2400 * v->opt.limits), (long long)(1200 * v->opt.limits),
           (long long)(300 * v->opt.limits));
  for (int k = 0; k < vs_symbol_cnt; k++) {
    if (k > 0) {
      vs_buf_c(out, ',');
    }
    const vs_symbol *s = &vs_symbols[k];
    vs_rules other = {
        .tick = s->tick, .step = s->step, .qty_min = s->qty_min, .notional_min = s->notional_min, .status = "PENDING_TRADING"};
    symbol_json(s, s == v->sym ? &v->rules : &other, out);
  }
  vs_buf_s(out, "]}");
}

/* rest_account.c - account queries and settings: balances, positions, configuration, income. One asset (USDT), one-way mode. */
#include <stdlib.h>
#include <string.h>

#include "vs.h"

typedef struct sums {
  int64_t wallet, upnl, equity, maint, init, init_pos, init_orders, avail;
} sums;

static int64_t positive(int64_t x) {
  return x > 0 ? x : 0;
}

static sums account_sums(const vs_venue *v) {
  sums s;
  const vs_account *a = &v->acct;
  int64_t notional = vs_mul(v->feed.mark, a->pos_qty < 0 ? -a->pos_qty : a->pos_qty);
  s.wallet = a->wallet;
  s.upnl = vs_acct_upnl(v);
  s.equity = s.wallet + s.upnl;
  s.maint = vs_round_div((vs_i128)notional * 4, 1000);
  s.init = vs_acct_margin(v, -1, 0);
  s.init_pos = vs_round_div(notional, a->leverage);
  s.init_orders = positive(s.init - s.init_pos);
  s.avail = positive(s.equity - s.init);
  return s;
}

int vs_h_balance(vs_req *r) {
  sums s = account_sums(r->v);
  vs_buf_f(
      r->out,
      "[{\"accountAlias\":\"SgsR\",\"asset\":\"USDT\",\"balance\":\"%s\",\"crossWalletBalance\":\"%s\",\"crossUnPnl\":\"%s\","
      "\"availableBalance\":\"%s\",\"maxWithdrawAmount\":\"%s\",\"marginAvailable\":true,\"updateTime\":%lld}]",
      vs_d(s.wallet, 8), vs_d(s.wallet, 8), vs_d(s.upnl, 8), vs_d(s.avail, 8), vs_d(s.avail, 8),
      (long long)r->v->acct.wallet_t);
  return 0;
}

static void asset_json(vs_req *r, const sums *s) {
  vs_buf_f(r->out,
           "\"assets\":[{\"asset\":\"USDT\",\"walletBalance\":\"%s\",\"unrealizedProfit\":\"%s\",\"marginBalance\":\"%s\","
           "\"maintMargin\":\"%s\","
           "\"initialMargin\":\"%s\",\"positionInitialMargin\":\"%s\",\"openOrderInitialMargin\":\"%s\",\"crossWalletBalance\":"
           "\"%s\","
           "\"crossUnPnl\":\"%s\",\"availableBalance\":\"%s\",\"maxWithdrawAmount\":\"%s\",\"marginAvailable\":true,"
           "\"updateTime\":%lld}],",
           vs_d(s->wallet, 8), vs_d(s->upnl, 8), vs_d(s->equity, 8), vs_d(s->maint, 8), vs_d(s->init, 8), vs_d(s->init_pos, 8),
           vs_d(s->init_orders, 8), vs_d(s->wallet, 8), vs_d(s->upnl, 8), vs_d(s->avail, 8), vs_d(s->avail, 8),
           (long long)r->v->acct.wallet_t);
}

static void totals_json(vs_req *r, const sums *s) {
  vs_buf_f(
      r->out,
      "\"totalInitialMargin\":\"%s\",\"totalMaintMargin\":\"%s\",\"totalWalletBalance\":\"%s\",\"totalUnrealizedProfit\":\"%"
      "s\","
      "\"totalMarginBalance\":\"%s\",\"totalPositionInitialMargin\":\"%s\",\"totalOpenOrderInitialMargin\":\"%s\","
      "\"totalCrossWalletBalance\":\"%s\",\"totalCrossUnPnl\":\"%s\",\"availableBalance\":\"%s\",\"maxWithdrawAmount\":\"%s\",",
      vs_d(s->init, 8), vs_d(s->maint, 8), vs_d(s->wallet, 8), vs_d(s->upnl, 8), vs_d(s->equity, 8), vs_d(s->init_pos, 8),
      vs_d(s->init_orders, 8), vs_d(s->wallet, 8), vs_d(s->upnl, 8), vs_d(s->avail, 8), vs_d(s->avail, 8));
}

/* In hedge mode (a script's doing) a position shows the side of its sign. */
static const char *pos_side(const vs_venue *v, bool own) {
  return !v->hedge || !own ? "BOTH" : v->acct.pos_qty < 0 ? "SHORT" : "LONG";
}

static int64_t signed_notional(const vs_venue *v) {
  int64_t q = v->acct.pos_qty;
  return q < 0 ? -vs_mul(v->feed.mark, -q) : vs_mul(v->feed.mark, q);
}

static void account_position(vs_req *r, const vs_symbol *sym, const sums *s, bool v2) {
  const vs_venue *v = r->v;
  bool own = sym == v->sym;
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"positionSide\":\"%s\",\"positionAmt\":\"%s\",\"unrealizedProfit\":\"%s\",\"notional\":\"%s\","
           "\"isolatedWallet\":\"0\",\"initialMargin\":\"%s\",\"maintMargin\":\"%s\",\"updateTime\":%lld",
           sym->name, pos_side(v, own), vs_d(own ? v->acct.pos_qty : 0, sym->qty_dec), vs_d(own ? s->upnl : 0, 8),
           vs_d(own ? signed_notional(v) : 0, 8), vs_d(own ? s->init : 0, 8), vs_d(own ? s->maint : 0, 8),
           (long long)(own ? v->acct.pos_t : 0));
  if (v2) {
    vs_buf_f(r->out,
             ",\"leverage\":\"%d\",\"isolated\":%s,\"entryPrice\":\"%s\",\"breakEvenPrice\":\"%s\",\"maxNotional\":\"%s\","
             "\"positionInitialMargin\":\"%s\",\"openOrderInitialMargin\":\"%s\",\"bidNotional\":\"0\",\"askNotional\":\"0\"}",
             own ? v->acct.leverage : 20, own && v->acct.isolated ? "true" : "false", vs_d(own ? vs_acct_entry(v) : 0, 8),
             vs_d(own ? vs_acct_breakeven(v) : 0, 8), vs_dtrim(vs_acct_max_notional(own ? v->acct.leverage : 20)),
             vs_d(own ? s->init_pos : 0, 8), vs_d(own ? s->init_orders : 0, 8));
  } else {
    vs_buf_s(r->out, ",\"isolatedMargin\":\"0\"}");
  }
}

static int account(vs_req *r, bool v2) {
  const vs_venue *v = r->v;
  sums s = account_sums(v);
  vs_buf_c(r->out, '{');
  if (v2) {
    vs_buf_f(r->out,
             "\"feeTier\":0,\"canTrade\":true,\"canDeposit\":true,\"canWithdraw\":true,\"updateTime\":0,"
             "\"multiAssetsMargin\":%s,\"tradeGroupId\":-1,",
             v->acct.multi_assets ? "true" : "false");
  }
  totals_json(r, &s);
  asset_json(r, &s);
  vs_buf_s(r->out, "\"positions\":[");
  bool first = true;
  for (int k = 0; k < vs_symbol_cnt; k++) {
    bool live = &vs_symbols[k] == v->sym && (v->acct.pos_qty != 0 || v->open_cnt > 0);
    if (v2 || live) {
      vs_buf_s(r->out, first ? "" : ",");
      account_position(r, &vs_symbols[k], &s, v2);
      first = false;
    }
  }
  vs_buf_s(r->out, "]}");
  return 0;
}

int vs_h_account(vs_req *r) {
  return account(r, false);
}

int vs_h_account_v2(vs_req *r) {
  return account(r, true);
}

static void position_row(vs_req *r, const vs_symbol *sym, bool v2) {
  const vs_venue *v = r->v;
  bool own = sym == v->sym;
  sums s = account_sums(v);
  vs_buf_f(
      r->out,
      "{\"symbol\":\"%s\",\"positionSide\":\"%s\",\"positionAmt\":\"%s\",\"entryPrice\":\"%s\",\"breakEvenPrice\":\"%s\","
      "\"markPrice\":\"%s\",\"unRealizedProfit\":\"%s\",\"liquidationPrice\":\"0\",\"isolatedMargin\":\"0\",\"notional\":\"%"
      "s\","
      "\"isolatedWallet\":\"0\",\"updateTime\":%lld,",
      sym->name, pos_side(v, own), vs_d(own ? v->acct.pos_qty : 0, sym->qty_dec), vs_d(own ? vs_acct_entry(v) : 0, 8),
      vs_d(own ? vs_acct_breakeven(v) : 0, 8), vs_d(own ? v->feed.mark : sym->start_px, 8), vs_d(own ? s.upnl : 0, 8),
      vs_d(own ? signed_notional(v) : 0, 8), (long long)(own ? v->acct.pos_t : 0));
  if (v2) {
    bool iso = own && v->acct.isolated;
    vs_buf_f(r->out, "\"marginType\":\"%s\",\"isAutoAddMargin\":\"false\",\"leverage\":\"%d\",\"maxNotionalValue\":\"%s\"}",
             iso ? "isolated" : "cross", own ? v->acct.leverage : 20,
             vs_dtrim(vs_acct_max_notional(own ? v->acct.leverage : 20)));
  } else {
    vs_buf_f(r->out,
             "\"marginAsset\":\"USDT\",\"initialMargin\":\"%s\",\"maintMargin\":\"%s\",\"positionInitialMargin\":\"%s\","
             "\"openOrderInitialMargin\":\"%s\",\"adl\":1,\"bidNotional\":\"%s\",\"askNotional\":\"%s\"}",
             vs_d(s.init, 8), vs_d(s.maint, 8), vs_d(s.init_pos, 8), vs_d(s.init_orders, 8),
             vs_dtrim(vs_acct_open_notional(v, VS_BUY)), vs_dtrim(vs_acct_open_notional(v, VS_SELL)));
  }
}

static int positions(vs_req *r, bool v2) {
  const vs_symbol *sym;
  const vs_venue *v = r->v;
  if (vs_param_symbol(r, false, &sym) != 0) {
    return -1;
  }
  bool first = true;
  vs_buf_c(r->out, '[');
  for (int k = 0; k < vs_symbol_cnt; k++) {
    bool live = &vs_symbols[k] == v->sym && (v->acct.pos_qty != 0 || v->open_cnt > 0);
    if ((sym == NULL || sym == &vs_symbols[k]) && (v2 || live)) {
      vs_buf_s(r->out, first ? "" : ",");
      position_row(r, &vs_symbols[k], v2);
      first = false;
    }
  }
  vs_buf_c(r->out, ']');
  return 0;
}

int vs_h_positions(vs_req *r) {
  return positions(r, false);
}

int vs_h_positions_v2(vs_req *r) {
  return positions(r, true);
}

int vs_h_account_config(vs_req *r) {
  vs_buf_f(r->out,
           "{\"feeTier\":0,\"canTrade\":true,\"canDeposit\":true,\"canWithdraw\":true,\"dualSidePosition\":%s,\"updateTime\":0,"
           "\"multiAssetsMargin\":%s,\"tradeGroupId\":-1}",
           r->v->hedge ? "true" : "false", r->v->acct.multi_assets ? "true" : "false");
  return 0;
}

/* One row per asked symbol, always a list. */
static int list_symbols(vs_req *r, void (*row)(vs_req *, const vs_symbol *)) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, false, &sym) != 0) {
    return -1;
  }
  bool first = true;
  vs_buf_c(r->out, '[');
  for (int k = 0; k < vs_symbol_cnt; k++) {
    if (sym == NULL || sym == &vs_symbols[k]) {
      vs_buf_s(r->out, first ? "" : ",");
      row(r, &vs_symbols[k]);
      first = false;
    }
  }
  vs_buf_c(r->out, ']');
  return 0;
}

static void symbol_config_row(vs_req *r, const vs_symbol *sym) {
  bool own = sym == r->v->sym;
  int leverage = own ? r->v->acct.leverage : 20;
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"marginType\":\"%s\",\"isAutoAddMargin\":false,\"leverage\":%d,\"maxNotionalValue\":\"%s\"}",
           sym->name, own && r->v->acct.isolated ? "ISOLATED" : "CROSSED", leverage, vs_dtrim(vs_acct_max_notional(leverage)));
}

int vs_h_symbol_config(vs_req *r) {
  return list_symbols(r, symbol_config_row);
}

static void bracket_row(vs_req *r, const vs_symbol *sym) {
  static const struct {
    int leverage, cap, floor;
    const char *ratio;
    const char *cum;
  } b[] = {{125, 300000, 0, "0.004", "0"},
           {100, 800000, 300000, "0.005", "300"},
           {75, 3000000, 800000, "0.0065", "1500"},
           {50, 12000000, 3000000, "0.01", "12000"},
           {25, 70000000, 12000000, "0.02", "132000"},
           {20, 100000000, 70000000, "0.025", "482000"},
           {10, 230000000, 100000000, "0.05", "2982000"}};
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"notionalCoef\":1.0,\"brackets\":[", sym->name);
  for (size_t k = 0; k < sizeof b / sizeof b[0]; k++) {
    vs_buf_f(
        r->out,
        "%s{\"bracket\":%zu,\"initialLeverage\":%d,\"notionalCap\":%d,\"notionalFloor\":%d,\"maintMarginRatio\":%s,\"cum\":%s}",
        k > 0 ? "," : "", k + 1, b[k].leverage, b[k].cap, b[k].floor, b[k].ratio, b[k].cum);
  }
  vs_buf_s(r->out, "]}");
}

int vs_h_brackets(vs_req *r) {
  return list_symbols(r, bracket_row);
}

int vs_h_commission_rate(vs_req *r) {
  const vs_symbol *sym;
  if (vs_param_symbol(r, true, &sym) != 0) {
    return -1;
  }
  vs_buf_f(r->out,
           "{\"symbol\":\"%s\",\"makerCommissionRate\":\"0.000200\",\"takerCommissionRate\":\"0.000500\",\"rpiCommissionRate\":"
           "\"0.000200\"}",
           sym->name);
  return 0;
}

int vs_h_income(vs_req *r) {
  static const char *const name[] = {"REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "TRANSFER"};
  const vs_venue *v = r->v;
  const vs_symbol *sym;
  const char *type = vs_param(r->in, "incomeType");
  int64_t start;
  int64_t end;
  int64_t limit;
  int64_t page;
  if (vs_param_symbol(r, false, &sym) != 0 || vs_param_i64(r, "startTime", 0, 0, INT64_MAX, &start) != 0 ||
      vs_param_i64(r, "endTime", INT64_MAX, 0, INT64_MAX, &end) != 0 || vs_param_i64(r, "limit", 100, 1, 1000, &limit) != 0 ||
      vs_param_i64(r, "page", 1, 1, 100000, &page) != 0) {
    return -1;
  }
  int64_t oldest = v->income_cnt > VS_INCOME_CNT ? v->income_cnt - VS_INCOME_CNT : 0;
  int64_t skip = (page - 1) * limit;
  int64_t sent = 0;
  vs_buf_c(r->out, '[');
  for (int64_t k = oldest; k < v->income_cnt && sent < limit; k++) {
    const vs_income *in = &v->income[k % VS_INCOME_CNT];
    if ((sym != NULL && sym != v->sym) || (type != NULL && strcmp(type, name[in->type]) != 0) || in->time < start ||
        in->time > end || skip-- > 0) {
      continue;
    }
    vs_buf_f(r->out,
             "%s{\"symbol\":\"%s\",\"incomeType\":\"%s\",\"income\":\"%s\",\"asset\":\"USDT\",\"info\":\"\",\"time\":%lld,"
             "\"tranId\":%lld,"
             "\"tradeId\":\"%lld\"}",
             sent++ > 0 ? "," : "", v->sym->name, name[in->type], vs_d(in->amount, 8), (long long)in->time, (long long)in->id,
             (long long)in->trade_id);
  }
  vs_buf_c(r->out, ']');
  return 0;
}

/* ---- settings ---- */

int vs_h_dual_get(vs_req *r) {
  vs_buf_f(r->out, "{\"dualSidePosition\":%s}", r->v->hedge ? "true" : "false");
  return 0;
}

static int flag_needed(vs_req *r, const char *name, bool *out) {
  const char *unused;
  return vs_param_need(r, name, &unused) != 0 ? -1 : vs_param_bool(r, name, false, out);
}

int vs_h_dual_set(vs_req *r) {
  bool on;
  if (flag_needed(r, "dualSidePosition", &on) != 0) {
    return -1;
  }
  if (on == r->v->hedge) {
    return vs_refuse(&r->rej, 400, -4059, "No need to change position side.");
  }
  return vs_refuse(&r->rej, 400, -1020, "This operation is not supported (venuesim has one-way mode only).");
}

int vs_h_multi_get(vs_req *r) {
  vs_buf_f(r->out, "{\"multiAssetsMargin\":%s}", r->v->acct.multi_assets ? "true" : "false");
  return 0;
}

int vs_h_multi_set(vs_req *r) {
  bool on;
  if (flag_needed(r, "multiAssetsMargin", &on) != 0) {
    return -1;
  }
  if (on == r->v->acct.multi_assets) {
    return vs_refuse(&r->rej, 400, -4171, "No need to change multi-assets mode.");
  }
  r->v->acct.multi_assets = on;
  vs_user_config(r->v, true);
  vs_buf_s(r->out, "{\"code\":200,\"msg\":\"success\"}");
  return 0;
}

int vs_h_leverage(vs_req *r) {
  const vs_symbol *sym;
  const char *unused;
  int64_t n;
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_need(r, "leverage", &unused) != 0 ||
      vs_param_i64(r, "leverage", 0, INT64_MIN, INT64_MAX, &n) != 0) {
    return -1;
  }
  if (n < 1 || n > 125) {
    return vs_refuse(&r->rej, 400, -4028, "Leverage %lld is not valid.", (long long)n);
  }
  vs_account *a = &r->v->acct;
  if (sym == r->v->sym) {
    int was = a->leverage;
    a->leverage = (int)n;
    if ((int)n < was && vs_acct_margin(r->v, -1, 0) > a->wallet + vs_acct_upnl(r->v)) {
      a->leverage = was;
      return vs_refuse(&r->rej, 400, -2019, "Margin is insufficient.");
    }
    if (was != a->leverage) {
      vs_user_config(r->v, false);
    }
  }
  vs_buf_f(r->out, "{\"leverage\":%lld,\"maxNotionalValue\":\"%s\",\"symbol\":\"%s\"}", (long long)n,
           vs_dtrim(vs_acct_max_notional((int)n)), sym->name);
  return 0;
}

int vs_h_margin_type(vs_req *r) {
  static const char *const name[] = {"CROSSED", "ISOLATED"};
  const vs_symbol *sym;
  const char *text;
  if (vs_param_symbol(r, true, &sym) != 0 || vs_param_need(r, "marginType", &text) != 0) {
    return -1;
  }
  int want = vs_name_idx(name, 2, text);
  if (want < 0) {
    return vs_refuse(&r->rej, 400, -1130, "Data sent for parameter 'marginType' is not valid.");
  }
  if (want == 0) {
    return vs_refuse(&r->rej, 400, -4046, "No need to change margin type.");
  }
  if (r->v->open_cnt > 0) {
    return vs_refuse(&r->rej, 400, -4047, "Margin type cannot be changed if there exists open orders.");
  }
  if (r->v->acct.pos_qty != 0) {
    return vs_refuse(&r->rej, 400, -4048, "Margin type cannot be changed if there exists position.");
  }
  return vs_refuse(&r->rej, 400, -1020, "This operation is not supported (venuesim has cross margin only).");
}

static void adl_row(vs_req *r, const vs_symbol *sym) {
  vs_buf_f(r->out, "{\"symbol\":\"%s\",\"adlQuantile\":{\"LONG\":0,\"SHORT\":0,\"BOTH\":1}}", sym->name);
}

int vs_h_adl(vs_req *r) {
  return list_symbols(r, adl_row);
}

int vs_h_empty_list(vs_req *r) {
  vs_buf_s(r->out, "[]");
  return 0;
}
